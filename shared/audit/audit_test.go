package audit

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"

	"polis/shared/access"
)

var (
	key   = NewKey([32]byte{1})
	other = NewKey([32]byte{2})
	keys  = Keys{key.ID(): key.Public()}
	start = time.UnixMilli(1_770_000_000_000).UTC()
	soon  = start.Add(time.Minute)
)

func entry(partition string, n int) Entry {
	at := start.Add(time.Duration(n) * time.Second)
	e := Entry{
		Partition: partition, ID: fmt.Sprintf("%d-%d", at.UnixMilli(), n%3), At: at, Action: "card.read", Role: "citizen",
		Actor: "a003abc", Subject: "a003abc", Call: fmt.Sprintf("call-%d", n),
	}
	if n%3 == 1 { // one of three is on somebody's behalf
		e.Action, e.Role, e.Actor, e.Behalf = "register.look_up", "function", "policy-card", access.Self
	}
	return e
}

// ledger is what a store holds of one partition.
type ledger struct {
	partition string
	entries   []Entry
	batches   []Batch
}

// keep makes a ledger of batches with so many entries each, and a tail that is
// not sealed.
func keep(t testing.TB, partition string, tail int, sizes ...int) *ledger {
	t.Helper()
	l := &ledger{partition: partition}
	var head Head
	for _, size := range sizes {
		from := len(l.entries)
		for range size {
			l.entries = append(l.entries, entry(partition, len(l.entries)))
		}
		b, err := Seal(head, l.entries[from:], key, start.Add(time.Hour))
		if err != nil {
			t.Fatal(err)
		}
		head, l.batches = b.Head, append(l.batches, b)
	}
	for range tail {
		l.entries = append(l.entries, entry(partition, len(l.entries)))
	}
	return l
}

// export writes ledgers as they are read at a time, in pages of so many lines.
func export(t testing.TB, now time.Time, lines int, ledgers ...*ledger) []byte {
	t.Helper()
	var out bytes.Buffer
	pages, written := 0, 0
	w := NewWriter(&out, key, "", "", now)
	turn := func() {
		if written++; written%lines == 0 {
			pages++
			mark := fmt.Sprint(pages)
			if err := w.End(mark); err != nil {
				t.Fatal(err)
			}
			w = NewWriter(&out, key, "", mark, now)
		}
	}
	for _, l := range ledgers {
		rest := l.entries
		for _, b := range l.batches {
			w.Batch(b)
			turn()
			for len(rest) > 0 && !Before(b.Last, rest[0].ID) {
				w.Entry(rest[0])
				rest = rest[1:]
				turn()
			}
		}
		for _, e := range rest {
			w.Entry(e)
			turn()
		}
	}
	if err := w.End(""); err != nil {
		t.Fatal(err)
	}
	return out.Bytes()
}

func verify(t testing.TB, export []byte) (Report, []Finding) {
	t.Helper()
	var found []Finding
	report, err := Verify(bytes.NewReader(export), keys, func(f Finding) { found = append(found, f) })
	if err != nil || report.Findings != len(found) {
		t.Fatalf("%v, %d findings are counted as %d", err, len(found), report.Findings)
	}
	return report, found
}

func TestAnExportAsItWasWrittenVerifies(t *testing.T) {
	for _, lines := range []int{1, 3, 1000} {
		report, found := verify(t, export(t, soon, lines, keep(t, "p003", 2, 3, 1, 7), keep(t, "p004", 4), keep(t, "p250", 0, 5)))
		if len(found) > 0 || report.Partitions != 3 || report.Batches != 4 || report.Entries != 16 || report.Unsealed != 6 || report.Age != time.Minute {
			t.Errorf("pages of %d: %+v, %v", lines, report, found)
		}
	}
}

