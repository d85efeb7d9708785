package calendar

import (
	"encoding/json"
	"slices"
	"testing"
	"time"

	"polis/shared/fault"
)

func TestWhatIsWrittenOfADateCanBeRead(t *testing.T) {
	for _, year := range []int{-1, 0, 1, 1985, 2026, 9999, 10000} {
		d := On(year, time.December, 31)
		raw, err := json.Marshal(d)
		if written, fits := err == nil, year >= 1 && year <= 9999; written != fits {
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

func TestADateIsReadInTheFirstLayoutThatFits(t *testing.T) {
	for text, want := range map[string]string{
		"31.05.2028": "2028-05-31", "2028-05-31": "2028-05-31", "31.12.9999": "9999-12-31",
		"0000-12-31": "", "10000-01-01": "", "2026-02-29": "", "": "",
	} {
		d, err := ReadDate(text, "02.01.2006", time.DateOnly)
		if d.String() != want || (err == nil) != (want != "") || err != nil && fault.From(err).Fields[0].Code != DateWrong {
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
