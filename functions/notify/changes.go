package function

import (
	"polis/shared/notice"
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
	var told struct {
		Items []policy.Told `json:"items"`
	}
	q := policy.ToldQuestion{Insured: e.Home, Cause: e.Subject}
	if err := n.functions.Call(c, c.ID, "/insured-registry/changes/told", q, &told); err != nil {
		return web.Answer{}, err
	}
	for _, change := range told.Items {
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
