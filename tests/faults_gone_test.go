package tests

import (
	"context"
	"io"
	"maps"
	"net"
	"net/http"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	audittrail "polis/functions/audit-trail"
	consenttoggle "polis/functions/consent-toggle"
	deadlinewatch "polis/functions/deadline-watch"
	extractrendering "polis/functions/extract-rendering"
	insuredregistry "polis/functions/insured-registry"
	notify "polis/functions/notify"
	policycard "polis/functions/policy-card"
	policyrequest "polis/functions/policy-request"
	smoselection "polis/functions/smo-selection"
	"polis/local/issuer"
	"polis/local/platform"
	"polis/shared/functiontest"
	"polis/shared/server"
)

const (
	saysSo  = 2 * time.Second // that it is unavailable
	worksBy = 5 * time.Second // after what was gone is back
)

// wire carries connections to a server, until it is cut.
type wire struct {
	addr, to string
	carrying sync.WaitGroup

	mu       sync.Mutex
	listener net.Listener
	whole    bool
	open     map[net.Conn]bool
}

// newWire is in one piece until it is cut, or the test ends.
func newWire(t *testing.T, to string) *wire {
	t.Helper()
	w := &wire{addr: "127.0.0.1:0", to: to, open: map[net.Conn]bool{}}
	w.mend(t)
	t.Cleanup(w.cut)
	return w
}

func (w *wire) mend(t *testing.T) {
	t.Helper()
	listener, err := net.Listen("tcp", w.addr)
	if err != nil {
		t.Fatal(err)
	}
	w.mu.Lock()
	w.listener, w.addr, w.whole = listener, listener.Addr().String(), true
	w.mu.Unlock()
	w.carrying.Go(func() {
		for {
			near, err := listener.Accept()
			if err != nil {
				return
			}
			w.carrying.Go(func() { w.carry(near) })
		}
	})
}

// cut closes everything and refuses what comes.
func (w *wire) cut() {
	w.mu.Lock()
	w.whole = false
	w.listener.Close()
	for end := range w.open {
		end.Close()
	}
	w.mu.Unlock()
	w.carrying.Wait()
}

// keep makes a connection one that a cut closes; one that comes after it is
// closed at once.
func (w *wire) keep(end net.Conn) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.open[end] = true
	if !w.whole {
		end.Close()
	}
}

func (w *wire) drop(end net.Conn) {
	w.mu.Lock()
	defer w.mu.Unlock()
	delete(w.open, end)
	end.Close()
}

func (w *wire) carry(near net.Conn) {
	w.keep(near)
	defer w.drop(near)
	far, err := net.Dial("tcp", w.to)
	if err != nil {
		return
	}
	w.keep(far)
	defer w.drop(far)
	var back sync.WaitGroup
	back.Go(func() {
		io.Copy(near, far)
		near.Close()
	})
	io.Copy(far, near)
	far.Close()
	back.Wait()
}

// service is a call that needs what is going to be gone.
type service struct {
	by           visitor
	method, path string
	body         any
	status       int // while nothing is gone
}

func (c service) String() string { return c.method + " " + c.path }

// unavailable demands 503 with Retry-After, soon.
func (c service) unavailable(t *testing.T) {
	t.Helper()
	began := time.Now()
	a := c.by.call(c.method, c.path, c.body)
	if took := time.Since(began); took > saysSo {
		t.Errorf("%s answered after %v", c, took)
	}
	if a.status != http.StatusServiceUnavailable || a.header.Get("Retry-After") == "" {
		t.Errorf("%s answered %d, Retry-After %q: %s", c, a.status, a.header.Get("Retry-After"), a.body)
	}
}

// works demands the answer of old before the time is over.
func (c service) works(t *testing.T, by time.Time) {
	t.Helper()
	inTime(t, max(time.Until(by), time.Millisecond), c.String()+" works again", func() bool {
		return c.by.call(c.method, c.path, c.body).status == c.status
	})
}

// quiet waits until nothing is under way.
func (s *stage) quiet(t *testing.T) {
	t.Helper()
	inTime(t, time.Minute, "quiet", func() bool {
		return len(s.keys(t, "outbox"))+len(s.keys(t, "lane")) == 0
	})
}

