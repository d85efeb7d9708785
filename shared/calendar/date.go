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

// The years of the dates that are read and written. Nobody here was born before;
// what stands for "no end" elsewhere, like 9999-12-31, comes after, and the day
// behind it could be written and never read again.
const (
	firstYear = 1800
	lastYear  = 2200
)

func inYears(year int) bool { return firstYear <= year && year <= lastYear }

// ParseDate reads an ISO date (2006-01-02).
func ParseDate(s string) (Date, error) { return ReadDate(s, time.DateOnly) }

// ReadDate reads a date in the first of the layouts of package time that fits. What
// is wrong with it is the fault of a field "date".
func ReadDate(s string, layouts ...string) (Date, error) {
	for _, layout := range layouts {
		t, err := time.Parse(layout, s)
		if err != nil {
			continue
		}
		switch day := DateOf(t); {
		case inYears(day.Year):
			return day, nil
		case day.Year > lastYear:
			return Date{}, fault.Wrong(tooLate("date"))
		default:
			return Date{}, fault.WrongField("date", "date_too_early",
				"Слишком давняя дата. Проверьте год.", "The date is too long ago. Check the year.")
		}
	}
	like := On(2028, time.May, 31).Start(time.UTC).Format(layouts[0])
	return Date{}, fault.WrongField("date", DateWrong, "Это не дата вида "+like+".", "This is not a date like "+like+".")
}

// DateWrong is the code of what is no date at all.
const DateWrong = "date_wrong"

func tooLate(field string) fault.Field {
	return fault.Field{Field: field, Code: "date_too_late", Detail: fault.Text{
		RU: "Слишком далёкая дата. Если конец срока не известен, не указывайте её.",
		EN: "The date is too far ahead. Where the end of a term is not known, leave it out."}}
}

// foreseen is for how many years ahead anything is known.
const foreseen = 50

// CheckForeseen names a date so far ahead of today that it stands for "no end".
func CheckForeseen(field string, d, today Date) []fault.Field {
	if d.After(today.AddYears(foreseen)) {
		return []fault.Field{tooLate(field)}
	}
	return nil
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
	if !d.IsZero() && !inYears(d.Year) {
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
