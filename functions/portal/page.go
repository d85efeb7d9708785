package function

import (
	"bytes"
	"crypto/sha256"
	"embed"
	"encoding/hex"
	"fmt"
	"html/template"
	"io/fs"
	"net/http"
	"net/url"
	"path"
	"slices"
	"strings"
	"time"

	"polis/shared/application"
	"polis/shared/calendar"
	"polis/shared/fault"
	"polis/shared/ident"
	"polis/shared/policy"
	"polis/shared/web"
)

//go:embed pages
var pageFiles embed.FS

//go:embed assets
var assetFiles embed.FS

// pages are the templates and what they are served with.
type pages struct {
	byName  map[string]*template.Template
	assets  map[string]asset // by name
	version string           // changes with any asset
	policy  string
}

type asset struct {
	media   string
	content []byte
}

var media = map[string]string{
	".css": "text/css; charset=utf-8", ".js": "text/javascript; charset=utf-8", ".svg": "image/svg+xml",
}

// openPages parses every page with the layout and the components. A form may
// lead to the issuer, which the browser checks also where a logout is sent on.
func openPages(issuer string) (*pages, error) {
	p := &pages{byName: map[string]*template.Template{}, assets: map[string]asset{}}
	sum := sha256.New()
	files, err := fs.ReadDir(assetFiles, "assets")
	if err != nil {
		return nil, err
	}
	for _, f := range files {
		content, err := assetFiles.ReadFile("assets/" + f.Name())
		if err != nil {
			return nil, err
		}
		sum.Write(content)
		p.assets[f.Name()] = asset{media[path.Ext(f.Name())], content}
	}
	p.version = hex.EncodeToString(sum.Sum(nil)[:6])

	shared, err := template.New("").Funcs(template.FuncMap{"fields": fields}).ParseFS(pageFiles, "pages/layout.html", "pages/components.html")
	if err != nil {
		return nil, err
	}
	files, err = fs.ReadDir(pageFiles, "pages")
	if err != nil {
		return nil, err
	}
	for _, f := range files {
		name := strings.TrimSuffix(f.Name(), ".html")
		if name == "layout" || name == "components" {
			continue
		}
		own, err := shared.Clone()
		if err != nil {
			return nil, err
		}
		if p.byName[name], err = own.ParseFS(pageFiles, "pages/"+f.Name()); err != nil {
			return nil, err
		}
	}
	at, err := url.Parse(issuer)
	if err != nil {
		return nil, err
	}
	p.policy = strings.Join([]string{
		"default-src 'none'", "script-src 'self'", "style-src 'self'", "img-src 'self'", "connect-src 'self'", "worker-src 'self'",
		"form-action 'self' " + at.Scheme + "://" + at.Host, "base-uri 'none'", "frame-ancestors 'none'",
	}, "; ")
	return p, nil
}

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
	Key     string       // of this form's one effect, however often it is sent
	Data    any
	version string
	zone    *time.Location // of times that come without one
}

// show renders a page. A title is a pair of texts.
func (v *visit) show(name string, title fault.Text, data any) (web.Answer, error) {
	return v.render200(name, &page{Title: v.Text(title), Data: data})
}

// again renders the page of a form that was refused: with what was typed, and
// what is wrong with it. A fault that is no answer to what was typed is passed
// on.
func (v *visit) again(err error, name string, title fault.Text, data any) (web.Answer, error) {
	f := fault.From(err)
	switch f.Kind {
	case fault.Invalid, fault.Conflict, fault.TooMany, fault.Unavailable:
	default:
		return web.Answer{}, err
	}
	answer, err := v.render200(name, &page{Title: v.Text(title), Data: data, Fault: f, Typed: v.Form})
	answer.Status = fault.Statuses[f.Kind]
	return answer, err
}

