package tests

import "testing"

func TestInTheBrowserTheNumberIsCopiedAgainAndAgain(t *testing.T) {
	s := newStage(t)
	insured := s.as(t, "insured")
	insured.consents()
	insured.loads(fields{})
	v := s.visit(t, ways[0].inAll())
	v.logsIn("insured")
	v.opens("/card")
	v.Click("Копировать номер")
	v.Has("Скопировано")
	v.Click("Скопировано")
	v.Has("Скопировано")
	v.HasNot("Скопировано") // in a while
	v.Has("Копировать номер")
	v.Axe()

	// The shell allows no page to write to the clipboard.
	v = s.visit(t, ways[0])
	v.logsIn("insured")
	v.opens("/card")
	v.Click("Копировать номер")
	v.Has("Не скопировано")
}
