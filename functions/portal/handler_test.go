package function

import (
	"encoding/json"
	"fmt"
	"html"
	"io/fs"
	"net/http"
	"net/url"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	handler "github.com/openfaas/templates-sdk/go-http"

	"polis/shared/access"
	"polis/shared/calendar"
	"polis/shared/fault"
	"polis/shared/functiontest"
	"polis/shared/ident"
	"polis/shared/person"
	"polis/shared/policy"
	"polis/shared/server"
	"polis/shared/store"
	"polis/shared/text"
)

func TestWhatItNeedsIsNamedAtOnce(t *testing.T) {
	functiontest.MissingIsNamed(t, New,
		"gateway_url", "public_url", "oidc_issuer", "oidc_audience", "oidc_client_id", "portal-client-secret", "portal-session-key", "redis-password", "redis_url")
}

// in is a browser that has logged in: its cookie. change makes another visitor
// of Anna.
func in(t *testing.T, b *functiontest.Bench, change ...func(*visitor)) (cookie string) {
	t.Helper()
	who := visitor{
		Account: ident.Home(ident.Account, [32]byte{}, "anna"), Token: b.Token(functiontest.Anna.Claims()),
		Name: person.Name{Family: "Вымышленникова", Given: "Анна"}, Role: access.Citizen, Confirmed: true,
	}
	for _, c := range change {
		c(&who)
	}
	content, err := json.Marshal(who)
	if err != nil {
		t.Fatal(err)
	}
	sessions := store.OpenSessions(b.Env())
	t.Cleanup(func() { sessions.Close() })
	token, err := sessions.Begin(t.Context(), store.Session{Account: who.Account, Content: content}, idle, time.Now().Add(time.Hour))
	if err != nil {
		t.Fatal(err)
	}
	return "polis-session=" + token
}

// plain is a portal at an address without https, as one machine has it.
func plain(t *testing.T) *functiontest.Bench {
	b := functiontest.New(t)
	b.Run(Name, New, "public_url", "http://127.0.0.1:8080")
	return b
}

func TestEveryPageIsPrivateAndGuardsItself(t *testing.T) {
	b := plain(t)
	for path, status := range map[string]int{"/": 200, "/confirm": 200, "/offline": 200, "/nothing": 404, "/login/callback?state=1&code=1": 403} {
		res := b.Call("GET", Name, path, "", nil)
		if res.Status != status {
			t.Errorf("%s: %d", path, res.Status)
		}
		for header, want := range map[string]string{
			"Cache-Control": "private, no-store", "X-Content-Type-Options": "nosniff", "Content-Type": "text/html; charset=utf-8", "Content-Language": "ru",
			"Cross-Origin-Opener-Policy": "same-origin",
		} {
			if got := res.Header.Get(header); got != want {
				t.Errorf("%s: %s is %q", path, header, got)
			}
		}
		policy := res.Header.Get("Content-Security-Policy")
		for _, part := range []string{"default-src 'none'", "script-src 'self'", "frame-ancestors 'none'", "base-uri 'none'"} {
			if !strings.Contains(policy, part) {
				t.Errorf("%s: the policy lacks %s: %s", path, part, policy)
			}
		}
		if strings.Contains(policy, "unsafe") || strings.Contains(policy, "*") {
			t.Errorf("%s: %s", path, policy)
		}
	}
}

func TestWhoHasNotLoggedInIsLedToTheLoginAndBack(t *testing.T) {
	b := plain(t)
	for _, path := range []string{"/card?person=self", "/consents", "/requests", "/requests/new?kind=link", "/documents", "/notices", "/access", "/me"} {
		res := b.Call("GET", Name, path, "", nil)
		if want := root + "/login?" + (url.Values{"to": {path}}).Encode(); res.Status != http.StatusSeeOther || res.Header.Get("Location") != want {
			t.Errorf("%s: %d to %s", path, res.Status, res.Header.Get("Location"))
		}
	}
}

func TestASimplifiedAccountIsToldHowToConfirmIt(t *testing.T) {
	b := plain(t)
	weak := in(t, b, func(v *visitor) { v.Confirmed = false })
	for _, path := range []string{"/", "/card", "/consents", "/requests", "/documents", "/notices", "/access"} {
		res := b.Call("GET", Name, path, "", nil, "Cookie", weak)
		if res.Status != http.StatusSeeOther || res.Header.Get("Location") != root+"/confirm" {
			t.Errorf("%s: %d to %s", path, res.Status, res.Header.Get("Location"))
		}
	}
	if page := string(b.Call("GET", Name, "/confirm", "", nil, "Cookie", weak).Body); !strings.Contains(page, "В приложении банка") ||
		!strings.Contains(page, "8 (8652) 94-11-25") || strings.Count(page, "прощённ") != 1 {
		t.Error(page)
	}
}

func TestAFormIsTakenFromThePortalsOwnPagesAlone(t *testing.T) {
	b := plain(t)
	mine := in(t, b)
	for _, tc := range []struct {
		name   string
		header []string
		status int
	}{
		{"this site", []string{"Sec-Fetch-Site", "same-origin", "Origin", "http://127.0.0.1:8080"}, 303},
		{"this site, an older browser", []string{"Origin", "http://127.0.0.1:8080"}, 303},
		{"no browser", nil, 303},
		{"another site", []string{"Sec-Fetch-Site", "cross-site", "Origin", "https://evil.example"}, 403},
		{"another site, an older browser", []string{"Origin", "https://evil.example"}, 403},
		{"another port", []string{"Origin", "http://127.0.0.1:9090"}, 403},
		{"a neighbour of the same site", []string{"Sec-Fetch-Site", "same-site"}, 403},
		{"a sandboxed frame", []string{"Origin", "null"}, 403},
	} {
		header := append([]string{"Cookie", mine, "Content-Type", "application/x-www-form-urlencoded"}, tc.header...)
		if res := b.Call("POST", Name, "/language", "", "language=en&to=/", header...); res.Status != tc.status {
			t.Errorf("%s: %d", tc.name, res.Status)
		}
		if tc.status == http.StatusSeeOther {
			continue
		}
		for _, path := range []string{"/logout", "/consents", "/requests", "/documents", "/documents/x/send", "/notices"} {
			if res := b.Call("POST", Name, path, "", "", header...); res.Status != tc.status {
				t.Errorf("%s to %s: %d", tc.name, path, res.Status)
			}
		}
	}
	if res := b.Call("GET", Name, "/me", "", nil, "Cookie", mine); res.Status != http.StatusOK {
		t.Errorf("the session has ended by a refused form: %d", res.Status)
	}
}

func TestAFormActsForNobodyButTheOneToWhomItWasShown(t *testing.T) {
	b := plain(t)
	another := func(v *visitor) { v.Account = ident.Home(ident.Account, [32]byte{}, "pavel") }
	fund := func(v *visitor) { v.Role, v.Confirmed = access.Fund, false }
	mine, again, others := in(t, b), in(t, b), in(t, b, another)
	asked := 0
	for _, name := range []string{"consent-toggle", "policy-request", "policy-lifecycle", "policy-card", "smo-selection", "extract-rendering", "notify", "review-desk"} {
		b.Put(name, functiontest.Handler(func(handler.Request) (handler.Response, error) {
			asked++
			return handler.Response{StatusCode: 200, Body: []byte(`{"id":"a1"}`)}, nil
		}))
	}
	forms := map[string]url.Values{
		"/consents": {"action": {"revoke"}, "operator": {"ffoms"}, "person": {"self"}}, "/requests": {"kind": {"lookup"}}, "/suspend": {"action": {"resume"}},
		"/services": {"hidden": {"yes"}}, "/insurer": {"smo": {"26002"}}, "/doctor": {}, "/documents": {}, "/documents/d1/send": {}, "/notices": {}, "/desk/a1": {"action": {"take"}},
	}
	for path, form := range forms {
		from, to, same := mine, others, again
		if path == "/desk/a1" {
			from, to, same = in(t, b, fund), in(t, b, fund, another), in(t, b, fund)
		}
		own := keyOf(b, from)
		for rule, key := range map[string]string{"another's": own, "another's, of a part": own + "-self", "a made up one": ident.Secret() + ident.Secret(), "none": ""} {
			asked = 0
			form.Set("key", key)
			page := string(send(b, to, path, form).Expect(http.StatusConflict, "").Body)
			if asked > 0 || !strings.Contains(page, "Эта страница была открыта под другой учётной записью. Ничего не отправлено.") ||
				!strings.Contains(page, `href="`+root+`/">На главную`) || strings.Contains(page, "Вернитесь назад") {
				t.Errorf("%s with the key %s: asked %d times, %s", path, rule, asked, page)
			}
		}
		// Who logged in anew may still send what they were shown before.
		for _, key := range []string{own, own + "-self"} {
			asked = 0
			form.Set("key", key)
			if send(b, same, path, form).Expect(http.StatusSeeOther, ""); asked == 0 {
				t.Errorf("%s of one's own is not sent", path)
			}
		}
	}
}

func TestLoggingOutEndsEverySessionOfTheAccount(t *testing.T) {
	b := plain(t)
	phone, desk, another := in(t, b), in(t, b), in(t, b, func(v *visitor) { v.Account = ident.Home(ident.Account, [32]byte{}, "pavel") })
	res := b.Call("POST", Name, "/logout", "", "", "Cookie", phone)
	if set := res.Header.Get("Set-Cookie"); res.Status != http.StatusSeeOther || !strings.HasPrefix(set, "polis-session=;") {
		t.Errorf("%d %s", res.Status, set)
	}
	for cookie, status := range map[string]int{phone: 303, desk: 303, another: 200} {
		if res := b.Call("GET", Name, "/me", "", nil, "Cookie", cookie); res.Status != status {
			t.Errorf("%d instead of %d", res.Status, status)
		}
	}
}

func TestATokenThatIsNoLongerTakenEndsTheSession(t *testing.T) {
	b := plain(t)
	b.Put("consent-toggle", functiontest.Handler(func(handler.Request) (handler.Response, error) {
		return handler.Response{StatusCode: 401, Body: []byte(`{"code":"token_not_accepted","detail":"Войдите снова."}`)}, nil
	}))
	res := b.Call("GET", Name, "/consents", "", nil, "Cookie", in(t, b))
	if res.Status != http.StatusSeeOther || !strings.HasPrefix(res.Header.Get("Location"), root+"/login?to=%2Fconsents") {
		t.Errorf("%d to %s", res.Status, res.Header.Get("Location"))
	}
}

