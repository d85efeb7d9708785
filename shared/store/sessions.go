package store

import (
	"context"
	"crypto/cipher"
	"encoding/json"
	"errors"
	"strings"
	"time"

	"github.com/redis/go-redis/v9"

	"polis/shared/config"
	"polis/shared/ident"
)

// Sessions remembers browsers. What it keeps is sealed under a key of its own,
// and its keys are digests of what the browser holds: nobody who reads the
// store can log in with it. It is no part of the cabinet and leaves no trace in
// the audit. The insurers, which are public, it knows as the Store does.
type Sessions struct {
	*follower
	rdb  redis.UniversalClient
	key  [32]byte
	seal cipher.AEAD
}

// OpenSessions connects as Open does; its one key is the secret
// portal-session-key.
func OpenSessions(env *config.Env) *Sessions {
	rdb, key := connect(env), env.Key("portal-session-key")
	if env.Err() != nil {
		return nil
	}
	return NewSessions(rdb, key)
}

// NewSessions remembers browsers over a client.
func NewSessions(rdb redis.UniversalClient, key [32]byte) *Sessions {
	return &Sessions{follower: newFollower(rdb), rdb: rdb, key: key, seal: newCipher(key[:])}
}

// Close the connections.
func (s *Sessions) Close() error { return s.rdb.Close() }

// Session is one browser's memory of one login.
type Session struct {
	Account string          // a home id; ending ends all sessions of one account
	Content json.RawMessage // what it remembers, for its owner alone
}

// kept is a session as it is stored.
type kept struct {
	Session
	Epoch string // of the account when it began
	Until time.Time
}

// longest that a session can live without a Read, so that a note of its end
// needs no more.
const longest = 24 * time.Hour

// Begin makes a session that ends after idle without a Read, and at until in any
// case. The token is for the browser alone; there is no other way to the
// session.
func (s *Sessions) Begin(ctx context.Context, begun Session, idle time.Duration, until time.Time) (token string, err error) {
	partition, ok := ident.Partition(begun.Account)
	if !ok {
		return "", errNoHome
	}
	// A note of an earlier end has to outlive the session that begins under it.
	epoch, err := s.rdb.GetEx(ctx, s.epoch(begun.Account), longest).Result()
	if err != nil && !errors.Is(err, redis.Nil) {
		return "", unreachable(err)
	}
	if last := time.Now().Add(longest); until.After(last) {
		until = last
	}
	token = partition + ident.Secret() + ident.Secret()
	if err := s.put(ctx, s.session(token), kept{begun, epoch, until}, idle); err != nil {
		return "", err
	}
	return token, nil
}

// Read finds the session of a token and lets it live for another idle; false
// where there is none, or none any more.
func (s *Sessions) Read(ctx context.Context, token string, idle time.Duration, now time.Time) (Session, bool, error) {
	if !wellFormed(token) {
		return Session{}, false, nil
	}
	name := s.session(token)
	value, err := s.rdb.GetEx(ctx, name, idle).Result()
	if errors.Is(err, redis.Nil) {
		return Session{}, false, nil
	}
	if err != nil {
		return Session{}, false, unreachable(err)
	}
	var have kept
	if err := s.unseal(name, value, &have); err != nil {
		return Session{}, false, err
	}
	epoch, err := s.rdb.Get(ctx, s.epoch(have.Account)).Result()
	if err != nil && !errors.Is(err, redis.Nil) {
		return Session{}, false, unreachable(err)
	}
	if epoch == have.Epoch && now.Before(have.Until) {
		return have.Session, true, nil
	}
	// It has just been kept for another idle, which may be longer than the note
	// of its end.
	if err := s.rdb.Del(ctx, name).Err(); err != nil {
		return Session{}, false, unreachable(err)
	}
	return Session{}, false, nil
}

// End ends every session of an account, on every device.
func (s *Sessions) End(ctx context.Context, account string) error {
	if _, ok := ident.Partition(account); !ok {
		return errNoHome
	}
	if err := s.rdb.Set(ctx, s.epoch(account), ident.Secret(), longest).Err(); err != nil {
		return unreachable(err)
	}
	return nil
}

// Drop ends one session alone, if there is one.
func (s *Sessions) Drop(ctx context.Context, token string) error {
	if !wellFormed(token) {
		return nil
	}
	if err := s.rdb.Del(ctx, s.session(token)).Err(); err != nil {
		return unreachable(err)
	}
	return nil
}

// Hold keeps content for one Take within life. The token is for the browser
// alone.
func (s *Sessions) Hold(ctx context.Context, content any, life time.Duration) (token string, err error) {
	secret := ident.Secret()
	partition, _ := ident.Index(s.key, "held", secret)
	token = partition + secret + ident.Secret()
	return token, s.put(ctx, s.held(token), content, life)
}

// Take gives what is held, once; false where there is nothing.
func (s *Sessions) Take(ctx context.Context, token string, content any) (bool, error) {
	if !wellFormed(token) {
		return false, nil
	}
	name := s.held(token)
	value, err := s.rdb.GetDel(ctx, name).Result()
	if errors.Is(err, redis.Nil) {
		return false, nil
	}
	if err != nil {
		return false, unreachable(err)
	}
	return true, s.unseal(name, value, content)
}

// Peek gives what is held and leaves it there; false where there is nothing.
func (s *Sessions) Peek(ctx context.Context, token string, content any) (bool, error) {
	if !wellFormed(token) {
		return false, nil
	}
	name := s.held(token)
	value, err := s.rdb.Get(ctx, name).Result()
	if errors.Is(err, redis.Nil) {
		return false, nil
	}
	if err != nil {
		return false, unreachable(err)
	}
	return true, s.unseal(name, value, content)
}

func (s *Sessions) put(ctx context.Context, name string, content any, life time.Duration) error {
	plain, err := json.Marshal(content)
	if err != nil {
		return err
	}
	if err := s.rdb.Set(ctx, name, s.seal.Seal(nil, nil, plain, []byte(name)), life).Err(); err != nil {
		return unreachable(err)
	}
	return nil
}

func (s *Sessions) unseal(name, value string, content any) error {
	plain, err := s.seal.Open(nil, nil, []byte(value), []byte(name))
	if err != nil {
		return errSeal
	}
	return json.Unmarshal(plain, content)
}

// A token is its partition and two secrets.
const (
	partitionLength = len("p000")
	tokenLength     = partitionLength + 2*26
)

func wellFormed(token string) bool {
	return len(token) == tokenLength && !strings.ContainsAny(token, "{}")
}

func (s *Sessions) session(token string) string { return s.name("session", token) }
func (s *Sessions) held(token string) string    { return s.name("held", token) }

func (s *Sessions) name(kind, token string) string {
	_, digest := ident.Index(s.key, kind, token)
	return kind + ":{" + token[:partitionLength] + "}:" + digest
}

func (s *Sessions) epoch(account string) string {
	partition, _ := ident.Partition(account)
	return "sessions:{" + partition + "}:" + account
}
