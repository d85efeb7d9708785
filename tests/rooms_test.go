package tests

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// The rooms of shared/ and what each may know, beside the standard library.
var (
	domain = []string{"access", "application", "audit", "cabinet", "calendar", "clock", "consent", "directory", "doctor", "fault", "fhir", "ics", "ident", "notice", "person", "policy", "review", "text"}
	// An adapter knows the domain, its settings, and one technology.
	adapters = map[string][]string{
		"store":    {"github.com/redis/go-redis/"},
		"objects":  {"github.com/minio/minio-go/"},
		"identity": {"github.com/coreos/go-oidc/", "golang.org/x/oauth2"},
		"gateway":  {},
		"mail":     {"github.com/emersion/"},
		"sms":      {},
		"tables":   {"golang.org/x/text/"}, // the classifier comes in windows-1251
		"extract":  {"github.com/go-pdf/fpdf", "rsc.io/qr", "github.com/boombuler/barcode"},
	}
	edge = map[string][]string{
		"server": {"github.com/openfaas/templates-sdk/", "github.com/prometheus/client_golang/", "golang.org/x/text/", "polis/shared/config", "polis/shared/fault"},
		"web":    {"github.com/openfaas/templates-sdk/", "polis/shared/"},
		"config": {"polis/shared/clock"},
		"api":    {},
	}
	// Rooms that only tests enter.
	kits = []string{"functiontest", "mailtest", "storetest"}
)

type goPackage struct {
	ImportPath, Dir               string
	Imports, TestImports, GoFiles []string
}

func packages(t *testing.T, pattern string) []goPackage {
	t.Helper()
	cmd := exec.Command("go", "list", "-json=ImportPath,Dir,Imports,TestImports,GoFiles", pattern)
	cmd.Dir = ".."
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("go list %s: %v\n%s", pattern, err, &stderr)
	}
	var all []goPackage
	for dec := json.NewDecoder(bytes.NewReader(out)); ; {
		var p goPackage
		if err := dec.Decode(&p); errors.Is(err, io.EOF) {
			return all
		} else if err != nil {
			t.Fatal(err)
		}
		all = append(all, p)
	}
}

func standard(path string) bool {
	return !strings.Contains(strings.Split(path, "/")[0], ".") && !strings.HasPrefix(path, "polis/")
}

func TestEachRoomKnowsOnlyWhatItMay(t *testing.T) {
	domainPaths := make([]string, len(domain))
	for i, name := range domain {
		domainPaths[i] = "polis/shared/" + name
	}
	seen := 0
	for _, p := range packages(t, "./shared/...") {
		name := strings.TrimPrefix(p.ImportPath, "polis/shared/")
		if strings.Contains(name, "/") {
			t.Errorf("%s: rooms are one level deep", p.ImportPath)
		}
		libraries, isAdapter := adapters[name]
		known, isEdge := edge[name]
		for _, imported := range p.Imports {
			var ok bool
			switch {
			case slices.Contains(domain, name):
				ok = standard(imported) && !slices.Contains([]string{"net/http", "os", "net", "database/sql"}, imported) || slices.Contains(domainPaths, imported)
			case isAdapter:
				ok = standard(imported) || slices.Contains(domainPaths, imported) || imported == "polis/shared/config" || within(imported, libraries)
			case isEdge:
				ok = standard(imported) || within(imported, known)
			case slices.Contains(kits, name):
				ok = true
			default:
				t.Errorf("%s: which room is this?", p.ImportPath)
				ok = true
			}
			if slices.Contains(kits, strings.TrimPrefix(imported, "polis/shared/")) && !slices.Contains(kits, name) {
				ok = false
			}
			if !ok {
				t.Errorf("%s may not know %s", name, imported)
			}
		}
		if slices.Contains(domain, name) && name != "clock" {
			for _, file := range p.GoFiles {
				source, err := os.ReadFile(filepath.Join(p.Dir, file))
				if err != nil {
					t.Fatal(err)
				}
				if bytes.Contains(source, []byte("time.Now")) {
					t.Errorf("%s/%s reads the clock: time is an argument", name, file)
				}
			}
		}
		seen++
	}
	if seen < len(domain)+len(adapters) {
		t.Fatalf("only %d rooms seen", seen)
	}
}

func TestFunctionsKnowTheSharedRoomsAndNoOtherFunction(t *testing.T) {
	all := packages(t, "./functions/...")
	for _, p := range all {
		for _, imported := range p.Imports {
			if !standard(imported) && !strings.HasPrefix(imported, "polis/shared/") && imported != "github.com/openfaas/templates-sdk/go-http" {
				t.Errorf("%s may not know %s", p.ImportPath, imported)
			}
		}
	}
	if len(all) < 7 {
		t.Fatalf("only %d functions seen", len(all))
	}
}

