package function

import (
	"cmp"

	"polis/shared/application"
	"polis/shared/calendar"
	"polis/shared/fault"
	"polis/shared/person"
	"polis/shared/policy"
	"polis/shared/text"
	"polis/shared/web"
)

// newChild is a child as the parent types it.
type newChild struct {
	Name     person.Name        `json:"name"`
	Sex      person.Sex         `json:"sex"`
	Birth    calendar.Date      `json:"birth_date"`
	SNILS    person.SNILS       `json:"snils"`
	Document person.Document    `json:"document"`
	Record   policy.BirthRecord `json:"birth_record"`
}

func (k *newChild) person() person.Person {
	return person.Person{SNILS: k.SNILS, Name: k.Name, Sex: k.Sex, Birth: k.Birth, Document: k.Document}.Normalised()
}

// papers are the documents of a child (F011): a birth certificate below 14, a
// passport from then on.
func papers(age int) []int {
	if age >= 14 {
		return []int{person.Passport}
	}
	return []int{person.BirthCertificate, 24}
}

// check names every wrong field of the child.
func (k *newChild) check(today calendar.Date) (wrong []fault.Field) {
	note := func(field, code, ru, en string) {
		wrong = append(wrong, fault.Field{Field: field, Code: code, Detail: fault.Text{RU: ru, EN: en}})
	}
	if k == nil {
		note("child", "required", "Укажите ребёнка.", "Give the child.")
		return wrong
	}
	p := k.person()
	wrong = p.Check(child, today)
	age := p.Birth.Age(today)
	wrong = append(wrong, policy.CheckBirth("child.birth_date", "child.birth_record.date", p.Birth, k.Record, today)...)
	if p.Document.Number != "" && p.Document.Type != papers(age)[0] && p.Document.Type != papers(age)[len(papers(age))-1] {
		note("child.document.type", "document_not_of_age", "До 14 лет укажите свидетельство о рождении, с 14 лет — паспорт.", "Give the birth certificate below 14, the passport from then on.")
	}
	return append(wrong, text.CheckLine("child.birth_record.number", k.Record.Number, maxRecord)...)
}

// maxRecord is the longest number of a civil record, as the register takes it.
const maxRecord = 40

var (
	errChild = fault.New(fault.Conflict, "child_not_confirmed",
		"Этого ребёнка нет среди подтверждённых детей вашей учётной записи. Добавьте в профиль его свидетельство о рождении и СНИЛС, подождите подтверждения и войдите снова.",
		"This child is not among the confirmed children of your account. Add its birth certificate and SNILS to the profile, wait for the confirmation and log in again.")
	errPassport = fault.New(fault.Conflict, "child_passport_not_confirmed",
		"Ребёнку уже 14 лет: добавьте его паспорт в профиль, подождите подтверждения и войдите снова.",
		"The child is 14 already: add its passport to the profile, wait for the confirmation and log in again.")
)

// confirmed is the child as the parent's account has it: what the parent typed
// must be what was confirmed, for the record may be made without anybody's
// decision. By what right a child is insured who may be no citizen is for the
// parent to say.
func (q request) confirmed(parent person.Person, children []person.Kin, today calendar.Date) (made policy.NewChild, of person.Kin, err error) {
	k := q.Child
	typed := k.person()
	for _, kin := range children {
		if !kin.Name.Same(typed.Name) || kin.Birth != typed.Birth || kin.Sex != typed.Sex {
			continue
		}
		made = policy.NewChild{Person: kin.Person.Normalised(), Parents: kin.Parents}
		if kin.Birth.Age(today) >= 14 {
			if kin.Passport.Number == "" {
				return made, kin, errPassport
			}
			made.Person.Document = kin.Passport
		}
		record := policy.BirthRecord{Number: person.CivilRecord(k.Record.Number), Date: k.Record.Date}
		var wrong []fault.Field
		differs := func(field, code, ru, en string) {
			wrong = append(wrong, fault.Field{Field: child + "." + field, Code: code, Detail: fault.Text{RU: ru, EN: en}})
		}
		if q.Category == "" && policy.Foreign(kin, parent) {
			wrong = append(wrong, fault.Field{Field: "category", Code: "required", Detail: fault.Text{
				RU: "Выберите, по какому праву ребёнок живёт в России. Если он гражданин России, укажите это.",
				EN: "Choose by what right the child lives in Russia. If it is a citizen of Russia, say so."}})
		}
		if typed.SNILS != "" && typed.SNILS != made.Person.SNILS {
			differs("snils", "snils_not_confirmed", "Такого СНИЛС ребёнка в учётной записи нет. Оставьте поле пустым или подтвердите СНИЛС в профиле.", "The account has no such SNILS of the child. Leave the field empty or confirm the SNILS in the profile.")
		}
		if typed.Document.Number != "" && typed.Document.Key() != made.Person.Document.Key() {
			differs("document.number", "document_not_confirmed", "Такого документа ребёнка в учётной записи нет.", "The account has no such document of the child.")
		}
		if kin.Record != "" && record.Number != "" && record.Number != kin.Record {
			differs("birth_record.number", "birth_record_differs", "В учётной записи другой номер актовой записи.", "The account has another number of the civil record.")
		}
		made.Birth.Number = cmp.Or(kin.Record, record.Number)
		made.Birth.Date = cmp.Or(kin.Recorded, record.Date)
		if made.Birth.Number == "" {
			differs("birth_record.number", "required", "Укажите номер актовой записи: он есть в свидетельстве о рождении.", "Give the number of the civil record: it is on the birth certificate.")
		}
		if made.Birth.Date.IsZero() {
			differs("birth_record.date", "required", "Укажите дату актовой записи: она есть в свидетельстве о рождении.", "Give the date of the civil record: it is on the birth certificate.")
		}
		if wrong != nil {
			return made, kin, fault.Wrong(wrong...)
		}
		return made, kin, nil
	}
	return made, of, errChild
}

