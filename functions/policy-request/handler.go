// Package function is policy-request: show my policy, link a number typed by
// hand, a first policy; the list and the timeline of all applications.
package function

import (
	"time"

	handler "github.com/openfaas/templates-sdk/go-http"

	"polis/shared/access"
	"polis/shared/application"
	"polis/shared/calendar"
	"polis/shared/clock"
	"polis/shared/config"
	"polis/shared/consent"
	"polis/shared/directory"
	"polis/shared/gateway"
	"polis/shared/policy"
	"polis/shared/store"
	"polis/shared/web"
)

// Name of the function.
const Name = "policy-request"

type requests struct {
	store    *store.Store
	register *gateway.Client
	law      clock.Clock
	terms    application.Terms
	years    policy.Stages // of contributions, for a temporarily staying worker
	review   int           // working days in which the fund's staff decide on a first policy
	wait     time.Duration // before a consent may be given again
	days     calendar.Workdays
	home     string
}

// New makes the function from its settings.
func New(env *config.Env) (handler.FunctionHandler, error) {
	r := &requests{
		store: store.Open(env), register: gateway.Open(env, Name), law: env.Law,
		terms: application.DefaultTerms(), home: env.String("region", "26"),
	}
	r.wait = env.Duration("consent_wait", consent.DefaultWait)
	// The fund has three days for its check, and one for the answer.
	r.review = env.Int("first_policy_review_term", 4, 1, 60)
	var err error
	if r.years, err = policy.ParseStages(env.String("contribution_years", policy.DefaultContributions)); err != nil {
		env.Fault("contribution_years", "%v", err)
	}
	if r.days, err = calendar.Default().With(env.String("workdays", "")); err != nil {
		env.Fault("workdays", "%v", err)
	}
	r.terms.Lookup = env.Duration("lookup_term", r.terms.Lookup)
	if _, ok := directory.FindRegion(r.home); !ok {
		env.Fault("region", "%q is not a region", r.home)
	}
	edge := web.Open(env, Name)
	if err := env.Err(); err != nil {
		return nil, err
	}
	r.store.OnCommit(func(e store.Event) { r.register.Kick(e.Topic, e) })
	return edge.With(
		web.Route{Method: "POST", Pattern: "/", Action: access.Apply, Do: r.submit},
		web.Route{Method: "GET", Pattern: "/", Action: access.ReadApplications, Do: r.list},
		web.Route{Method: "GET", Pattern: "/{id}", Action: access.ReadApplications, Do: r.read},
		web.Route{Method: "POST", Pattern: "/work", Action: access.WorkApplication, Do: r.work},
		web.Route{Method: "POST", Pattern: "/report", Action: access.RemindReport, Do: r.remind},
		web.Route{Method: "POST", Pattern: "/refresh", Action: access.RefreshCopy, Do: r.refresh},
		web.Route{Method: "POST", Pattern: "/forget", Action: access.RefreshCopy, Do: r.forget},
	), nil
}

func (r *requests) read(c *web.Call) (web.Answer, error) {
	a, _, found, err := r.store.Application(c, c.Grant, c.Caller.Account, c.Segment("id"))
	if err != nil {
		return web.Answer{}, err
	}
	if !found {
		return web.Answer{}, store.ErrNoApplication
	}
	insurers, err := r.store.Directory(c)
	if err != nil {
		return web.Answer{}, err
	}
	return web.OK(r.show(c, a, insurers, r.law()))
}

func (r *requests) list(c *web.Call) (web.Answer, error) {
	limit, err := c.Limit()
	if err != nil {
		return web.Answer{}, err
	}
	ids, err := r.store.Page(c, c.Grant, store.Applications(c.Caller.Account), c.Query.Get("next"), limit)
	if err != nil {
		return web.Answer{}, err
	}
	reads := make([]store.Ref, len(ids))
	for i, id := range ids {
		reads[i] = store.Application(c.Caller.Account, id).Ref
	}
	v, err := r.store.View(c, c.Grant, c.Caller.Account, reads...)
	if err != nil {
		return web.Answer{}, err
	}
	insurers, err := r.store.Directory(c)
	if err != nil {
		return web.Answer{}, err
	}
	items := []application.View{}
	for _, id := range ids {
		a, found, err := store.Get(v, store.Application(c.Caller.Account, id))
		if err != nil {
			return web.Answer{}, err
		}
		if found {
			items = append(items, r.show(c, a, insurers, r.law()))
		}
	}
	if len(ids) < limit {
		return web.List(items, "")
	}
	return web.List(items, ids[limit-1])
}
