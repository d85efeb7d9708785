// Package web is the edge of every function: it finds the route below the
// function's path, learns who calls, decides whether they may, reads strict
// JSON, and turns faults into problem documents (RFC 9457).
package web

import (
	"context"
	"errors"
	"log/slog"
	"net/http"
	"net/url"
	"os"
	"strconv"
	"strings"
	"time"

	handler "github.com/openfaas/templates-sdk/go-http"

	"polis/shared/access"
	"polis/shared/cabinet"
	"polis/shared/clock"
	"polis/shared/config"
	"polis/shared/fault"
	"polis/shared/ident"
	"polis/shared/identity"
	"polis/shared/server"
)

// Route of a function. Pattern is a path below the function; a segment in
// braces matches one segment ("/{id}"). A call reaches Do only with a grant for
// Action, or with the zero grant where Action is "" and the page is public.
type Route struct {
	Method  string
	Pattern string
	Action  access.Action
	Do      func(*Call) (Answer, error)
}

// Answer of a route. Body is written as JSON unless it is Bytes.
type Answer struct {
	Status int
	Body   any
	Header http.Header
}

// Bytes is a body that is written as it is; its type stands in the header.
type Bytes []byte

// OK, Created and Accepted answer with a JSON body.
func OK(body any) (Answer, error)       { return Answer{Status: http.StatusOK, Body: body}, nil }
func Created(body any) (Answer, error)  { return Answer{Status: http.StatusCreated, Body: body}, nil }
func Accepted(body any) (Answer, error) { return Answer{Status: http.StatusAccepted, Body: body}, nil }

// List answers with a page of a list. next is the place from which the page behind
// it is asked for, "" where there is none.
func List[T any](items []T, next string) (Answer, error) {
	return OK(struct {
		Items []T    `json:"items"`
		Next  string `json:"next,omitempty"`
	}{append([]T{}, items...), next})
}

// Verifier tells whose token it is.
type Verifier interface {
	Verify(ctx context.Context, bearer string) (access.Caller, error)
}

// Edge is what all routes of a function share.
type Edge struct {
	Function string
	Verifier Verifier
	CallKey  [32]byte
	Machine  clock.Clock
	Log      *slog.Logger
	Routes   []Route

	own    func(*Call) error // nil: there is no work between calls
	action access.Action
	pause  time.Duration

	// Where people read the answers in a browser: how a fault is shown to them,
	// and in which language. Nil: a problem document, and the language that
	// Accept-Language prefers.
	Page    func(*Call, *fault.Error) Answer
	English func(http.Header) bool
}

// Open makes the edge of a function from its settings.
func Open(env *config.Env, function string) *Edge {
	e := Public(env, function)
	e.Verifier, e.CallKey = identity.Open(env), env.Key("polis-call-key")
	return e
}

// Public makes the edge of a function that has public pages only, and so needs
// neither a login nor secrets.
func Public(env *config.Env, function string) *Edge {
	var level slog.Level
	if err := level.UnmarshalText([]byte(env.String("log_level", "info"))); err != nil {
		env.Fault("log_level", "is not debug, info, warn or error")
	}
	return &Edge{
		Function: function, Machine: clock.System,
		Log: slog.New(slog.NewJSONHandler(os.Stderr, &slog.HandlerOptions{Level: level})).With("function", function),
	}
}

// With sets the routes.
func (e *Edge) With(routes ...Route) *Edge {
	e.Routes = routes
	return e
}

// Between sets work that the function does by itself beside its calls: from its
// start on, and again after each pause. Its Call carries a grant for the action
// in the function's own name, no body and no query, and ends when the process is
// to end.
func (e *Edge) Between(action access.Action, pause time.Duration, do func(*Call) error) *Edge {
	e.action, e.pause, e.own = action, pause, do
	return e
}

var (
	_ handler.FunctionHandler = (*Edge)(nil)
	_ server.Worker           = (*Edge)(nil)
	_ server.Refuser          = (*Edge)(nil)
)

