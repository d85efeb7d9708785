package function

import (
	"errors"
	"maps"
	"slices"
	"time"

	"polis/shared/access"
	"polis/shared/application"
	"polis/shared/cabinet"
	"polis/shared/clock"
	"polis/shared/consent"
	"polis/shared/fault"
	"polis/shared/ident"
	"polis/shared/person"
	"polis/shared/policy"
	"polis/shared/store"
	"polis/shared/web"
)

// work takes one step with an application: asks the register, and writes what
// came of it. It is called by the queue and by cron, as often as they like.
func (r *requests) work(c *web.Call) (web.Answer, error) {
	var e store.Event
	if err := c.Bind(&e); err != nil {
		return web.Answer{}, err
	}
	grant := c.Grant.About(e.Home)
	a, have, found, err := r.store.Application(c, grant, e.Home, e.Subject)
	if err != nil {
		return web.Answer{}, err
	}
	now := r.law()
	if found && a.Kind == application.Repair && have.Consents.Renewal(a.Person) == a.ID && a.MayStep(e.ID != "", now) {
		if a, have, err = r.renew(c, grant, e, now); err != nil {
			return web.Answer{}, err
		}
	}
	missed := have.Missed
	var out outcome
	asked := false
	if found && a.MayStep(e.ID != "", now) && covered(a, have.Consents) && !awaitsFund(a) {
		out, asked = r.ask(c, a, false), true
	}
	if out.card != nil {
		fresh, err := r.store.NoteCopy(c, grant, e.Home, out.card.Insured)
		if err != nil {
			return web.Answer{}, err
		}
		if fresh {
			// Asked again now that it is noted: of a change in between nobody
			// would have told this copy.
			out = r.ask(c, a, false)
		}
	}
	card := store.Card(e.Home, a.Person)
	err = r.store.Advance(c, grant, e, now, []store.Ref{card.Ref},
		func(tx *store.Tx, a application.Application, have cabinet.Account) (application.Application, cabinet.Account, error) {
			if have.Consents.Renewal(a.Person) == a.ID {
				return a, have, nil // its consents wait still; only the person can end it before
			}
			switch {
			case a.ByFund && a.Review == nil:
				a, err := a.InReview(application.FundUnit, store.TopicRequest, now)
				return a, have, err
			case awaitsFund(a):
				return a, have, nil
			case a.ByFund && !asked: // decided meanwhile: the next step asks
				a.NextTry = now
				return a, have, nil
			case out.byFund:
				a, err := r.toFund(a, now)
				return a, have, err
			}
			out := out
			if !covered(a, have.Consents) {
				// Revoked while we asked: what was found is forgotten.
				if out.card != nil {
					tx.ForgetCopy(e.Home, out.card.Insured)
				}
				out = outcome{refuse: []application.Reason{reason(codeConsentRevoked)}}
			}
			a, err := r.decide(a, out, now)
			if err == nil && out.enrolled != nil {
				// What is searched for can be found from now on.
				for _, id := range have.UnderWay(func(asks string) bool { return application.AsksFor(asks, application.Lookup, a.Person) }) {
					tx.Emit(store.Event{Topic: store.TopicRequest, Home: e.Home, Subject: id, Lane: id}, 0)
				}
			}
			if err == nil && a.Kind == application.Lookup && out.refuse != nil && out.refuse[0].Code == codeNotRepresented {
				// What an earlier try has shown is shown no more.
				return a, store.EraseCopy(tx, e.Home, have, a.Person), nil
			}
			if err != nil || out.card == nil {
				return a, have, err
			}
			if a.Status == application.Granted && out.services == application.Pending {
				out.services = application.NoAnswer
			}
			a.Results = results(*out.card, out.services, parts(a.What))
			before, _, err := store.Get(tx.View, card)
			if err != nil {
				return a, have, err
			}
			later := before.Answered.After(out.card.Answered) // brought up to date meanwhile
			if later && (before.TellsOfClinic() || !asksForClinic(a)) {
				return a, have, nil
			}
			if later || have.Missed != missed {
				return a, have, errMissed
			}
			return a, have, putCard(tx, e.Home, a.Person, *out.card, before, asksForClinic(a), now)
		})
	if errors.Is(err, errMissed) {
		return r.work(c) // from the beginning
	}
	if err != nil {
		return web.Answer{}, err
	}
	return web.OK(map[string]string{"id": e.Subject})
}

// errMissed is a change of the record that came after the register's answer and
// found no copy to bring up to date.
var errMissed = errors.New("the record has changed meanwhile")

