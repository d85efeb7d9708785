// Package doctor holds the rules of the policy doctor: why a policy does not
// show in the cabinet, each cause by its name, and what helps against each.
package doctor

import (
	"cmp"
	"slices"
	"time"

	"polis/shared/application"
	"polis/shared/calendar"
	"polis/shared/consent"
	"polis/shared/directory"
	"polis/shared/fault"
	"polis/shared/person"
	"polis/shared/policy"
)

// Facts are all that the findings are made of.
type Facts struct {
	Who          string                    // consent.Self, or the id of a child
	Account      person.Person             // the caller, as the login vouches for them
	Consents     consent.Ledger            // of the account
	Wait         time.Duration             // before a consent may be given again
	Applications []application.Application // about Who, newest first
	Copy         *policy.Card              // the cabinet's, while it may be shown
	Asked        bool                      // the register was asked now
	Answer       *policy.Finding           // what it answered; nil: it did not
	Region       string                    // whose fund and insurers are named, where no card says
	Directory    directory.Directory       // where the insurers are found
	Now          time.Time                 // law clock
}

// Codes of findings, in the order in which they are told: what has to be put
// right first comes first. The differences are those of package policy.
const (
	SNILSMissing         = "snils_missing"
	ConsentWaiting       = "consent_waiting"
	ConsentMissing       = "consent_missing"
	RepairUnderWay       = "repair_under_way"
	LookupMissing        = "lookup_missing"
	LookupEnded          = "lookup_ended"
	CopyStale            = "copy_stale"
	RegisterSilent       = "register_silent"
	LookupUnderWay       = "lookup_under_way"
	RegistrationUnderWay = "registration_under_way"
	DocumentNotConfirmed = "document_not_confirmed"
	Invalid              = "policy_invalid"
	Expired              = "policy_expired"
	Suspended            = "policy_suspended"
	NoInsurer            = "no_insurer"
)

// Codes lists every code in that order.
var Codes = []string{
	SNILSMissing, ConsentWaiting, ConsentMissing, RepairUnderWay, LookupMissing, LookupEnded, CopyStale, RegisterSilent, LookupUnderWay,
	policy.DuplicateRecords, policy.BirthDateDiffers, policy.SNILSDiffers, policy.NameDiffers, policy.ENPDiffers,
	RegistrationUnderWay, DocumentNotConfirmed, policy.NotInRegister, Invalid, Expired, Suspended, NoInsurer, policy.DocumentDiffers,
}

// RemedyKind says what helps.
type RemedyKind string

const (
	Grant          RemedyKind = "grant"           // give the consents that are missing
	Await          RemedyKind = "wait"            // nothing to do until a time
	Lookup         RemedyKind = "lookup"          // ask the register
	Link           RemedyKind = "link"            // check the number, or type another
	Register       RemedyKind = "register"        // apply for the first policy
	Resume         RemedyKind = "resume"          // the service is over
	Restore        RemedyKind = "restore"         // apply for restoration
	ChooseInsurer  RemedyKind = "choose_insurer"  // one of the region
	ContactInsurer RemedyKind = "contact_insurer" // compare or report data
	ContactFund    RemedyKind = "contact_fund"    // where the fund decides
	ConfirmAccount RemedyKind = "confirm_account" // have the account's data confirmed
	UpdateLogin    RemedyKind = "update_login"    // add to the account what it lacks
)

// Remedy is what helps against a cause, with what is needed to do it.
type Remedy struct {
	Kind        RemedyKind
	Operators   []consent.Operator  // Grant: to whom; Await: whose consent waits
	From        time.Time           // the first moment at which it can be done
	NextTry     time.Time           // Await: when the service goes on
	Until       time.Time           // Await, Register: the end of the term
	Application string              // Await: id of what is under way
	By          calendar.Date       // ContactInsurer: the last day to report changed data
	Insurer     *directory.Insurer  // the person's own
	Fund        *directory.Fund     // of the region
	Insurers    []directory.Insurer // of the region
	Region      string
}

// Finding is one cause.
type Finding struct {
	Code   string
	Detail fault.Text
	Remedy Remedy
	role   role
}

// role of a finding when a repair is asked for.
type role int

const (
	told   role = iota // does not keep the policy from showing
	mended             // a repair does away with it
	blocks             // a repair would end at it
)

