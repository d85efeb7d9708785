package function

import (
	"context"
	"encoding/json"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	handler "github.com/openfaas/templates-sdk/go-http"

	"polis/shared/access"
	"polis/shared/calendar"
	"polis/shared/directory"
	"polis/shared/fault"
	"polis/shared/functiontest"
	"polis/shared/ident"
	"polis/shared/policy"
	"polis/shared/server"
	"polis/shared/store"
)

// send posts a form of this site; one without a key as a page would that was shown
// to the same visitor.
func send(b *functiontest.Bench, cookie, path string, form url.Values) functiontest.Response {
	if !form.Has("key") {
		form = maps.Clone(form)
		form.Set("key", keyOf(b, cookie))
	}
	return b.Call("POST", Name, path, "", form.Encode(), "Cookie", cookie, "Content-Type", formType)
}

// keyOf is the key of a page that is shown to whoever has the cookie, "" where nobody
// is logged in.
func keyOf(b *functiontest.Bench, cookie string) string {
	sessions := store.OpenSessions(b.Env())
	defer sessions.Close()
	_, token, _ := strings.Cut(cookie, "=")
	found, _, err := sessions.Read(context.Background(), token, idle, time.Now())
	if err != nil {
		panic(err)
	}
	return (&portal{key: b.Env().Key("portal-session-key")}).keyFor(found.Account)
}

func cardIn(state string) string {
	return `{"person":"self","enp":"2656410837000318","status":"` + state + `","text":"Слова о состоянии"}`
}

func TestAPolicyIsOfferedWhatFitsItsState(t *testing.T) {
	b := plain(t)
	mine := in(t, b, func(v *visitor) { v.Birth = calendar.On(1990, 5, 1) })
	offers := map[string]string{"suspend": "Приостановить полис", "resume": "Возобновить полис", "restore": "Подать заявление на восстановление", "renew": "Оформить полис"}
	for state, want := range map[string]string{
		"active": "suspend", "no_insurer": "suspend", "suspended": "resume", "invalid": "restore renew", "expired": "renew", "": "suspend resume restore",
	} {
		b.Put("policy-card", answering(map[string]string{"GET /": cardIn(state)}))
		if state == "" {
			b.Put("policy-card", nil)
		}
		page := string(b.Call("GET", Name, "/suspend", "", nil, "Cookie", mine).Expect(200, "").Body)
		for offer, button := range offers {
			if strings.Contains(page, button) != strings.Contains(want, offer) {
				t.Errorf("%q: %s", state, offer)
			}
		}
		if strings.Contains(page, "Если теперь есть другое основание для полиса, подайте новое заявление: номер останется прежним.") != (state == "invalid") {
			t.Errorf("%q: %s", state, page)
		}
	}
	b.Put("policy-card", answering(map[string]string{"GET /": strings.Replace(cardIn("invalid"), "}", `,"ground":"death","region":"26"}`, 1)}))
	page := string(b.Call("GET", Name, "/suspend", "", nil, "Cookie", mine).Expect(200, "").Body)
	for offer, button := range offers {
		if strings.Contains(page, button) {
			t.Errorf("from a death: %s", offer)
		}
	}
	if !strings.Contains(page, "8 (8652) 94-11-25") {
		t.Errorf("nobody to call about a death: %s", page)
	}
	minor := in(t, b, func(v *visitor) { v.Birth = calendar.On(2009, 3, 11) })
	page = string(b.Call("GET", Name, "/suspend", "", nil, "Cookie", minor).Expect(200, "").Body)
	if strings.Contains(page, "<button class=\"main\">Приостановить полис") || !strings.Contains(page, "законный представитель") {
		t.Errorf("a minor: %s", page)
	}
	b.SetClock(time.Date(2027, time.March, 10, 12, 0, 0, 0, time.UTC)) // the birthday has come in Kamchatka
	if page = string(b.Call("GET", Name, "/suspend", "", nil, "Cookie", minor).Expect(200, "").Body); strings.Contains(page, "До 18 лет") {
		t.Errorf("who may be of age where they are insured: %s", page)
	}
}

