package storetest

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"polis/shared/access"
	"polis/shared/cabinet"
	"polis/shared/fault"
	"polis/shared/ident"
	"polis/shared/store"
)

var outboxRules = []rule{
	{"an event is delivered again until acknowledged, later each time", redelivery},
	{"an event is acknowledged once, and the second time commits nothing", acknowledgedOnce},
	{"an event can be held back", heldBack},
	{"events of one line are handled in the order of their commits", inOrder},
	{"a dead letter waits for an operator and holds up nobody", deadLetter},
	{"an event delivered too often becomes a dead letter", givenUp},
	{"dead letters are listed in pages, the newest first", deadLettersPaged},
	{"the agenda follows the law clock", onAgenda},
	{"a lease is one process's until it ends", exclusiveLease},
}

// emit sends an event in a step of its own.
func (k *kit) emit(t *testing.T, ctx context.Context, home string, delay time.Duration) store.Event {
	t.Helper()
	e, err := store.Change(ctx, k.Store, citizen(t, home, access.Apply), home, store.Once{}, nil, func(tx *store.Tx) (store.Event, error) {
		return tx.Emit(store.Event{Topic: "policy-request/work", Home: home, Subject: "subject"}, delay), nil
	})
	must(t, err)
	return e
}

// swept are the events that a sweep would deliver now.
func (k *kit) swept(ctx context.Context, g access.Grant, law time.Time) ([]store.Event, error) {
	listed, err := k.Due(ctx, g, law, 10)
	var taken []store.Event
	for _, e := range listed {
		ok, takeErr := k.Take(ctx, e, law)
		err = errors.Join(err, takeErr)
		if ok {
			taken = append(taken, e)
		}
	}
	return taken, err
}

// handle acknowledges an event in one step with its effect.
func handle(ctx context.Context, s *store.Store, g access.Grant, e store.Event) error {
	account := store.Account(e.Home)
	_, err := store.Change(ctx, s, g, e.Home, store.Once{}, []store.Ref{account.Ref}, func(tx *store.Tx) (struct{}, error) {
		tx.Acknowledge(e)
		have, _, err := store.Get(tx.View, account)
		if err != nil {
			return struct{}{}, err
		}
		have.Extracts = append(have.Extracts, cabinet.Extract{ID: e.ID})
		return struct{}{}, store.Put(tx, account, have)
	})
	return err
}

// handled counts how often events had their effect on a home.
func (k *kit) handled(t *testing.T, ctx context.Context, home string) int {
	t.Helper()
	account := store.Account(home)
	v, err := k.View(ctx, citizen(t, home, access.ReadConsents), home, account.Ref)
	must(t, err)
	have, _, err := store.Get(v, account)
	must(t, err)
	return len(have.Extracts)
}

// moving is a machine clock that the test moves.
type moving struct{ now atomic.Pointer[time.Time] }

func (m *moving) set(t time.Time)          { m.now.Store(&t) }
func (m *moving) time() time.Time          { return *m.now.Load() }
func (m *moving) advance(by time.Duration) { m.set(m.time().Add(by)) }

func redelivery(t *testing.T, ctx context.Context, k *kit) {
	home, g := accountID("one"), function(t, access.Sweep)
	var clock moving
	clock.set(time.Date(2026, time.March, 10, 12, 0, 0, 0, time.UTC))
	k.SetClock(clock.time)
	sent := k.emit(t, ctx, home, 0)
	due := func() bool {
		t.Helper()
		events, err := k.swept(ctx, g, lawTime)
		must(t, err)
		if len(events) > 0 && (len(events) > 1 || events[0] != sent) {
			t.Fatalf("due: %+v, want %+v", events, sent)
		}
		return len(events) == 1
	}
	partition, _ := ident.Partition(home)
	var waits []time.Duration
	for range 8 {
		next, err := k.rdb.ZScore(ctx, "outbox:{"+partition+"}", sent.ID).Result()
		must(t, err)
		at := time.UnixMilli(int64(next))
		waits = append(waits, at.Sub(clock.time()))
		clock.set(at.Add(-time.Millisecond))
		if due() {
			t.Errorf("delivered early: %v", waits)
		}
		clock.set(at)
		if !due() {
			t.Errorf("not delivered in time: %v", waits)
		}
	}
	if !slices.IsSorted(waits) || waits[0] >= waits[1] || waits[0] < time.Second || waits[7] > 10*time.Minute {
		t.Errorf("delivered after %v", waits)
	}
	must(t, handle(ctx, k.Store, function(t, access.WorkApplication).About(home), sent))
	clock.advance(24 * time.Hour)
	if due() {
		t.Error("delivered after it was acknowledged")
	}
}

