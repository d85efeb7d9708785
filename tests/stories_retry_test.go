package tests

import (
	"bytes"
	"net/http"
	"testing"
)

func TestARetriedRequestGetsTheSameAnswerAndMakesOneApplication(t *testing.T) {
	s := newStage(t)
	mother := s.as(t, "mother")
	child := mother.child()
	mother.consents()
	mother.consent("ffoms", child)

	keyed := mother.with("Idempotency-Key", "retry-1")
	first := keyed.post("/policy-request", fields{"kind": "lookup"}).is(http.StatusAccepted)
	id := read[applicationView](first).ID
	mother.becomes(id, "granted")
	if again := keyed.post("/policy-request", fields{"kind": "lookup"}).is(http.StatusAccepted); !bytes.Equal(again.body, first.body) {
		t.Errorf("a retry is answered otherwise:\n%s\n%s", first.body, again.body)
	}
	keyed.post("/policy-request", fields{"kind": "lookup", "what": []string{"policy"}}).refused(http.StatusUnprocessableEntity, "idempotency_key_reused")
	keyed.post("/policy-request", fields{"kind": "lookup", "person": child}).refused(http.StatusUnprocessableEntity, "idempotency_key_reused")
	if all := mother.applications(); len(all) != 1 || all[0].ID != id {
		t.Errorf("applications: %+v", all)
	}

	// The key is the caller's own: somebody else's is another.
	father := s.as(t, "father")
	father.consents()
	if other := father.with("Idempotency-Key", "retry-1").asks(fields{"kind": "lookup"}); other.ID == id {
		t.Error("two callers share a key")
	}

	grant := fields{"operator": "ffoms", "person": child, "action": "grant"}
	toggle := father.with("Idempotency-Key", "retry-2")
	given := toggle.post("/consent-toggle", grant).is(http.StatusOK)
	father.revokes("ffoms", child)
	if again := toggle.post("/consent-toggle", grant).is(http.StatusOK); !bytes.Equal(again.body, given.body) {
		t.Errorf("a retried consent is answered otherwise:\n%s\n%s", given.body, again.body)
	}
	father.get("/policy-card?person="+child).refused(http.StatusForbidden, "consent_required")
}

func TestTenRetriesAtOnceMakeOneApplication(t *testing.T) {
	s := newStage(t)
	insured := s.as(t, "insured")
	insured.consents()
	answers := atOnce(t, insured.with("Idempotency-Key", "all-at-once"), "/policy-request", fields{"kind": "lookup"})
	for _, a := range answers {
		if !bytes.Equal(a.is(http.StatusAccepted).body, answers[0].body) {
			t.Errorf("answers differ:\n%s\n%s", answers[0].body, a.body)
		}
	}
	if all := insured.applications(); len(all) != 1 {
		t.Errorf("applications: %+v", all)
	}
}

func TestADoubleClickMakesOneApplication(t *testing.T) {
	s := newStage(t)
	newcomer := s.as(t, "newcomer") // whose lookup stays open
	newcomer.consents()
	answers := atOnce(t, newcomer, "/policy-request", fields{"kind": "lookup"})
	for _, a := range answers {
		if one, other := read[applicationView](answers[0]).ID, read[applicationView](a.is(http.StatusAccepted)).ID; one != other {
			t.Errorf("applications %s and %s", one, other)
		}
	}
	if all := newcomer.applications(); len(all) != 1 {
		t.Errorf("applications: %+v", all)
	}
}

func TestTenExtractsAskedForAtOnceAreOneDocument(t *testing.T) {
	s := newStage(t)
	insured := s.as(t, "insured")
	insured.consents()
	insured.loads(fields{})
	made := 0
	for _, a := range atOnce(t, insured, "/extract-rendering", extractOf("self")) {
		if a.status == http.StatusCreated {
			made++
		} else {
			a.is(http.StatusOK)
		}
	}
	if listed := insured.documents(); made != 1 || len(listed) != 1 || len(s.objects(t)) != 1 {
		t.Errorf("%d made, listed %+v, stored %v", made, listed, s.objects(t))
	}
}

// atOnce posts the same ten times at the same time.
func atOnce(t *testing.T, v visitor, path string, body any) []answer {
	t.Helper()
	const calls = 10
	answers, failures := make([]answer, calls), make(chan error, calls)
	for i := range calls {
		go func() {
			var err error
			answers[i], err = v.send(http.MethodPost, path, body)
			failures <- err
		}()
	}
	for range calls {
		if err := <-failures; err != nil {
			t.Error(err)
		}
	}
	if t.Failed() {
		t.FailNow()
	}
	return answers
}
