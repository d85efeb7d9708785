package identity

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"errors"
	"net/http"
	"net/http/httptest"
	"net/url"
	"runtime"
	"slices"
	"testing"
	"time"

	"github.com/coreos/go-oidc/v3/oidc"
	"github.com/coreos/go-oidc/v3/oidc/oidctest"

	"polis/shared/config"
	"polis/shared/fault"
)

// counter is an issuer with a token endpoint: it gives the tokens that a test
// tells it to.
type counter struct {
	issuer
	t *testing.T

	challenge  string
	access, id claims // changes to good ones; a nil id: none is given
	status     int
	without    bool // a logout of its own
	elsewhere  bool // its pages lie at other hosts
	exchanges  int
}

func newCounter(t *testing.T) *counter {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	c := &counter{t: t, access: claims{}, id: claims{}, status: http.StatusOK}
	keys := &oidctest.Server{PublicKeys: []oidctest.PublicKey{{PublicKey: key.Public(), KeyID: "k", Algorithm: oidc.ES256}}}
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch r.URL.Path {
		case "/.well-known/openid-configuration":
			found := map[string]any{
				"issuer": c.url, "authorization_endpoint": c.url + "/authorize", "token_endpoint": c.url + "/token", "jwks_uri": c.url + "/keys",
				"end_session_endpoint": c.url + "/logout?of=here", "id_token_signing_alg_values_supported": []string{"ES256"},
			}
			if c.without {
				delete(found, "end_session_endpoint")
			}
			if c.elsewhere {
				found["authorization_endpoint"], found["end_session_endpoint"] = "https://enter.example.org/authorize", "https://leave.example.org/logout"
			}
			json.NewEncoder(w).Encode(found)
		case "/token":
			c.exchange(w, r)
		default:
			keys.ServeHTTP(w, r)
		}
	}))
	t.Cleanup(srv.Close)
	keys.SetIssuer(srv.URL)
	c.issuer = issuer{srv.URL, key}
	return c
}

func (c *counter) exchange(w http.ResponseWriter, r *http.Request) {
	c.exchanges++
	if c.status != http.StatusOK {
		w.WriteHeader(c.status)
		return
	}
	id, secret, _ := r.BasicAuth()
	sum := sha256.Sum256([]byte(r.PostFormValue("code_verifier")))
	if id != "portal" || secret != "client-secret" || base64.RawURLEncoding.EncodeToString(sum[:]) != c.challenge || r.PostFormValue("redirect_uri") != "https://polis.example.org/back" {
		w.Header().Set("Content-Type", "application/json")
		w.WriteHeader(http.StatusBadRequest)
		w.Write([]byte(`{"error":"invalid_grant"}`))
		return
	}
	answer := map[string]any{"access_token": c.sign(c.t, c.access), "token_type": "Bearer"}
	if c.id != nil {
		answer["id_token"] = c.sign(c.t, c.id)
	}
	w.Header().Set("Content-Type", "application/json")
	json.NewEncoder(w).Encode(answer)
}

func (c *counter) login() *Login {
	c.t.Helper()
	env := config.FromMap(map[string]string{
		"oidc_issuer": c.url, "oidc_audience": "polis", "oidc_client_id": "portal", "public_url": "https://polis.example.org",
	}, map[string]string{"portal-client-secret": "client-secret", "portal-session-key": base64.StdEncoding.EncodeToString(make([]byte, 32))})
	l := OpenLogin(env, "/back", "/home")
	if err := env.Err(); err != nil {
		c.t.Fatal(err)
	}
	return l
}

// begun is a browser that was sent to the issuer and comes back with this query.
func (c *counter) begun(l *Login) (Attempt, url.Values) {
	c.t.Helper()
	address, a, err := l.Begin(c.t.Context())
	if err != nil {
		c.t.Fatal(err)
	}
	at, err := url.Parse(address)
	if err != nil {
		c.t.Fatal(err)
	}
	asked := at.Query()
	for name, want := range map[string]string{
		"response_type": "code", "client_id": "portal", "redirect_uri": "https://polis.example.org/back", "scope": "openid",
		"state": a.State, "nonce": a.Nonce, "code_challenge_method": "S256",
	} {
		if got := asked.Get(name); got != want || got == "" {
			c.t.Errorf("%s: %q", name, got)
		}
	}
	c.challenge = asked.Get("code_challenge")
	c.id = claims{"aud": "portal", "nonce": a.Nonce}
	return a, url.Values{"code": {"c"}, "state": {a.State}}
}

func TestWhoeverComesBackFromTheLoginIsKnown(t *testing.T) {
	c := newCounter(t)
	l := c.login()
	until := time.Now().Add(20 * time.Minute).Truncate(time.Second)
	a, query := c.begun(l)
	c.access = claims{"exp": until.Unix()}
	who, err := l.Finish(t.Context(), a, query)
	if err != nil {
		t.Fatal(err)
	}
	if who.Person.Name.Family != "Соловьёва" || !who.Confirmed || !who.Until.Equal(until) || who.Account == "" || who.Token == who.IDToken {
		t.Errorf("%+v", who)
	}
	if other, _ := c.begun(l); other.State == a.State || other.Nonce == a.Nonce || other.Verifier == a.Verifier {
		t.Error("two attempts share a secret")
	}
}

