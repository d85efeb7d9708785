// Package policy holds the register's record of an insured person and the card
// that is made of it for the cabinet.
package policy

import (
	"fmt"
	"slices"
	"strconv"
	"time"

	"polis/shared/calendar"
	"polis/shared/fault"
	"polis/shared/person"
)

// Clinic a person is attached to.
type Clinic struct {
	Name    string        `json:"name"`
	Address string        `json:"address,omitempty"`
	Since   calendar.Date `json:"since,omitzero"`
}

// BirthRecord is the civil record of a birth, the key of a child under 14.
type BirthRecord struct {
	Number string        `json:"number"`
	Date   calendar.Date `json:"date"`
}

// Insured is the register's record of one person.
type Insured struct {
	ID              string            `json:"id"`
	ENP             person.ENP        `json:"enp"`
	Person          person.Person     `json:"person"`
	Earlier         []person.Document `json:"earlier_documents,omitempty"`
	Names           []FormerName      `json:"former_names,omitempty"`
	Changes         Changes           `json:"changes,omitempty"` // of the state, as recorded
	ValidFrom       calendar.Date     `json:"valid_from"`
	ValidUntil      calendar.Date     `json:"valid_until,omitzero"` // zero: no limit
	Rights          []Right           `json:"rights,omitempty"`     // as recorded; none: a citizen's
	Insurances      []Insurance       `json:"insurances"`           // as recorded
	Clinic          *Clinic           `json:"clinic,omitempty"`
	Birth           *BirthRecord      `json:"birth_record,omitempty"`
	Representatives []person.SNILS    `json:"representatives,omitempty"`

	FormerRepresentatives []FormerRepresentative `json:"former_representatives,omitempty"`
	Messages              []Message              `json:"messages,omitempty"`

	RecordedAt time.Time     `json:"recorded_at"`
	Territory  string        `json:"territory,omitempty"` // whose fund gave the ENP; need not be the region of insurance
	Cause      string        `json:"cause"`               // id of the application, event or import that made it
	Applied    bool          `json:"applied,omitempty"`   // a parent applied for it, before the birth was reported
	DatesTold  calendar.Date `json:"dates_told,omitzero"` // the last day whose dates people were told of
	EndTold    calendar.Date `json:"end_told,omitzero"`   // of an insurer's contract, the last that people were told of
}

// Reported reports whether the record was made of a birth that ZAGS reported: its
// number was given here with it. An imported child brings a number along.
func (i Insured) Reported() bool { return i.Birth != nil && i.Territory != "" && !i.Applied }

// RepresentedBy reports whether the register holds that person as a
// representative, which ends when the child is 18 (Civil Code, art. 21).
func (i Insured) RepresentedBy(snils person.SNILS, today calendar.Date) bool {
	if snils == "" || i.Person.Birth.Age(today) >= 18 {
		return false
	}
	for _, r := range i.Representatives {
		if r == snils {
			return true
		}
	}
	return false
}

// Card is what a cabinet holds of a record: the copy that exists only under
// consent.
type Card struct {
	Insured    string        `json:"insured"` // id in the register
	ENP        person.ENP    `json:"enp"`
	Person     person.Person `json:"person"`
	Changes    Changes       `json:"changes,omitempty"` // also of days to come
	ValidFrom  calendar.Date `json:"valid_from"`
	ValidUntil calendar.Date `json:"valid_until,omitzero"`
	Right      Right         `json:"right,omitzero"` // of a foreigner
	Insurance  Cover         `json:"insurance"`
	Covering   Covering      `json:"covering_insurer,omitzero"` // of a newborn, while it lasts
	Clinic     *Clinic       `json:"clinic,omitempty"`
	Warnings   []string      `json:"warnings,omitempty"` // data that differ from the applicant's, by code
	AsOf       time.Time     `json:"as_of"`
	Answered   time.Time     `json:"answered,omitzero"` // machine's clock: which of two answers is the later

	ClinicAsked bool `json:"clinic_asked,omitempty"` // by the cabinet

	DiffersSince calendar.Date `json:"differs_since,omitzero"` // when the cabinet first knew of the warnings
}

// CardOf makes the card of a record as it stands on the date. Who chose the
// insurer, why, and where the family moved is no business of the other parent,
// and so is not in it.
func CardOf(i Insured, today calendar.Date, asOf time.Time) Card {
	card := Card{
		Insured: i.ID, ENP: i.ENP, Person: i.Person, Changes: i.Changes.told(),
		ValidFrom: i.ValidFrom, ValidUntil: i.ValidUntil,
		Insurance: i.Insurance(today).Cover, Clinic: i.Clinic, AsOf: asOf,
	}
	if len(i.Rights) > 0 {
		card.Right = i.right()
		card.Right.Source, card.Right.Cause, card.Right.Recorded, card.Right.Submitted = "", "", time.Time{}, time.Time{}
		card.Right.Begins = calendar.Date{}
	}
	return card
}

// TellsOfClinic reports whether the cabinet has asked for the clinic: only then
// that there is none says something about the register. The copy of an earlier
// version tells it by the clinic alone.
func (c Card) TellsOfClinic() bool { return c.ClinicAsked || c.Clinic != nil }

