package platform

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"net/smtp"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	handler "github.com/openfaas/templates-sdk/go-http"
	"github.com/redis/go-redis/v9"

	"polis/local/lawclock"
	"polis/shared/config"
	"polis/shared/server"
)

// Two functions are enough to see a platform work.
var testFunctions = map[string]server.New{
	"probe": newProbe,
	"ticks": newTicks,
	"wrong": func(env *config.Env) (handler.FunctionHandler, error) {
		env.Required("never_set")
		return nil, nil
	},
}

const testStack = `
functions:
  probe:
    image: ${REGISTRY:-example.org}/probe
    environment:
      own: from ${SOMEWHERE:-the stack}
      redis_url: redis://cluster:6379
    secrets: [polis-call-key, redis-password]
  ticks:
    annotations: {topic: cron-function, schedule: "0 0 1 1 *"}
`

// The test binary is also each child of the instances under test, and the
// platform that is killed.
func TestMain(m *testing.M) {
	RunChild(testFunctions)
	if data := os.Getenv("POLIS_PLATFORM_TEST"); data != "" {
		i, err := Start(context.Background(), Options{Addr: "127.0.0.1:0", Data: data, Stack: os.Getenv("POLIS_PLATFORM_STACK")})
		if err != nil {
			fmt.Println(err)
			os.Exit(1)
		}
		fmt.Println(i.RedisURL())
		select {}
	}
	os.Exit(m.Run())
}

type probeFunction struct{ env *config.Env }

func newProbe(env *config.Env) (handler.FunctionHandler, error) { return probeFunction{env}, nil }

// Handle tells what the function's process is like, once it has got what the
// body names, an address, if any.
func (p probeFunction) Handle(req handler.Request) (handler.Response, error) {
	if len(req.Body) > 0 {
		answer, err := http.Get(string(req.Body))
		if err != nil {
			return handler.Response{}, err
		}
		answer.Body.Close()
	}
	slog.Info("asked", "query", req.QueryString)
	dir := os.Getenv("secret_dir")
	var mounted []string
	files, err := os.ReadDir(dir)
	for _, f := range files {
		mounted = append(mounted, f.Name())
	}
	if err != nil {
		return handler.Response{}, err
	}
	body, err := json.Marshal(probeAnswer{
		PID: os.Getpid(), Law: p.env.Law(), Secrets: mounted,
		Env: map[string]string{"own": os.Getenv("own"), "redis_url": os.Getenv("redis_url"), "listen_host": os.Getenv("listen_host"), "LEAK": os.Getenv("LEAK"),
			"smtp_url": os.Getenv("smtp_url"), "sms_url": os.Getenv("sms_url"),
			"oidc_issuer": os.Getenv("oidc_issuer"), "oidc_client_id": os.Getenv("oidc_client_id"), "public_url": os.Getenv("public_url"),
		},
	})
	return handler.Response{Body: body}, err
}

type probeAnswer struct {
	PID     int
	Law     time.Time
	Secrets []string
	Env     map[string]string
}

// newTicks counts its calls in a file beside the folder of its process.
func newTicks(*config.Env) (handler.FunctionHandler, error) {
	return ticksFunction(filepath.Join(filepath.Dir(filepath.Dir(os.Getenv("lock_path"))), "ticks")), nil
}

type ticksFunction string

func (f ticksFunction) Handle(handler.Request) (handler.Response, error) {
	file, err := os.OpenFile(string(f), os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o600)
	if err != nil {
		return handler.Response{}, err
	}
	_, err = file.WriteString("x")
	return handler.Response{}, errors.Join(err, file.Close())
}

func writeStack(t *testing.T, content string) string {
	t.Helper()
	file := filepath.Join(t.TempDir(), "stack.yml")
	if err := os.WriteFile(file, []byte(content), 0o600); err != nil {
		t.Fatal(err)
	}
	return file
}

func startInstance(t *testing.T, redis string) *Instance {
	t.Helper()
	t.Setenv("LEAK", "of the developer's shell")
	i, err := Start(t.Context(), Options{Addr: "127.0.0.1:0", Stack: writeStack(t, testStack), Redis: redis, Log: os.Stderr})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := i.Close(); err != nil {
			t.Error(err)
		}
	})
	return i
}

func ask(t *testing.T, i *Instance) probeAnswer {
	t.Helper()
	response, body := send(t, http.MethodGet, i.BaseURL()+"/function/probe", "")
	var answer probeAnswer
	if err := json.Unmarshal([]byte(body), &answer); err != nil || response.StatusCode != http.StatusOK {
		t.Fatalf("%d %s", response.StatusCode, body)
	}
	return answer
}

func TestAnInstance(t *testing.T) {
	for name, redis := range map[string]string{"with the redis-server of this machine, if any": "", "with the embedded store": EmbeddedRedis} {
		t.Run(name, func(t *testing.T) { testInstance(t, startInstance(t, redis)) })
	}
}

