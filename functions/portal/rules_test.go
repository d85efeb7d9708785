package function

import (
	"strings"
	"testing"
	"time"

	"polis/shared/application"
	"polis/shared/calendar"
	"polis/shared/consent"
	"polis/shared/fault"
)

func TestWhoMovesNextIsARule(t *testing.T) {
	given := []consentAnswer{{Operator: consent.FFOMS, Status: consent.Granted}, {Operator: consent.Mincifry, Status: consent.Granted}}
	half := []consentAnswer{given[0], {Operator: consent.Mincifry, Status: consent.None}}
	back := []consentAnswer{given[0], {Operator: consent.Mincifry, Status: consent.Revoked}}
	latest := func(s application.Status) *applicationAnswer { return &applicationAnswer{Status: s} }
	card, silent := &cardAnswer{}, fault.Unreachable("policy_card", nil)
	for rule, tc := range map[string]struct {
		member member
		want   step
	}{
		"a consent that was never given comes first":          {member{Consents: half}, giveConsent},
		"so does one that was revoked":                        {member{Consents: back}, giveConsent},
		"and goes before a card":                              {member{Consents: back, Card: card}, giveConsent},
		"and before an application":                           {member{Consents: half, Latest: latest(application.Working)}, giveConsent},
		"with consents alone there is to ask":                 {member{Consents: given}, ask},
		"a card is looked at":                                 {member{Consents: given, Card: card}, look},
		"even while it is asked for again":                    {member{Consents: given, Card: card, Latest: latest(application.Working)}, look},
		"even when that was refused":                          {member{Consents: given, Card: card, Latest: latest(application.Refused)}, look},
		"a card that cannot be read is for later":             {member{Consents: given, Fault: silent, Latest: latest(application.Granted)}, later},
		"a submitted application is waited for":               {member{Consents: given, Latest: latest(application.Submitted)}, wait},
		"one in the works too":                                {member{Consents: given, Latest: latest(application.Working)}, wait},
		"one that needs the person is answered":               {member{Consents: given, Latest: latest(application.NeedsPerson)}, answer},
		"a refused one too":                                   {member{Consents: given, Latest: latest(application.Refused)}, answer},
		"a granted one whose copy is erased can be asked for": {member{Consents: given, Latest: latest(application.Granted)}, ask},
	} {
		if got := tc.member.Next(); got != tc.want {
			t.Errorf("%s: %q", rule, got)
		}
	}
}

func TestOfTheRevokedConsentsTheLastIsNamed(t *testing.T) {
	at := time.Date(2026, time.March, 10, 9, 0, 0, 0, time.UTC)
	first := consentAnswer{Operator: consent.FFOMS, Status: consent.Revoked, Since: at}
	last := consentAnswer{Operator: consent.Mincifry, Status: consent.Revoked, Since: at.Add(time.Hour)}
	for _, all := range [][]consentAnswer{{first, last}, {last, first}} {
		if got := (member{Consents: all}).Revoked(); got == nil || *got != last {
			t.Errorf("%+v", got)
		}
	}
	if got := (member{Consents: []consentAnswer{{Status: consent.None}, {Status: consent.Granted, Since: at}}}).Revoked(); got != nil {
		t.Errorf("none was revoked, but %+v", got)
	}
}

func TestWhoseConsentsAreNeeded(t *testing.T) {
	have := consentList{Items: []consentAnswer{
		{Operator: consent.FFOMS, Person: "child", Status: consent.Granted, Receipt: "c"}, {Operator: consent.Mincifry, Person: consent.Self, Status: consent.Granted, Receipt: "m"},
	}}
	if got := needed(have, consent.Self); len(got) != 2 || got[0].Status != consent.None || got[1].Receipt != "m" {
		t.Errorf("of oneself: %+v", got)
	}
	if got := needed(have, "child"); len(got) != 1 || got[0].Receipt != "c" {
		t.Errorf("of a child: %+v", got)
	}
}

func TestNoAddressLeadsOutOfThePortal(t *testing.T) {
	for path, want := range map[string]string{
		"":                             "/",
		"/":                            "/",
		"/card?person=self":            "/card?person=self",
		"/requests/x#y":                "/requests/x#y",
		"//evil.example":               "//evil.example", // below root it is a path
		"https://evil.example":         "/",
		"@evil.example":                "/",
		".evil.example":                "/",
		`/\evil.example`:               "/",
		`\\evil.example`:               "/",
		"/../../inbox":                 "/",
		"/%2e%2e/%2E%2E/inbox":         "/",
		"/.%2e/inbox":                  "/",
		"/x\r\nSet-Cookie: a=b":        "/",
		"/\t/evil.example":             "/",
		"/login":                       "/",
		"/login/callback?code=1":       "/",
		"/logins-of-old":               "/logins-of-old",
		"javascript:alert(1)":          "/",
		"/" + strings.Repeat("a", 600): "/",
		"/documents?next=%2f%2fx":      "/documents?next=%2f%2fx",
	} {
		if got := local(path); got != want {
			t.Errorf("%q leads to %q", path, got)
		}
	}
}

func TestDaysAndMomentsAreToldInWordsByTheRegionsClock(t *testing.T) {
	zone, _ := calendar.Zone("26")
	ru, en := &page{zone: zone}, &page{zone: zone, English: true}
	const nb = "\u00a0"
	for _, tc := range []struct {
		at              any
		day, moment, in string
	}{
		{time.Date(2026, time.March, 10, 22, 30, 0, 0, time.UTC), "11" + nb + "марта" + nb + "2026" + nb + "г.", ", в" + nb + "01:30", "11" + nb + "March" + nb + "2026"},
		{"2026-03-10T23:59:59+03:00", "10" + nb + "марта" + nb + "2026" + nb + "г.", ", в" + nb + "23:59", "10" + nb + "March" + nb + "2026"},
		{"2026-05-09", "9" + nb + "мая" + nb + "2026" + nb + "г.", "", "9" + nb + "May" + nb + "2026"},
		{calendar.On(1985, time.December, 1), "1" + nb + "декабря" + nb + "1985" + nb + "г.", "", "1" + nb + "December" + nb + "1985"},
		{"", "", "", ""}, {time.Time{}, "", "", ""}, {calendar.Date{}, "", "", ""},
	} {
		day, err := ru.Day(tc.at)
		if err != nil || day != tc.day {
			t.Errorf("day of %v: %q, %v", tc.at, day, err)
		}
		if moment, err := ru.Moment(tc.at); err != nil || moment != tc.day+tc.moment {
			t.Errorf("moment of %v: %q, %v", tc.at, moment, err)
		}
		if day, err := en.Day(tc.at); err != nil || day != tc.in {
			t.Errorf("day of %v in English: %q, %v", tc.at, day, err)
		}
	}
	for _, at := range []any{"soon", "2026-02-30", 7, nil} {
		if day, err := ru.Day(at); err == nil {
			t.Errorf("%v is the day %q", at, day)
		}
	}
}
