package function_test

import (
	"slices"
	"strings"
	"testing"
	"time"

	consenttoggle "polis/functions/consent-toggle"
	deadlinewatch "polis/functions/deadline-watch"
	insuredregistry "polis/functions/insured-registry"
	policycard "polis/functions/policy-card"
	policyrequest "polis/functions/policy-request"
	"polis/shared/functiontest"
	"polis/shared/person"
)

type examined struct {
	Person   string
	Text     string
	Repair   bool
	Findings []struct {
		Code, Detail string
		Remedy       struct {
			Kind        string
			Operators   []string
			From        string
			NextTry     string `json:"next_try"`
			Until       string
			Application string
			By          string
			DaysLeft    *int `json:"days_left"`
			Insurer     *struct{ SMO, Phone string }
			Fund        *struct{ Phone string }
			Insurers    []struct{ SMO string }
		}
	}
}

func (e examined) codes() []string {
	codes := []string{}
	for _, f := range e.Findings {
		codes = append(codes, f.Code)
	}
	return codes
}

func examine(b *functiontest.Bench, token, who string) (e examined) {
	b.Call("GET", name, "/doctor?person="+who, token, nil).Expect(200, "").JSON(&e)
	return e
}

// with changes a citizen's own data.
func with(c functiontest.Citizen, change func(*person.Person)) functiontest.Citizen {
	change(&c.Person)
	return c
}

func TestEachPersonIsToldTheirCauseAndWhatHelps(t *testing.T) {
	asked := func(b *functiontest.Bench, c functiontest.Citizen) string { return holding(b, c, "self") }
	for _, tc := range []struct {
		rule         string
		who          functiontest.Citizen
		rows         []map[string]any
		prepare      func(*functiontest.Bench, functiontest.Citizen) string
		code, remedy string // "": nothing is wrong
	}{
		{"the policy shows", maria, []map[string]any{functiontest.Row(maria.Person)}, asked, "", ""},
		{"no consent", maria, []map[string]any{functiontest.Row(maria.Person)},
			func(b *functiontest.Bench, c functiontest.Citizen) string { return b.Token(c.Claims()) }, "consent_missing", "grant"},
		{"consent in its waiting time", maria, []map[string]any{functiontest.Row(maria.Person)},
			func(b *functiontest.Bench, c functiontest.Citizen) string {
				token := holding(b, c, "self")
				b.Call("POST", consenttoggle.Name, "/", token, `{"operator":"ffoms","action":"revoke","reason":"Передумала"}`).Expect(200, "")
				return token
			}, "consent_waiting", "wait"},
		{"consent given, nothing asked", maria, []map[string]any{functiontest.Row(maria.Person)},
			func(b *functiontest.Bench, c functiontest.Citizen) string {
				token := b.Token(c.Claims())
				b.Consent(token, "self")
				return token
			}, "lookup_missing", "lookup"},
		{"asked, and the queue has it still", maria, []map[string]any{functiontest.Row(maria.Person)},
			func(b *functiontest.Bench, c functiontest.Citizen) string {
				token := b.Token(c.Claims())
				b.Consent(token, "self")
				b.Call("POST", policyrequest.Name, "/", token, `{"kind":"lookup"}`).Expect(202, "")
				b.Take(1)
				return token
			}, "lookup_under_way", "wait"},
		{"the register does not answer", maria, []map[string]any{functiontest.Row(maria.Person)},
			func(b *functiontest.Bench, c functiontest.Citizen) string {
				b.Put(insuredregistry.Name, nil)
				return holding(b, c, "self")
			}, "register_silent", "wait"},
		{"the register does not take the service's signature", maria, []map[string]any{functiontest.Row(maria.Person)},
			func(b *functiontest.Bench, c functiontest.Citizen) string {
				b.Put(insuredregistry.Name, functiontest.Refusing(401, "token_not_accepted"))
				return holding(b, c, "self")
			}, "register_silent", "wait"},
		{"another SNILS", with(maria, func(p *person.Person) { p.SNILS = anna.Person.SNILS }), []map[string]any{functiontest.Row(maria.Person)},
			asked, "snils_differs", "contact_insurer"},
		{"another document", with(maria, func(p *person.Person) { p.Document.Number = "999999" }), []map[string]any{functiontest.Row(maria.Person)},
			asked, "document_differs", "contact_insurer"},
		{"another surname", with(maria, func(p *person.Person) { p.Name.Family = "Орлова" }), []map[string]any{functiontest.Row(maria.Person)},
			asked, "name_differs", "contact_insurer"},
		{"another birth date", with(maria, func(p *person.Person) { p.Birth = p.Birth.AddDays(1) }), []map[string]any{functiontest.Row(maria.Person)},
			asked, "birth_date_differs", "contact_insurer"},
		{"two records", maria, []map[string]any{
			functiontest.Row(maria.Person, "document", nil),
			functiontest.Row(maria.Person, "snils", "", "enp", secondENP(maria.Person)),
		}, asked, "duplicate_records", "contact_fund"},
		{"not in the register", anna, []map[string]any{functiontest.Row(maria.Person)}, asked, "not_in_register", "register"},
		{"suspended", maria, []map[string]any{functiontest.Row(maria.Person, "suspended_from", "2026-01-15")}, asked, "policy_suspended", "resume"},
		{"the fund stands in", maria, []map[string]any{functiontest.Row(maria.Person, "insurer", "")}, asked, "no_insurer", "choose_insurer"},
	} {
		t.Run(tc.rule, func(t *testing.T) {
			b := bench(t, tc.rows...)
			e := examine(b, tc.prepare(b, tc.who), "")
			want := []string{}
			if tc.code != "" {
				want = append(want, tc.code)
			}
			if !slices.Equal(e.codes(), want) || e.Person != "self" || e.Text == "" {
				t.Fatalf("%+v", e)
			}
			if tc.code != "" && (e.Findings[0].Remedy.Kind != tc.remedy || e.Findings[0].Detail == "") {
				t.Errorf("%+v", e.Findings[0])
			}
		})
	}
}

