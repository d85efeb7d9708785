package calendar

import (
	"encoding/json"
	"slices"
	"testing"
	"time"

	"polis/shared/fault"
)

func TestWhatIsWrittenOfADateCanBeRead(t *testing.T) {
	for _, year := range []int{-1, 1, 1799, 1800, 1985, 2026, 2200, 2201, 9999, 10000} {
		d := On(year, time.December, 31)
		raw, err := json.Marshal(d)
		if written, sensible := err == nil, year >= 1800 && year <= 2200; written != sensible {
			t.Errorf("the year %d is written as %s, %v", year, raw, err)
		}
		if err != nil {
			continue
		}
		var read Date
		if err := json.Unmarshal(raw, &read); err != nil || read != d {
			t.Errorf("%s is read as %v, %v", raw, read, err)
		}
	}
	if raw, err := json.Marshal(Date{}); err != nil || string(raw) != `""` {
		t.Errorf("no date is written as %s, %v", raw, err)
	}
}

func TestWhatIsNoDateIsToldWhy(t *testing.T) {
	for text, code := range map[string]string{
		"1800-01-01": "", "2200-12-31": "", "1799-12-31": "date_too_early", "0001-01-01": "date_too_early",
		"2201-01-01": "date_too_late", "9999-12-31": "date_too_late", "10000-01-01": "date_wrong", "2026-02-29": "date_wrong", "31.12.2026": "date_wrong", "": "date_wrong",
	} {
		got := ""
		if _, err := ParseDate(text); err != nil {
			got = fault.From(err).Fields[0].Code
		}
		if got != code {
			t.Errorf("%q: %q instead of %q", text, got, code)
		}
	}
	for text, want := range map[string]string{"31.05.2028": "2028-05-31", "2028-05-31": "2028-05-31", "31.12.9999": ""} {
		if d, err := ReadDate(text, "02.01.2006", time.DateOnly); d.String() != want || (err == nil) != (want != "") {
			t.Errorf("%q is read as %s, %v", text, d, err)
		}
	}
}

func TestADateTooFarAheadStandsForNoEnd(t *testing.T) {
	today := On(2026, time.March, 10)
	if wrong := CheckForeseen("until", On(2076, time.March, 10), today); wrong != nil {
		t.Errorf("%+v", wrong)
	}
	if wrong := CheckForeseen("until", On(2076, time.March, 11), today); len(wrong) != 1 || wrong[0].Field != "until" || wrong[0].Code != "date_too_late" {
		t.Errorf("%+v", wrong)
	}
}

func TestDatesAreOrderedByTime(t *testing.T) {
	want := []Date{{}, On(999, time.March, 1), On(1985, time.December, 31), On(2026, time.January, 2), On(2026, time.January, 10), On(10000, time.January, 1)}
	got := slices.Clone(want)
	slices.Reverse(got)
	if slices.SortFunc(got, Date.Compare); !slices.Equal(got, want) {
		t.Errorf("%v", got)
	}
	for i, a := range want {
		for j, b := range want {
			if a.Before(b) != (i < j) || a.After(b) != (i > j) {
				t.Errorf("%v and %v", a, b)
			}
		}
	}
}
