package tests

import (
	"bytes"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"polis/tests/browser"
)

type serviceList struct {
	Items []struct {
		Date, Service, Clinic string
		Cost                  int64
	}
	Next  string
	Years []struct {
		Year, Count int
		Cost        int64
	}
	MayHide bool `json:"may_hide"`
	Hidden  bool
}

func TestServicesRenderedAreReportedByAClinicAndReadUnderConsent(t *testing.T) {
	s := newStage(t)
	insured, clinic := s.as(t, "insured"), s.as(t, "clinic")
	row := fields{
		"enp": "2656410837000318", "birth_date": "1985-03-12", "date": "2026-03-09", "service": "Прививка от гриппа", "cost": 45000,
		"clinic": fields{"code": "260001", "name": "Городская поликлиника № 1"},
	}
	wrong := fields{}
	for name, value := range row {
		wrong[name] = value
	}
	wrong["enp"] = "2656410837000319"
	chunk := fields{"source_id": "march", "records": []fields{row, wrong}}
	type imported struct {
		Imported, Unchanged int
		Refused             []struct {
			Line        int
			Field, Code string
		}
	}
	for n, want := range []imported{{Imported: 1}, {Unchanged: 1}} {
		got := read[imported](clinic.post("/insured-registry/services", chunk).is(http.StatusAccepted))
		if got.Imported != want.Imported || got.Unchanged != want.Unchanged || len(got.Refused) != 1 || got.Refused[0].Line != 2 || got.Refused[0].Code != "enp_check_digit" {
			t.Errorf("sent for the %d. time: %+v", n+1, got)
		}
	}
	insured.get("/policy-card/services").refused(http.StatusForbidden, "consent_required")
	insured.consents()
	first := read[serviceList](insured.get("/policy-card/services?limit=4").is(http.StatusOK))
	second := read[serviceList](insured.get("/policy-card/services?limit=4&next=" + first.Next).is(http.StatusOK))
	var days []string
	for _, item := range append(first.Items, second.Items...) {
		days = append(days, item.Date)
	}
	if want := []string{"2026-03-09", "2026-02-03", "2025-11-13", "2025-02-19", "2025-02-19", "2024-10-07"}; !slices.Equal(days, want) || second.Next != "" {
		t.Errorf("%q, next %q", days, second.Next)
	}
	if len(first.Years) != 3 || first.Years[0].Year != 2026 || first.Years[0].Cost != 116900 {
		t.Errorf("%+v", first.Years)
	}

	// Policy, clinic and services are told apart.
	asked := insured.asks(fields{"kind": "lookup", "what": []string{"policy", "attachment", "services"}})
	insured.becomes(asked.ID, "granted")
	got := read[struct{ Results map[string]string }](insured.get("/policy-request/" + asked.ID).is(http.StatusOK)).Results
	for part, result := range got {
		if result != "shown" {
			t.Errorf("%s is %s", part, result)
		}
	}
	if len(got) != 3 {
		t.Errorf("%v", got)
	}
	insured.revokes("ffoms", "self")
	insured.get("/policy-card/services").refused(http.StatusForbidden, "consent_required")
}

func TestTheHistoryAndTheCoverageTellOfAPolicyThatChanged(t *testing.T) {
	s := newStage(t)
	insured := s.as(t, "insured")
	insured.consents()
	insured.loads(fields{})
	asked := insured.lifecycle(fields{"person": "self", "action": "suspend", "ground": "conscription", "from": "2026-03-10"})
	insured.becomes(asked.ID, "granted")
	past := read[struct {
		Items []struct{ Kind, On, Who, Why string }
	}](insured.get("/policy-card/history").is(http.StatusOK)).Items
	if len(past) != 2 || past[0].Kind != "suspended" || past[0].On != "2026-03-10" || past[0].Why != "Военная служба по призыву" || past[1].Kind != "put_on_record" {
		t.Errorf("%+v", past)
	}
	insured.shows("Приостановлен с 10.03.2026")
	coverage := insured.get("/policy-card/coverage").is(http.StatusOK)
	got := read[struct {
		ResourceType, Status string
		SubscriberID         string
		Period               struct{ Start, End string }
	}](coverage)
	if got.ResourceType != "Coverage" || got.Status != "cancelled" || got.SubscriberID != "2656410837000318" || got.Period.End != "2026-03-09" {
		t.Errorf("%s", coverage.body)
	}
	if kind := coverage.header.Get("Content-Type"); kind != "application/fhir+json; charset=utf-8" {
		t.Errorf("as %s", kind)
	}
}

