package directory

import (
	"maps"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"polis/shared/calendar"
)

// row of an invented insurer. change is pairs of a field and another value.
func row(line int, change ...string) Row {
	fields := map[string]string{
		"SMOCOD": "26101", "TF_OKATO": "07000", "NAM_SMOP": "Общество «Первая»", "NAM_SMOK": "Первая", "INN": "2600000006", "OGRN": "1127000000005",
		"PHONE": "8 800 000-00-01", "WWW": "www.example.org", "D_BEGIN": "01.01.2011", "D_EDIT": "15.01.2026",
	}
	for n := 0; n < len(change); n += 2 {
		fields[change[n]] = change[n+1]
	}
	maps.DeleteFunc(fields, func(_, value string) bool { return value == "" })
	return Row{line, fields}
}

func TestEachFaultOfARowHasItsFieldAndCode(t *testing.T) {
	for _, tc := range []struct {
		rule        string
		field, code string
		change      []string
	}{
		{"no code", "SMOCOD", Required, []string{"SMOCOD", ""}},
		{"a code of four digits", "SMOCOD", CodeMalformed, []string{"SMOCOD", "2610"}},
		{"a code with a letter", "SMOCOD", CodeMalformed, []string{"SMOCOD", "2610О"}},
		{"no OKATO", "TF_OKATO", Required, []string{"TF_OKATO", ""}},
		{"the OKATO of no region", "TF_OKATO", OKATOUnknown, []string{"TF_OKATO", "07100"}},
		{"no name at all", "NAM_SMOK", Required, []string{"NAM_SMOK", "", "NAM_SMOP", ""}},
		{"a name that does not end", "NAM_SMOK", TooLong, []string{"NAM_SMOK", strings.Repeat("я", 501)}},
		{"a name with a control character", "NAM_SMOK", TextUnreadable, []string{"NAM_SMOK", "Пер\x00вая"}},
		{"a name turned round", "NAM_SMOK", TextUnreadable, []string{"NAM_SMOK", "Пер\u202eвая"}},
		{"a name that hides", "NAM_SMOK", TextUnreadable, []string{"NAM_SMOK", "Пер\u200bвая"}},
		{"an address turned round", "ADDR_F", TextUnreadable, []string{"ADDR_F", "ул.\u2066 Мира"}},
		{"a name in another encoding", "NAM_SMOP", TextUnreadable, []string{"NAM_SMOP", "\xcf\xe5\xf0"}},
		{"no OGRN", "OGRN", Required, []string{"OGRN", ""}},
		{"an OGRN with another check digit", "OGRN", OGRNWrong, []string{"OGRN", "1127000000006"}},
		{"an OGRN with two digits exchanged", "OGRN", OGRNWrong, []string{"OGRN", "1172000000005"}},
		{"an OGRN of 12 digits", "OGRN", OGRNWrong, []string{"OGRN", "112700000005"}},
		{"an INN with another check digit", "INN", INNWrong, []string{"INN", "2600000007"}},
		{"no beginning", "D_BEGIN", Required, []string{"D_BEGIN", ""}},
		{"a day that there is not", "D_BEGIN", DateWrong, []string{"D_BEGIN", "29.02.2011"}},
		{"an end in words", "D_END", DateWrong, []string{"D_END", "бессрочно"}},
		{"dates reversed", "D_END", DatesReversed, []string{"D_END", "31.12.2010"}},
		{"an edit that is no date", "D_EDIT", DateWrong, []string{"D_EDIT", "2026"}},
	} {
		t.Run(tc.rule, func(t *testing.T) {
			_, wrong, _ := Insurers([]Row{row(1, "SMOCOD", "26102"), row(7, tc.change...)}, today)
			if len(wrong) != 1 || wrong[0].Line != 7 || wrong[0].Field != tc.field || wrong[0].Code != tc.code {
				t.Fatalf("got %+v, want %s %s", wrong, tc.field, tc.code)
			}
			if wrong[0].Detail.RU == "" || wrong[0].Detail.EN == "" {
				t.Errorf("it is not told in words")
			}
		})
	}
}

func TestEachFaultOfARowIsNamed(t *testing.T) {
	_, wrong, _ := Insurers([]Row{row(3, "OGRN", "1", "TF_OKATO", "1", "D_BEGIN", "1")}, today)
	var fields []string
	for _, w := range wrong {
		fields = append(fields, w.Field)
	}
	if slices.Sort(fields); !slices.Equal(fields, []string{"D_BEGIN", "OGRN", "TF_OKATO"}) {
		t.Errorf("named: %v", fields)
	}
}

