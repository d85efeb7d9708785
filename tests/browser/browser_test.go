package browser

import (
	"bytes"
	"fmt"
	"image/png"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"
)

func TestMain(m *testing.M) {
	code := m.Run()
	Close()
	os.Exit(code)
}

// around is a good page around a body.
func around(body string) string {
	return `<!doctype html><html lang="ru"><meta charset="utf-8"><meta name="viewport" content="width=device-width"><title>Проба</title><main><h1>Проба</h1>` + body + `</main></html>`
}

// site serves bodies of pages by their path, and whatever else handlers do.
func site(t *testing.T, pages map[string]string, handlers map[string]http.HandlerFunc) string {
	t.Helper()
	mux := http.NewServeMux()
	for path, body := range pages {
		mux.HandleFunc("GET "+path, func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Type", "text/html; charset=utf-8")
			io.WriteString(w, around(body))
		})
	}
	for pattern, handle := range handlers {
		mux.HandleFunc(pattern, handle)
	}
	server := httptest.NewServer(mux)
	t.Cleanup(server.Close)
	return server.URL
}

// spy is a test that is expected to fail.
type spy struct {
	testing.TB
	said     strings.Builder
	cleanups []func()
}

func (s *spy) Helper()                   {}
func (s *spy) Cleanup(f func())          { s.cleanups = append(s.cleanups, f) }
func (s *spy) Failed() bool              { return s.said.Len() > 0 }
func (s *spy) Errorf(f string, a ...any) { fmt.Fprintf(&s.said, f+"\n", a...) }
func (s *spy) Fatalf(f string, a ...any) { s.Errorf(f, a...); runtime.Goexit() }
func (s *spy) Fatal(a ...any)            { s.Fatalf("%s", fmt.Sprint(a...)) }

// fails runs a story that must, and gives what the test would say.
func fails(t *testing.T, story func(t testing.TB)) string {
	t.Helper()
	s := &spy{TB: t}
	done := make(chan struct{})
	go func() {
		defer close(done)
		defer func() {
			for _, f := range slices.Backward(s.cleanups) {
				f()
			}
		}()
		story(s)
	}()
	<-done
	if s.said.Len() == 0 {
		t.Fatal("the story did not fail")
	}
	return s.said.String()
}

func contains(t *testing.T, text string, parts ...string) {
	t.Helper()
	for _, part := range parts {
		if !strings.Contains(text, part) {
			t.Errorf("%q is not in:\n%s", part, text)
		}
	}
}

var both = []Options{{JavaScript: true}, {JavaScript: false}}