func TestATeenagerIsNotOfferedWhatOthersDoForThem(t *testing.T) {
	b := plain(t)
	b.Put("consent-toggle", answering(map[string]string{"GET /": bothGiven}))
	b.Put("policy-request", answering(map[string]string{"GET /": `{"items":[]}`}))
	const theirs = "До 18 лет страховую выбирает родитель или другой законный представитель."
	for born, minor := range map[calendar.Date]bool{calendar.On(2010, 3, 11): true, calendar.On(1990, 5, 1): false} {
		cookie := in(t, b, func(v *visitor) { v.Birth = born })
		for _, state := range []string{"active", "no_insurer", "suspended", "invalid"} {
			standIn := strings.Replace(cardIn(state), "}", `,"insurer":{"stand_in":true}}`, 1)
			b.Put("policy-card", answering(map[string]string{"GET /family": aFamily, "GET /": standIn}))
			for _, path := range []string{"/", "/card"} {
				page := string(b.Call("GET", Name, path, "", nil, "Cookie", cookie).Expect(200, "").Body)
				over := path == "/card" && state == "invalid" // then nobody chooses
				if strings.Contains(page, root+"/suspend") == minor || strings.Contains(page, root+"/insurer") != (!minor && !over) {
					t.Errorf("a minor %v, %s, %s: %s", minor, state, path, page)
				}
				if says := state == "no_insurer" || path == "/card" && !over; strings.Contains(page, theirs) != (minor && says) {
					t.Errorf("a minor %v, %s, %s: %s", minor, state, path, page)
				}
			}
		}
	}
}

