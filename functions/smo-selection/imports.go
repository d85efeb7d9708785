package function

import (
	"cmp"
	"crypto/sha256"
	"encoding/hex"
	"mime"
	"strconv"
	"strings"
	"time"

	"polis/shared/calendar"
	"polis/shared/clock"
	"polis/shared/directory"
	"polis/shared/fault"
	"polis/shared/ident"
	"polis/shared/tables"
	"polis/shared/web"
)

// opening is what an operator announces of a file.
type opening struct {
	Kind   directory.Kind   `json:"kind"`
	Format directory.Format `json:"format"`
	SHA256 string           `json:"sha256"`
	Bytes  int              `json:"bytes"`
}

func (o *opening) check() error {
	var wrong []fault.Field
	note := func(name, code, ru, en string) { wrong = append(wrong, field(name, code, ru, en)) }
	if o.Kind != directory.KindF002 && o.Kind != directory.KindOffices {
		note("kind", "kind_unknown", "Загружаются страховые (f002) или офисы (offices).", "What is imported is insurers (f002) or offices.")
	}
	switch {
	case o.Format != directory.XML && o.Format != directory.CSV:
		note("format", "format_unknown", "Формат файла: xml или csv.", "The file's format is xml or csv.")
	case o.Format == directory.XML && o.Kind == directory.KindOffices:
		note("format", "format_unknown", "Офисы загружаются в формате csv.", "Offices are imported as csv.")
	}
	o.SHA256 = strings.ToLower(o.SHA256)
	if sum, err := hex.DecodeString(o.SHA256); err != nil || len(sum) != sha256.Size {
		note("sha256", "sha256_malformed", "SHA-256 файла — 64 шестнадцатеричных знака.", "The file's SHA-256 is 64 hexadecimal digits.")
	}
	if o.Bytes < 1 || o.Bytes > directory.MaxBytes {
		note("bytes", "out_of_range", "Размер файла — от 1 байта до 4 МиБ.", "The file's size is from 1 byte to 4 MiB.")
	}
	if wrong != nil {
		return fault.Wrong(wrong...)
	}
	return nil
}

// open begins an import. The file follows in chunks, each by a call of its own.
func (s *selection) open(c *web.Call) (web.Answer, error) {
	var o opening
	if err := c.Bind(&o); err != nil {
		return web.Answer{}, err
	}
	if err := o.check(); err != nil {
		return web.Answer{}, err
	}
	i := directory.Import{
		ID: ident.New(clock.System()), Kind: o.Kind, Format: o.Format, SHA256: o.SHA256, Bytes: o.Bytes, Phase: directory.Receiving, Opened: s.law(),
	}
	if err := s.store.OpenImport(c, c.Grant, i); err != nil {
		return web.Answer{}, err
	}
	return web.Created(s.show(c, i))
}

// progress tells where to go on, and what came of an import that has ended.
func (s *selection) progress(c *web.Call) (web.Answer, error) {
	i, err := s.store.Import(c, c.Grant, c.Segment("id"))
	if err != nil {
		return web.Answer{}, err
	}
	return web.OK(s.show(c, i))
}

var errMedia = fault.New(fault.NotSupported, "media_type_not_supported",
	"Ожидается часть файла как application/octet-stream.", "A chunk of the file as application/octet-stream is expected.")

// take adds a chunk. With the last one the file is complete, and the call reads
// it and lets it take the directory's place. Had that broken off, the next call
// does it, which may bring an empty chunk.
func (s *selection) take(c *web.Call) (web.Answer, error) {
	if media, _, err := mime.ParseMediaType(c.Header.Get("Content-Type")); err != nil || media != "application/octet-stream" {
		return web.Answer{}, errMedia
	}
	offset, err := strconv.Atoi(c.Query.Get("offset"))
	if err != nil || offset < 0 {
		return web.Answer{}, fault.WrongField("offset", "out_of_range", "Укажите, с какого байта файла начинается часть.", "Say with which byte of the file the chunk begins.")
	}
	i, err := s.store.AddToImport(c, c.Grant, c.Segment("id"), offset, c.Body)
	if err == nil && i.Phase == directory.Received {
		i, err = s.store.FinishImport(c, c.Grant, i.ID, s.judge)
	}
	if err != nil {
		return web.Answer{}, err
	}
	return web.OK(s.show(c, i))
}

