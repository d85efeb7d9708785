// Package access says who calls, what each role may do, and hands out grants.
//
// A Grant is the proof that somebody was allowed something. Only this package
// can make one, and every read and change of the store demands one and writes
// it to the audit in the same step: authorisation and audit cannot come apart.
package access

import (
	"slices"
	"strings"

	"polis/shared/fault"
	"polis/shared/person"
)

// Role of a caller.
type Role string

const (
	Citizen  Role = "citizen"
	Staff    Role = "staff" // of one insurer
	Fund     Role = "fund"  // staff of the regional fund
	Clinic   Role = "clinic"
	Source   Role = "source" // ZAGS, commissariat, employer
	Operator Role = "operator"
	Auditor  Role = "auditor"
	Function Role = "function" // another function, by its signature
	Anyone   Role = "anyone"   // cron and public pages: no data of persons
)

// Caller is who stands behind a request, after its token or signature held.
type Caller struct {
	Role      Role
	Account   string        // citizen: the opaque id of the account
	Confirmed bool          // citizen: identity confirmed in person
	Person    person.Person // citizen: data vouched for by the login; of staff the SNILS alone
	Children  []person.Kin  // citizen: confirmed in the account
	Email     string        // citizen: verified, or ""
	Phone     string        // citizen: verified, or ""
	Unit      string        // staff: SMO; clinic: its code; source: its name; function: its name
}

// Action is what a grant allows. Its name stands in the audit.
type Action string

const (
	ReadConsents     Action = "consents.read"
	ChangeConsents   Action = "consents.change"
	Apply            Action = "applications.submit"
	ReadApplications Action = "applications.read"
	WorkApplication  Action = "applications.work"
	ReadCard         Action = "card.read"
	RefreshCopy      Action = "card.refresh"
	ExaminePolicy    Action = "card.examine"
	ExamineChoice    Action = "insurer.examine"
	RepairPolicy     Action = "card.repair"
	RemindReport     Action = "card.remind"
	ReadServices     Action = "card.services"
	HideServices     Action = "card.hide_services"
	RenderExtract    Action = "extracts.render"
	ReadExtract      Action = "extracts.read"
	SendExtract      Action = "extracts.send"
	AttachExtract    Action = "extracts.attach"
	EraseExtract     Action = "extracts.erase"
	LookUpInsured    Action = "register.look_up"
	RecordInsured    Action = "register.put_on_record"
	ReportEvent      Action = "register.event"
	ChangeInsured    Action = "register.change"
	ReadInsurers     Action = "register.insurers"
	CorrectInsurer   Action = "register.correct_insurer"
	ImportInsured    Action = "register.import"
	TellDates        Action = "register.dates"
	ReportServices   Action = "register.services"
	LookUpServices   Action = "register.look_up_services"
	LookUpServed     Action = "register.look_up_served"
	ConcealServices  Action = "register.hide_services"
	ImportDirectory  Action = "directory.import"
	ReadNotices      Action = "notices.read"
	ChangeNotices    Action = "notices.change"
	DeliverNotice    Action = "notices.deliver"
	Sweep            Action = "service.sweep" // ids only
	ReadEvents       Action = "events.read"   // ids only
	ReplayEvents     Action = "events.replay"
	SealAudit        Action = "audit.seal" // ids only
	ReadAudit        Action = "audit.read"
	ReadAccesses     Action = "audit.read_own"
	ReadCases        Action = "cases.read"
	DecideCase       Action = "cases.decide"
	FollowCase       Action = "cases.follow"
	RebuildCases     Action = "cases.rebuild" // ids only
)

type rule struct {
	roles     []Role
	confirmed bool // a citizen needs a confirmed account
}