func TestCookiesAreForThisSiteItsPagesAndHTTPSAlone(t *testing.T) {
	b := functiontest.New(t)
	b.Run(Name, New)
	set := b.Call("POST", Name, "/language", "", "language=en&to=/").Header.Get("Set-Cookie")
	for _, flag := range []string{"HttpOnly", "Secure", "SameSite=Lax", "Path=" + root} {
		if !strings.Contains(set, flag) {
			t.Errorf("%s lacks %s", set, flag)
		}
	}
	b.Call("GET", Name, "/me", "", nil, "Cookie", in(t, b)).Expect(http.StatusSeeOther, "") // not by http's name
	secure := "__Secure-" + in(t, b)
	b.Call("GET", Name, "/me", "", nil, "Cookie", secure).Expect(http.StatusOK, "")
}

func TestAStoreThatIsAwayIsNoLogout(t *testing.T) {
	b := plain(t)
	mine := in(t, b)
	b.Loading(true)
	res := b.Call("GET", Name, "/", "", nil, "Cookie", mine)
	if res.Status != http.StatusServiceUnavailable || res.Header.Get("Retry-After") == "" || !strings.Contains(string(res.Body), "Повторить") {
		t.Errorf("%d %s", res.Status, res.Body)
	}
	b.Loading(false)
	b.Call("GET", Name, "/me", "", nil, "Cookie", mine).Expect(http.StatusOK, "")
}

func TestNoPageHoldsWhatCannotBeSeen(t *testing.T) {
	b := plain(t)
	b.Put("policy-request", functiontest.Handler(func(r handler.Request) (handler.Response, error) {
		if r.Method == http.MethodGet {
			return handler.Response{StatusCode: 200, Body: []byte(`{"items":[]}`)}, nil
		}
		return handler.Response{StatusCode: 422, Header: http.Header{"Content-Type": {"application/problem+json"}},
			Body: []byte(`{"status":422,"code":"invalid_fields","detail":"x","errors":[{"field":"enp","code":"enp_length","detail":"x"}]}`)}, nil
	}))
	b.Put("consent-toggle", answering(map[string]string{"GET /": `{"items":[],"history":[]}`}))
	b.Put("policy-card", answering(map[string]string{"GET /family": `{"items":[{"person":"self","name":{"given":"Анна"}},{"person":"c1","name":{"given":"Ил\u202eья"}}]}`}))
	mine := in(t, b)
	res := send(b, mine, "/requests", url.Values{"kind": {"link"}, "enp": {"<b>26\u202e56\u200b\u2066</b>"}}).Expect(422, "")
	if !strings.Contains(string(res.Body), `value="&lt;b&gt;2656&lt;/b&gt;"`) {
		t.Errorf("what was typed is not kept: %s", res.Body)
	}
	for _, body := range [][]byte{res.Body, b.Call("GET", Name, "/a%E2%80%AEb?c=%E2%80%AEd", "", nil, "Cookie", mine).Expect(404, "").Body,
		b.Call("GET", Name, "/consents", "", nil, "Cookie", mine).Expect(200, "").Body} {
		if strings.ContainsFunc(string(body), func(r rune) bool { return text.Hidden(r) && r != '\n' }) {
			t.Errorf("%s", body)
		}
	}
}

func TestWhoTypesTooManyNumbersIsToldSoOnTheForm(t *testing.T) {
	b := plain(t)
	b.Put("policy-request", functiontest.Handler(func(handler.Request) (handler.Response, error) {
		return handler.Response{StatusCode: 429, Header: http.Header{"Content-Type": {"application/problem+json"}},
			Body: []byte(`{"status":429,"code":"too_many_numbers","detail":"Завтра","from":"2026-03-11T09:00:00+03:00"}`)}, nil
	}))
	res := send(b, in(t, b), "/requests", url.Values{"kind": {"link"}, "enp": {"2656410887000127"}}).Expect(429, "")
	for _, want := range []string{"Завтра", `datetime="2026-03-11T09:00:00&#43;03:00"`, `value="2656410887000127"`} {
		if !strings.Contains(string(res.Body), want) {
			t.Errorf("without %s: %s", want, res.Body)
		}
	}
}

func TestAFormSentAgainWithOtherDataIsExplainedWithoutTheKey(t *testing.T) {
	b := plain(t)
	b.Put("policy-request", functiontest.Handler(func(handler.Request) (handler.Response, error) {
		return handler.Response{StatusCode: 422, Header: http.Header{"Content-Type": {"application/problem+json"}},
			Body: []byte(`{"status":422,"code":"idempotency_key_reused","detail":"Ключ повтора"}`)}, nil
	}))
	res := send(b, in(t, b), "/requests", url.Values{"kind": {"link"}, "enp": {"2656410887000127"}}).Expect(409, "")
	if page := string(res.Body); !strings.Contains(page, "Эта форма уже отправлена с другими данными.") || strings.Contains(page, "Ключ повтора") || !strings.Contains(page, `value="2656410887000127"`) {
		t.Errorf("%s", page)
	}
}

// formsOf reads the forms of a page: by their address, the hidden fields of each.
func formsOf(t *testing.T, page []byte) map[string][]url.Values {
	t.Helper()
	forms := map[string][]url.Values{}
	for _, part := range strings.Split(string(page), "<form")[1:] {
		form, _, _ := strings.Cut(part, "</form>")
		action := between(form, ` action="`, `"`)
		fields := url.Values{}
		for _, input := range strings.Split(form, `<input type="hidden" `)[1:] {
			fields.Add(html.UnescapeString(between(input, `name="`, `"`)), html.UnescapeString(between(input, `value="`, `"`)))
		}
		forms[strings.TrimPrefix(action, root)] = append(forms[strings.TrimPrefix(action, root)], fields)
	}
	return forms
}

func between(text, before, after string) string {
	_, text, _ = strings.Cut(text, before)
	text, _, _ = strings.Cut(text, after)
	return text
}

// answering is a function in place of the real one, that answers by path; of ""
// it has none.
func answering(answers map[string]string) functiontest.Handler {
	return func(r handler.Request) (handler.Response, error) {
		body, ok := answers[r.Method+" "+server.Path(r.Context())]
		switch {
		case !ok:
			return handler.Response{StatusCode: 503, Body: []byte("away")}, nil
		case body == "":
			return handler.Response{StatusCode: 404, Header: http.Header{"Content-Type": {"application/problem+json"}}, Body: []byte(`{"status":404,"code":"x","detail":"x"}`)}, nil
		}
		return handler.Response{StatusCode: 200, Body: []byte(body)}, nil
	}
}

const formType = "application/x-www-form-urlencoded"

func TestAFormThatFoundNobodyIsSentAgainAsItWas(t *testing.T) {
	b := plain(t)
	mine := in(t, b)
	key := keyOf(b, mine)
	for path, form := range map[string]url.Values{
		"/consents": {"key": {key + "-self-ffoms"}, "action": {"revoke"}, "operator": {"ffoms"}, "person": {"self"}, "reason": {"<b>больше\nне нужно</b>"}},
		"/requests": {"key": {key + "-x"}, "kind": {"lookup"}, "person": {"self"}, "grant": {"ffoms", "mincifry"}},
		// This one has an ending that the page it stands on lacks.
		"/documents/d1/send": {"key": {key}},
	} {
		res := b.Call("POST", Name, path, "", form.Encode(), "Cookie", mine, "Content-Type", formType).Expect(http.StatusServiceUnavailable, "")
		again := formsOf(t, res.Body)[path]
		if len(again) != 1 || again[0].Encode() != form.Encode() {
			t.Errorf("%s: %v instead of %v", path, again, form)
		}
		// Another site gets nothing of the kind to show.
		for site, status := range map[string]int{"same-origin": 503, "cross-site": 403} {
			res := b.Call("POST", Name, path, "", form.Encode(), "Cookie", mine, "Content-Type", formType, "Sec-Fetch-Site", site).Expect(status, "")
			if offered := len(formsOf(t, res.Body)[path]); (offered == 1) != (status == 503) {
				t.Errorf("%s from %s: %d forms", path, site, offered)
			}
		}
	}
}

func TestEachFormOfAPageHasAKeyOfItsOwnAndKeepsItWhileNobodyAnswers(t *testing.T) {
	b := plain(t)
	mine := in(t, b)
	b.Put("consent-toggle", answering(map[string]string{"GET /": `{"items":[],"history":[]}`}))
	b.Put("policy-request", answering(map[string]string{"GET /": `{"items":[]}`}))
	b.Put("policy-card", answering(map[string]string{"GET /family": `{"items":[{"person":"self","name":{"given":"Анна"}},{"person":"c1","name":{"given":"Илья"}},{"person":"c2","name":{"given":"Майя"}}]}`}))
	for _, path := range []string{"/", "/consents"} {
		page := b.Call("GET", Name, path, "", nil, "Cookie", mine).Expect(200, "").Body
		keys := map[string]bool{}
		forms := formsOf(t, page)["/consents"]
		for _, form := range forms {
			keys[form.Get("key")] = true
		}
		if len(forms) < 3 || len(keys) != len(forms) || keys[""] {
			t.Errorf("%s: %d forms with the keys %v", path, len(forms), keys)
		}
		for _, form := range forms {
			form["grant"] = []string{"ffoms", "mincifry"}
			res := b.Call("POST", Name, "/consents", "", form.Encode(), "Cookie", mine, "Content-Type", formType).Expect(http.StatusServiceUnavailable, "")
			kept := false
			for _, again := range formsOf(t, res.Body)["/consents"] {
				kept = kept || again.Get("key") == form.Get("key") && again.Get("person") == form.Get("person")
			}
			if !kept {
				t.Errorf("%s: the key %s is gone from %v", path, form.Get("key"), formsOf(t, res.Body)["/consents"])
			}
		}
	}
}

