package function_test

import (
	"bytes"
	"context"
	"crypto/ed25519"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"net/url"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	redisserver "github.com/alicebob/miniredis/v2/server"
	"github.com/redis/go-redis/v9"

	audittrail "polis/functions/audit-trail"
	consenttoggle "polis/functions/consent-toggle"
	"polis/shared/access"
	"polis/shared/audit"
	"polis/shared/functiontest"
	"polis/shared/server"
)

const name = audittrail.Name

var auditor = functiontest.Claims{"sub": "2003", "roles": []string{"auditor"}}

// bench has the function, and what leaves entries: reading consents.
func bench(t *testing.T) *functiontest.Bench {
	b := functiontest.New(t)
	b.Run(name, audittrail.New)
	b.Run(consenttoggle.Name, consenttoggle.New)
	return b
}

// accessed leaves an entry about a citizen.
func accessed(b *functiontest.Bench, c functiontest.Citizen, call string) {
	b.Call("GET", consenttoggle.Name, "/", b.Token(c.Claims()), nil, "X-Call-Id", call).Expect(200, "")
}

type run struct {
	Ran                      bool
	Entries, Batches, Failed int
}

func seal(b *functiontest.Bench) (did run) {
	b.Call("POST", name, "/", "", nil).Expect(200, "").JSON(&did)
	return did
}

// keys as anybody may have them.
func keys(t *testing.T, b *functiontest.Bench) audit.Keys {
	t.Helper()
	var public struct {
		Items []struct {
			ID  string            `json:"key_id"`
			Key ed25519.PublicKey `json:"public_key"`
		}
	}
	b.Call("GET", name, "/keys", "", nil).Expect(200, "").JSON(&public)
	known := audit.Keys{}
	for _, k := range public.Items {
		if audit.KeyID(k.Key) != k.ID {
			t.Errorf("%s names another key", k.ID)
		}
		known[k.ID] = k.Key
	}
	return known
}

// export follows the pages to the end.
func export(t *testing.T, b *functiontest.Bench, query string) (all []byte, pages int) {
	t.Helper()
	token := b.Token(auditor)
	for path := "/export" + query; path != ""; {
		page := b.Call("GET", name, path, token, nil).Expect(200, "")
		if kind := page.Header.Get("Content-Type"); kind != "application/x-ndjson" || len(page.Body) > 1<<20 {
			t.Errorf("%d bytes of %s", len(page.Body), kind)
		}
		all = append(all, page.Body...)
		pages++
		link, more := strings.CutSuffix(page.Header.Get("Link"), `>; rel="next"`)
		path = ""
		if more {
			path = strings.TrimPrefix(link, "</function/"+name)
		}
	}
	return all, pages
}

func verify(t *testing.T, b *functiontest.Bench, query string) (audit.Report, []string) {
	t.Helper()
	all, _ := export(t, b, query)
	var found []string
	report, err := audit.Verify(bytes.NewReader(all), keys(t, b), func(f audit.Finding) {
		f.Line = 0
		found = append(found, strings.TrimSuffix(f.String(), " (line 0)"))
	})
	if err != nil {
		t.Fatal(err)
	}
	return report, found
}

func TestNewNamesEverythingMissingAtOnce(t *testing.T) {
	functiontest.MissingIsNamed(t, audittrail.New, append(functiontest.Stateful, "audit-key")...)
	if _, err := audittrail.New(functiontest.New(t).Env("audit_keys", "AAAA")); err == nil || !strings.Contains(err.Error(), "audit_keys") {
		t.Errorf("%v", err)
	}
}

func TestEachRouteIsForItsCallers(t *testing.T) {
	b := bench(t)
	b.OnlyFor(access.Auditor, name, "GET /", "GET /export", "GET /proof/p003-1-1")
	b.Call("POST", name, "/", "", nil).Expect(200, "")
	b.Call("POST", name, "/", b.Token(functiontest.Operator), nil).Expect(200, "")
	b.Call("POST", name, "/", b.Token(functiontest.Maria.Claims()), nil).Expect(403, "not_allowed")
	b.Call("GET", name, "/keys", "", nil).Expect(200, "")
}

