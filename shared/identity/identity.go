// Package identity verifies the tokens of a state login (OpenID Connect) and
// reads from them who the caller is.
package identity

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"sync"
	"time"

	"github.com/coreos/go-oidc/v3/oidc"

	"polis/shared/access"
	"polis/shared/calendar"
	"polis/shared/clock"
	"polis/shared/config"
	"polis/shared/fault"
	"polis/shared/ident"
	"polis/shared/person"
	"polis/shared/text"
)

// skew is how far the issuer's clock may be from ours.
const skew = 30 * time.Second

// ErrToken is any token that is not accepted. It does not say why: the caller
// can only log in again.
var ErrToken = fault.New(fault.Unauthenticated, "token_not_accepted",
	"Войдите снова: вход не подтверждён или его срок истёк.",
	"Log in again: the login is not proven or has expired.")

// algorithms that are accepted; never "none", never a shared secret.
var algorithms = []string{oidc.ES256, oidc.ES384, oidc.RS256, oidc.RS384, oidc.RS512, oidc.PS256, oidc.PS384, oidc.PS512, oidc.EdDSA}

// Verifier checks bearer tokens of one issuer for one audience. Discovery
// happens at the first token and again after a failure, so that a function
// starts while the issuer is away.
type Verifier struct {
	issuer, audience string
	index            [32]byte
	claims           map[string]string
	client           *http.Client
	machine          clock.Clock

	mu       sync.Mutex
	provider *oidc.Provider
	failure  error // of the last discovery
	failedAt time.Time
}

// pauseAfterFailure spares callers that wait in line behind a failed discovery
// from each waiting for their own.
const pauseAfterFailure = time.Second

// claimNames are the claims read, by our names; the setting oidc_claims maps
// any of them to an issuer's own ("family=family_name,given=given_name").
var claimNames = map[string]string{
	"snils": "snils", "family": "lastName", "given": "firstName", "patronymic": "middleName",
	"birth_date": "birthDate", "gender": "gender", "trusted": "trusted", "document": "id_doc", "citizenship": "citizenship", "children": "kids",
	"roles": "roles", "smo": "smo", "clinic": "clinic", "source": "source",
	"email": "email", "email_verified": "email_verified", "phone": "mobile", "phone_verified": "mobile_verified",
}

// Open reads the settings oidc_issuer, oidc_audience, oidc_claims and the
// secret polis-index-key, of which account ids are made.
func Open(env *config.Env) *Verifier { return open(env, env.Key("polis-index-key")) }

func open(env *config.Env, index [32]byte) *Verifier {
	v := &Verifier{
		issuer: env.URL("oidc_issuer"), audience: env.Required("oidc_audience"), index: index,
		claims: map[string]string{}, client: &http.Client{Timeout: 1500 * time.Millisecond}, machine: clock.System,
	}
	for ours, theirs := range claimNames {
		v.claims[ours] = theirs
	}
	if mapped := env.String("oidc_claims", ""); mapped != "" {
		for pair := range strings.SplitSeq(mapped, ",") {
			ours, theirs, ok := strings.Cut(strings.TrimSpace(pair), "=")
			if _, known := claimNames[ours]; !ok || !known || theirs == "" {
				env.Fault("oidc_claims", "%q does not map a known claim", pair)
				continue
			}
			v.claims[ours] = theirs
		}
	}
	return v
}

// Verify tells whose token it is. ErrToken if it is not accepted; Unavailable
// while the issuer does not answer.
func (v *Verifier) Verify(ctx context.Context, bearer string) (access.Caller, error) {
	caller, _, err := v.verify(ctx, bearer)
	return caller, err
}

