package issuer_test

import (
	"context"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"testing"

	"github.com/coreos/go-oidc/v3/oidc"

	"polis/local/issuer"
)

func TestTokensAreTakenOrRefusedByAStrangersVerifier(t *testing.T) {
	mux := http.NewServeMux()
	server := httptest.NewServer(mux)
	defer server.Close()
	key := filepath.Join(t.TempDir(), "issuer.pem")
	open := func() *issuer.Issuer {
		i, err := issuer.Open(server.URL+"/oidc", key)
		if err != nil {
			t.Fatal(err)
		}
		return i
	}
	ours := open()
	mux.Handle("/oidc/", http.StripPrefix("/oidc", ours.Handler(issuer.Client{})))
	ctx := context.Background()
	provider, err := oidc.NewProvider(ctx, server.URL+"/oidc")
	if err != nil {
		t.Fatal(err)
	}
	verifier := provider.Verifier(&oidc.Config{ClientID: issuer.Audience})
	stranger, err := issuer.Open(server.URL+"/oidc", filepath.Join(t.TempDir(), "issuer.pem"))
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		name string
		by   *issuer.Issuer
		flaw issuer.Flaw
		good bool
	}{
		{"a good token", ours, issuer.Flaw{}, true},
		{"a good token after the issuer was opened again", open(), issuer.Flaw{}, true},
		{"expired", ours, issuer.Flaw{Expired: true}, false},
		{"another issuer", ours, issuer.Flaw{Issuer: "other"}, false},
		{"another audience", ours, issuer.Flaw{Audience: "other"}, false},
		{"no signature", ours, issuer.Flaw{Unsigned: true}, false},
		{"another key under the same name", stranger, issuer.Flaw{}, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			raw, err := c.by.Token(map[string]any{"sub": "1", "trusted": true}, c.flaw)
			if err != nil {
				t.Fatal(err)
			}
			token, err := verifier.Verify(ctx, raw)
			if (err == nil) != c.good {
				t.Fatalf("verified with %v", err)
			}
			if c.good && token.Subject != "1" {
				t.Errorf("subject %q", token.Subject)
			}
		})
	}
}
