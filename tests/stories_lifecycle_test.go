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
)

const day = 24 * time.Hour

// lifecycle submits an application about the state of the policy.
func (v visitor) lifecycle(request fields) applicationView {
	v.t.Helper()
	return read[applicationView](v.post("/policy-lifecycle", request).is(http.StatusAccepted))
}

// reports an event of a source about a persona.
func (v visitor) reports(kind, id, persona string, more fields) answer {
	v.t.Helper()
	h := human(v.t, persona)
	body := fields{"kind": kind, "source_id": id, "person": fields{"snils": h.SNILS, "birth_date": h.Birth}}
	for name, value := range more {
		body[name] = value
	}
	return v.post("/insured-registry/events", body)
}

// from is a source that no persona is.
func (s *stage) from(t *testing.T, source string) visitor {
	t.Helper()
	return s.like(t, "zags", map[string]any{"sub": source, "source": source})
}

// shows waits until the card says something: what the register changes comes
// into the cabinet by itself.
func (v visitor) shows(text string) {
	v.t.Helper()
	eventually(v.t, "the card says "+text, func() bool { return v.card("self").Text == text })
}

// isTold waits until the history has a notice of a kind, once, and tells when.
func (v visitor) isTold(kind string) (at string) {
	v.t.Helper()
	eventually(v.t, "a notice of the kind "+kind, func() bool {
		count := 0
		for _, n := range read[list[noticeKind]](v.get("/notify").is(http.StatusOK)).Items {
			if n.Kind == kind {
				count++
				at = n.At
			}
		}
		if count > 1 {
			v.t.Fatalf("told %d times: %s", count, kind)
		}
		return count == 1
	})
	return at
}

// isToldOn waits for a notice likewise, which has to be of a day.
func (v visitor) isToldOn(date, kind string) {
	v.t.Helper()
	if at := v.isTold(kind); !strings.HasPrefix(at, date) {
		v.t.Errorf("%s is told at %s and not on %s", kind, at, date)
	}
}

type noticeKind struct{ Kind, At string }

// isNotTold waits until all is done, and fails where the history has a notice of
// a kind then.
func (v visitor) isNotTold(kind string) {
	v.t.Helper()
	v.quiet(v.t)
	for _, n := range read[list[noticeKind]](v.get("/notify").is(http.StatusOK)).Items {
		if n.Kind == kind {
			v.t.Errorf("%s is told, at %s", kind, n.At)
		}
	}
}

const activeText = "Активен. Бумажный полис менять не нужно"

func TestASuspensionIsShownOnItsDaysByItself(t *testing.T) {
	s := newStage(t)
	insured := s.as(t, "insured")
	insured.consents()
	insured.loads(fields{})
	asked := insured.lifecycle(fields{"person": "self", "action": "suspend", "ground": "conscription", "from": "2026-03-11", "until": "2026-03-13"})
	insured.becomes(asked.ID, "granted")
	words := map[int]string{10: activeText, 11: "Приостановлен с 11.03.2026", 12: "Приостановлен с 11.03.2026", 13: "Приостановлен с 11.03.2026", 14: activeText}
	for date := 10; date <= 14; date++ {
		if got := insured.card("self").Text; got != words[date] {
			t.Errorf("on the %dth: %q", date, got)
		}
		s.later(t, day)
	}
	insured.post("/policy-lifecycle", fields{"action": "resume"}).refused(http.StatusConflict, "policy_not_suspended")

	// One that has not begun yet is called off.
	next := insured.lifecycle(fields{"action": "suspend", "ground": "mobilisation", "from": "2026-03-17"})
	insured.becomes(next.ID, "granted")
	eventually(t, "it may be called off", func() bool { return insured.card("self").Coming.MayCallOff })
	off := insured.lifecycle(fields{"action": "resume"})
	if got := insured.becomes(off.ID, "granted"); got.Text != "Одобрено. Приостановление отменено, полис действует" {
		t.Errorf("%q", got.Text)
	}
	eventually(t, "the card has forgotten it", func() bool { return !insured.card("self").Coming.MayCallOff })
	s.later(t, 2*day)
	if got := insured.card("self").Text; got != activeText {
		t.Errorf("on the day that was called off: %q", got)
	}
}

