package web

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"log/slog"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	handler "github.com/openfaas/templates-sdk/go-http"

	"polis/shared/access"
	"polis/shared/calendar"
	"polis/shared/fault"
	"polis/shared/server"
)

type tokens map[string]access.Caller

func (t tokens) Verify(_ context.Context, bearer string) (access.Caller, error) {
	c, ok := t[bearer]
	if !ok {
		return c, fault.New(fault.Unauthenticated, "token_not_accepted", "Войдите снова.", "Log in again.")
	}
	return c, nil
}

var now = time.Unix(1_770_000_000, 0)

func edge(log io.Writer, routes ...Route) *Edge {
	e := &Edge{
		Function: "policy-card", Machine: func() time.Time { return now }, Log: slog.New(slog.NewJSONHandler(log, nil)), CallKey: [32]byte{7},
		Verifier: tokens{
			"mine": {Role: access.Citizen, Confirmed: true, Account: "a1"},
			"weak": {Role: access.Citizen, Account: "a2"},
		},
	}
	return e.With(routes...)
}

func call(t *testing.T, e *Edge, method, path, query string, body string, header ...string) (handler.Response, problem) {
	t.Helper()
	req := handler.Request{Method: method, QueryString: query, Body: []byte(body), Header: http.Header{}}
	for i := 0; i < len(header); i += 2 {
		req.Header.Set(header[i], header[i+1])
	}
	req.WithContext(server.WithCall(t.Context(), path, "call-1"))
	res, err := e.Handle(req)
	if err != nil {
		t.Fatalf("the edge let an error out: %v", err)
	}
	var p problem
	if res.StatusCode >= 400 {
		if got := res.Header.Get("Content-Type"); !strings.HasPrefix(got, "application/problem+json") {
			t.Fatalf("a problem as %q", got)
		}
		if err := json.Unmarshal(res.Body, &p); err != nil {
			t.Fatal(err)
		}
		if p.Status != res.StatusCode || p.CallID != "call-1" || p.Code == "" || p.Title == "" || p.Detail == "" || p.Type != "urn:polis:problem:"+p.Code {
			t.Fatalf("incomplete problem: %+v", p)
		}
	}
	return res, p
}

func TestARouteIsReachedOnlyWithAGrant(t *testing.T) {
	reached := 0
	e := edge(io.Discard, Route{Method: "GET", Pattern: "/", Action: access.ReadCard, Do: func(c *Call) (Answer, error) {
		reached++
		if c.Grant.Subject() != "a1" || c.Grant.Action() != access.ReadCard || c.Grant.CallID() != "call-1" {
			t.Errorf("granted %+v", c.Grant)
		}
		return OK(map[string]string{"a": "b"})
	}})
	for _, tc := range []struct {
		name, authorization string
		status              int
		code                string
	}{
		{"nobody is asked to log in, not told of rights", "", 401, "token_required"},
		{"not a bearer", "Basic bWluZQ==", 401, "token_not_accepted"},
		{"no token", "Bearer ", 401, "token_not_accepted"},
		{"a wrong token", "Bearer other", 401, "token_not_accepted"},
		{"an account not confirmed", "Bearer weak", 403, "account_not_confirmed"},
	} {
		res, p := call(t, e, "GET", "/", "", "", "Authorization", tc.authorization)
		if res.StatusCode != tc.status || p.Code != tc.code {
			t.Errorf("%s: %d %s", tc.name, res.StatusCode, p.Code)
		}
		if res.StatusCode == 401 && res.Header.Get("WWW-Authenticate") == "" {
			t.Errorf("%s: no challenge", tc.name)
		}
	}
	if reached != 0 {
		t.Fatal("reached without a grant")
	}
	if res, _ := call(t, e, "GET", "/", "", "", "Authorization", "bearer mine"); res.StatusCode != 200 || reached != 1 || res.Header.Get("Cache-Control") != "private, no-store" {
		t.Fatalf("%d, reached %d", res.StatusCode, reached)
	}
}

