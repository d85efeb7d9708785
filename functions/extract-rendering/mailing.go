package function

import (
	"errors"
	"time"

	"polis/shared/fault"
	"polis/shared/notice"
	"polis/shared/store"
	"polis/shared/web"
)

// mailing is a document on its way to its owner, as the history has it too.
type mailing struct {
	ID       string       `json:"id"`
	Document string       `json:"document"`
	State    notice.State `json:"state"`
	At       time.Time    `json:"at"`
}

func showMailing(n notice.Notice) mailing {
	d, _ := n.Delivery(notice.Email)
	return mailing{ID: n.ID, Document: n.Document, State: d.State, At: n.At}
}

var (
	errNoEmail = fault.New(fault.Conflict, "email_missing",
		"В учётной записи нет подтверждённого адреса электронной почты. Добавьте его в профиль, подтвердите и войдите снова или скачайте выписку здесь.",
		"The account has no confirmed e-mail address. Add it to the profile, confirm it and log in again, or download the extract here.").Suggesting("download")
	errOvertaken = errors.New("somebody else has sent the document meanwhile")
)

// send has a document sent to the address that the login vouches for, and to no
// other: nobody sends it elsewhere by mistake. Whoever asks again while it is
// under way, or clicks twice, gets the first one's answer.
func (r *rendering) send(c *web.Call) (web.Answer, error) {
	if len(c.Body) > 0 {
		if err := c.Bind(&struct{}{}); err != nil {
			return web.Answer{}, err
		}
	}
	key, err := c.IdempotencyKey()
	if err != nil {
		return web.Answer{}, err
	}
	once := r.store.OnceFor(c.Caller.Account, Name+c.Path, key, c.Body)
	for {
		account, err := r.account(c, c.Grant, c.Caller.Account)
		if err != nil {
			return web.Answer{}, err
		}
		last, _ := account.Find(c.Segment("id"))
		sent, err := r.mail(c, once, last.Mailed)
		if errors.Is(err, errOvertaken) {
			continue
		}
		if err != nil {
			return web.Answer{}, err
		}
		return web.Accepted(sent)
	}
}

// mail queues the letter, unless the last one, by the id of its notice, answers
// the request. That one is still the last, or it is errOvertaken.
func (r *rendering) mail(c *web.Call, once store.Once, last string) (mailing, error) {
	home, id, now := c.Caller.Account, c.Segment("id"), r.law()
	contacts := c.Contacts()
	made := notice.Mailing(home, id, contacts.Language, r.host, now)
	account, before := store.Account(home), store.Notice(home, last)
	return store.Change(c, r.store, c.Grant, home, once, []store.Ref{account.Ref, before.Ref, store.Notice(home, made.ID).Ref},
		func(tx *store.Tx) (mailing, error) {
			have, _, err := store.Get(tx.View, account)
			if err != nil {
				return mailing{}, err
			}
			e, err := r.ready(have, id)
			if err != nil {
				return mailing{}, err
			}
			if e.Mailed != last {
				return mailing{}, errOvertaken
			}
			sent, found, err := store.Get(tx.View, before)
			if err != nil {
				return mailing{}, err
			}
			if found && sent.Answers(now) {
				return showMailing(sent), nil
			}
			have = store.Meet(tx, home, have, c.Caller.Person.SNILS, contacts)
			if have.Contacts.Email == "" {
				return mailing{}, errNoEmail
			}
			queued := made
			queued.Number, e.Mailed = e.Number, made.ID
			have, _ = have.With(e)
			if err := store.PutNotice(tx, home, queued); err != nil {
				return mailing{}, err
			}
			return showMailing(queued), store.Put(tx, account, have)
		})
}

// attach hands a document to the function that mails it, while the account still
// has it and the consents stand.
func (r *rendering) attach(c *web.Call) (web.Answer, error) {
	var q notice.Enclosure
	if err := c.Bind(&q); err != nil {
		return web.Answer{}, err
	}
	account, err := r.account(c, c.Grant.About(q.Account), q.Account)
	if err != nil {
		return web.Answer{}, err
	}
	e, err := r.ready(account, q.Document)
	if err != nil {
		return web.Answer{}, err
	}
	pdf, err := r.bytes(c, q.Account, e)
	if err != nil {
		return web.Answer{}, err
	}
	return web.OK(notice.File{Name: fileName(e), Type: mediaType, Content: pdf})
}
