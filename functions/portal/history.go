package function

import (
	"cmp"
	"net/http"
	"net/url"
	"time"

	"polis/shared/calendar"
	"polis/shared/consent"
	"polis/shared/fault"
	"polis/shared/gateway"
	"polis/shared/policy"
	"polis/shared/web"
)

// pastAnswer is one entry of a record's history.
type pastAnswer struct {
	Kind           policy.PastKind
	On             calendar.Date
	Text, Who, Why string
	Undone         time.Time
}

type historyPage struct {
	Person string
	Items  []pastAnswer
	AsOf   time.Time `json:"as_of"`
	Today  calendar.Date
}

// Self reports whether it is the visitor's own.
func (h historyPage) Self() bool { return h.Person == consent.Self }

// history tells what happened to a person's record.
func (p *portal) history(v *visit) (web.Answer, error) {
	list := historyPage{Person: cmp.Or(v.Query.Get("person"), consent.Self)}
	err := v.ask(http.MethodGet, "/policy-card/history?"+url.Values{"person": {list.Person}}.Encode(), nil, &list)
	if fault.From(err).Code == "consent_required" {
		return v.to("/#" + list.Person)
	}
	if err != nil {
		return web.Answer{}, err
	}
	list.Today = calendar.DateOf(list.AsOf)
	return v.show("history", fault.Text{RU: "История полиса", EN: "History of the policy"}, list)
}

// calendar is the dates that matter, for the visitor's phone.
func (p *portal) calendar(v *visit) (web.Answer, error) {
	query := url.Values{"person": {cmp.Or(v.Query.Get("person"), consent.Self)}}
	got, err := v.functions.Ask(v, gateway.Asked{
		Method: http.MethodGet, Target: "/policy-card/calendar.ics?" + query.Encode(), Token: v.Who.Token, English: fault.English(v), CallID: v.ID,
	})
	if err != nil {
		return web.Answer{}, err
	}
	header := http.Header{"Content-Type": {got.Header.Get("Content-Type")}, "Content-Disposition": {got.Header.Get("Content-Disposition")}}
	return web.Answer{Status: http.StatusOK, Body: web.Bytes(got.Body), Header: header}, nil
}
