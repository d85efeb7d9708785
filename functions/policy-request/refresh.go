package function

import (
	"errors"

	"polis/shared/application"
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
	if err := r.store.Done(c, c.Grant, e); err != nil {
		return web.Answer{}, err
	}
	return web.OK(map[string]string{"subject": e.Subject})
}

// forget has an account no longer found by a record of which its copy was erased.
// The home is the account's, the subject the record's id.
func (r *requests) forget(c *web.Call) (web.Answer, error) {
	var e store.Event
	if err := c.Bind(&e); err != nil {
		return web.Answer{}, err
	}
	if err := r.store.ForgetCopy(c, c.Grant.About(e.Home), e.Home, e.Subject); err != nil {
		return web.Answer{}, err
	}
	return web.OK(map[string]string{"subject": e.Subject})
}

// follow brings the copy up to date that an account has of a record. Where it has
// none, what it asks for may just have been answered without the change: that is
// noted, and it is asked for again. An account with neither has nothing to do with
// the record any more: it is forgotten, and its holder told of nothing.
func (r *requests) follow(c *web.Call, home string, e store.Event) error {
	grant, account := c.Grant.About(home), store.Account(home)
	for {
		who, awaited, err := r.store.CopyOf(c, grant, home, e.Home)
		switch {
		case err != nil:
			return err
		case who != "":
			return r.renewCopy(c, home, who)
		case !awaited: // what is asked for later is answered with the change
			return r.store.ForgetCopy(c, grant, home, e.Home)
		}
		_, err = store.Change(c, r.store, grant, home, store.Once{}, store.CopyReads(home, e.Home), func(tx *store.Tx) (struct{}, error) {
			none := struct{}{}
			who, awaited, err := store.Copied(tx.View, home, e.Home)
			if err == nil && (who != "" || !awaited) {
				err = errOvertaken
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
		if !errors.Is(err, errOvertaken) {
			return err
		}
	}
}

var (
	errSilent    = errors.New("no answer about a copy")
	errOvertaken = errors.New("what was awaited is decided meanwhile")
)

// renewCopy asks the register again what an account has a copy of, just as the
// application asked that the copy came of, but for the services: they are in no
// copy. Whether the clinic is in one of an earlier version, the application alone
// tells. What the register would not show today, or nobody has asked for, is
// erased. A consent revoked meanwhile has erased the copy already, and nothing is
// put in its place.
func (r *requests) renewCopy(c *web.Call, home, who string) error {
	grant := c.Grant.About(home)
	account, copied := store.Account(home), store.Card(home, who)
	v, err := r.store.View(c, grant, home, account.Ref)
	if err != nil {
		return err
	}
	have, _, err := store.Get(v, account)
	if err != nil || have.Consents.Covers(who) != nil {
		return err
	}
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
