package function

import (
	"errors"

	"polis/shared/calendar"
	"polis/shared/fault"
	"polis/shared/person"
	"polis/shared/policy"
	"polis/shared/store"
	"polis/shared/text"
	"polis/shared/web"
)

// contractEnd is what an employer reports of a worker who was dismissed.
type contractEnd struct {
	Kind     string        `json:"kind"`
	SourceID string        `json:"source_id"`
	SNILS    person.SNILS  `json:"snils"`
	LastDay  calendar.Date `json:"last_day"` // of the contract
}

// contractEnded ends the validity of a policy that rested on the contract. An
// employer is not told whether somebody has such a policy.
func (r *register) contractEnded(c *web.Call) (web.Answer, error) {
	var e contractEnd
	if err := c.Bind(&e); err != nil {
		return web.Answer{}, err
	}
	if source(c.Caller) != policy.ByEmployer {
		return web.Answer{}, errSource
	}
	wrong := text.CheckLine("source_id", e.SourceID, maxSourceID)
	if e.SourceID == "" {
		wrong = append(wrong, required("source_id", "Укажите номер сообщения.", "Give the id of the message."))
	}
	snils, err := person.ParseSNILS(string(e.SNILS))
	if err != nil {
		wrong = append(wrong, fault.From(err).Fields...)
	}
	if e.LastDay.IsZero() {
		wrong = append(wrong, required("last_day", "Укажите последний день договора.", "Give the last day of the contract."))
	}
	if wrong != nil {
		return web.Answer{}, fault.Wrong(wrong...)
	}
	now := r.law()
	// The source's own id may be anything, and events carry no more than ids.
	cause := r.store.Digest("report", policy.ByEmployer, e.SourceID, e.LastDay.String())
	dismissal := policy.Dismissal{Last: e.LastDay, Cause: cause, Recorded: now}
	// The worker's application may be under way, and must not miss this: kept before
	// the record is looked for, it is found by whichever of the two comes later.
	dismissal, err = r.store.KeepDismissal(c, c.Grant, r.store.InsuredID("snils", string(snils)), dismissal)
	if err != nil {
		return web.Answer{}, err
	}
	records, err := r.store.Find(c, c.Grant, store.Query{SNILS: snils})
	if err != nil {
		return web.Answer{}, err
	}
	for _, record := range records {
		if err := r.dismiss(c, record.ID, dismissal); err != nil {
			return web.Answer{}, err
		}
	}
	return web.Accepted(map[string]string{"source_id": e.SourceID})
}

func (r *register) dismiss(c *web.Call, id string, d policy.Dismissal) error {
	_, err := r.store.Amend(c, c.Grant, id, func(i policy.Insured) (policy.Insured, bool, error) {
		before := len(i.Rights)
		i, err := i.Dismissed(d.Last, policy.Deed{Source: policy.ByEmployer, Cause: d.Cause, At: d.Recorded, Recorded: r.law()})
		if errors.Is(err, policy.ErrNotByContract) {
			return i, false, nil
		}
		return i, len(i.Rights) > before, err
	}, follow(id, d.Cause)...)
	return err
}

// dismissed tells a record that was just made, or prolonged, what was reported of
// its person before.
func (r *register) dismissed(c *web.Call, record policy.Insured) error {
	if record.Person.SNILS == "" {
		return nil // employers know nobody else
	}
	kept, err := r.store.Dismissals(c, c.Grant, r.store.InsuredID("snils", string(record.Person.SNILS)))
	if err != nil {
		return err
	}
	for _, d := range kept {
		if err := r.dismiss(c, record.ID, d); err != nil {
			return err
		}
	}
	return nil
}
