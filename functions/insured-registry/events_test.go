package function_test

import (
	"slices"
	"testing"
	"time"

	"polis/shared/access"
	"polis/shared/calendar"
	"polis/shared/functiontest"
	"polis/shared/person"
	"polis/shared/policy"
	"polis/shared/store"
)

// as is the token of a source, or of the fund's staff.
func as(b *functiontest.Bench, source string) string {
	if source == policy.ByFund {
		return b.Token(functiontest.Claims{"sub": "f", "roles": []string{"fund"}})
	}
	return b.Token(functiontest.Claims{"sub": "s", "roles": []string{"source"}, "source": source})
}

// report of Maria. change is pairs of a field and its value, nil for none.
func reportOf(kind string, change ...any) map[string]any {
	body := map[string]any{
		"kind": kind, "source_id": kind + "-1", "person": map[string]any{"snils": maria.SNILS.String(), "birth_date": maria.Birth},
	}
	for i := 0; i < len(change); i += 2 {
		body[change[i].(string)] = change[i+1]
	}
	return body
}

func send(b *functiontest.Bench, source string, body map[string]any) functiontest.Response {
	return b.Call("POST", name, "/events", as(b, source), body)
}

// shown is what the register says of Maria's policy in words, on the bench's day.
func shown(b *functiontest.Bench) string {
	f := find(b, policy.Question{Applicant: maria})
	if f.Card == nil {
		return "nothing"
	}
	return f.Card.ShownText(calendar.Today(b.Now(), f.Card.Insurance.Region)).RU
}

const active = "Активен. Бумажный полис менять не нужно"

// Records made before messages were kept know a report by the cause that it had
// then.
func TestAReportTakenByAnEarlierVersionIsNotTakenAgain(t *testing.T) {
	b := bench(t)
	b.Import(functiontest.Row(maria))
	s := store.Open(b.Env())
	grant, err := access.Caller{Role: access.Source, Unit: policy.ByZAGS}.May(access.ReportEvent, "call")
	if err != nil {
		t.Fatal(err)
	}
	day, none := calendar.On(2026, time.March, 1), calendar.Date{}.String()
	former := s.Digest("report", policy.ByZAGS, "death-1", "death", day.String(), none, none)
	if _, err := s.Amend(t.Context(), grant, find(b, policy.Question{Applicant: maria}).Card.Insured, func(i policy.Insured) (policy.Insured, bool, error) {
		i, err := i.EndOn(day, policy.Death, policy.Deed{Source: policy.ByZAGS, Cause: former, At: b.Now(), Recorded: b.Now()})
		return i, true, err
	}); err != nil {
		t.Fatal(err)
	}
	send(b, policy.ByFund, reportOf("death_cancelled")).Expect(202, "")
	send(b, policy.ByZAGS, reportOf("death", "on", day)).Expect(202, "")
	if got := shown(b); got != active {
		t.Errorf("delivered again: %s", got)
	}
}

func TestEachKindIsReportedByThoseWhoseBusinessItIs(t *testing.T) {
	b := bench(t)
	b.Import(functiontest.Row(maria))
	// Typed by hand, not read from the rules.
	may := map[string][]string{
		"birth": {"zags"}, "name_changed": {"zags"}, "death": {"zags"}, "death_cancelled": {"fund"}, "citizenship_lost": {"interior", "fund"},
		"citizenship_gained": {"interior", "fund"}, "service_started": {"commissariat"}, "service_ended": {"commissariat"}, "contract_ended": {"employer"},
		"permit_cancelled": {"interior", "fund"}, "residence_permit_cancelled": {"interior", "fund"}, "refugee_status_lost": {"interior", "fund"}, "representative_removed": {"fund"},
	}
	for kind, sources := range may {
		for _, source := range []string{"zags", "commissariat", "employer", "interior", "fund", "another"} {
			res := send(b, source, map[string]any{"kind": kind})
			if allowed := res.Code == "invalid_fields"; allowed != slices.Contains(sources, source) || !allowed && res.Code != "source_not_allowed" {
				t.Errorf("%s by %s: %q", kind, source, res.Code)
			}
		}
		forged := b.Token(functiontest.Claims{"sub": "s", "roles": []string{"source"}, "source": "fund"})
		if res := b.Call("POST", name, "/events", forged, map[string]any{"kind": kind}); res.Code != "source_not_allowed" {
			t.Errorf("%s by a source that calls itself the fund: %q", kind, res.Code)
		}
	}
	for _, role := range []string{"staff", "clinic", "operator", "auditor"} {
		b.Call("POST", name, "/events", b.Token(functiontest.Claims{"sub": "x", "roles": []string{role}}), reportOf("death")).Expect(403, "not_allowed")
	}
	b.Call("POST", name, "/events", b.Token(functiontest.Maria.Claims()), reportOf("death")).Expect(403, "not_allowed")
}

