package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httputil"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"sync"
	"time"

	handler "github.com/openfaas/templates-sdk/go-http"

	"polis/shared/config"
	"polis/shared/server"
)

const (
	floorRounds      = 9
	floorConnections = 16
	floorWarm        = 300 * time.Millisecond
	floorMeasure     = 1500 * time.Millisecond
)

// floor puts the server, with all its limits, metrics and call ids, beside the
// least that net/http can do and beside itself behind a reverse proxy in a
// process of its own, which is what a watchdog is. The rounds are interleaved,
// so that a slow moment of the machine hits all three.
func floor(ctx context.Context, out io.Writer) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel() // ends the servers
	dir, err := os.MkdirTemp("", "bench")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)

	ours, err := start(ctx, "server", filepath.Join(dir, "lock"))
	if err != nil {
		return err
	}
	hello, err := start(ctx, "hello")
	if err != nil {
		return err
	}
	proxy, err := start(ctx, "proxy", ours)
	if err != nil {
		return err
	}

	contenders := []struct{ name, address string }{
		{"`shared/server` around an empty handler", ours},
		{"net/http, hello", hello},
		{"the same behind a process with `httputil.ReverseProxy`", proxy},
	}
	rounds := make([][]result, len(contenders))
	for round := range floorRounds {
		for i, c := range contenders {
			line, err := start(ctx, "load", c.address, strconv.Itoa(floorConnections), floorWarm.String(), floorMeasure.String())
			if err != nil {
				return err
			}
			var r result
			if err := json.Unmarshal([]byte(line), &r); err != nil {
				return err
			}
			rounds[i] = append(rounds[i], r)
			fmt.Fprintf(os.Stderr, "floor: round %d of %d, %s: %.0f requests/s\n", round+1, floorRounds, c.name, r.PerSecond)
		}
	}

	fmt.Fprintf(out, "%d connections, %d interleaved rounds of %v, medians.\n\n", floorConnections, floorRounds, floorMeasure)
	fmt.Fprintln(out, "| server | requests/s | lowest to highest | p50 | p99 | ours to this |")
	fmt.Fprintln(out, "|---|---:|---:|---:|---:|---:|")
	rate := func(r result) float64 { return r.PerSecond }
	ratios := make([]float64, len(contenders))
	for i, c := range contenders {
		// Of each round, then the median: the rounds differ more than the servers do.
		of := make([]float64, floorRounds)
		for k := range of {
			of[k] = rounds[0][k].PerSecond / rounds[i][k].PerSecond
		}
		ratios[i] = median(of)
		rates := each(rounds[i], rate)
		p50 := median(each(rounds[i], func(r result) float64 { return float64(r.P50) }))
		p99 := median(each(rounds[i], func(r result) float64 { return float64(r.P99) }))
		fmt.Fprintf(out, "| %s | %.0f | %.0f to %.0f | %v | %v | %.2f |\n", c.name, median(rates), slices.Min(rates), slices.Max(rates),
			time.Duration(p50).Round(time.Microsecond), time.Duration(p99).Round(10*time.Microsecond), ratios[i])
	}
	fmt.Fprintf(out, "\nOf net/http's hello: %.2f (target 0.80: %s). Of the same behind the proxy: %.2f (target 2.50: %s).\n",
		ratios[1], verdict(ratios[1] >= 0.8), ratios[2], verdict(ratios[2] >= 2.5))
	return nil
}

func each(results []result, value func(result) float64) []float64 {
	values := make([]float64, len(results))
	for i, r := range results {
		values[i] = value(r)
	}
	return values
}

func verdict(ok bool) string {
	if ok {
		return "met"
	}
	return "missed"
}

// greeting is the answer of all three servers.
var (
	greeting       = []byte("hello\n")
	greetingHeader = http.Header{"Content-Type": {"text/plain; charset=utf-8"}}
)

type emptyHandler struct{}

func (emptyHandler) Handle(handler.Request) (handler.Response, error) {
	return handler.Response{Body: greeting, Header: greetingHeader}, nil
}

// serveOurs serves as a function's main does; its argument is the lock file.
func serveOurs(args []string) error {
	free, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return err
	}
	_, port, err := net.SplitHostPort(free.Addr().String())
	if err != nil {
		return err
	}
	if err := free.Close(); err != nil {
		return err
	}
	env := config.FromMap(map[string]string{
		"listen_host": "127.0.0.1", "port": port, "metrics_port": "0", "lock_path": args[0], "max_inflight": "1000",
	}, nil)
	go func() {
		address := net.JoinHostPort("127.0.0.1", port)
		for {
			if res, err := http.Get("http://" + address + "/_/ready"); err == nil && res.StatusCode == http.StatusOK {
				fmt.Println(address)
				return
			}
			time.Sleep(5 * time.Millisecond) // between two looks, before anything is measured
		}
	}()
	return server.Serve(context.Background(), env, func(*config.Env) (handler.FunctionHandler, error) { return emptyHandler{}, nil })
}

func serveHello([]string) error {
	return listenAndServe(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header()["Content-Type"] = greetingHeader["Content-Type"]
		w.Write(greeting)
	}))
}

// serveProxy is the watchdog, tuned: connections are kept, buffers reused,
// nothing is compressed, logged or counted. Its argument is the address behind.
func serveProxy(args []string) error {
	behind := &url.URL{Scheme: "http", Host: args[0]}
	return listenAndServe(&httputil.ReverseProxy{
		Rewrite:    func(r *httputil.ProxyRequest) { r.SetURL(behind) },
		Transport:  &http.Transport{MaxIdleConnsPerHost: 1024, DisableCompression: true},
		BufferPool: &buffers{sync.Pool{New: func() any { return make([]byte, 32<<10) }}},
	})
}

type buffers struct{ pool sync.Pool }

func (b *buffers) Get() []byte  { return b.pool.Get().([]byte) }
func (b *buffers) Put(p []byte) { b.pool.Put(p) } //nolint:staticcheck // one small allocation beside those of a proxied request

func listenAndServe(h http.Handler) error {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return err
	}
	fmt.Println(l.Addr())
	return http.Serve(l, h)
}
