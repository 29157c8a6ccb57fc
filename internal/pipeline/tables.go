package pipeline

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"slices"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"

	"stocktake/extract"
	"stocktake/internal/schema"
	"stocktake/internal/spool"
	"stocktake/load"
	"stocktake/schemas"
)

// loaded is a table whose next file is written, or an event table and the files
// that the run adds to it.
type loaded struct {
	schema    *schema.Schema
	file      load.File
	discarded map[spool.UnitID]int64
	events    []load.EventFile
}

// writers is the number of tables that are written at once.
const writers = 2

// writeTables writes the files of all tables that this run changes. A table
// that the configuration no longer has is written empty; one of which nothing
// was asked keeps its file.
func (p *run) writeTables(ctx context.Context) error {
	names := p.book.names()
	for name, t := range p.last {
		if !slices.Contains(names, name) && t.Rows > 0 && !about(name) {
			names = append(names, name)
			p.book.touched[name] = true
		}
	}
	var mu sync.Mutex
	g, ctx := errgroup.WithContext(ctx)
	g.SetLimit(writers)
	for _, name := range names {
		held, err := p.holds(name)
		if err != nil {
			return errors.Join(err, g.Wait())
		}
		if _, known := p.last[name]; !held || known && !p.book.touched[name] {
			continue
		}
		g.Go(func() error {
			units, err := p.book.unitsOf(name, p.spool)
			if err != nil {
				return err
			}
			mu.Lock()
			in := load.TableInput{Units: units, Entries: p.book.entries(name)}
			mu.Unlock()
			l, results, err := p.writeTable(ctx, name, in)
			if err != nil {
				return err
			}
			mu.Lock()
			defer mu.Unlock()
			p.loaded[name] = l
			p.book.settle(name, results)
			return nil
		})
	}
	return g.Wait()
}

// about reports the tables that stocktake keeps about itself.
func about(table string) bool {
	return table == load.CoverageTable || table == load.RunsTable || table == load.UnitsTable
}

func (p *run) writeTable(ctx context.Context, name string, in load.TableInput) (loaded, []load.EntryResult, error) {
	s, err := schemas.Newest(name)
	if err != nil {
		return loaded{}, nil, err
	}
	in.Schema, in.Spool, in.Staging, in.RunID, in.Version = s, p.spool, p.staging, p.id, p.o.Program
	in.Now, in.MaxAge = p.now(), p.o.Config.Carry.MaxAge
	if s.EventTime != "" {
		// Views need one file to know the columns.
		first := !slices.ContainsFunc(p.previous.Coverage, func(c extract.Covered) bool { return c.Table == name })
		out, err := load.Events(ctx, in, first)
		return loaded{schema: s, events: out.Files}, out.Entries, err
	}
	var out load.TableOutput
	err = p.withPrevious(ctx, name, func(previous *load.Previous) (err error) {
		in.Previous = previous
		out, err = load.Table(ctx, in)
		return err
	})
	return loaded{schema: s, file: out.File, discarded: out.Discarded}, out.Entries, err
}

// withPrevious calls f with the file that the last commit has of a table, nil
// where there is none.
func (p *run) withPrevious(ctx context.Context, name string, f func(*load.Previous) error) error {
	t, ok := p.last[name]
	if !ok {
		return f(nil)
	}
	return p.o.reading(ctx, p.state.Head.Run, t, p.spool.Dir(), func(path string) error {
		return f(&load.Previous{Path: path, RunID: t.WrittenBy})
	})
}

