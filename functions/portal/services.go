package function

import (
	"cmp"
	"fmt"
	"net/http"
	"net/url"
	"strconv"
	"time"

	"polis/shared/calendar"
	"polis/shared/consent"
	"polis/shared/fault"
	"polis/shared/policy"
	"polis/shared/web"
)

// servicesPage is a page of the services rendered to one person.
type servicesPage struct {
	Person  string
	Items   []policy.Rendered
	Next    string
	Years   []policy.YearOfServices
	MayHide bool `json:"may_hide"`
	Hidden  bool
	AsOf    time.Time `json:"as_of"`

	Family []member
	First  bool         // it begins with the newest
	Closed *fault.Error // why they are not shown to this visitor
	Unseen bool         // for want of consent, and so whether they are hidden is not known
	Saved  string       // whether they are hidden now, "yes" or "no", once the visitor has said so
}

var servicesTitle = fault.Text{RU: "Медицинские услуги", EN: "Medical services"}

// serviceList reads a page. Without a consent the visitor is led to give it; but
// to hide their services a teenager needs none.
func (v *visit) serviceList(who string) (list servicesPage, err error) {
	query := url.Values{"person": {who}, "limit": {"20"}}
	list.First = true
	if next := v.Query.Get("next"); next != "" {
		query.Set("next", next)
		list.First = false
	}
	err = v.ask(http.MethodGet, "/policy-card/services?"+query.Encode(), nil, &list)
	list.Unseen = fault.From(err).Code == "consent_required" && who == consent.Self &&
		policy.MayHideServices(v.Who.Birth, calendar.Today(v.law(), v.region))
	if fault.From(err).Code == "services_hidden" || list.Unseen {
		list.Closed, list.MayHide, err = fault.From(err), list.Unseen, nil
	}
	if err != nil {
		return list, err
	}
	list.Person = who
	o, err := v.family()
	list.Family = o.present()
	return list, err
}

func (p *portal) services(v *visit) (web.Answer, error) {
	who := cmp.Or(v.Query.Get("person"), consent.Self)
	list, err := v.serviceList(who)
	if fault.From(err).Code == "consent_required" {
		return v.to("/#" + who)
	}
	if err != nil {
		return web.Answer{}, err
	}
	list.Saved = v.Query.Get("saved")
	return v.show("services", servicesTitle, list)
}

// hideServices hides a teenager's services from the parents, or shows them
// again.
func (p *portal) hideServices(v *visit) (web.Answer, error) {
	saved := "no"
	if v.Form.Get("hidden") == "yes" {
		saved = "yes"
	}
	wanted := map[string]bool{"hidden": saved == "yes"}
	if err := v.ask(http.MethodPut, "/policy-card/services/privacy", wanted, nil); err != nil {
		list, listErr := v.serviceList(consent.Self)
		if listErr != nil {
			return web.Answer{}, listErr
		}
		return v.again(err, "services", servicesTitle, list)
	}
	return v.to("/services?saved=" + saved)
}

// Roubles is an amount of kopecks, in groups that no line break tears apart.
func (p *page) Roubles(kopecks int64) string {
	whole := strconv.FormatInt(kopecks/100, 10)
	for n := len(whole) - 3; n > 0; n -= 3 {
		whole = whole[:n] + "\u00a0" + whole[n:]
	}
	return whole + fmt.Sprintf(p.T(",%02d", ".%02d"), kopecks%100) + "\u00a0₽"
}
