// Package application holds what a citizen asks of the register: its kinds, the
// legal moves of its status, its terms and its timeline. An application lives
// with the account that submitted it.
package application

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"polis/shared/calendar"
	"polis/shared/fault"
	"polis/shared/person"
	"polis/shared/policy"
)

// Kind of application.
type Kind string

const (
	Lookup   Kind = "lookup"   // show my policy
	Link     Kind = "link"     // show the policy whose number I typed by hand
	Register Kind = "register" // first policy
	Repair   Kind = "repair"   // give the consents anew and ask again; see package doctor
	Choose   Kind = "choose"   // choose or replace the insurer
	Suspend  Kind = "suspend"  // take the policy out of force for a service
	Resume   Kind = "resume"   // put it in force again after the service
	Restore  Kind = "restore"  // put it in force again after it has ended
)

// Status says who moves next.
type Status string

const (
	Submitted   Status = "submitted"    // the service moves: first attempt
	Working     Status = "working"      // the service moves: tries again until the term
	NeedsPerson Status = "needs_person" // the citizen moves; the service goes on trying
	Granted     Status = "granted"      // nobody: done
	Refused     Status = "refused"      // nobody: ended, reasons say what to do
)

// moves is every legal move; what is absent is refused.
var moves = map[Status][]Status{
	Submitted:   {Working, NeedsPerson, Granted, Refused},
	Working:     {Working, NeedsPerson, Granted, Refused},
	NeedsPerson: {Working, NeedsPerson, Granted, Refused},
	Granted:     {},
	Refused:     {},
}

// Statuses in the order of a life.
var Statuses = []Status{Submitted, Working, NeedsPerson, Granted, Refused}

// May reports whether the move is legal.
func (s Status) May(to Status) bool {
	for _, t := range moves[s] {
		if t == to {
			return true
		}
	}
	return false
}

// Done reports that nobody moves any more.
func (s Status) Done() bool { return len(moves[s]) == 0 }

// Reason says why an application stands where it does. Field is the datum it
// is about, "" for the whole.
type Reason struct {
	Field  string     `json:"field,omitempty"`
	Code   string     `json:"code"`
	Detail fault.Text `json:"detail"`
}

// Result says what came of one part of what was asked for.
type Result string

const (
	Shown    Result = "shown"
	NoData   Result = "no_data"   // the register has none
	Hidden   Result = "hidden"    // the teenager whose they are does not show them
	Pending  Result = "pending"   // the register has not answered for it yet: it is tried again
	NoAnswer Result = "no_answer" // nor has it within the term
)

// Entry of the timeline.
type Entry struct {
	At     time.Time  `json:"at"`
	Status Status     `json:"status"`
	Detail fault.Text `json:"detail"`
}

// Application is one request with its term and its story.
type Application struct {
	ID     string     `json:"id"`
	Number string     `json:"number"`
	Kind   Kind       `json:"kind"`
	Person string     `json:"person"` // "self" or a child's id
	What   []string   `json:"what,omitempty"`
	Region string     `json:"region,omitempty"`
	SMO    string     `json:"smo,omitempty"`
	ENP    person.ENP `json:"enp,omitempty"` // typed by hand, or given on record

	Choice     *policy.Choice     `json:"choice,omitempty"`     // Choose
	Suspension *policy.Suspension `json:"suspension,omitempty"` // Suspend
	From       calendar.Date      `json:"from,omitzero"`        // Resume, Restore: the first day in force
	Review     *Review            `json:"review,omitempty"`     // where people decide
	Right      policy.Right       `json:"right,omitzero"`       // Register: of a foreigner
	ByFund     bool               `json:"by_fund,omitempty"`    // Register: the fund's staff decide
	Child      *policy.NewChild   `json:"child,omitempty"`      // Register: whom Person is the id of

	Applicant person.Person     `json:"applicant"` // as the login vouched for at submission
	Epoch     int               `json:"epoch"`     // of the consents at submission
	Status    Status            `json:"status"`
	Submitted time.Time         `json:"submitted"`
	Due       time.Time         `json:"due"`
	NextTry   time.Time         `json:"next_try,omitzero"`
	Planned   time.Time         `json:"planned,omitzero"` // the try after the one that the person asks for now
	Silences  int               `json:"silences"`         // tries in a row that the register did not answer
	Answers   int               `json:"answers"`          // tries that it answered
	Reasons   []Reason          `json:"reasons,omitempty"`
	Results   map[string]Result `json:"results,omitempty"` // by what was asked for
	Timeline  []Entry           `json:"timeline"`
}

// ErrDone is a move that the table of moves does not have.
var ErrDone = fault.New(fault.Conflict, "application_done",
	"Заявление уже рассмотрено.", "The application is already decided.")

// Terms, all configurable; the sources disagree on some of them.
type Terms struct {
	Lookup     time.Duration   // how long a lookup is tried: up to 5 days
	RetryEvery []time.Duration // waits after answers that leave it open; the last one repeats
	Silence    time.Duration   // wait after the first try without an answer; doubles up to the last of RetryEvery
}

// DefaultTerms of the portal guides for citizens, 2022-2025.
func DefaultTerms() Terms {
	return Terms{
		Lookup:     5 * 24 * time.Hour,
		RetryEvery: []time.Duration{time.Minute, 5 * time.Minute, 15 * time.Minute, time.Hour, 6 * time.Hour},
		Silence:    5 * time.Second,
	}
}

// AfterAnswer is when to try again after the given number of answers, never
// later than the term by more than it takes to notice it.
func (t Terms) AfterAnswer(answers int, now, due time.Time) time.Time {
	return noticing(due, now, t.RetryEvery[min(max(answers, 1), len(t.RetryEvery))-1])
}

