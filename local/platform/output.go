package platform

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"strings"
	"sync"
)

const (
	keptWords = 12 // lines shown when a process does not start
	maxLine   = 64 << 10
)

// output takes what a process writes, line by line: all of it to a log file,
// and what a person should see to the console. Several may share a file: each
// appends whole lines.
type output struct {
	name    string
	file    *os.File
	written *bell // rung after each line
	console io.Writer
	shows   func(line string) bool

	mu   sync.Mutex
	part []byte // of a line that is not complete
	last []string
}

func newOutput(name, file string, written *bell, console io.Writer, shows func(string) bool) (*output, error) {
	f, err := os.OpenFile(file, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		return nil, err
	}
	return &output{name: name, file: f, written: written, console: console, shows: shows}, nil
}

func (o *output) Write(p []byte) (int, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.part = append(o.part, p...)
	for {
		line, rest, whole := bytes.Cut(o.part, []byte("\n"))
		if !whole && len(o.part) < maxLine {
			return len(p), nil
		}
		if err := o.take(line); err != nil {
			return 0, err
		}
		o.part = bytes.Clone(rest)
	}
}

// endLine takes what a dead process has left of a line.
func (o *output) endLine() {
	o.mu.Lock()
	defer o.mu.Unlock()
	if len(o.part) > 0 {
		o.take(o.part) // who would be told of an error is dead
		o.part = nil
	}
}

func (o *output) take(line []byte) error {
	if _, err := o.file.Write(append(bytes.Clone(line), '\n')); err != nil {
		return err
	}
	o.written.ring()
	o.last = append(o.last, string(line))
	o.last = o.last[max(0, len(o.last)-keptWords):]
	if o.shows(string(line)) {
		fmt.Fprintf(o.console, "[%s] %s\n", o.name, line)
	}
	return nil
}

// loud tells a function's warnings and errors, and whatever is no log line at
// all (a panic), from the rest.
func loud(line string) bool {
	var entry struct{ Level string }
	if json.Unmarshal([]byte(line), &entry) == nil {
		return entry.Level == "WARN" || entry.Level == "ERROR"
	}
	return strings.TrimSpace(line) != ""
}

// lastWords are the newest lines, for a process that does not start.
func (o *output) lastWords() string {
	o.mu.Lock()
	defer o.mu.Unlock()
	return strings.Join(o.last, "\n")
}

func (o *output) lastLine() string {
	o.mu.Lock()
	defer o.mu.Unlock()
	if len(o.last) == 0 {
		return ""
	}
	return o.last[len(o.last)-1]
}

// console keeps lines of many writers apart.
type console struct {
	mu sync.Mutex
	w  io.Writer
}

func (c *console) Write(p []byte) (int, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.w.Write(p)
}
