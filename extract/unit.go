package extract

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"sync"
	"time"

	"stocktake/internal/config"
	"stocktake/internal/outcome"
	"stocktake/internal/spool"
	"stocktake/transform"
)

// Place is an account and a region that rows are about.
type Place = spool.Place

// Asked is who is asked and where: a plan has hundreds of thousands of units, and
// those of an account and region share it.
type Asked struct {
	Source    string
	Account   string
	Region    string // GlobalRegion for collectors without regions
	Partition string

	session *session // nil where nobody can be asked
	run     *Run
}

// Unit is a collector at work in one account and region: what is scheduled,
// retried, resumed and counted.
type Unit struct {
	*Asked
	Collector *Collector
	Param     string  // what discovery found for the collector, such as the identity store
	Covers    []Place // of an administrator's view: whom it is known to contain

	counts  counters
	sinks   map[string]*sink
	started time.Time
}

// ID identifies the unit within its run.
func (u *Unit) ID() spool.UnitID {
	return spool.UnitID{Source: u.Source, Collector: u.Collector.Name, Account: u.Account, Region: u.Region}
}

// AskedRegion is the region whose endpoint is asked.
func (u *Unit) AskedRegion() string {
	if u.session == nil {
		return u.Region // nobody is asked
	}
	return u.session.region
}

// covers returns the places that the unit speaks for; nil is its own alone.
func (u *Unit) covers() []Place {
	switch {
	case u.Collector.AnyAccount:
		return []Place{{Account: "*", Region: "*"}}
	case u.Collector.AnyRegion && len(u.Covers) > 0:
		places := slices.Clone(u.Covers)
		for i := range places {
			places[i].Region = "*"
		}
		return places
	case u.Collector.AnyRegion:
		return []Place{{Account: u.Account, Region: "*"}}
	}
	return u.Covers
}

// Started is when the unit began.
func (u *Unit) Started() time.Time { return u.started }

// Config is the configuration of the run.
func (u *Unit) Config() *config.File { return u.run.Config }

// Wants reports whether rows of the table are still of use: it is collected in
// this run, and has not failed yet.
func (u *Unit) Wants(table string) bool {
	s := u.sinks[table]
	return s != nil && !s.ended()
}

// AllBut returns the columns of a table that is collected that are not among
// names.
func (u *Unit) AllBut(table string, names ...string) []string {
	s := u.sinks[table]
	if s == nil {
		return nil
	}
	return allBut(s.plan.Schema, names)
}

// sink receives the rows of one table of a unit.
type sink struct {
	table   Table
	plan    *transform.Plan
	context transform.Context
	since   spool.Mark // what earlier runs have read, of tables that are read by time

	mu         sync.Mutex
	builder    *transform.Builder
	writer     *spool.Writer
	outcome    *outcome.Outcome // set when the table failed
	detail     *outcome.Outcome // the first refused detail
	incomplete map[string]bool  // columns that some row lacks
	reached    time.Time        // until when the table has been read
	remark     outcome.Outcome  // what a good outcome says
}

// batchRows is the number of rows that are built before they go to the spool.
const batchRows = 1000

func (s *sink) ended() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.outcome != nil
}

// Incomplete is embedded in row types that have optional details.
type Incomplete struct {
	NotCollected []string // columns whose call was refused
}

func (r *Incomplete) missing() []string { return r.NotCollected }

// Miss names columns of the row that could not be read.
func (r *Incomplete) Miss(columns ...string) {
	r.NotCollected = slices.Compact(slices.Sorted(slices.Values(append(r.NotCollected, columns...))))
}

type incompleteRow interface {
	Miss(columns ...string)
	missing() []string
}

