package tests

import (
	"net/http"
	"strings"
	"testing"
	"time"

	"polis/local/personas"
	"polis/local/platform"
)

// firstView is what a first policy's application tells beside the rest.
type firstView struct {
	applicationView
	Category, Until, Validity string
	Child                     struct{ Given string }
}

func (v visitor) first(id string) firstView {
	v.t.Helper()
	return read[firstView](v.get("/policy-request/" + id).is(http.StatusOK))
}

// validView is what a card tells of its term.
type validView struct {
	ENP, Status, Text, Validity string
	ValidUntil                  string `json:"valid_until"`
	Insurer                     struct{ SMO string }
}

// sees asks the register anew and reads the card's term.
func (v visitor) sees() validView {
	v.t.Helper()
	v.loads(fields{"person": "self"})
	return read[validView](v.get("/policy-card?person=self").is(http.StatusOK))
}

// from sets the law clock at which a story begins.
func from(year int, month time.Month, day int) func(*platform.Options) {
	return func(o *platform.Options) { o.Clock = time.Date(year, month, day, 12, 0, 0, 0, morning.Location()) }
}

func TestAMigrantIsInsuredToTheYearsEndAndDismissalEndsIt(t *testing.T) {
	s := newStage(t, from(2026, time.October, 30))
	migrant := s.as(t, "migrant")
	work := fields{"kind": "register", "region": "26", "smo": "26002", "category": "eaeu_worker", "basis": fields{"contract_until": "2028-05-31"}}

	citizen := fields{"kind": "register", "region": "26"}
	if p := migrant.post("/policy-request", citizen).refused(http.StatusUnprocessableEntity, "invalid_fields"); !p.names("category", "category_not_citizen") {
		t.Errorf("as a citizen: %+v", p)
	}
	over := fields{"kind": "register", "region": "26", "category": "eaeu_worker", "basis": fields{"contract_until": "2026-10-29"}}
	if p := migrant.post("/policy-request", over).refused(http.StatusUnprocessableEntity, "invalid_fields"); !p.names("basis.contract_until", "date_passed") {
		t.Errorf("on a contract that is over: %+v", p)
	}

	id := migrant.asks(work).ID
	migrant.becomes(id, "granted")
	const why = "Полис действует до 31.12.2026: по этому основанию его выдают до конца года. Продлить можно с 1 ноября"
	granted := migrant.first(id)
	if granted.Until != "2026-12-31" || granted.Validity != why || granted.Category != "eaeu_worker" || len(granted.ENP) != 16 {
		t.Errorf("granted: %+v", granted)
	}
	migrant.consents()
	if card := migrant.sees(); card.ENP != granted.ENP || card.Status != "active" || card.ValidUntil != "2026-12-31" || card.Validity != why || card.Insurer.SMO != "26002" {
		t.Errorf("card: %+v", card)
	}
	if p := migrant.post("/policy-request", work).refused(http.StatusConflict, "already_insured"); p.Suggest != "lookup" {
		t.Errorf("again: %+v", p)
	}

	s.later(t, 20*24*time.Hour)
	prolonged := migrant.asks(fields{"kind": "register", "region": "26", "category": "eaeu_worker", "basis": fields{"contract_until": "2028-05-31"}}).ID
	migrant.becomes(prolonged, "granted")
	if card := migrant.sees(); card.ENP != granted.ENP || card.Status != "active" || card.ValidUntil != "2027-12-31" || card.Insurer.SMO != "26002" {
		t.Errorf("prolonged in November: %+v", card)
	}
	employer := s.as(t, "employer")
	dismissal := fields{"kind": "contract_ended", "source_id": "staff-0093", "snils": human(t, "migrant").SNILS, "last_day": "2026-11-19"}
	s.as(t, "zags").post("/insured-registry/events", dismissal).refused(http.StatusForbidden, "source_not_allowed")
	employer.post("/insured-registry/events", dismissal).is(http.StatusAccepted)
	s.later(t, day)
	eventually(t, "the copy in the cabinet has expired by itself", func() bool { return migrant.card("self").Status == "expired" })
	if card := migrant.sees(); card.ENP != granted.ENP || card.Status != "expired" || card.Text != "Срок действия истёк 19.11.2026. Причина: трудовой договор прекращён" {
		t.Errorf("after the dismissal: %+v", card)
	}

	again := migrant.asks(fields{"kind": "register", "region": "26", "category": "eaeu_worker", "basis": fields{"contract_until": "2027-03-31"}}).ID
	migrant.becomes(again, "granted")
	if card := migrant.sees(); card.ENP != granted.ENP || card.Status != "active" || card.ValidUntil != "2027-03-31" || card.Insurer.SMO != "26002" {
		t.Errorf("on another contract: %+v", card)
	}

	s.from(t, "interior").reports("citizenship_gained", "mvd-1", "migrant", nil).is(http.StatusAccepted)
	dismissal["source_id"], dismissal["last_day"] = "staff-0101", "2026-12-31"
	employer.post("/insured-registry/events", dismissal).is(http.StatusAccepted)
	if card := migrant.sees(); card.ENP != granted.ENP || card.Status != "active" || card.ValidUntil != "" || card.Insurer.SMO != "26002" {
		t.Errorf("as a citizen, whom no dismissal touches: %+v", card)
	}
}

