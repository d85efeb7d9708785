package storetest

import (
	"context"
	"errors"
	"maps"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"polis/shared/access"
	"polis/shared/application"
	"polis/shared/cabinet"
	"polis/shared/fault"
	"polis/shared/ident"
	"polis/shared/policy"
	"polis/shared/store"
)

var stepRules = []rule{
	{"one step changes documents, list, outbox, agenda, audit and answer together", oneStep},
	{"a step that is refused changes nothing", refusedStep},
	{"a change by another is seen and the step is decided anew", decidedAnew},
	{"a document erased and made anew by another is a change", erasedInBetween},
	{"of many changes at once none is lost", noneIsLost},
	{"of many applications at once only so many get under way", notTooMany},
	{"ten at once under one key make one change and get one answer", oneKey},
	{"a key with another body is refused and changes nothing", reusedKey},
	{"a key of another caller, or for another path, is another key", scopeOfKey},
	{"nothing is read or changed without a grant about it", noGrant},
	{"every read and every change leaves one entry in the audit", everyAccess},
	{"a list is told page by page, newest first, without gaps or repeats", pages},
	{"a view takes one round trip and a change two", roundTrips},
}

// submit is a step that touches everything a step can touch.
func submit(ctx context.Context, s *store.Store, g access.Grant, home, id string, once store.Once) (string, error) {
	account, doc := store.Account(home), store.Application(home, id)
	return store.Change(ctx, s, g, home, once, []store.Ref{account.Ref, doc.Ref}, func(tx *store.Tx) (string, error) {
		have, _, err := store.Get(tx.View, account)
		if err != nil {
			return "", err
		}
		tx.Append(store.Applications(home), id)
		tx.Schedule("policy-request/work", home, id, lawTime)
		tx.Emit(store.Event{Topic: "policy-request/work", Home: home, Subject: id}, 0)
		if err := store.Put(tx, account, have.Opening(id, id)); err != nil {
			return "", err
		}
		return id, store.Put(tx, doc, application.Application{ID: id, Applicant: someone(1)})
	})
}

var lawTime = time.Date(2026, time.March, 10, 9, 0, 0, 0, time.UTC)

// effects of submissions to one home: how many applications the account has
// open, can be read, are listed, have an event, and are on the agenda.
func (k *kit) effects(t *testing.T, ctx context.Context, home string) [5]int {
	t.Helper()
	account, g := store.Account(home), citizen(t, home, access.ReadApplications)
	ids, err := k.Page(ctx, g, store.Applications(home), "", 100)
	must(t, err)
	reads := []store.Ref{account.Ref}
	for _, id := range ids {
		reads = append(reads, store.Application(home, id).Ref)
	}
	v, err := k.View(ctx, g, home, reads...)
	must(t, err)
	have, _, err := store.Get(v, account)
	must(t, err)
	readable := 0
	for _, id := range ids {
		if _, found, err := store.Get(v, store.Application(home, id)); err == nil && found {
			readable++
		}
	}
	events, work := k.due(t, ctx, home)
	return [5]int{len(have.Open), readable, len(ids), events, work}
}

// due counts a home's events in the outbox and its work on the agenda.
func (k *kit) due(t *testing.T, ctx context.Context, home string) (events, work int) {
	t.Helper()
	partition, _ := ident.Partition(home)
	sent, err := k.rdb.ZRange(ctx, "outbox:{"+partition+"}", 0, -1).Result()
	must(t, err)
	for _, id := range sent {
		event, err := k.rdb.HGet(ctx, "events:{"+partition+"}", id).Result()
		must(t, err)
		if strings.Contains(event, home) {
			events++
		}
	}
	planned, err := k.rdb.ZRange(ctx, "agenda:{"+partition+"}", 0, -1).Result()
	must(t, err)
	for _, member := range planned {
		if strings.Contains(member, home) {
			work++
		}
	}
	return events, work
}

