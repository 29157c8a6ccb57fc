package extract

import (
	"context"
	"fmt"
	"runtime"
	"slices"

	"github.com/aws/smithy-go"
)

// Tree declares a collector whose first table is listed, and whose others are
// reached through its rows, to any depth.
func Tree[C, O, R any](s Service[C, O], root Level[C, Root, R]) Collector {
	c := Collector{Service: s.Info}
	root.declare("", &c)
	c.Walk = func(ctx context.Context, u *Unit) error {
		return root.walk(ctx, u, s.Client(u), &Root{Account: u.Account, Alone: len(u.Covers) == 0, Param: u.Param})
	}
	return c
}

// Root is the parent of rows that have none: the account that is asked.
type Root struct {
	Account string
	Alone   bool   // asked about itself; false for an administrator's view
	Param   string // what discovery found for the collector
}

// Level is a table with rows R below a parent P, which is a row of another table
// or the Root.
type Level[C, P, R any] struct {
	Table    string
	Rows     Rows[C, P, R]
	If       func(parent *P) bool    // whether there can be any below it; nil is always
	Own      func(parent *P, row *R) // takes over what only the parent says; may be nil
	Gone     []string                // error codes that say that the parent was deleted since it was listed
	Details  []Detail[C, R]          // R embeds Incomplete where there are some
	Asides   []Aside[C, P, R]
	Children []Branch[C, R]
	Choose   func(parent *P) Choice[R] // below which of its rows the children are read; nil is all
}

// Choice picks among the rows of one parent. Both functions return rows whose
// children are read then: Page some of those that it is given, and of earlier
// pages; Rest those that are left after the last page.
type Choice[R any] struct {
	Page func(rows []R) []R
	Rest func() []R
}

// Branch is a Level whose rows only it knows.
type Branch[C, P any] interface {
	declare(parentTable string, c *Collector)
	wanted(u *Unit) bool
	below(ctx context.Context, u *Unit, client *C, parent *P) error
}

func (l Level[C, P, R]) declare(parent string, c *Collector) {
	c.Tables = append(c.Tables, TableOf[R](l.Table).Under(parent))
	for _, call := range l.Rows.calls(l.Table) {
		call.Table = l.Table
		if parent != "" && call.Per == "" {
			call.Per = parent
		}
		c.Calls = append(c.Calls, call)
	}
	for _, a := range l.Asides {
		c.Calls = append(c.Calls, Call{Operation: a.Operation, Table: l.Table, Columns: a.Columns, Per: parent})
	}
	c.Calls = append(c.Calls, Calls(l.Table, l.Details)...)
	for _, child := range l.Children {
		child.declare(l.Table, c)
	}
}

func (l Level[C, P, R]) wanted(u *Unit) bool {
	return u.Wants(l.Table) || slices.ContainsFunc(l.Children, func(b Branch[C, R]) bool { return b.wanted(u) })
}

// walk reads the rows below a parent, and what is below them.
func (l Level[C, P, R]) walk(ctx context.Context, u *Unit, client *C, parent *P) error {
	tell, err := l.aside(ctx, u, client, parent)
	if err != nil {
		return err
	}
	choice := Choice[R]{func(rows []R) []R { return rows }, func() []R { return nil }}
	if l.Choose != nil {
		choice = l.Choose(parent)
	}
	err = l.Rows.each(ctx, &reading[C]{u, l.Table, client}, parent, func(rows []R) error {
		for i := range rows {
			tell(&rows[i])
			if l.Own != nil {
				l.Own(parent, &rows[i])
			}
		}
		if err := Enrich(ctx, u, l.Table, rows, Same[R](client), l.Details); err != nil {
			return err
		}
		if err := Emit(u, l.Table, rows); err != nil {
			return err
		}
		return l.descend(ctx, u, client, choice.Page(rows))
	})
	if err != nil {
		return err
	}
	return l.descend(ctx, u, client, choice.Rest())
}

// descend reads what is below rows.
func (l Level[C, P, R]) descend(ctx context.Context, u *Unit, client *C, rows []R) error {
	for _, child := range l.Children {
		if !child.wanted(u) {
			continue
		}
		err := Parallel(ctx, rows, func(ctx context.Context, r *R) error { return child.below(ctx, u, client, r) })
		if err != nil {
			return err
		}
	}
	return nil
}

