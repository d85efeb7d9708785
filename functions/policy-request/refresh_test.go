package function_test

import (
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	handler "github.com/openfaas/templates-sdk/go-http"

	consenttoggle "polis/functions/consent-toggle"
	insuredregistry "polis/functions/insured-registry"
	policycard "polis/functions/policy-card"
	"polis/shared/access"
	applications "polis/shared/application"
	"polis/shared/functiontest"
	"polis/shared/policy"
	"polis/shared/server"
	"polis/shared/store"
)

// change has the register change a person's insurer, and answers with the event
// that asks for the copies.
func change(b *functiontest.Bench, cause string, who functiontest.Citizen, child, smo string, reason policy.Reason) functiontest.Queued {
	b.CallAs("smo-selection", insuredregistry.Name, "/changes", policy.Request{
		Cause: cause, Submitted: b.Now(), Applicant: who.Person, Child: child,
		Choice: &policy.Choice{SMO: smo, Reason: reason, Region: "26"},
	}).Expect(200, "")
	return b.Take(1)[0]
}

// shown is the insurer on the card, or the code of what stands in its way.
func shown(b *functiontest.Bench, token, who string) string {
	var card struct {
		Code    string
		Insurer struct{ SMO string }
		Clinic  *struct{ Name string }
	}
	b.Call("GET", policycard.Name, "/?person="+who, token, nil).JSON(&card)
	if card.Code == "" && card.Clinic != nil {
		return card.Insurer.SMO + " " + card.Clinic.Name
	}
	return card.Code + card.Insurer.SMO
}

func TestOnlyAFunctionRefreshesCopies(t *testing.T) {
	bench(t).OnlyFor(access.Function, name, "POST /refresh")
}

func TestACopyFollowsTheRegisterAndKeepsWhatWasAskedFor(t *testing.T) {
	for what, want := range map[string]string{`["policy"]`: "26001", `["policy","attachment"]`: "26001 Поликлиника № 1"} {
		b := bench(t)
		b.Import(functiontest.Row(maria.Person, "clinic", map[string]string{"name": "Поликлиника № 1"}))
		token := consenting(b, maria)
		submit(b, token, `{"kind":"lookup","what":`+what+`}`)
		b.Deliver(1)
		b.Advance(time.Hour)
		refresh := change(b, "application-1", maria, "", "26001", policy.ByRight)
		if got := shown(b, token, "self"); !strings.HasPrefix(got, "26002") {
			t.Fatalf("before it: %s", got)
		}
		for range 2 { // delivered again it changes nothing
			b.Send(refresh).Expect(200, "")
			if got := shown(b, token, "self"); got != want {
				t.Errorf("%s shows %q instead of %q", what, got, want)
			}
		}
	}
}

// kept is a document as it lies in the store, changed by the test into what an
// earlier version has left there.
func kept[T any](t *testing.T, b *functiontest.Bench, home string, doc store.Doc[T], change func(*T)) {
	t.Helper()
	state := store.Open(b.Env())
	t.Cleanup(func() { state.Close() })
	grant, err := access.Caller{Role: access.Function, Unit: name}.May(access.WorkApplication, "call")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := store.Change(t.Context(), state, grant.About(home), home, store.Once{}, []store.Ref{doc.Ref}, func(tx *store.Tx) (none struct{}, err error) {
		have, found, err := store.Get(tx.View, doc)
		if err != nil || !found {
			t.Fatalf("found %v, %v", found, err)
		}
		change(&have)
		return none, store.Put(tx, doc, have)
	}); err != nil {
		t.Fatal(err)
	}
}

func TestWhoNamesNoPartAsksForThePolicyAndTheClinic(t *testing.T) {
	for _, body := range []string{`{"kind":"lookup"}`, `{"kind":"lookup","what":null}`, `{"kind":"link","enp":"2656410837000318"}`} {
		b := bench(t)
		b.Import(functiontest.Row(maria.Person, "enp", "2656410837000318", "clinic", map[string]string{"name": "Поликлиника № 1"}))
		token := consenting(b, maria)
		a := submit(b, token, body)
		b.Deliver(1)
		if got := results(b, token, a.ID); !maps.Equal(got.Results, map[string]string{"policy": "shown", "attachment": "shown"}) {
			t.Errorf("%s: results %v", body, got.Results)
		}
		b.Send(change(b, "application-1", maria, "", "26001", policy.ByRight)).Expect(200, "")
		if got := shown(b, token, "self"); got != "26001 Поликлиника № 1" {
			t.Errorf("%s: after a change %q", body, got)
		}
	}
}

