package store

import (
	"context"
	"errors"
	"strings"
	"time"

	"github.com/redis/go-redis/v9"

	"polis/shared/access"
	"polis/shared/fault"
	"polis/shared/ident"
	"polis/shared/policy"
)

// A record that has a date to tell of stands on the agenda once, for the soonest
// of them. The entry is set in the step that changes the record.
const datesSubject = "dates"

// schedule puts a record on the agenda for its next date, or takes it off.
func (s *Store) schedule(ctx context.Context, tx *Tx, record policy.Insured) error {
	insurers, err := s.Directory(ctx)
	if err != nil {
		return err
	}
	tx.scheduleDates(record, insurers.FindInsurer)
	return nil
}

// scheduleDates does so by the insurers given, and lists the record among those
// of its partition.
func (tx *Tx) scheduleDates(record policy.Insured, find policy.FindInsurer) {
	tx.do("ZADD", records(tx.partition), 0, record.ID)
	tx.Schedule(TopicDates, record.ID, datesSubject, record.Wake(find))
}

func records(partition string) string { return "records:{" + partition + "}" } // ids, in their order

// TellDates notes in a record which of its dates have come by the moment of the
// law, emits the events that follow from each, and schedules the next, all in
// one step: a second delivery finds nothing to tell.
func (s *Store) TellDates(ctx context.Context, g access.Grant, e Event, now time.Time, follow func(policy.Dated) []Event) error {
	insurers, err := s.CurrentDirectory(ctx)
	if err != nil {
		return err
	}
	doc := Insured(e.Home)
	_, err = Change(ctx, s, g.About(e.Home), e.Home, Once{}, []Ref{doc.Ref}, func(tx *Tx) (struct{}, error) {
		none := struct{}{}
		tx.Acknowledge(e)
		record, found, err := Get(tx.View, doc)
		if err != nil {
			return none, err
		}
		if !found {
			tx.Schedule(TopicDates, e.Home, datesSubject, time.Time{})
			return none, nil
		}
		record, due := record.TellDates(now, insurers.FindInsurer)
		for _, d := range due {
			for _, event := range follow(d) {
				tx.Emit(event, 0)
			}
		}
		tx.scheduleDates(record, insurers.FindInsurer)
		return none, Put(tx, doc, record)
	})
	if errors.Is(err, ErrHandled) {
		return nil
	}
	return err
}

// Where an import ends a contract, the records of those whom the insurer insures
// stand on the agenda by the directory before it. One event for each partition,
// kept with the directory and sent by the step that switches it, goes through
// the partition's records page by page. Its subject is the last id that was
// looked at, at first the beginning of all of them.
const (
	renewPage = 100
	// renewDelay is longer than any call lasts: what one schedules that had the
	// directory before is in place when the first page is looked at.
	renewDelay = time.Minute
)

// directoryHome is the home of what the directory has others do. Nobody has it.
var directoryHome = string(ident.Unit) + strings.TrimPrefix(directoryPartition, "p") + strings.Repeat("0", 24)

// renewal are the commands that send the events.
func (s *Store) renewal() []command {
	tx := &Tx{View: &View{s: s}, partition: directoryPartition}
	for _, p := range ident.AllPartitions() {
		tx.Emit(Event{Topic: TopicRenewDates, Home: directoryHome, Subject: string(ident.Insured) + strings.TrimPrefix(p, "p"), Lane: p}, renewDelay)
	}
	return tx.commands
}

var errNoPage = fault.New(fault.Invalid, "page_unknown", "Такой страницы регистра нет.", "The register has no such page.")

// RenewDates looks at the page of the register that an event asks for, puts each
// record of it whose next date is another now on the agenda anew, in a step of
// its own, and sends the event of the next page with the end of this one. Broken
// off or delivered again, it goes on with the same page. Records whose date is
// the same are left alone.
func (s *Store) RenewDates(ctx context.Context, g access.Grant, e Event) error {
	if err := checkGrant(g); err != nil {
		return err
	}
	partition, ok := ident.Partition(e.Subject + strings.Repeat("0", max(0, len(directoryHome)-len(e.Subject))))
	if !ok || e.Home != directoryHome {
		return errNoPage
	}
	ids, err := s.rdb.ZRangeByLex(ctx, records(partition), &redis.ZRangeBy{Min: "(" + e.Subject, Max: "+", Count: renewPage}).Result()
	if err != nil {
		return unreachable(err)
	}
	insurers, err := s.CurrentDirectory(ctx)
	if err != nil {
		return err
	}
	moved, err := s.misdated(ctx, partition, ids, insurers.FindInsurer)
	if err != nil {
		return err
	}
	for _, id := range moved {
		doc := Insured(id)
		_, err := Change(ctx, s, g.About(id), id, Once{}, []Ref{doc.Ref}, func(tx *Tx) (struct{}, error) {
			record, found, err := Get(tx.View, doc)
			if err == nil && found {
				tx.scheduleDates(record, insurers.FindInsurer)
			}
			return struct{}{}, err
		})
		if err != nil {
			return err
		}
	}
	if len(ids) < renewPage {
		return s.Done(ctx, g, e)
	}
	return s.Done(ctx, g, e, Event{Topic: TopicRenewDates, Home: directoryHome, Subject: ids[len(ids)-1], Lane: e.Lane})
}

// misdated are those of the records that do not stand on the agenda for their
// next date. It is read for the store itself: nothing of a record leaves it.
func (s *Store) misdated(ctx context.Context, partition string, ids []string, find policy.FindInsurer) ([]string, error) {
	if len(ids) == 0 {
		return nil, nil
	}
	refs, works := make([]Ref, len(ids)), make([]string, len(ids))
	for n, id := range ids {
		refs[n], works[n] = Insured(id).Ref, work(TopicDates, id, datesSubject)
	}
	view, err := s.read(ctx, refs)
	if err != nil {
		return nil, err
	}
	stands, err := s.rdb.ZMScore(ctx, agenda(partition), works...).Result()
	if err != nil {
		return nil, unreachable(err)
	}
	var moved []string
	for n, id := range ids {
		record, found, err := Get(view, Insured(id))
		if err != nil {
			return nil, err
		}
		var want int64 // 0 is what the agenda answers of work that it does not have
		if at := record.Wake(find); !at.IsZero() {
			want = at.UnixMilli()
		}
		if found && int64(stands[n]) != want {
			moved = append(moved, id)
		}
	}
	return moved, nil
}
