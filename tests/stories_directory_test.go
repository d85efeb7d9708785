package tests

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"golang.org/x/text/encoding/charmap"

	"polis/shared/directory"
)

// classifier is an F002 as it is published, of invented insurers: 448 rows, of
// which the first stand for those that the personas have. change is pairs of a
// text and another for it.
func classifier(t *testing.T, change ...string) []byte {
	t.Helper()
	codes := []string{"26001", "26002", "26005", "26006", "26007", "26101"}
	for n := 0; len(codes) < 448; n++ {
		codes = append(codes, fmt.Sprintf("%s%03d", directory.Regions()[n%86].Code, 200+n/86))
	}
	var text strings.Builder
	text.WriteString(`<?xml version="1.0" encoding="windows-1251"?>` + "\n<packet>\n<zglv><type>F002</type><version>1.0</version><date>01.03.2026</date></zglv>\n")
	for _, code := range codes {
		region, ok := directory.FindRegion(code[:2])
		if !ok {
			t.Fatalf("%s is of no region", code)
		}
		ogrn := 102_700_000_000 + len(code)*1000
		fmt.Fprintf(&text, "<insCompany><tf_okato>%s</tf_okato><smocod>%s</smocod>\n<nam_smop>Общество «Страховая %s»</nam_smop><nam_smok>Страховая %s</nam_smok>\n"+
			"<Ogrn>%d%d</Ogrn><phone>8 800 555-%s-%s</phone><e_mail>info@%s.example.org</e_mail><www>www.%s.example.org</www>\n"+
			"<pstAddress><index_f>100000</index_f><addr_f>г. Примерный, ул. Выдуманная, д. %s</addr_f></pstAddress>\n"+
			"<insInclude><d_begin>01.01.2012</d_begin></insInclude><d_edit>01.03.2026</d_edit></insCompany>\n",
			region.OKATO, code, code, code, ogrn, ogrn%11%10, code[1:3], code[3:], code, code, code)
	}
	text.WriteString("</packet>\n")
	whole := text.String()
	for n := 0; n < len(change); n += 2 {
		if !strings.Contains(whole, change[n]) {
			t.Fatalf("the classifier has no %q", change[n])
		}
		whole = strings.Replace(whole, change[n], change[n+1], 1)
	}
	file, err := charmap.Windows1251.NewEncoder().Bytes([]byte(whole))
	if err != nil {
		t.Fatal(err)
	}
	return file
}

type directoryImport struct {
	ID, Phase string
	Offset    int
	Rows      struct{ Read, Valid, Wrong int }
	Errors    []struct {
		Line        int
		Field, Code string
	}
	Nothing bool `json:"nothing_changed"`
	Report  struct{ Added, Changed, Ended, Unchanged int }
}

const chunkSize = 64 << 10

func (v visitor) opensImport(kind, format string, file []byte) directoryImport {
	v.t.Helper()
	sum := sha256.Sum256(file)
	return read[directoryImport](v.post("/smo-selection/imports", fields{
		"kind": kind, "format": format, "sha256": hex.EncodeToString(sum[:]), "bytes": len(file),
	}).is(http.StatusCreated))
}

// sendsChunk sends what comes next of a file, whatever the answer.
func (v visitor) sendsChunk(of directoryImport, file []byte) (answer, error) {
	return v.with("Content-Type", "application/octet-stream").send(http.MethodPut, fmt.Sprintf("/smo-selection/imports/%s?offset=%d", of.ID, of.Offset),
		file[of.Offset:min(len(file), of.Offset+chunkSize)])
}

// progress waits until the function answers.
func (v visitor) progress(id string) directoryImport {
	v.t.Helper()
	var a answer
	eventually(v.t, "the import is told of", func() bool {
		var err error
		a, err = v.send(http.MethodGet, "/smo-selection/imports/"+id, nil)
		return err == nil && a.status == http.StatusOK
	})
	return read[directoryImport](a)
}

