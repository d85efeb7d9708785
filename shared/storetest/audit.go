package storetest

import (
	"context"
	"fmt"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"

	"polis/shared/access"
	"polis/shared/audit"
	"polis/shared/ident"
	"polis/shared/policy"
	"polis/shared/store"
)

var auditRules = []rule{
	{"a person is told of every access to their data and of no other, newest first, page by page", toldOfAccesses},
	{"the trail of a record is shown only through a card copied from it", trailOfRecord},
	{"a record says on whose behalf it is read, and so does the entry, sealed with it", onBehalf},
	{"what is unsealed is sealed once, in order, and then proven", sealed},
	{"of two that seal at once one appends, and no entry is sealed twice or left out", sealersAtOnce},
	{"a sealer that dies after reading leaves everything to the next", sealerDies},
	{"a head that cannot be read does not stop sealing", unreadableHead},
}

var auditKey = audit.NewKey([32]byte{9})

// look leaves an entry about a home, in a call of that name.
func (k *kit) look(t *testing.T, ctx context.Context, home, call string) {
	t.Helper()
	g, err := access.Caller{Role: access.Function, Unit: "insured-registry"}.May(access.LookUpInsured, call)
	must(t, err)
	_, err = k.View(ctx, g.About(home), home)
	must(t, err)
}

func toldOfAccesses(t *testing.T, ctx context.Context, k *kit) {
	mine, other := accountID("mine"), accountID("other")
	var want []string
	for i := range 23 {
		call := fmt.Sprint("call-", i)
		want = append(want, call)
		k.look(t, ctx, mine, call)
		k.look(t, ctx, other, "of another")
	}
	slices.Reverse(want)
	trail, err := store.TrailOf(citizen(t, mine, access.ReadAccesses), mine)
	must(t, err)
	var got []string
	for before := ""; ; {
		entries, next, err := k.Accesses(ctx, []store.Trail{trail}, before, 5)
		must(t, err)
		for _, e := range entries {
			if e.Subject != mine || e.Role != access.Function || e.Actor != "insured-registry" || e.Action != access.LookUpInsured || time.Since(e.At).Abs() > time.Minute {
				t.Errorf("%+v", e)
			}
			got = append(got, e.Call)
		}
		if before = next; before == "" {
			break
		}
		k.look(t, ctx, mine, "newer than those told")
	}
	if !slices.Equal(got, want) {
		t.Errorf("told of %q", got)
	}
	if _, err := store.TrailOf(citizen(t, mine, access.ReadAccesses), other); err == nil {
		t.Error("another's trail is open")
	}
}

func trailOfRecord(t *testing.T, ctx context.Context, k *kit) {
	home, record := accountID("one"), k.InsuredID("cause")
	account, card := store.Account(home), store.Card(home, "self")
	g := citizen(t, home, access.ReadAccesses)
	k.look(t, ctx, record, "about the record")
	trails := func() []store.Trail {
		t.Helper()
		v, err := k.View(ctx, g, home, account.Ref, card.Ref)
		must(t, err)
		trail, found, err := store.TrailOfRecord(v, card)
		must(t, err)
		if !found {
			return nil
		}
		own, err := store.TrailOf(g, home)
		must(t, err)
		return []store.Trail{own, trail}
	}
	if len(trails()) > 0 {
		t.Error("open without a card")
	}
	_, err := store.Change(ctx, k.Store, g, home, store.Once{}, []store.Ref{card.Ref}, func(tx *store.Tx) (struct{}, error) {
		return struct{}{}, store.Put(tx, card, policy.Card{Insured: record})
	})
	must(t, err)
	both := trails()
	k.look(t, ctx, record, "later")
	told := map[string]int{}
	for before := ""; ; {
		entries, next, err := k.Accesses(ctx, both, before, 1)
		must(t, err)
		if len(entries) != 1 {
			t.Fatalf("a page of one has %d", len(entries))
		}
		told[entries[0].Subject]++
		if before = next; before == "" {
			break
		}
	}
	if len(told) != 2 || told[home] != 3 || told[record] != 2 {
		t.Errorf("told of %v", told)
	}
}

