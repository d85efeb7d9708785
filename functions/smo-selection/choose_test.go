package function

import (
	"encoding/json"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	handler "github.com/openfaas/templates-sdk/go-http"

	consenttoggle "polis/functions/consent-toggle"
	insuredregistry "polis/functions/insured-registry"
	notify "polis/functions/notify"
	policyrequest "polis/functions/policy-request"
	"polis/shared/access"
	"polis/shared/calendar"
	"polis/shared/functiontest"
	"polis/shared/policy"
	"polis/shared/store"
)

var maria, pavel, anna, ilya = functiontest.Maria, functiontest.Pavel, functiontest.Anna, functiontest.Ilya

// register is a bench with the register; of the events of a choice only its own
// work is queued.
func register(t *testing.T) *functiontest.Bench {
	b := newBench(t)
	b.Run(insuredregistry.Name, insuredregistry.New)
	return b
}

// family puts a child on record whose insurer is the fund, and answers with its
// id.
func family(b *functiontest.Bench) string {
	row := functiontest.Child(ilya, maria, pavel)
	row["insurer"] = ""
	b.Import(row)
	var list struct{ Items []policy.Child }
	b.CallAs("policy-card", insuredregistry.Name, "/children", policy.Question{Applicant: maria.Person}).Expect(200, "").JSON(&list)
	return list.Items[0].ID
}

type applied struct {
	ID, Number, Kind, Person, Status, Text, Region, SMO, Reason string
	Submitted, Due                                              time.Time
	Reasons                                                     []struct{ Field, Code, Detail string }
	Timeline                                                    []struct{ Status, Detail string }
}

type body map[string]any

func choose(b *functiontest.Bench, token string, q body) (a applied) {
	b.Call("POST", Name, "/", token, q).Expect(202, "").JSON(&a)
	return a
}

// follow reads the application where all are read.
func follow(b *functiontest.Bench, token, id string) (a applied) {
	b.Run(policyrequest.Name, policyrequest.New)
	b.Call("GET", policyrequest.Name, "/"+id, token, nil).Expect(200, "").JSON(&a)
	b.Put(policyrequest.Name, nil)
	return a
}

// insurer that the register has.
func insurerOf(b *functiontest.Bench, who functiontest.Citizen, child string) string {
	var f policy.Finding
	b.CallAs("policy-request", insuredregistry.Name, "/find", policy.Question{Applicant: who.Person, Child: child}).Expect(200, "").JSON(&f)
	return f.Card.Insurance.SMO
}

// work delivers the one step of a choice, and lets the register's own events go.
func work(b *functiontest.Bench) {
	for _, q := range b.Take(1) {
		b.Send(q).Expect(200, "")
	}
}

// quietly loses the events that follow a change, for stories of the choice alone.
func quietly(b *functiontest.Bench) *functiontest.Bench {
	b.Lose("notify/changes")
	b.Lose("policy-request/refresh")
	return b
}

func TestChoosingIsForConfirmedCitizensAndTheQueue(t *testing.T) {
	b := register(t)
	b.OnlyFor(access.Citizen, Name, "POST /", "GET /allowed")
	b.OnlyFor(access.Function, Name, "POST /work")
}

