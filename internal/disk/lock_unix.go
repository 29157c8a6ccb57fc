//go:build unix

package disk

import (
	"errors"
	"os"
	"syscall"
)

// ErrLocked is the error of locking a file that another process has locked.
var ErrLocked = errors.New("another process has locked the file")

// TryLock locks an open file for this process, or returns ErrLocked. The system
// gives the lock back when the file is closed or the process ends, whatever
// ends it.
func TryLock(f *os.File) error {
	err := flock(f, syscall.LOCK_EX|syscall.LOCK_NB)
	if errors.Is(err, syscall.EWOULDBLOCK) {
		return ErrLocked
	}
	return err
}

// Lock is TryLock that waits until no other process has the lock.
func Lock(f *os.File) error { return flock(f, syscall.LOCK_EX) }

func flock(f *os.File, how int) error {
	for {
		if err := syscall.Flock(int(f.Fd()), how); !errors.Is(err, syscall.EINTR) {
			return err
		}
	}
}
