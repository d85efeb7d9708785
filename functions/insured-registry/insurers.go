package function

import (
	"time"

	"polis/shared/calendar"
	"polis/shared/directory"
	"polis/shared/fault"
	"polis/shared/person"
	"polis/shared/policy"
	"polis/shared/store"
	"polis/shared/text"
	"polis/shared/web"
)

// numbered is the record that a policy number names.
func (r *register) numbered(c *web.Call, number string) (policy.Insured, error) {
	enp, err := person.ParseENP(number)
	if err != nil {
		return policy.Insured{}, err
	}
	records, err := r.store.Find(c, c.Grant, store.Query{ENP: enp})
	if err == nil && len(records) == 0 {
		err = store.ErrNoRecord
	}
	if err != nil {
		return policy.Insured{}, err
	}
	return records[0], nil
}

// insurance is an insurance as the fund sees it.
type insurance struct {
	policy.Insurance
	Name string `json:"name"` // of the insurer, or of the fund that stood in
}

func named(c *web.Call, in policy.Insurance, known directory.Directory) insurance {
	return insurance{in, known.ContactOf(in.SMO, in.Region, c.Text).Name}
}

// insurers answers who insured a person on a date, by what the register knew at
// a moment, and how it came to know. Without a moment it is what is known now.
func (r *register) insurers(c *web.Call) (web.Answer, error) {
	var q struct {
		ENP   string        `json:"enp"`
		On    calendar.Date `json:"on"`
		Known time.Time     `json:"known"`
	}
	if err := c.Bind(&q); err != nil {
		return web.Answer{}, err
	}
	record, err := r.numbered(c, q.ENP)
	if err != nil {
		return web.Answer{}, err
	}
	known, err := r.store.Directory(c)
	if err != nil {
		return web.Answer{}, err
	}
	now := r.law()
	if q.On.IsZero() {
		q.On = record.Today(now)
	}
	if q.Known.IsZero() {
		q.Known = now
	}
	answer := struct {
		On      calendar.Date `json:"on"`
		Known   time.Time     `json:"known"`
		Insurer *insurance    `json:"insurer"`
		History []insurance   `json:"history"` // as recorded
	}{On: q.On, Known: q.Known, History: []insurance{}}
	if in := record.InsuranceAsOf(q.On, q.Known); !in.Since.IsZero() {
		of := named(c, in, known)
		answer.Insurer = &of
	}
	for _, in := range record.Insurances {
		answer.History = append(answer.History, named(c, in, known))
	}
	return web.OK(answer)
}

// correct puts right an insurance that was recorded wrongly.
func (r *register) correct(c *web.Call) (web.Answer, error) {
	var q struct {
		ENP      string        `json:"enp"`
		SourceID string        `json:"source_id"`
		Wrong    calendar.Date `json:"wrong"`
		SMO      string        `json:"smo"`
		Region   string        `json:"region"`
		Since    calendar.Date `json:"since"`
	}
	if err := c.Bind(&q); err != nil {
		return web.Answer{}, err
	}
	var wrong []fault.Field
	if q.SourceID == "" {
		wrong = append(wrong, required("source_id", "Укажите номер решения.", "Give the number of the decision."))
	}
	wrong = append(wrong, text.CheckLine("source_id", q.SourceID, maxSourceID)...)
	if q.Wrong.IsZero() {
		wrong = append(wrong, required("wrong", "Укажите первый день неверного страхования.", "Give the first day of the wrong insurance."))
	}
	if q.Since.IsZero() || q.Since.After(calendar.Today(r.law(), q.Region)) {
		wrong = append(wrong, fault.Field{Field: "since", Code: "date_wrong", Detail: fault.Text{RU: "Проверьте дату начала.", EN: "Check the first day."}})
	}
	if _, ok := directory.FindRegion(q.Region); !ok {
		wrong = append(wrong, wrongRegion("region"))
	}
	known, err := r.store.CurrentDirectory(c)
	if err != nil {
		return web.Answer{}, err
	}
	if insurer, ok := known.FindInsurer(q.SMO); q.SMO != "" && (!ok || insurer.Region != q.Region) {
		wrong = append(wrong, fault.Field{Field: "smo", Code: "smo_not_in_region", Detail: fault.Text{RU: "Такой страховой в регионе нет.", EN: "The region has no such insurer."}})
	}
	if wrong != nil {
		return web.Answer{}, fault.Wrong(wrong...)
	}
	record, err := r.numbered(c, q.ENP)
	if err != nil {
		return web.Answer{}, err
	}
	// The number of the decision may be anything, and events carry no more than ids.
	cause := r.store.Digest("correction", q.SourceID, q.Wrong.String())
	correction := policy.Correction{Wrong: q.Wrong, Cause: cause, Decision: q.SourceID, Right: policy.Cover{SMO: q.SMO, Region: q.Region, Since: q.Since}}
	record, err = r.store.Amend(c, c.Grant, record.ID, func(i policy.Insured) (policy.Insured, bool, error) {
		again := i.Knows(cause)
		i, err := i.Correct(correction, r.law())
		return i, !again, err
	}, follow(record.ID, cause)...)
	if err != nil {
		return web.Answer{}, err
	}
	return web.OK(r.applied(record))
}