func onBehalf(t *testing.T, ctx context.Context, k *kit) {
	record := k.record("cause", someone(1))
	_, _, err := k.PutOnRecord(ctx, function(t, access.RecordInsured), record)
	must(t, err)
	look, mother := function(t, access.LookUpInsured), k.Representative(snils(2))
	if mother.Kind() != access.Representative || mother == k.Representative(snils(3)) || mother != k.again().Representative(snils(2)) {
		t.Errorf("a representative is %q", mother)
	}
	on := func(behalf access.Behalf) store.Asker {
		return func(i policy.Insured) access.Behalf {
			if i.ID != record.ID {
				t.Errorf("asked of %q", i.ID)
			}
			return behalf
		}
	}
	read := func(g access.Grant, asker store.Asker) {
		t.Helper()
		if have, found, err := k.RecordFor(ctx, g, record.ID, asker); err != nil || !found || have.ID != record.ID {
			t.Errorf("%v, %v, %v", have.ID, found, err)
		}
	}
	read(look, on(access.Self))
	read(look, on(mother))
	read(look, on(""))
	read(look, nil)
	found, err := k.Find(ctx, look, store.Query{SNILS: snils(1), For: on(access.Stranger)})
	if err != nil || len(found) != 1 {
		t.Errorf("found %d, %v", len(found), err)
	}
	// Who is no function acts on their own.
	source, err := access.Caller{Role: access.Source, Unit: "zags"}.May(access.ReportEvent, "call")
	must(t, err)
	read(source, on(access.Self))
	// Of a record that there is not nobody can say it.
	if _, found, err := k.RecordFor(ctx, look, k.InsuredID("none"), on(access.Self)); found || err != nil {
		t.Errorf("%v, %v", found, err)
	}
	if _, _, err := k.RecordFor(ctx, access.Grant{}, record.ID, on(access.Self)); err == nil {
		t.Error("read without a grant")
	}
	trail, err := store.TrailOf(look.About(record.ID), record.ID)
	must(t, err)
	entries, _, err := k.Accesses(ctx, []store.Trail{trail}, "", 100)
	must(t, err)
	var got []access.Behalf
	for _, e := range slices.Backward(entries) {
		got = append(got, e.Behalf)
	}
	if want := []access.Behalf{"", access.Self, mother, "", "", access.Stranger, ""}; !slices.Equal(got, want) {
		t.Errorf("told of %q instead of %q", got, want)
	}
	sealOnce(t, ctx, k.Store)
	k.chain(t, ctx, record.ID)
	// An entry with a field that no version writes is not taken for a sound one.
	partition, _ := ident.Partition(record.ID)
	stream := "audit:{" + partition + "}"
	for _, field := range []string{"behalf", "other"} {
		must(t, k.rdb.XAdd(ctx, &redis.XAddArgs{Stream: stream, Values: []string{"at", "1", "action", "a", "role", "r", "actor", "x", "subject", "y", "call", "z", field, ""}}).Err())
	}
	all, err := k.Entries(ctx, function(t, access.SealAudit), partition, entries[0].ID, "", 100)
	must(t, err)
	for _, e := range all {
		if e.Action != "" {
			t.Errorf("%+v", e)
		}
	}
	if len(all) < 2 {
		t.Errorf("%d entries", len(all))
	}
}

// sealOnce is one pass of a sealer; it reports how many entries it sealed.
func sealOnce(t *testing.T, ctx context.Context, s *store.Store) (count int) {
	t.Helper()
	g := function(t, access.SealAudit)
	all, err := s.Unsealed(ctx, g, ident.AllPartitions())
	must(t, err)
	for _, u := range all {
		b, err := audit.Seal(u.Previous, u.Entries, auditKey, time.Now())
		must(t, err)
		ok, err := s.Seal(ctx, g, u, b)
		must(t, err)
		if ok {
			count += b.Count
		}
	}
	return count
}

