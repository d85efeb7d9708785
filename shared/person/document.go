package person

import (
	"fmt"
	"regexp"
	"strings"
	"unicode/utf8"

	"polis/shared/calendar"
	"polis/shared/fault"
)

// Document is an identity document. Type is its code in the classifier F011;
// Expires is zero where the document has no term.
type Document struct {
	Type    int           `json:"type"`
	Series  string        `json:"series"`
	Number  string        `json:"number"`
	Expires calendar.Date `json:"expires,omitzero"`
}

// Kinds whose series and number have a fixed form.
const (
	BirthCertificate = 3  // issued in Russia
	Passport         = 14 // of a citizen of Russia
)

// kind is one row of F011: whether an application may rest on such a document,
// and whether its expiry date must be given.
type kind struct {
	title    fault.Text
	accepted bool
	expires  bool
}

var kinds = map[int]kind{
	1:                {title: fault.Text{RU: "Паспорт гражданина СССР", EN: "Passport of a citizen of the USSR"}},
	2:                {title: fault.Text{RU: "Загранпаспорт гражданина СССР", EN: "USSR passport for travel abroad"}},
	BirthCertificate: {title: fault.Text{RU: "Свидетельство о рождении, выданное в Российской Федерации", EN: "Birth certificate issued in Russia"}, accepted: true},
	4:                {title: fault.Text{RU: "Удостоверение личности офицера", EN: "Officer's identity card"}},
	5:                {title: fault.Text{RU: "Справка об освобождении из места лишения свободы", EN: "Certificate of release from prison"}},
	6:                {title: fault.Text{RU: "Паспорт Минморфлота", EN: "Passport of the Ministry of the Merchant Fleet"}},
	7:                {title: fault.Text{RU: "Военный билет", EN: "Military service card"}},
	8:                {title: fault.Text{RU: "Дипломатический паспорт гражданина Российской Федерации", EN: "Diplomatic passport of a citizen of Russia"}},
	9:                {title: fault.Text{RU: "Паспорт иностранного гражданина", EN: "Passport of a foreign citizen"}, accepted: true},
	10:               {title: fault.Text{RU: "Свидетельство о регистрации ходатайства о признании беженцем", EN: "Certificate that a request for refugee status is registered"}, accepted: true, expires: true},
	11:               {title: fault.Text{RU: "Вид на жительство", EN: "Permanent residence permit"}, accepted: true, expires: true},
	12:               {title: fault.Text{RU: "Удостоверение беженца в Российской Федерации", EN: "Refugee identity card"}, accepted: true, expires: true},
	13:               {title: fault.Text{RU: "Временное удостоверение личности гражданина Российской Федерации", EN: "Temporary identity card of a citizen of Russia"}, accepted: true, expires: true},
	Passport:         {title: fault.Text{RU: "Паспорт гражданина Российской Федерации", EN: "Passport of a citizen of Russia"}, accepted: true},
	15:               {title: fault.Text{RU: "Заграничный паспорт гражданина Российской Федерации", EN: "Passport of a citizen of Russia for travel abroad"}},
	16:               {title: fault.Text{RU: "Паспорт моряка", EN: "Seaman's passport"}},
	17:               {title: fault.Text{RU: "Военный билет офицера запаса", EN: "Military service card of a reserve officer"}},
	18:               {title: fault.Text{RU: "Иные документы", EN: "Other documents"}},
	21:               {title: fault.Text{RU: "Документ иностранного гражданина", EN: "Document of a foreign citizen"}, accepted: true},
	22:               {title: fault.Text{RU: "Документ лица без гражданства", EN: "Document of a stateless person"}, accepted: true},
	23:               {title: fault.Text{RU: "Разрешение на временное проживание", EN: "Temporary residence permit"}, accepted: true, expires: true},
	24:               {title: fault.Text{RU: "Свидетельство о рождении, выданное не в Российской Федерации", EN: "Birth certificate issued outside Russia"}, accepted: true},
	25:               {title: fault.Text{RU: "Свидетельство о предоставлении временного убежища на территории Российской Федерации", EN: "Certificate of temporary asylum"}, accepted: true, expires: true},
	26:               {title: fault.Text{RU: "Удостоверение сотрудника Евразийской экономической комиссии", EN: "Staff card of the Eurasian Economic Commission"}},
	27:               {title: fault.Text{RU: "Копия жалобы о лишении статуса беженца", EN: "Copy of a complaint against the loss of refugee status"}, accepted: true, expires: true},
	28:               {title: fault.Text{RU: "Иной документ о предоставлении убежища", EN: "Other document that grants asylum"}, accepted: true, expires: true},
}

// DocumentKind is the title of a kind of F011, accepted or not; false for a code
// that the classifier does not have.
func DocumentKind(code int) (title fault.Text, ok bool) {
	k, ok := kinds[code]
	return k.title, ok
}

// MustExpire reports whether the expiry date of such a document must be given.
func MustExpire(code int) bool { return kinds[code].expires }

// Normalised is the form to keep: capitals, single spaces, a passport's series
// as "45 12", a birth certificate's as "IV-МЮ" with the Roman numeral in Latin
// letters, whatever look-alikes it was typed in.
func (d Document) Normalised() Document {
	switch d.Type {
	case Passport:
		d.Series, d.Number = compact(d.Series), compact(d.Number)
		if len(d.Series) == 4 && allDigits(d.Series) {
			d.Series = d.Series[:2] + " " + d.Series[2:]
		}
	case BirthCertificate:
		d.Series, d.Number = romanSeries(d.Series), compact(d.Number)
	default:
		d.Series, d.Number = capitals(d.Series), capitals(d.Number)
	}
	return d
}

