package function_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"polis/shared/access"
	"polis/shared/functiontest"
	"polis/shared/policy"
)

var clinic = functiontest.Claims{"sub": "2004", "roles": []string{"clinic"}, "clinic": "260001"}

// rendered is a row of a clinic about Maria. change is pairs of a field and
// another value for it.
func rendered(change ...any) map[string]any {
	row := map[string]any{
		"enp": number(maria, 31), "birth_date": maria.Birth, "date": "2026-02-03", "service": "Приём терапевта", "code": "B01.047.001",
		"cost": 64350, "clinic": map[string]string{"code": "260001", "name": "Поликлиника № 1"},
	}
	for i := 0; i < len(change); i += 2 {
		row[change[i].(string)] = change[i+1]
	}
	return row
}

func serve(b *functiontest.Bench, who functiontest.Claims, source string, rows ...map[string]any) (got imported) {
	b.Call("POST", name, "/services", b.Token(who), map[string]any{"source_id": source, "records": rows}).Expect(202, "").JSON(&got)
	return got
}

func services(b *functiontest.Bench, q policy.ServicesQuestion) (a policy.ServicesAnswer) {
	b.CallAs("policy-card", name, "/services/find", q).Expect(200, "").JSON(&a)
	return a
}

func own(limit int, next string) policy.ServicesQuestion {
	return policy.ServicesQuestion{Question: policy.Question{Applicant: maria}, Limit: limit, Next: next}
}

func TestServicesAreReportedByClinicsAndTheOperatorOnly(t *testing.T) {
	b := bench(t)
	b.OnlyFor(access.Function, name, "POST /services/find", "POST /services/privacy")
	for _, role := range []access.Role{access.Staff, access.Fund, access.Source, access.Auditor} {
		b.Call("POST", name, "/services", b.Token(functiontest.Claims{"sub": "x", "roles": []access.Role{role}}), nil).Expect(403, "not_allowed")
	}
	b.Call("POST", name, "/services", b.Token(functiontest.Maria.Claims()), nil).Expect(403, "not_allowed")
	b.CallAs("policy-card", name, "/services", "{}").Expect(403, "not_allowed")
}

func TestAChunkOfServicesSentAgainAddsNothing(t *testing.T) {
	b := bench(t)
	b.Import(functiontest.Row(maria))
	rows := []map[string]any{rendered(), rendered("service", "Общий анализ крови", "cost", 31000), rendered("date", "2025-11-20", "cost", 0)}
	if got := serve(b, clinic, "2026-03", rows...); got.Imported != 3 || len(got.Refused) != 0 {
		t.Fatalf("%+v", got)
	}
	if got := serve(b, clinic, "2026-03", rows...); got.Imported != 0 || got.Unchanged != 3 || len(got.Refused) != 0 {
		t.Errorf("again: %+v", got)
	}
	// The number of a delivery is its source's own: another's with the same is another.
	if got := serve(b, functiontest.Operator, "2026-03", rows[0]); got.Imported != 1 {
		t.Errorf("the operator's: %+v", got)
	}
	if got := serve(b, clinic, "2026-03", rendered("cost", 1)); len(got.Refused) != 1 || got.Refused[0].Code != "line_differs" {
		t.Errorf("another service under a line that came: %+v", got)
	}
	a := services(b, own(10, ""))
	if len(a.Items) != 4 || a.Items[3].Date.String() != "2025-11-20" || a.Next != "" {
		t.Errorf("%+v", a)
	}
	if want := []policy.YearOfServices{{Year: 2026, Count: 3, Cost: 159700}, {Year: 2025, Count: 1}}; fmt.Sprint(a.Years) != fmt.Sprint(want) {
		t.Errorf("%+v", a.Years)
	}
}

func TestALineOfServicesIsRefusedByItselfAndItsFieldNamed(t *testing.T) {
	b := bench(t)
	b.Import(functiontest.Row(maria), functiontest.Row(pavel))
	lines := []struct {
		row  map[string]any
		want string
	}{
		{rendered(), ""},
		{rendered("enp", "2656410837000319"), "enp enp_check_digit"},
		{rendered("enp", number(anna, 31)), "enp not_in_register"},
		{rendered("enp", number(pavel, 31)), "enp not_in_register"}, // another's birth date
		{rendered("date", "2026-03-11"), "date date_wrong"},
		{rendered("service", ""), "service required"},
		{rendered("service", "Приём\u202e врача"), "service control_character"},
		{rendered("cost", nil), "cost required"},
		{rendered("cost", -5), "cost out_of_range"},
		{rendered("clinic", map[string]string{"code": "260002", "name": "Чужая"}), "clinic.code clinic_not_own"},
	}
	rows := make([]map[string]any, len(lines))
	for i, line := range lines {
		rows[i] = line.row
	}
	got := serve(b, clinic, "1", rows...)
	refused := map[int]string{}
	for _, r := range got.Refused {
		refused[r.Line] = r.Field + " " + r.Code
	}
	for i, line := range lines {
		if refused[i+1] != line.want {
			t.Errorf("line %d: %q instead of %q", i+1, refused[i+1], line.want)
		}
	}
	if got.Imported != 1 || len(services(b, own(10, "")).Items) != 1 {
		t.Errorf("%+v", got)
	}
	for _, body := range []string{`{"records":[]}`, `{"source_id":"1","records":[]}`, `{"source_id":"1","all":true}`, `{"source_id":"d\u202e1","records":[{}]}`} {
		b.Call("POST", name, "/services", b.Token(clinic), body).Expect(422, "invalid_fields")
	}
	// One that cannot be read is refused by itself too.
	b.Call("POST", name, "/services", b.Token(clinic), `{"source_id":"2","records":[{"cost":1.5},{"bonus":1},{"date":"2026-02-30"}]}`).Expect(202, "").JSON(&got)
	if got.Imported != 0 || fmt.Sprint(got.Refused) != "[{1 cost wrong_type} {2 bonus unknown_field} {3 date date_wrong}]" {
		t.Errorf("%+v", got)
	}
}

