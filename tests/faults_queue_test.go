package tests

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"net/http"
	"os"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"polis/local/platform"
	"polis/shared/calendar"
	"polis/shared/person"
)

// seedVariable repeats the plan of a run that failed: each run prints its seed.
const seedVariable = "POLIS_FAULTS_SEED"

func faultSeed(t *testing.T) uint64 {
	t.Helper()
	seed := rand.Uint64()
	if text := os.Getenv(seedVariable); text != "" {
		var err error
		if seed, err = strconv.ParseUint(text, 10, 64); err != nil {
			t.Fatalf("%s: %v", seedVariable, err)
		}
	}
	t.Logf("%s=%d", seedVariable, seed)
	return seed
}

// citizen is an invented person with what they ask for.
type citizen struct {
	visitor
	number  int
	asked   []*ask
	made    atomic.Bool // an extract
	revoked atomic.Bool // a consent, or is about to be
}

type ask struct {
	body fields
	end  string // status that the rules lead to
	call string // id of the call, of every try
	id   string // of the application, once it is accepted
}

var invented = person.Person{
	Name: person.Name{Family: "Вымышленникова", Given: "Анна", Patronymic: "Петровна"},
	Sex:  person.Female, Birth: calendar.On(1990, time.May, 17),
}

func inventedSubject(number int) string { return fmt.Sprintf("invented-%d", number) }

// inventedSNILS of a citizen; numbers this low carry no check digits.
func inventedSNILS(number int) string { return fmt.Sprintf("%09d00", 20_000+number) }

func inventedPassport(number int) string { return fmt.Sprintf("%06d", 200_000+number) }

// inventedENP is the number under which a citizen is imported. All are of one
// series, so that those put on record later draw from it too.
func inventedENP(t *testing.T, number int) string {
	t.Helper()
	enp, err := person.NewENP("26", invented.Birth, invented.Sex, number)
	if err != nil {
		t.Fatal(err)
	}
	return string(enp)
}

// invent makes a citizen whom the login vouches for. A third of them has an
// e-mail address, a third a telephone, and the others only the history.
func (s *stage) invent(t *testing.T, number int) *citizen {
	t.Helper()
	claims := map[string]any{
		"sub": inventedSubject(number), "snils": inventedSNILS(number),
		"lastName": invented.Name.Family, "firstName": invented.Name.Given, "middleName": invented.Name.Patronymic,
		"birthDate": "17.05.1990", "gender": "F", "email": "", "mobile": "",
		"id_doc": map[string]string{"type": "RF_PASSPORT", "series": "4512", "number": inventedPassport(number), "vrfStu": "VERIFIED"},
	}
	switch number % 3 {
	case 0:
		claims["email"] = fmt.Sprintf("invented-%d@example.org", number)
	case 1:
		claims["mobile"] = fmt.Sprintf("+7(900)%07d", 6660000+number)
	}
	return &citizen{visitor: s.like(t, "newcomer", claims), number: number}
}

// row of an import that puts a citizen on record.
func (c *citizen) row() fields {
	return fields{
		"enp": inventedENP(c.t, c.number), "snils": inventedSNILS(c.number), "sex": "F", "birth_date": invented.Birth.String(),
		"name":     fields{"family": invented.Name.Family, "given": invented.Name.Given, "patronymic": invented.Name.Patronymic},
		"document": fields{"type": 14, "series": "45 12", "number": inventedPassport(c.number)},
		"region":   "26", "insurer": "26002", "since": "2020-01-01",
	}
}

// wants notes what the citizen is going to ask for, and how it has to end.
func (c *citizen) wants(end string, body fields) {
	c.asked = append(c.asked, &ask{body: body, end: end, call: fmt.Sprintf("ask-%d-%d", c.number, len(c.asked))})
}

// onRecord is a citizen of the register. What they ask for is found, or differs,
// or is not for them.
func (s *stage) onRecord(t *testing.T, number int) *citizen {
	c := s.invent(t, number)
	c.wants("granted", fields{"kind": "lookup"})
	c.wants("refused", fields{"kind": "register", "region": "26"}) // already insured
	if number%2 == 0 {
		c.wants("granted", fields{"kind": "link", "enp": inventedENP(t, number)})
	} else {
		c.wants("needs_person", fields{"kind": "link", "enp": inventedENP(t, number-1)}) // somebody else's
	}
	return c
}

