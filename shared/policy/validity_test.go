package policy

import (
	"cmp"
	"errors"
	"maps"
	"slices"
	"testing"
	"time"

	"polis/shared/calendar"
	"polis/shared/fault"
	"polis/shared/person"
)

func day(t *testing.T, text string) calendar.Date {
	t.Helper()
	if text == "" {
		return calendar.Date{}
	}
	d, err := calendar.ParseDate(text)
	if err != nil {
		t.Fatal(err)
	}
	return d
}

// The table is the law's (DOMAIN: validity), each day typed by hand. An empty
// last day is no limit.
func TestUntilWhenAPolicyIsValid(t *testing.T) {
	for _, tc := range []struct {
		rule        string
		category    Category
		filed, ends string
		until       string
		why         string // in Russian
	}{
		{"a citizen's has no limit", Citizen, "2026-03-10", "", "", "Полис действует бессрочно: для граждан России срока нет"},
		{"a citizen's has none in November either", Citizen, "2026-11-01", "", "", "Полис действует бессрочно: для граждан России срока нет"},
		{"a permanent resident's lasts to 31 December", PermanentResident, "2026-03-10", "", "2026-12-31",
			"Полис действует до 31.12.2026: по этому основанию его выдают до конца года. Продлить можно с 1 ноября"},
		{"filed on 1 January, to the end of that very year", PermanentResident, "2026-01-01", "", "2026-12-31",
			"Полис действует до 31.12.2026: по этому основанию его выдают до конца года. Продлить можно с 1 ноября"},
		{"filed on 29 February of a leap year", PermanentResident, "2028-02-29", "", "2028-12-31",
			"Полис действует до 31.12.2028: по этому основанию его выдают до конца года. Продлить можно с 1 ноября"},
		{"filed on 31 October, still this year", PermanentResident, "2026-10-31", "", "2026-12-31",
			"Полис действует до 31.12.2026: по этому основанию его выдают до конца года. Продлить можно с 1 ноября"},
		{"filed on 1 November, the next year", PermanentResident, "2026-11-01", "", "2027-12-31",
			"Полис действует до 31.12.2027: заявление подано после 31 октября, поэтому срок считается до конца следующего года"},
		{"filed on 31 December, the next year", PermanentResident, "2026-12-31", "", "2027-12-31",
			"Полис действует до 31.12.2027: заявление подано после 31 октября, поэтому срок считается до конца следующего года"},
		{"a refugee's not past the stay", Refugee, "2026-03-10", "2026-08-31", "2026-08-31",
			"Полис действует до 31.08.2026: в этот день заканчивается разрешённый срок пребывания"},
		{"a refugee's not past the year", Refugee, "2026-03-10", "2027-08-31", "2026-12-31",
			"Полис действует до 31.12.2026: по этому основанию его выдают до конца года. Продлить можно с 1 ноября"},
		{"a refugee's, filed in November, not past the stay", Refugee, "2026-11-15", "2027-08-31", "2027-08-31",
			"Полис действует до 31.08.2027: в этот день заканчивается разрешённый срок пребывания"},
		{"temporary asylum, not past the stay", TemporaryAsylum, "2026-03-10", "2026-09-01", "2026-09-01",
			"Полис действует до 01.09.2026: в этот день заканчивается разрешённый срок пребывания"},
		{"a temporary resident's not past the permit", TemporaryResident, "2026-03-10", "2026-06-01", "2026-06-01",
			"Полис действует до 01.06.2026: в этот день заканчивается разрешение на временное проживание"},
		{"a temporary resident's, filed in December, not past the permit", TemporaryResident, "2026-12-01", "2027-02-28", "2027-02-28",
			"Полис действует до 28.02.2027: в этот день заканчивается разрешение на временное проживание"},
		{"a permit to 29 February", TemporaryResident, "2027-11-01", "2028-02-29", "2028-02-29",
			"Полис действует до 29.02.2028: в этот день заканчивается разрешение на временное проживание"},
		{"an EAEU worker's not past the year", EAEUWorker, "2026-10-30", "2028-05-31", "2026-12-31",
			"Полис действует до 31.12.2026: по этому основанию его выдают до конца года. Продлить можно с 1 ноября"},
		{"an EAEU worker's, filed two days later", EAEUWorker, "2026-11-01", "2028-05-31", "2027-12-31",
			"Полис действует до 31.12.2027: заявление подано после 31 октября, поэтому срок считается до конца следующего года"},
		{"an EAEU worker's not past the contract", EAEUWorker, "2026-03-10", "2026-04-30", "2026-04-30",
			"Полис действует до 30.04.2026: в этот день заканчивается трудовой договор"},
		{"a contract that ends on the day itself", EAEUWorker, "2026-03-10", "2026-03-10", "2026-03-10",
			"Полис действует до 10.03.2026: в этот день заканчивается трудовой договор"},
		{"a contract to 31 December itself", EAEUWorker, "2026-03-10", "2026-12-31", "2026-12-31",
			"Полис действует до 31.12.2026: в этот день заканчивается трудовой договор"},
	} {
		r := RightOf(tc.category, day(t, tc.ends), day(t, tc.filed))
		if r.ValidUntil != day(t, tc.until) {
			t.Errorf("%s: until %s instead of %s", tc.rule, r.ValidUntil, tc.until)
		}
		if text := r.Text(); text.RU != tc.why || text.EN == "" {
			t.Errorf("%s: %q", tc.rule, text.RU)
		}
	}
}

