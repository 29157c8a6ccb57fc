package honesttest

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"

	"stocktake/extract"
	"stocktake/extract/all"
	"stocktake/internal/query"
	"stocktake/internal/spool"
	"stocktake/internal/views"
	"stocktake/load"
	"stocktake/load/store/local"
)

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

// where is a place of a table, as far as one entry of coverage speaks for it.
type where struct {
	table string
	spool.Place
}

// at gives rows and coverage of a table the same place.
func at(table, account, region string) where {
	w := where{table, spool.Place{Account: account, Region: region}}
	if c := collectorOf[table]; c != nil && c.AnyAccount {
		w.Place = spool.Place{Account: "*", Region: "*"}
	} else if c != nil && c.AnyRegion {
		w.Region = "*"
	}
	return w
}

// stored is rows by place, and of each how many are of which run.
type stored map[where]map[string]int64

func total(runs map[string]int64) (n int64) {
	for _, rows := range runs {
		n += rows
	}
	return n
}

// reader asks a warehouse in SQL.
type reader struct {
	t     *testing.T
	state *load.State
	db    *query.DB
}

// read opens the last commit of a warehouse.
func read(t *testing.T, s *local.Store) *reader {
	t.Helper()
	state, err := views.State(t.Context(), s, load.ReadState)
	if err != nil {
		t.Fatal(err)
	}
	if state.Manifest == nil {
		t.Fatal("the warehouse has no commit")
	}
	events, err := views.Events(s, state, false)
	if err != nil {
		t.Fatal(err)
	}
	db, err := query.Open(t.Context(), query.Options{Root: s.Root(), Threads: 1, Tables: views.Tables(state), Views: events})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { db.Close() })
	return &reader{t, state, db}
}

func (r *reader) rows(sql string) [][]any {
	r.t.Helper()
	result, err := r.db.Query(r.t.Context(), sql, nil)
	if err != nil {
		r.t.Fatalf("%s: %v", sql, err)
	}
	var rows [][]any
	for row, err := range result.Rows() {
		if err != nil {
			r.t.Fatalf("%s: %v", sql, err)
		}
		rows = append(rows, row)
	}
	return rows
}

// number is the one number that a query answers.
func (r *reader) number(sql string) int64 {
	r.t.Helper()
	rows := r.rows(sql)
	if len(rows) != 1 || len(rows[0]) != 1 {
		r.t.Fatalf("%s: got %d rows, want one number", sql, len(rows))
	}
	n, ok := rows[0][0].(int64)
	if !ok {
		r.t.Fatalf("%s: got %T %v, want a number", sql, rows[0][0], rows[0][0])
	}
	return n
}

// tables are those with rows from AWS.
func (r *reader) tables() []string {
	var names []string
	for _, t := range r.state.Tables {
		if !strings.HasPrefix(t.Table, "stocktake_") {
			names = append(names, t.Table)
		}
	}
	return names
}

// stored counts the rows of all tables.
func (r *reader) stored() stored {
	r.t.Helper()
	var parts []string
	for _, t := range r.tables() {
		parts = append(parts, fmt.Sprintf("SELECT '%s', coalesce(account_id, ''), coalesce(region, ''), run_id, count(*) FROM %s GROUP BY ALL", t, t))
	}
	found := stored{}
	for _, row := range r.rows(strings.Join(parts, " UNION ALL ")) {
		place := at(row[0].(string), row[1].(string), row[2].(string))
		if found[place] == nil {
			found[place] = map[string]int64{}
		}
		found[place][row[3].(string)] += row[4].(int64)
	}
	return found
}

// gaps are the rows of coverage_gaps, as keyOf writes them.
func (r *reader) gaps() []string {
	r.t.Helper()
	return r.keys("SELECT source, table_name, account_id, region, outcome FROM coverage_gaps")
}

func (r *reader) keys(sql string) []string {
	r.t.Helper()
	var keys []string
	for _, row := range r.rows(sql) {
		keys = append(keys, fmt.Sprint(row...))
	}
	slices.Sort(keys)
	return keys
}

// contents is every value of all tables from AWS, but for what names the run.
func (r *reader) contents() map[string]string {
	r.t.Helper()
	all := map[string]string{}
	for _, t := range r.tables() {
		var lines []string
		for _, row := range r.rows("SELECT * EXCLUDE (run_id, extracted_at) FROM " + t) {
			lines = append(lines, fmt.Sprint(row...))
		}
		slices.Sort(lines)
		all[t] = strings.Join(lines, "\n")
	}
	return all
}

// sameContents compares two warehouses.
func sameContents(t *testing.T, got, want map[string]string) {
	t.Helper()
	if g, w := slices.Sorted(maps.Keys(got)), slices.Sorted(maps.Keys(want)); !slices.Equal(g, w) {
		t.Errorf("tables: got %v, want %v", g, w)
	}
	for table, text := range want {
		if got[table] == text {
			continue
		}
		g, w := strings.Split(got[table], "\n"), strings.Split(text, "\n")
		i := 0
		for i < min(len(g), len(w)) && g[i] == w[i] {
			i++
		}
		t.Errorf("%s: got %d lines, want %d; they differ at %d:\n got %.300s\nwant %.300s", table, len(g), len(w), i, lineAt(g, i), lineAt(w, i))
	}
}

func lineAt(lines []string, i int) string {
	if i < len(lines) {
		return lines[i]
	}
	return "(end)"
}