func TestWhoServesIsSuspendedByTheCommissariatAndResumes(t *testing.T) {
	s := newStage(t)
	commissariat, insured, serviceman := s.as(t, "commissariat"), s.as(t, "insured"), s.as(t, "serviceman")
	insured.consents()
	insured.loads(fields{})
	for range 2 { // its second delivery changes nothing
		commissariat.reports("service_started", "vk-1", "insured", fields{"ground": "mobilisation", "from": "2026-03-10"}).is(http.StatusAccepted)
	}
	insured.shows("Приостановлен с 10.03.2026")
	insured.isTold("change.policy_suspended")
	commissariat.reports("service_ended", "vk-2", "insured", fields{"until": "2026-03-11"}).is(http.StatusAccepted)
	insured.isTold("change.policy_resumed")
	s.later(t, 2*day)
	insured.shows(activeText)
	s.as(t, "zags").reports("service_started", "vk-3", "insured", fields{"ground": "mobilisation", "from": "2026-03-20"}).refused(http.StatusForbidden, "source_not_allowed")

	// Suspended by an import, he resumes by himself.
	serviceman.consents()
	if got := serviceman.loads(fields{}); got.Status != "suspended" {
		t.Fatalf("%+v", got)
	}
	asked := serviceman.lifecycle(fields{"action": "resume"})
	if got := serviceman.becomes(asked.ID, "granted"); got.Text != "Одобрено. Полис возобновлён с\u00a012.03.2026" {
		t.Errorf("%q", got.Text)
	}
	serviceman.shows(activeText)
}

func TestADeathClosesTheRecordAndIsCancelledByTheFundAlone(t *testing.T) {
	s := newStage(t)
	insured, zags, fund := s.as(t, "insured"), s.as(t, "zags"), s.as(t, "fund")
	notices := func() int { return len(read[list[noticeView]](insured.get("/notify").is(http.StatusOK)).Items) }
	insured.consents()
	insured.loads(fields{})
	eventually(t, "what came before is told", func() bool { return notices() == 2 })

	zags.reports("death", "zags-1", "insured", fields{"on": "2026-03-09"}).is(http.StatusAccepted)
	insured.shows("Аннулирован с 09.03.2026. Причина: в регистре записана смерть")
	insured.post("/policy-lifecycle", fields{"action": "restore"}).refused(http.StatusConflict, "death_recorded")
	insured.post("/smo-selection", fields{"smo": "26001", "reason": "by_right", "region": "26"}).refused(http.StatusConflict, "death_recorded")
	zags.reports("death_cancelled", "zags-2", "insured", nil).refused(http.StatusForbidden, "source_not_allowed")
	s.later(t, time.Hour)
	before := notices()
	insured.becomes(insured.asks(fields{"kind": "lookup"}).ID, "granted")
	s.later(t, time.Hour)
	if after := notices(); after != before || after < 2 {
		t.Errorf("%d notices became %d", before, after)
	}

	fund.reports("death_cancelled", "decision-1", "insured", nil).is(http.StatusAccepted)
	insured.shows(activeText)
	insured.isTold("change.death_cancelled")
	fund.reports("death_cancelled", "decision-2", "insured", nil).refused(http.StatusConflict, "death_not_recorded")
}

type caseView struct {
	ID, Kind, Status, Taken string
	Overdue                 bool
}

// inbox waits for a case in the inbox of a reviewer.
func (v visitor) inbox(id string) caseView {
	v.t.Helper()
	var found caseView
	eventually(v.t, "a case in the inbox", func() bool {
		items := read[list[caseView]](v.get("/review-desk").is(http.StatusOK)).Items
		n := slices.IndexFunc(items, func(c caseView) bool { return c.ID == id })
		if n >= 0 {
			found = items[n]
		}
		return n >= 0
	})
	return found
}

// approves a case, as its reviewer.
func (v visitor) approves(id string) {
	v.t.Helper()
	v.inbox(id)
	for _, action := range []string{"take", "approve"} {
		v.post("/review-desk/"+id, fields{"action": action}).is(http.StatusOK)
	}
}

