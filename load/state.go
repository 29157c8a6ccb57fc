package load

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"slices"
	"strings"
	"time"

	"golang.org/x/sync/errgroup"

	"stocktake/load/store"
)

// State is a warehouse as its last commit left it.
type State struct {
	Head     store.Head
	Manifest *Manifest // nil before the first commit
	Tables   []StateTable
	Events   []StateEvents
}

// StateTable is a table's file, and where it can be read now.
type StateTable struct {
	ManifestTable
	store.Location
}

// StateEvents are the files of an event table.
type StateEvents struct {
	Table   string
	Version int
	Paths   []string // as the store locates them
}

// Find returns a table's file, by the ID of its schema.
func (s *State) Find(id string) (StateTable, bool) {
	i := slices.IndexFunc(s.Tables, func(t StateTable) bool { return t.ID() == id })
	if i < 0 {
		return StateTable{}, false
	}
	return s.Tables[i], true
}

// attempts of ReadState, each of which another run's commit may get in the way
// of.
const attempts = 5

// Waits of AwaitState.
const (
	waitFirst = 50 * time.Millisecond
	waitMost  = 2 * time.Second
	waitAll   = 20 * time.Second
)

// ReadState returns the last commit and the place of each of its files: all are
// of this commit, also while it is being completed. As long as Head stays what
// it is they keep their contents, though a file that is not finished may move:
// then ReadState finds it again. Finished files of a local warehouse keep them
// for one more commit. events are the tables whose files are looked for. The
// error is store.ErrUnfinished where nobody can read what is only staged, and
// the commit is not completed: Recover does, or who holds Commit.
func ReadState(ctx context.Context, s store.Store, events ...EventTable) (*State, error) {
	var err error
	for range attempts {
		var st *State
		if st, err = readState(ctx, s, events); err == nil {
			return st, nil
		}
		if !errors.Is(err, fs.ErrNotExist) {
			return nil, err
		}
		// Files of a commit go away only when later ones take their place.
	}
	return nil, err
}

// AwaitState is ReadState that waits for the commit to be completed, 20 s at
// most.
func AwaitState(ctx context.Context, s store.Store, events ...EventTable) (*State, error) {
	began, wait := time.Now(), waitFirst
	for {
		st, err := ReadState(ctx, s, events...)
		if !errors.Is(err, store.ErrUnfinished) || time.Since(began) > waitAll {
			return st, err
		}
		select {
		case <-ctx.Done():
			return nil, ctx.Err()
		case <-time.After(wait):
		}
		wait = min(2*wait, waitMost)
	}
}

// Apart returns nil when none of the runs that were committed after since held
// one of the leases, so that what a run with these leases knows of since still
// holds. The error is store.ErrConflict when one did.
func (s *State) Apart(ctx context.Context, from store.Store, since string, leases []string) error {
	for run, m := s.Head.Run, s.Manifest; run != since; run, m = m.Parent, nil {
		if run == "" {
			return fmt.Errorf("%w: run %s is not among those before it", store.ErrConflict, since)
		}
		if m == nil {
			var err error
			if m, err = ReadManifest(ctx, from, run); err != nil {
				return fmt.Errorf("read what was committed since run %q: %w", since, err)
			}
		}
		if m.shares(leases) {
			return fmt.Errorf("%w: run %s", store.ErrConflict, run)
		}
	}
	return nil
}

// EventTable names an event table.
type EventTable struct {
	Table   string
	Version int
}

func readState(ctx context.Context, s store.Store, events []EventTable) (*State, error) {
	head, err := s.Head(ctx)
	if err != nil {
		return nil, fmt.Errorf("read the state of the warehouse: %w", err)
	}
	if head.Run == "" {
		return &State{}, nil
	}
	m, err := ReadManifest(ctx, s, head.Run)
	if err != nil {
		return nil, fmt.Errorf("read the state of the warehouse: the last commit is run %s: %w; restore %s/%s from a backup", head.Run, err, s.Root(), manifestPath(head.Run))
	}
	st := &State{Head: head, Manifest: m}
	st.Tables = make([]StateTable, len(m.Tables))
	g, locating := errgroup.WithContext(ctx)
	g.SetLimit(4 * concurrency)
	for i, t := range m.Tables {
		g.Go(func() error {
			at, err := s.Locate(locating, m.Run, t.Object())
			if err != nil {
				return fmt.Errorf("read the state of the warehouse: table %s: %w", t.ID(), err)
			}
			st.Tables[i] = StateTable{t, at}
			return nil
		})
	}
	if err := g.Wait(); err != nil {
		return nil, err
	}
	for _, e := range events {
		files, err := eventFiles(ctx, s, m, e)
		if err != nil {
			return nil, fmt.Errorf("read the state of the warehouse: table %s: %w", e.Table, err)
		}
		st.Events = append(st.Events, StateEvents{e.Table, e.Version, files})
	}
	return st, nil
}

