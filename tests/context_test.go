package tests

import (
	"bytes"
	"cmp"
	"debug/elf"
	"encoding/base64"
	"errors"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"go.yaml.in/yaml/v3"
)

// stackFile is the part of a faas-cli stack file that decides what is built and
// what a function is given.
type stackFile struct {
	Configuration struct{ Copy []string }
	Functions     map[string]struct {
		Lang, Handler string
		Environment   map[string]string
		Secrets       []string
	}
}

const root = ".."

func readStack(t *testing.T) stackFile {
	t.Helper()
	content, err := os.ReadFile(filepath.Join(root, "stack.yml"))
	if err != nil {
		t.Fatal(err)
	}
	// An installation's own values are not given here: the defaults stand.
	content = regexp.MustCompile(`\$\{\w+:-([^}]*)\}`).ReplaceAll(content, []byte("$1"))
	var s stackFile
	if err := yaml.Unmarshal(content, &s); err != nil {
		t.Fatal(err)
	}
	if len(s.Functions) == 0 {
		t.Fatal("stack.yml names no function")
	}
	return s
}

// TestEachFunctionBuildsAndStartsFromWhatFaasCLIPacks builds each function as
// its image is built, outside of the workspace. Started with nothing, it serves
// or names every setting and secret it misses; stack.yml has all of them, and
// given just these it serves.
func TestEachFunctionBuildsAndStartsFromWhatFaasCLIPacks(t *testing.T) {
	t.Parallel()
	stack := readStack(t)
	for name, f := range stack.Functions {
		t.Run(name, func(t *testing.T) {
			context := t.TempDir()
			pack(t, context, f.Lang, f.Handler, stack.Configuration.Copy)
			binary := build(t, context)

			missing := start(t, binary, nil, nil)
			if len(missing) == 0 {
				return
			}
			settings, secrets := map[string]string{}, []string(nil)
			for _, wanted := range missing {
				if value, ok := f.Environment[wanted]; ok {
					settings[wanted] = value
				} else if slices.Contains(f.Secrets, wanted) {
					secrets = append(secrets, wanted)
				} else {
					t.Errorf("stack.yml does not give it %s", wanted)
				}
			}
			if still := start(t, binary, settings, secrets); len(still) > 0 {
				t.Errorf("given %q, it names only now %q", missing, still)
			}
		})
	}
}

// pack lays out a build context: the template, in its folder function/ what the
// handler's folder holds but for build and template, and there the paths that
// the stack copies.
func pack(t *testing.T, context, lang, handler string, copies []string) {
	t.Helper()
	function := filepath.Join(context, "function")
	copyTree(t, filepath.Join(root, "template", lang), context)
	entries, err := os.ReadDir(filepath.Join(root, handler))
	if err != nil {
		t.Fatal(err)
	}
	for _, entry := range entries {
		if name := entry.Name(); name != "build" && name != "template" {
			copyTree(t, filepath.Join(root, handler, name), filepath.Join(function, name))
		}
	}
	for _, path := range copies {
		copyTree(t, filepath.Join(root, path), filepath.Join(function, path))
	}
}

// copyTree copies a file or a folder.
func copyTree(t *testing.T, from, to string) {
	t.Helper()
	info, err := os.Stat(from)
	if err != nil {
		t.Fatal(err)
	}
	if info.IsDir() {
		err = os.CopyFS(to, os.DirFS(from))
	} else {
		var content []byte
		if content, err = os.ReadFile(from); err == nil {
			err = os.WriteFile(to, content, info.Mode())
		}
	}
	if err != nil {
		t.Fatal(err)
	}
}

// build is what the template's Dockerfile runs.
func build(t *testing.T, context string) (binary string) {
	t.Helper()
	binary = filepath.Join(t.TempDir(), "handler")
	cmd := exec.Command("go", "build", "-trimpath", "-ldflags", "-s -w", "-o", binary, ".")
	cmd.Dir = context
	cmd.Env = compiling(append(slices.DeleteFunc(os.Environ(), func(v string) bool { return strings.HasPrefix(v, "GOWORK=") }),
		"CGO_ENABLED=0", "GOFLAGS=-buildvcs=false"))
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	file, err := elf.Open(binary)
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	if slices.ContainsFunc(file.Progs, func(p *elf.Prog) bool { return p.Type == elf.PT_INTERP }) {
		t.Error("the binary is not static: an image from scratch cannot run it")
	}
	return binary
}

// compiling adds to an environment what spares the compiler work, as tests/run
// does, unless it is set from outside.
func compiling(env []string) []string {
	return append(env, "GOGC="+cmp.Or(os.Getenv("GOGC"), "off"), "GOMEMLIMIT="+cmp.Or(os.Getenv("GOMEMLIMIT"), "2GiB"))
}

var missingLine = regexp.MustCompile(`^(\S+): (?:setting|secret) is missing$`)

// start starts a function's process with these settings and secrets alone. It
// returns what the process says it misses; or nothing once it has answered its
// health check and ended cleanly on SIGTERM.
func start(t *testing.T, binary string, settings map[string]string, secrets []string) (missing []string) {
	t.Helper()
	free, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	address := free.Addr().String()
	free.Close()
	_, port, _ := net.SplitHostPort(address)

	dir := t.TempDir()
	for _, name := range secrets {
		// Good as a key and as a password.
		value := base64.StdEncoding.EncodeToString(make([]byte, 32))
		if err := os.WriteFile(filepath.Join(dir, name), []byte(value), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	cmd := exec.Command(binary)
	cmd.Env = []string{"listen_host=127.0.0.1", "port=" + port, "metrics_port=0",
		"lock_path=" + filepath.Join(t.TempDir(), "lock"), "secret_dir=" + dir}
	for name, value := range settings {
		cmd.Env = append(cmd.Env, name+"="+value)
	}
	var log bytes.Buffer
	cmd.Stderr = &log
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	ended := make(chan error, 1)
	go func() { ended <- cmd.Wait() }()
	end := func() error {
		select {
		case err := <-ended:
			return err
		case <-time.After(20 * time.Second):
			cmd.Process.Kill()
			<-ended
			return errors.New("killed: did not end by itself")
		}
	}

	healthy := make(chan bool, 1)
	stop := make(chan struct{})
	defer close(stop)
	go func() {
		for {
			if res, err := http.Get("http://" + address + "/_/health"); err == nil {
				io.Copy(io.Discard, res.Body)
				res.Body.Close()
				if res.StatusCode == http.StatusOK {
					healthy <- true
					return
				}
			}
			select {
			case <-stop:
				return
			case <-time.After(10 * time.Millisecond):
			}
		}
	}()
	select {
	case <-healthy:
		if err := cmd.Process.Signal(syscall.SIGTERM); err != nil {
			t.Fatal(err)
		}
		if err := end(); err != nil {
			t.Errorf("on SIGTERM: %v\n%s", err, &log)
		}
		return nil
	case <-ended:
	case <-time.After(20 * time.Second):
		cmd.Process.Kill()
		<-ended
		t.Fatalf("neither healthy nor ended\n%s", &log)
	}
	if cmd.ProcessState.ExitCode() != 1 {
		t.Errorf("ended with %v", cmd.ProcessState)
	}
	for line := range strings.Lines(log.String()) {
		m := missingLine.FindStringSubmatch(strings.TrimSpace(line))
		if m == nil {
			t.Fatalf("does not name what is missing: %s", line)
		}
		if !slices.Contains(missing, m[1]) {
			missing = append(missing, m[1])
		}
	}
	if len(missing) == 0 {
		t.Fatal("ended without a word")
	}
	return missing
}
