package server

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	handler "github.com/openfaas/templates-sdk/go-http"

	"polis/shared/config"
)

// TestMain lets a test start this binary again as a function's process.
func TestMain(m *testing.M) {
	if os.Getenv("be_a_function") != "" {
		Main(func(env *config.Env) (handler.FunctionHandler, error) {
			env.Required("greeting")
			return echo, env.Err()
		})
		return
	}
	os.Exit(m.Run())
}

// handle makes a function of a Go func.
type handle func(handler.Request) (handler.Response, error)

func (h handle) Handle(req handler.Request) (handler.Response, error) { return h(req) }

var echo = handle(func(req handler.Request) (handler.Response, error) {
	return handler.Response{Body: req.Body}, nil
})

// patience is how long a test waits for what must happen at once.
const patience = 10 * time.Second

// process is a function served in this process.
type process struct {
	address string
	lock    string
	metrics string
	logs    *lines
	drain   context.CancelFunc
	ended   chan error
}

type lines struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (l *lines) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(p)
}

func (l *lines) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.String()
}

// serve starts h; settings come in pairs of name and value.
func serve(t *testing.T, h handler.FunctionHandler, pairs ...string) *process {
	t.Helper()
	p := &process{lock: filepath.Join(t.TempDir(), "lock"), logs: new(lines), ended: make(chan error, 1)}
	given := map[string]string{"lock_path": p.lock}
	for i := 0; i < len(pairs); i += 2 {
		given[pairs[i]] = pairs[i+1]
	}
	env := config.FromMap(given, nil)
	s := readSettings(env)
	if err := env.Err(); err != nil {
		t.Fatal(err)
	}
	listen := func() net.Listener {
		l, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		return l
	}
	calls, scrapes := listen(), listen()
	p.address, p.metrics = calls.Addr().String(), scrapes.Addr().String()
	ctx, cancel := context.WithCancel(context.Background())
	p.drain = cancel
	f := newFunction(s, h, slog.New(slog.NewJSONHandler(p.logs, nil)))
	go func() { p.ended <- f.serve(ctx, calls, scrapes) }()
	t.Cleanup(cancel)
	eventually(t, "ready", func() bool { return p.status(t, "GET", "/_/ready") == http.StatusOK })
	return p
}

// eventually waits for a condition.
func eventually(t *testing.T, what string, ok func() bool) {
	t.Helper()
	late := time.After(patience)
	for !ok() {
		select {
		case <-late:
			t.Fatalf("not %s after %v", what, patience)
		case <-time.After(2 * time.Millisecond):
		}
	}
}

func receive[T any](t *testing.T, what string, from <-chan T) T {
	t.Helper()
	select {
	case v := <-from:
		return v
	case <-time.After(patience):
		t.Fatalf("no %s after %v", what, patience)
		panic("unreachable")
	}
}

// answer of a call, its body read.
type answer struct {
	*http.Response
	body string
}

// do makes a call; headers come in pairs. Each has a connection of its own.
func (p *process) do(t *testing.T, method, path string, body io.Reader, headers ...string) answer {
	t.Helper()
	a, err := p.try(method, path, body, headers...)
	if err != nil {
		t.Fatal(err)
	}
	return a
}

func (p *process) try(method, path string, body io.Reader, headers ...string) (answer, error) {
	req, err := http.NewRequest(method, "http://"+p.address+path, body)
	if err != nil {
		return answer{}, err
	}
	for i := 0; i < len(headers); i += 2 {
		req.Header.Set(headers[i], headers[i+1])
	}
	req.Close = true
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		return answer{}, err
	}
	defer res.Body.Close()
	b, err := io.ReadAll(res.Body)
	return answer{res, string(b)}, err
}

func (p *process) status(t *testing.T, method, path string) int {
	t.Helper()
	return p.do(t, method, path, nil).StatusCode
}

// raw opens a connection and writes to it.
func (p *process) raw(t *testing.T, text string) (net.Conn, *bufio.Reader) {
	t.Helper()
	conn, err := net.Dial("tcp", p.address)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	conn.SetDeadline(time.Now().Add(patience))
	if _, err := io.WriteString(conn, text); err != nil {
		t.Fatal(err)
	}
	return conn, bufio.NewReader(conn)
}

