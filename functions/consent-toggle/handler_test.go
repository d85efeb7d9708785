package function_test

import (
	"strings"
	"testing"
	"time"

	consenttoggle "polis/functions/consent-toggle"
	insuredregistry "polis/functions/insured-registry"
	policyrequest "polis/functions/policy-request"
	"polis/shared/access"
	"polis/shared/functiontest"
)

const name = consenttoggle.Name

type item struct {
	Operator     string
	OperatorName string `json:"operator_name"`
	Person       string
	Status       string
	Since, From  time.Time
	Receipt      string
	Reason       string
}

func bench(t *testing.T) *functiontest.Bench {
	b := functiontest.New(t)
	b.Run(name, consenttoggle.New)
	b.Run(insuredregistry.Name, insuredregistry.New)
	return b
}

func toggle(b *functiontest.Bench, token, operator, action string, header ...string) functiontest.Response {
	body := map[string]string{"operator": operator, "action": action}
	if action == "revoke" {
		body["reason"] = "Передумала"
	}
	return b.Call("POST", name, "/", token, body, header...)
}

func read(r functiontest.Response) (i item) {
	r.Expect(200, "").JSON(&i)
	return i
}

func consents(b *functiontest.Bench, token string) (l struct{ Items, History []item }) {
	b.Call("GET", name, "/", token, nil).Expect(200, "").JSON(&l)
	return l
}

func TestNewNamesEverythingMissingAtOnce(t *testing.T) {
	functiontest.MissingIsNamed(t, consenttoggle.New, append(functiontest.Stateful, "gateway_url")...)
}

func TestOnlyConfirmedCitizensHaveConsents(t *testing.T) {
	bench(t).OnlyFor(access.Citizen, name, "GET /", "POST /", "GET /receipts/x")
}

func TestEveryWrongFieldIsNamed(t *testing.T) {
	b := bench(t)
	token := b.Token(functiontest.Maria.Claims())
	for rule, tc := range map[string]struct {
		body   string
		fields map[string]string
	}{
		"all of them at once":           {`{}`, map[string]string{"operator": "operator_unknown", "action": "action_unknown"}},
		"an operator there is not":      {`{"operator":"fss","action":"grant"}`, map[string]string{"operator": "operator_unknown"}},
		"revoking needs a reason":       {`{"operator":"ffoms","action":"revoke","reason":" "}`, map[string]string{"reason": "required"}},
		"a reason has an end":           {`{"operator":"ffoms","action":"revoke","reason":"` + strings.Repeat("я", 501) + `"}`, map[string]string{"reason": "too_long"}},
		"a reason can be printed":       {`{"operator":"ffoms","action":"revoke","reason":"a\u0000"}`, map[string]string{"reason": "control_character"}},
		"a reason turns no line round":  {`{"operator":"ffoms","action":"revoke","reason":"a\u202eb"}`, map[string]string{"reason": "control_character"}},
		"a reason hides nothing":        {`{"operator":"ffoms","action":"revoke","reason":"a\u200bb"}`, map[string]string{"reason": "control_character"}},
		"granting needs no reason":      {`{"operator":"ffoms","action":"grant","reason":"x"}`, map[string]string{"reason": "not_expected"}},
		"a field that nobody asked for": {`{"operator":"ffoms","action":"grant","epoch":1}`, map[string]string{"epoch": "unknown_field"}},
		"a value of another type":       {`{"operator":1,"action":"grant"}`, map[string]string{"operator": "wrong_type"}},
	} {
		res := b.Call("POST", name, "/", token, tc.body).Expect(422, "invalid_fields")
		if got := res.Fields(); len(got) != len(tc.fields) || func() bool {
			for f, code := range tc.fields {
				if got[f] != code {
					return true
				}
			}
			return false
		}() {
			t.Errorf("%s: names %v instead of %v", rule, got, tc.fields)
		}
	}
	b.Call("POST", name, "/", token, `{"operator":`).Expect(400, "malformed_json")
	if l := consents(b, token); len(l.History) != 0 {
		t.Errorf("left %+v", l.History)
	}
}

func TestTheConsentsOneNeedsAreListedBeforeTheyAreGiven(t *testing.T) {
	b := bench(t)
	l := consents(b, b.Token(functiontest.Maria.Claims()))
	if len(l.Items) != 2 || l.Items[0].Operator != "ffoms" || l.Items[1].Operator != "mincifry" || len(l.History) != 0 {
		t.Fatalf("%+v", l)
	}
	for _, i := range l.Items {
		if i.Status != "none" || i.Person != "self" || i.OperatorName == "" {
			t.Errorf("%+v", i)
		}
	}
}

