package function_test

import (
	"fmt"
	"maps"
	"reflect"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	insuredregistry "polis/functions/insured-registry"
	"polis/shared/access"
	"polis/shared/calendar"
	"polis/shared/functiontest"
	"polis/shared/person"
	"polis/shared/policy"
)

const name = insuredregistry.Name

var maria, pavel, anna, ilya = functiontest.Maria.Person, functiontest.Pavel.Person, functiontest.Anna.Person, functiontest.Ilya

func bench(t *testing.T) *functiontest.Bench {
	b := functiontest.New(t)
	b.Run(name, insuredregistry.New)
	return b
}

func find(b *functiontest.Bench, q policy.Question) (f policy.Finding) {
	b.CallAs("policy-request", name, "/find", q).Expect(200, "").JSON(&f)
	return f
}

func TestNewNamesEverythingMissingAtOnce(t *testing.T) {
	functiontest.MissingIsNamed(t, insuredregistry.New, append(functiontest.Stateful, "gateway_url")...)
	env := functiontest.New(t).Env("region", "00", "oidc_audience", "")
	if _, err := insuredregistry.New(env); err == nil || !strings.Contains(err.Error(), "region") || !strings.Contains(err.Error(), "oidc_audience") {
		t.Errorf("%v", err)
	}
}

func TestEachRouteIsForOneRole(t *testing.T) {
	b := bench(t)
	b.OnlyFor(access.Function, name, "POST /find", "POST /children", "POST /records", "POST /lives")
	b.OnlyFor(access.Operator, name, "POST /imports")
}

func without(p person.Person, what string) person.Person {
	switch what {
	case "snils":
		p.SNILS = ""
	case "document":
		p.Document = person.Document{}
	}
	return p
}

func TestARecordIsFoundByWhatIdentifiesThePerson(t *testing.T) {
	b := bench(t)
	b.Import(functiontest.Row(maria), functiontest.Row(pavel, "snils", ""))
	enp := person.ENP(fmt.Sprint(functiontest.Row(maria)["enp"]))
	for rule, q := range map[string]policy.Question{
		"by SNILS and document":                 {Applicant: maria},
		"by SNILS alone":                        {Applicant: without(maria, "document")},
		"by document alone":                     {Applicant: without(maria, "snils")},
		"by document where the record no SNILS": {Applicant: pavel},
		"by number":                             {Applicant: maria, ENP: enp},
	} {
		f := find(b, q)
		if f.Card == nil || f.Card.Person.Birth != q.Applicant.Birth || f.Card.Insurance.SMO != "26002" || len(f.Reasons)+len(f.Card.Warnings) != 0 || !f.Card.AsOf.Equal(functiontest.Begin) {
			t.Errorf("%s: %+v", rule, f)
		}
	}
}

func TestARecordThatMayBeSomebodyElsesIsNotShownAndTheReasonNamed(t *testing.T) {
	b := bench(t)
	b.Import(
		functiontest.Row(maria),
		functiontest.Row(anna, "snils", "", "enp", number(anna, 40)),
		functiontest.Row(anna, "document", person.Document{Type: person.Passport, Series: "0712", Number: "999999"}, "enp", number(anna, 41)),
	)
	change := func(p person.Person, how func(*person.Person)) person.Person { how(&p); return p }
	other := change(maria, func(p *person.Person) { p.Birth = p.Birth.AddDays(1) })
	enp := number(maria, 31)
	for rule, tc := range map[string]struct {
		q       policy.Question
		reasons []string
	}{
		"nothing leads there":              {policy.Question{Applicant: pavel}, []string{"not_in_register"}},
		"another birth date":               {policy.Question{Applicant: other}, []string{"birth_date_differs"}},
		"another name and only a document": {policy.Question{Applicant: change(without(maria, "snils"), func(p *person.Person) { p.Name.Given = "Анна" })}, []string{"name_differs"}},
		"another SNILS":                    {policy.Question{Applicant: change(maria, func(p *person.Person) { p.SNILS = pavel.SNILS })}, []string{"snils_differs"}},
		"all of it":                        {policy.Question{Applicant: change(pavel, func(p *person.Person) { p.Document = maria.Document })}, []string{"birth_date_differs", "name_differs", "snils_differs"}},
		"a number of somebody else":        {policy.Question{Applicant: pavel, ENP: enp}, []string{"enp_differs"}},
		"a number, and not what differs":   {policy.Question{Applicant: other, ENP: enp}, []string{"enp_differs"}},
		"a number that nobody has":         {policy.Question{Applicant: maria, ENP: number(maria, 77)}, []string{"enp_differs"}},
		"two records of one person":        {policy.Question{Applicant: anna}, []string{"duplicate_records"}},
	} {
		if f := find(b, tc.q); f.Card != nil || !slices.Equal(f.Reasons, tc.reasons) {
			t.Errorf("%s: %v, card %v", rule, f.Reasons, f.Card != nil)
		}
	}
}