func TestTheDatesThatMatterAreToldInTimeAndOnceEach(t *testing.T) {
	s := newStageAlone(t)
	insured, mother := s.as(t, "insured"), s.as(t, "mother")
	insured.consents()
	insured.loads(fields{})
	child := mother.child()
	mother.consent("ffoms", child)
	mother.loads(fields{"person": child})
	migrant := s.as(t, "migrant")
	migrant.becomes(migrant.asks(fields{
		"kind": "register", "region": "26", "smo": "26002", "category": "eaeu_worker", "basis": fields{"contract_until": "2026-10-31"},
	}).ID, "granted")
	days := string(insured.get("/policy-card/calendar.ics").is(http.StatusOK).body)
	if !strings.HasPrefix(days, "BEGIN:VCALENDAR\r\nVERSION:2.0\r\n") || !strings.Contains(days, "DTSTART;VALUE=DATE:20261001\r\n") {
		t.Errorf("%s", days)
	}
	until := func(day string) time.Duration {
		at, err := time.Parse(time.RFC3339, day+"T21:00:00+03:00")
		if err != nil {
			t.Fatal(err)
		}
		return at.Sub(s.Now())
	}
	s.later(t, until("2026-09-30"))
	insured.isNotTold("change.insurer_replaceable")
	migrant.isNotTold("change.validity_ending")
	s.later(t, until("2026-10-01"))
	insured.isToldOn("2026-10-01", "change.insurer_replaceable")
	migrant.isToldOn("2026-10-01", "change.validity_ending")
	s.later(t, until("2026-10-31"))
	migrant.isNotTold("change.validity_ended")
	s.later(t, until("2026-11-01"))
	migrant.isToldOn("2026-11-01", "change.validity_ended")
	copies := len(s.keys(t, "card"))

	s.later(t, until("2033-09-01"))
	mother.isNotTold("change.child.passport_due")
	s.later(t, until("2033-09-02"))
	mother.isToldOn("2033-09-02", "change.child.passport_due")
	s.later(t, until("2037-09-02"))
	mother.isToldOn("2037-09-02", "change.child.of_age")
	eventually(t, "the mother's copy is erased", func() bool { return len(s.keys(t, "card")) == copies-1 })
	mother.get("/policy-card?person="+child).refused(http.StatusNotFound, "policy_not_loaded")
	s.later(t, time.Hour)
	s.quiet(t)
	mother.isTold("change.child.of_age")
	mother.isTold("change.child.passport_due")
	migrant.isTold("change.validity_ending")
	migrant.isTold("change.validity_ended")
}

