package platform

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"regexp"
	"runtime"
	"strconv"
	"time"

	"github.com/openfaas/faas-provider/auth"
	"github.com/openfaas/faas-provider/logs"
	"github.com/openfaas/faas-provider/types"
)

// AdminUser may manage functions and secrets under /system/.
const AdminUser = "admin"

// maxSystemBody is far above any deployment, and what Kubernetes allows to a
// secret.
const maxSystemBody = 1 << 20

// refusal is an error of the one who asked.
type refusal struct {
	status int
	text   string
}

func (r *refusal) Error() string { return r.text }

func refused(status int, format string, args ...any) error {
	return &refusal{status, fmt.Sprintf(format, args...)}
}

// system is the part of the gateway's API by which faas-cli and go-sdk manage
// functions and secrets. Its answers, errors among them, have the shape that
// these expect, not the public face's.
func (i *Instance) system() http.Handler {
	mux := http.NewServeMux()
	handle := func(pattern string, answer func(*http.Request) (any, error)) {
		mux.HandleFunc(pattern, func(w http.ResponseWriter, r *http.Request) {
			r.Body = http.MaxBytesReader(w, r.Body, maxSystemBody)
			if err := inNamespace(r.URL.Query().Get("namespace")); err != nil {
				tell(w, nil, err)
				return
			}
			document, err := answer(r)
			tell(w, document, err)
		})
	}
	handle("GET /system/info", i.info)
	handle("GET /system/functions", i.listFunctions)
	handle("POST /system/functions", i.deployFunction)
	handle("PUT /system/functions", i.updateFunction)
	handle("DELETE /system/functions", i.deleteFunction)
	handle("GET /system/function/{name}", i.describeFunction)
	handle("POST /system/scale-function/{name}", i.scaleFunction)
	handle("GET /system/secrets", i.listSecrets)
	handle("POST /system/secrets", i.createSecret)
	handle("PUT /system/secrets", i.updateSecret)
	handle("DELETE /system/secrets", i.deleteSecret)
	handle("GET /system/namespaces", func(*http.Request) (any, error) { return []string{namespace}, nil })
	handle("GET /system/namespace/{name}", func(r *http.Request) (any, error) {
		if name := r.PathValue("name"); name != namespace {
			return nil, refused(http.StatusNotFound, "there is no namespace %q", name)
		}
		return types.FunctionNamespace{Name: namespace}, nil
	})
	handle("/system/namespace/", func(*http.Request) (any, error) {
		return nil, refused(http.StatusNotImplemented, "there is one namespace only: %s", namespace)
	})
	mux.HandleFunc("GET /system/logs", i.streamLogs)
	// The browser that was once told the password must not lend it to other
	// sites.
	guarded := http.NewCrossOriginProtection().Handler(mux)
	return auth.DecorateWithBasicAuth(guarded.ServeHTTP, &auth.BasicAuthCredentials{User: AdminUser, Password: i.adminPassword})
}

// tell answers with a document, with 202 where there is none, or with an error.
func tell(w http.ResponseWriter, document any, err error) {
	var asker *refusal
	switch {
	case errors.As(err, &asker):
		http.Error(w, asker.text, asker.status)
	case errors.Is(err, errNotDeployed):
		http.Error(w, err.Error(), http.StatusNotFound)
	case err != nil:
		http.Error(w, err.Error(), http.StatusInternalServerError)
	case document == nil:
		w.WriteHeader(http.StatusAccepted)
	default:
		w.Header().Set("Content-Type", "application/json")
		json.NewEncoder(w).Encode(document) // fails only when the client is gone
	}
}

// inNamespace refuses any other than the one there is; empty stands for it.
func inNamespace(name string) error {
	if name != "" && name != namespace {
		return refused(http.StatusBadRequest, "there is no namespace %q, only %s", name, namespace)
	}
	return nil
}

func decode[T any](r *http.Request) (asked T, err error) {
	if err := json.NewDecoder(r.Body).Decode(&asked); err != nil {
		return asked, refused(http.StatusBadRequest, "the body cannot be read: %v", err)
	}
	return asked, nil
}