func TestASuspensionIsSubmittedAndARefusalStaysOnThePage(t *testing.T) {
	b := plain(t)
	mine := in(t, b)
	var asked string
	answer := handler.Response{StatusCode: 202, Body: []byte(`{"id":"a1"}`)}
	b.Put("policy-lifecycle", functiontest.Handler(func(r handler.Request) (handler.Response, error) {
		asked = string(r.Body)
		return answer, nil
	}))
	form := url.Values{"action": {"suspend"}, "ground": {"mobilisation"}, "from": {"11.03.2026"}, "until": {""}}
	// Each step is a page of its own, which the back button finds again; its
	// address tells nothing of a service.
	others := in(t, b, func(v *visitor) { v.Account = ident.Home(ident.Account, [32]byte{}, "pavel") })
	shown := func(cookie, path string) string {
		t.Helper()
		return string(b.Call("GET", Name, strings.TrimPrefix(path, root), "", nil, "Cookie", cookie).Expect(200, "").Body)
	}
	confirm := func() string {
		t.Helper()
		to := send(b, mine, "/suspend", form).Expect(http.StatusSeeOther, "").Header.Get("Location")
		if draft, found := strings.CutPrefix(to, root+"/suspend/confirm?draft="); !found || strings.Contains(draft, "mobilisation") || strings.Contains(draft, "2026") {
			t.Fatal(to)
		}
		return to
	}
	at := confirm()
	page := shown(mine, at)
	for _, want := range []string{"Проверьте и подтвердите", "11\u00a0марта\u00a02026", `name="ground" value="mobilisation"`, "Подтвердить приостановление"} {
		if !strings.Contains(page, want) || asked != "" {
			t.Errorf("asked %q, and the page lacks %s", asked, want)
		}
	}
	for until, says := range map[string][2]string{"": {"пока его не возобновят", "возобновится сам"}, "20.12.2026": {"возобновится сам", "пока его не возобновят"}} {
		form.Set("until", until)
		if page := shown(mine, confirm()); !strings.Contains(page, says[0]) || strings.Contains(page, says[1]) {
			t.Errorf("until %q: %s", until, page)
		}
	}
	form.Set("until", "")
	change := between(page, `<a href="`+root+`/suspend?draft=`, `"`)
	if page = shown(mine, "/suspend?draft="+change); !strings.Contains(page, `value="mobilisation" checked`) || asked != "" {
		t.Errorf("asked %q, and what was chosen is lost", asked)
	}
	if page = shown(others, "/suspend?draft="+change); strings.Contains(page, "checked") {
		t.Error("another account has read what was chosen")
	}
	for cookie, path := range map[string]string{others: at, mine: "/suspend/confirm?draft=x"} {
		if to := b.Call("GET", Name, strings.TrimPrefix(path, root), "", nil, "Cookie", cookie).Expect(http.StatusSeeOther, "").Header.Get("Location"); to != root+"/suspend" {
			t.Error(to)
		}
	}
	form.Set("step", "confirmed")
	res := send(b, mine, "/suspend", form).Expect(http.StatusSeeOther, "")
	if res.Header.Get("Location") != root+"/requests/a1" || asked != `{"action":"suspend","from":"2026-03-11","ground":"mobilisation","person":"self"}` {
		t.Errorf("%s to %s", asked, res.Header.Get("Location"))
	}
	form.Set("until", "летом")
	if page := string(send(b, mine, "/suspend", form).Expect(422, "").Body); !strings.Contains(page, `href="#until"`) || !strings.Contains(page, `value="летом"`) {
		t.Errorf("%s", page)
	}
	form.Set("until", "")
	answer = handler.Response{StatusCode: 422, Header: http.Header{"Content-Type": {"application/problem+json"}},
		Body: []byte(`{"status":422,"code":"invalid_fields","detail":"Проверьте","errors":[{"field":"ground","code":"ground_unknown","detail":"Выберите основание из списка."}]}`)}
	form.Del("ground")
	for _, step := range []string{"", "confirmed"} {
		form.Set("step", step)
		page := string(send(b, mine, "/suspend", form).Expect(422, "").Body)
		for _, want := range []string{"Выберите основание из списка.", `value="11.03.2026"`, `href="#ground"`} {
			if !strings.Contains(page, want) {
				t.Errorf("%q: the page lacks %s", step, want)
			}
		}
	}
	for _, wrong := range []url.Values{{"from": {""}}, {"from": {"30.02.2026"}}, {"until": {"10.03.2026"}}, {"until": {"x"}}, {"until": {"31.12.2099"}}, {"until": {"31.12.9999"}}} {
		form := url.Values{"action": {"suspend"}, "ground": {"mobilisation"}, "from": {"11.03.2026"}}
		for field, value := range wrong {
			form[field] = value
			if page := string(send(b, mine, "/suspend", form).Expect(422, "").Body); !strings.Contains(page, `href="#`+field+`"`) {
				t.Errorf("%v is not told", wrong)
			}
		}
	}
}

// refusing is a function in place of the real one, that refuses whatever it is
// asked.
func refusing(problem string) functiontest.Handler {
	return func(handler.Request) (handler.Response, error) {
		return handler.Response{StatusCode: 409, Header: http.Header{"Content-Type": {"application/problem+json"}}, Body: []byte(problem)}, nil
	}
}

func TestARefusalLeadsToWhatHelpsEverywhere(t *testing.T) {
	const unknown = `{"status":409,"code":"not_in_register","detail":"Вашей записи в регистре нет.","suggest":"register"}`
	const dead = `{"status":409,"code":"death_recorded","detail":"В регистре записана смерть."}`
	const way, phone = `/requests/new?kind=register">Получить полис впервые`, "8 (8652) 94-11-25"
	b := plain(t)
	mine := in(t, b, func(v *visitor) { v.Birth = calendar.On(1990, 5, 1) })
	for problem, leads := range map[string]bool{unknown: true, dead: false} {
		for _, name := range []string{"policy-card", "smo-selection", "policy-lifecycle"} {
			b.Put(name, refusing(problem))
		}
		pages := map[string][]byte{"sent": send(b, mine, "/suspend", url.Values{"action": {"restore"}}).Expect(409, "").Body}
		for _, path := range []string{"/suspend", "/services", "/history", "/insurer"} {
			pages[path] = b.Call("GET", Name, path, "", nil, "Cookie", mine).Expect(409, "").Body
		}
		for path, page := range pages {
			page := string(page)
			if strings.Contains(page, way) != leads || strings.Count(page, phone) != 1 || strings.Contains(page, `action="`+root+`/suspend"`) {
				t.Errorf("%s: %s", path, page)
			}
			if main := strings.Count(page, `class="button main"`); leads && main != 1 {
				t.Errorf("%s: %d main buttons", path, main)
			}
		}
	}
}

