package function

import (
	"polis/shared/policy"
	"polis/shared/store"
	"polis/shared/web"
)

// lives marks the accounts of a person of whom a death was reported, so that no
// notice is made for them any more; and takes the mark away from those of whom
// it was a mistake. What there is to tell of the change comes after it.
func (n *notices) lives(c *web.Call) (web.Answer, error) {
	var e store.Event
	if err := c.Bind(&e); err != nil {
		return web.Answer{}, err
	}
	lives, err := n.ofLife(c, policy.Question{Child: e.Home})
	if err != nil {
		return web.Answer{}, err
	}
	for _, life := range lives {
		accounts, err := n.store.AccountsOf(c, c.Grant, life.Person)
		if err != nil {
			return web.Answer{}, err
		}
		for _, home := range accounts {
			if err := n.mark(c, home, life); err != nil {
				return web.Answer{}, err
			}
		}
	}
	return n.done(c, e, store.Event{Topic: store.TopicChange, Home: e.Home, Subject: e.Subject})
}

// ofLife asks the register whether persons are dead.
func (n *notices) ofLife(c *web.Call, q policy.Question) ([]policy.Life, error) {
	var lives struct {
		Items []policy.Life `json:"items"`
	}
	err := n.functions.Call(c, c.ID, "/insured-registry/lives", q, &lives)
	return lives.Items, err
}

// mark an account, if it is still that person's.
func (n *notices) mark(c *web.Call, home string, life policy.Life) error {
	doc := store.Account(home)
	_, err := store.Change(c, n.store, c.Grant.About(home), home, store.Once{}, []store.Ref{doc.Ref}, func(tx *store.Tx) (struct{}, error) {
		account, _, err := store.Get(tx.View, doc)
		if err != nil || account.SNILS != life.Person || account.Dead == life.Dead {
			return struct{}{}, err
		}
		account.Dead = life.Dead
		return struct{}{}, store.Put(tx, doc, account)
	})
	return err
}
