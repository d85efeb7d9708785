package platform

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"net"
	"os"
	"os/exec"
	"strconv"
	"sync"
	"syscall"
	"time"

	"polis/local/child"
)

const (
	firstPause = 50 * time.Millisecond // before a dead process is started again; doubles
	longPause  = 3 * time.Second
	longLife   = 10 * time.Second // after which a death is taken for the first one
)

var errStopped = errors.New("process is stopped")

// process is one child: this program, or another, started with an assignment,
// watched and started again whenever it dies.
type process struct {
	name  string
	log   *slog.Logger
	out   *output
	start func() (launch, error) // asked anew at each start
	done  chan struct{}          // closed when the last start has ended for good
	// Rung whenever a field below changes; others may ring it as well.
	changed *bell

	mu      sync.Mutex
	wanted  bool
	closing bool
	living  bool        // from the decision to start until the end is seen
	running *os.Process // nil between two lives
	address string      // host:port while it is ready for calls, else empty
	deaths  int         // without a stop having been asked for
}

// launch is one start of a process.
type launch struct {
	program string // empty: this one
	task    assignment
	env     []string
	address string
	probe   func(context.Context) error // nil once the process can take calls
}

// newProcess makes a process that waits for resume.
func newProcess(name string, log *slog.Logger, out *output, changed *bell, start func() (launch, error)) *process {
	p := &process{
		name: name, log: log.With("process", name), out: out, start: start,
		done: make(chan struct{}), changed: changed,
	}
	go p.supervise()
	return p
}

// change makes an edit seen by everybody who waits for one.
func (p *process) change(edit func()) {
	p.mu.Lock()
	defer p.mu.Unlock()
	edit()
	p.changed.ring()
}

func (p *process) supervise() {
	defer close(p.done)
	pause := firstPause
	for p.awaitWanted() {
		began := time.Now()
		err := p.live()
		asked := false
		p.change(func() {
			p.living, p.running, p.address = false, nil, ""
			if asked = p.closing || !p.wanted; !asked {
				p.deaths++
			}
		})
		if asked {
			pause = firstPause
			continue
		}
		if time.Since(began) > longLife {
			pause = firstPause
		}
		p.log.Warn("ended by itself, starting it again", "cause", err, "last_line", p.out.lastLine())
		p.sleep(pause)
		pause = min(2*pause, longPause)
	}
}

// awaitWanted returns when a life begins, or false when none shall begin again.
func (p *process) awaitWanted() bool {
	for {
		p.mu.Lock()
		p.living = p.wanted && !p.closing
		living, closing, changed := p.living, p.closing, p.changed.rung()
		p.mu.Unlock()
		if living || closing {
			return living
		}
		<-changed
	}
}

// sleep ends early when the process is to stop.
func (p *process) sleep(d time.Duration) {
	over := time.After(d)
	for {
		p.mu.Lock()
		asked, changed := p.closing || !p.wanted, p.changed.rung()
		p.mu.Unlock()
		if asked {
			return
		}
		select {
		case <-over:
			return
		case <-changed:
		}
	}
}

// live is one life, from start to death.
func (p *process) live() error {
	l, err := p.start()
	if err != nil {
		return err
	}
	task, err := json.Marshal(l.task)
	if err != nil {
		return err
	}
	program := l.program
	if program == "" {
		if program, err = os.Executable(); err != nil {
			return err
		}
	}
	// The child reads what never comes: its end of this pipe closes when this
	// process is gone, however it went.
	leash, hold, err := os.Pipe()
	if err != nil {
		return err
	}
	defer hold.Close()
	cmd := exec.Command(program, "serve", p.name)
	cmd.Env = append(l.env, child.Variable+"="+string(task))
	cmd.Stdin, cmd.Stdout, cmd.Stderr = leash, p.out, p.out
	// Ctrl-C is for the platform, which then stops its children in order.
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	// What a child left running must not keep its supervisor waiting for
	// output.
	cmd.WaitDelay = time.Second
	err = cmd.Start()
	leash.Close()
	if err != nil {
		return err
	}
	p.change(func() { p.running = cmd.Process })

	ctx, cancel := context.WithCancel(context.Background())
	probed := make(chan struct{})
	go func() {
		defer close(probed)
		if untilReady(ctx, l.probe) {
			p.change(func() { p.address = l.address })
		}
	}()
	err = cmd.Wait()
	p.out.endLine()
	cancel()
	<-probed
	return err
}

