package store

import (
	"context"
	"fmt"
	"time"

	"polis/shared/access"
	"polis/shared/fault"
	"polis/shared/ident"
	"polis/shared/policy"
)

// A service is a document of its own, sealed with the record's key, and stands
// on the record's list under its day: a page costs the same whether somebody has
// ten services or thousands. Beside them lies one document with the sums.

func service(home, id string) Doc[policy.Rendered] {
	return document[policy.Rendered]("service", home, ":"+id, home)
}

func services(home string) Doc[policy.Services] {
	return document[policy.Services]("services", home, "", home)
}

func serviceList(home string) List {
	p, _ := ident.Partition(home)
	return List{home: home, key: "rendered:{" + p + "}:" + home}
}

// dayDigits is the length of a day's number since 1970, which sorts until 2243.
const dayDigits = 5

// listed is the entry of a service on the list.
func listed(r policy.Rendered, id string) string {
	return fmt.Sprintf("%0*d%s", dayDigits, int(r.Date.Start(time.UTC).Unix()/86400), id)
}

// errServiceDiffers is a line of a delivery that came before with other data.
var errServiceDiffers = fault.New(fault.Conflict, "line_differs",
	"Под этим номером строки уже передана другая услуга.", "Another service was reported under this line already.")

// AddService adds a service to a record, unless the same delivery has brought it
// before; false then. cause names the delivery and the line in it.
func (s *Store) AddService(ctx context.Context, g access.Grant, home string, r policy.Rendered, cause ...string) (bool, error) {
	_, id := ident.Index(s.index, append([]string{"service"}, cause...)...)
	doc, sums := service(home, id), services(home)
	return Change(ctx, s, g.About(home), home, Once{}, []Ref{doc.Ref, sums.Ref}, func(tx *Tx) (bool, error) {
		before, found, err := Get(tx.View, doc)
		if err != nil {
			return false, err
		}
		if found && before != r {
			return false, errServiceDiffers
		}
		if found {
			tx.Looked()
			return false, nil
		}
		have, _, err := Get(tx.View, sums)
		if err != nil {
			return false, err
		}
		tx.Append(serviceList(home), listed(r, id))
		if err := Put(tx, sums, have.Adding(r)); err != nil {
			return false, err
		}
		return true, Put(tx, doc, r)
	})
}

// Services is at most limit services of a record, newest first, those before the
// given entry ("" for the newest), with the sums of all, and the entry before
// which the next page begins, "" where there is none.
func (s *Store) Services(ctx context.Context, g access.Grant, home, before string, limit int) ([]policy.Rendered, policy.Services, string, error) {
	g = g.About(home)
	entries, err := s.Page(ctx, g, serviceList(home), before, limit)
	if err != nil {
		return nil, policy.Services{}, "", err
	}
	sums := services(home)
	reads := []Ref{sums.Ref}
	for _, entry := range entries {
		reads = append(reads, service(home, entry[dayDigits:]).Ref)
	}
	v, err := s.View(ctx, g, home, reads...)
	if err != nil {
		return nil, policy.Services{}, "", err
	}
	have, _, err := Get(v, sums)
	if err != nil {
		return nil, have, "", err
	}
	var found []policy.Rendered
	for _, entry := range entries {
		r, _, err := Get(v, service(home, entry[dayDigits:]))
		if err != nil {
			return nil, have, "", err
		}
		found = append(found, r)
	}
	next := ""
	if len(entries) == limit {
		next = entries[limit-1]
	}
	return found, have, next, nil
}

// KeptOfServices is what is kept beside the services of a record.
func (s *Store) KeptOfServices(ctx context.Context, g access.Grant, home string) (policy.Services, error) {
	doc := services(home)
	v, err := s.View(ctx, g.About(home), home, doc.Ref)
	if err != nil {
		return policy.Services{}, err
	}
	have, _, err := Get(v, doc)
	return have, err
}

// AmendServices changes in one step what is kept beside the services of a
// record. fn may run more than once.
func (s *Store) AmendServices(ctx context.Context, g access.Grant, home string, fn func(policy.Services) (policy.Services, error)) (policy.Services, error) {
	doc := services(home)
	return Change(ctx, s, g.About(home), home, Once{}, []Ref{doc.Ref}, func(tx *Tx) (policy.Services, error) {
		have, _, err := Get(tx.View, doc)
		if err != nil {
			return have, err
		}
		if have, err = fn(have); err != nil {
			return have, err
		}
		return have, Put(tx, doc, have)
	})
}
