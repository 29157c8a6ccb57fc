package spool

import (
	"bytes"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"sync"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/zeebo/xxh3"
)

// readAtOnce is how many bytes are read at once, so that no file stays open.
const readAtOnce = 1 << 20

// Rows are the sorted runs of one unit.
type Rows struct {
	spool  *Spool
	name   string
	offset int64 // in the file
	runs   []int64
	end    int64
	schema []byte // schema message
	small  []byte // all of them

	mu   sync.Mutex
	file *os.File
	open int // runs that read from file
}

// Rows verifies the checksum of a result's rows, so that its runs can be read.
// Nothing stays open before Run is called.
func (s *Spool) Rows(r TableResult) (*Rows, error) {
	rows := &Rows{spool: s, name: filepath.Join(s.dir, filepath.FromSlash(r.File)), offset: r.Offset, runs: r.Runs, end: r.Bytes}
	if r.Bytes > readAtOnce {
		if err := s.verify(r); err != nil {
			return nil, err
		}
	} else if err := rows.load(r); err != nil {
		return nil, err
	}
	return rows, rows.readSchema()
}

func (r *Rows) load(res TableResult) error {
	f, done, err := r.spool.open(res)
	if err != nil {
		return fmt.Errorf("read spool file: %w", err)
	}
	r.small = make([]byte, res.Bytes)
	n, err := f.ReadAt(r.small, res.Offset)
	if errors.Is(err, io.EOF) {
		err = nil // check says that something is missing
	}
	if err := errors.Join(err, done()); err != nil {
		return fmt.Errorf("read spool file: %w", err)
	}
	return check(r.name, res, int64(n), xxh3.Hash128(r.small))
}

// open opens the file of a result; the one that units share is open already.
func (s *Spool) open(r TableResult) (f *os.File, done func() error, err error) {
	if r.Offset < 0 || r.Bytes < 0 {
		return nil, nil, fmt.Errorf("%s: %d bytes at %d", r.File, r.Bytes, r.Offset)
	}
	if r.File == sharedName {
		return s.shared.file, func() error { return nil }, nil
	}
	if f, err = os.Open(filepath.Join(s.dir, filepath.FromSlash(r.File))); err != nil {
		return nil, nil, err
	}
	return f, f.Close, nil
}

// verify reads the rows of a result and compares size and checksum.
func (s *Spool) verify(r TableResult) error {
	f, done, err := s.open(r)
	if err != nil {
		return fmt.Errorf("verify spool file: %w", err)
	}
	var sum xxh3.Hasher
	n, err := io.Copy(&sum, io.NewSectionReader(f, r.Offset, r.Bytes))
	if err := errors.Join(err, done()); err != nil {
		return fmt.Errorf("verify spool file: %w", err)
	}
	return check(filepath.Join(s.dir, filepath.FromSlash(r.File)), r, n, sum.Sum128())
}

func check(name string, r TableResult, size int64, sum xxh3.Uint128) error {
	b := sum.Bytes()
	if got := hex.EncodeToString(b[:]); size != r.Bytes || got != r.Checksum {
		return fmt.Errorf("verify spool file %s: found %d bytes with checksum %s, expected %d with %s: the file is damaged; begin a new run", name, size, got, r.Bytes, r.Checksum)
	}
	return nil
}

// readSchema reads the first block.
func (r *Rows) readSchema() (err error) {
	if len(r.runs) == 0 {
		return fmt.Errorf("read spool file %s: the journal names no runs in it", r.name)
	}
	in, err := r.section(0, r.runs[0])
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, r.release()) }()
	if r.schema, err = in.next(); err != nil {
		return fmt.Errorf("read spool file %s: %w", r.name, err)
	}
	return nil
}

// section returns a reader of a part of the file.
func (r *Rows) section(from, to int64) (*blockReader, error) {
	if from < 0 || from > to || to > r.end {
		return nil, fmt.Errorf("read spool file %s: a run from byte %d to %d of %d", r.name, from, to, r.end)
	}
	if r.small != nil {
		return &blockReader{in: bytes.NewReader(r.small[from:to]), left: to - from}, nil
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.file == nil {
		f, err := os.Open(r.name)
		if err != nil {
			return nil, fmt.Errorf("open spool file: %w", err)
		}
		r.file = f
	}
	r.open++
	return &blockReader{in: io.NewSectionReader(r.file, r.offset+from, to-from), left: to - from}, nil
}

// release closes the file when no run reads from it.
func (r *Rows) release() error {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.file == nil {
		return nil
	}
	if r.open--; r.open > 0 {
		return nil
	}
	f := r.file
	r.file = nil
	return f.Close()
}

// Runs returns the number of sorted runs.
func (r *Rows) Runs() int { return len(r.runs) }

// Run opens the i-th run. Later runs hold later rows.
func (r *Rows) Run(i int) (*Run, error) {
	end := r.end
	if i+1 < len(r.runs) {
		end = r.runs[i+1]
	}
	in, err := r.section(r.runs[i], end)
	if err != nil {
		return nil, err
	}
	return &Run{rows: r, in: in}, nil
}

// Run reads one sorted run, in which no two rows have the same key.
type Run struct {
	rows *Rows
	in   *blockReader
}

// Next returns the next batch, or io.EOF.
func (r *Run) Next() (arrow.RecordBatch, error) {
	message, err := r.in.next()
	if errors.Is(err, io.EOF) {
		return nil, io.EOF
	}
	if err != nil {
		return nil, fmt.Errorf("read spool file %s: %w", r.rows.name, err)
	}
	d, err := r.rows.spool.decoder.get(r.rows.schema)
	if err != nil {
		return nil, fmt.Errorf("read spool file %s: %w", r.rows.name, err)
	}
	rec, err := d.decode(message)
	if err != nil {
		return nil, fmt.Errorf("read spool file %s: %w", r.rows.name, err)
	}
	d.put()
	return rec, nil
}

// Close ends the reading of the run.
func (r *Run) Close() error { return r.rows.release() }
