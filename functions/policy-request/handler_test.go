package function_test

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	handler "github.com/openfaas/templates-sdk/go-http"

	consenttoggle "polis/functions/consent-toggle"
	insuredregistry "polis/functions/insured-registry"
	policycard "polis/functions/policy-card"
	policyrequest "polis/functions/policy-request"
	"polis/shared/access"
	"polis/shared/functiontest"
	"polis/shared/person"
	"polis/shared/policy"
	"polis/shared/store"
)

const name = policyrequest.Name

var maria, anna = functiontest.Maria, functiontest.Anna

func bench(t *testing.T) *functiontest.Bench {
	b := functiontest.New(t)
	b.Run(name, policyrequest.New)
	b.Run(consenttoggle.Name, consenttoggle.New)
	b.Run(insuredregistry.Name, insuredregistry.New)
	b.Run(policycard.Name, policycard.New)
	return b
}

// consenting is a token whose holder has given both consents.
func consenting(b *functiontest.Bench, c functiontest.Citizen) string {
	token := b.Token(c.Claims())
	b.Consent(token, "self")
	return token
}

type application struct {
	ID, Number, Kind, Person, Status, Text, Region, SMO string
	ENP                                                 person.ENP
	Submitted, Due                                      time.Time
	NextTry                                             time.Time `json:"next_try"`
	Overdue                                             bool
	Reasons                                             []struct{ Field, Code, Detail string }
	Timeline                                            []struct {
		At             time.Time
		Status, Detail string
	}
	Help *struct {
		Fund     struct{ Phone string }
		Insurers []struct{ SMO string }
		Offer    string
	}
}

func submit(b *functiontest.Bench, token, body string) (a application) {
	b.Call("POST", name, "/", token, body).Expect(202, "").JSON(&a)
	return a
}

func read(b *functiontest.Bench, token, id string) (a application) {
	b.Call("GET", name, "/"+id, token, nil).Expect(200, "").JSON(&a)
	return a
}

type page struct {
	Items []application
	Next  string
}

func list(b *functiontest.Bench, token, query string) (p page) {
	b.Call("GET", name, "/"+query, token, nil).Expect(200, "").JSON(&p)
	return p
}

// event is what the outbox holds of a queued call.
func event(t *testing.T, q functiontest.Queued) (e store.Event) {
	t.Helper()
	if err := json.Unmarshal(q.Body, &e); err != nil {
		t.Fatal(err)
	}
	if e.Topic != q.Target || e.Home == "" || e.Subject == "" || strings.Count(string(q.Body), `":`) != 5 {
		t.Fatalf("an event carries more or less than ids: %s", q.Body)
	}
	return e
}

// later has the agenda call the application's work, as deadline-watch does.
func later(b *functiontest.Bench, e store.Event) {
	e.ID = ""
	b.CallAs("deadline-watch", name, "/work", e).Expect(200, "")
}

// register stands in for the register.
func register(answer func() any) functiontest.Handler {
	return func(handler.Request) (handler.Response, error) {
		body, err := json.Marshal(answer())
		return handler.Response{StatusCode: 200, Body: body}, err
	}
}

func TestNewNamesEverythingMissingAtOnce(t *testing.T) {
	functiontest.MissingIsNamed(t, policyrequest.New, append(functiontest.Stateful, "gateway_url")...)
	env := functiontest.New(t).Env("region", "Ставрополь", "lookup_term", "5 days")
	if _, err := policyrequest.New(env); err == nil || !strings.Contains(err.Error(), "region") || !strings.Contains(err.Error(), "lookup_term") {
		t.Errorf("%v", err)
	}
}

func TestEachRouteIsForOneRole(t *testing.T) {
	b := bench(t)
	b.OnlyFor(access.Citizen, name, "POST /", "GET /", "GET /x")
	b.OnlyFor(access.Function, name, "POST /work")
}

func TestEveryWrongFieldIsNamed(t *testing.T) {
	b := bench(t)
	token := consenting(b, maria)
	for rule, tc := range map[string]struct {
		body   string
		fields map[string]string
	}{
		"a kind there is not":               {`{"kind":"choose"}`, map[string]string{"kind": "kind_unknown"}},
		"a number with another check digit": {`{"kind":"link","enp":"2656410837000319"}`, map[string]string{"enp": "enp_check_digit"}},
		"a number cut short":                {`{"kind":"link","enp":"2656"}`, map[string]string{"enp": "enp_length"}},
		"a number that was never typed":     {`{"kind":"link"}`, map[string]string{"enp": "enp_length"}},
		"a number only to link":             {`{"kind":"lookup","enp":"2656410837000318"}`, map[string]string{"enp": "not_expected"}},
		"an insurer only for a first one":   {`{"kind":"lookup","smo":"26001"}`, map[string]string{"smo": "not_expected"}},
		"a child's is not linked":           {`{"kind":"link","person":"i1","enp":"2656410837000318"}`, map[string]string{"person": "self_only"}},
		"a first one needs a region":        {`{"kind":"register"}`, map[string]string{"region": "required"}},
		"a region there is not":             {`{"kind":"register","region":"00"}`, map[string]string{"region": "region_unknown"}},
		"an insurer of another region":      {`{"kind":"register","region":"26","smo":"77004"}`, map[string]string{"smo": "smo_not_in_region"}},
		"an insurer there is not":           {`{"kind":"register","region":"26","smo":"26999"}`, map[string]string{"smo": "smo_not_in_region"}},
		"nothing else can be asked for":     {`{"kind":"lookup","what":["policy","diagnosis"]}`, map[string]string{"what": "what_unknown"}},
		"nothing at all":                    {`{"kind":"lookup","what":[]}`, map[string]string{"what": "required"}},
		"nothing to ask of a first one":     {`{"kind":"register","region":"26","what":["policy"]}`, map[string]string{"what": "not_expected"}},
		"all of them at once":               {`{"kind":"register","region":"26","person":"i1","enp":"1","smo":"1"}`, map[string]string{"person": "self_only", "enp": "not_expected", "smo": "smo_not_in_region"}},
		"a field that nobody asked for":     {`{"kind":"lookup","status":"granted"}`, map[string]string{"status": "unknown_field"}},
	} {
		if got := b.Call("POST", name, "/", token, tc.body).Expect(422, "invalid_fields").Fields(); !maps.Equal(got, tc.fields) {
			t.Errorf("%s: names %v instead of %v", rule, got, tc.fields)
		}
	}
	if p := list(b, token, ""); len(p.Items) != 0 {
		t.Errorf("left %+v", p.Items)
	}
}

