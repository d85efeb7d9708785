package store

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/redis/go-redis/v9"

	"polis/shared/access"
	"polis/shared/application"
	"polis/shared/ident"
	"polis/shared/review"
)

// UnitID is the home of a unit's cases.
func (s *Store) UnitID(unit string) string { return ident.Home(ident.Unit, s.index, "unit", unit) }

// Case of a unit, by the id of its application.
func Case(unit, id string) Doc[review.Case] {
	return document[review.Case]("case", unit, ":"+id, unit)
}

func inboxKey(unit string) string {
	p, _ := ident.Partition(unit)
	return "inbox:{" + p + "}:" + unit
}

// underReview are the applications of a partition that await a review, each with
// its account. The step that changes an application keeps it true, so all cases
// can be made anew of it.
func underReview(partition string) string { return "reviews:{" + partition + "}" }

// followReview brings the case up to date of an application whose review, or
// status under review, a step changes.
func followReview(tx *Tx, account string, before, a application.Application) {
	if a.Review == nil || before.Review != nil && *before.Review == *a.Review && before.Status == a.Status {
		return
	}
	member := account + " " + a.ID
	if a.AwaitsReview() {
		tx.do("SADD", underReview(tx.partition), member)
	} else {
		tx.do("SREM", underReview(tx.partition), member)
	}
	tx.Emit(Event{Topic: TopicCase, Home: account, Subject: a.ID, Lane: a.ID}, 0)
}

// Decide takes a reviewer's step with an application of an account. decide may
// run more than once. Where there is work to do after it, its function is told.
func (s *Store) Decide(ctx context.Context, g access.Grant, account, id string, once Once,
	decide func(application.Application) (application.Application, error)) (application.Application, error) {
	home, doc := Account(account), Application(account, id)
	return Change(ctx, s, g, account, once, []Ref{home.Ref, doc.Ref}, func(tx *Tx) (application.Application, error) {
		a, found, err := Get(tx.View, doc)
		if err == nil && !found {
			err = ErrNoApplication
		}
		if err != nil {
			return a, err
		}
		asks := a.Asks()
		if a, err = decide(a); err != nil {
			return a, err
		}
		switch {
		case a.Status.Done():
			have, _, err := Get(tx.View, home)
			if err != nil {
				return a, err
			}
			if err := Put(tx, home, have.Closing(asks, a.ID)); err != nil {
				return a, err
			}
		case !a.AwaitsReview():
			tx.Schedule(a.Review.Topic, account, a.ID, a.NextTry.Add(firstRetry))
			tx.Emit(Event{Topic: a.Review.Topic, Home: account, Subject: a.ID, Lane: a.ID}, 0)
		}
		return a, PutApplication(tx, account, a)
	})
}

// ChangeCase changes a case of a unit in one step; found is false where there is
// none yet. change may run more than once.
func (s *Store) ChangeCase(ctx context.Context, g access.Grant, unit, id string, change func(c review.Case, found bool) (review.Case, error)) (review.Case, error) {
	doc := Case(unit, id)
	return Change(ctx, s, g.About(unit), unit, Once{}, []Ref{doc.Ref}, func(tx *Tx) (review.Case, error) {
		before, found, err := Get(tx.View, doc)
		if err != nil {
			return before, err
		}
		c, err := change(before, found)
		if err != nil {
			return before, err
		}
		if found {
			tx.do("ZREM", inboxKey(unit), placeOf(before))
		}
		if c.Open {
			tx.do("ZADD", inboxKey(unit), 0, placeOf(c))
		}
		return c, Put(tx, doc, c)
	})
}

// placeOf a case in its inbox: what is due first, and so what is overdue, comes
// first.
func placeOf(c review.Case) string { return fmt.Sprintf("%013d.%s", c.Due.UnixMilli(), c.ID) }

// Inbox is at most limit open cases of a unit, those due first at the head, that
// come after the given place ("" for the first). next is the place of the last,
// "" where the page is not full.
func (s *Store) Inbox(ctx context.Context, g access.Grant, unit, after string, limit int) (cases []review.Case, next string, err error) {
	g = g.About(unit)
	if _, err := open(g, unit); err != nil {
		return nil, "", err
	}
	bottom := "-"
	if after != "" {
		bottom = "(" + after
	}
	places, err := s.rdb.ZRangeByLex(ctx, inboxKey(unit), &redis.ZRangeBy{Min: bottom, Max: "+", Count: int64(limit)}).Result()
	if err != nil {
		return nil, "", unreachable(err)
	}
	reads := make([]Ref, len(places))
	for i, place := range places {
		_, id, _ := strings.Cut(place, ".")
		reads[i] = Case(unit, id).Ref
	}
	v, err := s.View(ctx, g, unit, reads...)
	if err != nil {
		return nil, "", err
	}
	for _, place := range places {
		_, id, _ := strings.Cut(place, ".")
		c, found, err := Get(v, Case(unit, id))
		if err != nil {
			return nil, "", err
		}
		if found && c.Open {
			cases = append(cases, c)
		}
	}
	if len(places) == limit {
		next = places[limit-1]
	}
	return cases, next, nil
}

// UnderReview is at most limit applications that await a review, the oldest first,
// those after the given one ("" for the first), as events that bring their cases
// up to date; they have no id. next is the last application, "" where the page is
// not full.
func (s *Store) UnderReview(ctx context.Context, g access.Grant, after string, limit int) (page []Event, next string, err error) {
	if err := checkGrant(g); err != nil {
		return nil, "", err
	}
	partitions := ident.AllPartitions()
	found := make([]*redis.StringSliceCmd, len(partitions))
	if err := answers(s.rdb.Pipelined(ctx, func(p redis.Pipeliner) error {
		for i, part := range partitions {
			found[i] = p.SMembers(ctx, underReview(part))
		}
		return nil
	})); err != nil {
		return nil, "", unreachable(err)
	}
	for _, members := range found {
		for _, member := range members.Val() {
			if account, id, ok := strings.Cut(member, " "); ok && id > after {
				page = append(page, Event{Topic: TopicCase, Home: account, Subject: id})
			}
		}
	}
	slices.SortFunc(page, func(a, b Event) int { return cmp.Compare(a.Subject, b.Subject) })
	if len(page) >= limit {
		page = page[:limit]
		next = page[limit-1].Subject
	}
	return page, next, nil
}
