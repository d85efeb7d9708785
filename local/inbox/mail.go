package inbox

import (
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"log"
	"math/rand/v2"
	"net"
	"strings"
	"sync"
	"time"

	"github.com/emersion/go-message"
	"github.com/emersion/go-message/mail"
	"github.com/emersion/go-smtp"
)

const (
	maxLetter = 10 << 20 // bytes
	// hangTime is how long a server that hangs does so. A client gives up
	// earlier.
	hangTime = time.Minute
)

// Failure is one way in which a mail server fails.
type Failure string

const (
	Drop      Failure = "drop" // takes the letter, and drops the line instead of answering
	Temporary Failure = "4xx"  // refuses the recipient for now
	Permanent Failure = "5xx"  // refuses the recipient
	Hang      Failure = "hang" // does not answer, and does not take the letter
)

// MailFault is what befalls a share of the letters. The zero value is nothing.
type MailFault struct {
	Failure Failure
	Share   float64 // of the letters, 0 to 1
	Seed    uint64  // the same letters in the same order have the same fate
}

func (f MailFault) check() error {
	switch f.Failure {
	case "", Drop, Temporary, Permanent, Hang:
	default:
		return fmt.Errorf("mail fault: %q is no failure", f.Failure)
	}
	if !(f.Share >= 0 && f.Share <= 1) { // NaN is neither
		return fmt.Errorf("mail fault: %v is not a share", f.Share)
	}
	return nil
}

type mailServer struct {
	addr     string
	add      func(Message)
	listener net.Listener
	server   *smtp.Server
	served   chan struct{} // closed when no more letters come

	mu    sync.Mutex
	fault MailFault
	dice  *rand.Rand
}

func serveMail(add func(Message)) (*mailServer, error) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	s := &mailServer{addr: listener.Addr().String(), add: add, listener: listener, served: make(chan struct{})}
	s.server = smtp.NewServer(smtp.BackendFunc(func(c *smtp.Conn) (smtp.Session, error) {
		return &letter{server: s, line: c.Conn(), over: make(chan struct{})}, nil
	}))
	s.server.Domain = "localhost"
	s.server.MaxMessageBytes = maxLetter
	s.server.ReadTimeout, s.server.WriteTimeout = hangTime, hangTime
	s.server.EnableSMTPUTF8 = true
	s.server.ErrorLog = log.New(io.Discard, "", 0) // a line that breaks is here nobody's fault
	go func() {
		defer close(s.served)
		s.server.Serve(listener) // ends with close, and has nothing else to report
	}()
	return s, nil
}

func (s *mailServer) close() error {
	err := s.server.Close()
	// The server knows its listener only once it has begun to serve.
	if again := s.listener.Close(); !errors.Is(again, net.ErrClosed) {
		err = errors.Join(err, again)
	}
	<-s.served
	return err
}

func (s *mailServer) fail(fault MailFault) error {
	if err := fault.check(); err != nil {
		return err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.fault, s.dice = fault, rand.New(rand.NewPCG(fault.Seed, 0))
	return nil
}

// fate of the next letter.
func (s *mailServer) fate() Failure {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.fault.Failure == "" || s.dice.Float64() >= s.fault.Share {
		return ""
	}
	return s.fault.Failure
}

// letter is a conversation, which may bring several letters one after the
// other.
type letter struct {
	server *mailServer
	line   net.Conn
	over   chan struct{} // closed with the line
	fate   Failure
	to     []string
}

func (l *letter) Reset() { l.fate, l.to = "", nil }

func (l *letter) Logout() error { close(l.over); return nil }

func (l *letter) Mail(string, *smtp.MailOptions) error {
	if l.fate = l.server.fate(); l.fate == Hang {
		select {
		case <-l.over:
		case <-time.After(hangTime):
		}
		return l.line.Close()
	}
	return nil
}

func (l *letter) Rcpt(to string, _ *smtp.RcptOptions) error {
	switch l.fate {
	case Temporary:
		return &smtp.SMTPError{Code: 451, EnhancedCode: smtp.EnhancedCode{4, 7, 1}, Message: "come again later"}
	case Permanent:
		return &smtp.SMTPError{Code: 550, EnhancedCode: smtp.EnhancedCode{5, 1, 1}, Message: "no such mailbox"}
	}
	l.to = append(l.to, to)
	return nil
}

func (l *letter) Data(r io.Reader) error {
	m, err := read(r)
	if _, broken := io.Copy(io.Discard, r); broken != nil {
		return broken // before the final dot
	}
	if err != nil {
		return &smtp.SMTPError{Code: 554, EnhancedCode: smtp.EnhancedCode{5, 6, 0}, Message: "the letter cannot be read"}
	}
	for _, to := range l.to {
		m.To = to
		l.server.add(m)
	}
	if l.fate == Drop {
		return l.line.Close()
	}
	return nil
}

// read takes the subject, the id, the plain text and the files out of a letter.
func read(r io.Reader) (Message, error) {
	reader, err := mail.CreateReader(r)
	if err != nil && !message.IsUnknownCharset(err) {
		return Message{}, err
	}
	m := Message{Channel: "email", At: time.Now()}
	if m.Subject, err = reader.Header.Subject(); err != nil {
		return m, err
	}
	if m.ID, err = reader.Header.MessageID(); err != nil {
		return m, err
	}
	for {
		part, err := reader.NextPart()
		if errors.Is(err, io.EOF) {
			return m, nil
		}
		if err != nil && !message.IsUnknownCharset(err) {
			return m, err
		}
		content, err := io.ReadAll(part.Body)
		if err != nil {
			return m, err
		}
		switch header := part.Header.(type) {
		case *mail.InlineHeader:
			if kind, _, err := header.ContentType(); err == nil && kind == "text/plain" && m.Text == "" {
				m.Text = strings.ReplaceAll(string(content), "\r\n", "\n")
			}
		case *mail.AttachmentHeader:
			f := File{Bytes: len(content), Href: fmt.Sprintf("%s%x", filesPath, sha256.Sum256(content)), Content: content}
			f.Name, _ = header.Filename() // one that cannot be read is none
			f.Type, _, _ = header.ContentType()
			m.Files = append(m.Files, f)
		}
	}
}
