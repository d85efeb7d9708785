package notice

import (
	"strings"

	"polis/shared/application"
	"polis/shared/fault"
	"polis/shared/policy"
)

// Kind of a notice.
type Kind string

// KindBirth is told to the representatives of a child that was put on record.
const KindBirth Kind = "birth.recorded"

// KindMailing is told of a document that the person asked for by e-mail.
const KindMailing Kind = "extract.mailing"

// KindOf is the kind of the notice of an application's step.
func KindOf(s application.Status) Kind { return Kind("application." + string(s)) }

// change begins the kind of a change's notice.
const change = "change."

// KindOfChange is the kind of the notice of a change of a record: of the
// person's own, or of a child's whom they represent.
func KindOfChange(k policy.ChangeKind, child bool) Kind {
	if child {
		return Kind(change + "child." + string(k))
	}
	return Kind(change + string(k))
}

// Message as a channel sends it. It names the application by its kind and number
// and says no more of the person: mail and SMS are read by others too. Only a
// letter that the person asked for carries a file.
type Message struct {
	ID      string // of every try, "<left>@<right>" without the brackets
	To      string // e-mail address, or number in the form +79161234567
	Subject string // e-mail only
	Text    string
	File    *File // e-mail only
}

// File that a letter carries.
type File struct {
	Name    string `json:"name"`
	Type    string `json:"type"` // of media, "application/pdf"
	Content []byte `json:"content"`
}

// Enclosure names the document that a letter is to carry.
type Enclosure struct {
	Account  string `json:"account"`
	Document string `json:"document"`
}

