package load

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"golang.org/x/sync/errgroup"

	"stocktake/internal/schema"
	"stocktake/load/store"
)

// Publication is a run that is ready to be seen.
type Publication struct {
	// Manifest says everything about the run and its sources. Publish fills in
	// the tables, the events and the time of the commit.
	Manifest Manifest
	// Head is what ReadState returned while the caller had Commit in its hands:
	// the commit fails when another run was committed since.
	Head store.Head
	// Leases are what the caller holds: Commit, and those that the manifest
	// names. The commit fails when one of them was lost.
	Leases []store.Lease
	// Tables are the files that the run wrote. Kept are those of the parent
	// that stay as they are. A table that is in neither leaves the warehouse.
	Tables []TableFile
	Kept   []ManifestTable
	Events []EventFile
	// Replaced are the files of events whose rows those of Events have, too.
	Replaced []string
	Hooks    Hooks
	Now      func() time.Time // nil: time.Now
}

// Bytes is the size of the files that the run wrote.
func (p Publication) Bytes() int64 {
	sum := int64(0)
	for _, t := range p.Tables {
		sum += t.File.Bytes
	}
	for _, e := range p.Events {
		sum += e.File.Bytes
	}
	return sum
}

// TableFile is a table's new file.
type TableFile struct {
	Schema *schema.Schema
	File   File
}

// EventFile is a file of events of one day.
type EventFile struct {
	Schema *schema.Schema
	Date   string // UTC
	File   File
}

// Hooks are called once a run is committed; after a crash, again. Doing again
// what is done must have no effect.
type Hooks struct {
	AfterCommit func(ctx context.Context, m *Manifest) error // what is derived from the tables
	Cleanup     func(ctx context.Context, run string) error  // removes the run's spool and staging directory
}

// UnfinishedError is an error after the commit: the run is published, and
// Recover finishes it.
type UnfinishedError struct {
	Run string
	Err error
}

func (e *UnfinishedError) Error() string {
	return fmt.Sprintf("run %s is committed, and the next command finishes it: %v", e.Run, e.Err)
}

func (e *UnfinishedError) Unwrap() error { return e.Err }

// publishing is a publication on its way.
type publishing struct {
	store store.Store
	hooks Hooks
	m     *Manifest
	*Publication
}

// step is a part of publishing.
type step struct {
	name string
	run  func(*publishing, context.Context) error
}

// Before the commit every step can be undone, and no reader sees a difference.
var preparations = []step{
	{"note that the run is being published", (*publishing).note},
	{"stage files", (*publishing).stage},
	{"write manifest", (*publishing).writeManifest},
}

// After the commit every step can be repeated. Recover runs this list for a run
// that was cut off.
var completions = []step{
	{"finish files", (*publishing).finish},
	{"remove the files of compacted days", (*publishing).removeReplaced},
	{"switch current", (*publishing).switchCurrent},
	{"mark the superseded run of the day", (*publishing).markSuperseded},
	{"run what follows a commit", (*publishing).afterCommit},
	{"remove the spool", (*publishing).cleanUp},
	{"forget that the run was being published", (*publishing).forget},
}

// Publish makes a run visible: all of it or nothing. The caller holds the leases.
// After an *UnfinishedError the run is published.
func Publish(ctx context.Context, s store.Store, p Publication) (*Manifest, error) {
	// The hooks of what an earlier run left undone are those of this one.
	if err := Recover(ctx, s, p.Hooks); err != nil {
		return nil, err
	}
	m := p.Manifest
	m.Parent = p.Head.Run
	if m.Run == m.Parent {
		return nil, fmt.Errorf("publish run %s: it is committed", m.Run)
	}
	if p.Now == nil {
		p.Now = time.Now
	}
	w := &publishing{store: s, hooks: p.Hooks, m: &m, Publication: &p}
	if err := w.checkDate(ctx); err != nil {
		return nil, fmt.Errorf("publish run %s: %w", m.Run, err)
	}
	for _, st := range preparations {
		if err := st.run(w, ctx); err != nil {
			return nil, w.undo(ctx, fmt.Errorf("%s: %w", st.name, err))
		}
	}
	if err := w.commit(ctx); err != nil {
		return nil, err
	}
	return w.m, w.complete(ctx)
}

