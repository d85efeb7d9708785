package tests

import (
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"testing"
	"time"

	"polis/local/issuer"
)

// refusal is a call that is refused: how, and with which field named, if any.
type refusal struct {
	rule         string
	by           visitor
	method, path string
	body         any
	status       int
	code         string
	field, why   string
}

// leaveNoTrace plays refusals, after each of which everything stored is as it
// was before.
func (s *stage) leaveNoTrace(t *testing.T, refusals []refusal) {
	t.Helper()
	s.quiet(t)
	for _, r := range refusals {
		t.Run(r.rule, func(t *testing.T) {
			before := s.trace(t)
			r.by.t = t
			p := r.by.wrongly().call(r.method, r.path, r.body).refused(r.status, r.code)
			if r.field != "" && !p.names(r.field, r.why) {
				t.Errorf("%s of %s is not named: %+v", r.why, r.field, p.Errors)
			}
			after := s.trace(t)
			for key := range after {
				if before[key] != after[key] {
					t.Errorf("it left %s", key)
				}
			}
			for key := range before {
				if _, still := after[key]; !still {
					t.Errorf("it took away %s", key)
				}
			}
		})
	}
}

const (
	get  = http.MethodGet
	post = http.MethodPost
)

var lookup = fields{"kind": "lookup"}

func TestWhoMayNotIsRefusedAndLeavesNoTrace(t *testing.T) {
	s := newStage(t)
	insured, newcomer := s.as(t, "insured"), s.as(t, "newcomer")
	insured.consents()
	insured.loads(fields{})
	document := insured.extract("self").ID
	application := insured.applications()[0].ID
	child := s.as(t, "mother").child()
	mine := fields{"operator": "ffoms", "action": "grant"}
	father := s.as(t, "father")

	forged := s.anyone(t).with("X-Polis-Function", "policy-request").with("X-Polis-Time", strconv.FormatInt(time.Now().Unix(), 10)).with("X-Polis-Signature", strings.Repeat("0", 64))
	s.leaveNoTrace(t, []refusal{
		{rule: "without a token", by: s.anyone(t), method: post, path: "/consent-toggle", body: mine, status: 401, code: "token_required"},
		{rule: "with an expired token", by: s.as(t, "insured", issuer.Flaw{Expired: true}), method: post, path: "/consent-toggle", body: mine, status: 401, code: "token_not_accepted"},
		{rule: "with another issuer's token", by: s.as(t, "insured", issuer.Flaw{Issuer: "https://login.example.com"}), method: post, path: "/consent-toggle", body: mine, status: 401, code: "token_not_accepted"},
		{rule: "with a token for another audience", by: s.as(t, "insured", issuer.Flaw{Audience: "elsewhere"}), method: post, path: "/consent-toggle", body: mine, status: 401, code: "token_not_accepted"},
		{rule: "with a token that nobody signed (alg none)", by: s.as(t, "insured", issuer.Flaw{Unsigned: true}), method: post, path: "/consent-toggle", body: mine, status: 401, code: "token_not_accepted"},
		{rule: "with a token of no form", by: visitor{stage: s, token: "abc"}, method: get, path: "/policy-card", status: 401, code: "token_not_accepted"},
		{rule: "with a simplified account", by: s.as(t, "unconfirmed"), method: post, path: "/consent-toggle", body: mine, status: 403, code: "account_not_confirmed"},
		{rule: "as an insurer's staff", by: s.as(t, "staff"), method: get, path: "/policy-card", status: 403, code: "not_allowed"},
		{rule: "as a citizen with what is between functions", by: newcomer, method: post, path: "/insured-registry/find", body: fields{"applicant": fields{}}, status: 403, code: "not_allowed"},
		{rule: "with a forged signature", by: forged, method: post, path: "/insured-registry/find", body: fields{"applicant": fields{}}, status: 401, code: "token_not_accepted"},
		{rule: "as a citizen with an import", by: newcomer, method: post, path: "/insured-registry/imports", body: fields{"source_id": "x", "records": []any{}}, status: 403, code: "not_allowed"},
		{rule: "a lookup without consent", by: newcomer, method: post, path: "/policy-request", body: lookup, status: 403, code: "consent_required", field: "ffoms", why: "consent_missing"},
		{rule: "a card without consent", by: newcomer, method: get, path: "/policy-card", status: 403, code: "consent_required", field: "mincifry", why: "consent_missing"},
		{rule: "an extract without consent", by: newcomer, method: post, path: "/extract-rendering", body: extractOf("self"), status: 403, code: "consent_required", field: "ffoms", why: "consent_missing"},
		{rule: "another person's application", by: father, method: get, path: "/policy-request/" + application, status: 404, code: "application_not_found"},
		{rule: "another person's document", by: father, method: get, path: "/extract-rendering/" + document, status: 404, code: "document_not_found"},
		{rule: "a link to another person's document", by: father, method: get, path: "/extract-rendering/" + document + "/link", status: 404, code: "document_not_found"},
		{rule: "another person's child", by: newcomer, method: get, path: "/policy-card?person=" + child, status: 404, code: "person_not_found"},
		{rule: "a consent for another person's child", by: newcomer, method: post, path: "/consent-toggle", body: fields{"operator": "ffoms", "person": child, "action": "grant"}, status: 404, code: "person_not_found"},
		{rule: "a lookup of another person's child", by: newcomer, method: post, path: "/policy-request", body: fields{"kind": "lookup", "person": child}, status: 404, code: "person_not_found"},
		{rule: "an extract of another person's child", by: newcomer, method: post, path: "/extract-rendering", body: extractOf(child), status: 404, code: "person_not_found"},
		{rule: "a receipt that is not there", by: newcomer, method: get, path: "/consent-toggle/receipts/x", status: 404, code: "receipt_not_found"},
		{rule: "a consent that was never given cannot be revoked", by: newcomer, method: post, path: "/consent-toggle", body: fields{"operator": "ffoms", "action": "revoke", "reason": "так"}, status: 409, code: "consent_not_granted"},
		{rule: "a first policy on a foreign passport", by: s.as(t, "migrant"), method: post, path: "/policy-request", body: fields{"kind": "register", "region": "26"}, status: 422, code: "invalid_fields", field: "category", why: "category_not_citizen"},
	})
	how := s.as(t, "unconfirmed").get("/policy-card").refused(http.StatusForbidden, "account_not_confirmed")
	if !strings.Contains(how.Detail, "Подтвердите её в центре обслуживания") {
		t.Errorf("it is not said how to confirm the account: %s", how.Detail)
	}
}

