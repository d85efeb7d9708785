package policy

import (
	"testing"
	"time"

	"polis/shared/calendar"
	"polis/shared/directory"
	"polis/shared/fault"
	"polis/shared/person"
)

var lasting = []directory.Contract{{}}

// The insurers of the table: A and B in Stavropol, C in Moscow of the same
// company as A; in Stavropol D, whose contract ended on 1 July 2026, and E, whose
// contract ended then and whose next begins on 1 September.
func market(smo string) (directory.Insurer, bool) {
	i, ok := map[string]directory.Insurer{
		"26001": {SMO: "26001", Region: "26", OGRN: "1", Contracts: lasting},
		"26002": {SMO: "26002", Region: "26", OGRN: "2", Contracts: lasting},
		"26004": {SMO: "26004", Region: "26", OGRN: "4", Contracts: []directory.Contract{{Until: on(7, 1)}}},
		"26005": {SMO: "26005", Region: "26", OGRN: "5", Contracts: []directory.Contract{{Until: on(7, 1)}, {Since: on(9, 1)}}},
		"77001": {SMO: "77001", Region: "77", OGRN: "1", Contracts: lasting},
		"39001": {SMO: "39001", Region: "39", OGRN: "39", Contracts: lasting},
		"39002": {SMO: "39002", Region: "39", OGRN: "40", Contracts: lasting},
		"41001": {SMO: "41001", Region: "41", OGRN: "41", Contracts: lasting},
		"41002": {SMO: "41002", Region: "41", OGRN: "42", Contracts: lasting},
	}[smo]
	return i, ok
}

// moment reads a time of the wall clock in a region.
func moment(t *testing.T, region, wall string) time.Time {
	t.Helper()
	at, err := time.ParseInLocation("2006-01-02 15:04:05", wall, calendar.Zone(region))
	if err != nil {
		t.Fatal(err)
	}
	return at
}

// insuredIn is an adult whom the insurer insures since 2019; "" is the fund.
func insuredIn(region, smo string) Insured {
	i := recordOf(holder)
	i.Insurances = []Insurance{{Cover: Cover{SMO: smo, Region: region, Since: calendar.On(2019, time.May, 14)}}}
	return i
}

