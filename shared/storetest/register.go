package storetest

import (
	"context"
	"fmt"
	"slices"
	"strconv"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"polis/shared/access"
	"polis/shared/calendar"
	"polis/shared/fault"
	"polis/shared/person"
	"polis/shared/policy"
	"polis/shared/store"
)

var registerRules = []rule{
	{"the same cause makes one record", sameCause},
	{"what another record has is refused by its name", taken},
	{"policy numbers are unique and fit their persons", policyNumbers},
	{"a number that was imported is not given to anybody else", importedNumber},
	{"of two causes at once for one SNILS one wins", twoCauses},
	{"stopped anywhere, two of one cause and one of another make one record", stoppedAnywhere},
	{"who stops between claim and commit holds up nobody and commits nothing", stopsBeforeCommit},
	{"a record is found by what it holds, and no longer by what it held", foundByWhatItHolds},
	{"a changed document is claimed, and one of another record refused", changedDocument},
	{"of a changed document and a new record with it at once one wins", changedAtOnce},
	{"stopped anywhere, a changed document is one record's alone", changeStopped},
	{"an attempt that broke off is not found", brokenOff},
	{"what cannot be read is not told to be absent", unreadable},
	{"children are found by their representatives, the eldest first", byRepresentative},
}

func sameCause(t *testing.T, ctx context.Context, k *kit) {
	g := function(t, access.RecordInsured)
	var mu sync.Mutex
	made, numbers := 0, map[person.ENP]bool{}
	var wg sync.WaitGroup
	for range 20 {
		wg.Go(func() {
			record, isNew, err := k.PutOnRecord(ctx, g, k.record("cause", someone(1)))
			if err != nil {
				t.Error(err)
				return
			}
			mu.Lock()
			defer mu.Unlock()
			numbers[record.ENP] = true
			if isNew {
				made++
			}
		})
	}
	wg.Wait()
	if made != 1 || len(numbers) != 1 {
		t.Errorf("made %d times, with %d numbers", made, len(numbers))
	}
}

func taken(t *testing.T, ctx context.Context, k *kit) {
	g := function(t, access.RecordInsured)
	first := k.record("first", someone(1))
	first.Birth = &policy.BirthRecord{Number: "130269260001100012009"}
	first.Earlier = []person.Document{passport(99)}
	first, _, err := k.PutOnRecord(ctx, g, first)
	must(t, err)
	for want, datum := range map[string]func(*policy.Insured){
		"snils_taken":    func(i *policy.Insured) { i.Person.SNILS = first.Person.SNILS },
		"document_taken": func(i *policy.Insured) { i.Person.Document = first.Person.Document },
		"birth_taken":    func(i *policy.Insured) { i.Birth = first.Birth },
		"enp_taken":      func(i *policy.Insured) { i.ENP = first.ENP },
	} {
		other := k.record(want, someone(2))
		datum(&other)
		_, _, err := k.PutOnRecord(ctx, g, other)
		if f := fault.From(err); f.Code != want || f.Kind != fault.Conflict {
			t.Errorf("%v, want %s", err, want)
		}
		if _, found, err := k.Record(ctx, g, other.ID); found || err != nil {
			t.Errorf("%s: recorded all the same: %v", want, err)
		}
	}
	earlier := k.record("earlier", someone(3))
	earlier.Person.Document = passport(99)
	if _, _, err := k.PutOnRecord(ctx, g, earlier); fault.From(err).Code != "document_taken" {
		t.Errorf("an earlier document: %v", err)
	}
	// Nothing that a refused attempt claimed is lost to others.
	if _, _, err := k.PutOnRecord(ctx, g, k.record("second", someone(2))); err != nil {
		t.Errorf("what nobody holds: %v", err)
	}
}

func policyNumbers(t *testing.T, ctx context.Context, k *kit) {
	g := function(t, access.RecordInsured)
	const persons = 20
	given := make(chan person.ENP, persons)
	var wg sync.WaitGroup
	for n := range persons {
		wg.Go(func() {
			record, _, err := k.PutOnRecord(ctx, g, k.record(strconv.Itoa(n), someone(n)))
			if err != nil {
				t.Error(err)
			}
			given <- record.ENP
		})
	}
	wg.Wait()
	close(given)
	seen := map[person.ENP]bool{}
	for enp := range given {
		if _, err := person.ParseENP(string(enp)); err != nil || seen[enp] {
			t.Errorf("%s: given before: %v; %v", enp, seen[enp], err)
		}
		if wrong := enp.Warnings(someone(0).Birth, person.Female); wrong != nil || enp.Region() != region {
			t.Errorf("%s: %q", enp, wrong)
		}
		seen[enp] = true
	}
}

