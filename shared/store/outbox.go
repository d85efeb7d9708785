package store

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/redis/go-redis/v9"

	"polis/shared/access"
	"polis/shared/fault"
	"polis/shared/ident"
)

// Event asks another function, or this one later, to do something. It carries
// ids only and is delivered at least once: it stays in the outbox until a step
// of its consumer acknowledges it, or buries it as a dead letter.
type Event struct {
	ID      string `json:"id,omitempty"` // "" for work that is due by the agenda
	Topic   string `json:"topic"`        // "<function>/<path>" of the consumer
	Home    string `json:"home"`         // account or insured person, whose partition keeps it
	Subject string `json:"subject"`      // id of what it is about
	Lane    string `json:"lane,omitempty"`
}

// lane is the line in which an event waits: of one person and consumer, events
// are handled in the order in which they were committed. Lane in the event
// divides the line further where one part must not hold up the other. An event
// that is held back stands in no line.
func (e Event) lane(partition string) string {
	return "lane:{" + partition + "}:" + e.Home + " " + e.Topic + " " + e.Lane
}

var (
	// ErrHandled is an event that was acknowledged before: there is nothing to do.
	ErrHandled = errors.New("event is handled already")
	// ErrEarlier is an event that came before an earlier one of its line was
	// handled: it is delivered again.
	ErrEarlier = fault.New(fault.Unavailable, "earlier_event_waits",
		"Сначала обрабатывается более раннее событие.", "An earlier event is handled first.").After(time.Second)
)

// An event is delivered again firstSweep after its commit, then after twice as
// long each time, up to maxBackOff; after maxTries it is a dead letter.
const (
	firstSweep = 5 * time.Second
	maxBackOff = 30 * time.Second
	maxTries   = 120 // about an hour
)

func outbox(partition string) string { return "outbox:{" + partition + "}" } // ids by the time of the next delivery
func events(partition string) string { return "events:{" + partition + "}" } // id -> event, and what is known of it
func agenda(partition string) string { return "agenda:{" + partition + "}" } // work by the law clock
func dead(partition string) string   { return "dead:{" + partition + "}" }   // ids by the time of burial

// What is known of an event, beside it in the same hash.
func tries(id string) string  { return id + ":tries" }
func reason(id string) string { return id + ":reason" }

// Emit sends an event with the step and returns it with its id. A positive
// delay holds it back.
func (tx *Tx) Emit(e Event, delay time.Duration) Event {
	now := tx.s.machine()
	e.ID = ident.New(now)
	tx.do("HSET", events(tx.partition), e.ID, e.encode())
	tx.do("ZADD", outbox(tx.partition), now.Add(firstSweep+delay).UnixMilli(), e.ID)
	if delay <= 0 {
		tx.do("RPUSH", e.lane(tx.partition), e.ID)
		tx.events = append(tx.events, e)
	}
	return e
}

func (e Event) encode() string {
	raw, err := json.Marshal(e)
	if err != nil {
		panic(err) // strings only
	}
	return string(raw)
}

// InTurn makes the step fail with ErrHandled unless the event still waits, and
// with ErrEarlier unless it is the first of its line. Work from the agenda has
// no id, and the step itself must see whether it is still due.
func (tx *Tx) InTurn(e Event) {
	if e.ID == "" {
		return
	}
	tx.checks = append(tx.checks,
		check{"member", outbox(tx.partition), e.ID},
		check{"turn", e.lane(tx.partition), e.ID})
}

// Acknowledge ends an event in the same step as its effect, in its turn.
func (tx *Tx) Acknowledge(e Event) {
	if e.ID == "" {
		return
	}
	tx.InTurn(e)
	tx.leave(e)
	tx.do("HDEL", events(tx.partition), e.ID, tries(e.ID), reason(e.ID))
}

