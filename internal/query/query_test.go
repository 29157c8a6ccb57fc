package query

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

func inventory(t *testing.T) *testWarehouse {
	w := newWarehouse(t)
	w.table("aws_ec2_instances", `SELECT '0123' || lpad(i::VARCHAR, 8, '0') AS account_id, 'i-' || i AS instance_id,
		MAP {'Name': 'web ' || i, 'Straße': '日本'} AS tags,
		CASE WHEN i <> 2 THEN {'name': 'running', 'code': i} END AS state,
		[{'id': 'eni-' || i, 'ips': ['10.0.0.' || i]}] AS network_interfaces,
		TIMESTAMPTZ '2026-11-22 03:04:05.678+00' AS launch_time
		FROM range(3) r(i)`)
	w.table("aws_vpcs", `SELECT 'vpc-1' AS vpc_id, 1 AS n WHERE false`)
	w.table("aws_events", `SELECT 1 AS id, 'old' AS name`, `SELECT 2 AS id, 'new' AS name, true AS added`)
	w.table(coverageTable, coverageRows)
	w.tables = append(w.tables, Table{Name: "aws_vpcs", Version: 2, Files: []string{w.file("v2/aws_vpcs.parquet", `SELECT 'vpc-2' AS vpc_id`)}})
	w.views = []View{{Name: "events_by_name", SQL: "SELECT name, count(*) AS n FROM aws_events GROUP BY ALL"}}
	return w
}

