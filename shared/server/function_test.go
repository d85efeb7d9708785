package server

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	handler "github.com/openfaas/templates-sdk/go-http"

	"polis/shared/fault"
)

// problemOf reads a problem document and checks what all of them share.
func problemOf(t *testing.T, a answer) (code, detail string) {
	t.Helper()
	var p struct {
		Type, Title, Detail, Code string
		Status                    int
		CallID                    string `json:"call_id"`
	}
	if err := json.Unmarshal([]byte(a.body), &p); err != nil {
		t.Fatalf("%v: %q", err, a.body)
	}
	if got := a.Header.Get("Content-Type"); got != "application/problem+json" {
		t.Errorf("content type %q", got)
	}
	if p.Type == "" || p.Title == "" || p.Detail == "" || p.Status != a.StatusCode {
		t.Errorf("incomplete problem %+v for status %d", p, a.StatusCode)
	}
	if p.CallID == "" || p.CallID != a.Header.Get("X-Call-Id") {
		t.Errorf("call id %q in the document, %q in the header", p.CallID, a.Header.Get("X-Call-Id"))
	}
	return p.Code, p.Detail
}

// refused checks the status and code of a problem.
func refused(t *testing.T, a answer, status int, code string) {
	t.Helper()
	if a.StatusCode != status {
		t.Fatalf("status %d, want %d: %s", a.StatusCode, status, a.body)
	}
	if got, _ := problemOf(t, a); got != code {
		t.Errorf("code %q, want %q", got, code)
	}
}

func TestTheWholeRequestReachesTheHandler(t *testing.T) {
	got := make(chan handler.Request, 1)
	p := serve(t, handle(func(req handler.Request) (handler.Response, error) {
		got <- req
		return handler.Response{}, nil
	}))
	p.do(t, "PATCH", "/a/b?c=d&e", strings.NewReader("body"), "X-Test", "yes", "X-Call-Id", "call-1")
	req := receive(t, "request", got)
	if req.Method != "PATCH" || string(req.Body) != "body" || req.QueryString != "c=d&e" || req.Header.Get("X-Test") != "yes" || req.Host != p.address {
		t.Errorf("got %+v", req)
	}
	if path := Path(req.Context()); path != "/a/b" {
		t.Errorf("path %q", path)
	}
	if id := CallID(req.Context()); id != "call-1" {
		t.Errorf("call id %q", id)
	}
}

func TestThePathIsDecodedOnceAndCleanedOfNothing(t *testing.T) {
	p := serve(t, handle(func(req handler.Request) (handler.Response, error) {
		return handler.Response{Body: []byte(Path(req.Context()))}, nil
	}))
	for target, want := range map[string]string{
		"/":                      "/",
		"/a/b?c=/d":              "/a/b",
		"//a//b/":                "//a//b/",
		"/a/../b/./c":            "/a/../b/./c",
		"/%2e%2e/a":              "/../a",
		"/a%2Fb":                 "/a/b",
		"/a%252Fb":               "/a%2Fb",
		"//_/health":             "//_/health",
		"/_/health/":             "/_/health/",
		"/x/_/ready":             "/x/_/ready",
		"/%D0%BF":                "/п",
		"http://elsewhere/a":     "/a",
		"//elsewhere/a":          "//elsewhere/a",
		"http://elsewhere":       "/",
		"/a;b=c":                 "/a;b=c",
		"/%00":                   "/\x00",
		"/function/other/_/path": "/function/other/_/path",
	} {
		_, r := p.raw(t, "GET "+target+" HTTP/1.1\r\nHost: h\r\n\r\n")
		res, err := http.ReadResponse(r, nil)
		if err != nil {
			t.Fatalf("%s: %v", target, err)
		}
		got, err := io.ReadAll(res.Body)
		if err != nil || res.StatusCode != http.StatusOK || string(got) != want {
			t.Errorf("%s: %d, path %q, want %q (%v)", target, res.StatusCode, got, want, err)
		}
	}
}

func TestAPathOutsideOfACallIsTheRoot(t *testing.T) {
	if path, id := Path(context.Background()), CallID(context.Background()); path != "/" || id != "" {
		t.Errorf("path %q, call id %q", path, id)
	}
	ctx := WithCall(context.Background(), "/a", "call-1")
	if path, id := Path(ctx), CallID(ctx); path != "/a" || id != "call-1" {
		t.Errorf("path %q, call id %q", path, id)
	}
}

