package platform

import (
	"context"
	"log/slog"
	"math"
	"net/http"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"
)

// fates of so many calls: how often each is made, and how long the first of
// these waits.
func fates(t *testing.T, faults QueueFaults, calls int) (times []int, waits []time.Duration) {
	t.Helper()
	q := newQueue("", slog.New(slog.DiscardHandler))
	if err := q.fail(faults); err != nil {
		t.Fatal(err)
	}
	for range calls {
		delays := q.fate()
		times = append(times, len(delays))
		waits = append(waits, delays...)
	}
	return times, waits
}

func TestTheQueueFailsAsOftenAsItIsTold(t *testing.T) {
	const calls = 20_000
	times, waits := fates(t, QueueFaults{Drop: 0.5, Double: 0.1, Delay: 2 * time.Second, Seed: 1}, calls)
	made := map[int]float64{}
	for _, n := range times {
		made[n] += 1.0 / calls
	}
	for n, share := range map[int]float64{0: 0.5, 1: 0.4, 2: 0.1} {
		if math.Abs(made[n]-share) > 0.02 {
			t.Errorf("a share of %.3f is made %d times, want %v", made[n], n, share)
		}
	}
	var sum time.Duration
	for _, wait := range waits {
		if wait < 0 || wait > 2*time.Second {
			t.Fatalf("a call waits %v", wait)
		}
		sum += wait
	}
	if mean := sum / time.Duration(len(waits)); mean < 950*time.Millisecond || mean > 1050*time.Millisecond {
		t.Errorf("calls wait %v on average", mean)
	}
}

func TestTheSameSeedIsTheSameFate(t *testing.T) {
	same := func(a, b []int) bool {
		for n := range a {
			if a[n] != b[n] {
				return false
			}
		}
		return true
	}
	faults := QueueFaults{Drop: 0.5, Double: 0.1, Seed: 7}
	first, _ := fates(t, faults, 1000)
	if again, _ := fates(t, faults, 1000); !same(first, again) {
		t.Error("another fate with the same seed")
	}
	faults.Delay = time.Minute
	if delayed, _ := fates(t, faults, 1000); !same(first, delayed) {
		t.Error("a delay changes which calls are lost")
	}
	faults.Seed++
	if other, _ := fates(t, faults, 1000); same(first, other) {
		t.Error("the same fate with another seed")
	}
}

func TestAQueueWithoutFaultsMakesEachCallOnce(t *testing.T) {
	times, waits := fates(t, QueueFaults{}, 1000)
	for n := range times {
		if times[n] != 1 || waits[n] != 0 {
			t.Fatalf("call %d is made %d times after %v", n, times[n], waits[n])
		}
	}
}

func TestSharesThatAreNoneAreRefused(t *testing.T) {
	for _, faults := range []QueueFaults{
		{Drop: -0.1}, {Double: -0.1}, {Drop: 1.1}, {Drop: 0.6, Double: 0.6}, {Drop: math.NaN()}, {Delay: -time.Second},
	} {
		if err := newQueue("", slog.Default()).fail(faults); err == nil {
			t.Errorf("%+v is taken", faults)
		}
	}
}

func TestADroppedCallIsAcceptedAndADoubledOneIsMadeTwice(t *testing.T) {
	var calls, marks atomic.Int32
	b := newBench(t, map[string]http.HandlerFunc{
		"counted": func(http.ResponseWriter, *http.Request) { calls.Add(1) },
		"mark":    func(http.ResponseWriter, *http.Request) { marks.Add(1) },
	})
	b.work(t)
	for _, c := range []struct {
		faults QueueFaults
		made   int32
	}{{QueueFaults{Drop: 1}, 0}, {QueueFaults{Double: 1}, 2}, {QueueFaults{Double: 1, Delay: time.Millisecond}, 2}, {QueueFaults{}, 1}} {
		calls.Store(0)
		marks.Store(0)
		post := func(function string) {
			if response, _ := send(t, http.MethodPost, b.url+"/async-function/"+function, "x"); response.StatusCode != http.StatusAccepted {
				t.Fatalf("%+v: answered %d", c.faults, response.StatusCode)
			}
		}
		if err := b.queue.fail(c.faults); err != nil {
			t.Fatal(err)
		}
		post("counted")
		if err := b.queue.fail(QueueFaults{}); err != nil { // it is changed while calls wait
			t.Fatal(err)
		}
		post("mark")
		eventually(t, "the calls were made", func() bool { return calls.Load() >= c.made && marks.Load() == 1 && len(b.queue.jobs) == 0 })
		if n := calls.Load(); n != c.made {
			t.Errorf("%+v: made %d times", c.faults, n)
		}
	}
}

func TestACallThatWaitsHoldsUpNoOther(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		q := newQueue("http://gateway.test", slog.New(slog.DiscardHandler))
		made := make(chan string, 100)
		q.invoke.Transport = roundTripper(func(r *http.Request) (*http.Response, error) {
			made <- r.URL.Path
			return &http.Response{StatusCode: http.StatusOK, Body: http.NoBody}, nil
		})
		ctx, stop := context.WithCancel(t.Context())
		q.run(ctx)
		defer q.wait()
		defer stop()
		for range queueDepth {
			q.add(job{function: "now", target: "/", header: http.Header{}})
		}
		synctest.Wait()
		q.jobs <- job{delay: time.Hour, function: "late", target: "/", header: http.Header{}}
		q.jobs <- job{function: "now", target: "/", header: http.Header{}}
		synctest.Wait()
		if len(made) != queueDepth+1 {
			t.Errorf("%d calls made", len(made))
		}
		<-time.After(time.Hour)
		synctest.Wait()
		if len(made) != queueDepth+2 {
			t.Error("the late call was not made")
		}
	})
}

type roundTripper func(*http.Request) (*http.Response, error)

func (f roundTripper) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }
