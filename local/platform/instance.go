// Package platform is OpenFaaS on one machine, for trying and for tests: every
// function of a stack file as a process of its own, a gateway with its queue,
// cron, stores, a login for test persons, and a law clock that can be moved. It
// listens on loopback only, and nothing of it outlives the process that started
// it.
package platform

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"maps"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"time"

	"polis/local/inbox"
	"polis/local/issuer"
	"polis/local/lawclock"
	"polis/local/stores"
)

// DefaultAddr is where an instance listens unless told otherwise.
const DefaultAddr = "127.0.0.1:8080"

// Options of an instance. The zero value is a temporary instance at
// DefaultAddr with stores of its own.
type Options struct {
	Addr    string    // host:port on loopback; port 0 picks a free one
	Data    string    // folder that is kept; empty for a temporary one
	Stack   string    // stack file; "stack.yml" if empty
	Redis   string    // URL with password, EmbeddedRedis, or empty: started here
	S3      *S3       // nil: started here
	Clock   time.Time // law clock at the start; zero leaves it as it is
	Verbose bool      // show all that the functions log

	// FunctionsProgram is that of the functions' processes, whose main calls
	// child.Run. Empty is this one.
	FunctionsProgram string

	Replicas map[string]int // of functions at the start, over what their labels say
	Queue    QueueFaults

	Progress io.Writer // lines on what is being started; nil for none
	Log      io.Writer // warnings and errors; nil for none
}

const (
	startTimeout = 60 * time.Second // for each of: the stores, the functions
	stopTimeout  = 5 * time.Second  // for the functions, and again for the stores; then they are killed
)

// Instance is a running platform.
type Instance struct {
	options Options
	data    string
	dataDir *os.File // locked
	log     *slog.Logger

	base      string
	server    *http.Server
	stack     stack
	secrets   *secrets
	redisURL  string // without the password
	s3        stores.S3
	issuer    *issuer.Issuer
	client    issuer.Client // the portal, at the login
	inbox     *inbox.Inbox
	lawClock  lawclock.File
	stores    map[string]*process  // that were started here
	functions map[string]*function // of the stack file
	gateway   *gateway
	connector *connector
	queue     *queue

	redisPassword string
	adminPassword string

	alive context.Context // ends with Close
	end   context.CancelFunc
	jobs  sync.WaitGroup
}

// Start brings an instance up and returns when all of it answers. ctx bounds
// the start alone. After an error nothing is left running.
func Start(ctx context.Context, options Options) (*Instance, error) {
	if options.Progress == nil {
		options.Progress = io.Discard
	}
	if options.Log == nil {
		options.Log = io.Discard
	}
	options.Log = &console{w: options.Log}
	level := slog.LevelWarn
	if options.Verbose {
		level = slog.LevelInfo
	}
	i := &Instance{
		options:   options,
		log:       slog.New(slog.NewTextHandler(options.Log, &slog.HandlerOptions{Level: level})),
		stores:    map[string]*process{},
		functions: map[string]*function{},
	}
	i.alive, i.end = context.WithCancel(context.Background())
	if err := i.start(ctx); err != nil {
		if ctx.Err() != nil {
			err = errors.New("stopped before everything was started")
		}
		return nil, errors.Join(err, i.Close())
	}
	return i, nil
}

func (i *Instance) start(ctx context.Context) error {
	steps := []func(context.Context) error{
		i.readStack, i.openData, i.listen, i.startStores, i.startFunctions, i.startJobs, i.fillRegister,
	}
	for _, step := range steps {
		if err := step(ctx); err != nil {
			return err
		}
	}
	return nil
}

// say prints one line of progress.
func (i *Instance) say(subject, format string, args ...any) {
	fmt.Fprintf(i.options.Progress, "%-10s %s\n", subject, fmt.Sprintf(format, args...))
}

func (i *Instance) readStack(context.Context) (err error) {
	if i.stack, err = readStack(cmp.Or(i.options.Stack, "stack.yml")); err != nil {
		return err
	}
	for _, name := range slices.Sorted(maps.Keys(i.options.Replicas)) {
		if _, ok := i.stack[name]; !ok {
			return fmt.Errorf("replicas of %s: the stack file has no such function", name)
		}
		if n := i.options.Replicas[name]; n < 1 || n > maxReplicas {
			return fmt.Errorf("replicas of %s: %d is not a number from 1 to %d", name, n, maxReplicas)
		}
	}
	return i.options.Queue.check()
}

// openData prepares the folder: data of an earlier instance are found again.
func (i *Instance) openData(ctx context.Context) error {
	var err error
	if dir := i.options.Data; dir == "" {
		i.data, err = os.MkdirTemp("", "polis-")
		i.say("data", "%s, removed at the end (keep it with -data DIR)", i.data)
	} else {
		if i.data, err = filepath.Abs(dir); err == nil {
			err = os.MkdirAll(i.data, 0o700)
		}
		i.say("data", "%s", i.data)
	}
	if err != nil {
		return err
	}
	// An instance that was killed lets go at once.
	ctx, cancel := context.WithTimeout(ctx, time.Second)
	defer cancel()
	if i.dataDir, err = stores.Lock(ctx, i.data); err != nil {
		return fmt.Errorf("another instance runs on these data: %w", err)
	}
	// What functions left there is of no use to their next processes.
	if err := os.RemoveAll(filepath.Join(i.data, "functions")); err != nil {
		return err
	}
	for _, dir := range []string{"logs", "redis", "s3", "functions"} {
		if err := os.MkdirAll(filepath.Join(i.data, dir), 0o700); err != nil {
			return err
		}
	}
	if i.secrets, err = openSecrets(filepath.Join(i.data, "secrets")); err != nil {
		return err
	}
	// Not among the secrets: those are for functions.
	if i.adminPassword, err = passwordFile(i.adminFile()); err != nil {
		return err
	}
	i.lawClock = lawclock.File(filepath.Join(i.data, "law-clock"))
	if !i.options.Clock.IsZero() {
		err = i.lawClock.Set(i.options.Clock)
	}
	i.say("law clock", "%s", i.lawClock)
	return err
}

