package tests

import (
	"bytes"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"polis/shared/calendar"
	"polis/shared/person"
	"polis/shared/text"
)

// What others write reaches a citizen on pages, in letters and on paper: as the
// text that it is, or not at all.
func TestInTheBrowserTheTextOfAnImportStaysTextOnPagesInLettersAndOnPaper(t *testing.T) {
	const (
		markup  = `Больница <script>alert(1)</script> & "Мир" '1'`
		address = `ул. {{7*7}}, 1) Tj ET (\) %PDF <b>д. 2</b>, “Å”`
	)
	s := newStage(t)
	who := human(t, "newcomer")
	birth, err := calendar.ParseDate(who.Birth)
	if err != nil {
		t.Fatal(err)
	}
	enp, err := person.NewENP("26", birth, person.Female, 483)
	if err != nil {
		t.Fatal(err)
	}
	row := func(clinic fields) fields {
		return fields{
			"enp": enp, "snils": who.SNILS, "name": fields{"family": who.Family, "given": who.Given, "patronymic": who.Patronymic},
			"sex": "F", "birth_date": who.Birth, "document": fields{"type": who.Document.Type, "series": who.Document.Series, "number": who.Document.Number},
			"region": "26", "insurer": "26002", "since": "2020-01-01", "clinic": clinic,
		}
	}
	type refusal struct {
		Line        int
		Field, Code string
	}
	type imported struct {
		Imported int
		Refused  []refusal
	}
	for name, clinic := range map[string]fields{
		"clinic.name":    {"name": "Больница\u202e1 №", "address": ""},
		"clinic.address": {"name": "Больница", "address": "ул. Мира\r\nBcc: evil@example.org"},
	} {
		chunk := fields{"source_id": "load-" + name, "records": []fields{row(clinic)}}
		got := read[imported](s.as(t, "operator").post("/insured-registry/imports", chunk).is(http.StatusAccepted))
		if len(got.Refused) != 1 || got.Refused[0] != (refusal{1, name, "control_character"}) {
			t.Errorf("%s: %+v", name, got)
		}
	}
	chunk := fields{"source_id": "load-markup", "records": []fields{row(fields{"name": markup, "address": address})}}
	if got := read[imported](s.as(t, "operator").post("/insured-registry/imports", chunk).is(http.StatusAccepted)); got.Imported != 1 {
		t.Fatalf("%+v", got)
	}

	v := s.visit(t, ways[0])
	v.logsIn("newcomer")
	v.agrees()
	v.Has("Открыть полис")
	v.does("Открыть полис")
	v.Has(markup)
	v.Has(address)
	v.Axe()
	v.does("Получить выписку")
	v.Has("Выписка готова")
	_, pdf := v.Download("Скачать PDF")
	printed := printedText(t, pdf)
	// The fonts of the paper lack some signs: nobody goes without it for that.
	inFonts := strings.NewReplacer("“", `"`, "”", `"`, "Å", "?")
	for _, text := range []string{markup, address} {
		if !strings.Contains(printed, unspaced(inFonts.Replace(text))) {
			t.Errorf("the paper lacks %q: %s", text, printed)
		}
	}

	v.does("Отправить мне на почту")
	v.Has("Отправляем на " + who.Email)
	inTime(t, 2*patience, "the letter", func() bool { return len(s.mailed(who.Email)) == 1 })
	letter := s.mailed(who.Email)[0]
	res, err := http.Get(s.BaseURL() + letter.Files[0].Href)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	var enclosed bytes.Buffer
	if _, err := enclosed.ReadFrom(res.Body); err != nil || !bytes.Equal(enclosed.Bytes(), pdf) {
		t.Errorf("%d bytes came instead of %d, %v", enclosed.Len(), len(pdf), err)
	}
	for _, m := range s.Inbox() {
		if strings.ContainsAny(m.Subject+m.Text, "<>&\"") || strings.ContainsFunc(m.Subject, text.Hidden) {
			t.Errorf("a letter that is no plain text: %+v", m)
		}
	}
	v.Go(s.BaseURL() + "/inbox")
	v.Has(letter.Subject)
}

// printedText is what can be copied from a PDF, without the spaces.
func printedText(t *testing.T, pdf []byte) string {
	t.Helper()
	file := filepath.Join(t.TempDir(), "extract.pdf")
	if err := os.WriteFile(file, pdf, 0o600); err != nil {
		t.Fatal(err)
	}
	return unspaced(runTool(t, "poppler-utils", "pdftotext", file, "-"))
}

// unspaced leaves out the spaces, for a text on paper has line ends in their
// place.
func unspaced(text string) string { return strings.Join(strings.Fields(text), "") }
