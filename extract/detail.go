package extract

import (
	"context"
	"reflect"
	"slices"
	"sync"

	"golang.org/x/sync/errgroup"
)

// inParallel bounds what one step of a walk starts at once; the client stack
// bounds what is in flight.
const inParallel = 32

// Parallel calls f for every item, several at once, and returns the first error.
func Parallel[T any](ctx context.Context, items []T, f func(context.Context, *T) error) error {
	if u := probing(ctx); u != nil {
		return tryFew(ctx, u, items, f)
	}
	g, ctx := errgroup.WithContext(ctx)
	g.SetLimit(inParallel)
	for i := range items {
		g.Go(func() error { return f(ctx, &items[i]) })
	}
	return g.Wait()
}

// Detail is an optional call that fills columns of a row, or of several at once.
// When it is refused the columns stay NULL and the rows name them.
type Detail[C, Row any] struct {
	Operation string
	Columns   []string
	Absent    []string // error codes that say that there is nothing to read
	Read      func(context.Context, *C, *Row) error

	// In place of Read, a call for so many rows. Where it fails because one is
	// absent, each is asked about by itself.
	Batch     int
	ReadBatch func(context.Context, *C, []Row) error
}

// Calls declares the operations of details, which are asked for rows of table.
func Calls[C, Row any](table string, details []Detail[C, Row]) []Call {
	calls := make([]Call, len(details))
	for i, d := range details {
		calls[i] = Call{Operation: d.Operation, Table: table, Columns: d.Columns, Per: table, Batch: d.Batch}
	}
	return calls
}

// Enrich reads the details of rows, many at once. client gives the client to
// ask about a row, which is the same for all rows where a detail is read in
// batches. Row embeds Incomplete.
func Enrich[C, Row any](ctx context.Context, u *Unit, table string, rows []Row, client func(*Row) *C, details []Detail[C, Row]) error {
	if !u.Wants(table) {
		return nil
	}
	var mu sync.Mutex
	g, ctx := errgroup.WithContext(ctx)
	g.SetLimit(inParallel)
	probed := probing(ctx)
	if probed != nil {
		rows = rows[:probed.few(len(rows))]
		g.SetLimit(1)
	}
	var enrich func(d *Detail[C, Row], some []Row) error
	enrich = func(d *Detail[C, Row], some []Row) error {
		// Read fills fields of its own, so only the list of gaps is shared.
		err := d.read(ctx, client(&some[0]), some)
		switch {
		case err == nil:
			return nil
		case u.Expect(err, d.Absent):
			if len(some) == 1 {
				return nil
			}
			for i := range some {
				if err := enrich(d, some[i:i+1]); err != nil {
					return err
				}
			}
			return nil
		}
		if err := u.Refused(ctx, table, err); err != nil {
			return err
		}
		mu.Lock()
		defer mu.Unlock()
		for i := range some {
			any(&some[i]).(incompleteRow).Miss(d.Columns...)
		}
		return nil
	}
	for i := range details {
		d := &details[i]
		for some := range slices.Chunk(rows, max(d.Batch, 1)) {
			g.Go(func() error {
				if probed != nil && probed.tried(d.Operation) {
					return nil
				}
				return enrich(d, some)
			})
		}
	}
	return g.Wait()
}

func (d *Detail[C, Row]) read(ctx context.Context, client *C, rows []Row) error {
	if d.ReadBatch != nil {
		return d.ReadBatch(ctx, client, rows)
	}
	return d.Read(ctx, client, &rows[0])
}

// Expect reports whether err carries one of the codes, which then does not
// count as a failed call.
func (u *Unit) Expect(err error, codes []string) bool {
	if !slices.Contains(codes, Code(err)) {
		return false
	}
	u.counts.expected(err)
	return true
}

// Copy returns dst with the fields of src that have the same names. A field of
// src that dst lacks is a defect of the row type.
func Copy[Row, Item any](dst Row, src Item) Row {
	to, from := reflect.ValueOf(&dst).Elem(), reflect.ValueOf(src)
	for i := range from.NumField() {
		if f := from.Type().Field(i); f.IsExported() {
			to.FieldByName(f.Name).Set(from.Field(i))
		}
	}
	return dst
}

// Same is the client argument of Enrich where one client serves all rows.
func Same[Row, C any](client *C) func(*Row) *C {
	return func(*Row) *C { return client }
}
