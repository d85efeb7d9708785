package function

import (
	"polis/shared/policy"
	"polis/shared/store"
	"polis/shared/web"
)

// covering is who covers a newborn today. Its representatives' records are read
// only while anybody does.
func (r *register) covering(c *web.Call, child policy.Insured) (policy.Covering, error) {
	today := child.Today(r.law())
	if until := child.CoveredUntil(r.cover); until.IsZero() || today.After(until) {
		return policy.Covering{}, nil
	}
	var representatives []policy.Insured
	for _, snils := range child.Representatives {
		records, err := r.store.Find(c, c.Grant, store.Query{SNILS: snils})
		if err != nil {
			return policy.Covering{}, err
		}
		representatives = append(representatives, records...)
	}
	return child.CoveredBy(representatives, r.cover, today), nil
}
