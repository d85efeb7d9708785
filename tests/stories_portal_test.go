package tests

import (
	"bytes"
	"net/http"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"polis/local/personas"
	"polis/tests/browser"
)

// way is how a person uses the portal.
type way struct {
	screen   browser.Screen
	script   bool
	keyboard bool // and nothing else
	whole    bool // in all of Chromium, see browser.Options
}

// inAll of Chromium: for what a page is to its browser, not to its reader.
func (w way) inAll() way { w.whole = true; return w }

func (w way) String() string {
	name := "phone"
	if !w.screen.Mobile {
		name = "desktop"
	}
	if w.keyboard {
		name += " by keyboard"
	}
	if !w.script {
		name += " without JavaScript"
	}
	return name
}

// ways are each screen with JavaScript and without, and each of these by
// keyboard alone.
var ways = []way{
	{screen: browser.Phone, script: true}, {screen: browser.Phone},
	{screen: browser.Desktop, script: true, keyboard: true}, {screen: browser.Desktop, keyboard: true},
}

// visit is a person with a browser at the portal.
type visit struct {
	*browser.Page
	*stage
	t      *testing.T
	way    way
	clicks *int // so far
}

func (s *stage) visit(t *testing.T, w way) visit {
	t.Helper()
	return visit{browser.Open(t, w.screen, browser.Options{JavaScript: w.script, Whole: w.whole}), s, t, w, new(int)}
}

// everyway plays a story of a persona in each way, one after the other on one
// stage, whose clock goes on. Each begins without consents.
func (s *stage) everyway(t *testing.T, persona string, story func(v visit)) {
	for _, w := range ways {
		t.Run(w.String(), func(t *testing.T) {
			s.forgets(t, persona)
			story(s.visit(t, w))
		})
	}
}

// tab is a second one of the same person.
func (v visit) tab() visit {
	v.Page = v.NewTab()
	return v
}

// portal is a page's address.
func (s *stage) portal(path string) string { return s.BaseURL() + "/function/portal" + path }

func (v visit) opens(path string) { v.t.Helper(); v.Go(v.portal(path)) }

// digits is a date as machines write it; one that shows how to type one is named
// as an example.
var digits = regexp.MustCompile(`(апример,? |[Aa]s in )?\b(\d\d\.\d\d\.\d{4}|\d{4}-\d\d-\d\d)\b`)

// Has waits until the text can be seen; without a script that takes reloading the
// page of an application. The page that shows it has its dates in words.
func (v visit) Has(text string) {
	v.t.Helper()
	if !v.way.script {
		v.reloads(text)
	}
	v.Page.Has(text)
	if !strings.HasPrefix(v.URL(), v.portal("")) {
		return
	}
	for _, found := range digits.FindAllStringSubmatch(v.Text(), -1) {
		if found[1] == "" {
			v.t.Errorf("%s has the date %s", v.URL(), found[2])
		}
	}
}

// reload is the link of an application under way.
const reload = "Обновить страницу"

// reloads a page that does not follow an application by itself, until the text
// can be seen. That is one click, however slow the machine.
func (v visit) reloads(text string) {
	v.t.Helper()
	clicks := *v.clicks
	poll(v.t, patience, time.Second, text+" after reloading", func() bool {
		if v.Sees(text) || !v.Sees(reload) {
			return true
		}
		v.does(reload)
		return v.Sees(text)
	})
	*v.clicks = min(*v.clicks, clicks+1)
}

// does what a link, a button or a summary is for.
func (v visit) does(name string) { v.t.Helper(); v.uses(name, "Enter") }

// ticks a checkbox or a radio button.
func (v visit) ticks(name string) { v.t.Helper(); v.uses(name, "Space") }

func (v visit) uses(name, key string) {
	v.t.Helper()
	*v.clicks++
	if v.way.keyboard {
		v.TabTo(name)
		v.Press(key)
	} else {
		v.Click(name)
	}
}

// writes into a field.
func (v visit) writes(label, text string) {
	v.t.Helper()
	if !v.way.keyboard {
		v.Type(label, text)
		return
	}
	v.TabTo(label)
	for _, r := range text {
		v.Press(string(r))
	}
}

