package query

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"os"
	"path/filepath"

	duckdb "github.com/duckdb/duckdb-go-bindings"
)

// CopyParquet writes the rows of a query to a Parquet file at path, complete or not at
// all, and returns how many there are. The text is checked like that of Query, and its
// last statement must give rows of a SELECT. It runs in an engine of its own that may
// write one file: a temporary one beside path, which then takes its place.
func (db *DB) CopyParquet(ctx context.Context, sql string, params map[string]any, path string) (rows int64, err error) {
	plans, err := check(sql)
	if err != nil {
		return 0, err
	}
	path, err = filepath.Abs(path)
	if err != nil {
		return 0, fmt.Errorf("resolve the output path: %w", err)
	}
	temporary := filepath.Join(filepath.Dir(path), "."+filepath.Base(path)+"."+rand.Text()[:8]+".tmp")
	defer func() {
		if err != nil {
			err = errors.Join(err, removeIfThere(temporary))
		}
	}()
	if rows, err = db.copyTo(ctx, sql, plans, params, temporary); err != nil {
		return 0, db.withSuggestion(db.setup.remote.explain(err))
	}
	if err := os.Rename(temporary, path); err != nil {
		return 0, fmt.Errorf("put the Parquet file in place: %w", err)
	}
	return rows, nil
}

func (db *DB) copyTo(ctx context.Context, sql string, plans []plan, params map[string]any, path string) (rows int64, err error) {
	e, err := startEngine(ctx, db.setup, path)
	if err != nil {
		return 0, err
	}
	defer func() { err = errors.Join(err, e.close()) }()
	if err := e.provide(ctx, namedIn(sql, db.setup.views)); err != nil {
		return 0, err
	}
	s, err := e.newSession(ctx, params)
	if err != nil {
		return 0, err
	}
	defer s.end()
	last := &plans[len(plans)-1]
	if *last, err = s.copyOf(ctx, *last, path); err != nil {
		return 0, err
	}
	stmt, err := s.upToLast(ctx, plans)
	if err != nil {
		return 0, err
	}
	err = s.run(ctx, stmt)
	return s.copied, err
}

// copyOf puts a COPY around a SELECT. The SELECT has to parse on its own first, so it
// cannot close the parenthesis and go on.
func (s *session) copyOf(ctx context.Context, p plan, path string) (plan, error) {
	if p.want != duckdb.StatementTypeSelect {
		return plan{}, p.refused("only the rows of a SELECT can be written as Parquet")
	}
	parsed, err := s.parse(p.sql)
	if err != nil {
		return plan{}, err
	}
	parsed.close()
	p.sql = "COPY (" + p.sql + "\n) TO " + quoteText(path) + " (FORMAT parquet, COMPRESSION zstd, USE_TMP_FILE false)"
	p.want = duckdb.StatementTypeCopy
	return p, nil
}
