package pipeline

import (
	"context"
	"fmt"
	"slices"
	"sync"

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
	schema *schema.Schema
	out    load.TableOutput
	events []load.EventFile
}

// writers is the number of tables that are written at once.
const writers = 2

// writeTables writes the files of all tables that this run changes. A table
// that the configuration no longer has is written empty; one of which nothing
// was asked keeps its file.
func (p *run) writeTables(ctx context.Context) error {
	names := p.book.tables()
	for name, t := range p.last {
		if !slices.Contains(names, name) && t.Rows > 0 && !about(name) {
			names = append(names, name)
			p.book.touched[name] = true
		}
	}
	for name := range p.last {
		if !slices.Contains(names, name) && !about(name) {
			p.unchanged = append(p.unchanged, name)
		}
	}
	var mu sync.Mutex
	g, ctx := errgroup.WithContext(ctx)
	g.SetLimit(writers)
	for _, name := range names {
		_, known := p.last[name]
		if !p.book.touched[name] && known {
			p.unchanged = append(p.unchanged, name)
			continue
		}
		g.Go(func() error {
			l, err := p.writeTable(ctx, name)
			if err != nil {
				return err
			}
			mu.Lock()
			defer mu.Unlock()
			p.loaded[name] = l
			return nil
		})
	}
	return g.Wait()
}

// about reports the tables that stocktake keeps about itself.
func about(table string) bool {
	return table == load.CoverageTable || table == load.RunsTable || table == load.UnitsTable
}

func (p *run) writeTable(ctx context.Context, name string) (loaded, error) {
	s, err := schemas.Newest(name)
	if err != nil {
		return loaded{}, err
	}
	in := load.TableInput{
		Schema: s, Spool: p.spool, Units: p.book.units[name], Entries: p.book.entries[name],
		Now: p.now(), MaxAge: p.o.Config.Carry.MaxAge, Staging: p.staging, RunID: p.id, Version: p.o.Program,
	}
	if s.EventTime != "" {
		// Views need one file to know the columns.
		first := !slices.ContainsFunc(p.previous.Coverage, func(c extract.Covered) bool { return c.Table == name })
		out, err := load.Events(ctx, in, first)
		return loaded{schema: s, out: load.TableOutput{Entries: out.Entries}, events: out.Files}, err
	}
	var out load.TableOutput
	err = p.withPrevious(ctx, name, func(previous *load.Previous) (err error) {
		in.Previous = previous
		out, err = load.Table(ctx, in)
		return err
	})
	return loaded{schema: s, out: out}, err
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

// coverage returns the rows of stocktake_coverage of this run, by table.
func (p *run) coverage() []load.CoverageRow {
	var rows []load.CoverageRow
	names := p.book.tables()
	for name := range p.loaded {
		if !slices.Contains(names, name) {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	for _, name := range names {
		results := p.loaded[name].out.Entries
		if _, ok := p.loaded[name]; !ok {
			for _, e := range p.book.entries[name] {
				results = append(results, load.EntryResult{Entry: e})
			}
		}
		for _, r := range results {
			rows = append(rows, r.Coverage(p.id, name))
		}
	}
	return rows
}

// unitRows returns the rows of stocktake_units.
func (p *run) unitRows() ([]load.UnitRow, error) {
	discarded := map[spool.UnitID]int64{}
	for _, l := range p.loaded {
		for id, n := range l.out.Discarded {
			discarded[id] += n
		}
	}
	var rows []load.UnitRow
	for u, err := range p.spool.Units() {
		if err != nil {
			return nil, fmt.Errorf("read journal: %w", err)
		}
		rows = append(rows, load.UnitRowOf(p.id, u, discarded[u.ID]))
	}
	return rows, nil
}

// runRow returns the row of stocktake_runs.
func (p *run) runRow(coverage []load.CoverageRow, units []load.UnitRow) load.RunRow {
	row := load.RunRow{
		RunID: p.id, ParentRunID: p.parent, SnapshotDate: p.date, StartedAt: p.started, EndedAt: p.now(),
		ProgramVersion: p.o.Program, ConfigHash: p.o.Config.Hash(), Outcome: load.RunComplete, ExitCode: int32(p.exit),
		Units: int64(len(units)), Tables: int64(len(p.loaded)),
	}
	if p.exit != 0 {
		row.Outcome = load.RunIncomplete
	}
	for _, c := range coverage {
		row.Rows += c.Rows
		row.CarriedRows += c.CarriedRows
	}
	for _, u := range units {
		row.Calls += u.Calls
		row.FailedCalls += u.FailedCalls
		row.Throttles += u.Throttles
		if u.Outcome.Incomplete(p.o.Config.AcceptBlocked) {
			row.IncompleteUnits++
		}
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

// exitOf is 3 when some unit is not complete, and 0 otherwise.
func exitOf(coverage []load.CoverageRow, acceptBlocked bool) int {
	if slices.ContainsFunc(coverage, func(r load.CoverageRow) bool { return r.Outcome.Incomplete(acceptBlocked) }) {
		return 3
	}
	return 0
}
