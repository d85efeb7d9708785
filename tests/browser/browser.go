// Package browser lets a test use the service as a person does, in a real
// Chromium: by what is on the screen and by names that a screen reader says,
// never by selectors or ids.
//
//	p := browser.Open(t, browser.Phone, browser.Options{JavaScript: true})
//	p.Go(url)
//	p.Type("СНИЛС", "112-233-445 95")
//	p.Click("Продолжить")
//	p.Has("Заявление принято")
//	p.Axe()
//
// Every action waits for what it needs, and for the page that it leads to, ten
// seconds at most. One that fails ends the test and says what was looked for,
// where, and what was there instead. A test also fails at its end if a page
// complained on its console or broke its content security policy.
//
// All tests share one headless shell of Chromium, and one whole Chromium where
// Options.Whole asks for it. Each Open has cookies, cache and storage of its own.
// TestMain has to call Close. After a test that was killed Chromium is gone,
// but its folder chromedp-runner... stays among the temporary files.
//
// A page that is dark by night needs a background of its own, as axe-core takes
// the bare screen for white.
package browser

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/chromedp/cdproto/browser"
	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/cdproto/performancetimeline"
	"github.com/chromedp/chromedp"
)

// patience is how long anything may take; shorter in tests of what fails.
var patience = 10 * time.Second

// Screen is what a page is shown on.
type Screen struct {
	Width, Height int64   // CSS pixels
	Density       float64 // of its pictures; four times the pixels are four times the work
	Mobile        bool    // with a touch screen and a mobile user agent
}

// The two screens that every page is for.
var (
	Phone   = Screen{Width: 390, Height: 844, Density: 2, Mobile: true}
	Desktop = Screen{Width: 1280, Height: 900, Density: 1}
)

// Options are what people differ in. The zero value reads Russian, without
// JavaScript, by day.
type Options struct {
	JavaScript bool
	Dark       bool    // prefers-color-scheme
	Language   string  // Accept-Language; "" is "ru"
	Zoom       float64 // 4 is 400 %; 0 is 1

	// Whole is all of Chromium, which keeps pages in memory for the back button
	// and lets a page use the clipboard, where its headless shell is the same
	// engine alone and needs half the time.
	Whole bool
}

const mobileAgent = "Mozilla/5.0 (Linux; Android 10; K) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/156.0.0.0 Mobile Safari/537.36"

// process of a browser, the one of this test binary.
type process struct {
	program string
	ctx     context.Context
	agent   string
}

var running struct {
	sync.Mutex
	shell, whole process
}

// chromium gives the browser's process, and starts it when it is first needed. It
// ends with ours, however that ends: it reads commands from a pipe.
func chromium(t testing.TB, whole bool) process {
	t.Helper()
	running.Lock()
	defer running.Unlock()
	p := &running.shell
	p.program = "chromium-headless-shell"
	if whole {
		p = &running.whole
		p.program = "chromium"
	}
	if p.ctx != nil {
		return *p
	}
	path, err := exec.LookPath(p.program)
	if err != nil && !whole { // some systems have the whole one alone
		path, err = exec.LookPath("chromium")
	}
	if err != nil {
		t.Fatalf("%s is missing: apt-get install %[1]s (tests/run does)", p.program)
	}
	var said strings.Builder
	allocator, _ := chromedp.NewExecAllocator(context.Background(), append(chromedp.DefaultExecAllocatorOptions[:],
		chromedp.ExecPath(path),
		chromedp.CombinedOutput(&said),
		chromedp.NoSandbox, // root has none, and all pages are our own:
		chromedp.Flag("host-resolver-rules", "MAP * ~NOTFOUND, EXCLUDE 127.0.0.1, EXCLUDE localhost"),
		chromedp.DisableGPU,
		chromedp.Flag("disable-quic", true),
		chromedp.Flag("disable-component-update", true),
	)...)
	ctx, _ := chromedp.NewContext(allocator)
	if err := chromedp.Do(ctx); err != nil {
		chromedp.Cancel(ctx)
		t.Fatalf("%s does not start: %v\n%s", p.program, err, &said)
	}
	version, err := chromedp.CallBrowser(ctx, browser.GetVersion, cdp.Empty{})
	if err != nil {
		t.Fatal(err)
	}
	p.ctx, p.agent = ctx, strings.ReplaceAll(version.UserAgent, "Headless", "")
	return *p
}

// Close ends Chromium and removes its files. Without one it does nothing.
func Close() {
	running.Lock()
	defer running.Unlock()
	for _, p := range []*process{&running.shell, &running.whole} {
		if p.ctx != nil {
			chromedp.Cancel(p.ctx) // the process ends in any case
			p.ctx = nil
		}
	}
}

// Open is a person who opens a browser for the first time: an empty tab, no
// cookies.
func Open(t testing.TB, screen Screen, options Options) *Page {
	t.Helper()
	running := chromium(t, options.Whole)
	agent := running.agent
	if screen.Mobile {
		agent = mobileAgent
	}
	if options.Language == "" {
		options.Language = "ru"
	}
	if options.Zoom == 0 {
		options.Zoom = 1
	}
	return open(&Page{t: t, screen: screen, options: options, agent: agent}, running.ctx, chromedp.WithNewBrowserContext())
}

