package function

import (
	"fmt"
	"io/fs"
	"net/url"
	"slices"
	"strings"
	"testing"
	"testing/fstest"
	"time"

	"polis/shared/access"
	"polis/shared/application"
	"polis/shared/calendar"
	"polis/shared/consent"
	"polis/shared/fault"
	"polis/shared/person"
)

func TestWhoMovesNextIsARule(t *testing.T) {
	given := []consentAnswer{{Operator: consent.FFOMS, Status: consent.Granted}, {Operator: consent.Mincifry, Status: consent.Granted}}
	half := []consentAnswer{given[0], {Operator: consent.Mincifry, Status: consent.None}}
	back := []consentAnswer{given[0], {Operator: consent.Mincifry, Status: consent.Revoked}}
	latest := func(s application.Status) *applicationAnswer { return &applicationAnswer{Status: s} }
	card, silent := &cardAnswer{}, fault.Unreachable("policy_card", nil)
	for rule, tc := range map[string]struct {
		member member
		want   step
	}{
		"a consent that was never given comes first":          {member{Consents: half}, giveConsent},
		"so does one that was revoked":                        {member{Consents: back}, giveConsent},
		"and goes before a card":                              {member{Consents: back, Card: card}, giveConsent},
		"and before an application":                           {member{Consents: half, Latest: latest(application.Working)}, giveConsent},
		"with consents alone there is to ask":                 {member{Consents: given}, ask},
		"a card is looked at":                                 {member{Consents: given, Card: card}, look},
		"even while it is asked for again":                    {member{Consents: given, Card: card, Latest: latest(application.Working)}, look},
		"even when that was refused":                          {member{Consents: given, Card: card, Latest: latest(application.Refused)}, look},
		"a card that cannot be read is for later":             {member{Consents: given, Fault: silent, Latest: latest(application.Granted)}, later},
		"a submitted application is waited for":               {member{Consents: given, Latest: latest(application.Submitted)}, wait},
		"one in the works too":                                {member{Consents: given, Latest: latest(application.Working)}, wait},
		"one that needs the person is answered":               {member{Consents: given, Latest: latest(application.NeedsPerson)}, answer},
		"a refused one too":                                   {member{Consents: given, Latest: latest(application.Refused)}, answer},
		"a granted one whose copy is erased can be asked for": {member{Consents: given, Latest: latest(application.Granted)}, ask},
	} {
		if got := tc.member.Next(); got != tc.want {
			t.Errorf("%s: %q", rule, got)
		}
	}
}

func TestOfTheRevokedConsentsTheLastIsNamed(t *testing.T) {
	at := time.Date(2026, time.March, 10, 9, 0, 0, 0, time.UTC)
	first := consentAnswer{Operator: consent.FFOMS, Status: consent.Revoked, Since: at}
	last := consentAnswer{Operator: consent.Mincifry, Status: consent.Revoked, Since: at.Add(time.Hour)}
	for _, all := range [][]consentAnswer{{first, last}, {last, first}} {
		if got := (member{Consents: all}).Revoked(); got == nil || *got != last {
			t.Errorf("%+v", got)
		}
	}
	if got := (member{Consents: []consentAnswer{{Status: consent.None}, {Status: consent.Granted, Since: at}}}).Revoked(); got != nil {
		t.Errorf("none was revoked, but %+v", got)
	}
}

func TestWhoseConsentsAreNeeded(t *testing.T) {
	have := consentList{Items: []consentAnswer{
		{Operator: consent.FFOMS, Person: "child", Status: consent.Granted, Receipt: "c"}, {Operator: consent.Mincifry, Person: consent.Self, Status: consent.Granted, Receipt: "m"},
	}}
	if got := needed(have, consent.Self); len(got) != 2 || got[0].Status != consent.None || got[1].Receipt != "m" {
		t.Errorf("of oneself: %+v", got)
	}
	if got := needed(have, "child"); len(got) != 1 || got[0].Receipt != "c" {
		t.Errorf("of a child: %+v", got)
	}
}

