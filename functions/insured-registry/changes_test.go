package function_test

import (
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"polis/shared/access"
	"polis/shared/calendar"
	"polis/shared/functiontest"
	"polis/shared/person"
	"polis/shared/policy"
)

func TestEachRouteOfChangesIsForOneRole(t *testing.T) {
	b := bench(t)
	b.OnlyFor(access.Function, name, "POST /changes", "POST /changes/try", "POST /changes/told", "POST /may")
	b.OnlyFor(access.Fund, name, "POST /insurers", "POST /insurers/corrections")
}

// chosen is the request of an application for an insurer in region 26.
func chosen(b *functiontest.Bench, cause string, who person.Person, child, smo string, reason policy.Reason) policy.Request {
	return policy.Request{
		Cause: cause, Submitted: b.Now(), Applicant: who, Child: child,
		Choice: &policy.Choice{SMO: smo, Reason: reason, Region: "26"},
	}
}

// insurer of the record, as the cabinet's question finds it.
func insurer(b *functiontest.Bench, who person.Person, child string) string {
	f := find(b, policy.Question{Applicant: who, Child: child})
	if f.Card == nil {
		return "none: " + f.Reasons[0]
	}
	return f.Card.Insurance.SMO
}

func told(b *functiontest.Bench, id, cause string) []policy.Told {
	var list struct{ Items []policy.Told }
	b.CallAs("notify", name, "/changes/told", map[string]string{"insured": id, "cause": cause}).Expect(200, "").JSON(&list)
	return list.Items
}

func TestAChoiceIsTriedWithoutTraceAndThenMadeOnce(t *testing.T) {
	b := bench(t)
	b.Import(functiontest.Row(maria))
	q := chosen(b, "application-1", maria, "", "26001", policy.ByRight)
	var before, after, again policy.Applied
	b.CallAs("smo-selection", name, "/changes/try", q).Expect(200, "").JSON(&before)
	if before.Region != "26" || before.SMO != "26002" || before.ID == "" {
		t.Errorf("tried: %+v", before)
	}
	if smo := insurer(b, maria, ""); smo != "26002" {
		t.Fatalf("a try left %s", smo)
	}
	b.CallAs("smo-selection", name, "/changes", q).Expect(200, "").JSON(&after)
	b.Advance(48 * time.Hour)
	b.CallAs("smo-selection", name, "/changes", q).Expect(200, "").JSON(&again)
	if after != again || after.SMO != "26001" || after.ID != before.ID {
		t.Errorf("%+v, then %+v", after, again)
	}
	if smo := insurer(b, maria, ""); smo != "26001" {
		t.Errorf("the record has %s", smo)
	}
	// The replacement of the year is used up by one application, not by two tries of it.
	b.CallAs("smo-selection", name, "/changes", chosen(b, "application-2", maria, "", "26002", policy.ByRight)).
		Expect(409, "insurer_changed_this_year")
}

func TestWhatTheLawForbidsSaysFromWhenAndWhatFits(t *testing.T) {
	b := bench(t)
	b.Import(functiontest.Row(maria), functiontest.Row(pavel, "insurer", ""))
	b.SetClock(time.Date(2026, time.November, 2, 9, 0, 0, 0, time.UTC))
	for rule, tc := range map[string]struct {
		who                 person.Person
		smo, region         string
		reason              policy.Reason
		code, from, suggest string
		status              int
	}{
		"by right after 1 November":      {maria, "26001", "26", policy.ByRight, "insurer_change_after_1_november", "2027-01-01", "", 409},
		"first over a real insurer":      {maria, "26001", "26", policy.First, "insurance_in_force", "2027-01-01", "by_right", 409},
		"by right over the fund":         {pavel, "26001", "26", policy.ByRight, "no_insurer_to_replace", "", "first", 409},
		"an insurer of another region":   {pavel, "77004", "26", policy.First, "insurer_of_other_region", "", "move", 409},
		"a move that stays":              {maria, "26001", "26", policy.Moved, "move_within_region", "", "by_right", 409},
		"the contract is in force":       {maria, "26001", "26", policy.ContractEnded, "insurer_contract_in_force", "", "by_right", 409},
		"an insurer that nobody knows":   {pavel, "26999", "26", policy.First, "invalid_fields", "", "", 422},
		"somebody who is not on record":  {anna, "26001", "26", policy.First, "not_in_register", "", "register", 409},
		"a move to where it really goes": {maria, "77004", "77", policy.Moved, "", "", "", 200},
	} {
		q := chosen(b, "application-"+rule, tc.who, "", tc.smo, tc.reason)
		q.Choice.Region = tc.region
		res := b.CallAs("smo-selection", name, "/changes/try", q).Expect(tc.status, tc.code)
		if res.From != tc.from || res.Suggest != tc.suggest {
			t.Errorf("%s: from %q, suggests %q", rule, res.From, res.Suggest)
		}
	}
}

