package policy

import (
	"polis/shared/calendar"
	"polis/shared/fault"
	"polis/shared/person"
)

// CheckBirth names what is wrong with the day on which a child was born and with
// that of the civil record, by the JSON paths of both. Who is of age is put on
// record by themselves.
func CheckBirth(born, recorded string, birth calendar.Date, record BirthRecord, today calendar.Date) (wrong []fault.Field) {
	if !birth.IsZero() && birth.Age(today) >= adult {
		wrong = append(wrong, fault.Field{Field: born, Code: "child_of_age", Detail: fault.Text{
			RU: "После 18 лет полис оформляют сами, из своей учётной записи.",
			EN: "From 18 on people apply by themselves, from their own account."}})
	}
	if record.Date.After(today) || !record.Date.IsZero() && record.Date.Before(birth) && !birth.After(today) {
		wrong = append(wrong, fault.Field{Field: recorded, Code: "date_wrong", Detail: fault.Text{
			RU: "Проверьте дату актовой записи.", EN: "Check the date of the civil record."}})
	}
	return wrong
}

// OfChildren reports whether a child can have the category: none that rests on
// work.
func (c Category) OfChildren() bool {
	return c != HighlyQualified && entitlements[c].ends != contractEnds
}

// ofChild is what a category reads like where it is about a child.
var ofChild = map[Category]fault.Text{
	Citizen:           {RU: "Гражданин России", EN: "Citizen of Russia"},
	PermanentResident: {RU: "Постоянно живёт в России по виду на жительство", EN: "Permanent resident"},
	TemporaryResident: {RU: "Временно живёт в России по разрешению на временное проживание", EN: "Temporary resident"},
	Refugee:           {RU: "Беженец или просит признать беженцем", EN: "Refugee, or an applicant for that status"},
	TemporaryAsylum:   {RU: "Живёт в России по временному убежищу", EN: "Granted temporary asylum"},
}

// ChildCategoryText names a category of a child, in the words of its parent.
func ChildCategoryText(c Category) fault.Text { return ofChild[c] }

// Foreign reports whether a child may be no citizen of Russia, so that no rule
// puts it on record as one: a parent is none, or a document is another state's.
// What the login does not tell of the parent's citizenship says nothing.
func Foreign(child person.Kin, parent person.Person) bool {
	return parent.Citizenship != "" && parent.Citizenship != Russia ||
		child.Document.Number != "" && child.Document.Type != person.BirthCertificate ||
		child.Passport.Number != "" && child.Passport.Type != person.Passport
}

// DefaultNewbornCover is for how many days after the registration of a birth the
// mother's insurer covers the child, whoever insures it: 30, and by the Rules in
// force since 9 September 2025 only to the day of the registration.
const DefaultNewbornCover = "30,2025-09-09=0"

// Covering is who covers a newborn meanwhile, to the end of the last day.
type Covering struct {
	SMO    string        `json:"smo"`
	Region string        `json:"region"`
	Until  calendar.Date `json:"until"`
}

// CoveredUntil is the last day on which a representative's insurer covers the
// child; zero where there is no civil record. The regime is that of the day on
// which the birth was registered.
func (i Insured) CoveredUntil(days Stages) calendar.Date {
	if i.Birth == nil || i.Birth.Date.IsZero() {
		return calendar.Date{}
	}
	return i.Birth.Date.AddDays(days.On(i.Birth.Date))
}

// CoveredBy is who covers the child on the day: the mother's insurer, or another
// representative's where she has none. It is none after the last day, and where
// nobody of them has chosen an insurer: then the fund stands in for all.
func (i Insured) CoveredBy(representatives []Insured, days Stages, day calendar.Date) Covering {
	until := i.CoveredUntil(days)
	if until.IsZero() || day.After(until) {
		return Covering{}
	}
	var found Covering
	for _, r := range representatives {
		in := r.Insurance(day)
		mother := r.Person.Sex == person.Female
		if r.mayChange(day) != nil || in.SMO == "" || found.SMO != "" && !mother {
			continue
		}
		found = Covering{SMO: in.SMO, Region: in.Region, Until: until}
		if mother {
			break
		}
	}
	return found
}
