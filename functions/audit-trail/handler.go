// Package function is audit-trail: it seals the entries that the store's steps
// leave, and shows them to auditors with what proves them.
package function

import (
	"context"
	"crypto/ed25519"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	handler "github.com/openfaas/templates-sdk/go-http"

	"polis/shared/access"
	"polis/shared/audit"
	"polis/shared/clock"
	"polis/shared/config"
	"polis/shared/fault"
	"polis/shared/ident"
	"polis/shared/store"
	"polis/shared/web"
)

// Name of the function.
const Name = "audit-trail"

const (
	between   = 2 * time.Second  // two passes of a process; what is younger may be unsealed
	leaseTime = 15 * time.Second // a process that dies gives its lease up after it
	together  = 16               // partitions read at a time, which bounds memory
)

type trail struct {
	store   *store.Store
	key     audit.Key
	keys    audit.Keys
	machine clock.Clock
}

// New makes the function from its settings. The secret audit-key, an Ed25519
// seed of 32 bytes in base64, signs; the setting audit_keys has the public keys
// that signed before it. Cron calls once a minute, which would leave much
// unsealed: a process passes over all partitions by itself, every other second. A
// call is one pass, so that none is held.
func New(env *config.Env) (handler.FunctionHandler, error) {
	t := &trail{store: store.Open(env), key: audit.NewKey(env.Key("audit-key")), machine: clock.System}
	var err error
	if t.keys, err = audit.ParseKeys(env.String("audit_keys", "")); err != nil {
		env.Fault("audit_keys", "%v", err)
	}
	edge := web.Open(env, Name)
	if err := env.Err(); err != nil {
		return nil, err
	}
	t.keys[t.key.ID()] = t.key.Public()
	return edge.With(
		// Cron has no login. Anybody may call it: it shows nothing, sealing early
		// does no harm, and of two calls at once the second does nothing.
		web.Route{Method: "POST", Pattern: "/", Action: access.SealAudit, Do: t.seal},
		web.Route{Method: "GET", Pattern: "/", Action: access.ReadAudit, Do: t.entries},
		web.Route{Method: "GET", Pattern: "/export", Action: access.ReadAudit, Do: t.export},
		web.Route{Method: "GET", Pattern: "/proof/{entry}", Action: access.ReadAudit, Do: t.proof},
		web.Route{Method: "GET", Pattern: "/keys", Do: t.publicKeys},
	).Between(access.SealAudit, between, t.again), nil
}

// run is what a pass did.
type run struct {
	Ran     bool `json:"ran"` // false: another is under way
	Entries int  `json:"entries"`
	Batches int  `json:"batches"`
	Failed  int  `json:"failed"` // partitions that could not be sealed
	more    bool // a batch was full, and there may be another
}

// seal passes when it is called for: beside the process's own pass, which may be
// past an entry's partition already, but not beside another call's.
func (t *trail) seal(c *web.Call) (web.Answer, error) {
	did, err := t.run(c, Name+" called")
	if err != nil {
		return web.Answer{}, err
	}
	return web.OK(did)
}

// again is one of the passes of the process, and those that a backlog needs.
func (t *trail) again(c *web.Call) error {
	did, err := t.run(c, Name)
	for err == nil && did.more {
		did, err = t.run(c, Name)
	}
	if err == nil && did.Failed > 0 {
		err = fmt.Errorf("%d partitions cannot be sealed", did.Failed)
	}
	return err
}

// run passes over all partitions, unless another does under this name.
func (t *trail) run(c *web.Call, name string) (did run, err error) {
	lease := t.store.Lease(name, leaseTime)
	if did.Ran, err = lease.Hold(c); err != nil || !did.Ran {
		return did, err
	}
	defer lease.Release(context.WithoutCancel(c))
	err = t.pass(c, &did)
	return did, err
}

