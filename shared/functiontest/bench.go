// Package functiontest runs functions in one process for their tests, as the
// platform would: behind a gateway with a queue, over a store, a login and a law
// clock that the test moves. What it runs are the real handlers.
package functiontest

import (
	"bytes"
	"cmp"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/http/httptest"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/alicebob/miniredis/v2"
	redisserver "github.com/alicebob/miniredis/v2/server"
	"github.com/coreos/go-oidc/v3/oidc"
	"github.com/coreos/go-oidc/v3/oidc/oidctest"
	handler "github.com/openfaas/templates-sdk/go-http"

	"polis/shared/access"
	"polis/shared/config"
	"polis/shared/server"
)

// Begin is what the law clock shows at first: a Tuesday, 09:00 in Moscow.
var Begin = time.Date(2026, time.March, 10, 9, 0, 0, 0, time.FixedZone("MSK", 3*60*60))

const (
	audience = "polis"
	password = "store-password"
	keyID    = "k"
	callID   = "call-1"        // of a call that brings none
	patience = 5 * time.Second // for what happens in another goroutine
)

// Bench is one installation in small. It is safe for concurrent use.
type Bench struct {
	Redis *miniredis.Miniredis // Close takes the store away, Restart brings it back

	t       testing.TB
	gateway *httptest.Server
	queue   chan Queued
	issuer  string
	login   *ecdsa.PrivateKey

	mu        sync.Mutex
	law       time.Time
	functions map[string]handler.FunctionHandler
	lost      map[string]bool // targets
}

// New makes an installation without functions; it ends with the test.
func New(t testing.TB) *Bench {
	t.Helper()
	b := &Bench{
		Redis: miniredis.RunT(t), t: t, queue: make(chan Queued, 100),
		law: Begin, functions: map[string]handler.FunctionHandler{}, lost: map[string]bool{},
	}
	b.Redis.RequireAuth(password)

	var err error
	if b.login, err = ecdsa.GenerateKey(elliptic.P256(), rand.Reader); err != nil {
		t.Fatal(err)
	}
	issuer := &oidctest.Server{PublicKeys: []oidctest.PublicKey{{PublicKey: b.login.Public(), KeyID: keyID, Algorithm: oidc.ES256}}}
	login := httptest.NewServer(issuer)
	t.Cleanup(login.Close)
	issuer.SetIssuer(login.URL)
	b.issuer = login.URL

	// No ServeMux: it would resolve the paths that functions see as they came.
	b.gateway = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if target, async := strings.CutPrefix(r.URL.Path, "/async-function/"); async {
			b.enqueue(w, r, target)
		} else {
			b.serve(w, r, strings.TrimPrefix(r.URL.Path, "/function/"))
		}
	}))
	t.Cleanup(b.gateway.Close)
	return b
}

// Loading has the store refuse all commands, as Redis does that reads its data,
// until it is called with false. Redis takes MULTI even then; here each connection
// ends with its refusal, or the client would take the answers to what it sent
// beside a refused MULTI for those to what it sends next.
func (b *Bench) Loading(on bool) {
	if !on {
		b.Redis.SetError("")
		return
	}
	b.Redis.Server().SetPreHook(func(c *redisserver.Peer, _ string, _ ...string) bool {
		c.WriteError("LOADING Redis is loading the dataset in memory") // only with a space behind it does the client try again
		c.Close()
		return true
	})
}

// Env is a full set of settings and secrets. change is pairs of a name and
// another value for it, "" for none.
func (b *Bench) Env(change ...string) *config.Env {
	settings := map[string]string{
		"redis_url": "redis://" + b.Redis.Addr(), "gateway_url": b.gateway.URL, "public_url": "https://polis.example.org",
		"oidc_issuer": b.issuer, "oidc_audience": audience, "oidc_client_id": "polis-portal", "log_level": "error",
		"s3_endpoint": "http://127.0.0.1:1", "s3_bucket": "polis", // nobody listens there
	}
	for i := 0; i < len(change); i += 2 {
		settings[change[i]] = change[i+1]
	}
	env := config.FromMap(settings, map[string]string{
		"polis-index-key": key(1), "polis-master-key": key(2), "polis-call-key": key(3), "redis-password": password, "audit-key": key(4),
		"s3-access-key": "access", "s3-secret-key": "secret", "smtp-password": "secret", "sms-token": "secret",
		"portal-client-secret": "secret", "portal-session-key": key(5),
	})
	env.Law = b.Now
	return env
}

func key(b byte) string { return base64.StdEncoding.EncodeToString(bytes.Repeat([]byte{b}, 32)) }

