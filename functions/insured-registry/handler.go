// Package function is insured-registry, the register of a region's fund: who is
// insured, by whom, since when.
package function

import (
	"errors"
	"slices"

	handler "github.com/openfaas/templates-sdk/go-http"

	"polis/shared/access"
	"polis/shared/calendar"
	"polis/shared/clock"
	"polis/shared/config"
	"polis/shared/directory"
	"polis/shared/fault"
	"polis/shared/gateway"
	"polis/shared/ident"
	"polis/shared/person"
	"polis/shared/policy"
	"polis/shared/store"
	"polis/shared/text"
	"polis/shared/web"
)

// Name of the function.
const Name = "insured-registry"

// birthTopic takes the births that the parents are to be told of.
const birthTopic = "notify/births"

type register struct {
	store *store.Store
	law   clock.Clock
	home  string        // region whose fund runs this installation
	cover policy.Stages // days for which the mother's insurer covers a newborn
}

// New makes the function from its settings.
func New(env *config.Env) (handler.FunctionHandler, error) {
	r := &register{store: store.Open(env), law: env.Law, home: env.String("region", "26")}
	functions := gateway.Open(env, Name)
	if _, ok := directory.FindRegion(r.home); !ok {
		env.Fault("region", "%q is not a region", r.home)
	}
	var err error
	if r.cover, err = policy.ParseStages(env.String("newborn_cover", policy.DefaultNewbornCover)); err != nil {
		env.Fault("newborn_cover", "%v", err)
	}
	edge := web.Open(env, Name)
	if err := env.Err(); err != nil {
		return nil, err
	}
	r.store.OnCommit(func(e store.Event) { functions.Kick(e.Topic, e) })
	return edge.With(
		web.Route{Method: "POST", Pattern: "/find", Action: access.LookUpInsured, Do: r.find},
		web.Route{Method: "POST", Pattern: "/children", Action: access.LookUpInsured, Do: r.children},
		web.Route{Method: "POST", Pattern: "/born", Action: access.LookUpInsured, Do: r.born},
		web.Route{Method: "POST", Pattern: "/records", Action: access.RecordInsured, Do: r.enrol},
		web.Route{Method: "POST", Pattern: "/records/try", Action: access.LookUpInsured, Do: r.tryEnrol},
		web.Route{Method: "POST", Pattern: "/changes", Action: access.ChangeInsured, Do: r.change},
		web.Route{Method: "POST", Pattern: "/changes/try", Action: access.LookUpInsured, Do: r.try},
		web.Route{Method: "POST", Pattern: "/changes/told", Action: access.LookUpInsured, Do: r.told},
		web.Route{Method: "POST", Pattern: "/may", Action: access.LookUpInsured, Do: r.may},
		web.Route{Method: "POST", Pattern: "/insurers", Action: access.ReadInsurers, Do: r.insurers},
		web.Route{Method: "POST", Pattern: "/insurers/corrections", Action: access.CorrectInsurer, Do: r.correct},
		web.Route{Method: "POST", Pattern: "/lives", Action: access.LookUpInsured, Do: r.lives},
		web.Route{Method: "POST", Pattern: "/events", Action: access.ReportEvent, Do: r.event},
		web.Route{Method: "POST", Pattern: "/services", Action: access.ReportServices, Do: r.serve},
		web.Route{Method: "POST", Pattern: "/services/find", Action: access.LookUpServices, Do: r.services},
		web.Route{Method: "POST", Pattern: "/services/privacy", Action: access.ConcealServices, Do: r.hide},
		web.Route{Method: "POST", Pattern: "/history", Action: access.LookUpInsured, Do: r.history},
		web.Route{Method: "POST", Pattern: "/dates", Action: access.TellDates, Do: r.tellDates},
		web.Route{Method: "POST", Pattern: "/dates/renew", Action: access.TellDates, Do: r.renewDates},
		web.Route{Method: "POST", Pattern: "/dates/find", Action: access.LookUpInsured, Do: r.dates},
		web.Route{Method: "POST", Pattern: "/imports", Action: access.ImportInsured, Do: r.load},
	), nil
}

func (r *register) today(region string) calendar.Date { return calendar.Today(r.law(), region) }

// find answers a cabinet's question with a card or with reasons.
func (r *register) find(c *web.Call) (web.Answer, error) {
	var q policy.Question
	if err := c.Bind(&q); err != nil {
		return web.Answer{}, err
	}
	if q.Child != "" {
		return r.findChild(c, q)
	}
	asked := clock.System()
	records, err := r.candidates(c, q)
	if err != nil {
		return web.Answer{}, err
	}
	found := policy.Answer(q, records, r.law())
	if found.Card != nil {
		found.Card.Answered = asked
	}
	return web.OK(found)
}