// checkDate refuses a run of a day before the last one's: it would rewrite
// history that later days build on.
func (w *publishing) checkDate(ctx context.Context) error {
	if w.m.Parent == "" {
		return nil
	}
	parent, err := ReadManifest(ctx, w.store, w.m.Parent)
	if err != nil {
		return err
	}
	if w.m.Date < parent.Date {
		return fmt.Errorf("its snapshot date %s is before %s, the date of the last run", w.m.Date, parent.Date)
	}
	return nil
}

func (w *publishing) note(ctx context.Context) error {
	return w.store.Put(ctx, pendingPrefix+w.m.Run, []byte(w.m.Parent+"\n"))
}

// concurrency of staging and finishing: a destination answers many at once.
const concurrency = 8

func (w *publishing) stage(ctx context.Context) error {
	w.m.Tables, w.m.Events, w.m.Replaced = nil, nil, slices.Sorted(slices.Values(w.Publication.Replaced))
	for _, t := range w.Publication.Tables {
		w.m.Tables = append(w.m.Tables, w.table(t.Schema, t.File, SnapshotPath(t.Schema, w.m.Date)))
	}
	for _, e := range w.Publication.Events {
		w.m.Events = append(w.m.Events, w.table(e.Schema, e.File, EventPath(e.Schema, e.Date, w.m.Run)))
	}
	if err := w.m.check(); err != nil { // before anything is sent
		return err
	}
	g, ctx := errgroup.WithContext(ctx)
	g.SetLimit(concurrency)
	put := func(t *ManifestTable, f File) {
		g.Go(func() error {
			st, err := w.store.Stage(ctx, w.m.Run, t.Path, store.File{Path: f.Path, Size: f.Bytes, SHA256: f.SHA256})
			if err == nil {
				t.Staged = &st
			}
			return err
		})
	}
	for i := range w.m.Tables {
		put(&w.m.Tables[i], w.Publication.Tables[i].File)
	}
	for i := range w.m.Events {
		put(&w.m.Events[i], w.Publication.Events[i].File)
	}
	if err := g.Wait(); err != nil {
		return err
	}
	for _, t := range w.Kept {
		t.Staged = nil // its own run has finished it
		w.m.Tables = append(w.m.Tables, t)
	}
	nameCurrent(w.m.Tables)
	slices.SortFunc(w.m.Tables, func(a, b ManifestTable) int { return strings.Compare(a.Path, b.Path) })
	slices.SortFunc(w.m.Events, func(a, b ManifestTable) int { return strings.Compare(a.Path, b.Path) })
	return nil
}

func (w *publishing) table(sch *schema.Schema, f File, path string) ManifestTable {
	return ManifestTable{Table: sch.Table, Version: sch.Version, Minor: sch.Minor, SchemaHash: sch.Hash(), Path: path, Rows: f.Rows, Bytes: f.Bytes, SHA256: f.SHA256, WrittenBy: w.m.Run}
}

// nameCurrent gives the newest major version of a table its bare name.
func nameCurrent(tables []ManifestTable) {
	newest := map[string]int{}
	for _, t := range tables {
		newest[t.Table] = max(newest[t.Table], t.Version)
	}
	for i, t := range tables {
		tables[i].Current = t.ID() + ".parquet"
		if t.Version == newest[t.Table] {
			tables[i].Current = t.Table + ".parquet"
		}
	}
}

func (w *publishing) writeManifest(ctx context.Context) error {
	w.m.CommittedAt = w.Now().UTC()
	text, err := w.m.Format()
	if err != nil {
		return err
	}
	return w.store.Put(ctx, manifestPath(w.m.Run), text)
}

// commit is the moment at which readers see the run.
func (w *publishing) commit(ctx context.Context) error {
	for _, l := range w.Leases {
		if err := l.Check(ctx); err != nil {
			return w.undo(ctx, fmt.Errorf("commit: %w", err))
		}
	}
	_, err := w.store.SwapHead(ctx, w.Head, w.m.Run)
	if err == nil {
		return nil
	}
	// An answer may have been lost.
	ctx = context.WithoutCancel(ctx)
	committed, tellErr := w.committed(ctx)
	switch {
	case tellErr != nil:
		// What was staged stays until someone can tell.
		return fmt.Errorf("commit: %w", errors.Join(err, tellErr))
	case committed:
		return nil
	}
	return w.undo(ctx, fmt.Errorf("commit: %w", err))
}

