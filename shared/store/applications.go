package store

import (
	"context"
	"errors"
	"time"

	"polis/shared/access"
	"polis/shared/application"
	"polis/shared/cabinet"
	"polis/shared/fault"
	"polis/shared/notice"
)

// Submission is an application to be submitted.
type Submission struct {
	Application application.Application // begun
	Contacts    cabinet.Contacts        // how the person is reached
	Topic       string                  // of the function that works on it
	Reads       []Ref                   // beside the account and the application

	// Allow refuses, or adds to the step. It may run more than once. Nil allows.
	Allow func(tx *Tx, have cabinet.Account, a application.Application) (cabinet.Account, application.Application, error)
}

// ErrNoApplication is an id that the account has no application under.
var ErrNoApplication = fault.New(fault.NotFound, "application_not_found",
	"Такого заявления нет.", "There is no such application.")

// firstRetry is when, by the law clock, work is looked at again that its first
// event did not bring to an end.
const firstRetry = time.Minute

// submitted is what a submission led to: a new application, or the id of one
// that asks for the same and is under way.
type submitted struct {
	Made    *application.Application `json:"made,omitempty"`
	Earlier string                   `json:"earlier,omitempty"`
}

// Submit puts an application under way: it is worked on at once, or at its
// NextTry where that is later than its submission. A second click finds the
// application of the first, as long as that is not decided. TooMany if the account
// has too many under way.
func (s *Store) Submit(ctx context.Context, g access.Grant, account string, once Once, sub Submission) (application.Application, error) {
	home, doc := Account(account), Application(account, sub.Application.ID)
	did, err := Change(ctx, s, g, account, once, append([]Ref{home.Ref, doc.Ref}, sub.Reads...), func(tx *Tx) (submitted, error) {
		have, _, err := Get(tx.View, home)
		if err != nil {
			return submitted{}, err
		}
		a := sub.Application
		a.Epoch = have.Consents.Epoch(a.Person)
		if open := have.Open[a.Asks()]; open != "" {
			return submitted{Earlier: open}, nil
		}
		if sub.Allow != nil {
			if have, a, err = sub.Allow(tx, have, a); err != nil {
				return submitted{}, err
			}
		}
		if err := have.MayOpen(a.Kind); err != nil {
			return submitted{}, err
		}
		have = Meet(tx, account, have.Opening(a.Asks(), a.ID), a.Applicant.SNILS, sub.Contacts)
		tx.Append(Applications(account), a.ID)
		if a.NextTry.After(a.Submitted) {
			tx.Schedule(sub.Topic, account, a.ID, a.NextTry)
		} else {
			tx.Schedule(sub.Topic, account, a.ID, a.NextTry.Add(firstRetry))
			tx.Emit(Event{Topic: sub.Topic, Home: account, Subject: a.ID, Lane: a.ID}, 0)
		}
		if err := Put(tx, home, have); err != nil {
			return submitted{}, err
		}
		return submitted{Made: &a}, PutApplication(tx, account, a)
	})
	if err != nil {
		return application.Application{}, err
	}
	if did.Made != nil {
		return *did.Made, nil
	}
	a, _, found, err := s.Application(ctx, g, account, did.Earlier)
	if err == nil && !found {
		err = ErrNoApplication
	}
	return a, err
}

// Application of an account, with the account as it stands.
func (s *Store) Application(ctx context.Context, g access.Grant, account, id string) (application.Application, cabinet.Account, bool, error) {
	home, doc := Account(account), Application(account, id)
	v, err := s.View(ctx, g, account, home.Ref, doc.Ref)
	if err != nil {
		return application.Application{}, cabinet.Account{}, false, err
	}
	a, found, err := Get(v, doc)
	if err != nil {
		return a, cabinet.Account{}, false, err
	}
	have, _, err := Get(v, home)
	return a, have, found, err
}

// Advance takes one step with the application that an event names, and
// acknowledges the event in the same step. decide may run more than once; it is
// not asked where there is no step to take. A decided application is no longer
// under way; one that is not is looked at again at its NextTry.
func (s *Store) Advance(ctx context.Context, g access.Grant, e Event, now time.Time, reads []Ref,
	decide func(*Tx, application.Application, cabinet.Account) (application.Application, cabinet.Account, error)) error {
	home, doc := Account(e.Home), Application(e.Home, e.Subject)
	_, err := Change(ctx, s, g, e.Home, Once{}, append([]Ref{home.Ref, doc.Ref}, reads...), func(tx *Tx) (struct{}, error) {
		none := struct{}{}
		tx.Acknowledge(e)
		a, found, err := Get(tx.View, doc)
		if err != nil || !found || a.Status.Done() {
			tx.Schedule(e.Topic, e.Home, e.Subject, time.Time{})
			return none, err
		}
		if !a.MayStep(e.ID != "", now) {
			tx.Schedule(e.Topic, e.Home, a.ID, a.NextTry)
			return none, nil
		}
		have, _, err := Get(tx.View, home)
		if err != nil {
			return none, err
		}
		asks := a.Asks()
		if a, have, err = decide(tx, a, have); err != nil {
			return none, err
		}
		if a.Status.Done() {
			if err := Put(tx, home, have.Closing(asks, a.ID)); err != nil {
				return none, err
			}
		}
		tx.Schedule(e.Topic, e.Home, a.ID, a.NextTry)
		return none, PutApplication(tx, e.Home, a)
	})
	if errors.Is(err, ErrHandled) {
		return nil
	}
	return err
}

// PutApplication writes an application, with an event for each entry that its
// timeline has gained: no step of an application goes without its notice, and
// none of one under review without its case. The application must have been
// among the reads.
func PutApplication(tx *Tx, account string, a application.Application) error {
	doc := Application(account, a.ID)
	before, _, err := Get(tx.View, doc)
	if err != nil {
		return err
	}
	for n := len(before.Timeline); n < len(a.Timeline); n++ {
		tx.Emit(Event{Topic: TopicNotice, Home: account, Subject: notice.Subject(a.ID, n)}, 0)
	}
	followReview(tx, account, before, a)
	return Put(tx, doc, a)
}

// EraseCopy erases an account's copy of a person's policy, with every document
// made of it; their bytes follow at once by the event, and within seconds the account
// is not found by the record any more. The card must have been among the reads, and the
// account still has to be put.
func EraseCopy(tx *Tx, account string, have cabinet.Account, person string) cabinet.Account {
	have, gone := have.Without(person)
	for _, e := range gone {
		tx.Emit(Event{Topic: TopicSettle, Home: account, Subject: e.ID, Lane: e.ID}, 0)
	}
	if card, shown, err := Get(tx.View, Card(account, person)); err == nil && shown {
		tx.ForgetCopy(account, card.Insured)
	}
	Erase(tx, Card(account, person))
	return have
}