// told is what happened and what there is to do. The first sentence is also the
// subject. An SMS has room for 70 letters.
var told = map[Kind]struct{ happened, todo, sms fault.Text }{
	KindBirth: {
		happened: fault.Text{RU: "Полис ребёнка оформлен", EN: "The child's policy is issued"},
		todo: fault.Text{
			RU: "Ребёнок внесён в регистр. Выберите страховую, если она ещё не выбрана. Дайте согласие в личном кабинете, чтобы увидеть полис.",
			EN: "The child is in the register. Choose an insurer if none is chosen yet. Give consent in your account to see the policy."},
		sms: fault.Text{RU: "Полис ребёнка оформлен. Он виден в личном кабинете", EN: "The child's policy is issued. See your account"},
	},
	KindOfChange(policy.PassportDue, false): {
		happened: fault.Text{RU: "Вам четырнадцать лет: нужен паспорт", EN: "You are fourteen: a passport is needed"},
		todo: fault.Text{
			RU: "Получите паспорт и сообщите его данные страховой в течение месяца. Полис и его номер остаются прежними.",
			EN: "Get a passport and report it to the insurer within a month. The policy and its number stay."},
		sms: fault.Text{RU: "Вам четырнадцать: сообщите страховой данные паспорта", EN: "You are fourteen: report your passport to the insurer"},
	},
	KindOfChange(policy.PassportDue, true): {
		happened: fault.Text{RU: "Ребёнку четырнадцать лет: нужен паспорт", EN: "The child is fourteen: a passport is needed"},
		todo: fault.Text{
			RU: "Теперь вместо свидетельства о рождении нужен паспорт. Сообщите его данные страховой в течение месяца.",
			EN: "A passport now takes the place of the birth certificate. Report it to the insurer within a month."},
		sms: fault.Text{RU: "Ребёнку четырнадцать: сообщите страховой данные паспорта", EN: "The child is fourteen: report the passport to the insurer"},
	},
	KindOfChange(policy.OfAge, false): {
		happened: fault.Text{RU: "Вам восемнадцать лет: полис теперь видите только вы", EN: "You are eighteen: now you alone see the policy"},
		todo: fault.Text{
			RU: "Родители больше не видят вашего полиса и не выбирают страховую. Войдите под своей учётной записью и дайте согласия.",
			EN: "Your parents do not see your policy any more and do not choose the insurer. Log in with your own account and give your consents."},
		sms: fault.Text{RU: "Вам восемнадцать: полис теперь видите только вы", EN: "You are eighteen: now you alone see the policy"},
	},
	KindOfChange(policy.OfAge, true): {
		happened: fault.Text{RU: "Ребёнку исполнилось восемнадцать лет", EN: "The child has come of age"},
		todo: fault.Text{
			RU: "Ваш доступ к его полису закончился, копия удалена из вашего кабинета. Свой полис он увидит под своей учётной записью.",
			EN: "Your access to the policy has ended and the copy is erased from your account. They see it with an account of their own."},
		sms: fault.Text{RU: "Ребёнку восемнадцать: доступ к его полису закончился", EN: "The child has come of age: your access has ended"},
	},
	KindOfChange(policy.ValidityEnding, false): {
		happened: fault.Text{RU: "Срок вашего полиса ОМС скоро закончится", EN: "The term of your OMS policy ends soon"},
		todo: fault.Text{
			RU: "До какого дня он действует, сказано в личном кабинете. Продлите его заранее, если основание остаётся.",
			EN: "Your account says until when it is valid. Prolong it in time if your right goes on."},
		sms: fault.Text{RU: "Срок вашего полиса ОМС скоро закончится. Он в кабинете", EN: "The term of your OMS policy ends soon. See your account"},
	},
	KindOfChange(policy.ValidityEnding, true): {
		happened: fault.Text{RU: "Срок полиса ребёнка скоро закончится", EN: "The term of the child's policy ends soon"},
		todo: fault.Text{
			RU: "До какого дня он действует, сказано в личном кабинете. Продлите его заранее, если основание остаётся.",
			EN: "Your account says until when it is valid. Prolong it in time if the right goes on."},
		sms: fault.Text{RU: "Срок полиса ребёнка скоро закончится. Он в кабинете", EN: "The term of the child's policy ends soon. See your account"},
	},
	KindOfChange(policy.ValidityEnded, false): {
		happened: fault.Text{RU: "Срок вашего полиса ОМС истёк", EN: "The term of your OMS policy is over"},
		todo: fault.Text{
			RU: "Полис больше не действует, экстренную помощь оказывают всегда. Если право на страхование осталось, подайте заявление снова.",
			EN: "The policy is not valid any more; emergency care is given always. If your right goes on, apply again."},
		sms: fault.Text{RU: "Срок вашего полиса ОМС истёк. Что делать, сказано в кабинете", EN: "The term of your OMS policy is over. See your account"},
	},
	KindOfChange(policy.ValidityEnded, true): {
		happened: fault.Text{RU: "Срок полиса ребёнка истёк", EN: "The term of the child's policy is over"},
		todo: fault.Text{
			RU: "Полис больше не действует, экстренную помощь оказывают всегда. Если право на страхование осталось, подайте заявление снова.",
			EN: "The policy is not valid any more; emergency care is given always. If the right goes on, apply again."},
		sms: fault.Text{RU: "Срок полиса ребёнка истёк. Что делать, сказано в кабинете", EN: "The term of the child's policy is over. See your account"},
	},
	KindOfChange(policy.SuspensionBegins, false): {
		happened: fault.Text{RU: "Ваш полис ОМС приостановлен", EN: "Your OMS policy is suspended by now"},
		todo: fault.Text{
			RU: "Так было записано раньше; с какого дня, сказано в личном кабинете. Экстренную помощь оказывают всегда. Если это ошибка, позвоните в территориальный фонд.",
			EN: "So it was recorded before; your account says since when. Emergency care is given always. If this is a mistake, call the regional fund."},
		sms: fault.Text{RU: "Ваш полис ОМС приостановлен. С какого дня, сказано в кабинете", EN: "Your OMS policy is suspended by now. See your account"},
	},
	KindOfChange(policy.SuspensionBegins, true): {
		happened: fault.Text{RU: "Полис ребёнка приостановлен", EN: "The child's policy is suspended by now"},
		todo: fault.Text{
			RU: "Полис приостанавливают только совершеннолетним: позвоните в территориальный фонд.",
			EN: "Only an adult's policy is suspended: call the regional fund."},
		sms: fault.Text{RU: "Полис ребёнка приостановлен. С какого дня, сказано в кабинете", EN: "The child's policy is suspended by now. See your account"},
	},
	KindOfChange(policy.SuspensionEnds, false): {
		happened: fault.Text{RU: "Приостановление вашего полиса ОМС закончилось", EN: "The suspension of your OMS policy has ended"},
		todo: fault.Text{
			RU: "Полис снова действует, как и было записано. Делать ничего не нужно.",
			EN: "The policy is in force again, as it was recorded. There is nothing to do."},
		sms: fault.Text{RU: "Приостановление закончилось, ваш полис ОМС снова действует", EN: "The suspension has ended, your OMS policy is in force again"},
	},
	KindOfChange(policy.SuspensionEnds, true): {
		happened: fault.Text{RU: "Приостановление полиса ребёнка закончилось", EN: "The suspension of the child's policy has ended"},
		todo: fault.Text{
			RU: "Полис снова действует. Делать ничего не нужно.",
			EN: "The policy is in force again. There is nothing to do."},
		sms: fault.Text{RU: "Приостановление закончилось, полис ребёнка снова действует", EN: "The suspension has ended, the child's policy is in force again"},
	},
	KindOfChange(policy.ContractOver, false): {
		happened: fault.Text{RU: "У вашей страховой закончился договор с фондом", EN: "Your insurer's contract with the fund has ended"},
		todo: fault.Text{
			RU: "Полис действует. Выберите другую страховую в течение двух месяцев.",
			EN: "The policy is valid. Choose another insurer within two months."},
		sms: fault.Text{RU: "У вашей страховой закончился договор. Выберите другую", EN: "Your insurer's contract has ended. Choose another"},
	},
	KindOfChange(policy.ContractOver, true): {
		happened: fault.Text{RU: "У страховой ребёнка закончился договор с фондом", EN: "The contract of the child's insurer with the fund has ended"},
		todo: fault.Text{
			RU: "Полис действует. Выберите ребёнку другую страховую в течение двух месяцев.",
			EN: "The policy is valid. Choose another insurer for the child within two months."},
		sms: fault.Text{RU: "У страховой ребёнка закончился договор. Выберите другую", EN: "The child's insurer has no contract now. Choose another"},
	},
	KindOfChange(policy.Replaceable, false): {
		happened: fault.Text{RU: "Страховую можно заменить ещё месяц", EN: "The insurer can be replaced for one month more"},
		todo: fault.Text{
			RU: "Её меняют раз в год, не позднее первого ноября. Если она вас устраивает, делать ничего не нужно.",
			EN: "It is replaced once a year, not later than the first of November. If it suits you, there is nothing to do."},
		sms: fault.Text{RU: "Страховую можно заменить до первого ноября", EN: "The insurer can be replaced until the first of November"},
	},
	KindOfChange(policy.Replaceable, true): {
		happened: fault.Text{RU: "Страховую ребёнка можно заменить ещё месяц", EN: "The child's insurer can be replaced for one month more"},
		todo: fault.Text{
			RU: "Её меняют раз в год, не позднее первого ноября. Если она вас устраивает, делать ничего не нужно.",
			EN: "It is replaced once a year, not later than the first of November. If it suits you, there is nothing to do."},
		sms: fault.Text{RU: "Страховую ребёнка можно заменить до первого ноября", EN: "The child's insurer can be replaced until the first of November"},
	},
	KindOfChange(policy.ReportDue, false): {
		happened: fault.Text{RU: "Сообщите страховой о новых данных", EN: "Report your new data to the insurer"},
		todo: fault.Text{
			RU: "Данные в регистре отличаются от ваших, а срок сообщить о них скоро закончится. Что отличается и до какого дня, сказано в личном кабинете.",
			EN: "The register has other data than your account, and the term to report them ends soon. Your account says which and by when."},
		sms: fault.Text{RU: "Сообщите страховой о новых данных: срок скоро закончится", EN: "Report your new data to the insurer: the term ends soon"},
	},
	KindOfChange(policy.ReportDue, true): {
		happened: fault.Text{RU: "Сообщите страховой о новых данных ребёнка", EN: "Report the child's new data to the insurer"},
		todo: fault.Text{
			RU: "Данные ребёнка в регистре отличаются, а срок сообщить о них скоро закончится. Что отличается и до какого дня, сказано в личном кабинете.",
			EN: "The register has other data of the child, and the term to report them ends soon. Your account says which and by when."},
		sms: fault.Text{RU: "Сообщите страховой о новых данных ребёнка: срок кончается", EN: "Report the child's new data to the insurer: the term ends"},
	},
	KindOfChange(policy.InsurerChosen, false): {
		happened: fault.Text{RU: "Ваша страховая компания изменилась", EN: "Your insurer has changed"},
		todo: fault.Text{
			RU: "Какая теперь и с какого дня, сказано в личном кабинете. Если вы её не выбирали, позвоните в территориальный фонд.",
			EN: "Your account says which it is now and since when. If you did not choose it, call the regional fund."},
		sms: fault.Text{RU: "Ваша страховая изменилась. Посмотрите в личном кабинете", EN: "Your insurer has changed. See your account"},
	},
	KindOfChange(policy.InsurerChosen, true): {
		happened: fault.Text{RU: "Ребёнку выбрана страховая компания", EN: "An insurer is chosen for the child"},
		todo: fault.Text{
			RU: "Какая и с какого дня, сказано в личном кабинете. Выбрать её может любой из законных представителей.",
			EN: "Your account says which and since when. Any of the legal representatives may choose it."},
		sms: fault.Text{RU: "Ребёнку выбрана страховая. Посмотрите в личном кабинете", EN: "An insurer is chosen for the child. See your account"},
	},
	KindOfChange(policy.InsurerCorrected, false): {
		happened: fault.Text{RU: "Сведения о вашей страховой исправлены", EN: "The data of your insurer are corrected"},
		todo: fault.Text{
			RU: "Территориальный фонд исправил запись в регистре. Проверьте её в личном кабинете; если она неверна, позвоните в фонд.",
			EN: "The regional fund put the register's record right. Check it in your account; if it is wrong, call the fund."},
		sms: fault.Text{RU: "Сведения о вашей страховой исправлены. Они в личном кабинете", EN: "The data of your insurer are corrected. See your account"},
	},
	KindOfChange(policy.InsurerCorrected, true): {
		happened: fault.Text{RU: "Сведения о страховой ребёнка исправлены", EN: "The data of the child's insurer are corrected"},
		todo: fault.Text{
			RU: "Территориальный фонд исправил запись в регистре. Проверьте её в личном кабинете; если она неверна, позвоните в фонд.",
			EN: "The regional fund put the register's record right. Check it in your account; if it is wrong, call the fund."},
		sms: fault.Text{RU: "Сведения о страховой ребёнка исправлены. Они в кабинете", EN: "The data of the child's insurer are corrected. See your account"},
	},
	KindOfChange(policy.PolicySuspended, false): {
		happened: fault.Text{RU: "Ваш полис ОМС приостанавливается", EN: "Your OMS policy is being suspended"},
		todo: fault.Text{
			RU: "С какого дня и на каком основании, сказано в личном кабинете. Экстренную помощь оказывают всегда. Если это ошибка, позвоните в территориальный фонд.",
			EN: "Your account says from when and on what ground. Emergency care is given always. If this is a mistake, call the regional fund."},
		sms: fault.Text{RU: "Ваш полис ОМС приостанавливается. Посмотрите в личном кабинете", EN: "Your OMS policy is being suspended. See your account"},
	},
	KindOfChange(policy.PolicySuspended, true): {
		happened: fault.Text{RU: "Полис ребёнка приостанавливается", EN: "The child's policy is being suspended"},
		todo: fault.Text{
			RU: "С какого дня, сказано в личном кабинете. Полис приостанавливают только совершеннолетним: позвоните в территориальный фонд.",
			EN: "Your account says from when. Only an adult's policy is suspended: call the regional fund."},
		sms: fault.Text{RU: "Полис ребёнка приостанавливается. Посмотрите в личном кабинете", EN: "The child's policy is being suspended. See your account"},
	},
	KindOfChange(policy.PolicyResumed, false): {
		happened: fault.Text{RU: "Ваш полис ОМС возобновляется", EN: "Your OMS policy is being resumed"},
		todo:     fault.Text{RU: "С какого дня, сказано в личном кабинете. Делать ничего не нужно.", EN: "Your account says from when. There is nothing to do."},
		sms:      fault.Text{RU: "Ваш полис ОМС возобновляется. Посмотрите в личном кабинете", EN: "Your OMS policy is being resumed. See your account"},
	},
	KindOfChange(policy.PolicyResumed, true): {
		happened: fault.Text{RU: "Полис ребёнка возобновляется", EN: "The child's policy is being resumed"},
		todo:     fault.Text{RU: "С какого дня, сказано в личном кабинете. Делать ничего не нужно.", EN: "Your account says from when. There is nothing to do."},
		sms:      fault.Text{RU: "Полис ребёнка возобновляется. Посмотрите в личном кабинете", EN: "The child's policy is being resumed. See your account"},
	},
	KindOfChange(policy.PolicyEnded, false): {
		happened: fault.Text{RU: "Ваш полис ОМС прекращает действие", EN: "Your OMS policy ends"},
		todo: fault.Text{
			RU: "С какого дня и почему, сказано в личном кабинете. Если это ошибка или основание появилось снова, подайте заявление: на новый полис или на восстановление.",
			EN: "Your account says since when and why. If this is a mistake, or you have the right again, apply for a policy or for its restoration."},
		sms: fault.Text{RU: "Ваш полис ОМС прекращает действие. Дата и причина в личном кабинете", EN: "Your OMS policy ends. See your account"},
	},
	KindOfChange(policy.PolicyEnded, true): {
		happened: fault.Text{RU: "Полис ребёнка прекращает действие", EN: "The child's policy ends"},
		todo: fault.Text{
			RU: "С какого дня и почему, сказано в личном кабинете. Если это ошибка, позвоните в территориальный фонд.",
			EN: "Your account says since when and why. If this is a mistake, call the regional fund."},
		sms: fault.Text{RU: "Полис ребёнка прекращает действие. Дата и причина в личном кабинете", EN: "The child's policy ends. See your account"},
	},
	KindOfChange(policy.PolicyRestored, false): {
		happened: fault.Text{RU: "Ваш полис ОМС снова действует", EN: "Your OMS policy is valid again"},
		todo:     fault.Text{RU: "С какого дня, сказано в личном кабинете. Делать ничего не нужно.", EN: "Your account says since when. There is nothing to do."},
		sms:      fault.Text{RU: "Ваш полис ОМС снова действует. Посмотрите в личном кабинете", EN: "Your OMS policy is valid again. See your account"},
	},
	KindOfChange(policy.PolicyRestored, true): {
		happened: fault.Text{RU: "Полис ребёнка снова действует", EN: "The child's policy is valid again"},
		todo:     fault.Text{RU: "С какого дня, сказано в личном кабинете. Делать ничего не нужно.", EN: "Your account says since when. There is nothing to do."},
		sms:      fault.Text{RU: "Полис ребёнка снова действует. Посмотрите в кабинете", EN: "The child's policy is valid again. See your account"},
	},
	KindOfChange(policy.DeathCancelled, false): {
		happened: fault.Text{RU: "Ошибочная запись о смерти исправлена", EN: "A mistaken record of a death is put right"},
		todo: fault.Text{
			RU: "Она была внесена в регистр по ошибке. Полис действует так же, как до неё, и уведомления приходят снова.",
			EN: "It was put into the register by mistake. Your policy is as it was before, and notices come again."},
		sms: fault.Text{RU: "Ошибка в регистре исправлена, полис ОМС действует как раньше", EN: "A mistake in the register is put right, see your account"},
	},
	KindOfChange(policy.DeathCancelled, true): {
		happened: fault.Text{RU: "Ошибочная запись о смерти ребёнка исправлена", EN: "A mistaken record of the child's death is put right"},
		todo: fault.Text{
			RU: "Она была внесена в регистр по ошибке. Полис ребёнка действует так же, как до неё.",
			EN: "It was put into the register by mistake. The child's policy is as it was before."},
		sms: fault.Text{RU: "Ошибка в регистре исправлена, полис ребёнка действует", EN: "A mistake in the register is put right, see your account"},
	},
	KindOfChange(policy.NameChanged, false): {
		happened: fault.Text{RU: "Имя в вашем полисе ОМС изменено", EN: "The name in your OMS policy is changed"},
		todo: fault.Text{
			RU: "Так сообщил ЗАГС. Номер полиса прежний, бумажный полис менять не нужно. Если это ошибка, позвоните в страховую.",
			EN: "The civil registry reported it. The number stays, a paper policy need not be replaced. If this is a mistake, call the insurer."},
		sms: fault.Text{RU: "Имя в вашем полисе ОМС изменено. Номер полиса прежний", EN: "The name in your OMS policy is changed. The number stays"},
	},
	KindOfChange(policy.NameChanged, true): {
		happened: fault.Text{RU: "Имя в полисе ребёнка изменено", EN: "The name in the child's policy is changed"},
		todo: fault.Text{
			RU: "Так сообщил ЗАГС. Номер полиса прежний. Если это ошибка, позвоните в страховую.",
			EN: "The civil registry reported it. The number stays. If this is a mistake, call the insurer."},
		sms: fault.Text{RU: "Имя в полисе ребёнка изменено. Номер полиса прежний", EN: "The name in the child's policy is changed. The number stays"},
	},
	KindOf(application.Submitted): {
		happened: fault.Text{RU: "{about}: подано. Заявление {number}", EN: "{about}: submitted. Application {number}"},
		todo: fault.Text{
			RU: "Делать ничего не нужно: мы сообщим, когда будет результат.",
			EN: "There is nothing to do: we will tell you when there is a result."},
		sms: fault.Text{RU: "{about}: подано. № {number}", EN: "{about}: submitted. No. {number}"},
	},
	KindOf(application.Working): {
		happened: fault.Text{RU: "{about}: в работе. Заявление {number}", EN: "{about}: being worked on. Application {number}"},
		todo: fault.Text{
			RU: "Делать ничего не нужно: мы продолжаем и сообщим, когда будет результат.",
			EN: "There is nothing to do: we go on and will tell you when there is a result."},
		sms: fault.Text{RU: "{about}: в работе. № {number}", EN: "{about}: worked on. No. {number}"},
	},
	KindOf(application.NeedsPerson): {
		happened: fault.Text{RU: "{about}: нужны ваши действия. Заявление {number}", EN: "{about}: you have to act. Application {number}"},
		todo: fault.Text{
			RU: "Откройте его в личном кабинете: там сказано, что проверить и к кому обратиться.",
			EN: "Open it in your account: it says what to check and whom to turn to."},
		sms: fault.Text{RU: "{about}: нужны ваши действия. № {number}", EN: "{about}: you have to act. No. {number}"},
	},
	KindOf(application.Granted): {
		happened: fault.Text{RU: "{about}: {done}. Заявление {number}", EN: "{about}: {done}. Application {number}"},
		todo:     fault.Text{RU: "Результат — в личном кабинете.", EN: "The result is in your account."},
		sms:      fault.Text{RU: "{about}: {done}. № {number}", EN: "{about}: {done}. No. {number}"},
	},
	KindOf(application.Refused): {
		happened: fault.Text{RU: "{about}: отказано. Заявление {number}", EN: "{about}: refused. Application {number}"},
		todo: fault.Text{
			RU: "Почему и что можно сделать дальше, сказано в личном кабинете.",
			EN: "Your account says why, and what can be done next."},
		sms: fault.Text{RU: "{about}: отказано. № {number}", EN: "{about}: refused. No. {number}"},
	},
}

