package load

import (
	"time"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/apache/arrow-go/v18/arrow/memory"

	"stocktake/internal/outcome"
	"stocktake/internal/spool"
)

// CoverageRow is a row of stocktake_coverage: how a table was collected, for
// one account and region.
type CoverageRow struct {
	RunID              string
	Source             string
	TableName          string
	AccountID          string
	Region             string
	CollectedAccountID string
	Outcome            outcome.Kind
	Rows               int64
	CarriedRows        int64
	CarriedFromRun     string
	AgedOutRows        int64
	DuplicateRows      int64
	IncompleteColumns  []string
	Calls              int64
	FailedCalls        int64
	Retries            int64
	Throttles          int64
	StartedAt          time.Time
	EndedAt            time.Time
	ErrorCode          string
	ErrorMessage       string
	MissingAction      string
	Advice             string
	ReadUntil          time.Time
	FullPullAt         time.Time
}

// Coverage returns the row that records the result.
func (r EntryResult) Coverage(runID, table string) CoverageRow {
	return CoverageRow{
		RunID: runID, Source: r.Source, TableName: table, AccountID: r.Account, Region: r.Region, CollectedAccountID: r.CollectedAccount,
		Outcome: r.Outcome.Kind, Rows: r.Rows, CarriedRows: r.CarriedRows, CarriedFromRun: r.CarriedFromRun, AgedOutRows: r.AgedOut, DuplicateRows: r.Duplicates,
		IncompleteColumns: r.Outcome.Columns, Calls: r.Calls, FailedCalls: r.FailedCalls, Retries: r.Retries, Throttles: r.Throttles,
		StartedAt: r.StartedAt, EndedAt: r.EndedAt,
		ErrorCode: r.Outcome.Code, ErrorMessage: r.Outcome.Message, MissingAction: r.Outcome.MissingAction, Advice: r.Outcome.Advice,
		ReadUntil: r.Mark.Until, FullPullAt: r.Mark.Full,
	}
}

func (r CoverageRow) append(f *fields) {
	f.text(r.RunID, r.Source, r.TableName, r.AccountID, r.Region, r.CollectedAccountID, string(r.Outcome))
	f.long(r.Rows, r.CarriedRows)
	f.text(r.CarriedFromRun)
	f.long(r.AgedOutRows, r.DuplicateRows)
	f.texts(r.IncompleteColumns)
	f.long(r.Calls, r.FailedCalls, r.Retries, r.Throttles)
	f.time(r.StartedAt, r.EndedAt)
	f.text(r.ErrorCode, r.ErrorMessage, r.MissingAction, r.Advice)
	f.time(r.ReadUntil, r.FullPullAt)
}

// UnitRow is a row of stocktake_units: a unit of a run.
type UnitRow struct {
	RunID           string
	Source          string
	Collector       string
	AccountID       string
	Region          string
	CollectedRegion string
	StartedAt       time.Time
	EndedAt         time.Time
	Outcome         outcome.Kind // the worst of its tables
	Tables          []string
	Rows            int64
	DiscardedRows   int64
	DuplicateRows   int64
	Calls           int64
	FailedCalls     int64
	Retries         int64
	Throttles       int64
}

// UnitRowOf returns the row of a finished unit. discarded are its rows that
// tables had no place for.
func UnitRowOf(runID string, u spool.Unit, discarded int64) UnitRow {
	r := UnitRow{RunID: runID, Source: u.ID.Source, Collector: u.ID.Collector, AccountID: u.ID.Account, Region: u.ID.Region,
		CollectedRegion: u.CollectedRegion, StartedAt: u.StartedAt, EndedAt: u.EndedAt, DiscardedRows: discarded}
	for _, t := range u.Tables {
		if worse(t.Outcome.Kind, r.Outcome) {
			r.Outcome = t.Outcome.Kind
		}
		r.Tables = append(r.Tables, t.Table)
		r.Rows += t.Rows
		r.DiscardedRows += t.Discarded
		r.DuplicateRows += t.Duplicates
		r.Calls += t.Calls
		r.FailedCalls += t.FailedCalls
		r.Retries += t.Retries
		r.Throttles += t.Throttles
	}
	return r
}

// worse reports whether a is a worse outcome than b. Skipped says less than any
// other, so it is the best.
func worse(a, b outcome.Kind) bool {
	rank := func(k outcome.Kind) int {
		if k == outcome.Skipped {
			return 0
		}
		for i, o := range outcome.Kinds {
			if o == k {
				return i + 1
			}
		}
		return -1
	}
	return rank(a) > rank(b)
}

