// Package function is policy-lifecycle: suspend the policy for a service, resume
// it, and have it restored after it ended.
package function

import (
	handler "github.com/openfaas/templates-sdk/go-http"

	"polis/shared/access"
	"polis/shared/application"
	"polis/shared/calendar"
	"polis/shared/clock"
	"polis/shared/config"
	"polis/shared/directory"
	"polis/shared/gateway"
	"polis/shared/store"
	"polis/shared/web"
)

// Name of the function.
const Name = "policy-lifecycle"

type lifecycle struct {
	store    *store.Store
	register *gateway.Client
	law      clock.Clock
	retry    application.Terms
	days     calendar.Workdays
	home     string                   // region of this installation
	terms    map[application.Kind]int // working days
	back     int                      // days for which a change may reach back
}

// New makes the function from its settings: lifecycle_term and restoration_term
// are in working days, lifecycle_back in days.
func New(env *config.Env) (handler.FunctionHandler, error) {
	l := &lifecycle{
		store: store.Open(env), register: gateway.Open(env, Name), law: env.Law,
		retry: application.DefaultTerms(), home: env.String("region", "26"),
		back: env.Int("lifecycle_back", 90, 0, 3650),
	}
	// What a person reports of a service is passed on within one working day; the
	// fund has three for its check, and one for the answer.
	term := env.Int("lifecycle_term", 1, 1, 60)
	l.terms = map[application.Kind]int{
		application.Suspend: term, application.Resume: term, application.Restore: env.Int("restoration_term", 4, 1, 60),
	}
	var err error
	if l.days, err = calendar.Default().With(env.String("workdays", "")); err != nil {
		env.Fault("workdays", "%v", err)
	}
	if _, ok := directory.FindRegion(l.home); !ok {
		env.Fault("region", "%q is not a region", l.home)
	}
	edge := web.Open(env, Name)
	if err := env.Err(); err != nil {
		return nil, err
	}
	l.store.OnCommit(func(e store.Event) { l.register.Kick(e.Topic, e) })
	return edge.With(
		web.Route{Method: "POST", Pattern: "/", Action: access.Apply, Do: l.submit},
		web.Route{Method: "POST", Pattern: "/work", Action: access.WorkApplication, Do: l.work},
	), nil
}
