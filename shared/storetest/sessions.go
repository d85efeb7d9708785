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
	{"a session is found by its token alone until it ends", sessionLives},
	{"a session that nobody reads ends", sessionIdles},
	{"the end of an account's sessions is for all of them, and for good", sessionsEnd},
	{"what is held is taken once", heldOnce},
	{"nobody who reads the store learns of sessions or gets into one", sessionsAreSealed},
	{"sessions in a store that is away are unavailable, not ended", sessionsAway},
}

var (
	sessionKey = [32]byte{7, 8, 9}
	sessionNow = time.Date(2026, time.March, 10, 9, 0, 0, 0, time.UTC)
)

// sessions as another process has them.
func (k *kit) sessions() *store.Sessions { return store.NewSessions(k.rdb, sessionKey) }

func (k *kit) begun(t *testing.T, ctx context.Context, account, content string) (token string) {
	t.Helper()
	raw, err := json.Marshal(content)
	must(t, err)
	token, err = k.sessions().Begin(ctx, store.Session{Account: account, Content: raw}, time.Minute, sessionNow.Add(time.Hour))
	must(t, err)
	return token
}

// reads demands what a token's session remembers; "" for no session.
func (k *kit) reads(t *testing.T, ctx context.Context, token string, now time.Time, want string) {
	t.Helper()
	found, ok, err := k.sessions().Read(ctx, token, time.Minute, now)
	must(t, err)
	var got string
	if ok {
		must(t, json.Unmarshal(found.Content, &got))
	}
	if ok != (want != "") || got != want {
		t.Errorf("read %q, %v instead of %q", got, ok, want)
	}
}

func sessionLives(t *testing.T, ctx context.Context, k *kit) {
	maria, pavel := k.begun(t, ctx, accountID("maria"), "Maria"), k.begun(t, ctx, accountID("pavel"), "Pavel")
	if maria == pavel || k.begun(t, ctx, accountID("maria"), "Maria") == maria {
		t.Error("two sessions have one token")
	}
	k.reads(t, ctx, maria, sessionNow, "Maria")
	k.reads(t, ctx, pavel, sessionNow, "Pavel")
	found, _, err := k.sessions().Read(ctx, maria, time.Minute, sessionNow)
	must(t, err)
	if found.Account != accountID("maria") {
		t.Errorf("of the account %s", found.Account)
	}
	changed := []byte(maria)
	changed[len(changed)-1] ^= 1
	for _, foreign := range []string{"", "x", maria[:len(maria)-1], maria + "0", string(changed), pavel[:4] + maria[4:], "{}" + maria[2:], strings.ToUpper(maria)} {
		if foreign != maria {
			k.reads(t, ctx, foreign, sessionNow, "")
		}
	}
	k.reads(t, ctx, maria, sessionNow.Add(time.Hour-time.Second), "Maria")
	k.reads(t, ctx, maria, sessionNow.Add(time.Hour), "")
	k.reads(t, ctx, maria, sessionNow, "") // what is over is gone
	if _, err := k.sessions().Begin(ctx, store.Session{Account: "nobody"}, time.Minute, sessionNow); err == nil {
		t.Error("a session of no account was begun")
	}
}

func sessionIdles(t *testing.T, ctx context.Context, k *kit) {
	const idle = time.Second
	begin := func() string {
		token, err := k.sessions().Begin(ctx, store.Session{Account: accountID("maria"), Content: json.RawMessage(`"Maria"`)}, idle, sessionNow.Add(time.Hour))
		must(t, err)
		return token
	}
	left := begin()
	name := k.only(t, ctx, "session")
	used := begin()
	var reads int
	eventually(t, ctx, "the session that is left alone ends", func() bool {
		if _, ok, err := k.sessions().Read(ctx, used, idle, sessionNow); err != nil || !ok {
			t.Fatalf("the one in use has ended after %d reads: %v", reads, err)
		}
		reads++
		return k.rdb.Exists(ctx, name).Val() == 0
	})
	k.reads(t, ctx, left, sessionNow, "")
	k.reads(t, ctx, used, sessionNow, "Maria")
}

func (k *kit) sessionKeys(t *testing.T, ctx context.Context) (names []string) {
	t.Helper()
	for name := range k.dump(t, ctx) {
		if strings.HasPrefix(name, "session:") {
			names = append(names, name)
		}
	}
	return names
}

func sessionsEnd(t *testing.T, ctx context.Context, k *kit) {
	here, there, other := k.begun(t, ctx, accountID("maria"), "here"), k.begun(t, ctx, accountID("maria"), "there"), k.begun(t, ctx, accountID("pavel"), "Pavel")
	must(t, k.sessions().End(ctx, accountID("maria")))
	k.reads(t, ctx, here, sessionNow, "")
	k.reads(t, ctx, there, sessionNow, "")
	k.reads(t, ctx, other, sessionNow, "Pavel")
	k.reads(t, ctx, k.begun(t, ctx, accountID("maria"), "anew"), sessionNow, "anew")

	// When the note of the end is gone, nothing comes back.
	must(t, k.rdb.Del(ctx, k.only(t, ctx, "sessions")).Err())
	k.reads(t, ctx, here, sessionNow, "")
	k.reads(t, ctx, there, sessionNow, "")
	if err := k.sessions().End(ctx, "nobody"); err == nil {
		t.Error("the sessions of no account were ended")
	}
}

