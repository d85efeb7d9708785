package tests

import (
	"bytes"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"io"
	"maps"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/minio/minio-go/v7"

	"polis/local/inbox"
	"polis/shared/access"
	"polis/shared/audit"
	"polis/shared/cabinet"
	"polis/shared/consent"
	"polis/shared/person"
	"polis/shared/store"
)

// facts are what can be seen of the service from outside and in its stores,
// beside what citizens were promised.
type facts struct {
	Promised     []promise
	Applications []applicationView
	Notices      []noticeView
	Inbox        []inbox.Message
	Records      []record
	Waiting      []string          // outboxes, lines of events and dead letters that are not empty
	Objects      map[string]string // SHA-256 of what the object store holds, by name
	Documents    []stored
	Outlived     []string // accounts that have a copy or documents without consent
	Audit        []audit.Entry
	Broken       []audit.Finding // of the audit's verification
	NotifyKilled int             // how often a process of notify was
}

// promise is an application that was answered with 202.
type promise struct {
	ID   string
	Call string   // of the submission
	Ends []string // statuses, to one of which the rules lead
}

// stored is a document of a citizen, whatever its state, and its object.
type stored struct {
	Object, SHA256 string
	Ready          bool
}

type noticeView struct {
	ID, Kind, Application string
	At                    time.Time
	Deliveries            []struct {
		Channel, State, Reason string
		Tries                  int
	}
}

// record of the register, as far as it must be the only one.
type record struct {
	ID    string
	SNILS person.SNILS
	ENP   person.ENP
}

// findings are all breaches of the service's promises that the facts show.
func (f facts) findings() []string {
	return slices.Concat(f.ends(), f.notices(), f.copies(), f.leftovers(), f.audited(), f.unique())
}

type found []string

func (f *found) note(format string, args ...any) { *f = append(*f, fmt.Sprintf(format, args...)) }

// ends: each accepted application exists once, and is where the rules lead.
func (f facts) ends() (all found) {
	listed := map[string][]applicationView{}
	for _, a := range f.Applications {
		listed[a.ID] = append(listed[a.ID], a)
	}
	promised := map[string]int{}
	for _, p := range f.Promised {
		promised[p.ID]++
		if n := len(listed[p.ID]); n != 1 {
			all.note("application %s exists %d times", p.ID, n)
		} else if status := listed[p.ID][0].Status; !slices.Contains(p.Ends, status) {
			all.note("application %s is %s instead of %s", p.ID, status, strings.Join(p.Ends, " or "))
		}
	}
	for id := range listed {
		if promised[id] != 1 {
			all.note("application %s was promised %d times", id, promised[id])
		}
	}
	return all
}

// notices: the history has one for each entry of each timeline, and no others.
func (f facts) notices() (all found) {
	type entry struct {
		application, kind string
		at                int64
	}
	told := map[entry]int{}
	for _, n := range f.Notices {
		told[entry{n.Application, n.Kind, n.At.Unix()}]++
	}
	for _, a := range f.Applications {
		for _, step := range a.Timeline {
			told[entry{a.ID, "application." + step.Status, step.At.Unix()}]--
		}
	}
	for e, over := range told {
		switch {
		case over < 0:
			all.note("application %s: %d entries as %s without a notice", e.application, -over, e.kind)
		case over > 0:
			all.note("application %s: %d notices as %s too many", e.application, over, e.kind)
		}
	}
	return all
}

// inboxKeeps is how many messages the inbox holds; with more, some are gone.
const inboxKeeps = 1000

// copies: each delivery has arrived, and again at most as often as a process
// died over it. A provider of SMS tells copies apart itself.
func (f facts) copies() (all found) {
	if len(f.Inbox) >= inboxKeeps {
		all.note("the inbox is full and proves nothing")
	}
	arrived := map[string]int{}
	for _, m := range f.Inbox {
		id, _, _ := strings.Cut(m.ID, "@")
		arrived[id]++
	}
	for _, n := range f.Notices {
		for _, d := range n.Deliveries {
			id := n.ID + "." + d.Channel
			copies := arrived[id]
			delete(arrived, id)
			allowed := d.Tries
			if d.Channel == "sms" || f.NotifyKilled == 0 {
				allowed = 1
			}
			switch {
			case d.State != "sent":
				all.note("delivery %s is %s %s", id, d.State, d.Reason)
			case copies == 0:
				all.note("delivery %s has not arrived", id)
			case copies > allowed:
				all.note("delivery %s arrived %d times and was tried %d times", id, copies, d.Tries)
			}
		}
	}
	for id := range arrived {
		all.note("message %s arrived, and no delivery has it", id)
	}
	return all
}

