package policy

import (
	"slices"
	"time"

	"polis/shared/calendar"
	"polis/shared/person"
)

// Request asks the register to change a record for an application: one of the
// verbs, for the applicant or for a child of theirs.
type Request struct {
	Cause     string        `json:"cause"`     // id of the application
	Submitted time.Time     `json:"submitted"` // decides the dates of the law
	Applicant person.Person `json:"applicant"`
	Child     string        `json:"child,omitempty"` // id of a child's record

	Choice     *Choice       `json:"choice,omitempty"`
	Suspension *Suspension   `json:"suspension,omitempty"`
	Resume     calendar.Date `json:"resume,omitzero"`
	Restore    calendar.Date `json:"restore,omitzero"`

	FromToday bool `json:"from_today,omitempty"` // the day is that of the submission where the person is insured
}

// Applied is the record as it stands after a request, or before one that is only
// tried.
type Applied struct {
	ID     string `json:"id"`
	Region string `json:"region"` // of insurance
	SMO    string `json:"smo,omitempty"`

	CalledOff bool `json:"called_off,omitempty"` // a suspension that had not begun
}

// May answers whether the insurer may be changed now: with the reason that fits,
// or why not and from when.
type May struct {
	Applied
	Allowed bool   `json:"allowed"`
	Reason  Reason `json:"reason,omitempty"`
	Code    string `json:"code,omitempty"`
	Detail  string `json:"detail,omitempty"`
	From    string `json:"from,omitempty"`
}

// MayAsk refuses who may not ask for a change of the record, by the clock of the
// region in which its person is insured. For a child that is for who represents it
// at this moment: one may have been removed since the request was begun. At 18
// people act for themselves, and not before (326-FZ, art. 16, part 4; Civil Code,
// art. 21); by what age a policy is suspended, Suspend says.
func (i Insured) MayAsk(r Request, now time.Time) error {
	switch {
	case r.Child != "":
		if !i.RepresentedBy(r.Applicant.SNILS, i.Today(now)) {
			return ErrNoChild
		}
	case r.Suspension == nil && i.Person.Birth.Age(i.Today(r.Submitted)) < adult:
		return errMinor
	}
	return nil
}

// Apply does what a request asks for, as far as the law allows it.
func (i Insured) Apply(r Request, now time.Time, find FindInsurer) (Insured, error) {
	d := Deed{Source: ByPerson, Cause: r.Cause, At: r.Submitted, Recorded: now}
	for _, day := range []*calendar.Date{&r.Resume, &r.Restore} {
		if r.FromToday && !day.IsZero() {
			*day = i.Today(r.Submitted)
		}
	}
	if err := i.MayAsk(r, now); err != nil {
		return i, err
	}
	switch {
	case r.Choice != nil:
		return i.Choose(*r.Choice, d, find)
	case r.Suspension != nil:
		return i.Suspend(*r.Suspension, d)
	case !r.Resume.IsZero():
		return i.Resume(r.Resume, d)
	case !r.Restore.IsZero():
		d.Source = ByFund
		return i.Restore(r.Restore, d)
	}
	return i, nil
}

// Knows reports whether the cause has changed the record.
func (i Insured) Knows(cause string) bool {
	return i.Cause == cause || i.Changes.Has(cause) || i.renamedBy(cause) || i.unrepresentedBy(cause) || i.heard(cause) ||
		slices.ContainsFunc(i.Rights, func(r Right) bool { return r.Cause == cause }) ||
		slices.ContainsFunc(i.Insurances, func(in Insurance) bool { return in.Cause == cause || in.CorrectedBy == cause })
}

// ChangeKind is what a cause did to a record, as people are told of it.
type ChangeKind string

const (
	InsurerChosen    ChangeKind = "insurer_chosen"
	InsurerCorrected ChangeKind = "insurer_corrected"
	PolicySuspended  ChangeKind = "policy_suspended"
	PolicyResumed    ChangeKind = "policy_resumed"
	PolicyEnded      ChangeKind = "policy_ended"
	PolicyRestored   ChangeKind = "policy_restored"
	DeathCancelled   ChangeKind = "death_cancelled"
	NameChanged      ChangeKind = "name_changed"
)

