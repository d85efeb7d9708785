package policy

import (
	"cmp"
	"fmt"
	"slices"
	"time"

	"polis/shared/calendar"
	"polis/shared/fault"
	"polis/shared/person"
)

// Category of people who are insured, each by a right of its own (326-FZ,
// art. 10).
type Category string

const (
	Citizen           Category = "citizen"
	PermanentResident Category = "permanent_resident"
	TemporaryResident Category = "temporary_resident"
	Refugee           Category = "refugee"
	TemporaryAsylum   Category = "temporary_asylum"
	EAEUWorker        Category = "eaeu_worker"
	TemporaryWorker   Category = "temporary_worker" // temporarily staying, of another state than the EAEU's
	HighlyQualified   Category = "highly_qualified" // outside of the insurance
)

// Categories in the order in which a form offers them.
var Categories = []Category{Citizen, EAEUWorker, PermanentResident, TemporaryResident, Refugee, TemporaryAsylum, TemporaryWorker, HighlyQualified}

// entitlement is what the law says of one category.
type entitlement struct {
	title     fault.Text
	documents []int      // of F011, on one of which the right rests
	ends      string     // the member of the basis that caps the validity; "": nothing does
	cap       fault.Text // what that is, as in "no longer than ..."
	byRule    bool       // the data decide; else the fund's staff do
}

const (
	permitEnds   = "permit_until"
	stayEnds     = "stay_until"
	contractEnds = "contract_until"
)

var (
	capPermit   = fault.Text{RU: "разрешение на временное проживание", EN: "the residence permit"}
	capStay     = fault.Text{RU: "разрешённый срок пребывания", EN: "the permitted stay"}
	capContract = fault.Text{RU: "трудовой договор", EN: "the employment contract"}
)

var entitlements = map[Category]entitlement{
	Citizen: {title: fault.Text{RU: "Гражданин России", EN: "Citizen of Russia"}, documents: []int{person.Passport}, byRule: true},
	PermanentResident: {title: fault.Text{RU: "Постоянное проживание в России по виду на жительство", EN: "Permanent resident"},
		documents: []int{11}, byRule: true},
	TemporaryResident: {title: fault.Text{RU: "Временное проживание в России по разрешению на временное проживание", EN: "Temporary resident"},
		documents: []int{23}, ends: permitEnds, cap: capPermit},
	Refugee: {title: fault.Text{RU: "Статус беженца или ходатайство о нём", EN: "Refugee status, or a request for it"},
		documents: []int{12, 10, 27}, ends: stayEnds, cap: capStay},
	TemporaryAsylum: {title: fault.Text{RU: "Временное убежище в России", EN: "Temporary asylum"},
		documents: []int{25, 28}, ends: stayEnds, cap: capStay},
	EAEUWorker: {title: fault.Text{RU: "Работа по трудовому договору, гражданство страны ЕАЭС", EN: "Employed, citizen of an EAEU state"},
		documents: []int{9, 21}, ends: contractEnds, cap: capContract, byRule: true},
	TemporaryWorker: {title: fault.Text{RU: "Временное пребывание и работа, гражданство страны не из ЕАЭС", EN: "Temporarily staying and employed, not of the EAEU"},
		documents: []int{9, 21, 22}, ends: contractEnds, cap: capContract},
	HighlyQualified: {title: fault.Text{RU: "Высококвалифицированный специалист", EN: "Highly qualified specialist"}},
}

// CategoryText names a category, as its person chooses it and the fund reads it.
func CategoryText(c Category) fault.Text { return entitlements[c].title }

// DocumentsOf are the kinds of document (F011) of which one proves the right.
func DocumentsOf(c Category) []int { return slices.Clone(entitlements[c].documents) }

// EndsWith is the member of the basis that caps the category's validity: ""
// where nothing does.
func EndsWith(c Category) string { return entitlements[c].ends }

// ByRule reports whether the data alone decide on a category; the fund's staff
// decide on the others.
func (c Category) ByRule() bool { return entitlements[c].byRule }