// secondENP is a number of the same person that another record has.
func secondENP(p person.Person) person.ENP {
	enp, err := person.NewENP("26", p.Birth, p.Sex, 32)
	if err != nil {
		panic(err)
	}
	return enp
}

func TestWhatTheLoginLacksIsTold(t *testing.T) {
	b := bench(t, functiontest.Row(maria.Person))
	claims := maria.Claims()
	claims["id_doc"] = map[string]string{"type": "RF_PASSPORT", "series": "4512", "number": "123456", "vrfStu": "NOT_VERIFIED"}
	holding(b, maria, "self")
	if e := examine(b, b.Token(claims), "self"); !slices.Equal(e.codes(), []string{"document_not_confirmed"}) || e.Findings[0].Remedy.Kind != "confirm_account" {
		t.Errorf("%+v", e)
	}
	claims = maria.Claims()
	delete(claims, "snils")
	if e := examine(b, b.Token(claims), "self"); !slices.Equal(e.codes(), []string{"snils_missing"}) || e.Findings[0].Remedy.Kind != "update_login" {
		t.Errorf("%+v", e)
	}
	b.Call("GET", name, "/doctor", b.Token(functiontest.Claims{"sub": "1001", "trusted": false}), nil).Expect(403, "account_not_confirmed")
}

