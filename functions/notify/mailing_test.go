package function_test

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"io"
	"mime"
	"mime/multipart"
	"strings"
	"testing"
	"time"

	consenttoggle "polis/functions/consent-toggle"
	deadlinewatch "polis/functions/deadline-watch"
	extractrendering "polis/functions/extract-rendering"
	policyrequest "polis/functions/policy-request"
	"polis/shared/functiontest"
	"polis/shared/mailtest"
	"polis/shared/notice"
	"polis/shared/store"
)

// mailroom is a bench with Anna's extract, and nothing else, to tell of.
type mailroom struct {
	bench
	token, document, objects string
}

func newMailroom(t *testing.T, settings ...string) mailroom {
	m := mailroom{bench: newBench(t, append([]string{"sms_url", ""}, settings...)...), objects: functiontest.Objects(t)}
	m.Lose(events)
	m.Run(consenttoggle.Name, consenttoggle.New)
	m.renders()
	m.Import(functiontest.Row(functiontest.Anna.Person))
	m.token = m.anna()
	m.Consent(m.token, "self")
	m.Call("POST", policyrequest.Name, "/", m.token, `{"kind":"lookup"}`).Expect(202, "")
	m.Deliver(1)
	var made struct{ ID string }
	m.Call("POST", extractrendering.Name, "/", m.token, `{"kind":"extract","format":"pdf"}`).Expect(201, "").JSON(&made)
	m.document = made.ID
	return m
}

func (m mailroom) renders() {
	m.Run(extractrendering.Name, extractrendering.New, "s3_endpoint", m.objects)
}

// ask for the letter, by the id of its notice, and the state it is in.
func (m mailroom) ask(header ...string) (id, state string) {
	var sent struct{ ID, State string }
	m.Call("POST", extractrendering.Name, "/"+m.document+"/send", m.token, `{}`, header...).Expect(202, "").JSON(&sent)
	return sent.ID, sent.State
}

func (m mailroom) revoke() {
	m.Call("POST", consenttoggle.Name, "/", m.token, `{"operator":"ffoms","action":"revoke","reason":"Передумала"}`).Expect(200, "")
}

// newest notice of the history, with its only delivery.
func (m mailroom) newest(t *testing.T) (item, delivery) {
	t.Helper()
	items, _ := m.history(m.token, "")
	if len(items) == 0 || len(items[0].Deliveries) != 1 {
		t.Fatalf("%+v", items)
	}
	return items[0], items[0].Deliveries[0]
}

func attached(t *testing.T, mail mailtest.Received) (name string, content []byte) {
	t.Helper()
	_, params, err := mime.ParseMediaType(mail.Header.Get("Content-Type"))
	if err != nil {
		t.Fatal(err)
	}
	parts := multipart.NewReader(strings.NewReader(mail.Body), params["boundary"])
	if _, err = parts.NextPart(); err != nil {
		t.Fatal(err)
	}
	part, err := parts.NextPart()
	if err != nil {
		t.Fatal(err)
	}
	if content, err = io.ReadAll(base64.NewDecoder(base64.StdEncoding, part)); err != nil {
		t.Fatal(err)
	}
	return part.FileName(), content
}

func TestADocumentArrivesAsItIsDownloadedWhateverIsPreferred(t *testing.T) {
	for language, want := range map[string]struct{ subject, told string }{"ru": {"Выписка ", "отправлена на почту"}, "en": {"Extract ", "was sent to your e-mail"}} {
		m := newMailroom(t)
		m.Call("PUT", name, "/preferences", m.token, `{"email":false,"sms":false}`).Expect(200, "")
		id, state := m.ask("Accept-Language", language)
		call := m.Take(1)[0]
		if state != "queued" || call.Target != send {
			t.Errorf("%s, and %s is asked", state, call.Target)
		}
		for range 3 {
			m.Send(call).Expect(200, "")
		}
		mail := m.mail.Inbox()
		if len(mail) != 1 || mail[0].To != email || mail[0].Header.Get("Message-Id") != "<"+id+".email@polis.example.org>" {
			t.Fatalf("%+v", mail)
		}
		download := m.Call("GET", extractrendering.Name, "/"+m.document, m.token, nil).Expect(200, "")
		file, content := attached(t, mail[0])
		if !bytes.Equal(content, download.Body) || !strings.Contains(download.Header.Get("Content-Disposition"), file) {
			t.Errorf("%s: %d bytes instead of %d", file, len(content), len(download.Body))
		}
		if subject, err := new(mime.WordDecoder).DecodeHeader(mail[0].Header.Get("Subject")); err != nil || !strings.HasPrefix(subject, want.subject) {
			t.Errorf("%q, %v", subject, err)
		}
		var history struct {
			Items []struct{ ID, Kind, Document, Number, Text string }
		}
		m.Call("GET", name, "/", m.token, nil, "Accept-Language", language).Expect(200, "").JSON(&history)
		if got := history.Items[0]; len(history.Items) != 1 || got.ID != id || got.Kind != "extract.mailing" || got.Document != m.document ||
			got.Number == "" || !strings.Contains(got.Text, got.Number) || !strings.Contains(got.Text, want.told) {
			t.Errorf("%+v", history)
		}
	}
}

