package store

import (
	"cmp"
	"context"
	"encoding/json"
	"slices"
	"sort"
	"strconv"
	"strings"
	"time"

	"github.com/redis/go-redis/v9"

	"polis/shared/access"
	"polis/shared/audit"
	"polis/shared/ident"
	"polis/shared/person"
	"polis/shared/policy"
)

// The audit of a partition is one stream of entries, appended by the steps
// themselves. Each person has a list of the ids of the entries about them,
// appended by the same steps: what a person is shown are the very entries that
// are sealed. A list, since for few ids it takes a twentieth of a stream's
// memory. Batches are two lists of the same length, the heads and the leaves,
// so that looking for new entries reads one head and no leaf.
//
// Nothing here is ever trimmed. An installation that must may trim entries that
// are sealed, exported, and older than 400 days: a year, and time to look into
// what happened at its end. An export of the rest then begins with entries that
// are missing, and the kept exports have them.
func auditStream(partition string) string { return "audit:{" + partition + "}" }
func auditIndex(partition, subject string) string {
	return "about:{" + partition + "}:" + subject
}
func batchHeads(partition string) string  { return "batches:{" + partition + "}" }
func batchLeaves(partition string) string { return "leaves:{" + partition + "}" }

// auditFields are those of an entry in the stream, each with its value after it.
func (s *Store) auditFields(g access.Grant) []any {
	fields := []any{
		"at", strconv.FormatInt(s.machine().UnixMilli(), 10),
		"action", string(g.Action()), "role", string(g.Role()), "actor", g.Actor(),
		"subject", g.Subject(), "call", g.CallID()}
	if g.Behalf() != "" {
		fields = append(fields, "behalf", string(g.Behalf()))
	}
	return fields
}

// auditFieldCount is how many fields an entry has that is on nobody's behalf.
const auditFieldCount = 6

// readEntry reads an entry. One that does not look as it was written comes
// back with its id alone, and so fails to match what was sealed.
func readEntry(partition string, m redis.XMessage) audit.Entry {
	text := func(name string) string { v, _ := m.Values[name].(string); return v }
	bare := audit.Entry{Partition: partition, ID: m.ID}
	ms, err := strconv.ParseInt(text("at"), 10, 64)
	at := time.UnixMilli(ms).UTC()
	count := auditFieldCount
	if text("behalf") != "" {
		count++
	}
	if err != nil || strconv.FormatInt(ms, 10) != text("at") || at.Year() < 1 || at.Year() > 9999 || len(m.Values) != count {
		return bare
	}
	return audit.Entry{
		Partition: partition, ID: m.ID, At: at,
		Action: access.Action(text("action")), Role: access.Role(text("role")), Actor: text("actor"),
		Subject: text("subject"), Call: text("call"), Behalf: access.Behalf(text("behalf")),
	}
}

// Unsealed is what of a partition's audit is to be sealed next.
type Unsealed struct {
	Previous audit.Head // the zero Head where nothing is sealed yet
	Entries  []audit.Entry

	partition string
	head      string // as stored
}

// Unsealed reads, of each of the partitions that has any, the oldest entries
// that are not sealed, as many as fit into a batch. A head that cannot be read
// counts as none: sealing goes on, and verification names it.
func (s *Store) Unsealed(ctx context.Context, g access.Grant, partitions []string) ([]Unsealed, error) {
	if err := checkGrant(g); err != nil {
		return nil, err
	}
	heads := make([]*redis.StringCmd, len(partitions))
	if err := answers(s.rdb.Pipelined(ctx, func(p redis.Pipeliner) error {
		for i, partition := range partitions {
			heads[i] = p.LIndex(ctx, batchHeads(partition), -1)
		}
		return nil
	})); err != nil {
		return nil, unreachable(err)
	}
	all := make([]Unsealed, len(partitions))
	entries := make([]*redis.XMessageSliceCmd, len(partitions))
	if err := answers(s.rdb.Pipelined(ctx, func(p redis.Pipeliner) error {
		for i, partition := range partitions {
			u := Unsealed{partition: partition, head: heads[i].Val()}
			if json.Unmarshal([]byte(u.head), &u.Previous) != nil {
				u.Previous = audit.Head{}
			}
			all[i] = u
			entries[i] = p.XRangeN(ctx, auditStream(partition), after(u.Previous.Last), "+", audit.MaxBatch)
		}
		return nil
	})); err != nil {
		return nil, unreachable(err)
	}
	for i := range all {
		all[i].Entries = auditEntries(partitions[i], entries[i].Val())
	}
	return slices.DeleteFunc(all, func(u Unsealed) bool { return len(u.Entries) == 0 }), nil
}

