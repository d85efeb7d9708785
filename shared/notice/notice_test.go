package notice

import (
	"errors"
	"maps"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"polis/shared/application"
	"polis/shared/consent"
	"polis/shared/fault"
	"polis/shared/person"
	"polis/shared/policy"
)

var noon = time.Date(2026, 3, 10, 12, 0, 0, 0, time.UTC)

const maxTries = 3

// what may follow what, typed by hand: rows from, columns to.
var golden = map[State]string{
	//       queued sending sent dead dropped
	Queued:  ".x...",
	Sending: "xxxxx",
	Sent:    ".....",
	Dead:    "x....",
	Dropped: ".....",
}

func TestOnlyTheMovesOfTheTableAreLegal(t *testing.T) {
	for _, from := range States {
		for i, to := range States {
			want := golden[from][i] == 'x'
			if from.May(to) != want {
				t.Errorf("%s to %s: %v", from, to, !want)
			}
			d := Delivery{State: from, Tries: 1}
			moved, err := d.move(to, noon)
			if want != (err == nil) || err != nil && (!errors.Is(err, ErrMove) || moved != d) {
				t.Errorf("%s to %s: %v, %+v", from, to, err, moved)
			}
		}
	}
}

func TestATryEndsByItsOutcome(t *testing.T) {
	for rule, tc := range map[string]struct {
		tries   int
		outcome Outcome
		want    State
	}{
		"what was accepted is sent":                     {1, Outcome{Result: Accepted}, Sent},
		"what was refused is dead at once":              {1, Outcome{Refused, "smtp_550"}, Dead},
		"what may have arrived is never sent by itself": {1, Outcome{Unknown, ReasonUnknown}, Dead},
		"what can wait is tried again":                  {maxTries - 1, Outcome{Later, "smtp_451"}, Queued},
		"but not for ever":                              {maxTries, Outcome{Later, "smtp_451"}, Dead},
		"the last try may succeed":                      {maxTries, Outcome{Result: Accepted}, Sent},
		"what has nothing to carry any more is dropped": {maxTries, Outcome{Gone, ReasonGone}, Dropped},
		"an adapter that says nothing sent nothing out": {1, Outcome{}, Dead},
	} {
		d := Delivery{State: Sending, Tries: tc.tries, Lease: noon, MessageID: "m"}
		got, err := d.Settle(tc.outcome, noon, maxTries)
		if want := (Delivery{State: tc.want, Tries: tc.tries, At: noon, Reason: tc.outcome.Reason, MessageID: "m"}); err != nil || got != want {
			t.Errorf("%s: %+v, %v", rule, got, err)
		}
	}
	if _, err := (Delivery{State: Sent}).Settle(Outcome{Result: Accepted}, noon, maxTries); !errors.Is(err, ErrMove) {
		t.Errorf("settled twice: %v", err)
	}
}

func TestADeliveryIsTakenByOneProcessUntilItsLeaseRunsOut(t *testing.T) {
	until := noon.Add(time.Minute)
	first, err := Delivery{State: Queued, MessageID: "m"}.Take(noon, until, noon, maxTries)
	if err != nil || first.State != Sending || first.Tries != 1 || !first.Lease.Equal(until) {
		t.Fatalf("%+v, %v", first, err)
	}
	if again, err := first.Take(until.Add(-1), until.Add(time.Minute), noon, maxTries); err != nil || again != first {
		t.Errorf("under its lease: %+v, %v", again, err)
	}
	second, err := first.Take(until, until.Add(time.Minute), noon, maxTries)
	if err != nil || second.State != Sending || second.Tries != 2 || second.MessageID != "m" || second.Lease.Equal(until) {
		t.Errorf("after its lease: %+v, %v", second, err)
	}
	second.Tries = maxTries
	if last, err := second.Take(second.Lease, noon, noon, maxTries); err != nil || last.State != Dead || last.Reason != ReasonUnknown {
		t.Errorf("after too many processes died: %+v, %v", last, err)
	}
	for _, ended := range []State{Sent, Dead, Dropped} {
		if _, err := (Delivery{State: ended}).Take(noon, until, noon, maxTries); !errors.Is(err, ErrMove) {
			t.Errorf("%s is taken: %v", ended, err)
		}
	}
}

