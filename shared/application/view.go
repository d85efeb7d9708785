package application

import (
	"time"

	"polis/shared/calendar"
	"polis/shared/directory"
	"polis/shared/fault"
	"polis/shared/person"
	"polis/shared/policy"
)

// View is an application as people see it, in one language and in the time of
// its region.
type View struct {
	ID        string            `json:"id"`
	Number    string            `json:"number"`
	Kind      Kind              `json:"kind"`
	Person    string            `json:"person"`
	What      []string          `json:"what,omitempty"`
	Region    string            `json:"region"`
	SMO       string            `json:"smo,omitempty"`
	Reason    policy.Reason     `json:"reason,omitempty"` // of the choice of an insurer
	Ground    string            `json:"ground,omitempty"` // of a suspension
	From      calendar.Date     `json:"from,omitzero"`
	Until     calendar.Date     `json:"until,omitzero"`
	ENP       person.ENP        `json:"enp,omitempty"`
	Category  policy.Category   `json:"category,omitempty"` // of a foreigner, or of a child
	Ends      calendar.Date     `json:"ends,omitzero"`      // of what the right rests on
	Validity  string            `json:"validity,omitempty"` // until when the policy is valid, and why
	Child     *person.Name      `json:"child,omitempty"`    // for whom a first policy is
	Status    Status            `json:"status"`
	Text      string            `json:"text"`
	Submitted time.Time         `json:"submitted"`
	Due       time.Time         `json:"due"`
	Overdue   bool              `json:"overdue"`
	NextTry   time.Time         `json:"next_try,omitzero"`
	Reasons   []ViewReason      `json:"reasons,omitempty"`
	Results   map[string]Result `json:"results,omitempty"`
	Help      *Help             `json:"help,omitempty"`
	Timeline  []ViewEntry       `json:"timeline"`
}

// ViewReason is a Reason in one language.
type ViewReason struct {
	Field  string `json:"field,omitempty"`
	Code   string `json:"code"`
	Detail string `json:"detail"`
}

// ViewEntry is an Entry in one language.
type ViewEntry struct {
	At     time.Time `json:"at"`
	Status Status    `json:"status"`
	Detail string    `json:"detail"`
}

// Help says whom to turn to, and what can be done here instead.
type Help struct {
	Fund     *directory.Fund     `json:"fund,omitempty"`
	Insurers []directory.Insurer `json:"insurers"`
	Offer    Kind                `json:"offer,omitempty"`
}

// View is made for a reader whose language tell speaks.
func (a Application) View(tell func(fault.Text) string, now time.Time) View {
	zone := calendar.Zone(a.Region)
	v := View{
		ID: a.ID, Number: a.Number, Kind: a.Kind, Person: a.Person, What: a.What, Region: a.Region, SMO: a.SMO, ENP: a.ENP,
		Status: a.Status, Text: tell(a.Timeline[len(a.Timeline)-1].Detail), Submitted: a.Submitted.In(zone), Due: a.Due.In(zone),
		Results: a.Results, Overdue: !a.Status.Done() && now.After(a.Due),
	}
	switch {
	case a.Choice != nil:
		v.SMO, v.Reason = a.Choice.SMO, a.Choice.Reason
	case a.Suspension != nil:
		v.Ground, v.From, v.Until = a.Suspension.Ground, a.Suspension.From, a.Suspension.Until
	case !a.From.IsZero():
		v.From = a.From
	}
	if a.Right.Category != "" {
		v.Category, v.Ends, v.Until, v.Validity = a.Right.Category, a.Right.Ends, a.Right.ValidUntil, tell(a.Right.Text())
	}
	if a.Child != nil {
		v.Child = &a.Child.Person.Name
	}
	if !a.NextTry.IsZero() {
		v.NextTry = a.NextTry.In(zone)
	}
	for _, e := range a.Timeline {
		v.Timeline = append(v.Timeline, ViewEntry{e.At.In(zone), e.Status, tell(e.Detail)})
	}
	for _, r := range a.Reasons {
		v.Reasons = append(v.Reasons, ViewReason{r.Field, r.Code, tell(r.Detail)})
	}
	return v
}
