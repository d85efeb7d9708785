package inbox

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/emersion/go-message/mail"
	"github.com/emersion/go-smtp"
)

func open(t *testing.T) *Inbox {
	t.Helper()
	b, err := Open("token")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := b.Close(); err != nil {
			t.Error(err)
		}
	})
	return b
}

// write is a letter as a mail program makes it.
func write(t *testing.T, id, subject, text string) string {
	t.Helper()
	var h mail.Header
	h.SetAddressList("From", []*mail.Address{{Name: "Полис ОМС", Address: "polis@example.org"}})
	h.SetAddressList("To", []*mail.Address{{Address: "maria@example.org"}})
	h.SetSubject(subject)
	h.SetMessageID(id)
	h.SetContentType("text/plain", map[string]string{"charset": "utf-8"})
	var letter strings.Builder
	w, err := mail.CreateSingleInlineWriter(&letter, h)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := io.WriteString(w, text); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return letter.String()
}

// post sends a letter; an error is the server's answer or the end of the line.
func post(t *testing.T, b *Inbox, letter string, timeout time.Duration, to ...string) error {
	t.Helper()
	client, err := smtp.Dial(b.SMTPAddr())
	if err != nil {
		t.Fatal(err)
	}
	defer client.Close()
	client.CommandTimeout, client.SubmissionTimeout = timeout, timeout
	if err := client.SendMail("polis@example.org", to, strings.NewReader(letter)); err != nil {
		return err
	}
	return client.Quit()
}

const patience = 10 * time.Second

func TestALetterArrivesAsItWasWritten(t *testing.T) {
	b := open(t)
	began := time.Now()
	const text = "Здравствуйте!\n.\nВаш полис готов: «выписка № 1».\n"
	if err := post(t, b, write(t, "1.email@polis.example.org", "Заявление подано — ждём", text), patience, "maria@example.org"); err != nil {
		t.Fatal(err)
	}
	got := b.Messages()
	if len(got) != 1 {
		t.Fatalf("%d letters", len(got))
	}
	at := got[0].At
	got[0].At = time.Time{}
	want := Message{Channel: "email", To: "maria@example.org", Subject: "Заявление подано — ждём", Text: text, ID: "1.email@polis.example.org"}
	if !reflect.DeepEqual(got[0], want) || at.Before(began) || at.After(time.Now()) {
		t.Errorf("%+v at %v", got[0], at)
	}
}

func TestALetterToTwoIsTwoMessages(t *testing.T) {
	b := open(t)
	if err := post(t, b, write(t, "1@x", "s", "t"), patience, "maria@example.org", "ivan@example.org"); err != nil {
		t.Fatal(err)
	}
	if got := b.Messages(); len(got) != 2 || got[0].To != "maria@example.org" || got[1].To != "ivan@example.org" {
		t.Errorf("%+v", got)
	}
}

func TestThePlainTextOfALetterWithPartsIsShown(t *testing.T) {
	b := open(t)
	letter := strings.ReplaceAll(`Subject: =?utf-8?B?0J/QvtC70LjRgQ==?=
Message-ID: <2@x>
MIME-Version: 1.0
Content-Type: multipart/alternative; boundary=cut

--cut
Content-Type: text/html; charset=utf-8

<b>bold</b>
--cut
Content-Type: text/plain; charset=utf-8

plain
--cut--
`, "\n", "\r\n")
	if err := post(t, b, letter, patience, "maria@example.org"); err != nil {
		t.Fatal(err)
	}
	if got := b.Messages(); len(got) != 1 || got[0].Subject != "Полис" || strings.TrimSpace(got[0].Text) != "plain" || got[0].ID != "2@x" {
		t.Errorf("%+v", got)
	}
}

