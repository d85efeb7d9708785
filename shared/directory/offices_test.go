package directory

import (
	"maps"
	"reflect"
	"strings"
	"testing"
	"time"

	"polis/shared/calendar"
)

// listed are insurers whose offices are imported.
var listed = New([]Insurer{{SMO: "26101", Region: "26", Name: "Первая"}, {SMO: "26102", Region: "26", Name: "Вторая"}}, nil)

// officeRow of an invented office. change is pairs of a field and another value.
func officeRow(line int, change ...string) Row {
	fields := map[string]string{
		"SMOCOD": "26101", "NAME": "Центральный", "ADDRESS": "355003, г. Ставрополь, ул. Ленина, д. 1", "PHONE": "8 800 000-00-01", "HOURS": "пн–пт 9:00–18:00", "AS_OF": "15.01.2026",
	}
	for n := 0; n < len(change); n += 2 {
		fields[change[n]] = change[n+1]
	}
	maps.DeleteFunc(fields, func(_, value string) bool { return value == "" })
	return Row{line, fields}
}

func TestEachFaultOfAnOfficesRowHasItsFieldAndCode(t *testing.T) {
	for _, tc := range []struct {
		rule        string
		field, code string
		change      []string
	}{
		{"no code", "SMOCOD", Required, []string{"SMOCOD", ""}},
		{"a code of four digits", "SMOCOD", CodeMalformed, []string{"SMOCOD", "2610"}},
		{"the code of an insurer that there is not", "SMOCOD", CodeUnknown, []string{"SMOCOD", "26103"}},
		{"no name", "NAME", Required, []string{"NAME", ""}},
		{"a name that hides", "NAME", TextUnreadable, []string{"NAME", "Цент\u200bральный"}},
		{"a name in another encoding", "NAME", TextUnreadable, []string{"NAME", "\xcf\xe5\xf0"}},
		{"no address", "ADDRESS", Required, []string{"ADDRESS", ""}},
		{"an address that does not end", "ADDRESS", TooLong, []string{"ADDRESS", strings.Repeat("я", 501)}},
		{"a telephone turned round", "PHONE", TextUnreadable, []string{"PHONE", "\u202e8 800"}},
		{"hours that do not end", "HOURS", TooLong, []string{"HOURS", strings.Repeat("я", 501)}},
		{"a day that there is not", "AS_OF", DateWrong, []string{"AS_OF", "29.02.2026"}},
		{"the same office with another telephone", "NAME", OfficeRepeated, []string{"PHONE", "8 800 000-00-02"}},
		{"the same office with other spaces", "NAME", OfficeRepeated, []string{"NAME", " Центральный "}},
	} {
		_, wrong, _ := Offices([]Row{officeRow(1), officeRow(7, tc.change...)}, listed, today)
		if len(wrong) != 1 || wrong[0].Line != 7 || wrong[0].Field != tc.field || wrong[0].Code != tc.code || wrong[0].Detail.RU == "" || wrong[0].Detail.EN == "" {
			t.Errorf("%s: %+v, want %s %s", tc.rule, wrong, tc.field, tc.code)
		}
	}
}

func TestAnOfficeIsMadeOfItsRow(t *testing.T) {
	rows := []Row{officeRow(2), officeRow(3, "NAME", "Второй  этаж", "PHONE", "", "HOURS", "", "AS_OF", ""), officeRow(4), officeRow(5, "SMOCOD", "26102", "AS_OF", "2026-03-01")}
	address := officeRow(0).Fields["ADDRESS"]
	want := []Office{
		{"", "26101", "Центральный", address, "8 800 000-00-01", "пн–пт 9:00–18:00", calendar.On(2026, time.January, 15)},
		{"", "26101", "Второй этаж", address, "", "", today},
		{"", "26102", "Центральный", address, "8 800 000-00-01", "пн–пт 9:00–18:00", calendar.On(2026, time.March, 1)},
	}
	made, wrong, noted := Offices(rows, listed, today)
	if wrong != nil || !reflect.DeepEqual(made, want) {
		t.Errorf("%+v, wrong %+v", made, wrong)
	}
	if len(noted) != 1 || noted[0].Line != 4 || noted[0].Code != RowRepeated {
		t.Errorf("noted %+v", noted)
	}
}

func TestAnImportOfOfficesTellsWhatItChangedAndKeepsTheirIDs(t *testing.T) {
	office := func(smo, name, phone string) Office {
		return Office{SMO: smo, Name: name, Address: "А", Phone: phone, AsOf: today}
	}
	with := func(o Office, id string) Office { o.ID = id; return o }
	a, b, c, d := office("26101", "а", "1"), office("26101", "б", "1"), office("26101", "в", "1"), office("26102", "а", "1")

	first, report := listed.WithOffices([]Office{a, b, c, d})
	if report.Added != 4 || report.NothingChanged() || report.Changes[0].What != Added || report.Changes[3].Office != "26102-1" {
		t.Errorf("the first time: %+v", report)
	}
	if want := []Office{with(a, "26101-1"), with(b, "26101-2"), with(c, "26101-3"), with(d, "26102-1")}; !reflect.DeepEqual(first.offices, want) {
		t.Errorf("%+v", first.offices)
	}
	again, report := first.WithOffices([]Office{a, b, c, d})
	if !report.NothingChanged() || report.Unchanged != 4 || !reflect.DeepEqual(again, first) {
		t.Errorf("the second time: %+v", report)
	}

	// One goes, one has another telephone and hours, one is new, in another order.
	changed, added := office("26101", "в", "2"), office("26101", "г", "1")
	changed.Hours = "пн"
	next, report := first.WithOffices([]Office{added, changed, d, a})
	if want := []Office{with(added, "26101-4"), with(changed, "26101-3"), with(d, "26102-1"), with(a, "26101-1")}; !reflect.DeepEqual(next.offices, want) {
		t.Errorf("%+v", next.offices)
	}
	want := Report{Added: 1, Changed: 1, Ended: 1, Unchanged: 2, Changes: []Change{
		{"26101", "26101-2", "б", Ended, []string{}}, {"26101", "26101-3", "в", Changed, []string{"phone", "hours"}}, {"26101", "26101-4", "г", Added, []string{}},
	}}
	if !reflect.DeepEqual(report, want) {
		t.Errorf("got  %+v\nwant %+v", report, want)
	}
	if len(next.insurers) != 2 {
		t.Errorf("insurers: %+v", next.insurers)
	}
}

func TestAnImportOfInsurersKeepsTheOffices(t *testing.T) {
	before, _ := listed.WithOffices([]Office{{SMO: "26101", Name: "а", Address: "А"}, {SMO: "26102", Name: "а", Address: "А"}})
	lasting := []Contract{{Since: calendar.On(2011, time.January, 1)}}
	after, _ := before.Replaced([]Insurer{{SMO: "26101", Region: "26", Contracts: lasting}}, march)
	if got := after.OfficesOf("26", today); len(got) != 1 || got[0].ID != "26101-1" {
		t.Errorf("of the one that remains: %+v", got)
	}
	back, _ := after.Replaced([]Insurer{{SMO: "26101", Region: "26", Contracts: lasting}, {SMO: "26102", Region: "26", Contracts: lasting}}, march)
	if got := back.OfficesOf("26", today); len(got) != 2 {
		t.Errorf("once the other is back: %+v", got)
	}
}
