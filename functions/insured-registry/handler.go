// Package function is insured-registry, the register of a region's fund: who is
// insured, by whom, since when.
package function

import (
	handler "github.com/openfaas/templates-sdk/go-http"

	"polis/shared/access"
	"polis/shared/calendar"
	"polis/shared/clock"
	"polis/shared/config"
	"polis/shared/directory"
	"polis/shared/fault"
	"polis/shared/gateway"
	"polis/shared/policy"
	"polis/shared/store"
	"polis/shared/web"
)

// Name of the function.
const Name = "insured-registry"

type register struct {
	store *store.Store
	law   clock.Clock
	home  string        // region whose fund runs this installation
	cover policy.Stages // days for which the mother's insurer covers a newborn
}

// New makes the function from its settings.
func New(env *config.Env) (handler.FunctionHandler, error) {
	r := &register{store: store.Open(env), law: env.Law, home: env.String("region", "26")}
	functions := gateway.Open(env, Name)
	if _, ok := directory.FindRegion(r.home); !ok {
		env.Fault("region", "%q is not a region", r.home)
	}
	var err error
	if r.cover, err = policy.ParseStages(env.String("newborn_cover", policy.DefaultNewbornCover)); err != nil {
		env.Fault("newborn_cover", "%v", err)
	}
	edge := web.Open(env, Name)
	if err := env.Err(); err != nil {
		return nil, err
	}
	r.store.OnCommit(func(e store.Event) { functions.Kick(e.Topic, e) })
	return edge.With(
		web.Route{Method: "POST", Pattern: "/find", Action: access.LookUpInsured, Do: r.find},
		web.Route{Method: "POST", Pattern: "/children", Action: access.LookUpInsured, Do: r.children},
		web.Route{Method: "POST", Pattern: "/born", Action: access.LookUpInsured, Do: r.born},
		web.Route{Method: "POST", Pattern: "/records", Action: access.RecordInsured, Do: r.enrol},
		web.Route{Method: "POST", Pattern: "/records/try", Action: access.LookUpInsured, Do: r.tryEnrol},
		web.Route{Method: "POST", Pattern: "/changes", Action: access.ChangeInsured, Do: r.change},
		web.Route{Method: "POST", Pattern: "/changes/try", Action: access.LookUpInsured, Do: r.try},
		web.Route{Method: "POST", Pattern: "/changes/told", Action: access.LookUpInsured, Do: r.told},
		web.Route{Method: "POST", Pattern: "/may", Action: access.LookUpInsured, Do: r.may},
		web.Route{Method: "POST", Pattern: "/insurers", Action: access.ReadInsurers, Do: r.insurers},
		web.Route{Method: "POST", Pattern: "/insurers/corrections", Action: access.CorrectInsurer, Do: r.correct},
		web.Route{Method: "POST", Pattern: "/lives", Action: access.LookUpInsured, Do: r.lives},
		web.Route{Method: "POST", Pattern: "/events", Action: access.ReportEvent, Do: r.event},
		web.Route{Method: "POST", Pattern: "/services", Action: access.ReportServices, Do: r.serve},
		web.Route{Method: "POST", Pattern: "/services/find", Action: access.LookUpServices, Do: r.services},
		web.Route{Method: "POST", Pattern: "/services/privacy", Action: access.ConcealServices, Do: r.hide},
		web.Route{Method: "POST", Pattern: "/history", Action: access.LookUpInsured, Do: r.history},
		web.Route{Method: "POST", Pattern: "/dates", Action: access.TellDates, Do: r.tellDates},
		web.Route{Method: "POST", Pattern: "/dates/renew", Action: access.TellDates, Do: r.renewDates},
		web.Route{Method: "POST", Pattern: "/dates/find", Action: access.LookUpInsured, Do: r.dates},
		web.Route{Method: "POST", Pattern: "/imports", Action: access.ImportInsured, Do: r.load},
	), nil
}

func (r *register) today(region string) calendar.Date { return calendar.Today(r.law(), region) }

// The longest texts that are taken over, in characters: a civil record's number
// with room for those of other countries, a clinic's name and its address as far
// as an extract has room for them.
const (
	maxRecordNumber = 40
	maxSourceID     = 100
	maxClinic       = 250
)

func required(field, ru, en string) fault.Field {
	return fault.Field{Field: field, Code: "required", Detail: fault.Text{RU: ru, EN: en}}
}

func wrongRegion(field string) fault.Field {
	return fault.Field{Field: field, Code: "region_unknown", Detail: fault.Text{RU: "Нет региона с таким кодом.", EN: "There is no region with this code."}}
}