func acknowledgedOnce(t *testing.T, ctx context.Context, k *kit) {
	home := accountID("one")
	e := k.emit(t, ctx, home, 0)
	g := function(t, access.WorkApplication).About(home)
	var done, refused atomic.Int64
	var wg sync.WaitGroup
	for range 8 {
		wg.Go(func() {
			switch err := handle(ctx, k.Store, g, e); {
			case err == nil:
				done.Add(1)
			case errors.Is(err, store.ErrHandled):
				refused.Add(1)
			default:
				t.Error(err)
			}
		})
	}
	wg.Wait()
	if done.Load() != 1 || refused.Load() != 7 || k.handled(t, ctx, home) != 1 {
		t.Errorf("handled %d times, refused %d, effects %d", done.Load(), refused.Load(), k.handled(t, ctx, home))
	}
	before := k.dump(t, ctx)
	if err := handle(ctx, k.Store, g, e); !errors.Is(err, store.ErrHandled) {
		t.Errorf("got %v", err)
	}
	if !maps.Equal(before, k.dump(t, ctx)) {
		t.Error("something changed")
	}
	// Work of the agenda has no id and is never refused.
	must(t, handle(ctx, k.Store, g, store.Event{Topic: e.Topic, Home: home, Subject: e.Subject}))
}

func heldBack(t *testing.T, ctx context.Context, k *kit) {
	home := accountID("one")
	var clock moving
	start := time.Date(2026, time.March, 10, 12, 0, 0, 0, time.UTC)
	clock.set(start)
	k.SetClock(clock.time)
	k.OnCommit(func(e store.Event) { t.Errorf("kicked: %+v", e) })
	k.emit(t, ctx, home, 30*time.Second)
	for _, c := range []struct {
		after time.Duration
		want  int
	}{{30 * time.Second, 0}, {40 * time.Second, 1}} {
		clock.set(start.Add(c.after))
		due, err := k.swept(ctx, function(t, access.Sweep), lawTime)
		must(t, err)
		if len(due) != c.want {
			t.Errorf("after %v: %+v", c.after, due)
		}
	}
}

func inOrder(t *testing.T, ctx context.Context, k *kit) {
	home := accountID("one")
	g := function(t, access.WorkApplication).About(home)
	var clock moving
	clock.set(time.Date(2026, time.March, 10, 12, 0, 0, 0, time.UTC))
	k.SetClock(clock.time)
	var kicked []store.Event
	k.OnCommit(func(e store.Event) { kicked = append(kicked, e) })
	first, second := k.emit(t, ctx, home, 0), k.emit(t, ctx, home, 0)
	held := k.emit(t, ctx, home, time.Minute)

	waiting := make(chan error)
	go func() { // the store waits a little for the earlier one
		now := clock.time()
		for {
			select {
			case waiting <- nil:
				return
			case <-time.After(time.Millisecond):
				now = now.Add(100 * time.Millisecond)
				clock.set(now)
			}
		}
	}()
	if err := handle(ctx, k.Store, g, second); !errors.Is(err, store.ErrEarlier) {
		t.Errorf("the second before the first: %v", err)
	}
	<-waiting
	must(t, handle(ctx, k.Store, g, held)) // stands in no line
	clock.advance(10 * time.Second)
	due, err := k.swept(ctx, function(t, access.Sweep), lawTime)
	must(t, err)
	if len(due) != 1 || due[0] != first {
		t.Errorf("due: %+v", due)
	}
	kicked = nil
	must(t, handle(ctx, k.Store, g, first))
	if len(kicked) != 1 || kicked[0] != second {
		t.Errorf("kicked next: %+v", kicked)
	}
	must(t, handle(ctx, k.Store, g, second))
	if n := k.handled(t, ctx, home); n != 3 {
		t.Errorf("%d effects", n)
	}
}

