// Package memory keeps a warehouse in a map, for tests of what builds on a
// store. It behaves as a bucket does: what is staged is hidden until it is
// finished, files of current/ are replaced one by one, and leases expire.
package memory

import (
	"bytes"
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path"
	"slices"
	"strconv"
	"strings"
	"sync"

	"stocktake/load/store"
)

// Store is a warehouse in memory. Processes that share it have a Store each,
// by Again.
type Store struct{ *shared }

type shared struct {
	mu      sync.Mutex
	files   map[string][]byte
	staged  map[string]staged // by token
	head    store.Head
	version int // of the pointer, and of tokens and leases
	leases  map[string]*lease
}

type staged struct {
	store.Staged
	data []byte
}

// New returns an empty warehouse.
func New() *Store {
	return &Store{&shared{files: map[string][]byte{}, staged: map[string]staged{}, leases: map[string]*lease{}}}
}

// Again returns the warehouse as another process sees it.
func (s *Store) Again() *Store { return &Store{s.shared} }

func (s *shared) next() string {
	s.version++
	return strconv.Itoa(s.version)
}

func sum(data []byte) string {
	sum := sha256.Sum256(data)
	return hex.EncodeToString(sum[:])
}

// Probe implements store.Store.
func (s *Store) Probe(ctx context.Context) error { return ctx.Err() }

// Stage implements store.Store.
func (s *Store) Stage(ctx context.Context, run, name string, from store.File) (store.Staged, error) {
	fail := func(err error) (store.Staged, error) { return store.Staged{}, fmt.Errorf("stage %s: %w", name, err) }
	if err := errors.Join(store.CheckName(run), store.CheckName(name), ctx.Err()); err != nil {
		return fail(err)
	}
	data, err := os.ReadFile(from.Path)
	if err != nil {
		return fail(err)
	}
	if got := int64(len(data)); got != from.Size {
		return fail(fmt.Errorf("%s has %d bytes, expected %d", from.Path, got, from.Size))
	}
	if got := sum(data); from.SHA256 != "" && got != from.SHA256 {
		return fail(fmt.Errorf("%s has checksum %s, expected %s", from.Path, got, from.SHA256))
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	st := store.Staged{Run: run, Name: name, Size: from.Size, SHA256: from.SHA256, Token: s.next()}
	s.staged[st.Token] = staged{st, data}
	return st, nil
}

// Finish implements store.Store.
func (s *Store) Finish(_ context.Context, st store.Staged) error {
	if err := store.CheckName(st.Name); err != nil {
		return fmt.Errorf("finish %s: %w", st.Name, err)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if staged, ok := s.staged[st.Token]; ok {
		s.files[st.Name] = staged.data
		delete(s.staged, st.Token)
		return nil
	}
	if data, ok := s.files[st.Name]; !ok || sum(data) != st.SHA256 {
		return fmt.Errorf("finish %s: it is neither staged nor finished", st.Name)
	}
	return nil
}

// Unfinished implements store.Store.
func (s *Store) Unfinished(_ context.Context, prefix string) ([]store.Staged, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	var found []store.Staged
	for _, st := range s.staged {
		if strings.HasPrefix(st.Name, prefix) {
			found = append(found, st.Staged)
		}
	}
	slices.SortFunc(found, func(a, b store.Staged) int {
		return cmp.Or(strings.Compare(a.Name, b.Name), strings.Compare(a.Token, b.Token))
	})
	return found, nil
}

// Discard implements store.Store.
func (s *Store) Discard(_ context.Context, st store.Staged) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.staged, st.Token)
	return nil
}

// Locate implements store.Store.
func (s *Store) Locate(_ context.Context, _ string, o store.Object) (store.Location, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	_, err := s.find(o)
	return store.Location{Path: s.Root() + "/" + o.Name, Finished: err == nil}, err
}

// Root implements store.Store.
func (s *Store) Root() string { return "memory://warehouse" }

func (s *shared) find(o store.Object) ([]byte, error) {
	if err := store.CheckName(o.Name); err != nil {
		return nil, fmt.Errorf("locate %s: %w", o.Name, err)
	}
	data, ok := s.files[o.Name]
	if ok && int64(len(data)) == o.Size && (o.SHA256 == "" || sum(data) == o.SHA256) {
		return data, nil
	}
	if o.Staged != nil {
		if _, staged := s.staged[o.Staged.Token]; staged {
			return nil, fmt.Errorf("locate %s: %w", o.Name, store.ErrUnfinished)
		}
	}
	if ok {
		return nil, fmt.Errorf("locate %s: %w", o.Name, store.ErrReplaced)
	}
	return nil, fmt.Errorf("locate %s: %w", o.Name, fs.ErrNotExist)
}

