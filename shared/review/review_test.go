package review

import (
	"testing"
	"time"

	"polis/shared/application"
	"polis/shared/fault"
)

var (
	now    = time.Date(2026, time.March, 10, 6, 0, 0, 0, time.UTC)
	filled = application.Application{ID: "a1", Number: "n", Kind: application.Restore, Region: "26"}.Begin(now, now.Add(48*time.Hour), fault.Text{RU: "Подано"})
)

func reviewed(t *testing.T) application.Application {
	t.Helper()
	a, err := filled.InReview(application.FundUnit, "x/work", now)
	if err != nil {
		t.Fatal(err)
	}
	return a
}

func code(err error) string {
	if err == nil {
		return ""
	}
	return fault.From(err).Code
}

func TestACaseIsInOneHandForAWhile(t *testing.T) {
	c := Case{}.Of("account", reviewed(t))
	if code(c.MayDecide("olga")) != "case_not_taken" {
		t.Error("decided by somebody who has not taken it")
	}
	until := now.Add(time.Hour)
	taken, err := c.Take("olga", now, until)
	if err != nil || taken.MayDecide("olga") != nil || code(taken.MayDecide("petr")) != "case_not_taken" {
		t.Fatalf("%+v, %v", taken, err)
	}
	if _, err := taken.Take("petr", until.Add(-time.Second), until); code(err) != "case_taken" {
		t.Errorf("while another has it: %v", err)
	}
	if again, err := taken.Take("olga", now, until.Add(time.Hour)); err != nil || again.Taken.Until != until.Add(time.Hour) {
		t.Errorf("taken once more by the same: %v", err)
	}
	if err := taken.MayDecide("olga"); err != nil {
		t.Errorf("nobody else has taken it since: %v", err)
	}
	other, err := taken.Take("petr", until, until.Add(time.Hour))
	if err != nil || code(other.MayDecide("olga")) != "case_not_taken" {
		t.Errorf("released after its time: %v", err)
	}
}

func TestACaseFollowsItsApplicationAndNeverBack(t *testing.T) {
	a := reviewed(t)
	c, err := Case{}.Of("account", a).Take("olga", now, now.Add(time.Hour))
	if err != nil || !c.Open || c.Account != "account" || c.Unit != application.FundUnit || !c.Due.Equal(a.Due) {
		t.Fatalf("%+v, %v", c, err)
	}
	if same := c.Of("account", a); same != c {
		t.Errorf("made anew it is another: %+v", same)
	}
	asked, err := a.Decide(application.Asked, "olga", nil, now)
	if err != nil {
		t.Fatal(err)
	}
	if after := c.Of("account", asked); !after.Open || after.Taken != (Taken{}) || after.Status != application.NeedsPerson {
		t.Errorf("asked: %+v", after)
	}
	refused, err := a.Decide(application.Declined, "olga", nil, now)
	if err != nil {
		t.Fatal(err)
	}
	closed := c.Of("account", refused)
	if closed.Open || code(closed.MayDecide("olga")) != "application_done" {
		t.Errorf("refused: %+v", closed)
	}
	if _, err := closed.Take("olga", now, now.Add(time.Hour)); code(err) != "application_done" {
		t.Errorf("taken: %v", err)
	}
	if back := closed.Of("account", a); back != closed {
		t.Errorf("an earlier state came late: %+v", back)
	}
}
