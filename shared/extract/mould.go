package extract

import (
	"bytes"
	"cmp"
	"compress/zlib"
	_ "embed"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"sync"
	"time"
	"unicode/utf16"

	"github.com/go-pdf/fpdf"
)

const fontFamily = "polis"

var (
	//go:embed fonts/polis-sans.json
	regularMetrics []byte
	//go:embed fonts/polis-sans.z
	regularFont []byte
	//go:embed fonts/polis-sans-bold.json
	boldMetrics []byte
	//go:embed fonts/polis-sans-bold.z
	boldFont []byte
)

// A mould is a document of one empty page as fpdf wrote it, taken apart into
// its objects. An extract is cast from it by putting in the two objects that
// differ, the page's content and the document information, and by writing the
// table of offsets anew. Having fpdf load and write the fonts for every document
// would cost several times as much as all the rest.
type mould struct {
	pdf           *fpdf.Fpdf // holds the fonts; only read after newMould
	header        []byte
	objects       []object // in the order of the file
	content, info int      // numbers of the two objects that differ
	trailer       []byte   // from "trailer" to before "startxref"
	size          int
	compressors   sync.Pool // of *zlib.Writer, of which a new one costs more than a page
}

type object struct {
	number int
	bytes  []byte // from "N 0 obj" to "endobj" and the line's end
}

func newMould() (*mould, error) {
	pdf := fpdf.New("P", "mm", "A4", "")
	pdf.SetCatalogSort(true)
	pdf.SetLang("ru-RU")
	pdf.SetDisplayMode("fullpage", "SinglePage")
	pdf.SetAutoPageBreak(false, 0)
	pdf.AddFontFromBytes(fontFamily, "", regularMetrics, regularFont)
	pdf.AddFontFromBytes(fontFamily, "B", boldMetrics, boldFont)
	pdf.AddPage()

	var file bytes.Buffer
	if err := pdf.Output(&file); err != nil {
		return nil, err
	}
	m := &mould{pdf: pdf, size: file.Len()}
	m.compressors.New = func() any {
		// More effort would take longer than all the drawing, for 1 kB.
		w, err := zlib.NewWriterLevel(nil, zlib.BestSpeed)
		if err != nil {
			panic(err) // not for a level of the package's own
		}
		return w
	}
	return m, m.takeApart(file.Bytes())
}

var (
	contentReference = regexp.MustCompile(`/Contents (\d+) 0 R`)
	infoReference    = regexp.MustCompile(`/Info (\d+) 0 R`)
	offsetLine       = regexp.MustCompile(`(?m)^(\d{10}) 00000 n`)
)

// takeApart cuts the file at the offsets of its cross-reference table.
func (m *mould) takeApart(file []byte) error {
	xref := bytes.LastIndex(file, []byte("\nxref\n")) + 1
	trailer := bytes.LastIndex(file, []byte("\ntrailer\n")) + 1
	startxref := bytes.LastIndex(file, []byte("\nstartxref\n")) + 1
	content, info := contentReference.FindSubmatch(file), infoReference.FindSubmatch(file)
	if xref == 0 || trailer < xref || startxref < trailer || content == nil || info == nil {
		return errors.New("fpdf wrote a document of an unknown shape")
	}
	m.content, _ = strconv.Atoi(string(content[1])) // digits, by the expression
	m.info, _ = strconv.Atoi(string(info[1]))
	m.trailer = file[trailer:startxref]

	type place struct{ number, offset int }
	var places []place
	for i, line := range offsetLine.FindAllSubmatch(file[xref:trailer], -1) {
		offset, _ := strconv.Atoi(string(line[1]))
		places = append(places, place{i + 1, offset})
	}
	slices.SortFunc(places, func(a, b place) int { return cmp.Compare(a.offset, b.offset) })
	end := xref
	for _, p := range slices.Backward(places) {
		m.objects = append(m.objects, object{p.number, file[p.offset:end]})
		end = p.offset
	}
	slices.Reverse(m.objects)
	m.header = file[:end]
	return nil
}

// draw has fpdf lay out a page with the mould's fonts and gives its content.
func (m *mould) draw(scale float64, page func(sheet) error) (content []byte, err error) {
	template := m.pdf.CreateTemplate(func(t *fpdf.Tpl) {
		t.SetAutoPageBreak(false, 0)
		t.SetCellMargin(0)
		err = page(sheet{t, scale})
		err = errors.Join(err, t.Error())
	})
	return template.Bytes(), err
}

// information is the document information dictionary.
type information struct {
	title, author string
	at            time.Time
}

// cast gives a whole document with this page content.
func (m *mould) cast(content []byte, info information) ([]byte, error) {
	var packed bytes.Buffer
	packed.Grow(len(content) / 2)
	compressor := m.compressors.Get().(*zlib.Writer)
	defer m.compressors.Put(compressor)
	compressor.Reset(&packed)
	if _, err := compressor.Write(content); err != nil {
		return nil, fmt.Errorf("extract: compress: %w", err)
	}
	if err := compressor.Close(); err != nil {
		return nil, fmt.Errorf("extract: compress: %w", err)
	}

	pdf := make([]byte, 0, m.size+packed.Len()+1<<10)
	offsets := make([]int, len(m.objects)+1) // by number, from 1
	pdf = append(pdf, m.header...)
	for _, o := range m.objects {
		offsets[o.number] = len(pdf)
		switch o.number {
		case m.content:
			pdf = fmt.Appendf(pdf, "%d 0 obj\n<</Filter /FlateDecode /Length %d>>\nstream\n", o.number, packed.Len())
			pdf = append(pdf, packed.Bytes()...)
			pdf = append(pdf, "\nendstream\nendobj\n"...)
		case m.info:
			moment := info.at.UTC().Format("20060102150405")
			pdf = fmt.Appendf(pdf, "%d 0 obj\n<</Title %s /Author %s /CreationDate (D:%sZ) /ModDate (D:%[4]sZ)>>\nendobj\n",
				o.number, textString(info.title), textString(info.author), moment)
		default:
			pdf = append(pdf, o.bytes...)
		}
	}
	xref := len(pdf)
	pdf = fmt.Appendf(pdf, "xref\n0 %d\n0000000000 65535 f \n", len(offsets))
	for _, offset := range offsets[1:] {
		pdf = fmt.Appendf(pdf, "%010d 00000 n \n", offset)
	}
	pdf = append(pdf, m.trailer...)
	return fmt.Appendf(pdf, "startxref\n%d\n%%%%EOF\n", xref), nil
}

// textString is s as a PDF text string: UTF-16, big-endian, in hexadecimal.
func textString(s string) string {
	text := []byte{0xFE, 0xFF}
	for _, unit := range utf16.Encode([]rune(s)) {
		text = binary.BigEndian.AppendUint16(text, unit)
	}
	return "<" + hex.EncodeToString(text) + ">"
}
