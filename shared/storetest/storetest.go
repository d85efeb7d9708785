// Package storetest is the contract of the store, to be run over every server
// that the store promises to work with.
package storetest

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"

	"polis/shared/access"
	"polis/shared/calendar"
	"polis/shared/ident"
	"polis/shared/person"
	"polis/shared/policy"
	"polis/shared/store"
)

// Run holds the store to its contract. open gives a client of an empty server
// that was not used before and retries nothing where it can be told so; Run
// closes it.
func Run(t *testing.T, open func(t *testing.T) redis.UniversalClient) {
	for _, rule := range slices.Concat(stepRules, sealRules, outboxRules, registerRules, copyRules, auditRules, reviewRules, sessionRules, directoryRules, faultRules) {
		t.Run(rule.name, func(t *testing.T) {
			k := &kit{rdb: open(t)}
			t.Cleanup(func() { k.rdb.Close() })
			k.Store = store.New(k.rdb, keys)
			disturbable(k.rdb)
			ctx, cancel := context.WithTimeout(t.Context(), 90*time.Second)
			defer cancel()
			// The client of a Cluster asks what it is connected to first.
			if err := k.rdb.Get(ctx, "nothing").Err(); err != redis.Nil {
				t.Fatal(err)
			}
			rule.holds(t, ctx, k)
		})
	}
}

type rule struct {
	name  string
	holds func(t *testing.T, ctx context.Context, k *kit)
}

// kit is a store over a server that starts empty.
type kit struct {
	*store.Store
	rdb redis.UniversalClient
}

var keys = store.Keys{Index: [32]byte{1, 2, 3}, Master: [32]byte{4, 5, 6}}

// again is the same store as another process has it.
func (k *kit) again() *store.Store { return store.New(k.rdb, keys) }

// accountID is a citizen's account by a made-up name.
func accountID(name string) string { return ident.Home(ident.Account, keys.Index, name) }

// citizen allows an action with one's own account.
func citizen(t *testing.T, account string, action access.Action) access.Grant {
	t.Helper()
	g, err := access.Caller{Role: access.Citizen, Account: account, Confirmed: true}.May(action, "call-of-citizen")
	if err != nil {
		t.Fatal(err)
	}
	return g
}

// function allows an action to another function.
func function(t *testing.T, action access.Action) access.Grant {
	t.Helper()
	g, err := access.Caller{Role: access.Function, Unit: "policy-request"}.May(action, "call-of-function")
	if err != nil {
		t.Fatal(err)
	}
	return g
}

const family = "Вымышленникова"

// snils of the n-th person; numbers this low carry no check digits.
func snils(n int) person.SNILS { return person.SNILS(fmt.Sprintf("%09d00", 10_000+n)) }

func passport(n int) person.Document {
	return person.Document{Type: person.Passport, Series: "45 12", Number: fmt.Sprintf("%06d", n)}
}

// someone is the n-th person. All are born on one day, so that they draw their
// policy numbers from one series.
func someone(n int) person.Person {
	return person.Person{
		SNILS: snils(n), Document: passport(n), Sex: person.Female, Birth: calendar.On(1990, time.May, 17),
		Name: person.Name{Family: family, Given: "Анна", Patronymic: "Петровна"},
	}
}

// all records are shown.
func all(policy.Insured) bool { return true }

const region = "26"

var recorded = calendar.On(2026, time.March, 10)

// record of a person without a policy number, made by the cause.
func (k *kit) record(cause string, p person.Person) policy.Insured {
	return policy.Enrol(k.InsuredID(cause), "", p, region, "", cause, recorded, recorded.Start(time.UTC))
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// eventually waits for what another process, or time, brings about.
func eventually(t *testing.T, ctx context.Context, what string, holds func() bool) {
	t.Helper()
	for !holds() {
		select {
		case <-ctx.Done():
			t.Fatalf("waited in vain until %s", what)
		case <-time.After(5 * time.Millisecond):
		}
	}
}

// audited is the actions in the audit of a home, each with who did it.
func (k *kit) audited(t *testing.T, ctx context.Context, home string) []string {
	t.Helper()
	partition, _ := ident.Partition(home)
	entries, err := k.rdb.XRange(ctx, "audit:{"+partition+"}", "-", "+").Result()
	must(t, err)
	var found []string
	for _, e := range entries {
		if e.Values["subject"] == home {
			found = append(found, fmt.Sprintf("%v by %v %v in %v", e.Values["action"], e.Values["role"], e.Values["actor"], e.Values["call"]))
		}
	}
	return found
}

// dump is everything that the server holds, each key with its value as text.
func (k *kit) dump(t *testing.T, ctx context.Context) map[string]string {
	t.Helper()
	all := map[string]string{}
	read := func(ctx context.Context, node *redis.Client) error {
		keys, err := node.Keys(ctx, "*").Result()
		if err != nil {
			return err
		}
		for _, key := range keys {
			var value any
			switch kind := node.Type(ctx, key).Val(); kind {
			case "string":
				value, err = node.Get(ctx, key).Result()
			case "hash":
				value, err = node.HGetAll(ctx, key).Result()
			case "list":
				value, err = node.LRange(ctx, key, 0, -1).Result()
			case "set":
				value, err = node.SMembers(ctx, key).Result()
			case "zset":
				value, err = node.ZRangeWithScores(ctx, key, 0, -1).Result()
			case "stream":
				value, err = node.XRange(ctx, key, "-", "+").Result()
			default:
				err = fmt.Errorf("%s is a %s", key, kind)
			}
			if err != nil {
				return err
			}
			all[key] = fmt.Sprint(value)
		}
		return nil
	}
	var err error
	switch rdb := k.rdb.(type) {
	case *redis.ClusterClient:
		for _, node := range mastersOf(t, ctx, rdb) {
			if err = read(ctx, node); err != nil {
				break
			}
		}
	case *redis.Client:
		err = read(ctx, rdb)
	default:
		err = fmt.Errorf("a %T cannot be dumped", rdb)
	}
	must(t, err)
	return all
}

func mastersOf(t *testing.T, ctx context.Context, cluster *redis.ClusterClient) []*redis.Client {
	t.Helper()
	found := make(chan *redis.Client, 100)
	must(t, cluster.ForEachMaster(ctx, func(_ context.Context, node *redis.Client) error {
		found <- node
		return nil
	}))
	close(found)
	var masters []*redis.Client
	for node := range found {
		masters = append(masters, node)
	}
	return masters
}

// only is the one key of a kind that the server holds.
func (k *kit) only(t *testing.T, ctx context.Context, kind string) string {
	t.Helper()
	var found []string
	for key := range k.dump(t, ctx) {
		if strings.HasPrefix(key, kind+":") {
			found = append(found, key)
		}
	}
	if len(found) != 1 {
		t.Fatalf("keys of kind %s: %q", kind, found)
	}
	return found[0]
}
