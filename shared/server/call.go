package server

import (
	"context"
	"encoding/binary"
	"encoding/hex"
	"math/rand/v2"
	"net/http"
	"net/url"
	"sync"
	"time"
)

// The header that names one call through the gateway, its queue and every
// function on the way.
const callIDHeader = "X-Call-Id"

// callKey finds the call in a context.
type callKey struct{}

// call is the context of one call: what the SDK's Request has no field for, and
// a deadline that is put off until somebody asks, because the timer is the
// dearest part of a call and many a call ends without waiting for anything.
type call struct {
	parent context.Context // the request's; net/http cancels it when the answer is made
	path   string
	id     [1]string // as a header holds it
	at     time.Time // zero: the parent's deadline is the call's
	once   sync.Once
	timed  context.Context
	cancel context.CancelFunc
}

// WithCall returns a context that carries the path below the function and the
// call's id, as Serve gives it to a handler.
func WithCall(ctx context.Context, path, callID string) context.Context {
	return &call{parent: ctx, path: path, id: [1]string{callID}}
}

// Path is the path below the function. It begins with "/" and is decoded
// exactly once and cleaned of nothing: "//" and ".." stay as they came, and an
// encoded slash is a slash. A path is therefore compared, never resolved.
// Outside of a call it is "/".
func Path(ctx context.Context) string {
	if c, ok := ctx.Value(callKey{}).(*call); ok {
		return c.path
	}
	return "/"
}

// CallID is the id of the call: the caller's X-Call-Id if it is fit for a log
// line, else a fresh one. Outside of a call it is empty.
func CallID(ctx context.Context) string {
	if c, ok := ctx.Value(callKey{}).(*call); ok {
		return c.id[0]
	}
	return ""
}

// pathOf adds the slash that "CONNECT host" and "OPTIONS *" lack.
func pathOf(u *url.URL) string {
	if len(u.Path) > 0 && u.Path[0] == '/' {
		return u.Path
	}
	return "/" + u.Path
}

// callIDOf trusts a caller with the id only as far as it can do no harm in logs
// and in the headers of further calls. The id is no secret, so the fresh one
// needs to be unique and not unpredictable.
func callIDOf(h http.Header) string {
	if given := h[callIDHeader]; len(given) > 0 && fitForLog(given[0]) {
		return given[0]
	}
	var id [16]byte
	binary.NativeEndian.PutUint64(id[:8], rand.Uint64())
	binary.NativeEndian.PutUint64(id[8:], rand.Uint64())
	return hex.EncodeToString(id[:])
}

func fitForLog(id string) bool {
	if id == "" || len(id) > 64 {
		return false
	}
	for i := range len(id) {
		switch c := id[i]; {
		case 'a' <= c && c <= 'z', 'A' <= c && c <= 'Z', '0' <= c && c <= '9', c == '-', c == '_', c == '.', c == ':':
		default:
			return false
		}
	}
	return true
}

func (c *call) started() context.Context {
	c.once.Do(func() {
		c.timed, c.cancel = c.parent, func() {}
		if !c.at.IsZero() {
			c.timed, c.cancel = context.WithDeadline(c.parent, c.at)
		}
	})
	return c.timed
}

// stop lets the timer go. Who asks only afterwards gets the request's context,
// which has ended by then.
func (c *call) stop() {
	c.once.Do(func() { c.timed, c.cancel = c.parent, func() {} })
	c.cancel()
}

func (c *call) Deadline() (time.Time, bool) {
	if c.at.IsZero() {
		return c.parent.Deadline()
	}
	return c.at, true
}

func (c *call) Done() <-chan struct{} { return c.started().Done() }
func (c *call) Err() error            { return c.started().Err() }

// Value too has to come from the timed context, which contexts derived from
// this one look for through it.
func (c *call) Value(key any) any {
	if key == (callKey{}) {
		return c
	}
	return c.started().Value(key)
}
