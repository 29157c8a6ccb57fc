package spool

import (
	"encoding/hex"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/zeebo/xxh3"

	"stocktake/internal/rowmerge"
	"stocktake/internal/schema"
)

// Sizes, in bytes of memory that rows take. A run is what one writer sorts at
// once; memoryLimit is what all writers hold together before the largest of
// them writes a run early. A merge of many runs holds one block of each, so
// blocks are smaller in a file that has several.
const (
	runBytes    = 32 << 20
	memoryLimit = 32 << 20
	blockBytes  = 1 << 20
	mergedBytes = 256 << 10
	blockRows   = 4096
)

// SortColumns returns the columns that the rows of a table are sorted by: whom
// they are about, then the table's key.
func SortColumns(sch *schema.Schema) []string {
	var columns []string
	if !sch.Internal {
		columns = []string{"account_id", "region"}
	}
	for _, k := range sch.Key {
		if !slices.Contains(columns, k) {
			columns = append(columns, k)
		}
	}
	return columns
}

// table is what writers of one table share.
type table struct {
	schema  *schema.Schema
	arrow   *arrow.Schema
	order   *rowmerge.Order
	header  []byte // the schema as a block
	account int    // column account_id; -1 in internal tables
	region  int
}

func newTable(sch *schema.Schema) (*table, error) {
	t := &table{schema: sch, arrow: sch.Arrow(), account: -1, region: -1}
	var err error
	if t.order, err = rowmerge.NewOrder(t.arrow, SortColumns(sch)); err != nil {
		return nil, fmt.Errorf("table %s: %w", sch.ID(), err)
	}
	if t.header, err = schemaBlock(t.arrow); err != nil {
		return nil, fmt.Errorf("table %s: %w", sch.ID(), err)
	}
	if !sch.Internal {
		t.account, t.region = t.arrow.FieldIndices("account_id")[0], t.arrow.FieldIndices("region")[0]
	}
	return t, nil
}

// holding is what the writers of a spool hold.
type holding struct {
	held    atomic.Int64
	mu      sync.Mutex
	writers map[*Writer]struct{} // those that hold rows
}

func (m *holding) add(w *Writer) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.writers == nil {
		m.writers = map[*Writer]struct{}{}
	}
	m.writers[w] = struct{}{}
}

func (m *holding) remove(w *Writer) {
	m.mu.Lock()
	defer m.mu.Unlock()
	delete(m.writers, w)
}

// largest returns the writer that holds most, or nil.
func (m *holding) largest() *Writer {
	m.mu.Lock()
	defer m.mu.Unlock()
	var found *Writer
	for w := range m.writers {
		if found == nil || w.size.Load() > found.size.Load() {
			found = w
		}
	}
	return found
}

// Writer writes the rows that a unit has of one table. Hundreds may be open at
// once: a writer holds no file before it writes its first run. Append, Close
// and Abort are called by one goroutine at a time.
type Writer struct {
	spool *Spool
	id    UnitID
	sch   *schema.Schema

	mu      sync.Mutex // another writer's Append may write a run of this one
	table   *table
	known   *arrow.Schema // schema of rows that was found to fit
	batches []arrow.RecordBatch
	size    atomic.Int64 // bytes in batches
	out     *os.File
	buffer  []byte
	sum     *xxh3.Hasher // of what is in out
	file    File
	doubles map[Place]int64
	err     error
	done    bool
}

// File is what Close leaves behind.
type File struct {
	Name        string // relative to the spool; "" when there were no rows
	Offset      int64
	Rows        int64
	Duplicates  int64
	DuplicateIn []PlaceCount
	Bytes       int64
	Checksum    string
	Runs        []int64
	Mixed       bool
}

// Writer returns a writer for the rows that the unit has of a table.
func (s *Spool) Writer(id UnitID, sch *schema.Schema) *Writer {
	return &Writer{spool: s, id: id, sch: sch}
}

// Append takes rows. The writer retains the batch and does not copy it; pages
// of a few rows are better put together into one batch before.
func (w *Writer) Append(rec arrow.RecordBatch) error {
	if rec.NumRows() == 0 {
		return nil
	}
	full, err := w.hold(rec)
	if err != nil {
		return err
	}
	if full {
		return w.Flush()
	}
	for w.spool.memory.held.Load() > memoryLimit {
		other := w.spool.memory.largest()
		if other == nil {
			return nil
		}
		// An error of another writer is its own: it comes back there.
		if err := other.Flush(); err != nil && other == w {
			return err
		}
	}
	return nil
}