var rules = map[Action]rule{
	ReadConsents:     {roles: []Role{Citizen}, confirmed: true},
	ChangeConsents:   {roles: []Role{Citizen}, confirmed: true},
	Apply:            {roles: []Role{Citizen}, confirmed: true},
	ReadApplications: {roles: []Role{Citizen}, confirmed: true},
	WorkApplication:  {roles: []Role{Function}},
	ReadCard:         {roles: []Role{Citizen}, confirmed: true},
	RefreshCopy:      {roles: []Role{Function}},
	ExaminePolicy:    {roles: []Role{Citizen}, confirmed: true},
	ExamineChoice:    {roles: []Role{Citizen}, confirmed: true},
	RepairPolicy:     {roles: []Role{Citizen}, confirmed: true},
	RemindReport:     {roles: []Role{Function}},
	ReadServices:     {roles: []Role{Citizen}, confirmed: true},
	HideServices:     {roles: []Role{Citizen}, confirmed: true},
	RenderExtract:    {roles: []Role{Citizen}, confirmed: true},
	ReadExtract:      {roles: []Role{Citizen}, confirmed: true},
	SendExtract:      {roles: []Role{Citizen}, confirmed: true},
	AttachExtract:    {roles: []Role{Function}},
	EraseExtract:     {roles: []Role{Function}},
	LookUpInsured:    {roles: []Role{Function}},
	RecordInsured:    {roles: []Role{Function}},
	ReportEvent:      {roles: []Role{Source, Fund}},
	ChangeInsured:    {roles: []Role{Function}},
	ReadInsurers:     {roles: []Role{Fund}},
	CorrectInsurer:   {roles: []Role{Fund}},
	ImportInsured:    {roles: []Role{Operator}},
	TellDates:        {roles: []Role{Function}},
	ReportServices:   {roles: []Role{Clinic, Operator}},
	LookUpServices:   {roles: []Role{Function}},
	LookUpServed:     {}, // a look on the way only
	ConcealServices:  {roles: []Role{Function}},
	ImportDirectory:  {roles: []Role{Operator}},
	ReadNotices:      {roles: []Role{Citizen}, confirmed: true},
	ChangeNotices:    {roles: []Role{Citizen}, confirmed: true},
	DeliverNotice:    {roles: []Role{Function}},
	Sweep:            {roles: []Role{Anyone, Function, Operator}},
	ReadEvents:       {roles: []Role{Operator}},
	ReplayEvents:     {roles: []Role{Operator}},
	SealAudit:        {roles: []Role{Anyone, Function, Operator}},
	ReadAudit:        {roles: []Role{Auditor}},
	ReadAccesses:     {roles: []Role{Citizen}, confirmed: true},
	ReadCases:        {roles: []Role{Staff, Fund}},
	DecideCase:       {roles: []Role{Staff, Fund}},
	FollowCase:       {roles: []Role{Function}},
	RebuildCases:     {roles: []Role{Operator}},
}

var (
	ErrNotConfirmed = fault.New(fault.Forbidden, "account_not_confirmed",
		"Нужна подтверждённая учётная запись. Подтвердите её в центре обслуживания с паспортом, через приложение банка или электронной подписью и войдите снова.",
		"A confirmed account is needed. Confirm it at a service centre with your passport, through your bank's app or with an electronic signature, then log in again.")
	ErrNotAllowed = fault.New(fault.Forbidden, "not_allowed",
		"Для этого действия у вас нет прав.",
		"You are not allowed to do this.")
)

// Behalf is on whose behalf a function asks the register; "" is nobody's: it is
// the function's own work.
type Behalf string

const (
	Self           Behalf = "self"           // whose data it is
	Representative Behalf = "representative" // of whose data it is; which one stands after a slash
	Stranger       Behalf = "stranger"       // neither of the two, who is refused
)

// Kind is the behalf without which representative it is.
func (b Behalf) Kind() Behalf {
	kind, _, _ := strings.Cut(string(b), "/")
	return Behalf(kind)
}

// Grant allows one action; the zero Grant allows nothing and the store refuses
// it. Subject is the opaque id of whose data it is about: an account, or a
// record of the register.
type Grant struct {
	action  Action
	role    Role
	actor   string
	subject string
	callID  string
	behalf  Behalf
}

// May decides whether the caller is allowed the action at all. A citizen's
// grant is about their own account and no other.
func (c Caller) May(action Action, callID string) (Grant, error) {
	r, known := rules[action]
	if !known || !slices.Contains(r.roles, c.Role) {
		return Grant{}, ErrNotAllowed
	}
	if c.Role == Citizen && r.confirmed && !c.Confirmed {
		return Grant{}, ErrNotConfirmed
	}
	g := Grant{action: action, role: c.Role, actor: c.Unit, callID: callID}
	if c.Account != "" {
		g.actor = c.Unit + "/" + c.Account // which of the unit's people
	}
	if c.Role == Citizen {
		g.actor, g.subject = c.Account, c.Account
	}
	return g, nil
}

// About narrows a grant of a function, source or operator to one subject. A
// citizen's grant stays with their own account.
func (g Grant) About(subject string) Grant {
	if g.role != Citizen {
		g.subject = subject
	}
	return g
}

// For says on whose behalf a function asks. All others act on their own.
func (g Grant) For(b Behalf) Grant {
	if g.role == Function {
		g.behalf = b
	}
	return g
}

// Looking is the grant for what has to be read before it is known whether the
// action comes about: in the audit that is a look, whatever the action would be.
func (g Grant) Looking() Grant {
	switch {
	case g.action == "", g.action.Reads():
	case g.action.OfServices():
		g.action = LookUpServed // a teenager's parents are not told of the clinic either
	default:
		g.action = LookUpInsured
	}
	return g
}

func (g Grant) Action() Action  { return g.action }
func (g Grant) Role() Role      { return g.role }
func (g Grant) Actor() string   { return g.actor }
func (g Grant) Subject() string { return g.subject }
func (g Grant) CallID() string  { return g.callID }
func (g Grant) Behalf() Behalf  { return g.behalf }
