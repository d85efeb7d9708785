package tests

import (
	"crypto/sha256"
	"encoding/hex"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"polis/shared/calendar"
	"polis/shared/person"
)

func TestAnInsuredPersonComesFromConsentToTheDownloadedExtract(t *testing.T) {
	s := newStageAlone(t)
	insured := s.as(t, "insured")

	for _, c := range read[list[consentView]](insured.get("/consent-toggle").is(http.StatusOK)).Items {
		if c.Status != "none" {
			t.Errorf("at first the consent to %s is %s", c.Operator, c.Status)
		}
	}
	insured.consents()

	asked := time.Now()
	submitted := insured.asks(fields{"kind": "lookup"})
	if submitted.Status != "submitted" || !submitted.Due.Equal(submitted.Timeline[0].At.Add(5*24*time.Hour)) {
		t.Errorf("submitted: %+v", submitted)
	}
	inTime(t, 2*time.Second-time.Since(asked), "the policy is in the cabinet", func() bool {
		return insured.get("/policy-card").status == http.StatusOK
	})
	card := insured.card("self")
	if card.ENP != "2656410837000318" || card.Status != "active" || card.Text != "Активен. Бумажный полис менять не нужно" ||
		card.Insurer.SMO != "26002" || card.Insurer.Phone == "" || card.Clinic == nil {
		t.Errorf("card: %+v", card)
	}

	made := insured.extract("self")
	again := read[documentView](insured.post("/extract-rendering", extractOf("self")).is(http.StatusOK))
	if again.ID != made.ID || again.SHA256 != made.SHA256 {
		t.Errorf("the same data were rendered twice: %s and %s", made.ID, again.ID)
	}
	if listed := insured.documents(); len(listed) != 1 || listed[0].ID != made.ID {
		t.Errorf("my documents: %+v", listed)
	}
	if made.Href != s.BaseURL()+"/function/extract-rendering/"+made.ID {
		t.Errorf("href is %s", made.Href)
	}
	downloaded := insured.get("/extract-rendering/" + made.ID).is(http.StatusOK)
	sum := sha256.Sum256(downloaded.body)
	if hex.EncodeToString(sum[:]) != made.SHA256 || len(downloaded.body) != made.Bytes {
		t.Error("the download is not what was announced")
	}
	if kind := downloaded.header.Get("Content-Type"); kind != "application/pdf" {
		t.Errorf("the download is %s", kind)
	}

	link, err := url.Parse(made.Link)
	if err != nil || link.Query().Get("X-Amz-Expires") != "60" {
		t.Errorf("the link does not live for 60 s: %s", made.Link)
	}
	if status := opens(t, made.Link); status != http.StatusOK {
		t.Errorf("the link answers %d", status)
	}

	pdf := filepath.Join(t.TempDir(), "extract.pdf")
	if err := os.WriteFile(pdf, downloaded.body, 0o600); err != nil {
		t.Fatal(err)
	}
	runTool(t, "qpdf", "qpdf", "--check", pdf)
	text := strings.Join(strings.Fields(runTool(t, "poppler-utils", "pdftotext", "-layout", pdf, "-")), " ")
	for _, what := range []string{
		"Ковалёв Андрей Сергеевич", "2656 4108 3700 0318", "12.03.1985", card.Insurer.Name, "14.05.2019", "10.03.2026", "Ставропольский край", "Активен",
	} {
		if !strings.Contains(text, what) {
			t.Errorf("the extract does not say %q:\n%s", what, text)
		}
	}
	page := strings.TrimSuffix(pdf, ".pdf")
	runTool(t, "poppler-utils", "pdftoppm", "-r", "200", "-png", "-singlefile", pdf, page)
	codes := runTool(t, "zbar-tools", "zbarimg", "--quiet", page+".png")
	if !strings.Contains(codes, "CODE-128:2656410837000318\n") || !strings.Contains(codes, "QR-Code:") {
		t.Errorf("the codes read:\n%s", codes)
	}
}

func TestAPolicyIsLoadedByTheNumberTypedByHand(t *testing.T) {
	s := newStage(t)
	insured := s.as(t, "insured")
	insured.consents()
	insured.becomes(insured.asks(fields{"kind": "link", "enp": "2656 4108 3700 0318"}).ID, "granted")
	if card := insured.card("self"); card.ENP != "2656410837000318" {
		t.Errorf("card: %+v", card)
	}

	// Somebody else's number tells nothing of its owner.
	mother := s.as(t, "mother")
	mother.consents()
	told := mother.becomes(mother.asks(fields{"kind": "link", "enp": "2656410837000318"}).ID, "needs_person")
	if len(told.Reasons) != 1 || told.Reasons[0].Code != "enp_differs" {
		t.Errorf("reasons: %+v", told.Reasons)
	}
	mother.get("/policy-card").refused(http.StatusNotFound, "policy_not_loaded")
}