// An earlier version took an application that names no part, and what came of it
// told of none either.
func TestACopyFollowsTheRegisterWhateverIsKnownOfWhereItCameFrom(t *testing.T) {
	for rule, leave := range map[string]func(*applications.Application){
		"it was asked for without a part": func(a *applications.Application) { a.What, a.Results = nil, nil },
		"nothing tells":                   func(a *applications.Application) { a.Kind, a.What, a.Results = applications.Choose, nil, nil },
	} {
		b := bench(t)
		b.Import(functiontest.Row(maria.Person, "clinic", map[string]string{"name": "Поликлиника № 1"}),
			functiontest.Child(functiontest.Ilya, maria, functiontest.Pavel))
		token, father := consenting(b, maria), b.Token(functiontest.Pavel.Claims())
		var family struct{ Items []struct{ Person string } }
		b.Call("GET", policycard.Name, "/family", father, nil).Expect(200, "").JSON(&family)
		child := family.Items[1].Person
		b.Consent(father, child)
		for _, token := range []string{token, father} {
			body := map[bool]string{true: `{"kind":"lookup"}`, false: `{"kind":"lookup","person":"` + child + `"}`}[token != father]
			submit(b, token, body)
			work := b.Take(1)[0]
			b.Send(work).Expect(200, "")
			e := event(t, work)
			kept(t, b, e.Home, store.Application(e.Home, e.Subject), leave)
		}
		b.Send(change(b, "application-1", maria, "", "26001", policy.ByRight)).Expect(200, "")
		if got := shown(b, token, "self"); got != "26001 Поликлиника № 1" {
			t.Errorf("%s: shown %q", rule, got)
		}
		b.Send(change(b, "application-2", maria, child, "26001", policy.ByRight)).Expect(200, "")
		if got := shown(b, father, child); got != "26001" {
			t.Errorf("%s: the father sees %q", rule, got)
		}
		b.Call("POST", insuredregistry.Name, "/events", b.Token(functiontest.Claims{"sub": "2004", "roles": []access.Role{access.Fund}}), map[string]any{
			"kind": "representative_removed", "source_id": "court-1", "representative": functiontest.Pavel.Person.SNILS,
			"person": map[string]any{"snils": functiontest.Ilya.SNILS, "birth_date": functiontest.Ilya.Birth},
		}).Expect(202, "")
		b.Deliver(1)
		if got := shown(b, father, child); got != "policy_not_loaded" || copies(b) != 1 {
			t.Errorf("%s: who is no representative any more sees %q, %d copies", rule, got, copies(b))
		}
	}
}

// That of an earlier version does not say whether the clinic was asked for.
func TestACopyOfAnEarlierVersionKeepsTheClinicThatWasAskedFor(t *testing.T) {
	const clinic = "Поликлиника № 1"
	for _, tc := range []struct {
		rule, what string
		leave      func(*policy.Card)
		asks       string // after it
		want       string // after a change of the record
	}{
		{"it has one", `["policy","attachment"]`, func(c *policy.Card) { c.ClinicAsked = false }, `["services"]`, "26001 " + clinic},
		{"there was none", `["policy","attachment"]`, func(c *policy.Card) { c.ClinicAsked, c.Clinic = false, nil }, "", "26001 " + clinic},
		{"it was not asked for", `["policy"]`, func(*policy.Card) {}, "", "26001"},
	} {
		b := bench(t)
		b.Import(functiontest.Row(maria.Person, "clinic", map[string]string{"name": clinic}))
		token := consenting(b, maria)
		submit(b, token, `{"kind":"lookup","what":`+tc.what+`}`)
		work := b.Take(1)[0]
		b.Send(work).Expect(200, "")
		home := event(t, work).Home
		kept(t, b, home, store.Card(home, "self"), tc.leave)
		if tc.asks != "" {
			submit(b, token, `{"kind":"lookup","what":`+tc.asks+`}`)
			b.Deliver(1)
		}
		b.Send(change(b, "application-1", maria, "", "26001", policy.ByRight)).Expect(200, "")
		if got := shown(b, token, "self"); got != tc.want {
			t.Errorf("%s: %q", tc.rule, got)
		}
	}
}