func TestWhoMayApply(t *testing.T) {
	b := bench(t)
	const lookup, first = `{"kind":"lookup"}`, `{"kind":"register","region":"26"}`
	document := func(kind, status string) map[string]string {
		return map[string]string{"type": kind, "series": "4512", "number": "345678", "vrfStu": status}
	}
	for rule, tc := range map[string]struct {
		claim  string
		value  any
		body   string
		status int
		code   string
	}{
		"an adult gets a first policy":                {"birthDate", "2008-03-10", first, 202, ""},
		"not on the day before the 18th birthday":     {"birthDate", "2008-03-11", first, 409, "representative_needed"},
		"a minor may look for the policy":             {"birthDate", "2010-01-01", lookup, 202, ""},
		"a document that nobody verified":             {"id_doc", document("RF_PASSPORT", "NOT_VERIFIED"), first, 409, "document_not_confirmed"},
		"a foreign passport needs a person":           {"id_doc", document("FID_DOC", "VERIFIED"), first, 409, "document_not_confirmed"},
		"without a document the policy is looked for": {"id_doc", nil, lookup, 202, ""},
		"an account without SNILS":                    {"snils", "", lookup, 409, "snils_missing"},
		"a name that no document has":                 {"lastName", "Берёзкина😀", lookup, 422, "invalid_fields"},
		"a birth in the future":                       {"birthDate", "2027-01-01", lookup, 422, "invalid_fields"},
	} {
		claims := anna.Claims()
		claims["sub"], claims[tc.claim] = rule, tc.value
		token := b.Token(claims)
		b.Consent(token, "self")
		if res := b.Call("POST", name, "/", token, tc.body); res.Status != tc.status || res.Code != tc.code {
			t.Errorf("%s: %d %s", rule, res.Status, res.Body)
		}
		if n := len(list(b, token, "").Items); (n == 1) != (tc.status == 202) {
			t.Errorf("%s: left %d applications", rule, n)
		}
	}
}

func TestWithoutEveryConsentNothingIsLookedFor(t *testing.T) {
	b := bench(t)
	token := b.Token(anna.Claims())
	for _, body := range []string{`{"kind":"lookup"}`, `{"kind":"link","enp":"2656410837000318"}`} {
		if res := b.Call("POST", name, "/", token, body).Expect(403, "consent_required"); len(res.Fields()) != 2 {
			t.Errorf("names %v", res.Errors)
		}
	}
	b.Take(0)
	if p := list(b, token, ""); len(p.Items) != 0 {
		t.Errorf("left %+v", p.Items)
	}
	// A first policy rests on law, not on consent.
	submit(b, token, `{"kind":"register","region":"26"}`)
}

func TestALookupThatFindsThePolicyShowsIt(t *testing.T) {
	b := bench(t)
	b.Import(functiontest.Row(maria.Person))
	token := consenting(b, maria)
	a := submit(b, token, `{"kind":"lookup"}`)
	if a.Status != "submitted" || !strings.HasPrefix(a.Number, "20260310-") || !a.Due.Equal(functiontest.Begin.Add(5*24*time.Hour)) || a.Text != "Заявление подано" {
		t.Errorf("%+v", a)
	}
	b.Call("GET", policycard.Name, "/", token, nil).Expect(404, "policy_not_loaded")
	b.Deliver(1)
	if a = read(b, token, a.ID); a.Status != "granted" || len(a.Timeline) != 2 || !a.NextTry.IsZero() || len(a.Reasons) != 0 {
		t.Errorf("%+v", a)
	}
	b.Call("GET", policycard.Name, "/", token, nil).Expect(200, "")
}