// logsIn comes from the first page, and chooses a test person there.
func (v visit) logsIn(person string) {
	v.t.Helper()
	v.opens("/")
	v.does("Войти")
	v.chooses(person)
}

// chooses who one is, at the login.
func (v visit) chooses(person string) {
	v.t.Helper()
	p, ok := personas.Find(person)
	if !ok {
		v.t.Fatalf("there is no %s", person)
	}
	v.does(strings.TrimSpace(p.Human.FullName() + " " + p.About + " " + p.Name))
	*v.clicks = 0
}

const (
	consentTo = "Согласие на обработку данных — "
	ffoms     = "Федеральный фонд ОМС"
	mincifry  = "Минцифры России"
	agree     = "Дать согласие и показать полис"
)

// agrees to all for oneself and asks for the policy.
func (v visit) agrees() {
	v.t.Helper()
	v.ticks(consentTo + ffoms)
	v.ticks(consentTo + mincifry)
	v.does(agree)
}

// forgets brings a persona back to where they have given no consent and may.
func (s *stage) forgets(t *testing.T, persona string) {
	t.Helper()
	p, _ := personas.Find(persona)
	who, waits := s.as(t, persona), false
	if !p.Confirmed {
		return // and so may give none
	}
	for _, c := range read[list[consentView]](who.get("/consent-toggle").is(http.StatusOK)).Items {
		if c.Status == "granted" {
			who.revokes(c.Operator, c.Person)
		}
		waits = waits || c.Status != "none"
	}
	if waits {
		s.later(t, 11*time.Minute)
	}
}

func TestInTheBrowserFromLoginToThePDF(t *testing.T) {
	s := newStage(t)
	s.everyway(t, "insured", func(v visit) {
		insured := s.as(v.t, "insured")
		v.logsIn("insured")
		v.agrees()
		v.Has("Открыть полис")
		v.does("Открыть полис")
		v.Has("2656 4108 3700 0318")
		v.Has("Городская поликлиника № 1")
		if !v.way.script {
			v.HasNot("Копировать номер") // which takes a script
		}
		v.does("Получить выписку")
		v.Has("Выписка готова")
		if *v.clicks++; *v.clicks > 7 { // with the one that saves it
			v.t.Errorf("%d clicks from the login to the PDF", *v.clicks)
		}
		name, content := v.Download("Скачать PDF")
		made := insured.documents()
		if len(made) != 1 || !strings.HasSuffix(name, ".pdf") {
			v.t.Fatalf("%s of %+v", name, made)
		}
		if given := insured.get("/extract-rendering/" + made[0].ID).is(http.StatusOK).body; !bytes.Equal(content, given) {
			v.t.Errorf("%d bytes were saved instead of %d", len(content), len(given))
		}

		before := len(s.mailed(human(v.t, "insured").Email))
		v.does("Отправить мне на почту")
		v.Has("Отправляем на kovalev@example.org")
		inTime(v.t, 2*patience, "the letter", func() bool { return len(s.mailed(human(v.t, "insured").Email)) > before })
		letter := s.mailed(human(v.t, "insured").Email)[before]
		if len(letter.Files) != 1 || !strings.HasPrefix(letter.Subject, "Выписка ") {
			v.t.Errorf("came: %+v", letter)
		}
		v.opens("/notices")
		v.Has("Почта: отправлено")
	})
}

func TestInTheBrowserASimplifiedAccountIsToldHowToConfirmIt(t *testing.T) {
	s := newStage(t)
	s.everyway(t, "unconfirmed", func(v visit) {
		v.logsIn("unconfirmed")
		for _, path := range []string{
			"/", "/card", "/consents", "/consents/receipts/x", "/requests", "/requests/new?kind=link", "/requests/x",
			"/documents", "/documents/x", "/documents/x/file", "/notices", "/access",
		} {
			v.opens(path)
			if v.Has("Подтвердите учётную запись"); v.URL() != s.portal("/confirm") {
				v.t.Errorf("%s leads to %s", path, v.URL())
			}
		}
		for _, how := range []string{"В приложении банка", "В центре обслуживания", "Электронной подписью", "Экстренную помощь оказывают и без полиса"} {
			v.Has(how)
		}
		v.HasNot("Заявления")
		v.does("Выйти и войти снова")
		v.does("Войти")
		v.Has("Это тестовый вход")
	})
}

