package store

import (
	"context"
	"errors"
	"time"

	"github.com/redis/go-redis/v9"

	"polis/shared/access"
	"polis/shared/consent"
	"polis/shared/ident"
)

// NoteCopy makes an account findable by the record that it is about to have a
// copy of. It is a hint: which copies there are, the account itself says.
// True where it was not findable by it before.
func (s *Store) NoteCopy(ctx context.Context, g access.Grant, account, record string) (fresh bool, err error) {
	if _, err := open(g, account); err != nil {
		return false, err
	}
	var known *redis.IntCmd
	// One that is there is put in anew, for ForgetCopy to see.
	_, err = s.rdb.TxPipelined(ctx, func(p redis.Pipeliner) error {
		known = p.SRem(ctx, s.copiesKey(record), account)
		p.SAdd(ctx, s.copiesKey(record), account)
		return nil
	})
	if err != nil {
		return false, unreachable(err)
	}
	return known.Val() == 0, nil
}

// ForgetCopy takes back what NoteCopy did, for an account that has no copy of the
// record and awaits none. Where one is noted meanwhile the account stays: who is
// found in vain loses nothing, a copy that is not found loses every change. Either
// way it is off the agenda.
func (s *Store) ForgetCopy(ctx context.Context, g access.Grant, account, record string) error {
	key := s.copiesKey(record)
	var untold error
	err := s.rdb.Watch(ctx, func(watched *redis.Tx) error {
		who, awaited, err := s.CopyOf(ctx, g, account, record)
		if untold = err; err != nil || who != "" || awaited {
			return nil
		}
		_, err = watched.TxPipelined(ctx, func(p redis.Pipeliner) error {
			p.SRem(ctx, key, account)
			return nil
		})
		return err
	}, key)
	switch {
	case untold != nil:
		return untold
	case err != nil && !errors.Is(err, redis.TxFailedErr):
		return unreachable(err)
	}
	partition, _ := ident.Partition(account)
	if err := s.rdb.ZRem(ctx, agenda(partition), work(TopicForget, account, record)).Err(); err != nil {
		return unreachable(err)
	}
	return nil
}

// ForgetCopy leaves it to the agenda to forget the account: the partition of the
// record is another one, and whoever erases a copy need not wait for it.
func (tx *Tx) ForgetCopy(account, record string) {
	tx.Schedule(TopicForget, account, record, time.UnixMilli(1)) // due by any clock
}

// CopyOf tells as whose policy an account has a copy of a record, as Copied does.
// Nothing of the copy is told, and no audit entry left.
func (s *Store) CopyOf(ctx context.Context, g access.Grant, account, record string) (who string, awaited bool, err error) {
	if _, err := open(g, account); err != nil {
		return "", false, err
	}
	v, err := s.read(ctx, CopyReads(account, record))
	if err != nil {
		return "", false, err
	}
	return Copied(v, account, record)
}

// CopyReads are what Copied is told by.
func CopyReads(account, record string) []Ref {
	return []Ref{Account(account).Ref, Card(account, consent.Self).Ref, Card(account, record).Ref}
}

// Copied tells as whose policy an account has a copy of a record: its holder's own
// or, by the record's id, a child's; "" for no copy. awaited is whether one may
// come of an application that is under way.
func Copied(v *View, account, record string) (who string, awaited bool, err error) {
	have, _, err := Get(v, Account(account))
	if err != nil {
		return "", false, err
	}
	for _, who := range []string{consent.Self, record} {
		card, shown, err := Get(v, Card(account, who))
		if err != nil || shown && card.Insured == record {
			return who, false, err
		}
		awaited = awaited || have.Awaits(who)
	}
	return "", awaited, nil
}

// CopiesOf are the accounts that may have a copy of a record.
func (s *Store) CopiesOf(ctx context.Context, g access.Grant, record string) ([]string, error) {
	if err := checkGrant(g); err != nil {
		return nil, err
	}
	accounts, err := s.rdb.SMembers(ctx, s.copiesKey(record)).Result()
	if err != nil {
		return nil, unreachable(err)
	}
	return accounts, nil
}

func (s *Store) copiesKey(record string) string {
	p, name := ident.Index(s.index, "copies", record)
	return "copies:{" + p + "}:" + name
}
