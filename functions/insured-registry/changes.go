package function

import (
	"polis/shared/access"
	"polis/shared/directory"
	"polis/shared/fault"
	"polis/shared/policy"
	"polis/shared/store"
	"polis/shared/web"
)

// follow are the events of a change that the cause made.
func follow(id, cause string) []store.Event {
	return []store.Event{
		{Topic: store.TopicChange, Home: id, Subject: cause},
		{Topic: store.TopicRefresh, Home: id, Subject: cause},
	}
}

// requested is a request with the record that it is about, the grant to change
// that, and the insurers of this moment.
func (r *register) requested(c *web.Call) (q policy.Request, record policy.Insured, g access.Grant, insurers directory.Directory, err error) {
	if err = c.Bind(&q); err != nil {
		return
	}
	if record, g, err = r.owner(c, policy.Question{Applicant: q.Applicant, Child: q.Child}); err != nil {
		return
	}
	insurers, err = r.store.CurrentDirectory(c)
	return
}

// change does what an application asks for, once for each application.
func (r *register) change(c *web.Call) (web.Answer, error) {
	q, record, grant, insurers, err := r.requested(c)
	if err != nil {
		return web.Answer{}, err
	}
	record, err = r.store.Amend(c, grant, record.ID, func(i policy.Insured) (policy.Insured, bool, error) {
		if i.Knows(q.Cause) {
			return i, false, nil
		}
		i, err := i.Apply(q, r.law(), insurers.FindInsurer)
		return i, true, err
	}, follow(record.ID, q.Cause)...)
	if err != nil {
		return web.Answer{}, err
	}
	done := r.applied(record)
	done.CalledOff = record.CalledOff(q.Cause)
	return web.OK(done)
}

// try answers what a change would come to now, and changes nothing.
func (r *register) try(c *web.Call) (web.Answer, error) {
	q, record, _, insurers, err := r.requested(c)
	if err != nil {
		return web.Answer{}, err
	}
	if _, err := record.Apply(q, r.law(), insurers.FindInsurer); err != nil {
		return web.Answer{}, err
	}
	return web.OK(r.applied(record))
}

func (r *register) applied(i policy.Insured) policy.Applied {
	in := i.Insurance(i.Today(r.law()))
	return policy.Applied{ID: i.ID, Region: in.Region, SMO: in.SMO}
}

// may answers whether the insurer may be changed now, and if not, why and from
// when.
func (r *register) may(c *web.Call) (web.Answer, error) {
	q, record, _, insurers, err := r.requested(c)
	if err != nil {
		return web.Answer{}, err
	}
	q.Submitted = r.law()
	if err := record.MayAsk(q, q.Submitted); err != nil {
		return web.Answer{}, err
	}
	reason, err := record.May(q.Submitted, insurers.FindInsurer)
	answer := policy.May{Applied: r.applied(record), Allowed: err == nil, Reason: reason}
	if err != nil {
		why := fault.From(err)
		answer.Code, answer.Detail, answer.From = why.Code, c.Text(why.Detail), why.From
	}
	return web.OK(answer)
}

// told says what a cause did to a record, and whom it concerns; or all that has
// happened of late to the records of one person and their children.
func (r *register) told(c *web.Call) (web.Answer, error) {
	var q policy.ToldQuestion
	if err := c.Bind(&q); err != nil {
		return web.Answer{}, err
	}
	items := []policy.Told{}
	if q.Person != "" {
		own, err := r.store.Find(c, c.Grant, store.Query{SNILS: q.Person})
		if err != nil {
			return web.Answer{}, err
		}
		children, err := r.store.Children(c, c.Grant, q.Person, r.represented(q.Person))
		if err != nil {
			return web.Answer{}, err
		}
		for _, record := range append(own, children...) {
			for _, cause := range record.Causes(q.Since) {
				if told, did := record.Tells(cause, record.Today(r.law())); did {
					items = append(items, told)
				}
			}
		}
		return web.OK(map[string]any{"items": items})
	}
	record, found, err := r.store.Record(c, c.Grant, q.Insured)
	if err != nil {
		return web.Answer{}, err
	}
	if told, did := record.Tells(q.Cause, record.Today(r.law())); found && did {
		items = append(items, told)
	}
	return web.OK(map[string]any{"items": items})
}
