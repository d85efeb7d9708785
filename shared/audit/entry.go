// Package audit makes the record of who did what to whose data evident against
// tampering.
//
// Entries are sealed in batches, one chain of batches per partition. A batch
// holds a leaf of each of its entries, the root of a Merkle tree over the leaves
// (RFC 6962, 2.1) and the hash of the batch before it, and is signed with
// Ed25519 (RFC 8032). Whoever has an export and the public key can tell which
// entry was changed, taken away or added.
//
// What this cannot show: a change of an entry before it was sealed, and the loss
// of the newest batches together with all of their entries. Against the latter
// an auditor keeps the exports, of which each page is signed with its time.
package audit

import (
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"errors"
	"strconv"
	"strings"
	"time"

	"polis/shared/access"
)

// Entry says that somebody did something to somebody's data. All names in it
// are opaque ids.
type Entry struct {
	Partition string        `json:"partition"`
	ID        string        `json:"id"` // milliseconds and a number, rising within the partition
	At        time.Time     `json:"at"` // UTC, whole milliseconds
	Action    access.Action `json:"action"`
	Role      access.Role   `json:"role"`
	Actor     string        `json:"actor"`
	Subject   string        `json:"subject"` // whose data
	Call      string        `json:"call"`
	// On whose behalf a function asked. Entries without it are hashed as they were
	// before there was any.
	Behalf access.Behalf `json:"behalf,omitempty"`
}

// Hash is a SHA-256; its text is unpadded base64url.
type Hash [sha256.Size]byte

var errHash = errors.New("not a hash")

var base64url = base64.RawURLEncoding.Strict()

func (h Hash) String() string               { return base64url.EncodeToString(h[:]) }
func (h Hash) MarshalText() ([]byte, error) { return []byte(h.String()), nil }

func (h *Hash) UnmarshalText(text []byte) error {
	if base64url.DecodedLen(len(text)) != len(h) {
		return errHash
	}
	if _, err := base64url.Decode(h[:], text); err != nil {
		return errHash
	}
	return nil
}

// canonical is the one byte form of a list of texts: what they are, with the
// version, then each with its length before it.
func canonical(kind string, fields ...string) []byte {
	var b []byte
	for _, f := range append([]string{kind}, fields...) {
		b = binary.BigEndian.AppendUint32(b, uint32(len(f)))
		b = append(b, f...)
	}
	return b
}

// Leaf stands for an entry in its batch. It names the entry, so that one which
// was taken away can still be named.
type Leaf struct {
	ID    string
	Entry Hash
}

// LeafOf makes the leaf of an entry.
func LeafOf(e Entry) Leaf {
	kind, fields := "polis audit entry 1", []string{
		e.Partition, e.ID, milliseconds(e.At), string(e.Action), string(e.Role), e.Actor, e.Subject, e.Call,
	}
	if e.Behalf != "" {
		kind, fields = "polis audit entry 2", append(fields, string(e.Behalf))
	}
	return Leaf{e.ID, sha256.Sum256(canonical(kind, fields...))}
}

// Hash of the leaf in the Merkle tree.
func (l Leaf) Hash() Hash {
	return sha256.Sum256(append([]byte{0}, canonical("polis audit leaf 1", l.ID, string(l.Entry[:]))...))
}

// MarshalText writes a leaf as the entry's id, a space and the hash.
func (l Leaf) MarshalText() ([]byte, error) { return []byte(l.ID + " " + l.Entry.String()), nil }

func (l *Leaf) UnmarshalText(text []byte) error {
	id, hash, _ := strings.Cut(string(text), " ")
	l.ID = id
	return l.Entry.UnmarshalText([]byte(hash))
}

func milliseconds(t time.Time) string { return strconv.FormatInt(t.UnixMilli(), 10) }

// place is where an entry's id stands among those of its partition.
type place struct{ ms, number uint64 }

func (p place) before(q place) bool { return p.ms < q.ms || p.ms == q.ms && p.number < q.number }

func placeOf(id string) (place, bool) {
	ms, number, _ := strings.Cut(id, "-")
	m, err := strconv.ParseUint(ms, 10, 64)
	n, err2 := strconv.ParseUint(number, 10, 64)
	p := place{m, n}
	return p, err == nil && err2 == nil && id == strconv.FormatUint(m, 10)+"-"+strconv.FormatUint(n, 10)
}

// Before reports whether an entry's id stands before another's. The empty id is
// before all others.
func Before(id, other string) bool {
	p, ok := placeOf(id)
	q, ok2 := placeOf(other)
	return !ok && ok2 || ok && ok2 && p.before(q)
}
