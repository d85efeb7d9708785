package function

import (
	"cmp"
	"time"

	"polis/shared/application"
	"polis/shared/cabinet"
	"polis/shared/calendar"
	"polis/shared/clock"
	"polis/shared/consent"
	"polis/shared/directory"
	"polis/shared/doctor"
	"polis/shared/fault"
	"polis/shared/ident"
	"polis/shared/policy"
	"polis/shared/store"
	"polis/shared/web"
)

// recent bounds the applications that an examination looks at.
const recent = 50

// found is an examination as the citizen sees it.
type found struct {
	Person   string    `json:"person"`
	Text     string    `json:"text"`
	Findings []finding `json:"findings"`
	Repair   bool      `json:"repair"`
}

type finding struct {
	Code   string `json:"code"`
	Detail string `json:"detail"`
	Remedy remedy `json:"remedy"`
}

type remedy struct {
	Kind        doctor.RemedyKind   `json:"kind"`
	Operators   []consent.Operator  `json:"operators,omitempty"`
	From        time.Time           `json:"from,omitzero"`
	NextTry     time.Time           `json:"next_try,omitzero"`
	Until       time.Time           `json:"until,omitzero"`
	Application string              `json:"application,omitempty"`
	By          calendar.Date       `json:"by,omitzero"`
	DaysLeft    *int                `json:"days_left,omitempty"`
	Region      string              `json:"region,omitempty"`
	Insurer     *directory.Insurer  `json:"insurer,omitempty"`
	Fund        *directory.Fund     `json:"fund,omitempty"`
	Insurers    []directory.Insurer `json:"insurers,omitempty"`
}

// examine names every cause for which a person's policy does not show.
func (k *cards) examine(c *web.Call) (web.Answer, error) {
	who := cmp.Or(c.Query.Get("person"), consent.Self)
	facts, err := k.facts(c, who)
	if err != nil {
		return web.Answer{}, err
	}
	all := doctor.Examine(facts)
	text := fault.Text{RU: "Полис показывается, всё в порядке.", EN: "The policy shows, nothing is wrong."}
	if len(all) > 0 {
		text = fault.Text{RU: "Вот что мы нашли и что поможет. Начните с первого.", EN: "This is what we found and what helps. Begin with the first."}
	}
	answer := found{Person: who, Text: c.Text(text), Findings: []finding{}, Repair: doctor.MayRepair(all) == nil && running(all) == ""}
	for _, f := range all {
		answer.Findings = append(answer.Findings, finding{f.Code, c.Text(f.Detail), k.remedy(f.Remedy)})
	}
	return web.OK(answer)
}

// running is the repair under way that an examination found, "" for none.
func running(all []doctor.Finding) string {
	for _, f := range all {
		if f.Code == doctor.RepairUnderWay {
			return f.Remedy.Application
		}
	}
	return ""
}

func (k *cards) remedy(r doctor.Remedy) remedy {
	region := cmp.Or(r.Region, k.home)
	zone := calendar.Zone(region)
	made := remedy{
		Kind: r.Kind, Operators: r.Operators, From: r.From.In(zone), NextTry: r.NextTry.In(zone), Until: r.Until.In(zone),
		Application: r.Application, By: r.By, Region: r.Region, Insurer: r.Insurer, Fund: r.Fund, Insurers: r.Insurers,
	}
	if !r.By.IsZero() {
		left := daysLeft(r.By, calendar.Today(k.law(), region))
		made.DaysLeft = &left
	}
	return made
}

// daysLeft until the end of a day, 0 from its last day on.
func daysLeft(by, today calendar.Date) int {
	return max(0, int(by.Start(time.UTC).Sub(today.Start(time.UTC)).Hours()/24))
}

