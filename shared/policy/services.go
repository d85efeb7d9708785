package policy

import (
	"maps"
	"time"

	"polis/shared/calendar"
	"polis/shared/fault"
	"polis/shared/person"
	"polis/shared/text"
)

// Rendered is one medical service that a clinic rendered to an insured person,
// as the clinic or the fund reported it.
type Rendered struct {
	Date     calendar.Date `json:"date"`
	Service  string        `json:"service"`
	Code     string        `json:"code,omitempty"` // of the nomenclature of medical services
	Cost     int64         `json:"cost"`           // kopecks
	Clinic   string        `json:"clinic"`
	ClinicID string        `json:"clinic_code"`
}

// earliest is when compulsory medical insurance began.
var earliest = calendar.On(1993, time.January, 1)

// Bounds of a reported service.
const (
	maxServiceText = 300
	maxServiceCode = 40
	maxCost        = 10_000_000_000 // 100 million roubles
)

// Check names every wrong field of a service rendered to a person born on birth.
func (s Rendered) Check(birth, today calendar.Date) []fault.Field {
	var wrong []fault.Field
	note := func(field, code, ru, en string) {
		wrong = append(wrong, fault.Field{Field: field, Code: code, Detail: fault.Text{RU: ru, EN: en}})
	}
	if s.Date.Before(earliest) || s.Date.Before(birth) || s.Date.After(today) {
		note("date", "date_wrong", "Проверьте день услуги.", "Check the day of the service.")
	}
	for _, line := range []struct {
		field, value string
		limit        int
		needed       bool
	}{
		{"service", s.Service, maxServiceText, true}, {"code", s.Code, maxServiceCode, false},
		{"clinic.code", s.ClinicID, maxServiceCode, true}, {"clinic.name", s.Clinic, maxServiceText, true},
	} {
		if line.needed && line.value == "" {
			note(line.field, "required", "Поле нужно заполнить.", "The field is needed.")
		}
		wrong = append(wrong, text.CheckLine(line.field, line.value, line.limit)...)
	}
	if s.Cost < 0 || s.Cost > maxCost {
		note("cost", "out_of_range", "Проверьте стоимость в копейках.", "Check the cost in kopecks.")
	}
	return wrong
}

// YearOfServices sums up one year.
type YearOfServices struct {
	Year  int   `json:"year"`
	Count int   `json:"count"`
	Cost  int64 `json:"cost"` // kopecks
}

// Services is what the register keeps of a person's services beside them: their
// sums, so that nobody has to read thousands to add them up, and whether the
// person hides them from the parents.
type Services struct {
	Years  map[int]YearOfServices `json:"years,omitempty"`
	Hidden bool                   `json:"hidden,omitempty"`
	Since  time.Time              `json:"since,omitzero"` // when that was last changed
}

// Adding counts a service in.
func (s Services) Adding(r Rendered) Services {
	s.Years = maps.Clone(s.Years)
	if s.Years == nil {
		s.Years = map[int]YearOfServices{}
	}
	year := s.Years[r.Date.Year]
	s.Years[r.Date.Year] = YearOfServices{Year: r.Date.Year, Count: year.Count + 1, Cost: year.Cost + r.Cost}
	return s
}

// privateFrom is the age from which a teenager decides on medical care alone,
// and who is told of it (323-FZ, art. 54, part 2).
const privateFrom = 15

// MayHideServices reports whether a person born on the day may hide services from
// the parents: from 15, and until 18, when the parents see nothing any more.
func MayHideServices(born, today calendar.Date) bool {
	age := born.Age(today)
	return age >= privateFrom && age < adult
}

// MayHideServices reports whether the person may on a day.
func (i Insured) MayHideServices(today calendar.Date) bool {
	return MayHideServices(i.Person.Birth, today)
}

// adult is the age at which the parents' access ends (Civil Code, art. 21).
const adult = 18

var (
	errTooYoung = fault.New(fault.Conflict, "services_private_from_15",
		"Скрыть услуги от родителей можно с 15 лет.", "Services can be hidden from the parents from the age of 15.")
	errOfAge = fault.New(fault.Conflict, "services_private_already",
		"Вам уже 18: родители и так не видят ваших услуг.", "You are 18 already: your parents do not see your services anyway.")
	errServicesHidden = fault.New(fault.Forbidden, "services_hidden",
		"С 15 лет подросток сам решает, показывать ли услуги родителям. Сейчас они скрыты.",
		"The teenager is 15 or older and has chosen not to show the services. The law on health care gives that right.")
)

// Hide decides whether the parents see the services of a teenager.
func (i Insured) Hide(s Services, hidden bool, now time.Time) (Services, error) {
	today := i.Today(now)
	switch {
	case i.MayHideServices(today):
	case i.Person.Birth.Age(today) >= adult:
		return s, errOfAge
	default:
		return s, errTooYoung.AllowedFrom(i.Person.Birth.AddYears(privateFrom).String())
	}
	if s.Hidden != hidden {
		s.Hidden, s.Since = hidden, now
	}
	return s, nil
}

// ToParents refuses services that a teenager hides.
func (i Insured) ToParents(s Services, today calendar.Date) error {
	if s.Hidden && i.MayHideServices(today) {
		return errServicesHidden
	}
	return nil
}

// ServicesQuestion asks for the services of the applicant, or of a child of
// theirs.
type ServicesQuestion struct {
	Question
	Next  string `json:"next,omitempty"`
	Limit int    `json:"limit"`
}

// ServicesAnswer is a page of them, newest first.
type ServicesAnswer struct {
	Items   []Rendered       `json:"items"`
	Next    string           `json:"next,omitempty"`
	Years   []YearOfServices `json:"years"`    // of all, newest first
	MayHide bool             `json:"may_hide"` // the applicant from the parents
	Hidden  bool             `json:"hidden"`
	AsOf    time.Time        `json:"as_of"`
}

// ServicesPrivacy asks that the applicant's services be hidden from the parents,
// or shown to them again.
type ServicesPrivacy struct {
	Applicant person.Person `json:"applicant"`
	Hidden    bool          `json:"hidden"`
}
