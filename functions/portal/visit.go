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

var errSentBefore = fault.New(fault.Conflict, "form_sent_before",
	"Эта форма уже отправлена с другими данными. Откройте страницу заново и заполните её ещё раз.",
	"This form was sent before with other data. Open the page again and fill it in once more.")

// ask calls a function in the visitor's name and reads its answer into out.
func (v *visit) ask(method, target string, body, out any) error {
	answer, err := v.functions.Ask(v, gateway.Asked{
		Method: method, Target: target, Body: body, Key: v.Form.Get("key"), Token: v.Who.Token, English: fault.English(v), CallID: v.ID,
	})
	if fault.HasKind(err, fault.Invalid) && fault.From(err).Code == store.ErrKeyReused.Code {
		return errSentBefore
	}
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
