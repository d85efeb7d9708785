package function

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"net/http"
	"time"

	"polis/shared/access"
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

func (r *rendering) account(c *web.Call, grant access.Grant, home string) (cabinet.Account, error) {
	doc := store.Account(home)
	v, err := r.store.View(c, grant, home, doc.Ref)
	if err != nil {
		return cabinet.Account{}, err
	}
	account, _, err := store.Get(v, doc)
	return account, err
}

// find gives a ready document of the caller's.
func (r *rendering) find(c *web.Call) (cabinet.Extract, error) {
	account, err := r.account(c, c.Grant, c.Caller.Account)
	if err != nil {
		return cabinet.Extract{}, err
	}
	return r.ready(account, c.Segment("id"))
}

// ready is a document whose person's consents still stand.
func (r *rendering) ready(account cabinet.Account, id string) (cabinet.Extract, error) {
	e, ok := account.Find(id)
	if !ok || !e.Current(r.law()) {
		return cabinet.Extract{}, objects.ErrNotFound
	}
	return e, account.Consents.Covers(e.Person)
}

// list shows the ready documents, newest first.
func (r *rendering) list(c *web.Call) (web.Answer, error) {
	account, err := r.account(c, c.Grant, c.Caller.Account)
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
	pdf, err := r.bytes(c, c.Caller.Account, e)
	if err != nil {
		return web.Answer{}, err
	}
	return web.Answer{Status: http.StatusOK, Body: web.Bytes(pdf), Header: http.Header{
		"Content-Type":        {mediaType},
		"Content-Disposition": {`attachment; filename="` + fileName(e) + `"`},
		"Etag":                {`"` + e.SHA256 + `"`},
	}}, nil
}

// bytes of a document of an account, as they were made.
func (r *rendering) bytes(ctx context.Context, home string, e cabinet.Extract) ([]byte, error) {
	pdf, err := r.objects.Get(ctx, r.object(home, e.ID))
	if err != nil {
		return nil, err
	}
	if sum := sha256.Sum256(pdf); hex.EncodeToString(sum[:]) != e.SHA256 {
		return nil, errors.New("stored document differs from its digest")
	}
	return pdf, nil
}

func (r *rendering) link(c *web.Call) (web.Answer, error) {
	e, err := r.find(c)
	if err != nil {
		return web.Answer{}, err
	}
	return r.answer(c, e, web.OK)
}
