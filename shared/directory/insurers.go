package directory

import (
	"time"

	"polis/shared/calendar"
)

// Companies that work in several regions under one telephone number. The
// address is that of the head office.
var (
	alfa = Insurer{
		Name: "АльфаСтрахование-ОМС", OGRN: "1047100775963",
		Phone: "8 800 555-10-01", Site: "https://www.alfastrahoms.ru",
		Address: "115162, г. Москва, ул. Шаболовка, д. 31, стр. 11",
		AsOf:    calendar.On(2025, time.September, 1),
	}
	ingosstrakh = Insurer{
		Name: "Ингосстрах-М", OGRN: "1045207042528",
		Phone: "8 800 600-24-27", Site: "https://www.ingos-m.ru",
		AsOf: calendar.On(2025, time.September, 1),
	}
	kapital = Insurer{
		Name: "Капитал МС", OGRN: "1027806865481",
		Phone: "8 800 100-81-02", Site: "https://kapmed.ru",
		Address: "115184, г. Москва, ул. Большая Татарская, д. 13, стр. 19",
		AsOf:    calendar.On(2025, time.September, 1),
	}
	sogaz = Insurer{
		Name: "СОГАЗ-Мед", OGRN: "1027739008440",
		Phone: "8 800 100-07-02", Site: "https://www.sogaz-med.ru",
		Address: "107045, г. Москва, Уланский пер., д. 26",
		AsOf:    calendar.On(2025, time.September, 1),
	}
	maks = Insurer{
		Name: "МАКС-М", OGRN: "1027739099772",
		Phone: "8 (495) 276-00-10", Site: "http://www.makcm.ru",
		Address: "115184, г. Москва, ул. Малая Ордынка, д. 50",
		AsOf:    calendar.On(2013, time.August, 27),
	}
	reso = Insurer{
		Name: "РЕСО-Мед", OGRN: "1025004642519",
		Phone: "8 (495) 730-30-00", Site: "http://www.reso-med.com",
		AsOf: calendar.On(2013, time.October, 8),
	}
)

// in is the company in the region of the code, since the date of its contract.
func (i Insurer) in(smo string, since calendar.Date) Insurer {
	i.SMO, i.Region, i.Contracts = smo, smo[:2], []Contract{{Since: since}}
	return i
}