// listen opens the gateway; its functions come later, and calls wait a moment
// for them.
func (i *Instance) listen(context.Context) error {
	addr := cmp.Or(i.options.Addr, DefaultAddr)
	if err := checkLoopback(addr); err != nil {
		return err
	}
	listener, err := net.Listen("tcp", addr)
	if err != nil {
		return fmt.Errorf("%w: choose another address with -addr", err)
	}
	i.base = "http://" + listener.Addr().String()
	i.issuer, err = issuer.Open(i.base+"/oidc", filepath.Join(i.data, "issuer.pem"))
	if err != nil {
		return errors.Join(err, listener.Close())
	}
	portal := i.base + "/function/portal/"
	i.client = issuer.Client{ID: "polis-portal", RedirectURI: portal + "login/callback", LogoutURI: portal}
	i.client.Secret, _ = i.secrets.get("portal-client-secret")
	smsToken, _ := i.secrets.get("sms-token")
	if i.inbox, err = inbox.Open(smsToken); err != nil {
		return errors.Join(err, listener.Close())
	}
	deployments := &bell{}
	for name := range i.stack {
		i.functions[name] = i.newFunction(name, deployments)
	}
	i.queue = newQueue(i.base, i.log)
	if err := i.queue.fail(i.options.Queue); err != nil {
		return errors.Join(err, listener.Close())
	}
	i.connector = newConnector(i.cronJobs, deployments, i.base, i.log)
	i.gateway = newGateway(i.functions, i.queue, i.log)
	i.server = &http.Server{
		Handler:           i.handler(i.gateway),
		ReadHeaderTimeout: 10 * time.Second,
		ErrorLog:          slog.NewLogLogger(i.log.Handler(), slog.LevelWarn),
	}
	go i.server.Serve(listener) // ends with Close, and has nothing else to report
	i.say("gateway", "%s", i.base)
	i.say("admin", "%s, password in %s", AdminUser, i.adminFile())
	i.say("login", "%s/oidc (test persons: go run ./local personas)", i.base)
	i.say("inbox", "%s/inbox (mail is taken at %s)", i.base, i.inbox.SMTPAddr())
	return nil
}

func checkLoopback(addr string) error {
	host, _, err := net.SplitHostPort(addr)
	if err != nil {
		return fmt.Errorf("-addr %s: %w", addr, err)
	}
	if host != "localhost" && !net.ParseIP(host).IsLoopback() {
		return fmt.Errorf("-addr %s: only a loopback address such as %s, because the login lets anybody in", addr, DefaultAddr)
	}
	return nil
}

// startJobs begins what happens by itself: the queue and cron.
func (i *Instance) startJobs(context.Context) error {
	for _, j := range i.cronJobs() {
		i.say("cron", "%s", j)
	}
	i.queue.run(i.alive)
	i.jobs.Go(func() { i.connector.run(i.alive) })
	return nil
}

// cronJobs of what is deployed now.
func (i *Instance) cronJobs() []cronJob {
	var jobs []cronJob
	for _, name := range i.stack.names() {
		if j := i.functions[name].cronJob(); j != nil {
			jobs = append(jobs, *j)
		}
	}
	return jobs
}

// Close stops everything in order: cron and queue, the functions, the gateway
// through which they call each other, the stores. It returns within seconds.
func (i *Instance) Close() error {
	i.end()
	i.jobs.Wait()
	if i.queue != nil {
		i.queue.wait()
	}
	if i.gateway != nil {
		// A server waits five seconds for the first call of a connection.
		i.gateway.transport.CloseIdleConnections()
	}
	var closing sync.WaitGroup
	for _, f := range i.functions {
		closing.Go(f.close)
	}
	closing.Wait()
	var failures []error
	if i.server != nil {
		ctx, cancel := context.WithTimeout(context.Background(), time.Second)
		defer cancel()
		if i.server.Shutdown(ctx) != nil {
			failures = append(failures, i.server.Close())
		}
	}
	if i.inbox != nil {
		failures = append(failures, i.inbox.Close())
	}
	ctx, cancel := context.WithTimeout(context.Background(), stopTimeout)
	defer cancel()
	for _, p := range i.stores {
		closing.Go(func() { p.close(ctx) })
	}
	closing.Wait()
	if i.dataDir != nil {
		failures = append(failures, i.dataDir.Close())
	}
	if i.options.Data == "" && i.data != "" {
		failures = append(failures, os.RemoveAll(i.data))
	}
	return errors.Join(failures...)
}

// BaseURL is the gateway's address, without a slash at its end.
func (i *Instance) BaseURL() string { return i.base }

// AdminPassword opens the gateway's /system/ to AdminUser.
func (i *Instance) AdminPassword() string { return i.adminPassword }

func (i *Instance) adminFile() string { return filepath.Join(i.data, "admin-password") }

// LogDir holds one file for each function and each store.
func (i *Instance) LogDir() string { return filepath.Join(i.data, "logs") }

func (i *Instance) logFile(name string) string { return filepath.Join(i.LogDir(), name+".log") }