func TestWithoutTheYearsCalendarOneIsToldWhatToDo(t *testing.T) {
	b := plain(t)
	mine := in(t, b)
	_, missing := calendar.Workdays{}.AddWorkingDays(calendar.On(2026, 12, 30), 5)
	problem, err := json.Marshal(map[string]any{"status": 409, "code": fault.From(missing).Code, "detail": fault.From(missing).Detail.RU})
	if err != nil {
		t.Fatal(err)
	}
	b.Put("policy-lifecycle", refusing(string(problem)))
	page := string(send(b, mine, "/suspend", url.Values{"action": {"restore"}}).Expect(409, "").Body)
	for _, part := range []string{"Заявление не принято", "позвоните в территориальный фонд", "8 (8652) 94-11-25"} {
		if !strings.Contains(page, part) {
			t.Errorf("no %q in %s", part, page)
		}
	}
}

func TestOfAPolicyThatIsOverNoMoveIsOffered(t *testing.T) {
	for code, offered := range map[string]bool{"insurer_changed_this_year": true, "policy_ended": false, "death_recorded": false} {
		page := seen(t, "/insurer", map[string]map[string]string{"smo-selection": {
			"GET /allowed": `{"allowed":false,"code":"` + code + `","detail":"Сейчас нельзя.","region":"26","article":"326-ФЗ, ст. 16"}`}})
		if strings.Contains(page, "Переезд в другой регион") != offered || strings.Contains(page, "8 (8652) 94-11-25") != (code == "death_recorded") {
			t.Errorf("%s: %s", code, page)
		}
	}
}

func TestRegionsAreChosenFromAListByName(t *testing.T) {
	for _, path := range []string{"/requests/new?kind=register&for=self", "/insurer?reason=move"} {
		page := seen(t, path, map[string]map[string]string{"smo-selection": {"GET /allowed": `{"allowed":true,"region":"26","article":"326-ФЗ, ст. 16"}`}})
		var at []int
		for _, name := range []string{"Алтайский край", "Москва", "Московская область", "Республика Адыгея", "Ярославская область"} {
			at = append(at, strings.Index(page, ">"+name+"</option>"))
		}
		if at[0] < 0 || !slices.IsSorted(at) {
			t.Errorf("%s: %d in %s", path, at, page)
		}
	}
}

func TestTheInboxSaysWhatWasJustDone(t *testing.T) {
	b := plain(t)
	b.Put("review-desk", answering(map[string]string{"GET /": `{"items":[]}`}))
	mine := in(t, b, func(v *visitor) { v.Role = access.Fund })
	for sent, want := range map[string]string{"approve": "заявление одобрено", "refuse": "отказано", "ask": "Вопрос отправлен", "x": "", "": ""} {
		page := string(b.Call("GET", Name, "/desk?sent="+sent, "", nil, "Cookie", mine).Expect(200, "").Body)
		if !strings.Contains(page, want) || strings.Contains(page, "notice good") != (want != "") {
			t.Errorf("%q: %s", sent, page)
		}
	}
}

const opened = `{"case":{"id":"a1","number":"20260310-AAAA-BBBB","kind":"restore","status":"working","taken":"TAKEN","submitted":"2026-03-10T09:00:00+03:00","due":"2026-03-16T23:59:59+03:00","overdue":true},
"application":{"id":"a1","number":"20260310-AAAA-BBBB","kind":"restore","status":"working","timeline":[{"at":"2026-03-10T09:00:00+03:00","status":"submitted","detail":"Заявление подано"}]},
"applicant":{"name":{"family":"Берёзкина","given":"Анна"},"sex":"F","birth_date":"1996-02-17","citizenship":"RUS","document":{"type":14,"series":"45 12","number":"123456"}},
"record":{"answered":true,"status":"invalid","text":"Аннулирован с 10.03.2026","enp":"2656410837000318","changes":[{"turn":"end","ground":"citizenship_lost","since":"2026-03-10","source":"interior"}]}}`

