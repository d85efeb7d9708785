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

	insuredregistry "polis/functions/insured-registry"
	policylifecycle "polis/functions/policy-lifecycle"
	policyrequest "polis/functions/policy-request"
	reviewdesk "polis/functions/review-desk"
	"polis/shared/access"
	"polis/shared/functiontest"
	"polis/shared/person"
	"polis/shared/store"
)

const name = reviewdesk.Name

var maria, pavel, anna = functiontest.Maria, functiontest.Pavel, functiontest.Anna

func bench(t *testing.T, settings ...string) *functiontest.Bench {
	b := functiontest.New(t)
	b.Run(name, reviewdesk.New, settings...)
	b.Run(policylifecycle.Name, policylifecycle.New)
	b.Run(insuredregistry.Name, insuredregistry.New)
	b.Import(functiontest.Row(maria.Person), functiontest.Row(pavel.Person), functiontest.Row(anna.Person))
	return b
}

// reviewer of the fund, by a number.
func reviewer(b *functiontest.Bench, n int, claims ...any) string {
	all := maps.Clone(functiontest.Fund)
	all["sub"] = fmt.Sprint("fund-", n)
	for i := 0; i < len(claims); i += 2 {
		all[claims[i].(string)] = claims[i+1]
	}
	return b.Token(all)
}

func insurer(b *functiontest.Bench, smo string) string {
	return b.Token(functiontest.Claims{"sub": "staff-" + smo, "roles": []string{"staff"}, "smo": smo, "snils": "103-918-264 42"})
}

// ended is a citizen whose policy has ended, and who asks to have it restored:
// the application's id.
func ended(b *functiontest.Bench, c functiontest.Citizen) string {
	b.Call("POST", insuredregistry.Name, "/events", b.Token(functiontest.Claims{"sub": "1", "roles": []string{"source"}, "source": "interior"}), map[string]any{
		"kind": "citizenship_lost", "source_id": c.Subject, "person": map[string]any{"snils": c.Person.SNILS, "birth_date": c.Person.Birth},
	}).Expect(202, "")
	var a struct{ ID string }
	b.Call("POST", policylifecycle.Name, "/", b.Token(c.Claims()), map[string]string{"action": "restore"}).Expect(202, "").JSON(&a)
	b.Deliver(1) // it is handed to its reviewers
	b.Deliver(1) // and the case made
	return a.ID
}

type caseView struct {
	ID, Number, Kind, Status, Taken string
	Overdue                         bool
}

func inbox(b *functiontest.Bench, token, query string) (items []caseView, next string) {
	var list struct {
		Items []caseView
		Next  string
	}
	b.Call("GET", name, "/"+query, token, nil).Expect(200, "").JSON(&list)
	return list.Items, list.Next
}

func ids(items []caseView) (all []string) {
	for _, c := range items {
		all = append(all, c.ID)
	}
	return all
}

func act(b *functiontest.Bench, token, id, action string, reasons ...map[string]string) functiontest.Response {
	body := map[string]any{"action": action}
	if reasons != nil {
		body["reasons"] = reasons
	}
	return b.Call("POST", name, "/"+id, token, body)
}

// stands is what the applicant sees of the application.
func stands(b *functiontest.Bench, c functiontest.Citizen, id string) (a struct {
	Status, Text string
	Reasons      []struct{ Field, Code, Detail string }
}) {
	b.Run(policyrequest.Name, policyrequest.New)
	defer b.Put(policyrequest.Name, nil)
	b.Call("GET", policyrequest.Name, "/"+id, b.Token(c.Claims()), nil).Expect(200, "").JSON(&a)
	return a
}

var why = map[string]string{"field": "document", "code": "document_unclear", "detail": "Нужен паспорт гражданина России."}

func TestNewNamesEverythingMissingAtOnce(t *testing.T) {
	functiontest.MissingIsNamed(t, reviewdesk.New, append(functiontest.Stateful, "gateway_url")...)
	if _, err := reviewdesk.New(functiontest.New(t).Env("review_hold", "soon")); err == nil || !strings.Contains(err.Error(), "review_hold") {
		t.Errorf("%v", err)
	}
}

func TestEachRouteIsForItsRoles(t *testing.T) {
	b := bench(t)
	b.OnlyFor(access.Function, name, "POST /cases")
	b.OnlyFor(access.Operator, name, "POST /rebuild")
	for _, route := range []string{"GET /", "GET /x", "POST /x"} {
		method, path, _ := strings.Cut(route, " ")
		for _, role := range []string{"citizen", "clinic", "source", "operator", "auditor"} {
			claims := maria.Claims()
			claims["roles"] = []string{role}
			b.Call(method, name, path, b.Token(claims), nil).Expect(403, "not_allowed")
		}
		b.Call(method, name, path, "", nil).Expect(401, "token_required")
	}
}

