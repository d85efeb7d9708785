package browser

import (
	"errors"
	"slices"
	"strings"

	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/cdproto/fetch"
	"github.com/chromedp/cdproto/log"
	"github.com/chromedp/cdproto/network"
	"github.com/chromedp/cdproto/page"
	"github.com/chromedp/cdproto/performancetimeline"
	"github.com/chromedp/cdproto/runtime"
)

type requestID = network.RequestID

// events are what Chromium has told of a tab.
type events struct {
	frame      cdp.FrameID
	loading    bool // a page was asked for and is not complete
	answers    int  // held back in a double click
	pages      int  // shown so far
	status     int  // HTTP, of the page
	documents  map[requestID]bool
	own        map[requestID]bool // asked by the browser, not by the page
	pending    map[requestID]bool
	bytes      float64
	shift      float64
	touched    bool // by the person, since it was opened
	complaints []string
}

// watch takes an event in the order of their arrival. It must be quick.
func (p *Page) watch(event any) {
	p.mu.Lock()
	defer p.mu.Unlock()
	switch e := event.(type) {
	case *page.EventFrameRequestedNavigation:
		if e.FrameID == p.frame && e.Disposition == page.ClientNavigationDispositionCurrentTab && strings.HasPrefix(e.URL, "http") {
			p.loading = true
		}
	case *page.EventFrameStartedNavigating:
		if e.FrameID == p.frame && !strings.HasSuffix(strings.ToLower(string(e.NavigationType)), "samedocument") {
			p.loading = true
		}
	case *page.EventNavigatedWithinDocument:
		if e.FrameID == p.frame {
			p.loading = false
		}
	case *page.EventFrameStoppedLoading:
		if e.FrameID == p.frame {
			p.loading = false
		}
	case *page.EventFrameNavigated:
		if e.Frame.ID == p.frame {
			p.pages++
			p.shift, p.touched = 0, false
		}
	case *fetch.EventRequestPaused:
		p.answers++
	case *network.EventRequestWillBeSent:
		if strings.HasSuffix(e.Request.URL, "/favicon.ico") {
			p.own[e.RequestID] = true
			return
		}
		if e.Type == network.ResourceTypeDocument && e.FrameID == p.frame {
			p.documents[e.RequestID] = true
			if e.RedirectResponse == nil {
				p.bytes = 0
				clear(p.pending)
			}
		}
		if e.RedirectResponse != nil {
			p.bytes += e.RedirectResponse.EncodedDataLength
		}
		p.pending[e.RequestID] = true
	case *network.EventResponseReceived:
		if p.documents[e.RequestID] {
			p.status = int(e.Response.Status)
		}
	case *network.EventLoadingFinished:
		if p.pending[e.RequestID] {
			p.bytes += e.EncodedDataLength
			delete(p.pending, e.RequestID)
		}
	case *network.EventLoadingFailed:
		delete(p.pending, e.RequestID)
	case *performancetimeline.EventTimelineEventAdded:
		if shift := e.Event.LayoutShiftDetails; shift != nil && !(shift.HadRecentInput && p.touched) { // setting the screen is input, too
			p.shift += shift.Value
		}
	case *log.EventEntryAdded:
		// A page with a status of 4xx is an answer, no complaint.
		if e.Entry.Level == log.EntryLevelError && !p.documents[e.Entry.NetworkRequestID] && !p.own[e.Entry.NetworkRequestID] {
			p.complaints = append(p.complaints, strings.TrimSpace(e.Entry.Text+" "+e.Entry.URL))
		}
	case *runtime.EventConsoleAPICalled:
		if e.Type == runtime.ConsoleAPICalledTypeError || e.Type == runtime.ConsoleAPICalledTypeAssert {
			var said []string
			for _, arg := range e.Args {
				text := arg.Description // of what is no string
				if text == "" {
					text = decoded[string](arg.Value)
				}
				said = append(said, text)
			}
			p.complaints = append(p.complaints, "console: "+strings.Join(said, " "))
		}
	case *runtime.EventExceptionThrown:
		thrown := e.ExceptionDetails.Text
		if e.ExceptionDetails.Exception != nil {
			thrown += " " + e.ExceptionDetails.Exception.Description
		}
		p.complaints = append(p.complaints, thrown)
	}
}

// touch notes that a person has done something to the page.
func (p *Page) touch() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.touched = true
}

// told is what is known by now; its maps belong to watch.
func (p *Page) told() events {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.events
}

// flush waits until the page has dealt with what was done to it, so that its
// events have arrived. It cannot tell of a page that is just being replaced.
func (p *Page) flush() {
	for range 2 {
		p.eval("0", nil)
	}
}

// settle waits for the page that an action leads to, if it does.
func (p *Page) settle() {
	p.t.Helper()
	p.flush()
	p.await("the page to load", func() error {
		if p.told().loading {
			return errors.New("it is still loading")
		}
		return nil
	})
}

// Status is the HTTP status of the page.
func (p *Page) Status() int { return p.told().status }

// Console is what pages have complained of so far: errors on the console,
// exceptions, what the content security policy forbade, and what could not be
// loaded.
func (p *Page) Console() []string {
	p.mu.Lock()
	defer p.mu.Unlock()
	return slices.DeleteFunc(slices.Clone(p.complaints), func(said string) bool {
		return slices.ContainsFunc(p.allowed, func(part string) bool { return strings.Contains(said, part) })
	})
}

// Allow complaints that contain this text.
func (p *Page) Allow(part string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.allowed = append(p.allowed, part)
}

// Bytes over the wire for this page: heads and bodies, with redirects, styles,
// pictures and the rest; what the cache held is free.
func (p *Page) Bytes() (bytes int) {
	p.t.Helper()
	p.await("all parts of the page", func() error {
		p.mu.Lock()
		defer p.mu.Unlock()
		if bytes = int(p.bytes); len(p.pending) > 0 {
			return errors.New("some are on their way")
		}
		return nil
	})
	return bytes
}