// The choice of an insurer as 326-FZ, art. 16, has it. Each row was typed from
// the article: what is chosen, why, in which state, of whom, at which moment by
// the clock of the region of insurance, and what the law says to it.
func TestTheChoiceOfAnInsurerReadAsTheLaw(t *testing.T) {
	changed := func(i Insured, reason Reason, day calendar.Date) Insured {
		was := i.Insurances[0]
		return i.insuredBy(Insurance{Cover: Cover{SMO: "26001", Region: was.Region, Since: day}, Reason: reason, Cause: "earlier"})
	}
	real, fund := insuredIn("26", "26002"), insuredIn("26", "")
	child := insuredIn("26", "")
	child.Person.Birth = calendar.On(2019, time.September, 2)
	suspended := spoken(t, real, suspend(on(1, 15), calendar.Date{}, ByPerson, "s"))
	dead := spoken(t, real, end(on(5, 1), Death, "d"))
	deadLater := spoken(t, real, end(on(6, 2), Death, "d"))
	ended := spoken(t, real, end(on(5, 1), "citizenship_lost", "e"))
	restored := spoken(t, ended, restore(on(6, 1), "r"))
	expiring := real
	expiring.ValidUntil = on(6, 1)
	const first, byRight, move, contract = First, ByRight, Moved, ContractEnded
	for _, tc := range []struct {
		rule    string
		who     Insured
		reason  Reason
		smo     string
		region  string // of the choice; "": that of insurance
		at      string // by the wall clock of the region of insurance
		code    string // "": granted
		from    string
		suggest string
	}{
		// Once in a calendar year, not later than 1 November, by the region's clock.
		{"by right on 31 October", real, byRight, "26001", "", "2026-10-31 12:00:00", "", "", ""},
		{"by right on 1 November at 23:59", real, byRight, "26001", "", "2026-11-01 23:59:59", "", "", ""},
		{"by right on 2 November at 00:00", real, byRight, "26001", "", "2026-11-02 00:00:00", "insurer_change_after_1_november", "2027-01-01", ""},
		{"by right on 31 December", real, byRight, "26001", "", "2026-12-31 23:59:59", "insurer_change_after_1_november", "2027-01-01", ""},
		{"by right on 1 January", real, byRight, "26001", "", "2027-01-01 00:00:00", "", "", ""},
		{"by right on 29 February", real, byRight, "26001", "", "2028-02-29 12:00:00", "", "", ""},
		{"by right in Kaliningrad on 1 November at 23:59", insuredIn("39", "39001"), byRight, "39002", "", "2026-11-01 23:59:59", "", "", ""},
		{"by right in Kaliningrad on 2 November at 00:00", insuredIn("39", "39001"), byRight, "39002", "", "2026-11-02 00:00:00", "insurer_change_after_1_november", "2027-01-01", ""},
		{"by right in Kamchatka on 1 November at 23:59", insuredIn("41", "41001"), byRight, "41002", "", "2026-11-01 23:59:59", "", "", ""},
		{"by right in Kamchatka on 2 November at 00:00", insuredIn("41", "41001"), byRight, "41002", "", "2026-11-02 00:00:00", "insurer_change_after_1_november", "2027-01-01", ""},
		{"a second time in the year", changed(real, ByRight, on(2, 1)), byRight, "26002", "", "2026-06-01 12:00:00", "insurer_changed_this_year", "2027-01-01", ""},
		{"a second time on the last day of the year", changed(real, ByRight, on(1, 1)), byRight, "26002", "", "2026-12-31 12:00:00", "insurer_changed_this_year", "2027-01-01", ""},
		{"a second time, in the next year", changed(real, ByRight, on(10, 31)), byRight, "26002", "", "2027-01-01 00:00:00", "", "", ""},
		{"after a move in the same year", changed(real, Moved, on(2, 1)), byRight, "26002", "", "2026-06-01 12:00:00", "", "", ""},
		{"after a first choice in the same year", changed(fund, First, on(2, 1)), byRight, "26002", "", "2026-06-01 12:00:00", "", "", ""},
		{"after the contract ended in the same year", changed(real, ContractEnded, on(2, 1)), byRight, "26002", "", "2026-06-01 12:00:00", "", "", ""},
		{"by right where the fund stands in", fund, byRight, "26001", "", "2026-06-01 12:00:00", "no_insurer_to_replace", "", "first"},
		{"the same insurer again", real, byRight, "26002", "", "2026-06-01 12:00:00", "insurer_is_the_same", "", ""},

		// A first choice replaces nobody: bound by no day, counted for nothing.
		{"first on 2 November", fund, first, "26001", "", "2026-11-02 00:00:00", "", "", ""},
		{"first on 31 December", fund, first, "26001", "", "2026-12-31 23:59:59", "", "", ""},
		{"first for a child on 2 November", child, first, "26001", "", "2026-11-02 12:00:00", "", "", ""},
		{"first over a real insurer", real, first, "26001", "", "2026-06-01 12:00:00", "insurance_in_force", "", "by_right"},
		{"first over a real insurer after 1 November", real, first, "26001", "", "2026-11-02 12:00:00", "insurance_in_force", "2027-01-01", "by_right"},
		{"first over an insurer chosen this year", changed(real, ByRight, on(2, 1)), first, "26002", "", "2026-06-01 12:00:00", "insurance_in_force", "2027-01-01", "by_right"},

		// Oftener on moving to another region.
		{"a move after 1 November", real, move, "77001", "77", "2026-11-02 12:00:00", "", "", ""},
		{"a move after a replacement in the same year", changed(real, ByRight, on(2, 1)), move, "77001", "77", "2026-06-01 12:00:00", "", "", ""},
		{"a second move in the year", changed(real, Moved, on(2, 1)), move, "77001", "77", "2026-06-01 12:00:00", "", "", ""},
		{"a move from where the fund stands in", fund, move, "77001", "77", "2026-11-02 12:00:00", "", "", ""},
		{"a move within the region", real, move, "26001", "26", "2026-11-02 12:00:00", "move_within_region", "", "by_right"},
		{"a move to an insurer of the old region", real, move, "26001", "77", "2026-06-01 12:00:00", "insurer_of_other_region", "", "move"},

		// Oftener when the insurer's contract ended.
		{"the contract ended, after 1 November", insuredIn("26", "26004"), contract, "26001", "", "2026-11-02 12:00:00", "", "", ""},
		{"on the last day of the contract", insuredIn("26", "26004"), contract, "26001", "", "2026-06-30 23:59:59", "insurer_contract_in_force", "", "by_right"},
		{"on the first day without it", insuredIn("26", "26004"), contract, "26001", "", "2026-07-01 00:00:00", "", "", ""},
		{"on the last day of a contract whose next is known", insuredIn("26", "26005"), contract, "26001", "", "2026-06-30 23:59:59", "insurer_contract_in_force", "", "by_right"},
		{"between two contracts", insuredIn("26", "26005"), contract, "26001", "", "2026-08-31 23:59:59", "", "", ""},
		{"once the next has begun", insuredIn("26", "26005"), contract, "26001", "", "2026-09-01 00:00:00", "insurer_contract_in_force", "", "by_right"},
		{"the contract of nobody ended", fund, contract, "26001", "", "2026-11-02 12:00:00", "no_insurer_to_replace", "", "first"},
		{"the contract of an insurer that the directory lacks", insuredIn("26", "26009"), contract, "26001", "", "2026-11-02 12:00:00", "insurer_contract_in_force", "", "by_right"},
		{"by right, overtaken by a choice of the next day", changed(real, ByRight, on(6, 2)), byRight, "26001", "", "2026-06-01 12:00:00", "insurer_chosen_later", "", ""},
		{"first, overtaken", changed(fund, First, on(6, 2)), first, "26001", "", "2026-06-01 12:00:00", "insurer_chosen_later", "", ""},
		{"a move, overtaken", changed(real, ByRight, on(6, 2)), move, "77001", "77", "2026-06-01 12:00:00", "insurer_chosen_later", "", ""},
		{"by right, where the contract ended", insuredIn("26", "26004"), byRight, "26001", "", "2026-11-02 12:00:00", "insurer_change_after_1_november", "2027-01-01", "contract_ended"},
		{"by right a second time, where the contract ended", insuredIn("26", "26002").insuredBy(Insurance{Cover: Cover{SMO: "26004", Region: "26", Since: on(2, 1)}, Reason: ByRight, Cause: "earlier"}), byRight, "26001", "", "2026-07-01 12:00:00", "insurer_changed_this_year", "2027-01-01", "contract_ended"},
		{"first, where the contract ended", insuredIn("26", "26004"), first, "26001", "", "2026-11-02 12:00:00", "insurance_in_force", "", "contract_ended"},
		{"a move within the region, where the contract ended", insuredIn("26", "26004"), move, "26001", "26", "2026-11-02 12:00:00", "move_within_region", "", "contract_ended"},
		{"another's contract ended", real, contract, "26001", "", "2026-11-02 12:00:00", "insurer_contract_in_force", "", "by_right"},

		// Who can be chosen at all.
		{"an insurer of another region", real, byRight, "77001", "", "2026-06-01 12:00:00", "insurer_of_other_region", "", "move"},
		{"an insurer of another region, named", real, byRight, "77001", "77", "2026-06-01 12:00:00", "insurer_of_other_region", "", "move"},
		{"an insurer whose licence ended", real, byRight, "26004", "", "2026-07-01 00:00:00", "insurer_not_in_force", "", ""},
		{"an insurer between two contracts", real, byRight, "26005", "", "2026-08-31 12:00:00", "insurer_not_in_force", "", ""},
		{"an insurer whose next contract has begun", real, byRight, "26005", "", "2026-09-01 00:00:00", "", "", ""},
		{"an insurer on its last day", real, byRight, "26004", "", "2026-06-30 12:00:00", "", "", ""},
		{"an insurer there is not", real, byRight, "26999", "", "2026-06-01 12:00:00", "invalid_fields", "", ""},

		// In which state.
		{"suspended", suspended, byRight, "26001", "", "2026-06-01 12:00:00", "", "", ""},
		{"dead", dead, byRight, "26001", "", "2026-06-01 12:00:00", "death_recorded", "", ""},
		{"dead, moving", dead, move, "77001", "77", "2026-06-01 12:00:00", "death_recorded", "", ""},
		{"for the day before the death, once that is on record", deadLater, byRight, "26001", "", "2026-06-01 23:59:59", "death_recorded", "", ""},
		{"on the day of the death", deadLater, byRight, "26001", "", "2026-06-02 00:00:00", "death_recorded", "", ""},
		{"ended", ended, byRight, "26001", "", "2026-06-01 12:00:00", "policy_ended", "", ""},
		{"restored", restored, byRight, "26001", "", "2026-06-01 12:00:00", "", "", ""},
		{"on the last day of the policy", expiring, byRight, "26001", "", "2026-06-01 23:59:59", "", "", ""},
		{"on the day after it", expiring, byRight, "26001", "", "2026-06-02 00:00:00", "policy_ended", "", ""},
	} {
		region := tc.who.Insurances[0].Region
		at := moment(t, region, tc.at)
		c := Choice{SMO: tc.smo, Reason: tc.reason, Region: region}
		if tc.region != "" {
			c.Region = tc.region
		}
		after, err := tc.who.Choose(c, Deed{Source: ByPerson, Cause: "x", At: at, Recorded: at}, market)
		var got fault.Error
		if err != nil {
			got = *fault.From(err)
		}
		if got.Code != tc.code || got.From != tc.from || got.Suggest != tc.suggest {
			t.Errorf("%s: %q from %q suggests %q, instead of %q from %q suggests %q", tc.rule, got.Code, got.From, got.Suggest, tc.code, tc.from, tc.suggest)
		}
		day := calendar.Today(at, c.Region)
		if now := after.Insurance(day); tc.code == "" && (now.SMO != tc.smo || now.Since != day || now.Region != c.Region || now.Reason != tc.reason) {
			t.Errorf("%s: granted, and yet %+v", tc.rule, now)
		}
		if tc.code != "" && len(after.Insurances) != len(tc.who.Insurances) {
			t.Errorf("%s: refused, and yet %+v", tc.rule, after.Insurances)
		}
	}
}