// bury makes an event a dead letter.
func bury(ctx context.Context, s *store.Store, g access.Grant, e store.Event, why string) error {
	_, err := store.Change(ctx, s, g, e.Home, store.Once{}, nil, func(tx *store.Tx) (struct{}, error) {
		tx.Bury(e, why)
		return struct{}{}, nil
	})
	return err
}

func deadLetter(t *testing.T, ctx context.Context, k *kit) {
	home := accountID("one")
	g := function(t, access.WorkApplication).About(home)
	operator, err := access.Caller{Role: access.Operator}.May(access.ReplayEvents, "call-of-operator")
	must(t, err)
	reads, err := access.Caller{Role: access.Operator}.May(access.ReadEvents, "call-of-operator")
	must(t, err)
	e, behind := k.emit(t, ctx, home, 0), k.emit(t, ctx, home, 0)
	must(t, bury(ctx, k.Store, g, e, "refused"))
	if err := bury(ctx, k.Store, g, e, "twice"); !errors.Is(err, store.ErrHandled) {
		t.Errorf("buried twice: %v", err)
	}
	if err := handle(ctx, k.Store, g, e); !errors.Is(err, store.ErrHandled) {
		t.Errorf("handled though dead: %v", err)
	}
	must(t, handle(ctx, k.Store, g, behind))
	letters, _, err := k.DeadLetters(ctx, reads, "", 10)
	must(t, err)
	if len(letters) != 1 || letters[0].Event != e || letters[0].Reason != "refused" {
		t.Fatalf("dead letters: %+v", letters)
	}
	if _, err := k.Replay(ctx, operator.About(home), home, behind.ID, "why"); !errors.Is(err, store.ErrNoDeadLetter) {
		t.Errorf("replayed what is not dead: %v", err)
	}
	again, err := k.Replay(ctx, operator.About(home), home, e.ID, "mended")
	must(t, err)
	if again != e {
		t.Errorf("replayed %+v", again)
	}
	if _, err := k.Replay(ctx, operator.About(home), home, e.ID, "mended"); !errors.Is(err, store.ErrNoDeadLetter) {
		t.Errorf("replayed twice: %v", err)
	}
	must(t, handle(ctx, k.Store, g, e))
	if n := k.handled(t, ctx, home); n != 2 {
		t.Errorf("%d effects", n)
	}
	if letters, _, err = k.DeadLetters(ctx, reads, "", 10); err != nil || len(letters) != 0 {
		t.Errorf("left: %+v, %v", letters, err)
	}
}

func deadLettersPaged(t *testing.T, ctx context.Context, k *kit) {
	reads, err := access.Caller{Role: access.Operator}.May(access.ReadEvents, "call-of-operator")
	must(t, err)
	var clock moving
	clock.set(time.Date(2026, time.March, 10, 12, 0, 0, 0, time.UTC))
	k.SetClock(clock.time)
	var want []string // newest first, and of those of one moment the last made
	for range 3 {
		clock.advance(time.Minute)
		var moment []string
		for n := range 9 { // two of one person at least
			home := accountID(fmt.Sprint("one ", n/2))
			e := k.emit(t, ctx, home, 0)
			must(t, bury(ctx, k.Store, function(t, access.WorkApplication).About(home), e, "refused"))
			moment = append(moment, e.ID)
		}
		slices.Sort(moment)
		want = append(want, moment...)
	}
	slices.Reverse(want)
	for _, limit := range []int{1, 4, 9, 50} {
		var got []string
		for next := ""; ; {
			var letters []store.DeadLetter
			var err error
			var trips atomic.Int64
			counted := disturbed(ctx, func(send func() error) error { trips.Add(1); return send() })
			letters, next, err = k.DeadLetters(counted, reads, next, limit)
			must(t, err)
			if len(letters) > limit || trips.Load() > 6 { // two to each server of a Cluster
				t.Errorf("%d on a page of %d, for %d round trips", len(letters), limit, trips.Load())
			}
			for _, letter := range letters {
				got = append(got, letter.ID)
			}
			if next == "" {
				break
			}
		}
		if !slices.Equal(got, want) {
			t.Errorf("in pages of %d: %v instead of %v", limit, got, want)
		}
	}
	if _, _, err := k.DeadLetters(ctx, reads, "yesterday", 10); !fault.HasKind(err, fault.Invalid) {
		t.Errorf("from nowhere: %v", err)
	}
}

