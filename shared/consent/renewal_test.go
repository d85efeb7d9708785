package consent

import (
	"errors"
	"testing"
	"time"
)

func TestARenewalGivesAllConsentsAgainNoSoonerThanTheWaitingTime(t *testing.T) {
	given := grant(t, grant(t, Ledger{}, FFOMS, Self, noon), Mincifry, Self, noon)
	l, err := given.BeginRenewal(Self, "a", "why", []string{"r1", "r2"}, noon)
	if err != nil || l.Renewal(Self) != "a" || !errors.Is(l.Covers(Self), ErrRequired) || l.Epoch(Self) == given.Epoch(Self) {
		t.Fatalf("%+v %v", l, err)
	}
	if until := l.WaitsUntil(Self, noon, DefaultWait); !until.Equal(noon.Add(DefaultWait)) {
		t.Errorf("waits until %s", until)
	}
	early, err := l.Renew(Self, "a", "again", []string{"r3", "r4"}, noon.Add(DefaultWait-time.Second), DefaultWait)
	if !errors.Is(err, ErrWaiting) || early.Renewal(Self) != "a" || len(early.History) != len(l.History) {
		t.Errorf("too early: %+v %v", early, err)
	}
	again, err := l.Renew(Self, "a", "again", []string{"r3", "r4"}, noon.Add(DefaultWait), DefaultWait)
	if err != nil || again.Covers(Self) != nil || again.Renewal(Self) != "" || again.Epoch(Self) != l.Epoch(Self) {
		t.Fatalf("%+v %v", again, err)
	}
	for receipt, status := range map[string]Status{"r1": Revoked, "r2": Revoked, "r3": Granted, "r4": Granted} {
		if c, ok := again.Receipt(receipt); !ok || c.Status != status || c.Application != "a" || c.Reason == "" {
			t.Errorf("%s: %+v", receipt, c)
		}
	}
	if given.Renewal(Self) != "" || l.Renewal(Self) != "a" {
		t.Error("the rule changed the ledger that it was given")
	}
}

func TestWithdrawingAConsentThatIsWithdrawnAlreadyEndsItsRenewal(t *testing.T) {
	l, err := grant(t, Ledger{}, FFOMS, "child", noon).BeginRenewal("child", "a", "why", []string{"r1"}, noon)
	if err != nil {
		t.Fatal(err)
	}
	if l = revoke(t, l, FFOMS, "child", noon.Add(time.Minute)); l.Renewal("child") != "" {
		t.Error("it would be given again")
	}
}