// imports a classifier. between runs before each chunk.
func (v visitor) imports(file []byte, between func(at directoryImport)) directoryImport {
	v.t.Helper()
	return v.completes(v.opensImport("f002", "xml", file), file, between)
}

// completes sends a file to its end, and goes on where it has arrived whenever a
// call fails.
func (v visitor) completes(i directoryImport, file []byte, between func(at directoryImport)) directoryImport {
	v.t.Helper()
	eventually(v.t, "the import ends", func() bool {
		if between != nil {
			between(i)
		}
		if a, err := v.sendsChunk(i, file); err != nil || a.status != http.StatusOK {
			i = v.progress(i.ID)
			return false
		} else {
			i = read[directoryImport](a)
		}
		return i.Phase == "done" || i.Phase == "refused"
	})
	return i
}

// registerKnowsTheImport asks the register what it decides by the insurers of the
// moment: from then on it names them so, which else may be five seconds behind.
func (s *stage) registerKnowsTheImport(t *testing.T) {
	t.Helper()
	if may := s.as(t, "insured").allowed("self"); !may.Allowed || may.Reason != "by_right" {
		t.Errorf("%+v", may)
	}
}

type insurerView struct{ SMO, Name, Phone string }

// insurers of a region, as anybody sees them.
func (s *stage) insurers(t *testing.T, query string) []insurerView {
	t.Helper()
	return read[list[insurerView]](s.anyone(t).get("/smo-selection?" + query).is(http.StatusOK)).Items
}

func TestAClassifierIsImportedThroughKilledProcessesAndOnce(t *testing.T) {
	s := newStage(t)
	operator := s.as(t, "operator")
	if got := s.insurers(t, "region=26&q=101"); len(got) != 0 {
		t.Fatalf("before: %+v", got)
	}
	const begins = "д. 26101</addr_f></pstAddress>\n<insInclude><d_begin>01.01.2012</d_begin>"
	file := classifier(t, begins, begins+"<d_end>01.05.2026</d_end>")
	killed := 0
	done := operator.imports(file, func(directoryImport) {
		// Every second chunk meets a process that has just been killed.
		if killed++; killed%2 == 0 {
			if err := s.Kill("smo-selection"); err != nil {
				t.Fatal(err)
			}
		}
	})
	if killed < 3 {
		t.Errorf("only %d chunks", killed)
	}
	if done.Phase != "done" || done.Rows.Read != 448 || done.Rows.Wrong != 0 || done.Report.Added != 448 || done.Nothing {
		t.Errorf("imported: %+v", done)
	}
	if got := s.insurers(t, "region=26&q=101"); len(got) != 1 || got[0].SMO != "26101" || got[0].Name != "Страховая 26101" {
		t.Errorf("after: %+v", got)
	}
	again := operator.imports(file, nil)
	if again.Phase != "done" || !again.Nothing || again.Report.Unchanged != 448 || again.Report.Added+again.Report.Changed+again.Report.Ended != 0 {
		t.Errorf("imported twice: %+v", again)
	}

	s.registerKnowsTheImport(t)
	// The person was insured before, and the card has the new contacts.
	newcomer := s.as(t, "newcomer")
	newcomer.consents()
	newcomer.becomes(newcomer.asks(fields{"kind": "register", "region": "26", "smo": "26101"}).ID, "granted")
	if card := newcomer.loads(fields{}); card.Insurer.SMO != "26101" || card.Insurer.Name != "Страховая 26101" || card.Insurer.Phone != "8 800 555-61-01" {
		t.Errorf("the card names %+v", card.Insurer)
	}
	region, _ := directory.FindRegion("26")
	row := func(code, phone, end string) string {
		return strings.Join([]string{code, region.OKATO, "Страховая " + code, "1027000050000", phone, "01.01.2012", end}, ",") + "\n"
	}
	table := []byte("SMOCOD,TF_OKATO,NAM_SMOK,OGRN,PHONE,D_BEGIN,D_END\n" + row("26101", "8 800 555-61-99", "01.05.2026") + row("26002", "8 800 555-60-02", ""))
	shorter := operator.completes(operator.opensImport("f002", "csv", table), table, nil)
	if shorter.Phase != "done" || shorter.Rows.Read != 2 || shorter.Report.Changed != 2 || shorter.Report.Ended != 446 {
		t.Errorf("imported as CSV: %+v", shorter)
	}
	eventually(t, "the card has the new telephone", func() bool {
		return newcomer.card(nil).Insurer.Phone == "8 800 555-61-99"
	})

	// Its contract with the fund ends on 1 May.
	instead := fields{"smo": "26002", "reason": "contract_ended", "region": "26"}
	newcomer.post("/smo-selection", instead).refused(http.StatusConflict, "insurer_contract_in_force")
	s.later(t, 52*day)
	newcomer.isTold("change.insurer_contract_ended")
	if may := newcomer.allowed("self"); !may.Allowed || may.Reason != "contract_ended" {
		t.Errorf("after the end of the contract: %+v", may)
	}
	newcomer.chooses(instead)
	newcomer.insuredBy("self", "26002")
}