func TestEveryWrongFieldOfAChoiceIsNamed(t *testing.T) {
	b := register(t)
	b.Import(functiontest.Row(maria.Person))
	token := b.Token(maria.Claims())
	for rule, tc := range map[string]struct {
		change body
		want   string
	}{
		"no insurer":                 {body{"smo": ""}, "smo required"},
		"four digits":                {body{"smo": "2600"}, "smo smo_wrong"},
		"letters":                    {body{"smo": "26О01"}, "smo smo_wrong"},
		"nobody's code":              {body{"smo": "26999"}, "smo smo_unknown"},
		"no reason":                  {body{"reason": ""}, "reason reason_unknown"},
		"another reason":             {body{"reason": "because"}, "reason reason_unknown"},
		"no such region":             {body{"region": "00"}, "region region_unknown"},
		"an address without a move":  {body{"address": "ул. Мира, 1"}, "address not_expected"},
		"a day without a move":       {body{"moved": "2026-03-01"}, "moved not_expected"},
		"a move without its address": {body{"reason": "move", "smo": "77004", "region": "77", "moved": "2026-03-01"}, "address required"},
		"a move without its day":     {body{"reason": "move", "smo": "77004", "region": "77", "address": "ул. Мира, 1"}, "moved required"},
		"a move to come":             {body{"reason": "move", "smo": "77004", "region": "77", "address": "ул. Мира, 1", "moved": "2026-03-11"}, "moved date_in_future"},
		"an address that is none":    {body{"reason": "move", "smo": "77004", "region": "77", "address": "🏠 1", "moved": "2026-03-01"}, "address address_wrong"},
		"a move before the birth":    {body{"reason": "move", "smo": "77004", "region": "77", "address": "ул. Мира, 1", "moved": "1899-12-31"}, "moved date_wrong"},
		"an endless address":         {body{"reason": "move", "smo": "77004", "region": "77", "address": strings.Repeat("я", 301), "moved": "2026-03-01"}, "address too_long"},
		"all at once":                {body{"smo": "x", "reason": "x", "moved": "2026-03-01"}, "moved not_expected, reason reason_unknown, smo smo_wrong"},
	} {
		q := body{"smo": "26001", "reason": "by_right", "region": "26"}
		maps.Copy(q, tc.change)
		fields := b.Call("POST", Name, "/", token, q).Expect(422, "invalid_fields").Fields()
		var named []string
		for field, code := range fields {
			named = append(named, field+" "+code)
		}
		slices.Sort(named)
		if got := strings.Join(named, ", "); got != tc.want {
			t.Errorf("%s: %q instead of %q", rule, got, tc.want)
		}
	}
	b.Take(0)
}

func TestAChoiceIsGrantedByRuleAndASecondOneRefusedUntilJanuary(t *testing.T) {
	b := quietly(register(t))
	b.Import(functiontest.Row(maria.Person))
	token := b.Token(maria.Claims())
	a := choose(b, token, body{"smo": "26001", "reason": "by_right", "region": "26"})
	// Submitted on Tuesday, 10 March: three working days end with Friday in Stavropol.
	if want := time.Date(2026, time.March, 13, 20, 59, 59, 0, time.UTC); a.Kind != "choose" || a.Status != "submitted" || a.SMO != "26001" ||
		a.Reason != "by_right" || a.Person != "self" || !a.Due.Equal(want) || !a.Submitted.Equal(functiontest.Begin) {
		t.Errorf("%+v", a)
	}
	work(b)
	if a = follow(b, token, a.ID); a.Status != "granted" || len(a.Timeline) != 2 {
		t.Errorf("%+v", a)
	}
	if got := insurerOf(b, maria, ""); got != "26001" {
		t.Errorf("the register has %s", got)
	}
	if res := b.Call("POST", Name, "/", token, body{"smo": "26002", "reason": "by_right", "region": "26"}).Expect(409, "insurer_changed_this_year"); res.From != "2027-01-01" {
		t.Errorf("from %q", res.From)
	}
	b.Take(0)
}

func TestTheTermOfAChoiceIsASetting(t *testing.T) {
	b := register(t)
	b.Run(Name, New, "choice_term", "5")
	b.Import(functiontest.Row(maria.Person))
	a := choose(b, b.Token(maria.Claims()), body{"smo": "26001", "reason": "by_right"})
	if want := time.Date(2026, time.March, 17, 20, 59, 59, 0, time.UTC); !a.Due.Equal(want) || a.Region != "26" {
		t.Errorf("%+v", a)
	}
	if _, err := New(functiontest.New(t).Env("choice_term", "0")); err == nil || !strings.Contains(err.Error(), "choice_term") {
		t.Errorf("%v", err)
	}
}