func TestEveryWrongFieldOfAReportIsNamed(t *testing.T) {
	b := bench(t)
	b.Import(functiontest.Row(maria))
	started := []any{"ground", "conscription", "from", "2026-03-11"}
	for rule, tc := range map[string]struct {
		by, field, code string
		body            map[string]any
	}{
		"no id":                          {"zags", "source_id", "required", reportOf("death", "on", "2026-03-09", "source_id", "")},
		"nobody":                         {"zags", "person.snils", "required", reportOf("death", "on", "2026-03-09", "person", map[string]any{"birth_date": "1985-03-12"})},
		"a mistyped SNILS":               {"zags", "person.snils", "snils_check_digits", reportOf("death", "on", "2026-03-09", "person", map[string]any{"snils": "11223344596", "birth_date": "1985-03-12"})},
		"a mistyped number":              {"zags", "person.enp", "enp_check_digit", reportOf("death", "on", "2026-03-09", "person", map[string]any{"enp": "2656410837000319", "birth_date": "1985-03-12"})},
		"no birth date":                  {"zags", "person.birth_date", "required", reportOf("death", "on", "2026-03-09", "person", map[string]any{"snils": maria.SNILS})},
		"dead tomorrow":                  {"zags", "on", "date_wrong", reportOf("death", "on", "2026-03-11")},
		"dead before the birth":          {"zags", "on", "date_wrong", reportOf("death", "on", "1985-03-11")},
		"dead on no day":                 {"zags", "on", "required", reportOf("death")},
		"a death with a ground":          {"zags", "ground", "not_expected", reportOf("death", "on", "2026-03-09", "ground", "conscription")},
		"a field there is not":           {"zags", "cause", "unknown_field", reportOf("death", "on", "2026-03-09", "cause", "x")},
		"a service without a ground":     {"commissariat", "ground", "required", reportOf("service_started", "from", "2026-03-11")},
		"a ground outside the list":      {"commissariat", "ground", "ground_unknown", reportOf("service_started", "from", "2026-03-11", "ground", "study")},
		"a service that ends first":      {"commissariat", "until", "until_before_from", reportOf("service_started", append(started, "until", "2026-03-10")...)},
		"a service without an end":       {"commissariat", "until", "date_too_late", reportOf("service_started", append(started, "until", "2099-12-31")...)},
		"written in another way":         {"commissariat", "until", "date_too_late", reportOf("service_started", append(started, "until", "9999-12-31")...)},
		"a service nobody lives to see":  {"commissariat", "from", "date_too_late", reportOf("service_started", "ground", "conscription", "from", "2199-03-11")},
		"a service that never ended":     {"commissariat", "until", "date_too_late", reportOf("service_ended", "until", "2200-12-31")},
		"an end without a day":           {"commissariat", "until", "required", reportOf("service_ended")},
		"no new name":                    {"zags", "name", "required", reportOf("name_changed")},
		"a name that cannot be":          {"zags", "name.family", "name_unsupported_character", reportOf("name_changed", "name", person.Name{Family: "Орлова😀"})},
		"a document of no accepted kind": {"zags", "document.type", "document_type_not_accepted", reportOf("name_changed", "name", person.Name{Family: "Орлова"}, "document", person.Document{Type: 7, Number: "1"})},
	} {
		fields := send(b, tc.by, tc.body).Expect(422, "invalid_fields").Fields()
		if fields[tc.field] != tc.code || len(fields) != 1 {
			t.Errorf("%s: %v", rule, fields)
		}
	}
	if got := shown(b); got != active {
		t.Error(got)
	}
}