func TestWithoutRedisEachFunctionSaysSoAndComesBackByItself(t *testing.T) {
	s := newStageAlone(t)
	insured, anyone := s.as(t, "insured"), s.anyone(t)
	insured.consents()
	insured.loads(fields{})
	newcomer := s.invent(t, 0)
	first := fields{"kind": "register", "region": "26"}
	rows := fields{"source_id": "load", "records": []fields{s.invent(t, 1).row()}}
	calls := []service{
		{insured, get, "/consent-toggle", nil, http.StatusOK},
		{insured, get, "/policy-request", nil, http.StatusOK},
		{newcomer.with("Idempotency-Key", "once"), post, "/policy-request", first, http.StatusAccepted},
		{newcomer.visitor, post, "/consent-toggle", fields{"operator": "ffoms", "person": "self", "action": "grant"}, http.StatusOK},
		{insured, get, "/policy-card", nil, http.StatusOK},
		{insured, get, "/policy-card/access", nil, http.StatusOK},
		{insured, get, "/extract-rendering", nil, http.StatusOK},
		{insured, post, "/extract-rendering", extractOf("self"), http.StatusCreated},
		{s.as(t, "operator"), post, "/insured-registry/imports", rows, http.StatusAccepted},
		{s.as(t, "zags"), post, "/insured-registry/events", birth(t, "120269260000204100009", "Егор"), http.StatusAccepted},
		{anyone, get, "/smo-selection?region=26", nil, http.StatusOK},
		{anyone, get, "/smo-selection/offices?region=26", nil, http.StatusOK},
		{insured, get, "/notify", nil, http.StatusOK},
		{newcomer.visitor, http.MethodPut, "/notify/preferences", fields{"email": true, "sms": false}, http.StatusOK},
		{s.as(t, "operator"), get, "/deadline-watch/dead-letters", nil, http.StatusOK},
		{anyone, post, "/deadline-watch", nil, http.StatusOK},
		{s.as(t, "auditor"), get, "/audit-trail?partition=p000", nil, http.StatusOK},
		{anyone, post, "/audit-trail", nil, http.StatusOK},
	}
	s.quiet(t)
	before := s.trace(t)
	if err := s.Suspend("redis"); err != nil {
		t.Fatal(err)
	}
	for _, c := range calls {
		c.unavailable(t)
	}
	anyone.get("/portal").is(http.StatusOK) // needs nothing
	if err := s.Resume("redis"); err != nil {
		t.Fatal(err)
	}
	back := time.Now()
	eventually(t, "Redis answers the test too", func() bool { return s.redis.Ping(t.Context()).Err() == nil })
	if after := s.trace(t); !maps.Equal(before, after) {
		for key := range after {
			if before[key] != after[key] {
				t.Errorf("half done: %s", key)
			}
		}
		for key := range before {
			if _, still := after[key]; !still {
				t.Errorf("lost: %s", key)
			}
		}
	}
	for _, c := range calls {
		c.works(t, back.Add(worksBy))
	}
	if all := newcomer.applications(); len(all) != 1 {
		t.Errorf("applications: %+v", all)
	}
}

func TestWithoutTheObjectStoreOnlyDocumentsAreUnavailable(t *testing.T) {
	var objects *wire
	s := newStageAlone(t, func(o *platform.Options) {
		objects = newWire(t, strings.TrimPrefix(o.S3.URL, "http://"))
		o.S3.URL = "http://" + objects.addr
	})
	insured, mother := s.as(t, "insured"), s.as(t, "mother")
	for _, v := range []visitor{insured, mother} {
		v.consents()
		v.loads(fields{})
	}
	have := insured.extract("self")
	s.quiet(t)
	calls := []service{
		{insured, get, "/extract-rendering/" + have.ID, nil, http.StatusOK},
		{mother, post, "/extract-rendering", extractOf("self"), http.StatusCreated},
	}
	objects.cut()
	for _, c := range calls {
		c.unavailable(t)
	}
	insured.card("self")
	if listed := mother.documents(); len(listed) != 0 {
		t.Errorf("listed, and not made: %+v", listed)
	}
	objects.mend(t)
	back := time.Now()
	for _, c := range calls {
		c.works(t, back.Add(worksBy))
	}
	if listed := mother.documents(); len(listed) != 1 {
		t.Errorf("documents: %+v", listed)
	} else {
		mother.get("/extract-rendering/" + listed[0].ID).is(http.StatusOK)
	}
	if stored := s.objects(t); len(stored) != 2 {
		t.Errorf("two documents are the objects %q", stored)
	}
}