func TestWhatTheLawForbidsIsRefusedAtOnceAndLeavesNoApplication(t *testing.T) {
	b := register(t)
	b.Import(functiontest.Row(maria.Person))
	token := b.Token(maria.Claims())
	for code, tc := range map[string]struct {
		q       body
		suggest string
	}{
		"insurance_in_force":        {body{"smo": "26001", "reason": "first", "region": "26"}, "by_right"},
		"insurer_of_other_region":   {body{"smo": "77004", "reason": "by_right", "region": "77"}, "move"},
		"insurer_not_in_force":      {body{"smo": "26003", "reason": "by_right", "region": "26"}, ""},
		"insurer_is_the_same":       {body{"smo": "26002", "reason": "by_right", "region": "26"}, ""},
		"move_within_region":        {body{"smo": "26001", "reason": "move", "region": "26", "address": "ул. Мира, 1", "moved": "2026-03-01"}, "by_right"},
		"insurer_contract_in_force": {body{"smo": "26001", "reason": "contract_ended", "region": "26"}, "by_right"},
	} {
		if res := b.Call("POST", Name, "/", token, tc.q).Expect(409, code); res.Suggest != tc.suggest {
			t.Errorf("%s suggests %q", code, res.Suggest)
		}
	}
	b.Call("POST", Name, "/", b.Token(anna.Claims()), body{"smo": "26001", "reason": "first", "region": "26"}).Expect(409, "not_in_register")
	b.Take(0)
}

func TestAMoveTakesAnotherRegionsInsurerAtAnyTimeOfTheYear(t *testing.T) {
	b := quietly(register(t))
	b.Import(functiontest.Row(maria.Person))
	b.SetClock(time.Date(2026, time.December, 1, 9, 0, 0, 0, time.UTC))
	token := b.Token(maria.Claims())
	a := choose(b, token, body{"smo": "77012", "reason": "move", "region": "77", "address": " г. Москва,  ул. Мира, 1 ", "moved": "2026-11-20"})
	work(b)
	if a = follow(b, token, a.ID); a.Status != "granted" || a.Region != "77" {
		t.Errorf("%+v", a)
	}
	if got := insurerOf(b, maria, ""); got != "77012" {
		t.Errorf("the register has %s", got)
	}
}

func TestWhoseInsurersContractEndedChoosesAnotherAtAnyTimeOfTheYear(t *testing.T) {
	b := quietly(register(t))
	b.Import(functiontest.Row(maria.Person, "insurer", "26003")) // of a contract that has ended
	b.SetClock(time.Date(2026, time.December, 1, 9, 0, 0, 0, time.UTC))
	token := b.Token(maria.Claims())
	var may struct {
		Allowed bool
		Reason  string
	}
	b.Call("GET", Name, "/allowed", token, nil).Expect(200, "").JSON(&may)
	if !may.Allowed || may.Reason != "contract_ended" {
		t.Errorf("%+v", may)
	}
	a := choose(b, token, body{"smo": "26001", "reason": "contract_ended", "region": "26"})
	work(b)
	if a = follow(b, token, a.ID); a.Status != "granted" {
		t.Errorf("%+v", a)
	}
	if got := insurerOf(b, maria, ""); got != "26001" {
		t.Errorf("the register has %s", got)
	}
}

func TestADoubleClickIsOneChoiceAndARetriedRequestIsAnsweredAsTheFirst(t *testing.T) {
	b := quietly(register(t))
	b.Import(functiontest.Row(maria.Person))
	token, q := b.Token(maria.Claims()), body{"smo": "26001", "reason": "by_right", "region": "26"}
	var first, again applied
	b.Call("POST", Name, "/", token, q, "Idempotency-Key", "k1").Expect(202, "").JSON(&first)
	if second := choose(b, token, q); second.ID != first.ID {
		t.Errorf("a second click made %s beside %s", second.ID, first.ID)
	}
	work(b)
	// The law would refuse it by now; it is the same request.
	b.Call("POST", Name, "/", token, q, "Idempotency-Key", "k1").Expect(202, "").JSON(&again)
	if again.ID != first.ID {
		t.Errorf("sent again it made %s beside %s", again.ID, first.ID)
	}
	b.Call("POST", Name, "/", token, body{"smo": "26002", "reason": "by_right", "region": "26"}, "Idempotency-Key", "k1").Expect(422, "idempotency_key_reused")
	b.Take(0)
}