func TestACopyThatNoApplicationLedToIsErased(t *testing.T) {
	b := bench(t)
	b.Import(functiontest.Row(maria.Person))
	token := consenting(b, maria)
	submit(b, token, `{"kind":"lookup"}`)
	b.Deliver(1)
	for _, key := range b.Redis.Keys() {
		if strings.HasPrefix(key, "applications:") {
			b.Redis.Del(key)
		}
	}
	b.Send(change(b, "application-1", maria, "", "26001", policy.ByRight)).Expect(200, "")
	if n := copies(b); n != 0 {
		t.Errorf("%d copies", n)
	}
}

// Which of two answers is the later the machine's clock tells: that of the law
// can be moved back.
func TestACopyFollowsTheRegisterWhenTheLawClockIsMovedBack(t *testing.T) {
	b := bench(t)
	b.Import(functiontest.Row(maria.Person))
	token := consenting(b, maria)
	submit(b, token, `{"kind":"lookup"}`)
	b.Deliver(1)
	b.Advance(-24 * time.Hour)
	b.Send(change(b, "application-1", maria, "", "26001", policy.ByRight)).Expect(200, "")
	if got := shown(b, token, "self"); got != "26001" {
		t.Errorf("shown: %s", got)
	}
}

func TestEachParentsCopyFollowsUnderItsOwnConsent(t *testing.T) {
	b := bench(t)
	b.Import(functiontest.Child(functiontest.Ilya, maria, functiontest.Pavel))
	tokens := map[string]string{"mother": b.Token(maria.Claims()), "father": b.Token(functiontest.Pavel.Claims())}
	var family struct{ Items []struct{ Person string } }
	b.Call("GET", policycard.Name, "/family", tokens["mother"], nil).Expect(200, "").JSON(&family)
	child := family.Items[1].Person
	for _, token := range tokens {
		b.Consent(token, child)
		submit(b, token, `{"kind":"lookup","person":"`+child+`"}`)
		b.Deliver(1)
	}
	b.Call("POST", consenttoggle.Name, "/", tokens["father"], `{"operator":"ffoms","person":"`+child+`","action":"revoke","reason":"-"}`).Expect(200, "")
	b.Send(change(b, "application-1", maria, child, "26001", policy.ByRight)).Expect(200, "")
	if got := shown(b, tokens["mother"], child); got != "26001" {
		t.Errorf("the mother sees %s", got)
	}
	if got := shown(b, tokens["father"], child); got != "consent_required" || copies(b) != 1 {
		t.Errorf("the father, who revoked, sees %s; %d copies", got, copies(b))
	}
	// At 18 the copies of the parents end.
	b.SetClock(time.Date(2037, time.September, 1, 12, 0, 0, 0, time.UTC))
	refresh := change(b, "application-2", maria, child, "26006", policy.ByRight)
	b.Advance(24 * time.Hour)
	b.Send(refresh).Expect(200, "")
	forgets(t, b)
	if n, left := copies(b), tied(t, b); n != 0 || len(left) != 0 {
		t.Errorf("%d copies are left at 18, tied %q", n, left)
	}
}

// tied are the accounts that are found by a record that they may have a copy of.
func tied(t *testing.T, b *functiontest.Bench) (accounts []string) {
	t.Helper()
	for _, key := range b.Redis.Keys() {
		if strings.HasPrefix(key, "copies:") {
			found, err := b.Redis.Members(key)
			if err != nil {
				t.Fatal(err)
			}
			accounts = append(accounts, found...)
		}
	}
	return accounts
}

// forgets does what the agenda has of accounts to be forgotten.
func forgets(t *testing.T, b *functiontest.Bench) {
	t.Helper()
	for _, key := range b.Redis.Keys() {
		if !strings.HasPrefix(key, "agenda:") {
			continue
		}
		members, err := b.Redis.ZMembers(key)
		if err != nil {
			t.Fatal(err)
		}
		for _, member := range members {
			if f := strings.Fields(member); f[0] == store.TopicForget {
				b.CallAs("deadline-watch", name, "/forget", store.Event{Topic: f[0], Home: f[1], Subject: f[2]}).Expect(200, "")
			}
		}
	}
}

