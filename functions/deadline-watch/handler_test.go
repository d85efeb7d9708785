package function_test

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	handler "github.com/openfaas/templates-sdk/go-http"

	consenttoggle "polis/functions/consent-toggle"
	deadlinewatch "polis/functions/deadline-watch"
	insuredregistry "polis/functions/insured-registry"
	policyrequest "polis/functions/policy-request"
	"polis/shared/functiontest"
	"polis/shared/server"
)

const name = deadlinewatch.Name

var anna = functiontest.Anna

func bench(t *testing.T) *functiontest.Bench {
	b := functiontest.New(t)
	b.Run(name, deadlinewatch.New)
	b.Run(policyrequest.Name, policyrequest.New)
	b.Run(consenttoggle.Name, consenttoggle.New)
	b.Run(insuredregistry.Name, insuredregistry.New)
	return b
}

type application struct {
	ID, Status string
	Due        time.Time
	NextTry    time.Time `json:"next_try"`
	Timeline   []any
}

func submit(b *functiontest.Bench, token string) (a application) {
	b.Consent(token, "self")
	b.Call("POST", policyrequest.Name, "/", token, `{"kind":"lookup"}`).Expect(202, "").JSON(&a)
	return a
}

func read(b *functiontest.Bench, token, id string) (a application) {
	b.Call("GET", policyrequest.Name, "/"+id, token, nil).Expect(200, "").JSON(&a)
	return a
}

type run struct {
	Ran               bool
	Delivered, Failed int
}

func sweep(b *functiontest.Bench) (r run) {
	b.Call("POST", name, "/", "", nil).Expect(200, "").JSON(&r)
	return r
}

// late makes every event of the outbox, but the notices that nobody sends here,
// one that should have been handled long ago by the machine clock.
func late(t *testing.T, b *functiontest.Bench) {
	t.Helper()
	for _, key := range b.Redis.Keys() {
		if !strings.HasPrefix(key, "outbox:") {
			continue
		}
		ids, err := b.Redis.ZMembers(key)
		if err != nil {
			t.Fatal(err)
		}
		for _, id := range ids {
			if strings.Contains(b.Redis.HGet("events:"+strings.TrimPrefix(key, "outbox:"), id), `"topic":"notify/`) {
				continue
			}
			if _, err := b.Redis.ZAdd(key, 0, id); err != nil {
				t.Fatal(err)
			}
		}
	}
}

func TestNewNamesEverythingMissingAtOnce(t *testing.T) {
	functiontest.MissingIsNamed(t, deadlinewatch.New, append(functiontest.Stateful, "gateway_url")...)
}

func TestCronNeedsNoLoginAndACitizenHasNoBusinessHere(t *testing.T) {
	b := bench(t)
	if r := sweep(b); r != (run{Ran: true}) {
		t.Errorf("%+v", r)
	}
	b.Call("POST", name, "/", b.Token(anna.Claims()), nil).Expect(403, "not_allowed")
	b.Call("POST", name, "/", b.Token(functiontest.Operator), nil).Expect(200, "")
	b.Call("GET", name, "/", "", nil).Expect(405, "method_not_allowed")
}

func TestWhatTheQueueLostIsDelivered(t *testing.T) {
	b := bench(t)
	token := b.Token(anna.Claims())
	a := submit(b, token)
	b.Take(1) // lost
	if r := sweep(b); r.Delivered != 0 {
		t.Fatalf("the queue is given no time: %+v", r)
	}
	late(t, b)
	if r := sweep(b); r != (run{Ran: true, Delivered: 1}) {
		t.Errorf("%+v", r)
	}
	if a = read(b, token, a.ID); a.Status != "working" {
		t.Errorf("%+v", a)
	}
	late(t, b)
	if r := sweep(b); r != (run{Ran: true}) {
		t.Errorf("delivered again: %+v", r)
	}
}

