package policy

import (
	"errors"
	"strings"
	"testing"
	"time"

	"polis/shared/calendar"
	"polis/shared/fault"
	"polis/shared/person"
)

func TestEveryWrongFieldOfAServiceIsNamed(t *testing.T) {
	born, today := calendar.On(2019, time.September, 2), calendar.On(2026, time.March, 10)
	good := Rendered{Date: today, Service: "Осмотр педиатра", Cost: 85000, Clinic: "Детская поликлиника № 2", ClinicID: "260001"}
	for rule, tc := range map[string]struct {
		change func(*Rendered)
		want   string
	}{
		"a whole one":                  {func(*Rendered) {}, ""},
		"of the day of birth":          {func(r *Rendered) { r.Date = born }, ""},
		"before birth":                 {func(r *Rendered) { r.Date = born.AddDays(-1) }, "date date_wrong"},
		"of tomorrow":                  {func(r *Rendered) { r.Date = today.AddDays(1) }, "date date_wrong"},
		"without a day":                {func(r *Rendered) { r.Date = calendar.Date{} }, "date date_wrong"},
		"without a name":               {func(r *Rendered) { r.Service = "" }, "service required"},
		"with an endless name":         {func(r *Rendered) { r.Service = strings.Repeat("о", 301) }, "service too_long"},
		"with a name that fits":        {func(r *Rendered) { r.Service = strings.Repeat("о", 300) }, ""},
		"with a name that turns round": {func(r *Rendered) { r.Service = "Приём\u202e врача" }, "service control_character"},
		"of a clinic that rings": {func(r *Rendered) { r.Clinic, r.ClinicID, r.Code = "Поли\a", "26\u200b", "B\n1" },
			"code control_character, clinic.code control_character, clinic.name control_character"},
		"without a clinic":   {func(r *Rendered) { r.Clinic, r.ClinicID = "", "" }, "clinic.code required, clinic.name required"},
		"paid by the clinic": {func(r *Rendered) { r.Cost = -1 }, "cost out_of_range"},
		"for nothing":        {func(r *Rendered) { r.Cost = 0 }, ""},
	} {
		r := good
		tc.change(&r)
		var got []string
		for _, f := range r.Check(born, today) {
			got = append(got, f.Field+" "+f.Code)
		}
		if strings.Join(got, ", ") != tc.want {
			t.Errorf("%s: %q instead of %q", rule, got, tc.want)
		}
	}
	if wrong := (Rendered{Date: calendar.On(1992, time.December, 31), Service: "x", Clinic: "x", ClinicID: "x"}).Check(calendar.On(1960, time.January, 1), today); len(wrong) != 1 {
		t.Errorf("before there was the insurance: %v", wrong)
	}
}

func TestTheSumsOfAYearAreAddedUpAndTheEarlierOnesStay(t *testing.T) {
	on := func(year int, cost int64) Rendered {
		return Rendered{Date: calendar.On(year, time.May, 1), Cost: cost}
	}
	first := Services{}.Adding(on(2025, 100))
	all := first.Adding(on(2026, 5)).Adding(on(2025, 20))
	if all.Years[2025] != (YearOfServices{2025, 2, 120}) || all.Years[2026] != (YearOfServices{2026, 1, 5}) {
		t.Errorf("%+v", all)
	}
	if len(first.Years) != 1 || first.Years[2025].Count != 1 {
		t.Errorf("adding changed what it began from: %+v", first)
	}
}

// 323-FZ, art. 54, part 2: from 15; Civil Code, art. 21: until 18.
func TestATeenagerHidesServicesFromParentsFrom15Until18(t *testing.T) {
	i := Insured{Person: person.Person{Birth: calendar.On(2011, time.March, 11)}, Insurances: []Insurance{{Cover: Cover{Region: "41", Since: calendar.On(2011, time.April, 1)}}}}
	at := func(text string) time.Time {
		when, err := time.Parse(time.RFC3339, text)
		if err != nil {
			t.Fatal(err)
		}
		return when
	}
	for rule, tc := range map[string]struct {
		at         string
		code, from string
	}{
		"the evening before, on Kamchatka":  {"2026-03-10T23:59:00+12:00", "services_private_from_15", "2026-03-11"},
		"the 15th birthday itself":          {"2026-03-11T00:00:00+12:00", "", ""},
		"the last day before 18":            {"2029-03-10T23:59:00+12:00", "", ""},
		"at 18 the parents see none anyway": {"2029-03-11T00:00:00+12:00", "services_private_already", ""},
	} {
		now := at(tc.at)
		s, err := i.Hide(Services{}, true, now)
		if tc.code == "" {
			if err != nil || !s.Hidden || !s.Since.Equal(now) {
				t.Errorf("%s: %+v, %v", rule, s, err)
			}
			if err := i.ToParents(s, i.Today(now)); !errors.Is(err, errServicesHidden) {
				t.Errorf("%s: the parents are told %v", rule, err)
			}
			if err := i.ToParents(Services{}, i.Today(now)); err != nil {
				t.Errorf("%s: shown services are refused: %v", rule, err)
			}
			if again, _ := i.Hide(s, true, now.Add(time.Hour)); !again.Since.Equal(now) {
				t.Errorf("%s: hidden twice since %s", rule, again.Since)
			}
			continue
		}
		if f := fault.From(err); f.Code != tc.code || f.From != tc.from || s.Hidden {
			t.Errorf("%s: %s from %q", rule, f.Code, f.From)
		}
	}
}
