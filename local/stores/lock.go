package stores

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"syscall"
	"time"
)

// Lock takes the folder for this process, waiting until ctx ends for another
// one to let go. The lock lasts until the file is closed in every process that
// inherited it, so a store that outlives its supervisor still holds its data.
func Lock(ctx context.Context, dir string) (*os.File, error) {
	file, err := os.OpenFile(filepath.Join(dir, "lock"), os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return nil, err
	}
	for {
		err = syscall.Flock(int(file.Fd()), syscall.LOCK_EX|syscall.LOCK_NB)
		if err == nil {
			return file, nil
		}
		select {
		case <-ctx.Done():
			file.Close()
			return nil, fmt.Errorf("%s is in use by another process: %w", dir, err)
		case <-time.After(20 * time.Millisecond):
		}
	}
}

// takeOver locks a store's folder, giving a killed instance the time to let go
// of it.
func takeOver(ctx context.Context, dir string) (*os.File, error) {
	ctx, cancel := context.WithTimeout(ctx, 10*time.Second)
	defer cancel()
	return Lock(ctx, dir)
}