func TestMayIChangeTheInsurer(t *testing.T) {
	for _, tc := range []struct {
		rule       string
		who        Insured
		at         string
		reason     Reason
		code, from string
	}{
		{"by right in the summer", insuredIn("26", "26002"), "2026-07-01 12:00:00", ByRight, "", ""},
		{"not by right in November", insuredIn("26", "26002"), "2026-11-02 00:00:00", ByRight, "insurer_change_after_1_november", "2027-01-01"},
		{"first where the fund stands in, in November too", insuredIn("26", ""), "2026-11-02 00:00:00", First, "", ""},
		{"when the contract ended, in November too", insuredIn("26", "26004"), "2026-11-02 00:00:00", ContractEnded, "", ""},
		{"by right while the contract lasts whose next is known", insuredIn("26", "26005"), "2026-06-30 12:00:00", ByRight, "", ""},
		{"between two contracts", insuredIn("26", "26005"), "2026-07-01 12:00:00", ContractEnded, "", ""},
		{"by right once the next has begun", insuredIn("26", "26005"), "2026-09-01 12:00:00", ByRight, "", ""},
		{"not on a day before another choice", insuredIn("26", "26002").insuredBy(Insurance{Cover: Cover{SMO: "26001", Region: "26", Since: on(7, 2)}, Reason: ByRight, Cause: "x"}), "2026-07-01 12:00:00", "", "insurer_chosen_later", ""},
		{"not a dead person's", spoken(t, insuredIn("26", "26002"), end(on(5, 1), Death, "d")), "2026-07-01 12:00:00", "", "death_recorded", ""},
	} {
		reason, err := tc.who.May(moment(t, "26", tc.at), market)
		var got fault.Error
		if err != nil {
			got = *fault.From(err)
		}
		if reason != tc.reason || got.Code != tc.code || got.From != tc.from {
			t.Errorf("%s: %q, %q from %q", tc.rule, reason, got.Code, got.From)
		}
	}
}