func TestWhatIsUnusualIsTakenAndNoted(t *testing.T) {
	for _, tc := range []struct {
		rule        string
		field, code string
		change      []string
	}{
		{"a code that begins with another region's", "SMOCOD", OtherRegion, []string{"SMOCOD", "55044"}},
		{"a site that is none", "WWW", SiteUnreadable, []string{"WWW", "нет"}},
		{"a site of separators alone", "WWW", SiteUnreadable, []string{"WWW", ","}},
		{"a site that runs something", "WWW", SiteUnreadable, []string{"WWW", "javascript:alert(1)"}},
		{"a site with another scheme", "WWW", SiteUnreadable, []string{"WWW", "ftp://example.org"}},
		{"a site with a password", "WWW", SiteUnreadable, []string{"WWW", "http://a:b@example.org"}},
		{"an e-mail address without a host", "E_MAIL", MailUnreadable, []string{"E_MAIL", "info@"}},
	} {
		t.Run(tc.rule, func(t *testing.T) {
			made, wrong, noted := Insurers([]Row{row(7, tc.change...)}, today)
			if len(made) != 1 || wrong != nil || len(noted) != 1 || noted[0].Line != 7 || noted[0].Field != tc.field || noted[0].Code != tc.code {
				t.Fatalf("made %+v, wrong %+v, noted %+v", made, wrong, noted)
			}
			if made[0].Region != "26" || tc.field == "WWW" && made[0].Site != "" || made[0].Email != "" {
				t.Errorf("%+v", made[0])
			}
		})
	}
}

func TestARowMayBeRepeatedButNotContradicted(t *testing.T) {
	made, wrong, noted := Insurers([]Row{row(2), row(3, "SMOCOD", "26102"), row(4)}, today)
	if len(made) != 2 || wrong != nil || len(noted) != 1 || noted[0].Line != 4 || noted[0].Code != RowRepeated {
		t.Errorf("word for word: made %d, wrong %+v, noted %+v", len(made), wrong, noted)
	}
	_, wrong, _ = Insurers([]Row{row(2), row(3, "SMOCOD", "26102"), row(4, "PHONE", "8 800 000-00-02")}, today)
	if len(wrong) != 1 || wrong[0].Line != 4 || wrong[0].Field != "SMOCOD" || wrong[0].Code != CodeRepeated {
		t.Errorf("with another telephone: %+v", wrong)
	}
}

func TestRowsOfOneInsurerAreItsContracts(t *testing.T) {
	former, present := row(2, "D_END", "31.12.2012", "D_EDIT", "15.01.2013"), row(4, "D_BEGIN", "01.06.2015", "D_END", "31.12.2026")
	next := row(5, "D_BEGIN", "01.01.2027", "D_EDIT", "01.03.2026")
	for rule, tc := range map[string]struct {
		rows  []Row
		want  string
		notes int
	}{
		"one":                                    {[]Row{former}, "2011-01-01/2012-12-31", 0},
		"two, with others between":               {[]Row{present, row(3, "SMOCOD", "26102"), former}, "2011-01-01/2012-12-31 2015-06-01/2026-12-31", 0},
		"the next on the day after":              {[]Row{former, present, next}, "2011-01-01/2012-12-31 2015-06-01/", 0},
		"a second one twice":                     {[]Row{former, present, row(6, "D_BEGIN", "01.06.2015", "D_END", "31.12.2026")}, "2011-01-01/2012-12-31 2015-06-01/2026-12-31", 1},
		"in the same line twice, as in a packet": {[]Row{former, former}, "2011-01-01/2012-12-31", 0},
	} {
		made, wrong, noted := Insurers(tc.rows, today)
		if wrong != nil || len(noted) != tc.notes || !reflect.DeepEqual(made[0].Contracts, contracts(t, tc.want)) {
			t.Errorf("%s: %v, wrong %+v, noted %+v", rule, made, wrong, noted)
		}
	}
	if made, _, _ := Insurers([]Row{former, next}, today); made[0].AsOf != calendar.On(2026, time.March, 1) {
		t.Errorf("of an older row: %s", made[0].AsOf)
	}
	for code, another := range map[string]Row{
		CodeRepeated:  row(4, "D_BEGIN", "01.06.2015", "NAM_SMOP", "Другая"),
		DatesReversed: row(4, "D_BEGIN", "01.06.2015", "D_END", "01.06.2014"),
		DateWrong:     row(4, "D_BEGIN", "сегодня"),
		Required:      row(4, "D_BEGIN", ""),
	} {
		if _, wrong, _ := Insurers([]Row{former, another}, today); len(wrong) != 1 || wrong[0].Line != 4 || wrong[0].Code != code {
			t.Errorf("%s: %+v", code, wrong)
		}
	}
	// A packet's row with a fault has it once, however many contracts.
	if _, wrong, _ := Insurers([]Row{row(2, "OGRN", "1"), row(2, "OGRN", "1", "D_BEGIN", "01.06.2015")}, today); len(wrong) != 1 {
		t.Errorf("one fault: %+v", wrong)
	}
}