func TestAllFaultsOfSettingsAreNamedAtOnce(t *testing.T) {
	env := config.FromMap(map[string]string{"port": "http", "max_body": "0", "exec_timeout": "1m"}, nil)
	err := Serve(context.Background(), env, func(env *config.Env) (handler.FunctionHandler, error) {
		env.Required("redis_url")
		return nil, env.Err()
	})
	if err == nil {
		t.Fatal("served with wrong settings")
	}
	named := strings.Split(err.Error(), "\n")
	for i, want := range []string{"port: ", "max_body: ", "exec_timeout: ", "redis_url: "} {
		if len(named) != 4 || !strings.HasPrefix(named[i], want) {
			t.Errorf("line %d of %q does not name %q", i, named, want)
		}
	}
}

func TestAFunctionThatCannotBeMadeIsNotServed(t *testing.T) {
	broken := errors.New("fonts are missing")
	err := Serve(context.Background(), config.FromMap(nil, nil), func(*config.Env) (handler.FunctionHandler, error) {
		return nil, broken
	})
	if !errors.Is(err, broken) {
		t.Errorf("got %v", err)
	}
}

func TestServeEndsWithItsContextAndRemovesTheLock(t *testing.T) {
	lock := filepath.Join(t.TempDir(), "lock")
	ctx, cancel := context.WithCancel(context.Background())
	env := config.FromMap(map[string]string{"listen_host": "127.0.0.1", "port": "0", "metrics_port": "0", "lock_path": lock}, nil)
	ended := make(chan error, 1)
	go func() {
		ended <- Serve(ctx, env, func(*config.Env) (handler.FunctionHandler, error) { return echo, nil })
	}()
	locked := func() bool { _, err := os.Stat(lock); return err == nil }
	eventually(t, "locked", locked)
	cancel()
	if err := receive(t, "end", ended); err != nil || locked() {
		t.Errorf("ended with %v, lock present: %v", err, locked())
	}
}

func TestNothingIsServedWithoutTheLockFile(t *testing.T) {
	env := config.FromMap(map[string]string{"listen_host": "127.0.0.1", "port": "0", "metrics_port": "0", "lock_path": "/nowhere/lock"}, nil)
	err := Serve(context.Background(), env, func(*config.Env) (handler.FunctionHandler, error) { return echo, nil })
	if err == nil || !strings.Contains(err.Error(), "lock_path") {
		t.Errorf("got %v", err)
	}
}

func TestATakenPortIsAnErrorAtStart(t *testing.T) {
	taken, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer taken.Close()
	_, port, _ := net.SplitHostPort(taken.Addr().String())
	for _, setting := range []string{"port", "metrics_port"} {
		settings := map[string]string{"listen_host": "127.0.0.1", "port": "0", "lock_path": filepath.Join(t.TempDir(), "lock")}
		settings[setting] = port
		err := Serve(context.Background(), config.FromMap(settings, nil), func(*config.Env) (handler.FunctionHandler, error) { return echo, nil })
		if !errors.Is(err, syscall.EADDRINUSE) {
			t.Errorf("%s: got %v", setting, err)
		}
	}
}

func TestHealthFollowsTheLockFile(t *testing.T) {
	p := serve(t, echo)
	if got := p.status(t, "GET", "/_/health"); got != http.StatusOK {
		t.Errorf("with the lock: %d", got)
	}
	if err := os.Remove(p.lock); err != nil {
		t.Fatal(err)
	}
	if got := p.status(t, "GET", "/_/health"); got != http.StatusServiceUnavailable {
		t.Errorf("without the lock: %d", got)
	}
}

func TestProbesOnlyRead(t *testing.T) {
	p := serve(t, echo)
	for _, path := range []string{"/_/health", "/_/ready"} {
		if got := p.status(t, "HEAD", path); got != http.StatusOK {
			t.Errorf("HEAD %s: %d", path, got)
		}
		if got := p.status(t, "POST", path); got != http.StatusMethodNotAllowed {
			t.Errorf("POST %s: %d", path, got)
		}
	}
}

