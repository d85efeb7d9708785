package text

import (
	"strings"
	"testing"

	"polis/shared/fault"
)

// named are the codes of what is wrong.
func named(wrong []fault.Field) string {
	var codes []string
	for _, f := range wrong {
		codes = append(codes, f.Code)
	}
	return strings.Join(codes, ", ")
}

func TestWhatDeceivesTheEyeIsNamedAndMarkupIsOnlyText(t *testing.T) {
	for _, c := range []struct {
		rule, text, line, lines, visible string
	}{
		{"markup", `<script>alert("1")</script> & 'b'`, "", "", `<script>alert("1")</script> & 'b'`},
		{"words of any language", "Ґалаґан, Ägypten, 東京, م", "", "", "Ґалаґан, Ägypten, 東京, م"},
		{"an emoji and what it is dressed with", "❤\ufe0f", "", "", "❤\ufe0f"},
		{"a second line", "a\nb\tc", "control_character", "", "a b c"},
		{"the start of a header", "a\r\nBcc: b@example.org", "control_character", "", "a  Bcc: b@example.org"},
		{"a line turned round", "a\u202eb", "control_character", "control_character", "ab"},
		{"one turned round apart", "a\u2066b\u2069", "control_character", "control_character", "ab"},
		{"no width", "a\u200b\u200d\u2060\ufeffb", "control_character", "control_character", "ab"},
		{"a separator of lines", "a\u2028b", "control_character", "control_character", "ab"},
		{"a filler", "a\u3164\u115fb", "control_character", "control_character", "ab"},
		{"a zero byte", "a\x00b", "control_character", "control_character", "ab"},
		{"an escape", "a\x1b[31mb", "control_character", "control_character", "a[31mb"},
		{"bytes that are no text", "a\xffb", "", "", "a\ufffdb"},
		{"one too many", "abcdefghijklmnopqrstuvwxyzabcdefghijklmnop", "too_long", "too_long", "abcdefghijklmnopqrstuvwxyzabcdefghijklmnop"},
	} {
		t.Run(c.rule, func(t *testing.T) {
			const longest = 40
			for _, check := range []struct{ want, got string }{
				{c.line, named(CheckLine("f", c.text, longest))}, {c.lines, named(CheckLines("f", c.text, longest))}, {c.visible, Visible(c.text)},
			} {
				if check.got != check.want {
					t.Errorf("%q instead of %q", check.got, check.want)
				}
			}
		})
	}
}
