// Package config reads settings and secrets once, at start, and reports every
// fault of them together.
package config

import (
	"bytes"
	"encoding/base64"
	"errors"
	"fmt"
	"net/url"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"polis/shared/clock"
)

// secretDir is where the platform mounts secrets, a file each.
const secretDir = "/var/openfaas/secrets"

// Env is what a function is made from: settings, secrets and the law clock.
// Its readers note what is missing or wrong and return a zero value; Err tells
// all of it at once.
type Env struct {
	Law     clock.Clock // decides terms, ages, waits and dates
	setting func(name string) (string, bool)
	secret  func(name string) ([]byte, error)
	faults  []error
}

// FromOS reads environment variables and the files of the mounted secrets. The
// setting secret_dir moves the secrets' folder.
func FromOS() *Env {
	e := &Env{Law: clock.Law, setting: os.LookupEnv}
	dir := e.String("secret_dir", secretDir)
	e.secret = func(name string) ([]byte, error) { return os.ReadFile(filepath.Join(dir, name)) }
	return e
}

// FromMap serves tests: settings and secrets given by hand.
func FromMap(settings, secrets map[string]string) *Env {
	return &Env{
		Law:     clock.Law,
		setting: func(name string) (string, bool) { v, ok := settings[name]; return v, ok },
		secret: func(name string) ([]byte, error) {
			if v, ok := secrets[name]; ok {
				return []byte(v), nil
			}
			return nil, os.ErrNotExist
		},
	}
}

// Fault notes a wrong setting or secret by its name.
func (e *Env) Fault(name string, format string, args ...any) {
	e.faults = append(e.faults, fmt.Errorf("%s: %s", name, fmt.Sprintf(format, args...)))
}

// Err is every fault noted so far, or nil.
func (e *Env) Err() error { return errors.Join(e.faults...) }

func (e *Env) lookup(name string) (string, bool) {
	v, ok := e.setting(name)
	v = strings.TrimSpace(v)
	return v, ok && v != ""
}

// String is an optional setting.
func (e *Env) String(name, fallback string) string {
	if v, ok := e.lookup(name); ok {
		return v
	}
	return fallback
}

// Required is a setting without a default.
func (e *Env) Required(name string) string {
	v, ok := e.lookup(name)
	if !ok {
		e.Fault(name, "setting is missing")
	}
	return v
}

// Int is a whole number between min and max.
func (e *Env) Int(name string, fallback, min, max int) int {
	v, ok := e.lookup(name)
	if !ok {
		return fallback
	}
	n, err := strconv.Atoi(v)
	if err != nil || n < min || n > max {
		e.Fault(name, "%q is not a whole number between %d and %d", v, min, max)
		return fallback
	}
	return n
}

// Duration is a positive Go duration such as 10s or 5m.
func (e *Env) Duration(name string, fallback time.Duration) time.Duration {
	v, ok := e.lookup(name)
	if !ok {
		return fallback
	}
	d, err := time.ParseDuration(v)
	if err != nil || d <= 0 {
		e.Fault(name, "%q is not a positive duration like 10s or 5m", v)
		return fallback
	}
	return d
}

// URL is a required absolute http or https address, without a trailing slash.
func (e *Env) URL(name string) string {
	v := e.Required(name)
	if v == "" {
		return ""
	}
	u, err := url.Parse(v)
	if err != nil || (u.Scheme != "http" && u.Scheme != "https") || u.Host == "" {
		e.Fault(name, "%q is not an http address", v)
		return ""
	}
	return strings.TrimRight(v, "/")
}

// Secret is a required secret, without the white space around it.
func (e *Env) Secret(name string) string {
	b, err := e.secret(name)
	b = bytes.TrimSpace(b)
	switch {
	case err != nil && !errors.Is(err, os.ErrNotExist):
		e.Fault(name, "secret cannot be read: %v", err)
	case err != nil || len(b) == 0:
		e.Fault(name, "secret is missing")
	}
	return string(b)
}

// Key is a required secret of exactly 32 bytes, base64.
func (e *Env) Key(name string) [32]byte {
	var key [32]byte
	text := e.Secret(name)
	if text == "" {
		return key
	}
	b, err := base64.StdEncoding.DecodeString(text)
	if err != nil || len(b) != len(key) {
		e.Fault(name, "secret is not 32 bytes in base64")
		return key
	}
	copy(key[:], b)
	return key
}
