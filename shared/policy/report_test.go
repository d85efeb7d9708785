package policy

import (
	"testing"
	"time"

	"polis/shared/calendar"
)

func TestChangedDataAreReportedWithinOneMonthOfKnowingThem(t *testing.T) {
	march := calendar.On(2026, time.March, 10)
	differs := Card{Warnings: []string{NameDiffers}}
	for _, tc := range []struct {
		rule   string
		card   Card
		before Card
		today  calendar.Date
		want   calendar.Date
	}{
		{"nothing differs", Card{}, Card{Warnings: differs.Warnings, DiffersSince: march}, march, calendar.Date{}},
		{"known today", differs, Card{}, march, calendar.On(2026, time.April, 10)},
		{"known before", differs, Card{Warnings: differs.Warnings, DiffersSince: march}, march.AddDays(9), calendar.On(2026, time.April, 10)},
		{"something else than before", differs, Card{Warnings: []string{DocumentDiffers}, DiffersSince: march}, march.AddDays(9), calendar.On(2026, time.April, 19)},
		{"a month without that day ends on its last", differs, Card{}, calendar.On(2026, time.January, 31), calendar.On(2026, time.February, 28)},
		{"over the end of the year", differs, Card{}, calendar.On(2025, time.December, 31), calendar.On(2026, time.January, 31)},
	} {
		if got := tc.card.Noting(tc.before, tc.today).ReportBy(); got != tc.want {
			t.Errorf("%s: %s instead of %s", tc.rule, got, tc.want)
		}
	}
}
