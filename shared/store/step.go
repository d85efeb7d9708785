package store

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"time"

	"github.com/redis/go-redis/v9"

	"polis/shared/access"
	"polis/shared/fault"
	"polis/shared/ident"
)

// Ref names a sealed document and the data key that seals it.
type Ref struct{ name, dataKey string }

// Doc is a Ref that knows the type of its document.
type Doc[T any] struct{ Ref }

func document[T any](kind, home, id, keyHolder string) Doc[T] {
	p, _ := ident.Partition(home)
	return Doc[T]{Ref{
		name:    kind + ":{" + p + "}:" + home + id,
		dataKey: "key:{" + p + "}:" + keyHolder,
	}}
}

// loaded is a document as it was read: version "" where there was none.
type loaded struct {
	version string
	number  uint64
	plain   []byte
	erased  bool
}

// View holds documents read together.
type View struct {
	s    *Store
	docs map[string]loaded
	keys map[string]dataKey
}

// Get is a document of the view; false where there is none. It must have been
// among the reads.
func Get[T any](v *View, d Doc[T]) (T, bool, error) {
	var value T
	l, read := v.docs[d.name]
	if !read {
		return value, false, errors.New("document was not among the reads")
	}
	if l.version == "" || l.erased {
		return value, false, nil
	}
	if err := json.Unmarshal(l.plain, &value); err != nil {
		return value, false, fmt.Errorf("stored document: %w", err)
	}
	return value, true, nil
}

// Once is a caller's idempotency key: scoped to the caller, the path and the
// key by its digest, with the digest of the body it came with. The zero Once
// asks for nothing.
type Once struct {
	Scope string
	Body  [32]byte
}

// OnceFor makes a Once; an empty key gives the zero Once.
func (s *Store) OnceFor(caller, path, key string, body []byte) Once {
	if key == "" {
		return Once{}
	}
	_, name := ident.Index(s.index, "once", caller, path, key)
	return Once{Scope: name, Body: ident.Digest(s.index, "body", string(body))}
}

// ErrKeyReused is an idempotency key that came before with another body.
var ErrKeyReused = fault.New(fault.Invalid, "idempotency_key_reused",
	"Этот ключ повтора уже использован с другим запросом.",
	"This idempotency key was used with another request.")

// onceFor long an answer is repeated under its key.
const onceTTL = 24 * time.Hour

type answered struct {
	Body   []byte          `json:"body"`
	Answer json.RawMessage `json:"answer"`
}

// Tx is one step being prepared. Nothing of it exists until it is committed.
type Tx struct {
	*View
	partition string
	checks    []check
	commands  []command
	events    []Event
}

type check struct{ kind, key, want string }

type command struct {
	name, key string
	args      []any
}

// Put writes a document.
func Put[T any](tx *Tx, d Doc[T], value T) error {
	l, read := tx.docs[d.name]
	if !read {
		return errors.New("document was not among the reads")
	}
	plain, err := json.Marshal(value)
	if err != nil {
		return err
	}
	key := tx.keys[d.dataKey]
	if key.aead == nil {
		key = tx.s.newDataKey(d.dataKey)
		tx.keys[d.dataKey] = key
		tx.checks = append(tx.checks, check{"version", d.dataKey, ""})
		tx.do("SET", d.dataKey, key.wrapped)
	}
	tx.do("SET", d.name, key.seal(d.name, l.number+1, plain))
	return nil
}

// Erase deletes a document together with its data key: what a backup still
// holds of it can no longer be opened.
func Erase[T any](tx *Tx, d Doc[T]) {
	tx.do("DEL", d.name)
	tx.do("DEL", d.dataKey)
	delete(tx.keys, d.dataKey)
}

func (tx *Tx) do(name, key string, args ...any) {
	tx.commands = append(tx.commands, command{name, key, args})
}

// maxAttempts bounds how often a step is prepared anew because somebody else
// changed what it had read.
const maxAttempts = 50

var errBusy = fault.New(fault.Unavailable, "busy",
	"Сейчас слишком много одновременных изменений. Повторите через несколько секунд.",
	"Too many changes at the same time. Try again in a few seconds.")

// Change runs one step in the partition of home, an account or an insured
// person. It reads the documents, lets fn decide, and commits fn's writes with
// the audit entry, the events and the answer to repeat, all or nothing. fn may
// run more than once and must have no effects of its own. An error of fn
// commits nothing and is returned as it is. A repeated Once gives the first
// answer without running fn; with another body it is ErrKeyReused. While the
// store does not answer the fault is Unavailable, and the step may or may not
// have been committed: the caller repeats it under the same Once.
func Change[A any](ctx context.Context, s *Store, g access.Grant, home string, once Once, reads []Ref, fn func(*Tx) (A, error)) (A, error) {
	var zero A
	if err := checkGrant(g); err != nil {
		return zero, err
	}
	partition, ok := ident.Partition(home)
	if !ok {
		return zero, fmt.Errorf("no home id")
	}
	var onceDoc Doc[answered]
	if once.Scope != "" {
		onceDoc = document[answered]("once", home, ":"+once.Scope, home)
		reads = append(reads[:len(reads):len(reads)], onceDoc.Ref)
	}
	for range maxAttempts {
		view, err := s.read(ctx, reads, nil)
		if err != nil {
			return zero, err
		}
		tx := &Tx{View: view, partition: partition}
		if once.Scope != "" {
			prior, found, err := Get(view, onceDoc)
			if err != nil {
				return zero, err
			}
			if found {
				if string(prior.Body) != string(once.Body[:]) {
					return zero, ErrKeyReused
				}
				var answer A
				return answer, json.Unmarshal(prior.Answer, &answer)
			}
		}
		answer, err := fn(tx)
		if err != nil {
			return zero, err
		}
		if once.Scope != "" {
			raw, err := json.Marshal(answer)
			if err != nil {
				return zero, err
			}
			if err := Put(tx, onceDoc, answered{Body: once.Body[:], Answer: raw}); err != nil {
				return zero, err
			}
			tx.do("PEXPIRE", onceDoc.name, onceTTL.Milliseconds())
		}
		committed, err := s.commit(ctx, g, tx)
		if err != nil {
			return zero, err
		}
		if committed {
			for _, e := range tx.events {
				s.kick(e)
			}
			return answer, nil
		}
	}
	return zero, errBusy
}

