// Package fault is the one vocabulary of things that go wrong. A rule returns
// a fault, the web edge turns it into a problem document, and nothing else in
// the product decides a status code.
package fault

import (
	"context"
	"errors"
	"time"
)

// Kind says what sort of trouble it is; the web edge maps each kind to exactly
// one HTTP status.
type Kind int

const (
	Internal        Kind = iota // 500: our bug; the cause is logged, never shown
	Malformed                   // 400: the bytes cannot be read at all
	Unauthenticated             // 401: no token, or one we do not accept
	Forbidden                   // 403: known caller, not allowed
	NotFound                    // 404: not there, or not yours
	NoMethod                    // 405
	Conflict                    // 409: forbidden by the present state or by law
	TooLarge                    // 413
	NotSupported                // 415: media type
	Invalid                     // 422: readable, but a field is wrong
	TooMany                     // 429
	Unavailable                 // 503: a part we need does not answer; retry
)

// Text is one message in the two languages of the service. Both are shown to
// people: plain, without internals, without personal data.
type Text struct{ RU, EN string }

// Russian is the text where there is no caller to choose the language: on paper
// and in what other systems read.
func (t Text) Russian() string { return t.RU }

// EnglishKey finds in the context of a call whether its caller prefers English,
// a bool.
type EnglishKey struct{}

// English reports whether the caller of a call prefers English to Russian.
// Outside of a call nobody does.
func English(ctx context.Context) bool {
	english, _ := ctx.Value(EnglishKey{}).(bool)
	return english
}

// ErrNoPath is an address below a function at which there is nothing.
var ErrNoPath = New(NotFound, "no_such_path", "Такого адреса нет.", "There is no such address.")

// Field names one wrong field of the request by its JSON path.
type Field struct {
	Field  string
	Code   string
	Detail Text
}

// Error is a fault. Code is stable and relied on by clients; Cause is for the
// log alone.
type Error struct {
	Kind       Kind
	Code       string
	Detail     Text
	Fields     []Field
	From       string        // first date (ISO) or time (RFC 3339) on which it will be allowed
	Suggest    string        // what would be allowed instead
	RetryAfter time.Duration // for TooMany and Unavailable
	Cause      error
}

func (e *Error) Error() string {
	if e.Cause != nil {
		return e.Code + ": " + e.Cause.Error()
	}
	return e.Code
}

func (e *Error) Unwrap() error { return e.Cause }

// Is makes two faults equal when their codes are, so that
// errors.Is(err, consent.ErrRequired) holds for a copy that carries details.
func (e *Error) Is(target error) bool {
	t, ok := target.(*Error)
	return ok && t.Code == e.Code
}

// New makes a fault with its text in Russian and English.
func New(kind Kind, code, ru, en string) *Error {
	return &Error{Kind: kind, Code: code, Detail: Text{RU: ru, EN: en}}
}

// Because returns a copy that carries the cause for the log.
func (e *Error) Because(cause error) *Error {
	c := *e
	c.Cause = cause
	return &c
}

// After returns a copy that tells when to try again.
func (e *Error) After(wait time.Duration) *Error {
	c := *e
	c.RetryAfter = wait
	return &c
}

// AllowedFrom returns a copy that tells when the request will be allowed.
func (e *Error) AllowedFrom(from string) *Error {
	c := *e
	c.From = from
	return &c
}

// Suggesting returns a copy that names what would be allowed instead.
func (e *Error) Suggesting(what string) *Error {
	c := *e
	c.Suggest = what
	return &c
}

// Wrong is the fault of one or more wrong fields.
func Wrong(fields ...Field) *Error {
	e := New(Invalid, "invalid_fields",
		"Проверьте выделенные поля и отправьте ещё раз.",
		"Check the named fields and send again.")
	e.Fields = fields
	return e
}

// WrongField names one wrong field.
func WrongField(field, code, ru, en string) *Error {
	return Wrong(Field{Field: field, Code: code, Detail: Text{RU: ru, EN: en}})
}

// Unreachable is the fault of a part that does not answer: the store, the
// object store, the issuer of tokens, another function.
func Unreachable(part string, cause error) *Error {
	e := New(Unavailable, part+"_unavailable",
		"Сервис временно не отвечает. Ничего не потеряно, повторите через несколько секунд.",
		"The service does not answer for the moment. Nothing is lost, try again in a few seconds.")
	e.RetryAfter = 5 * time.Second
	e.Cause = cause
	return e
}

// From finds the fault in an error chain; any other error is Internal and
// shows nothing of itself.
func From(err error) *Error {
	var e *Error
	if errors.As(err, &e) {
		return e
	}
	return New(Internal, "internal",
		"Внутренняя ошибка. Мы уже знаем о ней, повторите позже.",
		"Internal error. We know of it already, try again later.").Because(err)
}

// HasKind reports whether the error is a fault of that kind.
func HasKind(err error, kind Kind) bool {
	var e *Error
	return errors.As(err, &e) && e.Kind == kind
}

// Statuses maps each kind to its HTTP status, in this one place.
var Statuses = map[Kind]int{
	Internal: 500, Malformed: 400, Unauthenticated: 401, Forbidden: 403, NotFound: 404, NoMethod: 405,
	Conflict: 409, TooLarge: 413, NotSupported: 415, Invalid: 422, TooMany: 429, Unavailable: 503,
}

// Titles names each kind for people.
var Titles = map[Kind]Text{
	Internal:        {RU: "Внутренняя ошибка", EN: "Internal error"},
	Malformed:       {RU: "Запрос не читается", EN: "Unreadable request"},
	Unauthenticated: {RU: "Нужно войти", EN: "Login needed"},
	Forbidden:       {RU: "Нет доступа", EN: "Not allowed"},
	NotFound:        {RU: "Не найдено", EN: "Not found"},
	NoMethod:        {RU: "Способ обращения не поддерживается", EN: "Method not supported"},
	Conflict:        {RU: "Сейчас это сделать нельзя", EN: "Not possible now"},
	TooLarge:        {RU: "Слишком большой запрос", EN: "Request too large"},
	NotSupported:    {RU: "Формат не поддерживается", EN: "Format not supported"},
	Invalid:         {RU: "Проверьте данные", EN: "Check the data"},
	TooMany:         {RU: "Слишком много запросов", EN: "Too many requests"},
	Unavailable:     {RU: "Временно не отвечает", EN: "Temporarily unavailable"},
}
