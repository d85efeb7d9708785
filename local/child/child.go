// Package child is the process of a function on the local platform. It is apart
// from the platform, and from its stores, so that a program can hold the
// functions alone.
package child

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"os"
	"os/signal"
	"syscall"
	"time"

	"polis/local/lawclock"
	"polis/shared/config"
	"polis/shared/server"
)

// Variable names the environment variable in which a process finds what it is for:
// a Task, or something that embeds one.
const Variable = "POLIS_LOCAL_CHILD"

// Task of a process that is a function's.
type Task struct {
	Function *Function `json:",omitempty"`
}

// Function is what a process has to know of itself, beside its settings.
type Function struct {
	Name     string
	Instance string // its replica's name
	LawClock lawclock.File
}

// Run is the main of a program that is nothing but functions.
func Run(functions map[string]server.New) {
	Main(func(ctx context.Context, t Task) error { return t.Function.Serve(ctx, functions) })
}

// Main does what the platform has started this process for, and exits.
func Main[T any](do func(context.Context, T) error) {
	slog.SetDefault(slog.New(slog.NewJSONHandler(os.Stderr, nil)))
	var task T
	err := json.Unmarshal([]byte(os.Getenv(Variable)), &task)
	if err != nil {
		err = fmt.Errorf("%s, which the platform sets: %w", Variable, err)
	} else {
		err = do(untilTold(), task)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	os.Exit(0)
}

// Serve is the function's life, until ctx ends.
func (f *Function) Serve(ctx context.Context, functions map[string]server.New) error {
	if f == nil {
		return fmt.Errorf("%s names no function", Variable)
	}
	maker, ok := functions[f.Name]
	if !ok {
		return fmt.Errorf("this program holds no function %s", f.Name)
	}
	slog.SetDefault(slog.Default().With("instance", f.Instance))
	env := config.FromOS()
	env.Law = f.LawClock.Now
	return server.Serve(ctx, env, maker)
}

// untilTold is a context that ends on SIGTERM, or when standard input closes:
// the platform holds its other end, so it closes however the platform dies.
func untilTold() context.Context {
	ctx, cancel := signal.NotifyContext(context.Background(), syscall.SIGTERM)
	go func() {
		io.Copy(io.Discard, os.Stdin)
		cancel()
		// Nobody is left to wait for a drain, nor to kill what hangs in it.
		time.Sleep(5 * time.Second)
		os.Exit(1)
	}()
	return ctx
}
