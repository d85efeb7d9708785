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
	Older  bool // a page after the first
	NoCopy bool // so that the register's record is not told of
}

// looked is one row of the list: what one had to do with the data, one thing
// after the other, from First to Last.
type looked struct {
	First, Last time.Time
	Who         string
	Other       bool // neither the person themselves nor the service
	Done        []done
	reads       bool
}

// Others are the rows of other people and organisations.
func (a accessPage) Others() []looked {
	return slices.DeleteFunc(slices.Clone(a.Rows), func(l looked) bool { return !l.Other })
}

// Own are the rows of the person themselves and of the service.
func (a accessPage) Own() []looked {
	return slices.DeleteFunc(slices.Clone(a.Rows), func(l looked) bool { return l.Other })
}

// Whole reports whether the page has all there is to tell: of the register while
// there is a copy, and of a child never, who may hide some of it.
func (a accessPage) Whole() bool {
	copied := slices.ContainsFunc(a.Family, func(m member) bool { return m.Self() && m.Card != nil })
	return a.Person == consent.Self && copied && a.Next == "" && !a.Older
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
	list := accessPage{Person: cmp.Or(v.Query.Get("person"), consent.Self), Older: v.Query.Get("before") != ""}
	listErr := v.looked(&list)
	if listErr != nil && fault.From(listErr).Code != "policy_not_loaded" {
		return web.Answer{}, listErr
	}
	o, err := v.family()
	if err != nil {
		return web.Answer{}, err
	}
	list.Family, list.NoCopy = o.present(), listErr != nil
	known := slices.ContainsFunc(list.Family, func(m member) bool { return m.Person == list.Person })
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
		list.Rows = together(looks(all), v.zone)
		if list.Next == "" || len(list.Rows) >= enoughRows || len(all) >= mostEntries {
			return nil
		}
	}
}

// looks keeps one of the entries that a call left of one action: it may read
// several things for it, one after the other. No call lasts longer than a minute.
func looks(items []accessAnswer) []accessAnswer {
	type look struct{ call, who, text string }
	last := map[look]time.Time{}
	var kept []accessAnswer
	for _, item := range items {
		of := look{item.CallID, item.Who, item.Text}
		if at, known := last[of]; known && at.Sub(item.At) < time.Minute {
			continue
		}
		last[of] = item.At
		kept = append(kept, item)
	}
	return kept
}

// together makes rows of accesses, newest first. What one person or service did
// within a minute is one row; and so is what one read on a day, with nobody and
// no change between.
func together(items []accessAnswer, zone *time.Location) []looked {
	var rows []looked
	for _, item := range items {
		at := len(rows)
		for i := len(rows) - 1; i >= 0 && sameMinute(rows[i].First, item.At); i-- {
			if rows[i].Who == item.Who {
				at = i
			}
		}
		if n := len(rows) - 1; at > n && n >= 0 && rows[n].goesOn(item, zone) {
			at = n
		}
		if at == len(rows) {
			rows = append(rows, looked{Last: item.At, Who: item.Who, Other: item.By != "self" && item.By != "service", reads: true})
		}
		rows[at].add(item)
	}
	return rows
}

func sameMinute(a, b time.Time) bool { return a.Truncate(time.Minute).Equal(b.Truncate(time.Minute)) }

// goesOn reports whether an access is more of the same reading.
func (l *looked) goesOn(item accessAnswer, zone *time.Location) bool {
	sameDay := l.First.In(zone).Format(time.DateOnly) == item.At.In(zone).Format(time.DateOnly)
	return l.Who == item.Who && sameDay && l.reads && item.Action.Reads()
}

func (l *looked) add(item accessAnswer) {
	l.First, l.reads = item.At, l.reads && item.Action.Reads()
	if i := slices.IndexFunc(l.Done, func(d done) bool { return d.Text == item.Text }); i >= 0 {
		l.Done[i].Count++
		return
	}
	l.Done = append(l.Done, done{item.Text, 1})
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
	return p.Count(n, "раз", "раза", "раз", "time")
}