// chain checks that the batches of a home's partition seal each of its entries
// once, in order, and returns how many there are.
func (k *kit) chain(t *testing.T, ctx context.Context, home string) int {
	t.Helper()
	g := function(t, access.SealAudit)
	partition, _ := ident.Partition(home)
	entries, err := k.Entries(ctx, g, partition, "", "", 10_000)
	must(t, err)
	batches, err := k.Batches(ctx, g, partition, 1, 10_000)
	must(t, err)
	var leaves, want []audit.Leaf
	var previous audit.Head
	for i, b := range batches {
		if b.Seq != i+1 || b.Previous != previous.Hash() {
			t.Errorf("batch %d does not follow", i+1)
		}
		previous = b.Head
		leaves = append(leaves, b.Leaves...)
	}
	for _, e := range entries {
		want = append(want, audit.LeafOf(e))
	}
	if !slices.Equal(leaves, want) {
		t.Errorf("%d leaves of %d entries", len(leaves), len(want))
	}
	return len(entries)
}

func sealed(t *testing.T, ctx context.Context, k *kit) {
	home := accountID("one")
	partition, _ := ident.Partition(home)
	g, err := access.Caller{Role: access.Auditor}.May(access.ReadAudit, "call-of-auditor")
	must(t, err)
	keys := audit.Keys{auditKey.ID(): auditKey.Public()}
	for n := range 7 {
		for range n {
			k.look(t, ctx, home, fmt.Sprint("call-", n))
		}
		if got := sealOnce(t, ctx, k.Store); got != n {
			t.Errorf("%d sealed instead of %d", got, n)
		}
	}
	if got := k.chain(t, ctx, home); got != 21 {
		t.Errorf("%d entries", got)
	}
	entries, err := k.Entries(ctx, g, partition, "", "", 100)
	must(t, err)
	for _, e := range entries {
		found, batch, ok, err := k.Sealed(ctx, g, partition, e.ID)
		must(t, err)
		proof, err := batch.Prove(found)
		if !ok || err != nil || proof.Check(keys) != nil {
			t.Errorf("%s: %v, %v", e.ID, ok, err)
		}
	}
	k.look(t, ctx, home, "not sealed")
	newest, err := k.Entries(ctx, g, partition, entries[20].ID, "", 100)
	must(t, err)
	for _, id := range []string{newest[0].ID, "1-1"} {
		if _, _, ok, err := k.Sealed(ctx, g, partition, id); ok || err != nil {
			t.Errorf("%s: %v, %v", id, ok, err)
		}
	}
}

func sealersAtOnce(t *testing.T, ctx context.Context, k *kit) {
	home := accountID("one")
	var left sync.WaitGroup
	var count atomic.Int64
	for range 4 {
		left.Go(func() {
			s := k.again()
			for range 10 {
				count.Add(int64(sealOnce(t, ctx, s)))
			}
		})
		left.Go(func() {
			for i := range 10 {
				k.look(t, ctx, home, fmt.Sprint("call-", i))
			}
		})
	}
	left.Wait()
	count.Add(int64(sealOnce(t, ctx, k.Store)))
	if got := k.chain(t, ctx, home); got != 40 || count.Load() != 40 {
		t.Errorf("%d entries, sealed %d times", got, count.Load())
	}
}

func sealerDies(t *testing.T, ctx context.Context, k *kit) {
	home := accountID("one")
	g := function(t, access.SealAudit)
	k.look(t, ctx, home, "first")
	died, err := k.Unsealed(ctx, g, ident.AllPartitions())
	must(t, err)
	k.look(t, ctx, home, "second")
	if got := sealOnce(t, ctx, k.again()); got != 2 {
		t.Errorf("the next sealed %d", got)
	}
	// It was not dead after all.
	b, err := audit.Seal(died[0].Previous, died[0].Entries, auditKey, time.Now())
	must(t, err)
	if ok, err := k.Seal(ctx, g, died[0], b); ok || err != nil {
		t.Errorf("late: %v, %v", ok, err)
	}
	k.chain(t, ctx, home)
}

func unreadableHead(t *testing.T, ctx context.Context, k *kit) {
	home := accountID("one")
	k.look(t, ctx, home, "first")
	sealOnce(t, ctx, k.Store)
	must(t, k.rdb.LSet(ctx, k.only(t, ctx, "batches"), -1, "{").Err())
	k.look(t, ctx, home, "second")
	if got := sealOnce(t, ctx, k.Store); got != 2 {
		t.Errorf("sealed %d", got)
	}
	if got := sealOnce(t, ctx, k.Store); got != 0 {
		t.Errorf("sealed %d again", got)
	}
}
