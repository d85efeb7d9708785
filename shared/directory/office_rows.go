package directory

import (
	"cmp"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"polis/shared/calendar"
)

// place is what makes an office the same one in the next file.
type place struct{ smo, name, address string }

func (o Office) place() place { return place{o.SMO, o.Name, o.Address} }

// number of the office among those of its insurer.
func (o Office) number() int {
	n, _ := strconv.Atoi(strings.TrimPrefix(o.ID, o.SMO+"-"))
	return n
}

// Offices makes offices of rows with the fields SMOCOD, NAME, ADDRESS, PHONE, HOURS
// and AS_OF, for insurers that the directory knows. wrong and noted are as those of
// Insurers. They have no ids yet.
func Offices(rows []Row, known Directory, asOf calendar.Date) (made []Office, wrong, noted []Remark) {
	lines, seen := map[place]int{}, repeats{}
	for _, row := range rows {
		if again, twice := seen.note(row); twice {
			noted = append(noted, again)
			continue
		}
		r := reader{Row: row}
		o := Office{
			SMO: r.code(), Name: r.required("NAME"), Address: r.required("ADDRESS"), Phone: r.text("PHONE"), Hours: r.text("HOURS"), AsOf: r.trueOn("AS_OF", asOf),
		}
		if _, ok := known.FindInsurer(o.SMO); !ok && o.SMO != "" {
			r.fault("SMOCOD", CodeUnknown, "Такой страховой нет в загруженном справочнике F002.", "The classifier F002 that was imported has no such insurer.")
		}
		if line, twice := lines[o.place()]; !twice {
			lines[o.place()] = row.Line
		} else if r.wrong == nil {
			r.fault("NAME", OfficeRepeated, fmt.Sprintf("Этот офис уже стоит в строке %d с другими данными.", line),
				fmt.Sprintf("This office stands in line %d already, with other data.", line))
		}
		made, wrong = append(made, o), append(wrong, r.wrong...)
	}
	return made, wrong, noted
}

// WithOffices is the directory with the offices in the place of its own. One that
// was there before keeps its id.
func (d Directory) WithOffices(offices []Office) (Directory, Report) {
	before, last := map[place]Office{}, map[string]int{}
	for _, o := range d.offices {
		before[o.place()] = o
		last[o.SMO] = max(last[o.SMO], o.number())
	}
	next, report := slices.Clone(offices), Report{Changes: []Change{}}
	for n := range next {
		o := &next[n]
		if old, known := before[o.place()]; known {
			o.ID = old.ID
			report.note(Change{o.SMO, o.ID, o.Name, Changed, unlike([]compared{
				{"phone", old.Phone == o.Phone}, {"hours", old.Hours == o.Hours}, {"as_of", old.AsOf == o.AsOf},
			})})
			delete(before, o.place())
			continue
		}
		last[o.SMO]++
		o.ID = fmt.Sprintf("%s-%d", o.SMO, last[o.SMO])
		report.note(Change{o.SMO, o.ID, o.Name, Added, []string{}})
	}
	for _, gone := range before {
		report.note(Change{gone.SMO, gone.ID, gone.Name, Ended, []string{}})
	}
	slices.SortFunc(report.Changes, func(a, b Change) int {
		return cmp.Or(cmp.Compare(a.SMO, b.SMO), cmp.Compare(len(a.Office), len(b.Office)), cmp.Compare(a.Office, b.Office))
	})
	return New(d.insurers, next), report
}
