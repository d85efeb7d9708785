package tests

import (
	"net/http"
	"strings"
	"testing"
	"time"
)

func TestInTheBrowserAParentChoosesTheChildsInsurerInAFewClicks(t *testing.T) {
	s := newStage(t)
	v := s.visit(t, ways[0])
	v.logsIn("mother")
	const loggingIn = 2
	// The child whom the fund insures comes first.
	v.Has("Страховая не выбрана. Пока её заменяет территориальный фонд ОМС.")
	if text := v.Text(); strings.Index(text, "Полис ребёнка: Семён") > strings.Index(text, "Чтобы показать полис") {
		t.Errorf("something else comes first:\n%s", text)
	}
	v.Axe()
	v.Screenshot("home with a child to choose an insurer for")
	v.does("Выбрать страховую (Семён)")
	v.Has("Первый выбор: пока страхует территориальный фонд")
	v.Axe()
	v.NoHorizontalScroll(320)
	v.Screenshot("insurers to choose from")
	v.does("Выбрать (АльфаСтрахование-ОМС)")
	v.Has("Проверьте и подтвердите")
	// Meanwhile the other parent is about to choose another, without JavaScript.
	father, child := s.visit(t, ways[1]), s.as(t, "father").child()
	father.logsIn("father")
	father.does("Выбрать страховую (Семён)")
	father.does("Выбрать (СОГАЗ-Мед)")
	father.Has("Проверьте и подтвердите")
	v.Screenshot("choice to confirm")
	v.Has("Гончаров Семён Игоревич")
	v.Axe()
	v.does("Подать заявление")
	v.Has("Страховая выбрана, регистр записал её")
	v.Has("Страховая компания: АльфаСтрахование-ОМС")
	v.Axe()
	if clicks := *v.clicks + loggingIn; clicks > 8 {
		t.Errorf("%d clicks", clicks)
	}
	v.opens("/")
	v.HasNot("Страховая не выбрана")

	// The other parent is late, and replaces it by right.
	father.does("Подать заявление")
	father.looked("Страховая уже выбрана, поэтому это замена, а не первый выбор.")
	home := father.tab()
	home.opens("/")
	home.HasNot("Страховая не выбрана")
	father.does("Выбрать заново")
	father.Has("Замена раз в год, не позднее 1 ноября")
	father.ticks("Сравнить (СОГАЗ-Мед)")
	father.ticks("Сравнить (Капитал МС)")
	father.does("Сравнить отмеченные (до трёх)")
	father.Has("Рядом")
	father.Axe()
	father.Screenshot("insurers side by side")
	father.NoHorizontalScroll(320)
	father.does("Офисы (СОГАЗ-Мед)")
	father.Has("г. Ставрополь, ул. Доваторцев, д. 30")
	father.Back()
	father.Has("Рядом")
	father.writes("Найти по названию", "согаз")
	father.does("Найти")
	father.HasNot("АльфаСтрахование-ОМС")
	father.does("Выбрать (СОГАЗ-Мед)")
	father.does("Подать заявление")
	father.looked("Страховая выбрана, регистр записал её")
	mother := s.as(t, "mother")
	mother.consent("ffoms", child)
	if card := mother.loads(fields{"person": child}); card.Insurer.SMO != "26006" {
		t.Errorf("%+v", card.Insurer)
	}
	v.opens("/notices")
	v.Has("Ребёнку выбрана страховая компания")
	v.opens("/insurer?person=" + child)
	v.looked("В этом году её уже меняли.")
	v.Has("Можно будет с 1 января 2027 г.")
	v.HasNot("Выбрать")

	// That was a mistake, which the fund puts right.
	s.as(t, "fund").post("/insured-registry/insurers/corrections", fields{
		"enp": mother.card(child).ENP, "source_id": "decision-7", "wrong": "2026-03-10", "smo": "26005", "region": "26", "since": "2026-03-10",
	}).is(http.StatusOK)
	v.reads("/notices", "Сведения о страховой ребёнка исправлены. Территориальный фонд исправил запись в регистре.")
	v.opens("/history?person=" + child)
	v.looked("Исправлено: с 10 марта 2026 г. страхует «Ингосстрах-М»")
	v.Has("Признано ошибкой 10 марта 2026 г.")
}

func TestInTheBrowserWhoMayNotChangeTheInsurerIsToldFromWhenAndMayStillMove(t *testing.T) {
	s := newStage(t, at(time.Date(2026, time.November, 2, 9, 0, 0, 0, stavropol)))
	father := s.as(t, "father")
	father.consents()
	father.loads(fields{})
	v := s.visit(t, ways[0])
	v.logsIn("father")
	v.opens("/card")
	v.does("Сменить страховую")
	v.Has("Сейчас сменить страховую нельзя")
	v.Has("не позднее 1 ноября")
	v.Has("1 января 2027")
	v.HasNot("Выбрать")
	v.Axe()
	v.Screenshot("insurer that may not be changed now")
	v.does("Переезд в другой регион")
	v.Choose("Регион, в который вы переехали", "Москва")
	v.does("Показать компании региона")
	v.Has("Ваша компания, в новом регионе")
	v.Axe()
	v.does("Выбрать (СОГАЗ-Мед)")
	v.does("Подать заявление")
	v.Has("Укажите новый адрес.")
	v.Has("Укажите дату переезда.")
	v.Axe()
	v.Screenshot("move with faults")
	v.writes("Новый адрес", "ул. Примерная, д. 1")
	v.writes("Дата переезда", "25 октября")
	v.does("Подать заявление")
	v.Has("Напишите дату цифрами")
	v.Axe()
	if typed := v.Value("Дата переезда"); typed != "25 октября" {
		t.Errorf("of what was typed %q is left", typed)
	}
	v.writes("Дата переезда", "25.10.2026")
	v.does("Подать заявление")
	v.looked("Страховая выбрана, регистр записал её")
	father.insuredBy("self", "77012")
	v.reads("/card", "Регион страхования\nМосква")

	newcomer := s.visit(t, ways[1])
	newcomer.logsIn("newcomer")
	newcomer.does("Сменить страховую или регион")
	newcomer.Has("Вашей записи в регистре нет.")
	newcomer.Axe()
	newcomer.opens("/insurer?person=" + s.as(t, "father").child())
	newcomer.looked("Такого человека среди ваших детей в регистре нет.")
	newcomer.Back()
	newcomer.does("Получить полис впервые")
	newcomer.Has("Регион, где вы живёте")

	// After 1 November a first policy and a first choice are allowed as ever.
	newcomer.ticks("Выберу позже")
	newcomer.does("Подать заявление")
	newcomer.looked("Полис оформлен")
	newcomer.agrees()
	newcomer.Has("Открыть полис")
	newcomer.does("Открыть полис")
	newcomer.looked("Страхует территориальный фонд")
	newcomer.does("Запросить сведения по частям")
	newcomer.does("Запросить")
	newcomer.looked("О поликлинике в регистре сведений нет.")
	newcomer.Has("Об оказанных услугах в регистре сведений нет.")
	newcomer.opens("/card")
	newcomer.does("Выбрать страховую")
	newcomer.Has("Первый выбор: пока страхует территориальный фонд")
	newcomer.does("Выбрать (Капитал МС)")
	newcomer.does("Подать заявление")
	newcomer.looked("Страховая выбрана, регистр записал её")
	newcomer.reads("/card", "Капитал МС")
}
