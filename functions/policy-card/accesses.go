package function

import (
	"cmp"
	"strings"
	"time"

	"polis/shared/access"
	"polis/shared/audit"
	"polis/shared/calendar"
	"polis/shared/consent"
	"polis/shared/directory"
	"polis/shared/fault"
	"polis/shared/store"
	"polis/shared/web"
)

// accessed is one entry of the audit as the person it is about is told of it.
type accessed struct {
	At     time.Time     `json:"at"`
	Action access.Action `json:"action"`
	Text   string        `json:"text"`
	Who    string        `json:"who"`
	By     string        `json:"by"` // self, service, other
	CallID string        `json:"call_id"`
}

// accesses tells who had to do with the caller's data, newest first: with their
// account, and with the register's record while a copy of it is theirs. Of a
// child it is the record alone.
func (k *cards) accesses(c *web.Call) (web.Answer, error) {
	limit, err := c.Limit()
	if err != nil {
		return web.Answer{}, err
	}
	who := cmp.Or(c.Query.Get("person"), consent.Self)
	v, have, err := k.open(c, who)
	if err != nil {
		return web.Answer{}, err
	}
	by := viewer{account: c.Caller.Account, behalf: access.Self}
	if who != consent.Self {
		by.behalf = k.store.Representative(c.Caller.Person.SNILS)
	}
	var trails []store.Trail
	private := false // from 15 on, which clinic rendered what is not the parents' to see
	if who == consent.Self {
		own, err := store.TrailOf(c.Grant, c.Caller.Account)
		if err != nil {
			return web.Answer{}, err
		}
		trails = append(trails, own)
	}
	if have.Consents.Covers(who) == nil {
		copied := store.Card(c.Caller.Account, who)
		card, found, err := store.Get(v, copied)
		if err != nil {
			return web.Answer{}, err
		}
		if found && k.current(who, card) {
			record, _, err := store.TrailOfRecord(v, copied)
			if err != nil {
				return web.Answer{}, err
			}
			trails = append(trails, record)
			private = who != consent.Self && card.Person.Birth.Age(calendar.Today(k.law(), card.Insurance.Region)) >= 15
		}
	}
	if len(trails) == 0 {
		return web.Answer{}, errEmpty
	}
	entries, next, err := k.store.Accesses(c, trails, c.Query.Get("before"), limit)
	if err != nil {
		return web.Answer{}, err
	}
	insurers, err := k.store.Directory(c)
	if err != nil {
		return web.Answer{}, err
	}
	items := []accessed{}
	for _, e := range entries {
		if private && e.Action.OfServices() {
			continue
		}
		items = append(items, accessed{At: e.At, Action: e.Action, Text: c.Text(e.Action.Words()), Who: c.Text(by.actor(e, insurers)), By: by.by(e), CallID: e.Call})
	}
	return web.OK(map[string]any{"items": items, "next": next})
}

// services are the functions in words.
var services = map[string]fault.Text{
	"consent-toggle":    {RU: "сервис согласий", EN: "the consents service"},
	"deadline-watch":    {RU: "сервис контроля сроков", EN: "the terms service"},
	"extract-rendering": {RU: "сервис выписок", EN: "the extracts service"},
	"insured-registry":  {RU: "регистр застрахованных лиц", EN: "the register of insured persons"},
	"notify":            {RU: "сервис уведомлений", EN: "the notices service"},
	"policy-card":       {RU: "сервис карточки полиса", EN: "the policy card service"},
	"policy-lifecycle":  {RU: "сервис приостановки полиса", EN: "the suspension service"},
	"smo-selection":     {RU: "сервис выбора страховой", EN: "the insurers service"},
	"policy-request":    {RU: "сервис заявлений", EN: "the applications service"},
	"review-desk":       {RU: "сервис рассмотрения заявлений", EN: "the review service"},
}

// sources are those who report to the register, in words.
var sources = map[string]fault.Text{
	"zags":         {RU: "ЗАГС", EN: "the civil registry"},
	"commissariat": {RU: "военный комиссариат", EN: "the military commissariat"},
	"employer":     {RU: "работодатель", EN: "the employer"},
	"interior":     {RU: "МВД", EN: "the ministry of the interior"},
}

// behalves are those on whose behalf a function asked, in words for somebody else.
// Which representative it was is not told.
var behalves = map[access.Behalf]fault.Text{
	access.Self:           {RU: "сам ребёнок", EN: "the child themself"},
	access.Representative: {RU: "законный представитель", EN: "a legal representative"},
	access.Stranger:       {RU: "другой человек, ему отказано", EN: "another person, who was refused"},
}

// viewer is who is told of the entries: by their account, and by the behalf on
// which functions ask the register for them.
type viewer struct {
	account string
	behalf  access.Behalf
}

// did reports whether it was the viewer.
func (v viewer) did(e audit.Entry) bool {
	return e.Role == access.Citizen && e.Actor == v.account || e.Behalf == v.behalf
}

// by tells apart the viewer, the service's own functions, and all others.
func (v viewer) by(e audit.Entry) string {
	switch {
	case v.did(e):
		return "self"
	case e.Role == access.Function && e.Behalf == "":
		return "service"
	}
	return "other"
}

// actor is who did it, in words.
func (v viewer) actor(e audit.Entry, insurers directory.Directory) fault.Text {
	if v.did(e) {
		return fault.Text{RU: "вы", EN: "you"}
	}
	unit, _, _ := strings.Cut(e.Actor, "/")
	switch e.Role {
	case access.Citizen:
		return fault.Text{RU: "другой пользователь", EN: "another user"}
	case access.Function:
		if text, ok := behalves[e.Behalf.Kind()]; ok {
			return text
		}
		if text, ok := services[e.Actor]; ok {
			return text
		}
		return fault.Text{RU: "внутренний сервис", EN: "an internal service"}
	case access.Source:
		if text, ok := sources[unit]; ok {
			return text
		}
		return fault.Text{RU: "источник сведений", EN: "a source of data"}
	case access.Staff:
		if insurer, ok := insurers.FindInsurer(unit); ok {
			return fault.Text{RU: "сотрудник страховой компании «" + insurer.Name + "»", EN: "staff of the insurer " + insurer.Name}
		}
		return fault.Text{RU: "сотрудник страховой компании", EN: "staff of an insurer"}
	case access.Fund:
		return fault.Text{RU: "сотрудник территориального фонда ОМС", EN: "staff of the regional fund"}
	case access.Clinic:
		return fault.Text{RU: "медицинская организация " + unit, EN: "the clinic " + unit}
	case access.Operator:
		return fault.Text{RU: "оператор сервиса", EN: "the service's operator"}
	case access.Auditor:
		return fault.Text{RU: "аудитор", EN: "an auditor"}
	}
	return fault.Text{RU: "сервис", EN: "the service"}
}