func TestWorkDeliveredAgainChangesNothing(t *testing.T) {
	b := quietly(register(t))
	b.Import(functiontest.Row(maria.Person))
	token := b.Token(maria.Claims())
	a := choose(b, token, body{"smo": "26001", "reason": "by_right", "region": "26"})
	queued := b.Take(1)[0]
	for range 3 {
		b.Send(queued).Expect(200, "")
	}
	if a = follow(b, token, a.ID); a.Status != "granted" || len(a.Timeline) != 2 {
		t.Errorf("%+v", a)
	}
}

func TestAChoiceMadeWhileTheRegisterIsSilentIsGrantedLaterByTheLawOfItsMoment(t *testing.T) {
	b := quietly(register(t))
	b.Import(functiontest.Row(maria.Person))
	b.SetClock(time.Date(2026, time.November, 1, 20, 59, 0, 0, time.UTC)) // 23:59 in Stavropol
	b.Put(insuredregistry.Name, nil)
	token := b.Token(maria.Claims())
	a := choose(b, token, body{"smo": "26001", "reason": "by_right", "region": "26"})
	queued := b.Take(1)[0]
	b.Send(queued).Expect(200, "")
	if a = follow(b, token, a.ID); a.Status != "working" || len(a.Reasons) != 0 {
		t.Errorf("while it is silent: %+v", a)
	}
	b.Advance(time.Hour)
	b.Run(insuredregistry.Name, insuredregistry.New)
	var e store.Event
	if err := json.Unmarshal(queued.Body, &e); err != nil {
		t.Fatal(err)
	}
	e.ID = "" // as the agenda calls
	b.CallAs("deadline-watch", Name, "/work", e).Expect(200, "")
	if a = follow(b, token, a.ID); a.Status != "granted" {
		t.Errorf("afterwards: %+v", a)
	}
	if got := insurerOf(b, maria, ""); got != "26001" {
		t.Errorf("the register has %s", got)
	}
}

func TestARefusalOfTheCallItselfKeepsTheChoice(t *testing.T) {
	b := quietly(register(t))
	token := b.Token(maria.Claims())
	for smo, refusal := range map[string]struct {
		status int
		code   string
	}{"26001": {401, "token_not_accepted"}, "26006": {429, "overloaded"}} {
		b.Put(insuredregistry.Name, functiontest.Refusing(refusal.status, refusal.code))
		a := choose(b, token, body{"smo": smo, "reason": "by_right", "region": "26"})
		work(b)
		if a = follow(b, token, a.ID); a.Status != "working" {
			t.Errorf("%s: %+v", refusal.code, a)
		}
	}
}

func TestAStrangeAnswerIsNoVerdict(t *testing.T) {
	b := quietly(register(t))
	b.Import(functiontest.Row(maria.Person))
	token := b.Token(maria.Claims())
	a := choose(b, token, body{"smo": "26001", "reason": "by_right", "region": "26"})
	b.Put(insuredregistry.Name, functiontest.Refusing(409, "of_another_version"))
	work(b)
	if a = follow(b, token, a.ID); a.Status != "working" {
		t.Errorf("%+v", a)
	}
}

