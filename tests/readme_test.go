package tests

import (
	"bufio"
	"bytes"
	"context"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
	"testing"
	"time"
)

var (
	shellBlock = regexp.MustCompile("(?s)```sh\n(.*?)```")
	runLocal   = regexp.MustCompile(`go run ./local\b`)
)

// followed are the texts whose commands are run, one after the other: whether in
// place of go run by what it builds, and what they print among the rest.
var followed = []struct {
	file   string
	built  bool
	prints []string
}{
	{"../README.md", false, []string{
		`"status":"granted"`, `"kind":"lookup"`, `"enp":"`, "Выписка из единого регистра застрахованных лиц", `"status":"revoked"`,
		"consent_required", "newcomer", "law clock", "BEGIN:VCALENDAR", `"resourceType":"Coverage"`,
	}},
	{"../functions/README.md", true, []string{
		`"id":"26002-1"`, `"allowed":true,"reason":"first"`, `"kind":"choose"`, `"code":"insurer_changed_this_year","from":"2027-01-01"`,
		`"allowed":false,"reason":"by_right","from":"2027-01-01"`, `"same_company":true`, `"decision":"decision-17"`,
		`"until":"2026-12-31"`, "Полис действует до 31.12.2026: по этому основанию его выдают до конца года", `"code":"highly_qualified_not_insured"`,
		`"code":"contributions_too_few","from":"2028-01-01"`, `"code":"child_not_confirmed"`, "Страховая для ребёнка: одобрено",
		`"code":"insurance_in_force","suggest":"by_right"`, `"code":"insurer_of_other_region","suggest":"move"`, `"code":"insurer_not_in_force"`,
		`"code":"person_not_found"`, `"kind":"change.child.insurer_chosen"`, `"person":"self","allowed":true,"reason":"first"`,
		`"until":"2027-12-31"`, "Полис действует до 31.12.2027: заявление подано после 31 октября", `"given":"Вера"`,
		`"results":{"attachment":"shown","policy":"shown","services":"no_data"}`,
		`"imported":0,"refused":[],"source_id":"2026-10","unchanged":2`, "Приём терапевта", "Приём хирурга", `"years":[{"year":2026,"count":2,"cost":168600}]`,
		`"kind":"put_on_record"`, "BEGIN:VCALENDAR", `"resourceType":"Coverage"`, `"code":"consent_missing"`,
		`"code":"policy_suspended"`, `"code":"consent_waiting"`, `"code":"adults_only"`,
		"Одобрено. Полис возобновлён", `"from":"2026-11-09","until":"2026-11-13","status":"granted"`, "Приостановлен с 09.11.2026",
		`"covering_insurer":{"smo":"26002"`, `"until":"2026-11-10"`, `"code":"no_insurer"`,
		`"kind":"birth.recorded"`, "Аннулирован с 09.11.2026. Причина: в регистре записана смерть", `"code":"death_recorded"`,
		"Срок действия истёк 09.11.2026. Причина: трудовой договор прекращён", `"code":"citizenship_not_proved"`,
		"Полис переоформлен, его номер прежний", `"code":"services_hidden"`, "Приём врача-дерматолога", "Полис стал бессрочным",
		`"allowed":true,"reason":"contract_ended"`, `"may_call_off":true`, `"kind":"change.policy_suspended"`, "Одобрено. Приостановление отменено", `"taken":"you"`, "Одобрено. Полис восстановлен", `"phase":"done"`,
		`"nothing_changed":true`, `"line":2,"field":"OGRN","code":"ogrn_wrong"`, `"insurer":"Пример-Мед"`,
		`"kind":"link"`, `"terms_version"`, `"link":"`, "at,kind,application,number", `"kind":"repair"`, `"report_by":"2026-12-10"`,
		`"code":"document_unclear"`, `"category":"temporary_resident"`, "Причина: разрешение на временное проживание аннулировано",
		`"category":"refugee"`, "Причина: вид на жительство аннулирован", "Полис оформлен, ребёнок внесён в регистр", "Причина: утрата статуса беженца",
		`"kind":"change.report_due"`, `"kind":"change.child.validity_ending"`, `"kind":"change.insurer_replaceable"`,
		`"kind":"change.child.insurer_contract_ended"`, `"kind":"change.child.passport_due","at":"2040-02-20`, `"kind":"change.child.of_age","at":"2044-02-20`,
	}},
}