// refreshes are how often the holder is told that a copy was brought up to date.
func refreshes(b *functiontest.Bench, token string) (n int) {
	var told struct {
		Items []struct{ Action access.Action }
	}
	b.Call("GET", policycard.Name, "/access?limit=100", token, nil).Expect(200, "").JSON(&told)
	for _, i := range told.Items {
		if i.Action == access.RefreshCopy {
			n++
		}
	}
	return n
}

func TestAfterARevocationNothingIsBroughtUpToDateNorToldSo(t *testing.T) {
	for rule, leave := range map[string]func(b *functiontest.Bench, key string, accounts []string){
		"the account is forgotten": func(*functiontest.Bench, string, []string) {},
		"or found in vain":         func(b *functiontest.Bench, key string, accounts []string) { b.Redis.SAdd(key, accounts...) },
	} {
		b := bench(t)
		b.Import(functiontest.Row(maria.Person))
		token := consenting(b, maria)
		submit(b, token, `{"kind":"lookup"}`)
		b.Deliver(1)
		before := tied(t, b)
		key := b.Redis.Keys()[slices.IndexFunc(b.Redis.Keys(), func(key string) bool { return strings.HasPrefix(key, "copies:") })]
		b.Call("POST", consenttoggle.Name, "/", token, `{"operator":"mincifry","action":"revoke","reason":"-"}`).Expect(200, "")
		forgets(t, b)
		if left := tied(t, b); len(before) != 1 || len(left) != 0 {
			t.Errorf("%s: tied before %q, after the revocation %q", rule, before, left)
		}
		leave(b, key, before)
		// What is under way shows nothing, or no more.
		b.Call("POST", name, "/", token, `{"kind":"register","region":"26"}`).Expect(202, "")
		b.Take(1)
		refresh := change(b, "application-1", maria, "", "26001", policy.ByRight)
		b.Send(refresh).Expect(200, "")
		if n, left := refreshes(b, token), tied(t, b); n != 0 || len(left) != 0 {
			t.Errorf("%s: told of %d refreshes, tied %q", rule, n, left)
		}
		b.Advance(10 * time.Minute)
		b.Call("POST", consenttoggle.Name, "/", token, `{"operator":"mincifry","action":"grant"}`).Expect(200, "")
		submit(b, token, `{"kind":"lookup"}`)
		b.Deliver(1)
		b.Send(refresh).Expect(200, "")
		if n := refreshes(b, token); n == 0 || len(tied(t, b)) != 1 {
			t.Errorf("%s: of a copy made again %d refreshes are told, tied %q", rule, n, tied(t, b))
		}
	}
}

func TestAConsentRevokedWhileTheCopyIsRefreshedLeavesNothingBehind(t *testing.T) {
	revoke := func(b *functiontest.Bench, token string) {
		b.Call("POST", consenttoggle.Name, "/", token, `{"operator":"ffoms","action":"revoke","reason":"-"}`).Expect(200, "")
	}
	for rule, then := range map[string]func(*functiontest.Bench, string){
		"revoked": func(*functiontest.Bench, string) {},
		"and granted again": func(b *functiontest.Bench, token string) {
			b.Advance(10 * time.Minute)
			b.Call("POST", consenttoggle.Name, "/", token, `{"operator":"ffoms","action":"grant"}`).Expect(200, "")
		},
	} {
		b := bench(t)
		b.Import(functiontest.Row(maria.Person))
		token := consenting(b, maria)
		submit(b, token, `{"kind":"lookup"}`)
		b.Deliver(1)
		refresh := change(b, "application-1", maria, "", "26001", policy.ByRight)
		real := b.Run(insuredregistry.Name, insuredregistry.New)
		asked := 0
		b.Put(insuredregistry.Name, functiontest.Handler(func(r handler.Request) (handler.Response, error) {
			res, err := real.Handle(r)
			if asked++; asked == 1 {
				revoke(b, token)
				then(b, token)
			}
			return res, err
		}))
		b.Send(refresh).Expect(200, "")
		forgets(t, b)
		if n, left := copies(b), tied(t, b); n != 0 || len(left) != 0 || asked != 1 {
			t.Errorf("%s: %d copies are left, tied %q, the register was asked %d times", rule, n, left, asked)
		}
	}
}

