package identity

import (
	"context"
	"crypto/rand"
	"crypto/subtle"
	"encoding/base64"
	"errors"
	"net/url"
	"slices"
	"strings"
	"sync/atomic"
	"time"

	"github.com/coreos/go-oidc/v3/oidc"
	"golang.org/x/oauth2"

	"polis/shared/access"
	"polis/shared/config"
	"polis/shared/fault"
)

// Login leads a browser through the state login: OpenID Connect's code flow
// with PKCE (RFC 7636), state and nonce.
type Login struct {
	// Of access tokens, which the functions take. Its account ids are the
	// portal's own and mean nothing to the other functions.
	callers *Verifier

	client oauth2.Config // without endpoints: discovery brings them
	home   string        // where the browser comes back to after a logout

	origins   atomic.Pointer[[]string] // of the pages that a browser is sent to; nil until they are discovered
	searching atomic.Bool
}

// Attempt is what has to be remembered of a browser on its way through the
// login, where only that browser can use it.
type Attempt struct{ State, Nonce, Verifier string }

// Visitor is who came back.
type Visitor struct {
	access.Caller
	Token   string    // to call the functions with
	IDToken string    // to log out with
	Until   time.Time // when the token expires
}

// ErrLogin is a login that did not come to its end, or not here.
var ErrLogin = fault.New(fault.Forbidden, "login_failed",
	"Вход не завершён. Войдите ещё раз.", "The login was not completed. Log in again.")

// OpenLogin reads the settings oidc_issuer, oidc_audience, oidc_claims,
// oidc_client_id, oidc_scopes and public_url, and the secrets
// portal-client-secret and portal-session-key. callback and home are paths
// below public_url.
func OpenLogin(env *config.Env, callback, home string) *Login {
	public := env.URL("public_url")
	return &Login{
		callers: open(env, env.Key("portal-session-key")),
		client: oauth2.Config{
			ClientID: env.Required("oidc_client_id"), ClientSecret: env.Secret("portal-client-secret"),
			RedirectURL: public + callback, Scopes: strings.Fields(env.String("oidc_scopes", oidc.ScopeOpenID)),
		},
		home: public + home,
	}
}

// Begin returns the address to send the browser to, and what to remember of it.
// Unavailable while the issuer does not answer.
func (l *Login) Begin(ctx context.Context) (address string, a Attempt, err error) {
	client, _, err := l.ready(ctx)
	if err != nil {
		return "", Attempt{}, err
	}
	a = Attempt{State: secret(), Nonce: secret(), Verifier: oauth2.GenerateVerifier()}
	return client.AuthCodeURL(a.State, oidc.Nonce(a.Nonce), oauth2.S256ChallengeOption(a.Verifier)), a, nil
}

// Finish learns who came back with the query of the callback. ErrLogin where it
// is not the browser that began, or it was refused there.
func (l *Login) Finish(ctx context.Context, a Attempt, query url.Values) (Visitor, error) {
	client, provider, err := l.ready(ctx)
	if err != nil {
		return Visitor{}, err
	}
	if subtle.ConstantTimeCompare([]byte(query.Get("state")), []byte(a.State)) != 1 {
		return Visitor{}, ErrLogin.Because(errors.New("another state"))
	}
	if code := query.Get("error"); code != "" {
		return Visitor{}, ErrLogin.Because(errors.New("refused by the issuer"))
	}
	ctx = oidc.ClientContext(ctx, l.callers.client)
	answer, err := client.Exchange(ctx, query.Get("code"), oauth2.VerifierOption(a.Verifier))
	var refused *oauth2.RetrieveError
	if errors.As(err, &refused) && refused.Response.StatusCode < 500 {
		return Visitor{}, ErrLogin.Because(err)
	}
	if err != nil {
		return Visitor{}, fault.Unreachable("login", err)
	}
	raw, _ := answer.Extra("id_token").(string)
	id, err := provider.Verifier(&oidc.Config{ClientID: l.client.ClientID, SupportedSigningAlgs: algorithms}).Verify(ctx, raw)
	if err != nil && unreachable(err) {
		return Visitor{}, fault.Unreachable("login", err)
	}
	if err != nil {
		return Visitor{}, ErrLogin.Because(err)
	}
	if subtle.ConstantTimeCompare([]byte(id.Nonce), []byte(a.Nonce)) != 1 {
		return Visitor{}, ErrLogin.Because(errors.New("another nonce"))
	}
	who, token, err := l.callers.verify(ctx, answer.AccessToken)
	if err != nil {
		return Visitor{}, err
	}
	if token.Subject != id.Subject {
		return Visitor{}, ErrLogin.Because(errors.New("tokens of two people"))
	}
	return Visitor{Caller: who, Token: answer.AccessToken, IDToken: raw, Until: token.Expiry}, nil
}

// Origins are those that a browser may be sent to, for a login or a logout: as
// discovered, and the issuer's own until then. It does not wait for the issuer.
func (l *Login) Origins() []string {
	if known := l.origins.Load(); known != nil {
		return *known
	}
	if l.searching.CompareAndSwap(false, true) {
		go func() {
			defer l.searching.Store(false)
			// What fails is tried again for the next page.
			if _, provider, err := l.ready(context.Background()); err == nil {
				found := l.origin(provider.Endpoint().AuthURL, endSession(provider))
				l.origins.Store(&found)
			}
		}()
	}
	return l.origin()
}

// origin gives the origins of the issuer and of addresses, each once.
func (l *Login) origin(addresses ...string) []string {
	var origins []string
	for _, address := range append([]string{l.callers.issuer}, addresses...) {
		at, err := url.Parse(address)
		if err != nil || at.Host == "" {
			continue
		}
		if origin := at.Scheme + "://" + at.Host; !slices.Contains(origins, origin) {
			origins = append(origins, origin)
		}
	}
	return origins
}

// endSession is where the issuer ends its own session; "" where it cannot.
func endSession(provider *oidc.Provider) string {
	var found struct {
		End string `json:"end_session_endpoint"`
	}
	if provider.Claims(&found) != nil {
		return ""
	}
	return found.End
}

// End is the address at which the issuer ends its own session of the browser
// and sends it home; home itself where it has none (OpenID Connect
// RP-Initiated Logout 1.0).
func (l *Login) End(ctx context.Context, idToken string) string {
	_, provider, err := l.ready(ctx)
	if err != nil {
		return l.home
	}
	at, err := url.Parse(endSession(provider))
	if err != nil || at.Host == "" {
		return l.home
	}
	query := at.Query()
	query.Set("client_id", l.client.ClientID)
	query.Set("id_token_hint", idToken)
	query.Set("post_logout_redirect_uri", l.home)
	at.RawQuery = query.Encode()
	return at.String()
}

// ready discovers the issuer at first use and after a failure.
func (l *Login) ready(ctx context.Context) (*oauth2.Config, *oidc.Provider, error) {
	provider, err := l.callers.discover(ctx)
	if err != nil {
		return nil, nil, fault.Unreachable("login", err)
	}
	client := l.client
	client.Endpoint = provider.Endpoint()
	return &client, provider, nil
}

func secret() string {
	b := make([]byte, 32)
	rand.Read(b)
	return base64.RawURLEncoding.EncodeToString(b)
}
