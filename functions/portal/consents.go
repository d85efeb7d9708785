package function

import (
	"cmp"
	"net/http"
	"net/url"
	"slices"

	"polis/shared/consent"
	"polis/shared/fault"
	"polis/shared/web"
)

var consentsTitle = fault.Text{RU: "Согласия", EN: "Consents"}

// consentsPage adds to the family what the history says of whom.
type consentsPage struct {
	overview
	About member // whose form was refused
}

// NameOf is whose consent it is, for the history.
func (c consentsPage) NameOf(who string) string { return c.name(who) }

func (p *portal) consents(v *visit) (web.Answer, error) {
	o, err := v.family()
	if err != nil {
		return web.Answer{}, err
	}
	return v.show("consents", consentsTitle, consentsPage{overview: o})
}

func (p *portal) receipt(v *visit) (web.Answer, error) {
	var r receiptAnswer
	if err := v.ask(http.MethodGet, "/consent-toggle/receipts/"+url.PathEscape(v.Segment("id")), nil, &r); err != nil {
		return web.Answer{}, err
	}
	return v.show("receipt", fault.Text{RU: "Запись о согласии", EN: "Record of a consent"}, r)
}

type consentChange struct {
	Operator consent.Operator `json:"operator"`
	Person   string           `json:"person"`
	Action   string           `json:"action"`
	Reason   string           `json:"reason,omitempty"`
}

// changeConsent grants what is ticked, or revokes one with a reason. With
// then=lookup it goes on to ask for the policy: each consent is given by its own
// tick, and the last click says both.
func (p *portal) changeConsent(v *visit) (web.Answer, error) {
	who := cmp.Or(v.Form.Get("person"), consent.Self)
	refused := func(err error) (web.Answer, error) {
		o, overviewErr := v.family()
		if overviewErr != nil {
			return web.Answer{}, overviewErr
		}
		if v.Form.Get("then") == "lookup" {
			return v.again(err, "home", homeTitle, o)
		}
		return v.again(err, "consents", consentsTitle, consentsPage{overview: o})
	}
	change := func(c consentChange) error {
		return v.askOnce(string(c.Operator), "/consent-toggle", c, nil)
	}
	if v.Form.Get("action") == "revoke" {
		err := change(consentChange{consent.Operator(v.Form.Get("operator")), who, "revoke", v.Form.Get("reason")})
		if err != nil {
			return refused(err)
		}
		return v.to("/consents")
	}
	ticked := v.Form["grant"]
	if v.Form.Get("then") == "lookup" {
		var missing []fault.Field
		for _, op := range consent.Needed(who) {
			if !slices.Contains(ticked, string(op)) && !slices.Contains(v.Form["given"], string(op)) {
				name := consent.Terms(op).Name
				missing = append(missing, fault.Field{Field: "grant." + string(op), Code: "consent_required", Detail: fault.Text{
					RU: "Без этого согласия показать полис нельзя: " + name.RU, EN: "Without this consent the policy cannot be shown: " + name.EN,
				}})
			}
		}
		if missing != nil {
			return refused(fault.Wrong(missing...))
		}
	}
	for _, op := range ticked {
		if err := change(consentChange{consent.Operator(op), who, "grant", ""}); err != nil {
			return refused(err)
		}
	}
	if v.Form.Get("then") == "lookup" {
		return v.lookup(who)
	}
	return v.to("/consents")
}

// askOnce posts with a key of its own for one part of a form, so that a form
// sent twice does each part once.
func (v *visit) askOnce(part, target string, body, out any) error {
	own := *v
	own.Form = map[string][]string{"key": {v.Form.Get("key") + "-" + part}}
	return own.ask(http.MethodPost, target, body, out)
}
