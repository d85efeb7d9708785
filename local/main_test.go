package main

import (
	"strings"
	"testing"
)

func TestACommandThatIsWrongSaysWhatIsRight(t *testing.T) {
	for line, want := range map[string]string{
		"forget":                         "the commands are personas, token, clock and verify",
		"personas extra":                 `"extra"`,
		"token":                          "the name of one test person",
		"token insured mother":           "the name of one test person",
		"token -addr 127.0.0.1:1 mother": "no instance answers at 127.0.0.1:1",
		"clock":                          "+72h",
		"clock -addr 127.0.0.1:1 +72h":   "-addr A clock",
	} {
		if err := run(t.Context(), strings.Fields(line)); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v", line, err)
		}
	}
}
