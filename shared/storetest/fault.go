package storetest

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"

	"polis/shared/access"
	"polis/shared/cabinet"
	"polis/shared/fault"
	"polis/shared/ident"
	"polis/shared/policy"
	"polis/shared/store"
)

var faultRules = []rule{
	{"wherever a submission breaks off, repeated it has one effect", breaking(submission)},
	{"wherever a revocation breaks off, repeated it has one effect", breaking(revocation)},
	{"wherever putting on record breaks off, repeated it has one effect", breaking(enrolment)},
	{"wherever an acknowledgement breaks off, repeated it has one effect", breaking(acknowledgement)},
	{"a commit whose answer was lost is not sent again by itself", notSentAgain},
}

// request is what a function does for one call. Repeated, it is the same
// request; effect counts what there is of it, each part on its own.
type request struct {
	do     func(ctx context.Context) error
	effect func(ctx context.Context) []int
	whole  []int // the effect of one request
}

// breaking cuts the connection at every round trip of a request, before and
// after the command was done, and then repeats the request undisturbed.
func breaking(scenario func(t *testing.T, ctx context.Context, k *kit, n int) request) func(t *testing.T, ctx context.Context, k *kit) {
	return func(t *testing.T, ctx context.Context, k *kit) {
		n := 0
		for _, after := range []bool{false, true} {
			for at := 1; ; at++ {
				n++
				r := scenario(t, ctx, k, n)
				none := fmt.Sprint(r.effect(ctx))
				whole := fmt.Sprint(r.whole)
				c := cut{n: at, after: after}
				err := r.do(disturbed(ctx, c.disturb))
				if !c.reached() {
					if err != nil || fmt.Sprint(r.effect(ctx)) != whole {
						t.Fatalf("undisturbed: %v, effect %v, want %s", err, r.effect(ctx), whole)
					}
					if at == 1 {
						t.Fatal("nothing was disturbed")
					}
					break
				}
				if !fault.HasKind(err, fault.Unavailable) && !(err == nil && k.repairs()) {
					t.Errorf("broken off at %d (done: %v): %v", at, after, err)
				}
				if got := fmt.Sprint(r.effect(ctx)); got != none && got != whole {
					t.Errorf("broken off at %d (done: %v): half an effect, %s", at, after, got)
				}
				if err := r.do(ctx); err != nil {
					t.Errorf("repeated after %d (done: %v): %v", at, after, err)
				}
				if got := fmt.Sprint(r.effect(ctx)); got != whole {
					t.Errorf("repeated after %d (done: %v): effect %s, want %s", at, after, got, whole)
				}
			}
		}
	}
}

// repairs reports that the client itself repeats what was cut, commits excepted.
func (k *kit) repairs() bool {
	_, cluster := k.rdb.(*redis.ClusterClient)
	return cluster
}

func submission(t *testing.T, ctx context.Context, k *kit, n int) request {
	home := accountID(fmt.Sprint("applicant ", n))
	once := k.OnceFor(home, "policy-request", "key", []byte("body"))
	return request{
		do: func(ctx context.Context) error {
			_, err := submit(ctx, k.Store, citizen(t, home, access.Apply), home, ident.New(time.Now()), once)
			return err
		},
		effect: func(ctx context.Context) []int { e := k.effects(t, ctx, home); return e[:] },
		whole:  []int{1, 1, 1, 1, 1},
	}
}

func revocation(t *testing.T, ctx context.Context, k *kit, n int) request {
	home := accountID(fmt.Sprint("revoker ", n))
	account, card := store.Account(home), store.Card(home, "self")
	once := k.OnceFor(home, "consent-toggle", "key", []byte("body"))
	k.keep(t, ctx, home, policy.Card{Person: someone(1)})
	return request{
		do: func(ctx context.Context) error {
			_, err := store.Change(ctx, k.Store, citizen(t, home, access.ChangeConsents), home, once, []store.Ref{account.Ref, card.Ref},
				func(tx *store.Tx) (string, error) {
					have, _, err := store.Get(tx.View, account)
					if err != nil {
						return "", err
					}
					tx.Emit(store.Event{Topic: "extract-rendering/settle", Home: home, Subject: "extract"}, 0)
					store.Erase(tx, card)
					have.Extracts = append(have.Extracts, cabinet.Extract{ID: "revoked"})
					return "receipt", store.Put(tx, account, have)
				})
			return err
		},
		effect: func(ctx context.Context) []int {
			events, _ := k.due(t, ctx, home)
			partition, _ := ident.Partition(home)
			left := k.rdb.Exists(ctx, cardKey(home)).Val() + k.rdb.Exists(ctx, "key:{"+partition+"}:"+home+":self").Val()
			return []int{k.handled(t, ctx, home), events, int(left)}
		},
		whole: []int{1, 1, 0},
	}
}

func enrolment(t *testing.T, ctx context.Context, k *kit, n int) request {
	look := function(t, access.LookUpInsured)
	record := k.record(fmt.Sprint("cause ", n), someone(n))
	record.Representatives = append(record.Representatives, snils(10_000+n))
	return request{
		do: func(ctx context.Context) error {
			_, _, err := k.PutOnRecord(ctx, function(t, access.RecordInsured), record)
			return err
		},
		effect: func(ctx context.Context) []int {
			found, err := k.Find(ctx, look, store.Query{SNILS: snils(n), Document: passport(n)})
			must(t, err)
			children, err := k.Children(ctx, look, snils(10_000+n), all)
			must(t, err)
			return []int{len(found), len(children)}
		},
		whole: []int{1, 1},
	}
}

func acknowledgement(t *testing.T, ctx context.Context, k *kit, n int) request {
	home := accountID(fmt.Sprint("consumer ", n))
	e := k.emit(t, ctx, home, 0)
	return request{
		do: func(ctx context.Context) error {
			err := handle(ctx, k.Store, function(t, access.WorkApplication).About(home), e)
			if errors.Is(err, store.ErrHandled) {
				return nil // as its consumers answer
			}
			return err
		},
		effect: func(ctx context.Context) []int {
			events, _ := k.due(t, ctx, home)
			return []int{k.handled(t, ctx, home), events}
		},
		whole: []int{1, 0},
	}
}

func notSentAgain(t *testing.T, ctx context.Context, k *kit) {
	home := accountID("one")
	g := citizen(t, home, access.Apply)
	change := func(ctx context.Context) error {
		_, err := submit(ctx, k.Store, g, home, ident.New(time.Now()), store.Once{})
		return err
	}
	must(t, change(ctx)) // the first of all sends the script itself
	lost := cut{n: 2, after: true}
	if err := change(disturbed(ctx, lost.disturb)); !fault.HasKind(err, fault.Unavailable) {
		t.Errorf("got %v", err)
	}
	if lost.trips != 2 {
		t.Errorf("%d round trips", lost.trips)
	}
	if got := k.effects(t, ctx, home); got != [5]int{2, 2, 2, 2, 2} {
		t.Errorf("effects: %v", got)
	}
}