func TestTheFundApprovesAndThePolicyIsRestored(t *testing.T) {
	b := bench(t)
	id, fund := ended(b, maria), reviewer(b, 1)
	if text := stands(b, maria, id).Text; !strings.HasPrefix(text, "На рассмотрении в территориальном фонде, ответ до") {
		t.Errorf("%q", text)
	}
	if items, _ := inbox(b, fund, ""); len(items) != 1 || items[0].ID != id || items[0].Kind != "restore" || items[0].Taken != "nobody" || items[0].Overdue {
		t.Fatalf("%+v", items)
	}
	var opened struct {
		Case      caseView
		Applicant person.Person
		Record    struct {
			Answered     bool
			Status, Text string
			Changes      []struct{ Turn, Ground string }
		}
	}
	b.Call("GET", name, "/"+id, fund, nil).Expect(200, "").JSON(&opened)
	if opened.Applicant.SNILS != maria.Person.SNILS || opened.Record.Status != "invalid" || len(opened.Record.Changes) != 1 || opened.Record.Changes[0].Ground != "citizenship_lost" {
		t.Errorf("%+v", opened)
	}
	// It is the reviewer who looked, not the applicant.
	looks := lookups(t, b)
	if len(looks) == 0 {
		t.Error("the record was not looked at")
	}
	for _, look := range looks {
		if slices.Contains(look, "behalf") {
			t.Errorf("%q", look)
		}
	}
	act(b, fund, id, "approve").Expect(409, "case_not_taken")
	act(b, fund, id, "take").Expect(200, "")
	if items, _ := inbox(b, reviewer(b, 2), ""); items[0].Taken != "another" {
		t.Errorf("%+v", items)
	}
	if items, _ := inbox(b, fund, ""); items[0].Taken != "you" {
		t.Errorf("%+v", items)
	}
	act(b, fund, id, "approve").Expect(200, "")
	if items, _ := inbox(b, fund, ""); len(items) != 0 {
		t.Errorf("still there: %+v", items)
	}
	act(b, fund, id, "approve").Expect(409, "application_done")
	act(b, reviewer(b, 2), id, "take").Expect(409, "application_done")
	queued := b.Take(2) // the work on it, and its case
	for range 2 {       // however often
		for _, q := range queued {
			b.Send(q).Expect(200, "")
		}
	}
	var e store.Event
	if err := json.Unmarshal(queued[0].Body, &e); err != nil {
		t.Fatal(err)
	}
	b.CallAs("deadline-watch", name, "/cases", store.Event{Topic: name + "/cases", Home: e.Home, Subject: e.Subject}).Expect(200, "")
	if a := stands(b, maria, id); a.Status != "granted" || a.Text != "Одобрено. Полис восстановлен с\u00a010.03.2026" {
		t.Errorf("%+v", a)
	}
	if b.Call("GET", name, "/"+id, fund, nil).Expect(200, "").JSON(&opened); opened.Case.Status != "granted" {
		t.Errorf("%+v", opened)
	}
}

func TestOfADecidedCaseNoPersonalDataAreShown(t *testing.T) {
	for verdict, tc := range map[string]struct {
		functiontest.Citizen
		events int // of the decision: its case, and the work on it
	}{"approve": {maria, 2}, "refuse": {pavel, 1}} {
		b, c := bench(t), tc.Citizen
		id, fund := ended(b, c), reviewer(b, 1)
		secrets := []string{string(c.Person.SNILS), c.Person.Document.Number, c.Person.Name.Family, c.Person.Birth.String()}
		read := func() string { return string(b.Call("GET", name, "/"+id, fund, nil).Expect(200, "").Body) }
		for _, secret := range secrets {
			if !strings.Contains(read(), secret) {
				t.Errorf("%s: the case to decide lacks %s", verdict, secret)
			}
		}
		act(b, fund, id, "take").Expect(200, "")
		if verdict == "refuse" {
			act(b, fund, id, "ask", why).Expect(200, "")
			b.Deliver(1)
			if !strings.Contains(read(), secrets[0]) {
				t.Error("a case that is to be decided still is without the applicant")
			}
			act(b, fund, id, "take").Expect(200, "")
			act(b, fund, id, verdict, why).Expect(200, "")
		} else {
			act(b, fund, id, verdict).Expect(200, "")
		}
		asked := len(lookups(t, b))
		for _, settled := range []bool{false, true} {
			if settled {
				b.Deliver(tc.events)
			}
			page := read()
			for _, secret := range append(secrets, `"applicant"`, `"record"`, `"child"`, `"enp"`) {
				if strings.Contains(page, secret) {
					t.Errorf("%s, %v: shows %s: %s", verdict, settled, secret, page)
				}
			}
			var closed struct {
				Case        caseView
				Application struct {
					Timeline []any
					Reasons  []any
				}
			}
			b.Call("GET", name, "/"+id, reviewer(b, 2), nil).Expect(200, "").JSON(&closed)
			if closed.Case.ID != id || len(closed.Application.Timeline) < 3 || (len(closed.Application.Reasons) == 1) != (verdict == "refuse") {
				t.Errorf("%s: %+v", verdict, closed)
			}
		}
		if now := len(lookups(t, b)); now != asked {
			t.Errorf("%s: the register was asked %d times", verdict, now-asked)
		}
	}
}

