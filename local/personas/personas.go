// Package personas holds the invented people of a platform on one machine: who
// they are to the login, and what the register knows of them at first.
package personas

import (
	"slices"
	"strings"
)

// Persona is one person who can log in. The numbers satisfy their check digits
// and belong to nobody.
type Persona struct {
	Name  string // by which token and the login page know the persona
	Case  string // what it stands for
	About string // the same in Russian, for the login page
	Human Human

	Confirmed bool     // account confirmed in person
	Roles     []string // of the service; see package access
	Unit      Unit     // on whose behalf, where not a citizen

	Policy   *Policy // nil: not in the register
	Guardian string  // the persona who is recorded as their representative, of one under 18
	Children []Child // recorded as their parent
	Kids     []Child // confirmed in the account beside them, not in the register
}

// Human is what the login vouches for.
type Human struct {
	Subject                   string // opaque id of the account
	Family, Given, Patronymic string
	Male                      bool
	Birth                     string // ISO date
	SNILS                     string // XXX-XXX-XXX YY
	Citizenship               string // ISO 3166, three letters
	Document                  Document
	Email, Mobile             string
}

// Document is an identity document by classifier F011.
type Document struct {
	Type           int
	Series, Number string
}

// Unit is the organisation that a role is held in; at most one field is set.
type Unit struct {
	SMO    string // insurer's code
	Clinic string
	Source string // a system that reports events
}

// Policy is a record of the register.
type Policy struct {
	ENP           string
	Insurer       string // empty: the territorial fund stands in
	Since         string // ISO date
	SuspendedFrom string // ISO date, empty if not suspended
	Clinic        Clinic
}

// Clinic is the polyclinic that a person is attached to.
type Clinic struct {
	Name    string `json:"name"`
	Address string `json:"address"`
	Since   string `json:"since"` // ISO date
}

// Child has no account and is known by the record of its birth.
type Child struct {
	Human        Human
	Policy       Policy
	RecordNumber string // of the birth, at the civil registry; empty where the account does not tell it
	RecordDate   string // ISO date
}

// Region is where every persona is insured.
const Region = "26"

var (
	firstClinic = Clinic{Name: "Городская поликлиника № 1", Address: "г. Ставрополь, ул. Ленина, д. 415", Since: "2019-06-03"}
	thirdClinic = Clinic{Name: "Городская поликлиника № 3", Address: "г. Ставрополь, ул. Маршала Жукова, д. 50", Since: "2021-02-15"}
	childClinic = Clinic{Name: "Детская поликлиника № 2", Address: "г. Ставрополь, ул. Пушкина, д. 25", Since: "2019-09-20"}
)

var sonOfBoth = Child{
	Human: Human{
		Family: "Гончаров", Given: "Семён", Patronymic: "Игоревич", Male: true, Birth: "2019-09-02",
		SNILS: "190-356-271 68", Citizenship: "RUS", Document: Document{3, "IV-ДН", "614208"},
	},
	Policy:       Policy{ENP: "2690089747000598", Since: "2019-09-12", Clinic: childClinic},
	RecordNumber: "120199260000204108003",
	RecordDate:   "2019-09-12",
}

// newDaughter is the mother's second child, for whom she can apply. She has no
// SNILS yet.
var newDaughter = Child{
	Human: Human{
		Family: "Гончарова", Given: "Вера", Patronymic: "Игоревна", Birth: "2026-02-20",
		Citizenship: "RUS", Document: Document{3, "V-ДН", "718402"},
	},
	RecordNumber: "120269260000301207004",
	RecordDate:   "2026-02-27",
}

// refugeesDaughter was born in Russia. She has a SNILS; the account does not tell
// the civil record of her birth.
var refugeesDaughter = Child{Human: Human{
	Family: "Хаддад", Given: "Лейла", Birth: "2023-11-18",
	SNILS: "193-508-642 91", Citizenship: "SYR", Document: Document{3, "V-ДН", "640318"},
}}

// foreignDaughter is the migrant's, born in Armenia. Of a certificate of that
// state the login tells no civil record.
var foreignDaughter = Child{
	Human: Human{
		Family: "Саркисян", Given: "Ани", Birth: "2024-06-15",
		SNILS: "194-207-385 78", Citizenship: "ARM", Document: Document{24, "AB", "045318"},
	},
}

