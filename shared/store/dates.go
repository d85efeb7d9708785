package store

import (
	"context"
	"errors"
	"time"

	"polis/shared/access"
	"polis/shared/policy"
)

// A record that has a date to tell of stands on the agenda once, for the soonest
// of them. The entry is set in the step that changes the record.
const (
	datesTopic   = "insured-registry/dates"
	datesSubject = "dates"
)

// schedule puts a record on the agenda for its next date, or takes it off.
func (s *Store) schedule(ctx context.Context, tx *Tx, record policy.Insured) error {
	insurers, err := s.Directory(ctx)
	if err != nil {
		return err
	}
	tx.Schedule(datesTopic, record.ID, datesSubject, record.Wake(insurers.FindInsurer))
	return nil
}

// TellDates notes in a record which of its dates have come by the moment of the
// law, emits the events that follow from each, and schedules the next, all in
// one step: a second delivery finds nothing to tell.
func (s *Store) TellDates(ctx context.Context, g access.Grant, e Event, now time.Time, follow func(policy.Dated) []Event) error {
	insurers, err := s.CurrentDirectory(ctx)
	if err != nil {
		return err
	}
	doc := Insured(e.Home)
	_, err = Change(ctx, s, g.About(e.Home), e.Home, Once{}, []Ref{doc.Ref}, func(tx *Tx) (struct{}, error) {
		none := struct{}{}
		tx.Acknowledge(e)
		record, found, err := Get(tx.View, doc)
		if err != nil {
			return none, err
		}
		if !found {
			tx.Schedule(datesTopic, e.Home, datesSubject, time.Time{})
			return none, nil
		}
		record, due := record.TellDates(now, insurers.FindInsurer)
		for _, d := range due {
			for _, event := range follow(d) {
				tx.Emit(event, 0)
			}
		}
		tx.Schedule(datesTopic, e.Home, datesSubject, record.Wake(insurers.FindInsurer))
		return none, Put(tx, doc, record)
	})
	if errors.Is(err, ErrHandled) {
		return nil
	}
	return err
}