func TestAGrantedConsentHasAReceiptThatSaysWhatWasAgreedTo(t *testing.T) {
	b := bench(t)
	token := b.Token(functiontest.Maria.Claims())
	given := read(toggle(b, token, "ffoms", "grant"))
	if given.Status != "granted" || !given.Since.Equal(functiontest.Begin) || given.Receipt == "" {
		t.Fatalf("%+v", given)
	}
	var receipt struct {
		Consent                                           item
		Subject, Purpose, Data, Actions, Term, Withdrawal string
		TermsVersion                                      string `json:"terms_version"`
	}
	b.Call("GET", name, "/receipts/"+given.Receipt, token, nil).Expect(200, "").JSON(&receipt)
	for what, text := range map[string]string{
		"version": receipt.TermsVersion, "purpose": receipt.Purpose, "data": receipt.Data, "actions": receipt.Actions,
		"term": receipt.Term, "withdrawal": receipt.Withdrawal,
	} {
		if text == "" {
			t.Errorf("the receipt lacks the %s", what)
		}
	}
	if receipt.Consent != given || receipt.Subject != "Соловьёва Мария Петровна" {
		t.Errorf("%+v", receipt)
	}
	b.Call("GET", name, "/receipts/"+given.Receipt, b.Token(functiontest.Anna.Claims()), nil).Expect(404, "receipt_not_found")
}

func TestAConsentInForceStaysAsItIs(t *testing.T) {
	b := bench(t)
	token := b.Token(functiontest.Maria.Claims())
	given := read(toggle(b, token, "ffoms", "grant"))
	b.Advance(time.Hour)
	if again := read(toggle(b, token, "ffoms", "grant")); again != given {
		t.Errorf("%+v became %+v", given, again)
	}
	if l := consents(b, token); len(l.History) != 1 {
		t.Errorf("%+v", l.History)
	}
}

func TestRevokedIsGrantedAgainOnlyAfterTheWait(t *testing.T) {
	b := bench(t)
	token := b.Token(functiontest.Maria.Claims())
	toggle(b, token, "ffoms", "revoke").Expect(409, "consent_not_granted")
	read(toggle(b, token, "ffoms", "grant"))
	revoked := read(toggle(b, token, "ffoms", "revoke"))
	if revoked.Status != "revoked" || revoked.Reason != "Передумала" {
		t.Fatalf("%+v", revoked)
	}
	from := functiontest.Begin.Add(10 * time.Minute)
	if listed := consents(b, token); !revoked.From.Equal(from) || !listed.Items[0].From.Equal(from) || !listed.Items[1].From.IsZero() || !listed.History[0].From.IsZero() {
		t.Errorf("%+v, then %+v", revoked, listed)
	}
	b.Advance(10*time.Minute - time.Second)
	if early := toggle(b, token, "ffoms", "grant").Expect(409, "consent_waiting"); early.From != functiontest.Begin.Add(10*time.Minute).Format(time.RFC3339) {
		t.Errorf("allowed from %q", early.From)
	}
	toggle(b, token, "mincifry", "grant").Expect(200, "")
	b.Advance(time.Second)
	if listed := consents(b, token); !listed.Items[0].From.IsZero() {
		t.Errorf("%+v", listed)
	}
	if again := read(toggle(b, token, "ffoms", "grant")); again.Status != "granted" || again.Reason != "" {
		t.Errorf("%+v", again)
	}
	var told []string
	for _, h := range consents(b, token).History {
		told = append(told, h.Operator+" "+h.Status)
	}
	if got := strings.Join(told, ", "); got != "ffoms granted, mincifry granted, ffoms revoked, ffoms granted" {
		t.Errorf("history, newest first: %s", got)
	}
}

func TestTheWaitIsASetting(t *testing.T) {
	b := functiontest.New(t)
	b.Run(name, consenttoggle.New, "consent_wait", "15m")
	token := b.Token(functiontest.Maria.Claims())
	read(toggle(b, token, "ffoms", "grant"))
	read(toggle(b, token, "ffoms", "revoke"))
	b.Advance(14 * time.Minute)
	toggle(b, token, "ffoms", "grant").Expect(409, "consent_waiting")
}

