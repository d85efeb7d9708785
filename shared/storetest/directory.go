package storetest

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"polis/shared/access"
	"polis/shared/calendar"
	"polis/shared/directory"
	"polis/shared/fault"
	"polis/shared/ident"
	"polis/shared/policy"
	"polis/shared/store"
)

var directoryRules = []rule{
	{"until one is imported the directory is the demonstration data", demonstrated},
	{"a directory is switched in one step, and every process sees it", switched},
	{"a process may have the directory of five seconds ago, unless it asks for the present one", followed},
	{"a chunk sent again changes nothing, and another in its place is refused", chunkedOnce},
	{"an import goes on in another process", goesOn},
	{"an import that is refused leaves the directory as it was", refusedWhole},
	{"of two imports that end at once each sees the other's directory", endedAtOnce},
	{"an import that ends a contract wakes whom the insurer insures, and nobody else", endedWakes},
	{"an import that ends no contract sooner wakes nobody", wakesNobody},
	{"stopped anywhere, the records whose dates are renewed are all renewed, each in one step", renewalStopped},
	{"an import asks for a grant and leaves its audit entries", importAudited},
}

func importing(t *testing.T) access.Grant {
	t.Helper()
	g, err := access.Caller{Role: access.Operator}.May(access.ImportDirectory, "call-of-operator")
	must(t, err)
	return g
}

// announced is an import of a file, opened.
func (k *kit) announced(t *testing.T, ctx context.Context, file string) string {
	t.Helper()
	i := directory.Import{ID: ident.New(time.Now()), Format: directory.CSV, Bytes: len(file), Phase: directory.Receiving}
	must(t, k.OpenImport(ctx, importing(t), i))
	return i.ID
}

// codes takes a file for the codes of insurers, with spaces between them, each
// with the end of its contract after a colon where it has one.
func codes(i directory.Import, file []byte, before directory.Directory) (directory.Import, directory.Directory) {
	var rows []directory.Insurer
	for _, field := range strings.Fields(string(file)) {
		code, end, _ := strings.Cut(field, ":")
		until, _ := calendar.ParseDate(end)
		rows = append(rows, directory.Insurer{SMO: code, Region: code[:2], Name: "М", Contracts: []directory.Contract{{Since: recorded, Until: until}}})
	}
	now := recorded.Start(time.UTC)
	after, report := before.Replaced(rows, now)
	return i.Complete(report, now), after
}

// imports a file of codes as a whole.
func (k *kit) imports(t *testing.T, ctx context.Context, file string) directory.Import {
	t.Helper()
	id := k.announced(t, ctx, file)
	_, err := k.AddToImport(ctx, importing(t), id, 0, []byte(file))
	must(t, err)
	done, err := k.FinishImport(ctx, importing(t), id, codes)
	must(t, err)
	return done
}

func has(d directory.Directory, smo string) bool {
	_, ok := d.FindInsurer(smo)
	return ok
}

func demonstrated(t *testing.T, ctx context.Context, k *kit) {
	for _, read := range []func(context.Context) (directory.Directory, error){k.Directory, k.CurrentDirectory} {
		d, err := read(ctx)
		must(t, err)
		if !has(d, "26002") {
			t.Error("26002 is missing")
		}
	}
}

func switched(t *testing.T, ctx context.Context, k *kit) {
	other := k.again()
	if _, err := other.CurrentDirectory(ctx); err != nil {
		t.Fatal(err)
	}
	done := k.imports(t, ctx, "26101 26102")
	if done.Phase != directory.Done || done.Report.Added != 2 {
		t.Errorf("%+v", done)
	}
	sessions := store.NewSessions(k.rdb, [32]byte{7})
	for what, read := range map[string]func(context.Context) (directory.Directory, error){
		"the same process": k.CurrentDirectory, "another": other.CurrentDirectory, "one that begins": k.again().Directory, "a portal": sessions.Directory,
	} {
		d, err := read(ctx)
		must(t, err)
		if !has(d, "26101") || !has(d, "26102") || has(d, "26002") {
			t.Errorf("%s has another directory", what)
		}
	}
	if again := k.imports(t, ctx, "26101 26102"); !again.Report.NothingChanged() || again.Report.Unchanged != 2 {
		t.Errorf("imported twice: %+v", again.Report)
	}
	for key := range k.dump(t, ctx) {
		if strings.HasSuffix(key, ":file") {
			t.Errorf("%s is left", key)
		}
	}
}

