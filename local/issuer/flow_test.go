package issuer_test

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/coreos/go-oidc/v3/oidc"
	"golang.org/x/oauth2"

	"polis/local/issuer"
	"polis/local/personas"
)

const (
	state    = "state-1"
	nonce    = "nonce-1"
	verifier = "a-verifier-of-forty-three-characters-or-more"
)

var portal = issuer.Client{
	ID: "polis-portal", Secret: "a secret: с пробелом",
	RedirectURI: "http://127.0.0.1:8080/function/portal/login/callback",
	LogoutURI:   "http://127.0.0.1:8080/function/portal/",
}

// stranger is an OpenID Connect client by other people, with a browser that
// shows redirects instead of following them.
type stranger struct {
	ctx      context.Context
	url      string
	http     *http.Client
	provider *oidc.Provider
	oauth2.Config
}

func newStranger(t *testing.T, client issuer.Client) *stranger {
	t.Helper()
	mux := http.NewServeMux()
	server := httptest.NewServer(mux)
	t.Cleanup(server.Close)
	return join(t, client, server.URL, mux, server.Client().Transport)
}

// join lets a client that reaches the issuer by the transport discover it.
func join(t *testing.T, client issuer.Client, base string, mux *http.ServeMux, transport http.RoundTripper) *stranger {
	t.Helper()
	s := &stranger{url: base + "/oidc", http: &http.Client{
		Transport:     transport,
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}}
	i, err := issuer.Open(s.url, filepath.Join(t.TempDir(), "issuer.pem"))
	if err != nil {
		t.Fatal(err)
	}
	mux.Handle("/oidc/", http.StripPrefix("/oidc", i.Handler(client)))
	s.ctx = oidc.ClientContext(t.Context(), s.http)
	if s.provider, err = oidc.NewProvider(s.ctx, s.url); err != nil {
		t.Fatal(err)
	}
	s.Config = oauth2.Config{
		ClientID: client.ID, ClientSecret: client.Secret, RedirectURL: client.RedirectURI,
		Endpoint: s.provider.Endpoint(), Scopes: []string{oidc.ScopeOpenID},
	}
	return s
}

// request is the address that a good login begins with, after the change.
func (s *stranger) request(t *testing.T, change func(url.Values)) string {
	t.Helper()
	u, err := url.Parse(s.AuthCodeURL(state, oidc.Nonce(nonce), oauth2.S256ChallengeOption(verifier)))
	if err != nil {
		t.Fatal(err)
	}
	query := u.Query()
	if change != nil {
		change(query)
	}
	u.RawQuery = query.Encode()
	return u.String()
}

type page struct {
	*http.Response
	body string
}

func (s *stranger) do(t *testing.T, method, address string, form url.Values, headers ...string) page {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), method, address, strings.NewReader(form.Encode()))
	if err != nil {
		t.Fatal(err)
	}
	if form != nil {
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	}
	for i := 0; i < len(headers); i += 2 {
		r.Header.Set(headers[i], headers[i+1])
	}
	response, err := s.http.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	if err != nil {
		t.Fatal(err)
	}
	return page{response, string(body)}
}

// sentBack is what the client is told by a redirect to its own address.
func (p page) sentBack(t *testing.T, to string) url.Values {
	t.Helper()
	address, query, _ := strings.Cut(p.Header.Get("Location"), "?")
	values, err := url.ParseQuery(query)
	if p.StatusCode != http.StatusSeeOther || address != to || err != nil || p.Header.Get("Cache-Control") != "no-store" {
		t.Fatalf("%d to %q (%v), headers %v\n%s", p.StatusCode, p.Header.Get("Location"), err, p.Header, p.body)
	}
	return values
}

// code logs the persona in by one click.
func (s *stranger) code(t *testing.T, persona string) string {
	t.Helper()
	answer := s.do(t, http.MethodPost, s.request(t, nil), url.Values{"person": {persona}}).sentBack(t, s.RedirectURL)
	if answer.Get("code") == "" || answer.Get("state") != state || len(answer) != 2 {
		t.Fatalf("sent back with %v", answer)
	}
	return answer.Get("code")
}