func TestTheStaffWhoDecideHaveAnInboxAndNobodyElse(t *testing.T) {
	b := plain(t)
	as := func(role access.Role) string {
		return in(t, b, func(v *visitor) { v.Role, v.Confirmed = role, false })
	}
	b.Put("review-desk", answering(map[string]string{
		"GET /":   `{"items":[{"id":"a1","number":"20260310-AAAA-BBBB","kind":"restore","status":"working","taken":"another","submitted":"2026-03-10T09:00:00+03:00","due":"2026-03-16T23:59:59+03:00","overdue":true}],"next":"0.a1"}`,
		"GET /a1": strings.ReplaceAll(opened, "TAKEN", "nobody"),
	}))
	for _, role := range []access.Role{access.Fund, access.Staff} {
		if to := b.Call("GET", Name, "/", "", nil, "Cookie", as(role)).Expect(303, "").Header.Get("Location"); to != root+"/desk" {
			t.Errorf("%s is led to %s", role, to)
		}
		page := string(b.Call("GET", Name, "/desk", "", nil, "Cookie", as(role)).Expect(200, "").Body)
		for _, want := range []string{"Срок ответа истёк", "рассматривает другой сотрудник", "/desk/a1", "/desk?next=0.a1"} {
			if !strings.Contains(page, want) {
				t.Errorf("%s: the inbox lacks %s", role, want)
			}
		}
	}
	for _, role := range []access.Role{access.Citizen, access.Clinic, access.Source, access.Operator, access.Auditor} {
		for _, path := range []string{"/desk", "/desk/a1"} {
			b.Call("GET", Name, path, "", nil, "Cookie", as(role)).Expect(403, "")
		}
		send(b, as(role), "/desk/a1", url.Values{"action": {"take"}}).Expect(403, "")
	}
	b.Call("GET", Name, "/desk/a1", "", nil).Expect(303, "")
	fund := as(access.Fund)
	if page := string(b.Call("GET", Name, "/desk/a1", "", nil, "Cookie", fund).Expect(200, "").Body); !strings.Contains(page, "Взять в работу") || strings.Contains(page, "Одобрить") ||
		!strings.Contains(page, "Аннулирован: утрата гражданства") || !strings.Contains(page, "МВД") ||
		!strings.Contains(page, "Паспорт гражданина Российской Федерации: 45 12 123456") || !strings.Contains(page, "<dd>Россия</dd>") {
		t.Error(page)
	}
	b.Call("POST", Name, "/desk/a1", "", "action=approve", "Cookie", fund, "Content-Type", formType, "Sec-Fetch-Site", "cross-site").Expect(403, "")
}

