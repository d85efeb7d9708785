package function

import (
	"crypto/subtle"
	"encoding/json"
	"net/http"
	"net/url"
	"strings"
	"time"

	"polis/shared/access"
	"polis/shared/calendar"
	"polis/shared/fault"
	"polis/shared/gateway"
	"polis/shared/ident"
	"polis/shared/identity"
	"polis/shared/person"
	"polis/shared/store"
	"polis/shared/web"
)

// visit is one request of a browser.
type visit struct {
	*web.Call
	*portal
	Who  *visitor // nil: nobody has logged in
	Form url.Values
}

// visitor is what a session remembers of who logged in.
type visitor struct {
	Account   string // of the portal's own making
	Token     string
	IDToken   string
	Name      person.Name
	Role      access.Role
	Unit      string // of an employee: the organisation, by its code
	Confirmed bool
	Birth     calendar.Date
	Email     string
	Phone     tel

	Citizenship string
	Kids        []kid
}

// minor reports whether the visitor is below 18 wherever they are insured, as far as
// the login tells it.
func (v *visit) minor() bool {
	_, today := calendar.Span(v.law())
	return !v.Who.Birth.IsZero() && v.Who.Birth.Age(today) < 18
}

// How long a browser is remembered without a request, and how long the way
// through the login may take.
const (
	idle    = 30 * time.Minute
	attempt = 15 * time.Minute
)

// held is what is remembered of a browser on its way through the login.
type held struct {
	identity.Attempt
	To string // the page that it wanted
}

var errCrossed = fault.New(fault.Forbidden, "cross_origin",
	"Запрос пришёл с другого сайта и не выполнен. Откройте страницу здесь и повторите.",
	"The request came from another site and was not carried out. Open the page here and try again.")

// visit serves a page that anybody may see.
func (p *portal) visit(do func(*visit) (web.Answer, error)) func(*web.Call) (web.Answer, error) {
	return func(c *web.Call) (web.Answer, error) {
		v := &visit{Call: c, portal: p}
		if err := v.remember(); err != nil {
			return web.Answer{}, err
		}
		answer, err := do(v)
		if v.Who != nil && fault.HasKind(err, fault.Unauthenticated) {
			// The functions no longer take the token: so the session is over.
			if err := p.sessions.Drop(c, cookie(c.Header, p.sessionCookie())); err != nil {
				return web.Answer{}, err
			}
			v.Who = nil
			return v.toLogin()
		}
		return answer, err
	}
}

// remember finds out who it is.
func (v *visit) remember() error {
	found, ok, err := v.sessions.Read(v, cookie(v.Header, v.sessionCookie()), idle, v.machine())
	if err != nil || !ok {
		return err
	}
	v.Who = &visitor{}
	return json.Unmarshal(found.Content, v.Who)
}

// citizen serves a page of somebody who has logged in with a confirmed account;
// anybody else is led there.
func (p *portal) citizen(do func(*visit) (web.Answer, error)) func(*web.Call) (web.Answer, error) {
	return p.visit(func(v *visit) (web.Answer, error) { return v.asCitizen(do) })
}

// posted takes a citizen's form, from the portal's own pages alone.
func (p *portal) posted(do func(*visit) (web.Answer, error)) func(*web.Call) (web.Answer, error) {
	return p.visit(func(v *visit) (web.Answer, error) {
		if err := v.take(); err != nil {
			return web.Answer{}, err
		}
		return v.asCitizen(do)
	})
}

func (v *visit) asCitizen(do func(*visit) (web.Answer, error)) (web.Answer, error) {
	switch {
	case v.Who == nil:
		return v.toLogin()
	case v.Who.Role != access.Citizen:
		return web.Answer{}, access.ErrNotAllowed
	case !v.Who.Confirmed:
		return v.to("/confirm")
	}
	return do(v)
}

// read reads a form that came from the portal's own pages.
func (v *visit) read() (err error) {
	// Without a host of its own the origin "null" would pass for the same.
	request := &http.Request{Method: http.MethodPost, Header: v.Header, URL: &url.URL{Path: v.Path}, Host: v.host}
	if err := v.crossed.Check(request); err != nil {
		return errCrossed.Because(err)
	}
	if v.Form, err = url.ParseQuery(string(v.Body)); err != nil {
		return fault.New(fault.Malformed, "malformed_form", "Форма не читается.", "The form is not readable.").Because(err)
	}
	return nil
}

var errOtherLogin = fault.New(fault.Conflict, "other_login",
	"Эта страница была открыта под другой учётной записью. Ничего не отправлено. Откройте её заново и проверьте, для кого она.",
	"This page was opened under another login. Nothing was sent. Open it anew and check for whom it is.")

