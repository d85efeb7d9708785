package function

import (
	"cmp"
	"net/http"
	"net/url"
	"slices"

	"polis/shared/calendar"
	"polis/shared/consent"
	"polis/shared/directory"
	"polis/shared/fault"
	"polis/shared/policy"
	"polis/shared/web"
)

var insurerTitle = fault.Text{RU: "Выбор страховой компании", EN: "Choosing an insurer"}

// allowedAnswer tells whether an insurer may be chosen now, and why not.
type allowedAnswer struct {
	Allowed                             bool
	Reason                              policy.Reason
	From, Code, Detail, Article, Region string
	SMO                                 string // under consent only
}

// offer is an insurer that may be chosen.
type offer struct {
	directory.Insurer
	Same bool `json:"same_company"` // as now, in another region
}

// choosing is what the pages of a choice show.
type choosing struct {
	Person, Name string
	May          allowedAnswer
	Move         bool // to another region, which is a reason at any time
	Reason       policy.Reason
	Region       string // of the insurers; "" before it is chosen
	Regions      []directory.Region
	Words        string // that are searched for
	Items        []offer
	Compared     []offer
	Chosen       *directory.Insurer // to be confirmed
}

// most insurers that stand side by side.
const maxCompared = 3

func (c choosing) Self() bool { return c.Person == consent.Self }

// Movable reports whether a move may be a reason: of a policy that is over none
// is.
func (c choosing) Movable() bool {
	return !slices.Contains([]string{policy.PolicyOver, policy.DeathRecorded}, c.May.Code)
}

// RegionName is what the region of the insurers is called.
func (c choosing) RegionName() string {
	region, _ := directory.FindRegion(c.Region)
	return region.Name
}

// Ticked tells whether an insurer is among those compared.
func (c choosing) Ticked(smo string) bool {
	return slices.ContainsFunc(c.Compared, func(o offer) bool { return o.SMO == smo })
}

// Query is the address of the page with further values, pairs of a name and a
// value.
func (c choosing) Query(pairs ...string) string {
	q := url.Values{"person": {c.Person}}
	if c.Move {
		q.Set("reason", string(policy.Moved))
		q.Set("region", c.Region)
	}
	for i := 0; i+1 < len(pairs); i += 2 {
		q.Set(pairs[i], pairs[i+1])
	}
	return "/insurer?" + q.Encode()
}

var errNoInsurer = fault.New(fault.NotFound, "smo_unknown", "Такой страховой нет в справочнике.", "The directory has no such insurer.")

// insurerOf finds the insurer of a code.
func (v *visit) insurerOf(smo string) (directory.Insurer, error) {
	known, err := v.sessions.Directory(v)
	if err != nil {
		return directory.Insurer{}, err
	}
	found, ok := known.FindInsurer(smo)
	if !ok {
		return found, errNoInsurer
	}
	return found, nil
}

// inForce reports whether an insurer has a contract with its region's fund today.
func (v *visit) inForce(i directory.Insurer) bool {
	return i.InForce(calendar.Today(v.law(), i.Region))
}

// choosing finds out whether and why an insurer may be chosen: the reason is the
// service's to find, but for a move, of which only the person knows.
func (v *visit) choosing(q url.Values) (choosing, error) {
	c := choosing{Person: cmp.Or(q.Get("person"), consent.Self), Words: q.Get("q"), Move: q.Get("reason") == string(policy.Moved)}
	if err := v.ask(http.MethodGet, "/smo-selection/allowed?"+url.Values{"person": {c.Person}}.Encode(), nil, &c.May); err != nil {
		return c, err
	}
	names, err := v.kin(applicationAnswer{Person: c.Person})
	if err != nil {
		return c, err
	}
	c.Name, c.Reason, c.Region = names.NameOf(c.Person), c.May.Reason, c.May.Region
	if c.Move {
		c.Reason, c.Region = policy.Moved, ""
		c.Regions = slices.DeleteFunc(directory.RegionsByName(), func(r directory.Region) bool { return r.Code == c.May.Region })
		if slices.ContainsFunc(c.Regions, func(r directory.Region) bool { return r.Code == q.Get("region") }) {
			c.Region = q.Get("region")
		}
	}
	if smo := q.Get("smo"); smo != "" {
		chosen, err := v.insurerOf(smo)
		if err == nil {
			c.Chosen = &chosen
		}
		return c, err
	}
	if c.Region == "" || !c.Move && !c.May.Allowed {
		return c, nil
	}
	list := url.Values{"region": {c.Region}, "limit": {"100"}}
	if c.Words != "" {
		list.Set("q", c.Words)
	}
	if c.May.SMO != "" {
		list.Set("like", c.May.SMO)
	}
	var offered struct{ Items []offer }
	if err := v.ask(http.MethodGet, "/smo-selection?"+list.Encode(), nil, &offered); err != nil {
		return c, err
	}
	c.Items = offered.Items
	for _, o := range c.Items {
		if slices.Contains(q["compare"], o.SMO) && len(c.Compared) < maxCompared {
			c.Compared = append(c.Compared, o)
		}
	}
	return c, nil
}

