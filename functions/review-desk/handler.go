// Package function is review-desk: the inbox of the staff of an insurer and of
// the fund, and what they decide. The cases follow the applications; a decision
// is a step of the application itself.
package function

import (
	"slices"
	"time"

	handler "github.com/openfaas/templates-sdk/go-http"

	"polis/shared/access"
	"polis/shared/application"
	"polis/shared/calendar"
	"polis/shared/clock"
	"polis/shared/config"
	"polis/shared/fault"
	"polis/shared/gateway"
	"polis/shared/policy"
	"polis/shared/review"
	"polis/shared/store"
	"polis/shared/web"
)

// Name of the function.
const Name = "review-desk"

type desk struct {
	store    *store.Store
	register *gateway.Client
	law      clock.Clock
	machine  clock.Clock
	hold     time.Duration // that a reviewer has a case in hand
}

// New makes the function from its settings.
func New(env *config.Env) (handler.FunctionHandler, error) {
	d := &desk{
		store: store.Open(env), register: gateway.Open(env, Name), law: env.Law, machine: clock.System,
		hold: env.Duration("review_hold", 30*time.Minute),
	}
	edge := web.Open(env, Name)
	if err := env.Err(); err != nil {
		return nil, err
	}
	d.store.OnCommit(func(e store.Event) { d.register.Kick(e.Topic, e) })
	return edge.With(
		web.Route{Method: "POST", Pattern: "/cases", Action: access.FollowCase, Do: d.follow},
		web.Route{Method: "POST", Pattern: "/rebuild", Action: access.RebuildCases, Do: d.rebuild},
		web.Route{Method: "GET", Pattern: "/", Action: access.ReadCases, Do: d.inbox},
		web.Route{Method: "GET", Pattern: "/{id}", Action: access.ReadCases, Do: d.read},
		web.Route{Method: "POST", Pattern: "/{id}", Action: access.DecideCase, Do: d.act},
	), nil
}

// unit whose cases the caller decides; "" for an insurer's staff whose login
// names no insurer, and who has none.
func unit(c access.Caller) string {
	switch {
	case c.Role == access.Fund:
		return application.FundUnit
	case c.Unit == application.FundUnit:
		return ""
	}
	return c.Unit
}

// view is a case in the inbox. Whose it is stands in the case itself, which not
// everybody opens.
type view struct {
	ID        string             `json:"id"`
	Number    string             `json:"number"`
	Kind      application.Kind   `json:"kind"`
	Status    application.Status `json:"status"`
	Submitted time.Time          `json:"submitted"`
	Due       time.Time          `json:"due"`
	Overdue   bool               `json:"overdue"`
	Taken     string             `json:"taken"` // nobody, you, another
}

const (
	byNobody  = "nobody"
	byYou     = "you"
	byAnother = "another"
)

func (d *desk) show(c *web.Call, of review.Case) view {
	zone := calendar.Zone(of.Region)
	v := view{
		ID: of.ID, Number: of.Number, Kind: of.Kind, Status: of.Status, Submitted: of.Submitted.In(zone), Due: of.Due.In(zone),
		Overdue: of.Open && d.law().After(of.Due), Taken: byNobody,
	}
	switch {
	case of.Taken.By == c.Caller.Account:
		v.Taken = byYou
	case of.TakenAt(d.machine()):
		v.Taken = byAnother
	}
	return v
}

// inbox is the open cases of the caller's unit, overdue ones first.
func (d *desk) inbox(c *web.Call) (web.Answer, error) {
	limit, err := c.Limit()
	if err != nil {
		return web.Answer{}, err
	}
	cases, next, err := d.store.Inbox(c, c.Grant, d.store.UnitID(unit(c.Caller)), c.Query.Get("next"), limit)
	if err != nil {
		return web.Answer{}, err
	}
	items := []view{}
	for _, of := range cases {
		items = append(items, d.show(c, of))
	}
	return web.List(items, next)
}

var (
	errNoCase = fault.New(fault.NotFound, "case_not_found",
		"Такого заявления у вас на рассмотрении нет.", "You have no such application to review.")
	errOwn = fault.New(fault.Forbidden, "own_case",
		"Своё заявление рассматривать нельзя.", "Nobody reviews their own application.")
	errNoSNILS = fault.New(fault.Forbidden, "reviewer_snils_missing",
		"Ваш вход не сообщает СНИЛС, и нельзя проверить, что заявление не ваше. Читать заявления можно, решать по ним нельзя. Попросите администратора добавить СНИЛС.",
		"Your login does not tell your SNILS, and so it cannot be checked that the application is not your own. You can read applications and not decide on them. Ask the administrator to add the SNILS.")
)

