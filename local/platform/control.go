package platform

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math"
	"net"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"polis/local/issuer"
	"polis/local/lawclock"
)

// Commands to a running instance carry this header. A web page can send it to
// another origin only after asking, and nobody answers that question.
const controlHeader = "X-Polis-Local"

// handler routes by hand: a ServeMux would redirect the "//" and ".." that a
// function may have to see.
func (i *Instance) handler(g *gateway) http.Handler {
	login := http.StripPrefix("/oidc", i.issuer.Handler(i.client))
	system, inbox := i.system(), i.inbox.Handler()
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch path := r.URL.Path; {
		case strings.HasPrefix(path, "/function/"):
			g.call(w, r)
		case strings.HasPrefix(path, "/async-function/"):
			g.callLater(w, r)
		case strings.HasPrefix(path, "/oidc/"):
			forThisMachine(login, w, r)
		case strings.HasPrefix(path, "/system/"):
			forThisMachine(system, w, r)
		case path == "/inbox" || strings.HasPrefix(path, "/inbox/"):
			forThisMachine(inbox, w, r)
		case path == "/_local/token":
			i.control(w, r, i.mintToken)
		case path == "/_local/clock":
			i.control(w, r, i.moveClock)
		case path == "/" && r.Method == http.MethodGet:
			http.Redirect(w, r, "/function/portal", http.StatusFound)
		case path == "/healthz":
			w.WriteHeader(http.StatusOK)
		default:
			http.NotFound(w, r)
		}
	})
}

// underOwnName is false for a request by a name that somebody else's DNS has
// pointed here.
func underOwnName(r *http.Request) bool {
	host, _, err := net.SplitHostPort(r.Host)
	if err != nil {
		host = r.Host
	}
	return host == "localhost" || net.ParseIP(strings.Trim(host, "[]")).IsLoopback()
}

func forThisMachine(h http.Handler, w http.ResponseWriter, r *http.Request) {
	if !underOwnName(r) {
		http.Error(w, "for this machine only", http.StatusForbidden)
		return
	}
	h.ServeHTTP(w, r)
}

// control lets through what comes from this machine's own commands.
func (i *Instance) control(w http.ResponseWriter, r *http.Request, command func(context.Context, url.Values) (string, error)) {
	if r.Method != http.MethodPost || r.Header.Get(controlHeader) == "" || !underOwnName(r) {
		http.Error(w, "for the commands of local only", http.StatusForbidden)
		return
	}
	answer, err := command(r.Context(), r.URL.Query())
	if err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	w.Header().Set("Content-Type", "application/json")
	json.NewEncoder(w).Encode(answer) // fails only when the client is gone
}

func (i *Instance) mintToken(_ context.Context, query url.Values) (string, error) {
	return i.Token(query.Get("persona"), issuer.Flaw{
		Expired:  query.Has("expired"),
		Issuer:   query.Get("issuer"),
		Audience: query.Get("audience"),
		Unsigned: query.Has("unsigned"),
	})
}

func (i *Instance) moveClock(ctx context.Context, query url.Values) (string, error) {
	to, err := clockTarget(i.Now(), query.Get("to"))
	if err != nil {
		return "", err
	}
	err = i.SetClock(ctx, to)
	return i.lawClock.String(), err
}

// clockTarget reads "+72h", "-30m", "+3d" or an RFC 3339 time.
func clockTarget(now time.Time, to string) (time.Time, error) {
	if days, ok := strings.CutSuffix(to, "d"); ok && (to[0] == '+' || to[0] == '-') {
		if n, err := strconv.Atoi(days); err == nil {
			return now.Add(time.Duration(n) * 24 * time.Hour), checkStep(n)
		}
	}
	if strings.HasPrefix(to, "+") || strings.HasPrefix(to, "-") {
		if by, err := time.ParseDuration(to); err == nil {
			return now.Add(by), nil
		}
	} else if t, err := time.Parse(time.RFC3339, to); err == nil {
		return t, nil
	}
	return time.Time{}, fmt.Errorf("%q is neither a step like +72h, -30m or +3d nor a time like 2026-03-10T09:00:00+03:00", to)
}

// checkStep refuses more days than a distance holds.
func checkStep(days int) error {
	if most := int(math.MaxInt64 / (24 * time.Hour)); days > most || days < -most {
		return lawclock.ErrTooFar
	}
	return nil
}

// Remote sends commands to the instance that listens at Addr.
type Remote struct{ Addr string }

// Token asks for a bearer token of a persona, spoiled by the flaw.
func (r Remote) Token(ctx context.Context, persona string, flaw issuer.Flaw) (string, error) {
	query := url.Values{"persona": {persona}}
	if flaw.Expired {
		query.Set("expired", "")
	}
	if flaw.Unsigned {
		query.Set("unsigned", "")
	}
	query.Set("issuer", flaw.Issuer)
	query.Set("audience", flaw.Audience)
	return r.command(ctx, "token", query)
}

// MoveClock moves the law clock by a step (+72h) or to a time (RFC 3339) and
// returns what it then shows.
func (r Remote) MoveClock(ctx context.Context, to string) (string, error) {
	return r.command(ctx, "clock", url.Values{"to": {to}})
}

func (r Remote) command(ctx context.Context, name string, query url.Values) (string, error) {
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, "http://"+r.Addr+"/_local/"+name+"?"+query.Encode(), nil)
	if err != nil {
		return "", err
	}
	request.Header.Set(controlHeader, "1")
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		return "", fmt.Errorf("no instance answers at %s; start one with: go run ./local -addr %s (%w)", r.Addr, r.Addr, err)
	}
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	if err != nil {
		return "", err
	}
	if response.StatusCode != http.StatusOK {
		return "", errors.New(strings.TrimSpace(string(body)))
	}
	var answer string
	return answer, json.Unmarshal(body, &answer)
}
