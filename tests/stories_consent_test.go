package tests

import (
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"polis/local/platform"
)

func TestARevokedConsentTakesTheDataOutOfTheCabinetAtOnce(t *testing.T) {
	s := newStage(t)
	insured := s.as(t, "insured")
	insured.consents()
	insured.loads(fields{})
	made := insured.extract("self")
	if opens(t, made.Link) != http.StatusOK {
		t.Fatal("the link does not open")
	}

	insured.revokes("ffoms", "self")

	if p := insured.get("/policy-card").refused(http.StatusForbidden, "consent_required"); !p.names("ffoms", "consent_missing") || p.names("mincifry", "consent_missing") {
		t.Errorf("the missing consent is not named: %+v", p)
	}
	insured.get("/extract-rendering/"+made.ID).refused(http.StatusNotFound, "document_not_found")
	insured.get("/extract-rendering/"+made.ID+"/link").refused(http.StatusNotFound, "document_not_found")
	insured.post("/extract-rendering", extractOf("self")).refused(http.StatusForbidden, "consent_required")
	insured.post("/policy-request", fields{"kind": "lookup"}).refused(http.StatusForbidden, "consent_required")
	if left := insured.documents(); len(left) > 0 {
		t.Errorf("documents: %+v", left)
	}
	if left := s.keys(t, "card"); len(left) > 0 {
		t.Errorf("left of the copy in Redis: %v", left)
	}
	eventually(t, "the account is not found by the record", func() bool { return len(s.keys(t, "copies")) == 0 })
	eventually(t, "the link is dead", func() bool { return opens(t, made.Link) == http.StatusNotFound })
	if left := s.objects(t); len(left) > 0 {
		t.Errorf("objects: %v", left)
	}

	grant := fields{"operator": "ffoms", "action": "grant"}
	revoked := read[list[consentView]](insured.get("/consent-toggle").is(http.StatusOK)).Items[0]
	early := insured.post("/consent-toggle", grant).refused(http.StatusConflict, "consent_waiting")
	from, err := time.Parse(time.RFC3339, early.From)
	if wait := from.Sub(revoked.Since).Round(time.Second); err != nil || wait != 10*time.Minute {
		t.Errorf("allowed from %q, %v after revoking: %v", early.From, wait, err)
	}
	s.later(t, 9*time.Minute)
	insured.post("/consent-toggle", grant).refused(http.StatusConflict, "consent_waiting")
	s.later(t, time.Minute)
	again := read[consentView](insured.post("/consent-toggle", grant).is(http.StatusOK))
	insured.get("/policy-card").refused(http.StatusNotFound, "policy_not_loaded")
	insured.loads(fields{})

	receipt := read[struct {
		Consent                consentView
		Subject, Purpose, Term string
	}](insured.get("/consent-toggle/receipts/" + again.Receipt).is(http.StatusOK))
	if receipt.Consent.Status != "granted" || receipt.Subject != human(t, "insured").FullName() || receipt.Purpose == "" || receipt.Term == "" {
		t.Errorf("receipt: %+v", receipt)
	}
	history := read[struct{ History []consentView }](insured.get("/consent-toggle").is(http.StatusOK)).History
	var told []string
	for _, c := range history {
		told = append(told, c.Operator+" "+c.Status)
	}
	if got := strings.Join(told, ", "); got != "ffoms granted, ffoms revoked, mincifry granted, ffoms granted" {
		t.Errorf("history, newest first: %s", got)
	}
}

func TestAConsentRevokedWhileTheRegisterIsAwayLeavesNothingOfTheLookup(t *testing.T) {
	s := newStage(t)
	insured := s.as(t, "insured")
	insured.consents()
	if err := s.Suspend("insured-registry"); err != nil {
		t.Fatal(err)
	}
	id := insured.asks(fields{"kind": "lookup"}).ID
	insured.becomes(id, "working")
	insured.revokes("mincifry", "self")
	if err := s.Resume("insured-registry"); err != nil {
		t.Fatal(err)
	}
	s.later(t, 5*time.Minute)
	ended := insured.becomes(id, "refused")
	if len(ended.Reasons) != 1 || ended.Reasons[0].Code != "consent_revoked" || ended.Help.Offer != "lookup" {
		t.Errorf("ended: %+v", ended)
	}
	if left := s.keys(t, "card"); len(left) > 0 {
		t.Errorf("copies in Redis: %v", left)
	}
}