// after is the beginning of a range behind an entry, or of all where the id is
// none.
func after(id string) string {
	if !audit.Before("", id) {
		return "-"
	}
	return "(" + id
}

// millisecond in which an entry was appended.
func millisecond(id string) int64 {
	ms, _, _ := strings.Cut(id, "-")
	n, _ := strconv.ParseInt(ms, 10, 64) // the store's own
	return n
}

func auditEntries(partition string, messages []redis.XMessage) []audit.Entry {
	entries := make([]audit.Entry, len(messages))
	for i, m := range messages {
		entries[i] = readEntry(partition, m)
	}
	return entries
}

// sealScript appends a batch if the newest head is still the one it follows.
var sealScript = redis.NewScript(`
if (redis.call('LINDEX', KEYS[1], -1) or '') ~= ARGV[1] then return 0 end
redis.call('RPUSH', KEYS[1], ARGV[2])
redis.call('RPUSH', KEYS[2], ARGV[3])
return 1
`)

// Seal appends the batch that was made of what was unsealed. False where
// another process has sealed in between.
func (s *Store) Seal(ctx context.Context, g access.Grant, u Unsealed, b audit.Batch) (bool, error) {
	if err := checkGrant(g); err != nil {
		return false, err
	}
	head, err := json.Marshal(b.Head)
	if err != nil {
		return false, err
	}
	leaves, err := json.Marshal(b.Leaves)
	if err != nil {
		return false, err
	}
	sealed, err := sealScript.Run(ctx, s.rdb, []string{batchHeads(u.partition), batchLeaves(u.partition)}, u.head, head, leaves).Bool()
	if err != nil {
		return false, unreachable(err)
	}
	return sealed, nil
}

// Batches reads at most limit batches of a partition, the first of them in the
// given place, counted from 1. What cannot be read of one is zero.
func (s *Store) Batches(ctx context.Context, g access.Grant, partition string, first, limit int) ([]audit.Batch, error) {
	if err := checkGrant(g); err != nil {
		return nil, err
	}
	from, to := int64(first-1), int64(first+limit-2)
	var heads, leaves *redis.StringSliceCmd
	if _, err := s.rdb.TxPipelined(ctx, func(p redis.Pipeliner) error {
		heads = p.LRange(ctx, batchHeads(partition), from, to)
		leaves = p.LRange(ctx, batchLeaves(partition), from, to)
		return nil
	}); err != nil {
		return nil, unreachable(err)
	}
	batches := make([]audit.Batch, len(heads.Val()))
	for i, head := range heads.Val() {
		b := &batches[i]
		if json.Unmarshal([]byte(head), &b.Head) != nil {
			b.Head = audit.Head{}
		}
		b.Partition = cmp.Or(b.Partition, partition)
		if i < len(leaves.Val()) && json.Unmarshal([]byte(leaves.Val()[i]), &b.Leaves) != nil {
			b.Leaves = nil
		}
	}
	return batches, nil
}

// Entries reads at most limit entries of a partition in order: those behind the
// first id ("" for all) up to the second ("" for the newest).
func (s *Store) Entries(ctx context.Context, g access.Grant, partition, behind, upTo string, limit int) ([]audit.Entry, error) {
	if err := checkGrant(g); err != nil {
		return nil, err
	}
	if upTo != "" && !audit.Before("", upTo) {
		return nil, nil // what some batch says, and is no id
	}
	found, err := s.rdb.XRangeN(ctx, auditStream(partition), after(behind), cmp.Or(upTo, "+"), int64(limit)).Result()
	if err != nil {
		return nil, unreachable(err)
	}
	return auditEntries(partition, found), nil
}

// Sealed finds an entry and the batch that seals it; false where there is no
// such entry, or it is not sealed yet.
func (s *Store) Sealed(ctx context.Context, g access.Grant, partition, id string) (audit.Entry, audit.Batch, bool, error) {
	if err := checkGrant(g); err != nil {
		return audit.Entry{}, audit.Batch{}, false, err
	}
	var found *redis.XMessageSliceCmd
	var count *redis.IntCmd
	if _, err := s.rdb.TxPipelined(ctx, func(p redis.Pipeliner) error {
		found = p.XRange(ctx, auditStream(partition), id, id)
		count = p.LLen(ctx, batchHeads(partition))
		return nil
	}); err != nil {
		return audit.Entry{}, audit.Batch{}, false, unreachable(err)
	}
	if len(found.Val()) == 0 {
		return audit.Entry{}, audit.Batch{}, false, nil
	}
	// The ids of entries rise from batch to batch.
	var failure error
	at := sort.Search(int(count.Val()), func(i int) bool {
		raw, err := s.rdb.LIndex(ctx, batchHeads(partition), int64(i)).Result()
		if err != nil {
			failure = err
			return true
		}
		var head audit.Head
		return json.Unmarshal([]byte(raw), &head) == nil && !audit.Before(head.Last, id)
	})
	if failure != nil {
		return audit.Entry{}, audit.Batch{}, false, unreachable(failure)
	}
	batches, err := s.Batches(ctx, g, partition, at+1, 1)
	if err != nil || len(batches) == 0 {
		return audit.Entry{}, audit.Batch{}, false, err
	}
	return readEntry(partition, found.Val()[0]), batches[0], true, nil
}

