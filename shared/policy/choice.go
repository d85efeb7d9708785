package policy

import (
	"slices"
	"time"

	"polis/shared/calendar"
	"polis/shared/directory"
	"polis/shared/fault"
)

// Choice of an insurer.
type Choice struct {
	SMO     string        `json:"smo"`
	Reason  Reason        `json:"reason"`
	Region  string        `json:"region"`            // where the insurer works; a new one on moving
	Address string        `json:"address,omitempty"` // of the new home, on moving
	Moved   calendar.Date `json:"moved,omitzero"`    // the first day there
}

// FindInsurer looks an insurer up by its code, also one whose contract ended.
type FindInsurer func(smo string) (directory.Insurer, bool)

// lastDay of a year on which an insurer may be replaced by right (326-FZ,
// art. 16, part 1, point 4: once in a calendar year, not later than 1 November).
func lastDay(year int) calendar.Date { return calendar.On(year, time.November, 1) }

// Codes of the refusals of whatever is asked of a record whose person has died,
// or whose policy has ended.
const (
	DeathRecorded = "death_recorded"
	PolicyOver    = "policy_ended"
)

var (
	errDead = fault.New(fault.Conflict, DeathRecorded,
		"В регистре записана смерть застрахованного. Если это ошибка, обратитесь в территориальный фонд.",
		"The register has the insured person's death on record. If that is a mistake, turn to the regional fund.")
	errPolicyEnded = fault.New(fault.Conflict, PolicyOver,
		"Полис не действует. Сначала восстановите его или оформите новый.",
		"The policy is not valid. Have it restored or apply for a new one first.")
	errInForce = fault.New(fault.Conflict, "insurance_in_force",
		"Страховая уже выбрана, поэтому это замена, а не первый выбор.",
		"An insurer is chosen already, so this is a replacement and no first choice.").Suggesting(string(ByRight))
	errChosenLater = fault.New(fault.Conflict, "insurer_chosen_later",
		"В регистре уже есть более поздний выбор страховой, действует он. Если он вам не подходит, подайте новое заявление.",
		"The register has a later choice of an insurer already, and that one counts. If it does not suit you, apply again.")
	errNothingToReplace = fault.New(fault.Conflict, "no_insurer_to_replace",
		"Страховая ещё не выбрана, заменять нечего. Выберите её впервые.",
		"No insurer is chosen yet, so there is none to replace. Make a first choice.").Suggesting(string(First))
	errChangedThisYear = fault.New(fault.Conflict, "insurer_changed_this_year",
		"Страховую меняют раз в год, не позднее 1 ноября. В этом году её уже меняли.",
		"An insurer is replaced once a year, not later than 1 November. It was replaced this year already.")
	errAfterNovember1 = fault.New(fault.Conflict, "insurer_change_after_1_november",
		"Страховую меняют раз в год, не позднее 1 ноября.",
		"An insurer is replaced once a year, not later than 1 November.")
	errSameInsurer = fault.New(fault.Conflict, "insurer_is_the_same",
		"Эта страховая у вас уже есть.", "This is the insurer already.")
	errOtherRegion = fault.New(fault.Conflict, "insurer_of_other_region",
		"Эта страховая работает в другом регионе. Если вы переехали, выберите причину «переезд».",
		"This insurer works in another region. If you have moved, give “move” as the reason.").Suggesting(string(Moved))
	errNotInForce = fault.New(fault.Conflict, "insurer_not_in_force",
		"У этой страховой нет действующего договора с фондом. Выберите другую.",
		"This insurer has no contract with the fund in force. Choose another.")
	errSameRegion = fault.New(fault.Conflict, "move_within_region",
		"Переезд внутри региона — не основание менять страховую сверх раза в год.",
		"A move within the region is no ground to replace the insurer more than once a year.").Suggesting(string(ByRight))
	errContractInForce = fault.New(fault.Conflict, "insurer_contract_in_force",
		"Договор вашей страховой действует, это основание не подходит.",
		"Your insurer's contract is in force, so this is no ground.").Suggesting(string(ByRight))
)

// next names the first day of the next year, on which replacing by right is
// allowed again.
func next(err *fault.Error, day calendar.Date) error {
	return err.AllowedFrom(calendar.On(day.Year+1, time.January, 1).String())
}

