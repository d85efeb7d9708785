package stores

import (
	"bytes"
	"context"
	"encoding/gob"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"sync/atomic"
	"time"

	"github.com/alicebob/miniredis/v2"
	"github.com/alicebob/miniredis/v2/server"
	"github.com/redis/go-redis/v9"
)

// Half a second between snapshots leaves the other half for writing one, so
// that kill -9 costs the last second at most.
const snapshotEvery = 500 * time.Millisecond

// ServeEmbedded runs miniredis, which has no durability of its own: what
// changed is written to a snapshot twice a second and at the end.
func (r Redis) ServeEmbedded(ctx context.Context) error {
	lock, err := takeOver(ctx, r.Dir)
	if err != nil {
		return err
	}
	defer lock.Close()
	store := miniredis.NewMiniRedis()
	store.RequireAuth(r.Password)
	file := filepath.Join(r.Dir, "snapshot.gob")
	// Loaded on a port that nobody knows, so that nobody sees half of it.
	if err := store.StartAddr("127.0.0.1:0"); err != nil {
		return err
	}
	if err := r.load(ctx, store.Addr(), file); err != nil {
		return fmt.Errorf("load %s: %w", file, err)
	}
	store.Close()
	if err := store.StartAddr(r.Addr); err != nil {
		return err
	}
	defer store.Close()
	var writes atomic.Uint64
	commands := store.Server()
	commands.SetPreHook(func(_ *server.Peer, cmd string, args ...string) bool {
		// miniredis does not count XINFO among the reads.
		reads := commands.IsReadOnlyCommand(cmd) || cmd == "XINFO" || cmd == "EVAL" && len(args) > 0 && args[0] == readAll
		if !reads {
			writes.Add(1)
		}
		return false
	})
	client := redis.NewClient(&redis.Options{Addr: r.Addr, Password: r.Password, PoolSize: 1})
	defer client.Close()

	expiry := time.NewTicker(200 * time.Millisecond)
	defer expiry.Stop()
	due := time.NewTicker(snapshotEvery)
	defer due.Stop()
	last, saved, settled := time.Now(), writes.Load(), false
	for {
		select {
		case now := <-expiry.C:
			store.FastForward(now.Sub(last))
			last = now
		case <-due.C:
			count := writes.Load()
			if count == saved && settled {
				continue
			}
			// A write is counted before it is done: one more snapshot
			// follows the last that saw a change.
			settled = count == saved
			saved = count
			if err := save(ctx, client, file); err != nil && ctx.Err() == nil {
				return fmt.Errorf("save %s: %w", file, err)
			}
		case <-ctx.Done():
			return save(context.WithoutCancel(ctx), client, file)
		}
	}
}

// entry is one key of a snapshot. Values are in the order in which the command
// that restores them takes them.
type entry struct {
	Key, Type string
	Expires   int64 // Unix milliseconds, 0 for never
	Values    []string
	Stream    []streamEntry
	LastID    string
	Groups    []group
}

type streamEntry struct {
	ID     string
	Values []string
}

type group struct {
	Name, LastID string
	Consumers    []string
	Pending      []pending
}

type pending struct {
	ID, Consumer string
	Idle         int64 // milliseconds
	Deliveries   int64
}

// One script is one moment: no change of another client falls between two keys
// of a snapshot.
const readAll = `
local out = {}
for i, key in ipairs(redis.call('KEYS', '*')) do
  local kind = redis.call('TYPE', key).ok
  local item = {key, kind, tostring(redis.call('PTTL', key))}
  if kind == 'string' then item[4] = {redis.call('GET', key)}
  elseif kind == 'hash' then item[4] = redis.call('HGETALL', key)
  elseif kind == 'list' then item[4] = redis.call('LRANGE', key, 0, -1)
  elseif kind == 'set' then item[4] = redis.call('SMEMBERS', key)
  elseif kind == 'zset' then item[4] = redis.call('ZRANGE', key, 0, -1, 'WITHSCORES')
  elseif kind == 'stream' then
    item[4] = redis.call('XRANGE', key, '-', '+')
    item[5] = redis.call('XINFO', 'STREAM', key)
    item[6] = {}
    for j, info in ipairs(redis.call('XINFO', 'GROUPS', key)) do
      local name
      for k = 1, #info, 2 do if info[k] == 'name' then name = info[k + 1] end end
      item[6][j] = {info, redis.call('XINFO', 'CONSUMERS', key, name),
        redis.call('XPENDING', key, name, '-', '+', 1000000)}
    end
  end
  out[i] = item
end
return out`

func save(ctx context.Context, client *redis.Client, file string) error {
	reply, err := client.Do(ctx, "EVAL", readAll, "0").Slice()
	if err != nil {
		return err
	}
	now := time.Now().UnixMilli()
	entries := make([]entry, 0, len(reply))
	for _, r := range reply {
		item := r.([]any)
		e := entry{Key: text(item[0]), Type: text(item[1])}
		if ttl, err := strconv.ParseInt(text(item[2]), 10, 64); err == nil && ttl > 0 {
			e.Expires = now + ttl
		}
		if e.Type == "stream" {
			e.readStream(item)
		} else {
			e.Values = texts(item[3])
		}
		entries = append(entries, e)
	}
	var encoded bytes.Buffer
	if err := gob.NewEncoder(&encoded).Encode(entries); err != nil {
		return err
	}
	return writeDurably(file, encoded.Bytes())
}

