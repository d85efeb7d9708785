package function_test

import (
	"encoding/json"
	"maps"
	"strings"
	"testing"
	"time"

	insuredregistry "polis/functions/insured-registry"
	policylifecycle "polis/functions/policy-lifecycle"
	policyrequest "polis/functions/policy-request"
	"polis/shared/access"
	"polis/shared/calendar"
	"polis/shared/functiontest"
	"polis/shared/policy"
	"polis/shared/store"
)

const name = policylifecycle.Name

var maria = functiontest.Maria

func bench(t *testing.T) *functiontest.Bench {
	b := functiontest.New(t)
	b.Run(name, policylifecycle.New)
	b.Run(insuredregistry.Name, insuredregistry.New)
	return b
}

type view struct {
	ID, Number, Kind, Person, Status, Text, Region, Ground, From, Until string
	Due                                                                 time.Time
	NextTry                                                             time.Time `json:"next_try"`
	Reasons                                                             []struct{ Code, Detail string }
}

// submit asks for something; the work on it waits in the queue.
func submit(b *functiontest.Bench, token string, body map[string]string) (a view) {
	b.Call("POST", name, "/", token, body).Expect(202, "").JSON(&a)
	return a
}

// later has the agenda call the application's work, as deadline-watch does.
func later(b *functiontest.Bench, e store.Event) {
	e.ID = ""
	b.CallAs("deadline-watch", name, "/work", e).Expect(200, "")
}

func event(t *testing.T, q functiontest.Queued) (e store.Event) {
	t.Helper()
	if err := json.Unmarshal(q.Body, &e); err != nil {
		t.Fatal(err)
	}
	return e
}

// applications of a citizen, newest first, as policy-request lists them.
func applications(b *functiontest.Bench, token string) (all []view) {
	b.Run(policyrequest.Name, policyrequest.New)
	defer b.Put(policyrequest.Name, nil)
	var list struct{ Items []view }
	b.Call("GET", policyrequest.Name, "/", token, nil).Expect(200, "").JSON(&list)
	return list.Items
}

// card is what the register has to show of a citizen now.
func card(b *functiontest.Bench, c functiontest.Citizen) policy.Card {
	var f policy.Finding
	b.CallAs("policy-request", insuredregistry.Name, "/find", policy.Question{Applicant: c.Person}).Expect(200, "").JSON(&f)
	return *f.Card
}

func shown(b *functiontest.Bench, c functiontest.Citizen) string {
	of := card(b, c)
	return of.ShownText(calendar.Today(b.Now(), "26")).RU
}

func TestNewNamesEverythingMissingAtOnce(t *testing.T) {
	functiontest.MissingIsNamed(t, policylifecycle.New, append(functiontest.Stateful, "gateway_url")...)
	env := functiontest.New(t).Env("region", "00", "lifecycle_term", "0", "restoration_term", "x", "lifecycle_back", "-1")
	if _, err := policylifecycle.New(env); err == nil || strings.Count(err.Error(), "\n") < 3 {
		t.Errorf("%v", err)
	}
}

func TestEachRouteIsForOneRole(t *testing.T) {
	b := bench(t)
	b.OnlyFor(access.Citizen, name, "POST /")
	b.OnlyFor(access.Function, name, "POST /work")
}

func body(change ...string) map[string]string {
	q := map[string]string{"action": "suspend", "ground": "conscription", "from": "2026-03-11", "until": "2026-03-13"}
	for i := 0; i < len(change); i += 2 {
		if q[change[i]] = change[i+1]; change[i+1] == "" {
			delete(q, change[i])
		}
	}
	return q
}

