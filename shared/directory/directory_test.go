package directory

import (
	"encoding/json"
	"fmt"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"polis/shared/calendar"
	"polis/shared/fault"
)

var (
	today    = calendar.On(2026, time.March, 10)
	smoForm  = regexp.MustCompile(`^\d{5}$`)
	ogrnForm = regexp.MustCompile(`^\d{13}$`)
	okato    = regexp.MustCompile(`^\d{5}$`)
	phone    = regexp.MustCompile(`^8 (800 \d{3}-\d\d-\d\d|\(\d{3}\) \d{3}-\d\d-\d\d|\(\d{4}\) \d\d-\d\d-\d\d|\(\d{5}\) \d-\d\d-\d\d)(, доб\. [\d-]+)?$`)
	email    = regexp.MustCompile(`^[a-z0-9_.-]+@[a-z0-9-]+(\.[a-z0-9-]+)+$`)
	site     = regexp.MustCompile(`^https?://[a-zа-я0-9-]+(\.[a-zа-я0-9-]+)+$`)
	shouting = regexp.MustCompile(`[А-ЯЁ]{6,}`)
)

// ogrnChecks proves the last digit: the first twelve modulo 11, then modulo 10.
func ogrnChecks(ogrn string) bool {
	if !ogrnForm.MatchString(ogrn) {
		return false
	}
	rest := 0
	for _, digit := range ogrn[:12] {
		rest = (rest*10 + int(digit-'0')) % 11
	}
	return byte(rest%10) == ogrn[12]-'0'
}

func TestRegionsAreListedByNameAsRussiansReadIt(t *testing.T) {
	var names []string
	for _, r := range RegionsByName() {
		names = append(names, r.Name)
	}
	if len(names) != len(Regions()) || names[0] != "Алтайский край" || names[len(names)-1] != "Ярославская область" {
		t.Errorf("%q", names)
	}
	if at := slices.Index(names, "Москва"); names[at+1] != "Московская область" || names[at+2] != "Мурманская область" {
		t.Errorf("%q", names)
	}
	ordered := []string{"Дубна", "Ёлкино", "Ельня", "Енисейск", "ермаковское", "Жуковка"}
	if !slices.IsSortedFunc(ordered, func(a, b string) int { return strings.Compare(alphabetical(a), alphabetical(b)) }) {
		t.Errorf("%q is not the order", ordered)
	}
}

func TestEveryCodeFrom01To86IsARegion(t *testing.T) {
	if len(Regions()) != 86 {
		t.Errorf("%d regions, want 86", len(Regions()))
	}
	for n, r := range Regions() {
		if want := fmt.Sprintf("%02d", n+1); r.Code != want || r.Name == "" || !okato.MatchString(r.OKATO) {
			t.Errorf("row %d is %+v, want code %s", n, r, want)
		}
	}
	if r, ok := FindRegion("26"); !ok || r.Name != "Ставропольский край" {
		t.Errorf("26 is %+v", r)
	}
	for _, code := range []string{"", "00", "87", "6"} {
		if _, ok := FindRegion(code); ok {
			t.Errorf("%q is a region", code)
		}
	}
}

func TestCallersCannotChangeTheTable(t *testing.T) {
	Regions()[0].Name = ""
	if r, _ := FindRegion("01"); r.Name == "" {
		t.Error("a caller erased the name of a region")
	}
}

func TestEveryFundOf2013HasANameAndAPhone(t *testing.T) {
	for n := 1; n <= 84; n++ {
		code := fmt.Sprintf("%02d", n)
		f, ok := FundOf(code)
		if !ok {
			t.Errorf("region %s has no fund", code)
			continue
		}
		for value, form := range map[string]*regexp.Regexp{f.Phone: phone, f.Email: email, f.Site: site} {
			if !form.MatchString(value) {
				t.Errorf("%s: %q is malformed", code, value)
			}
		}
		if f.Code != code || f.ShortName == "" || f.Address == "" || f.AsOf.IsZero() || !ogrnChecks(f.OGRN) {
			t.Errorf("%s is incomplete or its OGRN is wrong: %+v", code, f)
		}
		if !strings.Contains(f.Name, "фонд обязательного медицинского страхования") || shouting.MatchString(f.Name) {
			t.Errorf("%s: %q is not a name to print", code, f.Name)
		}
	}
	if _, ok := FundOf("85"); ok {
		t.Error("Crimea was not in the classifier of 2013")
	}
}

