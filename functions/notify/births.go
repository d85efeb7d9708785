package function

import (
	"time"

	"polis/shared/access"
	"polis/shared/cabinet"
	"polis/shared/notice"
	"polis/shared/person"
	"polis/shared/policy"
	"polis/shared/store"
	"polis/shared/web"
)

// recent is how long after it was recorded a birth is still told to a
// representative whose account comes later, by the law clock.
const recent = 30 * 24 * time.Hour

// introduce remembers an account by the SNILS of its person, and announces the
// births that were recorded before anybody knew of the account. Remembered
// first, it misses none: one recorded later finds it. So does a death.
func (n *notices) introduce(c *web.Call) (web.Answer, error) {
	var e store.Event
	if err := c.Bind(&e); err != nil {
		return web.Answer{}, err
	}
	grant := c.Grant.About(e.Home)
	account, err := n.account(c, grant, e.Home)
	if err != nil {
		return web.Answer{}, err
	}
	if account.SNILS != "" {
		if err := n.store.Remember(c, grant, e.Home, account.SNILS); err != nil {
			return web.Answer{}, err
		}
		q := policy.Question{Applicant: person.Person{SNILS: account.SNILS}}
		lives, err := n.ofLife(c, q)
		if err != nil {
			return web.Answer{}, err
		}
		for _, life := range lives {
			if err := n.mark(c, e.Home, life); err != nil {
				return web.Answer{}, err
			}
		}
		born, err := n.births(c, q)
		if err != nil {
			return web.Answer{}, err
		}
		for _, child := range born {
			if n.law().After(child.RecordedAt.Add(recent)) {
				continue
			}
			if err := n.announceTo(c, e.Home, account.SNILS, notice.BirthSubject(child.Child, child.RecordedAt), child.Cause); err != nil {
				return web.Answer{}, err
			}
		}
		if err := n.catchUp(c, e.Home, account.SNILS); err != nil {
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
	born, err := n.births(c, policy.Question{Child: e.Subject})
	if err != nil {
		return web.Answer{}, err
	}
	for _, child := range born {
		for _, snils := range child.Representatives {
			if err := n.announce(c, snils, notice.BirthSubject(child.Child, child.RecordedAt), child.Cause); err != nil {
				return web.Answer{}, err
			}
		}
	}
	return n.done(c, e)
}

// announce what a subject names to the accounts of one person, but to none that
// has submitted the application: that one is told by its own steps.
func (n *notices) announce(c *web.Call, snils person.SNILS, subject, application string) error {
	accounts, err := n.store.AccountsOf(c, c.Grant, snils)
	if err != nil {
		return err
	}
	for _, home := range accounts {
		if err := n.announceTo(c, home, snils, subject, application); err != nil {
			return err
		}
	}
	return nil
}

func (n *notices) announceTo(c *web.Call, home string, snils person.SNILS, subject, application string) error {
	grant := c.Grant.About(home)
	_, have, own, err := n.store.Application(c, grant, home, application)
	if err != nil || have.SNILS != snils || own {
		return err // another person's by now, or its own doing
	}
	return n.store.Announce(c, grant, home, subject)
}

// births asks the register.
func (n *notices) births(c *web.Call, q policy.Question) ([]policy.Born, error) {
	var born struct {
		Items []policy.Born `json:"items"`
	}
	err := n.functions.Call(c, c.ID, "/insured-registry/born", q, &born)
	return born.Items, err
}

func (n *notices) account(c *web.Call, grant access.Grant, home string) (cabinet.Account, error) {
	doc := store.Account(home)
	v, err := n.store.View(c, grant, home, doc.Ref)
	if err != nil {
		return cabinet.Account{}, err
	}
	account, _, err := store.Get(v, doc)
	return account, err
}

// done acknowledges an event whose effect lies in other partitions.
func (n *notices) done(c *web.Call, e store.Event, next ...store.Event) (web.Answer, error) {
	if err := n.store.Done(c, c.Grant, e, next...); err != nil {
		return web.Answer{}, err
	}
	return web.OK(map[string]string{"subject": e.Subject})
}
