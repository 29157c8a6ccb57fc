//go:build linux

package soaktest

import (
	"context"
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"

	"stocktake/extract"
	"stocktake/extract/all"
	"stocktake/internal/outcome"
	"stocktake/internal/query"
	"stocktake/load"
	"stocktake/load/store"
	"stocktake/schemas"
)

// contents is everything that a reader finds in a warehouse.
type contents struct {
	run      string
	tables   map[string]*table
	coverage map[place]covered
}

// place is where rows belong, as far as one entry of coverage speaks for it.
type place struct{ table, account, region string }

func (p place) String() string { return strings.Join([]string{p.table, p.account, p.region}, " ") }

// collectorOf finds the collector of a table.
var collectorOf = func() map[string]*extract.Collector {
	by := map[string]*extract.Collector{}
	for _, c := range all.Collectors {
		for _, t := range c.Tables {
			by[t.Name] = c
		}
	}
	return by
}()

// at gives rows and coverage of a table the same place.
func at(table, account, region string) place {
	switch c := collectorOf[table]; {
	case c != nil && c.AnyAccount:
		account, region = "*", "*"
	case c != nil && c.AnyRegion:
		region = "*"
	}
	return place{table, account, region}
}

// table is the rows of a table, by place and in order of the key.
type table struct {
	columns     []string
	rows        map[place][]row
	incremental bool // rows stay as long as AWS tells of no change
}

// row is a row, and apart from it what names the run that read it.
type row struct {
	key, run, extracted string
	asked               string // the account, where it may be another one
	values              []any  // text or nil, by column
}

// covered is what coverage says of a place.
type covered struct {
	outcome                               outcome.Kind
	run, carriedFrom, code, message, text string
	asked                                 string
	rows, carried                         int64
}

// read returns what stands in a warehouse, nil before the first commit.
func read(t *testing.T, s store.Store) *contents {
	t.Helper()
	state, err := load.ReadState(t.Context(), s)
	if err != nil {
		t.Fatalf("read the state: %v", err)
	}
	if state.Manifest == nil {
		return nil
	}
	dir := t.TempDir()
	defer os.RemoveAll(dir)
	db := open(t, s, state, dir)
	defer db.Close()
	c := &contents{run: state.Head.Run, tables: map[string]*table{}, coverage: map[place]covered{}}
	for _, f := range state.Tables {
		switch {
		case f.Table == load.CoverageTable:
			c.readCoverage(t, db)
		case collectorOf[f.Table] != nil:
			c.tables[f.Table] = readTable(t, db, f.Table)
		}
	}
	return c
}

// open gives the tables of a state to DuckDB.
func open(t *testing.T, s store.Store, state *load.State, dir string) *query.DB {
	t.Helper()
	o := query.Options{Root: dir, Threads: 1}
	for _, f := range state.Tables {
		path, err := store.Fetch(t.Context(), s, state.Head.Run, f.Object(), dir)
		if err != nil {
			t.Fatal(err)
		}
		if !f.Location.Remote() {
			o.Root = s.Root()
		}
		o.Tables = append(o.Tables, query.Table{Name: f.Table, Version: f.Version, Newest: true, Files: []string{path}})
	}
	db, err := query.Open(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	return db
}

func ask(t *testing.T, db *query.DB, sql string) (columns []query.Column, rows [][]any) {
	t.Helper()
	result, err := db.Query(context.WithoutCancel(t.Context()), sql, nil)
	if err != nil {
		t.Fatalf("%s: %v", sql, err)
	}
	for row, err := range result.Rows() {
		if err != nil {
			t.Fatalf("%s: %v", sql, err)
		}
		rows = append(rows, slices.Clone(row))
	}
	return result.Columns(), rows
}

func readTable(t *testing.T, db *query.DB, name string) *table {
	t.Helper()
	sch, err := schemas.Newest(name)
	if err != nil {
		t.Fatal(err)
	}
	columns, rows := ask(t, db, "SELECT COLUMNS(*)::VARCHAR FROM "+name)
	tb := &table{rows: map[place][]row{}, incremental: sch.Incremental}
	for _, c := range columns {
		tb.columns = append(tb.columns, c.Name)
	}
	index := func(column string) int {
		i := slices.Index(tb.columns, column)
		if i < 0 {
			t.Fatalf("table %s has no column %s among %v", name, column, tb.columns)
		}
		return i
	}
	run, extracted := index("run_id"), index("extracted_at")
	account, region := index("account_id"), index("region")
	askedAccount, askedRegion := index("collected_account_id"), index("collected_region")
	for _, values := range rows {
		r := row{run: text(values[run]), extracted: text(values[extracted]), values: values}
		for _, k := range sch.Key {
			if k == "region" && collectorOf[name].AnyRegion {
				continue // it is a detail that may be missing, and the others are enough
			}
			r.key += text(values[index(k)]) + " "
		}
		p := at(name, text(values[account]), text(values[region]))
		values[run], values[extracted] = nil, nil
		if collectorOf[name].Administrator != nil {
			// Where the administrator cannot be asked, the accounts are.
			r.asked = text(values[askedAccount])
			values[askedAccount], values[askedRegion] = nil, nil
		}
		tb.rows[p] = append(tb.rows[p], r)
	}
	for _, rows := range tb.rows {
		slices.SortFunc(rows, func(a, b row) int { return strings.Compare(a.key, b.key) })
	}
	return tb
}

func text(v any) string {
	if v == nil {
		return ""
	}
	return fmt.Sprint(v)
}

func (c *contents) readCoverage(t *testing.T, db *query.DB) {
	t.Helper()
	_, rows := ask(t, db, `SELECT table_name, account_id, region, outcome, run_id, carried_from_run, error_code, error_message, advice,
		rows, carried_rows, collected_account_id FROM stocktake_coverage`)
	for _, r := range rows {
		kind, err := outcome.Parse(text(r[3]))
		if err != nil {
			t.Fatal(err)
		}
		p := at(text(r[0]), text(r[1]), text(r[2]))
		said := covered{kind, text(r[4]), text(r[5]), text(r[6]), text(r[7]), text(r[8]), text(r[11]), r[9].(int64), r[10].(int64)}
		if other, twice := c.coverage[p]; twice {
			if other.outcome != said.outcome {
				t.Errorf("coverage of %s: %s and %s", p, other.outcome, said.outcome)
			}
			said.rows += other.rows
			said.carried += other.carried
		}
		c.coverage[p] = said
	}
}
