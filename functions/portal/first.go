package function

import (
	"cmp"
	"net/http"
	"net/url"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"polis/shared/application"
	"polis/shared/calendar"
	"polis/shared/directory"
	"polis/shared/fault"
	"polis/shared/person"
	"polis/shared/policy"
	"polis/shared/web"
)

// kid is a child that the login confirms, as far as a form needs it.
type kid struct {
	Name   person.Name
	Sex    person.Sex
	Birth  calendar.Date
	Record bool // the login tells the civil record of the birth
	ByFund bool // the fund's staff decide

	Foreign bool // it may be no citizen: the parent says by what right it lives here
}

// kidsOf lists them as the register does, the eldest first.
func kidsOf(children []person.Kin, parent person.Person) (kids []kid) {
	for _, k := range children {
		foreign := policy.Foreign(k, parent)
		kids = append(kids, kid{k.Name, k.Sex, k.Birth, k.Record != "" && !k.Recorded.IsZero(), k.Record == "" || foreign, foreign})
	}
	slices.SortStableFunc(kids, func(a, b kid) int { return a.Birth.Compare(b.Birth) })
	return kids
}

// is reports whether the child is that one of the register.
func (k kid) is(r relative) bool { return r.Birth == k.Birth && r.Name.Same(k.Name) }

// For whom a first policy is, beside a child of the login, by its mark.
const (
	forSelf      = "self"
	forForeigner = "foreigner" // oneself too
	forChild     = "child"     // the first of them that may need one
	forOther     = "other"
)

// Steps of the form before it is sent.
const (
	stepRegion   = "region"   // show the insurers of another
	stepCategory = "category" // show what one needs: a page of its own
	stepCheck    = "check"    // show the term
)

// firstPage is the form of a first policy, as far as it is filled in.
type firstPage struct {
	newRequestPage
	For        string
	Self       string // what For is for oneself
	Kids       map[string]kid
	Order      []string // of the kids
	Category   policy.Category
	Categories []policy.Category // for oneself
	Fund       *directory.Fund   // whom to turn to
	Right      *policy.Right     // to be shown before sending
	Recounted  bool              // another term was shown before
}

// Kid for whom the form is; nil for nobody.
func (f firstPage) Kid() *kid {
	k, ok := f.Kids[f.For]
	if !ok {
		return nil
	}
	return &k
}

func (f firstPage) Foreign() bool { return f.For == forForeigner }

// ByRight reports whether it has to be said by what right somebody is insured.
func (f firstPage) ByRight() bool {
	kid := f.Kid()
	return f.Foreign() || kid != nil && kid.Foreign
}

// Offered are the categories of which one has to be chosen.
func (f firstPage) Offered() (all []policy.Category) {
	if f.Foreign() {
		return f.Categories
	}
	for _, c := range policy.Categories {
		if c.OfChildren() {
			all = append(all, c)
		}
	}
	return all
}

// Outside reports a category that is not insured at all.
func (f firstPage) Outside() bool { return f.Category == policy.HighlyQualified }

// Ends is the field of the form that caps the term; "" where nothing does.
func (f firstPage) Ends() string {
	if ends := policy.EndsWith(f.Category); ends != "" {
		return "basis." + ends
	}
	return ""
}

// paper is a kind of document (F011).
type paper struct {
	Type  int
	Title fault.Text
}

// Documents are those of which the category needs one.
func (f firstPage) Documents() (papers []paper) {
	for _, kind := range policy.DocumentsOf(f.Category) {
		title, _ := person.DocumentKind(kind)
		papers = append(papers, paper{kind, title})
	}
	return papers
}

// ExpiryHint is how to give the last day of one: whether there need be any is
// the same for all that a category rests on.
func (f firstPage) ExpiryHint(p *page) string {
	if slices.ContainsFunc(policy.DocumentsOf(f.Category), person.MustExpire) {
		return p.T("Например, 31.01.2030", "As in 31.01.2030")
	}
	return p.T("Например, 31.01.2030. Если срока нет, оставьте поле пустым", "As in 31.01.2030. Leave it empty if there is no term")
}

// Papers reports whether the fields of a document are to be seen at once: it is
// typed, or something about it is wrong.
func (f firstPage) Papers(p *page) bool {
	if p.Typed.Get("basis.document.number") != "" {
		return true
	}
	return p.Fault != nil && slices.ContainsFunc(p.Fault.Fields, func(f fault.Field) bool { return strings.HasPrefix(f.Field, "basis.document") })
}

// CategoryOf names a category.
func (p *page) CategoryOf(c policy.Category) string { return p.Text(policy.CategoryText(c)) }

// ChildCategoryOf names that of a child.
func (p *page) ChildCategoryOf(c policy.Category) string { return p.Text(policy.ChildCategoryText(c)) }