func TestAStrangersClientLogsAnyTestPersonIn(t *testing.T) {
	for name, style := range map[string]oauth2.AuthStyle{"client_secret_basic": oauth2.AuthStyleInHeader, "client_secret_post": oauth2.AuthStyleInParams} {
		t.Run(name, func(t *testing.T) {
			s := newStranger(t, portal)
			s.Endpoint.AuthStyle = style
			forClient := s.provider.Verifier(&oidc.Config{ClientID: portal.ID})
			forFunctions := s.provider.Verifier(&oidc.Config{ClientID: issuer.Audience})
			for _, p := range personas.All() {
				token, err := s.Exchange(s.ctx, s.code(t, p.Name), oauth2.VerifierOption(verifier))
				if err != nil {
					t.Fatalf("%s: %v", p.Name, err)
				}
				if left := time.Until(token.Expiry); token.TokenType != "Bearer" || left < issuer.Lifetime-time.Minute || left > issuer.Lifetime {
					t.Errorf("%s: %s token for %v", p.Name, token.TokenType, left)
				}
				raw, _ := token.Extra("id_token").(string)
				id, err := forClient.Verify(s.ctx, raw)
				if err != nil {
					t.Fatalf("%s: %v", p.Name, err)
				}
				if id.Subject != p.Human.Subject || id.Nonce != nonce || id.VerifyAccessToken(token.AccessToken) != nil {
					t.Errorf("%s: id token %+v", p.Name, id)
				}
				access, err := forFunctions.Verify(s.ctx, token.AccessToken)
				if err != nil {
					t.Fatalf("%s: %v", p.Name, err)
				}
				got, said := map[string]any{}, map[string]any{}
				if err := errors.Join(access.Claims(&got), id.Claims(&said)); err != nil {
					t.Fatal(err)
				}
				for claim := range p.Claims() {
					if _, ok := got[claim]; !ok {
						t.Errorf("%s: the functions are not told %s", p.Name, claim)
					}
					if _, ok := said[claim]; ok && claim != "sub" {
						t.Errorf("%s: the id token, a hint in addresses, tells %s", p.Name, claim)
					}
				}
				if _, err := forFunctions.Verify(s.ctx, raw); err == nil {
					t.Errorf("%s: the id token passes for an access token", p.Name)
				}
				if _, err := forClient.Verify(s.ctx, token.AccessToken); err == nil {
					t.Errorf("%s: the access token passes for an id token", p.Name)
				}
			}
		})
	}
}

func TestDiscoverySaysWhatTheFlowNeeds(t *testing.T) {
	s := newStranger(t, portal)
	var said struct {
		Authorization string   `json:"authorization_endpoint"`
		Token         string   `json:"token_endpoint"`
		EndSession    string   `json:"end_session_endpoint"`
		Challenges    []string `json:"code_challenge_methods_supported"`
	}
	if err := s.provider.Claims(&said); err != nil {
		t.Fatal(err)
	}
	if said.Authorization != s.url+"/authorize" || said.Token != s.url+"/token" || said.EndSession != s.url+"/logout" ||
		strings.Join(said.Challenges, " ") != "S256" {
		t.Errorf("%+v", said)
	}
}

func set(name string, values ...string) func(url.Values) {
	return func(query url.Values) {
		query[name] = values
		if len(values) == 0 {
			delete(query, name)
		}
	}
}

