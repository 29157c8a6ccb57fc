//go:build unix

package schedule

import (
	"errors"
	"fmt"
	"os"
	"strconv"
	"strings"

	"stocktake/internal/disk"
)

// LockedError says that another process keeps the state.
type LockedError struct {
	Path string
	PID  int // 0 where it is not known
}

func (e *LockedError) Error() string {
	who := "another process"
	if e.PID != 0 {
		who = fmt.Sprintf("process %d", e.PID)
	}
	return fmt.Sprintf("the schedule runs already: %s holds %s", who, e.Path)
}

// lock makes this process the only one that keeps the state. The system gives
// the lock back when the process ends, whatever ends it.
func lock(path string) (*os.File, error) {
	f, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE, 0o644)
	if err != nil {
		return nil, fmt.Errorf("lock the schedule: %w", err)
	}
	err = disk.TryLock(f)
	if errors.Is(err, disk.ErrLocked) {
		return nil, errors.Join(&LockedError{path, holder(path)}, f.Close())
	}
	if err == nil {
		err = f.Truncate(0)
	}
	if err == nil {
		_, err = fmt.Fprintln(f, os.Getpid())
	}
	if err != nil {
		return nil, errors.Join(fmt.Errorf("lock the schedule: %w", err), f.Close())
	}
	return f, nil
}

// holder is 0 while who has just taken the lock has not written who it is.
func holder(path string) int {
	text, err := os.ReadFile(path)
	if err != nil {
		return 0
	}
	pid, err := strconv.Atoi(strings.TrimSpace(string(text)))
	if err != nil {
		return 0
	}
	return pid
}
