package cabinet

import (
	"fmt"
	"strconv"
	"testing"
	"time"

	"polis/shared/application"
	"polis/shared/fault"
)

func TestTheNewestDocumentsAreKeptAndTheRestHandedOverForErasure(t *testing.T) {
	var a Account
	var dropped []Extract
	for i := range keepExtracts + 3 {
		var out []Extract
		a, out = a.With(Extract{ID: strconv.Itoa(i), Person: "self"})
		dropped = append(dropped, out...)
	}
	if len(a.Extracts) != keepExtracts || len(dropped) != 3 || dropped[0].ID != "0" || dropped[2].ID != "2" {
		t.Fatalf("%d kept, dropped %v", len(a.Extracts), dropped)
	}
}

func TestRevokingTakesEveryDocumentOfThatPersonAndNoOther(t *testing.T) {
	var a Account
	for i, person := range []string{"self", "child", "self"} {
		a, _ = a.With(Extract{ID: strconv.Itoa(i), Person: person})
	}
	left, gone := a.Without("self")
	if len(left.Extracts) != 1 || left.Extracts[0].Person != "child" || len(gone) != 2 {
		t.Fatalf("left %v, gone %v", left.Extracts, gone)
	}
	if len(a.Extracts) != 3 {
		t.Fatal("the rule changed the account that it was given")
	}
}

func TestTheSameDataAreFoundAgain(t *testing.T) {
	a, _ := Account{}.With(Extract{ID: "1", Person: "self", Kind: "extract", Format: "pdf", Content: "x"})
	if e, ok := a.Same("self", "extract", "pdf", "x"); !ok || e.ID != "1" {
		t.Fatal("not found")
	}
	if _, ok := a.Same("self", "extract", "pdf", "y"); ok {
		t.Fatal("found for other data")
	}
	a, _ = a.With(Extract{ID: "1", State: Ready, Person: "self", Kind: "extract", Format: "pdf", Content: "x"})
	if len(a.Extracts) != 1 || a.Extracts[0].State != Ready {
		t.Fatalf("%v", a.Extracts)
	}
	if a = a.Dropping("1"); len(a.Extracts) != 0 {
		t.Fatal("still there")
	}
}

func TestAnApplicationUnderWayIsFoundByWhatItAsksFor(t *testing.T) {
	a := Account{}.Opening("lookup self", "one")
	if a.Open["lookup self"] != "one" {
		t.Fatal("not noted")
	}
	if b := a.Closing("lookup self", "two"); b.Open["lookup self"] != "one" {
		t.Fatal("closed by another application")
	}
	b := a.Closing("lookup self", "one")
	if b.Open["lookup self"] != "" || a.Open["lookup self"] != "one" {
		t.Fatal("not closed, or closed in the account that it was given")
	}
}

func TestOnlySoManyApplicationsAreUnderWay(t *testing.T) {
	a := Account{}
	for n := range maxOpen {
		if err := a.MayOpen(application.Link); err != nil {
			t.Fatalf("after %d: %v", n, err)
		}
		a = a.Opening(fmt.Sprint("lookup ", n), "id")
	}
	if err := a.MayOpen(application.Link); !fault.HasKind(err, fault.TooMany) || fault.From(err).Code != "too_many_open" {
		t.Errorf("one more: %v", err)
	}
	if err := a.MayOpen(application.Suspend); err != nil {
		t.Errorf("what the law gives a right to: %v", err)
	}
	if err := a.Closing("lookup 0", "id").MayOpen(application.Lookup); err != nil {
		t.Errorf("after one was decided: %v", err)
	}
}

func TestOnlySoManyNumbersAreTypedInADay(t *testing.T) {
	first := time.Date(2026, time.March, 10, 9, 0, 0, 0, time.UTC)
	typed := func(a Account, at time.Time) Account {
		t.Helper()
		a, err := a.Typing(at)
		if err != nil {
			t.Fatalf("at %v: %v", at, err)
		}
		return a
	}
	a := Account{}
	for n := range maxTyped {
		a = typed(a, first.Add(time.Duration(n)*time.Hour))
	}
	late := first.Add(23 * time.Hour)
	same, err := a.Typing(late)
	if f := fault.From(err); f.Kind != fault.TooMany || f.Code != "too_many_numbers" || f.From != "2026-03-11T09:00:00Z" || f.RetryAfter != time.Hour || len(same.Typed) != maxTyped {
		t.Errorf("one more: %+v, %d", f, len(same.Typed))
	}
	a = typed(a, first.Add(24*time.Hour))
	if _, err := a.Typing(first.Add(24 * time.Hour)); fault.From(err).From != "2026-03-11T10:00:00Z" {
		t.Errorf("one for each whose day is over: %v", err)
	}
	if a = typed(a, first.Add(72*time.Hour)); len(a.Typed) != 1 {
		t.Errorf("kept for longer than needed: %v", a.Typed)
	}
}

func TestOnlyContactsThatAMessageCanBeSentToAreKept(t *testing.T) {
	for given, want := range map[[2]string]Contacts{
		{"maria@example.org", "+7(916)123-45-67"}:            {Email: "maria@example.org", Phone: "+79161234567"},
		{"", "8 916 123 45 67"}:                              {Phone: "+79161234567"},
		{"", "+375291234567"}:                                {Phone: "+375291234567"},
		{"Мария <maria@example.org>", "123-45-67"}:           {},
		{"maria", "+7916123456789012"}:                       {},
		{"maria@пример.рф", ""}:                              {},
		{"maria@example.org\r\nBcc: x@example.org", "вызов"}: {},
	} {
		if got := NewContacts(given[0], given[1], ""); got != want {
			t.Errorf("%q: %+v", given, got)
		}
	}
}

func TestALetterIsSentToNoAddressThatCouldBeMoreThanOne(t *testing.T) {
	for _, address := range []string{
		"anna@example.org\r\nBcc: evil@example.org", "anna@example.org, evil@example.org", "<anna@example.org>", "Anna <anna@example.org>",
		`"<script>"@example.org`, "anna\u202e@example.org", "анна@example.org", "\"a\r\n b\"@example.org",
	} {
		if c := NewContacts(address, "", "ru"); c.Email != "" {
			t.Errorf("%q is taken for %q", address, c.Email)
		}
	}
	if c := NewContacts("o'brien&co+1@example.org", "8 (916)\u202e123-45-67\r\n", "ru"); c.Email != "o'brien&co+1@example.org" || c.Phone != "+79161234567" {
		t.Errorf("%+v", c)
	}
}