func oneStep(t *testing.T, ctx context.Context, k *kit) {
	home, id := accountID("one"), ident.New(time.Now())
	var kicked []store.Event
	k.OnCommit(func(e store.Event) { kicked = append(kicked, e) })
	once := k.OnceFor(home, "policy-request", "key", []byte("body"))
	answer, err := submit(ctx, k.Store, citizen(t, home, access.Apply), home, id, once)
	must(t, err)
	if answer != id {
		t.Errorf("answered %q", answer)
	}
	if got := k.audited(t, ctx, home); len(got) != 1 || got[0] != "applications.submit by citizen "+home+" in call-of-citizen" {
		t.Errorf("audit: %q", got)
	}
	if got := k.effects(t, ctx, home); got != [5]int{1, 1, 1, 1, 1} {
		t.Errorf("effects: %v", got)
	}
	if len(kicked) != 1 || kicked[0].ID == "" || kicked[0].Subject != id {
		t.Errorf("kicked: %+v", kicked)
	}
	if again, err := submit(ctx, k.Store, citizen(t, home, access.Apply), home, ident.New(time.Now()), once); err != nil || again != id {
		t.Errorf("repeated: %q, %v", again, err)
	}
	if len(kicked) != 1 {
		t.Errorf("the repetition kicked again: %+v", kicked)
	}
}

func refusedStep(t *testing.T, ctx context.Context, k *kit) {
	home := accountID("one")
	refusal := errors.New("refused")
	account := store.Account(home)
	k.OnCommit(func(e store.Event) { t.Errorf("kicked %+v", e) })
	_, err := store.Change(ctx, k.Store, citizen(t, home, access.Apply), home, k.OnceFor(home, "path", "key", nil), []store.Ref{account.Ref},
		func(tx *store.Tx) (string, error) {
			tx.Append(store.Applications(home), "id")
			tx.Schedule("topic/path", home, "id", lawTime)
			tx.Emit(store.Event{Topic: "topic/path", Home: home, Subject: "id"}, 0)
			if err := store.Put(tx, account, cabinet.Account{}); err != nil {
				return "", err
			}
			return "", refusal
		})
	if err != refusal {
		t.Errorf("got %v", err)
	}
	if left := k.dump(t, ctx); len(left) > 0 {
		t.Errorf("left: %q", left)
	}
}

func decidedAnew(t *testing.T, ctx context.Context, k *kit) {
	home := accountID("one")
	g, account := citizen(t, home, access.Apply), store.Account(home)
	add := func(what string, meanwhile func()) error {
		_, err := store.Change(ctx, k.Store, g, home, store.Once{}, []store.Ref{account.Ref}, func(tx *store.Tx) (struct{}, error) {
			have, _, err := store.Get(tx.View, account)
			if err != nil {
				return struct{}{}, err
			}
			meanwhile()
			return struct{}{}, store.Put(tx, account, have.Opening(what, what))
		})
		return err
	}
	runs := 0
	must(t, add("first", func() {
		if runs++; runs == 1 {
			must(t, add("second", func() {}))
		}
	}))
	v, err := k.View(ctx, g, home, account.Ref)
	must(t, err)
	have, _, err := store.Get(v, account)
	must(t, err)
	if runs != 2 || len(have.Open) != 2 {
		t.Errorf("after %d runs: %v", runs, have.Open)
	}
}

