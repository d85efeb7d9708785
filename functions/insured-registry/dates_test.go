package function_test

import (
	"encoding/json"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"polis/shared/access"
	"polis/shared/calendar"
	"polis/shared/functiontest"
	"polis/shared/person"
	"polis/shared/policy"
	"polis/shared/store"
)

// agenda is the times, on the law clock, at which records are to be woken, by
// their ids.
func agenda(b *functiontest.Bench) map[string]time.Time {
	all := map[string]time.Time{}
	for _, key := range b.Redis.Keys() {
		if !strings.HasPrefix(key, "agenda:") {
			continue
		}
		members, err := b.Redis.ZMembers(key)
		if err != nil {
			panic(err)
		}
		for _, member := range members {
			if f := strings.Fields(member); f[0] == "insured-registry/dates" {
				score, _ := b.Redis.ZScore(key, member)
				all[f[1]] = time.UnixMilli(int64(score))
			}
		}
	}
	return all
}

// wake has the agenda call the register about a record, as deadline-watch does.
func wake(b *functiontest.Bench, id string) {
	b.CallAs("deadline-watch", name, "/dates", store.Event{Topic: "insured-registry/dates", Home: id, Subject: "dates"}).Expect(200, "")
}

// emitted takes the n events that are queued, each as its topic and subject.
func emitted(b *functiontest.Bench, n int) (all []string) {
	for _, q := range b.Take(n) {
		var e store.Event
		if err := json.Unmarshal(q.Body, &e); err != nil {
			panic(err)
		}
		all = append(all, e.Topic+" "+e.Subject)
	}
	slices.Sort(all)
	return all
}

func datesBench(t *testing.T, rows ...map[string]any) *functiontest.Bench {
	b := bench(t)
	b.Put("notify", nil)
	b.Put("policy-request", nil)
	b.Import(rows...)
	return b
}

func TestOnlyTheAgendaTellsDates(t *testing.T) {
	bench(t).OnlyFor(access.Function, name, "POST /dates", "POST /dates/renew", "POST /dates/find")
}

func TestEachDateOfARecordIsToldWhenTheClockComesToIt(t *testing.T) {
	// Born on 2 September 2019.
	b := datesBench(t, functiontest.Child(ilya, functiontest.Maria))
	id := children(b, maria)[0]
	told := func(year int, month time.Month, day, hour int, want ...string) {
		t.Helper()
		b.SetClock(time.Date(year, month, day, hour, 0, 0, 0, functiontest.Begin.Location()))
		if next := agenda(b)[id]; next.After(b.Now()) {
			t.Fatalf("%s: woken not before %s", b.Now(), next)
		}
		wake(b, id)
		wake(b, id)
		if got := emitted(b, len(want)); !slices.Equal(got, want) {
			t.Errorf("%s: %q instead of %q", b.Now(), got, want)
		}
		if next := agenda(b)[id]; !next.After(b.Now()) {
			t.Errorf("%s: then woken again at %s", b.Now(), next)
		}
	}
	told(2026, time.October, 1, 21, "notify/changes date/insurer_replaceable/2026-10-01")
	told(2027, time.October, 1, 21, "notify/changes date/insurer_replaceable/2027-10-01")
	told(2033, time.September, 2, 9, "notify/changes date/passport_due/2033-09-02") // the autumns passed meanwhile help nobody
	told(2037, time.September, 2, 9,
		"notify/changes date/of_age/2037-09-02", "policy-request/refresh date/of_age/2037-09-02")
}

func TestAJumpOverThreeDatesTellsAllThreeOnce(t *testing.T) {
	b := datesBench(t, functiontest.Child(ilya, functiontest.Maria))
	id := children(b, maria)[0]
	b.SetClock(time.Date(2037, time.October, 20, 12, 0, 0, 0, time.UTC))
	wake(b, id)
	want := []string{
		"notify/changes date/insurer_replaceable/2037-10-01", "notify/changes date/of_age/2037-09-02", "notify/changes date/passport_due/2033-09-02",
		"policy-request/refresh date/of_age/2037-09-02",
	}
	if got := emitted(b, 4); !slices.Equal(got, want) {
		t.Errorf("%q", got)
	}
	wake(b, id)
	b.Take(0)
	for _, subject := range []string{"date/passport_due/2033-09-02", "date/of_age/2037-09-02"} {
		var list struct{ Items []policy.Told }
		b.CallAs("notify", name, "/changes/told", policy.ToldQuestion{Insured: id, Cause: subject}).Expect(200, "").JSON(&list)
		if len(list.Items) != 1 || list.Items[0].Person != ilya.SNILS {
			t.Errorf("%s: %+v", subject, list.Items)
		}
	}
}

