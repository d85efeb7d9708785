// Package function is consent-toggle: a person's consents to the processing of
// personal data, granted, revoked, granted again, with receipts and history.
package function

import (
	"strings"
	"time"

	handler "github.com/openfaas/templates-sdk/go-http"

	"polis/shared/access"
	"polis/shared/cabinet"
	"polis/shared/clock"
	"polis/shared/config"
	"polis/shared/consent"
	"polis/shared/fault"
	"polis/shared/gateway"
	"polis/shared/ident"
	"polis/shared/policy"
	"polis/shared/store"
	"polis/shared/text"
	"polis/shared/web"
)

// Name of the function.
const Name = "consent-toggle"

type toggle struct {
	store    *store.Store
	register *gateway.Client
	law      clock.Clock
	wait     time.Duration
}

// New makes the function from its settings.
func New(env *config.Env) (handler.FunctionHandler, error) {
	t := &toggle{
		store: store.Open(env), register: gateway.Open(env, Name), law: env.Law,
		wait: env.Duration("consent_wait", consent.DefaultWait),
	}
	edge := web.Open(env, Name)
	if err := env.Err(); err != nil {
		return nil, err
	}
	t.store.OnCommit(func(e store.Event) { t.register.Kick(e.Topic, e) })
	return edge.With(
		web.Route{Method: "GET", Pattern: "/", Action: access.ReadConsents, Do: t.list},
		web.Route{Method: "POST", Pattern: "/", Action: access.ChangeConsents, Do: t.change},
		web.Route{Method: "GET", Pattern: "/receipts/{id}", Action: access.ReadConsents, Do: t.receipt},
	), nil
}

// view is a consent as the citizen sees it.
type view struct {
	consent.Consent
	Name string    `json:"operator_name"`
	From time.Time `json:"from,omitzero"` // the first moment at which it may be given again
}

func show(c *web.Call, item consent.Consent) view {
	return view{Consent: item, Name: c.Text(consent.Terms(item.Operator).Name)}
}

// standing is a consent as it stands at the moment.
func (t *toggle) standing(c *web.Call, item consent.Consent, now time.Time) view {
	v := show(c, item)
	v.From = item.WaitsUntil(now, t.wait)
	return v
}

func (t *toggle) account(c *web.Call) (cabinet.Account, error) {
	doc := store.Account(c.Caller.Account)
	v, err := t.store.View(c, c.Grant, c.Caller.Account, doc.Ref)
	if err != nil {
		return cabinet.Account{}, err
	}
	account, _, err := store.Get(v, doc)
	return account, err
}

// list shows the consents needed for oneself, given or not, and those given for
// children; then the history, newest first.
func (t *toggle) list(c *web.Call) (web.Answer, error) {
	account, err := t.account(c)
	if err != nil {
		return web.Answer{}, err
	}
	items, history, now := []view{}, []view{}, t.law()
	for _, op := range consent.Needed(consent.Self) {
		items = append(items, t.standing(c, account.Consents.Of(op, consent.Self), now))
	}
	for _, item := range account.Consents.Consents {
		if item.Person != consent.Self {
			items = append(items, t.standing(c, item, now))
		}
	}
	for i := len(account.Consents.History) - 1; i >= 0; i-- {
		history = append(history, show(c, account.Consents.History[i]))
	}
	return web.OK(map[string]any{"items": items, "history": history})
}

type request struct {
	Operator consent.Operator `json:"operator"`
	Person   string           `json:"person"`
	Action   string           `json:"action"`
	Reason   string           `json:"reason"`
}

const maxReason = 500 // characters

