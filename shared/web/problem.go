package web

import (
	"encoding/json"
	"errors"
	"math"
	"net/http"
	"strconv"
	"strings"

	handler "github.com/openfaas/templates-sdk/go-http"

	"polis/shared/fault"
)

// problem is the public form of a fault (RFC 9457).
type problem struct {
	Type    string         `json:"type"`
	Title   string         `json:"title"`
	Status  int            `json:"status"`
	Detail  string         `json:"detail"`
	Code    string         `json:"code"`
	Errors  []problemField `json:"errors,omitempty"`
	From    string         `json:"from,omitempty"`
	Suggest string         `json:"suggest,omitempty"`
	CallID  string         `json:"call_id"`
}

type problemField struct {
	Field  string `json:"field"`
	Code   string `json:"code"`
	Detail string `json:"detail"`
}

var titles = map[fault.Kind]fault.Text{
	fault.Internal:        {RU: "Внутренняя ошибка", EN: "Internal error"},
	fault.Malformed:       {RU: "Запрос не читается", EN: "Unreadable request"},
	fault.Unauthenticated: {RU: "Нужно войти", EN: "Login needed"},
	fault.Forbidden:       {RU: "Нет доступа", EN: "Not allowed"},
	fault.NotFound:        {RU: "Не найдено", EN: "Not found"},
	fault.NoMethod:        {RU: "Способ обращения не поддерживается", EN: "Method not supported"},
	fault.Conflict:        {RU: "Сейчас это сделать нельзя", EN: "Not possible now"},
	fault.TooLarge:        {RU: "Слишком большой запрос", EN: "Request too large"},
	fault.NotSupported:    {RU: "Формат не поддерживается", EN: "Format not supported"},
	fault.Invalid:         {RU: "Проверьте данные", EN: "Check the data"},
	fault.TooMany:         {RU: "Слишком много запросов", EN: "Too many requests"},
	fault.Unavailable:     {RU: "Временно не отвечает", EN: "Temporarily unavailable"},
}

// respond writes an answer, or the problem document of an error.
func (e *Edge) respond(call *Call, answer Answer, err error) handler.Response {
	header := answer.Header
	if header == nil {
		header = http.Header{}
	}
	header.Set("Content-Language", call.lang.String())
	if header.Get("Cache-Control") == "" {
		header.Set("Cache-Control", "private, no-store")
	}
	header.Set("X-Content-Type-Options", "nosniff")
	if err != nil {
		return e.refuse(call, header, err)
	}
	if raw, ok := answer.Body.(Bytes); ok {
		return handler.Response{StatusCode: answer.Status, Header: header, Body: raw}
	}
	body, err := json.Marshal(answer.Body)
	if err != nil {
		return e.refuse(call, header, err)
	}
	header.Set("Content-Type", "application/json; charset=utf-8")
	return handler.Response{StatusCode: answer.Status, Header: header, Body: append(body, '\n')}
}

func (e *Edge) refuse(call *Call, header http.Header, err error) handler.Response {
	f := fault.From(err)
	p := problem{
		Type: "urn:polis:problem:" + f.Code, Title: call.lang.of(titles[f.Kind]), Status: fault.Statuses[f.Kind],
		Detail: call.lang.of(f.Detail), Code: f.Code, From: f.From, Suggest: f.Suggest, CallID: call.ID,
	}
	for _, field := range f.Fields {
		p.Errors = append(p.Errors, problemField{field.Field, field.Code, call.lang.of(field.Detail)})
	}
	if f.RetryAfter > 0 {
		header.Set("Retry-After", strconv.Itoa(int(math.Ceil(f.RetryAfter.Seconds()))))
	}
	if f.Kind == fault.Unauthenticated {
		header.Set("WWW-Authenticate", `Bearer realm="polis"`)
	}
	var n *noMethod
	if errors.As(err, &n) {
		header.Set("Allow", n.allow)
	}
	header.Set("Content-Type", "application/problem+json; charset=utf-8")
	body, err := json.Marshal(p)
	if err != nil {
		body = []byte(`{"status":500,"code":"internal"}`)
	}
	return handler.Response{StatusCode: p.Status, Header: header, Body: append(body, '\n')}
}

// language of the answer: Russian unless English is preferred.
type language bool

const (
	russian language = false
	english language = true
)

func (l language) String() string {
	if l == english {
		return "en"
	}
	return "ru"
}

func (l language) of(t fault.Text) string {
	if l == english && t.EN != "" {
		return t.EN
	}
	return t.RU
}

// languageOf reads Accept-Language (RFC 9110, 12.5.4) as far as two languages
// need it: the one with the greater weight, Russian where they are equal.
func languageOf(accept string) language {
	weight := map[string]float64{}
	for part := range strings.SplitSeq(accept, ",") {
		tag, params, _ := strings.Cut(strings.TrimSpace(part), ";")
		q := 1.0
		if v, ok := strings.CutPrefix(strings.TrimSpace(params), "q="); ok {
			if parsed, err := strconv.ParseFloat(v, 64); err == nil {
				q = parsed
			}
		}
		primary, _, _ := strings.Cut(strings.ToLower(tag), "-")
		weight[primary] = max(weight[primary], q)
	}
	return language(weight["en"] > weight["ru"])
}
