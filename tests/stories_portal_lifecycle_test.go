package tests

import (
	"net/http"
	"testing"
)

// looked is what each page has to be: one for everybody.
func (v visit) looked(text string) {
	v.t.Helper()
	v.Has(text)
	v.Axe()
	v.NoHorizontalScroll(320)
	v.Screenshot(v.way.String() + " " + text)
}

func TestInTheBrowserAPolicyIsSuspendedAndResumed(t *testing.T) {
	t.Parallel()
	for _, w := range []way{ways[0], ways[3]} {
		t.Run(w.String(), func(t *testing.T) {
			s := newStage(t)
			v := s.visit(t, w)
			v.logsIn("insured")
			v.agrees()
			v.Has("Открыть полис")
			v.does("Открыть полис")
			v.does("Приостановить полис на время службы")
			v.looked("Поликлиника узнает только то, что он приостановлен, но не почему")
			v.does("Приостановить полис")
			v.looked("Выберите основание из списка")
			v.ticks("Военная служба по призыву")
			v.does("Приостановить полис")
			v.looked("Проверьте и подтвердите")
			v.does("← Изменить")
			if !v.Checked("Военная служба по призыву") {
				t.Error("what was chosen is lost")
			}
			v.does("Приостановить полис")
			v.does("English")
			v.Has("Check and confirm")
			v.does("Русский")
			v.does("Подтвердить приостановление")
			v.looked("Одобрено. Полис приостановлен с")
			v.Back()
			v.Has("Проверьте и подтвердите")
			v.opens("/card")
			eventually(t, "the card shows it", func() bool { return s.as(t, "insured").card("self").Status == "suspended" })
			v.opens("/card")
			v.Has("Приостановлен с 10 марта 2026 г.")
			v.does("Возобновить полис после службы")
			v.looked("Служба закончилась")
			s.later(t, day)
			v.does("Возобновить полис")
			v.looked("Одобрено. Полис возобновлён")
		})
	}
}

func TestInTheBrowserASuspensionToComeIsCalledOff(t *testing.T) {
	t.Parallel()
	for _, w := range []way{ways[0], ways[3]} {
		t.Run(w.String(), func(t *testing.T) {
			s := newStage(t)
			v := s.visit(t, w)
			v.logsIn("insured")
			v.agrees()
			v.Has("Открыть полис")
			insured := s.as(t, "insured")
			insured.becomes(insured.lifecycle(fields{"action": "suspend", "ground": "conscription", "from": "2026-03-12", "until": "2026-03-13"}).ID, "granted")
			eventually(t, "the card knows", func() bool { return insured.card("self").Coming.MayCallOff })
			v.opens("/card")
			v.looked("С 12 марта 2026 г. по 13 марта 2026 г. полис будет приостановлен.")
			v.does("Отменить приостановление")
			v.looked("Если служба не начнётся, отмените его")
			v.does("Отменить приостановление")
			v.looked("Одобрено. Приостановление отменено, полис действует")
			s.later(t, 2*day)
			v.opens("/card")
			v.looked(activeText)
			v.HasNot("будет приостановлен")
			v.opens("/history")
			v.looked("Отменено 10 марта 2026 г.")
		})
	}
}

func TestInTheBrowserTheFundDecidesOnARestoration(t *testing.T) {
	t.Parallel()
	for _, w := range []way{ways[0], ways[3]} {
		t.Run(w.String(), func(t *testing.T) {
			s := newStage(t)
			asks := func(persona string) string {
				s.as(t, "fund").reports("citizenship_lost", "decision-"+persona, persona, nil).is(http.StatusAccepted)
				id := s.as(t, persona).lifecycle(fields{"action": "restore"}).ID
				s.as(t, "fund").inbox(id)
				return id
			}
			first := asks("insured")
			fund := s.visit(t, w)
			fund.logsIn("fund")
			fund.looked("Ответить до")
			fund.opens("/desk/" + first)
			fund.looked("Аннулирован с 10 марта 2026 г. Причина: утрата гражданства")
			fund.does("Взять в работу")
			fund.looked("Одобрить")
			fund.does("Отказать")
			fund.looked("Выберите причину.")
			fund.Choose("Почему отказ", "Документ не подходит")
			fund.writes("Объяснение: его прочтёт заявитель", "Нужен паспорт")
			fund.does("Отказать")
			fund.looked("Проверьте и подтвердите")
			fund.does("Подтвердить отказ")
			fund.Has("Решение принято: в заявлении отказано.")
			fund.looked("Заявлений, которые ждут вашего решения, нет")
			if got := s.as(t, "insured").becomes(first, "refused"); len(got.Reasons) != 1 || got.Reasons[0].Detail != "Нужен паспорт" {
				t.Errorf("%+v", got)
			}

			second := asks("father")
			fund.opens("/desk/" + second)
			fund.does("Взять в работу")
			fund.Choose("Что уточнить", "Документ не подходит")
			fund.writes("Вопрос: его прочтёт заявитель", "Нужен паспорт")
			fund.does("Отправить вопрос")
			fund.looked("Вопрос отправлен заявителю.")
			father := s.visit(t, w)
			father.logsIn("father")
			father.Has("Восстановление в регистре")
			father.opens("/suspend")
			father.looked("Восстановление в регистре")
			father.HasNot("Подать заявление на восстановление")
			father.does("Что нужно от вас")
			father.looked("Нужен паспорт")
			father.Has("Позвоните в территориальный фонд или придите с документами")
			father.Has("8 (8652) 94-11-25")
			fund.opens("/desk/" + second)
			fund.looked("Ждём ответа заявителя")
			fund.does("Взять в работу")
			fund.does("Одобрить")
			fund.looked("Проверьте и подтвердите")
			fund.does("Подтвердить одобрение")
			fund.Has("Заявлений, которые ждут вашего решения, нет")
			s.as(t, "father").becomes(second, "granted")
			fund.opens("/desk/" + second)
			fund.looked("Решение по заявлению принято")
		})
	}
}