func TestAReportMustBeOfExactlyOneRecordAndWhatDiffersIsNotTold(t *testing.T) {
	b := bench(t)
	b.Import(functiontest.Row(maria), functiontest.Row(pavel))
	enp := number(maria, 31)
	for rule, tc := range map[string]struct {
		person map[string]any
		status int
		code   string
	}{
		"nobody":                     {map[string]any{"snils": anna.SNILS, "birth_date": anna.Birth}, 404, "person_not_found"},
		"another birth date":         {map[string]any{"snils": maria.SNILS, "birth_date": "1985-03-13"}, 404, "person_not_found"},
		"another birth date, by ENP": {map[string]any{"enp": enp, "birth_date": "1985-03-13"}, 404, "person_not_found"},
		"one number is nobody's":     {map[string]any{"snils": anna.SNILS, "enp": enp, "birth_date": maria.Birth}, 404, "person_not_found"},
		"of two persons":             {map[string]any{"snils": pavel.SNILS, "enp": enp, "birth_date": maria.Birth}, 409, "person_ambiguous"},
		"by ENP":                     {map[string]any{"enp": enp, "birth_date": maria.Birth}, 202, ""},
		"by both":                    {map[string]any{"snils": maria.SNILS, "enp": enp, "birth_date": maria.Birth}, 202, ""},
	} {
		res := send(b, "commissariat", reportOf("service_ended", "until", "2026-01-31", "person", tc.person)).Expect(tc.status, tc.code)
		if tc.status == 404 && res.Detail != "Человека с такими данными в регистре нет." {
			t.Errorf("%s: %s", rule, res.Detail)
		}
	}
}

func TestAReportedServiceSuspendsForItsDaysInWhateverOrderItIsReported(t *testing.T) {
	for rule, kinds := range map[string][]string{
		"begun first":             {"service_started", "service_ended"},
		"its end came first":      {"service_ended", "service_started"},
		"each is delivered twice": {"service_ended", "service_ended", "service_started", "service_started", "service_ended"},
	} {
		b := bench(t)
		b.Import(functiontest.Row(maria))
		for _, kind := range kinds {
			body := reportOf(kind, "until", "2026-03-20")
			if kind == "service_started" {
				body = reportOf(kind, "ground", "mobilisation", "from", "2026-03-11")
			}
			send(b, "commissariat", body).Expect(202, "")
		}
		for day, want := range map[int]string{10: active, 11: "Приостановлен с 11.03.2026", 20: "Приостановлен с 11.03.2026", 21: active} {
			b.SetClock(time.Date(2026, time.March, day, 12, 0, 0, 0, time.UTC))
			if got := shown(b); got != want {
				t.Errorf("%s, on the %dth: %q", rule, day, got)
			}
		}
		if changes := find(b, policy.Question{Applicant: maria}).Card.Changes; len(changes) != 2 {
			t.Errorf("%s: %d changes", rule, len(changes))
		}
	}
}

func TestWhoWasSuspendedByAnImportIsResumedByTheCommissariat(t *testing.T) {
	b := bench(t)
	b.Import(functiontest.Row(maria, "suspended_from", "2025-11-17"))
	if got := shown(b); got != "Приостановлен с 17.11.2025" {
		t.Fatal(got)
	}
	// What the commissariat knows may last longer, and so is kept.
	send(b, "commissariat", reportOf("service_started", "ground", "mobilisation", "from", "2026-03-01")).Expect(202, "")
	if got := shown(b); got != "Приостановлен с 17.11.2025" {
		t.Error(got)
	}
	send(b, "commissariat", reportOf("service_ended", "until", "2026-03-09")).Expect(202, "")
	if got := shown(b); got != active {
		t.Error(got)
	}
}

func TestADeathClosesTheRecordAndTheFundPutsAWrongOneRight(t *testing.T) {
	b := bench(t)
	b.Import(functiontest.Row(maria))
	for range 2 {
		send(b, "zags", reportOf("death", "on", "2026-03-08")).Expect(202, "")
	}
	if got := shown(b); got != "Аннулирован с 08.03.2026. Причина: в регистре записана смерть" {
		t.Error(got)
	}
	send(b, "commissariat", reportOf("service_started", "ground", "mobilisation", "from", "2026-03-11")).Expect(409, "death_recorded")
	send(b, "zags", reportOf("death_cancelled")).Expect(403, "source_not_allowed")
	for range 2 {
		send(b, "fund", reportOf("death_cancelled")).Expect(202, "")
	}
	if got := shown(b); got != active {
		t.Error(got)
	}
	send(b, "fund", reportOf("death_cancelled", "source_id", "another")).Expect(409, "death_not_recorded")
}