func TestARecordThatMayBeSomebodyElsesIsNotChanged(t *testing.T) {
	b := bench(t)
	b.Import(
		functiontest.Row(maria),
		functiontest.Row(anna, "snils", "", "enp", number(anna, 40)),
		functiontest.Row(anna, "document", person.Document{Type: person.Passport, Series: "0712", Number: "999999"}, "enp", number(anna, 41)),
	)
	other := maria
	other.Birth = other.Birth.AddDays(1)
	for code, who := range map[string]person.Person{"record_differs": other, "duplicate_records": anna, "not_in_register": pavel} {
		for _, path := range []string{"/changes", "/changes/try", "/may"} {
			b.CallAs("smo-selection", name, path, chosen(b, "application-1", who, "", "26001", policy.ByRight)).Expect(409, code)
		}
	}
	if smo := insurer(b, maria, ""); smo != "26002" {
		t.Errorf("the record has %s", smo)
	}
}

func TestAChildsInsurerIsChosenByItsRecordedRepresentativesUntilItIs18(t *testing.T) {
	b := bench(t)
	row := functiontest.Child(ilya, functiontest.Maria, functiontest.Pavel)
	row["insurer"] = ""
	b.Import(row)
	id := children(b, maria)[0]
	for _, path := range []string{"/changes", "/changes/try", "/may"} {
		b.CallAs("smo-selection", name, path, chosen(b, "application-1", anna, id, "26001", policy.First)).Expect(404, "person_not_found")
		b.CallAs("smo-selection", name, path, chosen(b, "application-1", maria, "x", "26001", policy.First)).Expect(404, "person_not_found")
	}
	if smo := insurer(b, maria, id); smo != "" {
		t.Fatalf("a stranger chose %s", smo)
	}
	b.CallAs("smo-selection", name, "/changes", chosen(b, "application-2", pavel, id, "26006", policy.First)).Expect(200, "")
	if smo := insurer(b, maria, id); smo != "26006" {
		t.Errorf("the mother sees %s", smo)
	}
	// Born on 2 September 2019.
	b.SetClock(time.Date(2037, time.September, 1, 12, 0, 0, 0, time.UTC))
	b.CallAs("smo-selection", name, "/changes/try", chosen(b, "application-3", maria, id, "26001", policy.ByRight)).Expect(200, "")
	b.SetClock(time.Date(2037, time.September, 2, 12, 0, 0, 0, time.UTC))
	for _, path := range []string{"/changes", "/changes/try", "/may"} {
		b.CallAs("smo-selection", name, path, chosen(b, "application-3", maria, id, "26001", policy.ByRight)).Expect(404, "person_not_found")
	}
}

func TestOfTwoParentsAtOnceOneChoosesAndTheOtherIsToldWhy(t *testing.T) {
	b := bench(t)
	row := functiontest.Child(ilya, functiontest.Maria, functiontest.Pavel)
	row["insurer"] = ""
	b.Import(row)
	id := children(b, maria)[0]
	wanted := []string{"26001", "26006"}
	answers := make([]functiontest.Response, 2)
	var both sync.WaitGroup
	for n, who := range []person.Person{maria, pavel} {
		q := chosen(b, "application-"+wanted[n], who, id, wanted[n], policy.First)
		both.Go(func() { answers[n] = b.CallAs("smo-selection", name, "/changes", q) })
	}
	both.Wait()
	won := slices.IndexFunc(answers, func(r functiontest.Response) bool { return r.Status == 200 })
	if won < 0 {
		t.Fatalf("nobody won: %s, %s", answers[0].Body, answers[1].Body)
	}
	lost := answers[1-won].Expect(409, "insurance_in_force")
	if lost.Suggest != "by_right" {
		t.Errorf("the other one is suggested %q", lost.Suggest)
	}
	for _, who := range []person.Person{maria, pavel} {
		if smo := insurer(b, who, id); smo != wanted[won] {
			t.Errorf("%s sees %s instead of %s", who.Name.Given, smo, wanted[won])
		}
	}
}