func TestQuery(t *testing.T) {
	w := inventory(t)
	db := w.open()
	cases := []struct {
		name, sql string
		params    map[string]any
		want      string
	}{
		{name: "nested values", sql: "SELECT * FROM aws_ec2_instances WHERE instance_id = 'i-0'",
			want: `[{"account_id":"012300000000","instance_id":"i-0","tags":{"Name":"web 0","Straße":"日本"},"state":{"name":"running","code":0},"network_interfaces":[{"id":"eni-0","ips":["10.0.0.0"]}],"launch_time":"2026-11-22T03:04:05.678Z"}]`},
		{name: "null struct", sql: "SELECT state, state.name FROM aws_ec2_instances WHERE instance_id = 'i-2'", want: `[{"state":null,"name":null}]`},
		{name: "empty table", sql: "SELECT * FROM aws_vpcs", want: `[]`},
		{name: "columns of the newer file", sql: "SELECT * FROM aws_events ORDER BY id",
			want: "[{\"id\":1,\"name\":\"old\",\"added\":null},\n{\"id\":2,\"name\":\"new\",\"added\":true}]"},
		{name: "an older version", sql: "SELECT * FROM aws_vpcs_v2", want: `[{"vpc_id":"vpc-2"}]`},
		{name: "extra view", sql: "SELECT * FROM events_by_name ORDER BY ALL", want: "[{\"name\":\"new\",\"n\":1},\n{\"name\":\"old\",\"n\":1}]"},
		{name: "gaps", sql: "SELECT account_id, outcome, carried_rows, missing_action, incomplete_columns FROM coverage_gaps ORDER BY 1",
			want: `[{"account_id":"222222222222","outcome":"denied","carried_rows":7,"missing_action":"ec2:DescribeInstances","incomplete_columns":[]},` + "\n" +
				`{"account_id":"333333333333","outcome":"partial","carried_rows":0,"missing_action":null,"incomplete_columns":["policy"]},` + "\n" +
				`{"account_id":"555555555555","outcome":null,"carried_rows":0,"missing_action":null,"incomplete_columns":[]}]`},
		{name: "several statements", sql: "SET VARIABLE least = 1; CREATE TEMP TABLE big AS FROM aws_events WHERE id > getvariable('least');\nCREATE TEMP MACRO twice(x) AS 2 * x; SELECT twice(id) AS x FROM big;",
			want: `[{"x":4}]`},
		{name: "temporary view", sql: "CREATE OR REPLACE TEMP VIEW aws_events AS SELECT 5 AS id; FROM aws_events", want: `[{"id":5}]`},
		{name: "pivot", sql: "PIVOT aws_events ON name USING count(*) GROUP BY id ORDER BY id",
			want: "[{\"id\":1,\"new\":0,\"old\":1},\n{\"id\":2,\"new\":1,\"old\":0}]"},
		{name: "pivot below", sql: "WITH p AS (PIVOT aws_events ON name USING count(*) GROUP BY id) SELECT old FROM p ORDER BY id", want: "[{\"old\":1},\n{\"old\":0}]"},
		{name: "describe", sql: "SELECT column_name FROM (DESCRIBE aws_vpcs)", want: "[{\"column_name\":\"vpc_id\"},\n{\"column_name\":\"n\"}]"},
		{name: "pragma", sql: "PRAGMA show_tables", want: `[{"name":"aws_ec2_instances"},` + "\n" + `{"name":"aws_ec2_instances_v1"},`},
		{name: "semicolons in text", sql: "SELECT 'a;b' AS a, $$c;'d$$ AS b, E'\\';' AS c /* ; /* ; */ ; */ -- ;\n", want: `[{"a":"a;b","b":"c;'d","c":"';"}]`},
		{name: "parameters", sql: "SELECT $a AS a, $b AS b, $c AS c, $d AS d, $e AS e, $a || 'x' AS f, $g::INTEGER + 1 AS g",
			params: map[string]any{"a": "o'k", "b": int64(1 << 60), "c": nil, "d": 0.5, "e": true, "g": "41"},
			want:   `[{"a":"o'k","b":1152921504606846976,"c":null,"d":0.5,"e":true,"f":"o'kx","g":42}]`},
		{name: "text for a number", sql: "SELECT name FROM aws_events WHERE id = $id LIMIT $n", params: map[string]any{"id": "2", "n": "1"}, want: `[{"name":"new"}]`},
		{name: "a time, and text for one", sql: "SELECT count(*) AS n FROM aws_ec2_instances WHERE launch_time > $t AND launch_time < $u",
			params: map[string]any{"t": time.Date(2026, 11, 22, 3, 4, 5, 0, time.UTC), "u": "2026-11-22 03:04:06+00"}, want: `[{"n":3}]`},
		{name: "parameters of several statements", sql: "CREATE TEMP TABLE x AS SELECT $a AS a; SELECT a, $b AS b FROM x",
			params: map[string]any{"a": 1, "b": 2}, want: `[{"a":1,"b":2}]`},
		{name: "explain", sql: "SELECT 1; EXPLAIN ANALYZE SELECT count(*) FROM aws_events WHERE id = $id", params: map[string]any{"id": 1}, want: `[{"explain_key":"analyzed_plan"`},
		{name: "names of acting functions elsewhere", sql: "-- title: A query (fast)\n-- the query\n-- is\nSELECT query, 'query(1)' AS \"checkpoint (\" FROM (SELECT 1 AS query) /* query( */",
			want: `[{"query":1,"checkpoint (":"query(1)"}]`},
		{name: "files below the root", sql: "SELECT count(*) AS n FROM read_parquet($root || '/current/aws_eventsb.parquet')",
			params: map[string]any{"root": w.root}, want: `[{"n":1}]`},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			got, err := ask(t.Context(), db, c.sql, c.params, Format{Name: "json"})
			if err != nil || !strings.HasPrefix(got, c.want) {
				t.Errorf("Query(%s, %v)\n got %s, %v\nwant %s", c.sql, c.params, got, err, c.want)
			}
		})
	}
}

