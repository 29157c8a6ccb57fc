package load

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"slices"
	"time"

	"golang.org/x/sync/errgroup"

	"stocktake/load/store"
)

// DropStore is the part of a store that takes no more than the right to put
// objects and to abort uploads.
type DropStore interface {
	Stage(ctx context.Context, run, name string, from store.File) (store.Staged, error)
	Finish(ctx context.Context, s store.Staged) error
	Discard(ctx context.Context, s store.Staged) error
	Put(ctx context.Context, name string, data []byte) error
}

// LostError says that a run was cut off after its commit and cannot be finished
// any more: an upload is gone, and so is the file that it was made from.
// Nothing is left to be done about it; readers do not see the run.
type LostError struct {
	Run string
	Err error
}

func (e *LostError) Error() string {
	return fmt.Sprintf("run %s was committed and cannot be finished any more: %v", e.Run, e.Err)
}

func (e *LostError) Unwrap() error { return e.Err }

// Drop writes a run to a destination that cannot be read back. There is no
// lease, no pointer, no current/, and nothing is carried over from earlier
// runs: readers take a run whose manifest is there for whole. The commit is a
// local journal in a directory, from which RecoverDrop goes on; until then the
// run's files stay where they are. The caller has recovered what earlier runs
// left, and makes sure that no other process uses the directory. After an
// *UnfinishedError the run is committed.
func Drop(ctx context.Context, s DropStore, journalDir string, p Publication) (*Manifest, error) {
	d := &dropping{store: s, journal: openDropJournal(journalDir, p.Manifest.Run), hooks: p.Hooks}
	return d.drop(ctx, p)
}

// RecoverDrop finishes what a run that was cut off has committed, and aborts
// the uploads of one that was not. When nothing is left it has no effect. Runs
// that cannot be finished any more are told once, and nothing is left of them.
func RecoverDrop(ctx context.Context, s DropStore, journalDir string, hooks Hooks) (lost []*LostError, err error) {
	runs, err := dropJournals(journalDir)
	if err != nil {
		return nil, fmt.Errorf("recover: %w", err)
	}
	for _, run := range runs {
		d := &dropping{store: s, journal: openDropJournal(journalDir, run), hooks: hooks}
		gone, err := d.recover(ctx)
		if gone != nil {
			lost = append(lost, gone)
		}
		if err != nil {
			// Later ones may be of the same day, and must come last.
			return lost, fmt.Errorf("recover: %w", err)
		}
	}
	return lost, nil
}

// dropping is a drop on its way.
type dropping struct {
	store   DropStore
	journal *dropJournal
	hooks   Hooks
	dropCommit
}

func (d *dropping) drop(ctx context.Context, p Publication) (*Manifest, error) {
	if p.Head.Run != "" || len(p.Kept) > 0 {
		return nil, fmt.Errorf("drop run %s: it builds on run %s: expected one that stands alone", p.Manifest.Run, p.Head.Run)
	}
	if p.Now == nil {
		p.Now = time.Now
	}
	m := p.Manifest
	m.FormatVersion, m.Parent, m.Tables, m.Events = ManifestVersion, "", nil, nil
	d.Manifest, d.Files = &m, map[string]string{}
	err := d.stage(ctx, p)
	if err == nil {
		m.CommittedAt = p.Now().UTC()
		err = d.journal.commit(d.dropCommit)
	}
	if err != nil {
		return nil, fmt.Errorf("drop run %s: %w", m.Run, errors.Join(err, d.undo(context.WithoutCancel(ctx))))
	}
	if err := d.complete(ctx); err != nil {
		return &m, &UnfinishedError{m.Run, err}
	}
	return &m, nil
}

// stage sends the files, and journals each upload once it is made.
func (d *dropping) stage(ctx context.Context, p Publication) error {
	m := d.Manifest
	paths := &publishing{m: m}
	var from []store.File
	add := func(to *[]ManifestTable, t ManifestTable, f File) {
		*to = append(*to, t)
		d.Files[t.Path] = f.Path
		from = append(from, store.File{Path: f.Path, Size: f.Bytes, SHA256: f.SHA256})
	}
	for _, t := range p.Tables {
		add(&m.Tables, paths.table(t.Schema, t.File, SnapshotPath(t.Schema, m.Date)), t.File)
	}
	for _, e := range p.Events {
		add(&m.Events, paths.table(e.Schema, e.File, EventPath(e.Schema, e.Date, m.Run)), e.File)
	}
	if err := m.check(); err != nil {
		return err
	}
	g, ctx := errgroup.WithContext(ctx)
	g.SetLimit(concurrency)
	for i, t := range d.files() {
		g.Go(func() error {
			st, err := d.send(ctx, t.Path, from[i])
			t.Staged = st
			return err
		})
	}
	return g.Wait()
}

