package tests

import (
	"fmt"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"polis/local/personas"
	"polis/local/platform"
)

// at begins a story at another moment of the law clock.
func at(moment time.Time) func(*platform.Options) {
	return func(o *platform.Options) { o.Clock = moment }
}

var stavropol = time.FixedZone("Stavropol", 3*60*60)

type allowedView struct {
	Allowed                                          bool
	Reason, From, Code, Detail, Article, Region, SMO string
}

func (v visitor) allowed(person string) allowedView {
	v.t.Helper()
	return read[allowedView](v.get("/smo-selection/allowed?person=" + person).is(http.StatusOK))
}

// chooses an insurer and waits until that is done.
func (v visitor) chooses(choice fields) applicationView {
	v.t.Helper()
	made := read[applicationView](v.post("/smo-selection", choice).is(http.StatusAccepted))
	return v.becomes(made.ID, "granted")
}

// insuredBy waits until the card has an insurer, without asking for anything.
func (v visitor) insuredBy(person, smo string) {
	v.t.Helper()
	eventually(v.t, "the card with insurer "+smo, func() bool { return v.card(person).Insurer.SMO == smo })
}

func TestAnInsurerIsReplacedByRightOnceAYearAndNotAfterTheFirstOfNovember(t *testing.T) {
	s := newStage(t, at(time.Date(2026, time.October, 31, 12, 0, 0, 0, stavropol)))
	insured, mother, father := s.as(t, "insured"), s.as(t, "mother"), s.as(t, "father")
	insured.consents()
	if card := insured.loads(fields{}); card.Insurer.SMO != "26002" {
		t.Fatalf("%+v", card)
	}
	if may := insured.allowed("self"); !may.Allowed || may.Reason != "by_right" || may.SMO != "26002" || may.Region != "26" || may.Article == "" {
		t.Errorf("on 31 October: %+v", may)
	}
	byRight := func(smo string) fields {
		return fields{"person": "self", "smo": smo, "reason": "by_right", "region": "26"}
	}
	if p := insured.post("/smo-selection", byRight("77012")).refused(http.StatusConflict, "insurer_of_other_region"); p.Suggest != "move" {
		t.Errorf("an insurer of Moscow: %+v", p)
	}
	insured.post("/smo-selection", byRight("26003")).refused(http.StatusConflict, "insurer_not_in_force")
	if made := insured.chooses(byRight("26001")); made.Kind != "choose" || made.Person != "self" {
		t.Errorf("%+v", made)
	}
	insured.insuredBy("self", "26001")
	again := insured.post("/smo-selection", byRight("26006")).refused(http.StatusConflict, "insurer_changed_this_year")
	if again.From != "2027-01-01" {
		t.Errorf("a second one is allowed from %q", again.From)
	}
	if may := insured.allowed("self"); may.Allowed || may.From != "2027-01-01" || may.Code != "insurer_changed_this_year" || may.Detail == "" {
		t.Errorf("afterwards: %+v", may)
	}

	if err := s.SetClock(t.Context(), time.Date(2026, time.November, 2, 9, 0, 0, 0, stavropol)); err != nil {
		t.Fatal(err)
	}
	late := father.post("/smo-selection", byRight("26001")).refused(http.StatusConflict, "insurer_change_after_1_november")
	if late.From != "2027-01-01" {
		t.Errorf("on 2 November it is allowed from %q", late.From)
	}
	first := father.post("/smo-selection", fields{"smo": "26001", "reason": "first"}).refused(http.StatusConflict, "insurance_in_force")
	if first.Suggest != "by_right" || first.From != "2027-01-01" {
		t.Errorf("a first choice over an insurer: %+v", first)
	}
	father.consents()
	father.loads(fields{})
	// Of Moscow's insurers the company that they come from stands first.
	offered := read[list[struct {
		SMO  string
		Same bool `json:"same_company"`
	}]](s.anyone(t).get("/smo-selection?region=77&like=" + father.allowed("self").SMO).is(http.StatusOK)).Items
	if len(offered) < 2 || !offered[0].Same || offered[1].Same {
		t.Fatalf("%+v", offered)
	}
	father.chooses(fields{"smo": offered[0].SMO, "reason": "move", "region": "77", "address": "г. Москва, ул. Примерная, д. 1", "moved": "2026-10-25"})
	father.insuredBy("self", offered[0].SMO)
	if card := father.card("self"); card.Region != "77" {
		t.Errorf("after the move: %+v", card)
	}

	child := mother.child()
	if may := mother.allowed(child); !may.Allowed || may.Reason != "first" || may.SMO != "" {
		t.Errorf("for the child of the fund: %+v", may)
	}
	mother.chooses(fields{"person": child, "smo": "26001", "reason": "first", "region": "26"})

	newcomer := s.as(t, "newcomer")
	newcomer.becomes(newcomer.asks(fields{"kind": "register", "region": "26"}).ID, "granted")
	if may := newcomer.allowed("self"); !may.Allowed || may.Reason != "first" {
		t.Errorf("for an adult of the fund: %+v", may)
	}
	newcomer.chooses(fields{"smo": "26001", "reason": "first", "region": "26"})
	newcomer.consents()
	if card := newcomer.loads(fields{}); card.Insurer.SMO != "26001" || card.Status != "active" {
		t.Errorf("after an adult's first choice: %+v", card)
	}
}