// An import may give a last day also to a right that has none by law.
func TestALastDayThatNothingCapsIsToldWithoutAReason(t *testing.T) {
	r := Right{Category: PermanentResident, Ends: on(12, 31), ValidFrom: on(2, 1), ValidUntil: on(12, 31)}
	if text := r.Text(); text.RU != "Полис действует до 31.12.2026" || text.EN != "The policy is valid until 2026-12-31" {
		t.Errorf("%q", text)
	}
}

// The law's day is the region's own: the same minute is another day elsewhere.
func TestTheDayOfAnApplicationIsTheRegions(t *testing.T) {
	for _, tc := range []struct {
		moment, region, until string
	}{
		{"2026-10-31T23:59:59+03:00", "26", "2026-12-31"},
		{"2026-11-01T00:00:00+03:00", "26", "2027-12-31"},
		{"2026-10-31T23:59:59+02:00", "39", "2026-12-31"}, // Kaliningrad
		{"2026-11-01T00:00:00+02:00", "39", "2027-12-31"},
		{"2026-10-31T23:59:59+12:00", "41", "2026-12-31"}, // Kamchatka
		{"2026-11-01T00:00:00+12:00", "41", "2027-12-31"},
		{"2026-10-31T15:00:00+03:00", "41", "2027-12-31"}, // Moscow still has October
		{"2026-12-31T23:59:59+03:00", "26", "2027-12-31"},
		{"2027-01-01T00:00:00+03:00", "26", "2027-12-31"},
	} {
		at, err := time.Parse(time.RFC3339, tc.moment)
		if err != nil {
			t.Fatal(err)
		}
		if r := RightOf(PermanentResident, calendar.Date{}, calendar.Today(at, tc.region)); r.ValidUntil.String() != tc.until {
			t.Errorf("%s in region %s: until %s instead of %s", tc.moment, tc.region, r.ValidUntil, tc.until)
		}
	}
}

func TestWhatARightRestsOn(t *testing.T) {
	const today = "2026-03-10"
	passport := person.Document{Type: 9, Series: "AU", Number: "0562913"}
	permit := person.Document{Type: 23, Series: "82", Number: "1234567", Expires: calendar.On(2027, 1, 31)}
	for _, tc := range []struct {
		rule     string
		category Category
		basis    Basis
		wrong    map[string]string
	}{
		{"a contract is enough", EAEUWorker, Basis{ContractUntil: day(t, "2026-12-31")}, nil},
		{"one that ends today is in force", EAEUWorker, Basis{ContractUntil: day(t, today), Document: passport}, nil},
		{"one that ended yesterday is not", EAEUWorker, Basis{ContractUntil: day(t, "2026-03-09")}, map[string]string{"basis.contract_until": "date_passed"}},
		{"a contract's end must be given", EAEUWorker, Basis{}, map[string]string{"basis.contract_until": "required"}},
		{"a contract is no permit", TemporaryResident, Basis{ContractUntil: day(t, "2026-12-31"), Document: permit},
			map[string]string{"basis.permit_until": "required", "basis.contract_until": "not_expected"}},
		{"a permit that ended yesterday", TemporaryResident, Basis{PermitUntil: day(t, "2026-03-09"), Document: permit}, map[string]string{"basis.permit_until": "date_passed"}},
		{"a refugee's stay", Refugee, Basis{StayUntil: day(t, today)}, nil},
		{"a permanent resident has no term", PermanentResident, Basis{PermitUntil: day(t, "2027-01-01")}, map[string]string{"basis.permit_until": "not_expected"}},
		{"a residence permit's expiry is mandatory", PermanentResident, Basis{Document: person.Document{Type: 11, Number: "82 1234567"}},
			map[string]string{"basis.document.expires": "document_expiry_missing"}},
		{"a permit that has expired", PermanentResident, Basis{Document: person.Document{Type: 11, Number: "821234567", Expires: day(t, "2026-03-09")}},
			map[string]string{"basis.document.expires": "document_expired"}},
		{"another category's document", PermanentResident, Basis{Document: permit}, map[string]string{"basis.document.type": "document_not_of_category"}},
		{"a document that nobody accepts", EAEUWorker, Basis{ContractUntil: day(t, "2026-12-31"), Document: person.Document{Type: 18, Number: "1"}},
			map[string]string{"basis.document.type": "document_type_not_accepted"}},
		{"contributions since a day to come", TemporaryWorker, Basis{ContractUntil: day(t, "2026-12-31"), ContributionsSince: day(t, "2026-03-11")},
			map[string]string{"basis.contributions_since": "date_wrong"}},
		{"contributions only where they count", EAEUWorker, Basis{ContractUntil: day(t, "2026-12-31"), ContributionsSince: day(t, "2020-01-01")},
			map[string]string{"basis.contributions_since": "not_expected"}},
		{"a category there is not", "tourist", Basis{}, map[string]string{"category": "category_unknown"}},
	} {
		got := map[string]string{}
		for _, f := range tc.basis.Check("basis", tc.category, day(t, today)) {
			if got[f.Field] == "" {
				got[f.Field] = f.Code
			}
		}
		if len(got)+len(tc.wrong) > 0 && !maps.Equal(got, tc.wrong) {
			t.Errorf("%s: %v instead of %v", tc.rule, got, tc.wrong)
		}
	}
}