// below is walk for a child: what AWS refuses ends its table and those below
// it, and leaves that of the parent alone.
func (l Level[C, P, R]) below(ctx context.Context, u *Unit, client *C, parent *P) error {
	if !l.wanted(u) || l.If != nil && !l.If(parent) {
		return nil
	}
	err := l.walk(ctx, u, client, parent)
	if err == nil || u.Expect(err, l.Gone) {
		return nil
	}
	return u.FailApart(ctx, l.Table, err)
}

// Rows is a way to read rows R below a parent P by a client C.
type Rows[C, P, R any] struct {
	calls func(table string) []Call
	each  func(ctx context.Context, r *reading[C], parent *P, use func([]R) error) error
}

// reading is for whom rows are read.
type reading[C any] struct {
	unit   *Unit
	table  string
	client *C
}

// Pages reads rows from a paginated operation. newPager is the SDK's
// constructor; in asks for the largest page.
func Pages[C, O, API, PagerOptions, P, In, Out, R any, G Pager[Out, O]](
	_ Service[C, O], newPager func(API, *In, ...func(*PagerOptions)) G, in func(*P) *In, rows func(*Out) []R,
) Rows[C, P, R] {
	return Rows[C, P, R]{
		calls: func(string) []Call {
			call := Call{Operation: operation[Out]()}
			if root, ok := any(in).(func(*Root) *In); ok {
				call.Page = pageSize(root(&Root{}))
			}
			return []Call{call}
		},
		each: func(ctx context.Context, r *reading[C], parent *P, use func([]R) error) error {
			return EachPage(ctx, newPager(any(r.client).(API), in(parent)), func(o *Out) error { return use(rows(o)) })
		},
	}
}

// Once reads rows from a call that has no pages.
func Once[C, O, P, In, Out, R any](
	_ Service[C, O], call func(*C, context.Context, *In, ...func(*O)) (*Out, error), in func(*P) *In, rows func(*Out) []R,
) Rows[C, P, R] {
	return Rows[C, P, R]{
		calls: func(string) []Call { return []Call{{Operation: operation[Out]()}} },
		each: func(ctx context.Context, r *reading[C], parent *P, use func([]R) error) error {
			out, err := call(r.client, ctx, in(parent))
			if err != nil {
				return err
			}
			return use(rows(out))
		},
	}
}

// OrOff makes an answer without any item mean that the service is switched off
// there, which message says.
func (r Rows[C, P, R]) OrOff(message string) Rows[C, P, R] {
	each := r.each
	r.each = func(ctx context.Context, of *reading[C], parent *P, use func([]R) error) error {
		found := false
		err := each(ctx, of, parent, func(rows []R) error {
			found = found || len(rows) > 0
			return use(rows)
		})
		if err == nil && !found {
			err = Off(message)
		}
		return err
	}
	return r
}

// Always is the input of calls below the Root.
func Always[In any](in *In) func(*Root) *In { return func(*Root) *In { return in } }

// Map makes rows of items.
func Map[Item, R any](items []Item, row func(Item) R) []R {
	rows := make([]R, len(items))
	for i := range items {
		rows[i] = row(items[i])
	}
	return rows
}

// Description is how names that were listed become rows.
type Description[C, P, Name, R any] struct {
	operation string
	batch     int // names that one call describes
	read      func(ctx context.Context, client *C, parent *P, names []Name) ([]R, error)
	gone      []string
	unknown   func(*P, Name) R
	known     []string
}

// DescribeEach describes each name by a call of its own.
func DescribeEach[C, O, P, Name, In, Out, R any](
	call func(*C, context.Context, *In, ...func(*O)) (*Out, error), in func(*P, Name) *In, row func(*Out) R,
) Description[C, P, Name, R] {
	return DescribeNamed(call, in, func(_ Name, out *Out) R { return row(out) })
}

