package platform

import (
	"crypto/rand"
	"encoding/base64"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
)

// secrets are the values an operator would create with faas-cli, by name.
type secrets map[string]string

// The secrets that an instance makes for itself and keeps.
var secretMakers = map[string]func() string{
	"polis-master-key": randomKey,
	"polis-index-key":  randomKey,
	"polis-call-key":   randomKey,
	"redis-password":   rand.Text,
	"s3-access-key":    rand.Text,
	"s3-secret-key":    rand.Text,
}

func randomKey() string {
	key := make([]byte, 32)
	rand.Read(key) // never fails
	return base64.StdEncoding.EncodeToString(key)
}

// openSecrets reads the secrets kept in the folder and makes those that are
// missing.
func openSecrets(dir string) (secrets, error) {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, err
	}
	s := secrets{}
	for name, make := range secretMakers {
		file := filepath.Join(dir, name)
		value, err := os.ReadFile(file)
		if errors.Is(err, fs.ErrNotExist) {
			value = []byte(make())
			err = replaceFile(file, value)
		}
		if err != nil {
			return nil, err
		}
		s[name] = strings.TrimSpace(string(value))
	}
	return s, nil
}

// mount fills the folder of one function with the secrets that its stack entry
// names and with no other, as the platform would.
func (s secrets) mount(dir string, names []string) error {
	if err := os.RemoveAll(dir); err != nil {
		return err
	}
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return err
	}
	for _, name := range names {
		value, ok := s[name]
		if !ok {
			return fmt.Errorf("secret %q is not one that local knows how to make", name)
		}
		if err := os.WriteFile(filepath.Join(dir, name), []byte(value), 0o400); err != nil {
			return err
		}
	}
	return nil
}