func TestWhatTheServerRefusesIsAPageToo(t *testing.T) {
	b := plain(t)
	h := b.Run(Name, New, "public_url", "http://127.0.0.1:8080").(server.Refuser)
	mine := in(t, b)
	asked := b.Redis.CommandCount() // and no more
	for kind, words := range map[fault.Kind]string{
		fault.TooMany: "Слишком много запросов", fault.TooLarge: "Слишком большой запрос", fault.Internal: "Внутренняя ошибка",
	} {
		for language, want := range map[string]string{"ru": words, "en": fault.Titles[kind].EN} {
			req := handler.Request{Method: http.MethodPost, Header: http.Header{"Cookie": {"polis-language=" + language + "; " + mine}}}
			req.WithContext(server.WithCall(t.Context(), "/consents", "call-7"))
			res, ok := h.Refuse(req, fault.New(kind, "x", "Почему.", "Why."))
			if !ok || res.Header.Get("Content-Type") != "text/html; charset=utf-8" || res.Header.Get("Content-Security-Policy") == "" || res.Header.Get("Content-Language") != language {
				t.Errorf("%s: %v %v", words, ok, res.Header)
			}
			if page := string(res.Body); !strings.Contains(page, "<h1>"+want+"</h1>") || !strings.Contains(page, "call-7") {
				t.Errorf("%s: %s", want, page)
			}
		}
	}
	if now := b.Redis.CommandCount(); now != asked {
		t.Errorf("the store was asked %d times", now-asked)
	}
}

func TestAListOfAccessesHasRowsHoweverManyEntriesThereAre(t *testing.T) {
	b := plain(t)
	mine := in(t, b)
	b.Put("consent-toggle", answering(map[string]string{"GET /": `{"items":[],"history":[]}`}))
	b.Put("policy-request", answering(map[string]string{"GET /": `{"items":[]}`}))
	asked := 0
	many := functiontest.Handler(func(r handler.Request) (handler.Response, error) {
		query, err := url.ParseQuery(r.QueryString)
		if err != nil {
			return handler.Response{}, err
		}
		if server.Path(r.Context()) == "/family" {
			return handler.Response{StatusCode: 200, Body: []byte(`{"items":[{"person":"self","name":{"given":"Анна"}},{"person":"c1","name":{"given":"Илья"}}]}`)}, nil
		}
		if query.Get("person") != "self" {
			return handler.Response{StatusCode: 404, Header: http.Header{"Content-Type": {"application/problem+json"}}, Body: []byte(`{"status":404,"code":"policy_not_loaded","detail":"x"}`)}, nil
		}
		// Each page is full of one person's reads, the third has somebody else's.
		who := `вы","by":"self`
		if asked++; asked == 3 {
			who = `оператор сервиса","by":"other`
		}
		var entries []string
		for n := range 100 {
			entries = append(entries, `{"at":"2026-03-10T09:`+strconv.Itoa(50-asked)+`:00+03:00","action":"applications.read","text":"Просмотр заявлений","who":"`+who+`","call_id":"`+strconv.Itoa(n)+`"}`)
		}
		return handler.Response{StatusCode: 200, Body: []byte(`{"items":[` + strings.Join(entries, ",") + `],"next":"n"}`)}, nil
	})
	b.Put("policy-card", many)
	page := string(b.Call("GET", Name, "/access", "", nil, "Cookie", mine).Expect(200, "").Body)
	others, own, _ := strings.Cut(page, "<details>")
	if rows := strings.Count(page, "<tr>") - 2; rows != 3 || strings.Contains(others, "200\u00a0раз") || strings.Contains(own, "оператор сервиса") || !strings.Contains(page, "200\u00a0раз") || !strings.Contains(page, "оператор сервиса") || !strings.Contains(page, "before=n") || asked != 10 {
		t.Errorf("%d rows of %d pages: %s", rows, asked, page)
	}
	nobody := answering(map[string]string{
		"GET /access": `{"items":[{"at":"2026-03-10T09:00:00+03:00","text":"Просмотр","who":"вы","by":"self"},{"at":"2026-03-10T08:00:00+03:00","text":"Поиск","who":"сервис","by":"service"}]}`,
	})
	b.Put("policy-card", nobody)
	if page := string(b.Call("GET", Name, "/access", "", nil, "Cookie", mine).Expect(200, "").Body); !strings.Contains(page, "В показанных записях никого, кроме вас и сервиса, нет.") {
		t.Errorf("without a copy: %s", page)
	}
	copied := []member{{relative: relative{Person: "self"}, Card: &cardAnswer{}}}
	for rule, tc := range map[string]struct {
		page  accessPage
		whole bool
	}{
		"all of one's own":           {accessPage{Person: "self", Family: copied}, true},
		"without a copy":             {accessPage{Person: "self"}, false},
		"more to come":               {accessPage{Person: "self", Family: copied, Next: "n"}, false},
		"more before":                {accessPage{Person: "self", Family: copied, Older: true}, false},
		"a child's, who may hide it": {accessPage{Person: "c1", Family: copied}, false},
	} {
		if tc.page.Whole() != tc.whole {
			t.Errorf("%s: %v", rule, !tc.whole)
		}
	}
	b.Put("policy-card", many)
	if page := string(b.Call("GET", Name, "/access?person=c1", "", nil, "Cookie", mine).Expect(200, "").Body); !strings.Contains(page, "Копии этого полиса в кабинете нет") {
		t.Errorf("%s", page)
	}
	b.Call("GET", Name, "/access?person=c2", "", nil, "Cookie", mine).Expect(404, "")
}

func TestAFormerChildStaysWhileThereIsSomethingToDoAndThenOnlyAmongTheConsents(t *testing.T) {
	const theirs = `{"items":[{"operator":"ffoms","person":"former","status":"granted"}],"history":[]}`
	problem := func(status int) handler.Response {
		return handler.Response{StatusCode: status, Header: http.Header{"Content-Type": {"application/problem+json"}}, Body: []byte(`{"code":"policy_not_loaded","detail":"x"}`)}
	}
	copied := handler.Response{StatusCode: 200, Body: []byte(strings.Replace(cardIn("active"), "self", "former", 1))}
	for rule, tc := range map[string]struct {
		silent bool // the register
		copy   handler.Response
		stays  bool
		card   int
	}{
		"no copy":                      {false, problem(404), false, 404},
		"no right to the copy":         {false, problem(403), false, 404},
		"a copy":                       {false, copied, true, 200},
		"a copy that cannot be read":   {false, problem(503), true, 303},
		"a register that is silent":    {true, problem(404), true, 303},
		"neither of the two can speak": {true, problem(503), true, 303},
	} {
		b := plain(t)
		mine := in(t, b)
		b.Put("consent-toggle", answering(map[string]string{"GET /": theirs}))
		b.Put("policy-request", functiontest.Handler(func(r handler.Request) (handler.Response, error) {
			if r.Method == http.MethodGet {
				return handler.Response{StatusCode: 200, Body: []byte(`{"items":[]}`)}, nil
			}
			return problem(422), nil
		}))
		b.Put("policy-card", functiontest.Handler(func(r handler.Request) (handler.Response, error) {
			switch path := server.Path(r.Context()); {
			case path == "/family" && tc.silent:
				return problem(503), nil
			case path == "/family":
				return handler.Response{StatusCode: 200, Body: []byte(aFamily)}, nil
			case path == "/services":
				return handler.Response{StatusCode: 200, Body: []byte(`{"items":[],"as_of":"2026-03-10T09:00:00+03:00"}`)}, nil
			case path == "/" && strings.Contains(r.QueryString, "person=former"):
				return tc.copy, nil
			}
			return problem(404), nil
		}))
		var asked []string
		b.Put("smo-selection", functiontest.Handler(func(r handler.Request) (handler.Response, error) {
			asked = append(asked, server.Path(r.Context())+"?"+r.QueryString)
			return problem(404), nil
		}))
		look := func(path string) string {
			return string(b.Call("GET", Name, path, "", nil, "Cookie", mine).Expect(200, "").Body)
		}
		home := look("/")
		if recorded := []string{"/allowed?person=c1"}; !tc.silent && !slices.Equal(asked, recorded) || tc.silent && asked != nil {
			t.Errorf("%s: asked %q", rule, asked)
		}
		for name, page := range map[string]string{
			"home": home, "accesses": look("/access"), "services": look("/services"),
			"a refused request": string(send(b, mine, "/requests", url.Values{"kind": {"lookup"}}).Expect(422, "").Body),
			"refused consents":  string(send(b, mine, "/consents", url.Values{"then": {"lookup"}}).Expect(422, "").Body),
		} {
			if strings.Contains(page, "former") != tc.stays {
				t.Errorf("%s: %s has the child: %v: %s", rule, name, !tc.stays, page)
			}
		}
		if page := look("/consents"); !strings.Contains(page, `name="person" value="former"`) {
			t.Errorf("%s: the consent cannot be revoked: %s", rule, page)
		}
		res := b.Call("GET", Name, "/card?person=former", "", nil, "Cookie", mine)
		if nobody := strings.Contains(string(res.Body), errNobody.Detail.RU); res.Status != tc.card || nobody != (tc.card == 404) {
			t.Errorf("%s: /card is %d: %s", rule, res.Status, res.Body)
		}
	}
}

func TestABrowserIsToldToStayWithHTTPSWhereThatIsTheAddress(t *testing.T) {
	b := functiontest.New(t)
	for public, want := range map[string]string{"https://polis.example.org": "max-age=31536000", "http://127.0.0.1:8080": ""} {
		b.Run(Name, New, "public_url", public)
		if got := b.Call("GET", Name, "/", "", nil).Header.Get("Strict-Transport-Security"); got != want {
			t.Errorf("%s: %q", public, got)
		}
	}
}

// seen is a page of a visitor whose functions answer so.
func seen(t *testing.T, path string, answers map[string]map[string]string) string {
	t.Helper()
	b := plain(t)
	for name, by := range answers {
		b.Put(name, answering(by))
	}
	return string(b.Call("GET", Name, path, "", nil, "Cookie", in(t, b)).Expect(200, "").Body)
}

const bothGiven = `{"items":[{"operator":"ffoms","person":"self","status":"granted"},{"operator":"mincifry","person":"self","status":"granted"}],"history":[]}`

const aFamily = `{"items":[{"person":"self","name":{"given":"Анна"}},{"person":"c1","name":{"family":"Вымышленников","given":"Илья"}}]}`

func applicationOf(id, who, status string, overdue bool) string {
	return fmt.Sprintf(`{"id":%q,"number":"26-1","kind":"lookup","person":%q,"status":%q,"text":"Ищем","submitted":"2026-03-02T09:00:00+03:00",`+
		`"due":"2026-03-09T18:00:00+03:00","overdue":%v,"timeline":[]}`, id, who, status, overdue)
}