// leftovers: nothing waits any more, each object is of one ready document and
// each document has its object, and nothing has outlived its consent.
func (f facts) leftovers() (all found) {
	for _, key := range f.Waiting {
		all.note("%s is not empty", key)
	}
	owners := map[string]int{}
	for _, d := range f.Documents {
		switch sum, there := f.Objects[d.Object]; {
		case !d.Ready:
			all.note("document of object %s is not ready", d.Object)
			continue
		case !there:
			all.note("document of object %s has no object", d.Object)
		case sum != d.SHA256:
			all.note("object %s has other bytes than its document says", d.Object)
		}
		owners[d.Object]++
	}
	for name := range f.Objects {
		switch n := owners[name]; {
		case n == 0:
			all.note("object %s has no document", name)
		case n > 1:
			all.note("object %s has %d documents", name, n)
		}
	}
	for _, home := range f.Outlived {
		all.note("account %s has a copy without consent", home)
	}
	return all
}

// audited: the audit verifies, and has each submission and each application's
// work.
func (f facts) audited() (all found) {
	for _, b := range f.Broken {
		all.note("the audit does not verify: %s, partition %s, batch %d, entry %s", b.What, b.Partition, b.Seq, b.Entry)
	}
	submitted, worked := map[string]string{}, map[string]int{} // account by call, entries by account
	for _, e := range f.Audit {
		switch e.Action {
		case access.Apply:
			submitted[e.Call] = e.Subject
		case access.WorkApplication:
			worked[e.Subject]++
		}
	}
	work := map[string]int{} // that there must be, by account
	for _, p := range f.Promised {
		account, ok := submitted[p.Call]
		if !ok {
			all.note("application %s: the audit has no submission", p.ID)
			continue
		}
		work[account] += 2 // it was read, and changed
	}
	for account, n := range work {
		if worked[account] < n {
			all.note("account %s: the audit has %d entries of work instead of %d at least", account, worked[account], n)
		}
	}
	return all
}

// unique: no two records of the register have the same SNILS or ENP.
func (f facts) unique() (all found) {
	snils, enp := map[person.SNILS]string{}, map[person.ENP]string{}
	for _, r := range f.Records {
		if other, taken := snils[r.SNILS]; taken && r.SNILS != "" {
			all.note("records %s and %s have one SNILS", other, r.ID)
		}
		if other, taken := enp[r.ENP]; taken {
			all.note("records %s and %s have one ENP", other, r.ID)
		}
		snils[r.SNILS], enp[r.ENP] = r.ID, r.ID
	}
	return all
}

// keys of the stage's installation, to look into its store.
func (s *stage) storeKeys(t *testing.T) (k store.Keys) {
	t.Helper()
	for name, key := range map[string]*[32]byte{"polis-index-key": &k.Index, "polis-master-key": &k.Master} {
		text, err := os.ReadFile(filepath.Join(s.data, "secrets", name))
		if err != nil {
			t.Fatal(err)
		}
		raw, err := base64.StdEncoding.DecodeString(string(text))
		if err != nil || copy(key[:], raw) != len(key) {
			t.Fatalf("%s: %v", name, err)
		}
	}
	return k
}

// functionMay is the grant of a function, to look into a store as it does.
func functionMay(t *testing.T, action access.Action) access.Grant {
	t.Helper()
	grant, err := access.Caller{Role: access.Function, Unit: "policy-request"}.May(action, "call-of-a-test")
	if err != nil {
		t.Fatal(err)
	}
	return grant
}

