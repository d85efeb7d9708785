package policy

import (
	"slices"
	"testing"
	"time"

	"polis/shared/calendar"
	"polis/shared/person"
)

var (
	now    = time.Date(2026, 3, 10, 12, 0, 0, 0, time.UTC)
	today  = calendar.DateOf(now)
	holder = person.Person{
		SNILS: "11223344595", Name: person.Name{Family: "Соловьёва", Given: "Мария"}, Sex: person.Female,
		Birth: calendar.On(1985, 3, 12), Document: person.Document{Type: 14, Series: "4512", Number: "123456"},
	}
)

func recordOf(p person.Person) Insured {
	return Enrol("i1", "2656410887000127", p, "26", "26002", "import", calendar.On(2019, 5, 14), calendar.On(2019, 5, 14).Start(time.UTC))
}

func with(change func(*person.Person)) person.Person {
	p := holder
	change(&p)
	return p
}

func TestARecordIsShownOnlyToThePersonItIsAbout(t *testing.T) {
	for _, tc := range []struct {
		name           string
		asks           person.Person
		blocking, told []string
	}{
		{"the same person", holder, nil, nil},
		{"the name in other letters", with(func(p *person.Person) { p.Name.Family = "СОЛОВЬЕВА" }), nil, nil},
		{"a new surname, same SNILS and birth date", with(func(p *person.Person) { p.Name.Family = "Орлова" }), nil, []string{NameDiffers}},
		{"a new passport", with(func(p *person.Person) { p.Document.Number = "654321" }), nil, []string{DocumentDiffers}},
		{"no document in the account", with(func(p *person.Person) { p.Document = person.Document{} }), nil, nil},
		{"another birth date", with(func(p *person.Person) { p.Birth = calendar.On(1985, 3, 13) }), []string{BirthDateDiffers}, nil},
		{"another SNILS", with(func(p *person.Person) { p.SNILS = "08765430300" }), []string{SNILSDiffers}, nil},
		{"another SNILS and name", with(func(p *person.Person) { p.SNILS, p.Name.Given = "08765430300", "Анна" }), []string{SNILSDiffers, NameDiffers}, nil},
	} {
		blocking, told := match(recordOf(holder), tc.asks)
		if !slices.Equal(blocking, tc.blocking) || !slices.Equal(told, tc.told) {
			t.Errorf("%s: blocking %v, told %v", tc.name, blocking, told)
		}
	}
}

func TestTheAnswerNamesWhyNothingIsShown(t *testing.T) {
	other := recordOf(with(func(p *person.Person) { p.Birth = calendar.On(1985, 3, 13) }))
	second := recordOf(holder)
	second.ID = "i2"
	for _, tc := range []struct {
		name       string
		question   Question
		candidates []Insured
		want       []string
	}{
		{"nobody", Question{Applicant: holder}, nil, []string{NotInRegister}},
		{"somebody else's birth date", Question{Applicant: holder}, []Insured{other}, []string{BirthDateDiffers}},
		{"two records of one person", Question{Applicant: holder}, []Insured{recordOf(holder), second}, []string{DuplicateRecords}},
		{"a typed number nobody has", Question{Applicant: holder, ENP: "2656410887000127"}, nil, []string{ENPDiffers}},
		{"a typed number of somebody else sounds the same", Question{Applicant: holder, ENP: "2656410887000127"}, []Insured{other}, []string{ENPDiffers}},
	} {
		if f := Answer(tc.question, tc.candidates, now); f.Card != nil || !slices.Equal(f.Reasons, tc.want) {
			t.Errorf("%s: %+v", tc.name, f)
		}
	}
	if f := Answer(Question{Applicant: holder}, []Insured{recordOf(holder)}, now); f.Card == nil || f.Card.ENP != "2656410887000127" || !f.Card.AsOf.Equal(now) {
		t.Errorf("the holder: %+v", f)
	}
}

func TestTheInsurerIsTheOneInForceOnTheDate(t *testing.T) {
	record := recordOf(holder)
	record.Insurances = []Insurance{
		{Cover: Cover{SMO: "26002", Since: calendar.On(2019, 5, 14)}},
		{Cover: Cover{SMO: "", Since: calendar.On(2024, 1, 1)}},
		{Cover: Cover{SMO: "26005", Since: calendar.On(2024, 2, 1)}},
	}
	for date, smo := range map[calendar.Date]string{
		calendar.On(2019, 5, 14): "26002", calendar.On(2023, 12, 31): "26002", calendar.On(2024, 1, 15): "", today: "26005",
	} {
		if got := record.Insurance(date); got.SMO != smo || got.Since.IsZero() {
			t.Errorf("%s: %+v", date, got)
		}
	}
	if got := record.Insurance(calendar.On(2019, 5, 13)); got != (Insurance{}) {
		t.Errorf("before the first: %+v", got)
	}
}

func TestTheStateShownFollowsFromTheRecordAndTheDate(t *testing.T) {
	card := CardOf(recordOf(holder), today, now)
	for _, tc := range []struct {
		name   string
		change func(*Card)
		want   Shown
	}{
		{"in force", func(*Card) {}, ShownActive},
		{"nobody chosen yet", func(c *Card) { c.Insurance.SMO = "" }, ShownNoInsurer},
		{"suspended", func(c *Card) { c.Changes = Changes{{Turn: Suspend, Since: today}} }, ShownSuspended},
		{"last day", func(c *Card) { c.ValidUntil = today }, ShownActive},
		{"the day after", func(c *Card) { c.ValidUntil = today.AddDays(-1) }, ShownExpired},
		{"ended goes before expired", func(c *Card) { c.Changes, c.ValidUntil = Changes{{Turn: End, Since: today}}, today.AddDays(-1) }, ShownInvalid},
	} {
		c := card
		tc.change(&c)
		if got := c.Shown(today); got != tc.want {
			t.Errorf("%s: %s", tc.name, got)
		}
		if text := c.ShownText(today); text.RU == "" || text.EN == "" {
			t.Errorf("%s: no words for it", tc.name)
		}
	}
}

func TestAParentRepresentsUntilTheEighteenthBirthday(t *testing.T) {
	child := recordOf(person.Person{Birth: calendar.On(2010, 5, 20)})
	child.Representatives = []person.SNILS{"11223344595"}
	for _, tc := range []struct {
		snils person.SNILS
		on    calendar.Date
		want  bool
	}{
		{"11223344595", calendar.On(2026, 3, 10), true},
		{"11223344595", calendar.On(2028, 5, 19), true},
		{"11223344595", calendar.On(2028, 5, 20), false},
		{"08765430300", calendar.On(2026, 3, 10), false},
		{"", calendar.On(2026, 3, 10), false},
	} {
		if got := child.RepresentedBy(tc.snils, tc.on); got != tc.want {
			t.Errorf("%s on %s: %v", tc.snils, tc.on, got)
		}
	}
}