func TestAnotherFunctionIsKnownByItsSignatureAlone(t *testing.T) {
	var caller access.Caller
	e := edge(io.Discard, Route{Method: "POST", Pattern: "/work", Action: access.WorkApplication, Do: func(c *Call) (Answer, error) {
		caller = c.Caller
		return OK(nil)
	}})
	body := `{"id":"1"}`
	headers := func(path string, at time.Time, key byte) []string {
		s := access.Signed{Function: "policy-request", CallID: "call-1", Time: at, Target: path, Body: []byte(body)}
		k := [32]byte{key}
		return []string{access.HeaderFunction, "policy-request", access.HeaderTime, strconv.FormatInt(at.Unix(), 10), access.HeaderSignature, s.Sign(k[:])}
	}
	if res, p := call(t, e, "POST", "/work", "", body, headers("/policy-card/work", now, 7)...); res.StatusCode != 200 || caller.Unit != "policy-request" {
		t.Fatalf("%d %s", res.StatusCode, p.Code)
	}
	for name, h := range map[string][]string{
		"another key":    headers("/policy-card/work", now, 8),
		"another target": headers("/policy-request/work", now, 7),
		"an old call":    headers("/policy-card/work", now.Add(-time.Hour), 7),
		"no signature":   {access.HeaderFunction, "policy-request"},
		"a citizen":      {"Authorization", "Bearer mine"},
	} {
		if res, _ := call(t, e, "POST", "/work", "", body, h...); res.StatusCode != 401 && res.StatusCode != 403 {
			t.Errorf("%s: %d", name, res.StatusCode)
		}
	}
}

func TestPathsAreComparedNeverResolved(t *testing.T) {
	e := edge(io.Discard,
		Route{Method: "GET", Pattern: "/", Do: func(*Call) (Answer, error) { return OK("root") }},
		Route{Method: "GET", Pattern: "/family", Do: func(*Call) (Answer, error) { return OK("family") }},
		Route{Method: "GET", Pattern: "/{id}", Do: func(c *Call) (Answer, error) { return OK(c.Segment("id")) }},
		Route{Method: "GET", Pattern: "/{id}/link", Do: func(c *Call) (Answer, error) { return OK("link " + c.Segment("id")) }},
		Route{Method: "POST", Pattern: "/", Do: func(*Call) (Answer, error) { return OK("posted") }},
	)
	for path, want := range map[string]string{
		"/": "root", "/family": "family", "/family/": "family", "/abc": "abc", "/abc/link": "link abc", "/..": "..",
	} {
		if res, _ := call(t, e, "GET", path, "", ""); strings.TrimSpace(string(res.Body)) != strconv.Quote(want) {
			t.Errorf("%s: %d %s", path, res.StatusCode, res.Body)
		}
	}
	for _, path := range []string{"//", "//link", "/a/b", "/abc/link/", "/abc//link"} {
		res, p := call(t, e, "GET", path, "", "")
		if path == "/abc/link/" {
			if res.StatusCode != 200 {
				t.Errorf("%s: %d", path, res.StatusCode)
			}
		} else if res.StatusCode != 404 || p.Code != "no_such_path" {
			t.Errorf("%s: %d %s", path, res.StatusCode, res.Body)
		}
	}
	if res, p := call(t, e, "DELETE", "/", "", ""); res.StatusCode != 405 || p.Code != "method_not_allowed" || res.Header.Get("Allow") != "GET, POST" {
		t.Errorf("%d %s, allowed %q", res.StatusCode, p.Code, res.Header.Get("Allow"))
	}
	if res, p := call(t, e, "GET", "/", "a=%zz", ""); res.StatusCode != 400 || p.Code != "malformed_query" {
		t.Errorf("%d %s", res.StatusCode, p.Code)
	}
}