func TestAChoiceIsRefusedForWhatIsWrongWithItAndNotForHowItWasAsked(t *testing.T) {
	for wrong, want := range map[string]string{
		`{"field":"smo","code":"smo_unknown"}`:         "refused smo smo_unknown",
		`{"field":"moved","code":"date_wrong"}`:        "refused moved date_wrong",
		`{"field":"moved","code":"unknown_field"}`:     "working",
		`{"field":"choice.moved","code":"date_wrong"}`: "working",
		`{"field":"submitted","code":"wrong_value"}`:   "working",
		``: "working",
		`{"field":"x"},{"field":"smo","code":"smo_unknown"}`: "refused smo smo_unknown",
	} {
		b := quietly(register(t))
		b.Import(functiontest.Row(maria.Person))
		token := b.Token(maria.Claims())
		a := choose(b, token, body{"smo": "77012", "reason": "move", "region": "77", "address": "ул. Мира, 1", "moved": "2026-03-01"})
		b.Put(insuredregistry.Name, functiontest.Handler(func(handler.Request) (handler.Response, error) {
			return handler.Response{StatusCode: 422, Header: map[string][]string{"Content-Type": {"application/problem+json"}},
				Body: []byte(`{"code":"invalid_fields","status":422,"errors":[` + wrong + `]}`)}, nil
		}))
		work(b)
		a = follow(b, token, a.ID)
		got := a.Status
		for _, r := range a.Reasons {
			got += " " + r.Field + " " + r.Code
		}
		if got != want || strings.Contains(got, "refused") && a.Reasons[0].Detail == "" {
			t.Errorf("%s: %q instead of %q", wrong, got, want)
		}
	}
}

func TestAMoveBeforeTheBirthIsRefusedAlsoWhileTheRegisterIsSilent(t *testing.T) {
	b := newBench(t) // without a register
	q := body{"smo": "77012", "reason": "move", "region": "77", "address": "ул. Мира, 1", "moved": maria.Person.Birth.AddDays(-1)}
	if fields := b.Call("POST", Name, "/", b.Token(maria.Claims()), q).Expect(422, "invalid_fields").Fields(); fields["moved"] != "date_wrong" {
		t.Errorf("%v", fields)
	}
	q["moved"] = maria.Person.Birth
	choose(b, b.Token(maria.Claims()), q)
}

func TestAMoveOfAChildBeforeItsBirthIsRefusedOnceTheRegisterAnswers(t *testing.T) {
	b := quietly(register(t))
	id := family(b)
	token := b.Token(maria.Claims())
	b.Put(insuredregistry.Name, nil)
	a := choose(b, token, body{"person": id, "smo": "77012", "reason": "move", "region": "77", "address": "ул. Мира, 1", "moved": ilya.Birth.AddDays(-1)})
	queued := b.Take(1)[0]
	b.Run(insuredregistry.Name, insuredregistry.New)
	b.Send(queued).Expect(200, "")
	if a = follow(b, token, a.ID); a.Status != "refused" || a.Reasons[0].Field != "moved" || a.Reasons[0].Code != "date_wrong" {
		t.Errorf("%+v", a)
	}
}