func untilReady(ctx context.Context, probe func(context.Context) error) bool {
	pause := time.NewTicker(25 * time.Millisecond)
	defer pause.Stop()
	for {
		attempt, cancel := context.WithTimeout(ctx, time.Second)
		err := probe(attempt)
		cancel()
		if err == nil {
			return true
		}
		select {
		case <-ctx.Done():
			return false
		case <-pause.C:
		}
	}
}

// state is the address, empty while the process is not ready for calls, and
// whether it shall not run at all.
func (p *process) state() (address string, stopped bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.address, p.closing || !p.wanted
}

// ready waits until the process takes calls, and returns its address. Returns
// errStopped at once if it is stopped, and the context's error if it takes too
// long.
func (p *process) ready(ctx context.Context) (string, error) {
	for {
		changed := p.changed.rung()
		address, stopped := p.state()
		switch {
		case stopped:
			return "", errStopped
		case address != "":
			return address, nil
		}
		select {
		case <-ctx.Done():
			return "", context.Cause(ctx)
		case <-changed:
		}
	}
}

// firstReady is ready at the start of an instance, where a process that keeps
// dying is a reason to give up and to show its last words.
func (p *process) firstReady(ctx context.Context) error {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	go func() {
		for {
			p.mu.Lock()
			deaths, changed := p.deaths, p.changed.rung()
			p.mu.Unlock()
			// Once may be a port that was taken a moment before.
			if deaths >= 2 {
				cancel(errors.New("it ends by itself"))
				return
			}
			select {
			case <-ctx.Done():
				return
			case <-changed:
			}
		}
	}()
	if _, err := p.ready(ctx); err != nil {
		return fmt.Errorf("%s does not start: %w\n%s", p.name, err, p.out.lastWords())
	}
	return nil
}

// kill ends the process's present life as kill -9 does, and returns when its
// end was seen; it is started again.
func (p *process) kill() error {
	p.mu.Lock()
	victim := p.running
	p.mu.Unlock()
	if victim == nil {
		return fmt.Errorf("%s is not running", p.name)
	}
	if err := victim.Kill(); err != nil {
		return err
	}
	for {
		p.mu.Lock()
		running, changed := p.running, p.changed.rung()
		p.mu.Unlock()
		if running != victim {
			return nil
		}
		<-changed
	}
}

// stop ends the process and waits until it is gone, killing it when ctx ends.
// It stays away until resume.
func (p *process) stop(ctx context.Context) {
	p.change(func() { p.wanted = false })
	p.terminate(ctx)
}

func (p *process) resume() { p.change(func() { p.wanted = true }) }

// close is stop for good.
func (p *process) close(ctx context.Context) {
	p.change(func() { p.closing = true })
	p.terminate(ctx)
	<-p.done
	p.out.file.Close()
}

func (p *process) terminate(ctx context.Context) {
	var told *os.Process
	patience := ctx.Done()
	for {
		p.mu.Lock()
		living, running, changed := p.living, p.running, p.changed.rung()
		p.mu.Unlock()
		if !living {
			return
		}
		if running != told {
			told = running
			signal := syscall.SIGTERM
			if patience == nil {
				signal = syscall.SIGKILL
			}
			told.Signal(signal) // fails only if it is gone, which the loop will see
		}
		select {
		case <-patience:
			if told != nil {
				told.Kill()
			}
			patience = nil
		case <-changed:
		}
	}
}

// freeAddress picks a loopback port that nobody listens on, below the range
// from which connections going out take theirs.
func freeAddress() (string, error) {
	for range 100 {
		address := net.JoinHostPort("127.0.0.1", strconv.Itoa(10000+rand.IntN(20000)))
		l, err := net.Listen("tcp", address)
		if err == nil {
			return address, l.Close()
		}
	}
	return "", errors.New("no free port on 127.0.0.1 between 10000 and 30000")
}
