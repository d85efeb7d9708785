package function_test

import (
	"encoding/json"
	"maps"
	"strings"
	"testing"
	"time"

	handler "github.com/openfaas/templates-sdk/go-http"

	insuredregistry "polis/functions/insured-registry"
	notify "polis/functions/notify"
	policycard "polis/functions/policy-card"
	reviewdesk "polis/functions/review-desk"
	"polis/shared/calendar"
	"polis/shared/directory"
	"polis/shared/functiontest"
	"polis/shared/person"
	"polis/shared/policy"
)

// moscow is a moment of the region's clock.
func moscow(t *testing.T, text string) time.Time {
	t.Helper()
	at, err := time.Parse(time.RFC3339, text+"+03:00")
	if err != nil {
		t.Fatal(err)
	}
	return at
}

// aram is a citizen of Armenia with a verified passport of that state.
func aram(change ...any) functiontest.Claims {
	claims := functiontest.Claims{
		"sub": "1010", "trusted": true, "lastName": "Саркисян", "firstName": "Арам", "snils": "176-549-023 99", "birthDate": "08.08.1991", "gender": "M",
		"citizenship": "ARM", "id_doc": map[string]string{"type": "FID_DOC", "series": "AU", "number": "0562913", "vrfStu": "VERIFIED"},
	}
	for i := 0; i < len(change); i += 2 {
		claims[change[i].(string)] = change[i+1]
	}
	return claims
}

type granted struct {
	application
	Category, Ends, Until, Validity string
}

func readGranted(b *functiontest.Bench, token, id string) (a granted) {
	b.Call("GET", name, "/"+id, token, nil).Expect(200, "").JSON(&a)
	return a
}

type card struct {
	ENP                              person.ENP
	Status, Text, Validity, Category string
	ValidFrom                        string `json:"valid_from"`
	ValidUntil                       string `json:"valid_until"`
	Insurer                          struct{ SMO string }
}

// asked asks the register anew and reads the card.
func asked(b *functiontest.Bench, token, who string) (c card) {
	submit(b, token, `{"kind":"lookup","person":"`+who+`"}`)
	b.Deliver(1)
	b.Call("GET", policycard.Name, "/?person="+who, token, nil).Expect(200, "").JSON(&c)
	return c
}

func TestAWorkerOfTheEAEUIsInsuredWhileTheContractLastsAndAgainAfterwards(t *testing.T) {
	b := bench(t)
	b.Lose("policy-request/refresh") // the card is asked for anew here
	b.SetClock(moscow(t, "2026-10-30T12:00:00"))
	token := b.Token(aram())
	const first = `{"kind":"register","region":"26","smo":"26002","category":"eaeu_worker","basis":{"contract_until":"2028-05-31"}}`
	id := submit(b, token, first).ID
	b.Deliver(1)
	a := readGranted(b, token, id)
	if a.Status != "granted" || a.Until != "2026-12-31" || a.Category != "eaeu_worker" ||
		a.Validity != "Полис действует до 31.12.2026: по этому основанию его выдают до конца года. Продлить можно с 1 ноября" {
		t.Fatalf("%+v", a)
	}
	b.Consent(token, "self")
	if c := asked(b, token, "self"); c.ENP != a.ENP || c.Status != "active" || c.ValidUntil != "2026-12-31" || c.Validity != a.Validity || c.Category != a.Category {
		t.Errorf("%+v", c)
	}
	if res := b.Call("POST", name, "/", token, first).Expect(409, "already_insured"); res.Suggest != "lookup" {
		t.Errorf("suggests %q", res.Suggest)
	}

	b.SetClock(moscow(t, "2026-11-16T12:00:00"))
	dismissal := `{"kind":"contract_ended","source_id":"staff-1","snils":"176-549-023 99","last_day":"2026-11-15"}`
	for range 2 { // delivered twice
		b.Call("POST", insuredregistry.Name, "/events", b.Token(functiontest.Employer), dismissal).Expect(202, "")
	}
	c := asked(b, token, "self")
	if c.Status != "expired" || c.Text != "Срок действия истёк 15.11.2026. Причина: трудовой договор прекращён" || c.Validity != "" {
		t.Errorf("%+v", c)
	}

	// Another contract: the number is kept for life, the insurer is chosen anew.
	id = submit(b, token, `{"kind":"register","region":"26","smo":"26005","category":"eaeu_worker","basis":{"contract_until":"2027-03-31"}}`).ID
	b.Deliver(1)
	again := readGranted(b, token, id)
	if again.Status != "granted" || again.ENP != a.ENP || again.Until != "2027-03-31" || again.Text != "Полис переоформлен, его номер прежний" {
		t.Fatalf("%+v", again)
	}
	if c := asked(b, token, "self"); c.Status != "active" || c.ENP != a.ENP || c.ValidFrom != "2026-11-16" || c.ValidUntil != "2027-03-31" || c.Insurer.SMO != "26005" {
		t.Errorf("%+v", c)
	}
}