func TestTheEndOfAServiceIsKeptWhileADeathStandsByMistake(t *testing.T) {
	b := bench(t)
	b.Import(functiontest.Row(maria))
	send(b, "commissariat", reportOf("service_started", "ground", "mobilisation", "from", "2026-01-15")).Expect(202, "")
	send(b, "zags", reportOf("death", "on", "2026-03-01")).Expect(202, "")
	send(b, "commissariat", reportOf("service_ended", "until", "2026-03-05")).Expect(202, "")
	send(b, "fund", reportOf("death_cancelled")).Expect(202, "")
	if got := shown(b); got != active {
		t.Error(got)
	}
}

func TestCitizenshipDecidesOnTheRightToAPolicy(t *testing.T) {
	b := bench(t)
	b.Import(functiontest.Row(maria))
	send(b, "interior", reportOf("citizenship_lost")).Expect(202, "")
	if got := shown(b); got != "Аннулирован с 10.03.2026. Причина: утрата гражданства" {
		t.Errorf("from the day the data came: %q", got)
	}
	send(b, "interior", reportOf("citizenship_lost")).Expect(202, "")
	send(b, "interior", reportOf("citizenship_lost", "source_id", "another")).Expect(409, "policy_ended")
	b.Advance(48 * time.Hour)
	send(b, "fund", reportOf("citizenship_gained")).Expect(202, "")
	if got := shown(b); got != active {
		t.Error(got)
	}
}

func TestAPermitThatIsCancelledOnceItsHolderIsACitizenEndsNothing(t *testing.T) {
	b := bench(t)
	b.Import(functiontest.Row(maria, "category", "temporary_resident", "valid_until", "2026-12-31", "ends", "2027-05-01"))
	send(b, "interior", reportOf("residence_permit_cancelled")).Expect(409, "insured_by_another_right")
	send(b, "interior", reportOf("citizenship_gained")).Expect(202, "")
	send(b, "interior", reportOf("permit_cancelled")).Expect(409, "insured_by_another_right")
	if got := shown(b); got != active {
		t.Error(got)
	}
}

func TestANewNameKeepsThePersonToBeFoundByTheOldDocument(t *testing.T) {
	b := bench(t)
	b.Import(functiontest.Row(maria), functiontest.Row(pavel))
	married, passport := person.Name{Family: "орлова", Given: "Мария"}, person.Document{Type: person.Passport, Series: "4520", Number: "654321"}
	send(b, "zags", reportOf("name_changed", "name", married, "document", pavel.Document)).Expect(409, "document_taken")
	if f := find(b, policy.Question{Applicant: maria}); f.Card.Person.Name != maria.Name {
		t.Errorf("half changed: %+v", f.Card.Person)
	}
	for range 2 {
		send(b, "zags", reportOf("name_changed", "name", married, "document", passport)).Expect(202, "")
	}
	old, renewed := find(b, policy.Question{Applicant: maria}), maria
	renewed.Name, renewed.Document = person.Name{Family: "Орлова", Given: "Мария"}, passport.Normalised()
	if old.Card == nil || !slices.Equal(old.Card.Warnings, []string{"name_differs", "document_differs"}) {
		t.Errorf("by the old one: %+v", old)
	}
	if f := find(b, policy.Question{Applicant: without(maria, "snils")}); f.Card == nil || !slices.Equal(f.Card.Warnings, []string{"name_differs", "document_differs"}) {
		t.Errorf("by the old document and the name that went with it: %+v", f)
	}
	if f := find(b, policy.Question{Applicant: renewed}); f.Card == nil || len(f.Card.Warnings) != 0 {
		t.Errorf("by the new one: %+v", f)
	}
	changed := without(renewed, "snils")
	changed.Document = maria.Document // what a clinic may be shown still
	if f := find(b, policy.Question{Applicant: changed}); f.Card == nil || !slices.Equal(f.Card.Warnings, []string{"document_differs"}) {
		t.Errorf("the new name with the old document: %+v", f)
	}
}

