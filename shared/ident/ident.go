// Package ident makes opaque ids. Nothing about a person can be read from one.
//
// A home id (of an account, an insured person or a unit of reviewers) names its
// partition, so that everything kept for it lies in one slot of the store and
// changes in one step. All other ids sort by time.
package ident

import (
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base32"
	"encoding/binary"
	"fmt"
	"strings"
	"sync/atomic"
	"time"
)

// Partitions is how many slots persons are spread over. It is part of every
// home id and must not change in an installation with data.
const Partitions = 256

// Kinds of home ids; the first letter of each.
const (
	Account = 'a'
	Insured = 'i'
	Unit    = 'u' // of reviewers
)

// crockford sorts like the bytes it encodes and has no letters that are
// mistaken for digits.
var crockford = base32.NewEncoding("0123456789abcdefghjkmnpqrstvwxyz").WithPadding(base32.NoPadding)

// Digest is a keyed digest of the parts: an index that cannot be turned back
// or guessed without the key.
func Digest(key [32]byte, parts ...string) [32]byte {
	mac := hmac.New(sha256.New, key[:])
	var n [4]byte
	for _, p := range parts {
		binary.BigEndian.PutUint32(n[:], uint32(len(p)))
		mac.Write(n[:])
		mac.Write([]byte(p))
	}
	return [32]byte(mac.Sum(nil))
}

// Home derives a home id from what makes the person unique: the same parts
// give the same id.
func Home(kind byte, key [32]byte, parts ...string) string {
	d := Digest(key, append([]string{"home", string(kind)}, parts...)...)
	return fmt.Sprintf("%c%03d%s", kind, d[0], crockford.EncodeToString(d[1:16]))
}

// Index derives the name of an index entry and the partition it lies in.
func Index(key [32]byte, parts ...string) (partition, name string) {
	d := Digest(key, append([]string{"index"}, parts...)...)
	return fmt.Sprintf("p%03d", d[0]), crockford.EncodeToString(d[1:21])
}

// Partition of a home id; false for anything that is not one.
func Partition(home string) (string, bool) {
	if len(home) != 28 || (home[0] != Account && home[0] != Insured && home[0] != Unit) {
		return "", false
	}
	n := 0
	for _, c := range home[1:4] {
		if c < '0' || c > '9' {
			return "", false
		}
		n = n*10 + int(c-'0')
	}
	if n >= Partitions || strings.Trim(home[4:], "0123456789abcdefghjkmnpqrstvwxyz") != "" {
		return "", false
	}
	return "p" + home[1:4], true
}

// AllPartitions in order, for sweeps.
func AllPartitions() []string {
	all := make([]string, Partitions)
	for i := range all {
		all[i] = fmt.Sprintf("p%03d", i)
	}
	return all
}

// latest is the time part of the newest id, so that the ids of one process sort
// by their making even within a millisecond.
var latest atomic.Uint64

// New is a fresh id of 26 characters that sorts by the machine time now. Half of
// it cannot be guessed.
func New(now time.Time) string {
	var b [16]byte
	for {
		last := latest.Load()
		next := max(uint64(now.UnixMilli())<<16, last+1)
		if latest.CompareAndSwap(last, next) {
			binary.BigEndian.PutUint64(b[:], next)
			break
		}
	}
	rand.Read(b[8:])
	return crockford.EncodeToString(b[:])
}

// Of is an id of 26 characters that sorts by at, and is the same for the same
// cause at the same time.
func Of(at time.Time, cause ...string) string {
	var b [16]byte
	binary.BigEndian.PutUint64(b[:], uint64(at.UnixMilli())<<16)
	d := Digest([32]byte{}, cause...)
	copy(b[6:], d[:])
	return crockford.EncodeToString(b[:])
}

// Valid reports whether s looks like an id made by New.
func Valid(s string) bool {
	return len(s) == 26 && strings.Trim(s, "0123456789abcdefghjkmnpqrstvwxyz") == ""
}

// Secret is a fresh unguessable text of 26 characters.
func Secret() string {
	var b [16]byte
	rand.Read(b[:])
	return crockford.EncodeToString(b[:])
}

// Number is the short form of an id for people: the civil day and eight
// characters that can be dictated.
func Number(day, id string) string {
	return strings.ReplaceAll(day, "-", "") + "-" + strings.ToUpper(id[len(id)-8:len(id)-4]+"-"+id[len(id)-4:])
}
