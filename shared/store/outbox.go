package store

import (
	"context"
	"encoding/json"
	"errors"
	"strconv"
	"strings"
	"time"

	"github.com/redis/go-redis/v9"

	"polis/shared/access"
	"polis/shared/ident"
)

// Event asks another function, or this one later, to do something. It carries
// ids only and is delivered at least once: it stays in the outbox until a step
// of its consumer acknowledges it.
type Event struct {
	ID      string `json:"id,omitempty"` // "" for work that is due by the agenda
	Topic   string `json:"topic"`        // "<function>/<path>" of the consumer
	Home    string `json:"home"`         // account or insured person, whose partition keeps it
	Subject string `json:"subject"`      // id of what it is about
}

// ErrHandled is an event that was acknowledged before: there is nothing to do.
var ErrHandled = errors.New("event is handled already")

// firstSweep is when an event is delivered again after its commit, and the
// longest wait between two further deliveries.
const (
	firstSweep = 5 * time.Second
	maxBackOff = 10 * time.Minute
)

func outbox(partition string) string { return "outbox:{" + partition + "}" }
func events(partition string) string { return "events:{" + partition + "}" }
func agenda(partition string) string { return "agenda:{" + partition + "}" }

// Emit sends an event with the step and returns it with its id. A positive
// delay holds it back.
func (tx *Tx) Emit(e Event, delay time.Duration) Event {
	now := tx.s.machine()
	e.ID = ident.New(now)
	raw, err := json.Marshal(e)
	if err != nil {
		panic(err) // strings only
	}
	tx.do("HSET", events(tx.partition), e.ID, string(raw))
	tx.do("ZADD", outbox(tx.partition), now.Add(firstSweep+delay).UnixMilli(), e.ID)
	if delay <= 0 {
		tx.events = append(tx.events, e)
	}
	return e
}

// Acknowledge ends an event in the same step as its effect. An event that was
// acknowledged before makes the step fail with ErrHandled. Work from the agenda
// has no id, and the step itself must see whether it is still due.
func (tx *Tx) Acknowledge(e Event) {
	if e.ID == "" {
		return
	}
	tx.checks = append(tx.checks, check{"member", outbox(tx.partition), e.ID})
	tx.do("ZREM", outbox(tx.partition), e.ID)
	tx.do("HDEL", events(tx.partition), e.ID, tries(e.ID))
}

// Schedule puts work on the agenda for a time of the law clock, in place of an
// earlier time for the same work; the zero time takes it off.
func (tx *Tx) Schedule(topic, home, subject string, at time.Time) {
	member := topic + " " + home + " " + subject
	if at.IsZero() {
		tx.do("ZREM", agenda(tx.partition), member)
		return
	}
	tx.do("ZADD", agenda(tx.partition), at.UnixMilli(), member)
}

// Due lists, oldest first in each partition, the events that were not
// acknowledged in time and the work whose time on the law clock has come, at
// most limit per partition. Each listed event's next delivery is put off, twice
// as long each time.
func (s *Store) Due(ctx context.Context, g access.Grant, law time.Time, limit int) ([]Event, error) {
	if err := checkGrant(g); err != nil {
		return nil, err
	}
	now := s.machine()
	partitions := ident.AllPartitions()
	late := make([]*redis.ZSliceCmd, len(partitions))
	work := make([]*redis.StringSliceCmd, len(partitions))
	upTo := func(t time.Time) *redis.ZRangeBy {
		return &redis.ZRangeBy{Min: "-inf", Max: strconv.FormatInt(t.UnixMilli(), 10), Count: int64(limit)}
	}
	if _, err := s.rdb.Pipelined(ctx, func(p redis.Pipeliner) error {
		for i, part := range partitions {
			late[i] = p.ZRangeByScoreWithScores(ctx, outbox(part), upTo(now))
			work[i] = p.ZRangeByScore(ctx, agenda(part), upTo(law))
		}
		return nil
	}); err != nil {
		return nil, unreachable(err)
	}
	var due []Event
	for i, part := range partitions {
		for _, z := range late[i].Val() {
			id := z.Member.(string)
			e, ok, err := s.putOff(ctx, part, id, now)
			if err != nil {
				return due, err
			}
			if ok {
				due = append(due, e)
			}
		}
		for _, member := range work[i].Val() {
			if f := strings.Fields(member); len(f) == 3 {
				due = append(due, Event{Topic: f[0], Home: f[1], Subject: f[2]})
			}
		}
	}
	return due, nil
}

// putOffScript reads an event and sets the time of its next delivery, twice as
// far away each time; it does nothing to an event that was acknowledged.
var putOffScript = redis.NewScript(`
local event = redis.call('HGET', KEYS[1], ARGV[1])
if not event then return false end
local tries = redis.call('HINCRBY', KEYS[1], ARGV[2], 1)
local wait = math.min(tonumber(ARGV[4]) * 2 ^ math.min(tries, 10), tonumber(ARGV[5]))
redis.call('ZADD', KEYS[2], 'XX', string.format('%.0f', tonumber(ARGV[3]) + wait), ARGV[1])
return event
`)

func tries(id string) string { return id + ":tries" }

func (s *Store) putOff(ctx context.Context, partition, id string, now time.Time) (Event, bool, error) {
	raw, err := putOffScript.Run(ctx, s.rdb, []string{events(partition), outbox(partition)},
		id, tries(id), now.UnixMilli(), firstSweep.Milliseconds(), maxBackOff.Milliseconds()).Text()
	if errors.Is(err, redis.Nil) {
		return Event{}, false, nil
	}
	if err != nil {
		return Event{}, false, unreachable(err)
	}
	var e Event
	if err := json.Unmarshal([]byte(raw), &e); err != nil {
		return Event{}, false, err
	}
	return e, true, nil
}