func TestWhoIsDeadIsToldToNotify(t *testing.T) {
	b := bench(t)
	b.Import(functiontest.Row(maria), functiontest.Row(pavel))
	lives := func(q policy.Question) (answer struct{ Items []policy.Life }) {
		b.CallAs("notify", name, "/lives", q).Expect(200, "").JSON(&answer)
		return answer
	}
	var reported struct{ ID string }
	send(b, "zags", reportOf("death", "on", "2026-03-08")).Expect(202, "").JSON(&reported)
	dead := []policy.Life{{Person: maria.SNILS, Dead: true}}
	for _, q := range []policy.Question{{Child: reported.ID}, {Applicant: person.Person{SNILS: maria.SNILS}}} {
		if got := lives(q).Items; !slices.Equal(got, dead) {
			t.Errorf("%+v", got)
		}
	}
	if got := lives(policy.Question{Applicant: person.Person{SNILS: pavel.SNILS}}).Items; len(got) != 1 || got[0].Dead {
		t.Errorf("%+v", got)
	}
	if got := lives(policy.Question{Child: "i000" + reported.ID[4:]}).Items; len(got) != 0 {
		t.Errorf("%+v", got)
	}
}

func TestARepresentativeWhomACourtRemovedSeesTheChildNoMore(t *testing.T) {
	b := bench(t)
	b.Import(functiontest.Row(maria), functiontest.Child(functiontest.Ilya, functiontest.Maria, functiontest.Pavel))
	id := children(b, maria)[0]
	removed := func(who person.Person) map[string]any {
		body := reportOf("representative_removed", "representative", who.SNILS.String())
		body["person"] = map[string]any{"snils": functiontest.Ilya.SNILS.String(), "birth_date": functiontest.Ilya.Birth}
		return body
	}
	send(b, "fund", removed(functiontest.Anna.Person)).Expect(409, "representative_not_recorded")
	wrong := removed(pavel)
	wrong["representative"] = "112-233-445 96"
	if got := send(b, "fund", wrong).Expect(422, "invalid_fields").Fields(); got["representative"] == "" {
		t.Errorf("names %v", got)
	}
	for range 2 { // delivered again it changes nothing
		send(b, "fund", removed(pavel)).Expect(202, "")
	}
	if left := children(b, pavel); len(left) != 0 {
		t.Errorf("the father has %v", left)
	}
	if left := children(b, maria); !slices.Equal(left, []string{id}) {
		t.Errorf("the mother has %v", left)
	}
	b.CallAs("smo-selection", name, "/may", policy.Request{Cause: "a", Submitted: b.Now(), Applicant: pavel, Child: id}).Expect(404, "person_not_found")
}

// ilyaBy is what the fund reports: that somebody no longer acts for Ilya.
func ilyaBy(who person.Person, source string) map[string]any {
	return reportOf("representative_removed", "source_id", source, "representative", who.SNILS.String(),
		"person", map[string]any{"snils": ilya.SNILS.String(), "birth_date": ilya.Birth})
}

// birthOfIlya is the birth as ZAGS reports it, with both parents.
func birthOfIlya(change ...any) map[string]any {
	return birth(append([]any{
		"record", map[string]any{"number": "120199260000204108003", "date": "2019-09-12"}, "father", pavel.SNILS.String(),
		"child", map[string]any{"name": ilya.Name, "sex": "M", "birth_date": ilya.Birth},
	}, change...)...)
}

func TestNoBirthGivesAChildBackToWhomACourtRemoved(t *testing.T) {
	b := bench(t)
	e := policy.Enrolment{Cause: "application-1", Submitted: b.Now(), Person: maria, Region: "26", Child: &policy.NewChild{
		Person: ilya, Birth: policy.BirthRecord{Number: "120199260000204108003", Date: calendar.On(2019, time.September, 12)}}}
	b.CallAs("policy-request", name, "/records", e).Expect(201, "")
	report(b, birthOfIlya()).Expect(202, "")
	if had := children(b, pavel); len(had) != 1 {
		t.Fatalf("by the birth the father has %v", had)
	}
	send(b, "fund", ilyaBy(pavel, "court-7")).Expect(202, "")
	for rule, again := range map[string]map[string]any{
		"delivered again": birthOfIlya(),
		"reported anew":   birthOfIlya("source_id", "zags-2"),
		"of him alone":    birthOfIlya("source_id", "zags-3", "mother", ""),
	} {
		report(b, again).Expect(202, "")
		if has := children(b, pavel); len(has) != 0 {
			t.Errorf("%s: the father has %v", rule, has)
		}
	}
	if has := children(b, maria); len(has) != 1 {
		t.Errorf("the mother has %v", has)
	}
}

