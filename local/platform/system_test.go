package platform

import (
	"context"
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/openfaas/faas-provider/logs"
	"github.com/openfaas/faas-provider/types"
	"github.com/openfaas/go-sdk"
)

func TestTheClientOfOpenFaaSManagesAnInstance(t *testing.T) {
	i := startInstance(t, EmbeddedRedis)
	address, err := url.Parse(i.BaseURL())
	if err != nil {
		t.Fatal(err)
	}
	client := sdk.NewClient(address, &sdk.BasicAuth{Username: AdminUser, Password: i.AdminPassword()}, http.DefaultClient)
	ctx := t.Context()
	describe := func(t *testing.T) types.FunctionStatus {
		t.Helper()
		status, err := client.GetFunction(ctx, "probe", namespace)
		if err != nil {
			t.Fatal(err)
		}
		return status
	}
	update := func(t *testing.T, change func(*types.FunctionDeployment)) error {
		t.Helper()
		d := deploymentOf(describe(t))
		change(&d)
		_, err := client.Update(ctx, d)
		return err
	}

	t.Run("the password is in the data folder, and not among the functions' secrets", func(t *testing.T) {
		if written, err := os.ReadFile(i.adminFile()); err != nil || string(written) != i.AdminPassword() {
			t.Errorf("%q, %v", written, err)
		}
		if slices.Contains(i.secrets.names(), filepath.Base(i.adminFile())) {
			t.Error("it can be mounted")
		}
	})

	t.Run("it tells what it is", func(t *testing.T) {
		info, err := client.GetInfo(ctx)
		if err != nil || info.Provider.Provider == "" || info.Provider.Version.Release == "" || info.Version.Release == "" || info.Arch == "" {
			t.Errorf("%+v, %v", info, err)
		}
		if names, err := client.GetNamespaces(ctx); err != nil || !slices.Equal(names, []string{namespace}) {
			t.Errorf("namespaces %v, %v", names, err)
		}
		if one, err := client.GetNamespace(ctx, namespace); err != nil || one.Name != namespace {
			t.Errorf("%+v, %v", one, err)
		}
		if _, err := client.CreateNamespace(ctx, types.FunctionNamespace{Name: "mine"}); err == nil {
			t.Error("a second namespace")
		}
	})

	t.Run("it lists and describes what the stack file deploys", func(t *testing.T) {
		all, err := client.GetFunctions(ctx, "")
		if err != nil || len(all) != 2 || all[0].Name != "probe" || all[1].Name != "ticks" {
			t.Fatalf("%+v, %v", all, err)
		}
		p := describe(t)
		if p.Image != "example.org/probe" || p.Namespace != namespace || p.Replicas != 1 || p.AvailableReplicas != 1 || p.CreatedAt.IsZero() {
			t.Errorf("%+v", p)
		}
		if p.EnvVars["own"] != "from the stack" || !slices.Equal(p.Secrets, []string{"polis-call-key", "redis-password"}) {
			t.Errorf("environment %v, secrets %v", p.EnvVars, p.Secrets)
		}
		if (*all[1].Annotations)["topic"] != "cron-function" {
			t.Errorf("annotations %v", *all[1].Annotations)
		}
	})

	t.Run("it calls functions and counts the calls", func(t *testing.T) {
		before := describe(t).InvocationCount
		r, err := http.NewRequestWithContext(ctx, http.MethodPost, "http://anywhere", nil)
		if err != nil {
			t.Fatal(err)
		}
		response, err := client.InvokeFunction("probe", namespace, false, false, r)
		if err != nil || response.StatusCode != http.StatusOK {
			t.Fatal(response, err)
		}
		response.Body.Close()
		if after := describe(t).InvocationCount; after != before+1 {
			t.Errorf("%v calls, then %v", before, after)
		}
	})

	t.Run("a changed environment takes over under load and no call fails", func(t *testing.T) {
		load := startLoad(t, i.BaseURL()+"/function/probe")
		load.goesOn(t)
		if err := update(t, func(d *types.FunctionDeployment) { d.EnvVars["own"] = "deployed" }); err != nil {
			t.Fatal(err)
		}
		if own := ask(t, i).Env["own"]; own != "deployed" {
			t.Errorf("after the deployment it is %q", own)
		}
		load.goesOn(t)
		if _, err := client.Deploy(ctx, deploymentOf(describe(t))); err != nil {
			t.Errorf("the same by POST: %v", err)
		}
		load.goesOn(t)
		load.stop(t)
	})

	t.Run("it scales to three and back under load, the calls go to each, and none fails", func(t *testing.T) {
		load := startLoad(t, i.BaseURL()+"/function/probe")
		if err := client.ScaleFunction(ctx, "probe", namespace, 3); err != nil {
			t.Fatal(err)
		}
		if p := describe(t); p.Replicas != 3 || p.AvailableReplicas != 3 {
			t.Errorf("%d replicas, %d ready", p.Replicas, p.AvailableReplicas)
		}
		seen := map[int]bool{}
		eventually(t, "three processes have answered", func() bool { seen[ask(t, i).PID] = true; return len(seen) == 3 })
		if err := update(t, func(d *types.FunctionDeployment) { d.EnvVars["own"] = "by three" }); err != nil {
			t.Fatal(err)
		}
		if p := describe(t); p.Replicas != 3 || p.AvailableReplicas != 3 || ask(t, i).Env["own"] != "by three" {
			t.Errorf("after a deployment: %d replicas, %d ready", p.Replicas, p.AvailableReplicas)
		}
		if err := client.ScaleFunction(ctx, "probe", namespace, 1); err != nil {
			t.Fatal(err)
		}
		if p := describe(t); p.Replicas != 1 || p.AvailableReplicas != 1 {
			t.Errorf("%d replicas, %d ready", p.Replicas, p.AvailableReplicas)
		}
		load.goesOn(t)
		load.stop(t)
		eventually(t, "those that left are gone", func() bool {
			left, err := os.ReadDir(filepath.Join(i.data, "functions"))
			return err == nil && len(left) == 2 // one of each function
		})
	})

	t.Run("a call that is being answered ends before its process does", func(t *testing.T) {
		entered, leave := make(chan struct{}), make(chan struct{})
		gate := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {
			close(entered)
			<-leave
		}))
		defer gate.Close()
		answered := make(chan string, 1)
		go func() {
			response, err := http.Post(i.BaseURL()+"/function/probe", "text/plain", strings.NewReader(gate.URL))
			if err != nil {
				answered <- err.Error()
				return
			}
			defer response.Body.Close()
			body, _ := io.ReadAll(response.Body)
			answered <- string(body)
		}()
		<-entered
		if err := update(t, func(d *types.FunctionDeployment) { d.EnvVars["own"] = "the next" }); err != nil {
			t.Fatal(err)
		}
		if own := ask(t, i).Env["own"]; own != "the next" {
			t.Errorf("meanwhile %q answers", own)
		}
		close(leave)
		var answer probeAnswer
		if body := <-answered; json.Unmarshal([]byte(body), &answer) != nil || answer.Env["own"] != "by three" {
			t.Errorf("answered %q", body)
		}
	})

	t.Run("what cannot run is refused, with the reason, and all stays as it was", func(t *testing.T) {
		before := ask(t, i)
		for _, c := range []struct {
			name   string
			change func(*types.FunctionDeployment)
			says   string
		}{
			{"a wrong setting", func(d *types.FunctionDeployment) { d.EnvVars["exec_timeout"] = "soon" }, "exec_timeout"},
			{"a secret that is not there", func(d *types.FunctionDeployment) { d.Secrets = []string{"mystery"} }, "mystery"},
			{"a schedule that is none", func(d *types.FunctionDeployment) {
				d.Annotations = &map[string]string{"topic": "cron-function", "schedule": "daily"}
			}, "schedule"},
			{"a schedule that never comes", func(d *types.FunctionDeployment) {
				d.Annotations = &map[string]string{"topic": "cron-function", "schedule": "0 0 30 2 *"}
			}, "never comes"},
			{"too many replicas", func(d *types.FunctionDeployment) { d.Labels = &map[string]string{minReplicasLabel: "6"} }, minReplicasLabel},
			{"another namespace", func(d *types.FunctionDeployment) { d.Namespace = "mine" }, "namespace"},
			{"an unknown function", func(d *types.FunctionDeployment) { d.Service, d.Image = "figlet", "example.org/figlet" }, "figlet"},
		} {
			if err := update(t, c.change); err == nil || !strings.Contains(err.Error(), "400") || !strings.Contains(err.Error(), c.says) {
				t.Errorf("%s: %v", c.name, err)
			}
		}
		if err := client.ScaleFunction(ctx, "probe", namespace, maxReplicas+1); err == nil {
			t.Error("scaled above the limit")
		}
		if err := client.ScaleFunction(ctx, "figlet", namespace, 1); err == nil || !strings.Contains(err.Error(), "not found") {
			t.Errorf("scale of an unknown function: %v", err)
		}
		if after := ask(t, i); after.PID != before.PID {
			t.Error("another process answers")
		}
	})

	t.Run("a secret that is created can be deployed, and its value is shown to its functions only", func(t *testing.T) {
		secret := types.Secret{Name: "own-secret", Value: "one"}
		if _, err := client.CreateSecret(ctx, secret); err != nil {
			t.Fatal(err)
		}
		if status, err := client.CreateSecret(ctx, secret); status != http.StatusConflict {
			t.Errorf("created twice: %d, %v", status, err)
		}
		all, err := client.GetSecrets(ctx, namespace)
		if err != nil || !slices.ContainsFunc(all, func(s types.Secret) bool { return s.Name == secret.Name }) {
			t.Errorf("%v, %v", all, err)
		}
		for _, s := range all {
			if s.Value != "" || len(s.RawValue) > 0 {
				t.Errorf("%s is listed with its value", s.Name)
			}
		}
		secret.Value = "two"
		if _, err := client.UpdateSecret(ctx, secret); err != nil {
			t.Error(err)
		}
		if err := update(t, func(d *types.FunctionDeployment) { d.Secrets = []string{secret.Name} }); err != nil {
			t.Fatal(err)
		}
		if mounted := ask(t, i).Secrets; !slices.Equal(mounted, []string{secret.Name}) {
			t.Errorf("mounted are %v", mounted)
		}
		value, err := os.ReadFile(filepath.Join(i.ownDir(i.functions["probe"].processes()[0].name), "secrets", secret.Name))
		if err != nil || string(value) != "two" {
			t.Errorf("its value is %q, %v", value, err)
		}
		if err := client.DeleteSecret(ctx, secret.Name, namespace); err != nil {
			t.Error(err)
		}
		if err := client.DeleteSecret(ctx, secret.Name, namespace); err == nil || !strings.Contains(err.Error(), "not found") {
			t.Errorf("deleted twice: %v", err)
		}
		for _, name := range []string{"", "../escape", "UPPER", ".hidden"} {
			if status, err := client.CreateSecret(ctx, types.Secret{Name: name, Value: "x"}); status != http.StatusBadRequest {
				t.Errorf("%q: %d, %v", name, status, err)
			}
		}
		if err := update(t, func(d *types.FunctionDeployment) { d.Secrets = nil }); err != nil {
			t.Error(err)
		}
	})

	t.Run("it reads logs, and follows them", func(t *testing.T) {
		read := func(ctx context.Context, follow bool, tail int, since *time.Time) <-chan logs.Message {
			t.Helper()
			lines, err := client.GetLogs(ctx, "probe", namespace, follow, tail, since)
			if err != nil {
				t.Fatal(err)
			}
			return lines
		}
		call := func(mark string) { send(t, http.MethodGet, i.BaseURL()+"/function/probe?"+mark, "") }
		call("first")
		call("second")
		var last logs.Message
		eventually(t, "the last line is the last call's", func() bool {
			n := 0
			for last = range read(ctx, false, 1, nil) {
				n++
			}
			return n == 1 && strings.Contains(last.Text, "second")
		})
		instance := i.functions["probe"].processes()[0].name
		if last.Name != "probe" || last.Namespace != namespace || last.Instance != instance || time.Since(last.Timestamp) > time.Minute {
			t.Errorf("%+v", last)
		}
		future := time.Now().Add(time.Hour)
		for line := range read(ctx, false, 0, &future) {
			t.Errorf("a line of the future: %+v", line)
		}
		following, stop := context.WithCancel(ctx)
		lines := read(following, true, 1, nil)
		if line := <-lines; !strings.Contains(line.Text, "second") {
			t.Errorf("followed from %q", line.Text)
		}
		call("third")
		if line := <-lines; !strings.Contains(line.Text, "third") {
			t.Errorf("followed by %q", line.Text)
		}
		stop()
		for range lines { // ends
		}
		if _, err := client.GetLogs(ctx, "figlet", namespace, false, 0, nil); err == nil || !strings.Contains(err.Error(), "not found") {
			t.Errorf("of an unknown function: %v", err)
		}
	})

	t.Run("cron follows the annotations that are deployed", func(t *testing.T) {
		schedule := func(of map[string]string) {
			t.Helper()
			if err := update(t, func(d *types.FunctionDeployment) { d.Annotations = &of }); err != nil {
				t.Fatal(err)
			}
		}
		schedule(map[string]string{"topic": "cron-function", "schedule": "@every 1s"})
		before := describe(t).InvocationCount
		eventually(t, "cron has called", func() bool { return describe(t).InvocationCount > before })
		schedule(nil)
		if jobs := i.cronJobs(); len(jobs) != 1 || jobs[0].function != "ticks" {
			t.Errorf("left are %v", jobs)
		}
	})

	t.Run("a function that is deleted is not there until it is deployed again", func(t *testing.T) {
		deployment := deploymentOf(describe(t))
		if err := client.DeleteFunction(ctx, "probe", namespace); err != nil {
			t.Fatal(err)
		}
		response, body := send(t, http.MethodGet, i.BaseURL()+"/function/probe", "")
		wantProblem(t, response, body, http.StatusNotFound, "function_not_found")
		if all, err := client.GetFunctions(ctx, namespace); err != nil || len(all) != 1 {
			t.Errorf("%v, %v", all, err)
		}
		if status, err := client.Update(ctx, deployment); status != http.StatusNotFound {
			t.Errorf("update of it: %d, %v", status, err)
		}
		if err := client.DeleteFunction(ctx, "probe", namespace); err == nil || !strings.Contains(err.Error(), "not found") {
			t.Errorf("deleted twice: %v", err)
		}
		if err := i.Kill("probe"); err == nil {
			t.Error("killed")
		}
		if _, err := client.Deploy(ctx, deployment); err != nil {
			t.Fatal(err)
		}
		ask(t, i)
	})

	t.Run("nobody else manages it", func(t *testing.T) {
		for name, header := range map[string][]string{
			"without a password":           nil,
			"with a wrong one":             {"Authorization", "Basic YWRtaW46eA=="},
			"as a citizen":                 {"Authorization", "Bearer x"},
			"as another user, also by GET": {"Authorization", "Basic " + "eDp4"},
		} {
			for _, path := range []string{"functions", "function/probe", "info", "secrets", "logs?name=probe", "namespaces", "nothing"} {
				if response, _ := send(t, http.MethodGet, i.BaseURL()+"/system/"+path, "", header...); response.StatusCode != http.StatusUnauthorized {
					t.Errorf("%s: %s answers %d", name, path, response.StatusCode)
				}
			}
		}
		password := func(r *http.Request) { r.SetBasicAuth(AdminUser, i.AdminPassword()) }
		for name, change := range map[string]func(*http.Request){
			"from another site's page":      func(r *http.Request) { password(r); r.Header.Set("Sec-Fetch-Site", "cross-site") },
			"under a name that points here": func(r *http.Request) { password(r); r.Host = "evil.example" },
		} {
			r, err := http.NewRequestWithContext(ctx, http.MethodDelete, i.BaseURL()+"/system/functions", strings.NewReader(`{"functionName":"probe"}`))
			if err != nil {
				t.Fatal(err)
			}
			change(r)
			response, err := http.DefaultClient.Do(r)
			if err != nil {
				t.Fatal(err)
			}
			response.Body.Close()
			if response.StatusCode != http.StatusForbidden {
				t.Errorf("%s: %d", name, response.StatusCode)
			}
		}
		ask(t, i)
	})
}