func TestTheCallIDIsTheCallersWhenFitForALog(t *testing.T) {
	p := serve(t, echo)
	for _, id := range []string{"a", "6ba7b810-9dad-11d1-80b4-00c04fd430c8", "queue:1.2_3", strings.Repeat("x", 64)} {
		if got := p.do(t, "GET", "/", nil, "X-Call-Id", id).Header.Get("X-Call-Id"); got != id {
			t.Errorf("%q became %q", id, got)
		}
	}
	seen := []string{""}
	for _, id := range []string{"", strings.Repeat("x", 65), "a b", `a"b`, "имя", "<script>", "a\tb"} {
		got := p.do(t, "GET", "/", nil, "X-Call-Id", id).Header.Get("X-Call-Id")
		if len(got) != 32 || slices.Contains(seen, got) {
			t.Errorf("%q became %q after %q", id, got, seen)
		}
		seen = append(seen, got)
	}
}

func TestTheResponseIsTheHandlers(t *testing.T) {
	long := strings.Repeat("x", 1<<16)
	p := serve(t, handle(func(req handler.Request) (handler.Response, error) {
		res := handler.Response{Header: http.Header{"Content-Type": {"text/plain"}, "X-Call-Id": {"forged"}}}
		switch Path(req.Context()) {
		case "/long":
			res.Body = []byte(long)
		case "/none":
			res.StatusCode = http.StatusNoContent
		case "/created":
			res.StatusCode, res.Body = http.StatusCreated, []byte("made")
			res.Header["Set-Cookie"] = []string{"a=1", "b=2"}
		}
		return res, nil
	}))

	if a := p.do(t, "GET", "/", nil); a.StatusCode != http.StatusOK || a.body != "" {
		t.Errorf("no status: %d %q", a.StatusCode, a.body)
	}
	a := p.do(t, "GET", "/created", nil, "X-Call-Id", "call-1")
	if a.StatusCode != http.StatusCreated || a.body != "made" || len(a.Header["Set-Cookie"]) != 2 || a.Header.Get("Content-Type") != "text/plain" {
		t.Errorf("created: %d %q %v", a.StatusCode, a.body, a.Header)
	}
	if got := a.Header["X-Call-Id"]; !slices.Equal(got, []string{"call-1"}) {
		t.Errorf("the handler's own call id went out: %q", got)
	}
	if a := p.do(t, "GET", "/long", nil); a.body != long || a.ContentLength != int64(len(long)) {
		t.Errorf("long: %d bytes, declared %d", len(a.body), a.ContentLength)
	}
	if a := p.do(t, "HEAD", "/long", nil); a.body != "" || a.ContentLength != int64(len(long)) {
		t.Errorf("HEAD: %d bytes, declared %d", len(a.body), a.ContentLength)
	}
	if a := p.do(t, "GET", "/none", nil); a.StatusCode != http.StatusNoContent {
		t.Errorf("none: %d", a.StatusCode)
	}
}

func TestABodyUpToTheLimitIsTakenWhole(t *testing.T) {
	p := serve(t, echo, "max_body", "200000")
	for _, n := range []int{0, 1, firstBuffer - 1, firstBuffer, firstBuffer + 1, 200000} {
		body := strings.Repeat("x", n)
		if a := p.do(t, "POST", "/", strings.NewReader(body)); a.body != body {
			t.Errorf("%d bytes of declared length: %d, %d bytes back", n, a.StatusCode, len(a.body))
		}
		if a := p.do(t, "POST", "/", io.MultiReader(strings.NewReader(body))); a.body != body {
			t.Errorf("%d bytes in chunks: %d, %d bytes back", n, a.StatusCode, len(a.body))
		}
	}
}

func TestALargerBodyIsRefused(t *testing.T) {
	p := serve(t, neverCalled(t), "max_body", "1000")
	body := strings.Repeat("x", 1001)
	refused(t, p.do(t, "POST", "/", strings.NewReader(body)), http.StatusRequestEntityTooLarge, "body_too_large")
	refused(t, p.do(t, "POST", "/", io.MultiReader(strings.NewReader(body))), http.StatusRequestEntityTooLarge, "body_too_large")
}

func neverCalled(t *testing.T) handle {
	return func(req handler.Request) (handler.Response, error) {
		t.Errorf("%s %s reached the handler", req.Method, Path(req.Context()))
		return handler.Response{}, nil
	}
}

