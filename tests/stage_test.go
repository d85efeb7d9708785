package tests

import (
	"bytes"
	"cmp"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"runtime/debug"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/minio/minio-go/v7"
	"github.com/minio/minio-go/v7/pkg/credentials"
	"github.com/redis/go-redis/v9"

	"polis/local/functions"
	"polis/local/issuer"
	"polis/local/personas"
	"polis/local/platform"
	"polis/tests/browser"
	"polis/tests/servers"
)

func TestMain(m *testing.M) {
	platform.RunChild(functions.All)
	// Else the race detector holds up the end of each function's process for a
	// second, in case there is more to report.
	if os.Getenv("GORACE") == "" {
		os.Setenv("GORACE", "atexit_sleep_ms=0")
	}
	code := m.Run()
	browser.Close()
	servers.Close()
	os.Exit(code)
}

// functionsProgram is what the processes of the functions are, with the race
// detector where the tests have it.
var functionsProgram = sync.OnceValues(func() (string, error) {
	program := filepath.Join(root, ".bin", "functions")
	args := []string{"build", "-buildvcs=false", "-ldflags", "-s -w"}
	if self, ok := debug.ReadBuildInfo(); !ok {
		return "", errors.New("this test binary does not tell how it was built")
	} else if slices.Contains(self.Settings, debug.BuildSetting{Key: "-race", Value: "true"}) {
		program += "-race"
		args = append(args, "-race")
	}
	if said, err := exec.Command("go", append(args, "-o", program, "polis/tests/functions")...).CombinedOutput(); err != nil {
		return "", fmt.Errorf("polis/tests/functions: %w\n%s", err, said)
	}
	return filepath.Abs(program)
})

// morning is when every story begins, by the law clock: a working day.
var morning = time.Date(2026, time.March, 10, 9, 0, 0, 0, time.FixedZone("Moscow", 3*60*60))

// stage is what one story is played on: a platform of its own, so that it may
// move the clock and stop a function, over a real redis-server and a real
// MinIO. When the story is over, nothing of it may have left personal data in
// Redis or in a log.
type stage struct {
	*platform.Instance
	contract contract
	redis    *redis.Client
	minio    *minio.Client
	bucket   string
	login    *issuer.Issuer
	data     string
}

// It is played beside other stories, as most of each is waiting.
func newStage(t *testing.T, options ...func(*platform.Options)) *stage {
	t.Helper()
	t.Parallel()
	return newStageAlone(t, options...)
}

// newStageAlone is for a story that measures time: no other is played meanwhile.
func newStageAlone(t *testing.T, options ...func(*platform.Options)) *stage {
	t.Helper()
	tool(t, "redis-server", "redis-server")
	store := servers.MinIO(t)
	program, err := functionsProgram()
	if err != nil {
		t.Fatal(err)
	}
	o := platform.Options{
		Addr: "127.0.0.1:0", Stack: filepath.Join(root, "stack.yml"), Data: t.TempDir(), Clock: morning, FunctionsProgram: program,
		S3: &platform.S3{URL: store.Endpoint, AccessKey: store.AccessKey, SecretKey: store.SecretKey, Bucket: "polis-" + strings.ToLower(rand.Text())},
	}
	for _, change := range options {
		change(&o)
	}
	var said journal
	o.Log = &said
	instance, err := platform.Start(t.Context(), o)
	if err != nil {
		t.Fatalf("%v\n%s", err, said.String())
	}
	s := &stage{Instance: instance, contract: theContract(t), data: o.Data, bucket: o.S3.Bucket}
	t.Cleanup(func() {
		if t.Failed() {
			t.Logf("the platform said:\n%s", said.String())
		}
		s.leavesNoPersonalData(t, said.String())
		s.redis.Close()
		if err := instance.Close(); err != nil {
			t.Error(err)
		}
		s.hasRacedNowhere(t)
	})
	address, err := redis.ParseURL(instance.RedisURL())
	if err != nil {
		t.Fatal(err)
	}
	s.redis = redis.NewClient(address)
	if s.minio, err = minio.New(instance.S3().Endpoint, &minio.Options{Creds: credentials.NewStaticV4(store.AccessKey, store.SecretKey, "")}); err != nil {
		t.Fatal(err)
	}
	// The platform's own key: a story may need a person who is none of the
	// personas.
	if s.login, err = issuer.Open(instance.BaseURL()+"/oidc", filepath.Join(o.Data, "issuer.pem")); err != nil {
		t.Fatal(err)
	}
	return s
}