// toFund hands an application, of which the register says that no rule decides on
// it, to the fund's staff, who have their own term from now on.
func (r *requests) toFund(a application.Application, now time.Time) (application.Application, error) {
	due, err := r.due(a.Kind, true, a.Region, now)
	if err != nil {
		return a, err
	}
	a.ByFund, a.Due = true, due
	return a.InReview(application.FundUnit, store.TopicRequest, now)
}

// awaitsFund reports whether the fund's staff have to decide before the register
// is asked.
func awaitsFund(a application.Application) bool {
	return a.ByFund && (a.Review == nil || a.AwaitsReview())
}

// renew gives the consents of a repair again, as the person asked for with it,
// and answers with the application and the account as they now stand. Where the
// consents wait still, the application does too. It is a step of its own: what
// comes after may be lost and begun again.
func (r *requests) renew(c *web.Call, grant access.Grant, e store.Event, now time.Time) (application.Application, cabinet.Account, error) {
	type stands struct {
		Application application.Application
		Account     cabinet.Account
	}
	account, doc := store.Account(e.Home), store.Application(e.Home, e.Subject)
	receipts := make([]string, len(consent.Needed(consent.Self)))
	for i := range receipts {
		receipts[i] = ident.New(clock.System())
	}
	s, err := store.Change(c, r.store, grant, e.Home, store.Once{}, []store.Ref{account.Ref, doc.Ref}, func(tx *store.Tx) (stands, error) {
		var s stands
		var err error
		if s.Application, _, err = store.Get(tx.View, doc); err != nil {
			return s, err
		}
		if s.Account, _, err = store.Get(tx.View, account); err != nil {
			return s, err
		}
		a := &s.Application
		if a.Status.Done() || s.Account.Consents.Renewal(a.Person) != a.ID {
			return s, nil // done meanwhile
		}
		reason := consent.GivenAgain(a.Number).RU
		if s.Account.Contacts.Language == "en" {
			reason = consent.GivenAgain(a.Number).EN
		}
		renewed, err := s.Account.Consents.Renew(a.Person, a.ID, reason, receipts, now, r.wait)
		if errors.Is(err, consent.ErrWaiting) {
			a.NextTry = s.Account.Consents.WaitsUntil(a.Person, now, r.wait)
		} else if err != nil {
			return s, err
		} else {
			s.Account.Consents, a.Epoch, a.NextTry = renewed, renewed.Epoch(a.Person), now
			if *a, err = a.Move(application.Working, now, textRenewed); err != nil {
				return s, err
			}
			if err := store.Put(tx, account, s.Account); err != nil {
				return s, err
			}
		}
		tx.Schedule(store.TopicRequest, e.Home, a.ID, a.NextTry)
		return s, store.PutApplication(tx, e.Home, *a)
	})
	return s.Application, s.Account, err
}

// covered reports whether the application may still go on: one that shows data
// only under the very consents it was submitted under, a first policy always.
func covered(a application.Application, l consent.Ledger) bool {
	if a.Kind == application.Register {
		return true
	}
	return l.Covers(a.Person) == nil && l.Epoch(a.Person) == a.Epoch
}

// outcome of asking the register once. The zero outcome is no answer, which
// says nothing about the person.
type outcome struct {
	card     *policy.Card         // shown
	services application.Result   // of the services, which the register is asked for apart; "" if not asked for
	enrolled *policy.Enrolled     // put on record
	found    []string             // answered: why it is not shown, by code
	refuse   []application.Reason // answered: never, and why
	byFund   bool                 // answered: the fund's staff decide
}

func (o outcome) silent() bool {
	return o.card == nil && o.enrolled == nil && o.found == nil && o.refuse == nil
}

// decided are the register's refusals of a first policy. Whatever else comes
// back, from a gateway or from another version of the register, is no verdict.
var decided = map[string]bool{
	"already_insured": true, "snils_taken": true, "document_taken": true, "birth_taken": true, codeNotRepresented: true, "birth_of_another_child": true,
	"record_differs": true, "insurance_in_force": true, "policy_ended": true, "death_recorded": true,
}

// wrongData are the reasons for which the register does not take what a first policy
// is applied for with. That it does not know a field, or reads it otherwise, says
// nothing of the applicant.
func wrongData(err error) (reasons []application.Reason) {
	for _, f := range fault.From(err).Fields {
		if person.Checks(f.Code) || f.Field == "child.birth_record.number" && slices.Contains([]string{"required", "too_long", "control_character"}, f.Code) {
			reasons = append(reasons, application.Reason{Field: f.Field, Code: f.Code, Detail: f.Detail})
		}
	}
	return reasons
}