func TestQueryErrors(t *testing.T) {
	w := inventory(t)
	// Of several threads, one that DuckDB stops because of another's error may be heard first.
	db := openOn(t, Options{Root: w.root, Tables: w.tables, Views: w.views, Threads: 1})
	cases := []struct {
		name, sql string
		params    map[string]any
		want      []string
	}{
		{"line and caret", "SELECT 1;\n\nSELECT id,\n  nam FROM aws_events", nil, []string{"LINE 4:   nam FROM aws_events", "^", `"name"`}},
		{"syntax", "SELECT 1 +", nil, []string{"syntax error"}},
		{"unknown table", "SELECT * FROM aws_ec2_instance", nil, []string{"Table with name aws_ec2_instance does not exist",
			"LINE 1: SELECT * FROM aws_ec2_instance", "Near that name: aws_ec2_instances", "`stocktake tables` lists all"}},
		{"unknown table, nothing near", "FROM zebra", nil, []string{"zebra does not exist", "`stocktake tables`"}},
		{"no statement", " -- nothing\n;;", nil, []string{"holds no statement"}},
		{"missing parameter", "SELECT $a, $b", map[string]any{"a": 1}, []string{"parameter $b has no value"}},
		{"unknown parameter", "SELECT $a", map[string]any{"a": 1, "b": 1}, []string{"the query has no parameter $b"}},
		{"wrong parameter", "FROM aws_events WHERE id = $id", map[string]any{"id": "many"}, []string{"many"}},
		{"parameter of another type", "SELECT $a", map[string]any{"a": []int{1}}, []string{"parameter $a", "[]int", "expected nil, bool"}},
		{"error in the middle of the rows", "SELECT CASE WHEN i = 500000 THEN error('boom') ELSE i END FROM range(1000000) r(i)", nil, []string{"boom"}},
		{"NUL byte", "SELECT 1\x00; DROP VIEW aws_events", nil, []string{"NUL"}},
		{"type that cannot be shown", "SELECT 1::VARIANT AS v", nil, []string{"column v", "cast"}},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			got, err := ask(t.Context(), db, c.sql, c.params, Format{Name: "csv"})
			if err == nil {
				t.Fatalf("Query(%s) = %s, want an error with %q", c.sql, got, c.want)
			}
			for _, want := range c.want {
				if !strings.Contains(err.Error(), want) {
					t.Errorf("Query(%s)\n got error %v\nwant one with %q", c.sql, err, want)
				}
			}
		})
	}
}

func TestOpenErrors(t *testing.T) {
	w := inventory(t)
	file := w.tables[0].Files[0]
	outside := filepath.Join(filepath.Dir(w.root), "outside.parquet")
	if err := os.WriteFile(outside, nil, 0o644); err != nil {
		t.Fatal(err)
	}
	cases := []struct {
		name  string
		table Table
		want  string
	}{
		{"no name", Table{Files: []string{file}}, "has no name"},
		{"no file", Table{Name: "a", Version: 3}, "a_v3 has no file"},
		{"relative file", Table{Name: "a", Files: []string{"a.parquet"}}, "\"a.parquet\" is not an absolute path"},
		{"missing file", Table{Name: "a", Files: []string{w.root + "/nope.parquet"}}, "nope.parquet"},
		{"file outside", Table{Name: "a", Files: []string{outside}}, "outside the warehouse"},
		{"not Parquet", Table{Name: "a", Version: 3, Files: []string{notParquet(t, w)}}, "create view a_v3"},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			t.Setenv("TMPDIR", t.TempDir())
			db, err := Open(t.Context(), Options{Root: w.root, Tables: []Table{c.table}})
			if err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("Open(%+v) = %v, %v; want an error with %q", c.table, db, err, c.want)
			}
			if left, err := os.ReadDir(os.TempDir()); err != nil || len(left) > 0 {
				t.Errorf("Open(%+v) left %v in the temporary directory, %v", c.table, left, err)
			}
		})
	}
}

func notParquet(t *testing.T, w *testWarehouse) string {
	t.Helper()
	path := filepath.Join(w.root, "broken.parquet")
	if err := os.WriteFile(path, []byte("PAR1 but no more"), 0o644); err != nil {
		t.Fatal(err)
	}
	return path
}