// Examine names every cause. No finding means that the policy shows and that
// nothing is wrong with it.
func Examine(f Facts) []Finding {
	e := examination{Facts: f, today: calendar.Today(f.Now, f.Region)}
	e.account()
	if e.consents() {
		e.register()
		e.state()
	}
	slices.SortStableFunc(e.found, func(a, b Finding) int {
		return cmp.Compare(slices.Index(Codes, a.Code), slices.Index(Codes, b.Code))
	})
	return e.found
}

type examination struct {
	Facts
	today calendar.Date
	found []Finding
}

func (e *examination) find(code string, role role, r Remedy, ru, en string) {
	e.found = append(e.found, Finding{code, fault.Text{RU: ru, EN: en}, r, role})
}

// account looks at what the login says. SNILS is what the register knows a
// person and a child's representative by; the document matters where nothing
// else does, and for a first policy.
func (e *examination) account() {
	if e.Account.SNILS == "" {
		e.find(SNILSMissing, blocks, Remedy{Kind: UpdateLogin},
			"В учётной записи нет СНИЛС, без него регистр вас не найдёт. Добавьте СНИЛС в профиль и войдите снова.",
			"The account has no SNILS, and without it the register cannot find you. Add it to the profile and log in again.")
	}
	if e.Who == consent.Self && e.Account.Document.Number == "" {
		e.find(DocumentNotConfirmed, told, Remedy{Kind: ConfirmAccount},
			"Документ не подтверждён в учётной записи. Проверьте его данные в профиле и дождитесь подтверждения: по нему регистр сверяет человека.",
			"No identity document is confirmed in the account. Check its data in the profile and wait for the confirmation: the register compares the person by it.")
	}
}

// consents reports whether all of them are in force. Until then nothing of the
// register is told.
func (e *examination) consents() bool {
	if id := e.Consents.Renewal(e.Who); id != "" {
		for _, a := range e.Applications {
			if a.ID == id {
				e.underWay(RepairUnderWay, a,
					"Идёт восстановление показа: согласия отозваны, дадим их снова "+e.moment(a.NextTry).RU+" и запросим регистр. Делать ничего не нужно.",
					"The repair is under way: the consents are withdrawn, will be given again "+e.moment(a.NextTry).EN+" and the register asked. There is nothing to do.")
				return false
			}
		}
	}
	if e.Consents.Covers(e.Who) == nil {
		return true
	}
	var missing, waiting []consent.Operator
	from := e.Consents.WaitsUntil(e.Who, e.Now, e.Wait)
	for _, op := range consent.Needed(e.Who) {
		switch c := e.Consents.Of(op, e.Who); {
		case c.Status == consent.Granted:
		case !c.WaitsUntil(e.Now, e.Wait).IsZero():
			waiting = append(waiting, op)
		default:
			missing = append(missing, op)
		}
	}
	if waiting != nil {
		at := e.moment(from)
		e.find(ConsentWaiting, mended, Remedy{Kind: Await, Operators: waiting, From: from},
			"Согласие отозвано недавно. Дать его снова можно "+at.RU+".",
			"The consent was withdrawn a moment ago. It can be given again "+at.EN+".")
	}
	if missing != nil {
		e.find(ConsentMissing, blocks, Remedy{Kind: Grant, Operators: missing},
			"Чтобы показать полис, нужно согласие на получение данных: "+names(missing).RU+". Дайте его в разделе «Согласия».",
			"To show the policy, consent to receive the data is needed: "+names(missing).EN+". Give it under “Consents”.")
	}
	return false
}

func names(ops []consent.Operator) (text fault.Text) {
	for i, op := range ops {
		name := consent.Terms(op).Name
		if i > 0 {
			text.RU, text.EN = text.RU+", ", text.EN+", "
		}
		text.RU, text.EN = text.RU+name.RU, text.EN+name.EN
	}
	return text
}

