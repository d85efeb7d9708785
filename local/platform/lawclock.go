package platform

import (
	"errors"
	"io/fs"
	"math"
	"os"
	"path/filepath"
	"strings"
	"time"

	"polis/local/personas"
	"polis/shared/calendar"
)

// LawClock is the file by which all processes of an instance agree on the time
// that decides terms, ages and dates: the distance from the machine's clock.
// The clock goes on ticking; a file that is not there means no distance.
type LawClock string

// Now reads the file each time, so that a jump holds everywhere as soon as Set
// has returned.
func (c LawClock) Now() time.Time {
	now := time.Now()
	ahead, err := os.ReadFile(string(c))
	if errors.Is(err, fs.ErrNotExist) {
		return now.Truncate(time.Second)
	}
	var distance time.Duration
	if err == nil {
		distance, err = time.ParseDuration(strings.TrimSpace(string(ahead)))
	}
	if err != nil {
		// A date that decides a term must not be made up.
		panic("law clock: " + err.Error())
	}
	// Without the monotonic reading, which knows nothing of the jump.
	return now.Round(0).Add(distance).Truncate(time.Second)
}

// String is the time as people of the test region read it.
func (c LawClock) String() string {
	zone, ok := calendar.Zone(personas.Region)
	if !ok {
		zone = time.UTC
	}
	return c.Now().In(zone).Format(time.RFC3339)
}

var errTooFar = errors.New("the law clock goes no further than 292 years from the machine's clock")

// Set moves the clock for every process.
func (c LawClock) Set(now time.Time) error {
	distance := now.Sub(time.Now())
	if distance == math.MaxInt64 || distance == math.MinInt64 { // Sub goes no further
		return errTooFar
	}
	return replaceFile(string(c), []byte(distance.String()))
}

// replaceFile writes so that a reader sees the old content or the new.
func replaceFile(name string, content []byte) error {
	next := filepath.Join(filepath.Dir(name), "."+filepath.Base(name)+".new")
	if err := os.WriteFile(next, content, 0o600); err != nil {
		return err
	}
	return os.Rename(next, name)
}
