package tests

import (
	"testing"

	"polis/tests/browser"
)

// everybody is each kind of screen by day and by night.
func everybody(t *testing.T, see func(p *browser.Page)) {
	t.Helper()
	for _, screen := range []browser.Screen{browser.Phone, browser.Desktop} {
		for _, dark := range []bool{false, true} {
			see(browser.Open(t, screen, browser.Options{Dark: dark}))
		}
	}
}

func TestPagesAreForEverybody(t *testing.T) {
	s := newStage(t)
	inbox := s.BaseURL() + "/inbox"
	everybody(t, func(p *browser.Page) {
		p.Go(inbox)
		p.Has("Пока ничего не пришло.")
		p.Axe()
	})
	insured := s.as(t, "insured")
	insured.consents()
	insured.loads(fields{})
	eventually(t, "a letter", func() bool { return len(s.Inbox()) > 0 })
	for name, url := range map[string]string{"inbox": inbox, "portal": s.BaseURL() + "/function/portal"} {
		everybody(t, func(p *browser.Page) {
			p.Go(url)
			p.Axe()
			p.NoHorizontalScroll(320)
			p.Screenshot(name)
		})
	}
}
