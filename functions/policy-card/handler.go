// Package function is policy-card: the policy as the cabinet has it, and the
// family whose policies can be shown.
package function

import (
	"cmp"
	"time"

	handler "github.com/openfaas/templates-sdk/go-http"

	"polis/shared/access"
	"polis/shared/application"
	"polis/shared/cabinet"
	"polis/shared/calendar"
	"polis/shared/clock"
	"polis/shared/config"
	"polis/shared/consent"
	"polis/shared/directory"
	"polis/shared/fault"
	"polis/shared/fhir"
	"polis/shared/gateway"
	"polis/shared/person"
	"polis/shared/policy"
	"polis/shared/store"
	"polis/shared/web"
)

// Name of the function.
const Name = "policy-card"

type cards struct {
	store    *store.Store
	register *gateway.Client
	law      clock.Clock
	home     string        // region of this installation
	wait     time.Duration // before a consent may be given again
	term     time.Duration // of a search for a policy
	systems  fhir.Systems
}

// New makes the function from its settings.
func New(env *config.Env) (handler.FunctionHandler, error) {
	k := &cards{
		store: store.Open(env), register: gateway.Open(env, Name), law: env.Law, home: env.String("region", "26"),
		wait: env.Duration("consent_wait", consent.DefaultWait), term: env.Duration("lookup_term", application.DefaultTerms().Lookup),
		systems: fhir.Systems{ENP: env.String("enp_system", "urn:polis:enp"), SMO: env.String("smo_system", "urn:polis:smo")},
	}
	if _, ok := directory.FindRegion(k.home); !ok {
		env.Fault("region", "%q is not a region", k.home)
	}
	edge := web.Open(env, Name)
	if err := env.Err(); err != nil {
		return nil, err
	}
	k.store.OnCommit(func(e store.Event) { k.register.Kick(e.Topic, e) })
	return edge.With(
		web.Route{Method: "GET", Pattern: "/", Action: access.ReadCard, Do: k.card},
		web.Route{Method: "GET", Pattern: "/family", Action: access.ReadCard, Do: k.family},
		web.Route{Method: "GET", Pattern: "/services", Action: access.ReadServices, Do: k.services},
		web.Route{Method: "PUT", Pattern: "/services/privacy", Action: access.HideServices, Do: k.hideServices},
		web.Route{Method: "GET", Pattern: "/history", Action: access.ReadCard, Do: k.history},
		web.Route{Method: "GET", Pattern: "/coverage", Action: access.ReadCard, Do: k.coverage},
		web.Route{Method: "GET", Pattern: "/calendar.ics", Action: access.ReadCard, Do: k.days},
		web.Route{Method: "GET", Pattern: "/access", Action: access.ReadAccesses, Do: k.accesses},
		web.Route{Method: "GET", Pattern: "/doctor", Action: access.ExaminePolicy, Do: k.examine},
		web.Route{Method: "POST", Pattern: "/doctor", Action: access.RepairPolicy, Do: k.repair},
	), nil
}

// view is a card as the citizen sees it.
type view struct {
	Person     string          `json:"person"`
	ENP        person.ENP      `json:"enp"`
	ENPGrouped string          `json:"enp_grouped"`
	Name       person.Name     `json:"name"`
	Sex        person.Sex      `json:"sex"`
	Birth      calendar.Date   `json:"birth_date"`
	Status     policy.Shown    `json:"status"`
	Text       string          `json:"text"`
	Ground     string          `json:"ground,omitempty"` // of the end of an invalid one
	Coming     *coming         `json:"coming,omitempty"`
	ValidFrom  calendar.Date   `json:"valid_from"`
	ValidUntil calendar.Date   `json:"valid_until,omitzero"`
	Category   policy.Category `json:"category,omitempty"` // of a foreigner
	Validity   string          `json:"validity,omitempty"` // until when it is valid, and why
	Region     string          `json:"region"`
	RegionName string          `json:"region_name"`
	Insurer    insurer         `json:"insurer"`
	Covering   *covering       `json:"covering_insurer,omitempty"` // of a newborn
	Clinic     *policy.Clinic  `json:"clinic,omitempty"`
	Warnings   []string        `json:"warnings,omitempty"`
	ReportBy   calendar.Date   `json:"report_by,omitzero"` // the last day to report what differs
	DaysLeft   *int            `json:"report_days_left,omitempty"`
	AsOf       time.Time       `json:"as_of"`
}