func TestAMoveIsInForceAtOnceWhicheverClockIsRead(t *testing.T) {
	for _, tc := range []struct{ from, smo, to, chosen, at, since string }{
		{"26", "26002", "41", "41001", "2026-06-01 23:30:00", "2026-06-01"}, // it is 2 June there
		{"41", "41001", "26", "26002", "2026-06-02 00:30:00", "2026-06-01"}, // it is 1 June there still
	} {
		at := moment(t, tc.from, tc.at)
		i, err := insuredIn(tc.from, tc.smo).Choose(Choice{SMO: tc.chosen, Reason: Moved, Region: tc.to}, Deed{Cause: "m", At: at, Recorded: at}, market)
		if err != nil {
			t.Fatal(err)
		}
		in := i.Insurance(i.Today(at))
		if in.SMO != tc.chosen || in.Since.String() != tc.since || CardOf(i, i.Today(at), at).Insurance.SMO != tc.chosen {
			t.Errorf("%s to %s: %+v", tc.from, tc.to, in)
		}
	}
	// The insurer was chosen on 2 June of Kamchatka, minutes before the move.
	at := moment(t, "41", "2026-06-02 00:30:00")
	i := insuredIn("41", "")
	for n, c := range []Choice{{SMO: "41001", Reason: First, Region: "41"}, {SMO: "26002", Reason: Moved, Region: "26"}} {
		var err error
		later := at.Add(time.Duration(n) * time.Minute)
		if i, err = i.Choose(c, Deed{Cause: c.SMO, At: later, Recorded: later}, market); err != nil {
			t.Fatal(err)
		}
	}
	for _, day := range []calendar.Date{i.Today(at.Add(time.Hour)), on(6, 2), on(7, 2)} {
		if in := i.Insurance(day); in.SMO != "26002" {
			t.Errorf("on %s: %+v", day, in)
		}
	}
}

