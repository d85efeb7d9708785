package function

import (
	"fmt"
	"regexp"

	"polis/shared/application"
	"polis/shared/fault"
	"polis/shared/review"
	"polis/shared/text"
	"polis/shared/web"
)

// decision is what a reviewer does with a case.
type decision struct {
	Action  string   `json:"action"`
	Reasons []reason `json:"reasons"`
}

type reason struct {
	Field  string `json:"field"`
	Code   string `json:"code"`
	Detail string `json:"detail"`
}

const take = "take"

// The longest texts of a reason, and how many there may be.
const (
	maxReasons = 20
	maxField   = 60
	maxDetail  = 500
)

var codes = regexp.MustCompile(`^[a-z][a-z0-9_]{0,59}$`)

// check names every wrong field. Whoever is refused or asked for something is
// told why.
func (q decision) check() error {
	var wrong []fault.Field
	note := func(field, code, ru, en string) {
		wrong = append(wrong, fault.Field{Field: field, Code: code, Detail: fault.Text{RU: ru, EN: en}})
	}
	switch q.Action {
	case take, string(application.Approved):
		if len(q.Reasons) > 0 {
			note("reasons", "not_expected", "Причины нужны только при отказе и вопросе.", "Only a refusal and a question have reasons.")
		}
	case string(application.Declined), string(application.Asked):
		switch n := len(q.Reasons); {
		case n == 0:
			note("reasons", "required", "Укажите хотя бы одну причину.", "Give at least one reason.")
		case n > maxReasons:
			note("reasons", "out_of_range", "Не больше 20 причин.", "At most 20 reasons.")
		}
	default:
		note("action", "action_unknown", "Действие: take, approve, refuse или ask.", "Action: take, approve, refuse or ask.")
	}
	for n, r := range q.Reasons {
		at := fmt.Sprintf("reasons.%d.", n)
		wrong = append(wrong, text.CheckLine(at+"field", r.Field, maxField)...)
		if !codes.MatchString(r.Code) {
			note(at+"code", "code_wrong", "Код: латинские строчные буквы, цифры и подчёркивания.", "Code: small Latin letters, digits and underscores.")
		}
		if r.Detail == "" {
			note(at+"detail", "required", "Напишите, что исправить.", "Say what has to be put right.")
		}
		wrong = append(wrong, text.CheckLines(at+"detail", r.Detail, maxDetail)...)
	}
	if wrong != nil {
		return fault.Wrong(wrong...)
	}
	return nil
}

// told are the reasons as the applicant reads them: a reviewer writes in one
// language.
func (q decision) told() []application.Reason {
	var all []application.Reason
	for _, r := range q.Reasons {
		all = append(all, application.Reason{Field: r.Field, Code: r.Code, Detail: fault.Text{RU: r.Detail, EN: r.Detail}})
	}
	return all
}

// act takes a case in hand, or decides it.
func (d *desk) act(c *web.Call) (web.Answer, error) {
	var q decision
	if err := c.Bind(&q); err != nil {
		return web.Answer{}, err
	}
	if err := q.check(); err != nil {
		return web.Answer{}, err
	}
	key, err := c.IdempotencyKey()
	if err != nil {
		return web.Answer{}, err
	}
	if c.Caller.Person.SNILS == "" { // nobody can say whether it is their own
		return web.Answer{}, errNoSNILS
	}
	of, _, err := d.open(c)
	if err != nil {
		return web.Answer{}, err
	}
	home, by := d.store.UnitID(of.Unit), c.Caller.Account
	if q.Action == take {
		now := d.machine()
		of, err = d.store.ChangeCase(c, c.Grant, home, of.ID, func(of review.Case, found bool) (review.Case, error) {
			if !found {
				return of, errNoCase
			}
			return of.Take(by, now, now.Add(d.hold))
		})
		if err != nil {
			return web.Answer{}, err
		}
		return web.OK(d.show(c, of))
	}
	now := d.law()
	once := d.store.OnceFor(by, Name+"/"+of.ID, key, c.Body)
	a, err := d.store.Decide(c, c.Grant.About(of.Account), of.Account, of.ID, once, func(a application.Application) (application.Application, error) {
		if err := of.MayDecide(by); err != nil {
			return a, err
		}
		return a.Decide(application.Verdict(q.Action), by, q.told(), now)
	})
	if err != nil {
		return web.Answer{}, err
	}
	// The event of the decision brings the case up to date in any case; at once,
	// so that the reviewer's next look at the inbox shows it done.
	after, err := d.store.ChangeCase(c, c.Grant, home, of.ID, func(of review.Case, _ bool) (review.Case, error) { return of.Of(of.Account, a), nil })
	if err != nil {
		after = of.Of(of.Account, a)
	}
	return web.OK(d.show(c, after))
}
