package function_test

import (
	"maps"
	"testing"
	"time"

	insuredregistry "polis/functions/insured-registry"
	"polis/shared/access"
	"polis/shared/calendar"
	"polis/shared/functiontest"
	"polis/shared/person"
	"polis/shared/policy"
)

func TestTryingAFirstPolicyIsForFunctionsAndChangesNothing(t *testing.T) {
	b := bench(t)
	b.OnlyFor(access.Function, name, "POST /records/try")
	e := policy.Enrolment{Cause: "application-1", Submitted: b.Now(), Person: anna, Region: "26"}
	for range 2 {
		b.CallAs("policy-request", name, "/records/try", e).Expect(200, "")
	}
	if f := find(b, policy.Question{Applicant: anna}); f.Card != nil {
		t.Errorf("%+v", f.Card)
	}
	b.CallAs("policy-request", name, "/records", e).Expect(201, "")
	b.CallAs("policy-request", name, "/records/try", e).Expect(200, "") // its own doing
	e.Cause = "application-2"
	b.CallAs("policy-request", name, "/records/try", e).Expect(409, "already_insured")
}

func TestAChildsRecordNeedsItsCivilRecord(t *testing.T) {
	b := bench(t)
	e := policy.Enrolment{Cause: "application-1", Submitted: b.Now(), Person: maria, Region: "26", Child: &policy.NewChild{Person: ilya}}
	if got := b.CallAs("policy-request", name, "/records", e).Expect(422, "invalid_fields").Fields(); !maps.Equal(got, map[string]string{"child.birth_record.number": "required"}) {
		t.Errorf("%v", got)
	}
	e.Child.Birth = policy.BirthRecord{Number: "120199260000204108003", Date: calendar.On(2019, time.September, 12)}
	e.Child.Parents = []person.SNILS{maria.SNILS, pavel.SNILS}
	b.CallAs("policy-request", name, "/records", e).Expect(201, "")
	for who, p := range map[string]person.Person{"the applicant": maria, "the other parent": pavel} {
		if got := children(b, p); len(got) != 1 {
			t.Errorf("%s has %v", who, got)
		}
	}
	var born struct{ Items []policy.Born }
	b.CallAs("notify", name, "/born", policy.Question{Applicant: maria}).Expect(200, "").JSON(&born)
	if len(born.Items) != 1 || born.Items[0].Cause != e.Cause || len(born.Items[0].Representatives) != 2 {
		t.Errorf("the other parent is told, and who applied is known by the application: %+v", born.Items)
	}
}

func TestTheMothersInsurerCoversANewbornWhileTheRegimeSaysSo(t *testing.T) {
	for rule, tc := range map[string]struct {
		cover, registered string
		moved             time.Duration
		smo, until        string
	}{
		"registered today, by the Rules of 2025": {"", "2026-03-10", 0, "26002", "2026-03-10"},
		"registered yesterday":                   {"", "2026-03-09", 0, "", ""},
		"by another regime":                      {"30", "2026-03-09", 0, "26002", "2026-04-08"},
		"after its last day":                     {"30", "2026-03-09", 30 * 24 * time.Hour, "", ""},
	} {
		b := functiontest.New(t)
		b.Run(name, insuredregistry.New, "newborn_cover", tc.cover)
		b.Import(functiontest.Row(maria), functiontest.Row(pavel, "insurer", "26005"))
		e := policy.Enrolment{Cause: "application-1", Submitted: b.Now(), Person: pavel, Region: "26", Child: &policy.NewChild{
			Person: ilya, Birth: policy.BirthRecord{Number: "1", Date: date(t, tc.registered)}, Parents: []person.SNILS{maria.SNILS}}}
		var made policy.Enrolled
		b.CallAs("policy-request", name, "/records", e).Expect(201, "").JSON(&made)
		b.Advance(tc.moved)
		f := find(b, policy.Question{Applicant: maria, Child: made.ID})
		if f.Card == nil || f.Card.Insurance.SMO != "" || f.Card.Covering.SMO != tc.smo || f.Card.Covering.Until.String() != tc.until {
			t.Errorf("%s: %+v", rule, f.Card)
		}
	}
	if _, err := insuredregistry.New(functiontest.New(t).Env("newborn_cover", "30 days")); err == nil {
		t.Error("a setting that cannot be read is taken")
	}
}