func TestANewSurnameOrPassportIsToldAndNoHindrance(t *testing.T) {
	b := bench(t)
	b.Import(functiontest.Row(maria))
	married := maria
	married.Name.Family, married.Document.Number = "Орлова", "654321"
	f := find(b, policy.Question{Applicant: married})
	if f.Card == nil || f.Card.Person.Name.Family != "Соловьёва" || !slices.Equal(f.Card.Warnings, []string{"name_differs", "document_differs"}) {
		t.Errorf("%+v", f)
	}
}

// number of a policy that fits the person.
func number(p person.Person, serial int) person.ENP {
	enp, err := person.NewENP("26", p.Birth, p.Sex, serial)
	if err != nil {
		panic(err)
	}
	return enp
}

type imported struct {
	Imported, Unchanged int
	Refused             []struct {
		Line        int
		Field, Code string
	}
}

func load(b *functiontest.Bench, rows ...map[string]any) (got imported) {
	b.Call("POST", name, "/imports", b.Token(functiontest.Operator), map[string]any{"source_id": "1", "records": rows}).Expect(202, "").JSON(&got)
	return got
}

func TestAChunkSentAgainChangesNothing(t *testing.T) {
	b := bench(t)
	rows := []map[string]any{functiontest.Row(maria), functiontest.Row(pavel, "snils", ""), functiontest.Child(ilya, functiontest.Maria)}
	if got := load(b, rows...); got.Imported != 3 || got.Unchanged != 0 {
		t.Fatalf("%+v", got)
	}
	before := find(b, policy.Question{Applicant: maria})
	if got := load(b, rows...); got.Imported != 0 || got.Unchanged != 3 || len(got.Refused) != 0 {
		t.Errorf("%+v", got)
	}
	after := find(b, policy.Question{Applicant: maria})
	if !after.Card.Answered.After(before.Card.Answered) {
		t.Errorf("the later answer: %s after %s", after.Card.Answered, before.Card.Answered)
	}
	if after.Card.Answered = before.Card.Answered; !reflect.DeepEqual(after, before) {
		t.Errorf("%+v became %+v", before.Card, after.Card)
	}
}

