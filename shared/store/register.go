package store

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"strings"
	"time"

	"github.com/redis/go-redis/v9"

	"polis/shared/access"
	"polis/shared/fault"
	"polis/shared/ident"
	"polis/shared/person"
	"polis/shared/policy"
)

// Uniqueness spans partitions, so it cannot be one step. What must be unique is
// claimed first, one claim each, then the record is committed in its own
// partition. A claim never expires and counts only while the record it names
// holds the same datum, or an attempt at that record is under way. Whoever
// meets a foreign attempt ends it in the claimant's partition before taking the
// claim over; the claimant's commit checks that its attempt still stands. So
// of two at once one wins, and a process that dies in between blocks nobody.

// attemptTTL ends attempts of processes that died; patience is how long a
// foreign attempt is given to finish by itself.
const (
	attemptTTL = 30 * time.Second
	patience   = 100 * time.Millisecond
)

var errAborted = errors.New("attempt was ended by another")

// Taken is the fault of a datum that another record has.
func taken(what string) error {
	return fault.New(fault.Conflict, what+"_taken",
		"Эти данные уже есть в другой записи регистра.",
		"Another record of the register has these data already.")
}

// datum is something that only one record may have.
type datum struct {
	what, value string
}

func dataOf(i policy.Insured) []datum {
	var d []datum
	if i.Person.SNILS != "" {
		d = append(d, datum{what: "snils", value: string(i.Person.SNILS)})
	}
	if i.Person.Document.Number != "" {
		d = append(d, datum{what: "document", value: i.Person.Document.Key()})
	}
	for _, doc := range i.Earlier {
		d = append(d, datum{what: "document", value: doc.Key()})
	}
	if i.Birth != nil {
		d = append(d, datum{what: "birth", value: i.Birth.Number})
	}
	if i.ENP != "" {
		d = append(d, datum{what: "enp", value: string(i.ENP)})
	}
	return d
}

func (s *Store) claimKey(d datum) string {
	p, name := ident.Index(s.index, d.what, d.value)
	return "claim:{" + p + "}:" + name
}

func attemptKey(id string) string {
	p, _ := ident.Partition(id)
	return "attempt:{" + p + "}:" + id
}

// PutOnRecord makes a record and everything it is found by, or returns the one
// that its id already has: the same cause never makes two. A record without an
// ENP is given the next free one. Where another record holds the SNILS, the
// document or the civil record the fault is Conflict (`snils_taken`, ...).
func (s *Store) PutOnRecord(ctx context.Context, g access.Grant, record policy.Insured) (policy.Insured, bool, error) {
	if err := checkGrant(g); err != nil {
		return policy.Insured{}, false, err
	}
	wanted := record.ENP
	for range maxAttempts {
		made, err := s.attempt(ctx, g, &record)
		switch {
		case err == nil:
			return record, made, nil
		case errors.Is(err, errAborted):
			record.ENP = wanted
			if err := pause(ctx, rand.N(patience)); err != nil {
				return policy.Insured{}, false, err
			}
		default:
			return policy.Insured{}, false, err
		}
	}
	return policy.Insured{}, false, errBusy
}

func (s *Store) attempt(ctx context.Context, g access.Grant, record *policy.Insured) (bool, error) {
	doc := Insured(record.ID)
	view, err := s.read(ctx, []Ref{doc.Ref}, nil)
	if err != nil {
		return false, err
	}
	if have, found, err := Get(view, doc); err != nil || found {
		*record = have
		return false, err
	}
	nonce := ident.Secret()
	if err := s.rdb.Set(ctx, attemptKey(record.ID), nonce, attemptTTL).Err(); err != nil {
		return false, unreachable(err)
	}
	for _, d := range dataOf(*record) {
		if err := s.claim(ctx, d, record.ID, nonce); err != nil {
			return false, err
		}
	}
	if record.ENP == "" {
		if record.ENP, err = s.nextENP(ctx, *record, nonce); err != nil {
			return false, err
		}
	}
	for _, r := range record.Representatives {
		// A hint only: the record itself says whom it has as representatives.
		if err := s.rdb.SAdd(ctx, s.childrenKey(r), record.ID).Err(); err != nil {
			return false, unreachable(err)
		}
	}
	partition, _ := ident.Partition(record.ID)
	tx := &Tx{View: view, partition: partition}
	tx.checks = append(tx.checks, check{"value", attemptKey(record.ID), nonce})
	if err := Put(tx, doc, *record); err != nil {
		return false, err
	}
	tx.do("DEL", attemptKey(record.ID))
	committed, err := s.commit(ctx, g.About(record.ID), tx)
	if err == nil && !committed {
		err = errAborted // somebody made this very record: the next look finds it
	}
	return committed, err
}

// nextENP claims the next free number of the holder's prefix. A number lost to
// a failed attempt is not used again.
func (s *Store) nextENP(ctx context.Context, record policy.Insured, nonce string) (person.ENP, error) {
	region := record.Insurances[0].Region
	first, err := person.NewENP(region, record.Person.Birth, record.Person.Sex, 0)
	if err != nil {
		return "", err
	}
	p, name := ident.Index(s.index, "serial", string(first[:10]))
	for {
		serial, err := s.rdb.Incr(ctx, "serial:{"+p+"}:"+name).Result()
		if err != nil {
			return "", unreachable(err)
		}
		enp, err := person.NewENP(region, record.Person.Birth, record.Person.Sex, int(serial))
		if err != nil {
			return "", err
		}
		err = s.claim(ctx, datum{what: "enp", value: string(enp)}, record.ID, nonce)
		if fault.HasKind(err, fault.Conflict) {
			continue // imported under this number
		}
		return enp, err
	}
}