// end is printed behind the commands of a text.
const end = "---- the end of a text ----"

// TestTheReadmeCanBeFollowedToTheLetter runs every command that the README
// and the one of the functions show: on a free port, and but for the test command
// itself and the benchmark, which the test command runs. The commands of the README
// are run by go run, as shown, and the others by what that builds, as it looks for
// changes each time, which takes longer than most commands.
func TestTheReadmeCanBeFollowedToTheLetter(t *testing.T) {
	free, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	addr := free.Addr().String()
	free.Close()

	// The flags are those by which the functions are built for their images: what
	// both need is compiled once. Compiling takes as long as the machine needs.
	env := append(os.Environ(), "CGO_ENABLED=0", "GOFLAGS="+strings.TrimSpace(os.Getenv("GOFLAGS")+" -trimpath"))
	program := filepath.Join(t.TempDir(), "local")
	compile := exec.CommandContext(t.Context(), "go", "build", "-o", program, "./local")
	compile.Dir, compile.Env = "..", compiling(env)
	if out, err := compile.CombinedOutput(); err != nil {
		t.Fatalf("go build ./local: %v\n%s", err, out)
	}

	commands, err := os.ReadFile("run")
	if err != nil {
		t.Fatal(err)
	}
	ci, err := os.ReadFile("../.ci/run")
	if err != nil || !bytes.Contains(ci, []byte("/tests/run")) {
		t.Errorf("CI does not run the test command: %v", err)
	}
	script := "set -euo pipefail\n"
	for _, text := range followed {
		shows, err := os.ReadFile(text.file)
		if err != nil {
			t.Fatal(err)
		}
		local := "go run ./local"
		if text.built {
			local = program
		}
		for _, block := range shellBlock.FindAllStringSubmatch(string(shows), -1) {
			switch shown := strings.TrimSpace(block[1]); {
			case shown == "tests/run", shown == "go run ./local":
			case bytes.Contains(commands, []byte(shown+"\n")):
			default:
				script += strings.ReplaceAll(runLocal.ReplaceAllString(shown, local+" -addr "+addr), "127.0.0.1:8080", addr) + "\n"
			}
		}
		script += "echo '" + end + "'\n"
	}

	ctx, cancel := context.WithTimeout(t.Context(), 5*time.Minute)
	defer cancel()
	local := exec.CommandContext(ctx, "go", "run", "./local", "-addr", addr)
	local.Dir, local.Env = "..", env
	local.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	local.Cancel = func() error { return syscall.Kill(-local.Process.Pid, syscall.SIGINT) }
	var log bytes.Buffer
	local.Stderr = &log
	out, err := local.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := local.Start(); err != nil {
		t.Fatal(err)
	}
	defer func() {
		cancel()
		local.Wait() // it was told to end
	}()
	ready := "ready http://" + addr + "/function/portal"
	lines := bufio.NewScanner(out)
	for lines.Scan() && lines.Text() != ready {
	}
	if lines.Text() != ready {
		t.Fatalf("local did not get ready: %s", &log)
	}

	// What the commands write goes to a folder of its own, beside the source.
	dir := t.TempDir()
	for _, name := range []string{"local", "shared", "functions", "tests", "go.work", "go.work.sum", "stack.yml"} {
		source, err := filepath.Abs(filepath.Join("..", name))
		if err == nil {
			err = os.Symlink(source, filepath.Join(dir, name))
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	bash := exec.CommandContext(ctx, "bash", "-c", script)
	bash.Dir, bash.Env = dir, env
	printed, err := bash.CombinedOutput()
	if err != nil {
		t.Fatalf("%v\n%s", err, printed)
	}
	rest := string(printed)
	for _, text := range followed {
		var of string
		of, rest, _ = strings.Cut(rest, end)
		for _, want := range text.prints {
			if !strings.Contains(of, want) {
				t.Errorf("%s: nothing printed %q:\n%s", text.file, want, of)
			}
		}
	}
}