func TestTheCopyTellsOfTheClinicOnceThatWasAskedFor(t *testing.T) {
	const clinic, none, unasked = "asked: true, Поликлиника № 1", "asked: true, ", "asked: false, "
	attached := functiontest.Row(maria.Person, "clinic", map[string]string{"name": "Поликлиника № 1"})
	for rule, tc := range map[string]struct {
		row  map[string]any
		asks []string // one after the other
		want []string // what the card tells of the clinic after each
	}{
		"the policy first":               {attached, []string{`["policy"]`, `["attachment"]`, `["policy"]`}, []string{unasked, clinic, clinic}},
		"the services first":             {attached, []string{`["services"]`, `["policy","attachment"]`, `["services"]`}, []string{unasked, clinic, clinic}},
		"of which the register has none": {functiontest.Row(maria.Person), []string{`["policy"]`, `["attachment","services"]`, `["services"]`}, []string{unasked, none, none}},
	} {
		b := bench(t)
		b.Import(tc.row)
		token := consenting(b, maria)
		told := func(when, want string) {
			t.Helper()
			var card struct {
				Clinic struct{ Name string }
				Asked  bool `json:"clinic_asked"`
			}
			b.Call("GET", policycard.Name, "/", token, nil).Expect(200, "").JSON(&card)
			if got := fmt.Sprintf("asked: %v, %s", card.Asked, card.Clinic.Name); got != want {
				t.Errorf("%s, %s: %s", rule, when, got)
			}
		}
		var refresh functiontest.Queued
		for n, what := range tc.asks {
			submit(b, token, `{"kind":"lookup","what":`+what+`}`)
			b.Deliver(1)
			told(what, tc.want[n])
			if n == 0 {
				refresh = change(b, "application-1", maria, "", "26001", policy.ByRight)
			}
			b.Send(refresh).Expect(200, "")
			told("brought up to date after "+what, tc.want[n])
		}
	}
}

func TestNotFoundIsTriedAgainUntilTheTermAndThenRefusedWithHelp(t *testing.T) {
	b := bench(t)
	token := consenting(b, anna)
	a := submit(b, token, `{"kind":"lookup"}`)
	work := b.Take(1)[0]
	b.Send(work).Expect(200, "")
	e := event(t, work)
	for _, wait := range []time.Duration{time.Minute, 5 * time.Minute, 15 * time.Minute, time.Hour, 6 * time.Hour, 6 * time.Hour} {
		if a = read(b, token, a.ID); a.Status != "working" || !a.NextTry.Equal(b.Now().Add(wait)) || len(a.Timeline) != 2 {
			t.Fatalf("%+v", a)
		}
		if a.Help == nil || a.Help.Offer != "register" || len(a.Reasons) != 0 {
			t.Fatalf("what can be done meanwhile: %+v", a)
		}
		b.SetClock(a.NextTry)
		later(b, e)
	}
	b.SetClock(a.Due.Add(-time.Second))
	later(b, e)
	if a = read(b, token, a.ID); a.Status != "working" || !a.NextTry.Equal(a.Due) {
		t.Fatalf("before the term: %+v", a)
	}
	b.SetClock(a.Due)
	later(b, e)
	a = read(b, token, a.ID)
	if a.Status != "refused" || len(a.Reasons) != 1 || a.Reasons[0].Code != "not_in_register" || a.Reasons[0].Detail == "" {
		t.Fatalf("at the term: %+v", a)
	}
	if a.Help == nil || a.Help.Fund.Phone == "" || len(a.Help.Insurers) < 4 || a.Help.Offer != "register" {
		t.Errorf("help: %+v", a.Help)
	}
}

func TestASilentRegisterIsNeverNotFound(t *testing.T) {
	for rule, silent := range map[string]handler.FunctionHandler{
		"away":    nil,
		"failing": functiontest.Handler(func(handler.Request) (handler.Response, error) { return handler.Response{StatusCode: 500}, nil }),
		"no sense": functiontest.Handler(func(handler.Request) (handler.Response, error) {
			return handler.Response{StatusCode: 200, Body: []byte("<html>")}, nil
		}),
		"no function": functiontest.Handler(func(handler.Request) (handler.Response, error) {
			return handler.Response{StatusCode: 404, Body: []byte("404 page not found")}, nil
		}),
	} {
		t.Run(rule, func(t *testing.T) {
			b := bench(t)
			b.Import(functiontest.Row(maria.Person))
			token := consenting(b, maria)
			b.Put(insuredregistry.Name, silent)
			a := submit(b, token, `{"kind":"lookup"}`)
			work := b.Take(1)[0]
			b.Send(work).Expect(200, "")
			for _, at := range []time.Time{a.Due.Add(-time.Hour), a.Due, a.Due.Add(24 * time.Hour)} {
				b.SetClock(at)
				later(b, event(t, work))
				if a = read(b, token, a.ID); a.Status != "working" || len(a.Reasons) != 0 || a.Overdue != at.After(a.Due) {
					t.Fatalf("at %s: %+v", at, a)
				}
			}
			b.Run(insuredregistry.Name, insuredregistry.New)
			b.SetClock(a.NextTry)
			later(b, event(t, work))
			if a = read(b, token, a.ID); a.Status != "granted" || a.Overdue {
				t.Errorf("%+v", a)
			}
		})
	}
}

