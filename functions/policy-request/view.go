package function

import (
	"time"

	"polis/shared/application"
	"polis/shared/calendar"
	"polis/shared/consent"
	"polis/shared/directory"
	"polis/shared/fault"
	"polis/shared/policy"
	"polis/shared/web"
)

// What the timeline says.
var (
	textShown     = fault.Text{RU: "Полис найден, данные уже в кабинете", EN: "The policy is found, its data are in the cabinet"}
	textPartly    = fault.Text{RU: "Полис найден, данные уже в кабинете. Об услугах регистр пока не ответил, спросим ещё раз", EN: "The policy is found, its data are in the cabinet. The register has not answered for the services yet and is asked again"}
	textEnrolled  = fault.Text{RU: "Полис оформлен, вы внесены в регистр", EN: "The policy is issued, you are on record"}
	textChild     = fault.Text{RU: "Полис оформлен, ребёнок внесён в регистр", EN: "The policy is issued, the child is on record"}
	textProlonged = fault.Text{RU: "Полис переоформлен, его номер прежний", EN: "The policy is renewed under its number"}
	textCompleted = fault.Text{RU: "У ребёнка уже есть полис, его номер прежний. Запись дополнена данными из вашей учётной записи", EN: "The child has a policy already, under its number. Its record now has the data of your account too"}
	textNotFound  = fault.Text{RU: "Срок поиска вышел, показать полис не удалось", EN: "The term is over, the policy could not be shown"}
	textSearching = fault.Text{RU: "Пока не нашли, ищем дальше. Если полиса ещё нет, получите его впервые", EN: "Not found yet, the search goes on. If you have no policy yet, apply for a first one"}
	textSilent    = fault.Text{RU: "Регистр временно не отвечает. Запрос сохранён, повторим сами", EN: "The register does not answer for the moment. The request is kept and tried again"}
	textRenewed   = fault.Text{RU: "Согласия даны снова по вашей просьбе, запрашиваем регистр", EN: "The consents are given again as you asked, the register is being asked"}
	textDiffers   = fault.Text{RU: "Данные отличаются от регистра. Сверьте их со страховой", EN: "The data differ from the register. Compare them with the insurer"}
)

const (
	codeConsentRevoked = "consent_revoked"
	codeNotRepresented = "not_represented"
)

// reasons that an application can stand for, with the datum each is about.
var reasons = map[string]application.Reason{
	policy.NotInRegister: {Detail: fault.Text{
		RU: "Вашей записи в регистре нет. Оформите полис или позвоните в территориальный фонд.",
		EN: "The register has no record of you. Apply for a policy or call the regional fund."}},
	policy.SNILSDiffers: {Field: "snils", Detail: fault.Text{
		RU: "СНИЛС в регистре другой. Позвоните в страховую и сверьте СНИЛС.",
		EN: "The register has another SNILS. Call the insurer and compare it."}},
	policy.BirthDateDiffers: {Field: "birth_date", Detail: fault.Text{
		RU: "Дата рождения в регистре другая. Позвоните в страховую и сверьте её с документом.",
		EN: "The register has another birth date. Call the insurer and compare it with the document."}},
	policy.NameDiffers: {Field: "name", Detail: fault.Text{
		RU: "Имя в регистре другое. Позвоните в страховую и сверьте его с документом.",
		EN: "The register has another name. Call the insurer and compare it with the document."}},
	policy.ENPDiffers: {Field: "enp", Detail: fault.Text{
		RU: "Полис с этим номером и вашими данными не нашли. Проверьте номер или позвоните в страховую, чтобы сверить СНИЛС и документ.",
		EN: "No policy with this number and your data was found. Check the number or call the insurer to compare SNILS and document."}},
	policy.DuplicateRecords: {Detail: fault.Text{
		RU: "В регистре две записи на одного человека. Позвоните в территориальный фонд: их объединят.",
		EN: "The register has two records of one person. Call the regional fund: they will be merged."}},
	codeConsentRevoked: {Detail: fault.Text{
		RU: "Согласие отозвано, поиск остановлен. Чтобы показать полис, дайте согласие и запросите данные снова.",
		EN: "The consent was revoked and the search stopped. To show the policy, give consent and request again."}},
	codeNotRepresented: {Field: "person", Detail: fault.Text{
		RU: "В регистре вы не записаны представителем этого ребёнка.",
		EN: "The register does not have you as this child's representative."}},
	"already_insured": {Detail: fault.Text{
		RU: "Вы уже есть в регистре, новый полис не нужен. Запросите данные о полисе.",
		EN: "You are in the register already and need no new policy. Request its data."}},
	"record_differs": {Detail: fault.Text{
		RU: "Запись в регистре отличается от ваших данных, поэтому продлить полис здесь нельзя. Сверьте СНИЛС и документ со страховой.",
		EN: "The record in the register differs from your data, so it cannot be prolonged here. Compare SNILS and document with the insurer."}},
	"insurance_in_force": {Field: "smo", Detail: fault.Text{
		RU: "Полис ещё действует, вместе с продлением страховую не меняют. Подайте заявление без неё.",
		EN: "The policy is still valid, and the insurer is not changed along with its term. Apply without one."}},
	"policy_ended": {Detail: fault.Text{
		RU: "Полис аннулирован. Его восстанавливает территориальный фонд.",
		EN: "The policy is annulled. The regional fund restores it."}},
	"death_recorded": {Detail: fault.Text{
		RU: "В регистре записана смерть. Если это ошибка, обратитесь в территориальный фонд.",
		EN: "The register has a death on record. If that is a mistake, turn to the regional fund."}},
	"birth_taken": {Field: "child.birth_record.number", Detail: fault.Text{
		RU: "Эта актовая запись уже есть в другой записи регистра. Позвоните в территориальный фонд.",
		EN: "Another record of the register has this civil record. Call the regional fund."}},
	"birth_of_another_child": {Field: "child.birth_record.number", Detail: fault.Text{
		RU: "Под этим номером актовой записи в регистре другой ребёнок. Проверьте номер. Если у ребёнка сменилось имя, сообщите об этом в территориальный фонд.",
		EN: "The register has another child under this number of the civil record. Check the number. If the child has another name now, tell the regional fund."}},
	"snils_taken": {Field: "snils", Detail: fault.Text{
		RU: "Этот СНИЛС уже есть в другой записи регистра. Позвоните в территориальный фонд.",
		EN: "Another record of the register has this SNILS. Call the regional fund."}},
	"document_taken": {Field: "document", Detail: fault.Text{
		RU: "Этот документ уже есть в другой записи регистра. Позвоните в территориальный фонд.",
		EN: "Another record of the register has this document. Call the regional fund."}},
}

