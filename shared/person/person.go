// Package person holds what identifies an insured person: SNILS, policy number,
// name, birth, sex and identity document, with the rules by which each of them
// is read, checked and compared.
package person

import (
	"slices"
	"strings"
	"time"

	"polis/shared/calendar"
	"polis/shared/fault"
)

// Sex as the register and ESIA write it.
type Sex string

const (
	Male   Sex = "M"
	Female Sex = "F"
)

// Person is one insured person. SNILS and document may be absent: a newborn
// has neither.
type Person struct {
	SNILS    SNILS         `json:"snils,omitempty"`
	Name     Name          `json:"name"`
	Sex      Sex           `json:"sex"`
	Birth    calendar.Date `json:"birth_date"`
	Document Document      `json:"document,omitzero"`

	Citizenship string `json:"citizenship,omitempty"` // ISO 3166, three letters; "" where nobody vouched for it
}

// Kin is a child of an account's holder, as the login confirms it: with the birth
// certificate, and from 14 on with the passport. Record is empty and Parents are
// none where the login does not tell them.
type Kin struct {
	Person
	Passport Document
	Record   string // number of the civil record of the birth
	Recorded calendar.Date
	Parents  []SNILS
}

// earliestBirth is a guard against mistyped years; nobody alive was born before.
var earliestBirth = calendar.On(1900, time.January, 1)

// Normalised is the form to keep and to compare. What cannot be read stays as
// it is, for Check to name.
func (p Person) Normalised() Person {
	if snils, err := ParseSNILS(string(p.SNILS)); err == nil {
		p.SNILS = snils
	}
	p.Name = p.Name.Normalised()
	p.Document = p.Document.Normalised()
	return p
}

// Check names every wrong field of the normalised person by its JSON path under
// field; today is the date of the law in the region of insurance.
func (p Person) Check(field string, today calendar.Date) []fault.Field {
	var wrong []fault.Field
	if p.SNILS != "" {
		if _, err := ParseSNILS(string(p.SNILS)); err != nil {
			for _, f := range fault.From(err).Fields {
				f.Field = under(field, f.Field)
				wrong = append(wrong, f)
			}
		}
	}
	wrong = append(wrong, p.Name.Check(under(field, "name"))...)
	if p.Sex != Male && p.Sex != Female {
		wrong = append(wrong, fault.Field{Field: under(field, "sex"), Code: "sex_wrong", Detail: fault.Text{
			RU: "Укажите пол: M — мужской, F — женский.",
			EN: "Give the sex: M for male, F for female."}})
	}
	if f, ok := checkBirth(p.Birth, today); !ok {
		f.Field = under(field, "birth_date")
		wrong = append(wrong, f)
	}
	if p.Document != (Document{}) {
		wrong = append(wrong, p.Document.Check(under(field, "document"), today)...)
	}
	return wrong
}

// Checks reports whether a code is one that Check gives: it begins with what is
// wrong.
func Checks(code string) bool {
	return slices.ContainsFunc([]string{"snils_", "name_", "sex_", "birth_date_", "document_"}, func(what string) bool { return strings.HasPrefix(code, what) })
}

func checkBirth(birth, today calendar.Date) (fault.Field, bool) {
	switch {
	case birth.IsZero():
		return fault.Field{Code: "birth_date_missing", Detail: fault.Text{
			RU: "Укажите дату рождения.",
			EN: "Give the date of birth."}}, false
	case birth.After(today):
		return fault.Field{Code: "birth_date_in_future", Detail: fault.Text{
			RU: "Проверьте дату рождения: она ещё не наступила.",
			EN: "Check the date of birth: it is in the future."}}, false
	case birth.Before(earliestBirth):
		return fault.Field{Code: "birth_date_too_early", Detail: fault.Text{
			RU: "Проверьте дату рождения: она раньше 1900 года.",
			EN: "Check the date of birth: it is before 1900."}}, false
	}
	return fault.Field{}, true
}

// under is the JSON path of a member.
func under(field, member string) string {
	if field == "" {
		return member
	}
	return field + "." + member
}
