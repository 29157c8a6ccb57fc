package query

import (
	"strings"
	"testing"

	duckdb "github.com/duckdb/duckdb-go-bindings"
)

// The lexer must find as many statements as DuckDB's parser does.
func TestStatementsAsDuckDBSeesThem(t *testing.T) {
	cases := []string{
		"SELECT 1", "SELECT 1;", ";;SELECT 1;;SELECT 2;", "SELECT ';'", "SELECT ''';'; SELECT 2", "SELECT 'a\nb;c'",
		`SELECT E'\';'; SELECT 2`, `SELECT e'\\'; SELECT 2`, `SELECT E'a'';b'`, `SELECT 'a\'; SELECT 2`, `SELECT "a;b" FROM (SELECT 1 AS "a;b")`, `SELECT 1 AS "a"";b"`,
		"SELECT $$;$$", "SELECT $x$;$$;$x$; SELECT 2", "SELECT $a, $b; SELECT $c", "SELECT $1; SELECT $2", "SELECT $a$b;$a$", "SELECT 1 AS a$b; SELECT 2 AS c$d", "SELECT $ä$;$ä$",
		"SELECT 1 -- ;\n; SELECT 2", "SELECT 1 -- ;\r; SELECT 2", "SELECT 1 /* ; */; SELECT 2", "SELECT 1 /* /* ; */ ; */; SELECT 2", "SELECT 1 /* -- */; SELECT 2",
		"SELECT 1 -- /*\n; SELECT 2 -- */", "EXPLAIN /* /* */ SELECT 1; SELECT 2 -- */ SELECT 1", "SELECT 4 /-- x\n 2; SELECT 3", "SELECT 2 * /* ; */ 3",
		"SELECT 1\u00a0;\u00a0SELECT 2", "SELECT 'ü;', \"ü;\" FROM (SELECT 1 AS \"ü;\"); SELECT 1 AS ü", "SELECT x'41'; SELECT b'01'", "SELECT [1, 2][1]; SELECT {'a;': 1}",
		"SELECT 1 WHERE 1 <> -1; SELECT --1\n2", "SELECT 'a'\n';b'; SELECT 2", "SELECT 1e5; SELECT 1.5; SELECT 1_000",
		"-- only a comment", "", " ; ", "/* ; */",
	}
	db, err := openDatabase("")
	if err != nil {
		t.Fatal(err)
	}
	defer duckdb.Close(&db)
	c, err := connect(db, nil)
	if err != nil {
		t.Fatal(err)
	}
	defer c.close()
	for _, sql := range cases {
		want := 0
		parsed, err := c.parse(sql)
		switch {
		case err == nil:
			want = int(parsed.size)
			parsed.close()
		case !strings.Contains(err.Error(), "holds no statement"):
			t.Errorf("%q: DuckDB says %v", sql, err)
		}
		if got := len(statements(sql)); got != want {
			t.Errorf("%q: got %d statements, DuckDB sees %d", sql, got, want)
		}
	}
}

func TestTokens(t *testing.T) {
	const sql = "SELECT \"A\"\"b\", 'it''s'\n, $name, $1 + E'x\\'y' -- no\nFROM T$x /* no\n */ WHERE $q$text$q$ ≥ 1.5"
	want := []token{
		{kind: word, value: "select", line: 1}, {kind: quoted, value: `A"b`, line: 1}, {kind: symbol, value: ",", line: 1}, {kind: text, value: "it's", line: 1},
		{kind: symbol, value: ",", line: 2}, {kind: param, value: "name", line: 2}, {kind: symbol, value: ",", line: 2}, {kind: param, value: "1", line: 2},
		{kind: symbol, value: "+", line: 2}, {kind: text, value: `x\'y`, line: 2},
		{kind: word, value: "from", line: 3}, {kind: word, value: "t$x", line: 3}, {kind: word, value: "where", line: 4}, {kind: text, value: "text", line: 4},
		{kind: word, value: "≥", line: 4}, {kind: word, value: "1", line: 4}, {kind: symbol, value: ".", line: 4}, {kind: word, value: "5", line: 4},
	}
	got := tokens(sql)
	if len(got) != len(want) {
		t.Fatalf("got %d tokens %v, want %d", len(got), got, len(want))
	}
	for i := range want {
		if got[i].kind != want[i].kind || got[i].value != want[i].value || got[i].line != want[i].line {
			t.Errorf("token %d: got %+v, want %+v", i, got[i], want[i])
		}
	}
}

// Whatever the text, tokens lie in order within it, and statements hold all of them.
func FuzzStatements(f *testing.F) {
	for _, seed := range []string{"SELECT 1; SELECT $a, $$x$$, 'y', E'\\", "\"", "/*/**/", "$a$", "--\r", "'", "E'", "$1$", "\xff;\x00"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, sql string) {
		end, kept := 0, 0
		for _, tok := range tokens(sql) {
			if tok.start < end || tok.end <= tok.start || tok.end > len(sql) {
				t.Fatalf("%q: token %+v after offset %d", sql, tok, end)
			}
			if want := 1 + strings.Count(sql[:tok.start], "\n"); tok.line != want {
				t.Fatalf("%q: token %+v, want line %d", sql, tok, want)
			}
			end = tok.end
			if tok.kind != symbol || tok.value != ";" {
				kept++
			}
		}
		for _, s := range statements(sql) {
			kept -= len(s.tokens)
			if got := s.from(0); !strings.Contains(sql, got) || got == "" {
				t.Fatalf("%q: statement %q", sql, got)
			}
		}
		if kept != 0 {
			t.Fatalf("%q: %d tokens are in no statement", sql, kept)
		}
	})
}