func TestAPolicyIsProlongedFromNovemberOn(t *testing.T) {
	b := bench(t)
	b.Lose("policy-request/refresh") // the card is asked for anew here
	b.SetClock(moscow(t, "2026-10-30T12:00:00"))
	token := b.Token(aram())
	b.Consent(token, "self")
	const body = `{"kind":"register","region":"26","category":"eaeu_worker","basis":{"contract_until":"2028-05-31"}}`
	submit(b, token, body)
	b.Deliver(1)
	for moment, until := range map[string]string{"2026-10-31T23:59:59": "", "2026-11-01T00:00:00": "2027-12-31"} {
		b.SetClock(moscow(t, moment))
		if until == "" {
			b.Call("POST", name, "/", token, body).Expect(409, "already_insured")
			continue
		}
		a := submit(b, token, body)
		b.Deliver(1)
		if a := readGranted(b, token, a.ID); a.Status != "granted" || a.Until != until {
			t.Errorf("%s: %+v", moment, a)
		}
	}
	if c := asked(b, token, "self"); c.ValidFrom != "2026-10-30" || c.ValidUntil != "2027-12-31" {
		t.Errorf("%+v", c)
	}
}

func TestAForeignersDataAreCheckedAndEachWrongFieldNamed(t *testing.T) {
	b := bench(t)
	residence := map[string]string{"type": "RES_PERM", "series": "82", "number": "1234567", "vrfStu": "VERIFIED", "expiryDate": "31.01.2030"}
	endless := map[string]string{"type": "RES_PERM", "series": "82", "number": "1234567", "vrfStu": "VERIFIED"}
	for rule, tc := range map[string]struct {
		claims functiontest.Claims
		body   string
		status int
		code   string
		fields map[string]string
	}{
		"an EAEU worker":                                {aram(), `"category":"eaeu_worker","basis":{"contract_until":"2026-12-31"}`, 202, "", nil},
		"a permanent resident":                          {aram("id_doc", residence), `"category":"permanent_resident"`, 202, "", nil},
		"a permit without its term":                     {aram("id_doc", endless), `"category":"permanent_resident"`, 422, "invalid_fields", map[string]string{"basis.document.expires": "document_expiry_missing"}},
		"whose term the person adds":                    {aram("id_doc", endless), `"category":"permanent_resident","basis":{"document":{"type":11,"series":"82","number":"123 4567","expires":"2030-01-31"}}`, 202, "", nil},
		"a permit that nobody verified is for the fund": {aram(), `"category":"permanent_resident","basis":{"document":{"type":11,"series":"82","number":"1234567","expires":"2030-01-31"}}`, 202, "", nil},
		"a document must prove the category":            {aram(), `"category":"permanent_resident"`, 422, "invalid_fields", map[string]string{"basis.document": "required"}},
		"a temporary resident is for the fund": {aram(), `"category":"temporary_resident","basis":{"permit_until":"2027-01-31","document":{"type":23,"series":"82","number":"1","expires":"2027-01-31"}}`,
			202, "", nil},
		"a contract that ended yesterday": {aram(), `"category":"eaeu_worker","basis":{"contract_until":"2026-03-09"}`, 422, "invalid_fields", map[string]string{"basis.contract_until": "date_passed"}},
		"a contract without its end":      {aram(), `"category":"eaeu_worker"`, 422, "invalid_fields", map[string]string{"basis.contract_until": "required"}},
		"all at once": {aram(), `"category":"eaeu_worker","smo":"77004","basis":{"permit_until":"2027-01-31"}`, 422, "invalid_fields",
			map[string]string{"smo": "smo_not_in_region", "basis.permit_until": "not_expected", "basis.contract_until": "required"}},
		"a category there is not":      {aram(), `"category":"tourist"`, 422, "invalid_fields", map[string]string{"category": "category_unknown"}},
		"a foreigner is no citizen":    {aram(), `"category":"citizen"`, 422, "invalid_fields", map[string]string{"category": "category_not_citizen"}},
		"nor by leaving it out":        {aram(), `"smo":"26002"`, 422, "invalid_fields", map[string]string{"category": "category_not_citizen"}},
		"a citizen of no EAEU state":   {aram("citizenship", "UZB"), `"category":"eaeu_worker","basis":{"contract_until":"2026-12-31"}`, 422, "invalid_fields", map[string]string{"category": "category_not_eaeu"}},
		"a citizen has no basis":       {anna.Claims(), `"basis":{"contract_until":"2026-12-31"}`, 422, "invalid_fields", map[string]string{"basis": "not_expected"}},
		"the highly qualified":         {aram("citizenship", "DEU"), `"category":"highly_qualified"`, 409, "highly_qualified_not_insured", nil},
		"years of contributions":       {aram("citizenship", "UZB"), `"category":"temporary_worker","basis":{"contract_until":"2026-12-31","contributions_since":"2022-03-10"}`, 409, "contributions_too_few", nil},
		"a minor":                      {aram("birthDate", "11.03.2008"), `"category":"eaeu_worker","basis":{"contract_until":"2026-12-31"}`, 409, "representative_needed", nil},
		"a passport nobody verified":   {aram("id_doc", nil), `"category":"eaeu_worker","basis":{"contract_until":"2026-12-31"}`, 422, "invalid_fields", map[string]string{"basis.document": "required"}},
		"one that is typed by hand":    {aram("id_doc", nil), `"category":"eaeu_worker","basis":{"contract_until":"2026-12-31","document":{"type":9,"series":"AU","number":"0562913"}}`, 202, "", nil},
		"no birth certificate for one": {aram(), `"category":"eaeu_worker","basis":{"contract_until":"2026-12-31","document":{"type":3,"series":"IV-ДН","number":"614208"}}`, 422, "invalid_fields", map[string]string{"basis.document.type": "document_not_of_category"}},
	} {
		tc.claims["sub"] = rule
		res := b.Call("POST", name, "/", b.Token(tc.claims), `{"kind":"register","region":"26",`+tc.body+`}`)
		if res.Status != tc.status || res.Code != tc.code || len(res.Fields())+len(tc.fields) > 0 && !maps.Equal(res.Fields(), tc.fields) {
			t.Errorf("%s: %d %s", rule, res.Status, res.Body)
		}
		switch {
		case tc.status == 202:
			b.Take(1)
		case tc.code == "contributions_too_few" && res.From != "2027-03-10":
			t.Errorf("%s: from %q", rule, res.From)
		}
	}
}

