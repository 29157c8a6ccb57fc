package load

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"sync"
	"time"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"

	"stocktake/internal/outcome"
	"stocktake/internal/rowmerge"
	"stocktake/internal/schema"
	"stocktake/internal/spool"
)

// Unit is what a finished unit has of the table that is loaded.
type Unit struct {
	ID              spool.UnitID
	CollectedRegion string
	Result          spool.TableResult
}

// Previous is the file of the table in the last commit.
type Previous struct {
	Path  string
	RunID string
}

// TableInput is all that decides the contents of a table's next file.
type TableInput struct {
	Schema   *schema.Schema
	Spool    *spool.Spool
	Units    []Unit // in the order of precedence where two have the same row
	Entries  []Entry
	Previous *Previous // nil: there is none
	Now      time.Time
	MaxAge   time.Duration // of rows that are carried; 0: no limit
	Staging  string        // directory for the file
	RunID    string
	Version  string // of the program
}

// TableOutput is the file, and what became of each entry's rows: the entries
// of the input in their order, then one out_of_scope entry for each place whose
// rows were dropped because no entry speaks for it.
type TableOutput struct {
	File      File
	Entries   []EntryResult
	Discarded map[spool.UnitID]int64 // fresh rows of places that no entry of their unit speaks for
}

// Table writes and verifies the next file of a table.
func Table(ctx context.Context, in TableInput) (out TableOutput, err error) {
	l, err := newLoading(in)
	if err != nil {
		return TableOutput{}, fmt.Errorf("load %s: %w", in.Schema.ID(), err)
	}
	defer func() { err = errors.Join(err, l.close()) }()
	file, err := l.run(ctx)
	if err != nil {
		return TableOutput{}, fmt.Errorf("load %s: %w", in.Schema.ID(), err)
	}
	return TableOutput{File: file, Entries: l.results(), Discarded: l.discarded}, nil
}

// loading is a table on its way.
type loading struct {
	TableInput
	arrow     *arrow.Schema
	order     *rowmerge.Order
	index     *index
	counts    []EntryResult // by entry
	discarded map[spool.UnitID]int64
	previous  *previous // nil: there is none
}

func newLoading(in TableInput) (*loading, error) {
	l := &loading{TableInput: in, arrow: in.Schema.Arrow(), index: newIndex(in.Entries), discarded: map[spool.UnitID]int64{}}
	for _, e := range in.Entries {
		l.counts = append(l.counts, EntryResult{Entry: e})
	}
	var err error
	l.order, err = rowmerge.NewOrder(l.arrow, spool.SortColumns(in.Schema))
	return l, err
}

func (l *loading) close() error {
	if l.previous == nil {
		return nil
	}
	return l.previous.storedFile.close()
}

func (l *loading) run(ctx context.Context) (File, error) {
	inputs, err := l.freshInputs()
	if err != nil {
		return File{}, err
	}
	if l.Previous != nil {
		if l.previous, err = openPrevious(ctx, l); err != nil {
			return File{}, fmt.Errorf("read rows of run %s: %w", l.Previous.RunID, err)
		}
		inputs = append(inputs, l.previous.input())
	}
	return writeMerged(ctx, target{l.Schema, l.arrow, l.order, l.Staging, l.Schema.Table, l.RunID, l.Version}, inputs, l.count)
}

// target is a file to write.
type target struct {
	schema  *schema.Schema
	arrow   *arrow.Schema
	order   *rowmerge.Order
	dir     string
	name    string // without .parquet
	runID   string
	version string
}

// Size of the batches that go to the Parquet writer.
const (
	batchRows  = 8192
	batchBytes = 2 << 20
)

// writeMerged writes the rows of the inputs to a file and verifies it.
func writeMerged(ctx context.Context, t target, inputs []rowmerge.Input, count func(tag, kept, dropped int)) (File, error) {
	if err := os.MkdirAll(t.dir, 0o700); err != nil {
		return File{}, fmt.Errorf("create staging directory: %w", err)
	}
	w, err := createParquet(filepath.Join(t.dir, t.name+".parquet"), t.schema, t.runID, t.version)
	if err != nil {
		return File{}, err
	}
	m := rowmerge.Merge{Schema: t.arrow, Order: t.order, Inputs: inputs, Count: count, Write: w.write, Rows: batchRows, Bytes: batchBytes}
	if err := m.Run(ctx); err != nil {
		return File{}, errors.Join(err, w.abort())
	}
	file, err := w.close()
	if err != nil {
		return File{}, err
	}
	if err := verifyWritten(file, t); err != nil {
		return File{}, fmt.Errorf("verify %s: %w", file.Path, err)
	}
	return file, nil
}

func verifyWritten(file File, t target) error {
	got, err := verifyPath(file.Path, Contents{t.schema.ID(), t.schema.Hash(), file.Rows, file.Bytes, file.SHA256})
	if err != nil {
		return err
	}
	return compareLeaves(got, leavesOf(t.arrow))
}

// A tag names the entry that rows count for, and where they come from.
const (
	fromRun       = iota
	fromBefore    // carried: the run could not read them
	fromConfirmed // the run has read that they have not changed
	origins
)

func tagOf(entry, origin int) int { return origins*entry + origin }

func (l *loading) count(tag, kept, dropped int) {
	c := &l.counts[tag/origins]
	c.Rows += int64(kept)
	switch tag % origins { // a stored row that a fresh one replaces is no duplicate
	case fromRun:
		c.Duplicates += int64(dropped)
	case fromBefore:
		c.CarriedRows += int64(kept)
	}
}

