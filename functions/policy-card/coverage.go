package function

import (
	"cmp"
	"encoding/json"
	"net/http"

	"polis/shared/calendar"
	"polis/shared/consent"
	"polis/shared/fault"
	"polis/shared/fhir"
	"polis/shared/policy"
	"polis/shared/store"
	"polis/shared/web"
)

// copied is the caller's copy of a person's policy, under consent.
func (k *cards) copied(c *web.Call, who string) (policy.Card, error) {
	v, have, err := k.open(c, who)
	if err != nil {
		return policy.Card{}, err
	}
	if err := have.Consents.Covers(who); err != nil {
		return policy.Card{}, k.consentNeeded(c, who, err)
	}
	card, found, err := store.Get(v, store.Card(c.Caller.Account, who))
	if err != nil {
		return card, err
	}
	if !found || !k.current(who, card) {
		return card, errEmpty
	}
	return card, nil
}

// coverage is the policy for a clinic's system.
func (k *cards) coverage(c *web.Call) (web.Answer, error) {
	card, err := k.copied(c, cmp.Or(c.Query.Get("person"), consent.Self))
	if err != nil {
		return web.Answer{}, err
	}
	insurers, err := k.store.Directory(c)
	if err != nil {
		return web.Answer{}, err
	}
	in := card.Insurance
	resource := fhir.CoverageOf(card, insurers.ContactOf(in.SMO, in.Region, fault.Text.Russian), k.systems, calendar.Today(k.law(), in.Region))
	body, err := json.Marshal(resource)
	if err != nil {
		return web.Answer{}, err
	}
	return web.Answer{Status: http.StatusOK, Body: web.Bytes(body), Header: http.Header{"Content-Type": {fhir.Media}}}, nil
}
