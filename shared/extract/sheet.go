package extract

import (
	"slices"
	"strings"

	"github.com/go-pdf/fpdf"

	"polis/shared/calendar"
)

// The page, in millimetres from its upper left corner.
const (
	left, right  = 20.0, 190.0
	width        = right - left
	column       = 80.0           // of two
	second       = right - column // where the second column begins
	holderTop    = 50.0
	checkTop     = 219.0 // how to check the extract; what stands above must end before
	pointsPerMM  = 72 / 25.4
	pageHeight   = 297.0
	capHeight    = 0.7 * 25.4 / 72 // of the fonts, in mm per point of size
	smallestName = 12.0            // points: a name that would need less is broken
)

type ink [3]int

var (
	black  = ink{23, 27, 33}
	grey   = ink{94, 103, 115}
	accent = ink{22, 72, 133}
	rule   = ink{209, 217, 227}
	tint   = ink{241, 245, 250}
	white  = ink{255, 255, 255}
)

// style is how a text is set: line is the distance of its lines in mm.
type style struct {
	weight string // "" or "B"
	size   float64
	line   float64
	ink    ink
}

var (
	overline = style{"B", 9.5, 5, accent}
	title    = style{"B", 20, 9, black}
	subtitle = style{"", 11.5, 5.5, grey}
	name     = style{"B", 22, 9, black}
	large    = style{"B", 22.5, 10, black}
	heading  = style{"B", 11.5, 6, accent}
	label    = style{"", 9, 4.6, grey}
	strong   = style{"B", 11.5, 5.2, black}
	value    = style{"", 10.5, 5, black}
	digits   = style{"", 9.5, 5, black}
	small    = style{"", 8.5, 4, grey}
	notice   = style{"B", 10, 5, black}
)

// unbreakable keeps a phone number or a number in groups on one line.
func unbreakable(s string) string { return strings.ReplaceAll(s, " ", "\u00a0") }

// sheet is the page being drawn. Its verbs take the top of what they draw and
// return the top of what may stand below.
type sheet struct {
	*fpdf.Tpl
	scale float64 // of type and distances; below 1 where texts are very long
}

// page draws everything or reports ErrTooLong.
func (s sheet) page(p Page, bars, qr path) error {
	fixed := s
	fixed.scale = 1
	fixed.head(p)
	y := s.holder(p, holderTop)
	y = fixed.number(p.ENP, bars, y+6*s.scale)
	y = s.state(p, y+6*s.scale)
	y = s.parties(p, y+8*s.scale)
	end := fixed.verification(p, qr, checkTop)
	if y > checkTop-3 || end > pageHeight-12 {
		return ErrTooLong
	}
	return nil
}

func (s sheet) head(p Page) {
	s.write(overline, left, 17, width, "Обязательное медицинское страхование")
	s.write(title, left, 23.5, width, "Выписка из единого регистра застрахованных лиц")
	s.write(subtitle, left, 34.5, width, unbreakable("№ "+p.Number)+
		" от "+p.FormedAt.Format("02.01.2006, 15:04")+" (UTC"+p.FormedAt.Format("-07:00)"))
	s.box(accent, left, 43, width, 0.7)
}

func (s sheet) holder(p Page, y float64) float64 {
	y = s.write(label, left, y, width, "Застрахованное лицо")
	others := strings.TrimSpace(p.Given + " " + p.Patronymic)
	fitting := s.fitting(name, p.Family+" "+others, width)
	y = s.write(fitting, left, y+1.5*s.scale, width, p.Family)
	fitting.weight = ""
	y = s.write(fitting, left, y, width, others)

	y += 4 * s.scale
	bottom := s.fact(left, y, 42, "Дата рождения", p.Birth.Russian())
	s.fact(left+47, y, 28, "Пол", sexes[p.Sex])
	return max(bottom, s.fact(second, y, column, "Регион страхования", p.Region))
}

var sexes = map[string]string{"M": "Мужской", "F": "Женский"}

// number is the policy's number, for the eye and for a scanner.
func (s sheet) number(enp string, bars path, y float64) float64 {
	const height, module, barHeight, quiet = 31.0, 0.5, 14.0, 10
	s.box(tint, left, y, width, height)
	s.write(label, left+7, y+7, column, "Единый номер полиса ОМС")
	s.write(large, left+7, y+12.5, column, unbreakable(enp[:4]+" "+enp[4:8]+" "+enp[8:12]+" "+enp[12:]))

	barsWidth := float64(bars.width) * module
	x := right - 4 - quiet*module - barsWidth
	s.box(white, x-quiet*module, y+4, barsWidth+2*quiet*module, height-8)
	s.code(bars, x, y+6, module, barHeight)
	s.setStyle(digits)
	s.write(digits, x+(barsWidth-s.GetStringWidth(enp))/2, y+6+barHeight+0.8, barsWidth, enp)
	return y + height
}

func (s sheet) state(p Page, y float64) float64 {
	status := s.fact(left, y, column, "Статус полиса", p.Status)
	status = s.write(value, left, status, column, p.StatusNote)
	return max(status, s.fact(second, y, column, "Срок действия", term(p)))
}

// parties are the insurer and the clinic, side by side.
func (s sheet) parties(p Page, y float64) float64 {
	s.box(rule, left, y, width, 0.25)
	y += 6 * s.scale
	return max(s.insurer(p, left, y), s.clinic(p.Clinic, second, y))
}

