package function

import (
	"net/http"
	"net/url"
	"slices"

	"polis/shared/application"
	"polis/shared/calendar"
	"polis/shared/consent"
	"polis/shared/directory"
	"polis/shared/fault"
	"polis/shared/policy"
	"polis/shared/web"
)

var lifecycleTitle = fault.Text{RU: "Приостановить, возобновить или восстановить полис", EN: "Suspend, resume or restore the policy"}

// lifecyclePage offers what fits the state of the policy; where that is not
// known, whatever one may come for.
type lifecyclePage struct {
	Status                  policy.Shown // "": not known
	Text                    string
	Changing                *applicationAnswer // what was applied for already, and is under way
	Suspend, Resume, Revive bool               // what is offered
	CallOff                 string             // the suspension to come that may be called off, in words
	Renew                   bool               // a policy that is over may be applied for anew
	Fund                    *directory.Fund    // whom to turn to about a policy that has ended
	Today                   calendar.Date
	Grounds                 []string
	From, Until             calendar.Date // to confirm
	Draft                   string        // what is to be confirmed, to change it
}

func (v *visit) lifecyclePage() lifecyclePage {
	today := calendar.Today(v.law(), v.region)
	page := lifecyclePage{Today: today, Grounds: policy.SuspensionGrounds}
	// Without consent, or while a part is away, the state is just not known: what
	// may be done the register says.
	card, err := v.cardOf(consent.Self)
	if err == nil {
		page.Status, page.Text = card.Status, card.Text
		if card.Coming != nil && card.Coming.MayCallOff {
			page.CallOff = card.Coming.Text
		}
	}
	switch page.Status {
	case policy.ShownSuspended:
		page.Resume = true
	case policy.ShownInvalid:
		page.Renew, page.Fund = !card.Final(), card.Fund()
		over := !card.ValidUntil.IsZero() && card.ValidUntil.Before(today)
		page.Revive = page.Renew && !over
	case policy.ShownExpired:
		page.Renew = true
	case policy.ShownActive, policy.ShownNoInsurer:
		page.Suspend = page.CallOff == ""
	default:
		page.Suspend, page.Resume, page.Revive = true, true, true
	}
	if page.Changing = v.changing(); page.Changing != nil && page.Changing.Kind == application.Restore {
		page.Revive = false // there is one at a time
	}
	return page
}

// changing is the visitor's newest application under way that changes the state of
// their own policy; nil where there is none, or nobody can tell.
func (v *visit) changing() *applicationAnswer {
	var list applicationList
	if v.ask(http.MethodGet, "/policy-request?limit=50", nil, &list) != nil {
		return nil
	}
	i := slices.IndexFunc(list.Items, func(a applicationAnswer) bool { return a.Person == consent.Self && a.changes() && !a.Ended() })
	if i < 0 {
		return nil
	}
	return &list.Items[i]
}

// hopeless reports whether the refusal is one that nothing on the page avoids.
func hopeless(err error) bool {
	return slices.Contains([]string{policy.NotInRegister, policy.DeathRecorded}, fault.From(err).Code)
}

// without offers.
func (l lifecyclePage) without() lifecyclePage {
	l.Suspend, l.Resume, l.Revive, l.Renew = false, false, false, false
	return l
}

// lifecycle is where a policy is suspended, resumed or asked to be restored. Where
// no card tells of it, the register is asked whether there is one at all.
func (p *portal) lifecycle(v *visit) (web.Answer, error) {
	l := v.lifecyclePage()
	kept, err := v.held()
	if err != nil {
		return web.Answer{}, err
	}
	l.Suspend = l.Suspend || kept != nil
	if l.Status == "" && !v.minor() {
		if err := v.ask(http.MethodGet, "/smo-selection/allowed?person="+consent.Self, nil, nil); hopeless(err) {
			return v.again(err, "suspend", lifecycleTitle, l.without())
		}
	}
	return v.render200("suspend", &page{Title: v.Text(lifecycleTitle), Data: l, Typed: kept})
}

// confirmSuspension is where a suspension that was filled in is sent.
func (p *portal) confirmSuspension(v *visit) (web.Answer, error) {
	kept, err := v.held()
	if err != nil {
		return web.Answer{}, err
	}
	var l lifecyclePage
	if l.From, l.Until, err = v.term(kept); err != nil { // no draft any more, nor ever one that is wrong
		return v.to("/suspend")
	}
	l.Draft = v.Query.Get("draft")
	return v.render200("suspend-confirm", &page{Title: v.Text(lifecycleTitle), Data: l, Typed: kept})
}

// term reads the days of a suspension, and names what it lacks before there is
// anything to confirm; the rest the service says of itself.
func (v *visit) term(form url.Values) (from, until calendar.Date, err error) {
	from, wrong := dateOf(form, "from")
	until, unread := dateOf(form, "until")
	wrong = append(wrong, unread...)
	note := func(field, code, ru, en string) {
		wrong = append(wrong, fault.Field{Field: field, Code: code, Detail: fault.Text{RU: ru, EN: en}})
	}
	if !slices.Contains(policy.SuspensionGrounds, form.Get("ground")) {
		note("ground", "ground_unknown", "Выберите основание из списка.", "Choose a ground from the list.")
	}
	if form.Get("from") == "" {
		note("from", "required", "Укажите первый день службы.", "Give the first day of military service.")
	}
	if !from.IsZero() && !until.IsZero() && until.Before(from) {
		note("until", "until_before_from", "Последний день раньше первого.", "The last day is before the first.")
	}
	wrong = append(wrong, calendar.CheckForeseen("until", until, calendar.Today(v.law(), v.region))...)
	if wrong != nil {
		return from, until, fault.Wrong(wrong...)
	}
	return from, until, nil
}

// changeState submits what was chosen, a suspension once it is confirmed, and
// leads to its progress.
func (p *portal) changeState(v *visit) (web.Answer, error) {
	if v.Form.Get("action") == string(application.Suspend) && v.Form.Get("step") != "confirmed" {
		if _, _, err := v.term(v.Form); err != nil {
			page := v.lifecyclePage()
			page.Suspend = true
			return v.again(err, "suspend", lifecycleTitle, page)
		}
		token, err := v.hold()
		if err != nil {
			return web.Answer{}, err
		}
		return v.to("/suspend/confirm?draft=" + url.QueryEscape(token))
	}
	body := map[string]string{"person": consent.Self, "action": v.Form.Get("action")}
	if ground := v.Form.Get("ground"); ground != "" {
		body["ground"] = ground
	}
	var wrong []fault.Field
	for _, field := range []string{"from", "until"} {
		date, unread := dateOf(v.Form, field)
		if wrong = append(wrong, unread...); !date.IsZero() {
			body[field] = date.String()
		}
	}
	var made applicationAnswer
	var err error
	if wrong != nil {
		err = fault.Wrong(wrong...)
	} else {
		err = v.ask(http.MethodPost, "/policy-lifecycle", body, &made)
	}
	if err != nil {
		page := v.lifecyclePage()
		if hopeless(err) {
			return v.again(err, "suspend", lifecycleTitle, page.without())
		}
		switch application.Kind(body["action"]) { // what was sent stays on the page
		case application.Suspend:
			page.Suspend = true
		case application.Resume:
			page.Resume = true
		case application.Restore:
			page.Revive = true
		}
		return v.again(err, "suspend", lifecycleTitle, page)
	}
	return v.to("/requests/" + made.ID)
}

// Ground names a ground of a suspension.
func (p *page) Ground(code string) string { return p.Text(policy.SuspensionText(code)) }
