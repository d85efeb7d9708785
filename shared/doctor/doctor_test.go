package doctor

import (
	"slices"
	"testing"
	"time"

	"polis/shared/application"
	"polis/shared/calendar"
	"polis/shared/consent"
	"polis/shared/directory"
	"polis/shared/fault"
	"polis/shared/person"
	"polis/shared/policy"
)

var noon = time.Date(2026, time.March, 10, 12, 0, 0, 0, time.FixedZone("MSK", 3*60*60))

var somebody = person.Person{
	SNILS: "11223344595", Name: person.Name{Family: "Соловьёва", Given: "Мария"}, Sex: person.Female, Birth: calendar.On(1985, time.March, 12),
	Document: person.Document{Type: person.Passport, Series: "45 12", Number: "123456"},
}

// shown are the facts of a policy that shows, with changes.
func shown(change ...func(*Facts)) Facts {
	var l consent.Ledger
	for _, op := range consent.Needed(consent.Self) {
		l, _, _ = l.Grant(op, consent.Self, "r", noon.Add(-time.Hour), consent.DefaultWait)
	}
	card := policy.Card{Insured: "i1", Person: somebody, ValidFrom: calendar.On(2020, time.May, 14),
		Insurance: policy.Cover{SMO: "26002", Region: "26", Since: calendar.On(2020, time.May, 14)}}
	copied, now := card, card
	f := Facts{
		Who: consent.Self, Account: somebody, Consents: l, Wait: consent.DefaultWait, Copy: &copied, Asked: true,
		Answer: &policy.Finding{Card: &now}, Region: "26", Directory: directory.Demo(), Now: noon,
	}
	for _, c := range change {
		c(&f)
	}
	return f
}

func noCopy(f *Facts) { f.Copy = nil }
func silent(f *Facts) { f.Answer = nil }

func answered(reasons ...string) func(*Facts) {
	return func(f *Facts) { f.Copy, f.Answer = nil, &policy.Finding{Reasons: reasons} }
}

func under(kind application.Kind, status application.Status, reasons ...string) func(*Facts) {
	return func(f *Facts) {
		a := application.Application{ID: "a", Kind: kind, Status: status, Due: noon.Add(time.Hour), NextTry: noon.Add(time.Minute), Epoch: f.Consents.Epoch(f.Who)}
		for _, code := range reasons {
			a.Reasons = append(a.Reasons, application.Reason{Code: code})
		}
		f.Applications = append(f.Applications, a)
	}
}

func revoked(op consent.Operator, ago time.Duration) func(*Facts) {
	return func(f *Facts) {
		f.Consents, _, _ = f.Consents.Revoke(op, consent.Self, "why", "r", noon.Add(-ago))
		f.Copy, f.Answer, f.Asked = nil, nil, false
	}
}