// Done acknowledges an event whose effect lies in other partitions, or outside, and
// leaves the next ones with the same step. One that was handled meanwhile is none
// of its caller's any more.
func (s *Store) Done(ctx context.Context, g access.Grant, e Event, next ...Event) error {
	_, err := Change(ctx, s, g.About(e.Home), e.Home, Once{}, nil, func(tx *Tx) (struct{}, error) {
		tx.Acknowledge(e)
		for _, follows := range next {
			tx.Emit(follows, 0)
		}
		return struct{}{}, nil
	})
	if errors.Is(err, ErrHandled) {
		return nil
	}
	return err
}

// Bury makes an event a dead letter, in its turn: it is not delivered any more
// unless an operator replays it. reason is a text without personal data.
func (tx *Tx) Bury(e Event, why string) {
	if e.ID == "" {
		return
	}
	tx.InTurn(e)
	tx.leave(e)
	tx.do("ZADD", dead(tx.partition), tx.s.machine().UnixMilli(), e.ID)
	tx.do("HSET", events(tx.partition), reason(e.ID), why)
}

// PutOff leaves an event waiting, in its turn, for the next delivery after d.
func (tx *Tx) PutOff(e Event, d time.Duration) {
	if e.ID == "" {
		return
	}
	tx.InTurn(e)
	tx.do("ZADD", outbox(tx.partition), "XX", tx.s.machine().Add(d).UnixMilli(), e.ID)
}

func (tx *Tx) leave(e Event) {
	tx.do("ZREM", outbox(tx.partition), e.ID)
	tx.do("LREM", e.lane(tx.partition), 1, e.ID)
	tx.next = append(tx.next, len(tx.commands))
	tx.do("LINDEX", e.lane(tx.partition), 0)
}

// kickNext kicks the event whose turn has come. Where it cannot, the sweep does.
func (s *Store) kickNext(ctx context.Context, partition, id string) {
	raw, err := s.rdb.HGet(ctx, events(partition), id).Result()
	if err != nil {
		return
	}
	var e Event
	if json.Unmarshal([]byte(raw), &e) == nil {
		s.kick(e)
	}
}

// Schedule puts work on the agenda for a time of the law clock, in place of an
// earlier time for the same work; the zero time takes it off.
func (tx *Tx) Schedule(topic, home, subject string, at time.Time) {
	member := work(topic, home, subject)
	if at.IsZero() {
		tx.do("ZREM", agenda(tx.partition), member)
		return
	}
	tx.do("ZADD", agenda(tx.partition), at.UnixMilli(), member)
}

// work as it stands on the agenda.
func work(topic, home, subject string) string { return topic + " " + home + " " + subject }

// Due lists, oldest first in each partition, the events that were not
// acknowledged in time and the work whose time on the law clock has come, at
// most limit of each per partition. Take each before it is delivered.
func (s *Store) Due(ctx context.Context, g access.Grant, law time.Time, limit int) ([]Event, error) {
	if err := checkGrant(g); err != nil {
		return nil, err
	}
	partitions := ident.AllPartitions()
	late := make([]*redis.StringSliceCmd, len(partitions))
	come := make([]*redis.StringSliceCmd, len(partitions))
	upTo := func(t time.Time) *redis.ZRangeBy {
		return &redis.ZRangeBy{Min: "-inf", Max: strconv.FormatInt(t.UnixMilli(), 10), Count: int64(limit)}
	}
	now := s.machine()
	if err := answers(s.rdb.Pipelined(ctx, func(p redis.Pipeliner) error {
		for i, part := range partitions {
			late[i] = p.ZRangeByScore(ctx, outbox(part), upTo(now))
			come[i] = p.ZRangeByScore(ctx, agenda(part), upTo(law))
		}
		return nil
	})); err != nil {
		return nil, unreachable(err)
	}
	var due []Event
	for i, part := range partitions {
		if ids := late[i].Val(); len(ids) > 0 {
			found, err := s.rdb.HMGet(ctx, events(part), ids...).Result()
			if err != nil {
				return nil, unreachable(err)
			}
			for n, raw := range found {
				e := Event{ID: ids[n]}
				if text, ok := raw.(string); ok && json.Unmarshal([]byte(text), &e) == nil {
					due = append(due, e)
				}
			}
		}
		for _, member := range come[i].Val() {
			if f := strings.Fields(member); len(f) == 3 {
				due = append(due, Event{Topic: f[0], Home: f[1], Subject: f[2]})
			}
		}
	}
	return due, nil
}

