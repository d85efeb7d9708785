package function

import (
	"net/http"
	"net/url"

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
