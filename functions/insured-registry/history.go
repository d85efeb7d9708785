package function

import (
	"polis/shared/policy"
	"polis/shared/web"
)

// history answers with what happened to the applicant's record, or to a child's.
func (r *register) history(c *web.Call) (web.Answer, error) {
	var q policy.Question
	if err := c.Bind(&q); err != nil {
		return web.Answer{}, err
	}
	record, _, err := r.owner(c, q)
	if err != nil {
		return web.Answer{}, err
	}
	return web.OK(map[string]any{"items": record.History(q.Child == ""), "as_of": r.law()})
}