func testInstance(t *testing.T, i *Instance) {
	t.Run("a function has its stack's settings, local's over them, its own secrets, and nothing of the shell", func(t *testing.T) {
		answer := ask(t, i)
		if answer.PID == os.Getpid() {
			t.Error("the function shares the platform's process")
		}
		want := map[string]string{"own": "from the stack", "redis_url": i.redisURL, "listen_host": "127.0.0.1", "LEAK": ""}
		for name, value := range want {
			if answer.Env[name] != value {
				t.Errorf("%s is %q, want %q", name, answer.Env[name], value)
			}
		}
		if !slices.Equal(answer.Secrets, []string{"polis-call-key", "redis-password"}) {
			t.Errorf("secrets %v", answer.Secrets)
		}
	})

	t.Run("a function that was killed is there again for the next call", func(t *testing.T) {
		before := ask(t, i).PID
		if err := i.Kill("probe"); err != nil {
			t.Fatal(err)
		}
		if after := ask(t, i).PID; after == before {
			t.Error("it is the same process")
		}
	})

	t.Run("one of several is killed and the others go on", func(t *testing.T) {
		if err := i.Scale("probe", 3); err != nil {
			t.Fatal(err)
		}
		load := startLoad(t, i.BaseURL()+"/function/probe")
		load.goesOn(t)
		if err := i.KillReplica("probe", 2); err != nil {
			t.Fatal(err)
		}
		load.goesOn(t)
		load.end()
		load.callers.Wait()
		if failed, all := load.failures.Load(), load.calls.Load(); failed > all/4 {
			t.Errorf("%d of %d calls failed", failed, all)
		}
		if err := i.Resume("probe"); err != nil { // waits until all are ready
			t.Fatal(err)
		}
		if err := i.KillReplica("probe", 3); err == nil {
			t.Error("killed the fourth of three")
		}
		if err := i.Scale("probe", 1); err != nil {
			t.Fatal(err)
		}
	})

	t.Run("what functions send arrives in the inbox", func(t *testing.T) {
		env := ask(t, i).Env
		letter := "Subject: =?utf-8?B?0J/QvtC70LjRgQ==?=\r\nContent-Type: text/plain; charset=utf-8\r\n\r\nготов\r\n"
		if err := smtp.SendMail(strings.TrimPrefix(env["smtp_url"], "smtp://"), nil, "polis@example.org", []string{"maria@example.org"}, []byte(letter)); err != nil {
			t.Fatal(err)
		}
		token, _ := i.secrets.get("sms-token")
		response, body := send(t, http.MethodPost, env["sms_url"], `{"to": "+79161234567", "text": "готов", "id": "1"}`,
			"Authorization", "Bearer "+token, "Idempotency-Key", "1")
		if response.StatusCode != http.StatusAccepted {
			t.Errorf("%d %s", response.StatusCode, body)
		}
		if got := i.Inbox(); len(got) != 2 || got[0].Subject != "Полис" || got[0].Text != "готов\n" || got[1].Channel != "sms" {
			t.Errorf("%+v", got)
		}
		if _, page := send(t, http.MethodGet, i.BaseURL()+"/inbox", ""); !strings.Contains(page, "maria@example.org") {
			t.Errorf("the page is\n%s", page)
		}
	})

	t.Run("the portal is known to the login by its settings and its secret", func(t *testing.T) {
		env := ask(t, i).Env
		login, portal := env["oidc_issuer"], env["public_url"]+"/function/portal/"
		asked := url.Values{
			"client_id": {env["oidc_client_id"]}, "redirect_uri": {portal + "login/callback"}, "response_type": {"code"}, "scope": {"openid"},
			"state": {"s"}, "nonce": {"n"}, "code_challenge": {strings.Repeat("a", 43)}, "code_challenge_method": {"S256"},
		}
		if response, page := send(t, http.MethodGet, login+"/authorize?"+asked.Encode(), ""); response.StatusCode != http.StatusOK || !strings.Contains(page, "Ковалёв") {
			t.Errorf("%d\n%s", response.StatusCode, page)
		}
		secret, _ := i.secrets.get("portal-client-secret")
		exchange := url.Values{
			"grant_type": {"authorization_code"}, "code": {"unknown"}, "code_verifier": {"v"}, "redirect_uri": asked["redirect_uri"],
			"client_id": asked["client_id"], "client_secret": {secret},
		}
		if response, body := send(t, http.MethodPost, login+"/token", exchange.Encode(), "Content-Type", "application/x-www-form-urlencoded"); !strings.Contains(body, "invalid_grant") {
			t.Errorf("%d %s", response.StatusCode, body)
		}
		away := url.Values{"client_id": asked["client_id"], "post_logout_redirect_uri": {portal}}
		if response, _ := send(t, http.MethodGet, login+"/logout?"+away.Encode(), ""); response.Header.Get("Location") != portal {
			t.Errorf("logging out: %d to %q", response.StatusCode, response.Header.Get("Location"))
		}
	})

	t.Run("a suspended function stays away until it is resumed", func(t *testing.T) {
		if err := i.Suspend("probe"); err != nil {
			t.Fatal(err)
		}
		response, body := send(t, http.MethodGet, i.BaseURL()+"/function/probe", "")
		wantProblem(t, response, body, http.StatusServiceUnavailable, "function_unavailable")
		if err := i.Resume("probe"); err != nil {
			t.Fatal(err)
		}
		ask(t, i)
	})

	t.Run("a store that was killed is there again at its address", func(t *testing.T) {
		for _, name := range []string{"redis", "s3"} {
			if err := i.Kill(name); err != nil {
				t.Fatal(err)
			}
			if err := i.Resume(name); err != nil {
				t.Fatalf("%s: %v", name, err)
			}
		}
		if err := i.S3().CreateBucket(t.Context(), Bucket); err != nil {
			t.Error(err)
		}
		if err := openRedis(t, i.RedisURL()).Ping(t.Context()).Err(); err != nil {
			t.Error(err)
		}
	})

	t.Run("after a jump every process has the new time, and each cron job has run once", func(t *testing.T) {
		to := time.Date(2027, 1, 9, 12, 0, 0, 0, time.UTC)
		if err := i.SetClock(t.Context(), to); err != nil {
			t.Fatal(err)
		}
		if law := ask(t, i).Law; law.Before(to) || law.After(to.Add(time.Minute)) {
			t.Errorf("the function has %v", law)
		}
		ticks, err := os.ReadFile(filepath.Join(i.data, "functions", "ticks"))
		if err != nil || len(ticks) != 1 {
			t.Errorf("%d cron calls, %v", len(ticks), err)
		}
		ahead, err := Remote{Addr: strings.TrimPrefix(i.BaseURL(), "http://")}.MoveClock(t.Context(), "+72h")
		if err != nil || !strings.HasPrefix(ahead, "2027-01-12T15:0") || !strings.HasSuffix(ahead, "+03:00") {
			t.Errorf("moved to %s, %v", ahead, err)
		}
	})
}