// Work does the function's own work until ctx ends.
func (e *Edge) Work(ctx context.Context) {
	if e.own == nil {
		return
	}
	failing := ""
	for ctx.Err() == nil {
		call := &Call{Context: ctx, ID: ident.New(e.Machine()), Caller: access.Caller{Role: access.Function, Unit: e.Function}}
		var err error
		if call.Grant, err = call.Caller.May(e.action, call.ID); err == nil {
			err = e.own(call)
		}
		failing = e.logOwn(call, err, failing)
		select {
		case <-time.After(e.pause):
		case <-ctx.Done():
		}
	}
}

// logOwn writes a line when the function's own work begins to fail, and not each
// time that it fails in the same way; it returns the code of how it does.
func (e *Edge) logOwn(call *Call, err error, failing string) string {
	if err == nil || call.Err() != nil {
		return ""
	}
	f := fault.From(err)
	if f.Code != failing {
		attrs := []slog.Attr{slog.String("call_id", call.ID), slog.String("code", f.Code)}
		if f.Cause != nil {
			attrs = append(attrs, slog.String("cause", f.Cause.Error()))
		}
		e.Log.LogAttrs(call, slog.LevelError, "own work", attrs...)
	}
	return f.Code
}

// Call is one request that was let through.
type Call struct {
	context.Context
	ID       string
	Caller   access.Caller
	Grant    access.Grant
	Method   string
	Query    url.Values
	Header   http.Header
	Body     []byte
	Path     string // as it came, below the function
	segments map[string]string
	english  bool
}

// Segment is the part of the path that stood for a name in braces.
func (c *Call) Segment(name string) string { return c.segments[name] }

// Value tells the caller's language to what is called on the caller's behalf.
func (c *Call) Value(key any) any {
	if key == (fault.EnglishKey{}) {
		return c.english
	}
	return c.Context.Value(key)
}

// Contacts are where and in which language the caller is told of what comes of it.
func (c *Call) Contacts() cabinet.Contacts {
	return cabinet.NewContacts(c.Caller.Email, c.Caller.Phone, c.Text(fault.Text{RU: "ru", EN: "en"}))
}

// Text chooses the caller's language.
func (c *Call) Text(t fault.Text) string {
	if c.english && t.EN != "" {
		return t.EN
	}
	return t.RU
}

// Handle answers one request. It never returns an error: each becomes a problem
// document.
func (e *Edge) Handle(req handler.Request) (handler.Response, error) {
	began := e.Machine()
	ctx := req.Context()
	call := &Call{
		Context: ctx, ID: server.CallID(ctx), Method: req.Method, Header: req.Header, Body: req.Body, Path: server.Path(ctx),
		english: e.english(req.Header),
	}
	route, err := e.match(req.Method, call)
	var answer Answer
	if err == nil {
		answer, err = e.run(route, call, req)
	}
	res := e.respond(call, answer, err)
	e.log(req.Method, route, call, res.StatusCode, e.Machine().Sub(began), err)
	return res, nil
}

// Refuse shows a person in a browser what the server refuses. Nobody is asked who
// it is: the page is the same for all.
func (e *Edge) Refuse(req handler.Request, why *fault.Error) (handler.Response, bool) {
	if e.Page == nil {
		return handler.Response{}, false
	}
	ctx := req.Context()
	call := &Call{
		Context: ctx, ID: server.CallID(ctx), Method: req.Method, Header: http.Header{}, Path: server.Path(ctx),
		english: e.english(req.Header),
	}
	return e.respond(call, Answer{}, why), true
}

func (e *Edge) english(h http.Header) bool {
	if e.English != nil {
		return e.English(h)
	}
	return server.PrefersEnglish(h.Get("Accept-Language"))
}

func (e *Edge) run(route Route, call *Call, req handler.Request) (Answer, error) {
	query, err := url.ParseQuery(req.QueryString)
	if err != nil {
		return Answer{}, fault.New(fault.Malformed, "malformed_query", "Строка запроса не читается.", "The query string is not readable.")
	}
	call.Query = query
	if route.Action != "" {
		if call.Caller, err = e.caller(call); err != nil {
			return Answer{}, err
		}
		call.Grant, err = call.Caller.May(route.Action, call.ID)
		if err != nil && call.Caller.Role == access.Anyone {
			return Answer{}, errNoToken
		}
		if err != nil {
			return Answer{}, err
		}
	}
	return route.Do(call)
}

