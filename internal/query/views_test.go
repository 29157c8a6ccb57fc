package query

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

func TestWriteDatabase(t *testing.T) {
	w := inventory(t)
	path := filepath.Join(w.root, "stocktake.duckdb")
	for _, old := range []string{path + ".tmp", path + ".tmp.wal", path + ".wal"} {
		if err := os.WriteFile(old, []byte("left by a crash"), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	const list = "SELECT view_name, sql FROM duckdb_views() WHERE NOT internal ORDER BY 1"
	var first string
	for range 2 {
		if err := WriteDatabase(t.Context(), path, Options{Root: w.root, Tables: w.tables, Views: w.views}); err != nil {
			t.Fatal(err)
		}
		left, err := filepath.Glob(filepath.Join(filepath.Dir(strings.ReplaceAll(path, "[1]", "[[]1]")), "stocktake.duckdb*"))
		if err != nil || !slices.Equal(left, []string{path}) {
			t.Errorf("got files %q, %v; want %q alone", left, err, path)
		}
		got := runUnlocked(t, path, list)
		if first == "" {
			first = got
		}
		if got != first {
			t.Errorf("written again, the views are\n%s\nwant\n%s", got, first)
		}
	}
	for _, name := range []string{"aws_ec2_instances,", "aws_ec2_instances_v1,", "aws_vpcs,", "aws_vpcs_v1,", "aws_vpcs_v2,", "coverage_gaps,", "events_by_name,"} {
		if !strings.Contains(first, "\n"+name) {
			t.Errorf("there is no view %s in\n%s", name, first)
		}
	}
	for sql, want := range map[string]string{
		"SELECT count(*) AS n FROM aws_events":                     "n\n2\n",
		"SELECT account_id, outcome FROM coverage_gaps ORDER BY 1": "account_id,outcome\n222222222222,denied\n333333333333,partial\n555555555555,\n",
		"SELECT vpc_id FROM aws_vpcs_v2":                           "vpc_id\nvpc-2\n",
		"FROM events_by_name ORDER BY 1":                           "name,n\nnew,1\nold,1\n",
	} {
		if got := runUnlocked(t, path, sql); got != want {
			t.Errorf("%s: got %q, want %q", sql, got, want)
		}
		attached := strings.Replace(strings.Replace(sql, "FROM ", "FROM v.", 1), "v.(", "(", 1)
		if got := runUnlocked(t, "", "ATTACH "+quoteText(path)+" AS v (READ_ONLY)", attached); got != want {
			t.Errorf("attached, %s: got %q, want %q", attached, got, want)
		}
	}
}

// A table's file may be replaced by one with other columns: the views need no rewrite.
func TestViewsFollowTheirFiles(t *testing.T) {
	w := newWarehouse(t)
	w.table("a", "SELECT 1 AS id, 'x' AS name")
	path := filepath.Join(w.root, "stocktake.duckdb")
	if err := WriteDatabase(t.Context(), path, Options{Root: w.root, Tables: w.tables}); err != nil {
		t.Fatal(err)
	}
	w.file("current/aa.parquet", "SELECT 'y' AS name, 2 AS id, true AS added")
	if got, want := runUnlocked(t, path, "FROM a"), "name,id,added\ny,2,true\n"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
}

func TestWriteDatabaseErrors(t *testing.T) {
	w := inventory(t)
	path := filepath.Join(w.root, "stocktake.duckdb")
	if err := os.WriteFile(path, []byte("before"), 0o644); err != nil {
		t.Fatal(err)
	}
	cases := []struct {
		name   string
		tables []Table
		extra  []View
		want   string
	}{
		{"no file", []Table{{Name: "a", Version: 1}}, nil, "a_v1 has no file"},
		{"missing file", []Table{{Name: "a", Version: 1, Files: []string{w.root + "/nope.parquet"}}}, nil, "create view a_v1"},
		{"twice", append(w.tables[:1:1], w.tables[0]), nil, "already exists"},
		{"broken view", nil, []View{{"v", "SELECT FROM"}}, "create view v"},
		{"view that writes", nil, []View{{"v", "SELECT 1; COPY (SELECT 1) TO " + quoteText(w.root+"/x.csv")}}, "view v: line 1: the statement was not run, it begins with COPY"},
		{"view that acts", nil, []View{{"v", "FROM force_checkpoint()"}}, ErrRefused.Error()},
		{"view that is no SELECT", nil, []View{{"v", "EXPLAIN SELECT 1"}}, "view v: expected one SELECT"},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			before := contents(t, w.root)
			err := WriteDatabase(t.Context(), path, Options{Root: w.root, Tables: c.tables, Views: c.extra})
			if err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("WriteDatabase: got %v, want an error with %q", err, c.want)
			}
			for name := range contents(t, w.root) {
				if _, ok := before[name]; !ok {
					t.Errorf("WriteDatabase left %s", name)
				}
			}
			if left, err := os.ReadFile(path); err != nil || string(left) != "before" {
				t.Errorf("WriteDatabase left a file of %d bytes, %v; want the file as it was", len(left), err)
			}
		})
	}
}