func TestEveryWrongFieldIsNamed(t *testing.T) {
	b := bench(t)
	b.Import(functiontest.Row(maria.Person))
	token := b.Token(maria.Claims())
	for rule, tc := range map[string]struct {
		body   map[string]string
		fields map[string]string
	}{
		"an action there is not":          {body("action", "end"), map[string]string{"action": "action_unknown"}},
		"a ground outside the list":       {body("ground", "study"), map[string]string{"ground": "ground_unknown"}},
		"no ground":                       {body("ground", ""), map[string]string{"ground": "ground_unknown"}},
		"no first day":                    {body("from", ""), map[string]string{"from": "required"}},
		"a first day long ago":            {body("from", "2025-12-09", "until", ""), map[string]string{"from": "date_too_early"}},
		"a first day in a year and a day": {body("from", "2027-03-11", "until", ""), map[string]string{"from": "date_too_late"}},
		"the last before the first":       {body("until", "2026-03-10"), map[string]string{"until": "until_before_from"}},
		"a last that stands for no end":   {body("until", "2099-12-31"), map[string]string{"until": "date_too_late"}},
		"and one of another calendar":     {body("until", "9999-12-31"), map[string]string{"until": "date_too_late"}},
		"a child's":                       {body("person", "i1"), map[string]string{"person": "self_only"}},
		"a service where it has ended":    {body("action", "resume"), map[string]string{"ground": "not_expected", "until": "not_expected"}},
		"restored tomorrow":               {body("action", "restore", "ground", "", "until", ""), map[string]string{"from": "date_too_late"}},
	} {
		if fields := b.Call("POST", name, "/", token, tc.body).Expect(422, "invalid_fields").Fields(); !maps.Equal(fields, tc.fields) {
			t.Errorf("%s: %v", rule, fields)
		}
	}
	// The edges themselves are right.
	for _, from := range []string{"2025-12-10", "2027-03-10"} {
		submit(b, token, body("from", from, "until", ""))
	}
}

func TestWhatTheLawForbidsIsRefusedAtOnce(t *testing.T) {
	b := bench(t)
	young := functiontest.Pavel
	young.Person.Birth = calendar.On(2008, time.March, 12) // 18 in two days
	young.Person.Document.Number = "765432"
	b.Import(functiontest.Row(maria.Person), functiontest.Row(young.Person, "since", "2020-05-14"))
	anna := b.Token(functiontest.Anna.Claims())
	if res := b.Call("POST", name, "/", anna, body()).Expect(409, "not_in_register"); res.Suggest != "register" {
		t.Errorf("suggests %q", res.Suggest)
	}
	token := b.Token(maria.Claims())
	b.Call("POST", name, "/", token, body("action", "resume", "ground", "", "until", "")).Expect(409, "policy_not_suspended")
	b.Call("POST", name, "/", token, map[string]string{"action": "restore"}).Expect(409, "policy_not_ended")
	minor := b.Token(young.Claims())
	b.Call("POST", name, "/", minor, body()).Expect(409, "adults_only")
	b.Call("POST", name, "/", minor, body("action", "resume", "ground", "", "until", "")).Expect(409, "representative_needed")
	submit(b, minor, body("from", "2026-03-12")) // from the birthday on
	nobody := maria.Claims()
	delete(nobody, "snils")
	b.Call("POST", name, "/", b.Token(nobody), body()).Expect(409, "snils_missing")
}

func TestASuspensionBeginsAndEndsOnItsDaysByItself(t *testing.T) {
	b := bench(t)
	b.Import(functiontest.Row(maria.Person))
	token := b.Token(maria.Claims())
	a := submit(b, token, body())
	if a.Kind != "suspend" || a.Status != "submitted" || a.Region != "26" || a.Ground != "conscription" || a.From != "2026-03-11" || a.Until != "2026-03-13" {
		t.Errorf("%+v", a)
	}
	if due := time.Date(2026, time.March, 11, 23, 59, 59, 0, b.Now().Location()); !a.Due.Equal(due) {
		t.Errorf("due %v", a.Due)
	}
	if again := submit(b, token, body()); again.ID != a.ID {
		t.Error("a second click makes a second application")
	}
	work := b.Take(1)[0]
	for range 2 { // however often
		b.Send(work).Expect(200, "")
	}
	if next := card(b, maria).Changes.Next(calendar.On(2026, time.March, 10)); next.String() != "2026-03-11" {
		t.Errorf("the next day is %s", next)
	}
	for day, want := range map[int]string{
		10: "Активен. Бумажный полис менять не нужно", 11: "Приостановлен с 11.03.2026", 13: "Приостановлен с 11.03.2026", 14: "Активен. Бумажный полис менять не нужно",
	} {
		for _, hour := range []int{0, 23} {
			b.SetClock(time.Date(2026, time.March, day, hour, 59, 0, 0, functiontest.Begin.Location()))
			if got := shown(b, maria); got != want {
				t.Errorf("on the %dth at %d: %q", day, hour, got)
			}
		}
	}
	b.SetClock(time.Date(2026, time.March, 12, 9, 0, 0, 0, functiontest.Begin.Location()))
	b.Call("POST", name, "/", token, body("from", "2026-03-12", "until", "")).Expect(409, "policy_suspended")
}

