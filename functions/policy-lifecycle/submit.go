package function

import (
	"cmp"
	"slices"

	"polis/shared/application"
	"polis/shared/cabinet"
	"polis/shared/calendar"
	"polis/shared/clock"
	"polis/shared/consent"
	"polis/shared/fault"
	"polis/shared/ident"
	"polis/shared/policy"
	"polis/shared/store"
	"polis/shared/web"
)

// request is what a citizen submits.
type request struct {
	Person string           `json:"person"`
	Action application.Kind `json:"action"`
	Ground string           `json:"ground"`
	From   calendar.Date    `json:"from"`
	Until  calendar.Date    `json:"until"`
}

// check names every wrong field. A service is known of for a year ahead at most;
// what is over cannot be restored for days to come. Today is one of the days from
// first to last, while it is not known by which region's clock.
func (q *request) check(first, last calendar.Date, back int) error {
	var wrong []fault.Field
	note := func(field, code, ru, en string) {
		wrong = append(wrong, fault.Field{Field: field, Code: code, Detail: fault.Text{RU: ru, EN: en}})
	}
	if !slices.Contains([]application.Kind{application.Suspend, application.Resume, application.Restore}, q.Action) {
		note("action", "action_unknown", "Действие: suspend, resume или restore.", "Action: suspend, resume or restore.")
		return fault.Wrong(wrong...)
	}
	if q.Person = cmp.Or(q.Person, consent.Self); q.Person != consent.Self {
		note("person", "self_only", "Это заявление подают только за себя.", "This application is for oneself only.")
	}
	switch suspends := q.Action == application.Suspend; {
	case suspends && !slices.Contains(policy.SuspensionGrounds, q.Ground):
		note("ground", "ground_unknown", "Выберите основание из списка.", "Choose a ground from the list.")
	case !suspends && q.Ground != "":
		note("ground", "not_expected", "Для этого заявления поле не нужно.", "This application has no such field.")
	}
	ahead := last
	if q.Action != application.Restore {
		ahead = last.AddYears(1)
	}
	switch {
	case q.From.IsZero() && q.Action == application.Suspend:
		note("from", "required", "Укажите первый день службы.", "Give the first day of military service.")
	case !q.From.IsZero() && q.From.Before(first.AddDays(-back)):
		note("from", "date_too_early", "Дата слишком давняя. Обратитесь в территориальный фонд.", "The date is too long ago. Turn to the regional fund.")
	case q.From.After(ahead):
		note("from", "date_too_late", "Дата слишком далёкая. Проверьте её.", "The date is too far ahead. Check it.")
	}
	switch {
	case q.Until.IsZero():
	case q.Action != application.Suspend:
		note("until", "not_expected", "Для этого заявления поле не нужно.", "This application has no such field.")
	case q.Until.Before(q.From):
		note("until", "until_before_from", "Последний день раньше первого.", "The last day is before the first.")
	default:
		wrong = append(wrong, calendar.CheckForeseen("until", q.Until, last)...)
	}
	if wrong != nil {
		return fault.Wrong(wrong...)
	}
	return nil
}

// submit tries what is asked for first: what the law forbids is refused at once.
func (l *lifecycle) submit(c *web.Call) (web.Answer, error) {
	var q request
	if err := c.Bind(&q); err != nil {
		return web.Answer{}, err
	}
	now := l.law()
	first, last := calendar.Span(now)
	if err := q.check(first, last, l.back); err != nil {
		return web.Answer{}, err
	}
	if err := application.CheckApplicant(c.Caller.Person, last); err != nil {
		return web.Answer{}, err
	}
	key, err := c.IdempotencyKey()
	if err != nil {
		return web.Answer{}, err
	}
	id := ident.New(clock.System())
	a := application.Application{ID: id, Kind: q.Action, Person: q.Person, Applicant: c.Caller.Person, Submitted: now, From: q.From}
	if q.Action == application.Suspend {
		a.Suspension, a.From = &policy.Suspension{Ground: q.Ground, From: q.From, Until: q.Until}, calendar.Date{}
	} else if a.From.IsZero() {
		a.From = last
	}
	var stands policy.Applied
	attempt := asked(a)
	attempt.FromToday = q.Action != application.Suspend && q.From.IsZero() // whose region is not known yet
	refusal := l.register.Call(c, c.ID, "/insured-registry/changes/try", attempt, &stands)
	if fault.HasKind(refusal, fault.Unavailable) {
		refusal = nil // it is kept, and the register asked again
	}
	a.Region = cmp.Or(stands.Region, l.home)
	today := calendar.Today(now, a.Region)
	if stands.Region != "" {
		if err := q.check(today, today, l.back); err != nil {
			return web.Answer{}, err
		}
	}
	if q.Action != application.Suspend && q.From.IsZero() {
		a.From = today // by the clock of the region in which the person is insured
	}
	due, err := l.days.EndOfTerm(now, a.Region, l.terms[a.Kind])
	if err != nil {
		return web.Answer{}, err
	}
	a.Number = ident.Number(today.String(), id)
	once := l.store.OnceFor(c.Caller.Account, Name, key, c.Body)
	a, err = l.store.Submit(c, c.Grant, c.Caller.Account, once, store.Submission{
		Application: a.Begin(now, due, application.TextSubmitted), Topic: store.TopicLifecycle,
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

// asked is what an application asks of the register.
func asked(a application.Application) policy.Request {
	q := policy.Request{Cause: a.ID, Submitted: a.Submitted, Applicant: a.Applicant}
	switch a.Kind {
	case application.Suspend:
		q.Suspension = a.Suspension
	case application.Resume:
		q.Resume = a.From
	case application.Restore:
		q.Restore = a.From
	}
	return q
}