func TestAnIdOfASourceIsForOneMessage(t *testing.T) {
	orlova, vyazemskaya := map[string]any{"family": "Орлова", "given": "Мария"}, map[string]any{"family": "Вяземская", "given": "Мария"}
	for rule, tc := range map[string]struct {
		by           string
		first, other map[string]any
	}{
		"the other parent by the same decision": {"fund", ilyaBy(maria, "court-7"), ilyaBy(pavel, "court-7")},
		"another name":                          {"zags", reportOf("name_changed", "name", orlova), reportOf("name_changed", "name", vyazemskaya)},
		"another day of death":                  {"zags", reportOf("death", "on", "2026-03-08"), reportOf("death", "on", "2026-03-07")},
		"a service of other days": {"commissariat", reportOf("service_started", "ground", "mobilisation", "from", "2026-03-11"),
			reportOf("service_started", "ground", "mobilisation", "from", "2026-03-11", "until", "2026-05-01")},
		"a birth with the father": {"zags", birth(), birth("father", pavel.SNILS.String())},
	} {
		b := bench(t)
		b.Import(functiontest.Row(maria), functiontest.Child(ilya, functiontest.Maria, functiontest.Pavel))
		for range 2 {
			send(b, tc.by, tc.first).Expect(202, "")
		}
		if res := send(b, tc.by, tc.other); res.Status != 409 || res.Code != "source_id_reused" || res.Detail == "" {
			t.Errorf("%s: %d %s", rule, res.Status, res.Body)
		}
		send(b, tc.by, tc.first).Expect(202, "")
		tc.other["source_id"] = "another"
		send(b, tc.by, tc.other).Expect(202, "")
	}
	b := bench(t)
	b.Import(functiontest.Row(maria))
	send(b, "zags", reportOf("name_changed", "name", orlova)).Expect(202, "")
	spelled := map[string]any{"enp": number(maria, 31), "birth_date": maria.Birth}
	send(b, "zags", reportOf("name_changed", "name", map[string]any{"family": " Орлова ", "given": "Мария"}, "person", spelled)).Expect(202, "")
}

// enrolmentOf Ilya by Maria, as her account confirms him.
func enrolmentOf(b *functiontest.Bench, cause string, kid person.Person) policy.Enrolment {
	return policy.Enrolment{Cause: cause, Submitted: b.Now(), Person: maria, Region: "26", Child: &policy.NewChild{
		Person: kid, Birth: policy.BirthRecord{Number: "120199260000204108003", Date: calendar.On(2019, time.September, 12)}}}
}

// grown is Ilya at 18, with an account of his own.
func grown() person.Person {
	p := ilya
	p.Document = person.Document{Type: person.Passport, Series: "45 12", Number: "777888"}
	return p
}

func TestWhatARecordOfABirthLacksIsAddedOnceItIsKnown(t *testing.T) {
	unnumbered := ilya
	unnumbered.SNILS, unnumbered.Document = "", person.Document{}
	numbered := map[string]any{"name": ilya.Name, "sex": "M", "birth_date": ilya.Birth, "snils": ilya.SNILS, "document": ilya.Document}
	application := func(kid person.Person) func(*functiontest.Bench) functiontest.Response {
		return func(b *functiontest.Bench) functiontest.Response {
			return b.CallAs("policy-request", name, "/records", enrolmentOf(b, "application-1", kid))
		}
	}
	event := func(body map[string]any) func(*functiontest.Bench) functiontest.Response {
		return func(b *functiontest.Bench) functiontest.Response { return report(b, body) }
	}
	for rule, tc := range map[string]struct {
		first, then func(*functiontest.Bench) functiontest.Response
		taken       int
	}{
		"a birth, then the mother's application": {event(birthOfIlya()), application(ilya), 201},
		"her application, then the birth":        {application(unnumbered), event(birthOfIlya("child", numbered)), 202},
		"a birth reported anew":                  {event(birthOfIlya()), event(birthOfIlya("source_id", "zags-2", "child", numbered)), 202},
	} {
		b := bench(t)
		tc.first(b)
		id := children(b, maria)[0]
		enp := find(b, policy.Question{Applicant: maria, Child: id}).Card.ENP
		if f := find(b, policy.Question{Applicant: grown()}); f.Card != nil {
			t.Fatalf("%s: %+v", rule, f)
		}
		for range 2 {
			tc.then(b).Expect(tc.taken, "")
		}
		card := find(b, policy.Question{Applicant: maria, Child: id}).Card
		if card.Person.SNILS != ilya.SNILS || card.Person.Document.Key() != ilya.Document.Key() {
			t.Errorf("%s: %+v", rule, card.Person)
		}
		b.SetClock(time.Date(2037, time.September, 10, 12, 0, 0, 0, time.UTC))
		if f := find(b, policy.Question{Applicant: grown()}); f.Card == nil || f.Card.ENP != enp {
			t.Errorf("%s: at 18 %+v", rule, f)
		}
		enrol(b, "application-18", grown()).Expect(409, "already_insured") // no second number
	}
}

