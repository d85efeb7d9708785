// Package f002 reads the classifier F002 (insurance organisations in the system
// of compulsory medical insurance) as it is published: the rows and where they
// stand. What they mean and whether they are right, package directory says.
package f002

import (
	"bytes"
	"encoding/csv"
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
	"unicode/utf8"

	"golang.org/x/text/encoding/charmap"

	"polis/shared/calendar"
	"polis/shared/directory"
	"polis/shared/fault"
)

// Codes of remarks on files.
const (
	Malformed       = "file_malformed"
	EncodingUnknown = "encoding_unknown"
	NotF002         = "not_f002"
	ColumnsMissing  = "columns_missing"
	ColumnsDiffer   = "columns_differ"
	NoRows          = "no_rows"
	TooManyRows     = "too_many_rows"
)

// File is what stands in a classifier.
type File struct {
	Rows []directory.Row
	Read int    // rows, with those that cannot be told apart into fields
	Date string // of its making, as it is written; "" where it is not told
}

// Read reads a file. What cannot be read is named by its line.
func Read(format directory.Format, file []byte) (File, []directory.Remark) {
	file = bytes.TrimPrefix(file, []byte("\ufeff"))
	var f File
	var wrong []directory.Remark
	if format == directory.XML {
		f, wrong = readXML(file)
	} else {
		f, wrong = readCSV(file)
	}
	if len(f.Rows) == 0 && wrong == nil {
		wrong = append(wrong, remark(0, "", NoRows, "В файле нет ни одной страховой.", "The file has no insurer."))
	}
	return f, wrong
}

func remark(line int, field, code, ru, en string) directory.Remark {
	return directory.Remark{Line: line, Field: field, Code: code, Detail: fault.Text{RU: ru, EN: en}}
}

func tooMany(line int) directory.Remark {
	return remark(line, "", TooManyRows, fmt.Sprintf("В файле больше %d строк.", directory.MaxRows),
		fmt.Sprintf("The file has more than %d rows.", directory.MaxRows))
}

var errEncoding = errors.New("unknown encoding")

// decoder reads the encodings in which classifiers are published.
func decoder(name string, in io.Reader) (io.Reader, error) {
	switch strings.ToLower(name) {
	case "utf-8":
		return in, nil
	case "windows-1251", "cp1251":
		return charmap.Windows1251.NewDecoder().Reader(in), nil
	}
	return nil, errEncoding
}

// readXML reads <packet><zglv>...</zglv><insCompany>...</insCompany>...</packet>.
// The editions differ in capitals and in what they group, so that a field is
// whatever element of its name holds text, however deep. A company with several
// contracts is as many rows of one line, that differ in nothing but their dates.
func readXML(file []byte) (f File, wrong []directory.Remark) {
	dec := xml.NewDecoder(bytes.NewReader(file))
	dec.CharsetReader = decoder
	var open []string // names of the open elements
	var row *directory.Row
	var text strings.Builder
	type contract struct{ begin, end string }
	var contracts []contract // of the row
	for {
		token, err := dec.Token()
		line, _ := dec.InputPos()
		switch {
		case errors.Is(err, io.EOF) && len(open) == 0:
			return f, nil
		case errors.Is(err, errEncoding):
			return f, []directory.Remark{remark(line, "", EncodingUnknown, "Кодировка файла — UTF-8 или windows-1251.", "The file's encoding is UTF-8 or windows-1251.")}
		case err != nil:
			return f, []directory.Remark{remark(line, "", Malformed, "Файл не читается как XML с этой строки.", "From this line on the file is not readable as XML.")}
		}
		switch token := token.(type) {
		case xml.StartElement:
			open = append(open, strings.ToUpper(token.Name.Local))
			text.Reset()
			switch {
			case len(open) == 1 && open[0] != "PACKET":
				return f, []directory.Remark{remark(line, "", NotF002, "Это не F002: корень файла — packet.", "This is not F002: its root is packet.")}
			case len(open) == 2 && open[1] == "INSCOMPANY":
				row, contracts = &directory.Row{Line: line, Fields: map[string]string{}}, nil
			}
		case xml.CharData:
			text.Write(token)
		case xml.EndElement:
			name, value := open[len(open)-1], strings.TrimSpace(text.String())
			open = open[:len(open)-1]
			text.Reset()
			switch {
			case row != nil && len(open) == 1:
				if contracts = slices.DeleteFunc(contracts, func(c contract) bool { return c == contract{} }); len(contracts) == 0 {
					contracts = append(contracts, contract{})
				}
				if len(f.Rows)+len(contracts) > directory.MaxRows {
					return f, []directory.Remark{tooMany(row.Line)}
				}
				for _, c := range contracts {
					fields := maps.Clone(row.Fields)
					fields["D_BEGIN"], fields["D_END"] = c.begin, c.end
					f.Rows = append(f.Rows, directory.Row{Line: row.Line, Fields: fields})
				}
				f.Read, row = f.Read+1, nil
			case row != nil && name == "D_BEGIN":
				contracts = append(contracts, contract{begin: value})
			case row != nil && name == "D_END" && len(contracts) > 0:
				contracts[len(contracts)-1].end = value
			case row != nil && value != "":
				row.Fields[name] = value
			case name == "DATE" && slices.Equal(open, []string{"PACKET", "ZGLV"}):
				f.Date = value
			}
		}
	}
}

// ordered is a date as a text that sorts by time.
func ordered(date string) string {
	if parts := strings.Split(date, "."); len(parts) == 3 {
		slices.Reverse(parts)
		return strings.Join(parts, "-")
	}
	return date
}

// needed are the columns without which a file is none of insurers.
var needed = []string{"SMOCOD", "TF_OKATO", "NAM_SMOK", "OGRN", "D_BEGIN", "D_END"}

// readCSV reads a table with F002's names in its first line, with commas or
// semicolons between the fields.
func readCSV(file []byte) (f File, wrong []directory.Remark) {
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

// Judge reads a whole file for an import: the insurers in it, or its faults,
// each by line and field. The import comes back with the rows counted and what
// was noted of them. A row without a date of its own is true on that of the
// file, and where that has none, on the day of the import.
func Judge(i directory.Import, file []byte, today calendar.Date) (directory.Import, []directory.Insurer, []directory.Remark) {
	f, wrong := Read(i.Format, file)
	asOf := today
	for _, parse := range []string{f.Date, ordered(f.Date)} {
		if d, err := calendar.ParseDate(parse); err == nil {
			asOf = d
		}
	}
	insurers, faults, noted := directory.Insurers(f.Rows, asOf)
	i.Read = f.Read
	i.Notes = noted[:min(len(noted), directory.MaxRemarks)]
	wrong = append(wrong, faults...)
	slices.SortStableFunc(wrong, func(a, b directory.Remark) int { return a.Line - b.Line })
	return i, insurers, wrong
}
