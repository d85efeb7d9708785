package function

import (
	"errors"

	"polis/shared/application"
	"polis/shared/cabinet"
	"polis/shared/consent"
	"polis/shared/fault"
	"polis/shared/person"
	"polis/shared/store"
	"polis/shared/web"
)

// refresh brings every cabinet's copy of a record up to date that has changed in
// the register. It is done when all of them are; one that cannot be done now
// holds up no other.
func (r *requests) refresh(c *web.Call) (web.Answer, error) {
	var e store.Event
	if err := c.Bind(&e); err != nil {
		return web.Answer{}, err
	}
	accounts, err := r.store.CopiesOf(c, c.Grant, e.Home)
	if err != nil {
		return web.Answer{}, err
	}
	var failed error
	for _, account := range accounts {
		if err := r.follow(c, account, e); err != nil {
			failed = err
		}
	}
	if failed != nil {
		return web.Answer{}, failed
	}
	_, err = store.Change(c, r.store, c.Grant.About(e.Home), e.Home, store.Once{}, nil, func(tx *store.Tx) (struct{}, error) {
		tx.Acknowledge(e)
		return struct{}{}, nil
	})
	if err != nil && !errors.Is(err, store.ErrHandled) {
		return web.Answer{}, err
	}
	return web.OK(map[string]string{"subject": e.Subject})
}

// follow brings the copy up to date that an account has of a record. Where it has
// none, what it asks for may just have been answered without the change: that is
// noted, and it is asked for again.
func (r *requests) follow(c *web.Call, home string, e store.Event) error {
	account := store.Account(home)
	reads := []store.Ref{account.Ref}
	for _, who := range []string{consent.Self, e.Home} {
		reads = append(reads, store.Card(home, who).Ref)
	}
	copied := func(v *store.View) (string, error) {
		for _, who := range []string{consent.Self, e.Home} {
			if card, shown, err := store.Get(v, store.Card(home, who)); err != nil || shown && card.Insured == e.Home {
				return who, err
			}
		}
		return "", nil
	}
	for {
		v, err := r.store.View(c, c.Grant.About(home), home, reads...)
		if err != nil {
			return err
		}
		have, _, err := store.Get(v, account)
		if err != nil {
			return err
		}
		who, err := copied(v)
		switch {
		case err != nil:
			return err
		case who != "":
			return r.renewCopy(c, home, who, have)
		case len(have.Open) == 0: // what is asked for later is answered with the change
			return nil
		}
		_, err = store.Change(c, r.store, c.Grant.About(home), home, store.Once{}, reads, func(tx *store.Tx) (struct{}, error) {
			none := struct{}{}
			who, err := copied(tx.View)
			if err == nil && who != "" {
				err = errCopied
			}
			if err != nil {
				return none, err
			}
			have, _, err := store.Get(tx.View, account)
			if err != nil {
				return none, err
			}
			have.Missed = e.ID
			return none, store.Put(tx, account, have)
		})
		if !errors.Is(err, errCopied) {
			return err
		}
	}
}

var (
	errSilent = errors.New("no answer about a copy")
	errCopied = errors.New("a copy was made meanwhile")
)

// renewCopy asks the register again what an account has a copy of, just as the
// application asked that the copy came of, but for the services: they are in no
// copy. Whether the clinic is in one of an earlier version, the application alone
// tells. What the register would not show today, or nobody has asked for, is
// erased. A consent revoked meanwhile has erased the copy already, and nothing is
// put in its place.
func (r *requests) renewCopy(c *web.Call, home, who string, have cabinet.Account) error {
	if have.Consents.Covers(who) != nil {
		return nil
	}
	grant := c.Grant.About(home)
	account, copied := store.Account(home), store.Card(home, who)
	epoch := have.Consents.Epoch(who)
	asked, err := r.origin(c, home, who)
	if err != nil {
		return err
	}
	clinic := asksForClinic(asked)
	asked.What = nil
	out := r.ask(c, asked, true)
	if out.silent() {
		return fault.Unreachable("insured_registry", errSilent)
	}
	_, err = store.Change(c, r.store, grant, home, store.Once{}, []store.Ref{account.Ref, copied.Ref}, func(tx *store.Tx) (struct{}, error) {
		none := struct{}{}
		have, _, err := store.Get(tx.View, account)
		if err != nil || have.Consents.Covers(who) != nil || have.Consents.Epoch(who) != epoch {
			return none, err
		}
		before, shown, err := store.Get(tx.View, copied)
		switch {
		case err != nil || !shown:
			return none, err
		case out.card == nil:
			return none, store.Put(tx, account, store.EraseCopy(tx, home, have, who))
		case before.Answered.After(out.card.Answered):
			return none, nil // asked for again meanwhile
		}
		return none, putCard(tx, home, who, *out.card, before, clinic, r.law())
	})
	return err
}

// origin is the application that an account's copy came of: the latest that the
// register answered with it. Where none tells, it is the usual question of whoever
// applied last, so that a copy is never left behind; and where nobody has applied,
// that of nobody, whom the register shows nothing.
func (r *requests) origin(c *web.Call, home, who string) (application.Application, error) {
	const limit = 50
	grant := c.Grant.About(home)
	usual := application.Application{Kind: application.Lookup, Person: who}
	for before := ""; ; {
		ids, err := r.store.Page(c, grant, store.Applications(home), before, limit)
		if err != nil {
			return application.Application{}, err
		}
		reads := make([]store.Ref, len(ids))
		for i, id := range ids {
			reads[i] = store.Application(home, id).Ref
		}
		v, err := r.store.View(c, grant, home, reads...)
		if err != nil {
			return application.Application{}, err
		}
		for _, id := range ids {
			a, _, err := store.Get(v, store.Application(home, id))
			if err != nil {
				return application.Application{}, err
			}
			if a.Person == who && a.Showed() {
				return a, nil
			}
			if usual.Applicant == (person.Person{}) {
				usual.Applicant = a.Applicant
			}
		}
		if len(ids) < limit {
			return usual, nil
		}
		before = ids[limit-1]
	}
}
