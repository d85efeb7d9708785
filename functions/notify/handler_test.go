package function_test

import (
	"encoding/csv"
	"encoding/json"
	"io"
	"mime/quotedprintable"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	deadlinewatch "polis/functions/deadline-watch"
	insuredregistry "polis/functions/insured-registry"
	"polis/functions/notify"
	policyrequest "polis/functions/policy-request"
	"polis/shared/access"
	"polis/shared/functiontest"
	"polis/shared/mailtest"
)

const (
	name   = function.Name
	events = name + "/events"
	send   = name + "/deliver"
	work   = policyrequest.Name + "/work"

	email = "anna@example.org"
	phone = "+79161234567"
)

// provider of SMS.
type provider struct {
	mu     sync.Mutex
	status int
	got    []map[string]string
}

func (p *provider) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.status != 0 {
		w.WriteHeader(p.status)
		return
	}
	var m map[string]string
	if json.NewDecoder(r.Body).Decode(&m) == nil {
		p.got = append(p.got, m)
	}
}

func (p *provider) fail(status int) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.status = status
}

func (p *provider) inbox() []map[string]string {
	p.mu.Lock()
	defer p.mu.Unlock()
	return slices.Clone(p.got)
}

type bench struct {
	*functiontest.Bench
	mail *mailtest.Server
	sms  *provider
	on   []string // settings of the channels
}

func newBench(t *testing.T, settings ...string) bench {
	b := bench{Bench: functiontest.New(t), mail: mailtest.New(t, false), sms: &provider{}}
	b.Lose("notify/introductions")
	sms := httptest.NewServer(b.sms)
	t.Cleanup(sms.Close)
	b.on = []string{
		"smtp_url", "smtp://" + b.mail.Addr, "smtp_tls", "none", "smtp_from", "Полис <noreply@polis.example.org>", "sms_url", sms.URL,
	}
	b.Run(name, function.New, append(b.on, settings...)...)
	b.Run(policyrequest.Name, policyrequest.New)
	b.Run(insuredregistry.Name, insuredregistry.New)
	return b
}

// anna is a token of Anna, whose contacts are verified.
func (b bench) anna(change ...any) string {
	claims := functiontest.Anna.Claims()
	claims["email"], claims["email_verified"] = email, true
	claims["mobile"], claims["mobile_verified"] = "+7(916)1234567", true
	for i := 0; i < len(change); i += 2 {
		claims[change[i].(string)] = change[i+1]
	}
	return b.Token(claims)
}

// submit makes an application, and gives its number and the event of its first
// entry; the work on it is lost unless it is asked for.
func (b bench) submit(token string, header ...string) (number string, told, worked functiontest.Queued) {
	var a struct{ Number string }
	b.Call("POST", policyrequest.Name, "/", token, `{"kind":"register","region":"26"}`, header...).Expect(202, "").JSON(&a)
	calls := b.calls(2)
	return a.Number, calls[events], calls[work]
}

// calls takes n calls with different targets off the queue. Deliveries are told
// apart by their channel.
func (b bench) calls(n int) map[string]functiontest.Queued {
	calls := map[string]functiontest.Queued{}
	for _, q := range b.Take(n) {
		target := q.Target
		if target == send {
			var e struct{ Subject string }
			json.Unmarshal(q.Body, &e)
			_, target, _ = strings.Cut(e.Subject, "/")
		}
		calls[target] = q
	}
	return calls
}

type item struct {
	ID, Kind, Number, Text string
	Deliveries             []delivery
}

type delivery struct {
	Channel, State, Reason string
	Tries                  int
}

func (b bench) history(token, query string) (items []item, next string) {
	var p struct {
		Items []item
		Next  string
	}
	b.Call("GET", name, "/"+query, token, nil).Expect(200, "").JSON(&p)
	return p.Items, p.Next
}

// only is the one delivery of the one notice.
func (b bench) only(t *testing.T, token string) delivery {
	t.Helper()
	items, _ := b.history(token, "")
	if len(items) != 1 || len(items[0].Deliveries) != 1 {
		t.Fatalf("%+v", items)
	}
	return items[0].Deliveries[0]
}

