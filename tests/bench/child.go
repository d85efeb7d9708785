package main

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strings"
)

// childArg, as the first argument, makes this process one of the parts below.
const childArg = "child"

// parts are what a child process can be. A part writes one line when it is
// ready for its work, or with its result, to stdout.
var parts = map[string]func(args []string) error{
	"server": serveOurs,
	"hello":  serveHello,
	"proxy":  serveProxy,
	"load":   load,
}

// runChild ends with its parent: only the parent holds the other end of stdin.
func runChild(args []string) {
	go func() {
		io.Copy(io.Discard, os.Stdin)
		os.Exit(0)
	}()
	if err := parts[args[0]](args[1:]); err != nil {
		fmt.Fprintf(os.Stderr, "bench %s: %v\n", args[0], err)
		os.Exit(1)
	}
}

// start starts a part and returns the first line it writes. The process ends
// when ctx does.
func start(ctx context.Context, part string, args ...string) (line string, err error) {
	self, err := os.Executable()
	if err != nil {
		return "", err
	}
	cmd := exec.CommandContext(ctx, self, append([]string{childArg, part}, args...)...)
	cmd.Stderr = os.Stderr
	if _, err := cmd.StdinPipe(); err != nil {
		return "", err
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		return "", err
	}
	if err := cmd.Start(); err != nil {
		return "", err
	}
	line, err = bufio.NewReader(out).ReadString('\n')
	go cmd.Wait()
	if err != nil {
		return "", fmt.Errorf("%s: %w", part, err)
	}
	return strings.TrimSpace(line), nil
}