// writeAbout writes the tables that stocktake keeps about itself, and what is
// added to the history of coverage.
func (p *run) writeAbout(ctx context.Context) (tables []load.TableFile, history load.EventFile, err error) {
	tables = make([]load.TableFile, 3)
	write := func(ctx context.Context, i int, name string, to func(load.AboutInput) (load.File, error)) error {
		in := load.AboutInput{Spool: p.spool, Staging: p.staging, RunID: p.id, Version: p.o.Program}
		var err error
		if in.Schema, err = schemas.Newest(name); err != nil {
			return err
		}
		tables[i].Schema = in.Schema
		err = p.withPrevious(ctx, name, func(previous *load.Previous) (err error) {
			in.Previous = previous
			tables[i].File, err = to(in)
			return err
		})
		if err != nil {
			return fmt.Errorf("write %s: %w", name, err)
		}
		return nil
	}
	var units unitCounts
	g, within := errgroup.WithContext(ctx)
	g.Go(func() error {
		return write(within, 0, load.CoverageTable, func(in load.AboutInput) (state load.File, err error) {
			history.Schema, history.Date = in.Schema, p.now().UTC().Format(time.DateOnly)
			state, history.File, err = load.Coverage(within, in, p.coverage(), func(table string) bool { _, ok := p.loaded[table]; return ok })
			return state, err
		})
	})
	g.Go(func() error {
		stays, err := p.unitsStay()
		if err != nil {
			return err
		}
		return write(within, 1, load.UnitsTable, func(in load.AboutInput) (load.File, error) {
			return load.Units(within, in, p.unitRows(&units), stays)
		})
	})
	if err := g.Wait(); err != nil {
		return nil, history, err
	}
	err = write(ctx, 2, load.RunsTable, func(in load.AboutInput) (load.File, error) { return load.Runs(ctx, in, p.runRow(units)) })
	return tables, history, err
}

// unitsStay returns whether the units of a collector stay that an earlier run
// has left: those of tables that are not for this run to collect.
func (p *run) unitsStay() (func(collector string) bool, error) {
	ours := map[string]bool{}
	for _, c := range p.o.Collectors {
		for _, t := range c.Tables {
			held, err := p.holds(t.Name)
			if err != nil {
				return nil, err
			}
			ours[c.Name] = ours[c.Name] || held
		}
	}
	return func(collector string) bool { asked, known := ours[collector]; return known && !asked }, nil
}

// unitCounts are what stocktake_runs says of the units of a run.
type unitCounts struct {
	units, incomplete, calls, failedCalls, throttles int64
}

// unitRows returns the rows of stocktake_units, and counts them into n.
func (p *run) unitRows(n *unitCounts) iter.Seq2[load.UnitRow, error] {
	discarded := map[spool.UnitID]int64{}
	for _, l := range p.loaded {
		for id, n := range l.discarded {
			discarded[id] += n
		}
	}
	return func(yield func(load.UnitRow, error) bool) {
		for u, err := range p.spool.Units() {
			if err != nil {
				yield(load.UnitRow{}, fmt.Errorf("read journal: %w", err))
				return
			}
			row := load.UnitRowOf(p.id, u, discarded[u.ID])
			n.units++
			n.calls += row.Calls
			n.failedCalls += row.FailedCalls
			n.throttles += row.Throttles
			if row.Outcome.Incomplete(p.o.Config.AcceptBlocked) {
				n.incomplete++
			}
			if !yield(row, nil) {
				return
			}
		}
	}
}

// runRow returns the row of stocktake_runs.
func (p *run) runRow(units unitCounts) load.RunRow {
	row := load.RunRow{
		RunID: p.id, ParentRunID: p.state.Head.Run, SnapshotDate: p.date, StartedAt: p.started, EndedAt: p.now(),
		ProgramVersion: p.o.Program, ConfigHash: p.o.Config.Hash(), Outcome: load.RunComplete, ExitCode: int32(p.exit),
		Units: units.units, IncompleteUnits: units.incomplete, Tables: int64(len(p.loaded)),
		Calls: units.calls, FailedCalls: units.failedCalls, Throttles: units.throttles,
	}
	if p.exit != 0 {
		row.Outcome = load.RunIncomplete
	}
	for c := range p.coverage() {
		row.Rows += c.Rows
		row.CarriedRows += c.CarriedRows
	}
	for _, s := range p.plan.Sources {
		regions := map[string]bool{}
		for _, a := range s.Accounts {
			for _, r := range a.Regions {
				regions[r] = true
			}
		}
		row.Sources = append(row.Sources, load.RunSource{
			Name: s.Source.Name, Contact: s.Source.Contact, Console: s.Source.Console,
			Accounts: int64(len(s.Accounts)), Regions: int64(len(regions)),
		})
	}
	return row
}

// coverage returns the rows of stocktake_coverage of this run, by table.
func (p *run) coverage() iter.Seq[load.CoverageRow] { return p.book.coverage(p.id) }

// exitOf is 3 when some unit is not complete, and 0 otherwise.
func exitOf(coverage iter.Seq[load.CoverageRow], acceptBlocked bool) int {
	for r := range coverage {
		if r.Outcome.Incomplete(acceptBlocked) {
			return 3
		}
	}
	return 0
}
