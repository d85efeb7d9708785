package function_test

import (
	"net/http"
	"testing"
	"time"

	insuredregistry "polis/functions/insured-registry"
	"polis/shared/functiontest"
	"polis/shared/person"
)

type servicesPage struct {
	Person string
	Items  []struct {
		Date, Service, Clinic string
		Cost                  int64
	}
	Next  string
	Years []struct {
		Year, Count int
		Cost        int64
	}
	MayHide bool `json:"may_hide"`
	Hidden  bool
	AsOf    string `json:"as_of"`
}

// render reports services of the days, each of 100 roubles.
func render(b *functiontest.Bench, enp any, birth string, days ...string) {
	var rows []map[string]any
	for _, day := range days {
		rows = append(rows, map[string]any{
			"enp": enp, "birth_date": birth, "date": day, "service": "Осмотр", "cost": 10000,
			"clinic": map[string]string{"code": "260001", "name": "Поликлиника № 1"},
		})
	}
	token := b.Token(functiontest.Claims{"sub": "2004", "roles": []string{"clinic"}, "clinic": "260001"})
	b.Call("POST", insuredregistry.Name, "/services", token, map[string]any{"source_id": "s", "records": rows}).Expect(202, "")
}

func TestServicesAreShownUnderConsentPageByPage(t *testing.T) {
	row := functiontest.Row(maria.Person)
	b := bench(t, row)
	render(b, row["enp"], "1985-03-12", "2026-01-10", "2026-03-01", "2025-12-31")
	token := b.Token(maria.Claims())
	b.Call("GET", name, "/services", token, nil).Expect(403, "consent_required")
	b.Consent(token, "self")
	var first, second servicesPage
	b.Call("GET", name, "/services?limit=2", token, nil).Expect(200, "").JSON(&first)
	b.Call("GET", name, "/services?limit=2&next="+first.Next, token, nil).Expect(200, "").JSON(&second)
	if first.Person != "self" || len(first.Items) != 2 || first.Items[0].Date != "2026-03-01" || first.Items[1].Date != "2026-01-10" || first.AsOf != "2026-03-10T09:00:00+03:00" {
		t.Errorf("%+v", first)
	}
	if len(second.Items) != 1 || second.Next != "" || second.Items[0].Clinic != "Поликлиника № 1" || second.Items[0].Cost != 10000 {
		t.Errorf("%+v", second)
	}
	if len(first.Years) != 2 || first.Years[0].Year != 2026 || first.Years[0].Cost != 20000 || first.MayHide || first.Hidden {
		t.Errorf("%+v", first)
	}
	b.Call("GET", name, "/services?limit=0", token, nil).Expect(422, "invalid_fields")
}

func TestTheSilenceOfTheRegisterIsNoEmptyListOfServices(t *testing.T) {
	b := bench(t, functiontest.Row(maria.Person))
	token := b.Token(maria.Claims())
	b.Consent(token, "self")
	b.Put(insuredregistry.Name, nil)
	if res := b.Call("GET", name, "/services", token, nil).Expect(503, "insured_registry_unavailable"); res.Header.Get("Retry-After") == "" {
		t.Error("does not say when to try again")
	}
	b.Call("PUT", name, "/services/privacy", token, `{"hidden":true}`).Expect(503, "insured_registry_unavailable")
}

func TestATeenagerHidesServicesInTheirOwnAccount(t *testing.T) {
	teen := functiontest.Citizen{Subject: "1004", Person: functiontest.Ilya}
	teen.Person.Document = person.Document{Type: person.Passport, Series: "4512", Number: "777777"}
	row := functiontest.Child(functiontest.Ilya, maria, pavel)
	b := bench(t, row)
	mother, stranger := b.Token(maria.Claims()), b.Token(anna.Claims())
	id := child(b, mother)
	render(b, row["enp"], "2019-09-02", "2026-02-02")
	b.Call("GET", name, "/services?person="+id, stranger, nil).Expect(404, "person_not_found")
	b.Call("GET", name, "/services?person="+id, mother, nil).Expect(403, "consent_required")
	b.Consent(mother, id)
	b.SetClock(time.Date(2034, time.September, 2, 12, 0, 0, 0, time.UTC))
	var page servicesPage
	if b.Call("GET", name, "/services?person="+id, mother, nil).Expect(200, "").JSON(&page); len(page.Items) != 1 {
		t.Errorf("%+v", page)
	}
	own := b.Token(teen.Claims())
	b.Call(http.MethodPut, name, "/services/privacy", own, `{}`).Expect(422, "invalid_fields")
	b.Call(http.MethodPut, name, "/services/privacy", own, `{"hidden":true}`).Expect(200, "")
	b.Call("GET", name, "/services?person="+id, mother, nil).Expect(403, "services_hidden")
	// The parents cannot decide it for the teenager.
	b.Call(http.MethodPut, name, "/services/privacy", mother, `{"hidden":false}`).Expect(409, "not_in_register")
	b.Consent(own, "self")
	if b.Call("GET", name, "/services", own, nil).Expect(200, "").JSON(&page); len(page.Items) != 1 || !page.MayHide || !page.Hidden {
		t.Errorf("%+v", page)
	}
}
