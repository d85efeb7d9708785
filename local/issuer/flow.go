package issuer

import (
	"crypto/rand"
	"crypto/sha256"
	"crypto/subtle"
	_ "embed"
	"encoding/base64"
	"encoding/json"
	"errors"
	"html/template"
	"maps"
	"net/http"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/go-jose/go-jose/v4"

	"polis/local/personas"
)

// codeLifetime is how long a code can be exchanged, by the machine's clock.
const codeLifetime = time.Minute

// maxForm is far above any form that is sent here, in bytes.
const maxForm = 1 << 16

// Client is the one application that may log people in, with a secret. For the
// zero value nobody is logged in.
type Client struct {
	ID, Secret  string
	RedirectURI string // where codes are sent; absolute, without a query, compared to the letter
	LogoutURI   string // where people go after logging out, likewise
}

// flow is the authorization code flow with PKCE (RFC 6749, RFC 7636, OpenID
// Connect Core). It knows no sessions: the page asks each time who logs in.
type flow struct {
	issuer *Issuer
	client Client

	mu     sync.Mutex
	grants map[string]grant // by code, each for one exchange
}

// grant is what a code stands for.
type grant struct {
	persona          personas.Persona
	nonce, challenge string
	at               time.Time
}

// protocolError is an error of RFC 6749; both texts are ASCII.
type protocolError struct {
	Code        string `json:"error"`
	Description string `json:"error_description"`
}

func (e *protocolError) Error() string { return e.Code + ": " + e.Description }

// asked lets an authorization request through that is in order. One that names
// another client or address is never answered by a redirect.
func (f *flow) asked(next http.HandlerFunc) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		query := r.URL.Query()
		if !f.isClient(one(query, "client_id")) || one(query, "redirect_uri") != f.client.RedirectURI {
			showMessage(w, http.StatusBadRequest, "Запрос на вход не принят",
				"Неизвестно, какое приложение просит о входе или куда вернуться (client_id, redirect_uri). Начните вход заново.")
			return
		}
		if err := checkRequest(query); err != nil {
			f.refuse(w, r, err)
			return
		}
		next(w, r)
	}
}

// one is the value of a parameter, empty unless it is there just once.
func one(values url.Values, name string) string {
	if len(values[name]) != 1 {
		return ""
	}
	return values.Get(name)
}

// isClient is also false for a client that was never registered.
func (f *flow) isClient(id string) bool { return id != "" && id == f.client.ID }

// s256 is a challenge as SHA-256 in base64url gives it.
var s256 = regexp.MustCompile(`^[\w-]{43}$`)

// checkRequest is nil for a request of a known client that is in order. State
// and nonce are optional elsewhere: here a client that forgets them is told so.
func checkRequest(query url.Values) *protocolError {
	invalid := func(description string) *protocolError { return &protocolError{"invalid_request", description} }
	for _, values := range query {
		if len(values) > 1 {
			return invalid("a parameter is repeated")
		}
	}
	switch {
	case query.Has("request"):
		return &protocolError{"request_not_supported", "request objects are not supported"}
	case query.Has("request_uri"):
		return &protocolError{"request_uri_not_supported", "request objects are not supported"}
	case query.Get("response_type") == "":
		return invalid("response_type is missing")
	case query.Get("response_type") != "code":
		return &protocolError{"unsupported_response_type", "response_type is not code"}
	case query.Has("response_mode") && query.Get("response_mode") != "query":
		return invalid("response_mode is not query")
	case !slices.Contains(strings.Fields(query.Get("scope")), "openid"):
		return &protocolError{"invalid_scope", "scope lacks openid"}
	case query.Get("state") == "":
		return invalid("state is missing")
	case query.Get("nonce") == "":
		return invalid("nonce is missing")
	case query.Get("code_challenge_method") != "S256":
		return invalid("code_challenge_method is not S256")
	case !s256.MatchString(query.Get("code_challenge")):
		return invalid("code_challenge is not a SHA-256 in base64url")
	case slices.Contains(strings.Fields(query.Get("prompt")), "none"):
		return &protocolError{"login_required", "the login page has to be shown"}
	}
	return nil
}

func (f *flow) refuse(w http.ResponseWriter, r *http.Request, err *protocolError) {
	redirect(w, r, f.client.RedirectURI, url.Values{"error": {err.Code}, "error_description": {err.Description}})
}

// redirect sends the browser to one of the client's own addresses, with the
// state that it came with.
func redirect(w http.ResponseWriter, r *http.Request, to string, answer url.Values) {
	if state := one(r.URL.Query(), "state"); state != "" {
		answer.Set("state", state)
	}
	if len(answer) > 0 {
		to += "?" + answer.Encode()
	}
	w.Header().Set("Cache-Control", "no-store")
	http.Redirect(w, r, to, http.StatusSeeOther)
}

