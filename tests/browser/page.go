package browser

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/chromedp/cdproto/browser"
	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/cdproto/dom"
	"github.com/chromedp/cdproto/fetch"
	"github.com/chromedp/cdproto/input"
	"github.com/chromedp/cdproto/network"
	"github.com/chromedp/cdproto/page"
	"github.com/chromedp/cdproto/runtime"
	"github.com/chromedp/cdproto/storage"
	"github.com/chromedp/chromedp"
	"github.com/chromedp/chromedp/kb"
)

// Page is a tab. Not for use by several goroutines at once.
type Page struct {
	t       testing.TB
	ctx     context.Context
	screen  Screen
	options Options
	agent   string
	allowed []string

	mu sync.Mutex // guards what events change:
	events
}

// Go opens an address, as typed into the address bar.
func (p *Page) Go(url string) {
	p.t.Helper()
	if said := must(p, page.Navigate, page.NavigateParams{URL: url}); said.ErrorText != "" {
		p.fatal("open %s: %s", url, said.ErrorText)
	}
	p.settle()
}

// Click on what bears this name: a link, a button, a checkbox, a field. The name
// is the whole visible text or label, spaces aside; one that ends with "…" is
// how it begins. Where two things bear it, give the role (ARIA's: "link",
// "button", "checkbox", "radio"...).
func (p *Page) Click(name string, role ...string) {
	p.t.Helper()
	x, y := p.spot(p.find(name, orClickable(role)))
	p.press(x, y, 1)
	p.settle()
}

// ClickTwice is the double click of an impatient person: the second comes when
// the server has answered the first and the page is still the old one.
func (p *Page) ClickTwice(name string, role ...string) {
	p.t.Helper()
	x, y := p.spot(p.find(name, orClickable(role)))
	must(p, fetch.Enable, fetch.EnableParams{Patterns: []*fetch.RequestPattern{
		{ResourceType: network.ResourceTypeDocument, RequestStage: fetch.RequestStageResponse},
	}})
	before := p.told().answers
	p.press(x, y, 1)
	// Chromium gives a page no commands from the start of a navigation to its
	// end, which the answer held back may keep from coming.
	flushed := make(chan struct{})
	go func() {
		defer close(flushed)
		p.flush()
	}()
	p.await("the server to answer the first click", func() error {
		now := p.told()
		if now.answers > before {
			return nil
		}
		select {
		case <-flushed:
			if !now.loading {
				return nil
			}
		default:
		}
		return errors.New("no answer")
	})
	before = p.told().answers
	p.press(x, y, 2)
	// The page may have seen to it that the second does nothing.
	for over := time.Now().Add(time.Second); p.told().answers == before && time.Now().Before(over); {
		time.Sleep(5 * time.Millisecond) // between two looks
	}
	must(p, fetch.Disable, cdp.Empty{})
	<-flushed
	p.settle()
}

// Type replaces what is in the field of this label. Dates and times are typed
// as ISO 8601 has them, 2026-03-10 and 09:00.
func (p *Page) Type(label, text string) {
	p.t.Helper()
	field := p.find(label, fieldRoles)
	p.click(field)
	var done bool
	p.on(field, `function(text) {
		if (/^(date|time|month|week|datetime-local|color|range)$/.test(this.type)) {
			this.value = text;
			this.dispatchEvent(new Event('input', {bubbles: true}));
			this.dispatchEvent(new Event('change', {bubbles: true}));
			return this.value === text;
		}
		this.select();
		return false;
	}`, &done, text)
	switch {
	case done:
	case text == "":
		p.key(kb.Backspace, 0)
	default:
		must(p, input.InsertText, input.InsertTextParams{Text: text})
	}
}

// Choose an option of a list by its text.
func (p *Page) Choose(label, option string) {
	p.t.Helper()
	list := p.find(label, []string{"combobox", "listbox"})
	var options []string
	p.on(list, `function(text) {
		const plain = o => o.text.replace(/\s+/g, ' ').trim();
		const found = [...this.options].find(o => plain(o) === text && !o.disabled);
		if (!found) return [...this.options].map(plain);
		this.focus();
		found.selected = true;
		this.dispatchEvent(new Event('input', {bubbles: true}));
		this.dispatchEvent(new Event('change', {bubbles: true}));
		return null;
	}`, &options, plain(option))
	if options != nil {
		p.fatal("choose %q in %q: there are only %q", option, label, options)
	}
	p.settle()
}

