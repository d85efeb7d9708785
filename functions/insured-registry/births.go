package function

import (
	"slices"

	"polis/shared/directory"
	"polis/shared/fault"
	"polis/shared/person"
	"polis/shared/policy"
	"polis/shared/store"
	"polis/shared/text"
	"polis/shared/web"
)

// born tells whom to tell of a birth: of the child that the question names, or
// of each child of the applicant.
func (r *register) born(c *web.Call) (web.Answer, error) {
	var q policy.Question
	if err := c.Bind(&q); err != nil {
		return web.Answer{}, err
	}
	var records []policy.Insured
	var err error
	if q.Child == "" {
		records, err = r.store.Children(c, c.Grant, q.Applicant.SNILS, r.represented(q.Applicant.SNILS))
	} else {
		records = make([]policy.Insured, 1)
		records[0], _, err = r.store.Record(c, c.Grant, q.Child)
	}
	if err != nil {
		return web.Answer{}, err
	}
	born := []policy.Born{}
	for _, record := range records {
		if record.Reported() || record.Applied {
			born = append(born, policy.Born{Child: record.ID, Representatives: record.Representatives, RecordedAt: record.RecordedAt, Cause: record.Cause})
		}
	}
	return web.OK(map[string]any{"items": born})
}

// newborn is what ZAGS reports of a birth.
type newborn struct {
	Kind     string             `json:"kind"`
	SourceID string             `json:"source_id"`
	Region   string             `json:"region"`
	Record   policy.BirthRecord `json:"record"`
	Child    person.Person      `json:"child"`
	Mother   person.SNILS       `json:"mother"`
	Father   person.SNILS       `json:"father"`
}

var errSource = fault.New(fault.Forbidden, "source_not_allowed",
	"Этот источник не передаёт такие события.", "This source does not report such events.")

// birth takes one. The civil record is the key of it: delivered again, it is the
// same child.
func (r *register) birth(c *web.Call) (web.Answer, error) {
	var b newborn
	if err := c.Bind(&b); err != nil {
		return web.Answer{}, err
	}
	if b.Kind != "birth" {
		return web.Answer{}, fault.WrongField("kind", "kind_unknown", "Неизвестный вид события.", "Unknown kind of event.")
	}
	if source(c.Caller) != policy.ByZAGS {
		return web.Answer{}, errSource
	}
	today := r.today(b.Region)
	b.Child = b.Child.Normalised()
	b.Record.Number = person.CivilRecord(b.Record.Number)
	wrong := b.Child.Check("child", today)
	if b.SourceID == "" {
		wrong = append(wrong, required("source_id", "Укажите номер сообщения.", "Give the id of the message."))
	}
	wrong = append(wrong, text.CheckLine("source_id", b.SourceID, maxSourceID)...)
	if _, ok := directory.FindRegion(b.Region); !ok {
		wrong = append(wrong, wrongRegion("region"))
	}
	if b.Record.Number == "" {
		wrong = append(wrong, required("record.number", "Укажите номер актовой записи.", "Give the number of the civil record."))
	}
	wrong = append(wrong, text.CheckLine("record.number", b.Record.Number, maxRecordNumber)...)
	if b.Record.Date.IsZero() {
		wrong = append(wrong, required("record.date", "Укажите дату актовой записи.", "Give the date of the civil record."))
	}
	wrong = append(wrong, policy.CheckBirth("child.birth_date", "record.date", b.Child.Birth, b.Record, today)...)
	if b.Mother == "" && b.Father == "" {
		wrong = append(wrong, required("mother", "Укажите хотя бы одного из родителей.", "Name at least one of the parents."))
	}
	var parents []person.SNILS
	for _, parent := range []struct {
		field string
		snils *person.SNILS
	}{{"mother", &b.Mother}, {"father", &b.Father}} {
		if *parent.snils == "" {
			continue
		}
		snils, err := parseSNILS(parent.field, *parent.snils)
		if err != nil {
			wrong = append(wrong, err.Fields...)
		}
		*parent.snils = snils
		if err == nil && slices.Contains(parents, snils) {
			wrong = append(wrong, fault.Field{Field: parent.field, Code: "parents_same", Detail: fault.Text{
				RU: "Мать и отец указаны под одним СНИЛС.", EN: "Mother and father are given under one SNILS."}})
		}
		parents = append(parents, snils)
	}
	if wrong != nil {
		return web.Answer{}, fault.Wrong(wrong...)
	}
	message, err := r.message(policy.ByZAGS, b.Kind, b.SourceID, b)
	if err != nil {
		return web.Answer{}, err
	}
	record := policy.Enrol(r.store.InsuredID("birth", b.Record.Number), "", b.Child, b.Region, "", message.Cause, today, r.law()).Taking(message)
	record.Territory, record.Birth, record.Representatives = r.home, &b.Record, parents
	made, fresh, err := r.store.PutOnRecord(c, c.Grant, record, store.Event{Topic: store.TopicBirth, Home: record.ID, Subject: record.ID})
	if err == nil && !fresh {
		made, err = r.reported(c, made, b.Child, parents, message)
	}
	if err != nil {
		return web.Answer{}, err
	}
	return web.Accepted(map[string]string{"id": made.ID, "source_id": b.SourceID})
}

// parseSNILS reads a SNILS that stands in another field than "snils".
func parseSNILS(field string, snils person.SNILS) (person.SNILS, *fault.Error) {
	parsed, err := person.ParseSNILS(string(snils))
	if err == nil {
		return parsed, nil
	}
	wrong := fault.From(err)
	for i := range wrong.Fields {
		wrong.Fields[i].Field = field
	}
	return "", wrong
}

// reported adds what a birth tells of a child that is on record already, once for
// each id of its source. Who is a representative is told, and of all that were
// told before nobody is again.
func (r *register) reported(c *web.Call, record policy.Insured, child person.Person, parents []person.SNILS, message policy.Message) (policy.Insured, error) {
	if took, err := record.Took(message); took || err != nil {
		return record, err
	}
	born, err := record.Born(child, parents)
	if err != nil {
		return record, err
	}
	return r.store.Represent(c, c.Grant, record.ID, born.Representatives, func(i policy.Insured) (policy.Insured, bool, error) {
		if took, err := i.Took(message); took || err != nil {
			return i, false, err
		}
		i, err := i.Born(child, parents)
		return i.Taking(message), true, err
	}, store.Event{Topic: store.TopicBirth, Home: record.ID, Subject: record.ID}, store.Event{Topic: store.TopicRefresh, Home: record.ID, Subject: message.Cause})
}
