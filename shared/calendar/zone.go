package calendar

import (
	"time"
	_ "time/tzdata" // the functions run in images that have no zone files
)

// Zone is the time zone of a region, by its two-digit code of the classifier
// F010 (01 to 86). A region that spans several zones is represented by that of
// its capital. An unknown region has that of Moscow, where the federal register is
// kept; whether there is a region, package directory knows.
func Zone(region string) *time.Location {
	if zone, known := zones[region]; known {
		return zone
	}
	return zones[moscow]
}

// Today is the civil date of the moment now in the region of insurance, by
// which the dates of the law are counted.
func Today(now time.Time, region string) Date { return DateOf(now.In(Zone(region))) }

// Span is the earliest and the latest date that it is in any region at a moment: for
// a person of whom it is not known where they are insured.
func Span(now time.Time) (first, last Date) {
	return Today(now, kaliningrad), Today(now, kamchatka)
}

const (
	moscow      = "77"
	kaliningrad = "39"
	kamchatka   = "41"
)

var zones = load(map[string][]string{
	"Europe/Kaliningrad": {"39"},
	"Europe/Moscow": {
		"01", "05", "06", "07", "08", "09", "10", "11", "12", "13", "15", "16", "20", "21", "23", "26",
		"29", "31", "32", "33", "35", "36", "37", "40", "44", "46", "47", "48", "50", "51", "52", "53",
		"57", "58", "60", "61", "62", "67", "68", "69", "71", "76", "77", "78", "80",
	},
	"Europe/Kirov":       {"43"},
	"Europe/Simferopol":  {"85", "86"},
	"Europe/Volgograd":   {"34"},
	"Europe/Astrakhan":   {"30"},
	"Europe/Samara":      {"18", "63"},
	"Europe/Saratov":     {"64"},
	"Europe/Ulyanovsk":   {"73"},
	"Asia/Yekaterinburg": {"02", "45", "56", "59", "66", "72", "74", "81", "83"},
	"Asia/Qyzylorda":     {"84"},
	"Asia/Omsk":          {"55"},
	"Asia/Barnaul":       {"04", "22"},
	"Asia/Krasnoyarsk":   {"17", "19", "24"},
	"Asia/Novokuznetsk":  {"42"},
	"Asia/Novosibirsk":   {"54"},
	"Asia/Tomsk":         {"70"},
	"Asia/Irkutsk":       {"03", "38"},
	"Asia/Chita":         {"75"},
	"Asia/Yakutsk":       {"14", "28"},
	"Asia/Vladivostok":   {"25", "27", "79"},
	"Asia/Magadan":       {"49"},
	"Asia/Sakhalin":      {"65"},
	"Asia/Anadyr":        {"82"},
	"Asia/Kamchatka":     {"41"},
})

func load(regions map[string][]string) map[string]*time.Location {
	byRegion := make(map[string]*time.Location)
	for name, codes := range regions {
		loc, err := time.LoadLocation(name)
		if err != nil {
			panic(err) // cannot happen: the zones are compiled in
		}
		for _, code := range codes {
			byRegion[code] = loc
		}
	}
	return byRegion
}