// A version alone does not tell: it begins anew with the new document.
func erasedInBetween(t *testing.T, ctx context.Context, k *kit) {
	home := accountID("one")
	g, card := citizen(t, home, access.ChangeConsents), store.Card(home, "self")
	step := func(fn func(tx *store.Tx) error) {
		t.Helper()
		_, err := store.Change(ctx, k.Store, g, home, store.Once{}, []store.Ref{card.Ref}, func(tx *store.Tx) (struct{}, error) {
			return struct{}{}, fn(tx)
		})
		must(t, err)
	}
	put := func(insured string) func(tx *store.Tx) error {
		return func(tx *store.Tx) error { return store.Put(tx, card, policy.Card{Insured: insured}) }
	}
	step(put("i1"))
	runs := 0
	step(func(tx *store.Tx) error {
		if runs++; runs == 1 {
			step(func(tx *store.Tx) error { store.Erase(tx, card); return nil })
			step(put("i2"))
		}
		have, _, err := store.Get(tx.View, card)
		if err != nil {
			return err
		}
		have.Warnings = []string{"seen"}
		return store.Put(tx, card, have)
	})
	v, err := k.View(ctx, g, home, card.Ref)
	must(t, err)
	have, found, err := store.Get(v, card)
	must(t, err)
	if runs != 2 || !found || have.Insured != "i2" || len(have.Warnings) != 1 {
		t.Errorf("after %d runs: %+v", runs, have)
	}
	step(func(tx *store.Tx) error {
		store.Erase(tx, card)
		return put("i3")(tx)
	})
	if v, err = k.View(ctx, g, home, card.Ref); err != nil {
		t.Fatalf("erased and made anew in one step: %v", err)
	}
	if have, _, err := store.Get(v, card); err != nil || have.Insured != "i3" {
		t.Errorf("erased and made anew in one step: %+v, %v", have, err)
	}
}

