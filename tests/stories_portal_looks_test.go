package tests

import (
	"net/http"
	"testing"
	"time"

	"polis/tests/browser"
)

// lookers are those who look at each page: on a phone by day, on a desktop by
// night, and on a desktop at 200 %.
type lookers struct {
	t              *testing.T
	s              *stage
	phone, desktop visit
	large          visit
}

func (s *stage) lookers(t *testing.T, persona string) *lookers {
	t.Helper()
	l := &lookers{t: t, s: s}
	open := func(w way, o browser.Options) visit {
		o.JavaScript = w.script
		v := visit{browser.Open(t, w.screen, o), s, t, w, new(int)}
		if persona != "" {
			v.logsIn(persona)
		}
		return v
	}
	l.phone = open(way{screen: browser.Phone, script: true}, browser.Options{})
	l.desktop = open(way{screen: browser.Desktop, script: true}, browser.Options{Dark: true})
	l.large = open(way{screen: browser.Desktop}, browser.Options{Zoom: 2})
	return l
}

// at shows all of them a page.
func (l *lookers) at(name, path, text string) {
	l.t.Helper()
	l.look(name, text, func(v visit) { v.opens(path) })
}

// look is what each does to come to a page, and what it then has to be: a page
// for everybody.
func (l *lookers) look(name, text string, comes func(v visit)) {
	l.t.Helper()
	for _, v := range []visit{l.phone, l.desktop} {
		comes(v)
		v.Has(text)
		if moved := v.LayoutShift(); moved >= 0.01 {
			l.t.Errorf("%s moves by %v", name, moved)
		}
		v.Axe()
		v.NoHorizontalScroll(320)
		v.Screenshot(v.way.String() + " " + name)
	}
	comes(l.large)
	l.large.Has(text)
	l.large.Axe()
	l.large.NoHorizontalScroll(browser.Desktop.Width / 2)
	l.large.Screenshot("at 200 % " + name)
}

func TestInTheBrowserEachPageOfOneWhoIsNoCitizenIsForEverybody(t *testing.T) {
	s := newStage(t)
	none := s.lookers(t, "")
	none.at("welcome", "/", "Полис ОМС — в вашем телефоне")
	none.at("login", "/login", "Это тестовый вход")
	none.at("confirm by nobody", "/confirm", "Как подтвердить")
	none.at("offline", "/offline", "Нет связи с сервисом")
	none.at("no such page", "/nowhere", "Такого адреса нет")
	none.at("login failed", "/login/callback?state=x", "Вход не завершён")

	s.lookers(t, "unconfirmed").at("confirm", "/", "В приложении банка")
	s.lookers(t, "staff").at("inbox", "/", "Заявлений, которые ждут вашего решения, нет")
	staff := s.lookers(t, "operator")
	staff.at("staff", "/", "Здесь страницы для граждан")
	staff.at("not allowed", "/documents", "Нет доступа")
}

func TestInTheBrowserEachPageBeforeAPolicyIsForEverybody(t *testing.T) {
	s := newStage(t)
	insured, l := s.as(t, "insured"), s.lookers(t, "insured")
	l.at("home without consents", "/", "Дать согласие и показать полис")
	l.look("home without ticks", "Без этого согласия показать полис нельзя: "+mincifry, func(v visit) { v.opens("/"); v.Click(agree) })
	l.at("consents not given", "/consents", "Не дано")
	l.at("no applications", "/requests", "Заявлений пока нет")
	l.at("no documents", "/documents", "Документов пока нет")
	l.at("no notices", "/notices", "Уведомления")
	l.at("access", "/access", "Кто смотрел мои данные")
	l.at("me", "/me", "Ковалёв")
	l.at("link", "/requests/new?kind=link", "16 цифр")
	l.look("link with a fault", "в нём ошибка", func(v visit) {
		v.opens("/requests/new?kind=link")
		v.Type("Номер полиса", "2656410837000319")
		v.Click("Найти")
	})
	l.at("register", "/requests/new?kind=register", "Выберу позже")
	l.at("suspend", "/suspend", "Приостановить на время службы")
	insured.consents()
	l.at("home to ask", "/", "Согласия даны")
	l.at("consents given", "/consents", "Действует")
	l.look("revoke with a fault", "Укажите причину отзыва", func(v visit) {
		v.opens("/consents")
		v.Click("Отозвать (" + mincifry + ")")
		v.Type("Почему вы отзываете согласие", " ")
		v.Click("Отозвать согласие")
	})
	receipts := read[struct{ History []consentView }](insured.get("/consent-toggle").is(http.StatusOK)).History
	l.at("receipt", "/consents/receipts/"+receipts[0].Receipt, "Как отозвать")
}

