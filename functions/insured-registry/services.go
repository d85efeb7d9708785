package function

import (
	"cmp"
	"slices"
	"strconv"

	"polis/shared/access"
	"polis/shared/calendar"
	"polis/shared/fault"
	"polis/shared/person"
	"polis/shared/policy"
	"polis/shared/store"
	"polis/shared/web"
)

// rendered is one row of a delivery: a service rendered to an insured person.
type rendered struct {
	ENP     string        `json:"enp"`
	Birth   calendar.Date `json:"birth_date"`
	Date    calendar.Date `json:"date"`
	Service string        `json:"service"`
	Code    string        `json:"code"`
	Cost    *int64        `json:"cost"`
	Clinic  struct {
		Code string `json:"code"`
		Name string `json:"name"`
	} `json:"clinic"`
}

var errNoCost = fault.Wrong(required("cost", "Укажите стоимость в копейках.", "Give the cost in kopecks."))

// errNotInsured does not say which of the two is wrong, so that nobody can try
// out whose number it is.
var errNotInsured = fault.WrongField("enp", policy.NotInRegister,
	"В регистре нет записи с этим номером и датой рождения.", "The register has no record with this number and birth date.")

var errOtherClinic = fault.WrongField("clinic.code", "clinic_not_own",
	"Клиника сообщает только о своих услугах.", "A clinic reports its own services only.")

// serve takes a chunk of services rendered.
func (r *register) serve(c *web.Call) (web.Answer, error) {
	return eachRow(c, func(source string, line int, row rendered) (bool, error) { return r.served(c, row, source, line) })
}

// served adds one service; false where the delivery has brought it before.
func (r *register) served(c *web.Call, row rendered, source string, line int) (bool, error) {
	if c.Caller.Role == access.Clinic && row.Clinic.Code != c.Caller.Unit {
		return false, errOtherClinic
	}
	if row.Cost == nil {
		return false, errNoCost
	}
	enp, err := person.ParseENP(row.ENP)
	if err != nil {
		return false, err
	}
	records, err := r.store.Find(c, c.Grant, store.Query{ENP: enp})
	if err != nil {
		return false, err
	}
	if len(records) == 0 || records[0].Person.Birth != row.Birth {
		return false, errNotInsured
	}
	s := policy.Rendered{Date: row.Date, Service: row.Service, Code: row.Code, Cost: *row.Cost, Clinic: row.Clinic.Name, ClinicID: row.Clinic.Code}
	if wrong := s.Check(row.Birth, records[0].Today(r.law())); wrong != nil {
		return false, fault.Wrong(wrong...)
	}
	return r.store.AddService(c, c.Grant, records[0].ID, s, string(c.Caller.Role), c.Caller.Unit, source, strconv.Itoa(line))
}

// services answers with a page of the services of the applicant, or of a child
// of theirs unless the child hides them.
func (r *register) services(c *web.Call) (web.Answer, error) {
	var q policy.ServicesQuestion
	if err := c.Bind(&q); err != nil {
		return web.Answer{}, err
	}
	if q.Limit < 1 || q.Limit > 100 {
		return web.Answer{}, fault.WrongField("limit", "out_of_range", "Число от 1 до 100.", "A number from 1 to 100.")
	}
	record, grant, err := r.owner(c, q.Question)
	if err != nil {
		return web.Answer{}, err
	}
	now := r.law()
	today := record.Today(now)
	if q.Child != "" {
		// Before any of them is read.
		kept, err := r.store.KeptOfServices(c, grant, record.ID)
		if err != nil {
			return web.Answer{}, err
		}
		if err := record.ToParents(kept, today); err != nil {
			return web.Answer{}, err
		}
	}
	found, sums, next, err := r.store.Services(c, grant, record.ID, q.Next, q.Limit)
	if err != nil {
		return web.Answer{}, err
	}
	answer := policy.ServicesAnswer{
		Items: append([]policy.Rendered{}, found...), Next: next, Years: []policy.YearOfServices{}, AsOf: now,
		MayHide: q.Child == "" && record.MayHideServices(today), Hidden: sums.Hidden && record.MayHideServices(today),
	}
	for _, year := range sums.Years {
		answer.Years = append(answer.Years, year)
	}
	slices.SortFunc(answer.Years, func(a, b policy.YearOfServices) int { return cmp.Compare(b.Year, a.Year) })
	return web.OK(answer)
}

// hide records whether a teenager's parents may see the services. The teenager
// alone decides that, for their own record.
func (r *register) hide(c *web.Call) (web.Answer, error) {
	var q policy.ServicesPrivacy
	if err := c.Bind(&q); err != nil {
		return web.Answer{}, err
	}
	record, grant, err := r.owner(c, policy.Question{Applicant: q.Applicant})
	if err != nil {
		return web.Answer{}, err
	}
	have, err := r.store.AmendServices(c, grant, record.ID, func(s policy.Services) (policy.Services, error) {
		return record.Hide(s, q.Hidden, r.law())
	})
	if err != nil {
		return web.Answer{}, err
	}
	return web.OK(map[string]any{"hidden": have.Hidden})
}