func TestAnOperatorQueuesADeadDeliveryUnderItsOwnID(t *testing.T) {
	again, err := Delivery{State: Dead, Tries: 8, Reason: ReasonUnknown, MessageID: "m"}.Again(noon)
	if want := (Delivery{State: Queued, MessageID: "m", At: noon}); err != nil || again != want {
		t.Errorf("%+v, %v", again, err)
	}
	if _, err := (Delivery{State: Sent}).Again(noon); !errors.Is(err, ErrMove) {
		t.Errorf("what was sent is sent again: %v", err)
	}
}

// submitted is an application whose every datum must stay out of messages.
func submitted() application.Application {
	return application.Application{
		ID: "01kkbb4a10s3e5w7y9b1d3f5h7", Number: "20260310-D3F5-H7K9", Kind: application.Link, ENP: "2656410837000318", SMO: "26002",
		Applicant: person.Person{
			SNILS: "11223344595", Name: person.Name{Family: "Соловьёва", Given: "Мария", Patronymic: "Петровна"},
			Document: person.Document{Type: person.Passport, Series: "45 12", Number: "123456"},
		},
	}.Begin(noon, noon.Add(time.Hour), fault.Text{RU: "Подано", EN: "Submitted"})
}

func TestOneEntryOfATimelineIsOneNotice(t *testing.T) {
	a := submitted()
	a, _ = a.Move(application.Working, noon, fault.Text{RU: "Ищем"})
	a, _ = a.Move(application.Granted, noon, fault.Text{RU: "Готово"})
	var ids []string
	for n := range a.Timeline {
		made := New(a, n, "ru", "polis.example.org", noon, Email, SMS)
		ids = append(ids, made.ID)
		if again := New(a, n, "en", "other.example.org", noon.Add(time.Hour)); again.ID != made.ID || ID(a, n) != made.ID {
			t.Errorf("entry %d made %s and %s", n, made.ID, again.ID)
		}
		if application, index, ok := Entry(Subject(a.ID, n)); application != a.ID || index != n || !ok {
			t.Errorf("entry %d is read back as %q, %d", n, application, index)
		}
		mail, _ := made.Delivery(Email)
		sms, _ := made.Delivery(SMS)
		if mail.MessageID == sms.MessageID || !strings.HasSuffix(mail.MessageID, "@polis.example.org") || mail.State != Queued {
			t.Errorf("%+v, %+v", mail, sms)
		}
	}
	if len(slices.Compact(slices.Clone(ids))) != 3 || !slices.IsSorted(ids) {
		t.Errorf("entries of one second: %v", ids)
	}
	for _, bad := range []string{"", "a", "a/", "/1", "a/-1", "a/x"} {
		if _, _, ok := Entry(bad); ok {
			t.Errorf("%q names an entry", bad)
		}
	}
}

func TestADeliveryIsReplacedByItsChannel(t *testing.T) {
	made := New(submitted(), 0, "ru", "h", noon, Email, SMS)
	changed := made.With(Delivery{Channel: SMS, State: Sent})
	if d, ok := changed.Delivery(SMS); !ok || d.State != Sent {
		t.Errorf("%+v", changed)
	}
	if d, _ := made.Delivery(SMS); d.State != Queued {
		t.Error("a change reached the notice that it began from")
	}
	if _, ok := New(submitted(), 0, "ru", "h", noon, Email).Delivery(SMS); ok {
		t.Error("a channel that nobody asked for")
	}
}

// Beside the application's number, so many digits could only be a datum of a
// person.
var digits = regexp.MustCompile(`\d{5,}`)