func TestARemedyBringsAllThatIsNeeded(t *testing.T) {
	b := bench(t, functiontest.Row(maria.Person, "insurer", ""))
	token := b.Token(maria.Claims())
	if r := examine(b, token, "").Findings[0].Remedy; !slices.Equal(r.Operators, []string{"ffoms", "mincifry"}) {
		t.Errorf("consents: %+v", r)
	}
	holding(b, maria, "self")
	if r := examine(b, token, "").Findings[0].Remedy; len(r.Insurers) < 4 || r.Fund == nil || r.Fund.Phone == "" {
		t.Errorf("choosing an insurer: %+v", r)
	}
	b.Call("POST", consenttoggle.Name, "/", token, `{"operator":"mincifry","action":"revoke","reason":"Передумала"}`).Expect(200, "")
	if r := examine(b, token, "").Findings[0].Remedy; r.From != "2026-03-10T09:10:00+03:00" || !slices.Equal(r.Operators, []string{"mincifry"}) {
		t.Errorf("waiting: %+v", r)
	}
	other := holding(b, anna, "self")
	if r := examine(b, other, "").Findings[0].Remedy; r.Fund == nil || len(r.Insurers) < 4 || r.Insurer != nil || r.Until != "2026-03-15T09:00:00+03:00" || r.Application == "" {
		t.Errorf("not in the register: %+v", r)
	}
	var english examined
	b.Call("GET", name, "/doctor", other, nil, "Accept-Language", "en").Expect(200, "").JSON(&english)
	if !strings.Contains(english.Findings[0].Detail, "not found in the register yet") {
		t.Errorf("%+v", english)
	}
}

func TestDataThatDifferAreToBeReportedWithinAMonth(t *testing.T) {
	b := bench(t, functiontest.Row(maria.Person))
	married := with(maria, func(p *person.Person) { p.Name.Family = "Орлова" })
	token := holding(b, married, "self")
	// Asking again puts the day off for nobody.
	b.Advance(10 * 24 * time.Hour)
	b.Call("POST", policyrequest.Name, "/", token, `{"kind":"lookup"}`).Expect(202, "")
	b.Deliver(1)
	r := examine(b, token, "").Findings[0].Remedy
	if r.By != "2026-04-10" || r.DaysLeft == nil || *r.DaysLeft != 21 || r.Insurer == nil || r.Insurer.SMO != "26002" {
		t.Errorf("%+v", r)
	}
	var c struct {
		ReportBy string `json:"report_by"`
		DaysLeft *int   `json:"report_days_left"`
	}
	b.Call("GET", name, "/", token, nil).Expect(200, "").JSON(&c)
	if c.ReportBy != "2026-04-10" || c.DaysLeft == nil || *c.DaysLeft != 21 {
		t.Errorf("the card: %+v", c)
	}
}

func TestAChildsPolicyIsExaminedForItsRepresentativesOnly(t *testing.T) {
	b := bench(t, functiontest.Child(functiontest.Ilya, maria), functiontest.Row(maria.Person))
	mother := b.Token(maria.Claims())
	id := child(b, mother)
	if e := examine(b, mother, id); !slices.Equal(e.codes(), []string{"consent_missing"}) || !slices.Equal(e.Findings[0].Remedy.Operators, []string{"ffoms"}) {
		t.Errorf("%+v", e)
	}
	holding(b, maria, id)
	if e := examine(b, mother, id); len(e.Findings) != 0 {
		t.Errorf("%+v", e)
	}
	stranger := b.Token(anna.Claims())
	b.Call("GET", name, "/doctor?person="+id, stranger, nil).Expect(404, "person_not_found")
	b.Call("POST", name, "/doctor", stranger, map[string]string{"person": id}).Expect(404, "person_not_found")
}

// sweep delivers what has come due.
func sweep(b *functiontest.Bench) {
	b.Call("POST", deadlinewatch.Name, "/", "", nil).Expect(200, "")
}

// restart puts new instances in place of all functions, over the same store.
func restart(b *functiontest.Bench) {
	b.Run(name, policycard.New)
	b.Run(policyrequest.Name, policyrequest.New)
	b.Run(consenttoggle.Name, consenttoggle.New)
	b.Run(insuredregistry.Name, insuredregistry.New)
	b.Run(deadlinewatch.Name, deadlinewatch.New)
}

type repairView struct {
	ID, Number, Kind, Person, Status, Text, Due string
	NextTry                                     string `json:"next_try"`
	Reasons                                     []struct{ Code string }
	Timeline                                    []struct{ At, Status, Detail string }
}

func repair(b *functiontest.Bench, token, who string) (r repairView) {
	b.Call("POST", name, "/doctor", token, map[string]string{"person": who}).Expect(202, "").JSON(&r)
	return r
}

