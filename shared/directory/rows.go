package directory

import (
	"fmt"
	"maps"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"polis/shared/calendar"
	"polis/shared/fault"
	"polis/shared/text"
)

// Row of the classifier F002, or of a list of offices, as it was written. Fields
// are by the file's own names in capitals (SMOCOD, TF_OKATO, ...); what it lacks
// is "".
type Row struct {
	Line   int // of the file, from 1
	Fields map[string]string
}

// Remark is what is to be said of a row, or of the whole file where Line is 0.
type Remark struct {
	Line   int
	Field  string // by the file's name, "" for the whole row
	Code   string // stable
	Detail fault.Text
}

// Codes of remarks on rows. The first four are no faults: the row is taken.
const (
	RowRepeated    = "row_repeated"
	OtherRegion    = "smo_of_other_region"
	SiteUnreadable = "site_unreadable"
	MailUnreadable = "email_unreadable"

	Required       = "required"
	TooLong        = "too_long"
	TextUnreadable = "text_unreadable"
	CodeMalformed  = "smo_malformed"
	CodeRepeated   = "smo_repeated"
	CodeUnknown    = "smo_unknown"
	OfficeRepeated = "office_repeated"
	OKATOUnknown   = "okato_unknown"
	OGRNWrong      = "ogrn_wrong"
	INNWrong       = "inn_wrong"
	DateWrong      = calendar.DateWrong
	DatesReversed  = "dates_reversed"
)

// maxText is the length of the longest field, in characters.
const maxText = 500

var (
	fiveDigits  = regexp.MustCompile(`^[0-9]{5}$`)
	hostForm    = regexp.MustCompile(`^[a-zа-яё0-9-]+(\.[a-zа-яё0-9-]+)+$`)
	addressForm = regexp.MustCompile(`^[^\s@,;]+@[^\s@,;]+\.[^\s@,;]+$`)
)

// Insurers makes insurers of rows. wrong names each fault by line and field;
// while there is one, the rest is of no use. noted is what was taken
// nevertheless. A row without a date of its own was true on asOf. A row that
// stands twice, letter for letter, counts once. Rows that differ in nothing but
// the dates are the contracts of one insurer.
func Insurers(rows []Row, asOf calendar.Date) (made []Insurer, wrong, noted []Remark) {
	type first struct {
		at, line int
		written  string
	}
	firsts, seen := map[string]first{}, repeats{}
	for _, row := range rows {
		if again, twice := seen.note(row); twice {
			noted = append(noted, again)
			continue
		}
		r := reader{Row: row}
		code, written := row.Fields["SMOCOD"], row.written("D_BEGIN", "D_END", "D_EDIT")
		earlier, known := firsts[code]
		switch {
		case !known:
			firsts[code] = first{len(made), row.Line, written}
			made = append(made, r.insurer(asOf))
		case earlier.written == written:
			i := &made[earlier.at]
			i.Contracts = append(i.Contracts, r.contract())
			if day := r.trueOn("D_EDIT", asOf); day.After(i.AsOf) {
				i.AsOf = day
			}
		case r.insurer(asOf).SMO != "":
			r.fault("SMOCOD", CodeRepeated, fmt.Sprintf("Этот код уже стоит в строке %d с другими данными.", earlier.line),
				fmt.Sprintf("This code stands in line %d already, with other data.", earlier.line))
		}
		wrong, noted = append(wrong, r.wrong...), append(noted, r.noted...)
	}
	for n := range made {
		made[n].Contracts = joined(made[n].Contracts)
	}
	return made, wrong, noted
}

// written is all that stands in a row but for some fields.
func (r Row) written(but ...string) string {
	fields := maps.Clone(r.Fields)
	maps.DeleteFunc(fields, func(name, _ string) bool { return slices.Contains(but, name) })
	return fmt.Sprintf("%q", fields) // by their names
}

// repeats knows the lines of the rows before.
type repeats map[string]int

