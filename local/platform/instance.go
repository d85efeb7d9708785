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
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"time"

	"polis/local/issuer"
	"polis/local/personas"
	"polis/local/stores"
)

// DefaultAddr is where an instance listens unless told otherwise.
const DefaultAddr = "127.0.0.1:8080"

// EmbeddedRedis as Options.Redis asks for the embedded store even where a
// redis-server is at hand.
const EmbeddedRedis = "embedded"

// Bucket holds all objects.
const Bucket = "polis"

// The names under which the stores' processes can be killed, suspended and
// resumed; beside them stand the functions' own names.
const (
	redisProcess = "redis"
	s3Process    = "s3"
)

// Options of an instance. The zero value is a temporary instance at
// DefaultAddr with stores of its own.
type Options struct {
	Addr    string    // host:port on loopback; port 0 picks a free one
	Data    string    // folder that is kept; empty for a temporary one
	Stack   string    // stack file; "stack.yml" if empty
	Redis   string    // URL with password, EmbeddedRedis, or empty: started here
	S3      *S3       // nil: started here
	Clock   time.Time // law clock at the start; zero leaves it as it is
	Verbose bool      // show all that the processes log

	Progress io.Writer // lines on what is being started; nil for none
	Log      io.Writer // warnings and errors; nil for none
}

// S3 is an object store that somebody else runs.
type S3 struct {
	URL                  string
	AccessKey, SecretKey string
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
	cronJobs  []cronJob
	secrets   secrets
	redisURL  string // without the password
	storeName string // tells one store that keeps these data from another
	s3        stores.S3
	issuer    *issuer.Issuer
	lawClock  LawClock
	processes map[string]*process
	connector *connector
	queue     *queue

	stopJobs context.CancelFunc // of cron and queue
	jobs     sync.WaitGroup
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
		processes: map[string]*process{},
		stopJobs:  func() {},
	}
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
	i.cronJobs, err = i.stack.cronJobs()
	return err
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
	for _, dir := range []string{"logs", "redis", "s3", "functions"} {
		if err := os.MkdirAll(filepath.Join(i.data, dir), 0o700); err != nil {
			return err
		}
	}
	if i.secrets, err = openSecrets(filepath.Join(i.data, "secrets")); err != nil {
		return err
	}
	i.lawClock = LawClock(filepath.Join(i.data, "law-clock"))
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
	for _, name := range i.stack.names() {
		if i.processes[name], err = i.functionProcess(name); err != nil {
			return errors.Join(err, listener.Close())
		}
	}
	i.queue = newQueue(i.base, i.log)
	i.connector = newConnector(i.cronJobs, i.base, i.log)
	i.server = &http.Server{
		Handler:           i.handler(newGateway(maps.Clone(i.processes), i.queue, i.log)),
		ReadHeaderTimeout: 10 * time.Second,
		ErrorLog:          slog.NewLogLogger(i.log.Handler(), slog.LevelWarn),
	}
	go i.server.Serve(listener) // ends with Close, and has nothing else to report
	i.say("gateway", "%s", i.base)
	i.say("login", "%s/oidc (test persons: go run ./local personas)", i.base)
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

func (i *Instance) startStores(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, startTimeout)
	defer cancel()
	if err := errors.Join(i.openRedis(ctx), i.openS3()); err != nil {
		return err
	}
	for _, name := range []string{redisProcess, s3Process} {
		if p := i.processes[name]; p != nil {
			if err := p.firstReady(ctx); err != nil {
				return err
			}
		}
	}
	if err := i.s3.CreateBucket(ctx, Bucket); err != nil {
		return fmt.Errorf("object store at %s: %w", i.s3.Endpoint, err)
	}
	return nil
}

// openRedis starts the store, or looks whether the given one answers.
func (i *Instance) openRedis(ctx context.Context) error {
	if given := i.options.Redis; given != "" && given != EmbeddedRedis {
		password, bare, err := stores.CheckRedis(ctx, given)
		if err != nil {
			return err
		}
		i.secrets["redis-password"], i.redisURL, i.storeName = password, bare, bare
		i.say("redis", "%s (yours)", bare)
		return nil
	}
	address, err := freeAddress()
	if err != nil {
		return err
	}
	child := redisChild{Store: stores.Redis{
		Addr: address, Dir: filepath.Join(i.data, "redis"), Password: i.secrets["redis-password"],
	}}
	if i.options.Redis != EmbeddedRedis {
		child.Binary, err = exec.LookPath("redis-server")
	}
	if child.Binary == "" || err != nil {
		i.storeName = "miniredis"
		i.say("redis", "%s, embedded: miniredis with a snapshot twice a second (no redis-server used)", address)
	} else {
		i.storeName = "redis-server"
		i.say("redis", "%s, %s with append-only file", address, child.Binary)
	}
	i.redisURL = "redis://" + address + "/0"
	return i.run(redisProcess, launch{
		task: assignment{Redis: &child}, env: inherited(), address: address, probe: child.Store.Ready,
	})
}