func TestEveryFormOfAPageTellsToWhomItWasShown(t *testing.T) {
	files, err := fs.Glob(pageFiles, "pages/*.html")
	if err != nil {
		t.Fatal(err)
	}
	forms := 0
	for _, name := range files {
		content, err := fs.ReadFile(pageFiles, name)
		if err != nil {
			t.Fatal(err)
		}
		for _, part := range strings.Split(string(content), `method="post"`)[1:] {
			form, _, _ := strings.Cut(part, "</form>")
			// These two ask for nothing in anybody's name; what failed has its key among its fields.
			if strings.Contains(form, `"/language"`) || strings.Contains(form, `"/logout"`) || strings.Contains(form, ".Data.Resend") {
				continue
			}
			if forms++; !strings.Contains(form, `name="key" value="{{$`) && !strings.Contains(form, `name="key" value="{{.Key}}`) {
				t.Errorf("%s: a form without a key: %s", name, form)
			}
		}
	}
	if forms < 20 {
		t.Errorf("only %d forms are found", forms)
	}
}

func TestNoAddressLeadsOutOfThePortal(t *testing.T) {
	for path, want := range map[string]string{
		"":                             "/",
		"/":                            "/",
		"/card?person=self":            "/card?person=self",
		"/requests/x#y":                "/requests/x#y",
		"//evil.example":               "//evil.example", // below root it is a path
		"https://evil.example":         "/",
		"@evil.example":                "/",
		".evil.example":                "/",
		`/\evil.example`:               "/",
		`\\evil.example`:               "/",
		"/../../inbox":                 "/",
		"/%2e%2e/%2E%2E/inbox":         "/",
		"/.%2e/inbox":                  "/",
		"/x\r\nSet-Cookie: a=b":        "/",
		"/\t/evil.example":             "/",
		"/login":                       "/",
		"/login/callback?code=1":       "/",
		"/logins-of-old":               "/logins-of-old",
		"javascript:alert(1)":          "/",
		"/" + strings.Repeat("a", 600): "/",
		"/documents?next=%2f%2fx":      "/documents?next=%2f%2fx",
	} {
		if got := local(path); got != want {
			t.Errorf("%q leads to %q", path, got)
		}
	}
}

func TestDaysAndMomentsAreToldInWordsByTheRegionsClock(t *testing.T) {
	zone := calendar.Zone("26")
	ru, en := &page{zone: zone}, &page{zone: zone, English: true}
	const nb = "\u00a0"
	for _, tc := range []struct {
		at              any
		day, moment, in string
	}{
		{time.Date(2026, time.March, 10, 22, 30, 0, 0, time.UTC), "11" + nb + "марта" + nb + "2026" + nb + "г.", ", в" + nb + "01:30", "11" + nb + "March" + nb + "2026"},
		{"2026-03-10T23:59:59+03:00", "10" + nb + "марта" + nb + "2026" + nb + "г.", ", в" + nb + "23:59", "10" + nb + "March" + nb + "2026"},
		{"2026-05-09", "9" + nb + "мая" + nb + "2026" + nb + "г.", "", "9" + nb + "May" + nb + "2026"},
		{calendar.On(1985, time.December, 1), "1" + nb + "декабря" + nb + "1985" + nb + "г.", "", "1" + nb + "December" + nb + "1985"},
		{"", "", "", ""}, {time.Time{}, "", "", ""}, {calendar.Date{}, "", "", ""},
	} {
		day, err := ru.Day(tc.at)
		if err != nil || day != tc.day {
			t.Errorf("day of %v: %q, %v", tc.at, day, err)
		}
		if moment, err := ru.Moment(tc.at); err != nil || moment != tc.day+tc.moment {
			t.Errorf("moment of %v: %q, %v", tc.at, moment, err)
		}
		if day, err := en.Day(tc.at); err != nil || day != tc.in {
			t.Errorf("day of %v in English: %q, %v", tc.at, day, err)
		}
	}
	for _, at := range []any{"soon", "2026-02-30", 7, nil} {
		if day, err := ru.Day(at); err == nil {
			t.Errorf("%v is the day %q", at, day)
		}
	}
}

