package calendar

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"polis/shared/fault"
)

// Workdays is the production calendar: one entry per year, as the yearly
// decree of the government fixes it. A year without an entry is not guessed.
type Workdays map[int]Year

// Year holds what departs from the general rule, by which Saturdays, Sundays
// and the holidays of article 112 of the Labour Code are days off.
type Year struct {
	DaysOff     []Date // further days off, mostly moved from a weekend
	WorkingDays []Date // Saturdays and Sundays that are worked
}

// Default is the calendar that the service ships with: 2025 and 2026.
func Default() Workdays {
	return Workdays{
		2025: {
			DaysOff: []Date{
				On(2025, time.May, 2), On(2025, time.May, 8), On(2025, time.June, 13),
				On(2025, time.November, 3), On(2025, time.December, 31),
			},
			WorkingDays: []Date{On(2025, time.November, 1)},
		},
		2026: {
			DaysOff: []Date{
				On(2026, time.January, 9), On(2026, time.March, 9),
				On(2026, time.May, 11), On(2026, time.December, 31),
			},
		},
	}
}

// With is the calendar with further years, or others in the place of those it
// has, as a setting gives them: years divided by semicolons, each with the days
// that its decree makes off and those that it makes worked, as in
// "2027 off=01-11,05-10 on=02-20; 2028".
func (w Workdays) With(text string) (Workdays, error) {
	all := maps.Clone(w)
	for _, part := range strings.Split(text, ";") {
		words := strings.Fields(part)
		if len(words) == 0 {
			continue
		}
		first, err := ParseDate(words[0] + "-01-01")
		if err != nil {
			return nil, fmt.Errorf("%q is not a year", words[0])
		}
		var year Year
		for _, word := range words[1:] {
			kind, days, _ := strings.Cut(word, "=")
			for _, day := range strings.Split(days, ",") {
				d, err := ParseDate(words[0] + "-" + day)
				if err != nil {
					return nil, fmt.Errorf("%s: %q is not a day like 05-10", words[0], day)
				}
				switch kind {
				case "off":
					year.DaysOff = append(year.DaysOff, d)
				case "on":
					year.WorkingDays = append(year.WorkingDays, d)
				default:
					return nil, fmt.Errorf("%s: %q is neither off= nor on=", words[0], word)
				}
			}
		}
		all[first.Year] = year
	}
	return all, nil
}

// Working reports whether d is a working day. A year that the calendar lacks
// is the fault calendar_year_missing.
func (w Workdays) Working(d Date) (bool, error) {
	year, ok := w[d.Year]
	if !ok {
		return false, missing(d.Year)
	}
	switch {
	case slices.Contains(year.WorkingDays, d):
		return true, nil
	case holiday(d), slices.Contains(year.DaysOff, d):
		return false, nil
	}
	return d.Weekday() != time.Saturday && d.Weekday() != time.Sunday, nil
}

// AddWorkingDays is the n-th working day after d, not counting d itself; with
// a negative n, before it; with 0, d as it stands. Every year that the count
// passes through must be in the calendar.
func (w Workdays) AddWorkingDays(d Date, n int) (Date, error) {
	step := 1
	if n < 0 {
		step = -1
	}
	for n != 0 {
		d = d.AddDays(step)
		working, err := w.Working(d)
		if err != nil {
			return Date{}, err
		}
		if working {
			n -= step
		}
	}
	return d, nil
}

// EndOfTerm is the last second of a term of so many working days that begins now, by
// the clock of the region.
func (w Workdays) EndOfTerm(now time.Time, region string, days int) (time.Time, error) {
	last, err := w.AddWorkingDays(Today(now, region), days)
	if err != nil {
		return time.Time{}, err
	}
	return last.AddDays(1).Start(Zone(region)).Add(-time.Second), nil
}

// holiday tells the non-working holidays of article 112 of the Labour Code.
func holiday(d Date) bool {
	switch d.Month {
	case time.January:
		return d.Day <= 8
	case time.February:
		return d.Day == 23
	case time.March:
		return d.Day == 8
	case time.May:
		return d.Day == 1 || d.Day == 9
	case time.June:
		return d.Day == 12
	case time.November:
		return d.Day == 4
	}
	return false
}

// YearMissing is the code of the refusal of an application whose term cannot be
// counted.
const YearMissing = "calendar_year_missing"

func missing(year int) error {
	return fault.New(fault.Conflict, YearMissing,
		fmt.Sprintf("Заявление не принято: производственный календарь на %d год ещё не загружен, и срок ответа посчитать нельзя. Подайте заявление позже или позвоните в территориальный фонд.", year),
		fmt.Sprintf("The application was not taken: the calendar of working days for %d is not loaded yet, and the term of the answer cannot be counted. Apply later or call the regional fund.", year))
}
