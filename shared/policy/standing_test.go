package policy

import (
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"polis/shared/calendar"
	"polis/shared/fault"
)

// on is a day of 2026.
func on(month time.Month, day int) calendar.Date { return calendar.On(2026, month, day) }

func deed(source, cause string) Deed {
	return Deed{Source: source, Cause: cause, At: now, Recorded: now}
}

func TestTheStateOfADateFollowsFromTheChangesInWhateverOrderTheyCame(t *testing.T) {
	mistaken := Change{Turn: End, Ground: Death, Since: on(3, 1), Cancelled: now}
	for rule, tc := range map[string]struct {
		changes Changes
		states  map[calendar.Date]State
	}{
		"nothing was ever reported": {nil, map[calendar.Date]State{on(1, 1): Active}},
		"suspended from its first day, resumed from its own": {
			Changes{{Turn: Suspend, Since: on(3, 1)}, {Turn: Resume, Since: on(6, 1)}},
			map[calendar.Date]State{on(2, 28): Active, on(3, 1): Suspended, on(5, 31): Suspended, on(6, 1): Active}},
		"the end of the service was reported before its beginning": {
			Changes{{Turn: Resume, Since: on(6, 1)}, {Turn: Suspend, Since: on(3, 1)}},
			map[calendar.Date]State{on(5, 31): Suspended, on(6, 1): Active}},
		"an ended policy is not put in force by the end of a service": {
			Changes{{Turn: Suspend, Since: on(3, 1)}, {Turn: End, Ground: "permit_cancelled", Since: on(4, 1)}, {Turn: Resume, Since: on(6, 1)}},
			map[calendar.Date]State{on(3, 31): Suspended, on(4, 1): Invalid, on(6, 1): Invalid}},
		"restored": {
			Changes{{Turn: End, Ground: "permit_cancelled", Since: on(4, 1)}, {Turn: Restore, Since: on(5, 1)}},
			map[calendar.Date]State{on(4, 30): Invalid, on(5, 1): Active}},
		"restored while the service lasts": {
			Changes{{Turn: Suspend, Since: on(3, 1), Cause: "c"}, {Turn: End, Ground: "permit_cancelled", Since: on(4, 1)}, {Turn: Restore, Since: on(5, 1)}, {Turn: Resume, Since: on(6, 1), Cause: "c"}},
			map[calendar.Date]State{on(3, 31): Suspended, on(4, 1): Invalid, on(5, 1): Suspended, on(6, 1): Active}},
		"a suspension within a longer one ends by itself": {
			Changes{{Turn: Suspend, Since: on(3, 15), Cause: "p"}, {Turn: Resume, Since: on(9, 16), Cause: "p"},
				{Turn: Suspend, Since: on(3, 12), Cause: "c"}, {Turn: Resume, Since: on(12, 1), Cause: "c"}},
			map[calendar.Date]State{on(3, 12): Suspended, on(9, 16): Suspended, on(11, 30): Suspended, on(12, 1): Active}},
		"an end of service that was reported by itself ends every suspension": {
			Changes{{Turn: Suspend, Since: on(3, 15), Cause: "p"}, {Turn: Suspend, Since: on(3, 12), Cause: "c"}, {Turn: Resume, Since: on(9, 1), Cause: "e"}},
			map[calendar.Date]State{on(8, 31): Suspended, on(9, 1): Active}},
		"the next service begins on the day after the last of the one before": {
			Changes{{Turn: Suspend, Since: on(1, 1), Source: ByCommissariat, Cause: "1"}, {Turn: Resume, Since: on(7, 1), Source: ByCommissariat, Cause: "e"}, {Turn: Suspend, Since: on(7, 1), Source: ByCommissariat, Cause: "2"}},
			map[calendar.Date]State{on(6, 30): Suspended, on(7, 1): Suspended, on(12, 31): Suspended}},
		"and is reported before that end": {
			Changes{{Turn: Suspend, Since: on(1, 1), Source: ByCommissariat, Cause: "1"}, {Turn: Suspend, Since: on(7, 1), Source: ByCommissariat, Cause: "2"}, {Turn: Resume, Since: on(7, 1), Source: ByCommissariat, Cause: "e"}},
			map[calendar.Date]State{on(6, 30): Suspended, on(7, 1): Suspended, on(12, 31): Suspended}},
		"and the person has resumed the policy during the one before": {
			Changes{{Turn: Suspend, Since: on(1, 15), Source: ByCommissariat, Cause: "1"}, {Turn: Resume, Since: on(2, 20), Source: ByPerson, Cause: "p"},
				{Turn: Resume, Since: on(3, 1), Source: ByCommissariat, Cause: "e"}, {Turn: Suspend, Since: on(3, 1), Source: ByCommissariat, Cause: "2"}},
			map[calendar.Date]State{on(2, 19): Suspended, on(2, 20): Active, on(2, 28): Active, on(3, 1): Suspended, on(12, 31): Suspended}},
		"and then it is reported before the end": {
			Changes{{Turn: Suspend, Since: on(1, 15), Source: ByCommissariat, Cause: "1"}, {Turn: Resume, Since: on(2, 20), Source: ByPerson, Cause: "p"},
				{Turn: Suspend, Since: on(3, 1), Source: ByCommissariat, Cause: "2"}, {Turn: Resume, Since: on(3, 1), Source: ByCommissariat, Cause: "e"}},
			map[calendar.Date]State{on(2, 20): Active, on(3, 1): Suspended, on(12, 31): Suspended}},
		"a service that was none, after one that was resumed and then ended": {
			Changes{{Turn: Suspend, Since: on(1, 15), Source: ByCommissariat, Cause: "1"}, {Turn: Resume, Since: on(2, 20), Source: ByPerson, Cause: "p"},
				{Turn: Resume, Since: on(3, 1), Source: ByCommissariat, Cause: "1"},
				{Turn: Suspend, Since: on(7, 1), Source: ByCommissariat, Cause: "2"}, {Turn: Resume, Since: on(7, 1), Source: ByCommissariat, Cause: "e"}},
			map[calendar.Date]State{on(2, 20): Active, on(3, 1): Active, on(7, 1): Active}},
		"a service that ended before it began was none": {
			Changes{{Turn: Suspend, Since: on(7, 1), Source: ByCommissariat, Cause: "1"}, {Turn: Resume, Since: on(7, 1), Source: ByCommissariat, Cause: "e"}},
			map[calendar.Date]State{on(7, 1): Active}},
		"the person's own word ends all that has begun": {
			Changes{{Turn: Suspend, Since: on(1, 1), Source: ByPerson, Cause: "1"}, {Turn: Suspend, Since: on(7, 1), Source: ByCommissariat, Cause: "2"}, {Turn: Resume, Since: on(7, 1), Source: ByPerson, Cause: "e"}},
			map[calendar.Date]State{on(6, 30): Suspended, on(7, 1): Active}},
		"nothing turns after a death, which was reported late": {
			Changes{{Turn: End, Ground: "citizenship_lost", Since: on(3, 10)}, {Turn: Restore, Since: on(3, 12)}, {Turn: End, Ground: Death, Since: on(3, 11)}},
			map[calendar.Date]State{on(3, 10): Invalid, on(3, 11): Invalid, on(3, 12): Invalid, on(12, 31): Invalid}},
		"a cancelled death was never": {
			Changes{{Turn: Suspend, Since: on(2, 1)}, mistaken},
			map[calendar.Date]State{on(2, 28): Suspended, on(3, 1): Suspended, on(12, 31): Suspended}},
		"a service with an end that nobody lives to see": {
			Changes{{Turn: Suspend, Since: on(7, 1), Cause: "1"}, {Turn: Resume, Since: calendar.On(10000, time.January, 1), Cause: "1"}},
			map[calendar.Date]State{on(6, 30): Active, on(7, 1): Suspended}},
		"a day that does not come in a common year": {
			Changes{{Turn: Suspend, Since: calendar.On(2028, time.February, 29)}},
			map[calendar.Date]State{calendar.On(2028, time.February, 28): Active, calendar.On(2028, time.February, 29): Suspended, calendar.On(2028, time.March, 1): Suspended}},
	} {
		for day, want := range tc.states {
			if got := tc.changes.On(day); got.State != want {
				t.Errorf("%s: on %s it is %s instead of %s", rule, day, got.State, want)
			}
		}
	}
}