// openS3 starts the object store, or takes the given one.
func (i *Instance) openS3() error {
	if given := i.options.S3; given != nil {
		i.secrets["s3-access-key"], i.secrets["s3-secret-key"] = given.AccessKey, given.SecretKey
		scheme, host, _ := strings.Cut(strings.TrimRight(given.URL, "/"), "://")
		if host == "" || (scheme != "http" && scheme != "https") {
			return fmt.Errorf("-s3 %s: not an address like http://127.0.0.1:9000", given.URL)
		}
		i.s3 = stores.S3{Endpoint: host, TLS: scheme == "https", AccessKey: given.AccessKey, SecretKey: given.SecretKey}
		i.say("s3", "%s (yours), bucket %s", given.URL, Bucket)
		return nil
	}
	address, err := freeAddress()
	if err != nil {
		return err
	}
	i.s3 = stores.S3{Endpoint: address, AccessKey: i.secrets["s3-access-key"], SecretKey: i.secrets["s3-secret-key"]}
	i.say("s3", "http://%s, embedded: versitygw over a folder, bucket %s", address, Bucket)
	return i.run(s3Process, launch{
		task: assignment{S3: &s3Child{i.s3, filepath.Join(i.data, "s3")}}, env: inherited(), address: address, probe: i.s3.Ready,
	})
}

// run adds a process that starts the same way each time.
func (i *Instance) run(name string, l launch) error {
	// The stores speak of their own affairs at each start; their death is told
	// with their last line.
	out, err := i.output(name, func(string) bool { return false })
	if err != nil {
		return err
	}
	p := newProcess(name, i.log, out, func() (launch, error) { return l, nil })
	i.processes[name] = p
	p.resume()
	return nil
}

func (i *Instance) output(name string, shows func(line string) bool) (*output, error) {
	if i.options.Verbose {
		shows = func(string) bool { return true }
	}
	return newOutput(name, filepath.Join(i.LogDir(), name+".log"), i.options.Log, shows)
}

// functionProcess is not yet started: what it needs is not yet there.
func (i *Instance) functionProcess(name string) (*process, error) {
	out, err := i.output(name, loud)
	if err != nil {
		return nil, err
	}
	return newProcess(name, i.log, out, func() (launch, error) { return i.launchFunction(name) }), nil
}

func (i *Instance) startFunctions(ctx context.Context) error {
	names := i.stack.names()
	i.say("functions", "%s", strings.Join(names, ", "))
	for _, name := range names {
		if err := i.secrets.mount(i.secretDir(name), i.stack.Functions[name].Secrets); err != nil {
			return fmt.Errorf("%s: %w", name, err)
		}
		i.processes[name].resume()
	}
	ctx, cancel := context.WithTimeout(ctx, startTimeout)
	defer cancel()
	for _, name := range names {
		if err := i.processes[name].firstReady(ctx); err != nil {
			return err
		}
	}
	return nil
}

func (i *Instance) secretDir(function string) string {
	return filepath.Join(i.data, "functions", function, "secrets")
}

// launchFunction gives a function the environment of its stack entry, with what
// is different on one machine put over it. Each life has ports of its own.
func (i *Instance) launchFunction(name string) (launch, error) {
	address, err := freeAddress()
	if err != nil {
		return launch{}, err
	}
	host, port, _ := net.SplitHostPort(address)
	scheme := "http"
	if i.s3.TLS {
		scheme = "https"
	}
	settings := maps.Clone(i.stack.Functions[name].Environment)
	if settings == nil {
		settings = map[string]string{}
	}
	maps.Copy(settings, map[string]string{
		"listen_host":   host,
		"port":          port,
		"metrics_port":  "0",
		"lock_path":     filepath.Join(i.data, "functions", name, "lock"),
		"secret_dir":    i.secretDir(name),
		"redis_url":     i.redisURL,
		"s3_endpoint":   scheme + "://" + i.s3.Endpoint,
		"s3_bucket":     Bucket,
		"oidc_issuer":   i.base + "/oidc",
		"oidc_audience": issuer.Audience,
		"gateway_url":   i.base,
		"public_url":    i.base,
	})
	env := inherited()
	for key, value := range settings {
		env = append(env, key+"="+value)
	}
	return launch{
		task:    assignment{Function: &functionChild{Name: name, LawClock: string(i.lawClock)}},
		env:     env,
		address: address,
		probe:   func(ctx context.Context) error { return probe(ctx, "http://"+address+"/_/ready") },
	}, nil
}

func probe(ctx context.Context, url string) error {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return err
	}
	answer, err := http.DefaultClient.Do(request)
	if err != nil {
		return err
	}
	answer.Body.Close()
	if answer.StatusCode != http.StatusOK {
		return errors.New(answer.Status)
	}
	return nil
}

