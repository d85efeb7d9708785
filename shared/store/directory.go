package store

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/redis/go-redis/v9"

	"polis/shared/access"
	"polis/shared/clock"
	"polis/shared/directory"
	"polis/shared/fault"
	"polis/shared/ident"
)

// The directory names no persons and is not sealed: one document with all rows,
// and a version that tells whether a process still has the present one. Both lie
// in a partition of their own choosing, and change in one step of it.
const (
	directoryPartition = "p000"
	directoryVersion   = "directory:{" + directoryPartition + "}:version"
	directoryRows      = "directory:{" + directoryPartition + "}:rows"
)

// directoryAge is how old the directory of a process may be where no decision
// hangs on it.
const directoryAge = 5 * time.Second

// follower has the directory as it was read last.
type follower struct {
	rdb     redis.UniversalClient
	machine clock.Clock

	mu      sync.Mutex
	known   directory.Directory
	version string // "" is the demonstration data
	looked  time.Time
}

func newFollower(rdb redis.UniversalClient) *follower {
	return &follower{rdb: rdb, machine: clock.System, known: directory.Demo()}
}

// Directory is the insurers for reading names and contacts. It may be five
// seconds old: so often a process looks whether another one was imported, which
// costs one call a round trip.
func (f *follower) Directory(ctx context.Context) (directory.Directory, error) {
	f.mu.Lock()
	known, old := f.known, f.machine().Sub(f.looked) >= directoryAge
	f.mu.Unlock()
	if !old {
		return known, nil
	}
	return f.CurrentDirectory(ctx)
}

// CurrentDirectory is the insurers as they are at this moment, for which it
// asks the store in any case.
func (f *follower) CurrentDirectory(ctx context.Context) (directory.Directory, error) {
	known, _, err := f.current(ctx)
	return known, err
}