// vera is Maria's and Pavel's second child.
var vera = person.Person{
	Name: person.Name{Family: "Соловьёва", Given: "Вера", Patronymic: "Павловна"}, Sex: person.Female, Birth: functiontest.Ilya.Birth.AddYears(6),
	Document: person.Document{Type: person.BirthCertificate, Series: "V-ДН", Number: "718402"},
}

const veraRecord = "120259260000301207004"

// parent is the token of a parent whose account confirms the children.
func parent(b *functiontest.Bench, c functiontest.Citizen, kids ...map[string]any) string {
	claims := c.Claims()
	claims["kids"] = kids
	return b.Token(claims)
}

// body of an application for a child's first policy. change is pairs of a field
// of the child and its value, nil for none.
func body(t *testing.T, p person.Person, record, recorded string, change ...any) string {
	t.Helper()
	k := map[string]any{"name": p.Name, "sex": p.Sex, "birth_date": p.Birth}
	if p.SNILS != "" {
		k["snils"] = p.SNILS
	}
	if p.Document.Number != "" {
		k["document"] = p.Document
	}
	if record != "" {
		k["birth_record"] = map[string]string{"number": record, "date": recorded}
	}
	for i := 0; i < len(change); i += 2 {
		k[change[i].(string)] = change[i+1]
	}
	raw, err := json.Marshal(map[string]any{"kind": "register", "person": "child", "region": "26", "child": k})
	if err != nil {
		t.Fatal(err)
	}
	return string(raw)
}

type member struct {
	Person string
	Name   person.Name
}

func family(b *functiontest.Bench, token string) []member {
	var f struct{ Items []member }
	b.Call("GET", policycard.Name, "/family", token, nil).Expect(200, "").JSON(&f)
	return f.Items
}

func TestAParentPutsAChildOnRecord(t *testing.T) {
	for rule, snils := range map[string]person.SNILS{"with a SNILS": "19035627168", "a newborn without": ""} {
		t.Run(rule, func(t *testing.T) {
			b := bench(t)
			p := vera
			p.SNILS = snils
			mother := parent(b, maria, functiontest.Kid(p, veraRecord, "2025-09-09", maria, functiontest.Pavel))
			a := submit(b, mother, body(t, p, veraRecord, "2025-09-09"))
			b.Deliver(1)
			a = read(b, mother, a.ID)
			if a.Status != "granted" || a.Help == nil || a.Help.Offer != "lookup" || !strings.HasPrefix(a.Text, "Полис оформлен, ребёнок внесён в регистр") {
				t.Fatalf("%+v", a)
			}
			for who, token := range map[string]string{"mother": mother, "father": b.Token(functiontest.Pavel.Claims())} {
				if f := family(b, token); len(f) != 2 || f[1].Name.Given != "Вера" || f[1].Person != a.Person {
					t.Errorf("%s sees %+v", who, f)
				}
			}
			b.Consent(mother, a.Person)
			if c := asked(b, mother, a.Person); c.ENP != a.ENP || c.Status != "no_insurer" || c.ValidUntil != "" {
				t.Errorf("%+v", c)
			}
			if res := b.Call("POST", name, "/", mother, body(t, p, veraRecord, "2025-09-09")).Expect(409, "already_insured"); res.Suggest != "choose" {
				t.Errorf("suggests %q", res.Suggest)
			}
		})
	}
}

