package function

import (
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"polis/shared/access"
	"polis/shared/application"
	"polis/shared/calendar"
	"polis/shared/fault"
	"polis/shared/person"
	"polis/shared/policy"
	"polis/shared/web"
)

// What the desk answers, as far as it is shown.

type caseAnswer struct {
	ID, Number string
	Kind       application.Kind
	Status     application.Status
	Submitted  time.Time
	Due        time.Time
	Overdue    bool
	Taken      string // nobody, you, another
}

type caseList struct {
	Items []caseAnswer
	Next  string
	Sent  application.Verdict // that led back here
}

type openedCase struct {
	Case        caseAnswer
	Application applicationAnswer
	Applicant   *person.Person // nil: it is decided, and whose it is not shown any more
	Child       *policy.NewChild
	Record      struct {
		Answered bool
		Status   policy.Shown
		Text     string
		ENP      person.ENP
		Changes  []struct {
			Turn   policy.Turn
			Ground string
			Since  calendar.Date
			Source string
		}
	}
}

// Open reports whether it waits for a verdict.
func (o openedCase) Open() bool { return o.Applicant != nil }

// decides reports whether a role has an inbox.
func decides(r access.Role) bool { return r == access.Fund || r == access.Staff }

// reviewer serves a page of the staff who decide; anybody else is refused.
func (p *portal) reviewer(do func(*visit) (web.Answer, error)) func(*web.Call) (web.Answer, error) {
	return p.visit(func(v *visit) (web.Answer, error) { return v.asReviewer(do) })
}

// reviewed takes a form of theirs, from the portal's own pages alone.
func (p *portal) reviewed(do func(*visit) (web.Answer, error)) func(*web.Call) (web.Answer, error) {
	return p.visit(func(v *visit) (web.Answer, error) {
		if err := v.take(); err != nil {
			return web.Answer{}, err
		}
		return v.asReviewer(do)
	})
}

func (v *visit) asReviewer(do func(*visit) (web.Answer, error)) (web.Answer, error) {
	switch {
	case v.Who == nil:
		return v.toLogin()
	case !decides(v.Who.Role):
		return web.Answer{}, access.ErrNotAllowed
	}
	return do(v)
}

// inbox is what waits for a verdict, what is due first at its head.
func (p *portal) inbox(v *visit) (web.Answer, error) {
	query := url.Values{"limit": {"20"}}
	if next := v.Query.Get("next"); next != "" {
		query.Set("next", next)
	}
	var list caseList
	if err := v.ask(http.MethodGet, "/review-desk?"+query.Encode(), nil, &list); err != nil {
		return web.Answer{}, err
	}
	if list.Next != "" {
		list.Next = "/desk?" + url.Values{"next": {list.Next}}.Encode()
	}
	list.Sent = application.Verdict(v.Query.Get("sent"))
	return v.show("inbox", fault.Text{RU: "Заявления на рассмотрении", EN: "Applications to review"}, list)
}

func (v *visit) openedCase() (opened openedCase, title fault.Text, err error) {
	err = v.ask(http.MethodGet, "/review-desk/"+url.PathEscape(v.Segment("id")), nil, &opened)
	return opened, fault.Text{RU: "Заявление " + opened.Case.Number, EN: "Application " + opened.Case.Number}, err
}

func (p *portal) openCase(v *visit) (web.Answer, error) {
	opened, title, err := v.openedCase()
	if err != nil {
		return web.Answer{}, err
	}
	return v.show("case", title, opened)
}

// unexplained names what a verdict lacks that needs a reason.
func unexplained(form url.Values) error {
	var wrong []fault.Field
	if !slices.Contains(reviewReasons, form.Get("code")) {
		wrong = append(wrong, fault.Field{Field: "reasons.0.code", Code: "required", Detail: fault.Text{RU: "Выберите причину.", EN: "Choose a reason."}})
	}
	if strings.TrimSpace(form.Get("detail")) == "" {
		wrong = append(wrong, fault.Field{Field: "reasons.0.detail", Code: "required", Detail: fault.Text{
			RU: "Напишите, что исправить.", EN: "Say what has to be put right."}})
	}
	if wrong != nil {
		return fault.Wrong(wrong...)
	}
	return nil
}

// confirm shows what cannot be undone before it is sent; what was written goes
// along in the form, never in an address.
func (v *visit) confirm() (web.Answer, error) {
	opened, title, err := v.openedCase()
	if err != nil {
		return web.Answer{}, err
	}
	if v.Form.Get("step") == "back" || !opened.Open() {
		return v.typed("case", title, opened)
	}
	return v.typed("case-confirm", title, opened)
}

