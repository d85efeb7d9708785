package directory

import (
	"slices"
	"time"

	"polis/shared/calendar"
)

// What happened to an insurer or an office in an import.
const (
	Added   = "added"
	Changed = "changed"
	Ended   = "ended" // its contract ends, by its rows or because it has none any more; the office is listed no more
)

// Change of one insurer or office.
type Change struct {
	SMO    string   `json:"smo"`
	Office string   `json:"office,omitempty"` // its id
	Name   string   `json:"name"`
	What   string   `json:"what"`
	Fields []string `json:"fields"` // as the public form calls them; none of what is added, or an office that is gone
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
// name it, and has no contract from today on.
func (d Directory) Replaced(insurers []Insurer, now time.Time) (Directory, Report) {
	listed := New(insurers, nil)
	for _, old := range d.insurers {
		if _, ok := listed.FindInsurer(old.SMO); !ok {
			old.Contracts = brokenOff(old.Contracts, calendar.Today(now, old.Region))
			insurers = append(insurers[:len(insurers):len(insurers)], old)
		}
	}
	next := New(insurers, d.offices)
	report := Report{Changes: []Change{}}
	for _, i := range next.insurers {
		before, known := d.FindInsurer(i.SMO)
		_, still := listed.FindInsurer(i.SMO)
		change := Change{SMO: i.SMO, Name: i.Name, What: Changed, Fields: differing(before, i)}
		switch {
		case !known:
			change.What, change.Fields = Added, []string{}
		case len(change.Fields) > 0 && (!still || before.lasts() && !i.lasts()):
			change.What = Ended
		}
		report.note(change)
	}
	return next, report
}

// note counts what happened to one, and nothing where a change has no fields.
func (r *Report) note(c Change) {
	switch {
	case c.What == Added:
		r.Added++
	case c.What == Ended:
		r.Ended++
	case len(c.Fields) > 0:
		r.Changed++
	default:
		r.Unchanged++
		return
	}
	r.Changes = append(r.Changes, c)
}

// EndsSooner reports whether in the next directory a contract ends on a day that
// this one does not know of. Where it knows of another end before, which is still
// to come, the records are looked at on that day, and nothing is missed.
func (d Directory) EndsSooner(next Directory, now time.Time) bool {
	return slices.ContainsFunc(next.insurers, func(i Insurer) bool {
		before, _ := d.FindInsurer(i.SMO)
		today := calendar.Today(now, i.Region)
		return slices.ContainsFunc(i.Ends(), func(end calendar.Date) bool {
			return !slices.ContainsFunc(before.Ends(), func(known calendar.Date) bool {
				return known == end || known.After(today) && known.Before(end)
			})
		})
	})
}

// compared is a field before and after.
type compared struct {
	name string
	same bool
}

// unlike are the names of those that are not the same.
func unlike(all []compared) []string {
	names := []string{}
	for _, f := range all {
		if !f.same {
			names = append(names, f.name)
		}
	}
	return names
}

func differing(a, b Insurer) []string {
	return unlike([]compared{
		{"region", a.Region == b.Region}, {"name", a.Name == b.Name}, {"full_name", a.FullName == b.FullName},
		{"phone", a.Phone == b.Phone}, {"email", a.Email == b.Email}, {"site", a.Site == b.Site}, {"address", a.Address == b.Address},
		{"ogrn", a.OGRN == b.OGRN}, {"as_of", a.AsOf == b.AsOf}, {"contracts", slices.Equal(a.Contracts, b.Contracts)},
	})
}
