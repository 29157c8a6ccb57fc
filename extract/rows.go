package extract

import (
	"context"
	"slices"
)

// Given are values that nobody has to be asked for, such as the kinds of things
// that an operation lists one at a time: others are read Within them.
func Given[C, P, R any](values ...R) Rows[C, P, R] {
	return Rows[C, P, R]{
		calls: func(string) []Call { return nil },
		each: func(_ context.Context, _ *reading[C], _ *P, use func([]R) error) error {
			return use(slices.Clone(values))
		},
	}
}

// Within reads rows below what others list, which has no table of its own.
func Within[C, P, Q, R any](outer Rows[C, P, Q], inner Rows[C, Q, R]) Rows[C, P, R] {
	return Rows[C, P, R]{
		calls: func(table string) []Call { return append(outer.calls(table), perRow(inner, table)...) },
		each: func(ctx context.Context, r *reading[C], parent *P, use func([]R) error) error {
			return outer.each(ctx, r, parent, func(items []Q) error {
				return Parallel(ctx, items, func(ctx context.Context, item *Q) error { return inner.each(ctx, r, item, use) })
			})
		},
	}
}

// Nested reads rows, and below each of them rows of the same kind, to any depth.
func Nested[C, P, R any](first Rows[C, P, R], below Rows[C, R, R]) Rows[C, P, R] {
	return Rows[C, P, R]{
		calls: func(table string) []Call { return append(first.calls(table), perRow(below, table)...) },
		each: func(ctx context.Context, r *reading[C], parent *P, use func([]R) error) error {
			var descend func(ctx context.Context, rows []R) error
			descend = func(ctx context.Context, rows []R) error {
				if err := use(rows); err != nil {
					return err
				}
				return Parallel(ctx, rows, func(ctx context.Context, row *R) error {
					return below.each(ctx, r, row, func(rows []R) error { return descend(ctx, rows) })
				})
			}
			return first.each(ctx, r, parent, func(rows []R) error { return descend(ctx, rows) })
		},
	}
}

// perRow estimates calls that are made below things by the rows of the table.
func perRow[C, P, R any](rows Rows[C, P, R], table string) []Call {
	calls := rows.calls(table)
	for i := range calls {
		calls[i].Per = table
	}
	return calls
}

// Own takes over what only the parent says, for those who read further from it.
func (r Rows[C, P, R]) Own(own func(parent *P, row *R)) Rows[C, P, R] {
	each := r.each
	r.each = func(ctx context.Context, of *reading[C], parent *P, use func([]R) error) error {
		return each(ctx, of, parent, func(rows []R) error {
			for i := range rows {
				own(parent, &rows[i])
			}
			return use(rows)
		})
	}
	return r
}

// Gone takes error codes that say that a parent was deleted since it was listed.
func (r Rows[C, P, R]) Gone(codes ...string) Rows[C, P, R] {
	return r.Unless(func(err error) bool { return slices.Contains(codes, Code(err)) })
}

// Unless takes what tells the errors that mean that there is nothing below a
// parent.
func (r Rows[C, P, R]) Unless(nothing func(error) bool) Rows[C, P, R] {
	each := r.each
	r.each = func(ctx context.Context, of *reading[C], parent *P, use func([]R) error) error {
		err := each(ctx, of, parent, use)
		if err != nil && nothing(err) && of.unit.Expect(err, []string{Code(err)}) {
			return nil
		}
		return err
	}
	return r
}
