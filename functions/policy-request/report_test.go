package function_test

import (
	"strings"
	"testing"
	"time"

	consenttoggle "polis/functions/consent-toggle"
	notify "polis/functions/notify"
	"polis/shared/access"
	"polis/shared/functiontest"
	"polis/shared/store"
)

// reports is when and of whom a reminder to report is on the agenda.
func reports(b *functiontest.Bench) (e store.Event, at time.Time) {
	for _, key := range b.Redis.Keys() {
		if !strings.HasPrefix(key, "agenda:") {
			continue
		}
		members, err := b.Redis.ZMembers(key)
		if err != nil {
			panic(err)
		}
		for _, member := range members {
			if f := strings.Fields(member); f[0] == "policy-request/report" {
				score, _ := b.Redis.ZScore(key, member)
				e, at = store.Event{Topic: f[0], Home: f[1], Subject: f[2]}, time.UnixMilli(int64(score))
			}
		}
	}
	return e, at
}

func reminders(b *functiontest.Bench, token string) (n int) {
	var list struct{ Items []struct{ Kind string } }
	b.Call("GET", notify.Name, "/", token, nil).Expect(200, "").JSON(&list)
	for _, item := range list.Items {
		if item.Kind == "change.report_due" {
			n++
		}
	}
	return n
}

func TestOnlyTheAgendaReminds(t *testing.T) {
	bench(t).OnlyFor(access.Function, name, "POST /report")
}

func TestTheMonthToReportChangedDataIsToldOfOnceAWeekBeforeItEnds(t *testing.T) {
	b := bench(t)
	b.Run(notify.Name, notify.New)
	b.Import(functiontest.Row(maria.Person), functiontest.Row(anna.Person))
	married := maria
	married.Person.Name.Family = "Орлова"
	for _, who := range []functiontest.Citizen{anna, married} {
		submit(b, consenting(b, who), `{"kind":"lookup"}`)
		b.Settle()
	}
	token := b.Token(married.Claims())
	// Noted on 10 March: to be reported by 10 April. Of Anna nothing differs.
	e, at := reports(b)
	if want := time.Date(2026, time.April, 3, 9, 0, 0, 0, functiontest.Begin.Location()); !at.Equal(want) || e.Subject != "self" {
		t.Fatalf("%+v at %s", e, at)
	}
	call := func() { b.CallAs("deadline-watch", name, "/report", e).Expect(200, ""); b.Settle() }
	call()
	if n := reminders(b, token); n != 0 {
		t.Errorf("reminded early")
	}
	if _, again := reports(b); !again.Equal(at) {
		t.Errorf("then on the agenda at %s", again)
	}
	b.SetClock(at)
	call()
	call()
	if n := reminders(b, token); n != 1 {
		t.Errorf("reminded %d times", n)
	}
	if left, _ := reports(b); left.Home != "" {
		t.Errorf("%+v stays on the agenda", left)
	}
}

func TestNobodyIsRemindedTooLateOrWithoutConsent(t *testing.T) {
	married := maria
	married.Person.Name.Family = "Орлова"
	for rule, spoil := range map[string]func(b *functiontest.Bench, token string){
		"after the last day": func(b *functiontest.Bench, _ string) {
			b.SetClock(time.Date(2026, time.April, 11, 0, 0, 0, 0, functiontest.Begin.Location()))
		},
		"after a revocation": func(b *functiontest.Bench, token string) {
			b.Call("POST", consenttoggle.Name, "/", token, `{"operator":"ffoms","action":"revoke","reason":"Передумала"}`).Expect(200, "")
			b.SetClock(time.Date(2026, time.April, 5, 9, 0, 0, 0, functiontest.Begin.Location()))
		},
	} {
		b := bench(t)
		b.Run(notify.Name, notify.New)
		b.Import(functiontest.Row(maria.Person))
		token := consenting(b, married)
		submit(b, token, `{"kind":"lookup"}`)
		b.Settle()
		e, _ := reports(b)
		spoil(b, token)
		b.CallAs("deadline-watch", name, "/report", e).Expect(200, "")
		b.Settle()
		if n := reminders(b, token); n != 0 {
			t.Errorf("%s: reminded %d times", rule, n)
		}
		if left, _ := reports(b); left.Home != "" {
			t.Errorf("%s: %+v stays on the agenda", rule, left)
		}
	}
}