func (i *Instance) info(*http.Request) (any, error) {
	version := types.VersionInfo{SHA: "local", Release: "local"}
	return map[string]any{
		"arch":    runtime.GOARCH,
		"version": version,
		"provider": types.ProviderInfo{
			Name: "polis-local", Orchestration: "processes", Version: &version,
		},
	}, nil
}

func (i *Instance) listFunctions(*http.Request) (any, error) {
	all := []types.FunctionStatus{}
	for _, name := range i.stack.names() {
		if status := i.functions[name].status(); status != nil {
			all = append(all, *status)
		}
	}
	return all, nil
}

func (i *Instance) describeFunction(r *http.Request) (any, error) {
	if f := i.functions[r.PathValue("name")]; f != nil {
		if status := f.status(); status != nil {
			return status, nil
		}
	}
	return nil, errNotDeployed
}

// deployFunction puts a deployment in the place of the present one, if there is
// one.
func (i *Instance) deployFunction(r *http.Request) (any, error) {
	d, err := decode[types.FunctionDeployment](r)
	if err != nil {
		return nil, err
	}
	return nil, i.deploy(r.Context(), d)
}

func (i *Instance) updateFunction(r *http.Request) (any, error) {
	d, err := decode[types.FunctionDeployment](r)
	if err != nil {
		return nil, err
	}
	if f := i.functions[d.Service]; f != nil && f.status() == nil {
		return nil, errNotDeployed
	}
	return nil, i.deploy(r.Context(), d)
}

// deploy returns when the deployment takes calls. There is no image to fetch:
// what runs under a function's name is this program's.
func (i *Instance) deploy(ctx context.Context, d types.FunctionDeployment) error {
	f := i.functions[d.Service]
	if f == nil {
		return refused(http.StatusBadRequest, "function %q (image %q) is not one of the stack file: local has no images, only these functions: %v",
			d.Service, d.Image, i.stack.names())
	}
	if err := inNamespace(d.Namespace); err != nil {
		return err
	}
	ctx, cancel := i.startContext(ctx)
	defer cancel()
	if err := f.deploy(ctx, d, 0); err != nil {
		return refused(http.StatusBadRequest, "%v", err)
	}
	return nil
}

func (i *Instance) deleteFunction(r *http.Request) (any, error) {
	asked, err := decode[types.DeleteFunctionRequest](r)
	if err != nil {
		return nil, err
	}
	if err := inNamespace(asked.Namespace); err != nil {
		return nil, err
	}
	f := i.functions[asked.FunctionName]
	if f == nil {
		return nil, errNotDeployed
	}
	return nil, f.remove()
}

func (i *Instance) scaleFunction(r *http.Request) (any, error) {
	asked, err := decode[types.ScaleServiceRequest](r)
	if err != nil {
		return nil, err
	}
	if err := inNamespace(asked.Namespace); err != nil {
		return nil, err
	}
	if asked.Replicas > maxReplicas {
		return nil, refused(http.StatusBadRequest, "%d replicas are more than %d", asked.Replicas, maxReplicas)
	}
	return nil, i.scale(r.Context(), r.PathValue("name"), int(asked.Replicas))
}

func (i *Instance) scale(ctx context.Context, name string, replicas int) error {
	f := i.functions[name]
	if f == nil {
		return errNotDeployed
	}
	ctx, cancel := i.startContext(ctx)
	defer cancel()
	return f.scale(ctx, replicas)
}

// startContext bounds a start that ctx asks for.
func (i *Instance) startContext(ctx context.Context) (context.Context, context.CancelFunc) {
	ctx, cancel := context.WithTimeout(ctx, startTimeout)
	forget := context.AfterFunc(i.alive, cancel)
	return ctx, func() { forget(); cancel() }
}

func (i *Instance) listSecrets(*http.Request) (any, error) {
	all := []types.Secret{}
	for _, name := range i.secrets.names() {
		all = append(all, types.Secret{Name: name, Namespace: namespace})
	}
	return all, nil
}

