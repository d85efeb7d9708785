package person

import (
	"fmt"
	"slices"
	"strconv"
	"time"

	"polis/shared/calendar"
	"polis/shared/directory"
	"polis/shared/fault"
)

// ENP is the number of a compulsory medical insurance policy, 16 digits, kept
// for life: RR MM YYYY DD NNNNN K (FFOMS order 79). RR is the region that made
// the number; month, year reversed and day are written as nine minus each digit;
// NNNNN is a serial, K the Luhn digit over the first 15. The month is raised by
// 20 for births up to 1950 and by 40 for 1951 to 2000, the day by 50 for a man.
type ENP string

// Warnings of an ENP that is well formed but does not fit its person.
const (
	ENPRegionUnknown       = "enp_region_unknown"
	ENPBirthDateUnreadable = "enp_birth_date_unreadable"
	ENPBirthDateDiffers    = "enp_birth_date_differs"
	ENPSexDiffers          = "enp_sex_differs"
)

// ParseENP reads a policy number with or without spaces and dashes. Only length
// and check digit are errors, because the registers hold numbers whose other
// parts do not fit; see Warnings. A fault names the field "enp" with the code
// enp_not_digits, enp_length or enp_check_digit.
func ParseENP(s string) (ENP, error) {
	d, ok := digits(s)
	if !ok {
		return "", fault.WrongField("enp", "enp_not_digits",
			"Проверьте номер полиса: в нём должны быть только цифры.",
			"Check the policy number: it must consist of digits.")
	}
	if len(d) != 16 {
		return "", fault.WrongField("enp", "enp_length",
			"Проверьте номер полиса: в нём должно быть 16 цифр.",
			"Check the policy number: it must have 16 digits.")
	}
	if d[15] != luhn(d[:15]) {
		return "", fault.WrongField("enp", "enp_check_digit",
			"Проверьте номер полиса: в нём ошибка.",
			"Check the policy number: it has a mistake.")
	}
	return ENP(d), nil
}

// NewENP makes the number of a person first put on record in the region. serial
// is 0 to 99999; each combination of region, birth date and sex counts its own,
// and a serial beyond is the fault enp_serials_exhausted. A region, birth date
// or sex that cannot be written names its field.
func NewENP(region string, birth calendar.Date, sex Sex, serial int) (ENP, error) {
	if _, ok := directory.FindRegion(region); !ok {
		return "", fault.WrongField("region", ENPRegionUnknown,
			"Такого региона нет в классификаторе территорий ОМС.",
			"The classifier of regions has no such region.")
	}
	if birth.Before(earliestBirth) || birth.Year > 9999 {
		return "", fault.WrongField("birth_date", "enp_birth_date",
			"С такой датой рождения номер полиса составить нельзя.",
			"No policy number can be made from this date of birth.")
	}
	if sex != Male && sex != Female {
		return "", fault.WrongField("sex", "sex_wrong",
			"Укажите пол: M — мужской, F — женский.",
			"Give the sex: M for male, F for female.")
	}
	if serial < 0 || serial > 99999 {
		return "", fault.New(fault.Conflict, "enp_serials_exhausted",
			"Свободных номеров полиса для этой даты рождения в регионе не осталось. Обратитесь в территориальный фонд.",
			"The region has no free policy number for this date of birth. Turn to the regional fund.")
	}
	month, day := int(birth.Month)+century(birth.Year), birth.Day
	if sex == Male {
		day += 50
	}
	year := []byte(fmt.Sprintf("%04d", birth.Year))
	slices.Reverse(year)
	d := fmt.Sprintf("%s%s%05d", region, nines(fmt.Sprintf("%02d%s%02d", month, year, day)), serial)
	return ENP(d + string(luhn(d))), nil
}

// Region is the code of the territory that made the number, which need not be
// where the person lives; "" for a number that is not 16 characters long.
func (e ENP) Region() string {
	if len(e) != 16 {
		return ""
	}
	return string(e[:2])
}

// Grouped is the form printed for people: 7756 4108 3700 0019.
func (e ENP) Grouped() string {
	if len(e) != 16 {
		return string(e)
	}
	return string(e[:4] + " " + e[4:8] + " " + e[8:12] + " " + e[12:])
}

// Warnings lists, by code, what in the number does not fit the person; nil when
// all of it fits. A birth date or sex that is not known is not compared.
func (e ENP) Warnings(birth calendar.Date, sex Sex) []string {
	var warnings []string
	if _, ok := directory.FindRegion(e.Region()); !ok {
		warnings = append(warnings, ENPRegionUnknown)
	}
	written, writtenSex, ok := e.birth()
	if !ok {
		return append(warnings, ENPBirthDateUnreadable)
	}
	if !birth.IsZero() && written != birth {
		warnings = append(warnings, ENPBirthDateDiffers)
	}
	if sex != "" && writtenSex != sex {
		warnings = append(warnings, ENPSexDiffers)
	}
	return warnings
}

// birth reads the date and the sex back; false where they are no real date, or
// the month is not raised as its year demands.
func (e ENP) birth() (calendar.Date, Sex, bool) {
	if len(e) != 16 || !allDigits(string(e)) {
		return calendar.Date{}, "", false
	}
	d := []byte(nines(string(e[2:10])))
	slices.Reverse(d[2:6])
	month, _ := strconv.Atoi(string(d[:2]))
	year, _ := strconv.Atoi(string(d[2:6]))
	day, _ := strconv.Atoi(string(d[6:]))
	sex := Female
	if day > 50 {
		sex, day = Male, day-50
	}
	date := calendar.Date{Year: year, Month: time.Month(month - century(year)), Day: day}
	return date, sex, date == calendar.On(date.Year, date.Month, date.Day)
}

// century is what the month is raised by.
func century(year int) int {
	switch {
	case year <= 1950:
		return 20
	case year <= 2000:
		return 40
	}
	return 0
}

// nines writes nine minus each digit.
func nines(digits string) string {
	d := []byte(digits)
	for i := range d {
		d[i] = '0' + '9' - d[i]
	}
	return string(d)
}

// luhn is the check digit that completes the digits: from the right every second
// digit, beginning with the last, is doubled and its own digits are summed.
func luhn(digits string) byte {
	sum := 0
	for i := range len(digits) {
		d := int(digits[len(digits)-1-i] - '0')
		if i%2 == 0 {
			d *= 2
		}
		sum += d/10 + d%10
	}
	return byte('0' + (10-sum%10)%10)
}
