package access

import (
	"strings"

	"polis/shared/fault"
)

// words tell the person whose data it is about what was done. Of what a missing
// consent may yet refuse they say that it was asked for: an entry stands before
// the refusal.
var words = map[Action]fault.Text{
	ReadConsents:     {RU: "Просмотр согласий", EN: "Consents were read"},
	ChangeConsents:   {RU: "Изменение согласия", EN: "A consent was changed"},
	Apply:            {RU: "Подача заявления", EN: "An application was submitted"},
	ReadApplications: {RU: "Просмотр заявлений", EN: "Applications were read"},
	WorkApplication:  {RU: "Обработка заявления", EN: "An application was worked on"},
	ReadCard:         {RU: "Запрос карточки полиса", EN: "The policy card was asked for"},
	RefreshCopy:      {RU: "Обновление копии полиса после изменения в регистре", EN: "The copy of the policy was brought up to date with the register"},
	ExaminePolicy:    {RU: "Проверка, почему полис не показывается", EN: "It was checked why the policy does not show"},
	ExamineChoice:    {RU: "Проверка, можно ли сменить страховую", EN: "It was checked whether the insurer may be changed"},
	RepairPolicy:     {RU: "Запрос на восстановление показа полиса", EN: "Request to make the policy show again"},
	RemindReport:     {RU: "Напоминание о сроке сообщить об изменениях", EN: "Reminder to report changed data"},
	ReadServices:     {RU: "Запрос оказанных услуг", EN: "The services rendered were asked for"},
	HideServices:     {RU: "Выбор, показывать ли услуги родителям", EN: "It was chosen whether the parents see the services"},
	RenderExtract:    {RU: "Создание выписки", EN: "An extract was made"},
	ReadExtract:      {RU: "Просмотр выписок", EN: "Extracts were read"},
	SendExtract:      {RU: "Запрос выписки на почту", EN: "An extract was asked for by e-mail"},
	AttachExtract:    {RU: "Вложение выписки в письмо", EN: "An extract was attached to a letter"},
	EraseExtract:     {RU: "Удаление выписки", EN: "An extract was erased"},
	LookUpInsured:    {RU: "Поиск сведений в регистре", EN: "The register was asked"},
	RecordInsured:    {RU: "Внесение в регистр", EN: "Put on record in the register"},
	ReportEvent:      {RU: "Сведения ведомства внесены в регистр", EN: "An authority's report was put into the register"},
	ChangeInsured:    {RU: "Изменение записи в регистре", EN: "The record in the register was changed"},
	ReadInsurers:     {RU: "Просмотр истории страховых компаний", EN: "The history of insurers was read"},
	CorrectInsurer:   {RU: "Исправление сведений о страховой компании", EN: "An insurer on record was corrected"},
	ImportInsured:    {RU: "Загрузка сведений в регистр", EN: "Data were loaded into the register"},
	ImportDirectory:  {RU: "Загрузка справочника страховых", EN: "A directory of insurers was imported"},
	TellDates:        {RU: "Проверка важных дат полиса", EN: "The policy's dates were checked"},
	ReportServices:   {RU: "Сведения об оказанной услуге внесены в регистр", EN: "A service rendered was put on record in the register"},
	LookUpServed:     {RU: "Поиск в регистре: чьи это медицинские услуги", EN: "The register was asked whose the services rendered are"},
	LookUpServices:   {RU: "Оказанные услуги запрошены в регистре", EN: "The register was asked for the services rendered"},
	ConcealServices:  {RU: "Показ услуг родителям изменён в регистре", EN: "Whether the parents see the services was changed in the register"},
	ReadNotices:      {RU: "Просмотр уведомлений", EN: "Notices were read"},
	ChangeNotices:    {RU: "Изменение настроек уведомлений", EN: "Preferences for notices were changed"},
	DeliverNotice:    {RU: "Отправка уведомления", EN: "A notice was sent"},
	Sweep:            {RU: "Проверка сроков", EN: "Terms were checked"},
	ReadEvents:       {RU: "Просмотр очереди событий", EN: "The queue of events was read"},
	ReplayEvents:     {RU: "Повторная обработка события", EN: "An event was processed again"},
	SealAudit:        {RU: "Заверение журнала обращений", EN: "The record of accesses was sealed"},
	ReadAudit:        {RU: "Проверка журнала обращений", EN: "The record of accesses was audited"},
	ReadAccesses:     {RU: "Просмотр журнала обращений", EN: "The record of accesses was read"},
	ReadCases:        {RU: "Просмотр заявления для решения по нему", EN: "An application was read to decide it"},
	DecideCase:       {RU: "Рассмотрение заявления", EN: "An application was reviewed"},
	FollowCase:       {RU: "Заявление передано на рассмотрение", EN: "An application was handed to its reviewers"},
	RebuildCases:     {RU: "Обновление списка заявлений на рассмотрении", EN: "The list of applications under review was made anew"},
}

// Words for the action; an action of an earlier version is an access.
func (a Action) Words() fault.Text {
	if text, ok := words[a]; ok {
		return text
	}
	return fault.Text{RU: "Обращение к данным", EN: "Data were accessed"}
}

// OfServices reports whether the action shows that a service was rendered.
func (a Action) OfServices() bool {
	return a == ReportServices || a == LookUpServed || a == LookUpServices || a == ConcealServices
}

// Reads reports whether the action changes nothing of what it is about.
func (a Action) Reads() bool {
	switch a {
	case ExaminePolicy, LookUpInsured, LookUpServed, LookUpServices, ReadInsurers, ReadServices, ReadAccesses:
		return true
	}
	return strings.HasSuffix(string(a), ".read")
}
