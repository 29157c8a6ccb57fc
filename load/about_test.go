package load

import (
	"fmt"
	"maps"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/apache/arrow-go/v18/arrow/array"

	"stocktake/internal/outcome"
	"stocktake/internal/schema"
	"stocktake/internal/spool"
	"stocktake/schemas"
)

func aboutSchema(t testing.TB, table string) *schema.Schema {
	t.Helper()
	sch, err := schemas.Newest(table)
	if err != nil {
		t.Fatal(err)
	}
	return sch
}

func aboutInput(t testing.TB, table, run string, previous *File) AboutInput {
	t.Helper()
	in := AboutInput{Schema: aboutSchema(t, table), Spool: newSpool(t), Staging: filepath.Join(t.TempDir(), "staging"), RunID: run, Version: "test"}
	if previous != nil {
		in.Previous = &Previous{previous.Path, "run before"}
	}
	return in
}

// values returns the rows of a file as one text each, of some columns.
func values(t testing.TB, sch *schema.Schema, path string, columns ...string) []string {
	t.Helper()
	out := []string{}
	for _, rec := range readFile(t, sch, path) {
		for row := range int(rec.NumRows()) {
			var cells []string
			for _, name := range columns {
				c := rec.Column(rec.Schema().FieldIndices(name)[0])
				cells = append(cells, c.ValueStr(row))
			}
			out = append(out, strings.Join(cells, " "))
		}
	}
	return out
}

// A row of the coverage tests: source, table, account, outcome and rows.
func coverageRow(text string) CoverageRow {
	r := CoverageRow{Region: "r"}
	if _, err := fmt.Sscan(text, &r.Source, &r.TableName, &r.AccountID, &r.Outcome, &r.Rows); err != nil {
		panic(err)
	}
	return r
}

func TestCoverage(t *testing.T) {
	sch := aboutSchema(t, CoverageTable)
	for _, test := range []struct {
		name   string
		before []string // the state that the run finds
		rows   []string // of the run
		loaded string   // tables that it loads
		state  []string // what it leaves
	}{
		{"the first run", nil, []string{"s t 2 ok 5", "s t 1 denied 0"}, "t", []string{"s t 1 denied 0", "s t 2 ok 5"}},
		{"later rows replace earlier ones", []string{"s t 1 ok 5"}, []string{"s t 1 denied 5"}, "t", []string{"s t 1 denied 5"}},
		{"skipped rows leave the state as it is", []string{"s t 1 denied 5", "s t 2 ok 1"}, []string{"s t 1 skipped 5", "s t 2 ok 2"}, "t", []string{"s t 1 denied 5", "s t 2 ok 2"}},
		{"what is only ever skipped has no state", nil, []string{"s t 1 skipped 0"}, "t", []string{}},
		{"tables that are not loaded stay", []string{"s t 1 ok 1", "s u 1 ok 2"}, []string{"s t 1 ok 3"}, "t", []string{"s t 1 ok 3", "s u 1 ok 2"}},
		{"rows without a successor leave", []string{"s t 1 ok 1", "s t 2 ok 2"}, []string{"s t 1 ok 3"}, "t", []string{"s t 1 ok 3"}},
		{"out of scope shows once", []string{"s t 1 ok 1"}, []string{"s t 1 out_of_scope 0"}, "t", []string{"s t 1 out_of_scope 0"}},
		{"and is gone with the next run", []string{"s t 1 out_of_scope 0", "s u 1 out_of_scope 0"}, []string{"s t 2 ok 1"}, "t", []string{"s t 2 ok 1"}},
		{"also when its table is skipped", []string{"s t 1 out_of_scope 0"}, []string{"s t 1 skipped 0"}, "t", []string{}},
		{"a place that another source took over", []string{"a t 1 ok 5"}, []string{"a t 1 skipped 0", "b t 1 ok 5"}, "t", []string{"b t 1 ok 5"}},
		{"a place that another source failed to take over", []string{"a t 1 ok 5"}, []string{"a t 1 skipped 5", "b t 1 denied 0"}, "t", []string{"a t 1 ok 5", "b t 1 denied 0"}},
		{"the last of two rows holds", nil, []string{"s t 1 denied 0", "s t 1 ok 1"}, "t", []string{"s t 1 ok 1"}},
	} {
		t.Run(test.name, func(t *testing.T) {
			write := func(rows []string, previous *File) (state, history File) {
				t.Helper()
				var all []CoverageRow
				for _, r := range rows {
					all = append(all, coverageRow(r))
				}
				state, history, err := Coverage(t.Context(), aboutInput(t, CoverageTable, "run-1", previous), slices.Values(all), func(table string) bool { return strings.Contains(test.loaded, table) })
				if err != nil {
					t.Fatal(err)
				}
				return state, history
			}
			var previous *File
			if test.before != nil {
				f, _ := write(test.before, nil)
				previous = &f
			}
			state, history := write(test.rows, previous)
			columns := []string{"source", "table_name", "account_id", "outcome", "rows"}
			if got := values(t, sch, state.Path, columns...); !slices.Equal(got, test.state) || int(state.Rows) != len(test.state) {
				t.Errorf("state %q, want %q", got, test.state)
			}
			unique := map[string]string{}
			for _, r := range test.rows {
				unique[strings.Join(strings.Fields(r)[:3], " ")] = r
			}
			if got, want := values(t, sch, history.Path, columns...), slices.Sorted(maps.Values(unique)); !slices.Equal(got, want) {
				t.Errorf("history %q, want %q", got, want)
			}
		})
	}
}

