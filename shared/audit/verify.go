package audit

import (
	"bufio"
	"bytes"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"hash"
	"io"
	"time"
)

// What is wrong.
type What string

const (
	EntryChanged  What = "entry changed"
	EntryMissing  What = "entry missing"
	EntryAdded    What = "entry added"
	EntryMoved    What = "entry out of its place"
	EntryUnsealed What = "entries not sealed in time"
	BatchAltered  What = "batch altered"
	BatchMissing  What = "batch missing"
	BatchMoved    What = "batch out of its place"
	BatchReplaced What = "batch replaced: the next one was made after another"
	LeafAltered   What = "leaf altered, its entry is as it was sealed"
	KeyUnknown    What = "signed with an unknown key"
	PageAltered   What = "page altered"
	PageMissing   What = "page missing"
	LineUnread    What = "line unreadable"
)

// Finding is one thing that is wrong. What does not apply is zero.
type Finding struct {
	What      What
	Line      int // of the export, where it was seen
	Partition string
	Seq       int    // of the batch
	Entry     string // id of the entry
}

func (f Finding) String() string {
	text := string(f.What)
	if f.Partition != "" {
		text += ", partition " + f.Partition
	}
	if f.Seq != 0 {
		text += fmt.Sprintf(", batch %d", f.Seq)
	}
	if f.Entry != "" {
		text += ", entry " + f.Entry
	}
	return fmt.Sprintf("%s (line %d)", text, f.Line)
}

// Report counts what an export holds.
type Report struct {
	Partition  string    // the only one that was exported; "" for all
	From, To   time.Time // when its first and its last page were read
	Partitions int       // that have batches or entries
	Batches    int
	Entries    int           // within sealed batches
	Unsealed   int           // after the last batch of their partition
	Age        time.Duration // of the oldest of these when it was read
	Findings   int
}

// Overdue is the age at which an entry that is not sealed is something wrong:
// sealing takes seconds, and is started every minute.
const Overdue = 10 * time.Minute

// Verify reads an export and tells found everything that is wrong with it.
// It needs the public keys and nothing else, and keeps one batch in memory. The
// error is that of the reader alone.
func Verify(export io.Reader, keys Keys, found func(Finding)) (Report, error) {
	v := &verifier{keys: keys, found: found, sum: sha256.New()}
	lines := bufio.NewReaderSize(export, 64<<10)
	for {
		raw, err := readLine(lines)
		if len(raw) > 0 {
			v.number++
			v.line(raw)
		}
		if errors.Is(err, io.EOF) {
			v.close()
			return v.report, nil
		}
		if err != nil {
			return v.report, err
		}
	}
}

// maxLine is more than a full batch takes.
const maxLine = 256 << 10

// readLine keeps of a line that is too long only enough to be no line.
func readLine(r *bufio.Reader) ([]byte, error) {
	var all []byte
	for {
		part, err := r.ReadSlice('\n')
		if len(all) <= maxLine {
			all = append(all, part...)
		}
		if !errors.Is(err, bufio.ErrBufferFull) {
			return all, err
		}
	}
}

type verifier struct {
	keys   Keys
	found  func(Finding)
	report Report
	number int // of the line

	page  *page
	sum   hash.Hash // of the page's lines so far
	pages int
	next  string // where the page after this one has to begin
	ended bool   // the last line was an end

	partition string
	head      Head // the newest of the partition
	sound     bool // its signature holds, and so others can be held against it
	last      place
	batch     *Batch // whose entries are being read
	at        int    // its line
	gap       bool   // the batch before it is missing, with its entries
	entries   []Leaf // read for it
	oldest    Entry  // the first after the last batch
	unsealed  int
}

func (v *verifier) tell(f Finding) {
	if f.Line == 0 {
		f.Line = v.number
	}
	v.report.Findings++
	v.found(f)
}

func (v *verifier) line(raw []byte) {
	l, ok := read(raw)
	if !ok {
		v.tell(Finding{What: LineUnread})
		v.sum.Write(raw)
		v.ended = false
		return
	}
	if (v.page == nil) != (l.Page != nil) {
		v.tell(Finding{What: PageMissing})
	}
	if l.Page != nil {
		v.begin(*l.Page)
	}
	if l.End != nil {
		v.end(*l.End)
		return
	}
	v.ended = false
	v.sum.Write(raw)
	switch {
	case l.Batch != nil:
		v.follow(*l.Batch)
	case l.Entry != nil:
		v.judge(*l.Entry)
	}
}

// read takes a line only as the Writer would have written it: JSON that means
// the same in another spelling was touched by somebody.
func read(raw []byte) (line, bool) {
	var l line
	if err := json.Unmarshal(raw, &l); err != nil {
		return l, false
	}
	kinds := 0
	for _, is := range []bool{l.Page != nil, l.Batch != nil, l.Entry != nil, l.End != nil} {
		if is {
			kinds++
		}
	}
	if kinds != 1 || l.Batch != nil && len(l.Batch.Leaves) > MaxBatch {
		return l, false
	}
	if l.Entry != nil {
		if _, ok := placeOf(l.Entry.ID); !ok {
			return l, false
		}
	}
	again, err := json.Marshal(l)
	return l, err == nil && bytes.Equal(append(again, '\n'), raw)
}

