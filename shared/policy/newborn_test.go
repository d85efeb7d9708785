package policy

import (
	"testing"

	"polis/shared/calendar"
	"polis/shared/person"
)

// The table is the law's (DOMAIN: insurer, child): each last day typed by hand.
func TestWhoCoversANewbornByTheRegimeOfTheDate(t *testing.T) {
	days, err := ParseStages(DefaultNewbornCover)
	if err != nil {
		t.Fatal(err)
	}
	insured := func(sex person.Sex, smo string) Insured {
		p := holder
		p.Sex = sex
		return Enrol("r", "", p, "26", smo, "import", calendar.On(2019, 5, 14), now)
	}
	mother, father, second := insured(person.Female, "26002"), insured(person.Male, "26005"), insured(person.Female, "26006")
	none := insured(person.Female, "")
	for _, tc := range []struct {
		rule            string
		registered      string
		on              string
		representatives []Insured
		smo, until      string
	}{
		{"on the day of the registration", "2025-03-10", "2025-03-10", []Insured{mother, father}, "26002", "2025-04-09"},
		{"the 30th day after it", "2025-03-10", "2025-04-09", []Insured{mother, father}, "26002", "2025-04-09"},
		{"the 31st no more", "2025-03-10", "2025-04-10", []Insured{mother, father}, "", ""},
		{"over the end of a February", "2024-01-31", "2024-03-01", []Insured{mother}, "26002", "2024-03-01"},
		{"the last registration under the earlier Rules", "2025-09-08", "2025-10-08", []Insured{mother}, "26002", "2025-10-08"},
		{"it keeps its 30 days under the later ones, and no more", "2025-09-08", "2025-10-09", []Insured{mother}, "", ""},
		{"the first under the Rules of 9 September 2025, to its day", "2025-09-09", "2025-09-09", []Insured{mother}, "26002", "2025-09-09"},
		{"and not on the next", "2025-09-09", "2025-09-10", []Insured{mother}, "", ""},
		{"a birth of today", "2026-03-10", "2026-03-10", []Insured{mother, father}, "26002", "2026-03-10"},
		{"the mother's goes first, in whatever order they stand", "2025-03-10", "2025-03-11", []Insured{father, mother}, "26002", "2025-04-09"},
		{"another representative's where she has none", "2025-03-10", "2025-03-11", []Insured{none, father}, "26005", "2025-04-09"},
		{"where she is not in the register", "2025-03-10", "2025-03-11", []Insured{father}, "26005", "2025-04-09"},
		{"of two women the first", "2025-03-10", "2025-03-11", []Insured{second, mother}, "26006", "2025-04-09"},
		{"nobody's where the fund stands in for all", "2025-03-10", "2025-03-11", []Insured{none}, "", ""},
		{"nobody's without representatives", "2025-03-10", "2025-03-11", nil, "", ""},
	} {
		child := recordOf(holder)
		child.Birth = &BirthRecord{Number: "1", Date: day(t, tc.registered)}
		got := child.CoveredBy(tc.representatives, days, day(t, tc.on))
		if got.SMO != tc.smo || got.Until != day(t, tc.until) {
			t.Errorf("%s: %+v", tc.rule, got)
		}
	}
	if got := recordOf(holder).CoveredBy([]Insured{mother}, days, today); got != (Covering{}) {
		t.Errorf("without a civil record: %+v", got)
	}
}
