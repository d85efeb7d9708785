package function

import (
	"encoding/json"
	"errors"
	"slices"

	"polis/shared/calendar"
	"polis/shared/directory"
	"polis/shared/fault"
	"polis/shared/person"
	"polis/shared/policy"
	"polis/shared/store"
	"polis/shared/text"
	"polis/shared/web"
)

// row of an import: one person as another register has them.
type row struct {
	ENP            string              `json:"enp"`
	SNILS          string              `json:"snils"`
	Name           person.Name         `json:"name"`
	Sex            person.Sex          `json:"sex"`
	Birth          calendar.Date       `json:"birth_date"`
	Document       person.Document     `json:"document"`
	Region         string              `json:"region"`
	Insurer        string              `json:"insurer"`
	Since          calendar.Date       `json:"since"`
	Clinic         *policy.Clinic      `json:"clinic"`
	SuspendedFrom  calendar.Date       `json:"suspended_from"`
	Category       policy.Category     `json:"category"` // of a foreigner
	Ends           calendar.Date       `json:"ends"`
	ValidUntil     calendar.Date       `json:"valid_until"`
	BirthRecord    *policy.BirthRecord `json:"birth_record"`
	Representative []person.SNILS      `json:"representatives"`
}

type refusal struct {
	Line  int    `json:"line"` // of the chunk, from 1
	Field string `json:"field,omitempty"`
	Code  string `json:"code"`
}

// maxRows of one chunk.
const maxRows = 500

// load imports a chunk of persons.
func (r *register) load(c *web.Call) (web.Answer, error) {
	insurers, err := r.store.Directory(c)
	if err != nil {
		return web.Answer{}, err
	}
	return eachRow(c, func(source string, _ int, line row) (made bool, err error) {
		record, err := r.record(line, insurers, source)
		if err != nil {
			return false, err
		}
		have, made, err := r.store.PutOnRecord(c, c.Grant, record)
		switch {
		case err != nil || made:
			return made, err
		case have.ENP != record.ENP:
			return false, fault.New(fault.Conflict, "enp_differs", "", "")
		}
		return r.prolong(c, have, record, source)
	})
}

// eachRow takes a chunk of an import. Each row is taken or refused by itself, also
// where it cannot be read; do says whether it added anything. A chunk sent again
// changes nothing.
func eachRow[T any](c *web.Call, do func(source string, line int, row T) (added bool, err error)) (web.Answer, error) {
	var chunk struct {
		SourceID string            `json:"source_id"`
		Records  []json.RawMessage `json:"records"`
	}
	if err := c.Bind(&chunk); err != nil {
		return web.Answer{}, err
	}
	if chunk.SourceID == "" {
		return web.Answer{}, fault.WrongField("source_id", "required", "Укажите номер выгрузки.", "Give the id of the import.")
	}
	if wrong := text.CheckLine("source_id", chunk.SourceID, maxSourceID); wrong != nil {
		return web.Answer{}, fault.Wrong(wrong...)
	}
	if len(chunk.Records) == 0 || len(chunk.Records) > maxRows {
		return web.Answer{}, fault.WrongField("records", "out_of_range", "От 1 до 500 записей.", "From 1 to 500 records.")
	}
	imported, unchanged, refused := 0, 0, []refusal{}
	for i, content := range chunk.Records {
		var row T
		added, err := false, web.Decode(content, &row)
		if err == nil {
			added, err = do(chunk.SourceID, i+1, row)
		}
		var f *fault.Error
		switch {
		case err == nil && added:
			imported++
		case err == nil:
			unchanged++
		case errors.As(err, &f) && f.Kind != fault.Unavailable:
			refused = append(refused, refusal{Line: i + 1, Field: fieldOf(f), Code: codeOf(f)})
		default:
			return web.Answer{}, err // sent again, the chunk goes on where it broke off
		}
	}
	return web.Accepted(map[string]any{"source_id": chunk.SourceID, "imported": imported, "unchanged": unchanged, "refused": refused})
}

func fieldOf(f *fault.Error) string {
	if len(f.Fields) > 0 {
		return f.Fields[0].Field
	}
	return ""
}

func codeOf(f *fault.Error) string {
	if len(f.Fields) > 0 {
		return f.Fields[0].Code
	}
	return f.Code
}

