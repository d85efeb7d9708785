package store

import (
	"context"

	"polis/shared/access"
	"polis/shared/ident"
)

// NoteCopy makes an account findable by the record that it is about to have a
// copy of. It is a hint: which copies there are, the account itself says.
// True where it was not findable by it before.
func (s *Store) NoteCopy(ctx context.Context, g access.Grant, account, record string) (fresh bool, err error) {
	if _, err := open(g, account); err != nil {
		return false, err
	}
	added, err := s.rdb.SAdd(ctx, s.copiesKey(record), account).Result()
	if err != nil {
		return false, unreachable(err)
	}
	return added > 0, nil
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
