package platform

import (
	"bytes"
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"html/template"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httputil"
	"net/url"
	"regexp"
	"strconv"
	"strings"
	"time"

	"polis/shared/fault"
	"polis/shared/server"
)

const (
	// OpenFaaS's gateway gives up on a function after a minute.
	callTimeout = time.Minute
	// How long a call waits for a function that is being started again.
	patience = 2 * time.Second
	// How long a caller's "Expect: 100-continue" is left to the function, as
	// OpenFaaS does; then the body is sent unasked.
	continueTimeout = 1500 * time.Millisecond

	callIDHeader = "X-Call-Id"
)

// namespace is the only one.
const namespace = "openfaas-fn"

// gateway is OpenFaaS's way in to the functions: /function/NAME waits for the
// answer, /async-function/NAME does not.
type gateway struct {
	functions map[string]*function
	proxies   map[string]*httputil.ReverseProxy
	transport *http.Transport
	queue     *queue
	log       *slog.Logger
}

func newGateway(functions map[string]*function, queue *queue, log *slog.Logger) *gateway {
	g := &gateway{
		functions: functions,
		proxies:   map[string]*httputil.ReverseProxy{},
		transport: &http.Transport{
			DisableCompression:    true,
			MaxIdleConnsPerHost:   128,
			IdleConnTimeout:       time.Minute,
			ExpectContinueTimeout: continueTimeout,
		},
		queue: queue,
		log:   log,
	}
	for name, f := range functions {
		target := &url.URL{Scheme: "http", Host: name}
		g.proxies[name] = &httputil.ReverseProxy{
			Transport: &balancer{f, g.transport},
			// Rewrite has dropped the Forwarded headers that came in.
			Rewrite: func(r *httputil.ProxyRequest) {
				r.SetURL(target)
				r.SetXForwarded()
			},
			FlushInterval: -1, // what a function streams arrives as it is sent
			ModifyResponse: func(answer *http.Response) error {
				answer.Header.Set(callIDHeader, answer.Request.Header.Get(callIDHeader))
				return nil
			},
			ErrorHandler: g.failed,
			ErrorLog:     slog.NewLogLogger(log.Handler(), slog.LevelWarn),
		}
	}
	return g
}

// balancer sends each call to a replica that is ready for it.
type balancer struct {
	function  *function
	transport *http.Transport
}

// RoundTrip waits for a replica, and for another one as long as nothing was
// sent: a function that was just killed costs its callers a moment and no
// call. The replica is busy until the request's context ends, which is the end
// of the call.
func (b *balancer) RoundTrip(r *http.Request) (*http.Response, error) {
	wait, cancel := context.WithTimeoutCause(r.Context(), patience, errNotReady)
	defer cancel()
	for {
		replica, address, err := b.function.acquire(wait)
		if err != nil {
			return nil, err
		}
		keep := context.AfterFunc(r.Context(), func() { b.function.release(replica) })
		answer, err := b.transport.RoundTrip(addressed(r, address))
		if dial := (*net.OpError)(nil); !errors.As(err, &dial) || dial.Op != "dial" || r.Context().Err() != nil {
			return answer, err
		}
		if keep() {
			b.function.release(replica)
		}
		select { // its death will be noticed in a moment
		case <-wait.Done():
			return nil, context.Cause(wait)
		case <-time.After(10 * time.Millisecond):
		}
	}
}

// addressed is the request to one replica, which leaves the body open for
// another try.
func addressed(r *http.Request, address string) *http.Request {
	to, at := r.WithContext(r.Context()), *r.URL
	at.Host, to.URL, to.Host = address, &at, r.URL.Host
	if r.Body != nil {
		to.Body = io.NopCloser(r.Body)
	}
	return to
}

var errNotReady = errors.New("process does not get ready")

// call serves /function/NAME[/PATH].
func (g *gateway) call(w http.ResponseWriter, r *http.Request) {
	id := callID(r.Header)
	r.Header.Set(callIDHeader, id)
	if r.ContentLength != 0 {
		// A function may answer while the caller still sends, or has stopped halfway.
		http.NewResponseController(w).EnableFullDuplex()
		defer server.Linger(w, r)
	}
	name, below := splitFunction(r.URL, "/function/")
	f, ok := g.functions[name]
	if !ok {
		refuse(w, r, http.StatusNotFound, errNoFunction)
		return
	}
	f.called()
	ctx, cancel := context.WithTimeout(r.Context(), callTimeout)
	defer cancel()
	r = r.WithContext(ctx)
	r.URL = below
	g.proxies[name].ServeHTTP(w, r)
}