func TestALoginIsShownForAGoodRequestAndNobodyIsSentToAStrangersAddress(t *testing.T) {
	s := newStranger(t, portal)
	const page = "an error page"
	for _, c := range []struct {
		name   string
		change func(url.Values)
		want   string // error told to the client
	}{
		{"a good one", nil, ""},
		{"more scopes", set("scope", "profile openid email"), ""},
		{"no client", set("client_id"), page},
		{"another client", set("client_id", "other"), page},
		{"two clients", set("client_id", portal.ID, "other"), page},
		{"no redirect URI", set("redirect_uri"), page},
		{"another host", set("redirect_uri", "https://evil.example/"), page},
		{"another path", set("redirect_uri", portal.RedirectURI+"/../../evil"), page},
		{"a query at the redirect URI", set("redirect_uri", portal.RedirectURI+"?to=evil"), page},
		{"the beginning of the redirect URI", set("redirect_uri", "http://127.0.0.1:8080/"), page},
		{"a name before the host", set("redirect_uri", "http://127.0.0.1:8080@evil.example/function/portal/login/callback"), page},
		{"two redirect URIs", set("redirect_uri", portal.RedirectURI, "https://evil.example/"), page},
		{"no response type", set("response_type"), "invalid_request"},
		{"another response type", set("response_type", "token"), "unsupported_response_type"},
		{"another response mode", set("response_mode", "fragment"), "invalid_request"},
		{"no scope", set("scope"), "invalid_scope"},
		{"a scope without openid", set("scope", "openid2 profile"), "invalid_scope"},
		{"no state", set("state"), "invalid_request"},
		{"two states", set("state", "a", "b"), "invalid_request"},
		{"no nonce", set("nonce"), "invalid_request"},
		{"no challenge", set("code_challenge"), "invalid_request"},
		{"a short challenge", set("code_challenge", "short"), "invalid_request"},
		{"no method of the challenge", set("code_challenge_method"), "invalid_request"},
		{"a plain challenge", set("code_challenge_method", "plain"), "invalid_request"},
		{"no page wanted", set("prompt", "none"), "login_required"},
		{"a request object", set("request", "e30.e30."), "request_not_supported"},
		{"a request object elsewhere", set("request_uri", "https://evil.example/"), "request_uri_not_supported"},
	} {
		t.Run(c.name, func(t *testing.T) {
			address := s.request(t, c.change)
			asked, err := url.Parse(address)
			if err != nil {
				t.Fatal(err)
			}
			for method, form := range map[string]url.Values{http.MethodGet: nil, http.MethodPost: {"person": {"insured"}}} {
				got := s.do(t, method, address, form)
				switch {
				case c.want == "" && method == http.MethodGet:
					if got.StatusCode != http.StatusOK || !strings.Contains(got.body, "Это тестовый вход") {
						t.Errorf("%d\n%s", got.StatusCode, got.body)
					}
				case c.want == "":
					if answer := got.sentBack(t, portal.RedirectURI); answer.Get("code") == "" {
						t.Errorf("%s: %v", method, answer)
					}
				case c.want == page:
					if got.StatusCode != http.StatusBadRequest || got.Header.Get("Location") != "" || strings.Contains(got.body, "evil") {
						t.Errorf("%s: %d to %q\n%s", method, got.StatusCode, got.Header.Get("Location"), got.body)
					}
				default:
					answer := got.sentBack(t, portal.RedirectURI)
					wantState := state
					if states := asked.Query()["state"]; len(states) != 1 {
						wantState = ""
					}
					if answer.Get("error") != c.want || answer.Get("state") != wantState || answer.Has("code") {
						t.Errorf("%s: %v", method, answer)
					}
				}
			}
		})
	}
}

func TestTheLoginPageShowsEverybodyCitizensFirstAndRunsNothing(t *testing.T) {
	s := newStranger(t, portal)
	got := s.do(t, http.MethodGet, s.request(t, nil), nil)
	at := 0
	for _, text := range []string{`lang="ru"`, `name="viewport"`, "prefers-color-scheme", "Граждане", `value="insured"`, "Сотрудники", `value="staff"`, "Источники сведений", `value="zags"`} {
		next := strings.Index(got.body[at:], text)
		if next < 0 {
			t.Fatalf("no %s after %d bytes of\n%s", text, at, got.body)
		}
		at += next
	}
	for _, p := range personas.All() {
		button := regexp.MustCompile(`<button name="person" value="` + p.Name + `">(.*)</button>`).FindString(got.body)
		if !strings.Contains(button, p.Human.FullName()) || !strings.Contains(button, p.About) || !strings.Contains(button, "<small>"+p.Name+"</small>") {
			t.Errorf("%s has the button %q", p.Name, button)
		}
	}
	policy := got.Header.Get("Content-Security-Policy")
	if strings.Contains(got.body, "<script") || strings.Contains(policy, "unsafe") || !strings.HasPrefix(policy, "default-src 'none'; ") ||
		!strings.Contains(policy, "form-action 'self' "+portal.RedirectURI+";") || !strings.Contains(policy, "frame-ancestors 'none'") {
		t.Errorf("policy %s", policy)
	}
	styled := regexp.MustCompile(`<style nonce="(\w+)">`).FindStringSubmatch(got.body)
	if styled == nil || !strings.Contains(policy, "style-src 'nonce-"+styled[1]+"'") {
		t.Errorf("the policy %s forbids the style %v", policy, styled)
	}
	if got.Header.Get("Cache-Control") != "no-store" || got.Header.Get("X-Content-Type-Options") != "nosniff" {
		t.Errorf("headers %v", got.Header)
	}
}

