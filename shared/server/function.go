package server

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"os"
	"runtime"
	"runtime/debug"
	"strconv"
	"sync/atomic"
	"time"

	handler "github.com/openfaas/templates-sdk/go-http"

	"polis/shared/fault"
)

// function serves one handler over HTTP. Nothing in it is shared between
// requests but atomics and the metrics, and a request costs no goroutine of
// its own.
type function struct {
	settings
	handler handler.FunctionHandler
	log     *slog.Logger
	metrics *metrics
	ready   atomic.Bool  // false before the start is complete and from the drain's first moment
	running atomic.Int64 // calls being answered now
}

func newFunction(s settings, h handler.FunctionHandler, log *slog.Logger) *function {
	f := &function{settings: s, handler: h, log: log}
	f.metrics = newMetrics(func() float64 { return float64(f.running.Load()) })
	return f
}

// ServeHTTP compares the two probe paths by hand: a ServeMux would redirect
// the "//" and ".." that Path promises to leave alone.
func (f *function) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	switch r.URL.Path {
	case "/_/health":
		_, err := os.Stat(f.lockPath)
		probe(w, r, err == nil)
		return
	case "/_/ready":
		full := f.maxInflight > 0 && f.running.Load() >= f.maxInflight
		probe(w, r, f.ready.Load() && !full)
		return
	}
	began := time.Now()
	status, whole := f.answer(w, r, began)
	f.metrics.observe(r.Method, status, time.Since(began))
	if !whole {
		Linger(w, r)
	}
}

func probe(w http.ResponseWriter, r *http.Request, ok bool) {
	switch {
	case r.Method != http.MethodGet && r.Method != http.MethodHead:
		w.Header().Set("Allow", "GET, HEAD")
		w.WriteHeader(http.StatusMethodNotAllowed)
	case !ok:
		w.WriteHeader(http.StatusServiceUnavailable)
	default:
		w.WriteHeader(http.StatusOK)
	}
}

// answer does one call and returns the status it answered with, and whether the
// body had been read by then.
func (f *function) answer(w http.ResponseWriter, r *http.Request, began time.Time) (status int, whole bool) {
	running := f.running.Add(1)
	defer f.running.Add(-1)
	id := callIDOf(r.Header)
	ctx := &call{parent: r.Context(), path: pathOf(r.URL), id: [1]string{id}}
	h := w.Header()
	h[callIDHeader] = ctx.id[:]

	hasBody := r.ContentLength != 0
	if hasBody {
		// Not http.Server.ReadTimeout: its deadline goes on while the function
		// works and would then cancel the request's context.
		http.NewResponseController(w).SetReadDeadline(began.Add(f.readTimeout))
	}
	if f.maxInflight > 0 && running > f.maxInflight {
		h.Set("Retry-After", "1")
		return f.refuse(w, r, ctx, http.StatusTooManyRequests, errOverloaded), !hasBody
	}
	var body []byte
	if hasBody {
		var err error
		if body, err = f.read(w, r); err != nil {
			// What is left of the body must not be taken for the next request.
			h.Set("Connection", "close")
			status, why := bodyFault(err)
			return f.refuse(w, r, ctx, status, why), false
		}
		http.NewResponseController(w).SetReadDeadline(time.Time{})
		began = time.Now() // what a slow client took is not the function's
	}

	ctx.at = began.Add(f.execTimeout)
	defer ctx.stop()
	req := handler.Request{Body: body, Header: r.Header, QueryString: r.URL.RawQuery, Method: r.Method, Host: r.Host}
	req.WithContext(ctx)
	res, err := f.handle(req)
	if err != nil {
		attrs := []any{"call_id", id, "error", err.Error()}
		if p := (*panicError)(nil); errors.As(err, &p) {
			attrs = append(attrs, "stack", string(p.stack))
		}
		f.log.Error("function failed", attrs...)
		return f.refuse(w, r, ctx, http.StatusInternalServerError, fault.From(nil)), true
	}

	return write(w, res), true
}