func TestWhatWasDoneIsSealedExportedAndVerified(t *testing.T) {
	b := bench(t)
	var subjects map[string]string // by partition; two persons may share one, as their ids are by chance
	for i := range 5 {
		accessed(b, functiontest.Maria, fmt.Sprint("m-", i))
		accessed(b, functiontest.Pavel, fmt.Sprint("p-", i))
		if i == 2 {
			_, subjects = streams(t, b)
			if did := seal(b); !did.Ran || did.Entries != 6 || did.Batches != len(subjects) || did.Failed != 0 {
				t.Errorf("%+v", did)
			}
		}
	}
	report, found := verify(t, b, "")
	if len(found) > 0 || report.Entries != 6 || report.Unsealed != 4 || report.Batches != len(subjects) || report.Partitions != len(subjects) || report.Age <= 0 || report.Age > time.Minute {
		t.Errorf("%+v, %v", report, found)
	}
	if did := seal(b); did.Entries != 4 {
		t.Errorf("%+v", did)
	}
	if did := seal(b); did != (run{Ran: true}) {
		t.Errorf("with nothing new: %+v", did)
	}
	if report, found = verify(t, b, ""); len(found) > 0 || report.Entries != 10 || report.Unsealed != 0 || report.Batches != 2*len(subjects) {
		t.Errorf("%+v, %v", report, found)
	}
	for partition := range subjects {
		if report, found := verify(t, b, "?partition="+partition); len(found) > 0 || report.Entries != 10/len(subjects) || report.Partition != partition {
			t.Errorf("of %s alone: %+v, %v", partition, report, found)
		}
	}
}

// streams are the audits in Redis by partition, and whose they are.
func streams(t *testing.T, b *functiontest.Bench) (*redis.Client, map[string]string) {
	t.Helper()
	options, err := redis.ParseURL("redis://" + b.Redis.Addr())
	if err != nil {
		t.Fatal(err)
	}
	options.Password = "store-password"
	rdb := redis.NewClient(options)
	t.Cleanup(func() { rdb.Close() })
	found := map[string]string{}
	for _, key := range rdb.Keys(t.Context(), "audit:*").Val() {
		entries := rdb.XRange(t.Context(), key, "-", "+").Val()
		found[strings.Trim(key, "audit:{}")] = entries[0].Values["subject"].(string)
	}
	return rdb, found
}

// rebuild replaces the audit of a partition by other entries with their ids.
func rebuild(t *testing.T, rdb *redis.Client, partition string, change func([]redis.XMessage) []redis.XMessage) (before []redis.XMessage) {
	t.Helper()
	key := "audit:{" + partition + "}"
	before = rdb.XRange(t.Context(), key, "-", "+").Val()
	changed := make([]redis.XMessage, len(before))
	for i, m := range before {
		changed[i] = redis.XMessage{ID: m.ID, Values: map[string]any{}}
		for field, value := range m.Values {
			changed[i].Values[field] = value
		}
	}
	changed = change(changed)
	if err := rdb.Del(t.Context(), key).Err(); err != nil {
		t.Fatal(err)
	}
	for _, m := range changed {
		if err := rdb.XAdd(t.Context(), &redis.XAddArgs{Stream: key, ID: m.ID, Values: m.Values}).Err(); err != nil {
			t.Fatal(err)
		}
	}
	return before
}

