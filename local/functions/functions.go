// Package functions lists every function that a stack file can name. A process
// of local is one of them.
package functions

import (
	"polis/shared/server"

	audittrail "polis/functions/audit-trail"
	consenttoggle "polis/functions/consent-toggle"
	deadlinewatch "polis/functions/deadline-watch"
	extractrendering "polis/functions/extract-rendering"
	insuredregistry "polis/functions/insured-registry"
	notify "polis/functions/notify"
	policycard "polis/functions/policy-card"
	policylifecycle "polis/functions/policy-lifecycle"
	policyrequest "polis/functions/policy-request"
	portal "polis/functions/portal"
	reviewdesk "polis/functions/review-desk"
	smoselection "polis/functions/smo-selection"
)

// All maps a function's name to what makes it.
var All = map[string]server.New{
	"audit-trail":       audittrail.New,
	"consent-toggle":    consenttoggle.New,
	"deadline-watch":    deadlinewatch.New,
	"extract-rendering": extractrendering.New,
	"insured-registry":  insuredregistry.New,
	"notify":            notify.New,
	"policy-card":       policycard.New,
	"policy-lifecycle":  policylifecycle.New,
	"policy-request":    policyrequest.New,
	"portal":            portal.New,
	"review-desk":       reviewdesk.New,
	"smo-selection":     smoselection.New,
}
