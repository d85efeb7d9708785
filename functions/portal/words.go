package function

import (
	"fmt"
	"regexp"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"polis/shared/application"
	"polis/shared/calendar"
	"polis/shared/policy"
)

var months = [...][2]string{
	{"января", "January"}, {"февраля", "February"}, {"марта", "March"}, {"апреля", "April"}, {"мая", "May"}, {"июня", "June"},
	{"июля", "July"}, {"августа", "August"}, {"сентября", "September"}, {"октября", "October"}, {"ноября", "November"}, {"декабря", "December"},
}

// Day is a date in words, which no line break tears apart. It takes a date, a
// time, or the text of either (ISO 8601, RFC 3339).
func (p *page) Day(at any) (string, error) {
	t, err := p.timeOf(at)
	if err != nil || t.IsZero() {
		return "", err
	}
	month := months[t.Month()-1]
	if p.English {
		return fmt.Sprintf("%d\u00a0%s\u00a0%d", t.Day(), month[1], t.Year()), nil
	}
	return fmt.Sprintf("%d\u00a0%s\u00a0%d\u00a0г.", t.Day(), month[0], t.Year()), nil
}

// dated finds the dates in what a function says: printed ones, or in English those
// of ISO 8601.
var dated = regexp.MustCompile(`\b(\d\d\.\d\d\.\d{4}\b\.?|\d{4}-\d\d-\d\d\b)`)

// Said is what a function says, with its dates in words as everywhere on a page.
func (p *page) Said(text string) string {
	return dated.ReplaceAllStringFunc(text, func(found string) string {
		day := strings.TrimSuffix(found, ".") // a short word for the year ends a sentence, too
		for _, layout := range []string{"02.01.2006", time.DateOnly} {
			if t, err := time.Parse(layout, day); err == nil {
				words, err := p.Day(calendar.DateOf(t))
				if err != nil {
					return found
				}
				if p.English {
					words += found[len(day):]
				}
				return words
			}
		}
		return found
	})
}

// Sentence begins a text with a capital letter.
func (p *page) Sentence(text string) string {
	first, size := utf8.DecodeRuneInString(text)
	return string(unicode.ToUpper(first)) + text[size:]
}

// Moment is a day and the time of it, if it has one.
func (p *page) Moment(at any) (string, error) {
	if _, ok := at.(calendar.Date); ok {
		return p.Day(at)
	}
	if text, ok := at.(string); ok && len(text) == len(time.DateOnly) {
		return p.Day(at)
	}
	day, err := p.Day(at)
	if err != nil || day == "" {
		return "", err
	}
	t, err := p.timeOf(at)
	return day + p.T(", в\u00a0", " at\u00a0") + t.Format("15:04"), err
}

// Machine is a time as programs read it.
func (p *page) Machine(at any) (string, error) {
	t, err := p.timeOf(at)
	return t.Format(time.RFC3339), err
}

// timeOf leaves a time in the zone that it came with: a term counts in its
// region's. What is only an instant is read by the clock on the wall.
func (p *page) timeOf(at any) (time.Time, error) {
	switch at := at.(type) {
	case time.Time:
		if _, offset := at.Zone(); offset == 0 && !at.IsZero() {
			at = at.In(p.zone)
		}
		return at, nil
	case calendar.Date:
		if at.IsZero() {
			return time.Time{}, nil
		}
		return at.Start(p.zone), nil
	case string:
		if at == "" {
			return time.Time{}, nil
		}
		if t, err := time.Parse(time.DateOnly, at); err == nil {
			return t, nil
		}
		t, err := time.Parse(time.RFC3339, at)
		if err != nil {
			return t, err
		}
		return p.timeOf(t)
	}
	return time.Time{}, fmt.Errorf("%T is no time", at)
}

// KindOf names a kind of application.
func (p *page) KindOf(kind application.Kind) string {
	switch kind {
	case application.Lookup:
		return p.T("Показ полиса", "Showing the policy")
	case application.Link:
		return p.T("Поиск полиса по номеру", "Finding the policy by its number")
	case application.Register:
		return p.T("Оформление полиса", "Issue of a policy")
	case application.Repair:
		return p.T("Восстановление показа полиса", "Making the policy show again")
	case application.Choose:
		return p.T("Выбор страховой компании", "Choice of the insurer")
	case application.Suspend:
		return p.T("Приостановление полиса", "Suspension of the policy")
	case application.Resume:
		return p.T("Возобновление полиса", "Resumption of the policy")
	case application.Restore:
		return p.T("Восстановление в регистре", "Restoration in the register")
	}
	return p.T("Заявление", "Application")
}