func TestNewNamesEverythingMissingAtOnce(t *testing.T) {
	functiontest.MissingIsNamed(t, function.New, append(functiontest.Stateful, "gateway_url", "public_url")...)
	env := functiontest.New(t).Env("smtp_url", "mail", "sms_url", "sms", "send_tries", "0", "send_timeout", "soon")
	_, err := function.New(env)
	for _, setting := range []string{"smtp_url", "sms_url", "send_tries", "send_timeout"} {
		if err == nil || !strings.Contains(err.Error(), setting) {
			t.Errorf("%v does not name %s", err, setting)
		}
	}
}

func TestEachRouteIsForOneRole(t *testing.T) {
	b := newBench(t)
	b.OnlyFor(access.Citizen, name, "GET /", "GET /export", "GET /preferences", "PUT /preferences")
	b.OnlyFor(access.Function, name, "POST /events", "POST /deliver")
}

func TestEachStepIsToldOnceHoweverOftenItsEventComes(t *testing.T) {
	b := newBench(t)
	token := b.anna()
	number, told, worked := b.submit(token)
	b.Send(told).Expect(200, "")
	calls := b.calls(2)
	for range 3 {
		for _, q := range []functiontest.Queued{told, calls["email"], calls["sms"], told, calls["sms"], calls["email"]} {
			b.Send(q).Expect(200, "")
		}
	}
	mail, sms := b.mail.Inbox(), b.sms.inbox()
	if len(mail) != 1 || mail[0].To != email || mail[0].From != "noreply@polis.example.org" {
		t.Fatalf("%+v", mail)
	}
	if len(sms) != 1 || sms[0]["to"] != phone || !strings.Contains(sms[0]["text"], number) {
		t.Fatalf("%+v", sms)
	}
	b.Send(worked).Expect(200, "")
	b.Send(worked).Expect(200, "")
	b.Deliver(1) // of granting
	b.Deliver(2)
	items, _ := b.history(token, "")
	if len(items) != 2 || items[0].Kind != "application.granted" || items[1].Kind != "application.submitted" {
		t.Fatalf("%+v", items)
	}
	for _, i := range items {
		want := []delivery{{"email", "sent", "", 1}, {"sms", "sent", "", 1}}
		if i.Number != number || !strings.Contains(i.Text, number) || !slices.Equal(i.Deliveries, want) {
			t.Errorf("%+v", i)
		}
	}
	if len(b.mail.Inbox()) != 2 || len(b.sms.inbox()) != 2 {
		t.Errorf("%d mails, %d SMS", len(b.mail.Inbox()), len(b.sms.inbox()))
	}
	kept := b.Redis.Dump()
	for _, secret := range []string{email, phone, "9161234567", number} {
		if strings.Contains(kept, secret) {
			t.Errorf("the store shows %s", secret)
		}
	}
	b.Take(0)
}

func TestAnEventOfNothingIsOver(t *testing.T) {
	b := newBench(t)
	_, told, _ := b.submit(b.anna())
	var e map[string]string
	if err := json.Unmarshal(told.Body, &e); err != nil {
		t.Fatal(err)
	}
	for _, subject := range []string{"", "x", "x/0", strings.Replace(e["subject"], "/0", "/1", 1), strings.Replace(e["subject"], "/0", "/-1", 1)} {
		b.CallAs(policyrequest.Name, name, "/events", map[string]string{"topic": events, "home": e["home"], "subject": subject}).Expect(200, "")
		b.CallAs(policyrequest.Name, name, "/deliver", map[string]string{"topic": send, "home": e["home"], "subject": subject}).Expect(422, "invalid_fields")
		b.CallAs(policyrequest.Name, name, "/deliver", map[string]string{"id": "x", "topic": send, "home": e["home"], "subject": subject}).Expect(200, "")
	}
	b.Take(0)
}