// unknown is a citizen who is not in the register and is looked for.
func (s *stage) unknown(t *testing.T, number int) *citizen {
	c := s.invent(t, number)
	c.wants("working", fields{"kind": "lookup"})
	c.wants("working", fields{"kind": "lookup", "what": []string{"policy"}})
	return c
}

// first is a citizen who gets a first policy, and asks for somebody else's.
func (s *stage) first(t *testing.T, number int) *citizen {
	c := s.invent(t, number)
	c.wants("granted", fields{"kind": "register", "region": "26"})
	c.wants("needs_person", fields{"kind": "link", "enp": inventedENP(t, 0)})
	return c
}

// enrol puts citizens on record by one import.
func (s *stage) enrol(t *testing.T, citizens []*citizen) {
	t.Helper()
	rows := make([]fields, len(citizens))
	for i, c := range citizens {
		rows[i] = c.row()
	}
	done := read[struct{ Imported int }](s.as(t, "operator").post("/insured-registry/imports",
		fields{"source_id": "invented", "records": rows}).is(http.StatusAccepted))
	if done.Imported != len(rows) {
		t.Fatalf("%d of %d are on record", done.Imported, len(rows))
	}
}

var errStillAway = errors.New("the service did not come back")

// insists repeats a request, under its key, until there is an answer that is not
// the fault of the service or the platform.
func (v visitor) insists(method, path string, body any) (answer, error) {
	ctx, cancel := context.WithTimeout(v.t.Context(), time.Minute)
	defer cancel()
	for {
		a, err := v.send(method, path, body)
		if err != nil || a.status < http.StatusInternalServerError {
			return a, err
		}
		select {
		case <-ctx.Done():
			return a, fmt.Errorf("%w: %d %s", errStillAway, a.status, a.body)
		case <-time.After(100 * time.Millisecond):
		}
	}
}

// submit asks for one thing, and now and then once more after it was accepted.
func (c *citizen) submit(a *ask, again bool) error {
	keyed := c.with("Idempotency-Key", "key-"+a.call).with("X-Call-Id", a.call)
	for range 2 {
		got, err := keyed.insists(http.MethodPost, "/policy-request", a.body)
		if err != nil {
			return err
		}
		if got.status != http.StatusAccepted {
			return fmt.Errorf("%s answered %d: %s", got.to, got.status, got.body)
		}
		id := read[applicationView](got).ID
		if a.id != "" && a.id != id {
			return fmt.Errorf("one key has made %s and %s", a.id, id)
		}
		a.id = id
		if !again {
			break
		}
	}
	return nil
}

// together runs jobs, eight at a time, and fails the test with their errors.
func together(t *testing.T, jobs []func() error) {
	t.Helper()
	if err := eightAtATime(jobs); err != nil {
		t.Fatal(err)
	}
}

func eightAtATime(jobs []func() error) error {
	work := make(chan func() error)
	var workers sync.WaitGroup
	var mu sync.Mutex
	var failures []error
	for range 8 {
		workers.Go(func() {
			for job := range work {
				if err := job(); err != nil {
					mu.Lock()
					failures = append(failures, err)
					mu.Unlock()
				}
			}
		})
	}
	for _, job := range jobs {
		work <- job
	}
	close(work)
	workers.Wait()
	return errors.Join(failures...)
}

// allConsent gives both consents for each citizen.
func (s *stage) allConsent(t *testing.T, citizens []*citizen) {
	t.Helper()
	var jobs []func() error
	for _, c := range citizens {
		jobs = append(jobs, func() error {
			for _, operator := range []string{"ffoms", "mincifry"} {
				a, err := c.send(http.MethodPost, "/consent-toggle", fields{"operator": operator, "person": "self", "action": "grant"})
				if err != nil || a.status != http.StatusOK {
					return fmt.Errorf("consent: %d %s %w", a.status, a.body, err)
				}
			}
			return nil
		})
	}
	together(t, jobs)
}

