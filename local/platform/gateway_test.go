package platform

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/openfaas/faas-provider/types"

	"polis/local/inbox"
	"polis/local/issuer"
	"polis/local/lawclock"
	"polis/shared/server"
)

// bench is a gateway in front of functions that are plain HTTP servers.
type bench struct {
	url       string
	functions map[string]*function
	queue     *queue
}

func newBench(t *testing.T, functions map[string]http.HandlerFunc) *bench {
	t.Helper()
	b := &bench{functions: map[string]*function{}}
	for name, handler := range functions {
		b.functions[name] = &function{name: name, deployed: &types.FunctionDeployment{}, changed: &bell{}}
		b.add(t, name, handler)
	}
	log := slog.New(slog.DiscardHandler)
	front := httptest.NewUnstartedServer(nil)
	b.url = "http://" + front.Listener.Addr().String()
	b.queue = newQueue(b.url, log)
	login, err := issuer.Open(b.url+"/oidc", t.TempDir()+"/key")
	if err != nil {
		t.Fatal(err)
	}
	letters, err := inbox.Open("token")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { letters.Close() })
	i := &Instance{base: b.url, issuer: login, inbox: letters, lawClock: lawclock.File(t.TempDir() + "/clock"), adminPassword: "secret"}
	i.connector = newConnector(i.cronJobs, &bell{}, b.url, log)
	front.Config.Handler = i.handler(newGateway(b.functions, b.queue, log))
	front.Start()
	t.Cleanup(front.Close)
	return b
}

// add gives a function a replica.
func (b *bench) add(t *testing.T, name string, handler http.HandlerFunc) *process {
	server := httptest.NewServer(handler)
	t.Cleanup(server.Close)
	f := b.functions[name]
	p := &process{name: name, wanted: true, changed: f.changed, address: server.Listener.Addr().String()}
	f.replicas = append(f.replicas, &replica{process: p})
	return p
}

func (b *bench) process(name string) *process { return b.functions[name].replicas[0].process }

func (b *bench) work(t *testing.T) {
	ctx, stop := context.WithCancel(t.Context())
	b.queue.run(ctx)
	t.Cleanup(func() { stop(); b.queue.wait() })
}

func TestTheBareAddressLeadsToThePortal(t *testing.T) {
	b := newBench(t, nil)
	for call, want := range map[string]int{"GET /": http.StatusFound, "POST /": http.StatusNotFound, "GET /nowhere": http.StatusNotFound} {
		method, path, _ := strings.Cut(call, " ")
		request := httptest.NewRequest(method, b.url+path, nil)
		request.RequestURI = ""
		answer, err := http.DefaultTransport.RoundTrip(request)
		if err != nil {
			t.Fatal(err)
		}
		answer.Body.Close()
		if to := answer.Header.Get("Location"); answer.StatusCode != want || want == http.StatusFound && to != "/function/portal" {
			t.Errorf("%s: %d to %q", call, answer.StatusCode, to)
		}
	}
}