// The hash of an entry without a behalf is the one it had before there was any:
// what was sealed by an earlier version still verifies.
func TestAnEntryWithoutABehalfIsHashedAsBefore(t *testing.T) {
	e := entry("p003", 0)
	if got := LeafOf(e).Entry.String(); got != "YV2ioeB0kLebOOul10L7Enej_qKyGXJgSFDYVxS3Mc4" {
		t.Errorf("hashed as %s", got)
	}
	if raw, err := json.Marshal(e); err != nil || bytes.Contains(raw, []byte("behalf")) {
		t.Errorf("%s, %v", raw, err)
	}
	seen := map[Hash]bool{}
	for _, behalf := range []access.Behalf{"", access.Self, access.Stranger, access.Representative, "representative/1", "representative/2"} {
		e.Behalf = behalf
		seen[LeafOf(e).Entry] = true
	}
	if e.Call, e.Behalf = e.Call+"self", ""; seen[LeafOf(e).Entry] || len(seen) != 6 {
		t.Errorf("%d hashes", len(seen))
	}
}

func TestEachTamperingIsFoundAndNamed(t *testing.T) {
	const p = "p003"
	id := func(n int) string { return entry(p, n).ID }
	for name, tc := range map[string]struct {
		tamper func(l *ledger)
		want   []Finding // without lines
	}{
		"an action changed":   {func(l *ledger) { l.entries[5].Action = "card.reaf" }, []Finding{{What: EntryChanged, Seq: 2, Entry: id(5)}}},
		"a role changed":      {func(l *ledger) { l.entries[5].Role = "citizem" }, []Finding{{What: EntryChanged, Seq: 2, Entry: id(5)}}},
		"an actor changed":    {func(l *ledger) { l.entries[0].Actor = "a003abd" }, []Finding{{What: EntryChanged, Seq: 1, Entry: id(0)}}},
		"a subject changed":   {func(l *ledger) { l.entries[9].Subject = "a003abd" }, []Finding{{What: EntryChanged, Seq: 3, Entry: id(9)}}},
		"a behalf changed":    {func(l *ledger) { l.entries[4].Behalf = access.Representative }, []Finding{{What: EntryChanged, Seq: 2, Entry: id(4)}}},
		"a behalf taken away": {func(l *ledger) { l.entries[4].Behalf = "" }, []Finding{{What: EntryChanged, Seq: 2, Entry: id(4)}}},
		"a behalf added":      {func(l *ledger) { l.entries[5].Behalf = access.Self }, []Finding{{What: EntryChanged, Seq: 2, Entry: id(5)}}},
		"a call changed":      {func(l *ledger) { l.entries[9].Call = "call-8" }, []Finding{{What: EntryChanged, Seq: 3, Entry: id(9)}}},
		"a time changed":      {func(l *ledger) { l.entries[4].At = l.entries[4].At.Add(time.Millisecond) }, []Finding{{What: EntryChanged, Seq: 2, Entry: id(4)}}},
		"a letter moved over": {func(l *ledger) { l.entries[4].Actor, l.entries[4].Subject = "a003ab", "ca003abc" }, []Finding{{What: EntryChanged, Seq: 2, Entry: id(4)}}},
		"an entry removed":    {func(l *ledger) { l.entries = slices.Delete(l.entries, 4, 5) }, []Finding{{What: EntryMissing, Seq: 2, Entry: id(4)}}},
		"all of a batch gone": {func(l *ledger) { l.entries = slices.Delete(l.entries, 3, 6) }, []Finding{{What: EntryMissing, Seq: 2, Entry: id(3)}, {What: EntryMissing, Seq: 2, Entry: id(4)}, {What: EntryMissing, Seq: 2, Entry: id(5)}}},
		"an entry added": {func(l *ledger) {
			e := entry(p, 4)
			e.ID = strings.Replace(e.ID, "-", "-7", 1)
			l.entries = slices.Insert(l.entries, 5, e)
		}, []Finding{{What: EntryAdded, Seq: 2, Entry: strings.Replace(id(4), "-", "-7", 1)}}},
		"added between two":    {func(l *ledger) { e := entry(p, 2); e.ID += "5"; l.entries = slices.Insert(l.entries, 3, e) }, []Finding{{What: EntryAdded, Seq: 2, Entry: id(2) + "5"}}},
		"contents swapped":     {func(l *ledger) { a, b := &l.entries[3], &l.entries[4]; a.Call, b.Call = b.Call, a.Call }, []Finding{{What: EntryChanged, Seq: 2, Entry: id(3)}, {What: EntryChanged, Seq: 2, Entry: id(4)}}},
		"entries swapped":      {func(l *ledger) { l.entries[3], l.entries[4] = l.entries[4], l.entries[3] }, []Finding{{What: EntryMoved, Entry: id(3)}}},
		"a batch dropped":      {func(l *ledger) { l.batches = slices.Delete(l.batches, 1, 2) }, []Finding{{What: BatchMissing, Seq: 2}}},
		"the first dropped":    {func(l *ledger) { l.batches = slices.Delete(l.batches, 0, 1) }, []Finding{{What: BatchMissing, Seq: 1}}},
		"the last one dropped": {func(l *ledger) { l.batches = l.batches[:2] }, []Finding{{What: EntryUnsealed, Entry: id(6)}}},
		"batches swapped": {func(l *ledger) { l.batches[1], l.batches[2] = l.batches[2], l.batches[1] }, []Finding{
			{What: BatchMissing, Seq: 2}, {What: BatchMoved, Seq: 2}, {What: EntryMissing, Seq: 2, Entry: id(3)}, {What: EntryMissing, Seq: 2, Entry: id(4)}, {What: EntryMissing, Seq: 2, Entry: id(5)}}},
		"a batch twice": {func(l *ledger) { l.batches = append(l.batches, l.batches[2]) }, []Finding{
			{What: BatchMoved, Seq: 3}, {What: EntryMissing, Seq: 3, Entry: id(6)}, {What: EntryMissing, Seq: 3, Entry: id(7)}, {What: EntryMissing, Seq: 3, Entry: id(8)}, {What: EntryMissing, Seq: 3, Entry: id(9)}}},
		"signed by another": {func(l *ledger) { b := &l.batches[1]; b.KeyID = other.ID(); b.Signature = other.sign(b.message()) }, []Finding{{What: KeyUnknown, Seq: 2}}},
		"in our name":       {func(l *ledger) { b := &l.batches[1]; b.Signature = other.sign(b.message()) }, []Finding{{What: BatchAltered, Seq: 2}}},
		"backdated":         {func(l *ledger) { l.batches[1].At = start }, []Finding{{What: BatchAltered, Seq: 2}}},
		"a leaf altered":    {func(l *ledger) { l.batches[1].Leaves[1].Entry[7] ^= 1 }, []Finding{{What: LeafAltered, Seq: 2, Entry: id(4)}}},
		"a leaf renamed":    {func(l *ledger) { l.batches[1].Leaves[1].ID = "1-1" }, []Finding{{What: LeafAltered, Seq: 2, Entry: id(4)}}},
		"a leaf dropped":    {func(l *ledger) { l.batches[1].Leaves = l.batches[1].Leaves[:2] }, []Finding{{What: BatchAltered, Seq: 2}}},
		"leaf and entry together": {func(l *ledger) {
			l.entries[4].Call = "call-x"
			l.batches[1].Leaves[1] = LeafOf(l.entries[4])
		}, []Finding{{What: BatchAltered, Seq: 2}}},
		"sealed anew with the key": {func(l *ledger) {
			l.entries[4].Call = "call-x"
			l.batches[1], _ = Seal(l.batches[0].Head, l.entries[3:6], key, start)
		}, []Finding{{What: BatchReplaced, Seq: 2}}},
	} {
		l := keep(t, p, 0, 3, 3, 4)
		tc.tamper(l)
		_, found := verify(t, export(t, start.Add(time.Hour), 1000, keep(t, "p001", 0, 2), l, keep(t, "p009", 0, 2)))
		for i := range found {
			if found[i].Line == 0 || found[i].Partition != p {
				t.Errorf("%s: %+v", name, found[i])
			}
			found[i].Line, found[i].Partition = 0, ""
		}
		if !slices.Equal(found, tc.want) {
			t.Errorf("%s: found %v instead of %v", name, found, tc.want)
		}
	}
}

