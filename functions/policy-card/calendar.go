package function

import (
	"cmp"
	"net/http"
	"time"

	"polis/shared/calendar"
	"polis/shared/consent"
	"polis/shared/fault"
	"polis/shared/ics"
	"polis/shared/policy"
	"polis/shared/web"
)

// days are the dates to come as a calendar for one's phone. It names nobody:
// calendars are shared.
func (k *cards) days(c *web.Call) (web.Answer, error) {
	who := cmp.Or(c.Query.Get("person"), consent.Self)
	card, err := k.copied(c, who)
	if err != nil {
		return web.Answer{}, err
	}
	q := question(c, who)
	name := fault.Text{RU: "Полис ребёнка", EN: "The child’s policy"}
	if who == consent.Self {
		q.ENP, name = card.ENP, fault.Text{RU: "Полис ОМС", EN: "OMS policy"}
	}
	var known struct {
		Items []policy.Dated `json:"items"`
		AsOf  time.Time      `json:"as_of"`
	}
	if err := k.register.Call(c, c.ID, "/insured-registry/dates/find", q, &known); err != nil {
		return web.Answer{}, err
	}
	if by := card.ReportBy(); !by.IsZero() && !by.Before(calendar.Today(known.AsOf, card.Insurance.Region)) {
		known.Items = append(known.Items, policy.Dated{Kind: policy.ReportDue, On: by})
	}
	at := known.AsOf.In(calendar.Zone(card.Insurance.Region)).Format("02.01.2006 15:04")
	made := ics.Calendar{Name: c.Text(name), At: known.AsOf}
	for _, d := range known.Items {
		made.Days = append(made.Days, ics.Day{
			UID: card.Insured + "-" + string(d.Kind) + "-" + d.On.String() + "@polis", On: d.On,
			Summary:     c.Text(name) + ": " + c.Text(policy.DateText(d.Kind)),
			Description: c.Text(fault.Text{RU: "По данным регистра на " + at, EN: "By the register's data of " + at}),
		})
	}
	header := http.Header{"Content-Type": {ics.Media}, "Content-Disposition": {`attachment; filename="polis.ics"`}}
	return web.Answer{Status: http.StatusOK, Body: web.Bytes(made.Bytes()), Header: header}, nil
}
