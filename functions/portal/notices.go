package function

import (
	"cmp"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"polis/shared/consent"
	"polis/shared/fault"
	"polis/shared/web"
)

type preferences struct {
	Email bool `json:"email"`
	SMS   bool `json:"sms"`
}

type noticesPage struct {
	Items       []noticeAnswer
	Next        string
	Preferences preferences
	Saved       bool
}

var noticesTitle = fault.Text{RU: "Уведомления", EN: "Notices"}

func (v *visit) noticeList() (list noticesPage, err error) {
	query := url.Values{"limit": {"20"}}
	if next := v.Query.Get("next"); next != "" {
		query.Set("next", next)
	}
	if err = v.ask(http.MethodGet, "/notify?"+query.Encode(), nil, &list); err != nil {
		return list, err
	}
	return list, v.ask(http.MethodGet, "/notify/preferences", nil, &list.Preferences)
}

func (p *portal) notices(v *visit) (web.Answer, error) {
	list, err := v.noticeList()
	if err != nil {
		return web.Answer{}, err
	}
	list.Saved = v.Query.Has("saved")
	return v.show("notices", noticesTitle, list)
}

// prefer sets the channels of notices to come.
func (p *portal) prefer(v *visit) (web.Answer, error) {
	chosen := preferences{Email: v.Form.Has("email"), SMS: v.Form.Has("sms")}
	if err := v.ask(http.MethodPut, "/notify/preferences", chosen, nil); err != nil {
		list, listErr := v.noticeList()
		if listErr != nil {
			return web.Answer{}, listErr
		}
		list.Preferences = chosen
		return v.again(err, "notices", noticesTitle, list)
	}
	return v.to("/notices?saved")
}

type accessPage struct {
	Person string
	Family []member
	Items  []accessAnswer
	Next   string
}

// accesses shows who looked at a person's data, the visitor's own among them.
func (p *portal) accesses(v *visit) (web.Answer, error) {
	list := accessPage{Person: cmp.Or(v.Query.Get("person"), consent.Self)}
	query := url.Values{"person": {list.Person}, "limit": {"30"}}
	if before := v.Query.Get("before"); before != "" {
		query.Set("before", before)
	}
	if err := v.ask(http.MethodGet, "/policy-card/access?"+query.Encode(), nil, &list); err != nil {
		return web.Answer{}, err
	}
	list.Items = together(list.Items)
	o, err := v.family()
	if err != nil {
		return web.Answer{}, err
	}
	list.Family = o.Members
	return v.show("access", fault.Text{RU: "Кто смотрел мои данные", EN: "Who looked at my data"}, list)
}

// together makes one entry of what one did within one minute: opening a page
// reads several things at once.
func together(items []accessAnswer) []accessAnswer {
	var all []accessAnswer
	for _, item := range items {
		if n := len(all) - 1; n >= 0 && all[n].Who == item.Who && all[n].At.Truncate(time.Minute).Equal(item.At.Truncate(time.Minute)) {
			if !slices.Contains(strings.Split(all[n].Text, "; "), item.Text) {
				all[n].Text += "; " + item.Text
			}
			continue
		}
		all = append(all, item)
	}
	return all
}