func TestRevokingErasesTheCopyAtOnceAndLeavesTheRegister(t *testing.T) {
	b := bench(t)
	b.Run(policyrequest.Name, policyrequest.New)
	b.Import(functiontest.Row(functiontest.Maria.Person))
	token := b.Token(functiontest.Maria.Claims())
	b.Consent(token, "self")
	b.Call("POST", policyrequest.Name, "/", token, `{"kind":"lookup"}`).Expect(202, "")
	b.Deliver(1)
	if copies(b) != 1 {
		t.Fatal("the lookup made no copy")
	}
	read(toggle(b, token, "mincifry", "revoke"))
	if copies(b) != 0 {
		t.Error("the copy or its key is still there")
	}
	var found struct{ Card any }
	b.CallAs("policy-request", insuredregistry.Name, "/find", map[string]any{"applicant": functiontest.Maria.Person}).Expect(200, "").JSON(&found)
	if found.Card == nil {
		t.Error("the register has lost the record")
	}
}

// copies counts the copies of policies, and demands that each has its key.
func copies(b *functiontest.Bench) int {
	cards, keys := 0, 0
	for _, key := range b.Redis.Keys() {
		if strings.HasPrefix(key, "card:") {
			cards++
		}
		if strings.HasPrefix(key, "key:") && strings.HasSuffix(key, ":self") {
			keys++
		}
	}
	return max(cards, keys)
}

func TestARetriedRequestIsAnsweredAsTheFirst(t *testing.T) {
	b := bench(t)
	token, key := b.Token(functiontest.Maria.Claims()), []string{"Idempotency-Key", "k1"}
	first := toggle(b, token, "ffoms", "grant", key...).Expect(200, "")
	toggle(b, token, "ffoms", "revoke").Expect(200, "")
	b.Advance(time.Hour)
	if again := toggle(b, token, "ffoms", "grant", key...).Expect(200, ""); string(again.Body) != string(first.Body) {
		t.Errorf("%s became %s", first.Body, again.Body)
	}
	if status := consents(b, token).Items[0].Status; status != "revoked" {
		t.Errorf("a late repetition of the grant made it %s", status)
	}
	toggle(b, token, "mincifry", "grant", key...).Expect(422, "idempotency_key_reused")
	toggle(b, b.Token(functiontest.Anna.Claims()), "mincifry", "grant", key...).Expect(200, "")
	toggle(b, token, "mincifry", "grant", "Idempotency-Key", "a b").Expect(422, "invalid_fields")
}

func TestOnlyARepresentativeConsentsForAChild(t *testing.T) {
	b := bench(t)
	b.Import(functiontest.Child(functiontest.Ilya, functiontest.Maria))
	mother, stranger := b.Token(functiontest.Maria.Claims()), b.Token(functiontest.Anna.Claims())
	var children struct{ Items []struct{ ID string } }
	b.CallAs("policy-card", insuredregistry.Name, "/children", map[string]any{"applicant": functiontest.Maria.Person}).Expect(200, "").JSON(&children)
	child := children.Items[0].ID
	ask := func(token, operator, action, reason string) functiontest.Response {
		return b.Call("POST", name, "/", token, map[string]string{"operator": operator, "person": child, "action": action, "reason": reason})
	}
	ask(stranger, "ffoms", "grant", "").Expect(404, "person_not_found")
	ask(mother, "mincifry", "grant", "").Expect(409, "consent_not_needed")
	ask(mother, "ffoms", "grant", "").Expect(200, "")
	if l := consents(b, mother); len(l.Items) != 3 || l.Items[2].Person != child || l.Items[2].Status != "granted" {
		t.Errorf("%+v", l.Items)
	}
	if l := consents(b, stranger); len(l.Items) != 2 || len(l.History) != 0 {
		t.Errorf("a stranger sees %+v", l)
	}
	b.Put(insuredregistry.Name, nil)
	ask(stranger, "ffoms", "grant", "").Expect(503, "insured_registry_unavailable")
	ask(stranger, "ffoms", "revoke", "Передумала").Expect(409, "consent_not_granted")
	// To revoke needs nobody's leave, and so nobody's answer.
	ask(mother, "ffoms", "revoke", "Передумала").Expect(200, "")
}

func TestWhileTheStoreIsAwayNothingIsRefusedForGood(t *testing.T) {
	b := bench(t)
	token := b.Token(functiontest.Maria.Claims())
	b.Redis.Close()
	toggle(b, token, "ffoms", "grant").Expect(503, "store_unavailable")
	b.Call("GET", name, "/", token, nil).Expect(503, "store_unavailable")
	if err := b.Redis.Restart(); err != nil {
		t.Fatal(err)
	}
	toggle(b, token, "ffoms", "grant").Expect(200, "")
}
