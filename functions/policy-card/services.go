package function

import (
	"cmp"

	"polis/shared/calendar"
	"polis/shared/consent"
	"polis/shared/fault"
	"polis/shared/policy"
	"polis/shared/store"
	"polis/shared/web"
)

// covered asks that the caller's consent covers a person's data. Whether a child
// exists is told to its representatives only.
func (k *cards) covered(c *web.Call, who string) error {
	account := store.Account(c.Caller.Account)
	v, err := k.store.View(c, c.Grant, c.Caller.Account, account.Ref)
	if err != nil {
		return err
	}
	have, _, err := store.Get(v, account)
	if err != nil {
		return err
	}
	if err := have.Consents.Covers(who); err != nil {
		return k.consentNeeded(c, who, err)
	}
	return nil
}

// consentNeeded is the refusal for want of a consent, for those who may know
// that the person exists.
func (k *cards) consentNeeded(c *web.Call, who string, refusal error) error {
	if who == consent.Self {
		return refusal
	}
	var f policy.Finding
	if err := k.register.Call(c, c.ID, "/insured-registry/find", question(c, who), &f); err != nil {
		return err
	}
	return refusal
}

// question of the caller about a person.
func question(c *web.Call, who string) policy.Question {
	q := policy.Question{Applicant: c.Caller.Person}
	if who != consent.Self {
		q.Child = who
	}
	return q
}

// services shows a page of the services rendered to a person. No copy of them is
// kept: the register is asked each time, and its silence is no empty list.
func (k *cards) services(c *web.Call) (web.Answer, error) {
	limit, err := c.Limit()
	if err != nil {
		return web.Answer{}, err
	}
	who := cmp.Or(c.Query.Get("person"), consent.Self)
	if err := k.covered(c, who); err != nil {
		return web.Answer{}, err
	}
	var page policy.ServicesAnswer
	q := policy.ServicesQuestion{Question: question(c, who), Next: c.Query.Get("next"), Limit: limit}
	if err := k.register.Call(c, c.ID, "/insured-registry/services/find", q, &page); err != nil {
		return web.Answer{}, err
	}
	if zone, ok := calendar.Zone(k.home); ok {
		page.AsOf = page.AsOf.In(zone)
	}
	return web.OK(struct {
		Person string `json:"person"`
		policy.ServicesAnswer
	}{who, page})
}

var errNoChoice = fault.WrongField("hidden", "required", "Укажите, скрыть услуги или показать.", "Say whether to hide the services or to show them.")

// hideServices lets a teenager hide their services from the parents.
func (k *cards) hideServices(c *web.Call) (web.Answer, error) {
	var q struct {
		Hidden *bool `json:"hidden"`
	}
	if err := c.Bind(&q); err != nil {
		return web.Answer{}, err
	}
	if q.Hidden == nil {
		return web.Answer{}, errNoChoice
	}
	var answer struct {
		Hidden bool `json:"hidden"`
	}
	err := k.register.Call(c, c.ID, "/insured-registry/services/privacy", policy.ServicesPrivacy{Applicant: c.Caller.Person, Hidden: *q.Hidden}, &answer)
	if err != nil {
		return web.Answer{}, err
	}
	return web.OK(answer)
}