// note notes a row that stands in another line too, letter for letter.
func (lines repeats) note(row Row) (Remark, bool) {
	written := row.written()
	line, known := lines[written]
	if !known || line == row.Line {
		lines[written] = row.Line
		return Remark{}, false
	}
	return Remark{row.Line, "", RowRepeated, fault.Text{
		RU: fmt.Sprintf("Строка повторяет строку %d слово в слово и учтена один раз.", line),
		EN: fmt.Sprintf("The row repeats row %d word for word and counts once.", line)}}, true
}

// reader reads one row.
type reader struct {
	Row
	wrong, noted []Remark
}

func (r *reader) fault(field, code, ru, en string) {
	r.wrong = append(r.wrong, Remark{r.Line, field, code, fault.Text{RU: ru, EN: en}})
}

func (r *reader) note(field, code, ru, en string) {
	r.noted = append(r.noted, Remark{r.Line, field, code, fault.Text{RU: ru, EN: en}})
}

// text is a field with its white space evened out.
func (r *reader) text(field string) string {
	value := strings.Join(strings.Fields(r.Fields[field]), " ")
	switch {
	case utf8.RuneCountInString(value) > maxText:
		r.fault(field, TooLong, "Поле длиннее 500 знаков.", "The field is longer than 500 characters.")
		return ""
	case strings.ContainsFunc(value, func(c rune) bool { return text.Hidden(c) || c == utf8.RuneError }):
		r.fault(field, TextUnreadable, "В тексте есть невидимые знаки, или он в другой кодировке.", "There are invisible characters in the text, or it is in another encoding.")
		return ""
	}
	return value
}

func (r *reader) required(field string) string {
	faults := len(r.wrong)
	value := r.text(field)
	if value == "" && len(r.wrong) == faults {
		r.fault(field, Required, "Поле не заполнено.", "The field is empty.")
	}
	return value
}

// code of an insurer; "" where it is none.
func (r *reader) code() string {
	code := r.required("SMOCOD")
	if code != "" && !fiveDigits.MatchString(code) {
		r.fault("SMOCOD", CodeMalformed, "Код страховой — пять цифр.", "An insurer's code is five digits.")
		return ""
	}
	return code
}

func (r *reader) first(fields ...string) string {
	for _, field := range fields {
		if value := r.text(field); value != "" {
			return value
		}
	}
	return ""
}

// date as the classifier has it, 31.12.2013, or ISO.
func (r *reader) date(field, value string) calendar.Date {
	if value == "" {
		return calendar.Date{}
	}
	day, err := calendar.ReadDate(value, "02.01.2006", time.DateOnly)
	if err != nil {
		why := fault.From(err).Fields[0]
		r.fault(field, why.Code, why.Detail.RU, why.Detail.EN)
	}
	return day
}

