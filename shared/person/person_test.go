package person

import (
	"encoding/json"
	"slices"
	"testing"
	"time"

	"polis/shared/calendar"
)

func insured() Person {
	return Person{
		SNILS:    "11223344595",
		Name:     Name{"Соловьёва", "Анна", "Ильинична"},
		Sex:      Female,
		Birth:    calendar.On(1985, time.March, 12),
		Document: Document{Type: Passport, Series: "45 12", Number: "123456"},
	}
}

func TestPersonIsCheckedAsAWholeAndEachWrongFieldNamed(t *testing.T) {
	for _, c := range []struct {
		rule   string
		change func(*Person)
		want   []string
	}{
		{"a whole person", func(*Person) {}, nil},
		{"a newborn has neither SNILS nor document", func(p *Person) { p.SNILS, p.Document, p.Birth = "", Document{}, today }, nil},
		{"a wrong SNILS", func(p *Person) { p.SNILS = "11223344596" }, []string{"person.snils snils_check_digits"}},
		{"a wrong name", func(p *Person) { p.Name.Given = "Анна1" }, []string{"person.name.given name_unsupported_character"}},
		{"no sex", func(p *Person) { p.Sex = "" }, []string{"person.sex sex_wrong"}},
		{"another letter for the sex", func(p *Person) { p.Sex = "Ж" }, []string{"person.sex sex_wrong"}},
		{"no birth date", func(p *Person) { p.Birth = calendar.Date{} }, []string{"person.birth_date birth_date_missing"}},
		{"a birth tomorrow", func(p *Person) { p.Birth = today.AddDays(1) }, []string{"person.birth_date birth_date_in_future"}},
		{"the first birth date taken", func(p *Person) { p.Birth = calendar.On(1900, time.January, 1) }, nil},
		{"a birth before 1900", func(p *Person) { p.Birth = calendar.On(1899, time.December, 31) }, []string{"person.birth_date birth_date_too_early"}},
		{"a wrong document", func(p *Person) { p.Document.Number = "1" }, []string{"person.document.number document_number_wrong"}},
		{"a document without its kind", func(p *Person) { p.Document.Type = 0 }, []string{"person.document.type document_type_unknown"}},
		{"nothing at all", func(p *Person) { *p = Person{} }, []string{
			"person.name.family name_missing", "person.sex sex_wrong", "person.birth_date birth_date_missing"}},
	} {
		t.Run(c.rule, func(t *testing.T) {
			p := insured()
			c.change(&p)
			wrong := p.Check("person", today)
			if got := found(wrong); !slices.Equal(got, c.want) {
				t.Errorf("got %v, want %v", got, c.want)
			}
			for _, f := range wrong {
				if !Checks(f.Code) {
					t.Errorf("%s is not known as a code of these checks", f.Code)
				}
			}
		})
	}
}

func TestWhatIsWrongWithTheRequestIsNoCodeOfAPerson(t *testing.T) {
	for _, code := range []string{"unknown_field", "repeated_field", "wrong_type", "wrong_value", "date_wrong", "date_too_late", "date_too_early", "required", "too_long", ""} {
		if Checks(code) {
			t.Errorf("%q is taken for one", code)
		}
	}
}

func TestPersonIsKeptInCanonicalForm(t *testing.T) {
	p := insured()
	p.SNILS, p.Name.Family, p.Document.Series = "112-233-445 95", " Соловье\u0308ва ", "4512"
	if got := p.Normalised(); got != insured() {
		t.Errorf("got %+v", got)
	}
	p.SNILS = "112"
	if got := p.Normalised().SNILS; got != "112" {
		t.Errorf("a SNILS that cannot be read became %q", string(got))
	}
}

func TestPersonInJSONOmitsWhatIsAbsent(t *testing.T) {
	whole, err := json.Marshal(insured())
	want := `{"snils":"11223344595","name":{"family":"Соловьёва","given":"Анна","patronymic":"Ильинична"},"sex":"F",` +
		`"birth_date":"1985-03-12","document":{"type":14,"series":"45 12","number":"123456"}}`
	if err != nil || string(whole) != want {
		t.Errorf("got %s, %v", whole, err)
	}
	var back Person
	if err := json.Unmarshal(whole, &back); err != nil || back != insured() {
		t.Errorf("read back as %+v, %v", back, err)
	}
	newborn, err := json.Marshal(Person{Name: Name{Family: "Ким"}, Sex: Male, Birth: today})
	if want := `{"name":{"family":"Ким"},"sex":"M","birth_date":"2026-03-10"}`; err != nil || string(newborn) != want {
		t.Errorf("got %s, %v", newborn, err)
	}
}