func TestOnlyAConfirmedChildIsPutOnRecordAsItIsConfirmed(t *testing.T) {
	b := bench(t)
	kid := func(change ...any) map[string]any {
		k := functiontest.Kid(vera, veraRecord, "2025-09-09", maria)
		for i := 0; i < len(change); i += 2 {
			k[change[i].(string)] = change[i+1]
		}
		return k
	}
	silent := kid("birth_cert_doc", map[string]string{"type": "RF_BRTH_CERT", "series": "V-ДН", "number": "718402", "vrfStu": "VERIFIED"})
	grown := vera
	grown.Birth = grown.Birth.AddYears(-14)
	of := func(p person.Person) map[string]any { return functiontest.Kid(p, veraRecord, "2011-09-09", maria) }
	passport := map[string]string{"type": "RF_PASSPORT", "series": "45 12", "number": "777888", "vrfStu": "VERIFIED"}
	teenager := of(grown)
	teenager["id_doc"] = passport
	other := vera
	other.Name.Given = "Надежда"
	with := func(fields string) string { return strings.Replace(body(t, vera, "", ""), `{`, `{`+fields+`,`, 1) }
	for rule, tc := range map[string]struct {
		kid    map[string]any
		body   string
		status int
		code   string
		fields map[string]string
	}{
		"as confirmed":                              {kid(), body(t, vera, veraRecord, "2025-09-09"), 202, "", nil},
		"what the login tells need not be typed":    {kid(), body(t, vera, "", "", "document", vera.Document), 202, "", nil},
		"another's child":                           {kid(), body(t, other, veraRecord, "2025-09-09"), 409, "child_not_confirmed", nil},
		"a certificate that nobody verified":        {kid("birth_cert_doc", map[string]string{"type": "RF_BRTH_CERT", "number": "718402", "vrfStu": "NOT_VERIFIED"}), body(t, vera, veraRecord, "2025-09-09"), 409, "child_not_confirmed", nil},
		"a SNILS that is not confirmed":             {kid(), body(t, vera, veraRecord, "2025-09-09", "snils", "190-356-271 68"), 422, "invalid_fields", map[string]string{"child.snils": "snils_not_confirmed"}},
		"a SNILS with a wrong check digit":          {kid(), body(t, vera, veraRecord, "2025-09-09", "snils", "190-356-271 69"), 422, "invalid_fields", map[string]string{"child.snils": "snils_check_digits"}},
		"another certificate":                       {kid(), body(t, vera, veraRecord, "2025-09-09", "document", map[string]any{"type": 3, "series": "V-ДН", "number": "718403"}), 422, "invalid_fields", map[string]string{"child.document.number": "document_not_confirmed"}},
		"another civil record":                      {kid(), body(t, vera, "120259260000301207005", "2025-09-09"), 422, "invalid_fields", map[string]string{"child.birth_record.number": "birth_record_differs"}},
		"one that the login does not tell is typed": {silent, body(t, vera, "120259260000301207006", "2025-09-09"), 202, "", nil},
		"a child does not work":                     {kid(), with(`"category":"eaeu_worker","basis":{"contract_until":"2026-12-31"}`), 422, "invalid_fields", map[string]string{"category": "category_not_of_child"}},
		"nor is it highly qualified":                {kid(), with(`"category":"highly_qualified"`), 422, "invalid_fields", map[string]string{"category": "category_not_of_child"}},
		"a right is proven by the child's document": {kid(), with(`"category":"refugee","basis":{"stay_until":"2026-12-31","document":{"type":12,"number":"1","expires":"2026-12-31"}}`), 422, "invalid_fields", map[string]string{"basis.document": "not_expected"}},
		"a right without its last day":              {kid(), with(`"category":"refugee"`), 422, "invalid_fields", map[string]string{"basis.stay_until": "required"}},
		"a basis without a right":                   {kid(), with(`"basis":{"stay_until":"2026-12-31"}`), 422, "invalid_fields", map[string]string{"basis": "not_expected"}},
		"a civil record that is not told":           {silent, body(t, vera, "", ""), 422, "invalid_fields", map[string]string{"child.birth_record.number": "required", "child.birth_record.date": "required"}},
		"recorded before the birth":                 {kid(), body(t, vera, veraRecord, "2025-09-01"), 422, "invalid_fields", map[string]string{"child.birth_record.date": "date_wrong"}},
		"a passport below 14":                       {kid(), body(t, vera, veraRecord, "2025-09-09", "document", map[string]any{"type": 14, "series": "4512", "number": "777888"}), 422, "invalid_fields", map[string]string{"child.document.type": "document_not_of_age"}},
		"from 14 on a passport must be confirmed":   {of(grown), body(t, grown, "", "", "document", nil), 409, "child_passport_not_confirmed", nil},
		"no child at all":                           {kid(), `{"kind":"register","person":"child","region":"26"}`, 422, "invalid_fields", map[string]string{"child": "required"}},
		"a child only for a first policy":           {kid(), `{"kind":"lookup","child":{"name":{"given":"Вера"}}}`, 422, "invalid_fields", map[string]string{"child": "not_expected"}},
	} {
		claims := maria.Claims()
		claims["sub"], claims["kids"] = rule, []map[string]any{tc.kid}
		res := b.Call("POST", name, "/", b.Token(claims), tc.body)
		if res.Status != tc.status || res.Code != tc.code || len(res.Fields())+len(tc.fields) > 0 && !maps.Equal(res.Fields(), tc.fields) {
			t.Errorf("%s: %d %s", rule, res.Status, res.Body)
		}
		if tc.status == 202 {
			b.Take(1)
		}
	}
	a := submit(b, parent(b, maria, teenager), body(t, grown, "", "", "document", map[string]any{"type": 14, "series": "4512", "number": "777888"}))
	b.Deliver(1)
	if a = read(b, parent(b, maria, teenager), a.ID); a.Status != "granted" {
		t.Errorf("with a passport from 14 on: %+v", a)
	}
}

