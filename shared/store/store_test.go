package store_test

import (
	"testing"

	"github.com/alicebob/miniredis/v2"
	"github.com/redis/go-redis/v9"

	"polis/shared/storetest"
)

func TestStoreKeepsItsContractOverMiniredis(t *testing.T) {
	storetest.Run(t, func(t *testing.T) redis.UniversalClient {
		server := miniredis.NewMiniRedis()
		server.ClockTTL(true) // what expires does so by itself
		if err := server.Start(); err != nil {
			t.Fatal(err)
		}
		t.Cleanup(server.Close)
		return redis.NewClient(&redis.Options{Addr: server.Addr(), MaxRetries: -1})
	})
}