func TestANoticeGoesWhereThePersonIsReachedAndWantsIt(t *testing.T) {
	for rule, tc := range map[string]struct {
		claims   []any
		prefer   string
		settings []string
		want     []string
	}{
		"everywhere, until told otherwise":  {want: []string{"email", "sms"}},
		"not by mail":                       {prefer: `{"email":false,"sms":true}`, want: []string{"sms"}},
		"nowhere":                           {prefer: `{"email":false,"sms":false}`},
		"everywhere, as was said":           {prefer: `{"email":true,"sms":true}`, want: []string{"email", "sms"}},
		"no phone":                          {claims: []any{"mobile", ""}, want: []string{"email"}},
		"a phone of who knows whom":         {claims: []any{"mobile_verified", false}, want: []string{"email"}},
		"a mail address of who knows whom":  {claims: []any{"email_verified", false}, want: []string{"sms"}},
		"an installation that has no SMS":   {settings: []string{"sms_url", ""}, want: []string{"email"}},
		"an installation that has no mail":  {settings: []string{"smtp_url", ""}, want: []string{"sms"}},
		"an installation that has no money": {settings: []string{"smtp_url", "", "sms_url", ""}},
	} {
		b := newBench(t, tc.settings...)
		token := b.anna(tc.claims...)
		if tc.prefer != "" {
			b.Call("PUT", name, "/preferences", token, tc.prefer).Expect(200, "")
		}
		_, told, _ := b.submit(token)
		b.Send(told).Expect(200, "")
		b.Deliver(len(tc.want))
		items, _ := b.history(token, "")
		if len(items) != 1 {
			t.Fatalf("%s: %+v", rule, items)
		}
		var by []string
		for _, d := range items[0].Deliveries {
			by = append(by, d.Channel)
		}
		if !slices.Equal(by, tc.want) || len(b.mail.Inbox())+len(b.sms.inbox()) != len(tc.want) {
			t.Errorf("%s: by %v", rule, by)
		}
	}
}

func TestPreferencesAreReadAsTheyWereSet(t *testing.T) {
	b := newBench(t)
	token := b.anna()
	for _, change := range []struct{ body, want string }{
		{"", `{"email":true,"sms":true}`},
		{`{"email":false,"sms":true}`, `{"email":false,"sms":true}`},
		{`{"email":true,"sms":false}`, `{"email":true,"sms":false}`},
	} {
		if change.body != "" {
			b.Call("PUT", name, "/preferences", token, change.body).Expect(200, "")
		}
		if got := b.Call("GET", name, "/preferences", token, nil).Expect(200, ""); strings.TrimSpace(string(got.Body)) != change.want {
			t.Errorf("%s instead of %s", got.Body, change.want)
		}
	}
	for body, fields := range map[string]int{`{}`: 2, `{"email":true}`: 1, `{"email":true,"sms":"no"}`: 1, `{"email":true,"sms":true,"push":true}`: 1} {
		if res := b.Call("PUT", name, "/preferences", token, body).Expect(422, "invalid_fields"); len(res.Errors) != fields {
			t.Errorf("%s: %s", body, res.Body)
		}
	}
	other := b.Token(functiontest.Maria.Claims())
	if got := b.Call("GET", name, "/preferences", other, nil); strings.TrimSpace(string(got.Body)) != `{"email":true,"sms":true}` {
		t.Errorf("another's are %s", got.Body)
	}
}

