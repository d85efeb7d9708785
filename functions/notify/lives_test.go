package function_test

import (
	"encoding/json"
	"testing"

	consenttoggle "polis/functions/consent-toggle"
	insuredregistry "polis/functions/insured-registry"
	function "polis/functions/notify"
	policylifecycle "polis/functions/policy-lifecycle"
	policyrequest "polis/functions/policy-request"
	"polis/shared/functiontest"
	"polis/shared/store"
)

// told is how many notices the history of a citizen has.
func told(b *functiontest.Bench, c functiontest.Citizen) int {
	var list struct{ Items []struct{ Kind string } }
	b.Call("GET", function.Name, "/", b.Token(c.Claims()), nil).Expect(200, "").JSON(&list)
	return len(list.Items)
}

// report of a citizen by the civil registry, or by the fund's staff.
func report(b *functiontest.Bench, token, kind string, c functiontest.Citizen, on string) {
	body := map[string]any{"kind": kind, "source_id": kind + "-" + c.Subject, "person": map[string]any{"snils": c.Person.SNILS, "birth_date": c.Person.Birth}}
	if on != "" {
		body["on"] = on
	}
	b.Call("POST", insuredregistry.Name, "/events", token, body).Expect(202, "")
}

func TestAfterADeathNothingIsToldAndWhatWasToldBeforeStays(t *testing.T) {
	b := functiontest.New(t)
	b.Run(insuredregistry.Name, insuredregistry.New)
	b.Run(policylifecycle.Name, policylifecycle.New)
	b.Run(function.Name, function.New)
	b.Lose(policylifecycle.Name + "/work") // it is called by hand
	b.Lose(function.Name + "/changes")
	maria, zags := functiontest.Maria, b.Token(functiontest.Zags)
	fund := b.Token(functiontest.Claims{"sub": "f", "roles": []string{"fund"}})
	b.Import(functiontest.Row(maria.Person))
	suspend := func(from string) (id string) {
		var a struct{ ID string }
		b.Call("POST", policylifecycle.Name, "/", b.Token(maria.Claims()), map[string]string{"action": "suspend", "ground": "conscription", "from": from}).Expect(202, "").JSON(&a)
		return a.ID
	}
	id := suspend("2026-03-20")
	var e store.Event
	for _, q := range b.Take(2) { // her account is introduced, and the submission told
		if err := json.Unmarshal(q.Body, &e); err != nil {
			t.Fatal(err)
		}
		b.Send(q).Expect(200, "")
	}
	if n := told(b, maria); n != 1 {
		t.Fatalf("%d notices", n)
	}
	report(b, zags, "death", maria, "2026-03-09")
	death := b.Take(1)[0]
	for range 2 { // however often
		b.Send(death).Expect(200, "")
	}
	work := store.Event{Topic: policylifecycle.Name + "/work", Home: e.Home, Subject: id}
	b.CallAs("deadline-watch", policylifecycle.Name, "/work", work).Expect(200, "")
	b.Deliver(1) // the refusal would be told
	if n := told(b, maria); n != 1 {
		t.Errorf("%d notices after the death", n)
	}
	report(b, fund, "death_cancelled", maria, "")
	b.Deliver(1)
	suspend("2026-03-21")
	b.Deliver(1)
	if n := told(b, maria); n != 2 {
		t.Errorf("%d notices after the death was cancelled", n)
	}
}

func TestAnAccountThatComesAfterADeathIsToldNothing(t *testing.T) {
	b := functiontest.New(t)
	b.Run(insuredregistry.Name, insuredregistry.New)
	b.Run(consenttoggle.Name, consenttoggle.New)
	b.Run(function.Name, function.New)
	b.Lose(function.Name + "/changes")
	b.Lose(policyrequest.Name + "/work")
	b.Lose(policyrequest.Name + "/refresh")
	pavel := functiontest.Pavel
	b.Import(functiontest.Row(pavel.Person))
	report(b, b.Token(functiontest.Zags), "death", pavel, "2026-03-09")
	b.Deliver(1)
	b.Consent(b.Token(pavel.Claims()), "self")
	b.Deliver(1) // the introduction
	b.Run(policyrequest.Name, policyrequest.New)
	b.Call("POST", policyrequest.Name, "/", b.Token(pavel.Claims()), `{"kind":"lookup"}`).Expect(202, "")
	b.Deliver(1)
	if n := told(b, pavel); n != 0 {
		t.Errorf("%d notices", n)
	}
}

func TestWhatWaitedToBeSentIsNotSentAfterADeath(t *testing.T) {
	b := newBench(t)
	b.Lose("policy-request/refresh")
	b.Lose("notify/changes")
	anna := functiontest.Anna
	token := b.anna()
	_, told, _ := b.submit(token)
	b.Send(told).Expect(200, "")
	queued := b.calls(2) // e-mail and SMS wait
	var e store.Event
	if err := json.Unmarshal(told.Body, &e); err != nil {
		t.Fatal(err)
	}
	b.Import(functiontest.Row(anna.Person))
	b.CallAs("policy-request", name, "/introductions", store.Event{Home: e.Home, Subject: e.Home}).Expect(200, "")
	report(b.Bench, b.Token(functiontest.Zags), "death", anna, "2026-03-09")
	b.Deliver(1)
	for _, q := range queued {
		b.Send(q).Expect(200, "")
	}
	if sms, mails := len(b.sms.inbox()), len(b.mail.Inbox()); sms+mails != 0 {
		t.Errorf("%d SMS and %d letters after the death", sms, mails)
	}
	if items, _ := b.history(token, ""); len(items) != 1 {
		t.Errorf("the history keeps what was told before: %+v", items)
	}
}