func importedNumber(t *testing.T, ctx context.Context, k *kit) {
	g := function(t, access.RecordInsured)
	first, _, err := k.PutOnRecord(ctx, g, k.record("first", someone(1)))
	must(t, err)
	serial, err := strconv.Atoi(string(first.ENP[10:15]))
	must(t, err)
	imported := k.record("imported", someone(2))
	imported.ENP, err = person.NewENP(region, someone(2).Birth, person.Female, serial+1)
	must(t, err)
	have, made, err := k.PutOnRecord(ctx, g, imported)
	if err != nil || !made || have.ENP != imported.ENP {
		t.Fatalf("imported %s as %s: %v, %v", imported.ENP, have.ENP, made, err)
	}
	next, _, err := k.PutOnRecord(ctx, g, k.record("next", someone(3)))
	if err != nil || next.ENP == first.ENP || next.ENP == imported.ENP {
		t.Errorf("after %s and %s comes %s: %v", first.ENP, imported.ENP, next.ENP, err)
	}
}

// holders are those of the records that hold the SNILS.
func (k *kit) holders(t *testing.T, ctx context.Context, wanted person.SNILS, ids ...string) (found []string) {
	t.Helper()
	for _, id := range ids {
		record, ok, err := k.Record(ctx, function(t, access.LookUpInsured), id)
		must(t, err)
		if ok && record.Person.SNILS == wanted {
			found = append(found, id)
		}
	}
	return found
}

func twoCauses(t *testing.T, ctx context.Context, k *kit) {
	g := function(t, access.RecordInsured)
	var records [2]policy.Insured
	for i := range records {
		p := someone(i)
		p.SNILS = snils(1)
		records[i] = k.record(fmt.Sprint("cause ", i), p)
	}
	start := make(chan struct{})
	var wg sync.WaitGroup
	for _, record := range records {
		for range 200 {
			wg.Go(func() {
				<-start
				_, _, err := k.PutOnRecord(ctx, g, record)
				if err != nil && fault.From(err).Code != "snils_taken" {
					t.Error(err)
				}
			})
		}
	}
	close(start)
	wg.Wait()
	if got := k.holders(t, ctx, snils(1), records[0].ID, records[1].ID); len(got) != 1 {
		t.Errorf("records with the SNILS: %q", got)
	}
	found, err := k.Find(ctx, function(t, access.LookUpInsured), store.Query{SNILS: snils(1)})
	if err != nil || len(found) != 1 {
		t.Errorf("found %d, %v", len(found), err)
	}
}

// rivals are two causes for one SNILS, the n-th. Each comes with a number, so
// that an attempt has few round trips.
func (k *kit) rivals(t *testing.T, n int) (one, other policy.Insured) {
	t.Helper()
	make := func(cause string, serial int) policy.Insured {
		p := someone(n)
		p.Document = person.Document{}
		record := k.record(fmt.Sprint(cause, n), p)
		var err error
		record.ENP, err = person.NewENP(region, p.Birth, p.Sex, serial)
		must(t, err)
		return record
	}
	return make("one", 2*n), make("other", 2*n+1)
}

// tripsOfAttempt is how many round trips it takes to put one rival on record.
func (k *kit) tripsOfAttempt(t *testing.T, ctx context.Context) (n int) {
	t.Helper()
	for i := range 2 { // the first also sends the scripts
		n = trips(ctx, func(ctx context.Context) {
			one, _ := k.rivals(t, 40_000+i)
			_, _, err := k.PutOnRecord(ctx, function(t, access.RecordInsured), one)
			must(t, err)
		})
	}
	return n
}