func TestEachMailEndsSentOrDeadWithItsReason(t *testing.T) {
	for rule, tc := range map[string]struct {
		at      mailtest.Stage
		how     string
		want    delivery
		arrived int
	}{
		"refused at the greeting":   {mailtest.Greeting, "554 no", delivery{"email", "dead", "smtp_554", 1}, 0},
		"refused address":           {mailtest.To, "550 who", delivery{"email", "dead", "smtp_550", 1}, 0},
		"refused text":              {mailtest.Dot, "554 spam", delivery{"email", "dead", "smtp_554", 1}, 0},
		"busy for ever":             {mailtest.From, "451 later", delivery{"email", "dead", "smtp_451", 3}, 0},
		"busy at the end":           {mailtest.Dot, "452 full", delivery{"email", "dead", "smtp_452", 3}, 0},
		"drops before the message":  {mailtest.Data, mailtest.Drop, delivery{"email", "dead", "unreachable", 3}, 0},
		"hangs before the message":  {mailtest.Hello, mailtest.Hang, delivery{"email", "dead", "timeout", 3}, 0},
		"takes it and drops":        {mailtest.Dot, mailtest.Drop, delivery{"email", "dead", "may_have_been_delivered", 1}, 1},
		"takes it and says nothing": {mailtest.Dot, mailtest.Hang, delivery{"email", "dead", "may_have_been_delivered", 1}, 1},
		"well":                      {mailtest.Dot, "", delivery{"email", "sent", "", 1}, 1},
	} {
		t.Run(rule, func(t *testing.T) {
			t.Parallel()
			b := newBench(t, "sms_url", "", "send_tries", "3", "send_timeout", "300ms")
			b.mail.Fail(tc.at, tc.how)
			token := b.anna()
			_, told, _ := b.submit(token)
			b.Send(told).Expect(200, "")
			call := b.Take(1)[0]
			for range 5 { // as the sweep does, which finds only what still waits
				b.Send(call).Expect(200, "")
			}
			if got := b.only(t, token); got != tc.want {
				t.Errorf("%+v instead of %+v", got, tc.want)
			}
			if n := len(b.mail.Inbox()); n != tc.arrived {
				t.Errorf("%d arrived", n)
			}
		})
	}
}

func TestEachSMSEndsSentOrDeadWithItsReason(t *testing.T) {
	for status, want := range map[int]delivery{
		0: {"sms", "sent", "", 1}, 400: {"sms", "dead", "sms_400", 1}, 503: {"sms", "dead", "sms_503", 3},
	} {
		b := newBench(t, "smtp_url", "", "send_tries", "3")
		b.sms.fail(status)
		token := b.anna()
		_, told, _ := b.submit(token)
		b.Send(told).Expect(200, "")
		call := b.Take(1)[0]
		for range 5 {
			b.Send(call).Expect(200, "")
		}
		if got := b.only(t, token); got != want {
			t.Errorf("%d: %+v instead of %+v", status, got, want)
		}
	}
}

func TestAMailServerThatIsWellAgainGetsWhatWaits(t *testing.T) {
	b := newBench(t, "sms_url", "")
	b.mail.Fail(mailtest.From, "451 later")
	token := b.anna()
	_, told, _ := b.submit(token)
	b.Send(told).Expect(200, "")
	call := b.Take(1)[0]
	b.Send(call).Expect(200, "")
	if got := b.only(t, token); got != (delivery{"email", "queued", "smtp_451", 1}) {
		t.Errorf("%+v", got)
	}
	b.mail.Fail(mailtest.From, "")
	b.Send(call).Expect(200, "")
	if got := b.only(t, token); got != (delivery{"email", "sent", "", 2}) {
		t.Errorf("%+v", got)
	}
}

func TestAChannelThatLostItsSettingsKeepsWhatWaits(t *testing.T) {
	b := newBench(t, "sms_url", "")
	token := b.anna()
	_, told, _ := b.submit(token)
	b.Send(told).Expect(200, "")
	call := b.Take(1)[0]
	b.Run(name, function.New)
	b.Send(call).Expect(200, "")
	if got := b.only(t, token); got != (delivery{"email", "queued", "channel_off", 1}) {
		t.Errorf("%+v", got)
	}
	b.Run(name, function.New, b.on...)
	b.Send(call).Expect(200, "")
	if got := b.only(t, token); got.State != "sent" {
		t.Errorf("%+v", got)
	}
}

func TestWhileOneProcessSendsNoOtherDoes(t *testing.T) {
	b := newBench(t, "sms_url", "")
	token := b.anna()
	_, told, _ := b.submit(token)
	b.Send(told).Expect(200, "")
	call := b.Take(1)[0]
	b.mail.AfterNext(func() { b.Send(call) })
	b.Send(call).Expect(200, "")
	if got := b.only(t, token); got.State != "sent" || got.Tries != 1 || len(b.mail.Inbox()) != 1 {
		t.Errorf("%+v, %d arrived", got, len(b.mail.Inbox()))
	}
}

