package policy

import (
	"hash/fnv"
	"slices"
	"strings"
	"time"

	"polis/shared/calendar"
	"polis/shared/fault"
	"polis/shared/person"
)

// Dates that matter, of which people are told on their day.
const (
	PassportDue      ChangeKind = "passport_due"      // 14: a passport replaces the certificate
	OfAge            ChangeKind = "of_age"            // 18: the parents' access ends
	ValidityEnding   ChangeKind = "validity_ending"   // in a month
	ValidityEnded    ChangeKind = "validity_ended"    // yesterday
	SuspensionBegins ChangeKind = "suspension_begins" // as it was set before
	SuspensionEnds   ChangeKind = "suspension_ends"   // as it was set before
	ContractOver     ChangeKind = "insurer_contract_ended"
	Replaceable      ChangeKind = "insurer_replaceable" // for one month more this year

	// ReportDue is the end of the month to report changed data. The cabinet
	// knows it, the register does not.
	ReportDue ChangeKind = "report_due"
)

// DateKinds are all of them.
var DateKinds = []ChangeKind{PassportDue, OfAge, ValidityEnding, ValidityEnded, SuspensionBegins, SuspensionEnds, ContractOver, Replaceable, ReportDue}

// Dated is a date that matters. It is told on its day, or later up to the last
// day on which it still helps; zero: at any time.
type Dated struct {
	Kind ChangeKind    `json:"kind"`
	On   calendar.Date `json:"on"`
	Last calendar.Date `json:"last,omitzero"`
}

// endingNotice is how many days before its end a policy's term is told.
const endingNotice = 30

// Dates of a record after a day, as it stands now, the soonest first: those that
// are known, and of what comes every year that of each year up to the one after
// today's.
func (i Insured) Dates(after, today calendar.Date, find FindInsurer) []Dated {
	var all []Dated
	note := func(kind ChangeKind, on, last calendar.Date) {
		if !on.IsZero() && on.After(after) && i.concerns(kind, on) {
			all = append(all, Dated{kind, on, last})
		}
	}
	none := calendar.Date{}
	if i.Person.Document.Type != person.Passport {
		note(PassportDue, i.Person.Birth.AddYears(14), none)
	}
	note(OfAge, i.Person.Birth.AddYears(adult), none)
	if until := i.ValidUntil; !until.IsZero() && !until.Forever() {
		note(ValidityEnding, until.AddDays(-endingNotice), until)
		note(ValidityEnded, until.AddDays(1), none)
	}
	for day := i.Changes.Next(after); !day.IsZero(); day = i.Changes.Next(day) {
		last := none
		if over := i.Changes.Next(day); !over.IsZero() {
			last = over.AddDays(-1)
		}
		switch before, then := i.Changes.On(day.AddDays(-1)).State, i.Changes.On(day).State; {
		case !i.setBefore(day):
		case then == Suspended:
			note(SuspensionBegins, day, last)
		case before == Suspended && then == Active:
			note(SuspensionEnds, day, last)
		}
	}
	for _, in := range i.Insurances {
		insurer, _ := find(in.SMO)
		for _, end := range insurer.Ends() {
			if i.Insurance(end) == in {
				note(ContractOver, end, none)
			}
		}
	}
	for year := after.Year; year <= max(after.Year, today.Year)+1; year++ {
		if day := calendar.On(year, time.October, 1); i.mayReplace(day) {
			note(Replaceable, day, lastDay(year))
		}
	}
	slices.SortStableFunc(all, func(a, b Dated) int { return a.On.Compare(b.On) })
	return slices.Compact(all)
}

// setBefore reports whether a turn was recorded before its day. One recorded on
// it or later has been told with the change itself.
func (i Insured) setBefore(day calendar.Date) bool {
	return slices.ContainsFunc(i.Changes, func(c Change) bool { return c.Since == day && c.Cancelled.IsZero() && i.Today(c.Recorded).Before(day) })
}

// concerns leaves out what no longer concerns a policy that has ended, and of
// one that has expired all but what is about the person.
func (i Insured) concerns(kind ChangeKind, on calendar.Date) bool {
	switch {
	case i.Changes.On(on).State == Invalid:
		return kind == OfAge && i.Changes.On(on).Ground != Death
	case i.Expired(on):
		return kind == OfAge || kind == PassportDue || kind == ValidityEnded
	}
	return true
}

// mayReplace reports whether the insurer may still be replaced by right in the
// year of the day.
func (i Insured) mayReplace(day calendar.Date) bool {
	have := i.Insurance(day)
	return have.SMO != "" && i.byRight(have, day) == nil
}

// From 09:00 by the clock of the region people are told of a date, and of what
// comes for everybody on one day during the twelve hours from then on: a whole
// country is not woken in one second.
const (
	tellFrom = 9 * time.Hour
	tellOver = 12 * time.Hour
)

// TellAt is the moment from which people of a region are told of a date.
func (d Dated) TellAt(region string) time.Time {
	return d.On.Start(calendar.Zone(region)).Add(tellFrom)
}

