package tests

import (
	"encoding/json"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/minio/minio-go/v7"
	"github.com/redis/go-redis/v9"

	"polis/local/inbox"
	"polis/local/platform"
	"polis/shared/access"
	"polis/shared/calendar"
	"polis/shared/consent"
	"polis/shared/ident"
	"polis/shared/notice"
	"polis/shared/person"
	"polis/shared/policy"
	"polis/shared/store"
)

// vandal does to the stores of a stage what a bug of the service would.
type vandal struct {
	*stage
	t     *testing.T
	keys  store.Keys
	state *store.Store
}

// home of a citizen's account, and the hash tag of its keys.
func (v vandal) home(c *citizen) (home, tag string) {
	home = ident.Home(ident.Account, v.keys.Index, v.BaseURL()+"/oidc", inventedSubject(c.number))
	partition, _ := ident.Partition(home)
	return home, "{" + partition + "}"
}

func (v vandal) must(err error) {
	v.t.Helper()
	if err != nil {
		v.t.Fatal(err)
	}
}

// asks submits what the citizen wants next, and waits for nothing.
func (v vandal) asks(c *citizen, end string, body fields) *ask {
	v.t.Helper()
	c.wants(end, body)
	a := c.asked[len(c.asked)-1]
	v.must(c.submit(a, false))
	return a
}

// losesEvent takes an event of a topic out of the outbox right after the commit
// that put it there, before anybody could deliver it.
func (v vandal) losesEvent(c *citizen, topic string) {
	v.t.Helper()
	v.must(v.SetQueue(platform.QueueFaults{Drop: 1}))
	v.asks(c, "granted", fields{"kind": "register", "region": "26"})
	home, tag := v.home(c)
	all, err := v.redis.HGetAll(v.t.Context(), "events:"+tag).Result()
	v.must(err)
	lost := 0
	for id, raw := range all {
		var e store.Event
		if json.Unmarshal([]byte(raw), &e) != nil || e.Topic != topic || e.Home != home {
			continue
		}
		pipe := v.redis.TxPipeline()
		pipe.ZRem(v.t.Context(), "outbox:"+tag, id)
		pipe.HDel(v.t.Context(), "events:"+tag, id)
		pipe.LRem(v.t.Context(), "lane:"+tag+":"+e.Home+" "+e.Topic+" "+e.Lane, 0, id)
		// The agenda would find the work by the law clock.
		pipe.ZRem(v.t.Context(), "agenda:"+tag, e.Topic+" "+e.Home+" "+e.Subject)
		_, err := pipe.Exec(v.t.Context())
		v.must(err)
		lost++
	}
	if lost != 1 {
		v.t.Fatalf("%d events of %s are lost", lost, topic)
	}
	v.must(v.SetQueue(platform.QueueFaults{}))
}

// losesEntry takes an action of a citizen out of the audit.
func (v vandal) losesEntry(c *citizen, action access.Action, call string) {
	v.t.Helper()
	home, tag := v.home(c)
	entries, err := v.redis.XRange(v.t.Context(), "audit:"+tag, "-", "+").Result()
	v.must(err)
	i := slices.IndexFunc(entries, func(e redis.XMessage) bool {
		return e.Values["subject"] == home && e.Values["action"] == string(action) && (call == "" || e.Values["call"] == call)
	})
	if i < 0 {
		v.t.Fatalf("the audit has no %s", action)
	}
	v.must(v.redis.XDel(v.t.Context(), "audit:"+tag, entries[i].ID).Err())
}

// tellsTwice puts a copy of a citizen's newest notice into the history.
func (v vandal) tellsTwice(c *citizen) {
	v.t.Helper()
	home, _ := v.home(c)
	grant := functionMay(v.t, access.WorkApplication).About(home)
	ids, err := v.state.Page(v.t.Context(), grant, store.Notices(home), "", 1)
	v.must(err)
	id := ident.New(time.Now())
	told, copied := store.Notice(home, ids[0]), store.Notice(home, id)
	_, err = store.Change(v.t.Context(), v.state, grant, home, store.Once{}, []store.Ref{told.Ref, copied.Ref}, func(tx *store.Tx) (none struct{}, err error) {
		n, _, err := store.Get(tx.View, told)
		if err != nil {
			return none, err
		}
		tx.Append(store.Notices(home), id)
		return none, store.Put(tx, copied, notice.Notice{ID: id, Kind: n.Kind, Application: n.Application, Number: n.Number, At: n.At})
	})
	v.must(err)
}