func TestEachTamperingInRedisIsNamed(t *testing.T) {
	b := bench(t)
	for i := range 6 {
		accessed(b, functiontest.Maria, fmt.Sprint("call-", i))
		if i%2 == 1 {
			seal(b)
		}
	}
	rdb, subjects := streams(t, b)
	var partition string
	for partition = range subjects {
	}
	heads, leaves := "batches:{"+partition+"}", "leaves:{"+partition+"}"
	ids := make([]string, 6)
	for i, m := range rdb.XRange(t.Context(), "audit:{"+partition+"}", "-", "+").Val() {
		ids[i] = m.ID
	}
	named := func(what audit.What, seq, n int) string {
		f := audit.Finding{What: what, Partition: partition, Seq: seq}
		if n >= 0 {
			f.Entry = ids[n]
		}
		return strings.TrimSuffix(f.String(), " (line 0)")
	}
	cases := map[string]struct {
		change func([]redis.XMessage) []redis.XMessage
		want   []string
	}{
		"an entry removed": {func(m []redis.XMessage) []redis.XMessage { return slices.Delete(m, 2, 3) }, []string{named(audit.EntryMissing, 2, 2)}},
		"two swapped": {func(m []redis.XMessage) []redis.XMessage {
			m[2].Values, m[3].Values = m[3].Values, m[2].Values
			return m
		}, []string{named(audit.EntryChanged, 2, 2), named(audit.EntryChanged, 2, 3)}},
		"a field added": {func(m []redis.XMessage) []redis.XMessage { m[2].Values["note"] = "x"; return m }, []string{named(audit.EntryChanged, 2, 2)}},
	}
	for _, field := range []string{"at", "action", "role", "actor", "subject", "call"} {
		for _, at := range []int{0, -1} {
			cases[fmt.Sprintf("byte %d of %s", at, field)] = struct {
				change func([]redis.XMessage) []redis.XMessage
				want   []string
			}{func(m []redis.XMessage) []redis.XMessage {
				value := []byte(m[3].Values[field].(string))
				value[(at+len(value))%len(value)] ^= 1
				m[3].Values[field] = string(value)
				return m
			}, []string{named(audit.EntryChanged, 2, 3)}}
		}
	}
	for rule, tc := range cases {
		before := rebuild(t, rdb, partition, tc.change)
		if _, found := verify(t, b, ""); !slices.Equal(found, tc.want) {
			t.Errorf("%s: found %q instead of %q", rule, found, tc.want)
		}
		rebuild(t, rdb, partition, func([]redis.XMessage) []redis.XMessage { return before })
	}

	const added = "1-1"
	before := rebuild(t, rdb, partition, func(m []redis.XMessage) []redis.XMessage {
		return slices.Insert(m, 0, redis.XMessage{ID: added, Values: m[2].Values})
	})
	if _, found := verify(t, b, ""); len(found) != 1 || !strings.Contains(found[0], "entry added") || !strings.Contains(found[0], added) {
		t.Errorf("an entry added: %q", found)
	}
	rebuild(t, rdb, partition, func([]redis.XMessage) []redis.XMessage { return before })

	lists := func() (h, l []string) {
		return rdb.LRange(t.Context(), heads, 0, -1).Val(), rdb.LRange(t.Context(), leaves, 0, -1).Val()
	}
	soundHeads, soundLeaves := lists()
	put := func(h, l []string) {
		rdb.Del(t.Context(), heads, leaves)
		for i := range h {
			rdb.RPush(t.Context(), heads, h[i])
			rdb.RPush(t.Context(), leaves, l[i])
		}
	}
	for rule, tc := range map[string]struct {
		change func(h, l []string) ([]string, []string)
		want   string
	}{
		"a batch dropped": {func(h, l []string) ([]string, []string) { return slices.Delete(h, 1, 2), slices.Delete(l, 1, 2) }, named(audit.BatchMissing, 2, -1)},
		"a batch altered": {func(h, l []string) ([]string, []string) {
			h[1] = strings.Replace(h[1], `"at":"2`, `"at":"1`, 1)
			return h, l
		}, named(audit.BatchAltered, 2, -1)},
		"a batch unreadable": {func(h, l []string) ([]string, []string) { h[1] = "{"; return h, l }, "unknown key"},
		"a leaf altered": {func(h, l []string) ([]string, []string) {
			var texts []string
			if err := json.Unmarshal([]byte(l[1]), &texts); err != nil {
				t.Fatal(err)
			}
			id, hash, _ := strings.Cut(texts[0], " ")
			first := byte('A')
			if hash[0] == first {
				first = 'B'
			}
			l[1] = strings.Replace(l[1], id+" "+hash[:1], id+" "+string(first), 1)
			return h, l
		}, named(audit.LeafAltered, 2, 2)},
		"leaves unreadable": {func(h, l []string) ([]string, []string) { l[1] = "["; return h, l }, named(audit.BatchAltered, 2, -1)},
		"signed by another": {func(h, l []string) ([]string, []string) {
			var first audit.Head
			if err := json.Unmarshal([]byte(h[0]), &first); err != nil {
				t.Fatal(err)
			}
			var entries []audit.Entry
			b.Call("GET", name, "/?partition="+partition, b.Token(auditor), nil).JSON(&struct{ Items *[]audit.Entry }{&entries})
			forged, err := audit.Seal(first, entries[2:4], audit.NewKey([32]byte{9}), time.Now())
			if err != nil {
				t.Fatal(err)
			}
			raw, _ := json.Marshal(forged.Head)
			h[1] = string(raw)
			return h, l
		}, named(audit.KeyUnknown, 2, -1)},
	} {
		put(tc.change(slices.Clone(soundHeads), slices.Clone(soundLeaves)))
		if _, found := verify(t, b, ""); len(found) == 0 || !slices.ContainsFunc(found, func(f string) bool { return strings.Contains(f, tc.want) }) {
			t.Errorf("%s: found %q, without %q", rule, found, tc.want)
		}
		put(soundHeads, soundLeaves)
	}
	if _, found := verify(t, b, ""); len(found) > 0 {
		t.Errorf("as it was: %q", found)
	}
}

