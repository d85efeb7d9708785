package application

import (
	"time"

	"polis/shared/calendar"
	"polis/shared/fault"
)

// FundUnit is the unit of those reviewers who are staff of the regional fund; an
// insurer's unit is its code.
const FundUnit = "fund"

// Verdict of a reviewer.
type Verdict string

const (
	Approved Verdict = "approve" // the function that submitted it carries it out
	Declined Verdict = "refuse"
	Asked    Verdict = "ask" // the citizen has to bring something first
)

// Review is the decision of people that an application needs. The work on it
// waits until there is one.
type Review struct {
	Unit  string `json:"unit"`  // whose staff decide: FundUnit or an insurer's code
	Topic string `json:"topic"` // of the function that goes on once it is decided

	Verdict Verdict   `json:"verdict,omitempty"` // the latest
	By      string    `json:"by,omitempty"`      // account of the reviewer
	At      time.Time `json:"at,omitzero"`
}

// AwaitsReview reports whether a reviewer has to decide before there is anything
// to do.
func (a Application) AwaitsReview() bool {
	return a.Review != nil && a.Review.Verdict != Approved && !a.Status.Done()
}

// InReview hands the application to the reviewers of a unit, who answer by its
// term.
func (a Application) InReview(unit, topic string, now time.Time) (Application, error) {
	by := calendar.Today(a.Due, a.Region).Russian()
	detail := fault.Text{
		RU: "На рассмотрении в территориальном фонде, ответ до\u00a0" + by,
		EN: "Under review by the regional fund, the answer comes by\u00a0" + by}
	if unit != FundUnit {
		detail = fault.Text{
			RU: "На рассмотрении в страховой компании, ответ до\u00a0" + by,
			EN: "Under review by the insurer, the answer comes by\u00a0" + by}
	}
	a, err := a.Move(Working, now, detail)
	a.Review, a.NextTry = &Review{Unit: unit, Topic: topic}, time.Time{}
	return a, err
}

var errNoReview = fault.New(fault.Conflict, "application_not_reviewed",
	"По этому заявлению решение не принимают.", "This application is not decided by anybody.")

// What the timeline says of a verdict.
var verdicts = map[Verdict]struct {
	to     Status
	detail fault.Text
}{
	Approved: {Working, fault.Text{RU: "Решение принято: одобрено. Вносим его в регистр", EN: "Decided: approved. It is being put into the register"}},
	Declined: {Refused, TextRefused},
	Asked:    {NeedsPerson, fault.Text{RU: "Нужны ваши действия: специалист просит уточнить данные", EN: "You have to act: the reviewer asks for something"}},
}

// Decide is the application after a reviewer's verdict. Once it is approved or
// refused there is no other.
func (a Application) Decide(v Verdict, by string, reasons []Reason, now time.Time) (Application, error) {
	means, known := verdicts[v]
	switch {
	case a.Review == nil || !known:
		return a, errNoReview
	case !a.AwaitsReview():
		return a, ErrDone
	}
	a, err := a.Move(means.to, now, means.detail, reasons...)
	if err != nil {
		return a, err
	}
	review := *a.Review
	review.Verdict, review.By, review.At = v, by, now
	a.Review = &review
	if v == Approved {
		a.NextTry = now
	}
	return a, nil
}
