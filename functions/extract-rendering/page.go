package function

import (
	"strings"

	"polis/shared/cabinet"
	"polis/shared/calendar"
	"polis/shared/directory"
	"polis/shared/extract"
	"polis/shared/fault"
	"polis/shared/policy"
)

// page puts a card on paper: formed at the moment of the law clock, in the time
// of the region of insurance.
func (r *rendering) page(e cabinet.Extract, card policy.Card, insurers directory.Directory) extract.Page {
	region := card.Insurance.Region
	zone := calendar.Zone(region)
	contact := insurers.ContactOf(card.Insurance.SMO, region, fault.Text.Russian)
	today := calendar.Today(e.Created, region)
	status, note, _ := strings.Cut(card.ShownText(today).RU, ". ")
	p := extract.Page{
		Number: e.Number, Code: e.Code, FormedAt: e.Created.In(zone), AsOf: card.AsOf.In(zone),
		ENP: string(card.ENP), Family: card.Person.Name.Family, Given: card.Person.Name.Given, Patronymic: card.Person.Name.Patronymic,
		Sex: string(card.Person.Sex), Birth: card.Person.Birth,
		Status: status, StatusNote: note, ValidFrom: card.ValidFrom, ValidUntil: card.ValidUntil, Over: card.Over(today),
		Insurer: extract.Insurer{
			Name: contact.Name, Address: contact.Address, Phone: contact.Phone, Site: contact.Site,
			Since: card.Insurance.Since, StandIn: contact.StandIn, Unlisted: contact.Unlisted,
		},
		Issuer: r.issuer, PublicURL: r.public,
	}
	if card.Shown(today) == policy.ShownInvalid { // the status says since when
		p.ValidUntil = calendar.Date{}
	}
	if named, ok := directory.FindRegion(region); ok {
		p.Region = named.Name
	}
	if card.Clinic != nil {
		p.Clinic = extract.Clinic{Name: card.Clinic.Name, Address: card.Clinic.Address, Since: card.Clinic.Since}
	}
	return p
}
