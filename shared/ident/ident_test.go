package ident

import (
	"slices"
	"testing"
	"time"
)

func TestHomeIDsAreStableOpaqueAndNameTheirPartition(t *testing.T) {
	key := [32]byte{1}
	a := Home(Account, key, "issuer", "subject")
	if a != Home(Account, key, "issuer", "subject") {
		t.Fatal("the same parts give another id")
	}
	for name, other := range map[string]string{
		"another subject":    Home(Account, key, "issuer", "subject2"),
		"another kind":       Home(Insured, key, "issuer", "subject"),
		"another key":        Home(Account, [32]byte{2}, "issuer", "subject"),
		"parts run together": Home(Account, key, "issuers", "ubject"),
	} {
		if other[1:] == a[1:] {
			t.Errorf("%s gives the same id", name)
		}
	}
	p, ok := Partition(a)
	if !ok || p != "p"+a[1:4] || !slices.Contains(AllPartitions(), p) {
		t.Fatalf("partition %q of %s", p, a)
	}
	for _, bad := range []string{"", "self", a + "x", "b" + a[1:], "a999" + a[4:], "a-01" + a[4:], a[:27] + "\n", a[:27] + "}"} {
		if _, ok := Partition(bad); ok {
			t.Errorf("%q passes for a home id", bad)
		}
	}
}

func TestIDsSortByTimeAndDoNotRepeat(t *testing.T) {
	at := time.UnixMilli(1_770_000_000_000)
	var ids []string
	for range 1000 {
		id := New(at)
		if !Valid(id) {
			t.Fatalf("%q", id)
		}
		ids = append(ids, id)
		at = at.Add(time.Millisecond)
	}
	if !slices.IsSorted(ids) || len(slices.Compact(slices.Clone(ids))) != len(ids) {
		t.Fatal("out of order or repeated")
	}
}

func TestTheSameCauseGivesTheSameIDAndIDsOfCausesSortByTime(t *testing.T) {
	at := time.UnixMilli(1_770_000_000_000)
	id := Of(at, "application", "0")
	if id != Of(at, "application", "0") || !Valid(id) {
		t.Fatalf("%q", id)
	}
	for name, other := range map[string]string{
		"another cause": Of(at, "application", "1"), "parts run together": Of(at, "application0"), "a later time": Of(at.Add(time.Millisecond), "application", "0"),
	} {
		if other == id {
			t.Errorf("%s gives the same id", name)
		}
	}
	if later := Of(at.Add(time.Millisecond), "application", "1"); later <= id {
		t.Errorf("%s does not sort after %s", later, id)
	}
}

func TestNumbersCanBeDictated(t *testing.T) {
	if got := Number("2026-03-10", "000000000000000000stvwxyz0"); got != "20260310-STVW-XYZ0" {
		t.Fatal(got)
	}
}
