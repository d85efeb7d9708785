package person

import (
	"slices"
	"strings"
	"testing"
	"time"

	"polis/shared/calendar"
)

var today = calendar.On(2026, time.March, 10)

func TestDocumentFollowsTheFormOfItsKind(t *testing.T) {
	for _, c := range []struct {
		rule           string
		kind           int
		series, number string
		want           []string
	}{
		{"a passport", Passport, "45 12", "123456", nil},
		{"a passport typed without the space", Passport, "0314", "000001", nil},
		{"a passport with three digits of series", Passport, "45 1", "123456", []string{"document.series document_series_wrong"}},
		{"a passport with five digits of number", Passport, "4512", "12345", []string{"document.number document_number_wrong"}},
		{"a passport with letters", Passport, "AB12", "123456", []string{"document.series document_series_wrong"}},
		{"a passport in digits of another script", Passport, "٤٥١٢", "123456", []string{"document.series document_series_wrong"}},
		{"an empty passport", Passport, "", "", []string{"document.series document_series_wrong", "document.number document_number_wrong"}},

		{"a birth certificate", BirthCertificate, "II-АБ", "123456", nil},
		{"a birth certificate IV", BirthCertificate, "IV-МЮ", "654321", nil},
		{"a birth certificate I", BirthCertificate, "I-ЕТ", "000001", nil},
		{"Cyrillic look-alikes for the numeral", BirthCertificate, "ХЛ1У-АБ", "123456", nil},
		{"small letters", BirthCertificate, "iv-мю", "654321", nil},
		{"a long dash", BirthCertificate, "IV — МЮ", "654321", nil},
		{"an Arabic numeral", BirthCertificate, "2-АБ", "123456", []string{"document.series document_series_wrong"}},
		{"Latin letters after the hyphen", BirthCertificate, "II-AB", "123456", []string{"document.series document_series_wrong"}},
		{"one letter after the hyphen", BirthCertificate, "II-А", "123456", []string{"document.series document_series_wrong"}},
		{"no hyphen", BirthCertificate, "IIАБ", "123456", []string{"document.series document_series_wrong"}},
		{"no numeral", BirthCertificate, "-АБ", "123456", []string{"document.series document_series_wrong"}},
		{"five digits of number", BirthCertificate, "II-АБ", "12345", []string{"document.number document_number_wrong"}},
		{"a numeral that is not canonical", BirthCertificate, "IIII-АБ", "123456", []string{"document.series document_series_wrong"}},

		{"a foreign passport without a series", 9, "", "AB 1234567", nil},
		{"a foreign passport without a number", 9, "AB", "", []string{"document.number document_number_wrong"}},
		{"a foreign number without a digit", 21, "", "ABC", []string{"document.number document_number_wrong"}},
		{"a foreign number with a slash", 24, "", "12/345-А", nil},
		{"a foreign number too long", 22, "", strings.Repeat("1", 21), []string{"document.number document_number_wrong"}},
		{"an emoji in a foreign series", 9, "😀", "1", []string{"document.series document_series_wrong"}},

		{"an officer's card", 4, "АБ", "1234567", []string{"document.type document_type_not_accepted"}},
		{"a passport for travel abroad", 15, "71", "1234567", []string{"document.type document_type_not_accepted"}},
		{"a kind that does not exist", 99, "45 12", "123456", []string{"document.type document_type_unknown"}},
	} {
		t.Run(c.rule, func(t *testing.T) {
			d := Document{Type: c.kind, Series: c.series, Number: c.number}
			if got := found(d.Check("document", today)); !slices.Equal(got, c.want) {
				t.Errorf("got %v, want %v", got, c.want)
			}
		})
	}
}

func TestOnlyCanonicalRomanNumeralsNumberASeries(t *testing.T) {
	for series, right := range map[string]bool{
		"I": true, "III": true, "IX": true, "XIV": true, "XLIX": true, "XC": true, "CCCXCIX": true, "ХСУ": true,
		"VV": false, "IC": false, "IIX": false, "VX": false, "XXXX": false, "M": false, "D": false,
	} {
		d := Document{Type: BirthCertificate, Series: series + "-АБ", Number: "123456"}
		if got := d.Check("", today); (got == nil) != right {
			t.Errorf("%s: %v", series, found(got))
		}
	}
}

