package query

import (
	"encoding/json"
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

var update = flag.Bool("update", false, "rewrite the golden files")

func golden(t *testing.T, got string) {
	t.Helper()
	path := filepath.Join("testdata", filepath.FromSlash(t.Name())+".golden")
	if *update {
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if got != string(want) {
		t.Errorf("%s\n got:\n%s\nwant:\n%s", path, got, want)
	}
}

const everyKind = `SELECT * FROM (VALUES
	('012345678901', 'web-1', 12, 0.5, true, TIMESTAMPTZ '2026-11-22 04:05:06+01', DATE '2026-11-22', {'a': 1, 'b': ['x', NULL]}, MAP {'k"1': 'ü', '日本': NULL}, 12.50::DECIMAL(9,2), '{"n": 12345678901234567890, "a": [1, 2]}'::JSON),
	('', 'a "quoted", long
name	with tab', -1, 'nan'::DOUBLE, NULL, TIMESTAMPTZ '1969-12-31 23:59:59.000001+00', DATE '0001-01-01', {'a': NULL, 'b': []}, MAP {}, -0.05, '"text"'),
	(NULL, '日本語テキスト 👩‍👩‍👧 ` + "\x1b[31m\u202e" + `', 9007199254740993, 1e300, false, NULL, NULL, NULL, NULL, NULL, NULL)
) t(account_id, name, n, f, flag, seen_at, day, s, tags, price, doc)`

func TestFormats(t *testing.T) {
	db := newWarehouse(t).open()
	cases := []struct {
		name, sql string
		format    Format
	}{
		{"table", everyKind, Format{Name: "table"}},
		{"table_80_wide", everyKind, Format{Name: "table", Width: 80}},
		{"table_narrow", "SELECT 'short' AS a, repeat('long ', 30) AS b, 123456789012 AS n, '日本語テキスト' AS c", Format{Name: "table", Width: 40}},
		{"table_empty", everyKind + " WHERE false", Format{Name: "table"}},
		{"table_one", "SELECT 1 AS one", Format{Name: "table"}},
		{"csv", everyKind, Format{Name: "csv"}},
		{"csv_empty", everyKind + " WHERE false", Format{Name: "csv"}},
		{"json", everyKind, Format{Name: "json"}},
		{"json_same_names", "SELECT 1 AS a, 2 AS a, 3 AS a_1, 4 AS a, 5 AS b", Format{Name: "json"}},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			got, err := ask(t.Context(), db, c.sql, nil, c.format)
			if err != nil {
				t.Fatal(err)
			}
			if c.format.Name == "json" && !json.Valid([]byte(got)) {
				t.Errorf("not JSON: %s", got)
			}
			golden(t, got)
		})
	}
	if _, err := ask(t.Context(), db, "SELECT 1", nil, Format{Name: "xml"}); err == nil || !strings.Contains(err.Error(), `"xml", expected table, csv or json`) {
		t.Errorf("format xml: got %v, want an error that lists the formats", err)
	}
}

// The widths of a table come from its first rows. Later rows are cut to them, or stand
// out where no width is asked for.
func TestTableOfManyRows(t *testing.T) {
	db := newWarehouse(t).open()
	const sql = "SELECT i, CASE WHEN i = 1500 THEN 'wider than all before' ELSE 'x' END AS s, 'end' AS e FROM range(2000) r(i)"
	for width, want := range map[int]string{0: "1500 | wider than all before | end", 60: "1500 | … | end"} {
		result, err := db.Query(t.Context(), sql, nil)
		if err != nil {
			t.Fatal(err)
		}
		var out strings.Builder
		rows, err := result.Write(&out, Format{Name: "table", Width: width})
		lines := strings.Split(out.String(), "\n")
		if err != nil || rows != 2000 || len(lines) != 2004 || lines[2002] != "(2000 rows)" || lines[1502] != want {
			t.Errorf("width %d: got %d rows, %d lines, %q, %v; want 2000 rows, 2004 lines, %q", width, rows, len(lines), lines[1502], err, want)
		}
	}
}

