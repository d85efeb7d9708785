// Package files replaces a file in one step.
package files

import (
	"os"
	"path/filepath"
)

// Replace writes so that a reader sees the old content or the new.
func Replace(name string, content []byte) error {
	next := filepath.Join(filepath.Dir(name), "."+filepath.Base(name)+".new")
	if err := os.WriteFile(next, content, 0o600); err != nil {
		return err
	}
	return os.Rename(next, name)
}
