package function

import (
	"cmp"
	"time"

	"polis/shared/calendar"
	"polis/shared/consent"
	"polis/shared/policy"
	"polis/shared/web"
)

// happened is one entry of a record's history as people read it.
type happened struct {
	policy.Past
	Text string `json:"text"`
	Who  string `json:"who"`
	Why  string `json:"why,omitempty"`
}

// history tells what happened to a person's record, as the register has it now.
func (k *cards) history(c *web.Call) (web.Answer, error) {
	who := cmp.Or(c.Query.Get("person"), consent.Self)
	q, err := k.asking(c, who)
	if err != nil {
		return web.Answer{}, err
	}
	var past struct {
		Items []policy.Past `json:"items"`
		AsOf  time.Time     `json:"as_of"`
	}
	if err := k.register.Call(c, c.ID, "/insured-registry/history", q, &past); err != nil {
		return web.Answer{}, err
	}
	insurers, err := k.store.Directory(c)
	if err != nil {
		return web.Answer{}, err
	}
	zone := calendar.Zone(k.home)
	items := make([]happened, len(past.Items))
	for i, p := range past.Items {
		p.Recorded = p.Recorded.In(zone)
		if !p.Undone.IsZero() {
			p.Undone = p.Undone.In(zone)
		}
		items[i] = happened{p, c.Text(p.Text(insurers)), c.Text(p.Who()), c.Text(p.Why())}
	}
	return web.OK(map[string]any{"person": who, "items": items, "as_of": past.AsOf.In(zone)})
}
