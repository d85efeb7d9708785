package function

import (
	"bytes"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"

	"polis/shared/audit"
	"polis/shared/fault"
	"polis/shared/ident"
	"polis/shared/store"
	"polis/shared/web"
)

const (
	pageBytes   = 512 << 10 // after which a page ends; it may exceed it by a batch
	readEntries = 500       // at a time
	readBatches = 8
)

// mark is how far an export has come. Within a partition it is the place of the
// last batch written and the last entry; unsealed once there was no further
// batch, so that one sealed meanwhile does not come after its own entries.
type mark struct {
	partition string
	batches   int
	entry     string
	unsealed  bool
}

func (m mark) String() string {
	text := fmt.Sprintf("%s.%d.%s", m.partition, m.batches, m.entry)
	if m.unsealed {
		text += ".unsealed"
	}
	return text
}

func parseMark(text string) (mark, bool) {
	parts := strings.Split(text, ".")
	if len(parts) < 3 || len(parts) > 4 {
		return mark{}, false
	}
	n, err := strconv.Atoi(parts[1])
	m := mark{partition: parts[0], batches: n, entry: parts[2], unsealed: len(parts) == 4}
	return m, err == nil && n >= 0 && m.String() == text && slices.Contains(ident.AllPartitions(), m.partition)
}

// export writes a page of the audit with all that verifies it: of a partition or
// of all, from the mark at which the page before ended.
func (t *trail) export(c *web.Call) (web.Answer, error) {
	only, after := c.Query.Get("partition"), c.Query.Get("after")
	partitions := ident.AllPartitions()
	if only != "" {
		if !slices.Contains(partitions, only) {
			return web.Answer{}, wrongPartition()
		}
		partitions = []string{only}
	}
	m := mark{partition: partitions[0]}
	if after != "" {
		var ok bool
		if m, ok = parseMark(after); !ok || !slices.Contains(partitions, m.partition) {
			return web.Answer{}, fault.WrongField("after", "mark_malformed", "Возьмите значение из предыдущей страницы.", "Take the value from the page before.")
		}
	}
	p := &page{call: c, store: t.store}
	p.writer = audit.NewWriter(&p.out, t.key, only, after, t.machine())
	next := ""
	for _, partition := range partitions[slices.Index(partitions, m.partition):] {
		if partition != m.partition {
			m = mark{partition: partition}
		}
		full, err := p.fill(&m)
		if err != nil {
			return web.Answer{}, err
		}
		if full {
			next = m.String()
			break
		}
	}
	if err := p.writer.End(next); err != nil {
		return web.Answer{}, err
	}
	header := http.Header{"Content-Type": {"application/x-ndjson"}}
	if next != "" {
		query := url.Values{"after": {next}}
		if only != "" {
			query.Set("partition", only)
		}
		header.Set("Link", "</function/"+Name+"/export?"+query.Encode()+`>; rel="next"`)
	}
	return web.Answer{Status: http.StatusOK, Header: header, Body: web.Bytes(p.out.Bytes())}, nil
}

// page is one that is being written.
type page struct {
	call   *web.Call
	store  *store.Store
	out    bytes.Buffer
	writer *audit.Writer
}

func (p *page) full() bool { return p.out.Len() >= pageBytes }

// fill goes on in a partition, and reports whether the page is full before the
// partition's end.
func (p *page) fill(m *mark) (full bool, err error) {
	if m.batches > 0 && !m.unsealed {
		// Of the last batch written some entries may be left.
		last, err := p.store.Batches(p.call, p.call.Grant, m.partition, m.batches, 1)
		if err != nil {
			return false, err
		}
		for _, b := range last {
			if full, err = p.entries(m, b.Last); full || err != nil {
				return full, err
			}
		}
	}
	for !m.unsealed {
		batches, err := p.store.Batches(p.call, p.call.Grant, m.partition, m.batches+1, readBatches)
		if err != nil {
			return false, err
		}
		for _, b := range batches {
			p.writer.Batch(b)
			m.batches++
			if full, err = p.entries(m, b.Last); full || err != nil {
				return full, err
			}
		}
		m.unsealed = len(batches) < readBatches
	}
	return p.entries(m, "")
}

// entries writes those behind the mark up to an id, "" for all.
func (p *page) entries(m *mark, upTo string) (full bool, err error) {
	for {
		if p.full() {
			return true, nil
		}
		entries, err := p.store.Entries(p.call, p.call.Grant, m.partition, m.entry, upTo, readEntries)
		if err != nil {
			return false, err
		}
		for _, e := range entries {
			p.writer.Entry(e)
			m.entry = e.ID
		}
		if len(entries) < readEntries {
			return false, nil
		}
	}
}