// CSV comes back from a reader that is not ours as it was, NULL told from empty.
func TestCSVReadsBack(t *testing.T) {
	w := newWarehouse(t)
	got, err := ask(t.Context(), w.open(), everyKind, nil, Format{Name: "csv"})
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(w.root, "out.csv")
	if err := os.WriteFile(path, []byte(got), 0o644); err != nil {
		t.Fatal(err)
	}
	back := "read_csv(" + quoteText(path) + ", header = true, all_varchar = true, allow_quoted_nulls = false)"
	for _, column := range []string{"account_id", "name", "n::VARCHAR", "tags IS NULL", "price::VARCHAR", "flag::VARCHAR"} {
		want := runUnlocked(t, "", "SELECT "+column+" AS c FROM ("+everyKind+")")
		read := runUnlocked(t, "", "SELECT "+column+" AS c FROM "+back)
		if read != want {
			t.Errorf("%s: got %q back, want %q", column, read, want)
		}
	}
}

// DuckDB's own casts are the independent check of how values are read.
func TestValues(t *testing.T) {
	db := newWarehouse(t).open()
	text := []string{
		"true", "(-128)::TINYINT", "255::UTINYINT", "(-32768)::SMALLINT", "65535::USMALLINT", "(-2147483648)::INTEGER", "4294967295::UINTEGER",
		"(-9223372036854775808)::BIGINT", "18446744073709551615::UBIGINT",
		"(-170141183460469231731687303715884105728)::HUGEINT", "340282366920938463463374607431768211455::UHUGEINT", "(-1)::HUGEINT",
		"'-123456789012345678901234567890123456789012345678901234567890'::BIGNUM", "'256'::BIGNUM", "0::BIGNUM",
		"1.5::DECIMAL(4,1)", "(-0.05)::DECIMAL(9,2)", "12345678901234.5678::DECIMAL(18,4)", "(-12345678901234567890123456789.123456789)::DECIMAL(38,9)", "7::DECIMAL(4,0)",
		"DATE '2026-11-22'", "DATE '0044-03-15 (BC)'", "'infinity'::DATE", "'-infinity'::DATE", "DATE '1969-12-31'",
		"TIME '23:59:59.1234'", "TIME '24:00:00'", "'01:02:03.123456789'::TIME_NS", "TIMETZ '01:02:03.5+05:30'", "TIMETZ '01:02:03-15:59:59'", "TIMETZ '00:00:00+00'",
		"'infinity'::TIMESTAMP", "'-infinity'::TIMESTAMPTZ",
		"INTERVAL '14 months 3 days 04:05:06.5'", "INTERVAL '-1 year -1 month -1 day'", "INTERVAL '-00:00:01'", "INTERVAL '0 days'", "INTERVAL '3000000 hours'", "INTERVAL '1 day'", "INTERVAL '-300 hours 20 minutes'",
		"'1b4e28ba-2fa1-11d2-883f-0016d3cca427'::UUID", "'ffffffff-ffff-ffff-ffff-ffffffffffff'::UUID", "'00000000-0000-0000-0000-000000000001'::UUID",
		`'\xAA\x00plain "q" ''s\x5C'::BLOB`, "'0101010111'::BIT", "'1'::BIT",
		"'b'::ENUM('a', 'b')", "''", "'twelve bytes'", "'thirteen byte'", "'日本語日本語日本語'", "repeat('x', 5000)", "'nan'::DOUBLE", "'-inf'::FLOAT",
	}
	for _, expr := range text {
		got, err := ask(t.Context(), db, "SELECT "+expr+" AS v", nil, Format{Name: "csv"})
		if err != nil {
			t.Errorf("%s: %v", expr, err)
			continue
		}
		want, err := ask(t.Context(), db, "SELECT ("+expr+")::VARCHAR AS v", nil, Format{Name: "csv"})
		if err != nil || got != want {
			t.Errorf("%s\n got %q\nwant %q, %v", expr, got, want, err)
		}
	}
	other := map[string]string{
		"TIMESTAMP '2026-11-22 01:02:03.000004'":       `"2026-11-22T01:02:03.000004Z"`,
		"TIMESTAMP_S '2026-11-22 01:02:03'":            `"2026-11-22T01:02:03Z"`,
		"TIMESTAMP_MS '2026-11-22 01:02:03.004'":       `"2026-11-22T01:02:03.004Z"`,
		"TIMESTAMP_NS '2026-11-22 01:02:03.000000004'": `"2026-11-22T01:02:03.000000004Z"`,
		"TIMESTAMPTZ '2026-11-22 01:02:03-08'":         `"2026-11-22T09:02:03Z"`,
		"0.1::FLOAT":                                   "0.1",
		"1e25::DOUBLE":                                 "1e+25",
		"1e-9::DOUBLE":                                 "1e-09",
		"100::DOUBLE":                                  "100",
		"'nan'::DOUBLE":                                `"nan"`,
		"NULL":                                         "null",
		"[1, NULL, 3]":                                 "[1,null,3]",
		"[]":                                           "[]",
		"[[1], [], NULL]":                              "[[1],[],null]",
		"[1, 2]::INTEGER[2]":                           "[1,2]",
		"{'a': {'b': [MAP {1: 'x'}]}}":                 `{"a":{"b":[{"1":"x"}]}}`,
		"{'z': 1, 'a': 2}":                             `{"z":1,"a":2}`,
		"MAP {DATE '2026-11-22': [1]}":                 `{"2026-11-22":[1]}`,
		"union_value(n := 3)::UNION(s VARCHAR, n INTEGER)":          `{"n":3}`,
		"[union_value(s := 'x')::UNION(s VARCHAR, n INTEGER)]":      `[{"s":"x"}]`,
		"['{\"z\":1,\"a\":12345678901234567890}'::JSON]":            `[{"z":1,"a":12345678901234567890}]`,
		"'<a&b>\"\\' || chr(10) || chr(9) || chr(1) || chr(127)":    `"<a&b>\"\\\n\t\u0001\u007f"`,
		"['a', 'b']::ENUM('a', 'b')[]":                              `["a","b"]`,
		"{'u': '1b4e28ba-2fa1-11d2-883f-0016d3cca427'::UUID}":       `{"u":"1b4e28ba-2fa1-11d2-883f-0016d3cca427"}`,
		"(SELECT sum(i) FROM range(3) r(i))":                        "3",
		"(SELECT list(i ORDER BY i DESC) FROM range(3000) r(i))[3]": "2997",
	}
	for expr, want := range other {
		got, err := ask(t.Context(), db, "SELECT "+expr+" AS v", nil, Format{Name: "json"})
		if want = `[{"v":` + want + "}]\n"; err != nil || got != want {
			t.Errorf("%s\n got %s, %v\nwant %s", expr, got, err, want)
		}
	}
}

