package tests

import (
	"encoding/base64"
	"encoding/json"
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"

	"polis/local/issuer"
	"polis/local/personas"
	"polis/shared/ident"
	"polis/shared/store"
	"polis/shared/text"
	"polis/tests/browser"
)

const sessionCookie = "polis-session"

// held is the value of a cookie, "" for none.
func (v visit) held(name string) string {
	for _, c := range v.Cookies() {
		if c.Name == name {
			return c.Value
		}
	}
	return ""
}

// attempts are the cookies of logins that were begun.
func (v visit) attempts() (names []string) {
	for _, c := range v.Cookies() {
		if strings.HasPrefix(c.Name, "polis-login") {
			names = append(names, c.Name)
		}
	}
	return names
}

// elsewhere is another site, though at the same host: a browser sends the
// portal's cookies along with its forms.
func elsewhere(t *testing.T, body string) (address string) {
	t.Helper()
	site := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		fmt.Fprint(w, `<!doctype html><html lang="ru"><meta charset="utf-8"><title>Призы</title><body>`, body)
	}))
	t.Cleanup(site.Close)
	return site.URL
}

func TestInTheBrowserAnotherSiteCannotSendAForm(t *testing.T) {
	s := newStage(t)
	insured := s.as(t, "insured")
	insured.consents()
	insured.loads(fields{})
	document := insured.extract("self").ID
	v := s.visit(t, ways[0])
	v.logsIn("insured")
	s.quiet(t)
	for path, form := range map[string]map[string]string{
		"/consents":                        {"action": "revoke", "operator": "ffoms", "person": "self", "reason": "x"},
		"/logout":                          {},
		"/documents":                       {"person": "self"},
		"/documents/" + document + "/send": {},
		"/requests":                        {"kind": "lookup", "person": "self"},
		"/notices":                         {"sms": "on"},
		"/language":                        {"language": "en", "to": "/"},
	} {
		var hidden strings.Builder
		for name, value := range form {
			fmt.Fprintf(&hidden, `<input type="hidden" name="%s" value="%s">`, name, value)
		}
		before := s.trace(t)
		v.Go(elsewhere(t, `<form method="post" action="`+s.portal(path)+`">`+hidden.String()+`<button>Забрать приз</button></form>`))
		v.Click("Забрать приз")
		v.Has("Запрос пришёл с другого сайта и не выполнен.")
		if v.Status() != http.StatusForbidden {
			t.Errorf("%s: %d", path, v.Status())
		}
		for key, value := range s.trace(t) {
			if before[key] != value {
				t.Errorf("%s changed %s", path, key)
			}
		}
	}
	v.opens("/")
	v.Has("Открыть полис")
}

func TestInTheBrowserAnotherSiteCannotFrameThePortal(t *testing.T) {
	s := newStage(t)
	v := s.visit(t, ways[0])
	v.logsIn("insured")
	v.Go(elsewhere(t, `<h1>Приз</h1><iframe title="Приз" src="`+s.portal("/")+`"></iframe>`))
	v.Has("Приз")
	eventually(t, "the browser refuses the frame", func() bool {
		return slices.ContainsFunc(v.Console(), func(said string) bool { return strings.Contains(said, "frame-ancestors") })
	})
	v.Allow("frame-ancestors")
	v.Allow("chrome-error:")
}

func TestInTheBrowserALoginIsOnlyForTheBrowserThatBeganIt(t *testing.T) {
	s := newStage(t)
	attacker, victim := s.visit(t, ways[2]), s.visit(t, ways[0])

	// A session of somebody else's that lay in the browser before the login.
	attacker.logsIn("father")
	planted := attacker.held(sessionCookie)
	victim.SetCookie(s.portal("/"), sessionCookie, planted, "/function/portal")
	victim.opens("/login")
	victim.chooses("insured")
	victim.Has("Здравствуйте, Андрей")
	if held := victim.held(sessionCookie); held == planted || held == "" {
		t.Error("the session of before the login is the one after it")
	}
	attacker.opens("/")
	attacker.Has("Войти") // what was planted has ended with the login
	attacker.HasNot("Андрей")
	if held := victim.attempts(); len(held) > 0 {
		t.Errorf("the attempt's cookie is still there: %v", held)
	}

	// The way back of the attacker's login, followed in the victim's browser:
	// with no attempt there, and with one of its own.
	code := func() string { return s.comesBack(t, "father") }
	stranger := s.visit(t, ways[0])
	stranger.Go(code())
	stranger.Has("Вход не завершён")
	if stranger.Status() != http.StatusForbidden || stranger.held(sessionCookie) != "" {
		t.Errorf("%d, a session: %v", stranger.Status(), stranger.held(sessionCookie) != "")
	}
	stranger.opens("/login")
	stranger.Go(code())
	stranger.Has("Вход не завершён")
	if stranger.held(sessionCookie) != "" {
		t.Error("logged in as somebody else")
	}
	stranger.Click("Войти ещё раз")
	stranger.chooses("insured")
	stranger.Has("Здравствуйте, Андрей")
}

