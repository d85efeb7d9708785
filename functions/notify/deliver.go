package function

import (
	"context"
	"errors"
	"strings"
	"time"

	"polis/shared/access"
	"polis/shared/cabinet"
	"polis/shared/consent"
	"polis/shared/fault"
	"polis/shared/notice"
	"polis/shared/store"
	"polis/shared/web"
)

// channel hands a message over and tells what came of it.
type channel interface {
	Send(context.Context, notice.Message) notice.Outcome
}

const (
	firstWait   = 5 * time.Second // between two tries of one delivery, then twice as long each time
	maxWait     = 10 * time.Minute
	recordPause = 200 * time.Millisecond
)

// address of the person on a channel, "" where none is known.
func address(c cabinet.Contacts, on notice.Channel) string {
	if on == notice.SMS {
		return c.Phone
	}
	return c.Email
}

// make turns an entry of a timeline, or an announcement, into a notice, once
// however often the event comes, and queues its deliveries.
func (n *notices) make(c *web.Call) (web.Answer, error) {
	var e store.Event
	if err := c.Bind(&e); err != nil {
		return web.Answer{}, err
	}
	grant := c.Grant.About(e.Home)
	compose, err := n.compose(c, grant, e)
	if err != nil {
		return web.Answer{}, err
	}
	var doc store.Doc[notice.Notice]
	reads := []store.Ref{store.Account(e.Home).Ref, store.Preferences(e.Home).Ref}
	if compose != nil {
		doc = store.Notice(e.Home, compose("").ID)
		reads = append(reads, doc.Ref)
	}
	_, err = store.Change(c, n.store, grant, e.Home, store.Once{}, reads, func(tx *store.Tx) (struct{}, error) {
		none := struct{}{}
		tx.Acknowledge(e)
		if compose == nil {
			return none, nil // erased with its account
		}
		if _, made, err := store.Get(tx.View, doc); made || err != nil {
			return none, err
		}
		account, _, err := store.Get(tx.View, store.Account(e.Home))
		if err != nil || account.Dead {
			return none, err
		}
		want, err := preferred(tx.View, e.Home)
		if err != nil {
			return none, err
		}
		var by []notice.Channel
		for _, on := range []notice.Channel{notice.Email, notice.SMS} {
			if n.channels[on] != nil && want.Want(on) && address(account.Contacts, on) != "" {
				by = append(by, on)
			}
		}
		made := compose(account.Contacts.Language, by...)
		return none, store.PutNotice(tx, e.Home, made)
	})
	if err != nil && !errors.Is(err, store.ErrHandled) {
		return web.Answer{}, err
	}
	return web.OK(map[string]string{"subject": e.Subject})
}

// compose is what makes the notice of an event, or nil where there is nothing
// to tell any more.
func (n *notices) compose(c *web.Call, grant access.Grant, e store.Event) (func(language string, by ...notice.Channel) notice.Notice, error) {
	if _, ok := notice.Birth(e.Home, e.Subject, "", n.host, n.law()); ok {
		return func(language string, by ...notice.Channel) notice.Notice {
			made, _ := notice.Birth(e.Home, e.Subject, language, n.host, n.law(), by...)
			return made
		}, nil
	}
	if _, ok := notice.Change(e.Home, e.Subject, "", n.host, n.law()); ok {
		return func(language string, by ...notice.Channel) notice.Notice {
			made, _ := notice.Change(e.Home, e.Subject, language, n.host, n.law(), by...)
			return made
		}, nil
	}
	id, entry, named := notice.Entry(e.Subject)
	applied := store.Application(e.Home, id)
	v, err := n.store.View(c, grant, e.Home, applied.Ref)
	if err != nil {
		return nil, err
	}
	a, _, err := store.Get(v, applied)
	if err != nil || !named || entry >= len(a.Timeline) {
		return nil, err
	}
	return func(language string, by ...notice.Channel) notice.Notice {
		return notice.New(a, entry, language, n.host, n.law(), by...)
	}, nil
}

// deliver makes one try at a delivery: takes it under a lease, hands the message
// over, records the outcome. A process that dies in between leaves it to the
// next one, once the lease has run out: the person may get a second copy then,
// with the same id. A dead delivery comes here only when an operator replays it.
func (n *notices) deliver(c *web.Call) (web.Answer, error) {
	var e store.Event
	if err := c.Bind(&e); err != nil {
		return web.Answer{}, err
	}
	if e.ID == "" {
		return web.Answer{}, fault.WrongField("id", "required", "Нужен номер события.", "The event's id is needed.")
	}
	grant := c.Grant.About(e.Home)
	try, err := n.take(c, grant, e)
	if err != nil && !errors.Is(err, store.ErrHandled) {
		return web.Answer{}, err
	}
	if try.Delivery.State == notice.Sending {
		// A caller who goes away does not undo what the mail server has.
		ctx := context.WithoutCancel(c)
		if err := n.record(ctx, grant, e, try, n.send(ctx, c.ID, e.Home, try)); err != nil && !errors.Is(err, store.ErrHandled) {
			return web.Answer{}, err
		}
	}
	return web.OK(map[string]string{"subject": e.Subject})
}