// take reads a form that is to do something in the visitor's name. It has to be
// one that was shown to them: in another tab somebody else may have logged in
// since. Who is logged out is led to the login, and sees the page anew.
func (v *visit) take() error {
	if err := v.read(); err != nil {
		return err
	}
	if v.Who != nil && !v.shownTo(v.Who.Account, v.Form.Get("key")) {
		return errOtherLogin
	}
	return nil
}

// keyFor is a fresh key for the forms of a page that is shown to an account. It
// tells nobody which, and cannot be made for another.
func (p *portal) keyFor(account string) string {
	secret := ident.Secret()
	return secret + p.mark("form", account, secret)
}

// shownTo reports whether a form's key was made for the account. What stands
// after the hyphen tells the forms of one page apart.
func (p *portal) shownTo(account, key string) bool {
	key, _, _ = strings.Cut(key, "-")
	secret := key[:max(0, len(key)-markLength)]
	return subtle.ConstantTimeCompare([]byte(key), []byte(secret+p.mark("form", account, secret))) == 1
}

const markLength = 16

// mark is a short keyed digest.
func (p *portal) mark(parts ...string) string {
	_, name := ident.Index(p.key, parts...)
	return name[:markLength]
}

// ask calls a function in the visitor's name and reads its answer into out.
func (v *visit) ask(method, target string, body, out any) error {
	answer, err := v.functions.Ask(v, gateway.Asked{
		Method: method, Target: target, Body: body, Key: v.Form.Get("key"), Token: v.Who.Token, English: fault.English(v), CallID: v.ID,
	})
	if err != nil || out == nil {
		return err
	}
	return json.Unmarshal(answer.Body, out)
}

// to sends the browser to another page of the portal, which it gets by GET.
func (v *visit) to(path string) (web.Answer, error) { return seeOther(root + path), nil }

func seeOther(address string) web.Answer {
	return web.Answer{Status: http.StatusSeeOther, Body: web.Bytes(nil), Header: http.Header{"Location": {address}}}
}

// page is the address of the page that the browser shows, below root: of a
// form that was sent, where it stood.
func (v *visit) page() string {
	path := (&url.URL{Path: v.Path}).EscapedPath()
	switch {
	case v.Form != nil:
		return strings.TrimSuffix(path, "/send")
	case len(v.Query) > 0:
		return path + "?" + v.Query.Encode()
	}
	return path
}

// toLogin sends the browser to the login, and to where it is now afterwards. A
// form is not sent again by itself: the page that it stands on is shown.
func (v *visit) toLogin() (web.Answer, error) {
	answer, err := v.to("/login?" + url.Values{"to": {v.page()}}.Encode())
	answer.Header.Add("Set-Cookie", v.set(v.sessionCookie(), "", 0))
	return answer, err
}

// begin sends the browser to the state login.
func (p *portal) begin(c *web.Call) (web.Answer, error) {
	address, a, err := p.login.Begin(c)
	if err != nil {
		return web.Answer{}, err
	}
	token, err := p.sessions.Hold(c, held{a, local(c.Query.Get("to"))}, attempt)
	if err != nil {
		return web.Answer{}, err
	}
	answer := seeOther(address)
	for _, old := range p.attempts(c.Header) {
		answer.Header.Add("Set-Cookie", p.set(old, "", 0))
	}
	answer.Header.Add("Set-Cookie", p.set(p.attemptCookie(a.State), token, attempt))
	return answer, nil
}

// keptAttempts is how many logins one browser may be in the middle of.
const keptAttempts = 8

// attempts are the cookies of logins that were begun and have to make room for
// another. Which of them are the oldest a browser does not say.
func (p *portal) attempts(h http.Header) (over []string) {
	for _, c := range (&http.Request{Header: h}).Cookies() {
		if strings.HasPrefix(c.Name, p.attemptCookie("")) {
			over = append(over, c.Name)
		}
	}
	if len(over) < keptAttempts {
		return nil
	}
	return over
}