// coming is the next turn of the state that is known, in words too.
type coming struct {
	policy.Coming
	Text string `json:"text"`
}

// covering is the contact of who covers a newborn, to the end of the day.
type covering struct {
	directory.Contact
	Until calendar.Date `json:"until"`
}

// insurer is the contact with the day since which it insures.
type insurer struct {
	directory.Contact
	Since calendar.Date `json:"since"`
}

var errEmpty = fault.New(fault.NotFound, "policy_not_loaded",
	"Данных о полисе в кабинете ещё нет. Запросите их.",
	"The cabinet has no data of the policy yet. Request them.").Suggesting("lookup")

// open reads the caller's account, and with it their copy of a person's policy.
func (k *cards) open(c *web.Call, who string) (*store.View, cabinet.Account, error) {
	account := store.Account(c.Caller.Account)
	v, err := k.store.View(c, c.Grant, c.Caller.Account, account.Ref, store.Card(c.Caller.Account, who).Ref)
	if err != nil {
		return nil, cabinet.Account{}, err
	}
	have, _, err := store.Get(v, account)
	return v, have, err
}

// current reports whether a copy may still be shown: a child's until the child
// is 18.
func (k *cards) current(who string, card policy.Card) bool {
	return who == consent.Self || card.OfChild(calendar.Today(k.law(), card.Insurance.Region))
}

func (k *cards) card(c *web.Call) (web.Answer, error) {
	who := cmp.Or(c.Query.Get("person"), consent.Self)
	card, err := k.copied(c, who)
	if err != nil {
		return web.Answer{}, err
	}
	insurers, err := k.store.Directory(c)
	if err != nil {
		return web.Answer{}, err
	}
	return web.OK(show(c, who, card, insurers, k.law()))
}

func show(c *web.Call, who string, card policy.Card, insurers directory.Directory, now time.Time) view {
	region := card.Insurance.Region
	today := calendar.Today(now, region)
	v := view{
		Person: who, ENP: card.ENP, ENPGrouped: card.ENP.Grouped(), Name: card.Person.Name, Sex: card.Person.Sex, Birth: card.Person.Birth,
		Status: card.Shown(today), ValidFrom: card.ValidFrom, ValidUntil: card.ValidUntil, Region: region,
		Insurer: insurer{insurers.ContactOf(card.Insurance.SMO, region, c.Text), card.Insurance.Since}, Clinic: card.Clinic, Warnings: card.Warnings,
		AsOf: card.AsOf.In(calendar.Zone(region)),
	}
	if r, ok := directory.FindRegion(region); ok {
		v.RegionName = r.Name
	}
	v.Text = c.Text(card.ShownText(today))
	if v.Status == policy.ShownInvalid {
		v.Ground = card.Changes.On(today).Ground
	}
	if next, known := card.Coming(today); known {
		v.Coming = &coming{next, c.Text(next.Text())}
	}
	v.Category = card.Right.Category
	over := card.Over(today)
	if v.Category != "" && !over {
		v.Validity = c.Text(card.Right.Text())
	}
	if of, covered := card.CoveredNow(today); covered {
		v.Covering = &covering{insurers.ContactOf(of.SMO, of.Region, c.Text), of.Until}
	}
	if by := card.ReportBy(); !by.IsZero() && !over {
		left := daysLeft(by, today)
		v.ReportBy, v.DaysLeft = by, &left
	}
	return v
}

// family lists whose policies the caller may ask for: their own, and each
// child's of whom the register has them as a representative.
func (k *cards) family(c *web.Call) (web.Answer, error) {
	type member struct {
		Person string        `json:"person"`
		Name   person.Name   `json:"name"`
		Birth  calendar.Date `json:"birth_date"`
	}
	var children struct{ Items []policy.Child }
	if err := k.register.Call(c, c.ID, "/insured-registry/children", policy.Question{Applicant: c.Caller.Person}, &children); err != nil {
		return web.Answer{}, err
	}
	items := []member{{consent.Self, c.Caller.Person.Name, c.Caller.Person.Birth}}
	for _, child := range children.Items {
		items = append(items, member{child.ID, child.Name, child.Birth})
	}
	return web.OK(map[string]any{"items": items})
}