func TestInTheBrowserANewcomerIsSearchedForAndThenGetsAPolicy(t *testing.T) {
	t.Parallel()
	for _, w := range []way{ways[0], ways[3]} {
		t.Run(w.String(), func(t *testing.T) {
			s := newStage(t)
			v := s.visit(t, w)
			newcomer := s.as(t, "newcomer")
			v.logsIn("newcomer")
			v.agrees()
			v.Has("Пока не нашли, ищем дальше")
			s.later(t, 5*24*time.Hour+time.Hour)
			help := newcomer.becomes(newcomer.applications()[0].ID, "refused").Help
			v.Has("К кому обратиться")
			v.Has(help.Fund.Phone)
			v.opens("/")
			v.does("Что делать")
			v.does("Получить полис впервые")
			if w.keyboard {
				v.TabTo("Выберу позже")
				v.Press("ArrowDown") // from the last to the first
			} else {
				v.Click(help.Insurers[0].Name)
			}
			v.does("Подать заявление")
			v.Has("Полис оформлен")
			enp := newcomer.applications()[0].ENP
			grouped := enp[:4] + " " + enp[4:8] + " " + enp[8:12] + " " + enp[12:]
			v.Has(grouped)
			v.does("Показать полис") // the consents are given
			v.Has("Открыть полис")
			v.does("Открыть полис")
			v.Has(grouped)
			v.Has(help.Insurers[0].Name)
		})
	}
}

func TestInTheBrowserAMotherSeesHerCardAndHerChildsEachUnderItsOwnConsent(t *testing.T) {
	s := newStage(t)
	s.everyway(t, "mother", func(v visit) {
		const own, childs = "2654 9008 7600 0452", "2690 0897 4700 0598"
		v.logsIn("mother")
		v.HasNot(own)
		v.HasNot(childs)
		v.ticks("Согласие на обработку данных ребёнка (Семён) — " + ffoms)
		v.does(agree + " (Семён)")
		v.Has("Открыть полис")
		v.opens("/")
		v.Has(childs)
		v.HasNot(own)
		v.agrees()
		v.Has("Открыть полис")
		v.opens("/")
		v.Has(childs)
		v.Has(own)
		v.does("Открыть полис (Семён)")
		v.Has("Страхует территориальный фонд")
		v.HasNot(own)

		s.as(v.t, "mother").revokes("ffoms", s.as(v.t, "mother").child())
		v.opens("/")
		v.Has(own)
		v.HasNot(childs)
		v.Has("Вы отозвали согласие")
	})
}

func TestInTheBrowserAConsentRevokedElsewhereIsSaidAndOfferedAgain(t *testing.T) {
	s := newStage(t)
	s.everyway(t, "insured", func(v visit) {
		insured := s.as(v.t, "insured")
		v.logsIn("insured")
		v.agrees()
		v.Has("Открыть полис")
		v.does("Открыть полис")
		other := v.tab()
		other.opens("/consents")
		other.does("Отозвать (" + mincifry + ")")
		other.writes("Почему вы отзываете согласие", "Больше не нужно")
		other.does("Отозвать согласие")
		other.Has("Отозвано")

		v.does("Получить выписку")
		v.Has("нужно согласие на получение данных")
		if v.Status() != http.StatusForbidden {
			v.t.Errorf("status %d", v.Status())
		}
		v.does("К согласиям")
		const again = "Дать согласие снова можно с"
		v.Has("Вы отозвали согласие")
		v.Has(again)
		v.HasNot(agree)
		v.opens("/card")
		v.Has(again)
		v.HasNot("2656 4108 3700 0318")
		if left := insured.documents(); len(left) > 0 {
			v.t.Errorf("documents: %+v", left)
		}
		eventually(v.t, "nothing is left", func() bool { return len(s.objects(v.t)) == 0 && len(s.keys(v.t, "card")) == 0 })

		v.opens("/consents")
		v.Has(again)
		s.forgets(v.t, "insured")
		v.opens("/consents")
		v.does("Дать согласие (" + mincifry + ")")
		v.Has("Действует")
	})
}