func TestAListOfApplicationsSaysWhoseEachIsAndWhichIsLate(t *testing.T) {
	list := `{"items":[` + applicationOf("a1", "c1", "working", true) + `,` + applicationOf("a2", "c2", "working", false) + `,` + applicationOf("a3", "self", "granted", false) + `]}`
	page := seen(t, "/requests", map[string]map[string]string{"policy-request": {"GET /": list}, "policy-card": {"GET /family": aFamily}})
	for text, n := range map[string]int{
		"Для кого: Вымышленников Илья": 1, "Для кого: Ребёнок": 1, "Для кого: Вымышленникова Анна": 1, "Срок ответа истёк 9\u00a0марта\u00a02026": 1,
	} {
		if strings.Count(page, text) != n {
			t.Errorf("%q is not there %d times: %s", text, n, page)
		}
	}
	// Without the register the list is there.
	page = seen(t, "/requests", map[string]map[string]string{"policy-request": {"GET /": list}})
	if strings.Count(page, "Для кого: Ребёнок") != 2 {
		t.Errorf("%s", page)
	}
}

func TestAPagesTitleNamesTheSiteOnce(t *testing.T) {
	b := plain(t)
	b.Put("consent-toggle", answering(map[string]string{"GET /": bothGiven}))
	b.Put("policy-request", answering(map[string]string{"GET /": `{"items":[]}`}))
	b.Put("policy-card", answering(map[string]string{"GET /family": aFamily, "GET /": cardIn("active")}))
	mine := in(t, b)
	for path, titles := range map[string][2]string{"/card": {"Полис ОМС", "OMS policy"}, "/requests": {"Заявления — Полис ОМС", "Applications — OMS policy"}} {
		for n, language := range []string{"ru", "en"} {
			page := string(b.Call("GET", Name, path, "", nil, "Cookie", "polis-language="+language+"; "+mine).Expect(200, "").Body)
			if !strings.Contains(page, "<title>"+titles[n]+"</title>") {
				t.Errorf("%s: %s", path, page)
			}
		}
	}
}

func TestTheCardTellsNoClinicFromOneNotAskedFor(t *testing.T) {
	b := plain(t)
	b.Put("consent-toggle", answering(map[string]string{"GET /": bothGiven}))
	b.Put("policy-request", answering(map[string]string{"GET /": `{"items":[]}`}))
	mine := in(t, b)
	const none, unasked = "О поликлинике в регистре сведений нет.", "Сведения о поликлинике не запрашивались."
	for fields, want := range map[string]string{
		`"clinic_asked":true,"clinic":{"name":"Поликлиника № 1"}`: "Поликлиника № 1", `"clinic_asked":true`: none, `"clinic_asked":false`: unasked,
	} {
		b.Put("policy-card", answering(map[string]string{"GET /family": aFamily, "GET /": strings.Replace(cardIn("active"), "}", ","+fields+"}", 1)}))
		page := string(b.Call("GET", Name, "/card", "", nil, "Cookie", mine).Expect(200, "").Body)
		for _, text := range []string{"Поликлиника № 1", none, unasked} {
			if strings.Contains(page, text) != (text == want) {
				t.Errorf("%s: %s", fields, page)
			}
		}
	}
}

func TestMilitaryServiceIsNotTakenForOneOfAClinic(t *testing.T) {
	b := plain(t)
	b.Put("consent-toggle", answering(map[string]string{"GET /": bothGiven}))
	b.Put("policy-request", answering(map[string]string{"GET /": `{"items":[]}`}))
	mine := "polis-language=en; " + in(t, b)
	for state, link := range map[string]string{"active": "Suspend the policy for military service", "suspended": "Resume the policy after military service"} {
		b.Put("policy-card", answering(map[string]string{"GET /family": aFamily, "GET /": cardIn(state)}))
		for _, path := range []string{"/card", "/suspend"} {
			page := string(b.Call("GET", Name, path, "", nil, "Cookie", mine).Expect(200, "").Body)
			if path == "/card" && !strings.Contains(page, link) || regexp.MustCompile(`(?i)(a|the) service\b`).MatchString(page) {
				t.Errorf("%s, %s: %s", state, path, page)
			}
		}
	}
}

func TestTwinsAreToldApartWhileTheirFirstPoliciesAreUnderWay(t *testing.T) {
	first := func(id, who, given string) string {
		return strings.Replace(applicationOf(id, who, "working", false), `"kind":"lookup"`, `"kind":"register","child":{"given":"`+given+`"}`, 1)
	}
	vera, nadia := first("a1", "c2", "Вера"), first("a2", "c3", "Надежда")
	answers := map[string]map[string]string{
		"policy-request": {"GET /": `{"items":[` + applicationOf("a3", "c2", "working", false) + `,` + vera + `,` + nadia + `]}`, "GET /a1": vera, "GET /a2": nadia},
		"policy-card":    {"GET /family": aFamily},
	}
	for path, names := range map[string]map[string]int{"/requests": {"Вера": 2, "Надежда": 1}, "/requests/a1": {"Вера": 1}, "/requests/a2": {"Надежда": 1}} {
		page := seen(t, path, answers)
		for name, n := range names {
			if strings.Count(page, "Для кого: "+name) != n || strings.Contains(page, "Для кого: Ребёнок") {
				t.Errorf("%s: %s", path, page)
			}
		}
	}
}

func TestALateAnswerIsNotPromised(t *testing.T) {
	for overdue, texts := range map[bool][2]string{true: {"Срок ответа истёк", "Ответ будет"}, false: {"Ответ будет не позже", "истёк"}} {
		late := applicationOf("a1", "self", "working", overdue)
		for path, page := range map[string]string{
			"/":            seen(t, "/", map[string]map[string]string{"policy-request": {"GET /": `{"items":[` + late + `]}`}, "policy-card": {"GET /family": aFamily, "GET /": ""}, "consent-toggle": {"GET /": bothGiven}}),
			"/requests/a1": seen(t, "/requests/a1", map[string]map[string]string{"policy-request": {"GET /a1": late}}),
		} {
			if path == "/" && !strings.Contains(page, "Ищем") {
				t.Fatalf("%s", page)
			}
			if !strings.Contains(page, texts[0]) || strings.Contains(page, texts[1]) {
				t.Errorf("%s, overdue %v: %s", path, overdue, page)
			}
		}
	}
}

// An element that is hidden until a script shows it moves what is painted already:
// it is kept a place for instead (visibility).
func TestNoElementOfAPageIsHiddenUntilAScriptComes(t *testing.T) {
	names, err := fs.Glob(pageFiles, "pages/*.html")
	if err != nil || len(names) == 0 {
		t.Fatal(names, err)
	}
	for _, name := range names {
		source, err := pageFiles.ReadFile(name)
		if found := regexp.MustCompile(`\shidden[\s>=]`).FindString(string(source)); found != "" || err != nil {
			t.Errorf("%s: %s %v", name, found, err)
		}
	}
}

// A page that reloads by itself takes it away from whoever is still reading
// (WCAG 2.2.1).
func TestAnApplicationUnderWayHasALinkToReloadIt(t *testing.T) {
	for status, has := range map[string]bool{"working": true, "granted": false, "refused": false} {
		page := seen(t, "/requests/a1", map[string]map[string]string{"policy-request": {"GET /a1": applicationOf("a1", "self", status, false)}})
		if strings.Contains(page, `<a href="`+root+`/requests/a1">Обновить страницу</a>`) != has || strings.Contains(page, "http-equiv") {
			t.Errorf("%s: %s", status, page)
		}
	}
}

func TestAnApplicationForSomethingElseDoesNotHideTheSearchForThePolicy(t *testing.T) {
	search := applicationOf("a1", "self", "working", false)
	other := strings.ReplaceAll(strings.ReplaceAll(applicationOf("a2", "self", "refused", false), `"lookup"`, `"suspend"`), "Ищем", "Отказано")
	list := `{"items":[` + other + `,` + search + `]}`
	answers := map[string]map[string]string{"policy-request": {"GET /": list}, "policy-card": {"GET /family": aFamily, "GET /": ""}, "consent-toggle": {"GET /": bothGiven}}
	if page := seen(t, "/", answers); !strings.Contains(page, "Ищем") || strings.Contains(page, "Отказано") {
		t.Errorf("%s", page)
	}
	if page := seen(t, "/requests", answers); !strings.Contains(page, "Приостановление полиса") || !strings.Contains(page, "Показ полиса") {
		t.Errorf("%s", page)
	}
}

func TestARestorationUnderWayIsToldInsteadOfOffered(t *testing.T) {
	const offer, follow, needed = "Подать заявление на восстановление", "Следить за заявлением", "Что нужно от вас"
	for status, way := range map[string]string{"working": follow, "needs_person": needed, "refused": ""} {
		restoration := strings.ReplaceAll(applicationOf("a1", "self", status, false), `"lookup"`, `"restore"`)
		answers := map[string]map[string]string{
			"policy-request": {"GET /": `{"items":[` + restoration + `]}`}, "policy-card": {"GET /family": aFamily, "GET /": cardIn("invalid")}, "consent-toggle": {"GET /": bothGiven},
		}
		for _, path := range []string{"/", "/suspend"} {
			page := seen(t, path, answers)
			if strings.Contains(page, "Восстановление в регистре: ") != (way != "") || way != "" && !strings.Contains(page, root+`/requests/a1">`+way) {
				t.Errorf("%s, %s: %s", status, path, page)
			}
			if strings.Contains(page, offer) != (way == "" && path == "/suspend") {
				t.Errorf("%s, %s: offered again: %s", status, path, page)
			}
		}
	}
}

func TestWhoLosesAPolicyIsLedToItsRestoration(t *testing.T) {
	const way = root + `/suspend"`
	for kind, leads := range map[string]bool{"restore": true, "resume": true, "contact_fund": false} {
		page := seen(t, "/doctor", map[string]map[string]string{
			"policy-card": {"GET /doctor": `{"person":"self","text":"Слова","findings":[{"code":"policy_invalid","detail":"Слова","remedy":{"kind":"` + kind + `"}}]}`, "GET /family": aFamily},
		})
		if strings.Contains(page, way) != leads {
			t.Errorf("%s: %s", kind, page)
		}
	}
	for code, leads := range map[string]bool{policy.PolicyOver: true, policy.DeathRecorded: false} {
		page := seen(t, "/insurer", map[string]map[string]string{
			"smo-selection": {"GET /allowed": `{"allowed":false,"code":"` + code + `","detail":"Слова","article":"326-ФЗ, ст. 16","region":"26"}`}, "policy-card": {"GET /family": aFamily},
		})
		if strings.Contains(page, way) != leads {
			t.Errorf("%s: %s", code, page)
		}
	}
}

