// Package gateway calls other functions through the platform's gateway: at once
// for an answer, or by its queue.
package gateway

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"

	"polis/shared/access"
	"polis/shared/clock"
	"polis/shared/config"
	"polis/shared/fault"
	"polis/shared/ident"
)

// Client signs every call with the secret that the functions share.
type Client struct {
	base     string
	function string
	key      [32]byte
	http     *http.Client
	machine  clock.Clock
	log      *slog.Logger
	kicks    chan struct{} // bounds calls to the queue that are under way
}

// maxAnswer bounds what is read of an answer.
const maxAnswer = 4 << 20

// Open reads the setting gateway_url and the secret polis-call-key. function is
// the caller's own name.
func Open(env *config.Env, function string) *Client {
	transport := http.DefaultTransport.(*http.Transport).Clone()
	transport.MaxIdleConnsPerHost = 64
	return &Client{
		base: env.URL("gateway_url"), function: function, key: env.Key("polis-call-key"),
		http:    &http.Client{Transport: transport, Timeout: env.Duration("call_timeout", 3*time.Second)},
		machine: clock.System, log: slog.Default().With("function", function), kicks: make(chan struct{}, 64),
	}
}

// Call posts a signed request to another function ("/insured-registry/find")
// and reads its answer into out. Where the function refuses what was asked, its
// problem document comes back as its fault, in the language of the caller for whom
// ctx is. No answer, a 5xx, or a refusal of the call itself, is Unavailable under
// the called function's name: it says nothing about what was asked.
func (c *Client) Call(ctx context.Context, callID, target string, in, out any) error {
	name, _, _ := strings.Cut(strings.TrimPrefix(target, "/"), "/")
	part := strings.ReplaceAll(name, "-", "_")
	body, err := json.Marshal(in)
	if err != nil {
		return err
	}
	res, err := c.post(ctx, "/function", callID, target, body)
	if err != nil {
		return fault.Unreachable(part, err)
	}
	defer res.Body.Close()
	answer, err := io.ReadAll(io.LimitReader(res.Body, maxAnswer))
	if err != nil {
		return fault.Unreachable(part, err)
	}
	if res.StatusCode < 300 {
		return json.Unmarshal(answer, out)
	}
	refusal, ok := refusalOf(res, answer)
	switch {
	case !ok:
		return fault.Unreachable(part, fmt.Errorf("%s answered %d", target, res.StatusCode))
	case aboutWhatWasAsked(refusal):
		return refusal
	case res.StatusCode < 500:
		// The caller may keep what it was asked for, and tell nobody.
		c.log.WarnContext(ctx, "call refused", "target", target, "status", res.StatusCode, "code", refusal.Code, "call_id", callID)
	}
	silence := fault.Unreachable(part, fmt.Errorf("%s answered %d %s", target, res.StatusCode, refusal.Code))
	if refusal.RetryAfter > 0 {
		silence.RetryAfter = refusal.RetryAfter
	}
	return silence
}

// misread are the codes of a body that the edge of a function could not take over.
var misread = []string{"unknown_field", "repeated_field", "wrong_type", "wrong_value"}

// aboutWhatWasAsked tells a function's verdict from a refusal of the call itself:
// while a clock is off or a key is being changed, by a function that is another
// version's, or has too much to do.
func aboutWhatWasAsked(refusal *fault.Error) bool {
	switch refusal.Kind {
	case fault.Conflict:
		return true
	case fault.Invalid:
		return !slices.ContainsFunc(refusal.Fields, func(f fault.Field) bool { return slices.Contains(misread, f.Code) })
	case fault.Forbidden:
		return !errors.Is(refusal, access.ErrNotAllowed)
	case fault.NotFound:
		return !errors.Is(refusal, fault.ErrNoPath)
	}
	return false
}

// refusalOf reads a problem document (RFC 9457) back into the fault that it
// tells of. Its texts are in one language, which is the caller's.
func refusalOf(res *http.Response, document []byte) (*fault.Error, bool) {
	var problem struct {
		Code, Detail, From, Suggest string
		Errors                      []struct{ Field, Code, Detail string }
	}
	if json.Unmarshal(document, &problem) != nil || problem.Code == "" {
		return nil, false
	}
	for kind, status := range fault.Statuses {
		if status != res.StatusCode {
			continue
		}
		f := fault.New(kind, problem.Code, problem.Detail, problem.Detail)
		f.From, f.Suggest = problem.From, problem.Suggest
		for _, e := range problem.Errors {
			f.Fields = append(f.Fields, fault.Field{Field: e.Field, Code: e.Code, Detail: fault.Text{RU: e.Detail, EN: e.Detail}})
		}
		if seconds, err := strconv.Atoi(res.Header.Get("Retry-After")); err == nil && seconds > 0 {
			f.RetryAfter = time.Duration(seconds) * time.Second
		}
		return f, true
	}
	return nil, false
}

// Kick hands an event to the platform's queue without waiting for it. A call
// that is lost, here or there, is found by the sweep; so there is no error.
func (c *Client) Kick(topic string, event any) {
	select {
	case c.kicks <- struct{}{}:
	default:
		return
	}
	go func() {
		defer func() { <-c.kicks }()
		ctx, cancel := context.WithTimeout(context.Background(), 2*time.Second)
		defer cancel()
		body, err := json.Marshal(event)
		if err != nil {
			return
		}
		if res, err := c.post(ctx, "/async-function", ident.New(c.machine()), "/"+topic, body); err == nil {
			res.Body.Close()
		}
	}()
}

// Deliver hands an event to its consumer and waits for the answer. An error
// means that it may not have been handled and must be delivered again.
func (c *Client) Deliver(ctx context.Context, callID, topic string, event any) error {
	body, err := json.Marshal(event)
	if err != nil {
		return err
	}
	res, err := c.post(ctx, "/function", callID, "/"+topic, body)
	if err != nil {
		return err
	}
	defer res.Body.Close()
	if res.StatusCode >= 300 {
		return fmt.Errorf("%s answered %d", topic, res.StatusCode)
	}
	return nil
}

func (c *Client) post(ctx context.Context, route, callID, target string, body []byte) (*http.Response, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, c.base+route+target, bytes.NewReader(body))
	if err != nil {
		return nil, err
	}
	now := c.machine()
	signed := access.Signed{Function: c.function, CallID: callID, Time: now, Target: target, Body: body}
	req.Header.Set("Content-Type", "application/json")
	req.Header.Set("X-Call-Id", callID)
	if fault.English(ctx) {
		req.Header.Set("Accept-Language", "en")
	}
	req.Header.Set(access.HeaderFunction, c.function)
	req.Header.Set(access.HeaderTime, strconv.FormatInt(now.Unix(), 10))
	req.Header.Set(access.HeaderSignature, signed.Sign(c.key[:]))
	return c.http.Do(req)
}
