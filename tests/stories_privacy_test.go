package tests

import (
	"bytes"
	"context"
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"io/fs"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"

	"golang.org/x/text/encoding/charmap"

	"polis/local/personas"
)

// leavesNoPersonalData searches what a story has written: Redis with all that
// it ever held in this story, by its append-only file, every process's log, and
// what the platform said.
func (s *stage) leavesNoPersonalData(t *testing.T, said string) {
	t.Helper()
	places := map[string][]byte{"the platform's log": []byte(said), "Redis": s.redisDump(t)}
	for _, folder := range []string{"redis", "logs"} {
		err := filepath.WalkDir(filepath.Join(s.data, folder), func(file string, entry fs.DirEntry, err error) error {
			if err != nil || entry.IsDir() {
				return err
			}
			places[filepath.Join(folder, entry.Name())], err = os.ReadFile(file)
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	searched := 0
	for place, content := range places {
		if place == "Redis" || place == "logs/insured-registry.log" || strings.HasSuffix(place, ".aof") {
			searched += min(len(content), 1)
		}
	}
	if searched < 3 {
		t.Error("Redis, its append-only file or a log was not found")
	}
	for place, content := range places {
		for _, found := range personalData().in(content) {
			t.Errorf("%s stands in %s, as %s", found.what, place, found.form)
		}
	}
}

// redisDump is every key with its value, of whatever type.
func (s *stage) redisDump(t *testing.T) []byte {
	t.Helper()
	ctx := context.Background() // the test's own has ended when it is cleaned up
	var dump bytes.Buffer
	keys, err := s.redis.Keys(ctx, "*").Result()
	for _, key := range keys {
		if err != nil {
			break
		}
		var value any
		switch kind := s.redis.Type(ctx, key).Val(); kind {
		case "string":
			value, err = s.redis.Get(ctx, key).Result()
		case "hash":
			value, err = s.redis.HGetAll(ctx, key).Result()
		case "zset":
			value, err = s.redis.ZRange(ctx, key, 0, -1).Result()
		case "set":
			value, err = s.redis.SMembers(ctx, key).Result()
		case "list":
			value, err = s.redis.LRange(ctx, key, 0, -1).Result()
		case "stream":
			value, err = s.redis.XRange(ctx, key, "-", "+").Result()
		case "none": // has expired meanwhile
		default:
			err = fmt.Errorf("type %s", kind)
		}
		fmt.Fprintf(&dump, "%s %v\n", key, value)
	}
	if err != nil {
		t.Fatalf("dump of Redis: %v", err)
	}
	return dump.Bytes()
}

// written is a text in one of the forms that it may have.
type written struct {
	what, form string
	text       []byte
}

// hunt finds many texts in one pass, each by how it begins: a story writes up to
// 20 MB, and there are thousands of forms.
type hunt map[[4]byte][]written

func (h hunt) add(what, value string) {
	for form, text := range formsOf(value) {
		if len(text) < 4 {
			panic(what + ", as " + form + ", is too short to be told from chance")
		}
		head := [4]byte(text)
		h[head] = append(h[head], written{what, form, text})
	}
}

// in returns each text that the content holds, once.
func (h hunt) in(content []byte) (found []written) {
	for at := 0; at+4 <= len(content); at++ {
		for _, w := range h[[4]byte(content[at:])] {
			if bytes.HasPrefix(content[at:], w.text) && !slices.ContainsFunc(found, func(f written) bool { return f.what == w.what && f.form == w.form }) {
				found = append(found, w)
			}
		}
	}
	return found
}

// personalData of every persona and of their children.
var personalData = sync.OnceValue(func() hunt {
	all := hunt{}
	of := func(whose string, h personas.Human, p *personas.Policy) {
		add := func(what string, values ...string) {
			for _, value := range values {
				if value != "" {
					all.add(what+" of "+whose, value)
				}
			}
		}
		add("SNILS", h.SNILS, strings.NewReplacer("-", "", " ", "").Replace(h.SNILS))
		add("surname", h.Family, strings.ToUpper(h.Family), strings.ToLower(h.Family))
		if p != nil {
			add("ENP", p.ENP, p.ENP[:4]+" "+p.ENP[4:8]+" "+p.ENP[8:12]+" "+p.ENP[12:])
		}
	}
	for _, p := range personas.All() {
		of(p.Name, p.Human, p.Policy)
		for _, child := range p.Children {
			of("a child of "+p.Name, child.Human, &child.Policy)
		}
		for _, kid := range p.Kids {
			of("a child of "+p.Name, kid.Human, nil)
		}
	}
	return all
})

// formsOf a text: the ways in which it may be written without being seen at
// first sight.
func formsOf(text string) map[string][]byte {
	forms := map[string][]byte{"UTF-8": []byte(text), "JSON escapes": []byte(escaped(text))}
	add := func(name string, encoded []byte) {
		forms["hex of "+name] = []byte(hex.EncodeToString(encoded))
		forms["capital hex of "+name] = bytes.ToUpper(forms["hex of "+name])
		forms["percent-encoded "+name] = []byte(percent(encoded, "%%%02X"))
		forms["small percent-encoded "+name] = []byte(percent(encoded, "%%%02x"))
		// Of three bytes base64 makes four letters, so a text looks different
		// by where it begins; letters that its neighbours share are left out.
		for offset := range 3 {
			for alphabet, coding := range map[string]*base64.Encoding{"base64": base64.RawStdEncoding, "base64url": base64.RawURLEncoding} {
				letters := coding.EncodeToString(append(make([]byte, offset), encoded...))
				from, to := (offset*8+5)/6, (offset+len(encoded))*8/6
				forms[fmt.Sprintf("%s of %s at %d", alphabet, name, offset)] = []byte(letters[from:to])
			}
		}
	}
	add("UTF-8", []byte(text))
	forms["query-escaped"] = []byte(url.QueryEscape(text))
	if encoded, err := charmap.Windows1251.NewEncoder().Bytes([]byte(text)); err == nil && string(encoded) != text {
		forms["CP1251"] = encoded
		add("CP1251", encoded)
	}
	return forms
}

func percent(encoded []byte, format string) string {
	var b strings.Builder
	for _, c := range encoded {
		fmt.Fprintf(&b, format, c)
	}
	return b.String()
}

func escaped(text string) string {
	var b strings.Builder
	for _, r := range text {
		if r < 0x80 {
			b.WriteRune(r)
		} else {
			fmt.Fprintf(&b, `\u%04x`, r)
		}
	}
	return b.String()
}

func TestTheSearchFindsPersonalDataHoweverTheyAreWritten(t *testing.T) {
	cp1251, err := charmap.Windows1251.NewEncoder().String("Ковалёв")
	if err != nil {
		t.Fatal(err)
	}
	encode := base64.StdEncoding.EncodeToString
	for _, c := range []struct{ rule, value, written string }{
		{"as it is", "Ковалёв", "user=Ковалёв"},
		{"hex", "112-233-445 95", "value 3131322d3233332d343435203935"},
		{"hex of CP1251", "Ковалёв", hex.EncodeToString([]byte(cp1251))},
		{"CP1251", "Ковалёв", "<" + cp1251 + ">"},
		{"base64, the text first", "Ковалёв", encode([]byte("Ковалёв, Андрей"))},
		{"base64, one byte before", "Ковалёв", encode([]byte(`"Ковалёв"`))},
		{"base64, two bytes before", "Ковалёв", encode([]byte(`["Ковалёв"]`))},
		{"base64 of a number", "2656410837000318", encode([]byte(`{"enp":"2656410837000318"}`))},
		{"percent", "Ковалёв", "family=" + url.QueryEscape("Ковалёв")},
		{"percent of CP1251", "Ковалёв", "%CA%EE%E2%E0%EB%B8%E2"},
		{"JSON escapes", "Ковалёв", `{"family":"\u041a\u043e\u0432\u0430\u043b\u0451\u0432"}`},
	} {
		t.Run(c.rule, func(t *testing.T) {
			looked := hunt{}
			looked.add("another that begins so", c.value+"а")
			looked.add(c.rule, c.value)
			if found := looked.in([]byte(c.written)); len(found) == 0 || found[0].what != c.rule {
				t.Errorf("%s is not found in %q, but %v", c.value, c.written, found)
			}
			if found := looked.in([]byte(c.written[:len(c.written)/3])); len(found) != 0 {
				t.Errorf("a third of it is taken for %v", found)
			}
		})
	}
}
