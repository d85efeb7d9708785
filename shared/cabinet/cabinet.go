// Package cabinet is an account's own side of the service: its consents and the
// documents made for it.
package cabinet

import (
	"fmt"
	"maps"
	"net/mail"
	"slices"
	"strings"
	"time"

	"polis/shared/application"
	"polis/shared/consent"
	"polis/shared/fault"
	"polis/shared/person"
)

// Account is what the service keeps of one account beside its applications and
// its copies of policies.
type Account struct {
	Consents consent.Ledger    `json:"consents"`
	Contacts Contacts          `json:"contacts,omitzero"`
	SNILS    person.SNILS      `json:"snils,omitempty"`    // by which the service finds the account to tell it of a child
	Dead     bool              `json:"dead,omitempty"`     // the register has a death of its person: it is told nothing any more
	Extracts []Extract         `json:"extracts,omitempty"` // newest last
	Open     map[string]string `json:"open,omitempty"`     // applications under way, by what they ask for
	Typed    []time.Time       `json:"typed,omitempty"`    // when policy numbers were typed by hand of late, by the law clock
	Missed   string            `json:"missed,omitempty"`   // the last event of a changed record that found no copy, while something was asked for
}

// Contacts are where the service reaches the person, and in which language: as
// they were when the person last asked for something.
type Contacts struct {
	Email    string `json:"email,omitempty"`
	Phone    string `json:"phone,omitempty"` // +79161234567
	Language string `json:"language"`        // ru or en
}

// NewContacts keeps of what the login vouches for what a message can be sent
// to: a plain e-mail address in ASCII, a telephone number with its country.
func NewContacts(email, phone, language string) Contacts {
	c := Contacts{Language: language}
	if a, err := mail.ParseAddress(email); err == nil && a.Name == "" && a.Address == email && !strings.ContainsFunc(email, notASCII) {
		c.Email = email
	}
	digits := strings.Map(func(r rune) rune {
		if r < '0' || r > '9' {
			return -1
		}
		return r
	}, phone)
	switch {
	case len(digits) == 11 && digits[0] == '8': // as it is dialled within Russia
		c.Phone = "+7" + digits[1:]
	case len(digits) >= 11 && len(digits) <= 15: // E.164
		c.Phone = "+" + digits
	}
	return c
}

func notASCII(r rune) bool { return r > '~' }

const (
	// maxOpen is enough for a family of ten that asks for two things each. Each is
	// worked on for days, and every step of it told by e-mail and SMS.
	maxOpen = 20

	// maxTyped is enough for whoever mistypes their own number. Who types others'
	// finds out by the answers which of them are in use.
	maxTyped    = 5
	typedWithin = 24 * time.Hour
)

var (
	errTooManyOpen = fault.New(fault.TooMany, "too_many_open",
		fmt.Sprintf("У вас уже %d заявлений на рассмотрении. Новое можно подать, когда будет решено одно из них.", maxOpen),
		fmt.Sprintf("You have %d applications under way already. You can submit another when one of them is decided.", maxOpen))
	errTooManyNumbers = fault.New(fault.TooMany, "too_many_numbers",
		fmt.Sprintf("За сутки можно проверить не больше %d номеров полиса.", maxTyped),
		fmt.Sprintf("No more than %d policy numbers can be tried within 24 hours.", maxTyped))
)

// MayOpen allows one more application of a kind under way. Searches do not stand in
// the way of what the law gives a right to.
func (a Account) MayOpen(kind application.Kind) error {
	alike := a.UnderWay(func(asks string) bool { return application.KindOf(asks).Searches() == kind.Searches() })
	if len(alike) >= maxOpen {
		return errTooManyOpen
	}
	return nil
}

// Typing notes that a policy number was typed by hand, or refuses it until the
// oldest of the last ones is a day ago.
func (a Account) Typing(now time.Time) (Account, error) {
	recent := slices.DeleteFunc(slices.Clone(a.Typed), func(at time.Time) bool { return !now.Before(at.Add(typedWithin)) })
	if len(recent) >= maxTyped {
		from := recent[0].Add(typedWithin)
		return a, errTooManyNumbers.AllowedFrom(from.Format(time.RFC3339)).After(from.Sub(now))
	}
	a.Typed = append(recent, now)
	return a, nil
}