func (w *Writer) hold(rec arrow.RecordBatch) (full bool, err error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.done {
		return false, fmt.Errorf("spool rows of %s: the writer is closed", w.sch.ID())
	}
	if w.err != nil {
		return false, w.err
	}
	if err := w.check(rec.Schema()); err != nil {
		return false, err
	}
	if len(w.batches) == 0 {
		w.spool.memory.add(w)
	}
	rec.Retain()
	w.batches = append(w.batches, rec)
	size := rowmerge.Size(rec)
	w.spool.memory.held.Add(size)
	return w.size.Add(size) >= runBytes, nil
}

func (w *Writer) check(sc *arrow.Schema) error {
	if w.table == nil {
		t, err := w.spool.table(w.sch)
		if err != nil {
			return err
		}
		w.table, w.known = t, t.arrow
	}
	if sc != w.known {
		if !sc.Equal(w.table.arrow) {
			return fmt.Errorf("spool rows of %s: the rows' columns are not the schema's: found %v, expected %v", w.sch.ID(), sc, w.table.arrow)
		}
		w.known = sc
	}
	return nil
}

// Flush writes the rows that are held as a sorted run. Append and Close do it
// when it is time.
func (w *Writer) Flush() error {
	w.mu.Lock()
	defer w.mu.Unlock()
	if err := w.flushLocked(mergedBytes); err != nil || len(w.buffer) == 0 {
		return err
	}
	if err := w.write(); err != nil { // the point is to give memory back
		w.err = fmt.Errorf("spool rows of %s: %w", w.sch.ID(), err)
	}
	return w.err
}

func (w *Writer) flushLocked(block int64) error {
	if w.err != nil || len(w.batches) == 0 {
		return w.err
	}
	if err := w.writeRun(block); err != nil {
		w.err = fmt.Errorf("spool rows of %s: %w", w.sch.ID(), err)
	}
	w.release()
	return w.err
}

func (w *Writer) release() {
	for _, b := range w.batches {
		b.Release()
	}
	w.batches = nil
	w.spool.memory.held.Add(-w.size.Swap(0))
	w.spool.memory.remove(w)
}

func (w *Writer) writeRun(block int64) error {
	w.takeBuffer()
	w.file.Runs = append(w.file.Runs, w.file.Bytes+int64(len(w.buffer)))
	ranges := w.table.order.Sort(w.batches, w.drop)
	held := int64(0)
	for _, b := range w.batches {
		held += b.NumRows()
		w.file.Mixed = w.file.Mixed || !w.own(b)
	}
	rows := int32(max(64, min(blockRows, block*held/w.size.Load())))
	var g *rowmerge.Gatherer
	for len(ranges) > 0 {
		var head []rowmerge.Range
		head, ranges = cut(ranges, rows)
		rec, err := w.pick(&g, head)
		if err != nil {
			return err
		}
		w.file.Rows += rec.NumRows()
		if w.buffer, err = appendBatch(w.buffer, rec); err != nil {
			return err
		}
		if len(w.buffer) >= 1<<20 {
			if err := w.write(); err != nil {
				return err
			}
		}
	}
	return nil
}

// pick returns the rows of the ranges: a slice where they stand together.
func (w *Writer) pick(g **rowmerge.Gatherer, ranges []rowmerge.Range) (arrow.RecordBatch, error) {
	if len(ranges) == 1 {
		b, r := w.batches[ranges[0].Source], ranges[0]
		return b.NewSlice(int64(r.Start), int64(r.Start+r.Len)), nil
	}
	if *g == nil {
		var err error
		if *g, err = rowmerge.NewGatherer(w.table.arrow, w.batches); err != nil {
			return nil, err
		}
	}
	return (*g).Gather(ranges)
}

// cut splits off the ranges of the first rows.
func cut(ranges []rowmerge.Range, rows int32) (head, tail []rowmerge.Range) {
	for i := range ranges {
		r := ranges[i]
		if r.Len < rows {
			rows -= r.Len
			continue
		}
		head = slices.Clone(ranges[:i+1])
		head[i].Len = rows
		if r.Len == rows {
			return head, ranges[i+1:]
		}
		ranges[i].Start, ranges[i].Len = r.Start+rows, r.Len-rows
		return head, ranges[i:]
	}
	return ranges, nil
}

// drop counts a row that a later one replaces.
func (w *Writer) drop(source, row int) {
	w.file.Duplicates++
	if w.table.account < 0 {
		return
	}
	if w.doubles == nil {
		w.doubles = map[Place]int64{}
	}
	at := func(column int) string {
		// Sorting may drop a row that names nobody.
		if c := w.batches[source].Column(column).(*array.String); c.IsValid(row) {
			return c.Value(row)
		}
		return ""
	}
	w.doubles[Place{strings.Clone(at(w.table.account)), strings.Clone(at(w.table.region))}]++
}