// failed answers for a function that gave no answer.
func (g *gateway) failed(w http.ResponseWriter, r *http.Request, err error) {
	switch {
	case errors.Is(err, errNotDeployed):
		refuse(w, r, http.StatusNotFound, errNoFunction)
	case errors.Is(err, errStopped) || errors.Is(err, errNotReady):
		w.Header().Set("Retry-After", "1")
		away(w, r, http.StatusServiceUnavailable, errFunctionAway)
	case errors.Is(err, context.DeadlineExceeded):
		away(w, r, http.StatusGatewayTimeout, errTooSlow)
	case errors.Is(err, context.Canceled):
		// The caller is gone.
	default:
		g.log.Warn("function broke off", "call_id", r.Header.Get(callIDHeader), "cause", err)
		away(w, r, http.StatusBadGateway, errBrokeOff)
	}
}

// maxAsyncBody is CE's limit; a byte more is a 500 there, and so it is here.
const maxAsyncBody = 256_000

// callLater serves /async-function/NAME[/PATH]: 202 without a look at whether
// there is such a function, as CE answers.
func (g *gateway) callLater(w http.ResponseWriter, r *http.Request) {
	id := callID(r.Header)
	r.Header.Set(callIDHeader, id)
	if r.Method != http.MethodPost {
		w.Header().Set("Allow", http.MethodPost)
		refuse(w, r, http.StatusMethodNotAllowed, errAsyncMethod)
		return
	}
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, maxAsyncBody))
	if tooLarge := (*http.MaxBytesError)(nil); errors.As(err, &tooLarge) {
		refuse(w, r, http.StatusInternalServerError, errAsyncBody)
		server.Linger(w, r)
		return
	}
	if err != nil {
		refuse(w, r, http.StatusBadRequest, errBodyBroken)
		return
	}
	name, below := splitFunction(r.URL, "/async-function/")
	if !g.queue.add(job{id: id, function: name, target: below.RequestURI(), header: r.Header.Clone(), body: body}) {
		w.Header().Set("Retry-After", "1")
		refuse(w, r, http.StatusServiceUnavailable, errQueueFull)
		return
	}
	w.Header().Set(callIDHeader, id)
	w.WriteHeader(http.StatusAccepted)
}

// splitFunction takes the function's name, which its namespace may follow, off an
// address. What is below it stays as it was written, "//" and escapes included.
func splitFunction(u *url.URL, prefix string) (name string, below *url.URL) {
	rest := *u
	name, rest.Path, _ = strings.Cut(strings.TrimPrefix(u.Path, prefix), "/")
	rest.Path = "/" + rest.Path
	if u.RawPath != "" {
		_, rest.RawPath, _ = strings.Cut(strings.TrimPrefix(u.RawPath, prefix), "/")
		rest.RawPath = "/" + rest.RawPath
	}
	return strings.TrimSuffix(name, "."+namespace), &rest
}

var fitCallID = regexp.MustCompile(`^[A-Za-z0-9._:-]{1,64}$`)

// callID is the caller's, if it can stand in a log line, or a fresh one.
func callID(h http.Header) string {
	if id := h.Get(callIDHeader); fitCallID.MatchString(id) {
		return id
	}
	return rand.Text()
}

// What the gateway itself refuses.
var (
	errNoFunction = fault.New(fault.NotFound, "function_not_found",
		"Такой функции нет.", "There is no such function.")
	errFunctionAway = fault.New(fault.Unavailable, "function_unavailable",
		"Сервис перезапускается. Повторите через несколько секунд.",
		"The service is being started again. Try again in a few seconds.")
	errTooSlow = fault.New(fault.Unavailable, "function_too_slow",
		"Сервис не успел ответить. Повторите позже.", "The service did not answer in time. Try again later.")
	errBrokeOff = fault.New(fault.Unavailable, "function_broke_off",
		"Сервис прервал ответ. Повторите запрос.", "The service broke off its answer. Try again.")
	errAsyncMethod = fault.New(fault.NoMethod, "method_not_allowed",
		"В очередь принимаются только запросы POST.", "The queue takes POST only.")
	errAsyncBody = fault.New(fault.TooLarge, "body_too_large",
		"Для очереди запрос слишком большой.", "The request is too large for the queue.")
	errBodyBroken = fault.New(fault.Malformed, "body_unreadable",
		"Запрос передан не полностью. Отправьте ещё раз.", "The request did not arrive whole. Send again.")
	errQueueFull = fault.New(fault.Unavailable, "queue_full",
		"Очередь заполнена. Повторите через несколько секунд.", "The queue is full. Try again in a few seconds.")
)

