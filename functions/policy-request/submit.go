package function

import (
	"cmp"
	"slices"
	"time"

	"polis/shared/application"
	"polis/shared/cabinet"
	"polis/shared/calendar"
	"polis/shared/clock"
	"polis/shared/consent"
	"polis/shared/directory"
	"polis/shared/fault"
	"polis/shared/ident"
	"polis/shared/person"
	"polis/shared/policy"
	"polis/shared/store"
	"polis/shared/web"
)

// request is what a citizen submits.
type request struct {
	Kind   application.Kind `json:"kind"`
	Person string           `json:"person"`
	What   []string         `json:"what"`
	ENP    string           `json:"enp"`
	SMO    string           `json:"smo"`
	Region string           `json:"region"`

	Category policy.Category `json:"category"` // Register
	Basis    policy.Basis    `json:"basis"`
	Child    *newChild       `json:"child"` // Register, for a child
}

// What can be asked for apart.
const (
	whatPolicy     = "policy"
	whatAttachment = "attachment"
	whatServices   = "services"
)

// parts are what is asked for: who names none asks for the policy and the clinic.
func parts(named []string) []string {
	if len(named) == 0 {
		return []string{whatAttachment, whatPolicy}
	}
	return named
}

// child is the value of person in an application for a child that is not in the
// register yet, and so has no id.
const child = "child"

// check normalises the request and names every wrong field.
func (q *request) check(home string, insurers directory.Directory, applicant person.Person, now time.Time) error {
	var wrong []fault.Field
	note := func(field, code, ru, en string) {
		wrong = append(wrong, fault.Field{Field: field, Code: code, Detail: fault.Text{RU: ru, EN: en}})
	}
	only := func(field, value string, kinds ...application.Kind) {
		if value != "" && !slices.Contains(kinds, q.Kind) {
			note(field, "not_expected", "Для этого заявления поле не нужно.", "This application has no such field.")
		}
	}
	if !slices.Contains([]application.Kind{application.Lookup, application.Link, application.Register}, q.Kind) {
		note("kind", "kind_unknown", "Вид заявления: lookup, link или register.", "Kind of application: lookup, link or register.")
		return fault.Wrong(wrong...)
	}
	q.Person = cmp.Or(q.Person, consent.Self)
	forChild := q.Kind == application.Register && q.Person == child
	if q.Person != consent.Self && q.Kind != application.Lookup && !forChild {
		note("person", "self_only", "Это заявление подают только за себя.", "This application is for oneself only.")
	}
	only("enp", q.ENP, application.Link)
	only("smo", q.SMO, application.Register)
	if q.Kind == application.Link {
		enp, err := person.ParseENP(q.ENP)
		if err != nil {
			wrong = append(wrong, fault.From(err).Fields...)
		} else if slices.Contains(enp.Warnings(applicant.Birth, applicant.Sex), person.ENPBirthDateUnreadable) {
			note("enp", person.ENPBirthDateUnreadable, "Проверьте номер полиса: в нём ошибка.", "Check the policy number: there is a mistake in it.")
		}
		q.ENP = string(enp)
	}
	if q.Region == "" && q.Kind == application.Register {
		note("region", "required", "Укажите регион проживания.", "Give the region of residence.")
	}
	q.Region = cmp.Or(q.Region, home)
	if _, ok := directory.FindRegion(q.Region); !ok {
		note("region", "region_unknown", "Нет региона с таким кодом.", "There is no region with this code.")
	}
	today := calendar.Today(now, q.Region)
	if q.SMO != "" {
		insurer, ok := insurers.FindInsurer(q.SMO)
		if !ok || insurer.Region != q.Region || !insurer.InForce(today) {
			note("smo", "smo_not_in_region", "Такой страховой в регионе нет.", "The region has no such insurer.")
		}
	}
	switch {
	case forChild:
		wrong = append(wrong, q.Child.check(today)...)
		switch {
		case q.Category == "" || q.Category == policy.Citizen:
		case !q.Category.OfChildren():
			note("category", "category_not_of_child", "У ребёнка такого основания нет: он не работает. Выберите, по какому праву он живёт в России.", "A child has no such category: it does not work. Choose by what right it lives in Russia.")
		case q.Basis.Document != (person.Document{}):
			note("basis.document", "not_expected", "Для ребёнка документ берут из учётной записи.", "A child's document is taken from the account.")
		default:
			wrong = append(wrong, q.Basis.Check("basis", q.Category, today)...)
		}
	case q.Kind == application.Register:
		q.Category = cmp.Or(q.Category, policy.Citizen)
		if q.Category != policy.Citizen {
			q.Basis.Document = q.Basis.Document.Normalised()
			wrong = append(wrong, q.Basis.Check("basis", q.Category, today)...)
		}
	default:
		only("category", string(q.Category))
	}
	if (q.Category == "" || q.Category == policy.Citizen) && q.Basis != (policy.Basis{}) {
		note("basis", "not_expected", "Для этого заявления поле не нужно.", "This application has no such field.")
	}
	if q.Child != nil && !forChild {
		note("child", "not_expected", "Для этого заявления поле не нужно.", "This application has no such field.")
	}
	if q.Kind == application.Register && q.What != nil {
		note("what", "not_expected", "Для этого заявления поле не нужно.", "This application has no such field.")
	}
	if q.What != nil && len(q.What) == 0 {
		note("what", "required", "Укажите, что запросить, или не указывайте поле вовсе.", "Say what to ask for, or leave the field out.")
	}
	for _, w := range q.What {
		if w != whatPolicy && w != whatAttachment && w != whatServices {
			note("what", "what_unknown", "Можно запросить policy, attachment и services.", "One can ask for policy, attachment and services.")
			break
		}
	}
	if wrong != nil {
		return fault.Wrong(wrong...)
	}
	if q.Kind != application.Register {
		q.What = parts(q.What)
	}
	slices.Sort(q.What)
	q.What = slices.Compact(q.What)
	return nil
}

