// Command bench measures what the project promises about speed and prints
// Markdown tables:
//
//	go run ./tests/bench            # all of them
//	go run ./tests/bench floor      # one
//
// Everything measured runs in processes of its own, which are this same binary
// started again.
package main

import (
	"context"
	"fmt"
	"io"
	"os"
	"os/signal"
	"runtime"
	"slices"
	"strings"
)

// benchmark writes one table; progress goes to stderr.
type benchmark struct {
	name  string
	about string
	run   func(ctx context.Context, out io.Writer) error
}

var benchmarks = []benchmark{
	{"floor", "What the server adds to net/http, and what a watchdog process would add", floor},
	{"trips", "How often a call waits for Redis", trips},
	{"extract", "An extract beside the plain use of fpdf", extracts},
}

func main() {
	if len(os.Args) > 1 && os.Args[1] == childArg {
		runChild(os.Args[2:])
		return
	}
	chosen := os.Args[1:]
	for _, name := range chosen {
		if name != "all" && !slices.ContainsFunc(benchmarks, func(b benchmark) bool { return b.name == name }) {
			usage(name)
		}
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()

	fmt.Printf("Machine: %s, %d cores, %s/%s, %s\n", processor(), runtime.NumCPU(), runtime.GOOS, runtime.GOARCH, runtime.Version())
	for _, b := range benchmarks {
		if len(chosen) > 0 && !slices.Contains(chosen, "all") && !slices.Contains(chosen, b.name) {
			continue
		}
		fmt.Printf("\n### %s\n\n", b.about)
		if err := b.run(ctx, os.Stdout); err != nil {
			fmt.Fprintf(os.Stderr, "bench %s: %v\n", b.name, err)
			os.Exit(1)
		}
	}
}

func usage(unknown string) {
	fmt.Fprintf(os.Stderr, "bench: no table %q; there are:\n  all\n", unknown)
	for _, b := range benchmarks {
		fmt.Fprintf(os.Stderr, "  %-8s %s\n", b.name, b.about)
	}
	os.Exit(2)
}

// processor is the model's name where Linux tells it.
func processor() string {
	info, _ := os.ReadFile("/proc/cpuinfo")
	for line := range strings.Lines(string(info)) {
		if key, value, _ := strings.Cut(line, ":"); strings.TrimSpace(key) == "model name" {
			return strings.TrimSpace(value)
		}
	}
	return "unknown processor"
}

// median of at least one value.
func median(values []float64) float64 {
	sorted := slices.Sorted(slices.Values(values))
	n := len(sorted)
	return (sorted[(n-1)/2] + sorted[n/2]) / 2
}
