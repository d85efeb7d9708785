package function

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"polis/shared/access"
	"polis/shared/functiontest"
)

func newBench(t *testing.T) *functiontest.Bench {
	b := functiontest.New(t)
	b.Run(Name, New)
	return b
}

func TestMissingSettingsAreNamed(t *testing.T) {
	functiontest.MissingIsNamed(t, New, append(functiontest.Stateful, "gateway_url")...)
}

func TestAnUnknownRegionIsNoSetting(t *testing.T) {
	if _, err := New(functiontest.New(t).Env("region", "99")); err == nil || !strings.HasPrefix(err.Error(), "region:") {
		t.Errorf("got %v", err)
	}
}

func TestImportsAreTheOperators(t *testing.T) {
	newBench(t).OnlyFor(access.Operator, Name, "POST /imports", "GET /imports/x", "PUT /imports/x")
}

type listed struct {
	Items []struct {
		ID, SMO, Region, Name, Phone, OGRN, Insurer, Since, Until string
		AsOf                                                      string `json:"as_of"`
	}
	Next string
}

func list(t *testing.T, b *functiontest.Bench, path string) listed {
	t.Helper()
	var got listed
	b.Call("GET", Name, path, "", nil).Expect(200, "").JSON(&got)
	return got
}

func (l listed) codes() []string {
	all := []string{}
	for _, item := range l.Items {
		all = append(all, item.SMO)
	}
	slices.Sort(all)
	return all
}

func TestAnybodySeesTheInsurersOfARegion(t *testing.T) {
	b := newBench(t)
	for path, want := range map[string][]string{
		"/?region=26": {"26001", "26002", "26005", "26006", "26007"},
		"/?region=26&q=" + url.QueryEscape("СОГАЗ"):                      {"26006"},
		"/?region=26&q=" + url.QueryEscape("для жИзни"):                  {"26002"},
		"/?region=26&q=" + url.QueryEscape("нет такой"):                  {},
		"/?region=26&q=" + url.QueryEscape("😀"):                          {},
		"/?region=77&ogrn=1027739008440":                                 {"77012"}, // the company of 26006
		"/?region=85":                                                    {},
		"/offices?region=26&smo=26002":                                   {"26002", "26002", "26002"},
		"/offices?region=26&q=" + url.QueryEscape("буденн"):              {"26006"},
		"/offices?region=26&q=" + url.QueryEscape("капитал"):             {"26007", "26007"},
		"/offices?region=26&smo=26001&q=" + url.QueryEscape("пятигорск"): {"26001"},
		"/offices?region=85":                                             {},
	} {
		if got := list(t, b, path).codes(); !slices.Equal(got, want) {
			t.Errorf("%s: %v, want %v", path, got, want)
		}
	}
	for _, i := range list(t, b, "/?region=26").Items {
		if i.Region != "26" || i.Name == "" || i.Phone == "" || i.OGRN == "" || i.Since == "" || i.AsOf == "" {
			t.Errorf("%+v", i)
		}
	}
	if office := list(t, b, "/offices?region=26&smo=26005").Items[0]; office.Insurer != "Ингосстрах-М" || office.ID != "26005-1" {
		t.Errorf("%+v", office)
	}
	// Who has logged in sees the same.
	b.Call("GET", Name, "/?region=26", b.Token(functiontest.Maria.Claims()), nil).Expect(200, "")
}

func TestOnlyContractsInForceByTheLawClockAreListed(t *testing.T) {
	b := newBench(t)
	b.SetClock(time.Date(2011, time.October, 31, 19, 59, 59, 0, time.UTC)) // 23:59:59 in Stavropol, four hours ahead that year
	if got := list(t, b, "/?region=26").codes(); !slices.Equal(got, []string{"26002", "26003", "26004", "26005"}) {
		t.Errorf("on the last day of a contract: %v", got)
	}
	b.Advance(time.Second)
	if got := list(t, b, "/?region=26").codes(); !slices.Equal(got, []string{"26002", "26003", "26005"}) {
		t.Errorf("on the day after: %v", got)
	}
}