func TestAShortSilenceIsWaitedOutInSecondsAndDelaysNoLaterSearch(t *testing.T) {
	b := bench(t)
	b.Put(insuredregistry.Name, nil)
	token := consenting(b, anna)
	a := submit(b, token, `{"kind":"lookup"}`)
	work := b.Take(1)[0]
	b.Send(work).Expect(200, "")
	for _, wait := range []time.Duration{5 * time.Second, 10 * time.Second, 20 * time.Second, 40 * time.Second} {
		if a = read(b, token, a.ID); a.Status != "working" || !a.NextTry.Equal(b.Now().Add(wait)) {
			t.Fatalf("%+v at %s", a, b.Now())
		}
		b.SetClock(a.NextTry)
		later(b, event(t, work))
	}
	b.Run(insuredregistry.Name, insuredregistry.New)
	for _, wait := range []time.Duration{time.Minute, 5 * time.Minute} {
		b.SetClock(read(b, token, a.ID).NextTry)
		later(b, event(t, work))
		if a = read(b, token, a.ID); a.Status != "working" || !a.NextTry.Equal(b.Now().Add(wait)) {
			t.Fatalf("answered: %+v at %s", a, b.Now())
		}
	}
}

func TestDataThatDifferAreThePersonsToCompareAndTheSearchGoesOn(t *testing.T) {
	b := bench(t)
	b.Import(functiontest.Row(maria.Person))
	claims := maria.Claims()
	claims["birthDate"] = "1985-03-13"
	token := b.Token(claims)
	b.Consent(token, "self")
	a := submit(b, token, `{"kind":"lookup"}`)
	work := b.Take(1)[0]
	b.Send(work).Expect(200, "")
	if a = read(b, token, a.ID); a.Status != "needs_person" || len(a.Reasons) != 1 || a.Reasons[0].Code != "birth_date_differs" || a.Reasons[0].Field != "birth_date" || a.Help == nil {
		t.Fatalf("%+v", a)
	}
	b.SetClock(a.Due)
	later(b, event(t, work))
	if a = read(b, token, a.ID); a.Status != "refused" || a.Reasons[0].Code != "birth_date_differs" {
		t.Errorf("at the term: %+v", a)
	}
}

func TestWhatWasComparedAndCorrectedIsFound(t *testing.T) {
	b := bench(t)
	finding := policy.Finding{Reasons: []string{policy.NameDiffers}}
	b.Put(insuredregistry.Name, register(func() any { return finding }))
	token := consenting(b, maria)
	a := submit(b, token, `{"kind":"lookup"}`)
	work := b.Take(1)[0]
	b.Send(work).Expect(200, "")
	finding = policy.Finding{Card: &policy.Card{Person: maria.Person}}
	b.SetClock(read(b, token, a.ID).NextTry)
	later(b, event(t, work))
	if a = read(b, token, a.ID); a.Status != "granted" || len(a.Reasons) != 0 || len(a.Timeline) != 3 {
		t.Errorf("%+v", a)
	}
}

func TestANumberTypedByHandIsShownToItsHolderOnly(t *testing.T) {
	b := bench(t)
	row := functiontest.Row(maria.Person)
	b.Import(row)
	grouped := row["enp"].(person.ENP).Grouped()
	for _, tc := range []struct {
		who            functiontest.Citizen
		status, reason string
	}{{maria, "granted", ""}, {anna, "needs_person", "enp_differs"}} {
		token := consenting(b, tc.who)
		a := submit(b, token, `{"kind":"link","enp":"`+grouped+`"}`)
		b.Deliver(1)
		a = read(b, token, a.ID)
		if a.Status != tc.status || (tc.reason != "") != (len(a.Reasons) == 1) || tc.reason != "" && a.Reasons[0].Code != tc.reason {
			t.Errorf("%s: %+v", tc.who.Person.Name.Given, a)
		}
	}
}

func TestNumbersAreNotGuessed(t *testing.T) {
	b := bench(t)
	token := consenting(b, anna)
	typed := func(serial int) string {
		enp, err := person.NewENP("26", anna.Person.Birth, anna.Person.Sex, serial)
		if err != nil {
			t.Fatal(err)
		}
		return fmt.Sprintf(`{"kind":"link","enp":"%s"}`, enp)
	}
	first := submit(b, token, typed(0))
	for n := 1; n < 5; n++ {
		submit(b, token, typed(n))
	}
	b.Advance(time.Hour)
	if again := submit(b, token, typed(0)); again.ID != first.ID {
		t.Error("a number that is searched for already counts as another")
	}
	res := b.Call("POST", name, "/", token, typed(5)).Expect(429, "too_many_numbers")
	if res.From != "2026-03-11T09:00:00+03:00" || res.Header.Get("Retry-After") != "82800" {
		t.Errorf("%s, %s", res.From, res.Header.Get("Retry-After"))
	}
	if all := list(b, token, ""); len(all.Items) != 5 {
		t.Errorf("half done: %+v", all.Items)
	}
	submit(b, token, `{"kind":"lookup"}`) // is none
	// Nor does it help to end the searches: without a consent they are refused.
	queued := b.Take(6)
	b.Call("POST", consenttoggle.Name, "/", token, `{"operator":"ffoms","action":"revoke","reason":"Передумала"}`).Expect(200, "")
	for _, q := range queued {
		b.Send(q).Expect(200, "")
	}
	if a := read(b, token, first.ID); a.Status != "refused" {
		t.Errorf("%+v", a)
	}
	b.Advance(10 * time.Minute)
	b.Consent(token, "self")
	b.Call("POST", name, "/", token, typed(5)).Expect(429, "too_many_numbers")
	b.Advance(23 * time.Hour)
	submit(b, token, typed(5))
}

