package store

import (
	"context"

	"github.com/redis/go-redis/v9"

	"polis/shared/access"
	"polis/shared/application"
	"polis/shared/cabinet"
	"polis/shared/ident"
	"polis/shared/policy"
)

// Account is the cabinet of one account.
func Account(account string) Doc[cabinet.Account] {
	return document[cabinet.Account]("account", account, "", account)
}

// Application of an account.
func Application(account, id string) Doc[application.Application] {
	return document[application.Application]("application", account, ":"+id, account)
}

// Card is an account's copy of a policy. It has a data key of its own, so that
// erasing the copy leaves the rest of the cabinet readable.
func Card(account, person string) Doc[policy.Card] {
	return document[policy.Card]("card", account, ":"+person, account+":"+person)
}

// Insured is a record of the register.
func Insured(id string) Doc[policy.Insured] {
	return document[policy.Insured]("insured", id, "", id)
}

// List names an ordered list of ids kept with a home.
type List struct{ home, key string }

// Applications of an account, by time.
func Applications(account string) List {
	p, _ := ident.Partition(account)
	return List{home: account, key: "applications:{" + p + "}:" + account}
}

// Append puts an id that sorts by time on a list.
func (tx *Tx) Append(l List, id string) { tx.do("ZADD", l.key, 0, id) }

// Page is at most limit ids of a list, newest first, those before the given
// one ("" for the newest). A full page may have more behind it.
func (s *Store) Page(ctx context.Context, g access.Grant, l List, before string, limit int) ([]string, error) {
	if _, err := open(g, l.home); err != nil {
		return nil, err
	}
	top := "+"
	if before != "" {
		top = "(" + before
	}
	ids, err := s.rdb.ZRevRangeByLex(ctx, l.key, &redis.ZRangeBy{Max: top, Min: "-", Count: int64(limit)}).Result()
	if err != nil {
		return nil, unreachable(err)
	}
	return ids, nil
}
