package function

import (
	"time"

	"polis/shared/calendar"
	"polis/shared/consent"
	"polis/shared/notice"
	"polis/shared/policy"
	"polis/shared/store"
	"polis/shared/web"
)

// putCard puts a copy into a cabinet, and what differs in it on the agenda: the
// person has a month to report it. The clinic is on it once it was asked for, now
// or for the copy before. The copy must have been among the reads.
func putCard(tx *store.Tx, home, who string, card, before policy.Card, clinic bool, now time.Time) error {
	if card.ClinicAsked = clinic || before.TellsOfClinic(); !card.ClinicAsked {
		card.Clinic = nil
	}
	card = card.Noting(before, calendar.Today(now, card.Insurance.Region))
	tx.Schedule(store.TopicReport, home, who, card.RemindAt(now))
	return store.Put(tx, store.Card(home, who), card)
}

// remind tells a person that the month to report changed data ends. The subject
// is whose copy it is; told again it is the same notice.
func (r *requests) remind(c *web.Call) (web.Answer, error) {
	var e store.Event
	if err := c.Bind(&e); err != nil {
		return web.Answer{}, err
	}
	now, account, copied := r.law(), store.Account(e.Home), store.Card(e.Home, e.Subject)
	_, err := store.Change(c, r.store, c.Grant.About(e.Home), e.Home, store.Once{}, []store.Ref{account.Ref, copied.Ref}, func(tx *store.Tx) (struct{}, error) {
		none := struct{}{}
		have, _, err := store.Get(tx.View, account)
		if err != nil {
			return none, err
		}
		card, _, err := store.Get(tx.View, copied)
		if err != nil {
			return none, err
		}
		next := card.RemindAt(now)
		tx.Schedule(store.TopicReport, e.Home, e.Subject, next)
		d, differs := card.Reminder()
		today := calendar.Today(now, card.Insurance.Region)
		if !differs || !next.IsZero() || today.After(d.Last) || have.Consents.Covers(e.Subject) != nil {
			return none, nil
		}
		told := policy.Told{Insured: card.Insured, Kind: d.Kind, At: d.TellAt(card.Insurance.Region)}
		subject := notice.ChangeSubject(told, d.Cause(), e.Subject != consent.Self)
		tx.Emit(store.Event{Topic: store.TopicNotice, Home: e.Home, Subject: subject}, 0)
		return none, nil
	})
	if err != nil {
		return web.Answer{}, err
	}
	return web.OK(map[string]string{"subject": e.Subject})
}
