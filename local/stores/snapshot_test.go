package stores

import (
	"context"
	"encoding/json"
	"fmt"
	"net"
	"os"
	"os/exec"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"
)

// The store under test runs in a process of its own, so that it can be killed.
const childVariable = "POLIS_STORES_TEST"

func TestMain(m *testing.M) {
	if task := os.Getenv(childVariable); task != "" {
		var r Redis
		err := json.Unmarshal([]byte(task), &r)
		if err == nil {
			err = r.ServeEmbedded(context.Background())
		}
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	os.Exit(m.Run())
}

func startEmbedded(t *testing.T, r Redis) *exec.Cmd {
	t.Helper()
	task, err := json.Marshal(r)
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), childVariable+"="+string(task))
	cmd.Stderr = os.Stderr
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { cmd.Process.Kill() })
	eventually(t, "the store answers", func() bool { return r.Ready(t.Context()) == nil })
	return cmd
}

func killHard(t *testing.T, cmd *exec.Cmd) {
	t.Helper()
	if err := cmd.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	cmd.Wait() // reports the kill
}

func TestWhatIsASecondOldSurvivesKill9InTheEmbeddedStore(t *testing.T) {
	ctx := t.Context()
	r := Redis{Addr: freeAddress(t), Dir: t.TempDir(), Password: "secret with \"quotes\""}
	first := startEmbedded(t, r)
	client := redis.NewClient(&redis.Options{Addr: r.Addr, Password: r.Password})
	defer client.Close()

	const farAhead = "32503680000000" // milliseconds; no clock is past it
	binary := string([]byte{0, 1, 0xff, 0xfe, '\r', '\n'})
	_, err := client.Pipelined(ctx, func(p redis.Pipeliner) error {
		p.Set(ctx, "string", binary, 0)
		p.Set(ctx, "empty", "", 0)
		p.Set(ctx, "short", "x", 300*time.Millisecond)
		p.Set(ctx, "long", "x", time.Hour)
		p.HSet(ctx, "hash", "a", "1", "b", binary)
		p.RPush(ctx, "list", "one", "two", "one")
		p.SAdd(ctx, "set", "x", "y")
		p.ZAdd(ctx, "zset", redis.Z{Score: 1.5, Member: "low"}, redis.Z{Score: 1792345678901, Member: "high"})
		for _, id := range []string{"1-1", "2-1", "3-1", farAhead + "-1"} {
			p.XAdd(ctx, &redis.XAddArgs{Stream: "stream", ID: id, Values: []string{"id", id}})
		}
		p.XDel(ctx, "stream", farAhead+"-1")
		p.XGroupCreate(ctx, "stream", "group", "0")
		p.XReadGroup(ctx, &redis.XReadGroupArgs{Group: "group", Consumer: "worker", Streams: []string{"stream", ">"}, Count: 2, Block: -1})
		p.XAck(ctx, "stream", "group", "1-1")
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	killAfterASecond(t, first)
	startEmbedded(t, r)

	check := func(what string, got, want any) {
		t.Helper()
		if fmt.Sprint(got) != fmt.Sprint(want) {
			t.Errorf("%s: got %v, want %v", what, got, want)
		}
	}
	check("string", client.Get(ctx, "string").Val(), binary)
	check("empty", client.Exists(ctx, "empty").Val(), 1)
	check("a key whose time has passed", client.Exists(ctx, "short").Val(), 0)
	if left := client.TTL(ctx, "long").Val(); left < 59*time.Minute || left > time.Hour {
		t.Errorf("time to live: %v left of an hour", left)
	}
	check("hash", client.HGetAll(ctx, "hash").Val(), map[string]string{"a": "1", "b": binary})
	check("list", client.LRange(ctx, "list", 0, -1).Val(), []string{"one", "two", "one"})
	check("set", client.SCard(ctx, "set").Val(), 2)
	check("zset", client.ZRangeWithScores(ctx, "zset", 0, -1).Val(),
		[]redis.Z{{Score: 1.5, Member: "low"}, {Score: 1792345678901, Member: "high"}})
	check("stream", len(client.XRange(ctx, "stream", "-", "+").Val()), 3)
	waiting := client.XPendingExt(ctx, &redis.XPendingExtArgs{Stream: "stream", Group: "group", Start: "-", End: "+", Count: 10}).Val()
	if len(waiting) != 1 || waiting[0].ID != "2-1" || waiting[0].Consumer != "worker" {
		t.Errorf("pending: %+v", waiting)
	}
	next := client.XReadGroup(ctx, &redis.XReadGroupArgs{Group: "group", Consumer: "worker", Streams: []string{"stream", ">"}, Block: -1}).Val()
	if len(next) != 1 || len(next[0].Messages) != 1 || next[0].Messages[0].ID != "3-1" {
		t.Errorf("the group's next entry: %+v", next)
	}
	check("the id after a deleted one",
		client.XAdd(ctx, &redis.XAddArgs{Stream: "stream", Values: []string{"id", "new"}}).Val(), farAhead+"-2")
}

// killAfterASecond is what the promise is about: time passing, not an event.
func killAfterASecond(t *testing.T, cmd *exec.Cmd) {
	t.Helper()
	<-time.After(time.Second)
	killHard(t, cmd)
}

func TestAStoreStopsWithAllOfItsData(t *testing.T) {
	r := Redis{Addr: freeAddress(t), Dir: t.TempDir(), Password: "secret"}
	for life := 1; life <= 2; life++ {
		ctx, stop := context.WithCancel(t.Context())
		ended := make(chan error, 1)
		go func() { ended <- r.ServeEmbedded(ctx) }()
		eventually(t, "the store answers", func() bool { return r.Ready(t.Context()) == nil })
		client := redis.NewClient(&redis.Options{Addr: r.Addr, Password: r.Password})
		if n := client.Incr(t.Context(), "lives").Val(); n != int64(life) {
			t.Errorf("life %d counts %d", life, n)
		}
		client.Close()
		stop()
		if err := <-ended; err != nil {
			t.Fatal(err)
		}
	}
}

func TestTwoProcessesDoNotShareAFolder(t *testing.T) {
	dir := t.TempDir()
	held, err := Lock(t.Context(), dir)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	if _, err := Lock(ctx, dir); err == nil {
		t.Fatal("locked twice")
	}
	held.Close()
	if _, err := Lock(t.Context(), dir); err != nil {
		t.Errorf("not free after close: %v", err)
	}
}

func freeAddress(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	return l.Addr().String()
}

func eventually(t *testing.T, what string, holds func() bool) {
	t.Helper()
	over := time.After(20 * time.Second)
	for !holds() {
		select {
		case <-over:
			t.Fatalf("waited in vain until %s", what)
		case <-time.After(10 * time.Millisecond):
		}
	}
}
