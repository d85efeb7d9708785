package function_test

import (
	"encoding/json"
	"maps"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	consenttoggle "polis/functions/consent-toggle"
	extractrendering "polis/functions/extract-rendering"
	insuredregistry "polis/functions/insured-registry"
	policyrequest "polis/functions/policy-request"
	"polis/shared/access"
	"polis/shared/functiontest"
	"polis/shared/store"
)

const (
	name  = extractrendering.Name
	whole = `{"kind":"extract","format":"pdf"}`
)

var maria = functiontest.Maria

// bench has an object store that nobody can reach.
func bench(t *testing.T) *functiontest.Bench {
	b := functiontest.New(t)
	b.Run(name, extractrendering.New)
	b.Run(policyrequest.Name, policyrequest.New)
	b.Run(consenttoggle.Name, consenttoggle.New)
	b.Run(insuredregistry.Name, insuredregistry.New)
	return b
}

// holding is a token whose holder has a copy of the policy.
func holding(b *functiontest.Bench) string {
	b.Import(functiontest.Row(maria.Person))
	token := b.Token(maria.Claims())
	b.Consent(token, "self")
	b.Call("POST", policyrequest.Name, "/", token, `{"kind":"lookup"}`).Expect(202, "")
	b.Deliver(1)
	return token
}

// outbox lists the events that wait to settle a document, with the time of
// their next delivery.
func outbox(t *testing.T, b *functiontest.Bench) map[store.Event]time.Time {
	t.Helper()
	waiting := map[store.Event]time.Time{}
	for _, key := range b.Redis.Keys() {
		if !strings.HasPrefix(key, "outbox:") {
			continue
		}
		ids, err := b.Redis.SortedSet(key)
		if err != nil {
			t.Fatal(err)
		}
		for id, at := range ids {
			var e store.Event
			if err := json.Unmarshal([]byte(b.Redis.HGet("events:"+strings.TrimPrefix(key, "outbox:"), id)), &e); err != nil {
				t.Fatal(err)
			}
			if e.Topic == name+"/settle" {
				waiting[e] = time.UnixMilli(int64(at))
			}
		}
	}
	return waiting
}

func listed(b *functiontest.Bench, token string) int {
	var list struct{ Items []any }
	b.Call("GET", name, "/", token, nil).Expect(200, "").JSON(&list)
	return len(list.Items)
}

func TestNewNamesEverythingMissingAtOnce(t *testing.T) {
	functiontest.MissingIsNamed(t, extractrendering.New, append(functiontest.Stateful,
		"gateway_url", "public_url", "s3_endpoint", "s3_bucket", "s3-access-key", "s3-secret-key")...)
}

func TestEachRouteIsForOneRole(t *testing.T) {
	b := bench(t)
	b.OnlyFor(access.Citizen, name, "POST /", "GET /", "GET /x", "GET /x/link", "POST /x/send")
	b.OnlyFor(access.Function, name, "POST /settle", "POST /attachment")
}

func TestEveryWrongFieldIsNamed(t *testing.T) {
	b := bench(t)
	token := b.Token(maria.Claims())
	for rule, tc := range map[string]struct {
		body   string
		fields map[string]string
	}{
		"all of them at once":       {`{}`, map[string]string{"kind": "kind_unknown", "format": "format_unknown"}},
		"a kind there is not":       {`{"kind":"passport","format":"pdf"}`, map[string]string{"kind": "kind_unknown"}},
		"a format there is not":     {`{"kind":"extract","format":"docx"}`, map[string]string{"format": "format_unknown"}},
		"a field nobody asked for":  {`{"kind":"extract","format":"pdf","name":"x"}`, map[string]string{"name": "unknown_field"}},
		"a person of another shape": {`{"kind":"extract","format":"pdf","person":1}`, map[string]string{"person": "wrong_type"}},
	} {
		if got := b.Call("POST", name, "/", token, tc.body).Expect(422, "invalid_fields").Fields(); !maps.Equal(got, tc.fields) {
			t.Errorf("%s: names %v instead of %v", rule, got, tc.fields)
		}
	}
}

func TestAnExtractNeedsConsentAndACopy(t *testing.T) {
	b := bench(t)
	token := b.Token(maria.Claims())
	b.Call("POST", name, "/", token, whole).Expect(403, "consent_required")
	b.Consent(token, "self")
	if res := b.Call("POST", name, "/", token, whole).Expect(409, "policy_not_loaded"); res.Suggest != "lookup" {
		t.Errorf("suggests %q", res.Suggest)
	}
	if left := outbox(t, b); len(left) != 0 {
		t.Errorf("left %v", left)
	}
}

