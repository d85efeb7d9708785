package policy

import (
	"slices"

	"polis/shared/fault"
)

// refusals are what the law forbids of a record, or what keeps it from being
// changed, to be told to people.
var refusals = []*fault.Error{
	errInForce, errChosenLater, errNothingToReplace, errChangedThisYear, errAfterNovember1, errSameInsurer, errOtherRegion, errNotInForce, errSameRegion,
	errContractInForce, errSuspended, errNotSuspended, errReported, errMinor, errAdults, errNotEnded, errExpired, errDead, errPolicyEnded,
	errNotInRegister, errDiffers, errDuplicate,
}

// Refusal is why a change is refused, in both languages; false for a code that
// is none of these: it says nothing about the record.
func Refusal(code string) (fault.Text, bool) {
	i := slices.IndexFunc(refusals, func(e *fault.Error) bool { return e.Code == code })
	if i < 0 {
		return fault.Text{}, false
	}
	return refusals[i].Detail, true
}