func TestOfTwoParentsWhoChooseAtTheSameMomentOneWinsAndBothAreTold(t *testing.T) {
	s := newStage(t)
	parents := []visitor{s.as(t, "mother"), s.as(t, "father")}
	child := parents[0].child()
	for _, v := range parents {
		v.consent("ffoms", child)
		v.loads(fields{"person": child})
	}
	// Nothing is worked on until both have chosen.
	if err := s.SetQueue(platform.QueueFaults{Drop: 1}); err != nil {
		t.Fatal(err)
	}
	wanted, made := []string{"26001", "26006"}, make([]answer, 2)
	var both sync.WaitGroup
	for i, v := range parents {
		both.Go(func() {
			made[i], _ = v.send(http.MethodPost, "/smo-selection", fields{"person": child, "smo": wanted[i], "reason": "first", "region": "26"})
		})
	}
	both.Wait()
	ids := []string{read[applicationView](made[0].is(http.StatusAccepted)).ID, read[applicationView](made[1].is(http.StatusAccepted)).ID}
	if err := s.SetQueue(platform.QueueFaults{}); err != nil {
		t.Fatal(err)
	}
	ends := make([]applicationView, 2)
	inTime(t, 3*patience, "both choices decided", func() bool {
		for i, v := range parents {
			ends[i] = v.application(ids[i])
		}
		return ends[0].Status != "submitted" && ends[1].Status != "submitted"
	})
	won := 0
	if ends[1].Status == "granted" {
		won = 1
	}
	lost := ends[1-won]
	if ends[won].Status != "granted" || lost.Status != "refused" || len(lost.Reasons) != 1 || lost.Reasons[0].Code != "insurance_in_force" {
		t.Fatalf("%+v", ends)
	}
	for _, v := range parents {
		inTime(t, 3*patience, "both cards with the winner's insurer", func() bool { return v.card(child).Insurer.SMO == wanted[won] })
	}
	kinds := func(v visitor) []string {
		var kinds []string
		for _, n := range read[list[struct{ Kind string }]](v.get("/notify").is(http.StatusOK)).Items {
			kinds = append(kinds, n.Kind)
		}
		return kinds
	}
	inTime(t, 3*patience, "both parents told", func() bool {
		return slices.Contains(kinds(parents[won]), "application.granted") && slices.Contains(kinds(parents[1-won]), "application.refused") &&
			slices.Contains(kinds(parents[1-won]), "change.child.insurer_chosen")
	})
	if slices.Contains(kinds(parents[won]), "change.child.insurer_chosen") {
		t.Error("who chose is told twice")
	}
	loser := human(t, []string{"mother", "father"}[1-won]).Email
	inTime(t, 3*patience, "a letter of the choice to the other parent", func() bool {
		for _, m := range s.Inbox() {
			if m.To == loser && strings.Contains(m.Subject, "Ребёнку выбрана страховая") {
				return true
			}
		}
		return false
	})
}