func TestANewcomerIsSearchedForFiveDaysAndThenToldWhereToTurn(t *testing.T) {
	s := newStage(t)
	newcomer := s.as(t, "newcomer")
	newcomer.consents()
	id := newcomer.asks(fields{"kind": "lookup"}).ID
	now := newcomer.becomes(id, "working")
	if now.Text != "Пока не нашли, ищем дальше. Если полиса ещё нет, получите его впервые" || len(now.Reasons) > 0 || now.Help.Offer != "register" {
		t.Errorf("while it is searched: %+v", now)
	}
	s.later(t, time.Hour)
	if again := newcomer.application(id); again.Status != "working" || !again.NextTry.After(now.NextTry) {
		t.Errorf("after an hour it was not tried again: %+v", again)
	}
	newcomer.get("/policy-card").refused(http.StatusNotFound, "policy_not_loaded")

	s.later(t, 5*24*time.Hour)
	end := newcomer.becomes(id, "refused")
	if len(end.Reasons) != 1 || end.Reasons[0].Code != "not_in_register" || end.Reasons[0].Detail == "" {
		t.Errorf("reasons: %+v", end.Reasons)
	}
	if end.Help.Fund.Phone == "" || len(end.Help.Insurers) < 4 || end.Help.Offer != "register" {
		t.Errorf("help: %+v", end.Help)
	}
}

func TestARegisterThatDoesNotAnswerIsTriedAgainAndNeverMeansNotFound(t *testing.T) {
	s := newStage(t)
	insured := s.as(t, "insured")
	insured.consents()
	if err := s.Suspend("insured-registry"); err != nil {
		t.Fatal(err)
	}
	id := insured.asks(fields{"kind": "lookup"}).ID
	silent := func(a applicationView) {
		t.Helper()
		if a.Text != "Регистр временно не отвечает. Запрос сохранён, повторим сами" || len(a.Reasons) > 0 || a.Status != "working" {
			t.Errorf("while the register is silent: %+v", a)
		}
	}
	now := insured.becomes(id, "working")
	silent(now)
	s.later(t, 10*time.Minute)
	again := insured.application(id)
	if silent(again); !again.NextTry.After(now.NextTry) {
		t.Errorf("it was not tried again: %+v", again)
	}
	s.later(t, 6*24*time.Hour)
	late := insured.application(id)
	if silent(late); !late.Overdue {
		t.Errorf("past its term it is not overdue: %+v", late)
	}

	if err := s.Resume("insured-registry"); err != nil {
		t.Fatal(err)
	}
	s.later(t, 7*time.Hour)
	insured.becomes(id, "granted")
	if card := insured.card("self"); card.ENP != "2656410837000318" {
		t.Errorf("card: %+v", card)
	}
}

func TestTheFirstPolicyIsGrantedWithAValidNumberAndThenShown(t *testing.T) {
	s := newStage(t)
	newcomer := s.as(t, "newcomer")
	first := newcomer.asks(fields{"kind": "register", "region": "26", "smo": "26002"})
	if want := time.Date(2026, time.March, 11, 23, 59, 59, 0, morning.Location()); !first.Due.Equal(want) {
		t.Errorf("due %v, but one working day ends %v", first.Due, want)
	}
	granted := newcomer.becomes(first.ID, "granted")
	enp, err := person.ParseENP(granted.ENP)
	if err != nil || enp.Region() != "26" {
		t.Errorf("policy number %s: %v", granted.ENP, err)
	}
	if w := enp.Warnings(calendar.On(1996, time.February, 17), person.Female); w != nil {
		t.Errorf("policy number %s does not fit the person: %v", enp, w)
	}

	newcomer.consents()
	if card := newcomer.loads(fields{}); card.ENP != string(enp) || card.Insurer.SMO != "26002" || card.Name.Given != "Анна" || card.Status != "active" {
		t.Errorf("card: %+v", card)
	}

	second := newcomer.becomes(newcomer.asks(fields{"kind": "register", "region": "26"}).ID, "refused")
	if len(second.Reasons) != 1 || second.Reasons[0].Code != "already_insured" || second.Help.Offer != "lookup" {
		t.Errorf("a second first policy: %+v", second)
	}
	if kinds := newcomer.applications(); len(kinds) != 3 || !slices.IsSortedFunc(kinds, func(a, b applicationView) int { return strings.Compare(b.ID, a.ID) }) {
		t.Errorf("applications, newest first: %+v", kinds)
	}
}

func TestASuspendedPolicyIsShownAsSuspended(t *testing.T) {
	s := newStage(t)
	serviceman := s.as(t, "serviceman")
	serviceman.consents()
	if card := serviceman.loads(fields{}); card.Status != "suspended" || card.Text != "Приостановлен с 15.01.2026" {
		t.Errorf("card: %+v", card)
	}
}

func TestTextsAreEnglishWhereEnglishIsPreferred(t *testing.T) {
	s := newStage(t)
	insured := s.as(t, "insured").with("Accept-Language", "en-GB, ru;q=0.5")
	if p := insured.get("/policy-card").refused(http.StatusForbidden, "consent_required"); !strings.HasPrefix(p.Detail, "To show the policy") {
		t.Errorf("detail: %s", p.Detail)
	}
	if page := s.anyone(t).get("/portal").is(http.StatusOK); !strings.Contains(string(page.body), "<html") {
		t.Errorf("portal: %s", page.body)
	}
}