func TestADeathIsTheGroundWhateverEndedThePolicyBefore(t *testing.T) {
	c := Changes{{Turn: End, Ground: "permit_cancelled", Since: on(2, 1)}, {Turn: End, Ground: Death, Since: on(3, 1)}}
	if got := c.On(on(3, 1)); got.Ground != Death || got.Since != on(3, 1) {
		t.Errorf("%+v", got)
	}
	if got := c.On(on(2, 28)); got.Ground != "permit_cancelled" {
		t.Errorf("%+v", got)
	}
}

// spoken is a record after verbs that must all succeed.
func spoken(t *testing.T, i Insured, verbs ...func(Insured) (Insured, error)) Insured {
	t.Helper()
	for _, verb := range verbs {
		var err error
		if i, err = verb(i); err != nil {
			t.Fatal(err)
		}
	}
	return i
}

func suspend(from, until calendar.Date, source, cause string) func(Insured) (Insured, error) {
	return func(i Insured) (Insured, error) {
		return i.Suspend(Suspension{Ground: "conscription", From: from, Until: until}, deed(source, cause))
	}
}

func resume(from calendar.Date, source, cause string) func(Insured) (Insured, error) {
	return func(i Insured) (Insured, error) { return i.Resume(from, deed(source, cause)) }
}

func end(day calendar.Date, ground, cause string) func(Insured) (Insured, error) {
	return func(i Insured) (Insured, error) { return i.EndOn(day, ground, deed(ByZAGS, cause)) }
}

func restore(day calendar.Date, cause string) func(Insured) (Insured, error) {
	return func(i Insured) (Insured, error) { return i.Restore(day, deed(ByFund, cause)) }
}

// A verb of the table, as the diagram names it.
var verbs = []struct {
	name string
	do   func(Insured) (Insured, error)
}{
	{"suspend", suspend(tableDay, calendar.Date{}, ByPerson, "x")},
	{"resume", resume(tableDay, ByPerson, "x")},
	{"end of service reported", resume(tableDay, ByCommissariat, "x")},
	{"ground lost", end(tableDay, "citizenship_lost", "x")},
	{"death", end(tableDay, Death, "x")},
	{"death cancelled", func(i Insured) (Insured, error) { return i.CancelDeath(deed(ByFund, "x")) }},
	{"restore", restore(tableDay, "x")},
}

var tableDay = on(3, 10)

// stateOf names the state on the table's day, a death apart.
func stateOf(i Insured) string {
	if at := i.Changes.On(tableDay); at.Ground == Death {
		return "dead"
	} else {
		return string(at.State)
	}
}