func (e *entry) readStream(item []any) {
	for _, s := range item[3].([]any) {
		pair := s.([]any)
		e.Stream = append(e.Stream, streamEntry{ID: text(pair[0]), Values: texts(pair[1])})
	}
	e.LastID = fields(item[4])["last-generated-id"]
	for _, g := range item[5].([]any) {
		parts := g.([]any)
		info := fields(parts[0])
		read := group{Name: info["name"], LastID: info["last-delivered-id"]}
		for _, c := range parts[1].([]any) {
			read.Consumers = append(read.Consumers, fields(c)["name"])
		}
		for _, p := range parts[2].([]any) {
			row := p.([]any)
			idle, _ := row[2].(int64)
			deliveries, _ := row[3].(int64)
			read.Pending = append(read.Pending, pending{text(row[0]), text(row[1]), idle, deliveries})
		}
		e.Groups = append(e.Groups, read)
	}
}

// load fills an empty store from a snapshot. No snapshot is an empty store.
func (r Redis) load(ctx context.Context, addr, file string) error {
	encoded, err := os.ReadFile(file)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	var entries []entry
	if err := gob.NewDecoder(bytes.NewReader(encoded)).Decode(&entries); err != nil {
		return err
	}
	client := redis.NewClient(&redis.Options{Addr: addr, Password: r.Password, PoolSize: 1})
	defer client.Close()
	now := time.Now()
	_, err = client.Pipelined(ctx, func(pipe redis.Pipeliner) error {
		for _, e := range entries {
			left := time.UnixMilli(e.Expires).Sub(now)
			if e.Expires != 0 && left <= 0 {
				continue
			}
			e.restore(ctx, pipe)
			if e.Expires != 0 {
				pipe.PExpire(ctx, e.Key, left)
			}
		}
		return nil
	})
	return err
}

func (e entry) restore(ctx context.Context, pipe redis.Pipeliner) {
	values := make([]any, len(e.Values))
	for i, v := range e.Values {
		values[i] = v
	}
	switch e.Type {
	case "string":
		pipe.Set(ctx, e.Key, e.Values[0], 0)
	case "hash":
		pipe.HSet(ctx, e.Key, values...)
	case "list":
		pipe.RPush(ctx, e.Key, values...)
	case "set":
		pipe.SAdd(ctx, e.Key, values...)
	case "zset":
		for i := 0; i+1 < len(e.Values); i += 2 {
			pipe.Do(ctx, "ZADD", e.Key, e.Values[i+1], e.Values[i])
		}
	case "stream":
		e.restoreStream(ctx, pipe)
	}
}

func (e entry) restoreStream(ctx context.Context, pipe redis.Pipeliner) {
	for _, s := range e.Stream {
		pipe.XAdd(ctx, &redis.XAddArgs{Stream: e.Key, ID: s.ID, Values: s.Values})
	}
	if n := len(e.Stream); e.LastID != "" && e.LastID != "0-0" && (n == 0 || e.Stream[n-1].ID != e.LastID) {
		// The newest entry was deleted. Its id must stay taken, or a reader
		// that is past it would miss the entry that gets it next.
		pipe.XAdd(ctx, &redis.XAddArgs{Stream: e.Key, ID: e.LastID, Values: []string{"gone", ""}})
		pipe.XDel(ctx, e.Key, e.LastID)
	}
	for _, g := range e.Groups {
		pipe.XGroupCreateMkStream(ctx, e.Key, g.Name, g.LastID)
		for _, consumer := range g.Consumers {
			pipe.XGroupCreateConsumer(ctx, e.Key, g.Name, consumer)
		}
		for _, p := range g.Pending {
			pipe.Do(ctx, "XCLAIM", e.Key, g.Name, p.Consumer, 0, p.ID,
				"IDLE", p.Idle, "RETRYCOUNT", p.Deliveries, "FORCE", "JUSTID")
		}
	}
}

// writeDurably replaces the file in one step: after a crash it is the old one
// or the new one.
func writeDurably(file string, content []byte) error {
	next, err := os.CreateTemp(filepath.Dir(file), "snapshot-*")
	if err != nil {
		return err
	}
	defer os.Remove(next.Name())
	_, err = next.Write(content)
	if err = errors.Join(err, next.Sync(), next.Close()); err != nil {
		return err
	}
	if err := os.Rename(next.Name(), file); err != nil {
		return err
	}
	dir, err := os.Open(filepath.Dir(file))
	if err != nil {
		return err
	}
	return errors.Join(dir.Sync(), dir.Close())
}

func text(v any) string {
	switch v := v.(type) {
	case string:
		return v
	case int64:
		return strconv.FormatInt(v, 10)
	}
	return ""
}

func texts(v any) []string {
	list, _ := v.([]any)
	out := make([]string, len(list))
	for i, item := range list {
		out[i] = text(item)
	}
	return out
}

// fields reads a flat list of names and values.
func fields(v any) map[string]string {
	list, _ := v.([]any)
	out := map[string]string{}
	for i := 0; i+1 < len(list); i += 2 {
		out[text(list[i])] = text(list[i+1])
	}
	return out
}
