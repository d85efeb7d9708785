package person

import (
	"strconv"

	"polis/shared/fault"
)

// SNILS is the personal insurance number in its canonical form, 11 digits. Its
// String is the grouped form, which personal data rules keep out of logs.
type SNILS string

// lastUnchecked is the greatest number issued without check digits, 001-001-998.
const lastUnchecked = 1001998

// ParseSNILS reads a SNILS with or without spaces and dashes. The check digits
// are the sum of each of the nine digits times its place from the right, modulo
// 101, where 100 counts as 00; numbers up to 001-001-998 carry none. A fault
// names the field "snils" with the code snils_not_digits, snils_length,
// snils_zero or snils_check_digits.
func ParseSNILS(s string) (SNILS, error) {
	d, ok := digits(s)
	if !ok {
		return "", fault.WrongField("snils", "snils_not_digits",
			"Проверьте СНИЛС: в нём должны быть только цифры.",
			"Check the SNILS: it must consist of digits.")
	}
	if len(d) != 11 {
		return "", fault.WrongField("snils", "snils_length",
			"Проверьте СНИЛС: в нём должно быть 11 цифр.",
			"Check the SNILS: it must have 11 digits.")
	}
	number, sum := 0, 0
	for i := range 9 {
		digit := int(d[i] - '0')
		number = number*10 + digit
		sum += digit * (9 - i)
	}
	if number == 0 {
		return "", fault.WrongField("snils", "snils_zero",
			"Проверьте СНИЛС: такого номера не бывает.",
			"Check the SNILS: there is no such number.")
	}
	if check, _ := strconv.Atoi(d[9:]); number > lastUnchecked && sum%101%100 != check {
		return "", fault.WrongField("snils", "snils_check_digits",
			"Проверьте СНИЛС: контрольные цифры не сходятся.",
			"Check the SNILS: the check digits do not fit.")
	}
	return SNILS(d), nil
}

// String is the form printed for people: 112-233-445 95.
func (s SNILS) String() string {
	if len(s) != 11 {
		return string(s)
	}
	return string(s[:3] + "-" + s[3:6] + "-" + s[6:9] + " " + s[9:])
}
