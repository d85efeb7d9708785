package store

import (
	"cmp"
	"context"
	"errors"
	"math/rand/v2"
	"slices"
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
//
// A claim is taken over only as it was met, and each has a text of its own:
// whoever begins another attempt at the same record after the first was ended
// either changes the claim before it is taken over, or meets its new owner.

// attemptTTL ends attempts of processes that died. patience is how long the
// first one that is met is given to finish by itself, and maxPatience how long
// any other is.
const (
	attemptTTL  = 30 * time.Second
	patience    = 100 * time.Millisecond
	maxPatience = 10 * time.Second
)

// errAborted is an attempt that another one ended, or has to wait for.
var errAborted = errors.New("attempt was ended by another")

// wait is for attempts of others. Each one that is met is given twice the time
// of the one before, so that under any load somebody comes to an end.
type wait struct {
	met   string
	since time.Time
	limit time.Duration
}

// over reports whether the attempt has had its time; before that it pauses.
func (w *wait) over(ctx context.Context, attempt string, now time.Time) (bool, error) {
	if attempt != w.met {
		w.met, w.since, w.limit = attempt, now, min(max(patience, 2*w.limit), maxPatience)
	}
	left := w.limit - now.Sub(w.since)
	if left <= 0 {
		return true, nil
	}
	return false, pause(ctx, min(left, w.limit/4+rand.N(w.limit/4)))
}

// taken is the fault of a datum that another record has.
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
// document or the civil record the fault is Conflict (`snils_taken`, ...). The
// events to tell are emitted with the record, if it is made.
func (s *Store) PutOnRecord(ctx context.Context, g access.Grant, record policy.Insured, tell ...Event) (policy.Insured, bool, error) {
	if err := checkGrant(g); err != nil {
		return policy.Insured{}, false, err
	}
	doc, wanted := Insured(record.ID), record.ENP
	var w wait
	for {
		view, err := s.read(ctx, []Ref{doc.Ref})
		if err != nil {
			return policy.Insured{}, false, err
		}
		if _, found, err := Get(view, doc); err != nil {
			return policy.Insured{}, false, err
		} else if found {
			have, _, err := s.Record(ctx, g, record.ID)
			return have, false, err
		}
		record.ENP = wanted
		switch err := s.attempt(ctx, g, view, &record, &w, tell); {
		case err == nil:
			return record, true, nil
		case !errors.Is(err, errAborted):
			return policy.Insured{}, false, err
		}
	}
}

// attempt makes a record that the view does not have.
func (s *Store) attempt(ctx context.Context, g access.Grant, view *View, record *policy.Insured, w *wait, tell []Event) (err error) {
	nonce, err := s.begin(ctx, record.ID, w)
	if err != nil {
		return err
	}
	defer func() {
		if fault.HasKind(err, fault.Conflict) {
			s.release(ctx, attemptKey(record.ID), nonce) // nobody need wait for it
		}
	}()
	for _, d := range dataOf(*record) {
		if err := s.claim(ctx, d, record.ID, w); err != nil {
			return err
		}
	}
	if record.ENP == "" {
		if record.ENP, err = s.nextENP(ctx, *record, w); err != nil {
			return err
		}
	}
	for _, r := range record.Representatives {
		// A hint only: the record itself says whom it has as representatives.
		if err := s.rdb.SAdd(ctx, s.childrenKey(r), record.ID).Err(); err != nil {
			return unreachable(err)
		}
	}
	partition, _ := ident.Partition(record.ID)
	tx := &Tx{View: view, partition: partition}
	tx.checks = append(tx.checks, check{"value", attemptKey(record.ID), nonce})
	if err := Put(tx, Insured(record.ID), *record); err != nil {
		return err
	}
	tx.do("DEL", attemptKey(record.ID))
	for _, e := range tell {
		tx.Emit(e, 0)
	}
	if err := s.schedule(ctx, tx, *record); err != nil {
		return err
	}
	committed, err := s.commit(ctx, g.About(record.ID), tx)
	if err == nil && !committed {
		err = errAborted // somebody made this very record: the next look finds it
	}
	return err
}

// beginScript sets an attempt in place of the one that was met. It answers with
// the one that stands in the way. The empty text is none.
var beginScript = redis.NewScript(`
local standing = redis.call('GET', KEYS[1]) or ''
if standing ~= ARGV[1] then return standing end
redis.call('SET', KEYS[1], ARGV[2], 'PX', ARGV[3])
return ''
`)

// begin starts an attempt at a record. One that another process makes at the
// same record is waited for, and then replaced: that is errAborted for now.
func (s *Store) begin(ctx context.Context, id string, w *wait) (nonce string, err error) {
	nonce = ident.Secret()
	start := func(instead string) (string, error) {
		standing, err := beginScript.Run(ctx, s.rdb, []string{attemptKey(id)}, instead, nonce, attemptTTL.Milliseconds()).Text()
		if err != nil {
			return "", unreachable(err)
		}
		return standing, nil
	}
	standing, err := start("")
	if err != nil || standing == "" {
		return nonce, err
	}
	over, err := w.over(ctx, standing, s.machine())
	if err != nil {
		return "", err
	}
	if !over {
		return "", errAborted
	}
	if standing, err = start(standing); err == nil && standing != "" {
		err = errAborted
	}
	return nonce, err
}

// nextENP claims the next free number of the holder's prefix. A number lost to
// a failed attempt is not used again.
func (s *Store) nextENP(ctx context.Context, record policy.Insured, w *wait) (person.ENP, error) {
	region := cmp.Or(record.Territory, record.Insurances[0].Region)
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
		err = s.claim(ctx, datum{what: "enp", value: string(enp)}, record.ID, w)
		if fault.HasKind(err, fault.Conflict) {
			continue // imported under this number
		}
		return enp, err
	}
}

