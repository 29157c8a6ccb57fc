package query

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"regexp"
	"strings"

	duckdb "github.com/duckdb/duckdb-go-bindings"
)

// DuckDB lets a query write wherever it may read, so keeping writes out is up to this
// package. Three checks together decide what runs, and only the first relies on how
// lexer.go cuts a text:
//
//   - Each statement must begin like one of those in classify.
//   - DuckDB's own type of each statement it parsed must then be the expected one, so
//     text that fooled the first check still does not run as a COPY or an INSERT. The
//     type of an EXPLAIN hides what it explains, and EXPLAIN ANALYZE runs it: there the
//     explained part is checked on its own and put behind a new EXPLAIN.
//   - Functions that act on more than their rows are refused, by the calls in DuckDB's
//     own syntax tree, or in what has none by their names in the raw text.

// ErrRefused is in every error about a statement that does more than read.
var ErrRefused = errors.New("only statements that read are allowed: SELECT, FROM, WITH, VALUES, PIVOT, UNPIVOT, " +
	"DESCRIBE, SHOW, SUMMARIZE, EXPLAIN, some PRAGMAs, and CREATE TEMP TABLE, VIEW or MACRO and SET VARIABLE for the length of one query")

// A plan is a statement that passed the first check.
type plan struct {
	sql       string
	want      duckdb.StatementType
	explained string // what an EXPLAIN explains
	line      int
}

var readers = []string{
	"select", "from", "with", "values", "table", "(", "pivot", "pivot_wider", "unpivot", "pivot_longer",
	"describe", "desc", "show", "summarize",
}

// readPragmas are those that DuckDB rewrites into a SELECT.
var readPragmas = []string{
	"database_list", "database_size", "functions", "platform", "show", "show_tables", "show_tables_expanded",
	"storage_info", "table_info", "version",
}

func classify(s statement) (plan, error) {
	p := plan{sql: s.above(0) + s.from(0), line: s.tokens[0].line}
	switch {
	case s.is(0, readers...):
		p.want = duckdb.StatementTypeSelect
	case s.is(0, "pragma") && s.is(1, readPragmas...):
		p.want = duckdb.StatementTypeSelect
	case s.is(0, "set") && s.is(1, "variable"):
		p.want = duckdb.StatementTypeSet
	case s.is(0, "create") && createsTemporary(s):
		p.want = duckdb.StatementTypeCreate
	case s.is(0, "explain"):
		return classifyExplain(s, p)
	default:
		first := s.tokens[0]
		return plan{}, p.refused("it begins with " + s.source[first.start:first.end])
	}
	return p, nil
}

func createsTemporary(s statement) bool {
	i := 1
	if s.is(1, "or") && s.is(2, "replace") {
		i = 3
	}
	return s.is(i, "temp", "temporary") && s.is(i+1, "table", "view", "macro", "function")
}

func classifyExplain(s statement, p plan) (plan, error) {
	verb, rest := "EXPLAIN ", 1
	if s.is(1, "analyze") {
		verb, rest = "EXPLAIN ANALYZE ", 2
	}
	if rest >= len(s.tokens) {
		return plan{}, p.refused("it explains nothing")
	}
	p.want = duckdb.StatementTypeExplain
	p.explained = s.above(rest) + s.from(rest)
	p.sql = s.above(rest) + verb + s.from(rest)
	return p, nil
}

func (p plan) refused(why string) error {
	return fmt.Errorf("line %d: the statement was not run, %s: %w", p.line, why, ErrRefused)
}

// actingFunctions write files (logs and profiles have a path), change the instance, read
// memory at an address, or run SQL that is the value of an expression.
const actingFunctions = `enable_logging|disable_logging|truncate_duckdb_logs|write_log|` +
	`enable_profiling|disable_profiling|enable_profile|disable_profile|` +
	`enable_peg_parser|disable_peg_parser|` +
	`checkpoint|force_checkpoint|read_duckdb|` +
	`arrow_scan|arrow_scan_dumb|` +
	`query|json_execute_serialized_sql`