func TestWhoMayBeInsuredAtAll(t *testing.T) {
	years, err := ParseStages(DefaultContributions)
	if err != nil {
		t.Fatal(err)
	}
	for _, tc := range []struct {
		rule        string
		category    Category
		citizenship string
		since, on   string // contributions; the day of the application
		code, from  string
	}{
		{"a citizen of Armenia who works", EAEUWorker, "ARM", "", "2026-03-10", "", ""},
		{"of Belarus", EAEUWorker, "BLR", "", "2026-03-10", "", ""},
		{"of Kazakhstan", EAEUWorker, "KAZ", "", "2026-03-10", "", ""},
		{"of Kyrgyzstan", EAEUWorker, "KGZ", "", "2026-03-10", "", ""},
		{"Uzbekistan is not of the EAEU", EAEUWorker, "UZB", "", "2026-03-10", "category_not_eaeu", ""},
		{"a citizenship that the login does not tell", EAEUWorker, "", "", "2026-03-10", "category_not_eaeu", ""},
		{"a citizen of Russia is no foreigner", EAEUWorker, "RUS", "", "2026-03-10", "category_not_foreigner", ""},
		{"a foreigner is no citizen", Citizen, "ARM", "", "2026-03-10", "category_not_citizen", ""},
		{"a passport of Russia tells enough", Citizen, "", "", "2026-03-10", "", ""},
		{"a stateless resident", PermanentResident, "", "", "2026-03-10", "", ""},
		{"the highly qualified are outside", HighlyQualified, "DEU", "", "2026-03-10", "highly_qualified_not_insured", ""},
		{"an EAEU citizen needs no years", TemporaryWorker, "KAZ", "2024-01-01", "2026-03-10", "category_eaeu", ""},
		{"three years were enough before the law of 2025", TemporaryWorker, "UZB", "2022-11-27", "2025-11-27", "", ""},
		{"three years less a day were not", TemporaryWorker, "UZB", "2022-11-28", "2025-11-27", "contributions_too_few", "2025-11-28"},
		{"five are needed since", TemporaryWorker, "UZB", "2022-11-28", "2025-11-28", "contributions_too_few", "2027-11-28"},
		{"five years to the day", TemporaryWorker, "UZB", "2021-03-10", "2026-03-10", "", ""},
		{"since 29 February, to 1 March", TemporaryWorker, "UZB", "2024-02-29", "2029-02-28", "contributions_too_few", "2029-03-01"},
	} {
		err := MayBeInsured(tc.category, tc.citizenship, Basis{ContributionsSince: day(t, tc.since)}, years, day(t, tc.on))
		var code, from string
		if err != nil {
			f := fault.From(err)
			code, from = f.Code, f.From
			if len(f.Fields) > 0 {
				code = f.Fields[0].Code
			}
		}
		if code != tc.code || from != tc.from {
			t.Errorf("%s: %q from %q", tc.rule, code, from)
		}
	}
}

func TestStagesAreReadOrRefused(t *testing.T) {
	for _, text := range []string{"", "x", "3,5", "3,2025-11-28=", "3,2025-13-01=5", "2025-11-28=5", "-1", "3,2026-01-01=4,2025-01-01=5", "3,2025-01-01=4,2025-01-01=5"} {
		if s, err := ParseStages(text); err == nil {
			t.Errorf("%q is read as %v", text, s)
		}
	}
	s, err := ParseStages("30, 2025-09-09=0")
	if err != nil || s.On(day(t, "2025-09-08")) != 30 || s.On(day(t, "2025-09-09")) != 0 {
		t.Errorf("%v %v", s, err)
	}
}

// worker is on record since 10 March 2026 on a contract to the given day.
func worker(t *testing.T, contract string) Insured {
	i := recordOf(holder)
	filed := day(t, "2026-03-10")
	i.Cause = "first"
	return i.Under(RightOf(EAEUWorker, day(t, contract), filed), "first", filed.Start(time.UTC))
}

func reported(t *testing.T, cause, on string) Deed {
	at := day(t, on).Start(time.UTC)
	return Deed{Source: ByEmployer, Cause: cause, At: at, Recorded: at}
}

