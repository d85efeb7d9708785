package tables

import (
	"bytes"
	"encoding/xml"
	"errors"
	"io"
	"maps"
	"slices"
	"strings"

	"golang.org/x/text/encoding/charmap"

	"polis/shared/directory"
)

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
