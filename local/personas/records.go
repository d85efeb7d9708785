package personas

import "strings"

// Import is what the register takes in at the first start of an installation:
// the body of POST insured-registry/imports. The source's id makes a second
// delivery of the same records harmless.
type Import struct {
	SourceID string   `json:"source_id"`
	Records  []Record `json:"records"`
}

// Record is one insured person. Dates are ISO, SNILS eleven digits.
type Record struct {
	ENP             string       `json:"enp"`
	SNILS           string       `json:"snils"`
	Name            Name         `json:"name"`
	Sex             string       `json:"sex"` // M or F
	BirthDate       string       `json:"birth_date"`
	Document        recordedID   `json:"document"`
	Region          string       `json:"region"`
	Insurer         string       `json:"insurer"` // empty: the fund stands in
	Since           string       `json:"since"`
	Clinic          Clinic       `json:"clinic"`
	SuspendedFrom   string       `json:"suspended_from,omitempty"`
	Representatives []string     `json:"representatives,omitempty"` // their SNILS
	BirthRecord     *BirthRecord `json:"birth_record,omitempty"`
}

// Name of a person; what is missing is empty.
type Name struct {
	Family     string `json:"family"`
	Given      string `json:"given"`
	Patronymic string `json:"patronymic"`
}

// recordedID is an identity document by classifier F011.
type recordedID struct {
	Type   int    `json:"type"`
	Series string `json:"series"`
	Number string `json:"number"`
}

// BirthRecord is the civil registry's record of a birth.
type BirthRecord struct {
	Number string `json:"number"`
	Date   string `json:"date"`
}

// FirstImport holds every persona that stands in the register, and each child
// once.
func FirstImport() Import {
	batch := Import{SourceID: "demo-persons-1"}
	parents := map[string][]string{} // SNILS of the child to those of its parents
	var children []Child
	for _, p := range all {
		if p.Policy != nil {
			r := record(p.Human, *p.Policy)
			if guardian, ok := Find(p.Guardian); ok {
				r.Representatives = []string{digits(guardian.Human.SNILS)}
			}
			batch.Records = append(batch.Records, r)
		}
		for _, c := range p.Children {
			if parents[c.Human.SNILS] == nil {
				children = append(children, c)
			}
			parents[c.Human.SNILS] = append(parents[c.Human.SNILS], digits(p.Human.SNILS))
		}
	}
	for _, c := range children {
		r := record(c.Human, c.Policy)
		r.Representatives = parents[c.Human.SNILS]
		r.BirthRecord = &BirthRecord{Number: c.RecordNumber, Date: c.RecordDate}
		batch.Records = append(batch.Records, r)
	}
	return batch
}

func record(h Human, p Policy) Record {
	return Record{
		ENP:           p.ENP,
		SNILS:         digits(h.SNILS),
		Name:          Name{h.Family, h.Given, h.Patronymic},
		Sex:           sex(h.Male),
		BirthDate:     h.Birth,
		Document:      recordedID(h.Document),
		Region:        Region,
		Insurer:       p.Insurer,
		Since:         p.Since,
		Clinic:        p.Clinic,
		SuspendedFrom: p.SuspendedFrom,
	}
}

func digits(snils string) string { return strings.NewReplacer("-", "", " ", "").Replace(snils) }