func TestWhatAnotherRecordHasIsAddedToNone(t *testing.T) {
	for what, other := range map[string]map[string]any{
		"snils":    functiontest.Row(pavel, "snils", ilya.SNILS),
		"document": functiontest.Row(pavel, "document", ilya.Document),
	} {
		b := bench(t)
		b.Import(other)
		report(b, birthOfIlya("father", "")).Expect(202, "")
		id := children(b, maria)[0]
		numbered := map[string]any{"name": ilya.Name, "sex": "M", "birth_date": ilya.Birth, "snils": ilya.SNILS, "document": ilya.Document}
		b.CallAs("policy-request", name, "/records", enrolmentOf(b, "application-1", ilya)).Expect(409, what+"_taken")
		for range 2 { // nor is the message taken
			report(b, birthOfIlya("source_id", "zags-2", "child", numbered)).Expect(409, what+"_taken")
		}
		if card := find(b, policy.Question{Applicant: maria, Child: id}).Card; card.Person.SNILS != "" || card.Person.Document.Number != "" || len(children(b, pavel)) != 0 {
			t.Errorf("%s: half done: %+v", what, card.Person)
		}
	}
}

func TestAChildsApplicationChangesNothingThatItIsNotFor(t *testing.T) {
	b := bench(t)
	report(b, birthOfIlya()).Expect(202, "")
	other := enrolmentOf(b, "application-1", ilya)
	other.SMO = "26001"
	if res := b.CallAs("policy-request", name, "/records", other).Expect(409, "already_insured"); res.Suggest != "choose" {
		t.Errorf("an insurer is chosen apart: %s", res.Body)
	}
	stranger := enrolmentOf(b, "application-2", ilya)
	stranger.Person = anna
	b.CallAs("policy-request", name, "/records", stranger).Expect(409, "not_represented")
	if card := find(b, policy.Question{Applicant: maria, Child: children(b, maria)[0]}).Card; card.Person.SNILS != "" || card.Insurance.SMO != "" {
		t.Errorf("%+v", card)
	}
	var done policy.Enrolled
	for range 2 {
		b.CallAs("policy-request", name, "/records", enrolmentOf(b, "application-3", ilya)).Expect(201, "").JSON(&done)
	}
	b.CallAs("policy-request", name, "/records", enrolmentOf(b, "application-4", ilya)).Expect(409, "already_insured")
}

func TestACivilRecordIsOneHoweverItsNumberIsSpaced(t *testing.T) {
	spaced := map[string]any{"number": " 1201 9926\u00a00000 204108003 ", "date": "2019-09-12"}
	one := func(b *functiontest.Bench, rule string) {
		if ids := children(b, maria); len(ids) != 1 {
			t.Errorf("%s: the mother has %v", rule, ids)
		}
	}
	b := bench(t)
	row := functiontest.Child(ilya, functiontest.Maria)
	row["birth_record"] = spaced
	b.Import(row)
	report(b, birthOfIlya("record", spaced)).Expect(202, "")
	one(b, "imported, then reported")

	b = bench(t)
	report(b, birthOfIlya("record", spaced)).Expect(202, "")
	e := enrolmentOf(b, "application-1", ilya)
	e.Child.Birth.Number = "1201 99260000204108003"
	b.CallAs("policy-request", name, "/records/try", e).Expect(200, "")
	b.CallAs("policy-request", name, "/records", e).Expect(201, "")
	one(b, "reported, then applied for")
	row["enp"] = find(b, policy.Question{Applicant: maria, Child: children(b, maria)[0]}).Card.ENP
	if got := load(b, row); got.Unchanged != 1 {
		t.Errorf("reported, then imported: %+v", got)
	}
	row["birth_record"] = map[string]string{"number": "  "}
	if got := load(b, row); len(got.Refused) != 1 || got.Refused[0].Field != "birth_record.number" || got.Refused[0].Code != "required" {
		t.Errorf("spaces alone: %+v", got)
	}
}