func TestATeenagerHidesServicesFromTheParents(t *testing.T) {
	s := newStage(t)
	teen, guardian := s.as(t, "teenager"), s.as(t, "guardian")
	child := guardian.child()
	guardian.consent("ffoms", child)
	if got := read[serviceList](guardian.get("/policy-card/services?person=" + child).is(http.StatusOK)); len(got.Items) != 1 {
		t.Errorf("%+v", got)
	}
	teen.call(http.MethodPut, "/policy-card/services/privacy", fields{"hidden": true}).is(http.StatusOK)
	refused := guardian.get("/policy-card/services?person="+child).refused(http.StatusForbidden, "services_hidden")
	if refused.Detail == "" {
		t.Errorf("%+v", refused)
	}
	// The rest of what is asked for is shown. The guardian has no services.
	guardian.consents()
	for who, services := range map[string]string{child: "hidden", "self": "no_data"} {
		id := guardian.asks(fields{"kind": "lookup", "person": who, "what": []string{"policy", "services"}}).ID
		guardian.becomes(id, "granted")
		got := read[struct{ Results map[string]string }](guardian.get("/policy-request/" + id).is(http.StatusOK)).Results
		if len(got) != 2 || got["policy"] != "shown" || got["services"] != services {
			t.Errorf("with services %s: %v", services, got)
		}
	}
	teen.post("/policy-lifecycle", fields{"action": "suspend", "ground": "conscription", "from": "2026-03-11"}).refused(http.StatusConflict, "adults_only")
	teen.post("/smo-selection", fields{"smo": "26001", "reason": "by_right", "region": "26"}).refused(http.StatusConflict, "representative_needed")
	teen.consents()
	if got := read[serviceList](teen.get("/policy-card/services").is(http.StatusOK)); len(got.Items) != 1 || !got.MayHide || !got.Hidden {
		t.Errorf("%+v", got)
	}
	guardian.call(http.MethodPut, "/policy-card/services/privacy", fields{"hidden": false}).refused(http.StatusConflict, "services_private_already")
}

func TestInTheBrowserATeenagerSeesThatARepresentativeLooked(t *testing.T) {
	s := newStage(t)
	teen, guardian := s.as(t, "teenager"), s.as(t, "guardian")
	child := guardian.child()
	guardian.consent("ffoms", child)
	guardian.loads(fields{"person": child})
	guardian.get("/policy-card/services?person=" + child).is(http.StatusOK)
	teen.consents()
	teen.loads(fields{})
	own := read[list[accessView]](teen.get("/policy-card/access?limit=100").is(http.StatusOK)).Items
	looks := map[accessView]int{}
	for _, i := range own {
		looks[i]++
	}
	services := accessView{"register.look_up_services", "законный представитель", "other"}
	if looks[services] == 0 || looks[accessView{"register.look_up", "законный представитель", "other"}] == 0 || looks[accessView{"register.look_up", "вы", "self"}] == 0 {
		t.Errorf("told of %+v", own)
	}
	v := s.visit(t, way{screen: browser.Phone, script: true})
	v.logsIn("teenager")
	v.opens("/access")
	v.Has("Законный представитель")
	// Several things were read for one look.
	if n := looks[services]; n < 2 {
		t.Errorf("%d entries of one look", n)
	}
	v.HasNot("Оказанные услуги запрошены в регистре —")
	v.Axe()
	v.Screenshot("who looked")
}

type accessView struct{ Action, Who, By string }

func TestInTheBrowserServicesHistoryAndDatesAreFoundOnThePolicy(t *testing.T) {
	s := newStage(t)
	insured := s.as(t, "insured")
	insured.consents()
	insured.loads(fields{})
	v := s.visit(t, way{screen: browser.Phone, script: true})
	v.logsIn("insured")
	v.opens("/card")
	v.Has("Важные даты в календарь телефона")
	v.Axe()
	v.Screenshot("policy with its links")
	name, days := v.Download("Важные даты в календарь телефона")
	if name != "polis.ics" || !bytes.HasPrefix(days, []byte("BEGIN:VCALENDAR\r\n")) || !bytes.Contains(days, []byte("DTSTART;VALUE=DATE:20261001\r\n")) {
		t.Errorf("%s is saved: %s", name, days)
	}
	var rows []fields
	for n := range 20 {
		rows = append(rows, fields{
			"enp": "2656410837000318", "birth_date": "1985-03-12", "date": "2026-03-09", "service": fmt.Sprintf("Массаж, сеанс %d", n+1), "cost": 45000,
			"clinic": fields{"code": "260001", "name": "Городская поликлиника № 1"},
		})
	}
	s.as(t, "clinic").post("/insured-registry/services", fields{"source_id": "march", "records": rows}).is(http.StatusAccepted)
	v.does("Оказанные услуги")
	v.Has("Всего по годам")
	v.Has("1\u00a0440,50") // of 2025
	v.Axe()
	v.NoHorizontalScroll(320)
	v.Screenshot("services")
	v.HasNot("Электрокардиография")
	v.does("Показать ещё")
	v.looked("Электрокардиография")
	v.HasNot("Массаж")
	v.HasNot("Показать ещё")
	v.opens("/card")
	v.does("История полиса")
	v.Has("Запись в регистре с 14 мая 2019 г.")
	v.Axe()
	v.NoHorizontalScroll(320)
	v.Screenshot("history")
}

