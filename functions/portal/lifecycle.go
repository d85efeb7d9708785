package function

import (
	"net/http"
	"net/url"
	"slices"

	"polis/shared/application"
	"polis/shared/calendar"
	"polis/shared/consent"
	"polis/shared/fault"
	"polis/shared/policy"
	"polis/shared/web"
)

var lifecycleTitle = fault.Text{RU: "Приостановить, возобновить или восстановить полис", EN: "Suspend, resume or restore the policy"}

// lifecyclePage offers what fits the state of the policy; where that is not
// known, whatever one may come for.
type lifecyclePage struct {
	Minor                   bool
	Status                  policy.Shown // "": not known
	Text                    string
	Suspend, Resume, Revive bool // what is offered
	Renew                   bool // a policy that has expired is applied for anew
	Today                   calendar.Date
	Grounds                 []string
}

func (v *visit) lifecyclePage() lifecyclePage {
	today := calendar.Today(v.law(), v.region)
	page := lifecyclePage{Minor: !v.Who.Birth.IsZero() && v.Who.Birth.Age(today) < 18, Today: today, Grounds: policy.SuspensionGrounds}
	// Without consent, or while a part is away, the state is just not known: what
	// may be done the register says.
	if card, err := v.cardOf(consent.Self); err == nil {
		page.Status, page.Text = card.Status, card.Text
	}
	switch page.Status {
	case policy.ShownSuspended:
		page.Resume = true
	case policy.ShownInvalid:
		page.Revive = true
	case policy.ShownExpired:
		page.Renew = true
	case policy.ShownActive, policy.ShownNoInsurer:
		page.Suspend = true
	default:
		page.Suspend, page.Resume, page.Revive = true, true, true
	}
	return page
}

// lifecycle is where a policy is suspended, resumed or asked to be restored.
func (p *portal) lifecycle(v *visit) (web.Answer, error) {
	return v.show("suspend", lifecycleTitle, v.lifecyclePage())
}

// incomplete names what a suspension lacks before there is anything to confirm;
// the rest the service says of itself.
func incomplete(form url.Values) error {
	var wrong []fault.Field
	note := func(field, code, ru, en string) {
		wrong = append(wrong, fault.Field{Field: field, Code: code, Detail: fault.Text{RU: ru, EN: en}})
	}
	if !slices.Contains(policy.SuspensionGrounds, form.Get("ground")) {
		note("ground", "ground_unknown", "Выберите основание из списка.", "Choose a ground from the list.")
	}
	from, fromErr := calendar.ParseDate(form.Get("from"))
	if fromErr != nil {
		note("from", "required", "Укажите первый день службы.", "Give the first day of the service.")
	}
	if form.Get("until") != "" {
		switch until, err := calendar.ParseDate(form.Get("until")); {
		case err != nil:
			note("until", "date_wrong", "Укажите день из календаря.", "Give a day of the calendar.")
		case fromErr == nil && until.Before(from):
			note("until", "until_before_from", "Последний день раньше первого.", "The last day is before the first.")
		}
	}
	if wrong != nil {
		return fault.Wrong(wrong...)
	}
	return nil
}

// changeState submits what was chosen, a suspension once it is confirmed, and
// leads to its progress.
func (p *portal) changeState(v *visit) (web.Answer, error) {
	step := v.Form.Get("step")
	if v.Form.Get("action") == string(application.Suspend) && step != "confirmed" {
		page := v.lifecyclePage()
		page.Suspend = true
		if err := incomplete(v.Form); err != nil {
			return v.again(err, "suspend", lifecycleTitle, page)
		}
		if step == "back" {
			return v.typed("suspend", lifecycleTitle, page)
		}
		return v.typed("suspend-confirm", lifecycleTitle, page)
	}
	body := map[string]string{"person": consent.Self, "action": v.Form.Get("action")}
	for _, field := range []string{"ground", "from", "until"} {
		if value := v.Form.Get(field); value != "" {
			body[field] = value
		}
	}
	var made applicationAnswer
	if err := v.ask(http.MethodPost, "/policy-lifecycle", body, &made); err != nil {
		page := v.lifecyclePage()
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