func TestAMessageSaysWhatHappenedAndNothingOfThePerson(t *testing.T) {
	const link = "https://polis.example.org/function/portal"
	a := submitted()
	for _, status := range application.Statuses {
		for _, kind := range append(slices.Collect(maps.Keys(abouts)), "") {
			for _, who := range []string{consent.Self, "c1"} {
				a.Timeline[0].Status, a.Kind, a.Person = status, kind, who
				for _, language := range []string{"ru", "en"} {
					for _, channel := range []Channel{Email, SMS} {
						made := New(a, 0, language, "polis.example.org", noon, channel)
						m := made.Message(made.Deliveries[0], "maria@example.org", link)
						where := string(kind) + " " + string(made.Kind) + " " + language + " " + string(channel)
						if m.To != "maria@example.org" || m.ID != made.Deliveries[0].MessageID {
							t.Errorf("%s: %+v", where, m)
						}
						all := m.Subject + "\n" + m.Text
						rest := strings.ReplaceAll(all, a.Number, "")
						if words := map[string]string{"self ru": abouts[kind].own.RU, "self en": abouts[kind].own.EN, "c1 ru": abouts[kind].child.RU, "c1 en": abouts[kind].child.EN}[who+" "+language]; !strings.HasPrefix(m.Text, words) {
							t.Errorf("%s does not say that it is %q: %s", where, words, all)
						}
						if rest == all || strings.Contains(all, "{") || strings.Contains(all, m.To) {
							t.Errorf("%s: %s", where, all)
						}
						p := a.Applicant
						for _, secret := range []string{
							string(p.SNILS), string(a.ENP), p.Name.Family, p.Name.Given, p.Name.Patronymic, p.Document.Number, a.SMO, a.ID,
						} {
							if strings.Contains(rest, secret) {
								t.Errorf("%s tells %q: %s", where, secret, all)
							}
						}
						if digits.MatchString(rest) {
							t.Errorf("%s has a number that is not the application's: %s", where, all)
						}
						if cyrillic := strings.ContainsAny(rest, "аеиоуя"); cyrillic != (language == "ru") {
							t.Errorf("%s is in another language: %s", where, all)
						}
						switch {
						case channel == SMS && (utf8.RuneCountInString(m.Text) > 70 || m.Subject != ""):
							t.Errorf("%s has %d letters: %s", where, utf8.RuneCountInString(m.Text), m.Text)
						case channel == Email && (!strings.Contains(m.Text, link) || m.Subject == "" || strings.ContainsAny(m.Subject, "\r\n")):
							t.Errorf("%s: %q, %s", where, m.Subject, m.Text)
						}
					}
				}
			}
		}
	}
}

func TestEveryChangeOfARecordIsToldInWordsOfItsOwn(t *testing.T) {
	const link = "https://polis.example.org/function/portal"
	seen := map[string]bool{}
	for _, kind := range slices.Concat(policy.ChangeKinds, policy.DateKinds) {
		for _, child := range []bool{false, true} {
			done := policy.Told{Insured: "i000" + strings.Repeat("0", 24), Kind: kind, Person: "11223344595", At: noon}
			subject := ChangeSubject(done, "26005-112-233-445 95", child)
			for _, language := range []string{"ru", "en"} {
				made, ok := Change("account", subject, language, "polis.example.org", noon.Add(time.Hour), Email, SMS)
				where := string(made.Kind) + " " + language
				if !ok || made.Kind != KindOfChange(kind, child) || !made.At.Equal(noon) {
					t.Fatalf("%s %v is not read back: %+v", kind, child, made)
				}
				mail, sms := made.Message(made.Deliveries[0], "maria@example.org", link), made.Message(made.Deliveries[1], "+79161234567", link)
				all := mail.Subject + "\n" + strings.ReplaceAll(mail.Text, link, "") + "\n" + sms.Text
				if mail.Subject == "" || sms.Text == "" || !strings.Contains(mail.Text, link) || utf8.RuneCountInString(sms.Text) > 70 {
					t.Errorf("%s: %s", where, all)
				}
				if strings.ContainsAny(all, "0123456789{") || strings.ContainsAny(all, "аеиоуя") != (language == "ru") {
					t.Errorf("%s tells too much, or in another language: %s", where, all)
				}
				if seen[mail.Text] {
					t.Errorf("%s says what another kind says: %s", where, mail.Text)
				}
				seen[mail.Text] = true
			}
		}
	}
}

func TestWhatMayBeStillToComeIsNotToldAsBegun(t *testing.T) {
	for kind, verb := range map[policy.ChangeKind][2]string{
		policy.PolicySuspended: {"приостанавливается", "is being suspended"},
		policy.PolicyResumed:   {"возобновляется", "is being resumed"},
	} {
		for _, child := range []bool{false, true} {
			words := told[KindOfChange(kind, child)]
			for _, text := range []fault.Text{words.happened, words.sms} {
				if !strings.Contains(text.RU, verb[0]) || !strings.Contains(text.EN, verb[1]) {
					t.Errorf("%s, of a child %v: %+v", kind, child, text)
				}
			}
		}
	}
}

