package tests

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"

	"polis/local/platform"
	"polis/shared/access"
	"polis/shared/calendar"
	"polis/shared/fault"
	"polis/shared/person"
	"polis/shared/policy"
	"polis/shared/store"
	"polis/tests/servers"
)

// birth is what ZAGS reports of a child of the mother's and the father's.
func birth(t *testing.T, number, given string) fields {
	return fields{
		"kind": "birth", "source_id": "zags-" + number, "region": "26",
		"mother": human(t, "mother").SNILS, "father": human(t, "father").SNILS,
		"record": fields{"number": number, "date": "2026-03-09"},
		"child":  fields{"name": fields{"family": "Вымышленников", "given": given}, "sex": "M", "birth_date": "2026-03-01"},
	}
}

// born are the records that the register has under the ids. No two of all its
// records may have the same SNILS or ENP.
func (s *stage) born(t *testing.T, ids map[string]bool) (records []record) {
	t.Helper()
	f := s.observe(t, nil)
	for _, r := range f.Records {
		if ids[r.ID] {
			records = append(records, r)
		}
	}
	if twice := f.unique(); len(twice) > 0 {
		t.Errorf("the register: %q", twice)
	}
	return records
}

func twoRegisters(o *platform.Options) { o.Replicas = map[string]int{"insured-registry": 2} }

// reports delivers births, times altogether, by eight senders at once, and gives
// the ids of the records that the register answered with.
func (s *stage) reports(t *testing.T, times int, births ...fields) map[string]bool {
	t.Helper()
	zags := s.as(t, "zags")
	ids := make([]string, times)
	var jobs []func() error
	for i := range ids {
		jobs = append(jobs, func() error {
			a, err := zags.insists(http.MethodPost, "/insured-registry/events", births[i%len(births)])
			if err == nil && a.status != http.StatusAccepted {
				err = fmt.Errorf("answered %d: %s", a.status, a.body)
			}
			if err == nil {
				ids[i] = read[struct{ ID string }](a).ID
			}
			return err
		})
	}
	together(t, jobs)
	made := map[string]bool{}
	for _, id := range ids {
		made[id] = true
	}
	return made
}

// told demands that the parents have as many notices of births, and none of
// anything else, and that each came once by each channel.
func (s *stage) told(t *testing.T, births int, parents ...string) {
	t.Helper()
	history := func(parent string) []noticeView {
		return read[list[noticeView]](s.as(t, parent).get("/notify?limit=100").is(http.StatusOK)).Items
	}
	inTime(t, time.Minute, "each parent is told", func() bool {
		return !slices.ContainsFunc(parents, func(parent string) bool { return len(history(parent)) < births })
	})
	s.quiet(t)
	plain := strings.NewReplacer("(", "", ")", "")
	arrived := map[string]int{}
	for _, m := range s.Inbox() {
		id, _, _ := strings.Cut(m.ID, "@")
		arrived[m.Channel+" to "+m.To+": "+id]++
	}
	for _, parent := range parents {
		all, who := history(parent), human(t, parent)
		if len(all) != births {
			t.Errorf("%s has %d notices: %+v", parent, len(all), all)
		}
		for _, n := range all {
			for channel, to := range map[string]string{"email": who.Email, "sms": plain.Replace(who.Mobile)} {
				message := channel + " to " + to + ": " + n.ID + "." + channel
				if n.Kind != "birth.recorded" || arrived[message] != 1 {
					t.Errorf("%s: %s, arrived %d times", n.Kind, message, arrived[message])
				}
				delete(arrived, message)
			}
		}
	}
	if len(arrived) > 0 {
		t.Errorf("nobody's notices arrived: %v", arrived)
	}
}

func TestABirthDeliveredFiftyTimesIsOneChildAndOneNoticeToEachParent(t *testing.T) {
	s := newStage(t, twoRegisters)
	before := len(s.keys(t, "insured"))
	s.as(t, "mother").consent("ffoms", "self")
	ids := s.reports(t, 50, birth(t, "120269260000204100002", "Тимур"))
	made := s.born(t, ids)
	if len(ids) != 1 || len(made) != 1 || len(made[0].ENP) != 16 || len(s.keys(t, "insured")) != before+1 {
		t.Errorf("the register has %+v", made)
	}
	s.told(t, 1, "mother")
	s.as(t, "father").consent("ffoms", "self") // who is not known of before
	s.told(t, 1, "mother", "father")
}

func TestTwinsAreTwoChildrenAndTwoNoticesToEachParent(t *testing.T) {
	s := newStage(t, twoRegisters)
	before := len(s.keys(t, "insured"))
	s.as(t, "mother").consent("ffoms", "self")
	s.as(t, "father").consent("ffoms", "self")
	// Alike but for their civil records.
	ids := s.reports(t, 20, birth(t, "120269260000204100003", "Тимур"), birth(t, "120269260000204100004", "Тимур"))
	made := s.born(t, ids)
	if len(ids) != 2 || len(made) != 2 || made[0].ENP == made[1].ENP || len(s.keys(t, "insured")) != before+2 {
		t.Errorf("the register has %+v", made)
	}
	s.told(t, 2, "mother", "father")
}