func TestOnlyThePageItselfChoosesAndOnlyATestPerson(t *testing.T) {
	s := newStranger(t, portal)
	choose := func(name string, headers ...string) page {
		return s.do(t, http.MethodPost, s.request(t, nil), url.Values{"person": {name}}, headers...)
	}
	if got := choose("insured", "Sec-Fetch-Site", "same-origin", "Origin", strings.TrimSuffix(s.url, "/oidc")); got.sentBack(t, portal.RedirectURI).Get("code") == "" {
		t.Error("the page's own form gets no code")
	}
	for _, by := range [][]string{{"Sec-Fetch-Site", "cross-site"}, {"Origin", "https://evil.example"}} {
		if got := choose("insured", by...); got.StatusCode != http.StatusForbidden || got.Header.Get("Location") != "" {
			t.Errorf("with %v: %d", by, got.StatusCode)
		}
	}
	if got := choose("nobody"); got.StatusCode != http.StatusBadRequest || got.Header.Get("Location") != "" {
		t.Errorf("unknown: %d", got.StatusCode)
	}
	if answer := choose("").sentBack(t, portal.RedirectURI); answer.Get("error") != "access_denied" || answer.Get("state") != state {
		t.Errorf("nobody chosen: %v", answer)
	}
}

func TestACodeIsExchangedOnceByItsClientWithItsVerifier(t *testing.T) {
	s := newStranger(t, portal)
	for _, c := range []struct {
		name   string
		change func(url.Values)
		header string // Authorization
		status int
		code   string
		burnt  bool // the code cannot be used any more
	}{
		{name: "as it should be", status: http.StatusOK, burnt: true},
		{name: "another verifier", change: set("code_verifier", verifier+"x"), status: http.StatusBadRequest, code: "invalid_grant", burnt: true},
		{name: "no verifier", change: set("code_verifier"), status: http.StatusBadRequest, code: "invalid_request"},
		{name: "the challenge as verifier", change: set("code_verifier", oauth2.S256ChallengeFromVerifier(verifier)), status: http.StatusBadRequest, code: "invalid_grant", burnt: true},
		{name: "another redirect URI", change: set("redirect_uri", portal.LogoutURI), status: http.StatusBadRequest, code: "invalid_grant", burnt: true},
		{name: "no redirect URI", change: set("redirect_uri"), status: http.StatusBadRequest, code: "invalid_request"},
		{name: "another code", change: set("code", "guessed"), status: http.StatusBadRequest, code: "invalid_grant"},
		{name: "two codes", change: set("code", "a", "b"), status: http.StatusBadRequest, code: "invalid_request"},
		{name: "another grant", change: set("grant_type", "password"), status: http.StatusBadRequest, code: "unsupported_grant_type"},
		{name: "no grant", change: set("grant_type"), status: http.StatusBadRequest, code: "invalid_request"},
		{name: "another secret", change: set("client_secret", "guessed"), status: http.StatusUnauthorized, code: "invalid_client"},
		{name: "no secret", change: set("client_secret"), status: http.StatusUnauthorized, code: "invalid_client"},
		{name: "another client", change: set("client_id", "other"), status: http.StatusUnauthorized, code: "invalid_client"},
		{name: "a secret in two places", header: "Basic eDp5", status: http.StatusBadRequest, code: "invalid_request"},
		{name: "another secret in the header", change: set("client_secret"), header: "Basic cG9saXMtcG9ydGFsOnk=", status: http.StatusUnauthorized, code: "invalid_client"},
		{name: "a header that is none", change: set("client_secret"), header: "Bearer x", status: http.StatusUnauthorized, code: "invalid_client"},
	} {
		t.Run(c.name, func(t *testing.T) {
			form := url.Values{
				"grant_type": {"authorization_code"}, "code": {s.code(t, "insured")}, "redirect_uri": {portal.RedirectURI},
				"code_verifier": {verifier}, "client_id": {portal.ID}, "client_secret": {portal.Secret},
			}
			code := form.Get("code")
			if c.change != nil {
				c.change(form)
			}
			var headers []string
			if c.header != "" {
				headers = []string{"Authorization", c.header}
			}
			got := s.do(t, http.MethodPost, s.Endpoint.TokenURL, form, headers...)
			var answer struct {
				Error       string
				AccessToken string `json:"access_token"`
			}
			err := json.Unmarshal([]byte(got.body), &answer)
			if err != nil || got.StatusCode != c.status || answer.Error != c.code || (answer.AccessToken == "") != (c.code != "") {
				t.Fatalf("%d %s (%v)", got.StatusCode, got.body, err)
			}
			if got.Header.Get("Cache-Control") != "no-store" || got.Header.Get("Content-Type") != "application/json" ||
				(got.Header.Get("WWW-Authenticate") != "") != (c.status == http.StatusUnauthorized) {
				t.Errorf("headers %v", got.Header)
			}
			_, err = s.Exchange(s.ctx, code, oauth2.VerifierOption(verifier))
			if burnt := errorCode(err) == "invalid_grant"; burnt != c.burnt {
				t.Errorf("afterwards the code gives: %v", err)
			}
		})
	}
}