func copies(b *functiontest.Bench) (n int) {
	for _, key := range b.Redis.Keys() {
		if strings.HasPrefix(key, "card:") {
			n++
		}
	}
	return n
}

func TestAConsentRevokedBeforeOrDuringTheWorkLeavesNothingBehind(t *testing.T) {
	revoke := func(b *functiontest.Bench, token string) {
		b.Call("POST", consenttoggle.Name, "/", token, `{"operator":"ffoms","action":"revoke","reason":"Передумала"}`).Expect(200, "")
	}
	regrant := func(b *functiontest.Bench, token string) {
		b.Advance(10 * time.Minute)
		b.Call("POST", consenttoggle.Name, "/", token, `{"operator":"ffoms","action":"grant"}`).Expect(200, "")
	}
	for rule, tc := range map[string]struct {
		before, during []func(*functiontest.Bench, string)
	}{
		"before":                       {before: []func(*functiontest.Bench, string){revoke}},
		"before, and granted again":    {before: []func(*functiontest.Bench, string){revoke, regrant}},
		"while the register is asked":  {during: []func(*functiontest.Bench, string){revoke}},
		"meanwhile, and granted again": {during: []func(*functiontest.Bench, string){revoke, regrant}},
	} {
		t.Run(rule, func(t *testing.T) {
			b := bench(t)
			b.Import(functiontest.Row(maria.Person))
			token := consenting(b, maria)
			a := submit(b, token, `{"kind":"lookup"}`)
			work := b.Take(1)[0]
			for _, do := range tc.before {
				do(b, token)
			}
			real := b.Run(insuredregistry.Name, insuredregistry.New)
			b.Put(insuredregistry.Name, functiontest.Handler(func(r handler.Request) (handler.Response, error) {
				if tc.before != nil {
					t.Error("the register is asked without consent")
				}
				res, err := real.Handle(r)
				for _, do := range tc.during {
					do(b, token)
				}
				return res, err
			}))
			b.Send(work).Expect(200, "")
			if a = read(b, token, a.ID); a.Status != "refused" || a.Reasons[0].Code != "consent_revoked" || a.Help.Offer != "lookup" {
				t.Errorf("%+v", a)
			}
			forgets(t, b)
			if n, left := copies(b), tied(t, b); n != 0 || len(left) != 0 {
				t.Errorf("%d copies are left, tied %q", n, left)
			}
		})
	}
}

func TestWorkDeliveredAgainChangesNothing(t *testing.T) {
	b := bench(t)
	asked := 0
	b.Put(insuredregistry.Name, register(func() any { asked++; return policy.Finding{Reasons: []string{policy.NotInRegister}} }))
	token := consenting(b, anna)
	a := submit(b, token, `{"kind":"lookup"}`)
	work := b.Take(1)[0]
	b.Send(work).Expect(200, "")
	first := read(b, token, a.ID)
	b.Send(work).Expect(200, "")
	later(b, event(t, work)) // before its time
	if again := read(b, token, a.ID); !again.NextTry.Equal(first.NextTry) || len(again.Timeline) != len(first.Timeline) {
		t.Errorf("%+v became %+v", first, again)
	}
	b.SetClock(first.NextTry)
	later(b, event(t, work))
	before := asked
	later(b, event(t, work))
	if asked != before {
		t.Error("work on the agenda is done twice at its time")
	}
	b.SetClock(a.Due)
	later(b, event(t, work))
	end := b.Call("GET", name, "/"+a.ID, token, nil).Expect(200, "")
	before = asked
	b.Send(work).Expect(200, "")
	later(b, event(t, work))
	if after := b.Call("GET", name, "/"+a.ID, token, nil); string(after.Body) != string(end.Body) || asked != before {
		t.Errorf("after the end: %s became %s", end.Body, after.Body)
	}
	unknown := event(t, work)
	unknown.Subject = "0123456789abcdefghjkmnpqrs"
	later(b, unknown)
}

func TestAFirstPolicyIsGrantedByRule(t *testing.T) {
	b := bench(t)
	token := b.Token(anna.Claims())
	a := submit(b, token, `{"kind":"register","region":"26","smo":"26001"}`)
	if a.Status != "submitted" || a.Person != "self" || a.SMO != "26001" {
		t.Errorf("%+v", a)
	}
	work := b.Take(1)[0]
	b.Send(work).Expect(200, "")
	b.Send(work).Expect(200, "")
	if a = read(b, token, a.ID); a.Status != "granted" || len(a.ENP.Warnings(anna.Person.Birth, anna.Person.Sex)) != 0 {
		t.Errorf("%+v", a)
	}
	if n := copies(b); n != 0 {
		t.Errorf("%d copies without consent", n)
	}
	again := submit(b, token, `{"kind":"register","region":"26"}`)
	b.Deliver(1)
	if again = read(b, token, again.ID); again.ID == a.ID || again.Status != "refused" || again.Reasons[0].Code != "already_insured" || again.Help.Offer != "lookup" {
		t.Errorf("%+v", again)
	}
}

