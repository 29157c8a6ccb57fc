// Package local keeps a warehouse in a directory of a local disk. What is
// staged, the generations that current/ leads to, and the lock have names that
// begin with a dot.
package local

import (
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"

	"stocktake/internal/disk"
	"stocktake/load/store"
)

const (
	stagingDir     = ".staging"
	generationsDir = ".generations"
	leasesDir      = ".leases"
	currentLink    = "current"
	headName       = "runs/HEAD"
)

// Store is a warehouse in a directory.
type Store struct {
	root string
	// change, if set, is called before each change of the disk with what is
	// about to be done; an error stops it.
	change func(what string) error
}

// Option changes how a store works.
type Option func(*Store)

// BeforeChange calls f before each single change of the disk, and does not make
// the change when f fails: so a test can end a process between any two of them.
func BeforeChange(f func(what string) error) Option {
	return func(s *Store) { s.change = f }
}

// Open opens the warehouse in a directory, which it makes if there is none.
func Open(root string, options ...Option) (*Store, error) {
	absolute, err := filepath.Abs(root)
	if err != nil {
		return nil, fmt.Errorf("open warehouse: %w", err)
	}
	s := &Store{root: absolute, change: func(string) error { return nil }}
	for _, o := range options {
		o(s)
	}
	if err := s.makeDir(absolute); err != nil {
		return nil, fmt.Errorf("open warehouse: %w", err)
	}
	return s, nil
}

// Root implements store.Store: the directory.
func (s *Store) Root() string { return s.root }

func (s *Store) path(name string) (string, error) {
	if err := store.CheckName(name); err != nil {
		return "", err
	}
	return filepath.Join(s.root, filepath.FromSlash(name)), nil
}

// makeDir makes a directory and its parents, durably.
func (s *Store) makeDir(dir string) error {
	if info, err := os.Stat(dir); err == nil {
		if !info.IsDir() {
			return fmt.Errorf("%s is not a directory", dir)
		}
		return nil
	}
	parent := filepath.Dir(dir)
	if parent != dir {
		if err := s.makeDir(parent); err != nil {
			return err
		}
	}
	if err := s.change("make directory " + dir); err != nil {
		return err
	}
	if err := os.Mkdir(dir, 0o755); err != nil && !errors.Is(err, fs.ErrExist) {
		return err
	}
	return disk.SyncDir(parent)
}

// move renames durably.
func (s *Store) move(from, to string) error {
	if err := s.change("rename " + from + " to " + to); err != nil {
		return err
	}
	if err := os.Rename(from, to); err != nil {
		return err
	}
	return disk.SyncDir(filepath.Dir(to))
}

func (s *Store) remove(what string) error {
	if err := s.change("remove " + what); err != nil {
		return err
	}
	return os.RemoveAll(what)
}

// write writes a small file, at once and as a whole.
func (s *Store) write(name string, data []byte) error {
	if err := s.makeDir(filepath.Dir(name)); err != nil {
		return err
	}
	temporary := temporaryOf(name)
	if err := s.change("write " + temporary); err != nil {
		return err
	}
	if err := os.WriteFile(temporary, data, 0o644); err != nil {
		return err
	}
	if err := disk.SyncFile(temporary); err != nil {
		return err
	}
	return s.move(temporary, name)
}

// temporaryOf is where a small file is written before it gets its name.
func temporaryOf(name string) string {
	return filepath.Join(filepath.Dir(name), "."+filepath.Base(name)+".new")
}

// Probe implements store.Store.
func (s *Store) Probe(ctx context.Context) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	f, err := os.CreateTemp(s.root, ".probe-*")
	if err != nil {
		return fmt.Errorf("write to the warehouse %s: %w; check the permissions of the folder, and whether its disk is mounted to be written", s.root, err)
	}
	_, err = f.Write([]byte("stocktake\n"))
	if err == nil {
		err = f.Sync()
	}
	if err := errors.Join(err, f.Close(), os.Remove(f.Name())); err != nil {
		return fmt.Errorf("write to the warehouse %s: %w; check the free space and the state of its disk", s.root, err)
	}
	return nil
}

