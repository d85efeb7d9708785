package function

import (
	"cmp"
	"slices"
	"strings"
	"time"
	"unicode"

	"polis/shared/application"
	"polis/shared/cabinet"
	"polis/shared/calendar"
	"polis/shared/clock"
	"polis/shared/consent"
	"polis/shared/directory"
	"polis/shared/fault"
	"polis/shared/ident"
	"polis/shared/policy"
	"polis/shared/store"
	"polis/shared/text"
	"polis/shared/web"
)

// article on which every answer about a change of the insurer rests.
var article = fault.Text{RU: "326-ФЗ, ст. 16", EN: "326-FZ, art. 16"}

// child is the id of the record that a request is about, "" for one's own.
func child(who string) string {
	if who == consent.Self {
		return ""
	}
	return who
}

// allowed answers "may I change the insurer?". Whether one may rests on law and
// needs no consent; by whom one is insured is told under consent only.
func (s *selection) allowed(c *web.Call) (web.Answer, error) {
	who := cmp.Or(c.Query.Get("person"), consent.Self)
	if err := application.CheckApplicant(c.Caller.Person, calendar.Today(s.law(), s.home)); err != nil {
		return web.Answer{}, err
	}
	account := store.Account(c.Caller.Account)
	v, err := s.store.View(c, c.Grant, c.Caller.Account, account.Ref) // audited, whatever the answer
	if err != nil {
		return web.Answer{}, err
	}
	var may policy.May
	if err := s.register.Call(c, c.ID, "/insured-registry/may", policy.Request{Applicant: c.Caller.Person, Child: child(who)}, &may); err != nil {
		return web.Answer{}, err
	}
	have, _, err := store.Get(v, account)
	if err != nil {
		return web.Answer{}, err
	}
	answer := struct {
		Person  string        `json:"person"`
		Allowed bool          `json:"allowed"`
		Reason  policy.Reason `json:"reason,omitempty"`
		From    string        `json:"from,omitempty"`
		Code    string        `json:"code,omitempty"`
		Detail  string        `json:"detail,omitempty"`
		Article string        `json:"article"`
		Region  string        `json:"region"`
		SMO     string        `json:"smo,omitempty"`
	}{who, may.Allowed, may.Reason, may.From, may.Code, may.Detail, c.Text(article), may.Region, may.SMO}
	if have.Consents.Covers(who) != nil {
		answer.SMO = ""
	}
	return web.OK(answer)
}

// choice is what a citizen submits.
type choice struct {
	Person  string        `json:"person"`
	SMO     string        `json:"smo"`
	Reason  policy.Reason `json:"reason"`
	Region  string        `json:"region"`
	Address string        `json:"address"`
	Moved   calendar.Date `json:"moved"`
}

// maxAddress is the length of an address, in characters.
const maxAddress = 300