// Opening notes an application under way under what it asks for, so that a
// second click finds the first one's; Closing takes it off again.
func (a Account) Opening(what, application string) Account {
	a.Open = maps.Clone(a.Open)
	if a.Open == nil {
		a.Open = map[string]string{}
	}
	a.Open[what] = application
	return a
}

func (a Account) Closing(what, application string) Account {
	if a.Open[what] == application {
		a.Open = maps.Clone(a.Open)
		delete(a.Open, what)
	}
	return a
}

// UnderWay are the applications under way whose question fits, in order.
func (a Account) UnderWay(fits func(asks string) bool) []string {
	var ids []string
	for asks, id := range a.Open {
		if fits(asks) {
			ids = append(ids, id)
		}
	}
	slices.Sort(ids)
	return ids
}

// Awaits reports whether a copy of a person's policy may come of an application
// that is under way.
func (a Account) Awaits(person string) bool {
	return a.Consents.Covers(person) == nil && len(a.UnderWay(func(asks string) bool { return application.AsksToSee(asks, person) })) > 0
}

// keepExtracts bounds "my documents" of one account.
const keepExtracts = 100

// ExtractState says where a document stands.
type ExtractState string

const (
	Rendering ExtractState = "rendering" // a process holds the lease until it runs out
	Ready     ExtractState = "ready"     // stored; can be downloaded
)

// Extract is a document made for a person. Its bytes lie in the object store
// under a name made of its id, which is never used again.
type Extract struct {
	ID      string       `json:"id"`
	Number  string       `json:"number"`
	Code    string       `json:"code"`
	Person  string       `json:"person"`
	Kind    string       `json:"kind"`
	Format  string       `json:"format"`
	Content string       `json:"content"` // hash of the data shown, to render them once
	State   ExtractState `json:"state"`
	Lease   time.Time    `json:"lease,omitzero"` // machine clock
	Bytes   int          `json:"bytes,omitempty"`
	SHA256  string       `json:"sha256,omitempty"`
	Created time.Time    `json:"created"`          // law clock
	Until   time.Time    `json:"until,omitzero"`   // law clock: a child's, until the child is 18
	Mailed  string       `json:"mailed,omitempty"` // the notice that carries it by e-mail, the latest
}

// Current reports whether the extract may still be seen by the account.
func (e Extract) Current(now time.Time) bool {
	return e.State == Ready && (e.Until.IsZero() || now.Before(e.Until))
}

// Find an extract by its id.
func (a Account) Find(id string) (Extract, bool) {
	i := slices.IndexFunc(a.Extracts, func(e Extract) bool { return e.ID == id })
	if i < 0 {
		return Extract{}, false
	}
	return a.Extracts[i], true
}

// Same finds the newest extract that shows the same data.
func (a Account) Same(person, kind, format, content string) (Extract, bool) {
	for i := len(a.Extracts) - 1; i >= 0; i-- {
		e := a.Extracts[i]
		if e.Person == person && e.Kind == kind && e.Format == format && e.Content == content {
			return e, true
		}
	}
	return Extract{}, false
}

// With puts an extract in place of the one with its id, or adds it. The second
// result is what no longer fits and must be erased.
func (a Account) With(e Extract) (Account, []Extract) {
	extracts := slices.Clone(a.Extracts)
	if i := slices.IndexFunc(extracts, func(x Extract) bool { return x.ID == e.ID }); i >= 0 {
		extracts[i] = e
	} else {
		extracts = append(extracts, e)
	}
	over := max(0, len(extracts)-keepExtracts)
	a.Extracts = extracts[over:]
	return a, extracts[:over]
}

// Without takes away every extract of a person and returns them for erasure.
func (a Account) Without(person string) (Account, []Extract) {
	var kept, gone []Extract
	for _, e := range a.Extracts {
		if e.Person == person {
			gone = append(gone, e)
		} else {
			kept = append(kept, e)
		}
	}
	a.Extracts = kept
	return a, gone
}

// Dropping takes away one extract by its id.
func (a Account) Dropping(id string) Account {
	a.Extracts = slices.DeleteFunc(slices.Clone(a.Extracts), func(e Extract) bool { return e.ID == id })
	return a
}
