package application

import (
	"strings"
	"testing"
	"time"

	"polis/shared/fault"
)

func TestAnApplicationOfNoKnownRegionIsToldByTheClockOfMoscow(t *testing.T) {
	now := time.Date(2026, time.March, 10, 6, 0, 0, 0, time.UTC)
	a, err := Application{ID: "a", Kind: Restore}.Begin(now, time.Date(2026, time.March, 12, 21, 0, 0, 0, time.UTC), fault.Text{}).InReview(FundUnit, "policy-lifecycle/work", now)
	if err != nil || !strings.HasSuffix(a.Timeline[1].Detail.RU, "13.03.2026") {
		t.Errorf("%+v, %v", a.Timeline, err)
	}
	v := a.View(fault.Text.Russian, now)
	for _, at := range []time.Time{v.Submitted, v.Due, v.Timeline[0].At} {
		if _, offset := at.Zone(); offset != 3*60*60 {
			t.Errorf("told as %s", at)
		}
	}
}

func TestAnApplicationWaitsForItsReviewer(t *testing.T) {
	now := time.Date(2026, time.March, 10, 6, 0, 0, 0, time.UTC)
	begun := Application{ID: "a", Kind: Restore, Region: "26"}.Begin(now, now.AddDate(0, 0, 2), fault.Text{RU: "Заявление подано"})
	if _, err := begun.Decide(Approved, "r", nil, now); fault.From(err).Code != "application_not_reviewed" || begun.AwaitsReview() {
		t.Errorf("nobody has to decide: %v", err)
	}
	a, err := begun.InReview(FundUnit, "policy-lifecycle/work", now)
	if err != nil || !a.AwaitsReview() || a.Status != Working || !a.NextTry.IsZero() {
		t.Fatalf("%+v, %v", a, err)
	}
	if text := a.Timeline[1].Detail.RU; !strings.Contains(text, "территориальном фонде") || !strings.HasSuffix(text, "12.03.2026") {
		t.Errorf("%q", text)
	}
	why := Reason{Field: "document", Code: "document_unclear", Detail: fault.Text{RU: "Нужен паспорт."}}
	asked, err := a.Decide(Asked, "r", []Reason{why}, now)
	if err != nil || asked.Status != NeedsPerson || len(asked.Reasons) != 1 || !asked.AwaitsReview() || asked.Review.By != "r" {
		t.Errorf("asked: %+v, %v", asked, err)
	}
	if a.Review.Verdict != "" {
		t.Error("the application it was made of has changed too")
	}
	for verdict, status := range map[Verdict]Status{Approved: Working, Declined: Refused} {
		for from, before := range map[string]Application{"at once": a, "after a question": asked} {
			decided, err := before.Decide(verdict, "r2", nil, now.Add(time.Hour))
			if err != nil || decided.Status != status || decided.AwaitsReview() || decided.Review.At != now.Add(time.Hour) {
				t.Errorf("%s %s: %+v, %v", verdict, from, decided, err)
			}
			if _, err := decided.Decide(Approved, "r3", nil, now); fault.From(err).Code != "application_done" {
				t.Errorf("%s %s, and decided again: %v", verdict, from, err)
			}
		}
	}
	if _, err := a.Decide("perhaps", "r", nil, now); err == nil {
		t.Error("a verdict that there is not")
	}
}

func TestASecondQuestionIsToldToo(t *testing.T) {
	now := time.Date(2026, time.March, 10, 9, 0, 0, 0, time.UTC)
	a, err := Application{Kind: Restore}.Begin(now, now.Add(time.Hour), fault.Text{RU: "Подано"}).InReview(FundUnit, "t", now)
	if err != nil {
		t.Fatal(err)
	}
	before := len(a.Timeline)
	for n, code := range []string{"first", "second"} {
		if a, err = a.Decide(Asked, "reviewer", []Reason{{Code: code}}, now.Add(time.Duration(n)*time.Hour)); err != nil {
			t.Fatal(err)
		}
	}
	if len(a.Timeline) != before+2 {
		t.Errorf("%+v", a.Timeline)
	}
}