// recordsTwice makes a second record of a citizen, whom another index does not
// find.
func (v vandal) recordsTwice(c *citizen) {
	v.t.Helper()
	blind := store.New(v.redis, store.Keys{Index: [32]byte{1}, Master: v.keys.Master})
	again := invented
	again.SNILS = person.SNILS(inventedSNILS(c.number))
	record := policy.Enrol(blind.InsuredID("again"), "", again, "26", "", "again", calendar.On(2026, time.March, 10), morning)
	record.ENP = person.ENP(inventedENP(v.t, 9999))
	_, made, err := blind.PutOnRecord(v.t.Context(), functionMay(v.t, access.RecordInsured), record)
	if v.must(err); !made {
		v.t.Fatal("no second record")
	}
}

// leavesObject puts into the object store what a rendering without a fence
// leaves after a revoke.
func (v vandal) leavesObject(c *citizen) {
	v.t.Helper()
	home, _ := v.home(c)
	_, err := v.minio.PutObject(v.t.Context(), v.bucket, v.state.Digest("object", home, ident.New(time.Now())), strings.NewReader("%PDF"), 4, minio.PutObjectOptions{})
	v.must(err)
}

// spoils the object of a citizen's only document, or takes it away.
func (v vandal) spoils(c *citizen, remove bool) {
	v.t.Helper()
	home, _ := v.home(c)
	documents := c.documents()
	if len(documents) != 1 {
		v.t.Fatalf("documents: %+v", documents)
	}
	name := v.state.Digest("object", home, documents[0].ID)
	if remove {
		v.must(v.minio.RemoveObject(v.t.Context(), v.bucket, name, minio.RemoveObjectOptions{}))
		return
	}
	_, err := v.minio.PutObject(v.t.Context(), v.bucket, name, strings.NewReader("%PDF"), 4, minio.PutObjectOptions{})
	v.must(err)
}

// copiesLate puts into a cabinet whose consent was revoked what a lookup without
// a fence finds.
func (v vandal) copiesLate(c *citizen) {
	v.t.Helper()
	v.must(c.revoke())
	home, _ := v.home(c)
	grant, copied := functionMay(v.t, access.WorkApplication).About(home), store.Card(home, consent.Self)
	_, err := store.Change(v.t.Context(), v.state, grant, home, store.Once{}, []store.Ref{copied.Ref}, func(tx *store.Tx) (none struct{}, err error) {
		return none, store.Put(tx, copied, policy.Card{})
	})
	v.must(err)
}

// TestTheCheckerFindsEachPlantedBug tampers with a service that is in order:
// the checker has to name each bug, and nothing else.
func TestTheCheckerFindsEachPlantedBug(t *testing.T) {
	s := newStage(t)
	citizens := []*citizen{s.onRecord(t, 0), s.onRecord(t, 1), s.unknown(t, 2), s.first(t, 3), s.invent(t, 4), s.invent(t, 5), s.invent(t, 6)}
	s.enrol(t, citizens[:2])
	s.allConsent(t, citizens)
	for _, c := range citizens {
		for _, a := range c.asked {
			if err := c.submit(a, false); err != nil {
				t.Fatal(err)
			}
		}
	}
	s.comesRight(t, 2*patience, citizens, nil)
	citizens[0].extract("self")

	v := vandal{stage: s, t: t, keys: s.storeKeys(t)}
	v.state = store.New(s.redis, v.keys)
	var known []string
	for _, plant := range []struct {
		bug    string
		tamper func()
		names  []string // part of each finding, in the order of their texts
	}{
		{"a lost event of an application's work", func() { v.losesEvent(citizens[4], "policy-request/work") },
			[]string{"the audit has 0 entries of work", "is submitted instead of granted"}},
		{"a lost event of a notice", func() { v.losesEvent(citizens[5], "notify/events") },
			[]string{"1 entries as application.submitted without a notice"}},
		{"a skipped entry of the audit", func() {
			v.must(s.Suspend("audit-trail")) // nothing is sealed yet
			a := v.asks(citizens[6], "granted", fields{"kind": "register", "region": "26"})
			v.losesEntry(citizens[6], access.Apply, a.call)
			v.must(s.Resume("audit-trail"))
		}, []string{"the audit has no submission"}},
		{"a sealed entry that is taken away", func() { v.losesEntry(citizens[0], access.ChangeConsents, "") },
			[]string{"the audit does not verify: entry missing"}},
		{"a second notice", func() { v.tellsTwice(citizens[2]) }, []string{"1 notices as application.working too many"}},
		{"a second record", func() { v.recordsTwice(citizens[0]) }, []string{"have one SNILS"}},
		{"a rendering without a fence", func() { v.leavesObject(citizens[0]) }, []string{"has no document"}},
		{"bytes of something else", func() { v.spoils(citizens[0], false) }, []string{"has other bytes than its document says"}},
		{"a document without its bytes", func() { v.spoils(citizens[0], true) }, []string{"has no object"}},
		{"a lookup without a fence", func() { v.copiesLate(citizens[0]) }, []string{"has a copy without consent"}},
		{"an event that nobody delivers", func() {
			_, tag := v.home(citizens[0])
			v.must(s.redis.ZAdd(t.Context(), "dead:"+tag, redis.Z{Score: 1, Member: "id"}).Err())
		}, []string{"dead:"}},
	} {
		plant.tamper()
		var fresh, now []string
		over := time.After(2 * patience)
		for settled := false; !settled; {
			now = s.observe(t, citizens).findings()
			fresh = news(known, now)
			settled = len(fresh) == len(plant.names)
			for i := 0; settled && i < len(fresh); i++ {
				settled = strings.Contains(fresh[i], plant.names[i])
			}
			select {
			case <-over:
				t.Fatalf("%s: found %q instead of %q", plant.bug, fresh, plant.names)
			case <-time.After(100 * time.Millisecond):
			}
		}
		known = now
	}
}