func TestBodiesAreStrictJSONAndTheWrongFieldIsNamed(t *testing.T) {
	type inner struct {
		Number string        `json:"number"`
		Until  calendar.Date `json:"until"`
	}
	type body struct {
		Kind string        `json:"kind"`
		N    int           `json:"n"`
		Doc  inner         `json:"doc"`
		Docs []inner       `json:"docs"`
		On   calendar.Date `json:"on"`
	}
	e := edge(io.Discard, Route{Method: "POST", Pattern: "/", Do: func(c *Call) (Answer, error) {
		var b body
		if err := c.Bind(&b); err != nil {
			return Answer{}, err
		}
		return OK(b)
	}})
	for _, tc := range []struct {
		name, body string
		status     int
		code       string
		field, why string
	}{
		{"right", `{"kind":"x","n":1,"doc":{"number":"2"}}`, 200, "", "", ""},
		{"empty", ``, 400, "malformed_json", "", ""},
		{"cut off", `{"kind":`, 400, "malformed_json", "", ""},
		{"two values", `{} {}`, 400, "malformed_json", "", ""},
		{"not UTF-8", "{\"kind\":\"\xff\"}", 400, "malformed_json", "", ""},
		{"an unknown field", `{"kindd":"x"}`, 422, "invalid_fields", "kindd", "unknown_field"},
		{"an unknown field within", `{"doc":{"nomer":"2"}}`, 422, "invalid_fields", "nomer", "unknown_field"},
		{"a field in other letters", `{"Kind":"x"}`, 422, "invalid_fields", "Kind", "unknown_field"},
		{"a field in letters that look the same", "{\"\u212aind\":\"x\"}", 422, "invalid_fields", "\u212aind", "unknown_field"},
		{"a field twice", `{"kind":"x","n":1,"kind":"y"}`, 422, "invalid_fields", "kind", "repeated_field"},
		{"a field twice within", `{"kind":"x","doc":{"number":"1","number":"2"}}`, 422, "invalid_fields", "number", "repeated_field"},
		{"another type", `{"n":"1"}`, 422, "invalid_fields", "n", "wrong_type"},
		{"another type within", `{"doc":{"number":2}}`, 422, "invalid_fields", "doc.number", "wrong_type"},
		{"another type as a whole", `[]`, 422, "invalid_fields", "body", "wrong_type"},
		{"a date", `{"on":"2026-03-10","doc":{"until":""}}`, 200, "", "", ""},
		{"a day that there is not", `{"kind":"x","on":"2026-02-30"}`, 422, "invalid_fields", "on", "date_wrong"},
		{"a text instead of a date", `{"on":"number"}`, 422, "invalid_fields", "on", "date_wrong"},
		{"a number instead of a date", `{"on":20260310}`, 422, "invalid_fields", "on", "wrong_type"},
		{"a date that nobody could read again, within", `{"doc":{"until":"10000-01-01"}}`, 422, "invalid_fields", "doc.until", "date_wrong"},
		{"a day that there is not, in a list", `{"docs":[{},{"until":"2026-02-29"}]}`, 422, "invalid_fields", "docs.until", "date_wrong"},
		{"a date as a whole", `"2026-03-10"`, 422, "invalid_fields", "body", "wrong_type"},
		{"nested too deep", strings.Repeat(`{"doc":`, 20000), 400, "malformed_json", "", ""},
	} {
		res, p := call(t, e, "POST", "/", "", tc.body, "Content-Type", "application/json")
		if res.StatusCode != tc.status || p.Code != tc.code {
			t.Errorf("%s: %d %s %+v", tc.name, res.StatusCode, p.Code, p.Errors)
		}
		if tc.field != "" && (len(p.Errors) != 1 || p.Errors[0].Field != tc.field || p.Errors[0].Code != tc.why) {
			t.Errorf("%s: names %+v", tc.name, p.Errors)
		}
	}
	if res, p := call(t, e, "POST", "/", "", "kind=x", "Content-Type", "text/plain"); res.StatusCode != 415 || p.Code != "media_type_not_supported" {
		t.Errorf("%d %s", res.StatusCode, p.Code)
	}
}

func TestRussianIsSpokenUnlessEnglishIsPreferred(t *testing.T) {
	e := edge(io.Discard)
	for accept, lang := range map[string]string{
		"": "ru", "ru": "ru", "en": "en", "en-US,en;q=0.9": "en", "en,ru": "en", "ru;q=0.5,en;q=0.8": "en", "de": "ru", "ru-RU,ru;q=0.9,en;q=0.8": "ru", ";;q=,": "ru",
	} {
		res, p := call(t, e, "GET", "/nowhere", "", "", "Accept-Language", accept)
		if res.Header.Get("Content-Language") != lang || (lang == "ru") != (p.Title == "Не найдено") {
			t.Errorf("%q: %s, %q", accept, res.Header.Get("Content-Language"), p.Title)
		}
	}
}

func TestWhatIsCalledOnTheCallersBehalfLearnsTheLanguage(t *testing.T) {
	for accept, want := range map[string]bool{"": false, "ru": false, "en": true} {
		e := edge(io.Discard, Route{Method: "GET", Pattern: "/", Do: func(c *Call) (Answer, error) {
			longer := context.WithoutCancel(c)
			if fault.English(c) != want || fault.English(longer) != want || server.CallID(longer) != "call-1" {
				t.Errorf("%q: English %v", accept, fault.English(c))
			}
			return OK(nil)
		}})
		if res, p := call(t, e, "GET", "/", "", "", "Accept-Language", accept); res.StatusCode != 200 {
			t.Errorf("%d %s", res.StatusCode, p.Code)
		}
	}
	if fault.English(t.Context()) {
		t.Error("outside of a call")
	}
}

