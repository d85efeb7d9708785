package server

import (
	"encoding/json"
	"net/http"
	"strconv"
	"time"

	"golang.org/x/text/language"

	"polis/shared/fault"
)

// What the server itself refuses, before or after the function. Everything a
// function refuses is the web edge's to say.
var (
	errBodyTooLarge = fault.New(fault.TooLarge, "body_too_large",
		"Запрос слишком большой. Сократите его и отправьте ещё раз.",
		"The request is too large. Make it shorter and send again.")
	errBodyTooSlow = fault.New(fault.Malformed, "body_too_slow",
		"Запрос не был передан за отведённое время. Проверьте соединение и отправьте ещё раз.",
		"The request did not arrive in time. Check the connection and send again.")
	errBodyUnreadable = fault.New(fault.Malformed, "body_unreadable",
		"Запрос передан не полностью. Отправьте ещё раз.",
		"The request did not arrive whole. Send again.")
	errOverloaded = fault.New(fault.TooMany, "overloaded",
		"Сейчас слишком много запросов. Повторите через несколько секунд.",
		"Too many requests at the moment. Try again in a few seconds.").After(time.Second)
)

// languages lists Russian first, so that it is also the answer to no wish and
// to wishes we cannot meet.
var languages = language.NewMatcher([]language.Tag{language.Russian, language.English})

// PrefersEnglish reads Accept-Language (RFC 9110, 12.5.4): the answer is
// Russian unless English is preferred to it.
func PrefersEnglish(accept string) bool {
	if accept == "" {
		return false
	}
	_, i := language.MatchStrings(languages, accept)
	return i == 1
}

// refuse writes a fault as a problem document (RFC 9457) and returns the status.
func refuse(w http.ResponseWriter, r *http.Request, callID string, status int, f *fault.Error) int {
	title, detail, tag := fault.Titles[f.Kind].RU, f.Detail.RU, "ru"
	if PrefersEnglish(r.Header.Get("Accept-Language")) {
		title, detail, tag = fault.Titles[f.Kind].EN, f.Detail.EN, "en"
	}
	document, err := json.Marshal(struct {
		Type   string `json:"type"`
		Title  string `json:"title"`
		Status int    `json:"status"`
		Detail string `json:"detail"`
		Code   string `json:"code"`
		CallID string `json:"call_id"`
	}{"urn:polis:problem:" + f.Code, title, status, detail, f.Code, callID})
	if err != nil {
		panic(err) // strings and a number always marshal
	}
	h := w.Header()
	h.Set("Content-Type", "application/problem+json")
	h.Set("Content-Language", tag)
	h.Set("Content-Length", strconv.Itoa(len(document)))
	h.Set("Cache-Control", "no-store")
	w.WriteHeader(status)
	w.Write(document)
	return status
}