// lookups are the entries of the audit that tell of the desk's looks at records.
func lookups(t *testing.T, b *functiontest.Bench) (found [][]string) {
	t.Helper()
	for _, key := range b.Redis.Keys() {
		if !strings.HasPrefix(key, "audit:") {
			continue
		}
		entries, err := b.Redis.Stream(key)
		if err != nil {
			t.Fatal(err)
		}
		for _, e := range entries {
			if slices.Contains(e.Values, name) && slices.Contains(e.Values, string(access.LookUpInsured)) {
				found = append(found, e.Values)
			}
		}
	}
	return found
}

func TestARefusalSaysWhy(t *testing.T) {
	b := bench(t)
	id, fund := ended(b, maria), reviewer(b, 1)
	act(b, fund, id, "take").Expect(200, "")
	for rule, tc := range map[string]struct {
		action  string
		reasons []map[string]string
		fields  map[string]string
	}{
		"an action there is not":  {"forget", nil, map[string]string{"action": "action_unknown"}},
		"a refusal without one":   {"refuse", nil, map[string]string{"reasons": "required"}},
		"a question without one":  {"ask", []map[string]string{}, map[string]string{"reasons": "required"}},
		"an approval with one":    {"approve", []map[string]string{why}, map[string]string{"reasons": "not_expected"}},
		"one that says nothing":   {"refuse", []map[string]string{{"code": "x"}}, map[string]string{"reasons.0.detail": "required"}},
		"one without a code":      {"refuse", []map[string]string{why, {"code": "Нет", "detail": "x"}}, map[string]string{"reasons.1.code": "code_wrong"}},
		"one that goes on and on": {"refuse", []map[string]string{{"code": "x", "detail": strings.Repeat("я", 501)}}, map[string]string{"reasons.0.detail": "too_long"}},
		"far too many":            {"refuse", slices.Repeat([]map[string]string{why}, 21), map[string]string{"reasons": "out_of_range"}},
	} {
		if fields := act(b, fund, id, tc.action, tc.reasons...).Expect(422, "invalid_fields").Fields(); !maps.Equal(fields, tc.fields) {
			t.Errorf("%s: %v", rule, fields)
		}
	}
	act(b, fund, id, "ask", why).Expect(200, "")
	if a := stands(b, maria, id); a.Status != "needs_person" || len(a.Reasons) != 1 || a.Reasons[0].Detail != why["detail"] {
		t.Errorf("%+v", a)
	}
	b.Deliver(1)
	items, _ := inbox(b, fund, "")
	if len(items) != 1 || items[0].Status != "needs_person" || items[0].Taken != "nobody" {
		t.Errorf("%+v", items)
	}
	act(b, fund, id, "take").Expect(200, "")
	act(b, fund, id, "refuse", why).Expect(200, "")
	if a := stands(b, maria, id); a.Status != "refused" || len(a.Reasons) != 1 || a.Reasons[0].Field != "document" || a.Reasons[0].Code != "document_unclear" {
		t.Errorf("%+v", a)
	}
	b.Deliver(1)
	if items, _ := inbox(b, fund, ""); len(items) != 0 {
		t.Errorf("%+v", items)
	}
	// It is over: another application may be made.
	b.Call("POST", policylifecycle.Name, "/", b.Token(maria.Claims()), map[string]string{"action": "restore"}).Expect(202, "")
}

func TestOfTwoReviewersAtOnceOneGetsTheCase(t *testing.T) {
	b := bench(t, "review_hold", "1h")
	id := ended(b, maria)
	codes := make([]string, 8)
	var all sync.WaitGroup
	for n := range codes {
		all.Go(func() { codes[n] = act(b, reviewer(b, n), id, "take").Code })
	}
	all.Wait()
	slices.Sort(codes)
	if codes[0] != "" || codes[1] != "case_taken" || codes[7] != "case_taken" {
		t.Errorf("%v", codes)
	}
}

func TestACaseIsReleasedAfterAWhile(t *testing.T) {
	b := bench(t, "review_hold", "20ms")
	id := ended(b, maria)
	first, second := reviewer(b, 1), reviewer(b, 2)
	act(b, first, id, "take").Expect(200, "")
	for over := time.Now().Add(5 * time.Second); act(b, second, id, "take").Status != 200; {
		if time.Now().After(over) {
			t.Fatal("never released")
		}
	}
	act(b, first, id, "approve").Expect(409, "case_not_taken")
	act(b, second, id, "approve").Expect(200, "")
}

