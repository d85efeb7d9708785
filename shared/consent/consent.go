// Package consent holds the rules of a person's consent to the processing of
// personal data (152-FZ, art. 9): who asks, for what, how it is withdrawn, and
// when it may be given again.
package consent

import (
	"slices"
	"time"

	"polis/shared/fault"
)

// Operator of personal data that a consent is given to.
type Operator string

const (
	FFOMS    Operator = "ffoms"    // keeper of the register
	Mincifry Operator = "mincifry" // runs the portal
)

// Self is the account's own person; any other value is the id of a child.
const Self = "self"

// Status of one consent.
type Status string

const (
	None    Status = "none"    // never given; the citizen moves
	Granted Status = "granted" // in force
	Revoked Status = "revoked" // withdrawn; may be given again after the waiting time
)

// DefaultWait is how long after revoking a consent may not be given again. The
// register needs it to erase the copy; guides for citizens say 10 to 15 minutes.
const DefaultWait = 10 * time.Minute

// keepHistory bounds the history of one account; the audit keeps all of it.
const keepHistory = 200

// Consent is the present state of one consent.
type Consent struct {
	Operator Operator  `json:"operator"`
	Person   string    `json:"person"`
	Status   Status    `json:"status"`
	Since    time.Time `json:"since,omitzero"`
	Receipt  string    `json:"receipt,omitempty"`
	Reason   string    `json:"reason,omitempty"`

	Terms string `json:"terms_version,omitempty"` // edition of the wording that it was given with

	Application string `json:"application,omitempty"` // by which the person asked for it, where it came to be so by itself
}

// WaitsUntil is the first moment at which a withdrawn consent may be given again;
// the zero time where it may be given already.
func (c Consent) WaitsUntil(now time.Time, wait time.Duration) time.Time {
	if from := c.Since.Add(wait); c.Status == Revoked && now.Before(from) {
		return from
	}
	return time.Time{}
}

// Ledger is every consent of one account, newest state and history, and an
// epoch per person that changes with every revocation: work begun under an
// earlier epoch may not be committed.
type Ledger struct {
	Consents []Consent      `json:"consents,omitempty"`
	History  []Consent      `json:"history,omitempty"`
	Epochs   map[string]int `json:"epochs,omitempty"`

	Renewals map[string]string `json:"renewals,omitempty"` // by person, the application that is to give the consents again
}

var (
	ErrRequired = fault.New(fault.Forbidden, "consent_required",
		"Чтобы показать полис, нужно согласие на получение данных.",
		"To show the policy, consent to receive the data is needed.")
	ErrWaiting = fault.New(fault.Conflict, "consent_waiting",
		"Дать согласие снова пока нельзя: прежние данные ещё удаляются.",
		"Consent cannot be given again yet: the earlier data are still being erased.")
	ErrNotGranted = fault.New(fault.Conflict, "consent_not_granted",
		"Это согласие не давали, отзывать нечего.",
		"This consent was never given, there is nothing to revoke.")
	ErrNotNeeded = fault.New(fault.Conflict, "consent_not_needed",
		"Для ребёнка нужно только согласие Федеральному фонду ОМС.",
		"For a child only the consent to the federal fund is needed.")
)

// Needed lists the operators whose consent is needed to see a person's data:
// both for oneself, the federal fund's alone for a child.
func Needed(person string) []Operator {
	if person == Self {
		return []Operator{FFOMS, Mincifry}
	}
	return []Operator{FFOMS}
}

// Of is the present state of one consent.
func (l Ledger) Of(op Operator, person string) Consent {
	if i := l.find(op, person); i >= 0 {
		return l.Consents[i]
	}
	return Consent{Operator: op, Person: person, Status: None}
}

// Covers is nil while every consent needed for the person's data is in force,
// else ErrRequired with a field per missing one.
func (l Ledger) Covers(person string) error {
	var missing []fault.Field
	for _, op := range Needed(person) {
		if l.Of(op, person).Status != Granted {
			missing = append(missing, fault.Field{Field: string(op), Code: "consent_missing",
				Detail: fault.Text{RU: "Нет согласия: " + Terms(op).Name.RU, EN: "No consent: " + Terms(op).Name.EN}})
		}
	}
	if missing == nil {
		return nil
	}
	err := *ErrRequired
	err.Fields = missing
	return &err
}

// Epoch of the person's consents; it changes with every revocation.
func (l Ledger) Epoch(person string) int { return l.Epochs[person] }

// Grant gives a consent. One that is in force stays as it is, receipt and all.
// Earlier than wait after its revocation it is ErrWaiting, with the time from
// which it is allowed.
func (l Ledger) Grant(op Operator, person, receipt string, now time.Time, wait time.Duration) (Ledger, Consent, error) {
	return l.grant(Consent{Operator: op, Person: person, Receipt: receipt}, now, wait)
}

func (l Ledger) grant(c Consent, now time.Time, wait time.Duration) (Ledger, Consent, error) {
	if !slices.Contains(Needed(c.Person), c.Operator) {
		return l, Consent{}, ErrNotNeeded
	}
	have := l.Of(c.Operator, c.Person)
	if have.Status == Granted {
		return l, have, nil
	}
	if from := have.WaitsUntil(now, wait); !from.IsZero() {
		return l, Consent{}, ErrWaiting.AllowedFrom(from.Format(time.RFC3339))
	}
	c.Status, c.Since, c.Terms = Granted, now, TermsVersion()
	return l.with(c), c, nil
}

// Revoke withdraws a consent and begins a new epoch. One already revoked stays
// as it is. A renewal that is under way ends in either case: the person does not
// want the consent given again.
func (l Ledger) Revoke(op Operator, person, reason, receipt string, now time.Time) (Ledger, Consent, error) {
	return l.endRenewal(person).revoke(Consent{Operator: op, Person: person, Receipt: receipt, Reason: reason}, now)
}

func (l Ledger) revoke(c Consent, now time.Time) (Ledger, Consent, error) {
	have := l.Of(c.Operator, c.Person)
	switch have.Status {
	case None:
		return l, Consent{}, ErrNotGranted
	case Revoked:
		return l, have, nil
	}
	c.Status, c.Since, c.Terms = Revoked, now, have.Terms
	l = l.with(c)
	epochs := map[string]int{}
	for k, v := range l.Epochs {
		epochs[k] = v
	}
	epochs[c.Person]++
	l.Epochs = epochs
	return l, c, nil
}

// Receipt finds an entry of the history by its receipt.
func (l Ledger) Receipt(id string) (Consent, bool) {
	i := slices.IndexFunc(l.History, func(c Consent) bool { return c.Receipt == id })
	if i < 0 {
		return Consent{}, false
	}
	return l.History[i], true
}

func (l Ledger) find(op Operator, person string) int {
	return slices.IndexFunc(l.Consents, func(c Consent) bool { return c.Operator == op && c.Person == person })
}

func (l Ledger) with(c Consent) Ledger {
	consents := slices.Clone(l.Consents)
	if i := l.find(c.Operator, c.Person); i >= 0 {
		consents[i] = c
	} else {
		consents = append(consents, c)
	}
	l.Consents = consents
	l.History = append(slices.Clone(l.History), c)
	if extra := len(l.History) - keepHistory; extra > 0 {
		l.History = l.History[extra:]
	}
	return l
}