func TestTheFundDecidesOnARestoration(t *testing.T) {
	s := newStage(t)
	fund, staff := s.as(t, "fund"), s.as(t, "staff")
	reason := fields{"field": "document", "code": "document_unclear", "detail": "Нужен паспорт гражданина России."}
	for persona, verdict := range map[string]string{"insured": "approve", "father": "refuse"} {
		who := s.as(t, persona)
		who.consents()
		who.loads(fields{})
		s.from(t, "interior").reports("citizenship_lost", "mvd-"+persona, persona, nil).is(http.StatusAccepted)
		asked := who.lifecycle(fields{"action": "restore"})
		if got := who.becomes(asked.ID, "working"); got.Text != "На рассмотрении в территориальном фонде, ответ до\u00a016.03.2026" {
			t.Errorf("%q", got.Text)
		}
		if got := fund.inbox(asked.ID); got.Kind != "restore" || got.Taken != "nobody" || got.Overdue {
			t.Errorf("%+v", got)
		}
		staff.get("/review-desk/"+asked.ID).refused(http.StatusNotFound, "case_not_found")
		s.as(t, "rival").post("/review-desk/"+asked.ID, fields{"action": "take"}).refused(http.StatusNotFound, "case_not_found")
		s.like(t, "fund", map[string]any{"snils": human(t, persona).SNILS}).get("/review-desk/"+asked.ID).refused(http.StatusForbidden, "own_case")
		opened := read[struct {
			Applicant struct{ SNILS string }
			Record    struct{ Status string }
		}](fund.get("/review-desk/" + asked.ID).is(http.StatusOK))
		if opened.Record.Status != "invalid" || opened.Applicant.SNILS == "" {
			t.Errorf("%+v", opened)
		}
		fund.post("/review-desk/"+asked.ID, fields{"action": "take"}).is(http.StatusOK)
		decision := fields{"action": verdict}
		if verdict == "refuse" {
			fund.post("/review-desk/"+asked.ID, fields{"action": "ask", "reasons": []fields{reason}}).is(http.StatusOK)
			if got := who.becomes(asked.ID, "needs_person"); len(got.Reasons) != 1 || got.Reasons[0].Detail != reason["detail"] {
				t.Errorf("%+v", got)
			}
			fund.post("/review-desk/"+asked.ID, fields{"action": "take"}).is(http.StatusOK)
			decision["reasons"] = []fields{reason}
		}
		fund.post("/review-desk/"+asked.ID, decision).is(http.StatusOK)
		if verdict == "approve" {
			who.becomes(asked.ID, "granted")
			who.shows(activeText)
		} else if got := who.becomes(asked.ID, "refused"); len(got.Reasons) != 1 || got.Reasons[0].Code != "document_unclear" {
			t.Errorf("%+v", got)
		}
		fund.post("/review-desk/"+asked.ID, fields{"action": "take"}).refused(http.StatusConflict, "application_done")
	}
	if items := read[list[caseView]](fund.get("/review-desk").is(http.StatusOK)).Items; len(items) != 0 {
		t.Errorf("still in the inbox: %+v", items)
	}
}

func TestOfTwoReviewersOfTheFundAtOnceOneGetsTheCase(t *testing.T) {
	s := newStage(t)
	insured := s.as(t, "insured")
	s.as(t, "fund").reports("citizenship_lost", "decision-1", "insured", nil).is(http.StatusAccepted)
	asked := insured.lifecycle(fields{"action": "restore"})
	s.as(t, "fund").inbox(asked.ID)
	statuses := make([]int, 4)
	var all sync.WaitGroup
	for n := range statuses {
		reviewer := s.like(t, "fund", map[string]any{"sub": fmt.Sprint("10005413", n)})
		all.Go(func() {
			if a, err := reviewer.send(http.MethodPost, "/review-desk/"+asked.ID, fields{"action": "take"}); err == nil {
				statuses[n] = a.status
			}
		})
	}
	all.Wait()
	slices.Sort(statuses)
	if !slices.Equal(statuses, []int{200, 409, 409, 409}) {
		t.Errorf("%v", statuses)
	}
	// Nobody decides in time: it is overdue, and still in the inbox.
	s.later(t, 7*day)
	if !s.as(t, "fund").inbox(asked.ID).Overdue || !insured.application(asked.ID).Overdue {
		t.Error("not overdue")
	}
}

