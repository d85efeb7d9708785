package browser

import (
	"fmt"
	"os"
	"path/filepath"
	goruntime "runtime"
	"strings"
	"sync"

	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/cdproto/page"
)

var axeSource = sync.OnceValues(func() (string, error) {
	_, here, _, _ := goruntime.Caller(0)
	source, err := os.ReadFile(filepath.Join(filepath.Dir(here), "node_modules", "axe-core", "axe.min.js"))
	return string(source), err
})

// Axe fails the test for everything on the page that people with a disability
// would stumble over, as far as axe-core can tell. It looks at the page as it
// is, one without JavaScript too.
func (p *Page) Axe() {
	p.t.Helper()
	if found := p.stumbles(); len(found) > 0 {
		p.t.Errorf("axe at %s:\n%s", p.URL(), strings.Join(found, "\n"))
	}
}

func (p *Page) stumbles() (found []string) {
	p.t.Helper()
	axe, err := axeSource()
	if err != nil {
		p.t.Fatalf("axe-core is missing: npm ci --prefix tests/browser (tests/run does): %v", err)
	}
	// The scripts of a page that was loaded without them do not run any more.
	script(p, true)
	defer script(p, p.options.JavaScript)
	world := must(p, page.CreateIsolatedWorld, page.CreateIsolatedWorldParams{FrameID: p.frame, WorldName: "axe"}).ExecutionContextID
	// It takes no notice of what is for people without scripts.
	const unwrap = `for (const n of document.querySelectorAll('noscript')) if (n.firstElementChild) n.replaceWith(...n.childNodes)`
	if err = p.evalIn(world, axe+";"+unwrap, nil); err == nil {
		err = p.evalIn(world, `axe.run(document, {resultTypes: ['violations'], preload: false, rules: {'target-size': {enabled: true}}}).then(
			result => result.violations.flatMap(v => v.nodes.map(n => v.id + ': ' + n.html + '\n  ' + n.failureSummary.replace(/\n/g, '\n  '))))`, &found)
	}
	if err != nil {
		p.fatal("axe: %v", err)
	}
	return found
}

func script(p *Page, on bool) {
	p.t.Helper()
	must(p, emulation.SetScriptExecutionDisabled, emulation.SetScriptExecutionDisabledParams{Value: !on})
}

// LayoutShift is how much of the page has moved by itself since it was opened:
// the sum of all shifts, 0 is none, 0.1 and more disturbs people.
func (p *Page) LayoutShift() float64 {
	p.t.Helper()
	// What has not been painted has not moved yet.
	must(p, page.CaptureScreenshot, page.CaptureScreenshotParams{Clip: &page.Viewport{Width: 1, Height: 1, Scale: 1}})
	p.flush()
	return p.told().shift
}

// NoHorizontalScroll fails the test if the page does not fit a width in CSS
// pixels; 320 is the narrowest phone, and a desktop at 400 %.
func (p *Page) NoHorizontalScroll(width int64) {
	p.t.Helper()
	p.show(width)
	defer p.show(p.width())
	var wide struct {
		Width float64
		Parts []string
	}
	p.await("the page's width", func() error {
		return p.eval(fmt.Sprintf(`({
			width: Math.max(document.documentElement.scrollWidth, document.documentElement.clientWidth),
			parts: [...document.querySelectorAll('body *')].filter(e => e.getBoundingClientRect().right > %d).map(e => e.outerHTML.slice(0, 120)).slice(-3),
		})`, width), &wide)
	})
	if wide.Width > float64(width) {
		p.t.Errorf("%s is %v pixels wide on a screen of %d, for example: %s", p.URL(), wide.Width, width, strings.Join(wide.Parts, "\n"))
	}
}