// rest is the first answer on a connection and all that comes after it.
func rest(t *testing.T, p *process, request string) (answer, string) {
	t.Helper()
	_, r := p.raw(t, request)
	res, err := http.ReadResponse(r, nil)
	if err != nil {
		t.Fatal(err)
	}
	body, err := io.ReadAll(res.Body)
	if err != nil {
		t.Fatal(err)
	}
	after, err := io.ReadAll(r)
	if err != nil {
		t.Fatalf("the connection stays open: %v", err)
	}
	return answer{res, string(body)}, string(after)
}

func TestAWaitingClientIsRefusedBeforeItSendsTooMuch(t *testing.T) {
	p := serve(t, neverCalled(t), "max_body", "1000", "read_timeout", "50ms")
	a, _ := rest(t, p, "POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 1001\r\nExpect: 100-continue\r\n\r\n")
	refused(t, a, http.StatusRequestEntityTooLarge, "body_too_large")
}

func TestARefusedBodyIsNotTheNextRequest(t *testing.T) {
	p := serve(t, neverCalled(t), "max_body", "10")
	inner := "GET /smuggled HTTP/1.1\r\nHost: h\r\n\r\n"
	for name, request := range map[string]string{
		"declared":  fmt.Sprintf("POST / HTTP/1.1\r\nHost: h\r\nContent-Length: %d\r\n\r\n%s", len(inner), inner),
		"chunked":   fmt.Sprintf("POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n%x\r\n%s\r\n0\r\n\r\n", len(inner), inner),
		"lie":       "POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 11\r\n\r\n" + inner,
		"two":       "POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 0\r\nContent-Length: 5\r\n\r\n" + inner,
		"bad chunk": "POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n" + inner,
		"unknown":   "POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: gzip\r\n\r\n" + inner,
		"space":     "POST / HTTP/1.1\r\nHost: h\r\nContent-Length : 5\r\n\r\n" + inner,
	} {
		t.Run(name, func(t *testing.T) {
			if a, after := rest(t, p, request); a.StatusCode < 400 || after != "" {
				t.Errorf("answered %d, then %q", a.StatusCode, after)
			}
		})
	}
}

// sendWhole sends all of a body before it reads the answer.
func (p *process) sendWhole(size int, header string) (answer, error) {
	conn, err := net.Dial("tcp", p.address)
	if err != nil {
		return answer{}, err
	}
	defer conn.Close()
	conn.SetDeadline(time.Now().Add(patience))
	length, begin, end := fmt.Sprintf("Content-Length: %d\r\n", size), "", ""
	if header == "Transfer-Encoding: chunked" {
		length, begin, end = "", fmt.Sprintf("%x\r\n", size), "\r\n0\r\n\r\n"
	}
	request := "POST / HTTP/1.1\r\nHost: h\r\n" + length + header + "\r\n\r\n" + begin + strings.Repeat("x", size) + end
	if _, err := io.WriteString(conn, request); err != nil {
		return answer{}, err
	}
	return readAnswer(http.ReadResponse(bufio.NewReader(conn), nil))
}

// sendOn sends and reads at once, as a reverse proxy does, and waits for no
// "100 Continue".
func (p *process) sendOn(size int, header string) (answer, error) {
	req, err := http.NewRequest("POST", "http://"+p.address, io.LimitReader(zeros{}, int64(size)))
	if err != nil {
		return answer{}, err
	}
	if name, value, _ := strings.Cut(header, ": "); name != "Transfer-Encoding" {
		req.Header.Set(name, value)
		req.ContentLength = int64(size)
	}
	return readAnswer(new(http.Transport).RoundTrip(req))
}

func readAnswer(res *http.Response, err error) (answer, error) {
	if err != nil {
		return answer{}, err
	}
	defer res.Body.Close()
	body, err := io.ReadAll(res.Body)
	return answer{res, string(body)}, err
}

// zeros is a body without an end.
type zeros struct{}

func (zeros) Read(p []byte) (int, error) { clear(p); return len(p), nil }

func TestTheRefusalOfALargeBodyReachesWhoeverSendsIt(t *testing.T) {
	p := serve(t, neverCalled(t))
	const size, tries = 10 << 20, 10
	for name, send := range map[string]func(int, string) (answer, error){"whole": p.sendWhole, "on": p.sendOn} {
		for _, header := range []string{"Accept: */*", "Connection: close", "Expect: 100-continue", "Transfer-Encoding: chunked"} {
			t.Run(name+", "+header, func(t *testing.T) {
				lost := 0
				for range tries {
					a, err := send(size, header)
					if err != nil {
						t.Log(err)
						lost++
						continue
					}
					refused(t, a, http.StatusRequestEntityTooLarge, "body_too_large")
				}
				if lost > 0 {
					t.Errorf("the answer was lost %d times of %d", lost, tries)
				}
			})
		}
	}
}