func TestOneChangeIsOneNotice(t *testing.T) {
	done := policy.Told{Insured: "i000" + strings.Repeat("0", 24), Kind: policy.InsurerChosen, At: noon}
	id := func(account, cause string, change policy.Told, child bool) string {
		made, ok := Change(account, ChangeSubject(change, cause, child), "ru", "h", noon)
		if !ok {
			t.Fatal("no notice")
		}
		return made.ID
	}
	first := id("a", "c", done, true)
	other := done
	other.Insured = "i001" + strings.Repeat("0", 24)
	for rule, got := range map[string]string{
		"another account":         id("b", "c", done, true),
		"another cause":           id("a", "d", done, true),
		"another record":          id("a", "c", other, true),
		"the person, not a child": id("a", "c", done, false),
	} {
		if got == first {
			t.Errorf("%s is the same notice", rule)
		}
	}
	if id("a", "c", done, true) != first {
		t.Error("told again it is another notice")
	}
	for _, bad := range []string{"", "change.insurer_chosen", "change.insurer_chosen/i/x", "change./i/1", "application.granted/i/1/2", Subject("a", 1), BirthSubject("i", noon)} {
		if made, ok := Change("a", bad, "ru", "h", noon); ok {
			t.Errorf("%q is a change: %+v", bad, made)
		}
	}
}

func TestOneMailingAnswersWhoAsksWhileItIsUnderWayOrClicksTwice(t *testing.T) {
	soon, later := noon.Add(59*time.Second), noon.Add(time.Minute)
	for state, late := range map[State]bool{Queued: true, Sending: true, Sent: false, Dead: false, Dropped: false} {
		made := Mailing("account", "document", "ru", "h", noon)
		made.Deliveries[0].State = state
		if !made.Answers(soon) || made.Answers(later) != late {
			t.Errorf("%s: %v, %v", state, made.Answers(soon), made.Answers(later))
		}
	}
	if Mailing("a", "d", "ru", "h", noon).ID == Mailing("a", "d", "ru", "h", later).ID {
		t.Error("two letters have one id")
	}
}

func TestALetterWithADocumentSaysWhereItCameFromAndTheHistoryWhatBecameOfIt(t *testing.T) {
	const number, link = "20260310-D3F5-H7K9", "https://polis.example.org/function/portal"
	for language, want := range map[string]struct{ subject, text string }{
		"ru": {"Выписка " + number, "Выписка " + number + " — во вложении к этому письму."},
		"en": {"Extract " + number, "Extract " + number + " is attached to this letter."},
	} {
		made := Mailing("account", "document", language, "polis.example.org", noon)
		made.Number = number
		m := made.Message(made.Deliveries[0], "maria@example.org", link)
		if m.Subject != want.subject || !strings.HasPrefix(m.Text, want.text) || !strings.Contains(m.Text, link) || m.ID != made.Deliveries[0].MessageID {
			t.Errorf("%+v", m)
		}
		// Preferences do not stop what was asked for.
		if rest := strings.ReplaceAll(m.Subject+m.Text, number, ""); digits.MatchString(rest) || strings.Contains(rest, "Отключить") || strings.Contains(rest, "turned off") {
			t.Errorf("%s", rest)
		}
	}
	for _, tc := range []struct {
		state  State
		reason string
		ru, en string
	}{
		{Queued, "smtp_451", "Отправляем", "is being sent"}, {Sending, "", "Отправляем", "is being sent"}, {Sent, "", "отправлена на почту.", "was sent"},
		{Dead, "smtp_550", "не удалось", "could not"}, {Dead, ReasonUnknown, "возможно", "may have been"}, {Dropped, ReasonGone, "не отправлена", "was not sent"},
	} {
		made := Mailing("account", "document", "ru", "h", noon)
		made.Number = number
		made.Deliveries[0].State, made.Deliveries[0].Reason = tc.state, tc.reason
		if text := made.Text(); !strings.Contains(text.RU, tc.ru) || !strings.Contains(text.EN, tc.en) || !strings.Contains(text.RU, number) || !strings.Contains(text.EN, number) {
			t.Errorf("%s %s: %+v", tc.state, tc.reason, text)
		}
	}
}
