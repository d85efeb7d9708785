package store

import (
	"context"
	"slices"
	"time"

	"polis/shared/access"
	"polis/shared/policy"
)

// dismissals that were reported of somebody, kept under the id of a record that
// derives from their SNILS, whether or not theirs does.
func dismissals(id string) Doc[[]policy.Dismissal] {
	return document[[]policy.Dismissal]("dismissals", id, "", id)
}

// An application for a first policy is decided long before dismissalTTL. What none
// has needed by then concerns none.
const (
	dismissalTTL   = 90 * 24 * time.Hour
	keepDismissals = 10
)

// KeepDismissal keeps a dismissal for an application that is under way. One that is
// delivered again is as it was at first.
func (s *Store) KeepDismissal(ctx context.Context, g access.Grant, id string, d policy.Dismissal) (policy.Dismissal, error) {
	doc := dismissals(id)
	return Change(ctx, s, g.About(id), id, Once{}, []Ref{doc.Ref}, func(tx *Tx) (policy.Dismissal, error) {
		have, _, err := Get(tx.View, doc)
		if err != nil {
			return d, err
		}
		first := d
		if n := slices.IndexFunc(have, func(x policy.Dismissal) bool { return x.Cause == d.Cause }); n >= 0 {
			first = have[n]
		} else {
			have = append(have, d)
		}
		if err := Put(tx, doc, have[max(0, len(have)-keepDismissals):]); err != nil {
			return d, err
		}
		tx.do("PEXPIRE", doc.name, dismissalTTL.Milliseconds())
		return first, nil
	})
}

// Dismissals kept under an id, as they were reported.
func (s *Store) Dismissals(ctx context.Context, g access.Grant, id string) ([]policy.Dismissal, error) {
	doc := dismissals(id)
	v, err := s.View(ctx, g.About(id), id, doc.Ref)
	if err != nil {
		return nil, err
	}
	kept, _, err := Get(v, doc)
	return kept, err
}