// judge reads a whole file: all of it is imported, or nothing. Offices are those
// of insurers that were imported: until then the directory before is empty.
func (s *selection) judge(i directory.Import, file []byte, before directory.Directory) (directory.Import, directory.Directory) {
	now := s.law()
	if sum := sha256.Sum256(file); hex.EncodeToString(sum[:]) != i.SHA256 {
		return i.Refuse([]directory.Remark{{Code: "sha256_differs", Detail: fault.Text{
			RU: "Файл дошёл не таким, каким был объявлен. Начните загрузку заново.",
			EN: "The file that arrived is not the one that was announced. Begin a new import."}}}, now), before
	}
	today := calendar.Today(now, s.home)
	var after directory.Directory
	var report directory.Report
	var wrong []directory.Remark
	if i.Kind == directory.KindOffices {
		var offices []directory.Office
		i, offices, wrong = tables.Offices(i, file, before, today)
		after, report = before.WithOffices(offices)
	} else {
		var insurers []directory.Insurer
		i, insurers, wrong = tables.Insurers(i, file, today)
		after, report = before.Replaced(insurers, now)
	}
	if wrong != nil {
		return i.Refuse(wrong, now), before
	}
	return i.Complete(report, now), after
}

// imported is an import as the operator sees it.
type imported struct {
	ID       string            `json:"id"`
	Kind     directory.Kind    `json:"kind"`
	Format   directory.Format  `json:"format"`
	SHA256   string            `json:"sha256"`
	Bytes    int               `json:"bytes"`
	Offset   int               `json:"offset"`
	Phase    directory.Phase   `json:"phase"`
	Text     string            `json:"text"`
	Opened   time.Time         `json:"opened"`
	Finished time.Time         `json:"finished,omitzero"`
	Rows     rows              `json:"rows"`
	Errors   []remark          `json:"errors,omitempty"`
	Notes    []remark          `json:"notes,omitempty"`
	Nothing  bool              `json:"nothing_changed"`
	Report   *directory.Report `json:"report,omitempty"`
}

type rows struct {
	Read  int `json:"read"`
	Valid int `json:"valid"`
	Wrong int `json:"wrong"`
}

type remark struct {
	Line   int    `json:"line,omitempty"`
	Field  string `json:"field,omitempty"`
	Code   string `json:"code"`
	Detail string `json:"detail"`
}

var phases = map[directory.Phase]fault.Text{
	directory.Receiving: {RU: "Ждём следующую часть файла с указанного места.", EN: "The next chunk is awaited from the offset on."},
	directory.Received:  {RU: "Файл получен, но ещё не прочитан. Отправьте пустую часть, чтобы продолжить.", EN: "The file has arrived and is not read yet. Send an empty chunk to go on."},
	directory.Refused:   {RU: "В файле ошибки. Ничего не загружено.", EN: "The file has faults. Nothing was imported."},
	directory.Done:      {RU: "Справочник загружен.", EN: "The directory is imported."},
}

var textNothing = fault.Text{RU: "Справочник уже был таким. Ничего не изменилось.", EN: "The directory was the same already. Nothing changed."}

func (s *selection) show(c *web.Call, i directory.Import) imported {
	zone := calendar.Zone(s.home)
	shown := imported{
		ID: i.ID, Kind: cmp.Or(i.Kind, directory.KindF002), Format: i.Format, SHA256: i.SHA256, Bytes: i.Bytes, Offset: i.Offset, Phase: i.Phase, Text: c.Text(phases[i.Phase]),
		Opened: i.Opened.In(zone), Rows: rows{i.Read, i.Valid, i.Wrong}, Errors: remarks(c, i.Errors), Notes: remarks(c, i.Notes), Report: i.Report,
	}
	if !i.Finished.IsZero() {
		shown.Finished = i.Finished.In(zone)
	}
	if i.Report != nil && i.Report.NothingChanged() {
		shown.Nothing, shown.Text = true, c.Text(textNothing)
	}
	return shown
}

func remarks(c *web.Call, all []directory.Remark) []remark {
	var shown []remark
	for _, r := range all {
		shown = append(shown, remark{r.Line, r.Field, r.Code, c.Text(r.Detail)})
	}
	return shown
}