func TestASilentRegisterLeavesTheCopyAndTheEvent(t *testing.T) {
	b := bench(t)
	b.Import(functiontest.Row(maria.Person))
	token := consenting(b, maria)
	submit(b, token, `{"kind":"lookup"}`)
	b.Deliver(1)
	refresh := change(b, "application-1", maria, "", "26001", policy.ByRight)
	b.Put(insuredregistry.Name, nil)
	b.Send(refresh).Expect(503, "insured_registry_unavailable")
	if got := shown(b, token, "self"); got != "26002" {
		t.Errorf("meanwhile %s", got)
	}
	b.Run(insuredregistry.Name, insuredregistry.New)
	b.Send(refresh).Expect(200, "")
	if got := shown(b, token, "self"); got != "26001" {
		t.Errorf("afterwards %s", got)
	}
}

func TestWhoHasNoCopyIsGivenNone(t *testing.T) {
	b := bench(t)
	b.Import(functiontest.Row(maria.Person))
	consenting(b, maria) // and asks for nothing
	b.Send(change(b, "application-1", maria, "", "26001", policy.ByRight)).Expect(200, "")
	if n := copies(b); n != 0 {
		t.Errorf("%d copies", n)
	}
}

func TestANewCopyMissesNoChangeMadeWhileItWasAskedFor(t *testing.T) {
	for _, tc := range []struct {
		before bool // the account had a copy, and its holder revoked and consented again
		answer int  // of the register, after which the change comes with its refresh
	}{{false, 1}, {false, 2}, {true, 1}} {
		b := bench(t)
		b.Import(functiontest.Row(maria.Person))
		token := consenting(b, maria)
		if tc.before {
			submit(b, token, `{"kind":"lookup"}`)
			b.Deliver(1)
			b.Call("POST", consenttoggle.Name, "/", token, `{"operator":"ffoms","action":"revoke","reason":"-"}`).Expect(200, "")
			b.Advance(10 * time.Minute)
			b.Call("POST", consenttoggle.Name, "/", token, `{"operator":"ffoms","action":"grant"}`).Expect(200, "")
		}
		submit(b, token, `{"kind":"lookup"}`)
		work := b.Take(1)[0]
		real, answers := b.Run(insuredregistry.Name, insuredregistry.New), 0
		b.Put(insuredregistry.Name, functiontest.Handler(func(r handler.Request) (handler.Response, error) {
			answer, err := real.Handle(r)
			if server.Path(r.Context()) == "/find" {
				if answers++; answers == tc.answer {
					b.Send(change(b, "application-1", maria, "", "26001", policy.ByRight)).Expect(200, "")
				}
			}
			return answer, err
		}))
		b.Send(work).Expect(200, "")
		if got := shown(b, token, "self"); got != "26001" {
			t.Errorf("%+v: shows %q", tc, got)
		}
	}
}

func TestACopyIsCutByTheClockOfTheRegionOfInsurance(t *testing.T) {
	b := bench(t)
	b.SetClock(time.Date(2026, time.March, 10, 18, 0, 0, 0, time.UTC)) // 11 March, 06:00 in Kamchatka
	b.Import(functiontest.Row(maria.Person, "region", "41", "insurer", "41002"))
	token := consenting(b, maria)
	submit(b, token, `{"kind":"lookup"}`)
	b.Deliver(1)
	b.CallAs("smo-selection", insuredregistry.Name, "/changes", policy.Request{
		Cause: "application-1", Submitted: b.Now(), Applicant: maria.Person, Choice: &policy.Choice{SMO: "41001", Reason: policy.ByRight, Region: "41"},
	}).Expect(200, "")
	b.Deliver(1)
	if got := shown(b, token, "self"); got != "41001" {
		t.Errorf("whoever has just chosen sees %s", got)
	}
	token = consenting(b, anna)
	for _, body := range []string{`{"kind":"register","region":"41","smo":"41001"}`, `{"kind":"lookup"}`} {
		submit(b, token, body)
		b.Deliver(1)
	}
	if got := shown(b, token, "self"); got != "41001" {
		t.Errorf("whoever has a first policy sees %s", got)
	}
}