func stoppedAnywhere(t *testing.T, ctx context.Context, k *kit) {
	g := function(t, access.RecordInsured)
	commit := k.tripsOfAttempt(t, ctx)
	var wg sync.WaitGroup
	n := 0
	try := func(how string, order func(one, other func(ctx context.Context))) {
		n++
		one, other := k.rivals(t, n)
		put := func(record policy.Insured) func(ctx context.Context) {
			return func(ctx context.Context) {
				if _, _, err := k.PutOnRecord(ctx, g, record); err != nil && fault.From(err).Code != "snils_taken" {
					t.Errorf("%s: %v", how, err)
				}
			}
		}
		wg.Go(func() {
			order(put(one), put(other))
			if got := k.holders(t, ctx, one.Person.SNILS, one.ID, other.ID); len(got) != 1 {
				t.Errorf("%s: %d records", how, len(got))
			}
		})
	}
	// Who comes second looks several times before taking over what the first
	// left standing, hence the many round trips.
	for first := 2; first < commit; first++ {
		for second := commit; second < 3*commit; second++ {
			try(fmt.Sprintf("one after %d, a rival after %d", first, second), func(one, other func(ctx context.Context)) {
				a := halt(ctx, one)
				a.advance(first)
				b := halt(ctx, other)
				b.advance(second)
				a.finish()
				b.finish()
			})
			for more := range commit - first {
				try(fmt.Sprintf("one after %d, the same after %d, the first after %d more, then a rival", first, second, more), func(one, other func(ctx context.Context)) {
					a := halt(ctx, one)
					a.advance(first)
					b := halt(ctx, one)
					b.advance(second)
					a.advance(more)
					other(ctx)
					b.finish()
					a.finish()
				})
			}
		}
	}
	wg.Wait()
}

func stopsBeforeCommit(t *testing.T, ctx context.Context, k *kit) {
	g := function(t, access.RecordInsured)
	last := k.tripsOfAttempt(t, ctx)
	for n := range last {
		one, other := k.rivals(t, n)
		var late error
		stopped := halt(ctx, func(ctx context.Context) { _, _, late = k.PutOnRecord(ctx, g, one) })
		stopped.advance(n)
		start := time.Now()
		_, made, err := k.PutOnRecord(ctx, g, other)
		if took := time.Since(start); took > time.Second {
			t.Errorf("stopped after %d round trips it holds up others for %v", n, took)
		}
		if err != nil || !made {
			t.Errorf("stopped after %d round trips it keeps the SNILS: %v", n, err)
		}
		stopped.finish()
		if fault.From(late).Code != "snils_taken" {
			t.Errorf("stopped after %d round trips its late commit: %v", n, late)
		}
		if got := k.holders(t, ctx, one.Person.SNILS, one.ID, other.ID); !slices.Equal(got, []string{other.ID}) {
			t.Errorf("stopped after %d round trips: records %q", n, got)
		}
	}
}

func foundByWhatItHolds(t *testing.T, ctx context.Context, k *kit) {
	g, look := function(t, access.RecordInsured), function(t, access.LookUpInsured)
	record := k.record("one", someone(1))
	record.Birth = &policy.BirthRecord{Number: "130269260001100012009"}
	record, _, err := k.PutOnRecord(ctx, g, record)
	must(t, err)
	for what, q := range map[string]store.Query{
		"SNILS": {SNILS: snils(1)}, "document": {Document: passport(1)}, "civil record": {Birth: record.Birth.Number}, "ENP": {ENP: record.ENP},
		"all": {SNILS: snils(1), Document: passport(1), Birth: record.Birth.Number, ENP: record.ENP},
	} {
		found, err := k.Find(ctx, look, q)
		if err != nil || len(found) != 1 || found[0].ID != record.ID {
			t.Errorf("by %s: %d found, %v", what, len(found), err)
		}
	}
	other, _, err := k.PutOnRecord(ctx, g, k.record("other", someone(2)))
	must(t, err)
	found, err := k.Find(ctx, look, store.Query{SNILS: snils(2), Document: passport(1)})
	if err != nil || len(found) != 2 || found[0].ID != other.ID || found[1].ID != record.ID {
		t.Errorf("two by different data: %d found, %v", len(found), err)
	}
	for what, q := range map[string]store.Query{"nothing": {}, "unknown data": {SNILS: snils(3), Document: passport(3), Birth: "3", ENP: "3"}} {
		if found, err := k.Find(ctx, look, q); err != nil || len(found) > 0 {
			t.Errorf("by %s: %d found, %v", what, len(found), err)
		}
	}

	doc := store.Insured(record.ID)
	_, err = store.Change(ctx, k.Store, g.About(record.ID), record.ID, store.Once{}, []store.Ref{doc.Ref}, func(tx *store.Tx) (struct{}, error) {
		have, _, err := store.Get(tx.View, doc)
		if err != nil {
			return struct{}{}, err
		}
		have.Person.Document = passport(4)
		return struct{}{}, store.Put(tx, doc, have)
	})
	must(t, err)
	if found, err := k.Find(ctx, look, store.Query{Document: passport(1)}); err != nil || len(found) > 0 {
		t.Errorf("by a document it no longer holds: %d found, %v", len(found), err)
	}
	next := k.record("next", someone(5))
	next.Person.Document = passport(1)
	if _, _, err := k.PutOnRecord(ctx, g, next); err != nil {
		t.Errorf("a document that no record holds: %v", err)
	}
}

