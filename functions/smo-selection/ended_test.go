package function

import (
	"encoding/json"
	"slices"
	"strings"
	"testing"
	"time"

	deadlinewatch "polis/functions/deadline-watch"
	insuredregistry "polis/functions/insured-registry"
	"polis/shared/functiontest"
	"polis/shared/ident"
	"polis/shared/policy"
	"polis/shared/store"
)

const renewTopic = "insured-registry/dates/renew"

// renewals are the events that wait and ask for dates to be renewed.
func renewals(b *functiontest.Bench) (all []store.Event) {
	const key = "events:{p000}"
	fields, err := b.Redis.HKeys(key)
	if err != nil {
		return nil // none of any kind
	}
	for _, field := range fields {
		var e store.Event
		if json.Unmarshal([]byte(b.Redis.HGet(key, field)), &e) == nil && e.Topic == renewTopic {
			all = append(all, e)
		}
	}
	return all
}

// renew delivers them, each twice.
func renew(b *functiontest.Bench) {
	for _, e := range slices.Repeat(renewals(b), 2) {
		b.CallAs("deadline-watch", insuredregistry.Name, "/dates/renew", e).Expect(200, "")
	}
}

// swept has cron's function deliver them, a minute later by the machine's clock.
func swept(b *functiontest.Bench) {
	b.Run(deadlinewatch.Name, deadlinewatch.New)
	for _, e := range renewals(b) {
		if _, err := b.Redis.ZAdd("outbox:{p000}", 0, e.ID); err != nil {
			panic(err)
		}
	}
	for before := -1; len(renewals(b)) != before; {
		before = len(renewals(b))
		b.Call("POST", deadlinewatch.Name, "/", "", nil).Expect(200, "")
	}
}

// due are the records that are on the agenda by now, by the law clock.
func due(b *functiontest.Bench) (ids []string) {
	for _, key := range b.Redis.Keys() {
		if !strings.HasPrefix(key, "agenda:") {
			continue
		}
		members, err := b.Redis.ZMembers(key)
		if err != nil {
			panic(err)
		}
		for _, member := range members {
			score, _ := b.Redis.ZScore(key, member)
			if f := strings.Fields(member); f[0] == "insured-registry/dates" && int64(score) <= b.Now().UnixMilli() {
				ids = append(ids, f[1])
			}
		}
	}
	return ids
}

// wake has the agenda call the register about what is due, each twice.
func wake(b *functiontest.Bench) (ids []string) {
	ids = due(b)
	for _, id := range slices.Repeat(ids, 2) {
		b.CallAs("deadline-watch", insuredregistry.Name, "/dates", store.Event{Topic: "insured-registry/dates", Home: id, Subject: "dates"}).Expect(200, "")
	}
	return ids
}

// tell does so, and answers with what is told, each as the record and the cause.
func tell(b *functiontest.Bench) (told []string) {
	for _, q := range b.Take(len(wake(b))) {
		var e store.Event
		if err := json.Unmarshal(q.Body, &e); err != nil {
			panic(err)
		}
		told = append(told, e.Home+" "+e.Subject)
	}
	slices.Sort(told)
	return told
}

func TestWhoseInsurersContractAnImportEndsIsToldOnTheDayAndOnce(t *testing.T) {
	b := register(t)
	b.Put("notify", nil)
	o := newOperator(t, b)
	first := header + line("26002", "Первая-М", "8 800 000-00-01", "") + line("26003", "Вторая-М", "8 800 000-00-02", "")
	o.imports("csv", first, 1000)
	b.Import(functiontest.Row(maria.Person), functiontest.Child(ilya, maria, pavel), functiontest.Row(anna.Person, "insurer", "26003"))
	if all := renewals(b); len(all) != 0 {
		t.Fatalf("an import that ends no contract: %v", all)
	}

	// In 40 days.
	o.imports("csv", header+line("26002", "Первая-М", "8 800 000-00-01", "19.04.2026")+line("26003", "Вторая-М", "8 800 000-00-02", ""), 1000)
	if all := renewals(b); len(all) != ident.Partitions {
		t.Fatalf("%d events", len(all))
	}
	swept(b)
	if all := renewals(b); len(all) != 0 {
		t.Fatalf("left: %v", all)
	}
	b.SetClock(time.Date(2026, time.April, 19, 8, 59, 0, 0, functiontest.Begin.Location()))
	if early := due(b); len(early) != 0 {
		t.Errorf("woken early: %v", early)
	}
	b.Advance(time.Minute)
	told := tell(b)
	var want []string
	for _, q := range []policy.Question{{Applicant: maria.Person}, {Applicant: maria.Person, Child: childOf(b)}} {
		want = append(want, recordOf(b, q)+" date/insurer_contract_ended/2026-04-19")
	}
	if slices.Sort(want); !slices.Equal(told, want) {
		t.Errorf("%v instead of %v", told, want)
	}
	if again := due(b); len(again) != 0 {
		t.Errorf("woken again: %v", again)
	}

	// Imported again, the directory is the same.
	o.imports("csv", header+line("26002", "Первая-М", "8 800 000-00-09", "19.04.2026")+line("26003", "Вторая-М", "8 800 000-00-02", ""), 1000)
	if all := renewals(b); len(all) != 0 {
		t.Errorf("an import that changed a telephone: %v", all)
	}
}