// mortal is a process that dies after so many round trips: nothing of what it
// sends later reaches the server. It travels in the context of its calls.
type mortal struct {
	lives int64 // round trips
	made  atomic.Int64
}

type mortalKey struct{}

// mortality is the hook of a client some of whose calls die.
type mortality struct{}

func dies(ctx context.Context) error {
	if m, ok := ctx.Value(mortalKey{}).(*mortal); ok && m.made.Add(1) > m.lives {
		return io.EOF
	}
	return nil
}

func (mortality) DialHook(next redis.DialHook) redis.DialHook { return next }

func (mortality) ProcessHook(next redis.ProcessHook) redis.ProcessHook {
	return func(ctx context.Context, cmd redis.Cmder) error {
		if err := dies(ctx); err != nil {
			cmd.SetErr(err)
			return err
		}
		return next(ctx, cmd)
	}
}

func (mortality) ProcessPipelineHook(next redis.ProcessPipelineHook) redis.ProcessPipelineHook {
	return func(ctx context.Context, cmds []redis.Cmder) error {
		if err := dies(ctx); err != nil {
			for _, cmd := range cmds {
				cmd.SetErr(err)
			}
			return err
		}
		return next(ctx, cmds)
	}
}

// TestOneOfTwoAtOncePutsASNILSOnRecord has two instances begin at once, for two
// causes, of which one dies somewhere between its claim and its commit.
func TestOneOfTwoAtOncePutsASNILSOnRecord(t *testing.T) {
	t.Parallel()
	const times, stuck = 1200, 10 * time.Second
	keys := store.Keys{Index: [32]byte{1}, Master: [32]byte{2}}
	opt := servers.Redis(t)
	var instances [2]*store.Store
	for i := range instances {
		client := redis.NewUniversalClient(opt)
		client.AddHook(mortality{})
		instances[i] = store.New(client, keys)
		t.Cleanup(func() { instances[i].Close() })
	}
	put, look := functionMay(t, access.RecordInsured), functionMay(t, access.LookUpInsured)
	enrolment := func(n int, cause string) policy.Insured {
		p := invented
		p.SNILS = person.SNILS(inventedSNILS(n))
		p.Document = person.Document{Type: person.Passport, Series: "45 12", Number: inventedPassport(n)}
		id := instances[0].InsuredID(cause, fmt.Sprint(n))
		return policy.Enrol(id, "", p, "26", "", cause, calendar.On(2026, time.March, 10), morning)
	}
	// A whole enrolment begins with a look and the attempt, and ends with the
	// commit. The first of all makes the scripts known to the server too.
	var trips int64
	for _, cause := range []string{"the first of all", "a whole one"} {
		whole := &mortal{lives: 1 << 30}
		if _, _, err := instances[0].PutOnRecord(context.WithValue(t.Context(), mortalKey{}, whole), put, enrolment(times+len(cause), cause)); err != nil {
			t.Fatal(err)
		}
		trips = whole.made.Load()
	}

	began := time.Now()
	var died atomic.Int64
	numbers := make([]person.ENP, times)
	var jobs []func() error
	for n := range times {
		jobs = append(jobs, func() error {
			ctx, cancel := context.WithTimeout(t.Context(), stuck)
			defer cancel()
			dying, lasting := enrolment(n, "dying"), enrolment(n, "lasting")
			ended := make(chan error, 1)
			go func() {
				end := &mortal{lives: 3 + int64(n)%(trips-3)}
				_, _, err := instances[n%2].PutOnRecord(context.WithValue(ctx, mortalKey{}, end), put, dying)
				ended <- err
			}()
			made, _, err := instances[1-n%2].PutOnRecord(ctx, put, lasting)
			if end := <-ended; fault.HasKind(end, fault.Unavailable) {
				died.Add(1)
			} else if fault.From(end).Code != "snils_taken" {
				return fmt.Errorf("%d: the one that dies ended with %w", n, end)
			}
			if err != nil {
				return fmt.Errorf("%d: the one that lasts: %w", n, err)
			}
			numbers[n] = made.ENP
			// Whoever comes later meets the one record.
			if _, _, err := instances[n%2].PutOnRecord(ctx, put, dying); fault.From(err).Code != "snils_taken" {
				return fmt.Errorf("%d: the one that died, started again: %w", n, err)
			}
			found, err := instances[n%2].Find(ctx, look, store.Query{SNILS: lasting.Person.SNILS})
			if err != nil || len(found) != 1 || found[0].ID != lasting.ID {
				return fmt.Errorf("%d: found %d records: %w", n, len(found), err)
			}
			if _, second, err := instances[n%2].Record(ctx, look, dying.ID); second || err != nil {
				return fmt.Errorf("%d: there is a second record: %w", n, err)
			}
			return nil
		})
	}
	together(t, jobs)
	seen := map[person.ENP]bool{}
	for n, enp := range numbers {
		if len(enp) != 16 || seen[enp] {
			t.Errorf("%d has the number %q of another", n, enp)
		}
		seen[enp] = true
	}
	if died.Load() < 500 { // whoever is told that it came second does not come to die
		t.Errorf("only %d of %d died in between", died.Load(), times)
	}
	t.Logf("%d died, %v", died.Load(), time.Since(began).Round(time.Millisecond))
}
