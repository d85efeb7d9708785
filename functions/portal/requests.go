package function

import (
	"cmp"
	"net/http"
	"net/url"
	"slices"

	"polis/shared/application"
	"polis/shared/calendar"
	"polis/shared/consent"
	"polis/shared/directory"
	"polis/shared/fault"
	"polis/shared/person"
	"polis/shared/web"
)

var requestsTitle = fault.Text{RU: "Заявления", EN: "Applications"}

// kin are the people whose applications a visitor sees.
type kin []relative

// NameOf is whose something is; "" where it is not known.
func (k kin) NameOf(who string) string {
	for _, r := range k {
		if r.Person == who {
			return r.Name.Full()
		}
	}
	return ""
}

// kin asks for the names of the family. A child of which the register does not tell
// is called as the application for its first policy has it, or just a child.
func (v *visit) kin(of ...applicationAnswer) (kin, error) {
	have := kin{{Person: consent.Self, Name: v.Who.Name}}
	if !slices.ContainsFunc(of, func(a applicationAnswer) bool { return a.Person != consent.Self }) {
		return have, nil
	}
	var answered struct{ Items kin }
	err := v.ask(http.MethodGet, "/policy-card/family", nil, &answered)
	if err != nil && !fault.HasKind(err, fault.Unavailable) {
		return nil, err
	}
	for _, r := range answered.Items {
		if r.Person != consent.Self {
			have = append(have, r)
		}
	}
	for _, a := range of {
		if a.Child != nil && have.NameOf(a.Person) == "" {
			have = append(have, relative{Person: a.Person, Name: *a.Child})
		}
	}
	for _, a := range of {
		if have.NameOf(a.Person) == "" {
			have = append(have, relative{Person: a.Person, Name: person.Name{Given: v.Text(aChild)}})
		}
	}
	return have, nil
}

type requestsPage struct {
	applicationList
	kin
}

func (p *portal) requests(v *visit) (web.Answer, error) {
	var list requestsPage
	query := url.Values{"limit": {"20"}}
	if next := v.Query.Get("next"); next != "" {
		query.Set("next", next)
	}
	err := v.ask(http.MethodGet, "/policy-request?"+query.Encode(), nil, &list.applicationList)
	if err == nil {
		list.kin, err = v.kin(list.Items...)
	}
	if err != nil {
		return web.Answer{}, err
	}
	return v.show("requests", requestsTitle, list)
}

// requestPage is an application with whose it is.
type requestPage struct {
	applicationAnswer
	Whose   string
	Insurer string  // that was chosen
	Holder  *member // of a first policy that is granted: what shows it
}

// Turns reports whether there is anybody to turn to, and something about which.
func (r requestPage) Turns() bool {
	return r.Status != application.Granted && r.Help != nil && (r.Help.Fund != nil || len(r.Help.Insurers) > 0)
}

// holder is the one for whom a first policy was granted, with what of it the
// cabinet has. While a part is away, what can be shown the card's page says.
func (v *visit) holder(a applicationAnswer) *member {
	var consents consentList
	if v.ask(http.MethodGet, "/consent-toggle", nil, &consents) != nil {
		return nil
	}
	m := member{relative: relative{Person: a.Person}, Consents: needed(consents, a.Person)}
	if a.Child != nil {
		m.Name = *a.Child
	}
	if len(m.Missing()) > 0 {
		return &m
	}
	switch card, err := v.cardOf(a.Person); {
	case err == nil:
		m.Card = &card
	case !fault.HasKind(err, fault.NotFound) && !fault.HasKind(err, fault.Forbidden):
		return nil
	}
	return &m
}