func TestDismissalEndsTheValidityAndNotTheRecord(t *testing.T) {
	i, err := worker(t, "2028-05-31").Dismissed(day(t, "2026-06-15"), reported(t, "fired", "2026-06-16"))
	if err != nil || i.ValidUntil != day(t, "2026-06-15") {
		t.Fatalf("%v, until %s", err, i.ValidUntil)
	}
	for on, want := range map[string]Shown{"2026-06-15": ShownActive, "2026-06-16": ShownExpired} {
		if got := CardOf(i, day(t, on), now).Shown(day(t, on)); got != want {
			t.Errorf("on %s: %s", on, got)
		}
	}
	card := CardOf(i, day(t, "2026-06-16"), now)
	if text := card.ShownText(day(t, "2026-06-16")).RU; text != "Срок действия истёк 15.06.2026. Причина: трудовой договор прекращён" {
		t.Error(text)
	}
	if text := card.Right.Text().RU; text != "Полис действует до 15.06.2026: трудовой договор прекращён" {
		t.Error(text)
	}
	if told, did := i.Tells("fired", day(t, "2026-06-16")); !did || told.Kind != PolicyEnded || !i.Knows("fired") {
		t.Errorf("%v %+v", did, told)
	}
	again, err := i.Dismissed(day(t, "2026-05-01"), reported(t, "fired", "2026-06-17"))
	if err != nil || again.ValidUntil != i.ValidUntil {
		t.Errorf("delivered again: %v, until %s", err, again.ValidUntil)
	}
	if early, err := worker(t, "2028-05-31").Dismissed(day(t, "2026-03-09"), reported(t, "early", "2026-03-11")); err != nil || early.ValidUntil != day(t, "2026-12-31") || len(early.Rights) != 1 {
		t.Errorf("of a contract that ended before the application, and so is another: %v, until %s", err, early.ValidUntil)
	}
	if renewed, err := worker(t, "2026-12-15").Renew(RightOf(EAEUWorker, day(t, "2028-05-31"), day(t, "2026-11-05")), Cover{Region: "26", SMO: "26002"}, reported(t, "renewed", "2026-11-05")); err != nil {
		t.Fatal(err)
	} else if after, err := renewed.Dismissed(day(t, "2026-11-04"), reported(t, "former employer", "2026-11-06")); err != nil || after.ValidUntil != renewed.ValidUntil {
		t.Errorf("by the employer before: %v, until %s", err, after.ValidUntil)
	}
	imported := recordOf(holder).Under(Right{Category: EAEUWorker, Ends: day(t, "2028-05-31"), ValidFrom: day(t, "2026-01-15"), ValidUntil: day(t, "2026-12-31")}, "import", now)
	for last, until := range map[string]string{"2025-12-20": "2026-12-31", "2026-01-14": "2026-12-31", "2026-01-15": "2026-01-15", "2026-06-15": "2026-06-15"} {
		if after, err := imported.Dismissed(day(t, last), reported(t, "x", "2026-07-01")); err != nil || after.ValidUntil != day(t, until) {
			t.Errorf("imported, of a contract to %s: %v, until %s", last, err, after.ValidUntil)
		}
	}
	if late, err := worker(t, "2026-04-30").Dismissed(day(t, "2026-05-01"), reported(t, "late", "2026-05-02")); err != nil || len(late.Rights) != 1 {
		t.Errorf("after the policy had expired: %v %+v", err, late.Rights)
	}
	if _, err := recordOf(holder).Dismissed(day(t, "2026-06-15"), reported(t, "fired", "2026-06-16")); !errors.Is(err, ErrNotByContract) {
		t.Errorf("a citizen: %v", err)
	}
}