func deploymentOf(s types.FunctionStatus) types.FunctionDeployment {
	return types.FunctionDeployment{
		Service: s.Name, Image: s.Image, Namespace: s.Namespace, EnvVars: s.EnvVars,
		Secrets: s.Secrets, Labels: s.Labels, Annotations: s.Annotations,
	}
}

// load calls an address without a pause over sixteen connections.
type load struct {
	calls, failures atomic.Int64
	end             context.CancelFunc
	callers         sync.WaitGroup
}

func startLoad(t *testing.T, address string) *load {
	t.Helper()
	ctx, end := context.WithCancel(t.Context())
	l := &load{end: end}
	client := &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: 16}}
	t.Cleanup(client.CloseIdleConnections)
	for range 16 {
		l.callers.Go(func() {
			for ctx.Err() == nil {
				// Not with ctx: the end of the load is no failure.
				response, err := client.Post(address, "text/plain", nil)
				if err != nil {
					t.Error(err)
					l.failures.Add(1)
					continue
				}
				io.Copy(io.Discard, response.Body)
				response.Body.Close()
				if response.StatusCode != http.StatusOK {
					l.failures.Add(1)
				}
				l.calls.Add(1)
			}
		})
	}
	t.Cleanup(func() { end(); l.callers.Wait() })
	return l
}

// goesOn waits for a hundred calls more.
func (l *load) goesOn(t *testing.T) {
	t.Helper()
	enough := l.calls.Load() + 100
	eventually(t, "the load goes on", func() bool { return l.calls.Load() >= enough })
}

func (l *load) stop(t *testing.T) {
	t.Helper()
	l.end()
	l.callers.Wait()
	if n := l.failures.Load(); n != 0 {
		t.Errorf("%d of %d calls failed", n, l.calls.Load())
	}
}