func TestEachWrongFieldOfASearchIsNamed(t *testing.T) {
	b := newBench(t)
	long := url.QueryEscape(strings.Repeat("я", 101))
	for path, want := range map[string]string{
		"/":                            "region required",
		"/?region=99":                  "region region_unknown",
		"/?region=26&q=" + long:        "q too_long",
		"/?region=26&limit=0":          "limit out_of_range",
		"/?region=26&next=77012":       "next next_unknown",
		"/offices":                     "region required",
		"/offices?region=00":           "region region_unknown",
		"/offices?region=26&smo=77012": "smo smo_not_in_region",
		"/offices?region=26&smo=x":     "smo smo_not_in_region",
		"/offices?region=26&next=x":    "next next_unknown",
	} {
		field, code, _ := strings.Cut(want, " ")
		if got := b.Call("GET", Name, path, "", nil).Expect(422, "invalid_fields").Fields(); len(got) != 1 || got[field] != code {
			t.Errorf("%s: %v, want %s", path, got, want)
		}
	}
}

func TestALongListComesInPages(t *testing.T) {
	b := newBench(t)
	for _, of := range []string{"/?region=26", "/offices?region=26"} {
		whole := list(t, b, of)
		var got listed
		pages := 0
		for next := ""; ; pages++ {
			page := list(t, b, of+"&limit=2&next="+next)
			got.Items = append(got.Items, page.Items...)
			if next = page.Next; next == "" {
				break
			}
			if len(page.Items) != 2 {
				t.Fatalf("%s: a page of %d", of, len(page.Items))
			}
		}
		if !slices.Equal(got.Items, whole.Items) || pages < 2 || whole.Next != "" {
			t.Errorf("%s: %d items in %d pages", of, len(got.Items), pages+1)
		}
	}
}

func TestWithoutTheStoreTheInsurersAreUnavailable(t *testing.T) {
	b := newBench(t)
	b.Redis.Close()
	b.Call("GET", Name, "/?region=26", "", nil).Expect(503, "store_unavailable")
	b.Call("GET", Name, "/offices?region=26", "", nil).Expect(503, "store_unavailable")
}

const header = "SMOCOD,TF_OKATO,NAM_SMOP,NAM_SMOK,INN,OGRN,KPP,PHONE,WWW,D_BEGIN,D_END,D_EDIT\n"

// line of an invented insurer.
func line(smo, name, phone, end string) string {
	return fmt.Sprintf("%s,07000,Общество «%s»,%s,2600000006,1127000000005,260001001,%s,www.example.org,01.01.2011,%s,15.01.2026\n", smo, name, name, phone, end)
}

var table = header + line("26101", "Первая-М", "8 800 000-00-01", "") + line("26102", "Вторая-М", "8 800 000-00-02", "")

type progress struct {
	ID, Kind, Phase, Text string
	Offset                int
	Rows                  struct{ Read, Valid, Wrong int }
	Errors, Notes         []struct {
		Line                int
		Field, Code, Detail string
	}
	Nothing bool `json:"nothing_changed"`
	Report  *struct {
		Added, Changed, Ended, Unchanged int
		Changes                          []struct {
			SMO, Office, Name, What string
			Fields                  []string
		}
	}
}

// operator sends files.
type operator struct {
	*functiontest.Bench
	t     *testing.T
	token string
}

func newOperator(t *testing.T, b *functiontest.Bench) operator {
	return operator{b, t, b.Token(functiontest.Operator)}
}

// announced is a file of insurers, or of offices where the format is so called.
func announced(format, file string) map[string]any {
	kind := "f002"
	if format == "offices" {
		kind, format = "offices", "csv"
	}
	sum := sha256.Sum256([]byte(file))
	return map[string]any{"kind": kind, "format": format, "sha256": hex.EncodeToString(sum[:]), "bytes": len(file)}
}

func (o operator) opens(format, file string) progress {
	o.t.Helper()
	var p progress
	o.Call("POST", Name, "/imports", o.token, announced(format, file)).Expect(201, "").JSON(&p)
	return p
}

func (o operator) chunk(id string, offset int, chunk string) functiontest.Response {
	o.t.Helper()
	return o.Call("PUT", Name, fmt.Sprintf("/imports/%s?offset=%d", id, offset), o.token, chunk, "Content-Type", "application/octet-stream")
}

func (o operator) sends(id string, offset int, chunk string) progress {
	o.t.Helper()
	var p progress
	o.chunk(id, offset, chunk).Expect(200, "").JSON(&p)
	return p
}

