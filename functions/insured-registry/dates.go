package function

import (
	"polis/shared/policy"
	"polis/shared/store"
	"polis/shared/web"
)

// tellDates tells of the dates of a record that have come. It is called by the
// agenda, as often as it likes.
func (r *register) tellDates(c *web.Call) (web.Answer, error) {
	var e store.Event
	if err := c.Bind(&e); err != nil {
		return web.Answer{}, err
	}
	err := r.store.TellDates(c, c.Grant, e, r.law(), func(d policy.Dated) []store.Event {
		events := []store.Event{{Topic: store.TopicChange, Home: e.Home, Subject: d.Cause()}}
		if d.Kind == policy.OfAge {
			// The copies that the parents have are erased: nobody shows them any more.
			events = append(events, store.Event{Topic: store.TopicRefresh, Home: e.Home, Subject: d.Cause()})
		}
		return events
	})
	if err != nil {
		return web.Answer{}, err
	}
	return web.OK(map[string]string{"subject": e.Subject})
}

// renewDates looks at a page of the register for dates that an import of insurers
// has changed. It is called by the queue, as often as it likes.
func (r *register) renewDates(c *web.Call) (web.Answer, error) {
	var e store.Event
	if err := c.Bind(&e); err != nil {
		return web.Answer{}, err
	}
	if err := r.store.RenewDates(c, c.Grant, e); err != nil {
		return web.Answer{}, err
	}
	return web.OK(map[string]string{"subject": e.Subject})
}

// dates answers with the dates to come of the applicant's record, or of a
// child's.
func (r *register) dates(c *web.Call) (web.Answer, error) {
	var q policy.Question
	if err := c.Bind(&q); err != nil {
		return web.Answer{}, err
	}
	record, _, err := r.owner(c, q)
	if err != nil {
		return web.Answer{}, err
	}
	insurers, err := r.store.CurrentDirectory(c)
	if err != nil {
		return web.Answer{}, err
	}
	today := record.Today(r.law())
	items := append([]policy.Dated{}, record.Dates(today.AddDays(-1), today, insurers.FindInsurer)...)
	return web.OK(map[string]any{"items": items, "as_of": r.law()})
}