var (
	// callInTree matches a call in a syntax tree as JSON. Quotes in any other string of
	// the tree are escaped.
	callInTree = regexp.MustCompile(`(?i)"function_name":"(` + actingFunctions + `)"`)
	// callInText matches a call in any spelling that DuckDB takes for one, and more.
	callInText = regexp.MustCompile(`(?i)\b(` + actingFunctions + `)\b"?[^\x21-\x7e]*(?:\(|/\*|--)`)
)

// checkCalls is the third check. DuckDB has a tree only of a SELECT, and of none with a
// PIVOT without an IN list.
func (s *session) checkCalls(ctx context.Context, p plan) error {
	sql := cmp.Or(p.explained, p.sql)
	tree, err := s.syntaxTree(ctx, sql)
	if err != nil {
		return err
	}
	call := callInTree.FindStringSubmatch(tree)
	if !strings.HasPrefix(tree, `{"error":false,`) {
		call = callInText.FindStringSubmatch(sql)
	}
	if call != nil {
		return p.refused("it calls " + call[1] + "()")
	}
	return nil
}

func (s *session) syntaxTree(ctx context.Context, sql string) (string, error) {
	parsed, err := s.parse("SELECT json_serialize_sql($sql::VARCHAR)::VARCHAR")
	if err != nil {
		return "", err
	}
	defer parsed.close()
	stmt, err := s.prepare(ctx, parsed, 0)
	if err != nil {
		return "", err
	}
	defer stmt.close()
	if err := stmt.bind(map[string]any{"sql": sql}); err != nil {
		return "", err
	}
	res, err := stmt.execute(ctx, false)
	if err != nil {
		return "", err
	}
	result, err := newResult(ctx, res)
	if err != nil {
		duckdb.DestroyResult(&res)
		return "", err
	}
	result.release = func() { duckdb.DestroyResult(&result.res) }
	for row, err := range result.Rows() {
		if err != nil {
			return "", err
		}
		return row[0].(string), nil
	}
	return "", errors.New("DuckDB gave no syntax tree")
}

// check reads a text into the statements to run, or says why it may not run.
func check(sql string) ([]plan, error) {
	if strings.ContainsRune(sql, 0) {
		return nil, errors.New("the SQL text holds a NUL byte, DuckDB would read it only up to there")
	}
	var plans []plan
	for _, s := range statements(sql) {
		p, err := classify(s)
		if err != nil {
			return nil, err
		}
		plans = append(plans, p)
	}
	if len(plans) == 0 {
		return nil, errors.New("the SQL text holds no statement")
	}
	return plans, nil
}

// checkKind is the second check. More than one parsed statement comes only from a PIVOT
// without an IN list, which first creates a type with the values it finds, and puts a
// transaction around both where it is part of a CREATE or COPY.
func (p plan) checkKind(kind duckdb.StatementType, i, size duckdb.IdxT) error {
	several := size > 1
	switch {
	case kind == p.want && i+2 >= size:
	case several && kind == duckdb.StatementTypeCreate:
	case several && kind == duckdb.StatementTypeTransaction && (i == 0 || i == size-1):
	default:
		return p.refused("it does more than its beginning says")
	}
	return nil
}

// checkExplained refuses an EXPLAIN of anything but one SELECT.
func (c *conn) checkExplained(ctx context.Context, p plan) error {
	parsed, err := c.parse(p.explained)
	if err != nil {
		return err
	}
	defer parsed.close()
	if parsed.size != 1 {
		return p.refused("EXPLAIN takes one statement, and no PIVOT without an IN list")
	}
	stmt, err := c.prepare(ctx, parsed, 0)
	if err != nil {
		return err
	}
	defer stmt.close()
	if stmt.kind() != duckdb.StatementTypeSelect {
		return p.refused("it explains a statement that writes")
	}
	return nil
}
