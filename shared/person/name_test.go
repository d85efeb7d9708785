package person

import (
	"slices"
	"strings"
	"testing"
	"unicode"
	"unicode/utf8"

	"polis/shared/fault"
)

// found lists wrong fields as "field code".
func found(fields []fault.Field) []string {
	var list []string
	for _, f := range fields {
		list = append(list, f.Field+" "+f.Code)
	}
	return list
}

func TestNameIsMadeOfLettersThatTheRegisterAndTheFontsKnow(t *testing.T) {
	for _, c := range []struct {
		rule string
		name Name
		want []string
	}{
		{"a full Russian name", Name{"Соловьёв", "Пётр", "Ильич"}, nil},
		{"no patronymic", Name{"Ким", "Анна", ""}, nil},
		{"a surname alone", Name{Family: "Сукарно"}, nil},
		{"a given name alone", Name{Given: "Сукарно"}, nil},
		{"a double surname and particles", Name{"Римская-Корсакова", "Анна Мария", "оглы"}, nil},
		{"apostrophes and a dot", Name{"О'Нил", "Жан-Ж.", "Д’Арк"}, nil},
		{"Latin letters", Name{"Nguyen", "Van", ""}, nil},
		{"Tatar and Bashkir letters", Name{"Хәйретдинов", "Җәүдәт", "Ҙур"}, nil},
		{"Yakut and Chuvash letters", Name{"Ҕолоҥ", "Ӑстӑрхан", "Ӳсӗмӗ"}, nil},
		{"Ukrainian and Belarusian letters", Name{"Ґалаґан", "Їжак", "Ўладзіслаў"}, nil},
		{"Kazakh and Tajik letters", Name{"Қанат", "Ұлы", "Ҷӯраӣ"}, nil},
		{"й and ё in two characters are composed", Name{"Андрее\u0308в", "Андреи\u0306", ""}, nil},
		{"no surname and no given name", Name{Patronymic: "Ильич"}, []string{"name.family name_missing"}},
		{"blanks are no name", Name{" ", "\u00a0", ""}, []string{"name.family name_missing"}},
		{"an emoji", Name{"Иванов", "Иван😀", ""}, []string{"name.given name_unsupported_character"}},
		{"a heart with its variation mark", Name{"Иванов❤\ufe0f", "Иван", ""}, []string{"name.family name_unsupported_character"}},
		{"a digit", Name{"Иванов", "Иван", "2"}, []string{"name.patronymic name_unsupported_character"}},
		{"a letter of another script", Name{"伊万", "Иван", ""}, []string{"name.family name_unsupported_character"}},
		{"a Latin letter with an accent", Name{"Müller", "Иван", ""}, []string{"name.family name_unsupported_character"}},
		{"markup", Name{"<b>Иванов</b>", "Иван", ""}, []string{"name.family name_unsupported_character"}},
		{"a line end", Name{"Иванов\nПётр", "Иван", ""}, []string{"name.family name_control_character"}},
		{"a tab", Name{"Иванов", "\tИван", ""}, []string{"name.given name_control_character"}},
		{"a NUL", Name{"Иванов\x00", "Иван", ""}, []string{"name.family name_control_character"}},
		{"text direction turned round", Name{"Иванов", "\u202eнавИ", ""}, []string{"name.given name_control_character"}},
		{"a zero-width space", Name{"Ива\u200bнов", "Иван", ""}, []string{"name.family name_control_character"}},
		{"a stress mark", Name{"Ивано\u0301в", "Иван", ""}, []string{"name.family name_combining_mark"}},
		{"bytes that are no text", Name{"Иванов\xff", "Иван", ""}, []string{"name.family name_unsupported_character"}},
		{"a dash for a missing patronymic", Name{"Иванов", "Иван", "—"}, []string{"name.patronymic name_no_letter"}},
		{"sixty characters fit", Name{Family: strings.Repeat("Щ", 60)}, nil},
		{"sixty-one do not", Name{Family: strings.Repeat("Щ", 61)}, []string{"name.family name_too_long"}},
		{"every wrong part is named", Name{"1", "😀", "\x01"}, []string{
			"name.family name_unsupported_character", "name.given name_unsupported_character", "name.patronymic name_control_character"}},
	} {
		t.Run(c.rule, func(t *testing.T) {
			if got := found(c.name.Check("name")); !slices.Equal(got, c.want) {
				t.Errorf("got %v, want %v", got, c.want)
			}
		})
	}
}

func TestFieldOfANameAtTheTopHasNoPrefix(t *testing.T) {
	if got := found(Name{}.Check("")); !slices.Equal(got, []string{"family name_missing"}) {
		t.Errorf("got %v", got)
	}
}

