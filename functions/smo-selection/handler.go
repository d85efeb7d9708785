// Package function is smo-selection: the insurers of a region and their offices,
// the import of both, and the choice of an insurer.
package function

import (
	"slices"
	"unicode/utf8"

	handler "github.com/openfaas/templates-sdk/go-http"

	"polis/shared/access"
	"polis/shared/application"
	"polis/shared/calendar"
	"polis/shared/clock"
	"polis/shared/config"
	"polis/shared/directory"
	"polis/shared/fault"
	"polis/shared/gateway"
	"polis/shared/store"
	"polis/shared/web"
)

// Name of the function.
const Name = "smo-selection"

type selection struct {
	store    *store.Store
	register *gateway.Client
	law      clock.Clock
	home     string // region of this installation
	days     calendar.Workdays
	term     int // of a choice, in working days
	retry    application.Terms
}

// New makes the function from its settings.
func New(env *config.Env) (handler.FunctionHandler, error) {
	s := &selection{
		store: store.Open(env), register: gateway.Open(env, Name), law: env.Law, home: env.String("region", "26"),
		term: env.Int("choice_term", 3, 1, 60), retry: application.DefaultTerms(),
	}
	var err error
	if s.days, err = calendar.Default().With(env.String("workdays", "")); err != nil {
		env.Fault("workdays", "%v", err)
	}
	if _, ok := directory.FindRegion(s.home); !ok {
		env.Fault("region", "%q is not a region", s.home)
	}
	edge := web.Open(env, Name)
	if err := env.Err(); err != nil {
		return nil, err
	}
	s.store.OnCommit(func(e store.Event) { s.register.Kick(e.Topic, e) })
	return edge.With(
		web.Route{Method: "GET", Pattern: "/", Do: s.insurers},
		web.Route{Method: "POST", Pattern: "/", Action: access.Apply, Do: s.submit},
		web.Route{Method: "GET", Pattern: "/allowed", Action: access.ExamineChoice, Do: s.allowed},
		web.Route{Method: "POST", Pattern: "/work", Action: access.WorkApplication, Do: s.work},
		web.Route{Method: "GET", Pattern: "/offices", Do: s.offices},
		web.Route{Method: "POST", Pattern: "/imports", Action: access.ImportDirectory, Do: s.open},
		web.Route{Method: "GET", Pattern: "/imports/{id}", Action: access.ImportDirectory, Do: s.progress},
		web.Route{Method: "PUT", Pattern: "/imports/{id}", Action: access.ImportDirectory, Do: s.take},
	), nil
}

// insurer is one that a resident of its region may choose today.
type insurer struct {
	directory.Insurer
	FullName string `json:"full_name,omitempty"`
	directory.Contract

	Same bool `json:"same_company,omitempty"` // as the insurer that one comes from
}

// office is one of an insurer that may be chosen today.
type office struct {
	directory.Office
	Insurer string `json:"insurer"`
}

// search is what a list is asked for.
type search struct {
	region, words, next string
	limit               int
	today               calendar.Date
}

// maxWords is the length of what is searched for, in characters.
const maxWords = 100

func (s *selection) search(c *web.Call) (search, error) {
	q := search{region: c.Query.Get("region"), words: c.Query.Get("q"), next: c.Query.Get("next")}
	var wrong []fault.Field
	if q.region == "" {
		wrong = append(wrong, field("region", "required", "Укажите регион.", "Give the region."))
	} else if _, ok := directory.FindRegion(q.region); !ok {
		wrong = append(wrong, field("region", "region_unknown", "Нет региона с таким кодом.", "There is no region with this code."))
	}
	if utf8.RuneCountInString(q.words) > maxWords {
		wrong = append(wrong, field("q", "too_long", "Запрос не длиннее 100 знаков.", "A query has at most 100 characters."))
	}
	if wrong != nil {
		return q, fault.Wrong(wrong...)
	}
	var err error
	q.limit, err = c.Limit()
	q.today = calendar.Today(s.law(), q.region)
	return q, err
}

func field(name, code, ru, en string) fault.Field {
	return fault.Field{Field: name, Code: code, Detail: fault.Text{RU: ru, EN: en}}
}

// page answers with at most limit of the items, those behind the one whose id
// is next.
func page[T any](items []T, id func(T) string, q search) (web.Answer, error) {
	if q.next != "" {
		at := slices.IndexFunc(items, func(item T) bool { return id(item) == q.next })
		if at < 0 {
			return web.Answer{}, fault.WrongField("next", "next_unknown", "Список изменился. Начните с начала.", "The list has changed. Begin anew.")
		}
		items = items[at+1:]
	}
	if len(items) <= q.limit {
		return web.List(items, "")
	}
	return web.List(items[:q.limit], id(items[q.limit-1]))
}

// insurers lists those of a region with a contract in force today, also to
// somebody who has not logged in. ogrn finds one company in another region; like
// names an insurer whose company, on moving, is offered first.
func (s *selection) insurers(c *web.Call) (web.Answer, error) {
	q, err := s.search(c)
	if err != nil {
		return web.Answer{}, err
	}
	known, err := s.store.CurrentDirectory(c)
	if err != nil {
		return web.Answer{}, err
	}
	ogrn := c.Query.Get("ogrn")
	from, _ := known.FindInsurer(c.Query.Get("like"))
	items := []insurer{}
	for _, i := range known.InsurersOf(q.region, q.today) {
		if i.Matches(q.words) && (ogrn == "" || i.OGRN == ogrn) {
			contract, _ := i.ContractOn(q.today)
			items = append(items, insurer{i, i.FullName, contract, i.OGRN != "" && i.OGRN == from.OGRN})
		}
	}
	slices.SortStableFunc(items, func(a, b insurer) int {
		switch {
		case a.Same == b.Same:
			return 0
		case a.Same:
			return -1
		}
		return 1
	})
	return page(items, func(i insurer) string { return i.SMO }, q)
}

// offices lists those of the insurers that may be chosen today.
func (s *selection) offices(c *web.Call) (web.Answer, error) {
	q, err := s.search(c)
	if err != nil {
		return web.Answer{}, err
	}
	known, err := s.store.CurrentDirectory(c)
	if err != nil {
		return web.Answer{}, err
	}
	smo := c.Query.Get("smo")
	if i, ok := known.FindInsurer(smo); smo != "" && (!ok || i.Region != q.region) {
		return web.Answer{}, fault.WrongField("smo", "smo_not_in_region", "Такой страховой в регионе нет.", "The region has no such insurer.")
	}
	items := []office{}
	for _, o := range known.OfficesOf(q.region, q.today) {
		of, _ := known.FindInsurer(o.SMO)
		if (smo == "" || o.SMO == smo) && o.Matches(q.words, of) {
			items = append(items, office{o, of.Name})
		}
	}
	return page(items, func(o office) string { return o.ID }, q)
}