// insurers are demonstration data: codes and dates follow the classifier F002
// of 2013 where it has the company. The rows 26001, 26006, 26007 and 34007 stand
// for companies that came later: their dates, and the codes in region 26, are our
// own (26001 belonged to a company that left at the end of 2012).
var insurers = []Insurer{
	{
		SMO: "16051", Region: "16", Name: "АК БАРС-Мед", OGRN: "1041625409033",
		Phone: "8 (843) 524-96-00", Site: "http://www.akbarsmed.ru",
		AsOf:      calendar.On(2012, time.August, 6),
		Contracts: []Contract{{Since: calendar.On(2011, time.January, 1)}},
	},
	{
		SMO: "16053", Region: "16", Name: "Чулпан-Мед", OGRN: "1041608018726",
		Phone: "8 (8553) 45-35-99", Site: "http://www.чулпан-мед.рф",
		AsOf:      calendar.On(2012, time.June, 22),
		Contracts: []Contract{{Since: calendar.On(2011, time.January, 1)}},
	},

	alfa.in("23207", calendar.On(2013, time.July, 30)),
	sogaz.in("23607", calendar.On(2012, time.August, 27)),
	ingosstrakh.in("23907", calendar.On(2013, time.August, 14)),

	alfa.in("26001", calendar.On(2019, time.January, 1)),
	{
		SMO: "26002", Region: "26", Name: "Солидарность для жизни", OGRN: "1027739815245",
		Phone: "8 (8793) 32-56-88", Site: "http://www.sovita.ru",
		AsOf:      calendar.On(2013, time.July, 18),
		Contracts: []Contract{{Since: calendar.On(2011, time.April, 1)}},
	},
	{
		SMO: "26003", Region: "26", Name: "ВСК-Милосердие", OGRN: "1057746135325",
		Phone: "8 (8652) 26-07-31", Site: "http://www.vsk-miloserdie.ru",
		AsOf:      calendar.On(2011, time.December, 30),
		Contracts: []Contract{{Since: calendar.On(2011, time.April, 1), Until: calendar.On(2012, time.January, 1)}},
	},
	{
		SMO: "26004", Region: "26", Name: "РОСНО-МС", OGRN: "1027739051460",
		Phone: "8 (8793) 33-26-36", Site: "http://www.rosno-ms.ru",
		AsOf:      calendar.On(2011, time.November, 1),
		Contracts: []Contract{{Since: calendar.On(2011, time.April, 1), Until: calendar.On(2011, time.November, 1)}},
	},
	ingosstrakh.in("26005", calendar.On(2011, time.August, 29)),
	sogaz.in("26006", calendar.On(2019, time.January, 1)),
	kapital.in("26007", calendar.On(2019, time.January, 1)),

	sogaz.in("34002", calendar.On(2011, time.January, 1)),
	kapital.in("34007", calendar.On(2011, time.January, 1)),

	sogaz.in("39002", calendar.On(2011, time.January, 1)),
	{
		SMO: "39006", Region: "39", Name: "Областная медицинская страховая компания", OGRN: "1023900584542",
		Phone: "8 (4012) 93-44-05", Site: "http://www.oblmsk.ru",
		AsOf:      calendar.On(2012, time.August, 16),
		Contracts: []Contract{{Since: calendar.On(2011, time.January, 1)}},
	},

	sogaz.in("41001", calendar.On(2011, time.January, 1)),
	{
		SMO: "41002", Region: "41", Name: "Даль-Росмед", OGRN: "1022701131760",
		Phone:     "8 (4152) 23-14-97",
		AsOf:      calendar.On(2013, time.August, 27),
		Contracts: []Contract{{Since: calendar.On(2011, time.January, 1)}},
	},

	reso.in("50005", calendar.On(2011, time.May, 25)),
	maks.in("50006", calendar.On(2011, time.August, 8)),
	sogaz.in("50046", calendar.On(2011, time.August, 8)),
	ingosstrakh.in("50049", calendar.On(2012, time.August, 24)),

	{
		SMO: "54001", Region: "54", Name: "СИМАЗ-МЕД", OGRN: "1025403200151",
		Phone: "8 (383) 218-29-24", Site: "http://www.simaz-med.ru",
		AsOf:      calendar.On(2012, time.July, 20),
		Contracts: []Contract{{Since: calendar.On(2011, time.January, 1)}},
	},
	ingosstrakh.in("54004", calendar.On(2011, time.January, 1)),

	maks.in("61013", calendar.On(2011, time.January, 1)),
	sogaz.in("61017", calendar.On(2011, time.January, 1)),
	kapital.in("61022", calendar.On(2011, time.January, 1)),
	alfa.in("61024", calendar.On(2013, time.August, 13)),

	{
		SMO: "66004", Region: "66", Name: "Астрамед-МС", OGRN: "1126679000150",
		Phone: "8 800 250-01-60", Site: "http://www.astramed-ms.ru",
		AsOf:      calendar.On(2025, time.September, 1),
		Contracts: []Contract{{Since: calendar.On(2011, time.January, 1)}},
	},
	{
		SMO: "66062", Region: "66", Name: "УГМК-Медицина", OGRN: "1026605252871",
		Phone: "8 (343) 283-05-00", Site: "http://www.ugmk-medicina.ru",
		AsOf:      calendar.On(2012, time.August, 9),
		Contracts: []Contract{{Since: calendar.On(2011, time.January, 1)}},
	},
	sogaz.in("66063", calendar.On(2011, time.January, 1)),

	maks.in("77004", calendar.On(2011, time.January, 1)),
	reso.in("77008", calendar.On(2011, time.January, 1)),
	{
		SMO: "77011", Region: "77", Name: "Согласие-М", OGRN: "1026300524931",
		Phone: "8 (495) 730-20-90", Site: "http://www.soglasie-oms.ru",
		AsOf:      calendar.On(2012, time.November, 30),
		Contracts: []Contract{{Since: calendar.On(2012, time.January, 1)}},
	},
	sogaz.in("77012", calendar.On(2012, time.January, 1)),
	ingosstrakh.in("77013", calendar.On(2012, time.January, 1)),
	kapital.in("77015", calendar.On(2012, time.August, 24)),

	maks.in("78005", calendar.On(2011, time.January, 1)),
	reso.in("78006", calendar.On(2011, time.January, 1)),
	kapital.in("78007", calendar.On(2011, time.January, 1)),
	sogaz.in("78010", calendar.On(2011, time.January, 1)),
}
