package query

import (
	"context"
	"errors"
	"fmt"
	"iter"

	duckdb "github.com/duckdb/duckdb-go-bindings"
)

// A Column is one column of a result.
type Column struct {
	Name string
	Type string // as DuckDB writes it
}

// A Result is the rows of a query, computed as they are read. It can be read once, and
// keeps its session until it is closed.
type Result struct {
	ctx     context.Context
	res     duckdb.Result
	names   []string
	types   []*dataType
	release func() // gives up the session, nil once that is done
	explain func(error) error
}

func newResult(ctx context.Context, res duckdb.Result) (*Result, error) {
	r := &Result{ctx: ctx, res: res, explain: func(err error) error { return err }}
	for i := range duckdb.ColumnCount(&res) {
		name := duckdb.ColumnName(&res, i)
		t, err := newDataType(duckdb.ColumnLogicalType(&res, i))
		if err != nil {
			return nil, fmt.Errorf("column %s: %w", name, err)
		}
		r.names, r.types = append(r.names, name), append(r.types, t)
	}
	return r, nil
}

// Columns describes the columns in order.
func (r *Result) Columns() []Column {
	columns := make([]Column, len(r.names))
	for i, name := range r.names {
		columns[i] = Column{Name: name, Type: r.types[i].name}
	}
	return columns
}

// Close gives up the rows that were not read.
func (r *Result) Close() {
	if r.release != nil {
		r.release()
		r.release = nil
	}
}

// Rows reads the rows and closes the result. The types of the values are in values.go.
// After an error there are no more rows.
func (r *Result) Rows() iter.Seq2[[]any, error] {
	return func(yield func([]any, error) bool) {
		if r.release == nil {
			yield(nil, errors.New("read rows: the result is closed"))
			return
		}
		defer r.Close()
		for {
			chunk := duckdb.FetchChunk(r.res)
			if err := r.failed(); err != nil {
				duckdb.DestroyDataChunk(&chunk)
				yield(nil, err)
				return
			}
			if chunk.Ptr == nil || !r.yieldChunk(chunk, yield) {
				return
			}
		}
	}
}

// failed tells a query that broke off from one that came to its end.
func (r *Result) failed() error {
	if message := duckdb.ResultError(&r.res); message != "" {
		return r.explain(failure(r.ctx, message))
	}
	return r.ctx.Err()
}

// yieldChunk reads a chunk and destroys it.
func (r *Result) yieldChunk(chunk duckdb.DataChunk, yield func([]any, error) bool) bool {
	defer duckdb.DestroyDataChunk(&chunk)
	vectors := make([]vector, len(r.types))
	for i, t := range r.types {
		vectors[i] = newVector(t, duckdb.DataChunkGetVector(chunk, duckdb.IdxT(i)))
	}
	for row := range uint64(duckdb.DataChunkGetSize(chunk)) {
		values := make([]any, len(vectors))
		for i := range vectors {
			values[i] = vectors[i].value(row)
		}
		if !yield(values, nil) {
			return false
		}
	}
	return true
}