// hasRacedNowhere fails the test for each data race that the detector has found
// in a function's process, which it tells nobody but that process's log.
func (s *stage) hasRacedNowhere(t *testing.T) {
	t.Helper()
	logs, err := filepath.Glob(filepath.Join(s.LogDir(), "*.log"))
	if err != nil || len(logs) == 0 {
		t.Errorf("no logs: %v", err)
	}
	for _, name := range logs {
		said, err := os.ReadFile(name)
		if err != nil {
			t.Error(err)
		}
		if _, race, found := bytes.Cut(said, []byte("WARNING: DATA RACE")); found {
			t.Errorf("%s: a data race:%.4000s", filepath.Base(name), race)
		}
	}
}

// journal is a writer for many at once.
type journal struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (j *journal) Write(p []byte) (int, error) {
	j.mu.Lock()
	defer j.mu.Unlock()
	return j.text.Write(p)
}

func (j *journal) String() string {
	j.mu.Lock()
	defer j.mu.Unlock()
	return j.text.String()
}

// tool fails the test where a program is missing, and names the Debian package
// that brings it.
func tool(t *testing.T, program, debianPackage string) {
	t.Helper()
	if _, err := exec.LookPath(program); err != nil {
		t.Fatalf("%s is missing: apt-get install %s", program, debianPackage)
	}
}

// runTool gives what a program writes to standard output.
func runTool(t *testing.T, debianPackage, program string, args ...string) string {
	t.Helper()
	tool(t, program, debianPackage)
	out, err := exec.Command(program, args...).Output()
	if err != nil {
		var said []byte
		if exit, ok := err.(*exec.ExitError); ok {
			said = exit.Stderr
		}
		t.Fatalf("%s %s: %v\n%s%s", program, strings.Join(args, " "), err, out, said)
	}
	return string(out)
}

// later moves the law clock, and returns when all that has come due by then was
// taken in hand.
func (s *stage) later(t *testing.T, by time.Duration) {
	t.Helper()
	if err := s.SetClock(t.Context(), s.Now().Add(by)); err != nil {
		t.Fatal(err)
	}
	s.run(t, "deadline-watch") // cron's own call of the minute may have been under way, with the old time
}

// run has a job of cron's do now what there is to do.
func (s *stage) run(t *testing.T, job string) {
	t.Helper()
	eventually(t, job+" runs", func() bool {
		return read[struct{ Ran bool }](s.anyone(t).post("/"+job, nil).is(http.StatusOK)).Ran
	})
}

// patience bounds the wait for what happens in the background.
const patience = 10 * time.Second

// eventually waits for a condition.
func eventually(t *testing.T, what string, holds func() bool) {
	t.Helper()
	inTime(t, patience, what, holds)
}

func inTime(t *testing.T, limit time.Duration, what string, holds func() bool) {
	t.Helper()
	poll(t, limit, 20*time.Millisecond, what, holds)
}

// poll asks every so often, of what costs something to ask.
func poll(t *testing.T, limit, every time.Duration, what string, holds func() bool) {
	t.Helper()
	over := time.After(limit)
	again := time.NewTicker(every)
	defer again.Stop()
	for !holds() {
		select {
		case <-over:
			t.Fatalf("not within %v: %s", limit, what)
		case <-again.C:
		}
	}
}

// keys of Redis that begin with a word.
func (s *stage) keys(t *testing.T, kind string) []string {
	t.Helper()
	found, err := s.redis.Keys(t.Context(), kind+":*").Result()
	if err != nil {
		t.Fatal(err)
	}
	return found
}

// objects are the names of all that is stored in the bucket.
func (s *stage) objects(t *testing.T) []string {
	t.Helper()
	names := []string{}
	for o := range s.minio.ListObjects(t.Context(), s.bucket, minio.ListObjectsOptions{Recursive: true}) {
		if o.Err != nil {
			t.Fatal(o.Err)
		}
		names = append(names, o.Key)
	}
	return names
}

// notKept are the kinds of keys that are no trace of a request: the audit, which
// notes refusals too, with its seals, and the lease of cron's run.
var notKept = []string{"audit", "batches", "leaves", "about", "lease"}

// trace is all that is stored and stays.
func (s *stage) trace(t *testing.T) map[string]string {
	t.Helper()
	trace := map[string]string{}
	for _, name := range s.objects(t) {
		trace["object "+name] = ""
	}
	for _, key := range s.redis.Keys(t.Context(), "*").Val() {
		if kind, _, _ := strings.Cut(key, ":"); slices.Contains(notKept, kind) {
			continue
		}
		value, err := s.redis.Dump(t.Context(), key).Result()
		if err != nil {
			t.Fatal(err)
		}
		trace[key] = value
	}
	return trace
}