// check normalises the choice and names every wrong field; birth is the
// applicant's. Whether the law allows it is the register's to say.
func (q *choice) check(known directory.Directory, birth calendar.Date, now time.Time) error {
	var wrong []fault.Field
	note := func(name, code, ru, en string) { wrong = append(wrong, field(name, code, ru, en)) }
	q.Person = cmp.Or(q.Person, consent.Self)
	q.Address = strings.Join(strings.Fields(q.Address), " ")
	insurer, found := known.FindInsurer(q.SMO)
	switch {
	case q.SMO == "":
		note("smo", "required", "Выберите страховую.", "Choose an insurer.")
	case len(q.SMO) != 5 || strings.Trim(q.SMO, "0123456789") != "":
		note("smo", "smo_wrong", "Код страховой — пять цифр.", "An insurer's code has five digits.")
	case !found:
		note("smo", "smo_unknown", "Такой страховой нет в справочнике.", "The directory has no such insurer.")
	}
	if !slices.Contains([]policy.Reason{policy.First, policy.ByRight, policy.Moved, policy.ContractEnded}, q.Reason) {
		note("reason", "reason_unknown", "Причина: first, by_right, move или contract_ended.", "Reason: first, by_right, move or contract_ended.")
	}
	q.Region = cmp.Or(q.Region, insurer.Region)
	if _, ok := directory.FindRegion(q.Region); q.Region != "" && !ok {
		note("region", "region_unknown", "Нет региона с таким кодом.", "There is no region with this code.")
	}
	if q.Reason == policy.Moved {
		switch {
		case q.Address == "":
			note("address", "required", "Укажите новый адрес.", "Give the new address.")
		case !strings.ContainsFunc(q.Address, unicode.IsLetter):
			note("address", "address_wrong", "Напишите адрес: город, улицу и дом.", "Write the address: town, street and house.")
		default:
			wrong = append(wrong, text.CheckLine("address", q.Address, maxAddress)...)
		}
		switch {
		case q.Moved.IsZero():
			note("moved", "required", "Укажите дату переезда.", "Give the date of the move.")
		case q.Moved.After(calendar.Today(now, q.Region)):
			note("moved", "date_in_future", "Дата переезда ещё не наступила.", "The date of the move is in the future.")
		case q.Moved.Before(birth):
			note("moved", "date_wrong", "Дата раньше рождения.", "The date is before the birth.")
		}
	} else {
		if q.Address != "" {
			note("address", "not_expected", "Адрес нужен только при переезде в другой регион.", "An address is given only on moving to another region.")
		}
		if !q.Moved.IsZero() {
			note("moved", "not_expected", "Дата нужна только при переезде в другой регион.", "A date is given only on moving to another region.")
		}
	}
	if wrong != nil {
		return fault.Wrong(wrong...)
	}
	return nil
}

// asked is what an application asks of the register. The moment of the law is
// that of its submission, however late the register answers.
func asked(a application.Application) policy.Request {
	return policy.Request{Cause: a.ID, Submitted: a.Submitted, Applicant: a.Applicant, Child: child(a.Person), Choice: a.Choice}
}

// submit tries the choice first: what the law forbids is refused at once. While
// the register is silent the choice is kept.
func (s *selection) submit(c *web.Call) (web.Answer, error) {
	var q choice
	if err := c.Bind(&q); err != nil {
		return web.Answer{}, err
	}
	known, err := s.store.Directory(c)
	if err != nil {
		return web.Answer{}, err
	}
	now := s.law()
	if err := q.check(known, c.Caller.Person.Birth, now); err != nil {
		return web.Answer{}, err
	}
	if err := application.CheckApplicant(c.Caller.Person, calendar.Today(now, s.home)); err != nil {
		return web.Answer{}, err
	}
	key, err := c.IdempotencyKey()
	if err != nil {
		return web.Answer{}, err
	}
	id := ident.New(clock.System())
	a := application.Application{
		ID: id, Number: ident.Number(calendar.Today(now, q.Region).String(), id), Kind: application.Choose, Person: q.Person, Region: q.Region,
		Choice:    &policy.Choice{SMO: q.SMO, Reason: q.Reason, Region: q.Region, Address: q.Address, Moved: q.Moved},
		Applicant: c.Caller.Person,
	}
	a.Submitted = now
	var tried policy.Applied
	refusal := s.register.Call(c, c.ID, "/insured-registry/changes/try", asked(a), &tried)
	if fault.HasKind(refusal, fault.Unavailable) {
		refusal = nil
	}
	if refusal != nil { // who tried is in the audit, as is whose record it was
		if _, err := s.store.View(c, c.Grant, c.Caller.Account); err != nil {
			return web.Answer{}, err
		}
	} else {
		due, err := s.days.EndOfTerm(now, q.Region, s.term)
		if err != nil {
			return web.Answer{}, err
		}
		a = a.Begin(now, due, application.TextSubmitted)
	}
	once := s.store.OnceFor(c.Caller.Account, Name, key, c.Body)
	a, err = s.store.Submit(c, c.Grant, c.Caller.Account, once, store.Submission{
		Application: a, Topic: store.TopicChoice,
		Contacts: c.Contacts(),
		// A request sent again is answered as the first, whatever that has
		// changed since.
		Allow: func(_ *store.Tx, have cabinet.Account, a application.Application) (cabinet.Account, application.Application, error) {
			return have, a, refusal
		},
	})
	if err != nil {
		return web.Answer{}, err
	}
	return web.Accepted(a.View(c.Text, now))
}