func write(w http.ResponseWriter, res handler.Response) int {
	h := w.Header()
	for name, values := range res.Header {
		if name != callIDHeader {
			h[name] = values
		}
	}
	if len(res.Body) > ownLength && h["Content-Length"] == nil {
		h["Content-Length"] = []string{strconv.Itoa(len(res.Body))}
	}
	w.WriteHeader(res.StatusCode)
	if len(res.Body) > 0 {
		w.Write(res.Body) // fails only when the client is gone
	}
	return res.StatusCode
}

// refuse answers in the handler's words, if it has any, or with a problem
// document, and returns the status.
func (f *function) refuse(w http.ResponseWriter, r *http.Request, ctx *call, status int, why *fault.Error) int {
	if own, ok := f.handler.(Refuser); ok {
		req := handler.Request{Header: r.Header, QueryString: r.URL.RawQuery, Method: r.Method, Host: r.Host}
		req.WithContext(ctx)
		if res, ok := f.own(own, req, why); ok {
			res.StatusCode = status
			w.Header().Set("Content-Length", strconv.Itoa(len(res.Body)))
			return write(w, res)
		}
	}
	return refuse(w, r, ctx.id[0], status, why)
}

// own asks the handler; one that panics at this too has no words.
func (f *function) own(h Refuser, req handler.Request, why *fault.Error) (res handler.Response, ok bool) {
	defer func() {
		if v := recover(); v != nil {
			p := &panicError{value: v, stack: debug.Stack()}
			f.log.Error("function failed to refuse", "call_id", CallID(req.Context()), "error", p.Error(), "stack", string(p.stack))
			ok = false
		}
	}()
	return h.Refuse(req, why)
}

// ownLength is up to where net/http finds a body's length by itself; a longer
// one it would send in chunks.
const ownLength = 2 << 10

// handle runs the handler. A panic is an error, and so is a status that HTTP
// does not have; no status means 200.
func (f *function) handle(req handler.Request) (res handler.Response, err error) {
	defer func() {
		if v := recover(); v != nil {
			err = &panicError{value: v, stack: debug.Stack()}
		}
	}()
	if res, err = f.handler.Handle(req); err != nil {
		return res, err
	}
	if res.StatusCode == 0 {
		res.StatusCode = http.StatusOK
	}
	if res.StatusCode < 200 || res.StatusCode > 599 {
		return res, fmt.Errorf("handler answered with status %d", res.StatusCode)
	}
	return res, nil
}

// firstBuffer is the most memory a mere Content-Length is given; the rest has
// to arrive first.
const firstBuffer = 64 << 10

// read reads the whole body. A declared length above the limit is refused
// before a byte is asked for, so a client that waits for "100 Continue" never
// sends it.
func (f *function) read(w http.ResponseWriter, r *http.Request) ([]byte, error) {
	if r.ContentLength > f.maxBody {
		return nil, &http.MaxBytesError{Limit: f.maxBody}
	}
	var body io.Reader = r.Body
	if r.ContentLength < 0 {
		body = http.MaxBytesReader(w, r.Body, f.maxBody)
	}
	// MinRead is the room in which ReadFrom sees the end without growing.
	size := min(max(r.ContentLength, 0), firstBuffer) + bytes.MinRead
	buffer := bytes.NewBuffer(make([]byte, 0, size))
	if _, err := buffer.ReadFrom(body); err != nil {
		return nil, err
	}
	return buffer.Bytes(), nil
}

func bodyFault(err error) (int, *fault.Error) {
	var large *http.MaxBytesError
	var network net.Error
	switch {
	case errors.As(err, &large):
		return http.StatusRequestEntityTooLarge, errBodyTooLarge
	case errors.As(err, &network) && network.Timeout():
		return http.StatusRequestTimeout, errBodyTooSlow
	}
	return http.StatusBadRequest, errBodyUnreadable
}

// panicError is a panic of the handler.
type panicError struct {
	value any
	stack []byte
}

// Error keeps the text of the runtime's own panics. Any other value may have
// been made of a person's data, so only its type reaches the log; the stack
// names the line.
func (p *panicError) Error() string {
	if e, ok := p.value.(runtime.Error); ok {
		return "panic: " + e.Error()
	}
	return fmt.Sprintf("panic with a %T", p.value)
}