func TestAFormIsFilledInAndSentAsAPersonDoes(t *testing.T) {
	url := site(t, map[string]string{"/": `<form method="post" enctype="multipart/form-data">
		<p><label>Фамилия <input name="family" value="прежняя"></label>
		<p><label for="born">Дата&nbsp;рождения</label> <input id="born" name="born" type="date">
		<p><label for="about">О себе</label> <textarea id="about" name="about">текст</textarea>
		<p><label>Регион <select name="region"><option value="77">Москва<option value="26">Ставропольский край</select></label>
		<p><label><input type="checkbox" name="agreed"> Согласен</label>
		<p><style>.own input {position: absolute; clip-path: inset(50%); width: 1px; height: 1px}</style>
		<label class="own"><input type="radio" name="way" value="mail"> Почтой</label> <label class="own"><input type="radio" name="way" value="sms"> СМС</label>
		<p><label>Скан <input type="file" name="scan"></label>
		<p><button>Отправить</button></form><a href="/second">Дальше</a>`,
		"/second": `<p>Вторая`,
	}, map[string]http.HandlerFunc{"POST /": func(w http.ResponseWriter, r *http.Request) {
		file, head, err := r.FormFile("scan")
		if err != nil {
			http.Error(w, err.Error(), 400)
			return
		}
		content, _ := io.ReadAll(file)
		w.WriteHeader(http.StatusUnprocessableEntity)
		io.WriteString(w, around(fmt.Sprintf("<p>%s|%s|%q|%s|%s|%s|%s|%s", r.FormValue("family"), r.FormValue("born"), r.FormValue("about"), r.FormValue("region"), r.FormValue("agreed"), r.FormValue("way"), head.Filename, content)))
	}})
	scan := filepath.Join(t.TempDir(), "scan.txt")
	if err := os.WriteFile(scan, []byte("bytes"), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, screen := range []Screen{Phone, Desktop} {
		for _, options := range both {
			p := Open(t, screen, options)
			p.Go(url)
			p.Type("Фамилия", "Ёлкина")
			p.Type("Дата рождения", "1990-02-01")
			p.Type("О себе", "")
			p.Choose("Регион", "Ставропольский край")
			p.Click("Согласен")
			p.Click("СМС")
			p.Upload("Скан", scan)
			if p.Value("Фамилия") != "Ёлкина" || !p.Checked("Согласен") || p.Checked("Почтой") {
				t.Error("the form does not hold what was typed")
			}
			p.Click("Отправ…")
			p.Has(`Ёлкина|1990-02-01|""|26|on|sms|scan.txt|bytes`)
			if p.Status() != http.StatusUnprocessableEntity || p.Title() != "Проба" {
				t.Errorf("%d %q", p.Status(), p.Title())
			}
			p.Back()
			p.Click("Дальше")
			p.Has("Вторая")
			if p.URL() != url+"/second" {
				t.Error(p.URL())
			}
			p.Back()
			p.HasNot("Вторая")
			p.Reload()
			if p.Value("Фамилия") != "прежняя" && p.Value("Фамилия") != "Ёлкина" {
				t.Error(p.Value("Фамилия"))
			}
		}
	}
}

func TestAPageIsLoadedWhenTheClickThatLeadsToItReturns(t *testing.T) {
	slow := func(body string) http.HandlerFunc {
		return func(w http.ResponseWriter, r *http.Request) {
			time.Sleep(30 * time.Millisecond) // a server takes its time
			io.WriteString(w, around(body))
		}
	}
	url := site(t, map[string]string{"/": `<form method="post"><button>Отправить</button></form><a href="/two">Дальше</a><a href="#here">Сюда</a><p id="here">Место`}, map[string]http.HandlerFunc{
		"POST /":   func(w http.ResponseWriter, r *http.Request) { http.Redirect(w, r, "/two", http.StatusSeeOther) },
		"GET /two": slow(`<p>Вторая`),
	})
	for _, options := range both {
		p := Open(t, Desktop, options)
		for i := range 10 {
			p.Go(url)
			p.Click("Сюда")
			if i%2 == 0 {
				p.Click("Отправить")
			} else {
				p.TabTo("Отправить")
				p.Press("Enter")
			}
			if !strings.Contains(p.Text(), "Вторая") {
				t.Fatalf("after %d: %s", i, p.Text())
			}
		}
	}
}

func TestADoubleClickSendsAFormTwice(t *testing.T) {
	for _, options := range both {
		var sent atomic.Int32
		url := site(t, map[string]string{"/": `<form method="post"><button>Отправить</button></form>`}, map[string]http.HandlerFunc{
			"POST /": func(w http.ResponseWriter, r *http.Request) {
				sent.Add(1)
				http.Redirect(w, r, "/done", http.StatusSeeOther)
			},
			"GET /done": func(w http.ResponseWriter, r *http.Request) { io.WriteString(w, around("<p>Готово")) },
		})
		p := Open(t, Phone, options)
		for range 3 {
			sent.Store(0)
			p.Go(url)
			p.ClickTwice("Отправить")
			p.Has("Готово")
			if sent.Load() != 2 {
				t.Errorf("sent %d times", sent.Load())
			}
		}
	}
}

func TestWithoutJavaScriptNoScriptRuns(t *testing.T) {
	url := site(t, map[string]string{"/": `<p id="x">Без скрипта</p><script>x.textContent = 'Со скриптом'; setTimeout(() => x.textContent += ' позже')</script><noscript>Включите</noscript>`}, nil)
	on := Open(t, Desktop, Options{JavaScript: true})
	on.Go(url)
	on.Has("Со скриптом позже")
	on.HasNot("Включите")
	off := Open(t, Desktop, Options{})
	off.Go(url)
	off.Has("Без скрипта")
	off.Axe()
	off.Has("Включите")
	off.HasNot("Со скриптом")
	off.Reload()
	off.Has("Без скрипта")
}

func TestPeopleDifferInScreenColoursAndLanguage(t *testing.T) {
	url := site(t, nil, map[string]http.HandlerFunc{"GET /": func(w http.ResponseWriter, r *http.Request) {
		phone := strings.Contains(r.UserAgent(), "Mobile")
		io.WriteString(w, around(fmt.Sprintf(`<style>@media (prefers-color-scheme: dark) {.day {display: none}} @media (width > 400px) {.narrow {display: none}} @media (pointer: coarse) {.mouse {display: none}}</style>
			<p>язык %.2s, телефон %t<p class="day">день<p class="narrow">узко<p class="mouse">мышь`, r.Header.Get("Accept-Language"), phone)))
	}})
	for _, c := range []struct {
		screen      Screen
		options     Options
		has, hasNot []string
	}{
		{Phone, Options{}, []string{"язык ru, телефон true", "день", "узко"}, []string{"мышь"}},
		{Desktop, Options{Dark: true, Language: "en"}, []string{"язык en, телефон false", "мышь"}, []string{"день", "узко"}},
		{Desktop, Options{Zoom: 4}, []string{"узко"}, nil},
	} {
		p := Open(t, c.screen, c.options)
		p.Go(url)
		for _, text := range c.has {
			p.Has(text)
		}
		for _, text := range c.hasNot {
			p.HasNot(text)
		}
	}
}

func TestAxeFindsWhatPeopleWouldStumbleOver(t *testing.T) {
	url := site(t, map[string]string{
		"/":         `<input name="snils"><p style="color: #bbb; background: #fff">Бледно`,
		"/good":     `<label>СНИЛС <input name="snils"></label><p>Видно`,
		"/without":  `<noscript><p style="color: #bbb; background: #fff">Бледно без скрипта</noscript>`,
		"/inverted": `<style>@media (prefers-color-scheme: dark) {body {background: #000} p {color: #222}}</style><p>Видно днём`,
	}, nil)
	for _, options := range both {
		said := fails(t, func(t testing.TB) {
			p := Open(t, Phone, options)
			p.Go(url)
			p.Axe()
		})
		contains(t, said, "label: <input", "color-contrast: <p")
		p := Open(t, Phone, options)
		p.Go(url + "/good")
		p.Axe()
		p.Go(url + "/inverted")
		p.Axe()
	}
	contains(t, fails(t, func(t testing.TB) {
		p := Open(t, Phone, Options{})
		p.Go(url + "/without")
		p.Axe()
	}), "color-contrast")
	contains(t, fails(t, func(t testing.TB) {
		p := Open(t, Desktop, Options{Dark: true})
		p.Go(url + "/inverted")
		p.Axe()
	}), "color-contrast")
}

func TestComplaintsOfAPageFailTheTest(t *testing.T) {
	url := site(t, map[string]string{
		"/error":  `<script>console.error('сломалось', 7)</script>`,
		"/throw":  `<script>нет()</script>`,
		"/lost":   `<img src="/lost.png" alt="">`,
		"/silent": `<p>Тихо`,
	}, map[string]http.HandlerFunc{"GET /csp": func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Security-Policy", "default-src 'none'")
		io.WriteString(w, around(`<style>p {color: red}</style><p>Красное`))
	}})
	for _, c := range []struct{ path, says string }{
		{"/error", "сломалось 7"}, {"/throw", "ReferenceError"}, {"/lost", "lost.png"}, {"/csp", "Content Security Policy"},
	} {
		contains(t, fails(t, func(t testing.TB) { Open(t, Desktop, Options{JavaScript: true}).Go(url + c.path) }), "pages complained", c.says)
	}
	contains(t, fails(t, func(t testing.TB) { Open(t, Desktop, Options{}).Go(url + "/csp") }), "Content Security Policy")
	p := Open(t, Desktop, Options{JavaScript: true})
	p.Allow("lost.png")
	p.Go(url + "/lost")
	p.Go(url + "/silent")
	p.Go(url + "/no-such-page")
	if p.Status() != http.StatusNotFound || len(p.Console()) != 0 {
		t.Errorf("%d %q", p.Status(), p.Console())
	}
}

