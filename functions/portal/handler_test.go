package function_test

import (
	"strings"
	"testing"

	function "polis/functions/portal"
	"polis/shared/functiontest"
)

func TestThePageIsOpenToEverybodyAndBringsItsOwnProtection(t *testing.T) {
	b := functiontest.New(t)
	b.Run(function.Name, function.New)
	res := b.Call("GET", function.Name, "/", "", nil).Expect(200, "")
	for header, want := range map[string]string{
		"Content-Type":            "text/html; charset=utf-8",
		"X-Content-Type-Options":  "nosniff",
		"Content-Security-Policy": "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
		"Content-Language":        "ru",
		"Cache-Control":           "public, max-age=60",
	} {
		if got := res.Header.Get(header); got != want {
			t.Errorf("%s: %q", header, got)
		}
	}
	if page := string(res.Body); !strings.Contains(page, `<html lang="ru">`) || strings.Contains(page, "<script") || strings.Contains(page, "http://") {
		t.Errorf("%s", page)
	}
}

func TestThePortalHasNothingElse(t *testing.T) {
	b := functiontest.New(t)
	b.Run(function.Name, function.New)
	b.Call("GET", function.Name, "/admin", "", nil).Expect(404, "no_such_path")
	if res := b.Call("POST", function.Name, "/", "", "{}").Expect(405, "method_not_allowed"); res.Header.Get("Allow") != "GET" {
		t.Errorf("allows %q", res.Header.Get("Allow"))
	}
}

func TestTheLanguageOfAProblemIsTheReaders(t *testing.T) {
	b := functiontest.New(t)
	b.Run(function.Name, function.New)
	if res := b.Call("GET", function.Name, "/x", "", nil, "Accept-Language", "en"); res.Detail != "There is no such address." {
		t.Errorf("%q", res.Detail)
	}
}
