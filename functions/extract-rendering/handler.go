// Package function is extract-rendering: the extract from the register as PDF,
// made once for the same data, kept in the object store, downloaded here or by
// a short-lived link, or sent to its owner by e-mail.
package function

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"net/url"
	"time"

	handler "github.com/openfaas/templates-sdk/go-http"

	"polis/shared/access"
	"polis/shared/cabinet"
	"polis/shared/calendar"
	"polis/shared/clock"
	"polis/shared/config"
	"polis/shared/consent"
	"polis/shared/directory"
	"polis/shared/extract"
	"polis/shared/fault"
	"polis/shared/gateway"
	"polis/shared/ident"
	"polis/shared/objects"
	"polis/shared/policy"
	"polis/shared/store"
	"polis/shared/web"
)

// Name of the function.
const Name = "extract-rendering"

const (
	lease     = 30 * time.Second // machine clock: a rendering is given up after it
	poll      = 100 * time.Millisecond
	mediaType = "application/pdf"
)

type rendering struct {
	store     *store.Store
	objects   *objects.Store
	renderer  *extract.Renderer
	functions *gateway.Client
	law       clock.Clock
	machine   clock.Clock
	public    string
	host      string // of public: the right side of the message ids
	issuer    string
}

// New makes the function from its settings.
func New(env *config.Env) (handler.FunctionHandler, error) {
	r := &rendering{
		store: store.Open(env), objects: objects.Open(env), functions: gateway.Open(env, Name), law: env.Law, machine: clock.System,
		public: env.URL("public_url"), issuer: env.String("issuer_name", "Полис"),
	}
	edge := web.Open(env, Name)
	if err := env.Err(); err != nil {
		return nil, err
	}
	public, err := url.Parse(r.public)
	if err != nil {
		return nil, err
	}
	r.host = public.Hostname()
	if r.renderer, err = extract.New(); err != nil {
		return nil, err
	}
	r.store.OnCommit(func(e store.Event) { r.functions.Kick(e.Topic, e) })
	return edge.With(
		web.Route{Method: "POST", Pattern: "/", Action: access.RenderExtract, Do: r.make},
		web.Route{Method: "GET", Pattern: "/", Action: access.ReadExtract, Do: r.list},
		web.Route{Method: "GET", Pattern: "/{id}", Action: access.ReadExtract, Do: r.download},
		web.Route{Method: "GET", Pattern: "/{id}/link", Action: access.ReadExtract, Do: r.link},
		web.Route{Method: "POST", Pattern: "/{id}/send", Action: access.SendExtract, Do: r.send},
		web.Route{Method: "POST", Pattern: "/attachment", Action: access.AttachExtract, Do: r.attach},
		web.Route{Method: "POST", Pattern: "/settle", Action: access.EraseExtract, Do: r.settle},
	), nil
}

type request struct {
	Person string `json:"person"`
	Kind   string `json:"kind"`
	Format string `json:"format"`
}

func (q *request) check() error {
	var wrong []fault.Field
	if q.Person == "" {
		q.Person = consent.Self
	}
	if q.Kind != "extract" {
		wrong = append(wrong, fault.Field{Field: "kind", Code: "kind_unknown", Detail: fault.Text{
			RU: "Вид документа: extract.", EN: "Kind of document: extract."}})
	}
	if q.Format != "pdf" {
		wrong = append(wrong, fault.Field{Field: "format", Code: "format_unknown", Detail: fault.Text{
			RU: "Формат документа: pdf.", EN: "Format of the document: pdf."}})
	}
	if wrong != nil {
		return fault.Wrong(wrong...)
	}
	return nil
}

var (
	errNoPolicy = fault.New(fault.Conflict, "policy_not_loaded",
		"Данных о полисе в кабинете ещё нет. Запросите их, потом получите выписку.",
		"The cabinet has no data of the policy yet. Request them, then get the extract.").Suggesting("lookup")
	errStillRendering = fault.New(fault.Unavailable, "extract_rendering",
		"Выписка готовится. Повторите через несколько секунд.",
		"The extract is being made. Try again in a few seconds.").After(2 * time.Second)
)