func TestALineIsRefusedByItselfAndItsFieldNamed(t *testing.T) {
	b := bench(t)
	load(b, functiontest.Row(maria))
	row := functiontest.Row
	foreign := map[string]any{"type": 9, "series": "AU", "number": "0562913"}
	lines := []struct {
		row         map[string]any
		field, code string
	}{
		{row(pavel, "snils", "13177046243"), "snils", "snils_check_digits"},
		{row(pavel, "name", person.Name{Family: "Соловьёв😀"}), "name.family", "name_unsupported_character"},
		{row(pavel, "sex", "X"), "sex", "sex_wrong"},
		{row(pavel, "birth_date", ""), "birth_date", "birth_date_missing"},
		{row(pavel, "document", person.Document{Type: person.Passport, Series: "1", Number: "234567"}), "document.series", "document_series_wrong"},
		{row(pavel, "enp", "2656410837000319"), "enp", "enp_check_digit"},
		{row(pavel, "enp", ""), "enp", "enp_length"},
		{row(pavel, "region", "00"), "region", "region_unknown"},
		{row(pavel, "insurer", "77004"), "insurer", "smo_not_in_region"},
		{row(pavel, "insurer", "26999"), "insurer", "smo_not_in_region"},
		{row(pavel, "since", "2026-03-11"), "since", "date_wrong"},
		{row(pavel, "since", ""), "since", "date_wrong"},
		{row(pavel, "representatives", []string{"1"}), "representatives", "snils_length"},
		{row(pavel, "snils", "", "document", person.Document{}), "snils", "required"},
		{row(pavel, "birth_record", map[string]string{"number": ""}), "birth_record.number", "required"},
		{row(pavel, "birth_record", map[string]string{"number": "12\u202e34"}), "birth_record.number", "control_character"},
		{row(pavel, "name", person.Name{Family: "<script>"}), "name.family", "name_unsupported_character"},
		{row(pavel, "name", person.Name{Family: "Орлов\u2066"}), "name.family", "name_control_character"},
		{row(pavel, "clinic", policy.Clinic{Name: "Поликлиника\u202e№ 1"}), "clinic.name", "control_character"},
		{row(pavel, "clinic", policy.Clinic{Name: "Поликлиника\r\nBcc: a@example.org"}), "clinic.name", "control_character"},
		{row(pavel, "clinic", policy.Clinic{Name: strings.Repeat("я", 251)}), "clinic.name", "too_long"},
		{row(pavel, "clinic", policy.Clinic{Name: "Поликлиника", Address: "ул.\u200bМира"}), "clinic.address", "control_character"},
		{row(maria, "enp", number(maria, 32)), "", "enp_differs"},
		{row(pavel, "snils", "", "document", maria.Document), "", "document_taken"},
		{row(pavel, "enp", number(maria, 31)), "", "enp_taken"},
		{row(anna, "snils", "", "document", foreign), "", ""},
	}
	rows := make([]map[string]any, len(lines))
	for i, line := range lines {
		rows[i] = line.row
	}
	got := load(b, rows...)
	if got.Imported != 1 || got.Unchanged != 0 {
		t.Errorf("%+v", got)
	}
	refused := map[int]string{}
	for _, r := range got.Refused {
		refused[r.Line] = r.Field + " " + r.Code
	}
	for i, line := range lines {
		want := line.field + " " + line.code
		if line.code == "" {
			want = ""
		}
		if refused[i+1] != want {
			t.Errorf("line %d: %q instead of %q", i+1, refused[i+1], want)
		}
	}
}

func TestAnImportIsNamedAndHasAnEnd(t *testing.T) {
	b := bench(t)
	operator := b.Token(functiontest.Operator)
	many := make([]map[string]any, 501)
	for rule, tc := range map[string]struct {
		body  map[string]any
		field string
	}{
		"no id":         {map[string]any{"records": []any{functiontest.Row(maria)}}, "source_id"},
		"a hidden id":   {map[string]any{"source_id": "1\u202e2", "records": []any{functiontest.Row(maria)}}, "source_id"},
		"nobody in it":  {map[string]any{"source_id": "1"}, "records"},
		"too many":      {map[string]any{"source_id": "1", "records": many}, "records"},
		"unknown field": {map[string]any{"source_id": "1", "all": true}, "all"},
	} {
		res := b.Call("POST", name, "/imports", operator, tc.body).Expect(422, "invalid_fields")
		if _, named := res.Fields()[tc.field]; !named {
			t.Errorf("%s: names %v", rule, res.Errors)
		}
	}
}

func TestAChunkBrokenOffByTheStoreIsSentAgain(t *testing.T) {
	b := bench(t)
	b.Redis.Close()
	b.Call("POST", name, "/imports", b.Token(functiontest.Operator), map[string]any{"source_id": "1", "records": []any{functiontest.Row(maria)}}).Expect(503, "store_unavailable")
	if err := b.Redis.Restart(); err != nil {
		t.Fatal(err)
	}
	if got := load(b, functiontest.Row(maria)); got.Imported != 1 {
		t.Errorf("%+v", got)
	}
}