// Basis is what a right rests on, as the person states it.
type Basis struct {
	Document           person.Document `json:"document,omitzero"`
	PermitUntil        calendar.Date   `json:"permit_until,omitzero"`
	StayUntil          calendar.Date   `json:"stay_until,omitzero"`
	ContractUntil      calendar.Date   `json:"contract_until,omitzero"`
	ContributionsSince calendar.Date   `json:"contributions_since,omitzero"` // paid by the employer, without a break
}

// Ends is the last day of what the right rests on; zero where it has none.
func (b Basis) Ends(c Category) calendar.Date { return b.end(entitlements[c].ends) }

func (b Basis) end(member string) calendar.Date {
	switch member {
	case permitEnds:
		return b.PermitUntil
	case stayEnds:
		return b.StayUntil
	case contractEnds:
		return b.ContractUntil
	}
	return calendar.Date{}
}

// Check names every wrong field of what a category rests on by its JSON path
// under field. What the right rests on lasts to the end of its last day; day is
// the date of the law at the submission.
func (b Basis) Check(field string, c Category, day calendar.Date) []fault.Field {
	of, known := entitlements[c]
	if !known {
		return []fault.Field{{Field: "category", Code: "category_unknown", Detail: fault.Text{
			RU: "Выберите основание из списка.", EN: "Choose a category from the list."}}}
	}
	var wrong []fault.Field
	refuse := func(member, code, ru, en string) {
		wrong = append(wrong, fault.Field{Field: field + "." + member, Code: code, Detail: fault.Text{RU: ru, EN: en}})
	}
	for _, member := range []string{permitEnds, stayEnds, contractEnds} {
		ends := b.end(member)
		switch {
		case member != of.ends && !ends.IsZero():
			refuse(member, "not_expected", "Для этого основания дата не нужна.", "This category has no such date.")
		case member != of.ends:
		case ends.IsZero():
			refuse(member, "required", "Укажите последний день срока.", "Give the last day of the term.")
		case ends.Before(day):
			refuse(member, "date_passed", "Этот срок уже истёк. Укажите действующий.", "This term is over. Give one in force.")
		}
	}
	switch {
	case c == TemporaryWorker && b.ContributionsSince.IsZero():
		refuse("contributions_since", "required", "Укажите, с какого дня работодатель платит за вас страховые взносы.", "Give the day since which the employer has paid contributions for you.")
	case c == TemporaryWorker && b.ContributionsSince.After(day):
		refuse("contributions_since", "date_wrong", "Этот день ещё не наступил.", "This day has not come yet.")
	case c != TemporaryWorker && !b.ContributionsSince.IsZero():
		refuse("contributions_since", "not_expected", "Для этого основания дата не нужна.", "This category has no such date.")
	}
	if b.Document != (person.Document{}) {
		wrong = append(wrong, b.Document.Check(field+".document", day)...)
		if _, exists := person.DocumentKind(b.Document.Type); exists && !of.proven(b.Document) {
			refuse("document.type", "document_not_of_category", "Этот документ не подтверждает выбранное основание.", "This document does not prove the chosen category.")
		}
	}
	return wrong
}

func (e entitlement) proven(d person.Document) bool { return slices.Contains(e.documents, d.Type) }

// Proves reports whether a document is of those on which the category rests.
func (c Category) Proves(d person.Document) bool { return entitlements[c].proven(d) }

// eaeu are the member states (Treaty on the Eurasian Economic Union), ISO 3166.
var eaeu = []string{"ARM", "BLR", "KAZ", "KGZ", "RUS"}

// Russia by ISO 3166.
const Russia = "RUS"

var (
	errHighlyQualified = fault.New(fault.Conflict, "highly_qualified_not_insured",
		"Высококвалифицированных специалистов по ОМС не страхуют: им нужен полис добровольного страхования.",
		"Highly qualified specialists are outside of this insurance: they need a voluntary one.")
	errContributions = fault.New(fault.Conflict, "contributions_too_few",
		"Работодатель должен платить за вас страховые взносы дольше.",
		"The employer has to pay contributions for you for longer.")
)

