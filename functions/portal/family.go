package function

import (
	"net/http"
	"net/url"
	"slices"
	"sync"
	"time"

	"polis/shared/application"
	"polis/shared/consent"
	"polis/shared/fault"
	"polis/shared/person"
	"polis/shared/policy"
)

// member is one person of the family as the cabinet of the visitor has them.
type member struct {
	relative
	Former   bool               // the register does not have them as the visitor's child any more
	Consents []consentAnswer    // those needed, given or not
	Latest   *applicationAnswer // newest application to show the policy or for a first one
	Choosing *applicationAnswer // choice of an insurer under way
	Changing *applicationAnswer // suspension, resumption or restoration under way
	Unchosen bool               // the fund stands in until somebody chooses
	Card     *cardAnswer        // nil: not loaded
	Fault    *fault.Error       // why the card cannot be read now
}

// step is what a member's part of a page is about: who moves next.
type step string

const (
	giveConsent step = "consent" // the visitor: consents are missing
	ask         step = "ask"     // the visitor: nothing was asked for yet
	wait        step = "wait"    // the service
	answer      step = "answer"  // the visitor: the application needs something, or was refused
	look        step = "look"    // nobody: the card is here
	later       step = "later"   // the service does not answer at the moment
)

// Next is a rule: what goes on by itself, then what hinders a card, then the
// card.
func (m member) Next() step {
	switch {
	case m.Latest != nil && m.Latest.Kind == application.Repair && !m.Latest.Ended() && m.Latest.Status != application.NeedsPerson:
		return wait // its consents are given again by themselves
	case len(m.Missing()) > 0:
		return giveConsent
	case m.Card != nil:
		return look
	case m.Fault != nil:
		return later
	case m.Latest == nil || m.Latest.Status == application.Granted:
		return ask // granted, but revoked since: there is no card of it any more
	case m.Latest.Status == application.NeedsPerson || m.Latest.Status == application.Refused:
		return answer
	}
	return wait
}

// Missing are the consents still to give.
func (m member) Missing() []consentAnswer {
	var missing []consentAnswer
	for _, c := range m.Consents {
		if c.Status != consent.Granted {
			missing = append(missing, c)
		}
	}
	return missing
}

// Revoked is the consent that was withdrawn last, of those to give again; nil
// where none was.
func (m member) Revoked() *consentAnswer {
	var last *consentAnswer
	for _, c := range m.Missing() {
		if c.Status == consent.Revoked && (last == nil || c.Since.After(last.Since)) {
			last = &c
		}
	}
	return last
}

// Waits is the moment from which all that is missing may be given; the zero time
// where it may be given now.
func (m member) Waits() (until time.Time) {
	for _, c := range m.Missing() {
		if c.From.After(until) {
			until = c.From
		}
	}
	return until
}

// Gone reports whether the visitor has nothing more to do with the child's policy.
func (m member) Gone() bool { return m.Former && m.Card == nil && m.Fault == nil }

func (m member) Self() bool { return m.Person == consent.Self }

// Wording of one of the member's consents.
func (m member) Wording(c consentAnswer) consent.Wording { return consent.Terms(c.Operator) }

// overview is the visitor's family with all that their pages need at first.
type overview struct {
	Members  []member
	Consents consentList
	// The register does not answer, so that children may be missing.
	Incomplete *fault.Error
}

// family asks several functions at once. What only concerns children does not
// keep the visitor from their own.
func (v *visit) family() (overview, error) {
	var o overview
	var relatives struct{ Items []relative }
	var applications applicationList
	var errs [3]error
	var calls sync.WaitGroup
	calls.Go(func() { errs[0] = v.ask(http.MethodGet, "/consent-toggle", nil, &o.Consents) })
	calls.Go(func() { errs[1] = v.ask(http.MethodGet, "/policy-request?limit=50", nil, &applications) })
	calls.Go(func() { errs[2] = v.ask(http.MethodGet, "/policy-card/family", nil, &relatives) })
	calls.Wait()
	if errs[0] != nil {
		return o, errs[0]
	}
	if errs[1] != nil {
		return o, errs[1]
	}
	switch {
	case fault.HasKind(errs[2], fault.Unavailable):
		o.Incomplete = fault.From(errs[2])
		relatives.Items = []relative{{Person: consent.Self, Name: v.Who.Name}}
	case errs[2] != nil:
		return o, errs[2]
	}
	recorded := len(relatives.Items)
	// A copy, and the right to revoke, outlive the register's silence and a
	// child's 18th birthday.
	for _, c := range o.Consents.Items {
		if c.Status == consent.Granted && !slices.ContainsFunc(relatives.Items, func(r relative) bool { return r.Person == c.Person }) {
			relatives.Items = append(relatives.Items, relative{Person: c.Person, Name: person.Name{Given: v.Text(aChild)}})
		}
	}
	o.Members = make([]member, len(relatives.Items))
	for i, r := range relatives.Items {
		m := &o.Members[i]
		m.relative, m.Consents = r, needed(o.Consents, r.Person)
		m.Former = i >= recorded && o.Incomplete == nil
		for k, a := range applications.Items {
			switch {
			case a.Person != r.Person:
			case m.Latest == nil && a.shows():
				m.Latest = &applications.Items[k]
			case m.Choosing == nil && a.Kind == application.Choose && !a.Ended():
				m.Choosing = &applications.Items[k]
			case m.Changing == nil && a.changes() && !a.Ended():
				m.Changing = &applications.Items[k]
			}
		}
		if len(m.Missing()) > 0 {
			continue
		}
		calls.Go(func() {
			card, err := v.cardOf(m.Person)
			switch {
			case err == nil:
				m.Card, m.Name, m.Unchosen = &card, card.Name, card.Insurer.StandIn && card.Status == policy.ShownNoInsurer
			case !fault.HasKind(err, fault.NotFound) && !fault.HasKind(err, fault.Forbidden):
				m.Fault = fault.From(err)
			}
		})
	}
	calls.Wait()
	return o, nil
}

