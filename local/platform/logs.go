package platform

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"io"
	"os"
	"strings"
	"time"

	"github.com/openfaas/faas-provider/logs"
)

// readLog sends the lines of a function's log file that are asked for, and with
// Follow those to come, until ctx ends. written is rung after each new line.
func readLog(ctx context.Context, file string, written *bell, asked logs.Request, send func(logs.Message) error) error {
	f, err := os.Open(file)
	if err != nil {
		return err
	}
	defer f.Close()
	lines := logReader{bufio.NewReader(f), logs.Message{Name: asked.Name, Namespace: namespace}, ""}
	var tail []logs.Message
	for old := true; ; old = false {
		more := written.rung()
		for {
			message, err := lines.next()
			if errors.Is(err, io.EOF) {
				break
			}
			if err != nil {
				return err
			}
			switch {
			case asked.Since != nil && message.Timestamp.Before(*asked.Since),
				asked.Instance != "" && message.Instance != asked.Instance:
			case old && asked.Tail > 0:
				tail = append(tail, message)
				tail = tail[max(0, len(tail)-asked.Tail):]
			default:
				if err := send(message); err != nil {
					return err
				}
			}
		}
		for _, message := range tail {
			if err := send(message); err != nil {
				return err
			}
		}
		tail = nil
		if !asked.Follow {
			return nil
		}
		select {
		case <-ctx.Done():
			return nil
		case <-more:
		}
	}
}

// logReader reads a file that others append to.
type logReader struct {
	lines *bufio.Reader
	last  logs.Message
	part  string // of a line that is not complete
}

// next returns io.EOF where there is no whole line yet. A line that is no log
// entry, of a panic perhaps, has the time and the process of the entry before.
func (r *logReader) next() (logs.Message, error) {
	text, err := r.lines.ReadString('\n')
	if r.part += text; err != nil {
		return logs.Message{}, err
	}
	var entry struct {
		Time     time.Time
		Instance string
	}
	r.last.Text, r.part = strings.TrimSuffix(r.part, "\n"), ""
	if json.Unmarshal([]byte(r.last.Text), &entry) == nil && !entry.Time.IsZero() {
		r.last.Timestamp, r.last.Instance = entry.Time, entry.Instance
	}
	return r.last, nil
}
