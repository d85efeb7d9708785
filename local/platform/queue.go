package platform

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"net"
	"net/http"
	"net/url"
	"strconv"
	"sync"
	"syscall"
	"time"
)

const (
	// CE's queue lives in memory, ten deep.
	queueDepth = 10
	// Four calls that wait for something slow do not hold up the rest, and a
	// burst still meets a full queue as it would on CE.
	queueWorkers = 4

	callbackTimeout = 10 * time.Second
)

// queue holds calls that nobody waits for. It is as weak as CE's on purpose: a
// job is tried once, an error drops it, and so does the end of the process.
// Whoever cannot afford that keeps its own record.
type queue struct {
	jobs     chan job
	base     string // of the gateway
	log      *slog.Logger
	invoke   *http.Client
	callback *http.Client
	workers  sync.WaitGroup
}

type job struct {
	id       string
	function string
	target   string // path and query below the function
	header   http.Header
	body     []byte
}

// newQueue takes jobs at once and works on them, through the gateway at base,
// from run on.
func newQueue(base string, log *slog.Logger) *queue {
	stay := func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	near := &net.Dialer{Timeout: callbackTimeout, Control: loopbackOnly}
	return &queue{
		jobs:   make(chan job, queueDepth),
		base:   base,
		log:    log,
		invoke: &http.Client{Timeout: callTimeout, CheckRedirect: stay},
		callback: &http.Client{
			Timeout: callbackTimeout, CheckRedirect: stay, Transport: &http.Transport{DialContext: near.DialContext},
		},
	}
}

// loopbackOnly keeps callbacks on this machine. It sees the address that is
// really connected to, whatever a name resolved to.
func loopbackOnly(_, address string, _ syscall.RawConn) error {
	host, _, err := net.SplitHostPort(address)
	if err != nil {
		return err
	}
	if !net.ParseIP(host).IsLoopback() {
		return errors.New("callbacks go to loopback addresses only")
	}
	return nil
}

// add reports false when the queue is full.
func (q *queue) add(j job) bool {
	select {
	case q.jobs <- j:
		return true
	default:
		return false
	}
}

// run works on jobs until ctx ends; wait returns when the last worker has let go
// of its job.
func (q *queue) run(ctx context.Context) {
	for range queueWorkers {
		q.workers.Go(func() {
			for {
				select {
				case <-ctx.Done():
					return
				case j := <-q.jobs:
					q.do(ctx, j)
				}
			}
		})
	}
}

func (q *queue) wait() { q.workers.Wait() }

func (q *queue) do(ctx context.Context, j job) {
	began := time.Now()
	log := q.log.With("function", j.function, "call_id", j.id)
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, q.base+"/function/"+url.PathEscape(j.function)+j.target, bytes.NewReader(j.body))
	if err != nil {
		log.Warn("async call dropped", "cause", err)
		return
	}
	callback := j.header.Get("X-Callback-Url")
	j.header.Del("X-Callback-Url")
	request.Header = j.header
	answer, err := q.invoke.Do(request)
	if err != nil {
		log.Warn("async call dropped", "cause", err)
		return
	}
	defer answer.Body.Close()
	if answer.StatusCode >= 400 {
		log.Warn("async call dropped", "status", answer.StatusCode)
	}
	if callback == "" {
		return
	}
	if err := q.callBack(ctx, callback, j, answer, time.Since(began)); err != nil {
		log.Warn("callback dropped", "cause", err)
	}
}

// callBack delivers an answer; whatever the other side says to it is final.
func (q *queue) callBack(ctx context.Context, to string, j job, answer *http.Response, took time.Duration) error {
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, to, answer.Body)
	if err != nil {
		return err
	}
	request.ContentLength = answer.ContentLength
	for _, name := range []string{"Content-Type", "Content-Language"} {
		if value := answer.Header.Get(name); value != "" {
			request.Header.Set(name, value)
		}
	}
	request.Header.Set(callIDHeader, j.id)
	request.Header.Set("X-Function-Name", j.function)
	request.Header.Set("X-Function-Status", strconv.Itoa(answer.StatusCode))
	request.Header.Set("X-Duration-Seconds", strconv.FormatFloat(took.Seconds(), 'f', 6, 64))
	reply, err := q.callback.Do(request)
	if err != nil {
		return err
	}
	return reply.Body.Close()
}
