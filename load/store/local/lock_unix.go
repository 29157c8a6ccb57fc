//go:build unix

package local

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"sync"

	"stocktake/internal/disk"
	"stocktake/load/store"
)

// lease is a lock on a file, which the system gives back when the process ends,
// whatever ends it. The file says who holds it.
type lease struct {
	name string
	file *os.File
	free func() error
}

// Lock implements store.Store.
func (s *Store) Lock(_ context.Context, name string, h store.Holder) (store.Lease, error) {
	if err := store.CheckLease(name); err != nil {
		return nil, fmt.Errorf("lock the warehouse: %w", err)
	}
	path := filepath.Join(s.root, leasesDir, name)
	if err := s.makeDir(filepath.Dir(path)); err != nil {
		return nil, fmt.Errorf("lock the warehouse: %w", err)
	}
	f, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE, 0o644)
	if err != nil {
		return nil, fmt.Errorf("lock the warehouse: %w", err)
	}
	err = disk.TryLock(f)
	if errors.Is(err, disk.ErrLocked) {
		locked := &store.LockedError{Lease: name}
		// Who has just taken the lock may not have written yet who it is.
		if text, err := os.ReadFile(path); err == nil && json.Unmarshal(text, &locked.Holder) == nil {
			locked.Since = locked.Holder.Since
		}
		return nil, errors.Join(locked, f.Close())
	}
	if err == nil {
		err = describe(f, h)
	}
	if err != nil {
		return nil, errors.Join(fmt.Errorf("lock the warehouse: %w", err), f.Close())
	}
	return &lease{path, f, sync.OnceValue(func() error {
		if err := errors.Join(f.Truncate(0), f.Close()); err != nil {
			return fmt.Errorf("unlock the warehouse: %w", err)
		}
		return nil
	})}, nil
}

// Release implements store.Lease.
func (l *lease) Release() error { return l.free() }

// Check implements store.Lease: the lock holds as long as the file that others
// would lock is the one that is open here.
func (l *lease) Check(context.Context) error {
	held, err := l.file.Stat()
	if errors.Is(err, os.ErrClosed) {
		return store.ErrLost
	}
	if err != nil {
		return fmt.Errorf("check the lock of the warehouse: %w", err)
	}
	now, err := os.Stat(l.name)
	if errors.Is(err, fs.ErrNotExist) || err == nil && !os.SameFile(held, now) {
		return fmt.Errorf("%w: %s was removed or replaced", store.ErrLost, l.name)
	}
	if err != nil {
		return fmt.Errorf("check the lock of the warehouse: %w", err)
	}
	return nil
}

func describe(f *os.File, h store.Holder) error {
	text, err := json.Marshal(h)
	if err != nil {
		return err
	}
	if err := f.Truncate(0); err != nil {
		return err
	}
	_, err = f.WriteAt(append(text, '\n'), 0)
	return err
}

// lockFile waits for a lock that is held for moments only.
func lockFile(name string) (unlock func(), err error) {
	f, err := os.OpenFile(name, os.O_RDWR|os.O_CREATE, 0o644)
	if err != nil {
		return nil, err
	}
	if err := disk.Lock(f); err != nil {
		return nil, errors.Join(err, f.Close())
	}
	return func() { f.Close() }, nil // closing gives the lock back, and nothing was written
}