func TestWhoseInsurerIsListedNoMoreIsToldOnTheSameDay(t *testing.T) {
	b := register(t)
	b.Put("notify", nil)
	o := newOperator(t, b)
	o.imports("csv", header+line("26002", "Первая-М", "8 800 000-00-01", "")+line("26003", "Вторая-М", "8 800 000-00-02", ""), 1000)
	b.Import(functiontest.Row(maria.Person), functiontest.Row(anna.Person, "insurer", "26003")) // today too
	o.imports("csv", header+line("26003", "Вторая-М", "8 800 000-00-02", ""), 1000)
	renew(b)
	want := []string{recordOf(b, policy.Question{Applicant: maria.Person}) + " date/insurer_contract_ended/2026-03-10"}
	if told := tell(b); !slices.Equal(told, want) {
		t.Errorf("%v instead of %v", told, want)
	}
	if again := due(b); len(again) != 0 {
		t.Errorf("woken again: %v", again)
	}
}

func TestWhereTheNextContractIsPublishedAheadNothingEnds(t *testing.T) {
	b := register(t)
	o := newOperator(t, b)
	b.Import(functiontest.Row(maria.Person))
	ends := line("26002", "Первая-М", "8 800 000-00-01", "31.12.2026")
	o.imports("csv", header+ends, 1000)
	renew(b)
	b.Advance(2 * time.Minute)
	p := o.imports("csv", header+ends+strings.Replace(line("26002", "Первая-М", "8 800 000-00-01", ""), "01.01.2011", "01.01.2027", 1), 1000)
	if p.Phase != "done" || p.Rows.Read != 2 || p.Report.Changed != 1 || len(p.Notes) != 0 {
		t.Errorf("%+v", p)
	}
	if all := renewals(b); len(all) != 0 {
		t.Errorf("%d events", len(all))
	}
	if got := list(t, b, "/?region=26").Items; len(got) != 1 || got[0].Since != "2011-01-01" || got[0].Until != "" {
		t.Errorf("listed: %+v", got)
	}
	b.SetClock(time.Date(2026, time.December, 31, 12, 0, 0, 0, functiontest.Begin.Location()))
	if woken := wake(b); len(woken) != 1 {
		t.Errorf("woken: %v", woken)
	}
	b.Take(0) // and nobody is told

	// A gap of two months, and the first contract by its own dates.
	o.imports("csv", header+ends+strings.Replace(line("26002", "Первая-М", "8 800 000-00-01", ""), "01.01.2011", "01.03.2027", 1), 1000)
	b.SetClock(time.Date(2026, time.December, 30, 12, 0, 0, 0, functiontest.Begin.Location()))
	if got := list(t, b, "/?region=26").Items; len(got) != 1 || got[0].Since != "2011-01-01" || got[0].Until != "2026-12-31" {
		t.Errorf("listed before a gap: %+v", got)
	}
	b.SetClock(time.Date(2027, time.March, 1, 12, 0, 0, 0, functiontest.Begin.Location()))
	if got := list(t, b, "/?region=26").Items; len(got) != 1 || got[0].Since != "2027-03-01" || got[0].Until != "" {
		t.Errorf("listed after it: %+v", got)
	}
}

func childOf(b *functiontest.Bench) string {
	var list struct{ Items []policy.Child }
	b.CallAs("policy-card", insuredregistry.Name, "/children", policy.Question{Applicant: maria.Person}).Expect(200, "").JSON(&list)
	return list.Items[0].ID
}

func recordOf(b *functiontest.Bench, q policy.Question) string {
	var f policy.Finding
	b.CallAs("policy-request", insuredregistry.Name, "/find", q).Expect(200, "").JSON(&f)
	return f.Card.Insured
}
