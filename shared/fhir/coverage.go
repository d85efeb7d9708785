// Package fhir writes a policy as clinics' systems read it: as the resource
// Coverage of HL7 FHIR R4 (4.0.1).
package fhir

import (
	"polis/shared/calendar"
	"polis/shared/directory"
	"polis/shared/person"
	"polis/shared/policy"
)

// Media is the media type of a resource.
const Media = "application/fhir+json; charset=utf-8"

// Systems name what the numbers are of. Russia has no one system that every
// clinic's software knows, so an installation sets those of its region.
type Systems struct {
	ENP string // of policy numbers
	SMO string // of insurers' codes
}

// Statuses of a Coverage (value set fm-status, required binding).
const (
	active         = "active"
	cancelled      = "cancelled"
	enteredInError = "entered-in-error"
)

// Coverage is the resource, with the members that a policy fills.
type Coverage struct {
	ResourceType string       `json:"resourceType"`
	ID           string       `json:"id"`
	Language     string       `json:"language"`
	Contained    []any        `json:"contained"`
	Identifier   []Identifier `json:"identifier"`
	Status       string       `json:"status"`
	Type         Concept      `json:"type"`
	SubscriberID string       `json:"subscriberId"`
	Beneficiary  Reference    `json:"beneficiary"`
	Relationship Concept      `json:"relationship"`
	Period       Period       `json:"period"`
	Payor        []Reference  `json:"payor"`
}

// Identifier is a number with the system that gives it.
type Identifier struct {
	System string `json:"system"`
	Value  string `json:"value"`
}

// Concept is a code, or a text where no common code system has one.
type Concept struct {
	Coding []Coding `json:"coding,omitempty"`
	Text   string   `json:"text,omitempty"`
}

// Coding is a code of a code system.
type Coding struct {
	System string `json:"system"`
	Code   string `json:"code"`
}

// Reference to a resource that is contained.
type Reference struct {
	Reference string `json:"reference"`
	Display   string `json:"display,omitempty"`
}

// Period has both its days in it.
type Period struct {
	Start string `json:"start"`
	End   string `json:"end,omitempty"`
}

// Patient is contained: who is insured.
type Patient struct {
	ResourceType string       `json:"resourceType"`
	ID           string       `json:"id"`
	Identifier   []Identifier `json:"identifier"`
	Name         []HumanName  `json:"name"`
	Gender       string       `json:"gender"`
	BirthDate    string       `json:"birthDate"`
}

// HumanName has the patronymic as the second of the given names.
type HumanName struct {
	Use    string   `json:"use"`
	Text   string   `json:"text"`
	Family string   `json:"family,omitempty"`
	Given  []string `json:"given,omitempty"`
}

// Organization is contained: the insurer, or the fund that stands in.
type Organization struct {
	ResourceType string         `json:"resourceType"`
	ID           string         `json:"id"`
	Identifier   []Identifier   `json:"identifier,omitempty"`
	Name         string         `json:"name"`
	Telecom      []ContactPoint `json:"telecom,omitempty"`
}

// ContactPoint is a way to reach an organization.
type ContactPoint struct {
	System string `json:"system"`
	Value  string `json:"value"`
}

// CoverageOf a policy as it stands on the day.
func CoverageOf(card policy.Card, payor directory.Contact, of Systems, today calendar.Date) Coverage {
	number := []Identifier{{System: of.ENP, Value: string(card.ENP)}}
	status, until := statusOf(card, today)
	org := Organization{ResourceType: "Organization", ID: "payor", Name: payor.Name}
	if payor.SMO != "" {
		org.Identifier = []Identifier{{System: of.SMO, Value: payor.SMO}}
	}
	for _, way := range []ContactPoint{{"phone", payor.Phone}, {"email", payor.Email}, {"url", payor.Site}} {
		if way.Value != "" {
			org.Telecom = append(org.Telecom, way)
		}
	}
	return Coverage{
		ResourceType: "Coverage", ID: card.Insured, Language: "ru",
		Contained:  []any{patient(card.Person, number), org},
		Identifier: number, Status: status,
		// Public health care insurance, of the code system that the example
		// binding of Coverage.type names.
		Type:         Concept{Coding: []Coding{{"http://terminology.hl7.org/CodeSystem/v3-ActCode", "PUBLICPOL"}}, Text: "ОМС"},
		SubscriberID: string(card.ENP),
		Beneficiary:  Reference{Reference: "#patient", Display: card.Person.Name.Full()},
		Relationship: Concept{Coding: []Coding{{"http://terminology.hl7.org/CodeSystem/subscriber-relationship", "self"}}},
		Period:       Period{Start: card.ValidFrom.String(), End: until.String()},
		Payor:        []Reference{{Reference: "#payor", Display: payor.Name}},
	}
}

// statusOf answers what the required value set can say of the state, with the
// last day in force, zero where none is known. It has no word for a suspension:
// "active" would have a clinic bill an insurer that does not pay, "draft" is a
// policy that never was in force, so it is "cancelled", with the end of the
// period at the day before, until it is resumed. A policy that has ended or
// expired is "cancelled" too; a record that was merged into another should never
// have been there, which is "entered-in-error".
func statusOf(card policy.Card, today calendar.Date) (string, calendar.Date) {
	standing := card.Changes.On(today)
	switch card.Shown(today) {
	case policy.ShownInvalid:
		if standing.Ground == policy.Merged {
			return enteredInError, standing.Since.AddDays(-1)
		}
		return cancelled, standing.Since.AddDays(-1)
	case policy.ShownSuspended:
		return cancelled, standing.Since.AddDays(-1)
	case policy.ShownExpired:
		return cancelled, card.ValidUntil
	}
	return active, card.ValidUntil
}

func patient(p person.Person, number []Identifier) Patient {
	name := HumanName{Use: "official", Text: p.Name.Full(), Family: p.Name.Family}
	for _, given := range []string{p.Name.Given, p.Name.Patronymic} {
		if given != "" {
			name.Given = append(name.Given, given)
		}
	}
	gender := map[person.Sex]string{person.Male: "male", person.Female: "female"}[p.Sex]
	return Patient{ResourceType: "Patient", ID: "patient", Identifier: number, Name: []HumanName{name}, Gender: gender, BirthDate: p.Birth.String()}
}
