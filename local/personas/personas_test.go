package personas_test

import (
	"slices"
	"strings"
	"testing"

	"polis/local/personas"
	"polis/shared/calendar"
	"polis/shared/directory"
	"polis/shared/person"
)

func TestEveryNumberOfAPersonaIsValidAndFitsThePerson(t *testing.T) {
	seen := map[string]string{}
	once := func(kind, value, who string) {
		if other, taken := seen[kind+value]; taken && other != who {
			t.Errorf("%s and %s share a %s", who, other, kind)
		}
		seen[kind+value] = who
	}
	today := calendar.On(2026, 3, 10)
	check := func(who string, h personas.Human, p *personas.Policy) {
		if h.SNILS != "" {
			if _, err := person.ParseSNILS(h.SNILS); err != nil {
				t.Errorf("%s: SNILS: %v", who, err)
			}
			once("SNILS", h.SNILS, who)
		}
		if d := h.Document; d.Type != 0 {
			document := person.Document{Type: d.Type, Series: d.Series, Number: d.Number}
			if wrong := document.Normalised().Check("document", today); len(wrong) > 0 {
				t.Errorf("%s: document: %+v", who, wrong)
			}
		}
		if p == nil {
			return
		}
		enp, err := person.ParseENP(p.ENP)
		if err != nil {
			t.Fatalf("%s: ENP: %v", who, err)
		}
		once("ENP", p.ENP, who)
		birth := date(t, h.Birth)
		sex := person.Sex("F")
		if h.Male {
			sex = "M"
		}
		if warnings := enp.Warnings(birth, sex); len(warnings) > 0 {
			t.Errorf("%s: ENP does not fit: %v", who, warnings)
		}
		if enp.Region() != personas.Region {
			t.Errorf("%s: ENP of region %s", who, enp.Region())
		}
		since := date(t, p.Since)
		if p.Insurer != "" {
			insurer, ok := directory.Demo().FindInsurer(p.Insurer)
			if !ok || insurer.Region != personas.Region || !insurer.InForce(since) {
				t.Errorf("%s: insurer %s has no contract in region %s on %s", who, p.Insurer, personas.Region, p.Since)
			}
		}
	}
	for _, p := range personas.All() {
		check(p.Name, p.Human, p.Policy)
		for _, c := range p.Children {
			check("child", c.Human, &c.Policy)
		}
		for _, c := range p.Kids {
			check("kid", c.Human, nil)
		}
	}
}

func TestThePersonasThatOthersRelyOnAreThere(t *testing.T) {
	var names []string
	for _, p := range personas.All() {
		names = append(names, p.Name)
		if p.Case == "" || p.About == "" {
			t.Errorf("%s: nobody is told what it stands for", p.Name)
		}
	}
	want := []string{"insured", "unconfirmed", "mother", "father", "newcomer", "migrant", "refugee", "serviceman", "teenager", "guardian",
		"staff", "rival", "fund", "clinic", "zags", "commissariat", "employer", "operator", "auditor"}
	if !slices.Equal(names, want) {
		t.Errorf("personas are %v", names)
	}
}

func TestTheFirstImportHoldsWhoIsInsured(t *testing.T) {
	families := map[string]personas.Record{}
	for _, r := range personas.FirstImport().Records {
		families[r.Name.Family+" "+r.Name.Given] = r
	}
	for name, persona := range map[string]bool{"insured": true, "unconfirmed": true, "mother": true, "father": true, "serviceman": true, "teenager": true, "guardian": true, "newcomer": false, "migrant": false, "refugee": false} {
		p, _ := personas.Find(name)
		if _, there := families[p.Human.Family+" "+p.Human.Given]; there != persona {
			t.Errorf("%s in the register: %v", name, there)
		}
	}
	child := families["Гончаров Семён"]
	if child.Insurer != "" || child.Document.Type != 3 || len(child.Representatives) != 2 || child.BirthRecord == nil {
		t.Errorf("child: %+v", child)
	}
	if soldier, _ := personas.Find("serviceman"); families[soldier.Human.Family+" "+soldier.Human.Given].SuspendedFrom == "" {
		t.Error("the serviceman is not suspended")
	}
	guardian, _ := personas.Find("guardian")
	if by := families["Лебедева Дарья"].Representatives; len(by) != 1 || by[0] != strings.NewReplacer("-", "", " ", "").Replace(guardian.Human.SNILS) {
		t.Errorf("the teenager's representatives: %v", by)
	}
}

func date(t *testing.T, s string) calendar.Date {
	t.Helper()
	d, err := calendar.ParseDate(s)
	if err != nil {
		t.Fatal(err)
	}
	return d
}
