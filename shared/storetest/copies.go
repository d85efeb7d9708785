package storetest

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"testing"

	"polis/shared/access"
	"polis/shared/application"
	"polis/shared/cabinet"
	"polis/shared/consent"
	"polis/shared/policy"
	"polis/shared/store"
)

var copyRules = []rule{
	{"the accounts that may have a copy of a record are found by it", copiesFound},
	{"an account is forgotten once its copy is erased and none may come", copiesForgotten},
	{"wherever a copy is made while its account is being forgotten, it is found", copiesFoundAgain},
	{"whether an account has a copy is told without an audit entry", copiesTold},
}

func copiesFound(t *testing.T, ctx context.Context, k *kit) {
	g := function(t, access.RefreshCopy)
	mother, father := accountID("mother"), accountID("father")
	child, other := k.InsuredID("child"), k.InsuredID("other")
	note := func(account, record string, want bool) {
		t.Helper()
		if fresh, err := k.NoteCopy(ctx, g.About(account), account, record); err != nil || fresh != want {
			t.Errorf("noted for the first time: %v, %v", fresh, err)
		}
	}
	note(mother, child, true)
	note(father, child, true)
	note(mother, child, false) // noted twice it is found once
	note(father, other, true)
	want := []string{mother, father}
	slices.Sort(want)
	for record, want := range map[string][]string{child: want, other: {father}, k.InsuredID("nobody's"): nil} {
		got, err := k.CopiesOf(ctx, g, record)
		must(t, err)
		if slices.Sort(got); !slices.Equal(got, want) {
			t.Errorf("copies of %s: %q, want %q", record, got, want)
		}
	}
	keys, err := k.rdb.Keys(ctx, "*").Result()
	must(t, err)
	for _, key := range keys {
		if strings.Contains(key, child) || strings.Contains(key, other) {
			t.Errorf("a key names the record: %s", key)
		}
	}
	// Nobody asks without a grant, nor notes a copy of another's account.
	mine := citizen(t, mother, access.ReadCard)
	if _, err := k.NoteCopy(ctx, mine, father, other); err == nil {
		t.Error("a copy is noted in another's account")
	}
	if _, err := k.CopiesOf(ctx, access.Grant{}, child); err == nil {
		t.Error("copies are told without a grant")
	}
}

// holds puts an account of one whose consents to their own policy are in force or
// not, with the lookup of it under way or not, and with a copy of a record or, for
// "", without.
func (k *kit) holds(t *testing.T, ctx context.Context, home string, consents, lookup bool, record string) {
	t.Helper()
	var have cabinet.Account
	for _, op := range consent.Needed(consent.Self) {
		if consents {
			have.Consents, _, _ = have.Consents.Grant(op, consent.Self, string(op), lawTime, 0)
		}
	}
	if lookup {
		a := application.Application{Kind: application.Lookup, Person: consent.Self}
		have = have.Opening(a.Asks(), "lookup")
	}
	account, card := store.Account(home), store.Card(home, consent.Self)
	_, err := store.Change(ctx, k.Store, function(t, access.WorkApplication).About(home), home, store.Once{}, []store.Ref{account.Ref, card.Ref},
		func(tx *store.Tx) (none struct{}, err error) {
			if record == "" {
				have = store.EraseCopy(tx, home, have, consent.Self)
			} else if err := store.Put(tx, card, policy.Card{Insured: record}); err != nil {
				return none, err
			}
			return none, store.Put(tx, account, have)
		})
	must(t, err)
}

