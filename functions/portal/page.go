package function

import (
	"bytes"
	"fmt"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"polis/shared/calendar"
	"polis/shared/directory"
	"polis/shared/fault"
	"polis/shared/policy"
	"polis/shared/text"
	"polis/shared/web"
)

// fields gives a component its fields: pairs of a name and a value, and the page
// for its language.
func fields(page *page, pairs ...any) (map[string]any, error) {
	fields := map[string]any{"Page": page}
	if len(pairs)%2 != 0 {
		return nil, fmt.Errorf("a field without a value")
	}
	for i := 0; i < len(pairs); i += 2 {
		name, ok := pairs[i].(string)
		if !ok {
			return nil, fmt.Errorf("%v is no name of a field", pairs[i])
		}
		fields[name] = pairs[i+1]
	}
	return fields, nil
}

// page is what a template sees. Texts stand in the templates in both languages,
// side by side: {{$.T "Войти" "Log in"}}.
type page struct {
	Title   string
	Section string // which entry of the menu is current
	English bool
	Who     *visitor
	Path    string       // of this page, below Root, with its query
	Fault   *fault.Error // of the form that was sent, or of the page
	Typed   url.Values   // what was typed into it
	Minor   bool         // the visitor: others choose the insurer and apply for them
	Key     string       // with a form's name after it, of the form's one effect, however often it is sent; for Who alone
	Data    any
	version string
	zone    *time.Location // of times that come without one
	region  string         // whose fund is to be called
}

// show renders a page. A title is a pair of texts.
func (v *visit) show(name string, title fault.Text, data any) (web.Answer, error) {
	return v.render200(name, &page{Title: v.Text(title), Data: data})
}

// again renders the page of a form that was refused: with what was typed, and
// what is wrong with it. A fault that is no answer to what was typed is passed
// on.
func (v *visit) again(err error, name string, title fault.Text, data any) (web.Answer, error) {
	switch f := fault.From(err); f.Kind {
	case fault.Invalid, fault.Conflict, fault.TooMany, fault.Unavailable:
		return v.refused(f, name, title, data)
	}
	return web.Answer{}, err
}

// refused renders the page of a form with the fault above it.
func (v *visit) refused(f *fault.Error, name string, title fault.Text, data any) (web.Answer, error) {
	answer, err := v.render200(name, &page{Title: v.Text(title), Data: data, Fault: f, Typed: visible(v.Form)})
	answer.Status = fault.Statuses[f.Kind]
	return answer, err
}

// visible is what was typed without what cannot be seen of it: sent again, it is
// not refused for that.
func visible(form url.Values) url.Values {
	typed := url.Values{}
	for name, values := range form {
		for _, value := range values {
			typed.Add(name, strings.Map(legible, value))
		}
	}
	return typed
}

// draft is a form that is not sent yet, of an account.
type draft struct {
	Account string
	Form    url.Values
}

// hold keeps what was typed for a page's address with this draft, one that a
// browser can come back to and that holds nothing of it.
func (v *visit) hold() (token string, err error) {
	typed := visible(v.Form)
	typed.Del("key")
	return v.sessions.Hold(v, draft{v.Who.Account, typed}, attempt)
}

// held is what was typed, nil where the address has no draft of this account.
func (v *visit) held() (url.Values, error) {
	var kept draft
	if _, err := v.sessions.Peek(v, v.Query.Get("draft"), &kept); err != nil || kept.Account != v.Who.Account {
		return nil, err
	}
	return kept.Form, nil
}

// typed renders the page of a form that is not sent yet, with what was typed.
func (v *visit) typed(name string, title fault.Text, data any) (web.Answer, error) {
	return v.render200(name, &page{Title: v.Text(title), Data: data, Typed: visible(v.Form)})
}

func (v *visit) render200(name string, p *page) (web.Answer, error) {
	p.English, p.Who, p.version, p.zone, p.region = fault.English(v), v.Who, v.pages.version, v.zone, v.region
	if v.Who != nil {
		p.Key = v.keyFor(v.Who.Account)
		p.Minor = v.minor()
	}
	if p.Typed.Get("key") != "" && p.Fault != nil && p.Fault.Kind == fault.Unavailable {
		p.Key, _, _ = strings.Cut(p.Typed.Get("key"), "-") // it may have happened: so it stays the same
	}
	p.Path = v.page()
	if p.Section == "" {
		p.Section, _, _ = strings.Cut(strings.TrimPrefix(v.Path, "/"), "/")
	}
	content, err := v.pages.render(name, p)
	if err != nil {
		return web.Answer{}, err
	}
	return web.Answer{Status: http.StatusOK, Body: content, Header: v.header()}, nil
}

func (p *pages) render(name string, of *page) (web.Bytes, error) {
	t, ok := p.byName[name]
	if !ok {
		return nil, fmt.Errorf("there is no page %s", name)
	}
	var b bytes.Buffer
	if err := t.ExecuteTemplate(&b, "layout.html", of); err != nil {
		return nil, err
	}
	return bytes.Map(legible, b.Bytes()), nil
}

