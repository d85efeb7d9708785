package application

import (
	"errors"
	"testing"
	"time"

	"polis/shared/fault"
)

var noon = time.Date(2026, 3, 10, 12, 0, 0, 0, time.UTC)

// who moves next, typed by hand: rows from, columns to.
var golden = map[Status]string{
	//            submitted working needs_person granted refused
	Submitted:   ".xxxx",
	Working:     ".xxxx",
	NeedsPerson: ".xxxx",
	Granted:     ".....",
	Refused:     ".....",
}

func TestOnlyTheMovesOfTheTableAreLegal(t *testing.T) {
	for _, from := range Statuses {
		for i, to := range Statuses {
			want := golden[from][i] == 'x'
			if from.May(to) != want {
				t.Errorf("%s to %s: %v", from, to, !want)
			}
			a := Application{Status: from, Timeline: []Entry{{Status: from}}}
			moved, err := a.Move(to, noon, fault.Text{RU: "-"})
			if want != (err == nil) {
				t.Errorf("%s to %s: %v", from, to, err)
			}
			if err != nil && (!errors.Is(err, ErrDone) || moved.Status != from) {
				t.Errorf("%s to %s: refused with %v, now %s", from, to, err, moved.Status)
			}
		}
	}
}

func TestTheTimelineTellsEachStepOnce(t *testing.T) {
	begun := Application{}.Begin(noon, noon.Add(time.Hour), fault.Text{RU: "подано"})
	searching := fault.Text{RU: "ищем"}
	a, err := begun.Move(Working, noon.Add(time.Minute), searching)
	if err != nil {
		t.Fatal(err)
	}
	a, _ = a.Move(Working, noon.Add(2*time.Minute), searching)
	if len(a.Timeline) != 2 {
		t.Fatalf("the same step stands twice: %v", a.Timeline)
	}
	a, _ = a.Move(Granted, noon.Add(3*time.Minute), fault.Text{RU: "готово"})
	if len(a.Timeline) != 3 || !a.NextTry.IsZero() || !a.Status.Done() {
		t.Fatalf("%+v", a)
	}
	if len(begun.Timeline) != 1 {
		t.Fatal("a move changed the application that it began from")
	}
}

func TestTriesComeLessOftenAndOneFallsOnTheTerm(t *testing.T) {
	terms := DefaultTerms()
	due := noon.Add(terms.Lookup)
	for _, tc := range []struct {
		name  string
		after func(n int, now, due time.Time) time.Time
		n     int
		now   time.Time
		want  time.Time
	}{
		{"after the first answer", terms.AfterAnswer, 1, noon, noon.Add(time.Minute)},
		{"after the second", terms.AfterAnswer, 2, noon, noon.Add(5 * time.Minute)},
		{"after many", terms.AfterAnswer, 90, noon, noon.Add(6 * time.Hour)},
		{"the last before the term is at the term", terms.AfterAnswer, 90, due.Add(-time.Hour), due},
		{"after the first silence", terms.AfterSilence, 1, noon, noon.Add(5 * time.Second)},
		{"after the second silence", terms.AfterSilence, 2, noon, noon.Add(10 * time.Second)},
		{"after an hour of silence", terms.AfterSilence, 10, noon, noon.Add(2560 * time.Second)},
		{"after the thirteenth", terms.AfterSilence, 13, noon, noon.Add(20480 * time.Second)},
		{"after days of silence", terms.AfterSilence, 14, noon, noon.Add(6 * time.Hour)},
		{"after years of it", terms.AfterSilence, 1 << 30, noon, noon.Add(6 * time.Hour)},
		{"silence over the term is heard at the term", terms.AfterSilence, 90, due.Add(-time.Hour), due},
		{"silence past the term is tried on", terms.AfterSilence, 90, due, due.Add(6 * time.Hour)},
	} {
		if got := tc.after(tc.n, tc.now, due); !got.Equal(tc.want) {
			t.Errorf("%s: %s, want %s", tc.name, got, tc.want)
		}
	}
}

func TestATryThatAPersonAsksForMakesNobodyWaitLonger(t *testing.T) {
	terms := DefaultTerms()
	due := noon.Add(terms.Lookup)
	for _, tc := range []struct {
		name              string
		silences, answers int
		planned           time.Duration // of the try that a person does not wait for; 0: they did
		answered          bool
		wait              time.Duration
		silent, counted   int
	}{
		{"the first silence", 0, 0, 0, false, 5 * time.Second, 1, 0},
		{"one silence more", 3, 0, 0, false, 40 * time.Second, 4, 0},
		{"an answer ends the silences", 12, 0, 0, true, time.Minute, 0, 1},
		{"and the next silence is a short one", 0, 4, 0, false, 5 * time.Second, 1, 4},
		{"one answer more", 0, 2, 0, true, 15 * time.Minute, 0, 3},
		{"asked for, and silent", 3, 0, 13 * time.Second, false, 13 * time.Second, 3, 0},
		{"asked for after days of silence", 14, 0, 5 * time.Hour, false, 5 * time.Hour, 14, 0},
		{"asked for, and answered", 0, 3, 10 * time.Minute, true, 10 * time.Minute, 0, 3},
		{"asked for, and the silence is over", 14, 0, 5 * time.Hour, true, time.Minute, 0, 0},
		{"asked for, and done late: when the planned one was", 3, 0, -time.Second, false, 20 * time.Second, 3, 0},
	} {
		a := Application{Status: Working, Due: due, NextTry: noon, Silences: tc.silences, Answers: tc.answers}
		if tc.planned != 0 {
			a.NextTry = noon.Add(tc.planned)
			a = a.Wake(noon.Add(-time.Minute))
			if !a.MayStep(false, noon) {
				t.Errorf("%s: it is not tried at once", tc.name)
			}
		}
		a = a.Tried(tc.answered, terms, noon)
		if wait := a.NextTry.Sub(noon); wait != tc.wait || a.Silences != tc.silent || a.Answers != tc.counted {
			t.Errorf("%s: again after %s, %d silences, %d answers", tc.name, wait, a.Silences, a.Answers)
		}
		if next := a.Tried(false, terms, noon); next.Silences != a.Silences+1 {
			t.Errorf("%s: the next try is not counted", tc.name)
		}
	}
}

func TestWhatAnApplicationAsksTellsItsKindAndPerson(t *testing.T) {
	lookup := Application{Kind: Lookup, Person: "c1", What: []string{"policy"}}
	repair, resume := Application{Kind: Repair, Person: "c1"}, Application{Kind: Resume, Person: "c1"}
	for _, tc := range []struct {
		of        Application
		kind      Kind
		person    string
		is, toSee bool
	}{
		{lookup, Lookup, "c1", true, true}, {lookup, Lookup, "c", false, false}, {lookup, Lookup, "self", false, false}, {lookup, Link, "c1", false, true},
		{repair, Repair, "c1", true, true}, {repair, Repair, "c", false, false}, {resume, Resume, "c1", true, false},
	} {
		if AsksFor(tc.of.Asks(), tc.kind, tc.person) != tc.is || AsksToSee(tc.of.Asks(), tc.person) != tc.toSee {
			t.Errorf("%s: %s %s", tc.of.Kind, tc.kind, tc.person)
		}
	}
}