// Value is what the field of this label holds.
func (p *Page) Value(label string) string {
	p.t.Helper()
	var value string
	p.on(p.find(label, append([]string{"combobox", "listbox"}, fieldRoles...)), `function() { return this.value }`, &value)
	return value
}

// Checked tells whether the checkbox or radio button of this label is.
func (p *Page) Checked(label string) bool {
	p.t.Helper()
	var checked bool
	p.on(p.find(label, []string{"checkbox", "radio", "switch"}), `function() { return this.checked }`, &checked)
	return checked
}

// Upload gives a file to the field of this label.
func (p *Page) Upload(label, file string) {
	p.t.Helper()
	path, err := filepath.Abs(file)
	if err == nil {
		_, err = os.Stat(path) // Chromium takes what is not there
	}
	if err != nil {
		p.t.Fatal(err)
	}
	// The field's name is its label, followed by what it holds.
	must(p, dom.SetFileInputFiles, dom.SetFileInputFilesParams{Files: []string{path}, BackendNodeID: p.find(label+"…", []string{"button"}).id})
}

var keys = map[string]string{
	"Tab": kb.Tab, "Enter": kb.Enter, "Space": " ", "Escape": kb.Escape, "Backspace": kb.Backspace, "Delete": kb.Delete, "Home": kb.Home, "End": kb.End,
	"ArrowDown": kb.ArrowDown, "ArrowUp": kb.ArrowUp, "ArrowLeft": kb.ArrowLeft, "ArrowRight": kb.ArrowRight,
}

// Press keys, one after the other, where the focus is: "Tab", "Shift+Tab",
// "Enter", "Space", "Escape", "ArrowDown"..., or one character.
func (p *Page) Press(names ...string) {
	p.t.Helper()
	for _, name := range names {
		bare, shift := strings.CutPrefix(name, "Shift+")
		key, known := keys[bare]
		if !known && len([]rune(bare)) != 1 {
			p.fatal("no key %q", name)
		}
		if !known {
			key = bare
		}
		modifier := chromedp.ModifierNone
		if shift {
			modifier = chromedp.ModifierShift
		}
		p.key(key, modifier)
		if key == kb.Enter || key == " " {
			p.settle() // they may lead to another page
		}
	}
}

// TabTo presses Tab until what bears this name has the focus. It fails when the
// focus has been everywhere.
func (p *Page) TabTo(name string) {
	p.t.Helper()
	var stops []string
	first := cdp.BackendNodeID(0)
	for range 300 {
		p.Press("Tab")
		now, err := p.focused()
		if err != nil {
			p.fatal("tab to %q: %v", name, err)
		}
		if now.id != 0 && matches(now.name, name) {
			return
		}
		if len(stops) > 0 && (now.id == 0 || now.id == first) {
			break
		}
		if len(stops) == 0 {
			first = now.id
		}
		stops = append(stops, now.String())
	}
	p.fatal("the keyboard does not reach %q, only:\n%s", name, strings.Join(stops, "\n"))
}

// Focused is the name of what has the focus, "" if that is the page itself.
func (p *Page) Focused() string {
	p.t.Helper()
	now, err := p.focused()
	if err != nil {
		p.fatal("focus: %v", err)
	}
	return now.name
}

// Text is all that can be seen, with plain spaces for those that do not break.
func (p *Page) Text() string {
	p.t.Helper()
	var text string
	p.await("a page to read", func() (err error) {
		text, err = p.text()
		return err
	})
	return text
}

func (p *Page) text() (text string, err error) {
	err = p.eval(`document.body ? document.body.innerText : ''`, &text)
	return spaces.Replace(text), err
}

// Has waits until the text can be seen.
func (p *Page) Has(text string) {
	p.t.Helper()
	p.await(fmt.Sprintf("%q to be seen", text), func() error {
		now, err := p.text()
		if err == nil && !strings.Contains(plain(now), plain(text)) {
			err = errors.New("it is not")
		}
		return err
	})
}

// Sees reports whether the text can be seen at the moment.
func (p *Page) Sees(text string) bool {
	p.t.Helper()
	return strings.Contains(plain(p.Text()), plain(text))
}