func TestADrainFinishesWhatRunsAndRefusesWhatIsNew(t *testing.T) {
	running, finish := make(chan bool), make(chan bool)
	p := serve(t, handle(func(handler.Request) (handler.Response, error) {
		running <- true
		<-finish
		return handler.Response{Body: []byte("finished")}, nil
	}))
	finished := make(chan string, 1)
	go func() {
		a, err := p.try("GET", "/", nil)
		finished <- fmt.Sprint(a.body, err)
	}()
	receive(t, "call", running)
	p.drain()
	eventually(t, "refused", func() bool {
		conn, err := net.Dial("tcp", p.address)
		if err == nil {
			conn.Close()
		}
		return errors.Is(err, syscall.ECONNREFUSED)
	})
	select {
	case err := <-p.ended:
		t.Fatalf("ended with %v while a call was running", err)
	default:
	}
	close(finish)
	if got := receive(t, "answer", finished); got != "finished<nil>" {
		t.Errorf("the running call got %s", got)
	}
	if err := receive(t, "end", p.ended); err != nil {
		t.Errorf("ended with %v", err)
	}
}

func TestWithADrainDelayItIsUnreadyAndStillServes(t *testing.T) {
	p := serve(t, echo, "drain_delay", "1h")
	p.drain()
	eventually(t, "unready", func() bool { return p.status(t, "GET", "/_/ready") == http.StatusServiceUnavailable })
	if a := p.do(t, "POST", "/", strings.NewReader("late")); a.body != "late" {
		t.Errorf("a call sent before the platform knew got %d %q", a.StatusCode, a.body)
	}
	eventually(t, "unlocked", func() bool { _, err := os.Stat(p.lock); return errors.Is(err, os.ErrNotExist) })
}

func TestADrainCutsShortWhatDoesNotEnd(t *testing.T) {
	running := make(chan bool)
	p := serve(t, handle(func(req handler.Request) (handler.Response, error) {
		running <- true
		<-t.Context().Done() // deaf to its own context
		return handler.Response{}, nil
	}), "exec_timeout", "10ms", "write_timeout", "50ms")
	go p.try("GET", "/", nil)
	receive(t, "call", running)
	p.drain()
	if err := receive(t, "end", p.ended); !errors.Is(err, context.DeadlineExceeded) || !strings.Contains(err.Error(), "1 calls cut short") {
		t.Errorf("ended with %v", err)
	}
}

// worker is echo with work of its own.
type worker struct {
	handle
	work func(context.Context)
}

func (w worker) Work(ctx context.Context) { w.work(ctx) }

func TestOwnWorkBeginsWithTheCallsAndTheDrainWaitsForItsEnd(t *testing.T) {
	begun, told, finish := make(chan bool), make(chan bool), make(chan bool)
	p := serve(t, worker{echo, func(ctx context.Context) {
		begun <- true
		<-ctx.Done()
		told <- true
		<-finish
	}})
	receive(t, "work", begun)
	if a := p.do(t, "POST", "/", strings.NewReader("beside")); a.body != "beside" {
		t.Errorf("a call beside the work got %d %q", a.StatusCode, a.body)
	}
	p.drain()
	receive(t, "word of the drain", told)
	select {
	case err := <-p.ended:
		t.Fatalf("ended with %v before the work did", err)
	default:
	}
	close(finish)
	if err := receive(t, "end", p.ended); err != nil {
		t.Errorf("ended with %v", err)
	}
}

func TestADrainCutsShortOwnWorkThatDoesNotEnd(t *testing.T) {
	p := serve(t, worker{echo, func(context.Context) { <-t.Context().Done() }}, "exec_timeout", "10ms", "write_timeout", "50ms")
	p.drain()
	if err := receive(t, "end", p.ended); !errors.Is(err, context.DeadlineExceeded) || !strings.Contains(err.Error(), "own work") {
		t.Errorf("ended with %v", err)
	}
}