// login is an issuer of its own that can go away and come back.
type login struct {
	*issuer.Issuer
	*wire
}

func newLogin(t *testing.T) login {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	w := newWire(t, listener.Addr().String())
	i, err := issuer.Open("http://"+w.addr, filepath.Join(t.TempDir(), "key.pem"))
	if err != nil {
		t.Fatal(err)
	}
	served := &http.Server{Handler: i.Handler(issuer.Client{})}
	var serving sync.WaitGroup
	serving.Go(func() { served.Serve(listener) }) // ends with Shutdown
	t.Cleanup(func() {
		served.Shutdown(context.Background())
		serving.Wait()
	})
	return login{i, w}
}

func TestWithoutTheLoginEachFunctionSaysSoAndComesBackByItself(t *testing.T) {
	b := functiontest.New(t)
	from := newLogin(t)
	token := func(claims functiontest.Claims) string {
		made, err := from.Token(claims, issuer.Flaw{})
		if err != nil {
			t.Fatal(err)
		}
		return made
	}
	citizen := functiontest.Maria.Claims()
	of := func(role string) functiontest.Claims {
		return functiontest.Claims{"sub": role, "roles": []string{role}, "trusted": true, "source": "zags"}
	}
	calls := []struct {
		function     string
		new          server.New
		method, path string
		by           functiontest.Claims
		body         any
	}{
		{consenttoggle.Name, consenttoggle.New, get, "/", citizen, nil},
		{policyrequest.Name, policyrequest.New, get, "/", citizen, nil},
		{policycard.Name, policycard.New, get, "/", citizen, nil},
		{extractrendering.Name, extractrendering.New, get, "/", citizen, nil},
		{notify.Name, notify.New, get, "/", citizen, nil},
		{insuredregistry.Name, insuredregistry.New, post, "/imports", of("operator"), `{"source_id":"load","records":[{}]}`},
		{smoselection.Name, smoselection.New, post, "/imports", of("operator"), `{"kind":"f001"}`},
		{deadlinewatch.Name, deadlinewatch.New, get, "/dead-letters", of("operator"), nil},
		{audittrail.Name, audittrail.New, get, "/?partition=p000", of("auditor"), nil},
	}
	from.cut()
	for _, c := range calls {
		b.Run(c.function, c.new, "oidc_issuer", "http://"+from.addr, "oidc_audience", issuer.Audience)
		began := time.Now()
		res := b.Call(c.method, c.function, c.path, token(c.by), c.body)
		if took := time.Since(began); took > saysSo {
			t.Errorf("%s answered after %v", c.function, took)
		}
		if res.Status != http.StatusServiceUnavailable || res.Header.Get("Retry-After") == "" {
			t.Errorf("%s answered %d, Retry-After %q: %s", c.function, res.Status, res.Header.Get("Retry-After"), res.Body)
		}
	}
	if keys := b.Redis.Keys(); len(keys) > 0 {
		t.Errorf("half done: %q", keys)
	}
	from.mend(t)
	back := time.Now()
	works := func(by time.Time) {
		for _, c := range calls {
			inTime(t, max(time.Until(by), time.Millisecond), c.function+" works", func() bool {
				status := b.Call(c.method, c.function, c.path, token(c.by), c.body).Status
				if status == http.StatusUnauthorized || status == http.StatusForbidden && c.function != policycard.Name {
					t.Fatalf("%s answered %d", c.function, status)
				}
				return status < http.StatusInternalServerError
			})
		}
	}
	works(back.Add(worksBy))
	// Whoever knows the keys needs the issuer no more.
	from.cut()
	works(time.Now().Add(worksBy))
}
