package tables

import (
	"fmt"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"golang.org/x/text/encoding/charmap"

	"polis/shared/calendar"
	"polis/shared/directory"
)

var today = calendar.On(2026, time.March, 10)

const packet = `<?xml version="1.0" encoding="%s"?>
<packet>
<zglv><type>F002</type><version>1.0</version><date>28.02.2026</date></zglv>
<insCompany>
  <tf_okato>07000</tf_okato><smocod>26101</smocod>
  <nam_smop>Общество «Семёновская страховая»</nam_smop><nam_smok>Семёновская-М</nam_smok>
  <inn>2600000006</inn><Ogrn>1127000000005</Ogrn><KPP>260001001</KPP>
  <jurAddress><index_j>355000</index_j><addr_j>г. Ставрополь, ул. Юридическая, д. 1</addr_j></jurAddress>
  <pstAddress><index_f>355001</index_f><addr_f>г. Ставрополь, ул. Почтовая, д. 2</addr_f></pstAddress>
  <phone>(8652) 00-00-01</phone><hot_line>8 800 000-00-01</hot_line><e_mail>Info@Example.org</e_mail><www>WWW.EXAMPLE.ORG</www>
  <licenziy><n_doc>1</n_doc><d_start>01.01.2010</d_start></licenziy>
  <insInclude><d_begin>01.01.2011</d_begin><d_end>31.12.2012</d_end></insInclude>
  <insInclude><d_begin>01.06.2015</d_begin><d_end></d_end></insInclude>
  <d_edit>15.01.2026</d_edit>
</insCompany>
<insCompany>
  <tf_okato>45000</tf_okato><smocod>77101</smocod><nam_smop>Вторая &amp; Ко</nam_smop><nam_smok/>
  <Ogrn>1127000000005</Ogrn>
  <insInclude><d_begin>2012-03-01</d_begin><d_end>2026-12-31</d_end></insInclude>
</insCompany>
</packet>
`

const table = `SMOCOD,TF_OKATO,NAM_SMOP,NAM_SMOK,INN,OGRN,KPP,PHONE,WWW,D_BEGIN,D_END,D_EDIT
26101,07000,"ОБЩЕСТВО ""СЕМЁНОВСКАЯ СТРАХОВАЯ""","СЕМЁНОВСКАЯ-М",2600000006,1127000000005,260001001,(8652)00-00-01,HTTP://WWW.EXAMPLE.ORG,01.01.2011,,15.01.2026
77101,45000,"ВТОРАЯ, И ПОСЛЕДНЯЯ","ВТОРАЯ",,1127000000005,,,,01.03.2012,31.12.2026,
`

