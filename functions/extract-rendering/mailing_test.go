package function_test

import (
	"bytes"
	"encoding/json"
	"maps"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	consenttoggle "polis/functions/consent-toggle"
	extractrendering "polis/functions/extract-rendering"
	"polis/shared/functiontest"
	"polis/shared/notice"
	"polis/shared/store"
)

const (
	email    = "maria@example.org"
	delivery = "notify/deliver"
)

// mailable is a bench whose objects can be stored and whose queue keeps what
// notify is asked to deliver.
func mailable(t *testing.T) *functiontest.Bench {
	b := bench(t)
	b.Run(name, extractrendering.New, "s3_endpoint", functiontest.Objects(t))
	b.Lose("notify/introductions")
	b.Lose("notify/events")
	b.Put("notify", nil)
	return b
}

// reachable are claims with a verified address.
func reachable(who functiontest.Citizen) functiontest.Claims {
	claims := who.Claims()
	claims["email"], claims["email_verified"] = email, true
	return claims
}

type mailing struct {
	ID, Document, State string
	At                  time.Time
}

func extract(b *functiontest.Bench, token string) (id string) {
	var made struct{ ID string }
	b.Call("POST", name, "/", token, whole).Expect(201, "").JSON(&made)
	return made.ID
}

func TestADocumentIsSentToTheOwnersAddressAndToNoOther(t *testing.T) {
	b := mailable(t)
	without := holding(b)
	id := extract(b, without)
	unverified := reachable(maria)
	unverified["email_verified"] = false
	for rule, token := range map[string]string{"no address": without, "one that nobody has verified": b.Token(unverified)} {
		if res := b.Call("POST", name, "/"+id+"/send", token, `{}`).Expect(409, "email_missing"); res.Suggest != "download" {
			t.Errorf("%s: suggests %q", rule, res.Suggest)
		}
	}
	token := b.Token(reachable(maria))
	for body, fields := range map[string]map[string]string{
		`{"email":"other@example.org"}`: {"email": "unknown_field"}, `[]`: {"body": "wrong_type"},
	} {
		if got := b.Call("POST", name, "/"+id+"/send", token, body).Expect(422, "invalid_fields").Fields(); !maps.Equal(got, fields) {
			t.Errorf("%s names %v", body, got)
		}
	}
	b.Call("POST", name, "/"+id+"/send", token, `{`).Expect(400, "malformed_json")
	b.Call("POST", name, "/x/send", token, nil).Expect(404, "document_not_found")
	b.Call("POST", name, "/"+id+"/send", b.Token(reachable(functiontest.Anna)), nil).Expect(404, "document_not_found")
	b.Take(0)

	var sent mailing
	b.Call("POST", name, "/"+id+"/send", token, nil).Expect(202, "").JSON(&sent)
	if sent.Document != id || sent.State != "queued" || sent.ID == "" || !sent.At.Equal(b.Now()) {
		t.Errorf("%+v", sent)
	}
	q := b.Take(1)[0]
	var e store.Event
	if err := json.Unmarshal(q.Body, &e); err != nil || q.Target != delivery || e.Subject != sent.ID+"/email" || strings.Contains(string(q.Body), "@") {
		t.Errorf("%s is told %s", q.Target, q.Body)
	}
}

func TestOneLetterIsUnderWayForADocument(t *testing.T) {
	for rule, header := range map[string][]string{"without a key": nil, "with one key": {"Idempotency-Key", "k1"}} {
		b := mailable(t)
		holding(b)
		token := b.Token(reachable(maria))
		id := extract(b, token)
		var clicks sync.WaitGroup
		got := make([]mailing, 10)
		for i := range got {
			clicks.Go(func() {
				b.Advance(time.Millisecond) // no two at the same time
				b.Call("POST", name, "/"+id+"/send", token, `{}`, header...).Expect(202, "").JSON(&got[i])
			})
		}
		clicks.Wait()
		b.Advance(24 * time.Hour) // it still waits for its mail server
		var late mailing
		b.Call("POST", name, "/"+id+"/send", token, `{}`).Expect(202, "").JSON(&late)
		if all := slices.Compact(append(got, late)); len(all) != 1 {
			t.Errorf("%s: %+v", rule, all)
		}
		b.Take(1)
	}
}

func TestARepeatedKeyGivesTheFirstAnswer(t *testing.T) {
	b := mailable(t)
	holding(b)
	token, key := b.Token(reachable(maria)), []string{"Idempotency-Key", "k"}
	id := extract(b, token)
	first := b.Call("POST", name, "/"+id+"/send", token, `{}`, key...).Expect(202, "")
	b.Call("POST", name, "/"+id+"/send", token, `{ }`, key...).Expect(422, "idempotency_key_reused")
	b.Call("POST", consenttoggle.Name, "/", token, `{"operator":"ffoms","action":"revoke","reason":"Передумала"}`).Expect(200, "")
	if again := b.Call("POST", name, "/"+id+"/send", token, `{}`, key...).Expect(202, ""); string(again.Body) != string(first.Body) {
		t.Errorf("%s and then %s", first.Body, again.Body)
	}
	b.Call("POST", name, "/"+id+"/send", token, `{}`).Expect(404, "document_not_found")
}

func TestADocumentIsHandedOverWhileTheConsentsStand(t *testing.T) {
	b := mailable(t)
	holding(b)
	token := b.Token(reachable(maria))
	id := extract(b, token)
	b.Call("POST", name, "/"+id+"/send", token, nil).Expect(202, "")
	var e store.Event
	if err := json.Unmarshal(b.Take(1)[0].Body, &e); err != nil {
		t.Fatal(err)
	}
	in := notice.Enclosure{Account: e.Home, Document: id}
	var file notice.File
	b.CallAs("notify", name, "/attachment", in).Expect(200, "").JSON(&file)
	download := b.Call("GET", name, "/"+id, token, nil).Expect(200, "")
	if !bytes.Equal(file.Content, download.Body) || file.Type != "application/pdf" || !strings.Contains(download.Header.Get("Content-Disposition"), file.Name) {
		t.Errorf("%s, %s, %d bytes of %d", file.Name, file.Type, len(file.Content), len(download.Body))
	}
	b.CallAs("notify", name, "/attachment", notice.Enclosure{Account: e.Home, Document: "x"}).Expect(404, "document_not_found")
	// The document stays listed with the account only while both consents stand.
	b.Call("POST", consenttoggle.Name, "/", token, `{"operator":"mincifry","action":"revoke","reason":"Передумала"}`).Expect(200, "")
	b.CallAs("notify", name, "/attachment", in).Expect(404, "document_not_found")
}
