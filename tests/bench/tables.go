package main

import (
	"bufio"
	"bytes"
	"context"
	"fmt"
	"io"
	"os"
	"os/exec"
	"regexp"
	"strconv"
	"strings"
)

// trips shows what a test of the project counts and holds: how often a call
// waits for Redis.
func trips(ctx context.Context, out io.Writer) error {
	printed, err := goTest(ctx, "-run", "^TestEachCallCostsFewRoundTrips$", "-v", "polis/tests/trips")
	if err != nil {
		return err
	}
	for line := range strings.Lines(printed) {
		if _, row, ok := strings.Cut(line, ": |"); ok {
			fmt.Fprint(out, "|", row)
		}
	}
	return nil
}

var measured = regexp.MustCompile(`^BenchmarkRender/(\w+)\S*\s+\d+\s+(\d+) ns/op`)

// extracts puts the renderer beside the plain use of its library, which adds the
// fonts and draws the codes as pictures for each document. Both lay out the
// same page.
func extracts(ctx context.Context, out io.Writer) error {
	const rounds = 5
	printed, err := goTest(ctx, "-run", "^$", "-bench", "^BenchmarkRender$", "-benchtime", "1s", "-count", strconv.Itoa(rounds), "polis/shared/extract")
	if err != nil {
		return err
	}
	took := map[string][]float64{}
	for scan := bufio.NewScanner(strings.NewReader(printed)); scan.Scan(); {
		if m := measured.FindStringSubmatch(scan.Text()); m != nil {
			ns, err := strconv.ParseFloat(m[2], 64)
			if err != nil {
				return err
			}
			took[m[1]] = append(took[m[1]], ns)
		}
	}
	if len(took["ours"]) != rounds || len(took["naive"]) != rounds {
		return fmt.Errorf("the benchmark printed something else:\n%s", printed)
	}
	ours, naive := median(took["ours"]), median(took["naive"])
	fmt.Fprintf(out, "%d rounds, medians, one core.\n\n", rounds)
	fmt.Fprintln(out, "| way | a document | documents/s | times naive |")
	fmt.Fprintln(out, "|---|---:|---:|---:|")
	for _, row := range []struct {
		name string
		ns   float64
	}{{"`shared/extract`", ours}, {"fpdf, fonts and codes anew for each", naive}} {
		fmt.Fprintf(out, "| %s | %.2f ms | %.0f | %.1f |\n", row.name, row.ns/1e6, 1e9/row.ns, naive/row.ns)
	}
	fmt.Fprintf(out, "\nTimes naive: %.1f (target 10: %s).\n", naive/ours, verdict(naive/ours >= 10))
	return nil
}

// goTest runs a test or benchmark of the workspace and returns what it printed.
func goTest(ctx context.Context, args ...string) (string, error) {
	fmt.Fprintln(os.Stderr, "go test", strings.Join(args, " "))
	cmd := exec.CommandContext(ctx, "go", append([]string{"test", "-count=1"}, args...)...)
	var printed bytes.Buffer
	cmd.Stdout = &printed
	cmd.Stderr = os.Stderr
	if err := cmd.Run(); err != nil {
		return "", fmt.Errorf("go test: %w\n%s", err, &printed)
	}
	return printed.String(), nil
}