// HasNot waits until the text cannot be seen any longer.
func (p *Page) HasNot(text string) {
	p.t.Helper()
	p.await(fmt.Sprintf("%q to be gone", text), func() error {
		now, err := p.text()
		if err == nil && strings.Contains(plain(now), plain(text)) {
			err = errors.New("it is there")
		}
		return err
	})
}

// URL is what the address bar shows.
func (p *Page) URL() string {
	p.t.Helper()
	history, err := send(p, page.GetNavigationHistory, cdp.Empty{})
	if err != nil {
		return err.Error()
	}
	return history.Entries[history.CurrentIndex].URL
}

// Title is what the tab shows.
func (p *Page) Title() string {
	p.t.Helper()
	var title string
	p.await("a title", func() error { return p.eval(`document.title`, &title) })
	return plain(title)
}

// Back is the browser's button.
func (p *Page) Back() {
	p.t.Helper()
	history := must(p, page.GetNavigationHistory, cdp.Empty{})
	before := history.CurrentIndex - 1
	if before < 0 {
		p.fatal("back: this was the first page")
	}
	must(p, page.NavigateToHistoryEntry, page.NavigateToHistoryEntryParams{EntryID: history.Entries[before].ID})
	p.await("the page before", func() error {
		now, err := send(p, page.GetNavigationHistory, cdp.Empty{})
		if err == nil && now.CurrentIndex != before {
			err = errors.New("still on the page after")
		}
		return err
	})
	p.settle()
}

// Reload is the browser's button. What was sent by POST is sent again.
func (p *Page) Reload() {
	p.t.Helper()
	before := p.told().pages
	must(p, page.Reload, page.ReloadParams{})
	p.await("the page again", func() error {
		if p.told().pages == before {
			return errors.New("still the old one")
		}
		return nil
	})
	p.settle()
}

// Download clicks on what bears this name, and gives the file that is saved.
func (p *Page) Download(name string, role ...string) (fileName string, content []byte) {
	p.t.Helper()
	folder := p.t.TempDir()
	ctx, cancel := context.WithTimeout(p.ctx, patience)
	defer cancel()
	begun, ended := chromedp.BrowserEvents(ctx, browser.DownloadWillBegin), chromedp.BrowserEvents(ctx, browser.DownloadProgress)
	if _, err := chromedp.CallBrowser(ctx, browser.SetDownloadBehavior, browser.SetDownloadBehaviorParams{
		Behavior: browser.SetDownloadBehaviorBehaviorAllowAndName, DownloadPath: folder, EventsEnabled: new(true),
		BrowserContextID: chromedp.FromContext(p.ctx).BrowserContextID,
	}); err != nil {
		p.t.Fatal(err)
	}
	p.Click(name, role...)
	var id string
	for file, err := range begun {
		if err != nil {
			p.fatal("%q saves no file: %v", name, err)
		}
		if file.FrameID == p.frame {
			id, fileName = file.GUID, file.SuggestedFilename
			break
		}
	}
	for file, err := range ended {
		if err != nil || file.GUID == id && file.State == browser.DownloadProgressStateCanceled {
			p.fatal("%q does not save %s: %v", name, fileName, err)
		}
		if file.GUID == id && file.State == browser.DownloadProgressStateCompleted {
			break
		}
	}
	content, err := os.ReadFile(filepath.Join(folder, id))
	if err != nil {
		p.t.Fatal(err)
	}
	return fileName, content
}

// Cookies are all that this person's browser holds.
func (p *Page) Cookies() []*http.Cookie {
	p.t.Helper()
	ctx, cancel := context.WithTimeout(p.ctx, patience)
	defer cancel()
	held, err := chromedp.CallBrowser(ctx, storage.GetCookies, storage.GetCookiesParams{BrowserContextID: chromedp.FromContext(p.ctx).BrowserContextID})
	if err != nil {
		p.t.Fatal(err)
	}
	sameSite := map[network.CookieSameSite]http.SameSite{
		network.CookieSameSiteStrict: http.SameSiteStrictMode, network.CookieSameSiteLax: http.SameSiteLaxMode, network.CookieSameSiteNone: http.SameSiteNoneMode,
	}
	var cookies []*http.Cookie
	for _, c := range held.Cookies {
		cookie := &http.Cookie{Name: c.Name, Value: c.Value, Domain: c.Domain, Path: c.Path, Secure: c.Secure, HttpOnly: c.HTTPOnly, SameSite: sameSite[c.SameSite]}
		if !c.Session {
			cookie.Expires = time.Unix(int64(c.Expires), 0)
		}
		cookies = append(cookies, cookie)
	}
	return cookies
}

