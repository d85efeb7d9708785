// Package stores runs the two stores of a platform on one machine, each in a
// process of its own: Redis (a redis-server that is started, or miniredis with
// snapshots) and S3 (versitygw over a folder). Every function here blocks until
// ctx ends and then leaves its data complete on disk.
package stores

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/url"
	"os"
	"os/exec"
	"runtime"
	"strings"
	"syscall"
	"time"

	"github.com/redis/go-redis/v9"
)

// Redis says where a store listens, where it keeps its data and how it is
// opened.
type Redis struct {
	Addr     string // host:port, loopback
	Dir      string // absolute
	Password string
}

// ServeServer runs the redis-server found at binary. It appends to its file
// with an fsync before each answer, so that what was answered is there after
// kill -9. An error means that the server ended by itself.
func (r Redis) ServeServer(ctx context.Context, binary string) error {
	lock, err := takeOver(ctx, r.Dir)
	if err != nil {
		return err
	}
	defer lock.Close()
	host, port, err := net.SplitHostPort(r.Addr)
	if err != nil {
		return err
	}
	// The configuration goes in by standard input: the password is then in no
	// process list and in no second file.
	settings := strings.Join([]string{
		"bind " + host,
		"port " + port,
		"dir " + quote(r.Dir),
		"requirepass " + quote(r.Password),
		"appendonly yes",
		"appendfsync always",
		`save ""`,
		"daemonize no",
	}, "\n")
	server := exec.Command(binary, "-")
	server.Stdin = strings.NewReader(settings)
	server.Stdout, server.Stderr = os.Stdout, os.Stderr
	server.ExtraFiles = []*os.File{lock}
	server.SysProcAttr = dieWithParent()
	// The kernel ties "the parent" to the thread that started the server.
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	if err := server.Start(); err != nil {
		return err
	}
	ended := make(chan error, 1)
	go func() { ended <- server.Wait() }()
	select {
	case err := <-ended:
		return fmt.Errorf("redis-server ended: %v", err)
	case <-ctx.Done():
	}
	if err := server.Process.Signal(syscall.SIGTERM); err != nil {
		return err
	}
	select {
	case <-ended:
		return nil
	case <-time.After(5 * time.Second):
		return server.Process.Kill()
	}
}

// CheckRedis takes the address of a store that somebody else runs, sees whether
// it answers, and parts the password from the address.
func CheckRedis(ctx context.Context, address string) (password, bare string, err error) {
	options, err := redis.ParseURL(address)
	if err != nil {
		return "", "", err
	}
	if options.Password == "" {
		return "", "", errors.New("the address of Redis needs its password: redis://:PASSWORD@127.0.0.1:6379/0")
	}
	client := redis.NewClient(options)
	defer client.Close()
	if err := client.Ping(ctx).Err(); err != nil {
		return "", "", fmt.Errorf("redis at %s does not answer: %w", options.Addr, err)
	}
	u, err := url.Parse(address)
	if err != nil {
		return "", "", err
	}
	u.User = nil
	if options.Username != "" {
		u.User = url.User(options.Username)
	}
	return options.Password, u.String(), nil
}

// Ready is nil once the store has loaded its data and answers.
func (r Redis) Ready(ctx context.Context) error {
	client := redis.NewClient(&redis.Options{Addr: r.Addr, Password: r.Password, MaxRetries: -1})
	defer client.Close()
	return client.Ping(ctx).Err()
}

// quote writes a value as one word of a Redis configuration.
func quote(s string) string {
	return `"` + strings.NewReplacer(`\`, `\\`, `"`, `\"`).Replace(s) + `"`
}
