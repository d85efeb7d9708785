// Package function is notify: it tells people of each step of their
// applications by e-mail and SMS; the history of it, and their preferences.
package function

import (
	"net/url"
	"time"

	handler "github.com/openfaas/templates-sdk/go-http"

	"polis/shared/access"
	"polis/shared/clock"
	"polis/shared/config"
	"polis/shared/fault"
	"polis/shared/gateway"
	"polis/shared/mail"
	"polis/shared/notice"
	"polis/shared/sms"
	"polis/shared/store"
	"polis/shared/web"
)

// Name of the function.
const Name = "notify"

type notices struct {
	store     *store.Store
	functions *gateway.Client
	law       clock.Clock
	machine   clock.Clock
	public    string
	host      string // of public: the right side of the message ids
	channels  map[notice.Channel]channel
	timeout   time.Duration // of one try
	tries     int
}

// New makes the function from its settings. A channel without settings is off.
// One try at a delivery takes up to send_timeout, and there are send_tries of
// them.
func New(env *config.Env) (handler.FunctionHandler, error) {
	n := &notices{
		store: store.Open(env), law: env.Law, machine: clock.System, public: env.URL("public_url"), channels: map[notice.Channel]channel{},
		timeout: env.Duration("send_timeout", 15*time.Second), tries: env.Int("send_tries", 40, 1, 100),
	}
	if s := mail.Open(env); s != nil {
		n.channels[notice.Email] = s
	}
	if s := sms.Open(env); s != nil {
		n.channels[notice.SMS] = s
	}
	n.functions = gateway.Open(env, Name)
	edge := web.Open(env, Name)
	if err := env.Err(); err != nil {
		return nil, err
	}
	public, err := url.Parse(n.public)
	if err != nil {
		return nil, err
	}
	n.host = public.Hostname()
	n.store.OnCommit(func(e store.Event) { n.functions.Kick(e.Topic, e) })
	return edge.With(
		web.Route{Method: "POST", Pattern: "/events", Action: access.DeliverNotice, Do: n.make},
		web.Route{Method: "POST", Pattern: "/introductions", Action: access.DeliverNotice, Do: n.introduce},
		web.Route{Method: "POST", Pattern: "/births", Action: access.DeliverNotice, Do: n.born},
		web.Route{Method: "POST", Pattern: "/lives", Action: access.DeliverNotice, Do: n.lives},
		web.Route{Method: "POST", Pattern: "/changes", Action: access.DeliverNotice, Do: n.changed},
		web.Route{Method: "POST", Pattern: "/deliver", Action: access.DeliverNotice, Do: n.deliver},
		web.Route{Method: "GET", Pattern: "/", Action: access.ReadNotices, Do: n.list},
		web.Route{Method: "GET", Pattern: "/export", Action: access.ReadNotices, Do: n.export},
		web.Route{Method: "GET", Pattern: "/preferences", Action: access.ReadNotices, Do: n.preferences},
		web.Route{Method: "PUT", Pattern: "/preferences", Action: access.ChangeNotices, Do: n.prefer},
	), nil
}

// preferred are the channels that the account has chosen.
func preferred(v *store.View, account string) (notice.Preferences, error) {
	p, chosen, err := store.Get(v, store.Preferences(account))
	if !chosen {
		p = notice.DefaultPreferences
	}
	return p, err
}

func (n *notices) preferences(c *web.Call) (web.Answer, error) {
	v, err := n.store.View(c, c.Grant, c.Caller.Account, store.Preferences(c.Caller.Account).Ref)
	if err != nil {
		return web.Answer{}, err
	}
	p, err := preferred(v, c.Caller.Account)
	if err != nil {
		return web.Answer{}, err
	}
	return web.OK(p)
}

// prefer sets the channels of notices to come.
func (n *notices) prefer(c *web.Call) (web.Answer, error) {
	var q struct {
		Email *bool `json:"email"`
		SMS   *bool `json:"sms"`
	}
	if err := c.Bind(&q); err != nil {
		return web.Answer{}, err
	}
	var wrong []fault.Field
	need := func(field string, value *bool) {
		if value == nil {
			wrong = append(wrong, fault.Field{Field: field, Code: "required", Detail: fault.Text{
				RU: "Укажите true или false.", EN: "Give true or false."}})
		}
	}
	need("email", q.Email)
	need("sms", q.SMS)
	if wrong != nil {
		return web.Answer{}, fault.Wrong(wrong...)
	}
	chosen, doc := notice.Preferences{Email: *q.Email, SMS: *q.SMS}, store.Preferences(c.Caller.Account)
	_, err := store.Change(c, n.store, c.Grant, c.Caller.Account, store.Once{}, []store.Ref{doc.Ref},
		func(tx *store.Tx) (struct{}, error) { return struct{}{}, store.Put(tx, doc, chosen) })
	if err != nil {
		return web.Answer{}, err
	}
	return web.OK(chosen)
}