func TestWhatMovesByItselfIsSeen(t *testing.T) {
	picture := func(w http.ResponseWriter, r *http.Request) {
		time.Sleep(200 * time.Millisecond) // comes after the page was painted
		w.Header().Set("Content-Type", "image/svg+xml")
		io.WriteString(w, `<svg xmlns="http://www.w3.org/2000/svg" width="300" height="300"></svg>`)
	}
	url := site(t, map[string]string{
		"/moves": `<img src="/picture" alt=""><p>` + strings.Repeat("Текст ", 100),
		"/rests": `<img src="/picture" alt="" width="300" height="300"><p>` + strings.Repeat("Текст ", 100),
	}, map[string]http.HandlerFunc{"GET /picture": picture})
	for _, options := range both {
		p := Open(t, Phone, options)
		p.Go(url + "/moves")
		if shift := p.LayoutShift(); shift < 0.1 {
			t.Errorf("shift %v", shift)
		}
		p.Go(url + "/rests")
		if shift := p.LayoutShift(); shift != 0 {
			t.Errorf("shift %v", shift)
		}
	}
}

func TestTheKeyboardReachesWhatItCan(t *testing.T) {
	url := site(t, map[string]string{"/": `<a href="/1">Первая</a> <a tabindex="-1" href="/x">Без клавиатуры</a> <label>Поле <input></label> <button onclick="">Кнопка</button>`,
		"/1": `<p>Страница первая`}, nil)
	for _, options := range both {
		p := Open(t, Desktop, options)
		p.Go(url)
		p.TabTo("Кнопка")
		p.Press("Shift+Tab", "я")
		if p.Focused() != "Поле" || p.Value("Поле") != "я" {
			t.Errorf("%q %q", p.Focused(), p.Value("Поле"))
		}
		p.Go(url)
		p.TabTo("Первая")
		p.Press("Enter")
		p.Has("Страница первая")
		contains(t, fails(t, func(t testing.TB) {
			p := Open(t, Desktop, options)
			p.Go(url)
			p.TabTo("Без клавиатуры")
		}), `does not reach "Без клавиатуры"`, `link "Первая"`, `textbox "Поле"`, `button "Кнопка"`, url)
	}
}

