package query

import (
	"context"
	"errors"
	"fmt"
	"time"

	duckdb "github.com/duckdb/duckdb-go-bindings"
)

// This file drives DuckDB's C API. The database/sql driver is not used because it
// collects whole results in memory, gives structs as unordered maps, decodes JSON
// through float64, and runs all but the last statement of a text unseen.

// A conn is one DuckDB session. It runs one statement at a time.
type conn struct {
	c duckdb.Connection
	r *remote // what it may wait for
}

// openDatabase opens the database file at path, or an in-memory database for "". Secrets
// that the user keeps for DuckDB are of no use here, and could lead elsewhere.
func openDatabase(path string) (duckdb.Database, error) {
	var config duckdb.Config
	if duckdb.CreateConfig(&config) == duckdb.StateError {
		return duckdb.Database{}, errors.New("create DuckDB configuration")
	}
	defer duckdb.DestroyConfig(&config)
	if duckdb.SetConfig(config, "allow_persistent_secrets", "false") == duckdb.StateError {
		return duckdb.Database{}, errors.New("configure DuckDB to do without stored secrets")
	}
	var db duckdb.Database
	var message string
	if duckdb.OpenExt(path, &db, config, &message) == duckdb.StateError {
		duckdb.Close(&db)
		return duckdb.Database{}, fmt.Errorf("open DuckDB: %s", message)
	}
	return db, nil
}

func connect(db duckdb.Database, r *remote) (*conn, error) {
	c := &conn{r: r}
	if duckdb.Connect(db, &c.c) == duckdb.StateError {
		return nil, errors.New("connect to DuckDB")
	}
	return c, nil
}

func (c *conn) close() { duckdb.Disconnect(&c.c) }

// watch interrupts whatever the session runs once ctx ends. It repeats itself because
// DuckDB forgets an interrupt that arrives between two steps. The returned function
// ends the watch; the session may be closed only after it.
func (c *conn) watch(ctx context.Context) (stop func()) {
	done, gone := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(gone)
		select {
		case <-done:
			return
		case <-ctx.Done():
		}
		again := time.NewTicker(20 * time.Millisecond)
		defer again.Stop()
		for {
			duckdb.Interrupt(c.c)
			c.r.giveUp()
			select {
			case <-done:
				return
			case <-again.C:
			}
		}
	}()
	return func() {
		close(done)
		<-gone
	}
}

// exec runs statements that this package wrote itself.
func (c *conn) exec(ctx context.Context, sql string) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	defer c.watch(ctx)()
	var res duckdb.Result
	defer duckdb.DestroyResult(&res)
	if duckdb.Query(c.c, sql, &res) == duckdb.StateError {
		return failure(ctx, duckdb.ResultError(&res))
	}
	return nil
}

// A batch is a text as DuckDB's parser cut it. One statement of the text may be several
// here: DuckDB rewrites a PIVOT without an IN list into a CREATE TYPE and a SELECT.
type batch struct {
	stmts duckdb.ExtractedStatements
	size  duckdb.IdxT
}

func (c *conn) parse(sql string) (batch, error) {
	var b batch
	b.size = duckdb.ExtractStatements(c.c, sql, &b.stmts)
	if b.size == 0 {
		message := duckdb.ExtractStatementsError(b.stmts)
		b.close()
		if message == "" {
			message = "the SQL text holds no statement"
		}
		return batch{}, errors.New(message)
	}
	return b, nil
}

func (b *batch) close() { duckdb.DestroyExtracted(&b.stmts) }

// A prepared is one statement, bound to the views it reads.
type prepared struct {
	stmt duckdb.PreparedStatement
}

func (c *conn) prepare(ctx context.Context, b batch, i duckdb.IdxT) (*prepared, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	p := &prepared{}
	if duckdb.PrepareExtractedStatement(c.c, b.stmts, i, &p.stmt) == duckdb.StateError {
		err := failure(ctx, duckdb.PrepareError(p.stmt))
		p.close()
		return nil, err
	}
	return p, nil
}

func (p *prepared) close() { duckdb.DestroyPrepare(&p.stmt) }

func (p *prepared) kind() duckdb.StatementType { return duckdb.PreparedStatementType(p.stmt) }

// parameters lists the names of the statement's parameters in binding order.
func (p *prepared) parameters() []string {
	names := make([]string, duckdb.NParams(p.stmt))
	for i := range names {
		names[i] = duckdb.ParameterName(p.stmt, duckdb.IdxT(i+1))
	}
	return names
}

// bind gives every parameter its value. DuckDB casts it to the type the statement needs.
func (p *prepared) bind(params map[string]any) error {
	for i, name := range p.parameters() {
		value, ok := params[name]
		if !ok {
			return fmt.Errorf("parameter $%s has no value", name)
		}
		state, err := p.bindValue(duckdb.IdxT(i+1), value)
		if err != nil {
			return fmt.Errorf("parameter $%s: %w", name, err)
		}
		if state == duckdb.StateError {
			return fmt.Errorf("parameter $%s: %s", name, duckdb.PrepareError(p.stmt))
		}
	}
	return nil
}

func (p *prepared) bindValue(i duckdb.IdxT, value any) (duckdb.State, error) {
	switch v := value.(type) {
	case nil:
		return duckdb.BindNull(p.stmt, i), nil
	case bool:
		return duckdb.BindBoolean(p.stmt, i, v), nil
	case int:
		return duckdb.BindInt64(p.stmt, i, int64(v)), nil
	case int64:
		return duckdb.BindInt64(p.stmt, i, v), nil
	case float64:
		return duckdb.BindDouble(p.stmt, i, v), nil
	case string:
		return duckdb.BindVarchar(p.stmt, i, v), nil
	case time.Time:
		return duckdb.BindTimestampTZ(p.stmt, i, duckdb.NewTimestamp(v.UnixMicro())), nil
	}
	return duckdb.StateError, fmt.Errorf("a value of type %T, expected nil, bool, int, int64, float64, string or time.Time", value)
}

// execute starts the statement. The rows of a streamed result are computed as they are
// fetched; of any other, before execute returns.
func (p *prepared) execute(ctx context.Context, stream bool) (duckdb.Result, error) {
	start := duckdb.PendingPrepared
	if stream {
		start = duckdb.PendingPreparedStreaming
	}
	var pending duckdb.PendingResult
	defer duckdb.DestroyPending(&pending)
	if start(p.stmt, &pending) == duckdb.StateError {
		return duckdb.Result{}, failure(ctx, duckdb.PendingError(pending))
	}
	var res duckdb.Result
	if duckdb.ExecutePending(pending, &res) == duckdb.StateError {
		err := failure(ctx, duckdb.ResultError(&res))
		duckdb.DestroyResult(&res)
		return duckdb.Result{}, err
	}
	return res, nil
}

// failure is DuckDB's message as an error, or the reason why ctx ended where that is
// what made DuckDB stop.
func failure(ctx context.Context, message string) error {
	if ctx.Err() != nil {
		return fmt.Errorf("the query was interrupted: %w", context.Cause(ctx))
	}
	return errors.New(message)
}