var (
	approved = fault.Text{RU: "одобрено", EN: "approved"}
	done     = fault.Text{RU: "готово", EN: "done"}
)

// abouts are the kinds of application in words, of the applicant and of a child,
// and what is said of one that is granted. They are short: an SMS holds them
// beside the number.
var abouts = map[application.Kind]struct{ own, child, granted fault.Text }{
	application.Lookup: {
		fault.Text{RU: "Показ полиса", EN: "Showing the policy"},
		fault.Text{RU: "Показ полиса ребёнка", EN: "Showing the child's policy"}, done},
	application.Link: {
		fault.Text{RU: "Поиск полиса по номеру", EN: "Finding the policy"},
		fault.Text{RU: "Поиск полиса ребёнка", EN: "Finding the child's policy"}, done},
	application.Repair: {
		fault.Text{RU: "Исправление показа", EN: "Repair of the showing"},
		fault.Text{RU: "Исправление показа", EN: "Repair of the showing"}, done},
	application.Register: {
		fault.Text{RU: "Оформление полиса", EN: "Issue of the policy"},
		fault.Text{RU: "Первый полис для ребёнка", EN: "First policy for a child"}, approved},
	application.Choose: {
		fault.Text{RU: "Выбор страховой", EN: "Choosing the insurer"},
		fault.Text{RU: "Страховая для ребёнка", EN: "Insurer for a child"}, approved},
	application.Suspend: {
		fault.Text{RU: "Приостановление", EN: "Suspension"},
		fault.Text{RU: "Приостановление", EN: "Suspension"}, approved},
	application.Resume: {
		fault.Text{RU: "Возобновление полиса", EN: "Resumption"},
		fault.Text{RU: "Возобновление полиса", EN: "Resumption"}, approved},
	application.Restore: {
		fault.Text{RU: "Восстановление полиса", EN: "Restoration"},
		fault.Text{RU: "Восстановление полиса", EN: "Restoration"}, approved},
}

