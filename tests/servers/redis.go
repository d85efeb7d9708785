package servers

import (
	"context"
	"fmt"
	"os/exec"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"
)

// RedisPassword of every server started here.
const RedisPassword = "password of a test"

const installRedis = "install redis-server (apt-get install redis-server)"

// Redis starts one redis-server.
func Redis(t testing.TB) *redis.UniversalOptions {
	t.Helper()
	return options(node(t))
}

// Cluster starts three nodes that share the slots, without replicas.
func Cluster(t testing.TB) *redis.UniversalOptions {
	t.Helper()
	addrs := []string{
		node(t, "cluster-enabled yes"), node(t, "cluster-enabled yes"), node(t, "cluster-enabled yes"),
	}
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	create := exec.CommandContext(ctx, installed(t, "redis-cli", installRedis),
		append(append([]string{"--cluster", "create"}, addrs...), "--cluster-yes")...)
	create.Env = append(create.Environ(), "REDISCLI_AUTH="+RedisPassword)
	if out, err := create.CombinedOutput(); err != nil {
		t.Fatalf("create the cluster: %v\n%s", err, out)
	}
	// Each node comes to know by itself that all slots are served.
	for _, addr := range addrs {
		serves(ctx, t, addr)
	}
	opt := options(addrs...)
	opt.IsClusterMode = true
	return opt
}

// serves waits for a node of a cluster to take calls.
func serves(ctx context.Context, t testing.TB, addr string) {
	t.Helper()
	client := redis.NewUniversalClient(options(addr))
	defer client.Close()
	for {
		info, err := client.ClusterInfo(ctx).Result()
		if err == nil && strings.Contains(info, "cluster_state:ok") {
			return
		}
		select {
		case <-ctx.Done():
			t.Fatalf("the cluster does not serve at %s: %v\n%s", addr, err, info)
		case <-time.After(20 * time.Millisecond):
		}
	}
}

// options to connect with, those of the service in what matters.
func options(addrs ...string) *redis.UniversalOptions {
	return &redis.UniversalOptions{
		Addrs: addrs, Password: RedisPassword, MaxRetries: -1,
		DialTimeout: time.Second, ReadTimeout: 5 * time.Second, WriteTimeout: 5 * time.Second, PoolSize: 32,
	}
}

func node(t testing.TB, settings ...string) (addr string) {
	t.Helper()
	port := freePort(t)
	addr = fmt.Sprintf("%s:%d", host, port)
	server := exec.Command(installed(t, "redis-server", installRedis), "-")
	// The configuration goes in by standard input; nothing is written to disk
	// but what a node of a cluster knows of the others.
	server.Stdin = strings.NewReader(strings.Join(append([]string{
		"bind " + host,
		"port " + strconv.Itoa(port),
		"dir " + emptyFolder(t),
		`requirepass "` + RedisPassword + `"`,
		`masterauth "` + RedisPassword + `"`,
		`save ""`,
		"appendonly no",
		"daemonize no",
	}, settings...), "\n"))
	p := run(t, server)
	client := redis.NewUniversalClient(options(addr))
	defer client.Close()
	p.answers(t, func(ctx context.Context) error { return client.Ping(ctx).Err() })
	return addr
}