// send stages a file and journals the upload. It returns the upload also when
// the journal fails.
func (d *dropping) send(ctx context.Context, name string, from store.File) (*store.Staged, error) {
	st, err := d.store.Stage(ctx, d.Manifest.Run, name, from)
	if err != nil {
		return nil, err
	}
	return &st, d.journal.append(st)
}

// files are the tables' and the events' entries of the manifest.
func (c *dropCommit) files() (all []*ManifestTable) {
	for _, list := range [][]ManifestTable{c.Manifest.Tables, c.Manifest.Events} {
		for i := range list {
			all = append(all, &list[i])
		}
	}
	return all
}

// undo takes back a run that is not committed.
func (d *dropping) undo(ctx context.Context) error {
	// A commit that failed may have been written all the same.
	if err := d.journal.remove(commitSuffix); err != nil {
		return err
	}
	var errs []error
	for _, t := range d.files() {
		if t.Staged != nil {
			errs = append(errs, d.store.Discard(ctx, *t.Staged))
		}
	}
	if err := errors.Join(errs...); err != nil {
		return err // the next start aborts what the journal names
	}
	return d.journal.remove(stagedSuffix)
}

func (d *dropping) recover(ctx context.Context) (lost *LostError, err error) {
	commit, err := d.journal.committed()
	if errors.Is(err, fs.ErrNotExist) {
		return nil, d.forget(ctx)
	}
	if err != nil {
		return nil, err
	}
	d.dropCommit = *commit
	err = d.complete(ctx)
	if errors.As(err, &lost) {
		return lost, d.forget(ctx)
	}
	if err != nil {
		return nil, &UnfinishedError{commit.Manifest.Run, err}
	}
	return nil, nil
}

// forget drops a run that is not going to be finished: first what says that it
// is, then what it has left.
func (d *dropping) forget(ctx context.Context) error {
	if err := d.journal.remove(commitSuffix); err != nil {
		return err
	}
	if err := d.discard(ctx, nil); err != nil {
		return err
	}
	return d.journal.remove(stagedSuffix)
}

// discard aborts the uploads that the journal names, but for those in keep.
func (d *dropping) discard(ctx context.Context, keep map[string]string) error {
	staged, err := d.journal.staged()
	if err != nil {
		return err
	}
	for _, st := range staged {
		if token, ok := keep[st.Name]; ok && token == st.Token {
			continue
		}
		if err := d.store.Discard(ctx, st); err != nil {
			return err
		}
	}
	return nil
}

// complete makes a committed run visible. All of it may be repeated.
func (d *dropping) complete(ctx context.Context) error {
	finished := map[string]string{}
	tokens := make([]string, len(d.files()))
	g, finishing := errgroup.WithContext(ctx)
	g.SetLimit(concurrency)
	for i, t := range d.files() {
		g.Go(func() (err error) {
			tokens[i], err = d.finish(finishing, t)
			return err
		})
	}
	if err := g.Wait(); err != nil {
		return err
	}
	m := *d.Manifest
	m.Tables, m.Events = slices.Clone(m.Tables), slices.Clone(m.Events)
	for i, t := range (&dropCommit{Manifest: &m}).files() {
		finished[t.Path], t.Staged = tokens[i], nil
	}
	text, err := m.Format()
	if err != nil {
		return err
	}
	if err := d.store.Put(ctx, manifestPath(m.Run), text); err != nil {
		return err
	}
	if err := d.discard(ctx, finished); err != nil { // uploads that others have replaced
		return err
	}
	if err := errors.Join(d.journal.remove(stagedSuffix), d.journal.remove(commitSuffix)); err != nil {
		return err
	}
	if d.hooks.Cleanup == nil {
		return nil
	}
	return d.hooks.Cleanup(ctx, m.Run)
}

// finish finishes an upload and returns its token. When the upload is gone,
// whether finished or not, the file is sent again.
func (d *dropping) finish(ctx context.Context, t *ManifestTable) (token string, err error) {
	err = d.store.Finish(ctx, *t.Staged)
	if err == nil || ctx.Err() != nil {
		return t.Staged.Token, err
	}
	from := store.File{Path: d.Files[t.Path], Size: t.Bytes, SHA256: t.SHA256}
	info, statErr := os.Stat(from.Path)
	if errors.Is(statErr, fs.ErrNotExist) || statErr == nil && info.Size() != from.Size {
		return "", &LostError{d.Manifest.Run, fmt.Errorf("%w, and its file %s is gone too", err, from.Path)}
	}
	st, again := d.send(ctx, t.Path, from)
	if again == nil {
		again = d.store.Finish(ctx, *st)
	}
	if again != nil {
		return "", errors.Join(err, again)
	}
	return st.Token, nil
}
