package tables

import (
	"bytes"
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"unicode/utf8"

	"golang.org/x/text/encoding/charmap"

	"polis/shared/directory"
)

// Columns without which a file is none of insurers, or none of offices.
var (
	insurers = []string{"SMOCOD", "TF_OKATO", "NAM_SMOK", "OGRN", "D_BEGIN", "D_END"}
	offices  = []string{"SMOCOD", "NAME", "ADDRESS"}
)

// readCSV reads a table with the names of its columns in the first line, with
// commas or semicolons between the fields.
func readCSV(file []byte, needed []string) (f File, wrong []directory.Remark) {
	if !utf8.Valid(file) {
		decoded, err := charmap.Windows1251.NewDecoder().Bytes(file)
		if err != nil {
			return f, []directory.Remark{remark(0, "", EncodingUnknown, "Кодировка файла — UTF-8 или windows-1251.", "The file's encoding is UTF-8 or windows-1251.")}
		}
		file = decoded
	}
	table := csv.NewReader(bytes.NewReader(file))
	if first, _, _ := bytes.Cut(file, []byte("\n")); bytes.Count(first, []byte(";")) > bytes.Count(first, []byte(",")) {
		table.Comma = ';'
	}
	var names []string
	for {
		fields, err := table.Read()
		var at *csv.ParseError
		switch {
		case errors.Is(err, io.EOF):
			if names == nil {
				return f, nil
			}
			return f, wrong
		case errors.Is(err, csv.ErrFieldCount) && errors.As(err, &at):
			wrong = append(wrong, remark(at.Line, "", ColumnsDiffer,
				fmt.Sprintf("В строке %d полей вместо %d.", len(fields), len(names)),
				fmt.Sprintf("The row has %d fields instead of %d.", len(fields), len(names))))
			f.Read++
			continue
		case errors.As(err, &at):
			return f, append(wrong, remark(at.Line, "", Malformed, "Файл не читается как CSV с этой строки: проверьте кавычки.", "From this line on the file is not readable as CSV: check the quotation marks."))
		case err != nil:
			return f, append(wrong, remark(0, "", Malformed, "Файл не читается как CSV.", "The file is not readable as CSV."))
		}
		line, _ := table.FieldPos(0)
		if names == nil {
			for _, name := range fields {
				names = append(names, strings.ToUpper(strings.TrimSpace(name)))
			}
			for _, name := range needed {
				if !slices.Contains(names, name) {
					wrong = append(wrong, remark(line, name, ColumnsMissing, "Такого столбца в файле нет.", "The file has no such column."))
				}
			}
			if wrong != nil {
				return f, wrong
			}
			continue
		}
		if f.Read == directory.MaxRows {
			return f, append(wrong, tooMany(line))
		}
		row := directory.Row{Line: line, Fields: map[string]string{}}
		for n, value := range fields {
			if value = strings.TrimSpace(value); value != "" {
				row.Fields[names[n]] = value
			}
		}
		f.Rows, f.Read = append(f.Rows, row), f.Read+1
	}
}
