package mail

import (
	"bytes"
	"context"
	"encoding/base64"
	"io"
	"mime"
	"mime/multipart"
	"mime/quotedprintable"
	"net"
	"net/mail"
	"strings"
	"testing"
	"time"

	"polis/shared/config"
	"polis/shared/mailtest"
	"polis/shared/notice"
)

var message = notice.Message{
	ID: "01kkbb4a10s3e5w7y9b1d3f5h7.email@polis.example.org", To: "maria@example.org", Subject: "Заявление 20260310-D3F5-H7K9 подано",
	Text: "Делать ничего не нужно.\n.\nhttps://polis.example.org/function/portal\n",
}

// patience is how long one try may take; enough for a machine that is busy.
const patience = 2 * time.Second

func sender(t *testing.T, server *mailtest.Server, settings ...string) *Sender {
	t.Helper()
	all := map[string]string{"smtp_url": "smtp://" + server.Addr, "smtp_from": "Полис <noreply@polis.example.org>"}
	for i := 0; i < len(settings); i += 2 {
		all[settings[i]] = settings[i+1]
	}
	env := config.FromMap(all, map[string]string{"smtp-password": "secret"})
	s := Open(env)
	if err := env.Err(); err != nil {
		t.Fatal(err)
	}
	s.tls.RootCAs = server.Roots
	return s
}

func send(t *testing.T, s *Sender, m notice.Message, within time.Duration) notice.Outcome {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), within)
	defer cancel()
	return s.Send(ctx, m)
}

var accepted = notice.Outcome{Result: notice.Accepted}

func TestAMessageArrivesAsItWasWritten(t *testing.T) {
	for rule, tc := range map[string]struct {
		implicit, secure bool
		settings         []string
	}{
		"upgraded to TLS":      {false, true, nil},
		"under TLS at once":    {true, true, []string{"smtp_url", "smtps://"}},
		"with a login":         {true, true, []string{"smtp_url", "smtps://polis@"}},
		"clear on one machine": {false, false, []string{"smtp_tls", "none"}},
	} {
		server := mailtest.New(t, tc.implicit)
		if len(tc.settings) > 0 && tc.settings[0] == "smtp_url" {
			tc.settings[1] += server.Addr
		}
		if got := send(t, sender(t, server, tc.settings...), message, patience); got != accepted {
			t.Errorf("%s: %+v", rule, got)
			continue
		}
		got := server.Inbox()[0]
		header := func(name string) string {
			text, err := new(mime.WordDecoder).DecodeHeader(got.Header.Get(name))
			if err != nil {
				t.Fatal(err)
			}
			return text
		}
		if got.From != "noreply@polis.example.org" || got.To != message.To || got.Secure != tc.secure {
			t.Errorf("%s: %+v", rule, got)
		}
		for name, want := range map[string]string{
			"Message-Id": "<" + message.ID + ">", "Subject": message.Subject, "Auto-Submitted": "auto-generated",
			"From": "Полис <noreply@polis.example.org>", "To": "<maria@example.org>",
		} {
			if text := header(name); text != want {
				t.Errorf("%s: %s is %q", rule, name, text)
			}
		}
		if date, err := got.Header.Date(); err != nil || time.Since(date) > time.Hour {
			t.Errorf("%s: written at %s, %v", rule, date, err)
		}
		var body io.Reader = strings.NewReader(got.Body)
		if got.Header.Get("Content-Transfer-Encoding") == "quoted-printable" {
			body = quotedprintable.NewReader(body)
		}
		text, err := io.ReadAll(body)
		if err != nil || strings.ReplaceAll(string(text), "\r\n", "\n") != message.Text {
			t.Errorf("%s: %q, %v", rule, text, err)
		}
	}
}