func TestWhoWasSuspendedByAnImportResumesByThemself(t *testing.T) {
	b := bench(t)
	b.Import(functiontest.Row(maria.Person, "suspended_from", "2025-11-17"))
	if got := shown(b, maria); got != "Приостановлен с 17.11.2025" {
		t.Fatal(got)
	}
	a := submit(b, b.Token(maria.Claims()), map[string]string{"action": "resume"})
	if a.From != "2026-03-10" {
		t.Errorf("from %q instead of today", a.From)
	}
	b.Deliver(1)
	if got := shown(b, maria); got != "Активен. Бумажный полис менять не нужно" {
		t.Error(got)
	}
}

func TestWhatIsGrantedIsToldWithItsDay(t *testing.T) {
	resume := func(from string) map[string]string {
		return body("action", "resume", "ground", "", "until", "", "from", from)
	}
	for _, tc := range []struct {
		body   map[string]string
		region string
		text   string
	}{
		{resume(""), "26", "Одобрено. Полис возобновлён с\u00a010.03.2026"},
		{resume("2026-06-01"), "26", "Одобрено. Полис будет возобновлён с\u00a001.06.2026"},
		{body("from", "2026-03-10", "until", ""), "26", "Одобрено. Полис приостановлен с\u00a010.03.2026"},
		{body("from", "2026-03-10", "until", "2026-03-13"), "26", "Одобрено. Полис приостановлен с\u00a010.03.2026 по\u00a013.03.2026"},
		{body("from", "2026-03-11", "until", ""), "26", "Одобрено. Полис будет приостановлен с\u00a011.03.2026"},
		{body("from", "2026-03-11", "until", "2026-03-13"), "26", "Одобрено. Полис будет приостановлен с\u00a011.03.2026 по\u00a013.03.2026"},
		{body("from", "2026-03-11", "until", ""), "41", "Одобрено. Полис приостановлен с\u00a011.03.2026"},
	} {
		b := bench(t)
		b.SetClock(time.Date(2026, time.March, 10, 15, 0, 0, 0, time.UTC)) // the 11th in Kamchatka
		row := []any{"region", tc.region, "insurer", ""}
		if tc.body["action"] == "resume" {
			row = append(row, "suspended_from", "2025-11-17")
		}
		b.Import(functiontest.Row(maria.Person, row...))
		token := b.Token(maria.Claims())
		submit(b, token, tc.body)
		b.Deliver(1)
		if a := applications(b, token)[0]; a.Status != "granted" || a.Text != tc.text {
			t.Errorf("%v in %s: %+v", tc.body, tc.region, a)
		}
	}
}

func TestTodayIsThatOfTheRegionOfInsurance(t *testing.T) {
	b := bench(t)
	b.Import(functiontest.Row(maria.Person, "region", "41", "insurer", "", "suspended_from", "2025-11-17"))
	b.SetClock(time.Date(2026, time.March, 10, 15, 0, 0, 0, time.UTC)) // the 11th in Kamchatka
	a := submit(b, b.Token(maria.Claims()), map[string]string{"action": "resume"})
	if a.From != "2026-03-11" || a.Region != "41" || !strings.HasPrefix(a.Number, "20260311-") {
		t.Errorf("%+v", a)
	}
}

func TestAt18OneActsByTheClockOfTheRegionOfInsurance(t *testing.T) {
	young := maria
	young.Person.Birth = calendar.On(2008, time.March, 11)
	kamchatka := time.Date(2026, time.March, 10, 12, 0, 0, 0, time.UTC) // the first moment of the birthday
	for region, from := range map[string]time.Time{"41": kamchatka, "26": kamchatka.Add(9 * time.Hour)} {
		b := bench(t)
		b.Import(functiontest.Row(young.Person, "region", region, "insurer", "", "suspended_from", "2025-11-17"))
		token := b.Token(young.Claims())
		b.SetClock(from.Add(-time.Second))
		for _, action := range []string{"resume", "restore"} {
			b.Call("POST", name, "/", token, map[string]string{"action": action}).Expect(409, "representative_needed")
		}
		b.SetClock(from)
		submit(b, token, map[string]string{"action": "resume"})
		b.Call("POST", name, "/", token, map[string]string{"action": "restore"}).Expect(409, "policy_not_ended")
	}
}