func TestWhatWasDoneToTheExportItselfIsFound(t *testing.T) {
	whole := export(t, soon, 4, keep(t, "p003", 2, 3, 3), keep(t, "p004", 1, 2))
	lines := slices.Collect(strings.Lines(string(whole)))
	join := func(lines ...string) []byte { return []byte(strings.Join(lines, "")) }
	at := func(what string, n int) int {
		for i, l := range lines {
			if strings.HasPrefix(l, `{"`+what) {
				if n == 0 {
					return i
				}
				n--
			}
		}
		t.Fatalf("no %s", what)
		return 0
	}
	first, second := at("page", 1), at("page", 2)
	for name, tampered := range map[string][]byte{
		"nothing":           nil,
		"cut off":           whole[:len(whole)-1],
		"the last line":     join(lines[:len(lines)-1]...),
		"the last page":     join(lines[:at("page", len(slices.DeleteFunc(slices.Clone(lines), func(l string) bool { return !strings.HasPrefix(l, `{"page`) }))-1)]...),
		"the first page":    join(lines[first:]...),
		"a page":            join(append(slices.Clone(lines[:first]), lines[second:]...)...),
		"pages swapped":     join(slices.Concat(lines[:first], lines[second:], lines[first:second])...),
		"an unsealed entry": bytes.Replace(whole, []byte(`"call":"call-7"`), []byte(`"call":"call-8"`), 1),
		"another spelling":  bytes.Replace(whole, []byte(`{"entry":{`), []byte(`{"Entry":{`), 1),
		"white space":       bytes.Replace(whole, []byte(`{"entry":{`), []byte(`{"entry" :{`), 1),
		"a long line":       append(bytes.Repeat([]byte("x"), 3*maxLine), whole...),
	} {
		if _, found := verify(t, tampered); len(found) == 0 {
			t.Errorf("%s: not found", name)
		}
	}
}