func follow(b *functiontest.Bench, token, id string) (r repairView) {
	b.Call("GET", policyrequest.Name, "/"+id, token, nil).Expect(200, "").JSON(&r)
	return r
}

// given is somebody who has consented and asked for nothing yet.
func given(b *functiontest.Bench, c functiontest.Citizen, who string) string {
	token := b.Token(c.Claims())
	b.Consent(token, who)
	return token
}

func TestARepairEndsWithThePolicyShownThroughRestarts(t *testing.T) {
	b := bench(t, functiontest.Row(maria.Person))
	b.Run(deadlinewatch.Name, deadlinewatch.New)
	token := given(b, maria, "self")
	if e := examine(b, token, ""); !e.Repair {
		t.Fatalf("%+v", e)
	}
	r := repair(b, token, "self")
	if r.Kind != "repair" || r.Status != "working" || r.NextTry != "2026-03-10T09:10:00+03:00" || r.Due != "2026-03-15T09:10:00+03:00" || len(r.Timeline) != 2 {
		t.Fatalf("%+v", r)
	}
	b.Call("GET", name, "/", token, nil).Expect(403, "consent_required")
	if again := repair(b, token, ""); again.ID != r.ID {
		t.Errorf("a second click makes another repair: %s", again.ID)
	}
	if e := examine(b, token, ""); !slices.Equal(e.codes(), []string{"repair_under_way"}) || e.Findings[0].Remedy.Application != r.ID || e.Repair {
		t.Errorf("%+v", e)
	}

	restart(b)
	b.Advance(10*time.Minute - time.Second)
	sweep(b)
	b.Call("GET", name, "/", token, nil).Expect(403, "consent_required")

	// The register is away: the consents are given, the search goes on.
	restart(b)
	b.Put(insuredregistry.Name, nil)
	b.Advance(time.Second)
	sweep(b)
	if r := follow(b, token, r.ID); r.Status != "working" {
		t.Fatalf("%+v", r)
	}
	restart(b)
	b.Advance(time.Minute)
	sweep(b)
	done := follow(b, token, r.ID)
	if done.Status != "granted" || len(done.Timeline) != 5 {
		t.Fatalf("%+v", done)
	}
	if c := read(b, token, ""); c.Status != "active" {
		t.Errorf("%+v", c)
	}
	if e := examine(b, token, ""); len(e.Findings) != 0 {
		t.Errorf("%+v", e)
	}
	b.Call("POST", name, "/doctor", token, `{}`).Expect(409, "nothing_to_repair")

	// Each receipt says by which request it came to be.
	var list struct {
		History []struct{ Receipt, Status, Reason, Application string }
	}
	b.Call("GET", consenttoggle.Name, "/", token, nil).Expect(200, "").JSON(&list)
	if len(list.History) != 6 {
		t.Fatalf("%+v", list)
	}
	for i, h := range list.History[:4] {
		status := "granted"
		if i > 1 {
			status = "revoked"
		}
		if h.Status != status || h.Application != r.ID || !strings.Contains(h.Reason, r.Number) {
			t.Errorf("%+v", h)
		}
		b.Call("GET", consenttoggle.Name, "/receipts/"+h.Receipt, token, nil).Expect(200, "")
	}
}

func TestAConsentWithdrawnMeanwhileEndsTheRepair(t *testing.T) {
	for rule, when := range map[string]time.Duration{"while it waits": 5 * time.Minute, "while it searches": 10 * time.Minute} {
		t.Run(rule, func(t *testing.T) {
			b := bench(t, functiontest.Row(maria.Person))
			b.Run(deadlinewatch.Name, deadlinewatch.New)
			token := given(b, maria, "self")
			r := repair(b, token, "self")
			b.Put(insuredregistry.Name, nil)
			b.Advance(when)
			sweep(b)
			b.Call("POST", consenttoggle.Name, "/", token, `{"operator":"ffoms","action":"revoke","reason":"Передумала"}`).Expect(200, "")
			if when < 10*time.Minute {
				b.Deliver(1) // at once
			}
			b.Run(insuredregistry.Name, insuredregistry.New)
			b.Advance(time.Hour)
			sweep(b)
			done := follow(b, token, r.ID)
			if done.Status != "refused" || len(done.Reasons) != 1 || done.Reasons[0].Code != "consent_revoked" {
				t.Fatalf("%+v", done)
			}
			b.Call("GET", name, "/", token, nil).Expect(403, "consent_required")
			if e := examine(b, token, ""); e.codes()[0] != "consent_missing" {
				t.Errorf("%+v", e)
			}
			sweep(b)
			if last := follow(b, token, r.ID); len(last.Timeline) != len(done.Timeline) {
				t.Errorf("it goes on: %+v", last)
			}
		})
	}
}