// replaceScript is compare-and-set on a plain value; ” stands for absent.
var replaceScript = redis.NewScript(`
if (redis.call('GET', KEYS[1]) or '') ~= ARGV[1] then return 0 end
redis.call('SET', KEYS[1], ARGV[2])
return 1
`)

// abortScript ends an attempt unless its record was committed.
var abortScript = redis.NewScript(`
if redis.call('EXISTS', KEYS[1]) == 1 then return 0 end
if redis.call('GET', KEYS[2]) == ARGV[1] then redis.call('DEL', KEYS[2]) end
return 1
`)

// claim takes a datum for the attempt at the record id.
func (s *Store) claim(ctx context.Context, d datum, id, nonce string) error {
	key, mine := s.claimKey(d), id+" "+nonce
	var met string
	var since time.Time
	for {
		held, err := s.rdb.Get(ctx, key).Result()
		if err != nil && !errors.Is(err, redis.Nil) {
			return unreachable(err)
		}
		holder, holderNonce, _ := strings.Cut(held, " ")
		if held != "" && holder != id {
			record, found, err := s.peek(ctx, holder)
			if err != nil {
				return err
			}
			if found && s.holds(record, d) {
				return taken(d.what)
			}
			if !found {
				if now := s.machine(); held != met {
					met, since = held, now
				}
				alive, err := s.rdb.Get(ctx, attemptKey(holder)).Result()
				if err != nil && !errors.Is(err, redis.Nil) {
					return unreachable(err)
				}
				if alive == holderNonce && s.machine().Sub(since) < patience {
					if err := pause(ctx, patience/10+rand.N(patience/10)); err != nil {
						return err
					}
					continue
				}
				ended, err := abortScript.Run(ctx, s.rdb, []string{Insured(holder).name, attemptKey(holder)}, holderNonce).Int()
				if err != nil {
					return unreachable(err)
				}
				if ended == 0 {
					continue // it was committed at the last moment
				}
			}
		}
		swapped, err := replaceScript.Run(ctx, s.rdb, []string{key}, held, mine).Int()
		if err != nil {
			return unreachable(err)
		}
		if swapped == 1 {
			return nil
		}
	}
}

func (s *Store) holds(record policy.Insured, d datum) bool {
	for _, have := range dataOf(record) {
		if have.what == d.what && have.value == d.value {
			return true
		}
	}
	return false
}

// peek reads a record on behalf of the store itself, to compare data that the
// caller has already given.
func (s *Store) peek(ctx context.Context, id string) (policy.Insured, bool, error) {
	if _, ok := ident.Partition(id); !ok {
		return policy.Insured{}, false, fmt.Errorf("claim names no record")
	}
	doc := Insured(id)
	view, err := s.read(ctx, []Ref{doc.Ref}, nil)
	if err != nil {
		return policy.Insured{}, false, err
	}
	return Get(view, doc)
}

// Query is what a record can be found by; empty parts are not looked for.
type Query struct {
	SNILS    person.SNILS
	Document person.Document
	Birth    string // number of the civil record
	ENP      person.ENP
}

// Find returns the records that any part of the query leads to, each once, in
// the order SNILS, document, civil record, ENP. Every record returned leaves
// its audit entry.
func (s *Store) Find(ctx context.Context, g access.Grant, q Query) ([]policy.Insured, error) {
	if err := checkGrant(g); err != nil {
		return nil, err
	}
	wanted := dataOf(policy.Insured{
		ENP:    q.ENP,
		Person: person.Person{SNILS: q.SNILS, Document: q.Document},
	})
	if q.Birth != "" {
		wanted = append(wanted, datum{what: "birth", value: q.Birth})
	}
	claims := make([]*redis.StringCmd, len(wanted))
	if _, err := s.rdb.Pipelined(ctx, func(p redis.Pipeliner) error {
		for i, d := range wanted {
			claims[i] = p.Get(ctx, s.claimKey(d))
		}
		return nil
	}); err != nil && !errors.Is(err, redis.Nil) {
		return nil, unreachable(err)
	}
	var found []policy.Insured
	seen := map[string]bool{}
	for i, d := range wanted {
		id, _, _ := strings.Cut(claims[i].Val(), " ")
		if id == "" || seen[id] {
			continue
		}
		record, ok, err := s.Record(ctx, g, id)
		if err != nil {
			return nil, err
		}
		if ok && s.holds(record, d) {
			seen[id] = true
			found = append(found, record)
		}
	}
	return found, nil
}

// Record reads one record of the register by its id; false where there is none.
func (s *Store) Record(ctx context.Context, g access.Grant, id string) (policy.Insured, bool, error) {
	doc := Insured(id)
	view, err := s.View(ctx, g.About(id), id, doc.Ref)
	if err != nil {
		return policy.Insured{}, false, err
	}
	return Get(view, doc)
}

func (s *Store) childrenKey(representative person.SNILS) string {
	p, name := ident.Index(s.index, "children", string(representative))
	return "children:{" + p + "}:" + name
}

// Children are the records that name the person as a representative.
func (s *Store) Children(ctx context.Context, g access.Grant, representative person.SNILS) ([]policy.Insured, error) {
	if err := checkGrant(g); err != nil {
		return nil, err
	}
	ids, err := s.rdb.SMembers(ctx, s.childrenKey(representative)).Result()
	if err != nil {
		return nil, unreachable(err)
	}
	var children []policy.Insured
	for _, id := range ids {
		record, found, err := s.Record(ctx, g, id)
		if err != nil {
			return nil, err
		}
		if found {
			children = append(children, record)
		}
	}
	return children, nil
}

func pause(ctx context.Context, d time.Duration) error {
	select {
	case <-time.After(d):
		return nil
	case <-ctx.Done():
		return unreachable(ctx.Err())
	}
}