func (v *visit) render200(name string, p *page) (web.Answer, error) {
	p.English, p.Who, p.version, p.zone, p.Key = fault.English(v), v.Who, v.pages.version, v.zone, ident.Secret()
	if p.Typed.Get("key") != "" && p.Fault != nil && p.Fault.Kind == fault.Unavailable {
		p.Key = p.Typed.Get("key") // it may have happened: so it stays the same
	}
	p.Path = v.page()
	if p.Section == "" {
		p.Section, _, _ = strings.Cut(strings.TrimPrefix(v.Path, "/"), "/")
	}
	content, err := v.pages.render(name, p)
	if err != nil {
		return web.Answer{}, err
	}
	return web.Answer{Status: http.StatusOK, Body: content, Header: v.pages.header()}, nil
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
	return b.Bytes(), nil
}

func (p *pages) header() http.Header {
	return http.Header{
		"Content-Type":                 {"text/html; charset=utf-8"},
		"Content-Security-Policy":      {p.policy},
		"Referrer-Policy":              {"same-origin"},
		"Cross-Origin-Opener-Policy":   {"same-origin"},
		"Cross-Origin-Resource-Policy": {"same-origin"},
		"Permissions-Policy":           {"camera=(), geolocation=(), microphone=()"},
		"Vary":                         {"Cookie"},
	}
}

// fault shows a fault as a page of its own: what happened and what to do.
func (p *portal) fault(c *web.Call, f *fault.Error) web.Answer {
	v := &visit{Call: c, portal: p}
	if f.Kind != fault.Unavailable { // it may be the store that is away, and has been waited for
		v.remember() // the menu needs it; whether it can be read is not what failed
	}
	of := &page{Title: c.Text(fault.Titles[f.Kind]), Fault: f, Data: c.ID}
	answer, err := v.render200("fault", of)
	if err != nil {
		return web.Answer{Status: http.StatusInternalServerError, Body: web.Bytes(c.Text(f.Detail)), Header: http.Header{"Content-Type": {"text/plain; charset=utf-8"}}}
	}
	answer.Status = fault.Statuses[f.Kind]
	return answer
}

var errNoAsset = fault.New(fault.NotFound, "no_such_path", "Такого адреса нет.", "There is no such address.")

// asset serves a file whose address changes with its content.
func (p *portal) asset(c *web.Call) (web.Answer, error) {
	a, ok := p.pages.assets[c.Segment("name")]
	if !ok {
		return web.Answer{}, errNoAsset
	}
	header := http.Header{"Content-Type": {a.media}, "Cache-Control": {"no-cache"}}
	if c.Query.Get("v") == p.pages.version {
		header.Set("Cache-Control", "public, max-age=31536000, immutable")
	}
	return web.Answer{Status: http.StatusOK, Body: web.Bytes(a.content), Header: header}, nil
}