func TestAFirstPolicyIsInForceAtOnceWhereTheDayIsALaterOne(t *testing.T) {
	at := moment(t, "41", "2026-06-02 00:30:00") // 1 June in Moscow
	i := Enrolment{Submitted: at, Person: holder, Region: "41", SMO: "41001"}.Record("i1", "26", at)
	if f := Answer(Question{Applicant: holder}, []Insured{i}, at); i.Today(at) != on(6, 2) || f.Card.Insurance.SMO != "41001" {
		t.Errorf("on %s: %+v", i.Today(at), f.Card.Insurance)
	}
}

func TestTheSameApplicationChoosesOnce(t *testing.T) {
	at := moment(t, "26", "2026-06-01 12:00:00")
	choose := func(i Insured) Insured {
		i, err := i.Choose(Choice{SMO: "26001", Reason: ByRight, Region: "26"}, Deed{Cause: "a", At: at, Recorded: at}, market)
		if err != nil {
			t.Fatal(err)
		}
		return i
	}
	if i := choose(choose(insuredIn("26", "26002"))); len(i.Insurances) != 2 || !i.Knows("a") {
		t.Errorf("%+v", i.Insurances)
	}
}

func TestTheInsurerOfEachDayAndWhatWasKnownOfItOnEachDay(t *testing.T) {
	day := func(month time.Month, d int) time.Time { return time.Date(2026, month, d, 12, 0, 0, 0, time.UTC) }
	i := insuredIn("26", "26002")
	i.Insurances[0].Recorded = time.Date(2019, time.May, 14, 0, 0, 0, 0, time.UTC)
	i = i.insuredBy(Insurance{Cover: Cover{SMO: "26001", Region: "26", Since: on(3, 1)}, Reason: ByRight, Cause: "a", Recorded: day(3, 1)})
	// On 10 June the fund finds that the replacement of 1 March was of 1 February.
	i, err := i.Correct(Correction{Wrong: on(3, 1), Right: Cover{SMO: "26001", Region: "26", Since: on(2, 1)}, Cause: "c"}, day(6, 10))
	if err != nil {
		t.Fatal(err)
	}
	for _, tc := range []struct {
		on    calendar.Date
		known time.Time
		smo   string
	}{
		{calendar.On(2019, time.May, 13), day(7, 1), ""},
		{calendar.On(2019, time.May, 14), day(7, 1), "26002"},
		{on(1, 31), day(7, 1), "26002"},
		{on(2, 1), day(7, 1), "26001"}, {on(2, 28), day(7, 1), "26001"}, {on(3, 1), day(7, 1), "26001"},
		{on(2, 15), day(6, 9), "26002"}, // as was known before the correction
		{on(3, 1), day(6, 9), "26001"},
		{on(3, 1), day(2, 28), "26002"}, // before the replacement was recorded
		{on(2, 15), day(6, 10), "26001"},
	} {
		if got := i.InsuranceAsOf(tc.on, tc.known); got.SMO != tc.smo {
			t.Errorf("on %s, as known at %s: %+v", tc.on, tc.known, got)
		}
		if tc.known == day(7, 1) {
			if got := i.Insurance(tc.on); got.SMO != tc.smo {
				t.Errorf("on %s, as known now: %+v", tc.on, got)
			}
		}
	}
	if again, err := i.Correct(Correction{Wrong: on(3, 1), Right: Cover{SMO: "26001", Region: "26", Since: on(2, 1)}, Cause: "c"}, day(6, 11)); err != nil || len(again.Insurances) != 3 {
		t.Errorf("corrected twice: %+v, %v", again.Insurances, err)
	}
	if _, err := i.Correct(Correction{Wrong: on(3, 1), Cause: "d"}, day(6, 11)); fault.From(err).Code != "insurance_not_found" {
		t.Errorf("what is corrected already: %v", err)
	}
	// It still counts as the year's replacement.
	if _, err := i.May(day(7, 1), market); fault.From(err).Code != "insurer_changed_this_year" {
		t.Errorf("%v", err)
	}
}

