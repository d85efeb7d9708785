package function_test

import (
	"cmp"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	audittrail "polis/functions/audit-trail"
	insuredregistry "polis/functions/insured-registry"
	policyrequest "polis/functions/policy-request"
	"polis/shared/access"
	"polis/shared/functiontest"
	"polis/shared/person"
	"polis/shared/policy"
	"polis/shared/store"
)

type accesses struct {
	Items []struct {
		At                    time.Time
		Action, Text, Who, By string
		CallID                string `json:"call_id"`
	}
	Next string
}

// accessesOf follows the pages, a few entries each.
func accessesOf(b *functiontest.Bench, token, who string) (all accesses) {
	for next := ""; ; {
		var page accesses
		b.Call("GET", name, "/access?limit=3&person="+who+"&before="+url.QueryEscape(next), token, nil, "X-Call-Id", "own").Expect(200, "").JSON(&page)
		all.Items = append(all.Items, page.Items...)
		if next = page.Next; next == "" {
			return all
		}
	}
}

// lookedUp is what the register is asked by another function, in a call: not by
// the person.
func lookedUp(b *functiontest.Bench, c functiontest.Citizen) {
	b.CallAs("extract-rendering", insuredregistry.Name, "/find", policy.Question{Applicant: c.Person, Unasked: true}).Expect(200, "")
}

func TestOnePersonSeesWhoLookedAtTheirData(t *testing.T) {
	b := bench(t, functiontest.Row(maria.Person), functiontest.Row(pavel.Person))
	token := holding(b, maria, "self")
	other := holding(b, pavel, "self")
	lookedUp(b, maria)
	lookedUp(b, pavel)
	lookedUp(b, pavel)

	count := func(all accesses, who, action string) (n int) {
		for _, i := range all.Items {
			if i.Who == who && i.Action == action {
				n++
			}
		}
		return n
	}
	mine := accessesOf(b, token, "")
	for _, want := range []struct {
		who, action string
		n           int
	}{
		{"сервис выписок", "register.look_up", 1},
		{"вы", "register.look_up", 2}, // by the applications service; a first copy is asked for twice, see policy-request
		{"оператор сервиса", "register.import", 1},
		{"вы", "consents.change", 2},
		{"вы", "applications.submit", 1},
	} {
		if got := count(mine, want.who, want.action); got != want.n {
			t.Errorf("%s, %s: %d instead of %d in %+v", want.who, want.action, got, want.n, mine.Items)
		}
	}
	if got := count(accessesOf(b, other, "self"), "сервис выписок", "register.look_up"); got != 2 {
		t.Errorf("the other sees %d", got)
	}
	for _, i := range mine.Items {
		want := map[string]string{"вы": "self", "оператор сервиса": "other"}[i.Who]
		if i.By != cmp.Or(want, "service") {
			t.Errorf("%s is by %s", i.Who, i.By)
		}
	}
	if first := mine.Items[0]; first.Who != "вы" || first.Action != "audit.read_own" || first.Text != "Просмотр журнала обращений" || first.CallID != "own" {
		t.Errorf("the newest: %+v", first)
	}
	const near = 100 * time.Millisecond // between two clocks, that of an entry and that of its place
	for i := 1; i < len(mine.Items); i++ {
		if mine.Items[i].At.After(mine.Items[i-1].At.Add(near)) {
			t.Errorf("%s after %s", mine.Items[i].At, mine.Items[i-1].At)
		}
	}
	var english accesses
	b.Call("GET", name, "/access", token, nil, "Accept-Language", "en").Expect(200, "").JSON(&english)
	if english.Items[0].Who != "you" || english.Items[0].Text != "The record of accesses was read" {
		t.Errorf("%+v", english.Items[0])
	}
}

func TestWhatWasRefusedIsToldAsALookAndNotAsAChange(t *testing.T) {
	b := bench(t, functiontest.Row(maria.Person))
	token := holding(b, maria, "self")
	clinic := functiontest.Claims{"sub": "2004", "roles": []string{"clinic"}, "clinic": "260001"}
	zags := functiontest.Claims{"sub": "2005", "roles": []string{"source"}, "source": "zags"}
	serve := func(birth string) {
		b.Call("POST", insuredregistry.Name, "/services", b.Token(clinic), map[string]any{"source_id": "2026-03", "records": []map[string]any{{
			"enp": functiontest.Row(maria.Person)["enp"], "birth_date": birth, "date": "2026-02-03", "service": "Приём терапевта", "code": "B01.047.001",
			"cost": 64350, "clinic": map[string]string{"code": "260001", "name": "Поликлиника № 1"},
		}}}).Expect(202, "")
	}
	told := func(action string) (n int) {
		for _, i := range accessesOf(b, token, "self").Items {
			if i.Action == action {
				n++
			}
		}
		return n
	}
	serve("1950-01-01")
	b.Call("POST", insuredregistry.Name, "/events", b.Token(zags), map[string]any{
		"kind": "death", "source_id": "1", "person": map[string]any{"snils": maria.Person.SNILS, "birth_date": "1950-01-01"}, "on": "2026-03-01",
	}).Expect(404, "person_not_found")
	if told("register.services") != 0 || told("register.event") != 0 || told("register.look_up_served") != 1 {
		t.Errorf("%+v", accessesOf(b, token, "self").Items)
	}
	for range 2 { // the second changes nothing
		serve(maria.Person.Birth.String())
	}
	if told("register.services") != 1 {
		t.Errorf("%+v", accessesOf(b, token, "self").Items)
	}
}

