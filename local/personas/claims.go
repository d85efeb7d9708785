package personas

import "slices"

// The kinds of identity document that the login tells apart.
var documentKinds = map[int]string{3: "RF_BRTH_CERT", 9: "FID_DOC", 14: "RF_PASSPORT", 24: "FID_BRTH_CERT"}

// Claims are the persona's part of a token, named and written as ESIA does.
// What the persona does not have is left out.
func (p Persona) Claims() map[string]any {
	claims := map[string]any{
		"sub":     p.Human.Subject,
		"trusted": p.Confirmed,
		"roles":   p.Roles,
	}
	set := func(name, value string) {
		if value != "" {
			claims[name] = value
		}
	}
	set("lastName", p.Human.Family)
	set("firstName", p.Human.Given)
	set("middleName", p.Human.Patronymic)
	set("snils", p.Human.SNILS)
	set("citizenship", p.Human.Citizenship)
	set("email", p.Human.Email)
	set("mobile", p.Human.Mobile)
	if p.Confirmed {
		claims["email_verified"], claims["mobile_verified"] = true, true
	}
	set("smo", p.Unit.SMO)
	set("clinic", p.Unit.Clinic)
	set("source", p.Unit.Source)
	if birth := p.Human.Birth; birth != "" {
		claims["birthDate"] = russian(birth)
		claims["gender"] = sex(p.Human.Male)
	}
	if d := p.Human.Document; d.Type != 0 {
		verified := "NOT_VERIFIED"
		if p.Confirmed {
			verified = "VERIFIED"
		}
		claims["id_doc"] = map[string]string{
			"type": documentKinds[d.Type], "series": d.Series, "number": d.Number, "vrfStu": verified,
		}
	}
	var kids []map[string]any
	for _, c := range append(slices.Clone(p.Children), p.Kids...) {
		kids = append(kids, c.claims(p.Confirmed))
	}
	if kids != nil {
		claims["kids"] = kids
	}
	return claims
}

// claims of a child in the account of a parent.
func (c Child) claims(confirmed bool) map[string]any {
	h := c.Human
	verified := "NOT_VERIFIED"
	if confirmed {
		verified = "VERIFIED"
	}
	certificate := map[string]string{
		"type": documentKinds[h.Document.Type], "series": h.Document.Series, "number": h.Document.Number, "vrfStu": verified,
	}
	if c.RecordNumber != "" {
		certificate["actNo"], certificate["actDate"] = c.RecordNumber, russian(c.RecordDate)
	}
	kid := map[string]any{
		"lastName": h.Family, "firstName": h.Given, "middleName": h.Patronymic, "birthDate": russian(h.Birth), "gender": sex(h.Male),
		"birth_cert_doc": certificate,
	}
	if h.SNILS != "" {
		kid["snils"] = h.SNILS
	}
	return kid
}

// russian writes an ISO date as the login does.
func russian(date string) string { return date[8:] + "." + date[5:7] + "." + date[:4] }

func sex(male bool) string {
	if male {
		return "M"
	}
	return "F"
}
