package function_test

import (
	"fmt"
	"strings"
	"testing"

	insuredregistry "polis/functions/insured-registry"
	policycard "polis/functions/policy-card"
	"polis/shared/functiontest"
	"polis/shared/policy"
)

type historyPage struct {
	Items []struct{ Kind, On, Source, Text, Who, Why string }
	AsOf  string `json:"as_of"`
}

func history(b *functiontest.Bench, token, who string) (h historyPage) {
	b.Call("GET", name, "/history?person="+who, token, nil).Expect(200, "").JSON(&h)
	return h
}

func TestTheHistoryIsToldInWordsUnderConsent(t *testing.T) {
	b := bench(t, functiontest.Row(maria.Person, "suspended_from", "2026-01-15"))
	token := b.Token(maria.Claims())
	b.Call("GET", name, "/history", token, nil).Expect(403, "consent_required")
	b.Consent(token, "self")
	h := history(b, token, "self")
	if len(h.Items) != 2 || h.AsOf != "2026-03-10T09:00:00+03:00" {
		t.Fatalf("%+v", h)
	}
	if got := h.Items[0]; got.Kind != "suspended" || got.Text != "Полис приостановлен с 15.01.2026" || got.Who != "перенесено из прежней базы" {
		t.Errorf("%+v", got)
	}
	if got := h.Items[1]; got.Kind != "put_on_record" || !strings.HasPrefix(got.Text, "Запись в регистре с 14.05.2020. Страхует «") {
		t.Errorf("%+v", got)
	}
	b.Put(insuredregistry.Name, nil)
	b.Call("GET", name, "/history", token, nil).Expect(503, "insured_registry_unavailable")
}

func TestAParentIsNotToldWhichOfThemChoseTheInsurer(t *testing.T) {
	b := bench(t, functiontest.Child(functiontest.Ilya, maria, pavel))
	mother, father := b.Token(maria.Claims()), b.Token(pavel.Claims())
	id := child(b, mother)
	b.CallAs("smo-selection", insuredregistry.Name, "/changes", policy.Request{
		Cause: "application-1", Submitted: b.Now(), Applicant: pavel.Person, Child: id,
		Choice: &policy.Choice{SMO: "26001", Reason: policy.ByRight, Region: "26", Address: "ул. Тайная, д. 1"},
	}).Expect(200, "")
	for _, token := range []string{mother, father} {
		b.Consent(token, id)
		h := history(b, token, id)
		if len(h.Items) != 2 || h.Items[0].Who != "по заявлению законного представителя" || h.Items[0].Why != "Замена по праву раз в год" {
			t.Errorf("%+v", h)
		}
		body := string(b.Call("GET", name, "/history?person="+id, token, nil).Body)
		for _, secret := range []string{"Тайная", "application-1", string(pavel.Person.SNILS), string(maria.Person.SNILS)} {
			if strings.Contains(body, secret) {
				t.Errorf("it tells %s", secret)
			}
		}
	}
	b.Call("GET", name, "/history?person="+id, b.Token(anna.Claims()), nil).Expect(404, "person_not_found")
}

func TestThePolicyIsToldToClinicsSystems(t *testing.T) {
	row := functiontest.Row(maria.Person)
	b := bench(t, row)
	token := b.Token(maria.Claims())
	b.Call("GET", name, "/coverage", token, nil).Expect(403, "consent_required")
	token = holding(b, maria, "self")
	res := b.Call("GET", name, "/coverage", token, nil).Expect(200, "")
	if kind := res.Header.Get("Content-Type"); kind != "application/fhir+json; charset=utf-8" {
		t.Errorf("as %s", kind)
	}
	var got struct {
		ResourceType, Status string
		SubscriberID         string
		Identifier           []struct{ System, Value string }
		Payor                []struct{ Display string }
	}
	if res.JSON(&got); got.ResourceType != "Coverage" || got.Status != "active" || got.SubscriberID != fmt.Sprint(row["enp"]) {
		t.Errorf("%s", res.Body)
	}
	b.Run(name, policycard.New, "enp_system", "urn:oid:1.2.3")
	if b.Call("GET", name, "/coverage", token, nil).JSON(&got); got.Identifier[0].System != "urn:oid:1.2.3" || got.Payor[0].Display == "" {
		t.Errorf("%+v", got)
	}
}