// Tell is when a date of the record is to be told.
func (i Insured) Tell(d Dated) time.Time {
	at := d.TellAt(i.Insurance(d.On).Region)
	if d.Kind == Replaceable {
		h := fnv.New32a()
		h.Write([]byte(i.ID))
		at = at.Add(time.Duration(h.Sum32()) * (tellOver >> 32))
	}
	return at
}

// toldUpTo is the last day whose dates were told, or were past when the record
// was made.
func (i Insured) toldUpTo() calendar.Date {
	if !i.DatesTold.IsZero() {
		return i.DatesTold
	}
	return i.Today(i.RecordedAt)
}

// endsToldUpTo is the last end of an insurer's contract that was told, or was past
// when the record was made. The directory may learn of an end on its day or after
// it, when the dates of that day were told already.
func (i Insured) endsToldUpTo() calendar.Date {
	if !i.EndTold.IsZero() {
		return i.EndTold
	}
	return i.Today(i.RecordedAt).AddDays(-1)
}

// untold are the dates of the record that were not told yet.
func (i Insured) untold(today calendar.Date, find FindInsurer) []Dated {
	after, ends := i.toldUpTo(), i.endsToldUpTo()
	earliest := after
	if ends.Before(earliest) {
		earliest = ends
	}
	return slices.DeleteFunc(i.Dates(earliest, today, find), func(d Dated) bool {
		if d.Kind == ContractOver {
			return !d.On.After(ends)
		}
		return !d.On.After(after)
	})
}

// Wake is when the record has a date to tell next; the zero time where none is
// known.
func (i Insured) Wake(find FindInsurer) time.Time {
	var first time.Time
	for _, d := range i.untold(i.toldUpTo(), find) {
		if at := i.Tell(d); first.IsZero() || at.Before(first) {
			first = at
		}
	}
	return first
}

// TellDates is the record with the dates noted that have come by the moment, and
// those of which people are told: each once, also where several have passed. The
// end of a contract is told to whom the insurer still insures, while it has no
// other.
func (i Insured) TellDates(now time.Time, find FindInsurer) (Insured, []Dated) {
	today := i.Today(now)
	var due []Dated
	for _, d := range i.untold(today, find) {
		if d.On.After(today) || !d.Last.IsZero() && today.After(d.Last) {
			continue
		}
		if d.Kind == ContractOver {
			have := i.Insurance(today)
			insurer, _ := find(have.SMO)
			if i.EndTold = d.On; have != i.Insurance(d.On) || insurer.InForce(today) {
				continue
			}
		}
		due = append(due, d)
	}
	if today.After(i.toldUpTo()) {
		i.DatesTold = today
	}
	return i, due
}

// Cause names a date in what is told of it.
func (d Dated) Cause() string { return dateCause + string(d.Kind) + "/" + d.On.String() }

const dateCause = "date/"

// told is what a date's cause tells, and whom: at 18 the parents too, who have
// seen the policy until then.
func (i Insured) toldOf(cause string, today calendar.Date) (Told, bool) {
	kind, day, _ := strings.Cut(strings.TrimPrefix(cause, dateCause), "/")
	on, err := calendar.ParseDate(day)
	if err != nil || !strings.HasPrefix(cause, dateCause) || kind == string(ReportDue) || !slices.Contains(DateKinds, ChangeKind(kind)) {
		return Told{}, false
	}
	told := Told{Insured: i.ID, Kind: ChangeKind(kind), Person: i.Person.SNILS, At: i.Tell(Dated{Kind: ChangeKind(kind), On: on})}
	if i.Person.Birth.Age(today) < adult || told.Kind == OfAge {
		told.Representatives = i.Representatives
	}
	return told, true
}

// DateText is what a date is, in words.
func DateText(kind ChangeKind) fault.Text {
	switch kind {
	case PassportDue:
		return fault.Text{RU: "14 лет: нужен паспорт", EN: "14 years old: a passport is needed"}
	case OfAge:
		return fault.Text{RU: "18 лет: родители больше не видят полис", EN: "18 years old: the parents do not see the policy any more"}
	case ValidityEnding:
		return fault.Text{RU: "Через 30 дней закончится срок полиса", EN: "The policy's term ends in 30 days"}
	case ValidityEnded:
		return fault.Text{RU: "Полис больше не действует: срок истёк", EN: "The policy is not valid any more: its term is over"}
	case SuspensionBegins:
		return fault.Text{RU: "Полис приостанавливается", EN: "The policy is suspended from now on"}
	case SuspensionEnds:
		return fault.Text{RU: "Полис снова действует", EN: "The policy is in force again"}
	case ContractOver:
		return fault.Text{RU: "У страховой закончился договор с фондом: выберите новую за 2 месяца", EN: "The insurer's contract with the fund has ended: choose another within 2 months"}
	case Replaceable:
		return fault.Text{RU: "Остался месяц, чтобы заменить страховую: не позднее 1 ноября", EN: "One month is left to replace the insurer: not later than 1 November"}
	case ReportDue:
		return fault.Text{RU: "Последний день сообщить страховой об изменившихся данных", EN: "The last day to report changed data to the insurer"}
	}
	return fault.Text{RU: "Важная дата", EN: "A date that matters"}
}
