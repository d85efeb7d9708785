package function

import (
	"cmp"
	"time"

	"polis/shared/application"
	"polis/shared/cabinet"
	"polis/shared/calendar"
	"polis/shared/fault"
	"polis/shared/policy"
	"polis/shared/store"
	"polis/shared/web"
)

// What the timeline says.
var (
	textGranted = map[application.Kind]fault.Text{
		application.Suspend: {RU: "Одобрено. Полис приостановлен с\u00a0", EN: "Granted. The policy is suspended from "},
		application.Resume:  {RU: "Одобрено. Полис возобновлён с\u00a0", EN: "Granted. The policy is resumed from "},
		application.Restore: {RU: "Одобрено. Полис восстановлен с\u00a0", EN: "Granted. The policy is restored from "},
	}
	textToCome = map[application.Kind]fault.Text{
		application.Suspend: {RU: "Одобрено. Полис будет приостановлен с\u00a0", EN: "Granted. The policy will be suspended from "},
		application.Resume:  {RU: "Одобрено. Полис будет возобновлён с\u00a0", EN: "Granted. The policy will be resumed from "},
		application.Restore: {RU: "Одобрено. Полис будет восстановлен с\u00a0", EN: "Granted. The policy will be restored from "},
	}
	textCalledOff = fault.Text{RU: "Одобрено. Приостановление отменено, полис действует", EN: "Granted. The suspension is called off, the policy stays in force"}
)

// granted says what was done, or is to be on a later day than that of the
// decision; when that day comes nobody is needed any more.
func granted(a application.Application, done policy.Applied, now time.Time) fault.Text {
	if done.CalledOff {
		return textCalledOff
	}
	from, until := a.From, calendar.Date{}
	if a.Kind == application.Suspend {
		from, until = a.Suspension.From, a.Suspension.Until
	}
	text := textGranted[a.Kind]
	if from.After(calendar.Today(now, cmp.Or(done.Region, a.Region))) {
		text = textToCome[a.Kind]
	}
	text.RU, text.EN = text.RU+from.Russian(), text.EN+from.String()
	if !until.IsZero() {
		text.RU, text.EN = text.RU+" по\u00a0"+until.Russian(), text.EN+" to "+until.String()
	}
	return text
}

// outcome of asking the register once.
type outcome struct {
	asked  bool // false: it was not the time to
	done   *policy.Applied
	refuse *application.Reason // never, and why; neither of the two: no answer
}

// work takes one step with an application: asks the register to do it, and
// writes what came of it. A restoration is the fund's to decide first. It is
// called by the queue and by cron, as often as they like.
func (l *lifecycle) work(c *web.Call) (web.Answer, error) {
	var e store.Event
	if err := c.Bind(&e); err != nil {
		return web.Answer{}, err
	}
	grant := c.Grant.About(e.Home)
	a, _, found, err := l.store.Application(c, grant, e.Home, e.Subject)
	if err != nil {
		return web.Answer{}, err
	}
	now := l.law()
	var out outcome
	if found && a.MayStep(e.ID != "", now) && mayAsk(a) {
		out = l.ask(c, a)
	}
	err = l.store.Advance(c, grant, e, now, nil,
		func(_ *store.Tx, a application.Application, have cabinet.Account) (application.Application, cabinet.Account, error) {
			a, err := l.decide(a, out, now)
			return a, have, err
		})
	if err != nil {
		return web.Answer{}, err
	}
	return web.OK(map[string]string{"id": e.Subject})
}

// mayAsk reports whether the register is to be asked: a restoration has to be
// approved before.
func mayAsk(a application.Application) bool {
	return a.Kind != application.Restore || a.Review != nil && !a.AwaitsReview()
}

func (l *lifecycle) ask(c *web.Call, a application.Application) outcome {
	var done policy.Applied
	err := l.register.Call(c, c.ID, "/insured-registry/changes", asked(a), &done)
	if err == nil {
		return outcome{asked: true, done: &done}
	}
	code := fault.From(err).Code
	if text, decided := policy.Refusal(code); decided {
		return outcome{asked: true, refuse: &application.Reason{Code: code, Detail: text}}
	}
	return outcome{asked: true}
}

// decide moves the application by what came of the attempt. Silence says nothing
// about the person and ends nothing.
func (l *lifecycle) decide(a application.Application, out outcome, now time.Time) (application.Application, error) {
	switch {
	case a.Kind == application.Restore && a.Review == nil:
		return a.InReview(application.FundUnit, store.TopicLifecycle, now)
	case a.AwaitsReview():
		return a, nil
	case !out.asked: // decided meanwhile: the next step asks
		a.NextTry = now
		return a, nil
	}
	a = a.Tried(out.done != nil || out.refuse != nil, l.retry, now)
	switch {
	case out.done != nil:
		return a.Move(application.Granted, now, granted(a, *out.done, now))
	case out.refuse != nil:
		return a.Move(application.Refused, now, application.TextRefused, *out.refuse)
	}
	return a.Move(application.Working, now, application.TextSilent)
}