func TestABirthAndAParentsApplicationMakeOneRecordInEitherOrder(t *testing.T) {
	birth := func(b *functiontest.Bench, given, parent string) functiontest.Response {
		event, err := json.Marshal(map[string]any{
			"kind": "birth", "source_id": "zags-" + given + parent, "region": "26", "record": map[string]string{"number": veraRecord, "date": "2025-09-09"},
			"child": map[string]any{"name": map[string]string{"family": "Соловьёва", "given": given, "patronymic": "Павловна"}, "sex": "F", "birth_date": vera.Birth}, parent: maria.Person.SNILS,
		})
		if err != nil {
			t.Fatal(err)
		}
		return b.Call("POST", insuredregistry.Name, "/events", b.Token(functiontest.Zags), string(event))
	}
	t.Run("the birth first", func(t *testing.T) {
		b := bench(t)
		birth(b, "Вера", "mother").Expect(202, "")
		mother, father := parent(b, maria, functiontest.Kid(vera, veraRecord, "2025-09-09")), parent(b, functiontest.Pavel, functiontest.Kid(vera, veraRecord, "2025-09-09"))
		b.Call("POST", name, "/", father, body(t, vera, "", "")).Expect(409, "not_represented")
		b.Lose("policy-request/refresh")
		a := submit(b, mother, body(t, vera, "", "")) // ZAGS told of no certificate
		b.Deliver(1)
		if a = read(b, mother, a.ID); a.Status != "granted" || !strings.HasPrefix(a.Text, "У ребёнка уже есть полис, его номер прежний") || a.ENP == "" {
			t.Errorf("%+v", a)
		}
		if res := b.Call("POST", name, "/", mother, body(t, vera, "", "")).Expect(409, "already_insured"); res.Suggest != "choose" {
			t.Errorf("suggests %q", res.Suggest)
		}
	})
	t.Run("the birth while the application waits", func(t *testing.T) {
		b := bench(t)
		mother := parent(b, maria, functiontest.Kid(vera, veraRecord, "2025-09-09"))
		a := submit(b, mother, body(t, vera, "", ""))
		work := b.Take(1)[0]
		birth(b, "Вера", "mother").Expect(202, "")
		b.CallAs("policy-request", insuredregistry.Name, "/records", policy.Enrolment{Cause: "another", Submitted: b.Now(), Person: maria.Person, Region: "26",
			Child: &policy.NewChild{Person: vera, Birth: policy.BirthRecord{Number: veraRecord}}}).Expect(201, "")
		b.Send(work).Expect(200, "")
		if a = read(b, mother, a.ID); a.Status != "refused" || a.Reasons[0].Code != "already_insured" || a.Reasons[0].Detail != "Ребёнок уже есть в регистре, новый полис не нужен. Запросите данные о полисе." {
			t.Errorf("%+v", a)
		}
	})
	t.Run("the application first", func(t *testing.T) {
		b := bench(t)
		father := parent(b, functiontest.Pavel, functiontest.Kid(vera, veraRecord, "2025-09-09"))
		a := submit(b, father, body(t, vera, "", ""))
		b.Deliver(1)
		mother := b.Token(maria.Claims())
		if f := family(b, mother); len(f) != 1 {
			t.Errorf("before the birth is reported the mother sees %+v", f)
		}
		birth(b, "Надежда", "mother").Expect(409, "birth_of_another_child")
		for range 2 { // delivered twice
			birth(b, "Вера", "mother").Expect(202, "")
		}
		for who, token := range map[string]string{"mother": mother, "father": father} {
			if f := family(b, token); len(f) != 2 || f[1].Person != read(b, father, a.ID).Person {
				t.Errorf("%s sees %+v", who, f)
			}
		}
	})
}

func TestASilentRegisterKeepsAChildsApplication(t *testing.T) {
	b := bench(t)
	registry := b.Run(insuredregistry.Name, insuredregistry.New)
	b.Put(insuredregistry.Name, functiontest.Handler(func(handler.Request) (handler.Response, error) { return handler.Response{StatusCode: 500}, nil }))
	mother := parent(b, maria, functiontest.Kid(vera, veraRecord, "2025-09-09"))
	a := submit(b, mother, body(t, vera, "", ""))
	work := b.Take(1)[0]
	b.Send(work).Expect(200, "")
	if a = read(b, mother, a.ID); a.Status != "working" {
		t.Fatalf("%+v", a)
	}
	b.Put(insuredregistry.Name, registry)
	b.SetClock(a.NextTry)
	later(b, event(t, work))
	if a = read(b, mother, a.ID); a.Status != "granted" || a.ENP == "" {
		t.Errorf("%+v", a)
	}
}

func TestTheFundDecidesWhatNoRuleDoes(t *testing.T) {
	const refugee = `{"kind":"register","region":"26","category":"refugee","basis":{"stay_until":"2026-09-30","document":{"type":12,"series":"ВК","number":"0012345","expires":"2026-09-30"}}}`
	for verdict, want := range map[string]string{"approve": "granted", "refuse": "refused"} {
		t.Run(verdict, func(t *testing.T) {
			b := bench(t)
			b.Run(reviewdesk.Name, reviewdesk.New)
			token, fund := b.Token(aram("citizenship", "SYR", "id_doc", nil)), b.Token(functiontest.Fund)
			a := submit(b, token, refugee)
			if a.Due.Format(time.RFC3339) != "2026-03-16T23:59:59+03:00" { // the fourth working day
				t.Errorf("due %s", a.Due)
			}
			work := b.Take(1)[0]
			for range 2 { // delivered twice
				b.Send(work).Expect(200, "")
			}
			b.Deliver(1) // the case is made
			if a = read(b, token, a.ID); a.Status != "working" || !strings.HasPrefix(a.Text, "На рассмотрении в территориальном фонде, ответ до") {
				t.Fatalf("%+v", a)
			}
			later(b, event(t, work)) // nobody has decided: nothing comes of it
			decision := map[string]any{"action": verdict}
			if verdict == "refuse" {
				decision["reasons"] = []map[string]string{{"field": "document", "code": "document_unclear", "detail": "Удостоверение не читается."}}
			}
			var opened struct {
				Application granted
				Applicant   person.Person
			}
			b.Call("GET", reviewdesk.Name, "/"+a.ID, fund, nil).Expect(200, "").JSON(&opened)
			if opened.Applicant.Document.Type != 12 || opened.Application.Category != "refugee" || opened.Application.Ends != "2026-09-30" || opened.Application.Until != "2026-09-30" {
				t.Errorf("the fund sees %+v", opened)
			}
			b.Call("POST", reviewdesk.Name, "/"+a.ID, fund, `{"action":"take"}`).Expect(200, "")
			b.Call("POST", reviewdesk.Name, "/"+a.ID, fund, decision).Expect(200, "")
			if verdict == "approve" {
				for _, q := range b.Take(2) { // the application goes on, and the case follows
					b.Send(q).Expect(200, "")
				}
			} else {
				b.Deliver(1)
			}
			if a = read(b, token, a.ID); a.Status != want {
				t.Errorf("%+v", a)
			}
			if verdict == "approve" && (a.ENP == "" || readGranted(b, token, a.ID).Validity != "Полис действует до 30.09.2026: в этот день заканчивается разрешённый срок пребывания") {
				t.Errorf("%+v", readGranted(b, token, a.ID))
			}
		})
	}
}

