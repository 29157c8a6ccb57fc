package query

import (
	"reflect"
	"strings"
	"testing"
)

func TestParseFile(t *testing.T) {
	const open = "-- title: Open ports: which, and where\n" +
		"-- description: Every rule that lets any address in,\n" +
		"--   with the instances\n" +
		"--    behind it.\n" +
		"-- param: port = 22  the port that must not be reachable\n" +
		"-- param: account = ''  only this account, all if empty\n" +
		"-- param: since = 2026-11-01 00:00:00\n" +
		"-- param: note = 'it''s  here'\n" +
		"\n" +
		"-- a comment: not of the header\n" +
		"SELECT $port, $account, '$no' -- $no\n, $since::TIMESTAMPTZ, $note;\n"
	cases := []struct {
		name, text string
		want       File
	}{
		{"all", open, File{
			Title: "Open ports: which, and where", Description: "Every rule that lets any address in, with the instances behind it.",
			Params: []Param{{"port", "22", "the port that must not be reachable"}, {"account", "", "only this account, all if empty"},
				{"since", "2026-11-01 00:00:00", ""}, {"note", "it's  here", ""}},
		}},
		{"only a title", "-- title: One\nSELECT 1", File{Title: "One"}},
		{"Windows lines", "-- title: One\r\n-- description: a\r\n--   b\r\n-- param: p = 1  text\r\nSELECT $p\r\n", File{Title: "One", Description: "a b", Params: []Param{{"p", "1", "text"}}}},
		{"description begun below", "-- title: One\n-- description:\n--   below\nSELECT 1", File{Title: "One", Description: "below"}},
	}
	for _, c := range cases {
		c.want.Name, c.want.SQL = "q.sql", c.text
		got, err := ParseFile("q.sql", []byte(c.text))
		if err != nil || !reflect.DeepEqual(got, c.want) {
			t.Errorf("%s: ParseFile(%q)\n got %+v, %v\nwant %+v", c.name, c.text, got, err, c.want)
		}
	}
}

func TestParseFileErrors(t *testing.T) {
	cases := []struct{ name, text, want string }{
		{"empty", "", "q.sql:1: the query has no title"},
		{"no header", "SELECT 1", "q.sql:1: the query has no title"},
		{"header below", "\n-- title: One\nSELECT 1", "q.sql:1: the query has no title"},
		{"empty title", "-- title:  \nSELECT 1", "q.sql:1: the title is empty"},
		{"two titles", "-- title: a\n-- title: b\nSELECT 1", `q.sql:2: a second title "b"`},
		{"two descriptions", "-- title: a\n-- description: b\n-- description: c\nSELECT 1", `q.sql:3: a second description "c"`},
		{"unknown key", "-- title: a\n-- parm: x = 1\nSELECT 1", `q.sql:2: "parm: x = 1", expected "title: …"`},
		{"plain comment", "-- title: a\n-- hello\nSELECT 1", `q.sql:2: "hello", expected`},
		{"stray continuation", "-- title: a\n--   hello\nSELECT 1", `q.sql:2: "hello", expected`},
		{"continued param", "-- title: a\n-- param: x = 1\n--   hello\nSELECT $x", `q.sql:3: "hello", expected`},
		{"param without default", "-- title: a\n-- param: x\nSELECT $x", `q.sql:2: param "x", expected "name = default  description"`},
		{"param with nothing after =", "-- title: a\n-- param: x =\nSELECT $x", `q.sql:2: param "x ="`},
		{"param with open quote", "-- title: a\n-- param: x = 'a  b\nSELECT $y", `q.sql:2: param "x = 'a  b", expected`},
		{"param name", "-- title: a\n-- param: X-y = 1\nSELECT 1", `q.sql:2: param "X-y = 1"`},
		{"param twice", "-- title: a\n-- param: x = 1\n-- param: x = 2\nSELECT $x", "q.sql:3: a second param x"},
		{"param not used", "-- title: a\n-- param: x = 1\nSELECT 'x'", "q.sql: param x is not used"},
		{"param not declared", "-- title: a\n\nSELECT\n  $x", `q.sql:4: $x has no line`},
		{"no SQL", "-- title: a\n-- description: b\n", "q.sql: there is no SQL below the header"},
	}
	for _, c := range cases {
		got, err := ParseFile("q.sql", []byte(c.text))
		if err == nil || !strings.HasPrefix(err.Error(), c.want) {
			t.Errorf("%s: ParseFile(%q) = %+v, %v; want an error that begins with %s", c.name, c.text, got, err, c.want)
		}
	}
}

// A file's query runs as it stands, and DuckDB's line numbers are those of the file.
func TestParsedFileRuns(t *testing.T) {
	db := newWarehouse(t).open()
	f, err := ParseFile("q.sql", []byte("-- title: a\n-- param: x = 2\n\nSELECT $x::INTEGER * 2 AS y,\n  z FROM (SELECT 1 AS z)"))
	if err != nil {
		t.Fatal(err)
	}
	params := map[string]any{f.Params[0].Name: f.Params[0].Default}
	if got, err := ask(t.Context(), db, f.SQL, params, Format{Name: "csv"}); err != nil || got != "y,z\n4,1\n" {
		t.Errorf("got %q, %v; want y,z and 4,1", got, err)
	}
	if _, err := ask(t.Context(), db, strings.Replace(f.SQL, "  z", "  zz", 1), params, Format{Name: "csv"}); err == nil || !strings.Contains(err.Error(), "LINE 5:") {
		t.Errorf("got %v, want an error in LINE 5", err)
	}
}

func FuzzParseFile(f *testing.F) {
	f.Add("-- title: a\n-- description: b\n--   c\n-- param: x = 'y'  z\nSELECT $x")
	f.Add("-- title: a\r\n-- param: x = 1\r\nSELECT $x, $$x$$")
	f.Add("--\n--   \n-- :")
	f.Fuzz(func(t *testing.T, text string) {
		file, err := ParseFile("q.sql", []byte(text))
		if err != nil {
			if !strings.HasPrefix(err.Error(), "q.sql:") {
				t.Fatalf("%q: error %q does not name the file", text, err)
			}
			return
		}
		if file.Title == "" || file.SQL != text || strings.ContainsAny(file.Title+file.Description, "\n") {
			t.Fatalf("%q: got %+v", text, file)
		}
		seen := map[string]bool{}
		for _, p := range file.Params {
			if p.Name == "" || seen[p.Name] {
				t.Fatalf("%q: param %+v is empty or repeated", text, p)
			}
			seen[p.Name] = true
		}
	})
}
