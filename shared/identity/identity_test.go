package identity

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"encoding/base64"
	"encoding/json"
	"errors"
	"net/http/httptest"
	"testing"
	"time"

	"github.com/coreos/go-oidc/v3/oidc"
	"github.com/coreos/go-oidc/v3/oidc/oidctest"

	"polis/shared/access"
	"polis/shared/config"
	"polis/shared/fault"
)

type issuer struct {
	url string
	key *ecdsa.PrivateKey
}

func newIssuer(t *testing.T) issuer {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	s := &oidctest.Server{PublicKeys: []oidctest.PublicKey{{PublicKey: key.Public(), KeyID: "k", Algorithm: oidc.ES256}}}
	srv := httptest.NewServer(s)
	t.Cleanup(srv.Close)
	s.SetIssuer(srv.URL)
	return issuer{srv.URL, key}
}

type claims map[string]any

func (i issuer) sign(t *testing.T, change claims) string {
	t.Helper()
	c := claims{
		"iss": i.url, "aud": "polis", "sub": "1000", "iat": time.Now().Unix(), "exp": time.Now().Add(time.Hour).Unix(),
		"trusted": true, "lastName": " Соловьёва ", "firstName": "Мария", "birthDate": "12.03.1985", "gender": "F", "snils": "112-233-445 95",
		"id_doc": claims{"type": "RF_PASSPORT", "series": "45 12", "number": "123456", "vrfStu": "VERIFIED"},
	}
	for k, v := range change {
		c[k] = v
	}
	raw, err := json.Marshal(c)
	if err != nil {
		t.Fatal(err)
	}
	return oidctest.SignIDToken(i.key, "k", oidc.ES256, string(raw))
}

func verifier(t *testing.T, issuer, extra string) *Verifier {
	t.Helper()
	env := config.FromMap(map[string]string{"oidc_issuer": issuer, "oidc_audience": "polis", "oidc_claims": extra},
		map[string]string{"polis-index-key": base64.StdEncoding.EncodeToString(make([]byte, 32))})
	v := Open(env)
	if err := env.Err(); err != nil {
		t.Fatal(err)
	}
	return v
}

func TestACitizenIsReadFromAGoodToken(t *testing.T) {
	i := newIssuer(t)
	v := verifier(t, i.url, "")
	c, err := v.Verify(t.Context(), i.sign(t, nil))
	if err != nil {
		t.Fatal(err)
	}
	p := c.Person
	if c.Role != access.Citizen || !c.Confirmed || p.Name.Family != "Соловьёва" || p.SNILS != "11223344595" || p.Sex != "F" ||
		p.Birth.String() != "1985-03-12" || p.Document.Type != 14 || p.Document.Number != "123456" {
		t.Fatalf("%+v", c)
	}
	again, err := v.Verify(t.Context(), i.sign(t, claims{"lastName": "Орлова"}))
	if err != nil || again.Account != c.Account {
		t.Fatal("another account after a change of name")
	}
	other, err := v.Verify(t.Context(), i.sign(t, claims{"sub": "1001"}))
	if err != nil || other.Account == c.Account {
		t.Fatal("two subjects share an account")
	}
}