func TestANewApplicationProlongsThePolicyUnderItsNumber(t *testing.T) {
	stands := Cover{Region: "26", SMO: "26002"}
	renew := func(i Insured, category Category, ends, filed string, in Cover) (Insured, error) {
		return i.Renew(RightOf(category, day(t, ends), day(t, filed)), in, reported(t, "again "+filed, filed))
	}
	fired, err := worker(t, "2028-05-31").Dismissed(day(t, "2026-06-15"), reported(t, "fired", "2026-06-16"))
	if err != nil {
		t.Fatal(err)
	}
	for _, tc := range []struct {
		rule        string
		record      Insured
		category    Category
		ends, filed string
		in          Cover
		from, until string
		smo         string
		err         error
	}{
		{"a new contract after a dismissal", fired, EAEUWorker, "2027-01-31", "2026-08-01", stands, "2026-08-01", "2026-12-31", "26002", nil},
		{"another insurer after a lapse", fired, EAEUWorker, "2027-01-31", "2026-08-01", Cover{Region: "26", SMO: "26005"}, "2026-08-01", "2026-12-31", "26005", nil},
		{"a move after a lapse", fired, EAEUWorker, "2027-01-31", "2026-08-01", Cover{Region: "77"}, "2026-08-01", "2026-12-31", "", nil},
		{"in November for the next year", worker(t, "2028-05-31"), EAEUWorker, "2028-05-31", "2026-11-01", stands, "2026-03-10", "2027-12-31", "26002", nil},
		{"in October there is nothing to gain", worker(t, "2028-05-31"), EAEUWorker, "2028-05-31", "2026-10-31", stands, "", "", "", ErrInsured},
		{"a longer contract", worker(t, "2026-04-30"), EAEUWorker, "2026-09-30", "2026-04-01", Cover{Region: "26"}, "2026-03-10", "2026-09-30", "26002", nil},
		{"not by the way to another insurer", worker(t, "2026-04-30"), EAEUWorker, "2026-09-30", "2026-04-01", Cover{Region: "26", SMO: "26005"}, "", "", "", errInForce},
		{"as a citizen, without limit", worker(t, "2026-04-30"), Citizen, "", "2026-04-01", stands, "2026-03-10", "", "26002", nil},
		{"a citizen has nothing to prolong", recordOf(holder), Citizen, "", "2026-04-01", stands, "", "", "", ErrInsured},
	} {
		got, err := renew(tc.record, tc.category, tc.ends, tc.filed, tc.in)
		if !errors.Is(err, tc.err) {
			t.Errorf("%s: %v", tc.rule, err)
		}
		if err != nil {
			continue
		}
		if got.ENP != tc.record.ENP || got.ID != tc.record.ID || got.ValidFrom != day(t, tc.from) || got.ValidUntil != day(t, tc.until) || got.Insurance(day(t, tc.filed)).SMO != tc.smo {
			t.Errorf("%s: from %s until %s by %q", tc.rule, got.ValidFrom, got.ValidUntil, got.Insurance(day(t, tc.filed)).SMO)
		}
		if told, did := got.Tells("again "+tc.filed, day(t, tc.filed)); did != (tc.in.SMO == "26005") || did && told.Kind != InsurerChosen {
			t.Errorf("%s: tells %q", tc.rule, told.Kind)
		}
		if again, err := renew(got, tc.category, tc.ends, tc.filed, tc.in); err != nil || len(again.Rights) != len(got.Rights) {
			t.Errorf("%s, delivered again: %v", tc.rule, err)
		}
	}
	for ground, want := range map[string]error{Death: errDead, Merged: errPolicyEnded} {
		ended, err := fired.EndOn(day(t, "2026-07-01"), ground, reported(t, "end", "2026-07-01"))
		if err != nil {
			t.Fatal(err)
		}
		if _, err := renew(ended, EAEUWorker, "2027-01-31", "2026-08-01", stands); !errors.Is(err, want) {
			t.Errorf("ended for %s: %v", ground, err)
		}
	}
	// The end of the first contract, reported late, is no end of the second.
	second, err := renew(fired, EAEUWorker, "2027-01-31", "2026-08-01", stands)
	if err != nil {
		t.Fatal(err)
	}
	late, err := second.Dismissed(day(t, "2026-07-31"), reported(t, "late", "2026-08-02"))
	if err != nil || late.ValidUntil != second.ValidUntil {
		t.Errorf("%v, until %s", err, late.ValidUntil)
	}
}

// lost is a record that was ended on the day on which its source reported it.
func lost(t *testing.T, i Insured, day calendar.Date, ground string) Insured {
	t.Helper()
	return spoken(t, i, func(i Insured) (Insured, error) { return i.EndOn(day, ground, reported(t, "e", day.String())) })
}