// Every column holds what its field says: no two may be mixed up.
func TestCoverageColumns(t *testing.T) {
	r := EntryResult{
		Entry: Entry{Source: "Source", Account: "Account", Region: "Region", CollectedAccount: "Collected", CollectedRegion: "not shown",
			Outcome: outcome.Outcome{Kind: outcome.Partial, Code: "Code", Message: "Message", MissingAction: "Action", Advice: "Advice", Columns: []string{"a", "b"}},
			Calls:   1, FailedCalls: 2, Retries: 3, Throttles: 4, StartedAt: testTime, EndedAt: testTime.Add(time.Second),
			Mark: spool.Mark{Until: testTime.Add(2 * time.Second), Full: testTime.Add(3 * time.Second)}},
		Rows: 5, CarriedRows: 6, CarriedFromRun: "From", AgedOut: 7, Duplicates: 8,
	}
	state, _, err := Coverage(t.Context(), aboutInput(t, CoverageTable, "run-1", nil), slices.Values([]CoverageRow{r.Coverage("Run", "Table")}), func(string) bool { return true })
	if err != nil {
		t.Fatal(err)
	}
	want := `{"account_id":"Account","advice":"Advice","aged_out_rows":7,"calls":1,"carried_from_run":"From","carried_rows":6,"collected_account_id":"Collected","duplicate_rows":8,` +
		`"ended_at":"2026-11-22T03:00:01Z","error_code":"Code","error_message":"Message","failed_calls":2,"full_pull_at":"2026-11-22T03:00:03Z","incomplete_columns":["a","b"],"missing_action":"Action","outcome":"partial","read_until":"2026-11-22T03:00:02Z",` +
		`"region":"Region","retries":3,"rows":5,"run_id":"Run","source":"Source","started_at":"2026-11-22T03:00:00Z","table_name":"Table","throttles":4}`
	if got := jsonLines(t, readFile(t, aboutSchema(t, CoverageTable), state.Path)...); len(got) != 1 || got[0] != want {
		t.Errorf("row\ngot  %s\nwant %s", got, want)
	}
}

func TestUnits(t *testing.T) {
	u := spool.Unit{ID: spool.UnitID{Source: "Source", Collector: "Collector", Account: "Account", Region: "Region"}, CollectedRegion: "Collected", StartedAt: testTime, EndedAt: testTime.Add(1500 * time.Millisecond),
		Tables: []spool.TableResult{
			{Table: "a", Outcome: outcome.Outcome{Kind: outcome.OK}, Rows: 1, Duplicates: 2, Discarded: 3, Calls: 4, FailedCalls: 5, Retries: 6, Throttles: 7},
			{Table: "b", Outcome: outcome.Outcome{Kind: outcome.Denied}, Rows: 10, Duplicates: 20, Discarded: 30, Calls: 40, FailedCalls: 50, Retries: 60, Throttles: 70},
			{Table: "c", Outcome: outcome.Outcome{Kind: outcome.Skipped}},
		}}
	f, err := Units(t.Context(), aboutInput(t, UnitsTable, "run-1", nil), func(yield func(UnitRow, error) bool) { yield(UnitRowOf("Run", u, 100), nil) }, func(string) bool { return false })
	if err != nil {
		t.Fatal(err)
	}
	want := `{"account_id":"Account","calls":44,"collected_region":"Collected","collector":"Collector","discarded_rows":133,"duplicate_rows":22,"duration_ms":1500,"ended_at":"2026-11-22T03:00:01.5Z",` +
		`"failed_calls":55,"outcome":"denied","region":"Region","retries":66,"rows":11,"run_id":"Run","source":"Source","started_at":"2026-11-22T03:00:00Z","tables":["a","b","c"],"throttles":77}`
	if got := jsonLines(t, readFile(t, aboutSchema(t, UnitsTable), f.Path)...); len(got) != 1 || got[0] != want {
		t.Errorf("row\ngot  %s\nwant %s", got, want)
	}
}