func (o operator) progress(id string) progress {
	o.t.Helper()
	var p progress
	o.Call("GET", Name, "/imports/"+id, o.token, nil).Expect(200, "").JSON(&p)
	return p
}

// imports a file in chunks of a size.
func (o operator) imports(format, file string, size int) progress {
	o.t.Helper()
	p := o.opens(format, file)
	for p.Phase == "receiving" {
		p = o.sends(p.ID, p.Offset, file[p.Offset:min(len(file), p.Offset+size)])
	}
	if shown := o.progress(p.ID); shown.Phase != p.Phase || shown.Rows != p.Rows {
		o.t.Fatalf("shown as %+v after %+v", shown, p)
	}
	return p
}

func TestAnImportedDirectoryTakesThePlaceOfTheDemonstration(t *testing.T) {
	b := newBench(t)
	o := newOperator(t, b)
	first := o.imports("csv", table, 100)
	if first.Phase != "done" || first.Rows.Read != 2 || first.Rows.Valid != 2 || first.Rows.Wrong != 0 || first.Nothing || first.Report.Added != 2 {
		t.Errorf("the first time: %+v", first)
	}
	if got := list(t, b, "/?region=26").codes(); !slices.Equal(got, []string{"26101", "26102"}) {
		t.Errorf("listed: %v", got)
	}
	if got := list(t, b, "/offices?region=26").codes(); len(got) != 0 {
		t.Errorf("invented offices of real insurers: %v", got)
	}
	again := o.imports("csv", table, 1000)
	if again.Phase != "done" || !again.Nothing || again.Report.Unchanged != 2 || len(again.Report.Changes) != 0 || !strings.Contains(again.Text, "Ничего не изменилось") {
		t.Errorf("the second time: %+v", again)
	}
	next := header + line("26101", "Первая-М", "8 800 000-00-09", "") + line("26103", "Третья-М", "", "31.12.2026")
	changed := o.imports("csv", next, 1000)
	what := map[string]string{}
	for _, c := range changed.Report.Changes {
		what[c.SMO] = c.What + " " + strings.Join(c.Fields, ",")
	}
	if what["26101"] != "changed phone" || what["26102"] != "ended contracts" || what["26103"] != "added " || len(what) != 3 {
		t.Errorf("what changed: %v", what)
	}
	if got := list(t, b, "/?region=26").codes(); !slices.Equal(got, []string{"26101", "26103"}) {
		t.Errorf("listed at last: %v", got)
	}
	if got := list(t, b, "/?region=26&q="+url.QueryEscape("общество третья")).codes(); !slices.Equal(got, []string{"26103"}) {
		t.Errorf("found by the full name: %v", got)
	}
}

func TestOneWrongRowKeepsTheWholeFileOut(t *testing.T) {
	b := newBench(t)
	o := newOperator(t, b)
	o.imports("csv", table, 1000)
	wrong := header + line("26101", "Первая-М", "8 800 000-00-09", "") + strings.Replace(line("26103", "Третья-М", "", ""), "1127000000005", "1127000000006", 1)
	p := o.imports("csv", wrong, 50)
	if p.Phase != "refused" || p.Rows.Read != 2 || p.Rows.Valid != 1 || p.Rows.Wrong != 1 || p.Report != nil || p.Nothing {
		t.Errorf("%+v", p)
	}
	if len(p.Errors) != 1 || p.Errors[0].Line != 3 || p.Errors[0].Field != "OGRN" || p.Errors[0].Code != "ogrn_wrong" || p.Errors[0].Detail == "" {
		t.Errorf("named: %+v", p.Errors)
	}
	got := list(t, b, "/?region=26&q="+url.QueryEscape("первая"))
	if len(got.Items) != 1 || got.Items[0].Phone != "8 800 000-00-01" {
		t.Errorf("half of it was imported: %+v", got.Items)
	}
}

func TestAPacketIsImportedToo(t *testing.T) {
	b := newBench(t)
	packet := `<?xml version="1.0" encoding="windows-1251"?>` + "\n<packet><insCompany><tf_okato>07000</tf_okato><smocod>26101</smocod>" +
		"<nam_smok>\xd1\xe5\xec\xb8\xed\xee\xe2\xf1\xea\xe0\xff</nam_smok><Ogrn>1127000000005</Ogrn><e_mail>a@example.org</e_mail>" +
		"<insInclude><d_begin>01.01.2011</d_begin></insInclude></insCompany></packet>"
	if p := newOperator(t, b).imports("xml", packet, 77); p.Phase != "done" || p.Report.Added != 1 {
		t.Errorf("%+v", p)
	}
	if got := list(t, b, "/?region=26&q="+url.QueryEscape("семенов")); len(got.Items) != 1 || got.Items[0].Name != "Семёновская" || got.Items[0].AsOf != "2026-03-10" {
		t.Errorf("listed: %+v", got.Items)
	}
}

