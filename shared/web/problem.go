package web

import (
	"bytes"
	"encoding/json"
	"errors"
	"math"
	"net/http"
	"strconv"

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

// respond writes an answer, or the problem document of an error.
func (e *Edge) respond(call *Call, answer Answer, err error) handler.Response {
	header := answer.Header
	if header == nil {
		header = http.Header{}
	}
	header.Set("Content-Language", "ru")
	if call.english {
		header.Set("Content-Language", "en")
	}
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
	body, err := marshal(answer.Body)
	if err != nil {
		return e.refuse(call, header, err)
	}
	header.Set("Content-Type", "application/json; charset=utf-8")
	return handler.Response{StatusCode: answer.Status, Header: header, Body: body}
}

// marshal leaves & < > as they are: the answer is JSON for a program, and a
// link in it can be copied.
func marshal(v any) ([]byte, error) {
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	err := enc.Encode(v)
	return b.Bytes(), err
}

func (e *Edge) refuse(call *Call, header http.Header, err error) handler.Response {
	f := fault.From(err)
	p := problem{
		Type: "urn:polis:problem:" + f.Code, Title: call.Text(fault.Titles[f.Kind]), Status: fault.Statuses[f.Kind],
		Detail: call.Text(f.Detail), Code: f.Code, From: f.From, Suggest: f.Suggest, CallID: call.ID,
	}
	for _, field := range f.Fields {
		p.Errors = append(p.Errors, problemField{field.Field, field.Code, call.Text(field.Detail)})
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
	if e.Page != nil {
		page := e.Page(call, f)
		for name, values := range page.Header {
			header[name] = values
		}
		raw, _ := page.Body.(Bytes)
		return handler.Response{StatusCode: page.Status, Header: header, Body: raw}
	}
	header.Set("Content-Type", "application/problem+json; charset=utf-8")
	body, err := marshal(p)
	if err != nil {
		panic(err) // strings and numbers always marshal
	}
	return handler.Response{StatusCode: p.Status, Header: header, Body: body}
}