func TestAChildIsComparedWithTheRecordUnderWhichNumberItComes(t *testing.T) {
	b := bench(t)
	report(b, birthOfIlya("father", "")).Expect(202, "")
	id := children(b, maria)[0]
	sister := person.Person{Name: person.Name{Family: "Соловьёва", Given: "Майя"}, Sex: person.Female, Birth: calendar.On(2022, time.May, 1)}
	for rule, kid := range map[string]person.Person{"a sister": sister, "a brother of the same day": func() person.Person { k := ilya; k.Name.Given, k.SNILS = "Лев", ""; return k }()} {
		b.CallAs("policy-request", name, "/records/try", enrolmentOf(b, "application-1", kid)).Expect(409, "birth_of_another_child")
		b.CallAs("policy-request", name, "/records", enrolmentOf(b, "application-1", kid)).Expect(409, "birth_of_another_child")
		stranger := enrolmentOf(b, "application-2", kid)
		stranger.Person = anna
		if res := b.CallAs("policy-request", name, "/records", stranger); res.Code != "not_represented" {
			t.Errorf("%s: a stranger is told %s", rule, res.Code)
		}
	}
	enp := find(b, policy.Question{Applicant: maria, Child: id}).Card.ENP
	send(b, "zags", reportOf("name_changed", "name", map[string]any{"family": "Орлов", "given": "Илья", "patronymic": "Павлович"},
		"person", map[string]any{"enp": enp, "birth_date": ilya.Birth})).Expect(202, "")
	report(b, birthOfIlya("source_id", "zags-2")).Expect(202, "") // under the name that it was born with
	if has := children(b, pavel); !slices.Equal(has, []string{id}) {
		t.Errorf("the father has %v", has)
	}
}

func TestAnExpiredPolicyOfAChildIsProlongedAsTheFundDecides(t *testing.T) {
	row := functiontest.Child(ilya, functiontest.Maria)
	row["category"], row["valid_until"], row["ends"] = "temporary_resident", "2026-02-28", "2026-02-28"
	for rule, tc := range map[string]struct {
		right policy.Right
		until string
	}{
		"in the category that it had":                   {policy.Right{}, "2026-12-31"},
		"as a citizen, whom a zero right does not name": {policy.RightOf(policy.Citizen, calendar.Date{}, calendar.On(2026, time.March, 10)), ""},
		"by the right of the application":               {policy.RightOf(policy.Refugee, calendar.On(2026, time.September, 30), calendar.On(2026, time.March, 10)), "2026-09-30"},
	} {
		b := bench(t)
		b.Import(row)
		id := children(b, maria)[0]
		e := enrolmentOf(b, "application-1", ilya)
		e.SMO, e.Right = "26001", tc.right
		var try struct {
			Allowed bool
			ByFund  bool `json:"by_fund"`
		}
		if b.CallAs("policy-request", name, "/records/try", e).Expect(200, "").JSON(&try); !try.Allowed || !try.ByFund {
			t.Errorf("%s: %+v", rule, try)
		}
		b.CallAs("policy-request", name, "/records", e).Expect(409, "fund_decides") // by no rule
		e.ByFund = true
		var done policy.Enrolled
		for range 2 {
			b.CallAs("policy-request", name, "/records", e).Expect(201, "").JSON(&done)
		}
		card := find(b, policy.Question{Applicant: maria, Child: id}).Card
		if done.ID != id || done.ENP != card.ENP || !done.Renewed || done.Completed || card.ValidUntil.String() != tc.until || card.Insurance.SMO != "26001" {
			t.Errorf("%s: %+v, %+v", rule, done, card)
		}
		e.Cause = "application-2"
		b.CallAs("policy-request", name, "/records/try", e).Expect(409, "already_insured")
		e.Person = anna
		b.CallAs("policy-request", name, "/records", e).Expect(409, "not_represented")
	}
	b := bench(t)
	b.Import(row)
	dead := reportOf("death", "on", "2026-03-08", "person", map[string]any{"snils": ilya.SNILS, "birth_date": ilya.Birth})
	send(b, "zags", dead).Expect(202, "")
	b.CallAs("policy-request", name, "/records/try", enrolmentOf(b, "application-1", ilya)).Expect(409, "death_recorded")
}
