// Package ics writes days that matter as a calendar that phones and mail
// programs read (iCalendar, RFC 5545).
package ics

import (
	"strings"
	"time"
	"unicode/utf8"

	"polis/shared/calendar"
)

// Media is the media type of a calendar.
const Media = "text/calendar; charset=utf-8"

// Calendar of whole days.
type Calendar struct {
	Name string
	At   time.Time // when it was true
	Days []Day
}

// Day of a calendar. A calendar read again replaces the day of the same UID.
type Day struct {
	UID         string
	On          calendar.Date
	Summary     string
	Description string
}

// Bytes of the calendar.
func (c Calendar) Bytes() []byte {
	var b strings.Builder
	line(&b, "BEGIN", "VCALENDAR")
	line(&b, "VERSION", "2.0")
	line(&b, "PRODID", "-//Polis//Polis//RU")
	line(&b, "CALSCALE", "GREGORIAN")
	line(&b, "METHOD", "PUBLISH")
	line(&b, "X-WR-CALNAME", text(c.Name))
	for _, d := range c.Days {
		line(&b, "BEGIN", "VEVENT")
		line(&b, "UID", text(d.UID))
		line(&b, "DTSTAMP", c.At.UTC().Format("20060102T150405Z"))
		// Without an end it lasts the one day (RFC 5545, 3.6.1).
		line(&b, "DTSTART;VALUE=DATE", strings.ReplaceAll(d.On.String(), "-", ""))
		line(&b, "SUMMARY", text(d.Summary))
		if d.Description != "" {
			line(&b, "DESCRIPTION", text(d.Description))
		}
		line(&b, "TRANSP", "TRANSPARENT")
		line(&b, "END", "VEVENT")
	}
	line(&b, "END", "VCALENDAR")
	return []byte(b.String())
}

// text escapes a value of type TEXT (RFC 5545, 3.3.11).
func text(s string) string {
	return strings.NewReplacer(`\`, `\\`, ";", `\;`, ",", `\,`, "\r\n", `\n`, "\n", `\n`, "\r", `\n`).Replace(s)
}

// width of a line in octets, without its end (RFC 5545, 3.1).
const width = 75

// line writes a content line, folded between characters and never within one.
func line(b *strings.Builder, name, value string) {
	left := width
	for _, r := range name + ":" + value {
		n := utf8.RuneLen(r)
		if n < 0 {
			r, n = utf8.RuneError, utf8.RuneLen(utf8.RuneError)
		}
		if n > left {
			b.WriteString("\r\n ")
			left = width - 1
		}
		b.WriteRune(r)
		left -= n
	}
	b.WriteString("\r\n")
}
