package function

import (
	"slices"

	"polis/shared/notice"
	"polis/shared/person"
	"polis/shared/policy"
	"polis/shared/store"
	"polis/shared/web"
)

// changed announces what a cause did to a record: to the insured person, and to
// a child's representatives, so that both parents are told of each choice. One
// announced twice is the same notice.
func (n *notices) changed(c *web.Call) (web.Answer, error) {
	var e store.Event
	if err := c.Bind(&e); err != nil {
		return web.Answer{}, err
	}
	told, err := n.told(c, policy.ToldQuestion{Insured: e.Home, Cause: e.Subject})
	if err != nil {
		return web.Answer{}, err
	}
	for _, change := range told {
		if change.Person != "" {
			if err := n.announce(c, change.Person, notice.ChangeSubject(change, e.Subject, false), e.Subject); err != nil {
				return web.Answer{}, err
			}
		}
		for _, snils := range change.Representatives {
			if err := n.announce(c, snils, notice.ChangeSubject(change, e.Subject, true), e.Subject); err != nil {
				return web.Answer{}, err
			}
		}
	}
	return n.done(c, e)
}

// told asks the register.
func (n *notices) told(c *web.Call, q policy.ToldQuestion) ([]policy.Told, error) {
	var told struct {
		Items []policy.Told `json:"items"`
	}
	err := n.functions.Call(c, c.ID, "/insured-registry/changes/told", q, &told)
	return told.Items, err
}

// catchUp announces to an account that comes later what has happened of late to
// its person's record and to those of their children, but for its own doing.
func (n *notices) catchUp(c *web.Call, home string, snils person.SNILS) error {
	told, err := n.told(c, policy.ToldQuestion{Person: snils, Since: n.law().Add(-recent)})
	if err != nil {
		return err
	}
	grant := c.Grant.About(home)
	for _, change := range told {
		child := change.Person != snils
		if child && !slices.Contains(change.Representatives, snils) {
			continue // of age by now
		}
		_, _, own, err := n.store.Application(c, grant, home, change.Cause)
		if err != nil {
			return err
		}
		if own {
			continue
		}
		if err := n.store.Announce(c, grant, home, notice.ChangeSubject(change, change.Cause, child)); err != nil {
			return err
		}
	}
	return nil
}
