package load

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"time"

	"golang.org/x/sync/errgroup"

	"stocktake/internal/runid"
	"stocktake/internal/spool"
	"stocktake/load/store"
)

// LeftoverKind says what a leftover is. Programs read it.
type LeftoverKind string

const (
	LeftoverStaged   LeftoverKind = "staged"   // a file or an upload that has no name yet
	LeftoverNote     LeftoverKind = "note"     // that a run began to publish
	LeftoverManifest LeftoverKind = "manifest" // of a run that was not committed
	LeftoverSpool    LeftoverKind = "spool"    // what a run had collected
	LeftoverSnapshot LeftoverKind = "snapshot" // a file that no manifest names
)

// Leftover is something that a run has left behind.
type Leftover struct {
	Kind  LeftoverKind
	Name  string    // in the warehouse, or a folder of this machine
	Run   string    // "" where it is not known
	Size  int64     // bytes
	Since time.Time // when its run began; zero where it is not known
	Why   string    // one clause
	Keep  bool      // Clean leaves it alone: it may be of use, or tell of a fault

	staged store.Staged
}

// ResumeWithin is how old the spool of a stopped run may be to go on with: its
// rows are of the day that the snapshot is named after.
const ResumeWithin = 24 * time.Hour

// Leftovers lists what ended runs have left in the warehouse and in the folder
// of spools. Of a run that still goes on it lists the same: who holds all leases
// knows that there is none.
func Leftovers(ctx context.Context, s store.Store, spools string, now time.Time) ([]Leftover, error) {
	head, err := s.Head(ctx)
	if err != nil {
		return nil, fmt.Errorf("look for leftovers: %w", err)
	}
	l := &looking{store: s, head: head.Run, spoolDir: spools, now: now}
	for _, look := range []func(context.Context) error{l.staged, l.notes, l.manifests, l.snapshots, l.spools} {
		if err := look(ctx); err != nil {
			return nil, fmt.Errorf("look for leftovers: %w", err)
		}
	}
	return l.found, nil
}

// Clean removes the leftovers that are not to be kept. It may be cut off
// anywhere and called again. The caller holds all leases, as it did when it
// listed them.
func Clean(ctx context.Context, s store.Store, leftovers []Leftover) error {
	// Backwards: the note of a run goes after its manifest, whose run it tells.
	for _, l := range slices.Backward(leftovers) {
		if l.Keep {
			continue
		}
		if err := ctx.Err(); err != nil {
			return fmt.Errorf("clean: %w", err)
		}
		if err := l.remove(ctx, s); err != nil {
			return fmt.Errorf("clean: remove %s %s: %w", l.Kind, l.Name, err)
		}
	}
	return nil
}

func (l Leftover) remove(ctx context.Context, s store.Store) error {
	switch l.Kind {
	case LeftoverStaged:
		return s.Discard(ctx, l.staged)
	case LeftoverSpool:
		return spool.Remove(l.Name)
	}
	return s.Delete(ctx, l.Name)
}

// looking is a search for leftovers.
type looking struct {
	store    store.Store
	head     string
	spoolDir string
	now      time.Time

	pending map[string]bool      // runs with a note
	whole   map[string]*Manifest // of runs that readers see, or saw
	found   []Leftover
}

func (l *looking) add(f Leftover) {
	if f.Since.IsZero() {
		f.Since = begun(f.Run)
	}
	l.found = append(l.found, f)
}

// begun reads when a run began from its ID; the zero time where it does not say.
func begun(run string) time.Time {
	t, err := runid.Start(run)
	if err != nil {
		return time.Time{}
	}
	return t
}

// probes are staged to find out whether a destination can be written.
const probes = "runs/probe-"

func (l *looking) staged(ctx context.Context) error {
	left, err := Unfinished(ctx, l.store)
	if err != nil {
		return err
	}
	probed, err := l.store.Unfinished(ctx, probes)
	if err != nil {
		return err
	}
	for _, st := range append(left, probed...) {
		run := st.Run
		if !runRE.MatchString(run) {
			run = ""
		}
		l.add(Leftover{Kind: LeftoverStaged, Name: st.Name, Run: run, Size: st.Size, Why: "no commit is going to finish it", staged: st})
	}
	return nil
}

func (l *looking) notes(ctx context.Context) error {
	notes, err := l.store.List(ctx, pendingPrefix)
	if err != nil {
		return err
	}
	l.pending = map[string]bool{}
	for _, n := range notes {
		run := strings.TrimPrefix(n.Name, pendingPrefix)
		l.pending[run] = true
		f := Leftover{Kind: LeftoverNote, Name: n.Name, Run: run, Size: n.Size, Why: "its run ended before the commit"}
		if run == l.head {
			f.Keep, f.Why = true, "its run is committed and not completed; the next run does that first"
		}
		l.add(f)
	}
	return nil
}

var manifestRE = regexp.MustCompile(`^runs/([^/]+)\.json$`)