func TestEntriesOfOneCallWithOneActionAreOneLook(t *testing.T) {
	at := time.Date(2026, time.March, 10, 9, 0, 0, 0, time.UTC)
	entry := func(before time.Duration, call, who, text string) accessAnswer {
		return accessAnswer{At: at.Add(-before), CallID: call, Who: who, Text: text}
	}
	services, card := "Оказанные услуги запрошены в регистре", "Запрос карточки полиса"
	items := []accessAnswer{ // newest first
		entry(0, "1", "вы", services),
		entry(time.Millisecond, "1", "вы", services),
		entry(time.Millisecond, "1", "вы", card),
		entry(2*time.Millisecond, "2", "вы", services),
		entry(3*time.Millisecond, "1", "сервис заявлений", services),
		entry(59*time.Second, "1", "вы", services),
		entry(61*time.Second, "1", "вы", services), // a call that somebody gave the name of another
		entry(62*time.Second, "1", "вы", services),
	}
	want := []accessAnswer{items[0], items[2], items[3], items[4], items[6]}
	if got := looks(items); !slices.Equal(got, want) {
		t.Errorf("%+v", got)
	}
}

func TestWhatOneReadInARowOnADayIsOneRow(t *testing.T) {
	zone := calendar.Zone("26")
	at := func(day, hour, minute int) time.Time {
		return time.Date(2026, time.March, day, hour, minute, 0, 0, zone).UTC()
	}
	var items []accessAnswer // newest first
	entry := func(at time.Time, who string, action access.Action, text string) {
		items = append(items, accessAnswer{At: at, Action: action, Text: text, Who: who, By: "self"})
	}
	for minute := range 40 {
		entry(at(10, 9, 59-minute), "вы", access.ReadApplications, "Просмотр заявлений")
	}
	entry(at(10, 9, 10), "вы", access.ReadConsents, "Просмотр согласий")
	entry(at(10, 9, 9), "вы", access.ChangeConsents, "Изменение согласия")
	entry(at(10, 9, 9), "вы", access.ChangeConsents, "Изменение согласия")
	entry(at(10, 9, 8), "вы", access.Apply, "Подача заявления")
	entry(at(10, 9, 7), "сервис заявлений", access.LookUpInsured, "Поиск сведений в регистре")
	entry(at(10, 9, 6), "вы", access.ReadApplications, "Просмотр заявлений")
	// Two at once, each with several things.
	entry(at(10, 9, 5), "сервис уведомлений", access.DeliverNotice, "Отправка уведомления")
	entry(at(10, 9, 5), "сервис заявлений", access.WorkApplication, "Обработка заявления")
	entry(at(10, 9, 5), "сервис уведомлений", access.DeliverNotice, "Отправка уведомления")
	entry(at(10, 9, 5), "сервис заявлений", access.LookUpInsured, "Поиск сведений в регистре")
	entry(at(10, 9, 4), "сервис заявлений", access.WorkApplication, "Обработка заявления")
	entry(at(10, 9, 3), "вы", access.ReadApplications, "Просмотр заявлений")
	entry(at(10, 0, 1), "вы", access.ReadCard, "Просмотр карточки полиса")
	entry(at(9, 23, 59), "вы", access.ReadCard, "Просмотр карточки полиса")
	var rows []string
	for _, r := range together(items, zone) {
		row := r.First.In(zone).Format("02 15:04") + "-" + r.Last.In(zone).Format("15:04") + " " + r.Who
		for _, d := range r.Done {
			row += fmt.Sprintf(", %s %d", d.Text, d.Count)
		}
		rows = append(rows, row)
	}
	want := []string{
		"10 09:10-09:59 вы, Просмотр заявлений 40, Просмотр согласий 1",
		"10 09:09-09:09 вы, Изменение согласия 2",
		"10 09:08-09:08 вы, Подача заявления 1",
		"10 09:07-09:07 сервис заявлений, Поиск сведений в регистре 1",
		"10 09:06-09:06 вы, Просмотр заявлений 1",
		"10 09:05-09:05 сервис уведомлений, Отправка уведомления 2",
		"10 09:05-09:05 сервис заявлений, Обработка заявления 1, Поиск сведений в регистре 1",
		"10 09:04-09:04 сервис заявлений, Обработка заявления 1",
		"10 00:01-09:03 вы, Просмотр заявлений 1, Просмотр карточки полиса 1",
		"09 23:59-23:59 вы, Просмотр карточки полиса 1",
	}
	if !slices.Equal(rows, want) {
		t.Errorf("%s", strings.Join(rows, "\n"))
	}
}

