package policy

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"polis/shared/calendar"
	"polis/shared/directory"
	"polis/shared/fault"
	"polis/shared/person"
)

func dated(text string) calendar.Date {
	d, err := calendar.ParseDate(text)
	if err != nil {
		panic(err)
	}
	return d
}

func noonOf(text string) time.Time { return dated(text).Start(time.UTC).Add(12 * time.Hour) }

// told is an entry in short: its day, kind, source, and what is told of it.
func (p Past) told() string {
	s := fmt.Sprintf("%s %s by %s", p.On, p.Kind, p.Source)
	for _, more := range []string{p.SMO, string(p.Reason), p.Ground, p.Until.String()} {
		if more != "" {
			s += " " + more
		}
	}
	if !p.Undone.IsZero() {
		s += " undone"
	}
	return s
}

func TestTheHistoryTellsWhatHappenedAndWhoAndWhy(t *testing.T) {
	adult := person.Person{SNILS: "11223344595", Birth: dated("1985-03-12")}
	child := person.Person{Birth: dated("2019-09-02")}
	first := Insurance{Cover: Cover{SMO: "26002", Region: "26", Since: dated("2020-05-14")}, Cause: "import", Recorded: noonOf("2020-05-14")}
	record := func(p person.Person, change func(*Insured)) Insured {
		i := Insured{Person: p, ValidFrom: dated("2020-05-14"), Insurances: []Insurance{first}, Cause: "import", RecordedAt: noonOf("2020-05-14")}
		change(&i)
		return i
	}
	chosen := func(cause, smo, since string, r Reason) Insurance {
		return Insurance{Cover: Cover{SMO: smo, Region: "26", Since: dated(since)}, Reason: r, Cause: cause, Recorded: noonOf(since)}
	}
	for rule, tc := range map[string]struct {
		record   Insured
		themself bool
		want     []string
	}{
		"an imported record begins with its insurer": {record(adult, func(*Insured) {}), true,
			[]string{"2020-05-14 put_on_record by import 26002"}},
		"a record of an application is the person's own": {record(adult, func(i *Insured) { i.Territory = "26" }), true,
			[]string{"2020-05-14 put_on_record by person 26002"}},
		"a newborn's comes from the civil registry": {record(child, func(i *Insured) { i.Territory, i.Birth = "26", &BirthRecord{Number: "1"} }), true,
			[]string{"2020-05-14 put_on_record by zags 26002"}},
		"a child's that a parent applied for comes from a representative": {record(child, func(i *Insured) { i.Territory, i.Birth, i.Applied = "26", &BirthRecord{Number: "1"}, true }), false,
			[]string{"2020-05-14 put_on_record by representative 26002"}},
		"each choice with its reason, the latest first": {record(adult, func(i *Insured) {
			i.Insurances = append(i.Insurances, chosen("a", "26001", "2024-03-01", ByRight), chosen("b", "26006", "2025-04-01", ContractEnded))
		}), true, []string{"2025-04-01 insurer by person 26006 contract_ended", "2024-03-01 insurer by person 26001 by_right", "2020-05-14 put_on_record by import 26002"}},
		"of a child's choice not which parent made it": {record(child, func(i *Insured) { i.Insurances = append(i.Insurances, chosen("a", "26001", "2024-03-01", First)) }), false,
			[]string{"2024-03-01 insurer by representative 26001 first", "2020-05-14 put_on_record by import 26002"}},
		"what the fund assigned": {record(adult, func(i *Insured) { i.Insurances = append(i.Insurances, chosen("f", "26001", "2024-03-01", "")) }), true,
			[]string{"2024-03-01 insurer by fund 26001", "2020-05-14 put_on_record by import 26002"}},
		"a correction beside what was wrong": {record(adult, func(i *Insured) {
			i.Insurances = append(i.Insurances, chosen("a", "26001", "2024-03-01", ByRight))
			*i, _ = i.Correct(Correction{Wrong: dated("2024-03-01"), Right: Cover{SMO: "26006", Region: "26", Since: dated("2024-03-05")}, Cause: "f"}, noonOf("2025-01-10"))
		}), true, []string{"2024-03-05 insurer_corrected by fund 26006 by_right", "2024-03-01 insurer by person 26001 by_right undone", "2020-05-14 put_on_record by import 26002"}},
		"the first insurer corrected": {record(adult, func(i *Insured) {
			*i, _ = i.Correct(Correction{Wrong: dated("2020-05-14"), Right: Cover{SMO: "26006", Region: "26", Since: dated("2020-05-20")}, Cause: "f"}, noonOf("2025-01-10"))
		}), true, []string{"2020-05-20 insurer_corrected by fund 26006", "2020-05-14 put_on_record by import 26002"}},
		"a service with its ground to the person, with its end still to come": {record(adult, func(i *Insured) {
			*i, _ = i.Suspend(Suspension{Ground: "conscription", From: dated("2026-01-15"), Until: dated("2026-12-31")}, Deed{Source: ByCommissariat, Cause: "c", Recorded: noonOf("2026-01-10")})
		}), true, []string{"2027-01-01 resumed by commissariat", "2026-01-15 suspended by commissariat conscription", "2020-05-14 put_on_record by import 26002"}},
		"to nobody else for what service": {record(adult, func(i *Insured) {
			*i, _ = i.Suspend(Suspension{Ground: "conscription", From: dated("2026-01-15")}, Deed{Source: ByPerson, Cause: "c", Recorded: noonOf("2026-01-10")})
		}), false, []string{"2026-01-15 suspended by person", "2020-05-14 put_on_record by import 26002"}},
		"ended and restored": {record(adult, func(i *Insured) {
			*i, _ = i.EndOn(dated("2025-02-01"), "citizenship_lost", Deed{Source: ByFund, Cause: "e", Recorded: noonOf("2025-02-01")})
			*i, _ = i.Restore(dated("2025-03-01"), Deed{Source: ByFund, Cause: "r", Recorded: noonOf("2025-03-01")})
		}), true, []string{"2025-03-01 restored by fund", "2025-02-01 ended by fund citizenship_lost", "2020-05-14 put_on_record by import 26002"}},
		"a death that was a mistake stays, undone": {record(adult, func(i *Insured) {
			i.Changes = Changes{{Turn: End, Ground: Death, Since: dated("2025-02-01"), Source: ByZAGS, Cause: "d", Recorded: noonOf("2025-02-02"), Cancelled: noonOf("2025-02-09")}}
		}), true, []string{"2025-02-01 ended by zags death undone", "2020-05-14 put_on_record by import 26002"}},
		"a new name and not the old one": {record(adult, func(i *Insured) {
			*i, _ = i.Rename(person.Name{Family: "Орлова", Given: "Мария"}, person.Document{}, Deed{Source: ByZAGS, Cause: "n", Recorded: noonOf("2025-02-01")})
		}), true, []string{"2025-02-01 renamed by zags", "2020-05-14 put_on_record by import 26002"}},
		"an insurer chosen with another right": {record(adult, func(i *Insured) {
			*i = i.Under(RightOf(EAEUWorker, dated("2026-04-30"), dated("2026-03-01")), "import", noonOf("2026-03-01"))
			*i, _ = i.Renew(RightOf(EAEUWorker, dated("2028-05-31"), dated("2026-05-10")), Cover{SMO: "26005", Region: "26"}, Deed{Source: ByPerson, Cause: "a", Recorded: noonOf("2026-05-11")})
		}), true, []string{"2026-05-10 insurer by person 26005", "2026-05-10 validity by person 2026-12-31", "2020-05-14 put_on_record by import 26002"}},
		"a dismissal": {record(adult, func(i *Insured) {
			*i = i.Under(RightOf(EAEUWorker, dated("2028-05-31"), dated("2026-03-01")), "import", noonOf("2026-03-01"))
			*i, _ = i.Dismissed(dated("2026-06-30"), Deed{Source: ByEmployer, Cause: "x", Recorded: noonOf("2026-07-01")})
		}), true, []string{"2026-06-30 validity by employer contract_ended 2026-06-30", "2020-05-14 put_on_record by import 26002"}},
	} {
		var got []string
		for _, p := range tc.record.History(tc.themself) {
			got = append(got, p.told())
			if text := p.Text(directory.Demo()); text.RU == "" || text.EN == "" || p.Who().RU == "" || p.Who().EN == "" {
				t.Errorf("%s: %s has no words", rule, p.told())
			}
		}
		if !slices.Equal(got, tc.want) {
			t.Errorf("%s:\n%s\ninstead of\n%s", rule, strings.Join(got, "\n"), strings.Join(tc.want, "\n"))
		}
	}
}

