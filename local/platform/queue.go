package platform

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
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

// QueueFaults is what the queue does wrong beside having ten places. The zero
// value is nothing.
type QueueFaults struct {
	Drop   float64       // share of the calls, 0 to 1, that are accepted and never made
	Double float64       // share of the calls that are made twice
	Delay  time.Duration // the longest time that a call waits before it is made
	Seed   uint64        // the same calls in the same order have the same fate
}

func (f QueueFaults) check() error {
	if !(f.Drop >= 0 && f.Double >= 0 && f.Drop+f.Double <= 1) { // NaN is none of it
		return fmt.Errorf("queue faults: drop %v and double %v are not shares of one whole", f.Drop, f.Double)
	}
	if f.Delay < 0 {
		return fmt.Errorf("queue faults: delay %v is negative", f.Delay)
	}
	return nil
}

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

	mu     sync.Mutex
	faults QueueFaults
	dice   *rand.Rand
}

type job struct {
	delay    time.Duration
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

// fail makes the queue fail in this way from the next call on.
func (q *queue) fail(faults QueueFaults) error {
	if err := faults.check(); err != nil {
		return err
	}
	q.mu.Lock()
	defer q.mu.Unlock()
	q.faults, q.dice = faults, rand.New(rand.NewPCG(faults.Seed, 0))
	return nil
}

// fate is a delay for each time that a call is to be made.
func (q *queue) fate() []time.Duration {
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.faults == (QueueFaults{}) {
		return []time.Duration{0}
	}
	// Always three throws: what befalls one call changes nothing for the next.
	share, first, second := q.dice.Float64(), q.dice.Float64(), q.dice.Float64()
	delays := []time.Duration{q.faults.part(first), q.faults.part(second)}
	switch {
	case share < q.faults.Drop:
		return nil
	case share < q.faults.Drop+q.faults.Double:
		return delays
	}
	return delays[:1]
}

func (f QueueFaults) part(share float64) time.Duration {
	return time.Duration(share * float64(f.Delay))
}

// add reports false when the queue is full.
func (q *queue) add(j job) bool {
	for n, delay := range q.fate() {
		j.delay = delay
		select {
		case q.jobs <- j:
		default:
			return n > 0 // the second one was never asked for
		}
	}
	return true
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
					if j.delay > 0 {
						q.workers.Go(func() { q.putOff(ctx, j) })
					} else {
						q.do(ctx, j)
					}
				}
			}
		})
	}
}

// putOff brings a job back after its delay. Meanwhile it takes neither a place
// nor a worker.
func (q *queue) putOff(ctx context.Context, j job) {
	select {
	case <-ctx.Done():
		return
	case <-time.After(j.delay):
	}
	j.delay = 0
	select {
	case <-ctx.Done():
	case q.jobs <- j:
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
	request.Header = j.header.Clone() // a doubled call has the same
	request.Header.Del("X-Callback-Url")
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
