package load

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"iter"
	"sync"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/zeebo/xxh3"

	"stocktake/internal/outcome"
	"stocktake/internal/rowmerge"
	"stocktake/internal/schema"
	"stocktake/internal/spool"
)

// The tables that stocktake keeps about itself.
const (
	CoverageTable = "stocktake_coverage"
	RunsTable     = "stocktake_runs"
	UnitsTable    = "stocktake_units"
)

// AboutInput is what the files of these tables have in common.
type AboutInput struct {
	Schema   *schema.Schema
	Spool    *spool.Spool // holds rows while they are sorted
	Previous *Previous    // nil: there is none
	Staging  string
	RunID    string
	Version  string
}

// Coverage writes the two files of stocktake_coverage: all rows of the run, for
// its history, and the state that it leaves behind. That is the last outcome
// other than skipped of each source, table, account and region: rows of the run
// stand in for those before. Of the tables that the run has loaded, rows
// without a successor leave, and so do those that an earlier run showed as out
// of scope.
func Coverage(ctx context.Context, in AboutInput, rows iter.Seq[CoverageRow], loaded func(table string) bool) (state, history File, err error) {
	a, err := newAbout(in)
	if err != nil {
		return File{}, File{}, err
	}
	c := coverage{loaded: loaded, skipped: map[xxh3.Uint128]struct{}{}, taken: map[xxh3.Uint128]struct{}{}}
	all, err := a.spool("history", func(yield func(row) bool) {
		for r := range rows {
			if c.note(r); !yield(r) {
				return
			}
		}
	})
	if err != nil {
		return File{}, File{}, err
	}
	history, err = a.write(ctx, CoverageTable+".history", a.input(all, nil))
	if err != nil {
		return File{}, File{}, err
	}
	news := a.input(all, func(rec arrow.RecordBatch, row int) bool {
		return textAt(rec, a.outcome, row) != string(outcome.Skipped)
	})
	before := a.before(func(rec arrow.RecordBatch, row int) bool { return c.stays(a.coverageKey(rec, row)) })
	state, err = a.write(ctx, CoverageTable, append(news, before...))
	return state, history, err
}

// coverage is what the rows of a run say about those before.
type coverage struct {
	loaded  func(table string) bool
	skipped map[xxh3.Uint128]struct{} // rows that are skipped in this run
	taken   map[xxh3.Uint128]struct{} // table, account and region that some source has collected
}

// coverageKey is a row of the file as far as it decides.
type coverageKey struct {
	source, table, account, region string
	outcome                        outcome.Kind
}

func (k coverageKey) hash() xxh3.Uint128 {
	return xxh3.HashString128(k.source + "\x00" + k.table + "\x00" + k.account + "\x00" + k.region)
}

func (k coverageKey) place() xxh3.Uint128 {
	k.source = ""
	return k.hash()
}

// note remembers 16 bytes of a row: a run may have hundreds of thousands.
func (c *coverage) note(r CoverageRow) {
	k := coverageKey{r.Source, r.TableName, r.AccountID, r.Region, r.Outcome}
	switch {
	case r.Outcome == outcome.Skipped:
		c.skipped[k.hash()] = struct{}{}
	case r.Outcome.Rows() == outcome.Replaced && r.Outcome != outcome.OutOfScope:
		c.taken[k.place()] = struct{}{}
	}
}

// stays reports whether a row of an earlier run is still the last word, unless
// a row of this run has the same key.
func (c *coverage) stays(k coverageKey) bool {
	if k.outcome == outcome.OutOfScope {
		return false
	}
	if !c.loaded(k.table) {
		return true
	}
	_, skipped := c.skipped[k.hash()]
	_, taken := c.taken[k.place()] // by another source, which the rows now belong to
	return skipped && !taken
}

// Units writes the units of a run, and those before of collectors that stay.
func Units(ctx context.Context, in AboutInput, rows iter.Seq2[UnitRow, error], stays func(collector string) bool) (File, error) {
	a, err := newAbout(in)
	if err != nil {
		return File{}, err
	}
	collector, err := column(a.arrow, "collector")
	if err != nil {
		return File{}, fmt.Errorf("load %s: %w", in.Schema.ID(), err)
	}
	var failed error
	all, err := a.spool("units", func(yield func(row) bool) {
		for r, err := range rows {
			if failed = err; err != nil || !yield(r) {
				return
			}
		}
	})
	if err := cmp.Or(failed, err); err != nil {
		return File{}, err
	}
	before := a.before(func(rec arrow.RecordBatch, row int) bool { return stays(textAt(rec, collector, row)) })
	return a.write(ctx, UnitsTable, append(a.input(all, nil), before...))
}

