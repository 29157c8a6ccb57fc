package query

import (
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"

	duckdb "github.com/duckdb/duckdb-go-bindings"
)

// A testWarehouse is a directory of Parquet files that an unlocked DuckDB writes.
type testWarehouse struct {
	t      *testing.T
	root   string
	tables []Table
	views  []View
}

func newWarehouse(t *testing.T) *testWarehouse {
	t.Helper()
	root := filepath.Join(t.TempDir(), "ware'house ünï [1]")
	if err := os.MkdirAll(filepath.Join(root, "current"), 0o755); err != nil {
		t.Fatal(err)
	}
	return &testWarehouse{t: t, root: root}
}

// file writes the rows of a SELECT to a Parquet file under the root.
func (w *testWarehouse) file(name, sql string) string {
	w.t.Helper()
	path := filepath.Join(w.root, name)
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		w.t.Fatal(err)
	}
	runUnlocked(w.t, "", "COPY ("+sql+") TO "+quoteText(path)+" (FORMAT parquet)")
	return path
}

// table adds a table whose files hold the rows of each SELECT.
func (w *testWarehouse) table(name string, selects ...string) {
	w.t.Helper()
	t := Table{Name: name, Version: 1, Newest: true}
	for i, sql := range selects {
		t.Files = append(t.Files, w.file(filepath.Join("current", name+string(rune('a'+i))+".parquet"), sql))
	}
	w.tables = append(w.tables, t)
}

func (w *testWarehouse) open() *DB {
	w.t.Helper()
	db, err := Open(w.t.Context(), Options{Root: w.root, Tables: w.tables, Views: w.views})
	if err != nil {
		w.t.Fatalf("Open: %v", err)
	}
	w.t.Cleanup(func() {
		if err := db.Close(); err != nil {
			w.t.Errorf("Close: %v", err)
		}
	})
	return db
}

// runUnlocked runs SQL in a DuckDB without a sandbox and gives the last rows as CSV.
func runUnlocked(t *testing.T, path string, sql ...string) string {
	t.Helper()
	db, err := openDatabase(path)
	if err != nil {
		t.Fatal(err)
	}
	defer duckdb.Close(&db)
	c, err := connect(db, nil)
	if err != nil {
		t.Fatal(err)
	}
	defer c.close()
	for _, s := range sql[:len(sql)-1] {
		if err := c.exec(t.Context(), s); err != nil {
			t.Fatalf("run %s: %v", s, err)
		}
	}
	var out strings.Builder
	s := &session{conn: c, stop: func() {}}
	p := plan{sql: sql[len(sql)-1]}
	parsed, err := s.parse(p.sql)
	if err != nil {
		t.Fatalf("run %s: %v", p.sql, err)
	}
	defer parsed.close()
	stmt, err := s.prepare(t.Context(), parsed, 0)
	if err != nil {
		t.Fatalf("run %s: %v", p.sql, err)
	}
	defer stmt.close()
	res, err := stmt.execute(t.Context(), false)
	if err != nil {
		t.Fatalf("run %s: %v", p.sql, err)
	}
	result, err := newResult(t.Context(), res)
	if err != nil {
		t.Fatal(err)
	}
	result.release = func() { duckdb.DestroyResult(&result.res) }
	if _, err := result.Write(&out, Format{Name: "csv"}); err != nil {
		t.Fatal(err)
	}
	return out.String()
}

// ask writes the result of a query in a format.
func ask(ctx context.Context, db *DB, sql string, params map[string]any, f Format) (string, error) {
	result, err := db.Query(ctx, sql, params)
	if err != nil {
		return "", err
	}
	var out strings.Builder
	_, err = result.Write(&out, f)
	return out.String(), err
}

const coverageRows = `SELECT * FROM (VALUES
	('main', 'aws_ec2_instances', '111111111111', 'us-east-1', 'ok', 0, NULL, TIMESTAMPTZ '2026-11-22 01:00:00+00', []::VARCHAR[], NULL, NULL, NULL),
	('main', 'aws_ec2_instances', '222222222222', 'us-east-1', 'denied', 7, 'run-1', TIMESTAMPTZ '2026-11-22 01:00:01+00', [], 'AccessDenied', 'ec2:DescribeInstances', 'Allow it.'),
	('main', 'aws_ec2_instances', '333333333333', 'us-east-1', 'partial', 0, NULL, TIMESTAMPTZ '2026-11-22 01:00:02+00', ['policy'], NULL, NULL, NULL),
	('main', 'aws_ec2_instances', '444444444444', 'us-east-1', 'not_enabled', 0, NULL, NULL, [], NULL, NULL, NULL),
	('main', 'aws_ec2_instances', '555555555555', 'us-east-1', NULL, 0, NULL, NULL, [], NULL, NULL, NULL)
) t(source, table_name, account_id, region, outcome, carried_rows, carried_from_run, ended_at, incomplete_columns, error_code, missing_action, advice)`