// removes reports that a court has removed a parent of the child of both.
func (v visitor) removes(persona string) answer {
	v.t.Helper()
	parent, _ := personas.Find(persona)
	son := parent.Children[0].Human
	return v.reports("representative_removed", "court-7", persona, fields{
		"representative": parent.Human.SNILS, "person": fields{"snils": son.SNILS, "birth_date": son.Birth},
	})
}

func TestWhoDoesNotRepresentTheChildChoosesNothingAndTheTryIsAudited(t *testing.T) {
	s := newStage(t)
	mother, stranger := s.as(t, "mother"), s.as(t, "insured")
	child := mother.child()
	choice := fields{"person": child, "smo": "26001", "reason": "first", "region": "26"}
	stranger.post("/smo-selection", choice).refused(http.StatusNotFound, "person_not_found")
	stranger.get("/smo-selection/allowed?person="+child).refused(http.StatusNotFound, "person_not_found")
	stranger.post("/smo-selection", fields{"person": unknownChild, "smo": "26001", "reason": "first"}).refused(http.StatusNotFound, "person_not_found")
	if all := stranger.applications(); len(all) != 0 {
		t.Errorf("left %+v", all)
	}
	// Whose record was looked up for the try, and who tried, are one call.
	s.run(t, "audit-trail")
	type entry struct{ Action, Actor, Subject, Call string }
	auditor := s.as(t, "auditor")
	var looked []entry
	eventually(t, "the tries in the audit", func() bool {
		looked = nil
		for _, e := range read[list[entry]](auditor.get("/audit-trail?partition=p" + child[1:4]).is(http.StatusOK)).Items {
			if e.Subject == child && e.Action == "register.look_up" && e.Actor == "smo-selection" {
				looked = append(looked, e)
			}
		}
		return len(looked) == 2
	})
	calls := map[string]bool{}
	for p := range 256 {
		for _, e := range read[list[entry]](auditor.get(fmt.Sprintf("/audit-trail?partition=p%03d", p)).is(http.StatusOK)).Items {
			if e.Action == "applications.submit" || e.Action == "insurer.examine" {
				calls[e.Call] = true
			}
		}
	}
	for _, e := range looked {
		if !calls[e.Call] {
			t.Errorf("nobody is named for %+v", e)
		}
	}

	// A representative who is no longer recorded.
	father := s.as(t, "father")
	father.consent("ffoms", child)
	father.loads(fields{"person": child})
	s.as(t, "fund").removes("father").is(http.StatusAccepted)
	father.post("/smo-selection", choice).refused(http.StatusNotFound, "person_not_found")
	eventually(t, "the copy of who no longer acts for the child is erased", func() bool {
		a := father.get("/policy-card?person=" + child)
		return a.status == http.StatusNotFound && read[problem](a).Code == "policy_not_loaded"
	})

	// Born on 2 September 2019.
	if err := s.SetClock(t.Context(), time.Date(2037, time.September, 2, 9, 0, 0, 0, stavropol)); err != nil {
		t.Fatal(err)
	}
	mother.post("/smo-selection", choice).refused(http.StatusNotFound, "person_not_found")
	mother.get("/smo-selection/allowed?person="+child).refused(http.StatusNotFound, "person_not_found")
}