// View reads documents of one home together, and leaves the audit entry of it,
// in one step and one round trip.
func (s *Store) View(ctx context.Context, g access.Grant, home string, reads ...Ref) (*View, error) {
	if err := checkGrant(g); err != nil {
		return nil, err
	}
	partition, ok := ident.Partition(home)
	if !ok {
		return nil, fmt.Errorf("no home id")
	}
	entry := s.auditEntry(g, partition)
	return s.read(ctx, reads, &entry)
}

func (s *Store) read(ctx context.Context, reads []Ref, audit *command) (*View, error) {
	type pair struct{ doc, key *redis.StringCmd }
	got := make([]pair, len(reads))
	keys := map[string]*redis.StringCmd{}
	queue := func(p redis.Pipeliner) error {
		for i, r := range reads {
			if keys[r.dataKey] == nil {
				keys[r.dataKey] = p.Get(ctx, r.dataKey)
			}
			got[i] = pair{doc: p.Get(ctx, r.name), key: keys[r.dataKey]}
		}
		if audit != nil {
			p.Do(ctx, append([]any{audit.name, audit.key}, audit.args...)...)
		}
		return nil
	}
	// MULTI, so that a document is never seen with another step's key.
	if _, err := s.rdb.TxPipelined(ctx, queue); err != nil && !errors.Is(err, redis.Nil) {
		return nil, unreachable(err)
	}
	v := &View{s: s, docs: make(map[string]loaded, len(reads)), keys: make(map[string]dataKey, len(keys))}
	for i, r := range reads {
		key, known := v.keys[r.dataKey]
		if wrapped := got[i].key.Val(); wrapped != "" && !known {
			var err error
			if key, err = s.openDataKey(r.dataKey, wrapped); err != nil {
				return nil, err
			}
			v.keys[r.dataKey] = key
		}
		value := got[i].doc.Val()
		if value == "" || key.aead == nil {
			// A value without its key was erased, whatever bytes are left of it.
			v.docs[r.name] = loaded{version: value[:min(len(value), versionBytes)], erased: true}
			continue
		}
		number, plain, err := key.open(r.name, value)
		if err != nil {
			return nil, err
		}
		v.docs[r.name] = loaded{version: value[:versionBytes], number: number, plain: plain}
	}
	return v, nil
}

// commitScript checks everything that was read, then does all writes. ARGV: the
// number of checks, each a kind, a key's number and what is wanted; the number
// of commands, each a name, a key's number, the number of arguments and these.
// It answers 0, or the number of the check that did not hold.
var commitScript = redis.NewScript(`
local at = 0
local function take() at = at + 1; return ARGV[at] end
for n = 1, tonumber(take()) do
  local kind = take()
  local key = KEYS[tonumber(take())]
  local want = take()
  local holds
  if kind == 'version' then
    holds = redis.call('GETRANGE', key, 0, 7) == want
  elseif kind == 'value' then
    holds = (redis.call('GET', key) or '') == want
  else
    holds = redis.call('ZSCORE', key, want) ~= false
  end
  if not holds then return n end
end
for n = 1, tonumber(take()) do
  local command = {take()}
  command[2] = KEYS[tonumber(take())]
  for a = 1, tonumber(take()) do command[2 + a] = take() end
  redis.call(unpack(command))
end
return 0
`)

func (s *Store) commit(ctx context.Context, g access.Grant, tx *Tx) (bool, error) {
	entry := s.auditEntry(g, tx.partition)
	checks := tx.checks
	for name, l := range tx.docs {
		checks = append(checks, check{"version", name, l.version})
	}
	commands := append(tx.commands, entry)

	var keys []string
	numbers := map[string]int{}
	number := func(key string) int {
		n, ok := numbers[key]
		if !ok {
			keys = append(keys, key)
			n = len(keys)
			numbers[key] = n
		}
		return n
	}
	args := []any{len(checks)}
	for _, c := range checks {
		args = append(args, c.kind, number(c.key), c.want)
	}
	args = append(args, len(commands))
	for _, c := range commands {
		args = append(append(args, c.name, number(c.key), len(c.args)), c.args...)
	}
	failed, err := commitScript.Run(ctx, s.rdb, keys, args...).Int()
	if err != nil {
		return false, unreachable(err)
	}
	if failed > 0 && failed <= len(tx.checks) {
		if c := tx.checks[failed-1]; c.kind == "member" {
			return false, ErrHandled
		} else if c.kind == "value" {
			return false, errAborted
		}
	}
	return failed == 0, nil
}

// auditEntry is one line of the partition's audit: who did what to whose data,
// by opaque ids only.
func (s *Store) auditEntry(g access.Grant, partition string) command {
	return command{"XADD", "audit:{" + partition + "}", []any{"*",
		"at", strconv.FormatInt(s.machine().UnixMilli(), 10),
		"action", string(g.Action()), "role", string(g.Role()), "actor", g.Actor(),
		"subject", g.Subject(), "call", g.CallID()}}
}
