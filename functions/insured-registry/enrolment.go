package function

import (
	"errors"

	"polis/shared/fault"
	"polis/shared/person"
	"polis/shared/policy"
	"polis/shared/store"
	"polis/shared/text"
	"polis/shared/web"
)

// enrolment is what an application for a first policy asks for, and the id of the
// record: a child's derives from the civil record of its birth, so that the birth
// and the application make one. Who has been on record since their birth keeps that
// one when they apply for themselves.
func (r *register) enrolment(c *web.Call) (policy.Enrolment, string, error) {
	var e policy.Enrolment
	if err := c.Bind(&e); err != nil {
		return e, "", err
	}
	wrong := e.Person.Check("person", e.Today())
	if e.Child != nil {
		e.Child.Birth.Number = person.CivilRecord(e.Child.Birth.Number)
		// Of the applicant only who they are matters: a document may have run out.
		applicant := e.Person
		applicant.Document = person.Document{}
		wrong = append(applicant.Check("person", e.Today()), e.Child.Person.Check("child.person", e.Today())...)
		if e.Child.Birth.Number == "" {
			wrong = append(wrong, required("child.birth_record.number", "Укажите номер актовой записи.", "Give the number of the civil record."))
		}
		wrong = append(wrong, text.CheckLine("child.birth_record.number", e.Child.Birth.Number, maxRecordNumber)...)
	}
	if wrong != nil {
		return e, "", fault.Wrong(wrong...)
	}
	if e.Child != nil {
		return e, r.store.InsuredID("birth", e.Child.Birth.Number), nil
	}
	have, err := r.store.Find(c, c.Grant, store.Query{SNILS: e.Person.SNILS})
	if err != nil {
		return e, "", err
	}
	if len(have) > 0 {
		return e, have[0].ID, nil // a SNILS is on one record only
	}
	return e, r.store.InsuredID("snils", string(e.Person.SNILS)), nil
}

// enrol puts a person on record for an application, or prolongs the policy of one
// who is, or adds what a child's record lacks. Repeated for the same application
// it answers with the record as it became at first.
func (r *register) enrol(c *web.Call) (web.Answer, error) {
	e, id, err := r.enrolment(c)
	if err != nil {
		return web.Answer{}, err
	}
	var tell []store.Event
	if e.Child != nil { // the other parent is told
		tell = append(tell, store.Event{Topic: store.TopicBirth, Home: id, Subject: id})
	}
	made, _, err := r.store.PutOnRecord(c, c.Grant, e.Record(id, r.home, r.law()), tell...)
	if err != nil {
		return web.Answer{}, err
	}
	if made.Cause == e.Cause {
		if err := r.dismissed(c, made); err != nil {
			return web.Answer{}, err
		}
		return web.Created(made.Enrolled(e.Cause))
	}
	made, err = r.store.Reidentify(c, c.Grant, made.ID, func(i policy.Insured) (policy.Insured, bool, error) {
		known := i.Knows(e.Cause)
		i, err := i.Again(e, r.law())
		return i, !known, err
	}, store.Event{Topic: store.TopicRefresh, Home: made.ID, Subject: e.Cause})
	if err == nil {
		err = r.dismissed(c, made)
	}
	if err != nil {
		return web.Answer{}, err
	}
	return web.Created(made.Enrolled(e.Cause))
}

// tryEnrol answers whether an application for a first policy may be submitted
// now, and whether it is for the fund's staff to decide on. It changes nothing.
func (r *register) tryEnrol(c *web.Call) (web.Answer, error) {
	e, id, err := r.enrolment(c)
	if err != nil {
		return web.Answer{}, err
	}
	record, found, err := r.store.Record(c, c.Grant, id)
	if err == nil && found {
		_, err = record.Again(e, r.law())
	}
	byFund := errors.Is(err, policy.ErrFundDecides)
	if err != nil && !byFund {
		return web.Answer{}, err
	}
	return web.OK(map[string]bool{"allowed": true, "by_fund": byFund})
}
