// Package mailtest is a mail server for tests that fails where it is told to.
package mailtest

import (
	"bufio"
	"crypto/tls"
	"crypto/x509"
	"io"
	"net"
	"net/http/httptest"
	"net/mail"
	"net/textproto"
	"strings"
	"sync"
	"testing"
)

// Stage of a conversation: what the server is about to answer.
type Stage string

const (
	Greeting Stage = "greeting"
	Hello    Stage = "EHLO"
	StartTLS Stage = "STARTTLS"
	Auth     Stage = "AUTH"
	From     Stage = "MAIL"
	To       Stage = "RCPT"
	Data     Stage = "DATA"
	Dot      Stage = "dot" // the message is accepted by then
	Quit     Stage = "QUIT"
)

// Ways to fail, beside an answer such as "451 later".
const (
	Drop   = "drop"   // the line, without an answer
	Hang   = "hang"   // until the client has gone
	Absent = "absent" // STARTTLS alone: it is not offered
)

// Received is a message that the server has accepted.
type Received struct {
	From, To string
	Header   mail.Header
	Body     string // as it was sent
	Secure   bool
}

// Server is safe for concurrent use.
type Server struct {
	Addr  string
	Roots *x509.CertPool // that its certificate stands under

	t     testing.TB
	tls   *tls.Config
	mu    sync.Mutex
	fail  map[Stage]string
	inbox []Received
	after func()
}

// New starts a server on this machine; it ends with the test. An implicit one
// speaks TLS from the first byte.
func New(t testing.TB, implicit bool) *Server {
	t.Helper()
	// A certificate for 127.0.0.1, as the standard library's tests have.
	https := httptest.NewTLSServer(nil)
	https.Close()
	s := &Server{t: t, Roots: x509.NewCertPool(), tls: &tls.Config{Certificates: https.TLS.Certificates}, fail: map[Stage]string{}}
	s.Roots.AddCert(https.Certificate())
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	s.Addr = listener.Addr().String()
	if implicit {
		listener = tls.NewListener(listener, s.tls)
	}
	var all sync.WaitGroup
	open := make(chan net.Conn, 1000)
	all.Go(func() {
		for {
			conn, err := listener.Accept()
			if err != nil {
				return
			}
			open <- conn
			all.Go(func() { s.serve(conn, implicit) })
		}
	})
	t.Cleanup(func() {
		listener.Close()
		for len(open) > 0 {
			(<-open).Close()
		}
		all.Wait()
	})
	return s
}

// Fail makes the server fail at a stage from now on: by an answer, or one of
// the ways above; "" makes it well again.
func (s *Server) Fail(at Stage, how string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.fail[at] = how
}

// AfterNext is called once the next message is accepted, before the client
// learns of it.
func (s *Server) AfterNext(do func()) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.after = do
}

// Inbox is what was accepted so far.
func (s *Server) Inbox() []Received {
	s.mu.Lock()
	defer s.mu.Unlock()
	return append([]Received(nil), s.inbox...)
}

func (s *Server) accept(m Received) {
	s.mu.Lock()
	s.inbox = append(s.inbox, m)
	after := s.after
	s.after = nil
	s.mu.Unlock()
	if after != nil {
		after()
	}
}

func (s *Server) serve(conn net.Conn, secure bool) {
	defer func() { conn.Close() }()
	text := textproto.NewConn(conn)
	// answer reports whether the stage went well; open, whether to go on.
	answer := func(at Stage, good string) (well, open bool) {
		switch how := s.failing(at); how {
		case "":
			return true, text.PrintfLine("%s", good) == nil
		case Drop:
			return false, false
		case Hang:
			io.Copy(io.Discard, conn)
			return false, false
		default:
			return false, text.PrintfLine("%s", how) == nil
		}
	}
	if well, open := answer(Greeting, "220 test"); !well || !open {
		return
	}
	var m Received
	for {
		line, err := text.ReadLine()
		if err != nil {
			return
		}
		command, argument, _ := strings.Cut(line, " ")
		well, open := false, false
		switch at := Stage(strings.ToUpper(command)); at {
		case Hello:
			extension := "AUTH PLAIN"
			if !secure && s.failing(StartTLS) != Absent {
				extension = "STARTTLS"
			}
			_, open = answer(at, "250-test\r\n250 "+extension)
		case StartTLS:
			if well, open = answer(at, "220 go on"); well {
				upgraded := tls.Server(conn, s.tls)
				conn, text, secure = upgraded, textproto.NewConn(upgraded), true
			}
		case Auth:
			_, open = answer(at, "235 welcome")
		case From, To:
			if well, open = answer(at, "250 ok"); well {
				address := argument[strings.Index(argument, "<")+1 : strings.Index(argument, ">")]
				if at == From {
					m = Received{From: address, Secure: secure}
				} else {
					m.To = address
				}
			}
		case Data:
			if well, open = answer(at, "354 go on"); well && open {
				if open = s.read(text, &m); open {
					if how := s.failing(Dot); how == "" || how == Drop || how == Hang {
						s.accept(m)
					}
					_, open = answer(Dot, "250 accepted")
				}
			}
		case Quit:
			answer(at, "221 bye")
		default:
			open = text.PrintfLine("502 unknown") == nil
		}
		if !open {
			return
		}
	}
}

func (s *Server) failing(at Stage) string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.fail[at]
}

func (s *Server) read(text *textproto.Conn, m *Received) bool {
	parsed, err := mail.ReadMessage(bufio.NewReader(text.DotReader()))
	if err != nil {
		return false
	}
	body, err := io.ReadAll(parsed.Body)
	m.Header, m.Body = parsed.Header, string(body)
	return err == nil
}