func TestAReviewersVerdictIsSentWithItsReasonAndARefusedOneStaysOnThePage(t *testing.T) {
	b := plain(t)
	fund := in(t, b, func(v *visitor) { v.Role, v.Confirmed = access.Fund, false })
	var asked string
	refused := false
	b.Put("review-desk", functiontest.Handler(func(r handler.Request) (handler.Response, error) {
		if r.Method == http.MethodGet {
			return handler.Response{StatusCode: 200, Body: []byte(strings.ReplaceAll(opened, "TAKEN", "you"))}, nil
		}
		asked = server.Path(r.Context()) + " " + string(r.Body)
		if refused {
			return handler.Response{StatusCode: 422, Header: http.Header{"Content-Type": {"application/problem+json"}},
				Body: []byte(`{"status":422,"code":"invalid_fields","detail":"Проверьте","errors":[{"field":"reasons.0.detail","code":"required","detail":"Напишите, что исправить."}]}`)}, nil
		}
		return handler.Response{StatusCode: 200, Body: []byte(`{}`)}, nil
	}))
	for _, tc := range []struct {
		form     url.Values
		to, body string
	}{
		{url.Values{"action": {"take"}}, "/desk/a1", `{"action":"take"}`},
		{url.Values{"action": {"approve"}, "step": {"confirmed"}}, "/desk?sent=approve", `{"action":"approve"}`},
		{url.Values{"action": {"ask"}, "code": {"other"}, "detail": {"Когда?"}}, "/desk?sent=ask", `{"action":"ask","reasons":[{"code":"other","detail":"Когда?"}]}`},
		{url.Values{"action": {"refuse"}, "code": {"ground_missing"}, "detail": {"Нет"}, "step": {"confirmed"}}, "/desk?sent=refuse", `{"action":"refuse","reasons":[{"code":"ground_missing","detail":"Нет"}]}`},
	} {
		res := send(b, fund, "/desk/a1", tc.form).Expect(303, "")
		if res.Header.Get("Location") != root+tc.to || asked != "/a1 "+tc.body {
			t.Errorf("%s to %s", asked, res.Header.Get("Location"))
		}
	}
	refused = true
	page := string(send(b, fund, "/desk/a1", url.Values{"action": {"ask"}, "code": {"other"}, "detail": {"Когда?"}}).Expect(422, "").Body)
	for _, want := range []string{"Напишите, что исправить.", `<option value="other" selected>`, `href="#reasons.0.detail"`} {
		if !strings.Contains(page, want) {
			t.Errorf("the page lacks %s", want)
		}
	}
}

func TestAReviewerWhoseLoginTellsNoSNILSIsToldSo(t *testing.T) {
	b := plain(t)
	b.Put("review-desk", functiontest.Handler(func(r handler.Request) (handler.Response, error) {
		if r.Method == http.MethodGet {
			return handler.Response{StatusCode: 200, Body: []byte(strings.ReplaceAll(opened, "TAKEN", "nobody"))}, nil
		}
		return handler.Response{StatusCode: 403, Header: http.Header{"Content-Type": {"application/problem+json"}},
			Body: []byte(`{"status":403,"code":"reviewer_snils_missing","detail":"Ваш вход не сообщает СНИЛС."}`)}, nil
	}))
	fund := in(t, b, func(v *visitor) { v.Role, v.Confirmed = access.Fund, false })
	page := string(send(b, fund, "/desk/a1", url.Values{"action": {"take"}}).Expect(403, "").Body)
	if !strings.Contains(page, "Ваш вход не сообщает СНИЛС.") || !strings.Contains(page, "Берёзкина") {
		t.Errorf("%s", page)
	}
}

func TestAVerdictIsConfirmedFirstAndHasAReasonThatSomebodyChose(t *testing.T) {
	b := plain(t)
	fund := in(t, b, func(v *visitor) { v.Role, v.Confirmed = access.Fund, false })
	b.Put("review-desk", functiontest.Handler(func(r handler.Request) (handler.Response, error) {
		if r.Method != http.MethodGet {
			t.Errorf("sent without a confirmation: %s", r.Body)
		}
		return handler.Response{StatusCode: 200, Body: []byte(strings.ReplaceAll(opened, "TAKEN", "you"))}, nil
	}))
	why := url.Values{"action": {"refuse"}, "code": {"data_differ"}, "detail": {"Другой <паспорт>"}}
	back := url.Values{"action": {"refuse"}, "code": {"data_differ"}, "detail": {"Другой <паспорт>"}, "step": {"back"}}
	for rule, tc := range map[string]struct {
		form   url.Values
		status int
		has    []string
	}{
		"an approval is shown":   {url.Values{"action": {"approve"}}, 200, []string{"Проверьте и подтвердите", "Подтвердить одобрение", `value="confirmed"`, "Берёзкина"}},
		"a refusal is shown":     {why, 200, []string{"Подтвердить отказ", "Данные не совпадают", `value="Другой &lt;паспорт&gt;"`}},
		"one may go back":        {back, 200, []string{`<option value="data_differ" selected>`, "Другой &lt;паспорт&gt;</textarea>"}},
		"no reason is chosen":    {url.Values{"action": {"refuse"}, "code": {""}, "detail": {"Нет"}}, 422, []string{"Выберите причину.", `href="#reasons.0.code"`, `id="reasons.0.code"`}},
		"no text is written":     {url.Values{"action": {"ask"}, "code": {"other"}, "detail": {" "}}, 422, []string{"Напишите, что исправить.", `id="reasons.0.detail"`}},
		"not even by confirming": {url.Values{"action": {"refuse"}, "step": {"confirmed"}}, 422, []string{"Выберите причину.", "Напишите, что исправить."}},
	} {
		page := string(send(b, fund, "/desk/a1", tc.form).Expect(tc.status, "").Body)
		for _, want := range tc.has {
			if !strings.Contains(page, want) {
				t.Errorf("%s: the page lacks %s", rule, want)
			}
		}
		if strings.Count(page, `id="reasons.0.code"`) > 1 {
			t.Errorf("%s: two fields of one id", rule)
		}
	}
}