func TestATokenIsAcceptedOnlyFromItsIssuerForUsInItsTime(t *testing.T) {
	i, stranger := newIssuer(t), newIssuer(t)
	v := verifier(t, i.url, "")
	none := func() string {
		part := func(v any) string { b, _ := json.Marshal(v); return base64.RawURLEncoding.EncodeToString(b) }
		return part(claims{"alg": "none"}) + "." + part(claims{"iss": i.url, "aud": "polis", "sub": "1", "exp": time.Now().Add(time.Hour).Unix()}) + "."
	}
	good := i.sign(t, nil)
	for name, token := range map[string]string{
		"nothing":              "",
		"not a token":          "a.b.c",
		"alg none":             none(),
		"another's key":        issuer{i.url, stranger.key}.sign(t, nil),
		"another issuer":       stranger.sign(t, nil),
		"another audience":     i.sign(t, claims{"aud": "portal"}),
		"expired":              i.sign(t, claims{"exp": time.Now().Add(-time.Minute).Unix()}),
		"of the future":        i.sign(t, claims{"iat": time.Now().Add(time.Hour).Unix()}),
		"not valid yet":        i.sign(t, claims{"nbf": time.Now().Add(time.Hour).Unix()}),
		"cut off":              good[:len(good)-4],
		"a role none can have": i.sign(t, claims{"roles": []string{"function"}}),
		"an unknown role":      i.sign(t, claims{"roles": []string{"root"}}),
		"a claim of its own":   i.sign(t, claims{"trusted": "yes"}),
		"a SNILS that is none": i.sign(t, claims{"snils": "112-233-445 96"}),
		"a unit that deceives": i.sign(t, claims{"roles": []string{"clinic"}, "clinic": "26\u202e002"}),
		"an unreadable date":   i.sign(t, claims{"birthDate": "yesterday"}),
	} {
		if c, err := v.Verify(t.Context(), token); !errors.Is(err, ErrToken) {
			t.Errorf("%s: %v, %+v", name, err, c)
		}
	}
	if _, err := v.Verify(t.Context(), i.sign(t, claims{"exp": time.Now().Add(-skew / 2).Unix()})); err != nil {
		t.Errorf("a clock a little apart: %v", err)
	}
}

func TestAnUnverifiedDocumentCountsForNothing(t *testing.T) {
	i := newIssuer(t)
	c, err := verifier(t, i.url, "").Verify(t.Context(), i.sign(t, claims{"id_doc": claims{"type": "RF_PASSPORT", "series": "4512", "number": "123456", "vrfStu": "NOT_VERIFIED"}}))
	if err != nil || c.Person.Document.Number != "" {
		t.Fatalf("%v %+v", err, c.Person.Document)
	}
}

func TestAContactCountsOnlyWhileItIsVerified(t *testing.T) {
	i := newIssuer(t)
	v := verifier(t, i.url, "")
	for want, verified := range map[[2]string]claims{
		{"", ""}:                                {},
		{"maria@example.org", ""}:               {"email_verified": true, "mobile_verified": false},
		{"", "+7(916)1234567"}:                  {"mobile_verified": true},
		{"maria@example.org", "+7(916)1234567"}: {"email_verified": true, "mobile_verified": true},
	} {
		verified["email"], verified["mobile"] = "maria@example.org", "+7(916)1234567"
		c, err := v.Verify(t.Context(), i.sign(t, verified))
		if got := [2]string{c.Email, c.Phone}; err != nil || got != want {
			t.Errorf("%v: %q, %v", verified, got, err)
		}
	}
}

func TestAContactThatHidesSomethingIsNone(t *testing.T) {
	i := newIssuer(t)
	c, err := verifier(t, i.url, "").Verify(t.Context(), i.sign(t, claims{
		"email": "maria\u202e@example.org", "email_verified": true, "mobile": "+7(916)1234567\u200b", "mobile_verified": true,
	}))
	if err != nil || c.Email != "" || c.Phone != "" {
		t.Errorf("%v: %q, %q", err, c.Email, c.Phone)
	}
}

func TestStaffBringTheirUnitAndOfPersonalDataTheSNILSThatTellsTheirOwnCases(t *testing.T) {
	i := newIssuer(t)
	v := verifier(t, i.url, "")
	for role, claim := range map[string]string{"staff": "smo", "clinic": "clinic", "source": "source", "fund": ""} {
		c, err := v.Verify(t.Context(), i.sign(t, claims{"roles": []string{role}, claim: "26002"}))
		decides, unit := role == "staff" || role == "fund", "26002"
		if claim == "" {
			unit = ""
		}
		if err != nil || string(c.Role) != role || c.Unit != unit || (c.Person.SNILS != "") != decides || c.Person.Name.Family != "" || !c.Person.Birth.IsZero() {
			t.Errorf("%s: %v %+v", role, err, c)
		}
	}
	if _, err := v.Verify(t.Context(), i.sign(t, claims{"roles": []string{"fund"}, "snils": "1"})); !errors.Is(err, ErrToken) {
		t.Errorf("a SNILS that cannot be compared: %v", err)
	}
}