func TestAFirstPolicyThatIsGrantedEndsTheSearchForIt(t *testing.T) {
	b := bench(t)
	token := consenting(b, anna)
	search := submit(b, token, `{"kind":"lookup"}`)
	b.Deliver(1)
	if search = read(b, token, search.ID); search.Status != "working" {
		t.Fatalf("%+v", search)
	}
	first := submit(b, token, `{"kind":"register","region":"26"}`)
	work := b.Take(1)[0]
	b.Send(work).Expect(200, "")
	b.Send(work).Expect(200, "")
	b.Deliver(1) // of the search, once
	if first, search = read(b, token, first.ID), read(b, token, search.ID); first.Status != "granted" || search.Status != "granted" || search.Help != nil {
		t.Errorf("%+v, %+v", first, search)
	}
}

func TestASecondClickIsWorkedOnAtOnceAndOnlyOnce(t *testing.T) {
	b := bench(t)
	token := consenting(b, anna)
	search := submit(b, token, `{"kind":"lookup"}`)
	b.Deliver(1)
	b.Import(functiontest.Row(anna.Person))
	for range 3 {
		if again := submit(b, token, `{"kind":"lookup"}`); again.ID != search.ID {
			t.Fatalf("%+v is another than %+v", again, search)
		}
	}
	b.Deliver(1)
	if a := read(b, token, search.ID); a.Status != "granted" || len(list(b, token, "").Items) != 1 {
		t.Errorf("%+v", a)
	}
}

func TestASecondClickPutsOffNoTryThatWasPlanned(t *testing.T) {
	b := bench(t)
	b.Put(insuredregistry.Name, nil)
	token := consenting(b, anna)
	a := submit(b, token, `{"kind":"lookup"}`)
	work := b.Take(1)[0]
	b.Send(work).Expect(200, "")
	for range 3 {
		b.SetClock(read(b, token, a.ID).NextTry)
		later(b, event(t, work))
	}
	planned := read(b, token, a.ID).NextTry
	for range 3 {
		b.Advance(time.Second)
		submit(b, token, `{"kind":"lookup"}`)
		b.Deliver(1)
		if a = read(b, token, a.ID); a.Status != "working" || !a.NextTry.Equal(planned) {
			t.Fatalf("%+v instead of %s", a, planned)
		}
	}
	b.SetClock(planned)
	later(b, event(t, work))
	if a = read(b, token, a.ID); !a.NextTry.Equal(planned.Add(80 * time.Second)) {
		t.Errorf("%+v", a)
	}
}

func TestWhoIsInTheRegisterNeedsNoFirstPolicy(t *testing.T) {
	b := bench(t)
	other := functiontest.Pavel.Person
	other.Document = anna.Person.Document
	b.Import(functiontest.Row(maria.Person), functiontest.Row(other, "snils", ""))
	for _, tc := range []struct {
		who    functiontest.Citizen
		reason string
	}{{maria, "already_insured"}, {anna, "document_taken"}} {
		token := b.Token(tc.who.Claims())
		a := submit(b, token, `{"kind":"register","region":"26"}`)
		b.Deliver(1)
		if a = read(b, token, a.ID); a.Status != "refused" || a.Reasons[0].Code != tc.reason || a.Reasons[0].Detail == "" {
			t.Errorf("%s: %+v", tc.reason, a)
		}
	}
}

func TestAFirstPolicyWaitsForARegisterThatIsSilent(t *testing.T) {
	b := bench(t)
	b.Put(insuredregistry.Name, nil)
	token := b.Token(anna.Claims())
	a := submit(b, token, `{"kind":"register","region":"26"}`)
	work := b.Take(1)[0]
	b.Send(work).Expect(200, "")
	b.SetClock(a.Due.Add(time.Hour))
	later(b, event(t, work))
	if a = read(b, token, a.ID); a.Status != "working" || !a.Overdue {
		t.Errorf("%+v", a)
	}
	b.Run(insuredregistry.Name, insuredregistry.New)
	b.SetClock(a.NextTry)
	later(b, event(t, work))
	if a = read(b, token, a.ID); a.Status != "granted" {
		t.Errorf("%+v", a)
	}
}

func TestAFirstPolicyIsRefusedForWhatIsWrongWithItAndNotForHowItWasAsked(t *testing.T) {
	for wrong, want := range map[string]string{
		`{"field":"person.document.expires","code":"document_expired","detail":"Истёк"}`: "refused person.document.expires document_expired",
		`{"field":"person.citizenship","code":"unknown_field"}`:                          "working",
		`{"field":"person.birth_date","code":"date_wrong"}`:                              "working",
		`{"field":"child.birth_record.number","code":"wrong_type"}`:                      "working",
		`{"field":"category","code":"required"}`:                                         "working",
		``:                                                                               "working",
	} {
		b := bench(t)
		token := b.Token(anna.Claims())
		a := submit(b, token, `{"kind":"register","region":"26"}`)
		b.Put(insuredregistry.Name, functiontest.Handler(func(handler.Request) (handler.Response, error) {
			return handler.Response{StatusCode: 422, Header: map[string][]string{"Content-Type": {"application/problem+json"}},
				Body: []byte(`{"code":"invalid_fields","status":422,"errors":[` + wrong + `]}`)}, nil
		}))
		b.Deliver(1)
		a = read(b, token, a.ID)
		got := a.Status
		for _, r := range a.Reasons {
			got += " " + r.Field + " " + r.Code
		}
		if got != want {
			t.Errorf("%s: %q instead of %q", wrong, got, want)
		}
	}
}

