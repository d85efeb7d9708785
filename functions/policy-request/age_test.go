package function_test

import (
	"testing"
	"time"

	insuredregistry "polis/functions/insured-registry"
	policycard "polis/functions/policy-card"
	"polis/shared/functiontest"
	"polis/shared/store"
)

func TestAt18TheParentsCopyIsErasedAndNotJustHidden(t *testing.T) {
	b := bench(t)
	b.Import(functiontest.Child(functiontest.Ilya, maria))
	mother := b.Token(maria.Claims())
	var family struct{ Items []struct{ Person string } }
	b.Call("GET", policycard.Name, "/family", mother, nil).Expect(200, "").JSON(&family)
	child := family.Items[1].Person
	b.Consent(mother, child)
	submit(b, mother, `{"kind":"lookup","person":"`+child+`"}`)
	b.Deliver(1)
	b.SetClock(time.Date(2037, time.September, 2, 9, 0, 0, 0, functiontest.Begin.Location()))
	b.Call("GET", policycard.Name, "/?person="+child, mother, nil).Expect(404, "policy_not_loaded")
	if n := copies(b); n != 1 {
		t.Fatalf("%d copies before the day is told", n)
	}
	b.CallAs("deadline-watch", insuredregistry.Name, "/dates", store.Event{Topic: "insured-registry/dates", Home: child, Subject: "dates"}).Expect(200, "")
	refresh := b.Take(1)[0]
	for range 2 {
		b.Send(refresh).Expect(200, "")
		if n := copies(b); n != 0 {
			t.Errorf("%d copies are left", n)
		}
	}
}