func send(t *testing.T, method, url, body string, header ...string) (*http.Response, string) {
	t.Helper()
	request, err := http.NewRequestWithContext(t.Context(), method, url, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	for i := 0; i+1 < len(header); i += 2 {
		request.Header.Set(header[i], header[i+1])
	}
	response, err := http.DefaultTransport.RoundTrip(request) // follows no redirect
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	answer, err := io.ReadAll(response.Body)
	if err != nil {
		t.Fatal(err)
	}
	return response, string(answer)
}

func wantProblem(t *testing.T, response *http.Response, body string, status int, code string) {
	t.Helper()
	var problem struct {
		Status       int
		Code, Detail string
		CallID       string `json:"call_id"`
	}
	if err := json.Unmarshal([]byte(body), &problem); err != nil {
		t.Fatalf("%d %s: %v", response.StatusCode, body, err)
	}
	if response.StatusCode != status || problem.Status != status || problem.Code != code || problem.Detail == "" {
		t.Errorf("answered %d %s, want %d %s", response.StatusCode, body, status, code)
	}
	if got := response.Header.Get("Content-Type"); got != "application/problem+json" {
		t.Errorf("type %q", got)
	}
	if problem.CallID == "" || problem.CallID != response.Header.Get(callIDHeader) {
		t.Errorf("call id %q in the body, %q in the header", problem.CallID, response.Header.Get(callIDHeader))
	}
}

// mirror answers with what it was sent.
func mirror(w http.ResponseWriter, r *http.Request) {
	body, _ := io.ReadAll(r.Body)
	json.NewEncoder(w).Encode(map[string]any{
		"uri": r.RequestURI, "method": r.Method, "header": r.Header, "host": r.Host, "body": string(body),
	})
}

func TestAFunctionSeesThePathBelowItsNameAsItWasWritten(t *testing.T) {
	b := newBench(t, map[string]http.HandlerFunc{"mirror": mirror})
	for sent, seen := range map[string]string{
		"/function/mirror":                 "/",
		"/function/mirror/":                "/",
		"/function/mirror?a=1&b=%20":       "/?a=1&b=%20",
		"/function/mirror/x/y?q":           "/x/y?q",
		"/function/mirror.openfaas-fn":     "/",
		"/function/mirror.openfaas-fn/x":   "/x",
		"/function/mirror/a%2Fb//c":        "/a%2Fb//c",
		"/function/mirror/../other":        "/../other",
		"/function/mirror/%D0%9F":          "/%D0%9F",
		"/function/mirror/function/mirror": "/function/mirror",
	} {
		t.Run(sent, func(t *testing.T) {
			response, body := send(t, http.MethodGet, b.url+sent, "")
			var got struct{ URI string }
			if err := json.Unmarshal([]byte(body), &got); err != nil || response.StatusCode != 200 {
				t.Fatalf("%d %s", response.StatusCode, body)
			}
			if got.URI != seen {
				t.Errorf("the function saw %q, want %q", got.URI, seen)
			}
		})
	}
}

func TestHeadersThatOnlyAGatewayMaySetAreSetAnew(t *testing.T) {
	b := newBench(t, map[string]http.HandlerFunc{"mirror": mirror})
	response, body := send(t, http.MethodPut, b.url+"/function/mirror", "hello",
		"X-Forwarded-For", "203.0.113.9", "X-Forwarded-Host", "evil.example", "X-Forwarded-Proto", "https",
		"Forwarded", "for=203.0.113.9", "X-Call-Id", "story-1", "Authorization", "Bearer t")
	var seen struct {
		Method, Body string
		Header       http.Header
	}
	if err := json.Unmarshal([]byte(body), &seen); err != nil {
		t.Fatal(err)
	}
	host := strings.TrimPrefix(b.url, "http://")
	for name, want := range map[string]string{
		"X-Forwarded-For": "127.0.0.1", "X-Forwarded-Host": host, "X-Forwarded-Proto": "http", "Forwarded": "",
		"X-Call-Id": "story-1", "Authorization": "Bearer t",
	} {
		if got := strings.Join(seen.Header.Values(name), ", "); got != want {
			t.Errorf("%s: %q, want %q", name, got, want)
		}
	}
	if seen.Method != http.MethodPut || seen.Body != "hello" {
		t.Errorf("%s %q", seen.Method, seen.Body)
	}
	if got := response.Header.Get(callIDHeader); got != "story-1" {
		t.Errorf("answered call id %q", got)
	}
}

func TestACallGetsAnIdWhereItHasNoneFitForALog(t *testing.T) {
	b := newBench(t, map[string]http.HandlerFunc{"mirror": mirror})
	for _, id := range []string{"", "with space", strings.Repeat("x", 65)} {
		response, body := send(t, http.MethodGet, b.url+"/function/mirror", "", "X-Call-Id", id)
		var seen struct{ Header http.Header }
		if err := json.Unmarshal([]byte(body), &seen); err != nil {
			t.Fatal(err)
		}
		got := response.Header.Get(callIDHeader)
		if got == id || !fitCallID.MatchString(got) || got != seen.Header.Get(callIDHeader) {
			t.Errorf("%q: answered %q, function saw %q", id, got, seen.Header.Get(callIDHeader))
		}
	}
}

func TestAnUnknownFunctionIsNotFound(t *testing.T) {
	b := newBench(t, nil)
	response, body := send(t, http.MethodGet, b.url+"/function/nobody/x", "")
	wantProblem(t, response, body, http.StatusNotFound, "function_not_found")
}

func TestACallWaitsForAFunctionThatIsBeingStartedAgain(t *testing.T) {
	b := newBench(t, map[string]http.HandlerFunc{"mirror": mirror})
	p := b.process("mirror")
	address := p.address
	p.change(func() { p.address = "" })
	go func() {
		<-time.After(300 * time.Millisecond)
		p.change(func() { p.address = address })
	}()
	if response, body := send(t, http.MethodPost, b.url+"/function/mirror", "kept"); response.StatusCode != 200 || !strings.Contains(body, "kept") {
		t.Errorf("%d %s", response.StatusCode, body)
	}
}

func TestACallToAFunctionThatIsAwayIsToldToComeBack(t *testing.T) {
	b := newBench(t, map[string]http.HandlerFunc{"starting": mirror, "stopped": mirror})
	starting, stopped := b.process("starting"), b.process("stopped")
	starting.change(func() { starting.address = "" })
	stopped.change(func() { stopped.wanted = false })
	for name, longest := range map[string]time.Duration{"starting": patience + time.Second, "stopped": time.Second} {
		began := time.Now()
		response, body := send(t, http.MethodPost, b.url+"/function/"+name, "x")
		wantProblem(t, response, body, http.StatusServiceUnavailable, "function_unavailable")
		if response.Header.Get("Retry-After") == "" {
			t.Errorf("%s: no Retry-After", name)
		}
		if took := time.Since(began); took > longest {
			t.Errorf("%s: told after %v", name, took)
		}
	}
}

func TestAnAnswerThatBreaksOffIsABadGateway(t *testing.T) {
	b := newBench(t, map[string]http.HandlerFunc{"dying": func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) }})
	response, body := send(t, http.MethodPost, b.url+"/function/dying", "x")
	wantProblem(t, response, body, http.StatusBadGateway, "function_broke_off")
}