// pass seals one batch of each partition that has new entries. A batch that
// somebody else appended in between is left at that: the next pass goes on
// behind it.
func (t *trail) pass(c *web.Call, did *run) error {
	for some := range slices.Chunk(ident.AllPartitions(), together) {
		unsealed, err := t.store.Unsealed(c, c.Grant, some)
		if err != nil {
			return err
		}
		for _, u := range unsealed {
			batch, err := audit.Seal(u.Previous, u.Entries, t.key, t.machine())
			if err != nil {
				did.Failed++
				continue
			}
			sealed, err := t.store.Seal(c, c.Grant, u, batch)
			if err != nil {
				return err
			}
			if sealed {
				did.Batches++
				did.Entries += batch.Count
			}
			did.more = did.more || batch.Count == audit.MaxBatch
		}
	}
	return nil
}

func wrongPartition() error {
	return fault.WrongField("partition", "partition_unknown", "Раздел журнала от p000 до p255.", "A partition of the audit is p000 to p255.")
}

// entries lists the audit of one person, newest first, or that of a partition,
// oldest first. Looking at a person's is itself an access to their data.
func (t *trail) entries(c *web.Call) (web.Answer, error) {
	limit, err := c.Limit()
	if err != nil {
		return web.Answer{}, err
	}
	var entries []audit.Entry
	var next string
	subject, partition := c.Query.Get("subject"), c.Query.Get("partition")
	switch {
	case subject != "":
		if _, ok := ident.Partition(subject); !ok {
			return web.Answer{}, fault.WrongField("subject", "subject_malformed",
				"Номер учётной записи или записи регистра.", "The id of an account or of a record in the register.")
		}
		grant := c.Grant.About(subject)
		if _, err := t.store.View(c, grant, subject); err != nil {
			return web.Answer{}, err
		}
		of, err := store.TrailOf(grant, subject)
		if err != nil {
			return web.Answer{}, err
		}
		entries, next, err = t.store.Accesses(c, []store.Trail{of}, c.Query.Get("after"), limit)
		if err != nil {
			return web.Answer{}, err
		}
	case slices.Contains(ident.AllPartitions(), partition):
		if entries, err = t.store.Entries(c, c.Grant, partition, c.Query.Get("after"), "", limit); err != nil {
			return web.Answer{}, err
		}
		if len(entries) == limit {
			next = entries[limit-1].ID
		}
	case partition != "":
		return web.Answer{}, wrongPartition()
	default:
		return web.Answer{}, fault.WrongField("subject", "required",
			"Укажите, чей журнал или какой его раздел.", "Say whose audit, or which partition of it.")
	}
	if entries == nil {
		entries = []audit.Entry{}
	}
	return web.OK(map[string]any{"items": entries, "next": next})
}

var (
	errNotSealed = fault.New(fault.NotFound, "entry_not_sealed",
		"Такой записи нет, или она ещё не заверена. Заверение занимает несколько секунд.",
		"There is no such entry, or it is not sealed yet. Sealing takes a few seconds.")
	errAltered = fault.New(fault.Conflict, "entry_altered",
		"Запись не совпадает с той, что была заверена.", "The entry is not the one that was sealed.")
)

// proof shows that an entry, named by its partition and id ("p003-1770000000000-0"),
// stands in a signed batch.
func (t *trail) proof(c *web.Call) (web.Answer, error) {
	partition, id, _ := strings.Cut(c.Segment("entry"), "-")
	if !slices.Contains(ident.AllPartitions(), partition) || !audit.Before("", id) {
		return web.Answer{}, errNotSealed
	}
	entry, batch, found, err := t.store.Sealed(c, c.Grant, partition, id)
	if err != nil {
		return web.Answer{}, err
	}
	if !found {
		return web.Answer{}, errNotSealed
	}
	proof, err := batch.Prove(entry)
	if err == nil {
		err = proof.Check(t.keys)
	}
	if err != nil {
		return web.Answer{}, errAltered.Because(err)
	}
	return web.OK(proof)
}

// publicKeys is what anybody verifies with, the present key first.
func (t *trail) publicKeys(*web.Call) (web.Answer, error) {
	type public struct {
		ID      string            `json:"key_id"`
		Key     ed25519.PublicKey `json:"public_key"` // base64
		Present bool              `json:"present"`
	}
	items := []public{{t.key.ID(), t.key.Public(), true}}
	for _, id := range slices.Sorted(maps.Keys(t.keys)) {
		if id != t.key.ID() {
			items = append(items, public{id, t.keys[id], false})
		}
	}
	return web.OK(map[string]any{"items": items})
}
