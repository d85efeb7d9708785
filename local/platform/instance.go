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
	"math/rand/v2"
	"net"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/openfaas/faas-provider/types"
	"golang.org/x/sync/errgroup"

	"polis/local/child"
	"polis/local/inbox"
	"polis/local/issuer"
	"polis/local/lawclock"
	"polis/local/personas"
	"polis/local/stores"
)

// DefaultAddr is where an instance listens unless told otherwise.
const DefaultAddr = "127.0.0.1:8080"

// EmbeddedRedis as Options.Redis asks for the embedded store even where a
// redis-server is at hand.
const EmbeddedRedis = "embedded"

// Bucket holds all objects, where no other is given.
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
	Verbose bool      // show all that the functions log

	// FunctionsProgram is that of the functions' processes, whose main calls
	// child.Run. Empty is this one.
	FunctionsProgram string

	Replicas map[string]int // of functions at the start, over what their labels say
	Queue    QueueFaults

	Progress io.Writer // lines on what is being started; nil for none
	Log      io.Writer // warnings and errors; nil for none
}

// S3 is an object store that somebody else runs.
type S3 struct {
	URL                  string
	AccessKey, SecretKey string
	Bucket               string // made where it is missing; "" is Bucket
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

func (i *Instance) startStores(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, startTimeout)
	defer cancel()
	if err := errors.Join(i.openRedis(ctx), i.openS3()); err != nil {
		return err
	}
	for _, name := range []string{redisProcess, s3Process} {
		if p := i.stores[name]; p != nil {
			if err := p.firstReady(ctx); err != nil {
				return err
			}
		}
	}
	if err := i.s3.CreateBucket(ctx, i.bucket()); err != nil {
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
		i.secrets.give("redis-password", password)
		i.redisURL, i.redisPassword = bare, password
		i.say("redis", "%s (yours)", bare)
		return nil
	}
	address, err := freeAddress()
	if err != nil {
		return err
	}
	i.redisPassword, _ = i.secrets.get("redis-password")
	child := redisChild{Store: stores.Redis{
		Addr: address, Dir: filepath.Join(i.data, "redis"), Password: i.redisPassword,
	}}
	if i.options.Redis != EmbeddedRedis {
		child.Binary, err = exec.LookPath("redis-server")
	}
	if child.Binary == "" || err != nil {
		i.say("redis", "%s, embedded: miniredis with a snapshot twice a second (no redis-server used)", address)
	} else {
		i.say("redis", "%s, %s with append-only file", address, child.Binary)
	}
	i.redisURL = "redis://" + address + "/0"
	return i.runStore(redisProcess, launch{
		task: assignment{Redis: &child}, env: inherited(), address: address, probe: child.Store.Ready,
	})
}

// openS3 starts the object store, or takes the given one.
func (i *Instance) openS3() error {
	if given := i.options.S3; given != nil {
		i.secrets.give("s3-access-key", given.AccessKey)
		i.secrets.give("s3-secret-key", given.SecretKey)
		scheme, host, _ := strings.Cut(strings.TrimRight(given.URL, "/"), "://")
		if host == "" || (scheme != "http" && scheme != "https") {
			return fmt.Errorf("-s3 %s: not an address like http://127.0.0.1:9000", given.URL)
		}
		i.s3 = stores.S3{Endpoint: host, TLS: scheme == "https", AccessKey: given.AccessKey, SecretKey: given.SecretKey}
		i.say("s3", "%s (yours), bucket %s", given.URL, i.bucket())
		return nil
	}
	address, err := freeAddress()
	if err != nil {
		return err
	}
	i.s3 = stores.S3{Endpoint: address}
	i.s3.AccessKey, _ = i.secrets.get("s3-access-key")
	i.s3.SecretKey, _ = i.secrets.get("s3-secret-key")
	i.say("s3", "http://%s, embedded: versitygw over a folder, bucket %s", address, Bucket)
	return i.runStore(s3Process, launch{
		task: assignment{S3: &s3Child{i.s3, filepath.Join(i.data, "s3")}}, env: inherited(), address: address, probe: i.s3.Ready,
	})
}

func (i *Instance) bucket() string {
	if given := i.options.S3; given != nil {
		return cmp.Or(given.Bucket, Bucket)
	}
	return Bucket
}

// runStore starts a store, which will start the same way each time.
func (i *Instance) runStore(name string, l launch) error {
	// The stores speak of their own affairs at each start; their death is told
	// with their last line.
	out, err := newOutput(name, i.logFile(name), &bell{}, i.options.Log, func(string) bool { return false })
	if err != nil {
		return err
	}
	p := newProcess(name, i.log, out, &bell{}, func() (launch, error) { return l, nil })
	i.stores[name] = p
	p.resume()
	return nil
}

func (i *Instance) newFunction(name string, redeployed *bell) *function {
	f := &function{
		name: name, forget: i.forget, ending: i.alive.Done(),
		redeployed: redeployed, changed: &bell{}, written: &bell{},
	}
	f.process = func(d types.FunctionDeployment, instance string) (*process, error) {
		for _, secret := range d.Secrets {
			if _, ok := i.secrets.get(secret); !ok {
				return nil, unknownSecret(secret)
			}
		}
		shows := loud
		if i.options.Verbose {
			shows = func(string) bool { return true }
		}
		out, err := newOutput(name, i.logFile(name), f.written, i.options.Log, shows)
		if err != nil {
			return nil, err
		}
		return newProcess(instance, i.log, out, f.changed, func() (launch, error) { return i.launch(d, instance) }), nil
	}
	return f
}