func TestAFirstDayIsBoundByTheClockOfTheRegionOfInsurance(t *testing.T) {
	for region, latest := range map[string]string{"26": "2026-03-10", "41": "2026-03-11"} {
		b := bench(t)
		b.SetClock(time.Date(2026, time.March, 10, 15, 0, 0, 0, time.UTC)) // the 11th in Kamchatka
		b.Import(functiontest.Row(maria.Person, "region", region, "insurer", ""))
		b.Call("POST", insuredregistry.Name, "/events", b.Token(functiontest.Claims{"sub": "1", "roles": []string{"source"}, "source": "interior"}), map[string]any{
			"kind": "citizenship_lost", "source_id": "1", "person": map[string]any{"snils": maria.Person.SNILS, "birth_date": maria.Person.Birth},
		}).Expect(202, "")
		token := b.Token(maria.Claims())
		for _, from := range []string{"2026-03-10", "2026-03-11", "2026-03-12"} {
			res := b.Call("POST", name, "/", token, map[string]string{"action": "restore", "from": from})
			switch late := res.Fields()["from"] == "date_too_late"; {
			case late != (from > latest), !late && res.Status != 202 && res.Code != "policy_not_ended": // where it ends on the 11th, it is in force on the 10th
				t.Errorf("in %s from %s: %d %s", region, from, res.Status, res.Body)
			}
		}
	}
}

func TestASuspensionIsCalledOffByTheClockOfTheRegionOfInsurance(t *testing.T) {
	b := bench(t)
	b.SetClock(time.Date(2026, time.March, 10, 20, 0, 0, 0, time.UTC)) // 11 March, 08:00 in Kamchatka
	b.Import(functiontest.Row(maria.Person, "region", "41", "insurer", "41002"))
	token := b.Token(maria.Claims())
	submit(b, token, body("from", "2026-03-20", "until", "2026-03-25"))
	b.Deliver(1)
	a := submit(b, token, map[string]string{"action": "resume"})
	b.Deliver(1)
	if got := card(b, maria).Changes.On(calendar.On(2026, time.March, 20)); a.From != "2026-03-11" || got.State != policy.Active {
		t.Errorf("from %s: %+v", a.From, got)
	}
}

func TestASilentRegisterEndsNothing(t *testing.T) {
	b := bench(t)
	b.Import(functiontest.Row(maria.Person))
	a := submit(b, b.Token(maria.Claims()), body())
	e := event(t, b.Take(1)[0])
	b.Put(insuredregistry.Name, nil)
	b.CallAs("portal", name, "/work", e).Expect(200, "")
	b.Run(insuredregistry.Name, insuredregistry.New)
	if got := submit(b, b.Token(maria.Claims()), body()); got.ID != a.ID || got.Status != "working" || !got.NextTry.After(b.Now()) {
		t.Fatalf("%+v", got)
	}
	b.Advance(time.Minute)
	later(b, e)
	if next := card(b, maria).Changes.Next(calendar.On(2026, time.March, 10)); next.IsZero() {
		t.Error("not suspended in the end")
	}
}

func TestARefusalOfTheCallItselfEndsNothing(t *testing.T) {
	b := bench(t)
	token := b.Token(maria.Claims())
	for ground, refusal := range map[string]struct {
		status int
		code   string
	}{"conscription": {401, "token_not_accepted"}, "mobilisation": {429, "overloaded"}} {
		b.Put(insuredregistry.Name, functiontest.Refusing(refusal.status, refusal.code))
		a := submit(b, token, body("ground", ground))
		b.Deliver(1)
		if got := submit(b, token, body("ground", ground)); got.ID != a.ID || got.Status != "working" {
			t.Errorf("%s: %+v", refusal.code, got)
		}
	}
}

func TestWhatTheRegisterRefusesInTheMeantimeIsToldWithItsReason(t *testing.T) {
	b := bench(t)
	b.Import(functiontest.Row(maria.Person))
	token := b.Token(maria.Claims())
	submit(b, token, body("until", ""))
	submit(b, token, body("ground", "mobilisation", "until", ""))
	b.Deliver(2)
	if changes := card(b, maria).Changes; len(changes) != 1 {
		t.Errorf("suspended %d times", len(changes))
	}
	statuses := map[string]int{}
	for _, a := range applications(b, token) {
		if statuses[a.Status]++; a.Status == "refused" && (len(a.Reasons) != 1 || a.Reasons[0].Code != "policy_suspended" || a.Reasons[0].Detail == "") {
			t.Errorf("%+v", a.Reasons)
		}
	}
	if !maps.Equal(statuses, map[string]int{"granted": 1, "refused": 1}) {
		t.Errorf("%v", statuses)
	}
}