func TestNobodyReviewsTheirOwnOrAnotherUnitsCase(t *testing.T) {
	b := bench(t)
	id := ended(b, maria)
	for who, token := range map[string]string{
		"by SNILS":   reviewer(b, 1, "snils", maria.Person.SNILS.String()),
		"by account": reviewer(b, 1, "sub", maria.Subject),
	} {
		t.Log(who)
		b.Call("GET", name, "/"+id, token, nil).Expect(403, "own_case")
		act(b, token, id, "take").Expect(403, "own_case")
		act(b, token, id, "approve").Expect(403, "own_case")
	}
	for _, smo := range []string{"26002", "26005", ""} {
		token := insurer(b, smo)
		if items, _ := inbox(b, token, ""); len(items) != 0 {
			t.Errorf("%s sees %+v", smo, items)
		}
		b.Call("GET", name, "/"+id, token, nil).Expect(404, "case_not_found")
		act(b, token, id, "take").Expect(404, "case_not_found")
	}
	if token := insurer(b, "fund"); b.Call("GET", name, "/"+id, token, nil).Status != 404 {
		t.Error("staff of an insurer that calls itself the fund")
	}
	b.Call("GET", name, "/nothing", reviewer(b, 1), nil).Expect(404, "case_not_found")
}

func TestWhoseLoginTellsNoSNILSReadsAndDecidesNothing(t *testing.T) {
	b := bench(t)
	id, known := ended(b, maria), reviewer(b, 1)
	unknown := reviewer(b, 1, "snils", "")
	b.Call("GET", name, "/"+id, unknown, nil).Expect(200, "")
	act(b, unknown, id, "take").Expect(403, "reviewer_snils_missing")
	act(b, known, id, "take").Expect(200, "")
	for action, reasons := range map[string][]map[string]string{"approve": nil, "refuse": {why}, "ask": {why}} {
		act(b, unknown, id, action, reasons...).Expect(403, "reviewer_snils_missing")
	}
	if a := stands(b, maria, id); a.Status != "working" {
		t.Errorf("%+v", a)
	}
	act(b, known, id, "approve").Expect(200, "")
}

func TestTheInboxIsByTermInPagesAndCanBeMadeAnew(t *testing.T) {
	b := bench(t)
	fund := reviewer(b, 1)
	var want []string
	for _, c := range []functiontest.Citizen{pavel, anna, maria} {
		want = append(want, ended(b, c))
		b.Advance(24 * time.Hour)
	}
	read := func() (got []string) {
		for next := ""; ; {
			items, more := inbox(b, fund, "?limit=2&next="+next)
			got = append(got, ids(items)...)
			if next = more; next == "" {
				return got
			}
		}
	}
	if got := read(); !slices.Equal(got, want) {
		t.Errorf("%v instead of %v", got, want)
	}
	b.Advance(4 * 24 * time.Hour)
	if items, _ := inbox(b, fund, ""); !items[0].Overdue || items[2].Overdue {
		t.Errorf("%+v", items)
	}
	for _, key := range b.Redis.Keys() {
		if strings.HasPrefix(key, "case:") || strings.HasPrefix(key, "inbox:") {
			b.Redis.Del(key)
		}
	}
	if got := read(); len(got) != 0 {
		t.Fatalf("%v are left", got)
	}
	type page struct {
		Cases  int
		Failed []string
		Next   string
	}
	rebuild := func(next string) (made page) {
		b.Call("POST", name, "/rebuild?limit=2&next="+next, b.Token(functiontest.Operator), nil).Expect(200, "").JSON(&made)
		return made
	}
	// Each call goes on where the one before has come to.
	first := rebuild("")
	if got := read(); first.Cases != 2 || first.Next == "" || !slices.Equal(got, want[:2]) {
		t.Errorf("%+v made anew: %v instead of %v", first, got, want[:2])
	}
	if last := rebuild(first.Next); last.Cases != 1 || last.Next != "" || !slices.Equal(read(), want) {
		t.Errorf("%+v made anew: %v instead of %v", last, read(), want)
	}
	// One that cannot be read holds up no other.
	for _, key := range b.Redis.Keys() {
		if strings.HasPrefix(key, "application:") && strings.HasSuffix(key, want[0]) {
			b.Redis.Set(key, "broken")
		}
	}
	if first = rebuild(""); first.Cases != 1 || !slices.Equal(first.Failed, want[:1]) || first.Next != want[1] {
		t.Errorf("with a broken one: %+v", first)
	}
	b.Call("POST", name, "/rebuild?limit=0", b.Token(functiontest.Operator), nil).Expect(422, "invalid_fields")
}
