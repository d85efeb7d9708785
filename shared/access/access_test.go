package access

import (
	"errors"
	"testing"
	"time"
)

func TestEachRoleMayDoItsOwnAndNothingElse(t *testing.T) {
	roles := []Role{Citizen, Staff, Fund, Clinic, Source, Operator, Auditor, Function, Anyone}
	// Typed by hand, not read from the rules.
	allowed := map[Action][]Role{
		ReadConsents: {Citizen}, ChangeConsents: {Citizen}, Apply: {Citizen}, ReadApplications: {Citizen},
		ReadServices: {Citizen}, HideServices: {Citizen}, ReportServices: {Clinic, Operator}, LookUpServices: {Function}, LookUpServed: {}, TellDates: {Function}, RemindReport: {Function}, ConcealServices: {Function},
		ExaminePolicy: {Citizen}, ExamineChoice: {Citizen}, RepairPolicy: {Citizen},
		ReadCard: {Citizen}, RenderExtract: {Citizen}, ReadExtract: {Citizen}, SendExtract: {Citizen}, AttachExtract: {Function},
		ReadNotices: {Citizen}, ChangeNotices: {Citizen}, DeliverNotice: {Function},
		WorkApplication: {Function}, RefreshCopy: {Function}, EraseExtract: {Function}, LookUpInsured: {Function}, RecordInsured: {Function},
		ReportEvent: {Source, Fund}, ReadCases: {Staff, Fund}, DecideCase: {Staff, Fund}, FollowCase: {Function}, RebuildCases: {Operator},
		ChangeInsured: {Function}, ReadInsurers: {Fund}, CorrectInsurer: {Fund}, ImportInsured: {Operator}, ImportDirectory: {Operator}, Sweep: {Anyone, Function, Operator}, ReadEvents: {Operator}, ReplayEvents: {Operator},
		SealAudit: {Anyone, Function, Operator}, ReadAudit: {Auditor}, ReadAccesses: {Citizen},
	}
	if len(allowed) != len(rules) {
		t.Errorf("%d actions are expected here, %d have rules", len(allowed), len(rules))
	}
	for action, may := range allowed {
		for _, role := range roles {
			want := false
			for _, r := range may {
				want = want || r == role
			}
			_, err := Caller{Role: role, Confirmed: true, Account: "a"}.May(action, "call")
			if want != (err == nil) {
				t.Errorf("%s %s: %v", role, action, err)
			}
		}
	}
	if _, err := (Caller{Role: Citizen, Confirmed: true}).May("unheard.of", "call"); !errors.Is(err, ErrNotAllowed) {
		t.Errorf("an action without a rule: %v", err)
	}
}

func TestEachActionHasWordsForThePersonItIsAbout(t *testing.T) {
	for action := range rules {
		if words[action].RU == "" || words[action].EN == "" {
			t.Errorf("%s has none", action)
		}
	}
	for action := range words {
		if _, known := rules[action]; !known {
			t.Errorf("%s is no action", action)
		}
	}
	if got := Action("unheard.of").Words(); got.RU == "" || got.EN == "" {
		t.Errorf("of an earlier version: %q", got)
	}
}

func TestAnAccountThatIsNotConfirmedIsToldHow(t *testing.T) {
	for action, r := range rules {
		if !r.confirmed {
			continue
		}
		if _, err := (Caller{Role: Citizen, Account: "a"}).May(action, "call"); !errors.Is(err, ErrNotConfirmed) {
			t.Errorf("%s: %v", action, err)
		}
	}
}

func TestACitizensGrantStaysWithTheirOwnAccount(t *testing.T) {
	g, err := Caller{Role: Citizen, Confirmed: true, Account: "mine"}.May(ReadCard, "call")
	if err != nil {
		t.Fatal(err)
	}
	if got := g.About("another"); got.Subject() != "mine" || got.Actor() != "mine" {
		t.Fatalf("now about %q", got.Subject())
	}
	g, err = Caller{Role: Function, Unit: "policy-request"}.May(WorkApplication, "call")
	if err != nil {
		t.Fatal(err)
	}
	if got := g.About("a1"); got.Subject() != "a1" || got.Actor() != "policy-request" || got.CallID() != "call" {
		t.Fatalf("%+v", got)
	}
}

func TestASignatureHoldsForOneCallOnly(t *testing.T) {
	key := []byte("0123456789abcdef0123456789abcdef")
	now := time.Unix(1_770_000_000, 0)
	call := Signed{Function: "policy-request", CallID: "c1", Time: now, Target: "/insured-registry/find", Body: []byte(`{}`)}
	signature := call.Sign(key)
	if err := call.Verify(key, signature, now.Add(SignatureAge)); err != nil {
		t.Fatalf("the call itself: %v", err)
	}
	for name, change := range map[string]func(*Signed){
		"another function":   func(s *Signed) { s.Function = "policy-card" },
		"another call":       func(s *Signed) { s.CallID = "c2" },
		"another time":       func(s *Signed) { s.Time = now.Add(time.Second) },
		"another path":       func(s *Signed) { s.Target = "/insured-registry/records" },
		"another body":       func(s *Signed) { s.Body = []byte(`{"x":1}`) },
		"parts run together": func(s *Signed) { s.Function, s.CallID = "policy-requestc", "1" },
	} {
		other := call
		change(&other)
		if other.Verify(key, signature, now) == nil {
			t.Errorf("%s is accepted", name)
		}
	}
	if call.Verify(key, signature, now.Add(SignatureAge+time.Second)) == nil || call.Verify(key, signature, now.Add(-SignatureAge-time.Second)) == nil {
		t.Error("accepted out of its time")
	}
	if call.Verify([]byte("another key"), signature, now) == nil || call.Verify(key, "", now) == nil {
		t.Error("accepted without the key")
	}
}
