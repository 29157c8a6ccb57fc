// Package views says which views readers have of a warehouse.
package views

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"stocktake/internal/query"
	"stocktake/load"
	"stocktake/load/store"
	"stocktake/schemas"
)

// eventTables are those that have files below events/.
func eventTables() ([]load.EventTable, error) {
	every, err := schemas.All()
	if err != nil {
		return nil, err
	}
	var tables []load.EventTable
	for _, s := range every {
		if s.EventTime != "" || s.Table == load.CoverageTable {
			tables = append(tables, load.EventTable{Table: s.Table, Version: s.Version})
		}
	}
	slices.SortFunc(tables, func(a, b load.EventTable) int { return strings.Compare(a.Table, b.Table) })
	return tables, nil
}

// State reads the last commit by load.ReadState or load.AwaitState, the events
// of all tables included.
func State(ctx context.Context, s store.Store, read func(context.Context, store.Store, ...load.EventTable) (*load.State, error)) (*load.State, error) {
	tables, err := eventTables()
	if err != nil {
		return nil, err
	}
	return read(ctx, s, tables...)
}

// Tables are the views of a state's tables.
func Tables(state *load.State) []query.Table {
	var tables []query.Table
	for _, t := range state.Tables {
		tables = append(tables, query.Table{Name: t.Table, Version: t.Version, Newest: t.Current == t.Table+".parquet", Files: []string{t.Location.Path}})
	}
	return tables
}

// Events are the views of event tables that have files; that of one that shares
// its name with a state is its history. standing ones hold for later runs too.
// In a bucket a pattern costs DuckDB a third of the requests of a list.
func Events(s store.Store, state *load.State, standing bool) ([]query.View, error) {
	every, err := schemas.All()
	if err != nil {
		return nil, err
	}
	var views []query.View
	pattern := standing || !Local(s)
	for _, e := range state.Events {
		paths := e.Paths
		if len(paths) == 0 {
			continue
		}
		if pattern {
			paths = []string{fmt.Sprintf("%s/events/%s/v%d/*/*.parquet", s.Root(), e.Table, e.Version)}
		}
		sch := every[fmt.Sprintf("%s.v%d", e.Table, e.Version)]
		if sch.EventTime != "" {
			views = append(views, query.View{Name: e.Table, SQL: query.ReadLatest(paths, "extracted_at", append(slices.Clone(sch.Key), sch.EventTime)...)})
			continue
		}
		sql := query.ReadParquet(paths)
		if pattern { // which may find a file and those that it stands in for
			sql = query.ReadLatest(paths, "ended_at", append(slices.Clone(sch.Key), "run_id")...)
		}
		views = append(views, query.View{Name: e.Table + "_history", SQL: sql})
	}
	return views, nil
}

// Local reports whether a warehouse is a folder.
func Local(s store.Store) bool { return !strings.Contains(s.Root(), "://") }