func TestASiteBecomesAnAddressThatALinkCanHave(t *testing.T) {
	for text, want := range map[string]string{
		"HTTP://WWW.EXAMPLE.ORG":           "http://www.example.org",
		"www.example.org/":                 "http://www.example.org",
		"https://example.org/OMS/":         "https://example.org/OMS",
		"example.org, www.example.com":     "http://example.org",
		"http://www.пример-мед.рф":         "http://www.пример-мед.рф",
		"example":                          "",
		"http://exam ple":                  "",
		"//example.org":                    "",
		"http://example.org:99999x":        "",
		"http://[::1]":                     "",
		`http://example.org"onclick="x(1)`: "",
	} {
		if got := siteOf(text); got != want {
			t.Errorf("%q is %q, want %q", text, got, want)
		}
	}
}

var march = time.Date(2026, time.March, 10, 12, 0, 0, 0, time.UTC)

func TestAnImportTellsWhatItChanged(t *testing.T) {
	begin := calendar.On(2011, time.January, 1)
	insurer := func(smo string) Insurer {
		return Insurer{SMO: smo, Region: "26", Name: "М" + smo, Phone: "1", Contracts: []Contract{{Since: begin}}, AsOf: begin}
	}
	same, changes, ends, gone, longGone := insurer("26101"), insurer("26102"), insurer("26103"), insurer("26104"), insurer("26105")
	longGone.Contracts = contracts(t, "2011-01-01/2012-01-01")
	before := New([]Insurer{same, changes, ends, gone, longGone}, nil)
	changes.Phone, changes.AsOf = "2", today
	ends.Contracts = contracts(t, "2011-01-01/2026-12-31")
	added := insurer("26106")

	after, report := before.Replaced([]Insurer{added, changes, ends, same}, march)
	want := Report{Added: 1, Changed: 1, Ended: 2, Unchanged: 2, Changes: []Change{
		{"26102", "", "М26102", Changed, []string{"phone", "as_of"}}, {"26103", "", "М26103", Ended, []string{"contracts"}},
		{"26104", "", "М26104", Ended, []string{"contracts"}}, {"26106", "", "М26106", Added, []string{}},
	}}
	if !reflect.DeepEqual(report, want) || report.NothingChanged() {
		t.Errorf("got  %+v\nwant %+v", report, want)
	}
	if i, ok := after.FindInsurer("26104"); !ok || i.InForce(today) || !i.InForce(today.AddDays(-1)) {
		t.Errorf("one that is listed no more: %+v", i)
	}
	if i, _ := after.FindInsurer("26105"); !reflect.DeepEqual(i, longGone) {
		t.Errorf("one that ended long ago: %+v", i)
	}
	if i, _ := after.FindInsurer("26102"); !reflect.DeepEqual(i, changes) {
		t.Errorf("one that changed: %+v", i)
	}
	again, report := after.Replaced([]Insurer{added, changes, ends, same}, march.AddDate(0, 0, 1))
	if !report.NothingChanged() || report.Unchanged != 6 || !reflect.DeepEqual(again, after) {
		t.Errorf("imported twice: %+v", report)
	}
}

func TestAChunkGoesOnWhereTheFileHasArrived(t *testing.T) {
	have := Import{Bytes: 10, Offset: 4, Phase: Receiving}
	for _, tc := range []struct {
		rule           string
		offset, length int
		arrived        int
		phase          Phase
		again          bool
		err            error
	}{
		{"the next chunk", 4, 3, 7, Receiving, false, nil},
		{"the last chunk", 4, 6, 10, Received, false, nil},
		{"an empty chunk", 4, 0, 4, Receiving, true, nil},
		{"one that has arrived", 0, 4, 4, Receiving, true, nil},
		{"a part of one that has arrived", 1, 2, 4, Receiving, true, nil},
		{"one after a gap", 5, 2, 4, Receiving, false, ErrOffset},
		{"one that has arrived in part", 3, 2, 4, Receiving, false, ErrOffset},
		{"one that is longer than the file", 4, 7, 4, Receiving, false, ErrOffset},
		{"one before the file", -1, 2, 4, Receiving, false, ErrOffset},
	} {
		t.Run(tc.rule, func(t *testing.T) {
			next, again, err := have.Take(tc.offset, tc.length)
			if next.Offset != tc.arrived || next.Phase != tc.phase || again != tc.again || err != nil != (tc.err != nil) {
				t.Errorf("%+v, again %v, %v", next, again, err)
			}
		})
	}
}