// make renders an extract, or finds the one that shows the same data.
//
// The bytes lie in another store than the state, so this is the one place with
// a lease: the extract is first noted as rendering, with an event that erases
// its object unless it becomes ready in time; then the object is written; then
// the extract is made ready, if the consent and the lease still stand. A process
// that dies in between, or a consent revoked in between, leaves nothing behind.
func (r *rendering) make(c *web.Call) (web.Answer, error) {
	var q request
	if err := c.Bind(&q); err != nil {
		return web.Answer{}, err
	}
	if err := q.check(); err != nil {
		return web.Answer{}, err
	}
	deadline := r.machine().Add(lease / 3)
	for {
		got, err := r.reserve(c, q)
		if errors.Is(err, consent.ErrRequired) && q.Person != consent.Self {
			// Whether a child exists is told to its representatives only.
			var f policy.Finding
			if err := r.functions.Call(c, c.ID, "/insured-registry/find", policy.Question{Applicant: c.Caller.Person, Child: q.Person}, &f); err != nil {
				return web.Answer{}, err
			}
		}
		if err != nil {
			return web.Answer{}, err
		}
		switch {
		case got.Mine:
			ready, err := r.render(c, q, got)
			if err != nil {
				r.giveUp(c, got)
				return web.Answer{}, err
			}
			return r.answer(c, ready, web.Created)
		case got.Extract.State == cabinet.Ready:
			return r.answer(c, got.Extract, web.OK)
		}
		// Another call renders the very same.
		if r.machine().After(deadline) {
			return web.Answer{}, errStillRendering
		}
		select {
		case <-time.After(poll):
		case <-c.Done():
			return web.Answer{}, errStillRendering
		}
	}
}

// reserved is an extract to render, or one that another call has rendered or is
// rendering.
type reserved struct {
	Extract cabinet.Extract
	Card    policy.Card
	Epoch   int
	Settle  store.Event
	Mine    bool

	insurers directory.Directory // of the moment, for the insurer's contacts
}

func (r *rendering) reserve(c *web.Call, q request) (reserved, error) {
	home := c.Caller.Account
	account, copied := store.Account(home), store.Card(home, q.Person)
	now := r.law()
	insurers, err := r.store.Directory(c)
	if err != nil {
		return reserved{}, err
	}
	return store.Change(c, r.store, c.Grant, home, store.Once{}, []store.Ref{account.Ref, copied.Ref},
		func(tx *store.Tx) (reserved, error) {
			have, _, err := store.Get(tx.View, account)
			if err != nil {
				return reserved{}, err
			}
			if err := have.Consents.Covers(q.Person); err != nil {
				return reserved{}, err
			}
			card, found, err := store.Get(tx.View, copied)
			if err != nil {
				return reserved{}, err
			}
			if !found || q.Person != consent.Self && !card.OfChild(calendar.Today(now, card.Insurance.Region)) {
				return reserved{}, errNoPolicy
			}
			content, err := r.content(card, insurers, now)
			if err != nil {
				return reserved{}, err
			}
			same, known := have.Same(q.Person, q.Kind, q.Format, content)
			if known && (same.State == cabinet.Ready || r.machine().Before(same.Lease)) {
				return reserved{Extract: same}, nil
			}
			id := ident.New(r.machine())
			day := calendar.Today(now, card.Insurance.Region).String()
			e := cabinet.Extract{
				ID: id, Number: ident.Number(day, id), Code: ident.Secret(), Person: q.Person, Kind: q.Kind, Format: q.Format,
				Content: content, State: cabinet.Rendering, Lease: r.machine().Add(lease), Created: now,
			}
			if q.Person != consent.Self {
				e.Until = card.Person.Birth.AddYears(18).Start(calendar.Zone(card.Insurance.Region))
			}
			have, dropped := have.With(e)
			for _, old := range dropped {
				tx.Emit(store.Event{Topic: store.TopicSettle, Home: home, Subject: old.ID, Lane: old.ID}, 0)
			}
			settle := tx.Emit(store.Event{Topic: store.TopicSettle, Home: home, Subject: id, Lane: id}, lease)
			return reserved{Extract: e, Card: card, Epoch: have.Consents.Epoch(q.Person), Settle: settle, Mine: true, insurers: insurers}, store.Put(tx, account, have)
		})
}

