package store

import (
	"context"

	"polis/shared/access"
	"polis/shared/cabinet"
	"polis/shared/ident"
	"polis/shared/notice"
	"polis/shared/person"
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

// PutNotice adds a notice to the account's history, with an event for each of
// its deliveries. The notice must have been among the reads.
func PutNotice(tx *Tx, account string, made notice.Notice) error {
	tx.Append(Notices(account), made.ID)
	for _, d := range made.Deliveries {
		lane := string(d.Channel) // a mail server in trouble holds up no SMS
		if made.Document != "" {
			lane = made.ID // nor a document that is long in coming other letters
		}
		tx.Emit(Event{Topic: TopicDelivery, Home: account, Subject: made.ID + "/" + string(d.Channel), Lane: lane}, 0)
	}
	return Put(tx, Notice(account, made.ID), made)
}

// Meet notes in an account how its person is reached now. An account that is
// met for the first time is introduced to notify, so that it is found when
// something happens to a child of its person. The account still has to be put.
func Meet(tx *Tx, account string, have cabinet.Account, snils person.SNILS, contacts cabinet.Contacts) cabinet.Account {
	have.Contacts = contacts
	if snils != "" && have.SNILS != snils {
		have.SNILS = snils
		tx.Emit(Event{Topic: TopicIntroduction, Home: account, Subject: account}, 0)
	}
	return have
}

// Remember makes an account findable by the SNILS of its person. It is a hint:
// whose account it is, the account itself says.
func (s *Store) Remember(ctx context.Context, g access.Grant, account string, snils person.SNILS) error {
	if _, err := open(g, account); err != nil {
		return err
	}
	if err := s.rdb.SAdd(ctx, s.accountsKey(snils), account).Err(); err != nil {
		return unreachable(err)
	}
	return nil
}

// AccountsOf are the accounts remembered under a SNILS.
func (s *Store) AccountsOf(ctx context.Context, g access.Grant, snils person.SNILS) ([]string, error) {
	if err := checkGrant(g); err != nil {
		return nil, err
	}
	accounts, err := s.rdb.SMembers(ctx, s.accountsKey(snils)).Result()
	if err != nil {
		return nil, unreachable(err)
	}
	return accounts, nil
}

func (s *Store) accountsKey(snils person.SNILS) string {
	p, name := ident.Index(s.index, "accounts", string(snils))
	return "accounts:{" + p + "}:" + name
}

// Announce tells an account of something that is no step of an application;
// subject names it, and however often it is announced it makes one notice.
func (s *Store) Announce(ctx context.Context, g access.Grant, account, subject string) error {
	_, err := Change(ctx, s, g, account, Once{}, nil, func(tx *Tx) (struct{}, error) {
		tx.Emit(Event{Topic: TopicNotice, Home: account, Subject: subject}, 0)
		return struct{}{}, nil
	})
	return err
}
