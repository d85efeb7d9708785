package directory

import (
	"slices"

	"polis/shared/calendar"
)

// Contract of an insurer with the fund of its region. Dates of the next one may
// be published long before it begins.
type Contract struct {
	Since calendar.Date `json:"since,omitzero"` // its first day
	Until calendar.Date `json:"until,omitzero"` // the first day without it; zero while it lasts
}

// inForce reports whether the contract is in force on the date.
func (c Contract) inForce(on calendar.Date) bool {
	return !on.Before(c.Since) && (c.Until.IsZero() || on.Before(c.Until))
}

// ContractOn is the insurer's contract in force on the date; false where it has
// none.
func (i Insurer) ContractOn(on calendar.Date) (Contract, bool) {
	return find(i.Contracts, func(c Contract) bool { return c.inForce(on) })
}

// InForce reports whether the insurer has a contract in its region on the date.
func (i Insurer) InForce(on calendar.Date) bool {
	_, has := i.ContractOn(on)
	return has
}

// Ends are the days from which on the insurer has no contract, or none before
// the next.
func (i Insurer) Ends() []calendar.Date {
	var ends []calendar.Date
	for _, c := range i.Contracts {
		if !c.Until.IsZero() {
			ends = append(ends, c.Until)
		}
	}
	return ends
}

// lasts reports whether one of the contracts has no end.
func (i Insurer) lasts() bool {
	return slices.ContainsFunc(i.Contracts, func(c Contract) bool { return c.Until.IsZero() })
}

// brokenOff are the contracts of an insurer that has none from the day on.
func brokenOff(all []Contract, day calendar.Date) []Contract {
	var left []Contract
	for _, c := range all {
		if c.inForce(day) {
			c.Until = day
		}
		if !c.Since.After(day) {
			left = append(left, c)
		}
	}
	return left
}

// joined are the contracts that a classifier lists, in their order, and as one
// where the next begins before the other is over, or when. The day after leaves
// no gap either: as the end of a contract stands now the first day without it,
// now the last day with it.
func joined(all []Contract) []Contract {
	sorted := slices.SortedFunc(slices.Values(all), func(a, b Contract) int { return a.Since.Compare(b.Since) })
	var whole []Contract
	for _, c := range sorted {
		last := len(whole) - 1
		switch {
		case last < 0 || sooner(whole[last].Until, c.Since.AddDays(-1)):
			whole = append(whole, c)
		case sooner(whole[last].Until, c.Until):
			whole[last].Until = c.Until
		}
	}
	return whole
}

// sooner reports whether one end is before another, of which either may never
// come.
func sooner(a, b calendar.Date) bool { return !a.IsZero() && (b.IsZero() || a.Before(b)) }
