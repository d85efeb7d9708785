package tests

import (
	"net/http"
	"strings"
	"testing"
	"time"
)

// onAPhone plays a story on a phone.
func onAPhone(t *testing.T, w way, story func(s *stage, v visit)) {
	s := newStage(t)
	story(s, s.visit(t, w))
}

// reads opens a page again and again until it has a text: what a source reports
// comes into the cabinet by itself.
func (v visit) reads(path, text string) {
	v.t.Helper()
	poll(v.t, patience, 250*time.Millisecond, path+" says "+text, func() bool {
		v.opens(path)
		return strings.Contains(strings.ReplaceAll(v.Text(), "\u00a0", " "), text)
	})
	v.looked(text)
}

func TestInTheBrowserANewbornIsToldOfAndAnInsurerChosenInOneStep(t *testing.T) {
	onAPhone(t, ways[0], func(s *stage, v visit) {
		v.logsIn("mother")
		for _, parent := range []string{"mother", "father"} {
			s.as(v.t, parent).consent("ffoms", "self") // who has done nothing here is not known
		}
		born := birth(v.t, "120269260000204100007", "Майя")
		born["record"].(fields)["date"] = "2026-03-10" // the last day on which the mother's insurer pays
		s.as(v.t, "zags").post("/insured-registry/events", born).is(http.StatusAccepted)
		v.reads("/notices", "Полис ребёнка оформлен. Ребёнок внесён в регистр.")
		v.opens("/")
		v.looked("Полис ребёнка: Майя")
		v.does("Выбрать страховую (Майя)")
		v.looked("Первый выбор: пока страхует территориальный фонд")
		v.does("Выбрать (АльфаСтрахование-ОМС)")
		v.looked("Первый выбор не ограничен 1 ноября")
		v.does("Подать заявление")
		v.looked("Страховая выбрана, регистр записал её")
		father := s.visit(v.t, v.way)
		father.logsIn("father")
		father.reads("/notices", "Ребёнку выбрана страховая компания")
		father.opens("/")
		father.looked("Полис ребёнка: Майя")
		father.HasNot("Выбрать страховую (Майя)")
		v.opens("/")
		v.ticks("Согласие на обработку данных ребёнка (Майя) — " + ffoms)
		v.does(agree + " (Майя)")
		v.does("Открыть полис")
		v.looked("Пока за ребёнка платит страховая родителя")
		v.Has("Последний день: 10 марта 2026 г. Солидарность для жизни")
	})
}

func TestInTheBrowserANameThatZAGSChangedIsOnThePolicyByItself(t *testing.T) {
	onAPhone(t, ways[1], func(s *stage, v visit) {
		v.logsIn("insured")
		v.agrees()
		v.Has("Открыть полис")
		s.as(v.t, "zags").reports("name_changed", "zags-1", "insured", fields{
			"name":     fields{"family": "Орлов", "given": "Андрей", "patronymic": "Сергеевич"},
			"document": fields{"type": 14, "series": "45 20", "number": "654321"},
		}).is(http.StatusAccepted)
		v.reads("/card", "Орлов Андрей Сергеевич")
		v.Has("2656 4108 3700 0318")
		v.reads("/notices", "Имя в вашем полисе ОМС изменено. Так сообщил ЗАГС.")
		v.opens("/history")
		v.looked("Имя или документ изменены 10 марта 2026 г.")
		v.Has("По данным ЗАГС")

		// The login knows the old name still: the person is told that they differ.
		v.opens("/card")
		v.does("Обновить сведения")
		v.reads("/card", "Имя в регистре отличается от имени в учётной записи.")
		v.Has("Сообщить нужно до 10 апреля 2026 г.: остался 31 день")
		v.opens("/doctor")
		v.looked("Имя в регистре отличается от имени в учётной записи. Сообщите страховой до 10 апреля 2026 г.")
		s.later(v.t, 24*day)
		v.reads("/notices", "Сообщите страховой о новых данных.")
		v.reads("/card", "осталось 7 дней")
	})
}

