package function

import (
	"cmp"
	"net/http"
	"net/url"

	"polis/shared/application"
	"polis/shared/calendar"
	"polis/shared/consent"
	"polis/shared/directory"
	"polis/shared/fault"
	"polis/shared/web"
)

var requestsTitle = fault.Text{RU: "Заявления", EN: "Applications"}

func (p *portal) requests(v *visit) (web.Answer, error) {
	var list applicationList
	query := url.Values{"limit": {"20"}}
	if next := v.Query.Get("next"); next != "" {
		query.Set("next", next)
	}
	if err := v.ask(http.MethodGet, "/policy-request?"+query.Encode(), nil, &list); err != nil {
		return web.Answer{}, err
	}
	return v.show("requests", requestsTitle, list)
}

func (p *portal) request(v *visit) (web.Answer, error) {
	var a applicationAnswer
	if err := v.ask(http.MethodGet, "/policy-request/"+url.PathEscape(v.Segment("id")), nil, &a); err != nil {
		return web.Answer{}, err
	}
	return v.show("request", fault.Text{RU: "Заявление " + a.Number, EN: "Application " + a.Number}, a)
}

// newRequestPage is a form of one of the kinds that need more than a click.
type newRequestPage struct {
	Kind     application.Kind
	Region   string
	Regions  []directory.Region
	Insurers []directory.Insurer // of the region
}

var newRequestTitles = map[application.Kind]fault.Text{
	application.Link:     {RU: "Найти полис по номеру", EN: "Find the policy by its number"},
	application.Register: {RU: "Получить полис впервые", EN: "Get a policy for the first time"},
}

// RegionName is what the region is called, "" for none.
func (n newRequestPage) RegionName() string {
	region, _ := directory.FindRegion(n.Region)
	return region.Name
}

func (v *visit) newRequestOf(kind application.Kind, region string) (newRequestPage, error) {
	page := newRequestPage{Kind: kind, Region: region, Regions: directory.Regions()}
	if region != "" {
		insurers, err := v.sessions.Directory(v)
		if err != nil {
			return newRequestPage{}, err
		}
		page.Insurers = insurers.InsurersOf(region, calendar.Today(v.law(), region))
	}
	return page, nil
}

var errNoKind = fault.New(fault.NotFound, "kind_unknown", "Такого заявления нет.", "There is no such application.")

func (p *portal) newRequest(v *visit) (web.Answer, error) {
	kind := application.Kind(v.Query.Get("kind"))
	title, ok := newRequestTitles[kind]
	if !ok {
		return web.Answer{}, errNoKind
	}
	page, err := v.newRequestOf(kind, cmp.Or(v.Query.Get("region"), v.region))
	if err != nil {
		return web.Answer{}, err
	}
	return v.show("new-request", title, page)
}

type submission struct {
	Kind   application.Kind `json:"kind"`
	Person string           `json:"person,omitempty"`
	ENP    string           `json:"enp,omitempty"`
	Region string           `json:"region,omitempty"`
	SMO    string           `json:"smo,omitempty"`
}

// submit makes an application and leads to its progress.
func (p *portal) submit(v *visit) (web.Answer, error) {
	kind := application.Kind(v.Form.Get("kind"))
	if kind == application.Lookup {
		return v.lookup(cmp.Or(v.Form.Get("person"), consent.Self))
	}
	title, ok := newRequestTitles[kind]
	if !ok {
		return web.Answer{}, errNoKind
	}
	s := submission{Kind: kind, ENP: v.Form.Get("enp")}
	if kind == application.Register {
		s.Region, s.SMO = v.Form.Get("region"), v.Form.Get("smo")
	}
	var made applicationAnswer
	if err := v.ask(http.MethodPost, "/policy-request", s, &made); err != nil {
		page, pageErr := v.newRequestOf(kind, cmp.Or(s.Region, v.region))
		if pageErr != nil {
			return web.Answer{}, pageErr
		}
		return v.again(err, "new-request", title, page)
	}
	return v.to("/requests/" + made.ID)
}

// lookup asks for a person's policy and leads to the progress of it.
func (v *visit) lookup(who string) (web.Answer, error) {
	var made applicationAnswer
	err := v.askOnce("lookup", "/policy-request", submission{Kind: application.Lookup, Person: who}, &made)
	if err != nil {
		o, overviewErr := v.family()
		if overviewErr != nil {
			return web.Answer{}, overviewErr
		}
		return v.again(err, "home", homeTitle, o)
	}
	return v.to("/requests/" + made.ID)
}
