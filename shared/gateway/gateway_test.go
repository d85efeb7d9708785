package gateway

import (
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"reflect"
	"strconv"
	"strings"
	"testing"
	"time"

	"polis/shared/access"
	"polis/shared/config"
	"polis/shared/fault"
)

func client(t *testing.T, handle http.HandlerFunc) *Client {
	t.Helper()
	srv := httptest.NewServer(handle)
	t.Cleanup(srv.Close)
	env := config.FromMap(map[string]string{"gateway_url": srv.URL}, map[string]string{"polis-call-key": base64.StdEncoding.EncodeToString(make([]byte, 32))})
	c := Open(env, "policy-request")
	if err := env.Err(); err != nil {
		t.Fatal(err)
	}
	return c
}

func signed(t *testing.T, r *http.Request, target string) {
	t.Helper()
	body, err := io.ReadAll(r.Body)
	if err != nil {
		t.Error(err)
	}
	unix, _ := strconv.ParseInt(r.Header.Get(access.HeaderTime), 10, 64)
	s := access.Signed{Function: r.Header.Get(access.HeaderFunction), CallID: r.Header.Get("X-Call-Id"), Time: time.Unix(unix, 0), Target: target, Body: body}
	if err := s.Verify(make([]byte, 32), r.Header.Get(access.HeaderSignature), time.Now()); err != nil || s.Function != "policy-request" {
		t.Errorf("%s: %v", target, err)
	}
}

func TestACallIsSignedAndItsAnswerRead(t *testing.T) {
	c := client(t, func(w http.ResponseWriter, r *http.Request) {
		signed(t, r, "/insured-registry/find")
		if r.URL.Path != "/function/insured-registry/find" {
			t.Errorf("asked %s", r.URL.Path)
		}
		io.WriteString(w, `{"id":"7"}`)
	})
	var out struct{ ID string }
	if err := c.Call(t.Context(), "call-1", "/insured-registry/find", map[string]string{"a": "b"}, &out); err != nil || out.ID != "7" {
		t.Fatalf("%v %+v", err, out)
	}
}

func TestAFunctionsRefusalIsItsOwnAndSilenceIsNone(t *testing.T) {
	for _, tc := range []struct {
		name   string
		status int
		body   string
		kind   fault.Kind
		code   string
	}{
		{"forbidden by state", 409, `{"code":"already_insured","detail":"уже"}`, fault.Conflict, "already_insured"},
		{"not there", 404, `{"code":"person_not_found","detail":"нет"}`, fault.NotFound, "person_not_found"},
		{"the gateway's own 404", 404, `not found`, fault.Unavailable, "insured_registry_unavailable"},
		{"its trouble", 500, `{"code":"internal","detail":"x"}`, fault.Unavailable, "insured_registry_unavailable"},
		{"away", 503, `{"code":"store_unavailable","detail":"x"}`, fault.Unavailable, "insured_registry_unavailable"},
		{"about the person", 403, `{"code":"services_hidden","detail":"x"}`, fault.Forbidden, "services_hidden"},
		{"about a field", 422, `{"code":"invalid_fields","detail":"x"}`, fault.Invalid, "invalid_fields"},
	} {
		c := client(t, func(w http.ResponseWriter, r *http.Request) {
			w.WriteHeader(tc.status)
			io.WriteString(w, tc.body)
		})
		err := c.Call(t.Context(), "call-1", "/insured-registry/find", struct{}{}, &struct{}{})
		var f *fault.Error
		if !errors.As(err, &f) || f.Kind != tc.kind || f.Code != tc.code {
			t.Errorf("%s: %v", tc.name, err)
		}
	}
	c := client(t, func(w http.ResponseWriter, r *http.Request) {
		conn, _, _ := w.(http.Hijacker).Hijack()
		conn.Close()
	})
	if err := c.Call(t.Context(), "call-1", "/insured-registry/find", struct{}{}, &struct{}{}); !fault.HasKind(err, fault.Unavailable) {
		t.Errorf("no answer at all: %v", err)
	}
}

