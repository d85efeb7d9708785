package fhir

import (
	"bytes"
	"encoding/json"
	"strings"
	"testing"
	"time"

	"polis/shared/calendar"
	"polis/shared/directory"
	"polis/shared/person"
	"polis/shared/policy"
)

var systems = Systems{ENP: "urn:oid:1.2.3", SMO: "urn:oid:1.2.4"}

func on(text string) calendar.Date {
	d, err := calendar.ParseDate(text)
	if err != nil {
		panic(err)
	}
	return d
}

func card() policy.Card {
	return policy.Card{
		Insured: "i042w3k8yq1n5tz7b9c0d2f4g6h8", ENP: "7756410837000019", ValidFrom: on("2019-05-14"),
		Person: person.Person{
			SNILS: "11223344595", Name: person.Name{Family: "Ветров", Given: "Пётр", Patronymic: "Ильич"}, Sex: person.Male, Birth: on("1985-03-12"),
			Document: person.Document{Type: person.Passport, Series: "4512", Number: "123456"},
		},
		Insurance: policy.Cover{SMO: "26002", Region: "26", Since: on("2019-05-14")},
	}
}

var insurer = directory.Contact{SMO: "26002", Name: "Пример-Мед", Phone: "8 800 000-00-00", Site: "https://example.org"}

// Typed by hand from the specification of Coverage in R4 (4.0.1): required are
// resourceType, status, beneficiary and payor; a contained resource has an id and
// is referred to by "#" and it; no SNILS or passport is in a coverage.
const want = `{
  "resourceType": "Coverage",
  "id": "i042w3k8yq1n5tz7b9c0d2f4g6h8",
  "language": "ru",
  "contained": [
    {
      "resourceType": "Patient", "id": "patient",
      "identifier": [{"system": "urn:oid:1.2.3", "value": "7756410837000019"}],
      "name": [{"use": "official", "text": "Ветров Пётр Ильич", "family": "Ветров", "given": ["Пётр", "Ильич"]}],
      "gender": "male", "birthDate": "1985-03-12"
    },
    {
      "resourceType": "Organization", "id": "payor",
      "identifier": [{"system": "urn:oid:1.2.4", "value": "26002"}],
      "name": "Пример-Мед",
      "telecom": [{"system": "phone", "value": "8 800 000-00-00"}, {"system": "url", "value": "https://example.org"}]
    }
  ],
  "identifier": [{"system": "urn:oid:1.2.3", "value": "7756410837000019"}],
  "status": "active",
  "type": {"coding": [{"system": "http://terminology.hl7.org/CodeSystem/v3-ActCode", "code": "PUBLICPOL"}], "text": "ОМС"},
  "subscriberId": "7756410837000019",
  "beneficiary": {"reference": "#patient", "display": "Ветров Пётр Ильич"},
  "relationship": {"coding": [{"system": "http://terminology.hl7.org/CodeSystem/subscriber-relationship", "code": "self"}]},
  "period": {"start": "2019-05-14"},
  "payor": [{"reference": "#payor", "display": "Пример-Мед"}]
}`

func TestACoverageHasWhatTheSpecificationRequires(t *testing.T) {
	got, err := json.Marshal(CoverageOf(card(), insurer, systems, on("2026-03-10")))
	if err != nil {
		t.Fatal(err)
	}
	var expected bytes.Buffer
	if err := json.Compact(&expected, []byte(want)); err != nil {
		t.Fatal(err)
	}
	if string(got) != expected.String() {
		t.Errorf("%s\ninstead of\n%s", got, &expected)
	}
	for _, secret := range []string{"11223344595", "123456\"", "4512"} {
		if strings.Contains(string(got), secret) {
			t.Errorf("it tells %s", secret)
		}
	}
}

// The required value set (fm-status) has active, cancelled, draft and
// entered-in-error.
func TestTheStatusSaysWhetherAClinicMayCountOnThePolicy(t *testing.T) {
	today := on("2026-03-10")
	change := func(turn policy.Turn, ground, since string) policy.Change {
		return policy.Change{Turn: turn, Ground: ground, Since: on(since), Recorded: time.Unix(1, 0)}
	}
	for rule, tc := range map[string]struct {
		change      func(*policy.Card)
		status, end string
	}{
		"in force":                 {func(*policy.Card) {}, "active", ""},
		"in force until its day":   {func(c *policy.Card) { c.ValidUntil = today }, "active", "2026-03-10"},
		"the day after it":         {func(c *policy.Card) { c.ValidUntil = on("2026-03-09") }, "cancelled", "2026-03-09"},
		"suspended":                {func(c *policy.Card) { c.Changes = policy.Changes{change(policy.Suspend, "", "2026-01-15")} }, "cancelled", "2026-01-14"},
		"to be suspended tomorrow": {func(c *policy.Card) { c.Changes = policy.Changes{change(policy.Suspend, "", "2026-03-11")} }, "active", ""},
		"resumed": {func(c *policy.Card) {
			c.Changes = policy.Changes{change(policy.Suspend, "", "2026-01-15"), change(policy.Resume, "", "2026-02-01")}
		}, "active", ""},
		"ended by death":                     {func(c *policy.Card) { c.Changes = policy.Changes{change(policy.End, policy.Death, "2026-03-01")} }, "cancelled", "2026-02-28"},
		"merged into another":                {func(c *policy.Card) { c.Changes = policy.Changes{change(policy.End, policy.Merged, "2026-03-01")} }, "entered-in-error", "2026-02-28"},
		"the fund stands in for the insurer": {func(c *policy.Card) { c.Insurance.SMO = "" }, "active", ""},
	} {
		c := card()
		tc.change(&c)
		if got := CoverageOf(c, insurer, systems, today); got.Status != tc.status || got.Period.End != tc.end {
			t.Errorf("%s: %s until %q", rule, got.Status, got.Period.End)
		}
	}
}

func TestTheFundThatStandsInHasNoInsurersCode(t *testing.T) {
	c := card()
	c.Person.Name, c.Person.Sex = person.Name{Given: "Мадонна"}, person.Female
	got, err := json.Marshal(CoverageOf(c, directory.Contact{Name: "Фонд", StandIn: true}, systems, on("2026-03-10")))
	if err != nil {
		t.Fatal(err)
	}
	if text := string(got); !strings.Contains(text, `{"resourceType":"Organization","id":"payor","name":"Фонд"}`) ||
		!strings.Contains(text, `"name":[{"use":"official","text":"Мадонна","given":["Мадонна"]}],"gender":"female"`) {
		t.Errorf("%s", text)
	}
}
