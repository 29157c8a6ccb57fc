package query

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/parquet-go/parquet-go"
)

func TestCopyParquet(t *testing.T) {
	w := inventory(t)
	db := w.open()
	dir := filepath.Join(t.TempDir(), "it's here")
	if err := os.Mkdir(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(dir, "out.parquet")
	cases := []struct {
		name, sql string
		params    map[string]any
		rows      int64
		want      string
	}{
		{"nested", "SELECT instance_id, tags, state.code AS code FROM aws_ec2_instances ORDER BY 1 -- all", nil, 3,
			"instance_id,tags,code\ni-0,\"{\"\"Name\"\":\"\"web 0\"\",\"\"Straße\"\":\"\"日本\"\"}\",0\n"},
		{"over the first", "SELECT $x AS x, 5 AS five WHERE 1 = $one", map[string]any{"x": "a'b", "one": 1}, 1, "x,five\na'b,5\n"},
		{"no rows", "SELECT * FROM aws_vpcs", nil, 0, "vpc_id,n\n"},
		{"several statements", "SET VARIABLE v = 4; CREATE TEMP VIEW t AS SELECT getvariable('v') AS v; FROM t;", nil, 1, "v\n4\n"},
		{"dynamic pivot", "PIVOT aws_events ON name USING count(*) GROUP BY id ORDER BY id", nil, 2, "id,new,old\n1,0,1\n2,1,0\n"},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			rows, err := db.CopyParquet(t.Context(), c.sql, c.params, path)
			if err != nil || rows != c.rows {
				t.Fatalf("CopyParquet(%s) = %d, %v; want %d", c.sql, rows, err, c.rows)
			}
			got := runUnlocked(t, "", "FROM read_parquet("+quoteText(path)+")")
			if !strings.HasPrefix(got, c.want) {
				t.Errorf("CopyParquet(%s) wrote\n%s\nwant\n%s", c.sql, got, c.want)
			}
			if n := independentRows(t, path); n != c.rows {
				t.Errorf("parquet-go counts %d rows, want %d", n, c.rows)
			}
			onlyFile(t, path)
		})
	}
}

func independentRows(t *testing.T, path string) int64 {
	t.Helper()
	f, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		t.Fatal(err)
	}
	p, err := parquet.OpenFile(f, info.Size())
	if err != nil {
		t.Fatal(err)
	}
	return p.NumRows()
}

func onlyFile(t *testing.T, path string) {
	t.Helper()
	for name := range contents(t, filepath.Dir(path)) {
		if name != path {
			t.Errorf("%s was left beside %s", name, path)
		}
	}
}

// A failed copy leaves the file that was there, and nothing beside it.
func TestCopyParquetErrors(t *testing.T) {
	w := inventory(t)
	db := w.open()
	dir := t.TempDir()
	path := filepath.Join(dir, "out.parquet")
	if err := os.WriteFile(path, []byte("before"), 0o644); err != nil {
		t.Fatal(err)
	}
	elsewhere := quoteText(filepath.Join(dir, "elsewhere.parquet"))
	cases := []struct{ name, sql, path, want string }{
		{"no select", "COPY aws_events TO " + elsewhere, path, "begins with COPY"},
		{"explain", "EXPLAIN SELECT 1", path, "only the rows of a SELECT"},
		{"setting", "SET VARIABLE x = 1", path, "only the rows of a SELECT"},
		{"insert", "CREATE TEMP TABLE t (x INT); WITH a AS (SELECT 1) INSERT INTO t FROM a", path, "syntax error"},
		{"closes the parenthesis", "SELECT 1) TO " + elsewhere + "; COPY (SELECT 2", path, "begins with COPY"},
		{"closes the parenthesis alone", "SELECT 1) TO " + elsewhere + " (FORMAT csv) --", path, "syntax error"},
		{"breaks off", "SELECT CASE WHEN i = 900000 THEN error('boom') ELSE i END AS i FROM range(1000000) r(i)", path, "boom"},
		{"unknown table", "FROM aws_evens", path, "Near that name: aws_events"},
		{"unknown parameter", "SELECT $x", path, "$x has no value"},
		{"no directory", "SELECT 1", filepath.Join(dir, "none", "out.parquet"), "none"},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			rows, err := db.CopyParquet(t.Context(), c.sql, nil, c.path)
			if err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("CopyParquet(%s) = %d, %v; want an error with %q", c.sql, rows, err, c.want)
			}
			onlyFile(t, path)
			if left, err := os.ReadFile(path); err != nil || string(left) != "before" {
				t.Errorf("CopyParquet(%s) left %q, %v; want the file as it was", c.sql, left, err)
			}
		})
	}
	occupied := filepath.Join(t.TempDir(), "directory")
	if err := os.MkdirAll(filepath.Join(occupied, "full"), 0o755); err != nil {
		t.Fatal(err)
	}
	if _, err := db.CopyParquet(t.Context(), "SELECT 1", nil, occupied); err == nil || !strings.Contains(err.Error(), "put the Parquet file in place") {
		t.Errorf("over a directory: got %v, want an error", err)
	}
	onlyFile(t, filepath.Join(filepath.Dir(occupied), "nothing"))
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := db.CopyParquet(ctx, "SELECT 1", nil, path); !errors.Is(err, context.Canceled) {
		t.Errorf("cancelled: got %v, want %v", err, context.Canceled)
	}
	onlyFile(t, path)
}
