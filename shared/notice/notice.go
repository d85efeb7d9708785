// Package notice is what the service tells a person of on its own: one notice
// for each step of an application, and its deliveries by e-mail and SMS.
//
// The outside world has no exactly once. A notice stands in the history once; a
// delivery whose outcome is not known is never sent again by itself, and one
// that a process died over is sent again under the same id.
package notice

import (
	"slices"
	"strconv"
	"strings"
	"time"

	"polis/shared/application"
	"polis/shared/consent"
	"polis/shared/fault"
	"polis/shared/ident"
	"polis/shared/policy"
)

// Channel of a delivery.
type Channel string

const (
	Email Channel = "email"
	SMS   Channel = "sms"
)

// Preferences are the channels that a person wants notices by. The history has
// every notice whatever they say.
type Preferences struct {
	Email bool `json:"email"`
	SMS   bool `json:"sms"`
}

// DefaultPreferences of a person who has not chosen: every contact is used.
var DefaultPreferences = Preferences{Email: true, SMS: true}

// Want reports whether the person wants notices by the channel.
func (p Preferences) Want(c Channel) bool {
	return c == Email && p.Email || c == SMS && p.SMS
}

// Notice of one entry of an application's timeline, of a child's birth, of a
// change of a record, or of a document that the person asked for by e-mail.
type Notice struct {
	ID          string           `json:"id"` // derived from what it is of: that makes one notice
	Kind        Kind             `json:"kind"`
	Application string           `json:"application,omitempty"`
	About       application.Kind `json:"about,omitempty"`    // of the application
	Child       bool             `json:"child,omitempty"`    // it is for a child
	Document    string           `json:"document,omitempty"` // that the letter carries
	Number      string           `json:"number,omitempty"`   // of the application or the document, for people
	Language    string           `json:"language"`
	At          time.Time        `json:"at"` // law clock: when it happened
	Deliveries  []Delivery       `json:"deliveries,omitempty"`
}

// Subject names an entry of a timeline in an event; Entry reads it back.
func Subject(application string, n int) string { return application + "/" + strconv.Itoa(n) }

// Entry is the application and the entry's index that a subject names.
func Entry(subject string) (application string, n int, ok bool) {
	application, index, _ := strings.Cut(subject, "/")
	n, err := strconv.Atoi(index)
	return application, n, application != "" && err == nil && n >= 0
}

// ID of the notice of a timeline's entry n. Entries of one second stay in
// order.
func ID(a application.Application, n int) string {
	return ident.Of(a.Timeline[n].At.Add(time.Duration(n)*time.Millisecond), Subject(a.ID, n))
}

// New is the notice of a timeline's entry n, with a delivery queued for each
// channel. host is the right side of the message ids.
func New(a application.Application, n int, language, host string, now time.Time, channels ...Channel) Notice {
	entry := a.Timeline[n]
	made := Notice{ID: ID(a, n), Kind: KindOf(entry.Status), Application: a.ID, About: a.Kind, Number: a.Number, At: entry.At}
	made.Child = a.Child != nil || a.Person != "" && a.Person != consent.Self
	return made.queued(language, host, now, channels)
}

func (made Notice) queued(language, host string, now time.Time, channels []Channel) Notice {
	made.Language = language
	for _, c := range channels {
		made.Deliveries = append(made.Deliveries, Delivery{
			Channel: c, State: Queued, MessageID: made.ID + "." + string(c) + "@" + host, At: now,
		})
	}
	return made
}

// birth marks the subject of a birth's announcement.
const birth = "birth"

// BirthSubject names a child's record and when it was made; Birth reads it back.
func BirthSubject(child string, recorded time.Time) string {
	return birth + "/" + child + "/" + strconv.FormatInt(recorded.Unix(), 10)
}

// Birth is the notice of a birth that a subject names, for a representative's
// account, with a delivery queued for each channel.
func Birth(account, subject, language, host string, now time.Time, channels ...Channel) (Notice, bool) {
	kind, rest, _ := strings.Cut(subject, "/")
	_, unix, _ := strings.Cut(rest, "/")
	seconds, err := strconv.ParseInt(unix, 10, 64)
	if kind != birth || err != nil {
		return Notice{}, false
	}
	at := time.Unix(seconds, 0).UTC()
	made := Notice{ID: ident.Of(at, account, subject), Kind: KindBirth, At: at}
	return made.queued(language, host, now, channels), true
}

// ChangeSubject names what a cause did to a record, for the insured person or for
// a child's representative; Change reads it back. It holds no more of the cause
// than tells two apart: a source may put into its ids what it likes.
func ChangeSubject(t policy.Told, cause string, child bool) string {
	return string(KindOfChange(t.Kind, child)) + "/" + t.Insured + "/" + strconv.FormatInt(t.At.Unix(), 10) + "/" + ident.Of(t.At, t.Insured, cause)
}

// Change is the notice of a change that a subject names, for an account whom it
// concerns, with a delivery queued for each channel.
func Change(account, subject, language, host string, now time.Time, channels ...Channel) (Notice, bool) {
	kind, rest, _ := strings.Cut(subject, "/")
	_, rest, _ = strings.Cut(rest, "/")
	unix, _, _ := strings.Cut(rest, "/")
	seconds, err := strconv.ParseInt(unix, 10, 64)
	if _, known := told[Kind(kind)]; !known || !strings.HasPrefix(kind, change) || err != nil {
		return Notice{}, false
	}
	at := time.Unix(seconds, 0).UTC()
	made := Notice{ID: ident.Of(at, account, subject), Kind: Kind(kind), At: at}
	return made.queued(language, host, now, channels), true
}

