package function

import (
	"encoding/json"
	"slices"

	"polis/shared/access"
	"polis/shared/calendar"
	"polis/shared/fault"
	"polis/shared/person"
	"polis/shared/policy"
	"polis/shared/store"
	"polis/shared/text"
	"polis/shared/web"
)

// report is what a source reports of a person who is on record. Each kind has
// its own fields.
type report struct {
	Kind     string          `json:"kind"`
	SourceID string          `json:"source_id"`
	Person   subject         `json:"person"`
	On       calendar.Date   `json:"on"`
	Ground   string          `json:"ground"`
	From     calendar.Date   `json:"from"`
	Until    calendar.Date   `json:"until"`
	Name     person.Name     `json:"name"`
	Document person.Document `json:"document"`

	Representative string `json:"representative"` // SNILS
}

// subject is how a source names a person.
type subject struct {
	SNILS string        `json:"snils"`
	ENP   string        `json:"enp"`
	Birth calendar.Date `json:"birth_date"`
}

// reportKind is what holds for one kind of report.
type reportKind struct {
	sources []string // that may report it; policy.ByFund is the fund's staff
	fields  []string // that it has, beside the common ones
	needs   []string // of these, what must be there
	do      func(policy.Insured, report, policy.Deed) (policy.Insured, error)
	topic   string // of what follows first
}

// reports are the kinds beside a birth. What ends a right by law ends it from
// the day on which the data come (Rules of compulsory medical insurance); a death
// closes the record from its own day.
var reports = map[string]reportKind{
	"name_changed": {
		sources: []string{policy.ByZAGS}, fields: []string{"name", "document"}, needs: []string{"name"}, topic: store.TopicChange,
		do: func(i policy.Insured, r report, d policy.Deed) (policy.Insured, error) {
			return i.Rename(r.Name, r.Document, d)
		}},
	"death": {
		sources: []string{policy.ByZAGS}, fields: []string{"on"}, needs: []string{"on"}, topic: store.TopicLives,
		do: func(i policy.Insured, r report, d policy.Deed) (policy.Insured, error) {
			return i.EndOn(r.On, policy.Death, d)
		}},
	"death_cancelled": {
		sources: []string{policy.ByFund}, topic: store.TopicLives,
		do: func(i policy.Insured, _ report, d policy.Deed) (policy.Insured, error) { return i.CancelDeath(d) }},
	"citizenship_lost":           lost("citizenship_lost"),
	"permit_cancelled":           lost("permit_cancelled"),
	"residence_permit_cancelled": lost("residence_permit_cancelled"),
	"refugee_status_lost":        lost("refugee_status_lost"),
	"citizenship_gained": {
		sources: []string{policy.ByInterior, policy.ByFund}, topic: store.TopicChange,
		do: func(i policy.Insured, _ report, d policy.Deed) (policy.Insured, error) { return i.Naturalise(d) }},
	"representative_removed": {
		sources: []string{policy.ByFund}, fields: []string{"representative"}, needs: []string{"representative"}, topic: store.TopicChange,
		do: func(i policy.Insured, r report, d policy.Deed) (policy.Insured, error) {
			return i.Unrepresented(person.SNILS(r.Representative), d)
		}},
	"service_started": {
		sources: []string{policy.ByCommissariat}, fields: []string{"ground", "from", "until"}, needs: []string{"ground", "from"}, topic: store.TopicChange,
		do: func(i policy.Insured, r report, d policy.Deed) (policy.Insured, error) {
			return i.Suspend(policy.Suspension{Ground: r.Ground, From: r.From, Until: r.Until}, d)
		}},
	"service_ended": {
		sources: []string{policy.ByCommissariat}, fields: []string{"until"}, needs: []string{"until"}, topic: store.TopicChange,
		do: func(i policy.Insured, r report, d policy.Deed) (policy.Insured, error) {
			return i.Resume(r.Until.AddDays(1), d)
		}},
}

// lost is the kind of report that ends what rests on the ground, from today on.
func lost(ground string) reportKind {
	return reportKind{sources: []string{policy.ByInterior, policy.ByFund}, topic: store.TopicChange,
		do: func(i policy.Insured, _ report, d policy.Deed) (policy.Insured, error) {
			return i.EndOn(i.Today(d.At), ground, d)
		}}
}