func TestWhatAProcessDiedOverIsSentAgainUnderTheSameID(t *testing.T) {
	b := newBench(t, "sms_url", "", "send_timeout", "500ms")
	token := b.anna()
	_, told, _ := b.submit(token)
	b.Send(told).Expect(200, "")
	call := b.Take(1)[0]
	// Accepted by the mail server, and never recorded while the lease lasts.
	b.mail.AfterNext(func() { b.Loading(true) })
	b.Send(call).Expect(503, "store_unavailable")
	b.Loading(false)
	if got := b.only(t, token); got.State != "sending" {
		t.Fatalf("%+v", got)
	}
	b.Send(call).Expect(200, "")
	if got := b.only(t, token); got != (delivery{"email", "sent", "", 2}) {
		t.Errorf("%+v", got)
	}
	mail := b.mail.Inbox()
	if len(mail) != 2 || mail[0].Header.Get("Message-Id") == "" || mail[0].Header.Get("Message-Id") != mail[1].Header.Get("Message-Id") {
		t.Errorf("%+v", mail)
	}
}

func TestAStoreThatComesBackInTimeLeavesNoSecondCopy(t *testing.T) {
	b := newBench(t, "sms_url", "")
	token := b.anna()
	_, told, _ := b.submit(token)
	b.Send(told).Expect(200, "")
	call := b.Take(1)[0]
	b.mail.AfterNext(func() {
		b.Loading(true)
		time.AfterFunc(300*time.Millisecond, func() { b.Loading(false) })
	})
	b.Send(call).Expect(200, "")
	b.Send(call).Expect(200, "")
	if got := b.only(t, token); got != (delivery{"email", "sent", "", 1}) || len(b.mail.Inbox()) != 1 {
		t.Errorf("%+v, %d arrived", got, len(b.mail.Inbox()))
	}
}

func TestOnlyAnOperatorsReplaySendsADeadLetterAgain(t *testing.T) {
	b := newBench(t, "sms_url", "")
	b.Run(deadlinewatch.Name, deadlinewatch.New)
	b.mail.Fail(mailtest.Dot, mailtest.Drop)
	token, operator := b.anna(), b.Token(functiontest.Operator)
	_, told, _ := b.submit(token)
	b.Send(told).Expect(200, "")
	call := b.Take(1)[0]
	b.Send(call).Expect(200, "")
	b.mail.Fail(mailtest.Dot, "")
	b.Send(call).Expect(200, "")
	if got := b.only(t, token); got != (delivery{"email", "dead", "may_have_been_delivered", 1}) || len(b.mail.Inbox()) != 1 {
		t.Fatalf("%+v, %d arrived", got, len(b.mail.Inbox()))
	}

	var dead struct {
		Items []struct{ ID, Home, Reason, Topic string }
	}
	b.Call("GET", deadlinewatch.Name, "/dead-letters", operator, nil).Expect(200, "").JSON(&dead)
	if len(dead.Items) != 1 || dead.Items[0].Topic != send || dead.Items[0].Reason != "may_have_been_delivered" {
		t.Fatalf("%+v", dead)
	}
	b.Call("POST", deadlinewatch.Name, "/dead-letters/"+dead.Items[0].ID, operator,
		map[string]string{"home": dead.Items[0].Home, "reason": "Не дошло, спросили заявителя"}).Expect(202, "")
	for range 3 {
		b.Send(call).Expect(200, "")
	}
	if got := b.only(t, token); got != (delivery{"email", "sent", "", 1}) {
		t.Errorf("%+v", got)
	}
	if mail := b.mail.Inbox(); len(mail) != 2 || mail[0].Header.Get("Message-Id") != mail[1].Header.Get("Message-Id") {
		t.Errorf("%+v", mail)
	}
}