// Runs writes the runs so far and this one.
func Runs(ctx context.Context, in AboutInput, run RunRow) (File, error) {
	a, err := newAbout(in)
	if err != nil {
		return File{}, err
	}
	one, err := a.spool("runs", func(yield func(row) bool) { yield(run) })
	if err != nil {
		return File{}, err
	}
	return a.write(ctx, RunsTable, append(a.input(one, nil), a.before(nil)...))
}

// Empty writes a file without rows, so that a query of a table that has none
// yet finds its columns.
func Empty(ctx context.Context, in AboutInput, name string) (File, error) {
	a, err := newAbout(in)
	if err != nil {
		return File{}, err
	}
	return a.write(ctx, name, nil)
}

// about writes the files of one of these tables.
type about struct {
	AboutInput
	arrow                                   *arrow.Schema
	order                                   *rowmerge.Order
	source, table, account, region, outcome int // columns of coverage
}

func newAbout(in AboutInput) (*about, error) {
	a := &about{AboutInput: in, arrow: in.Schema.Arrow()}
	var err error
	if a.order, err = rowmerge.NewOrder(a.arrow, spool.SortColumns(in.Schema)); err != nil {
		return nil, fmt.Errorf("load %s: %w", in.Schema.ID(), err)
	}
	if in.Schema.Table != CoverageTable {
		return a, nil
	}
	for name, at := range map[string]*int{"source": &a.source, "table_name": &a.table, "account_id": &a.account, "region": &a.region, "outcome": &a.outcome} {
		if *at, err = column(a.arrow, name); err != nil {
			return nil, fmt.Errorf("load %s: %w", in.Schema.ID(), err)
		}
	}
	return a, nil
}

func (a *about) coverageKey(rec arrow.RecordBatch, row int) coverageKey {
	return coverageKey{textAt(rec, a.source, row), textAt(rec, a.table, row), textAt(rec, a.account, row), textAt(rec, a.region, row),
		outcome.Kind(textAt(rec, a.outcome, row))}
}

// spool sorts rows.
func (a *about) spool(name string, rows iter.Seq[row]) (spool.TableResult, error) {
	w := a.Spool.Writer(spool.UnitID{Collector: "stocktake-" + name}, a.Schema)
	b := newRowBuilder(a.arrow)
	var err error
	flush := func() {
		if err == nil {
			err = w.Append(b.batch())
		}
	}
	for r := range rows {
		if b.append(r); b.rows == batchRows {
			flush()
		}
		if err != nil {
			break
		}
	}
	if b.rows > 0 {
		flush()
	}
	var result spool.TableResult
	if err != nil {
		return result, errors.Join(fmt.Errorf("load %s: %w", a.Schema.ID(), err), w.Abort())
	}
	f, err := w.Close()
	if err != nil {
		return result, fmt.Errorf("load %s: %w", a.Schema.ID(), err)
	}
	result.Keep(f)
	return result, nil
}

// input returns the sorted runs of what was spooled.
func (a *about) input(r spool.TableResult, keep keepRow) []rowmerge.Input {
	var inputs []rowmerge.Input
	rows := sync.OnceValues(func() (*spool.Rows, error) { return a.Spool.Rows(r) })
	for run := len(r.Runs) - 1; run >= 0; run-- { // of equal rows the later one stays
		inputs = append(inputs, rowmerge.Input{Name: "rows of this run", Open: func(context.Context) (rowmerge.Stream, error) {
			opened, err := rows()
			if err != nil {
				return nil, err
			}
			in, err := opened.Run(run)
			if err != nil {
				return nil, err
			}
			next := func() (numbered, error) {
				rec, err := in.Next()
				return numbered{rec: rec}, err
			}
			return &filtered{name: "spooled rows", order: a.order, keep: keep, rank: rankOwner, next: next, close: in.Close}, nil
		}})
	}
	return inputs
}

// before returns the rows of the last commit that keep accepts.
func (a *about) before(keep keepRow) []rowmerge.Input {
	if a.Previous == nil {
		return nil
	}
	return []rowmerge.Input{{Name: "rows of run " + a.Previous.RunID, Open: func(ctx context.Context) (rowmerge.Stream, error) {
		f, err := openStored(a.Previous.Path, a.arrow)
		if err != nil {
			return nil, err
		}
		return f.all(ctx, a.order, keep), nil
	}}}
}

func (a *about) write(ctx context.Context, name string, inputs []rowmerge.Input) (File, error) {
	f, err := writeMerged(ctx, target{a.Schema, a.arrow, a.order, a.Staging, name, a.RunID, a.Version}, inputs, func(int, int, int) {})
	if err != nil {
		return File{}, fmt.Errorf("load %s: %w", a.Schema.ID(), err)
	}
	return f, nil
}
