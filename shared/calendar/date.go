// Package calendar holds civil dates, the time zones of the regions and the
// working days of Russia, by which the terms of the law are counted.
package calendar

import (
	"cmp"
	"encoding/json"
	"fmt"
	"reflect"
	"strconv"
	"time"

	"polis/shared/fault"
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

// lastYear is of the latest date that can be read: that of 9999-12-31, which others
// write for "no end".
const lastYear = 9999

// ParseDate reads an ISO date (2006-01-02).
func ParseDate(s string) (Date, error) { return ReadDate(s, time.DateOnly) }

// ReadDate reads a date in the first of the layouts of package time that fits. What
// fits none is the fault of a field "date".
func ReadDate(s string, layouts ...string) (Date, error) {
	for _, layout := range layouts {
		if t, err := time.Parse(layout, s); err == nil && t.Year() > 0 {
			return DateOf(t), nil
		}
	}
	like := On(2028, time.May, 31).Start(time.UTC).Format(layouts[0])
	return Date{}, fault.WrongField("date", DateWrong, "Это не дата вида "+like+".", "This is not a date like "+like+".")
}

// DateWrong is the code of what is no date at all.
const DateWrong = "date_wrong"

// foreseen is for how many years ahead anything is known.
const foreseen = 50

// CheckForeseen names a date so far ahead of today that it stands for "no end": the
// day behind it, from which something else holds, may be none that can be written.
func CheckForeseen(field string, d, today Date) []fault.Field {
	if !d.After(today.AddYears(foreseen)) {
		return nil
	}
	return []fault.Field{{Field: field, Code: "date_too_late", Detail: fault.Text{
		RU: "Слишком далёкая дата. Проверьте год.", EN: "The date is too far ahead. Check the year."}}}
}

// IsZero reports "no date".
func (d Date) IsZero() bool { return d == Date{} }

// Forever reports a date of the last year that can be written: it stands for "no
// end", and there is no day behind it to tell of.
func (d Date) Forever() bool { return d.Year == lastYear }

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

// Compare, Before and After order two dates; "no date" comes before every other.
func (d Date) Compare(o Date) int {
	return cmp.Or(cmp.Compare(d.Year, o.Year), cmp.Compare(d.Month, o.Month), cmp.Compare(d.Day, o.Day))
}
func (d Date) Before(o Date) bool { return d.Compare(o) < 0 }
func (d Date) After(o Date) bool  { return d.Compare(o) > 0 }

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

// MarshalText writes nothing that UnmarshalText does not read: a record with such a
// date could never be read again.
func (d Date) MarshalText() ([]byte, error) {
	if !d.IsZero() && (d.Year < 1 || d.Year > lastYear) {
		return nil, fmt.Errorf("a date of the year %d is not written", d.Year)
	}
	return []byte(d.String()), nil
}

// UnmarshalText refuses a text with the error to which the JSON library adds the
// field that it stood in, and with the text itself, quoted.
func (d *Date) UnmarshalText(text []byte) error {
	if len(text) == 0 {
		*d = Date{}
		return nil
	}
	parsed, err := ParseDate(string(text))
	if err != nil {
		return &json.UnmarshalTypeError{Value: strconv.Quote(string(text)), Type: reflect.TypeFor[Date]()}
	}
	*d = parsed
	return nil
}