var (
	errAdultsOnly = fault.New(fault.Conflict, "representative_needed",
		"До 18 лет полис оформляет родитель или другой законный представитель.",
		"Below 18 a parent or another legal representative applies for the policy.")
	errDocument = fault.New(fault.Conflict, "document_not_confirmed",
		"Паспорт гражданина РФ не подтверждён в учётной записи. Проверьте его данные в профиле и подождите подтверждения.",
		"The passport of a citizen of Russia is not confirmed in the account. Check its data in the profile and wait for the confirmation.")
)

// mayApply holds what the applicant must be, and answers with them as the record
// is to have them, and whether the fund's staff decide. An adult with verified
// documents is put on record by rule, without anybody's decision.
func (r *requests) mayApply(q request, p person.Person, today calendar.Date) (applicant person.Person, byFund bool, err error) {
	checked := p
	if q.Kind != application.Register || q.Person == child || q.Category != policy.Citizen {
		checked.Document = person.Document{} // one that has run out still finds the record
	}
	if wrong := checked.Check("applicant", today); wrong != nil {
		return p, false, fault.Wrong(wrong...)
	}
	switch {
	case p.SNILS == "":
		return p, false, application.ErrNoSNILS
	case q.Kind != application.Register || q.Person == child:
		return p, false, nil
	case p.Birth.Age(today) < 18:
		return p, false, errAdultsOnly
	}
	if err := policy.MayBeInsured(q.Category, p.Citizenship, q.Basis, r.years, today); err != nil {
		return p, false, err
	}
	if q.Category != policy.Citizen {
		return foreigner(q, p, today)
	}
	if p.Document.Type != person.Passport {
		return p, false, errDocument
	}
	return p, false, nil
}

func (r *requests) due(kind application.Kind, byFund bool, region string, now time.Time) (time.Time, error) {
	if kind != application.Register {
		return now.Add(r.terms.Lookup), nil
	}
	// The policy is ready within one working day, by the region's own clock; where
	// the fund's staff decide they have a term of their own.
	days := 1
	if byFund {
		days = r.review
	}
	return r.days.EndOfTerm(now, region, days)
}

