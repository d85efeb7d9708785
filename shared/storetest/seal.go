package storetest

import (
	"context"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"strings"
	"testing"
	"time"

	"polis/shared/access"
	"polis/shared/cabinet"
	"polis/shared/ident"
	"polis/shared/policy"
	"polis/shared/store"
)

var sealRules = []rule{
	{"an erased document has no data key, and its bytes put back do not open", erased},
	{"a value moved to another key does not open", moved},
	{"a body under another version does not open", rolledBack},
	{"a data key moved to another person does not open", movedKey},
	{"no key and no value holds a SNILS, a policy number or a name", nothingInPlain},
}

// keep puts a card and an account with it, and returns the card's value.
func (k *kit) keep(t *testing.T, ctx context.Context, home string, c policy.Card) string {
	t.Helper()
	account, card := store.Account(home), store.Card(home, "self")
	_, err := store.Change(ctx, k.Store, citizen(t, home, access.ChangeConsents), home, store.Once{}, []store.Ref{account.Ref, card.Ref},
		func(tx *store.Tx) (struct{}, error) {
			if err := store.Put(tx, account, cabinet.Account{Open: map[string]string{"some": "thing"}}); err != nil {
				return struct{}{}, err
			}
			return struct{}{}, store.Put(tx, card, c)
		})
	must(t, err)
	return k.value(t, ctx, cardKey(home))
}

func cardKey(home string) string {
	partition, _ := ident.Partition(home)
	return "card:{" + partition + "}:" + home + ":self"
}

func (k *kit) value(t *testing.T, ctx context.Context, key string) string {
	t.Helper()
	value, err := k.rdb.Get(ctx, key).Result()
	must(t, err)
	return value
}

func (k *kit) put(t *testing.T, ctx context.Context, key, value string) {
	t.Helper()
	must(t, k.rdb.Set(ctx, key, value, 0).Err())
}

// opens tells whether the card is there to see.
func (k *kit) opens(t *testing.T, ctx context.Context, home string) (found bool, err error) {
	t.Helper()
	card := store.Card(home, "self")
	v, err := k.View(ctx, citizen(t, home, access.ReadCard), home, card.Ref)
	if err != nil {
		return false, err
	}
	_, found, err = store.Get(v, card)
	return found, err
}

func erased(t *testing.T, ctx context.Context, k *kit) {
	home := accountID("one")
	account, card := store.Account(home), store.Card(home, "self")
	old := k.keep(t, ctx, home, policy.Card{Person: someone(1)})
	keysOf := func() (n int) {
		for key := range k.dump(t, ctx) {
			if strings.HasPrefix(key, "key:") {
				n++
			}
		}
		return n
	}
	before := keysOf()
	_, err := store.Change(ctx, k.Store, citizen(t, home, access.ChangeConsents), home, store.Once{}, []store.Ref{card.Ref},
		func(tx *store.Tx) (struct{}, error) {
			store.Erase(tx, card)
			return struct{}{}, nil
		})
	must(t, err)
	if got := keysOf(); got != before-1 {
		t.Errorf("%d data keys are left of %d", got, before)
	}
	if _, left := k.dump(t, ctx)[cardKey(home)]; left {
		t.Error("the card is there")
	}
	v, err := k.View(ctx, citizen(t, home, access.ReadConsents), home, account.Ref)
	must(t, err)
	if have, _, err := store.Get(v, account); err != nil || len(have.Open) != 1 {
		t.Errorf("the rest of the cabinet: %+v, %v", have, err)
	}
	k.put(t, ctx, cardKey(home), old)
	if found, err := k.opens(t, ctx, home); found || err != nil {
		t.Errorf("put back after the erasure: %v, %v", found, err)
	}
	k.keep(t, ctx, home, policy.Card{Person: someone(2)})
	if found, err := k.opens(t, ctx, home); !found || err != nil {
		t.Errorf("made anew: %v, %v", found, err)
	}
	k.put(t, ctx, cardKey(home), old)
	if found, err := k.opens(t, ctx, home); found || err == nil {
		t.Errorf("put back under a new data key: %v, %v", found, err)
	}
}

func moved(t *testing.T, ctx context.Context, k *kit) {
	home := accountID("one")
	ids := []string{ident.New(time.Now()), ident.New(time.Now())}
	for _, id := range ids {
		_, err := submit(ctx, k.Store, citizen(t, home, access.Apply), home, id, store.Once{})
		must(t, err)
	}
	// Both are sealed with one data key.
	partition, _ := ident.Partition(home)
	key := func(id string) string { return "application:{" + partition + "}:" + home + ":" + id }
	k.put(t, ctx, key(ids[0]), k.value(t, ctx, key(ids[1])))
	doc := store.Application(home, ids[0])
	if v, err := k.View(ctx, citizen(t, home, access.ReadApplications), home, doc.Ref); err == nil {
		got, found, err := store.Get(v, doc)
		t.Errorf("opens: %v %+v, %v", found, got.ID, err)
	}
}