func (p *portal) request(v *visit) (web.Answer, error) {
	var a requestPage
	if err := v.ask(http.MethodGet, "/policy-request/"+url.PathEscape(v.Segment("id")), nil, &a.applicationAnswer); err != nil {
		return web.Answer{}, err
	}
	if a.SMO != "" {
		known, err := v.sessions.Directory(v)
		if err != nil {
			return web.Answer{}, err
		}
		a.Insurer = known.ContactOf(a.SMO, a.Region, v.Text).Name
	}
	if a.Kind == application.Register && a.Status == application.Granted {
		a.Holder = v.holder(a.applicationAnswer)
	}
	// Whose it is stands beside what the script reads again and again.
	if !v.Query.Has("live") {
		names, err := v.kin(a.applicationAnswer)
		if err != nil {
			return web.Answer{}, err
		}
		a.Whose = names.NameOf(a.Person)
	}
	return v.show("request", fault.Text{RU: "Заявление " + a.Number, EN: "Application " + a.Number}, a)
}

// newRequestPage is a form of one of the kinds that need more than a click.
type newRequestPage struct {
	Kind     application.Kind
	Person   string // whose data
	Region   string
	Regions  []directory.Region
	Insurers []directory.Insurer // of the region
}

var newRequestTitles = map[application.Kind]fault.Text{
	application.Link:   {RU: "Найти полис по номеру", EN: "Find the policy by its number"},
	application.Lookup: {RU: "Какие сведения запросить", EN: "Which data to ask for"},
}

// Parts of the register's data that can be asked for apart.
func (newRequestPage) Parts() []string { return []string{"policy", "attachment", "services"} }

// PartOf names one of them.
func (p *page) PartOf(what string) string {
	switch what {
	case "policy":
		return p.T("Полис и страховая компания", "The policy and the insurer")
	case "attachment":
		return p.T("Поликлиника прикрепления", "The clinic of the attachment")
	}
	return p.T("Оказанные медицинские услуги", "Medical services rendered")
}

var errNoPart = fault.WrongField("what", "required", "Отметьте, что запросить.", "Tick what to ask for.")

// RegionName is what the region is called, "" for none.
func (n newRequestPage) RegionName() string {
	region, _ := directory.FindRegion(n.Region)
	return region.Name
}

func (v *visit) newRequestOf(kind application.Kind, region string) (newRequestPage, error) {
	page := newRequestPage{Kind: kind, Region: region, Regions: directory.RegionsByName()}
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
	if kind == application.Register {
		return p.firstPolicy(v)
	}
	title, ok := newRequestTitles[kind]
	if !ok {
		return web.Answer{}, errNoKind
	}
	page, err := v.newRequestOf(kind, cmp.Or(v.Query.Get("region"), v.region))
	if err != nil {
		return web.Answer{}, err
	}
	page.Person = cmp.Or(v.Query.Get("person"), consent.Self)
	return v.show("new-request", title, page)
}

type submission struct {
	Kind   application.Kind `json:"kind"`
	Person string           `json:"person,omitempty"`
	ENP    string           `json:"enp,omitempty"`
	Region string           `json:"region,omitempty"`
	SMO    string           `json:"smo,omitempty"`
	What   []string         `json:"what,omitempty"`
}

// submit makes an application and leads to its progress.
func (p *portal) submit(v *visit) (web.Answer, error) {
	kind := application.Kind(v.Form.Get("kind"))
	if kind == application.Lookup {
		who := cmp.Or(v.Form.Get("person"), consent.Self)
		if v.Form.Get("apart") != "" && v.Form["what"] == nil {
			return v.again(errNoPart, "new-request", newRequestTitles[kind], newRequestPage{Kind: kind, Person: who})
		}
		return v.lookup(who, v.Form["what"]...)
	}
	if kind == application.Register {
		return v.submitFirst()
	}
	title, ok := newRequestTitles[kind]
	if !ok {
		return web.Answer{}, errNoKind
	}
	s := submission{Kind: kind, ENP: v.Form.Get("enp")}
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

// lookup asks for a person's policy, or for parts of its data, and leads to the
// progress of it.
func (v *visit) lookup(who string, what ...string) (web.Answer, error) {
	var made applicationAnswer
	err := v.askOnce("lookup", "/policy-request", submission{Kind: application.Lookup, Person: who, What: what}, &made)
	if err != nil {
		o, overviewErr := v.family()
		if overviewErr != nil {
			return web.Answer{}, overviewErr
		}
		return v.again(err, "home", homeTitle, o)
	}
	return v.to("/requests/" + made.ID)
}
