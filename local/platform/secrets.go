package platform

import (
	"crypto/rand"
	"encoding/base64"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"

	"polis/local/files"
)

// secrets are the values that an operator would create with faas-cli, kept as a
// file each. They are safe for concurrent use.
type secrets struct {
	dir    string
	mu     sync.Mutex
	values map[string]string
}

// The secrets that an instance makes for itself and keeps.
var secretMakers = map[string]func() string{
	"polis-master-key":     randomKey,
	"polis-index-key":      randomKey,
	"polis-call-key":       randomKey,
	"audit-key":            randomKey,
	"portal-session-key":   randomKey,
	"portal-client-secret": rand.Text,
	"redis-password":       rand.Text,
	"s3-access-key":        rand.Text,
	"s3-secret-key":        rand.Text,
	"sms-token":            rand.Text,
	"smtp-password":        rand.Text,
}

func randomKey() string {
	key := make([]byte, 32)
	rand.Read(key) // never fails
	return base64.StdEncoding.EncodeToString(key)
}

// openSecrets reads the secrets kept in the folder and makes those that are
// missing.
func openSecrets(dir string) (*secrets, error) {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, err
	}
	s := &secrets{dir: dir, values: map[string]string{}}
	files, err := os.ReadDir(dir)
	if err != nil {
		return nil, err
	}
	for _, file := range files {
		if strings.HasPrefix(file.Name(), ".") {
			continue // a kill came between writing it and its renaming
		}
		value, err := os.ReadFile(filepath.Join(dir, file.Name()))
		if err != nil {
			return nil, err
		}
		s.values[file.Name()] = string(value)
	}
	for name, make := range secretMakers {
		if _, ok := s.values[name]; ok {
			s.values[name] = strings.TrimSpace(s.values[name]) // may be written by hand
		} else if err := s.put(name, make()); err != nil {
			return nil, err
		}
	}
	return s, nil
}

func (s *secrets) get(name string) (string, bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	value, ok := s.values[name]
	return value, ok
}

// give replaces a value for the life of this instance.
func (s *secrets) give(name, value string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.values[name] = value
}

// put keeps a value.
func (s *secrets) put(name, value string) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if err := files.Replace(filepath.Join(s.dir, name), []byte(value)); err != nil {
		return err
	}
	s.values[name] = value
	return nil
}

func (s *secrets) remove(name string) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if err := os.Remove(filepath.Join(s.dir, name)); err != nil {
		return err
	}
	delete(s.values, name)
	return nil
}

// names in a settled order.
func (s *secrets) names() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Sorted(maps.Keys(s.values))
}

// mount fills the folder of one process with the secrets that its deployment
// names and with no other, as the platform would.
func (s *secrets) mount(dir string, names []string) error {
	if err := os.RemoveAll(dir); err != nil {
		return err
	}
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return err
	}
	for _, name := range names {
		value, ok := s.get(name)
		if !ok {
			return unknownSecret(name)
		}
		if err := os.WriteFile(filepath.Join(dir, name), []byte(value), 0o400); err != nil {
			return err
		}
	}
	return nil
}

func unknownSecret(name string) error {
	return fmt.Errorf("there is no secret %q: local makes those of the stack file, others come by /system/secrets", name)
}

// passwordFile is the password in a file, which is made if it is not there.
func passwordFile(file string) (string, error) {
	password, err := os.ReadFile(file)
	if errors.Is(err, fs.ErrNotExist) {
		password = []byte(rand.Text())
		err = files.Replace(file, password)
	}
	return strings.TrimSpace(string(password)), err
}