// try at a delivery; zero where there is nothing to do.
type try struct {
	Notice   notice.Notice
	Delivery notice.Delivery
	To       string
}

func (n *notices) doc(e store.Event) (store.Doc[notice.Notice], notice.Channel) {
	id, on, _ := strings.Cut(e.Subject, "/")
	return store.Notice(e.Home, id), notice.Channel(on)
}

func (n *notices) take(ctx context.Context, grant access.Grant, e store.Event) (try, error) {
	account := store.Account(e.Home)
	doc, on := n.doc(e)
	lease := 2 * n.timeout // the outcome has to be recorded too
	return store.Change(ctx, n.store, grant, e.Home, store.Once{}, []store.Ref{account.Ref, doc.Ref}, func(tx *store.Tx) (try, error) {
		have, _, err := store.Get(tx.View, doc)
		if err != nil {
			return try{}, err
		}
		owner, _, err := store.Get(tx.View, account)
		if err != nil {
			return try{}, err
		}
		d, _ := have.Delivery(on)
		now, at := n.machine(), n.law()
		if d.State == notice.Dead {
			if d, err = d.Again(at); err != nil {
				return try{}, err
			}
		}
		switch d, err = d.Take(now, now.Add(lease), at, n.tries); {
		case err != nil: // erased, sent, or dropped
			tx.Acknowledge(e)
			return try{}, nil
		case d.State == notice.Dead:
			tx.Bury(e, d.Reason)
			return try{}, store.Put(tx, doc, have.With(d))
		case !d.Lease.Equal(now.Add(lease)): // another process's
			tx.InTurn(e)
			return try{}, nil
		}
		if owner.Dead {
			if d, err = d.Settle(notice.Outcome{Result: notice.Gone, Reason: notice.ReasonGone}, at, n.tries); err != nil {
				return try{}, err
			}
			tx.Acknowledge(e)
			return try{}, store.Put(tx, doc, have.With(d))
		}
		tx.PutOff(e, lease)
		return try{Notice: have, Delivery: d, To: address(owner.Contacts, on)}, store.Put(tx, doc, have.With(d))
	})
}

func (n *notices) send(ctx context.Context, callID, home string, t try) notice.Outcome {
	by := n.channels[t.Delivery.Channel]
	switch {
	case by == nil:
		return notice.Outcome{Result: notice.Later, Reason: notice.ReasonOff}
	case t.To == "":
		return notice.Outcome{Result: notice.Refused, Reason: notice.ReasonAddress}
	}
	ctx, cancel := context.WithTimeout(ctx, n.timeout)
	defer cancel()
	link := n.public + "/function/portal"
	if t.Notice.Application != "" {
		link += "/requests/" + t.Notice.Application
	}
	m := t.Notice.Message(t.Delivery, t.To, link)
	if t.Notice.Document != "" {
		// Asked for anew by each try, right before the letter goes: a consent
		// that was revoked since keeps the document here.
		in := notice.Enclosure{Account: home, Document: t.Notice.Document}
		switch err := n.functions.Call(ctx, callID, "/extract-rendering/attachment", in, &m.File); {
		case errors.Is(err, consent.ErrRequired), fault.From(err).Code == "document_not_found":
			return notice.Outcome{Result: notice.Gone, Reason: notice.ReasonGone}
		case err != nil:
			return notice.Outcome{Result: notice.Later, Reason: fault.From(err).Code}
		}
	}
	return by.Send(ctx, m)
}

// record keeps trying while the lease lasts: an outcome that is not recorded is
// a second copy for the person.
func (n *notices) record(ctx context.Context, grant access.Grant, e store.Event, t try, o notice.Outcome) error {
	doc, on := n.doc(e)
	for {
		_, err := store.Change(ctx, n.store, grant, e.Home, store.Once{}, []store.Ref{doc.Ref}, func(tx *store.Tx) (struct{}, error) {
			none := struct{}{}
			have, _, err := store.Get(tx.View, doc)
			if err != nil {
				return none, err
			}
			d, _ := have.Delivery(on)
			if d.State != notice.Sending || !d.Lease.Equal(t.Delivery.Lease) {
				return none, nil // recorded already, or taken by another after the lease
			}
			if d, err = d.Settle(o, n.law(), n.tries); err != nil {
				return none, err
			}
			switch d.State {
			case notice.Sent, notice.Dropped:
				tx.Acknowledge(e)
			case notice.Dead:
				tx.Bury(e, d.Reason)
			default:
				tx.PutOff(e, min(firstWait<<min(d.Tries-1, 10), maxWait))
			}
			return none, store.Put(tx, doc, have.With(d))
		})
		if !fault.HasKind(err, fault.Unavailable) || !n.machine().Before(t.Delivery.Lease) {
			return err
		}
		time.Sleep(recordPause) // the store is away, and the lease gives it this long to come back
	}
}