// worker is the script that answers while there is no network. It lies beside
// the pages that it serves, as browsers demand.
func (p *portal) worker(*web.Call) (web.Answer, error) {
	a := p.pages.assets["worker.js"]
	content := bytes.ReplaceAll(a.content, []byte("VERSION"), []byte(p.pages.version))
	return web.Answer{Status: http.StatusOK, Body: web.Bytes(content), Header: http.Header{"Content-Type": {a.media}, "Cache-Control": {"no-cache"}}}, nil
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

var months = [...][2]string{
	{"января", "January"}, {"февраля", "February"}, {"марта", "March"}, {"апреля", "April"}, {"мая", "May"}, {"июня", "June"},
	{"июля", "July"}, {"августа", "August"}, {"сентября", "September"}, {"октября", "October"}, {"ноября", "November"}, {"декабря", "December"},
}

// Day is a date in words, which no line break tears apart. It takes a date, a
// time, or the text of either (ISO 8601, RFC 3339).
func (p *page) Day(at any) (string, error) {
	t, err := p.timeOf(at)
	if err != nil || t.IsZero() {
		return "", err
	}
	month := months[t.Month()-1]
	if p.English {
		return fmt.Sprintf("%d\u00a0%s\u00a0%d", t.Day(), month[1], t.Year()), nil
	}
	return fmt.Sprintf("%d\u00a0%s\u00a0%d\u00a0г.", t.Day(), month[0], t.Year()), nil
}

// Moment is a day and the time of it, if it has one.
func (p *page) Moment(at any) (string, error) {
	if _, ok := at.(calendar.Date); ok {
		return p.Day(at)
	}
	if text, ok := at.(string); ok && len(text) == len(time.DateOnly) {
		return p.Day(at)
	}
	day, err := p.Day(at)
	if err != nil || day == "" {
		return "", err
	}
	t, err := p.timeOf(at)
	return day + p.T(", в\u00a0", " at\u00a0") + t.Format("15:04"), err
}

// Machine is a time as programs read it.
func (p *page) Machine(at any) (string, error) {
	t, err := p.timeOf(at)
	return t.Format(time.RFC3339), err
}

// timeOf leaves a time in the zone that it came with: a term counts in its
// region's. What is only an instant is read by the clock on the wall.
func (p *page) timeOf(at any) (time.Time, error) {
	switch at := at.(type) {
	case time.Time:
		if _, offset := at.Zone(); offset == 0 && !at.IsZero() {
			at = at.In(p.zone)
		}
		return at, nil
	case calendar.Date:
		if at.IsZero() {
			return time.Time{}, nil
		}
		return at.Start(p.zone), nil
	case string:
		if at == "" {
			return time.Time{}, nil
		}
		if t, err := time.Parse(time.DateOnly, at); err == nil {
			return t, nil
		}
		t, err := time.Parse(time.RFC3339, at)
		if err != nil {
			return t, err
		}
		return p.timeOf(t)
	}
	return time.Time{}, fmt.Errorf("%T is no time", at)
}

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

// KindOf names a kind of application.
func (p *page) KindOf(kind application.Kind) string {
	switch kind {
	case application.Lookup:
		return p.T("Показать полис", "Show the policy")
	case application.Link:
		return p.T("Найти полис по номеру", "Find the policy by its number")
	case application.Register:
		return p.T("Получить полис впервые", "First policy")
	case application.Repair:
		return p.T("Восстановить показ полиса", "Make the policy show again")
	}
	return p.T("Заявление", "Application")
}

// Warning says what differs between the account and the register, by code.
func (p *page) Warning(code string) string {
	switch code {
	case policy.NameDiffers:
		return p.T("Имя в регистре отличается от имени в учётной записи. Сообщите страховой компании.", "The name in the register differs from your account’s. Tell the insurer.")
	case policy.DocumentDiffers:
		return p.T("Документ в регистре отличается от документа в учётной записи. Сообщите страховой компании о новом документе.", "The identity document in the register differs from your account’s. Tell the insurer of the new one.")
	case policy.SNILSDiffers:
		return p.T("СНИЛС в регистре отличается от СНИЛС в учётной записи. Сообщите страховой компании.", "The SNILS in the register differs from your account’s. Tell the insurer.")
	}
	return p.T("Данные в регистре отличаются от данных в учётной записи. Сообщите страховой компании.", "Data in the register differ from your account’s. Tell the insurer.")
}

// Delivery says how a notice went by one channel.
func (p *page) Delivery(channel, state, reason string) string {
	by := p.T("Почта", "E-mail")
	if channel == "sms" {
		by = p.T("СМС", "SMS")
	}
	switch {
	case state == "sent":
		return by + ": " + p.T("отправлено", "sent")
	case state == "dead" && reason == "may_have_been_delivered":
		return by + ": " + p.T("возможно, доставлено", "may have been delivered")
	case state == "dropped":
		return by + ": " + p.T("не отправлено, документ удалён", "not sent, the document is gone")
	case state == "dead":
		return by + ": " + p.T("не отправлено", "not sent")
	}
	return by + ": " + p.T("отправляется", "being sent")
}

// Size of a file in words.
func (p *page) Size(bytes int) string {
	return fmt.Sprintf("%d\u00a0%s", (bytes+1023)/1024, p.T("КБ", "KB"))
}