func TestRuns(t *testing.T) {
	sch := aboutSchema(t, RunsTable)
	one := RunRow{RunID: "run-1", SnapshotDate: "2026-11-21", StartedAt: testTime, EndedAt: testTime.Add(time.Second), ProgramVersion: "Version", ConfigHash: "Hash", Outcome: RunIncomplete, ExitCode: 3,
		Units: 1, IncompleteUnits: 2, Tables: 3, Rows: 4, CarriedRows: 5, Calls: 6, FailedCalls: 7, Throttles: 8, Sources: []RunSource{{"Name", "Contact", "Console", 9, 10}, {Name: "Other"}}}
	first, err := Runs(t.Context(), aboutInput(t, RunsTable, "run-1", nil), one)
	if err != nil {
		t.Fatal(err)
	}
	want := `{"calls":6,"carried_rows":5,"config_hash":"Hash","ended_at":"2026-11-22T03:00:01Z","exit_code":3,"failed_calls":7,"incomplete_units":2,"outcome":"incomplete","parent_run_id":null,"program_version":"Version",` +
		`"rows":4,"run_id":"run-1","snapshot_date":"2026-11-21","sources":[{"accounts":9,"console":"Console","contact":"Contact","name":"Name","regions":10},{"accounts":0,"console":null,"contact":null,"name":"Other","regions":0}],` +
		`"started_at":"2026-11-22T03:00:00Z","tables":3,"throttles":8,"units":1}`
	if got := jsonLines(t, readFile(t, sch, first.Path)...); len(got) != 1 || got[0] != want {
		t.Errorf("row\ngot  %s\nwant %s", got, want)
	}
	second, err := Runs(t.Context(), aboutInput(t, RunsTable, "run-2", &first), RunRow{RunID: "run-2", ParentRunID: "run-1", Outcome: RunComplete})
	if err != nil {
		t.Fatal(err)
	}
	third, err := Runs(t.Context(), aboutInput(t, RunsTable, "run-2", &second), RunRow{RunID: "run-2", ParentRunID: "run-1", Outcome: RunIncomplete})
	if err != nil {
		t.Fatal(err)
	}
	if got, want := values(t, sch, third.Path, "run_id", "outcome"), []string{"run-1 incomplete", "run-2 incomplete"}; !slices.Equal(got, want) {
		t.Errorf("runs %q, want %q", got, want)
	}
}

func TestEmpty(t *testing.T) {
	for _, table := range []string{CoverageTable, RunsTable, UnitsTable} {
		f, err := Empty(t.Context(), aboutInput(t, table, "run-1", nil), table)
		if err != nil {
			t.Fatal(err)
		}
		if f.Rows != 0 || len(values(t, aboutSchema(t, table), f.Path)) != 0 {
			t.Errorf("%s: %d rows, want none", table, f.Rows)
		}
	}
}

// A coverage of many rows is sorted in several runs without holding them all.
func TestCoverageOfManyRows(t *testing.T) {
	const n = 60_000
	rows := func(yield func(CoverageRow) bool) {
		for i := range n {
			// Far apart, so that no two runs are in order by chance.
			if !yield(CoverageRow{RunID: "run-1", Source: "s", TableName: fmt.Sprint("table_", i*7919%n), AccountID: "a", Region: "r", Outcome: outcome.OK, Rows: 1}) {
				return
			}
		}
	}
	state, history, err := Coverage(t.Context(), aboutInput(t, CoverageTable, "run-1", nil), rows, func(string) bool { return true })
	if err != nil {
		t.Fatal(err)
	}
	if state.Rows != n || history.Rows != n {
		t.Fatalf("%d rows of state and %d of history, want %d", state.Rows, history.Rows, n)
	}
	total := int64(0)
	for _, rec := range readFile(t, aboutSchema(t, CoverageTable), state.Path) {
		for _, v := range rec.Column(rec.Schema().FieldIndices("rows")[0]).(*array.Int64).Int64Values() {
			total += v
		}
	}
	if total != n {
		t.Errorf("the rows add up to %d, want %d", total, n)
	}
}
