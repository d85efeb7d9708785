package tests

import (
	"net/http"
	"net/url"
	"strings"
	"testing"
)

func TestInTheBrowserTwoTabsLogInAtOnce(t *testing.T) {
	s := newStage(t)
	v := s.visit(t, ways[0])
	v.opens("/login?to=/consents")
	other := v.tab()
	other.opens("/login?to=/documents")
	v.chooses("insured")
	v.Has("Для моего полиса")
	other.chooses("insured")
	other.Has("Документов пока нет")
	if held := v.attempts(); len(held) > 0 {
		t.Errorf("cookies of logins that are over: %v", held)
	}
	v.opens("/documents")
	v.Has("Документов пока нет")

	// A browser keeps a bounded number of them.
	for range 20 {
		v.opens("/login")
	}
	if held := v.attempts(); len(held) > 8 || len(held) == 0 {
		t.Errorf("cookies of %d logins", len(held))
	}
}

func TestInTheBrowserALoginThatFailedCanBeFinishedAndOneThatIsOverCannot(t *testing.T) {
	s := newStage(t)
	v := s.visit(t, ways[0])
	v.opens("/login?to=/notices")
	at, err := url.Parse(v.URL())
	if err != nil {
		t.Fatal(err)
	}
	state := at.Query().Get("state")
	v.Go(s.portal("/login/callback?" + url.Values{"state": {state}, "error": {"temporarily_unavailable"}}.Encode()))
	v.Has("Вход не завершён")
	v.Back()
	v.chooses("insured")
	v.Has("Уведомлений пока нет")
	v.Go(s.portal("/login/callback?" + url.Values{"state": {state}, "code": {"x"}}.Encode()))
	v.Has("Вход не завершён")
}

func TestABrowserIsShownAPageWhereTheServerItselfRefuses(t *testing.T) {
	s := newStage(t)
	for path, want := range map[string]string{"/portal/consents": "text/html; charset=utf-8", "/consent-toggle": "application/problem+json"} {
		res, err := http.Post(s.BaseURL()+"/function"+path, "application/x-www-form-urlencoded", strings.NewReader(strings.Repeat("a", 2<<20)))
		if err != nil {
			t.Fatal(err)
		}
		res.Body.Close()
		if kind := res.Header.Get("Content-Type"); res.StatusCode != http.StatusRequestEntityTooLarge || kind != want {
			t.Errorf("%s: %d, %s", path, res.StatusCode, kind)
		}
	}
}

func TestInTheBrowserAFormOfWhoWasLoggedInBeforeDoesNothing(t *testing.T) {
	s := newStage(t)
	v := s.visit(t, ways[0])
	v.logsIn("insured")
	v.opens("/suspend")
	v.ticks("Военная служба по призыву")
	v.does("Приостановить полис")
	v.Has("Проверьте и подтвердите")
	v.Has(human(t, "insured").FullName())
	other := v.tab()
	other.opens("/")
	other.does("Выйти")
	other.logsIn("father")
	other.Has("Здравствуйте, Игорь")
	v.does("Подтвердить приостановление")
	v.Has("Эта страница была открыта под другой учётной записью. Ничего не отправлено.")
	v.Axe()
	v.NoHorizontalScroll(320)
	if v.Status() != http.StatusConflict {
		t.Errorf("answered with %d", v.Status())
	}
	for _, persona := range []string{"insured", "father"} {
		if made := s.as(t, persona).applications(); len(made) > 0 {
			t.Errorf("%s has %+v", persona, made)
		}
	}
	v.does("На главную")
	v.Has("Здравствуйте, Игорь")
}