// Action by state, as 326-FZ and the Rules have them; "" is allowed. The diagram
// of the README is made of it.
func TestEachActionInEachState(t *testing.T) {
	adult := recordOf(holder)
	child := adult
	child.Person.Birth = calendar.On(2012, time.March, 10)
	eighteen := adult
	eighteen.Person.Birth = calendar.On(2008, time.March, 10)
	tomorrow := eighteen
	tomorrow.Person.Birth = calendar.On(2008, time.March, 11)
	states := map[string]Insured{
		"active":      adult,
		"suspended":   spoken(t, adult, suspend(on(2, 1), calendar.Date{}, ByPerson, "s")),
		"invalid":     spoken(t, adult, end(on(2, 1), "citizenship_lost", "e")),
		"dead":        spoken(t, adult, end(on(2, 1), Death, "d")),
		"restored":    spoken(t, adult, end(on(2, 1), "citizenship_lost", "e"), restore(on(3, 1), "r")),
		"a child":     child,
		"18 today":    eighteen,
		"18 tomorrow": tomorrow,

		"suspended tomorrow":               spoken(t, adult, suspend(on(3, 11), calendar.Date{}, ByPerson, "s")),
		"suspended tomorrow by the source": spoken(t, adult, suspend(on(3, 11), calendar.Date{}, ByCommissariat, "s")),
	}
	const none, dead = "policy_not_suspended", "death_recorded"
	diagram := "stateDiagram-v2\n  [*] --> active: put on record\n"
	for _, row := range []struct {
		state string
		want  [7]string // in the order of the verbs
	}{
		{"active", [7]string{"", none, "", "", "", "death_not_recorded", "policy_not_ended"}},
		{"suspended", [7]string{"policy_suspended", "", "", "", "", "death_not_recorded", "policy_not_ended"}},
		{"invalid", [7]string{"policy_ended", "policy_ended", "", "policy_ended", "", "death_not_recorded", ""}},
		{"dead", [7]string{dead, dead, "", "policy_ended", "", "", dead}},
		{"restored", [7]string{"", none, "", "", "", "death_not_recorded", "policy_not_ended"}},
		{"a child", [7]string{"adults_only", none, "", "", "", "death_not_recorded", "policy_not_ended"}},
		{"18 today", [7]string{"", none, "", "", "", "death_not_recorded", "policy_not_ended"}},
		{"18 tomorrow", [7]string{"adults_only", none, "", "", "", "death_not_recorded", "policy_not_ended"}},
		{"suspended tomorrow", [7]string{"", "", "", "", "", "death_not_recorded", "policy_not_ended"}},
		{"suspended tomorrow by the source", [7]string{"", none, "", "", "", "death_not_recorded", "policy_not_ended"}},
	} {
		before := states[row.state]
		for n, verb := range verbs {
			after, err := verb.do(before)
			code := ""
			if err != nil {
				code = fault.From(err).Code
			}
			if code != row.want[n] {
				t.Errorf("%s, %s: %q instead of %q", row.state, verb.name, code, row.want[n])
			}
			if err != nil && !slices.Equal(after.Changes, before.Changes) {
				t.Errorf("%s, %s: refused, and yet %+v", row.state, verb.name, after.Changes)
			}
			if to := stateOf(after); err == nil && row.state == stateOf(before) && to != row.state {
				diagram += fmt.Sprintf("  %s --> %s: %s\n", row.state, to, verb.name)
			}
		}
	}
	readme, err := os.ReadFile("../../README.md")
	if err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(string(readme), diagram) {
		t.Errorf("the README shows another diagram than\n%s", diagram)
	}
}

// What is lost ends only a policy that rests on it: of who has another right by
// now, the loss of the former one ends nothing.
func TestWhatIsLostEndsOnlyWhatRestsOnIt(t *testing.T) {
	ends := map[string][]Category{
		"citizenship_lost":           {Citizen},
		"permit_cancelled":           {TemporaryResident},
		"residence_permit_cancelled": {PermanentResident},
		"refugee_status_lost":        {Refugee, TemporaryAsylum},
		Death:                        Categories,
		Merged:                       Categories,
	}
	for ground, of := range ends {
		if ground != Death && EndText(ground) == EndText("") {
			t.Errorf("%s has no words", ground)
		}
		for _, c := range Categories {
			i := recordOf(holder).Under(RightOf(c, calendar.Date{}, on(1, 10)), "a", now)
			after, err := i.EndOn(tableDay, ground, deed(ByInterior, "x"))
			switch ended := after.Changes.On(tableDay).State == Invalid; {
			case ended != slices.Contains(of, c):
				t.Errorf("%s of a %s: ended is %v", ground, c, ended)
			case !ended && !errors.Is(err, ErrOtherRight):
				t.Errorf("%s of a %s: %v", ground, c, err)
			}
		}
	}
	born, err := recordOf(holder).EndOn(tableDay, "refugee_status_lost", deed(ByInterior, "x"))
	if !errors.Is(err, ErrOtherRight) || born.Changes != nil {
		t.Errorf("a citizen by birth: %v", err)
	}
	permit := recordOf(holder).Under(RightOf(TemporaryResident, on(12, 31), on(1, 10)), "a", now)
	for rule, next := range map[string]func(Insured) (Insured, error){
		"naturalised": func(i Insured) (Insured, error) { return i.Naturalise(deed(ByInterior, "g")) },
		"resident for good": func(i Insured) (Insured, error) {
			return i.Renew(RightOf(PermanentResident, calendar.Date{}, on(11, 2)), Cover{Region: "26"}, deed(ByPerson, "p"))
		},
	} {
		if _, err := spoken(t, permit, next).EndOn(on(11, 3), "permit_cancelled", deed(ByInterior, "x")); !errors.Is(err, ErrOtherRight) {
			t.Errorf("%s, and then the permit is cancelled: %v", rule, err)
		}
	}
}

