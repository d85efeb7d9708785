package gateway

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"time"

	"polis/shared/config"
	"polis/shared/fault"
)

// Face calls the functions' public face in the names of people who have logged
// in. It has no secret: what a person may is decided by their token.
type Face struct {
	base string
	http *http.Client
}

// OpenFace reads the settings gateway_url and face_timeout.
func OpenFace(env *config.Env) *Face {
	transport := http.DefaultTransport.(*http.Transport).Clone()
	transport.MaxIdleConnsPerHost = 64
	return &Face{
		base: env.URL("gateway_url"),
		// A rendering may be waited for; a page may not be waited for long.
		http: &http.Client{
			Transport: transport, Timeout: env.Duration("face_timeout", 12*time.Second),
			// No function sends its callers elsewhere.
			CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
		},
	}
}

// Asked is one call in a person's name.
type Asked struct {
	Method, Target string // the target with its query: "/policy-card?person=self"
	Body           any    // JSON; nil: none
	Key            string // Idempotency-Key; "": none
	Token          string
	English        bool
	CallID         string
}

// Answered is an answer other than a fault. Body is at most 4 MiB.
type Answered struct {
	Status int
	Header http.Header
	Body   []byte
}

// Ask calls a function. Its problem document comes back as the fault that it
// is, in the language asked for; no answer, or the platform's own, is
// Unavailable.
func (f *Face) Ask(ctx context.Context, a Asked) (Answered, error) {
	name, _, _ := strings.Cut(strings.TrimPrefix(a.Target, "/"), "/")
	name, _, _ = strings.Cut(name, "?")
	part := strings.ReplaceAll(name, "-", "_")
	var body io.Reader
	if a.Body != nil {
		raw, err := json.Marshal(a.Body)
		if err != nil {
			return Answered{}, err
		}
		body = bytes.NewReader(raw)
	}
	req, err := http.NewRequestWithContext(ctx, a.Method, f.base+"/function"+a.Target, body)
	if err != nil {
		return Answered{}, err
	}
	if body != nil {
		req.Header.Set("Content-Type", "application/json")
	}
	req.Header.Set("X-Call-Id", a.CallID)
	req.Header.Set("Accept-Language", "ru")
	if a.English {
		req.Header.Set("Accept-Language", "en")
	}
	if a.Token != "" {
		req.Header.Set("Authorization", "Bearer "+a.Token)
	}
	if a.Key != "" {
		req.Header.Set("Idempotency-Key", a.Key)
	}
	res, err := f.http.Do(req)
	if err != nil {
		return Answered{}, fault.Unreachable(part, err)
	}
	defer res.Body.Close()
	answer, err := io.ReadAll(io.LimitReader(res.Body, maxAnswer+1))
	if err == nil && len(answer) > maxAnswer {
		err = errors.New("the answer is too long")
	}
	if err != nil {
		return Answered{}, fault.Unreachable(part, err)
	}
	if res.StatusCode >= 300 {
		if refusal, ok := refusalOf(res, answer); ok {
			return Answered{}, refusal
		}
		return Answered{}, fault.Unreachable(part, fmt.Errorf("%s answered %d", part, res.StatusCode))
	}
	return Answered{Status: res.StatusCode, Header: res.Header, Body: answer}, nil
}
