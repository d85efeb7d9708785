package platform

import (
	"context"
	"fmt"
	"os"

	"polis/local/child"
	"polis/local/stores"
	"polis/shared/server"
)

// assignment is what a child process is for. Exactly one field is set.
type assignment struct {
	child.Task
	Redis *redisChild `json:",omitempty"`
	S3    *s3Child    `json:",omitempty"`
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
	if os.Getenv(child.Variable) != "" {
		child.Main(func(ctx context.Context, a assignment) error { return a.run(ctx, functions) })
	}
}

func (a assignment) run(ctx context.Context, functions map[string]server.New) error {
	switch {
	case a.Function != nil:
		return a.Function.Serve(ctx, functions)
	case a.S3 != nil:
		return a.S3.Store.Serve(ctx, a.S3.Dir)
	case a.Redis != nil && a.Redis.Binary != "":
		return a.Redis.Store.ServeServer(ctx, a.Redis.Binary)
	case a.Redis != nil:
		return a.Redis.Store.ServeEmbedded(ctx)
	}
	return fmt.Errorf("%s assigns nothing", child.Variable)
}