func TestOnlyTheBrowserOfTheTestsKnowsChromium(t *testing.T) {
	seen := false
	for _, p := range packages(t, "./tests/...") {
		isBrowser := p.ImportPath == "polis/tests/browser"
		for _, imported := range slices.Concat(p.Imports, p.TestImports) {
			if ok := standard(imported) || strings.HasPrefix(imported, "github.com/chromedp/"); isBrowser && !ok {
				t.Errorf("%s knows pages, not %s", p.ImportPath, imported)
			}
			if !isBrowser && strings.HasPrefix(imported, "github.com/chromedp/") {
				t.Errorf("%s may not know %s", p.ImportPath, imported)
			}
		}
		seen = seen || isBrowser
	}
	if !seen {
		t.Fatal("no browser seen")
	}
}

func within(path string, prefixes []string) bool {
	return slices.ContainsFunc(prefixes, func(p string) bool { return strings.HasPrefix(path, p) })
}

// sources are the Go files below a folder, but for tests and what only they use.
func sources(t *testing.T, folder string) (all string) {
	t.Helper()
	err := filepath.WalkDir(filepath.Join(root, folder), func(path string, entry os.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case entry.IsDir() && slices.Contains(kits, entry.Name()):
			return filepath.SkipDir
		case !strings.HasSuffix(path, ".go"), strings.HasSuffix(path, "_test.go"):
			return nil
		}
		content, err := os.ReadFile(path)
		all += string(content)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return all
}

func contentOf(t *testing.T, path string) string {
	t.Helper()
	content, err := os.ReadFile(filepath.Join(root, path))
	if err != nil {
		t.Fatal(err)
	}
	return string(content)
}

func TestAnOperatorIsToldOfEachSettingAndSecret(t *testing.T) {
	told := contentOf(t, "stack.yml") + contentOf(t, "template/polis-go/Dockerfile") + contentOf(t, "README.md")
	read := regexp.MustCompile(`\b(?:env|e)\.(?:String|Int|Duration|URL|Required|Secret|Key)\("([\w-]+)"`)
	seen := map[string]bool{}
	for _, m := range read.FindAllStringSubmatch(sources(t, "functions")+sources(t, "shared"), -1) {
		seen[m[1]] = true
		if !regexp.MustCompile(`(^|[^\w-])` + m[1] + `($|[^\w-])`).MatchString(told) {
			t.Errorf("%s is read, and nobody is told of it", m[1])
		}
	}
	if len(seen) < 40 {
		t.Errorf("only %d settings were found", len(seen))
	}
}

// TestThePictureOfTheFunctionsIsTrue holds the README's picture against what the
// functions call under their signature, and what they and the store tell by events.
func TestThePictureOfTheFunctionsIsTrue(t *testing.T) {
	_, picture, _ := strings.Cut(contentOf(t, "README.md"), "flowchart LR\n")
	picture, _, _ = strings.Cut(picture, "```")
	names := map[string]string{"portal": "portal", "notify": "notify"} // by what the picture calls them
	for _, m := range regexp.MustCompile(`(\w+)\[([a-z-]+)\]`).FindAllStringSubmatch(picture, -1) {
		names[m[1]] = m[2]
	}
	edges := func(line *regexp.Regexp) (shown []string) {
		for _, m := range line.FindAllStringSubmatch(picture, -1) {
			for _, from := range strings.Split(m[1], " & ") {
				from, _, _ = strings.Cut(strings.TrimSpace(from), "[")
				for _, to := range strings.Split(m[2], " & ") {
					to, _, _ = strings.Cut(strings.TrimSpace(to), "[")
					shown = append(shown, names[from]+" "+names[to])
				}
			}
		}
		slices.Sort(shown)
		return shown
	}
	handlers := map[string]string{}
	for _, p := range packages(t, "./functions/...") {
		name := filepath.Base(p.Dir)
		handlers[name] = sources(t, "functions/"+name)
	}

	var calls []string
	signed := regexp.MustCompile(`\.Call\(\w+, [\w.]+, "/([a-z-]+)/`)
	for name, source := range handlers {
		for _, m := range signed.FindAllStringSubmatch(source, -1) {
			calls = append(calls, name+" "+m[1])
		}
	}
	slices.Sort(calls)
	if calls = slices.Compact(calls); !slices.Equal(calls, edges(regexp.MustCompile(`(?m)^ *(.+?) -->\|signed call\| (.+)$`))) {
		t.Errorf("signed calls are\n%s", strings.Join(calls, "\n"))
	}

	var takers []string
	topics := contentOf(t, "shared/store/topics.go")
	for name := range handlers {
		if strings.Contains(topics, `"`+name+`/`) {
			takers = append(takers, "queue "+name)
		}
	}
	slices.Sort(takers)
	names["queue"] = "queue"
	if shown := edges(regexp.MustCompile(`(queue)\[\(queue\)\] -\. at least once \.-> (.+)`)); !slices.Equal(takers, shown) {
		t.Errorf("events go to\n%s\nand are shown to go to\n%s", strings.Join(takers, "\n"), strings.Join(shown, "\n"))
	}
}