// legible drops what would deceive the reader of a page, whoever wrote it: the login
// may name a person so, and is refused only where that name is to be recorded.
func legible(r rune) rune {
	if text.Hidden(r) && r != '\n' && r != '\r' && r != '\t' {
		return -1
	}
	return r
}

// header guards a page. A form may lead to the login, which the browser checks
// also where an answer sends it on.
func (p *portal) header() http.Header {
	policy := []string{
		"default-src 'none'", "script-src 'self'", "style-src 'self'", "img-src 'self'", "connect-src 'self'", "worker-src 'self'",
		"form-action 'self' " + strings.Join(p.login.Origins(), " "), "base-uri 'none'", "frame-ancestors 'none'",
	}
	h := http.Header{
		"Content-Type":                 {"text/html; charset=utf-8"},
		"Content-Security-Policy":      {strings.Join(policy, "; ")},
		"Referrer-Policy":              {"same-origin"},
		"Cross-Origin-Opener-Policy":   {"same-origin"},
		"Cross-Origin-Resource-Policy": {"same-origin"},
		"Permissions-Policy":           {"camera=(), geolocation=(), microphone=()"},
		"Vary":                         {"Cookie"},
	}
	if p.secure {
		h.Set("Strict-Transport-Security", "max-age=31536000") // a year, for this host alone
	}
	return h
}

// faultPage is a fault with a page of its own.
type faultPage struct {
	CallID string
	Form   bool   // it was a form that was sent
	Action string // the address that it was sent to
	Resend []sent // what it held, to be sent again as it was; nil where that cannot help
}

// sent is one field of a form.
type sent struct{ Name, Value string }

// fault shows a fault as a page of its own: what happened and what to do.
func (p *portal) fault(c *web.Call, f *fault.Error) web.Answer {
	v := &visit{Call: c, portal: p}
	if f.Kind != fault.Unavailable { // it may be the store that is away, and has been waited for
		v.remember() // the menu needs it; whether it can be read is not what failed
	}
	data := faultPage{CallID: c.ID, Form: c.Method == http.MethodPost, Action: c.Path}
	// What another site sent is not offered to be sent from here.
	if data.Form && f.Kind == fault.Unavailable && v.read() == nil {
		data.Resend = resend(visible(v.Form))
	}
	of := &page{Title: c.Text(fault.Titles[f.Kind]), Fault: f, Data: data}
	answer, err := v.render200("fault", of)
	if err != nil {
		return web.Answer{Status: http.StatusInternalServerError, Body: web.Bytes(c.Text(f.Detail)), Header: http.Header{"Content-Type": {"text/plain; charset=utf-8"}}}
	}
	answer.Status = fault.Statuses[f.Kind]
	return answer
}

// resend is a form as it was sent, its key with it: whatever was done of it
// before is not done again.
func resend(form url.Values) []sent {
	var fields []sent
	for _, name := range slices.Sorted(maps.Keys(form)) {
		for _, value := range form[name] {
			fields = append(fields, sent{name, value})
		}
	}
	return fields
}

// What templates call.

// T chooses the reader's language.
func (p *page) T(ru, en string) string {
	if p.English {
		return en
	}
	return ru
}

// Text chooses the reader's language of a fault's text.
func (p *page) Text(t fault.Text) string { return p.T(t.RU, t.EN) }

// Lang is the page's language.
func (p *page) Lang() string { return p.T("ru", "en") }

// Link is the address of a page.
func (p *page) Link(path string) string { return root + path }

// Asset is the address of a file of the pages.
func (p *page) Asset(name string) string { return root + "/assets/" + name + "?v=" + p.version }

// Wrong is what is wrong with a field of the form, "" for nothing.
func (p *page) Wrong(field string) string {
	if p.Fault == nil {
		return ""
	}
	for _, f := range p.Fault.Fields {
		if f.Field == field {
			return p.Text(f.Detail)
		}
	}
	return ""
}

// Code tells whether the fault is the one of that code.
func (p *page) Code(code string) bool { return p.Fault != nil && p.Fault.Code == code }

// FundFor is the fund to call about a refusal that tells to do so, by its code;
// nil for any other.
func (p *page) FundFor(code string) *directory.Fund {
	fund, ok := directory.FundOf(p.region)
	if !ok || !slices.Contains(toFund, code) {
		return nil
	}
	return &fund
}

// toFund are the codes of the refusals whose words send people to the fund.
var toFund = []string{policy.NotInRegister, policy.DuplicateRecords, policy.DeathRecorded, calendar.YearMissing}

// Ticked tells whether a consent was ticked in the form that was sent.
func (p *page) Ticked(operator string) bool { return slices.Contains(p.Typed["grant"], operator) }

// Sent tells which of several forms of a page was refused: the one with these
// values, pairs of a field and its value.
func (p *page) Sent(pairs ...any) bool {
	for i := 0; i+1 < len(pairs); i += 2 {
		if p.Typed.Get(fmt.Sprint(pairs[i])) != fmt.Sprint(pairs[i+1]) {
			return false
		}
	}
	return p.Fault != nil
}