// AfterSilence is when to try again after the given number of tries in a row
// without an answer: soon, because most silences are short. The term is noticed
// as after an answer.
func (t Terms) AfterSilence(silences int, now, due time.Time) time.Time {
	wait, longest := t.Silence, t.RetryEvery[len(t.RetryEvery)-1]
	for n := 1; n < silences && wait < longest; n++ {
		wait *= 2
	}
	return noticing(due, now, min(wait, longest))
}

// noticing is the time after a wait, or the term if it is passed meanwhile.
func noticing(due, now time.Time, wait time.Duration) time.Time {
	next := now.Add(wait)
	if now.Before(due) && next.After(due) {
		return due
	}
	return next
}

// Asks tells applications apart that ask for something else: for other data, by
// a person whose own data were put right meanwhile, or after a consent was
// revoked, which begins a new epoch. Of those that ask for the same only one is
// under way.
func (a Application) Asks() string {
	what := append([]string{string(a.Kind), a.Person}, a.What...)
	switch a.Kind {
	case Repair, Restore:
		return string(a.Kind) + " " + a.Person // one at a time for each person
	case Choose:
		what = append(what, string(a.Choice.Reason), a.Choice.Region, a.Choice.SMO)
	case Suspend:
		what = append(what, a.Suspension.Ground, a.Suspension.From.String(), a.Suspension.Until.String())
	case Resume:
		what = append(what, a.From.String())
	case Register: // put right after a question of the fund's staff it is another
		what = append(what, strconv.Itoa(a.Epoch), a.Region, a.SMO, string(a.Right.Category), a.Right.Ends.String())
		if a.Child != nil {
			what = append(what, a.Child.Birth.Date.String())
		}
	default:
		what = append(what, strconv.Itoa(a.Epoch))
		if a.Kind == Link {
			what = append(what, string(a.ENP))
		}
	}
	who := sha256.Sum256(fmt.Append(nil, a.Applicant))
	return strings.Join(append(what, hex.EncodeToString(who[:8])), " ")
}

// Searches reports whether an application of this kind only shows what the register
// has; the others change it, by a right that the law gives.
func (k Kind) Searches() bool { return k == Lookup || k == Link || k == Repair }

// KindOf is the kind of what Asks told.
func KindOf(asks string) Kind {
	kind, _, _ := strings.Cut(asks, " ")
	return Kind(kind)
}

// AsksFor reports whether what Asks told is of that kind, about that person.
func AsksFor(asks string, kind Kind, person string) bool {
	return strings.HasPrefix(asks+" ", string(kind)+" "+person+" ")
}

// toSee are the kinds that lead to a copy of a policy.
var toSee = []Kind{Lookup, Link, Repair}

// AsksToSee reports whether what Asks told may lead to a copy of that person's
// policy.
func AsksToSee(asks, person string) bool {
	return slices.ContainsFunc(toSee, func(kind Kind) bool { return AsksFor(asks, kind, person) })
}

// Showed reports whether the register has answered with a policy. That of an
// earlier version, where no part was named, only the status tells.
func (a Application) Showed() bool {
	return a.Results != nil || a.Status == Granted && slices.Contains(toSee, a.Kind)
}

// MayStep reports whether there is a step to take: an event asks for one at
// once, the agenda at its time, and nobody after the end.
func (a Application) MayStep(asked bool, now time.Time) bool {
	return !a.Status.Done() && (asked || !now.Before(a.NextTry))
}

// Wake has a try made now, because the person asks for it, and remembers for when
// the next one was planned.
func (a Application) Wake(now time.Time) Application {
	a.Planned, a.NextTry = a.NextTry, now
	return a
}

// Tried counts a try and says when the next one is. Silence of the register
// says nothing about the person, and is not counted among the answers; an answer
// ends the silence. A try that a person asked for is not counted, and puts off
// none that was planned.
func (a Application) Tried(answered bool, t Terms, now time.Time) Application {
	counts, planned := 1, a.Planned
	if !planned.IsZero() {
		counts, a.Planned = 0, time.Time{}
	}
	if answered {
		a.Silences, a.Answers = 0, a.Answers+counts
		a.NextTry = t.AfterAnswer(a.Answers, now, a.Due)
	} else {
		a.Silences += counts
		a.NextTry = t.AfterSilence(a.Silences, now, a.Due)
	}
	if planned.After(now) && planned.Before(a.NextTry) {
		a.NextTry = planned
	}
	return a
}

// Begin starts the story of a new application.
func (a Application) Begin(now, due time.Time, detail fault.Text) Application {
	a.Status, a.Submitted, a.Due, a.NextTry = Submitted, now, due, now
	a.Timeline = []Entry{{At: now, Status: Submitted, Detail: detail}}
	return a
}

// Move takes the application to a status, with the reasons that led there. A
// move to where it already stands for the same reasons adds no entry. An
// illegal move is ErrDone.
func (a Application) Move(to Status, now time.Time, detail fault.Text, reasons ...Reason) (Application, error) {
	if !a.Status.May(to) {
		return a, ErrDone
	}
	last := a.Timeline[len(a.Timeline)-1]
	if last.Status != to || last.Detail != detail || !slices.Equal(a.Reasons, reasons) {
		a.Timeline = append(a.Timeline[:len(a.Timeline):len(a.Timeline)], Entry{At: now, Status: to, Detail: detail})
	}
	a.Status, a.Reasons = to, reasons
	if to.Done() {
		a.NextTry = time.Time{}
	}
	return a, nil
}