// What ended a policy takes the right that it rested on. Under another right the
// person is put on record anew (Rules of compulsory medical insurance), also where
// that lasts no longer; what ended the first may end this one too, and so the
// fund's staff decide.
func TestANewRightReplacesOneThatHasEndedAsTheFundDecides(t *testing.T) {
	permit := recordOf(holder).Under(RightOf(TemporaryResident, on(12, 31), on(1, 10)), "a", now)
	dead := spoken(t, recordOf(holder), end(on(3, 1), Death, "d"))
	for _, tc := range []struct {
		rule     string
		record   Insured
		filed    calendar.Date
		byFund   bool
		category Category
		ends     calendar.Date
		in       Cover
		until    string
		smo      string
		err      error
	}{
		{"whoever lost the citizenship stays as a resident", spoken(t, recordOf(holder), end(on(2, 1), "citizenship_lost", "e")), on(3, 9), true,
			PermanentResident, calendar.Date{}, Cover{Region: "26"}, "2026-12-31", "26002", nil},
		{"no rule decides on it", spoken(t, recordOf(holder), end(on(2, 1), "citizenship_lost", "e")), on(3, 9), false,
			PermanentResident, calendar.Date{}, Cover{Region: "26"}, "", "", ErrFundDecides},
		{"a contract after a permit, though it ends sooner", spoken(t, permit, end(on(2, 1), "permit_cancelled", "e")), on(3, 9), true,
			EAEUWorker, on(5, 31), Cover{Region: "26", SMO: "26002"}, "2026-05-31", "26002", nil},
		{"another permit, and another insurer", lost(t, permit, on(2, 1), "permit_cancelled"), on(3, 9), true,
			TemporaryResident, on(12, 31), Cover{Region: "26", SMO: "26005"}, "2026-12-31", "26005", nil},
		{"the permit of the application, cancelled while the fund decides", lost(t, permit, on(3, 10), "permit_cancelled"), on(3, 9), true,
			TemporaryResident, on(12, 31), Cover{Region: "26"}, "", "", errPolicyEnded},
		{"asylum, applied for before the status of a refugee was lost", lost(t, recordOf(holder).Under(RightOf(Refugee, on(12, 31), on(1, 10)), "a", now), on(3, 10), "refugee_status_lost"), on(3, 9), true,
			TemporaryAsylum, on(12, 31), Cover{Region: "26"}, "2026-12-31", "26002", nil},
		{"applied for before the end came", spoken(t, permit, end(on(3, 10), "permit_cancelled", "e")), on(3, 2), true,
			EAEUWorker, on(12, 31), Cover{Region: "26", SMO: "26002"}, "2026-12-31", "26002", nil},
		{"citizenship that was lost proves nothing by rule", lost(t, recordOf(holder), on(2, 1), "citizenship_lost"), on(3, 9), false,
			"", calendar.Date{}, Cover{Region: "26"}, "", "", ErrFundDecides},
		{"a permit to stay in place of a temporary one, to the same day", permit, on(3, 9), false,
			PermanentResident, calendar.Date{}, Cover{Region: "26", SMO: "26002"}, "2026-12-31", "26002", nil},
		{"the same right to the same day", permit, on(3, 9), false,
			TemporaryResident, on(12, 31), Cover{Region: "26", SMO: "26002"}, "", "", ErrInsured},
		{"in force", recordOf(holder), on(3, 9), true, "", calendar.Date{}, Cover{Region: "26"}, "", "", ErrInsured},
		{"restored after a mistake", spoken(t, permit, end(on(2, 1), "permit_cancelled", "e"), restore(on(3, 1), "r")), on(3, 9), true,
			EAEUWorker, on(5, 31), Cover{Region: "26"}, "", "", ErrInsured},
		{"dead", dead, on(3, 9), true, "", calendar.Date{}, Cover{Region: "26"}, "", "", errDead},
		{"another record stands for the person", spoken(t, permit, end(on(2, 1), Merged, "e")), on(3, 9), true,
			EAEUWorker, on(12, 31), Cover{Region: "26"}, "", "", errPolicyEnded},
	} {
		e := Enrolment{Cause: "x", Submitted: tc.filed.Start(time.UTC), Person: holder, Region: tc.in.Region, SMO: tc.in.SMO, ByFund: tc.byFund}
		if tc.category != "" {
			e.Right = RightOf(tc.category, tc.ends, tc.filed)
		}
		got, err := tc.record.Again(e, now)
		if !errors.Is(err, tc.err) {
			t.Errorf("%s: %v", tc.rule, err)
		}
		if err != nil {
			if len(got.Rights) != len(tc.record.Rights) || len(got.Changes) != len(tc.record.Changes) {
				t.Errorf("%s: refused, and yet %+v %+v", tc.rule, got.Rights, got.Changes)
			}
			continue
		}
		if at := got.Changes.On(today); at.State != Active || got.right().Category != tc.category || got.ValidUntil.String() != tc.until || got.Insurance(today).SMO != tc.smo {
			t.Errorf("%s: %s as %s until %s by %q", tc.rule, at.State, got.right().Category, got.ValidUntil, got.Insurance(today).SMO)
		}
		if again, err := got.Again(e, now); err != nil || len(again.Rights) != len(got.Rights) {
			t.Errorf("%s, delivered again: %v", tc.rule, err)
		}
		if tc.category == EAEUWorker {
			if fired, err := got.Dismissed(on(4, 30), reported(t, "fired", "2026-05-01")); err != nil || fired.ValidUntil != on(4, 30) {
				t.Errorf("%s, and then dismissed: %v, until %s", tc.rule, err, fired.ValidUntil)
			}
		}
	}
}

