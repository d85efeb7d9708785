package policy

import (
	"slices"
	"time"

	"polis/shared/calendar"
	"polis/shared/person"
)

// Codes of what a lookup finds to differ. Each is a cause that a citizen can be
// told by name.
const (
	NotInRegister    = "not_in_register"
	BirthDateDiffers = "birth_date_differs"
	NameDiffers      = "name_differs"
	SNILSDiffers     = "snils_differs"
	DocumentDiffers  = "document_differs"
	ENPDiffers       = "enp_differs"
	DuplicateRecords = "duplicate_records"
)

// match compares a record with the person who asks for it. Blocking differences
// mean that it may be somebody else's record and must not be shown; the others
// are only told. An earlier document still in the record is no blocking
// difference.
func match(record Insured, asked person.Person) (blocking, told []string) {
	if record.Person.SNILS != "" && asked.SNILS != "" && record.Person.SNILS != asked.SNILS {
		blocking = append(blocking, SNILSDiffers)
	}
	if record.Person.Birth != asked.Birth {
		blocking = append(blocking, BirthDateDiffers)
	}
	sameName := record.Person.Name.Same(asked.Name)
	formerly := slices.ContainsFunc(record.Names, func(n FormerName) bool { return n.Name.Same(asked.Name) })
	sameSNILS := asked.SNILS != "" && record.Person.SNILS == asked.SNILS
	if !sameName {
		// A new surname after marriage is common: SNILS and birth date
		// together still name the person, and so does the name before it.
		if sameSNILS || formerly {
			told = append(told, NameDiffers)
		} else {
			blocking = append(blocking, NameDiffers)
		}
	}
	if asked.Document.Number != "" && record.Person.Document.Key() != asked.Document.Key() {
		told = append(told, DocumentDiffers)
	}
	return blocking, told
}

// Enrol makes the record of a person first put on record. An adult citizen's is
// valid without limit (Rules of compulsory medical insurance, on validity of
// the policy).
func Enrol(id string, enp person.ENP, p person.Person, region, smo, cause string, today calendar.Date, recorded time.Time) Insured {
	return Insured{
		ID: id, ENP: enp, Person: p, ValidFrom: today, Cause: cause, RecordedAt: recorded,
		Insurances: []Insurance{{Cover: Cover{SMO: smo, Region: region, Since: today}, Cause: cause, Recorded: recorded}},
	}
}
