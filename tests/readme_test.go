package tests

import (
	"bufio"
	"bytes"
	"context"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
	"testing"
	"time"
)

var (
	shellBlock = regexp.MustCompile("(?s)```sh\n(.*?)```")
	runLocal   = regexp.MustCompile(`go run ./local\b`)
)

// TestTheReadmeCanBeFollowedToTheLetter runs every command that the README
// shows: on a free port, and but for the test command itself and the benchmark,
// which the test command runs.
func TestTheReadmeCanBeFollowedToTheLetter(t *testing.T) {
	readme, err := os.ReadFile("../README.md")
	if err != nil {
		t.Fatal(err)
	}
	free, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	addr := free.Addr().String()
	free.Close()

	commands, err := os.ReadFile("run")
	if err != nil {
		t.Fatal(err)
	}
	ci, err := os.ReadFile("../.ci/run")
	if err != nil || !bytes.Contains(ci, []byte("/tests/run")) {
		t.Errorf("CI does not run the test command: %v", err)
	}
	script := "set -eu\n"
	for _, block := range shellBlock.FindAllStringSubmatch(string(readme), -1) {
		switch shown := strings.TrimSpace(block[1]); {
		case shown == "tests/run", shown == "go run ./local":
		case bytes.Contains(commands, []byte(shown+"\n")):
		default:
			script += strings.ReplaceAll(runLocal.ReplaceAllString(shown, "go run ./local -addr "+addr), "127.0.0.1:8080", addr) + "\n"
		}
	}

	// The flags are those by which the functions are built for their images: what
	// both need is compiled once. Compiling takes as long as the machine needs.
	env := append(os.Environ(), "CGO_ENABLED=0", "GOFLAGS="+strings.TrimSpace(os.Getenv("GOFLAGS")+" -trimpath"))
	compile := exec.CommandContext(t.Context(), "go", "build", "-o", filepath.Join(t.TempDir(), "local"), "./local")
	compile.Dir, compile.Env = "..", env
	if out, err := compile.CombinedOutput(); err != nil {
		t.Fatalf("go build ./local: %v\n%s", err, out)
	}

	ctx, cancel := context.WithTimeout(t.Context(), 5*time.Minute)
	defer cancel()
	local := exec.CommandContext(ctx, "go", "run", "./local", "-addr", addr)
	local.Dir, local.Env = "..", env
	local.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	local.Cancel = func() error { return syscall.Kill(-local.Process.Pid, syscall.SIGINT) }
	var log bytes.Buffer
	local.Stderr = &log
	out, err := local.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := local.Start(); err != nil {
		t.Fatal(err)
	}
	defer func() {
		cancel()
		local.Wait() // it was told to end
	}()
	ready := "ready http://" + addr + "/function/portal"
	lines := bufio.NewScanner(out)
	for lines.Scan() && lines.Text() != ready {
	}
	if lines.Text() != ready {
		t.Fatalf("local did not get ready: %s", &log)
	}

	// What the commands write goes to a folder of its own, beside the source.
	dir := t.TempDir()
	for _, name := range []string{"local", "shared", "functions", "tests", "go.work", "go.work.sum", "stack.yml"} {
		source, err := filepath.Abs(filepath.Join("..", name))
		if err == nil {
			err = os.Symlink(source, filepath.Join(dir, name))
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	bash := exec.CommandContext(ctx, "bash", "-c", script)
	bash.Dir, bash.Env = dir, env
	printed, err := bash.CombinedOutput()
	if err != nil {
		t.Fatalf("%v\n%s", err, printed)
	}
	for _, want := range []string{`"status":"granted"`, `"kind":"lookup"`, `"enp":"`, "Выписка из единого регистра застрахованных лиц", `"status":"revoked"`, "consent_required", "newcomer", "law clock", `"id":"26002-1"`, `"allowed":true`, `"kind":"choose"`, `"phase":"done"`} {
		if !strings.Contains(string(printed), want) {
			t.Errorf("nothing printed %q:\n%s", want, printed)
		}
	}
}
