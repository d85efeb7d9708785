package function_test

import (
	"strings"
	"testing"
	"time"

	consenttoggle "polis/functions/consent-toggle"
	insuredregistry "polis/functions/insured-registry"
	policycard "polis/functions/policy-card"
	policyrequest "polis/functions/policy-request"
	"polis/shared/access"
	"polis/shared/functiontest"
	"polis/shared/person"
)

const name = policycard.Name

var maria, pavel, anna = functiontest.Maria, functiontest.Pavel, functiontest.Anna

func bench(t *testing.T, rows ...map[string]any) *functiontest.Bench {
	b := functiontest.New(t)
	b.Run(name, policycard.New)
	b.Run(policyrequest.Name, policyrequest.New)
	b.Run(consenttoggle.Name, consenttoggle.New)
	b.Run(insuredregistry.Name, insuredregistry.New)
	if rows != nil {
		b.Import(rows...)
	}
	return b
}

// holding is a token whose holder has consented and looked the policy up.
func holding(b *functiontest.Bench, c functiontest.Citizen, who string) string {
	token := b.Token(c.Claims())
	b.Consent(token, who)
	b.Call("POST", policyrequest.Name, "/", token, map[string]string{"kind": "lookup", "person": who}).Expect(202, "")
	b.Deliver(1)
	return token
}

type card struct {
	Person     string
	ENP        person.ENP
	Grouped    string `json:"enp_grouped"`
	Status     string
	Text       string
	ValidFrom  string `json:"valid_from"`
	RegionName string `json:"region_name"`
	Insurer    struct {
		SMO, Name, Phone, Site, Since string
		StandIn                       bool `json:"stand_in"`
	}
	Clinic   *struct{ Name string }
	Warnings []string
	AsOf     string `json:"as_of"`
}

func read(b *functiontest.Bench, token, who string) (c card) {
	b.Call("GET", name, "/?person="+who, token, nil).Expect(200, "").JSON(&c)
	return c
}

// child is the id of the only child of a parent.
func child(b *functiontest.Bench, token string) string {
	var family struct{ Items []struct{ Person string } }
	b.Call("GET", name, "/family", token, nil).Expect(200, "").JSON(&family)
	return family.Items[1].Person
}

func TestNewNamesEverythingMissingAtOnce(t *testing.T) {
	functiontest.MissingIsNamed(t, policycard.New, append(functiontest.Stateful, "gateway_url")...)
}

func TestOnlyConfirmedCitizensHaveACard(t *testing.T) {
	bench(t).OnlyFor(access.Citizen, name, "GET /", "GET /family", "GET /access", "GET /doctor", "POST /doctor")
}

func TestTheCardShowsPolicyStateAndInsurer(t *testing.T) {
	row := functiontest.Row(maria.Person, "clinic", map[string]string{"name": "Поликлиника № 1"})
	b := bench(t, row)
	c := read(b, holding(b, maria, "self"), "")
	if c.Person != "self" || c.ENP != row["enp"] || c.Grouped != c.ENP.Grouped() || c.Status != "active" || c.ValidFrom != "2020-05-14" ||
		c.RegionName != "Ставропольский край" || c.Clinic == nil || len(c.Warnings) != 0 || c.AsOf != "2026-03-10T09:00:00+03:00" {
		t.Errorf("%+v", c)
	}
	if i := c.Insurer; i.SMO != "26002" || i.Name == "" || i.Phone == "" || i.Since != "2020-05-14" || i.StandIn {
		t.Errorf("%+v", i)
	}
}

func TestTheStateIsToldInWords(t *testing.T) {
	for rule, tc := range map[string]struct {
		row          map[string]any
		status, text string
	}{
		"suspended for service":           {functiontest.Row(maria.Person, "suspended_from", "2026-01-15"), "suspended", "Приостановлен с 15.01.2026"},
		"the fund stands in for insurers": {functiontest.Row(maria.Person, "insurer", ""), "no_insurer", "Активен. Страховая не выбрана, пока её заменяет территориальный фонд ОМС"},
	} {
		b := bench(t, tc.row)
		c := read(b, holding(b, maria, "self"), "self")
		if c.Status != tc.status || c.Text != tc.text || c.Insurer.Phone == "" || c.Insurer.StandIn != (tc.status == "no_insurer") {
			t.Errorf("%s: %+v", rule, c)
		}
	}
}

