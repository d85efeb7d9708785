package platform

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

	"polis/local/stores"
	"polis/shared/config"
	"polis/shared/server"
)

// The variable by which a process learns that it is a child, and which one.
const childVariable = "POLIS_LOCAL_CHILD"

// assignment is what a child process is for. Exactly one field is set.
type assignment struct {
	Function *functionChild `json:",omitempty"`
	Redis    *redisChild    `json:",omitempty"`
	S3       *s3Child       `json:",omitempty"`
}

type functionChild struct {
	Name     string
	Instance string // its replica's name
	LawClock string
}

type redisChild struct {
	Store  stores.Redis
	Binary string // redis-server; empty for the embedded store
}

type s3Child struct {
	Store stores.S3
	Dir   string
}

// RunChild takes over in a process that the platform started: it does that
// process's part and exits. In any other process it does nothing. It has to be
// the first call of main, and of TestMain in tests that start an instance.
func RunChild(functions map[string]server.New) {
	task := os.Getenv(childVariable)
	if task == "" {
		return
	}
	slog.SetDefault(slog.New(slog.NewJSONHandler(os.Stderr, nil)))
	var a assignment
	err := json.Unmarshal([]byte(task), &a)
	if err == nil {
		err = a.run(untilTold(), functions)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	os.Exit(0)
}

func (a assignment) run(ctx context.Context, functions map[string]server.New) error {
	switch {
	case a.Function != nil:
		maker, ok := functions[a.Function.Name]
		if !ok {
			return fmt.Errorf("this program holds no function %s", a.Function.Name)
		}
		slog.SetDefault(slog.Default().With("instance", a.Function.Instance))
		env := config.FromOS()
		env.Law = LawClock(a.Function.LawClock).Now
		return server.Serve(ctx, env, maker)
	case a.S3 != nil:
		return a.S3.Store.Serve(ctx, a.S3.Dir)
	case a.Redis != nil && a.Redis.Binary != "":
		return a.Redis.Store.ServeServer(ctx, a.Redis.Binary)
	case a.Redis != nil:
		return a.Redis.Store.ServeEmbedded(ctx)
	}
	return fmt.Errorf("%s assigns nothing", childVariable)
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