// DescribeNamed is DescribeEach for answers that do not repeat the name.
func DescribeNamed[C, O, P, Name, In, Out, R any](
	call func(*C, context.Context, *In, ...func(*O)) (*Out, error), in func(*P, Name) *In, row func(Name, *Out) R,
) Description[C, P, Name, R] {
	return Description[C, P, Name, R]{
		operation: operation[Out](), batch: 1,
		read: func(ctx context.Context, client *C, parent *P, names []Name) ([]R, error) {
			out, err := call(client, ctx, in(parent, names[0]))
			if err != nil {
				return nil, err
			}
			r, err := whole(func() R { return row(names[0], out) })
			if err != nil {
				return nil, err
			}
			return []R{r}, nil
		},
	}
}

// whole makes a row of an answer. One that lacks what it is about, which AWS
// promises never to send, is a call that failed and not the end of the run.
func whole[R any](row func() R) (r R, err error) {
	defer func() {
		switch fault := recover().(type) {
		case nil:
		case runtime.Error:
			err = &smithy.DeserializationError{Err: fmt.Errorf("the answer lacks what it is about: %w", fault)}
		default:
			panic(fault)
		}
	}()
	return row(), nil
}

// DescribeBatch describes so many names by one call. Names that the answer lacks
// were deleted since they were listed; where it says otherwise, rows returns an
// error, which counts as that of the call.
func DescribeBatch[C, O, P, Name, In, Out, R any](
	most int, call func(*C, context.Context, *In, ...func(*O)) (*Out, error), in func(*P, []Name) *In, rows func(*Out) ([]R, error),
) Description[C, P, Name, R] {
	return Description[C, P, Name, R]{
		operation: operation[Out](), batch: most,
		read: func(ctx context.Context, client *C, parent *P, names []Name) ([]R, error) {
			out, err := call(client, ctx, in(parent, names))
			if err != nil {
				return nil, err
			}
			return rows(out)
		},
	}
}

// Gone takes error codes that say that the names of a call were deleted since
// they were listed.
func (d Description[C, P, Name, R]) Gone(codes ...string) Description[C, P, Name, R] {
	d.gone = codes
	return d
}

// Else makes the row of a name whose description is refused, which has the known
// columns alone. R embeds Incomplete. Without it a refusal fails the table.
func (d Description[C, P, Name, R]) Else(row func(*P, Name) R, known ...string) Description[C, P, Name, R] {
	d.unknown, d.known = row, known
	return d
}

// Described reads rows by describing the names that others list, several calls
// at once.
func Described[C, P, Name, R any](names Rows[C, P, Name], d Description[C, P, Name, R]) Rows[C, P, R] {
	return Rows[C, P, R]{
		calls: func(table string) []Call {
			return append(names.calls(table), Call{Operation: d.operation, Per: table, Batch: d.batch, Known: d.known})
		},
		each: func(ctx context.Context, r *reading[C], parent *P, use func([]R) error) error {
			return names.each(ctx, r, parent, func(page []Name) error {
				rows, err := d.describe(ctx, r, parent, page)
				if err != nil {
					return err
				}
				return use(rows)
			})
		},
	}
}

func (d Description[C, P, Name, R]) describe(ctx context.Context, r *reading[C], parent *P, page []Name) ([]R, error) {
	type batch struct {
		names []Name
		rows  []R
	}
	var batches []batch
	for names := range slices.Chunk(page, d.batch) {
		batches = append(batches, batch{names: names})
	}
	err := Parallel(ctx, batches, func(ctx context.Context, b *batch) (err error) {
		b.rows, err = d.rows(ctx, r, parent, b.names)
		return err
	})
	var rows []R
	for _, b := range batches {
		rows = append(rows, b.rows...)
	}
	return rows, err
}

func (d Description[C, P, Name, R]) rows(ctx context.Context, r *reading[C], parent *P, names []Name) ([]R, error) {
	rows, err := d.read(ctx, r.client, parent, names)
	switch {
	case err == nil:
		return rows, nil
	case r.unit.Expect(err, d.gone):
		return nil, nil
	case d.unknown == nil:
		return nil, err
	}
	if err := r.unit.Refused(ctx, r.table, err); err != nil {
		return nil, err
	}
	rows = Map(names, func(name Name) R { return d.unknown(parent, name) })
	refused := r.unit.AllBut(r.table, d.known...)
	for i := range rows {
		any(&rows[i]).(incompleteRow).Miss(refused...)
	}
	return rows, nil
}