func followed(t *testing.T, ctx context.Context, k *kit) {
	reader := k.again()
	now := time.Now()
	reader.SetClock(func() time.Time { return now })
	if _, err := reader.Directory(ctx); err != nil {
		t.Fatal(err)
	}
	k.imports(t, ctx, "26101")
	known := func() bool {
		d, err := reader.Directory(ctx)
		must(t, err)
		return has(d, "26101")
	}
	now = now.Add(5*time.Second - 1)
	if known() {
		t.Error("it looked before five seconds were over")
	}
	now = now.Add(1)
	if !known() {
		t.Error("it did not look after five seconds")
	}
	k.imports(t, ctx, "26101 26102")
	d, err := reader.CurrentDirectory(ctx)
	must(t, err)
	if !has(d, "26102") {
		t.Error("the present one was not asked for")
	}
}

func chunkedOnce(t *testing.T, ctx context.Context, k *kit) {
	file := "26101 26102"
	id, g := k.announced(t, ctx, file), importing(t)
	add := func(offset int, chunk string) (int, error) {
		i, err := k.AddToImport(ctx, g, id, offset, []byte(chunk))
		return i.Offset, err
	}
	for range 2 {
		if at, err := add(0, file[:6]); at != 6 || err != nil {
			t.Fatalf("arrived: %d, %v", at, err)
		}
	}
	if _, err := add(0, "26103 "); !errors.Is(err, directory.ErrChunkDiffers) {
		t.Errorf("another chunk in its place: %v", err)
	}
	if _, err := add(7, file[7:]); !errors.Is(err, directory.ErrOffset) {
		t.Errorf("after a gap: %v", err)
	}
	// The same chunk from many sides at once.
	var all sync.WaitGroup
	for range 8 {
		all.Go(func() {
			if at, err := add(6, file[6:]); at != len(file) || err != nil {
				t.Errorf("at once: %d, %v", at, err)
			}
		})
	}
	all.Wait()
	done, err := k.FinishImport(ctx, g, id, codes)
	must(t, err)
	if done.Report == nil || done.Report.Added != 2 {
		t.Errorf("%+v", done)
	}
	if at, err := add(6, file[6:]); at != len(file) || err != nil {
		t.Errorf("after the end: %d, %v", at, err)
	}
	if _, err := k.AddToImport(ctx, g, ident.New(time.Now()), 0, nil); !fault.HasKind(err, fault.NotFound) {
		t.Errorf("of an import that there is not: %v", err)
	}
	if _, err := k.Import(ctx, g, "nonsense"); !fault.HasKind(err, fault.NotFound) {
		t.Errorf("an id that is none: %v", err)
	}
}

func goesOn(t *testing.T, ctx context.Context, k *kit) {
	file := "26101 26102"
	id, g := k.announced(t, ctx, file), importing(t)
	_, err := k.AddToImport(ctx, g, id, 0, []byte(file[:3]))
	must(t, err)
	if i, err := k.FinishImport(ctx, g, id, codes); err != nil || i.Phase != directory.Receiving {
		t.Errorf("half a file was finished: %+v, %v", i, err)
	}
	other := k.again()
	i, err := other.Import(ctx, g, id)
	must(t, err)
	if i.Offset != 3 {
		t.Fatalf("it goes on at %d", i.Offset)
	}
	_, err = other.AddToImport(ctx, g, id, 3, []byte(file[3:]))
	must(t, err)
	// The process that had the whole file died before it read it.
	third := k.again()
	done, err := third.FinishImport(ctx, g, id, codes)
	must(t, err)
	again, err := k.FinishImport(ctx, g, id, func(directory.Import, []byte, directory.Directory) (directory.Import, directory.Directory) {
		t.Error("an import that has ended was decided again")
		return directory.Import{}, directory.Directory{}
	})
	must(t, err)
	if done.Phase != directory.Done || again.Phase != directory.Done {
		t.Errorf("%+v, again %+v", done, again)
	}
}

func refusedWhole(t *testing.T, ctx context.Context, k *kit) {
	k.imports(t, ctx, "26101")
	id, g := k.announced(t, ctx, "26102"), importing(t)
	_, err := k.AddToImport(ctx, g, id, 0, []byte("26102"))
	must(t, err)
	refused, err := k.FinishImport(ctx, g, id, func(i directory.Import, file []byte, before directory.Directory) (directory.Import, directory.Directory) {
		_, after := codes(i, file, before)
		return i.Refuse([]directory.Remark{{Line: 1, Code: "wrong"}}, time.Now()), after
	})
	must(t, err)
	d, err := k.CurrentDirectory(ctx)
	must(t, err)
	if refused.Phase != directory.Refused || refused.Wrong != 1 || has(d, "26102") || !has(d, "26101") {
		t.Errorf("%+v", refused)
	}
}