func TestAForeignersPolicyEndsWithTheRightItRestsOnAndWithNoOther(t *testing.T) {
	s := newStage(t)
	parent, interior, fund := s.as(t, "refugee"), s.from(t, "interior"), s.as(t, "fund")
	persona, _ := personas.Find("refugee")
	kid := persona.Kids[0].Human
	own := fields{"kind": "register", "region": "26", "category": "permanent_resident", "basis": fields{
		"document": fields{"type": 11, "series": "83", "number": "0541276", "expires": "2030-05-01"}}}
	childs := fields{"kind": "register", "person": "child", "region": "26", "child": fields{
		"name": fields{"family": kid.Family, "given": kid.Given}, "sex": "F", "birth_date": kid.Birth, "snils": kid.SNILS,
		"birth_record": fields{"number": "120239260000301118005", "date": "2023-11-27"}}}
	if p := parent.post("/policy-request", childs).refused(http.StatusUnprocessableEntity, "invalid_fields"); !p.names("category", "required") {
		t.Errorf("nobody says by what right the child lives here: %+v", p)
	}
	childs["category"], childs["basis"] = "temporary_resident", fields{"permit_until": "2026-09-30"}
	for _, request := range []fields{own, childs} {
		asked := parent.asks(request)
		fund.approves(asked.ID)
		parent.becomes(asked.ID, "granted")
	}
	child := parent.child()
	parent.consents()
	parent.consent("ffoms", child)
	for person, until := range map[string]string{"self": "2026-12-31", child: "2026-09-30"} {
		parent.loads(fields{"person": person})
		if card := read[validView](parent.get("/policy-card?person=" + person).is(http.StatusOK)); card.Status != "no_insurer" || card.ValidUntil != until {
			t.Errorf("%+v", card)
		}
	}

	ofChild := fields{"person": fields{"snils": kid.SNILS, "birth_date": kid.Birth}}
	for _, kind := range []string{"permit_cancelled", "residence_permit_cancelled", "refugee_status_lost"} {
		for _, source := range []string{"zags", "commissariat", "employer"} {
			s.as(t, source).reports(kind, "1", "refugee", nil).refused(http.StatusForbidden, "source_not_allowed")
		}
		if kind != "residence_permit_cancelled" {
			interior.reports(kind, "mvd-1", "refugee", nil).refused(http.StatusConflict, "insured_by_another_right")
		}
		if kind != "permit_cancelled" {
			interior.reports(kind, "mvd-2", "refugee", ofChild).refused(http.StatusConflict, "insured_by_another_right")
		}
	}
	for range 2 { // its second delivery changes nothing
		interior.reports("residence_permit_cancelled", "mvd-3", "refugee", nil).is(http.StatusAccepted)
		fund.reports("permit_cancelled", "decision-1", "refugee", ofChild).is(http.StatusAccepted)
	}
	parent.shows("Аннулирован с 10.03.2026. Причина: вид на жительство аннулирован")
	paper := printedText(t, parent.get("/extract-rendering/"+parent.extract("self").ID).is(http.StatusOK).body)
	if !strings.Contains(paper, "Аннулированс10.03.2026") || strings.Contains(paper, "31.12.2026") || strings.Contains(paper, "заменяет") {
		t.Errorf("the extract of a policy that has ended: %s", paper)
	}
	eventually(t, "the child's card shows it", func() bool {
		return parent.card(child).Text == "Аннулирован с 10.03.2026. Причина: разрешение на временное проживание аннулировано"
	})
	s.quiet(t)
	parent.isTold("change.policy_ended")
	parent.isTold("change.child.policy_ended")
	interior.reports("residence_permit_cancelled", "mvd-4", "refugee", nil).refused(http.StatusConflict, "policy_ended")
}

func TestANewNameOfTheCivilRegistryKeepsTheOldDocumentToBeFoundBy(t *testing.T) {
	s := newStage(t)
	insured := s.as(t, "insured")
	insured.consents()
	insured.loads(fields{})
	renamed := fields{
		"name":     fields{"family": "Орлов", "given": "Андрей", "patronymic": "Сергеевич"},
		"document": fields{"type": 14, "series": "45 20", "number": "654321"},
	}
	s.as(t, "commissariat").reports("name_changed", "zags-1", "insured", renamed).refused(http.StatusForbidden, "source_not_allowed")
	for range 2 {
		s.as(t, "zags").reports("name_changed", "zags-1", "insured", renamed).is(http.StatusAccepted)
	}
	// The login knows the old name and passport still.
	insured.isTold("change.name_changed")
	insured.becomes(insured.asks(fields{"kind": "lookup"}).ID, "granted")
	type differing struct {
		Name     struct{ Family string }
		Warnings []string
		By       string `json:"report_by"`
		Left     int    `json:"report_days_left"`
	}
	card := read[differing](insured.get("/policy-card").is(http.StatusOK))
	if card.Name.Family != "Орлов" || !slices.Equal(card.Warnings, []string{"name_differs", "document_differs"}) || card.By != "2026-04-10" || card.Left != 31 {
		t.Errorf("%+v", card)
	}
	// The new passport is nobody else's any more.
	s.as(t, "zags").reports("name_changed", "zags-2", "mother", renamed).refused(http.StatusConflict, "document_taken")

	// A week before the month to report it is over, there is a reminder.
	s.later(t, 23*day)
	insured.isNotTold("change.report_due")
	s.later(t, day)
	insured.isToldOn("2026-04-03", "change.report_due")
	if card := read[differing](insured.get("/policy-card").is(http.StatusOK)); card.By != "2026-04-10" || card.Left != 7 {
		t.Errorf("on 3 April: %+v", card)
	}
	s.later(t, day)
	s.quiet(t)
	insured.isTold("change.report_due")
}