func TestARepairThatIsWorkedOnTwiceGivesTheConsentsOnce(t *testing.T) {
	b := bench(t, functiontest.Row(maria.Person))
	b.Run(deadlinewatch.Name, deadlinewatch.New)
	token := given(b, maria, "self")
	b.Call("POST", name, "/doctor", token, `{}`, "Idempotency-Key", "k").Expect(202, "")
	b.Call("POST", name, "/doctor", token, `{}`, "Idempotency-Key", "k").Expect(202, "")
	b.Call("POST", name, "/doctor", token, `{"person":"self"}`, "Idempotency-Key", "k").Expect(422, "idempotency_key_reused")
	b.Advance(10 * time.Minute)
	sweep(b)
	sweep(b)
	var list struct{ History []struct{ Status string } }
	b.Call("GET", consenttoggle.Name, "/", token, nil).Expect(200, "").JSON(&list)
	if len(list.History) != 6 {
		t.Errorf("%+v", list.History)
	}
	read(b, token, "")
}

func TestARepairGoesOnFromAConsentThatWaits(t *testing.T) {
	b := bench(t, functiontest.Row(maria.Person))
	b.Run(deadlinewatch.Name, deadlinewatch.New)
	token := holding(b, maria, "self")
	b.Call("POST", consenttoggle.Name, "/", token, `{"operator":"ffoms","action":"revoke","reason":"Передумала"}`).Expect(200, "")
	b.Advance(4 * time.Minute)
	if r := repair(b, token, "self"); r.NextTry != "2026-03-10T09:14:00+03:00" { // the other is withdrawn only now
		t.Errorf("%+v", r)
	}
	b.Advance(10 * time.Minute)
	sweep(b)
	read(b, token, "")
}

func TestAChildsPolicyIsRepairedByTheFundsConsentAlone(t *testing.T) {
	b := bench(t, functiontest.Child(functiontest.Ilya, maria))
	b.Run(deadlinewatch.Name, deadlinewatch.New)
	token := b.Token(maria.Claims())
	id := child(b, token)
	b.Consent(token, id)
	r := repair(b, token, id)
	b.Advance(10 * time.Minute)
	sweep(b)
	if done := follow(b, token, r.ID); done.Status != "granted" || done.Person != id {
		t.Fatalf("%+v", done)
	}
	read(b, token, id)
}

func TestWhatARepairCannotHealIsRefusedByItsName(t *testing.T) {
	for _, tc := range []struct {
		rule  string
		who   functiontest.Citizen
		row   map[string]any
		asked bool
		code  string
	}{
		{"no consent was ever given", maria, functiontest.Row(maria.Person), false, "consent_missing"},
		{"not in the register", anna, functiontest.Row(maria.Person), true, "not_in_register"},
		{"another birth date", with(maria, func(p *person.Person) { p.Birth = p.Birth.AddDays(1) }), functiontest.Row(maria.Person), true, "birth_date_differs"},
		{"suspended", maria, functiontest.Row(maria.Person, "suspended_from", "2026-01-15"), true, "policy_suspended"},
		{"the policy shows", maria, functiontest.Row(maria.Person), true, "nothing_to_repair"},
	} {
		b := bench(t, tc.row)
		token := b.Token(tc.who.Claims())
		if tc.asked {
			token = holding(b, tc.who, "self")
		}
		b.Call("POST", name, "/doctor", token, `{}`).Expect(409, tc.code)
	}
}