func TestClaimsAreMappedByConfiguration(t *testing.T) {
	i := newIssuer(t)
	c, err := verifier(t, i.url, "family=family_name, given=given_name").Verify(t.Context(), i.sign(t, claims{"family_name": "Орлова", "given_name": "Анна"}))
	if err != nil || c.Person.Name.Family != "Орлова" || c.Person.Name.Given != "Анна" {
		t.Fatalf("%v %+v", err, c.Person.Name)
	}
	env := config.FromMap(map[string]string{"oidc_issuer": i.url, "oidc_audience": "polis", "oidc_claims": "surname=x"}, nil)
	Open(env)
	if env.Err() == nil {
		t.Fatal("a claim that nobody reads is accepted")
	}
}

func TestWhileTheIssuerIsAwayNobodyIsRefusedForGood(t *testing.T) {
	i := newIssuer(t)
	token := i.sign(t, nil)
	gone := httptest.NewServer(nil)
	gone.Close()
	began := time.Now()
	v := verifier(t, gone.URL, "")
	for range 20 {
		if _, err := v.Verify(t.Context(), token); !fault.HasKind(err, fault.Unavailable) {
			t.Fatalf("%v", err)
		}
	}
	if took := time.Since(began); took > 2*time.Second {
		t.Fatalf("it took %s", took)
	}
}

func TestAChildCountsOnlyWhileTheAccountConfirmsIt(t *testing.T) {
	i := newIssuer(t)
	certificate := func(change claims) claims {
		c := claims{"type": "RF_BRTH_CERT", "series": "IV-ДН", "number": "614208", "vrfStu": "VERIFIED", "actNo": "120 199 260000204108003", "actDate": "12.09.2019"}
		for k, v := range change {
			c[k] = v
		}
		return c
	}
	kid := func(change claims) claims {
		k := claims{"lastName": "Соловьёв", "firstName": "Илья", "birthDate": "02.09.2019", "gender": "M", "snils": "190-356-271 68",
			"birth_cert_doc": certificate(nil), "parents": []string{"112-233-445 95", "131-770-462 42"}}
		for k2, v := range change {
			k[k2] = v
		}
		return k
	}
	for rule, tc := range map[string]struct {
		kid       claims
		confirmed bool
	}{
		"a verified birth certificate":          {kid(nil), true},
		"one that nobody verified":              {kid(claims{"birth_cert_doc": certificate(claims{"vrfStu": "NOT_VERIFIED"})}), false},
		"a foreign certificate":                 {kid(claims{"birth_cert_doc": certificate(claims{"type": "FID_BRTH_CERT"})}), true},
		"a passport alone":                      {kid(claims{"birth_cert_doc": claims{}, "id_doc": claims{"type": "RF_PASSPORT", "series": "4512", "number": "123456", "vrfStu": "VERIFIED"}}), true},
		"no document at all":                    {kid(claims{"birth_cert_doc": claims{}}), false},
		"without a SNILS":                       {kid(claims{"snils": ""}), true},
		"a SNILS that is none":                  {kid(claims{"snils": "190-356-271 69"}), false},
		"a birth date that cannot be read":      {kid(claims{"birthDate": "yesterday"}), false},
		"a parent's SNILS that cannot be read":  {kid(claims{"parents": []string{"1"}}), false},
		"the login need not tell the parents":   {kid(claims{"parents": nil}), true},
		"the login need not tell of the record": {kid(claims{"birth_cert_doc": certificate(claims{"actNo": "", "actDate": ""})}), true},
	} {
		c, err := verifier(t, i.url, "").Verify(t.Context(), i.sign(t, claims{"kids": []claims{tc.kid}, "citizenship": "RUS"}))
		if err != nil || len(c.Children) == 1 != tc.confirmed || c.Person.Citizenship != "RUS" {
			t.Errorf("%s: %v, %+v", rule, err, c.Children)
		}
	}
	c, err := verifier(t, i.url, "").Verify(t.Context(), i.sign(t, claims{"kids": []claims{kid(nil)}}))
	if err != nil {
		t.Fatal(err)
	}
	k := c.Children[0]
	if k.Record != "120199260000204108003" || k.Recorded.String() != "2019-09-12" || k.SNILS != "19035627168" || k.Document.Type != 3 || k.Sex != "M" ||
		len(k.Parents) != 2 || k.Parents[1] != "13177046242" || k.Name.Full() != "Соловьёв Илья" {
		t.Errorf("%+v", k)
	}
}
