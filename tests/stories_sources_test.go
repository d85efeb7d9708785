package tests

import (
	"net/http"
	"slices"
	"testing"
	"time"
)

func TestANewbornReportedByZAGSHasAPolicyAtOnce(t *testing.T) {
	s := newStage(t, from(2025, time.September, 8))
	zags, mother := s.as(t, "zags"), s.as(t, "mother")
	birth := fields{
		"kind": "birth", "source_id": "zags-1", "region": "26", "mother": human(t, "mother").SNILS,
		"record": fields{"number": "120259260000204100001", "date": "2025-09-08"},
		"child":  fields{"name": fields{"family": "Гончарова", "given": "Майя"}, "sex": "F", "birth_date": "2025-09-01"},
	}
	type reported struct{ ID string }
	born := read[reported](zags.post("/insured-registry/events", birth).is(http.StatusAccepted)).ID
	if again := read[reported](zags.post("/insured-registry/events", birth).is(http.StatusAccepted)).ID; again != born {
		t.Errorf("delivered again it is another child: %s and %s", born, again)
	}
	s.as(t, "commissariat").post("/insured-registry/events", birth).refused(http.StatusForbidden, "source_not_allowed")

	mother.consent("ffoms", born)
	if card := mother.loads(fields{"person": born}); card.Status != "no_insurer" || len(card.ENP) != 16 || card.ENP[:2] != "26" {
		t.Errorf("card: %+v", card)
	}

	// Whose birth was registered by 8 September 2025 is covered by the mother's
	// insurer for 30 days more; whose was later, on the day itself only.
	s.later(t, day)
	birth["source_id"], birth["record"] = "zags-2", fields{"number": "120259260000204100002", "date": "2025-09-09"}
	birth["child"] = fields{"name": fields{"family": "Гончарова", "given": "Нина"}, "sex": "F", "birth_date": "2025-09-01"}
	twin := read[reported](zags.post("/insured-registry/events", birth).is(http.StatusAccepted)).ID
	mother.consent("ffoms", twin)
	covered := func(child, on, want string) {
		t.Helper()
		mother.loads(fields{"person": child})
		got := ""
		if by := read[struct {
			Covering *struct{ SMO, Until string } `json:"covering_insurer"`
		}](mother.get("/policy-card?person=" + child).is(http.StatusOK)).Covering; by != nil {
			got = by.SMO + " until " + by.Until
		}
		if got != want {
			t.Errorf("on %s it is covered by %q instead of %q", on, got, want)
		}
	}
	covered(born, "9 September", "26002 until 2025-10-08")
	covered(twin, "9 September", "26002 until 2025-09-09")
	s.later(t, day)
	covered(born, "10 September", "26002 until 2025-10-08")
	covered(twin, "10 September", "")
	s.later(t, 28*day)
	covered(born, "8 October", "26002 until 2025-10-08")
	s.later(t, day)
	covered(born, "9 October", "")
}

func TestAnImportTakesTheRightRowsAndNamesTheWrongOnes(t *testing.T) {
	s := newStage(t)
	row := func(change fields) fields {
		r := fields{
			"enp": "7756410837000019", "snils": "087-654-303 00", "name": fields{"family": "Ветров", "given": "Пётр"}, "sex": "M",
			"birth_date": "1985-03-12", "document": fields{"type": 14, "series": "45 12", "number": "654321"},
			"region": "26", "insurer": "26002", "since": "2020-01-01",
		}
		for name, value := range change {
			r[name] = value
		}
		return r
	}
	type refusal struct {
		Line        int
		Field, Code string
	}
	type imported struct {
		Imported, Unchanged int
		Refused             []refusal
	}
	chunk := fields{"source_id": "load-1", "records": []fields{
		row(nil),
		row(fields{"enp": "7756410837000018"}),
		row(fields{"enp": "6449020886006308"}), // the last two digits changed places
		row(fields{"snils": "112-233-445 96"}),
		row(fields{"snils": "000-000-000 00"}),
		row(fields{"snils": "112-233-44 95"}),
		row(fields{"name": fields{"family": "Ветров\u0000"}}),
		row(fields{"document": fields{"type": 14, "series": "AB12", "number": "654321"}}),
		row(fields{"insurer": "77013"}),
	}}
	operator := s.as(t, "operator")
	load := func() imported {
		return read[imported](operator.post("/insured-registry/imports", chunk).is(http.StatusAccepted))
	}
	want := []refusal{
		{2, "enp", "enp_check_digit"}, {3, "enp", "enp_check_digit"},
		{4, "snils", "snils_check_digits"}, {5, "snils", "snils_zero"}, {6, "snils", "snils_length"},
		{7, "name.family", "name_control_character"}, {8, "document.series", "document_series_wrong"}, {9, "insurer", "smo_not_in_region"},
	}
	if got := load(); got.Imported != 1 || got.Unchanged != 0 || !slices.Equal(got.Refused, want) {
		t.Errorf("imported: %+v", got)
	}
	if again := load(); again.Imported != 0 || again.Unchanged != 1 || !slices.Equal(again.Refused, want) {
		t.Errorf("sent again: %+v", again)
	}
}