// comesBack goes through the login without a browser, up to the address that
// it leads back to.
func (s *stage) comesBack(t *testing.T, persona string) (address string) {
	t.Helper()
	noRedirect := &http.Client{CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	at, err := noRedirect.Get(s.portal("/login"))
	if err != nil {
		t.Fatal(err)
	}
	at.Body.Close()
	back, err := noRedirect.PostForm(at.Header.Get("Location"), url.Values{"person": {persona}})
	if err != nil {
		t.Fatal(err)
	}
	back.Body.Close()
	if address = back.Header.Get("Location"); !strings.Contains(address, "code=") {
		t.Fatalf("the login leads to %q", address)
	}
	return address
}

func TestInTheBrowserNoAddressLeadsToAnotherSite(t *testing.T) {
	s := newStage(t)
	for _, to := range []string{"//evil.example", "https://evil.example", `/\evil.example`, `\\evil.example`, "%2f%2fevil.example", "@evil.example", "/%2e%2e/%2e%2e/inbox", "/\t/evil.example", "/login"} {
		v := s.visit(t, ways[0])
		v.opens("/login?" + url.Values{"to": {to}}.Encode())
		v.chooses("insured")
		if at := v.URL(); !strings.HasPrefix(at, s.portal("/")) {
			t.Errorf("%q leads to %s", to, at)
		}
		res, err := (&http.Client{CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}).
			PostForm(s.portal("/language"), url.Values{"language": {"en"}, "to": {to}})
		if err != nil {
			t.Fatal(err)
		}
		res.Body.Close()
		if at, err := url.Parse(res.Header.Get("Location")); err != nil || at.Host != "" || !strings.HasPrefix(at.Path, "/function/portal/") || strings.Contains(at.Path, "..") {
			t.Errorf("%q leads to %s after a choice of language", to, at)
		}
	}
}

func TestInTheBrowserCookiesAndPagesAreGuarded(t *testing.T) {
	s := newStage(t)
	v := s.visit(t, ways[0])
	v.logsIn("insured")
	v.Click("English")
	cookies := v.Cookies()
	if len(cookies) != 2 {
		t.Errorf("cookies: %+v", cookies)
	}
	for _, c := range cookies {
		if !c.HttpOnly || c.SameSite != http.SameSiteLaxMode || c.Path != "/function/portal" || c.Name == sessionCookie && !c.Expires.IsZero() {
			t.Errorf("%+v", c)
		}
	}
	for _, path := range []string{"/", "/consents", "/requests", "/requests/new?kind=link", "/documents", "/notices", "/access", "/me", "/card", "/nowhere", "/login/callback"} {
		request, err := http.NewRequestWithContext(t.Context(), http.MethodGet, s.portal(path), nil)
		if err != nil {
			t.Fatal(err)
		}
		request.AddCookie(&http.Cookie{Name: sessionCookie, Value: v.held(sessionCookie)})
		res, err := http.DefaultTransport.RoundTrip(request)
		if err != nil {
			t.Fatal(err)
		}
		res.Body.Close()
		if c := res.Header.Get("Cache-Control"); !strings.Contains(c, "no-store") {
			t.Errorf("%s: Cache-Control %q", path, c)
		}
	}
}

// entersAs is a person in their browser for whom the login vouches with other
// claims than a persona's.
func (v visit) entersAs(persona string, change map[string]any) visitor {
	v.t.Helper()
	p, _ := personas.Find(persona)
	claims := p.Claims()
	for name, value := range change {
		claims[name] = value
	}
	token, err := v.login.Token(claims, issuer.Flaw{})
	if err != nil {
		v.t.Fatal(err)
	}
	text := func(name string) string { s, _ := claims[name].(string); return text.Visible(s) }
	content, err := json.Marshal(map[string]any{
		"Account": ident.Home(ident.Account, [32]byte{}, text("sub")), "Token": token, "Role": "citizen", "Confirmed": true, "Email": text("email"),
		"Name": map[string]string{"family": text("lastName"), "given": text("firstName"), "patronymic": text("middleName")},
	})
	if err != nil {
		v.t.Fatal(err)
	}
	sealed, err := os.ReadFile(filepath.Join(v.data, "secrets", "portal-session-key"))
	if err != nil {
		v.t.Fatal(err)
	}
	var key [32]byte
	raw, err := base64.StdEncoding.DecodeString(string(sealed))
	if err != nil {
		v.t.Fatal(err)
	}
	copy(key[:], raw)
	address, err := redis.ParseURL(v.RedisURL())
	if err != nil {
		v.t.Fatal(err)
	}
	rdb := redis.NewClient(address)
	defer rdb.Close()
	session, err := store.NewSessions(rdb, key).Begin(v.t.Context(), store.Session{Account: ident.Home(ident.Account, [32]byte{}, text("sub")), Content: content}, time.Hour, time.Now().Add(time.Hour))
	if err != nil {
		v.t.Fatal(err)
	}
	v.SetCookie(v.portal("/"), sessionCookie, session, "/function/portal")
	return visitor{stage: v.stage, t: v.t, token: token}
}

// hostile texts, as they would be typed.
var hostile = []string{`<b onmouseover=alert(1)>жирно</b>`, `"><script>alert(1)</script>`, `{{7*7}}`, `' " & < > \`, "до\u202eпосле", `javascript:alert(1)`}

func TestInTheBrowserMarkupIsShownAsTextOrRefused(t *testing.T) {
	s := newStage(t)
	for _, typed := range hostile {
		t.Run(typed, func(t *testing.T) {
			s.forgets(t, "insured")
			v := s.visit(t, ways[0])
			v.logsIn("insured")
			v.agrees()
			v.Has("Открыть полис")

			v.opens("/requests/new?kind=link")
			v.Type("Номер полиса", typed)
			v.Click("Найти")
			v.Has("Проверьте номер полиса")
			text := text.Visible(typed)
			if kept := v.Value("Номер полиса"); kept != text {
				t.Errorf("typed %q, and there is %q", typed, kept)
			}
			v.opens("/consents")
			v.Click("Отозвать (" + mincifry + ")")
			v.Type("Почему вы отзываете согласие", typed)
			v.Click("Отозвать согласие")
			if text != typed { // refused, and ready to be sent without what cannot be seen
				v.Has("В тексте есть невидимые знаки")
				v.Click("Отозвать согласие")
			}
			v.Has(text)
			v.Has("Отозвано")
			v.HasNot("49")
			newest := read[struct{ History []consentView }](s.as(t, "insured").get("/consent-toggle").is(http.StatusOK)).History[0]
			v.opens("/consents/receipts/" + newest.Receipt)
			v.Has(text)

			escaped := url.QueryEscape(typed)
			for _, path := range []string{
				"/?x=" + escaped, "/card?person=" + escaped, "/access?person=" + escaped, "/access?person=self&before=" + escaped, "/requests?next=" + escaped,
				"/notices?next=" + escaped, "/requests/new?kind=" + escaped, "/requests/new?kind=register&region=" + escaped, "/requests/" + url.PathEscape(typed),
				"/documents/" + url.PathEscape(typed), "/documents/" + url.PathEscape(typed) + "/file", "/consents/receipts/" + url.PathEscape(typed), "/" + url.PathEscape(typed),
				"/login/callback?code=" + escaped + "&state=" + escaped, "/login/callback?error=" + escaped,
			} {
				v.opens(path)
				if v.Status() >= 500 {
					t.Errorf("%s: %d", path, v.Status())
				}
				v.HasNot("49")
				v.HasNot("\u202e")
			}
		})
		t.Run("a name "+typed, func(t *testing.T) {
			v, text := s.visit(t, ways[2]), text.Visible(typed)
			who := v.entersAs("newcomer", map[string]any{"sub": "hostile", "firstName": typed, "lastName": typed})
			v.opens("/")
			v.Has(text)
			v.HasNot("49")
			v.opens("/me")
			v.Has(text)
			v.opens("/consents")
			if made := who.post("/policy-request", fields{"kind": "register", "region": "26"}); made.status != http.StatusUnprocessableEntity {
				t.Errorf("to put such a name on record: %d", made.status)
			}
		})
	}
	for _, m := range s.Inbox() {
		for _, text := range hostile {
			if strings.Contains(m.Text+m.Subject, text) {
				t.Errorf("in a letter: %s", m.Text)
			}
		}
	}
}

func TestInTheBrowserASessionThatHasEndedLeadsBackToThePageWanted(t *testing.T) {
	s := newStage(t)
	s.everyway(t, "insured", func(v visit) {
		v.logsIn("insured")
		v.opens("/requests/new?kind=link")
		for _, key := range s.keys(v.t, "session") {
			if err := s.redis.Del(v.t.Context(), key).Err(); err != nil {
				v.t.Fatal(err)
			}
		}
		v.writes("Номер полиса", "2656410837000318")
		v.does("Найти")
		v.chooses("insured")
		if v.Has("Заявления"); v.URL() != s.portal("/requests") {
			v.t.Errorf("after a form: %s", v.URL())
		}
		for _, key := range s.keys(v.t, "session") {
			if err := s.redis.Del(v.t.Context(), key).Err(); err != nil {
				v.t.Fatal(err)
			}
		}
		v.opens("/requests/new?kind=link")
		v.chooses("insured")
		if v.Has("Найти полис по номеру"); v.URL() != s.portal("/requests/new?kind=link") {
			v.t.Errorf("after a page: %s", v.URL())
		}
	})
}

func TestInTheBrowserWithoutANetworkThePortalSaysSo(t *testing.T) {
	s := newStage(t)
	v := s.visit(t, ways[0])
	// The network is a line of its own: the worker has to feel it, too.
	platform, err := url.Parse(s.BaseURL())
	if err != nil {
		t.Fatal(err)
	}
	var ready atomic.Bool
	line := func(address string) *httptest.Server {
		t.Helper()
		proxy := httputil.NewSingleHostReverseProxy(platform)
		proxy.ModifyResponse = func(res *http.Response) error {
			if strings.HasSuffix(res.Request.URL.Path, "/offline") { // the worker takes it in
				ready.Store(true)
			}
			return nil
		}
		server := httptest.NewUnstartedServer(proxy)
		server.Listener.Close()
		if server.Listener, err = net.Listen("tcp", address); err != nil {
			t.Fatal(err)
		}
		server.Start()
		return server
	}
	up := line("127.0.0.1:0")
	v.Go(up.URL + "/function/portal/confirm")
	v.Has("Как подтвердить")
	eventually(t, "the worker is there", ready.Load)
	v.Reload()
	v.Has("Как подтвердить")
	up.CloseClientConnections()
	up.Close()
	v.Reload()
	v.Has("Нет связи с сервисом")
	v.HasNot("Как подтвердить")
	v.Axe()
	t.Cleanup(line(up.Listener.Addr().String()).Close)
	v.Click("Попробовать снова")
	v.Has("Войти")
}

func TestInTheBrowserAServiceThatIsAwaySaysWhatToDo(t *testing.T) {
	s := newStage(t)
	v := s.visit(t, way{screen: browser.Phone, script: true})
	v.logsIn("insured")
	for _, away := range []string{"consent-toggle", "redis"} {
		if err := s.Suspend(away); err != nil {
			t.Fatal(err)
		}
		v.opens("/consents")
		v.Has("Временно не отвечает")
		if v.Status() != http.StatusServiceUnavailable {
			t.Errorf("without %s: %d", away, v.Status())
		}
		v.Axe()
		if err := s.Resume(away); err != nil {
			t.Fatal(err)
		}
		inTime(t, 2*patience, "the portal is back", func() bool {
			v.Click("Повторить")
			return v.Status() == http.StatusOK
		})
		v.Has("Для моего полиса")
	}
}
