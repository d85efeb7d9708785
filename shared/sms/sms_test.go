package sms

import (
	"context"
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"polis/shared/config"
	"polis/shared/notice"
)

var message = notice.Message{ID: "01kk.sms@polis.example.org", To: "+79161234567", Text: "Полис ОМС: заявление 20260310-D3F5-H7K9 подано"}

func sender(t *testing.T, provider http.HandlerFunc) *Sender {
	t.Helper()
	server := httptest.NewServer(provider)
	t.Cleanup(server.Close)
	env := config.FromMap(map[string]string{"sms_url": server.URL + "/send"}, map[string]string{"sms-token": "secret"})
	s := Open(env)
	if err := env.Err(); err != nil {
		t.Fatal(err)
	}
	return s
}

func TestTheProviderGetsTheMessageUnderItsID(t *testing.T) {
	s := sender(t, func(w http.ResponseWriter, r *http.Request) {
		var body map[string]string
		if err := json.NewDecoder(r.Body).Decode(&body); err != nil {
			t.Error(err)
		}
		if len(body) != 3 || body["to"] != message.To || body["text"] != message.Text || body["id"] != message.ID {
			t.Errorf("%v", body)
		}
		h := r.Header
		if r.Method != "POST" || r.URL.Path != "/send" || h.Get("Authorization") != "Bearer secret" ||
			h.Get("Idempotency-Key") != message.ID || h.Get("Content-Type") != "application/json" {
			t.Errorf("%s %s %v", r.Method, r.URL, h)
		}
		w.WriteHeader(http.StatusAccepted)
	})
	if got := s.Send(t.Context(), message); got != (notice.Outcome{Result: notice.Accepted}) {
		t.Errorf("%+v", got)
	}
}

func TestTheOutcomeIsTheStatus(t *testing.T) {
	for status, want := range map[int]notice.Outcome{
		200: {Result: notice.Accepted},
		201: {Result: notice.Accepted},
		302: {Result: notice.Refused, Reason: "sms_302"},
		400: {Result: notice.Refused, Reason: "sms_400"},
		401: {Result: notice.Refused, Reason: "sms_401"},
		408: {Result: notice.Later, Reason: "sms_408"},
		409: {Result: notice.Later, Reason: "sms_409"},
		429: {Result: notice.Later, Reason: "sms_429"},
		500: {Result: notice.Later, Reason: "sms_500"},
		503: {Result: notice.Later, Reason: "sms_503"},
	} {
		asked := 0
		s := sender(t, func(w http.ResponseWriter, r *http.Request) {
			asked++
			w.Header().Set("Location", "/elsewhere")
			w.WriteHeader(status)
		})
		if got := s.Send(t.Context(), message); got != want || asked != 1 {
			t.Errorf("%d: %+v after %d requests", status, got, asked)
		}
	}
}

func TestAnAnswerThatDoesNotComeIsAskedForAgain(t *testing.T) {
	for rule, tc := range map[string]struct {
		provider http.HandlerFunc
		reason   string
	}{
		"the line drops": {func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) }, notice.ReasonUnreachable},
		"it hangs": {func(_ http.ResponseWriter, r *http.Request) {
			io.Copy(io.Discard, r.Body) // only then it is seen that the client has gone
			<-r.Context().Done()
		}, notice.ReasonTimeout},
	} {
		ctx, cancel := context.WithTimeout(t.Context(), 300*time.Millisecond)
		if got := sender(t, tc.provider).Send(ctx, message); got != (notice.Outcome{Result: notice.Later, Reason: tc.reason}) {
			t.Errorf("%s: %+v", rule, got)
		}
		cancel()
	}
	nobody := httptest.NewServer(nil)
	nobody.Close()
	s := Open(config.FromMap(map[string]string{"sms_url": nobody.URL}, map[string]string{"sms-token": "secret"}))
	if got := s.Send(t.Context(), message); got != (notice.Outcome{Result: notice.Later, Reason: notice.ReasonUnreachable}) {
		t.Errorf("nobody listens: %+v", got)
	}
}

func TestWithoutItsSettingThereAreNoSMS(t *testing.T) {
	env := config.FromMap(nil, nil)
	if s := Open(env); s != nil || env.Err() != nil {
		t.Errorf("%+v, %v", s, env.Err())
	}
	env = config.FromMap(map[string]string{"sms_url": "provider"}, nil)
	Open(env)
	if err := env.Err(); err == nil || !strings.Contains(err.Error(), "sms_url:") || !strings.Contains(err.Error(), "sms-token:") {
		t.Errorf("%v", err)
	}
}