// errNoToken is a call that shows no login at all.
var errNoToken = fault.New(fault.Unauthenticated, "token_required", "Войдите, чтобы продолжить.", "Log in to continue.")

// caller learns who calls: another function by its signature, or a person by a
// bearer token, or nobody, which few actions allow.
func (e *Edge) caller(call *Call) (access.Caller, error) {
	if name := call.Header.Get(access.HeaderFunction); name != "" {
		unix, _ := strconv.ParseInt(call.Header.Get(access.HeaderTime), 10, 64)
		path := strings.TrimSuffix(call.Path, "/")
		signed := access.Signed{Function: name, CallID: call.ID, Time: time.Unix(unix, 0), Target: "/" + e.Function + path, Body: call.Body}
		if err := signed.Verify(e.CallKey[:], call.Header.Get(access.HeaderSignature), e.Machine()); err != nil {
			return access.Caller{}, identity.ErrToken.Because(err)
		}
		return access.Caller{Role: access.Function, Unit: name}, nil
	}
	authorization := call.Header.Get("Authorization")
	if authorization == "" {
		return access.Caller{Role: access.Anyone}, nil
	}
	scheme, token, _ := strings.Cut(authorization, " ")
	if !strings.EqualFold(scheme, "Bearer") || token == "" {
		return access.Caller{}, identity.ErrToken.Because(errors.New("not a bearer token"))
	}
	return e.Verifier.Verify(call.Context, strings.TrimSpace(token))
}

func (e *Edge) match(method string, call *Call) (Route, error) {
	var allowed []string
	for _, r := range e.Routes {
		segments, ok := matchPath(r.Pattern, call.Path)
		if !ok {
			continue
		}
		if r.Method == method {
			call.segments = segments
			return r, nil
		}
		allowed = append(allowed, r.Method)
	}
	if allowed != nil {
		err := fault.New(fault.NoMethod, "method_not_allowed", "Этот способ обращения здесь не поддерживается.", "This method is not supported here.")
		return Route{}, &noMethod{err, strings.Join(allowed, ", ")}
	}
	return Route{}, fault.ErrNoPath
}

// noMethod carries the methods that would do (RFC 9110, 15.5.6).
type noMethod struct {
	error
	allow string
}

func (n *noMethod) Unwrap() error { return n.error }

func matchPath(pattern, path string) (map[string]string, bool) {
	want := strings.Split(strings.Trim(pattern, "/"), "/")
	have := strings.Split(strings.TrimPrefix(path, "/"), "/")
	if n := len(have); n > 1 && have[n-1] == "" && have[n-2] != "" {
		have = have[:n-1] // one slash at the end is forgiven
	}
	if len(want) != len(have) {
		return nil, false
	}
	var segments map[string]string
	for i, w := range want {
		switch {
		case strings.HasPrefix(w, "{"):
			if have[i] == "" {
				return nil, false
			}
			if segments == nil {
				segments = map[string]string{}
			}
			segments[strings.Trim(w, "{}")] = have[i]
		case w != have[i]:
			return nil, false
		}
	}
	return segments, true
}

// log writes one line per call: the route's pattern and never the path, the
// code and never the text, so that no personal data can get in.
func (e *Edge) log(method string, route Route, call *Call, status int, took time.Duration, err error) {
	level, attrs := slog.LevelInfo, []slog.Attr{
		slog.String("method", method), slog.String("route", route.Pattern), slog.Int("status", status),
		slog.Int64("us", took.Microseconds()), slog.String("call_id", call.ID), slog.String("role", string(call.Caller.Role)),
	}
	if err != nil {
		f := fault.From(err)
		attrs = append(attrs, slog.String("code", f.Code))
		if status >= 500 {
			level = slog.LevelError
			if f.Cause != nil {
				attrs = append(attrs, slog.String("cause", f.Cause.Error()))
			}
		}
	}
	e.Log.LogAttrs(call.Context, level, "call", attrs...)
}
