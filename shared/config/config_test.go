package config

import (
	"encoding/base64"
	"strings"
	"testing"
	"time"
)

func TestAllFaultsOfSettingsAreNamedAtOnce(t *testing.T) {
	env := FromMap(map[string]string{"n": "ten", "wait": "-1s", "url": "ftp://x"}, map[string]string{"short": "YQ=="})
	env.Int("n", 1, 1, 5)
	env.Duration("wait", time.Second)
	env.URL("url")
	env.Required("absent")
	env.Secret("none")
	env.Key("short")
	err := env.Err()
	if err == nil {
		t.Fatal("no fault")
	}
	for _, name := range []string{"n", "wait", "url", "absent", "none", "short"} {
		if !strings.Contains("\n"+err.Error(), "\n"+name+": ") {
			t.Errorf("%s is not named in:\n%v", name, err)
		}
	}
}

func TestSecretsAreNeverTold(t *testing.T) {
	env := FromMap(nil, map[string]string{"key": base64.StdEncoding.EncodeToString([]byte("not 32 bytes, but secret"))})
	env.Key("key")
	if err := env.Err(); err == nil || strings.Contains(err.Error(), "bm90") {
		t.Fatalf("%v", err)
	}
}

func TestGoodSettingsAreRead(t *testing.T) {
	env := FromMap(map[string]string{"n": " 3 ", "wait": "5m", "url": "https://x/", "empty": " "},
		map[string]string{"key": base64.StdEncoding.EncodeToString(make([]byte, 32)) + "\n"})
	if n := env.Int("n", 1, 1, 5); n != 3 {
		t.Error(n)
	}
	if d := env.Duration("wait", time.Second); d != 5*time.Minute {
		t.Error(d)
	}
	if u := env.URL("url"); u != "https://x" {
		t.Error(u)
	}
	if env.String("empty", "fallback") != "fallback" || env.Int("absent", 2, 1, 5) != 2 {
		t.Error("defaults")
	}
	env.Key("key")
	if err := env.Err(); err != nil {
		t.Error(err)
	}
}