// MayBeInsured refuses a category that the person's citizenship or basis does
// not give. A citizenship that the login does not tell proves no category but
// that of the document's.
func MayBeInsured(c Category, citizenship string, b Basis, years Stages, day calendar.Date) error {
	refuse := func(code, ru, en string) error { return fault.WrongField("category", code, ru, en) }
	switch {
	case c == HighlyQualified:
		return errHighlyQualified // 326-FZ, art. 10
	case c == Citizen && citizenship != "" && citizenship != Russia:
		return refuse("category_not_citizen", "По данным учётной записи вы не гражданин России. Выберите основание для иностранца.", "By the account's data you are no citizen of Russia. Choose a foreigner's category.")
	case c != Citizen && citizenship == Russia:
		return refuse("category_not_foreigner", "По данным учётной записи вы гражданин России. Выберите «Гражданин России».", "By the account's data you are a citizen of Russia. Choose that category.")
	case c == EAEUWorker && !slices.Contains(eaeu, citizenship):
		return refuse("category_not_eaeu", "В учётной записи нет гражданства страны ЕАЭС. Проверьте профиль или выберите другое основание.", "The account has no citizenship of an EAEU state. Check the profile or choose another category.")
	case c == TemporaryWorker && slices.Contains(eaeu, citizenship):
		return refuse("category_eaeu", "Ваша страна входит в ЕАЭС. Выберите основание для работника из ЕАЭС: стаж взносов не нужен.", "Your state is of the EAEU. Choose that category: it needs no years of contributions.")
	case c == TemporaryWorker:
		if from := b.ContributionsSince.AddYears(years.On(day)); day.Before(from) {
			return errContributions.AllowedFrom(from.String())
		}
	}
	return nil
}

// Right to be insured, as the register came to know of it. A later one stands in
// place of those before; none is ever taken away.
type Right struct {
	Category   Category      `json:"category"`
	Filed      calendar.Date `json:"filed,omitzero"`  // day of the application
	Ends       calendar.Date `json:"ends,omitzero"`   // of the permit, stay or contract; zero: not capped
	Begins     calendar.Date `json:"begins,omitzero"` // as an import tells, where the policy is older
	ValidFrom  calendar.Date `json:"valid_from"`
	ValidUntil calendar.Date `json:"valid_until,omitzero"` // of the policy; zero: no limit
	Ground     string        `json:"ground,omitempty"`     // for which it was ended before its time
	Source     string        `json:"source,omitempty"`     // who reported it; "": the person applied
	Cause      string        `json:"cause,omitempty"`      // id of the application, event or import
	Recorded   time.Time     `json:"recorded,omitzero"`

	Submitted time.Time `json:"submitted,omitzero"` // the application, to the moment
}

// november1 is the day of a year from which an application counts for the next.
func november1(year int) calendar.Date { return calendar.On(year, time.November, 1) }

// RightOf computes until when a policy is valid that was applied for on the day
// (Rules of compulsory medical insurance, on validity of the policy): a
// citizen's without limit; a foreigner's to 31 December of the year, one applied
// for from 1 November on to that of the next, and neither past what the right
// rests on.
func RightOf(c Category, ends, day calendar.Date) Right {
	r := Right{Category: c, Filed: day, Ends: ends, ValidFrom: day}
	if c == Citizen {
		return r
	}
	year := day.Year
	if !day.Before(november1(year)) {
		year++
	}
	r.ValidUntil = calendar.On(year, time.December, 31)
	if !ends.IsZero() && ends.Before(r.ValidUntil) {
		r.ValidUntil = ends
	}
	return r
}