const offices = "SMOCOD;NAME;ADDRESS;PHONE;HOURS;AS_OF\n" +
	"26101;Центральный;г. Ставрополь, ул. Ленина, д. 1;8 800 000-00-01;пн–пт 9:00–18:00;15.01.2026\n" +
	"26101;Вокзал;г. Ессентуки, ул. Вокзальная, д. 3;;;15.01.2026\n" +
	"26102;Центральный;г. Ставрополь, ул. Ленина, д. 1;;;\n"

func TestImportedOfficesTakeThePlaceOfAllThatWereThere(t *testing.T) {
	b := newBench(t)
	o := newOperator(t, b)
	shown := func() (all []string) {
		for _, item := range list(t, b, "/offices?region=26").Items {
			all = append(all, item.ID+" "+item.Name)
		}
		return all
	}
	o.imports("csv", table, 1000)
	first := o.imports("offices", offices, 100)
	if first.Phase != "done" || first.Kind != "offices" || first.Rows.Read != 3 || first.Report.Added != 3 || first.Report.Changes[1].Office != "26101-2" {
		t.Errorf("the first time: %+v", first)
	}
	if got, want := shown(), []string{"26102-1 Центральный", "26101-1 Центральный", "26101-2 Вокзал"}; !slices.Equal(got, want) {
		t.Errorf("shown: %q", got)
	}
	if got := list(t, b, "/offices?region=26&smo=26102").Items; len(got) != 1 || got[0].Insurer != "Вторая-М" || got[0].AsOf != "2026-03-10" {
		t.Errorf("true on the day of the import: %+v", got)
	}
	if again := o.imports("offices", offices, 1000); again.Phase != "done" || !again.Nothing || again.Report.Unchanged != 3 {
		t.Errorf("the second time: %+v", again)
	}
	o.imports("csv", table+line("26103", "Третья-М", "", ""), 1000)
	if got := shown(); len(got) != 3 {
		t.Errorf("after another import of insurers: %q", got)
	}

	_, rest, _ := strings.Cut(strings.Replace(offices, "д. 3;;", "д. 3;8 800 000-00-03;", 1), "\n")
	next := o.imports("offices", "SMOCOD;NAME;ADDRESS;PHONE;HOURS;AS_OF\n26103;Новый;г. Пятигорск, ул. Мира, д. 5;;;\n"+strings.SplitAfterN(rest, "\n", 2)[1], 1000)
	if r := next.Report; r == nil || r.Added != 1 || r.Changed != 1 || r.Ended != 1 || r.Unchanged != 1 || r.Changes[1].Office != "26101-2" || !slices.Equal(r.Changes[1].Fields, []string{"phone"}) {
		t.Errorf("what changed: %+v", r)
	}
	if got, want := shown(), []string{"26102-1 Центральный", "26101-2 Вокзал", "26103-1 Новый"}; !slices.Equal(got, want) {
		t.Errorf("shown at last: %q", got)
	}
}

func TestOneWrongRowKeepsAllOfficesOut(t *testing.T) {
	b := newBench(t)
	o := newOperator(t, b)
	// The insurers of the demonstration are nobody's to have offices.
	if p := o.imports("offices", strings.ReplaceAll(offices, "26101", "26001"), 1000); p.Phase != "refused" || p.Rows.Wrong != 3 || p.Errors[0].Code != "smo_unknown" {
		t.Errorf("before insurers were imported: %+v", p)
	}
	if got := list(t, b, "/offices?region=26&smo=26001").Items; len(got) != 3 {
		t.Errorf("the demonstration's: %+v", got)
	}
	o.imports("csv", table, 1000)
	o.imports("offices", offices, 1000)
	p := o.imports("offices", strings.Replace(offices, "26102;", "26104;", 1), 1000)
	if p.Phase != "refused" || p.Rows.Read != 3 || p.Rows.Valid != 2 || p.Rows.Wrong != 1 || p.Report != nil || len(p.Errors) != 1 {
		t.Errorf("%+v", p)
	}
	if e := p.Errors[0]; e.Line != 4 || e.Field != "SMOCOD" || e.Code != "smo_unknown" || e.Detail == "" {
		t.Errorf("named: %+v", e)
	}
	if got := list(t, b, "/offices?region=26").Items; len(got) != 3 {
		t.Errorf("half of it was imported: %+v", got)
	}
}

