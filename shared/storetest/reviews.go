package storetest

import (
	"context"
	"fmt"
	"slices"
	"sync"
	"testing"
	"time"

	"polis/shared/access"
	"polis/shared/application"
	"polis/shared/cabinet"
	"polis/shared/fault"
	"polis/shared/review"
	"polis/shared/store"
)

var reviewRules = []rule{
	{"what awaits a review is listed until it is decided, and every turn of it is told", reviewed},
	{"an inbox is by term, in pages, and holds what is open", inboxByTerm},
	{"of many who take a case at once one gets it", takenOnce},
}

const workTopic = "policy-lifecycle/work"

// reviewer of the fund.
func reviewer(t *testing.T, name string) access.Grant {
	t.Helper()
	g, err := access.Caller{Role: access.Fund, Account: accountID(name)}.May(access.DecideCase, "call-of-reviewer")
	must(t, err)
	return g
}

// underReview is an application of an account that was handed to the fund.
func (k *kit) underReview(t *testing.T, ctx context.Context, account string, at time.Time) application.Application {
	t.Helper()
	a := application.Application{
		ID: fmt.Sprintf("%026d", at.Unix()), Kind: application.Restore, Person: "self", Region: region, Applicant: someone(1),
	}.Begin(at, at.Add(72*time.Hour), fault.Text{RU: "Подано"})
	_, err := k.Submit(ctx, citizen(t, account, access.Apply), account, store.Once{}, store.Submission{Application: a, Topic: workTopic, Contacts: cabinet.Contacts{}})
	must(t, err)
	e := store.Event{Topic: workTopic, Home: account, Subject: a.ID}
	must(t, k.Advance(ctx, function(t, access.WorkApplication).About(account), e, at.Add(time.Hour), nil,
		func(_ *store.Tx, a application.Application, have cabinet.Account) (application.Application, cabinet.Account, error) {
			a, err := a.InReview(application.FundUnit, workTopic, at)
			return a, have, err
		}))
	a, _, _, err = k.Application(ctx, citizen(t, account, access.ReadApplications), account, a.ID)
	must(t, err)
	return a
}

func reviewed(t *testing.T, ctx context.Context, k *kit) {
	var mu sync.Mutex
	told := map[string]int{}
	k.OnCommit(func(e store.Event) {
		mu.Lock()
		defer mu.Unlock()
		told[e.Topic]++
	})
	listed := func() int {
		all, _, err := k.UnderReview(ctx, function(t, access.FollowCase), "", 10)
		must(t, err)
		return len(all)
	}
	at := recorded.Start(time.UTC)
	for n, verdict := range []application.Verdict{application.Approved, application.Declined} {
		account := accountID(fmt.Sprint("applicant ", n))
		a := k.underReview(t, ctx, account, at)
		if !a.AwaitsReview() || listed() != 1 {
			t.Fatalf("%d are listed: %+v", listed(), a)
		}
		mu.Lock()
		clear(told)
		mu.Unlock()
		decide := func(a application.Application) (application.Application, error) {
			return a.Decide(verdict, "r", nil, at)
		}
		if _, err := k.Decide(ctx, reviewer(t, "r").About(account), account, a.ID, store.Once{}, decide); err != nil {
			t.Fatal(err)
		}
		mu.Lock()
		if worked := told[workTopic] == 1; told["review-desk/cases"] != 1 || told["notify/events"] != 1 || worked != (verdict == application.Approved) {
			t.Errorf("%s: told %v", verdict, told)
		}
		mu.Unlock()
		if listed() != 0 {
			t.Errorf("%s: still listed", verdict)
		}
		if _, err := k.Decide(ctx, reviewer(t, "s").About(account), account, a.ID, store.Once{}, decide); fault.From(err).Code != "application_done" {
			t.Errorf("%s: decided again: %v", verdict, err)
		}
	}
	if _, err := k.Decide(ctx, reviewer(t, "r").About(accountID("x")), accountID("x"), "none", store.Once{}, nil); fault.From(err).Code != "application_not_found" {
		t.Errorf("of nobody: %v", err)
	}
}

// putCase makes a case of the fund.
func (k *kit) putCase(t *testing.T, ctx context.Context, id string, due time.Time, open bool) {
	t.Helper()
	unit := k.UnitID(application.FundUnit)
	_, err := k.ChangeCase(ctx, function(t, access.FollowCase), unit, id, func(review.Case, bool) (review.Case, error) {
		return review.Case{ID: id, Unit: application.FundUnit, Due: due, Open: open}, nil
	})
	must(t, err)
}

func inboxByTerm(t *testing.T, ctx context.Context, k *kit) {
	due := recorded.Start(time.UTC)
	for id, days := range map[string]int{"c": 1, "a": 2, "b": 2, "e": 3, "d": 9} {
		k.putCase(t, ctx, id, due.AddDate(0, 0, days), true)
	}
	k.putCase(t, ctx, "d", due, true)                   // another term
	k.putCase(t, ctx, "e", due.AddDate(0, 0, 3), false) // decided
	read := func(limit int) (ids []string) {
		for after := ""; ; {
			cases, next, err := k.Inbox(ctx, reviewer(t, "r"), k.UnitID(application.FundUnit), after, limit)
			must(t, err)
			for _, c := range cases {
				ids = append(ids, c.ID)
			}
			if after = next; after == "" {
				return ids
			}
		}
	}
	for limit := 1; limit <= 5; limit++ {
		if got := read(limit); !slices.Equal(got, []string{"d", "c", "a", "b"}) {
			t.Errorf("in pages of %d: %v", limit, got)
		}
	}
	if cases, _, err := k.Inbox(ctx, reviewer(t, "r"), k.UnitID("26002"), "", 5); err != nil || len(cases) != 0 {
		t.Errorf("of another unit: %v, %v", cases, err)
	}
}

func takenOnce(t *testing.T, ctx context.Context, k *kit) {
	now := recorded.Start(time.UTC)
	k.putCase(t, ctx, "a", now, true)
	errs := make([]error, 10)
	var all sync.WaitGroup
	for n := range errs {
		all.Go(func() {
			_, errs[n] = k.again().ChangeCase(ctx, reviewer(t, fmt.Sprint(n)), k.UnitID(application.FundUnit), "a", func(c review.Case, _ bool) (review.Case, error) {
				return c.Take(fmt.Sprint(n), now, now.Add(time.Hour))
			})
		})
	}
	all.Wait()
	took := 0
	for _, err := range errs {
		if err == nil {
			took++
		} else if fault.From(err).Code != "case_taken" {
			t.Error(err)
		}
	}
	if took != 1 {
		t.Errorf("%d took it", took)
	}
}
