package policy

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"polis/shared/calendar"
	"polis/shared/directory"
	"polis/shared/person"
)

// contract finds insurers of which only two have contracts that end: 26009 on 1
// June 2026, and 26010 then and on 1 June 2027, with two months between.
func contract(smo string) (directory.Insurer, bool) {
	i := directory.Insurer{SMO: smo, Region: smo[:min(2, len(smo))], Contracts: []directory.Contract{{}}}
	if smo == "26009" || smo == "26010" {
		i.Contracts[0].Until = dated("2026-06-01")
	}
	if smo == "26010" {
		i.Contracts = append(i.Contracts, directory.Contract{Since: dated("2026-08-01"), Until: dated("2027-06-01")})
	}
	return i, smo != ""
}

// datedRecord is of somebody born on the day, with a certificate, whose insurer
// is 26002 since 2020 and who was put on record then.
func datedRecord(born string, change func(*Insured)) Insured {
	i := Insured{
		ID: "i000" + "000000000000000000000000", Person: person.Person{SNILS: "19035627168", Birth: dated(born), Document: person.Document{Type: person.BirthCertificate}},
		ValidFrom: dated("2020-05-14"), RecordedAt: noonOf("2020-05-14"), Cause: "import", Representatives: []person.SNILS{"11223344595"},
		Insurances: []Insurance{{Cover: Cover{SMO: "26002", Region: "26", Since: dated("2020-05-14")}, Cause: "import"}},
	}
	change(&i)
	return i
}

func (d Dated) short() string { return d.On.String() + " " + string(d.Kind) }

func TestWhichDatesMatter(t *testing.T) {
	passport := func(i *Insured) { i.Person.Document.Type = person.Passport }
	fund := func(i *Insured) { i.Insurances[0].SMO = "" }
	both := func(all ...func(*Insured)) func(*Insured) {
		return func(i *Insured) {
			for _, change := range all {
				change(i)
			}
		}
	}
	turns := func(turn Turn, ground, since string) func(*Insured) {
		return func(i *Insured) {
			*i = i.turned(turn, ground, dated(since), Deed{Recorded: noonOf("2026-01-01")})
		}
	}
	for rule, tc := range map[string]struct {
		born   string
		change func(*Insured)
		after  string
		want   []string
	}{
		"nothing but the reminder of each autumn": {"1985-03-12", passport, "2026-03-10", []string{"2026-10-01 insurer_replaceable", "2027-10-01 insurer_replaceable"}},
		"nobody to replace, nothing at all":       {"1985-03-12", both(passport, fund), "2026-03-10", nil},
		"14 and 18":                               {"2012-04-05", fund, "2026-03-10", []string{"2026-04-05 passport_due", "2030-04-05 of_age"}},
		"a birthday is told on its day":           {"2012-04-05", fund, "2026-04-04", []string{"2026-04-05 passport_due", "2030-04-05 of_age"}},
		"and not after it":                        {"2012-04-05", fund, "2026-04-05", []string{"2030-04-05 of_age"}},
		"who has a passport needs none":           {"2012-04-05", both(fund, passport), "2026-03-10", []string{"2030-04-05 of_age"}},
		"born on 29 February, 14 on 1 March":      {"2012-02-29", fund, "2026-01-10", []string{"2026-03-01 passport_due", "2030-03-01 of_age"}},
		"the end of a term":                       {"1985-03-12", both(passport, fund, func(i *Insured) { i.ValidUntil = dated("2026-12-31") }), "2026-03-10", []string{"2026-12-01 validity_ending", "2027-01-01 validity_ended"}},
		"a term that is over replaces no insurer": {"1985-03-12", both(passport, func(i *Insured) { i.ValidUntil = dated("2026-08-31") }), "2026-03-10", []string{"2026-08-01 validity_ending", "2026-09-01 validity_ended"}},
		"an insurer whose contract ends":          {"1985-03-12", both(passport, func(i *Insured) { i.Insurances[0].SMO = "26009" }), "2026-03-10", []string{"2026-06-01 insurer_contract_ended", "2026-10-01 insurer_replaceable", "2027-10-01 insurer_replaceable"}},
		"an insurer whose contracts end":          {"1985-03-12", both(passport, func(i *Insured) { i.Insurances[0].SMO = "26010" }), "2026-03-10", []string{"2026-06-01 insurer_contract_ended", "2026-10-01 insurer_replaceable", "2027-06-01 insurer_contract_ended", "2027-10-01 insurer_replaceable"}},
		"a former insurer's contract": {"1985-03-12", both(passport, func(i *Insured) {
			i.Insurances = []Insurance{{Cover: Cover{SMO: "26009", Region: "26", Since: dated("2020-05-14")}}, {Cover: Cover{Region: "26", Since: dated("2026-02-01")}}}
		}), "2026-03-10", nil},
		"replaced this year already": {"1985-03-12", both(passport, func(i *Insured) {
			*i = i.insuredBy(Insurance{Cover: Cover{SMO: "26001", Region: "26", Since: dated("2026-02-01")}, Reason: ByRight})
		}), "2026-03-10", []string{"2027-10-01 insurer_replaceable"}},
		"a service that was set before":  {"1985-03-12", both(passport, fund, turns(Suspend, "", "2026-05-01"), turns(Resume, "", "2027-05-01")), "2026-03-10", []string{"2026-05-01 suspension_begins", "2027-05-01 suspension_ends"}},
		"of a policy that ends, nothing": {"1985-03-12", both(passport, turns(End, "merged", "2026-05-01")), "2026-03-10", nil},
		"of the dead, nothing":           {"2012-04-05", turns(End, Death, "2026-03-01"), "2026-03-10", nil},
	} {
		var got []string
		for _, d := range datedRecord(tc.born, tc.change).Dates(dated(tc.after), dated(tc.after), contract) {
			got = append(got, d.short())
			if DateText(d.Kind).RU == "Важная дата" {
				t.Errorf("%s: %s has no words", rule, d.Kind)
			}
		}
		if !slices.Equal(got, tc.want) {
			t.Errorf("%s: %q instead of %q", rule, got, tc.want)
		}
	}
}

