// Package directory answers who serves a region: its insurers and their
// offices, its fund, and what the region is called. The tables are demonstration
// data compiled from public classifiers, each row marked with the date on which
// it was known to be true; a real installation imports the current F002, and the
// offices of the insurers in it, which take the place of those here.
package directory

import (
	"cmp"
	"encoding/json"
	"slices"
	"strings"
	"unicode"

	"polis/shared/calendar"
	"polis/shared/fault"
)

// Directory is the insurers and their offices. It does not change once made and
// is safe for concurrent use; the zero Directory is empty.
type Directory struct {
	insurers []Insurer // by code
	offices  []Office
}

// New makes a directory of insurers, each code once.
func New(insurers []Insurer, offices []Office) Directory {
	d := Directory{slices.Clone(insurers), slices.Clone(offices)}
	slices.SortFunc(d.insurers, func(a, b Insurer) int { return cmp.Compare(a.SMO, b.SMO) })
	return d
}

var demo = New(insurers, offices)

// Demo is the directory that comes with the service, until one is imported.
func Demo() Directory { return demo }

// stored is an insurer with what its public form leaves out.
type stored struct {
	Insurer
	FullName  string     `json:"full_name,omitempty"`
	Contracts []Contract `json:"contracts,omitempty"`
	Contract             // of a directory that was stored when an insurer had but one
}

type document struct {
	Insurers []stored `json:"insurers"`
	Offices  []Office `json:"offices"`
}

// MarshalJSON writes all that UnmarshalJSON needs to make the same directory.
func (d Directory) MarshalJSON() ([]byte, error) {
	doc := document{Insurers: make([]stored, len(d.insurers)), Offices: d.offices}
	for n, i := range d.insurers {
		doc.Insurers[n] = stored{Insurer: i, FullName: i.FullName, Contracts: i.Contracts}
	}
	return json.Marshal(doc)
}

func (d *Directory) UnmarshalJSON(text []byte) error {
	var doc document
	if err := json.Unmarshal(text, &doc); err != nil {
		return err
	}
	rows := make([]Insurer, len(doc.Insurers))
	for n, s := range doc.Insurers {
		rows[n] = s.Insurer
		rows[n].FullName, rows[n].Contracts = s.FullName, s.Contracts
		if s.Contract != (Contract{}) {
			rows[n].Contracts = []Contract{s.Contract}
		}
	}
	*d = New(rows, doc.Offices)
	return nil
}

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
	// The name in full, where Name is a shorter one.
	FullName  string     `json:"-"`
	Contracts []Contract `json:"-"` // with the fund, in their order
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

// RegionsByName lists all territories as people look for them.
func RegionsByName() []Region {
	return slices.SortedFunc(slices.Values(regions), func(a, b Region) int { return cmp.Compare(alphabetical(a.Name), alphabetical(b.Name)) })
}

// alphabetical is a name by which names can be sorted: Ё stands with Е, and a
// capital is no other letter.
func alphabetical(name string) string {
	return strings.ReplaceAll(strings.ToLower(name), "ё", "е")
}

// FindRegion finds a territory by its two-digit code.
func FindRegion(code string) (Region, bool) {
	return find(regions, func(r Region) bool { return r.Code == code })
}

// ofOKATO finds a territory by its five-digit OKATO.
func ofOKATO(okato string) (Region, bool) {
	return find(regions, func(r Region) bool { return r.OKATO == okato })
}

// InsurersOf lists the insurers that a resident of the region may choose on the
// date: those with a contract in force, sorted by name.
func (d Directory) InsurersOf(region string, on calendar.Date) []Insurer {
	var found []Insurer
	for _, i := range d.insurers {
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
func (d Directory) FindInsurer(smo string) (Insurer, bool) {
	at, ok := slices.BinarySearchFunc(d.insurers, smo, func(i Insurer, smo string) int { return cmp.Compare(i.SMO, smo) })
	if !ok {
		return Insurer{}, false
	}
	return d.insurers[at], true
}

// Matches reports whether the words stand in one of the insurer's names, in
// whatever case, with е for ё, and without quotation marks.
func (i Insurer) Matches(words string) bool { return contains(words, i.Name, i.FullName) }

func contains(typed string, texts ...string) bool {
	words := folded(typed)
	if words == "" && strings.TrimSpace(typed) != "" {
		return false // no name has what was typed
	}
	return slices.ContainsFunc(texts, func(text string) bool { return strings.Contains(folded(text), words) })
}

// folded is a text as it is compared: letters and digits in lower case, what is
// between them as one space.
func folded(text string) string {
	words := strings.FieldsFunc(strings.ToLower(text), func(r rune) bool { return !unicode.IsLetter(r) && !unicode.IsDigit(r) })
	return strings.ReplaceAll(strings.Join(words, " "), "ё", "е")
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

// Office is where an insurer takes applications and issues extracts.
type Office struct {
	ID      string        `json:"id"`  // the insurer's code and a number
	SMO     string        `json:"smo"` // of the insurer
	Name    string        `json:"name"`
	Address string        `json:"address"`
	Phone   string        `json:"phone"`
	Hours   string        `json:"hours"`
	AsOf    calendar.Date `json:"as_of"` // the row was true on this date
}

// Matches reports whether the words stand in the office's name or address, or
// in a name of its insurer, as Insurer.Matches compares them.
func (o Office) Matches(words string, of Insurer) bool {
	return contains(words, o.Name, o.Address) || of.Matches(words)
}

// OfficesOf lists the offices of the insurers that a resident of the region may
// choose on the date, in the order of the insurers' names.
func (d Directory) OfficesOf(region string, on calendar.Date) []Office {
	var found []Office
	for _, i := range d.InsurersOf(region, on) {
		for _, o := range d.offices {
			if o.SMO == i.SMO {
				found = append(found, o)
			}
		}
	}
	return found
}

// Contact is whom an insured person turns to: the insurer, or the regional fund
// while it stands in for one.
type Contact struct {
	SMO     string `json:"smo,omitempty"`
	Name    string `json:"name"`
	Phone   string `json:"phone,omitempty"`
	Email   string `json:"email,omitempty"`
	Site    string `json:"site,omitempty"`
	Address string `json:"address,omitempty"`
	StandIn bool   `json:"stand_in"`
	// Nothing but the code is known of the insurer, and the Name is made of it:
	// the regional fund tells more.
	Unlisted bool          `json:"unlisted,omitempty"`
	AsOf     calendar.Date `json:"as_of,omitzero"`
}

// ContactOf is the contact of an insurer, or of the region's fund where smo is
// "". An insurer that the directory does not have, as after an import without it,
// is named by its code in the language of tell. What else is not known stays empty.
func (d Directory) ContactOf(smo, region string, tell func(fault.Text) string) Contact {
	if i, ok := d.FindInsurer(smo); ok {
		return Contact{SMO: i.SMO, Name: i.Name, Phone: i.Phone, Email: i.Email, Site: i.Site, Address: i.Address, AsOf: i.AsOf}
	}
	if smo != "" {
		return Contact{SMO: smo, Name: tell(fault.Text{RU: "Компания с кодом " + smo, EN: "Company with code " + smo}), Unlisted: true}
	}
	f, _ := FundOf(region)
	return Contact{Name: f.Name, Phone: f.Phone, Email: f.Email, Site: f.Site, Address: f.Address, StandIn: true, AsOf: f.AsOf}
}