func TestTheFundsStaffPutARefugeeOnRecord(t *testing.T) {
	s := newStage(t)
	refugee := s.like(t, "newcomer", map[string]any{"citizenship": "SYR", "id_doc": nil})
	ask := fields{"kind": "register", "region": "26", "category": "refugee", "basis": fields{
		"stay_until": "2026-09-30", "document": fields{"type": 12, "series": "ВК", "number": "0012345"}}}
	if p := refugee.post("/policy-request", ask).refused(http.StatusUnprocessableEntity, "invalid_fields"); !p.names("basis.document.expires", "document_expiry_missing") {
		t.Errorf("without an expiry date: %+v", p)
	}
	refugee.post("/policy-request", fields{"kind": "register", "region": "26", "category": "highly_qualified"}).refused(http.StatusConflict, "highly_qualified_not_insured")
	works := fields{"kind": "register", "region": "26", "category": "temporary_worker", "basis": fields{
		"contract_until": "2026-12-01", "contributions_since": "2023-01-15", "document": fields{"type": 9, "series": "", "number": "012345678"}}}
	if p := refugee.post("/policy-request", works).refused(http.StatusConflict, "contributions_too_few"); p.From != "2028-01-15" {
		t.Errorf("a worker is insured from %s", p.From)
	}
	ask["basis"].(fields)["document"].(fields)["expires"] = "2026-09-30"
	asked := refugee.asks(ask)
	eventually(t, "the application is before the fund", func() bool {
		return strings.HasPrefix(refugee.application(asked.ID).Text, "На рассмотрении в территориальном фонде")
	})
	fund := s.as(t, "fund")
	if got := fund.inbox(asked.ID); got.Kind != "register" || got.Taken != "nobody" {
		t.Errorf("the fund's inbox: %+v", got)
	}
	opened := read[struct {
		Application struct{ Category, Validity string }
	}](fund.get("/review-desk/" + asked.ID).is(http.StatusOK))
	const why = "Полис действует до 30.09.2026: в этот день заканчивается разрешённый срок пребывания"
	if opened.Application.Category != "refugee" || opened.Application.Validity != why {
		t.Errorf("the fund sees %+v", opened)
	}
	fund.approves(asked.ID)
	refugee.becomes(asked.ID, "granted")
	refugee.consents()
	if card := refugee.sees(); card.Status != "no_insurer" || card.ValidUntil != "2026-09-30" || card.Validity != why {
		t.Errorf("card: %+v", card)
	}

	for number, right := range []struct {
		category, until string
		basis           fields
	}{
		{"temporary_asylum", "2026-08-31", fields{"stay_until": "2026-08-31", "document": fields{"type": 25, "series": "ВУ", "number": "0034567", "expires": "2026-08-31"}}},
		{"temporary_worker", "2026-12-01", fields{"contract_until": "2026-12-01", "contributions_since": "2020-01-15", "document": fields{"type": 9, "series": "", "number": "765432109"}}},
	} {
		v := s.like(t, "newcomer", map[string]any{"sub": inventedSubject(number), "snils": inventedSNILS(number), "lastName": "Иноземцева", "citizenship": "SYR", "id_doc": nil})
		asked := v.asks(fields{"kind": "register", "region": "26", "category": right.category, "basis": right.basis})
		fund.approves(asked.ID)
		v.becomes(asked.ID, "granted")
		v.consents()
		if card := v.sees(); card.Status != "no_insurer" || card.ValidUntil != right.until {
			t.Errorf("%s: %+v", right.category, card)
		}
	}
}

