package function

import (
	"cmp"
	"net/http"
	"net/url"

	"polis/shared/consent"
	"polis/shared/fault"
	"polis/shared/gateway"
	"polis/shared/web"
)

type documentsPage struct {
	Items  []documentAnswer
	Family []relative // of whom an extract can be made
}

// NameOf is whose document it is; "" where it is not known.
func (d documentsPage) NameOf(who string) string {
	for _, r := range d.Family {
		if r.Person == who {
			return r.Name.Full()
		}
	}
	return ""
}

var documentsTitle = fault.Text{RU: "Документы", EN: "Documents"}

func (v *visit) documentList() (d documentsPage, err error) {
	if err = v.ask(http.MethodGet, "/extract-rendering", nil, &d); err != nil {
		return d, err
	}
	o, err := v.family()
	for _, m := range o.Members {
		if m.Card != nil {
			d.Family = append(d.Family, m.relative)
		}
	}
	return d, err
}

func (p *portal) documents(v *visit) (web.Answer, error) {
	list, err := v.documentList()
	if err != nil {
		return web.Answer{}, err
	}
	return v.show("documents", documentsTitle, list)
}

// render makes an extract, or finds the one with the same data.
func (p *portal) render(v *visit) (web.Answer, error) {
	var made documentAnswer
	wanted := map[string]string{"person": cmp.Or(v.Form.Get("person"), consent.Self), "kind": "extract", "format": "pdf"}
	if err := v.ask(http.MethodPost, "/extract-rendering", wanted, &made); err != nil {
		list, listErr := v.documentList()
		if listErr != nil {
			return web.Answer{}, err
		}
		return v.again(err, "documents", documentsTitle, list)
	}
	return v.to("/documents/" + made.ID)
}

type documentPage struct {
	documentAnswer
	Whose string
	Email string // the address that it would be sent to
	Sent  bool
}

var (
	documentTitle = fault.Text{RU: "Выписка о полисе ОМС", EN: "Extract on the OMS policy"}
	errNoDocument = fault.New(fault.NotFound, "document_not_found", "Такого документа нет.", "There is no such document.")
)

func (v *visit) findDocument(id string) (documentPage, error) {
	var list struct{ Items []documentAnswer }
	if err := v.ask(http.MethodGet, "/extract-rendering", nil, &list); err != nil {
		return documentPage{}, err
	}
	for _, d := range list.Items {
		if d.ID == id {
			names, err := v.kin(applicationAnswer{Person: d.Person})
			return documentPage{documentAnswer: d, Whose: names.NameOf(d.Person), Email: v.Who.Email}, err
		}
	}
	return documentPage{}, errNoDocument
}

func (p *portal) document(v *visit) (web.Answer, error) {
	found, err := v.findDocument(v.Segment("id"))
	if err != nil {
		return web.Answer{}, err
	}
	found.Sent = v.Query.Has("sent")
	return v.show("document", documentTitle, found)
}

// file is the document itself: to look at and print, or with ?save to keep.
func (p *portal) file(v *visit) (web.Answer, error) {
	got, err := v.functions.Ask(v, gateway.Asked{
		Method: http.MethodGet, Target: "/extract-rendering/" + url.PathEscape(v.Segment("id")), Token: v.Who.Token, English: fault.English(v), CallID: v.ID,
	})
	if err != nil {
		return web.Answer{}, err
	}
	header := http.Header{"Content-Type": {got.Header.Get("Content-Type")}, "Content-Disposition": {"inline"}}
	if v.Query.Has("save") {
		header.Set("Content-Disposition", got.Header.Get("Content-Disposition"))
	}
	return web.Answer{Status: http.StatusOK, Body: web.Bytes(got.Body), Header: header}, nil
}

// send sends the document to the visitor's own address.
func (p *portal) send(v *visit) (web.Answer, error) {
	id := v.Segment("id")
	if err := v.ask(http.MethodPost, "/extract-rendering/"+url.PathEscape(id)+"/send", struct{}{}, nil); err != nil {
		found, findErr := v.findDocument(id)
		if findErr != nil {
			return web.Answer{}, findErr
		}
		return v.again(err, "document", documentTitle, found)
	}
	return v.to("/documents/" + id + "?sent")
}