// TestTheCheckerTellsCopiesOfAMessageApart: a second one is a process that died
// in between, or a bug.
func TestTheCheckerTellsCopiesOfAMessageApart(t *testing.T) {
	s := newStage(t)
	citizens := []*citizen{s.first(t, 3), s.first(t, 4)} // an e-mail address, a telephone
	s.allConsent(t, citizens)
	for _, c := range citizens {
		if err := c.submit(c.asked[0], false); err != nil {
			t.Fatal(err)
		}
		c.asked = c.asked[:1]
	}
	s.comesRight(t, 2*patience, citizens, nil)
	whole := s.observe(t, citizens)
	mail := slices.IndexFunc(whole.Inbox, func(m inbox.Message) bool { return m.Channel == "email" })
	sms := slices.IndexFunc(whole.Inbox, func(m inbox.Message) bool { return m.Channel == "sms" })
	tried := func(f *facts, id string) {
		f.NotifyKilled = 1
		for i, n := range f.Notices {
			f.Notices[i].Deliveries = slices.Clone(n.Deliveries)
			for j, d := range n.Deliveries {
				if left, _, _ := strings.Cut(id, "@"); left == n.ID+"."+d.Channel {
					f.Notices[i].Deliveries[j].Tries = 2
				}
			}
		}
	}
	for rule, tc := range map[string]struct {
		change func(f *facts)
		want   string
	}{
		"a second letter of one try":   {func(f *facts) { f.Inbox = append(f.Inbox, f.Inbox[mail]) }, "arrived 2 times"},
		"a second letter of two tries": {func(f *facts) { f.Inbox = append(f.Inbox, f.Inbox[mail]); tried(f, f.Inbox[mail].ID) }, ""},
		"a second letter, and nobody was killed": {func(f *facts) {
			f.Inbox = append(f.Inbox, f.Inbox[mail])
			tried(f, f.Inbox[mail].ID)
			f.NotifyKilled = 0
		}, "arrived 2 times"},
		"a second SMS of two tries":       {func(f *facts) { f.Inbox = append(f.Inbox, f.Inbox[sms]); tried(f, f.Inbox[sms].ID) }, "arrived 2 times"},
		"a second letter with another id": {func(f *facts) { m := f.Inbox[mail]; m.ID = "other@host"; f.Inbox = append(f.Inbox, m) }, "no delivery has it"},
		"a letter that never came":        {func(f *facts) { f.Inbox = slices.Delete(f.Inbox, mail, mail+1) }, "has not arrived"},
	} {
		f := whole
		f.Inbox, f.Notices = slices.Clone(whole.Inbox), slices.Clone(whole.Notices)
		tc.change(&f)
		all := f.findings()
		if tc.want == "" && len(all) > 0 || tc.want != "" && (len(all) != 1 || !strings.Contains(all[0], tc.want)) {
			t.Errorf("%s: found %q instead of %q", rule, all, tc.want)
		}
	}
}