func TestACitizenIsNotAskedByWhatRightTheyLiveHere(t *testing.T) {
	b := plain(t)
	for citizenship, asked := range map[string]bool{"RUS": false, "ARM": true, "": true} {
		mine := in(t, b, func(v *visitor) { v.Citizenship = citizenship })
		page := string(b.Call("GET", Name, "/requests/new?kind=register&for=foreigner", "", nil, "Cookie", mine).Expect(200, "").Body)
		if strings.Contains(page, `name="category"`) != asked || strings.Contains(page, "указано гражданство России") == asked {
			t.Errorf("%q: %s", citizenship, page)
		}
	}
}

func TestAGrantedFirstPolicyHasOneWayOnForItsPerson(t *testing.T) {
	const given = `{"items":[{"operator":"ffoms","person":"c1","status":"granted"}],"history":[]}`
	made := `{"id":"a1","number":"26-1","kind":"register","person":"c1","child":{"given":"Вера"},"status":"granted","text":"Полис оформлен","enp":"2697379779000019",` +
		`"submitted":"2026-03-02T09:00:00+03:00","due":"2026-03-09T18:00:00+03:00","help":{"insurers":[],"offer":"lookup"},"timeline":[]}`
	for _, tc := range []struct {
		rule, consents, card, has string
	}{
		{"its consent is missing", `{"items":[],"history":[]}`, "", "Дать согласие и показать полис"},
		{"it was not asked for", given, "", ">Показать полис<"},
		{"it is shown", given, `{"person":"c1","status":"active"}`, ">Открыть полис<"},
	} {
		page := seen(t, "/requests/a1", map[string]map[string]string{
			"policy-request": {"GET /a1": made}, "consent-toggle": {"GET /": tc.consents}, "policy-card": {"GET /": tc.card, "GET /family": aFamily},
		})
		if !strings.Contains(page, tc.has) || strings.Count(page, `class="main"`)+strings.Count(page, `class="button main"`) != 1 {
			t.Errorf("%s: %s", tc.rule, page)
		}
		if strings.Count(page, "олис оформлен") != 1 || strings.Contains(page, "К кому обратиться") || !strings.Contains(page, "2697 3797 7900 0019") {
			t.Errorf("%s: %s", tc.rule, page)
		}
	}
}

func TestWhoIsNotFoundIsOfferedMoreThanToWait(t *testing.T) {
	search := strings.Replace(applicationOf("a1", "self", "working", false), `"timeline"`, `"help":{"insurers":[],"offer":"register"},"timeline"`, 1)
	answers := map[string]map[string]string{"policy-request": {"GET /": `{"items":[` + search + `]}`, "GET /a1": search}, "policy-card": {"GET /family": aFamily, "GET /": ""}, "consent-toggle": {"GET /": bothGiven}}
	for _, path := range []string{"/", "/requests/a1"} {
		page := seen(t, path, answers)
		page, _, _ = strings.Cut(page, "Другие возможности")
		for _, way := range []string{"Получить полис впервые", "Найти по номеру полиса"} {
			if !strings.Contains(page, way) {
				t.Errorf("%s: no %s in %s", path, way, page)
			}
		}
	}
}

func TestTheStepsOfAFirstPolicyArePagesThatABrowserCanComeBackTo(t *testing.T) {
	b := plain(t)
	foreign := func(v *visitor) { v.Citizenship = "ARM" }
	mine := in(t, b, foreign)
	form := url.Values{"kind": {"register"}, "for": {"foreigner"}, "region": {"26"}, "category": {"eaeu_worker"}, "smo": {"26002"},
		"basis.contract_until": {"31.05.2026"}, "basis.document.number": {"AN1234567"}}
	post := func(change ...string) functiontest.Response {
		for i := 0; i < len(change); i += 2 {
			form.Set(change[i], change[i+1])
		}
		return send(b, mine, "/requests", form)
	}
	for step, place := range map[string]string{"region": "smo", "check": "term"} {
		res := post("step", step)
		at, fragment, _ := strings.Cut(res.Header.Get("Location"), "#")
		if res.Status != http.StatusSeeOther || !strings.HasPrefix(at, root+"/requests/new?") || strings.Contains(at, "2026") || strings.Contains(at, "AN12") || fragment != place {
			t.Fatalf("%s: %d to %s#%s", step, res.Status, at, fragment)
		}
		for range 2 { // as often as one likes
			page := string(b.Call("GET", Name, strings.TrimPrefix(at, root), "", nil, "Cookie", mine).Expect(200, "").Body)
			if !strings.Contains(page, `value="31.05.2026"`) || !strings.Contains(page, `value="AN1234567"`) || !strings.Contains(page, `name="until"`) ||
				!strings.Contains(page, `id="`+place+`" tabindex="-1"`) || strings.Contains(page, "срок посчитан заново") {
				t.Errorf("%s: %s", step, page)
			}
		}
		others := in(t, b, foreign, func(v *visitor) { v.Account = ident.Home(ident.Account, [32]byte{}, "boris") })
		if page := string(b.Call("GET", Name, strings.TrimPrefix(at, root), "", nil, "Cookie", others).Body); strings.Contains(page, "AN1234567") {
			t.Errorf("%s: another account reads the form", step)
		}
	}
	res := b.Call("GET", Name, "/requests/new?kind=register&for=foreigner&step=category", "", nil, "Cookie", mine)
	if res.Status != 422 || !strings.Contains(string(res.Body), "Выберите основание.") {
		t.Errorf("%d", res.Status)
	}
	res = b.Call("GET", Name, "/requests/new?kind=register&for=foreigner&step=category&category=eaeu_worker", "", nil, "Cookie", mine)
	if res.Status != 200 || !strings.Contains(string(res.Body), `name="basis.contract_until"`) {
		t.Errorf("%d %s", res.Status, res.Body)
	}
	at, fragment, _ := strings.Cut(post("step", "", "until", "2026-05-30").Header.Get("Location"), "#")
	page := string(b.Call("GET", Name, strings.TrimPrefix(at, root), "", nil, "Cookie", mine).Expect(200, "").Body)
	if fragment != "term" || !strings.Contains(page, "Данные изменились, срок посчитан заново. Проверьте его и подайте заявление ещё раз.") {
		t.Errorf("another term than was shown: to %s#%s, %s", at, fragment, page)
	}
	if res := post("step", "check", "basis.contract_until", "весной"); res.Status != 422 || !strings.Contains(string(res.Body), `value="весной"`) {
		t.Errorf("%d", res.Status)
	}
}

func TestTheFormOfAFirstPolicySpeaksOfWhomItIsFor(t *testing.T) {
	b := plain(t)
	vera := kid{Name: person.Name{Given: "Вера"}}
	mine := in(t, b, func(v *visitor) { v.Kids = []kid{vera} })
	for query, has := range map[string][2]string{
		"for=" + markOf(b, vera):         {"Пока ребёнка застрахует", "Пока вас застрахует"},
		"for=self":                       {"Пока вас застрахует", "Пока ребёнка застрахует"},
		"for=foreigner&category=refugee": {"Загружать ничего не нужно", "Страховая компания"},
	} {
		page := string(b.Call("GET", Name, "/requests/new?kind=register&"+query, "", nil, "Cookie", mine).Expect(200, "").Body)
		if !strings.Contains(page, has[0]) || strings.Contains(page, has[1]) || !strings.Contains(page, "Страховые компании: Ставропольский край") {
			t.Errorf("%s: %s", query, page)
		}
	}
}

func TestWhetherADocumentNeedsItsLastDayIsToldAsItIsChecked(t *testing.T) {
	b := plain(t)
	mine := in(t, b, func(v *visitor) { v.Citizenship = "ARM" })
	for _, c := range []policy.Category{policy.Refugee, policy.TemporaryAsylum, policy.TemporaryResident, policy.PermanentResident, policy.EAEUWorker} {
		page := string(b.Call("GET", Name, "/requests/new?kind=register&for=foreigner&category="+string(c), "", nil, "Cookie", mine).Expect(200, "").Body)
		optional := strings.Contains(page, "Если срока нет, оставьте поле пустым")
		for _, kind := range policy.DocumentsOf(c) {
			if optional == person.MustExpire(kind) {
				t.Errorf("%s, a document %d: optional %v", c, kind, optional)
			}
		}
	}
}

func TestAnExpiredPolicyOfAChildIsAppliedForAgainWithTheFundToDecide(t *testing.T) {
	b := plain(t)
	const given = `{"items":[{"operator":"ffoms","person":"c1","status":"granted"}],"history":[]}`
	b.Put("consent-toggle", answering(map[string]string{"GET /": given}))
	b.Put("policy-request", answering(map[string]string{"GET /": `{"items":[]}`}))
	b.Put("policy-card", answering(map[string]string{"GET /family": aFamily, "GET /": `{"person":"c1","name":{"family":"Вымышленников","given":"Илья"},"status":"expired","valid_from":"2019-05-14","valid_until":"2026-02-28"}`}))
	see := func(path string, kids ...kid) string {
		cookie := in(t, b, func(v *visitor) { v.Kids = kids })
		return string(b.Call("GET", Name, path, "", nil, "Cookie", cookie).Expect(200, "").Body)
	}
	ilya, vera := kid{Name: person.Name{Family: "Вымышленников", Given: "Илья"}, Record: true}, kid{Name: person.Name{Given: "Вера"}, Record: true}
	for _, path := range []string{"/card?person=c1", "/"} {
		if page := see(path, vera, ilya); !strings.Contains(page, `?kind=register&amp;for=c1">Продлить полис`) {
			t.Errorf("%s", page)
		}
	}
	if page := see("/requests/new?kind=register&for=c1", vera, ilya); !strings.Contains(page, "решает территориальный фонд") || !strings.Contains(page, `name="for" value="`+markOf(b, ilya)+`"`) {
		t.Errorf("%s", page)
	}
	if page := see("/requests/new?kind=register&for=c1", vera); !strings.Contains(page, "дождитесь подтверждения и войдите снова") {
		t.Errorf("the account does not confirm him: %s", page)
	}
	if page := see("/requests/new?kind=register&for="+markOf(b, vera), vera, ilya); strings.Contains(page, "решает территориальный фонд") || strings.Contains(page, "Для ребёнка: Илья") {
		t.Errorf("by rule, and not for him: %s", page)
	}
	vera.ByFund = true
	if page := see("/requests/new?kind=register&for="+markOf(b, vera), vera, ilya); !strings.Contains(page, "решает территориальный фонд") {
		t.Errorf("%s", page)
	}
}