// committed reports whether the run is among the commits since the one that it
// was to follow: others may have followed it by now.
func (w *publishing) committed(ctx context.Context) (bool, error) {
	head, err := w.store.Head(ctx)
	if err != nil {
		return false, err
	}
	for run := head.Run; run != "" && run != w.Head.Run; {
		if run == w.m.Run {
			return true, nil
		}
		m, err := ReadManifest(ctx, w.store, run)
		if err != nil {
			return false, err
		}
		run = m.Parent
	}
	return false, nil
}

// undo removes what preparations have left, also when the run was interrupted.
// It touches nothing but what this run has staged: who has lost the lease is
// not alone.
func (w *publishing) undo(ctx context.Context, cause error) error {
	ctx = context.WithoutCancel(ctx)
	errs := []error{cause}
	for _, t := range slices.Concat(w.m.Tables, w.m.Events) {
		if t.Staged != nil {
			errs = append(errs, w.store.Discard(ctx, *t.Staged))
		}
	}
	if errors.Join(errs[1:]...) == nil {
		errs = append(errs, forgetRun(ctx, w.store, w.m.Run))
	}
	return fmt.Errorf("publish run %s: %w", w.m.Run, errors.Join(errs...))
}

// forgetRun removes what names a run that was not committed.
func forgetRun(ctx context.Context, s store.Store, run string) error {
	if err := s.Delete(ctx, manifestPath(run)); err != nil {
		return err
	}
	return s.Delete(ctx, pendingPrefix+run)
}

// complete runs the completions. It stops when another run was committed: who
// did that has completed this one.
func (w *publishing) complete(ctx context.Context) error {
	for _, st := range completions {
		head, err := w.store.Head(ctx)
		if err == nil && head.Run != w.m.Run {
			err = fmt.Errorf("%w: run %s", store.ErrConflict, head.Run)
		}
		if err == nil {
			err = st.run(w, ctx)
		}
		if err != nil {
			return &UnfinishedError{w.m.Run, fmt.Errorf("%s: %w", st.name, err)}
		}
	}
	return nil
}

func (w *publishing) finish(ctx context.Context) error {
	g, ctx := errgroup.WithContext(ctx)
	g.SetLimit(concurrency)
	for _, t := range slices.Concat(w.m.Tables, w.m.Events) {
		if t.Staged != nil {
			g.Go(func() error { return w.store.Finish(ctx, *t.Staged) })
		}
	}
	return g.Wait()
}

// removeReplaced removes files whose rows stand in those that are finished now.
func (w *publishing) removeReplaced(ctx context.Context) error {
	byDate := map[string][]store.Info{}
	for _, name := range w.m.Replaced {
		date := eventRE.FindStringSubmatch(name)[1]
		byDate[date] = append(byDate[date], store.Info{Name: name})
	}
	for date, files := range byDate {
		if err := removeNoted(ctx, w.store, date, files); err != nil {
			return err
		}
	}
	return nil
}

func (w *publishing) switchCurrent(ctx context.Context) error {
	var links []store.Link
	for _, t := range w.m.Tables {
		links = append(links, store.Link{As: t.Current, Name: t.Path, Size: t.Bytes, SHA256: t.SHA256})
	}
	return w.store.SwitchCurrent(ctx, w.m.Run, links)
}

// markSuperseded notes in the manifest of an earlier run of the day that files
// of it were replaced.
func (w *publishing) markSuperseded(ctx context.Context) error {
	if w.m.Parent == "" {
		return nil
	}
	parent, err := ReadManifest(ctx, w.store, w.m.Parent)
	if err != nil {
		return err
	}
	if parent.Date != w.m.Date || parent.SupersededBy == w.m.Run {
		return nil
	}
	parent.SupersededBy = w.m.Run
	text, err := parent.Format()
	if err != nil {
		return err
	}
	return w.store.Put(ctx, manifestPath(parent.Run), text)
}

