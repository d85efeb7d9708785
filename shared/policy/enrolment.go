package policy

import (
	"cmp"
	"slices"
	"time"

	"polis/shared/calendar"
	"polis/shared/fault"
	"polis/shared/person"
)

// Today is the date of the law of the application.
func (e Enrolment) Today() calendar.Date { return calendar.Today(e.Submitted, e.Region) }

// Subject is whom the record is about.
func (e Enrolment) Subject() person.Person {
	if e.Child != nil {
		return e.Child.Person
	}
	return e.Person
}

// Record is the record to be made for the application, under an id. The fund of
// the territory gives it its number.
func (e Enrolment) Record(id, territory string, recorded time.Time) Insured {
	i := Enrol(id, "", e.Subject(), e.Region, e.SMO, e.Cause, e.Today(), recorded)
	i.Territory = territory
	if e.Right.Category != "" {
		right := e.Right
		right.Submitted = e.Submitted
		i = i.Under(right, e.Cause, recorded)
	}
	if e.Child != nil {
		i.Birth, i.Applied = &e.Child.Birth, true
		i.Representatives = together([]person.SNILS{e.Person.SNILS}, e.Child.Parents)
	}
	return i
}

var errChildInsured = fault.New(fault.Conflict, ErrInsured.Code,
	"Ребёнок уже есть в регистре, новый полис не нужен. Запросите данные о полисе.",
	"The child is in the register already, no new policy is needed. Request the policy's data.").Suggesting("lookup")

var errNotRepresented = fault.New(fault.Conflict, "not_represented",
	"Ребёнок уже есть в регистре, но вы не записаны его представителем. Позвоните в территориальный фонд.",
	"The child is in the register already, but you are not on record as a representative. Call the regional fund.")

// Again is the record of somebody who is in the register already and applies for
// a first policy: it is prolonged where the new right lasts longer, or put in force
// again where it was ended, and nothing else comes of it. Done for the same
// application before, it changes nothing.
func (i Insured) Again(e Enrolment, now time.Time) (Insured, error) {
	switch {
	case i.Knows(e.Cause):
		return i, nil
	case e.Child != nil:
		return i.childAgain(e, now)
	}
	if _, err := Own(e.Person, []Insured{i}); err != nil {
		return i, err
	}
	right := e.Right
	if right.Category == "" {
		right = RightOf(Citizen, calendar.Date{}, e.Today())
	}
	renewed, err := i.Renew(right, Cover{SMO: e.SMO, Region: e.Region}, Deed{Source: ByPerson, Cause: e.Cause, At: e.Submitted, Recorded: now})
	if err == nil && !e.ByFund && i.Changes.On(i.Today(now)).State == Invalid {
		return i, ErrFundDecides
	}
	return renewed, err
}

// ErrFundDecides is an application that no rule can decide on: what ended the
// policy may have taken this right too.
var ErrFundDecides = fault.New(fault.Conflict, "fund_decides",
	"Это заявление рассматривает территориальный фонд.",
	"The regional fund decides on this application.")

// childAgain is the record of a child for which a representative applies. It is
// prolonged, or put in force again, as the fund's staff decide, under the right that
// the application names, or under the one that it had. Otherwise it takes over the
// data that it lacks and the account confirms, for nobody tells the register later
// that a newborn was given a SNILS; an insurer is then chosen apart.
func (i Insured) childAgain(e Enrolment, now time.Time) (Insured, error) {
	day := e.Today()
	if !i.RepresentedBy(e.Person.SNILS, day) {
		return i, errNotRepresented
	}
	if differs, _ := match(i, e.Child.Person); len(differs) > 0 {
		return i, errOtherChild
	}
	insurer := i.Insurance(day).SMO
	completed := i.completed(e.Child.Person)
	ended := i.Changes.On(i.Today(now)).State == Invalid
	switch right := i.nextOfChild(e.Right, day, ended); {
	case i.Dead():
		return i, errDead
	case ended || i.outlasted(right):
		renewed, err := completed.Renew(right, Cover{SMO: e.SMO, Region: e.Region}, Deed{Source: ByPerson, Cause: e.Cause, At: e.Submitted, Recorded: now})
		if err == nil && !e.ByFund {
			return i, ErrFundDecides
		}
		return renewed, err
	case completed.Person != i.Person && (e.SMO == "" || e.SMO == insurer):
		return completed.Taking(Message{Cause: e.Cause}), nil
	case insurer == "":
		return i, errChildInsured.Suggesting("choose")
	}
	return i, errChildInsured
}

// nextOfChild is the right that would prolong a child's policy on the day: the one
// that is named, or once the policy has expired, or from the day on from which it
// may be prolonged, the one that it had. Where that was ended, it lasts no longer
// than what it rested on.
func (i Insured) nextOfChild(named Right, day calendar.Date, ended bool) Right {
	switch have := i.right(); {
	case named.Category != "":
		return named
	case ended && !i.Expired(day):
		return RightOf(have.Category, have.Ends, day)
	case i.Expired(day) || !day.Before(november1(day.Year)):
		return RightOf(have.Category, calendar.Date{}, day)
	default:
		return have
	}
}

// completed has the SNILS and the document, where the record had none.
func (i Insured) completed(p person.Person) Insured {
	i.Person.SNILS = cmp.Or(i.Person.SNILS, p.SNILS)
	if i.Person.Document.Number == "" {
		i.Person.Document = p.Document
	}
	return i
}

// Enrolled is what the application of that id has come to.
func (i Insured) Enrolled(application string) Enrolled {
	renewed := slices.ContainsFunc(i.Rights, func(r Right) bool { return r.Cause == application })
	made := i.Cause == application
	return Enrolled{ID: i.ID, ENP: i.ENP, Renewed: !made && renewed, Completed: !made && !renewed}
}

var errOtherChild = fault.New(fault.Conflict, "birth_of_another_child",
	"Под этим номером актовой записи в регистре другой ребёнок. Проверьте номер. Если у ребёнка сменилось имя, сообщите об этом в территориальный фонд.",
	"The register has another child under this number of the civil record. Check the number. If the child has another name now, tell the regional fund.")

// Born is the record of a child whose birth is reported after a parent has had it
// put on record: with the data that it lacks, and with the representatives whom
// the report names, but for those who have ceased to be any: a birth says nothing
// of what came after it. A record of another child is a Conflict.
func (i Insured) Born(child person.Person, parents []person.SNILS) (Insured, error) {
	if differs, _ := match(i, child); len(differs) > 0 {
		return i, errOtherChild
	}
	i = i.completed(child)
	i.Representatives = together(i.Representatives, slices.DeleteFunc(slices.Clone(parents), i.formerlyRepresentedBy))
	return i, nil
}

// together is all of both, each once.
func together(have, more []person.SNILS) []person.SNILS {
	all := slices.Clone(have)
	for _, snils := range more {
		if !slices.Contains(all, snils) {
			all = append(all, snils)
		}
	}
	return all
}