func TestTheFilesOfALetterAreListedAndSaved(t *testing.T) {
	b := open(t)
	letter := strings.ReplaceAll(`Subject: s
Message-ID: <3@x>
MIME-Version: 1.0
Content-Type: multipart/mixed; boundary=cut

--cut
Content-Type: text/plain; charset=utf-8

plain
--cut
Content-Type: application/pdf
Content-Disposition: attachment; filename="polis.pdf"
Content-Transfer-Encoding: base64

JVBERg==
--cut
Content-Type: text/html
Content-Disposition: attachment; filename*=utf-8''%D1%84.html

<b>
--cut--
`, "\n", "\r\n")
	if err := post(t, b, letter, patience, "maria@example.org"); err != nil {
		t.Fatal(err)
	}
	var list struct {
		Items []struct {
			Text  string
			Files []struct {
				Name, Type, Href string
				Bytes            int
			}
		}
	}
	if err := json.Unmarshal(ask(b, http.MethodGet, "/inbox/api", "").Body.Bytes(), &list); err != nil || len(list.Items) != 1 || list.Items[0].Text != "plain" {
		t.Fatalf("%+v, %v", list, err)
	}
	files, page := list.Items[0].Files, ask(b, http.MethodGet, "/inbox", "").Body.String()
	for i, want := range []struct{ name, kind, content, disposition string }{
		{"polis.pdf", "application/pdf", "%PDF", "attachment; filename=polis.pdf"},
		{"ф.html", "text/html", "<b>", "attachment; filename*=utf-8''%D1%84.html"},
	} {
		if len(files) != 2 || files[i].Name != want.name || files[i].Type != want.kind || files[i].Bytes != len(want.content) {
			t.Fatalf("%+v", files)
		}
		if !strings.Contains(page, fmt.Sprintf(`<a href="%s">%s</a>, %d`, files[i].Href, want.name, len(want.content))) {
			t.Errorf("the page does not show %s:\n%s", want.name, page)
		}
		saved := ask(b, http.MethodGet, files[i].Href, "")
		if h := saved.Header(); saved.Body.String() != want.content || h.Get("Content-Disposition") != want.disposition || h.Get("Content-Type") != "application/octet-stream" {
			t.Errorf("%q, %v", saved.Body, h)
		}
	}
	ask(b, http.MethodDelete, "/inbox/api", "")
	if w := ask(b, http.MethodGet, files[0].Href, ""); w.Code != http.StatusNotFound {
		t.Errorf("after all was cleared: %d", w.Code)
	}
}

func TestTheMailServerFailsAsItIsTold(t *testing.T) {
	for _, c := range []struct {
		failure Failure
		code    int // of the answer; 0: none
		taken   int
	}{{Drop, 0, 1}, {Temporary, 451, 0}, {Permanent, 550, 0}, {Hang, 0, 0}} {
		t.Run(string(c.failure), func(t *testing.T) {
			b := open(t)
			if err := b.FailMail(MailFault{Failure: c.failure, Share: 1}); err != nil {
				t.Fatal(err)
			}
			timeout := patience
			if c.failure == Hang {
				timeout = 200 * time.Millisecond
			}
			err := post(t, b, write(t, "1@x", "s", "t"), timeout, "maria@example.org")
			answer := &smtp.SMTPError{}
			errors.As(err, &answer)
			if err == nil || answer.Code != c.code {
				t.Errorf("answered %v", err)
			}
			if n := len(b.Messages()); n != c.taken {
				t.Errorf("%d letters taken", n)
			}
			if err := b.FailMail(MailFault{}); err != nil {
				t.Fatal(err)
			}
			if err := post(t, b, write(t, "1@x", "s", "t"), patience, "maria@example.org"); err != nil || len(b.Messages()) != c.taken+1 {
				t.Errorf("well again: %v, %d letters", err, len(b.Messages()))
			}
		})
	}
}

func TestAShareOfTheLettersFailsAndTheSeedDecidesWhich(t *testing.T) {
	draw := func(seed uint64) (fates string) {
		s := &mailServer{}
		if err := s.fail(MailFault{Failure: Drop, Share: 0.3, Seed: seed}); err != nil {
			t.Fatal(err)
		}
		for range 10_000 {
			fates += fmt.Sprintf("%.1s", s.fate()+"-")
		}
		return fates
	}
	first := draw(1)
	if n := strings.Count(first, "d"); n < 2_800 || n > 3_200 {
		t.Errorf("%d of 10000 fail, want a share of 0.3", n)
	}
	if draw(1) != first {
		t.Error("another fate with the same seed")
	}
	if draw(2) == first {
		t.Error("the same fate with another seed")
	}
	for _, fault := range []MailFault{{Failure: "fire"}, {Failure: Drop, Share: 1.1}, {Failure: Drop, Share: -1}} {
		if err := (&mailServer{}).fail(fault); err == nil {
			t.Errorf("%+v is taken", fault)
		}
	}
}

func ask(b *Inbox, method, path, body string, header ...string) *httptest.ResponseRecorder {
	r := httptest.NewRequest(method, path, strings.NewReader(body))
	for i := 0; i+1 < len(header); i += 2 {
		r.Header.Set(header[i], header[i+1])
	}
	w := httptest.NewRecorder()
	b.Handler().ServeHTTP(w, r)
	return w
}

const sms = `{"to": "+79161234567", "text": "Полис ОМС: заявление подано", "id": "1.sms@x"}`