func TestARestorationWaitsForTheFund(t *testing.T) {
	b := bench(t)
	b.Import(functiontest.Row(maria.Person))
	b.Call("POST", insuredregistry.Name, "/events", b.Token(functiontest.Claims{"sub": "1", "roles": []string{"source"}, "source": "interior"}), map[string]any{
		"kind": "citizenship_lost", "source_id": "1", "person": map[string]any{"snils": maria.Person.SNILS, "birth_date": maria.Person.Birth},
	}).Expect(202, "")
	token := b.Token(maria.Claims())
	a := submit(b, token, map[string]string{"action": "restore"})
	if due := time.Date(2026, time.March, 16, 23, 59, 59, 0, b.Now().Location()); !a.Due.Equal(due) {
		t.Errorf("due %v", a.Due)
	}
	e := event(t, b.Take(1)[0])
	for range 2 {
		b.CallAs("portal", name, "/work", e).Expect(200, "")
		later(b, e)
	}
	got := applications(b, token)[0]
	if got.Status != "working" || got.Text != "На рассмотрении в территориальном фонде, ответ до\u00a016.03.2026" || !got.NextTry.IsZero() {
		t.Errorf("%+v", got)
	}
	if text := shown(b, maria); text != "Аннулирован с 10.03.2026. Причина: утрата гражданства" {
		t.Errorf("restored by nobody: %s", text)
	}
	b.Advance(24 * time.Hour)
	if again := submit(b, token, map[string]string{"action": "restore"}); again.ID != a.ID {
		t.Error("asked for again on the next day it is another case for the fund")
	}
}

func TestARetriedSuspensionIsAnsweredAsTheFirstAlsoOnceItIsGranted(t *testing.T) {
	b := bench(t)
	b.Import(functiontest.Row(maria.Person))
	token, body := b.Token(maria.Claims()), `{"action":"suspend","ground":"conscription","from":"2026-03-10"}`
	first := b.Call("POST", name, "/", token, body, "Idempotency-Key", "k").Expect(202, "")
	b.Deliver(1)
	if again := b.Call("POST", name, "/", token, body, "Idempotency-Key", "k").Expect(202, ""); string(again.Body) != string(first.Body) {
		t.Errorf("%s became %s", first.Body, again.Body)
	}
	b.Call("POST", name, "/", token, body, "Idempotency-Key", "another").Expect(409, "policy_suspended")
}

func TestAYearThatTheCalendarLacksComesBySetting(t *testing.T) {
	b := bench(t)
	b.SetClock(time.Date(2026, time.December, 30, 12, 0, 0, 0, time.UTC))
	b.Import(functiontest.Row(maria.Person))
	token, body := b.Token(maria.Claims()), `{"action":"suspend","ground":"conscription","from":"2026-12-30"}`
	b.Call("POST", name, "/", token, body).Expect(409, "calendar_year_missing")
	b.Run(name, policylifecycle.New, "workdays", "2027 off=01-11")
	var a view
	b.Call("POST", name, "/", token, body).Expect(202, "").JSON(&a)
	if due := a.Due.Format(time.RFC3339); due != "2027-01-12T23:59:59+03:00" {
		t.Errorf("due %s", due)
	}
	if _, err := policylifecycle.New(b.Env("workdays", "next year")); err == nil || !strings.Contains(err.Error(), "workdays") {
		t.Errorf("%v", err)
	}
}

func TestASuspensionIsKeptWhileTheRegisterIsSilent(t *testing.T) {
	b := bench(t)
	b.Import(functiontest.Row(maria.Person))
	token := b.Token(maria.Claims())
	b.Put(insuredregistry.Name, nil)
	a := submit(b, token, map[string]string{"action": "suspend", "ground": "conscription", "from": "2026-03-10"})
	work := b.Take(1)[0]
	b.Send(work).Expect(200, "")
	b.Run(insuredregistry.Name, insuredregistry.New)
	b.Advance(time.Minute)
	later(b, event(t, work))
	if all := applications(b, token); len(all) != 1 || all[0].ID != a.ID || all[0].Status != "granted" {
		t.Errorf("%+v", all)
	}
}

func TestOnlySoManyApplicationsAreUnderWay(t *testing.T) {
	b := bench(t)
	b.Put(insuredregistry.Name, nil) // none is decided
	token := b.Token(maria.Claims())
	on := func(day int) map[string]string {
		return body("from", calendar.Today(b.Now(), "26").AddDays(day).String(), "until", "")
	}
	var first view
	for day := range 20 {
		if a := submit(b, token, on(day)); day == 0 {
			first = a
		}
	}
	b.Call("POST", name, "/", token, on(20)).Expect(429, "too_many_open")
	if again := submit(b, token, on(0)); again.ID != first.ID {
		t.Error("what is asked for already is not found")
	}
	if all := applications(b, token); len(all) != 20 {
		t.Errorf("half done: %d", len(all))
	}
}