// event takes what a source reports: each kind from those whose business it is.
func (r *register) event(c *web.Call) (web.Answer, error) {
	var is struct {
		Kind string `json:"kind"`
	}
	switch {
	case json.Unmarshal(c.Body, &is) != nil, is.Kind == "birth":
		return r.birth(c)
	case is.Kind == "contract_ended":
		return r.contractEnded(c)
	}
	kind, known := reports[is.Kind]
	if !known {
		return web.Answer{}, fault.WrongField("kind", "kind_unknown", "Неизвестный вид события.", "Unknown kind of event.")
	}
	return r.report(c, kind)
}

// source is who reports, as the record names it; "" for a source that calls
// itself by the name of the fund's staff.
func source(c access.Caller) string {
	switch {
	case c.Role == access.Fund:
		return policy.ByFund
	case c.Unit == policy.ByFund:
		return ""
	}
	return c.Unit
}

// message is what a source reports under an id of its own, which may be anything,
// while events carry no more than ids. A source gives no id to two messages of one
// kind about one person.
func (r *register) message(by, kind, sourceID string, says any) (policy.Message, error) {
	raw, err := json.Marshal(says)
	return policy.Message{Cause: r.store.Digest("report", by, sourceID, kind), Content: r.store.Digest("message", string(raw))}, err
}

// report does what a report says, once for each id of its source. It never
// tells what of the data differs from the register's: nobody finds out by it who
// is insured.
func (r *register) report(c *web.Call, kind reportKind) (web.Answer, error) {
	var q report
	if err := c.Bind(&q); err != nil {
		return web.Answer{}, err
	}
	by := source(c.Caller)
	if !slices.Contains(kind.sources, by) {
		return web.Answer{}, errSource
	}
	now := r.law()
	q.Name, q.Document = q.Name.Normalised(), q.Document.Normalised()
	if snils, err := person.ParseSNILS(q.Representative); err == nil {
		q.Representative = string(snils)
	}
	snils, enp, wrong := q.check(kind, calendar.Today(now, r.home))
	if wrong != nil {
		return web.Answer{}, fault.Wrong(wrong...)
	}
	record, err := r.reportedOn(c, snils, enp, q.Person.Birth)
	if err != nil {
		return web.Answer{}, err
	}
	if q.Kind == "death" && q.On.After(record.Today(now)) {
		return web.Answer{}, errNotYet
	}
	says := q
	says.Person = subject{} // by whichever of the numbers
	message, err := r.message(by, q.Kind, q.SourceID, says)
	if err != nil {
		return web.Answer{}, err
	}
	follows := []store.Event{{Topic: kind.topic, Home: record.ID, Subject: message.Cause}, {Topic: store.TopicRefresh, Home: record.ID, Subject: message.Cause}}
	deed := policy.Deed{Source: by, Cause: message.Cause, At: now, Recorded: now}
	// Before messages were kept, a cause had the dates in it.
	former := r.store.Digest("report", by, q.SourceID, q.Kind, q.On.String(), q.From.String(), q.Until.String())
	_, err = r.store.Reidentify(c, c.Grant, record.ID, func(i policy.Insured) (policy.Insured, bool, error) {
		if took, err := i.Took(message); took || err != nil {
			return i, false, err
		}
		if i.Knows(former) {
			return i, false, nil
		}
		i, err := kind.do(i, q, deed)
		return i.Taking(message), true, err
	}, follows...)
	if err != nil {
		return web.Answer{}, err
	}
	return web.Accepted(map[string]string{"id": record.ID, "source_id": q.SourceID})
}