func TestABrowserIsShownAPageWhereThePortalGivesNoAnswer(t *testing.T) {
	dying := func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) }
	b := newBench(t, map[string]http.HandlerFunc{"portal": dying, "other": dying})
	const browser = "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8"
	show := func(method, language string, status int, parts ...string) {
		t.Helper()
		response, page := send(t, method, b.url+"/function/portal/requests?kind=lookup", "", "Accept", browser, "Accept-Language", language)
		if response.StatusCode != status || response.Header.Get("Content-Type") != "text/html; charset=utf-8" || response.Header.Get("Cache-Control") != "no-store" {
			t.Errorf("%s: %d %v", method, response.StatusCode, response.Header)
		}
		if policy := response.Header.Get("Content-Security-Policy"); !strings.HasPrefix(policy, "default-src 'none'; ") {
			t.Errorf("%s: policy %q", method, policy)
		}
		for _, part := range append(parts, `<main>`, response.Header.Get(callIDHeader)) {
			if !strings.Contains(page, part) {
				t.Errorf("%s %s: no %s in %s", method, language, part, page)
			}
		}
		for _, part := range []string{"<script", "src=", "<link", "url("} {
			if strings.Contains(page, part) {
				t.Errorf("%s: %s in %s", method, part, page)
			}
		}
	}
	show(http.MethodGet, "ru-RU,ru;q=0.9", http.StatusBadGateway, `<html lang="ru">`, "<h1>Сервис сейчас недоступен</h1>", "Повторите через минуту.", `<a href="">Повторить</a>`)
	show(http.MethodGet, "en-US,en;q=0.9", http.StatusBadGateway, `<html lang="en">`, "Try again in a minute.", `<a href="">Try again</a>`)
	show(http.MethodPost, "ru", http.StatusBadGateway, "то, что вы ввели, осталось на той странице", `<a href="/function/portal">На главную</a>`)
	for call, accept := range map[string]string{"portal": "application/json", "portal/": "*/*", "other": browser} {
		response, body := send(t, http.MethodGet, b.url+"/function/"+call, "", "Accept", accept)
		wantProblem(t, response, body, http.StatusBadGateway, "function_broke_off")
	}
	b.process("portal").change(func() { b.process("portal").wanted = false })
	show(http.MethodGet, "ru", http.StatusServiceUnavailable, "Повторите через минуту.")
}

func TestLargeBodiesAreStreamed(t *testing.T) {
	arrived := make(chan string, 1)
	b := newBench(t, map[string]http.HandlerFunc{"reader": func(w http.ResponseWriter, r *http.Request) {
		first := make([]byte, 5)
		io.ReadFull(r.Body, first)
		arrived <- string(first)
		n, _ := io.Copy(io.Discard, r.Body)
		fmt.Fprint(w, n+5)
	}})
	read, write := io.Pipe()
	done := make(chan string)
	go func() {
		response, err := http.Post(b.url+"/function/reader", "application/octet-stream", read)
		if err != nil {
			done <- err.Error()
			return
		}
		defer response.Body.Close()
		answer, _ := io.ReadAll(response.Body)
		done <- string(answer)
	}()
	io.WriteString(write, "begin")
	if got := <-arrived; got != "begin" { // before the rest was even made
		t.Errorf("the function saw %q", got)
	}
	const rest = 32 << 20
	io.Copy(write, io.LimitReader(zeros{}, rest))
	write.Close()
	if got := <-done; got != fmt.Sprint(rest+5) {
		t.Errorf("the function read %s bytes", got)
	}
}