// markOf names a child of the visitor in a form and in addresses: it stays the
// same whatever other children there are, and says nothing about the child.
func (v *visit) markOf(k kid) string {
	return v.mark("child", v.Who.Account, k.Name.Family, k.Name.Given, k.Name.Patronymic, k.Birth.String())
}

// firstOf is the form for somebody, in a region; for nobody where it is not known
// who that is. A child that the register has already is offered none, but has one
// where it is asked for, by its mark or its id there: a policy may have expired, or
// the form be sent again that put the child on record. Where the register is silent,
// all are offered.
func (v *visit) firstOf(who, region string) (firstPage, error) {
	base, err := v.newRequestOf(application.Register, region)
	f := firstPage{newRequestPage: base, For: forOther, Self: forSelf, Kids: map[string]kid{}}
	if err != nil {
		return f, err
	}
	if v.Who.Citizenship != "" && v.Who.Citizenship != policy.Russia {
		f.Self = forForeigner
	}
	var recorded struct{ Items []relative }
	if len(v.Who.Kids) > 0 {
		err := v.ask(http.MethodGet, "/policy-card/family", nil, &recorded)
		if err != nil && !fault.HasKind(err, fault.Unavailable) {
			return f, err
		}
	}
	switch who {
	case forSelf:
		f.For = f.Self
	case forForeigner:
		f.For = who
	}
	for _, k := range v.Who.Kids {
		mark := v.markOf(k)
		asked := who == mark
		if i := slices.IndexFunc(recorded.Items, k.is); i >= 0 {
			if asked = asked || who == recorded.Items[i].Person; !asked {
				continue
			}
			k.ByFund = true
		}
		f.Kids[mark] = k
		f.Order = append(f.Order, mark)
		if asked {
			f.For = mark
		}
	}
	for _, c := range policy.Categories {
		if c != policy.Citizen && policy.MayBeInsured(c, v.Who.Citizenship, policy.Basis{}, nil, calendar.Today(v.law(), region)) == nil || c == policy.HighlyQualified {
			f.Categories = append(f.Categories, c)
		}
	}
	if fund, ok := directory.FundOf(region); ok {
		f.Fund = &fund
	}
	return f, nil
}

// firstPolicy is the form at an address of its own, with what was typed into it
// so far.
func (p *portal) firstPolicy(v *visit) (web.Answer, error) {
	kept, err := v.held()
	if err != nil {
		return web.Answer{}, err
	}
	who := cmp.Or(v.Query.Get("for"), forSelf)
	f, err := v.firstOf(who, cmp.Or(v.Query.Get("region"), v.region))
	if err != nil {
		return web.Answer{}, err
	}
	if who == forChild && len(f.Order) > 0 {
		f.For = f.Order[0]
	}
	if c := policy.Category(v.Query.Get("category")); f.ByRight() && slices.Contains(f.Offered(), c) {
		f.Category = c
	}
	if f.ByRight() && f.Category == "" && v.Query.Get("step") == stepCategory {
		return v.again(fault.Wrong(noCategory), "first-policy", firstTitle, f)
	}
	if f.Category != "" && kept != nil {
		f.rests(kept, v.law()) // what is wrong is said when it is sent
	}
	return v.render200("first-policy", &page{Title: v.Text(firstTitle), Data: f, Typed: kept})
}

// keep leads to the form with what was typed, there to what is new in it.
func (v *visit) keep(f firstPage, place string) (web.Answer, error) {
	token, err := v.hold()
	if err != nil {
		return web.Answer{}, err
	}
	query := url.Values{"kind": {string(application.Register)}, "for": {f.For}, "region": {f.Region}, "draft": {token}}
	if f.Category != "" {
		query.Set("category", string(f.Category))
	}
	return v.to("/requests/new?" + query.Encode() + "#" + place)
}

// rests reads what the category rests on; with nothing wrong in it the page has
// the term that comes of it.
func (f *firstPage) rests(form url.Values, at time.Time) (policy.Basis, []fault.Field) {
	day := calendar.Today(at, f.Region)
	basis, wrong := basisOf(form, f.Category)
	if wrong == nil {
		wrong = basis.Check("basis", f.Category, day)
	}
	if wrong == nil {
		right := policy.RightOf(f.Category, basis.Ends(f.Category), day)
		f.Right = &right
		f.Recounted = form.Has("until") && form.Get("until") != right.ValidUntil.String()
	}
	return basis, wrong
}

var noPerson = fault.Field{Field: "for", Code: "person_unknown", Detail: fault.Text{
	RU: "Такого ребёнка в вашей учётной записи нет. Выберите, для кого полис.", EN: "Your account has no such child. Choose for whom the policy is."}}

var noCategory = fault.Field{Field: "category", Code: "required", Detail: fault.Text{RU: "Выберите основание.", EN: "Choose a category."}}

var firstTitle = fault.Text{RU: "Оформление полиса", EN: "Applying for a policy"}

