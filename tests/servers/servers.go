// Package servers starts real servers for tests, each on a free port of the
// loopback with a folder of its own, and stops them when the test ends; MinIO is
// one for all tests of a program, whose TestMain calls Close. What has to be
// installed for it and is not fails the test.
package servers

import (
	"context"
	"fmt"
	"math/rand/v2"
	"net"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"testing"
	"time"
)

// Ports lie below those that the kernel gives to outgoing connections, and so
// do the second ports that the nodes of a Redis Cluster add 10000 for.
const (
	firstPort = 15000
	lastPort  = 22767
	busOffset = 10000
)

const host = "127.0.0.1"

// patience is how long a server may take to answer, and to end.
const patience = 20 * time.Second

// freePort is a port that nobody listens on, and nobody on its second.
func freePort(t testing.TB) int {
	t.Helper()
	for range 100 {
		port := firstPort + rand.N(lastPort-firstPort)
		if free(port) && free(port+busOffset) {
			return port
		}
	}
	t.Fatal("no free port")
	return 0
}

func free(port int) bool {
	l, err := net.Listen("tcp", fmt.Sprintf("%s:%d", host, port))
	if err != nil {
		return false
	}
	l.Close()
	return true
}

// process is a server that runs until it is stopped.
type process struct {
	cmd    *exec.Cmd
	output *strings.Builder // once ended is closed
	ended  chan struct{}
}

func start(t testing.TB, cmd *exec.Cmd) *process {
	t.Helper()
	p := &process{cmd: cmd, output: &strings.Builder{}, ended: make(chan struct{})}
	cmd.Stdout = p.output
	cmd.Stderr = cmd.Stdout
	cmd.SysProcAttr = dieWithParent()
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	go func() {
		cmd.Wait() // its exit code is the signal's
		close(p.ended)
	}()
	return p
}

func (p *process) stop() {
	p.cmd.Process.Signal(syscall.SIGTERM)
	select {
	case <-p.ended:
	case <-time.After(patience):
		p.cmd.Process.Kill()
		<-p.ended
	}
}

// run starts a server that the end of the test stops. What it has printed is told
// if the test fails.
func run(t testing.TB, cmd *exec.Cmd) *process {
	t.Helper()
	p := start(t, cmd)
	t.Cleanup(func() {
		p.stop()
		if t.Failed() {
			t.Logf("%s printed:\n%s", cmd.Path, p.output)
		}
	})
	return p
}

// answers waits until a server does.
func (p *process) answers(t testing.TB, ready func(ctx context.Context) error) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	for {
		err := ready(ctx)
		if err == nil {
			return
		}
		select {
		case <-p.ended:
			t.Fatalf("the server ended:\n%s", p.output)
		case <-ctx.Done():
			t.Fatalf("the server does not answer: %v", err)
		case <-time.After(20 * time.Millisecond):
		}
	}
}

// installed finds a program, or tells how to get it.
func installed(t testing.TB, name, how string) string {
	t.Helper()
	path, err := exec.LookPath(name)
	if err != nil {
		t.Fatalf("%s is missing: %s", name, how)
	}
	return path
}

// emptyFolder is a folder for a server's data. Unlike t.TempDir it is no
// trouble if a server that is being killed still writes to it.
func emptyFolder(t testing.TB) string {
	t.Helper()
	dir := newFolder(t)
	t.Cleanup(func() { os.RemoveAll(dir) })
	return dir
}

func newFolder(t testing.TB) string {
	t.Helper()
	dir, err := os.MkdirTemp("", "polis-test-")
	if err != nil {
		t.Fatal(err)
	}
	return dir
}
