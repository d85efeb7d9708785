// Package function is deadline-watch: called by cron, it delivers what was lost
// on the way and what has come due by the law clock. What could not be delivered
// lies here for an operator, to be read and replayed.
package function

import (
	"context"
	"math/rand/v2"
	"strings"
	"sync"
	"time"

	handler "github.com/openfaas/templates-sdk/go-http"

	"polis/shared/access"
	"polis/shared/clock"
	"polis/shared/config"
	"polis/shared/fault"
	"polis/shared/gateway"
	"polis/shared/ident"
	"polis/shared/store"
	"polis/shared/text"
	"polis/shared/web"
)

// Name of the function.
const Name = "deadline-watch"

// When all is well again after faults, all is done within a minute. What was in
// somebody's hands waits for its time first: 35 s at most, of a rendering that
// died (a lease of 30 s and the first wait of its event), 30 s of a delivery to a
// person (its lease), of an event that failed again and again (its longest wait)
// and of work that was put off. An application that met a silent register waits
// about as long as the silence had lasted. Meanwhile the process that follows one
// that was killed waits for the lease of its pass, 12 s. The steps after it, each
// kicked through the queue or, lost again, swept after 5 s, take the rest.
const (
	perPart     = 50               // events of one partition in one pass
	concurrency = 8                // deliveries at a time
	between     = time.Second      // two passes of a process
	passTime    = 8 * time.Second  // of one pass; what is left waits for the next
	leaseTime   = 12 * time.Second // a pass and some
)

type watch struct {
	store   *store.Store
	gateway *gateway.Client
	law     clock.Clock
}

// New makes the function from its settings. Cron calls once a minute, which is
// long to wait for a lost event: a process passes over everything each second by
// itself. A call is one pass, so that none is held.
func New(env *config.Env) (handler.FunctionHandler, error) {
	w := &watch{store: store.Open(env), gateway: gateway.Open(env, Name), law: env.Law}
	edge := web.Open(env, Name)
	if err := env.Err(); err != nil {
		return nil, err
	}
	w.store.OnCommit(func(e store.Event) { w.gateway.Kick(e.Topic, e) })
	return edge.With(
		// Cron has no login. Anybody may call it: it shows nothing, does only
		// what is due anyway, and of two calls at once the second does nothing.
		web.Route{Method: "POST", Pattern: "/", Action: access.Sweep, Do: w.sweep},
		web.Route{Method: "GET", Pattern: "/dead-letters", Action: access.ReadEvents, Do: w.deadLetters},
		web.Route{Method: "POST", Pattern: "/dead-letters/{id}", Action: access.ReplayEvents, Do: w.replay},
	).Between(access.Sweep, between, w.again), nil
}

// run is what a pass did.
type run struct {
	Ran       bool `json:"ran"` // false: another is under way
	Delivered int  `json:"delivered"`
	Failed    int  `json:"failed"`
}

// sweep passes when it is called for: beside the process's own pass, which may
// have begun by another time of the law clock, but not beside another call's.
func (w *watch) sweep(c *web.Call) (web.Answer, error) {
	did, err := w.run(c, Name+" called")
	if err != nil {
		return web.Answer{}, err
	}
	return web.OK(did)
}

// again is one of the passes of the process.
func (w *watch) again(c *web.Call) error {
	_, err := w.run(c, Name)
	return err
}

// run passes over everything, unless another does under this name.
func (w *watch) run(c *web.Call, name string) (did run, err error) {
	lease := w.store.Lease(name, leaseTime)
	if did.Ran, err = lease.Hold(c); err != nil || !did.Ran {
		return did, err
	}
	defer lease.Release(context.WithoutCancel(c))
	err = w.pass(c, &did)
	return did, err
}

// pass hands every due event to its consumer, not through the queue: the queue
// is what may have lost it. It goes in no fixed order, so that consumers that
// hang do not keep the same events from their turn each time.
func (w *watch) pass(c *web.Call, did *run) error {
	law := w.law()
	due, err := w.store.Due(c, c.Grant, law, perPart)
	if err != nil {
		return err
	}
	rand.Shuffle(len(due), func(i, j int) { due[i], due[j] = due[j], due[i] })
	// Who called and hung up does not cut short what is being handled.
	ctx, cancel := context.WithTimeout(context.WithoutCancel(c), passTime)
	defer cancel()
	work := make(chan store.Event)
	var workers sync.WaitGroup
	var mu sync.Mutex
	for range min(concurrency, len(due)) {
		workers.Go(func() {
			for e := range work {
				mine, err := w.store.Take(ctx, e, law)
				if err == nil && !mine {
					continue
				}
				if err == nil {
					err = w.gateway.Deliver(ctx, c.ID, e.Topic, e)
				}
				mu.Lock()
				if err == nil {
					did.Delivered++
				} else {
					did.Failed++
				}
				mu.Unlock()
			}
		})
	}
feed:
	for _, e := range due {
		select {
		case work <- e:
		case <-ctx.Done():
			break feed // the rest is as it was, for the next pass
		}
	}
	close(work)
	workers.Wait()
	return nil
}

func (w *watch) deadLetters(c *web.Call) (web.Answer, error) {
	limit, err := c.Limit()
	if err != nil {
		return web.Answer{}, err
	}
	letters, next, err := w.store.DeadLetters(c, c.Grant, c.Query.Get("next"), limit)
	if err != nil {
		return web.Answer{}, err
	}
	return web.List(letters, next)
}

const maxReason = 200 // characters

// replay delivers a dead letter again, for a reason that stays with it.
func (w *watch) replay(c *web.Call) (web.Answer, error) {
	var q struct {
		Home   string `json:"home"`
		Reason string `json:"reason"`
	}
	if err := c.Bind(&q); err != nil {
		return web.Answer{}, err
	}
	q.Reason = strings.TrimSpace(q.Reason)
	if q.Reason == "" || text.CheckLine("reason", q.Reason, maxReason) != nil {
		return web.Answer{}, fault.WrongField("reason", "reason_wrong",
			"Укажите причину, до 200 знаков в одну строку.", "Give the reason, up to 200 characters on one line.")
	}
	if _, ok := ident.Partition(q.Home); !ok {
		return web.Answer{}, fault.WrongField("home", "home_wrong", "Укажите, чьё это событие.", "Say whose event it is.")
	}
	if !ident.Valid(c.Segment("id")) {
		return web.Answer{}, store.ErrNoDeadLetter
	}
	e, err := w.store.Replay(c, c.Grant.About(q.Home), q.Home, c.Segment("id"), q.Reason)
	if err != nil {
		return web.Answer{}, err
	}
	return web.Accepted(e)
}
