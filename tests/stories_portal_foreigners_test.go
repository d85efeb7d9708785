package tests

import (
	"net/http"
	"strings"
	"testing"
	"time"
)

func TestInTheBrowserARefugeeIsInsuredUntilTheStatusIsLostAndAgainByAResidencePermit(t *testing.T) {
	onAPhone(t, ways[0], func(s *stage, v visit) {
		refugee, interior := s.as(v.t, "refugee"), s.from(v.t, "interior")
		latest := func() string { return refugee.applications()[0].ID }
		v.logsIn("refugee")
		v.does("Получить полис впервые")
		v.ticks("Статус беженца или ходатайство о нём")
		v.does("Дальше")
		v.looked("По этому основанию решение принимает территориальный фонд.")
		v.writes("До какого дня разрешено пребывание", "30.09.2026")
		v.does("Узнать срок действия")
		v.looked("в этот день заканчивается разрешённый срок пребывания")
		v.does("Подать заявление")
		v.looked("Укажите документ, который подтверждает основание.")
		v.Choose("Вид документа", "Удостоверение беженца в Российской Федерации")
		v.writes("Серия", "ВК")
		v.writes("Номер", "0012345")
		v.writes("Документ действует до", "30.09.2026")
		v.does("Подать заявление")
		v.looked("На рассмотрении в территориальном фонде")
		s.as(v.t, "fund").approves(latest())
		v.looked("Полис оформлен")
		v.agrees()
		v.Has("Открыть полис")
		v.does("Открыть полис")
		v.looked("Полис действует до 30 сентября 2026 г.: в этот день заканчивается разрешённый срок пребывания")

		interior.reports("refugee_status_lost", "mvd-1", "refugee", nil).is(http.StatusAccepted)
		v.reads("/card", "Аннулирован с 10 марта 2026 г. Причина: утрата статуса беженца")
		v.HasNot("30 сентября") // the term that it had
		v.reads("/notices", "Ваш полис ОМС прекращает действие.")
		v.opens("/history")
		v.looked("Причина: утрата статуса беженца")
		v.Has("По данным МВД")

		// The fund may restore the policy; another right gives it anew.
		v.opens("/card")
		number := refugee.card("self").ENP
		v.does("Восстановить полис")
		v.looked("Подать заявление на восстановление")
		v.does("Оформить полис")
		v.ticks("Постоянное проживание в России по виду на жительство")
		v.does("Дальше")
		v.does("Вписать документ самому")
		v.writes("Серия", "83")
		v.writes("Номер", "0541276")
		v.writes("Документ действует до", "01.05.2030")
		v.does("Узнать срок действия")
		v.looked("Полис действует до 31 декабря 2026 г.")
		v.does("Подать заявление")
		v.Has("На рассмотрении в территориальном фонде")
		s.as(v.t, "fund").approves(latest())
		v.looked("Полис переоформлен, его номер прежний")
		v.reads("/card", "Полис действует до 31 декабря 2026 г.")
		if card := refugee.card("self"); card.ENP != number || card.Status != "no_insurer" {
			v.t.Errorf("%+v", card)
		}

		s.later(v.t, day)
		interior.reports("residence_permit_cancelled", "mvd-2", "refugee", nil).is(http.StatusAccepted)
		v.reads("/card", "Аннулирован с 11 марта 2026 г. Причина: вид на жительство аннулирован")
		poll(v.t, patience, 250*time.Millisecond, "the notice of this end too", func() bool {
			v.opens("/notices")
			return strings.Count(v.Text(), "прекращает") == 2
		})
		v.opens("/history")
		v.looked("Причина: вид на жительство аннулирован")
	})
}

func TestInTheBrowserTheFundDecidesOnARefugeesChildWithItsSNILSAndATypedCivilRecord(t *testing.T) {
	onAPhone(t, ways[1], func(s *stage, v visit) {
		parent := s.as(v.t, "refugee")
		v.logsIn("refugee")
		v.does("Получить полис ребёнку")
		v.looked("По какому праву ребёнок живёт в России")
		v.Has("По этому заявлению решает территориальный фонд.")
		v.does("Дальше")
		v.looked("Выберите основание.")
		v.ticks("Беженец или просит признать беженцем")
		v.does("Дальше")
		v.looked("Хаддад Лейла")
		v.ticks("Ингосстрах-М…")
		v.writes("До какого дня разрешено пребывание", "30.09.2026")
		v.writes("Дата актовой записи", "27.11.2023")
		v.does("Узнать срок действия")
		v.looked("Полис действует до 30 сентября 2026 г.: в этот день заканчивается разрешённый срок пребывания.")
		v.does("Подать заявление")
		v.looked("Укажите номер актовой записи: он есть в свидетельстве о рождении.")
		v.writes("Номер актовой записи о рождении", "120239260000301118005")
		v.does("Подать заявление")
		v.looked("На рассмотрении в территориальном фонде")

		asked := parent.applications()[0].ID
		s.as(v.t, "fund").inbox(asked)
		fund := s.visit(v.t, v.way)
		fund.logsIn("fund")
		fund.opens("/desk/" + asked)
		fund.looked("Номер и дату указал заявитель: сверьте их с ЗАГС")
		for _, seen := range []string{"Хаддад Лейла", "193-508-642 91", "120239260000301118005, 27 ноября 2023", "Беженец или просит признать беженцем. Полис действует до 30 сентября 2026 г."} {
			fund.Has(seen)
		}
		fund.does("Взять в работу")
		fund.does("Одобрить")
		fund.does("Подтвердить одобрение")
		fund.Has("Решение принято: заявление одобрено.")

		v.looked("Полис оформлен")
		v.ticks("Согласие на обработку данных ребёнка (Лейла) — " + ffoms)
		v.does(agree + " (Лейла)")
		v.Has("Открыть полис")
		v.does("Открыть полис")
		v.looked("Полис действует до 30 сентября 2026 г.: в этот день заканчивается разрешённый срок пребывания")
		v.Has("Хаддад Лейла")
		v.Has("Ингосстрах-М")
	})
}