// Take counts a delivery of a due event that is about to be made, and puts the
// next one off, twice as long each time. False where it is not to be delivered
// now: it was acknowledged, an earlier event of its line waits, or it was
// delivered too often and is a dead letter from here on. Work is put off too, so
// that what fails again and again does not stand before the rest; the step that
// does it sets its true time.
func (s *Store) Take(ctx context.Context, e Event, law time.Time) (bool, error) {
	partition, ok := ident.Partition(e.Home)
	if !ok {
		return false, errNoHome
	}
	if e.ID == "" {
		member := work(e.Topic, e.Home, e.Subject)
		late := redis.Z{Score: float64(law.Add(maxBackOff).UnixMilli()), Member: member}
		if err := s.rdb.ZAddXX(ctx, agenda(partition), late).Err(); err != nil {
			return false, unreachable(err)
		}
		return true, nil
	}
	listed, err := putOffScript.Run(ctx, s.rdb, []string{events(partition), outbox(partition), e.lane(partition), dead(partition)},
		e.ID, tries(e.ID), reason(e.ID), s.machine().UnixMilli(), firstSweep.Milliseconds(), maxBackOff.Milliseconds(), maxTries,
		"not handled after "+strconv.Itoa(maxTries)+" deliveries").Int()
	if err != nil {
		return false, unreachable(err)
	}
	return listed == 1, nil
}

// putOffScript counts a delivery and sets the time of the next. It answers 1 if
// the event is to be delivered now: it still waits, no other pass has just put it
// off, nobody stands before it, and it was not delivered too often.
var putOffScript = redis.NewScript(`
local id, now, first, longest, most = ARGV[1], tonumber(ARGV[4]), tonumber(ARGV[5]), tonumber(ARGV[6]), tonumber(ARGV[7])
local due = redis.call('ZSCORE', KEYS[2], id)
if not due or tonumber(due) > now then return 0 end
local before = redis.call('LINDEX', KEYS[3], 0)
if before and before ~= id and redis.call('LPOS', KEYS[3], id) then
  redis.call('ZADD', KEYS[2], 'XX', string.format('%.0f', now + first), id)
  return 0
end
local tries = redis.call('HINCRBY', KEYS[1], ARGV[2], 1)
if tries > most then
  redis.call('ZREM', KEYS[2], id)
  redis.call('LREM', KEYS[3], 1, id)
  redis.call('ZADD', KEYS[4], string.format('%.0f', now), id)
  redis.call('HSET', KEYS[1], ARGV[3], ARGV[8])
  return 0
end
redis.call('ZADD', KEYS[2], 'XX', string.format('%.0f', now + math.min(first * 2 ^ math.min(tries, 10), longest)), id)
return 1
`)

// DeadLetter is an event that is not delivered any more.
type DeadLetter struct {
	Event
	Reason string    `json:"reason"`
	Buried time.Time `json:"buried"`
	Tries  int       `json:"tries"`
}

// grave is the place of a dead letter among all.
type grave struct {
	partition, id string
	buried        int64 // milliseconds
}

func (g grave) String() string { return fmt.Sprintf("%d.%s", g.buried, g.id) }

// newer orders graves, the newest first.
func newer(a, b grave) int {
	return cmp.Or(cmp.Compare(b.buried, a.buried), cmp.Compare(b.id, a.id))
}

// errNoPlace is a place in a list that no page ended at.
var errNoPlace = fault.WrongField("next", "next_unknown", "Такого места в списке нет. Начните с начала.", "The list has no such place. Begin anew.")

