package store

import (
	"context"
	"slices"
	"time"

	"polis/shared/access"
	"polis/shared/policy"
)

// dismissals that were reported of somebody before their record was made, kept
// with the record that is to be.
func dismissals(id string) Doc[[]policy.Dismissal] {
	return document[[]policy.Dismissal]("dismissals", id, "", id)
}

// An application for a first policy is decided long before dismissalTTL. Whoever
// is not on record by then did not apply.
const (
	dismissalTTL   = 90 * 24 * time.Hour
	keepDismissals = 10
)

// KeepDismissal keeps a dismissal for the record of that id to come; false where
// there is a record by now, which it has to be told to.
func (s *Store) KeepDismissal(ctx context.Context, g access.Grant, id string, d policy.Dismissal) (kept bool, err error) {
	doc, record := dismissals(id), Insured(id)
	return Change(ctx, s, g.About(id), id, Once{}, []Ref{doc.Ref, record.Ref}, func(tx *Tx) (bool, error) {
		if _, found, err := Get(tx.View, record); err != nil || found {
			return false, err
		}
		have, _, err := Get(tx.View, doc)
		if err != nil {
			return false, err
		}
		if !slices.ContainsFunc(have, func(x policy.Dismissal) bool { return x.Cause == d.Cause }) {
			have = append(have, d)
		}
		if err := Put(tx, doc, have[max(0, len(have)-keepDismissals):]); err != nil {
			return false, err
		}
		tx.do("PEXPIRE", doc.name, dismissalTTL.Milliseconds())
		return true, nil
	})
}

// Dismissals kept for a record before it was made, as they were reported.
func (s *Store) Dismissals(ctx context.Context, g access.Grant, id string) ([]policy.Dismissal, error) {
	doc := dismissals(id)
	v, err := s.View(ctx, g.About(id), id, doc.Ref)
	if err != nil {
		return nil, err
	}
	kept, _, err := Get(v, doc)
	return kept, err
}