// A caller's view may stand in for a table's bare name, here to keep the newest of
// repeated events.
func TestViewTakesOverName(t *testing.T) {
	w := newWarehouse(t)
	w.table("aws_events", "SELECT 1 AS id, 'old' AS name", "SELECT 1 AS id, 'new' AS name, 5 AS seen")
	w.views = []View{{"aws_events", "SELECT * FROM aws_events_v1 QUALIFY row_number() OVER (PARTITION BY id ORDER BY seen DESC NULLS LAST) = 1"}}
	db := w.open()
	got, err := ask(t.Context(), db, "FROM aws_events", nil, Format{Name: "csv"})
	if want := "id,name,seen\n1,new,5\n"; err != nil || got != want {
		t.Errorf("got %q, %v; want %q", got, err, want)
	}
	if got, err := db.TablesOf(t.Context(), "FROM aws_events"); err != nil || !slices.Equal(got, []string{"aws_events"}) {
		t.Errorf("TablesOf gives %q, %v; want aws_events", got, err)
	}
}

func TestViewsFingerprint(t *testing.T) {
	table := Table{Name: "a", Version: 1, Newest: true, Files: []string{"/r/a.parquet", "/r/b.parquet"}}
	view := View{"v", "SELECT 1"}
	base := ViewsFingerprint([]Table{table}, []View{view})
	if again := ViewsFingerprint([]Table{table}, []View{view}); again != base {
		t.Errorf("the same views give %s and %s", base, again)
	}
	seen := map[string]string{base: "the first"}
	change := func(name string, f func(t *Table, v *View)) {
		t2, v2 := table, view
		t2.Files = slices.Clone(table.Files)
		f(&t2, &v2)
		got := ViewsFingerprint([]Table{t2}, []View{v2})
		if other, ok := seen[got]; ok {
			t.Errorf("%s has the fingerprint of %s", name, other)
		}
		seen[got] = name
	}
	change("another name", func(t *Table, _ *View) { t.Name = "b" })
	change("another version", func(t *Table, _ *View) { t.Version = 2 })
	change("not the newest", func(t *Table, _ *View) { t.Newest = false })
	change("another file", func(t *Table, _ *View) { t.Files[1] = "/r/c.parquet" })
	change("files in one", func(t *Table, _ *View) { t.Files = []string{"/r/a.parquet\" \"/r/b.parquet"} })
	change("another view", func(_ *Table, v *View) { v.SQL = "SELECT 2" })
	change("another view name", func(_ *Table, v *View) { v.Name = "w" })
}

func TestTablesOf(t *testing.T) {
	db := inventory(t).open()
	cases := []struct {
		sql  string
		want string
	}{
		{"SELECT 1", ""},
		{"SELECT * FROM aws_events", "aws_events"},
		{"SELECT * FROM AWS_Events e JOIN main.aws_vpcs v ON true", "aws_events aws_vpcs"},
		{`SELECT * FROM memory.main."aws_events"`, "aws_events"},
		{"SELECT (SELECT max(vpc_id) FROM aws_vpcs_v2) FROM (SELECT * FROM aws_ec2_instances) WHERE EXISTS (FROM aws_events)", "aws_ec2_instances aws_events aws_vpcs"},
		{"WITH a AS (FROM aws_events), b AS (FROM a) FROM b", "aws_events"},
		{"WITH RECURSIVE r AS (SELECT 1 AS i UNION ALL SELECT i + 1 FROM r, aws_vpcs WHERE i < 3) FROM r", "aws_vpcs"},
		{"SELECT * FROM coverage_gaps", "stocktake_coverage"},
		{"SELECT * FROM events_by_name", "aws_events"},
		{"PIVOT aws_events ON name USING count(*)", "aws_events"},
		{"DESCRIBE aws_events", "aws_events"},
		{"SUMMARIZE aws_events", "aws_events"},
		{"EXPLAIN SELECT * FROM aws_events", "aws_events"},
		{"SELECT * FROM query_table('aws_events')", "aws_events"},
		{"CREATE TEMP TABLE x AS FROM aws_events; CREATE TEMP MACRO m() AS TABLE FROM aws_vpcs; FROM x, m()", "aws_events aws_vpcs"},
		{"SELECT outcome FROM stocktake_coverage WHERE table_name = 'aws_events' -- aws_vpcs\n /* aws_ec2_instances */", "stocktake_coverage"},
		{"SELECT $aws_events", ""},
		{"FROM read_parquet('x') WHERE aws_id = 1", ""},
	}
	for _, c := range cases {
		got, err := db.TablesOf(t.Context(), c.sql)
		if err != nil || strings.Join(got, " ") != c.want {
			t.Errorf("TablesOf(%s) = %q, %v; want %s", c.sql, got, err, c.want)
		}
	}
	for sql, want := range map[string]string{"SELECT 1 +": "syntax error", "DROP VIEW aws_events": "DROP", "": "no statement"} {
		if got, err := db.TablesOf(t.Context(), sql); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("TablesOf(%s) = %q, %v; want an error with %q", sql, got, err, want)
		}
	}
}