// What a child's policy rested on may be lost too: its parent applies, and the
// fund's staff decide, as of a grown-up, whether its term is over by then or not.
func TestAChildThatLostItsRightIsPutInForceAgainAsTheFundDecides(t *testing.T) {
	child := with(func(p *person.Person) { p.Birth, p.SNILS = calendar.On(2019, 9, 12), "" })
	permit := recordOf(child).Under(RightOf(TemporaryResident, on(10, 31), on(1, 10)), "a", now)
	permit.Representatives = []person.SNILS{holder.SNILS}
	expired := permit.Under(RightOf(TemporaryResident, on(2, 28), on(1, 10)), "b", now)
	stays := RightOf(PermanentResident, calendar.Date{}, on(3, 9))
	for _, tc := range []struct {
		rule   string
		record Insured
		right  Right
		from   calendar.Date
		until  calendar.Date
		err    error
	}{
		{"under another right", lost(t, permit, on(2, 1), "permit_cancelled"), stays, on(3, 9), on(12, 31), nil},
		{"that ends sooner", lost(t, permit, on(2, 1), "permit_cancelled"), RightOf(Refugee, on(5, 31), on(3, 9)), on(3, 9), on(5, 31), nil},
		{"after its term", lost(t, expired, on(2, 1), "permit_cancelled"), stays, on(3, 9), on(12, 31), nil},
		{"under the right that it had, which the fund found in force", lost(t, permit, on(2, 1), "permit_cancelled"), Right{}, on(3, 9), on(10, 31), nil},
		{"applied for before the loss came", lost(t, permit, on(3, 10), "permit_cancelled"), stays, on(3, 10), on(12, 31), nil},
		{"applied for with the permit that was lost", lost(t, permit, on(3, 10), "permit_cancelled"), Right{}, calendar.Date{}, calendar.Date{}, errPolicyEnded},
		{"another record stands for the child", lost(t, permit, on(2, 1), Merged), stays, calendar.Date{}, calendar.Date{}, errPolicyEnded},
		{"dead", lost(t, permit, on(2, 1), Death), stays, calendar.Date{}, calendar.Date{}, errDead},
		{"in force, and its right lasts no longer", permit, Right{}, calendar.Date{}, calendar.Date{}, errChildInsured},
	} {
		e := Enrolment{Cause: "x", Submitted: on(3, 9).Start(time.UTC), Person: holder, Region: "26", Right: tc.right, Child: &NewChild{Person: child}}
		byRule := tc.err
		if byRule == nil {
			byRule = ErrFundDecides
		}
		if _, err := tc.record.Again(e, now); !errors.Is(err, byRule) {
			t.Errorf("%s, by rule: %v", tc.rule, err)
		}
		e.ByFund = true
		got, err := tc.record.Again(e, now)
		if !errors.Is(err, tc.err) {
			t.Errorf("%s: %v", tc.rule, err)
		}
		if tc.err == nil && (got.Changes.On(today).State != Active || got.ValidFrom != tc.from || got.ValidUntil != tc.until) {
			t.Errorf("%s: %s from %s until %s", tc.rule, got.Changes.On(today).State, got.ValidFrom, got.ValidUntil)
		}
	}
}

// An import tells again what it has told before. It prolongs a policy by a right
// that lasts longer, but not by one that the register knows to have ended.
func TestAnImportProlongsByWhatHasNotEnded(t *testing.T) {
	row := func(category Category, ends, from, until calendar.Date) Right {
		return Right{Category: category, Ends: ends, ValidFrom: from, ValidUntil: until}
	}
	contract := row(EAEUWorker, calendar.On(2028, 5, 31), on(2, 1), on(12, 31))
	stands := recordOf(holder).Under(contract, "import", now)
	fired, err := stands.Dismissed(on(3, 5), deed(ByEmployer, "fired"))
	if err != nil {
		t.Fatal(err)
	}
	untold, err := recordOf(holder).Under(row(EAEUWorker, calendar.Date{}, on(2, 1), on(12, 31)), "import", now).Dismissed(on(3, 5), deed(ByEmployer, "fired"))
	if err != nil {
		t.Fatal(err)
	}
	short, _ := fired.Prolonged(row(EAEUWorker, on(9, 30), on(4, 1), on(9, 30)), "another contract", now)
	for _, tc := range []struct {
		rule   string
		record Insured
		right  Right
		until  calendar.Date // of the policy; zero: as before
	}{
		{"for the next year", stands, row(EAEUWorker, calendar.On(2028, 5, 31), on(2, 1), calendar.On(2027, 12, 31)), calendar.On(2027, 12, 31)},
		{"the same once more", stands, contract, calendar.Date{}},
		{"the same once more, and it was ended", fired, contract, calendar.Date{}},
		{"the same for the next year, and it was ended", fired, row(EAEUWorker, calendar.On(2028, 5, 31), on(2, 1), calendar.On(2027, 12, 31)), calendar.Date{}},
		{"the same once more, where no end of the contract is told", untold, row(EAEUWorker, calendar.Date{}, on(2, 1), on(12, 31)), calendar.Date{}},
		{"the next year's, where no end of the contract is told", untold, row(EAEUWorker, calendar.Date{}, on(2, 1), calendar.On(2027, 12, 31)), calendar.On(2027, 12, 31)},
		{"a contract that ends on another day", fired, row(EAEUWorker, on(9, 30), on(2, 1), on(9, 30)), on(9, 30)},
		{"another right", fired, row(TemporaryResident, calendar.On(2028, 5, 31), on(2, 1), on(12, 31)), on(12, 31)},
		{"one that begins after the end", fired, row(EAEUWorker, calendar.On(2028, 5, 31), on(3, 6), on(12, 31)), on(12, 31)},
		{"one that begins on its last day", fired, row(EAEUWorker, calendar.On(2028, 5, 31), on(3, 5), on(12, 31)), calendar.Date{}},
		{"the first one, under the next, which ends sooner", short, contract, calendar.Date{}},
	} {
		got, did := tc.record.Prolonged(tc.right, "next import", now)
		want := cmp.Or(tc.until, tc.record.ValidUntil)
		if got.ValidUntil != want || did == tc.until.IsZero() || did == (len(got.Rights) == len(tc.record.Rights)) {
			t.Errorf("%s: %v, until %s instead of %s", tc.rule, did, got.ValidUntil, want)
		}
		if past := got.History(true); did && !slices.ContainsFunc(past, func(p Past) bool { return p.Kind == ValiditySet && p.Until == want && p.Source == ByImport }) {
			t.Errorf("%s: the history: %+v", tc.rule, past)
		}
	}
	again, err := short.Dismissed(on(5, 31), deed(ByEmployer, "fired again"))
	if past := again.History(true)[0]; err != nil || past.On != on(5, 31) || past.Source != ByEmployer {
		t.Errorf("and ended again: %v, %+v", err, past)
	}
}

