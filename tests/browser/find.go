package browser

import (
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/chromedp/cdproto/accessibility"
	"github.com/chromedp/cdproto/cdp"
	jsonv2 "github.com/chromedp/cdproto/cdp/jsonv2"
	"github.com/chromedp/cdproto/runtime"
)

// element is something on the page as a screen reader knows it.
type element struct {
	id         cdp.BackendNodeID
	role, name string
}

func (e element) String() string { return fmt.Sprintf("%s %q", e.role, e.name) }

// Roles by what one does with them.
var (
	fieldRoles = []string{"textbox", "searchbox", "spinbutton", "Date", "DateTime", "InputTime", "slider", "combobox"}
	clickable  = append([]string{"link", "button", "checkbox", "radio", "switch", "tab", "menuitem", "option", "DisclosureTriangle", "listbox"}, fieldRoles...)
)

func orClickable(role []string) []string {
	if len(role) > 0 {
		return role
	}
	return clickable
}

// elements of the page, but for what is hidden.
func (p *Page) elements() ([]element, error) {
	tree, err := send(p, accessibility.GetFullAXTree, accessibility.GetFullAXTreeParams{})
	if err != nil {
		return nil, err
	}
	return seen(tree.Nodes), nil
}

// seen are the nodes that a screen reader knows.
func seen(nodes []*accessibility.Node) (all []element) {
	for _, node := range nodes {
		if node.Ignored || node.Role == nil {
			continue
		}
		e := element{id: node.BackendDOMNodeID, role: decoded[string](node.Role.Value)}
		if node.Name != nil {
			e.name = plain(decoded[string](node.Name.Value))
		}
		all = append(all, e)
	}
	return all
}

func decoded[T any](value jsonv2.Value) (v T) {
	json.Unmarshal(value, &v) // what is no T is none
	return v
}

// find waits for the one element of this name and one of the roles.
func (p *Page) find(name string, roles []string) (found element) {
	p.t.Helper()
	p.await(fmt.Sprintf("%q (%s)", name, strings.Join(roles, ", ")), func() error {
		all, err := p.elements()
		if err != nil {
			return err
		}
		var named, others []string
		for _, e := range all {
			switch {
			case !slices.Contains(roles, e.role):
			case matches(e.name, name):
				found = e
				named = append(named, e.String())
			default:
				others = append(others, e.String())
			}
		}
		switch len(named) {
		case 0:
			return fmt.Errorf("there are only: %s", strings.Join(others, ", "))
		case 1:
			return nil
		}
		return fmt.Errorf("it may be any of: %s", strings.Join(named, ", "))
	})
	return found
}

// focused is the element with the focus; the zero element is the page itself. Only
// that node is asked for: the whole tree at each step of the keyboard takes long.
func (p *Page) focused() (element, error) {
	active, err := send(p, runtime.Evaluate, runtime.EvaluateParams{Expression: `document.activeElement === document.body ? null : document.activeElement`})
	if err != nil || active.Result == nil || active.Result.ObjectID == "" {
		return element{}, err
	}
	tree, err := send(p, accessibility.GetPartialAXTree, accessibility.GetPartialAXTreeParams{ObjectID: active.Result.ObjectID, FetchRelatives: new(false)})
	for _, e := range seen(tree.Nodes) {
		return e, err
	}
	return element{}, err
}

// spot scrolls to an element, and gives the place to click at: on itself or its
// label, where nothing covers it.
func (p *Page) spot(e element) (x, y float64) {
	p.t.Helper()
	var at struct {
		X, Y float64
		Over string
	}
	p.await(fmt.Sprintf("%v to be where one can click", e), func() error {
		p.on(e, `function() {
			this.scrollIntoView({block: 'center', inline: 'nearest', behavior: 'instant'});
			let over = 'nothing: it is not on the screen';
			for (const part of [this, ...(this.labels || [])]) {
				for (const box of part.getClientRects()) {
					const x = box.left + box.width / 2, y = box.top + box.height / 2;
					const hit = document.elementFromPoint(x, y);
					if (hit && part.contains(hit) && (part === this || !hit.closest('a[href]'))) return {x, y, over: ''};
					if (hit) over = hit.outerHTML.slice(0, 200);
				}
			}
			return {over};
		}`, &at)
		if at.Over != "" {
			return errors.New("in its place is " + at.Over)
		}
		return nil
	})
	return at.X, at.Y
}

// spaces that look like one, and hyphens that are not seen.
var spaces = strings.NewReplacer("\u00a0", " ", "\u202f", " ", "\u2009", " ", "\u00ad", "")

// plain is a text as it is compared.
func plain(text string) string { return strings.Join(strings.Fields(spaces.Replace(text)), " ") }

func matches(name, wanted string) bool {
	if start, cut := strings.CutSuffix(plain(wanted), "…"); cut && strings.HasPrefix(name, start) {
		return true
	}
	return name == plain(wanted)
}
