package policy

import (
	"slices"
	"time"

	"polis/shared/calendar"
	"polis/shared/fault"
)

// Cover is by whom and where a person is insured since a day. An empty SMO means
// that the regional fund stands in until somebody chooses (326-FZ, art. 16).
type Cover struct {
	SMO    string        `json:"smo"`
	Region string        `json:"region"`
	Since  calendar.Date `json:"since"`
}

// Reason for which an insurer insures, as the funds exchange it (RSMO 1 to 4);
// "" where nobody chose: put on record, imported, distributed by the fund.
type Reason string

const (
	First         Reason = "first"          // 1: the fund had stood in
	ByRight       Reason = "by_right"       // 2: once in a calendar year, not later than 1 November
	Moved         Reason = "move"           // 3: to another region
	ContractEnded Reason = "contract_ended" // 4: the insurer's contract with the fund ended
)

// Insurance is a cover as the register came to know of it. It lasts until the
// next one begins. None is ever taken away: one that proves wrong is noted as
// corrected, and another stands for it.
type Insurance struct {
	Cover
	Reason      Reason    `json:"reason,omitempty"`
	Cause       string    `json:"cause,omitempty"` // id of the application, event or import
	Recorded    time.Time `json:"recorded,omitzero"`
	Corrected   time.Time `json:"corrected,omitzero"` // when it was found wrong; zero: it stands
	CorrectedBy string    `json:"corrected_by,omitempty"`
	Decision    string    `json:"decision,omitempty"` // number of the fund's decision that put it in the place of a wrong one
}

// knownAt reports whether the register held the insurance for true at a moment.
func (i Insurance) knownAt(known time.Time) bool {
	return !i.Recorded.After(known) && (i.Corrected.IsZero() || i.Corrected.After(known))
}

// Insurance in force on the date, as it is known now; the zero Insurance where
// there is none.
func (i Insured) Insurance(on calendar.Date) Insurance {
	return latest(i.Insurances, on, func(in Insurance) bool { return in.Corrected.IsZero() })
}

// InsuranceAsOf is the insurance in force on the date as the register knew it at
// the moment: later corrections, and what was recorded late, are left out.
func (i Insured) InsuranceAsOf(on calendar.Date, known time.Time) Insurance {
	return latest(i.Insurances, on, func(in Insurance) bool { return in.knownAt(known) })
}

// latest is the last that began by the date; of several on one day, the one
// recorded last.
func latest(all []Insurance, on calendar.Date, stands func(Insurance) bool) Insurance {
	var found Insurance
	for _, in := range all {
		if stands(in) && !in.Since.After(on) && !in.Since.Before(found.Since) {
			found = in
		}
	}
	return found
}

// insuredBy adds an insurance.
func (i Insured) insuredBy(in Insurance) Insured {
	i.Insurances = append(slices.Clone(i.Insurances), in)
	return i
}

// Correction says which insurance was recorded wrongly, and what was true.
type Correction struct {
	Wrong calendar.Date `json:"wrong"` // the first day of the insurance that is wrong
	Right Cover         `json:"right"`
	Cause string        `json:"cause"`

	Decision string `json:"decision"` // its number, as the fund writes it
}

var errNoSuchInsurance = fault.New(fault.Conflict, "insurance_not_found",
	"С этой даты в записи нет страхования. Укажите его первый день.",
	"The record has no insurance since this date. Give its first day.")

var errOtherCorrection = fault.New(fault.Conflict, "source_id_reused",
	"По этому решению эта дата уже исправлена иначе.",
	"By this decision the date was corrected in another way already.")

// Correct puts an insurance right that was recorded wrongly, also for days long
// past. The reason stays: a mistake in the name or the date of an insurer does
// not use up the year's replacement, and gives none back. Repeated for the same
// cause it changes nothing.
func (i Insured) Correct(c Correction, now time.Time) (Insured, error) {
	for _, in := range i.Insurances {
		switch {
		case in.Cause != c.Cause:
		case in.Cover != c.Right:
			return i, errOtherCorrection
		default:
			return i, nil
		}
	}
	for n := len(i.Insurances) - 1; n >= 0; n-- {
		wrong := i.Insurances[n]
		if wrong.Since != c.Wrong || !wrong.Corrected.IsZero() {
			continue
		}
		i = i.insuredBy(Insurance{Cover: c.Right, Reason: wrong.Reason, Cause: c.Cause, Recorded: now, Decision: c.Decision})
		i.Insurances[n].Corrected, i.Insurances[n].CorrectedBy = now, c.Cause
		return i, nil
	}
	return i, errNoSuchInsurance
}
