// Package store keeps the service's state in Redis.
//
// Everything kept for one account, or for one insured person, lies in one
// partition and changes in one step: the documents (compare-and-set on their
// versions), the answer to repeat under an idempotency key, the events for
// others and the audit entry. Documents are sealed with a data key of their
// person; keys hold opaque ids and keyed digests only.
package store

import (
	"context"
	"crypto/cipher"
	"encoding/hex"
	"errors"
	"strings"
	"time"

	"github.com/redis/go-redis/v9"

	"polis/shared/access"
	"polis/shared/clock"
	"polis/shared/config"
	"polis/shared/fault"
	"polis/shared/ident"
)

// Store is safe for concurrent use.
type Store struct {
	*follower
	rdb     redis.UniversalClient
	index   [32]byte
	master  cipher.AEAD
	machine clock.Clock
	kick    func(Event)
}

// Keys of an installation. Index turns what must be found (SNILS, ENP, a
// document) into digests; Master wraps the data keys.
type Keys struct{ Index, Master [32]byte }

// Open connects by the settings of connect and the secrets polis-index-key and
// polis-master-key. It does not wait for the server.
func Open(env *config.Env) *Store {
	keys := Keys{Index: env.Key("polis-index-key"), Master: env.Key("polis-master-key")}
	rdb := connect(env)
	if env.Err() != nil {
		return nil
	}
	return New(rdb, keys)
}

// connect reads the settings redis_url (redis:// or rediss://, one server), or
// redis_addrs (comma-separated) with redis_master (Sentinel) or as a Cluster,
// and the secret redis-password. Nil where they are wrong.
func connect(env *config.Env) redis.UniversalClient {
	opt := &redis.UniversalOptions{
		Password:      env.Secret("redis-password"),
		DialTimeout:   time.Second,
		DialerRetries: 1,
		ReadTimeout:   time.Second,
		WriteTimeout:  time.Second,
		PoolTimeout:   1500 * time.Millisecond,
		PoolSize:      env.Int("redis_pool", 32, 1, 1000),
		// Retries are the caller's, with an idempotency key.
		MaxRetries: -1,
	}
	if addrs := env.String("redis_addrs", ""); addrs != "" {
		opt.Addrs = strings.Split(addrs, ",")
		opt.MasterName = env.String("redis_master", "")
		opt.IsClusterMode = opt.MasterName == ""
	} else if u := env.Required("redis_url"); u != "" {
		one, err := redis.ParseURL(u)
		if err != nil {
			env.Fault("redis_url", "is not a Redis address")
		} else {
			opt.Addrs, opt.DB, opt.TLSConfig, opt.Username = []string{one.Addr}, one.DB, one.TLSConfig, one.Username
			if one.Password != "" {
				env.Fault("redis_url", "must not hold the password: it belongs in the secret redis-password")
			}
		}
	}
	if env.Err() != nil {
		return nil
	}
	return redis.NewUniversalClient(opt)
}

// New makes a store over a client.
func New(rdb redis.UniversalClient, keys Keys) *Store {
	return &Store{
		follower: newFollower(rdb), rdb: rdb, index: keys.Index, master: newCipher(keys.Master[:]),
		machine: clock.System, kick: func(Event) {},
	}
}

// SetClock sets the machine clock, for tests of what comes later.
func (s *Store) SetClock(machine clock.Clock) { s.machine, s.follower.machine = machine, machine }

// OnCommit sets what is called with each event right after the step that
// emitted it was committed. It must not block; a lost call is found by Due.
func (s *Store) OnCommit(kick func(Event)) { s.kick = kick }

// Close the connections.
func (s *Store) Close() error { return s.rdb.Close() }

// Ping tells whether the store answers.
func (s *Store) Ping(ctx context.Context) error {
	if err := s.rdb.Ping(ctx).Err(); err != nil {
		return unreachable(err)
	}
	return nil
}

// InsuredID derives the id of a record from what makes it unique: the same
// cause (an application, a civil record) gives the same id.
func (s *Store) InsuredID(cause ...string) string {
	return ident.Home(ident.Insured, s.index, cause...)
}

// Digest is a keyed digest: it tells whether two texts are the same and nothing
// else about them.
func (s *Store) Digest(parts ...string) string {
	d := ident.Digest(s.index, parts...)
	return hex.EncodeToString(d[:20])
}

// Lease is held by one holder at a time, who is this value and no other of the
// same name.
type Lease struct {
	store    *Store
	key, own string
	ttl      time.Duration
}

// Lease makes a lease that nobody holds by it yet. One that is held ends after
// ttl unless it is held again.
func (s *Store) Lease(name string, ttl time.Duration) *Lease {
	partition, key := ident.Index(s.index, "lease", name)
	return &Lease{store: s, key: "lease:{" + partition + "}:" + key, own: ident.Secret(), ttl: ttl}
}

// holdScript takes a free value, or makes the caller's own live longer.
var holdScript = redis.NewScript(`
local held = redis.call('GET', KEYS[1])
if held and held ~= ARGV[1] then return 0 end
redis.call('SET', KEYS[1], ARGV[1], 'PX', ARGV[2])
return 1
`)

// Hold takes the lease, or makes it last from now; false while another has it.
func (l *Lease) Hold(ctx context.Context) (bool, error) {
	held, err := holdScript.Run(ctx, l.store.rdb, []string{l.key}, l.own, l.ttl.Milliseconds()).Bool()
	if err != nil {
		return false, unreachable(err)
	}
	return held, nil
}

// Release gives the lease back early; one that ran out and was taken by another
// stays with them. If it cannot, the lease runs out by itself.
func (l *Lease) Release(ctx context.Context) { l.store.release(ctx, l.key, l.own) }

// releaseScript deletes a value that is still the caller's own.
var releaseScript = redis.NewScript(`
if redis.call('GET', KEYS[1]) == ARGV[1] then redis.call('DEL', KEYS[1]) end
return 1
`)

func (s *Store) release(ctx context.Context, key, own string) {
	releaseScript.Run(ctx, s.rdb, []string{key}, own)
}

func unreachable(err error) error { return fault.Unreachable("store", err) }

var (
	errNoGrant = errors.New("store asked without a grant")
	errNoHome  = errors.New("no home id")
)

func checkGrant(g access.Grant) error {
	if g.Action() == "" {
		return errNoGrant
	}
	return nil
}

// open gives the partition of a home to a grant that is about it.
func open(g access.Grant, home string) (partition string, err error) {
	if err := checkGrant(g); err != nil {
		return "", err
	}
	partition, ok := ident.Partition(home)
	if !ok {
		return "", errNoHome
	}
	if g.Subject() != home {
		return "", errNoGrant
	}
	return partition, nil
}