// visitor calls the functions through the gateway, as one person or as nobody.
// Each request and each answer is held against the contract.
type visitor struct {
	*stage
	t     *testing.T
	token string
	extra http.Header
	wrong bool
}

func (s *stage) anyone(t *testing.T) visitor { return visitor{stage: s, t: t} }

// as is a visitor with the token of a persona, spoiled by the flaw.
func (s *stage) as(t *testing.T, persona string, flaw ...issuer.Flaw) visitor {
	t.Helper()
	token, err := s.Token(persona, append(flaw, issuer.Flaw{})[0])
	if err != nil {
		t.Fatal(err)
	}
	return visitor{stage: s, t: t, token: token}
}

// like is a visitor for whom the login vouches as for a persona, but for the
// given claims.
func (s *stage) like(t *testing.T, persona string, claims map[string]any) visitor {
	t.Helper()
	p, ok := personas.Find(persona)
	if !ok {
		t.Fatalf("no persona %q", persona)
	}
	vouched := p.Claims()
	for name, value := range claims {
		vouched[name] = value
	}
	token, err := s.login.Token(vouched, issuer.Flaw{})
	if err != nil {
		t.Fatal(err)
	}
	return visitor{stage: s, t: t, token: token}
}

// with adds a header to every call.
func (v visitor) with(name, value string) visitor {
	v.extra = v.extra.Clone()
	if v.extra == nil {
		v.extra = http.Header{}
	}
	v.extra.Set(name, value)
	return v
}

// wrongly is a visitor whose requests break the contract on purpose; the
// answers have to keep it.
func (v visitor) wrongly() visitor {
	v.wrong = true
	return v
}

func (v visitor) get(path string) answer { v.t.Helper(); return v.call(http.MethodGet, path, nil) }
func (v visitor) post(path string, body any) answer {
	v.t.Helper()
	return v.call(http.MethodPost, path, body)
}

func (v visitor) call(method, path string, body any) answer {
	v.t.Helper()
	a, err := v.send(method, path, body)
	if err != nil {
		v.t.Fatalf("%s %s: %v", method, path, err)
	}
	return a
}

// send calls a path below /function. A body is written as JSON, or as it is if
// it is bytes. The error also says what breaks the contract.
func (v visitor) send(method, path string, body any) (answer, error) {
	var content []byte
	switch b := body.(type) {
	case nil:
	case []byte:
		content = b
	default:
		var err error
		if content, err = json.Marshal(body); err != nil {
			return answer{}, err
		}
	}
	request, err := http.NewRequestWithContext(v.t.Context(), method, v.BaseURL()+"/function"+path, bytes.NewReader(content))
	if err != nil {
		return answer{}, err
	}
	if body != nil {
		request.Header.Set("Content-Type", "application/json")
	}
	if v.token != "" {
		request.Header.Set("Authorization", "Bearer "+v.token)
	}
	for name, values := range v.extra {
		request.Header[name] = values
	}
	if !v.wrong {
		if err := v.contract.checkRequest(request, content); err != nil {
			return answer{}, fmt.Errorf("the request breaks the contract: %w\n%s", err, content)
		}
	}
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		return answer{}, err
	}
	defer response.Body.Close()
	a := answer{t: v.t, to: method + " " + path, status: response.StatusCode, header: response.Header}
	if a.body, err = io.ReadAll(response.Body); err != nil {
		return answer{}, err
	}
	if err := v.contract.checkAnswer(request, response, a.body); err != nil {
		return answer{}, fmt.Errorf("answer %d breaks the contract: %w\n%s", a.status, err, a.body)
	}
	return a, nil
}

type answer struct {
	t      *testing.T
	to     string
	status int
	header http.Header
	body   []byte
}

// is demands a status.
func (a answer) is(status int) answer {
	a.t.Helper()
	if a.status != status {
		a.t.Fatalf("%s answered %d instead of %d: %s", a.to, a.status, status, a.body)
	}
	return a
}

// problem is a refusal as a caller reads it.
type problem struct {
	Detail, Code, From, Suggest string
	Errors                      []struct{ Field, Code string }
}

// refused demands a problem document of a status and a code.
func (a answer) refused(status int, code string) problem {
	a.t.Helper()
	p := read[problem](a.is(status))
	if p.Code != code {
		a.t.Fatalf("%s was refused with %s instead of %s: %s", a.to, p.Code, code, a.body)
	}
	return p
}

// names tells whether the problem has a field with that code.
func (p problem) names(field, code string) bool {
	return slices.Contains(p.Errors, struct{ Field, Code string }{field, code})
}

