package tests

import (
	"net/http"
	"testing"
)

func TestEachParentSeesTheChildUnderTheirOwnConsent(t *testing.T) {
	s := newStage(t)
	mother, father, stranger := s.as(t, "mother"), s.as(t, "father"), s.as(t, "insured")
	child := mother.child()
	if father.child() != child {
		t.Fatal("the parents have two children")
	}
	card, consent := "/policy-card?person="+child, fields{"operator": "ffoms", "person": child, "action": "grant"}

	mother.get(card).refused(http.StatusForbidden, "consent_required")
	mother.post("/policy-request", fields{"kind": "lookup", "person": child}).refused(http.StatusForbidden, "consent_required")
	mother.post("/consent-toggle", fields{"operator": "mincifry", "person": child, "action": "grant"}).refused(http.StatusConflict, "consent_not_needed")
	mother.post("/consent-toggle", consent).is(http.StatusOK)
	seen := mother.loads(fields{"person": child})
	if seen.Status != "no_insurer" || !seen.Insurer.StandIn || seen.Insurer.SMO != "" || seen.Insurer.Phone == "" || seen.Name.Given != "Семён" {
		t.Errorf("the fund does not stand in for the child's insurer: %+v", seen)
	}
	extract := mother.extract(child)
	mother.get("/policy-card").refused(http.StatusForbidden, "consent_required")

	father.get(card).refused(http.StatusForbidden, "consent_required")
	father.get("/extract-rendering/"+extract.ID).refused(http.StatusNotFound, "document_not_found")
	father.post("/consent-toggle", consent).is(http.StatusOK)
	father.loads(fields{"person": child})

	mother.revokes("ffoms", child)
	mother.get(card).refused(http.StatusForbidden, "consent_required")
	if still := father.card(child); still.ENP != seen.ENP {
		t.Errorf("the father's copy: %+v", still)
	}

	stranger.consents()
	for _, id := range []string{child, unknownChild} {
		stranger.get("/policy-card?person="+id).refused(http.StatusNotFound, "person_not_found")
		stranger.post("/policy-request", fields{"kind": "lookup", "person": id}).refused(http.StatusNotFound, "person_not_found")
		stranger.post("/consent-toggle", fields{"operator": "ffoms", "person": id, "action": "grant"}).refused(http.StatusNotFound, "person_not_found")
		stranger.post("/extract-rendering", extractOf(id)).refused(http.StatusNotFound, "person_not_found")
	}
	if members := read[list[memberView]](stranger.get("/policy-card/family").is(http.StatusOK)).Items; len(members) != 1 {
		t.Errorf("family of one: %+v", members)
	}
}

// unknownChild has the form of a record's id and is nobody's.
const unknownChild = "i042000000000000000000000000"

// child is the id of the visitor's only child.
func (v visitor) child() string {
	v.t.Helper()
	members := read[list[memberView]](v.get("/policy-card/family").is(http.StatusOK)).Items
	if len(members) != 2 || members[0].Person != "self" {
		v.t.Fatalf("family: %+v", members)
	}
	return members[1].Person
}
