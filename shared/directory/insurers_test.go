package directory

import (
	"encoding/json"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"polis/shared/calendar"
)

func TestADirectoryIsTheSameAfterItWasStored(t *testing.T) {
	rows := slices.Clone(insurers)
	rows[0].FullName = "Полное имя"
	before := New(rows, offices)
	text, err := json.Marshal(before)
	if err != nil {
		t.Fatal(err)
	}
	var after Directory
	if err := json.Unmarshal(text, &after); err != nil {
		t.Fatal(err)
	}
	if !reflect.DeepEqual(before, after) {
		t.Errorf("another one came back")
	}
	ended, _ := after.FindInsurer("26004")
	if ended.InForce(today) || !ended.InForce(calendar.On(2011, time.October, 31)) {
		t.Errorf("whether it was in force on a date: %+v", ended)
	}
}

func TestADirectoryDoesNotChangeWithTheRowsItWasMadeOf(t *testing.T) {
	rows := []Insurer{{SMO: "26001", Name: "Первая"}}
	d := New(rows, nil)
	rows[0].Name = "Другая"
	if i, _ := d.FindInsurer("26001"); i.Name != "Первая" {
		t.Errorf("it is called %s now", i.Name)
	}
}

func TestInsurersAreFoundByAPartOfTheirNames(t *testing.T) {
	i := Insurer{Name: "ООО «Семёновская-М»", FullName: `ОБЩЕСТВО С ОГРАНИЧЕННОЙ ОТВЕТСТВЕННОСТЬЮ "СТРАХОВАЯ КОМПАНИЯ "СЕМЁНОВСКАЯ-М"`}
	for words, found := range map[string]bool{
		"": true, "семен": true, "СЕМЁН": true, "семёновская м": true, "ооо сем": true, "«Семёновская-М»": true,
		"страховая компания": true, " КОМПАНИЯ  \"Семеновская": true, "новская-м": true,
		"петров": false, "😀": false, "«»": false, "  ": true, "семмёновская": false,
	} {
		if got := i.Matches(words); got != found {
			t.Errorf("%q finds it: %v, want %v", words, got, found)
		}
	}
}

func TestEachOfficeIsOneOfAnInsurerInForce(t *testing.T) {
	seen := map[string]bool{}
	for _, o := range offices {
		of, ok := Demo().FindInsurer(o.SMO)
		if !ok || !of.InForce(today) || seen[o.ID] || !strings.HasPrefix(o.ID, o.SMO+"-") {
			t.Errorf("%+v of %+v", o, of)
		}
		seen[o.ID] = true
		if o.Name == "" || o.Address == "" || o.Hours == "" || o.AsOf.IsZero() || !phone.MatchString(o.Phone) {
			t.Errorf("%s is incomplete: %+v", o.ID, o)
		}
	}
	for _, i := range Demo().InsurersOf("26", today) {
		count := 0
		for _, o := range Demo().OfficesOf("26", today) {
			if o.SMO == i.SMO {
				count++
			}
		}
		if count < 2 {
			t.Errorf("%s has %d offices", i.Name, count)
		}
	}
	if got := Demo().OfficesOf("26", calendar.On(2010, time.January, 1)); len(got) != 0 {
		t.Errorf("offices before any contract: %v", got)
	}
}