func givenUp(t *testing.T, ctx context.Context, k *kit) {
	home := accountID("one")
	var clock moving
	clock.set(time.Date(2026, time.March, 10, 12, 0, 0, 0, time.UTC))
	k.SetClock(clock.time)
	e := k.emit(t, ctx, home, 0)
	deliveries := 0
	for range 200 {
		clock.advance(time.Minute)
		due, err := k.swept(ctx, function(t, access.Sweep), lawTime)
		must(t, err)
		deliveries += len(due)
	}
	reads, err := access.Caller{Role: access.Operator}.May(access.ReadEvents, "call-of-operator")
	must(t, err)
	letters, _, err := k.DeadLetters(ctx, reads, "", 10)
	must(t, err)
	if deliveries != 120 || len(letters) != 1 || letters[0].Event != e || letters[0].Reason == "" {
		t.Errorf("after %d deliveries: %+v", deliveries, letters)
	}
}

func onAgenda(t *testing.T, ctx context.Context, k *kit) {
	home := accountID("one")
	schedule := func(subject string, at time.Time) {
		t.Helper()
		_, err := store.Change(ctx, k.Store, citizen(t, home, access.Apply), home, store.Once{}, nil, func(tx *store.Tx) (struct{}, error) {
			tx.Schedule("policy-request/work", home, subject, at)
			return struct{}{}, nil
		})
		must(t, err)
	}
	dueAt := func(law time.Time, want ...string) {
		t.Helper()
		due, err := k.swept(ctx, function(t, access.Sweep), law)
		must(t, err)
		for i, e := range due {
			if i >= len(want) || e != (store.Event{Topic: "policy-request/work", Home: home, Subject: want[i]}) {
				t.Errorf("due at %v: %+v, want %q", law, due, want)
			}
		}
		if len(due) != len(want) {
			t.Errorf("due at %v: %+v, want %q", law, due, want)
		}
	}
	schedule("second", lawTime.Add(2*time.Hour))
	schedule("first", lawTime.Add(time.Hour))
	dueAt(lawTime)
	dueAt(lawTime.Add(time.Hour - time.Millisecond))
	dueAt(lawTime.Add(time.Hour), "first")
	dueAt(lawTime.Add(time.Hour))                      // it is being done
	dueAt(lawTime.Add(time.Hour+time.Minute), "first") // it was not
	dueAt(lawTime.AddDate(1, 0, 0), "first", "second")
	schedule("first", lawTime.Add(3*time.Hour))
	schedule("second", lawTime.Add(2*time.Hour))
	dueAt(lawTime.Add(2*time.Hour), "second")
	schedule("second", time.Time{})
	dueAt(lawTime.AddDate(1, 0, 0), "first")
}

func exclusiveLease(t *testing.T, ctx context.Context, k *kit) {
	holds := func(l *store.Lease) bool {
		t.Helper()
		ok, err := l.Hold(ctx)
		must(t, err)
		return ok
	}
	var taken atomic.Int64
	var wg sync.WaitGroup
	for range 20 {
		wg.Go(func() {
			if ok, err := k.again().Lease("race", time.Minute).Hold(ctx); err != nil {
				t.Error(err)
			} else if ok {
				taken.Add(1)
			}
		})
	}
	wg.Wait()
	if taken.Load() != 1 {
		t.Errorf("%d have the lease", taken.Load())
	}
	one, near, far := k.Lease("sweep", time.Minute), k.Lease("sweep", time.Minute), k.again().Lease("sweep", time.Minute)
	if !holds(one) || holds(near) || holds(far) {
		t.Fatal("the lease is not exclusive")
	}
	if !holds(one) {
		t.Fatal("its holder cannot make the lease last")
	}
	near.Release(ctx) // is not the holder
	if holds(far) {
		t.Fatal("the lease was given back by another")
	}
	one.Release(ctx)
	short := k.Lease("sweep", 50*time.Millisecond)
	if !holds(short) {
		t.Fatal("a lease given back is not free")
	}
	eventually(t, ctx, "the lease runs out", func() bool { return holds(far) })
	short.Release(ctx) // too late: it is another's
	if holds(short) || holds(near) {
		t.Error("a lease that ran out was given back for its new holder")
	}
}