// reissued changes the document of a record, which keeps the former one.
func reissued(document person.Document) func(policy.Insured) (policy.Insured, bool, error) {
	return func(i policy.Insured) (policy.Insured, bool, error) {
		if i.Person.Document == document {
			return i, false, nil
		}
		i.Earlier = append(slices.Clone(i.Earlier), i.Person.Document)
		i.Person.Document = document
		return i, true, nil
	}
}

func changedDocument(t *testing.T, ctx context.Context, k *kit) {
	g, look := function(t, access.RecordInsured), function(t, access.LookUpInsured)
	one, _, err := k.PutOnRecord(ctx, g, k.record("one", someone(1)))
	must(t, err)
	two, _, err := k.PutOnRecord(ctx, g, k.record("two", someone(2)))
	must(t, err)
	_, err = k.Reidentify(ctx, g, one.ID, reissued(two.Person.Document))
	if f := fault.From(err); f.Code != "document_taken" {
		t.Errorf("a document of another record: %v", err)
	}
	if _, err := k.Reidentify(ctx, g, k.record("nobody", someone(3)).ID, reissued(passport(50))); fault.From(err).Code != "record_not_found" {
		t.Errorf("no such record: %v", err)
	}
	for range 2 { // the second changes nothing
		got, err := k.Reidentify(ctx, g, one.ID, reissued(passport(50)))
		if err != nil || got.Person.Document != passport(50) || len(got.Earlier) != 1 {
			t.Fatalf("%+v, %v", got, err)
		}
	}
	for _, document := range []person.Document{one.Person.Document, passport(50)} {
		found, err := k.Find(ctx, look, store.Query{Document: document})
		if err != nil || len(found) != 1 || found[0].ID != one.ID {
			t.Errorf("by %v: %d found, %v", document.Number, len(found), err)
		}
		thief := k.record("thief", someone(4))
		thief.Person.Document = document
		if _, _, err := k.PutOnRecord(ctx, g, thief); fault.From(err).Code != "document_taken" {
			t.Errorf("%v is given to another record: %v", document.Number, err)
		}
	}
}

func changedAtOnce(t *testing.T, ctx context.Context, k *kit) {
	g := function(t, access.RecordInsured)
	for round := range 10 {
		one, _, err := k.PutOnRecord(ctx, g, k.record(fmt.Sprint("one ", round), someone(100+round)))
		must(t, err)
		other, third := k.record(fmt.Sprint("other ", round), someone(200+round)), k.record(fmt.Sprint("third ", round), someone(300+round))
		other.Person.Document = passport(400 + round)
		third, _, err = k.PutOnRecord(ctx, g, third)
		must(t, err)
		errs := make([]error, 3)
		var wg sync.WaitGroup
		wg.Go(func() { _, errs[0] = k.Reidentify(ctx, g, one.ID, reissued(passport(400+round))) })
		wg.Go(func() { _, _, errs[1] = k.again().PutOnRecord(ctx, g, other) })
		wg.Go(func() { _, errs[2] = k.again().Reidentify(ctx, g, third.ID, reissued(passport(400+round))) })
		wg.Wait()
		won := 0
		for _, err := range errs {
			if err == nil {
				won++
			} else if fault.From(err).Code != "document_taken" {
				t.Fatal(err)
			}
		}
		if won != 1 {
			t.Fatalf("round %d: %d have it", round, won)
		}
	}
}

func changeStopped(t *testing.T, ctx context.Context, k *kit) {
	g := function(t, access.RecordInsured)
	one, _, err := k.PutOnRecord(ctx, g, k.record("one", someone(1)))
	must(t, err)
	for n := 1; ; n++ {
		c, wanted := cut{n: n}, passport(500+n)
		_, err := k.Reidentify(disturbed(ctx, c.disturb), g, one.ID, reissued(wanted))
		if err != nil && !fault.HasKind(err, fault.Unavailable) {
			t.Fatal(err)
		}
		now, _, readErr := k.Record(ctx, g, one.ID)
		must(t, readErr)
		other := k.record(fmt.Sprint("other ", n), someone(600+n))
		other.Person.Document = wanted
		_, made, otherErr := k.PutOnRecord(ctx, g, other)
		if has := now.Person.Document == wanted; has == made || !made && fault.From(otherErr).Code != "document_taken" {
			t.Fatalf("stopped at %d: the record has it: %v, another one too: %v, %v", n, has, made, otherErr)
		}
		if err == nil {
			return
		}
	}
}