// Put implements store.Store.
func (s *Store) Put(_ context.Context, name string, data []byte) error {
	p, err := s.path(name)
	if err == nil {
		err = s.write(p, data)
	}
	if err != nil {
		return fmt.Errorf("put %s: %w", name, err)
	}
	return nil
}

// Get implements store.Store.
func (s *Store) Get(_ context.Context, name string) ([]byte, error) {
	p, err := s.path(name)
	if err != nil {
		return nil, fmt.Errorf("get %s: %w", name, err)
	}
	data, err := os.ReadFile(p)
	if err != nil {
		return nil, fmt.Errorf("get %s: %w", name, err)
	}
	return data, nil
}

// List implements store.Store.
func (s *Store) List(_ context.Context, prefix string) ([]store.Info, error) {
	dir, err := s.path(strings.TrimSuffix(prefix, "/"))
	if err != nil {
		return nil, fmt.Errorf("list %s: %w", prefix, err)
	}
	var found []store.Info
	err = filepath.WalkDir(dir, func(p string, e fs.DirEntry, err error) error {
		switch {
		case errors.Is(err, fs.ErrNotExist):
			return nil // it was removed meanwhile, or there is nothing at all
		case err != nil:
			return err
		case strings.HasPrefix(e.Name(), ".") && e.IsDir():
			return filepath.SkipDir
		case strings.HasPrefix(e.Name(), "."), e.IsDir():
			return nil
		}
		info, err := e.Info()
		if errors.Is(err, fs.ErrNotExist) {
			return nil
		}
		if err != nil {
			return err
		}
		name, err := filepath.Rel(s.root, p)
		found = append(found, store.Info{Name: filepath.ToSlash(name), Size: info.Size()})
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("list %s: %w", prefix, err)
	}
	slices.SortFunc(found, func(a, b store.Info) int { return strings.Compare(a.Name, b.Name) })
	return found, nil
}

// Delete implements store.Store.
func (s *Store) Delete(_ context.Context, name string) error {
	p, err := s.path(name)
	if err != nil {
		return fmt.Errorf("delete %s: %w", name, err)
	}
	if err := s.change("remove " + p); err != nil {
		return err
	}
	for _, gone := range []string{p, temporaryOf(p)} { // a Put may have been cut off
		if err := os.Remove(gone); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return fmt.Errorf("delete %s: %w", name, err)
		}
	}
	if err := disk.SyncDir(filepath.Dir(p)); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("delete %s: %w", name, err)
	}
	if strings.HasPrefix(name, "snapshots/") { // which only the holder of their lease changes
		if err := s.removeEmpty(filepath.Dir(p)); err != nil {
			return fmt.Errorf("delete %s: %w", name, err)
		}
	}
	return nil
}

// removeEmpty removes a folder in which nothing is left: engines take one for a
// day without rows.
func (s *Store) removeEmpty(dir string) error {
	if left, err := os.ReadDir(dir); err != nil || len(left) > 0 {
		if errors.Is(err, fs.ErrNotExist) {
			return nil
		}
		return err
	}
	if err := s.change("remove " + dir); err != nil {
		return err
	}
	if err := os.Remove(dir); err != nil && !errors.Is(err, fs.ErrNotExist) && !errors.Is(err, syscall.ENOTEMPTY) {
		return err
	}
	return nil
}

// staged returns where a run's staged file of a name stands.
func (s *Store) staged(run, name string) (string, error) {
	if err := errors.Join(store.CheckName(run), store.CheckName(name)); err != nil {
		return "", err
	}
	if strings.Contains(run, "/") {
		return "", fmt.Errorf("run %q: expected no slash", run)
	}
	// One flat directory: each level of another one would cost a sync.
	return filepath.Join(s.root, stagingDir, escapeName.Replace(run+"/"+name)), nil
}

var (
	escapeName   = strings.NewReplacer("%", "%25", "/", "%2F")
	unescapeName = strings.NewReplacer("%25", "%", "%2F", "/")
)