func TestWhoeverGoesOnAfterARefusalIsCut(t *testing.T) {
	p := serve(t, neverCalled(t))
	conn, r := p.raw(t, "POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 1000000000\r\n\r\n")
	const buffers = 32 << 20 // above what the system takes on both sides
	if sent, err := io.Copy(conn, zeros{}); err == nil || sent < lingerBytes || sent > lingerBytes+buffers {
		t.Errorf("sent %d bytes, then %v", sent, err)
	}
	if a, err := readAnswer(http.ReadResponse(r, nil)); err != nil || a.StatusCode != http.StatusRequestEntityTooLarge {
		t.Errorf("answered %v, %v", a.Response, err)
	}
}

func TestARefusedSenderIsNotInTheWayOfOthers(t *testing.T) {
	p := serve(t, echo, "max_inflight", "1")
	_, r := p.raw(t, "POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 10000000\r\n\r\nx")
	a, err := readAnswer(http.ReadResponse(r, nil))
	if err != nil || a.StatusCode != http.StatusRequestEntityTooLarge || a.ContentLength != int64(len(a.body)) {
		t.Fatalf("answered %v, %v", a.Response, err)
	}
	if a := p.do(t, "POST", "/", strings.NewReader("another")); a.body != "another" {
		t.Errorf("meanwhile another got %d %q", a.StatusCode, a.body)
	}
	began := time.Now()
	if _, err := r.ReadByte(); err == nil || time.Since(began) > 2*lingerTime {
		t.Errorf("the connection stays open: %v after %v", err, time.Since(began))
	}
}

func TestASlowBodyIsCutByReadTimeout(t *testing.T) {
	p := serve(t, neverCalled(t), "read_timeout", "50ms")
	a, _ := rest(t, p, "POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 10\r\n\r\nabc")
	refused(t, a, http.StatusRequestTimeout, "body_too_slow")
}

func TestASlowHeaderIsCutByReadTimeout(t *testing.T) {
	p := serve(t, neverCalled(t), "read_timeout", "50ms")
	_, r := p.raw(t, "GET / HTTP/1.1\r\nHost: h\r\nX-Slow: ")
	if got, err := io.ReadAll(r); err != nil {
		t.Errorf("the connection stays open: %v, %q", err, got)
	}
}

func TestAHugeHeaderIsRefused(t *testing.T) {
	p := serve(t, neverCalled(t))
	a := p.do(t, "GET", "/", nil, "X-Huge", strings.Repeat("x", 2*maxHeader))
	if a.StatusCode != http.StatusRequestHeaderFieldsTooLarge {
		t.Errorf("status %d", a.StatusCode)
	}
}

func TestAnIncompleteBodyIsNotHandled(t *testing.T) {
	p := serve(t, neverCalled(t))
	conn, r := p.raw(t, "POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 10\r\n\r\nabc")
	if err := conn.(interface{ CloseWrite() error }).CloseWrite(); err != nil {
		t.Fatal(err)
	}
	res, err := http.ReadResponse(r, nil)
	if err != nil {
		t.Fatal(err)
	}
	body, _ := io.ReadAll(res.Body)
	refused(t, answer{res, string(body)}, http.StatusBadRequest, "body_unreadable")
}

func TestAHandlerMayWorkLongerThanReadTimeout(t *testing.T) {
	p := serve(t, handle(func(req handler.Request) (handler.Response, error) {
		select {
		case <-req.Context().Done():
			return handler.Response{}, req.Context().Err()
		case <-time.After(150 * time.Millisecond):
			return handler.Response{Body: req.Body}, nil
		}
	}), "read_timeout", "50ms")
	for _, body := range []string{"", "body"} {
		if a := p.do(t, "POST", "/", strings.NewReader(body)); a.StatusCode != http.StatusOK || a.body != body {
			t.Errorf("%q: %d %q", body, a.StatusCode, a.body)
		}
	}
}