// Text tells the person until when the policy is valid, and why.
func (r Right) Text() fault.Text {
	of := entitlements[r.Category]
	until := r.ValidUntil
	switch {
	case until.IsZero():
		return fault.Text{RU: "Полис действует бессрочно: для граждан России срока нет", EN: "The policy has no term: there is none for citizens of Russia"}
	case r.Ground != "":
		why := EndText(r.Ground)
		return fault.Text{
			RU: fmt.Sprintf("Полис действует до %s: %s", until.Russian(), why.RU),
			EN: fmt.Sprintf("The policy is valid until %s: %s", until, why.EN)}
	case until == r.Ends && of.ends != "":
		return fault.Text{
			RU: fmt.Sprintf("Полис действует до %s: в этот день заканчивается %s", until.Russian(), of.cap.RU),
			EN: fmt.Sprintf("The policy is valid until %s: on this day %s ends", until, of.cap.EN)}
	case r.Filed.IsZero():
		return fault.Text{
			RU: fmt.Sprintf("Полис действует до %s", until.Russian()),
			EN: fmt.Sprintf("The policy is valid until %s", until)}
	case until.Year > r.Filed.Year:
		return fault.Text{
			RU: fmt.Sprintf("Полис действует до %s: заявление подано после 31 октября, поэтому срок считается до конца следующего года", until.Russian()),
			EN: fmt.Sprintf("The policy is valid until %s: an application after 31 October counts to the end of the next year", until)}
	}
	return fault.Text{
		RU: fmt.Sprintf("Полис действует до %s: по этому основанию его выдают до конца года. Продлить можно с 1 ноября", until.Russian()),
		EN: fmt.Sprintf("The policy is valid until %s: in this category it is issued to the end of the year. It can be prolonged from 1 November on", until)}
}

// right that stands now; that of a citizen where none was recorded.
func (i Insured) right() Right {
	if len(i.Rights) == 0 {
		return Right{Category: Citizen, Filed: i.ValidFrom, ValidFrom: i.ValidFrom, ValidUntil: i.ValidUntil}
	}
	return i.Rights[len(i.Rights)-1]
}

// Under is the record with a right, of the cause and the moment at which it was
// recorded.
func (i Insured) Under(r Right, cause string, recorded time.Time) Insured {
	r.Cause, r.Recorded = cause, recorded
	i.Rights = append(slices.Clone(i.Rights), r)
	i.ValidFrom, i.ValidUntil = r.ValidFrom, r.ValidUntil
	return i
}

// replaces reports whether another right takes the place of the one that the
// policy rests on, though it ends on the same day: who has lived here by a
// temporary permit gets one to stay, and the first is cancelled then.
func (i Insured) replaces(r Right) bool {
	return r.Category != i.right().Category && r.ValidUntil == i.ValidUntil
}

// outlasted reports whether a right lasts longer than the policy as it stands.
func (i Insured) outlasted(r Right) bool {
	if i.ValidUntil.IsZero() {
		return false
	}
	return r.ValidUntil.IsZero() || r.ValidUntil.After(i.ValidUntil)
}

// last day of what the right rests on, as far as it is known.
func (r Right) last() calendar.Date { return cmp.Or(r.Ends, r.ValidUntil) }

// hasEnded reports whether this very right was ended before its time: one of the
// same category and the same last day, unless it begins after that end. Where an
// import does not tell the last day, that is the policy's.
func (i Insured) hasEnded(r Right) bool {
	for n, end := range i.Rights {
		if n == 0 || end.Ground == "" || r.ValidFrom.After(end.ValidUntil) {
			continue
		}
		if was := i.Rights[n-1]; was.Category == r.Category && was.last() == r.last() {
			return true
		}
	}
	return false
}

// supersedes reports whether a right that an import tells of replaces the present
// one: not one that the policy has rested on to that day before, nor one of a time
// before the person applied for the present one.
func (i Insured) supersedes(r Right) bool {
	had := func(x Right) bool { return x.Category == r.Category && x.ValidUntil == r.ValidUntil }
	return i.replaces(r) && !r.ValidFrom.Before(i.right().Filed) && !slices.ContainsFunc(i.Rights, had)
}