// unnamed is said of a notice that was made before notices knew of what they are.
var unnamed = struct{ own, child, granted fault.Text }{
	fault.Text{RU: "Заявление", EN: "Application"}, fault.Text{RU: "Заявление", EN: "Application"}, done}

// mailed is what the history says of a document asked for by e-mail: there, the
// delivery itself is what happened.
var mailed = map[State]fault.Text{
	Queued: {
		RU: "Отправляем выписку {number} на почту. Делать ничего не нужно.",
		EN: "Extract {number} is being sent to your e-mail. There is nothing to do."},
	Sent: {
		RU: "Выписка {number} отправлена на почту. Она во вложении к письму.",
		EN: "Extract {number} was sent to your e-mail. It is attached to the letter."},
	Dead: {
		RU: "Выписку {number} не удалось отправить на почту. Скачайте её в личном кабинете.",
		EN: "Extract {number} could not be sent to your e-mail. Download it in your account."},
	Dropped: {
		RU: "Выписка {number} не отправлена на почту: в личном кабинете её больше нет. Она удаляется, когда отозвано согласие.",
		EN: "Extract {number} was not sent to your e-mail: your account does not have it any more. It is erased when a consent is revoked."},
}

// mailedPerhaps is said where the mail server did not answer in the end.
var mailedPerhaps = fault.Text{
	RU: "Выписка {number}, возможно, отправлена на почту: почтовый сервер этого не подтвердил. Проверьте почту и, если письма нет, запросите выписку ещё раз.",
	EN: "Extract {number} may have been sent to your e-mail: the mail server did not confirm it. Look at your e-mail, and if there is no letter, ask for the extract again.",
}