func TestAnAuditorReadsByPersonAndByPartition(t *testing.T) {
	b := bench(t)
	for i := range 25 {
		accessed(b, functiontest.Maria, fmt.Sprint("call-", i))
	}
	accessed(b, functiontest.Pavel, "of another")
	rdb, subjects := streams(t, b)
	token := b.Token(auditor)
	type list struct {
		Items []audit.Entry
		Next  string
	}
	all := func(query string) (entries []audit.Entry) {
		for next := ""; ; {
			var page list
			b.Call("GET", name, "/?limit=10&"+query+"&after="+url.QueryEscape(next), token, nil).Expect(200, "").JSON(&page)
			entries = append(entries, page.Items...)
			if next = page.Next; next == "" {
				return entries
			}
		}
	}
	for partition, subject := range subjects {
		want := int(rdb.XLen(t.Context(), "audit:{"+partition+"}").Val())
		if got := all("partition=" + partition); len(got) != want || want > 1 && got[0].Call != "call-0" {
			t.Errorf("%s: %d of %d", partition, len(got), want)
		}
		got := all("subject=" + subject)
		if last := got[len(got)-1].Call; last != "call-0" && last != "of another" {
			t.Errorf("the oldest is %s", last)
		}
		// The auditor's own look is the newest.
		if got[0].Role != access.Auditor || got[0].Action != access.ReadAudit {
			t.Errorf("the newest: %+v", got[0])
		}
	}
	for query, field := range map[string]string{"": "subject", "?subject=maria": "subject", "?partition=p256": "partition", "?partition=p001&limit=x": "limit"} {
		if got := b.Call("GET", name, "/"+query, token, nil).Expect(422, "invalid_fields").Fields(); got[field] == "" {
			t.Errorf("%q: %v", query, got)
		}
	}
	for _, query := range []string{"?after=x", "?after=p256.0.", "?after=p001.-1.", "?after=p001.0.&partition=p002", "?after=p001.01.", "?partition=x"} {
		b.Call("GET", name, "/export"+query, token, nil).Expect(422, "invalid_fields")
	}
}

func TestAProofIsShownForWhatIsSealed(t *testing.T) {
	b := bench(t)
	accessed(b, functiontest.Maria, "call-0")
	accessed(b, functiontest.Maria, "call-1")
	rdb, subjects := streams(t, b)
	token := b.Token(auditor)
	for partition := range subjects {
		entry := rdb.XRange(t.Context(), "audit:{"+partition+"}", "-", "+").Val()[1]
		path := "/proof/" + partition + "-" + entry.ID
		b.Call("GET", name, path, token, nil).Expect(404, "entry_not_sealed")
		seal(b)
		var proof audit.Proof
		b.Call("GET", name, path, token, nil).Expect(200, "").JSON(&proof)
		if err := proof.Check(keys(t, b)); err != nil || proof.Entry.Call != "call-1" {
			t.Errorf("%+v: %v", proof, err)
		}
		for _, no := range []string{"p003", "p003-", "x-1-1", partition + "-1-1"} {
			b.Call("GET", name, "/proof/"+no, token, nil).Expect(404, "entry_not_sealed")
		}
		rebuild(t, rdb, partition, func(m []redis.XMessage) []redis.XMessage { m[1].Values["call"] = "call-2"; return m })
		b.Call("GET", name, path, token, nil).Expect(409, "entry_altered")
	}
}

