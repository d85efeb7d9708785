// Package clock separates the two clocks of the service.
//
// The law clock decides terms, ages, waits and dates; it is an argument of
// every rule and can be moved on a test installation. The machine clock serves
// tokens, leases, time-to-live and signatures, and is never moved.
package clock

import "time"

// Clock tells the time. It must be safe for use by many goroutines.
type Clock func() time.Time

// System is the machine's own clock.
func System() time.Time { return time.Now() }

// Law is the law clock of a real installation: the machine's time in whole
// seconds, since no term of the law is finer.
func Law() time.Time { return time.Now().Truncate(time.Second) }
