package calendar

import (
	"fmt"
	"testing"
	"time"
)

func TestEveryRegionHasAZoneAndAnyOtherGoesByMoscow(t *testing.T) {
	for n := 1; n <= 86; n++ {
		if zones[fmt.Sprintf("%02d", n)] == nil {
			t.Errorf("region %02d has no zone", n)
		}
	}
	if len(zones) != 86 {
		t.Errorf("%d zones", len(zones))
	}
	for _, code := range []string{"", "0", "1", "00", "87", "99", "777"} {
		if got := Zone(code).String(); got != "Europe/Moscow" {
			t.Errorf("%q goes by %s", code, got)
		}
	}
}

func TestZonesRunFromKaliningradToKamchatka(t *testing.T) {
	at := time.Date(2026, time.July, 1, 0, 0, 0, 0, time.UTC)
	for region, hours := range map[string]int{
		"39": 2, "77": 3, "26": 3, "34": 3, "43": 3, "85": 3, "86": 3, "63": 4, "18": 4, "30": 4, "64": 4, "73": 4,
		"66": 5, "02": 5, "84": 5, "55": 6, "54": 7, "70": 7, "22": 7, "42": 7, "17": 7, "38": 8, "03": 8,
		"14": 9, "28": 9, "75": 9, "25": 10, "27": 10, "79": 10, "49": 11, "65": 11, "41": 12, "82": 12,
	} {
		if _, offset := at.In(Zone(region)).Zone(); offset != hours*3600 {
			t.Errorf("region %s is at UTC%+d, want UTC%+d", region, offset/3600, hours)
		}
	}
}

func TestDateOfTheLawIsTheDateInTheRegionOfInsurance(t *testing.T) {
	kaliningrad, kamchatka := Zone("39"), Zone("41")
	for _, c := range []struct {
		rule   string
		now    time.Time
		region string
		want   string
	}{
		{"23:59 on 1 November in Kaliningrad is still in time there",
			time.Date(2026, time.November, 1, 23, 59, 0, 0, kaliningrad), "39", "2026-11-01"},
		{"the same moment is 2 November in Kamchatka",
			time.Date(2026, time.November, 1, 23, 59, 0, 0, kaliningrad), "41", "2026-11-02"},
		{"23:59 on 1 November in Kamchatka is 1 November in Kaliningrad",
			time.Date(2026, time.November, 1, 23, 59, 0, 0, kamchatka), "39", "2026-11-01"},
		{"and a minute later Kamchatka has the next date",
			time.Date(2026, time.November, 2, 0, 0, 0, 0, kamchatka), "41", "2026-11-02"},
		{"an unknown region goes by Moscow",
			time.Date(2026, time.November, 1, 21, 0, 0, 0, time.UTC), "", "2026-11-02"},
	} {
		t.Run(c.rule, func(t *testing.T) {
			if got := Today(c.now, c.region); got.String() != c.want {
				t.Errorf("got %s, want %s", got, c.want)
			}
		})
	}
}

func TestADateIsThatOfAnotherDaySomewhere(t *testing.T) {
	for hour, want := range map[int]string{11: "2026-03-10 2026-03-10", 12: "2026-03-10 2026-03-11", 21: "2026-03-10 2026-03-11", 22: "2026-03-11 2026-03-11"} {
		first, last := Span(time.Date(2026, time.March, 10, hour, 0, 0, 0, time.UTC))
		if got := first.String() + " " + last.String(); got != want {
			t.Errorf("at %d: %s", hour, got)
		}
	}
	now := time.Date(2026, time.March, 10, 15, 0, 0, 0, time.UTC)
	first, last := Span(now)
	for region := range zones {
		if day := Today(now, region); day.Before(first) || day.After(last) {
			t.Errorf("it is %s in %s", day, region)
		}
	}
}
