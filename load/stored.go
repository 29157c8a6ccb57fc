package load

import (
	"context"
	"errors"
	"fmt"
	"io"
	"iter"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/memory"
	"github.com/apache/arrow-go/v18/parquet"
	"github.com/apache/arrow-go/v18/parquet/file"
	"github.com/apache/arrow-go/v18/parquet/pqarrow"

	"stocktake/internal/rowmerge"
)

// storedFile reads a table's file of an earlier run.
type storedFile struct {
	path string
	file *file.Reader
	now  *arrow.Schema // of the table as it is now
}

func openStored(path string, sc *arrow.Schema) (*storedFile, error) {
	f, err := file.OpenParquetFile(path, false, file.WithReadProps(streaming()))
	if err != nil {
		return nil, err
	}
	return &storedFile{path, f, sc}, nil
}

func (s *storedFile) close() error { return s.file.Close() }

// streaming reads pages as they are needed, not column chunks as a whole.
func streaming() *parquet.ReaderProperties {
	p := parquet.NewReaderProperties(memory.DefaultAllocator)
	p.BufferedStreamEnabled = true
	return p
}

// read returns the rows of columns and row groups, all of them where nil.
func (s *storedFile) read(ctx context.Context, columns, groups []int, batch int64) (iter.Seq2[arrow.RecordBatch, error], error) {
	r, err := pqarrow.NewFileReader(s.file, pqarrow.ArrowReadProperties{BatchSize: batch}, memory.DefaultAllocator)
	if err != nil {
		return nil, err
	}
	records, err := r.GetRecordReader(ctx, columns, groups)
	if err != nil {
		return nil, err
	}
	return func(yield func(arrow.RecordBatch, error) bool) {
		defer records.Release()
		for records.Next() {
			rec := records.RecordBatch()
			rec.Retain() // the reader releases its own reference
			if !yield(rec, nil) {
				return
			}
		}
		if err := records.Err(); err != nil && !errors.Is(err, io.EOF) {
			yield(nil, err)
		}
	}, nil
}

// numbered is a batch and the number of its first row in the file.
type numbered struct {
	rec   arrow.RecordBatch
	first int64
}

// rowsOf reads row groups, which begin at the given rows, under the schema of
// the table as it is now.
func (s *storedFile) rowsOf(ctx context.Context, groups []int, starts []int64) iter.Seq2[numbered, error] {
	return func(yield func(numbered, error) bool) {
		var aligner *rowmerge.Aligner
		for i, g := range groups {
			batches, err := s.read(ctx, nil, []int{g}, s.batchRows(g))
			if err != nil {
				yield(numbered{}, err)
				return
			}
			at := starts[i]
			for rec, err := range batches {
				if err == nil && aligner == nil {
					aligner, err = rowmerge.NewAligner(rec.Schema(), s.now)
				}
				if err != nil {
					yield(numbered{}, fmt.Errorf("%s: %w", s.path, err))
					return
				}
				if !yield(numbered{aligner.Align(rec), at}, nil) {
					return
				}
				at += rec.NumRows()
			}
		}
	}
}

// batchRows bounds a batch by bytes where rows are wide.
func (s *storedFile) batchRows(group int) int64 {
	g := s.file.MetaData().RowGroup(group)
	perRow := g.TotalByteSize()/max(g.NumRows(), 1) + 1
	return max(64, min(4096, (1<<20)/perRow))
}

// sorted makes sure that rows are in order, which a merge relies on and a file
// of other origin may not be.
type sorted struct {
	last *rowmerge.Batch
	row  int
}

func (s *sorted) check(path string, seg rowmerge.Segment, first int64) error {
	for row := seg.From; row < seg.To; row++ {
		if s.last != nil && s.last.Keys.Compare(s.row, seg.Batch.Keys, row) >= 0 {
			return fmt.Errorf("%s: row %d does not come after the one before it in the order of the table's key", path, first+int64(row))
		}
		s.last, s.row = seg.Batch, row
	}
	return nil
}

// all opens all rows of the file that keep accepts.
func (s *storedFile) all(ctx context.Context, o *rowmerge.Order, keep keepRow) *filtered {
	var groups []int
	var starts []int64
	at := int64(0)
	for g := range s.file.NumRowGroups() {
		groups, starts = append(groups, g), append(starts, at)
		at += s.file.MetaData().RowGroup(g).NumRows()
	}
	next, stop := iter.Pull2(s.rowsOf(ctx, groups, starts))
	return &filtered{
		name: s.path, order: o, keep: keep, rank: rankCarried,
		next: func() (numbered, error) {
			n, err, ok := next()
			if err == nil && !ok {
				err = io.EOF
			}
			return n, err
		},
		close: func() error {
			stop()
			return s.close()
		},
	}
}

// keepRow says whether a row is part of a stream; nil accepts all.
type keepRow func(rec arrow.RecordBatch, row int) bool

// filtered gives the rows that keep accepts.
type filtered struct {
	name   string
	order  *rowmerge.Order
	keep   keepRow
	rank   int
	next   func() (numbered, error)
	close  func() error
	sorted sorted
	batch  *rowmerge.Batch
	first  int64
	at     int
}

func (f *filtered) Close() error { return f.close() }

func (f *filtered) Next(context.Context) (rowmerge.Segment, error) {
	if f.batch == nil || f.at == int(f.batch.Record.NumRows()) {
		n, err := f.next()
		if err != nil {
			return rowmerge.Segment{}, err
		}
		f.batch, f.first, f.at = rowmerge.NewBatch(f.order, n.rec), n.first, 0
	}
	rows := int(f.batch.Record.NumRows())
	for f.at < rows && !f.keeps(f.at) {
		f.at++
	}
	from := f.at
	for f.at < rows && f.keeps(f.at) {
		f.at++
	}
	seg := rowmerge.Segment{Batch: f.batch, From: from, To: f.at, Rank: f.rank}
	return seg, f.sorted.check(f.name, seg, f.first)
}

func (f *filtered) keeps(row int) bool { return f.keep == nil || f.keep(f.batch.Record, row) }