// verify tells also what the token itself says: its subject and its end.
func (v *Verifier) verify(ctx context.Context, bearer string) (access.Caller, *oidc.IDToken, error) {
	refused := func(err error) (access.Caller, *oidc.IDToken, error) {
		return access.Caller{}, nil, ErrToken.Because(err)
	}
	provider, err := v.discover(ctx)
	if err != nil {
		return access.Caller{}, nil, fault.Unreachable("login", err)
	}
	verifier := provider.Verifier(&oidc.Config{
		ClientID:             v.audience,
		SupportedSigningAlgs: algorithms,
		SkipExpiryCheck:      true, // checked here, with the skew
		Now:                  v.machine,
	})
	token, err := verifier.Verify(oidc.ClientContext(ctx, v.client), bearer)
	if err != nil {
		if unreachable(err) {
			return access.Caller{}, nil, fault.Unreachable("login", err)
		}
		return refused(err)
	}
	if now := v.machine(); now.After(token.Expiry.Add(skew)) {
		return refused(errors.New("expired"))
	} else if token.IssuedAt.After(now.Add(skew)) {
		return refused(errors.New("issued in the future"))
	}
	raw := map[string]json.RawMessage{}
	if err := token.Claims(&raw); err != nil {
		return refused(err)
	}
	var notBefore float64
	if b, ok := raw["nbf"]; ok {
		if err := json.Unmarshal(b, &notBefore); err != nil || time.Unix(int64(notBefore), 0).After(v.machine().Add(skew)) {
			return refused(errors.New("not valid yet"))
		}
	}
	caller, err := v.caller(raw)
	if err != nil {
		return refused(err)
	}
	caller.Account = ident.Home(ident.Account, v.index, token.Issuer, token.Subject)
	return caller, token, nil
}

func (v *Verifier) discover(ctx context.Context) (*oidc.Provider, error) {
	v.mu.Lock()
	defer v.mu.Unlock()
	if v.provider != nil {
		return v.provider, nil
	}
	if v.failure != nil && v.machine().Sub(v.failedAt) < pauseAfterFailure {
		return nil, v.failure
	}
	// The provider keeps this context for fetching keys later: it must not end
	// with the request.
	provider, err := oidc.NewProvider(oidc.ClientContext(context.WithoutCancel(ctx), v.client), v.issuer)
	if v.failure = err; err != nil {
		v.failedAt = v.machine()
		return nil, err
	}
	v.provider = provider
	return provider, nil
}

// unreachable tells an issuer that does not answer from a token that is wrong;
// the library has only a text for it.
func unreachable(err error) bool {
	return strings.Contains(err.Error(), "fetching keys")
}

// caller reads the mapped claims. Personal data come from a citizen's token only,
// but for the SNILS of staff, who must not decide on themselves; nothing that the
// login does not vouch for is taken over.
func (v *Verifier) caller(raw map[string]json.RawMessage) (access.Caller, error) {
	var c access.Caller
	var roles []access.Role
	var gender, birth, snils string
	var doc document
	var kids []kid
	var emailVerified, phoneVerified bool
	var bad error
	read := func(ours string, into any) {
		if b, ok := raw[v.claims[ours]]; ok {
			if err := json.Unmarshal(b, into); err != nil {
				bad = fmt.Errorf("claim %s is unreadable", v.claims[ours])
			}
		}
	}
	read("roles", &roles)
	if len(roles) == 0 {
		roles = []access.Role{access.Citizen}
	}
	c.Role = roles[0]
	switch c.Role {
	case access.Citizen:
		read("trusted", &c.Confirmed)
		read("family", &c.Person.Name.Family)
		read("given", &c.Person.Name.Given)
		read("patronymic", &c.Person.Name.Patronymic)
		read("snils", &snils)
		read("birth_date", &birth)
		read("gender", &gender)
		read("document", &doc)
		read("citizenship", &c.Person.Citizenship)
		read("children", &kids)
		read("email", &c.Email)
		read("email_verified", &emailVerified)
		read("phone", &c.Phone)
		read("phone_verified", &phoneVerified)
	case access.Staff:
		read("smo", &c.Unit)
		read("snils", &snils)
	case access.Clinic:
		read("clinic", &c.Unit)
	case access.Source:
		read("source", &c.Unit)
	case access.Fund:
		read("snils", &snils)
	case access.Operator, access.Auditor:
	default:
		// Function and Anyone are not roles that a token can give.
		return c, fmt.Errorf("role %q is unknown", c.Role)
	}
	if text.Visible(c.Unit) != c.Unit {
		bad = errors.New("the unit has hidden characters")
	}
	if snils != "" {
		var err error
		if c.Person.SNILS, err = person.ParseSNILS(snils); err != nil {
			return c, err
		}
	}
	if bad != nil || c.Role != access.Citizen {
		return c, bad
	}
	// An unverified contact may be another person's, so it is as good as none.
	// One that does not read as it is written is none, either.
	if !emailVerified || text.Visible(c.Email) != c.Email {
		c.Email = ""
	}
	if !phoneVerified || text.Visible(c.Phone) != c.Phone {
		c.Phone = ""
	}
	c.Person.Sex = person.Sex(gender)
	if birth != "" {
		var err error
		if c.Person.Birth, err = civil(birth); err != nil {
			return c, errors.New("birth date is unreadable")
		}
	}
	if len(c.Person.Citizenship) != 3 {
		c.Person.Citizenship = ""
	}
	c.Person.Document = doc.verified()
	c.Person.Name = c.Person.Name.Normalised()
	for _, k := range kids {
		if kin, ok := k.confirmed(); ok {
			c.Children = append(c.Children, kin)
		}
	}
	return c, nil
}

