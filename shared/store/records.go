package store

import (
	"cmp"
	"context"
	"errors"
	"slices"
	"strings"

	"github.com/redis/go-redis/v9"

	"polis/shared/access"
	"polis/shared/fault"
	"polis/shared/ident"
	"polis/shared/person"
	"polis/shared/policy"
)

// Asker says of a record on whose behalf it is read.
type Asker func(policy.Insured) access.Behalf

// Query is what a record can be found by; empty parts are not looked for.
type Query struct {
	SNILS    person.SNILS
	Document person.Document
	Birth    string // number of the civil record
	ENP      person.ENP
	For      Asker // nil: on nobody's behalf
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
	if err := answers(s.rdb.Pipelined(ctx, func(p redis.Pipeliner) error {
		for i, d := range wanted {
			claims[i] = p.Get(ctx, s.claimKey(d))
		}
		return nil
	})); err != nil {
		return nil, unreachable(err)
	}
	var found []policy.Insured
	seen := map[string]bool{}
	for i, d := range wanted {
		id, _, _ := strings.Cut(claims[i].Val(), " ")
		if id == "" || seen[id] {
			continue
		}
		record, ok, err := s.RecordFor(ctx, g, id, q.For)
		if err != nil {
			return nil, err
		}
		if ok && holds(record, d) {
			seen[id] = true
			found = append(found, record)
		}
	}
	return found, nil
}

// Record reads one record of the register by its id; false where there is none.
// To find it is no more than a look, whatever the grant is for.
func (s *Store) Record(ctx context.Context, g access.Grant, id string) (policy.Insured, bool, error) {
	doc := Insured(id)
	view, err := s.View(ctx, g.Looking().About(id), id, doc.Ref)
	if err != nil {
		return policy.Insured{}, false, err
	}
	return Get(view, doc)
}

// RecordFor reads one record as Record does, on behalf of whom the record itself
// decides. Nothing of it is told before its audit entry stands.
func (s *Store) RecordFor(ctx context.Context, g access.Grant, id string, asker Asker) (policy.Insured, bool, error) {
	if asker == nil {
		return s.Record(ctx, g, id)
	}
	if err := checkGrant(g); err != nil {
		return policy.Insured{}, false, err
	}
	doc := Insured(id)
	view, err := s.read(ctx, []Ref{doc.Ref})
	if err != nil {
		return policy.Insured{}, false, err
	}
	record, found, err := Get(view, doc)
	if err != nil {
		return policy.Insured{}, false, err
	}
	if found {
		g = g.For(asker(record))
	}
	if _, err := s.View(ctx, g.Looking().About(id), id); err != nil {
		return policy.Insured{}, false, err
	}
	return record, found, nil
}

// Amend changes one record in one step, and emits the events to tell where it
// did. fn answers with the changed record, and whether there is a change at all;
// it may run more than once. What makes a record unique must stay as it is. An
// unknown id is ErrNoRecord.
func (s *Store) Amend(ctx context.Context, g access.Grant, id string, fn func(policy.Insured) (policy.Insured, bool, error), tell ...Event) (policy.Insured, error) {
	doc := Insured(id)
	return Change(ctx, s, g.About(id), id, Once{}, []Ref{doc.Ref}, func(tx *Tx) (policy.Insured, error) {
		record, found, err := Get(tx.View, doc)
		if err != nil {
			return record, err
		}
		if !found {
			return record, ErrNoRecord
		}
		record, changed, err := fn(record)
		if err != nil {
			return record, err
		}
		if !changed {
			tx.Looked()
			return record, nil
		}
		for _, e := range tell {
			tx.Emit(e, 0)
		}
		if err := s.schedule(ctx, tx, record); err != nil {
			return record, err
		}
		return record, Put(tx, doc, record)
	})
}