func (r UnitRow) append(f *fields) {
	f.text(r.RunID, r.Source, r.Collector, r.AccountID, r.Region, r.CollectedRegion)
	f.time(r.StartedAt, r.EndedAt)
	f.long(r.EndedAt.Sub(r.StartedAt).Milliseconds())
	f.text(string(r.Outcome))
	f.texts(r.Tables)
	f.long(r.Rows, r.DiscardedRows, r.DuplicateRows, r.Calls, r.FailedCalls, r.Retries, r.Throttles)
}

// Outcomes of a run.
const (
	RunComplete   = "complete"
	RunIncomplete = "incomplete"
)

// RunRow is a row of stocktake_runs.
type RunRow struct {
	RunID           string
	ParentRunID     string
	SnapshotDate    string
	StartedAt       time.Time
	EndedAt         time.Time
	ProgramVersion  string
	ConfigHash      string
	Outcome         string // RunComplete or RunIncomplete
	ExitCode        int32
	Units           int64
	IncompleteUnits int64
	Tables          int64
	Rows            int64
	CarriedRows     int64
	Calls           int64
	FailedCalls     int64
	Throttles       int64
	Sources         []RunSource
}

// RunSource is what a run knew of a source.
type RunSource struct {
	Name     string
	Contact  string
	Console  string
	Accounts int64
	Regions  int64
}

func (r RunRow) append(f *fields) {
	f.text(r.RunID, r.ParentRunID, r.SnapshotDate)
	f.time(r.StartedAt, r.EndedAt)
	f.text(r.ProgramVersion, r.ConfigHash, r.Outcome)
	f.next().(*array.Int32Builder).Append(r.ExitCode)
	f.long(r.Units, r.IncompleteUnits, r.Tables, r.Rows, r.CarriedRows, r.Calls, r.FailedCalls, r.Throttles)
	list := f.next().(*array.ListBuilder)
	list.Append(true)
	item := list.ValueBuilder().(*array.StructBuilder)
	for _, s := range r.Sources {
		item.Append(true)
		g := fields{columns: []array.Builder{item.FieldBuilder(0), item.FieldBuilder(1), item.FieldBuilder(2), item.FieldBuilder(3), item.FieldBuilder(4)}}
		g.text(s.Name, s.Contact, s.Console)
		g.long(s.Accounts, s.Regions)
	}
}

// row is a row of one of the tables that stocktake keeps about itself.
type row interface{ append(*fields) }

// fields appends the values of a row to its columns in order.
type fields struct {
	columns []array.Builder
	at      int
}

func (f *fields) next() array.Builder {
	b := f.columns[f.at]
	f.at++
	return b
}

// text appends strings; an empty one is NULL.
func (f *fields) text(values ...string) {
	for _, v := range values {
		if b := f.next().(*array.StringBuilder); v != "" {
			b.Append(v)
		} else {
			b.AppendNull()
		}
	}
}

func (f *fields) long(values ...int64) {
	for _, v := range values {
		f.next().(*array.Int64Builder).Append(v)
	}
}

// time appends times; the zero time is NULL.
func (f *fields) time(values ...time.Time) {
	for _, v := range values {
		if b := f.next().(*array.TimestampBuilder); !v.IsZero() {
			b.Append(arrow.Timestamp(v.UnixMicro()))
		} else {
			b.AppendNull()
		}
	}
}

func (f *fields) texts(values []string) {
	b := f.next().(*array.ListBuilder)
	b.Append(true)
	for _, v := range values {
		b.ValueBuilder().(*array.StringBuilder).Append(v)
	}
}

// rowBuilder collects rows into batches.
type rowBuilder struct {
	builder *array.RecordBuilder
	rows    int
}

func newRowBuilder(sc *arrow.Schema) *rowBuilder {
	return &rowBuilder{builder: array.NewRecordBuilder(memory.DefaultAllocator, sc)}
}

func (b *rowBuilder) append(r row) {
	r.append(&fields{columns: b.builder.Fields()})
	b.rows++
}

// batch returns the rows so far and begins anew.
func (b *rowBuilder) batch() arrow.RecordBatch {
	b.rows = 0
	return b.builder.NewRecordBatch()
}