// letter is what is written to the person who asked for a document.
var letter = struct{ subject, text fault.Text }{
	subject: fault.Text{RU: "Выписка {number}", EN: "Extract {number}"},
	text: fault.Text{
		RU: "Выписка {number} — во вложении к этому письму. Её запросили в личном кабинете. В ней ваши личные данные: не пересылайте письмо тем, кому она не нужна.",
		EN: "Extract {number} is attached to this letter. It was asked for in your account. It holds your personal data: do not forward the letter to anybody who does not need it."},
}

var (
	automatic = fault.Text{
		RU: "Письмо отправлено автоматически, отвечать на него не нужно.",
		EN: "This message was sent automatically, please do not answer it."}
	optional = fault.Text{
		RU: " Отключить письма и СМС можно в личном кабинете.",
		EN: " E-mail and SMS can be turned off in your account."}
)

// Text is what the notice says, in one line.
func (n Notice) Text() fault.Text {
	if n.Kind == KindMailing {
		return n.fill(n.mailed())
	}
	words := told[n.Kind]
	happened, todo := n.fill(words.happened), n.fill(words.todo)
	return fault.Text{RU: happened.RU + ". " + todo.RU, EN: happened.EN + ". " + todo.EN}
}

func (n Notice) mailed() fault.Text {
	switch d, _ := n.Delivery(Email); {
	case d.State == Sending:
		return mailed[Queued]
	case d.State == Dead && d.Reason == ReasonUnknown:
		return mailedPerhaps
	default:
		return mailed[d.State]
	}
}