func TestInTheBrowserADoubleClickHasOneEffect(t *testing.T) {
	t.Parallel()
	for _, w := range ways[:2] {
		t.Run(w.String(), func(t *testing.T) {
			s := newStage(t)
			v := s.visit(t, w)
			insured := s.as(t, "insured")
			history := func() int {
				return len(read[struct{ History []consentView }](insured.get("/consent-toggle").is(http.StatusOK)).History)
			}
			one := func(what string, before, after int) {
				t.Helper()
				if after != before+1 {
					t.Errorf("%s: %d instead of one", what, after-before)
				}
			}
			s.forgets(t, "insured")
			v.logsIn("insured")
			consents, asked := history(), len(insured.applications())
			v.ticks(consentTo + ffoms)
			v.ticks(consentTo + mincifry)
			v.ClickTwice(agree)
			v.Has("Открыть полис")
			one("consents", consents+1, history())
			one("lookups", asked, len(insured.applications()))

			v.Click("Открыть полис")
			asked = len(insured.applications())
			v.ClickTwice("Обновить сведения")
			v.Has("Открыть полис")
			one("refreshes", asked, len(insured.applications()))

			v.Click("Открыть полис")
			v.ClickTwice("Получить выписку")
			v.Has("Выписка готова")
			one("extracts", 0, len(insured.documents()))

			sent := len(s.mailed(human(t, "insured").Email))
			v.ClickTwice("Отправить мне на почту")
			v.Has("Отправляем на")
			inTime(t, 2*patience, "the letter", func() bool { return len(s.mailed(human(t, "insured").Email)) > sent })
			letters := func() int {
				return len(slices.DeleteFunc(read[list[noticeView]](insured.get("/notify").is(http.StatusOK)).Items, func(n noticeView) bool { return n.Kind != "extract.mailing" }))
			}
			if n := letters(); n != len(s.mailed(human(t, "insured").Email)) {
				t.Errorf("%d notices of letters", n)
			}
			one("letters", sent, len(s.mailed(human(t, "insured").Email)))

			v.opens("/notices")
			v.Click("По СМС", "checkbox")
			v.ClickTwice("Сохранить")
			v.Has("Сохранено.")
			v.Click("По СМС", "checkbox")
			v.Click("Сохранить")

			asked = len(insured.applications())
			v.opens("/requests/new?kind=link")
			v.Type("Номер полиса", "2656410837000318")
			v.ClickTwice("Найти")
			v.Has("Что происходило")
			one("links", asked, len(insured.applications()))
			asked++
			v.opens("/requests/new?kind=register")
			v.ClickTwice("Подать заявление")
			v.Has("Что происходило")
			one("first policies", asked, len(insured.applications()))

			consents = history()
			v.opens("/consents")
			v.Click("Отозвать (" + mincifry + ")")
			v.Type("Почему вы отзываете согласие", "Больше не нужно")
			v.ClickTwice("Отозвать согласие")
			v.Has("Отозвано")
			one("revocations", consents, history())
			s.forgets(t, "insured")
			consents = history()
			v.opens("/consents")
			v.ClickTwice("Дать согласие (" + mincifry + ")")
			v.Has("Действует")
			one("consents again", consents, history())

			v.ClickTwice("English")
			v.Has("Log out")
			v.ClickTwice("Log out")
			v.Has("Your OMS policy, on your phone")
		})
	}
}

func TestInTheBrowserALogoutEndsAllAndShowsNothingBehindTheBackButton(t *testing.T) {
	s := newStage(t)
	insured := s.as(t, "insured")
	insured.consents()
	insured.loads(fields{})
	for _, w := range ways[:2] {
		t.Run(w.String(), func(t *testing.T) {
			v, elsewhere := s.visit(t, w.inAll()), s.visit(t, ways[3])
			elsewhere.logsIn("insured")
			v.logsIn("insured")
			v.Click("Открыть полис")
			v.Has("2656 4108 3700 0318")
			v.Click("Выйти")
			v.Has("Войти")
			for range 2 {
				v.Back()
				v.HasNot("2656 4108 3700 0318")
				v.HasNot("Здравствуйте")
			}
			elsewhere.opens("/card")
			elsewhere.HasNot("2656 4108 3700 0318")
			elsewhere.Has("Это тестовый вход")
			for _, c := range v.Cookies() {
				if strings.Contains(c.Name, "session") {
					t.Errorf("still held: %s", c.Name)
				}
			}
		})
	}
}

