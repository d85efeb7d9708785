package directory

import (
	"encoding/json"
	"reflect"
	"strings"
	"testing"
	"time"

	"polis/shared/calendar"
)

// contracts reads "2011-01-01/2026-12-31 2027-03-01/", each with its first day
// and the first day without it.
func contracts(t *testing.T, text string) (all []Contract) {
	t.Helper()
	day := func(text string) calendar.Date {
		if text == "" {
			return calendar.Date{}
		}
		d, err := calendar.ParseDate(text)
		if err != nil {
			t.Fatal(err)
		}
		return d
	}
	for _, c := range strings.Fields(text) {
		since, until, _ := strings.Cut(c, "/")
		all = append(all, Contract{day(since), day(until)})
	}
	return all
}

func TestWhetherAContractIsInForce(t *testing.T) {
	for _, tc := range []struct{ rule, contracts, on, of string }{
		{"the day before it", "2011-01-01/", "2010-12-31", ""},
		{"its first day", "2011-01-01/", "2011-01-01", "2011-01-01/"},
		{"one without an end", "2011-01-01/", "2099-01-01", "2011-01-01/"},
		{"its last day", "2011-01-01/2026-12-31", "2026-12-30", "2011-01-01/2026-12-31"},
		{"the day on which it ends", "2011-01-01/2026-12-31", "2026-12-31", ""},
		{"the next is published ahead", "2011-01-01/2026-12-31 2027-03-01/", "2026-11-29", "2011-01-01/2026-12-31"},
		{"between the two", "2011-01-01/2026-12-31 2027-03-01/", "2027-02-28", ""},
		{"the first day of the next", "2011-01-01/2026-12-31 2027-03-01/", "2027-03-01", "2027-03-01/"},
		{"a former one", "2011-01-01/2012-01-01 2015-06-01/", "2011-12-31", "2011-01-01/2012-01-01"},
		{"one that ends on the day on which it begins", "2011-01-01/2011-01-01", "2011-01-01", ""},
		{"none at all", "", "2011-01-01", ""},
	} {
		i := Insurer{Contracts: contracts(t, tc.contracts)}
		on := contracts(t, tc.on)[0].Since
		got, has := i.ContractOn(on)
		if want := contracts(t, tc.of); has != (want != nil) || has && got != want[0] || i.InForce(on) != has {
			t.Errorf("%s: %v %+v", tc.rule, has, got)
		}
	}
}

func TestContractsThatFollowEachOtherWithoutAGapAreOne(t *testing.T) {
	for rule, tc := range map[string]struct{ listed, want string }{
		"one":                            {"2011-01-01/2026-12-31", "2011-01-01/2026-12-31"},
		"in their order":                 {"2015-06-01/ 2011-01-01/2012-12-31", "2011-01-01/2012-12-31 2015-06-01/"},
		"the next on the day of the end": {"2011-01-01/2027-01-01 2027-01-01/", "2011-01-01/"},
		"the next on the day after":      {"2011-01-01/2026-12-31 2027-01-01/", "2011-01-01/"},
		"a day between":                  {"2011-01-01/2026-12-30 2027-01-01/", "2011-01-01/2026-12-30 2027-01-01/"},
		"overlapping":                    {"2011-01-01/2027-06-01 2027-01-01/2028-01-01", "2011-01-01/2028-01-01"},
		"one within the other":           {"2011-01-01/2027-06-01 2012-01-01/2013-01-01", "2011-01-01/2027-06-01"},
		"one within another without end": {"2011-01-01/ 2012-01-01/2013-01-01", "2011-01-01/"},
		"the same twice":                 {"2011-01-01/2012-01-01 2011-01-01/2012-01-01", "2011-01-01/2012-01-01"},
		"three, of which two are one":    {"2027-01-01/2028-01-01 2011-01-01/2012-01-01 2026-01-01/2026-12-31", "2011-01-01/2012-01-01 2026-01-01/2028-01-01"},
	} {
		if got := joined(contracts(t, tc.listed)); !reflect.DeepEqual(got, contracts(t, tc.want)) {
			t.Errorf("%s: %v", rule, got)
		}
	}
}

