package function_test

import (
	"testing"
	"time"

	consenttoggle "polis/functions/consent-toggle"
	insuredregistry "polis/functions/insured-registry"
	function "polis/functions/notify"
	"polis/shared/access"
	"polis/shared/functiontest"
	"polis/shared/policy"
)

// met has each citizen give a consent, by which notify comes to know the
// account, and answers with their tokens.
func met(b *functiontest.Bench, all ...functiontest.Citizen) (tokens []string) {
	for _, who := range all {
		token := b.Token(who.Claims())
		b.Call("POST", consenttoggle.Name, "/", token, `{"operator":"ffoms","action":"grant"}`).Expect(200, "")
		b.Deliver(1)
		tokens = append(tokens, token)
	}
	return tokens
}

func kinds(b *functiontest.Bench, token string) (kinds []string) {
	var list struct{ Items []struct{ Kind, Text string } }
	b.Call("GET", function.Name, "/", token, nil).Expect(200, "").JSON(&list)
	for _, n := range list.Items {
		if n.Text == "" {
			panic(n.Kind + " says nothing")
		}
		kinds = append(kinds, n.Kind)
	}
	return kinds
}

func TestOnlyAFunctionTellsOfChanges(t *testing.T) {
	b := functiontest.New(t)
	b.Run(function.Name, function.New)
	b.OnlyFor(access.Function, function.Name, "POST /changes")
}

func TestAChoiceIsToldToEachParentOnceHoweverOftenItIsDelivered(t *testing.T) {
	b := functiontest.New(t)
	b.Run(insuredregistry.Name, insuredregistry.New)
	b.Run(consenttoggle.Name, consenttoggle.New)
	b.Run(function.Name, function.New)
	mother, father, stranger := functiontest.Maria, functiontest.Pavel, functiontest.Anna
	b.Import(functiontest.Child(functiontest.Ilya, mother, father), functiontest.Row(stranger.Person))
	tokens := met(b, mother, father, stranger)
	var family struct{ Items []policy.Child }
	b.CallAs("policy-card", insuredregistry.Name, "/children", policy.Question{Applicant: mother.Person}).Expect(200, "").JSON(&family)
	child := family.Items[0].ID

	b.CallAs("smo-selection", insuredregistry.Name, "/changes", policy.Request{
		Cause: "application-1", Submitted: b.Now(), Applicant: mother.Person, Child: child,
		Choice: &policy.Choice{SMO: "26001", Reason: policy.ByRight, Region: "26"},
	}).Expect(200, "")
	changed := b.Take(1)[0]
	b.Send(changed).Expect(200, "")
	announced := b.Take(2) // to each parent; the child has no account
	b.Send(changed).Expect(200, "")
	for _, q := range append(announced, announced...) {
		b.Send(q).Expect(200, "")
	}
	for _, q := range b.Take(4) { // of the second delivery, and again when their turn came
		b.Send(q).Expect(200, "")
	}
	for i, want := range []int{1, 1, 0} {
		got := kinds(b, tokens[i])
		if len(got) != want || want == 1 && got[0] != "change.child.insurer_chosen" {
			t.Errorf("account %d is told %v instead of %d notices", i, got, want)
		}
	}
}

func TestACorrectionIsToldToThePersonThemselves(t *testing.T) {
	b := functiontest.New(t)
	b.Run(insuredregistry.Name, insuredregistry.New)
	b.Run(consenttoggle.Name, consenttoggle.New)
	b.Run(function.Name, function.New)
	row := functiontest.Row(functiontest.Anna.Person)
	b.Import(row)
	tokens := met(b, functiontest.Anna, functiontest.Maria)
	b.Call("POST", insuredregistry.Name, "/insurers/corrections", b.Token(functiontest.Claims{"sub": "2003", "roles": []string{"fund"}}), map[string]any{
		"enp": row["enp"], "source_id": "decision-7", "wrong": "2020-05-14", "smo": "26001", "region": "26", "since": "2020-05-20",
	}).Expect(200, "")
	changed := b.Take(1)[0]
	b.Put(insuredregistry.Name, nil)
	b.Send(changed).Expect(503, "insured_registry_unavailable")
	b.Run(insuredregistry.Name, insuredregistry.New)
	b.Send(changed).Expect(200, "")
	b.Deliver(1)
	if got := kinds(b, tokens[0]); len(got) != 1 || got[0] != "change.insurer_corrected" {
		t.Errorf("told %v", got)
	}
	if got := kinds(b, tokens[1]); len(got) != 0 {
		t.Errorf("another is told %v", got)
	}
}

func TestAChoiceIsToldOnceToAParentWhoComesLaterWithinThirtyDays(t *testing.T) {
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
			mother, father := functiontest.Maria, functiontest.Pavel
			b.Import(functiontest.Child(functiontest.Ilya, mother, father))
			var family struct{ Items []policy.Child }
			b.CallAs("policy-card", insuredregistry.Name, "/children", policy.Question{Applicant: mother.Person}).Expect(200, "").JSON(&family)
			b.CallAs("smo-selection", insuredregistry.Name, "/changes", policy.Request{
				Cause: "application-1", Submitted: b.Now(), Applicant: mother.Person, Child: family.Items[0].ID,
				Choice: &policy.Choice{SMO: "26001", Reason: policy.ByRight, Region: "26"},
			}).Expect(200, "")
			changed := b.Take(1)[0]
			b.Send(changed).Expect(200, "")
			b.Take(0) // nobody to tell yet

			b.Advance(tc.later)
			token := b.Token(father.Claims())
			b.Call("POST", consenttoggle.Name, "/", token, `{"operator":"ffoms","action":"grant"}`).Expect(200, "")
			introduction := b.Take(1)[0]
			for range 2 {
				b.Send(introduction).Expect(200, "")
				b.Deliver(tc.want)
			}
			if got := kinds(b, token); len(got) != tc.want || tc.want == 1 && got[0] != "change.child.insurer_chosen" {
				t.Errorf("the father is told %v", got)
			}
		})
	}
}