func TestAConsentRevokedDuringALookupLeavesNothing(t *testing.T) {
	s := newStage(t)
	insured := s.as(t, "insured")
	insured.consents()
	ends := map[string]int{}
	for round := range 8 {
		id := insured.asks(fields{"kind": "lookup"}).ID
		// A little later in each round, from before the work begins to after
		// its end.
		for range round {
			insured.application(id)
		}
		insured.revokes("ffoms", "self")
		eventually(t, "the lookup ends", func() bool {
			status := insured.application(id).Status
			return status == "granted" || status == "refused"
		})
		ends[insured.application(id).Status]++
		if left := s.keys(t, "card"); len(left) > 0 {
			t.Fatalf("round %d, copies in Redis: %v", round, left)
		}
		insured.get("/policy-card").refused(http.StatusForbidden, "consent_required")
		s.later(t, 10*time.Minute)
		insured.consent("ffoms", "self")
		insured.get("/policy-card").refused(http.StatusNotFound, "policy_not_loaded")
	}
	t.Logf("ends of the lookups: %v", ends)
}

func TestAConsentRevokedDuringARenderingLeavesNothing(t *testing.T) {
	var door *storeDoor
	s := newStage(t, func(o *platform.Options) {
		door = newStoreDoor(t, o.S3.URL)
		store := *o.S3
		store.URL = door.URL
		o.S3 = &store
	})
	insured := s.as(t, "insured")
	insured.consents()
	insured.loads(fields{})

	for _, c := range []struct {
		rule, operator string
		afterwards     func()
		status         int
		code           string
	}{
		{"and not given again", "ffoms", func() {}, http.StatusForbidden, "consent_required"},
		{"and given again meanwhile", "mincifry", func() {
			// The same person, but another consent: what began under the
			// earlier one is not to be shown under this.
			s.later(t, 10*time.Minute)
			insured.consent("ffoms", "self")
			insured.consent("mincifry", "self")
		}, http.StatusConflict, "extract_superseded"},
	} {
		if c.rule == "and given again meanwhile" {
			s.later(t, 10*time.Minute)
			insured.consent("ffoms", "self")
			insured.loads(fields{})
		}
		door.close()
		answered := make(chan error, 1)
		var late answer
		go func() {
			var err error
			late, err = insured.send(http.MethodPost, "/extract-rendering", extractOf("self"))
			answered <- err
		}()
		door.knocked(t)
		insured.revokes(c.operator, "self")
		c.afterwards()
		door.open()
		if err := <-answered; err != nil {
			t.Fatal(err)
		}
		late.refused(c.status, c.code)
		if left := insured.documents(); len(left) > 0 {
			t.Errorf("%s, documents: %+v", c.rule, left)
		}
		eventually(t, "no object is left, "+c.rule, func() bool { return len(s.objects(t)) == 0 })
	}
}

// storeDoor stands before the object store. While it is closed, what is to be
// stored waits.
type storeDoor struct {
	*httptest.Server
	waiting chan struct{}                 // one for each that waits
	closed  atomic.Pointer[chan struct{}] // nil: open
}

func newStoreDoor(t *testing.T, store string) *storeDoor {
	t.Helper()
	target, err := url.Parse(store)
	if err != nil {
		t.Fatal(err)
	}
	behind := &httputil.ReverseProxy{Rewrite: func(r *httputil.ProxyRequest) {
		r.SetURL(target)
		r.Out.Host = r.In.Host // it is signed
	}}
	d := &storeDoor{waiting: make(chan struct{}, 8)}
	d.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if held := d.closed.Load(); held != nil && r.Method == http.MethodPut {
			d.waiting <- struct{}{}
			<-*held
		}
		behind.ServeHTTP(w, r)
	}))
	t.Cleanup(d.Server.Close)
	return d
}

func (d *storeDoor) close() { held := make(chan struct{}); d.closed.Store(&held) }
func (d *storeDoor) open()  { close(*d.closed.Swap(nil)) }

// knocked waits until something is to be stored.
func (d *storeDoor) knocked(t *testing.T) {
	t.Helper()
	select {
	case <-d.waiting:
	case <-time.After(patience):
		t.Fatal("nothing was to be stored")
	}
}
