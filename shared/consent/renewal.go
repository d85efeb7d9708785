package consent

import (
	"maps"
	"time"

	"polis/shared/fault"
)

// A renewal is what a person asks for once: that the consents to their policy be
// withdrawn and, when the waiting time is over, given again by themselves. The
// request is the consent to give them again: it stands in the ledger under the
// application that it was made with until the consents are given, or until the
// person withdraws any of them meanwhile.

// Renewal is the application by which the person's consents are to be given
// again; "" for none.
func (l Ledger) Renewal(person string) string { return l.Renewals[person] }

// BeginRenewal withdraws every consent needed that is in force, each with a
// receipt of its own (there are as many receipts as operators needed), and
// notes the application that is to give them again.
func (l Ledger) BeginRenewal(person, application, reason string, receipts []string, now time.Time) (Ledger, error) {
	for i, op := range Needed(person) {
		if l.Of(op, person).Status != Granted {
			continue
		}
		var err error
		if l, _, err = l.revoke(Consent{Operator: op, Person: person, Receipt: receipts[i], Reason: reason, Application: application}, now); err != nil {
			return l, err
		}
	}
	renewals := maps.Clone(l.Renewals)
	if renewals == nil {
		renewals = map[string]string{}
	}
	renewals[person] = application
	l.Renewals = renewals
	return l, nil
}

// Renew gives again every consent needed, each with a receipt that names the
// application by which the person asked for it, and ends the renewal. Earlier
// than wait after any revocation it is ErrWaiting, and nothing is given.
func (l Ledger) Renew(person, application, reason string, receipts []string, now time.Time, wait time.Duration) (Ledger, error) {
	renewed := l
	for i, op := range Needed(person) {
		var err error
		if renewed, _, err = renewed.grant(Consent{Operator: op, Person: person, Receipt: receipts[i], Reason: reason, Application: application}, now, wait); err != nil {
			return l, err
		}
	}
	return renewed.endRenewal(person), nil
}

// WaitsUntil is the time from which every consent needed may be given; the zero
// time where that is so already.
func (l Ledger) WaitsUntil(person string, now time.Time, wait time.Duration) time.Time {
	var until time.Time
	for _, op := range Needed(person) {
		if from := l.Of(op, person).WaitsUntil(now, wait); from.After(until) {
			until = from
		}
	}
	return until
}

func (l Ledger) endRenewal(person string) Ledger {
	if l.Renewals[person] != "" {
		l.Renewals = maps.Clone(l.Renewals)
		delete(l.Renewals, person)
	}
	return l
}

// Withdrawn and GivenAgain are the reasons that the receipts of a renewal state.
func Withdrawn(number string) fault.Text {
	return fault.Text{
		RU: "Отозвано по заявлению №\u00a0" + number + ", в котором вы просите дать согласие снова после ожидания",
		EN: "Withdrawn by application " + number + ", in which you ask that the consent be given again after the wait",
	}
}

func GivenAgain(number string) fault.Text {
	return fault.Text{
		RU: "Дано снова по вашей просьбе в заявлении №\u00a0" + number,
		EN: "Given again as you asked in application " + number,
	}
}
