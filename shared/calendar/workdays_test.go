package calendar

import (
	"errors"
	"strings"
	"testing"
	"time"

	"polis/shared/fault"
)

func date(t *testing.T, s string) Date {
	t.Helper()
	d, err := ParseDate(s)
	if err != nil {
		t.Fatal(err)
	}
	return d
}

func TestEachYearOfTheCalendarHas247WorkingDays(t *testing.T) {
	for year := range Default() {
		count := 0
		for d := On(year, time.January, 1); d.Year == year; d = d.AddDays(1) {
			working, err := Default().Working(d)
			if err != nil {
				t.Fatal(err)
			}
			if working {
				count++
			}
		}
		if count != 247 {
			t.Errorf("%d has %d working days, want 247", year, count)
		}
	}
}

func TestWorkingDaysFollowTheLawAndTheDecree(t *testing.T) {
	for _, c := range []struct {
		rule, day string
		working   bool
	}{
		{"a plain Monday is worked", "2026-02-02", true},
		{"a plain Saturday is not", "2026-02-07", false},
		{"a plain Sunday is not", "2026-02-08", false},
		{"a holiday on a weekday is not", "2026-06-12", false},
		{"8 January ends the New Year holidays", "2026-01-08", false},
		{"a weekend moved to a weekday by decree is a day off", "2026-01-09", false},
		{"12 January 2026 is the first working day of the year", "2026-01-12", true},
		{"a holiday on a Sunday moves to Monday", "2026-03-09", false},
		{"a Saturday worked by decree is worked", "2025-11-01", true},
		{"the Monday it was exchanged for is not", "2025-11-03", false},
		{"29 December 2025 is worked", "2025-12-29", true},
		{"31 December 2025 is off by decree", "2025-12-31", false},
	} {
		t.Run(c.rule, func(t *testing.T) {
			working, err := Default().Working(date(t, c.day))
			if err != nil || working != c.working {
				t.Errorf("%s: working %v, %v; want %v", c.day, working, err, c.working)
			}
		})
	}
}

func TestTermInWorkingDaysStartsOnTheDayAfter(t *testing.T) {
	for _, c := range []struct {
		from string
		n    int
		want string
	}{
		{"2025-04-30", 1, "2025-05-05"},
		{"2025-10-31", 1, "2025-11-01"},
		{"2025-12-30", 1, "2026-01-12"},
		{"2026-02-20", 1, "2026-02-24"},
		{"2026-04-30", 1, "2026-05-04"},
		{"2026-11-03", 1, "2026-11-05"},
		{"2026-11-20", 5, "2026-11-27"},
		{"2026-11-21", 0, "2026-11-21"},
		{"2026-11-27", -5, "2026-11-20"},
		{"2026-01-12", -1, "2025-12-30"},
	} {
		got, err := Default().AddWorkingDays(date(t, c.from), c.n)
		if err != nil || got.String() != c.want {
			t.Errorf("%s + %d = %v, %v; want %s", c.from, c.n, got, err, c.want)
		}
	}
}

func TestATermEndsWithItsLastWorkingDayByTheRegionsClock(t *testing.T) {
	now := time.Date(2026, time.March, 10, 15, 0, 0, 0, time.UTC) // Tuesday; Wednesday in Kamchatka
	for _, c := range []struct {
		region string
		days   int
		want   string
	}{
		{"26", 1, "2026-03-11T23:59:59+03:00"}, {"26", 3, "2026-03-13T23:59:59+03:00"}, {"26", 4, "2026-03-16T23:59:59+03:00"},
		{"41", 1, "2026-03-12T23:59:59+12:00"}, {"41", 3, "2026-03-16T23:59:59+12:00"}, {"", 1, "2026-03-11T23:59:59+03:00"},
	} {
		if got, err := Default().EndOfTerm(now, c.region, c.days); err != nil || got.Format(time.RFC3339) != c.want {
			t.Errorf("%d days in %q end at %s, %v", c.days, c.region, got, err)
		}
	}
	if got, err := Default().EndOfTerm(date(t, "2026-12-30").Start(time.UTC), "26", 2); err == nil {
		t.Errorf("a term in a year that is not known ends at %s", got)
	}
}

func TestYearThatTheCalendarLacksIsNamed(t *testing.T) {
	_, err := Default().AddWorkingDays(date(t, "2026-12-30"), 1)
	if !errors.Is(err, &fault.Error{Code: "calendar_year_missing"}) || !fault.HasKind(err, fault.Conflict) {
		t.Fatalf("got %v, want calendar_year_missing", err)
	}
	for _, text := range []string{fault.From(err).Detail.RU, fault.From(err).Detail.EN} {
		if !strings.Contains(text, "2027") {
			t.Errorf("%q does not name the year", text)
		}
	}
	if _, err := Default().Working(date(t, "2024-02-01")); err == nil {
		t.Error("2024 was guessed")
	}
}

func TestImportedYearExtendsTheCalendar(t *testing.T) {
	workdays := Default()
	workdays[2027] = Year{DaysOff: []Date{On(2027, time.January, 11)}}
	got, err := workdays.AddWorkingDays(date(t, "2026-12-30"), 1)
	if err != nil || got.String() != "2027-01-12" {
		t.Errorf("got %v, %v; want 2027-01-12", got, err)
	}
	if _, known := Default()[2027]; known {
		t.Error("the import changed the default calendar of others")
	}
}

func TestFurtherYearsComeBySetting(t *testing.T) {
	w, err := Default().With(" 2027 off=01-11,05-10 on=02-20 ; 2028;")
	if err != nil {
		t.Fatal(err)
	}
	for day, want := range map[string]bool{
		"2026-01-12": true, "2027-01-11": false, "2027-01-12": true, "2027-05-10": false, "2027-02-20": true, "2027-02-21": false,
		"2028-02-29": true, "2028-03-08": false,
	} {
		if got, err := w.Working(date(t, day)); err != nil || got != want {
			t.Errorf("%s: %v, %v", day, got, err)
		}
	}
	if _, known := Default()[2027]; known {
		t.Error("the default calendar has changed")
	}
	for _, wrong := range []string{"next", "2027 off=13-01", "2027 off=", "2027 free=01-11", "2027 01-11"} {
		if _, err := Default().With(wrong); err == nil {
			t.Errorf("%q is taken", wrong)
		}
	}
}