// replaceScript is compare-and-set on a plain value; the empty text stands for
// absent.
var replaceScript = redis.NewScript(`
if (redis.call('GET', KEYS[1]) or '') ~= ARGV[1] then return 0 end
redis.call('SET', KEYS[1], ARGV[2])
return 1
`)

// abortScript ends any attempt at a record, unless a step has changed the record
// since its head was read.
var abortScript = redis.NewScript(`
if redis.call('GETRANGE', KEYS[1], 0, 7) ~= ARGV[1] then return 0 end
redis.call('DEL', KEYS[2])
return 1
`)

// claim takes a datum for the attempt at the record id.
func (s *Store) claim(ctx context.Context, d datum, id string, w *wait) error {
	key, mine := s.claimKey(d), id+" "+ident.Secret()
	for {
		held, err := s.rdb.Get(ctx, key).Result()
		if err != nil && !errors.Is(err, redis.Nil) {
			return unreachable(err)
		}
		if holder, _, _ := strings.Cut(held, " "); held != "" && holder != id {
			free, err := s.free(ctx, d, holder, w)
			if err != nil {
				return err
			}
			if !free {
				continue
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

// free reports whether the claim of another record counts no more. It ends an
// attempt at that record which has had its time, and pauses for one that has not.
func (s *Store) free(ctx context.Context, d datum, holder string, w *wait) (bool, error) {
	record, head, found, err := s.peek(ctx, holder)
	switch {
	case err != nil:
		return false, err
	case found && holds(record, d):
		return false, taken(d.what)
	}
	standing, err := s.rdb.Get(ctx, attemptKey(holder)).Result()
	if err != nil && !errors.Is(err, redis.Nil) {
		return false, unreachable(err)
	}
	if standing != "" {
		if over, err := w.over(ctx, standing, s.machine()); err != nil || !over {
			return false, err
		}
	}
	ended, err := abortScript.Run(ctx, s.rdb, []string{Insured(holder).name, attemptKey(holder)}, head).Bool()
	if err != nil {
		return false, unreachable(err)
	}
	return ended, nil // otherwise it was committed at the last moment
}

func holds(record policy.Insured, d datum) bool {
	return slices.Contains(dataOf(record), d)
}

// peek reads a record on behalf of the store itself, to compare data that the
// caller has already given. head is that of the record as it was read.
func (s *Store) peek(ctx context.Context, id string) (record policy.Insured, head string, found bool, err error) {
	if _, ok := ident.Partition(id); !ok {
		return policy.Insured{}, "", false, errors.New("claim names no record")
	}
	doc := Insured(id)
	view, err := s.read(ctx, []Ref{doc.Ref})
	if err != nil {
		return policy.Insured{}, "", false, err
	}
	record, found, err = Get(view, doc)
	return record, view.heads[doc.name], found, err
}

func pause(ctx context.Context, d time.Duration) error {
	select {
	case <-time.After(d):
		return nil
	case <-ctx.Done():
		return unreachable(ctx.Err())
	}
}