func TestAFileArrivesByteForByteUnderItsName(t *testing.T) {
	every := make([]byte, 100_000) // of each value, without a line break for long
	for i := range every {
		every[i] = byte(i * 7 / 256 * i)
	}
	for rule, file := range map[string]notice.File{
		"a document":        {Name: "polis-20260310-D3F5-H7K9.pdf", Type: "application/pdf", Content: []byte("%PDF-1.4\n.\n%%EOF\n")},
		"bytes of any kind": {Name: "выписка \"1\".pdf", Type: "application/pdf", Content: every},
		"a sly name":        {Name: "a.pdf\r\nBcc: x@example.org", Type: "application/pdf", Content: []byte("x")},
	} {
		server := mailtest.New(t, false)
		m := message
		m.File = &file
		if got := send(t, sender(t, server), m, patience); got != accepted {
			t.Fatalf("%s: %+v", rule, got)
		}
		got := server.Inbox()[0]
		if id, bcc := got.Header.Get("Message-Id"), got.Header.Get("Bcc"); id != "<"+message.ID+">" || bcc != "" {
			t.Errorf("%s: %s, %q", rule, id, bcc)
		}
		for line := range strings.Lines(got.Body) {
			if len(line) > 1000 { // RFC 5321, 4.5.3.1.6
				t.Errorf("%s: a line of %d bytes", rule, len(line))
			}
		}
		kind, params, err := mime.ParseMediaType(got.Header.Get("Content-Type"))
		if err != nil || kind != "multipart/mixed" {
			t.Fatalf("%s: %s, %v", rule, kind, err)
		}
		parts := multipart.NewReader(strings.NewReader(got.Body), params["boundary"])
		var text, content []byte
		var attached *multipart.Part
		if part, err := parts.NextPart(); err == nil { // which decodes quoted-printable
			text, _ = io.ReadAll(part)
		}
		if attached, err = parts.NextPart(); err == nil && attached.Header.Get("Content-Transfer-Encoding") == "base64" {
			content, err = io.ReadAll(base64.NewDecoder(base64.StdEncoding, attached))
		}
		if err != nil || strings.ReplaceAll(string(text), "\r\n", "\n") != message.Text {
			t.Fatalf("%s: %q, %v", rule, text, err)
		}
		disposition, named, err := mime.ParseMediaType(attached.Header.Get("Content-Disposition"))
		if err != nil || disposition != "attachment" || named["filename"] != file.Name || attached.Header.Get("Content-Type") != file.Type || !bytes.Equal(content, file.Content) {
			t.Errorf("%s: %v, %d bytes of %d", rule, attached.Header, len(content), len(file.Content))
		}
		if _, err := parts.NextPart(); err != io.EOF {
			t.Errorf("%s: a third part, %v", rule, err)
		}
	}
}

func TestTheOutcomeTellsWhetherTheServerHasTheMessage(t *testing.T) {
	before := []mailtest.Stage{
		mailtest.Greeting, mailtest.Hello, mailtest.StartTLS, mailtest.Auth, mailtest.From, mailtest.To, mailtest.Data,
	}
	for _, at := range append(before, mailtest.Dot) {
		lost := func(reason string) notice.Outcome {
			if at == mailtest.Dot {
				return notice.Outcome{Result: notice.Unknown, Reason: notice.ReasonUnknown}
			}
			return notice.Outcome{Result: notice.Later, Reason: reason}
		}
		for how, want := range map[string]notice.Outcome{
			"451 4.3.0 not now":      {Result: notice.Later, Reason: "smtp_451"},
			"421 4.3.2 bye":          {Result: notice.Later, Reason: "smtp_421"},
			"550 5.1.1 no such user": {Result: notice.Refused, Reason: "smtp_550"},
			mailtest.Drop:            lost(notice.ReasonUnreachable),
			mailtest.Hang:            lost(notice.ReasonTimeout),
		} {
			t.Run(string(at)+" "+how, func(t *testing.T) {
				t.Parallel()
				server := mailtest.New(t, false)
				server.Fail(at, how)
				s := sender(t, server, "smtp_url", "smtp://polis@"+server.Addr)
				within := patience
				if how == mailtest.Hang {
					within = 300 * time.Millisecond
				}
				if got := send(t, s, message, within); got != want {
					t.Errorf("%+v instead of %+v", got, want)
				}
				if has := len(server.Inbox()) > 0; has != (want.Result == notice.Unknown) {
					t.Errorf("the server has it: %v", has)
				}
				server.Fail(at, "")
				if got := send(t, s, message, patience); got != accepted {
					t.Errorf("well again: %+v", got)
				}
			})
		}
	}
}

func TestAFarewellWithoutAnswerChangesNothing(t *testing.T) {
	server := mailtest.New(t, false)
	server.Fail(mailtest.Quit, mailtest.Drop)
	if got := send(t, sender(t, server), message, patience); got != accepted {
		t.Errorf("%+v", got)
	}
}

func TestNothingIsSentInTheClearOrToAStranger(t *testing.T) {
	open := mailtest.New(t, false)
	open.Fail(mailtest.StartTLS, mailtest.Absent)
	if got := send(t, sender(t, open), message, patience); got != (notice.Outcome{Result: notice.Later, Reason: "tls_not_offered"}) {
		t.Errorf("without TLS: %+v", got)
	}
	for rule, implicit := range map[string]bool{"smtp://": false, "smtps://": true} {
		stranger := mailtest.New(t, implicit)
		s := sender(t, stranger, "smtp_url", rule+stranger.Addr)
		s.tls.RootCAs = nil
		if got := send(t, s, message, patience); got != (notice.Outcome{Result: notice.Later, Reason: "tls_not_trusted"}) {
			t.Errorf("%s with a certificate of nobody: %+v", rule, got)
		}
		if len(stranger.Inbox()) != 0 {
			t.Error("it was sent")
		}
	}
}