func TestAnEarlierKeyStillVerifies(t *testing.T) {
	b := bench(t)
	earlier := audit.NewKey([32]byte{77})
	rotated := b.Env("audit_keys", base64.StdEncoding.EncodeToString(earlier.Public()))
	h, err := audittrail.New(rotated)
	if err != nil {
		t.Fatal(err)
	}
	b.Put(name, h)
	accessed(b, functiontest.Maria, "call-0")
	seal(b)
	rdb, subjects := streams(t, b)
	for partition := range subjects {
		// As if it had been sealed before the rotation.
		var entries struct{ Items []audit.Entry }
		b.Call("GET", name, "/?partition="+partition, b.Token(auditor), nil).JSON(&entries)
		batch, err := audit.Seal(audit.Head{}, entries.Items, earlier, time.Now())
		if err != nil {
			t.Fatal(err)
		}
		raw, _ := json.Marshal(batch.Head)
		rdb.LSet(t.Context(), "batches:{"+partition+"}", 0, raw)
	}
	accessed(b, functiontest.Maria, "call-1")
	seal(b)
	if report, found := verify(t, b, ""); len(found) > 0 || report.Batches != 2 || len(keys(t, b)) != 2 {
		t.Errorf("%+v, %v", report, found)
	}
	bench := bench(t) // has never heard of the earlier key
	all, _ := export(t, b, "")
	unknown := 0
	if _, err := audit.Verify(bytes.NewReader(all), keys(t, bench), func(f audit.Finding) {
		if f.What == audit.KeyUnknown {
			unknown++
		}
	}); err != nil || unknown != 1 {
		t.Errorf("%d, %v", unknown, err)
	}
}

func TestOfTwoRunsAtOnceOneRuns(t *testing.T) {
	b := bench(t)
	accessed(b, functiontest.Maria, "call")
	entered, leave := make(chan struct{}), make(chan struct{})
	var once sync.Once
	b.Redis.Server().SetPreHook(func(_ *redisserver.Peer, command string, _ ...string) bool {
		if command == "LINDEX" { // the first is of a pass that has begun
			once.Do(func() {
				close(entered)
				<-leave
			})
		}
		return false
	})
	first := make(chan run)
	go func() { first <- seal(b) }()
	<-entered
	if r := seal(b); r != (run{}) {
		t.Errorf("the second: %+v", r)
	}
	close(leave)
	if r := <-first; r != (run{Ran: true, Entries: 1, Batches: 1}) {
		t.Errorf("the first: %+v", r)
	}
	if r := seal(b); !r.Ran {
		t.Error("the lease was not given back")
	}
}

func TestALargeAuditIsExportedPageByPage(t *testing.T) {
	const count = 20_000
	b := bench(t)
	accessed(b, functiontest.Maria, "call")
	rdb, subjects := streams(t, b)
	for partition := range subjects {
		key := "audit:{" + partition + "}"
		m := rdb.XRange(t.Context(), key, "-", "+").Val()[0]
		for range (count - 1) / 1111 {
			if _, err := rdb.Pipelined(t.Context(), func(p redis.Pipeliner) error {
				for range 1111 {
					p.XAdd(t.Context(), &redis.XAddArgs{Stream: key, Values: m.Values})
				}
				return nil
			}); err != nil {
				t.Fatal(err)
			}
		}
	}
	for sealed := 1; sealed > 0; {
		sealed = seal(b).Entries
	}
	all, pages := export(t, b, "")
	report, err := audit.Verify(bytes.NewReader(all), keys(t, b), func(f audit.Finding) { t.Error(f) })
	if err != nil || report.Entries != 1+(count-1)/1111*1111 || pages < 5 {
		t.Errorf("%+v in %d pages, %v", report, pages, err)
	}
}

func TestAProcessSealsFromItsBeginningAndTakesOverFromAnother(t *testing.T) {
	b := bench(t)
	begin := func() (end func()) {
		working, cancel := context.WithCancel(t.Context())
		ended := make(chan struct{})
		worker := b.Run(name, audittrail.New).(server.Worker)
		go func() {
			defer close(ended)
			worker.Work(working)
		}()
		return func() { cancel(); <-ended }
	}
	proven := func(batches int) {
		t.Helper()
		late := time.After(10 * time.Second)
		for have := 0; have < batches; {
			select {
			case <-late:
				t.Fatalf("%d of %d batches", have, batches)
			case <-time.After(10 * time.Millisecond):
			}
			have = 0
			for _, key := range b.Redis.Keys() {
				if strings.HasPrefix(key, "batches:") {
					have++
				}
			}
		}
	}
	accessed(b, functiontest.Maria, "call-1")
	first := begin()
	proven(1)
	defer begin()()
	first()
	accessed(b, functiontest.Pavel, "call-2")
	proven(2)
}
