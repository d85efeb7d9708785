package store

import (
	"polis/shared/application"
	"polis/shared/ident"
	"polis/shared/notice"
)

// Notice of an account.
func Notice(account, id string) Doc[notice.Notice] {
	return document[notice.Notice]("notice", account, ":"+id, account)
}

// Notices of an account, by time.
func Notices(account string) List {
	p, _ := ident.Partition(account)
	return List{home: account, key: "notices:{" + p + "}:" + account}
}

// Preferences of an account for notices; there are none until it has chosen.
func Preferences(account string) Doc[notice.Preferences] {
	return document[notice.Preferences]("preferences", account, "", account)
}

// noticeTopic takes the events of which notices are made.
const noticeTopic = "notify/events"

// PutApplication writes an application, with an event for each entry that its
// timeline has gained: no step of an application goes without its notice. The
// application must have been among the reads.
func PutApplication(tx *Tx, account string, a application.Application) error {
	doc := Application(account, a.ID)
	before, _, err := Get(tx.View, doc)
	if err != nil {
		return err
	}
	for n := len(before.Timeline); n < len(a.Timeline); n++ {
		tx.Emit(Event{Topic: noticeTopic, Home: account, Subject: notice.Subject(a.ID, n)}, 0)
	}
	return Put(tx, doc, a)
}
