package function

import (
	"encoding/csv"
	"strings"
	"testing"
)

func TestNoCellOfAnExportIsAFormula(t *testing.T) {
	rows, err := csv.NewReader(strings.NewReader(string(table([]view{
		{Text: `=HYPERLINK("http://x","y")`, Number: "+7", Application: "-1", Kind: "@SUM(A1)", Deliveries: []viewDelivery{{Reason: "\t=1"}, {Reason: `quote " and, comma`}}},
	})))).ReadAll()
	if err != nil || len(rows) != 3 {
		t.Fatalf("%v, %q", err, rows)
	}
	for _, row := range rows {
		for _, cell := range row {
			if cell != "" && strings.ContainsAny(cell[:1], "=+-@\t\r\n") {
				t.Errorf("%q would be computed", cell)
			}
		}
	}
	if rows[2][9] != `quote " and, comma` || rows[1][3] != "'+7" {
		t.Errorf("%q", rows)
	}
}