func TestWhoWasRemovedMeanwhileChangesAChildsRecordNoMore(t *testing.T) {
	child := recordOf(person.Person{SNILS: "19035627168", Birth: dated("2019-09-02")})
	child.Representatives = []person.SNILS{"11223344595", "13177046242"}
	at := time.Date(2026, 3, 10, 9, 0, 0, 0, time.UTC)
	request := Request{Cause: "a", Submitted: at, Applicant: person.Person{SNILS: "13177046242"}, Child: child.ID,
		Choice: &Choice{SMO: "26001", Reason: ByRight, Region: "26"}}
	if _, err := child.Apply(request, at, market); err != nil {
		t.Errorf("while the father is a representative: %v", err)
	}
	removed, err := child.Unrepresented("13177046242", Deed{Source: ByFund, Cause: "court", At: at, Recorded: at})
	if err != nil {
		t.Fatal(err)
	}
	if after, err := removed.Apply(request, at, market); fault.From(err).Code != "person_not_found" || len(after.Insurances) != 1 {
		t.Errorf("afterwards: %v, %+v", err, after.Insurances)
	}
	if _, err := child.Apply(request, time.Date(2037, 9, 2, 9, 0, 0, 0, time.UTC), market); fault.From(err).Code != "person_not_found" {
		t.Errorf("of an adult: %v", err)
	}
}
