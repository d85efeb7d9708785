package directory

import (
	"time"

	"polis/shared/fault"
)

// Kind of what a file holds.
type Kind string

const (
	KindF002    Kind = "f002"    // the classifier of insurers
	KindOffices Kind = "offices" // the insurers' offices
)

// Format of an imported file.
type Format string

const (
	XML Format = "xml" // F002's packet, in the encoding that it declares
	CSV Format = "csv" // with the columns named in the first line, in UTF-8 or windows-1251
)

// Phase of an import says who moves next.
type Phase string

const (
	Receiving Phase = "receiving" // the operator: sends the next chunk
	Received  Phase = "received"  // the operator: sends an empty chunk, since the work on the whole file broke off
	Refused   Phase = "refused"   // nobody: nothing of it was imported
	Done      Phase = "done"      // nobody: the directory has all of it
)

// Import is a file on its way into the directory, and what became of it.
type Import struct {
	ID       string    `json:"id"`
	Kind     Kind      `json:"kind"`
	Format   Format    `json:"format"`
	SHA256   string    `json:"sha256"` // of the whole file, in hexadecimal
	Bytes    int       `json:"bytes"`  // of the whole file
	Offset   int       `json:"offset"` // the bytes that have arrived: where to go on
	Phase    Phase     `json:"phase"`
	Opened   time.Time `json:"opened"` // law clock
	Finished time.Time `json:"finished,omitzero"`
	Read     int       `json:"read"` // rows
	Valid    int       `json:"valid"`
	Wrong    int       `json:"wrong"`
	Errors   []Remark  `json:"errors,omitempty"` // at most MaxRemarks
	Notes    []Remark  `json:"notes,omitempty"`  // at most MaxRemarks
	Report   *Report   `json:"report,omitempty"`
}

// Limits of an import. The classifier of 2013 has 448 rows in 150,000 bytes.
const (
	MaxBytes   = 4 << 20
	MaxRows    = 10_000
	MaxRemarks = 100
)

var (
	// ErrOffset is a chunk that does not go on where the file has arrived.
	ErrOffset = fault.New(fault.Conflict, "offset_differs",
		"Часть файла не продолжает полученное. Узнайте offset и продолжайте с него.",
		"The chunk does not go on where the file has arrived. Ask for the offset and go on from there.")
	// ErrChunkDiffers is a chunk sent again with other bytes.
	ErrChunkDiffers = fault.New(fault.Conflict, "chunk_differs",
		"Эта часть файла уже получена, и она была другой. Начните загрузку заново.",
		"This chunk has arrived already, and it was another. Begin a new import.")
)

// Take adds a chunk at the offset. again: its bytes have arrived already, and
// are to be compared.
func (i Import) Take(offset, length int) (next Import, again bool, err error) {
	switch end := offset + length; {
	case offset < 0 || offset > i.Offset || end > i.Bytes || end > i.Offset && offset != i.Offset:
		return i, false, ErrOffset
	case end <= i.Offset:
		return i, true, nil
	default:
		i.Offset = end
		if end == i.Bytes {
			i.Phase = Received
		}
		return i, false, nil
	}
}

// Refuse ends the import without a change.
func (i Import) Refuse(errors []Remark, now time.Time) Import {
	lines := map[int]bool{}
	for _, e := range errors {
		if e.Line > 0 {
			lines[e.Line] = true
		}
	}
	i.Phase, i.Finished, i.Wrong = Refused, now, len(lines)
	i.Valid = max(0, i.Read-i.Wrong)
	i.Errors = errors[:min(len(errors), MaxRemarks)]
	return i
}

// Complete ends it with the report of what changed.
func (i Import) Complete(report Report, now time.Time) Import {
	i.Phase, i.Finished, i.Valid, i.Report = Done, now, i.Read, &report
	return i
}