func TestAnEndOfAContractThatIsKnownLateIsStillToldOnce(t *testing.T) {
	open := func(smo string) (directory.Insurer, bool) {
		return directory.Insurer{SMO: smo, Region: "26", Contracts: []directory.Contract{{}}}, true
	}
	for rule, tc := range map[string]struct {
		record, known string // days
		chosen        string // another insurer, from this day on
		want          bool
	}{
		"known before the day, told on it":           {"2020-05-14", "2026-03-10", "", true},
		"known on the day, when its dates were told": {"2020-05-14", "2026-06-01", "", true},
		"known weeks later":                          {"2020-05-14", "2026-06-20", "", true},
		"known later, another was chosen meanwhile":  {"2020-05-14", "2026-06-20", "2026-06-10", false},
		"put on record on the day":                   {"2026-06-01", "2026-06-01", "", true},
		"put on record after the day":                {"2026-06-02", "2026-06-20", "", false},
	} {
		record := datedRecord("1985-03-12", func(i *Insured) {
			i.Person.Document.Type, i.Insurances[0].SMO, i.RecordedAt = person.Passport, "26009", noonOf(tc.record)
		})
		if tc.chosen != "" {
			record = record.insuredBy(Insurance{Cover: Cover{SMO: "26001", Region: "26", Since: dated(tc.chosen)}, Reason: ContractEnded})
		}
		record, _ = record.TellDates(noonOf(tc.known), open)
		told := 0
		for _, at := range []string{tc.known, "2026-06-01", "2026-06-21", "2026-07-10"} {
			if at < tc.known {
				continue
			}
			var due []Dated
			if record, due = record.TellDates(noonOf(at), contract); len(due) > 0 {
				told += len(due)
			}
			if next := record.Wake(contract); !next.After(noonOf(at)) {
				t.Errorf("%s: after %s woken again at %s", rule, at, next)
			}
		}
		if told > 1 || (told == 1) != tc.want {
			t.Errorf("%s: told %d times", rule, told)
		}
	}
}

func TestAnEndIsNotToldOnceTheNextContractHasBegun(t *testing.T) {
	for rule, tc := range map[string]struct {
		at   []string
		want string
	}{
		"known between the two":     {[]string{"2026-07-20", "2026-07-31"}, "2026-06-01"},
		"known after the next":      {[]string{"2026-08-01", "2026-09-01"}, ""},
		"told of each on its day":   {[]string{"2026-06-01", "2026-08-01", "2027-06-01"}, "2026-06-01 2027-06-01"},
		"known late, told of later": {[]string{"2026-08-01", "2027-06-01"}, "2027-06-01"},
	} {
		record := datedRecord("1985-03-12", func(i *Insured) { i.Person.Document.Type, i.Insurances[0].SMO = person.Passport, "26010" })
		var told []string
		for _, at := range tc.at {
			var due []Dated
			record, due = record.TellDates(noonOf(at), contract)
			for _, d := range due {
				if d.Kind == ContractOver {
					told = append(told, d.On.String())
				}
			}
		}
		if got := strings.Join(told, " "); got != tc.want {
			t.Errorf("%s: told %q instead of %q", rule, got, tc.want)
		}
	}
}

