package policy

import "polis/shared/fault"

// refusals are what the law forbids, to be told to people.
var refusals = []*fault.Error{
	errDead, errPolicyEnded, errSuspended, errNotSuspended, errAdults, errNotEnded, errExpired,
	errNotInRegister, errDiffers, errDuplicate,
}

// Refusal is why a change of the state is refused, in both languages; false for
// a code that is none of them.
func Refusal(code string) (fault.Text, bool) {
	for _, r := range refusals {
		if r.Code == code {
			return r.Detail, true
		}
	}
	return fault.Text{}, false
}