func date(t *testing.T, text string) calendar.Date {
	t.Helper()
	d, err := calendar.ParseDate(text)
	if err != nil {
		t.Fatal(err)
	}
	return d
}

func TestAnEmployersWordEndsWhatRestsOnTheContractAlone(t *testing.T) {
	b := bench(t)
	b.Import(functiontest.Row(maria))
	right := policy.RightOf(policy.EAEUWorker, calendar.On(2027, time.May, 31), calendar.On(2026, time.March, 10))
	b.CallAs("policy-request", name, "/records", policy.Enrolment{Cause: "application-1", Submitted: b.Now(), Person: anna, Region: "26", Right: right}).Expect(201, "")
	end := func(claims functiontest.Claims, snils, last string) functiontest.Response {
		return b.Call("POST", name, "/events", b.Token(claims), map[string]string{"kind": "contract_ended", "source_id": "staff-" + snils + last, "snils": snils, "last_day": last})
	}
	end(functiontest.Zags, string(anna.SNILS), "2026-06-15").Expect(403, "source_not_allowed")
	if got := end(functiontest.Employer, "1", "").Expect(422, "invalid_fields").Fields(); len(got) != 2 || got["last_day"] != "required" || got["snils"] == "" {
		t.Errorf("%v", got)
	}
	// The same answer, whether there is such a policy or none.
	for rule, snils := range map[string]person.SNILS{"a worker": anna.SNILS, "a citizen": maria.SNILS, "nobody here": pavel.SNILS} {
		if res := end(functiontest.Employer, string(snils), "2026-06-15").Expect(202, ""); string(res.Body) != `{"source_id":"staff-`+string(snils)+`2026-06-15"}`+"\n" && string(res.Body) != `{"source_id":"staff-`+string(snils)+`2026-06-15"}` {
			t.Errorf("%s: %s", rule, res.Body)
		}
	}
	if f := find(b, policy.Question{Applicant: anna}); f.Card == nil || f.Card.ValidUntil.String() != "2026-06-15" || f.Card.Right.Cause != "" {
		t.Errorf("%+v", f.Card)
	}
	if f := find(b, policy.Question{Applicant: maria}); f.Card == nil || !f.Card.ValidUntil.IsZero() {
		t.Errorf("%+v", f.Card)
	}
}

// The fund decides days after the application: what an employer reports meanwhile
// counts, whatever the policy rested on before.
func TestADismissalWhileTheFundDecidesEndsWhatItGrants(t *testing.T) {
	filed := calendar.On(2026, time.July, 1)
	for rule, row := range map[string]map[string]any{
		"on record for the first time": nil,
		"a contract that had ended":    functiontest.Row(maria, "category", "temporary_worker", "ends", "2026-05-31", "valid_until", "2026-05-31"),
		"a permit that has ended":      functiontest.Row(maria, "category", "temporary_resident", "ends", "2026-05-31", "valid_until", "2026-05-31"),
	} {
		b := bench(t)
		b.SetClock(time.Date(2026, time.July, 6, 9, 0, 0, 0, time.UTC))
		if row != nil {
			b.Import(row)
		}
		b.Call("POST", name, "/events", b.Token(functiontest.Employer),
			map[string]string{"kind": "contract_ended", "source_id": "1", "snils": string(maria.SNILS), "last_day": "2026-07-05"}).Expect(202, "")
		b.SetClock(time.Date(2026, time.July, 8, 9, 0, 0, 0, time.UTC))
		e := policy.Enrolment{Cause: "application-1", Submitted: filed.Start(time.UTC).Add(9 * time.Hour), Person: maria, Region: "26", ByFund: true,
			Right: policy.RightOf(policy.TemporaryWorker, calendar.On(2027, time.March, 31), filed)}
		for range 2 { // however often
			b.CallAs("policy-request", name, "/records", e).Expect(201, "")
		}
		if f := find(b, policy.Question{Applicant: maria}); f.Card == nil || f.Card.ValidUntil.String() != "2026-07-05" {
			t.Errorf("%s: %+v", rule, f.Card)
		}
	}
}