// Choose is the record with the insurer that was chosen at the moment. Dates count
// by the region in which the person is insured; a choice is in force from its own
// day on, on moving by the earlier of the two regions' clocks. A suspended policy
// does not stand in its way. What the law forbids at the moment is a Conflict,
// with the first day on which it is allowed and another reason where one fits.
// Repeated for the same cause it changes nothing.
func (i Insured) Choose(c Choice, d Deed, find FindInsurer) (Insured, error) {
	if slices.ContainsFunc(i.Insurances, func(in Insurance) bool { return in.Cause == d.Cause }) {
		return i, nil
	}
	day := i.Today(d.At)
	have := i.Insurance(day)
	if err := i.mayChoose(day); err != nil {
		return i, err
	}
	if err := i.grounds(c.Reason, c.Region, have, day, find); err != nil {
		return i, err
	}
	chosen, known := find(c.SMO)
	switch {
	case !c.Moved.IsZero() && c.Moved.Before(i.Person.Birth):
		return i, fault.WrongField("moved", "date_wrong", "Дата раньше рождения.", "The date is before the birth.")
	case !known:
		return i, fault.WrongField("smo", "smo_unknown", "Такой страховой нет в справочнике.", "The directory has no such insurer.")
	case chosen.Region != c.Region:
		return i, errOtherRegion
	case !chosen.InForce(day):
		return i, errNotInForce
	case c.SMO == have.SMO:
		return i, errSameInsurer
	}
	if there := calendar.Today(d.At, c.Region); c.Reason == Moved && there.Before(day) && !there.Before(have.Since) {
		day = there // whichever clock is read, the new insurer is in force at once
	}
	return i.insuredBy(Insurance{Cover: Cover{SMO: c.SMO, Region: c.Region, Since: day}, Reason: c.Reason, Cause: d.Cause, Recorded: d.Recorded}), nil
}

// mayChoose refuses also a day before an insurance that is on record already.
func (i Insured) mayChoose(day calendar.Date) error {
	if err := i.mayChange(day); err != nil {
		return err
	}
	if slices.ContainsFunc(i.Insurances, func(in Insurance) bool { return in.Corrected.IsZero() && in.Since.After(day) }) {
		return errChosenLater
	}
	return nil
}

// grounds holds what each reason needs.
func (i Insured) grounds(reason Reason, region string, have Insurance, day calendar.Date, find FindInsurer) error {
	if reason != Moved && region != have.Region {
		return errOtherRegion
	}
	// What any other reason lacks, the end of the contract gives.
	instead := func(err error) error {
		if err == nil || !i.contractOver(day, find) {
			return err
		}
		return fault.From(err).Suggesting(string(ContractEnded))
	}
	switch reason {
	case First:
		// Bound neither by 1 November nor counted: while the fund stands in
		// there is nothing to replace.
		if have.SMO != "" {
			if err := i.byRight(have, day); err != nil && !i.contractOver(day, find) {
				return errInForce.AllowedFrom(fault.From(err).From)
			}
			return instead(errInForce)
		}
	case ByRight:
		if have.SMO == "" {
			return errNothingToReplace
		}
		return instead(i.byRight(have, day))
	case Moved:
		if region == have.Region {
			return instead(errSameRegion)
		}
	case ContractEnded:
		switch {
		case i.chosenLast(day).SMO == "":
			return errNothingToReplace
		case !i.contractOver(day, find):
			return errContractInForce
		}
	}
	return nil
}

// byRight holds the replacement without a ground of its own.
func (i Insured) byRight(have Insurance, day calendar.Date) error {
	for _, in := range i.Insurances {
		if in.Reason == ByRight && in.Corrected.IsZero() && in.Since.Year == day.Year {
			return next(errChangedThisYear, day)
		}
	}
	if day.After(lastDay(day.Year)) {
		return next(errAfterNovember1, day)
	}
	return nil
}

// chosenLast is the latest insurance by a real insurer.
func (i Insured) chosenLast(day calendar.Date) Insurance {
	return latest(i.Insurances, day, func(in Insurance) bool { return in.Corrected.IsZero() && in.SMO != "" })
}

// contractOver reports whether the contract of the latest real insurer has ended.
func (i Insured) contractOver(day calendar.Date, find FindInsurer) bool {
	insurer, known := find(i.chosenLast(day).SMO)
	return known && !insurer.InForce(day)
}

// May answers "may I change the insurer?": with the reason that fits now, or
// with the error that says why not and from when. Moving to another region is
// possible in either case.
func (i Insured) May(at time.Time, find FindInsurer) (Reason, error) {
	day := i.Today(at)
	if err := i.mayChoose(day); err != nil {
		return "", err
	}
	have := i.Insurance(day)
	if i.contractOver(day, find) {
		return ContractEnded, nil
	}
	if have.SMO == "" {
		return First, nil
	}
	return ByRight, i.byRight(have, day)
}