// foreigner holds what the documents of a foreigner must be, and answers with the
// person under the document on which the right rests: one that the login has
// verified, with the term that the person adds to it. Another document is for the
// fund's staff to look at, and so is a category that no rule decides.
func foreigner(q request, p person.Person, today calendar.Date) (applicant person.Person, byFund bool, err error) {
	given, verified := q.Basis.Document, p.Document
	switch {
	case given == (person.Document{}) && !q.Category.Proves(verified):
		return p, false, fault.WrongField("basis.document", "required",
			"Укажите документ, который подтверждает основание.", "Give the document that proves the category.")
	case given != (person.Document{}) && given.Key() != verified.Key():
		p.Document = given
		return p, true, nil
	}
	p.Document.Expires = cmp.Or(verified.Expires, given.Expires)
	if wrong := p.Document.Check("basis.document", today); wrong != nil {
		return p, false, fault.Wrong(wrong...)
	}
	return p, !q.Category.ByRule(), nil
}

// first is an application for a first policy with what the record is to be made
// of, and the register's refusal of it, where there is one already. Its silence
// says nothing.
func (r *requests) first(c *web.Call, q request, a application.Application, today calendar.Date) (made application.Application, refusal, err error) {
	if q.Kind != application.Register {
		return a, nil, nil
	}
	foreign := q.Category != policy.Citizen && q.Category != ""
	if foreign || q.Person == child && q.Category != "" { // without one, a child keeps the right that it had
		a.Right = policy.RightOf(q.Category, q.Basis.Ends(q.Category), today)
	}
	switch {
	case q.Person == child:
		made, kin, err := q.confirmed(a.Applicant, c.Caller.Children, today)
		if err != nil {
			return a, nil, err
		}
		// A number of the civil record that the account does not tell is for the
		// fund's staff to look at too: a mistyped one would be another child's.
		typed := kin.Record == ""
		a.ByFund = typed || foreign || policy.Foreign(kin, a.Applicant)
		a.Child, a.Person = &made, r.store.InsuredID("birth", made.Birth.Number)
		if typed {
			return a, nil, nil // whose it is, nobody finds out by it
		}
	case q.Category == policy.Citizen:
		return a, nil, nil
	}
	var allowed struct {
		Allowed bool
		ByFund  bool `json:"by_fund"`
	}
	refusal = r.register.Call(c, c.ID, "/insured-registry/records/try", enrolment(a), &allowed)
	if !fault.HasKind(refusal, fault.Conflict) && wrongData(refusal) == nil {
		refusal = nil
	}
	a.ByFund = a.ByFund || allowed.ByFund
	return a, refusal, nil
}

// enrolment is what the register is asked for.
func enrolment(a application.Application) policy.Enrolment {
	return policy.Enrolment{Cause: a.ID, Submitted: a.Submitted, Person: a.Applicant, Region: a.Region, SMO: a.SMO, Right: a.Right, Child: a.Child, ByFund: a.ByFund}
}