func enrolledText(a application.Application, made policy.Enrolled) fault.Text {
	switch {
	case made.Renewed:
		return textProlonged
	case made.Completed:
		return textCompleted
	case a.Child != nil:
		return textChild
	}
	return textEnrolled
}

// ofChild are the reasons that read otherwise where it is about a child.
var ofChild = map[string]fault.Text{"already_insured": {
	RU: "Ребёнок уже есть в регистре, новый полис не нужен. Запросите данные о полисе.",
	EN: "The child is in the register already and needs no new policy. Request its data."}}

func reasonFor(a application.Application, code string) application.Reason {
	r := reason(code)
	if text, other := ofChild[code]; other && a.Child != nil {
		r.Detail = text
	}
	return r
}

func reason(code string) application.Reason {
	r := reasons[code]
	r.Code = code
	return r
}

// show is an application with whom to turn to about it.
func (r *requests) show(c *web.Call, a application.Application, insurers directory.Directory, now time.Time) application.View {
	v := a.View(c.Text, now)
	if len(a.Reasons) > 0 {
		v.Help = r.helpFor(a, a.Reasons[0].Code, insurers, calendar.Today(now, a.Region))
	}
	if unfound(a) {
		v.Help = r.helpFor(a, policy.NotInRegister, insurers, calendar.Today(now, a.Region))
	}
	if a.Kind == application.Register && a.Status == application.Granted {
		v.Help = &application.Help{Insurers: []directory.Insurer{}, Offer: application.Lookup}
	}
	return v
}

// unfound is a search for one's own policy that the register has answered without
// one: it goes on, and a policy may be applied for meanwhile.
func unfound(a application.Application) bool {
	return a.Kind == application.Lookup && a.Person == consent.Self && a.Status == application.Working && a.Answers > 0 && a.Results == nil
}

func (r *requests) helpFor(a application.Application, code string, insurers directory.Directory, today calendar.Date) *application.Help {
	h := &application.Help{Insurers: append([]directory.Insurer{}, insurers.InsurersOf(a.Region, today)...)}
	region := a.Region
	if a.Review != nil && a.Review.Unit == application.FundUnit {
		region = r.home // the case is in this installation's inbox, wherever the person lives
	}
	if fund, ok := directory.FundOf(region); ok {
		h.Fund = &fund
	}
	switch code {
	case policy.NotInRegister:
		h.Offer = application.Register
	case "already_insured", codeConsentRevoked:
		h.Offer = application.Lookup
	}
	return h
}