func TestAccessesToTheRecordAreToldWhileACopyOfItIsMine(t *testing.T) {
	b := bench(t, functiontest.Row(maria.Person))
	told := func(token string) bool {
		for _, i := range accessesOf(b, token, "self").Items {
			if strings.HasPrefix(i.Action, "register.") {
				return true
			}
		}
		return false
	}
	token := b.Token(maria.Claims())
	lookedUp(b, maria)
	if told(token) {
		t.Error("told before the copy")
	}
	holding(b, maria, "self")
	if !told(token) {
		t.Error("not told with the copy")
	}
	b.Call("POST", "consent-toggle", "/", token, map[string]string{"operator": "ffoms", "person": "self", "action": "revoke", "reason": "больше не нужно"}).Expect(200, "")
	if told(token) {
		t.Error("told after the copy was erased")
	}
	if len(accessesOf(b, token, "self").Items) == 0 {
		t.Error("nothing is told of the account")
	}
}

func TestOfAChildTheRecordIsToldToWhomHasTheCopy(t *testing.T) {
	b := bench(t, functiontest.Child(functiontest.Ilya, maria, pavel))
	mother, father := b.Token(maria.Claims()), b.Token(pavel.Claims())
	id := child(b, mother)
	holding(b, maria, id)
	all := accessesOf(b, mother, id)
	if len(all.Items) == 0 {
		t.Error("nothing is told")
	}
	for _, i := range all.Items {
		if i.Who == "вы" && i.Action != string(access.LookUpInsured) {
			t.Errorf("of the parent's own account: %+v", i)
		}
	}
	b.Call("GET", name, "/access?person="+id, father, nil).Expect(404, "policy_not_loaded")
	b.Call("GET", name, "/access?person=x", father, nil).Expect(404, "policy_not_loaded")
}

// looked is what one is told of the reads of the register in a call.
func looked(b *functiontest.Bench, token, who, call string) (all []string) {
	for _, i := range accessesOf(b, token, who).Items {
		told := i.Who + ", " + i.By
		if i.CallID == call && strings.HasPrefix(i.Action, "register.") && !slices.Contains(all, told) {
			all = append(all, told)
		}
	}
	return all
}

func TestTheOneOnWhoseBehalfTheRegisterWasAskedIsWhoLooked(t *testing.T) {
	teen := functiontest.Citizen{Subject: "1004", Person: functiontest.Ilya}
	teen.Person.Document = person.Document{Type: person.Passport, Series: "4512", Number: "777777"}
	b := bench(t, functiontest.Child(functiontest.Ilya, maria, pavel), functiontest.Row(pavel.Person))
	id := child(b, b.Token(maria.Claims()))
	holding(b, maria, id)
	b.SetClock(time.Date(2034, time.September, 3, 12, 0, 0, 0, time.UTC))
	holding(b, pavel, id)
	holding(b, teen, "self")
	holding(b, pavel, "self")
	mother, father, own := b.Token(maria.Claims()), b.Token(pavel.Claims()), b.Token(teen.Claims())
	read := func(token, path, call string, status int) {
		t.Helper()
		b.Call("GET", name, path, token, nil, "X-Call-Id", call).Expect(status, "")
	}
	read(mother, "/family", "family", 200)
	read(father, "/services?person="+id, "services", 200)
	read(own, "/history", "own", 200)
	b.CallAs("policy-card", insuredregistry.Name, "/find", policy.Question{Applicant: functiontest.Anna.Person, Child: id}).Expect(404, "person_not_found")
	b.CallAs("review-desk", insuredregistry.Name, "/find", policy.Question{Applicant: pavel.Person, Child: id, Unasked: true}).Expect(200, "")
	b.CallAs("insured-registry", policyrequest.Name, "/refresh", store.Event{ID: "1-1", Topic: "policy-request/refresh", Home: id, Subject: "cause"}).Expect(200, "")

	for _, tc := range []struct {
		rule, token, who, call string
		want                   []string
	}{
		{"to the other parent", father, id, "family", []string{"законный представитель, other"}},
		{"to the teenager", own, "self", "family", []string{"законный представитель, other"}},
		{"to oneself", mother, id, "family", []string{"вы, self"}},
		{"another function", own, "self", "services", []string{"законный представитель, other"}},
		{"services, to the parents of one who may hide them", mother, id, "services", nil},
		{"the teenager, to themself", own, "self", "own", []string{"вы, self"}},
		{"the teenager, to a parent", mother, id, "own", []string{"сам ребёнок, other"}},
		{"one's child, in one's own list", father, "self", "services", nil},
	} {
		if got := looked(b, tc.token, tc.who, tc.call); !slices.Equal(got, tc.want) {
			t.Errorf("%s: %q instead of %q", tc.rule, got, tc.want)
		}
	}
	count := map[string]int{}
	for _, i := range accessesOf(b, own, "self").Items {
		if access.Action(i.Action) == access.LookUpInsured {
			count[i.Who]++
		}
	}
	if count["другой человек, ему отказано"] != 1 || count["сервис рассмотрения заявлений"] != 1 || count["сервис заявлений"] != 3 {
		t.Errorf("told of %v", count) // a stranger, a reviewer, and three copies brought up to date
	}
	raw := string(b.Call("GET", name, "/access?limit=100", own, nil).Expect(200, "").Body)
	for _, of := range []functiontest.Citizen{maria, pavel} {
		for _, personal := range []string{string(of.Person.SNILS), of.Person.Name.Family, of.Subject, "representative"} {
			if strings.Contains(raw, personal) {
				t.Errorf("%q is told", personal)
			}
		}
	}
}

