//go:build unix

package local

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"sync"
	"syscall"

	"stocktake/load/store"
)

// Lock implements store.Store: a lock on a file, which the system gives back
// when the process ends, whatever ends it. The file says who holds it.
func (s *Store) Lock(_ context.Context, h store.Holder) (func() error, error) {
	name := filepath.Join(s.root, ".lock")
	f, err := os.OpenFile(name, os.O_RDWR|os.O_CREATE, 0o644)
	if err != nil {
		return nil, fmt.Errorf("lock the warehouse: %w", err)
	}
	err = flock(f, syscall.LOCK_EX|syscall.LOCK_NB)
	if errors.Is(err, syscall.EWOULDBLOCK) {
		locked := &store.LockedError{}
		// Who has just taken the lock may not have written yet who it is.
		if text, err := os.ReadFile(name); err == nil && json.Unmarshal(text, &locked.Holder) == nil {
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
	return sync.OnceValue(func() error {
		if err := errors.Join(f.Truncate(0), f.Close()); err != nil {
			return fmt.Errorf("unlock the warehouse: %w", err)
		}
		return nil
	}), nil
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
	if err := flock(f, syscall.LOCK_EX); err != nil {
		return nil, errors.Join(err, f.Close())
	}
	return func() { f.Close() }, nil // closing gives the lock back, and nothing was written
}

func flock(f *os.File, how int) error {
	for {
		if err := syscall.Flock(int(f.Fd()), how); !errors.Is(err, syscall.EINTR) {
			return err
		}
	}
}