// group is a part of the login page.
type group struct {
	Title  string
	People []personas.Persona
}

func groups() []group {
	all := []group{{Title: "Граждане"}, {Title: "Сотрудники"}, {Title: "Источники сведений"}}
	for _, p := range personas.All() {
		at := 1
		if slices.Contains(p.Roles, "citizen") {
			at = 0
		} else if slices.Contains(p.Roles, "source") {
			at = 2
		}
		all[at].People = append(all[at].People, p)
	}
	return all
}

// showLogin shows the test persons. Its form goes to the address of the page
// itself, so that the same request is checked again.
func (f *flow) showLogin(w http.ResponseWriter, _ *http.Request) {
	// Chromium holds the redirect after a form to form-action too.
	showPage(w, http.StatusOK, "login", "'self' "+f.client.RedirectURI, map[string]any{
		"Title": "Тестовый вход в «Цифровой полис ОМС»", "Groups": groups(),
	})
}

// login takes the choice of the page.
func (f *flow) login(w http.ResponseWriter, r *http.Request) {
	r.Body = http.MaxBytesReader(w, r.Body, maxForm)
	name := r.PostFormValue("person")
	if name == "" {
		f.refuse(w, r, &protocolError{"access_denied", "nobody was chosen"})
		return
	}
	persona, ok := personas.Find(name)
	if !ok {
		showMessage(w, http.StatusBadRequest, "Такого тестового лица нет", "Вернитесь назад и выберите другое.")
		return
	}
	query := r.URL.Query()
	code := f.grant(grant{persona, query.Get("nonce"), query.Get("code_challenge"), time.Now()})
	redirect(w, r, f.client.RedirectURI, url.Values{"code": {code}})
}

// grant keeps g for the one who brings the code.
func (f *flow) grant(g grant) (code string) {
	code = rand.Text()
	f.mu.Lock()
	defer f.mu.Unlock()
	f.grants[code] = g
	return code
}

// redeem gives a code's grant once, whatever comes of it. Those that nobody
// brought in time are forgotten.
func (f *flow) redeem(code string) (grant, bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	maps.DeleteFunc(f.grants, func(_ string, g grant) bool { return time.Since(g.at) >= codeLifetime })
	g, ok := f.grants[code]
	delete(f.grants, code)
	return g, ok
}

// token exchanges a code. It is called by the client, not by a browser.
func (f *flow) token(w http.ResponseWriter, r *http.Request) {
	r.Body = http.MaxBytesReader(w, r.Body, maxForm)
	answer, err := f.exchange(r)
	h := w.Header()
	h.Set("Cache-Control", "no-store")
	h.Set("Content-Type", "application/json")
	var refused *protocolError
	switch {
	case errors.As(err, &refused):
		status := http.StatusBadRequest
		if refused.Code == "invalid_client" {
			h.Set("WWW-Authenticate", `Basic realm="token"`)
			status = http.StatusUnauthorized
		}
		w.WriteHeader(status)
		json.NewEncoder(w).Encode(refused) // fails only when the client is gone
	case err != nil:
		w.WriteHeader(http.StatusInternalServerError)
		json.NewEncoder(w).Encode(&protocolError{"server_error", "the token could not be signed"}) // as above
	default:
		json.NewEncoder(w).Encode(answer) // as above
	}
}

// tokens are the successful answer of the token endpoint.
type tokens struct {
	AccessToken string `json:"access_token"` // for the audience of all functions
	TokenType   string `json:"token_type"`
	ExpiresIn   int    `json:"expires_in"` // seconds
	IDToken     string `json:"id_token"`   // for the client
	Scope       string `json:"scope"`
}

func (f *flow) exchange(r *http.Request) (*tokens, error) {
	if err := r.ParseForm(); err != nil {
		return nil, &protocolError{"invalid_request", "the body is not a form"}
	}
	form := r.PostForm
	if err := f.authenticate(r, form); err != nil {
		return nil, err
	}
	for _, values := range form {
		if len(values) > 1 {
			return nil, &protocolError{"invalid_request", "a parameter is repeated"}
		}
	}
	for _, name := range []string{"grant_type", "code", "redirect_uri", "code_verifier"} {
		if form.Get(name) == "" {
			return nil, &protocolError{"invalid_request", name + " is missing"}
		}
		if name == "grant_type" && form.Get(name) != "authorization_code" {
			return nil, &protocolError{"unsupported_grant_type", "grant_type is not authorization_code"}
		}
	}
	g, ok := f.redeem(form.Get("code"))
	switch {
	case !ok:
		return nil, &protocolError{"invalid_grant", "the code is unknown, used or expired"}
	case form.Get("redirect_uri") != f.client.RedirectURI:
		return nil, &protocolError{"invalid_grant", "redirect_uri is not the one of the request"}
	case !same(hashed(form.Get("code_verifier")), g.challenge):
		return nil, &protocolError{"invalid_grant", "code_verifier does not fit the challenge"}
	}
	return f.vouch(g)
}