func TestAnExpiredPolicyIsNotRestoredButAppliedForAnew(t *testing.T) {
	i := recordOf(holder)
	i.ValidUntil = on(2, 28)
	_, err := i.Restore(on(3, 1), deed(ByFund, "r"))
	if f := fault.From(err); f.Code != "policy_expired" || f.Suggest != "register" {
		t.Errorf("%v", err)
	}
	if _, err := i.Restore(on(2, 28), deed(ByFund, "r")); fault.From(err).Code != "policy_not_ended" {
		t.Errorf("on its last day: %v", err)
	}
	ended := spoken(t, i, end(on(2, 1), "citizenship_lost", "e"))
	if _, err := ended.Restore(on(3, 1), deed(ByFund, "r")); fault.From(err).Code != "policy_expired" {
		t.Errorf("ended before, and its term is over too: %v", err)
	}
	spoken(t, ended, restore(on(2, 28), "r"))
}

func TestEachRefusalHasItsWordsInBothLanguages(t *testing.T) {
	for _, code := range []string{"policy_suspended", "policy_not_suspended", "policy_not_ended", "policy_ended", "policy_expired", "death_recorded", "adults_only", "not_in_register", "record_differs", "duplicate_records"} {
		if text, known := Refusal(code); !known || text.RU == "" || text.EN == "" {
			t.Errorf("%s: %q", code, text)
		}
	}
	if _, known := Refusal("store_unavailable"); known {
		t.Error("silence is no refusal")
	}
}

func TestTheSameCauseChangesARecordOnce(t *testing.T) {
	i := spoken(t, recordOf(holder), suspend(on(3, 1), on(5, 31), ByPerson, "s"))
	again := spoken(t, i, suspend(on(3, 1), on(5, 31), ByPerson, "s"))
	if len(i.Changes) != 2 || len(again.Changes) != 2 || !again.Knows("s") || again.Knows("t") {
		t.Errorf("%+v", again.Changes)
	}
	if i.Changes.On(on(5, 31)).State != Suspended || i.Changes.On(on(6, 1)).State != Active || i.Changes.Next(on(3, 1)) != on(6, 1) {
		t.Errorf("%+v", i.Changes)
	}
}

func TestAPersonCallsOffTheirOwnSuspensionBeforeItBegins(t *testing.T) {
	reported := spoken(t, recordOf(holder), suspend(on(5, 1), on(5, 10), ByCommissariat, "c"))
	both := spoken(t, reported, suspend(on(4, 1), on(4, 10), ByPerson, "s"))
	off := spoken(t, both, resume(on(3, 10), ByPerson, "off"))
	for day, want := range map[calendar.Date]State{on(4, 1): Active, on(4, 11): Active, on(5, 1): Suspended, on(5, 11): Active} {
		if got := off.Changes.On(day).State; got != want {
			t.Errorf("on %s it is %s", day, got)
		}
	}
	if !off.CalledOff("off") || both.CalledOff("off") || off.Changes.Next(on(3, 10)) != on(5, 1) {
		t.Errorf("%+v", off.Changes)
	}
	if again := spoken(t, off, resume(on(3, 10), ByPerson, "off")); !slices.Equal(again.Changes, off.Changes) {
		t.Errorf("once more: %+v", again.Changes)
	}
	if _, err := off.Resume(on(3, 10), deed(ByPerson, "another")); fault.From(err).Code != "policy_not_suspended" {
		t.Errorf("called off twice: %v", err)
	}
	if begun := spoken(t, both, resume(on(4, 1), ByPerson, "late")); begun.CalledOff("late") || begun.Changes.On(on(4, 1)).State != Active {
		t.Errorf("on its first day it is resumed: %+v", begun.Changes)
	}
	if _, err := spoken(t, recordOf(holder), suspend(on(3, 9), calendar.Date{}, ByPerson, "s")).Resume(on(3, 8), deed(ByPerson, "past")); fault.From(err).Code != "policy_not_suspended" {
		t.Errorf("from a day before one that has begun: %v", err)
	}
	too := spoken(t, both, suspend(on(4, 1), calendar.Date{}, ByCommissariat, "too"))
	if after, err := too.Resume(on(3, 10), deed(ByPerson, "off")); fault.From(err).Code != "suspension_reported" || !slices.Equal(after.Changes, too.Changes) {
		t.Errorf("reported from the same day: %v", err)
	}
	if next, _ := CardOf(too, on(3, 10), now).Coming(on(3, 10)); next.On != on(4, 1) || next.MayCallOff {
		t.Errorf("reported from the same day, the card offers: %+v", next)
	}
	if _, tells := off.Tells("off", on(3, 10)); tells {
		t.Error("somebody is told")
	}
	var undone []string
	for _, p := range off.History(true) {
		if !p.Undone.IsZero() {
			undone = append(undone, string(p.Kind)+" "+p.On.String())
		}
	}
	if !slices.Equal(undone, []string{"suspended 2026-04-01"}) {
		t.Errorf("the history has undone: %v", undone)
	}
}