type zeros struct{}

func (zeros) Read(p []byte) (int, error) { clear(p); return len(p), nil }

// refusing answers before it has read, as our functions do to too large a body.
func refusing(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("Connection", "close")
	w.Header().Set("Content-Length", "9")
	w.WriteHeader(http.StatusRequestEntityTooLarge)
	io.WriteString(w, "too large")
	server.Linger(w, r)
}

// begin sends the head of a large call and a part of its body, and reads the
// answer to it.
func (b *bench) begin(path, header string, length, sent int) (status int, body string, err error) {
	conn, err := net.Dial("tcp", strings.TrimPrefix(b.url, "http://"))
	if err != nil {
		return 0, "", err
	}
	defer conn.Close()
	conn.SetDeadline(time.Now().Add(10 * time.Second))
	head := fmt.Sprintf("POST %s HTTP/1.1\r\nHost: localhost\r\nContent-Length: %d\r\n%s\r\n\r\n", path, length, header)
	if _, err := io.WriteString(conn, head+strings.Repeat("x", sent)); err != nil {
		return 0, "", err
	}
	answer, err := http.ReadResponse(bufio.NewReader(conn), nil)
	if err != nil {
		return 0, "", err
	}
	content, err := io.ReadAll(answer.Body)
	return answer.StatusCode, string(content), err
}

func TestARefusalOfALargeBodyReachesItsSender(t *testing.T) {
	b := newBench(t, map[string]http.HandlerFunc{"refusing": refusing})
	const size, tries = 10 << 20, 10
	for _, c := range []struct {
		name, path, header string
		sent, status       int
	}{
		{"sent whole", "/function/refusing", "Accept: */*", size, http.StatusRequestEntityTooLarge},
		{"sent whole, not waiting", "/function/refusing", "Expect: 100-continue", size, http.StatusRequestEntityTooLarge},
		{"sent whole, the last call", "/function/refusing", "Connection: close", size, http.StatusRequestEntityTooLarge},
		{"stopped halfway", "/function/refusing", "Accept: */*", size / 2, http.StatusRequestEntityTooLarge},
		{"told before it is sent", "/function/refusing", "Expect: 100-continue", 0, http.StatusRequestEntityTooLarge},
		{"too large for the queue", "/async-function/refusing", "Accept: */*", size, http.StatusInternalServerError},
	} {
		t.Run(c.name, func(t *testing.T) {
			lost := 0
			for range tries {
				if status, body, err := b.begin(c.path, c.header, size, c.sent); err != nil || status != c.status || !strings.Contains(body, "too") {
					t.Log(status, body, err)
					lost++
				}
			}
			if lost > 0 {
				t.Errorf("the answer was lost %d times of %d", lost, tries)
			}
		})
	}
}

func TestAStreamedAnswerArrivesAsItIsSent(t *testing.T) {
	more := make(chan struct{})
	b := newBench(t, map[string]http.HandlerFunc{"stream": func(w http.ResponseWriter, _ *http.Request) {
		fmt.Fprintln(w, "first")
		w.(http.Flusher).Flush()
		<-more
		fmt.Fprintln(w, "second")
	}})
	response, err := http.Get(b.url + "/function/stream")
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	lines := bufio.NewScanner(response.Body)
	if !lines.Scan() || lines.Text() != "first" {
		t.Fatalf("got %q", lines.Text())
	}
	close(more)
	if !lines.Scan() || lines.Text() != "second" {
		t.Errorf("got %q", lines.Text())
	}
}

