package storetest

import (
	"context"
	"errors"
	"io"

	"github.com/redis/go-redis/v9"
)

// disturbance stands between one call of the store and the server: it is given
// each round trip to make, and answers with its error. It travels in the
// context of the call, so that others use the same client undisturbed.
type disturbance func(send func() error) error

type disturbanceKey struct{}

func disturbed(ctx context.Context, d disturbance) context.Context {
	return context.WithValue(ctx, disturbanceKey{}, d)
}

// disturbable hooks a client where it talks to one server, below everything
// that a client of a Cluster does by itself.
func disturbable(rdb redis.UniversalClient) {
	if cluster, ok := rdb.(*redis.ClusterClient); ok {
		cluster.OnNewNode(func(node *redis.Client) { node.AddHook(hook{}) })
		return
	}
	rdb.AddHook(hook{})
}

type hook struct{}

func (hook) DialHook(next redis.DialHook) redis.DialHook { return next }

func (hook) ProcessHook(next redis.ProcessHook) redis.ProcessHook {
	return func(ctx context.Context, cmd redis.Cmder) error {
		return disturb(ctx, []redis.Cmder{cmd}, func(ctx context.Context) error { return next(ctx, cmd) })
	}
}

func (hook) ProcessPipelineHook(next redis.ProcessPipelineHook) redis.ProcessPipelineHook {
	return func(ctx context.Context, cmds []redis.Cmder) error {
		return disturb(ctx, cmds, func(ctx context.Context) error { return next(ctx, cmds) })
	}
}

func disturb(ctx context.Context, cmds []redis.Cmder, send func(ctx context.Context) error) error {
	d, ok := ctx.Value(disturbanceKey{}).(disturbance)
	if !ok {
		return send(ctx)
	}
	// A connection that has to be made for it first is not disturbed.
	err := d(func() error { return send(context.WithValue(ctx, disturbanceKey{}, nil)) })
	if errors.Is(err, errCut) {
		for _, cmd := range cmds {
			cmd.SetErr(err)
		}
	}
	return err
}

// errCut is how a client sees a connection that was cut.
var errCut = io.EOF

// cut breaks the connection at the n-th round trip: before the command was
// sent, or after it was done and before its answer came.
type cut struct {
	n     int
	after bool
	trips int
}

func (c *cut) disturb(send func() error) error {
	c.trips++
	if c.trips != c.n {
		return send()
	}
	if c.after {
		send()
	}
	return errCut
}

// reached reports whether the call came as far as the cut.
func (c *cut) reached() bool { return c.trips >= c.n }

// trips counts the round trips of a call.
func trips(ctx context.Context, call func(ctx context.Context)) int {
	var c cut
	call(disturbed(ctx, c.disturb))
	return c.trips
}

// halting is a call in a goroutine of its own that stops before each round trip
// until it is told to go on.
type halting struct {
	arrived, next, free, done chan struct{}
}

// halt starts the call and brings it to its first round trip.
func halt(ctx context.Context, call func(ctx context.Context)) *halting {
	h := &halting{
		arrived: make(chan struct{}), next: make(chan struct{}),
		free: make(chan struct{}), done: make(chan struct{}),
	}
	go func() {
		defer close(h.done)
		call(disturbed(ctx, h.disturb))
	}()
	h.await()
	return h
}

func (h *halting) disturb(send func() error) error {
	select {
	case h.arrived <- struct{}{}:
		select {
		case <-h.next:
		case <-h.free:
		}
	case <-h.free:
	}
	return send()
}

func (h *halting) await() {
	select {
	case <-h.arrived:
	case <-h.done:
	}
}

// advance lets the call make n round trips.
func (h *halting) advance(n int) {
	for range n {
		select {
		case h.next <- struct{}{}:
			h.await()
		case <-h.done:
			return
		}
	}
}

// finish lets the call run to its end.
func (h *halting) finish() {
	close(h.free)
	<-h.done
}