func TestAFileIsDownloaded(t *testing.T) {
	content := bytes.Repeat([]byte("%PDF"), 50_000)
	url := site(t, map[string]string{"/": `<a href="/file">Скачать</a>`}, map[string]http.HandlerFunc{"GET /file": func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "application/pdf")
		w.Header().Set("Content-Disposition", `attachment; filename="extract.pdf"`)
		w.Write(content)
	}})
	for _, options := range both {
		p := Open(t, Phone, options)
		p.Go(url)
		for range 2 {
			if name, got := p.Download("Скачать"); name != "extract.pdf" || !bytes.Equal(got, content) {
				t.Errorf("%s, %d bytes", name, len(got))
			}
		}
		p.Has("Скачать")
	}
}

func TestBytesAreThoseOfThePageAndItsParts(t *testing.T) {
	style := strings.Repeat("p {color: black} ", 1000)
	url := site(t, map[string]string{
		"/":      `<link rel="stylesheet" href="/style.css"><p>` + strings.Repeat("я", 5000),
		"/small": `<p>Мало`,
	}, map[string]http.HandlerFunc{
		"GET /style.css": func(w http.ResponseWriter, r *http.Request) {
			w.Header().Set("Content-Type", "text/css")
			w.Header().Set("Cache-Control", "max-age=60")
			io.WriteString(w, style)
		},
		"GET /from": func(w http.ResponseWriter, r *http.Request) { http.Redirect(w, r, "/", http.StatusFound) },
	})
	p := Open(t, Phone, Options{})
	p.Go(url + "/from")
	const heads = 1000 // at most
	if got, least := p.Bytes(), len(style)+10_000; got < least || got > least+heads {
		t.Errorf("%d bytes, not a little more than %d", got, least)
	}
	p.Go(url + "/small")
	if got := p.Bytes(); got < 100 || got > heads {
		t.Errorf("%d bytes", got)
	}
	p.Go(url)
	if got := p.Bytes(); got < 10_000 || got > 10_000+heads {
		t.Errorf("%d bytes with the style in the cache", got)
	}
}

