package function

import (
	"encoding/json"
	"net/http"
	"net/url"
	"strings"
	"time"

	"polis/shared/identity"
	"polis/shared/store"
	"polis/shared/web"
)

// arrival is what is remembered of a browser on its way through the login.
type arrival struct {
	identity.Attempt
	To string // the page that it wanted
}

// begin sends the browser to the state login.
func (p *portal) begin(c *web.Call) (web.Answer, error) {
	address, a, err := p.login.Begin(c)
	if err != nil {
		return web.Answer{}, err
	}
	token, err := p.sessions.Hold(c, arrival{a, local(c.Query.Get("to"))}, attempt)
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
	var began arrival
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
