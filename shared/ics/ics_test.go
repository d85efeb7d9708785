package ics

import (
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"polis/shared/calendar"
)

// Typed by hand from RFC 5545.
const want = "BEGIN:VCALENDAR\r\n" +
	"VERSION:2.0\r\n" +
	"PRODID:-//Polis//Polis//RU\r\n" +
	"CALSCALE:GREGORIAN\r\n" +
	"METHOD:PUBLISH\r\n" +
	"X-WR-CALNAME:Полис ОМС\r\n" +
	"BEGIN:VEVENT\r\n" +
	"UID:r1-of_age-2030-04-05@polis\r\n" +
	"DTSTAMP:20260310T060000Z\r\n" +
	"DTSTART;VALUE=DATE:20300405\r\n" +
	"SUMMARY:18 лет\\; полис\\, \\\\ и всё\r\n" +
	"DESCRIPTION:Первая строка\\nи вторая\r\n" +
	"TRANSP:TRANSPARENT\r\n" +
	"END:VEVENT\r\n" +
	"END:VCALENDAR\r\n"

func TestACalendarIsWrittenAsTheStandardWantsIt(t *testing.T) {
	c := Calendar{
		Name: "Полис ОМС", At: time.Date(2026, time.March, 10, 9, 0, 0, 0, time.FixedZone("MSK", 3*60*60)),
		Days: []Day{{UID: "r1-of_age-2030-04-05@polis", On: calendar.On(2030, time.April, 5), Summary: `18 лет; полис, \ и всё`, Description: "Первая строка\r\nи вторая"}},
	}
	if got := string(c.Bytes()); got != want {
		t.Errorf("%q\ninstead of\n%q", got, want)
	}
	if got := string(Calendar{At: c.At}.Bytes()); strings.Contains(got, "VEVENT") || !strings.HasSuffix(got, "END:VCALENDAR\r\n") {
		t.Errorf("%q", got)
	}
}

func TestALongLineIsFoldedBetweenCharacters(t *testing.T) {
	for _, long := range []string{strings.Repeat("Ш", 200), strings.Repeat("x", 66) + strings.Repeat("Ш", 40), strings.Repeat("y", 67) + "ЩЩ", strings.Repeat("z", 300), "\xff" + strings.Repeat("ю", 80)} {
		got := string(Calendar{Days: []Day{{UID: "u", Summary: long}}}.Bytes())
		for l := range strings.SplitSeq(strings.TrimSuffix(got, "\r\n"), "\r\n") {
			if len(l) > 75 || !utf8.ValidString(l) || strings.ContainsAny(l, "\r\n") {
				t.Errorf("%d octets: %q", len(l), l)
			}
		}
		if unfolded := strings.ReplaceAll(got, "\r\n ", ""); !strings.Contains(unfolded, "\r\nSUMMARY:"+strings.ToValidUTF8(long, "\uFFFD")+"\r\n") {
			t.Errorf("unfolded it is another text: %q", unfolded)
		}
	}
}