func TestNobodyElseComesBackFromTheLogin(t *testing.T) {
	for rule, spoil := range map[string]func(c *counter, a *Attempt, query url.Values){
		"another's state":                         func(_ *counter, a *Attempt, query url.Values) { query.Set("state", "other") },
		"no state":                                func(_ *counter, a *Attempt, query url.Values) { query.Del("state") },
		"refused there":                           func(_ *counter, a *Attempt, query url.Values) { query.Set("error", "access_denied") },
		"another's nonce":                         func(c *counter, _ *Attempt, _ url.Values) { c.id["nonce"] = "other" },
		"no nonce":                                func(c *counter, _ *Attempt, _ url.Values) { delete(c.id, "nonce") },
		"another's verifier":                      func(_ *counter, a *Attempt, _ url.Values) { a.Verifier = "v" },
		"an id token for another client":          func(c *counter, _ *Attempt, _ url.Values) { c.id["aud"] = "polis" },
		"an id token that has expired":            func(c *counter, _ *Attempt, _ url.Values) { c.id["exp"] = time.Now().Add(-time.Hour).Unix() },
		"an id token of another issuer":           func(c *counter, _ *Attempt, _ url.Values) { c.id["iss"] = "https://login.example.com" },
		"no id token":                             func(c *counter, _ *Attempt, _ url.Values) { c.id = nil },
		"tokens of two people":                    func(c *counter, _ *Attempt, _ url.Values) { c.id["sub"] = "2000" },
		"an access token for somebody else":       func(c *counter, _ *Attempt, _ url.Values) { c.access["aud"] = "elsewhere" },
		"an access token that has expired":        func(c *counter, _ *Attempt, _ url.Values) { c.access["exp"] = time.Now().Add(-time.Hour).Unix() },
		"the exchange is refused by the issuer":   func(c *counter, _ *Attempt, _ url.Values) { c.status = http.StatusBadRequest },
		"an access token with an impossible role": func(c *counter, _ *Attempt, _ url.Values) { c.access["roles"] = []string{"function"} },
	} {
		t.Run(rule, func(t *testing.T) {
			c := newCounter(t)
			l := c.login()
			a, query := c.begun(l)
			spoil(c, &a, query)
			who, err := l.Finish(t.Context(), a, query)
			if !errors.Is(err, ErrLogin) && !errors.Is(err, ErrToken) || who.Token != "" {
				t.Errorf("%v, %+v", err, who)
			}
		})
	}
}

func TestACodeIsNotExchangedForAnotherBrowser(t *testing.T) {
	c := newCounter(t)
	l := c.login()
	a, query := c.begun(l)
	query.Set("state", "other")
	if _, err := l.Finish(t.Context(), a, query); !errors.Is(err, ErrLogin) || c.exchanges != 0 {
		t.Errorf("%v after %d exchanges", err, c.exchanges)
	}
}

func TestAnIssuerThatIsAwayRefusesNobody(t *testing.T) {
	c := newCounter(t)
	l := c.login()
	a, query := c.begun(l)
	c.status = http.StatusBadGateway
	if _, err := l.Finish(t.Context(), a, query); !fault.HasKind(err, fault.Unavailable) {
		t.Errorf("while its tokens cannot be had: %v", err)
	}
	gone := newCounter(t)
	away := httptest.NewServer(nil)
	away.Close()
	gone.url = away.URL
	if _, _, err := gone.login().Begin(t.Context()); !fault.HasKind(err, fault.Unavailable) {
		t.Errorf("while it is gone: %v", err)
	}
	if home := gone.login().End(t.Context(), "id"); home != "https://polis.example.org/home" {
		t.Errorf("while it is gone a logout leads to %s", home)
	}
}

func TestALogoutEndsAtTheIssuerAndComesHome(t *testing.T) {
	c := newCounter(t)
	at, err := url.Parse(c.login().End(t.Context(), "id-token"))
	if err != nil {
		t.Fatal(err)
	}
	want := url.Values{"of": {"here"}, "client_id": {"portal"}, "id_token_hint": {"id-token"}, "post_logout_redirect_uri": {"https://polis.example.org/home"}}
	if at.Path != "/logout" || at.Query().Encode() != want.Encode() {
		t.Errorf("%s", at)
	}
	c = newCounter(t)
	c.without = true
	if home := c.login().End(t.Context(), "id-token"); home != "https://polis.example.org/home" {
		t.Errorf("an issuer without a logout: %s", home)
	}
}

func TestABrowserMayBeSentWhereTheIssuersPagesAre(t *testing.T) {
	for _, tc := range []struct {
		elsewhere, without bool
		more               []string
	}{{false, false, nil}, {false, true, nil}, {true, false, []string{"https://enter.example.org", "https://leave.example.org"}}} {
		c := newCounter(t)
		c.elsewhere, c.without = tc.elsewhere, tc.without
		l := c.login()
		if first := l.Origins(); first[0] != c.url {
			t.Errorf("before anything is discovered: %v", first)
		}
		want := append([]string{c.url}, tc.more...)
		deadline := time.After(5 * time.Second)
		for known := l.origins.Load(); known == nil; known = l.origins.Load() {
			select {
			case <-deadline:
				t.Fatal("nothing is discovered")
			default:
				runtime.Gosched()
			}
		}
		if got := l.Origins(); !slices.Equal(got, want) {
			t.Errorf("%v instead of %v", got, want)
		}
	}
}