// facts gathers what an examination is made of. The register is asked only where
// consent covers it, and about a child in any case: whether there is one, its
// representatives alone are told.
func (k *cards) facts(c *web.Call, who string) (doctor.Facts, error) {
	ids, err := k.store.Page(c, c.Grant, store.Applications(c.Caller.Account), "", recent)
	if err != nil {
		return doctor.Facts{}, err
	}
	account, copied := store.Account(c.Caller.Account), store.Card(c.Caller.Account, who)
	reads := []store.Ref{account.Ref, copied.Ref}
	for _, id := range ids {
		reads = append(reads, store.Application(c.Caller.Account, id).Ref)
	}
	v, err := k.store.View(c, c.Grant, c.Caller.Account, reads...)
	if err != nil {
		return doctor.Facts{}, err
	}
	have, _, err := store.Get(v, account)
	if err != nil {
		return doctor.Facts{}, err
	}
	insurers, err := k.store.Directory(c)
	if err != nil {
		return doctor.Facts{}, err
	}
	f := doctor.Facts{
		Who: who, Account: c.Caller.Person, Consents: have.Consents, Wait: k.wait, Region: k.home, Directory: insurers, Now: k.law(),
	}
	card, shown, err := store.Get(v, copied)
	if err != nil {
		return doctor.Facts{}, err
	}
	covered := have.Consents.Covers(who) == nil
	if shown && covered && k.current(who, card) {
		f.Copy = &card
	}
	for _, id := range ids {
		a, found, err := store.Get(v, store.Application(c.Caller.Account, id))
		if err != nil {
			return doctor.Facts{}, err
		}
		if found && a.Person == who {
			f.Applications = append(f.Applications, a)
		}
	}
	q := policy.Question{Applicant: c.Caller.Person}
	if who != consent.Self {
		q.Child = who
	}
	if c.Caller.Person.SNILS == "" || who == consent.Self && !covered {
		return f, nil
	}
	f.Asked = true
	var answer policy.Finding
	switch err := k.register.Call(c, c.ID, "/insured-registry/find", q, &answer); {
	case err == nil:
		f.Answer = &answer
	case !fault.HasKind(err, fault.Unavailable):
		return doctor.Facts{}, err
	}
	return f, nil
}

// request names whose policy is to be repaired.
type request struct {
	Person string `json:"person"`
}

var textRepair = fault.Text{
	RU: "Заявление подано: вы просите отозвать согласия, дать их снова после ожидания и запросить полис",
	EN: "Submitted: you ask that the consents be withdrawn, given again after the wait, and the policy asked for",
}

// repair does what people were told to do by hand: it withdraws the consents,
// waits, gives them again and asks the register. The request is the consent to
// give them again, and each receipt says so. All but this first step happens
// without the person, as the agenda says, in policy-request: a consent given again
// is followed by the same tries, terms and answers as every search for a policy.
func (k *cards) repair(c *web.Call) (web.Answer, error) {
	var q request
	if err := c.Bind(&q); err != nil {
		return web.Answer{}, err
	}
	key, err := c.IdempotencyKey()
	if err != nil {
		return web.Answer{}, err
	}
	who := cmp.Or(q.Person, consent.Self)
	facts, err := k.facts(c, who)
	if err != nil {
		return web.Answer{}, err
	}
	now := facts.Now
	id := ident.New(clock.System())
	number := ident.Number(calendar.Today(now, k.home).String(), id)
	receipts := make([]string, len(consent.Needed(who)))
	for i := range receipts {
		receipts[i] = ident.New(clock.System())
	}
	a := application.Application{
		ID: id, Number: number, Kind: application.Repair, Person: who, What: []string{"attachment", "policy"},
		Region: k.home, Applicant: c.Caller.Person,
	}
	once := k.store.OnceFor(c.Caller.Account, Name+"/doctor", key, c.Body)
	a, err = k.store.Submit(c, c.Grant, c.Caller.Account, once, store.Submission{
		Application: a, Topic: store.TopicRequest, Reads: []store.Ref{store.Card(c.Caller.Account, who).Ref},
		Contacts: c.Contacts(),
		Allow: func(tx *store.Tx, have cabinet.Account, a application.Application) (cabinet.Account, application.Application, error) {
			facts := facts
			facts.Consents = have.Consents
			if err := doctor.MayRepair(doctor.Examine(facts)); err != nil {
				return have, a, err
			}
			if have.Consents, err = have.Consents.BeginRenewal(who, id, c.Text(consent.Withdrawn(number)), receipts, now); err != nil {
				return have, a, err
			}
			a.Epoch = have.Consents.Epoch(who)
			from := have.Consents.WaitsUntil(who, now, k.wait)
			if from.IsZero() {
				from = now
			}
			if a, err = a.Begin(now, from.Add(k.term), textRepair).Move(application.Working, now, k.waiting(from)); err != nil {
				return have, a, err
			}
			a.NextTry = from
			// The copy and every document made of it go in this very step.
			return store.EraseCopy(tx, c.Caller.Account, have, who), a, nil
		},
	})
	if err != nil {
		return web.Answer{}, err
	}
	return web.Accepted(a.View(c.Text, now))
}

func (k *cards) waiting(from time.Time) fault.Text {
	clock := from.In(calendar.Zone(k.home)).Format("15:04")
	return fault.Text{
		RU: "Согласия отозваны. Дадим их снова в\u00a0" + clock + " и запросим регистр. Страницу можно закрыть",
		EN: "The consents are withdrawn. They will be given again at\u00a0" + clock + " and the register asked. You can close the page",
	}
}