// inherited is what a child gets of this process's environment: what Go and
// the machine need, and no setting that a stack file did not make.
func inherited() []string {
	var env []string
	for _, name := range []string{"PATH", "HOME", "TMPDIR", "GOMAXPROCS", "GOMEMLIMIT", "GODEBUG", "GOTRACEBACK", "GORACE", "GOCOVERDIR"} {
		if value, ok := os.LookupEnv(name); ok {
			env = append(env, name+"="+value)
		}
	}
	return env
}

// startJobs begins what happens by itself: the queue and cron.
func (i *Instance) startJobs(context.Context) error {
	for _, j := range i.cronJobs {
		i.say("cron", "%s", j)
	}
	ctx, stop := context.WithCancel(context.Background())
	i.stopJobs = stop
	i.queue.run(ctx)
	i.jobs.Go(func() { i.connector.run(ctx) })
	return nil
}

// Close stops everything in order: cron and queue, the functions, the gateway
// through which they call each other, the stores. It returns within seconds.
func (i *Instance) Close() error {
	i.stopJobs()
	i.jobs.Wait()
	if i.queue != nil {
		i.queue.wait()
	}
	i.closeProcesses(i.stack.names()...)
	var failures []error
	if i.server != nil {
		ctx, cancel := context.WithTimeout(context.Background(), time.Second)
		defer cancel()
		if i.server.Shutdown(ctx) != nil {
			failures = append(failures, i.server.Close())
		}
	}
	i.closeProcesses(redisProcess, s3Process)
	if i.dataDir != nil {
		failures = append(failures, i.dataDir.Close())
	}
	if i.options.Data == "" && i.data != "" {
		failures = append(failures, os.RemoveAll(i.data))
	}
	return errors.Join(failures...)
}

func (i *Instance) closeProcesses(names ...string) {
	ctx, cancel := context.WithTimeout(context.Background(), stopTimeout)
	defer cancel()
	var closing sync.WaitGroup
	for _, name := range names {
		if p := i.processes[name]; p != nil {
			closing.Go(func() { p.close(ctx) })
		}
	}
	closing.Wait()
}

// BaseURL is the gateway's address, without a slash at its end.
func (i *Instance) BaseURL() string { return i.base }

// LogDir holds one file for each process.
func (i *Instance) LogDir() string { return filepath.Join(i.data, "logs") }

// RedisURL is the store's address with its password.
func (i *Instance) RedisURL() string {
	u, err := url.Parse(i.redisURL)
	if err != nil {
		panic(err) // it was checked, or made here
	}
	u.User = url.UserPassword(u.User.Username(), i.secrets["redis-password"])
	return u.String()
}

// S3 is the object store and its keys.
func (i *Instance) S3() stores.S3 { return i.s3 }

// Token is a bearer token of a persona, spoiled by the flaw.
func (i *Instance) Token(persona string, flaw issuer.Flaw) (string, error) {
	p, ok := personas.Find(persona)
	if !ok {
		return "", fmt.Errorf("no persona %q; go run ./local personas lists them", persona)
	}
	return i.issuer.Token(p.Claims(), flaw)
}

// Now is the law clock's time.
func (i *Instance) Now() time.Time { return i.lawClock.Now() }

// SetClock moves the law clock of every process, and then calls each cron job
// once. The clock has moved even if a job answers with an error.
func (i *Instance) SetClock(ctx context.Context, now time.Time) error {
	if err := i.lawClock.Set(now); err != nil {
		return err
	}
	if err := i.connector.runOnce(ctx); err != nil {
		return fmt.Errorf("the law clock has moved to %s, but: %w", i.lawClock, err)
	}
	return nil
}

// Kill ends a process as kill -9 does, and returns when it is gone; it is
// started again. The name is a function's, "redis" or "s3".
func (i *Instance) Kill(name string) error {
	p, err := i.process(name)
	if err != nil {
		return err
	}
	return p.kill()
}

// Suspend stops a process until Resume; meanwhile its calls get 503.
func (i *Instance) Suspend(name string) error {
	p, err := i.process(name)
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(context.Background(), stopTimeout)
	defer cancel()
	p.stop(ctx)
	return nil
}

// Resume starts a suspended process and returns when it is ready.
func (i *Instance) Resume(name string) error {
	p, err := i.process(name)
	if err != nil {
		return err
	}
	p.resume()
	ctx, cancel := context.WithTimeout(context.Background(), startTimeout)
	defer cancel()
	_, err = p.ready(ctx)
	return err
}

func (i *Instance) process(name string) (*process, error) {
	if p := i.processes[name]; p != nil {
		return p, nil
	}
	return nil, fmt.Errorf("there is no process %q", name)
}