// register looks at what was asked of it, and at what it answers.
func (e *examination) register() {
	if !e.Asked {
		return // without SNILS it cannot be asked
	}
	running, ended := e.latest()
	if e.Copy == nil && running == nil && (e.Answer == nil || e.Answer.Card != nil) {
		code, ru, en := LookupMissing, "Согласие есть, но сведения ещё не запрошены. Запросите их: обычно это занимает меньше минуты.",
			"The consent is given, but the data were not asked for. Ask for them: it usually takes less than a minute."
		if ended {
			code, ru, en = LookupEnded, "Прошлый поиск закончился и полис не показал. Запросите сведения ещё раз.",
				"The last search ended without showing the policy. Ask for the data again."
		}
		e.find(code, mended, Remedy{Kind: Lookup}, ru, en)
	}
	switch {
	case e.Answer == nil && e.Copy != nil:
		// The policy shows; whether it has changed cannot be known now.
	case e.Answer == nil && running != nil:
		at := e.moment(running.NextTry)
		e.find(RegisterSilent, mended, waitFor(*running),
			"Регистр временно не отвечает. Запрос сохранён, повторим сами "+at.RU+".",
			"The register does not answer for the moment. The request is kept and tried again "+at.EN+".")
	case e.Answer == nil:
		e.find(RegisterSilent, mended, Remedy{Kind: Await},
			"Регистр временно не отвечает. О самом полисе это ничего не говорит: повторите проверку через несколько минут.",
			"The register does not answer for the moment. That says nothing about the policy: check again in a few minutes.")
	case e.Answer.Card == nil:
		for _, code := range e.Answer.Reasons {
			e.differs(code, running)
		}
		return
	case e.Copy == nil && running != nil && running.Status != application.NeedsPerson:
		e.searching(*running)
	case e.Copy != nil && changed(*e.Copy, *e.Answer.Card):
		e.find(CopyStale, told, Remedy{Kind: Lookup},
			"В кабинете прежние сведения, в регистре они уже другие. Обновите их.",
			"The cabinet has earlier data, the register has others by now. Bring them up to date.")
	}
	if e.Copy == nil && len(e.Applications) > 0 {
		// A number typed by hand that is not this person's.
		a := e.Applications[0]
		for _, r := range a.Reasons {
			if a.Kind == application.Link && a.Epoch == e.Consents.Epoch(e.Who) && r.Code == policy.ENPDiffers {
				e.differs(r.Code, nil)
			}
		}
	}
}

// latest is the application under way that will show the policy, or that makes
// one, and whether there was one under these consents that ended.
func (e *examination) latest() (running *application.Application, ended bool) {
	for i, a := range e.Applications {
		shows := a.Kind != application.Register
		switch {
		case shows && a.Epoch != e.Consents.Epoch(e.Who):
		case !a.Status.Done():
			return &e.Applications[i], ended
		case shows:
			ended = true
		}
	}
	return nil, ended
}

func (e *examination) searching(a application.Application) {
	at := e.moment(a.Due)
	switch a.Kind {
	case application.Repair:
		e.underWay(RepairUnderWay, a,
			"Идёт восстановление показа: согласия даны снова, запрашиваем регистр. Ответ — до "+at.RU+". Делать ничего не нужно.",
			"The repair is under way: the consents are given again and the register is asked. The answer comes by "+at.EN+". There is nothing to do.")
	case application.Register:
		e.underWay(RegistrationUnderWay, a,
			"Первый полис оформляется. Ответ — до "+at.RU+". Делать ничего не нужно.",
			"The first policy is being issued. The answer comes by "+at.EN+". There is nothing to do.")
	default:
		e.underWay(LookupUnderWay, a,
			"Сведения запрошены, ответа ещё нет. Ищем до "+at.RU+". Делать ничего не нужно.",
			"The data were asked for and have not come yet. The search goes on until "+at.EN+". There is nothing to do.")
	}
}

func (e *examination) underWay(code string, a application.Application, ru, en string) {
	e.find(code, mended, waitFor(a), ru, en)
}

func waitFor(a application.Application) Remedy {
	return Remedy{Kind: Await, NextTry: a.NextTry, Until: a.Due, Application: a.ID}
}