// insurer shows whom one may choose, or why not now; then what is to be
// confirmed.
func (p *portal) insurer(v *visit) (web.Answer, error) {
	c, err := v.choosing(v.Query)
	if fault.HasKind(err, fault.Conflict) { // there is nobody whose insurer could be chosen
		return v.again(err, "insurer", insurerTitle, c)
	}
	if err != nil {
		return web.Answer{}, err
	}
	if c.Chosen != nil {
		return v.show("insurer-confirm", insurerTitle, c)
	}
	return v.show("insurer", insurerTitle, c)
}

type choice struct {
	Person  string `json:"person"`
	SMO     string `json:"smo"`
	Reason  string `json:"reason"`
	Region  string `json:"region,omitempty"`
	Address string `json:"address,omitempty"`
	Moved   string `json:"moved,omitempty"`
}

// choose submits the choice and leads to its progress.
func (p *portal) choose(v *visit) (web.Answer, error) {
	var made applicationAnswer
	form := v.Form
	moved, wrong := dateOf(form, "moved")
	var err error
	if wrong != nil {
		err = fault.Wrong(wrong...)
	} else {
		err = v.ask(http.MethodPost, "/smo-selection", choice{
			Person: cmp.Or(form.Get("person"), consent.Self), SMO: form.Get("smo"), Reason: form.Get("reason"), Region: form.Get("region"),
			Address: form.Get("address"), Moved: moved.String(),
		}, &made)
	}
	if err == nil {
		return v.to("/requests/" + made.ID)
	}
	c, pageErr := v.choosing(form)
	if pageErr != nil {
		return web.Answer{}, err
	}
	page := "insurer-confirm"
	if c.Chosen == nil {
		page = "insurer"
	}
	return v.again(err, page, insurerTitle, c)
}

// officesPage is a page of the offices of one insurer.
type officesPage struct {
	Of    directory.Insurer
	Ended bool // it has no contract now, so that no office is listed
	Items []directory.Office
	Next  string
}

// offices shows where an insurer takes applications and issues extracts. The
// address names the insurer and nobody who is insured there.
func (p *portal) offices(v *visit) (web.Answer, error) {
	of, err := v.insurerOf(v.Query.Get("smo"))
	if err != nil {
		return web.Answer{}, err
	}
	query := url.Values{"region": {of.Region}, "smo": {of.SMO}}
	if next := v.Query.Get("next"); next != "" {
		query.Set("next", next)
	}
	list := officesPage{Of: of, Ended: !v.inForce(of)}
	if err := v.ask(http.MethodGet, "/smo-selection/offices?"+query.Encode(), nil, &list); err != nil {
		return web.Answer{}, err
	}
	return v.show("offices", fault.Text{RU: "Офисы страховой компании", EN: "Offices of the insurer"}, list)
}

// ReasonOf says why an insurer is chosen.
func (p *page) ReasonOf(reason policy.Reason) string {
	switch reason {
	case policy.First:
		return p.T("Первый выбор: пока страхует территориальный фонд", "First choice: the regional fund stands in as yet")
	case policy.ByRight:
		return p.T("Замена раз в год, не позднее 1\u00a0ноября", "Replacement once a year, not later than 1\u00a0November")
	case policy.Moved:
		return p.T("Переезд в другой регион", "Moving to another region")
	case policy.ContractEnded:
		return p.T("Договор прежней страховой прекращён", "The contract of the insurer so far has ended")
	}
	return ""
}