// Reidentify changes one record as Amend does, where the document or the SNILS
// may change too: what is new of them is claimed as for a new record, and a
// Conflict names what another record has (`document_taken`, ...). What the record
// had and does not keep is free for others.
func (s *Store) Reidentify(ctx context.Context, g access.Grant, id string, fn func(policy.Insured) (policy.Insured, bool, error), tell ...Event) (policy.Insured, error) {
	g = g.About(id)
	partition, err := open(g, id)
	if err != nil {
		return policy.Insured{}, err
	}
	doc := Insured(id)
	var w wait
	for {
		view, err := s.read(ctx, []Ref{doc.Ref})
		if err != nil {
			return policy.Insured{}, err
		}
		before, found, err := Get(view, doc)
		if err == nil && !found {
			err = ErrNoRecord
		}
		if err != nil {
			return policy.Insured{}, err
		}
		after, changed, err := fn(before)
		if err != nil {
			return before, err
		}
		if !changed {
			_, err := s.View(ctx, g.Looking(), id) // it is told, and that is a read of its own
			return before, err
		}
		tx := &Tx{View: view, partition: partition}
		if err := Put(tx, doc, after); err != nil {
			return before, err
		}
		for _, e := range tell {
			tx.Emit(e, 0)
		}
		if err := s.schedule(ctx, tx, after); err != nil {
			return before, err
		}
		if err := s.reclaim(ctx, g, tx, before, after, &w); !errors.Is(err, errAborted) {
			return after, err
		}
	}
}

// reclaim commits a change of a record: where there is anything new to claim,
// under an attempt and after it has claimed that. Where the attempt was ended, or
// the record changed meanwhile, that is errAborted.
func (s *Store) reclaim(ctx context.Context, g access.Grant, tx *Tx, before, after policy.Insured, w *wait) (err error) {
	fresh := slices.DeleteFunc(dataOf(after), func(d datum) bool { return holds(before, d) })
	if len(fresh) == 0 {
		return s.committed(ctx, g, tx)
	}
	nonce, err := s.begin(ctx, after.ID, w)
	if err != nil {
		return err
	}
	defer func() {
		if err != nil {
			s.release(ctx, attemptKey(after.ID), nonce) // nobody need wait for it
		}
	}()
	for _, d := range fresh {
		if err := s.claim(ctx, d, after.ID, w); err != nil {
			return err
		}
	}
	tx.checks = append(tx.checks, check{"value", attemptKey(after.ID), nonce})
	tx.do("DEL", attemptKey(after.ID))
	return s.committed(ctx, g, tx)
}

// committed commits a step; errAborted where what it had read has changed.
func (s *Store) committed(ctx context.Context, g access.Grant, tx *Tx) error {
	did, err := s.commit(ctx, g, tx)
	if err == nil && !did {
		err = errAborted
	}
	return err
}

// Represent names representatives for a record, as fn adds them to it, and takes
// what else fn adds as Reidentify does.
func (s *Store) Represent(ctx context.Context, g access.Grant, id string, representatives []person.SNILS, fn func(policy.Insured) (policy.Insured, bool, error), tell ...Event) (policy.Insured, error) {
	for _, r := range representatives {
		// A hint only, as where a record is made.
		if err := s.rdb.SAdd(ctx, s.childrenKey(r), id).Err(); err != nil {
			return policy.Insured{}, unreachable(err)
		}
	}
	return s.Reidentify(ctx, g, id, fn, tell...)
}

// ErrNoRecord is an id that the register has no record under.
var ErrNoRecord = fault.New(fault.NotFound, "record_not_found",
	"Такой записи в регистре нет.", "The register has no such record.")

func (s *Store) childrenKey(representative person.SNILS) string {
	p, name := ident.Index(s.index, "children", string(representative))
	return "children:{" + p + "}:" + name
}

// Children are the records that name the person as a representative and are shown
// by what stands in them, the eldest first. Of another nothing is told, and so it
// has no audit entry.
func (s *Store) Children(ctx context.Context, g access.Grant, representative person.SNILS, shown func(policy.Insured) bool) ([]policy.Insured, error) {
	if err := checkGrant(g); err != nil {
		return nil, err
	}
	ids, err := s.rdb.SMembers(ctx, s.childrenKey(representative)).Result()
	if err != nil {
		return nil, unreachable(err)
	}
	var children []policy.Insured
	for _, id := range ids {
		doc := Insured(id)
		view, err := s.read(ctx, []Ref{doc.Ref})
		if err != nil {
			return nil, err
		}
		record, found, err := Get(view, doc)
		if err != nil {
			return nil, err
		}
		if !found || !slices.Contains(record.Representatives, representative) || !shown(record) {
			continue
		}
		if _, err := s.View(ctx, g.Looking().About(id), id); err != nil {
			return nil, err
		}
		children = append(children, record)
	}
	slices.SortFunc(children, func(a, b policy.Insured) int {
		return cmp.Or(a.Person.Birth.Compare(b.Person.Birth), cmp.Compare(a.ID, b.ID))
	})
	return children, nil
}