func (w *publishing) afterCommit(ctx context.Context) error {
	if w.hooks.AfterCommit == nil {
		return nil
	}
	return w.hooks.AfterCommit(ctx, w.m)
}

func (w *publishing) cleanUp(ctx context.Context) error {
	if w.hooks.Cleanup == nil {
		return nil
	}
	return w.hooks.Cleanup(ctx, w.m.Run)
}

func (w *publishing) forget(ctx context.Context) error {
	return w.store.Delete(ctx, pendingPrefix+w.m.Run)
}

// Recover finishes what a run that was cut off has left: a committed run is
// completed, what other ones staged is discarded. Every command that may write
// calls it first; when nothing is left it has no effect. The caller holds
// Commit.
func Recover(ctx context.Context, s store.Store, hooks Hooks) error {
	pending, err := s.List(ctx, pendingPrefix)
	if err != nil {
		return fmt.Errorf("recover: %w", err)
	}
	if len(pending) == 0 {
		return nil
	}
	head, err := s.Head(ctx)
	if err != nil {
		return fmt.Errorf("recover: %w", err)
	}
	for _, p := range pending {
		if run := strings.TrimPrefix(p.Name, pendingPrefix); run == head.Run {
			m, err := ReadManifest(ctx, s, run)
			if err != nil {
				return fmt.Errorf("recover run %s: %w", run, err)
			}
			if err := (&publishing{store: s, hooks: hooks, m: m}).complete(ctx); err != nil {
				return fmt.Errorf("recover: %w", err)
			}
		}
	}
	if err := Sweep(ctx, s); err != nil {
		return fmt.Errorf("recover: %w", err)
	}
	for _, p := range pending {
		if run := strings.TrimPrefix(p.Name, pendingPrefix); run != head.Run {
			if err := forgetRun(ctx, s, run); err != nil {
				return fmt.Errorf("discard what run %s left: %w", run, err)
			}
		}
	}
	return nil
}

// swept are the names that runs stage files under.
var swept = []string{"snapshots/", "events/"}

// Sweep discards what runs that have ended staged and did not finish, also
// where they left no note. The caller holds Commit, and has recovered.
func Sweep(ctx context.Context, s store.Store) error {
	left, err := Unfinished(ctx, s)
	if err != nil {
		return err
	}
	for _, st := range left {
		if err := s.Discard(ctx, st); err != nil {
			return fmt.Errorf("discard what an earlier run staged: %w", err)
		}
	}
	return nil
}

// Unfinished returns what runs of snapshots have staged and not finished, but
// for the last commit, which completes what it staged.
func Unfinished(ctx context.Context, s store.Store) ([]store.Staged, error) {
	var left []store.Staged
	for _, prefix := range swept {
		found, err := s.Unfinished(ctx, prefix)
		if err != nil {
			return nil, fmt.Errorf("look for what earlier runs staged: %w", err)
		}
		left = append(left, found...)
	}
	if len(left) == 0 {
		return nil, nil
	}
	head, err := s.Head(ctx)
	if err != nil || head.Run == "" {
		return left, err
	}
	m, err := ReadManifest(ctx, s, head.Run)
	if err != nil {
		return nil, fmt.Errorf("look for what earlier runs staged: %w", err)
	}
	type upload struct{ name, token string }
	committed := map[upload]bool{}
	for _, t := range slices.Concat(m.Tables, m.Events) {
		if t.Staged != nil {
			committed[upload{t.Staged.Name, t.Staged.Token}] = true
		}
	}
	return slices.DeleteFunc(left, func(st store.Staged) bool {
		return committed[upload{st.Name, st.Token}] && (st.Run == "" || st.Run == m.Run)
	}), nil
}

// ReadManifest reads the manifest of a run; the error is fs.ErrNotExist when
// there was no such run.
func ReadManifest(ctx context.Context, s store.Store, run string) (*Manifest, error) {
	text, err := s.Get(ctx, manifestPath(run))
	if err != nil {
		return nil, err
	}
	m, err := ParseManifest(text)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", manifestPath(run), err)
	}
	if m.Run != run {
		return nil, fmt.Errorf("%s: run %s: expected %s", manifestPath(run), m.Run, run)
	}
	return m, nil
}