func heldOnce(t *testing.T, ctx context.Context, k *kit) {
	token, err := k.sessions().Hold(ctx, "state", time.Minute)
	must(t, err)
	other, err := k.sessions().Hold(ctx, "another", time.Minute)
	must(t, err)
	take := func(token, want string) {
		t.Helper()
		var got string
		found, err := k.sessions().Take(ctx, token, &got)
		must(t, err)
		if got != want || found != (want != "") {
			t.Errorf("took %q, %v instead of %q", got, found, want)
		}
	}
	peek := func(token, want string) {
		t.Helper()
		var got string
		found, err := k.sessions().Peek(ctx, token, &got)
		must(t, err)
		if got != want || found != (want != "") {
			t.Errorf("saw %q, %v instead of %q", got, found, want)
		}
	}
	peek(token, "state")
	peek(token, "state")
	for _, foreign := range []string{"", "x", token + "0", other[:4] + token[4:len(token)-1] + "-", k.begun(t, ctx, accountID("maria"), "Maria")} {
		take(foreign, "")
		peek(foreign, "")
	}
	take(token, "state")
	take(token, "")
	peek(token, "")
	take(other, "another")

	late, err := k.sessions().Hold(ctx, "late", time.Second)
	must(t, err)
	name := k.only(t, ctx, "held")
	k.reads(t, ctx, late, sessionNow, "") // what is held is no session
	eventually(t, ctx, "what is held is gone", func() bool { return k.rdb.Exists(ctx, name).Val() == 0 })
	take(late, "")
}

func sessionsAreSealed(t *testing.T, ctx context.Context, k *kit) {
	maria, pavel := k.begun(t, ctx, accountID("maria"), family), k.begun(t, ctx, accountID("pavel"), "Pavel")
	held, err := k.sessions().Hold(ctx, family, time.Minute)
	must(t, err)
	raw := text(k.dump(t, ctx))
	for what, secret := range map[string]string{"a name": family, "a token": maria, "a token's secret": maria[4:30], "a held one": held[4:30]} {
		for form, looked := range forms(secret) {
			if strings.Contains(raw, looked) {
				t.Errorf("%s in %s", what, form)
			}
		}
	}
	if _, ok, err := store.NewSessions(k.rdb, [32]byte{1}).Read(ctx, maria, time.Minute, sessionNow); ok || err != nil {
		t.Errorf("with another key: %v, %v", ok, err)
	}
	// One who writes the store puts a session in another's place, or an old
	// one, or rubbish.
	names := k.sessionKeys(t, ctx)
	if len(names) != 2 {
		t.Fatalf("sessions: %q", names)
	}
	values := [2]string{k.rdb.Get(ctx, names[0]).Val(), k.rdb.Get(ctx, names[1]).Val()}
	for _, planted := range [][2]string{{values[1], values[0]}, {"", "rubbish"}, {values[0][:20], values[1] + "0"}} {
		for i, name := range names {
			must(t, k.rdb.Set(ctx, name, planted[i], time.Minute).Err())
		}
		for _, token := range []string{maria, pavel} {
			if found, ok, err := k.sessions().Read(ctx, token, time.Minute, sessionNow); ok || err == nil {
				t.Errorf("a planted value opens: %s, %v", found.Content, err)
			}
		}
	}
}

func sessionsAway(t *testing.T, ctx context.Context, k *kit) {
	token := k.begun(t, ctx, accountID("maria"), "Maria")
	held, err := k.sessions().Hold(ctx, "state", time.Minute)
	must(t, err)
	gone := disturbed(ctx, func(func() error) error { return errCut })
	s := k.sessions()
	_, readOK, readErr := s.Read(gone, token, time.Minute, sessionNow)
	var into string
	seen, peekErr := s.Peek(gone, held, &into)
	taken, takeErr := s.Take(gone, held, &into)
	_, beginErr := s.Begin(gone, store.Session{Account: accountID("maria")}, time.Minute, sessionNow)
	_, holdErr := s.Hold(gone, "state", time.Minute)
	for what, err := range map[string]error{"read": readErr, "peek": peekErr, "take": takeErr, "begin": beginErr, "hold": holdErr, "end": s.End(gone, accountID("maria"))} {
		if !fault.HasKind(err, fault.Unavailable) {
			t.Errorf("%s: %v", what, err)
		}
	}
	if readOK || seen || taken {
		t.Error("found where nothing answers")
	}
	k.reads(t, ctx, token, sessionNow, "Maria")
	if found, err := s.Take(ctx, held, &into); err != nil || !found {
		t.Errorf("what was held: %v, %v", found, err)
	}
}