func endedAtOnce(t *testing.T, ctx context.Context, k *kit) {
	files := []string{"26101", "26102", "26103"}
	reports := make([]directory.Import, len(files))
	var all sync.WaitGroup
	for n, file := range files {
		id := k.announced(t, ctx, file)
		_, err := k.AddToImport(ctx, importing(t), id, 0, []byte(file))
		must(t, err)
		process := k.again()
		all.Go(func() {
			var err error
			if reports[n], err = process.FinishImport(ctx, importing(t), id, codes); err != nil {
				t.Error(err)
			}
		})
	}
	all.Wait()
	d, err := k.CurrentDirectory(ctx)
	must(t, err)
	var before []int // how many insurers each found
	for _, r := range reports {
		before = append(before, r.Report.Ended+r.Report.Unchanged)
	}
	if slices.Sort(before); !slices.Equal(before, []int{0, 1, 2}) || !has(d, "26101") || !has(d, "26102") || !has(d, "26103") {
		t.Errorf("they found %v", before)
	}
}

// insured puts n persons of one insurer on record, in the partition, or in any
// where it is "".
func (k *kit) insured(t *testing.T, ctx context.Context, smo, partition string, from, n int) (ids []string) {
	t.Helper()
	for cause := 0; len(ids) < n; cause++ {
		name := fmt.Sprint(smo, " ", from, " ", cause)
		id := k.InsuredID(name)
		if in, _ := ident.Partition(id); partition != "" && in != partition {
			continue
		}
		record := policy.Enrol(id, "", someone(from+len(ids)), region, smo, name, recorded, recorded.Start(time.UTC))
		_, _, err := k.PutOnRecord(ctx, function(t, access.RecordInsured), record)
		must(t, err)
		ids = append(ids, id)
	}
	return ids
}

// woken is when a record stands on the agenda.
func (k *kit) woken(t *testing.T, ctx context.Context, id string) time.Time {
	t.Helper()
	partition, _ := ident.Partition(id)
	score, err := k.rdb.ZScore(ctx, "agenda:{"+partition+"}", "insured-registry/dates "+id+" dates").Result()
	must(t, err)
	return time.UnixMilli(int64(score)).UTC()
}

// renewals are the events that wait and ask for dates to be renewed.
func (k *kit) renewals(t *testing.T, ctx context.Context) []store.Event {
	t.Helper()
	events, err := k.Due(ctx, function(t, access.Sweep), time.Time{}, 1000)
	must(t, err)
	return slices.DeleteFunc(events, func(e store.Event) bool { return e.Topic != "insured-registry/dates/renew" })
}

// later lets the events be due that are held back.
func (k *kit) later() {
	k.SetClock(func() time.Time { return time.Now().Add(2 * time.Minute) })
}

var (
	june    = time.Date(2026, time.June, 1, 6, 0, 0, 0, time.UTC) // 9:00 in Stavropol
	october = time.Date(2026, time.October, 1, 6, 0, 0, 0, time.UTC)
)

func endedWakes(t *testing.T, ctx context.Context, k *kit) {
	k.imports(t, ctx, "26101 26102")
	its, others := k.insured(t, ctx, "26101", "", 1, 20), k.insured(t, ctx, "26102", "", 101, 5)
	k.imports(t, ctx, "26101:2026-06-01 26102")
	if early := k.renewals(t, ctx); len(early) > 0 {
		t.Errorf("%d events are due while a process may have the directory before", len(early))
	}
	k.later()
	all := k.renewals(t, ctx)
	if len(all) != ident.Partitions {
		t.Fatalf("%d events", len(all))
	}
	for range 2 {
		for _, e := range all {
			must(t, k.again().RenewDates(ctx, function(t, access.TellDates), e))
		}
	}
	for _, id := range its {
		if at := k.woken(t, ctx, id); !at.Equal(june) {
			t.Errorf("woken at %s", at)
		}
		if n := k.renewed(t, ctx, id); n != 1 {
			t.Errorf("renewed %d times", n)
		}
	}
	for _, id := range others {
		if at, n := k.woken(t, ctx, id), k.renewed(t, ctx, id); at.Before(october) || n != 0 {
			t.Errorf("another insurer's: woken at %s, renewed %d times", at, n)
		}
	}
	if left := k.renewals(t, ctx); len(left) > 0 {
		t.Errorf("%d events are left", len(left))
	}
	// Brought forward once more.
	k.SetClock(time.Now)
	k.imports(t, ctx, "26101:2026-05-01 26102")
	k.later()
	for _, e := range k.renewals(t, ctx) {
		must(t, k.again().RenewDates(ctx, function(t, access.TellDates), e))
	}
	if at := k.woken(t, ctx, its[0]); !at.Equal(june.AddDate(0, -1, 0)) {
		t.Errorf("brought forward: woken at %s", at)
	}
}