var all = []Persona{
	{
		Name: "insured", Case: "confirmed, in the register, insured in region 26, no consent yet",
		About: "Застрахован в Ставропольском крае, согласий ещё не давал",
		Human: Human{
			Subject: "1000541201", Family: "Ковалёв", Given: "Андрей", Patronymic: "Сергеевич", Male: true, Birth: "1985-03-12",
			SNILS: "112-233-445 95", Citizenship: "RUS", Document: passport("4512", "123456"),
			Email: "kovalev@example.org", Mobile: "+7(900)5550101",
		},
		Confirmed: true, Roles: citizen,
		Policy: &Policy{ENP: "2656410837000318", Insurer: "26002", Since: "2019-05-14", Clinic: firstClinic},
	},
	{
		Name: "unconfirmed", Case: "simplified account, in the register",
		About: "Упрощённая учётная запись: личность не подтверждена",
		Human: Human{
			Subject: "1000541202", Family: "Лисицына", Given: "Вера", Patronymic: "Олеговна", Birth: "1992-07-04",
			SNILS: "118-402-735 36", Citizenship: "RUS", Document: passport("0712", "480216"),
			Email: "lisitsyna@example.org", Mobile: "+7(900)5550102",
		},
		Roles:  citizen,
		Policy: &Policy{ENP: "2652700895000380", Insurer: "26005", Since: "2018-11-01", Clinic: thirdClinic},
	},
	{
		Name: "mother", Case: "confirmed, parent of one child whose insurer is the fund and of a newborn not in the register",
		About: "Мать ребёнка, которого страхует территориальный фонд, и новорождённой дочери без полиса",
		Human: Human{
			Subject: "1000541203", Family: "Гончарова", Given: "Елена", Patronymic: "Дмитриевна", Birth: "1990-05-23",
			SNILS: "124-615-908 48", Citizenship: "RUS", Document: passport("0715", "302871"),
			Email: "goncharova@example.org", Mobile: "+7(900)5550103",
		},
		Confirmed: true, Roles: citizen, Children: []Child{sonOfBoth}, Kids: []Child{newDaughter},
		Policy: &Policy{ENP: "2654900876000452", Insurer: "26002", Since: "2016-03-01", Clinic: firstClinic},
	},
	{
		Name: "father", Case: "confirmed, parent of the same child",
		About: "Отец того же ребёнка",
		Human: Human{
			Subject: "1000541204", Family: "Гончаров", Given: "Игорь", Patronymic: "Валерьевич", Male: true, Birth: "1988-11-30",
			SNILS: "131-770-462 42", Citizenship: "RUS", Document: passport("0709", "655013"),
			Email: "goncharov@example.org", Mobile: "+7(900)5550104",
		},
		Confirmed: true, Roles: citizen, Children: []Child{sonOfBoth},
		Policy: &Policy{ENP: "2648110819000523", Insurer: "26006", Since: "2020-01-20", Clinic: thirdClinic},
	},
	{
		Name: "newcomer", Case: "confirmed, not in the register",
		About: "В регистре застрахованных её ещё нет",
		Human: Human{
			Subject: "1000541205", Family: "Берёзкина", Given: "Анна", Patronymic: "Павловна", Birth: "1996-02-17",
			SNILS: "145-208-396 52", Citizenship: "RUS", Document: passport("0716", "917340"),
			Email: "berezkina@example.org", Mobile: "+7(900)5550105",
		},
		Confirmed: true, Roles: citizen,
	},
	{
		Name: "migrant", Case: "confirmed, citizen of Armenia (EAEU) working on a contract, parent of a daughter born there, both not in the register",
		About: "Гражданин Армении (ЕАЭС), работает по трудовому договору, полиса ещё нет ни у него, ни у дочери",
		Human: Human{
			Subject: "1000541206", Family: "Саркисян", Given: "Арам", Male: true, Birth: "1991-08-08",
			SNILS: "176-549-023 99", Citizenship: "ARM", Document: Document{9, "AU", "0562913"},
			Email: "sarkisyan@example.org", Mobile: "+7(900)5550106",
		},
		Confirmed: true, Roles: citizen, Kids: []Child{foreignDaughter},
	},
	{
		Name: "refugee", Case: "confirmed, citizen of Syria whose account has no document, with a daughter; neither is in the register",
		About: "Беженка из Сирии с дочерью, полисов ещё нет",
		Human: Human{
			Subject: "1000541210", Family: "Хаддад", Given: "Самира", Birth: "1994-06-30",
			SNILS: "167-431-205 59", Citizenship: "SYR",
			Email: "haddad@example.org", Mobile: "+7(900)5550110",
		},
		Confirmed: true, Roles: citizen, Kids: []Child{refugeesDaughter},
	},
	{
		Name: "serviceman", Case: "confirmed, policy suspended for military service",
		About: "Полис приостановлен на время военной службы",
		Human: Human{
			Subject: "1000541207", Family: "Дорохов", Given: "Максим", Patronymic: "Ильич", Male: true, Birth: "2003-04-15",
			SNILS: "152-963-417 79", Citizenship: "RUS", Document: passport("0723", "118562"),
			Email: "dorokhov@example.org", Mobile: "+7(900)5550107",
		},
		Confirmed: true, Roles: citizen,
		Policy: &Policy{ENP: "2695699734000800", Insurer: "26002", Since: "2021-04-20", SuspendedFrom: "2026-01-15", Clinic: thirdClinic},
	},
	{
		Name: "teenager", Case: "confirmed, under 18, insured; may hide the medical services from the guardian",
		About: "Подросток: может скрыть оказанные услуги от попечителя",
		Human: Human{
			Subject: "1000541208", Family: "Лебедева", Given: "Дарья", Patronymic: "Андреевна", Birth: "2010-05-05",
			SNILS: "160-722-394 47", Citizenship: "RUS", Document: passport("0724", "310577"),
			Email: "lebedeva@example.org", Mobile: "+7(900)5550108",
		},
		Confirmed: true, Roles: citizen, Guardian: "guardian",
		Policy: &Policy{ENP: "2694989794000878", Insurer: "26002", Since: "2020-05-14", Clinic: childClinic},
	},
	{
		Name: "guardian", Case: "confirmed, recorded as the representative of teenager",
		About: "Попечитель подростка",
		Human: Human{
			Subject: "1000541209", Family: "Зимина", Given: "Наталья", Patronymic: "Викторовна", Birth: "1981-09-17",
			SNILS: "138-504-627 63", Citizenship: "RUS", Document: passport("0704", "226190"),
			Email: "zimina@example.org", Mobile: "+7(900)5550109",
		},
		Confirmed: true, Roles: citizen,
		Policy: &Policy{ENP: "2650810882000632", Insurer: "26002", Since: "2017-02-06", Clinic: firstClinic},
	},
	{
		Name: "staff", Case: "reviewer of the insurer of insured (26002)",
		About: "Рассматривает заявления в страховой компании, где застрахован Ковалёв (26002)",
		Human: Human{
			Subject: "1000541211", Family: "Мельникова", Given: "Ольга", Patronymic: "Юрьевна", Birth: "1983-06-21",
			SNILS: "103-918-264 42", Citizenship: "RUS", Email: "melnikova@example.org",
		},
		Confirmed: true, Roles: []string{"staff"}, Unit: Unit{SMO: "26002"},
	},
	{
		Name: "rival", Case: "reviewer of another insurer (26005)",
		About: "Рассматривает заявления в другой страховой компании (26005)",
		Human: Human{
			Subject: "1000541212", Family: "Тарасов", Given: "Виктор", Patronymic: "Львович", Male: true, Birth: "1979-01-09",
			SNILS: "107-425-839 50", Citizenship: "RUS", Email: "tarasov@example.org",
		},
		Confirmed: true, Roles: []string{"staff"}, Unit: Unit{SMO: "26005"},
	},
	{
		Name: "fund", Case: "reviewer of the territorial fund",
		About: "Рассматривает заявления в территориальном фонде",
		Human: Human{
			Subject: "1000541213", Family: "Назарова", Given: "Ирина", Patronymic: "Борисовна", Birth: "1976-10-28",
			SNILS: "101-683-957 47", Citizenship: "RUS", Email: "nazarova@example.org",
		},
		Confirmed: true, Roles: []string{"fund"},
	},
	{
		Name: "clinic", Case: "registration desk of a clinic (260001)",
		About:     "Регистратура поликлиники (260001)",
		Human:     Human{Subject: "1000541221"},
		Confirmed: true, Roles: []string{"clinic"}, Unit: Unit{Clinic: "260001"},
	},
	{
		Name: "zags", Case: "civil registry, reports births, names and deaths",
		About:     "ЗАГС: сообщает о рождении, перемене имени и смерти",
		Human:     Human{Subject: "1000541222"},
		Confirmed: true, Roles: []string{"source"}, Unit: Unit{Source: "zags"},
	},
	{
		Name: "commissariat", Case: "military commissariat, reports service",
		About:     "Военкомат: сообщает о военной службе",
		Human:     Human{Subject: "1000541223"},
		Confirmed: true, Roles: []string{"source"}, Unit: Unit{Source: "commissariat"},
	},
	{
		Name: "employer", Case: "employer, reports that a worker's contract ended",
		About:     "Работодатель: сообщает об окончании трудового договора",
		Human:     Human{Subject: "1000541226"},
		Confirmed: true, Roles: []string{"source"}, Unit: Unit{Source: "employer"},
	},
	{
		Name: "operator", Case: "runs this installation: imports, queues, dead letters",
		About:     "Оператор: загружает регистр, следит за очередями и недоставленным",
		Human:     Human{Subject: "1000541224"},
		Confirmed: true, Roles: []string{"operator"},
	},
	{
		Name: "auditor", Case: "reads and verifies the audit trail",
		About:     "Аудитор: читает и проверяет журнал доступа",
		Human:     Human{Subject: "1000541225"},
		Confirmed: true, Roles: []string{"auditor"},
	},
}

var citizen = []string{"citizen"}

func passport(series, number string) Document { return Document{14, series, number} }

// All lists the personas in the order in which they are best read.
func All() []Persona { return slices.Clone(all) }

// Find looks a persona up by name.
func Find(name string) (Persona, bool) {
	i := slices.IndexFunc(all, func(p Persona) bool { return p.Name == name })
	if i < 0 {
		return Persona{}, false
	}
	return all[i], true
}

// FullName is the name as people say it; empty for a system.
func (h Human) FullName() string {
	return strings.Join(strings.Fields(h.Family+" "+h.Given+" "+h.Patronymic), " ")
}
