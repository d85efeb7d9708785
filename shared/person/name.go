package person

import (
	"strings"
	"unicode"
	"unicode/utf8"

	"polis/shared/fault"
	"polis/shared/text"
)

// Name of a person. A surname or a given name must exist; to have no patronymic
// is legal and common.
type Name struct {
	Family     string `json:"family,omitempty"`
	Given      string `json:"given,omitempty"`
	Patronymic string `json:"patronymic,omitempty"`
}

// Alphabet is every character that a name may hold, and so all that a font must
// be able to print: Russian and Latin letters, the Cyrillic letters of the other
// languages whose names are common in Russian documents, space, hyphen,
// apostrophes and dot.
const Alphabet = " -'’." +
	"АБВГДЕЁЖЗИЙКЛМНОПРСТУФХЦЧШЩЪЫЬЭЮЯабвгдеёжзийклмнопрстуфхцчшщъыьэюя" +
	"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz" +
	"ӘәӨөҮүҖҗҢңҺһ" + // Tatar
	"ҘҙҠҡҒғҪҫ" + // Bashkir
	"ҔҕҤҥ" + // Yakut
	"ӐӑӖӗӲӳ" + // Chuvash
	"ІіЇїЄєҐґЎў" + // Ukrainian, Belarusian
	"ҚқҰұ" + // Kazakh
	"ӢӣӮӯҲҳҶҷ" // Tajik

// maxNamePart bounds each part, in characters.
const maxNamePart = 60

// printable reports whether the character may stand in a name.
func printable(r rune) bool { return strings.ContainsRune(Alphabet, r) }

// Full is the name in the Russian order: surname, given name, patronymic.
func (n Name) Full() string {
	return strings.Join(strings.Fields(n.Family+" "+n.Given+" "+n.Patronymic), " ")
}

// Normalised is the form to keep: no spaces around, single spaces and plain
// hyphens within, letters composed.
func (n Name) Normalised() Name {
	return n.each(func(part string) string {
		part = text.Composed(strings.Map(func(r rune) rune {
			switch {
			case isSpace(r):
				return ' '
			case isDash(r):
				return '-'
			}
			return r
		}, part))
		part = strings.Join(strings.FieldsFunc(part, isSpace), " ")
		return aroundHyphen.Replace(part)
	})
}

// Same reports whether two names are one in the register: letter case, Ё and Е,
// the sort of apostrophe, and hyphen or space between parts make no difference.
func (n Name) Same(other Name) bool { return n.folded() == other.folded() }

func (n Name) folded() Name {
	return n.Normalised().each(func(part string) string {
		return strings.Join(strings.Fields(alike.Replace(strings.ToUpper(part))), " ")
	})
}

func (n Name) each(change func(string) string) Name {
	return Name{change(n.Family), change(n.Given), change(n.Patronymic)}
}

var (
	aroundHyphen = strings.NewReplacer(" - ", "-", " -", "-", "- ", "-")
	alike        = strings.NewReplacer("Ё", "Е", "’", "'", "-", " ")
)

// Check names every wrong part of the normalised name by its JSON path under
// field, with the code name_missing, name_too_long, name_control_character,
// name_combining_mark, name_unsupported_character or name_no_letter.
func (n Name) Check(field string) []fault.Field {
	n = n.Normalised()
	var wrong []fault.Field
	if n.Family == "" && n.Given == "" {
		wrong = append(wrong, fault.Field{Field: under(field, "family"), Code: "name_missing", Detail: fault.Text{
			RU: "Укажите фамилию или имя.",
			EN: "Give a surname or a given name."}})
	}
	for _, part := range []struct{ member, value string }{
		{"family", n.Family}, {"given", n.Given}, {"patronymic", n.Patronymic},
	} {
		if f, ok := checkPart(part.value); !ok {
			f.Field = under(field, part.member)
			wrong = append(wrong, f)
		}
	}
	return wrong
}

func checkPart(part string) (fault.Field, bool) {
	if utf8.RuneCountInString(part) > maxNamePart {
		return fault.Field{Code: "name_too_long", Detail: fault.Text{
			RU: "Слишком длинно: допустимо не больше 60 знаков.",
			EN: "Too long: at most 60 characters are allowed."}}, false
	}
	letters := false
	for _, r := range part {
		switch {
		case printable(r):
			letters = letters || unicode.IsLetter(r)
		case text.Hidden(r):
			return fault.Field{Code: "name_control_character", Detail: fault.Text{
				RU: "Здесь есть невидимый знак. Сотрите и введите с клавиатуры заново.",
				EN: "There is an invisible character. Clear the field and type it anew."}}, false
		case unicode.Is(unicode.M, r):
			return fault.Field{Code: "name_combining_mark", Detail: fault.Text{
				RU: "Здесь есть ударение или другой знак над буквой. Уберите его.",
				EN: "There is an accent or another mark on a letter. Remove it."}}, false
		default:
			return fault.Field{Code: "name_unsupported_character", Detail: fault.Text{
				RU: "Здесь есть недопустимый знак. Можно использовать буквы, пробел, дефис, апостроф и точку.",
				EN: "There is a character that is not allowed. Use letters, space, hyphen, apostrophe and dot."}}, false
		}
	}
	if part != "" && !letters {
		return fault.Field{Code: "name_no_letter", Detail: fault.Text{
			RU: "Здесь нет ни одной буквы. Если этой части имени нет, оставьте поле пустым.",
			EN: "There is no letter here. If the name has no such part, leave the field empty."}}, false
	}
	return fault.Field{}, true
}