// firstSubmission is a first policy as it is asked for.
type firstSubmission struct {
	submission
	Category policy.Category `json:"category,omitempty"`
	Basis    *policy.Basis   `json:"basis,omitempty"`
	Child    *firstChild     `json:"child,omitempty"`
}

type firstChild struct {
	Name   person.Name         `json:"name"`
	Sex    person.Sex          `json:"sex"`
	Birth  calendar.Date       `json:"birth_date"`
	Record *policy.BirthRecord `json:"birth_record,omitempty"`
}

// submitFirst takes the form by its steps: what was typed stays, and nothing is
// sent before the term was shown.
func (v *visit) submitFirst() (web.Answer, error) {
	step := v.Form.Get("step")
	f, err := v.firstOf(v.Form.Get("for"), cmp.Or(v.Form.Get("region"), v.region))
	if err != nil {
		return web.Answer{}, err
	}
	f.Category = policy.Category(v.Form.Get("category"))
	refuse := func(wrong ...fault.Field) (web.Answer, error) {
		return v.again(fault.Wrong(wrong...), "first-policy", firstTitle, f)
	}
	s := firstSubmission{submission: submission{Kind: application.Register, Region: v.Form.Get("region"), SMO: v.Form.Get("smo")}}
	switch {
	case f.For == forOther:
		return refuse(noPerson)
	case f.ByRight() && !slices.Contains(f.Offered(), f.Category):
		f.Category = ""
		return refuse(noCategory)
	case step == stepRegion:
		return v.keep(f, "smo")
	case f.ByRight():
		basis, wrong := f.rests(v.Form, v.law())
		if wrong != nil {
			return refuse(wrong...)
		}
		if step == stepCheck || v.Form.Get("until") != f.Right.ValidUntil.String() {
			return v.keep(f, "term")
		}
		s.Category, s.Basis = f.Category, &basis
	}
	if kid := f.Kid(); kid != nil {
		s.Person, s.Child = "child", &firstChild{Name: kid.Name, Sex: kid.Sex, Birth: kid.Birth}
		if !kid.Record {
			date, unread := dateOf(v.Form, "child.birth_record.date")
			if unread != nil {
				return refuse(unread...)
			}
			s.Child.Record = &policy.BirthRecord{Number: v.Form.Get("child.birth_record.number"), Date: date}
		}
	}
	var made applicationAnswer
	if err := v.ask(http.MethodPost, "/policy-request", s, &made); err != nil {
		return v.again(err, "first-policy", firstTitle, f)
	}
	return v.to("/requests/" + made.ID)
}

// basisOf reads what a category rests on; a field that cannot be read is named.
func basisOf(form url.Values, c policy.Category) (policy.Basis, []fault.Field) {
	var b policy.Basis
	var wrong []fault.Field
	if ends := policy.EndsWith(c); ends != "" {
		date, unread := dateOf(form, "basis."+ends)
		wrong = unread
		switch ends {
		case "permit_until":
			b.PermitUntil = date
		case "stay_until":
			b.StayUntil = date
		case "contract_until":
			b.ContractUntil = date
		}
	}
	since, unread := dateOf(form, "basis.contributions_since")
	b.ContributionsSince, wrong = since, append(wrong, unread...)
	expires, unread := dateOf(form, "basis.document.expires")
	wrong = append(wrong, unread...)
	series, number := form.Get("basis.document.series"), form.Get("basis.document.number")
	if series+number != "" || !expires.IsZero() {
		kind, err := strconv.Atoi(form.Get("basis.document.type"))
		if err != nil {
			kind = policy.DocumentsOf(c)[0]
		}
		b.Document = person.Document{Type: kind, Series: series, Number: number, Expires: expires}.Normalised()
	}
	return b, wrong
}

// inDigits is a date as it is asked for, of whichever day.
var inDigits = regexp.MustCompile(`^\d{1,2}\.\d{1,2}\.\d{4}$|^\d{4}-\d\d-\d\d$`)

// dateOf reads a date as people write it, or as ISO does; the zero date where
// none was typed.
func dateOf(form url.Values, field string) (calendar.Date, []fault.Field) {
	typed := form.Get(field)
	if typed == "" {
		return calendar.Date{}, nil
	}
	date, err := calendar.ReadDate(typed, "2.1.2006", time.DateOnly)
	if err == nil {
		return date, nil
	}
	why := fault.Text{RU: "Напишите дату цифрами, например 31.05.2028.", EN: "Write the date in digits, as in 31.05.2028."}
	if inDigits.MatchString(typed) {
		why = fault.Text{RU: "Такого дня нет в календаре. Проверьте число и месяц.", EN: "There is no such day. Check the day and the month."}
	}
	return date, []fault.Field{{Field: field, Code: calendar.DateWrong, Detail: why}}
}