// refuse writes a problem document (RFC 9457). The status is OpenFaaS's, which
// is not always the one the fault would have in a function.
func refuse(w http.ResponseWriter, r *http.Request, status int, f *fault.Error) {
	id := r.Header.Get(callIDHeader)
	title, detail := fault.Titles[f.Kind].RU, f.Detail.RU
	if english(r) {
		title, detail = fault.Titles[f.Kind].EN, f.Detail.EN
	}
	document, err := json.Marshal(map[string]any{
		"type": "urn:polis:problem:" + f.Code, "title": title, "status": status,
		"detail": detail, "code": f.Code, "call_id": id,
	})
	if err != nil {
		panic(fmt.Sprintf("problem document: %v", err)) // strings and a number always marshal
	}
	answer(w, status, "application/problem+json", id, document)
}

func english(r *http.Request) bool { return server.PrefersEnglish(r.Header.Get("Accept-Language")) }

func answer(w http.ResponseWriter, status int, media, id string, content []byte) {
	h := w.Header()
	h.Set("Content-Type", media)
	h.Set("Content-Length", strconv.Itoa(len(content)))
	h.Set("Cache-Control", "no-store")
	h.Set(callIDHeader, id)
	w.WriteHeader(status)
	w.Write(content)
}

// portalName is the function whose answers people read.
const portalName = "portal"

// away refuses, too, but a person who waits for a page of the portal gets one,
// which needs nothing of it. The request is the proxy's, and its host the name
// of the function.
func away(w http.ResponseWriter, r *http.Request, status int, f *fault.Error) {
	if r.URL.Host != portalName || !strings.Contains(r.Header.Get("Accept"), "text/html") {
		refuse(w, r, status, f)
		return
	}
	id := r.Header.Get(callIDHeader)
	var page bytes.Buffer
	err := awayPage.Execute(&page, map[string]any{
		"English": english(r), "Form": r.Method != http.MethodGet && r.Method != http.MethodHead, "Portal": "/function/" + portalName, "CallID": id,
	})
	if err != nil {
		panic(fmt.Sprintf("page: %v", err)) // nor can these values fail
	}
	w.Header().Set("Content-Security-Policy", "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'")
	w.Header().Set("X-Content-Type-Options", "nosniff")
	answer(w, status, "text/html; charset=utf-8", id, page.Bytes())
}

// awayPage leads a reader to the same address again. What was sent by a form is
// not sent again by a link.
var awayPage = template.Must(template.New("").Parse(`<!doctype html>
<html lang="{{if .English}}en{{else}}ru{{end}}">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<title>{{template "title" .}}</title>
<style>
body { font: 1.125rem/1.5 system-ui, sans-serif; max-width: 36rem; margin: 3rem auto; padding: 0 1rem; background: Canvas; color: CanvasText; overflow-wrap: anywhere }
a { display: inline-block; padding: .6rem 0; color: inherit }
</style>
</head>
<body>
<main>
<h1>{{template "title" .}}</h1>
{{- if .English}}
<p>Try again in a minute.{{if .Form}} Go back: what you typed is still on that page.{{end}}</p>
<p>{{if .Form}}<a href="{{.Portal}}">To the start</a>{{else}}<a href="">Try again</a>{{end}}</p>
<p>If you ask for help, name this call: <code>{{.CallID}}</code></p>
{{- else}}
<p>Повторите через минуту.{{if .Form}} Вернитесь назад: то, что вы ввели, осталось на той странице.{{end}}</p>
<p>{{if .Form}}<a href="{{.Portal}}">На главную</a>{{else}}<a href="">Повторить</a>{{end}}</p>
<p>Если обратитесь в поддержку, назовите номер обращения: <code>{{.CallID}}</code></p>
{{- end}}
</main>
</body>
</html>
{{define "title"}}{{if .English}}The service is not available now{{else}}Сервис сейчас недоступен{{end}}{{end}}`))