// Open implements store.Store.
func (s *Store) Open(_ context.Context, _ string, o store.Object) (store.Reader, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	data, err := s.find(o)
	if err != nil {
		return nil, err
	}
	return reader{bytes.NewReader(data)}, nil
}

type reader struct{ *bytes.Reader }

func (reader) Close() error { return nil }

// Put implements store.Store.
func (s *Store) Put(_ context.Context, name string, data []byte) error {
	if err := store.CheckName(name); err != nil {
		return fmt.Errorf("put %s: %w", name, err)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.files[name] = slices.Clone(data)
	return nil
}

// Get implements store.Store.
func (s *Store) Get(_ context.Context, name string) ([]byte, error) {
	if err := store.CheckName(name); err != nil {
		return nil, fmt.Errorf("get %s: %w", name, err)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	data, ok := s.files[name]
	if !ok {
		return nil, fmt.Errorf("get %s: %w", name, fs.ErrNotExist)
	}
	return slices.Clone(data), nil
}

// List implements store.Store.
func (s *Store) List(_ context.Context, prefix string) ([]store.Info, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	var found []store.Info
	for _, name := range slices.Sorted(maps.Keys(s.files)) {
		if strings.HasPrefix(name, prefix) {
			found = append(found, store.Info{Name: name, Size: int64(len(s.files[name]))})
		}
	}
	return found, nil
}

// Delete implements store.Store.
func (s *Store) Delete(_ context.Context, name string) error {
	if err := store.CheckName(name); err != nil {
		return fmt.Errorf("delete %s: %w", name, err)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.files, name)
	return nil
}

// Head implements store.Store.
func (s *Store) Head(context.Context) (store.Head, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.head, nil
}

// SwapHead implements store.Store.
func (s *Store) SwapHead(_ context.Context, old store.Head, run string) (store.Head, error) {
	if err := store.CheckName(run); err != nil {
		return store.Head{}, fmt.Errorf("commit run %s: %w", run, err)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.head != old {
		return store.Head{}, fmt.Errorf("commit run %s: %w: the last one is run %q, expected %q", run, store.ErrConflict, s.head.Run, old.Run)
	}
	s.head = store.Head{Run: run, Tag: s.next()}
	return s.head, nil
}

// SwitchCurrent implements store.Store.
func (s *Store) SwitchCurrent(_ context.Context, run string, links []store.Link) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	keep := map[string]bool{}
	for _, l := range links {
		if err := store.CheckName(l.As); err != nil || path.Base(l.As) != l.As {
			return fmt.Errorf("switch current to run %s: name %q: expected the name of a file", run, l.As)
		}
		data, err := s.find(store.Object{Name: l.Name, Size: l.Size, SHA256: l.SHA256})
		if err != nil {
			return fmt.Errorf("switch current to run %s: %w", run, err)
		}
		s.files["current/"+l.As] = data
		keep["current/"+l.As] = true
	}
	maps.DeleteFunc(s.files, func(name string, _ []byte) bool { return strings.HasPrefix(name, "current/") && !keep[name] })
	return nil
}

// lease is held as long as it is the one in the map.
type lease struct {
	shared  *shared
	name    string
	holder  store.Holder
	expired bool
}

// Lock implements store.Store.
func (s *Store) Lock(_ context.Context, name string, h store.Holder) (store.Lease, error) {
	if err := store.CheckLease(name); err != nil {
		return nil, fmt.Errorf("lock the warehouse: %w", err)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	held := s.leases[name]
	if held != nil && !held.expired {
		return nil, &store.LockedError{Lease: name, Holder: held.holder, Since: held.holder.Since}
	}
	if held != nil && name == store.Commit {
		s.head.Tag = s.next() // who has lost the lease holds the old tag
	}
	l := &lease{shared: s.shared, name: name, holder: h}
	s.leases[name] = l
	return l, nil
}

// Expire ends the lease of a name, as when its holder has stopped.
func (s *Store) Expire(name string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if l := s.leases[name]; l != nil {
		l.expired = true
	}
}

// Check implements store.Lease.
func (l *lease) Check(context.Context) error {
	l.shared.mu.Lock()
	defer l.shared.mu.Unlock()
	if l.shared.leases[l.name] != l {
		return store.ErrLost
	}
	l.expired = false
	return nil
}

// Release implements store.Lease.
func (l *lease) Release() error {
	l.shared.mu.Lock()
	defer l.shared.mu.Unlock()
	if l.shared.leases[l.name] == l {
		delete(l.shared.leases, l.name)
	}
	return nil
}
