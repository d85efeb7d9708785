package platform

import (
	"fmt"
	"io"
	"net/http"
	"sync/atomic"
	"testing"
	"time"
)

// threeReplicas answer with their numbers; a call with a body is held until the
// channel has room for a word.
func threeReplicas(t *testing.T) (*bench, chan<- struct{}) {
	t.Helper()
	release := make(chan struct{})
	numbered := func(n int) http.HandlerFunc {
		return func(w http.ResponseWriter, r *http.Request) {
			if body, _ := io.ReadAll(r.Body); len(body) > 0 {
				w.WriteHeader(http.StatusOK)
				w.(http.Flusher).Flush()
				<-release
			}
			fmt.Fprint(w, n)
		}
	}
	b := newBench(t, map[string]http.HandlerFunc{"three": numbered(0)})
	b.add(t, "three", numbered(1))
	b.add(t, "three", numbered(2))
	return b, release
}

func TestCallsAreSpreadOverTheReplicas(t *testing.T) {
	b, _ := threeReplicas(t)
	seen := map[string]int{}
	for range 30 {
		response, body := send(t, http.MethodPost, b.url+"/function/three", "")
		if response.StatusCode != http.StatusOK {
			t.Fatal(response.Status)
		}
		seen[body]++
		// Its end is seen a moment later.
		eventually(t, "the replica is idle", func() bool { return busy(b.functions["three"]) == 0 })
	}
	if seen["0"] != 10 || seen["1"] != 10 || seen["2"] != 10 {
		t.Errorf("answered were %v", seen)
	}
}

func busy(f *function) (calls int) {
	f.mu.Lock()
	defer f.mu.Unlock()
	for _, r := range f.replicas {
		calls += r.calls
	}
	return calls
}

func TestTheLeastBusyReplicaIsCalled(t *testing.T) {
	b, release := threeReplicas(t)
	var held []*http.Response
	for range 2 {
		response, err := http.Post(b.url+"/function/three", "text/plain", http.NoBody)
		if err != nil {
			t.Fatal(err)
		}
		response.Body.Close()
	}
	eventually(t, "all are idle", func() bool { return busy(b.functions["three"]) == 0 })
	for range 2 {
		r, write := io.Pipe()
		go func() { io.WriteString(write, "hold"); write.Close() }()
		response, err := http.Post(b.url+"/function/three", "text/plain", r)
		if err != nil {
			t.Fatal(err)
		}
		held = append(held, response)
	}
	free := ""
	for range 5 {
		_, body := send(t, http.MethodPost, b.url+"/function/three", "")
		if free == "" {
			free = body
		}
		if body != free {
			t.Errorf("%s answered, and %s before", body, free)
		}
		eventually(t, "only those two are busy", func() bool { return busy(b.functions["three"]) == 2 })
	}
	for _, response := range held {
		release <- struct{}{}
		body, _ := io.ReadAll(response.Body)
		response.Body.Close()
		if string(body) == free {
			t.Error("a busy one was taken for the least busy")
		}
	}
}

func TestOnlyAReadyReplicaIsCalled(t *testing.T) {
	b, _ := threeReplicas(t)
	replicas := b.functions["three"].processes()
	replicas[0].change(func() { replicas[0].address = "" })   // not ready yet
	replicas[1].change(func() { replicas[1].wanted = false }) // to stop
	for range 10 {
		began := time.Now()
		if _, body := send(t, http.MethodPost, b.url+"/function/three", ""); body != "2" {
			t.Errorf("answered %q", body)
		}
		if took := time.Since(began); took > patience/2 {
			t.Errorf("waited %v for another one", took)
		}
	}
}

// A process may be dead before its end is noticed. A call that could not be
// sent to it goes to another one, whole.
func TestACallThatReachedNobodyGoesToAnotherReplica(t *testing.T) {
	b := newBench(t, map[string]http.HandlerFunc{"two": mirror})
	dead := b.process("two")
	dead.change(func() { dead.address = "127.0.0.1:1" })
	b.add(t, "two", mirror)
	for range 10 {
		if response, body := send(t, http.MethodPost, b.url+"/function/two", "whole"); response.StatusCode != http.StatusOK {
			t.Errorf("%d %s", response.StatusCode, body)
		}
	}
}

func TestACallToAReplicaThatDiesIsNotMadeAgain(t *testing.T) {
	var calls atomic.Int32
	die := func(http.ResponseWriter, *http.Request) { calls.Add(1); panic(http.ErrAbortHandler) }
	b := newBench(t, map[string]http.HandlerFunc{"two": die})
	b.add(t, "two", die)
	response, body := send(t, http.MethodPost, b.url+"/function/two", "x")
	wantProblem(t, response, body, http.StatusBadGateway, "function_broke_off")
	if n := calls.Load(); n != 1 {
		t.Errorf("made %d times", n)
	}
}