func TestInsurerBelongsToTheRegionOfItsCode(t *testing.T) {
	seen := map[string]bool{}
	for _, i := range insurers {
		if seen[i.SMO] {
			t.Errorf("%s stands twice", i.SMO)
		}
		seen[i.SMO] = true
		if !smoForm.MatchString(i.SMO) || i.SMO[:2] != i.Region {
			t.Errorf("code %q does not fit region %q", i.SMO, i.Region)
		}
		if i.Name == "" || i.AsOf.IsZero() || len(i.Contracts) == 0 || i.Contracts[0].Since.IsZero() || !ogrnChecks(i.OGRN) || !phone.MatchString(i.Phone) {
			t.Errorf("%s is incomplete: %+v", i.SMO, i)
		}
		if i.Site != "" && !site.MatchString(i.Site) {
			t.Errorf("%s: site %q is malformed", i.SMO, i.Site)
		}
		if found, ok := Demo().FindInsurer(i.SMO); !ok || !reflect.DeepEqual(found, i) {
			t.Errorf("%s is not found by its code", i.SMO)
		}
	}
	if _, ok := Demo().FindInsurer("00000"); ok {
		t.Error("00000 is an insurer")
	}
}

func TestPersonHasAChoiceOfInsurers(t *testing.T) {
	for region, atLeast := range map[string]int{
		"26": 4, "77": 2, "78": 2, "54": 2, "61": 2, "66": 2, "34": 2, "16": 2, "23": 2, "50": 2, "41": 2, "39": 2,
	} {
		if got := Demo().InsurersOf(region, today); len(got) < atLeast {
			t.Errorf("region %s has %d insurers, want %d or more", region, len(got), atLeast)
		}
	}
	if got := Demo().InsurersOf("87", today); len(got) != 0 {
		t.Errorf("an unknown region has insurers: %v", got)
	}
}

func TestInsurersAreListedByName(t *testing.T) {
	listed := Demo().InsurersOf("26", today)
	if !slices.IsSortedFunc(listed, func(a, b Insurer) int { return strings.Compare(a.Name, b.Name) }) {
		t.Errorf("not sorted: %v", listed)
	}
}

func TestOnlyContractsInForceAreOffered(t *testing.T) {
	for _, c := range []struct {
		rule    string
		on      calendar.Date
		offered bool
	}{
		{"not on the day before the contract", calendar.On(2011, time.March, 31), false},
		{"from its first day", calendar.On(2011, time.April, 1), true},
		{"to its last day", calendar.On(2011, time.October, 31), true},
		{"not on the day it ended", calendar.On(2011, time.November, 1), false},
		{"not today", today, false},
	} {
		t.Run(c.rule, func(t *testing.T) {
			got := slices.ContainsFunc(Demo().InsurersOf("26", c.on), func(i Insurer) bool { return i.SMO == "26004" })
			if got != c.offered {
				t.Errorf("offered on %s: %v, want %v", c.on, got, c.offered)
			}
		})
	}
	if _, ok := Demo().FindInsurer("26004"); !ok {
		t.Error("an insurer whose contract ended is still found by its code")
	}
}

func TestCompanyKeepsItsOGRNInEveryRegion(t *testing.T) {
	stavropol, _ := Demo().FindInsurer("26006")
	moscow, _ := Demo().FindInsurer("77012")
	if stavropol.OGRN != moscow.OGRN {
		t.Error("the same company cannot be offered first on a move")
	}
}

func TestWhomeverAPolicyNamesAsItsInsurerHasANameToRead(t *testing.T) {
	english := func(text fault.Text) string { return text.EN }
	for rule, c := range map[string]struct {
		smo, region string
		tell        func(fault.Text) string
		want        Contact
	}{
		"an insurer":                        {"26004", "26", fault.Text.Russian, Contact{Name: "РОСНО-МС", Phone: "8 (8793) 33-26-36"}},
		"the fund that stands in":           {"", "77", fault.Text.Russian, Contact{Name: "Московский городской фонд обязательного медицинского страхования", Phone: "8 (495) 958-18-96", StandIn: true}},
		"an insurer that is not listed":     {"26999", "26", fault.Text.Russian, Contact{Name: "Компания с кодом 26999", Unlisted: true}},
		"the same for who prefers English":  {"26999", "26", english, Contact{Name: "Company with code 26999", Unlisted: true}},
		"where the region has no fund here": {"85001", "85", fault.Text.Russian, Contact{Name: "Компания с кодом 85001", Unlisted: true}},
	} {
		got := Demo().ContactOf(c.smo, c.region, c.tell)
		if got.SMO != c.smo || got.Name != c.want.Name || got.Phone != c.want.Phone || got.StandIn != c.want.StandIn || got.Unlisted != c.want.Unlisted {
			t.Errorf("%s: %+v", rule, got)
		}
	}
}

func TestTermsOfTheContractAreNotShown(t *testing.T) {
	i, _ := Demo().FindInsurer("26003")
	text, err := json.Marshal(i)
	if err != nil {
		t.Fatal(err)
	}
	var shown map[string]any
	if err := json.Unmarshal(text, &shown); err != nil {
		t.Fatal(err)
	}
	for _, key := range []string{"smo", "region", "name", "phone", "email", "site", "address", "ogrn", "as_of"} {
		if _, ok := shown[key]; !ok {
			t.Errorf("%s is missing in %s", key, text)
		}
		delete(shown, key)
	}
	if len(shown) != 0 {
		t.Errorf("also shown: %v", shown)
	}
}