func copiesForgotten(t *testing.T, ctx context.Context, k *kit) {
	g := function(t, access.RefreshCopy)
	record := k.InsuredID("record")
	other := accountID("other")
	for n, tc := range []struct {
		rule             string
		consents, lookup bool
		found            bool
	}{
		{"nothing is under way", true, false, false},
		{"a lookup is under way", true, true, true},
		{"a lookup is, and consent was withdrawn", false, true, false},
	} {
		home := accountID(fmt.Sprint("eraser ", n))
		for _, account := range []string{home, other} {
			_, err := k.NoteCopy(ctx, g.About(account), account, record)
			must(t, err)
			k.holds(t, ctx, account, true, false, record)
		}
		k.holds(t, ctx, home, tc.consents, tc.lookup, "")
		forget := store.Event{Topic: store.TopicForget, Home: home, Subject: record}
		left := func() bool {
			due, err := k.Due(ctx, function(t, access.Sweep), lawTime, 100)
			must(t, err)
			return slices.Contains(due, forget)
		}
		if !left() {
			t.Errorf("%s: nobody is told to forget the account", tc.rule)
		}
		must(t, k.ForgetCopy(ctx, g.About(home), home, record))
		if left() {
			t.Errorf("%s: it is on the agenda still", tc.rule)
		}
		got, err := k.CopiesOf(ctx, g, record)
		must(t, err)
		if slices.Contains(got, home) != tc.found || !slices.Contains(got, other) {
			t.Errorf("%s: found %q", tc.rule, got)
		}
		must(t, k.ForgetCopy(ctx, g.About(other), other, record)) // who has one is not forgotten
	}
	if err := k.ForgetCopy(ctx, citizen(t, other, access.ReadCard), accountID("eraser 1"), record); err == nil {
		t.Error("another's account is forgotten")
	}
}

func copiesFoundAgain(t *testing.T, ctx context.Context, k *kit) {
	g := function(t, access.RefreshCopy)
	record := k.InsuredID("record")
	noted := func(home string) {
		_, err := k.NoteCopy(ctx, g.About(home), home, record)
		must(t, err)
	}
	forget := func(home string) func(context.Context) {
		return func(ctx context.Context) {
			if err := k.ForgetCopy(ctx, g.About(home), home, record); err != nil {
				t.Error(err)
			}
		}
	}
	first := accountID("first")
	noted(first)
	all := trips(ctx, forget(first))
	if got, err := k.CopiesOf(ctx, g, record); err != nil || len(got) != 0 {
		t.Fatalf("undisturbed it leaves %q, %v", got, err)
	}
	for asked := range all + 1 {
		for note := asked; note <= all; note++ {
			for made := note; made <= all; made++ {
				home := accountID(fmt.Sprint(asked, note, made))
				noted(home) // a copy was erased, and its process has died
				late := halt(ctx, forget(home))
				late.advance(asked)
				k.holds(t, ctx, home, true, true, "")
				late.advance(note - asked)
				noted(home)
				late.advance(made - note)
				k.holds(t, ctx, home, true, false, record)
				late.finish()
				if got, err := k.CopiesOf(ctx, g, record); err != nil || !slices.Contains(got, home) {
					t.Errorf("asked for after %d round trips, noted after %d, made after %d: not found, %v", asked, note, made, err)
				}
			}
		}
	}
}

func copiesTold(t *testing.T, ctx context.Context, k *kit) {
	g := function(t, access.RefreshCopy)
	home, record := accountID("one"), k.InsuredID("record")
	for _, tc := range []struct {
		consents, lookup bool
		record, who      string
		awaited          bool
	}{
		{true, false, "", "", false},
		{true, true, "", "", true},
		{false, true, "", "", false},
		{true, true, k.InsuredID("another"), "", true},
		{true, false, record, consent.Self, false},
	} {
		k.holds(t, ctx, home, tc.consents, tc.lookup, tc.record)
		before := len(k.audited(t, ctx, home))
		who, awaited, err := k.CopyOf(ctx, g.About(home), home, record)
		if err != nil || who != tc.who || awaited != tc.awaited {
			t.Errorf("%+v: %q, %v, %v", tc, who, awaited, err)
		}
		if n := len(k.audited(t, ctx, home)); n != before {
			t.Errorf("%+v: %d entries more", tc, n-before)
		}
	}
	if _, _, err := k.CopyOf(ctx, g.About(home), accountID("two"), record); err == nil {
		t.Error("another's account is told of")
	}
}