// fitSecretName is what can be the name of a Kubernetes secret, and of a file.
var fitSecretName = regexp.MustCompile(`^[a-z0-9]([-a-z0-9.]{0,251}[a-z0-9])?$`)

func (i *Instance) createSecret(r *http.Request) (any, error) {
	secret, there, err := i.namedSecret(r)
	if err != nil {
		return nil, err
	}
	if there {
		return nil, refused(http.StatusConflict, "secret %q already exists", secret.Name)
	}
	return nil, i.secrets.put(secret.Name, secretValue(secret))
}

// updateSecret takes effect at a process's next start.
func (i *Instance) updateSecret(r *http.Request) (any, error) {
	secret, err := i.presentSecret(r)
	if err != nil {
		return nil, err
	}
	return nil, i.secrets.put(secret.Name, secretValue(secret))
}

func (i *Instance) deleteSecret(r *http.Request) (any, error) {
	secret, err := i.presentSecret(r)
	if err != nil {
		return nil, err
	}
	return nil, i.secrets.remove(secret.Name)
}

func (i *Instance) presentSecret(r *http.Request) (types.Secret, error) {
	secret, there, err := i.namedSecret(r)
	if err == nil && !there {
		err = refused(http.StatusNotFound, "there is no secret %q", secret.Name)
	}
	return secret, err
}

func (i *Instance) namedSecret(r *http.Request) (secret types.Secret, there bool, err error) {
	if secret, err = decode[types.Secret](r); err != nil {
		return secret, false, err
	}
	if err = inNamespace(secret.Namespace); err != nil {
		return secret, false, err
	}
	if !fitSecretName.MatchString(secret.Name) {
		return secret, false, refused(http.StatusBadRequest, "%q cannot be the name of a secret", secret.Name)
	}
	_, there = i.secrets.get(secret.Name)
	return secret, there, nil
}

func secretValue(secret types.Secret) string {
	if len(secret.RawValue) > 0 {
		return string(secret.RawValue)
	}
	return secret.Value
}

// streamLogs answers with a JSON document a line, for as long as the client
// stays if it wants to follow.
func (i *Instance) streamLogs(w http.ResponseWriter, r *http.Request) {
	asked, err := logsAsked(r)
	f := i.functions[asked.Name]
	if err == nil && (f == nil || f.status() == nil) {
		err = errNotDeployed
	}
	if err != nil {
		tell(w, nil, err)
		return
	}
	ctx, cancel := context.WithCancel(r.Context())
	defer cancel()
	defer context.AfterFunc(i.alive, cancel)()
	w.Header().Set("Content-Type", "application/x-ndjson")
	w.WriteHeader(http.StatusOK)
	stream := http.NewResponseController(w)
	stream.Flush()
	lines := json.NewEncoder(w)
	err = readLog(ctx, i.logFile(asked.Name), f.written, asked, func(m logs.Message) error {
		return errors.Join(lines.Encode(m), stream.Flush())
	})
	if err != nil && ctx.Err() == nil {
		i.log.Warn("log broke off", "function", asked.Name, "cause", err)
	}
}

func logsAsked(r *http.Request) (logs.Request, error) {
	query := r.URL.Query()
	asked := logs.Request{Name: query.Get("name"), Namespace: query.Get("namespace"), Instance: query.Get("instance")}
	err := inNamespace(asked.Namespace)
	if text := query.Get("tail"); text != "" && err == nil {
		asked.Tail, err = strconv.Atoi(text)
	}
	if text := query.Get("follow"); text != "" && err == nil {
		asked.Follow, err = strconv.ParseBool(text)
	}
	if text := query.Get("since"); text != "" && err == nil {
		var since time.Time
		since, err = time.Parse(time.RFC3339, text)
		asked.Since = &since
	}
	if err != nil {
		err = refused(http.StatusBadRequest, "%v", err)
	}
	return asked, err
}