func (l *loading) results() []EntryResult {
	for i := range l.counts {
		if c := &l.counts[i]; c.CarriedRows == 0 {
			c.CarriedFromRun = ""
		}
	}
	if l.previous == nil {
		return l.counts
	}
	return append(l.counts, l.previous.outOfScope()...)
}

// Ranks of rows with the same key. Of two accounts that both see a resource
// the owner's word is better.
const (
	rankOwner = iota
	rankOther
	rankCarried
)

// freshInputs returns an input for each sorted run of the units' files.
func (l *loading) freshInputs() ([]rowmerge.Input, error) {
	var inputs []rowmerge.Input
	for _, u := range l.Units {
		if u.Result.Outcome.Rows() != outcome.Replaced {
			continue // its walk did not finish
		}
		l.countDuplicates(u)
		if u.Result.File == "" {
			continue
		}
		// The runs of a file share its handle.
		rows := sync.OnceValues(func() (*spool.Rows, error) { return l.Spool.Rows(u.Result) })
		for run := len(u.Result.Runs) - 1; run >= 0; run-- {
			in := rowmerge.Input{Name: "rows of unit " + u.ID.String()}
			if !u.Result.Mixed {
				in.After = []string{u.ID.Account, u.ID.Region}
			}
			in.Open = func(context.Context) (rowmerge.Stream, error) { return l.openRun(u, rows, run) }
			inputs = append(inputs, in)
		}
	}
	return inputs, nil
}

// countDuplicates counts those that the unit's own pages had.
func (l *loading) countDuplicates(u Unit) {
	add := func(p spool.Place, n int64) {
		if i, ok := l.index.fresh(u, p); ok {
			l.counts[i].Duplicates += n
		} else if n > 0 {
			l.discarded[u.ID] += n
		}
	}
	if !u.Result.Mixed {
		add(spool.Place{Account: u.ID.Account, Region: u.ID.Region}, u.Result.Duplicates)
		return
	}
	for _, d := range u.Result.DuplicateIn {
		add(d.Place, d.Count)
	}
}

func (l *loading) openRun(u Unit, rows func() (*spool.Rows, error), run int) (rowmerge.Stream, error) {
	r, err := rows()
	if err != nil {
		return nil, err
	}
	in, err := r.Run(run)
	if err != nil {
		return nil, err
	}
	s := &unitStream{loading: l, unit: u, run: in}
	if s.account, err = column(l.arrow, "account_id"); err == nil {
		s.region, err = column(l.arrow, "region")
	}
	return s, err
}

func column(sc *arrow.Schema, name string) (int, error) {
	at := sc.FieldIndices(name)
	if len(at) != 1 {
		return 0, fmt.Errorf("found %d columns %s, expected 1", len(at), name)
	}
	return at[0], nil
}

// unitStream cuts a run of a unit into segments of one place each.
type unitStream struct {
	*loading
	unit            Unit
	run             *spool.Run
	account, region int
	batch           *rowmerge.Batch
	at              int
	entries         map[spool.Place]int // -1: none
}

func (s *unitStream) Close() error { return s.run.Close() }

func (s *unitStream) Next(ctx context.Context) (rowmerge.Segment, error) {
	for {
		if s.batch == nil || s.at == int(s.batch.Record.NumRows()) {
			rec, err := s.run.Next()
			if err != nil {
				return rowmerge.Segment{}, err
			}
			s.batch, s.at = rowmerge.NewBatch(s.order, rec), 0
		}
		place, from := s.place(), s.at
		s.at = s.end(place)
		if i := s.entry(place); i >= 0 {
			rank := rankOwner
			if place.Account != s.unit.ID.Account {
				rank = rankOther
			}
			return rowmerge.Segment{Batch: s.batch, From: from, To: s.at, Tag: tagOf(i, fromRun), Rank: rank}, nil
		}
		s.discarded[s.unit.ID] += int64(s.at - from)
	}
}

func (s *unitStream) place() spool.Place {
	if !s.unit.Result.Mixed {
		return spool.Place{Account: s.unit.ID.Account, Region: s.unit.ID.Region}
	}
	return placeAt(s.batch.Record, s.account, s.region, s.at)
}

// end returns where the rows of a place end in the batch, which is sorted.
func (s *unitStream) end(p spool.Place) int {
	rows := int(s.batch.Record.NumRows())
	if !s.unit.Result.Mixed {
		return rows
	}
	end := s.at + 1
	for end < rows && placeAt(s.batch.Record, s.account, s.region, end) == p {
		end++
	}
	return end
}

// placeAt is whom a row is about. The strings live as long as the batch.
func placeAt(rec arrow.RecordBatch, account, region, row int) spool.Place {
	return spool.Place{Account: textAt(rec, account, row), Region: textAt(rec, region, row)}
}

func textAt(rec arrow.RecordBatch, column, row int) string {
	if c := rec.Column(column).(*array.String); c.IsValid(row) {
		return c.Value(row)
	}
	return ""
}

func (s *unitStream) entry(p spool.Place) int {
	if i, ok := s.entries[p]; ok {
		return i
	}
	i, ok := s.index.fresh(s.unit, p)
	if !ok {
		i = -1
	}
	if s.entries == nil {
		s.entries = map[spool.Place]int{}
	}
	s.entries[clonePlace(p)] = i
	return i
}