func TestAnInsurerThatIsListedNoMoreHasNoContractFromTodayOn(t *testing.T) {
	for rule, tc := range map[string]struct{ before, after string }{
		"one without an end":               {"2011-01-01/", "2011-01-01/2026-03-10"},
		"one that was to end later":        {"2011-01-01/2026-12-31", "2011-01-01/2026-03-10"},
		"one that begins today":            {"2026-03-10/", "2026-03-10/2026-03-10"},
		"one that ended":                   {"2011-01-01/2012-01-01", "2011-01-01/2012-01-01"},
		"one that ends today":              {"2011-01-01/2026-03-10", "2011-01-01/2026-03-10"},
		"the next that has not begun":      {"2011-01-01/2026-12-31 2027-03-01/", "2011-01-01/2026-03-10"},
		"none but one that has not begun":  {"2027-03-01/", ""},
		"a former one beside one in force": {"2011-01-01/2012-01-01 2015-06-01/", "2011-01-01/2012-01-01 2015-06-01/2026-03-10"},
	} {
		before := New([]Insurer{{SMO: "26101", Region: "26", Contracts: contracts(t, tc.before)}}, nil)
		after, _ := before.Replaced(nil, march)
		if i, known := after.FindInsurer("26101"); !known || !reflect.DeepEqual(i.Contracts, contracts(t, tc.after)) {
			t.Errorf("%s: %v", rule, i.Contracts)
		}
		if again, report := after.Replaced(nil, march.AddDate(0, 0, 1)); !report.NothingChanged() || !reflect.DeepEqual(again, after) {
			t.Errorf("%s, imported twice: %+v", rule, report)
		}
	}
}

func TestWhetherAContractEndsSooner(t *testing.T) {
	for rule, tc := range map[string]struct {
		before, after string
		want          bool
	}{
		"it has an end now":                    {"2011-01-01/", "2011-01-01/2026-06-01", true},
		"its end is sooner":                    {"2011-01-01/2026-07-01", "2011-01-01/2026-06-01", true},
		"an unknown one has an end":            {"", "2011-01-01/2026-06-01", true},
		"its end is the same":                  {"2011-01-01/2026-06-01", "2011-01-01/2026-06-01", false},
		"its end is later":                     {"2011-01-01/2026-06-01", "2011-01-01/2026-07-01", false},
		"it has an end no more":                {"2011-01-01/2026-06-01", "2011-01-01/", false},
		"an unknown one has none":              {"", "2011-01-01/", false},
		"another follows":                      {"2011-01-01/2026-06-01", "2011-01-01/2026-06-01 2026-08-01/", false},
		"another with an end follows":          {"2011-01-01/2026-06-01", "2011-01-01/2026-06-01 2026-08-01/2027-08-01", false},
		"the one that follows has an end now":  {"2011-01-01/2012-01-01 2015-06-01/", "2011-01-01/2012-01-01 2015-06-01/2026-12-31", true},
		"one that ended comes back":            {"2011-01-01/2012-01-01", "2011-01-01/2012-01-01 2026-03-01/", false},
		"one that ended comes back for a year": {"2011-01-01/2012-01-01", "2011-01-01/2012-01-01 2026-03-01/2027-03-01", true},
		"one that ends today comes back":       {"2011-01-01/2026-03-10", "2011-01-01/2027-03-10", true},
		"it ended, as is known late":           {"2011-01-01/", "2011-01-01/2026-02-01", true},
	} {
		of := func(text string) Directory {
			return New([]Insurer{{SMO: "26101", Region: "26", Contracts: contracts(t, text)}}, nil)
		}
		if got := of(tc.before).EndsSooner(of(tc.after), march); got != tc.want {
			t.Errorf("%s: %v", rule, got)
		}
	}
	if New(nil, nil).EndsSooner(New([]Insurer{{SMO: "26101", Contracts: contracts(t, "2011-01-01/")}}, nil), time.Time{}) {
		t.Error("one that is new and lasts")
	}
}

func TestADirectoryThatWasStoredWithOneContractEachIsRead(t *testing.T) {
	var d Directory
	const text = `{"insurers":[{"smo":"26101","region":"26","since":"2011-01-01","until":"2026-12-31"},{"smo":"26102","since":"2011-01-01"}],"offices":null}`
	if err := json.Unmarshal([]byte(text), &d); err != nil {
		t.Fatal(err)
	}
	for smo, want := range map[string]string{"26101": "2011-01-01/2026-12-31", "26102": "2011-01-01/"} {
		if i, _ := d.FindInsurer(smo); !reflect.DeepEqual(i.Contracts, contracts(t, want)) {
			t.Errorf("%s: %v", smo, i.Contracts)
		}
	}
}