// Warning says what differs between the account and the register, by code.
func (p *page) Warning(code string) string {
	switch code {
	case policy.NameDiffers:
		return p.T("Имя в регистре отличается от имени в учётной записи. Сообщите страховой компании.", "The name in the register differs from your account’s. Tell the insurer.")
	case policy.DocumentDiffers:
		return p.T("Документ в регистре отличается от документа в учётной записи. Сообщите страховой компании о новом документе.", "The identity document in the register differs from your account’s. Tell the insurer of the new one.")
	case policy.SNILSDiffers:
		return p.T("СНИЛС в регистре отличается от СНИЛС в учётной записи. Сообщите страховой компании.", "The SNILS in the register differs from your account’s. Tell the insurer.")
	}
	return p.T("Данные в регистре отличаются от данных в учётной записи. Сообщите страховой компании.", "Data in the register differ from your account’s. Tell the insurer.")
}

// Delivery says how a notice went by one channel.
func (p *page) Delivery(channel, state, reason string) string {
	by := p.T("Почта", "E-mail")
	if channel == "sms" {
		by = p.T("СМС", "SMS")
	}
	switch {
	case state == "sent":
		return by + ": " + p.T("отправлено", "sent")
	case state == "dead" && reason == "may_have_been_delivered":
		return by + ": " + p.T("возможно, доставлено", "may have been delivered")
	case state == "dropped":
		return by + ": " + p.T("не отправлено, документ удалён", "not sent, the document is gone")
	case state == "dead":
		return by + ": " + p.T("не отправлено", "not sent")
	}
	return by + ": " + p.T("отправляется", "being sent")
}

// Size of a file in words.
func (p *page) Size(bytes int) string {
	return fmt.Sprintf("%d\u00a0%s", (bytes+1023)/1024, p.T("КБ", "KB"))
}

// Count is a number with its noun: of 1, 21 (раз), of 2 to 4 (раза), of the rest;
// the English one is of one thing.
func (p *page) Count(n int, one, few, many, english string) string {
	noun := many
	switch {
	case p.English:
		if noun = english; n != 1 {
			noun += "s"
		}
	case singular(n):
		noun = one
	case n%100 >= 12 && n%100 <= 14:
	case n%10 >= 2 && n%10 <= 4:
		noun = few
	}
	return fmt.Sprintf("%d\u00a0%s", n, noun)
}

// singular reports whether Russian speaks of a number as of one: of 1 and 21, not
// of 11.
func singular(n int) bool { return n%10 == 1 && n%100 != 11 }

// Left is how many days remain.
func (p *page) Left(days int) string {
	count := p.Count(days, "день", "дня", "дней", "day")
	switch {
	case p.English:
		return count + " left"
	case singular(days):
		return "остался " + count
	}
	return "осталось " + count
}

// Tel is a telephone number in groups that no line break tears apart; one written
// otherwise than in eleven digits stays as it is.
func (p *page) Tel(number string) string { return tel(number).String() }

// Dial is the first number of a text for a phone to dial (RFC 3966), also from a
// mobile or from abroad; "" where there is none that is sure.
func (p *page) Dial(text string) string {
	text, _, _ = strings.Cut(text, ";")
	text, also, _ := strings.Cut(text, ",")
	text, extension, _ := strings.Cut(text, "доб")
	if _, after, extended := strings.Cut(also, "доб"); extended {
		extension = after
	}
	number, extension := digits(text), digits(extension)
	switch {
	case len(number) == 11 && (number[0] == '7' || strings.HasPrefix(number, "8") && !strings.HasPrefix(number, "8800")):
		number = "+7" + number[1:]
	case len(number) == 11 && number[0] == '8': // free of charge, and within Russia only
	case len(number) == 10: // with the code of its city
		number = "+7" + number
	case len(number) == 3: // of an emergency or a help line
	default:
		return ""
	}
	if extension != "" {
		number += ";ext=" + extension
	}
	return number
}

// digits of a text.
func digits(text string) string {
	return strings.Map(func(r rune) rune {
		if r < '0' || r > '9' {
			return -1
		}
		return r
	}, text)
}

// tel is a telephone number as the login tells it.
type tel string

var elevenDigits = regexp.MustCompile(`^(\+7|8)(\d{3})(\d{3})(\d\d)(\d\d)$`)

func (t tel) String() string {
	return elevenDigits.ReplaceAllString(string(t), "$1\u00a0$2\u00a0$3-$4-$5")
}