func TestWhoIsAskedOrRefusedIsToldTheFundThatHasTheCaseWhereverTheyLive(t *testing.T) {
	b := bench(t)
	b.Run(reviewdesk.Name, reviewdesk.New)
	token, fund := b.Token(aram("citizenship", "SYR", "id_doc", nil)), b.Token(functiontest.Fund)
	a := submit(b, token, `{"kind":"register","region":"77","category":"refugee","basis":{"stay_until":"2026-09-30","document":{"type":12,"series":"ВК","number":"0012345","expires":"2026-09-30"}}}`)
	b.Deliver(1)
	b.Deliver(1) // the case is made
	here, _ := directory.FundOf("26")
	for _, verdict := range []string{"ask", "refuse"} {
		b.Call("POST", reviewdesk.Name, "/"+a.ID, fund, `{"action":"take"}`).Expect(200, "")
		b.Call("POST", reviewdesk.Name, "/"+a.ID, fund, `{"action":"`+verdict+`","reasons":[{"field":"document","code":"document_unclear","detail":"Удостоверение не читается."}]}`).Expect(200, "")
		if a = read(b, token, a.ID); a.Region != "77" || a.Help == nil || a.Help.Fund.Phone != here.Phone {
			t.Errorf("%s: %+v", verdict, a)
		}
		b.Deliver(1) // the case follows
	}
}

func TestWhoseRightHasEndedIsInsuredOnAnotherAsTheFundDecides(t *testing.T) {
	b := bench(t)
	b.Run(reviewdesk.Name, reviewdesk.New)
	b.Lose("policy-request/refresh")
	token, fund := b.Token(aram()), b.Token(functiontest.Fund)
	worker := person.Person{SNILS: "17654902399", Name: person.Name{Family: "Саркисян", Given: "Арам"}, Sex: person.Male,
		Birth: calendar.On(1991, time.August, 8), Document: person.Document{Type: 9, Series: "AU", Number: "0562913"}}
	b.Import(functiontest.Row(worker, "category", "temporary_resident", "ends", "2027-05-01", "valid_until", "2026-12-31"))
	interior := b.Token(functiontest.Claims{"sub": "i", "roles": []string{"source"}, "source": "interior"})
	b.Call("POST", insuredregistry.Name, "/events", interior,
		`{"kind":"permit_cancelled","source_id":"1","person":{"snils":"17654902399","birth_date":"1991-08-08"}}`).Expect(202, "")
	a := submit(b, token, `{"kind":"register","region":"26","category":"eaeu_worker","basis":{"contract_until":"2026-09-30"}}`)
	work := b.Take(1)[0]
	for range 2 { // delivered twice
		b.Send(work).Expect(200, "")
	}
	b.Deliver(1) // the case is made
	if a = read(b, token, a.ID); a.Status != "working" || a.Text != "На рассмотрении в территориальном фонде, ответ до\u00a016.03.2026" || a.Due.Format(time.DateOnly) != "2026-03-16" {
		t.Fatalf("%+v", a)
	}
	b.Call("POST", reviewdesk.Name, "/"+a.ID, fund, `{"action":"take"}`).Expect(200, "")
	b.Call("POST", reviewdesk.Name, "/"+a.ID, fund, `{"action":"approve"}`).Expect(200, "")
	for _, q := range b.Take(2) { // the application goes on, and the case follows
		b.Send(q).Expect(200, "")
	}
	if a = read(b, token, a.ID); a.Status != "granted" || a.ENP == "" {
		t.Fatalf("%+v", a)
	}
	var f policy.Finding
	b.CallAs("policy-request", insuredregistry.Name, "/find", policy.Question{Applicant: worker}).Expect(200, "").JSON(&f)
	today := calendar.On(2026, time.March, 10)
	if f.Card == nil || f.Card.ENP != a.ENP || f.Card.Changes.On(today).State != policy.Active || f.Card.Right.Category != policy.EAEUWorker || f.Card.ValidUntil != calendar.On(2026, time.September, 30) {
		t.Errorf("%+v", f.Card)
	}
}

func TestARetriedFirstPolicyIsAnsweredAsTheFirstAlsoOnceItIsGranted(t *testing.T) {
	b := bench(t)
	token := parent(b, maria, functiontest.Kid(vera, veraRecord, "2025-09-09", maria))
	first := b.Call("POST", name, "/", token, body(t, vera, "", ""), "Idempotency-Key", "k").Expect(202, "")
	b.Deliver(1)
	if again := b.Call("POST", name, "/", token, body(t, vera, "", ""), "Idempotency-Key", "k").Expect(202, ""); string(again.Body) != string(first.Body) {
		t.Errorf("%s became %s", first.Body, again.Body)
	}
	b.Call("POST", name, "/", token, body(t, vera, "", ""), "Idempotency-Key", "another").Expect(409, "already_insured")
}