func TestInternalsStayInTheLogAndPersonalDataOutOfIt(t *testing.T) {
	var log strings.Builder
	e := edge(&log, Route{Method: "POST", Pattern: "/{id}", Do: func(*Call) (Answer, error) {
		return Answer{}, errors.New("dial tcp 10.0.0.7: refused")
	}})
	res, p := call(t, e, "POST", "/11223344595", "enp=2656410887000127", `{"family":"Соловьёва"}`)
	if res.StatusCode != 500 || p.Code != "internal" || strings.Contains(string(res.Body), "10.0.0.7") {
		t.Fatalf("%d %s", res.StatusCode, res.Body)
	}
	if !strings.Contains(log.String(), "10.0.0.7") || !strings.Contains(log.String(), "call-1") {
		t.Errorf("the log does not help: %s", log.String())
	}
	for _, secret := range []string{"11223344595", "2656410887000127", "Соловьёва"} {
		if strings.Contains(log.String(), secret) {
			t.Errorf("the log tells %s", secret)
		}
	}
}

func TestWhatIsUnavailableSaysWhenToTryAgain(t *testing.T) {
	e := edge(io.Discard, Route{Method: "GET", Pattern: "/", Do: func(*Call) (Answer, error) {
		return Answer{}, fault.Unreachable("store", errors.New("x"))
	}})
	if res, p := call(t, e, "GET", "/", "", ""); res.StatusCode != 503 || p.Code != "store_unavailable" || res.Header.Get("Retry-After") != "5" {
		t.Fatalf("%d %s, after %q", res.StatusCode, p.Code, res.Header.Get("Retry-After"))
	}
}

func TestIdempotencyKeysArePlainAndShort(t *testing.T) {
	for key, ok := range map[string]bool{"": true, "a-1_:.~": true, strings.Repeat("x", 200): true, strings.Repeat("x", 201): false, "a b": false, "ключ": false, "a\x01": false} {
		c := Call{Header: http.Header{"Idempotency-Key": {key}}}
		if _, err := c.IdempotencyKey(); ok != (err == nil) {
			t.Errorf("%q: %v", key, err)
		}
	}
}

// works has the edge do its own work n times over.
func works(t *testing.T, e *Edge, action access.Action, n int, do func(*Call) error) {
	t.Helper()
	ctx, end := context.WithCancel(t.Context())
	defer end()
	e.Between(action, time.Microsecond, func(c *Call) error {
		if n--; n == 0 {
			defer end()
		}
		return do(c)
	}).Work(ctx)
	if n > 0 {
		t.Errorf("%d times are missing", n)
	}
}

func TestAFunctionsOwnWorkIsGrantedInItsNameAgainAndAgain(t *testing.T) {
	e := edge(io.Discard)
	e.Work(t.Context()) // has none
	var ids []string
	works(t, e, access.Sweep, 3, func(c *Call) error {
		if c.Grant.Action() != access.Sweep || c.Grant.Role() != access.Function || c.Grant.Actor() != "policy-card" {
			t.Errorf("%+v", c.Grant)
		}
		ids = append(ids, c.ID)
		return nil
	})
	slices.Sort(ids)
	if len(slices.Compact(ids)) != 3 || ids[0] == "" {
		t.Errorf("%q", ids)
	}
	var log strings.Builder
	ended, end := context.WithTimeout(t.Context(), 10*time.Millisecond)
	defer end()
	edge(&log).Between(access.ReadCard, time.Microsecond, func(*Call) error {
		t.Error("a citizen's action was granted to a function")
		return nil
	}).Work(ended)
	if strings.Count(log.String(), "not_allowed") != 1 {
		t.Errorf("the log says %s", &log)
	}
}

func TestOwnWorkThatFailsGoesOnAndTheLogTellsOfEachCauseOnce(t *testing.T) {
	var log strings.Builder
	outcomes := []error{
		fault.Unreachable("store", errors.New("cut")), fault.Unreachable("store", errors.New("cut")), errors.New("other"),
		nil, fault.Unreachable("store", errors.New("again")), nil,
	}
	works(t, edge(&log), access.Sweep, len(outcomes), func(*Call) error {
		err := outcomes[0]
		outcomes = outcomes[1:]
		return err
	})
	var causes []string
	for line := range strings.Lines(log.String()) {
		var said struct{ Msg, Code, Cause string }
		if err := json.Unmarshal([]byte(line), &said); err != nil || said.Msg != "own work" {
			t.Errorf("%s: %v", line, err)
		}
		causes = append(causes, said.Code+": "+said.Cause)
	}
	if want := []string{"store_unavailable: cut", "internal: other", "store_unavailable: again"}; !slices.Equal(causes, want) {
		t.Errorf("%q instead of %q", causes, want)
	}
}
