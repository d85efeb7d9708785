package policy

import (
	"testing"

	"polis/shared/fault"
	"polis/shared/person"
)

func TestANewNameKeepsTheOldDocumentInTheRecord(t *testing.T) {
	before := recordOf(holder)
	before.Person.Name = person.Name{Family: "Соловьёва", Given: "Мария"}
	before.Person.Document = person.Document{Type: person.Passport, Series: "45 12", Number: "123456"}
	married, passport := person.Name{Family: "Орлова", Given: "Мария"}, person.Document{Type: person.Passport, Series: "45 20", Number: "654321"}

	after, err := before.Rename(married, passport, deed(ByZAGS, "n"))
	if err != nil || after.Person.Name != married || after.Person.Document != passport || len(after.Earlier) != 1 || after.Earlier[0] != before.Person.Document {
		t.Fatalf("%+v, %v", after, err)
	}
	if len(after.Names) != 1 || after.Names[0].Name != before.Person.Name || !after.Knows("n") {
		t.Errorf("%+v", after.Names)
	}
	if told, does := after.Tells("n", after.Today(now)); !does || told.Kind != NameChanged || !told.At.Equal(now) {
		t.Errorf("%+v", told)
	}
	if past := after.History(true)[0]; past.Kind != Renamed || past.Source != ByZAGS || past.On != after.Today(now) {
		t.Errorf("the history: %+v", past)
	}
	if again, err := after.Rename(married, passport, deed(ByZAGS, "n")); err != nil || len(again.Names) != 1 || len(again.Earlier) != 1 {
		t.Errorf("delivered again: %+v, %v", again, err)
	}
	if _, err := after.Rename(married, person.Document{}, deed(ByZAGS, "m")); fault.From(err).Code != "name_is_the_same" {
		t.Errorf("to the same name: %v", err)
	}
	// The old name, and with it the old document once more.
	back, err := after.Rename(before.Person.Name, before.Person.Document, deed(ByZAGS, "b"))
	if err != nil || back.Person != before.Person || len(back.Earlier) != 1 || back.Earlier[0] != passport {
		t.Errorf("%+v, %v", back, err)
	}
	without, err := before.Rename(married, person.Document{}, deed(ByZAGS, "n"))
	if err != nil || without.Person.Document != before.Person.Document || len(without.Earlier) != 0 {
		t.Errorf("without a document: %+v, %v", without, err)
	}
	dead, err := before.EndOn(before.Today(now), Death, deed(ByZAGS, "d"))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := dead.Rename(married, passport, deed(ByZAGS, "n")); fault.From(err).Code != "death_recorded" {
		t.Errorf("dead: %v", err)
	}
	if _, does := dead.Tells("d", dead.Today(now)); does {
		t.Error("a death is told")
	}
}
