package main

import (
	"bufio"
	"bytes"
	"encoding/json"
	"fmt"
	"net"
	"os"
	"slices"
	"strconv"
	"sync"
	"time"
)

// result of one round of load.
type result struct {
	PerSecond float64
	P50, P99  time.Duration
}

// load is the generator: args are the address, the number of kept-alive
// connections, and how long to warm up and to measure. It speaks just enough
// HTTP to take little of the processor from what it measures, and every answer
// must be a 200 with a Content-Length.
func load(args []string) error {
	address := args[0]
	connections, err := strconv.Atoi(args[1])
	if err != nil {
		return err
	}
	warm, err := time.ParseDuration(args[2])
	if err != nil {
		return err
	}
	measure, err := time.ParseDuration(args[3])
	if err != nil {
		return err
	}

	from := time.Now().Add(warm)
	until := from.Add(measure)
	took := make([][]time.Duration, connections)
	failed := make([]error, connections)
	var clients sync.WaitGroup
	for i := range connections {
		clients.Go(func() { took[i], failed[i] = ask(address, from, until) })
	}
	clients.Wait()
	for _, err := range failed {
		if err != nil {
			return err
		}
	}
	all := slices.Concat(took...)
	if len(all) == 0 {
		return fmt.Errorf("no answer in %v", measure)
	}
	slices.Sort(all)
	return json.NewEncoder(os.Stdout).Encode(result{
		PerSecond: float64(len(all)) / measure.Seconds(),
		P50:       all[len(all)/2],
		P99:       all[len(all)*99/100],
	})
}

// ask repeats one request on one connection and returns how long each took
// that was answered between from and until.
func ask(address string, from, until time.Time) ([]time.Duration, error) {
	conn, err := net.Dial("tcp", address)
	if err != nil {
		return nil, err
	}
	defer conn.Close()
	conn.SetDeadline(until.Add(5 * time.Second))
	request := []byte("GET / HTTP/1.1\r\nHost: " + address + "\r\n\r\n")
	answers := bufio.NewReader(conn)
	took := make([]time.Duration, 0, 1<<16)
	for began := time.Now(); began.Before(until); {
		if _, err := conn.Write(request); err != nil {
			return nil, err
		}
		if err := skipAnswer(answers); err != nil {
			return nil, err
		}
		now := time.Now()
		if now.After(from) && now.Before(until) {
			took = append(took, now.Sub(began))
		}
		began = now
	}
	return took, nil
}

func skipAnswer(r *bufio.Reader) error {
	status, err := r.ReadSlice('\n')
	if err != nil {
		return err
	}
	if !bytes.HasPrefix(status, []byte("HTTP/1.1 200 ")) {
		return fmt.Errorf("answer %q", status)
	}
	length := -1
	for {
		line, err := r.ReadSlice('\n')
		if err != nil {
			return err
		}
		if len(line) <= 2 {
			break
		}
		if value, ok := bytes.CutPrefix(line, []byte("Content-Length: ")); ok {
			if length, err = strconv.Atoi(string(bytes.TrimSpace(value))); err != nil {
				return err
			}
		}
	}
	if length < 0 {
		return fmt.Errorf("answer without Content-Length")
	}
	_, err = r.Discard(length)
	return err
}