// NewTab is a second tab with the same cookies.
func (p *Page) NewTab() *Page {
	p.t.Helper()
	return open(&Page{t: p.t, screen: p.screen, options: p.options, agent: p.agent, allowed: p.allowed}, p.ctx)
}

func open(p *Page, parent context.Context, options ...chromedp.ContextOption) *Page {
	p.t.Helper()
	p.documents, p.own, p.pending = map[requestID]bool{}, map[requestID]bool{}, map[requestID]bool{}
	p.ctx, _ = chromedp.NewContext(parent, append(options, chromedp.WithListener(p.watch))...)
	p.t.Cleanup(func() {
		if p.t.Failed() {
			p.Screenshot("failed " + p.t.Name())
		}
		p.t.Helper()
		if said := p.Console(); len(said) > 0 {
			p.t.Errorf("pages complained:\n%s", strings.Join(said, "\n"))
		}
		chromedp.Cancel(p.ctx)
	})
	err := chromedp.Do(p.ctx)
	if err != nil {
		p.t.Fatalf("no tab opens: %v", err)
	}
	p.mu.Lock()
	p.frame = cdp.FrameID(chromedp.FromContext(p.ctx).Target.TargetID)
	p.mu.Unlock()
	colours := "light"
	if p.options.Dark {
		colours = "dark"
	}
	must(p, emulation.SetUserAgentOverride, emulation.SetUserAgentOverrideParams{UserAgent: p.agent, AcceptLanguage: p.options.Language})
	must(p, emulation.SetEmulatedMedia, emulation.SetEmulatedMediaParams{Features: []*emulation.MediaFeature{{Name: "prefers-color-scheme", Value: colours}}})
	must(p, emulation.SetTouchEmulationEnabled, emulation.SetTouchEmulationEnabledParams{Enabled: p.screen.Mobile, MaxTouchPoints: 1})
	script(p, p.options.JavaScript)
	must(p, performancetimeline.Enable, performancetimeline.EnableParams{EventTypes: []string{"layout-shift"}})
	p.show(p.width())
	return p
}

// show sets the width of the page, in CSS pixels.
func (p *Page) show(width int64) { p.t.Helper(); p.showIn(width, 1) }

// showIn draws it in a density too.
func (p *Page) showIn(width int64, density float64) {
	p.t.Helper()
	must(p, emulation.SetDeviceMetricsOverride, emulation.SetDeviceMetricsOverrideParams{
		Width: width, Height: int64(float64(p.screen.Height) / p.options.Zoom),
		DeviceScaleFactor: density * p.options.Zoom, Mobile: p.screen.Mobile,
	})
}

// width of the screen in the page's pixels.
func (p *Page) width() int64 { return int64(float64(p.screen.Width) / p.options.Zoom) }

// Screenshot writes the whole page as name.png into the folder that the
// variable POLIS_SCREENSHOTS names, and does nothing where it names none.
func (p *Page) Screenshot(name string) {
	p.t.Helper()
	folder := os.Getenv("POLIS_SCREENSHOTS")
	if folder == "" {
		return
	}
	p.showIn(p.width(), p.screen.Density)
	defer p.show(p.width())
	ctx, cancel := context.WithTimeout(p.ctx, patience)
	defer cancel()
	picture, err := chromedp.Run(ctx, chromedp.FullScreenshot(100))
	if err == nil {
		err = os.MkdirAll(folder, 0o755)
	}
	if err == nil {
		err = os.WriteFile(filepath.Join(folder, strings.ReplaceAll(name, "/", " ")+".png"), picture, 0o644)
	}
	if err != nil {
		p.t.Errorf("no screenshot %q: %v", name, err)
	}
}

// PrintPDF is the page as it comes out of a printer, on A4.
func (p *Page) PrintPDF() []byte {
	p.t.Helper()
	ctx, cancel := context.WithTimeout(p.ctx, patience)
	defer cancel()
	document, err := chromedp.Run(ctx, chromedp.PrintToPDF(chromedp.PDFPaper(chromedp.PaperA4), chromedp.PDFPreferCSSPageSize()))
	if err != nil {
		p.fatal("print: %v", err)
	}
	return document
}

// send gives Chromium a command for this tab.
func send[P, R any](p *Page, command cdp.Command[P, R], params P) (R, error) {
	ctx, cancel := context.WithTimeout(p.ctx, patience)
	defer cancel()
	return chromedp.Call(ctx, command, params)
}

func must[P, R any](p *Page, command cdp.Command[P, R], params P) R {
	p.t.Helper()
	result, err := send(p, command, params)
	if err != nil {
		p.fatal("%s: %v", command.Method, err)
	}
	return result
}

// fatal ends the test, and says where the person was.
func (p *Page) fatal(format string, args ...any) {
	p.t.Helper()
	text, err := p.text()
	if err != nil {
		text = err.Error()
	}
	if short := []rune(text); len(short) > 600 {
		text = string(short[:600]) + "…"
	}
	p.t.Fatalf("%s\nat %s, which reads:\n%s", fmt.Sprintf(format, args...), p.URL(), text)
}