func TestTheContextEndsAtExecTimeout(t *testing.T) {
	for name, derive := range map[string]func(context.Context) (context.Context, context.CancelFunc){
		"itself":  func(ctx context.Context) (context.Context, context.CancelFunc) { return ctx, func() {} },
		"derived": context.WithCancel,
	} {
		t.Run(name, func(t *testing.T) {
			cause := make(chan error, 1)
			p := serve(t, handle(func(req handler.Request) (handler.Response, error) {
				ctx, cancel := derive(req.Context())
				defer cancel()
				if at, ok := ctx.Deadline(); !ok || time.Until(at) > 50*time.Millisecond {
					t.Errorf("deadline %v, %v", at, ok)
				}
				<-ctx.Done()
				cause <- ctx.Err()
				return handler.Response{}, nil
			}), "exec_timeout", "50ms")
			p.do(t, "GET", "/", nil)
			if err := receive(t, "end of the context", cause); !errors.Is(err, context.DeadlineExceeded) {
				t.Errorf("ended with %v", err)
			}
		})
	}
}

func TestTheContextEndsWhenTheClientIsGone(t *testing.T) {
	running, cause := make(chan bool), make(chan error, 1)
	p := serve(t, handle(func(req handler.Request) (handler.Response, error) {
		running <- true
		<-req.Context().Done()
		cause <- req.Context().Err()
		return handler.Response{}, nil
	}))
	conn, _ := p.raw(t, "GET / HTTP/1.1\r\nHost: h\r\n\r\n")
	receive(t, "call", running)
	conn.Close()
	if err := receive(t, "end of the context", cause); !errors.Is(err, context.Canceled) {
		t.Errorf("ended with %v", err)
	}
}

func TestTheContextEndsWithTheCallEvenForWhoAsksLate(t *testing.T) {
	kept := make(chan context.Context, 1)
	p := serve(t, handle(func(req handler.Request) (handler.Response, error) {
		kept <- req.Context()
		return handler.Response{}, nil
	}))
	p.do(t, "GET", "/kept", nil)
	ctx := receive(t, "context", kept)
	receive(t, "end of the context", ctx.Done())
	if Path(ctx) != "/kept" || ctx.Err() == nil {
		t.Errorf("path %q, error %v", Path(ctx), ctx.Err())
	}
}

func TestOverMaxInflightACallIsTurnedAway(t *testing.T) {
	running, finish := make(chan bool), make(chan bool)
	p := serve(t, handle(func(req handler.Request) (handler.Response, error) {
		if Path(req.Context()) == "/wait" {
			running <- true
			<-finish
		}
		return handler.Response{}, nil
	}), "max_inflight", "1")
	go p.try("GET", "/wait", nil)
	receive(t, "call", running)

	a := p.do(t, "GET", "/", nil)
	refused(t, a, http.StatusTooManyRequests, "overloaded")
	if a.Header.Get("Retry-After") == "" {
		t.Error("no Retry-After")
	}
	if a, err := p.sendWhole(10<<20, "Accept: */*"); err != nil {
		t.Errorf("with a large body: %v", err)
	} else {
		refused(t, a, http.StatusTooManyRequests, "overloaded")
	}
	if got := p.status(t, "GET", "/_/ready"); got != http.StatusServiceUnavailable {
		t.Errorf("ready when full: %d", got)
	}
	if got := p.status(t, "GET", "/_/health"); got != http.StatusOK {
		t.Errorf("health when full: %d", got)
	}
	close(finish)
	eventually(t, "ready", func() bool { return p.status(t, "GET", "/_/ready") == http.StatusOK })
	if got := p.status(t, "GET", "/"); got != http.StatusOK {
		t.Errorf("after the call ended: %d", got)
	}
}

func TestAPanicCostsOneCallAndTellsOnlyTheLog(t *testing.T) {
	p := serve(t, handle(func(req handler.Request) (handler.Response, error) {
		switch Path(req.Context()) {
		case "/runtime":
			return handler.Response{Body: req.Body[len(req.Body)+1:]}, nil
		case "/value":
			panic("name of " + string(req.Body))
		case "/abort":
			panic(http.ErrAbortHandler)
		}
		return handler.Response{Body: []byte("alive")}, nil
	}))
	for path, want := range map[string]string{
		"/runtime": "panic: runtime error: slice bounds out of range",
		"/value":   "panic with a string",
		"/abort":   "panic with a *errors.errorString",
	} {
		refused(t, p.do(t, "POST", path, strings.NewReader("Ivanova"), "X-Call-Id", "call"+path[1:]), http.StatusInternalServerError, "internal")
		log := p.logs.String()
		if !strings.Contains(log, want) || !strings.Contains(log, `"call_id":"call`+path[1:]+`"`) || !strings.Contains(log, "function_test.go") {
			t.Errorf("%s: the log lacks %q, the call id or the stack: %s", path, want, log)
		}
	}
	if log := p.logs.String(); strings.Contains(log, "Ivanova") {
		t.Errorf("the body is in the log: %s", log)
	}
	if a := p.do(t, "GET", "/", nil); a.body != "alive" {
		t.Errorf("afterwards %d %q", a.StatusCode, a.body)
	}
}