// observe gathers the facts about what these citizens were promised.
func (s *stage) observe(t *testing.T, citizens []*citizen) facts {
	t.Helper()
	var f facts
	for _, c := range citizens {
		for _, a := range c.asked {
			ends := []string{a.end}
			if c.revoked.Load() && a.body["kind"] != "register" {
				ends = append(ends, "refused") // if it was not decided before
			}
			f.Promised = append(f.Promised, promise{ID: a.id, Call: a.call, Ends: ends})
		}
		f.Applications = append(f.Applications, c.applications()...)
		f.Notices = append(f.Notices, read[list[noticeView]](c.get("/notify?limit=100").is(http.StatusOK)).Items...)
	}
	f.Inbox = s.Inbox()
	for _, kind := range []string{"outbox", "lane", "events", "dead"} {
		f.Waiting = append(f.Waiting, s.keys(t, kind)...)
	}
	f.Objects = s.sums(t)
	state := store.New(s.redis, s.storeKeys(t))
	look := functionMay(t, access.LookUpInsured)
	for _, key := range s.keys(t, "insured") {
		_, id, _ := strings.Cut(key, "}:")
		i, ok, err := state.Record(t.Context(), look, id)
		if err != nil || !ok {
			t.Fatalf("record %s: %v", id, err)
		}
		f.Records = append(f.Records, record{ID: id, SNILS: i.Person.SNILS, ENP: i.ENP})
	}
	for _, key := range s.keys(t, "account") {
		_, home, _ := strings.Cut(key, "}:")
		copied := store.Card(home, consent.Self)
		view, err := state.View(t.Context(), look.About(home), home, store.Account(home).Ref, copied.Ref)
		if err != nil {
			t.Fatal(err)
		}
		account, _, err := store.Get(view, store.Account(home))
		if err != nil {
			t.Fatal(err)
		}
		_, shown, err := store.Get(view, copied)
		if err != nil {
			t.Fatal(err)
		}
		for _, e := range account.Extracts {
			f.Documents = append(f.Documents, stored{state.Digest("object", home, e.ID), e.SHA256, e.State == cabinet.Ready})
			shown = shown || e.Person == consent.Self
		}
		if shown && account.Consents.Covers(consent.Self) != nil {
			f.Outlived = append(f.Outlived, home)
		}
	}
	f.Audit, f.Broken = s.auditExport(t)
	return f
}

// sums are the SHA-256 of all that is stored in the bucket, by name.
func (s *stage) sums(t *testing.T) map[string]string {
	t.Helper()
	sums := map[string]string{}
	for _, name := range s.objects(t) {
		o, err := s.minio.GetObject(t.Context(), s.bucket, name, minio.GetObjectOptions{})
		if err != nil {
			t.Fatal(err)
		}
		sum := sha256.New()
		_, err = io.Copy(sum, o)
		o.Close()
		switch {
		case err == nil:
			sums[name] = hex.EncodeToString(sum.Sum(nil))
		case minio.ToErrorResponse(err).Code != minio.NoSuchKey: // deleted meanwhile
			t.Fatal(err)
		}
	}
	return sums
}

// auditExport is the whole audit, sealed first, and what its verification finds.
func (s *stage) auditExport(t *testing.T) (entries []audit.Entry, broken []audit.Finding) {
	t.Helper()
	s.run(t, "audit-trail")
	type keyView struct {
		Key string `json:"public_key"`
	}
	keys, err := audit.ParseKeys(read[list[keyView]](s.anyone(t).get("/audit-trail/keys").is(http.StatusOK)).Items[0].Key)
	if err != nil {
		t.Fatal(err)
	}
	var export bytes.Buffer
	for next := "/function/audit-trail/export"; next != ""; {
		// Lines of JSON, which the contract's validator does not read.
		request, err := http.NewRequestWithContext(t.Context(), http.MethodGet, s.BaseURL()+next, nil)
		if err != nil {
			t.Fatal(err)
		}
		request.Header.Set("Authorization", "Bearer "+s.as(t, "auditor").token)
		page, err := http.DefaultClient.Do(request)
		if err != nil {
			t.Fatal(err)
		}
		_, err = export.ReadFrom(page.Body)
		page.Body.Close()
		if err != nil || page.StatusCode != http.StatusOK {
			t.Fatalf("%s answered %d: %v", next, page.StatusCode, err)
		}
		next, _, _ = strings.Cut(strings.TrimPrefix(page.Header.Get("Link"), "<"), ">")
	}
	for line := range bytes.Lines(export.Bytes()) {
		if l := read[struct{ Entry *audit.Entry }](answer{t: t, to: "export", body: line}); l.Entry != nil {
			entries = append(entries, *l.Entry)
		}
	}
	if _, err := audit.Verify(&export, keys, func(f audit.Finding) { broken = append(broken, f) }); err != nil {
		t.Fatal(err)
	}
	return entries, broken
}

// news are the findings that were not there before.
func news(before, now []string) []string {
	seen := map[string]bool{}
	for _, f := range before {
		seen[f] = true
	}
	fresh := map[string]bool{}
	for _, f := range now {
		if !seen[f] {
			fresh[f] = true
		}
	}
	return slices.Sorted(maps.Keys(fresh))
}