// unchosen finds the children whom the fund insures though there is no card of
// theirs to tell it: choosing needs no consent. What cannot be told now is no
// hindrance. Each question stays on the child's record, so none is asked about one
// who is gone.
func (v *visit) unchosen(o overview) {
	var calls sync.WaitGroup
	for i := range o.Members {
		m := &o.Members[i]
		if m.Self() || m.Gone() || m.Card != nil || m.Fault != nil {
			continue
		}
		calls.Go(func() {
			var may allowedAnswer
			if v.ask(http.MethodGet, "/smo-selection/allowed?"+url.Values{"person": {m.Person}}.Encode(), nil, &may) == nil {
				m.Unchosen = may.Allowed && may.Reason == policy.First
			}
		})
	}
	calls.Wait()
}

// shows reports whether the application, granted, leads to a card in the cabinet.
func (a applicationAnswer) shows() bool {
	switch a.Kind {
	case application.Lookup, application.Link, application.Register, application.Repair:
		return true
	}
	return false
}

// changes reports whether the application, granted, changes the policy's state.
func (a applicationAnswer) changes() bool {
	return a.Kind == application.Suspend || a.Kind == application.Resume || a.Kind == application.Restore
}

// aChild stands in for a name that only the register knows.
var aChild = fault.Text{RU: "Ребёнок", EN: "Child"}

// needed lists the consents that a person's policy needs, given or not.
func needed(have consentList, who string) []consentAnswer {
	var all []consentAnswer
	for _, op := range consent.Needed(who) {
		c := consentAnswer{Operator: op, Person: who, Status: consent.None}
		for _, h := range have.Items {
			if h.Operator == op && h.Person == who {
				c = h
			}
		}
		all = append(all, c)
	}
	return all
}

func (v *visit) cardOf(who string) (card cardAnswer, err error) {
	err = v.ask(http.MethodGet, "/policy-card?"+url.Values{"person": {who}}.Encode(), nil, &card)
	return card, err
}

// name finds what a member of the family is called; "" where it is not known.
func (o overview) name(who string) string {
	for _, m := range o.Members {
		if m.Person == who {
			return m.Name.Full()
		}
	}
	return ""
}

// Unfound reports whether a search goes on that has not found the policy so far.
func (m member) Unfound() bool {
	return m.Next() == wait && m.Latest.Help != nil && m.Latest.Help.Offer == application.Register
}

// Seeks reports whether the visitor's own policy is not here and their part of
// the page does not say yet how to come by it.
func (o overview) Seeks() bool {
	return slices.ContainsFunc(o.Members, func(m member) bool { return m.Self() && m.Card == nil && !m.Unfound() })
}

// Lacks reports whether the login confirms a child that the register does not
// have, or may not have.
func (o overview) Lacks(kids []kid) bool {
	return slices.ContainsFunc(kids, func(k kid) bool {
		return o.Incomplete != nil || !slices.ContainsFunc(o.Members, func(m member) bool { return m.Birth == k.Birth && m.Name.Same(k.Name) })
	})
}

// rank is how soon a step needs the visitor. A consent that they have withdrawn
// is their own choice, and so needs nothing.
func (m member) rank() int {
	switch next := m.Next(); {
	case m.Unchosen && m.Choosing == nil, next == answer, next == wait && m.Latest.Overdue, m.Changing != nil && m.Changing.Asked():
		return 0
	case next == ask:
		return 1
	case next == giveConsent && m.Revoked() == nil:
		return 2
	case next == look:
		return 3
	case next == wait, next == later:
		return 4
	}
	return 5
}

// present are those with whose policies the visitor still has to do. The consents
// for the others can be revoked all the same.
func (o overview) present() []member {
	return slices.DeleteFunc(slices.Clone(o.Members), member.Gone)
}

// ByNeed is the family with those first for whom the visitor has to do something.
func (o overview) ByNeed() []member {
	return slices.SortedStableFunc(slices.Values(o.present()), func(a, b member) int { return a.rank() - b.rank() })
}
