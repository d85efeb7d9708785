package notice

import (
	"strings"

	"polis/shared/application"
	"polis/shared/fault"
)

// Kind of a notice.
type Kind string

// KindBirth is told to the representatives of a child that was put on record.
const KindBirth Kind = "birth.recorded"

// KindOf is the kind of the notice of an application's step.
func KindOf(s application.Status) Kind { return Kind("application." + string(s)) }

// Message as a channel sends it. It names the application by its number and
// says no more of the person: mail and SMS are read by others too.
type Message struct {
	ID      string // of every try, "<left>@<right>" without the brackets
	To      string // e-mail address, or number in the form +79161234567
	Subject string // e-mail only
	Text    string
}

// told is what happened and what there is to do. The first sentence is also the
// subject. An SMS has room for 70 letters.
var told = map[Kind]struct{ happened, todo, sms fault.Text }{
	KindBirth: {
		happened: fault.Text{RU: "Полис ребёнка оформлен", EN: "The child's policy is issued"},
		todo: fault.Text{
			RU: "Рождение записано, ребёнок внесён в регистр. Дайте согласие в личном кабинете, чтобы увидеть полис.",
			EN: "The birth is recorded and the child is in the register. Give consent in your account to see the policy."},
		sms: fault.Text{RU: "Полис ребёнка оформлен. Он виден в личном кабинете", EN: "The child's policy is issued. See your account"},
	},
	KindOf(application.Submitted): {
		happened: fault.Text{RU: "Заявление {number} подано", EN: "Application {number} is submitted"},
		todo: fault.Text{
			RU: "Делать ничего не нужно: мы сообщим, когда будет результат.",
			EN: "There is nothing to do: we will tell you when there is a result."},
		sms: fault.Text{RU: "Полис ОМС: заявление {number} подано", EN: "OMS policy: application {number} is submitted"},
	},
	KindOf(application.Working): {
		happened: fault.Text{RU: "Заявление {number} в работе", EN: "Application {number} is being worked on"},
		todo: fault.Text{
			RU: "Делать ничего не нужно: мы продолжаем и сообщим, когда будет результат.",
			EN: "There is nothing to do: we go on and will tell you when there is a result."},
		sms: fault.Text{RU: "Полис ОМС: заявление {number} в работе", EN: "OMS policy: application {number} is worked on"},
	},
	KindOf(application.NeedsPerson): {
		happened: fault.Text{RU: "Заявление {number} ждёт вашего действия", EN: "Application {number} waits for you"},
		todo: fault.Text{
			RU: "Откройте его в личном кабинете: там сказано, что проверить и к кому обратиться.",
			EN: "Open it in your account: it says what to check and whom to turn to."},
		sms: fault.Text{RU: "Заявление {number} ждёт вас. Откройте личный кабинет", EN: "Application {number} waits for you. Open your account"},
	},
	KindOf(application.Granted): {
		happened: fault.Text{RU: "Заявление {number} исполнено", EN: "Application {number} is granted"},
		todo:     fault.Text{RU: "Результат — в личном кабинете.", EN: "The result is in your account."},
		sms:      fault.Text{RU: "Заявление {number} исполнено. Результат в кабинете", EN: "Application {number} is granted. See your account"},
	},
	KindOf(application.Refused): {
		happened: fault.Text{RU: "По заявлению {number} отказано", EN: "Application {number} is refused"},
		todo: fault.Text{
			RU: "Почему и что можно сделать дальше, сказано в личном кабинете.",
			EN: "Your account says why, and what can be done next."},
		sms: fault.Text{RU: "По заявлению {number} отказано. Причина в кабинете", EN: "Application {number} is refused. See your account"},
	},
}

var footer = fault.Text{
	RU: "Письмо отправлено автоматически, отвечать на него не нужно. Отключить письма и СМС можно в личном кабинете.",
	EN: "This message was sent automatically, please do not answer it. E-mail and SMS can be turned off in your account.",
}

// Text is what the notice says, in one line.
func (n Notice) Text() fault.Text {
	words := told[n.Kind]
	return fault.Text{
		RU: n.fill(words.happened.RU) + ". " + n.fill(words.todo.RU),
		EN: n.fill(words.happened.EN) + ". " + n.fill(words.todo.EN),
	}
}

func (n Notice) fill(template string) string {
	return strings.ReplaceAll(template, "{number}", n.Number)
}

// Message of a delivery to an address. link leads to the person's own pages,
// and shows nothing without a login.
func (n Notice) Message(d Delivery, to, link string) Message {
	words, in := told[n.Kind], func(t fault.Text) string {
		if n.Language == "en" {
			return n.fill(t.EN)
		}
		return n.fill(t.RU)
	}
	m := Message{ID: d.MessageID, To: to}
	if d.Channel == SMS {
		m.Text = in(words.sms)
		return m
	}
	m.Subject = in(words.happened)
	m.Text = in(n.Text()) + "\n\n" + link + "\n\n" + in(footer) + "\n"
	return m
}
