// Package trips counts what calls wait for. It is apart from the stories so that
// the benchmark, which prints its table, need not build these.
package trips

import (
	"bytes"
	"fmt"
	"io"
	"net"
	"sync"
	"sync/atomic"
	"testing"

	consenttoggle "polis/functions/consent-toggle"
	extractrendering "polis/functions/extract-rendering"
	insuredregistry "polis/functions/insured-registry"
	policycard "polis/functions/policy-card"
	policyrequest "polis/functions/policy-request"
	smoselection "polis/functions/smo-selection"
	"polis/shared/functiontest"
)

// counter is a wire to a Redis server that counts round trips: what is sent
// after an answer began the next one.
type counter struct {
	addr  string
	trips atomic.Int64
	looks atomic.Int64 // at the insurers' directory
}

func newCounter(t *testing.T, server string) *counter {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	c := &counter{addr: listener.Addr().String()}
	var open sync.WaitGroup
	t.Cleanup(func() { listener.Close(); open.Wait() })
	open.Go(func() {
		for {
			client, err := listener.Accept()
			if err != nil {
				return
			}
			upstream, err := net.Dial("tcp", server)
			if err != nil {
				client.Close()
				continue
			}
			t.Cleanup(func() { client.Close(); upstream.Close() })
			var waiting atomic.Bool
			open.Go(func() {
				c.copy(upstream, client, func(sent []byte) { // towards the server
					switch {
					case waiting.Swap(true) || greeting(sent):
					case bytes.Contains(sent, []byte("\r\ndirectory:{")):
						c.looks.Add(1)
					default:
						c.trips.Add(1)
					}
				})
			})
			open.Go(func() { c.copy(client, upstream, func([]byte) { waiting.Store(false) }) })
		}
	})
	return c
}

// greeting reports what a client says once, when it opens a connection.
func greeting(sent []byte) bool {
	return bytes.Contains(sent, []byte("\r\nhello\r\n")) || bytes.Contains(sent, []byte("\r\n$6\r\nclient\r\n"))
}

func (c *counter) copy(to io.WriteCloser, from io.Reader, seen func([]byte)) {
	defer to.Close()
	buffer := make([]byte, 64<<10)
	for {
		n, err := from.Read(buffer)
		if n > 0 {
			seen(buffer[:n])
			if _, err := to.Write(buffer[:n]); err != nil {
				return
			}
		}
		if err != nil {
			return
		}
	}
}

// TestEachCallCostsFewRoundTrips counts what a call waits for Redis, beside the
// opening of a connection, and beside the look at the insurers' directory that
// costs one call in five seconds a trip: there it is counted where it is made
// each time. The table that it logs is part of the benchmark.
func TestEachCallCostsFewRoundTrips(t *testing.T) {
	b := functiontest.New(t)
	wire := newCounter(t, b.Redis.Addr())
	at := []string{"redis_url", "redis://" + wire.addr, "redis_pool", "1"}
	b.Run(consenttoggle.Name, consenttoggle.New, at...)
	b.Run(policyrequest.Name, policyrequest.New, at...)
	b.Run(policycard.Name, policycard.New, at...)
	b.Run(extractrendering.Name, extractrendering.New, at...)
	b.Run(smoselection.Name, smoselection.New, at...)
	b.Run(insuredregistry.Name, insuredregistry.New)
	maria := functiontest.Maria
	b.Import(functiontest.Row(maria.Person))
	token := b.Token(maria.Claims())

	// The scripts are known to the server before.
	b.Consent(b.Token(functiontest.Anna.Claims()), "self")

	consent := `{"operator":"ffoms","person":"self","action":"grant"}`
	var made struct{ ID string }
	t.Log("| call | round trips to Redis |")
	t.Log("|---|---:|")
	for _, tc := range []struct {
		name, method, function, path string
		body                         any
		status                       int
		want                         int64
	}{
		{"consents", "GET", consenttoggle.Name, "/", nil, 200, 1},
		{"grant a consent", "POST", consenttoggle.Name, "/", consent, 200, 2},
		{"grant the other", "POST", consenttoggle.Name, "/", `{"operator":"mincifry","person":"self","action":"grant"}`, 200, 2},
		{"no policy yet", "GET", policycard.Name, "/", nil, 404, 1},
		{"submit an application", "POST", policyrequest.Name, "/", `{"kind":"lookup"}`, 202, 2},
		{"take it one step on", "", "", "", nil, 0, 4},
		{"an application", "GET", policyrequest.Name, "/{id}", nil, 200, 1},
		{"list of applications", "GET", policyrequest.Name, "/", nil, 200, 2},
		{"card", "GET", policycard.Name, "/", nil, 200, 1},
		{"my documents", "GET", extractrendering.Name, "/", nil, 200, 1},
		{"insurers of a region", "GET", smoselection.Name, "/?region=26", nil, 200, 1},
		{"offices of a region", "GET", smoselection.Name, "/offices?region=26", nil, 200, 1},
		{"revoke a consent", "POST", consenttoggle.Name, "/", `{"operator":"ffoms","action":"revoke","reason":"-"}`, 200, 2},
	} {
		run := func() {
			if tc.method == "" {
				b.Deliver(1)
				return
			}
			path := tc.path
			if path == "/{id}" {
				path = "/" + made.ID
			}
			res := b.Call(tc.method, tc.function, path, token, tc.body)
			if res.Status != tc.status {
				t.Fatalf("%s: %d %s", tc.name, res.Status, res.Body)
			}
			if tc.function == policyrequest.Name && tc.method == "POST" {
				res.JSON(&made)
			}
		}
		trips, looks := wire.trips.Load(), wire.looks.Load()
		run()
		got := wire.trips.Load() - trips
		looked := wire.looks.Load() - looks
		if tc.function == smoselection.Name {
			got += looked
		} else if looked > 1 {
			t.Errorf("%s: %d looks at the directory", tc.name, looked)
		}
		t.Log(fmt.Sprintf("| %s | %d |", tc.name, got))
		if got != tc.want {
			t.Errorf("%s: %d round trips instead of %d", tc.name, got, tc.want)
		}
	}
}
