package tests

import (
	"net/http"
	"testing"
	"time"

	"polis/shared/calendar"
	"polis/shared/person"
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
	mother.consents()
	mother.revokes("ffoms", "self")
	if got := mother.diagnosed("self"); got != "consent_waiting" {
		t.Errorf("the mother, who has just revoked a consent: %s", got)
	}

	// Another register brings two records of one person, and one that has expired.
	row := func(persona string, serial int, more fields) fields {
		h, sex := human(t, persona), person.Female
		if h.Male {
			sex = person.Male
		}
		birth, err := calendar.ParseDate(h.Birth)
		if err != nil {
			t.Fatal(err)
		}
		enp, err := person.NewENP("26", birth, sex, serial)
		if err != nil {
			t.Fatal(err)
		}
		more["enp"], more["sex"], more["birth_date"], more["region"], more["since"] = enp, sex, birth, "26", "2025-06-01"
		more["name"] = fields{"family": h.Family, "given": h.Given, "patronymic": h.Patronymic}
		return more
	}
	chunk := fields{"source_id": "load-1", "records": []fields{
		row("newcomer", 483, fields{"snils": human(t, "newcomer").SNILS}),
		row("newcomer", 484, fields{"document": fields{"type": 14, "series": "07 16", "number": "917340"}}),
		row("migrant", 485, fields{"snils": human(t, "migrant").SNILS, "category": "eaeu_worker", "valid_until": "2025-12-31"}),
	}}
	if got := read[struct{ Imported int }](s.as(t, "operator").post("/insured-registry/imports", chunk).is(http.StatusAccepted)); got.Imported != 3 {
		t.Fatalf("imported: %+v", got)
	}
	if got := newcomer.diagnosed("self"); got != "duplicate_records" {
		t.Errorf("the newcomer with two records: %s", got)
	}
	passport := func(series, number, status string) map[string]string {
		return map[string]string{"type": "RF_PASSPORT", "series": series, "number": number, "vrfStu": status}
	}
	for code, who := range map[string]visitor{
		"policy_expired":     s.as(t, "migrant"),
		"name_differs":       s.like(t, "guardian", map[string]any{"lastName": "Орлова"}),
		"birth_date_differs": s.like(t, "teenager", map[string]any{"birthDate": "06.05.2010"}),
		"snils_differs":      s.like(t, "unconfirmed", map[string]any{"trusted": true, "snils": "087-654-303 00", "id_doc": passport("0712", "480216", "VERIFIED")}),
	} {
		who.consents()
		id := who.asks(fields{"kind": "lookup"}).ID
		eventually(t, "the register has answered", func() bool {
			status := who.application(id).Status
			return status != "submitted" && status != "working" // it may be slow at first
		})
		if got := who.diagnosed("self"); got != code {
			t.Errorf("%s instead of %s", got, code)
		}
	}
	// One record, against whatever the login says of its person.
	father := s.as(t, "father")
	father.consents()
	father.loads(fields{})
	for code, says := range map[string]map[string]any{
		"":                       nil,
		"document_differs":       {"id_doc": passport("0726", "100200", "VERIFIED")},
		"document_not_confirmed": {"id_doc": passport("0709", "655013", "NOT_VERIFIED")},
		"snils_missing":          {"snils": nil},
	} {
		if got := s.like(t, "father", says).diagnosed("self"); got != code {
			t.Errorf("the father: %q instead of %q", got, code)
		}
	}
	s.as(t, "fund").reports("citizenship_lost", "decision-1", "serviceman", nil).is(http.StatusAccepted)
	serviceman.shows("Аннулирован с 10.03.2026. Причина: утрата гражданства")
	if got := serviceman.diagnosed("self"); got != "policy_invalid" {
		t.Errorf("the serviceman, who has lost citizenship: %s", got)
	}

	if err := s.Suspend("insured-registry"); err != nil {
		t.Fatal(err)
	}
	insured.consents()
	insured.becomes(insured.asks(fields{"kind": "lookup"}).ID, "working")
	if got := insured.diagnosed("self"); got != "register_silent" {
		t.Errorf("insured, while the register is away: %s", got)
	}
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
