// Package calendar holds civil dates, the time zones of the regions and the
// working days of Russia, by which the terms of the law are counted.
package calendar

import (
	"fmt"
	"time"
)

// Date is a civil date without a time zone. The zero value means "no date" and
// is "" in JSON. Dates compare with ==.
type Date struct {
	Year  int
	Month time.Month
	Day   int
}

// On makes a date; out-of-range days normalise as in package time.
func On(year int, month time.Month, day int) Date {
	return DateOf(time.Date(year, month, day, 0, 0, 0, 0, time.UTC))
}

// DateOf is the civil date of t in t's own location.
func DateOf(t time.Time) Date {
	y, m, d := t.Date()
	return Date{y, m, d}
}

// ParseDate reads an ISO date (2006-01-02).
func ParseDate(s string) (Date, error) {
	t, err := time.Parse(time.DateOnly, s)
	if err != nil {
		return Date{}, fmt.Errorf("%q is not a date like 2006-01-02", s)
	}
	return DateOf(t), nil
}

// IsZero reports "no date".
func (d Date) IsZero() bool { return d == Date{} }

// String is the ISO form, "" for no date.
func (d Date) String() string {
	if d.IsZero() {
		return ""
	}
	return fmt.Sprintf("%04d-%02d-%02d", d.Year, d.Month, d.Day)
}

// Russian is the form printed for people: 02.01.2006.
func (d Date) Russian() string {
	if d.IsZero() {
		return ""
	}
	return fmt.Sprintf("%02d.%02d.%04d", d.Day, d.Month, d.Year)
}

// Start is the first moment of the date in loc.
func (d Date) Start(loc *time.Location) time.Time {
	return time.Date(d.Year, d.Month, d.Day, 0, 0, 0, 0, loc)
}

// AddDays moves by whole days, AddYears by whole years (29 February becomes
// 1 March in a common year).
func (d Date) AddDays(n int) Date  { return On(d.Year, d.Month, d.Day+n) }
func (d Date) AddYears(n int) Date { return On(d.Year+n, d.Month, d.Day) }

// Weekday of the date.
func (d Date) Weekday() time.Weekday { return d.Start(time.UTC).Weekday() }

// Before and After order two dates.
func (d Date) Before(o Date) bool { return d.Start(time.UTC).Before(o.Start(time.UTC)) }
func (d Date) After(o Date) bool  { return o.Before(d) }

// Age is the number of full years on the given date, for someone born on d.
// A full year is reached on the birthday itself; for 29 February, on 1 March
// of a common year.
func (d Date) Age(on Date) int {
	years := on.Year - d.Year
	if on.Before(d.AddYears(years)) {
		years--
	}
	return years
}

func (d Date) MarshalText() ([]byte, error) { return []byte(d.String()), nil }

func (d *Date) UnmarshalText(text []byte) error {
	if len(text) == 0 {
		*d = Date{}
		return nil
	}
	parsed, err := ParseDate(string(text))
	if err != nil {
		return err
	}
	*d = parsed
	return nil
}