func TestAFirstPolicyIsDueAtTheEndOfTheNextWorkingDayThere(t *testing.T) {
	for rule, tc := range map[string]struct{ now, region, due string }{
		"on a Tuesday":                         {"2026-03-10T09:00:00+03:00", "26", "2026-03-11T23:59:59+03:00"},
		"on a Friday evening, by Monday":       {"2026-03-13T20:00:00+03:00", "26", "2026-03-16T23:59:59+03:00"},
		"on a Saturday, by Monday":             {"2026-03-14T12:00:00+03:00", "26", "2026-03-16T23:59:59+03:00"},
		"it is Saturday already in Kamchatka":  {"2026-03-13T20:00:00+03:00", "41", "2026-03-16T23:59:59+12:00"},
		"it is Wednesday already in Kamchatka": {"2026-03-10T18:00:00+03:00", "41", "2026-03-12T23:59:59+12:00"},
		"it is Thursday still in Kaliningrad":  {"2026-03-13T00:30:00+03:00", "39", "2026-03-13T23:59:59+02:00"},
		"before the May holidays":              {"2026-04-30T10:00:00+03:00", "26", "2026-05-04T23:59:59+03:00"},
	} {
		b := functiontest.New(t)
		b.Run(name, policyrequest.New)
		now, err := time.Parse(time.RFC3339, tc.now)
		if err != nil {
			t.Fatal(err)
		}
		b.SetClock(now)
		a := submit(b, b.Token(anna.Claims()), `{"kind":"register","region":"`+tc.region+`"}`)
		if got := a.Due.Format(time.RFC3339); got != tc.due {
			t.Errorf("%s: %s instead of %s", rule, got, tc.due)
		}
	}
	b := functiontest.New(t)
	b.Run(name, policyrequest.New)
	b.SetClock(time.Date(2030, time.March, 5, 9, 0, 0, 0, time.UTC))
	b.Call("POST", name, "/", b.Token(anna.Claims()), `{"kind":"register","region":"26"}`).Expect(409, "calendar_year_missing")
}

func TestTenClicksAtOnceAreOneApplication(t *testing.T) {
	for rule, header := range map[string][]string{"without a key": nil, "with one key": {"Idempotency-Key", "k1"}} {
		b := bench(t)
		token := consenting(b, anna)
		ids := make([]string, 10)
		var all sync.WaitGroup
		for i := range ids {
			all.Go(func() {
				var a application
				b.Call("POST", name, "/", token, `{"kind":"lookup"}`, header...).Expect(202, "").JSON(&a)
				ids[i] = a.ID
			})
		}
		all.Wait()
		if len(slices.Compact(ids)) != 1 || len(list(b, token, "").Items) != 1 {
			t.Errorf("%s: %v", rule, ids)
		}
		b.Take(1)
	}
}

func TestARetriedRequestIsAnsweredAsTheFirst(t *testing.T) {
	b := bench(t)
	token, key := consenting(b, anna), []string{"Idempotency-Key", "k1"}
	first := b.Call("POST", name, "/", token, `{"kind":"lookup"}`, key...).Expect(202, "")
	b.Deliver(1)
	b.Advance(time.Hour)
	if again := b.Call("POST", name, "/", token, `{"kind":"lookup"}`, key...).Expect(202, ""); string(again.Body) != string(first.Body) {
		t.Errorf("%s became %s", first.Body, again.Body)
	}
	b.Call("POST", name, "/", token, `{"kind":"lookup","what":["policy"]}`, key...).Expect(422, "idempotency_key_reused")
	b.Take(0)
}

func TestAfterTheEndOrANewConsentOneAsksAnew(t *testing.T) {
	b := bench(t)
	b.Import(functiontest.Row(maria.Person))
	token := consenting(b, maria)
	first := submit(b, token, `{"kind":"lookup"}`)
	b.Deliver(1)
	second := submit(b, token, `{"kind":"lookup"}`)
	b.Take(1) // lost: it stays open
	b.Call("POST", consenttoggle.Name, "/", token, `{"operator":"ffoms","action":"revoke","reason":"Передумала"}`).Expect(200, "")
	b.Advance(10 * time.Minute)
	b.Consent(token, "self")
	third := submit(b, token, `{"kind":"lookup"}`)
	b.Deliver(1)
	if first.ID == second.ID || second.ID == third.ID {
		t.Errorf("%s, %s, %s", first.ID, second.ID, third.ID)
	}
	if a := read(b, token, third.ID); a.Status != "granted" {
		t.Errorf("%+v", a)
	}
}

func TestTheListIsPagedNewestFirst(t *testing.T) {
	b := bench(t)
	token := consenting(b, anna)
	var want, got []string
	for serial := range 5 {
		enp, err := person.NewENP("26", anna.Person.Birth, anna.Person.Sex, serial)
		if err != nil {
			t.Fatal(err)
		}
		want = append([]string{submit(b, token, fmt.Sprintf(`{"kind":"link","enp":"%s"}`, enp)).ID}, want...)
		b.Advance(time.Second)
	}
	var sizes []int
	for next := ""; ; {
		p := list(b, token, "?limit=2&next="+next)
		sizes = append(sizes, len(p.Items))
		for _, a := range p.Items {
			got = append(got, a.ID)
		}
		if next = p.Next; next == "" {
			break
		}
	}
	if !slices.Equal(got, want) || !slices.Equal(sizes, []int{2, 2, 1}) {
		t.Errorf("pages of %v: %v instead of %v", sizes, got, want)
	}
	for _, limit := range []string{"0", "101", "x", "1.5"} {
		if res := b.Call("GET", name, "/?limit="+limit, token, nil).Expect(422, "invalid_fields"); res.Fields()["limit"] != "out_of_range" {
			t.Errorf("%s: %v", limit, res.Errors)
		}
	}
}