// finish makes a new session, whatever the browser held before, and leads to
// the page that was wanted. That is a path below root: no query can lead to
// another site. A login that fails may be finished still; one that has come to
// its end may not.
func (p *portal) finish(c *web.Call) (web.Answer, error) {
	var began held
	name := p.attemptCookie(c.Query.Get("state"))
	token := cookie(c.Header, name)
	found, err := p.sessions.Peek(c, token, &began)
	if err != nil {
		return web.Answer{}, err
	}
	if !found {
		return web.Answer{}, identity.ErrLogin
	}
	who, err := p.login.Finish(c, began.Attempt, c.Query)
	if err != nil {
		return web.Answer{}, err
	}
	if first, err := p.sessions.Take(c, token, &began); err != nil {
		return web.Answer{}, err
	} else if !first {
		return web.Answer{}, identity.ErrLogin
	}
	content, err := json.Marshal(visitor{
		Account: who.Account, Token: who.Token, IDToken: who.IDToken,
		Name: who.Person.Name, Role: who.Role, Unit: who.Unit, Confirmed: who.Confirmed,
		Birth: who.Person.Birth, Email: who.Email, Phone: tel(who.Phone),
		Citizenship: who.Person.Citizenship, Kids: kidsOf(who.Children, who.Person),
	})
	if err != nil {
		return web.Answer{}, err
	}
	if err := p.sessions.Drop(c, cookie(c.Header, p.sessionCookie())); err != nil {
		return web.Answer{}, err
	}
	session, err := p.sessions.Begin(c, store.Session{Account: who.Account, Content: content}, idle, who.Until)
	if err != nil {
		return web.Answer{}, err
	}
	answer := seeOther(root + began.To)
	answer.Header.Add("Set-Cookie", p.set(p.sessionCookie(), session, 0))
	answer.Header.Add("Set-Cookie", p.set(name, "", 0))
	return answer, nil
}

// local is an address below root, "/" for anything else and for the login
// itself. Browsers take a backslash for a slash, leave out tabs, and resolve
// dots that are escaped.
func local(address string) string {
	const longest = 500
	path, _, _ := strings.Cut(address, "?")
	plain, err := url.PathUnescape(path)
	switch {
	case err != nil || len(address) > longest || !strings.HasPrefix(path, "/") || strings.Contains(plain, "..") || plain == "/login" || strings.HasPrefix(plain, "/login/"),
		strings.ContainsFunc(address, func(r rune) bool { return r == '\\' || r < ' ' }):
		return "/"
	}
	return address
}

// logout ends every session of the account, here and at the issuer.
func (p *portal) logout(v *visit) (web.Answer, error) {
	if err := v.read(); err != nil {
		return web.Answer{}, err
	}
	if v.Who == nil {
		return v.to("/") // it is over already
	}
	if err := p.sessions.End(v, v.Who.Account); err != nil {
		return web.Answer{}, err
	}
	answer := seeOther(p.login.End(v, v.Who.IDToken))
	answer.Header.Add("Set-Cookie", p.set(p.sessionCookie(), "", 0))
	// What the back button would bring out of the browser's memory goes, too.
	answer.Header.Set("Clear-Site-Data", `"cache"`)
	return answer, nil
}

// language chooses one, for those logged in and those not.
func (p *portal) language(c *web.Call) (web.Answer, error) {
	v := &visit{Call: c, portal: p}
	if err := v.read(); err != nil {
		return web.Answer{}, err
	}
	chosen := "ru"
	if v.Form.Get("language") == "en" {
		chosen = "en"
	}
	answer := seeOther(root + local(v.Form.Get("to")))
	answer.Header.Add("Set-Cookie", p.set(languageCookie, chosen, 365*24*time.Hour))
	return answer, nil
}

// english: Russian comes first, English is a choice.
func english(h http.Header) bool { return cookie(h, languageCookie) == "en" }

// The cookies. A browser keeps the prefix's promise: such a cookie came by
// https from this site.
const languageCookie = "polis-language"

func (p *portal) sessionCookie() string { return p.prefix() + "polis-session" }

// attemptCookie is of one login among those begun in other tabs, by the start of
// its state.
func (p *portal) attemptCookie(state string) string {
	const enough = 16
	return p.prefix() + "polis-login-" + state[:min(len(state), enough)]
}

func (p *portal) prefix() string {
	if p.secure {
		return "__Secure-"
	}
	return ""
}

func cookie(h http.Header, name string) string {
	c, err := (&http.Request{Header: h}).Cookie(name)
	if err != nil {
		return ""
	}
	return c.Value
}

// set writes a cookie for the portal's pages alone; an empty value takes it
// away, and without an age it ends with the browser. Lax lets it come along
// from the login's site back to here.
func (p *portal) set(name, value string, age time.Duration) string {
	c := http.Cookie{
		Name: name, Value: value, Path: root, MaxAge: int(age.Seconds()),
		HttpOnly: true, Secure: p.secure, SameSite: http.SameSiteLaxMode,
	}
	if value == "" {
		c.MaxAge = -1
	}
	return c.String()
}