func TestInTheBrowserADeathOnRecordByMistakeIsSeenAndCancelled(t *testing.T) {
	onAPhone(t, ways[0], func(s *stage, v visit) {
		v.logsIn("insured")
		v.agrees()
		v.Has("Открыть полис")
		s.as(v.t, "zags").reports("death", "zags-1", "insured", fields{"on": "2026-03-09"}).is(http.StatusAccepted)
		v.reads("/card", "Аннулирован с 9 марта 2026 г. Причина: в регистре записана смерть")
		v.opens("/card")
		v.looked("Если это ошибка, обратитесь в территориальный фонд ОМС")
		v.Has("8 (8652) 94-11-25")
		v.HasNot("Восстановить полис")
		v.opens("/insurer")
		v.looked("В регистре записана смерть застрахованного. Если это ошибка, обратитесь в территориальный фонд.")
		v.Has("8 (8652) 94-11-25")
		v.HasNot("Переезд в другой регион")
		v.opens("/suspend")
		v.looked("Если запись закрыли по ошибке")
		v.HasNot("Подать заявление на восстановление")
		s.as(v.t, "fund").reports("death_cancelled", "decision-1", "insured", nil).is(http.StatusAccepted)
		v.reads("/card", activeText)
		v.reads("/notices", "Ошибочная запись о смерти исправлена.")
		v.opens("/history")
		v.looked("Признано ошибкой 10 марта 2026 г.")
	})
}

func TestInTheBrowserWhatTheCommissariatReportsIsSeenOnItsDays(t *testing.T) {
	onAPhone(t, ways[1], func(s *stage, v visit) {
		commissariat := s.as(v.t, "commissariat")
		v.logsIn("insured")
		v.agrees()
		v.Has("Открыть полис")
		commissariat.reports("service_started", "vk-1", "insured", fields{"ground": "mobilisation", "from": "2026-03-11"}).is(http.StatusAccepted)
		v.reads("/notices", "Ваш полис ОМС приостанавливается.")
		v.opens("/card")
		v.looked(activeText)
		v.opens("/history")
		v.looked("ещё впереди")
		v.Has("По данным военного комиссариата")
		s.later(v.t, day)
		v.reads("/card", "Приостановлен с 11 марта 2026 г.")
		commissariat.reports("service_ended", "vk-2", "insured", fields{"until": "2026-03-11"}).is(http.StatusAccepted)
		v.reads("/notices", "Ваш полис ОМС возобновляется.")
		s.later(v.t, day)
		v.reads("/card", activeText)
	})
}

func TestInTheBrowserCitizenshipIsLostRestoredAndGained(t *testing.T) {
	onAPhone(t, ways[0], func(s *stage, v visit) {
		interior := s.from(v.t, "interior")
		v.logsIn("insured")
		v.agrees()
		v.Has("Открыть полис")
		interior.reports("citizenship_lost", "mvd-1", "insured", nil).is(http.StatusAccepted)
		v.reads("/card", "Аннулирован с 10 марта 2026 г. Причина: утрата гражданства")
		v.reads("/notices", "Ваш полис ОМС прекращает действие.")

		// It was a mistake: the fund restores the policy. Then it is lost again.
		v.opens("/card")
		v.does("Восстановить полис")
		v.does("Подать заявление на восстановление")
		v.looked("На рассмотрении в территориальном фонде")
		asked := s.as(v.t, "insured").applications()[0].ID
		s.as(v.t, "fund").approves(asked)
		v.reads("/requests/"+asked, "Одобрено. Полис восстановлен")
		v.reads("/card", activeText)
		interior.reports("citizenship_lost", "mvd-2", "insured", nil).is(http.StatusAccepted)
		v.reads("/card", "Аннулирован с 10 марта 2026 г. Причина: утрата гражданства")

		s.later(v.t, day)
		interior.reports("citizenship_gained", "mvd-3", "insured", nil).is(http.StatusAccepted)
		v.reads("/card", activeText)
		v.reads("/notices", "Ваш полис ОМС снова действует.")
		v.opens("/history")
		v.looked("Причина: приобретено гражданство")
		v.Has("По данным МВД")
	})
}

