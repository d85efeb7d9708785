package function

import (
	"bytes"
	"encoding/csv"
	"net/http"
	"strconv"
	"strings"
	"time"

	"polis/shared/fault"
	"polis/shared/notice"
	"polis/shared/store"
	"polis/shared/web"
)

// view is a notice as the citizen sees it.
type view struct {
	ID          string         `json:"id"`
	Kind        notice.Kind    `json:"kind"`
	Application string         `json:"application,omitempty"`
	Document    string         `json:"document,omitempty"`
	Number      string         `json:"number,omitempty"`
	At          time.Time      `json:"at"`
	Text        string         `json:"text"`
	Deliveries  []viewDelivery `json:"deliveries"`
}

type viewDelivery struct {
	Channel notice.Channel `json:"channel"`
	State   notice.State   `json:"state"`
	At      time.Time      `json:"at"`
	Tries   int            `json:"tries"`
	Reason  string         `json:"reason,omitempty"`
}

func show(c *web.Call, n notice.Notice) view {
	v := view{
		ID: n.ID, Kind: n.Kind, Application: n.Application, Document: n.Document, Number: n.Number, At: n.At, Text: c.Text(n.Text()),
		Deliveries: []viewDelivery{},
	}
	for _, d := range n.Deliveries {
		v.Deliveries = append(v.Deliveries, viewDelivery{d.Channel, d.State, d.At, d.Tries, d.Reason})
	}
	return v
}

// page is at most limit notices, newest first, those before the given one. The
// second result is where the next page begins, "" after the last.
func (n *notices) page(c *web.Call, before string, limit int) (items []view, next string, err error) {
	home := c.Caller.Account
	ids, err := n.store.Page(c, c.Grant, store.Notices(home), before, limit)
	if err != nil {
		return nil, "", err
	}
	reads := make([]store.Ref, len(ids))
	for i, id := range ids {
		reads[i] = store.Notice(home, id).Ref
	}
	v, err := n.store.View(c, c.Grant, home, reads...)
	if err != nil {
		return nil, "", err
	}
	items = []view{}
	for _, id := range ids {
		one, found, err := store.Get(v, store.Notice(home, id))
		if err != nil {
			return nil, "", err
		}
		if found {
			items = append(items, show(c, one))
		}
	}
	if len(ids) == limit {
		next = ids[limit-1]
	}
	return items, next, nil
}

func (n *notices) list(c *web.Call) (web.Answer, error) {
	limit, err := c.Limit()
	if err != nil {
		return web.Answer{}, err
	}
	items, next, err := n.page(c, c.Query.Get("next"), limit)
	if err != nil {
		return web.Answer{}, err
	}
	return web.List(items, next)
}

const exportPage = 100

// export is the whole history as a file, as JSON or, by Accept or the query
// format=csv, as CSV.
func (n *notices) export(c *web.Call) (web.Answer, error) {
	format := c.Query.Get("format")
	if format == "" && strings.Contains(c.Header.Get("Accept"), "text/csv") {
		format = "csv"
	}
	if format != "" && format != "json" && format != "csv" {
		return web.Answer{}, fault.WrongField("format", "format_unknown", "Формат: json или csv.", "Format: json or csv.")
	}
	all := []view{}
	for before := ""; ; {
		items, next, err := n.page(c, before, exportPage)
		if err != nil {
			return web.Answer{}, err
		}
		all = append(all, items...)
		if before = next; before == "" {
			break
		}
	}
	file := func(name string) http.Header {
		return http.Header{"Content-Disposition": {`attachment; filename="` + name + `"`}}
	}
	if format != "csv" {
		return web.Answer{Status: http.StatusOK, Body: map[string]any{"items": all}, Header: file("notices.json")}, nil
	}
	header := file("notices.csv")
	header.Set("Content-Type", "text/csv; charset=utf-8; header=present")
	return web.Answer{Status: http.StatusOK, Body: web.Bytes(table(all)), Header: header}, nil
}

// table is CSV (RFC 4180) with a row for each delivery, and one for a notice
// that has none.
func table(all []view) []byte {
	var b bytes.Buffer
	w := csv.NewWriter(&b)
	w.UseCRLF = true
	row := func(cells ...string) {
		for i := range cells {
			cells[i] = harmless(cells[i])
		}
		w.Write(cells) // into memory: never fails
	}
	row("at", "kind", "application", "number", "text", "channel", "state", "state_at", "tries", "reason")
	for _, v := range all {
		about := []string{v.At.Format(time.RFC3339), string(v.Kind), v.Application, v.Number, v.Text}
		for _, d := range v.Deliveries {
			row(append(about[:len(about):len(about)], string(d.Channel), string(d.State), d.At.Format(time.RFC3339), strconv.Itoa(d.Tries), d.Reason)...)
		}
		if len(v.Deliveries) == 0 {
			row(append(about, "", "", "", "", "")...)
		}
	}
	w.Flush()
	return b.Bytes()
}

// harmless keeps a spreadsheet from taking a text for a formula.
func harmless(cell string) string {
	if cell != "" && strings.ContainsRune("=+-@\t\r\n", rune(cell[0])) {
		return "'" + cell
	}
	return cell
}