func TestAnSMSIsSentOnceForEachKey(t *testing.T) {
	b := open(t)
	for _, key := range []string{"a", "a", "b"} {
		if w := ask(b, http.MethodPost, "/inbox/sms", sms, "Authorization", "Bearer token", "Idempotency-Key", key); w.Code != http.StatusAccepted {
			t.Fatalf("%d %s", w.Code, w.Body)
		}
	}
	got := b.Messages()
	if len(got) != 2 || got[0].Channel != "sms" || got[0].To != "+79161234567" || got[0].Text != "Полис ОМС: заявление подано" || got[0].ID != "1.sms@x" {
		t.Errorf("%+v", got)
	}
}

func TestWhatIsNoSMSIsRefused(t *testing.T) {
	b := open(t)
	for name, c := range map[string]struct {
		token, key, body string
		status           int
	}{
		"without a token": {"", "a", sms, http.StatusUnauthorized},
		"a wrong token":   {"Bearer x", "a", sms, http.StatusUnauthorized},
		"without a key":   {"Bearer token", "", sms, http.StatusUnprocessableEntity},
		"to nobody":       {"Bearer token", "a", `{"text": "x"}`, http.StatusUnprocessableEntity},
		"no JSON":         {"Bearer token", "a", "to=1", http.StatusBadRequest},
	} {
		if w := ask(b, http.MethodPost, "/inbox/sms", c.body, "Authorization", c.token, "Idempotency-Key", c.key); w.Code != c.status {
			t.Errorf("%s: %d", name, w.Code)
		}
	}
	if len(b.Messages()) != 0 {
		t.Error("one was taken")
	}
}

func TestTheAPIListsAndClears(t *testing.T) {
	b := open(t)
	if got := ask(b, http.MethodGet, "/inbox/api", "").Body.String(); strings.TrimSpace(got) != `{"items":[]}` {
		t.Errorf("empty: %s", got)
	}
	at := time.Date(2026, 3, 10, 9, 0, 0, 0, time.UTC)
	b.add(Message{Channel: "email", To: "maria@example.org", Subject: "Тема", Text: "Текст", ID: "1@x", At: at})
	var list struct{ Items []map[string]string }
	if err := json.Unmarshal(ask(b, http.MethodGet, "/inbox/api", "").Body.Bytes(), &list); err != nil || len(list.Items) != 1 {
		t.Fatalf("%v, %v", list, err)
	}
	for name, want := range map[string]string{
		"channel": "email", "to": "maria@example.org", "subject": "Тема", "text": "Текст", "message_id": "1@x", "at": "2026-03-10T09:00:00Z",
	} {
		if got := list.Items[0][name]; got != want {
			t.Errorf("%s is %q, want %q", name, got, want)
		}
	}
	if w := ask(b, http.MethodDelete, "/inbox/api", "", "Sec-Fetch-Site", "cross-site"); w.Code != http.StatusForbidden {
		t.Errorf("another site's page: %d", w.Code)
	}
	if w := ask(b, http.MethodDelete, "/inbox/api", ""); w.Code != http.StatusNoContent || len(b.Messages()) != 0 {
		t.Errorf("cleared: %d, %d left", w.Code, len(b.Messages()))
	}
}

func TestOnlyTheNewestThousandAreKept(t *testing.T) {
	b := open(t)
	for n := range kept + 5 {
		b.add(Message{ID: fmt.Sprint(n)})
	}
	if got := b.Messages(); len(got) != kept || got[0].ID != "5" || got[kept-1].ID != fmt.Sprint(kept+4) {
		t.Errorf("%d messages from %s", len(got), got[0].ID)
	}
}

func TestThePageShowsEverythingAndRunsNothing(t *testing.T) {
	b := open(t)
	if got := ask(b, http.MethodGet, "/inbox", "").Body.String(); !strings.Contains(got, "Пока ничего не пришло") {
		t.Errorf("empty: %s", got)
	}
	const evil = `<script>alert(1)</script>`
	b.add(Message{Channel: "email", To: `"` + evil + `"@x`, Subject: "первое " + evil, Text: evil})
	b.add(Message{Channel: "sms", To: "+79161234567", Text: "второе", At: time.Date(2026, 3, 10, 9, 5, 0, 0, time.UTC)})
	w := ask(b, http.MethodGet, "/inbox", "")
	got := w.Body.String()
	if strings.Contains(got, "<script") || strings.Count(got, "&lt;script&gt;") != 3 {
		t.Errorf("not escaped:\n%s", got)
	}
	for _, want := range []string{"СМС", "&#43;79161234567", "10.03.2026 09:05:00", "второе"} {
		if !strings.Contains(got, want) {
			t.Errorf("%q is not shown", want)
		}
	}
	if strings.Index(got, "второе") > strings.Index(got, "первое") {
		t.Error("the newest is not the first")
	}
	if policy := w.Header().Get("Content-Security-Policy"); !strings.Contains(policy, "default-src 'none'") {
		t.Errorf("policy %q", policy)
	}
}