// differs names what keeps a record from being shown. Whose insurer it would be
// is not told: it may be somebody else's record.
func (e *examination) differs(code string, running *application.Application) {
	help := e.helpOf(e.Region)
	help.Kind = ContactInsurer
	switch code {
	case policy.DuplicateRecords:
		help.Kind, help.Insurers = ContactFund, nil
		e.find(code, blocks, help,
			"В регистре две записи на одного человека. Позвоните в территориальный фонд: их объединят.",
			"The register has two records of one person. Call the regional fund: they will be merged.")
	case policy.BirthDateDiffers:
		e.find(code, blocks, help,
			"Дата рождения в регистре другая. Позвоните в свою страховую и сверьте дату рождения с документом.",
			"The register has another birth date. Call your insurer and compare it with the document.")
	case policy.SNILSDiffers:
		e.find(code, blocks, help,
			"СНИЛС в регистре другой. Позвоните в свою страховую и сверьте СНИЛС.",
			"The register has another SNILS. Call your insurer and compare it.")
	case policy.NameDiffers:
		e.find(code, blocks, help,
			"Имя в регистре другое. Позвоните в свою страховую и сверьте имя с документом.",
			"The register has another name. Call your insurer and compare it with the document.")
	case policy.ENPDiffers:
		help.Kind = Link
		e.find(code, blocks, help,
			"Полис с введённым номером и вашими данными не нашли. Проверьте номер и введите его ещё раз или позвоните в свою страховую.",
			"No policy with the number that was typed and your data was found. Check the number and type it again, or call your insurer.")
	case policy.NotInRegister:
		if running != nil && running.Kind == application.Register {
			e.searching(*running)
			return
		}
		help.Kind = Register
		if running != nil {
			help.Until, help.NextTry, help.Application = running.Due, running.NextTry, running.ID
			at := e.moment(running.Due)
			e.find(code, blocks, help,
				"Вашей записи в регистре пока не нашли, ищем до "+at.RU+". Если полиса у вас ещё не было, оформите его или позвоните в территориальный фонд.",
				"Your record is not found in the register yet, the search goes on until "+at.EN+". If you never had a policy, apply for one or call the regional fund.")
			return
		}
		e.find(code, blocks, help,
			"Вашей записи в регистре нет. Оформите полис или позвоните в территориальный фонд.",
			"The register has no record of you. Apply for a policy or call the regional fund.")
	}
}

// changed compares what a card shows, whenever it was made.
func changed(a, b policy.Card) bool {
	return a.Insured != b.Insured || a.ENP != b.ENP || a.Person != b.Person || !slices.Equal(a.Changes, b.Changes) ||
		a.ValidFrom != b.ValidFrom || a.ValidUntil != b.ValidUntil || a.Right != b.Right || a.Covering != b.Covering || a.Insurance != b.Insurance
}