func TestCausesThatMeetAreToldInTheOrderOfPuttingThemRight(t *testing.T) {
	card := func(change func(*policy.Card)) func(*Facts) {
		return func(f *Facts) { change(f.Answer.Card) }
	}
	for _, tc := range []struct {
		rule   string
		facts  Facts
		want   []string
		repair string // code of the refusal, "" where it may be repaired
	}{
		{"nothing is wrong", shown(), nil, "nothing_to_repair"},
		{"the register is silent, the copy shows", shown(silent), nil, "nothing_to_repair"},
		{"one consent waits, one may be given", shown(revoked(consent.FFOMS, time.Minute), revoked(consent.Mincifry, time.Hour)),
			[]string{ConsentWaiting, ConsentMissing}, ConsentMissing},
		{"both wait", shown(revoked(consent.FFOMS, time.Minute), revoked(consent.Mincifry, 2*time.Minute)), []string{ConsentWaiting}, ""},
		{"no SNILS goes before consents", shown(revoked(consent.FFOMS, time.Hour), func(f *Facts) { f.Account.SNILS = "" }),
			[]string{SNILSMissing, ConsentMissing}, SNILSMissing},
		{"silent, and never asked", shown(noCopy, silent), []string{LookupMissing, RegisterSilent}, ""},
		{"silent, and asked", shown(noCopy, silent, under(application.Lookup, application.Working)), []string{RegisterSilent}, ""},
		{"asked in vain before", shown(noCopy, under(application.Lookup, application.Refused)), []string{LookupEnded}, ""},
		{"asked under consents of before", shown(under(application.Lookup, application.Working), func(f *Facts) { f.Applications[0].Epoch-- }, noCopy),
			[]string{LookupMissing}, ""},
		{"a first policy under way", shown(answered(policy.NotInRegister), under(application.Register, application.Working)),
			[]string{RegistrationUnderWay}, ""},
		{"not in the register, document not confirmed", shown(answered(policy.NotInRegister), func(f *Facts) { f.Account.Document = person.Document{} }),
			[]string{DocumentNotConfirmed, policy.NotInRegister}, policy.NotInRegister},
		{"several data differ", shown(answered(policy.NameDiffers, policy.BirthDateDiffers)), []string{policy.BirthDateDiffers, policy.NameDiffers}, policy.BirthDateDiffers},
		{"a number of somebody else", shown(noCopy, under(application.Link, application.NeedsPerson, policy.ENPDiffers)),
			[]string{policy.ENPDiffers}, policy.ENPDiffers},
		{"suspended since the copy was made", shown(card(func(c *policy.Card) {
			c.Changes = policy.Changes{{Turn: policy.Suspend, Since: calendar.On(2026, time.March, 1)}}
		})),
			[]string{CopyStale, Suspended}, CopyStale},
		{"invalid", shown(noCopy, card(func(c *policy.Card) {
			c.Changes = policy.Changes{{Turn: policy.End, Since: calendar.On(2026, time.March, 1)}}
			c.Warnings = []string{policy.NameDiffers}
		})), []string{LookupMissing, Invalid}, ""},
		{"expired, without an insurer", shown(silent, func(f *Facts) { f.Copy.ValidUntil, f.Copy.Insurance.SMO = calendar.On(2025, time.December, 31), "" }),
			[]string{Expired}, Expired},
		{"a foreigner's term is over", shown(silent, func(f *Facts) {
			f.Copy.ValidUntil, f.Copy.Right = calendar.On(2025, time.December, 31), policy.RightOf(policy.EAEUWorker, calendar.Date{}, calendar.On(2025, time.March, 1))
		}), []string{Expired}, Expired},
		{"expired, with another document", shown(silent, func(f *Facts) {
			f.Copy.ValidUntil, f.Copy.Warnings = calendar.On(2025, time.December, 31), []string{policy.DocumentDiffers}
		}), []string{Expired}, Expired},
		{"valid to the end of its last day", shown(silent, func(f *Facts) { f.Copy.ValidUntil = calendar.On(2026, time.March, 10) }), nil, "nothing_to_repair"},
		{"no insurer, another document", shown(card(func(c *policy.Card) { c.Insurance.SMO, c.Warnings = "", []string{policy.DocumentDiffers} }), noCopy),
			[]string{LookupMissing, NoInsurer, policy.DocumentDiffers}, ""},
		{"a repair that waits", shown(func(f *Facts) {
			under(application.Repair, application.Working)(f)
			f.Consents, _ = f.Consents.BeginRenewal(f.Who, "a", "why", []string{"1", "2"}, noon)
			f.Copy, f.Answer, f.Asked = nil, nil, false
		}), []string{RepairUnderWay}, ""},
		{"a repair that searches", shown(noCopy, under(application.Repair, application.Working)), []string{RepairUnderWay}, ""},
	} {
		all := Examine(tc.facts)
		var codes []string
		for _, f := range all {
			codes = append(codes, f.Code)
			if f.Detail.RU == "" || f.Detail.EN == "" || f.Remedy.Kind == "" {
				t.Errorf("%s: %s says nothing", tc.rule, f.Code)
			}
			if !slices.Contains(Codes, f.Code) {
				t.Errorf("%s: %s has no place in the order", tc.rule, f.Code)
			}
		}
		if !slices.Equal(codes, tc.want) {
			t.Errorf("%s: %v instead of %v", tc.rule, codes, tc.want)
		}
		refusal := ""
		if err := MayRepair(all); err != nil {
			refusal = fault.From(err).Code
		}
		if refusal != tc.repair {
			t.Errorf("%s: a repair is refused for %q instead of %q", tc.rule, refusal, tc.repair)
		}
	}
}

func TestNothingOfTheRegisterIsToldWithoutConsent(t *testing.T) {
	f := shown()
	f.Consents, _, _ = f.Consents.Revoke(consent.FFOMS, consent.Self, "why", "r", noon.Add(-time.Hour))
	f.Answer.Card.Changes = policy.Changes{{Turn: policy.Suspend, Since: calendar.On(2026, time.January, 1)}}
	if all := Examine(f); len(all) != 1 || all[0].Code != ConsentMissing {
		t.Errorf("%+v", all)
	}
}

func TestExamineChangesNoneOfItsFacts(t *testing.T) {
	f := shown(func(f *Facts) { f.Answer.Card.Warnings = []string{policy.NameDiffers} })
	Examine(f)
	if !f.Answer.Card.DiffersSince.IsZero() {
		t.Error("the card was changed")
	}
}

func TestWhoseEndedPolicyMayBeRestoredIsLedThere(t *testing.T) {
	ended := func(ground string) func(*Facts) {
		return func(f *Facts) {
			f.Answer.Card.Changes = policy.Changes{{Turn: policy.End, Ground: ground, Since: calendar.On(2026, time.March, 1)}}
		}
	}
	child := func(f *Facts) {
		f.Who = "i1"
		f.Consents, _, _ = f.Consents.Grant(consent.FFOMS, "i1", "r", noon.Add(-time.Hour), consent.DefaultWait)
	}
	over := func(f *Facts) { f.Answer.Card.ValidUntil = calendar.On(2025, time.December, 31) }
	minor := func(f *Facts) { f.Account.Birth = calendar.On(2009, time.March, 11) }
	for rule, tc := range map[string]struct {
		facts Facts
		want  RemedyKind
	}{
		"an adult":                     {shown(ended("citizenship_lost")), Restore},
		"who has applied already":      {shown(ended("citizenship_lost"), under(application.Restore, application.Working)), Await},
		"whose term is over too":       {shown(ended("citizenship_lost"), over), Register},
		"whose death is on record":     {shown(ended(policy.Death)), ContactFund},
		"whose record was merged":      {shown(ended(policy.Merged)), ContactFund},
		"below 18 another applies":     {shown(ended("citizenship_lost"), minor), ContactFund},
		"a child, for whom nobody can": {shown(ended("citizenship_lost"), child), ContactFund},
	} {
		all := Examine(tc.facts)
		i := slices.IndexFunc(all, func(f Finding) bool { return f.Code == Invalid })
		if i < 0 || all[i].Remedy.Kind != tc.want {
			t.Errorf("%s: %+v", rule, all)
		}
	}
}