func TestApplicationRestsOnlyOnTheAcceptedKinds(t *testing.T) {
	accepted := []int{3, 9, 10, 11, 12, 13, 14, 21, 22, 23, 24, 25, 27, 28}
	for code := 0; code <= 30; code++ {
		title, known := DocumentKind(code)
		if want := code >= 1 && code <= 18 || code >= 21 && code <= 28; known != want {
			t.Errorf("kind %d known: %v", code, known)
		}
		if known && (title.RU == "" || title.EN == "") {
			t.Errorf("kind %d has no title", code)
		}
		refused := slices.ContainsFunc(found(Document{Type: code, Number: "1"}.Check("", today)), func(f string) bool {
			return strings.HasPrefix(f, "type ")
		})
		if refused == slices.Contains(accepted, code) {
			t.Errorf("kind %d refused: %v", code, refused)
		}
	}
}

func TestDocumentWithATermMustStillBeValid(t *testing.T) {
	for _, c := range []struct {
		rule    string
		kind    int
		expires calendar.Date
		want    []string
	}{
		{"a residence permit without a term", 11, calendar.Date{}, []string{"expires document_expiry_missing"}},
		{"a residence permit of tomorrow", 11, today.AddDays(1), nil},
		{"a residence permit on its last day", 11, today, nil},
		{"a residence permit of yesterday", 11, today.AddDays(-1), []string{"expires document_expired"}},
		{"a foreign passport may have no term", 9, calendar.Date{}, nil},
		{"a foreign passport past its term", 9, today.AddDays(-1), []string{"expires document_expired"}},
	} {
		t.Run(c.rule, func(t *testing.T) {
			d := Document{Type: c.kind, Number: "123", Expires: c.expires}
			if got := found(d.Check("", today)); !slices.Equal(got, c.want) {
				t.Errorf("got %v, want %v", got, c.want)
			}
		})
	}
	for _, kind := range []int{10, 11, 12, 13, 23, 25, 27, 28} {
		if got := found(Document{Type: kind, Number: "123"}.Check("", today)); !slices.Equal(got, []string{"expires document_expiry_missing"}) {
			t.Errorf("kind %d: %v", kind, got)
		}
	}
}

func TestOneDocumentHasOneKeyHoweverItWasTyped(t *testing.T) {
	for key, typed := range map[string][]Document{
		"14|4512|123456": {
			{Type: Passport, Series: "45 12", Number: "123456"},
			{Type: Passport, Series: "4512", Number: "123 456"},
			{Type: Passport, Series: " 45-12", Number: "123456", Expires: today},
		},
		"3|IVМЮ|654321": {
			{Type: BirthCertificate, Series: "IV-МЮ", Number: "654321"},
			{Type: BirthCertificate, Series: "1У – мю", Number: "654321"},
		},
		"9|AB|1234567": {
			{Type: 9, Series: "ab", Number: "123-45-67"},
			{Type: 9, Series: "A B", Number: "1234567"},
		},
	} {
		for _, d := range typed {
			if got := d.Key(); got != key {
				t.Errorf("%+v has the key %s, want %s", d, got, key)
			}
		}
	}
}

func TestDocumentIsKeptInTheFormItIsPrinted(t *testing.T) {
	for _, c := range []struct{ in, want Document }{
		{Document{Type: Passport, Series: "4512", Number: "123 456"}, Document{Type: Passport, Series: "45 12", Number: "123456"}},
		{Document{Type: BirthCertificate, Series: "хсу – мю", Number: "654321"}, Document{Type: BirthCertificate, Series: "XCV-МЮ", Number: "654321"}},
		{Document{Type: 9, Series: " ab ", Number: "12  34—5"}, Document{Type: 9, Series: "AB", Number: "12 34-5"}},
	} {
		if got := c.in.Normalised(); got != c.want {
			t.Errorf("got %+v, want %+v", got, c.want)
		}
	}
}

func FuzzDocument(f *testing.F) {
	f.Add(14, "45 12", "123456")
	f.Add(3, "1У – мю", "654321")
	f.Add(3, "--", "")
	f.Add(9, "😀", "\xff")
	f.Add(0, "", "")
	f.Fuzz(func(t *testing.T, kind int, series, number string) {
		d := Document{Type: kind, Series: series, Number: number, Expires: today}
		once := d.Normalised()
		if again := once.Normalised(); again != once {
			t.Errorf("%+v normalises further to %+v", once, again)
		}
		if d.Key() != once.Key() {
			t.Errorf("key %q becomes %q", d.Key(), once.Key())
		}
		wrong := d.Check("document", today)
		if got := found(once.Check("document", today)); !slices.Equal(got, found(wrong)) {
			t.Errorf("normalising changes the findings from %v to %v", found(wrong), got)
		}
		if len(wrong) > 0 {
			return
		}
		for _, r := range once.Series + once.Number {
			if !printable(r) && !strings.ContainsRune("0123456789/", r) {
				t.Errorf("%U passed the check", r)
			}
		}
	})
}