func (l *looking) manifests(ctx context.Context) error {
	files, err := l.store.List(ctx, "runs/")
	if err != nil {
		return err
	}
	files = slices.DeleteFunc(files, func(f store.Info) bool { return !manifestRE.MatchString(f.Name) })
	read := make([]*Manifest, len(files))
	problems := make([]error, len(files))
	g, reading := errgroup.WithContext(ctx)
	g.SetLimit(concurrency)
	for i, f := range files {
		g.Go(func() error {
			text, err := l.store.Get(reading, f.Name)
			if err != nil {
				return err
			}
			read[i], problems[i] = ParseManifest(text)
			return nil
		})
	}
	if err := g.Wait(); err != nil {
		return err
	}
	all := map[string]*Manifest{}
	for i, m := range read {
		if m != nil && manifestPath(m.Run) == files[i].Name {
			all[m.Run] = m
		}
	}
	chain, unbroken := l.chain(all)
	l.whole = map[string]*Manifest{}
	for i, f := range files {
		run := manifestRE.FindStringSubmatch(f.Name)[1]
		m := all[run]
		switch {
		case problems[i] != nil:
			l.add(Leftover{Kind: LeftoverManifest, Name: f.Name, Run: run, Size: f.Size, Why: "it is damaged: " + problems[i].Error(), Keep: true})
		case m == nil:
			l.add(Leftover{Kind: LeftoverManifest, Name: f.Name, Run: run, Size: f.Size, Why: "it is of another run than its name says: " + read[i].Run, Keep: true})
		case chain[run], m.SupersededBy != "", !l.pending[run] && (!unbroken || dropped(m)):
			l.whole[run] = m
		default:
			l.add(Leftover{Kind: LeftoverManifest, Name: f.Name, Run: run, Size: f.Size, Since: m.StartedAt, Why: "its run ended before the commit"})
		}
	}
	return nil
}

// chain returns the runs that were committed: the last one and all before it.
// When a manifest of them is missing, or the pointer to the last one, nobody
// knows what was before it.
func (l *looking) chain(all map[string]*Manifest) (committed map[string]bool, unbroken bool) {
	committed = map[string]bool{}
	if l.head == "" {
		return committed, false
	}
	for run := l.head; run != ""; run = all[run].Parent {
		if all[run] == nil || committed[run] {
			return committed, false
		}
		committed[run] = true
	}
	return committed, true
}

// dropped reports whether a manifest is one that Drop has written: it comes
// after its files, so nothing in it is staged, and there is no commit.
func dropped(m *Manifest) bool {
	return !slices.ContainsFunc(slices.Concat(m.Tables, m.Events), func(t ManifestTable) bool { return t.Staged != nil })
}

func (l *looking) snapshots(ctx context.Context) error {
	files, err := l.store.List(ctx, "snapshots/")
	if err != nil {
		return err
	}
	named := map[string]bool{}
	for _, m := range l.whole {
		for _, t := range m.Tables {
			named[t.Path] = true
		}
	}
	for _, f := range files {
		if !named[f.Name] {
			_, day, _ := snapshotOf(f.Name)
			l.add(Leftover{Kind: LeftoverSnapshot, Name: f.Name, Size: f.Size, Since: day, Why: "no manifest names it", Keep: true})
		}
	}
	return nil
}

// Folders of spools are named after runs.
var spoolRE = regexp.MustCompile(`^\d{8}T\d{6}Z-[0-9a-f]{6}$`)

func (l *looking) spools(context.Context) error {
	entries, err := os.ReadDir(l.spoolDir)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	whole, err := spool.Find(l.spoolDir)
	if err != nil {
		return err
	}
	for _, e := range entries {
		dir := filepath.Join(l.spoolDir, e.Name())
		f := Leftover{Kind: LeftoverSpool, Name: dir, Run: e.Name()}
		switch {
		case slices.Contains(whole, dir):
			l.resumable(&f)
		case e.IsDir() && spoolRE.MatchString(e.Name()):
			f.Why = "it is what a removal that was cut off has left"
		default:
			continue
		}
		if f.Size, err = sizeOf(dir); err != nil {
			return err
		}
		l.add(f)
	}
	return nil
}

// resumable says whether the run of a spool can go on.
func (l *looking) resumable(f *Leftover) {
	meta, err := spool.ReadMeta(f.Name)
	if err != nil {
		f.Why = "its run cannot go on: " + err.Error()
		return
	}
	f.Run, f.Since = meta.RunID, meta.StartedAt
	switch until := meta.StartedAt.Add(ResumeWithin); {
	case meta.RunID == l.head:
		f.Why = "its run is committed"
	case !l.apart(meta):
		f.Why = "its run cannot go on: another one was committed since"
	case l.now.After(until):
		f.Why = "its run cannot go on: it was stopped more than a day ago"
	default:
		f.Keep, f.Why = true, "its run can be resumed until "+until.UTC().Format(time.RFC3339)
	}
}

// apart reports whether no run that shares a lease with that of a spool was
// committed since this began.
func (l *looking) apart(meta spool.Meta) bool {
	run := l.head
	for run != meta.Parent && l.whole[run] != nil && !l.whole[run].shares(meta.Leases) {
		run = l.whole[run].Parent
	}
	return run == meta.Parent
}

func sizeOf(dir string) (size int64, err error) {
	err = filepath.WalkDir(dir, func(_ string, e fs.DirEntry, err error) error {
		if errors.Is(err, fs.ErrNotExist) {
			return nil
		}
		if err != nil || e.IsDir() {
			return err
		}
		info, err := e.Info()
		if errors.Is(err, fs.ErrNotExist) {
			return nil
		}
		if err == nil {
			size += info.Size()
		}
		return err
	})
	return size, err
}