func TestDataThatDifferAreTold(t *testing.T) {
	married := maria
	married.Person.Name.Family = "Орлова"
	b := bench(t, functiontest.Row(maria.Person))
	if c := read(b, holding(b, married, "self"), "self"); len(c.Warnings) != 1 || c.Warnings[0] != "name_differs" {
		t.Errorf("%+v", c)
	}
}

func TestOfAPolicyThatIsOverNothingIsToldThatHoldsNoMore(t *testing.T) {
	b := bench(t, functiontest.Row(anna.Person, "category", "eaeu_worker", "ends", "2028-05-31", "valid_until", "2026-12-31", "insurer", ""))
	token := holding(b, with(anna, func(p *person.Person) { p.Document.Number = "999999" }), "self")
	told := func() (c struct {
		Status, Category, Validity string
		ReportBy                   string `json:"report_by"`
		DaysLeft                   *int   `json:"report_days_left"`
	}) {
		b.Call("GET", name, "/", token, nil).Expect(200, "").JSON(&c)
		return c
	}
	if c := told(); c.Status != "no_insurer" || !strings.HasPrefix(c.Validity, "Полис действует до 31.12.2026") || c.ReportBy != "2026-04-10" || c.DaysLeft == nil {
		t.Errorf("%+v", c)
	}
	b.SetClock(time.Date(2027, time.January, 5, 9, 0, 0, 0, time.UTC))
	if c := told(); c.Status != "expired" || c.Category != "eaeu_worker" || c.Validity != "" || c.ReportBy != "" || c.DaysLeft != nil {
		t.Errorf("%+v", c)
	}
}

func TestTheGroundOfAnEndIsTold(t *testing.T) {
	b := bench(t, functiontest.Row(maria.Person))
	token := holding(b, maria, "self")
	ground := func() string {
		var c struct{ Ground string }
		b.Call("GET", name, "/", token, nil).Expect(200, "").JSON(&c)
		return c.Ground
	}
	if ground() != "" {
		t.Error("of a policy in force")
	}
	b.Call("POST", insuredregistry.Name, "/events", b.Token(functiontest.Zags), map[string]any{
		"kind": "death", "source_id": "1", "on": "2026-03-09", "person": map[string]any{"snils": maria.Person.SNILS, "birth_date": maria.Person.Birth},
	}).Expect(202, "")
	b.Deliver(1)
	if got := ground(); got != "death" {
		t.Errorf("%q", got)
	}
}

func TestWithoutConsentThereIsNoCard(t *testing.T) {
	b := bench(t, functiontest.Row(maria.Person))
	token := b.Token(maria.Claims())
	if res := b.Call("GET", name, "/", token, nil).Expect(403, "consent_required"); res.Fields()["ffoms"] != "consent_missing" || res.Fields()["mincifry"] != "consent_missing" {
		t.Errorf("%v", res.Errors)
	}
	holding(b, maria, "self")
	b.Call("POST", consenttoggle.Name, "/", token, `{"operator":"mincifry","action":"revoke","reason":"Передумала"}`).Expect(200, "")
	if res := b.Call("GET", name, "/", token, nil).Expect(403, "consent_required"); len(res.Fields()) != 1 || strings.Contains(string(res.Body), "Соловьёва") {
		t.Errorf("%s", res.Body)
	}
}

func TestACardThatWasNeverAskedForIsOffered(t *testing.T) {
	b := bench(t)
	token := b.Token(anna.Claims())
	b.Consent(token, "self")
	if res := b.Call("GET", name, "/", token, nil).Expect(404, "policy_not_loaded"); res.Suggest != "lookup" {
		t.Errorf("suggests %q", res.Suggest)
	}
}