// read an answer's JSON.
func read[T any](a answer) T {
	a.t.Helper()
	var value T
	if err := json.Unmarshal(a.body, &value); err != nil {
		a.t.Fatalf("%s answered with no JSON of this shape: %v: %s", a.to, err, a.body)
	}
	return value
}

// What stories read of the answers.
type (
	list[T any] struct {
		Items []T
	}
	consentView struct {
		Operator, Person, Status, Receipt string
		Since                             time.Time
	}
	applicationView struct {
		ID, Kind, Person, Status, Text, ENP string
		What                                []string
		Due                                 time.Time
		NextTry                             time.Time `json:"next_try"`
		Overdue                             bool
		Reasons                             []struct{ Field, Code, Detail string }
		Help                                struct {
			Fund     struct{ Name, Phone string }
			Insurers []struct{ SMO, Name, Phone string }
			Offer    string
		}
		Timeline []struct {
			At     time.Time
			Status string
		}
	}
	cardView struct {
		Person, ENP, Status, Text, Region string
		Name                              struct{ Family, Given, Patronymic string }
		Insurer                           struct {
			SMO, Name, Phone string
			StandIn          bool `json:"stand_in"`
		}
		Clinic *struct{ Name string }
		Coming struct {
			MayCallOff bool `json:"may_call_off"`
		}
	}
	documentView struct {
		ID, Person, SHA256, Href, Link string
		Bytes                          int
	}
	memberView struct{ Person string }
)

type fields map[string]any

// consents gives both consents for oneself.
func (v visitor) consents() {
	v.t.Helper()
	for _, operator := range []string{"ffoms", "mincifry"} {
		v.consent(operator, "")
	}
}

// consent gives one consent for a person; "" is oneself.
func (v visitor) consent(operator, person string) {
	v.t.Helper()
	v.post("/consent-toggle", fields{"operator": operator, "person": cmp.Or(person, "self"), "action": "grant"}).is(http.StatusOK)
}

// revokes one consent.
func (v visitor) revokes(operator, person string) {
	v.t.Helper()
	v.post("/consent-toggle", fields{"operator": operator, "person": cmp.Or(person, "self"), "action": "revoke", "reason": "Больше не нужно"}).is(http.StatusOK)
}

// asks submits an application.
func (v visitor) asks(request fields) applicationView {
	v.t.Helper()
	return read[applicationView](v.post("/policy-request", request).is(http.StatusAccepted))
}

func (v visitor) application(id string) applicationView {
	v.t.Helper()
	return read[applicationView](v.get("/policy-request/" + id).is(http.StatusOK))
}

// applications lists all of the visitor's.
func (v visitor) applications() []applicationView {
	v.t.Helper()
	return read[list[applicationView]](v.get("/policy-request").is(http.StatusOK)).Items
}

// becomes waits until an application has a status.
func (v visitor) becomes(id, status string) applicationView {
	v.t.Helper()
	var now applicationView
	eventually(v.t, "application "+status, func() bool {
		now = v.application(id)
		return now.Status == status
	})
	return now
}

// loads asks for the policy and waits until the cabinet has it.
func (v visitor) loads(request fields) cardView {
	v.t.Helper()
	request["kind"] = "lookup"
	v.becomes(v.asks(request).ID, "granted")
	return v.card(request["person"])
}

func (v visitor) card(person any) cardView {
	v.t.Helper()
	return read[cardView](v.get(fmt.Sprintf("/policy-card?person=%v", cmp.Or(person, any("self")))).is(http.StatusOK))
}

// extract makes one of a person.
func (v visitor) extract(person string) documentView {
	v.t.Helper()
	return read[documentView](v.post("/extract-rendering", extractOf(person)).is(http.StatusCreated))
}

func extractOf(person string) fields {
	return fields{"person": person, "kind": "extract", "format": "pdf"}
}

func (v visitor) documents() []documentView {
	v.t.Helper()
	return read[list[documentView]](v.get("/extract-rendering").is(http.StatusOK)).Items
}

// opens tells what the object store answers to a link, which needs no token.
func opens(t *testing.T, link string) int {
	t.Helper()
	request, err := http.NewRequestWithContext(t.Context(), http.MethodGet, link, nil)
	if err != nil {
		t.Fatal(err)
	}
	answer, err := http.DefaultClient.Do(request)
	if err != nil {
		t.Fatal(err)
	}
	answer.Body.Close()
	return answer.StatusCode
}

// human is the persona as the login knows them.
func human(t *testing.T, persona string) personas.Human {
	t.Helper()
	p, ok := personas.Find(persona)
	if !ok {
		t.Fatalf("no persona %q", persona)
	}
	return p.Human
}