// Representative is the behalf of one representative. It tells one from another,
// and not who they are.
func (s *Store) Representative(snils person.SNILS) access.Behalf {
	return access.Representative + "/" + access.Behalf(s.Digest("representative", string(snils)))
}

// Trail is a person whose audit may be read.
type Trail struct{ partition, subject string }

// TrailOf is the trail of the account or the record that the grant is about.
func TrailOf(g access.Grant, home string) (Trail, error) {
	partition, err := open(g, home)
	return Trail{partition, home}, err
}

// TrailOfRecord is the trail of the register's record that a card in the view
// was copied from; false where the view has no card. Whoever may see the copy
// may see who looks at the original.
func TrailOfRecord(v *View, card Doc[policy.Card]) (Trail, bool, error) {
	c, found, err := Get(v, card)
	if err != nil || !found {
		return Trail{}, false, err
	}
	partition, ok := ident.Partition(c.Insured)
	return Trail{partition, c.Insured}, ok, nil
}

// Accesses are at most limit entries of the audit about those on the trails,
// newest first. before is "" for the newest, else what the page before returned
// with its entries, for the same trails; that is "" where nothing is left.
func (s *Store) Accesses(ctx context.Context, trails []Trail, before string, limit int) ([]audit.Entry, string, error) {
	// An id keeps its place in the list, so places counted from the oldest are a
	// mark that newer entries do not move.
	marks := make([]int64, len(trails))
	given := strings.Split(before, ".")
	for i := range marks {
		marks[i] = -1
		if before != "" && i < len(given) {
			if n, err := strconv.ParseInt(given[i], 10, 64); err == nil && n >= 0 {
				marks[i] = n
			}
		}
	}
	type listed struct {
		trail int
		id    string
	}
	var ids []listed
	for i, t := range trails {
		if marks[i] == 0 {
			continue
		}
		from, to := max(0, marks[i]-int64(limit)), marks[i]-1
		if marks[i] < 0 {
			from, to = int64(-limit), -1
		}
		var length *redis.IntCmd
		var page *redis.StringSliceCmd
		if _, err := s.rdb.TxPipelined(ctx, func(p redis.Pipeliner) error {
			key := auditIndex(t.partition, t.subject)
			length, page = p.LLen(ctx, key), p.LRange(ctx, key, from, to)
			return nil
		}); err != nil {
			return nil, "", unreachable(err)
		}
		if marks[i] < 0 {
			marks[i] = length.Val()
		}
		for _, id := range slices.Backward(page.Val()) {
			ids = append(ids, listed{i, id})
		}
	}
	// Within one millisecond no partition is before another.
	slices.SortStableFunc(ids, func(a, b listed) int { return cmp.Compare(millisecond(b.id), millisecond(a.id)) })
	ids = ids[:min(limit, len(ids))]
	found := make([]*redis.XMessageSliceCmd, len(ids))
	if len(ids) > 0 {
		if _, err := s.rdb.Pipelined(ctx, func(p redis.Pipeliner) error {
			for i, l := range ids {
				found[i] = p.XRange(ctx, auditStream(trails[l.trail].partition), l.id, l.id)
			}
			return nil
		}); err != nil {
			return nil, "", unreachable(err)
		}
	}
	var entries []audit.Entry
	for i, l := range ids {
		marks[l.trail]--
		for _, m := range found[i].Val() {
			// The list says where to look; whose an entry is, it says itself.
			if e := readEntry(trails[l.trail].partition, m); e.Subject == trails[l.trail].subject {
				entries = append(entries, e)
			}
		}
	}
	next, left := make([]string, len(marks)), false
	for i, mark := range marks {
		next[i] = strconv.FormatInt(mark, 10)
		left = left || mark > 0
	}
	if !left {
		return entries, "", nil
	}
	return entries, strings.Join(next, "."), nil
}