// candidates are the records that a question about the applicant leads to.
func (r *register) candidates(c *web.Call, q policy.Question) ([]policy.Insured, error) {
	query := store.Query{SNILS: q.Applicant.SNILS, Document: q.Applicant.Document}
	if q.ENP != "" {
		query = store.Query{ENP: q.ENP}
	}
	query.For = r.asker(q)
	return r.store.Find(c, c.Grant, query)
}

// asker says of a record on whose behalf a question reads it.
func (r *register) asker(q policy.Question) store.Asker {
	now := r.law()
	return func(i policy.Insured) access.Behalf {
		behalf := q.Behalf(i, i.Today(now))
		if behalf == access.Representative {
			behalf = r.store.Representative(q.Applicant.SNILS)
		}
		return behalf
	}
}

// findChild shows a child's record to its recorded representatives only; to
// everybody else it does not exist.
func (r *register) findChild(c *web.Call, q policy.Question) (web.Answer, error) {
	asked := clock.System()
	record, err := r.childOf(c, q)
	if err != nil {
		return web.Answer{}, err
	}
	card := policy.CardOf(record, record.Today(r.law()), r.law())
	card.Answered = asked
	if card.Covering, err = r.covering(c, record); err != nil {
		return web.Answer{}, err
	}
	return web.OK(policy.Finding{Card: &card})
}

// childOf is the record of a child, for its recorded representatives.
func (r *register) childOf(c *web.Call, q policy.Question) (policy.Insured, error) {
	if _, ok := ident.Partition(q.Child); !ok {
		return policy.Insured{}, policy.ErrNoChild
	}
	record, found, err := r.store.RecordFor(c, c.Grant, q.Child, r.asker(q))
	if err != nil {
		return policy.Insured{}, err
	}
	if !found || !record.RepresentedBy(q.Applicant.SNILS, record.Today(r.law())) {
		return policy.Insured{}, policy.ErrNoChild
	}
	return record, nil
}

func (r *register) children(c *web.Call) (web.Answer, error) {
	var q policy.Question
	if err := c.Bind(&q); err != nil {
		return web.Answer{}, err
	}
	grant := c.Grant.For(r.store.Representative(q.Applicant.SNILS))
	records, err := r.store.Children(c, grant, q.Applicant.SNILS, r.represented(q.Applicant.SNILS))
	if err != nil {
		return web.Answer{}, err
	}
	children := []policy.Child{}
	for _, record := range records {
		children = append(children, policy.Child{ID: record.ID, Name: record.Person.Name, Birth: record.Person.Birth})
	}
	return web.OK(map[string]any{"items": children})
}

// represented are the records that a person represents now.
func (r *register) represented(by person.SNILS) func(policy.Insured) bool {
	now := r.law()
	return func(i policy.Insured) bool { return i.RepresentedBy(by, i.Today(now)) }
}

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
	made, fresh, err := r.store.PutOnRecord(c, c.Grant, record, store.Event{Topic: birthTopic, Home: record.ID, Subject: record.ID})
	if err == nil && !fresh {
		made, err = r.reported(c, made, b.Child, parents, message)
	}
	if err != nil {
		return web.Answer{}, err
	}
	return web.Accepted(map[string]string{"id": made.ID, "source_id": b.SourceID})
}

// The longest texts that are taken over, in characters: a civil record's number
// with room for those of other countries, a clinic's name and its address as far
// as an extract has room for them.
const (
	maxRecordNumber = 40
	maxSourceID     = 100
	maxClinic       = 250
)

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

// load imports a chunk of persons. Each row is put on record or refused by
// itself; a chunk sent again changes nothing.
func (r *register) load(c *web.Call) (web.Answer, error) {
	var chunk struct {
		SourceID string `json:"source_id"`
		Records  []row  `json:"records"`
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
	insurers, err := r.store.Directory(c)
	if err != nil {
		return web.Answer{}, err
	}
	imported, unchanged, refused := 0, 0, []refusal{}
	for i, line := range chunk.Records {
		record, err := r.record(line, insurers, chunk.SourceID)
		made := false
		if err == nil {
			var have policy.Insured
			have, made, err = r.store.PutOnRecord(c, c.Grant, record)
			switch {
			case err != nil || made:
			case have.ENP != record.ENP:
				err = fault.New(fault.Conflict, "enp_differs", "", "")
			default:
				made, err = r.prolong(c, have, record, chunk.SourceID)
			}
		}
		var f *fault.Error
		switch {
		case err == nil && made:
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

func required(field, ru, en string) fault.Field {
	return fault.Field{Field: field, Code: "required", Detail: fault.Text{RU: ru, EN: en}}
}

func wrongRegion(field string) fault.Field {
	return fault.Field{Field: field, Code: "region_unknown", Detail: fault.Text{RU: "Нет региона с таким кодом.", EN: "There is no region with this code."}}
}