func TestInTheBrowserARefusedFormKeepsWhatWasTypedAndSaysWhatIsWrong(t *testing.T) {
	s := newStage(t)
	s.everyway(t, "insured", func(v visit) {
		v.logsIn("insured")
		v.ticks(consentTo + ffoms)
		v.does(agree)
		v.Has("Без этого согласия показать полис нельзя: " + mincifry)
		v.HasNot("Без этого согласия показать полис нельзя: " + ffoms)
		v.saysFirst("Проверьте выделенные поля")
		if !v.Checked(consentTo+ffoms) || v.Checked(consentTo+mincifry) || v.Status() != http.StatusUnprocessableEntity {
			v.t.Errorf("the ticks are not as they were, status %d", v.Status())
		}
		if !v.way.keyboard { // the kit's Enter would also reach what it leads to, and send the form
			v.Click("Без этого согласия показать полис нельзя: " + mincifry)
			eventually(v.t, "the fault leads to what is wrong", func() bool { return v.Focused() == consentTo+mincifry })
		}

		v.opens("/requests/new?kind=link")
		v.writes("Номер полиса", "2656 4108 3700 0319")
		v.does("Найти")
		v.Has("Проверьте номер полиса: в нём ошибка.")
		v.saysFirst("Проверьте выделенные поля")
		if typed := v.Value("Номер полиса"); typed != "2656 4108 3700 0319" {
			v.t.Errorf("of what was typed %q is left", typed)
		}

		s.as(v.t, "insured").consents()
		v.opens("/consents")
		v.does("Отозвать (" + mincifry + ")")
		v.writes("Почему вы отзываете согласие", "   ")
		v.does("Отозвать согласие")
		v.Has("Укажите причину отзыва.")
		v.saysFirst("Проверьте выделенные поля")
		v.writes("Почему вы отзываете согласие", "Больше не нужно")
		v.does("Отозвать согласие")
		v.Has("Больше не нужно")
		v.Has("Отозвано")
	})
}

// saysFirst demands that what is wrong with the form has the focus.
func (v visit) saysFirst(text string) {
	v.t.Helper()
	if at := v.Focused(); !strings.Contains(at, text) {
		v.t.Errorf("the focus is on %q", at)
	}
}

func TestInTheBrowserProgressAppearsByItselfOrWhenAskedFor(t *testing.T) {
	s := newStageAlone(t)
	for _, w := range ways[:2] {
		t.Run(w.String(), func(t *testing.T) {
			v := s.visit(t, w)
			insured := s.as(t, "insured")
			s.forgets(t, "insured")
			insured.consents()
			if err := s.Suspend("insured-registry"); err != nil {
				t.Fatal(err)
			}
			id := insured.asks(fields{"kind": "lookup"}).ID
			insured.becomes(id, "working")
			v.logsIn("insured")
			v.does("Следить за заявлением")
			v.Has("Регистр временно не отвечает")
			if err := s.Resume("insured-registry"); err != nil {
				t.Fatal(err)
			}
			changed := make(chan time.Time, 1)
			go func() {
				for t.Context().Err() == nil {
					if now, err := insured.send(http.MethodGet, "/policy-request/"+id, nil); err == nil && bytes.Contains(now.body, []byte(`"status":"granted"`)) {
						changed <- time.Now()
						return
					}
					time.Sleep(5 * time.Millisecond) // between two looks
				}
			}()
			go s.SetClock(t.Context(), s.Now().Add(time.Hour))
			if !w.script {
				<-changed
				if v.Sees("Открыть полис") {
					t.Error("the page has changed by itself")
				}
				v.does(reload)
				v.Page.Has("Открыть полис")
				return
			}
			v.Has("Открыть полис")
			took := time.Since(<-changed)
			if t.Logf("the page shows the change after %v", took); took > time.Second {
				t.Error("that is too late")
			}
		})
	}
}