func in1251(t *testing.T, text string) []byte {
	t.Helper()
	b, err := charmap.Windows1251.NewEncoder().Bytes([]byte(text))
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func judge(format directory.Format, file []byte) (directory.Import, []directory.Insurer, []directory.Remark) {
	return Insurers(directory.Import{Format: format}, file, today)
}

func TestAPacketIsReadInEitherEncoding(t *testing.T) {
	want := []directory.Insurer{
		{
			SMO: "26101", Region: "26", Name: "Семёновская-М", FullName: "Общество «Семёновская страховая»", OGRN: "1127000000005",
			Phone: "8 800 000-00-01", Email: "info@example.org", Site: "http://www.example.org", Address: "355001, г. Ставрополь, ул. Почтовая, д. 2",
			AsOf: calendar.On(2026, time.January, 15), Contracts: []directory.Contract{
				{Since: calendar.On(2011, time.January, 1), Until: calendar.On(2012, time.December, 31)}, {Since: calendar.On(2015, time.June, 1)},
			},
		},
		{
			SMO: "77101", Region: "77", Name: "Вторая & Ко", OGRN: "1127000000005", AsOf: calendar.On(2026, time.February, 28),
			Contracts: []directory.Contract{{Since: calendar.On(2012, time.March, 1), Until: calendar.On(2026, time.December, 31)}},
		},
	}
	for name, file := range map[string][]byte{
		"windows-1251":   in1251(t, fmt.Sprintf(packet, "windows-1251")),
		"Windows-1251":   in1251(t, fmt.Sprintf(packet, "Windows-1251")),
		"UTF-8":          []byte(fmt.Sprintf(packet, "UTF-8")),
		"UTF-8 with BOM": []byte("\ufeff" + fmt.Sprintf(packet, "utf-8")),
	} {
		i, got, wrong := judge(directory.XML, file)
		if wrong != nil || i.Read != 2 || !reflect.DeepEqual(got, want) {
			t.Errorf("%s: %d rows, faults %+v\ngot  %+v\nwant %+v", name, i.Read, wrong, got, want)
		}
	}
}

func TestATableIsReadInEitherEncodingAndWithEitherComma(t *testing.T) {
	want := []directory.Insurer{
		{
			SMO: "26101", Region: "26", Name: "СЕМЁНОВСКАЯ-М", FullName: `ОБЩЕСТВО "СЕМЁНОВСКАЯ СТРАХОВАЯ"`, OGRN: "1127000000005",
			Phone: "(8652)00-00-01", Site: "http://www.example.org", AsOf: calendar.On(2026, time.January, 15),
			Contracts: []directory.Contract{{Since: calendar.On(2011, time.January, 1)}},
		},
		{
			SMO: "77101", Region: "77", Name: "ВТОРАЯ", FullName: "ВТОРАЯ, И ПОСЛЕДНЯЯ", OGRN: "1127000000005", AsOf: today,
			Contracts: []directory.Contract{{Since: calendar.On(2012, time.March, 1), Until: calendar.On(2026, time.December, 31)}},
		},
	}
	semicolons := strings.ReplaceAll(strings.ReplaceAll(strings.ReplaceAll(table, ", И", "¦ И"), ",", ";"), "¦", ",")
	for name, file := range map[string][]byte{
		"UTF-8": []byte(table), "UTF-8 with BOM": []byte("\ufeff" + table), "windows-1251": in1251(t, table),
		"lines of Windows": []byte(strings.ReplaceAll(table, "\n", "\r\n")), "semicolons": []byte(semicolons),
	} {
		i, got, wrong := judge(directory.CSV, file)
		if wrong != nil || i.Read != 2 || !reflect.DeepEqual(got, want) {
			t.Errorf("%s: %d rows, faults %+v\ngot  %+v\nwant %+v", name, i.Read, wrong, got, want)
		}
	}
}

func TestAFileThatIsNotReadableIsNamedByItsLine(t *testing.T) {
	xml := fmt.Sprintf(packet, "UTF-8")
	header, row, _ := strings.Cut(table, "\n")
	for _, tc := range []struct {
		rule   string
		format directory.Format
		file   string
		line   int
		code   string
	}{
		{"nothing at all", directory.XML, "", 0, NoRows},
		{"a packet without insurers", directory.XML, "<packet></packet>", 0, NoRows},
		{"another document", directory.XML, "<html>\n</html>", 1, NotF002},
		{"an encoding that nobody uses", directory.XML, strings.Replace(xml, "UTF-8", "koi8-r", 1), 1, EncodingUnknown},
		{"a tag that is not closed", directory.XML, strings.Replace(xml, "</tf_okato>", "", 1), 15, Malformed},
		{"a file cut off", directory.XML, xml[:strings.Index(xml, "</insCompany>")], 15, Malformed},
		{"windows-1251 that calls itself UTF-8", directory.XML, string(in1251(t, xml)), 6, Malformed},
		{"an entity of its own", directory.XML, strings.Replace(xml, "Семёновская-М", "&x;", 1), 6, Malformed},
		{"an empty table", directory.CSV, "", 0, NoRows},
		{"a header alone", directory.CSV, header, 0, NoRows},
		{"a column that is missing", directory.CSV, strings.Replace(table, "OGRN", "OGRM", 1), 1, ColumnsMissing},
		{"a row that is too short", directory.CSV, table + "26102,07000\n", 4, ColumnsDiffer},
		{"a quotation mark that is not closed", directory.CSV, header + "\n" + strings.Replace(row, `"""`, `""`, 1), 2, Malformed},
	} {
		t.Run(tc.rule, func(t *testing.T) {
			_, _, wrong := judge(tc.format, []byte(tc.file))
			if len(wrong) == 0 || wrong[0].Line != tc.line || wrong[0].Code != tc.code || wrong[0].Detail.RU == "" || wrong[0].Detail.EN == "" {
				t.Errorf("got %+v, want line %d %s", wrong, tc.line, tc.code)
			}
		})
	}
}

func TestAFileMayNotHaveEndlessRows(t *testing.T) {
	header, _, _ := strings.Cut(table, "\n")
	csv := header + "\n" + strings.Repeat("26101,07000,А,А,,1127000000005,,,,01.01.2011,,\n", directory.MaxRows+1)
	xml := "<packet>" + strings.Repeat("<insCompany></insCompany>\n", directory.MaxRows+1) + "</packet>"
	for format, file := range map[directory.Format]string{directory.CSV: csv, directory.XML: xml} {
		f, wrong := Read(directory.KindF002, format, []byte(file))
		if f.Read != directory.MaxRows || len(wrong) != 1 || wrong[0].Code != TooManyRows {
			t.Errorf("%s: %d rows, %+v", format, f.Read, wrong)
		}
	}
}

func TestAllContractsOfACompanyAreRead(t *testing.T) {
	const one, other = "<d_begin>01.01.2011</d_begin><d_end>31.12.2026</d_end>", "<d_begin>01.03.2027</d_begin>"
	want := []directory.Contract{
		{Since: calendar.On(2011, time.January, 1), Until: calendar.On(2026, time.December, 31)}, {Since: calendar.On(2027, time.March, 1)},
	}
	for rule, groups := range map[string]string{
		"each in a group":   "<insInclude>" + one + "</insInclude><insInclude>" + other + "</insInclude>",
		"the later first":   "<insInclude>" + other + "</insInclude><insInclude>" + one + "</insInclude>",
		"without groups":    one + other,
		"one of them twice": "<insInclude>" + one + "</insInclude><insInclude>" + other + "</insInclude><insInclude>" + one + "</insInclude>",
		"an empty group":    "<insInclude>" + one + "</insInclude><insInclude>" + other + "</insInclude><insInclude><d_begin/><d_end/></insInclude>",
	} {
		file := "<packet><insCompany><smocod>26101</smocod><tf_okato>07000</tf_okato><nam_smok>А</nam_smok><ogrn>1127000000005</ogrn>" + groups + "</insCompany></packet>"
		i, got, wrong := judge(directory.XML, []byte(file))
		if wrong != nil || i.Read != 1 || i.Notes != nil || len(got) != 1 || !reflect.DeepEqual(got[0].Contracts, want) {
			t.Errorf("%s: %+v, noted %+v, faults %+v", rule, got, i.Notes, wrong)
		}
	}
	if f, wrong := Read(directory.KindF002, directory.XML, []byte("<packet><insCompany>"+strings.Repeat(other, directory.MaxRows+1)+"</insCompany></packet>")); len(wrong) != 1 || wrong[0].Code != TooManyRows {
		t.Errorf("endless contracts: %d rows, %+v", len(f.Rows), wrong)
	}
}

func TestAWrongRowIsNamedByTheLineOfItsBeginning(t *testing.T) {
	xml := strings.Replace(fmt.Sprintf(packet, "windows-1251"), "<tf_okato>45000", "<tf_okato>45001", 1)
	i, _, wrong := judge(directory.XML, in1251(t, xml))
	if i.Read != 2 || len(wrong) != 1 || wrong[0].Line != 16 || wrong[0].Field != "TF_OKATO" || wrong[0].Code != directory.OKATOUnknown {
		t.Errorf("%+v of %d rows", wrong, i.Read)
	}
	csv := table + "\n26103,07000,\"С переносом\nв имени\",М,,1127000000005,,,,01.01.2011,,\n26104,07000,А,А,,1127000000008,,,,01.01.2011,,\n"
	i, _, wrong = judge(directory.CSV, []byte(csv))
	if i.Read != 4 || len(wrong) != 1 || wrong[0].Line != 7 || wrong[0].Field != "OGRN" || wrong[0].Code != directory.OGRNWrong {
		t.Errorf("%+v of %d rows", wrong, i.Read)
	}
}

const listOfOffices = `SMOCOD,NAME,ADDRESS,PHONE,HOURS,AS_OF
26101,Центральный,"355003, г. Ставрополь, ул. Ленина, д. 1",8 800 000-00-01,пн–пт 9:00–18:00,15.01.2026
26101,"Ессентуки, вокзал","357600, г. Ессентуки, ул. Вокзальная, д. 3",,,
`

func TestAListOfOfficesIsReadInEitherEncodingAndWithEitherComma(t *testing.T) {
	known := directory.New([]directory.Insurer{{SMO: "26101"}}, nil)
	want := []directory.Office{
		{SMO: "26101", Name: "Центральный", Address: "355003, г. Ставрополь, ул. Ленина, д. 1", Phone: "8 800 000-00-01", Hours: "пн–пт 9:00–18:00", AsOf: calendar.On(2026, time.January, 15)},
		{SMO: "26101", Name: "Ессентуки, вокзал", Address: "357600, г. Ессентуки, ул. Вокзальная, д. 3", AsOf: today},
	}
	commas := strings.NewReplacer(", ", ", ", ",", ";")
	for name, file := range map[string][]byte{
		"UTF-8": []byte(listOfOffices), "UTF-8 with BOM": []byte("\ufeff" + listOfOffices), "windows-1251": in1251(t, listOfOffices), "semicolons": []byte(commas.Replace(listOfOffices)),
		"without what may be missing": []byte("smocod,name,address\n26101,Центральный,\"355003, г. Ставрополь, ул. Ленина, д. 1\"\n"),
	} {
		i, got, wrong := Offices(directory.Import{Format: directory.CSV}, file, known, today)
		want := slices.Clone(want)
		if len(got) == 1 {
			want = want[:1]
			want[0].Phone, want[0].Hours, want[0].AsOf = "", "", today
		}
		if wrong != nil || i.Read != len(want) || !slices.Equal(got, want) {
			t.Errorf("%s: %d rows, faults %+v\ngot  %+v\nwant %+v", name, i.Read, wrong, got, want)
		}
	}
	for rule, tc := range map[string]struct {
		file  string
		line  int
		field string
		code  string
	}{
		"insurers":           {table, 1, "NAME", ColumnsMissing},
		"nothing but names":  {"SMOCOD,NAME,ADDRESS\n", 0, "", NoRows},
		"another insurer":    {strings.ReplaceAll(listOfOffices, "26101,Ц", "26102,Ц"), 2, "SMOCOD", directory.CodeUnknown},
		"a row of five":      {listOfOffices + "26101,А,Б,,\n", 4, "", ColumnsDiffer},
		"a row without name": {listOfOffices + "26101,,Б,,,\n", 4, "NAME", directory.Required},
	} {
		if _, _, wrong := Offices(directory.Import{}, []byte(tc.file), known, today); len(wrong) == 0 || wrong[0].Line != tc.line || wrong[0].Field != tc.field || wrong[0].Code != tc.code {
			t.Errorf("%s: %+v", rule, wrong)
		}
	}
}