// A link to the warehouse, and one inside it that moves on, are followed once.
func TestOpenThroughLinks(t *testing.T) {
	w := newWarehouse(t)
	w.file("generations/1/a.parquet", "SELECT 1 AS generation")
	w.file("generations/2/a.parquet", "SELECT 2 AS generation")
	current := filepath.Join(w.root, "now")
	link := filepath.Join(t.TempDir(), "link")
	for from, to := range map[string]string{link: w.root, current: "generations/1"} {
		if err := os.Symlink(to, from); err != nil {
			t.Fatal(err)
		}
	}
	db, err := Open(t.Context(), Options{Root: link, Tables: []Table{{Name: "a", Version: 1, Newest: true, Files: []string{filepath.Join(link, "now", "a.parquet")}}}})
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	if err := errors.Join(os.Remove(current), os.Symlink("generations/2", current)); err != nil {
		t.Fatal(err)
	}
	for sql, want := range map[string]string{
		"FROM a": "generation\n1\n",
		"FROM read_parquet(" + quoteText(link+"/now/a.parquet") + ")": "generation\n2\n",
	} {
		if got, err := ask(t.Context(), db, sql, nil, Format{Name: "csv"}); err != nil || got != want {
			t.Errorf("%s: got %q, %v; want %q", sql, got, err, want)
		}
	}
}

// Directories named key=value are no columns: the file's own column counts.
func TestHiveDirectoriesAreNoColumns(t *testing.T) {
	w := newWarehouse(t)
	w.tables = []Table{{Name: "a", Version: 1, Newest: true, Files: []string{w.file("account_id=999/day=1/a.parquet", "SELECT '012' AS account_id")}}}
	got, err := ask(t.Context(), w.open(), "FROM a", nil, Format{Name: "csv"})
	if want := "account_id\n012\n"; err != nil || got != want {
		t.Errorf("got %q, %v; want %q", got, err, want)
	}
}

func TestColumns(t *testing.T) {
	result, err := inventory(t).open().Query(t.Context(), `SELECT tags, state, network_interfaces, launch_time, 1.5::DECIMAL(4,2) AS d, '{}'::JSON AS j, [1,2]::INT[2] AS a, {'odd name': 1} AS s FROM aws_ec2_instances`, nil)
	if err != nil {
		t.Fatal(err)
	}
	defer result.Close()
	want := []Column{
		{"tags", "MAP(VARCHAR, VARCHAR)"}, {"state", "STRUCT(name VARCHAR, code BIGINT)"},
		{"network_interfaces", "STRUCT(id VARCHAR, ips VARCHAR[])[]"}, {"launch_time", "TIMESTAMP WITH TIME ZONE"},
		{"d", "DECIMAL(4,2)"}, {"j", "JSON"}, {"a", "INTEGER[2]"}, {"s", `STRUCT("odd name" INTEGER)`},
	}
	got := result.Columns()
	if len(got) != len(want) {
		t.Fatalf("got columns %v, want %v", got, want)
	}
	for i := range want {
		if got[i] != want[i] {
			t.Errorf("column %d: got %v, want %v", i, got[i], want[i])
		}
	}
}

func TestCancelled(t *testing.T) {
	db := inventory(t).open()
	t.Run("before", func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		if _, err := db.Query(ctx, "SELECT 1", nil); !errors.Is(err, context.Canceled) {
			t.Errorf("got %v, want %v", err, context.Canceled)
		}
	})
	t.Run("before the first row", func(t *testing.T) {
		ctx, cancel := context.WithTimeout(t.Context(), 20*time.Millisecond)
		defer cancel()
		if _, err := db.Query(ctx, "SELECT sum(i) FROM range(1000000000000000) a(i)", nil); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("got %v, want %v", err, context.DeadlineExceeded)
		}
	})
	t.Run("among the rows", func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		defer cancel()
		result, err := db.Query(ctx, "SELECT i FROM range(1000000000000000) a(i)", nil)
		if err != nil {
			t.Fatal(err)
		}
		var last error
		for _, err := range result.Rows() {
			cancel()
			last = err
		}
		if !errors.Is(last, context.Canceled) {
			t.Errorf("the rows ended with %v, want %v", last, context.Canceled)
		}
	})
	t.Run("where no more rows come", func(t *testing.T) {
		ctx, cancel := context.WithTimeout(t.Context(), 200*time.Millisecond)
		defer cancel()
		got, err := ask(ctx, db, "SELECT i FROM range(1000000000000000) a(i) WHERE i < 500000 OR i % 2 = 7", nil, Format{Name: "csv"})
		if !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("got %d bytes, %v; want %v", len(got), err, context.DeadlineExceeded)
		}
	})
	if got, err := ask(t.Context(), db, "SELECT 1 AS one", nil, Format{Name: "csv"}); err != nil || got != "one\n1\n" {
		t.Errorf("after cancelled queries got %q, %v; want one row", got, err)
	}
}