// worded is a handler with words of its own for what the server refuses.
type worded struct {
	handle
	refuse func(req handler.Request, why *fault.Error) (handler.Response, bool)
}

func (w worded) Refuse(req handler.Request, why *fault.Error) (handler.Response, bool) {
	return w.refuse(req, why)
}

func TestAHandlerRefusesInItsOwnWordsIfItHasAny(t *testing.T) {
	p := serve(t, worded{
		func(req handler.Request) (handler.Response, error) { panic("always") },
		func(req handler.Request, why *fault.Error) (handler.Response, bool) {
			switch Path(req.Context()) {
			case "/none":
				return handler.Response{}, false
			case "/panics":
				panic("again")
			}
			return handler.Response{
				StatusCode: http.StatusOK, Header: http.Header{"Content-Type": {"text/html"}, "X-Call-Id": {"another"}},
				Body: []byte(req.Method + " " + why.Code + " of " + CallID(req.Context())),
			}, true
		},
	}, "max_body", "10")
	for _, c := range []struct {
		rule, body string
		status     int
		code       string
	}{
		{"a panic", "", http.StatusInternalServerError, "internal"},
		{"a body too large", "12345678901", http.StatusRequestEntityTooLarge, "body_too_large"},
	} {
		a := p.do(t, "POST", "/a", strings.NewReader(c.body), "X-Call-Id", "call-1")
		if a.StatusCode != c.status || a.body != "POST "+c.code+" of call-1" || a.ContentLength != int64(len(a.body)) || a.Header.Get("Content-Type") != "text/html" || a.Header.Get("X-Call-Id") != "call-1" {
			t.Errorf("%s: %d %q, %v", c.rule, a.StatusCode, a.body, a.Header)
		}
		for _, path := range []string{"/none", "/panics"} {
			refused(t, p.do(t, "POST", path, strings.NewReader(c.body)), c.status, c.code)
		}
	}
	if log := p.logs.String(); !strings.Contains(log, "function failed to refuse") {
		t.Errorf("the log does not say that it could not refuse: %s", log)
	}
}

func TestAHandlersErrorIsForTheLogAlone(t *testing.T) {
	p := serve(t, handle(func(req handler.Request) (handler.Response, error) {
		switch Path(req.Context()) {
		case "/error":
			return handler.Response{StatusCode: http.StatusOK, Body: []byte("half")}, errors.New("redis at 10.0.0.7 is away")
		case "/switching":
			return handler.Response{StatusCode: http.StatusSwitchingProtocols}, nil
		}
		return handler.Response{StatusCode: 1000}, nil
	}))
	for path, logged := range map[string]string{
		"/error":     "redis at 10.0.0.7 is away",
		"/switching": "status 101",
		"/invented":  "status 1000",
	} {
		a := p.do(t, "GET", path, nil)
		refused(t, a, http.StatusInternalServerError, "internal")
		if strings.Contains(a.body, logged) || strings.Contains(a.body, "half") {
			t.Errorf("%s: the answer shows internals: %s", path, a.body)
		}
		if !strings.Contains(p.logs.String(), logged) {
			t.Errorf("%s: the log does not say why: %s", path, p.logs)
		}
	}
}

func TestProblemsAreInRussianOrInEnglishIfPreferred(t *testing.T) {
	p := serve(t, neverCalled(t), "max_body", "1")
	for accept, want := range map[string]string{
		"":                     "ru",
		"ru":                   "ru",
		"en":                   "en",
		"en-GB,en;q=0.9":       "en",
		"ru,en;q=0.9":          "ru",
		"en;q=0.5, ru;q=0.9":   "ru",
		"de":                   "ru",
		"*":                    "ru",
		"de, en;q=0.3":         "en",
		strings.Repeat("-", 9): "ru",
	} {
		a := p.do(t, "POST", "/", strings.NewReader("xx"), "Accept-Language", accept)
		_, detail := problemOf(t, a)
		if got := a.Header.Get("Content-Language"); got != want || strings.Contains(detail, "Запрос") != (want == "ru") {
			t.Errorf("%q: %s, %s; want %s", accept, got, detail, want)
		}
	}
}