func (r *request) check() error {
	var wrong []fault.Field
	note := func(field, code, ru, en string) {
		wrong = append(wrong, fault.Field{Field: field, Code: code, Detail: fault.Text{RU: ru, EN: en}})
	}
	if r.Operator != consent.FFOMS && r.Operator != consent.Mincifry {
		note("operator", "operator_unknown", "Кому даётся согласие: ffoms или mincifry.", "Whom the consent is for: ffoms or mincifry.")
	}
	if r.Person == "" {
		r.Person = consent.Self
	}
	r.Reason = strings.TrimSpace(r.Reason)
	switch r.Action {
	case "grant":
		if r.Reason != "" {
			note("reason", "not_expected", "Причину указывают только при отзыве.", "A reason is given only when revoking.")
		}
	case "revoke":
		switch {
		case r.Reason == "":
			note("reason", "required", "Укажите причину отзыва.", "Give the reason for revoking.")
		default:
			wrong = append(wrong, text.CheckLines("reason", r.Reason, maxReason)...)
		}
	default:
		note("action", "action_unknown", "Действие: grant — дать, revoke — отозвать.", "Action: grant or revoke.")
	}
	if wrong != nil {
		return fault.Wrong(wrong...)
	}
	return nil
}

func (t *toggle) change(c *web.Call) (web.Answer, error) {
	var r request
	if err := c.Bind(&r); err != nil {
		return web.Answer{}, err
	}
	if err := r.check(); err != nil {
		return web.Answer{}, err
	}
	key, err := c.IdempotencyKey()
	if err != nil {
		return web.Answer{}, err
	}
	if r.Person != consent.Self && r.Action == "grant" {
		// A child's id is worth something to its representatives only. What was
		// granted is revoked without asking anybody.
		var finding policy.Finding
		q := policy.Question{Applicant: c.Caller.Person, Child: r.Person}
		if err := t.register.Call(c, c.ID, "/insured-registry/find", q, &finding); err != nil {
			return web.Answer{}, err
		}
	}
	once := t.store.OnceFor(c.Caller.Account, Name, key, c.Body)
	account, card := store.Account(c.Caller.Account), store.Card(c.Caller.Account, r.Person)
	contacts := c.Contacts()
	now, receipt := t.law(), ident.New(clock.System())
	item, err := store.Change(c, t.store, c.Grant, c.Caller.Account, once, []store.Ref{account.Ref, card.Ref},
		func(tx *store.Tx) (consent.Consent, error) {
			have, _, err := store.Get(tx.View, account)
			if err != nil {
				return consent.Consent{}, err
			}
			var item consent.Consent
			renewal := have.Consents.Renewal(r.Person)
			if r.Action == "grant" {
				have.Consents, item, err = have.Consents.Grant(r.Operator, r.Person, receipt, now, t.wait)
			} else {
				have.Consents, item, err = have.Consents.Revoke(r.Operator, r.Person, r.Reason, receipt, now)
			}
			if err != nil {
				return item, err
			}
			if r.Action == "revoke" && renewal != "" {
				// The application that was to give it again learns of it at once.
				tx.Emit(store.Event{Topic: store.TopicRequest, Home: c.Caller.Account, Subject: renewal, Lane: renewal}, 0)
				if item.Receipt != receipt {
					return item, store.Put(tx, account, have)
				}
			}
			if item.Receipt != receipt {
				return item, nil // stands already
			}
			if r.Action == "revoke" {
				// The copy and every document made of it go in this very step;
				// the documents' bytes follow at once by the event.
				have = store.EraseCopy(tx, c.Caller.Account, have, r.Person)
			}
			have = store.Meet(tx, c.Caller.Account, have, c.Caller.Person.SNILS, contacts)
			return item, store.Put(tx, account, have)
		})
	if err != nil {
		return web.Answer{}, err
	}
	return web.OK(t.standing(c, item, item.Since)) // the same when it is asked for again
}

// receipt shows what exactly was agreed to, or withdrawn.
func (t *toggle) receipt(c *web.Call) (web.Answer, error) {
	account, err := t.account(c)
	if err != nil {
		return web.Answer{}, err
	}
	item, ok := account.Consents.Receipt(c.Segment("id"))
	if !ok {
		return web.Answer{}, fault.New(fault.NotFound, "receipt_not_found", "Такой квитанции нет.", "There is no such receipt.")
	}
	terms, version := item.Wording()
	return web.OK(map[string]any{
		"consent": show(c, item), "terms_version": version, "subject": c.Caller.Person.Name.Full(),
		"purpose": c.Text(terms.Purpose), "data": c.Text(terms.Data), "actions": c.Text(terms.Actions),
		"term": c.Text(terms.Term), "withdrawal": c.Text(terms.Withdrawal),
	})
}