func TestWorkIsDoneAtItsTimeByTheLawClockAndNotBefore(t *testing.T) {
	b := bench(t)
	token := b.Token(anna.Claims())
	a := submit(b, token)
	b.Deliver(1)
	a = read(b, token, a.ID)
	b.SetClock(a.NextTry.Add(-time.Second))
	if r := sweep(b); r != (run{Ran: true}) {
		t.Errorf("before its time: %+v", r)
	}
	b.SetClock(a.NextTry)
	if r := sweep(b); r != (run{Ran: true, Delivered: 1}) {
		t.Errorf("at its time: %+v", r)
	}
	if r := sweep(b); r != (run{Ran: true}) {
		t.Errorf("once more: %+v", r)
	}
	b.SetClock(a.Due)
	if r := sweep(b); r.Delivered != 1 {
		t.Errorf("at the term: %+v", r)
	}
	if a = read(b, token, a.ID); a.Status != "refused" {
		t.Errorf("%+v", a)
	}
	b.Advance(365 * 24 * time.Hour)
	if r := sweep(b); r != (run{Ran: true}) {
		t.Errorf("after the end: %+v", r)
	}
}

func TestAConsumerThatIsAwayIsTriedAgain(t *testing.T) {
	b := bench(t)
	token := b.Token(anna.Claims())
	a := submit(b, token)
	b.Take(1)
	b.Put(policyrequest.Name, nil)
	late(t, b)
	if r := sweep(b); r != (run{Ran: true, Failed: 1}) {
		t.Errorf("%+v", r)
	}
	if r := sweep(b); r != (run{Ran: true}) {
		t.Errorf("without a pause: %+v", r)
	}
	b.Run(policyrequest.Name, policyrequest.New)
	late(t, b)
	if r := sweep(b); r != (run{Ran: true, Delivered: 1}) {
		t.Errorf("%+v", r)
	}
	if a = read(b, token, a.ID); a.Status != "working" {
		t.Errorf("%+v", a)
	}
}

func TestOfTwoRunsAtOnceOneRuns(t *testing.T) {
	b := bench(t)
	submit(b, b.Token(anna.Claims()))
	b.Take(1)
	late(t, b)
	entered, leave := make(chan struct{}), make(chan struct{})
	b.Put(policyrequest.Name, functiontest.Handler(func(handler.Request) (handler.Response, error) {
		close(entered)
		<-leave
		return handler.Response{StatusCode: 200}, nil
	}))
	first := make(chan run)
	go func() { first <- sweep(b) }()
	<-entered
	if r := sweep(b); r != (run{}) {
		t.Errorf("the second: %+v", r)
	}
	close(leave)
	if r := <-first; r != (run{Ran: true, Delivered: 1}) {
		t.Errorf("the first: %+v", r)
	}
	if r := sweep(b); !r.Ran {
		t.Error("the lease was not given back")
	}
}

// begin starts the function as a process does, with its own work, and returns
// what ends it: the work is told, as of a drain, and waited for.
func begin(t *testing.T, b *functiontest.Bench) (end func()) {
	t.Helper()
	working, cancel := context.WithCancel(t.Context())
	ended := make(chan struct{})
	worker := b.Run(name, deadlinewatch.New).(server.Worker)
	go func() {
		defer close(ended)
		worker.Work(working)
	}()
	return func() { cancel(); <-ended }
}

// becomes waits until an application has a status.
func becomes(t *testing.T, b *functiontest.Bench, token, id, status string) {
	t.Helper()
	late := time.After(10 * time.Second)
	for read(b, token, id).Status != status {
		select {
		case <-late:
			t.Fatalf("application is %s", read(b, token, id).Status)
		case <-time.After(10 * time.Millisecond):
		}
	}
}

func TestAProcessPassesAgainAndAgainAndDoesNotWaitForCron(t *testing.T) {
	b := bench(t)
	defer begin(t, b)()
	for _, c := range []functiontest.Citizen{anna, functiontest.Maria} {
		token := b.Token(c.Claims())
		a := submit(b, token)
		b.Take(1) // lost
		late(t, b)
		becomes(t, b, token, a.ID, "working")
	}
}

