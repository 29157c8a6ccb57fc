package spool

import (
	"fmt"
	"io"
	"os"
	"sync/atomic"
)

// shared is the file for what units write at once: nearly all of them, and a
// few kilobytes each. A large run has tens of thousands of such units, and to
// make, open and remove a file for each takes longer than all the rest.
type shared struct {
	file *os.File
	end  atomic.Int64
}

// openShared opens the file to write after what it has: some of that may belong
// to no unit, and none of it is written again.
func openShared(name string) (*shared, error) {
	f, err := os.OpenFile(name, os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return nil, fmt.Errorf("open spool file: %w", err)
	}
	s := &shared{file: f}
	end, err := f.Seek(0, io.SeekEnd)
	if err != nil {
		f.Close() // nothing was written
		return nil, fmt.Errorf("open spool file: %w", err)
	}
	s.end.Store(end)
	return s, nil
}

// write appends data and returns where it begins.
func (s *shared) write(data []byte) (int64, error) {
	at := s.end.Add(int64(len(data))) - int64(len(data))
	_, err := s.file.WriteAt(data, at)
	return at, err
}