// daughter is the mother's second child, as the login confirms it.
func daughter(change fields) fields {
	child := fields{
		"name": fields{"family": "Гончарова", "given": "Вера", "patronymic": "Игоревна"}, "sex": "F", "birth_date": "2026-02-20",
		"document": fields{"type": 3, "series": "V-ДН", "number": "718402"}, "birth_record": fields{"number": "120269260000301207004", "date": "2026-02-27"},
	}
	for name, value := range change {
		child[name] = value
	}
	return fields{"kind": "register", "person": "child", "region": "26", "child": child}
}

// birthOf the daughter, as the civil registry reports it.
var birthOf = fields{
	"kind": "birth", "source_id": "zags-2", "region": "26",
	"record": fields{"number": "120269260000301207004", "date": "2026-02-27"},
	"child":  fields{"name": fields{"family": "Гончарова", "given": "Вера", "patronymic": "Игоревна"}, "sex": "F", "birth_date": "2026-02-20"},
}

func (v visitor) family() []memberView {
	v.t.Helper()
	return read[list[memberView]](v.get("/policy-card/family").is(http.StatusOK)).Items
}

func TestAMotherPutsHerNewbornOnRecordAndTheBirthAddsTheFather(t *testing.T) {
	s := newStage(t)
	mother, father, stranger := s.as(t, "mother"), s.as(t, "father"), s.as(t, "insured")
	for who, v := range map[string]visitor{"a stranger": stranger, "a father whose account does not confirm her": father} {
		if p := v.post("/policy-request", daughter(nil)).refused(http.StatusConflict, "child_not_confirmed"); p.Detail == "" {
			t.Errorf("%s is not told how to confirm", who)
		}
	}
	if p := mother.post("/policy-request", daughter(fields{"snils": "190-356-271 68"})).refused(http.StatusUnprocessableEntity, "invalid_fields"); !p.names("child.snils", "snils_not_confirmed") {
		t.Errorf("with the brother's SNILS: %+v", p)
	}
	first := mother.asks(daughter(nil))
	mother.becomes(first.ID, "granted")
	granted := mother.first(first.ID)
	if granted.Child.Given != "Вера" || len(granted.ENP) != 16 || granted.Person == "self" || granted.Help.Offer != "lookup" {
		t.Errorf("granted: %+v", granted)
	}
	mother.consent("ffoms", granted.Person)
	if card := mother.loads(fields{"person": granted.Person}); card.ENP != granted.ENP || card.Status != "no_insurer" {
		t.Errorf("card: %+v", card)
	}
	mother.post("/policy-request", daughter(nil)).refused(http.StatusConflict, "already_insured")
	if n := len(mother.family()); n != 3 {
		t.Errorf("the mother's family is of %d", n)
	}

	if n := len(father.family()); n != 2 {
		t.Errorf("before the birth is reported the father's family is of %d", n)
	}
	birth := fields{"mother": human(t, "mother").SNILS, "father": human(t, "father").SNILS}
	for name, value := range birthOf {
		birth[name] = value
	}
	if reported := read[struct{ ID string }](s.as(t, "zags").post("/insured-registry/events", birth).is(http.StatusAccepted)); reported.ID != granted.Person {
		t.Errorf("the birth made a second record")
	}
	if n := len(father.family()); n != 3 {
		t.Errorf("after it the father's family is of %d", n)
	}
}