// render draws, stores and publishes a reserved extract.
func (r *rendering) render(c *web.Call, q request, got reserved) (cabinet.Extract, error) {
	home, e := c.Caller.Account, got.Extract
	pdf, err := r.renderer.Render(r.page(e, got.Card, got.insurers))
	if err != nil {
		return e, err
	}
	if err := r.objects.Put(c, r.object(home, e.ID), mediaType, pdf); err != nil {
		return e, err
	}
	sum := sha256.Sum256(pdf)
	e.State, e.Lease, e.Bytes, e.SHA256 = cabinet.Ready, time.Time{}, len(pdf), hex.EncodeToString(sum[:])
	account := store.Account(home)
	_, err = store.Change(c, r.store, c.Grant, home, store.Once{}, []store.Ref{account.Ref},
		func(tx *store.Tx) (struct{}, error) {
			have, _, err := store.Get(tx.View, account)
			if err != nil {
				return struct{}{}, err
			}
			if err := have.Consents.Covers(q.Person); err != nil {
				return struct{}{}, err
			}
			if _, still := have.Find(e.ID); !still || have.Consents.Epoch(q.Person) != got.Epoch {
				return struct{}{}, errStale
			}
			tx.Acknowledge(got.Settle)
			have, _ = have.With(e)
			return struct{}{}, store.Put(tx, account, have)
		})
	switch {
	case errors.Is(err, errStale), errors.Is(err, consent.ErrRequired), errors.Is(err, store.ErrHandled):
		// Revoked or given up while we rendered. The event that was left for
		// this case would erase the object too; sooner is better.
		erase := r.objects.Delete(context.WithoutCancel(c), r.object(home, e.ID))
		if errors.Is(err, consent.ErrRequired) {
			return e, err
		}
		return e, errors.Join(errStale, erase)
	case err != nil:
		return e, err
	}
	return e, nil
}

// giveUp ends a reservation whose rendering failed, so that the next request
// need not wait for its lease. The event left for this case erases the object,
// now or, where the store does not answer either, later.
func (r *rendering) giveUp(c *web.Call, got reserved) {
	home, account := c.Caller.Account, store.Account(c.Caller.Account)
	store.Change(context.WithoutCancel(c), r.store, c.Grant, home, store.Once{}, []store.Ref{account.Ref},
		func(tx *store.Tx) (struct{}, error) {
			have, _, err := store.Get(tx.View, account)
			if err != nil {
				return struct{}{}, err
			}
			if e, there := have.Find(got.Extract.ID); !there || e.State == cabinet.Ready {
				return struct{}{}, nil // published after all, and only the answer was lost
			}
			return struct{}{}, store.Put(tx, account, have.Dropping(got.Extract.ID))
		})
}

var errStale = fault.New(fault.Conflict, "extract_superseded",
	"Пока выписка готовилась, данные изменились. Запросите её снова.",
	"The data changed while the extract was being made. Request it again.")

// settle ends an extract that did not become ready, and erases the bytes of one
// that is no longer the cabinet's.
func (r *rendering) settle(c *web.Call) (web.Answer, error) {
	var e store.Event
	if err := c.Bind(&e); err != nil {
		return web.Answer{}, err
	}
	grant, account := c.Grant.About(e.Home), store.Account(e.Home)
	// First the cabinet lets go of it, which a rendering that is only slow will
	// see; then the bytes go; then the event. So no extract is ever ready
	// without its bytes, and no bytes stay without their extract.
	kept, err := store.Change(c, r.store, grant, e.Home, store.Once{}, []store.Ref{account.Ref},
		func(tx *store.Tx) (bool, error) {
			tx.InTurn(e)
			have, _, err := store.Get(tx.View, account)
			if err != nil {
				return false, err
			}
			switch x, there := have.Find(e.Subject); {
			case !there:
				return false, nil
			case x.State == cabinet.Ready:
				return true, nil
			case r.machine().Before(x.Lease):
				return false, errStillRendering // too early: delivered again
			}
			return false, store.Put(tx, account, have.Dropping(e.Subject))
		})
	if err == nil && !kept {
		err = r.objects.Delete(c, r.object(e.Home, e.Subject))
	}
	if err == nil {
		err = r.store.Done(c, grant, e)
	}
	if err != nil && !errors.Is(err, store.ErrHandled) {
		return web.Answer{}, err
	}
	return web.OK(map[string]bool{"kept": kept})
}

// object is the opaque name of an extract's bytes.
func (r *rendering) object(home, id string) string { return r.store.Digest("object", home, id) }

// content is a digest of everything that the extract shows of the person.
func (r *rendering) content(card policy.Card, insurers directory.Directory, now time.Time) (string, error) {
	card.Warnings = nil
	shown := r.page(cabinet.Extract{Created: now}, card, insurers)
	shown.FormedAt = time.Time{}
	b, err := json.Marshal(shown)
	if err != nil {
		return "", err
	}
	return r.store.Digest("content", string(b)), nil
}