func TestNumbersHaveTheirNoun(t *testing.T) {
	for n, want := range map[int]string{2: "2 раза", 4: "4 раза", 5: "5 раз", 11: "11 раз", 12: "12 раз", 21: "21 раз", 22: "22 раза", 112: "112 раз", 1: ""} {
		if got := strings.ReplaceAll((&page{}).Times(n), "\u00a0", " "); got != want {
			t.Errorf("%d: %q", n, got)
		}
	}
	for n, want := range map[int]string{0: "0 services", 1: "1 service", 2: "2 services", 21: "21 services"} {
		if got := strings.ReplaceAll((&page{English: true}).Count(n, "услуга", "услуги", "услуг", "service"), "\u00a0", " "); got != want {
			t.Errorf("%d: %q", n, got)
		}
	}
}

func TestTheDaysThatAreLeftHaveTheirVerb(t *testing.T) {
	for n, want := range map[int][2]string{
		1: {"остался 1 день", "1 day left"}, 2: {"осталось 2 дня", "2 days left"}, 7: {"осталось 7 дней", "7 days left"}, 11: {"осталось 11 дней", "11 days left"},
		21: {"остался 21 день", "21 days left"}, 31: {"остался 31 день", "31 days left"}, 111: {"осталось 111 дней", "111 days left"},
	} {
		for k, p := range []*page{{}, {English: true}} {
			if got := strings.ReplaceAll(p.Left(n), "\u00a0", " "); got != want[k] {
				t.Errorf("%d: %q", n, got)
			}
		}
	}
}

func TestAmountsAreToldInRoublesAndKopecks(t *testing.T) {
	ru, en := &page{}, &page{English: true}
	for kopecks, want := range map[int64][2]string{
		0: {"0,00\u00a0₽", "0.00\u00a0₽"}, 5: {"0,05\u00a0₽", "0.05\u00a0₽"}, 64350: {"643,50\u00a0₽", "643.50\u00a0₽"},
		123456789: {"1\u00a0234\u00a0567,89\u00a0₽", "1\u00a0234\u00a0567.89\u00a0₽"}, 100000: {"1\u00a0000,00\u00a0₽", "1\u00a0000.00\u00a0₽"},
	} {
		if got := [2]string{ru.Roubles(kopecks), en.Roubles(kopecks)}; got != want {
			t.Errorf("%d: %q", kopecks, got)
		}
	}
}

func TestWhoNeedsTheVisitorComesFirst(t *testing.T) {
	given, none, back := []consentAnswer{{Status: consent.Granted}}, []consentAnswer{{Status: consent.None}}, []consentAnswer{{Status: consent.Revoked}}
	latest := func(s application.Status, overdue bool) *applicationAnswer {
		return &applicationAnswer{Status: s, Overdue: overdue}
	}
	who := func(name string) relative { return relative{Person: name} }
	family := overview{Members: []member{
		{relative: who("withdrawn"), Consents: back},
		{relative: who("looked at"), Consents: given, Card: &cardAnswer{}},
		{relative: who("waited for"), Consents: given, Latest: latest(application.Working, false)},
		{relative: who("cannot be read"), Consents: given, Fault: fault.Unreachable("policy_card", nil)},
		{relative: who("without consent"), Consents: none},
		{relative: who("to ask"), Consents: given},
		{relative: who("late"), Consents: given, Latest: latest(application.Working, true)},
		{relative: who("to answer"), Consents: given, Latest: latest(application.NeedsPerson, false)},
	}}
	var order []string
	for _, m := range family.ByNeed() {
		order = append(order, m.Person)
	}
	want := []string{"late", "to answer", "to ask", "without consent", "looked at", "waited for", "cannot be read", "withdrawn"}
	if !slices.Equal(order, want) {
		t.Errorf("%q", order)
	}
	if family.Members[0].Person != "withdrawn" {
		t.Error("the family itself is in another order")
	}
}

