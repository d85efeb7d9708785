package tests

import (
	"net/http"
	"testing"
	"time"
)

type examinationView struct {
	Findings []struct{ Code string }
}

// diagnosed is the code of the only finding, "" for none.
func (v visitor) diagnosed(who string) string {
	v.t.Helper()
	e := read[examinationView](v.get("/policy-card/doctor?person=" + who).is(http.StatusOK))
	switch len(e.Findings) {
	case 0:
		return ""
	case 1:
		return e.Findings[0].Code
	}
	v.t.Fatalf("several findings: %+v", e)
	return ""
}

func TestTheDoctorNamesWhatEachPersonLacks(t *testing.T) {
	s := newStage(t)
	insured := s.as(t, "insured")
	if got := insured.diagnosed("self"); got != "consent_missing" {
		t.Errorf("insured: %s", got)
	}
	serviceman := s.as(t, "serviceman")
	serviceman.consents()
	serviceman.loads(fields{})
	if got := serviceman.diagnosed("self"); got != "policy_suspended" {
		t.Errorf("serviceman: %s", got)
	}
	mother := s.as(t, "mother")
	child := mother.child()
	mother.consent("ffoms", child)
	mother.loads(fields{"person": child})
	if got := mother.diagnosed(child); got != "no_insurer" {
		t.Errorf("the child: %s", got)
	}
	newcomer := s.as(t, "newcomer")
	newcomer.consents()
	newcomer.asks(fields{"kind": "lookup"})
	if got := newcomer.diagnosed("self"); got != "not_in_register" {
		t.Errorf("newcomer: %s", got)
	}
	newcomer.post("/policy-card/doctor", fields{"person": "self"}).refused(http.StatusConflict, "not_in_register")
	s.as(t, "unconfirmed").get("/policy-card/doctor").refused(http.StatusForbidden, "account_not_confirmed")
}

func TestARepairOutlivesTheProcessesThatWorkOnIt(t *testing.T) {
	s := newStage(t)
	insured := s.as(t, "insured")
	insured.consents()
	if got := insured.diagnosed("self"); got != "lookup_missing" {
		t.Errorf("before: %s", got)
	}
	begun := read[applicationView](insured.post("/policy-card/doctor", fields{"person": "self"}).is(http.StatusAccepted))
	if got := insured.diagnosed("self"); got != "repair_under_way" {
		t.Errorf("meanwhile: %s", got)
	}
	for _, name := range []string{"policy-card", "policy-request"} {
		if err := s.Kill(name); err != nil {
			t.Fatal(err)
		}
	}
	// The consents are given again while the register's processes are stopped.
	if err := s.Suspend("insured-registry"); err != nil {
		t.Fatal(err)
	}
	s.later(t, 10*time.Minute)
	eventually(t, "the consents are given again", func() bool {
		return len(insured.application(begun.ID).Timeline) > 2
	})
	if err := s.Kill("policy-request"); err != nil {
		t.Fatal(err)
	}
	if err := s.Resume("insured-registry"); err != nil {
		t.Fatal(err)
	}
	s.later(t, 5*time.Minute)
	insured.becomes(begun.ID, "granted")
	insured.get("/policy-card").is(http.StatusOK)
	if got := insured.diagnosed("self"); got != "" {
		t.Errorf("after: %s", got)
	}
}