func (s sheet) insurer(p Page, x, y float64) float64 {
	i := p.Insurer
	y = s.write(heading, x, y, column, "Страховая медицинская организация") + s.scale
	if i.StandIn && p.Over {
		y = s.write(value, x, y, column, "Страховая не выбрана. Обратиться можно в территориальный фонд ОМС:") + s.scale
	} else if i.StandIn {
		y = s.write(value, x, y, column, "Страховая не выбрана. Пока её заменяет территориальный фонд ОМС:") + s.scale
	}
	y = s.write(strong, x, y, column, i.Name) + 0.6*s.scale
	if i.Unlisted {
		y = s.write(value, x, y, column, "В справочнике страховых этой компании нет. О ней скажут в территориальном фонде ОМС.")
	}
	y = s.write(value, x, y, column, i.Address)
	y = s.write(value, x, y, column, prefixed("Телефон ", unbreakable(i.Phone)))
	y = s.write(value, x, y, column, i.Site)
	if p.Over {
		return y
	}
	return s.write(label, x, y+1, column, since("Страхует с ", i.Since))
}

func (s sheet) clinic(c Clinic, x, y float64) float64 {
	y = s.write(heading, x, y, column, "Поликлиника прикрепления") + s.scale
	switch {
	case c.Unasked:
		return s.write(value, x, y, column, "Сведения о прикреплении не запрашивались")
	case c.Name == "":
		return s.write(value, x, y, column, "Сведений о прикреплении нет")
	}
	y = s.write(strong, x, y, column, c.Name) + 0.6*s.scale
	y = s.write(value, x, y, column, c.Address)
	return s.write(label, x, y+1, column, since("Прикрепление с ", c.Since))
}

// verification is the QR code, how to check, and what this paper is not.
func (s sheet) verification(p Page, qr path, y float64) float64 {
	const side, gap = 32.0, 9.0
	s.box(rule, left, y, width, 0.25)
	y += 7
	s.code(qr, left, y, side/float64(qr.width), side/float64(qr.height))

	x := left + side + gap
	below := s.write(heading, x, y-1.5, right-x, "Как проверить полис")
	below = s.write(value, x, below+0.5, right-x, "Сообщите номер полиса страховой медицинской организации "+
		"или территориальному фонду ОМС: там скажут, действует ли полис сейчас.")
	below += 2.5
	below = max(
		s.fact(x, below, 48, "Номер выписки", unbreakable(p.Number)),
		s.fact(x+52, below, right-x-52, "Код выписки", p.Code))

	y = max(y+side, below) + 5
	y = s.write(notice, left, y, width, "Экстренную медицинскую помощь оказывают всегда и бесплатно: полис для неё не нужен.")
	source := "Документ сформирован системой «" + p.Issuer + "»"
	if p.PublicURL != "" {
		source += " (" + p.PublicURL + ")"
	}
	return s.write(small, left, y+1, width, source+" по сведениям регистра застрахованных лиц на "+p.AsOf.Format("02.01.2006, 15:04 (UTC-07:00)")+". "+
		"Это документ этой системы, а не Федерального фонда ОМС: фонд его не выдавал и не подписывал. "+
		"Электронной подписи в документе нет.")
}

// fact is a value under its label.
func (s sheet) fact(x, y, width float64, name, text string) float64 {
	if text == "" {
		return y
	}
	y = s.write(label, x, y, width, name)
	return s.write(strong, x, y, width, text)
}

// write sets a text in lines no longer than width; an empty one takes no line.
func (s sheet) write(st style, x, y, width float64, text string) float64 {
	s.setStyle(st)
	for _, line := range s.SplitLines([]byte(typeset(text)), width) {
		// Capitals stand in the middle of the line.
		s.Text(x, y+(st.line+st.size*capHeight)/2*s.scale, string(line))
		y += st.line * s.scale
	}
	return y
}

func (s sheet) setStyle(st style) {
	s.SetFont(fontFamily, st.weight, st.size*s.scale)
	s.SetTextColor(st.ink[0], st.ink[1], st.ink[2])
}

// fitting makes a style smaller until the longest word fits into the width.
func (s sheet) fitting(st style, text string, width float64) style {
	tooLong := func(word string) bool { return s.GetStringWidth(typeset(word)) > width }
	proportion := st.line / st.size
	for s.setStyle(st); st.size > smallestName && slices.ContainsFunc(strings.Fields(text), tooLong); s.setStyle(st) {
		st.size--
	}
	st.line = st.size * proportion
	return st
}

func (s sheet) box(i ink, x, y, width, height float64) {
	s.SetFillColor(i[0], i[1], i[2])
	s.Rect(x, y, width, height, "F")
}

// code draws a code with its upper left corner at x, y and modules of the
// given size. PDF counts points upwards from the lower edge.
func (s sheet) code(p path, x, y, moduleWidth, moduleHeight float64) {
	s.RawWriteStr("q 0 g")
	s.TransformBegin()
	s.Transform(fpdf.TransformMatrix{
		A: moduleWidth * pointsPerMM, D: moduleHeight * pointsPerMM,
		E: x * pointsPerMM, F: (pageHeight - y) * pointsPerMM,
	})
	s.RawWriteStr(string(p.operators) + "f")
	s.TransformEnd()
	s.RawWriteStr("Q")
}

func term(p Page) string {
	switch begins, ends := since("с ", p.ValidFrom), since("по ", p.ValidUntil); {
	case ends == "" && p.Over:
		return begins
	case ends == "" && begins == "":
		return "без ограничения срока"
	case ends == "":
		return begins + ", без ограничения срока"
	default:
		return strings.TrimSpace(begins + " " + ends)
	}
}

func prefixed(words, text string) string {
	if text == "" {
		return ""
	}
	return words + text
}

func since(words string, d calendar.Date) string {
	return prefixed(words, d.Russian())
}