func TestAChangeOfTheRecordMovesItsNextDate(t *testing.T) {
	b := datesBench(t, functiontest.Row(maria), functiontest.Row(pavel, "insurer", ""))
	all := agenda(b)
	if len(all) != 1 { // the fund stands in for Pavel's insurer: there is nothing to remind him of
		t.Fatalf("%v", all)
	}
	var id string
	for id = range all {
	}
	if at := all[id]; at.Before(time.Date(2026, time.October, 1, 6, 0, 0, 0, time.UTC)) || !at.Before(time.Date(2026, time.October, 1, 18, 0, 0, 0, time.UTC)) {
		t.Errorf("woken at %s", at)
	}
	change := policy.Request{Cause: "application-1", Submitted: b.Now(), Applicant: maria, Suspension: &policy.Suspension{Ground: "mobilisation", From: calendar.DateOf(b.Now()).AddDays(30)}}
	b.CallAs("policy-lifecycle", name, "/changes", change).Expect(200, "")
	emitted(b, 2)
	if at := agenda(b)[id]; !at.Equal(functiontest.Begin.AddDate(0, 0, 30)) {
		t.Errorf("after the change woken at %s", at)
	}
	var list struct {
		Items []policy.Dated
		AsOf  time.Time `json:"as_of"`
	}
	b.CallAs("policy-card", name, "/dates/find", policy.Question{Applicant: maria}).Expect(200, "").JSON(&list)
	if len(list.Items) != 3 || list.Items[0].Kind != policy.SuspensionBegins || list.Items[0].On.String() != "2026-04-09" || !list.AsOf.Equal(b.Now()) {
		t.Errorf("%+v", list)
	}
	b.CallAs("policy-card", name, "/dates/find", policy.Question{Applicant: anna}).Expect(409, "not_in_register")
}

func TestNoDateThatIsTakenMakesARecordUnreadable(t *testing.T) {
	for _, day := range []string{"1800-01-01", "2076-03-10", "2076-03-11", "2200-12-31", "9999-12-30", "9999-12-31"} {
		b := datesBench(t, functiontest.Row(maria))
		send(b, "commissariat", reportOf("service_started", "ground", "mobilisation", "from", "2026-03-11", "until", day))
		send(b, "commissariat", reportOf("service_started", "ground", "mobilisation", "from", day, "source_id", "2"))
		send(b, "commissariat", reportOf("service_ended", "until", day))
		b.Call("POST", name, "/imports", b.Token(functiontest.Operator), map[string]any{"source_id": day, "records": []any{
			functiontest.Row(anna, "category", "temporary_resident", "valid_until", day, "suspended_from", day)}})
		for _, p := range []person.Person{maria, anna} {
			for _, path := range []string{"/find", "/dates/find", "/history"} {
				res := b.CallAs("policy-card", name, path, policy.Question{Applicant: p})
				if res.Status == 500 {
					t.Errorf("%s: %s answers %d", day, path, res.Status)
				}
				for _, text := range dated.FindAllString(string(res.Body), -1) {
					if _, err := calendar.ParseDate(text); err != nil {
						t.Errorf("%s: %s answers with %s", day, path, text)
					}
				}
			}
		}
	}
}

// dated finds what is written like an ISO date, of whatever year.
var dated = regexp.MustCompile(`\d{4,}-\d\d-\d\d`)

func TestARecordThatIsNotThereIsTakenOffTheAgenda(t *testing.T) {
	b := datesBench(t, functiontest.Row(maria))
	wake(b, "i000"+strings.Repeat("0", 24))
	if all := agenda(b); len(all) != 1 {
		t.Errorf("%v", all)
	}
}