// A report is of the contracts that there were by then, and the application that
// follows it tells of another.
func TestADismissalThatWasReportedBeforeTheApplicationLeavesItsTerm(t *testing.T) {
	for rule, row := range map[string]map[string]any{
		"on record for the first time": nil,
		"a contract that runs out":     functiontest.Row(maria, "category", "eaeu_worker", "ends", "2026-06-30", "valid_until", "2026-06-30"),
	} {
		b := bench(t)
		b.SetClock(time.Date(2026, time.June, 25, 9, 0, 0, 0, time.UTC))
		if row != nil {
			b.Import(row)
		}
		dismiss := func() {
			b.Call("POST", name, "/events", b.Token(functiontest.Employer),
				map[string]string{"kind": "contract_ended", "source_id": "1", "snils": string(maria.SNILS), "last_day": "2026-06-30"}).Expect(202, "")
		}
		dismiss()
		b.Advance(time.Hour) // on the same day
		e := policy.Enrolment{Cause: "application-1", Submitted: b.Now(), Person: maria, Region: "26",
			Right: policy.RightOf(policy.EAEUWorker, calendar.On(2027, time.June, 30), calendar.On(2026, time.June, 25))}
		for range 2 { // however often, and in whatever order
			b.CallAs("policy-request", name, "/records", e).Expect(201, "")
			dismiss()
		}
		if f := find(b, policy.Question{Applicant: maria}); f.Card == nil || f.Card.ValidUntil.String() != "2026-12-31" {
			t.Errorf("%s: %+v", rule, f.Card)
		}
	}
}

// Nobody but oneself applies for an adult, whatever their record derives from.
func TestARecordOfABirthIsProlongedByItsPersonOnceTheyAreOfAge(t *testing.T) {
	ended := []any{"valid_until", "2026-02-28", "ends", "2026-02-28"}
	record := map[string]string{"number": "120199260000204108003", "date": "2019-09-12"}
	child := functiontest.Child(ilya, functiontest.Maria)
	child["category"], child["valid_until"], child["ends"] = "temporary_resident", "2026-02-28", "2026-02-28"
	for rule, tc := range map[string]struct {
		row   map[string]any
		who   person.Person
		day   calendar.Date
		right policy.Right
		until string
	}{
		"a child that has grown up": {child, grown(), calendar.On(2037, time.September, 20), policy.RightOf(policy.PermanentResident, calendar.Date{}, calendar.On(2037, time.September, 20)), "2037-12-31"},
		"imported with the civil record of the birth": {functiontest.Row(maria, append(ended, "category", "eaeu_worker", "birth_record", record)...), maria,
			calendar.On(2026, time.March, 10), policy.RightOf(policy.EAEUWorker, calendar.On(2026, time.December, 1), calendar.On(2026, time.March, 10)), "2026-12-01"},
	} {
		b := bench(t)
		b.Import(tc.row)
		b.SetClock(tc.day.Start(time.UTC).Add(9 * time.Hour))
		before := find(b, policy.Question{Applicant: tc.who}).Card
		e := policy.Enrolment{Cause: "application-1", Submitted: b.Now(), Person: tc.who, Region: "26", Right: tc.right}
		b.CallAs("policy-request", name, "/records/try", e).Expect(200, "")
		var made policy.Enrolled
		for range 2 {
			b.CallAs("policy-request", name, "/records", e).Expect(201, "").JSON(&made)
		}
		after := find(b, policy.Question{Applicant: tc.who}).Card
		if !made.Renewed || made.ENP != before.ENP || after == nil || after.Insured != before.Insured || after.ValidUntil.String() != tc.until {
			t.Errorf("%s: %+v %+v", rule, made, after)
		}
		e.Cause = "application-2"
		b.CallAs("policy-request", name, "/records/try", e).Expect(409, "already_insured")
		e.Person.Birth = calendar.On(1985, time.March, 13) // somebody else's SNILS gives nothing
		for _, path := range []string{"/records/try", "/records"} {
			b.CallAs("policy-request", name, path, e).Expect(409, "record_differs")
		}
	}
}