// What the timeline says.
var (
	textChosen = fault.Text{RU: "Страховая выбрана, регистр записал её", EN: "The insurer is chosen and on record in the register"}
)

// outcome of asking the register once. Neither of the two is no answer, which
// says nothing about the person.
type outcome struct {
	done   bool
	refuse *application.Reason
}

// work takes one step with a choice: it is granted by rule, without anybody's
// decision. It is called by the queue and by cron, as often as they like.
func (s *selection) work(c *web.Call) (web.Answer, error) {
	var e store.Event
	if err := c.Bind(&e); err != nil {
		return web.Answer{}, err
	}
	grant := c.Grant.About(e.Home)
	a, _, found, err := s.store.Application(c, grant, e.Home, e.Subject)
	if err != nil {
		return web.Answer{}, err
	}
	now := s.law()
	var out outcome
	if found && a.MayStep(e.ID != "", now) {
		out = s.ask(c, a)
	}
	err = s.store.Advance(c, grant, e, now, nil,
		func(_ *store.Tx, a application.Application, have cabinet.Account) (application.Application, cabinet.Account, error) {
			a = a.Tried(out.done || out.refuse != nil, s.retry, now)
			var err error
			switch {
			case out.done:
				a, err = a.Move(application.Granted, now, textChosen)
			case out.refuse != nil:
				a, err = a.Move(application.Refused, now, application.TextRefused, *out.refuse)
			default:
				a, err = a.Move(application.Working, now, application.TextSilent)
			}
			return a, have, err
		})
	if err != nil {
		return web.Answer{}, err
	}
	return web.OK(map[string]string{"id": e.Subject})
}

// ask has the register make the choice. Whatever comes back beside its own
// refusals, from a gateway or from another version of it, is no verdict.
func (s *selection) ask(c *web.Call, a application.Application) outcome {
	var done policy.Applied
	err := s.register.Call(c, c.ID, "/insured-registry/changes", asked(a), &done)
	if err == nil {
		return outcome{done: true}
	}
	why := fault.From(err)
	if text, decided := policy.Refusal(why.Code); decided {
		return outcome{refuse: &application.Reason{Code: why.Code, Detail: nextFrom(text, why.From)}}
	}
	if why.Code == "person_not_found" && a.Person != consent.Self {
		return outcome{refuse: &application.Reason{Field: "person", Code: "not_represented", Detail: fault.Text{
			RU: "В регистре вы не записаны представителем этого ребёнка.",
			EN: "The register does not have you as this child's representative."}}}
	}
	for _, wrong := range why.Fields {
		if text, decided := wrongFields[wrong.Field+" "+wrong.Code]; decided {
			return outcome{refuse: &application.Reason{Field: wrong.Field, Code: wrong.Code, Detail: text}}
		}
	}
	return outcome{}
}

// wrongFields are the fields of a choice that the register may find wrong, by their
// codes.
var wrongFields = map[string]fault.Text{
	"smo smo_unknown": { // a directory imported since has it no more
		RU: "Такой страховой больше нет в справочнике. Выберите другую.",
		EN: "The directory has no such insurer any more. Choose another."},
	"moved date_wrong": { // a child's, whose date of birth the register knows
		RU: "Дата переезда раньше рождения. Проверьте её и подайте заявление заново.",
		EN: "The date of the move is before the birth. Check it and apply anew."},
}

// nextFrom adds the first day on which the choice will be allowed.
func nextFrom(text fault.Text, from string) fault.Text {
	day, err := calendar.ParseDate(from)
	if err != nil {
		return text
	}
	return fault.Text{
		RU: text.RU + " Следующая замена — с\u00a0" + day.Russian() + ".",
		EN: text.EN + " The next replacement is allowed from " + day.String() + "."}
}