// told is what counts of the changes, without what made each: only which of them
// belong together.
func (c Changes) told() Changes {
	told := c.inOrder()
	together := map[string]string{}
	for n := range told {
		cause := told[n].Cause
		if _, known := together[cause]; !known {
			together[cause] = strconv.Itoa(len(together) + 1)
		}
		told[n].Cause, told[n].Recorded = together[cause], time.Time{}
	}
	return told
}

// CoveredNow is who covers a newborn on the day, if somebody else than its insurer
// does.
func (c Card) CoveredNow(today calendar.Date) (Covering, bool) {
	of := c.Covering
	return of, of.SMO != "" && of.SMO != c.Insurance.SMO && !today.After(of.Until)
}

// OfChild reports whether the card is a child's, which a representative may see
// (Civil Code, art. 21).
func (c Card) OfChild(today calendar.Date) bool { return c.Person.Birth.Age(today) < 18 }

// Shown is the state as a citizen is told of it on a date; expiry is seen from
// the dates, it is never stored.
type Shown string

const (
	ShownActive    Shown = "active"
	ShownSuspended Shown = "suspended"
	ShownInvalid   Shown = "invalid"
	ShownExpired   Shown = "expired"
	ShownNoInsurer Shown = "no_insurer" // active, and the fund stands in
)

// Shown on the date.
func (c Card) Shown(today calendar.Date) Shown {
	switch {
	case c.Changes.On(today).State == Invalid:
		return ShownInvalid
	case !c.ValidUntil.IsZero() && today.After(c.ValidUntil):
		return ShownExpired
	case c.Changes.On(today).State == Suspended:
		return ShownSuspended
	case c.Insurance.SMO == "":
		return ShownNoInsurer
	}
	return ShownActive
}

// Over reports whether the policy has ended or expired: nothing holds of it any
// more but its number.
func (c Card) Over(today calendar.Date) bool {
	shown := c.Shown(today)
	return shown == ShownInvalid || shown == ShownExpired
}

// Coming is how the state turns next, as far as it is known today.
type Coming struct {
	Status     Shown         `json:"status"`
	On         calendar.Date `json:"on"`           // the first day of it
	Until      calendar.Date `json:"-"`            // the last one; zero where it is not known
	MayCallOff bool          `json:"may_call_off"` // the person has asked for it
}

// Coming turn of the state; false where none is known.
func (c Card) Coming(today calendar.Date) (Coming, bool) {
	on := c.Changes.Next(today)
	if on.IsZero() {
		return Coming{}, false
	}
	next := Coming{Status: c.Shown(on), On: on}
	if next.Status == c.Shown(today) || next.Status == ShownExpired {
		return Coming{}, false
	}
	if over := c.Changes.Next(on); !over.IsZero() {
		next.Until = over.AddDays(-1)
	}
	causes, _ := c.Changes.toCallOff(today)
	next.MayCallOff = slices.ContainsFunc(c.Changes, func(x Change) bool { return x.Since == on && slices.Contains(causes, x.Cause) })
	return next, true
}

// Text is the turn in words for the citizen.
func (c Coming) Text() fault.Text {
	from := fault.Text{RU: "С " + c.On.Russian(), EN: "From " + c.On.String()}
	switch {
	case c.Status == ShownSuspended && !c.Until.IsZero():
		return fault.Text{
			RU: from.RU + " по " + c.Until.Russian() + " полис будет приостановлен",
			EN: from.EN + " to " + c.Until.String() + " the policy will be suspended"}
	case c.Status == ShownSuspended:
		return fault.Text{RU: from.RU + " полис будет приостановлен", EN: from.EN + " on the policy will be suspended"}
	case c.Status == ShownInvalid:
		return fault.Text{RU: from.RU + " полис прекратит действие", EN: from.EN + " on the policy will be invalid"}
	}
	return fault.Text{RU: from.RU + " полис снова будет действовать", EN: from.EN + " on the policy will be in force again"}
}

// ShownText is the state in words for the citizen.
func (c Card) ShownText(today calendar.Date) fault.Text {
	standing := c.Changes.On(today)
	switch c.Shown(today) {
	case ShownInvalid:
		why := EndText(standing.Ground)
		return fault.Text{
			RU: fmt.Sprintf("Аннулирован с %s. Причина: %s", standing.Since.Russian(), why.RU),
			EN: fmt.Sprintf("Invalid since %s. Reason: %s", standing.Since, why.EN)}
	case ShownExpired:
		text := fault.Text{
			RU: fmt.Sprintf("Срок действия истёк %s", c.ValidUntil.Russian()),
			EN: fmt.Sprintf("Expired on %s", c.ValidUntil)}
		if c.Right.Ground != "" { // before its time
			why := EndText(c.Right.Ground)
			text.RU, text.EN = text.RU+". Причина: "+why.RU, text.EN+". Reason: "+why.EN
		}
		return text
	case ShownSuspended:
		return fault.Text{
			RU: fmt.Sprintf("Приостановлен с %s", standing.Since.Russian()),
			EN: fmt.Sprintf("Suspended since %s", standing.Since)}
	case ShownNoInsurer:
		return fault.Text{
			RU: "Активен. Страховая не выбрана, пока её заменяет территориальный фонд ОМС",
			EN: "Active. No insurer is chosen, the regional fund stands in"}
	}
	return fault.Text{
		RU: "Активен. Бумажный полис менять не нужно",
		EN: "Active. A paper policy need not be replaced"}
}
