package platform

import (
	"context"
	"fmt"
	"math/rand/v2"
	"sync"
	"time"

	"polis/local/inbox"
	"polis/local/issuer"
	"polis/local/personas"
)

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