func TestAProcessTakesOverFromAnother(t *testing.T) {
	b := bench(t)
	token := b.Token(anna.Claims())
	a := submit(b, token)
	b.Take(1)
	first := begin(t, b)
	late(t, b)
	becomes(t, b, token, a.ID, "working")
	defer begin(t, b)()
	later := submit(b, b.Token(functiontest.Maria.Claims()))
	first()
	b.Take(1)
	late(t, b)
	becomes(t, b, b.Token(functiontest.Maria.Claims()), later.ID, "working")
}

func TestAProcessOutlivesAStoreThatIsAwayForAMoment(t *testing.T) {
	b := bench(t)
	token := b.Token(anna.Claims())
	a := submit(b, token)
	b.Take(1)
	late(t, b)
	met := b.Redis.TotalConnectionCount()
	b.Loading(true)
	end := begin(t, b)
	defer end()
	late := time.After(10 * time.Second)
	for b.Redis.TotalConnectionCount() == met {
		select {
		case <-late:
			t.Fatal("nobody has asked the store")
		case <-time.After(time.Millisecond):
		}
	}
	b.Loading(false)
	becomes(t, b, token, a.ID, "working")
}

func TestAStoreThatIsAwayIsSaidSo(t *testing.T) {
	b := bench(t)
	b.Loading(true)
	b.Call("POST", name, "/", "", nil).Expect(503, "store_unavailable")
	b.Loading(false)
	if r := sweep(b); !r.Ran {
		t.Errorf("%+v", r)
	}
}

func TestADeadLetterIsPlayedAgainForAReasonThatCanBeRead(t *testing.T) {
	b := bench(t)
	for rule, reason := range map[string]string{
		"none": " ", "too long": strings.Repeat("я", 201), "two lines": "a\nb", "a line turned round": "a\u202eb", "one that hides": "a\u200bb",
	} {
		res := b.Call("POST", name, "/dead-letters/x", b.Token(functiontest.Operator), map[string]string{"home": "x", "reason": reason}).Expect(422, "invalid_fields")
		if res.Fields()["reason"] != "reason_wrong" {
			t.Errorf("%s: %v", rule, res.Errors)
		}
	}
	res := b.Call("POST", name, "/dead-letters/x", b.Token(functiontest.Operator), map[string]string{"home": "x", "reason": `<script> & "x"`}).Expect(422, "invalid_fields")
	if _, wrong := res.Fields()["reason"]; wrong {
		t.Errorf("markup is only text: %v", res.Errors)
	}
}

func TestDeadLettersComeInPagesNewestFirst(t *testing.T) {
	b := bench(t)
	var want, got []string
	for n := range 5 {
		id, part := fmt.Sprintf("%026d", n), fmt.Sprintf("{p%03d}", n%2)
		b.Redis.HSet("events:"+part, id, fmt.Sprintf(`{"id":%q,"topic":"x/y","home":"a","subject":"s"}`, id), id+":reason", "refused")
		b.Redis.ZAdd("dead:"+part, float64(1000+n/2), id)
		want = append([]string{id}, want...)
	}
	for next := ""; ; {
		var page struct {
			Items []struct{ ID, Reason string }
			Next  string
		}
		b.Call("GET", name, "/dead-letters?limit=2&next="+next, b.Token(functiontest.Operator), nil).Expect(200, "").JSON(&page)
		for _, letter := range page.Items {
			got = append(got, letter.ID)
		}
		if next = page.Next; next == "" {
			break
		}
	}
	if !slices.Equal(got, want) {
		t.Errorf("%v instead of %v", got, want)
	}
	b.Call("GET", name, "/dead-letters?next=x", b.Token(functiontest.Operator), nil).Expect(422, "invalid_fields")
}
