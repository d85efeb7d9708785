package function

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"net/http"
	"time"

	"polis/shared/cabinet"
	"polis/shared/objects"
	"polis/shared/store"
	"polis/shared/web"
)

// document is an extract as the citizen sees it in "my documents".
type document struct {
	ID      string    `json:"id"`
	Number  string    `json:"number"`
	Person  string    `json:"person"`
	Kind    string    `json:"kind"`
	Format  string    `json:"format"`
	Bytes   int       `json:"bytes"`
	SHA256  string    `json:"sha256"`
	Created time.Time `json:"created"`
	Href    string    `json:"href"`
	Link    string    `json:"link,omitempty"` // for LinkTTL, to whoever has it
}

func (r *rendering) show(e cabinet.Extract) document {
	return document{
		ID: e.ID, Number: e.Number, Person: e.Person, Kind: e.Kind, Format: e.Format, Bytes: e.Bytes, SHA256: e.SHA256,
		Created: e.Created, Href: r.public + "/function/" + Name + "/" + e.ID,
	}
}

func fileName(e cabinet.Extract) string { return "polis-" + e.Number + ".pdf" }

func (r *rendering) answer(c *web.Call, e cabinet.Extract, as func(any) (web.Answer, error)) (web.Answer, error) {
	d := r.show(e)
	var err error
	if d.Link, err = r.objects.Link(c, r.object(c.Caller.Account, e.ID), mediaType, fileName(e)); err != nil {
		return web.Answer{}, err
	}
	return as(d)
}

func (r *rendering) account(c *web.Call) (cabinet.Account, error) {
	doc := store.Account(c.Caller.Account)
	v, err := r.store.View(c, c.Grant, c.Caller.Account, doc.Ref)
	if err != nil {
		return cabinet.Account{}, err
	}
	account, _, err := store.Get(v, doc)
	return account, err
}

// find gives a ready document whose person's consents still stand.
func (r *rendering) find(c *web.Call) (cabinet.Extract, error) {
	account, err := r.account(c)
	if err != nil {
		return cabinet.Extract{}, err
	}
	e, ok := account.Find(c.Segment("id"))
	if !ok || !e.Current(r.law()) {
		return cabinet.Extract{}, objects.ErrNotFound
	}
	return e, account.Consents.Covers(e.Person)
}

// list shows the ready documents, newest first.
func (r *rendering) list(c *web.Call) (web.Answer, error) {
	account, err := r.account(c)
	if err != nil {
		return web.Answer{}, err
	}
	items := []document{}
	for i := len(account.Extracts) - 1; i >= 0; i-- {
		if e := account.Extracts[i]; e.Current(r.law()) {
			items = append(items, r.show(e))
		}
	}
	return web.OK(map[string]any{"items": items})
}

func (r *rendering) download(c *web.Call) (web.Answer, error) {
	e, err := r.find(c)
	if err != nil {
		return web.Answer{}, err
	}
	pdf, err := r.objects.Get(c, r.object(c.Caller.Account, e.ID))
	if err != nil {
		return web.Answer{}, err
	}
	if sum := sha256.Sum256(pdf); hex.EncodeToString(sum[:]) != e.SHA256 {
		return web.Answer{}, fmt.Errorf("stored document differs from its digest")
	}
	return web.Answer{Status: http.StatusOK, Body: web.Bytes(pdf), Header: http.Header{
		"Content-Type":        {mediaType},
		"Content-Disposition": {`attachment; filename="` + fileName(e) + `"`},
		"Etag":                {`"` + e.SHA256 + `"`},
	}}, nil
}

func (r *rendering) link(c *web.Call) (web.Answer, error) {
	e, err := r.find(c)
	if err != nil {
		return web.Answer{}, err
	}
	return r.answer(c, e, web.OK)
}
