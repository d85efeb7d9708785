package policy

import (
	"slices"

	"polis/shared/fault"
)

// Message is what a source has reported of a record, or a parent's account has
// told of it, and the record has taken.
type Message struct {
	Cause   string `json:"cause"`             // of the id that its source gave it, or that of the application
	Content string `json:"content,omitempty"` // of a source's: digest of all that it says
}

var errSourceIDReused = fault.New(fault.Conflict, "source_id_reused",
	"Под этим номером сообщения (source_id) уже передано другое, и это сообщение не принято. Передайте его под новым номером.",
	"Another message came under this source_id, and this one is not taken. Send it under an id of its own.")

// Took reports whether the record has taken the message before. Another one under
// its id is a Conflict: a source that believes it delivered would never find out
// that nothing came of it.
func (i Insured) Took(m Message) (bool, error) {
	n := slices.IndexFunc(i.Messages, func(x Message) bool { return x.Cause == m.Cause })
	switch {
	case n < 0:
		return false, nil
	case i.Messages[n].Content != m.Content:
		return false, errSourceIDReused
	}
	return true, nil
}

// heard reports whether a message of the cause was taken.
func (i Insured) heard(cause string) bool {
	return slices.ContainsFunc(i.Messages, func(m Message) bool { return m.Cause == cause })
}

// Taking is the record with the message among those that it has taken.
func (i Insured) Taking(m Message) Insured {
	i.Messages = append(slices.Clone(i.Messages), m)
	return i
}
