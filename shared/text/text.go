// Package text judges texts that others wrote and that a person is shown: on a
// page, in a letter, on paper.
package text

import (
	"fmt"
	"strings"
	"unicode"
	"unicode/utf8"

	"polis/shared/fault"
)

// Hidden reports whether a character shows nothing of its own and so may deceive
// who reads the text around it: controls, the marks that turn a line round
// (U+202E, U+2066), characters without width, fillers, separators of lines. No
// foreign text is kept with one. What an emoji is dressed with is no deceit.
func Hidden(r rune) bool {
	return unicode.In(r, unicode.C, unicode.Zl, unicode.Zp, unicode.Other_Default_Ignorable_Code_Point)
}

// Visible is a text without its hidden characters, for what cannot be sent back
// to whoever wrote it. Line ends and tabs become spaces.
func Visible(s string) string {
	return strings.Map(func(r rune) rune {
		switch {
		case r == '\n' || r == '\r' || r == '\t':
			return ' '
		case Hidden(r):
			return -1
		}
		return r
	}, s)
}

// composed joins what some keyboards and systems send as a letter and a mark.
var composed = strings.NewReplacer(
	"И\u0306", "Й", "и\u0306", "й", "Е\u0308", "Ё", "е\u0308", "ё",
	"І\u0308", "Ї", "і\u0308", "ї", "У\u0306", "Ў", "у\u0306", "ў",
	"А\u0306", "Ӑ", "а\u0306", "ӑ", "Е\u0306", "Ӗ", "е\u0306", "ӗ", "У\u030B", "Ӳ", "у\u030B", "ӳ",
	"И\u0304", "Ӣ", "и\u0304", "ӣ", "У\u0304", "Ӯ", "у\u0304", "ӯ",
)

// Composed is a text with its Cyrillic letters in one piece each, Й and Ё
// first of all.
func Composed(s string) string { return composed.Replace(s) }

// CheckLine names what is wrong with a text of one line that others are shown:
// too_long, in characters, or control_character. CheckLines allows line ends and
// tabs besides.
func CheckLine(field, s string, longest int) []fault.Field {
	return check(field, s, longest, Hidden)
}

func CheckLines(field, s string, longest int) []fault.Field {
	return check(field, s, longest, func(r rune) bool { return Hidden(r) && r != '\n' && r != '\r' && r != '\t' })
}

func check(field, s string, longest int, refused func(rune) bool) []fault.Field {
	switch {
	case utf8.RuneCountInString(s) > longest:
		return []fault.Field{{Field: field, Code: "too_long", Detail: fault.Text{
			RU: fmt.Sprintf("Не длиннее %d знаков.", longest),
			EN: fmt.Sprintf("At most %d characters.", longest)}}}
	case strings.ContainsFunc(s, refused):
		return []fault.Field{{Field: field, Code: "control_character", Detail: fault.Text{
			RU: "В тексте есть невидимые знаки. Отправьте его без них.",
			EN: "There are invisible characters in the text. Send it without them."}}}
	}
	return nil
}