func TestTheFirstPageIsLight(t *testing.T) {
	s := newStage(t)
	v := s.visit(t, ways[0])
	v.opens("/")
	if bytes := v.Bytes(); bytes > 60_000 {
		t.Errorf("%d bytes", bytes)
	} else {
		t.Logf("%d bytes", bytes)
	}
}

func TestInTheBrowserTheDoctorNamesTheCauseAndLeadsToTheRemedy(t *testing.T) {
	s := newStage(t)
	s.everyway(t, "newcomer", func(v visit) {
		s.forgets(t, "newcomer")
		v.logsIn("newcomer")
		v.ticks(consentTo + ffoms)
		v.ticks(consentTo + mincifry)
		v.does(agree)
		v.Has("Пока не нашли")
		v.opens("/")
		v.does("Почему полис не показывается?")
		v.Has("Вашей записи в регистре пока не нашли")
		v.Axe()
		v.NoHorizontalScroll(320)
		v.Screenshot("doctor")
		v.does("Получить полис впервые")
		v.Has("Страховые компании")
	})

	diagnosed := func(v visit, who, cause, remedy string) {
		v.t.Helper()
		v.opens("/doctor?person=" + who)
		v.looked(cause)
		v.Has(remedy)
	}
	t.Run("whose policy it shows again", func(t *testing.T) {
		v, insured := s.visit(t, ways[0]), s.as(t, "insured")
		v.logsIn("insured")
		diagnosed(v, "self", "нужно согласие на получение данных: "+ffoms+", "+mincifry, "Дать согласие")
		v.HasNot("Исправить без вашего участия")
		insured.consents()
		diagnosed(v, "self", "Согласие есть, но сведения ещё не запрошены.", "Запросить данные")
		v.does("Исправить")
		v.looked("Согласия отозваны. Дадим их снова")
		diagnosed(v, "self", "Идёт восстановление показа", "Следить за заявлением")
		v.HasNot("Исправить без вашего участия")
		v.does("Выйти")
		for _, name := range []string{"policy-card", "policy-request"} {
			if err := s.Kill(name); err != nil {
				t.Fatal(err)
			}
		}
		s.later(t, 10*time.Minute)
		v = s.visit(t, ways[1])
		v.logsIn("insured")
		v.opens("/requests/" + insured.applications()[0].ID)
		v.looked("Открыть полис")
		v.does("Открыть полис")
		v.Has("2656 4108 3700 0318")
		v.opens("/doctor")
		v.Has("Полис показывается, всё в порядке.")

		insured.revokes("mincifry", "self")
		diagnosed(v, "self", "Согласие отозвано недавно. Дать его снова можно", "Исправить без вашего участия")
		s.forgets(t, "insured")
		insured.consents()
		insured.loads(fields{})
		s.from(t, "interior").reports("citizenship_lost", "mvd-1", "insured", nil).is(http.StatusAccepted)
		insured.shows("Аннулирован с 10.03.2026. Причина: утрата гражданства")
		diagnosed(v, "self", "Аннулирован с 10 марта 2026 г. Причина: утрата гражданства. Если это ошибка", "8 (8652) 94-11-25")
	})
	for persona, is := range map[string]struct {
		claims        map[string]any
		cause, remedy string
	}{
		"serviceman": {nil, "Приостановлен с 15 января 2026 г. на время службы. Экстренную помощь оказывают всегда.", "Солидарность для жизни"},
		"father":     {map[string]any{"birthDate": "30.11.1987"}, "Дата рождения в регистре другая. Позвоните в свою страховую", "8 (8652) 94-11-25"},
		"mother":     {nil, "Страховая не выбрана, пока её заменяет территориальный фонд ОМС.", "Выбрать страховую"}, // of her child
	} {
		t.Run(persona, func(t *testing.T) {
			v := s.visit(t, ways[1])
			who, whose := v.entersAs(persona, is.claims), "self"
			who.consents()
			if persona == "mother" {
				whose = who.child()
				who.consent("ffoms", whose)
			}
			if is.claims == nil {
				who.loads(fields{"person": whose})
			}
			diagnosed(v, whose, is.cause, is.remedy)
		})
	}
}
