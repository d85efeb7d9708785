package consent

import (
	"errors"
	"strconv"
	"testing"
	"time"

	"polis/shared/fault"
)

var noon = time.Date(2026, 3, 10, 12, 0, 0, 0, time.FixedZone("MSK", 3*60*60))

const child = "i001child"

func grant(t *testing.T, l Ledger, op Operator, person string, at time.Time) Ledger {
	t.Helper()
	l, _, err := l.Grant(op, person, "r", at, DefaultWait)
	if err != nil {
		t.Fatalf("grant %s for %s: %v", op, person, err)
	}
	return l
}

func revoke(t *testing.T, l Ledger, op Operator, person string, at time.Time) Ledger {
	t.Helper()
	l, _, err := l.Revoke(op, person, "передумал", "r", at)
	if err != nil {
		t.Fatalf("revoke %s for %s: %v", op, person, err)
	}
	return l
}

func TestAnAdultNeedsBothConsentsAChildTheFundsAlone(t *testing.T) {
	var l Ledger
	err := l.Covers(Self)
	if !errors.Is(err, ErrRequired) || len(fault.From(err).Fields) != 2 {
		t.Fatalf("no consent at all: %v", err)
	}
	l = grant(t, l, FFOMS, Self, noon)
	if err := l.Covers(Self); !errors.Is(err, ErrRequired) || fault.From(err).Fields[0].Field != "mincifry" {
		t.Fatalf("one of two: %v", err)
	}
	l = grant(t, l, Mincifry, Self, noon)
	if err := l.Covers(Self); err != nil {
		t.Fatalf("both: %v", err)
	}
	if l.Covers(child) == nil {
		t.Fatal("a parent's own consent covers the child")
	}
	if _, _, err := l.Grant(Mincifry, child, "r", noon, DefaultWait); !errors.Is(err, ErrNotNeeded) {
		t.Fatalf("the ministry's consent for a child: %v", err)
	}
	l = grant(t, l, FFOMS, child, noon)
	if err := l.Covers(child); err != nil {
		t.Fatalf("the fund's consent for the child: %v", err)
	}
}

func TestRevokingBlocksAtOnceAndBeginsANewEpoch(t *testing.T) {
	l := grant(t, grant(t, Ledger{}, FFOMS, Self, noon), Mincifry, Self, noon)
	before := l.Epoch(Self)
	after := revoke(t, l, Mincifry, Self, noon)
	if !errors.Is(after.Covers(Self), ErrRequired) {
		t.Fatal("still covered")
	}
	if after.Epoch(Self) == before {
		t.Fatal("same epoch: late work would be committed")
	}
	if l.Epoch(Self) != before || l.Covers(Self) != nil {
		t.Fatal("the rule changed the ledger that it was given")
	}
	if again := revoke(t, after, Mincifry, Self, noon.Add(time.Hour)); again.Epoch(Self) != after.Epoch(Self) || len(again.History) != len(after.History) {
		t.Fatal("revoking twice is not revoking once")
	}
	if _, _, err := (Ledger{}).Revoke(FFOMS, Self, "x", "r", noon); !errors.Is(err, ErrNotGranted) {
		t.Fatalf("revoking what was never given: %v", err)
	}
}

func TestConsentIsGrantedAgainNoSoonerThanTheWaitingTime(t *testing.T) {
	l := revoke(t, grant(t, Ledger{}, FFOMS, Self, noon), FFOMS, Self, noon)
	for _, tc := range []struct {
		after time.Duration
		ok    bool
	}{{0, false}, {10*time.Minute - time.Second, false}, {10 * time.Minute, true}, {24 * time.Hour, true}} {
		_, c, err := l.Grant(FFOMS, Self, "new", noon.Add(tc.after), DefaultWait)
		if tc.ok != (err == nil) {
			t.Errorf("%s after revoking: %v", tc.after, err)
		}
		if !tc.ok && (!errors.Is(err, ErrWaiting) || fault.From(err).From != "2026-03-10T12:10:00+03:00") {
			t.Errorf("%s after revoking: %v, from %q", tc.after, err, fault.From(err).From)
		}
		if tc.ok && c.Receipt != "new" {
			t.Errorf("no new receipt")
		}
	}
}

func TestGrantingTwiceKeepsTheFirstReceipt(t *testing.T) {
	l, first, err := (Ledger{}).Grant(FFOMS, Self, "one", noon, DefaultWait)
	if err != nil {
		t.Fatal(err)
	}
	l, second, err := l.Grant(FFOMS, Self, "two", noon.Add(time.Hour), DefaultWait)
	if err != nil || second != first || len(l.History) != 1 {
		t.Fatalf("%v %v, %d entries", second, err, len(l.History))
	}
	if got, ok := l.Receipt("one"); !ok || got != first {
		t.Fatal("the receipt is not found")
	}
	if _, ok := l.Receipt("two"); ok {
		t.Fatal("a receipt for what did not happen")
	}
}

func TestHistoryIsBoundedAndKeepsTheNewest(t *testing.T) {
	var l Ledger
	at := noon
	for i := range keepHistory {
		l, _, _ = l.Grant(FFOMS, Self, "g"+strconv.Itoa(i), at, DefaultWait)
		l, _, _ = l.Revoke(FFOMS, Self, "x", "r"+strconv.Itoa(i), at)
		at = at.Add(time.Hour)
	}
	if len(l.History) != keepHistory || l.History[keepHistory-1].Receipt != "r"+strconv.Itoa(keepHistory-1) {
		t.Fatalf("%d entries", len(l.History))
	}
}

func TestEachConsentSaysAllThatTheLawAsksFor(t *testing.T) {
	for _, op := range []Operator{FFOMS, Mincifry} {
		w := Terms(op)
		for name, text := range map[string]fault.Text{"operator": w.Name, "purpose": w.Purpose, "data": w.Data, "actions": w.Actions, "term": w.Term, "withdrawal": w.Withdrawal} {
			if text.RU == "" || text.EN == "" {
				t.Errorf("%s: %s is missing", op, name)
			}
		}
	}
}