func TestATypedCivilRecordIsForTheFundToDecideOn(t *testing.T) {
	b := bench(t)
	silent := functiontest.Kid(vera, veraRecord, "2025-09-09", maria)
	silent["birth_cert_doc"] = map[string]string{"type": "RF_BRTH_CERT", "series": "V-ДН", "number": "718402", "vrfStu": "VERIFIED"}
	token := parent(b, maria, silent)
	a := submit(b, token, body(t, vera, "120259260000301207999", "2025-09-09"))
	b.Deliver(1)
	if a = read(b, token, a.ID); a.Status != "working" || len(family(b, token)) != 1 {
		t.Errorf("without anybody's decision: %+v", a)
	}
	// Another child's number gets the same answer: nobody finds out whose it is.
	b.Import(functiontest.Child(functiontest.Ilya, functiontest.Pavel))
	if again := submit(b, token, body(t, vera, "120199260000204108003", "2025-09-09")); again.Status != "submitted" {
		t.Errorf("%+v", again)
	}
}

// foreignKid is a child with the birth certificate of another state.
func foreignKid(p person.Person) map[string]any {
	kid := functiontest.Kid(p, veraRecord, "2025-09-09")
	kid["birth_cert_doc"].(map[string]string)["type"] = "FID_BRTH_CERT"
	return kid
}

func TestAForeignersChildIsForTheFundToDecideOn(t *testing.T) {
	foreign := func(kid map[string]any) functiontest.Claims { return aram("kids", []map[string]any{kid}) }
	russian := maria.Claims()
	russian["kids"] = []map[string]any{foreignKid(vera)}
	citizen := aram("citizenship", "RUS", "kids", []map[string]any{functiontest.Kid(vera, veraRecord, "2025-09-09")})
	const asCitizen, endless = `"category":"citizen",`, "Полис действует бессрочно: для граждан России срока нет"
	for rule, tc := range map[string]struct {
		claims       functiontest.Claims
		fields       string
		byFund       bool
		until, valid string
	}{
		"a foreigner's child":                {foreign(functiontest.Kid(vera, veraRecord, "2025-09-09")), asCitizen, true, "", endless},
		"with a certificate of their state":  {foreign(foreignKid(vera)), asCitizen, true, "", endless},
		"a foreign certificate of anybody's": {russian, asCitizen, true, "", endless},
		"with the right that the parent names": {foreign(foreignKid(vera)), `"category":"temporary_resident","basis":{"permit_until":"2026-09-30"},`, true, "2026-09-30",
			"Полис действует до 30.09.2026: в этот день заканчивается разрешение на временное проживание"},
		"a right of whomever":      {citizen, `"category":"permanent_resident",`, true, "2026-12-31", "Полис действует до 31.12.2026: по этому основанию его выдают до конца года. Продлить можно с 1 ноября"},
		"a citizen's child is not": {citizen, "", false, "", ""},
		"nor where that is said":   {citizen, asCitizen, false, "", endless},
	} {
		t.Run(rule, func(t *testing.T) {
			b := bench(t)
			b.Run(reviewdesk.Name, reviewdesk.New)
			b.Run(notify.Name, notify.New)
			token, fund := b.Token(tc.claims), b.Token(functiontest.Fund)
			a := submit(b, token, strings.Replace(body(t, vera, "", "", "document", nil), `{`, `{`+tc.fields, 1))
			b.Settle()
			if waits := strings.HasPrefix(read(b, token, a.ID).Text, "На рассмотрении в территориальном фонде"); waits != tc.byFund {
				t.Fatalf("%+v", read(b, token, a.ID))
			}
			if tc.byFund {
				b.Call("POST", reviewdesk.Name, "/"+a.ID, fund, `{"action":"take"}`).Expect(200, "")
				b.Call("POST", reviewdesk.Name, "/"+a.ID, fund, `{"action":"approve"}`).Expect(200, "")
				b.Settle()
			}
			g := readGranted(b, token, a.ID)
			if g.Status != "granted" || g.Until != tc.until || g.Validity != tc.valid {
				t.Errorf("%+v", g)
			}
			b.Consent(token, a.Person)
			submit(b, token, `{"kind":"lookup","person":"`+a.Person+`"}`)
			b.Settle()
			var c card
			if b.Call("GET", policycard.Name, "/?person="+a.Person, token, nil).Expect(200, "").JSON(&c); c.ValidUntil != tc.until {
				t.Errorf("%+v", c)
			}
		})
	}
}

// No default makes a citizen of a child who may be none.
func TestTheRightOfAForeignersChildIsNamed(t *testing.T) {
	b := bench(t)
	unrecorded := foreignKid(vera)
	delete(unrecorded["birth_cert_doc"].(map[string]string), "actNo")
	delete(unrecorded["birth_cert_doc"].(map[string]string), "actDate")
	for rule, tc := range map[string]struct {
		claims functiontest.Claims
		fields map[string]string
	}{
		"a foreigner's child":         {aram("kids", []map[string]any{functiontest.Kid(vera, veraRecord, "2025-09-09")}), map[string]string{"category": "required"}},
		"a foreign certificate":       {aram("citizenship", "RUS", "kids", []map[string]any{foreignKid(vera)}), map[string]string{"category": "required"}},
		"with all that is wrong else": {aram("kids", []map[string]any{unrecorded}), map[string]string{"category": "required", "child.birth_record.number": "required", "child.birth_record.date": "required"}},
	} {
		if got := b.Call("POST", name, "/", b.Token(tc.claims), body(t, vera, "", "", "document", nil)).Expect(422, "invalid_fields").Fields(); !maps.Equal(got, tc.fields) {
			t.Errorf("%s: %v", rule, got)
		}
	}
	b.Take(0)
}