func TestABirthThatWasReportedNeedsNoApplicationButForWhatItDidNotTell(t *testing.T) {
	s := newStage(t)
	mother := s.as(t, "mother")
	birth := fields{"mother": human(t, "mother").SNILS}
	for name, value := range birthOf {
		birth[name] = value
	}
	s.as(t, "zags").post("/insured-registry/events", birth).is(http.StatusAccepted)
	parent, _ := personas.Find("mother")
	father := s.like(t, "father", map[string]any{"kids": parent.Claims()["kids"]})
	father.post("/policy-request", daughter(nil)).refused(http.StatusConflict, "not_represented")
	first := mother.asks(daughter(nil)) // with the birth certificate
	mother.becomes(first.ID, "granted")
	if granted := mother.first(first.ID); granted.ENP == "" || !strings.HasPrefix(granted.Text, "У ребёнка уже есть полис, его номер прежний") {
		t.Errorf("granted: %+v", granted)
	}
	if p := mother.post("/policy-request", daughter(nil)).refused(http.StatusConflict, "already_insured"); p.Suggest != "choose" {
		t.Errorf("suggests %q", p.Suggest)
	}
	if n := len(mother.applications()); n != 1 {
		t.Errorf("left %d applications", n)
	}
}

func TestAChildWithASNILSIsPutOnRecordWithIt(t *testing.T) {
	s := newStage(t)
	kid := map[string]any{
		"lastName": "Гончаров", "firstName": "Лев", "middleName": "Игоревич", "birthDate": "11.04.2023", "gender": "M", "snils": "087-654-303 00",
		"birth_cert_doc": map[string]string{"type": "RF_BRTH_CERT", "series": "V-ДН", "number": "551200", "vrfStu": "VERIFIED"},
	}
	mother := s.like(t, "mother", map[string]any{"kids": []any{kid}})
	child := fields{"name": fields{"family": "Гончаров", "given": "Лев", "patronymic": "Игоревич"}, "sex": "M", "birth_date": "2023-04-11", "snils": "087-654-303 00"}
	ask := fields{"kind": "register", "person": "child", "region": "26", "smo": "26005", "child": child}
	if p := mother.post("/policy-request", ask).refused(http.StatusUnprocessableEntity, "invalid_fields"); !p.names("child.birth_record.number", "required") {
		t.Errorf("the login does not tell of the civil record: %+v", p)
	}
	child["birth_record"] = fields{"number": "120239260000104108001", "date": "2023-04-18"}
	first := mother.asks(ask)
	eventually(t, "the application is before the fund, for the number was typed", func() bool {
		return strings.HasPrefix(mother.application(first.ID).Text, "На рассмотрении в территориальном фонде")
	})
	fund := s.as(t, "fund")
	fund.inbox(first.ID)
	opened := read[struct {
		Child struct {
			Record struct{ Number string } `json:"birth_record"`
		}
	}](fund.get("/review-desk/" + first.ID).is(http.StatusOK))
	if opened.Child.Record.Number != "120239260000104108001" {
		t.Errorf("the fund sees %+v", opened)
	}
	s.like(t, "fund", map[string]any{"snils": human(t, "mother").SNILS}).get("/review-desk/"+first.ID).refused(http.StatusForbidden, "own_case")
	fund.post("/review-desk/"+first.ID, fields{"action": "take"}).is(http.StatusOK)
	fund.post("/review-desk/"+first.ID, fields{"action": "approve"}).is(http.StatusOK)
	mother.becomes(first.ID, "granted")
	person := mother.application(first.ID).Person
	mother.consent("ffoms", person)
	if card := mother.loads(fields{"person": person}); card.Status != "active" || card.Insurer.SMO != "26005" || card.Name.Given != "Лев" {
		t.Errorf("card: %+v", card)
	}
}