// markOf is what names a child of Anna.
func markOf(b *functiontest.Bench, k kid) string {
	key := b.Env().Key("portal-session-key")
	return (&visit{portal: &portal{key: key}, Who: &visitor{Account: ident.Home(ident.Account, [32]byte{}, "anna")}}).markOf(k)
}

func TestAFirstPolicyIsSentForWhomTheFormNamesOrForNobody(t *testing.T) {
	b := plain(t)
	b.Put("policy-card", answering(map[string]string{"GET /family": aFamily}))
	var sent []string
	b.Put("policy-request", functiontest.Handler(func(r handler.Request) (handler.Response, error) {
		sent = append(sent, string(r.Body))
		return handler.Response{StatusCode: 202, Body: []byte(`{"id":"a1"}`)}, nil
	}))
	vera, nadia := kid{Name: person.Name{Given: "Вера"}, Record: true}, kid{Name: person.Name{Given: "Надежда"}, Record: true}
	both := in(t, b, func(v *visitor) { v.Kids = []kid{vera, nadia} })
	one := in(t, b, func(v *visitor) { v.Kids = []kid{nadia} }) // logged in anew, with Vera gone
	form := formsOf(t, b.Call("GET", Name, "/requests/new?kind=register&for=child", "", nil, "Cookie", both).Expect(200, "").Body)["/requests"][0]
	form.Set("region", "26")
	if send(b, both, "/requests", form).Expect(http.StatusSeeOther, ""); len(sent) != 1 || !strings.Contains(sent[0], `"given":"Вера"`) {
		t.Fatalf("sent %q", sent)
	}
	for cookie, whom := range map[string][]string{one: {form.Get("for")}, both: {"", "child", "other", "0", "7", "nobody"}} {
		for _, who := range whom {
			form.Set("for", who)
			page := string(send(b, cookie, "/requests", form).Expect(http.StatusUnprocessableEntity, "").Body)
			if len(sent) != 1 || !strings.Contains(page, "Такого ребёнка в вашей учётной записи нет.") || !strings.Contains(page, `href="#for"`) || !strings.Contains(page, `id="for"`) || !strings.Contains(page, "Для ребёнка: Надежда") {
				t.Errorf("for %q: sent %q, %s", who, sent[1:], page)
			}
		}
	}
	for _, who := range []string{"0", "7", "nobody"} {
		page := string(b.Call("GET", Name, "/requests/new?kind=register&for="+who, "", nil, "Cookie", both).Expect(200, "").Body)
		if !strings.Contains(page, "Ребёнок, которого здесь нет") || strings.Contains(page, "Подать заявление") {
			t.Errorf("for %s: %s", who, page)
		}
	}
}

func TestAFormForAChildStaysThatChildsThoughTheRegisterHasItMeanwhile(t *testing.T) {
	b := plain(t)
	family := `{"items":[{"person":"self","name":{"given":"Анна"}}]}`
	b.Put("policy-card", functiontest.Handler(func(r handler.Request) (handler.Response, error) {
		return handler.Response{StatusCode: 200, Body: []byte(family)}, nil
	}))
	var sent []string
	b.Put("policy-request", functiontest.Handler(func(r handler.Request) (handler.Response, error) {
		sent = append(sent, r.Header.Get("Idempotency-Key")+" "+string(r.Body))
		return handler.Response{StatusCode: 202, Body: []byte(`{"id":"a1"}`)}, nil
	}))
	vera := kid{Name: person.Name{Given: "Вера"}, Record: true}
	mine := in(t, b, func(v *visitor) { v.Kids = []kid{vera} })
	open := func() url.Values {
		form := formsOf(t, b.Call("GET", Name, "/requests/new?kind=register&for=child", "", nil, "Cookie", mine).Expect(200, "").Body)["/requests"][0]
		form.Set("region", "26")
		return form
	}
	first, stale := open(), open() // in two tabs
	for n, form := range []url.Values{first, first, stale} {
		if res := send(b, mine, "/requests", form).Expect(http.StatusSeeOther, ""); res.Header.Get("Location") != root+"/requests/a1" {
			t.Errorf("%d: to %s", n, res.Header.Get("Location"))
		}
		family = `{"items":[{"person":"self","name":{"given":"Анна"}},{"person":"c1","name":{"given":"Вера"}}]}`
	}
	if len(sent) != 3 || sent[1] != sent[0] || sent[2] == sent[0] || !strings.Contains(sent[2], `"person":"child"`) || !strings.Contains(sent[2], `"given":"Вера"`) {
		t.Errorf("%q", sent)
	}
	// A step back to the form finds it, too, though it is offered no more.
	step := url.Values{"kind": {"register"}, "for": {first.Get("for")}, "region": {"77"}, "step": {"region"}}
	at := strings.TrimPrefix(send(b, mine, "/requests", step).Expect(http.StatusSeeOther, "").Header.Get("Location"), root)
	if page := string(b.Call("GET", Name, at, "", nil, "Cookie", mine).Expect(200, "").Body); !strings.Contains(page, "<dd>Вера</dd>") || !strings.Contains(page, "Страховые компании: Москва") {
		t.Errorf("%s", page)
	}
	if page := string(b.Call("GET", Name, "/requests/new?kind=register&for=child", "", nil, "Cookie", mine).Expect(200, "").Body); strings.Contains(page, "Вера") {
		t.Errorf("%s", page)
	}
}

func TestACardSaysOfItsTermNothingAgainstItsState(t *testing.T) {
	const given = `{"items":[{"operator":"ffoms","person":"self","status":"granted"},{"operator":"mincifry","person":"self","status":"granted"}],"history":[]}`
	for state, text := range map[string]string{"active": "Действует", "no_insurer": "Действует", "suspended": "Срок полиса", "invalid": "Действовал", "expired": "Действовал"} {
		page := seen(t, "/card", map[string]map[string]string{"policy-request": {"GET /": `{"items":[]}`}, "consent-toggle": {"GET /": given},
			"policy-card": {"GET /family": aFamily, "GET /": `{"person":"self","status":"` + state + `","valid_from":"2019-05-14"}`}})
		if !strings.Contains(page, "<dt>"+text+"</dt>") || (state == "suspended") != strings.Contains(page, "Пока полис приостановлен, он не действует.") {
			t.Errorf("%s: %s", state, page)
		}
	}
	page := seen(t, "/suspend", nil)
	if menu, _, _ := strings.Cut(page, "</nav>"); strings.Count(menu, `aria-current="page"`) != 1 {
		t.Errorf("%s", menu)
	}
}

func TestAChoiceThatIsNotAllowedNowIsNotThereToBeConfirmed(t *testing.T) {
	b := plain(t)
	mine := in(t, b)
	b.Put("policy-card", answering(map[string]string{"GET /family": aFamily}))
	const why = `"code":"insurer_changed_this_year","detail":"В этом году её уже меняли."`
	may := `"allowed":false,"from":"2027-01-01",` + why
	b.Put("smo-selection", functiontest.Handler(func(r handler.Request) (handler.Response, error) {
		if r.Method == http.MethodPost {
			return handler.Response{StatusCode: 409, Header: http.Header{"Content-Type": {"application/problem+json"}}, Body: []byte(`{"status":409,"from":"2027-01-01","suggest":"move",` + why + `}`)}, nil
		}
		return handler.Response{StatusCode: 200, Body: []byte(`{` + may + `,"reason":"by_right","region":"26","article":"ст. 16"}`)}, nil
	}))
	confirm := func(query string) string {
		return string(b.Call("GET", Name, "/insurer?person=self&smo=26002"+query, "", nil, "Cookie", mine).Expect(200, "").Body)
	}
	sent := string(send(b, mine, "/insurer", url.Values{"person": {"self"}, "smo": {"26002"}, "reason": {"by_right"}, "region": {"26"}}).Expect(http.StatusConflict, "").Body)
	for rule, page := range map[string]string{"opened": confirm(""), "refused": sent} {
		if strings.Contains(page, "Подать заявление") || strings.Contains(page, "Проверьте и подтвердите") || strings.Count(page, "В этом году её уже меняли.") != 1 ||
			!strings.Contains(page, `datetime="2027-01-01"`) || !strings.Contains(page, `/insurer?person=self"`) {
			t.Errorf("%s: %s", rule, page)
		}
	}
	if page := confirm("&reason=move&region=77"); !strings.Contains(page, "Подать заявление") || strings.Contains(page, "В этом году") {
		t.Errorf("a move is no replacement: %s", page)
	}
	may = `"allowed":true`
	if page := confirm(""); !strings.Contains(page, "Подать заявление") {
		t.Errorf("%s", page)
	}
}

func TestWhatACardSaysHoldsOfItsState(t *testing.T) {
	const given = `{"items":[{"operator":"ffoms","person":"self","status":"granted"},{"operator":"mincifry","person":"self","status":"granted"}],"history":[]}`
	look := func(path, state string) string {
		return seen(t, path, map[string]map[string]string{"policy-request": {"GET /": `{"items":[]}`}, "consent-toggle": {"GET /": given},
			"policy-card": {"GET /family": aFamily, "GET /": `{"person":"self","status":"` + state + `","valid_from":"2019-05-14","warnings":["document_differs"],"insurer":{"name":"Фонд","stand_in":true}}`}})
	}
	for state, want := range map[string]struct{ care, chooses, reports bool }{
		"active": {true, true, true}, "no_insurer": {true, true, true}, "suspended": {false, true, true}, "expired": {}, "invalid": {},
	} {
		page := look("/card", state)
		for text, shown := range map[string]bool{
			"Помощь по полису оказывают так же": want.care, "Выбрать страховую": want.chooses, "Страхует территориальный фонд": want.chooses, "Страхует с": want.chooses,
			"Сообщите страховой": want.reports,
		} {
			if strings.Contains(page, text) != shown {
				t.Errorf("%s: %q is shown: %v", state, text, !shown)
			}
		}
		main := "Открыть полис"
		if state == "expired" {
			main = "Продлить полис"
		}
		if page := look("/", state); !strings.Contains(between(page, `class="button main"`, "</a>"), main) && state != "no_insurer" {
			t.Errorf("%s: %s", state, page)
		}
	}
}