func TestAnotherAccountsApplicationDoesNotExist(t *testing.T) {
	b := bench(t)
	mine := submit(b, consenting(b, maria), `{"kind":"lookup"}`)
	theirs := b.Token(anna.Claims())
	for _, id := range []string{mine.ID, "x", "..", "%00", strings.Repeat("0", 26)} {
		b.Call("GET", name, "/"+id, theirs, nil).Expect(404, "application_not_found")
	}
	if p := list(b, theirs, "?next="+mine.ID); len(p.Items) != 0 {
		t.Errorf("%+v", p.Items)
	}
}

func TestAChildsPolicyIsShownToItsRepresentativeWhileItIsAChild(t *testing.T) {
	b := bench(t)
	b.Import(functiontest.Child(functiontest.Ilya, maria))
	mother := b.Token(maria.Claims())
	var family struct{ Items []struct{ Person string } }
	b.Call("GET", policycard.Name, "/family", mother, nil).Expect(200, "").JSON(&family)
	child := family.Items[1].Person
	body := `{"kind":"lookup","person":"` + child + `"}`
	for language, detail := range map[string]string{"ru": "Такого человека среди ваших детей в регистре нет.", "en": "The register has no such person among your children."} {
		if res := b.Call("POST", name, "/", b.Token(anna.Claims()), body, "Accept-Language", language).Expect(404, "person_not_found"); res.Detail != detail {
			t.Errorf("another is told %q", res.Detail)
		}
	}
	b.Call("POST", name, "/", mother, body).Expect(403, "consent_required")
	b.Consent(mother, child)

	a := submit(b, mother, body)
	b.Deliver(1)
	if a = read(b, mother, a.ID); a.Status != "granted" || a.Person != child {
		t.Errorf("%+v", a)
	}
	b.SetClock(time.Date(2037, time.September, 1, 12, 0, 0, 0, time.UTC))
	a = submit(b, mother, body)
	work := b.Take(1)[0]
	b.Advance(24 * time.Hour)
	b.Send(work).Expect(200, "")
	if a = read(b, mother, a.ID); a.Status != "refused" || a.Reasons[0].Code != "not_represented" {
		t.Errorf("on the 18th birthday: %+v", a)
	}
}

func TestASearchForAChildWaitsForARegisterThatIsSilent(t *testing.T) {
	b := bench(t)
	b.Import(functiontest.Child(functiontest.Ilya, maria))
	mother := b.Token(maria.Claims())
	var family struct{ Items []struct{ Person string } }
	b.Call("GET", policycard.Name, "/family", mother, nil).Expect(200, "").JSON(&family)
	child := family.Items[1].Person
	body := `{"kind":"lookup","person":"` + child + `"}`
	b.Put(insuredregistry.Name, nil)
	b.Call("POST", name, "/", mother, body).Expect(503, "insured_registry_unavailable") // whose child it is, nobody has said
	b.Run(insuredregistry.Name, insuredregistry.New)
	b.Consent(mother, child)
	b.Put(insuredregistry.Name, nil)

	a := submit(b, mother, body)
	work := b.Take(1)[0]
	b.Send(work).Expect(200, "")
	if a = read(b, mother, a.ID); a.Status != "working" || a.Text != "Регистр временно не отвечает. Запрос сохранён, повторим сами" {
		t.Errorf("%+v", a)
	}
	if all := list(b, mother, ""); len(all.Items) != 1 {
		t.Errorf("%d applications", len(all.Items))
	}
	b.Run(insuredregistry.Name, insuredregistry.New)
	b.SetClock(a.NextTry)
	later(b, event(t, work))
	if a = read(b, mother, a.ID); a.Status != "granted" {
		t.Errorf("%+v", a)
	}
}

func TestTheTimelineIsToldInTheReadersLanguage(t *testing.T) {
	b := bench(t)
	token := consenting(b, anna)
	a := submit(b, token, `{"kind":"lookup"}`)
	b.Deliver(1)
	var english application
	b.Call("GET", name, "/"+a.ID, token, nil, "Accept-Language", "en").JSON(&english)
	if russian := read(b, token, a.ID); russian.Timeline[0].Detail != "Заявление подано" || english.Timeline[0].Detail != "Submitted" {
		t.Errorf("%+v, %+v", russian.Timeline, english.Timeline)
	}
}

func TestAStoreThatIsAwayLosesNothing(t *testing.T) {
	b := bench(t)
	token := consenting(b, anna)
	b.Loading(true)
	b.Call("POST", name, "/", token, `{"kind":"lookup"}`, "Idempotency-Key", "k").Expect(503, "store_unavailable")
	b.Call("GET", name, "/", token, nil).Expect(503, "store_unavailable")
	b.Loading(false)
	b.Call("POST", name, "/", token, `{"kind":"lookup"}`, "Idempotency-Key", "k").Expect(202, "")
	b.Take(1)
}