func TestWhoIsToldOfAChange(t *testing.T) {
	b := bench(t)
	row := functiontest.Child(ilya, functiontest.Maria, functiontest.Pavel)
	row["insurer"] = ""
	b.Import(row)
	id := children(b, maria)[0]
	b.CallAs("smo-selection", name, "/changes", chosen(b, "application-1", maria, id, "26001", policy.First)).Expect(200, "")
	items := told(b, id, "application-1")
	if len(items) != 1 {
		t.Fatalf("%+v", items)
	}
	got := items[0]
	if got.Insured != id || got.Kind != policy.InsurerChosen || got.Person != ilya.SNILS || !got.At.Equal(b.Now()) ||
		!slices.Equal(got.Representatives, []person.SNILS{maria.SNILS, pavel.SNILS}) {
		t.Errorf("%+v", got)
	}
	for _, nothing := range [][2]string{{id, "application-2"}, {id, "first"}, {"i000" + id[4:], "application-1"}} {
		if items := told(b, nothing[0], nothing[1]); len(items) != 0 {
			t.Errorf("%v is told: %+v", nothing, items)
		}
	}
	b.SetClock(time.Date(2037, time.September, 2, 12, 0, 0, 0, time.UTC))
	if items := told(b, id, "application-1"); len(items) != 1 || items[0].Representatives != nil {
		t.Errorf("at 18 the parents are still told: %+v", items)
	}
}

func may(b *functiontest.Bench, who person.Person) (m policy.May) {
	b.CallAs("smo-selection", name, "/may", policy.Request{Applicant: who}).Expect(200, "").JSON(&m)
	return m
}

func TestMayITellsTheReasonThatFitsOrWhyNotAndFromWhen(t *testing.T) {
	b := bench(t)
	b.Import(functiontest.Row(maria), functiontest.Row(pavel, "insurer", ""))
	for rule, tc := range map[string]struct {
		at   time.Time
		who  person.Person
		want policy.May
	}{
		"until 1 November by right": {time.Date(2026, time.November, 1, 20, 59, 0, 0, time.UTC), maria,
			policy.May{Allowed: true, Reason: policy.ByRight}},
		"after it not, until January": {time.Date(2026, time.November, 1, 21, 0, 0, 0, time.UTC), maria,
			policy.May{Reason: policy.ByRight, Code: "insurer_change_after_1_november", From: "2027-01-01"}},
		"the first choice at any time": {time.Date(2026, time.December, 31, 12, 0, 0, 0, time.UTC), pavel,
			policy.May{Allowed: true, Reason: policy.First}},
	} {
		b.SetClock(tc.at)
		got := may(b, tc.who)
		if got.Allowed != tc.want.Allowed || got.Reason != tc.want.Reason || got.Code != tc.want.Code || got.From != tc.want.From ||
			(got.Detail == "") != tc.want.Allowed || got.Region != "26" {
			t.Errorf("%s: %+v", rule, got)
		}
	}
	b.CallAs("smo-selection", name, "/may", policy.Request{Applicant: anna}).Expect(409, "not_in_register")
}

// history is the fund's answer about one person.
type history struct {
	On      calendar.Date
	Insurer *struct {
		SMO, Name, Cause, Decision string
		Since                      calendar.Date
	}
	History []struct {
		SMO         string
		Reason      policy.Reason
		Since       calendar.Date
		Corrected   time.Time
		CorrectedBy string `json:"corrected_by"`
	}
}

func asOf(b *functiontest.Bench, change ...any) (h history) {
	body := map[string]any{"enp": number(maria, 31)}
	for i := 0; i < len(change); i += 2 {
		body[change[i].(string)] = change[i+1]
	}
	b.Call("POST", name, "/insurers", b.Token(fund), body).Expect(200, "").JSON(&h)
	return h
}

var fund = functiontest.Claims{"sub": "2003", "roles": []string{"fund"}}