// takesExtract asks once for the extract of the citizen's policy, always under
// one key, and tells whether that is the end of it: it is made, or refused to
// one who has revoked a consent.
func (c *citizen) takesExtract() (over bool, err error) {
	a, err := c.with("Idempotency-Key", "extract").send(http.MethodPost, "/extract-rendering", extractOf("self"))
	if err != nil || a.status >= http.StatusInternalServerError {
		return false, err
	}
	switch a.status {
	case http.StatusCreated, http.StatusOK:
		c.made.Store(true)
		return true, nil
	case http.StatusConflict: // the policy is not loaded yet, or was revoked right now
		return false, nil
	case http.StatusForbidden:
		if c.revoked.Load() {
			return true, nil
		}
	}
	return false, fmt.Errorf("%s answered %d: %s", a.to, a.status, a.body)
}

// takesAndRevokes is takesExtract by one who wants nothing more once it is made.
func (c *citizen) takesAndRevokes() (over bool, err error) {
	if over, err = c.takesExtract(); over && err == nil {
		err = c.revoke()
	}
	return over, err
}

// takesWhileRevoking waits for the policy, and then asks for its extract and
// revokes a consent: each citizen at another moment of the rendering.
func (c *citizen) takesWhileRevoking() (over bool, err error) {
	if a, err := c.send(http.MethodGet, "/policy-card", nil); err != nil || a.status != http.StatusOK {
		return false, err
	}
	c.revoked.Store(true)
	revoked := make(chan error, 1)
	time.AfterFunc(time.Duration(c.number)*time.Millisecond, func() { revoked <- c.revoke() })
	for over, err = c.takesExtract(); !over && err == nil; over, err = c.takesExtract() {
		time.Sleep(100 * time.Millisecond) // as insists does
	}
	return true, errors.Join(err, <-revoked)
}

// untilOver has citizens do something, eight at a time, until it is over for
// each.
func untilOver(ctx context.Context, citizens []*citizen, try func(*citizen) (over bool, err error)) error {
	for waiting := citizens; ; {
		var mu sync.Mutex
		var still []*citizen
		var jobs []func() error
		for _, c := range waiting {
			jobs = append(jobs, func() error {
				over, err := try(c)
				if !over && err == nil {
					mu.Lock()
					defer mu.Unlock()
					still = append(still, c)
				}
				return err
			})
		}
		if err := eightAtATime(jobs); err != nil || len(still) == 0 {
			return err
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("it is not over for %d citizens: %w", len(still), ctx.Err())
		case <-time.After(500 * time.Millisecond):
		}
		waiting = still
	}
}

// revoke withdraws a consent.
func (c *citizen) revoke() error {
	c.revoked.Store(true)
	a, err := c.with("Idempotency-Key", "revoke").insists(http.MethodPost, "/consent-toggle",
		fields{"operator": "ffoms", "person": "self", "action": "revoke", "reason": "Больше не нужно"})
	if err == nil && a.status != http.StatusOK {
		err = fmt.Errorf("%s answered %d: %s", a.to, a.status, a.body)
	}
	return err
}

// victims of the random kills.
var victims = []string{"policy-request", "notify", "insured-registry", "extract-rendering", "deadline-watch", "audit-trail"}

// storm has the queue fail and kills processes at random while work is done,
// and returns how often each was killed.
func (s *stage) storm(t *testing.T, seed uint64, work func()) (kills map[string]int) {
	t.Helper()
	if err := s.SetQueue(platform.QueueFaults{Drop: 0.5, Double: 0.1, Delay: 200 * time.Millisecond, Seed: seed}); err != nil {
		t.Fatal(err)
	}
	kills = map[string]int{}
	over, ended := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(ended)
		dice := rand.New(rand.NewPCG(seed, 1))
		for {
			pause, victim := time.Duration(300+dice.IntN(900))*time.Millisecond, victims[dice.IntN(len(victims))]
			select {
			case <-over:
				return
			case <-time.After(pause):
			}
			if s.Kill(victim) == nil { // else it is dead already
				kills[victim]++
			}
		}
	}()
	func() {
		defer func() { close(over); <-ended }()
		work()
	}()
	if err := s.SetQueue(platform.QueueFaults{}); err != nil {
		t.Fatal(err)
	}
	return kills
}