func TestNameIsKeptWithoutAccidentsOfTyping(t *testing.T) {
	for _, c := range []struct {
		rule     string
		in, want Name
	}{
		{"spaces around and double spaces go", Name{"  Иванов ", "Анна  Мария", ""}, Name{"Иванов", "Анна Мария", ""}},
		{"no-break spaces become spaces", Name{"Анна\u00a0Мария", "", ""}, Name{"Анна Мария", "", ""}},
		{"long dashes become hyphens", Name{"Петров — Водкин", "", ""}, Name{"Петров-Водкин", "", ""}},
		{"letters and marks are composed", Name{"Йу\u0306", "Е\u0308жи\u0306к", "і\u0308и\u0304у\u030b"}, Name{"Йў", "Ёжйк", "їӣӳ"}},
		{"letter case and Ё stay", Name{"СОЛОВЬЁВ", "пётр", ""}, Name{"СОЛОВЬЁВ", "пётр", ""}},
	} {
		t.Run(c.rule, func(t *testing.T) {
			if got := c.in.Normalised(); got != c.want {
				t.Errorf("got %q, want %q", got, c.want)
			}
		})
	}
}

func TestTwoSpellingsOfOneNameMatch(t *testing.T) {
	base := Name{"Соловьёв-Седой", "Пётр", "Ильич"}
	for _, c := range []struct {
		rule  string
		other Name
		same  bool
	}{
		{"capitals", Name{"СОЛОВЬЁВ-СЕДОЙ", "ПЁТР", "ИЛЬИЧ"}, true},
		{"Е for Ё", Name{"Соловьев-Седой", "Петр", "Ильич"}, true},
		{"spaces about the hyphen", Name{"Соловьёв - Седой", " Пётр", "Ильич "}, true},
		{"a space for the hyphen", Name{"Соловьёв Седой", "Пётр", "Ильич"}, true},
		{"a letter and its mark", Name{"Соловье\u0308в-Седои\u0306", "Пётр", "Ильич"}, true},
		{"no patronymic", Name{"Соловьёв-Седой", "Пётр", ""}, false},
		{"И for Й", Name{"Соловьёв-Седои", "Пётр", "Ильич"}, false},
		{"parts exchanged", Name{"Пётр", "Соловьёв-Седой", "Ильич"}, false},
	} {
		t.Run(c.rule, func(t *testing.T) {
			if base.Same(c.other) != c.same || c.other.Same(base) != c.same {
				t.Errorf("same is not %v", c.same)
			}
		})
	}
	if !(Name{Family: "О'Нил"}).Same(Name{Family: "О’НИЛ"}) {
		t.Error("the sort of apostrophe makes a difference")
	}
}

func TestFullNameLeavesNoGapForAMissingPart(t *testing.T) {
	for want, n := range map[string]Name{
		"Иванов Иван Ильич": {"Иванов", "Иван", "Ильич"},
		"Ким Анна":          {"Ким", "Анна", ""},
		"Сукарно":           {"", "Сукарно", ""},
	} {
		if got := n.Full(); got != want {
			t.Errorf("got %q, want %q", got, want)
		}
	}
}

func TestAlphabetHoldsBothCasesOfEveryLetterAndNothingBeyondTwoBytes(t *testing.T) {
	for _, r := range Alphabet {
		if !printable(unicode.ToUpper(r)) || !printable(unicode.ToLower(r)) {
			t.Errorf("%c is there in one case only", r)
		}
		if r > 0xffff || r == utf8.RuneError {
			t.Errorf("%U cannot be printed", r)
		}
	}
	if printable(utf8.RuneError) || printable('5') || printable('\n') {
		t.Error("a character beside the alphabet is printable")
	}
}

func FuzzNameCheck(f *testing.F) {
	f.Add("Соловьёв", "Пётр", "Ильич")
	f.Add("О’Нил - Ґалаґан", "Анна  Мария", "")
	f.Add("И\u0306\u0306", "\u00a0- -", "😀")
	f.Add("\xff\x00", "\u202e", strings.Repeat("Щ", 61))
	f.Fuzz(func(t *testing.T, family, given, patronymic string) {
		n := Name{family, given, patronymic}
		once := n.Normalised()
		if again := once.Normalised(); again != once {
			t.Errorf("%q normalises further to %q", once, again)
		}
		if !n.Same(once) || !once.Same(n) {
			t.Errorf("%q is not the same as %q", n, once)
		}
		wrong := n.Check("name")
		if got := found(once.Check("name")); !slices.Equal(got, found(wrong)) {
			t.Errorf("normalising changes the findings from %v to %v", found(wrong), got)
		}
		if len(wrong) > 0 {
			return
		}
		for _, r := range once.Full() {
			if !printable(r) {
				t.Errorf("%U passed the check", r)
			}
		}
	})
}
