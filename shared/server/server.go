// Package server meets OpenFaaS's contract for a workload around a go-http
// handler, in one process and without a watchdog: HTTP on 8080, /_/health,
// /_/ready, the lock file, limits in time, size and number, metrics on 8081, and a
// drain on SIGTERM. See https://docs.openfaas.com/reference/workloads/.
package server

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"os"
	"os/signal"
	"runtime/debug"
	"strconv"
	"syscall"
	"time"

	handler "github.com/openfaas/templates-sdk/go-http"

	"polis/shared/config"
	"polis/shared/fault"
)

// New makes a function from its settings. Faults of settings are noted in env
// and returned by env.Err; no handler is made of wrong settings.
type New func(env *config.Env) (handler.FunctionHandler, error)

// Worker is what a handler may be besides: it has work of its own between calls.
type Worker interface {
	// Work is called when the function takes calls, and anew where it panics. ctx
	// ends at the drain's first moment, and the drain waits for Work as for a call.
	Work(ctx context.Context)
}

// Refuser is what a handler may be besides: it has words of its own for what the
// server refuses before or after it.
type Refuser interface {
	// Refuse says why a call is refused; the status is the server's. The request
	// has no body, for it may not have been read. It is called under load and has
	// to be quick. False leaves it to the server's problem document.
	Refuse(req handler.Request, why *fault.Error) (handler.Response, bool)
}

// Main is all of a function's main: it serves until SIGTERM or SIGINT, and
// after a second signal ends at once. What hinders the start goes to stderr,
// one fault a line, and the exit code is 1.
func Main(new New) {
	slog.SetDefault(slog.New(slog.NewJSONHandler(os.Stderr, nil)))
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM, os.Interrupt)
	context.AfterFunc(ctx, stop)
	if err := Serve(ctx, config.FromOS(), new); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

// settings of a function's process; the names are the watchdog's where it has
// the like.
type settings struct {
	address        string
	metricsAddress string // empty: no metrics
	lockPath       string
	readTimeout    time.Duration // for the header, and again for the body
	execTimeout    time.Duration // the deadline of the handler's context
	writeTimeout   time.Duration // from the header's end to the answer's; also the longest drain
	drainDelay     time.Duration // still served after /_/ready says no, until the platform has seen it
	maxInflight    int64         // 0: no limit
	maxBody        int64         // bytes
}

// The defaults let a call through the asynchronous queue end before the
// queue's worker, after 30 s, takes it for lost and delivers it again.
func readSettings(env *config.Env) settings {
	host := env.String("listen_host", "")
	address := func(port int) string { return net.JoinHostPort(host, strconv.Itoa(port)) }
	s := settings{
		address:      address(env.Int("port", 8080, 0, 65535)),
		lockPath:     env.String("lock_path", "/tmp/.lock"),
		readTimeout:  env.Duration("read_timeout", 10*time.Second),
		execTimeout:  env.Duration("exec_timeout", 15*time.Second),
		writeTimeout: env.Duration("write_timeout", 28*time.Second),
		drainDelay:   env.Duration("drain_delay", 0),
		maxInflight:  int64(env.Int("max_inflight", 0, 0, 1<<20)),
		maxBody:      int64(env.Int("max_body", 1<<20, 1, 1<<30)),
	}
	if port := env.Int("metrics_port", 8081, 0, 65535); port != 0 {
		s.metricsAddress = address(port)
	}
	if s.execTimeout >= s.writeTimeout {
		env.Fault("exec_timeout", "%v is not shorter than write_timeout, %v: a late answer would be lost", s.execTimeout, s.writeTimeout)
	}
	return s
}

// Serve makes the function and serves it until ctx ends; then it drains: it turns
// unready, waits for drain_delay, refuses new connections and lets running calls
// and a Worker's work end, for write_timeout at most. The error names every fault
// of the settings, the server's and the function's, or says why serving ended
// before its time or cut a call short.
func Serve(ctx context.Context, env *config.Env, new New) error {
	s := readSettings(env)
	h, err := new(env)
	if faults := env.Err(); faults != nil {
		return faults
	}
	if err != nil {
		return err
	}
	calls, err := net.Listen("tcp", s.address)
	if err != nil {
		return err
	}
	var scrapes net.Listener
	if s.metricsAddress != "" {
		if scrapes, err = net.Listen("tcp", s.metricsAddress); err != nil {
			return errors.Join(err, calls.Close())
		}
	}
	return newFunction(s, h, slog.Default()).serve(ctx, calls, scrapes)
}

// Limits that nobody has had a reason to set.
const (
	maxHeader   = 32 << 10
	idleTimeout = 2 * time.Minute // longer than a gateway keeps an idle connection, so that it is the one to close
)

// serve owns both listeners; scrapes may be nil.
func (f *function) serve(ctx context.Context, calls, scrapes net.Listener) error {
	server := func(h http.Handler) *http.Server {
		return &http.Server{
			Handler:           h,
			ReadHeaderTimeout: f.readTimeout,
			WriteTimeout:      f.writeTimeout,
			IdleTimeout:       idleTimeout,
			MaxHeaderBytes:    maxHeader,
			ErrorLog:          slog.NewLogLogger(f.log.Handler(), slog.LevelWarn),
		}
	}
	ended := make(chan error, 2)
	web := server(f)
	go func() { ended <- web.Serve(calls) }()
	if scrapes != nil {
		metrics := server(f.metrics.handler())
		defer metrics.Close()
		go func() { ended <- metrics.Serve(scrapes) }()
	}

	if err := os.WriteFile(f.lockPath, nil, 0o600); err != nil {
		return errors.Join(fmt.Errorf("lock_path: %w", err), web.Close())
	}
	f.ready.Store(true)
	f.log.Info("ready", "address", calls.Addr().String())
	endWork, worked := f.work()

	var failure error
	select {
	case <-ctx.Done():
	case failure = <-ended:
	}
	f.ready.Store(false)
	endWork()
	os.Remove(f.lockPath)
	if failure == nil && f.drainDelay > 0 {
		select {
		case <-time.After(f.drainDelay):
		case failure = <-ended:
		}
	}

	limit, cancel := context.WithTimeout(context.WithoutCancel(ctx), f.writeTimeout)
	defer cancel()
	if err := web.Shutdown(limit); err != nil {
		return errors.Join(failure, fmt.Errorf("drain: %d calls cut short: %w", f.running.Load(), err), web.Close())
	}
	select {
	case <-worked:
	case <-limit.Done():
		return errors.Join(failure, fmt.Errorf("drain: the function's own work was cut short: %w", limit.Err()))
	}
	return failure
}

// work begins the work of a handler that has any. worked is closed when there is
// none any more.
func (f *function) work() (end context.CancelFunc, worked <-chan struct{}) {
	ctx, end := context.WithCancel(context.Background())
	done := make(chan struct{})
	worker, ok := f.handler.(Worker)
	if !ok {
		close(done)
		return end, done
	}
	go func() {
		defer close(done)
		for !f.ends(ctx, worker) {
			select {
			case <-time.After(afterPanic):
			case <-ctx.Done():
				return
			}
		}
	}()
	return end, done
}

// afterPanic is a pause, in which what it was made of may have passed.
const afterPanic = time.Second

// ends is false for work that ends in a panic.
func (f *function) ends(ctx context.Context, worker Worker) (ended bool) {
	defer func() {
		if v := recover(); v != nil {
			p := &panicError{value: v, stack: debug.Stack()}
			f.log.Error("function's own work failed", "error", p.Error(), "stack", string(p.stack))
		}
	}()
	worker.Work(ctx)
	return true
}