func TestAChildIsKnownToItsRepresentativesOnly(t *testing.T) {
	b := bench(t, functiontest.Child(functiontest.Ilya, maria, pavel))
	mother, father, stranger := b.Token(maria.Claims()), b.Token(pavel.Claims()), b.Token(anna.Claims())
	id := child(b, mother)
	for _, who := range []string{id, "i000" + strings.Repeat("0", 24), "x", "self:x"} {
		b.Call("GET", name, "/?person="+who, stranger, nil).Expect(404, "person_not_found")
	}
	if res := b.Call("GET", name, "/?person="+id, mother, nil).Expect(403, "consent_required"); len(res.Fields()) != 1 {
		t.Errorf("for a child the fund's consent is enough: %v", res.Errors)
	}
	holding(b, maria, id)
	if c := read(b, mother, id); c.Person != id || c.Status != "active" {
		t.Errorf("%+v", c)
	}
	// Two parents have two copies, each under their own consent.
	b.Call("GET", name, "/?person="+id, father, nil).Expect(403, "consent_required")
	b.Call("GET", name, "/?person="+id, stranger, nil).Expect(404, "person_not_found")
	var family struct{ Items []any }
	if b.Call("GET", name, "/family", stranger, nil).Expect(200, "").JSON(&family); len(family.Items) != 1 {
		t.Errorf("%v", family.Items)
	}
}

func TestACopyOfAChildsPolicyIsShownUntilTheChildIs18(t *testing.T) {
	b := bench(t, functiontest.Child(functiontest.Ilya, maria))
	mother := b.Token(maria.Claims())
	id := child(b, mother)
	holding(b, maria, id)
	b.SetClock(time.Date(2037, time.September, 1, 23, 59, 0, 0, functiontest.Begin.Location()))
	read(b, mother, id)
	b.Advance(time.Minute)
	b.Call("GET", name, "/?person="+id, mother, nil).Expect(404, "policy_not_loaded")
}

func TestTheCopyIsReadWithoutTheRegister(t *testing.T) {
	b := bench(t, functiontest.Row(maria.Person))
	token := holding(b, maria, "self")
	b.Put(insuredregistry.Name, nil)
	read(b, token, "self")
	b.Call("GET", name, "/family", token, nil).Expect(503, "insured_registry_unavailable")
	b.Call("GET", name, "/?person=i1", token, nil).Expect(503, "insured_registry_unavailable")
}

func TestTheMothersInsurerIsShownForANewbornWhileItCovers(t *testing.T) {
	b := bench(t, functiontest.Row(maria.Person))
	var born struct{ ID string }
	b.Call("POST", insuredregistry.Name, "/events", b.Token(functiontest.Zags), map[string]any{
		"kind": "birth", "source_id": "1", "region": "26", "mother": maria.Person.SNILS, "record": map[string]string{"number": "120269260000204100001", "date": "2026-03-10"},
		"child": map[string]any{"name": map[string]string{"family": "Соловьёва", "given": "Майя"}, "sex": "F", "birth_date": "2026-03-01"},
	}).Expect(202, "").JSON(&born)
	token := holding(b, maria, born.ID)
	type covered struct {
		Status   string
		Covering *struct{ SMO, Name, Phone, Until string } `json:"covering_insurer"`
	}
	look := func() (c covered) {
		b.Call("GET", name, "/?person="+born.ID, token, nil).Expect(200, "").JSON(&c)
		return c
	}
	if c := look(); c.Status != "no_insurer" || c.Covering == nil || c.Covering.SMO != "26002" || c.Covering.Phone == "" || c.Covering.Until != "2026-03-10" {
		t.Errorf("%+v", c.Covering)
	}
	b.Advance(15 * time.Hour) // the next day begins
	if c := look(); c.Covering != nil {
		t.Errorf("%+v", c.Covering)
	}
}