func TestAnInsurerThatIsNotInTheDirectoryHasANameAndTheFundToAsk(t *testing.T) {
	const given = `{"items":[{"operator":"ffoms","person":"self","status":"granted"},{"operator":"mincifry","person":"self","status":"granted"}],"history":[]}`
	const hint, fund = "В справочнике страховых этой компании нет. О ней скажут в территориальном фонде ОМС.", "8 (8652) 94-11-25"
	for unlisted, name := range map[string]string{`,"unlisted":true`: "Компания с кодом 26999", "": "Пример-Мед"} {
		insurer := `"name":"` + name + `","stand_in":false` + unlisted
		page := seen(t, "/card", map[string]map[string]string{"policy-request": {"GET /": `{"items":[]}`}, "consent-toggle": {"GET /": given},
			"policy-card": {"GET /family": aFamily, "GET /": `{"person":"self","status":"active","region":"26","valid_from":"2019-05-14","insurer":{` + insurer + `},"covering_insurer":{` + insurer + `}}`}})
		hints, funds := 0, 0
		if unlisted != "" {
			hints, funds = 2, 1 // of a parent's insurer the region is not known
		}
		if strings.Count(page, "<strong>"+name+"</strong>") != 2 || strings.Count(page, hint) != hints || strings.Count(page, fund) != funds {
			t.Errorf("%s: %s", name, page)
		}
	}
	applied := seen(t, "/requests/a1", map[string]map[string]string{"policy-card": {"GET /family": aFamily},
		"policy-request": {"GET /a1": strings.Replace(applicationOf("a1", "self", "working", false), "{", `{"smo":"26999",`, 1)}})
	if !strings.Contains(applied, "Страховая компания: Компания с кодом 26999") {
		t.Errorf("%s", applied)
	}
}

func TestOfAnInsurersOfficesOneIsToldWhereTheyAreOrWhomToCall(t *testing.T) {
	b := plain(t)
	mine := in(t, b)
	answer := handler.Response{StatusCode: 200}
	var asked url.Values
	b.Put("smo-selection", functiontest.Handler(func(r handler.Request) (handler.Response, error) {
		var err error
		if asked, err = url.ParseQuery(r.QueryString); server.Path(r.Context()) != "/offices" {
			err = fmt.Errorf("%s was asked for", server.Path(r.Context()))
		}
		return answer, err
	}))
	look := func(query, language string, status int) string {
		asked = nil
		return string(b.Call("GET", Name, "/offices"+query, "", nil, "Cookie", "polis-language="+language+"; "+mine).Expect(status, "").Body)
	}
	const none, ended = "В справочнике нет офисов этой компании", "Договор этой компании с территориальным фондом ОМС не действует"
	const contact = `<a href="tel:&#43;78793325688">8 (8793) 32-56-88</a>`
	const second = `{"id":"26002-2","smo":"26002","insurer":"Солидарность для жизни","name":"Вокзал","address":"ул. Мира, д. 2","phone":"","hours":"","as_of":"2026-03-10"}`
	answer.Body = []byte(`{"items":[{"id":"26002-1","smo":"26002","insurer":"Солидарность для жизни","name":"Главный","address":"ул. Мира, д. 1","phone":"88001000702","hours":"пн–пт 9:00–18:00","as_of":"2025-09-01"},` + second + `],"next":"26002-2"}`)
	page := look("?smo=26002", "ru", 200)
	for _, part := range []string{"Солидарность для жизни", "<h2>Главный</h2>", "<li>ул. Мира, д. 1</li>", `<a href="tel:88001000702">8` + "\u00a0800\u00a0100-07-02</a>", "<li>пн–пт 9:00–18:00</li>",
		"Сведения на <time datetime=\"2025-09-01\">1\u00a0сентября\u00a02025\u00a0г.</time>", "<h2>Вокзал</h2>", `<a class="more" href="` + root + `/offices?smo=26002&amp;next=26002-2">Показать ещё</a>`} {
		if !strings.Contains(page, part) {
			t.Errorf("no %s in %s", part, page)
		}
	}
	if menu, _, _ := strings.Cut(page, "</nav>"); asked.Encode() != "region=26&smo=26002" || strings.Contains(page, none) || strings.Contains(page, "<li></li>") || strings.Count(page, "tel:") != 1 ||
		strings.Count(menu, `aria-current="page"`) != 1 {
		t.Errorf("asked for %v: %s", asked, page)
	}
	answer.Body = []byte(`{"items":[` + second + `]}`)
	if page := look("?smo=26002&next=26002-1", "en", 200); asked.Get("next") != "26002-1" || !strings.Contains(page, "<h1>Offices of the insurer</h1>") || strings.Contains(page, "Show more") {
		t.Errorf("asked for %v: %s", asked, page)
	}
	answer.Body = []byte(`{"items":[]}`)
	if page := look("?smo=26002", "ru", 200); !strings.Contains(page, none) || !strings.Contains(page, contact) || strings.Contains(page, "Здесь принимают") || strings.Contains(page, ended) {
		t.Errorf("%s", page)
	}
	if page := look("?smo=26003", "ru", 200); !strings.Contains(page, ended) || !strings.Contains(page, `href="`+root+`/insurer"`) || strings.Contains(page, none) {
		t.Errorf("%s", page)
	}
	if page := look("?smo=26999", "ru", 404); asked != nil || !strings.Contains(page, "Такой страховой нет в справочнике.") {
		t.Errorf("asked for %v: %s", asked, page)
	}
	answer.StatusCode = 503
	if page := look("?smo=26002", "ru", 503); !strings.Contains(page, "Повторить") {
		t.Errorf("%s", page)
	}
}

func TestAListOfInsurersAndACardLeadToTheOffices(t *testing.T) {
	list := map[string]string{"GET /allowed": `{"allowed":true,"reason":"by_right","region":"26","article":"ст. 16"}`, "GET /": `{"items":[{"smo":"26002","name":"Пример-Мед"},{"smo":"26005","name":"Образец-М"}]}`}
	page := seen(t, "/insurer", map[string]map[string]string{"smo-selection": list, "policy-card": {"GET /family": aFamily}})
	for smo, name := range map[string]string{"26002": "Пример-Мед", "26005": "Образец-М"} {
		if !strings.Contains(page, `<a href="`+root+`/offices?smo=`+smo+`">Офисы <span class="hidden">(`+name+`)</span></a>`) {
			t.Errorf("%s: %s", name, page)
		}
	}
	for _, tc := range []struct {
		insurer, state string
		leads          bool
	}{
		{`"smo":"26002"`, "active", true}, {`"smo":"26002"`, "suspended", true}, {`"smo":"26002"`, "expired", false}, {`"smo":"26002"`, "invalid", false},
		{`"smo":"26003"`, "active", false}, {`"smo":"26999","unlisted":true`, "active", false}, {`"stand_in":true`, "active", false},
	} {
		page := seen(t, "/card", map[string]map[string]string{"policy-request": {"GET /": `{"items":[]}`}, "consent-toggle": {"GET /": bothGiven},
			"policy-card": {"GET /family": aFamily, "GET /": strings.Replace(cardIn(tc.state), "}", `,"insurer":{"name":"Пример-Мед",`+tc.insurer+`}}`, 1)}})
		if strings.Contains(page, `<a href="`+root+`/offices?smo=26002">Офисы <span class="hidden">(Пример-Мед)</span></a>`) != tc.leads || strings.Contains(page, root+"/offices") != tc.leads {
			t.Errorf("%s, %s: %s", tc.insurer, tc.state, page)
		}
	}
}

func TestFromADeathOnRecordTheFundAloneHelps(t *testing.T) {
	const given = `{"items":[{"operator":"ffoms","person":"self","status":"granted"},{"operator":"mincifry","person":"self","status":"granted"}],"history":[]}`
	for ground, final := range map[string]bool{"death": true, "merged": true, "citizenship_lost": false} {
		page := seen(t, "/card", map[string]map[string]string{"policy-request": {"GET /": `{"items":[]}`}, "consent-toggle": {"GET /": given},
			"policy-card": {"GET /family": aFamily, "GET /": `{"person":"self","status":"invalid","ground":"` + ground + `","region":"26","valid_from":"2019-05-14"}`}})
		if strings.Contains(page, "Восстановить полис") == final || strings.Contains(page, "8 (8652) 94-11-25") != final {
			t.Errorf("%s: %s", ground, page)
		}
		for _, offer := range []string{"Сменить страховую", "Продлить полис", "Приостановить полис"} {
			if strings.Contains(page, offer) {
				t.Errorf("%s: %s is offered", ground, offer)
			}
		}
	}
}

func TestWhenARevokedConsentMayBeGivenAgainIsToldWhereItIsGiven(t *testing.T) {
	for from, waits := range map[string]bool{"": false, `,"from":"2026-03-10T09:10:00+03:00"`: true} {
		consents := `{"items":[{"operator":"ffoms","person":"self","status":"revoked","since":"2026-03-10T09:00:00+03:00"` + from + `},{"operator":"mincifry","person":"self","status":"granted"}],"history":[]}`
		for path, button := range map[string]string{"/": "Дать согласие и показать полис", "/consents": "<button aria-describedby=\"c-self\">Дать согласие"} {
			page := seen(t, path, map[string]map[string]string{"policy-request": {"GET /": `{"items":[]}`}, "consent-toggle": {"GET /": consents},
				"policy-card": {"GET /family": `{"items":[{"person":"self","name":{"given":"Анна"}}]}`}})
			for text, shown := range map[string]bool{
				"Дать согласие снова можно с <time": waits, "10\u00a0марта\u00a02026\u00a0г., в\u00a009:10</time>.": waits,
				button: !waits, "удалены из кабинета": !waits && path == "/", "удаляются из кабинета": waits && path == "/",
			} {
				if strings.Contains(page, text) != shown {
					t.Errorf("%s%s: %q is there: %v\n%s", path, from, text, !shown, page)
				}
			}
		}
	}
}