func TestOfTwoParentsOneIsGrantedTheOtherRefusedWithItsReasonAndBothAreTold(t *testing.T) {
	b := register(t)
	b.Run(notify.Name, notify.New)
	b.Lose("policy-request/refresh")
	id := family(b)
	tokens := []string{b.Token(maria.Claims()), b.Token(pavel.Claims())}
	a := []applied{
		choose(b, tokens[0], body{"person": id, "smo": "26001", "reason": "first", "region": "26"}),
		choose(b, tokens[1], body{"person": id, "smo": "26006", "reason": "first", "region": "26"}),
	}
	// Each is introduced, told of the submission, and worked on.
	inOrder := func(n int, of func(x, y functiontest.Queued) int) {
		queued := b.Take(n)
		slices.SortStableFunc(queued, of)
		for _, q := range queued {
			b.Send(q).Expect(200, "")
		}
	}
	inOrder(6, func(x, y functiontest.Queued) int { return strings.Compare(x.Target, y.Target) })
	// The end of each application, and the change after them.
	inOrder(3, func(x, y functiontest.Queued) int { return strings.Compare(y.Target, x.Target) })
	b.Deliver(1) // what the change announces to the other parent
	won := 0
	if a[1] = follow(b, tokens[1], a[1].ID); a[1].Status == "granted" {
		won = 1
	}
	a[0] = follow(b, tokens[0], a[0].ID)
	if lost := a[1-won]; a[won].Status != "granted" || lost.Status != "refused" || len(lost.Reasons) != 1 ||
		lost.Reasons[0].Code != "insurance_in_force" || lost.Reasons[0].Detail == "" {
		t.Errorf("%+v", a)
	}
	if got := insurerOf(b, maria, id); got != a[won].SMO {
		t.Errorf("the register has %s instead of %s", got, a[won].SMO)
	}
	for i, want := range map[int]string{
		won:     "application.granted application.submitted",
		1 - won: "application.refused application.submitted change.child.insurer_chosen",
	} {
		var list struct{ Items []struct{ Kind string } }
		b.Call("GET", notify.Name, "/", tokens[i], nil).Expect(200, "").JSON(&list)
		var kinds []string
		for _, n := range list.Items {
			kinds = append(kinds, n.Kind)
		}
		slices.Sort(kinds)
		if got := strings.Join(kinds, " "); got != want {
			t.Errorf("parent %d is told %q instead of %q", i, got, want)
		}
	}
}

func TestOnlyRepresentativesChooseForAChildAndOnlyUntilItIs18(t *testing.T) {
	b := quietly(register(t))
	id := family(b)
	mother := b.Token(maria.Claims())
	q := body{"person": id, "smo": "26001", "reason": "first", "region": "26"}
	b.Call("POST", Name, "/", b.Token(anna.Claims()), q).Expect(404, "person_not_found")
	b.Call("GET", Name, "/allowed?person="+id, b.Token(anna.Claims()), nil).Expect(404, "person_not_found")
	b.SetClock(time.Date(2037, time.September, 2, 9, 0, 0, 0, time.UTC))
	b.Call("GET", Name, "/allowed?person="+id, mother, nil).Expect(404, "person_not_found")
	b.Take(0)

	b.SetClock(functiontest.Begin)
	minor := maria
	minor.Person.Birth.Year = 2010
	b.Import(functiontest.Row(minor.Person, "since", "2020-05-14"))
	b.Call("GET", Name, "/allowed", b.Token(minor.Claims()), nil).Expect(409, "representative_needed")
	b.Call("POST", Name, "/", b.Token(minor.Claims()), body{"smo": "26001", "reason": "first"}).Expect(409, "representative_needed")
}

func TestAt18OneChoosesByTheClockOfTheRegionOfInsurance(t *testing.T) {
	young := maria
	young.Person.Birth = calendar.On(2008, time.March, 11)
	kamchatka := time.Date(2026, time.March, 10, 12, 0, 0, 0, time.UTC) // the first moment of the birthday
	stavropol := kamchatka.Add(9 * time.Hour)
	for _, tc := range []struct {
		home, region, had, chosen string
		from                      time.Time
	}{
		{"26", "41", "41001", "41002", kamchatka}, {"41", "26", "26002", "26001", stavropol}, {"26", "26", "26002", "26001", stavropol},
	} {
		b := quietly(register(t))
		b.Run(Name, New, "region", tc.home)
		b.Import(functiontest.Row(young.Person, "region", tc.region, "insurer", tc.had))
		token, q := b.Token(young.Claims()), body{"smo": tc.chosen, "reason": "by_right"}
		b.SetClock(tc.from.Add(-time.Second))
		b.Call("GET", Name, "/allowed", token, nil).Expect(409, "representative_needed")
		b.Call("POST", Name, "/", token, q).Expect(409, "representative_needed")
		b.SetClock(tc.from)
		b.Call("GET", Name, "/allowed", token, nil).Expect(200, "")
		choose(b, token, q)
	}
}

