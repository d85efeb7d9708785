package tests

import (
	"context"
	"encoding/base64"
	"net"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"

	"polis/shared/config"
	"polis/shared/fault"
	"polis/shared/store"
	"polis/shared/storetest"
	"polis/tests/servers"
)

func TestStoreKeepsItsContractOverRedis(t *testing.T) {
	t.Parallel()
	keepsItsContract(t, servers.Redis(t))
}

func TestStoreKeepsItsContractOverACluster(t *testing.T) {
	t.Parallel()
	keepsItsContract(t, servers.Cluster(t))
}

// keepsItsContract empties the server between the rules.
func keepsItsContract(t *testing.T, opt *redis.UniversalOptions) {
	storetest.Run(t, func(t *testing.T) redis.UniversalClient {
		empty := func(ctx context.Context, node *redis.Client) error { return node.FlushAll(ctx).Err() }
		before := redis.NewUniversalClient(opt)
		defer before.Close()
		var err error
		switch before := before.(type) {
		case *redis.ClusterClient:
			err = before.ForEachMaster(t.Context(), empty)
		case *redis.Client:
			err = empty(t.Context(), before)
		}
		if err != nil {
			t.Fatal(err)
		}
		return redis.NewUniversalClient(opt)
	})
}

func TestAStoreThatDoesNotAnswerIsUnavailableWithinTwoSeconds(t *testing.T) {
	silent, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { silent.Close() })
	gone, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	gone.Close()
	key := base64.StdEncoding.EncodeToString(make([]byte, 32))
	secrets := map[string]string{"polis-index-key": key, "polis-master-key": key, "redis-password": "secret"}
	for what, settings := range map[string]map[string]string{
		"a server that is gone":    {"redis_url": "redis://" + gone.Addr().String()},
		"a server that is silent":  {"redis_url": "redis://" + silent.Addr().String()},
		"a cluster that is gone":   {"redis_addrs": gone.Addr().String()},
		"a cluster that is silent": {"redis_addrs": silent.Addr().String()},
	} {
		t.Run(what, func(t *testing.T) {
			env := config.FromMap(settings, secrets)
			s := store.Open(env)
			if err := env.Err(); err != nil {
				t.Fatal(err)
			}
			t.Cleanup(func() { s.Close() })
			start := time.Now()
			if err := s.Ping(t.Context()); !fault.HasKind(err, fault.Unavailable) {
				t.Errorf("got %v", err)
			}
			if took := time.Since(start); took > 2*time.Second {
				t.Errorf("it took %v", took)
			}
		})
	}
}