func TestACardTellsHowItsStateTurnsNext(t *testing.T) {
	record := recordOf(holder)
	record.Insurances = []Insurance{{Cover: Cover{SMO: "26002", Region: "26", Since: on(1, 1)}}}
	today := on(3, 10)
	for rule, tc := range map[string]struct {
		record Insured
		text   string
		own    bool
	}{
		"nothing to come":            {record, "", false},
		"their own, without an end":  {spoken(t, record, suspend(on(3, 11), calendar.Date{}, ByPerson, "s")), "С 11.03.2026 полис будет приостановлен", true},
		"their own, with an end":     {spoken(t, record, suspend(on(3, 11), on(3, 13), ByPerson, "s")), "С 11.03.2026 по 13.03.2026 полис будет приостановлен", true},
		"reported":                   {spoken(t, record, suspend(on(3, 11), on(3, 13), ByCommissariat, "s")), "С 11.03.2026 по 13.03.2026 полис будет приостановлен", false},
		"the end of one that lasts":  {spoken(t, record, suspend(on(3, 1), on(3, 13), ByPerson, "s")), "С 14.03.2026 полис снова будет действовать", false},
		"a citizenship that is lost": {spoken(t, record, end(on(4, 1), "citizenship_lost", "e")), "С 01.04.2026 полис прекратит действие", false},
	} {
		next, known := CardOf(tc.record, today, now).Coming(today)
		if known != (tc.text != "") || known && next.Text().RU != tc.text || next.MayCallOff != tc.own {
			t.Errorf("%s: %v, %+v", rule, known, next)
		}
	}
	expiring := spoken(t, record, suspend(on(3, 11), calendar.Date{}, ByPerson, "s"))
	expiring.ValidUntil = today
	if next, known := CardOf(expiring, today, now).Coming(today); known {
		t.Errorf("after its last day: %+v", next)
	}
}

func TestAWronglyRecordedDeathLeavesTheRecordAsItWas(t *testing.T) {
	before := spoken(t, recordOf(holder), suspend(on(2, 1), calendar.Date{}, ByCommissariat, "s"))
	dead := spoken(t, before, end(on(3, 1), Death, "d"))
	alive, err := dead.CancelDeath(deed(ByFund, "c"))
	if err != nil || alive.Changes.On(on(3, 5)) != before.Changes.On(on(3, 5)) {
		t.Errorf("%+v, %v", alive.Changes, err)
	}
	if again, err := alive.CancelDeath(deed(ByFund, "c")); err != nil || !slices.Equal(again.Changes, alive.Changes) || !alive.Knows("c") {
		t.Errorf("the same decision again: %+v, %v", again.Changes, err)
	}
	if _, err := alive.CancelDeath(deed(ByFund, "another")); fault.From(err).Code != "death_not_recorded" {
		t.Errorf("cancelled twice: %v", err)
	}
	if !dead.Dead() || alive.Dead() || before.Dead() {
		t.Error("who is dead?")
	}
	if dead.Changes[1].Cancelled != (time.Time{}) {
		t.Error("the record it was made of has changed too")
	}
}