func TestInTheBrowserPartsOfTheDataAreAskedForApart(t *testing.T) {
	onAPhone(t, ways[1], func(s *stage, v visit) {
		insured := s.as(v.t, "insured")
		insured.consents()
		insured.loads(fields{"what": []string{"policy"}})
		v.logsIn("insured")
		v.opens("/card")
		v.Has("Сведения о поликлинике не запрашивались.")
		if made := insured.extract("self"); !strings.Contains(printedText(v.t, insured.get("/extract-rendering/"+made.ID).is(http.StatusOK).body), "Сведенияоприкреплениинезапрашивались") {
			v.t.Error("the extract does not say that the clinic was not asked for")
		}
		v.does("Запросить сведения по частям")
		v.looked("Какие сведения запросить")
		for _, part := range []string{"Полис и страховая компания", "Поликлиника прикрепления", "Оказанные медицинские услуги"} {
			v.ticks(part)
		}
		v.does("Запросить")
		v.looked("Отметьте, что запросить.")
		v.ticks("Поликлиника прикрепления")
		v.ticks("Оказанные медицинские услуги")
		v.does("Запросить")
		v.looked("Оказанные услуги")
		if got := insured.applications()[0]; !slices.Equal(got.What, []string{"attachment", "services"}) {
			v.t.Errorf("asked for %v", got.What)
		}
		v.does("Оказанные услуги")
		v.looked("Всего по годам")
		v.opens("/card")
		v.looked("Городская поликлиника № 1")
		insured.loads(fields{"what": []string{"services"}})
		v.opens("/card")
		v.looked("Городская поликлиника № 1")
	})
}

func TestInTheBrowserATeenagerHidesServicesAndShowsThemAgain(t *testing.T) {
	s := newStage(t)
	v := s.visit(t, way{screen: browser.Phone})
	v.logsIn("teenager")
	s.as(t, "teenager").consents()
	v.opens("/services")
	v.Has("Родители и опекуны видят ваши услуги")
	v.Axe()
	v.does("Скрыть от родителей и опекунов")
	v.Has("Родители и опекуны не видят ваших услуг")
	v.Axe()
	v.Screenshot("services hidden from the parents")
	for path, told := range map[string]string{
		"/suspend": "До 18 лет полис не приостанавливают, а о восстановлении заявляет родитель или другой законный представитель.",
		"/insurer": "До 18 лет страховую выбирает родитель или другой законный представитель.",
	} {
		v.opens(path)
		v.looked(told)
		v.HasNot("Подать заявление")
		v.HasNot("Переезд в другой регион")
	}
	v.opens("/services")

	guardian := s.as(t, "guardian")
	child := guardian.child()
	guardian.consent("ffoms", child)
	adult := s.visit(t, way{screen: browser.Phone})
	adult.logsIn("guardian")
	adult.opens("/services?person=" + child)
	adult.Has("С 15 лет подросток сам решает")
	adult.HasNot("дерматолога")
	adult.Axe()
	adult.opens("/requests/new?kind=lookup&person=" + child)
	adult.does("Запросить")
	adult.looked("Услуги подросток решил не показывать: это его право с 15 лет.")
	v.does("Показать родителям и опекунам")
	v.Has("Родители и опекуны видят ваши услуги")
	adult.opens("/services?person=" + child)
	adult.Has("дерматолога")
	if bytes.Contains(guardian.get("/policy-card/services?person="+child).is(http.StatusOK).body, []byte(`"may_hide":true`)) {
		t.Error("a guardian may hide them")
	}
}
