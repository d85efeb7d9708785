// Package review holds the cases that staff decide: what an inbox shows of an
// application, and who has taken it in hand. A case is made of its application
// and can be made anew; it holds nothing of the person.
package review

import (
	"time"

	"polis/shared/application"
	"polis/shared/fault"
)

// Case is an application as the staff of a unit have it before them.
type Case struct {
	ID        string             `json:"id"`      // of the application
	Account   string             `json:"account"` // that it lives with
	Unit      string             `json:"unit"`
	Number    string             `json:"number"`
	Kind      application.Kind   `json:"kind"`
	Region    string             `json:"region"`
	Status    application.Status `json:"status"`
	Open      bool               `json:"open"` // it waits for a verdict
	Submitted time.Time          `json:"submitted"`
	Due       time.Time          `json:"due"`
	Entries   int                `json:"entries"` // of the timeline, as far as the case has followed it
	Taken     Taken              `json:"taken,omitzero"`
}

// Taken says which reviewer has a case in hand, and until when others leave it
// alone.
type Taken struct {
	By    string    `json:"by"`    // account of the reviewer
	Until time.Time `json:"until"` // machine clock
}

// Of is the case of an application that needs a review, as it now stands. A
// reviewer keeps it in hand until there is a verdict.
func (c Case) Of(account string, a application.Application) Case {
	if len(a.Timeline) < c.Entries {
		return c // it has followed further already
	}
	taken := c.Taken
	if a.Review.Verdict != "" {
		taken = Taken{}
	}
	return Case{
		ID: a.ID, Account: account, Unit: a.Review.Unit, Number: a.Number, Kind: a.Kind, Region: a.Region,
		Status: a.Status, Open: a.AwaitsReview(), Submitted: a.Submitted, Due: a.Due, Entries: len(a.Timeline), Taken: taken,
	}
}

var (
	errTaken = fault.New(fault.Conflict, "case_taken",
		"Заявление уже рассматривает другой сотрудник.", "Another reviewer has this application in hand.")
	errNotTaken = fault.New(fault.Conflict, "case_not_taken",
		"Сначала возьмите заявление в работу.", "Take the application in hand first.")
)

// Take puts the case into a reviewer's hand until the given time. While another
// has it, it is not to be had; after that it is.
func (c Case) Take(by string, now, until time.Time) (Case, error) {
	switch {
	case !c.Open:
		return c, application.ErrDone
	case c.TakenAt(now) && c.Taken.By != by:
		return c, errTaken
	}
	c.Taken = Taken{By: by, Until: until}
	return c, nil
}

// TakenAt reports whether somebody has the case in hand.
func (c Case) TakenAt(now time.Time) bool { return c.Taken.By != "" && now.Before(c.Taken.Until) }

// MayDecide allows a verdict to the one who took the case last, also when it was
// long ago.
func (c Case) MayDecide(by string) error {
	switch {
	case !c.Open:
		return application.ErrDone
	case c.Taken.By != by:
		return errNotTaken
	}
	return nil
}
