package functiontest

import (
	"slices"
	"strings"
	"testing"

	"polis/shared/access"
	"polis/shared/config"
	"polis/shared/server"
)

// Stateful are the settings and secrets that every function needs which keeps
// state and knows its callers.
var Stateful = []string{
	"oidc_audience", "oidc_issuer", "polis-call-key", "polis-index-key", "polis-master-key", "redis-password", "redis_url",
}

// MissingIsNamed checks that a function made of nothing names all that it needs
// at once, and nothing else.
func MissingIsNamed(t *testing.T, new server.New, names ...string) {
	t.Helper()
	h, err := new(config.FromMap(nil, nil))
	if err == nil || h != nil {
		t.Fatal("made of nothing")
	}
	var got []string
	for line := range strings.Lines(err.Error()) {
		name, _, _ := strings.Cut(line, ":")
		got = append(got, name)
	}
	slices.Sort(got)
	slices.Sort(names)
	if got = slices.Compact(got); !slices.Equal(got, names) {
		t.Errorf("names %v instead of %v", got, names)
	}
}

// OnlyFor checks that each route of a function, written "POST /work", is open to
// one role and to nobody else; for citizens, to confirmed accounts.
func (b *Bench) OnlyFor(role access.Role, function string, routes ...string) {
	b.t.Helper()
	weak := Maria.Claims()
	weak["trusted"] = false
	for _, route := range routes {
		method, path, _ := strings.Cut(route, " ")
		refusal := func(r Response) string {
			if slices.Contains([]string{"token_required", "token_not_accepted", "not_allowed", "account_not_confirmed"}, r.Code) {
				return r.Code
			}
			return ""
		}
		got := map[access.Role]string{
			access.Anyone:  refusal(b.Call(method, function, path, "", nil)),
			access.Citizen: refusal(b.Call(method, function, path, b.Token(Maria.Claims()), nil)),
		}
		for _, other := range []access.Role{access.Staff, access.Fund, access.Clinic, access.Source, access.Operator, access.Auditor} {
			got[other] = refusal(b.Call(method, function, path, b.Token(Claims{"sub": "x", "roles": []access.Role{other}}), nil))
		}
		if method == "POST" {
			got[access.Function] = refusal(b.CallAs("portal", function, path, ""))
		}
		for who, code := range got {
			want := "not_allowed"
			switch who {
			case role:
				want = ""
			case access.Anyone:
				want = "token_required"
			}
			if code != want {
				b.t.Errorf("%s %s: %s gets %q instead of %q", function, route, who, code, want)
			}
		}
		if role == access.Citizen {
			b.Call(method, function, path, b.Token(weak), nil).Expect(403, "account_not_confirmed")
		}
		forged := b.Call(method, function, path, "", nil, access.HeaderFunction, "policy-request", access.HeaderSignature, "00")
		forged.Expect(401, "token_not_accepted")
	}
}