// Rows that were filtered out of dictionary-encoded Parquet, over many chunks, with every
// kind of nesting, come out as DuckDB's own JSON of them.
func TestManyNestedRows(t *testing.T) {
	w := newWarehouse(t)
	w.table("things", `SELECT i, 'constant' AS c, CASE WHEN i % 3 > 0 THEN 'value number ' || (i % 5) END AS s,
		CASE WHEN i % 7 > 0 THEN [{'k': 'key ' || (i % 4), 'v': CASE WHEN i % 2 = 0 THEN i END}, NULL, {'k': NULL, 'v': 1}] END AS l,
		CASE WHEN i % 5 > 0 THEN {'a': [i, i + 1], 'b': {'c': 'text that is long ' || i}} END AS st,
		MAP {'n' || (i % 3): [i % 2 = 0]} AS m, ['short', 'a longer piece of text']::VARCHAR[2] AS a, [] AS e
		FROM range(200000) r(i)`)
	db := w.open()
	got, err := ask(t.Context(), db, "SELECT * FROM things WHERE i % 11 IN (0, 3) ORDER BY i", nil, Format{Name: "json"})
	if err != nil {
		t.Fatal(err)
	}
	want, err := ask(t.Context(), db, "SELECT to_json(t)::VARCHAR AS v FROM things t WHERE i % 11 IN (0, 3) ORDER BY i", nil, Format{Name: "json"})
	if err != nil {
		t.Fatal(err)
	}
	var oracle []struct{ V string }
	if err := json.Unmarshal([]byte(want), &oracle); err != nil {
		t.Fatal(err)
	}
	rows := strings.Split(strings.Trim(got, "[]\n"), ",\n")
	if len(rows) != len(oracle) || len(rows) < 30000 {
		t.Fatalf("got %d rows, want %d", len(rows), len(oracle))
	}
	for i, row := range rows {
		if row = strings.TrimSuffix(row, "]\n"); row != oracle[i].V {
			t.Fatalf("row %d\n got %s\nwant %s", i, row, oracle[i].V)
		}
	}
}

// DuckDB checks JSON when it reads it. Were it to let something else through, the output
// would still be JSON.
func TestBrokenJSON(t *testing.T) {
	for raw, want := range map[string]string{"{ \"ok\": [1, 2.50] }": `{"ok":[1,2.50]}`, "{broken": `"{broken"`, "": `""`, "1 2": `"1 2"`} {
		if got := string(appendJSON([]byte("x"), json.RawMessage(raw))); got != "x"+want {
			t.Errorf("%q: got %s, want x%s", raw, got, want)
		}
	}
}