// check names every wrong field, and reads the numbers of the person.
func (q report) check(kind reportKind, today calendar.Date) (snils person.SNILS, enp person.ENP, wrong []fault.Field) {
	if q.SourceID == "" {
		wrong = append(wrong, required("source_id", "Укажите номер сообщения.", "Give the id of the message."))
	}
	wrong = append(wrong, text.CheckLine("source_id", q.SourceID, maxSourceID)...)
	named := func(field string, err error) {
		if err == nil {
			return
		}
		for _, f := range fault.From(err).Fields {
			f.Field = field
			wrong = append(wrong, f)
		}
	}
	var err error
	if q.Person.SNILS != "" {
		snils, err = person.ParseSNILS(q.Person.SNILS)
		named("person.snils", err)
	}
	if q.Person.ENP != "" {
		enp, err = person.ParseENP(q.Person.ENP)
		named("person.enp", err)
	}
	if q.Person.SNILS == "" && q.Person.ENP == "" {
		wrong = append(wrong, required("person.snils", "Укажите СНИЛС или номер полиса.", "Give the SNILS or the policy number."))
	}
	if q.Person.Birth.IsZero() {
		wrong = append(wrong, required("person.birth_date", "Укажите дату рождения.", "Give the date of birth."))
	}
	for _, f := range []struct {
		name  string
		given bool
	}{
		{"on", !q.On.IsZero()}, {"ground", q.Ground != ""}, {"from", !q.From.IsZero()}, {"until", !q.Until.IsZero()},
		{"representative", q.Representative != ""}, {"name", q.Name != person.Name{}}, {"document", q.Document != person.Document{}},
	} {
		switch {
		case f.given && !slices.Contains(kind.fields, f.name):
			wrong = append(wrong, fault.Field{Field: f.name, Code: "not_expected", Detail: fault.Text{
				RU: "Для этого события поле не нужно.", EN: "This kind of event has no such field."}})
		case !f.given && slices.Contains(kind.needs, f.name):
			wrong = append(wrong, required(f.name, "Укажите это поле.", "Give this field."))
		}
	}
	if wrong != nil {
		return snils, enp, wrong
	}
	if q.Name != (person.Name{}) {
		wrong = append(wrong, q.Name.Check("name")...)
	}
	if q.Representative != "" {
		_, err := person.ParseSNILS(q.Representative)
		named("representative", err)
	}
	if q.Document != (person.Document{}) {
		wrong = append(wrong, q.Document.Check("document", today)...)
	}
	if q.Ground != "" && !slices.Contains(policy.SuspensionGrounds, q.Ground) {
		wrong = append(wrong, fault.Field{Field: "ground", Code: "ground_unknown", Detail: fault.Text{
			RU: "Выберите основание из списка.", EN: "Choose a ground from the list."}})
	}
	if !q.From.IsZero() && !q.Until.IsZero() && q.Until.Before(q.From) {
		wrong = append(wrong, fault.Field{Field: "until", Code: "until_before_from", Detail: fault.Text{
			RU: "Последний день раньше первого.", EN: "The last day is before the first."}})
	}
	for _, day := range []struct {
		field string
		date  calendar.Date
	}{{"on", q.On}, {"from", q.From}, {"until", q.Until}} {
		if !day.date.IsZero() && day.date.Before(q.Person.Birth) {
			wrong = append(wrong, fault.Field{Field: day.field, Code: "date_wrong", Detail: fault.Text{
				RU: "Дата раньше рождения.", EN: "The date is before the birth."}})
		}
		wrong = append(wrong, calendar.CheckForeseen(day.field, day.date, today)...)
	}
	return snils, enp, wrong
}

var (
	errNotYet = fault.WrongField("on", "date_wrong", "Дата ещё не наступила.", "The date is in the future.")
	errNobody = fault.New(fault.NotFound, "person_not_found",
		"Человека с такими данными в регистре нет.", "The register has nobody with these data.")
	errSeveral = fault.New(fault.Conflict, "person_ambiguous",
		"Эти данные ведут к разным записям регистра. Сверьте их и сообщите снова.",
		"These data lead to several records of the register. Compare them and report again.")
)

// reportedOn is the one record that all the given data are of.
func (r *register) reportedOn(c *web.Call, snils person.SNILS, enp person.ENP, birth calendar.Date) (policy.Insured, error) {
	records, err := r.store.Find(c, c.Grant, store.Query{SNILS: snils, ENP: enp})
	switch {
	case err != nil:
		return policy.Insured{}, err
	case len(records) > 1:
		return policy.Insured{}, errSeveral
	case len(records) == 0,
		records[0].Person.Birth != birth,
		snils != "" && records[0].Person.SNILS != snils,
		enp != "" && records[0].ENP != enp:
		return policy.Insured{}, errNobody
	}
	return records[0], nil
}

// lives tells of the record that a question names, or of each that has the
// applicant's SNILS, whether its person is dead.
func (r *register) lives(c *web.Call) (web.Answer, error) {
	var q policy.Question
	if err := c.Bind(&q); err != nil {
		return web.Answer{}, err
	}
	var records []policy.Insured
	var err error
	if q.Child == "" {
		records, err = r.store.Find(c, c.Grant, store.Query{SNILS: q.Applicant.SNILS})
	} else {
		var record policy.Insured
		var found bool
		if record, found, err = r.store.Record(c, c.Grant, q.Child); found {
			records = append(records, record)
		}
	}
	if err != nil {
		return web.Answer{}, err
	}
	items := []policy.Life{}
	for _, record := range records {
		items = append(items, policy.Life{Person: record.Person.SNILS, Dead: record.Dead()})
	}
	return web.OK(map[string]any{"items": items})
}
