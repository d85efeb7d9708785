// Package extract draws the extract from the register of insured persons
// («Выписка из единого регистра застрахованных лиц») as one A4 page of PDF.
//
// fpdf lays the page out. What is the same in every extract (fonts, resources,
// catalogue) is written by fpdf once, when a Renderer is made; a document then
// costs its own page content and nothing else.
package extract

import (
	"errors"
	"fmt"
	"strings"
	"time"

	"polis/shared/calendar"
	"polis/shared/fault"
)

// Page is everything that stands on an extract, as plain values. An empty text
// leaves no gap. The holder's name is shown as it is given or not at all; what
// others wrote, in the letters there are and as far as there is room.
type Page struct {
	Number   string    // of the extract, ASCII: 26-2026-0A1B2C3D
	Code     string    // opaque code by which the extract is checked, ASCII
	FormedAt time.Time // in the time zone of the region of insurance
	AsOf     time.Time // when the register said so, in the same zone

	ENP                       string // 16 digits
	Family, Given, Patronymic string
	Sex                       string // "M" or "F"
	Birth                     calendar.Date

	Status, StatusNote string        // Russian: «Активен», «Бумажный полис менять не нужно»
	ValidFrom          calendar.Date // zero: not shown
	ValidUntil         calendar.Date // zero: without limit, or until what the status says if it is over
	Over               bool          // nobody insures by it any more
	Region             string        // of insurance, its name

	Insurer Insurer
	Clinic  Clinic

	Issuer    string // name of the installation that forms the extract
	PublicURL string // its address
}

// Insurer is who insures the holder.
type Insurer struct {
	Name, Address, Phone, Site string
	Since                      calendar.Date
	StandIn                    bool // the regional fund, until the holder chooses an insurer
	Unlisted                   bool // not in the directory: the Name is made of its code
}

// Clinic is where the holder is attached; the zero value says that the register
// has nothing about it.
type Clinic struct {
	Name, Address string
	Since         calendar.Date
	Unasked       bool // the register was not asked for it
}

// ErrTooLong says that the holder's name does not fit on the page.
var ErrTooLong = fault.New(fault.Invalid, "extract_too_long",
	"Данные не помещаются на страницу выписки.",
	"The data does not fit on the page of the extract.")

// ErrUnsupportedCharacter says that the holder's name has a character that the
// fonts of the extract lack; its Fields name the parts.
var ErrUnsupportedCharacter = fault.New(fault.Invalid, "extract_unsupported_character",
	"В данных есть символы, которые нельзя напечатать в выписке.",
	"The data holds characters that cannot be printed in an extract.")

// Renderer makes extracts. It is safe for concurrent use.
type Renderer struct {
	mould *mould
	qr    qrEncoder
}

// New prepares the fonts and everything else that all extracts share.
func New() (*Renderer, error) {
	m, err := newMould()
	if err != nil {
		return nil, fmt.Errorf("extract: %w", err)
	}
	return &Renderer{mould: m}, nil
}

// Render gives the PDF. The same page gives the same bytes. A name with a
// character without a glyph is ErrUnsupportedCharacter, one that is too long
// ErrTooLong; in both cases there is no document. Any other error, such as an
// ENP that is not 16 digits, is a mistake of the caller.
func (r *Renderer) Render(p Page) (pdf []byte, err error) {
	if err := p.check(); err != nil {
		return nil, err
	}
	// fpdf reports some of its troubles by a panic.
	defer func() {
		if cause := recover(); cause != nil {
			pdf, err = nil, fmt.Errorf("extract: drawing panicked: %v", cause)
		}
	}()
	bars, err := code128Path(p.ENP)
	if err != nil {
		return nil, fmt.Errorf("extract: barcode: %w", err)
	}
	qr, err := r.qr.path(p.machineText())
	if err != nil {
		return nil, fmt.Errorf("extract: QR code: %w", err)
	}
	var content []byte
	for _, fit := range []struct {
		scale float64
		room  int
	}{{1, 500}, {0.9, 500}, {0.8, 500}, {0.8, 250}, {0.8, 100}, {0.8, 40}} {
		shown := p.printable(fit.room)
		content, err = r.mould.draw(fit.scale, func(s sheet) error { return s.page(shown, bars, qr) })
		if !errors.Is(err, ErrTooLong) {
			break
		}
	}
	if err != nil {
		return nil, err
	}
	return r.mould.cast(content, information{
		title:  "Выписка № " + p.Number + " из единого регистра застрахованных лиц",
		author: p.Issuer,
		at:     p.FormedAt,
	})
}

// machineText is what a phone's camera shows of the QR code: lines of ASCII
// that explain themselves, without the holder's name.
func (p Page) machineText() string {
	return "OMS-EXTRACT 1" +
		"\nNO " + p.Number +
		"\nCODE " + p.Code +
		"\nENP " + p.ENP +
		"\nAT " + p.FormedAt.Format(time.RFC3339)
}

// printable is the page with what others wrote as it can be printed, each text
// of so many characters at most: for a name of a clinic or of an insurer nobody
// goes without an extract.
func (p Page) printable(room int) Page {
	for _, text := range []*string{
		&p.Insurer.Name, &p.Insurer.Address, &p.Insurer.Phone, &p.Insurer.Site,
		&p.Clinic.Name, &p.Clinic.Address, &p.Issuer, &p.PublicURL,
	} {
		*text = printable(*text, room)
	}
	return p
}

func (p Page) check() error {
	if len(p.ENP) != 16 || strings.Trim(p.ENP, "0123456789") != "" {
		return fmt.Errorf("extract: the ENP is not 16 digits")
	}
	texts := []struct{ field, text string }{
		{"number", p.Number},
		{"code", p.Code},
		{"family", p.Family},
		{"given", p.Given},
		{"patronymic", p.Patronymic},
	}
	var wrong []fault.Field
	for _, t := range texts {
		if lacking := Unsupported(t.text); len(lacking) > 0 {
			wrong = append(wrong, fault.Field{Field: t.field, Code: "unsupported_character", Detail: fault.Text{
				RU: fmt.Sprintf("Нельзя напечатать: %U", lacking),
				EN: fmt.Sprintf("Cannot be printed: %U", lacking),
			}})
		}
	}
	if wrong == nil {
		return nil
	}
	refused := *ErrUnsupportedCharacter
	refused.Fields = wrong
	return &refused
}