// birth of a child that has neither SNILS nor certificate yet.
func birth(change ...any) map[string]any {
	body := map[string]any{
		"kind": "birth", "source_id": "zags-1", "region": "26",
		"record": map[string]any{"number": "120269260000100001004", "date": "2026-03-06"},
		"child":  map[string]any{"name": ilya.Name, "sex": "M", "birth_date": "2026-03-01"},
		"mother": maria.SNILS,
	}
	for i := 0; i < len(change); i += 2 {
		body[change[i].(string)] = change[i+1]
	}
	return body
}

func report(b *functiontest.Bench, body map[string]any) functiontest.Response {
	return b.Call("POST", name, "/events", b.Token(functiontest.Zags), body)
}

func children(b *functiontest.Bench, p person.Person) (ids []string) {
	var list struct{ Items []policy.Child }
	b.CallAs("policy-card", name, "/children", policy.Question{Applicant: p}).Expect(200, "").JSON(&list)
	for _, c := range list.Items {
		ids = append(ids, c.ID)
	}
	return ids
}

func TestANewbornIsInsuredByTheFundAndBelongsToItsParents(t *testing.T) {
	b := bench(t)
	var made struct {
		ID       string
		SourceID string `json:"source_id"`
	}
	report(b, birth("father", pavel.SNILS.String())).Expect(202, "").JSON(&made)
	if made.SourceID != "zags-1" {
		t.Errorf("%+v", made)
	}
	for _, parent := range []person.Person{maria, pavel} {
		if ids := children(b, parent); !slices.Equal(ids, []string{made.ID}) {
			t.Errorf("%s has %v", parent.Name.Given, ids)
		}
		f := find(b, policy.Question{Applicant: parent, Child: made.ID})
		if f.Card == nil || f.Card.Insurance.SMO != "" || f.Card.Insurance.Region != "26" || len(f.Card.Changes) != 0 {
			t.Fatalf("%+v", f)
		}
		if warnings := f.Card.ENP.Warnings(calendar.On(2026, time.March, 1), person.Male); len(warnings) != 0 || f.Card.ENP.Region() != "26" {
			t.Errorf("%s: %v", f.Card.ENP, warnings)
		}
		if _, err := person.ParseENP(string(f.Card.ENP)); err != nil {
			t.Error(err)
		}
	}
	if ids := children(b, anna); len(ids) != 0 {
		t.Errorf("a stranger has %v", ids)
	}
	for _, id := range []string{made.ID, "i000" + strings.Repeat("0", 24), "x"} {
		b.CallAs("policy-request", name, "/find", policy.Question{Applicant: anna, Child: id}).Expect(404, "person_not_found")
	}
}

func TestABirthReportedTwiceIsOneChildAndTwinsAreTwo(t *testing.T) {
	b := bench(t)
	ids := map[string]bool{}
	twin := map[string]any{"number": "120269260000100002004", "date": "2026-03-06"}
	for _, body := range []map[string]any{birth(), birth(), birth("source_id", "zags-2"), birth("record", twin)} {
		var made struct{ ID string }
		report(b, body).Expect(202, "").JSON(&made)
		ids[made.ID] = true
	}
	if have := children(b, maria); len(ids) != 2 || len(have) != 2 {
		t.Errorf("made %v, the mother has %v", slices.Collect(maps.Keys(ids)), have)
	}
}

func TestOnlyZagsReportsBirths(t *testing.T) {
	b := bench(t)
	for _, unit := range []string{"commissariat", ""} {
		b.Call("POST", name, "/events", b.Token(functiontest.Claims{"sub": "1", "roles": []string{"source"}, "source": unit}), birth()).Expect(403, "source_not_allowed")
	}
	if ids := children(b, maria); len(ids) != 0 {
		t.Errorf("left %v", ids)
	}
}