// Stage implements store.Store. Within a file system it links the file, so that
// nothing is copied; the local file must not be changed afterwards.
func (s *Store) Stage(ctx context.Context, run, name string, from store.File) (store.Staged, error) {
	if err := s.stage(ctx, run, name, from); err != nil {
		return store.Staged{}, fmt.Errorf("stage %s: %w", name, err)
	}
	return store.Staged{Run: run, Name: name, Size: from.Size, SHA256: from.SHA256}, nil
}

func (s *Store) stage(ctx context.Context, run, name string, from store.File) error {
	to, err := s.staged(run, name)
	if err != nil {
		return err
	}
	if err := ctx.Err(); err != nil {
		return err
	}
	info, err := os.Stat(from.Path)
	if err != nil {
		return err
	}
	if info.Size() != from.Size {
		return fmt.Errorf("%s has %d bytes, expected %d", from.Path, info.Size(), from.Size)
	}
	if err := s.makeDir(filepath.Dir(to)); err != nil {
		return err
	}
	if err := s.remove(to); err != nil {
		return err
	}
	if err := s.change("link " + to); err != nil {
		return err
	}
	if err := os.Link(from.Path, to); err != nil {
		// Another file system, or one without hard links.
		if err := copyFile(from, to); err != nil {
			return err
		}
	}
	if err := disk.SyncFile(to); err != nil {
		return err
	}
	return disk.SyncDir(filepath.Dir(to))
}

func copyFile(from store.File, to string) (err error) {
	in, err := os.Open(from.Path)
	if err != nil {
		return err
	}
	defer in.Close()
	out, err := os.OpenFile(to, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o644)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, out.Close()) }()
	sum := sha256.New()
	if _, err := io.Copy(io.MultiWriter(out, sum), in); err != nil {
		return err
	}
	if got := hex.EncodeToString(sum.Sum(nil)); from.SHA256 != "" && got != from.SHA256 {
		return fmt.Errorf("%s has checksum %s, expected %s", from.Path, got, from.SHA256)
	}
	return nil
}

// Finish implements store.Store.
func (s *Store) Finish(_ context.Context, st store.Staged) error {
	if err := s.finish(st); err != nil {
		return fmt.Errorf("finish %s: %w", st.Name, err)
	}
	return nil
}

func (s *Store) finish(st store.Staged) error {
	from, err := s.staged(st.Run, st.Name)
	if err != nil {
		return err
	}
	to, err := s.path(st.Name)
	if err != nil {
		return err
	}
	if _, err := os.Lstat(from); err == nil {
		if err := s.makeDir(filepath.Dir(to)); err != nil {
			return err
		}
		if err := s.move(from, to); err != nil {
			return err
		}
	} else if !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	return sameSize(to, st.Size) // it may have been finished before
}

func sameSize(name string, size int64) error {
	info, err := os.Stat(name)
	if err != nil {
		return err
	}
	if info.Size() != size {
		return fmt.Errorf("%s has %d bytes, expected %d: it was cut off or replaced", name, info.Size(), size)
	}
	return nil
}

// Unfinished implements store.Store.
func (s *Store) Unfinished(_ context.Context, prefix string) ([]store.Staged, error) {
	fail := func(err error) ([]store.Staged, error) {
		return nil, fmt.Errorf("list staged files of %s: %w", prefix, err)
	}
	if err := store.CheckName(strings.TrimSuffix(prefix, "/")); err != nil {
		return fail(err)
	}
	entries, err := os.ReadDir(filepath.Join(s.root, stagingDir))
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fail(err)
	}
	var found []store.Staged
	for _, e := range entries {
		run, name, _ := strings.Cut(unescapeName.Replace(e.Name()), "/")
		if !strings.HasPrefix(name, prefix) {
			continue
		}
		info, err := e.Info()
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if err != nil {
			return fail(err)
		}
		found = append(found, store.Staged{Run: run, Name: name, Size: info.Size()})
	}
	slices.SortFunc(found, func(a, b store.Staged) int {
		return cmp.Or(strings.Compare(a.Name, b.Name), strings.Compare(a.Run, b.Run))
	})
	return found, nil
}

