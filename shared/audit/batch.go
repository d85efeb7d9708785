package audit

import (
	"crypto/ed25519"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"
)

// MaxBatch is how many entries one batch seals at most. It bounds what sealing
// and verifying keep in memory.
const MaxBatch = 1000

// Key signs.
type Key struct{ private ed25519.PrivateKey }

// NewKey makes the key of a seed.
func NewKey(seed [32]byte) Key { return Key{ed25519.NewKeyFromSeed(seed[:])} }

// Public is what others verify with.
func (k Key) Public() ed25519.PublicKey { return k.private.Public().(ed25519.PublicKey) }

// ID names the key.
func (k Key) ID() string { return KeyID(k.Public()) }

func (k Key) sign(message []byte) []byte { return ed25519.Sign(k.private, message) }

// KeyID names a public key by the beginning of its SHA-256.
func KeyID(public ed25519.PublicKey) string {
	sum := sha256.Sum256(public)
	return hex.EncodeToString(sum[:8])
}

// Keys are public keys by their id: the present one and those before it.
type Keys map[string]ed25519.PublicKey

// ParseKeys reads public keys, each 32 bytes in base64, with commas between.
func ParseKeys(text string) (Keys, error) {
	keys := Keys{}
	for one := range strings.SplitSeq(text, ",") {
		if one = strings.TrimSpace(one); one == "" {
			continue
		}
		raw, err := base64.StdEncoding.DecodeString(one)
		if err != nil || len(raw) != ed25519.PublicKeySize {
			return nil, fmt.Errorf("%q is not an Ed25519 public key, 32 bytes in base64", one)
		}
		keys[KeyID(raw)] = raw
	}
	return keys, nil
}

func (k Keys) holds(id string, message, signature []byte) bool {
	public, known := k[id]
	return known && ed25519.Verify(public, message, signature)
}

// Head is what a batch says of its entries, signed.
type Head struct {
	Partition string    `json:"partition"`
	Seq       int       `json:"seq"`      // 1 for the first of the partition
	Previous  Hash      `json:"previous"` // of the head before; zero for the first
	First     string    `json:"first"`    // id of the first entry
	Last      string    `json:"last"`
	Count     int       `json:"count"`
	Root      Hash      `json:"root"`
	At        time.Time `json:"at"` // when it was sealed, machine time
	KeyID     string    `json:"key_id"`
	Signature []byte    `json:"signature"`
}

func (h Head) message() []byte {
	return canonical("polis audit batch 1", h.Partition, strconv.Itoa(h.Seq), string(h.Previous[:]), h.First, h.Last,
		strconv.Itoa(h.Count), string(h.Root[:]), milliseconds(h.At), h.KeyID)
}

// Hash of the head, by which the next one names it. The zero head, before the
// first one, has the zero hash.
func (h Head) Hash() Hash {
	if h.Seq == 0 {
		return Hash{}
	}
	return sha256.Sum256(append(h.message(), h.Signature...))
}

// Batch is a head with the leaves under its root.
type Batch struct {
	Head
	Leaves []Leaf `json:"leaves"`
}

var errSeal = errors.New("entries cannot be sealed")

// Seal makes the next batch after prev, which is the zero Head for the first.
// The entries are 1 to MaxBatch of one partition, in order, and after those
// sealed already.
func Seal(prev Head, entries []Entry, key Key, now time.Time) (Batch, error) {
	if len(entries) == 0 || len(entries) > MaxBatch {
		return Batch{}, fmt.Errorf("%w: %d of them", errSeal, len(entries))
	}
	b := Batch{Head: Head{
		Partition: entries[0].Partition, Seq: prev.Seq + 1, Previous: prev.Hash(),
		First: entries[0].ID, Last: entries[len(entries)-1].ID, Count: len(entries), At: now.UTC().Truncate(time.Millisecond), KeyID: key.ID(),
	}}
	last := prev.Last
	for _, e := range entries {
		if e.Partition != b.Partition || prev.Seq > 0 && e.Partition != prev.Partition || !Before(last, e.ID) {
			return Batch{}, fmt.Errorf("%w: %s %s is not next after %s", errSeal, e.Partition, e.ID, last)
		}
		last = e.ID
		b.Leaves = append(b.Leaves, LeafOf(e))
	}
	b.Root = rootOf(b.Leaves)
	b.Signature = key.sign(b.message())
	return b, nil
}

// whole reports whether the head describes just these leaves.
func (b Batch) whole() bool {
	n := len(b.Leaves)
	return n > 0 && n == b.Count && b.Leaves[0].ID == b.First && b.Leaves[n-1].ID == b.Last && rootOf(b.Leaves) == b.Root
}

// Proof shows to somebody who has the public key that an entry was sealed,
// without any other entry.
type Proof struct {
	Entry Entry  `json:"entry"`
	Batch Head   `json:"batch"`
	Index int    `json:"index"` // of the entry in the batch
	Path  []Hash `json:"path"`  // RFC 6962, 2.1.1
}

// ErrProof is a proof that does not hold.
var ErrProof = errors.New("proof does not hold")

// Prove that an entry is in the batch; ErrProof if it is not, or not as it was
// sealed.
func (b Batch) Prove(e Entry) (Proof, error) {
	for i, leaf := range b.Leaves {
		if leaf == LeafOf(e) && e.Partition == b.Partition {
			return Proof{Entry: e, Batch: b.Head, Index: i, Path: append([]Hash{}, pathOf(b.Leaves, i)...)}, nil
		}
	}
	return Proof{}, ErrProof
}

// Check that the proof holds.
func (p Proof) Check(keys Keys) error {
	root, ok := climb(LeafOf(p.Entry).Hash(), p.Index, p.Batch.Count, p.Path)
	if !ok || root != p.Batch.Root || p.Entry.Partition != p.Batch.Partition || !keys.holds(p.Batch.KeyID, p.Batch.message(), p.Batch.Signature) {
		return ErrProof
	}
	return nil
}