func TestARefusalComesBackWholeAndInTheCallersLanguage(t *testing.T) {
	both := func(text string) fault.Text { return fault.Text{RU: text, EN: text} }
	for rule, tc := range map[string]struct {
		status int
		header string // Retry-After
		body   string
		want   fault.Error
	}{
		"each wrong field": {422, "", `{"code":"invalid_fields","detail":"Check","errors":[{"field":"a.b","code":"required","detail":"Give it"},{"field":"c","code":"too_long","detail":"Shorter"}]}`,
			fault.Error{Kind: fault.Invalid, Code: "invalid_fields", Detail: both("Check"), Fields: []fault.Field{
				{Field: "a.b", Code: "required", Detail: both("Give it")}, {Field: "c", Code: "too_long", Detail: both("Shorter")}}}},
		"from when it is allowed, and what is now": {409, "", `{"code":"too_early","detail":"Wait","from":"2027-01-01","suggest":"move"}`,
			fault.Error{Kind: fault.Conflict, Code: "too_early", Detail: both("Wait"), From: "2027-01-01", Suggest: "move"}},
		"when to try again": {409, "7", `{"code":"too_early","detail":"Later"}`,
			fault.Error{Kind: fault.Conflict, Code: "too_early", Detail: both("Later"), RetryAfter: 7 * time.Second}},
		"a wait that is no number": {409, "soon", `{"code":"too_early","detail":"Later"}`,
			fault.Error{Kind: fault.Conflict, Code: "too_early", Detail: both("Later")}},
	} {
		for _, english := range []bool{false, true} {
			c := client(t, func(w http.ResponseWriter, r *http.Request) {
				want := ""
				if english {
					want = "en"
				}
				if got := r.Header.Get("Accept-Language"); got != want {
					t.Errorf("%s: asked in %q", rule, got)
				}
				w.Header().Set("Retry-After", tc.header)
				w.WriteHeader(tc.status)
				io.WriteString(w, tc.body)
			})
			ctx := context.WithoutCancel(context.WithValue(t.Context(), fault.EnglishKey{}, english))
			var got *fault.Error
			if err := c.Call(ctx, "call-1", "/insured-registry/find", struct{}{}, &struct{}{}); !errors.As(err, &got) || !reflect.DeepEqual(*got, tc.want) {
				t.Errorf("%s: %+v", rule, err)
			}
		}
	}
}

func TestARefusalOfTheCallItselfIsSilenceAndTheLogTellsOfIt(t *testing.T) {
	for _, tc := range []struct {
		status int
		code   string
		wait   string // Retry-After
		want   time.Duration
	}{
		{400, "malformed_query", "", 5 * time.Second},
		{401, "token_not_accepted", "", 5 * time.Second},
		{403, "not_allowed", "", 5 * time.Second},
		{404, "no_such_path", "", 5 * time.Second},
		{405, "method_not_allowed", "", 5 * time.Second},
		{413, "body_too_large", "", 5 * time.Second},
		{415, "media_type_not_supported", "", 5 * time.Second},
		{429, "overloaded", "7", 7 * time.Second},
		{503, "store_unavailable", "2", 2 * time.Second},
	} {
		c := client(t, func(w http.ResponseWriter, r *http.Request) {
			if tc.wait != "" {
				w.Header().Set("Retry-After", tc.wait)
			}
			w.WriteHeader(tc.status)
			fmt.Fprintf(w, `{"code":%q,"detail":"Соловьёва"}`, tc.code)
		})
		var log strings.Builder
		c.log = slog.New(slog.NewJSONHandler(&log, nil))
		err := c.Call(t.Context(), "call-1", "/insured-registry/find", map[string]string{"snils": "11223344595"}, &struct{}{})
		if f := fault.From(err); f.Kind != fault.Unavailable || f.Code != "insured_registry_unavailable" || f.RetryAfter != tc.want {
			t.Errorf("%d %s: %+v", tc.status, tc.code, f)
		}
		said := log.String()
		if told := strings.Contains(said, tc.code) && strings.Contains(said, "/insured-registry/find") && strings.Contains(said, "call-1"); told != (tc.status < 500) {
			t.Errorf("%d %s: the log says %q", tc.status, tc.code, said)
		}
		if strings.Contains(said, "Соловьёва") || strings.Contains(said, "11223344595") {
			t.Errorf("%d %s: the log tells of a person: %q", tc.status, tc.code, said)
		}
	}
}

func TestAKickDoesNotWaitAndADeliveryDoes(t *testing.T) {
	arrived, hold := make(chan string, 1), make(chan struct{})
	c := client(t, func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/async-function/policy-request/work" {
			signed(t, r, "/policy-request/work")
			arrived <- r.URL.Path
			<-hold
			return
		}
		w.WriteHeader(http.StatusTeapot)
	})
	c.Kick("policy-request/work", map[string]string{"id": "1"}) // returns while the queue holds
	select {
	case <-arrived:
	case <-time.After(5 * time.Second):
		t.Fatal("the kick never arrived")
	}
	close(hold)
	if err := c.Deliver(t.Context(), "call-1", "policy-request/other", map[string]string{}); err == nil {
		t.Fatal("a refused delivery passes for handled")
	}
}
