package storetest

import (
	"context"
	"slices"
	"strings"
	"testing"

	"polis/shared/access"
)

var copyRules = []rule{
	{"the accounts that may have a copy of a record are found by it", copiesFound},
}

func copiesFound(t *testing.T, ctx context.Context, k *kit) {
	g := function(t, access.RefreshCopy)
	mother, father := accountID("mother"), accountID("father")
	child, other := k.InsuredID("child"), k.InsuredID("other")
	note := func(account, record string, want bool) {
		t.Helper()
		if fresh, err := k.NoteCopy(ctx, g.About(account), account, record); err != nil || fresh != want {
			t.Errorf("noted for the first time: %v, %v", fresh, err)
		}
	}
	note(mother, child, true)
	note(father, child, true)
	note(mother, child, false) // noted twice it is found once
	note(father, other, true)
	want := []string{mother, father}
	slices.Sort(want)
	for record, want := range map[string][]string{child: want, other: {father}, k.InsuredID("nobody's"): nil} {
		got, err := k.CopiesOf(ctx, g, record)
		must(t, err)
		if slices.Sort(got); !slices.Equal(got, want) {
			t.Errorf("copies of %s: %q, want %q", record, got, want)
		}
	}
	keys, err := k.rdb.Keys(ctx, "*").Result()
	must(t, err)
	for _, key := range keys {
		if strings.Contains(key, child) || strings.Contains(key, other) {
			t.Errorf("a key names the record: %s", key)
		}
	}
	// Nobody asks without a grant, nor notes a copy of another's account.
	mine := citizen(t, mother, access.ReadCard)
	if _, err := k.NoteCopy(ctx, mine, father, other); err == nil {
		t.Error("a copy is noted in another's account")
	}
	if _, err := k.CopiesOf(ctx, access.Grant{}, child); err == nil {
		t.Error("copies are told without a grant")
	}
}