func (f *follower) current(ctx context.Context) (directory.Directory, string, error) {
	asked := f.machine()
	version, err := f.rdb.Get(ctx, directoryVersion).Result()
	if err != nil && !errors.Is(err, redis.Nil) {
		return directory.Directory{}, "", unreachable(err)
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	if version == f.version {
		f.looked = asked
		return f.known, f.version, nil
	}
	// Both at once: another import may be done in between.
	both, err := f.rdb.MGet(ctx, directoryVersion, directoryRows).Result()
	if err != nil {
		return directory.Directory{}, "", unreachable(err)
	}
	read, known := "", directory.Demo()
	if rows, ok := both[1].(string); ok {
		if err := json.Unmarshal([]byte(rows), &known); err != nil {
			return directory.Directory{}, "", fmt.Errorf("stored directory: %w", err)
		}
		read, _ = both[0].(string)
	}
	f.known, f.version, f.looked = known, read, asked
	return known, read, nil
}

// Imports of directories: what is known of one, and its file while it arrives.
func importKey(id string) string { return "import:{" + directoryPartition + "}:" + id }
func fileKey(id string) string   { return importKey(id) + ":file" }

// How long an import is remembered: one whose file is not complete, and one
// that has ended.
const (
	importPatience = 7 * 24 * time.Hour
	importMemory   = 90 * 24 * time.Hour
)

var errNoImport = fault.New(fault.NotFound, "import_not_found", "Такой загрузки нет.", "There is no such import.")

// OpenImport begins an import.
func (s *Store) OpenImport(ctx context.Context, g access.Grant, i directory.Import) error {
	_, err := s.changeImport(ctx, g, i, nil, nil)
	return err
}

// Import is what is known of one; NotFound where it is unknown or forgotten.
func (s *Store) Import(ctx context.Context, g access.Grant, id string) (directory.Import, error) {
	if err := checkGrant(g); err != nil {
		return directory.Import{}, err
	}
	i, _, err := s.readImport(ctx, id)
	return i, err
}

// readImport reads an import, and the text that it is stored as.
func (s *Store) readImport(ctx context.Context, id string) (i directory.Import, text string, err error) {
	if !ident.Valid(id) {
		return i, "", errNoImport
	}
	text, err = s.rdb.Get(ctx, importKey(id)).Result()
	if errors.Is(err, redis.Nil) {
		return i, "", errNoImport
	}
	if err != nil {
		return i, "", unreachable(err)
	}
	if err := json.Unmarshal([]byte(text), &i); err != nil {
		return i, "", fmt.Errorf("stored import: %w", err)
	}
	return i, text, nil
}

// changeImport puts an import in one step, with further commands, if the checks
// hold; false where they do not.
func (s *Store) changeImport(ctx context.Context, g access.Grant, i directory.Import, checks []check, commands []command) (bool, error) {
	if err := checkGrant(g); err != nil {
		return false, err
	}
	text, err := json.Marshal(i)
	if err != nil {
		return false, err
	}
	life := importPatience
	if i.Phase == directory.Done || i.Phase == directory.Refused {
		life = importMemory
	}
	commands = append(commands, command{"SET", importKey(i.ID), []any{text, "PX", life.Milliseconds()}})
	failed, _, err := s.step(ctx, unrepeated{s.rdb}, g.About(i.ID), directoryPartition, checks, commands)
	return failed == 0 && err == nil, err
}

// AddToImport adds a chunk of the file at an offset and returns the import with
// it. A chunk that has arrived already changes nothing. One that does not go on
// where the file has arrived, or differs from what has, is a Conflict.
func (s *Store) AddToImport(ctx context.Context, g access.Grant, id string, offset int, chunk []byte) (directory.Import, error) {
	for range maxAttempts {
		have, text, err := s.readImport(ctx, id)
		if err != nil {
			return have, err
		}
		next, again, err := have.Take(offset, len(chunk))
		if err != nil {
			return have, err
		}
		if again {
			return have, s.sameChunk(ctx, have, offset, chunk)
		}
		added, err := s.changeImport(ctx, g, next, []check{{"value", importKey(id), text}}, []command{
			{"SETRANGE", fileKey(id), []any{offset, chunk}},
			{"PEXPIRE", fileKey(id), []any{importPatience.Milliseconds()}},
		})
		if err != nil || added {
			return next, err
		}
	}
	return directory.Import{}, errBusy
}

// sameChunk is nil where the file has these bytes. Of an import that has ended
// there is no file any more.
func (s *Store) sameChunk(ctx context.Context, i directory.Import, offset int, chunk []byte) error {
	if len(chunk) == 0 || i.Phase == directory.Done || i.Phase == directory.Refused {
		return nil
	}
	have, err := s.rdb.GetRange(ctx, fileKey(i.ID), int64(offset), int64(offset+len(chunk)-1)).Result()
	if err != nil {
		return unreachable(err)
	}
	if have != string(chunk) {
		return directory.ErrChunkDiffers
	}
	return nil
}

// FinishImport ends an import whose file has arrived. decide gets the file and the
// directory that was imported before, empty while there was none, and returns the
// import as it ends and the directory as it is then; it may run more than once and
// has no effects of its own. All that was decided comes true in one step, or
// nothing does. Where a contract ends sooner than it did, the dates of the records
// are renewed with the same step. One that has ended stays as it is, and so does
// one whose file has not arrived.
func (s *Store) FinishImport(ctx context.Context, g access.Grant, id string, decide func(i directory.Import, file []byte, before directory.Directory) (directory.Import, directory.Directory)) (directory.Import, error) {
	for range maxAttempts {
		have, text, err := s.readImport(ctx, id)
		if err != nil || have.Phase != directory.Received {
			return have, err
		}
		stands, version, err := s.current(ctx)
		if err != nil {
			return have, err
		}
		before := stands
		if version == "" {
			before = directory.Directory{}
		}
		file, err := s.rdb.Get(ctx, fileKey(id)).Bytes()
		if errors.Is(err, redis.Nil) {
			continue // it ended in between
		}
		if err != nil {
			return have, unreachable(err)
		}
		ended, after := decide(have, file, before)
		commands := []command{{"DEL", fileKey(id), nil}}
		if ended.Phase == directory.Done && !ended.Report.NothingChanged() {
			rows, err := json.Marshal(after)
			if err != nil {
				return have, err
			}
			commands = append(commands, command{"SET", directoryRows, []any{rows}}, command{"SET", directoryVersion, []any{id}})
			if stands.EndsSooner(after, ended.Finished) {
				commands = append(commands, s.renewal()...)
			}
		}
		done, err := s.changeImport(ctx, g, ended, []check{{"value", importKey(id), text}, {"value", directoryVersion, version}}, commands)
		if err != nil || done {
			return ended, err
		}
	}
	return directory.Import{}, errBusy
}
