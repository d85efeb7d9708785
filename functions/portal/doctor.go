package function

import (
	"cmp"
	"net/http"
	"net/url"
	"time"

	"polis/shared/calendar"
	"polis/shared/consent"
	"polis/shared/directory"
	"polis/shared/doctor"
	"polis/shared/fault"
	"polis/shared/web"
)

// examination is what the policy doctor found of one person.
type examination struct {
	Person, Text string
	Repair       bool // whether the service can do it by itself
	Findings     []struct {
		Code, Detail string
		Remedy       struct {
			Kind        doctor.RemedyKind
			From        time.Time
			NextTry     time.Time `json:"next_try"`
			Until       time.Time
			Application string
			By          calendar.Date
			DaysLeft    int `json:"days_left"`
			Region      string
			Insurer     *directory.Insurer
			Fund        *directory.Fund
			Insurers    []directory.Insurer
		}
	}
}

var doctorTitle = fault.Text{RU: "Почему полис не показывается", EN: "Why the policy does not show"}

func (v *visit) examine(who string) (e examination, err error) {
	err = v.ask(http.MethodGet, "/policy-card/doctor?"+url.Values{"person": {who}}.Encode(), nil, &e)
	return e, err
}

// doctor names each cause and what helps against it.
func (p *portal) doctor(v *visit) (web.Answer, error) {
	e, err := v.examine(cmp.Or(v.Query.Get("person"), consent.Self))
	if err != nil {
		return web.Answer{}, err
	}
	return v.show("doctor", doctorTitle, e)
}

// repair has the service do what it can, and leads to the progress of it.
func (p *portal) repair(v *visit) (web.Answer, error) {
	who := cmp.Or(v.Form.Get("person"), consent.Self)
	var made applicationAnswer
	if err := v.ask(http.MethodPost, "/policy-card/doctor", map[string]string{"person": who}, &made); err != nil {
		e, examineErr := v.examine(who)
		if examineErr != nil {
			return web.Answer{}, examineErr
		}
		return v.again(err, "doctor", doctorTitle, e)
	}
	return v.to("/requests/" + made.ID)
}