func TestWhatIsWrittenWronglyIsRefusedAndLeavesNoTrace(t *testing.T) {
	s := newStage(t)
	insured, zags := s.as(t, "insured"), s.as(t, "zags")
	insured.consents()
	raw := func(text string) []byte { return []byte(text) }
	link := func(enp string) fields { return fields{"kind": "link", "enp": enp} }
	named := func(claim, name string) visitor { return s.like(t, "insured", map[string]any{claim: name}) }
	birth := func(change func(fields)) fields {
		b := fields{
			"kind": "birth", "source_id": "zags-1", "region": "26", "mother": human(t, "mother").SNILS,
			"record": fields{"number": "1", "date": "2026-03-09"},
			"child":  fields{"name": fields{"given": "Майя"}, "sex": "F", "birth_date": "2026-03-01"},
		}
		change(b)
		return b
	}
	const requests, events = "/policy-request", "/insured-registry/events"
	s.leaveNoTrace(t, []refusal{
		{rule: "a policy number with a wrong check digit", by: insured, method: post, path: requests, body: link("2656410837000319"), status: 422, code: "invalid_fields", field: "enp", why: "enp_check_digit"},
		{rule: "a policy number too short", by: insured, method: post, path: requests, body: link("265641083700031"), status: 422, code: "invalid_fields", field: "enp", why: "enp_length"},
		{rule: "a policy number with letters", by: insured, method: post, path: requests, body: link("26564I0837000318"), status: 422, code: "invalid_fields", field: "enp", why: "enp_not_digits"},
		{rule: "no policy number", by: insured, method: post, path: requests, body: fields{"kind": "link"}, status: 422, code: "invalid_fields", field: "enp", why: "enp_length"},
		{rule: "a SNILS with a wrong check sum", by: zags, method: post, path: events, body: birth(func(b fields) { b["mother"] = "124-615-908 49" }), status: 422, code: "invalid_fields", field: "mother", why: "snils_check_digits"},
		{rule: "no parent", by: zags, method: post, path: events, body: birth(func(b fields) { delete(b, "mother") }), status: 422, code: "invalid_fields", field: "mother", why: "required"},
		{rule: "a newborn's name with an emoji", by: zags, method: post, path: events, body: birth(func(b fields) { b["child"].(fields)["name"] = fields{"given": "Майя🌸"} }), status: 422, code: "invalid_fields", field: "child.name.given", why: "name_unsupported_character"},
		{rule: "an unknown kind", by: insured, method: post, path: requests, body: fields{"kind": "gift"}, status: 422, code: "invalid_fields", field: "kind", why: "kind_unknown"},
		{rule: "an unknown region", by: insured, method: post, path: requests, body: fields{"kind": "register", "region": "00"}, status: 422, code: "invalid_fields", field: "region", why: "region_unknown"},
		{rule: "an insurer of another region", by: insured, method: post, path: requests, body: fields{"kind": "register", "region": "26", "smo": "77013"}, status: 422, code: "invalid_fields", field: "smo", why: "smo_not_in_region"},
		{rule: "revoking without a reason", by: insured, method: post, path: "/consent-toggle", body: fields{"operator": "ffoms", "action": "revoke"}, status: 422, code: "invalid_fields", field: "reason", why: "required"},
		{rule: "an unknown operator", by: insured, method: post, path: "/consent-toggle", body: fields{"operator": "bank", "action": "grant"}, status: 422, code: "invalid_fields", field: "operator", why: "operator_unknown"},
		{rule: "a page of no size", by: insured, method: get, path: requests + "?limit=0", status: 422, code: "invalid_fields", field: "limit", why: "out_of_range"},

		{rule: "broken JSON", by: insured, method: post, path: requests, body: raw(`{"kind":"lookup"`), status: 400, code: "malformed_json"},
		{rule: "no JSON", by: insured, method: post, path: requests, body: raw(""), status: 400, code: "malformed_json"},
		{rule: "two JSON values", by: insured, method: post, path: requests, body: raw(`{"kind":"lookup"}{}`), status: 400, code: "malformed_json"},
		{rule: "JSON that is no UTF-8", by: insured, method: post, path: requests, body: raw("{\"kind\":\"\xff\"}"), status: 400, code: "malformed_json"},
		{rule: "an unknown field", by: insured, method: post, path: requests, body: fields{"kind": "lookup", "colour": "red"}, status: 422, code: "invalid_fields", field: "colour", why: "unknown_field"},
		{rule: "a field of another type", by: insured, method: post, path: requests, body: fields{"kind": "lookup", "region": 26}, status: 422, code: "invalid_fields", field: "region", why: "wrong_type"},
		{rule: "another media type", by: insured.with("Content-Type", "text/plain"), method: post, path: requests, body: lookup, status: 415, code: "media_type_not_supported"},
		{rule: "a body of 10 MB", by: insured, method: post, path: requests, body: raw(`{"kind":"` + strings.Repeat("a", 10<<20) + `"}`), status: 413, code: "body_too_large"},

		{rule: "an idempotency key with a space", by: insured.with("Idempotency-Key", "a b"), method: post, path: requests, body: lookup, status: 422, code: "invalid_fields", field: "Idempotency-Key", why: "idempotency_key_malformed"},
		{rule: "an idempotency key too long", by: insured.with("Idempotency-Key", strings.Repeat("k", 201)), method: post, path: requests, body: lookup, status: 422, code: "invalid_fields", field: "Idempotency-Key", why: "idempotency_key_malformed"},

		{rule: "an emoji in the surname", by: named("lastName", "Ковалёв😀"), method: post, path: requests, body: lookup, status: 422, code: "invalid_fields", field: "applicant.name.family", why: "name_unsupported_character"},
		{rule: "a control character in the given name", by: named("firstName", "Анд\u0007рей"), method: post, path: requests, body: lookup, status: 422, code: "invalid_fields", field: "applicant.name.given", why: "name_control_character"},
		{rule: "an invisible character in the given name", by: named("firstName", "Анд\u200bрей"), method: post, path: requests, body: lookup, status: 422, code: "invalid_fields", field: "applicant.name.given", why: "name_control_character"},
		{rule: "a character that no font has in the patronymic", by: named("middleName", "王"), method: post, path: requests, body: lookup, status: 422, code: "invalid_fields", field: "applicant.name.patronymic", why: "name_unsupported_character"},
	})
}

func TestWhoCallsCronsJobsKeepsNobodyOutOfThem(t *testing.T) {
	s := newStage(t)
	anyone := s.anyone(t)
	jobs := []string{"/deadline-watch", "/audit-trail"}
	const each = 64 // as many as a process answers at a time
	answered := make(chan error, each*len(jobs))
	for _, job := range jobs {
		for range each {
			go func() {
				a, err := anyone.send(post, job, nil)
				if err == nil && a.status != http.StatusOK && a.status != http.StatusTooManyRequests { // of the crowd itself
					err = fmt.Errorf("%s answered %d: %s", a.to, a.status, a.body)
				}
				answered <- err
			}()
		}
	}
	for over, n := time.After(patience), 0; n < cap(answered); n++ {
		select {
		case err := <-answered:
			if err != nil {
				t.Error(err)
			}
		case <-over:
			t.Fatalf("%d calls are held", cap(answered)-n)
		}
	}
	s.as(t, "operator").get("/deadline-watch/dead-letters").is(http.StatusOK)
	s.as(t, "auditor").get("/audit-trail?partition=p000").is(http.StatusOK)
}