// own reports whether all rows of a batch are of the unit's own place.
func (w *Writer) own(rec arrow.RecordBatch) bool {
	if w.table.account < 0 {
		return true
	}
	account, region := rec.Column(w.table.account).(*array.String), rec.Column(w.table.region).(*array.String)
	if account.NullN() > 0 || region.NullN() > 0 {
		return false
	}
	for i := range int(rec.NumRows()) {
		if account.Value(i) != w.id.Account || region.Value(i) != w.id.Region {
			return false
		}
	}
	return true
}

// writeShared writes all there is to the file that units share.
func (w *Writer) writeShared() (err error) {
	w.checksum(xxh3.Hash128(w.buffer))
	w.file.Name, w.file.Bytes = sharedName, int64(len(w.buffer))
	w.file.Offset, err = w.spool.shared.write(w.buffer)
	return err
}

func (w *Writer) checksum(sum xxh3.Uint128) {
	b := sum.Bytes()
	w.file.Checksum = hex.EncodeToString(b[:])
}

// buffers holds those of writers that are done.
var buffers = sync.Pool{New: func() any { return new([]byte) }}

// takeBuffer begins what goes to a file, with the schema of its rows.
func (w *Writer) takeBuffer() {
	if w.buffer == nil {
		w.buffer = append((*buffers.Get().(*[]byte))[:0], w.table.header...)
	}
}

func (w *Writer) giveBuffer() {
	if b := w.buffer; cap(b) > 0 && cap(b) <= blockBytes {
		buffers.Put(&b)
	}
	w.buffer = nil
}

// write moves the buffer to a file of the unit's own.
func (w *Writer) write() error {
	if w.out == nil {
		if err := w.create(); err != nil {
			return err
		}
	}
	if _, err := w.out.Write(w.buffer); err != nil {
		return err
	}
	w.sum.Write(w.buffer) // a hash never fails
	w.file.Bytes += int64(len(w.buffer))
	w.buffer = w.buffer[:0]
	return nil
}

// create opens a file of a new name: the file of an earlier attempt may still
// be named by the journal.
func (w *Writer) create() error {
	dir := filepath.Join(tablesName, w.sch.ID())
	pattern := clean(w.id.Account) + "_" + clean(w.id.Region) + "_" + clean(w.id.Collector) + "_*.rows"
	f, err := os.CreateTemp(filepath.Join(w.spool.dir, dir), pattern)
	if errors.Is(err, os.ErrNotExist) {
		if err := os.MkdirAll(filepath.Join(w.spool.dir, dir), 0o700); err != nil {
			return err
		}
		f, err = os.CreateTemp(filepath.Join(w.spool.dir, dir), pattern)
	}
	if err != nil {
		return err
	}
	w.out, w.sum, w.file.Name = f, xxh3.New(), filepath.ToSlash(filepath.Join(dir, filepath.Base(f.Name())))
	return nil
}

// clean makes a name that AWS or a configuration chose fit for a file name.
func clean(name string) string {
	return strings.Map(func(r rune) rune {
		if r == '-' || r >= '0' && r <= '9' || r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' {
			return r
		}
		return '-'
	}, name[:min(len(name), 40)])
}

// Close sorts and writes what is left. Without rows there is no file.
func (w *Writer) Close() (File, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.done {
		return File{}, fmt.Errorf("close spool writer of %s: it is closed", w.sch.ID())
	}
	w.done = true
	block := int64(blockBytes)
	if len(w.file.Runs) > 0 {
		block = mergedBytes
	}
	err := w.flushLocked(block)
	switch {
	case err != nil || len(w.buffer) == 0:
	case w.out == nil:
		err = w.writeShared()
	default:
		err = w.write()
	}
	w.giveBuffer()
	if w.out != nil {
		err = errors.Join(err, w.out.Close())
	}
	if err != nil {
		return File{}, errors.Join(err, w.remove())
	}
	if w.sum != nil {
		w.checksum(w.sum.Sum128())
	}
	if w.file.Mixed {
		for p, n := range w.doubles {
			w.file.DuplicateIn = append(w.file.DuplicateIn, PlaceCount{p, n})
		}
		slices.SortFunc(w.file.DuplicateIn, func(a, b PlaceCount) int {
			return strings.Compare(a.Account+"\x00"+a.Region, b.Account+"\x00"+b.Region)
		})
	}
	return w.file, nil
}

// Abort drops the rows and removes the file. After Close it does nothing.
func (w *Writer) Abort() error {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.done {
		return nil
	}
	w.done = true
	w.release()
	var err error
	if w.out != nil {
		err = w.out.Close()
	}
	return errors.Join(err, w.remove())
}

func (w *Writer) remove() error {
	if w.out == nil {
		return nil
	}
	return os.Remove(w.out.Name())
}