func TestInTheBrowserEachPageOfAPolicyIsForEverybody(t *testing.T) {
	s := newStage(t)
	insured, l := s.as(t, "insured"), s.lookers(t, "insured")
	insured.consents()
	if err := s.Suspend("insured-registry"); err != nil {
		t.Fatal(err)
	}
	asked := insured.asks(fields{"kind": "lookup"}).ID
	insured.becomes(asked, "working")
	l.at("home while it is waited for", "/", "Мы запрашиваем регистр")
	l.at("application in the works", "/requests/"+asked, "Регистр временно не отвечает")
	if err := s.Resume("insured-registry"); err != nil {
		t.Fatal(err)
	}
	s.later(t, time.Hour)
	insured.becomes(asked, "granted")
	l.at("home with a card", "/", "2656 4108 3700 0318")
	l.at("card", "/card", "Городская поликлиника № 1")
	l.look("offices of the insurer", "г. Пятигорск, ул. Козлова, д. 36", func(v visit) {
		v.opens("/card")
		v.Click("Офисы (Солидарность для жизни)")
	})
	l.at("insurers", "/insurer", "Сравнить отмеченные")
	l.at("insurer to confirm", "/insurer?person=self&smo=26001", "Проверьте и подтвердите")
	l.at("services", "/services", "Всего по годам")
	l.at("history", "/history", "Запись в регистре с 14 мая 2019 г.")
	l.at("parts of the data", "/requests/new?kind=lookup", "Отметьте нужное")
	l.at("application granted", "/requests/"+asked, "Что происходило")
	l.at("applications", "/requests", "Показ полиса")
	document := insured.extract("self").ID
	l.at("documents", "/documents", "Выписка о полисе ОМС")
	l.at("document", "/documents/"+document, "Скачать PDF")
	l.at("document sent", "/documents/"+document+"?sent", "Отправляем на")
	eventually(t, "a notice", func() bool {
		return len(read[list[noticeView]](insured.get("/notify").is(http.StatusOK)).Items) > 0
	})
	l.at("notices", "/notices", "Почта")
	l.at("notices saved", "/notices?saved", "Сохранено")

	if err := s.Suspend("policy-card"); err != nil {
		t.Fatal(err)
	}
	l.at("home for later", "/", "Регистр сейчас не отвечает")
	l.at("access not available", "/access", "Временно не отвечает")
	if err := s.Resume("policy-card"); err != nil {
		t.Fatal(err)
	}
	insured.revokes("mincifry", "")
	l.at("home after a revocation", "/", "Вы отозвали согласие")
	l.at("consents revoked", "/consents", "Отозвано")
	l.look("no consent", "нужно согласие", func(v visit) {
		insured := s.as(t, "insured")
		s.forgets(t, "insured")
		insured.consents()
		insured.loads(fields{})
		v.opens("/card")
		insured.revokes("ffoms", "")
		v.Click("Получить выписку")
	})
}

func TestInTheBrowserEachPageOfAFamilyAndOfARefusalIsForEverybody(t *testing.T) {
	s := newStage(t)
	serviceman := s.as(t, "serviceman")
	serviceman.consents()
	serviceman.loads(fields{})
	s.lookers(t, "serviceman").at("card suspended", "/card", "2695 6997 3400 0800")

	mother := s.as(t, "mother")
	child := mother.child()
	mother.consent("ffoms", child)
	mother.loads(fields{"person": child})
	l := s.lookers(t, "mother")
	l.at("home of a mother", "/", "Дать согласие и показать полис")
	l.at("card of a child", "/card?person="+child, "Страхует территориальный фонд")
	l.at("consents of a mother", "/consents", "Для полиса ребёнка")
	l.at("access of a child", "/access?person="+child, "Кто смотрел")
	mother.consents()
	mother.loads(fields{})
	l.at("home of a mother with both", "/", "2654 9008 7600 0452")

	father := s.as(t, "father")
	father.consents()
	differs := father.becomes(father.asks(fields{"kind": "link", "enp": "2656410837000318"}).ID, "needs_person").ID
	l = s.lookers(t, "father")
	l.at("home to answer", "/", "Что делать")
	l.at("application that needs the person", "/requests/"+differs, "Что происходило")

	newcomer := s.as(t, "newcomer")
	newcomer.consents()
	asked := newcomer.asks(fields{"kind": "lookup"}).ID
	newcomer.becomes(asked, "working")
	s.later(t, 6*24*time.Hour)
	newcomer.becomes(asked, "refused")
	l = s.lookers(t, "newcomer")
	l.at("home after a refusal", "/", "Что делать")
	l.at("application refused", "/requests/"+asked, "К кому обратиться")
	l.look("application refused, with insurers", "К кому обратиться", func(v visit) {
		v.opens("/requests/" + asked)
		v.Click("Страховые компании региона…")
	})
	first := newcomer.asks(fields{"kind": "register", "region": "26"}).ID
	newcomer.becomes(first, "granted")
	l.at("first policy granted", "/requests/"+first, "Полис оформлен")

	l = s.lookers(t, "migrant")
	l.look("register with a fault", "Выберите основание.", func(v visit) {
		v.opens("/requests/new?kind=register")
		v.Click("Дальше")
	})
	l.at("register of a foreigner", "/requests/new?kind=register&for=foreigner&category=eaeu_worker", "Последний день трудового договора")
}
