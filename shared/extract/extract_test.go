package extract_test

import (
	"bytes"
	"encoding/xml"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"polis/shared/calendar"
	"polis/shared/extract"
	"polis/shared/fault"
)

// usual is invented, as is every person here.
func usual() extract.Page {
	return extract.Page{
		Number: "26-2026-0A1B2C3D", Code: "K7QF2M9XW4TB6ZR8HD3VNC5PJY",
		FormedAt: time.Date(2026, 3, 10, 9, 0, 0, 0, time.FixedZone("MSK", 3*60*60)),
		AsOf:     time.Date(2026, 3, 1, 12, 30, 0, 0, time.FixedZone("MSK", 3*60*60)),
		ENP:      "2656410887000127",
		Family:   "Соловьёва", Given: "Мария", Patronymic: "Сергеевна",
		Sex: "F", Birth: calendar.On(1985, time.March, 12),
		Status: "Активен", StatusNote: "Бумажный полис менять не нужно",
		ValidFrom: calendar.On(2011, time.May, 1), Region: "Ставропольский край",
		Insurer: extract.Insurer{
			Name:    "Филиал ООО «Капитал Медицинское Страхование» в Ставропольском крае",
			Address: "355035, Ставрополь, ул. Дзержинского, д. 162",
			Phone:   "8 800 100 81 02", Site: "kapmed.ru",
			Since: calendar.On(2019, time.January, 1),
		},
		Clinic: extract.Clinic{
			Name:    "ГБУЗ СК «Городская клиническая поликлиника № 1»",
			Address: "355000, Ставрополь, ул. Мира, д. 302",
			Since:   calendar.On(2020, time.September, 1),
		},
		Issuer: "Цифровой полис ОМС", PublicURL: "https://polis.example.ru",
	}
}

// long has every text as long as registers hold them, a surname of 61
// characters.
func long() extract.Page {
	p := usual()
	p.Family = "Константинопольская-Преображенско-Воскресенская-Архангельская"
	p.Given = "Мария-Антуанетта Александра"
	p.Patronymic = "Абдурахмангаджи-Магомедрасуловна кызы"
	p.Insurer.Name = "Филиал общества с ограниченной ответственностью «Капитал Медицинское Страхование» в Ставропольском крае и Карачаево-Черкесской Республике"
	p.Insurer.Address = "355035, Ставропольский край, городской округ город Ставрополь, ул. Дзержинского, д. 162, корпус 3, помещения 14—28"
	p.Clinic.Name = "Государственное бюджетное учреждение здравоохранения Ставропольского края «Городская клиническая консультативно-диагностическая поликлиника № 1»"
	p.ValidUntil = calendar.On(2026, time.December, 31)
	return p
}

// standIn has no patronymic, no clinic and the fund in the place of an insurer.
func standIn() extract.Page {
	p := usual()
	p.Family, p.Given, p.Patronymic, p.Sex = "Ҡотлобаев", "Өлфәт", "", "M"
	p.Status, p.StatusNote = "Требуется уточнение", "Полис действует, страховая проверяет данные"
	p.Insurer = extract.Insurer{Name: "Территориальный фонд обязательного медицинского страхования Ставропольского края",
		Address: "355035, Ставрополь, ул. Ленина, д. 415", Phone: "8 800 707 11 35", StandIn: true, Since: calendar.On(2026, time.March, 1)}
	p.Clinic = extract.Clinic{}
	return p
}

func unlisted() extract.Page {
	p := usual()
	p.Insurer = extract.Insurer{Name: "Компания с кодом 26999", Unlisted: true, Since: calendar.On(2019, time.January, 1)}
	return p
}

