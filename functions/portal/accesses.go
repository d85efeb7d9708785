package function

import (
	"cmp"
	"net/http"
	"net/url"
	"slices"
	"time"

	"polis/shared/consent"
	"polis/shared/fault"
	"polis/shared/web"
)

type accessPage struct {
	Person string
	Family []member
	Rows   []looked
	Next   string
	NoCopy bool // so that the register's record is not told of
}

// looked is one row of the list: what one had to do with the data, one thing
// after the other, from First to Last.
type looked struct {
	First, Last time.Time
	Who         string
	Done        []done
	reads       bool
}

// done is one sort of access, and how often.
type done struct {
	Text  string
	Count int
}

// Enough rows for a page, of at most so many entries: an application whose
// progress somebody watched is one row and hundreds of entries.
const (
	enoughRows  = 20
	mostEntries = 1000
)

// accesses shows who looked at a person's data, the visitor's own among them.
func (p *portal) accesses(v *visit) (web.Answer, error) {
	list := accessPage{Person: cmp.Or(v.Query.Get("person"), consent.Self)}
	listErr := v.looked(&list)
	if listErr != nil && fault.From(listErr).Code != "policy_not_loaded" {
		return web.Answer{}, listErr
	}
	o, err := v.family()
	if err != nil {
		return web.Answer{}, err
	}
	list.Family, list.NoCopy = o.Members, listErr != nil
	known := slices.ContainsFunc(o.Members, func(m member) bool { return m.Person == list.Person })
	switch {
	case list.NoCopy && !known && o.Incomplete != nil:
		return web.Answer{}, o.Incomplete
	case list.NoCopy && !known:
		return web.Answer{}, errNobody
	}
	return v.show("access", fault.Text{RU: "Кто смотрел мои данные", EN: "Who looked at my data"}, list)
}

// looked reads the newest accesses, or those before where the page before ended.
func (v *visit) looked(list *accessPage) error {
	var all []accessAnswer
	list.Next = v.Query.Get("before")
	for {
		query := url.Values{"person": {list.Person}, "limit": {"100"}}
		if list.Next != "" {
			query.Set("before", list.Next)
		}
		var part struct {
			Items []accessAnswer
			Next  string
		}
		if err := v.ask(http.MethodGet, "/policy-card/access?"+query.Encode(), nil, &part); err != nil {
			return err
		}
		all, list.Next = append(all, part.Items...), part.Next
		list.Rows = together(all, v.zone)
		if list.Next == "" || len(list.Rows) >= enoughRows || len(all) >= mostEntries {
			return nil
		}
	}
}

// together makes rows of accesses, newest first. What one person or service read
// on one day, with nobody and no change between, is one row; and so is the same
// change again and again.
func together(items []accessAnswer, zone *time.Location) []looked {
	var rows []looked
	for _, item := range items {
		reads := item.Action.Reads()
		if n := len(rows) - 1; n >= 0 && rows[n].takes(item, reads, zone) {
			rows[n].First = item.At
			rows[n].add(item.Text)
			continue
		}
		row := looked{First: item.At, Last: item.At, Who: item.Who, reads: reads}
		row.add(item.Text)
		rows = append(rows, row)
	}
	return rows
}

func (l *looked) takes(item accessAnswer, reads bool, zone *time.Location) bool {
	sameDay := l.First.In(zone).Format(time.DateOnly) == item.At.In(zone).Format(time.DateOnly)
	return l.Who == item.Who && sameDay && l.reads == reads && (reads || l.Done[0].Text == item.Text)
}

func (l *looked) add(text string) {
	if i := slices.IndexFunc(l.Done, func(d done) bool { return d.Text == text }); i >= 0 {
		l.Done[i].Count++
		return
	}
	l.Done = append(l.Done, done{text, 1})
}

// Span is a day with the time of it, or the times from and until which it went on.
func (p *page) Span(first, last time.Time) (string, error) {
	from, err := p.timeOf(first)
	if err != nil {
		return "", err
	}
	until, err := p.timeOf(last)
	if err != nil {
		return "", err
	}
	if from.Format("15:04") == until.Format("15:04") {
		return p.Moment(last)
	}
	day, err := p.Day(last)
	return day + p.T(", с\u00a0", " from\u00a0") + from.Format("15:04") + p.T(" до\u00a0", " to\u00a0") + until.Format("15:04"), err
}

// Times is how often, in words; "" for once.
func (p *page) Times(n int) string {
	if n < 2 {
		return ""
	}
	return p.Count(n, "раз", "раза", "раз", "times")
}