func (v *verifier) begin(p page) {
	if v.pages++; v.pages == 1 {
		v.report.Partition, v.report.From = p.Partition, p.At
	}
	if p.After != v.next || p.Partition != v.report.Partition || v.pages > 1 && p.After == "" {
		v.tell(Finding{What: PageMissing})
	}
	v.page, v.report.To = &p, p.At
	v.sum.Reset()
}

func (v *verifier) end(e end) {
	var digest Hash
	v.sum.Sum(digest[:0])
	if _, known := v.keys[e.KeyID]; !known {
		v.tell(Finding{What: KeyUnknown})
	} else if digest != e.Digest || !v.keys.holds(e.KeyID, e.message(), e.Signature) {
		v.tell(Finding{What: PageAltered})
	}
	v.page, v.next, v.ended = nil, e.Next, true
	v.sum.Reset()
}

// close is the end of the export.
func (v *verifier) close() {
	v.enter("")
	if !v.ended || v.next != "" {
		v.number++
		v.tell(Finding{What: PageMissing})
	}
}

// enter leaves the partition for the one given.
func (v *verifier) enter(partition string) {
	v.settle()
	if v.unsealed > 0 {
		v.report.Unsealed += v.unsealed
		age := v.report.To.Sub(v.oldest.At)
		v.report.Age = max(v.report.Age, age)
		if age > Overdue {
			v.tell(Finding{What: EntryUnsealed, Partition: v.partition, Entry: v.oldest.ID})
		}
	}
	if partition != "" {
		v.report.Partitions++
	}
	v.partition, v.head, v.sound, v.last, v.unsealed = partition, Head{}, true, place{}, 0
}

// follow takes the next batch.
func (v *verifier) follow(b Batch) {
	where := Finding{Partition: b.Partition, Seq: b.Seq}
	tell := func(what What) {
		f := where
		f.What = what
		v.tell(f)
	}
	if b.Partition < v.partition {
		tell(BatchMoved) // what it says is not held against another partition's
		return
	}
	if b.Partition > v.partition {
		v.enter(b.Partition)
	}
	v.settle()
	expected := v.head.Seq + 1
	gap := b.Seq > expected
	if v.unsealed > 0 && !gap {
		v.tell(Finding{What: EntryMoved, Partition: v.partition, Entry: v.oldest.ID})
	}
	v.unsealed = 0
	v.report.Batches++

	_, known := v.keys[b.KeyID]
	holds := known && v.keys.holds(b.KeyID, b.message(), b.Signature)
	if !known {
		tell(KeyUnknown)
	} else if !holds {
		tell(BatchAltered)
	}
	switch {
	case b.Seq < expected:
		tell(BatchMoved)
	case gap:
		v.tell(Finding{What: BatchMissing, Partition: b.Partition, Seq: expected})
	case holds && v.sound && b.Previous != v.head.Hash():
		v.tell(Finding{What: BatchReplaced, Partition: b.Partition, Seq: v.head.Seq})
	}
	v.head, v.sound = b.Head, holds
	v.batch, v.at, v.gap, v.entries = &b, v.number, gap, v.entries[:0]
}

// judge takes the next entry.
func (v *verifier) judge(e Entry) {
	where := Finding{Partition: e.Partition, Entry: e.ID}
	if e.Partition < v.partition {
		where.What = EntryMoved
		v.tell(where)
		return
	}
	if e.Partition > v.partition {
		v.enter(e.Partition)
	}
	here, _ := placeOf(e.ID)
	if !v.last.before(here) {
		where.What = EntryMoved
		v.tell(where)
	} else {
		v.last = here
	}
	last, _ := placeOf(v.head.Last)
	switch {
	case v.batch == nil || last.before(here):
		if v.unsealed++; v.unsealed == 1 {
			v.oldest = e
		}
	case v.gap && Before(e.ID, v.head.First): // of the batch that is missing
	case len(v.entries) <= MaxBatch:
		v.entries = append(v.entries, LeafOf(e))
		v.report.Entries++
	default: // more than any batch has
		where.What, where.Seq = EntryAdded, v.head.Seq
		v.tell(where)
	}
}

// settle holds the entries that were read for a batch against its leaves.
func (v *verifier) settle() {
	b := v.batch
	if b == nil {
		return
	}
	v.batch = nil
	tell := func(what What, entry string) {
		v.tell(Finding{What: what, Line: v.at, Partition: b.Partition, Seq: b.Seq, Entry: entry})
	}
	if !b.whole() {
		if v.sound && rootOf(v.entries) == b.Root {
			// The entries are proven without the leaves.
			if len(b.Leaves) != len(v.entries) {
				tell(BatchAltered, "")
			}
			for i := range min(len(b.Leaves), len(v.entries)) {
				if b.Leaves[i] != v.entries[i] {
					tell(LeafAltered, v.entries[i].ID)
				}
			}
			return
		}
		tell(BatchAltered, "")
	}
	sealed := make(map[string]Hash, len(b.Leaves))
	for _, leaf := range b.Leaves {
		sealed[leaf.ID] = leaf.Entry
	}
	for _, e := range v.entries {
		switch want, ok := sealed[e.ID]; {
		case !ok:
			tell(EntryAdded, e.ID)
		case want != e.Entry:
			tell(EntryChanged, e.ID)
		}
		delete(sealed, e.ID)
	}
	for _, leaf := range b.Leaves {
		if _, left := sealed[leaf.ID]; left {
			tell(EntryMissing, leaf.ID)
		}
	}
}