func TestAnInsurerThatAnImportLeftOutIsNamedByItsCodeEverywhere(t *testing.T) {
	s := newStage(t)
	insured := s.as(t, "insured") // by 26002
	insured.consents()
	insured.loads(fields{})
	s.as(t, "operator").imports(classifier(t, "<smocod>26002</smocod>", "<smocod>26992</smocod>"), nil)
	const name = "Компания с кодом 26002"
	eventually(t, "the card has no contacts of it", func() bool { return insured.card(nil).Insurer.Phone == "" })
	type shown struct {
		Insurer struct {
			Name     string
			Unlisted bool
		}
	}
	if of := read[shown](insured.get("/policy-card").is(http.StatusOK)).Insurer; of.Name != name || !of.Unlisted {
		t.Errorf("the card: %+v", of)
	}
	if of := read[shown](insured.with("Accept-Language", "en").get("/policy-card").is(http.StatusOK)).Insurer; of.Name != "Company with code 26002" {
		t.Errorf("the card in English: %+v", of)
	}
	extract := insured.extract("self")
	pdf := filepath.Join(t.TempDir(), "extract.pdf")
	if err := os.WriteFile(pdf, insured.get("/extract-rendering/"+extract.ID).is(http.StatusOK).body, 0o600); err != nil {
		t.Fatal(err)
	}
	asked := s.as(t, "fund").post("/insured-registry/insurers", fields{"enp": "2656410837000318", "on": "2026-03-10"}).is(http.StatusOK)
	for where, told := range map[string]struct{ text, want string }{
		"history":      {string(insured.get("/policy-card/history").is(http.StatusOK).body), "Страхует компания с кодом 26002"},
		"FHIR":         {string(insured.get("/policy-card/coverage").is(http.StatusOK).body), `"name":"` + name + `"`},
		"the register": {string(asked.body), `"name":"` + name + `"`},
		"the extract":  {strings.Join(strings.Fields(runTool(t, "poppler-utils", "pdftotext", pdf, "-")), " "), name},
	} {
		if !strings.Contains(told.text, told.want) {
			t.Errorf("%s: %s", where, told.text)
		}
	}
}

func TestAClassifierWithOneWrongRowChangesNothing(t *testing.T) {
	s := newStage(t)
	operator := s.as(t, "operator")
	before := s.insurers(t, "region=26")
	refused := operator.imports(classifier(t, "<smocod>26101</smocod>", "<smocod>2610</smocod>"), nil)
	if refused.Phase != "refused" || refused.Rows.Read != 448 || refused.Rows.Wrong != 1 || len(refused.Errors) != 1 {
		t.Fatalf("%+v", refused)
	}
	// Five rows of five lines each stand before it, after three lines.
	if e := refused.Errors[0]; e.Line != 29 || e.Field != "SMOCOD" || e.Code != "smo_malformed" {
		t.Errorf("named: %+v", e)
	}
	if after := s.insurers(t, "region=26"); len(after) != len(before) || after[0] != before[0] {
		t.Errorf("half imported: %+v", after)
	}
	s.as(t, "insured").post("/smo-selection/imports", fields{"kind": "f002", "format": "csv", "sha256": strings.Repeat("0", 64), "bytes": 1}).refused(http.StatusForbidden, "not_allowed")
	s.anyone(t).wrongly().get("/smo-selection?region=99").refused(http.StatusUnprocessableEntity, "invalid_fields")
	offices := read[list[struct{ SMO, Insurer, Address string }]](s.anyone(t).get("/smo-selection/offices?region=26&smo=26002").is(http.StatusOK)).Items
	if len(offices) != 3 || offices[0].Insurer == "" || offices[0].Address == "" {
		t.Errorf("offices: %+v", offices)
	}
}

