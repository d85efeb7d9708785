package application

import (
	"polis/shared/calendar"
	"polis/shared/fault"
	"polis/shared/person"
)

// What the timeline of any application says.
var (
	TextSubmitted = fault.Text{RU: "Заявление подано", EN: "Submitted"}
	TextRefused   = fault.Text{RU: "Отказано", EN: "Refused"}
	TextSilent    = fault.Text{RU: "Регистр временно не отвечает. Заявление сохранено, повторим сами", EN: "The register does not answer for the moment. The application is kept and tried again"}
)

// ErrNoSNILS is an account that the register cannot know by its number.
var ErrNoSNILS = fault.New(fault.Conflict, "snils_missing",
	"В учётной записи нет СНИЛС. Добавьте его в профиль и войдите снова.",
	"The account has no SNILS. Add it to the profile and log in again.")

// CheckApplicant holds what somebody must be to apply for a change of their own or
// their child's record. A document that has run out still finds the record; whether
// they are of age, the register says by the clock of the region of insurance.
func CheckApplicant(p person.Person, today calendar.Date) error {
	p.Document = person.Document{}
	if wrong := p.Check("applicant", today); wrong != nil {
		return fault.Wrong(wrong...)
	}
	if p.SNILS == "" {
		return ErrNoSNILS
	}
	return nil
}
