package storetest

import (
	"context"
	"encoding/json"
	"strings"
	"testing"
	"time"

	"polis/shared/fault"
	"polis/shared/store"
)

var sessionRules = []rule{
	{"a browser is remembered by its token alone, until it is idle or its time is over", remembered},
	{"the end of an account's sessions is the end on every device, and of no other account's", endedEverywhere},
	{"what is held for a browser is taken once", takenOnce},
	{"what the store keeps of a session opens nowhere else and with no other key", sessionSealed},
	{"a store that does not answer is no proof that nobody has logged in", sessionUnknown},
}

var sessionKey = [32]byte{8}

const idle = time.Minute

// begin is one browser of an account that has logged in.
func (k *kit) begin(t *testing.T, ctx context.Context, s *store.Sessions, account, content string) (token string) {
	t.Helper()
	token, err := s.Begin(ctx, store.Session{Account: accountID(account), Content: json.RawMessage(content)}, idle, time.Now().Add(time.Hour))
	must(t, err)
	return token
}

func knows(t *testing.T, ctx context.Context, s *store.Sessions, token string) bool {
	t.Helper()
	_, ok, err := s.Read(ctx, token, idle, time.Now())
	must(t, err)
	return ok
}

func remembered(t *testing.T, ctx context.Context, k *kit) {
	s := store.NewSessions(k.rdb, sessionKey)
	mine, other := k.begin(t, ctx, s, "anna", `{"name":"Анна"}`), k.begin(t, ctx, s, "anna", `{"name":"another browser"}`)
	if mine == other {
		t.Fatal("two browsers have one token")
	}
	found, ok, err := store.NewSessions(k.rdb, sessionKey).Read(ctx, mine, idle, time.Now())
	must(t, err)
	if !ok || found.Account != accountID("anna") || string(found.Content) != `{"name":"Анна"}` {
		t.Errorf("found %v %+v", ok, found)
	}
	for _, token := range []string{"", "x", mine[:len(mine)-1], mine + "0", strings.ToUpper(mine), "p000" + mine[4:], strings.Repeat("{", len(mine))} {
		if token != mine && knows(t, ctx, s, token) {
			t.Errorf("token %q opens it", token)
		}
	}

	life, err := k.rdb.PTTL(ctx, k.sessions(t, ctx, 2)[0]).Result()
	must(t, err)
	if life <= 0 || life > idle {
		t.Errorf("kept for %v without a read", life)
	}
	if _, ok, err := s.Read(ctx, mine, idle, time.Now().Add(2*time.Hour)); ok || err != nil {
		t.Errorf("after its time: %v %v", ok, err)
	}
	if knows(t, ctx, s, mine) {
		t.Error("a session whose time was over came back")
	}
	if !knows(t, ctx, s, other) {
		t.Error("the other browser was forgotten")
	}
}

func endedEverywhere(t *testing.T, ctx context.Context, k *kit) {
	s := store.NewSessions(k.rdb, sessionKey)
	phone, desk, another := k.begin(t, ctx, s, "anna", `1`), k.begin(t, ctx, s, "anna", `2`), k.begin(t, ctx, s, "pavel", `3`)
	must(t, s.End(ctx, accountID("anna")))
	if knows(t, ctx, s, phone) || knows(t, ctx, s, desk) || !knows(t, ctx, s, another) {
		t.Error("the wrong sessions have ended")
	}
	if later := k.begin(t, ctx, s, "anna", `4`); !knows(t, ctx, s, later) || knows(t, ctx, s, phone) {
		t.Error("a login after the end does not begin anew")
	}
}

func takenOnce(t *testing.T, ctx context.Context, k *kit) {
	s := store.NewSessions(k.rdb, sessionKey)
	token, err := s.Hold(ctx, map[string]string{"state": "1"}, idle)
	must(t, err)
	if knows(t, ctx, s, token) {
		t.Error("what is held passes for a session")
	}
	var got map[string]string
	if ok, err := s.Take(ctx, k.begin(t, ctx, s, "anna", `{}`), &got); ok || err != nil {
		t.Errorf("a session passes for what is held: %v %v", ok, err)
	}
	if ok, err := s.Take(ctx, token, &got); !ok || err != nil || got["state"] != "1" {
		t.Errorf("taken %v %v %v", ok, err, got)
	}
	if ok, err := s.Take(ctx, token, &got); ok || err != nil {
		t.Errorf("taken again: %v %v", ok, err)
	}
}

func sessionSealed(t *testing.T, ctx context.Context, k *kit) {
	s := store.NewSessions(k.rdb, sessionKey)
	anna := k.begin(t, ctx, s, "anna", `{"token":"bearer-of-anna"}`)
	at := k.sessions(t, ctx, 1)[0]
	value, err := k.rdb.Get(ctx, at).Result()
	must(t, err)
	if strings.Contains(value, "bearer-of-anna") || strings.Contains(at, anna[4:]) {
		t.Error("the store can be read")
	}
	if knows(t, ctx, store.NewSessions(k.rdb, [32]byte{9}), anna) {
		t.Error("another installation's key finds it")
	}
	pavel := k.begin(t, ctx, s, "pavel", `{}`)
	for _, name := range k.sessions(t, ctx, 2) {
		if name != at {
			must(t, k.rdb.Set(ctx, name, value, idle).Err())
		}
	}
	if _, ok, err := s.Read(ctx, pavel, idle, time.Now()); ok || err == nil {
		t.Errorf("Anna's session in Pavel's place: %v %v", ok, err)
	}
}

func sessionUnknown(t *testing.T, ctx context.Context, k *kit) {
	s := store.NewSessions(k.rdb, sessionKey)
	token := k.begin(t, ctx, s, "anna", `{}`)
	for at := 1; at <= 2; at++ {
		c := cut{n: at}
		if _, ok, err := s.Read(disturbed(ctx, c.disturb), token, idle, time.Now()); ok || !fault.HasKind(err, fault.Unavailable) {
			t.Errorf("broken off at %d: %v %v", at, ok, err)
		}
	}
	if !knows(t, ctx, s, token) {
		t.Error("forgotten")
	}
}

// sessions are the names under which n sessions are kept.
func (k *kit) sessions(t *testing.T, ctx context.Context, n int) (names []string) {
	t.Helper()
	for name := range k.dump(t, ctx) {
		if strings.HasPrefix(name, "session:") {
			names = append(names, name)
		}
	}
	if len(names) != n {
		t.Fatalf("%d sessions are kept: %q", n, names)
	}
	return names
}