// Emit adds rows to a table of the unit. Rows of a table that is not collected,
// or has failed, are dropped. It may be called from several goroutines.
func Emit[T any](u *Unit, table string, rows []T) error {
	s := u.sinks[table]
	if s == nil || len(rows) == 0 {
		return nil
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.outcome != nil {
		return nil
	}
	if s.builder == nil {
		s.builder = s.plan.Builder()
	}
	for i := range rows {
		var missing []string
		if r, ok := any(&rows[i]).(incompleteRow); ok {
			missing = r.missing()
		}
		transform.Append(s.builder, &rows[i], &s.context, missing)
		for _, names := range [][]string{missing, s.builder.Incomplete()} {
			for _, c := range names {
				s.incomplete[c] = true
			}
		}
		if s.builder.Len() >= batchRows {
			if err := s.flush(); err != nil {
				return err
			}
		}
	}
	return nil
}

func (s *sink) flush() error {
	batch := s.builder.Batch()
	defer batch.Release()
	if err := s.writer.Append(batch); err != nil {
		return &localError{fmt.Errorf("spool rows of %s: %w", s.table.Name, err)}
	}
	return nil
}

// localError is a fault of this machine and not of AWS: it ends the run.
type localError struct{ error }

func (e *localError) Unwrap() error { return e.error }

// Fail ends a table of the unit, and the tables that its rows would lead to,
// with the outcome that err stands for. The other tables go on.
func (u *Unit) Fail(ctx context.Context, table string, err error) {
	u.end(table, u.Classify(ctx, err))
}

// FailApart is Fail for a part of the walk whose error, which may be nil, leaves
// the rest to go on. It returns what ends the walk as a whole: a fault of this
// machine, or the run's end.
func (u *Unit) FailApart(ctx context.Context, table string, err error) error {
	if err == nil {
		return nil
	}
	if _, local := asLocal(err); local || ctx.Err() != nil {
		return err
	}
	u.Fail(ctx, table, err)
	return nil
}

// Remark gives the outcome of a table words of its own where it is ok: what the
// configuration has left out does not pass for all there is.
func (u *Unit) Remark(table string, o outcome.Outcome) {
	if s := u.sinks[table]; s != nil {
		s.mu.Lock()
		defer s.mu.Unlock()
		s.remark = o
	}
}

func (u *Unit) end(table string, o outcome.Outcome) {
	if s := u.sinks[table]; s != nil {
		s.mu.Lock()
		if s.outcome == nil {
			s.outcome = &o
		}
		s.mu.Unlock()
	}
	for _, t := range u.Collector.Tables {
		if t.Parent == table {
			u.end(t.Name, o)
		}
	}
}

// Refused records that a detail could not be read; the rows say which columns
// lack it. It returns an error when the walk should not go on: the session
// has ended, or AWS refuses every call for its rate.
func (u *Unit) Refused(ctx context.Context, table string, err error) error {
	o := u.Classify(ctx, err)
	switch o.Kind {
	case outcome.Throttled, outcome.CredentialsExpired, outcome.RegionDisabled:
		return err
	}
	if ctx.Err() != nil {
		return err
	}
	if s := u.sinks[table]; s != nil {
		s.mu.Lock()
		defer s.mu.Unlock()
		if s.detail == nil {
			s.detail = &o
		}
	}
	return nil
}

// collect runs the walk and returns the journal entry of the unit.
func (u *Unit) collect(ctx context.Context, tables map[string]bool) (spool.Unit, error) {
	u.started = u.run.now()
	u.sinks = map[string]*sink{}
	for _, t := range u.Collector.Tables {
		if !tables[t.Name] {
			continue
		}
		plan := u.run.plans[t.Name]
		s := &sink{
			table: t, plan: plan, incomplete: map[string]bool{},
			writer: u.run.spool.Writer(u.ID(), plan.Schema),
			context: transform.Context{
				Partition: u.Partition, AccountID: u.Account, Region: u.Region, Source: u.Source,
				CollectedAccountID: u.Account, CollectedRegion: u.AskedRegion(),
				RunID: u.run.ID, ExtractedAt: u.started,
			},
		}
		u.begin(s)
		u.sinks[t.Name] = s
	}
	err := u.session.usable()
	if err == nil {
		err = u.Collector.Walk(withUnit(ctx, u), u)
	}
	if err == nil {
		err = ctx.Err()
	}
	return u.finish(ctx, err)
}

// finish closes the tables. An interrupted unit leaves no entry: it is repeated.
// One that the deadline cut off does: the run is published without it.
func (u *Unit) finish(ctx context.Context, walkErr error) (spool.Unit, error) {
	entry := spool.Unit{ID: u.ID(), CollectedRegion: u.AskedRegion(), Partition: u.Partition, StartedAt: u.started}
	var failed *outcome.Outcome
	if walkErr != nil {
		if local, ok := asLocal(walkErr); ok {
			return entry, errors.Join(local, u.abort())
		}
		if ctx.Err() != nil && !late(ctx) {
			return entry, errors.Join(context.Cause(ctx), u.abort())
		}
		o := u.Classify(ctx, walkErr)
		failed = &o
	}
	for _, t := range u.Collector.Tables {
		s := u.sinks[t.Name]
		if s == nil {
			continue
		}
		result, err := s.close(failed)
		if err != nil {
			return entry, errors.Join(err, u.abort())
		}
		result.Covers = u.covers()
		u.counts.into(&result, u.Collector)
		entry.Tables = append(entry.Tables, result)
	}
	entry.EndedAt = u.run.now()
	u.sinks, u.counts = nil, counters{} // there are hundreds of thousands of units
	return entry, nil
}

func (u *Unit) abort() error {
	var errs []error
	for _, s := range u.sinks {
		s.release()
		errs = append(errs, s.writer.Abort())
	}
	return errors.Join(errs...)
}

// asLocal finds a fault of this machine in err.
func asLocal(err error) (error, bool) {
	var local *localError
	return local, errors.As(err, &local)
}

func (s *sink) release() {
	if s.builder != nil {
		s.builder.Release()
		s.builder = nil
	}
}

func (s *sink) close(walkFailed *outcome.Outcome) (spool.TableResult, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	result := spool.TableResult{Table: s.table.Name, Schema: s.plan.Schema.ID()}
	if s.outcome == nil {
		s.outcome = walkFailed
	}
	if s.outcome != nil {
		s.release()
		result.Outcome = *s.outcome
		if err := s.writer.Abort(); err != nil {
			return result, &localError{fmt.Errorf("drop rows of %s: %w", s.table.Name, err)}
		}
		return result, nil
	}
	if s.builder != nil && s.builder.Len() > 0 {
		if err := s.flush(); err != nil {
			return result, err
		}
	}
	s.release()
	file, err := s.writer.Close()
	if err != nil {
		return result, &localError{fmt.Errorf("spool rows of %s: %w", s.table.Name, err)}
	}
	result.Keep(file)
	result.Mark, result.Incremental = s.mark(s.context.ExtractedAt)
	result.Outcome = s.remark
	result.Outcome.Kind = outcome.OK
	if len(s.incomplete) > 0 {
		o := outcome.Outcome{Code: "unreadable_value", Advice: "AWS sent values of an unknown form; report them, the columns stay empty until then."}
		if s.detail != nil {
			o = *s.detail
		}
		o.Kind, o.Columns = outcome.Partial, slices.Sorted(maps.Keys(s.incomplete))
		result.Outcome = o
	}
	return result, nil
}