// comesRight waits until nothing is left to find. Nobody helps: what was lost is
// found by cron's runs and by those that processes begin with.
func (s *stage) comesRight(t *testing.T, limit time.Duration, citizens []*citizen, kills map[string]int) facts {
	t.Helper()
	began := time.Now()
	over := time.After(limit)
	var left []string
	for {
		left = append(append(s.keys(t, "outbox"), s.keys(t, "lane")...), s.keys(t, "events")...)
		if len(left) == 0 {
			quiet := time.Since(began)
			f := s.observe(t, citizens)
			f.NotifyKilled = kills["notify"]
			if left = f.findings(); len(left) == 0 {
				t.Logf("it took %v until nothing was left: %d messages, %d documents, %d entries of audit",
					quiet.Round(time.Millisecond), len(f.Inbox), len(f.Documents), len(f.Audit))
				return f
			}
		}
		select {
		case <-over:
			t.Fatalf("after %v there are %d findings:\n%s", limit, len(left), strings.Join(left[:min(len(left), 50)], "\n"))
		case <-time.After(500 * time.Millisecond):
		}
	}
}

const (
	lasts    = 20 * time.Second // at least, during which people submit
	recovery = time.Minute      // within which all comes right after the faults
)

func TestNothingIsLostOnAQueueThatLosesCalls(t *testing.T) {
	s := newStageAlone(t)
	seed := faultSeed(t)
	// All who are on record ask for their extract. Some revoke a consent, when
	// they have it or while it is made.
	var citizens, enrolled, staying, leaving, hasty []*citizen
	for n := range 200 {
		switch {
		case n < 100:
			c := s.onRecord(t, n)
			enrolled, citizens = append(enrolled, c), append(citizens, c)
			switch n % 10 {
			case 0:
				hasty = append(hasty, c)
			case 5:
				leaving = append(leaving, c)
			default:
				staying = append(staying, c)
			}
		case n < 150:
			citizens = append(citizens, s.unknown(t, n))
		default:
			citizens = append(citizens, s.first(t, n))
		}
	}
	s.enrol(t, enrolled)
	s.allConsent(t, citizens)

	// Who is going to revoke submits at the beginning, the others all the time.
	dice := rand.New(rand.NewPCG(seed, 2))
	var first, jobs []func() error
	pace := time.NewTicker(lasts / 500)
	defer pace.Stop()
	for _, c := range citizens {
		for _, a := range c.asked {
			again := dice.IntN(10) == 0
			if slices.Contains(hasty, c) || slices.Contains(leaving, c) {
				first = append(first, func() error { return c.submit(a, again) })
				continue
			}
			jobs = append(jobs, func() error {
				<-pace.C
				return c.submit(a, again)
			})
		}
	}
	dice.Shuffle(len(jobs), func(i, j int) { jobs[i], jobs[j] = jobs[j], jobs[i] })
	if len(first)+len(jobs) != 500 {
		t.Fatalf("%d applications", len(first)+len(jobs))
	}

	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	over := make(chan error, 3)
	made := func(of []*citizen) (n int) {
		for _, c := range of {
			if c.made.Load() {
				n++
			}
		}
		return n
	}
	kills := s.storm(t, seed, func() {
		together(t, first)
		go func() { over <- untilOver(ctx, hasty, (*citizen).takesWhileRevoking) }()
		go func() { over <- untilOver(ctx, leaving, (*citizen).takesAndRevokes) }()
		go func() { over <- untilOver(ctx, staying, (*citizen).takesExtract) }()
		together(t, jobs)
		inTime(t, time.Minute, "a third of the extracts", func() bool { return made(enrolled) > len(enrolled)/3 })
	})
	ended, law := time.Now(), s.Now()
	t.Logf("killed: %v; extracts made meanwhile: %d, of which %d by people who revoked since, and %d while they revoked",
		kills, made(enrolled), made(leaving), made(hasty))
	for range cap(over) {
		select {
		case err := <-over:
			if err != nil {
				t.Fatal(err)
			}
		case <-time.After(time.Until(ended.Add(recovery))):
			t.Fatalf("after %v extracts are still asked for", recovery)
		}
	}
	f := s.comesRight(t, time.Until(ended.Add(recovery)), citizens, kills)
	last := law
	for _, a := range f.Applications {
		if at := a.Timeline[len(a.Timeline)-1].At; at.After(last) {
			last = at
		}
	}
	t.Logf("the last application came to where it ends %v after the faults, all was verified after %v",
		last.Sub(law), time.Since(ended).Round(time.Second))
}