// A permit to stay takes the place of a temporary one to the same day, and that one
// is cancelled then. What an import has told before, or of a time before the person
// applied, replaces nothing.
func TestAnImportRestsThePolicyOnAnotherRightToTheSameDay(t *testing.T) {
	row := func(category Category, from calendar.Date) Right {
		return Right{Category: category, ValidFrom: from, ValidUntil: on(12, 31)}
	}
	imported := recordOf(holder).Under(row(TemporaryResident, on(1, 10)), "import", now)
	stays, _ := imported.Prolonged(row(PermanentResident, on(1, 10)), "another import", now)
	applied := recordOf(holder).Under(RightOf(PermanentResident, calendar.Date{}, on(2, 1)), "application", now)
	for _, tc := range []struct {
		rule   string
		record Insured
		right  Right
		want   Category // on which it rests then
	}{
		{"a permit to stay", imported, row(PermanentResident, on(1, 10)), PermanentResident},
		{"the same right", imported, row(TemporaryResident, on(1, 10)), TemporaryResident},
		{"the right before that one, once more", stays, row(TemporaryResident, on(1, 10)), PermanentResident},
		{"what was so before the application", applied, row(TemporaryResident, on(1, 10)), PermanentResident},
		{"what has become so since", applied, row(TemporaryResident, on(2, 2)), TemporaryResident},
		{"of a citizen", recordOf(holder), row(TemporaryResident, on(1, 10)), Citizen},
	} {
		got, did := tc.record.Prolonged(tc.right, "next import", now)
		if have := got.right(); have.Category != tc.want || did != (tc.want != tc.record.right().Category) || got.ValidUntil != tc.record.ValidUntil {
			t.Errorf("%s: %v, as %s until %s", tc.rule, did, have.Category, got.ValidUntil)
		}
	}
	if _, did := imported.Prolonged(row(PermanentResident, on(1, 10)), "import", now); did {
		t.Error("under the same id")
	}
	if _, err := stays.EndOn(on(3, 10), "permit_cancelled", deed(ByInterior, "x")); !errors.Is(err, ErrOtherRight) {
		t.Errorf("and then the permit is cancelled: %v", err)
	}
}

// A former job may end after the next contract has begun, and be reported later
// still. It ends nothing, also where the policy is older than that contract.
func TestTheEndOfAFormerJobEndsNoContractThatAnImportTellsOf(t *testing.T) {
	row := func(from, until calendar.Date) Right {
		return Right{Category: EAEUWorker, Ends: until, ValidFrom: from, ValidUntil: until}
	}
	record := recordOf(holder).Under(row(calendar.On(2025, 1, 15), on(1, 31)), "import", now)
	next, did := record.Prolonged(row(on(1, 19), on(11, 30)), "next import", now)
	if !did || next.ValidFrom != calendar.On(2025, 1, 15) || !CardOf(next, today, now).Right.Begins.IsZero() {
		t.Fatalf("%v, %+v", did, next.Rights)
	}
	for last, until := range map[calendar.Date]calendar.Date{on(1, 15): on(11, 30), on(1, 18): on(11, 30), on(1, 19): on(1, 19), on(2, 20): on(2, 20)} {
		after, err := next.Dismissed(last, deed(ByEmployer, "fired"))
		if err != nil || after.ValidUntil != until {
			t.Errorf("on %s: %v, until %s instead of %s", last, err, after.ValidUntil, until)
		}
		if again, err := after.Dismissed(on(1, 15), deed(ByEmployer, "the former")); err != nil || again.ValidUntil != until {
			t.Errorf("on %s, and then the former job: %v, until %s", last, err, again.ValidUntil)
		}
	}
}
