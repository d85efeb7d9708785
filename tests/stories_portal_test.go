package tests

import (
	"bytes"
	"testing"

	"polis/local/personas"
	"polis/tests/browser"
)

// visit is a person with a browser at the portal.
type visit struct {
	*browser.Page
	*stage
}

// everyway runs a story on a phone and on a desktop, with JavaScript and
// without.
func everyway(t *testing.T, story func(t *testing.T, v visit)) {
	for _, way := range []struct {
		name   string
		screen browser.Screen
		script bool
	}{
		{"phone", browser.Phone, true}, {"phone without JavaScript", browser.Phone, false},
		{"desktop", browser.Desktop, true}, {"desktop without JavaScript", browser.Desktop, false},
	} {
		t.Run(way.name, func(t *testing.T) {
			s := newStage(t)
			story(t, visit{browser.Open(t, way.screen, browser.Options{JavaScript: way.script}), s})
		})
	}
}

// portal is a page's address.
func (v visit) portal(path string) string { return v.BaseURL() + "/function/portal" + path }

// logIn comes from the first page, and chooses a test person there.
func (v visit) logIn(person string) {
	v.Go(v.portal("/"))
	v.Click("Войти")
	who, ok := personas.Find(person)
	if !ok {
		panic("there is no " + person)
	}
	v.Click(who.Human.FullName() + "…")
}

func TestInTheBrowserFromLoginToThePDF(t *testing.T) {
	everyway(t, func(t *testing.T, v visit) {
		v.logIn("insured")
		v.Click("Согласие на обработку данных — Федеральный фонд ОМС")
		v.Click("Согласие на обработку данных — Минцифры России")
		v.Click("Дать согласие и показать полис")
		v.Has("Открыть полис")
		v.Click("Открыть полис")
		v.Has("2656 4108 3700 0318")
		v.Screenshot("card")
		v.Click("Получить выписку")
		name, content := v.Download("Скачать PDF")
		if !bytes.HasPrefix(content, []byte("%PDF-")) {
			t.Errorf("%s is no PDF", name)
		}
	})
}
