// Package lawclock is the time that decides terms, ages and dates, which all
// processes of an instance share and an operator can move.
package lawclock

import (
	"errors"
	"io/fs"
	"math"
	"os"
	"strings"
	"time"

	"polis/local/files"
	"polis/local/personas"
	"polis/shared/calendar"
)

// File is that by which all processes of an instance agree on the time
// that decides terms, ages and dates: the distance from the machine's clock.
// The clock goes on ticking; a file that is not there means no distance.
type File string

// Now reads the file each time, so that a jump holds everywhere as soon as Set
// has returned.
func (c File) Now() time.Time {
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
func (c File) String() string {
	return c.Now().In(calendar.Zone(personas.Region)).Format(time.RFC3339)
}

// ErrTooFar is a time that no distance can express.
var ErrTooFar = errors.New("the law clock goes no further than 292 years from the machine's clock")

// Set moves the clock for every process.
func (c File) Set(now time.Time) error {
	distance := now.Sub(time.Now())
	if distance == math.MaxInt64 || distance == math.MinInt64 { // Sub goes no further
		return ErrTooFar
	}
	return files.Replace(string(c), []byte(distance.String()))
}