// Discard implements store.Store.
func (s *Store) Discard(_ context.Context, st store.Staged) error {
	p, err := s.staged(st.Run, st.Name)
	if err == nil {
		err = s.remove(p)
	}
	if err != nil {
		return fmt.Errorf("discard the staged %s: %w", st.Name, err)
	}
	return nil
}

// Locate implements store.Store.
func (s *Store) Locate(_ context.Context, run string, o store.Object) (store.Location, error) {
	final, err := s.path(o.Name)
	if err != nil {
		return store.Location{}, fmt.Errorf("locate %s: %w", o.Name, err)
	}
	// The order matters: a file moves from the staging directory to its name,
	// and from there it is linked into a generation.
	if o.Current != "" {
		if p := s.generation(run, o.Current); sameSize(p, o.Size) == nil {
			return store.Location{Path: p, Finished: true}, nil
		}
	}
	if o.Staged != nil {
		p, err := s.staged(o.Staged.Run, o.Staged.Name)
		if err != nil {
			return store.Location{}, fmt.Errorf("locate %s: %w", o.Name, err)
		}
		if _, err := os.Lstat(p); err == nil {
			return store.Location{Path: p}, nil
		}
	}
	switch err := sameSize(final, o.Size); {
	case errors.Is(err, fs.ErrNotExist):
		return store.Location{}, fmt.Errorf("locate %s: %w", o.Name, err)
	case err != nil:
		return store.Location{}, fmt.Errorf("locate %s: %w: %w", o.Name, store.ErrReplaced, err)
	}
	return store.Location{Path: final, Finished: true}, nil
}

// Open implements store.Store.
func (s *Store) Open(ctx context.Context, run string, o store.Object) (store.Reader, error) {
	at, err := s.Locate(ctx, run, o)
	if err != nil {
		return nil, err
	}
	f, err := os.Open(at.Path)
	if err != nil {
		return nil, fmt.Errorf("open %s: %w", o.Name, err)
	}
	info, err := f.Stat()
	if err != nil {
		return nil, errors.Join(fmt.Errorf("open %s: %w", o.Name, err), f.Close())
	}
	return file{f, info.Size()}, nil
}

type file struct {
	*os.File
	size int64
}

func (f file) Size() int64 { return f.size }

// Head implements store.Store.
func (s *Store) Head(context.Context) (store.Head, error) {
	data, err := os.ReadFile(filepath.Join(s.root, filepath.FromSlash(headName)))
	if errors.Is(err, fs.ErrNotExist) {
		return store.Head{}, nil
	}
	if err != nil {
		return store.Head{}, fmt.Errorf("read the pointer to the last commit: %w", err)
	}
	run, whole := strings.CutSuffix(string(data), "\n")
	if err := store.CheckName(run); err != nil || !whole {
		return store.Head{}, fmt.Errorf("read the pointer to the last commit: %s holds %q, expected the ID of a run", headName, data)
	}
	return store.Head{Run: run}, nil
}

// SwapHead implements store.Store.
func (s *Store) SwapHead(ctx context.Context, old store.Head, run string) (store.Head, error) {
	fail := func(err error) (store.Head, error) { return store.Head{}, fmt.Errorf("commit run %s: %w", run, err) }
	if err := store.CheckName(run); err != nil {
		return fail(err)
	}
	if err := s.makeDir(filepath.Join(s.root, "runs")); err != nil {
		return fail(err)
	}
	// Comparing and renaming are two steps: this lock makes them one, also for
	// who lost the lock of the warehouse without noticing.
	unlock, err := lockFile(filepath.Join(s.root, "runs", ".head.lock"))
	if err != nil {
		return fail(err)
	}
	defer unlock()
	now, err := s.Head(ctx)
	if err != nil {
		return fail(err)
	}
	if now.Run != old.Run {
		return fail(fmt.Errorf("%w: the last one is run %q, expected %q", store.ErrConflict, now.Run, old.Run))
	}
	if err := s.write(filepath.Join(s.root, filepath.FromSlash(headName)), []byte(run+"\n")); err != nil {
		return fail(err)
	}
	return store.Head{Run: run}, nil
}