// SetCookie plants a cookie for an address, as somebody else may have done.
func (p *Page) SetCookie(url, name, value, path string) {
	p.t.Helper()
	must(p, network.SetCookie, network.SetCookieParams{Name: name, Value: value, URL: url, Path: path})
}

// Offline takes the network away, or gives it back.
func (p *Page) Offline(off bool) {
	p.t.Helper()
	must(p, network.OverrideNetworkState, network.OverrideNetworkStateParams{Offline: off, DownloadThroughput: -1, UploadThroughput: -1})
	must(p, network.EmulateNetworkConditionsByRule, network.EmulateNetworkConditionsByRuleParams{
		MatchedNetworkConditions: []*network.Conditions{{Offline: off, DownloadThroughput: -1, UploadThroughput: -1}},
	})
}

// click clicks on an element.
func (p *Page) click(e element) {
	p.t.Helper()
	x, y := p.spot(e)
	p.press(x, y, 1)
}

// press a mouse button and let it go: what a page sees of a tap, too.
func (p *Page) press(x, y float64, count int64) {
	p.t.Helper()
	p.touch()
	for _, what := range []input.DispatchMouseEventType{chromedp.MouseMoved, chromedp.MousePressed, chromedp.MouseReleased} {
		event := input.DispatchMouseEventParams{Type: what, X: x, Y: y}
		if what != chromedp.MouseMoved {
			event.Button, event.ClickCount = input.MouseButtonLeft, count
		}
		must(p, input.DispatchMouseEvent, event)
	}
}

func (p *Page) key(key string, modifier chromedp.Modifier) {
	p.t.Helper()
	ctx, cancel := context.WithTimeout(p.ctx, patience)
	defer cancel()
	p.touch()
	if err := chromedp.Do(ctx, chromedp.KeyEvent(key, chromedp.KeyModifiers(modifier))); err != nil {
		p.fatal("press %q: %v", key, err)
	}
}

// await tries until there is no error.
func (p *Page) await(what string, try func() error) {
	p.t.Helper()
	over := time.After(patience)
	again := time.NewTicker(20 * time.Millisecond)
	defer again.Stop()
	for {
		err := try()
		if err == nil {
			return
		}
		select {
		case <-over:
			p.fatal("waited %v for %s: %v", patience, what, err)
		case <-again.C:
		}
	}
}

// eval computes in the page, with JavaScript on or off.
func (p *Page) eval(expression string, into any) error {
	return p.evalIn(0, expression, into)
}

func (p *Page) evalIn(world runtime.ExecutionContextID, expression string, into any) error {
	said, err := send(p, runtime.Evaluate, runtime.EvaluateParams{Expression: expression, ContextID: world, ReturnByValue: new(true), AwaitPromise: new(true)})
	return decode(said.Result, said.ExceptionDetails, err, into)
}

// on calls a function with an element as this.
func (p *Page) on(e element, function string, into any, args ...string) {
	p.t.Helper()
	node, err := send(p, dom.ResolveNode, dom.ResolveNodeParams{BackendNodeID: e.id})
	if err == nil {
		call := runtime.CallFunctionOnParams{FunctionDeclaration: function, ObjectID: node.Object.ObjectID, ReturnByValue: new(true)}
		for _, arg := range args {
			value, _ := json.Marshal(arg) // strings always can
			call.Arguments = append(call.Arguments, &runtime.CallArgument{Value: value})
		}
		var said runtime.CallFunctionOnResult
		said, err = send(p, runtime.CallFunctionOn, call)
		err = decode(said.Result, said.ExceptionDetails, err, into)
	}
	if err != nil {
		p.fatal("%v: %v", e, err)
	}
}

func decode(result *runtime.RemoteObject, exception *runtime.ExceptionDetails, err error, into any) error {
	switch {
	case err != nil:
		return err
	case exception != nil:
		return fmt.Errorf("%s %s", exception.Text, exception.Exception.Description)
	case into == nil || len(result.Value) == 0:
		return nil
	}
	return json.Unmarshal(slices.Clone(result.Value), into)
}
