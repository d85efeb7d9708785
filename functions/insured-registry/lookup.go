package function

import (
	"polis/shared/access"
	"polis/shared/clock"
	"polis/shared/ident"
	"polis/shared/person"
	"polis/shared/policy"
	"polis/shared/store"
	"polis/shared/web"
)

// find answers a cabinet's question with a card or with reasons.
func (r *register) find(c *web.Call) (web.Answer, error) {
	var q policy.Question
	if err := c.Bind(&q); err != nil {
		return web.Answer{}, err
	}
	if q.Child != "" {
		return r.findChild(c, q)
	}
	asked := clock.System()
	records, err := r.candidates(c, q)
	if err != nil {
		return web.Answer{}, err
	}
	found := policy.Answer(q, records, r.law())
	if found.Card != nil {
		found.Card.Answered = asked
	}
	return web.OK(found)
}

// candidates are the records that a question about the applicant leads to.
func (r *register) candidates(c *web.Call, q policy.Question) ([]policy.Insured, error) {
	query := store.Query{SNILS: q.Applicant.SNILS, Document: q.Applicant.Document}
	if q.ENP != "" {
		query = store.Query{ENP: q.ENP}
	}
	query.For = r.asker(q)
	return r.store.Find(c, c.Grant, query)
}

// asker says of a record on whose behalf a question reads it.
func (r *register) asker(q policy.Question) store.Asker {
	now := r.law()
	return func(i policy.Insured) access.Behalf {
		behalf := q.Behalf(i, i.Today(now))
		if behalf == access.Representative {
			behalf = r.store.Representative(q.Applicant.SNILS)
		}
		return behalf
	}
}

// findChild shows a child's record to its recorded representatives only; to
// everybody else it does not exist.
func (r *register) findChild(c *web.Call, q policy.Question) (web.Answer, error) {
	asked := clock.System()
	record, err := r.childOf(c, q)
	if err != nil {
		return web.Answer{}, err
	}
	card := policy.CardOf(record, record.Today(r.law()), r.law())
	card.Answered = asked
	if card.Covering, err = r.covering(c, record); err != nil {
		return web.Answer{}, err
	}
	return web.OK(policy.Finding{Card: &card})
}

// childOf is the record of a child, for its recorded representatives.
func (r *register) childOf(c *web.Call, q policy.Question) (policy.Insured, error) {
	if _, ok := ident.Partition(q.Child); !ok {
		return policy.Insured{}, policy.ErrNoChild
	}
	record, found, err := r.store.RecordFor(c, c.Grant, q.Child, r.asker(q))
	if err != nil {
		return policy.Insured{}, err
	}
	if !found || !record.RepresentedBy(q.Applicant.SNILS, record.Today(r.law())) {
		return policy.Insured{}, policy.ErrNoChild
	}
	return record, nil
}

func (r *register) children(c *web.Call) (web.Answer, error) {
	var q policy.Question
	if err := c.Bind(&q); err != nil {
		return web.Answer{}, err
	}
	grant := c.Grant.For(r.store.Representative(q.Applicant.SNILS))
	records, err := r.store.Children(c, grant, q.Applicant.SNILS, r.represented(q.Applicant.SNILS))
	if err != nil {
		return web.Answer{}, err
	}
	children := []policy.Child{}
	for _, record := range records {
		children = append(children, policy.Child{ID: record.ID, Name: record.Person.Name, Birth: record.Person.Birth})
	}
	return web.OK(map[string]any{"items": children})
}

// represented are the records that a person represents now.
func (r *register) represented(by person.SNILS) func(policy.Insured) bool {
	now := r.law()
	return func(i policy.Insured) bool { return i.RepresentedBy(by, i.Today(now)) }
}

// owner is the record that a question is about, if it surely is the applicant's
// own or their child's; a policy number leads to records that know no SNILS. The
// grant is for what else the question asks of it.
func (r *register) owner(c *web.Call, q policy.Question) (record policy.Insured, g access.Grant, err error) {
	if q.Child != "" {
		record, err = r.childOf(c, q)
	} else {
		var records []policy.Insured
		if records, err = r.candidates(c, q); err == nil {
			record, err = policy.Own(q.Applicant, records)
		}
	}
	if err != nil {
		return policy.Insured{}, access.Grant{}, err
	}
	return record, c.Grant.For(r.asker(q)(record)), nil
}
