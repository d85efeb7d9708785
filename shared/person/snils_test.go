package person

import (
	"testing"

	"polis/shared/fault"
)

// wants checks that err names exactly the field with the code; "" means none.
func wants(t *testing.T, err error, field, code string) {
	t.Helper()
	if code == "" {
		if err != nil {
			t.Errorf("refused: %v", err)
		}
		return
	}
	f := fault.From(err)
	if err == nil || f.Kind != fault.Invalid || len(f.Fields) != 1 || f.Fields[0].Field != field || f.Fields[0].Code != code {
		t.Fatalf("got %v %+v, want %s at %s", err, f.Fields, code, field)
	}
	if f.Fields[0].Detail.RU == "" || f.Fields[0].Detail.EN == "" {
		t.Errorf("%s has no text in both languages", code)
	}
}

func TestSNILSIsReadWithItsCheckDigits(t *testing.T) {
	for _, c := range []struct{ rule, text, code string }{
		{"grouped as people write it", "112-233-445 95", ""},
		{"as bare digits", "11223344595", ""},
		{"with spaces and long dashes", " 112 – 233 – 445 95 ", ""},
		{"with a sum of 202, whose rest is 00", "087-654-303 00", ""},
		{"with check digits 50", "160-722-397 50", ""},
		{"the first number that is checked", "001-001-999 65", ""},
		{"with check digits 99", "001-326-678 99", ""},
		{"with a sum of 100, which counts as 00", "001-508-815 00", ""},
		{"with check digits 01", "001-318-759 01", ""},
		{"with a sum of 201, whose rest 100 counts as 00", "006-996-682 00", ""},
		{"the last number issued without check digits", "001-001-998 00", ""},
		{"any number before it", "000-000-001 01", ""},
		{"check digits that do not fit are refused", "112-233-445 96", "snils_check_digits"},
		{"also right above the unchecked numbers", "001-001-999 00", "snils_check_digits"},
		{"also where the sum counts as 00", "087-654-303 01", "snils_check_digits"},
		{"all zeros is refused", "000-000-000 00", "snils_zero"},
		{"ten digits are refused", "112-233-44 95", "snils_length"},
		{"twelve digits are refused", "112-233-445 955", "snils_length"},
		{"an empty text is refused", "", "snils_length"},
		{"a letter is refused", "112-233-44O 95", "snils_not_digits"},
		{"digits of another script are refused", "١١٢٢٣٣٤٤٥٩٥", "snils_not_digits"},
		{"full-width digits are refused", "\uff11\uff11\uff12\uff12\uff13\uff13\uff14\uff14\uff15\uff19\uff15", "snils_not_digits"},
		{"a tab is refused", "112-233-445\t95", "snils_not_digits"},
	} {
		t.Run(c.rule, func(t *testing.T) {
			_, err := ParseSNILS(c.text)
			wants(t, err, "snils", c.code)
		})
	}
}

func TestSNILSIsKeptAsDigitsAndShownGrouped(t *testing.T) {
	s, err := ParseSNILS("112 233 445-95")
	if err != nil || s != "11223344595" || s.String() != "112-233-445 95" {
		t.Errorf("got %q, shown as %s, %v", string(s), s, err)
	}
	if got := SNILS("112").String(); got != "112" {
		t.Errorf("an unread number is shown as %q", got)
	}
}

func FuzzParseSNILS(f *testing.F) {
	for _, seed := range []string{"112-233-445 95", "001-001-998 00", "000-000-000 00", "", "١", "-\u00a0-", "\xff"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		s, err := ParseSNILS(text)
		if err != nil {
			if s != "" {
				t.Errorf("refused, and yet returned %q", string(s))
			}
			return
		}
		if len(s) != 11 || !allDigits(string(s)) {
			t.Errorf("%q is not 11 digits", string(s))
		}
		if again, err := ParseSNILS(s.String()); err != nil || again != s {
			t.Errorf("%q reads back as %q, %v", s.String(), string(again), err)
		}
	})
}
