package extract

import (
	_ "embed"
	"slices"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"

	"polis/shared/text"
)

//go:generate ./fonts/generate.sh

// polisMap is the list of the characters that the fonts hold, a line for each
// of the 224 bytes that fpdf can print: "!84 U+2116 uni2116". The fonts are
// cut by the same list.
//
//go:embed fonts/polis.map
var polisMap string

var alphabet = parseAlphabet(polisMap)

func parseAlphabet(list string) map[rune]byte {
	letters := make(map[rune]byte)
	for line := range strings.Lines(list) {
		position, rest, _ := strings.Cut(strings.TrimPrefix(line, "!"), " U+")
		point, _, _ := strings.Cut(rest, " ")
		b, errPosition := strconv.ParseUint(position, 16, 8)
		r, errPoint := strconv.ParseUint(point, 16, 16)
		if errPosition != nil || errPoint != nil {
			panic("extract: fonts/polis.map: bad line " + line)
		}
		letters[rune(r)] = byte(b)
	}
	return letters
}

// Unsupported tells which characters of s the fonts of the extract lack, each
// once, in order of appearance. The fonts hold ASCII, the Cyrillic letters of
// Russia's and its neighbours' languages, and Russian punctuation.
func Unsupported(s string) []rune {
	var lacking []rune
	for _, r := range s {
		if _, ok := alphabet[r]; !ok && !slices.Contains(lacking, r) {
			lacking = append(lacking, r)
		}
	}
	return lacking
}

// kin are signs that people write for others, which the fonts hold.
var kin = strings.NewReplacer(
	"“", `"`, "”", `"`, "„", `"`, "″", `"`, "‚", ",", "′", "’", "´", "’",
	"\u2010", "-", "\u2011", "-", "\u2012", "-", "−", "-", "―", "—",
	"\u2002", " ", "\u2003", " ", "\u2007", " ", "\u2009", " ", "\u202f", " ",
)

// printable is a text that others wrote, as far as it can be printed: with its
// kin for a sign that the fonts lack, and cut to so many characters. For what
// still cannot be printed stands a question mark.
func printable(s string, room int) string {
	if len(Unsupported(s)) > 0 {
		s = kin.Replace(text.Composed(s))
	}
	if utf8.RuneCountInString(s) > room {
		s = strings.TrimSpace(string([]rune(s)[:room-1])) + "…"
	}
	return s
}

// typeset writes s in the fonts' own bytes. By the custom of Russian print a
// line does not end in a word of one or two letters («в», «не», «№», «ул.»), so
// the space after it does not break. What the fonts lack becomes a question mark.
func typeset(s string) string {
	printed := make([]byte, 0, len(s))
	const longWord = 3
	letters := 0
	for _, r := range s {
		b, ok := alphabet[r]
		switch {
		case !ok:
			b = '?'
		case r == ' ' && 0 < letters && letters < longWord:
			b = alphabet['\u00a0']
		}
		switch {
		case r == ' ' || r == '\u00a0':
			letters = 0
		case unicode.IsLetter(r) || r == '№':
			letters++
		case r != '.':
			letters = longWord
		}
		printed = append(printed, b)
	}
	return string(printed)
}