func noneIsLost(t *testing.T, ctx context.Context, k *kit) {
	home := accountID("one")
	var wg sync.WaitGroup
	const writers = 8
	for range writers {
		wg.Go(func() {
			if _, err := submit(ctx, k.Store, citizen(t, home, access.Apply), home, ident.New(time.Now()), store.Once{}); err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	if got := k.effects(t, ctx, home); got != [5]int{writers, writers, writers, writers, writers} {
		t.Errorf("effects: %v", got)
	}
}

func notTooMany(t *testing.T, ctx context.Context, k *kit) {
	home := accountID("one")
	try := func() error {
		a := application.Application{ID: ident.New(time.Now()), Kind: application.Suspend, Person: "self", Applicant: someone(1)}
		a.Suspension = &policy.Suspension{Ground: a.ID} // asks for what no other asks for
		_, err := k.Submit(ctx, citizen(t, home, access.Apply), home, store.Once{}, store.Submission{Application: a.Begin(lawTime, lawTime, fault.Text{}), Topic: workTopic})
		return err
	}
	const most, before, writers = 20, 16, 8
	for range before {
		must(t, try())
	}
	var wg sync.WaitGroup
	refused := make(chan error, writers)
	for range writers {
		wg.Go(func() {
			if err := try(); err != nil {
				refused <- err
			}
		})
	}
	wg.Wait()
	close(refused)
	for err := range refused {
		if !fault.HasKind(err, fault.TooMany) {
			t.Error(err)
		}
	}
	// Of each there is the event of its work and the one of its notice, and one
	// that the account is met.
	if got := k.effects(t, ctx, home); got != [5]int{most, most, most, 2*most + 1, most} {
		t.Errorf("effects: %v", got)
	}
}

func oneKey(t *testing.T, ctx context.Context, k *kit) {
	home := accountID("one")
	once := k.OnceFor(home, "policy-request", "key", []byte("body"))
	answers := make(chan string, 10)
	var wg sync.WaitGroup
	for range cap(answers) {
		wg.Go(func() {
			answer, err := submit(ctx, k.Store, citizen(t, home, access.Apply), home, ident.New(time.Now()), once)
			if err != nil {
				t.Error(err)
			}
			answers <- answer
		})
	}
	wg.Wait()
	close(answers)
	told := map[string]bool{}
	for a := range answers {
		told[a] = true
	}
	if len(told) != 1 {
		t.Errorf("answers: %v", slices.Collect(maps.Keys(told)))
	}
	if got := k.effects(t, ctx, home); got != [5]int{1, 1, 1, 1, 1} {
		t.Errorf("effects: %v", got)
	}
}

func reusedKey(t *testing.T, ctx context.Context, k *kit) {
	home := accountID("one")
	g := citizen(t, home, access.Apply)
	_, err := submit(ctx, k.Store, g, home, ident.New(time.Now()), k.OnceFor(home, "path", "key", []byte("body")))
	must(t, err)
	before := k.dump(t, ctx)
	_, err = submit(ctx, k.Store, g, home, ident.New(time.Now()), k.OnceFor(home, "path", "key", []byte("other body")))
	if !errors.Is(err, store.ErrKeyReused) {
		t.Errorf("got %v", err)
	}
	if !maps.Equal(before, k.dump(t, ctx)) {
		t.Error("something changed")
	}
}

func scopeOfKey(t *testing.T, ctx context.Context, k *kit) {
	one, two := accountID("one"), accountID("two")
	for _, c := range []struct {
		home, path string
		want       int
	}{
		{one, "path", 1}, {one, "path", 1}, {one, "other path", 2}, {two, "path", 1},
	} {
		_, err := submit(ctx, k.Store, citizen(t, c.home, access.Apply), c.home, ident.New(time.Now()), k.OnceFor(c.home, c.path, "key", []byte("body")))
		must(t, err)
		if got := k.effects(t, ctx, c.home); got[0] != c.want {
			t.Errorf("%s %s: %v", c.home, c.path, got)
		}
	}
	if k.OnceFor(one, "path", "", nil) != (store.Once{}) {
		t.Error("no key asks for something")
	}
}

func noGrant(t *testing.T, ctx context.Context, k *kit) {
	home := accountID("one")
	_, err := submit(ctx, k.Store, citizen(t, home, access.Apply), home, ident.New(time.Now()), store.Once{})
	must(t, err)
	before := k.dump(t, ctx)
	for who, g := range map[string]access.Grant{
		"nobody":         {},
		"another person": citizen(t, accountID("two"), access.Apply),
		"a function that does not say about whom": function(t, access.WorkApplication),
	} {
		if _, err := k.View(ctx, g, home, store.Account(home).Ref); err == nil {
			t.Errorf("%s reads", who)
		}
		if _, err := submit(ctx, k.Store, g, home, ident.New(time.Now()), store.Once{}); err == nil {
			t.Errorf("%s changes", who)
		}
		if _, err := k.Page(ctx, g, store.Applications(home), "", 10); err == nil {
			t.Errorf("%s lists", who)
		}
	}
	record := k.record("cause", someone(1))
	var none access.Grant
	for what, call := range map[string]func() error{
		"looks up": func() error { _, err := k.Find(ctx, none, store.Query{SNILS: snils(1)}); return err },
		"opens":    func() error { _, _, err := k.Record(ctx, none, record.ID); return err },
		"lists":    func() error { _, err := k.Children(ctx, none, snils(1), all); return err },
		"records":  func() error { _, _, err := k.PutOnRecord(ctx, none, record); return err },
		"sweeps":   func() error { _, err := k.Due(ctx, none, lawTime, 10); return err },
	} {
		if call() == nil {
			t.Errorf("nobody %s", what)
		}
	}
	if !maps.Equal(before, k.dump(t, ctx)) {
		t.Error("something changed")
	}
}

func everyAccess(t *testing.T, ctx context.Context, k *kit) {
	home := accountID("one")
	once := k.OnceFor(home, "path", "key", nil)
	child := k.record("cause", someone(1))
	child.Representatives = append(child.Representatives, snils(2))
	apply := func() error {
		_, err := submit(ctx, k.Store, citizen(t, home, access.Apply), home, ident.New(time.Now()), once)
		return err
	}
	record := func() error {
		_, _, err := k.PutOnRecord(ctx, function(t, access.RecordInsured), child)
		return err
	}
	for _, c := range []struct {
		access string
		home   string
		call   func() error
		want   string
	}{
		{"a change", home, apply, "applications.submit by citizen " + home + " in call-of-citizen"},
		{"its repetition", home, apply, "applications.submit by citizen " + home + " in call-of-citizen"},
		{"a view", home, func() error {
			_, err := k.View(ctx, citizen(t, home, access.ReadConsents), home, store.Account(home).Ref)
			return err
		}, "consents.read by citizen " + home + " in call-of-citizen"},
		{"a view of nothing", accountID("nobody"), func() error {
			nobody := accountID("nobody")
			_, err := k.View(ctx, citizen(t, nobody, access.ReadConsents), nobody, store.Account(nobody).Ref)
			return err
		}, "consents.read by citizen " + accountID("nobody") + " in call-of-citizen"},
		{"a function's change", home, func() error {
			_, err := submit(ctx, k.Store, function(t, access.WorkApplication).About(home), home, ident.New(time.Now()), store.Once{})
			return err
		}, "applications.work by function policy-request in call-of-function"},
		{"a new record", child.ID, record, "register.put_on_record by function policy-request in call-of-function"},
		{"its repetition, which changes nothing", child.ID, record, "register.look_up by function policy-request in call-of-function"},
		{"a record", child.ID, func() error {
			_, _, err := k.Record(ctx, function(t, access.LookUpInsured), child.ID)
			return err
		}, "register.look_up by function policy-request in call-of-function"},
		{"a record found in two ways", child.ID, func() error {
			_, err := k.Find(ctx, function(t, access.LookUpInsured), store.Query{SNILS: snils(1), Document: passport(1)})
			return err
		}, "register.look_up by function policy-request in call-of-function"},
		{"a child", child.ID, func() error {
			_, err := k.Children(ctx, function(t, access.LookUpInsured), snils(2), all)
			return err
		}, "register.look_up by function policy-request in call-of-function"},
		{"a child that is not shown", child.ID, func() error {
			_, err := k.Children(ctx, function(t, access.LookUpInsured), snils(2), func(policy.Insured) bool { return false })
			return err
		}, ""},
	} {
		before := k.audited(t, ctx, c.home)
		must(t, c.call())
		if got := k.audited(t, ctx, c.home)[len(before):]; strings.Join(got, "; ") != c.want {
			t.Errorf("%s: %q", c.access, got)
		}
	}
}

func pages(t *testing.T, ctx context.Context, k *kit) {
	home := accountID("one")
	g, list := citizen(t, home, access.Apply), store.Applications(home)
	add := func(id string) {
		t.Helper()
		_, err := store.Change(ctx, k.Store, g, home, store.Once{}, nil, func(tx *store.Tx) (struct{}, error) {
			tx.Append(list, id)
			return struct{}{}, nil
		})
		must(t, err)
	}
	start := time.Now()
	var want []string
	for n := range 25 {
		want = append(want, ident.New(start.Add(time.Duration(n)*time.Minute)))
	}
	for _, n := range []int{0, 1} { // two halves, each out of order
		for i := len(want) - 2 + n; i >= 0; i -= 2 {
			add(want[i])
		}
	}
	slices.Reverse(want)
	var got []string
	for before := ""; ; before = got[len(got)-1] {
		page, err := k.Page(ctx, g, list, before, 7)
		must(t, err)
		got = append(got, page...)
		if len(page) < 7 {
			break
		}
		add(ident.New(start.Add(time.Duration(24+len(got)) * time.Hour))) // newer than those told
	}
	if !slices.Equal(got, want) {
		t.Errorf("got %d of %d: %q", len(got), len(want), got)
	}
}

func roundTrips(t *testing.T, ctx context.Context, k *kit) {
	home := accountID("one")
	g, account := citizen(t, home, access.Apply), store.Account(home)
	once := k.OnceFor(home, "path", "key", nil)
	change := func(once store.Once) func(ctx context.Context) {
		return func(ctx context.Context) {
			_, err := submit(ctx, k.Store, g, home, ident.New(time.Now()), once)
			must(t, err)
		}
	}
	change(store.Once{})(ctx) // the first of all sends the script itself
	for _, c := range []struct {
		what string
		call func(ctx context.Context)
		want int
	}{
		{"a view", func(ctx context.Context) {
			_, err := k.View(ctx, g, home, account.Ref, store.Card(home, "self").Ref)
			must(t, err)
		}, 1},
		{"a page", func(ctx context.Context) {
			_, err := k.Page(ctx, g, store.Applications(home), "", 10)
			must(t, err)
		}, 1},
		{"a change", change(store.Once{}), 2},
		{"a change under a key", change(once), 2},
		{"its repetition", change(once), 2},
	} {
		if got := trips(ctx, c.call); got != c.want {
			t.Errorf("%s takes %d", c.what, got)
		}
	}
}