// open finds a case of the caller's unit with its application. To other units
// it does not exist, and nobody opens their own.
func (d *desk) open(c *web.Call) (review.Case, application.Application, error) {
	home := d.store.UnitID(unit(c.Caller))
	doc := store.Case(home, c.Segment("id"))
	v, err := d.store.View(c, c.Grant.About(home), home, doc.Ref)
	if err != nil {
		return review.Case{}, application.Application{}, err
	}
	of, found, err := store.Get(v, doc)
	if err == nil && !found {
		err = errNoCase
	}
	if err != nil {
		return of, application.Application{}, err
	}
	a, _, found, err := d.store.Application(c, c.Grant.About(of.Account), of.Account, of.ID)
	switch {
	case err != nil:
		return of, a, err
	case !found:
		return of, a, errNoCase
	case of.Account == c.Caller.Account, c.Caller.Person.SNILS != "" && (a.Applicant.SNILS == c.Caller.Person.SNILS || a.Child != nil && slices.Contains(a.Child.Parents, c.Caller.Person.SNILS)):
		return of, application.Application{}, errOwn
	}
	return of, a, nil
}

// read is a case with what it is decided by: the application, who applies, and
// what the register has of them. That is for the decision alone: what is decided
// has only its course.
func (d *desk) read(c *web.Call) (web.Answer, error) {
	of, a, err := d.open(c)
	if err != nil {
		return web.Answer{}, err
	}
	if !a.AwaitsReview() {
		a.Child, a.ENP = nil, ""
		return web.OK(map[string]any{"case": d.show(c, of), "application": a.View(c.Text, d.law())})
	}
	answer := map[string]any{
		"case": d.show(c, of), "application": a.View(c.Text, d.law()), "applicant": a.Applicant, "record": d.record(c, a),
	}
	if a.Child != nil {
		answer["child"] = a.Child
	}
	return web.OK(answer)
}

// record is what the register has of the applicant. Without an answer of the
// register the case can still be read.
type record struct {
	Answered bool           `json:"answered"`
	Status   policy.Shown   `json:"status,omitempty"`
	Text     string         `json:"text,omitempty"`
	ENP      string         `json:"enp,omitempty"`
	Changes  policy.Changes `json:"changes,omitempty"`
	Reasons  []string       `json:"reasons,omitempty"` // why there is nothing to see, by code
}

func (d *desk) record(c *web.Call, a application.Application) record {
	q := policy.Question{Applicant: a.Applicant, Unasked: true}
	if a.Child != nil {
		q.Child = a.Person
	}
	var f policy.Finding
	switch err := d.register.Call(c, c.ID, "/insured-registry/find", q, &f); {
	case fault.HasKind(err, fault.NotFound): // or another parent's: whose it is, the applicant is not told either
		return record{Answered: true, Reasons: []string{policy.NotInRegister}}
	case err != nil:
		return record{}
	}
	if f.Card == nil {
		return record{Answered: true, Reasons: f.Reasons}
	}
	today := calendar.Today(d.law(), f.Card.Insurance.Region)
	return record{
		Answered: true, Status: f.Card.Shown(today), Text: c.Text(f.Card.ShownText(today)), ENP: string(f.Card.ENP), Changes: f.Card.Changes,
	}
}

// follow brings the case of an application up to date. It is called by the queue
// and by cron, as often as they like.
func (d *desk) follow(c *web.Call) (web.Answer, error) {
	var e store.Event
	if err := c.Bind(&e); err != nil {
		return web.Answer{}, err
	}
	if err := d.project(c, e.Home, e.Subject); err != nil {
		return web.Answer{}, err
	}
	if err := d.store.Done(c, c.Grant, e); err != nil {
		return web.Answer{}, err
	}
	return web.OK(map[string]string{"id": e.Subject})
}

// project makes the case of an application as that now stands.
func (d *desk) project(c *web.Call, account, id string) error {
	a, _, found, err := d.store.Application(c, c.Grant.About(account), account, id)
	if err != nil || !found || a.Review == nil {
		return err
	}
	_, err = d.store.ChangeCase(c, c.Grant, d.store.UnitID(a.Review.Unit), id, func(of review.Case, _ bool) (review.Case, error) {
		return of.Of(account, a), nil
	})
	return err
}

// rebuild makes a page of the open cases anew, should any be lost; called with
// its next it does the one after.
func (d *desk) rebuild(c *web.Call) (web.Answer, error) {
	limit, err := c.Limit()
	if err != nil {
		return web.Answer{}, err
	}
	page, next, err := d.store.UnderReview(c, c.Grant, c.Query.Get("next"), limit)
	if err != nil {
		return web.Answer{}, err
	}
	made, failed := 0, []string{}
	for _, e := range page {
		switch err := d.project(c, e.Home, e.Subject); {
		case err == nil:
			made++
		case fault.HasKind(err, fault.Unavailable):
			return web.Answer{}, err // called again, it begins this page anew
		default:
			failed = append(failed, e.Subject)
		}
	}
	answer := map[string]any{"cases": made, "failed": failed}
	if next != "" {
		answer["next"] = next
	}
	return web.OK(answer)
}
