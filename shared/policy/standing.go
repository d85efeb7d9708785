package policy

import (
	"cmp"
	"slices"
	"time"

	"polis/shared/calendar"
	"polis/shared/fault"
)

// State of a record on a date.
type State string

const (
	Active    State = "active"
	Suspended State = "suspended" // military or equivalent service (326-FZ, art. 49.1)
	Invalid   State = "invalid"   // ended: death, lost ground, merged into another
)

// Turn is what a dated change does to the state.
type Turn string

const (
	Suspend Turn = "suspend"
	Resume  Turn = "resume"
	End     Turn = "end"
	Restore Turn = "restore"
)

// Grounds of an end that no application can do away with.
const (
	Death  = "death"
	Merged = "merged" // the person keeps one record of two
)

// Final reports whether an end on that ground is one of them.
func Final(ground string) bool { return ground == Death || ground == Merged }

// restsOn are the categories that a ground takes the right from (Rules of
// compulsory medical insurance, on the end of a policy). Who is insured by another
// right by now stays so: a permit is cancelled also because its holder was
// naturalised, or may live in Russia for good.
var restsOn = map[string][]Category{
	"citizenship_lost":           {Citizen},
	"permit_cancelled":           {TemporaryResident},
	"residence_permit_cancelled": {PermanentResident},
	// Both are insured by the law on refugees (326-FZ, art. 10). The sources name
	// the status of a refugee only; that asylum is lost likewise is an inference.
	"refugee_status_lost": {Refugee, TemporaryAsylum},
}

// ErrOtherRight is the loss of something on which the policy does not rest.
var ErrOtherRight = fault.New(fault.Conflict, "insured_by_another_right",
	"Полис этого человека основан на другом праве и продолжает действовать.",
	"This person's policy rests on another right and stays in force.")

// EndText is the ground of an end in words.
func EndText(ground string) fault.Text {
	switch ground {
	case Death:
		return fault.Text{RU: "в регистре записана смерть", EN: "a death is on record"}
	case "citizenship_lost":
		return fault.Text{RU: "утрата гражданства", EN: "loss of citizenship"}
	case "permit_cancelled":
		return fault.Text{RU: "разрешение на временное проживание аннулировано", EN: "the temporary residence permit was cancelled"}
	case "residence_permit_cancelled":
		return fault.Text{RU: "вид на жительство аннулирован", EN: "the permanent residence permit was cancelled"}
	case "refugee_status_lost":
		return fault.Text{RU: "утрата статуса беженца", EN: "loss of refugee status"}
	case "contract_ended":
		return fault.Text{RU: "трудовой договор прекращён", EN: "the employment contract ended"}
	case Merged:
		return fault.Text{RU: "запись объединена с другой записью этого человека", EN: "the record was merged with another one of the same person"}
	}
	return fault.Text{RU: "по данным регистра", EN: "by the register's data"}
}

// SuspensionGrounds is the closed list of article 49.1 of 326-FZ: service of
// those whom the state insures otherwise meanwhile.
var SuspensionGrounds = []string{"conscription", "contract_service", "mobilisation", "equivalent_service"}

// Sources of a change.
const (
	ByPerson       = "person"
	ByCommissariat = "commissariat"
	ByZAGS         = "zags"
	ByEmployer     = "employer"
	ByInterior     = "interior" // the ministry that decides on citizenship
	ByFund         = "fund"
	ByImport       = "import"
)

// Change of the state from a day on. Changes are kept in the order in which they
// were recorded, which need not be that of their days; the state of a date is
// computed from them and stored nowhere. One that was recorded by mistake, or
// called off, is noted as cancelled and counts no more.
type Change struct {
	Turn      Turn          `json:"turn"`
	Ground    string        `json:"ground,omitempty"`
	Since     calendar.Date `json:"since"`
	Source    string        `json:"source"`
	Cause     string        `json:"cause,omitempty"` // id of the application, event or import
	Recorded  time.Time     `json:"recorded,omitzero"`
	Cancelled time.Time     `json:"cancelled,omitzero"`

	CancelledBy string `json:"cancelled_by,omitempty"` // id of the decision
}

// Changes of one record.
type Changes []Change

// Standing is the state on a date, since when and on what ground.
type Standing struct {
	State  State         `json:"state"`
	Since  calendar.Date `json:"since,omitzero"`
	Ground string        `json:"ground,omitempty"`
}