func TestAChunkSentAgainChangesNothing(t *testing.T) {
	b := newBench(t)
	o := newOperator(t, b)
	p := o.opens("csv", table)
	for range 2 {
		if got := o.sends(p.ID, 0, table[:100]); got.Phase != "receiving" || got.Offset != 100 {
			t.Fatalf("%+v", got)
		}
	}
	o.chunk(p.ID, 0, strings.Repeat("x", 100)).Expect(409, "chunk_differs")
	o.chunk(p.ID, 101, table[101:]).Expect(409, "offset_differs")
	o.chunk(p.ID, 100, table[100:]+"x").Expect(409, "offset_differs")
	// A process that is made anew goes on where the file has arrived.
	b.Run(Name, New)
	if got := o.progress(p.ID); got.Offset != 100 || got.Phase != "receiving" {
		t.Fatalf("after a restart: %+v", got)
	}
	for range 2 {
		if got := o.sends(p.ID, 100, table[100:]); got.Phase != "done" || got.Report.Added != 2 || got.Nothing {
			t.Errorf("%+v", got)
		}
	}
	if got := list(t, b, "/?region=26").codes(); len(got) != 2 {
		t.Errorf("listed: %v", got)
	}
}

func TestAFileThatArrivedOtherwiseIsNotImported(t *testing.T) {
	b := newBench(t)
	o := newOperator(t, b)
	p := o.opens("csv", table)
	got := o.sends(p.ID, 0, strings.Replace(table, "26102", "26103", 1))
	if got.Phase != "refused" || len(got.Errors) != 1 || got.Errors[0].Code != "sha256_differs" {
		t.Errorf("%+v", got)
	}
	if got := list(t, b, "/?region=26").codes(); len(got) != 5 {
		t.Errorf("listed: %v", got)
	}
}

func TestEachWrongFieldOfAnImportIsNamed(t *testing.T) {
	b := newBench(t)
	o := newOperator(t, b)
	for field, tc := range map[string]struct {
		value any
		code  string
	}{
		"kind":   {"f001", "kind_unknown"},
		"format": {"xls", "format_unknown"},
		"sha256": {"00", "sha256_malformed"},
		"bytes":  {4<<20 + 1, "out_of_range"},
	} {
		body := announced("csv", table)
		body[field] = tc.value
		if got := o.Call("POST", Name, "/imports", o.token, body).Expect(422, "invalid_fields").Fields(); len(got) != 1 || got[field] != tc.code {
			t.Errorf("%s: %v", field, got)
		}
	}
	body := announced("offices", "SMOCOD")
	body["format"] = "xml"
	if got := o.Call("POST", Name, "/imports", o.token, body).Expect(422, "invalid_fields").Fields(); len(got) != 1 || got["format"] != "format_unknown" {
		t.Errorf("offices as XML: %v", got)
	}
	body = announced("csv", "")
	if got := o.Call("POST", Name, "/imports", o.token, body).Expect(422, "invalid_fields").Fields(); got["bytes"] != "out_of_range" {
		t.Errorf("an empty file: %v", got)
	}
	id := o.opens("csv", table).ID
	for _, offset := range []string{"", "-1", "x"} {
		res := o.Call("PUT", Name, "/imports/"+id+"?offset="+offset, o.token, "x", "Content-Type", "application/octet-stream")
		if got := res.Expect(422, "invalid_fields").Fields(); got["offset"] != "out_of_range" {
			t.Errorf("offset %q: %v", offset, got)
		}
	}
	o.Call("PUT", Name, "/imports/"+id+"?offset=0", o.token, "x", "Content-Type", "application/json").Expect(http.StatusUnsupportedMediaType, "media_type_not_supported")
	o.Call("GET", Name, "/imports/"+id[:25]+"z", o.token, nil).Expect(404, "import_not_found")
	o.chunk("nonsense", 0, "x").Expect(404, "import_not_found")
}
