package function_test

import (
	"cmp"
	"encoding/json"
	"slices"
	"testing"
	"time"

	consenttoggle "polis/functions/consent-toggle"
	insuredregistry "polis/functions/insured-registry"
	function "polis/functions/notify"
	policyrequest "polis/functions/policy-request"
	"polis/shared/functiontest"
	"polis/shared/person"
	"polis/shared/policy"
	"polis/shared/store"
)

// id of a queued event, which sorts by when it was emitted.
func id(t *testing.T, q functiontest.Queued) string {
	t.Helper()
	var e store.Event
	if err := json.Unmarshal(q.Body, &e); err != nil {
		t.Fatal(err)
	}
	return e.ID
}

func TestADateIsToldOnceToEachWhomItConcernsHoweverOftenItIsDelivered(t *testing.T) {
	b := functiontest.New(t)
	b.Run(insuredregistry.Name, insuredregistry.New)
	b.Run(consenttoggle.Name, consenttoggle.New)
	b.Run(function.Name, function.New)
	b.Run(policyrequest.Name, policyrequest.New)
	mother, father, stranger := functiontest.Maria, functiontest.Pavel, functiontest.Anna
	teen := functiontest.Citizen{Subject: "1004", Person: functiontest.Ilya}
	teen.Person.Document = person.Document{Type: person.Passport, Series: "4512", Number: "777777"}
	b.Import(functiontest.Child(functiontest.Ilya, mother, father), functiontest.Row(stranger.Person, "insurer", ""))
	tokens := met(b, mother, father, teen, stranger)
	var family struct{ Items []policy.Child }
	b.CallAs("policy-card", insuredregistry.Name, "/children", policy.Question{Applicant: mother.Person}).Expect(200, "").JSON(&family)
	child := family.Items[0].ID

	// Over the 14th and the 18th birthday at once, and an autumn.
	b.SetClock(time.Date(2037, time.October, 20, 12, 0, 0, 0, time.UTC))
	due := store.Event{Topic: "insured-registry/dates", Home: child, Subject: "dates"}
	for range 2 {
		b.CallAs("deadline-watch", insuredregistry.Name, "/dates", due).Expect(200, "")
	}
	events := b.Take(4) // the three dates, and the copies of who is of age
	slices.SortFunc(events, func(a, b functiontest.Queued) int { return cmp.Compare(id(t, a), id(t, b)) })
	for range 2 {
		for _, q := range events {
			b.Send(q).Expect(200, "")
		}
		b.Settle()
	}
	want := []string{"change.child.of_age"}
	for i, want := range [][]string{want, want, {"change.insurer_replaceable", "change.of_age", "change.passport_due"}, nil} {
		got := kinds(b, tokens[i])
		slices.Sort(got)
		if !slices.Equal(got, want) {
			t.Errorf("account %d is told %v instead of %v", i, got, want)
		}
	}
}
