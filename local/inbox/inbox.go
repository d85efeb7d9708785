// Package inbox stands in for the world outside: it takes every letter and
// every SMS, whoever they are for, and shows them. It must never be reachable
// from another machine.
package inbox

import (
	"crypto/subtle"
	_ "embed"
	"encoding/json"
	"html/template"
	"mime"
	"net/http"
	"slices"
	"sync"
	"time"
)

const (
	kept   = 1000    // newest messages
	maxSMS = 1 << 16 // bytes of a request
)

// Message is what arrived for one person.
type Message struct {
	Channel string    `json:"channel"` // "email" or "sms"
	To      string    `json:"to"`      // address; number
	Subject string    `json:"subject"` // of a letter
	Text    string    `json:"text"`
	ID      string    `json:"message_id"` // Message-ID without its brackets; id of an SMS
	At      time.Time `json:"at"`         // by the machine's clock
	Files   []File    `json:"files,omitempty"`
}

// File that a letter carries.
type File struct {
	Name    string `json:"name"`
	Type    string `json:"type"` // of media, as the letter says
	Bytes   int    `json:"bytes"`
	Href    string `json:"href"` // where the content is, below the base address
	Content []byte `json:"-"`
}

// Inbox keeps the newest thousand messages in memory.
type Inbox struct {
	smsToken string
	mail     *mailServer

	mu       sync.Mutex
	messages []Message
	smsKeys  []string // of the newest SMS, whether removed or not
}

// Open starts the mail server at a free port of this machine. SMS are taken
// from whoever has the token.
func Open(smsToken string) (*Inbox, error) {
	b := &Inbox{smsToken: smsToken}
	var err error
	b.mail, err = serveMail(b.add)
	return b, err
}

// Close ends the mail server.
func (b *Inbox) Close() error { return b.mail.close() }

// SMTPAddr is where mail is taken, host:port, without TLS or a login.
func (b *Inbox) SMTPAddr() string { return b.mail.addr }

// FailMail makes the mail server fail in this way from the next letter on.
func (b *Inbox) FailMail(fault MailFault) error { return b.mail.fail(fault) }

// Messages in the order of their arrival.
func (b *Inbox) Messages() []Message {
	b.mu.Lock()
	defer b.mu.Unlock()
	return slices.Clone(b.messages)
}

func (b *Inbox) add(m Message) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.messages = newest(append(b.messages, m))
}

func newest[T any](all []T) []T { return slices.Clone(all[max(0, len(all)-kept):]) }

func (b *Inbox) clear() {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.messages = nil
}

// filesPath is where files are, each under the digest of its content.
const filesPath = "/inbox/files/"

// Handler serves the page at /inbox, its API at /inbox/api, the files of letters
// at /inbox/files, and the SMS provider at /inbox/sms.
func (b *Inbox) Handler() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /inbox", b.page)
	mux.HandleFunc("GET /inbox/api", b.list)
	mux.HandleFunc("DELETE /inbox/api", func(w http.ResponseWriter, _ *http.Request) {
		b.clear()
		w.WriteHeader(http.StatusNoContent)
	})
	mux.HandleFunc("GET "+filesPath+"{digest}", b.download)
	mux.HandleFunc("POST /inbox/sms", b.takeSMS)
	return http.NewCrossOriginProtection().Handler(mux)
}

//go:embed page.html
var pageSource string

var page = template.Must(template.New("inbox").Parse(pageSource))

func (b *Inbox) page(w http.ResponseWriter, _ *http.Request) {
	h := w.Header()
	h.Set("Content-Type", "text/html; charset=utf-8")
	h.Set("Content-Security-Policy", "default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'none'")
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("Cache-Control", "no-store")
	messages := b.Messages()
	slices.Reverse(messages)
	page.Execute(w, messages) // fails only when the client is gone
}

func (b *Inbox) list(w http.ResponseWriter, _ *http.Request) {
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("Cache-Control", "no-store")
	json.NewEncoder(w).Encode(map[string]any{"items": append([]Message{}, b.Messages()...)}) // as above
}

// download is a file to save. A browser never opens it here, whatever it is:
// this is the address of the portal too.
func (b *Inbox) download(w http.ResponseWriter, r *http.Request) {
	for _, m := range b.Messages() {
		for _, f := range m.Files {
			if f.Href != r.URL.Path {
				continue
			}
			h := w.Header()
			h.Set("Content-Type", "application/octet-stream")
			h.Set("Content-Disposition", mime.FormatMediaType("attachment", map[string]string{"filename": f.Name}))
			h.Set("X-Content-Type-Options", "nosniff")
			h.Set("Cache-Control", "no-store")
			w.Write(f.Content) // fails only when the client is gone
			return
		}
	}
	http.NotFound(w, r)
}

// takeSMS is what a provider's API is like: POST {"to", "text", "id"} under a
// bearer token. An SMS is sent once for each Idempotency-Key.
func (b *Inbox) takeSMS(w http.ResponseWriter, r *http.Request) {
	want := "Bearer " + b.smsToken
	if subtle.ConstantTimeCompare([]byte(r.Header.Get("Authorization")), []byte(want)) == 0 {
		w.Header().Set("WWW-Authenticate", "Bearer")
		http.Error(w, "wrong token", http.StatusUnauthorized)
		return
	}
	var sms struct{ To, Text, ID string }
	err := json.NewDecoder(http.MaxBytesReader(w, r.Body, maxSMS)).Decode(&sms)
	key := r.Header.Get("Idempotency-Key")
	switch {
	case err != nil:
		http.Error(w, err.Error(), http.StatusBadRequest)
	case key == "" || sms.To == "" || sms.Text == "":
		http.Error(w, "to, text and the header Idempotency-Key are needed", http.StatusUnprocessableEntity)
	default:
		b.addSMS(key, Message{Channel: "sms", To: sms.To, Text: sms.Text, ID: sms.ID, At: time.Now()})
		w.WriteHeader(http.StatusAccepted)
	}
}

func (b *Inbox) addSMS(key string, m Message) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if slices.Contains(b.smsKeys, key) {
		return
	}
	b.smsKeys = newest(append(b.smsKeys, key))
	b.messages = newest(append(b.messages, m))
}