func TestAMinorsChoiceThatWasKeptIsRefusedWithItsReason(t *testing.T) {
	b := quietly(register(t))
	minor := maria
	minor.Person.Birth.Year = 2010
	b.Import(functiontest.Row(minor.Person))
	b.Put(insuredregistry.Name, nil)
	token := b.Token(minor.Claims())
	a := choose(b, token, body{"smo": "26001", "reason": "by_right"})
	queued := b.Take(1)[0]
	b.Run(insuredregistry.Name, insuredregistry.New)
	b.Send(queued).Expect(200, "")
	if a = follow(b, token, a.ID); a.Status != "refused" || a.Reasons[0].Code != "representative_needed" || a.Reasons[0].Detail == "" {
		t.Errorf("%+v", a)
	}
}

func TestARepresentativeWhoIsNoneWhenTheRegisterAnswersIsRefused(t *testing.T) {
	b := quietly(register(t))
	id := family(b)
	token := b.Token(anna.Claims())
	b.Put(insuredregistry.Name, nil) // silent: who is whose is not known at submission
	a := choose(b, token, body{"person": id, "smo": "26001", "reason": "first", "region": "26"})
	queued := b.Take(1)[0]
	b.Run(insuredregistry.Name, insuredregistry.New)
	b.Send(queued).Expect(200, "")
	if a = follow(b, token, a.ID); a.Status != "refused" || a.Reasons[0].Code != "not_represented" {
		t.Errorf("%+v", a)
	}
	if got := insurerOf(b, maria, id); got != "" {
		t.Errorf("a stranger chose %s", got)
	}
}

func TestMayISaysYesWithTheReasonOrNoWithTheDay(t *testing.T) {
	b := register(t)
	b.Run(consenttoggle.Name, consenttoggle.New)
	b.Lose("notify/introductions")
	b.Import(functiontest.Row(maria.Person))
	token := b.Token(maria.Claims())
	type answer struct {
		Person, Reason, From, Code, Detail, Article, Region, SMO string
		Allowed                                                  bool
	}
	may := func(language string) (got answer) {
		b.Call("GET", Name, "/allowed", token, nil, "Accept-Language", language).Expect(200, "").JSON(&got)
		return got
	}
	if got := may("ru"); got != (answer{Person: "self", Allowed: true, Reason: "by_right", Article: "326-ФЗ, ст. 16", Region: "26"}) {
		t.Errorf("without consent: %+v", got)
	}
	b.Consent(token, "self")
	b.SetClock(time.Date(2026, time.November, 2, 9, 0, 0, 0, time.UTC))
	for language, detail := range map[string]string{
		"ru": "Страховую меняют раз в год, не позднее 1 ноября.", "en": "An insurer is replaced once a year, not later than 1 November.",
	} {
		got := may(language)
		if got.Allowed || got.From != "2027-01-01" || got.Code != "insurer_change_after_1_november" || got.Detail != detail || got.SMO != "26002" {
			t.Errorf("%s: %+v", language, got)
		}
	}
	b.Call("GET", Name, "/allowed", b.Token(anna.Claims()), nil).Expect(409, "not_in_register")
}

func TestTheSameCompanyIsOfferedFirstInTheNewRegion(t *testing.T) {
	b := newBench(t)
	var got struct {
		Items []struct {
			SMO  string
			Same bool `json:"same_company"`
		}
	}
	b.Call("GET", Name, "/?region=77&like=26006", "", nil).Expect(200, "").JSON(&got)
	if len(got.Items) < 3 || got.Items[0].SMO != "77012" || !got.Items[0].Same || got.Items[1].Same {
		t.Errorf("%+v", got.Items)
	}
	for _, like := range []string{"26002", "99999", ""} {
		got.Items = nil
		b.Call("GET", Name, "/?region=77&like="+like, "", nil).Expect(200, "").JSON(&got)
		if got.Items[0].Same || got.Items[0].SMO == "77012" {
			t.Errorf("%q: %+v", like, got.Items)
		}
	}
}