// On computes the state of a date:
//   - An ended record stays so until it is restored, and a dead person's for good.
//   - The policy is suspended while any suspension lasts, also where it was ended
//     and restored meanwhile.
//   - A suspension lasts to the end that came with it, or to an end of service that
//     was reported by itself. Such an end ends every one begun before its day; one
//     begun on that very day it ends only where there is no other: the next service
//     may begin on that day.
//   - One from which the person has resumed the policy still has its end reported,
//     and that is no end of the next.
func (c Changes) On(day calendar.Date) Standing {
	active := Standing{State: Active}
	var ended *Standing
	var open Changes    // suspensions that last
	var resumed Changes // those that would, had the person not resumed the policy
	for _, change := range c.inOrder() {
		if change.Since.After(day) || ended != nil && ended.Ground == Death {
			break
		}
		switch change.Turn {
		case End:
			if ended == nil || change.Ground == Death {
				ended = &Standing{Invalid, change.Since, change.Ground}
			}
		case Restore:
			if ended != nil {
				ended, active.Since = nil, change.Since
			}
		case Suspend:
			open = append(open, change)
		case Resume:
			before := len(open)
			own := func(x Change) bool { return x.Turn == Suspend && x.Cause == change.Cause }
			earlier := func(x Change) bool { return x.Since.Before(change.Since) }
			byPerson := func(x Change) bool { return x.Source == ByPerson }
			switch {
			case change.Cause != "" && slices.ContainsFunc(c, own):
				open, resumed = slices.DeleteFunc(open, own), slices.DeleteFunc(resumed, own)
			case byPerson(change):
				open, resumed = nil, append(resumed, slices.DeleteFunc(open, byPerson)...)
			case slices.ContainsFunc(open, earlier), slices.ContainsFunc(resumed, earlier):
				open, resumed = slices.DeleteFunc(open, earlier), slices.DeleteFunc(resumed, earlier)
			default:
				open = nil
			}
			if before > 0 && len(open) == 0 {
				active.Since = change.Since
			}
		}
	}
	switch {
	case ended != nil:
		return *ended
	case len(open) > 0:
		return Standing{Suspended, open[0].Since, open[0].Ground}
	}
	return active
}

// inOrder is what counts, by day; of one day, as recorded.
func (c Changes) inOrder() Changes {
	counting := slices.DeleteFunc(slices.Clone(c), func(x Change) bool { return !x.Cancelled.IsZero() })
	slices.SortStableFunc(counting, func(a, b Change) int {
		return cmp.Or(a.Since.Compare(b.Since), a.Recorded.Compare(b.Recorded))
	})
	return counting
}

// Has reports whether the cause made any of the changes.
func (c Changes) Has(cause string) bool {
	return slices.ContainsFunc(c, func(x Change) bool { return x.Cause == cause || x.CancelledBy == cause })
}

// turned adds a change of the state.
func (i Insured) turned(turn Turn, ground string, since calendar.Date, d Deed) Insured {
	i.Changes = append(slices.Clone(i.Changes), Change{Turn: turn, Ground: ground, Since: since, Source: d.Source, Cause: d.Cause, Recorded: d.Recorded})
	return i
}

// lost reports whether the policy rests on a right of the category, and an end that
// takes it was recorded after a moment.
func (i Insured) lost(right Category, after time.Time) bool {
	return right == i.right().Category && slices.ContainsFunc(i.Changes, func(x Change) bool {
		return x.Turn == End && x.Recorded.After(after) && slices.Contains(restsOn[x.Ground], right)
	})
}

// Next is the first day after the given one on which the state turns; the zero
// date where none is known.
func (c Changes) Next(day calendar.Date) calendar.Date {
	for _, change := range c.inOrder() {
		if change.Since.After(day) && c.On(change.Since).State != c.On(change.Since.AddDays(-1)).State {
			return change.Since
		}
	}
	return calendar.Date{}
}

// Deed is what changes a record: by whom, for which application or event, at
// which moment of the law, and when the register came to know of it.
type Deed struct {
	Source   string
	Cause    string // the same cause never changes a record twice
	At       time.Time
	Recorded time.Time
}

// Suspension is what a person or a source asks for.
type Suspension struct {
	Ground string        `json:"ground"`
	From   calendar.Date `json:"from"`
	Until  calendar.Date `json:"until,omitzero"` // the last day of service; zero: not known
}