func (r *requests) submit(c *web.Call) (web.Answer, error) {
	var q request
	if err := c.Bind(&q); err != nil {
		return web.Answer{}, err
	}
	now := r.law()
	insurers, err := r.store.Directory(c)
	if err != nil {
		return web.Answer{}, err
	}
	if err := q.check(r.home, insurers, c.Caller.Person, now); err != nil {
		return web.Answer{}, err
	}
	today := calendar.Today(now, q.Region)
	applicant, byFund, err := r.mayApply(q, c.Caller.Person, today)
	if err != nil {
		return web.Answer{}, err
	}
	var silent error
	if q.Kind == application.Lookup && q.Person != consent.Self {
		var finding policy.Finding
		err := r.register.Call(c, c.ID, "/insured-registry/find", policy.Question{Applicant: applicant, Child: q.Person}, &finding)
		switch {
		case fault.HasKind(err, fault.Unavailable):
			silent = err // whose child it was when consent was given is known
		case err != nil:
			return web.Answer{}, err
		}
	}
	key, err := c.IdempotencyKey()
	if err != nil {
		return web.Answer{}, err
	}
	id := ident.New(clock.System())
	a := application.Application{
		ID: id, Number: ident.Number(calendar.Today(now, q.Region).String(), id), Kind: q.Kind, Person: q.Person,
		What: q.What, Region: q.Region, SMO: q.SMO, ENP: person.ENP(q.ENP), Applicant: applicant, ByFund: byFund, Submitted: now,
	}
	a, refusal, err := r.first(c, q, a, today)
	if err != nil {
		return web.Answer{}, err
	}
	due, err := r.due(q.Kind, a.ByFund, q.Region, now)
	if err != nil {
		return web.Answer{}, err
	}
	once := r.store.OnceFor(c.Caller.Account, Name, key, c.Body)
	a, err = r.store.Submit(c, c.Grant, c.Caller.Account, once, store.Submission{
		Application: a.Begin(now, due, application.TextSubmitted), Topic: store.TopicRequest,
		Contacts: c.Contacts(),
		Allow: func(_ *store.Tx, have cabinet.Account, a application.Application) (cabinet.Account, application.Application, error) {
			if a.Kind == application.Register {
				// A request sent again is answered as the first, whatever that
				// has changed since.
				return have, a, refusal
			}
			err := have.Consents.Covers(a.Person)
			if err != nil && silent != nil {
				err = silent
			}
			if err == nil && a.Kind == application.Link {
				have, err = have.Typing(now)
			}
			return have, a, err
		},
	})
	if err != nil {
		return web.Answer{}, err
	}
	if a.ID != id {
		if a, err = r.hurry(c, a, now); err != nil {
			return web.Answer{}, err
		}
	}
	return web.Accepted(r.show(c, a, insurers, now))
}

// hurry makes a second click work on a search that waits for its next try: at
// once, and until that is done only once.
func (r *requests) hurry(c *web.Call, a application.Application, now time.Time) (application.Application, error) {
	if a.Kind != application.Lookup || a.Status.Done() || a.MayStep(false, now) {
		return a, nil
	}
	doc := store.Application(c.Caller.Account, a.ID)
	return store.Change(c, r.store, c.Grant, c.Caller.Account, store.Once{}, []store.Ref{doc.Ref}, func(tx *store.Tx) (application.Application, error) {
		a, found, err := store.Get(tx.View, doc)
		if err != nil || !found || a.Status.Done() || a.MayStep(false, now) {
			return a, err
		}
		a = a.Wake(now)
		tx.Emit(store.Event{Topic: store.TopicRequest, Home: c.Caller.Account, Subject: a.ID, Lane: a.ID}, 0)
		return a, store.PutApplication(tx, c.Caller.Account, a)
	})
}