func TestAServerThatIsNotThereIsAskedLater(t *testing.T) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	listener.Close()
	s := sender(t, &mailtest.Server{Addr: listener.Addr().String()})
	if got := send(t, s, message, patience); got != (notice.Outcome{Result: notice.Later, Reason: notice.ReasonUnreachable}) {
		t.Errorf("%+v", got)
	}
}

func TestNoHeaderCanBeSlippedIn(t *testing.T) {
	server := mailtest.New(t, false)
	s := sender(t, server)
	for rule, change := range map[string]func(*notice.Message){
		"in the address":    func(m *notice.Message) { m.To = "maria@example.org>\r\nRCPT TO:<x@example.org" },
		"in the subject":    func(m *notice.Message) { m.Subject = "x\r\nBcc: x@example.org" },
		"in the id":         func(m *notice.Message) { m.ID = "x>\r\nBcc: <x@example.org" },
		"an address so-so":  func(m *notice.Message) { m.To = "maria" },
		"a name beside it":  func(m *notice.Message) { m.To = "Maria <maria@example.org>" },
		"no address at all": func(m *notice.Message) { m.To = "" },
	} {
		m := message
		change(&m)
		if got := send(t, s, m, patience); got != (notice.Outcome{Result: notice.Refused, Reason: notice.ReasonAddress}) {
			t.Errorf("%s: %+v", rule, got)
		}
	}
	if n := len(server.Inbox()); n != 0 {
		t.Errorf("%d were sent", n)
	}
	m := message
	m.Text = "x\r\n.\r\nMAIL FROM:<x@example.org>\r\n"
	if got := send(t, s, m, patience); got != accepted || len(server.Inbox()) != 1 {
		t.Errorf("a dot in the text ends the message: %+v", got)
	}
	if _, err := mail.ParseAddress(server.Inbox()[0].To); err != nil {
		t.Error(err)
	}
}

func TestEachWrongSettingIsNamed(t *testing.T) {
	for rule, tc := range map[string]struct {
		settings map[string]string
		names    []string
	}{
		"not an address":         {map[string]string{"smtp_url": "mail.example.org"}, []string{"smtp_url"}},
		"nobody to be from":      {map[string]string{"smtp_url": "smtp://h"}, []string{"smtp_from"}},
		"from no address":        {map[string]string{"smtp_url": "smtp://h", "smtp_from": "Полис"}, []string{"smtp_from"}},
		"a kind of TLS":          {map[string]string{"smtp_url": "smtp://h", "smtp_from": "a@b", "smtp_tls": "maybe"}, []string{"smtp_tls"}},
		"TLS and no TLS":         {map[string]string{"smtp_url": "smtps://h", "smtp_from": "a@b", "smtp_tls": "none"}, []string{"smtp_tls"}},
		"a user and no password": {map[string]string{"smtp_url": "smtp://u@h", "smtp_from": "a@b"}, []string{"smtp-password"}},
		"a password in sight":    {map[string]string{"smtp_url": "smtp://u:p@h", "smtp_from": "a@b"}, []string{"smtp_url", "smtp-password"}},
		"a password in clear":    {map[string]string{"smtp_url": "smtp://u@h", "smtp_from": "a@b", "smtp_tls": "none"}, []string{"smtp_url", "smtp-password"}},
	} {
		env := config.FromMap(tc.settings, nil)
		Open(env)
		err := env.Err()
		for _, name := range tc.names {
			if err == nil || !strings.Contains(err.Error(), name+":") {
				t.Errorf("%s: %v does not name %s", rule, err, name)
			}
		}
		if err != nil && strings.Contains(err.Error(), "u:p") {
			t.Errorf("%s: the fault shows the password", rule)
		}
	}
	env := config.FromMap(nil, nil)
	if s := Open(env); s != nil || env.Err() != nil {
		t.Errorf("without smtp_url: %+v, %v", s, env.Err())
	}
	for address, want := range map[string]string{"smtp://h": "h:587", "smtps://h": "h:465", "smtp://h:25": "h:25"} {
		if s := Open(config.FromMap(map[string]string{"smtp_url": address, "smtp_from": "a@b"}, nil)); s.address != want {
			t.Errorf("%s is %s", address, s.address)
		}
	}
}
