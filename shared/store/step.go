package store

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
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

// loaded is a document as it was read: plain is nil where there was none.
type loaded struct {
	number uint64
	plain  []byte
}

// View holds documents read together.
type View struct {
	s     *Store
	docs  map[string]loaded
	keys  map[string]dataKey
	heads map[string]string // of all that was read, documents and data keys
}

// Get is a document of the view; false where there is none. It must have been
// among the reads.
func Get[T any](v *View, d Doc[T]) (T, bool, error) {
	var value T
	l, read := v.docs[d.name]
	if !read {
		return value, false, errors.New("document was not among the reads")
	}
	if l.plain == nil {
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

// onceTTL is how long an answer is repeated under its key.
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
	next      []int // commands whose replies are the ids of events that are next in line
	looked    bool
}

// Looked says that the step came to nothing: in the audit it is a look, whatever it
// was to do.
func (tx *Tx) Looked() { tx.looked = true }

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
	key, found := tx.keys[d.dataKey]
	if !found {
		key = tx.s.newDataKey(d.dataKey)
		tx.keys[d.dataKey] = key
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

// turnPatience is how long a step waits for the earlier events of its line.
const (
	turnPatience = time.Second
	turnPause    = 25 * time.Millisecond
)

var errBusy = fault.New(fault.Unavailable, "busy",
	"Сейчас слишком много одновременных изменений. Повторите через несколько секунд.",
	"Too many changes at the same time. Try again in a few seconds.").After(2 * time.Second)

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
	partition, err := open(g, home)
	if err != nil {
		return zero, err
	}
	var onceDoc Doc[answered]
	if once.Scope != "" {
		onceDoc = document[answered]("once", home, ":"+once.Scope, home)
		reads = append(reads[:len(reads):len(reads)], onceDoc.Ref)
	}
	patient := s.machine().Add(turnPatience)
	for range maxAttempts {
		view, err := s.read(ctx, reads)
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
				// It is told once more, and that is a read of its own.
				if _, err := s.View(ctx, g, home); err != nil {
					return zero, err
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
		by := g
		if tx.looked {
			by = g.Looking()
		}
		switch committed, err := s.commit(ctx, by, tx); {
		case errors.Is(err, ErrEarlier) && s.machine().Before(patient):
			// The earlier one is mostly being handled at this very moment.
			if err := pause(ctx, turnPause); err != nil {
				return zero, err
			}
		case err != nil:
			return zero, err
		case committed:
			return answer, nil
		}
	}
	return zero, errBusy
}

// View reads documents of one home together, and leaves the audit entry of it,
// in one step and one round trip.
func (s *Store) View(ctx context.Context, g access.Grant, home string, reads ...Ref) (*View, error) {
	partition, err := open(g, home)
	if err != nil {
		return nil, err
	}
	names := namesOf(reads)
	gets := make([]command, len(names))
	for i, name := range names {
		gets[i] = command{name: "GET", key: name}
	}
	_, replies, err := s.step(ctx, s.rdb, g, partition, nil, gets)
	if err != nil {
		return nil, err
	}
	values := make(map[string]string, len(names))
	for i, name := range names {
		values[name], _ = replies[i].(string) // nil where there is none
	}
	return s.view(reads, values)
}

// read is for a step that is not decided yet, and leaves no audit entry.
func (s *Store) read(ctx context.Context, reads []Ref) (*View, error) {
	names := namesOf(reads)
	got := make([]*redis.StringCmd, len(names))
	// MULTI, so that a document is never seen with another step's key.
	if err := answers(s.rdb.TxPipelined(ctx, func(p redis.Pipeliner) error {
		for i, name := range names {
			got[i] = p.Get(ctx, name)
		}
		return nil
	})); err != nil {
		return nil, unreachable(err)
	}
	values := make(map[string]string, len(names))
	for i, name := range names {
		values[name] = got[i].Val()
	}
	return s.view(reads, values)
}

// namesOf what has to be read for documents: themselves and their data keys,
// each once.
func namesOf(reads []Ref) []string {
	names := make([]string, 0, 2*len(reads))
	for _, r := range reads {
		for _, name := range []string{r.dataKey, r.name} {
			if !slices.Contains(names, name) {
				names = append(names, name)
			}
		}
	}
	return names
}

// view opens what was read.
func (s *Store) view(reads []Ref, values map[string]string) (*View, error) {
	v := &View{s: s, docs: make(map[string]loaded, len(reads)), keys: map[string]dataKey{}, heads: make(map[string]string, len(values))}
	for name, value := range values {
		v.heads[name] = head(value)
	}
	for _, r := range reads {
		value, wrapped := values[r.name], values[r.dataKey]
		key, known := v.keys[r.dataKey]
		if wrapped != "" && !known {
			var err error
			if key, err = s.openDataKey(r.dataKey, wrapped); err != nil {
				return nil, err
			}
			v.keys[r.dataKey] = key
		}
		if value == "" || wrapped == "" {
			// A value without its key was erased, whatever bytes are left of it.
			v.docs[r.name] = loaded{}
			continue
		}
		number, plain, err := key.open(r.name, value)
		if err != nil {
			return nil, err
		}
		v.docs[r.name] = loaded{number: number, plain: plain}
	}
	return v, nil
}

// answers is the error of a pipeline whose commands may find nothing. The
// pipeline's own is that of its first command, and a key that is not there
// would hide that another command was not done.
func answers(done []redis.Cmder, err error) error {
	for _, cmd := range done {
		if err := cmd.Err(); err != nil && !errors.Is(err, redis.Nil) {
			return err
		}
	}
	if errors.Is(err, redis.Nil) {
		return nil
	}
	return err
}

// stepScript checks everything that was read, leaves the audit entry, and does
// all commands. The entry comes first: if it cannot be written, nothing is read
// or changed. KEYS: the audit, the list of the entries about the person, and
// those of the checks and commands. ARGV: the number of the entry's texts and
// these; the number of checks, each a kind, a key's number and what is wanted;
// the number of commands, each a name, a key's number, the number of arguments
// and these. It answers with the replies of the commands, or with the number of
// the check that did not hold.
var stepScript = redis.NewScript(`
local at = 0
local function take() at = at + 1; return ARGV[at] end
local function some(list)
  for n = 1, tonumber(take()) do list[#list + 1] = take() end
  return list
end
local entry = some({'XADD', KEYS[1], '*'})
for n = 1, tonumber(take()) do
  local kind = take()
  local key = KEYS[tonumber(take())]
  local want = take()
  local holds
  if kind == 'head' then
    holds = redis.call('GETRANGE', key, 0, 7) == want
  elseif kind == 'value' then
    holds = (redis.call('GET', key) or '') == want
  elseif kind == 'turn' then
    local first = redis.call('LINDEX', key, 0)
    holds = not first or first == want or not redis.call('LPOS', key, want)
  else
    holds = redis.call('ZSCORE', key, want) ~= false
  end
  if not holds then return n end
end
redis.call('RPUSH', KEYS[2], redis.call(unpack(entry)))
local replies = {}
for n = 1, tonumber(take()) do
  local name = take()
  replies[n] = redis.call(unpack(some({name, KEYS[tonumber(take())]})))
end
return replies
`)

// step runs the script in a partition. failed is the number of the check that
// did not hold, from 1, or 0.
func (s *Store) step(ctx context.Context, on redis.Scripter, g access.Grant, partition string, checks []check, commands []command) (failed int, replies []any, err error) {
	keys := []string{auditStream(partition), auditIndex(partition, g.Subject())}
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
	fields := s.auditFields(g)
	args := append([]any{len(fields)}, fields...)
	args = append(args, len(checks))
	for _, c := range checks {
		args = append(args, c.kind, number(c.key), c.want)
	}
	args = append(args, len(commands))
	for _, c := range commands {
		args = append(append(args, c.name, number(c.key), len(c.args)), c.args...)
	}
	answer, err := stepScript.Run(ctx, on, keys, args...).Result()
	if err != nil {
		return 0, nil, unreachable(err)
	}
	if n, ok := answer.(int64); ok {
		return int(n), nil, nil
	}
	replies, _ = answer.([]any)
	if len(replies) != len(commands) {
		return 0, nil, unreachable(errors.New("a step was answered in part"))
	}
	return 0, replies, nil
}

func (s *Store) commit(ctx context.Context, g access.Grant, tx *Tx) (bool, error) {
	checks := tx.checks
	for name, head := range tx.heads {
		checks = append(checks, check{"head", name, head})
	}
	failed, replies, err := s.step(ctx, unrepeated{s.rdb}, g, tx.partition, checks, tx.commands)
	if err != nil {
		return false, err
	}
	if failed > 0 && failed <= len(tx.checks) {
		switch tx.checks[failed-1].kind {
		case "member":
			return false, ErrHandled
		case "turn":
			return false, ErrEarlier
		case "value":
			return false, errAborted
		}
	}
	if failed > 0 {
		return false, nil
	}
	for _, e := range tx.events {
		s.kick(e)
	}
	for _, n := range tx.next {
		if id, _ := replies[n].(string); id != "" {
			s.kickNext(ctx, tx.partition, id)
		}
	}
	return true, nil
}

// unrepeated runs a script without the repetitions that a client of a Cluster
// does by itself, whatever its settings: a commit whose answer was lost would
// meet its own first run and take it for somebody else's change.
type unrepeated struct{ redis.UniversalClient }

func (c unrepeated) EvalSha(ctx context.Context, hash string, keys []string, args ...any) *redis.Cmd {
	return c.run(ctx, "evalsha", hash, keys, args)
}

func (c unrepeated) Eval(ctx context.Context, text string, keys []string, args ...any) *redis.Cmd {
	return c.run(ctx, "eval", text, keys, args)
}

func (c unrepeated) run(ctx context.Context, name, script string, keys []string, args []any) *redis.Cmd {
	words := []any{name, script, len(keys)}
	for _, key := range keys {
		words = append(words, key)
	}
	cmd := redis.NewCmd(ctx, append(words, args...)...)
	cmd.SetFirstKeyPos(3)
	c.Process(ctx, noRetry{cmd}) // its error is the command's
	return cmd
}

type noRetry struct{ *redis.Cmd }

func (noRetry) NoRetry() bool { return true }