func TestAnAsyncCallIsTakenAndDoneLater(t *testing.T) {
	seen := make(chan *http.Request, 1)
	b := newBench(t, map[string]http.HandlerFunc{"later": func(_ http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		r.Body = io.NopCloser(bytes.NewReader(body))
		seen <- r
	}})
	b.work(t)
	response, _ := send(t, http.MethodPost, b.url+"/async-function/later/jobs/1?x=y", "job", "X-Own", "kept")
	if response.StatusCode != http.StatusAccepted || response.Header.Get(callIDHeader) == "" {
		t.Fatalf("%d, call id %q", response.StatusCode, response.Header.Get(callIDHeader))
	}
	r := <-seen
	body, _ := io.ReadAll(r.Body)
	if r.Method != http.MethodPost || r.RequestURI != "/jobs/1?x=y" || string(body) != "job" || r.Header.Get("X-Own") != "kept" {
		t.Errorf("%s %s %q %v", r.Method, r.RequestURI, body, r.Header)
	}
	if got := r.Header.Get(callIDHeader); got != response.Header.Get(callIDHeader) {
		t.Errorf("call id %q became %q", response.Header.Get(callIDHeader), got)
	}
}

func TestWhatTheQueueTakes(t *testing.T) {
	b := newBench(t, map[string]http.HandlerFunc{"later": mirror})
	b.work(t)
	for _, c := range []struct {
		name, method, function string
		bytes                  int
		status                 int
		code                   string
	}{
		{"an unknown function", http.MethodPost, "nobody", 1, http.StatusAccepted, ""},
		{"the largest body", http.MethodPost, "later", maxAsyncBody, http.StatusAccepted, ""},
		{"one byte more", http.MethodPost, "later", maxAsyncBody + 1, http.StatusInternalServerError, "body_too_large"},
		{"GET", http.MethodGet, "later", 0, http.StatusMethodNotAllowed, "method_not_allowed"},
	} {
		t.Run(c.name, func(t *testing.T) {
			response, body := send(t, c.method, b.url+"/async-function/"+c.function, strings.Repeat("x", c.bytes))
			if c.code != "" {
				wantProblem(t, response, body, c.status, c.code)
			} else if response.StatusCode != c.status {
				t.Errorf("answered %d", response.StatusCode)
			}
		})
	}
}

func TestTheQueueIsTenDeep(t *testing.T) {
	release := make(chan struct{})
	busy := make(chan struct{}, queueWorkers)
	b := newBench(t, map[string]http.HandlerFunc{"slow": func(http.ResponseWriter, *http.Request) {
		busy <- struct{}{}
		<-release
	}})
	b.work(t)
	defer close(release)
	post := func() (*http.Response, string) { return send(t, http.MethodPost, b.url+"/async-function/slow", "x") }
	for range queueWorkers {
		post()
		<-busy // a worker has it: the queue is empty again
	}
	for n := range queueDepth {
		if response, _ := post(); response.StatusCode != http.StatusAccepted {
			t.Fatalf("call %d refused with %d", n+1, response.StatusCode)
		}
	}
	response, body := post()
	wantProblem(t, response, body, http.StatusServiceUnavailable, "queue_full")
	if response.Header.Get("Retry-After") == "" {
		t.Error("no Retry-After")
	}
}

func TestAnAsyncCallIsTriedOnce(t *testing.T) {
	var tries atomic.Int32
	after := make(chan struct{})
	b := newBench(t, map[string]http.HandlerFunc{
		"failing": func(w http.ResponseWriter, _ *http.Request) {
			tries.Add(1)
			w.WriteHeader(http.StatusInternalServerError)
		},
		"marker": func(http.ResponseWriter, *http.Request) { close(after) },
	})
	ctx, stop := context.WithCancel(t.Context())
	defer stop()
	send(t, http.MethodPost, b.url+"/async-function/failing", "x")
	send(t, http.MethodPost, b.url+"/async-function/marker", "x")
	b.queue.run(ctx)
	<-after
	eventually(t, "the failing call was made", func() bool { return tries.Load() > 0 })
	stop()
	b.queue.wait()
	if n := tries.Load(); n != 1 || len(b.queue.jobs) != 0 {
		t.Errorf("%d tries, %d jobs left", n, len(b.queue.jobs))
	}
}

