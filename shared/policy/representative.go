package policy

import (
	"slices"
	"time"

	"polis/shared/fault"
	"polis/shared/person"
)

// FormerRepresentative is one who no longer acts for the child.
type FormerRepresentative struct {
	SNILS    person.SNILS `json:"snils"`
	Source   string       `json:"source"`
	Cause    string       `json:"cause"` // id of the report that ended it
	Recorded time.Time    `json:"recorded"`
}

// ErrNoChild is a child's record for anybody but its representatives.
var ErrNoChild = fault.New(fault.NotFound, "person_not_found",
	"Такого человека среди ваших детей в регистре нет.", "The register has no such person among your children.")

var errNoRepresentative = fault.New(fault.Conflict, "representative_not_recorded",
	"Такого представителя в записи нет.", "The record has no such representative.")

// Unrepresented ends somebody's right to act for the child, as when a court takes
// it away (Family Code, art. 71). Repeated for the same cause it changes nothing.
func (i Insured) Unrepresented(by person.SNILS, d Deed) (Insured, error) {
	if i.unrepresentedBy(d.Cause) {
		return i, nil
	}
	if !slices.Contains(i.Representatives, by) {
		return i, errNoRepresentative
	}
	i.Representatives = slices.DeleteFunc(slices.Clone(i.Representatives), func(s person.SNILS) bool { return s == by })
	i.FormerRepresentatives = append(slices.Clone(i.FormerRepresentatives), FormerRepresentative{SNILS: by, Source: d.Source, Cause: d.Cause, Recorded: d.Recorded})
	return i, nil
}

func (i Insured) unrepresentedBy(cause string) bool {
	return slices.ContainsFunc(i.FormerRepresentatives, func(r FormerRepresentative) bool { return r.Cause == cause })
}

func (i Insured) formerlyRepresentedBy(snils person.SNILS) bool {
	return slices.ContainsFunc(i.FormerRepresentatives, func(r FormerRepresentative) bool { return r.SNILS == snils })
}
