package gateway

import (
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"polis/shared/config"
	"polis/shared/fault"
)

func face(t *testing.T, handle http.HandlerFunc) *Face {
	t.Helper()
	srv := httptest.NewServer(handle)
	t.Cleanup(srv.Close)
	return faceOf(t, srv.URL)
}

func faceOf(t *testing.T, gateway string) *Face {
	t.Helper()
	env := config.FromMap(map[string]string{"gateway_url": gateway, "face_timeout": "300ms"}, nil)
	f := OpenFace(env)
	if err := env.Err(); err != nil {
		t.Fatal(err)
	}
	return f
}

func TestAPersonIsAskedForWithTheirOwnTokenAndLanguage(t *testing.T) {
	for rule, tc := range map[string]struct {
		asked  Asked
		target string
		header map[string]string
		body   string
	}{
		"a form": {
			Asked{Method: "POST", Target: "/consent-toggle", Body: map[string]string{"action": "grant"}, Key: "k", Token: "t", English: true, CallID: "c"},
			"/function/consent-toggle",
			map[string]string{"Authorization": "Bearer t", "Idempotency-Key": "k", "X-Call-Id": "c", "Accept-Language": "en", "Content-Type": "application/json"}, `{"action":"grant"}`,
		},
		"a look": {
			Asked{Method: "GET", Target: "/policy-card?person=self", Token: "t", CallID: "c"}, "/function/policy-card?person=self",
			map[string]string{"Authorization": "Bearer t", "Idempotency-Key": "", "Accept-Language": "ru", "Content-Type": ""}, "",
		},
		"nobody": {
			Asked{Method: "GET", Target: "/policy-verify/keys"}, "/function/policy-verify/keys",
			map[string]string{"Authorization": "", "X-Polis-Signature": "", "X-Polis-Function": ""}, "",
		},
	} {
		t.Run(rule, func(t *testing.T) {
			f := face(t, func(w http.ResponseWriter, r *http.Request) {
				body, _ := io.ReadAll(r.Body)
				if r.URL.RequestURI() != tc.target || r.Method != tc.asked.Method || string(body) != tc.body {
					t.Errorf("%s %s %s", r.Method, r.URL.RequestURI(), body)
				}
				for name, want := range tc.header {
					if got := r.Header.Get(name); got != want {
						t.Errorf("%s: %q", name, got)
					}
				}
				w.Header().Set("Content-Disposition", "attachment")
				w.WriteHeader(http.StatusCreated)
				io.WriteString(w, "made")
			})
			got, err := f.Ask(t.Context(), tc.asked)
			if err != nil || got.Status != http.StatusCreated || string(got.Body) != "made" || got.Header.Get("Content-Disposition") != "attachment" {
				t.Errorf("%+v, %v", got, err)
			}
		})
	}
}

func TestWhatAFunctionRefusesAPersonIsItsOwnAndTheRestIsUnavailable(t *testing.T) {
	for rule, tc := range map[string]struct {
		status int
		body   string
		kind   fault.Kind
		code   string
	}{
		"a wrong field":           {422, `{"code":"invalid_fields","detail":"x","errors":[{"field":"enp","code":"enp_length","detail":"y"}]}`, fault.Invalid, "invalid_fields"},
		"no consent":              {403, `{"code":"consent_required","detail":"x"}`, fault.Forbidden, "consent_required"},
		"a token that has ended":  {401, `{"code":"token_not_accepted","detail":"x"}`, fault.Unauthenticated, "token_not_accepted"},
		"its trouble":             {500, `{"code":"internal","detail":"x"}`, fault.Internal, "internal"},
		"the platform's 404":      {404, "not found", fault.Unavailable, "policy_card_unavailable"},
		"the platform's 502":      {502, "", fault.Unavailable, "policy_card_unavailable"},
		"a redirect goes nowhere": {302, "", fault.Unavailable, "policy_card_unavailable"},
		"an answer without end":   {200, strings.Repeat("x", maxAnswer+1), fault.Unavailable, "policy_card_unavailable"},
	} {
		t.Run(rule, func(t *testing.T) {
			f := face(t, func(w http.ResponseWriter, r *http.Request) {
				if r.URL.Path != "/function/policy-card" {
					t.Errorf("it was followed to %s", r.URL)
				}
				if tc.status == 302 {
					w.Header().Set("Location", "/elsewhere")
				}
				w.WriteHeader(tc.status)
				io.WriteString(w, tc.body)
			})
			_, err := f.Ask(t.Context(), Asked{Method: "GET", Target: "/policy-card?person=self", Token: "t"})
			var got *fault.Error
			if !errors.As(err, &got) || got.Kind != tc.kind || got.Code != tc.code {
				t.Errorf("%v", err)
			}
		})
	}
}

func TestAFunctionThatDoesNotAnswerAPersonIsUnavailableInTime(t *testing.T) {
	release := make(chan struct{})
	gone := httptest.NewServer(nil)
	gone.Close()
	for rule, f := range map[string]*Face{
		"silent": face(t, func(http.ResponseWriter, *http.Request) { <-release }),
		"away":   faceOf(t, gone.URL),
		"cut off": face(t, func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Length", "100")
			io.WriteString(w, "{")
		}),
	} {
		began := time.Now()
		_, err := f.Ask(t.Context(), Asked{Method: "GET", Target: "/notify/preferences"})
		var got *fault.Error
		if !errors.As(err, &got) || got.Code != "notify_unavailable" || got.RetryAfter == 0 {
			t.Errorf("%s: %v", rule, err)
		}
		if took := time.Since(began); took > 2*time.Second {
			t.Errorf("%s: after %v", rule, took)
		}
	}
	close(release)
}
