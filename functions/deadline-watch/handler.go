// Package function is deadline-watch: called by cron, it delivers what was lost
// on the way and what has come due by the law clock.
package function

import (
	"context"
	"sync"
	"sync/atomic"
	"time"

	handler "github.com/openfaas/templates-sdk/go-http"

	"polis/shared/access"
	"polis/shared/clock"
	"polis/shared/config"
	"polis/shared/gateway"
	"polis/shared/store"
	"polis/shared/web"
)

// Name of the function.
const Name = "deadline-watch"

const (
	budget      = 20 * time.Second // of one run; what is left waits for the next
	perPart     = 50               // events of one partition in one run
	concurrency = 8
)

type watch struct {
	store   *store.Store
	gateway *gateway.Client
	law     clock.Clock
}

// New makes the function from its settings.
func New(env *config.Env) (handler.FunctionHandler, error) {
	w := &watch{store: store.Open(env), gateway: gateway.Open(env, Name), law: env.Law}
	edge := web.Open(env, Name)
	if err := env.Err(); err != nil {
		return nil, err
	}
	// Cron has no login. Anybody may call it: it shows nothing, does only what
	// is due anyway, and one run at a time.
	return edge.With(web.Route{Method: "POST", Pattern: "/", Action: access.Sweep, Do: w.sweep}), nil
}

// sweep hands every due event to its consumer, not through the queue: the queue
// is what may have lost it.
func (w *watch) sweep(c *web.Call) (web.Answer, error) {
	mine, err := w.store.Lease(c, Name, budget)
	if err != nil {
		return web.Answer{}, err
	}
	var delivered, failed atomic.Int64
	if mine {
		defer w.store.Release(context.WithoutCancel(c), Name)
		due, err := w.store.Due(c, c.Grant, w.law(), perPart)
		if err != nil {
			return web.Answer{}, err
		}
		ctx, cancel := context.WithTimeout(c, budget)
		defer cancel()
		work := make(chan store.Event)
		var workers sync.WaitGroup
		for range concurrency {
			workers.Go(func() {
				for e := range work {
					if w.gateway.Deliver(ctx, c.ID, e.Topic, e) == nil {
						delivered.Add(1)
					} else {
						failed.Add(1)
					}
				}
			})
		}
		for _, e := range due {
			work <- e
		}
		close(work)
		workers.Wait()
	}
	return web.OK(map[string]any{"ran": mine, "delivered": delivered.Load(), "failed": failed.Load()})
}
