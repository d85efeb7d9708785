// Package issuer is an OpenID Connect issuer for test persons. It vouches for
// anybody that it is asked to, and its login page asks for no password: it must
// never be reachable from another machine.
package issuer

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"net/http"
	"os"
	"time"

	"github.com/go-jose/go-jose/v4"
)

// Audience of the tokens that the functions take.
const Audience = "polis"

// Lifetime of a token by the machine's clock.
const Lifetime = time.Hour

// Issuer signs tokens with ES256 and publishes its key.
type Issuer struct {
	url    string
	key    jose.JSONWebKey
	signer jose.Signer
}

// Open makes the issuer known as url (absolute, without a slash at its end),
// with the key in the file keyFile. A missing key is made there.
func Open(url, keyFile string) (*Issuer, error) {
	private, err := readKey(keyFile)
	if errors.Is(err, fs.ErrNotExist) {
		private, err = newKey(keyFile)
	}
	if err != nil {
		return nil, err
	}
	key := jose.JSONWebKey{Key: private, Algorithm: string(jose.ES256), Use: "sig"}
	thumbprint, err := key.Thumbprint(crypto.SHA256)
	if err != nil {
		return nil, err
	}
	key.KeyID = base64.RawURLEncoding.EncodeToString(thumbprint)
	signer, err := jose.NewSigner(jose.SigningKey{Algorithm: jose.ES256, Key: key},
		(&jose.SignerOptions{}).WithType("JWT"))
	if err != nil {
		return nil, err
	}
	return &Issuer{url: url, key: key, signer: signer}, nil
}

// Flaw is what to get wrong in a token. Its zero value is a good token, and
// each field spoils one thing alone.
type Flaw struct {
	Expired  bool   // an hour ago
	Issuer   string // another issuer's name, under this issuer's signature
	Audience string // meant for somebody else
	Unsigned bool   // alg "none"
}

// Token vouches for the claims, which need "sub".
func (i *Issuer) Token(claims map[string]any, flaw Flaw) (string, error) {
	return i.sign(claims, orElse(flaw.Audience, Audience), flaw)
}

func (i *Issuer) sign(claims map[string]any, audience string, flaw Flaw) (string, error) {
	issued := time.Now()
	if flaw.Expired {
		issued = issued.Add(-2 * Lifetime)
	}
	claims = maps.Clone(claims)
	claims["iss"] = orElse(flaw.Issuer, i.url)
	claims["aud"] = audience
	claims["iat"] = issued.Unix()
	claims["exp"] = issued.Add(Lifetime).Unix()
	payload, err := json.Marshal(claims)
	if err != nil {
		return "", err
	}
	if flaw.Unsigned {
		encode := base64.RawURLEncoding.EncodeToString
		return encode([]byte(`{"alg":"none","typ":"JWT"}`)) + "." + encode(payload) + ".", nil
	}
	signed, err := i.signer.Sign(payload)
	if err != nil {
		return "", err
	}
	return signed.CompactSerialize()
}

func orElse(value, fallback string) string {
	if value != "" {
		return value
	}
	return fallback
}

// Handler serves discovery, the key, and the client's logins below the path of
// the issuer's url.
func (i *Issuer) Handler(client Client) http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /.well-known/openid-configuration", answer(map[string]any{
		"issuer":                                i.url,
		"authorization_endpoint":                i.url + "/authorize",
		"token_endpoint":                        i.url + "/token",
		"end_session_endpoint":                  i.url + "/logout",
		"jwks_uri":                              i.url + "/keys",
		"scopes_supported":                      []string{"openid"},
		"response_types_supported":              []string{"code"},
		"response_modes_supported":              []string{"query"},
		"grant_types_supported":                 []string{"authorization_code"},
		"code_challenge_methods_supported":      []string{"S256"},
		"token_endpoint_auth_methods_supported": []string{"client_secret_basic", "client_secret_post"},
		"subject_types_supported":               []string{"public"},
		"id_token_signing_alg_values_supported": []string{string(jose.ES256)},
		"claims_supported":                      []string{"iss", "sub", "aud", "iat", "exp", "nonce", "auth_time", "at_hash"},
		"request_uri_parameter_supported":       false,
		"ui_locales_supported":                  []string{"ru"},
	}))
	mux.HandleFunc("GET /keys", answer(jose.JSONWebKeySet{Keys: []jose.JSONWebKey{i.key.Public()}}))
	f := &flow{issuer: i, client: client, grants: map[string]grant{}}
	mux.HandleFunc("GET /authorize", f.asked(f.showLogin))
	mux.HandleFunc("POST /authorize", f.asked(f.login))
	mux.HandleFunc("POST /token", f.token)
	mux.HandleFunc("GET /logout", f.logout)
	// No other site may press the buttons of the login page.
	return http.NewCrossOriginProtection().Handler(mux)
}

func answer(document any) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		json.NewEncoder(w).Encode(document) // fails only when the client is gone
	}
}

func readKey(file string) (*ecdsa.PrivateKey, error) {
	content, err := os.ReadFile(file)
	if err != nil {
		return nil, err
	}
	block, _ := pem.Decode(content)
	if block == nil {
		return nil, fmt.Errorf("%s holds no PEM block", file)
	}
	return x509.ParseECPrivateKey(block.Bytes)
}

func newKey(file string) (*ecdsa.PrivateKey, error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, err
	}
	der, err := x509.MarshalECPrivateKey(key)
	if err != nil {
		return nil, err
	}
	return key, os.WriteFile(file, pem.EncodeToMemory(&pem.Block{Type: "EC PRIVATE KEY", Bytes: der}), 0o600)
}