// Prolonged is the record under a right that an import tells of, if that lasts
// longer than the policy or takes the place of what it rests on; false where it
// tells nothing new. A right that was ended here is no news of the source that
// still has it.
func (i Insured) Prolonged(r Right, cause string, recorded time.Time) (Insured, bool) {
	if i.Knows(cause) || r.Category == "" || !i.outlasted(r) && !i.supersedes(r) || i.hasEnded(r) {
		return i, false
	}
	r.Source = ByImport
	if !i.Expired(r.ValidFrom) {
		r.Begins, r.ValidFrom = r.ValidFrom, i.ValidFrom
	}
	return i.Under(r, cause, recorded), true
}

// ErrInsured is an application for a first policy by somebody who has one.
var ErrInsured = fault.New(fault.Conflict, "already_insured",
	"Вы уже есть в регистре, новый полис не нужен. Запросите данные о полисе.",
	"You are in the register already, no new policy is needed. Request the policy's data.").Suggesting("lookup")

// Renew prolongs the policy under a new right, or rests it on that one: the record
// and its number stay, for a number is kept for life. While the policy is in force
// its insurer stays too; after it had lapsed the person chooses anew. One that was
// ended is in force again, also where the new right lasts no longer, but not by a
// right that was lost after the application. Repeated for the same cause it changes
// nothing.
func (i Insured) Renew(r Right, in Cover, d Deed) (Insured, error) {
	if i.Knows(d.Cause) {
		return i, nil
	}
	day, at := r.ValidFrom, i.Changes.On(i.Today(d.Recorded))
	ended := at.State == Invalid
	switch {
	case i.Dead():
		return i, errDead
	case at.Ground == Merged:
		return i, errPolicyEnded // another record stands for this person
	case ended && i.lost(r.Category, d.At):
		return i, errPolicyEnded // the right applied for is the one that was lost
	case !ended && !i.outlasted(r) && !i.replaces(r):
		return i, ErrInsured
	}
	if ended && day.Before(at.Since) {
		day = at.Since // applied for before, and decided after it
	}
	have := i.Insurance(day)
	other := in.Region != have.Region || in.SMO != "" && in.SMO != have.SMO
	lapsed := ended || i.Expired(day)
	switch {
	case !lapsed && other:
		return i, errInForce
	case !lapsed:
		r.ValidFrom = i.ValidFrom
	case other:
		in.Since = day
		i = i.insuredBy(Insurance{Cover: in, Cause: d.Cause, Recorded: d.Recorded})
	}
	if ended {
		r.ValidFrom = day
		i = i.turned(Restore, "", day, Deed{Source: ByFund, Cause: d.Cause, Recorded: d.Recorded})
	}
	r.Submitted = d.At
	return i.Under(r, d.Cause, d.Recorded), nil
}

// ErrNotByContract is a dismissal of somebody whose policy rests on something else.
var ErrNotByContract = fault.New(fault.Conflict, "not_insured_by_contract",
	"Этот полис не зависит от трудового договора.",
	"This policy does not depend on an employment contract.")

// Dismissal is what an employer reported: the last day of a contract.
type Dismissal struct {
	Last     calendar.Date `json:"last"`
	Cause    string        `json:"cause"`
	Recorded time.Time     `json:"recorded"`
}

// Dismissed ends the validity with the last day of the employment contract that
// it rested on, as the employer reported it. The record is not annulled: the
// policy has expired, and another contract prolongs it under the same number.
// What ends a contract before the present one changes nothing: that is of the day
// of the application, and where an import tells none, of the right's first day. Nor
// does what was reported before the application, which tells of another contract.
func (i Insured) Dismissed(last calendar.Date, d Deed) (Insured, error) {
	if i.Knows(d.Cause) || d.At.Before(i.right().Submitted) {
		return i, nil
	}
	r := i.right()
	if entitlements[r.Category].ends != contractEnds {
		return i, ErrNotByContract
	}
	if last.Before(cmp.Or(r.Filed, r.Begins, r.ValidFrom)) || !last.Before(r.ValidUntil) {
		return i, nil
	}
	r.Ends, r.ValidUntil, r.Ground, r.Source = last, last, "contract_ended", d.Source
	return i.Under(r, d.Cause, d.Recorded), nil
}