// document as the login has it; of a birth certificate also the civil record.
type document struct{ Type, Series, Number, ExpiryDate, VrfStu, ActNo, ActDate string }

// verified is the document; an unverified one proves nothing, so it is as good
// as none.
func (d document) verified() person.Document {
	kind, ok := documentTypes[d.Type]
	if !ok || d.VrfStu != "VERIFIED" {
		return person.Document{}
	}
	expires, _ := civil(d.ExpiryDate) // many documents have none
	return person.Document{Type: kind, Series: d.Series, Number: d.Number, Expires: expires}.Normalised()
}

// kid is a child in the account of a parent.
type kid struct {
	LastName, FirstName, MiddleName, BirthDate, Gender, SNILS string

	Certificate document `json:"birth_cert_doc"`
	Passport    document `json:"id_doc"`
	Parents     []string
}

// confirmed is the child; false unless its birth certificate or its passport is
// verified. One that cannot be read is not confirmed: the parent can still log in.
func (k kid) confirmed() (person.Kin, bool) {
	kin := person.Kin{Passport: k.Passport.verified()}
	kin.Name, kin.Sex = person.Name{Family: k.LastName, Given: k.FirstName, Patronymic: k.MiddleName}.Normalised(), person.Sex(k.Gender)
	kin.Document = k.Certificate.verified()
	if kin.Document.Number != "" {
		kin.Record = person.CivilRecord(k.Certificate.ActNo)
		kin.Recorded, _ = civil(k.Certificate.ActDate) // not every login tells it
	}
	var err error
	if kin.Birth, err = civil(k.BirthDate); err != nil || kin.Document.Number == "" && kin.Passport.Number == "" {
		return person.Kin{}, false
	}
	if k.SNILS != "" {
		if kin.SNILS, err = person.ParseSNILS(k.SNILS); err != nil {
			return person.Kin{}, false
		}
	}
	for _, typed := range k.Parents {
		parent, err := person.ParseSNILS(typed)
		if err != nil {
			return person.Kin{}, false
		}
		kin.Parents = append(kin.Parents, parent)
	}
	return kin, true
}

// civil reads a date as the login writes it, or as ISO does.
func civil(text string) (calendar.Date, error) {
	return calendar.ReadDate(text, "02.01.2006", time.DateOnly)
}

// documentTypes maps the login's document types to the classifier F011.
var documentTypes = map[string]int{
	"RF_PASSPORT": 14, "FID_DOC": 9, "RES_PERM": 11, "BRTH_CERT": 3, "RF_BRTH_CERT": 3, "FID_BRTH_CERT": 24, "TMP_RES_PERM": 23,
}