func newRenderer(t testing.TB) *extract.Renderer {
	t.Helper()
	r, err := extract.New()
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func render(t testing.TB, p extract.Page) []byte {
	t.Helper()
	pdf, err := newRenderer(t).Render(p)
	if err != nil {
		t.Fatal(err)
	}
	return pdf
}

// machineText is what the QR code has to say.
func machineText(p extract.Page) string {
	return "OMS-EXTRACT 1\nNO " + p.Number + "\nCODE " + p.Code + "\nENP " + p.ENP + "\nAT " + p.FormedAt.Format(time.RFC3339)
}

// file is the document on disk, for the tools that look at it from outside.
func file(t testing.TB, pdf []byte) string {
	t.Helper()
	name := filepath.Join(t.TempDir(), "extract.pdf")
	if err := os.WriteFile(name, pdf, 0o600); err != nil {
		t.Fatal(err)
	}
	return name
}

func run(t testing.TB, tool string, arguments ...string) string {
	t.Helper()
	if _, err := exec.LookPath(tool); err != nil {
		t.Fatalf("%s is missing: apt-get install poppler-utils zbar-tools qpdf", tool)
	}
	var stdout, stderr bytes.Buffer
	command := exec.Command(tool, arguments...)
	command.Stdout, command.Stderr = &stdout, &stderr
	if err := command.Run(); err != nil {
		t.Fatalf("%s: %v\n%s%s", tool, err, stdout.String(), stderr.String())
	}
	return stdout.String()
}

// text is what a reader of the PDF can copy, with its lines joined.
func text(t testing.TB, pdf []byte) string {
	t.Helper()
	return strings.Join(strings.Fields(run(t, "pdftotext", file(t, pdf), "-")), " ")
}

// word is a word on the page with its box, in points from the upper left.
type word struct {
	text                   string
	left, top, right, base float64
}

func words(t testing.TB, pdf []byte) []word {
	t.Helper()
	var page struct {
		Words []struct {
			Text string  `xml:",chardata"`
			XMin float64 `xml:"xMin,attr"`
			YMin float64 `xml:"yMin,attr"`
			XMax float64 `xml:"xMax,attr"`
			YMax float64 `xml:"yMax,attr"`
		} `xml:"body>doc>page>word"`
	}
	if err := xml.Unmarshal([]byte(run(t, "pdftotext", "-bbox", file(t, pdf), "-")), &page); err != nil {
		t.Fatal(err)
	}
	var all []word
	for _, w := range page.Words {
		all = append(all, word{w.Text, w.XMin, w.YMin, w.XMax, w.YMax})
	}
	return all
}

func unasked() extract.Page {
	p := usual()
	p.Clinic = extract.Clinic{Unasked: true}
	return p
}

func TestTheTextOfThePageCanBeCopied(t *testing.T) {
	for _, c := range []struct {
		name string
		page extract.Page
		want []string
	}{
		{"a usual person", usual(), []string{
			"Выписка из единого регистра застрахованных лиц",
			"№ 26-2026-0A1B2C3D от 10.03.2026, 09:00 (UTC+03:00)",
			"Соловьёва Мария Сергеевна", "12.03.1985", "Женский", "Ставропольский край",
			"2656 4108 8700 0127", "2656410887000127",
			"Активен", "Бумажный полис менять не нужно", "с 01.05.2011, без ограничения срока",
			"Филиал ООО «Капитал Медицинское Страхование» в Ставропольском крае",
			"355035, Ставрополь, ул. Дзержинского, д. 162", "Телефон 8 800 100 81 02", "kapmed.ru", "Страхует с 01.01.2019",
			"ГБУЗ СК «Городская клиническая поликлиника № 1»", "Прикрепление с 01.09.2020",
			"K7QF2M9XW4TB6ZR8HD3VNC5PJY", "«Цифровой полис ОМС» (https://polis.example.ru)",
		}},
		{"a stand-in for the insurer", standIn(), []string{
			"Ҡотлобаев Өлфәт Дата рождения", "Мужской", "Требуется уточнение",
			"Страховая не выбрана. Пока её заменяет территориальный фонд ОМС:",
			"Территориальный фонд обязательного медицинского страхования Ставропольского края",
			"Сведений о прикреплении нет",
		}},
		{"whose clinic was not asked for", unasked(), []string{"Поликлиника прикрепления", "Сведения о прикреплении не запрашивались"}},
		{"an insurer that the directory does not have", unlisted(), []string{
			"Компания с кодом 26999", "В справочнике страховых этой компании нет. О ней скажут в территориальном фонде ОМС.", "Страхует с 01.01.2019",
		}},
		{"very long texts", long(), []string{
			"Константинопольская-Преображенско-Воскресенская-Архангельская",
			"Мария-Антуанетта Александра Абдурахмангаджи-Магомедрасуловна кызы",
			"с 01.05.2011 по 31.12.2026", long().Insurer.Name, long().Clinic.Name,
		}},
	} {
		t.Run(c.name, func(t *testing.T) {
			got := text(t, render(t, c.page))
			for _, want := range c.want {
				if !strings.Contains(got, want) {
					t.Errorf("%q is not in:\n%s", want, got)
				}
			}
		})
	}
}

func TestThePageSaysThatItIsNotOfTheFederalFundNorSigned(t *testing.T) {
	got := text(t, render(t, usual()))
	for _, want := range []string{
		"Это документ этой системы, а не Федерального фонда ОМС: фонд его не выдавал и не подписывал.",
		"Электронной подписи в документе нет.",
		"Экстренную медицинскую помощь оказывают всегда и бесплатно",
	} {
		if !strings.Contains(got, want) {
			t.Errorf("%q is not in:\n%s", want, got)
		}
	}
}

func TestWhatIsNotKnownLeavesNoLabelBehind(t *testing.T) {
	p := usual()
	p.Region, p.StatusNote, p.ValidFrom, p.Birth, p.PublicURL = "", "", calendar.Date{}, calendar.Date{}, ""
	p.Insurer.Phone, p.Insurer.Site, p.Insurer.Since = "", "", calendar.Date{}
	p.Clinic.Since = calendar.Date{}
	got := text(t, render(t, p))
	for _, label := range []string{"Регион", "Дата рождения", "Телефон", "Страхует", "Прикрепление", "()"} {
		if strings.Contains(got, label) {
			t.Errorf("%q stands without a value in:\n%s", label, got)
		}
	}
	if want := "Активен без ограничения срока"; !strings.Contains(got, want) {
		t.Errorf("%q is not in:\n%s", want, got)
	}
}

func TestOnceAPolicyIsOverNobodyInsuresByItAnyMore(t *testing.T) {
	for name, p := range map[string]extract.Page{"an insurer": usual(), "a stand-in": standIn()} {
		p.Over, p.Status, p.StatusNote = true, "Аннулирован с 10.03.2026", ""
		got := text(t, render(t, p))
		for _, not := range []string{"без ограничения", "Страхует", "заменяет"} {
			if strings.Contains(got, not) {
				t.Errorf("%s: %q is in:\n%s", name, not, got)
			}
		}
		if !strings.Contains(got, "с 01.05.2011") {
			t.Errorf("%s: no beginning in:\n%s", name, got)
		}
	}
}

func TestAMissingPatronymicLeavesNoHole(t *testing.T) {
	whole, short := usual(), usual()
	short.Patronymic = ""
	top := func(p extract.Page) float64 {
		for _, w := range words(t, render(t, p)) {
			if w.text == "12.03.1985" {
				return w.top
			}
		}
		t.Fatal("no date of birth on the page")
		return 0
	}
	if a, b := top(whole), top(short); a != b {
		t.Errorf("the date of birth moved from %v to %v", a, b)
	}
}

func TestEveryLetterOfTheAlphabetIsCopiedInBothWeights(t *testing.T) {
	for _, letters := range []string{
		"АБВГДЕЁЖЗИЙКЛМНОПРСТУФХЦЧШЩЪЫЬЭЮЯ", "абвгдеёжзийклмнопрстуфхцчшщъыьэюя",
		"ӘәӨөҮүҖҗҢңҺһ", "ҘҙҠҡҒғҪҫ", "ҔҕҤҥ", // Tatar, Bashkir, Yakut
		"ІіЇїЄєҐґЎў", "ӐӑӖӗӲӳ", "ҚқҰұ", "ӢӣӮӯҲҳҶҷ", // Ukrainian and Belarusian, Chuvash, Kazakh, Tajik
		"ABCDEFGHIJKLMNOPQRSTUVWXYZ", "abcdefghijklmnopqrstuvwxyz", "0123456789",
		"!\"#$%&'()*+,-./:;<=>?@[\\]^_`{|}~", "«»—–№…•’‘§",
	} {
		p := usual()
		p.Family, p.Given, p.Patronymic = letters, letters, ""
		got := text(t, render(t, p))
		if want := letters + " " + letters; !strings.Contains(got, want) {
			t.Errorf("%s is not in:\n%s", want, got)
		}
	}
}

func TestANonBreakingSpaceIsCopiedAsASpace(t *testing.T) {
	p := usual()
	p.Given = "Мария\u00a0Анна"
	if got := text(t, render(t, p)); !strings.Contains(got, "Мария Анна") {
		t.Error(got)
	}
}

func TestTheDocumentIsSoundAndSmall(t *testing.T) {
	for name, p := range map[string]extract.Page{"usual": usual(), "long": long(), "stand-in": standIn()} {
		t.Run(name, func(t *testing.T) {
			pdf := render(t, p)
			run(t, "qpdf", "--check", file(t, pdf)) // warnings too give an exit code
			if len(pdf) > 40_000 {
				t.Errorf("%d bytes", len(pdf))
			}
			if !bytes.Contains(pdf, []byte("/Lang (ru-RU)")) {
				t.Error("the language is not told")
			}
		})
	}
}

func TestTheDocumentsInformationNamesTheExtractAndNotThePerson(t *testing.T) {
	information := run(t, "pdfinfo", file(t, render(t, usual())))
	for _, want := range []string{
		"Выписка № 26-2026-0A1B2C3D из единого регистра застрахованных лиц", "Цифровой полис ОМС", "A4", "Pages:           1",
	} {
		if !strings.Contains(information, want) {
			t.Errorf("%q is not in:\n%s", want, information)
		}
	}
	for _, secret := range []string{usual().Family, usual().Given, usual().Patronymic, usual().ENP} {
		if strings.Contains(information, secret) {
			t.Errorf("%q is in:\n%s", secret, information)
		}
	}
}

func TestBothCodesAreReadFromAPictureOf150DPI(t *testing.T) {
	pages := []extract.Page{usual(), long(), standIn()}
	for i, enp := range []string{"0000000000000000", "9999999999999999", "7712345678901234"} {
		p := usual()
		p.ENP = enp
		p.Number = "77-2026-" + strings.Repeat("F", 4+2*i)
		p.Code = strings.Repeat("Z9", 8+3*i)
		pages = append(pages, p)
	}
	for _, p := range pages {
		pdf := file(t, render(t, p))
		picture := strings.TrimSuffix(pdf, ".pdf")
		run(t, "pdftoppm", "-r", "150", "-png", "-singlefile", pdf, picture)
		for symbology, want := range map[string]string{"code128": p.ENP, "qrcode": machineText(p)} {
			got := run(t, "zbarimg", "-q", "--raw", "-Sdisable", "-S"+symbology+".enable", picture+".png")
			if got != want+"\n" {
				t.Errorf("%s of %s: got %q, want %q", symbology, p.ENP, got, want)
			}
		}
	}
}

func TestTheSamePageGivesTheSameBytes(t *testing.T) {
	for name, p := range map[string]extract.Page{"usual": usual(), "long": long(), "stand-in": standIn()} {
		if !bytes.Equal(render(t, p), render(t, p)) {
			t.Errorf("%s: two renderers differ", name)
		}
	}
	later := usual()
	later.FormedAt = later.FormedAt.Add(time.Minute)
	if bytes.Equal(render(t, usual()), render(t, later)) {
		t.Error("the time does not matter")
	}
}

func TestOneRendererServesManyAtOnce(t *testing.T) {
	pages := []extract.Page{usual(), long(), standIn()}
	var want [][]byte
	for _, p := range pages {
		want = append(want, render(t, p))
	}
	renderer := newRenderer(t)
	var group sync.WaitGroup
	for i := range 60 {
		group.Go(func() {
			got, err := renderer.Render(pages[i%len(pages)])
			if err != nil || !bytes.Equal(got, want[i%len(pages)]) {
				t.Errorf("call %d: other bytes, error %v", i, err)
			}
		})
	}
	group.Wait()
}

func TestLongTextsStayOnThePage(t *testing.T) {
	const millimetre = 72 / 25.4
	unbroken := usual()
	unbroken.Family = strings.Repeat("Ш", 90)
	unbroken.Insurer.Site = strings.Repeat("w", 120)
	clinic := usual() // as long as an import takes it
	clinic.Clinic.Name = strings.Repeat("Учреждение ", 22) + strings.Repeat("Щ", 8)
	clinic.Clinic.Address = strings.Repeat("Щ", 250)
	for name, p := range map[string]extract.Page{"long": long(), "a surname without a break": unbroken, "a clinic": clinic} {
		t.Run(name, func(t *testing.T) {
			for _, w := range words(t, render(t, p)) {
				if w.left < 19*millimetre || w.right > 191*millimetre || w.top < 10*millimetre || w.base > 287*millimetre {
					t.Errorf("%q stands at %v to %v, %v to %v", w.text, w.left, w.right, w.top, w.base)
				}
			}
		})
	}
}

func TestANameThatDoesNotFitIsRefused(t *testing.T) {
	p := usual()
	p.Family = strings.Repeat("Очень длинная фамилия ", 100)
	if pdf, err := newRenderer(t).Render(p); !errors.Is(err, extract.ErrTooLong) || pdf != nil {
		t.Errorf("%d bytes, error %v", len(pdf), err)
	}
}

// names are the texts that are the person's own or ours to make; others are
// those that somebody else wrote.
func names(p *extract.Page) map[string]*string {
	return map[string]*string{"number": &p.Number, "code": &p.Code, "family": &p.Family, "given": &p.Given, "patronymic": &p.Patronymic}
}

func others(p *extract.Page) map[string]*string {
	return map[string]*string{
		"insurer.name": &p.Insurer.Name, "insurer.address": &p.Insurer.Address, "insurer.phone": &p.Insurer.Phone, "insurer.site": &p.Insurer.Site,
		"clinic.name": &p.Clinic.Name, "clinic.address": &p.Clinic.Address,
		"issuer": &p.Issuer, "public_url": &p.PublicURL,
	}
}

var strange = []string{"😀", "a\nb", "\x00", "\x7f", "\u202e", "م", "日本", "é", "и\u0306\u0306", "\xff", "\ufeff", "₽"}

func TestANameInLettersThatTheFontsLackIsRefused(t *testing.T) {
	renderer := newRenderer(t)
	for _, bad := range strange {
		for field := range names(&extract.Page{}) {
			p := usual()
			*names(&p)[field] = bad
			pdf, err := renderer.Render(p)
			refused := fault.From(err)
			if pdf != nil || refused.Kind != fault.Invalid || refused.Code != "extract_unsupported_character" ||
				len(refused.Fields) != 1 || refused.Fields[0].Field != field {
				t.Errorf("%q in %s: %d bytes, %+v", bad, field, len(pdf), refused)
			}
		}
	}
}

func TestWhatOthersWroteKeepsNoExtractFromBeingMade(t *testing.T) {
	renderer := newRenderer(t)
	for field := range others(&extract.Page{}) {
		for _, bad := range strange {
			p := usual()
			*others(&p)[field] = bad
			if _, err := renderer.Render(p); err != nil {
				t.Errorf("%q in %s: %v", bad, field, err)
			}
		}
	}
	for _, unit := range []string{"Щ", "Щи ", "Учреждение "} {
		p := standIn() // with the longest name that a register takes
		p.Family, p.Given, p.Patronymic = strings.Repeat("Щ", 60), strings.Repeat("Щ", 60), strings.Repeat("Щ", 60)
		for _, text := range others(&p) {
			*text = strings.Repeat(unit, 1000)
		}
		pdf, err := renderer.Render(p)
		if err != nil {
			t.Fatalf("endless texts of %q: %v", unit, err)
		}
		run(t, "qpdf", "--check", file(t, pdf))
		if got := text(t, pdf); strings.Count(got, "…") != len(others(&p)) {
			t.Errorf("it is not seen that something is left out:\n%s", got)
		}
	}
}

func TestWhatOthersWroteIsPrintedInTheLettersThereAre(t *testing.T) {
	for written, printed := range map[string]string{
		"ООО “Детская клиника”":           `ООО "Детская клиника"`,
		"„Семья“ № 1 ‐ филиал − 2":        `"Семья" № 1 - филиал - 2`,
		"Краи\u0306няя больница":          "Крайняя больница",
		"Клиника\u2009«Åsa»,\u202fг. Уфа": "Клиника «?sa», г. Уфа",
		"日本 дом": "?? дом",
	} {
		p := usual()
		p.Clinic.Name, p.Insurer.Address = written, written
		if got := text(t, render(t, p)); strings.Count(got, printed) != 2 {
			t.Errorf("%s is not there twice:\n%s", printed, got)
		}
	}
}

func TestUnsupportedTellsEachCharacterOnce(t *testing.T) {
	if got := string(extract.Unsupported("Мария 😀é😀")); got != "😀é" {
		t.Errorf("got %q", got)
	}
	if got := extract.Unsupported("Әлфия О’Коннор-Ҡотлобаева, № 1"); got != nil {
		t.Errorf("got %q", got)
	}
}

func TestANumberThatIsNotSixteenDigitsIsNotPrinted(t *testing.T) {
	for _, enp := range []string{"", "265641088700012", "26564108870001271", "265641088700012A", "２６５６"} {
		p := usual()
		p.ENP = enp
		if pdf, err := newRenderer(t).Render(p); err == nil || pdf != nil {
			t.Errorf("%q: %d bytes", enp, len(pdf))
		}
	}
}
