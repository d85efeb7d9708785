package person

import (
	"errors"
	"slices"
	"strconv"
	"testing"
	"time"

	"polis/shared/calendar"
	"polis/shared/fault"
)

func on(t *testing.T, s string) calendar.Date {
	t.Helper()
	d, err := calendar.ParseDate(s)
	if err != nil {
		t.Fatal(err)
	}
	return d
}

// numbers are policy numbers with the person each was made for; the rule is what
// the row shows.
var numbers = []struct {
	rule         string
	enp          ENP
	region, born string
	sex          Sex
}{
	{"a woman of the years 1951 to 2000", "6449020886006380", "64", "1979-10-13", Female},
	{"a man of the years 1951 to 2000", "7756410837000019", "77", "1985-03-12", Male},
	{"the last day of the months raised by 20", "7767940868001236", "77", "1950-12-31", Female},
	{"the first day of the months raised by 40", "7858840848999998", "78", "1951-01-01", Male},
	{"the last day of the months raised by 40", "5447999768045679", "54", "2000-12-31", Female},
	{"the first day of the plain months", "2698899748707070", "26", "2001-01-01", Male},
	{"the first day of 2000 is raised by 40", "0258999748787985", "02", "2000-01-01", Male},
	{"an example of the order of the fund", "1347610839000235", "13", "1983-12-10", Male},
}

func TestENPWritesRegionBirthAndSex(t *testing.T) {
	for _, c := range numbers {
		t.Run(c.rule, func(t *testing.T) {
			serial, _ := strconv.Atoi(string(c.enp[10:15]))
			made, err := NewENP(c.region, on(t, c.born), c.sex, serial)
			if err != nil || made != c.enp {
				t.Errorf("made %s, %v; want %s", made, err, c.enp)
			}
			read, err := ParseENP(string(c.enp))
			if err != nil || read.Region() != c.region {
				t.Errorf("region of %s is %s, %v", read, read.Region(), err)
			}
			if w := read.Warnings(on(t, c.born), c.sex); w != nil {
				t.Errorf("warnings of a number that fits: %v", w)
			}
		})
	}
}

func TestENPIsReadWithItsCheckDigit(t *testing.T) {
	for _, c := range []struct{ rule, text, code string }{
		{"grouped by four", "7756 4108 3700 0019", ""},
		{"with no-break spaces", "7756\u00a04108\u00a03700\u00a00019", ""},
		{"a birth date that cannot be read is no error", "7700000000000016", ""},
		{"a wrong check digit is refused", "7756410837000018", "enp_check_digit"},
		{"two digits exchanged are refused", "6449020886006308", "enp_check_digit"},
		{"a number out of a picture is refused", "3575134621310480", "enp_check_digit"},
		{"a row of digits is refused", "1234567890123456", "enp_check_digit"},
		{"fifteen digits are refused", "775641083700001", "enp_length"},
		{"seventeen digits are refused", "77564108370000190", "enp_length"},
		{"an empty text is refused", "", "enp_length"},
		{"a letter that looks like a digit is refused", "77564108370000I9", "enp_not_digits"},
		{"digits of another script are refused", "٧٧٥٦٤١٠٨٣٧٠٠٠٠١٩", "enp_not_digits"},
	} {
		t.Run(c.rule, func(t *testing.T) {
			_, err := ParseENP(c.text)
			wants(t, err, "enp", c.code)
		})
	}
}

func TestENPThatDoesNotFitThePersonIsWarnedOf(t *testing.T) {
	for _, c := range []struct {
		rule, born string
		enp        ENP
		sex        Sex
		want       []string
	}{
		{"another birth date", "1985-03-13", "7756410837000019", Male, []string{ENPBirthDateDiffers}},
		{"another sex", "1985-03-12", "7756410837000019", Female, []string{ENPSexDiffers}},
		{"both", "1985-03-13", "7756410837000019", Female, []string{ENPBirthDateDiffers, ENPSexDiffers}},
		{"no birth date in the number", "1985-03-12", "7700000000000016", Male, []string{ENPBirthDateUnreadable}},
		{"a region that does not exist", "1985-03-12", "0056410837000012", Male, []string{ENPRegionUnknown}},
		{"a number that is none", "1985-03-12", "77", Male, []string{ENPRegionUnknown, ENPBirthDateUnreadable}},
		{"what is not known is not compared", "", "7756410837000019", "", nil},
	} {
		t.Run(c.rule, func(t *testing.T) {
			var born calendar.Date
			if c.born != "" {
				born = on(t, c.born)
			}
			if got := c.enp.Warnings(born, c.sex); !slices.Equal(got, c.want) {
				t.Errorf("got %v, want %v", got, c.want)
			}
		})
	}
}

