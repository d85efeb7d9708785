package policy

import (
	"slices"
	"time"

	"polis/shared/fault"
	"polis/shared/person"
)

// FormerName is one that a person no longer has.
type FormerName struct {
	Name     person.Name `json:"name"`
	Source   string      `json:"source"`
	Cause    string      `json:"cause"` // id of the event that changed it
	Recorded time.Time   `json:"recorded"`
}

var errSameName = fault.New(fault.Conflict, "name_is_the_same",
	"Это имя уже записано.", "This name is on record already.")

// Rename gives the person another name and, where one came with it, another
// document. The old document stays in the record, so that a clinic that is shown
// it finds the person. Repeated for the same cause it changes nothing.
func (i Insured) Rename(to person.Name, document person.Document, d Deed) (Insured, error) {
	if i.renamedBy(d.Cause) {
		return i, nil
	}
	if i.Dead() {
		return i, errDead
	}
	have := i.Person.Document
	if to == i.Person.Name && (document == person.Document{} || document.Key() == have.Key()) {
		return i, errSameName
	}
	i.Names = append(slices.Clone(i.Names), FormerName{Name: i.Person.Name, Source: d.Source, Cause: d.Cause, Recorded: d.Recorded})
	i.Person.Name = to
	if document == (person.Document{}) || document.Key() == have.Key() {
		return i, nil
	}
	i.Earlier = slices.DeleteFunc(slices.Clone(i.Earlier), func(x person.Document) bool { return x.Key() == document.Key() })
	if have.Number != "" {
		i.Earlier = append(i.Earlier, have)
	}
	i.Person.Document = document
	return i, nil
}

func (i Insured) renamedBy(cause string) bool {
	return slices.ContainsFunc(i.Names, func(n FormerName) bool { return n.Cause == cause })
}