// Queries run at once and do not see each other's temporary tables.
func TestSessionsAreApart(t *testing.T) {
	db := inventory(t).open()
	one, err := db.Query(t.Context(), "CREATE TEMP TABLE mine AS SELECT 1 AS x; FROM mine", nil)
	if err != nil {
		t.Fatal(err)
	}
	if got, err := ask(t.Context(), db, "FROM mine", nil, Format{Name: "csv"}); err == nil {
		t.Errorf("a second query read the first one's temporary table: %q", got)
	}
	for row, err := range one.Rows() {
		if err != nil || row[0] != int64(1) {
			t.Errorf("got row %v, %v; want 1", row, err)
		}
	}
	for row, err := range one.Rows() {
		if err == nil {
			t.Errorf("a closed result gave row %v, want an error", row)
		}
	}
}

// What does not fit in memory goes to a directory that Close removes.
func TestSpills(t *testing.T) {
	w := inventory(t)
	t.Setenv("TMPDIR", t.TempDir())
	db, err := Open(t.Context(), Options{Root: w.root, Tables: w.tables, MemoryLimit: "64MB", Threads: 2})
	if err != nil {
		t.Fatal(err)
	}
	result, err := db.Query(t.Context(), "SELECT hash(i) AS h, i::VARCHAR || 'some text to fill memory with' AS s FROM range(1500000) r(i) ORDER BY h", nil)
	if err != nil {
		t.Fatal(err)
	}
	rows := 0
	spilled := int64(0)
	for _, err := range result.Rows() {
		if err != nil {
			t.Fatal(err)
		}
		if rows++; rows == 1 {
			spilled = size(t, os.TempDir())
		}
	}
	if rows != 1500000 || spilled == 0 {
		t.Errorf("got %d rows and %d bytes spilled, want 1500000 and more than 0", rows, spilled)
	}
	if err := db.Close(); err != nil {
		t.Fatal(err)
	}
	if left, err := os.ReadDir(os.TempDir()); err != nil || len(left) > 0 {
		t.Errorf("Close left %v, %v", left, err)
	}
}

func size(t *testing.T, dir string) (total int64) {
	t.Helper()
	err := filepath.Walk(dir, func(_ string, info os.FileInfo, err error) error {
		if err == nil && info.Mode().IsRegular() {
			total += info.Size()
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return total
}

func TestSettings(t *testing.T) {
	t.Setenv("HTTP_PROXY", "http://name:password@127.0.0.1:1")
	w := newWarehouse(t)
	db, err := Open(t.Context(), Options{Root: w.root, MemoryLimit: "300MiB", Threads: 3})
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	for name, want := range map[string]string{
		"TimeZone": "UTC", "memory_limit": "300.0 MiB", "threads": "3", "max_temp_directory_size": "3.7 GiB",
		"enable_external_access": "false", "lock_configuration": "true", "allow_persistent_secrets": "false",
		"autoinstall_known_extensions": "false", "autoload_known_extensions": "false", "allow_community_extensions": "false",
		"http_proxy": "",
	} {
		got, err := ask(t.Context(), db, "SELECT nullif(current_setting($name)::VARCHAR, '') AS v", map[string]any{"name": name}, Format{Name: "csv"})
		if want = "v\n" + want + "\n"; err != nil || got != want {
			t.Errorf("%s: got %q, %v; want %q", name, got, err, want)
		}
	}
	if got, err := ask(t.Context(), db, "SELECT hour(TIMESTAMPTZ '2026-11-22 00:30:00+01') AS h", nil, Format{Name: "csv"}); err != nil || got != "h\n23\n" {
		t.Errorf("got hour %q, %v; want 23, in UTC", got, err)
	}
}