// Run makes a function and puts it behind the gateway under its name. change is
// as in Env.
func (b *Bench) Run(name string, new server.New, change ...string) handler.FunctionHandler {
	b.t.Helper()
	h, err := new(b.Env(change...))
	if err != nil {
		b.t.Fatalf("%s: %v", name, err)
	}
	b.Put(name, h)
	return h
}

// Put puts a handler behind the gateway, in place of one that had its name. A
// nil handler takes the function away: the gateway answers 502 for it.
func (b *Bench) Put(name string, h handler.FunctionHandler) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.functions[name] = h
}

// Handler is a function in place of a FunctionHandler.
type Handler func(handler.Request) (handler.Response, error)

func (h Handler) Handle(r handler.Request) (handler.Response, error) { return h(r) }

// Refusing is a function that refuses every call with a status and a code.
func Refusing(status int, code string) Handler {
	document := fmt.Sprintf(`{"status":%d,"code":%q,"detail":"x"}`, status, code)
	return func(handler.Request) (handler.Response, error) {
		return handler.Response{StatusCode: status, Header: http.Header{"Content-Type": {"application/problem+json"}}, Body: []byte(document)}, nil
	}
}

// Now is the law clock.
func (b *Bench) Now() time.Time {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.law
}

// SetClock sets the law clock, Advance moves it.
func (b *Bench) SetClock(to time.Time) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.law = to
}

func (b *Bench) Advance(by time.Duration) { b.SetClock(b.Now().Add(by)) }

// Claims of a token, beside those that every token has.
type Claims map[string]any

// Token is a good bearer token with the claims.
func (b *Bench) Token(claims Claims) string {
	b.t.Helper()
	all := Claims{"iss": b.issuer, "aud": audience, "iat": time.Now().Unix(), "exp": time.Now().Add(time.Hour).Unix()}
	maps.Copy(all, claims)
	raw, err := json.Marshal(all)
	if err != nil {
		b.t.Fatal(err)
	}
	return oidctest.SignIDToken(b.login, keyID, oidc.ES256, string(raw))
}

// serve is the gateway's way to a function.
func (b *Bench) serve(w http.ResponseWriter, r *http.Request, target string) {
	name, path, _ := strings.Cut(target, "/")
	b.mu.Lock()
	h := b.functions[name]
	b.mu.Unlock()
	if h == nil {
		w.WriteHeader(http.StatusBadGateway)
		return
	}
	body, err := io.ReadAll(r.Body)
	if err != nil {
		b.t.Errorf("%s: %v", target, err)
		return
	}
	req := handler.Request{Body: body, Header: r.Header, QueryString: r.URL.RawQuery, Method: r.Method, Host: r.Host}
	req.WithContext(server.WithCall(r.Context(), "/"+path, cmp.Or(r.Header.Get("X-Call-Id"), callID)))
	res, err := h.Handle(req)
	if err != nil {
		b.t.Errorf("%s let an error out: %v", name, err)
		res.StatusCode = http.StatusInternalServerError
	}
	maps.Copy(w.Header(), res.Header)
	w.WriteHeader(res.StatusCode)
	w.Write(res.Body) // fails only when the caller is gone
}

// Queued is a call in the gateway's queue, not yet delivered.
type Queued struct {
	Target string // "<function>/<path>"
	Body   []byte
	header http.Header
}

// Lose makes the queue lose every call to a target.
func (b *Bench) Lose(target string) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.lost[target] = true
}

// enqueue loses a call to a function that the test never had, as the platform
// does.
func (b *Bench) enqueue(w http.ResponseWriter, r *http.Request, target string) {
	name, _, _ := strings.Cut(target, "/")
	b.mu.Lock()
	_, known := b.functions[name]
	lost := b.lost[target]
	b.mu.Unlock()
	if !known || lost {
		w.WriteHeader(http.StatusAccepted)
		return
	}
	body, err := io.ReadAll(r.Body)
	if err != nil {
		b.t.Errorf("%s: %v", target, err)
	}
	b.queue <- Queued{target, body, r.Header.Clone()}
	w.WriteHeader(http.StatusAccepted)
}

// Take waits for n calls in the queue and takes them off; the test fails if
// there are more. What it does not Send is lost, what it sends twice is
// delivered twice.
func (b *Bench) Take(n int) []Queued {
	b.t.Helper()
	taken := make([]Queued, n)
	for i := range taken {
		select {
		case taken[i] = <-b.queue:
		case <-time.After(patience):
			b.t.Fatalf("%d calls are queued instead of %d", i, n)
		}
	}
	if len(b.queue) > 0 {
		b.t.Fatalf("more than %d calls are queued", n)
	}
	return taken
}