// Mailing is the notice of a document that the person asked for by e-mail at
// now, with the letter queued that carries it. It still needs the document's
// number.
func Mailing(account, document, language, host string, now time.Time) Notice {
	made := Notice{ID: ident.Of(now, account, document), Kind: KindMailing, Document: document, At: now}
	return made.queued(language, host, now, []Channel{Email})
}

// mailingPause is how long a click after the first asks for the same letter.
const mailingPause = time.Minute

// Answers reports whether the mailing also answers one who asks for the document
// at now: while it is under way, and shortly after it was asked for.
func (n Notice) Answers(now time.Time) bool {
	d, _ := n.Delivery(Email)
	return d.State == Queued || d.State == Sending || now.Before(n.At.Add(mailingPause))
}

// Delivery by a channel.
func (n Notice) Delivery(c Channel) (Delivery, bool) {
	i := slices.IndexFunc(n.Deliveries, func(d Delivery) bool { return d.Channel == c })
	if i < 0 {
		return Delivery{}, false
	}
	return n.Deliveries[i], true
}

// With puts a delivery in place of the one by its channel.
func (n Notice) With(d Delivery) Notice {
	n.Deliveries = slices.Clone(n.Deliveries)
	for i := range n.Deliveries {
		if n.Deliveries[i].Channel == d.Channel {
			n.Deliveries[i] = d
		}
	}
	return n
}

// State of a delivery.
type State string

const (
	Queued  State = "queued"  // waits for its first try, or the next
	Sending State = "sending" // a process holds the lease until it runs out
	Sent    State = "sent"    // accepted by the mail server or the provider
	Dead    State = "dead"    // given up, with its reason; only an operator queues it again
	Dropped State = "dropped" // not sent, because what it was to carry is gone
)

// States in the order of a life.
var States = []State{Queued, Sending, Sent, Dead, Dropped}

// moves is every legal move; what is absent is refused. Sending follows itself
// when the lease of a process that died has run out.
var moves = map[State][]State{
	Queued:  {Sending},
	Sending: {Sending, Queued, Sent, Dead, Dropped},
	Sent:    {},
	Dead:    {Queued},
	Dropped: {},
}

// May reports whether the move is legal.
func (s State) May(to State) bool { return slices.Contains(moves[s], to) }

// Delivery of a notice by one channel.
type Delivery struct {
	Channel   Channel   `json:"channel"`
	State     State     `json:"state"`
	MessageID string    `json:"message_id"` // the same for every try
	Tries     int       `json:"tries"`      // begun since it was queued
	Lease     time.Time `json:"lease,omitzero"`
	At        time.Time `json:"at"` // law clock: of the last move
	Reason    string    `json:"reason,omitempty"`
}

// ErrMove is a move that the table of moves does not have.
var ErrMove = fault.New(fault.Conflict, "delivery_moved",
	"Отправка этого сообщения уже завершена.", "The delivery of this message has ended already.")

func (d Delivery) move(to State, at time.Time) (Delivery, error) {
	if !d.State.May(to) {
		return d, ErrMove
	}
	d.State, d.At, d.Lease = to, at, time.Time{}
	return d, nil
}

// Take begins a try whose lease ends at until, by the machine clock, as now is.
// While another process has the lease the delivery comes back as it was. After
// maxTries tries that nobody saw the end of it is dead: each of them may have
// been delivered.
func (d Delivery) Take(now, until, at time.Time, maxTries int) (Delivery, error) {
	if d.State == Sending && now.Before(d.Lease) {
		return d, nil
	}
	if d.State == Sending && d.Tries >= maxTries {
		return d.Settle(Outcome{Unknown, ReasonUnknown}, at, maxTries)
	}
	taken, err := d.move(Sending, at)
	if err != nil {
		return d, err
	}
	taken.Tries++
	taken.Lease = until
	return taken, nil
}

// Settle ends a try by its outcome. One to be tried later is dead after
// maxTries tries.
func (d Delivery) Settle(o Outcome, at time.Time, maxTries int) (Delivery, error) {
	to := Dead
	switch {
	case o.Result == Accepted:
		to = Sent
	case o.Result == Gone:
		to = Dropped
	case o.Result == Later && d.Tries < maxTries:
		to = Queued
	}
	settled, err := d.move(to, at)
	if err != nil {
		return d, err
	}
	settled.Reason = o.Reason
	return settled, nil
}

// Again queues a dead delivery anew, as an operator asked.
func (d Delivery) Again(at time.Time) (Delivery, error) {
	again, err := d.move(Queued, at)
	if err != nil {
		return d, err
	}
	again.Tries, again.Reason = 0, ""
	return again, nil
}

// Result of one try.
type Result int

const (
	Accepted Result = iota + 1 // the other side has the message
	Refused                    // it never will: an operator has to look
	Later                      // it has not, and may take it at another time
	Unknown                    // it may have it: the answer did not come
	Gone                       // nothing was sent: what the message was to carry is gone
)

// Outcome of one try. Reason is a code without personal data, as it goes to
// operators; of Accepted it is "".
type Outcome struct {
	Result Result
	Reason string
}

// Reasons that every channel has. Others are made of the answer's own code.
const (
	ReasonUnknown     = "may_have_been_delivered"
	ReasonAddress     = "bad_address"
	ReasonUnreachable = "unreachable"
	ReasonTimeout     = "timeout"
	ReasonOff         = "channel_off" // it has no settings any more
	ReasonGone        = "document_gone"
)