func TestWhoIsShownNothingOfAPersonLeavesNoEntry(t *testing.T) {
	looks := func(b *functiontest.Bench, id string) (n int) { // by the families of Maria and Pavel, in the log of a child of theirs
		for _, parent := range []functiontest.Citizen{maria, pavel} {
			b.Call("GET", name, "/family", b.Token(parent.Claims()), nil, "X-Call-Id", "family").Expect(200, "")
		}
		b.Run(audittrail.Name, audittrail.New)
		var list struct {
			Items []struct{ Action, Call string }
		}
		auditor := b.Token(functiontest.Claims{"sub": "2003", "roles": []access.Role{access.Auditor}})
		b.Call("GET", audittrail.Name, "/?limit=100&subject="+id, auditor, nil).Expect(200, "").JSON(&list)
		for _, entry := range list.Items {
			if entry.Call == "family" && entry.Action == string(access.LookUpInsured) {
				n++
			}
		}
		return n
	}
	for rule, tc := range map[string]struct {
		before func(*functiontest.Bench)
		looks  int
	}{
		"a child": {func(*functiontest.Bench) {}, 2},
		"of age": {func(b *functiontest.Bench) {
			b.SetClock(time.Date(2039, time.March, 10, 9, 0, 0, 0, time.UTC))
		}, 0},
		"a removed father": {func(b *functiontest.Bench) {
			b.Call("POST", insuredregistry.Name, "/events", b.Token(functiontest.Claims{"sub": "2004", "roles": []access.Role{access.Fund}}), map[string]any{
				"kind": "representative_removed", "source_id": "court-1", "representative": pavel.Person.SNILS,
				"person": map[string]any{"snils": functiontest.Ilya.SNILS, "birth_date": functiontest.Ilya.Birth},
			}).Expect(202, "")
		}, 1},
	} {
		b := bench(t, functiontest.Child(functiontest.Ilya, maria, pavel))
		id := child(b, b.Token(maria.Claims()))
		tc.before(b)
		if n := looks(b, id); n != tc.looks {
			t.Errorf("%s: %d entries instead of %d", rule, n, tc.looks)
		}
	}
}

func TestAnAuditorsLookIsToldToo(t *testing.T) {
	b := bench(t)
	b.Run(audittrail.Name, audittrail.New)
	token := b.Token(maria.Claims())
	accessesOf(b, token, "self")
	auditor := b.Token(functiontest.Claims{"sub": "2003", "roles": []access.Role{access.Auditor}})
	var list struct{ Items []struct{ Subject string } }
	for _, key := range b.Redis.Keys() {
		if partition, ok := strings.CutPrefix(key, "audit:"); ok {
			b.Call("GET", audittrail.Name, "/?partition="+strings.Trim(partition, "{}"), auditor, nil).Expect(200, "").JSON(&list)
		}
	}
	b.Call("GET", audittrail.Name, "/?subject="+list.Items[0].Subject, auditor, nil).Expect(200, "")
	if i := accessesOf(b, token, "self").Items[1]; i.Who != "аудитор" || i.Text != "Проверка журнала обращений" {
		t.Errorf("%+v", i)
	}
}

func TestWhoLookedTellsParentsNothingOfATeenagersServices(t *testing.T) {
	teen := functiontest.Citizen{Subject: "1004", Person: functiontest.Ilya}
	teen.Person.Document = person.Document{Type: person.Passport, Series: "4512", Number: "777777"}
	row := functiontest.Child(functiontest.Ilya, maria, pavel)
	b := bench(t, row)
	id := child(b, b.Token(maria.Claims()))
	holding(b, maria, id)
	b.SetClock(time.Date(2034, time.September, 3, 12, 0, 0, 0, time.UTC))
	b.Call("PUT", name, "/services/privacy", b.Token(teen.Claims()), `{"hidden":true}`).Expect(200, "")
	render(b, row["enp"], "2019-09-02", "2034-09-02")
	seen := accessesOf(b, b.Token(maria.Claims()), id).Items
	for _, i := range seen {
		if access.Action(i.Action).OfServices() {
			t.Errorf("%s by %s", i.Text, i.Who)
		}
	}
	if len(seen) == 0 {
		t.Error("nothing else is shown either")
	}
}