func TestNothingOutlivesAPlatformThatIsKilled(t *testing.T) {
	data := t.TempDir()
	platform := exec.Command(os.Args[0])
	platform.Env = append(os.Environ(), "POLIS_PLATFORM_TEST="+data, "POLIS_PLATFORM_STACK="+writeStack(t, testStack))
	output, err := platform.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := platform.Start(); err != nil {
		t.Fatal(err)
	}
	started, _ := bufio.NewReader(output).ReadString('\n')
	store := openRedis(t, strings.TrimSpace(started))
	family := descendants(t, platform.Process.Pid)
	if len(family) < 4 { // two functions, two stores
		t.Fatalf("the platform has only %d processes", len(family))
	}
	if err := store.Set(t.Context(), "kept", "yes", 0).Err(); err != nil {
		t.Fatal(err)
	}
	if _, err := exec.LookPath("redis-server"); err != nil {
		<-time.After(time.Second) // all that the embedded store promises
	}
	if err := platform.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	platform.Wait() // reports the kill
	for _, pid := range family {
		eventually(t, fmt.Sprintf("process %d is gone", pid), func() bool { return !alive(pid) })
	}
	// The data are free for the next instance at once, and complete.
	again, err := Start(t.Context(), Options{Addr: "127.0.0.1:0", Data: data, Stack: writeStack(t, testStack), Log: os.Stderr})
	if err != nil {
		t.Fatal(err)
	}
	if kept := openRedis(t, again.RedisURL()).Get(t.Context(), "kept").Val(); kept != "yes" {
		t.Errorf("after kill -9 the store holds %q", kept)
	}
	if err := again.Close(); err != nil {
		t.Error(err)
	}
}

func openRedis(t *testing.T, url string) *redis.Client {
	t.Helper()
	options, err := redis.ParseURL(url)
	if err != nil {
		t.Fatalf("%s: %v", url, err)
	}
	client := redis.NewClient(options)
	t.Cleanup(func() { client.Close() })
	return client
}