var (
	errSuspended = fault.New(fault.Conflict, "policy_suspended",
		"Полис на эту дату уже приостановлен.", "The policy is suspended on this date already.")
	errNotSuspended = fault.New(fault.Conflict, "policy_not_suspended",
		"Полис на эту дату не приостановлен, возобновлять нечего.", "The policy is not suspended on this date, there is nothing to resume.")
	errReported = fault.New(fault.Conflict, "suspension_reported",
		"О службе с этого дня сообщил и военный комиссариат, поэтому отменить приостановление нельзя. Если это ошибка, обратитесь в территориальный фонд.",
		"The military commissariat has reported military service from this day too, so the suspension cannot be called off. If that is a mistake, turn to the regional fund.")
	errMinor = fault.New(fault.Conflict, "representative_needed",
		"До 18 лет страховую выбирает родитель или другой законный представитель. Он же заявляет о полисе.",
		"Below 18 a parent or another legal representative chooses the insurer, and applies for the policy.")
	errAdults = fault.New(fault.Conflict, "adults_only",
		"Полис приостанавливают только совершеннолетним.", "Only an adult's policy is suspended.")
	errExpired = fault.New(fault.Conflict, "policy_expired",
		"Срок полиса истёк, восстанавливать нечего. Подайте заявление на полис заново: номер останется прежним.",
		"The policy has expired, there is nothing to restore. Apply for a policy anew: its number stays.").Suggesting("register")
	errNotEnded = fault.New(fault.Conflict, "policy_not_ended",
		"Полис действует, восстанавливать нечего.", "The policy is valid, there is nothing to restore.")
)

// mayChange refuses a record that insures nobody on a day.
func (i Insured) mayChange(day calendar.Date) error {
	switch {
	case i.Dead():
		return errDead
	case i.Changes.On(day).State == Invalid, i.Expired(day):
		return errPolicyEnded
	}
	return nil
}

// Suspend takes the policy out of force for a service, from its first day to its
// last (326-FZ, art. 49.1); also for days to come. Repeated for the same cause
// it changes nothing.
func (i Insured) Suspend(s Suspension, d Deed) (Insured, error) {
	if i.Changes.Has(d.Cause) {
		return i, nil
	}
	if err := i.mayChange(s.From); err != nil {
		return i, err
	}
	if i.Person.Birth.Age(s.From) < 18 {
		return i, errAdults
	}
	if d.Source == ByPerson && i.Changes.On(s.From).State == Suspended {
		return i, errSuspended // what a source reports may last longer
	}
	i = i.turned(Suspend, s.Ground, s.From, d)
	if !s.Until.IsZero() {
		i = i.turned(Resume, "", s.Until.AddDays(1), d)
	}
	return i, nil
}

// Resume puts the policy in force again from a day on. A source's word that a
// service ended is kept also where its beginning is not known yet, and in whatever
// state: what ended the policy may be a mistake. A person can only resume what is
// suspended, or call off what they have asked for and has not begun.
func (i Insured) Resume(from calendar.Date, d Deed) (Insured, error) {
	if i.Changes.Has(d.Cause) {
		return i, nil
	}
	if err := i.mayChange(from); err != nil && d.Source == ByPerson {
		return i, err
	}
	if d.Source == ByPerson && i.Changes.On(from).State != Suspended {
		if from.Before(i.Today(d.At)) {
			return i, errNotSuspended // what has begun is not called off
		}
		return i.callOff(from, d)
	}
	return i.turned(Resume, "", from, d), nil
}

// comes reports whether the change is a suspension that the person has asked for
// and that begins after the day.
func (c Change) comes(day calendar.Date) bool {
	return c.Turn == Suspend && c.Source == ByPerson && c.Cancelled.IsZero() && c.Since.After(day)
}

// toCallOff are the causes of the person's own suspensions that begin after the
// day and can be called off; reported: there are some, but a source's word has the
// policy suspended on their first day too.
func (c Changes) toCallOff(day calendar.Date) (causes []string, reported bool) {
	var own Changes
	for _, x := range c {
		if x.comes(day) {
			own = append(own, x)
		}
	}
	rest := slices.DeleteFunc(slices.Clone(c), func(x Change) bool {
		return slices.ContainsFunc(own, func(o Change) bool { return o.Cause == x.Cause })
	})
	for _, x := range own {
		if rest.On(x.Since).State == Suspended {
			reported = true
		} else {
			causes = append(causes, x.Cause)
		}
	}
	return causes, reported
}