func TestEveryWrongFieldOfABirthIsNamedOnce(t *testing.T) {
	b := bench(t)
	for rule, tc := range map[string]struct {
		body map[string]any
		want string
	}{
		"another kind":           {birth("kind", "move"), "kind kind_unknown"},
		"no id of the source":    {birth("source_id", ""), "source_id required"},
		"no such region":         {birth("region", "00"), "region region_unknown"},
		"no civil record":        {birth("record", map[string]any{"number": ""}), "record.number required, record.date required"},
		"a record without a day": {birth("record", map[string]any{"number": "1"}), "record.date required"},
		"recorded tomorrow":      {birth("record", map[string]any{"number": "1", "date": "2026-03-11"}), "record.date date_wrong"},
		"recorded before it":     {birth("record", map[string]any{"number": "1", "date": "2026-02-28"}), "record.date date_wrong"},
		"born 18 years ago":      {birth("child", map[string]any{"name": ilya.Name, "sex": "M", "birth_date": "2008-03-10"}), "child.birth_date child_of_age"},
		"one parent as both":     {birth("father", "112-233-445 95"), "father parents_same"},
		"an endless record":      {birth("record", map[string]any{"number": strings.Repeat("1", 41), "date": "2026-03-06"}), "record.number too_long"},
		"a record turned round":  {birth("record", map[string]any{"number": "1202\u202e92", "date": "2026-03-06"}), "record.number control_character"},
		"a source that hides":    {birth("source_id", "zags\u200b-1"), "source_id control_character"},
		"a child with markup":    {birth("child", map[string]any{"name": map[string]any{"given": "<script>"}, "sex": "M", "birth_date": "2026-03-01"}), "child.name.given name_unsupported_character"},
		"a child turned round":   {birth("child", map[string]any{"name": map[string]any{"given": "Ил\u202eья"}, "sex": "M", "birth_date": "2026-03-01"}), "child.name.given name_control_character"},
		"no parent":              {birth("mother", ""), "mother required"},
		"a mistyped mother":      {birth("mother", "11223344596"), "mother snils_check_digits"},
		"two mistyped parents":   {birth("mother", "1", "father", "x"), "mother snils_length, father snils_not_digits"},
		"born tomorrow":          {birth("child", map[string]any{"name": ilya.Name, "sex": "M", "birth_date": "2026-03-11"}), "child.birth_date birth_date_in_future"},
		"a child without a name": {birth("child", map[string]any{"sex": "M", "birth_date": "2026-03-01"}), "child.name.family name_missing"},
	} {
		var named []string
		for _, e := range report(b, tc.body).Expect(422, "invalid_fields").Errors {
			named = append(named, e.Field+" "+e.Code)
		}
		if got := strings.Join(named, ", "); got != tc.want {
			t.Errorf("%s: %q", rule, got)
		}
	}
}

func TestAChildIsRepresentedUntilItIs18(t *testing.T) {
	b := bench(t)
	b.Import(functiontest.Child(ilya, functiontest.Maria))
	id := children(b, maria)[0]
	for day, represented := range map[int]bool{1: true, 2: false} {
		b.SetClock(time.Date(2037, time.September, day, 12, 0, 0, 0, time.UTC))
		want, code := 200, ""
		if !represented {
			want, code = 404, "person_not_found"
		}
		b.CallAs("policy-request", name, "/find", policy.Question{Applicant: maria, Child: id}).Expect(want, code)
		if ids := children(b, maria); (len(ids) == 1) != represented {
			t.Errorf("on the %dth: %v", day, ids)
		}
	}
}