func TestWhoInsuredIsAnsweredForAnyDayAsItWasKnownOnAnyDay(t *testing.T) {
	b := bench(t)
	b.Import(functiontest.Row(maria)) // by 26002 since 14 May 2020, recorded on 10 March 2026
	b.Advance(24 * time.Hour)
	chosenAt := b.Now()
	b.CallAs("smo-selection", name, "/changes", chosen(b, "application-1", maria, "", "26001", policy.ByRight)).Expect(200, "")
	b.Advance(30 * 24 * time.Hour)
	corrected := b.Now()
	correction := map[string]any{
		"enp": number(maria, 31), "source_id": "decision-7", "wrong": "2026-03-11", "smo": "26006", "region": "26", "since": "2026-03-05",
	}
	for range 2 { // delivered again it is the same correction
		b.Call("POST", name, "/insurers/corrections", b.Token(fund), correction).Expect(200, "")
	}
	for rule, tc := range map[string]struct {
		on    string
		known time.Time
		want  string
	}{
		"before any insurance":                  {"2020-05-13", corrected, ""},
		"its first day":                         {"2020-05-14", corrected, "26002"},
		"the day before the corrected one":      {"2026-03-04", corrected, "26002"},
		"the corrected first day":               {"2026-03-05", corrected, "26006"},
		"the day of the choice, as known now":   {"2026-03-11", corrected, "26006"},
		"the same day, as known then":           {"2026-03-11", chosenAt, "26001"},
		"a day before it, as known then":        {"2026-03-05", chosenAt, "26002"},
		"the choice, before it was made":        {"2026-03-11", chosenAt.Add(-time.Second), "26002"},
		"a moment before the correction":        {"2026-03-11", corrected.Add(-time.Second), "26001"},
		"before the register knew of anybody":   {"2026-03-11", functiontest.Begin.Add(-time.Second), ""},
		"a day to come goes by the latest word": {"2030-01-01", corrected, "26006"},
	} {
		h := asOf(b, "on", tc.on, "known", tc.known)
		got := ""
		if h.Insurer != nil {
			if got = h.Insurer.SMO; h.Insurer.Name == "" {
				t.Errorf("%s: no name", rule)
			}
		}
		if got != tc.want || h.On.String() != tc.on {
			t.Errorf("%s: %q instead of %q", rule, got, tc.want)
		}
	}
	h := asOf(b)
	if h.Insurer == nil || h.Insurer.SMO != "26006" || len(h.History) != 3 {
		t.Fatalf("%+v", h)
	}
	if wrong := h.History[1]; wrong.SMO != "26001" || !wrong.Corrected.Equal(corrected) || wrong.CorrectedBy != h.Insurer.Cause {
		t.Errorf("the wrong one is kept as %+v", wrong)
	}
	if right := h.Insurer; right.Decision != "decision-7" || strings.Contains(right.Cause, "decision") {
		t.Errorf("the right one is kept as %+v", right)
	}
	// A mistake put right gives no second replacement in the year.
	b.CallAs("smo-selection", name, "/changes", chosen(b, "application-2", maria, "", "26001", policy.ByRight)).Expect(409, "insurer_changed_this_year")
	id := may(b, maria).ID
	if items := told(b, id, h.Insurer.Cause); len(items) != 1 || items[0].Kind != policy.InsurerCorrected {
		t.Errorf("the person is told %+v", items)
	}
}

func TestEveryWrongFieldOfACorrectionIsNamed(t *testing.T) {
	b := bench(t)
	b.Import(functiontest.Row(maria))
	right := map[string]any{
		"enp": number(maria, 31), "source_id": "decision-7", "wrong": "2020-05-14", "smo": "26006", "region": "26", "since": "2020-05-20",
	}
	token := b.Token(fund)
	for rule, tc := range map[string]struct {
		field string
		value any
		code  string
	}{
		"no decision":           {"source_id", "", "required"},
		"no wrong day":          {"wrong", "", "required"},
		"no first day":          {"since", "", "date_wrong"},
		"a first day to come":   {"since", "2026-03-11", "date_wrong"},
		"no such region":        {"region", "00", "region_unknown"},
		"no such insurer":       {"smo", "26999", "smo_not_in_region"},
		"one of another region": {"smo", "77004", "smo_not_in_region"},
		"a mistyped number":     {"enp", "2656410837000319", "enp_check_digit"},
	} {
		body := map[string]any{}
		for k, v := range right {
			body[k] = v
		}
		body[tc.field] = tc.value
		if got := b.Call("POST", name, "/insurers/corrections", token, body).Expect(422, "invalid_fields").Fields()[tc.field]; got != tc.code {
			t.Errorf("%s: %q", rule, got)
		}
	}
	right["wrong"] = "2020-05-15"
	b.Call("POST", name, "/insurers/corrections", token, right).Expect(409, "insurance_not_found")
	right["enp"] = number(maria, 77)
	b.Call("POST", name, "/insurers/corrections", token, right).Expect(404, "record_not_found")
	b.Call("POST", name, "/insurers", token, map[string]any{"enp": number(maria, 77)}).Expect(404, "record_not_found")
	if h := asOf(b); len(h.History) != 1 || h.Insurer.SMO != "26002" {
		t.Errorf("left %+v", h)
	}
}

func TestAChangeIsFollowedByTheEventsOfThoseWhomItConcerns(t *testing.T) {
	b := bench(t)
	b.Import(functiontest.Row(maria))
	topics := []string{}
	for _, function := range []string{"notify", "policy-request"} {
		b.Put(function, nil)
	}
	q := chosen(b, "application-1", maria, "", "26001", policy.ByRight)
	b.CallAs("smo-selection", name, "/changes/try", q).Expect(200, "")
	b.Take(0)
	b.CallAs("smo-selection", name, "/changes", q).Expect(200, "")
	for _, queued := range b.Take(2) {
		topics = append(topics, queued.Target)
	}
	slices.Sort(topics)
	if !slices.Equal(topics, []string{"notify/changes", "policy-request/refresh"}) {
		t.Errorf("%v", topics)
	}
	b.CallAs("smo-selection", name, "/changes", q).Expect(200, "")
	b.Take(0) // the cause is known: nothing follows
}