func TestENPOfAnotherCenturyThanItsMonthIsUnreadable(t *testing.T) {
	// the month of 1985 written as if it were 2001 or later
	body := "77" + nines("03589162") + "00001"
	enp := ENP(body + string(luhn(body)))
	if got := enp.Warnings(on(t, "1985-03-12"), Male); !slices.Equal(got, []string{ENPBirthDateUnreadable}) {
		t.Errorf("got %v", got)
	}
}

func TestENPIsMadeOnlyFromWhatCanBeWritten(t *testing.T) {
	born := calendar.On(1985, time.March, 12)
	for _, c := range []struct {
		rule, region string
		born         calendar.Date
		sex          Sex
		field, code  string
	}{
		{"an unknown region", "87", born, Male, "region", ENPRegionUnknown},
		{"no birth date", "77", calendar.Date{}, Male, "birth_date", "enp_birth_date"},
		{"a birth before 1900", "77", calendar.On(1899, time.December, 31), Male, "birth_date", "enp_birth_date"},
		{"no sex", "77", born, "", "sex", "sex_wrong"},
	} {
		t.Run(c.rule, func(t *testing.T) {
			_, err := NewENP(c.region, c.born, c.sex, 1)
			wants(t, err, c.field, c.code)
		})
	}
	for _, serial := range []int{-1, 100000} {
		if _, err := NewENP("77", born, Male, serial); !errors.Is(err, &fault.Error{Code: "enp_serials_exhausted"}) {
			t.Errorf("serial %d: %v", serial, err)
		}
	}
}

func TestENPIsShownGroupedByFour(t *testing.T) {
	if got := ENP("7756410837000019").Grouped(); got != "7756 4108 3700 0019" {
		t.Errorf("shown as %q", got)
	}
	if got := ENP("77").Grouped(); got != "77" {
		t.Errorf("an unread number is shown as %q", got)
	}
}

func TestEveryOneDigitMistakeInAnENPIsFound(t *testing.T) {
	const enp = "7756410837000019"
	for i := range enp {
		for d := byte('0'); d <= '9'; d++ {
			mistaken := []byte(enp)
			mistaken[i] = d
			if _, err := ParseENP(string(mistaken)); (err == nil) != (string(mistaken) == enp) {
				t.Errorf("%s: %v", mistaken, err)
			}
		}
	}
}

func FuzzParseENP(f *testing.F) {
	for _, c := range numbers {
		f.Add(string(c.enp))
	}
	f.Add("7756 4108 3700 0019")
	f.Add("7700000000000016")
	f.Add("٧٧٥٦٤١٠٨٣٧٠٠٠٠١٩")
	f.Add("")
	f.Fuzz(func(t *testing.T, text string) {
		ENP(text).Warnings(calendar.Date{}, "") // must bear any text
		e, err := ParseENP(text)
		if err != nil {
			if e != "" {
				t.Errorf("refused, and yet returned %q", e)
			}
			return
		}
		if len(e) != 16 || !allDigits(string(e)) || luhnSum(string(e))%10 != 0 {
			t.Errorf("%q is not 16 digits with a right check digit", e)
		}
		if again, err := ParseENP(e.Grouped()); err != nil || again != e {
			t.Errorf("%q reads back as %q, %v", e.Grouped(), again, err)
		}
		if born, sex, ok := e.birth(); ok && born.Year >= 1900 && e.Warnings(born, sex) == nil {
			serial, _ := strconv.Atoi(string(e[10:15]))
			if made, err := NewENP(e.Region(), born, sex, serial); err != nil || made != e {
				t.Errorf("%q is made again as %q, %v", e, made, err)
			}
		}
	})
}

// luhnSum is the textbook sum over a whole number, check digit and all.
func luhnSum(number string) int {
	sum := 0
	for i := range len(number) {
		d := int(number[i] - '0')
		if (len(number)-i)%2 == 0 {
			if d *= 2; d > 9 {
				d -= 9
			}
		}
		sum += d
	}
	return sum
}