func TestADismissalCountsAlsoForARecordOfABirth(t *testing.T) {
	b := bench(t)
	b.SetClock(time.Date(2026, time.July, 6, 9, 0, 0, 0, time.UTC))
	b.Import(functiontest.Row(maria, "category", "temporary_worker", "ends", "2026-05-31", "valid_until", "2026-05-31", "birth_record", map[string]string{"number": "1", "date": "1985-04-01"}))
	filed := b.Now()
	b.Advance(24 * time.Hour)
	b.Call("POST", name, "/events", b.Token(functiontest.Employer),
		map[string]string{"kind": "contract_ended", "source_id": "1", "snils": string(maria.SNILS), "last_day": "2026-07-06"}).Expect(202, "")
	b.Advance(24 * time.Hour)
	e := policy.Enrolment{Cause: "application-1", Submitted: filed, Person: maria, Region: "26", ByFund: true,
		Right: policy.RightOf(policy.TemporaryWorker, calendar.On(2027, time.March, 31), calendar.On(2026, time.July, 6))}
	b.CallAs("policy-request", name, "/records", e).Expect(201, "")
	if f := find(b, policy.Question{Applicant: maria}); f.Card == nil || f.Card.ValidUntil.String() != "2026-07-06" {
		t.Errorf("%+v", f.Card)
	}
}

func TestAnImportTellsAForeignersTermAndProlongsIt(t *testing.T) {
	b := bench(t)
	row := func(change ...any) map[string]any {
		return functiontest.Row(anna, append([]any{"category", "eaeu_worker", "ends", "2028-05-31", "valid_until", "2026-12-31"}, change...)...)
	}
	for rule, tc := range map[string]struct {
		row         map[string]any
		field, code string
	}{
		"a term without a category":      {row("category", ""), "category", "required"},
		"a citizen's has none":           {row("category", "citizen"), "category", "required"},
		"a category there is not":        {row("category", "tourist"), "category", "category_unknown"},
		"who is outside":                 {row("category", "highly_qualified"), "category", "category_unknown"},
		"a category without a term":      {row("valid_until", ""), "valid_until", "required"},
		"a term before its first day":    {row("valid_until", "2020-05-13", "ends", ""), "valid_until", "date_wrong"},
		"a term that stands for none":    {row("valid_until", "2200-12-31", "ends", ""), "valid_until", "date_too_late"},
		"longer than what it rests upon": {row("ends", "2026-12-30"), "valid_until", "date_wrong"},
	} {
		if got := load(b, tc.row); got.Imported != 0 || len(got.Refused) != 1 || got.Refused[0].Field != tc.field || got.Refused[0].Code != tc.code {
			t.Errorf("%s: %+v", rule, got)
		}
	}
	card := func() *policy.Card { return find(b, policy.Question{Applicant: anna}).Card }
	if got := load(b, row()); got.Imported != 1 || card().ValidUntil.String() != "2026-12-31" || card().Right.Text().RU != "Полис действует до 31.12.2026" {
		t.Errorf("%+v", got)
	}
	if got := load(b, row("valid_until", "2027-12-31")); got.Unchanged != 1 || card().ValidUntil.String() != "2026-12-31" {
		t.Errorf("the same import again: %+v", got)
	}
	later := func(until string) (got imported) {
		b.Call("POST", name, "/imports", b.Token(functiontest.Operator), map[string]any{"source_id": "2 " + until, "records": []any{row("valid_until", until)}}).Expect(202, "").JSON(&got)
		return got
	}
	if got := later("2026-06-30"); got.Unchanged != 1 || card().ValidUntil.String() != "2026-12-31" {
		t.Errorf("an earlier term: %+v", got)
	}
	if got := later("2027-12-31"); got.Imported != 1 || card().ValidUntil.String() != "2027-12-31" || card().ValidFrom.String() != "2020-05-14" {
		t.Errorf("a later one: %+v", got)
	}
	b.Call("POST", name, "/events", b.Token(functiontest.Employer),
		map[string]string{"kind": "contract_ended", "source_id": "1", "snils": string(anna.SNILS), "last_day": "2026-03-05"}).Expect(202, "")
	if got := later("2028-05-31"); got.Unchanged != 1 || card().ValidUntil.String() != "2026-03-05" {
		t.Errorf("a contract that was ended: %+v", got)
	}
}