// Whichever byte it is: in an entry, sealed or not, in a batch, in a page's
// first or last line, or between.
func TestAnyByteChangedIsFound(t *testing.T) {
	whole := export(t, soon, 5, keep(t, "p003", 1, 2, 1), keep(t, "p017", 0, 1))
	for i := range whole {
		tampered := bytes.Clone(whole)
		// The case of a letter is what readers of JSON and base64 forgive first.
		tampered[i] ^= []byte{1 << 5, 1, byte(1 + rand.N(255))}[rand.N(3)]
		if _, found := verify(t, tampered); len(found) == 0 {
			from, to := max(0, i-20), min(len(whole), i+20)
			t.Fatalf("byte %d, now %q, is not found: %s", i, tampered[i], tampered[from:to])
		}
	}
}

func FuzzVerifyFindsEveryChange(f *testing.F) {
	whole := export(f, soon, 5, keep(f, "p003", 1, 1))
	f.Add(whole)
	f.Add([]byte("{}\n"))
	f.Fuzz(func(t *testing.T, tampered []byte) {
		if _, found := verify(t, tampered); len(found) == 0 && !bytes.Equal(tampered, whole) {
			t.Errorf("not found: %q", tampered)
		}
	})
}

func TestAProofHoldsForItsEntryAlone(t *testing.T) {
	for size := range 20 {
		if size == 0 {
			continue
		}
		l := keep(t, "p003", 0, size)
		for i, e := range l.entries {
			p, err := l.batches[0].Prove(e)
			if err != nil || p.Index != i || p.Check(keys) != nil {
				t.Fatalf("%d of %d: %v, %v", i, size, err, p.Check(keys))
			}
			raw, err := json.Marshal(p)
			var again Proof
			if err != nil || json.Unmarshal(raw, &again) != nil || again.Check(keys) != nil {
				t.Fatalf("%d of %d: as JSON: %s", i, size, raw)
			}
			for name, change := range map[string]func(p *Proof){
				"another entry":                func(p *Proof) { p.Entry.Call += "x" },
				"another place":                func(p *Proof) { p.Index = (p.Index + 1) % (size + 1) },
				"a longer path":                func(p *Proof) { p.Path = append(slices.Clone(p.Path), Hash{}) },
				"a batch of another partition": func(p *Proof) { p.Batch.Partition = "p004" },
				"another count":                func(p *Proof) { p.Batch.Count++ },
				"a false key":                  func(p *Proof) { p.Batch.KeyID = other.ID() },
			} {
				forged := p
				change(&forged)
				if !errors.Is(forged.Check(keys), ErrProof) {
					t.Errorf("%d of %d: %s is accepted", i, size, name)
				}
			}
		}
		if _, err := l.batches[0].Prove(entry("p003", size)); !errors.Is(err, ErrProof) {
			t.Errorf("an entry that is not in it: %v", err)
		}
	}
}