func TestTabsShareCookiesAndPersonsDoNot(t *testing.T) {
	url := site(t, nil, map[string]http.HandlerFunc{"GET /": func(w http.ResponseWriter, r *http.Request) {
		if _, err := r.Cookie("session"); err == nil {
			io.WriteString(w, around("<p>Снова вы"))
			return
		}
		http.SetCookie(w, &http.Cookie{Name: "session", Value: "1", Path: "/", HttpOnly: true, SameSite: http.SameSiteLaxMode})
		io.WriteString(w, around("<p>Впервые"))
	}})
	p := Open(t, Phone, Options{})
	p.Go(url)
	p.Has("Впервые")
	if c := p.Cookies(); len(c) != 1 || c[0].Name != "session" || !c[0].HttpOnly || c[0].SameSite != http.SameSiteLaxMode || !c[0].Expires.IsZero() {
		t.Errorf("%+v", c)
	}
	tab := p.NewTab()
	tab.Go(url)
	tab.Has("Снова вы")
	other := Open(t, Phone, Options{})
	other.Go(url)
	other.Has("Впервые")
}

func TestAPersonMayBeOffline(t *testing.T) {
	url := site(t, map[string]string{"/": `<a href="/2">Дальше</a>`, "/2": `<p>Вторая`}, nil)
	p := Open(t, Phone, Options{JavaScript: true})
	p.Go(url)
	p.Offline(true)
	p.Click("Дальше")
	p.HasNot("Вторая")
	p.Offline(false)
	p.Reload()
	p.Has("Вторая")
}

func TestAPageThatIsTooWideIsFound(t *testing.T) {
	url := site(t, map[string]string{"/wide": `<div style="width: 350px">Широко</div>`, "/fits": `<div style="max-width: 350px">Узко</div>`}, nil)
	for _, screen := range []Screen{Phone, Desktop} {
		contains(t, fails(t, func(t testing.TB) {
			p := Open(t, screen, Options{})
			p.Go(url + "/wide")
			p.NoHorizontalScroll(320)
		}), "on a screen of 320", "width: 350px")
		p := Open(t, screen, Options{})
		p.Go(url + "/fits")
		p.NoHorizontalScroll(320)
	}
}

func TestAPagePrintsAndIsPhotographed(t *testing.T) {
	folder := t.TempDir()
	t.Setenv("POLIS_SCREENSHOTS", folder)
	url := site(t, map[string]string{"/": `<p>Текст`}, nil)
	p := Open(t, Phone, Options{})
	p.Go(url)
	if document := p.PrintPDF(); !bytes.HasPrefix(document, []byte("%PDF-")) {
		t.Errorf("%.20q", document)
	}
	p.Screenshot("первая/страница")
	file, err := os.ReadFile(filepath.Join(folder, "первая страница.png"))
	if err != nil {
		t.Fatal(err)
	}
	picture, err := png.DecodeConfig(bytes.NewReader(file))
	if err != nil || picture.Width != int(float64(Phone.Width)*Phone.Density) {
		t.Errorf("%+v %v", picture, err)
	}
}

func TestWhatCannotBeDoneIsSaidWithWhatIsThere(t *testing.T) {
	patience = 300 * time.Millisecond
	t.Cleanup(func() { patience = 10 * time.Second })
	url := site(t, map[string]string{"/": `<p>Видно<a href="/1">Подробнее</a> <a href="/2">Подробнее</a> <button hidden>Скрыто</button>
		<div style="position: relative"><button>Под низом</button><div id="cover" style="position: absolute; inset: 0"></div></div>
		<label>Регион <select><option>Москва</select></label>`}, nil)
	for name, c := range map[string]struct {
		story func(p *Page)
		says  []string
	}{
		"absent":    {func(p *Page) { p.Click("Отправить") }, []string{`"Отправить"`, `link "Подробнее"`}},
		"hidden":    {func(p *Page) { p.Click("Скрыто") }, []string{`"Скрыто"`}},
		"ambiguous": {func(p *Page) { p.Click("Подробнее") }, []string{"any of"}},
		"covered":   {func(p *Page) { p.Click("Под низом") }, []string{`id="cover"`}},
		"no option": {func(p *Page) { p.Choose("Регион", "Тверь") }, []string{`"Тверь"`, `"Москва"`}},
		"no text":   {func(p *Page) { p.Has("Нет такого") }, []string{"Нет такого"}},
		"text":      {func(p *Page) { p.HasNot("Видно") }, []string{"gone"}},
		"no file":   {func(p *Page) { p.Download("Регион") }, []string{"saves no file"}},
	} {
		t.Run(name, func(t *testing.T) {
			said := fails(t, func(t testing.TB) {
				p := Open(t, Desktop, Options{})
				p.Go(url)
				c.story(p)
			})
			contains(t, said, append(c.says, url, "Видно")...)
		})
	}
}