func TestAnImportOutlivesAProcessKilledAtItsEnd(t *testing.T) {
	s := newStage(t)
	operator := s.as(t, "operator")
	file := classifier(t)
	i := operator.opensImport("f002", "xml", file)
	for i.Offset+chunkSize < len(file) {
		a, err := operator.sendsChunk(i, file)
		if err != nil {
			t.Fatal(err)
		}
		i = read[directoryImport](a.is(http.StatusOK))
	}
	// The last chunk and the kill race: whoever wins, what is told is true, and
	// what is left to do is done by the next call.
	sent := make(chan struct{})
	go func() {
		defer close(sent)
		operator.sendsChunk(i, file) // its outcome is asked for below
	}()
	if err := s.Kill("smo-selection"); err != nil {
		t.Fatal(err)
	}
	<-sent
	i = operator.progress(i.ID)
	if i.Phase != "done" && len(s.insurers(t, "region=26&q=101")) != 0 {
		t.Errorf("half imported, in the phase %s", i.Phase)
	}
	eventually(t, "the import ends", func() bool {
		if a, err := operator.sendsChunk(i, file); err == nil && a.status == http.StatusOK {
			i = read[directoryImport](a)
		}
		return i.Phase == "done"
	})
	if i.Report.Added != 448 || len(s.insurers(t, "region=26&q=101")) != 1 {
		t.Errorf("%+v", i)
	}
}

func TestTheOfficesOfImportedInsurersAreImportedAndStayWithThem(t *testing.T) {
	s := newStage(t)
	operator := s.as(t, "operator")
	type office struct{ ID, SMO, Insurer, Name, Phone string }
	offices := func() []office {
		return read[list[office]](s.anyone(t).get("/smo-selection/offices?region=26").is(http.StatusOK)).Items
	}
	imports := func(rows ...string) directoryImport {
		file := []byte("SMOCOD,NAME,ADDRESS,PHONE\n" + strings.Join(rows, "\n"))
		return operator.completes(operator.opensImport("offices", "csv", file), file, nil)
	}
	first, second := "26101,Центральный,ул. Выдуманная,8 800 555-61-01", "26002,Вокзал,ул. Придуманная,"
	if refused := imports(first, second); refused.Phase != "refused" || len(offices()) < 10 {
		t.Errorf("over the demonstration: %+v", refused)
	}
	operator.imports(classifier(t), nil)
	if left := offices(); len(left) != 0 {
		t.Errorf("of the demonstration: %+v", left)
	}
	if done := imports(first, second); done.Phase != "done" || done.Report.Added != 2 {
		t.Errorf("%+v", done)
	}
	operator.imports(classifier(t, "8 800 555-61-01", "8 800 555-61-99"), nil)
	if done := imports(second+"8 800 555-60-02", first); done.Report.Changed != 1 || done.Report.Unchanged != 1 {
		t.Errorf("again: %+v", done)
	}
	want := []office{{"26002-1", "26002", "Страховая 26002", "Вокзал", "8 800 555-60-02"}, {"26101-1", "26101", "Страховая 26101", "Центральный", "8 800 555-61-01"}}
	if got := offices(); !slices.Equal(got, want) {
		t.Errorf("%+v", got)
	}
}