func errorCode(err error) string {
	var refused *oauth2.RetrieveError
	if !errors.As(err, &refused) {
		return ""
	}
	return cmp.Or(refused.ErrorCode, "none")
}

// inMemory brings requests to a handler without a network, whose waiting would
// stop the clock of a synctest bubble.
type inMemory struct{ http.Handler }

func (m inMemory) RoundTrip(r *http.Request) (*http.Response, error) {
	w := httptest.NewRecorder()
	m.ServeHTTP(w, r)
	return w.Result(), nil
}

func TestACodeLivesForAMinute(t *testing.T) {
	for _, c := range []struct {
		after time.Duration
		want  string
	}{{59 * time.Second, ""}, {time.Minute, "invalid_grant"}} {
		synctest.Test(t, func(t *testing.T) {
			mux := http.NewServeMux()
			s := join(t, portal, "http://127.0.0.1:8080", mux, inMemory{mux})
			code := s.code(t, "insured")
			time.Sleep(c.after) // by the clock of synctest, which costs no time
			if _, err := s.Exchange(s.ctx, code, oauth2.VerifierOption(verifier)); errorCode(err) != c.want || (err == nil) != (c.want == "") {
				t.Errorf("after %v: %v", c.after, err)
			}
		})
	}
}

func TestLoggingOutLeadsToTheClientsOwnAddressOnly(t *testing.T) {
	s, other := newStranger(t, portal), newStranger(t, portal)
	idToken := func(s *stranger) (id, access string) {
		token, err := s.Exchange(s.ctx, s.code(t, "insured"), oauth2.VerifierOption(verifier))
		if err != nil {
			t.Fatal(err)
		}
		id, _ = token.Extra("id_token").(string)
		return id, token.AccessToken
	}
	hint, access := idToken(s)
	foreign, _ := idToken(other)
	for _, c := range []struct {
		name   string
		query  url.Values
		status int
	}{
		{"by its name", url.Values{"client_id": {portal.ID}}, http.StatusSeeOther},
		{"by the id token", url.Values{"id_token_hint": {hint}}, http.StatusSeeOther},
		{"by both", url.Values{"client_id": {portal.ID}, "id_token_hint": {hint}}, http.StatusSeeOther},
		{"by nothing", url.Values{}, http.StatusBadRequest},
		{"by another name", url.Values{"client_id": {"other"}}, http.StatusBadRequest},
		{"by another name with the id token", url.Values{"client_id": {"other"}, "id_token_hint": {hint}}, http.StatusBadRequest},
		{"by an access token", url.Values{"id_token_hint": {access}}, http.StatusBadRequest},
		{"by another issuer's id token", url.Values{"id_token_hint": {foreign}}, http.StatusBadRequest},
		{"by what is no token", url.Values{"client_id": {portal.ID}, "id_token_hint": {"x"}}, http.StatusBadRequest},
		{"to a stranger", url.Values{"client_id": {portal.ID}, "post_logout_redirect_uri": {"https://evil.example/"}}, http.StatusBadRequest},
		{"to the client's other address", url.Values{"client_id": {portal.ID}, "post_logout_redirect_uri": {portal.RedirectURI}}, http.StatusBadRequest},
		{"to an address below", url.Values{"client_id": {portal.ID}, "post_logout_redirect_uri": {portal.LogoutURI + "..//evil.example"}}, http.StatusBadRequest},
		{"to two", url.Values{"client_id": {portal.ID}, "post_logout_redirect_uri": {portal.LogoutURI, "https://evil.example/"}}, http.StatusBadRequest},
	} {
		t.Run(c.name, func(t *testing.T) {
			if !c.query.Has("post_logout_redirect_uri") {
				c.query.Set("post_logout_redirect_uri", portal.LogoutURI)
			}
			c.query.Set("state", state)
			got := s.do(t, http.MethodGet, s.url+"/logout?"+c.query.Encode(), nil)
			if c.status == http.StatusSeeOther {
				if answer := got.sentBack(t, portal.LogoutURI); answer.Get("state") != state || len(answer) != 1 {
					t.Errorf("sent back with %v", answer)
				}
			} else if got.StatusCode != c.status || got.Header.Get("Location") != "" || strings.Contains(got.body, "evil") {
				t.Errorf("%d to %q\n%s", got.StatusCode, got.Header.Get("Location"), got.body)
			}
		})
	}
	if got := s.do(t, http.MethodGet, s.url+"/logout", nil); got.StatusCode != http.StatusOK || !strings.Contains(got.body, "<h1>Вы вышли</h1>") {
		t.Errorf("%d\n%s", got.StatusCode, got.body)
	}
	if got := s.do(t, http.MethodGet, s.url+"/logout?client_id="+portal.ID+"&post_logout_redirect_uri="+url.QueryEscape(portal.LogoutURI), nil); len(got.sentBack(t, portal.LogoutURI)) != 0 {
		t.Errorf("without a state: %q", got.Header.Get("Location"))
	}
}

func TestWithoutAClientOrItsSecretNobodyIsLoggedIn(t *testing.T) {
	bare := newStranger(t, issuer.Client{ID: portal.ID, RedirectURI: portal.RedirectURI})
	if got, err := bare.Exchange(bare.ctx, bare.code(t, "insured"), oauth2.VerifierOption(verifier)); errorCode(err) != "invalid_client" {
		t.Errorf("without a secret: %v, %v", got, err)
	}
	s := newStranger(t, issuer.Client{})
	for _, id := range []string{"", portal.ID} {
		change := func(query url.Values) { query["client_id"], query["redirect_uri"] = []string{id}, []string{""} }
		if got := s.do(t, http.MethodPost, s.request(t, change), url.Values{"person": {"insured"}}); got.StatusCode != http.StatusBadRequest {
			t.Errorf("%q: %d", id, got.StatusCode)
		}
		if got := s.do(t, http.MethodPost, s.Endpoint.TokenURL, url.Values{"client_id": {id}, "client_secret": {""}}); got.StatusCode != http.StatusUnauthorized {
			t.Errorf("%q: %d", id, got.StatusCode)
		}
	}
}