func TestWhatWasCalledOffIsNotToCome(t *testing.T) {
	for undone, want := range map[string][2]string{"": {"ещё впереди", "Отменено"}, `,"undone":"2026-03-10T09:00:00+03:00"`: {"Отменено", "ещё впереди"}} {
		page := seen(t, "/history", map[string]map[string]string{"policy-card": {"GET /history": `{"as_of":"2026-03-10T09:00:00+03:00","items":[` +
			`{"kind":"suspended","on":"2026-03-12","text":"Полис приостановлен с 12.03.2026","who":"по заявлению застрахованного"` + undone + `}]}`}})
		if !strings.Contains(page, want[0]) || strings.Contains(page, want[1]) {
			t.Errorf("%s: %s", undone, page)
		}
	}
}

func TestAnExtractsPageSaysWhoseItIs(t *testing.T) {
	for who, name := range map[string]string{"self": "Вымышленникова Анна", "c1": "Вымышленников Илья"} {
		page := seen(t, "/documents/d1", map[string]map[string]string{"policy-card": {"GET /family": aFamily},
			"extract-rendering": {"GET /": `{"items":[{"id":"d1","number":"26-1","person":"` + who + `","bytes":1,"created":"2026-03-10T09:00:00+03:00"}]}`}})
		if !strings.Contains(page, "<dd>"+name+"</dd>") {
			t.Errorf("%s: %s", who, page)
		}
	}
}

func TestABirthLeadsToTheChildsPolicy(t *testing.T) {
	page := seen(t, "/notices", map[string]map[string]string{"notify": {"GET /preferences": `{}`,
		"GET /": `{"items":[{"id":"n1","kind":"birth.recorded","at":"2026-03-10T09:00:00+03:00","text":"Полис ребёнка оформлен"}]}`}})
	if !strings.Contains(page, `<a href="`+root+`/">К полису ребёнка`) {
		t.Errorf("%s", page)
	}
}

func TestATeenagerHidesServicesWithoutConsentsToo(t *testing.T) {
	b := plain(t)
	needed := handler.Response{StatusCode: 403, Header: http.Header{"Content-Type": {"application/problem+json"}}, Body: []byte(`{"status":403,"code":"consent_required","detail":"Нужно согласие."}`)}
	var wanted string
	b.Put("policy-card", functiontest.Handler(func(r handler.Request) (handler.Response, error) {
		switch server.Path(r.Context()) {
		case "/services":
			return needed, nil
		case "/services/privacy":
			wanted = string(r.Body)
		}
		return handler.Response{StatusCode: 200, Body: []byte(`{"items":[]}`)}, nil
	}))
	b.Put("consent-toggle", answering(map[string]string{"GET /": `{"items":[],"history":[]}`}))
	b.Put("policy-request", answering(map[string]string{"GET /": `{"items":[]}`}))
	today := calendar.DateOf(b.Now())
	for age, may := range map[int]bool{14: false, 15: true, 17: true, 18: false} {
		mine := in(t, b, func(v *visitor) { v.Birth = today.AddYears(-age).AddDays(-2) })
		res := b.Call("GET", Name, "/services", "", nil, "Cookie", mine)
		if page := string(res.Body); may != (res.Status == 200) || strings.Contains(page, "Скрыть от родителей и опекунов") != may || strings.Contains(page, "Показать родителям и опекунам") != may {
			t.Errorf("at %d: %d %s", age, res.Status, page)
		}
		if res := b.Call("GET", Name, "/services?person=c1", "", nil, "Cookie", mine); res.Status != http.StatusSeeOther {
			t.Errorf("a child's: %d", res.Status)
		}
		if !may {
			continue
		}
		for hidden, body := range map[string]string{"yes": `{"hidden":true}`, "no": `{"hidden":false}`} {
			at := send(b, mine, "/services", url.Values{"hidden": {hidden}}).Expect(http.StatusSeeOther, "").Header.Get("Location")
			page := string(b.Call("GET", Name, strings.TrimPrefix(at, root), "", nil, "Cookie", mine).Expect(200, "").Body)
			if wanted != body || strings.Contains(page, "не видят ваших услуг") != (hidden == "yes") || !strings.Contains(page, "Сохранено.") {
				t.Errorf("%s: %s to %s: %s", hidden, wanted, at, page)
			}
		}
	}
}

func TestTheDayOfAMoveIsTypedAsPeopleWriteIt(t *testing.T) {
	b := plain(t)
	mine := in(t, b)
	b.Put("policy-card", answering(map[string]string{"GET /family": aFamily}))
	var sent []string
	b.Put("smo-selection", functiontest.Handler(func(r handler.Request) (handler.Response, error) {
		if r.Method == http.MethodPost {
			sent = append(sent, string(r.Body))
			return handler.Response{StatusCode: 202, Body: []byte(`{"id":"a1"}`)}, nil
		}
		return handler.Response{StatusCode: 200, Body: []byte(`{"allowed":false,"reason":"by_right","region":"26","article":"ст. 16"}`)}, nil
	}))
	form := url.Values{"person": {"self"}, "smo": {"77012"}, "reason": {"move"}, "region": {"77"}, "address": {"ул. Мира, 1"}, "moved": {"в октябре"}}
	page := string(send(b, mine, "/insurer", form).Expect(http.StatusUnprocessableEntity, "").Body)
	for _, part := range []string{`id="moved-fault"`, "Напишите дату цифрами", `value="в октябре"`, "Например, 31.05.2026", `value="ул. Мира, 1"`} {
		if !strings.Contains(page, part) {
			t.Errorf("no %s in %s", part, page)
		}
	}
	if strings.Contains(page, `type="date"`) || len(sent) > 0 {
		t.Errorf("sent: %q\n%s", sent, page)
	}
	for _, typed := range []string{"25.10.2026", "2026-10-25", ""} {
		form.Set("moved", typed)
		if res := send(b, mine, "/insurer", form); res.Status != http.StatusSeeOther {
			t.Errorf("%q: %d %s", typed, res.Status, res.Body)
		}
	}
	if len(sent) != 3 || !strings.Contains(sent[0], `"moved":"2026-10-25"`) || sent[1] != sent[0] || strings.Contains(sent[2], "moved") {
		t.Errorf("%q", sent)
	}
}

func TestAParentSaysByWhatRightAForeignersChildIsInsured(t *testing.T) {
	b := plain(t)
	b.Put("policy-card", answering(map[string]string{"GET /family": `{"items":[{"person":"self","name":{"given":"Анна"}}]}`}))
	var sent []string
	b.Put("policy-request", functiontest.Handler(func(r handler.Request) (handler.Response, error) {
		sent = append(sent, string(r.Body))
		return handler.Response{StatusCode: 202, Body: []byte(`{"id":"a1"}`)}, nil
	}))
	vera := kid{Name: person.Name{Given: "Вера"}, Record: true, ByFund: true, Foreign: true}
	mine := in(t, b, func(v *visitor) { v.Kids, v.Citizenship = []kid{vera}, "ARM" })
	get := func(path string, status int) functiontest.Response {
		return b.Call("GET", Name, path, "", nil, "Cookie", mine).Expect(status, "")
	}
	page := string(get("/requests/new?kind=register&for=child", 200).Body)
	for _, c := range policy.Categories {
		if offered := strings.Contains(page, `value="`+string(c)+`"`); offered != c.OfChildren() || offered && !strings.Contains(page, policy.ChildCategoryText(c).RU) {
			t.Errorf("%s: %t", c, offered)
		}
	}
	if !strings.Contains(page, "По какому праву ребёнок живёт в России") || strings.Contains(page, "Подать заявление") {
		t.Errorf("%s", page)
	}
	who := between(page, `name="for" value="`, `"`)
	if page := string(get("/requests/new?kind=register&step=category&for="+who, 422).Body); !strings.Contains(page, "Выберите основание.") {
		t.Errorf("%s", page)
	}
	open := func(c policy.Category) (url.Values, string) {
		page := get("/requests/new?kind=register&for="+who+"&category="+string(c), 200).Body
		form := formsOf(t, page)["/requests"][0]
		form.Set("region", "26")
		return form, string(page)
	}
	form, page := open(policy.TemporaryResident)
	if !strings.Contains(page, "Последний день разрешения на проживание") || strings.Contains(page, "basis.document") {
		t.Errorf("%s", page)
	}
	form.Set("basis.permit_until", "")
	if page := string(send(b, mine, "/requests", form).Expect(http.StatusUnprocessableEntity, "").Body); !strings.Contains(page, "Укажите последний день срока.") {
		t.Errorf("%s", page)
	}
	form.Set("basis.permit_until", calendar.DateOf(b.Now().AddDate(0, 1, 0)).String())
	shown := strings.TrimPrefix(send(b, mine, "/requests", form).Expect(http.StatusSeeOther, "").Header.Get("Location"), root)
	page = string(get(shown, 200).Body)
	if !strings.Contains(page, "в этот день заканчивается разрешение на временное проживание") || len(sent) > 0 {
		t.Fatalf("sent %q, %s", sent, page)
	}
	form.Set("until", between(page, `name="until" value="`, `"`))
	send(b, mine, "/requests", form).Expect(http.StatusSeeOther, "")
	if len(sent) != 1 || !strings.Contains(sent[0], `"person":"child"`) || !strings.Contains(sent[0], `"category":"temporary_resident"`) || !strings.Contains(sent[0], `"permit_until":"`+form.Get("basis.permit_until")+`"`) {
		t.Errorf("%q", sent)
	}
	form, _ = open(policy.Citizen)
	send(b, mine, "/requests", form).Expect(http.StatusSeeOther, "")
	if len(sent) != 2 || !strings.Contains(sent[1], `"category":"citizen"`) {
		t.Errorf("%q", sent)
	}
	// Nobody asks it of a child that is a citizen by all that the login tells.
	vera.ByFund, vera.Foreign = false, false
	mine = in(t, b, func(v *visitor) { v.Kids = []kid{vera} })
	if page := string(get("/requests/new?kind=register&for=child", 200).Body); strings.Contains(page, "category") || !strings.Contains(page, "Подать заявление") {
		t.Errorf("%s", page)
	}
}