// The leaves are not those of the RFC's own examples, so the shape of the tree
// is checked by hand.
func TestTheTreeIsThatOfRFC6962(t *testing.T) {
	l := keep(t, "p003", 0, 5)
	h := make([]Hash, 5)
	for i, leaf := range l.batches[0].Leaves {
		h[i] = leaf.Hash()
	}
	want := node(node(node(h[0], h[1]), node(h[2], h[3])), h[4])
	if l.batches[0].Root != want {
		t.Errorf("root %v", l.batches[0].Root)
	}
	p, err := l.batches[0].Prove(l.entries[2])
	if err != nil || !slices.Equal(p.Path, []Hash{h[3], node(h[0], h[1]), h[4]}) {
		t.Errorf("path %v, %v", p.Path, err)
	}
}

func TestOnlyWhatComesNextIsSealed(t *testing.T) {
	l := keep(t, "p003", 3, 2)
	head, tail := l.batches[0].Head, l.entries[2:]
	for name, entries := range map[string][]Entry{
		"nothing":           nil,
		"sealed already":    l.entries[1:],
		"out of order":      {tail[1], tail[0]},
		"twice":             {tail[0], tail[0]},
		"of two partitions": {tail[0], entry("p004", 3)},
		"of another":        {entry("p004", 3)},
		"too many":          keep(t, "p003", MaxBatch+5).entries[4:],
		"without an id":     {{Partition: "p003", ID: "x"}},
	} {
		if _, err := Seal(head, entries, key, start); !errors.Is(err, errSeal) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestKeysAreReadFromBase64(t *testing.T) {
	for text, want := range map[string]int{
		"": 0, "//////////////////////////////////////////8=": 1, " //////////////////////////////////////////8= , AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=,": 2,
		"AAAA": -1, "ключ": -1,
	} {
		got, err := ParseKeys(text)
		if (want < 0) != (err != nil) || want >= 0 && len(got) != want {
			t.Errorf("%q: %v, %v", text, got, err)
		}
	}
}

// A hundred thousand entries pass through; what is kept of them is one batch.
func TestALargeExportIsVerifiedInLittleMemory(t *testing.T) {
	const batches = 100
	r, w := io.Pipe()
	go func() {
		page := NewWriter(w, key, "", "", start)
		var head Head
		for n := range batches {
			entries := make([]Entry, MaxBatch)
			for i := range entries {
				entries[i] = entry("p003", n*MaxBatch+i)
			}
			b, err := Seal(head, entries, key, start)
			if err != nil {
				w.CloseWithError(err)
				return
			}
			head = b.Head
			page.Batch(b)
			for _, e := range entries {
				page.Entry(e)
			}
		}
		w.CloseWithError(page.End(""))
	}()
	most := uint64(0)
	watched := watch{r, func() {
		var m runtime.MemStats
		runtime.GC()
		runtime.ReadMemStats(&m)
		most = max(most, m.HeapAlloc)
	}, 0}
	report, err := Verify(&watched, keys, func(f Finding) { t.Error(f) })
	if err != nil || report.Entries != batches*MaxBatch || report.Batches != batches {
		t.Fatalf("%+v, %v", report, err)
	}
	if most > 16<<20 {
		t.Errorf("%d MiB were held", most>>20)
	}
}

// watch looks at the memory every megabyte.
type watch struct {
	io.Reader
	look func()
	read int
}

func (w *watch) Read(p []byte) (int, error) {
	n, err := w.Reader.Read(p)
	if before := w.read; before>>20 != (before+n)>>20 {
		w.look()
	}
	w.read += n
	return n, err
}