func TestADayThatIsNotInTheCalendarIsToldApartFromADateInWords(t *testing.T) {
	for typed, want := range map[string]string{
		"31.05.2028": "", "1.5.2028": "", "2028-05-31": "", "": "",
		"31.02.2027": "Такого дня нет", "1.13.2027": "Такого дня нет", "2027-02-31": "Такого дня нет",
		"0.1.2026": "Такого дня нет",
		"весной":   "Напишите дату цифрами", "31.05.28": "Напишите дату цифрами",
	} {
		got := ""
		if _, wrong := dateOf(url.Values{"from": {typed}}, "from"); wrong != nil {
			got = wrong[0].Detail.RU
		}
		if !strings.HasPrefix(got, want) || want == "" && got != "" {
			t.Errorf("%q: %q", typed, got)
		}
	}
}

func TestAVersionIsOfEveryFilesContent(t *testing.T) {
	of := func(files ...fs.FS) string {
		version, err := versionOf(files...)
		if err != nil {
			t.Fatal(err)
		}
		return version
	}
	file := func(text string) *fstest.MapFile { return &fstest.MapFile{Data: []byte(text)} }
	assets, pages := fstest.MapFS{"assets/a.css": file("a")}, fstest.MapFS{"pages/a.html": file("a"), "pages/b.html": file("b")}
	was := of(assets, pages)
	if of(assets, pages) != was {
		t.Error("the same files have two versions")
	}
	for change, files := range map[string][]fs.FS{
		"an asset":  {fstest.MapFS{"assets/a.css": file("A")}, pages},
		"a page":    {assets, fstest.MapFS{"pages/a.html": file("a"), "pages/b.html": file("B")}},
		"no page b": {assets, fstest.MapFS{"pages/a.html": file("a")}},
		"a name":    {assets, fstest.MapFS{"pages/a.html": file("a"), "pages/c.html": file("b")}},
		"the seam":  {assets, fstest.MapFS{"pages/a.html": file("ab"), "pages/b.html": file("")}},
	} {
		if of(files...) == was {
			t.Errorf("%s changes no version", change)
		}
	}
}

func TestAChildWithoutAnInsurerComesFirstUntilOneIsBeingChosen(t *testing.T) {
	given := []consentAnswer{{Operator: consent.FFOMS, Status: consent.Granted}}
	own := member{relative: relative{Person: consent.Self}, Consents: given, Card: &cardAnswer{}}
	child := member{relative: relative{Person: "i1"}, Consents: given, Card: &cardAnswer{}, Unchosen: true}
	if first := (overview{Members: []member{own, child}}).ByNeed()[0]; first.Person != "i1" {
		t.Errorf("%s comes first", first.Person)
	}
	child.Choosing = &applicationAnswer{Kind: application.Choose, Status: application.Submitted}
	if first := (overview{Members: []member{own, child}}).ByNeed()[0]; first.Person != consent.Self {
		t.Errorf("while one is being chosen %s comes first", first.Person)
	}
	for kind, shows := range map[application.Kind]bool{
		application.Lookup: true, application.Link: true, application.Register: true, application.Repair: true,
		application.Choose: false, application.Suspend: false, application.Resume: false, application.Restore: false,
	} {
		if (applicationAnswer{Kind: kind}).shows() != shows {
			t.Errorf("%s: %v", kind, !shows)
		}
	}
}