// authenticate takes the secret from the header or from the form, not from
// both.
func (f *flow) authenticate(r *http.Request, form url.Values) error {
	id, secret := one(form, "client_id"), one(form, "client_secret")
	if r.Header.Get("Authorization") != "" {
		if form.Has("client_secret") {
			return &protocolError{"invalid_request", "the client authenticates in two ways"}
		}
		user, password, _ := r.BasicAuth()
		// RFC 6749, 2.3.1: each is escaped. What cannot be read is empty.
		id, _ = url.QueryUnescape(user)
		secret, _ = url.QueryUnescape(password)
	}
	if !f.isClient(id) || secret == "" || !same(secret, f.client.Secret) {
		return &protocolError{"invalid_client", "unknown client or wrong secret"}
	}
	return nil
}

func same(a, b string) bool { return subtle.ConstantTimeCompare([]byte(a), []byte(b)) == 1 }

func hashed(verifier string) string {
	sum := sha256.Sum256([]byte(verifier))
	return base64.RawURLEncoding.EncodeToString(sum[:])
}

// vouch makes both tokens. The one for the client says no more than who it is:
// it comes back as a hint in the address of the logout.
func (f *flow) vouch(g grant) (*tokens, error) {
	access, err := f.issuer.Token(g.persona.Claims(), Flaw{})
	if err != nil {
		return nil, err
	}
	sum := sha256.Sum256([]byte(access))
	id, err := f.issuer.sign(map[string]any{
		"sub":       g.persona.Human.Subject,
		"nonce":     g.nonce,
		"auth_time": g.at.Unix(),
		"at_hash":   base64.RawURLEncoding.EncodeToString(sum[:len(sum)/2]),
	}, f.client.ID, Flaw{})
	return &tokens{access, "Bearer", int(Lifetime.Seconds()), id, "openid"}, err
}

// logout has no session to end. It returns people to the client that sends
// them, or tells them that they are out.
func (f *flow) logout(w http.ResponseWriter, r *http.Request) {
	query := r.URL.Query()
	if !query.Has("post_logout_redirect_uri") {
		showMessage(w, http.StatusOK, "Вы вышли", "Чтобы продолжить работу, войдите снова.")
		return
	}
	id, hint := query["client_id"], query["id_token_hint"]
	known := len(id)+len(hint) > 0 &&
		(len(id) == 0 || f.isClient(one(query, "client_id"))) &&
		(len(hint) == 0 || f.isClient(f.issuer.audienceOf(one(query, "id_token_hint"))))
	if !known || one(query, "post_logout_redirect_uri") != f.client.LogoutURI {
		showMessage(w, http.StatusBadRequest, "Вы вышли",
			"Вернуться по указанному адресу нельзя: он не принадлежит приложению, которое об этом просит.")
		return
	}
	redirect(w, r, f.client.LogoutURI, url.Values{})
}

// audienceOf a token that was signed here, be it expired; else empty.
func (i *Issuer) audienceOf(token string) string {
	signed, err := jose.ParseSigned(token, []jose.SignatureAlgorithm{jose.ES256})
	if err != nil {
		return ""
	}
	payload, err := signed.Verify(i.key.Public())
	if err != nil {
		return ""
	}
	var claims struct {
		Audience string `json:"aud"`
	}
	if json.Unmarshal(payload, &claims) != nil {
		return ""
	}
	return claims.Audience
}

//go:embed pages.html
var pagesSource string

var pages = template.Must(template.New("").Parse(pagesSource))

func showMessage(w http.ResponseWriter, status int, title, text string) {
	showPage(w, status, "message", "'none'", map[string]any{"Title": title, "Text": text})
}

func showPage(w http.ResponseWriter, status int, name, formAction string, page map[string]any) {
	nonce := rand.Text()
	page["Nonce"] = nonce
	h := w.Header()
	h.Set("Content-Type", "text/html; charset=utf-8")
	h.Set("Content-Security-Policy", "default-src 'none'; style-src 'nonce-"+nonce+"'; form-action "+formAction+
		"; base-uri 'none'; frame-ancestors 'none'")
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("Referrer-Policy", "same-origin")
	h.Set("Cache-Control", "no-store")
	w.WriteHeader(status)
	pages.ExecuteTemplate(w, name, page) // fails only when the client is gone
}
