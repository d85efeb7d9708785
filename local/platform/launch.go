package platform

import (
	"context"
	"errors"
	"maps"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"

	"github.com/openfaas/faas-provider/types"
	"golang.org/x/sync/errgroup"

	"polis/local/child"
	"polis/local/issuer"
)

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
