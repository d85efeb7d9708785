package tests

import (
	"bytes"
	"io"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"polis/local/inbox"
)

// mailed is a letter with a file that came to an address.
func (s *stage) mailed(to string) []inbox.Message {
	return slices.DeleteFunc(s.Inbox(), func(m inbox.Message) bool { return m.To != to || len(m.Files) == 0 })
}

func TestAnExtractComesByMailAsItIsDownloadedAndNeverAfterARevocation(t *testing.T) {
	s := newStage(t)
	insured := s.as(t, "insured")
	insured.consents()
	insured.loads(fields{})
	made := insured.extract("self")
	send := "/extract-rendering/" + made.ID + "/send"
	type mailing struct{ ID, Document, State string }
	stands := func(id, state string) (notice noticeView) {
		t.Helper()
		inTime(t, 2*patience, "the letter is "+state, func() bool {
			all := read[list[noticeView]](insured.get("/notify").is(http.StatusOK)).Items
			at := slices.IndexFunc(all, func(n noticeView) bool { return n.ID == id })
			if at < 0 {
				t.Fatalf("the history does not have %s: %+v", id, all)
			}
			notice = all[at]
			return notice.Deliveries[0].State == state
		})
		return notice
	}

	s.like(t, "insured", map[string]any{"email_verified": false}).post(send, nil).refused(http.StatusConflict, "email_missing")
	insured.wrongly().post(send, fields{"email": "other@example.org"}).refused(http.StatusUnprocessableEntity, "invalid_fields")
	s.as(t, "mother").post(send, fields{}).refused(http.StatusNotFound, "document_not_found")
	first := read[mailing](insured.post(send, fields{}).is(http.StatusAccepted))
	if again := read[mailing](insured.post(send, nil).is(http.StatusAccepted)); again.ID != first.ID || again.Document != made.ID {
		t.Errorf("a second click: %+v after %+v", again, first)
	}
	stands(first.ID, "sent")
	came := s.mailed(human(t, "insured").Email)
	if len(came) != 1 || len(came[0].Files) != 1 || !strings.HasPrefix(came[0].Subject, "Выписка ") || !strings.HasPrefix(came[0].ID, first.ID+".email@") {
		t.Fatalf("came: %+v", came)
	}
	file := came[0].Files[0]
	saved, err := http.Get(s.BaseURL() + file.Href)
	if err != nil {
		t.Fatal(err)
	}
	defer saved.Body.Close()
	content, err := io.ReadAll(saved.Body)
	download := insured.get("/extract-rendering/" + made.ID).is(http.StatusOK)
	if err != nil || !bytes.Equal(content, download.body) || file.Bytes != made.Bytes || file.Type != "application/pdf" {
		t.Errorf("%s, %s: %d bytes instead of %d, %v", file.Name, file.Type, len(content), len(download.body), err)
	}
	if !strings.Contains(download.header.Get("Content-Disposition"), file.Name) {
		t.Errorf("it is called %s", file.Name)
	}
	accesses := insured.get("/policy-card/access?limit=100").is(http.StatusOK)
	for _, action := range []string{"extracts.send", "extracts.attach"} {
		if !bytes.Contains(accesses.body, []byte(`"`+action+`"`)) {
			t.Errorf("the record of accesses has no %s", action)
		}
	}

	// The mail server has no time for the next one, until the consent is revoked.
	s.later(t, time.Minute)
	if err := s.SetMail(inbox.MailFault{Failure: inbox.Temporary, Share: 1}); err != nil {
		t.Fatal(err)
	}
	second := read[mailing](insured.post(send, fields{}).is(http.StatusAccepted))
	eventually(t, "a try that failed", func() bool {
		return stands(second.ID, "queued").Deliveries[0].Reason == "smtp_451"
	})
	insured.revokes("ffoms", "")
	if err := s.SetMail(inbox.MailFault{}); err != nil {
		t.Fatal(err)
	}
	if told := stands(second.ID, "dropped"); told.Deliveries[0].Reason != "document_gone" || told.Kind != "extract.mailing" {
		t.Errorf("%+v", told)
	}
	if came := s.mailed(human(t, "insured").Email); len(came) != 1 {
		t.Errorf("after the revocation came %+v", came)
	}
}