func TestACallbackBringsTheAnswerOnce(t *testing.T) {
	type call struct {
		header http.Header
		body   string
	}
	calls := make(chan call, 4)
	receiver := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		calls <- call{r.Header, string(body)}
		w.WriteHeader(http.StatusInternalServerError)
	}))
	defer receiver.Close()
	b := newBench(t, map[string]http.HandlerFunc{"later": func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "text/plain")
		w.WriteHeader(http.StatusTeapot)
		fmt.Fprint(w, "done", r.Header.Get("X-Callback-Url"))
	}})
	b.work(t)
	for _, c := range []struct{ function, status, body string }{{"later", "418", "done"}, {"nobody", "404", ""}} {
		response, _ := send(t, http.MethodPost, b.url+"/async-function/"+c.function, "x", "X-Callback-Url", receiver.URL)
		got := <-calls
		if got.header.Get("X-Function-Status") != c.status || got.header.Get("X-Function-Name") != c.function ||
			got.header.Get(callIDHeader) != response.Header.Get(callIDHeader) || (c.body != "" && got.body != c.body) {
			t.Errorf("%s: %v %q", c.function, got.header, got.body)
		}
	}
	if len(calls) != 0 {
		t.Error("a refused callback was tried again")
	}
}

func TestCallbacksStayOnThisMachine(t *testing.T) {
	for address, allowed := range map[string]bool{
		"127.0.0.1:80": true, "127.8.8.8:80": true, "[::1]:80": true,
		"10.0.0.1:80": false, "169.254.169.254:80": false, "[::ffff:10.0.0.1]:80": false, "0.0.0.0:80": false, "[::]:80": false,
	} {
		if err := loopbackOnly("tcp", address, nil); (err == nil) != allowed {
			t.Errorf("%s: %v", address, err)
		}
	}
}

func TestCommandsAreTakenFromThisMachinesShellOnly(t *testing.T) {
	b := newBench(t, nil)
	address := strings.TrimPrefix(b.url, "http://")
	post := func(change func(*http.Request)) int {
		r, err := http.NewRequestWithContext(t.Context(), http.MethodPost, b.url+"/_local/token?persona=insured", nil)
		if err != nil {
			t.Fatal(err)
		}
		r.Header.Set(controlHeader, "1")
		change(r)
		response, err := http.DefaultClient.Do(r)
		if err != nil {
			t.Fatal(err)
		}
		response.Body.Close()
		if response.Header.Get("Access-Control-Allow-Origin") != "" {
			t.Error("allowed to another origin")
		}
		return response.StatusCode
	}
	for _, c := range []struct {
		name   string
		change func(*http.Request)
		status int
	}{
		{"the command itself", func(*http.Request) {}, http.StatusOK},
		{"without the header, as a form would", func(r *http.Request) { r.Header.Del(controlHeader) }, http.StatusForbidden},
		{"under a name that points here", func(r *http.Request) { r.Host = "evil.example" }, http.StatusForbidden},
		{"by GET", func(r *http.Request) { r.Method = http.MethodGet }, http.StatusForbidden},
		{"a browser's question whether it may", func(r *http.Request) { r.Method = http.MethodOptions }, http.StatusForbidden},
		{"an unknown persona", func(r *http.Request) { r.URL.RawQuery = "persona=nobody" }, http.StatusBadRequest},
	} {
		if got := post(c.change); got != c.status {
			t.Errorf("%s: %d, want %d", c.name, got, c.status)
		}
	}
	token, err := Remote{Addr: address}.Token(t.Context(), "insured", issuer.Flaw{})
	if err != nil || strings.Count(token, ".") != 2 {
		t.Errorf("token %q, %v", token, err)
	}
	if _, err := (Remote{Addr: address}).MoveClock(t.Context(), "tomorrow"); err == nil {
		t.Error("the clock was moved to tomorrow")
	}
}

func TestTheLoginIsForThisMachineOnly(t *testing.T) {
	b := newBench(t, nil)
	for host, want := range map[string]int{"": http.StatusOK, "localhost:8080": http.StatusOK, "evil.example": http.StatusForbidden} {
		for _, path := range []string{"/oidc/.well-known/openid-configuration", "/oidc/keys", "/oidc/logout"} {
			r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, b.url+path, nil)
			if err != nil {
				t.Fatal(err)
			}
			r.Host = host
			response, err := http.DefaultClient.Do(r)
			if err != nil {
				t.Fatal(err)
			}
			response.Body.Close()
			if response.StatusCode != want {
				t.Errorf("%s under the name %q: %d, want %d", path, host, response.StatusCode, want)
			}
		}
	}
}

func eventually(t *testing.T, what string, holds func() bool) {
	t.Helper()
	over := time.After(30 * time.Second)
	for !holds() {
		select {
		case <-over:
			t.Fatalf("waited in vain until %s", what)
		case <-time.After(10 * time.Millisecond):
		}
	}
}
