package function

import (
	"errors"

	"polis/shared/fault"
	"polis/shared/notice"
	"polis/shared/policy"
	"polis/shared/store"
	"polis/shared/web"
)

// introduce remembers an account by the SNILS of its person.
func (n *notices) introduce(c *web.Call) (web.Answer, error) {
	var e store.Event
	if err := c.Bind(&e); err != nil {
		return web.Answer{}, err
	}
	grant, doc := c.Grant.About(e.Home), store.Account(e.Home)
	v, err := n.store.View(c, grant, e.Home, doc.Ref)
	if err != nil {
		return web.Answer{}, err
	}
	account, _, err := store.Get(v, doc)
	if err != nil {
		return web.Answer{}, err
	}
	if account.SNILS != "" {
		if err := n.store.Remember(c, grant, e.Home, account.SNILS); err != nil {
			return web.Answer{}, err
		}
	}
	return n.done(c, e)
}

// born announces a birth to every account of the child's representatives. One
// announced twice is the same notice.
func (n *notices) born(c *web.Call) (web.Answer, error) {
	var e store.Event
	if err := c.Bind(&e); err != nil {
		return web.Answer{}, err
	}
	var child policy.Born
	err := n.functions.Call(c, c.ID, "/insured-registry/born", policy.Question{Child: e.Subject}, &child)
	if err != nil && !fault.HasKind(err, fault.NotFound) {
		return web.Answer{}, err
	}
	for _, snils := range child.Representatives {
		accounts, err := n.store.AccountsOf(c, c.Grant, snils)
		if err != nil {
			return web.Answer{}, err
		}
		for _, account := range accounts {
			grant, doc := c.Grant.About(account), store.Account(account)
			v, err := n.store.View(c, grant, account, doc.Ref)
			if err != nil {
				return web.Answer{}, err
			}
			if have, _, err := store.Get(v, doc); err != nil {
				return web.Answer{}, err
			} else if have.SNILS != snils {
				continue // another person's by now
			}
			if err := n.store.Announce(c, grant, account, notice.BirthSubject(e.Subject, child.RecordedAt)); err != nil {
				return web.Answer{}, err
			}
		}
	}
	return n.done(c, e)
}

// done acknowledges an event whose effect lies in other partitions.
func (n *notices) done(c *web.Call, e store.Event) (web.Answer, error) {
	_, err := store.Change(c, n.store, c.Grant.About(e.Home), e.Home, store.Once{}, nil, func(tx *store.Tx) (struct{}, error) {
		tx.Acknowledge(e)
		return struct{}{}, nil
	})
	if err != nil && !errors.Is(err, store.ErrHandled) {
		return web.Answer{}, err
	}
	return web.OK(map[string]string{"subject": e.Subject})
}