// DeadLetters lists at most limit of all partitions, newest first, those after the
// given place ("" for the newest). next is the place of the last, "" where the
// page is not full.
func (s *Store) DeadLetters(ctx context.Context, g access.Grant, after string, limit int) (letters []DeadLetter, next string, err error) {
	if err := checkGrant(g); err != nil {
		return nil, "", err
	}
	last := grave{buried: math.MaxInt64}
	if after != "" {
		buried, id, _ := strings.Cut(after, ".")
		if last.buried, err = strconv.ParseInt(buried, 10, 64); err != nil {
			return nil, "", errNoPlace
		}
		last.id = id
	}
	moment := strconv.FormatInt(last.buried, 10)
	partitions := ident.AllPartitions()
	found := make([]*redis.ZSliceCmd, 2*len(partitions))
	if err := answers(s.rdb.Pipelined(ctx, func(p redis.Pipeliner) error {
		for i, part := range partitions {
			// Those of the very moment are few, and some may have been listed.
			found[2*i] = p.ZRevRangeByScoreWithScores(ctx, dead(part), &redis.ZRangeBy{Min: moment, Max: moment})
			found[2*i+1] = p.ZRevRangeByScoreWithScores(ctx, dead(part), &redis.ZRangeBy{Min: "-inf", Max: "(" + moment, Count: int64(limit)})
		}
		return nil
	})); err != nil {
		return nil, "", unreachable(err)
	}
	var graves []grave
	for i, of := range found {
		for _, z := range of.Val() {
			if at := (grave{partitions[i/2], z.Member.(string), int64(z.Score)}); newer(last, at) < 0 {
				graves = append(graves, at)
			}
		}
	}
	slices.SortFunc(graves, newer)
	if len(graves) >= limit {
		graves = graves[:limit]
		next = graves[limit-1].String()
	}
	known := make([]*redis.SliceCmd, len(graves))
	if err := answers(s.rdb.Pipelined(ctx, func(p redis.Pipeliner) error {
		for i, at := range graves {
			known[i] = p.HMGet(ctx, events(at.partition), at.id, reason(at.id), tries(at.id))
		}
		return nil
	})); err != nil {
		return nil, "", unreachable(err)
	}
	letters = []DeadLetter{}
	for i, at := range graves {
		of := known[i].Val()
		raw, _ := of[0].(string)
		if raw == "" {
			continue // replayed meanwhile
		}
		letter := DeadLetter{Buried: time.UnixMilli(at.buried).UTC()}
		if err := json.Unmarshal([]byte(raw), &letter.Event); err != nil {
			return nil, "", err
		}
		letter.Reason, _ = of[1].(string)
		if n, ok := of[2].(string); ok {
			letter.Tries, _ = strconv.Atoi(n)
		}
		letters = append(letters, letter)
	}
	return letters, next, nil
}

// ErrNoDeadLetter is a dead letter that is not there, or was replayed.
var ErrNoDeadLetter = fault.New(fault.NotFound, "dead_letter_not_found",
	"Такого недоставленного события нет.", "There is no such dead letter.")

// Replay delivers a dead letter again, at the end of its line. why is the
// operator's reason, kept with the event until it is handled.
func (s *Store) Replay(ctx context.Context, g access.Grant, home, id, why string) (Event, error) {
	partition, err := open(g, home)
	if err != nil {
		return Event{}, err
	}
	raw, err := s.rdb.HGet(ctx, events(partition), id).Result()
	if errors.Is(err, redis.Nil) {
		return Event{}, ErrNoDeadLetter
	}
	if err != nil {
		return Event{}, unreachable(err)
	}
	var e Event
	if err := json.Unmarshal([]byte(raw), &e); err != nil {
		return Event{}, err
	}
	tx := &Tx{View: &View{s: s}, partition: partition}
	tx.checks = append(tx.checks, check{"member", dead(partition), id})
	tx.do("ZREM", dead(partition), id)
	tx.do("ZADD", outbox(partition), s.machine().Add(firstSweep).UnixMilli(), id)
	tx.do("RPUSH", e.lane(partition), id)
	tx.do("HDEL", events(partition), tries(id))
	tx.do("HSET", events(partition), reason(id), "replayed: "+why)
	_, err = s.commit(ctx, g, tx)
	if errors.Is(err, ErrHandled) {
		return Event{}, ErrNoDeadLetter
	}
	if err == nil {
		s.kick(e)
	}
	return e, err
}
