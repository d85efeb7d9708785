package function_test

import (
	"testing"
	"time"

	consenttoggle "polis/functions/consent-toggle"
	insuredregistry "polis/functions/insured-registry"
	function "polis/functions/notify"
	"polis/shared/functiontest"
)

func TestABirthIsToldToEachParentOnceHoweverOftenItIsReported(t *testing.T) {
	b := functiontest.New(t)
	b.Run(insuredregistry.Name, insuredregistry.New)
	b.Run(consenttoggle.Name, consenttoggle.New)
	b.Run(function.Name, function.New)
	mother, father, stranger := functiontest.Maria, functiontest.Pavel, functiontest.Anna
	tokens := map[string]string{}
	for name, who := range map[string]functiontest.Citizen{"mother": mother, "father": father, "stranger": stranger} {
		tokens[name] = b.Token(who.Claims())
		b.Call("POST", consenttoggle.Name, "/", tokens[name], `{"operator":"ffoms","action":"grant"}`).Expect(200, "")
		for _, introduction := range b.Take(1) {
			b.Send(introduction).Expect(200, "")
			b.Send(introduction).Expect(200, "") // once more changes nothing
		}
	}
	report := map[string]any{
		"kind": "birth", "source_id": "zags-1", "region": "26", "record": map[string]string{"number": "120269260000204108004", "date": "2026-03-09"},
		"child":  map[string]any{"name": map[string]string{"family": "Соловьёва", "given": "Анна"}, "sex": "F", "birth_date": "2026-03-08"},
		"mother": mother.Person.SNILS, "father": father.Person.SNILS,
	}
	zags := b.Token(functiontest.Zags)
	b.Call("POST", insuredregistry.Name, "/events", zags, report).Expect(202, "")
	b.Call("POST", insuredregistry.Name, "/events", zags, report).Expect(202, "")
	born := b.Take(1)[0]
	b.Send(born).Expect(200, "")
	told := b.Take(2) // the announcement to each parent
	b.Send(born).Expect(200, "")
	for _, q := range append(told, told...) {
		b.Send(q).Expect(200, "")
	}
	for _, q := range b.Take(4) { // of the second delivery, and again when their turn came
		b.Send(q).Expect(200, "")
	}
	for name, want := range map[string]int{"mother": 1, "father": 1, "stranger": 0} {
		var list struct{ Items []struct{ Kind, Text string } }
		b.Call("GET", function.Name, "/", tokens[name], nil).Expect(200, "").JSON(&list)
		if len(list.Items) != want {
			t.Errorf("%s has %+v", name, list.Items)
		}
		if want == 1 && (list.Items[0].Kind != "birth.recorded" || list.Items[0].Text == "") {
			t.Errorf("%s is told %+v", name, list.Items[0])
		}
	}
}

func TestABirthIsToldOnceToAParentWhoComesLaterWithinThirtyDays(t *testing.T) {
	for _, tc := range []struct {
		rule  string
		later time.Duration
		want  int
	}{
		{"at once", 0, 1},
		{"on the thirtieth day", 30 * 24 * time.Hour, 1},
		{"after it", 30*24*time.Hour + time.Second, 0},
	} {
		t.Run(tc.rule, func(t *testing.T) {
			b := functiontest.New(t)
			b.Run(insuredregistry.Name, insuredregistry.New)
			b.Run(consenttoggle.Name, consenttoggle.New)
			b.Run(function.Name, function.New)
			mother, zags := functiontest.Maria, b.Token(functiontest.Zags)
			b.Call("POST", insuredregistry.Name, "/events", zags, map[string]any{
				"kind": "birth", "source_id": "zags-1", "region": "26", "mother": mother.Person.SNILS,
				"record": map[string]string{"number": "120269260000204108004", "date": "2026-03-09"},
				"child":  map[string]any{"name": map[string]string{"family": "Соловьёва", "given": "Анна"}, "sex": "F", "birth_date": "2026-03-08"},
			}).Expect(202, "")
			born := b.Take(1)[0]
			b.Send(born).Expect(200, "")
			b.Take(0) // nobody to tell
			// A child that another register has handed over is no news.
			b.Import(functiontest.Child(functiontest.Anna.Person, mother))

			b.Advance(tc.later)
			token := b.Token(mother.Claims())
			b.Call("POST", consenttoggle.Name, "/", token, `{"operator":"ffoms","action":"grant"}`).Expect(200, "")
			introduction := b.Take(1)[0]
			b.Send(introduction).Expect(200, "")
			b.Deliver(tc.want)
			b.Send(introduction).Expect(200, "")
			b.Deliver(tc.want)
			b.Send(born).Expect(200, "")
			b.Take(1) // lost
			var list struct{ Items []struct{ Kind string } }
			b.Call("GET", function.Name, "/", token, nil).Expect(200, "").JSON(&list)
			if len(list.Items) != tc.want {
				t.Errorf("the mother has %+v", list.Items)
			}
		})
	}
}

func TestAnAccountIsIntroducedOnlyWhenTheRegisterHasAnswered(t *testing.T) {
	b := functiontest.New(t)
	b.Run(consenttoggle.Name, consenttoggle.New)
	b.Run(function.Name, function.New)
	b.Call("POST", consenttoggle.Name, "/", b.Token(functiontest.Maria.Claims()), `{"operator":"ffoms","action":"grant"}`).Expect(200, "")
	introduction := b.Take(1)[0]
	b.Send(introduction).Expect(503, "insured_registry_unavailable")
	b.Run(insuredregistry.Name, insuredregistry.New)
	b.Send(introduction).Expect(200, "")
}
