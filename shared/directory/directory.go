// Package directory answers who serves a region: its insurers, its fund, and
// what the region is called. The tables are demonstration data compiled from
// public classifiers, each row marked with the date on which it was known to
// be true; a real installation imports the current F002 instead.
package directory

import (
	"cmp"
	"slices"

	"polis/shared/calendar"
)

// Insurer is an insurance organisation (SMO) in one region. What is not known
// is an empty string.
type Insurer struct {
	SMO     string        `json:"smo"`    // five digits, the first two are the region
	Region  string        `json:"region"` // two digits, F010
	Name    string        `json:"name"`
	Phone   string        `json:"phone"`
	Email   string        `json:"email"`
	Site    string        `json:"site"`
	Address string        `json:"address"`
	OGRN    string        `json:"ogrn"`  // the same for one company in every region
	AsOf    calendar.Date `json:"as_of"` // the contacts were true on this date
	Since   calendar.Date `json:"-"`     // first day of the contract with the fund
	Until   calendar.Date `json:"-"`     // first day without it; zero while it lasts
}

// InForce reports whether the insurer has a contract in its region on the date.
func (i Insurer) InForce(on calendar.Date) bool {
	return !on.Before(i.Since) && (i.Until.IsZero() || on.Before(i.Until))
}

// Fund is the territorial fund (TFOMS) of a region. It stands in as the insurer
// of those who have chosen none.
type Fund struct {
	Code      string        `json:"code"`   // two digits, F001
	Region    string        `json:"region"` // two digits, F010
	Name      string        `json:"name"`
	ShortName string        `json:"short_name"`
	Phone     string        `json:"phone"`
	Email     string        `json:"email"`
	Site      string        `json:"site"`
	Address   string        `json:"address"`
	OGRN      string        `json:"ogrn"`
	AsOf      calendar.Date `json:"as_of"` // the row was true on this date
}

// Region is a territory of compulsory medical insurance.
type Region struct {
	Code  string `json:"code"`  // two digits, F010
	OKATO string `json:"okato"` // five digits
	Name  string `json:"name"`
}

// Regions lists all territories in the order of their codes.
func Regions() []Region { return slices.Clone(regions) }

// FindRegion finds a territory by its two-digit code.
func FindRegion(code string) (Region, bool) {
	return find(regions, func(r Region) bool { return r.Code == code })
}

// InsurersOf lists the insurers that a resident of the region may choose on the
// date: those with a contract in force, sorted by name.
func InsurersOf(region string, on calendar.Date) []Insurer {
	var found []Insurer
	for _, i := range insurers {
		if i.Region == region && i.InForce(on) {
			found = append(found, i)
		}
	}
	slices.SortFunc(found, func(a, b Insurer) int {
		return cmp.Or(cmp.Compare(a.Name, b.Name), cmp.Compare(a.SMO, b.SMO))
	})
	return found
}

// FindInsurer finds an insurer by its five-digit code, whether or not its
// contract is still in force: old records name it too.
func FindInsurer(smo string) (Insurer, bool) {
	return find(insurers, func(i Insurer) bool { return i.SMO == smo })
}

// FundOf finds the territorial fund of a region.
func FundOf(region string) (Fund, bool) {
	return find(funds, func(f Fund) bool { return f.Region == region })
}

func find[T any](rows []T, is func(T) bool) (T, bool) {
	if at := slices.IndexFunc(rows, is); at >= 0 {
		return rows[at], true
	}
	var none T
	return none, false
}

// Contact is whom an insured person turns to: the insurer, or the regional fund
// while it stands in for one.
type Contact struct {
	SMO     string        `json:"smo,omitempty"`
	Name    string        `json:"name"`
	Phone   string        `json:"phone,omitempty"`
	Email   string        `json:"email,omitempty"`
	Site    string        `json:"site,omitempty"`
	Address string        `json:"address,omitempty"`
	StandIn bool          `json:"stand_in"`
	AsOf    calendar.Date `json:"as_of"`
}

// ContactOf is the contact of an insurer, or of the region's fund where smo is
// "". What is not known stays empty.
func ContactOf(smo, region string) Contact {
	if i, ok := FindInsurer(smo); ok {
		return Contact{i.SMO, i.Name, i.Phone, i.Email, i.Site, i.Address, false, i.AsOf}
	}
	c := Contact{SMO: smo, StandIn: smo == ""}
	if f, ok := FundOf(region); ok && c.StandIn {
		c = Contact{"", f.Name, f.Phone, f.Email, f.Site, f.Address, true, f.AsOf}
	}
	return c
}