func TestEachDateIsToldOnceAlsoAfterAJumpOverSeveral(t *testing.T) {
	record := datedRecord("2012-04-05", func(i *Insured) { i.DatesTold = dated("2026-03-10") })
	var told []string
	tell := func(at string) {
		var due []Dated
		record, due = record.TellDates(noonOf(at), contract)
		for _, d := range due {
			told = append(told, d.short())
		}
	}
	tell("2026-04-04")
	if told != nil {
		t.Fatalf("early: %v", told)
	}
	tell("2026-04-05")
	tell("2026-04-05")
	tell("2026-10-20") // three weeks late, but it still helps
	tell("2030-11-20") // over 18 and four autumns, none of which helps any more
	tell("2030-11-20")
	if want := []string{"2026-04-05 passport_due", "2026-10-01 insurer_replaceable", "2030-04-05 of_age"}; !slices.Equal(told, want) {
		t.Errorf("%q instead of %q", told, want)
	}
	if next := record.Wake(contract); next.Year() != 2031 || next.Month() != time.October {
		t.Errorf("next at %s", next)
	}
}

// A notice may come days late. Of a suspension that is over by then nobody is told
// that it begins.
func TestATurnThatIsOverIsNotTold(t *testing.T) {
	for at, want := range map[string][]string{
		"2026-05-03": {"2026-05-01 suspension_begins"},
		"2026-05-09": {"2026-05-01 suspension_begins"},
		"2026-05-10": {"2026-05-10 suspension_ends"},
		"2026-05-20": {"2026-05-10 suspension_ends"},
	} {
		record := datedRecord("1985-03-12", func(i *Insured) {
			i.Person.Document.Type, i.Insurances[0].SMO, i.DatesTold = person.Passport, "", dated("2026-04-30")
			*i, _ = i.Suspend(Suspension{From: dated("2026-05-01"), Until: dated("2026-05-09")}, Deed{Source: ByCommissariat, Cause: "s", Recorded: noonOf("2026-04-01")})
		})
		var told []string
		for range 2 {
			var due []Dated
			record, due = record.TellDates(noonOf(at), contract)
			for _, d := range due {
				told = append(told, d.short())
			}
		}
		if !slices.Equal(told, want) {
			t.Errorf("on %s: %q instead of %q", at, told, want)
		}
	}
}

func TestADateIsToldInTheMorningOfTheRegionAndTheAutumnsOverTheDay(t *testing.T) {
	record := datedRecord("2012-04-05", func(i *Insured) { i.Insurances[0].Region = "41" })
	kamchatka := calendar.Zone("41")
	if at := record.Tell(Dated{Kind: PassportDue, On: dated("2026-04-05")}); !at.Equal(time.Date(2026, time.April, 5, 9, 0, 0, 0, kamchatka)) {
		t.Errorf("at %s", at)
	}
	if at := (Dated{On: dated("2026-04-05")}).TellAt(""); !at.Equal(time.Date(2026, time.April, 5, 6, 0, 0, 0, time.UTC)) {
		t.Errorf("where the region is not known at %s", at)
	}
	first, last := time.Date(2026, time.October, 1, 9, 0, 0, 0, kamchatka), time.Date(2026, time.October, 1, 21, 0, 0, 0, kamchatka)
	hours := map[int]int{}
	for n := range 6000 {
		record.ID = fmt.Sprintf("i%03d%024d", n%256, n)
		at := record.Tell(Dated{Kind: Replaceable, On: dated("2026-10-01")})
		if at.Before(first) || !at.Before(last) {
			t.Fatalf("%s is woken at %s", record.ID, at)
		}
		hours[at.Hour()]++
	}
	for hour := 9; hour < 21; hour++ {
		if n := hours[hour]; n < 250 || n > 1000 { // 500 each if spread evenly
			t.Errorf("at %d o'clock %d of 6000", hour, n)
		}
	}
	nothing := datedRecord("1985-03-12", func(i *Insured) { i.Person.Document.Type, i.Insurances[0].SMO = person.Passport, "" })
	if at := nothing.Wake(contract); !at.IsZero() {
		t.Errorf("a record without a date is woken at %s", at)
	}
}

func TestADateIsToldToThePersonAndAChildsRepresentatives(t *testing.T) {
	record := datedRecord("2012-04-05", func(*Insured) {})
	for cause, parents := range map[string]int{
		"date/passport_due/2026-04-05": 1,
		"date/of_age/2030-04-05":       1, // they are told that their access has ended
	} {
		told, did := record.Tells(cause, dated(cause[len(cause)-10:]))
		if !did || len(told.Representatives) != parents || told.Person != record.Person.SNILS || calendar.DateOf(told.At).String() != cause[len(cause)-10:] {
			t.Errorf("%s: %+v", cause, told)
		}
	}
	if told, _ := record.Tells("date/insurer_replaceable/2031-10-01", dated("2031-10-01")); told.Representatives != nil || told.Kind != Replaceable {
		t.Errorf("of an adult the parents are told: %+v", told)
	}
	for _, cause := range []string{"date/", "date/of_age", "date/of_age/x", "date/insurer_chosen/2026-04-05", "of_age/2026-04-05"} {
		if told, did := record.Tells(cause, dated("2026-04-05")); did {
			t.Errorf("%q tells %+v", cause, told)
		}
	}
}
