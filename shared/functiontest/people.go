package functiontest

import (
	"net/http"
	"time"

	"polis/shared/calendar"
	"polis/shared/person"
)

// Citizen is an invented person with an account. The numbers satisfy their check
// digits and belong to nobody.
type Citizen struct {
	Subject string // of the login
	Person  person.Person
}

// Maria and Pavel are the parents of Ilya, Anna is nobody's. Ilya has no account.
var (
	Maria = Citizen{"1001", adult("11223344595", "Соловьёва", "Мария", "Петровна", person.Female, 1985, time.March, 12, "123456")}
	Pavel = Citizen{"1002", adult("13177046242", "Соловьёв", "Павел", "Ильич", person.Male, 1983, time.July, 1, "234567")}
	Anna  = Citizen{"1003", adult("14520839652", "Берёзкина", "Анна", "Павловна", person.Female, 1996, time.February, 17, "345678")}

	Ilya = person.Person{
		SNILS: "19035627168", Name: person.Name{Family: "Соловьёв", Given: "Илья", Patronymic: "Павлович"},
		Sex: person.Male, Birth: calendar.On(2019, time.September, 2),
		Document: person.Document{Type: person.BirthCertificate, Series: "IV-ДН", Number: "614208"},
	}
)

func adult(snils person.SNILS, family, given, patronymic string, sex person.Sex, year int, month time.Month, day int, passport string) person.Person {
	return person.Person{
		SNILS: snils, Name: person.Name{Family: family, Given: given, Patronymic: patronymic}, Sex: sex,
		Birth: calendar.On(year, month, day), Document: person.Document{Type: person.Passport, Series: "45 12", Number: passport},
	}
}

// Claims that the login makes for the citizen, whose account is confirmed and
// whose document is verified.
func (c Citizen) Claims() Claims {
	p := c.Person
	return Claims{
		"sub": c.Subject, "trusted": true, "lastName": p.Name.Family, "firstName": p.Name.Given, "middleName": p.Name.Patronymic,
		"snils": string(p.SNILS), "birthDate": p.Birth.String(), "gender": string(p.Sex),
		"id_doc": map[string]string{"type": "RF_PASSPORT", "series": p.Document.Series, "number": p.Document.Number, "vrfStu": "VERIFIED"},
	}
}

// Kid is a child as the login confirms it to a parent, with the civil record of
// its birth and its parents.
func Kid(p person.Person, record, recorded string, parents ...Citizen) map[string]any {
	var snils []person.SNILS
	for _, parent := range parents {
		snils = append(snils, parent.Person.SNILS)
	}
	return map[string]any{
		"lastName": p.Name.Family, "firstName": p.Name.Given, "middleName": p.Name.Patronymic, "snils": string(p.SNILS),
		"birthDate": p.Birth.String(), "gender": string(p.Sex), "parents": snils,
		"birth_cert_doc": map[string]string{"type": "RF_BRTH_CERT", "series": p.Document.Series, "number": p.Document.Number, "vrfStu": "VERIFIED",
			"actNo": record, "actDate": recorded},
	}
}

// Claims of those who are no citizens here.
var (
	Employer = Claims{"sub": "2003", "roles": []string{"source"}, "source": "employer"}
	Zags     = Claims{"sub": "2001", "roles": []string{"source"}, "source": "zags"}
	Operator = Claims{"sub": "2002", "roles": []string{"operator"}}
	Fund     = Claims{"sub": "2004", "roles": []string{"fund"}, "snils": "101-683-957 47"} // a reviewer
)

// Row of an import: the person insured in region 26 since 14 May 2020, with a
// number that fits. change is pairs of a field and another value for it.
func Row(p person.Person, change ...any) map[string]any {
	enp, err := person.NewENP("26", p.Birth, p.Sex, 31)
	if err != nil {
		panic(err)
	}
	row := map[string]any{
		"enp": enp, "snils": p.SNILS, "name": p.Name, "sex": p.Sex, "birth_date": p.Birth, "document": p.Document,
		"region": "26", "insurer": "26002", "since": "2020-05-14",
	}
	for i := 0; i < len(change); i += 2 {
		row[change[i].(string)] = change[i+1]
	}
	return row
}

// Child is the row of a child with its representatives.
func Child(p person.Person, parents ...Citizen) map[string]any {
	var snils []person.SNILS
	for _, parent := range parents {
		snils = append(snils, parent.Person.SNILS)
	}
	return Row(p, "representatives", snils, "birth_record", map[string]string{"number": "120199260000204108003", "date": "2019-09-12"})
}

// Import puts rows on record by the register, which must be running.
func (b *Bench) Import(rows ...map[string]any) {
	b.t.Helper()
	res := b.Call(http.MethodPost, "insured-registry", "/imports", b.Token(Operator), map[string]any{"source_id": "first", "records": rows})
	res.Expect(http.StatusAccepted, "")
	var done struct{ Imported int }
	if res.JSON(&done); done.Imported != len(rows) {
		b.t.Fatalf("import: %s", res.Body)
	}
}

// Consent grants the consents for one's own data, or the one for a child's, by
// consent-toggle, which must be running.
func (b *Bench) Consent(token, who string) {
	b.t.Helper()
	operators := []string{"ffoms", "mincifry"}
	if who != "self" {
		operators = operators[:1]
	}
	for _, op := range operators {
		b.Call(http.MethodPost, "consent-toggle", "/", token, map[string]string{"operator": op, "person": who, "action": "grant"}).Expect(http.StatusOK, "")
	}
}