// ChangeKinds are all of them.
var ChangeKinds = []ChangeKind{InsurerChosen, InsurerCorrected, PolicySuspended, PolicyResumed, PolicyEnded, PolicyRestored, DeathCancelled, NameChanged}

// ToldQuestion asks what a cause did to a record, or what has happened since a
// moment to the records of a person and of the children whom they represent.
type ToldQuestion struct {
	Insured string       `json:"insured,omitempty"` // id of the record
	Cause   string       `json:"cause,omitempty"`
	Person  person.SNILS `json:"person,omitempty"`
	Since   time.Time    `json:"since,omitzero"`
}

// Told is what the register tells of a change of a record, so that the people
// whom it concerns can be told.
type Told struct {
	Insured         string         `json:"insured"` // id of the record
	Cause           string         `json:"cause"`
	Kind            ChangeKind     `json:"kind"`
	Person          person.SNILS   `json:"person,omitempty"`
	Representatives []person.SNILS `json:"representatives,omitempty"` // while the person is a child
	At              time.Time      `json:"at"`
}

// Causes are those of the changes that were recorded since a moment, beside what
// made the record.
func (i Insured) Causes(since time.Time) []string {
	var causes []string
	note := func(cause string, recorded time.Time) {
		if cause != "" && cause != i.Cause && !recorded.Before(since) && !slices.Contains(causes, cause) {
			causes = append(causes, cause)
		}
	}
	for _, in := range i.Insurances {
		note(in.Cause, in.Recorded)
	}
	for _, n := range i.Names {
		note(n.Cause, n.Recorded)
	}
	for _, r := range i.Rights {
		note(r.Cause, r.Recorded)
	}
	for _, c := range i.Changes {
		note(c.Cause, c.Recorded)
		note(c.CancelledBy, c.Cancelled)
	}
	return causes
}

// Tells is what a cause did; false where it did nothing that people are told of.
// Of a death there is nobody to tell.
func (i Insured) Tells(cause string, today calendar.Date) (Told, bool) {
	if told, is := i.toldOf(cause, today); is {
		return told, true
	}
	told := Told{Insured: i.ID, Cause: cause, Person: i.Person.SNILS}
	if i.Person.Birth.Age(today) < 18 {
		told.Representatives = i.Representatives
	}
	applied := i.appliedBy(cause)
	for _, in := range i.Insurances {
		if in.Cause == cause && cause != i.Cause && !(applied && in.SMO == "") {
			told.Kind, told.At = InsurerChosen, in.Recorded
			if in.Reason == "" && !applied || slices.ContainsFunc(i.Insurances, func(x Insurance) bool { return x.CorrectedBy == cause }) {
				told.Kind = InsurerCorrected
			}
			return told, true
		}
	}
	for _, n := range i.Names {
		if n.Cause == cause {
			told.Kind, told.At = NameChanged, n.Recorded
			return told, true
		}
	}
	for _, r := range i.Rights {
		if r.Cause == cause && r.Ground != "" {
			told.Kind, told.At = PolicyEnded, r.Recorded
			return told, true
		}
	}
	for _, c := range i.Changes {
		if c.CancelledBy == cause && c.Ground == Death {
			told.Kind, told.At = DeathCancelled, c.Cancelled
			return told, true
		}
		if c.Cause == cause && c.Ground != Death {
			if c.Turn == Resume && (i.Changes.On(c.Since).State != Active || i.Expired(c.Since)) {
				return told, false // the policy was ended meanwhile, its term is over, or another service lasts
			}
			told.At = c.Recorded
			told.Kind = map[Turn]ChangeKind{Suspend: PolicySuspended, Resume: PolicyResumed, End: PolicyEnded, Restore: PolicyRestored}[c.Turn]
			return told, true
		}
	}
	return told, false
}
