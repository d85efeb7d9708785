// Package mail hands messages to a mail server by SMTP (RFC 5321), and tells
// what came of it.
package mail

import (
	"bytes"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"mime"
	"net"
	"net/mail"
	"net/url"
	"strings"
	"time"

	letter "github.com/emersion/go-message/mail"
	"github.com/emersion/go-sasl"
	"github.com/emersion/go-smtp"

	"polis/shared/clock"
	"polis/shared/config"
	"polis/shared/notice"
)

// Of the connection and of the farewell alone. The whole is the caller's to
// bound, by the context.
const (
	connectTimeout = 5 * time.Second
	quitTimeout    = time.Second
)

// Sender is safe for concurrent use.
type Sender struct {
	address  string // host:port
	implicit bool   // TLS from the first byte, by smtps://
	clear    bool   // without TLS: smtp_tls=none, on one machine only
	tls      *tls.Config
	user     string
	password string
	from     mail.Address
	machine  clock.Clock
}

// Open reads the settings smtp_url (smtp://[user@]host[:587] upgrades by
// STARTTLS, smtps://[user@]host[:465] speaks TLS at once), smtp_from, smtp_tls
// (required, or none) and, where smtp_url names a user, the secret
// smtp-password. Without smtp_url there is no e-mail and no Sender: nil.
func Open(env *config.Env) *Sender {
	text := env.String("smtp_url", "")
	if text == "" {
		return nil
	}
	s := &Sender{machine: clock.System}
	u, err := url.Parse(text)
	if err != nil || u.Hostname() == "" || (u.Scheme != "smtp" && u.Scheme != "smtps") {
		env.Fault("smtp_url", "is not an address like smtp://host:587 or smtps://host:465")
		return nil
	}
	port := u.Port()
	if s.implicit = u.Scheme == "smtps"; port == "" && s.implicit {
		port = "465" // RFC 8314
	} else if port == "" {
		port = "587" // RFC 6409
	}
	s.address, s.tls = net.JoinHostPort(u.Hostname(), port), &tls.Config{ServerName: u.Hostname(), MinVersion: tls.VersionTLS12}

	switch required := env.String("smtp_tls", "required"); {
	case required == "none" && s.implicit:
		env.Fault("smtp_tls", "none contradicts smtps://")
	case required == "none":
		s.clear = true
	case required != "required":
		env.Fault("smtp_tls", "%q is neither required nor none", required)
	}
	if s.user = u.User.Username(); s.user != "" {
		s.password = env.Secret("smtp-password")
		if s.clear {
			env.Fault("smtp_url", "names a user, whose password would travel without TLS")
		}
	}
	if _, given := u.User.Password(); given {
		env.Fault("smtp_url", "must not hold the password: it belongs in the secret smtp-password")
	}
	if from := env.Required("smtp_from"); from != "" {
		if parsed, err := mail.ParseAddress(from); err != nil {
			env.Fault("smtp_from", "is not a mail address")
		} else {
			s.from = *parsed
		}
	}
	return s
}

// Send hands one message over, within the context's time. Until its final dot
// the server does not have the message; an answer to it that does not come
// leaves the outcome unknown.
func (s *Sender) Send(ctx context.Context, m notice.Message) notice.Outcome {
	body, err := s.compose(m)
	if err != nil {
		return notice.Outcome{Result: notice.Refused, Reason: notice.ReasonAddress}
	}
	client, err := s.open(ctx)
	if err != nil {
		return unsent(ctx, err)
	}
	defer client.Close()
	// The library knows deadlines of single commands only.
	defer context.AfterFunc(ctx, func() { client.Close() })()

	data, err := s.begin(client, m.To)
	if err != nil {
		return unsent(ctx, err)
	}
	if _, err := io.Copy(data, body); err != nil {
		return unsent(ctx, err)
	}
	var answer *smtp.SMTPError
	switch err := data.Close(); {
	case err == nil:
		// It is accepted, whatever is answered to the farewell.
		client.CommandTimeout = quitTimeout
		client.Quit()
		return notice.Outcome{Result: notice.Accepted}
	case errors.As(err, &answer):
		return answered(answer)
	}
	return notice.Outcome{Result: notice.Unknown, Reason: notice.ReasonUnknown}
}

// open connects and says hello, under TLS unless the settings say otherwise.
func (s *Sender) open(ctx context.Context) (*smtp.Client, error) {
	dialer := &net.Dialer{Timeout: connectTimeout}
	conn, err := dialer.DialContext(ctx, "tcp", s.address)
	if err != nil {
		return nil, err
	}
	// Covers the greeting and both handshakes too, before there is a client.
	stop := context.AfterFunc(ctx, func() { conn.Close() })
	client, err := s.greet(ctx, conn)
	if !stop() || err != nil {
		conn.Close()
		return nil, errors.Join(err, ctx.Err())
	}
	return client, nil
}