func TestThousandsOfServicesAreReadPageByPageNewestFirst(t *testing.T) {
	b := bench(t)
	b.Import(functiontest.Row(maria))
	const all = 2000
	first := time.Date(2019, time.January, 1, 0, 0, 0, 0, time.UTC)
	for chunk := range all / 500 {
		rows := make([]map[string]any, 500)
		for i := range rows {
			n := chunk*500 + i
			rows[i] = rendered("date", first.AddDate(0, 0, n*7%2500).Format(time.DateOnly), "service", fmt.Sprint("Услуга ", n))
		}
		if got := serve(b, clinic, fmt.Sprint("chunk-", chunk), rows...); got.Imported != 500 {
			t.Fatalf("%+v", got)
		}
	}
	seen, last, pages := map[string]bool{}, "9999", 0
	for next := ""; pages == 0 || next != ""; pages++ {
		a := services(b, own(100, next))
		for _, s := range a.Items {
			if seen[s.Service] || s.Date.String() > last {
				t.Fatalf("page %d: %+v after %s", pages, s, last)
			}
			seen[s.Service], last = true, s.Date.String()
		}
		next = a.Next
	}
	if len(seen) != all {
		t.Errorf("%d services in %d pages", len(seen), pages)
	}
	for _, key := range b.Redis.Keys() {
		if strings.HasPrefix(key, "service") {
			if value, err := b.Redis.Get(key); err != nil || strings.Contains(value, "Услуга") || strings.Contains(value, "cost") {
				t.Fatalf("%s is not sealed: %v", key, err)
			}
		}
	}
}

func TestATeenagersServicesAreHiddenFromTheParentsByTheTeenagerAlone(t *testing.T) {
	b := bench(t)
	teen := ilya
	b.Import(functiontest.Child(teen, functiontest.Maria, functiontest.Pavel))
	id := children(b, maria)[0]
	serve(b, clinic, "1", rendered("enp", number(teen, 31), "birth_date", teen.Birth))
	parents := policy.ServicesQuestion{Question: policy.Question{Applicant: maria, Child: id}, Limit: 10}
	themself := policy.ServicesQuestion{Question: policy.Question{Applicant: teen}, Limit: 10}
	hide := func(who policy.ServicesPrivacy) functiontest.Response {
		return b.CallAs("policy-card", name, "/services/privacy", who)
	}
	if a := services(b, parents); len(a.Items) != 1 || a.MayHide || a.Hidden {
		t.Errorf("the mother of a child sees %+v", a)
	}
	if res := hide(policy.ServicesPrivacy{Applicant: teen, Hidden: true}).Expect(409, "services_private_from_15"); res.From != "2034-09-02" {
		t.Errorf("from %q", res.From)
	}
	b.SetClock(time.Date(2034, time.September, 2, 12, 0, 0, 0, time.UTC))
	if a := services(b, themself); len(a.Items) != 1 || !a.MayHide || a.Hidden {
		t.Errorf("the teenager sees %+v", a)
	}
	hide(policy.ServicesPrivacy{Applicant: teen, Hidden: true}).Expect(200, "")
	res := b.CallAs("policy-card", name, "/services/find", parents).Expect(403, "services_hidden")
	if strings.Contains(string(res.Body), "терапевт") || res.Detail == "" {
		t.Errorf("%s", res.Body)
	}
	if a := services(b, themself); len(a.Items) != 1 || !a.MayHide || !a.Hidden {
		t.Errorf("the teenager sees %+v", a)
	}
	hide(policy.ServicesPrivacy{Applicant: teen}).Expect(200, "")
	if a := services(b, parents); len(a.Items) != 1 {
		t.Errorf("shown again, the mother sees %+v", a)
	}
	// A stranger learns of nobody.
	b.CallAs("policy-card", name, "/services/find", policy.ServicesQuestion{Question: policy.Question{Applicant: anna, Child: id}, Limit: 10}).Expect(404, "person_not_found")
	b.CallAs("policy-card", name, "/services/find", policy.ServicesQuestion{Question: policy.Question{Applicant: anna}, Limit: 10}).Expect(409, "not_in_register")
	b.CallAs("policy-card", name, "/services/find", own(0, "")).Expect(422, "invalid_fields")
}