func TestInTheBrowserWhoseInsurerHasNoContractAnyMoreChoosesAnother(t *testing.T) {
	onAPhone(t, ways[1], func(s *stage, v visit) {
		operator := s.as(v.t, "operator")
		ends := "д. 26002</addr_f></pstAddress>\n<insInclude><d_begin>01.01.2012</d_begin>"
		operator.imports(classifier(v.t, ends, ends+"<d_end>15.10.2026</d_end>"), nil)
		v.logsIn("insured")
		v.agrees()
		v.Has("Открыть полис")
		s.later(v.t, time.Date(2026, time.October, 1, 21, 0, 0, 0, stavropol).Sub(s.Now()))
		v.reads("/notices", "Страховую можно заменить ещё месяц. Её меняют раз в год, не позднее первого ноября.")
		s.later(v.t, 14*day)
		v.reads("/notices", "У вашей страховой закончился договор с фондом. Полис действует. Выберите другую страховую в течение двух месяцев.")
		operator.imports(classifier(v.t, "<smocod>26002</smocod>", "<smocod>26009</smocod>"), nil)
		v.opens("/card")
		v.does("Сменить страховую")
		v.looked("Договор прежней страховой прекращён")
		v.does("Выбрать (Страховая 26005)")
		v.looked("Этот выбор не считается заменой, которая положена раз в год.")
		v.does("Подать заявление")
		v.looked("Страховая выбрана, регистр записал её")
		v.reads("/card", "Страховая 26005")
		s.as(v.t, "insured").insuredBy("self", "26005")
	})
}

func TestInTheBrowserWhoRepresentsAChildNoMoreSeesItsPolicyNoMore(t *testing.T) {
	onAPhone(t, ways[0], func(s *stage, v visit) {
		// Whom a court removed.
		father, son := s.visit(v.t, ways[1]), s.as(v.t, "father").child()
		father.logsIn("father")
		father.ticks("Согласие на обработку данных ребёнка (Семён) — " + ffoms)
		father.does(agree + " (Семён)")
		father.reads("/card?person="+son, "Гончаров Семён Игоревич")
		s.as(v.t, "fund").removes("father").is(http.StatusAccepted)
		father.reads("/card?person="+son, "Это не вы и не ваш ребёнок до 18 лет.")
		father.HasNot("Гончаров Семён")
		father.opens("/")
		father.HasNot("Семён")
		father.HasNot("Ребёнок")

		// Of whom the child is not one any more.
		guardian := s.as(v.t, "guardian")
		child := guardian.child()
		v.logsIn("guardian")
		v.ticks("Согласие на обработку данных ребёнка (Дарья) — " + ffoms)
		v.does(agree + " (Дарья)")
		v.reads("/card?person="+child, "Лебедева Дарья Андреевна")
		teen := s.visit(v.t, v.way)
		teen.logsIn("teenager")
		teen.agrees()
		teen.Has("Открыть полис")
		s.later(v.t, time.Date(2028, time.May, 5, 12, 0, 0, 0, stavropol).Sub(s.Now()))
		v.reads("/notices", "Ребёнку исполнилось восемнадцать лет. Ваш доступ к его полису закончился")
		v.opens("/")
		v.HasNot("Дарья")
		v.opens("/card?person=" + child)
		v.HasNot("Лебедева")
		teen.reads("/notices", "Вам восемнадцать лет: полис теперь видите только вы.")

		// Another child is 14 some years later.
		mother := s.visit(v.t, v.way)
		mother.entersAs("mother", nil).consents() // who has done nothing here is not known
		s.later(v.t, time.Date(2033, time.September, 2, 12, 0, 0, 0, stavropol).Sub(s.Now()))
		mother.reads("/notices", "Ребёнку четырнадцать лет: нужен паспорт. Теперь вместо свидетельства о рождении нужен паспорт.")
	})
}
