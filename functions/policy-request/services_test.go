package function_test

import (
	"maps"
	"testing"
	"time"

	handler "github.com/openfaas/templates-sdk/go-http"

	insuredregistry "polis/functions/insured-registry"
	policycard "polis/functions/policy-card"
	"polis/shared/functiontest"
	"polis/shared/server"
)

const asksForAll = `{"kind":"lookup","what":["services","policy","attachment"]}`

// deaf makes the register answer nothing on one path.
func deaf(b *functiontest.Bench, path string) {
	register := b.Run(insuredregistry.Name, insuredregistry.New)
	b.Put(insuredregistry.Name, functiontest.Handler(func(r handler.Request) (handler.Response, error) {
		if server.Path(r.Context()) == path {
			return handler.Response{StatusCode: 503}, nil
		}
		return register.Handle(r)
	}))
}

func render(b *functiontest.Bench, c functiontest.Citizen) {
	row := functiontest.Row(c.Person)
	b.Call("POST", insuredregistry.Name, "/services", b.Token(functiontest.Operator), map[string]any{"source_id": "s", "records": []any{map[string]any{
		"enp": row["enp"], "birth_date": row["birth_date"], "date": "2026-02-02", "service": "Осмотр", "cost": 100, "clinic": map[string]string{"code": "1", "name": "Поликлиника"},
	}}}).Expect(202, "")
}

func results(b *functiontest.Bench, token, id string) (a struct {
	application
	Results map[string]string
}) {
	b.Call("GET", name, "/"+id, token, nil).Expect(200, "").JSON(&a)
	return a
}

func TestPolicyClinicAndServicesAreToldApart(t *testing.T) {
	b := bench(t)
	b.Import(functiontest.Row(maria.Person), functiontest.Row(anna.Person, "clinic", map[string]string{"name": "Поликлиника № 1"}))
	render(b, maria)
	for rule, tc := range map[string]struct {
		who  functiontest.Citizen
		body string
		want map[string]string
	}{
		"services and no clinic":  {maria, asksForAll, map[string]string{"policy": "shown", "attachment": "no_data", "services": "shown"}},
		"a clinic and no service": {anna, asksForAll, map[string]string{"policy": "shown", "attachment": "shown", "services": "no_data"}},
		"services not asked for":  {maria, `{"kind":"lookup","what":["policy"]}`, map[string]string{"policy": "shown"}},
	} {
		token := consenting(b, tc.who)
		a := submit(b, token, tc.body)
		b.Deliver(1)
		if got := results(b, token, a.ID); got.Status != "granted" || !maps.Equal(got.Results, tc.want) {
			t.Errorf("%s: %s %v", rule, got.Status, got.Results)
		}
	}
}

func TestWhereTheRegisterAnswersForAPartThatIsShownAndTheRestAskedForAgain(t *testing.T) {
	b := bench(t)
	b.Import(functiontest.Row(maria.Person))
	render(b, maria)
	token := consenting(b, maria)
	deaf(b, "/services/find")
	a := submit(b, token, asksForAll)
	work := b.Take(1)[0]
	b.Send(work).Expect(200, "")
	got := results(b, token, a.ID)
	if got.Status != "working" || got.Results["policy"] != "shown" || got.Results["services"] != "pending" || !got.NextTry.Equal(b.Now().Add(5*time.Second)) {
		t.Fatalf("%+v", got)
	}
	b.Call("GET", policycard.Name, "/", token, nil).Expect(200, "")
	b.Run(insuredregistry.Name, insuredregistry.New)
	b.SetClock(got.NextTry)
	later(b, event(t, work))
	if got = results(b, token, a.ID); got.Status != "granted" || got.Results["services"] != "shown" || len(got.Timeline) != 3 {
		t.Errorf("%+v", got)
	}
}

func TestAtTheTermTheRestIsGivenUpAndSaysSo(t *testing.T) {
	for rule, path := range map[string]string{"the services stay silent": "/services/find", "all is silent at the end": ""} {
		b := bench(t)
		b.Import(functiontest.Row(maria.Person))
		token := consenting(b, maria)
		deaf(b, "/services/find")
		a := submit(b, token, asksForAll)
		work := b.Take(1)[0]
		b.Send(work).Expect(200, "")
		if path == "" {
			b.Put(insuredregistry.Name, nil)
		}
		b.SetClock(a.Due.Add(-time.Second))
		later(b, event(t, work))
		if got := results(b, token, a.ID); got.Status != "working" || got.Results["services"] != "pending" || !got.NextTry.Equal(a.Due) {
			t.Errorf("%s, before the term: %+v", rule, got)
		}
		b.SetClock(a.Due)
		later(b, event(t, work))
		if got := results(b, token, a.ID); got.Status != "granted" || got.Results["policy"] != "shown" || got.Results["services"] != "no_answer" {
			t.Errorf("%s, at the term: %+v", rule, got)
		}
		b.Call("GET", policycard.Name, "/", token, nil).Expect(200, "")
	}
}