// callOff does away with the person's own suspensions that begin after the day,
// each with its end. What a source has reported stays.
func (i Insured) callOff(day calendar.Date, d Deed) (Insured, error) {
	causes, reported := i.Changes.toCallOff(day)
	switch {
	case causes == nil && reported:
		return i, errReported
	case causes == nil:
		return i, errNotSuspended
	}
	i.Changes = slices.Clone(i.Changes)
	for n := range i.Changes {
		if c := &i.Changes[n]; c.Cancelled.IsZero() && slices.Contains(causes, c.Cause) {
			c.Cancelled, c.CancelledBy = d.Recorded, d.Cause
		}
	}
	return i, nil
}

// CalledOff reports whether the cause called a suspension off.
func (i Insured) CalledOff(cause string) bool {
	return slices.ContainsFunc(i.Changes, func(c Change) bool { return c.Turn == Suspend && c.CancelledBy == cause })
}

// EndOn ends the policy from a day on: what is known of its ground came in that
// day. A record that is ended stays as it is, and so does one that rests on
// something else, but a death is kept in any case.
func (i Insured) EndOn(day calendar.Date, ground string, d Deed) (Insured, error) {
	if i.Changes.Has(d.Cause) {
		return i, nil
	}
	if i.Changes.On(day).State == Invalid && ground != Death {
		return i, errPolicyEnded
	}
	if of, lost := restsOn[ground]; lost && !slices.Contains(of, i.right().Category) {
		return i, ErrOtherRight
	}
	return i.turned(End, ground, day, d), nil
}

// Restore puts an ended policy in force again, as the fund decided. Death is not
// restored from: a wrong record of it is cancelled.
func (i Insured) Restore(day calendar.Date, d Deed) (Insured, error) {
	if i.Changes.Has(d.Cause) {
		return i, nil
	}
	switch at := i.Changes.On(day); {
	case i.Dead():
		return i, errDead
	case at.Ground == Merged:
		return i, errPolicyEnded
	case i.Expired(day):
		return i, errExpired // whatever ended it before
	case at.State != Invalid:
		return i, errNotEnded
	}
	return i.turned(Restore, "", day, d), nil
}

var errNoDeath = fault.New(fault.Conflict, "death_not_recorded",
	"В записи нет сведений о смерти.", "The record has no death.")

// CancelDeath does away with a death that was recorded by mistake: the record is
// as if it had never been reported. Repeated for the same cause it changes
// nothing.
func (i Insured) CancelDeath(d Deed) (Insured, error) {
	if i.Changes.Has(d.Cause) {
		return i, nil
	}
	changes, found := slices.Clone(i.Changes), false
	for n := range changes {
		if changes[n].Ground == Death && changes[n].Cancelled.IsZero() {
			changes[n].Cancelled, changes[n].CancelledBy, found = d.Recorded, d.Cause, true
		}
	}
	if !found {
		return i, errNoDeath
	}
	i.Changes = changes
	return i, nil
}

// Dead reports whether a death is on record, of whichever day.
func (i Insured) Dead() bool {
	return slices.ContainsFunc(i.Changes, func(x Change) bool { return x.Ground == Death && x.Cancelled.IsZero() })
}

// Naturalise makes the policy a citizen's, which has no limit of time and is in
// force again if another right had lapsed. Repeated for the same cause it changes
// nothing.
func (i Insured) Naturalise(d Deed) (Insured, error) {
	if i.Knows(d.Cause) {
		return i, nil
	}
	day := i.Today(d.At)
	at := i.Changes.On(day)
	switch {
	case i.Dead():
		return i, errDead
	case at.Ground == Merged:
		return i, errPolicyEnded // another record stands for this person
	}
	right := RightOf(Citizen, calendar.Date{}, day)
	right.Source = d.Source
	if at.State == Invalid {
		i = i.turned(Restore, "citizenship_gained", day, d)
	} else if !i.Expired(day) {
		right.ValidFrom = i.ValidFrom
	}
	return i.Under(right, d.Cause, d.Recorded), nil
}

// Today is the date of the law at a moment, by the clock of the region in which
// the person is insured.
func (i Insured) Today(at time.Time) calendar.Date {
	in := i.Insurance(calendar.Today(at, ""))
	if in.Since.IsZero() && len(i.Insurances) > 0 {
		in = i.Insurances[0] // its first day has come there, and in Moscow it has not
	}
	// The region itself may change with the day: then it is the day of the change.
	day := calendar.Today(at, in.Region)
	if there := calendar.Today(at, i.Insurance(day).Region); there.After(day) {
		return there
	}
	return day
}

// Expired reports whether the policy's term is over.
func (i Insured) Expired(day calendar.Date) bool {
	return !i.ValidUntil.IsZero() && day.After(i.ValidUntil)
}