// Send delivers a call that was taken off the queue.
func (b *Bench) Send(q Queued) Response {
	b.t.Helper()
	return b.do(http.MethodPost, q.Target, q.Body, q.header)
}

// Deliver delivers the n calls that are queued.
func (b *Bench) Deliver(n int) {
	b.t.Helper()
	for _, q := range b.Take(n) {
		b.Send(q).Expect(http.StatusOK, "")
	}
}

// Settle delivers what is queued, and what comes of it, until no event waits in
// the outbox any more.
func (b *Bench) Settle() {
	b.t.Helper()
	waits := func() bool {
		return slices.ContainsFunc(b.Redis.Keys(), func(key string) bool { return strings.HasPrefix(key, "outbox:") })
	}
	for deadline := time.After(patience); waits(); {
		select {
		case q := <-b.queue:
			b.Send(q)
		case <-time.After(time.Millisecond): // a call may be on its way to the queue
		case <-deadline:
			b.t.Fatal("events wait in the outbox")
		}
	}
}

// Call calls a function through the gateway, with a token unless it is "". body
// is sent as it is if it is a string, as JSON otherwise, and not at all if it is
// nil. header is pairs of a name and a value.
func (b *Bench) Call(method, function, path, token string, body any, header ...string) Response {
	b.t.Helper()
	h := http.Header{}
	if token != "" {
		h.Set("Authorization", "Bearer "+token)
	}
	for i := 0; i < len(header); i += 2 {
		h.Set(header[i], header[i+1])
	}
	return b.do(method, function+path, b.marshal(body), h)
}

// CallAs posts to a function what another function has signed.
func (b *Bench) CallAs(caller, function, path string, body any) Response {
	b.t.Helper()
	raw := b.marshal(body)
	signed := access.Signed{Function: caller, CallID: callID, Time: time.Now(), Target: "/" + function + strings.TrimSuffix(path, "/"), Body: raw}
	return b.do(http.MethodPost, function+path, raw, http.Header{
		"X-Call-Id": {signed.CallID}, access.HeaderFunction: {caller}, access.HeaderTime: {strconv.FormatInt(signed.Time.Unix(), 10)},
		access.HeaderSignature: {signed.Sign(bytes.Repeat([]byte{3}, 32))},
	})
}

func (b *Bench) marshal(body any) []byte {
	b.t.Helper()
	switch body := body.(type) {
	case nil:
		return nil
	case string:
		return []byte(body)
	}
	raw, err := json.Marshal(body)
	if err != nil {
		b.t.Fatal(err)
	}
	return raw
}

func (b *Bench) do(method, target string, body []byte, header http.Header) Response {
	b.t.Helper()
	// A test that has failed may still have calls under way.
	req, err := http.NewRequestWithContext(context.Background(), method, b.gateway.URL+"/function/"+target, bytes.NewReader(body))
	if err != nil {
		b.t.Fatal(err)
	}
	req.Header = header
	// Where a function sends its caller is a part of its answer.
	res, err := b.gateway.Client().Transport.RoundTrip(req)
	if err != nil {
		b.t.Fatalf("%s %s: %v", method, target, err)
	}
	defer res.Body.Close()
	answer := Response{Status: res.StatusCode, Header: res.Header, t: b.t, what: method + " " + target}
	if answer.Body, err = io.ReadAll(res.Body); err != nil {
		b.t.Fatal(err)
	}
	if strings.HasPrefix(res.Header.Get("Content-Type"), "application/problem+json") {
		answer.JSON(&answer.Problem)
	}
	return answer
}

// Response of a function.
type Response struct {
	Problem // where it is one
	Status  int
	Header  http.Header
	Body    []byte

	t    testing.TB
	what string
}

// Problem is what a refusal says (RFC 9457).
type Problem struct {
	Code    string
	Detail  string
	From    string
	Suggest string
	Errors  []struct{ Field, Code string }
}

// JSON reads the body.
func (r Response) JSON(v any) {
	r.t.Helper()
	if err := json.Unmarshal(r.Body, v); err != nil {
		r.t.Fatalf("%s: %v in %s", r.what, err, r.Body)
	}
}

// Expect ends the test unless the response has the status and, for a problem,
// the code; "" where it is none.
func (r Response) Expect(status int, code string) Response {
	r.t.Helper()
	if r.Status != status || r.Code != code {
		r.t.Fatalf("%s: %d %q instead of %d %q: %s", r.what, r.Status, r.Code, status, code, r.Body)
	}
	return r
}

// Fields are the codes of the wrong fields that a problem names.
func (r Response) Fields() map[string]string {
	fields := map[string]string{}
	for _, e := range r.Errors {
		fields[e.Field] = e.Code
	}
	return fields
}