func TestAStartThatFailsSaysWhyAndLeavesNothing(t *testing.T) {
	taken, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer taken.Close()
	stack := func(content string) string { return writeStack(t, content) }
	for _, c := range []struct {
		name    string
		options Options
		says    string
	}{
		{"an address that others can reach", Options{Addr: "0.0.0.0:0", Stack: stack(testStack)}, "only a loopback address"},
		{"a taken address", Options{Addr: taken.Addr().String(), Stack: stack(testStack)}, "choose another address with -addr"},
		{"replicas of nobody", Options{Addr: "127.0.0.1:0", Stack: stack(testStack), Replicas: map[string]int{"stranger": 2}}, "no such function"},
		{"more replicas than OpenFaaS allows", Options{Addr: "127.0.0.1:0", Stack: stack(testStack), Replicas: map[string]int{"probe": 6}}, "from 1 to 5"},
		{"a share that is none", Options{Addr: "127.0.0.1:0", Stack: stack(testStack), Queue: QueueFaults{Drop: 2}}, "queue faults"},
		{"no stack file", Options{Addr: "127.0.0.1:0", Stack: "nowhere.yml"}, "no stack file nowhere.yml"},
		{"a schedule that is none", Options{Addr: "127.0.0.1:0", Stack: stack("functions: {ticks: {annotations: {topic: cron-function, schedule: daily}}}")}, "schedule of ticks"},
		{"a function that is not in the program", Options{Addr: "127.0.0.1:0", Stack: stack("functions: {stranger: {}}")}, "no function stranger"},
		{"a secret that nobody makes", Options{Addr: "127.0.0.1:0", Stack: stack("functions: {probe: {secrets: [mystery]}}")}, `"mystery"`},
		{"a function with a wrong setting", Options{Addr: "127.0.0.1:0", Stack: stack("functions: {wrong: {}}")}, "never_set: setting is missing"},
		{"a Redis that does not answer", Options{Addr: "127.0.0.1:0", Stack: stack(testStack), Redis: "redis://:x@127.0.0.1:1/0"}, "does not answer"},
	} {
		t.Run(c.name, func(t *testing.T) {
			i, err := Start(t.Context(), c.options)
			if err == nil {
				i.Close()
				t.Fatal("started")
			}
			if !strings.Contains(err.Error(), c.says) {
				t.Errorf("says %q, want %q in it", err, c.says)
			}
			if left := descendants(t, os.Getpid()); len(left) > 0 {
				t.Errorf("left processes %v", left)
			}
		})
	}
}

func TestTheClockReadsStepsAndTimes(t *testing.T) {
	now := time.Date(2026, 3, 10, 9, 0, 0, 0, time.UTC)
	for to, want := range map[string]time.Time{
		"+72h":                      now.AddDate(0, 0, 3),
		"-30m":                      now.Add(-30 * time.Minute),
		"+400d":                     now.AddDate(0, 0, 400),
		"-1d":                       now.AddDate(0, 0, -1),
		"2026-12-31T23:59:59+03:00": time.Date(2026, 12, 31, 20, 59, 59, 0, time.UTC),
	} {
		if got, err := clockTarget(now, to); err != nil || !got.Equal(want) {
			t.Errorf("%s: %v, %v", to, got, err)
		}
	}
	for _, to := range []string{"", "d", "+d", "72h", "+3", "3d", "+1.5d", "+three days", "2026-12-31"} {
		if got, err := clockTarget(now, to); err == nil || !strings.Contains(err.Error(), "+72h") {
			t.Errorf("%q was read as %v, %v", to, got, err)
		}
	}
	if got, err := clockTarget(now, "+106752d"); err == nil {
		t.Errorf("too many days were read as %v", got)
	}
	clock := lawclock.File(t.TempDir() + "/clock")
	for _, year := range []int{9999, 1} {
		if err := clock.Set(time.Date(year, 1, 1, 0, 0, 0, 0, time.UTC)); err == nil {
			t.Errorf("the year %d was set as %v", year, clock.Now())
		}
	}
}

// descendants are the processes below pid, by the process table of Linux.
func descendants(t *testing.T, pid int) []int {
	t.Helper()
	children := map[int][]int{}
	tables, err := filepath.Glob("/proc/[0-9]*/stat")
	if err != nil {
		t.Fatal(err)
	}
	for _, file := range tables {
		id, _ := strconv.Atoi(filepath.Base(filepath.Dir(file)))
		if state, parent := processState(id); state != "Z" && parent != 0 {
			children[parent] = append(children[parent], id)
		}
	}
	var below []int
	for queue := children[pid]; len(queue) > 0; queue = queue[1:] {
		below = append(below, queue[0])
		queue = append(queue, children[queue[0]]...)
	}
	return below
}

func alive(pid int) bool {
	state, _ := processState(pid)
	return state != "" && state != "Z"
}

// processState is empty for a process that is gone.
func processState(pid int) (state string, parent int) {
	stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return "", 0
	}
	// The name, in brackets, may hold anything.
	fields := strings.Fields(string(stat[strings.LastIndexByte(string(stat), ')')+1:]))
	parent, _ = strconv.Atoi(fields[1])
	return fields[0], parent
}
