// Package function is portal: the citizen's way through the service in a
// browser. It holds no data of its own but sessions: every page is made of what
// the other functions answer to the person who is logged in.
package function

import (
	"net/http"
	"net/url"
	"time"

	handler "github.com/openfaas/templates-sdk/go-http"

	"polis/shared/calendar"
	"polis/shared/clock"
	"polis/shared/config"
	"polis/shared/directory"
	"polis/shared/gateway"
	"polis/shared/identity"
	"polis/shared/store"
	"polis/shared/web"
)

// Name of the function.
const Name = "portal"

// root is the path of every page, below the public address.
const root = "/function/" + Name

type portal struct {
	functions *gateway.Face
	login     *identity.Login
	sessions  *store.Sessions
	machine   clock.Clock
	law       clock.Clock
	pages     *pages
	secure    bool   // cookies for https alone
	host      string // of the public address
	region    string // where most of an installation's people live
	zone      *time.Location
	crossed   *http.CrossOriginProtection
	key       [32]byte // of what a page tells of its visitor without saying it
}

// New makes the function from its settings. public_url is the address that
// browsers know: what a gateway forwards proves nothing.
func New(env *config.Env) (handler.FunctionHandler, error) {
	public := env.URL("public_url")
	p := &portal{
		functions: gateway.OpenFace(env), login: identity.OpenLogin(env, root+"/login/callback", root+"/"),
		sessions: store.OpenSessions(env), machine: clock.System, law: env.Law, crossed: http.NewCrossOriginProtection(),
		region: env.String("region", "26"), key: env.Key("portal-session-key"),
	}
	if _, ok := directory.FindRegion(p.region); !ok {
		env.Fault("region", "%q is not a region", p.region)
	}
	p.zone = calendar.Zone(p.region)
	edge := web.Public(env, Name)
	if err := env.Err(); err != nil {
		return nil, err
	}
	at, err := url.Parse(public)
	if err != nil {
		return nil, err
	}
	p.secure, p.host = at.Scheme == "https", at.Host
	if err := p.crossed.AddTrustedOrigin(at.Scheme + "://" + at.Host); err != nil {
		return nil, err
	}
	if p.pages, err = openPages(); err != nil {
		return nil, err
	}
	p.login.Origins() // to be known by the first page
	edge.Page, edge.English = p.fault, english
	return edge.With(
		open("/", p.visit(p.home)),
		open("/assets/{name}", p.asset),
		open("/worker.js", p.worker),
		open("/offline", p.visit(p.offline)),
		open("/login", p.begin),
		open("/login/callback", p.finish),
		open("/confirm", p.visit(p.howToConfirm)),
		open("/me", p.visit(p.me)),
		form("/language", p.language),
		form("/logout", p.visit(p.logout)),

		open("/consents", p.citizen(p.consents)),
		form("/consents", p.posted(p.changeConsent)),
		open("/consents/receipts/{id}", p.citizen(p.receipt)),

		open("/requests", p.citizen(p.requests)),
		open("/requests/new", p.citizen(p.newRequest)),
		form("/requests", p.posted(p.submit)),
		open("/requests/{id}", p.citizen(p.request)),

		open("/suspend", p.citizen(p.lifecycle)),
		open("/suspend/confirm", p.citizen(p.confirmSuspension)),
		form("/suspend", p.posted(p.changeState)),

		open("/desk", p.reviewer(p.inbox)),
		open("/desk/{id}", p.reviewer(p.openCase)),
		form("/desk/{id}", p.reviewed(p.decide)),

		open("/card", p.citizen(p.card)),
		open("/services", p.citizen(p.services)),
		form("/services", p.posted(p.hideServices)),
		open("/history", p.citizen(p.history)),
		open("/calendar.ics", p.citizen(p.calendar)),
		open("/insurer", p.citizen(p.insurer)),
		form("/insurer", p.posted(p.choose)),
		open("/offices", p.citizen(p.offices)),
		open("/doctor", p.citizen(p.doctor)),
		form("/doctor", p.posted(p.repair)),
		open("/documents", p.citizen(p.documents)),
		form("/documents", p.posted(p.render)),
		open("/documents/{id}", p.citizen(p.document)),
		open("/documents/{id}/file", p.citizen(p.file)),
		form("/documents/{id}/send", p.posted(p.send)),

		open("/notices", p.citizen(p.notices)),
		form("/notices", p.posted(p.prefer)),
		open("/access", p.citizen(p.accesses)),
	), nil
}

func open(pattern string, do func(*web.Call) (web.Answer, error)) web.Route {
	return web.Route{Method: http.MethodGet, Pattern: pattern, Do: do}
}

func form(pattern string, do func(*web.Call) (web.Answer, error)) web.Route {
	return web.Route{Method: http.MethodPost, Pattern: pattern, Do: do}
}