// ask asks the register what an application asks of it; unasked where that is the
// service's own work and not the applicant's.
func (r *requests) ask(c *web.Call, a application.Application, unasked bool) outcome {
	if a.Kind == application.Register {
		var made policy.Enrolled
		err := r.register.Call(c, c.ID, "/insured-registry/records", enrolment(a), &made)
		switch {
		case err == nil:
			return outcome{enrolled: &made}
		case fault.From(err).Code == policy.ErrFundDecides.Code:
			return outcome{byFund: true}
		case decided[fault.From(err).Code]:
			return outcome{refuse: []application.Reason{reasonFor(a, fault.From(err).Code)}}
		}
		return outcome{refuse: wrongData(err)} // none is no verdict
	}
	q := policy.Question{Applicant: a.Applicant, ENP: a.ENP, Unasked: unasked}
	if a.Person != consent.Self {
		q.Child = a.Person
	}
	var finding policy.Finding
	switch err := r.register.Call(c, c.ID, "/insured-registry/find", q, &finding); {
	case err == nil && finding.Card != nil:
		out := outcome{card: finding.Card}
		if slices.Contains(a.What, whatServices) {
			q.ENP = finding.Card.ENP
			out.services = r.services(c, q)
		}
		return out
	case err == nil:
		return outcome{found: finding.Reasons}
	case q.Child != "" && fault.From(err).Code == "person_not_found":
		return outcome{refuse: []application.Reason{reason(codeNotRepresented)}}
	}
	return outcome{}
}

// asksForClinic reports whether a copy that comes of the application is to tell
// of the clinic. Of the policy it tells in any case: the other parts hang on it.
func asksForClinic(a application.Application) bool {
	return slices.Contains(parts(a.What), whatAttachment)
}

// services asks the register whether it has services rendered. They are not
// copied: the person reads them from the register.
func (r *requests) services(c *web.Call, about policy.Question) application.Result {
	if about.Child != "" {
		about.ENP = ""
	}
	var page policy.ServicesAnswer
	switch err := r.register.Call(c, c.ID, "/insured-registry/services/find", policy.ServicesQuestion{Question: about, Limit: 1}, &page); {
	case err == nil && len(page.Items) > 0:
		return application.Shown
	case err == nil:
		return application.NoData
	case fault.From(err).Code == "services_hidden":
		return application.Hidden
	}
	return application.Pending
}

// results tells what there is of what was asked for.
func results(card policy.Card, services application.Result, what []string) map[string]application.Result {
	of := map[string]application.Result{}
	for _, w := range what {
		of[w] = application.NoData
		switch {
		case w == whatServices:
			of[w] = services
		case w == whatPolicy, w == whatAttachment && card.Clinic != nil:
			of[w] = application.Shown
		}
	}
	return of
}

// decide moves the application by what came of the attempt. Only an answer of
// the register at or after the term ends a search as not found; silence never
// does.
func (r *requests) decide(a application.Application, out outcome, now time.Time) (application.Application, error) {
	a = a.Tried(!out.silent() && out.services != application.Pending, r.terms, now)
	over := !now.Before(a.Due)
	switch {
	case out.card != nil && out.services == application.Pending && !over:
		return a.Move(application.Working, now, textPartly)
	case out.card != nil:
		return a.Move(application.Granted, now, textShown)
	case out.silent() && over && a.Results[whatServices] == application.Pending:
		// The policy is in the cabinet since an earlier try.
		a.Results = maps.Clone(a.Results)
		a.Results[whatServices] = application.NoAnswer
		return a.Move(application.Granted, now, textShown)
	case out.enrolled != nil:
		a.ENP = out.enrolled.ENP
		return a.Move(application.Granted, now, enrolledText(a, *out.enrolled))
	case out.refuse != nil:
		a.Results = nil // what an earlier try has shown is shown no more
		return a.Move(application.Refused, now, application.TextRefused, out.refuse...)
	case out.silent():
		return a.Move(application.Working, now, textSilent)
	}
	reasons := make([]application.Reason, len(out.found))
	for i, code := range out.found {
		reasons[i] = reason(code)
	}
	if over {
		return a.Move(application.Refused, now, textNotFound, reasons...)
	}
	if len(out.found) == 1 && out.found[0] == policy.NotInRegister {
		return a.Move(application.Working, now, textSearching)
	}
	return a.Move(application.NeedsPerson, now, textDiffers, reasons...)
}
