// Package sms hands short messages to a provider by HTTP.
//
// The contract with it: POST to sms_url with {"to", "text", "id"} as JSON, the
// secret as bearer token, and the message's id as Idempotency-Key, under which
// the provider sends a message once however often it is asked.
package sms

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"time"

	"polis/shared/config"
	"polis/shared/notice"
)

// connectTimeout is for the connection alone. The whole is the caller's to
// bound, by the context.
const connectTimeout = 5 * time.Second

// Sender is safe for concurrent use.
type Sender struct {
	url, token string
	http       *http.Client
}

// Open reads the setting sms_url and the secret sms-token. Without sms_url there
// are no SMS and no Sender: nil.
func Open(env *config.Env) *Sender {
	if env.String("sms_url", "") == "" {
		return nil
	}
	transport := http.DefaultTransport.(*http.Transport).Clone()
	transport.DialContext = (&net.Dialer{Timeout: connectTimeout}).DialContext
	return &Sender{
		url: env.URL("sms_url"), token: env.Secret("sms-token"),
		http: &http.Client{Transport: transport, CheckRedirect: func(*http.Request, []*http.Request) error {
			return http.ErrUseLastResponse // the token and the text are for this address only
		}},
	}
}

// maxAnswer is how much of an answer is read, so that the connection can be used
// again.
const maxAnswer = 64 << 10

// Send hands one message over, within the context's time. An answer that does
// not come is no unknown outcome here: under the message's id it can be sent
// again.
func (s *Sender) Send(ctx context.Context, m notice.Message) notice.Outcome {
	body, err := json.Marshal(map[string]string{"to": m.To, "text": m.Text, "id": m.ID})
	if err != nil {
		return notice.Outcome{Result: notice.Refused, Reason: notice.ReasonAddress}
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, s.url, bytes.NewReader(body))
	if err != nil {
		return notice.Outcome{Result: notice.Later, Reason: notice.ReasonUnreachable}
	}
	req.Header.Set("Content-Type", "application/json")
	req.Header.Set("Authorization", "Bearer "+s.token)
	req.Header.Set("Idempotency-Key", m.ID)
	res, err := s.http.Do(req)
	switch {
	case err != nil && ctx.Err() != nil:
		return notice.Outcome{Result: notice.Later, Reason: notice.ReasonTimeout}
	case err != nil:
		return notice.Outcome{Result: notice.Later, Reason: notice.ReasonUnreachable}
	}
	defer res.Body.Close()
	io.Copy(io.Discard, io.LimitReader(res.Body, maxAnswer))
	return answered(res.StatusCode)
}

// answered is the outcome that a status stands for.
func answered(status int) notice.Outcome {
	o := notice.Outcome{Result: notice.Refused, Reason: fmt.Sprintf("sms_%d", status)}
	switch {
	case status >= 200 && status < 300:
		return notice.Outcome{Result: notice.Accepted}
	case status >= 500,
		status == http.StatusRequestTimeout, status == http.StatusTooManyRequests,
		status == http.StatusConflict: // an earlier try under this key is not over
		o.Result = notice.Later
	}
	return o
}