func brokenOff(t *testing.T, ctx context.Context, k *kit) {
	g, look := function(t, access.RecordInsured), function(t, access.LookUpInsured)
	one, _ := k.rivals(t, 1)
	one.Representatives = []person.SNILS{snils(7)}
	for n := 1; ; n++ {
		c := cut{n: n}
		_, made, err := k.PutOnRecord(disturbed(ctx, c.disturb), g, one)
		found, findErr := k.Find(ctx, look, store.Query{SNILS: snils(1), ENP: one.ENP})
		must(t, findErr)
		children, childErr := k.Children(ctx, look, snils(7), all)
		must(t, childErr)
		if made {
			if len(found) != 1 || len(children) != 1 {
				t.Errorf("made: %d found, %d children", len(found), len(children))
			}
			return
		}
		if !fault.HasKind(err, fault.Unavailable) || len(found) > 0 || len(children) > 0 {
			t.Fatalf("broken off at %d: %d found, %d children, %v", n, len(found), len(children), err)
		}
	}
}

// In a Cluster one query goes to several nodes, and only some may answer.
func unreadable(t *testing.T, ctx context.Context, k *kit) {
	look := function(t, access.LookUpInsured)
	for n := range 20 {
		var trips atomic.Int64
		onlyTheFirst := func(send func() error) error {
			if trips.Add(1) > 1 {
				return errCut
			}
			return send()
		}
		found, err := k.Find(disturbed(ctx, onlyTheFirst), look, store.Query{
			SNILS: snils(n), Document: passport(n), Birth: strconv.Itoa(n), ENP: person.ENP(strconv.Itoa(n))})
		failed := trips.Load() > 1
		if len(found) > 0 || failed != fault.HasKind(err, fault.Unavailable) || !failed && err != nil {
			t.Errorf("a node failed: %v; %d found, %v", failed, len(found), err)
		}
	}
}

func byRepresentative(t *testing.T, ctx context.Context, k *kit) {
	g, look := function(t, access.RecordInsured), function(t, access.LookUpInsured)
	mother, father, nobody := snils(101), snils(102), snils(103)
	want := map[person.SNILS][]string{nobody: nil}
	for n, parents := range [][]person.SNILS{{mother, father}, {mother}, {father}, nil} {
		child := k.record(strconv.Itoa(n), someone(n))
		child.Representatives = parents
		child.Person.Birth = calendar.On(2020-n, time.May, 14) // the eldest comes last
		_, _, err := k.PutOnRecord(ctx, g, child)
		must(t, err)
		for _, parent := range parents {
			want[parent] = append([]string{child.ID}, want[parent]...)
		}
	}
	// What was reported otherwise before the record was made does not count.
	child := k.record("3", someone(3))
	child.Representatives = []person.SNILS{nobody}
	if have, made, err := k.PutOnRecord(ctx, g, child); err != nil || made || have.Representatives != nil {
		t.Fatalf("%v %+v, %v", made, have, err)
	}
	for parent, ids := range want {
		children, err := k.Children(ctx, look, parent, all)
		must(t, err)
		var got []string
		for _, c := range children {
			got = append(got, c.ID)
		}
		if !slices.Equal(got, ids) {
			t.Errorf("children of %s: %q, want %q", parent, got, ids)
		}
	}
	// Nor does what an attempt reported that broke off before its commit.
	put := func(n int, representatives ...person.SNILS) (total int, err error) {
		record := k.record(fmt.Sprint("otherwise ", n), someone(n))
		record.Representatives = representatives
		return trips(ctx, func(ctx context.Context) { _, _, err = k.PutOnRecord(ctx, g, record) }), err
	}
	commit, err := put(8, mother)
	must(t, err)
	broken := cut{n: commit}
	record := k.record(fmt.Sprint("otherwise ", 9), someone(9))
	record.Representatives = []person.SNILS{nobody}
	if _, _, err := k.PutOnRecord(disturbed(ctx, broken.disturb), g, record); !fault.HasKind(err, fault.Unavailable) {
		t.Fatal(err)
	}
	_, err = put(9)
	must(t, err)
	if children, err := k.Children(ctx, look, nobody, all); err != nil || len(children) > 0 {
		t.Errorf("a record that does not name the representative: %d found, %v", len(children), err)
	}
}