// startFunctions deploys what the stack file says.
func (i *Instance) startFunctions(ctx context.Context) error {
	names := i.stack.names()
	i.say("functions", "%s", strings.Join(names, ", "))
	ctx, cancel := i.startContext(ctx)
	defer cancel()
	starting, ctx := errgroup.WithContext(ctx)
	for _, name := range names {
		starting.Go(func() error { return i.functions[name].deploy(ctx, i.stack[name], i.options.Replicas[name]) })
	}
	return starting.Wait() // the first failure; the others are its consequence
}

// ownDir is where one process of a function has its lock and its secrets.
func (i *Instance) ownDir(instance string) string {
	return filepath.Join(i.data, "functions", instance)
}

// forget removes what a process that is gone has left.
func (i *Instance) forget(instance string) {
	if err := os.RemoveAll(i.ownDir(instance)); err != nil {
		i.log.Warn("secrets are left behind", "process", instance, "cause", err)
	}
}

// launch gives a process the environment of its deployment, with what is
// different on one machine put over it. Each life has a port of its own.
func (i *Instance) launch(d types.FunctionDeployment, instance string) (launch, error) {
	address, err := freeAddress()
	if err != nil {
		return launch{}, err
	}
	secretDir := filepath.Join(i.ownDir(instance), "secrets")
	if err := i.secrets.mount(secretDir, d.Secrets); err != nil {
		return launch{}, err
	}
	host, port, _ := net.SplitHostPort(address)
	scheme := "http"
	if i.s3.TLS {
		scheme = "https"
	}
	settings := maps.Clone(d.EnvVars)
	if settings == nil {
		settings = map[string]string{}
	}
	maps.Copy(settings, map[string]string{
		"listen_host":    host,
		"port":           port,
		"metrics_port":   "0",
		"lock_path":      filepath.Join(i.ownDir(instance), "lock"),
		"secret_dir":     secretDir,
		"redis_url":      i.redisURL,
		"s3_endpoint":    scheme + "://" + i.s3.Endpoint,
		"s3_bucket":      i.bucket(),
		"oidc_issuer":    i.base + "/oidc",
		"oidc_audience":  issuer.Audience,
		"oidc_client_id": i.client.ID,
		"gateway_url":    i.base,
		"public_url":     i.base,
		"smtp_url":       "smtp://" + i.inbox.SMTPAddr(),
		"smtp_tls":       "none",
		"sms_url":        i.base + "/inbox/sms",
	})
	env := inherited()
	for key, value := range settings {
		env = append(env, key+"="+value)
	}
	return launch{
		task:    assignment{Task: child.Task{Function: &child.Function{Name: d.Service, Instance: instance, LawClock: i.lawClock}}},
		program: i.options.FunctionsProgram,
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

// RedisURL is the store's address with its password.
func (i *Instance) RedisURL() string {
	u, err := url.Parse(i.redisURL)
	if err != nil {
		panic(err) // it was checked, or made here
	}
	u.User = url.UserPassword(u.User.Username(), i.redisPassword)
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

// SetQueue makes the queue fail in this way from the next call on.
func (i *Instance) SetQueue(faults QueueFaults) error { return i.queue.fail(faults) }

// SetMail makes the mail server fail in this way from the next letter on.
func (i *Instance) SetMail(fault inbox.MailFault) error { return i.inbox.FailMail(fault) }

// Inbox is the mail and the SMS that were sent, in the order of their arrival:
// the newest thousand.
func (i *Instance) Inbox() []inbox.Message { return i.inbox.Messages() }

// Scale changes the number of a function's processes, from 0 to 5, and returns
// when all of them are ready. Those that leave end their calls first.
func (i *Instance) Scale(name string, replicas int) error {
	return i.scale(i.alive, name, replicas)
}

// Kill ends a process as kill -9 does, and returns when it is gone; it is
// started again. The name is a function's, of whose running processes chance
// takes one, or "redis" or "s3".
func (i *Instance) Kill(name string) error {
	all, err := i.processes(name)
	if err != nil {
		return err
	}
	for _, n := range rand.Perm(len(all)) {
		if err = all[n].kill(); err == nil {
			return nil
		}
	}
	return err
}

// KillReplica is Kill of one process of a function, counted from 0.
func (i *Instance) KillReplica(name string, replica int) error {
	all, err := i.processes(name)
	if err != nil {
		return err
	}
	if replica < 0 || replica >= len(all) {
		return fmt.Errorf("%s has %d processes, and none with number %d", name, len(all), replica)
	}
	return all[replica].kill()
}

// Suspend stops all processes of this name until Resume; meanwhile their calls
// get 503.
func (i *Instance) Suspend(name string) error {
	all, err := i.processes(name)
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(context.Background(), stopTimeout)
	defer cancel()
	var stopping sync.WaitGroup
	for _, p := range all {
		stopping.Go(func() { p.stop(ctx) })
	}
	stopping.Wait()
	return nil
}

// Resume starts what is suspended and returns when it is ready.
func (i *Instance) Resume(name string) error {
	all, err := i.processes(name)
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(context.Background(), startTimeout)
	defer cancel()
	for _, p := range all {
		p.resume()
	}
	for _, p := range all {
		if _, err := p.ready(ctx); err != nil {
			return err
		}
	}
	return nil
}

// processes by the name of a store or of a function.
func (i *Instance) processes(name string) ([]*process, error) {
	if p := i.stores[name]; p != nil {
		return []*process{p}, nil
	}
	if f := i.functions[name]; f != nil {
		if all := f.processes(); len(all) > 0 {
			return all, nil
		}
	}
	return nil, fmt.Errorf("there is no process %q", name)
}