func TestADocumentThatIsNotThereIsNotFound(t *testing.T) {
	b := bench(t)
	token := b.Token(maria.Claims())
	for _, id := range []string{"x", strings.Repeat("0", 26), ".."} {
		b.Call("GET", name, "/"+id, token, nil).Expect(404, "document_not_found")
		b.Call("GET", name, "/"+id+"/link", token, nil).Expect(404, "document_not_found")
	}
}

func TestWhileTheObjectStoreIsAwayNothingIsListedAndTheTraceIsErasedLater(t *testing.T) {
	b := bench(t)
	token := holding(b)
	began := time.Now()
	b.Call("POST", name, "/", token, whole).Expect(503, "objects_unavailable")
	if n := listed(b, token); n != 0 {
		t.Errorf("%d documents are listed", n)
	}
	waiting := outbox(t, b)
	if len(waiting) != 1 {
		t.Fatalf("left %v", waiting)
	}
	for e, at := range waiting {
		if e.Topic != name+"/settle" || at.Before(began.Add(30*time.Second)) || at.After(time.Now().Add(time.Minute)) {
			t.Errorf("%+v at %s", e, at)
		}
		b.Call("GET", name, "/"+e.Subject, token, nil).Expect(404, "document_not_found")
		// It stays until the object store, too, says that nothing is left.
		b.CallAs("deadline-watch", name, "/settle", e).Expect(503, "objects_unavailable")
		if left := outbox(t, b); len(left) != 1 {
			t.Errorf("left %v", left)
		}
	}
	b.Take(0)
}

// slow is an object store whose first write waits until the test lets it go on.
type slow struct {
	arrived, release chan bool
	mu               sync.Mutex
	kept             map[string]bool
}

func (s *slow) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if r.Method == http.MethodPut {
		s.arrived <- true
		<-s.release
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	switch r.Method {
	case http.MethodPut:
		s.kept[r.URL.Path] = true
		w.Header().Set("Etag", `"0"`)
	case http.MethodDelete:
		delete(s.kept, r.URL.Path)
		w.WriteHeader(http.StatusNoContent)
	}
}

func TestARevocationDuringARenderingLeavesNothing(t *testing.T) {
	b := bench(t)
	token := holding(b)
	objects := &slow{arrived: make(chan bool, 1), release: make(chan bool), kept: map[string]bool{}}
	srv := httptest.NewServer(objects)
	t.Cleanup(srv.Close)
	release := sync.OnceFunc(func() { close(objects.release) })
	t.Cleanup(release)
	b.Run(name, extractrendering.New, "s3_endpoint", srv.URL)

	rendered := make(chan functiontest.Response, 1)
	go func() { rendered <- b.Call("POST", name, "/", token, whole) }()
	<-objects.arrived
	var reserved store.Event
	for reserved = range outbox(t, b) {
	}
	// Before its time the event left for a rendering that dies changes nothing.
	b.CallAs("deadline-watch", name, "/settle", reserved).Expect(503, "extract_rendering")
	b.Call("POST", consenttoggle.Name, "/", token, `{"operator":"ffoms","action":"revoke","reason":"Передумала"}`).Expect(200, "")
	b.Deliver(1) // the revocation's own erasure: there is nothing yet
	release()
	(<-rendered).Expect(403, "consent_required")
	if len(objects.kept) != 0 {
		t.Errorf("the object store keeps %v", objects.kept)
	}
	if waiting := outbox(t, b); len(waiting) != 1 {
		t.Errorf("left %v", waiting)
	}
	b.CallAs("deadline-watch", name, "/settle", reserved).Expect(200, "")
	if waiting := outbox(t, b); len(waiting) != 0 {
		t.Errorf("left %v", waiting)
	}
}

func TestAnExtractOfAChildIsMadeUntilTheChildIs18(t *testing.T) {
	b := bench(t)
	b.Import(functiontest.Child(functiontest.Ilya, maria))
	token := b.Token(maria.Claims())
	var children struct{ Items []struct{ ID string } }
	b.CallAs("policy-card", insuredregistry.Name, "/children", map[string]any{"applicant": maria.Person}).Expect(200, "").JSON(&children)
	child := children.Items[0].ID
	b.Consent(token, child)
	b.Call("POST", policyrequest.Name, "/", token, map[string]string{"kind": "lookup", "person": child}).Expect(202, "")
	b.Deliver(1)
	b.SetClock(time.Date(2037, time.September, 2, 0, 0, 0, 0, functiontest.Begin.Location()))
	body := map[string]string{"kind": "extract", "format": "pdf", "person": child}
	b.Call("POST", name, "/", token, body).Expect(409, "policy_not_loaded")
	b.Advance(-time.Minute)
	b.Call("POST", name, "/", token, body).Expect(503, "objects_unavailable")
}
