package directory

import (
	"slices"
	"time"

	"polis/shared/calendar"
)

// What happened to an insurer in an import.
const (
	Added   = "added"
	Changed = "changed"
	Ended   = "ended" // its contract ends, by its row or because it has none any more
)

// Change of one insurer.
type Change struct {
	SMO    string   `json:"smo"`
	Name   string   `json:"name"`
	What   string   `json:"what"`
	Fields []string `json:"fields"` // as the public form calls them; none of one that is added
}

// Report is what an import changed.
type Report struct {
	Added     int      `json:"added"`
	Changed   int      `json:"changed"`
	Ended     int      `json:"ended"`
	Unchanged int      `json:"unchanged"`
	Changes   []Change `json:"changes"` // by code
}

// NothingChanged reports that the directory was the same before.
func (r Report) NothingChanged() bool { return r.Added+r.Changed+r.Ended == 0 }

// Replaced is the directory with the insurers of a newer classifier in the
// place of its own. One that the classifier has no more stays, since old records
// name it; a contract of it that is in force ends today.
func (d Directory) Replaced(insurers []Insurer, now time.Time) (Directory, Report) {
	next := New(insurers, d.offices)
	for _, old := range d.insurers {
		if _, ok := next.FindInsurer(old.SMO); ok {
			continue
		}
		if today := calendar.Today(now, old.Region); old.InForce(today) && old.Until.IsZero() {
			old.Until = today
		}
		insurers = append(insurers[:len(insurers):len(insurers)], old)
	}
	next = New(insurers, d.offices)
	report := Report{Changes: []Change{}}
	for _, i := range next.insurers {
		before, known := d.FindInsurer(i.SMO)
		change := Change{SMO: i.SMO, Name: i.Name, Fields: differing(before, i)}
		switch {
		case !known:
			change.What, change.Fields = Added, []string{}
			report.Added++
		case len(change.Fields) == 0:
			report.Unchanged++
			continue
		case before.Until.IsZero() && !i.Until.IsZero():
			change.What = Ended
			report.Ended++
		default:
			change.What = Changed
			report.Changed++
		}
		report.Changes = append(report.Changes, change)
	}
	return next, report
}

// EndsSooner reports whether in the next directory a contract ends which goes on
// in this one, or ends later.
func (d Directory) EndsSooner(next Directory) bool {
	return slices.ContainsFunc(next.insurers, func(i Insurer) bool {
		before, known := d.FindInsurer(i.SMO)
		return !i.Until.IsZero() && (!known || before.Until.IsZero() || i.Until.Before(before.Until))
	})
}

func differing(a, b Insurer) []string {
	var fields []string
	for _, f := range []struct {
		name string
		same bool
	}{
		{"region", a.Region == b.Region}, {"name", a.Name == b.Name}, {"full_name", a.FullName == b.FullName},
		{"phone", a.Phone == b.Phone}, {"email", a.Email == b.Email}, {"site", a.Site == b.Site}, {"address", a.Address == b.Address},
		{"ogrn", a.OGRN == b.OGRN}, {"as_of", a.AsOf == b.AsOf}, {"since", a.Since == b.Since}, {"until", a.Until == b.Until},
	} {
		if !f.same {
			fields = append(fields, f.name)
		}
	}
	return fields
}
