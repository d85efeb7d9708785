package audit

import (
	"crypto/sha256"
	"encoding/json"
	"hash"
	"io"
	"time"
)

// An export is lines of JSON, in pages that are put one after the other:
//
//	{"page": {...}}   what follows, and when it was read
//	{"batch": {...}}  a batch with its leaves
//	{"entry": {...}}  after the batch that seals it; after the last: not sealed yet
//	{"end": {...}}    where the next page begins, with a signature over the page
//
// Partitions follow each other in order, and so do the batches of each.
type line struct {
	Page  *page  `json:"page,omitempty"`
	Batch *Batch `json:"batch,omitempty"`
	Entry *Entry `json:"entry,omitempty"`
	End   *end   `json:"end,omitempty"`
}

type page struct {
	Partition string    `json:"partition,omitempty"` // all of them where it is empty
	After     string    `json:"after,omitempty"`     // where the page before ended
	At        time.Time `json:"at"`
}

type end struct {
	Next      string `json:"next,omitempty"` // empty where nothing is left
	Digest    Hash   `json:"digest"`         // SHA-256 of the page's lines before this one
	KeyID     string `json:"key_id"`
	Signature []byte `json:"signature"`
}

func (e end) message() []byte { return canonical("polis audit page 1", e.Next, string(e.Digest[:])) }

// Writer writes one page of an export.
type Writer struct {
	out io.Writer
	key Key
	sum hash.Hash
	err error
}

// NewWriter begins a page: of one partition or of all (""), from where the page
// before it ended ("" for the first), read at the machine time now.
func NewWriter(out io.Writer, key Key, partition, after string, now time.Time) *Writer {
	w := &Writer{out: out, key: key, sum: sha256.New()}
	w.write(line{Page: &page{partition, after, now.UTC().Truncate(time.Millisecond)}})
	return w
}

// Batch and Entry write a line each. Their errors come out at the end.
func (w *Writer) Batch(b Batch) { w.write(line{Batch: &b}) }
func (w *Writer) Entry(e Entry) { w.write(line{Entry: &e}) }

// End signs the page; next is where the one after it begins, "" for none.
func (w *Writer) End(next string) error {
	e := end{Next: next, KeyID: w.key.ID()}
	w.sum.Sum(e.Digest[:0])
	e.Signature = w.key.sign(e.message())
	w.write(line{End: &e})
	return w.err
}

func (w *Writer) write(l line) {
	if w.err != nil {
		return
	}
	var raw []byte
	if raw, w.err = json.Marshal(l); w.err != nil {
		return
	}
	raw = append(raw, '\n')
	w.sum.Write(raw)
	_, w.err = w.out.Write(raw)
}