func (n Notice) fill(t fault.Text) fault.Text {
	words, known := abouts[n.About]
	if !known {
		words = unnamed
	}
	about := words.own
	if n.Child {
		about = words.child
	}
	return fault.Text{
		RU: strings.NewReplacer("{number}", n.Number, "{about}", about.RU, "{done}", words.granted.RU).Replace(t.RU),
		EN: strings.NewReplacer("{number}", n.Number, "{about}", about.EN, "{done}", words.granted.EN).Replace(t.EN),
	}
}

// Message of a delivery to an address. link leads to the person's own pages,
// and shows nothing without a login.
func (n Notice) Message(d Delivery, to, link string) Message {
	words, in := told[n.Kind], func(t fault.Text) string {
		if n.Language == "en" {
			return n.fill(t).EN
		}
		return n.fill(t).RU
	}
	m := Message{ID: d.MessageID, To: to}
	if n.Kind == KindMailing {
		m.Subject = in(letter.subject)
		m.Text = in(letter.text) + "\n\n" + link + "\n\n" + in(automatic) + "\n"
		return m
	}
	if d.Channel == SMS {
		m.Text = in(words.sms)
		return m
	}
	m.Subject = in(words.happened)
	m.Text = in(n.Text()) + "\n\n" + link + "\n\n" + in(automatic) + in(optional) + "\n"
	return m
}