func rolledBack(t *testing.T, ctx context.Context, k *kit) {
	home := accountID("one")
	first := k.keep(t, ctx, home, policy.Card{Insured: "i1"})
	second := k.keep(t, ctx, home, policy.Card{Insured: "i2"})
	const version = 8
	for what, value := range map[string]string{
		"the old body under the new version": second[:version] + first[version:],
		"the new body under the old version": first[:version] + second[version:],
		"one bit":                            second[:len(second)-1] + string(second[len(second)-1]^1),
		"a short value":                      second[:version+3],
		"less than a version":                second[:3],
	} {
		k.put(t, ctx, cardKey(home), value)
		if found, err := k.opens(t, ctx, home); found || err == nil {
			t.Errorf("%s: %v, %v", what, found, err)
		}
	}
	k.put(t, ctx, cardKey(home), second)
	if found, err := k.opens(t, ctx, home); !found || err != nil {
		t.Errorf("as it was: %v, %v", found, err)
	}
}

func movedKey(t *testing.T, ctx context.Context, k *kit) {
	one, two := accountID("one"), accountID("two")
	dataKey := func(home string) string {
		partition, _ := ident.Partition(home)
		return "key:{" + partition + "}:" + home + ":self"
	}
	k.keep(t, ctx, one, policy.Card{})
	k.keep(t, ctx, two, policy.Card{})
	k.put(t, ctx, dataKey(two), k.value(t, ctx, dataKey(one)))
	k.put(t, ctx, cardKey(two), k.value(t, ctx, cardKey(one)))
	if found, err := k.opens(t, ctx, two); found || err == nil {
		t.Errorf("%v, %v", found, err)
	}
}

func nothingInPlain(t *testing.T, ctx context.Context, k *kit) {
	home, g := accountID("one"), function(t, access.RecordInsured)
	child := k.record("birth", someone(1))
	child.Birth = &policy.BirthRecord{Number: "130269260001100012009", Date: someone(1).Birth}
	child.Representatives = append(child.Representatives, snils(2))
	made, _, err := k.PutOnRecord(ctx, g, child)
	must(t, err)
	k.keep(t, ctx, home, policy.CardOf(made, recorded, lawTime))
	once := k.OnceFor(home, "path", "key", []byte(`{"enp":"`+string(made.ENP)+`"}`))
	_, err = submit(ctx, k.Store, citizen(t, home, access.Apply), home, ident.New(time.Now()), once)
	must(t, err)
	_, err = k.Find(ctx, function(t, access.LookUpInsured), store.Query{
		SNILS: snils(1), Document: passport(1), Birth: child.Birth.Number, ENP: made.ENP})
	must(t, err)

	held := strings.ToLower(text(k.dump(t, ctx)))
	raw := text(k.dump(t, ctx))
	for what, secret := range map[string]string{
		"SNILS": string(snils(1)), "SNILS as printed": snils(1).String(), "a representative's SNILS": string(snils(2)),
		"ENP": string(made.ENP), "surname": family, "document": passport(1).Number, "document key": passport(1).Key(),
		"civil record": child.Birth.Number, "birth date": someone(1).Birth.String(),
	} {
		for form, looked := range forms(secret) {
			if strings.Contains(raw, looked) || strings.Contains(held, strings.ToLower(looked)) && form == "hex" {
				t.Errorf("%s in %s", what, form)
			}
		}
	}
}

func text(dump map[string]string) string {
	var b strings.Builder
	for key, value := range dump {
		b.WriteString(key + "\n" + value + "\n")
	}
	return b.String()
}

// forms in which a secret might lie about. Base64 has three, by where in a
// longer text the secret begins; what depends on its neighbours is cut off.
func forms(secret string) map[string]string {
	sum := sha256.Sum256([]byte(secret))
	f := map[string]string{
		"plain": secret, "hex": hex.EncodeToString([]byte(secret)),
		"a bare digest": string(sum[:]), "a bare digest in hex": hex.EncodeToString(sum[:]),
	}
	for shift, name := range []string{"base64", "base64 after one byte", "base64 after two bytes"} {
		coded := base64.RawStdEncoding.EncodeToString([]byte(strings.Repeat("\x00", shift) + secret))
		f[name] = coded[[]int{0, 2, 3}[shift] : len(coded)-1]
	}
	return f
}