// Key is the document for matching and indexing, type|series|number without the
// spaces and dashes that people put in or leave out.
func (d Document) Key() string {
	d = d.Normalised()
	return fmt.Sprintf("%d|%s|%s", d.Type, ungrouped(d.Series), ungrouped(d.Number))
}

var (
	passportSeries    = regexp.MustCompile(`^\d\d \d\d$`)
	certificateSeries = regexp.MustCompile(`^(C{0,3}(?:XC|XL|L?X{0,3})(?:IX|IV|V?I{0,3}))-[А-ЯЁ]{2}$`)
	sixDigits         = regexp.MustCompile(`^\d{6}$`)
)

// maxForeign bounds series and number of a document without a fixed form, in
// characters.
const maxForeign = 20

// Check names every wrong field of the normalised document by its JSON path
// under field: document_type_unknown, document_type_not_accepted,
// document_series_wrong, document_number_wrong, document_expiry_missing,
// document_expired. A document is valid to the end of its last day; today is the
// date of the law in the region of insurance.
func (d Document) Check(field string, today calendar.Date) []fault.Field {
	k, known := kinds[d.Type]
	if !known {
		return []fault.Field{{Field: under(field, "type"), Code: "document_type_unknown", Detail: fault.Text{
			RU: "Выберите вид документа из списка.",
			EN: "Choose the kind of document from the list."}}}
	}
	if !k.accepted {
		return []fault.Field{{Field: under(field, "type"), Code: "document_type_not_accepted", Detail: fault.Text{
			RU: "С таким документом заявление не принимают. Укажите другой документ.",
			EN: "An application cannot rest on this document. Give another one."}}}
	}
	var wrong []fault.Field
	refuse := func(member, code string, detail fault.Text) {
		wrong = append(wrong, fault.Field{Field: under(field, member), Code: code, Detail: detail})
	}
	series, number := d.Normalised().checkForm()
	if series != (fault.Text{}) {
		refuse("series", "document_series_wrong", series)
	}
	if number != (fault.Text{}) {
		refuse("number", "document_number_wrong", number)
	}
	switch {
	case d.Expires.IsZero() && k.expires:
		refuse("expires", "document_expiry_missing", fault.Text{
			RU: "Укажите, до какой даты действует документ.",
			EN: "Give the date on which the document expires."})
	case !d.Expires.IsZero() && d.Expires.Before(today):
		refuse("expires", "document_expired", fault.Text{
			RU: "Срок действия документа истёк. Укажите действующий документ.",
			EN: "The document has expired. Give a valid one."})
	}
	return wrong
}

// checkForm tells what is wrong with series and number of a normalised document;
// an empty text means nothing.
func (d Document) checkForm() (series, number fault.Text) {
	switch d.Type {
	case Passport:
		if !passportSeries.MatchString(d.Series) {
			series = fault.Text{
				RU: "Серия паспорта — четыре цифры, например 45 12.",
				EN: "The series of a passport is four digits, as in 45 12."}
		}
	case BirthCertificate:
		if m := certificateSeries.FindStringSubmatch(d.Series); m == nil || m[1] == "" {
			series = fault.Text{
				RU: "Серия свидетельства — римское число, дефис и две русские буквы, например IV-МЮ.",
				EN: "The series of a birth certificate is a Roman numeral, a hyphen and two Russian letters, as in IV-МЮ."}
		}
	default:
		if d.Series != "" && !foreign(d.Series) {
			series = fault.Text{
				RU: "Серия — не больше 20 знаков: буквы, цифры, пробел, дефис, точка, косая черта. Если серии нет, оставьте поле пустым.",
				EN: "The series is at most 20 letters, digits, spaces, hyphens, dots and slashes. Leave it empty if there is none."}
		}
		if !foreign(d.Number) || !strings.ContainsAny(d.Number, "0123456789") {
			number = fault.Text{
				RU: "Номер — не больше 20 знаков: цифры, буквы, пробел, дефис, точка, косая черта.",
				EN: "The number is at most 20 digits, letters, spaces, hyphens, dots and slashes."}
		}
		return series, number
	}
	if !sixDigits.MatchString(d.Number) {
		number = fault.Text{
			RU: "Номер документа — шесть цифр.",
			EN: "The number of the document is six digits."}
	}
	return series, number
}

// foreign tells whether a series or number without a fixed form is sane.
func foreign(s string) bool {
	if s == "" || utf8.RuneCountInString(s) > maxForeign {
		return false
	}
	for _, r := range s {
		if !printable(r) && (r < '0' || r > '9') && r != '/' {
			return false
		}
	}
	return true
}

// capitals folds letter case and spaces, and makes every dash a hyphen.
func capitals(s string) string {
	s = strings.Map(func(r rune) rune {
		if isDash(r) {
			return '-'
		}
		return r
	}, strings.ToUpper(s))
	return strings.Join(strings.FieldsFunc(s, isSpace), " ")
}

// compact is a number without its grouping, or the text as typed where it is no
// number.
func compact(s string) string {
	if d, ok := digits(s); ok {
		return d
	}
	return capitals(s)
}

// lookalikes are the Cyrillic letters and the digit that stand for Roman digits
// on Russian keyboards.
var lookalikes = strings.NewReplacer("1", "I", "У", "V", "Х", "X", "Л", "L", "С", "C")

func romanSeries(s string) string {
	numeral, letters, ok := strings.Cut(strings.ReplaceAll(capitals(s), " ", ""), "-")
	if !ok {
		return numeral
	}
	return lookalikes.Replace(numeral) + "-" + letters
}

func ungrouped(s string) string {
	return strings.NewReplacer(" ", "", "-", "").Replace(s)
}