func TestASecondClickGetsTheLetterOfTheFirstAndALaterOneItsOwn(t *testing.T) {
	m := newMailroom(t)
	first, _ := m.ask()
	m.Deliver(1)
	m.Advance(59 * time.Second)
	if again, state := m.ask(); again != first || state != "sent" {
		t.Errorf("%s is %s after %s", again, state, first)
	}
	m.Advance(time.Second)
	if later, state := m.ask(); later == first || state != "queued" {
		t.Errorf("%s is %s", later, state)
	}
	m.Deliver(1)
	mail := m.mail.Inbox()
	if items, _ := m.history(m.token, ""); len(items) != 2 || len(mail) != 2 || mail[0].Header.Get("Message-Id") == mail[1].Header.Get("Message-Id") {
		t.Errorf("%+v, %d arrived", items, len(mail))
	}
}

func TestNoDocumentLeavesAfterItsConsentWasRevoked(t *testing.T) {
	for rule, before := range map[string]func(mailroom, functiontest.Queued){
		"before the first try": func(mailroom, functiontest.Queued) {},
		"between two tries": func(m mailroom, call functiontest.Queued) {
			m.mail.Fail(mailtest.Data, "451 later")
			m.Send(call).Expect(200, "")
			m.mail.Fail(mailtest.Data, "")
		},
		"before an operator plays it again": func(m mailroom, call functiontest.Queued) {
			m.mail.Fail(mailtest.To, "550 who")
			m.Send(call).Expect(200, "")
			m.mail.Fail(mailtest.To, "")
			var dead struct{ Items []struct{ ID, Home string } }
			operator := m.Token(functiontest.Operator)
			m.Call("GET", deadlinewatch.Name, "/dead-letters", operator, nil).Expect(200, "").JSON(&dead)
			m.Call("POST", deadlinewatch.Name, "/dead-letters/"+dead.Items[0].ID, operator,
				map[string]string{"home": dead.Items[0].Home, "reason": "Адрес исправлен"}).Expect(202, "")
		},
	} {
		m := newMailroom(t)
		m.Run(deadlinewatch.Name, deadlinewatch.New)
		m.ask()
		call := m.Take(1)[0]
		before(m, call)
		m.revoke()
		for range 3 {
			m.Send(call).Expect(200, "")
		}
		told, d := m.newest(t)
		if len(m.mail.Inbox()) != 0 || d.State != "dropped" || d.Reason != "document_gone" || !strings.Contains(told.Text, "не отправлена") {
			t.Errorf("%s: %+v, %d arrived", rule, told, len(m.mail.Inbox()))
		}
		var dead struct{ Items []any }
		m.Call("GET", deadlinewatch.Name, "/dead-letters", m.Token(functiontest.Operator), nil).Expect(200, "").JSON(&dead)
		if len(dead.Items) != 0 {
			t.Errorf("%s: an operator is troubled with %v", rule, dead.Items)
		}
	}
}

func TestADocumentThatCannotBeHadWaitsAndHoldsUpNoOtherLetter(t *testing.T) {
	m := newMailroom(t)
	m.Run(extractrendering.Name, extractrendering.New) // over an object store that nobody reaches
	m.ask()
	call := m.Take(1)[0]
	m.Send(call).Expect(200, "")
	if _, d := m.newest(t); d != (delivery{"email", "queued", "extract_rendering_unavailable", 1}) {
		t.Errorf("%+v", d)
	}
	var e store.Event
	if err := json.Unmarshal(call.Body, &e); err != nil {
		t.Fatal(err)
	}
	m.CallAs(name, name, "/events", store.Event{Topic: events, Home: e.Home, Subject: notice.BirthSubject("x", m.Now())}).Expect(200, "")
	m.Deliver(1)
	if mail := m.mail.Inbox(); len(mail) != 1 || strings.Contains(mail[0].Header.Get("Content-Type"), "multipart") {
		t.Errorf("%+v", mail)
	}
	m.renders()
	m.Send(call).Expect(200, "")
	if mail := m.mail.Inbox(); len(mail) != 2 || !strings.Contains(mail[1].Header.Get("Content-Type"), "multipart") {
		t.Errorf("%+v", mail)
	}
}

func TestALetterThatMayHaveArrivedIsNotSentAgainByItself(t *testing.T) {
	m := newMailroom(t)
	m.mail.Fail(mailtest.Dot, mailtest.Drop)
	first, _ := m.ask()
	call := m.Take(1)[0]
	m.Send(call).Expect(200, "")
	m.mail.Fail(mailtest.Dot, "")
	for range 3 {
		m.Send(call).Expect(200, "")
	}
	told, d := m.newest(t)
	if d != (delivery{"email", "dead", "may_have_been_delivered", 1}) || !strings.Contains(told.Text, "возможно") || len(m.mail.Inbox()) != 1 {
		t.Errorf("%+v, %d arrived", told, len(m.mail.Inbox()))
	}
	if again, state := m.ask(); again != first || state != "dead" {
		t.Errorf("a second click gets %s, %s", again, state)
	}
	m.Advance(time.Minute)
	if later, state := m.ask(); later == first || state != "queued" {
		t.Errorf("asked again: %s, %s", later, state)
	}
	m.Deliver(1)
	if ids := m.mail.Inbox(); len(ids) != 2 {
		t.Errorf("%d arrived", len(ids))
	}
}
