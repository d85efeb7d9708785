package person

import (
	"strings"
	"unicode"
)

// digits drops the spaces and dashes by which people group a number. It fails
// where anything but the ASCII digits remains: the digits of other scripts look
// alike and are not what the registers hold.
func digits(s string) (string, bool) {
	s = strings.Map(func(r rune) rune {
		if isSpace(r) || isDash(r) {
			return -1
		}
		return r
	}, s)
	return s, allDigits(s)
}

// CivilRecord is the number of a civil record as it is kept and compared: people
// group its digits by spaces, and each registry in its own way.
func CivilRecord(number string) string { return strings.Join(strings.Fields(number), "") }

func allDigits(s string) bool {
	for i := range len(s) {
		if s[i] < '0' || s[i] > '9' {
			return false
		}
	}
	return true
}

// isSpace tells the spaces that are typed or pasted within a line; tabs and line
// ends are control characters and no part of a number or a name.
func isSpace(r rune) bool { return unicode.Is(unicode.Zs, r) }

// isDash tells the characters that are typed or pasted for a hyphen.
func isDash(r rune) bool {
	switch r {
	case '-', '‐', '‑', '‒', '–', '—', '−':
		return true
	}
	return false
}