func (s *Sender) greet(ctx context.Context, conn net.Conn) (*smtp.Client, error) {
	var client *smtp.Client
	switch {
	case s.implicit:
		secure := tls.Client(conn, s.tls)
		if err := secure.HandshakeContext(ctx); err != nil {
			return nil, err
		}
		client = smtp.NewClient(secure)
	case s.clear:
		client = smtp.NewClient(conn)
	default:
		var err error
		if client, err = smtp.NewClientStartTLS(conn, s.tls); err != nil {
			return nil, err
		}
	}
	_, name, _ := strings.Cut(s.from.Address, "@")
	return client, client.Hello(name)
}

// begin logs in and gets the server to take the envelope.
func (s *Sender) begin(client *smtp.Client, to string) (*smtp.DataCommand, error) {
	if s.user != "" {
		if err := client.Auth(sasl.NewPlainClient("", s.user, s.password)); err != nil {
			return nil, err
		}
	}
	if err := client.Mail(s.from.Address, nil); err != nil {
		return nil, err
	}
	if err := client.Rcpt(to, nil); err != nil {
		return nil, err
	}
	return client.Data()
}

// unsent is the outcome of a try that ended before the message was handed over.
func unsent(ctx context.Context, err error) notice.Outcome {
	var answer *smtp.SMTPError
	var certificate *tls.CertificateVerificationError
	reason := notice.ReasonUnreachable
	switch {
	case errors.As(err, &answer):
		return answered(answer)
	case ctx.Err() != nil:
		reason = notice.ReasonTimeout
	case errors.As(err, &certificate):
		reason = "tls_not_trusted"
	case strings.Contains(err.Error(), "support STARTTLS"): // the library has only a text for it
		reason = "tls_not_offered"
	}
	return notice.Outcome{Result: notice.Later, Reason: reason}
}

// answered is the outcome that a server's answer stands for (RFC 5321, 4.2.1).
// Its text stays out of the reason: it often repeats the address.
func answered(answer *smtp.SMTPError) notice.Outcome {
	o := notice.Outcome{Result: notice.Refused, Reason: fmt.Sprintf("smtp_%d", answer.Code)}
	if answer.Temporary() {
		o.Result = notice.Later
	}
	return o
}

// compose writes the message. An address that is not one, or a header that
// would begin another, is an error.
func (s *Sender) compose(m notice.Message) (io.Reader, error) {
	to, err := mail.ParseAddress(m.To)
	if err != nil || to.Address != m.To {
		return nil, errors.New("not a plain mail address")
	}
	if strings.ContainsAny(m.Subject+m.ID, "\r\n") {
		return nil, errors.New("line break in a header")
	}
	var h letter.Header
	h.SetAddressList("From", []*letter.Address{{Name: s.from.Name, Address: s.from.Address}})
	h.SetAddressList("To", []*letter.Address{{Address: m.To}})
	h.SetSubject(m.Subject)
	h.SetMessageID(m.ID)
	h.SetDate(s.machine())
	h.Set("Auto-Submitted", "auto-generated") // RFC 3834: no machine answers it
	var b bytes.Buffer
	if m.File != nil {
		return &b, enclose(&b, h, m)
	}
	h.SetContentType(plain, utf8)
	w, err := letter.CreateSingleInlineWriter(&b, h)
	return &b, fill(w, err, []byte(m.Text))
}

const plain = "text/plain"

var utf8 = map[string]string{"charset": "utf-8"}

// enclose writes a message of two parts, the text and the file (RFC 2046, 5.1.3).
func enclose(b *bytes.Buffer, h letter.Header, m notice.Message) error {
	w, err := letter.CreateWriter(b, h)
	if err != nil {
		return err
	}
	var text letter.InlineHeader
	text.SetContentType(plain, utf8)
	part, err := w.CreateSingleInline(text)
	if err := fill(part, err, []byte(m.Text)); err != nil {
		return err
	}
	var file letter.AttachmentHeader
	file.SetContentType(m.File.Type, nil)
	file.Set("Content-Disposition", mime.FormatMediaType("attachment", map[string]string{"filename": m.File.Name}))
	part, err = w.CreateAttachment(file)
	if err := fill(part, err, m.File.Content); err != nil {
		return err
	}
	return w.Close()
}

// fill writes the whole of a part that was just made.
func fill(w io.WriteCloser, made error, content []byte) error {
	if made != nil {
		return made
	}
	if _, err := w.Write(content); err != nil {
		return err
	}
	return w.Close()
}
