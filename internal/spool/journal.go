package spool

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"iter"
	"maps"
	"os"
	"slices"
	"sync"
	"time"

	"github.com/zeebo/xxh3"
)

// Lines are made durable in groups: a power cut costs the units of the last
// moments, which are collected again.
const (
	syncLines = 256
	syncAfter = 2 * time.Second
)

// journal is the file of finished units. Of several lines of one unit the last
// one holds.
type journal struct {
	name string
	mu   sync.Mutex
	file *os.File
	size int64
	last map[xxh3.Uint128]int64 // where the last line of each unit begins
	new  int                    // lines since the last sync
	when time.Time              // of the last sync
}

func createJournal(name string) (*journal, error) {
	f, err := os.OpenFile(name, os.O_RDWR|os.O_CREATE|os.O_TRUNC, 0o600)
	if err != nil {
		return nil, fmt.Errorf("create journal: %w", err)
	}
	return &journal{name: name, file: f, last: map[xxh3.Uint128]int64{}, when: time.Now()}, nil
}

func openJournal(name string) (*journal, error) {
	f, err := os.OpenFile(name, os.O_RDWR, 0o600)
	if err != nil {
		return nil, fmt.Errorf("open journal: %w", err)
	}
	j := &journal{name: name, file: f, last: map[xxh3.Uint128]int64{}, when: time.Now()}
	err = readLines(f, func(at int64, number int, line []byte) error {
		u, err := checkLine(line)
		if err != nil {
			return fmt.Errorf("%s:%d: %w", name, number, err)
		}
		j.last[u.ID.Hash()] = at
		j.size = at + int64(len(line)) + 1
		return nil
	})
	if err != nil {
		return nil, errors.Join(err, f.Close())
	}
	if err := f.Truncate(j.size); err != nil { // what follows is a torn line
		return nil, errors.Join(fmt.Errorf("cut off torn journal line: %w", err), f.Close())
	}
	return j, nil
}

// readLines calls line for each whole line: one that ends in a newline.
func readLines(r io.Reader, line func(at int64, number int, line []byte) error) error {
	in := bufio.NewReaderSize(r, 1<<16)
	at := int64(0)
	for number := 1; ; number++ {
		text, err := in.ReadBytes('\n')
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return fmt.Errorf("read journal: %w", err)
		}
		if err := line(at, number, text[:len(text)-1]); err != nil {
			return err
		}
		at += int64(len(text))
	}
}

// checkLine reads a line that may be of another program.
func checkLine(line []byte) (Unit, error) {
	var u Unit
	d := json.NewDecoder(bytes.NewReader(line))
	d.DisallowUnknownFields()
	if err := d.Decode(&u); err != nil {
		return u, fmt.Errorf("read journal line: %w", err)
	}
	if _, err := d.Token(); err != io.EOF {
		return u, errors.New("read journal line: text after the unit")
	}
	if u.ID.Collector == "" {
		return u, errors.New("id.collector: found none, expected the collector of the unit")
	}
	return u, nil
}

// parseLine reads a line that was checked, or written, before.
func parseLine(line []byte) (u Unit, err error) {
	if err := json.Unmarshal(line, &u); err != nil {
		return u, fmt.Errorf("read journal line: %w", err)
	}
	return u, nil
}

// Hash is 16 bytes that stand for the unit.
func (id UnitID) Hash() xxh3.Uint128 {
	return xxh3.HashString128(id.Source + "\x00" + id.Collector + "\x00" + id.Account + "\x00" + id.Region)
}

// Commit records a finished unit. Its files are closed by then.
func (s *Spool) Commit(u Unit) error {
	line, err := json.Marshal(u)
	if err != nil {
		return fmt.Errorf("write journal line: %w", err)
	}
	return s.journal.append(u.ID.Hash(), append(line, '\n'))
}

func (j *journal) append(id xxh3.Uint128, line []byte) error {
	j.mu.Lock()
	defer j.mu.Unlock()
	if _, err := j.file.WriteAt(line, j.size); err != nil {
		// A part of the line may stand there: the next line overwrites it.
		return errors.Join(fmt.Errorf("write journal line: %w", err), j.file.Truncate(j.size))
	}
	j.last[id] = j.size
	j.size += int64(len(line))
	j.new++
	if j.new < syncLines && time.Since(j.when) < syncAfter {
		return nil
	}
	return j.syncLocked()
}

func (j *journal) sync() error {
	j.mu.Lock()
	defer j.mu.Unlock()
	return j.syncLocked()
}

func (j *journal) syncLocked() error {
	if err := j.file.Sync(); err != nil {
		return fmt.Errorf("sync journal: %w", err)
	}
	j.new, j.when = 0, time.Now()
	return nil
}

func (j *journal) close() error {
	return errors.Join(j.sync(), j.file.Close())
}

// forget drops a unit from what Units returns.
func (j *journal) forget(id UnitID) {
	j.mu.Lock()
	defer j.mu.Unlock()
	delete(j.last, id.Hash())
}

// Units returns the last line of each unit, in the order of the journal, as far
// as it is written when the loop begins. An error ends the loop.
func (s *Spool) Units() iter.Seq2[Unit, error] {
	return func(yield func(Unit, error) bool) {
		j := s.journal
		j.mu.Lock()
		live, size := slices.Sorted(maps.Values(j.last)), j.size
		j.mu.Unlock()
		err := readLines(io.NewSectionReader(j.file, 0, size), func(at int64, number int, line []byte) error {
			if len(live) == 0 {
				return errStop
			}
			if at != live[0] {
				return nil // a later line replaces it
			}
			live = live[1:]
			u, err := parseLine(line)
			if err != nil {
				return fmt.Errorf("%s:%d: %w", j.name, number, err)
			}
			if !yield(u, nil) {
				return errStop
			}
			return nil
		})
		if err != nil && !errors.Is(err, errStop) {
			yield(Unit{}, err)
		}
	}
}

// Unit reads the unit that id stands for, which the journal has.
func (s *Spool) Unit(id xxh3.Uint128) (Unit, error) {
	j := s.journal
	j.mu.Lock()
	at, found := j.last[id]
	size := j.size
	j.mu.Unlock()
	if !found {
		return Unit{}, fmt.Errorf("%s has no unit %x", j.name, id.Bytes())
	}
	line, err := bufio.NewReaderSize(io.NewSectionReader(j.file, at, size-at), 1<<10).ReadBytes('\n')
	if err != nil {
		return Unit{}, fmt.Errorf("read %s at %d: %w", j.name, at, err)
	}
	u, err := parseLine(line)
	if err != nil {
		return u, fmt.Errorf("%s at %d: %w", j.name, at, err)
	}
	return u, nil
}

// errStop ends readLines before the end of the file.
var errStop = errors.New("stop")