// What a source knows of the end of a service outlasts a death by mistake and an
// end that is restored: nobody would report it again.
func TestAServiceThatEndedMeanwhileSuspendsNothingAfterwards(t *testing.T) {
	serves := spoken(t, recordOf(holder), suspend(on(2, 1), calendar.Date{}, ByCommissariat, "s"))
	for rule, tc := range map[string]struct {
		stops, again func(Insured) (Insured, error)
	}{
		"a death by mistake": {end(on(3, 1), Death, "d"), func(i Insured) (Insured, error) { return i.CancelDeath(deed(ByFund, "c")) }},
		"ended and restored": {end(on(3, 1), "citizenship_lost", "e"), restore(on(5, 1), "r")},
	} {
		over := spoken(t, serves, tc.stops, resume(on(4, 1), ByCommissariat, "o"))
		if told, tells := over.Tells("o", on(4, 1)); tells {
			t.Errorf("%s: told of a policy that is not in force: %+v", rule, told)
		}
		if slices.ContainsFunc(over.History(true), func(p Past) bool { return p.Kind == WasResumed }) {
			t.Errorf("%s: the history has it resumed", rule)
		}
		if at := spoken(t, over, tc.again).Changes.On(on(5, 2)); at.State != Active {
			t.Errorf("%s: %+v", rule, at)
		}
	}
}

// The end of a service puts no policy in force whose term is over by then.
func TestAServiceThatEndsAfterTheTermResumesNothing(t *testing.T) {
	serves := spoken(t, recordOf(holder).Under(RightOf(TemporaryResident, on(2, 28), on(1, 10)), "f", now), suspend(on(2, 1), calendar.Date{}, ByCommissariat, "s"))
	for from, told := range map[calendar.Date]bool{on(2, 28): true, on(3, 1): false, on(3, 6): false} {
		over := spoken(t, serves, resume(from, ByCommissariat, "o"))
		if got, tells := over.Tells("o", on(3, 10)); tells != told || got.Kind == PolicyResumed != told {
			t.Errorf("from %s: told is %v, %q", from, tells, got.Kind)
		}
		if has := slices.ContainsFunc(over.History(true), func(p Past) bool { return p.Kind == WasResumed }); has != told {
			t.Errorf("from %s: the history has it resumed: %v", from, has)
		}
		if !over.Knows("o") {
			t.Errorf("from %s: it is not kept", from)
		}
	}
}

func TestACitizensPolicyHasNoLimitWhateverLapsedBefore(t *testing.T) {
	foreigner := recordOf(holder).Under(RightOf(TemporaryResident, on(12, 31), on(1, 10)), "f", now)
	today := foreigner.Today(now)
	expired := recordOf(holder).Under(RightOf(TemporaryResident, on(2, 28), on(1, 10)), "f", now)
	for rule, tc := range map[string]struct {
		before Insured
		state  State
	}{
		"in force":                {foreigner, Active},
		"expired":                 {expired, Active},
		"ended":                   {spoken(t, foreigner, end(on(1, 15), "permit_cancelled", "e")), Active},
		"in service, and remains": {spoken(t, foreigner, suspend(on(1, 15), calendar.Date{}, ByCommissariat, "s")), Suspended},
	} {
		after := spoken(t, tc.before, func(i Insured) (Insured, error) { return i.Naturalise(deed(ByInterior, "g")) })
		if got := after.Changes.On(today); got.State != tc.state || after.Expired(today.AddYears(9)) {
			t.Errorf("%s: %+v until %s", rule, got, after.ValidUntil)
		}
		if past := after.History(true); !slices.ContainsFunc(past, func(p Past) bool { return p.Kind == ValiditySet && p.Source == ByInterior && p.Until.IsZero() }) {
			t.Errorf("%s: the history: %+v", rule, past)
		}
		if told, tells := after.Tells("g", today); tells != (rule == "ended") || tells && told.Kind != PolicyRestored {
			t.Errorf("%s: tells %v", rule, told)
		}
		if again := spoken(t, after, func(i Insured) (Insured, error) { return i.Naturalise(deed(ByInterior, "g")) }); len(again.Changes) != len(after.Changes) || len(again.Rights) != 2 {
			t.Errorf("%s: delivered again, %+v", rule, again.Changes)
		}
	}
	dead := spoken(t, foreigner, end(on(1, 15), Death, "d"))
	if _, err := dead.Naturalise(deed(ByInterior, "g")); fault.From(err).Code != "death_recorded" {
		t.Errorf("dead: %v", err)
	}
}