func TestANoticeSpeaksTheLanguageOfTheSubmission(t *testing.T) {
	for language, subject := range map[string]string{"ru": "Оформление полиса: подано", "en": "Issue of the policy: submitted"} {
		b := newBench(t)
		_, told, _ := b.submit(b.anna(), "Accept-Language", language)
		b.Send(told).Expect(200, "")
		b.Deliver(2)
		if text := b.sms.inbox()[0]["text"]; !strings.Contains(text, subject) {
			t.Errorf("%s: %s", language, text)
		}
		var e struct{ Subject string }
		if err := json.Unmarshal(told.Body, &e); err != nil {
			t.Fatal(err)
		}
		id, _, _ := strings.Cut(e.Subject, "/")
		letter, err := io.ReadAll(quotedprintable.NewReader(strings.NewReader(b.mail.Inbox()[0].Body)))
		if err != nil || !strings.Contains(string(letter), "/function/portal/requests/"+id+"\n") {
			t.Errorf("%s: %v, the letter does not lead to the application: %s", language, err, letter)
		}
	}
}

func TestTheHistoryIsPagedNewestFirstAndNobodyElses(t *testing.T) {
	b := newBench(t, "smtp_url", "", "sms_url", "")
	token := b.anna()
	_, told, worked := b.submit(token)
	b.Send(told).Expect(200, "")
	b.Send(worked).Expect(200, "")
	b.Deliver(1)
	first, next := b.history(token, "?limit=1")
	second, end := b.history(token, "?limit=1&next="+next)
	if last, _ := b.history(token, "?limit=1&next="+end); len(last) != 0 {
		t.Errorf("a third: %+v", last)
	}
	if len(first) != 1 || len(second) != 1 || first[0].Kind != "application.granted" || second[0].Kind != "application.submitted" {
		t.Errorf("%+v, %+v", first, second)
	}
	other := b.Token(functiontest.Maria.Claims())
	if theirs, _ := b.history(other, ""); len(theirs) != 0 {
		t.Errorf("another reads %+v", theirs)
	}
	if res := b.Call("GET", name, "/export", other, nil).Expect(200, ""); strings.TrimSpace(string(res.Body)) != `{"items":[]}` {
		t.Errorf("another exports %s", res.Body)
	}
	b.Call("GET", name, "/?limit=0", token, nil).Expect(422, "invalid_fields")
}

func TestTheWholeHistoryIsExported(t *testing.T) {
	b := newBench(t)
	token := b.anna()
	number, told, worked := b.submit(token)
	b.Send(told).Expect(200, "")
	b.Deliver(2)
	b.Call("PUT", name, "/preferences", token, `{"email":false,"sms":false}`).Expect(200, "")
	b.Send(worked).Expect(200, "")
	b.Deliver(1)

	var all struct{ Items []item }
	res := b.Call("GET", name, "/export", token, nil).Expect(200, "")
	res.JSON(&all)
	if len(all.Items) != 2 || len(all.Items[1].Deliveries) != 2 || !strings.Contains(res.Header.Get("Content-Disposition"), "notices.json") {
		t.Errorf("%s, %v", res.Body, res.Header)
	}
	for _, res := range []functiontest.Response{
		b.Call("GET", name, "/export?format=csv", token, nil), b.Call("GET", name, "/export", token, nil, "Accept", "text/csv"),
	} {
		rows, err := csv.NewReader(strings.NewReader(string(res.Body))).ReadAll()
		if err != nil || len(rows) != 4 || !strings.HasPrefix(res.Header.Get("Content-Type"), "text/csv") {
			t.Fatalf("%v: %s", err, res.Body)
		}
		if rows[0][5] != "channel" || rows[1][5] != "" || rows[2][5] != "email" || rows[3][5] != "sms" || rows[3][3] != number || rows[2][6] != "sent" {
			t.Errorf("%q", rows)
		}
	}
	b.Call("GET", name, "/export?format=xml", token, nil).Expect(422, "invalid_fields")
	b.Call("GET", name, "/export?format=json", token, nil, "Accept", "text/csv").JSON(&all)
}