func TestDaysCountByTheClockOfTheRegionOfInsurance(t *testing.T) {
	b := bench(t)
	at := func(year int, month time.Month, day int) { // in Moscow; in Kamchatka it is tomorrow
		b.SetClock(time.Date(year, month, day, 18, 0, 0, 0, time.UTC))
	}
	at(2026, time.March, 10)
	kid := functiontest.Child(ilya, functiontest.Maria)
	kid["region"], kid["insurer"] = "41", ""
	b.Import(functiontest.Row(maria, "region", "41", "insurer", "41002"), kid, functiontest.Row(pavel, "region", "41", "insurer", "41002", "since", "2026-03-11"))
	if got := serve(b, clinic, "1", rendered("date", "2026-03-11"), rendered("date", "2026-03-12")); got.Imported != 1 || got.Refused[0].Code != "date_wrong" {
		t.Errorf("services of today and tomorrow: %+v", got)
	}
	send(b, "zags", reportOf("death", "on", "2026-03-12")).Expect(422, "invalid_fields")
	send(b, "zags", reportOf("death", "on", "2026-03-11")).Expect(202, "")
	if got := shown(b); got != "Аннулирован с 11.03.2026. Причина: в регистре записана смерть" {
		t.Errorf("of a death of today: %s", got)
	}
	at(2037, time.August, 31)
	if ids := children(b, maria); len(ids) != 1 {
		t.Errorf("on the day before 18: %v", ids)
	}
	at(2037, time.September, 1)
	if ids := children(b, maria); len(ids) != 0 {
		t.Errorf("at 18: %v", ids)
	}
}

func TestASilentStoreIsNeverNotFound(t *testing.T) {
	b := bench(t)
	b.Import(functiontest.Child(ilya, functiontest.Maria))
	id := children(b, maria)[0]
	b.Loading(true)
	for _, q := range []policy.Question{{Applicant: maria}, {Applicant: maria, Child: id}} {
		b.CallAs("policy-request", name, "/find", q).Expect(503, "store_unavailable")
	}
	b.Loading(false)
	for _, key := range b.Redis.Keys() {
		if strings.HasPrefix(key, "insured:") {
			b.Redis.Set(key, strings.Repeat("x", 100))
		}
	}
	b.CallAs("policy-request", name, "/find", policy.Question{Applicant: maria, Child: id}).Expect(500, "internal")
}

func enrol(b *functiontest.Bench, cause string, p person.Person) functiontest.Response {
	return b.CallAs("policy-request", name, "/records", policy.Enrolment{Cause: cause, Submitted: b.Now(), Person: p, Region: "26", SMO: "26001"})
}

func TestOneApplicationMakesOneRecordAndAnotherOneNone(t *testing.T) {
	b := bench(t)
	var first, again policy.Enrolled
	enrol(b, "application-1", anna).Expect(201, "").JSON(&first)
	enrol(b, "application-1", anna).Expect(201, "").JSON(&again)
	if first != again {
		t.Errorf("%+v became %+v", first, again)
	}
	if warnings := first.ENP.Warnings(anna.Birth, anna.Sex); len(warnings) != 0 || first.ENP.Region() != "26" {
		t.Errorf("%s: %v", first.ENP, warnings)
	}
	if res := enrol(b, "application-2", anna).Expect(409, "already_insured"); res.Suggest != "lookup" {
		t.Errorf("suggests %q", res.Suggest)
	}
	stolen := pavel
	stolen.Document = anna.Document
	enrol(b, "application-3", stolen).Expect(409, "document_taken")
	if f := find(b, policy.Question{Applicant: anna}); f.Card == nil || f.Card.ENP != first.ENP || f.Card.Insurance.SMO != "26001" || f.Card.ValidFrom.String() != "2026-03-10" {
		t.Errorf("%+v", f)
	}
}

func TestOfTenApplicationsAtOnceOneMakesTheRecord(t *testing.T) {
	b := bench(t)
	statuses := make([]int, 10)
	var all sync.WaitGroup
	for i := range statuses {
		all.Go(func() { statuses[i] = enrol(b, fmt.Sprint("application-", i), anna).Status })
	}
	all.Wait()
	slices.Sort(statuses)
	if statuses[0] != 201 || statuses[1] != 409 || statuses[9] != 409 {
		t.Errorf("%v", statuses)
	}
}

func TestAPersonWhoCannotBeIsNotPutOnRecord(t *testing.T) {
	b := bench(t)
	wrong := anna
	wrong.Birth, wrong.Sex = calendar.Date{}, ""
	fields := enrol(b, "application-1", wrong).Expect(422, "invalid_fields").Fields()
	if fields["person.birth_date"] != "birth_date_missing" || fields["person.sex"] != "sex_wrong" {
		t.Errorf("%v", fields)
	}
}