func TestADoubleClickOnAnInsurerIsOneChoice(t *testing.T) {
	s := newStage(t)
	insured := s.as(t, "insured")
	choice := fields{"smo": "26001", "reason": "by_right", "region": "26"}
	ids := map[string]bool{}
	for _, a := range atOnce(t, insured.with("Idempotency-Key", "click"), "/smo-selection", choice) {
		ids[read[applicationView](a.is(http.StatusAccepted)).ID] = true
	}
	if len(ids) != 1 {
		t.Errorf("%d applications", len(ids))
	}
	for id := range ids {
		insured.becomes(id, "granted")
	}
	insured.post("/smo-selection", fields{"smo": "26006", "reason": "by_right"}).refused(http.StatusConflict, "insurer_changed_this_year")
	if all := insured.applications(); len(all) != 1 {
		t.Errorf("%+v", all)
	}
	bad := insured.wrongly().post("/smo-selection", fields{"smo": "2600", "reason": "because", "moved": "2026-03-01"}).refused(http.StatusUnprocessableEntity, "invalid_fields")
	for field, code := range map[string]string{"smo": "smo_wrong", "reason": "reason_unknown", "moved": "not_expected"} {
		if !bad.names(field, code) {
			t.Errorf("%s is not named: %+v", field, bad)
		}
	}
}

func TestAChoiceMadeWhileTheRegisterIsSilentIsGrantedLater(t *testing.T) {
	s := newStage(t)
	insured := s.as(t, "insured")
	insured.consents()
	insured.loads(fields{})
	if err := s.Suspend("insured-registry"); err != nil {
		t.Fatal(err)
	}
	insured.get("/smo-selection/allowed").refused(http.StatusServiceUnavailable, "insured_registry_unavailable")
	made := read[applicationView](insured.post("/smo-selection", fields{"smo": "26001", "reason": "by_right", "region": "26"}).is(http.StatusAccepted))
	if waits := insured.becomes(made.ID, "working"); len(waits.Reasons) != 0 {
		t.Errorf("%+v", waits)
	}
	if err := s.Resume("insured-registry"); err != nil {
		t.Fatal(err)
	}
	s.later(t, time.Minute)
	insured.becomes(made.ID, "granted")
	insured.insuredBy("self", "26001")
}

func TestTheFundAsksWhoInsuredOnEachDayOfACorrectedHistory(t *testing.T) {
	s := newStage(t)
	mother, fund := s.as(t, "mother"), s.as(t, "fund")
	mother.consents()
	number := mother.loads(fields{}).ENP
	chosen := s.Now()
	mother.chooses(fields{"smo": "26001", "reason": "by_right", "region": "26"})
	s.later(t, 20*24*time.Hour)
	// The insurer of those days was another one, and it had begun earlier.
	correction := fields{"enp": number, "source_id": "decision-7", "wrong": "2026-03-10", "smo": "26006", "region": "26", "since": "2026-03-05"}
	for range 2 {
		fund.post("/insured-registry/insurers/corrections", correction).is(http.StatusOK)
	}
	corrected := s.Now()
	type answered struct {
		Insurer *struct{ SMO, Since string }
		History []struct{ SMO string }
	}
	on := func(day string, known time.Time) string {
		got := read[answered](fund.post("/insured-registry/insurers", fields{"enp": number, "on": day, "known": known}).is(http.StatusOK))
		if len(got.History) != 3 {
			t.Errorf("history: %+v", got.History)
		}
		if got.Insurer == nil {
			return ""
		}
		return got.Insurer.SMO
	}
	for _, tc := range []struct {
		day         string
		now, before string // as known after the correction, and an hour after the choice
	}{
		{"2016-02-29", "", ""},
		{"2016-03-01", "26002", "26002"},
		{"2026-03-04", "26002", "26002"},
		{"2026-03-05", "26006", "26002"},
		{"2026-03-09", "26006", "26002"},
		{"2026-03-10", "26006", "26001"},
		{"2026-03-30", "26006", "26001"},
	} {
		if now, before := on(tc.day, corrected), on(tc.day, chosen.Add(time.Hour)); now != tc.now || before != tc.before {
			t.Errorf("%s: %q, known before as %q; want %q and %q", tc.day, now, before, tc.now, tc.before)
		}
	}
	mother.insuredBy("self", "26006")
	mother.post("/insured-registry/insurers", fields{"enp": number}).refused(http.StatusForbidden, "not_allowed")
}
