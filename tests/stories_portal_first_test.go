package tests

import (
	"net/http"
	"strings"
	"testing"
	"time"
)

// onPhone plays a story on a phone, with JavaScript and without. Each page that
// it is told to look at is one for everybody.
func (s *stage) onPhone(t *testing.T, persona string, story func(v visit)) {
	t.Helper()
	for _, w := range ways[:2] {
		t.Run(w.String(), func(t *testing.T) {
			v := s.visit(t, w)
			v.logsIn(persona)
			story(v)
		})
	}
}

func (v visit) looks(text string) {
	v.t.Helper()
	v.Has(text)
	v.Axe()
	v.NoHorizontalScroll(320)
	v.Screenshot(v.way.String() + " first policy " + text)
}

func TestInTheBrowserAMigrantSeesTheTermBeforeApplying(t *testing.T) {
	s := newStage(t, from(2026, time.October, 30))
	migrant, employer := s.as(t, "migrant"), s.like(t, "commissariat", map[string]any{"sub": "1000541299", "source": "employer"})
	s.onPhone(t, "migrant", func(v visit) {
		if v.way.script {
			v.does("Получить полис впервые")
		} else { // the second time, after the dismissal
			v.does("Продлить полис")
		}
		v.looks("Почему вы в России")
		v.does("Дальше")
		v.looks("Выберите основание.")
		v.ticks("Временное проживание в России по разрешению на временное проживание")
		v.does("Дальше")
		v.looks("По этому основанию решение принимает территориальный фонд.")
		v.does("Выбрать другое основание")
		v.ticks("Высококвалифицированный специалист")
		v.does("Дальше")
		v.looks("Высококвалифицированных специалистов по ОМС не страхуют")
		v.does("Выбрать другое основание")
		v.ticks("Работа по трудовому договору, гражданство страны ЕАЭС")
		v.does("Дальше")
		v.looks("Паспорт иностранного гражданина")

		// A fault stands beside its field, and what was typed stays.
		v.ticks("Ингосстрах-М…")
		v.writes("Последний день трудового договора", "весной")
		v.does("Узнать срок действия")
		v.looks("Напишите дату цифрами, например 31.05.2028.")
		if typed := v.Value("Последний день трудового договора"); typed != "весной" {
			t.Errorf("the date became %q", typed)
		}
		v.writes("Последний день трудового договора", "29.10.2026")
		v.does("Узнать срок действия")
		v.looks("Этот срок уже истёк. Укажите действующий.")
		v.HasNot("Подать заявление")

		v.writes("Последний день трудового договора", "31.05.2028")
		v.does("Узнать срок действия")
		v.looks("Полис действует до 31 декабря 2026 г.: по этому основанию его выдают до конца года. Продлить можно с 1 ноября.")
		v.saysFirst("Полис действует до")
		if !v.Checked("Ингосстрах-М…") {
			t.Error("the insurer that was chosen is not any more")
		}
		// Another date has another term: it is shown first.
		v.writes("Последний день трудового договора", "15.12.2026")
		v.does("Подать заявление")
		v.looks("Полис действует до 15 декабря 2026 г.: в этот день заканчивается трудовой договор.")
		v.saysFirst("Данные изменились, срок посчитан заново. Проверьте его и подайте заявление ещё раз.")
		v.does("Подать заявление")
		if !v.way.script {
			v.looks("Полис переоформлен, его номер прежний")
			return
		}
		v.looks("Полис оформлен")
		v.Has("Полис действует до 15 декабря 2026 г.")
		migrant.consents()
		migrant.sees()
		employer.post("/insured-registry/events", fields{"kind": "contract_ended", "source_id": "staff-1", "snils": human(t, "migrant").SNILS, "last_day": "2026-10-30"}).is(http.StatusAccepted)
		s.later(t, 24*time.Hour)
		eventually(t, "the copy has expired", func() bool { return migrant.card("self").Status == "expired" })
		v.opens("/card?person=self")
		v.looks("Срок действия истёк 30 октября 2026 г.")
		v.reads("/notices", "Срок вашего полиса ОМС истёк. Полис больше не действует, экстренную помощь оказывают всегда.")
		v.opens("/doctor")
		v.looks("Если основание есть снова, подайте заявление: полис продлят под прежним номером.")
		v.does("Продлить полис")
		v.Has("Почему вы в России")
	})
}

func TestInTheBrowserAMotherGetsAPolicyForHerSecondChild(t *testing.T) {
	s := newStage(t)
	mother := s.as(t, "mother")
	s.onPhone(t, "mother", func(v visit) {
		if !v.way.script { // the second time: the register has her, and she needs none
			v.HasNot("Получить полис ребёнку")
			v.opens("/requests/new?kind=register&for=child")
			v.looks("Ребёнок, которого здесь нет")
			v.HasNot("Для ребёнка: Вера")
			return
		}
		v.does("Получить полис ребёнку")
		v.looks("Гончарова Вера Игоревна")
		v.HasNot("Для ребёнка: Семён")
		v.does("Для другого человека")
		v.looks("дождитесь подтверждения и войдите снова")
		v.does("Для ребёнка: Вера")
		v.ticks("Ингосстрах-М…")
		v.does("Подать заявление")
		v.looks("Полис оформлен")

		child := mother.applications()[0].Person
		mother.consent("ffoms", child)
		mother.loads(fields{"person": child})
		v.opens("/card?person=" + child)
		v.looks("Гончарова Вера Игоревна")
	})
}

func TestInTheBrowserAFormForAChildThatIsSentAgainStaysTheChilds(t *testing.T) {
	t.Parallel()
	for _, w := range ways[:2] {
		t.Run(w.String(), func(t *testing.T) {
			s := newStage(t)
			mother := s.as(t, "mother")
			v := s.visit(t, w.inAll())
			v.logsIn("mother")
			v.does("Получить полис ребёнку")
			v.does("Для ребёнка: Вера")
			v.Has("Гончарова Вера Игоревна")
			stale := v.tab()
			stale.opens("/requests/new?kind=register&for=child")
			stale.Has("Гончарова Вера Игоревна")
			one := func() {
				t.Helper()
				v.Has("Полис оформлен")
				if made := mother.applications(); len(made) != 1 || !strings.HasSuffix(v.URL(), "/"+made[0].ID) {
					t.Errorf("%s of %+v", v.URL(), made)
				}
			}
			v.ClickTwice("Подать заявление")
			one()
			stale.does("Подать заявление")
			stale.looks("Ребёнок уже есть в регистре, новый полис не нужен.")
			stale.Has("Гончарова Вера Игоревна")
			v.Back()
			v.Has("Гончарова Вера Игоревна")
			v.does("Подать заявление")
			one()
		})
	}
}
