// Package tables reads what an operator imports into the directory: the classifier
// F002 (insurance organisations in the system of compulsory medical insurance) as
// it is published, and the offices of the insurers. It says what the rows are and
// where they stand. What they mean and whether they are right, package directory
// says.
package tables

import (
	"bytes"
	"fmt"
	"slices"
	"strings"

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

// File is what stands in a file.
type File struct {
	Rows []directory.Row
	Read int    // rows, with those that cannot be told apart into fields
	Date string // of its making, as it is written; "" where it is not told
}

// Read reads a file of a kind. What cannot be read is named by its line.
func Read(kind directory.Kind, format directory.Format, file []byte) (File, []directory.Remark) {
	file = bytes.TrimPrefix(file, []byte("\ufeff"))
	var f File
	var wrong []directory.Remark
	switch {
	case kind == directory.KindOffices:
		f, wrong = readCSV(file, offices)
	case format == directory.XML:
		f, wrong = readXML(file)
	default:
		f, wrong = readCSV(file, insurers)
	}
	if len(f.Rows) == 0 && wrong == nil {
		wrong = append(wrong, remark(0, "", NoRows, "В файле нет данных.", "The file has no data."))
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

// Insurers reads a whole file of F002 for an import: the insurers in it, or its
// faults, each by line and field. The import comes back with the rows counted and
// what was noted of them. A row without a date of its own is true on that of the
// file, and where that has none, on the day of the import.
func Insurers(i directory.Import, file []byte, today calendar.Date) (directory.Import, []directory.Insurer, []directory.Remark) {
	f, unread := Read(directory.KindF002, i.Format, file)
	asOf := today
	for _, parse := range []string{f.Date, ordered(f.Date)} {
		if d, err := calendar.ParseDate(parse); err == nil {
			asOf = d
		}
	}
	made, wrong, noted := directory.Insurers(f.Rows, asOf)
	return counted(i, f, noted), made, byLine(unread, wrong)
}

// Offices reads a whole file of offices in the same way, for insurers that the
// directory knows.
func Offices(i directory.Import, file []byte, known directory.Directory, today calendar.Date) (directory.Import, []directory.Office, []directory.Remark) {
	f, unread := Read(directory.KindOffices, i.Format, file)
	made, wrong, noted := directory.Offices(f.Rows, known, today)
	return counted(i, f, noted), made, byLine(unread, wrong)
}

func counted(i directory.Import, f File, noted []directory.Remark) directory.Import {
	i.Read, i.Notes = f.Read, noted[:min(len(noted), directory.MaxRemarks)]
	return i
}

func byLine(unread, wrong []directory.Remark) []directory.Remark {
	all := append(unread, wrong...)
	slices.SortStableFunc(all, func(a, b directory.Remark) int { return a.Line - b.Line })
	return all
}

// ordered is a date as a text that sorts by time.
func ordered(date string) string {
	if parts := strings.Split(date, "."); len(parts) == 3 {
		slices.Reverse(parts)
		return strings.Join(parts, "-")
	}
	return date
}