func TestAParentAppliesAgainForAChildWhosePolicyHasExpired(t *testing.T) {
	for category, want := range map[string]string{"": "temporary_resident 2026-12-31", "citizen": "citizen "} {
		b := bench(t)
		b.Run(reviewdesk.Name, reviewdesk.New)
		b.Run(notify.Name, notify.New)
		row := functiontest.Child(functiontest.Ilya, maria)
		row["category"], row["valid_until"], row["ends"] = "temporary_resident", "2026-02-28", "2026-02-28"
		b.Import(row)
		kid := functiontest.Kid(functiontest.Ilya, "120199260000204108003", "2019-09-12")
		mother, fund := parent(b, maria, kid), b.Token(functiontest.Fund)
		child := family(b, mother)[1].Person
		b.Consent(mother, child)
		show := func() (c card) {
			submit(b, mother, `{"kind":"lookup","person":"`+child+`"}`)
			b.Settle()
			b.Call("GET", policycard.Name, "/?person="+child, mother, nil).Expect(200, "").JSON(&c)
			return c
		}
		before := show()
		if before.Status != "expired" {
			t.Fatalf("%+v", before)
		}
		application := body(t, functiontest.Ilya, "", "")
		if category != "" {
			application = strings.Replace(application, `{`, `{"category":"`+category+`",`, 1)
		}
		a := submit(b, mother, application)
		b.Settle()
		if a = read(b, mother, a.ID); a.Due.Format(time.DateOnly) != "2026-03-16" || !strings.HasPrefix(a.Text, "На рассмотрении в территориальном фонде") {
			t.Fatalf("%+v", a)
		}
		b.Call("POST", reviewdesk.Name, "/"+a.ID, fund, `{"action":"take"}`).Expect(200, "")
		b.Call("POST", reviewdesk.Name, "/"+a.ID, fund, `{"action":"approve"}`).Expect(200, "")
		b.Settle()
		if a = read(b, mother, a.ID); a.Status != "granted" || a.Text != "Полис переоформлен, его номер прежний" || a.ENP != before.ENP {
			t.Errorf("%+v", a)
		}
		if c := show(); c.Status != "active" || c.ENP != before.ENP || c.ValidFrom != "2026-03-10" || c.Category+" "+c.ValidUntil != want {
			t.Errorf("%q: %+v", category, c)
		}
	}
}

func TestATypedNumberThatIsABrothersIsRefusedAlsoWhereTheFundApprovedIt(t *testing.T) {
	b := bench(t)
	b.Run(reviewdesk.Name, reviewdesk.New)
	b.Import(functiontest.Child(functiontest.Ilya, maria))
	silent := functiontest.Kid(vera, veraRecord, "2025-09-09", maria)
	silent["birth_cert_doc"] = map[string]string{"type": "RF_BRTH_CERT", "series": "V-ДН", "number": "718402", "vrfStu": "VERIFIED"}
	mother, fund := parent(b, maria, silent), b.Token(functiontest.Fund)
	a := submit(b, mother, body(t, vera, "1201 99260000204108003", "2025-09-09"))
	b.Deliver(1)
	b.Deliver(1) // the case is made
	b.Call("POST", reviewdesk.Name, "/"+a.ID, fund, `{"action":"take"}`).Expect(200, "")
	b.Call("POST", reviewdesk.Name, "/"+a.ID, fund, `{"action":"approve"}`).Expect(200, "")
	for _, q := range b.Take(2) { // the application goes on, and the case follows
		b.Send(q).Expect(200, "")
	}
	if a = read(b, mother, a.ID); a.Status != "refused" || a.Reasons[0].Code != "birth_of_another_child" || a.Reasons[0].Field != "child.birth_record.number" || a.Reasons[0].Detail == "" {
		t.Errorf("%+v", a)
	}
}

func TestWhatTheLoginVouchesForAndTheRegisterDoesNotTakeIsRefusedAtOnce(t *testing.T) {
	b := bench(t)
	odd := vera
	odd.Document.Series = "5-ДН"
	token := parent(b, maria, functiontest.Kid(odd, veraRecord, "2025-09-09", maria))
	b.Call("POST", name, "/", token, body(t, odd, "", "", "document", nil)).Expect(422, "invalid_fields")
	b.Take(0)
}

func TestADismissalThatComesBeforeTheRecordIsNotLost(t *testing.T) {
	b := bench(t)
	b.Lose("policy-request/refresh")
	b.SetClock(moscow(t, "2026-11-10T12:00:00"))
	token := b.Token(aram())
	id := submit(b, token, `{"kind":"register","region":"26","category":"eaeu_worker","basis":{"contract_until":"2028-05-31"}}`).ID
	work := b.Take(1)[0]
	b.SetClock(moscow(t, "2026-11-12T12:00:00"))
	for range 2 { // delivered twice
		b.Call("POST", insuredregistry.Name, "/events", b.Token(functiontest.Employer),
			`{"kind":"contract_ended","source_id":"staff-1","snils":"176-549-023 99","last_day":"2026-11-11"}`).Expect(202, "")
	}
	for range 2 {
		b.Send(work).Expect(200, "")
	}
	if a := readGranted(b, token, id); a.Status != "granted" {
		t.Fatalf("%+v", a)
	}
	b.Consent(token, "self")
	if c := asked(b, token, "self"); c.Status != "expired" || c.ValidUntil != "2026-11-11" {
		t.Errorf("%+v", c)
	}
}