func (r *reader) insurer(asOf calendar.Date) Insurer {
	i := Insurer{SMO: r.code(), Phone: r.first("HOT_LINE", "PHONE"), OGRN: r.required("OGRN")}
	if okato := r.required("TF_OKATO"); okato != "" {
		region, ok := ofOKATO(okato)
		if !ok {
			r.fault("TF_OKATO", OKATOUnknown, "Нет региона с таким ОКАТО.", "There is no region with this OKATO.")
		}
		i.Region = region.Code
		if ok && i.SMO != "" && i.SMO[:2] != region.Code {
			r.note("SMOCOD", OtherRegion, "Код начинается не с кода региона. Регион взят по ОКАТО.", "The code does not begin with the region's. The region is that of the OKATO.")
		}
	}
	full := r.text("NAM_SMOP")
	if i.Name = r.text("NAM_SMOK"); i.Name == "" {
		i.Name = full
	}
	if i.Name == "" {
		r.required("NAM_SMOK")
	}
	if full != i.Name {
		i.FullName = full
	}
	if i.OGRN != "" && !ogrnHolds(i.OGRN) {
		r.fault("OGRN", OGRNWrong, "Проверьте ОГРН: контрольная цифра не сходится.", "Check the OGRN: its check digit does not fit.")
	}
	if inn := r.text("INN"); inn != "" && !innHolds(inn) {
		r.fault("INN", INNWrong, "Проверьте ИНН: контрольная цифра не сходится.", "Check the INN: its check digit does not fit.")
	}
	i.Contracts, i.AsOf = []Contract{r.contract()}, r.trueOn("D_EDIT", asOf)
	if i.Email = strings.ToLower(r.text("E_MAIL")); i.Email != "" && !addressForm.MatchString(i.Email) {
		r.note("E_MAIL", MailUnreadable, "Адрес почты не читается и пропущен.", "The e-mail address is not readable and was left out.")
		i.Email = ""
	}
	if text := r.text("WWW"); text != "" {
		if i.Site = siteOf(text); i.Site == "" {
			r.note("WWW", SiteUnreadable, "Адрес сайта не читается и пропущен.", "The site's address is not readable and was left out.")
		}
	}
	// The address where people write to, or else the one of the law.
	for _, of := range []string{"F", "J"} {
		address := r.text("ADDR_" + of)
		if index := r.text("INDEX_" + of); address != "" && index != "" && !strings.HasPrefix(address, index) {
			address = index + ", " + address
		}
		if i.Address == "" {
			i.Address = address
		}
	}
	return i
}

// contract of the row. D_END is the first day without it.
func (r *reader) contract() Contract {
	c := Contract{r.date("D_BEGIN", r.required("D_BEGIN")), r.date("D_END", r.text("D_END"))}
	if !c.Since.IsZero() && !c.Until.IsZero() && c.Until.Before(c.Since) {
		r.fault("D_END", DatesReversed, "Договор кончается раньше, чем начинается.", "The contract ends before it begins.")
	}
	return c
}

// trueOn is the day on which the row was true, by its field if that is filled in.
func (r *reader) trueOn(field string, asOf calendar.Date) calendar.Date {
	if day := r.date(field, r.text(field)); !day.IsZero() {
		return day
	}
	return asOf
}

// siteOf a text the first address in it, "" where there is none.
func siteOf(text string) string {
	all := strings.FieldsFunc(text, func(c rune) bool { return c == ' ' || c == ',' || c == ';' })
	if len(all) == 0 {
		return ""
	}
	address := all[0]
	if scheme, _, ok := strings.Cut(address, "://"); !ok {
		address = "http://" + address
	} else if s := strings.ToLower(scheme); s != "http" && s != "https" {
		return ""
	}
	u, err := url.Parse(address)
	if err != nil || u.User != nil {
		return ""
	}
	u.Scheme, u.Host = strings.ToLower(u.Scheme), strings.ToLower(u.Host)
	if !hostForm.MatchString(u.Host) {
		return ""
	}
	return u.Scheme + "://" + u.Host + strings.TrimSuffix(u.EscapedPath(), "/")
}

// ogrnHolds proves the last of 13 digits: the first twelve modulo 11, then
// modulo 10.
func ogrnHolds(ogrn string) bool {
	if len(ogrn) != 13 || !digits(ogrn) {
		return false
	}
	rest := 0
	for _, digit := range ogrn[:12] {
		rest = (rest*10 + int(digit-'0')) % 11
	}
	return byte(rest%10) == ogrn[12]-'0'
}

// innHolds proves the last of an organisation's ten digits.
func innHolds(inn string) bool {
	if len(inn) != 10 || !digits(inn) {
		return false
	}
	sum := 0
	for n, weight := range []int{2, 4, 10, 3, 5, 9, 4, 6, 8} {
		sum += weight * int(inn[n]-'0')
	}
	return byte(sum%11%10) == inn[9]-'0'
}

func digits(s string) bool { return strings.Trim(s, "0123456789") == "" }
