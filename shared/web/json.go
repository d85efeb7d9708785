package web

import (
	"bytes"
	"cmp"
	"encoding/json"
	"errors"
	"io"
	"mime"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"

	"polis/shared/calendar"
	"polis/shared/fault"
)

var (
	errJSON = fault.New(fault.Malformed, "malformed_json",
		"Тело запроса — неправильный JSON.", "The request's body is not well-formed JSON.")
	errMedia = fault.New(fault.NotSupported, "media_type_not_supported",
		"Ожидается тело в формате application/json.", "A body of type application/json is expected.")
)

// Bind reads the body as exactly one JSON value of v's shape. A field that v
// does not have, or of another type, or given twice, is named in the fault.
func (c *Call) Bind(v any) error {
	if kind := c.Header.Get("Content-Type"); kind != "" {
		if media, _, err := mime.ParseMediaType(kind); err != nil || media != "application/json" {
			return errMedia
		}
	}
	return Decode(c.Body, v)
}

// Decode reads exactly one JSON value as Bind does: a part of a body, say, that is
// taken or refused by itself.
func Decode(content []byte, v any) error {
	if !utf8.Valid(content) {
		return errJSON
	}
	dec := json.NewDecoder(bytes.NewReader(content))
	dec.DisallowUnknownFields()
	if err := dec.Decode(v); err != nil {
		return bindFault(err)
	}
	if _, err := dec.Token(); !errors.Is(err, io.EOF) {
		return errJSON
	}
	return exact(json.NewDecoder(bytes.NewReader(content)))
}

// exact names the first field of well-formed JSON that the library would take for
// another one: it does not mind the case of letters, and of a field that is given
// twice it takes the last. No name of the contract has a capital letter.
func exact(dec *json.Decoder) error {
	token, err := dec.Token()
	if err != nil {
		return err
	}
	open, nested := token.(json.Delim)
	if !nested {
		return nil
	}
	seen := map[string]bool{}
	for dec.More() {
		if open == '{' {
			token, err := dec.Token()
			if err != nil {
				return err
			}
			name := token.(string)
			switch {
			case strings.ContainsFunc(name, func(r rune) bool { return r > unicode.MaxASCII || unicode.IsUpper(r) }):
				return unknownField(name)
			case seen[name]:
				return fault.WrongField(name, "repeated_field", "Поле указано дважды.", "The field is given twice.")
			}
			seen[name] = true
		}
		if err := exact(dec); err != nil {
			return err
		}
	}
	_, err = dec.Token()
	return err
}

func unknownField(name string) error {
	return fault.WrongField(name, "unknown_field", "Такого поля нет.", "There is no such field.")
}

func bindFault(err error) error {
	var kind *json.UnmarshalTypeError
	if errors.As(err, &kind) {
		field := cmp.Or(kind.Field, "body")
		if text, err := strconv.Unquote(kind.Value); err == nil { // of a date: the library's own values are words
			return wrongDate(field, text)
		}
		return fault.WrongField(field, "wrong_type", "Значение другого типа, чем нужно.", "The value has another type than needed.")
	}
	// The library has only a text for this one.
	if name, ok := strings.CutPrefix(err.Error(), "json: unknown field "); ok {
		return unknownField(strings.Trim(name, `"`))
	}
	var syntax *json.SyntaxError
	if errors.As(err, &syntax) || errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
		return errJSON.Because(err)
	}
	var wrong *fault.Error
	if errors.As(err, &wrong) {
		return wrong
	}
	// A value's own reader refused it (a time).
	return fault.WrongField("body", "wrong_value", "Одно из значений записано неверно: "+sentence(err), "A value is written wrongly: "+sentence(err))
}

// wrongDate names the field of a text that is no date.
func wrongDate(field, text string) error {
	_, err := calendar.ParseDate(text)
	wrong := fault.From(err).Fields
	for i := range wrong {
		wrong[i].Field = field
	}
	return fault.Wrong(wrong...)
}

func sentence(err error) string {
	text := strings.TrimPrefix(err.Error(), "json: ")
	if len(text) > 120 {
		text = text[:120]
	}
	return strings.ToValidUTF8(text, "")
}

// maxKey bounds an idempotency key.
const maxKey = 200

// IdempotencyKey is the caller's key for a safe retry, "" where there is none.
func (c *Call) IdempotencyKey() (string, error) {
	key := c.Header.Get("Idempotency-Key")
	if len(key) > maxKey || strings.IndexFunc(key, func(r rune) bool { return r < '!' || r > '~' }) >= 0 {
		return "", fault.WrongField("Idempotency-Key", "idempotency_key_malformed",
			"Ключ повтора: до 200 печатных знаков ASCII без пробелов.", "Idempotency key: up to 200 printable ASCII characters without spaces.")
	}
	return key, nil
}

// Limit of a list's page: the query's "limit", 1 to 100, 20 by default.
func (c *Call) Limit() (int, error) {
	text := c.Query.Get("limit")
	if text == "" {
		return 20, nil
	}
	var n int
	if err := json.Unmarshal([]byte(text), &n); err != nil || n < 1 || n > 100 {
		return 0, fault.WrongField("limit", "out_of_range", "Число от 1 до 100.", "A number from 1 to 100.")
	}
	return n, nil
}