func TestOfADecidedCaseThePageShowsItsCourseAlone(t *testing.T) {
	b := plain(t)
	const closed = `{"case":{"id":"a1","number":"20260310-AAAA-BBBB","kind":"restore","status":"STATUS","taken":"nobody"},
"application":{"id":"a1","number":"20260310-AAAA-BBBB","kind":"restore","status":"STATUS","reasons":[{"code":"other","detail":"Нужен паспорт"}],
"timeline":[{"at":"2026-03-10T09:00:00+03:00","status":"submitted","detail":"Заявление подано"},{"at":"2026-03-11T09:00:00+03:00","status":"STATUS","detail":"Отказано"}]}}`
	fund := in(t, b, func(v *visitor) { v.Role, v.Confirmed = access.Fund, false })
	for _, status := range []string{"refused", "working"} { // what is approved is still to be put into the register
		b.Put("review-desk", answering(map[string]string{"GET /a1": strings.ReplaceAll(closed, "STATUS", status)}))
		for what, page := range map[string]functiontest.Response{
			"opened":                     b.Call("GET", Name, "/desk/a1", "", nil, "Cookie", fund),
			"decided by another by then": send(b, fund, "/desk/a1", url.Values{"action": {"approve"}}),
		} {
			page := string(page.Expect(200, "").Body)
			for _, want := range []string{"Решение по заявлению принято", "Нужен паспорт", "Заявление подано", "20260310-AAAA-BBBB"} {
				if !strings.Contains(page, want) {
					t.Errorf("%s, %s: the page lacks %s", status, what, want)
				}
			}
			for _, other := range []string{"<h2>Заявитель", "Что в регистре", "Взять в работу", `name="action"`} {
				if strings.Contains(page, other) {
					t.Errorf("%s, %s: the page has %s", status, what, other)
				}
			}
		}
	}
}