func TestAPanicInOwnWorkIsLoggedAndItBeginsAnew(t *testing.T) {
	began := make(chan bool, 2)
	p := serve(t, worker{echo, func(context.Context) {
		began <- true
		panic("Соловьёва")
	}})
	eventually(t, "logged", func() bool { return strings.Contains(p.logs.String(), "panic with a string") })
	receive(t, "work", began)
	receive(t, "work after the panic", began)
	if strings.Contains(p.logs.String(), "Соловьёва") {
		t.Error("the log has what may be a person's data")
	}
	if a := p.do(t, "POST", "/", strings.NewReader("alive")); a.body != "alive" {
		t.Errorf("a call after it got %d %q", a.StatusCode, a.body)
	}
	p.drain()
	if err := receive(t, "end", p.ended); err != nil {
		t.Errorf("ended with %v", err)
	}
}

// command is this binary as a function's process.
func command(t *testing.T, settings ...string) (*exec.Cmd, *lines) {
	t.Helper()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	cmd, log := exec.Command(self), new(lines)
	cmd.Env = append(settings, "be_a_function=1", "listen_host=127.0.0.1")
	cmd.Stderr = log
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { cmd.Process.Kill() })
	return cmd, log
}

func TestTheProcessEndsCleanlyOnASignal(t *testing.T) {
	for _, signal := range []os.Signal{syscall.SIGTERM, os.Interrupt} {
		t.Run(signal.String(), func(t *testing.T) {
			cmd, log := command(t, "greeting=hi", "port=0", "metrics_port=0", "lock_path="+filepath.Join(t.TempDir(), "lock"))
			eventually(t, "ready", func() bool { return strings.Contains(log.String(), `"msg":"ready"`) })
			if err := cmd.Process.Signal(signal); err != nil {
				t.Fatal(err)
			}
			if err := cmd.Wait(); err != nil {
				t.Errorf("ended with %v: %s", err, log)
			}
		})
	}
}

func TestTheProcessNamesFaultsALineEachAndExitsWithOne(t *testing.T) {
	cmd, log := command(t, "port=no")
	err := cmd.Wait()
	if cmd.ProcessState.ExitCode() != 1 {
		t.Errorf("ended with %v", err)
	}
	if want := "port: \"no\" is not a whole number between 0 and 65535\ngreeting: setting is missing\n"; log.String() != want {
		t.Errorf("stderr is %q, want %q", log, want)
	}
}

func TestMetricsKeepTheWatchdogsNames(t *testing.T) {
	running, finish := make(chan bool), make(chan bool)
	p := serve(t, handle(func(req handler.Request) (handler.Response, error) {
		if req.Method == "PUT" {
			running <- true
			<-finish
		}
		return handler.Response{StatusCode: http.StatusTeapot}, nil
	}))
	p.do(t, "GET", "/", nil)
	p.do(t, "GET", "/", nil)
	p.do(t, "INVENTED", "/", nil)
	go p.try("PUT", "/", nil)
	receive(t, "call", running)
	res, err := http.Get("http://" + p.metrics + "/metrics")
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	text, err := io.ReadAll(res.Body)
	if err != nil {
		t.Fatal(err)
	}
	close(finish)
	for _, want := range []string{
		`http_requests_total{code="418",method="GET"} 2`,
		`http_requests_total{code="418",method="other"} 1`,
		`http_request_duration_seconds_count{code="418",method="GET"} 2`,
		`http_requests_in_flight 1`,
		`go_goroutines `,
		`process_start_time_seconds `,
	} {
		if !strings.Contains(string(text), "\n"+want) {
			t.Errorf("metrics lack %s", want)
		}
	}
	if strings.Contains(string(text), "/_/") || strings.Contains(string(text), `code="200"`) {
		t.Error("probes are counted as calls")
	}
}

func TestTimeZonesNeedNoFiles(t *testing.T) {
	t.Setenv("ZONEINFO", filepath.Join(t.TempDir(), "none"))
	if _, err := time.LoadLocation("Asia/Kamchatka"); err != nil {
		t.Error(err)
	}
}
