package policy

import (
	"slices"
	"time"

	"polis/shared/access"
	"polis/shared/calendar"
	"polis/shared/fault"
	"polis/shared/person"
)

// Question is what a cabinet asks of the register: the applicant's own policy,
// a child's, or whether a number typed by hand is the applicant's.
type Question struct {
	Applicant person.Person `json:"applicant"`
	Child     string        `json:"child,omitempty"` // id of a child's record
	ENP       person.ENP    `json:"enp,omitempty"`
	Unasked   bool          `json:"unasked,omitempty"` // it is no question of the applicant's: a reviewer's, or the service's own
}

// Behalf is on whose behalf the question reads a record that it led to.
func (q Question) Behalf(i Insured, today calendar.Date) access.Behalf {
	if q.Unasked {
		return ""
	}
	if i.RepresentedBy(q.Applicant.SNILS, today) {
		return access.Representative
	}
	if blocking, _ := match(i, q.Applicant); len(blocking) > 0 {
		return access.Stranger
	}
	return access.Self
}

// Finding is the register's answer: a card, or the reasons why there is none.
type Finding struct {
	Card    *Card    `json:"card,omitempty"`
	Reasons []string `json:"reasons,omitempty"`
}

// Enrolment asks the register to put a person on record. Cause is the id of the
// application: the same cause never makes two records.
type Enrolment struct {
	Cause     string        `json:"cause"`
	Submitted time.Time     `json:"submitted"` // decides the dates of the law
	Person    person.Person `json:"person"`
	Region    string        `json:"region"`
	SMO       string        `json:"smo,omitempty"`     // "": the fund stands in
	Right     Right         `json:"right,omitzero"`    // of a foreigner, or as a child's is named; zero: a citizen's, or the one that a child had
	Child     *NewChild     `json:"child,omitempty"`   // whose record it is to be; nil: the person's own
	ByFund    bool          `json:"by_fund,omitempty"` // the fund's staff decide, or have
}

// NewChild is a child to be put on record by a parent, whose account confirms it.
type NewChild struct {
	Person  person.Person  `json:"person"`
	Birth   BirthRecord    `json:"birth_record"`
	Parents []person.SNILS `json:"parents,omitempty"` // beside the applicant
}

// Enrolled is the record that came of it.
type Enrolled struct {
	ID      string     `json:"id"`
	ENP     person.ENP `json:"enp"`
	Renewed bool       `json:"renewed,omitempty"` // a policy that the person had is prolonged

	Completed bool `json:"completed,omitempty"` // a child's record that there was has now the data that it lacked
}

// Born is what the register tells of a birth, so that the parents can be told.
type Born struct {
	Child           string         `json:"child"` // id of the record
	Representatives []person.SNILS `json:"representatives"`
	RecordedAt      time.Time      `json:"recorded_at"`
	Cause           string         `json:"cause"` // id of the application or event that made it
}

// Life is what the register tells of a person's death, or that there is none, so
// that a dead person's account is told nothing any more.
type Life struct {
	Person person.SNILS `json:"person,omitempty"`
	Dead   bool         `json:"dead"`
}

// Child of a representative, as the register has it.
type Child struct {
	ID    string        `json:"id"`
	Name  person.Name   `json:"name"`
	Birth calendar.Date `json:"birth_date"`
}

// Answer decides which of the records that a question led to may be shown. A
// record that differs in what identifies a person is never shown: it may be
// somebody else's. For a typed number it is not even told what differs, so that
// nobody can try out numbers.
func Answer(q Question, candidates []Insured, now time.Time) Finding {
	var differ []string
	var fits []Card
	for _, record := range candidates {
		blocking, told := match(record, q.Applicant)
		if len(blocking) > 0 {
			differ = append(differ, blocking...)
			continue
		}
		card := CardOf(record, record.Today(now), now)
		card.Warnings = told
		fits = append(fits, card)
	}
	switch {
	case len(fits) == 1:
		return Finding{Card: &fits[0]}
	case len(fits) > 1:
		return Finding{Reasons: []string{DuplicateRecords}}
	case q.ENP != "":
		return Finding{Reasons: []string{ENPDiffers}}
	case len(differ) > 0:
		slices.Sort(differ)
		return Finding{Reasons: slices.Compact(differ)}
	}
	return Finding{Reasons: []string{NotInRegister}}
}

var (
	errNotInRegister = fault.New(fault.Conflict, NotInRegister,
		"Вашей записи в регистре нет. Оформите полис или позвоните в территориальный фонд.",
		"The register has no record of you. Apply for a policy or call the regional fund.").Suggesting("register")
	errDiffers = fault.New(fault.Conflict, "record_differs",
		"Запись в регистре отличается от ваших данных, поэтому изменить её здесь нельзя. Сверьте СНИЛС и документ со страховой.",
		"The record in the register differs from your data, so it cannot be changed here. Compare SNILS and document with the insurer.")
	errDuplicate = fault.New(fault.Conflict, DuplicateRecords,
		"В регистре две записи на одного человека. Позвоните в территориальный фонд: их объединят.",
		"The register has two records of one person. Call the regional fund: they will be merged.")
)

// Own is the one of the records that surely is the person's; a Conflict says why
// there is none.
func Own(p person.Person, candidates []Insured) (Insured, error) {
	var own []Insured
	for _, record := range candidates {
		if blocking, _ := match(record, p); len(blocking) == 0 {
			own = append(own, record)
		}
	}
	switch {
	case len(own) == 1:
		return own[0], nil
	case len(own) > 1:
		return Insured{}, errDuplicate
	case len(candidates) > 0:
		return Insured{}, errDiffers
	}
	return Insured{}, errNotInRegister
}