// decide takes a case in hand, or sends the verdict: approval and refusal once
// they are confirmed. What is decided leads back to the inbox.
func (p *portal) decide(v *visit) (web.Answer, error) {
	type reason struct {
		Code   string `json:"code"`
		Detail string `json:"detail"`
	}
	body := struct {
		Action  string   `json:"action"`
		Reasons []reason `json:"reasons,omitempty"`
	}{Action: v.Form.Get("action")}
	if v.Form.Has("detail") {
		body.Reasons = []reason{{v.Form.Get("code"), v.Form.Get("detail")}}
	}
	id := url.PathEscape(v.Segment("id"))
	var err error
	if body.Action == string(application.Declined) || body.Action == string(application.Asked) {
		err = unexplained(v.Form)
	}
	final := body.Action == string(application.Approved) || body.Action == string(application.Declined)
	switch {
	case v.Form.Get("step") == "back", err == nil && final && v.Form.Get("step") != "confirmed":
		return v.confirm()
	case err == nil:
		err = v.askOnce(body.Action, "/review-desk/"+id, body, nil)
	}
	switch {
	case err == nil && body.Action == "take":
		return v.to("/desk/" + id)
	case err == nil:
		return v.to("/desk?sent=" + url.QueryEscape(body.Action))
	}
	opened, title, openErr := v.openedCase()
	switch {
	case openErr != nil:
		return web.Answer{}, openErr
	case fault.HasKind(err, fault.Forbidden): // to decide, not to read
		return v.refused(fault.From(err), "case", title, opened)
	}
	return v.again(err, "case", title, opened)
}

// Verdict says what the reviewer has just done; "" for nothing.
func (p *page) Verdict(of application.Verdict) string {
	switch of {
	case application.Approved:
		return p.T("Решение принято: заявление одобрено.", "Decided: the application is approved.")
	case application.Declined:
		return p.T("Решение принято: в заявлении отказано.", "Decided: the application is refused.")
	case application.Asked:
		return p.T("Вопрос отправлен заявителю.", "The question is sent to the applicant.")
	}
	return ""
}

// reviewReasons are the codes that a reviewer chooses from.
var reviewReasons = []string{"document_unclear", "ground_missing", "data_differ", "other"}

// ReviewReasons are the codes, for a list.
func (p *page) ReviewReasons() []string { return reviewReasons }

// ReviewReason names one.
func (p *page) ReviewReason(code string) string {
	switch code {
	case "document_unclear":
		return p.T("Документ не подходит", "The document will not do")
	case "ground_missing":
		return p.T("Нет основания", "There is no ground")
	case "data_differ":
		return p.T("Данные не совпадают", "The data differ")
	}
	return p.T("Другое", "Something else")
}

// DocumentKind names a kind of the classifier F011, "" where it has none.
func (p *page) DocumentKind(code int) string {
	title, _ := person.DocumentKind(code)
	return p.Text(title)
}

// Citizenship names Russia; another country goes by its code.
func (p *page) Citizenship(code string) string {
	if code == policy.Russia {
		return p.T("Россия", "Russia")
	}
	return code
}

// StepOf is a step of an application as its reviewers read it: what it says is
// meant for the applicant.
func (p *page) StepOf(status application.Status, detail string) string {
	if status == application.NeedsPerson {
		return p.T("У заявителя запросили уточнение", "The applicant was asked")
	}
	return p.Said(detail)
}

// Turn says what a change did to the state, with its ground.
func (p *page) Turn(turn policy.Turn, ground string) string {
	switch turn {
	case policy.Suspend:
		if ground == "" {
			return p.T("Приостановлен", "Suspended")
		}
		return p.T("Приостановлен", "Suspended") + ": " + p.Ground(ground)
	case policy.Resume:
		return p.T("Возобновлён", "Resumed")
	case policy.End:
		return p.T("Аннулирован", "Ended") + ": " + p.Text(policy.EndText(ground))
	}
	return p.T("Восстановлен", "Restored")
}

// Source says who reported a change.
func (p *page) Source(source string) string {
	switch source {
	case policy.ByPerson:
		return p.T("по заявлению", "on application")
	case policy.ByCommissariat:
		return p.T("военкомат", "the commissariat")
	case policy.ByZAGS:
		return p.T("ЗАГС", "the civil registry")
	case policy.ByEmployer:
		return p.T("работодатель", "the employer")
	case policy.ByInterior:
		return p.T("МВД", "the ministry of the interior")
	case policy.ByFund:
		return p.T("территориальный фонд", "the regional fund")
	}
	return p.T("загрузка регистра", "an import")
}