func (r *register) record(line row, insurers directory.Directory, source string) (policy.Insured, error) {
	p := person.Person{SNILS: person.SNILS(line.SNILS), Name: line.Name, Sex: line.Sex, Birth: line.Birth, Document: line.Document}.Normalised()
	if line.BirthRecord != nil {
		line.BirthRecord.Number = person.CivilRecord(line.BirthRecord.Number)
	}
	if line.Since.IsZero() || line.Since.After(r.today(line.Region)) {
		return policy.Insured{}, fault.WrongField("since", "date_wrong", "Проверьте дату начала.", "Check the first day.")
	}
	// A document may have run out since it was recorded.
	if wrong := p.Check("", line.Since); wrong != nil {
		return policy.Insured{}, fault.Wrong(wrong...)
	}
	enp, err := person.ParseENP(line.ENP)
	if err != nil {
		return policy.Insured{}, err
	}
	if _, ok := directory.FindRegion(line.Region); !ok {
		return policy.Insured{}, fault.Wrong(wrongRegion("region"))
	}
	if insurer, ok := insurers.FindInsurer(line.Insurer); line.Insurer != "" && (!ok || insurer.Region != line.Region) {
		return policy.Insured{}, fault.WrongField("insurer", "smo_not_in_region", "Такой страховой в регионе нет.", "The region has no such insurer.")
	}
	if wrong := line.texts(); wrong != nil {
		return policy.Insured{}, fault.Wrong(wrong...)
	}
	right, wrong := line.right(r.today(line.Region))
	if wrong != nil {
		return policy.Insured{}, fault.Wrong(wrong...)
	}
	// What makes the record unique: a record without it would be everybody's.
	var cause []string
	switch {
	case line.BirthRecord != nil && line.BirthRecord.Number == "":
		return policy.Insured{}, fault.Wrong(required("birth_record.number", "Укажите номер актовой записи.", "Give the number of the civil record."))
	case line.BirthRecord != nil:
		cause = []string{"birth", line.BirthRecord.Number}
	case p.SNILS != "":
		cause = []string{"snils", string(p.SNILS)}
	case p.Document.Number != "":
		cause = []string{"document", p.Document.Key()}
	default:
		return policy.Insured{}, fault.Wrong(required("snils", "Укажите СНИЛС или документ.", "Give the SNILS or a document."))
	}
	record := policy.Enrol(r.store.InsuredID(cause...), enp, p, line.Region, line.Insurer, source, line.Since, r.law())
	if right.Category != "" {
		record = record.Under(right, source, r.law())
	}
	record.Clinic, record.Birth = line.Clinic, line.BirthRecord
	for _, snils := range line.Representative {
		parsed, err := parseSNILS("representatives", snils)
		if err != nil {
			return policy.Insured{}, err
		}
		record.Representatives = append(record.Representatives, parsed)
	}
	if !line.SuspendedFrom.IsZero() {
		record.Changes = policy.Changes{{Turn: policy.Suspend, Since: line.SuspendedFrom, Source: policy.ByImport, Cause: source, Recorded: r.law()}}
	}
	return record, nil
}

// texts names what is wrong with the texts of others that are kept as they came.
func (r row) texts() (wrong []fault.Field) {
	if r.Clinic != nil {
		wrong = append(text.CheckLine("clinic.name", r.Clinic.Name, maxClinic), text.CheckLine("clinic.address", r.Clinic.Address, maxClinic)...)
	}
	if r.BirthRecord != nil {
		wrong = append(wrong, text.CheckLine("birth_record.number", r.BirthRecord.Number, maxRecordNumber)...)
	}
	return wrong
}

// right of a foreigner, with the term that another register has computed; the
// zero right is a citizen's.
func (r row) right(today calendar.Date) (policy.Right, []fault.Field) {
	none := r.Category == "" || r.Category == policy.Citizen
	switch {
	case none && (!r.ValidUntil.IsZero() || !r.Ends.IsZero()):
		return policy.Right{}, []fault.Field{required("category", "Укажите основание: у полиса гражданина срока нет.", "Give the category: a citizen's policy has no term.")}
	case none:
		return policy.Right{}, nil
	case !slices.Contains(policy.Categories, r.Category) || r.Category == policy.HighlyQualified:
		return policy.Right{}, []fault.Field{{Field: "category", Code: "category_unknown", Detail: fault.Text{RU: "Нет такого основания.", EN: "There is no such category."}}}
	case r.ValidUntil.IsZero():
		return policy.Right{}, []fault.Field{required("valid_until", "Укажите последний день действия.", "Give the last day of validity.")}
	case r.ValidUntil.Before(r.Since) || !r.Ends.IsZero() && r.Ends.Before(r.ValidUntil):
		return policy.Right{}, []fault.Field{{Field: "valid_until", Code: "date_wrong", Detail: fault.Text{RU: "Проверьте последний день действия.", EN: "Check the last day of validity."}}}
	}
	if wrong := calendar.CheckForeseen("valid_until", r.ValidUntil, today); wrong != nil {
		return policy.Right{}, wrong
	}
	return policy.Right{Category: r.Category, Ends: r.Ends, ValidFrom: r.Since, ValidUntil: r.ValidUntil}, nil
}

// prolong takes over from an import that a policy is valid for longer.
func (r *register) prolong(c *web.Call, have, imported policy.Insured, source string) (prolonged bool, err error) {
	if len(imported.Rights) == 0 {
		return false, nil
	}
	right := imported.Rights[0]
	if _, would := have.Prolonged(right, source, r.law()); !would {
		return false, nil
	}
	_, err = r.store.Amend(c, c.Grant, have.ID, func(i policy.Insured) (policy.Insured, bool, error) {
		i, prolonged = i.Prolonged(right, source, r.law())
		return i, prolonged, nil
	}, store.Event{Topic: store.TopicRefresh, Home: have.ID, Subject: r.store.Digest("import", source)})
	return prolonged, err
}