// state looks at the policy itself: as the register has it, or else the cabinet.
func (e *examination) state() {
	known := e.Copy
	if e.Answer != nil {
		known = e.Answer.Card
	}
	if known == nil {
		return
	}
	card := *known
	region := cmp.Or(card.Insurance.Region, e.Region)
	today := calendar.Today(e.Now, region)
	help := e.helpOf(region)
	help.Insurers = nil
	if insurer, ok := e.Directory.FindInsurer(card.Insurance.SMO); ok {
		help.Insurer = &insurer
	}
	help.Kind = ContactInsurer
	if help.Insurer == nil {
		help.Kind = ContactFund
	}
	text := card.ShownText(today)
	switch card.Shown(today) {
	case policy.ShownInvalid:
		if i := slices.IndexFunc(e.Applications, func(a application.Application) bool { return a.Kind == application.Restore && !a.Status.Done() }); i >= 0 {
			at := e.moment(e.Applications[i].Due)
			e.find(Invalid, told, waitFor(e.Applications[i]),
				text.RU+". Заявление на восстановление рассматривает территориальный фонд, ответ — до "+at.RU+".",
				text.EN+". The regional fund decides on the application for restoration, by "+at.EN+".")
			break
		}
		own := e.Who == consent.Self && e.Account.Birth.Age(today) >= 18 && !policy.Final(card.Changes.On(today).Ground)
		if own && !card.ValidUntil.IsZero() && card.ValidUntil.Before(today) { // there is nothing to restore
			help.Kind, help.Region = Register, region
			e.find(Invalid, told, help,
				text.RU+". Срок полиса истёк тоже. Если основание есть снова, подайте заявление: полис продлят под прежним номером.",
				text.EN+". Its term is over too. If you have the right again, apply: the policy is prolonged under its number.")
			break
		}
		if own {
			help.Kind = Restore
			e.find(Invalid, told, help,
				text.RU+". Если это ошибка или основание есть снова, подайте заявление на восстановление: решит территориальный фонд.",
				text.EN+". If that is a mistake, or you have the right again, apply for restoration: the regional fund decides.")
			break
		}
		help.Kind = ContactFund
		e.find(Invalid, told, help,
			text.RU+". Если это ошибка, позвоните в территориальный фонд: запись восстановят.",
			text.EN+". If that is a mistake, call the regional fund: the record will be restored.")
	case policy.ShownExpired:
		if card.Right.Category != "" {
			help.Kind, help.Region = Register, region
			e.find(Expired, told, help,
				text.RU+". Если основание есть снова, подайте заявление: полис продлят под прежним номером.",
				text.EN+". If you have the right again, apply: the policy is prolonged under its number.")
			break
		}
		e.find(Expired, told, help,
			text.RU+". Чтобы продлить полис, обратитесь в страховую с действующим документом.",
			text.EN+". To prolong the policy, go to the insurer with a valid document.")
	case policy.ShownSuspended:
		help.Kind = Resume
		e.find(Suspended, told, help,
			text.RU+" на время службы. Экстренную помощь оказывают всегда. Если служба окончена, возобновите полис.",
			text.EN+" for the time of service. Emergency care is always given. If the service is over, have the policy resumed.")
	case policy.ShownNoInsurer:
		choose := e.helpOf(region)
		choose.Kind = ChooseInsurer
		e.find(NoInsurer, told, choose,
			"Страховая не выбрана, пока её заменяет территориальный фонд ОМС. Выберите страховую.",
			"No insurer is chosen, the regional fund stands in. Choose an insurer.")
	}
	if card.Over(today) {
		return // there is no policy that the data would have to fit
	}
	before := policy.Card{}
	if e.Copy != nil {
		before = *e.Copy
	}
	help.By = card.Noting(before, today).ReportBy()
	for _, code := range card.Warnings {
		switch code {
		case policy.NameDiffers:
			e.find(code, told, help,
				"Имя в регистре отличается от имени в учётной записи. Сообщите страховой до "+help.By.Russian()+".",
				"The name in the register differs from the account's. Tell the insurer by "+help.By.String()+".")
		case policy.DocumentDiffers:
			e.find(code, told, help,
				"Документ в регистре отличается от документа в учётной записи. Полис действует; сообщите страховой о новом документе до "+help.By.Russian()+".",
				"The document in the register differs from the account's. The policy is valid; tell the insurer of the new document by "+help.By.String()+".")
		}
	}
}

// helpOf a region: its fund and its insurers.
func (e *examination) helpOf(region string) Remedy {
	r := Remedy{Region: region, Insurers: e.Directory.InsurersOf(region, e.today)}
	if fund, ok := directory.FundOf(region); ok {
		r.Fund = &fund
	}
	return r
}

// moment is a time in words, which no line break tears apart, by the region's
// clock.
func (e *examination) moment(at time.Time) fault.Text {
	at = at.In(calendar.Zone(e.Region))
	clock := at.Format("15:04")
	day := calendar.DateOf(at)
	return fault.Text{RU: day.Russian() + "\u00a0в\u00a0" + clock, EN: day.String() + "\u00a0at\u00a0" + clock}
}

// errNothing is a repair asked for where the policy shows.
var errNothing = fault.New(fault.Conflict, "nothing_to_repair",
	"Полис показывается, исправлять нечего.", "The policy shows, there is nothing to repair.")

// MayRepair is nil where giving the consents anew and asking again can help.
// Otherwise it is a Conflict with the code of the finding that stands in the way,
// which suggests the finding's remedy.
func MayRepair(found []Finding) error {
	is := func(r role) func(Finding) bool { return func(f Finding) bool { return f.role == r } }
	at := slices.IndexFunc(found, is(blocks))
	if at < 0 {
		if slices.ContainsFunc(found, is(mended)) {
			return nil
		}
		at = slices.IndexFunc(found, is(told))
	}
	if at < 0 {
		return errNothing
	}
	f := found[at]
	return fault.New(fault.Conflict, f.Code, f.Detail.RU, f.Detail.EN).Suggesting(string(f.Remedy.Kind))
}
