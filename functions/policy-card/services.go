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

// asking is the caller's question to the register about a person's data, which
// the caller's consent has to cover. The copy in the cabinet, where there is
// one, knows the policy number of a record that knows no SNILS.
func (k *cards) asking(c *web.Call, who string) (policy.Question, error) {
	v, have, err := k.open(c, who)
	if err != nil {
		return policy.Question{}, err
	}
	if err := have.Consents.Covers(who); err != nil {
		return policy.Question{}, k.consentNeeded(c, who, err)
	}
	q := question(c, who)
	copied, found, err := store.Get(v, store.Card(c.Caller.Account, who))
	if found && who == consent.Self {
		q.ENP = copied.ENP
	}
	return q, err
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
	about, err := k.asking(c, who)
	if err != nil {
		return web.Answer{}, err
	}
	var page policy.ServicesAnswer
	q := policy.ServicesQuestion{Question: about, Next: c.Query.Get("next"), Limit: limit}
	if err := k.register.Call(c, c.ID, "/insured-registry/services/find", q, &page); err != nil {
		return web.Answer{}, err
	}
	page.AsOf = page.AsOf.In(calendar.Zone(k.home))
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