func TestEachKindOfHistoryHasWordsOfItsOwn(t *testing.T) {
	seen := map[string]PastKind{}
	for _, k := range PastKinds {
		text := Past{Kind: k, On: dated("2026-03-10"), Until: dated("2026-12-31"), SMO: "26002"}.Text(directory.Demo())
		if had, twice := seen[text.RU]; twice {
			t.Errorf("%s and %s are both %q", had, k, text.RU)
		}
		seen[text.RU] = k
	}
	for kind, want := range map[PastKind]fault.Text{
		PutOnRecord:     {RU: "Запись в регистре с 10.03.2026. Страхует компания с кодом 26999", EN: "On record since 2026-03-10. Insured by the company with code 26999"},
		InsurerSet:      {RU: "С 10.03.2026 страхует компания с кодом 26999", EN: "Insured by the company with code 26999 since 2026-03-10"},
		InsurerPutRight: {RU: "Исправлено: с 10.03.2026 страхует компания с кодом 26999", EN: "Corrected: insured by the company with code 26999 since 2026-03-10"},
	} {
		if text := (Past{Kind: kind, On: dated("2026-03-10"), SMO: "26999"}).Text(directory.Demo()); text != want {
			t.Errorf("of an insurer that is not in the directory: %+v", text)
		}
	}
	for _, ground := range SuspensionGrounds {
		if why := (Past{Kind: WasSuspended, Ground: ground}).Why(); why.RU == "Служба" || why.EN == "" {
			t.Errorf("%s: %q", ground, why)
		}
	}
}