func TestWhoIsAskedForSomethingReadsWhatToDoAndTheReviewerWhatWasAsked(t *testing.T) {
	b := plain(t)
	asked := `"id":"a1","number":"20260310-AAAA-BBBB","kind":"restore","status":"needs_person","due":"2026-03-16T23:59:59+03:00","reasons":[{"code":"document_unclear","detail":"Нужен паспорт"}],
"timeline":[{"at":"2026-03-10T09:00:00+03:00","status":"needs_person","detail":"Нужны ваши действия: специалист просит уточнить данные"}]`
	b.Put("policy-request", answering(map[string]string{"GET /a1": `{` + asked + `,"person":"self","text":"Нужны ваши действия",
"help":{"fund":{"name":"Фонд края","phone":"+7 8652 94-11-35"},"insurers":[{"smo":"26002","name":"Первая страховая"}]}}`}))
	page := string(b.Call("GET", Name, "/requests/a1", "", nil, "Cookie", in(t, b)).Expect(200, "").Body)
	for _, want := range []string{"Нужен паспорт", "придите с документами, назовите номер заявления", "Фонд края", "Ответ будет не позже"} {
		if !strings.Contains(page, want) {
			t.Errorf("the applicant's page lacks %s", want)
		}
	}
	for _, other := range []string{"Первая страховая", "Страницу можно закрыть", "К кому обратиться"} {
		if strings.Contains(page, other) {
			t.Errorf("the applicant's page has %s", other)
		}
	}
	b.Put("review-desk", answering(map[string]string{"GET /a1": `{"case":{"id":"a1","kind":"restore","status":"needs_person","taken":"nobody"},"application":{` + asked + `},"applicant":{},"record":{}}`}))
	fund := in(t, b, func(v *visitor) { v.Role, v.Confirmed = access.Fund, false })
	page = string(b.Call("GET", Name, "/desk/a1", "", nil, "Cookie", fund).Expect(200, "").Body)
	for _, want := range []string{"Ждём ответа заявителя", "Нужен паспорт", "У заявителя запросили уточнение"} {
		if !strings.Contains(page, want) {
			t.Errorf("the reviewer's page lacks %s", want)
		}
	}
	if strings.Contains(page, "Нужны ваши действия") {
		t.Error("the reviewer reads what is meant for the applicant")
	}
}

func TestAnEmployeeIsToldWhoseTheyAre(t *testing.T) {
	b := plain(t)
	insurer, ok := directory.Demo().FindInsurer("26002")
	if !ok {
		t.Fatal("the directory has no 26002")
	}
	for _, tc := range []struct {
		role       access.Role
		unit, want string
	}{
		{access.Staff, "26002", insurer.Name}, {access.Staff, "99999", "99999"}, {access.Fund, "", "территориальный фонд ОМС"}, {access.Clinic, "260001", "260001"},
	} {
		cookie := in(t, b, func(v *visitor) { v.Role, v.Unit = tc.role, tc.unit })
		if page := string(b.Call("GET", Name, "/me", "", nil, "Cookie", cookie).Expect(200, "").Body); !strings.Contains(page, "<dt>Организация</dt><dd>"+tc.want+"</dd>") {
			t.Errorf("%s of %q: %s", tc.role, tc.unit, page)
		}
	}
	if page := string(b.Call("GET", Name, "/me", "", nil, "Cookie", in(t, b)).Expect(200, "").Body); strings.Contains(page, "Организация") {
		t.Error("a citizen has an organisation")
	}
}

func TestACaseOfAFirstPolicySaysForWhomAndOnWhatGround(t *testing.T) {
	b := plain(t)
	fund := in(t, b, func(v *visitor) { v.Role, v.Confirmed = access.Fund, false })
	b.Put("review-desk", answering(map[string]string{"GET /a1": `{"case":{"id":"a1","kind":"register","status":"working","taken":"nobody"},
"application":{"id":"a1","kind":"register","status":"working","category":"temporary_resident","ends":"2027-05-01","validity":"Полис действует до 31.12.2026","child":{"family":"Берёзкин","given":"Пётр"}},
"child":{"person":{"name":{"family":"Берёзкин","given":"Пётр"},"sex":"M","birth_date":"2026-02-20","document":{"type":3,"series":"V-ДН","number":"551200"}},"birth_record":{"number":"120269260000104108001","date":"2026-02-27"}},"applicant":{},"record":{}}`}))
	page := string(b.Call("GET", Name, "/desk/a1", "", nil, "Cookie", fund).Expect(200, "").Body)
	for _, want := range []string{"<dd>Берёзкин Пётр</dd>", "20\u00a0февраля\u00a02026", "V-ДН 551200", "120269260000104108001", policy.ChildCategoryText("temporary_resident").RU + ". Полис действует до 31\u00a0декабря\u00a02026\u00a0г.", "<dt>Основание действует по</dt><dd>1\u00a0мая\u00a02027"} {
		if !strings.Contains(page, want) {
			t.Errorf("the page lacks %s", want)
		}
	}
}