// eventFiles returns the finished files of an event table, and those that the
// last commit has not finished yet, without those that it is about to remove.
func eventFiles(ctx context.Context, s store.Store, m *Manifest, e EventTable) ([]string, error) {
	finished, err := s.List(ctx, eventPrefix(e.Table, e.Version))
	if err != nil {
		return nil, err
	}
	paths := map[string]string{} // by name
	for _, f := range finished {
		if !slices.Contains(m.Replaced, f.Name) {
			paths[f.Name] = s.Root() + "/" + f.Name
		}
	}
	for _, t := range m.Events {
		if strings.HasPrefix(t.Path, eventPrefix(e.Table, e.Version)) {
			at, err := s.Locate(ctx, m.Run, t.Object())
			if err != nil {
				return nil, err
			}
			paths[t.Path] = at.Path
		}
	}
	return slices.Sorted(maps.Values(paths)), nil
}

// FileStatus is what VerifyRun found of a file.
type FileStatus string

const (
	FileOK         FileStatus = "ok"
	FileSuperseded FileStatus = "superseded" // a later run of the day has replaced it
	FileMissing    FileStatus = "missing"
	FileDamaged    FileStatus = "damaged"
)

// FileReport is a file of a run's manifest, as it is now.
type FileReport struct {
	Path    string
	Table   string
	Rows    int64
	Status  FileStatus
	Problem string // what is wrong, "" where nothing is
}

// RunReport is what VerifyRun found.
type RunReport struct {
	Run          string
	Date         string
	SupersededBy string
	Files        []FileReport
}

// Bad returns how many files are missing or damaged.
func (r RunReport) Bad() int {
	n := 0
	for _, f := range r.Files {
		if f.Status == FileMissing || f.Status == FileDamaged {
			n++
		}
	}
	return n
}

// VerifyRun reads every file of a run's manifest again: its bytes and checksum,
// every page and count, and the schema that it names.
func VerifyRun(ctx context.Context, s store.Store, run string) (RunReport, error) {
	m, err := ReadManifest(ctx, s, run)
	if err != nil {
		return RunReport{}, fmt.Errorf("verify run %s: %w", run, err)
	}
	report := RunReport{Run: m.Run, Date: m.Date, SupersededBy: m.SupersededBy}
	for _, t := range slices.Concat(m.Tables, m.Events) {
		if err := ctx.Err(); err != nil {
			return RunReport{}, fmt.Errorf("verify run %s: %w", run, err)
		}
		f := FileReport{Path: t.Path, Table: t.ID(), Rows: t.Rows, Status: FileOK}
		if err := verifyObject(ctx, s, m, t); err != nil {
			f.Status, f.Problem = FileDamaged, err.Error()
			if errors.Is(err, fs.ErrNotExist) && !errors.Is(err, store.ErrReplaced) {
				f.Status = FileMissing
			}
			if superseded(ctx, s, m, t) {
				f.Status, f.Problem = FileSuperseded, ""
			}
			if f.Status == FileMissing {
				gone, err := removed(ctx, s, t.Path)
				if err != nil {
					return RunReport{}, fmt.Errorf("verify run %s: %w", run, err)
				}
				if gone {
					f.Status, f.Problem = FileRemoved, ""
				}
			}
		}
		report.Files = append(report.Files, f)
	}
	return report, nil
}

func verifyObject(ctx context.Context, s store.Store, m *Manifest, t ManifestTable) (err error) {
	dir, err := os.MkdirTemp("", "stocktake-verify-")
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
	_, err = fetchVerified(ctx, s, m, t, dir)
	return err
}

// fetchVerified returns where a file of a manifest can be read, once it is found
// to be what the manifest says. A copy, where one is needed, is made in dir.
func fetchVerified(ctx context.Context, s store.Store, m *Manifest, t ManifestTable, dir string) (path string, err error) {
	o := t.Object()
	o.Current = "" // what stands under the name counts
	if path, err = store.Fetch(ctx, s, m.Run, o, dir); err != nil {
		return "", err
	}
	_, err = verifyPath(path, t.contents())
	return path, err
}

// superseded reports whether the file under the name is, whole, that of a later
// run of the same day.
func superseded(ctx context.Context, s store.Store, m *Manifest, t ManifestTable) bool {
	seen := map[string]bool{m.Run: true}
	for next := m.SupersededBy; next != "" && !seen[next]; {
		seen[next] = true
		later, err := ReadManifest(ctx, s, next)
		if err != nil {
			return false
		}
		for _, u := range later.Tables {
			if u.Path == t.Path && u.SHA256 != t.SHA256 && verifyObject(ctx, s, later, u) == nil {
				return true
			}
		}
		next = later.SupersededBy
	}
	return false
}