// renewed is how often the audit says that a record's dates were looked at.
func (k *kit) renewed(t *testing.T, ctx context.Context, id string) (n int) {
	t.Helper()
	for _, entry := range k.audited(t, ctx, id) {
		if strings.HasPrefix(entry, string(access.TellDates)) {
			n++
		}
	}
	return n
}

func wakesNobody(t *testing.T, ctx context.Context, k *kit) {
	k.imports(t, ctx, "26101:2026-06-01 26102")
	k.later()
	for _, e := range k.renewals(t, ctx) {
		must(t, k.RenewDates(ctx, function(t, access.TellDates), e))
	}
	k.SetClock(time.Now)
	k.imports(t, ctx, "26101:2026-06-01 26102 26103") // one more
	k.imports(t, ctx, "26101:2026-07-01 26102 26103") // later
	k.imports(t, ctx, "26101 26102 26103")            // not at all
	k.imports(t, ctx, "26101 26102 26103")
	k.later()
	if all := k.renewals(t, ctx); len(all) > 0 {
		t.Errorf("%d events", len(all))
	}
}

func renewalStopped(t *testing.T, ctx context.Context, k *kit) {
	k.imports(t, ctx, "26101")
	ids := k.insured(t, ctx, "26101", "p017", 1, 120) // more than a page
	k.imports(t, ctx, "26101:2026-06-01")
	k.later()
	waiting := func() []store.Event {
		return slices.DeleteFunc(k.renewals(t, ctx), func(e store.Event) bool { return e.Lane != "p017" })
	}
	pages := map[string]bool{}
	for n := 1; ; n++ {
		left := waiting()
		if len(left) == 0 {
			break
		}
		if len(left) > 1 {
			t.Fatalf("at %d: %+v", n, left)
		}
		pages[left[0].Subject] = true
		c := cut{n: n, after: n%2 == 0}
		err := k.again().RenewDates(disturbed(ctx, c.disturb), function(t, access.TellDates), left[0])
		if err != nil && !fault.HasKind(err, fault.Unavailable) {
			t.Fatal(err)
		}
		// Its next page is kicked at once, and due if the kick was lost.
		k.SetClock(func() time.Time { return time.Now().Add(time.Hour) })
	}
	if len(pages) != 2 {
		t.Errorf("%d pages", len(pages))
	}
	for _, id := range ids {
		if at, n := k.woken(t, ctx, id), k.renewed(t, ctx, id); !at.Equal(june) || n != 1 {
			t.Errorf("woken at %s, renewed %d times", at, n)
		}
	}
	if err := k.RenewDates(ctx, function(t, access.TellDates), store.Event{Home: ids[0], Subject: "i017"}); !fault.HasKind(err, fault.Invalid) {
		t.Errorf("of another home: %v", err)
	}
	if err := k.RenewDates(ctx, access.Grant{}, store.Event{Home: "u000" + strings.Repeat("0", 24), Subject: "i017"}); err == nil {
		t.Error("renewed without a grant")
	}
}

func importAudited(t *testing.T, ctx context.Context, k *kit) {
	if err := k.OpenImport(ctx, access.Grant{}, directory.Import{ID: ident.New(time.Now())}); err == nil {
		t.Error("opened without a grant")
	}
	done := k.imports(t, ctx, "26101")
	if _, err := k.Import(ctx, access.Grant{}, done.ID); err == nil {
		t.Error("read without a grant")
	}
	if _, err := k.AddToImport(ctx, access.Grant{}, k.announced(t, ctx, "26101"), 0, []byte("2")); err == nil {
		t.Error("sent without a grant")
	}
	var about int
	for _, m := range k.rdb.XRange(ctx, "audit:{p000}", "-", "+").Val() {
		if m.Values["subject"] == done.ID && m.Values["action"] == string(access.ImportDirectory) && m.Values["role"] == string(access.Operator) {
			about++
		}
	}
	if about != 3 { // opened, sent, ended
		t.Errorf("%d entries about the import", about)
	}
}