func TestTheHomeOffersWhatThePersonLacks(t *testing.T) {
	self := member{relative: relative{Person: consent.Self}}
	ilya, vera := kid{Name: person.Name{Given: "Илья"}, Birth: calendar.On(2016, 9, 2)}, kid{Name: person.Name{Given: "Вера"}, Birth: calendar.On(2026, 2, 27)}
	recorded := member{relative: relative{Person: "c1", Name: ilya.Name, Birth: ilya.Birth}}
	for _, tc := range []struct {
		rule         string
		o            overview
		kids         []kid
		seeks, lacks bool
	}{
		{"nothing", overview{Members: []member{self}}, nil, true, false},
		{"a policy", overview{Members: []member{{relative: self.relative, Card: &cardAnswer{}}}}, nil, false, false},
		{"only a child's policy", overview{Members: []member{self, {relative: recorded.relative, Card: &cardAnswer{}}}}, []kid{ilya}, true, false},
		{"a child of two", overview{Members: []member{self, recorded}}, []kid{ilya, vera}, true, true},
		{"a register that is silent", overview{Members: []member{self, recorded}, Incomplete: fault.Unreachable("insured_registry", nil)}, []kid{ilya}, true, true},
	} {
		if tc.o.Seeks() != tc.seeks || tc.o.Lacks(tc.kids) != tc.lacks {
			t.Errorf("%s: %v, %v", tc.rule, tc.o.Seeks(), tc.o.Lacks(tc.kids))
		}
	}
}

func TestTelephoneNumbersAreToldInGroups(t *testing.T) {
	for number, want := range map[tel]string{
		"+79005550101": "+7\u00a0900\u00a0555-01-01", "88001000702": "8\u00a0800\u00a0100-07-02", "8 800 100-07-02": "8 800 100-07-02", "+3749005550": "+3749005550", "": "",
	} {
		if got := number.String(); got != want {
			t.Errorf("%q: %q", number, got)
		}
	}
}

func TestTheDatesOfWhatAFunctionSaysAreInWordsToo(t *testing.T) {
	for _, tc := range []struct {
		english    bool
		text, want string
	}{
		{false, "Приостановлен с 10.03.2026", "Приостановлен с 10\u00a0марта\u00a02026\u00a0г."},
		{false, "Аннулирован с 10.03.2026. Причина: ошибка", "Аннулирован с 10\u00a0марта\u00a02026\u00a0г. Причина: ошибка"},
		{false, "с 01.12.2026 по 31.12.2026: срок", "с 1\u00a0декабря\u00a02026\u00a0г. по 31\u00a0декабря\u00a02026\u00a0г.: срок"},
		{false, "Заявление 20260310-AAAA, 45.67.2026, 8 800 100-07-02", "Заявление 20260310-AAAA, 45.67.2026, 8 800 100-07-02"},
		{true, "Expired on 2026-10-30.", "Expired on 30\u00a0October\u00a02026."},
		{true, "Valid until 01.12.2026.", "Valid until 1\u00a0December\u00a02026."},
	} {
		if got := (&page{English: tc.english, zone: time.UTC}).Said(tc.text); got != tc.want {
			t.Errorf("%q: %q", tc.text, got)
		}
	}
}

func TestATelephoneNumberIsDialledAsPhonesKnowIt(t *testing.T) {
	for text, dialled := range map[string]string{
		"8 (8793) 32-56-88": "+78793325688", "88652941125": "+78652941125", "+7 495 870-95-40": "+74958709540", "(385-2)243637": "+73852243637",
		"8-800-100-07-02": "88001000702", "122": "122", "8-495-9217696;8-495-9511901": "+74959217696", "8 495 223-71-20, 8 495 223-71-21": "+74952237120",
		"8 (495) 223-71-20, доб. 10-01": "+74952237120;ext=1001", "8 (8452) 23-88-05 доб. 105": "+78452238805;ext=105",
		"НЕТ": "", "": "", "23-45-67": "", "8495921769684959511901": "",
	} {
		if got := (&page{}).Dial(text); got != dialled {
			t.Errorf("%q: %q instead of %q", text, got, dialled)
		}
	}
}
