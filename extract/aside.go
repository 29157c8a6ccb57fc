package extract

import "context"

// Aside is an optional list about the rows below a parent, which is read once,
// before them: where there is no call for one row, or for some. When it is
// refused the columns stay NULL and the rows name them.
type Aside[C, P, R any] struct {
	Operation string
	Columns   []string
	// Read returns what tells a row its part of the list.
	Read func(ctx context.Context, client *C, parent *P) (func(row *R), error)
}

// aside reads the lists, and returns what a row is to be told. R embeds
// Incomplete where there are some.
func (l Level[C, P, R]) aside(ctx context.Context, u *Unit, client *C, parent *P) (func(*R), error) {
	var tell []func(*R)
	for _, a := range l.Asides {
		if !u.Wants(l.Table) {
			break
		}
		told, err := a.Read(ctx, client, parent)
		if err != nil {
			if err := u.Refused(ctx, l.Table, err); err != nil {
				return nil, err
			}
			told = func(row *R) { any(row).(incompleteRow).Miss(a.Columns...) }
		}
		tell = append(tell, told)
	}
	return func(row *R) {
		for _, told := range tell {
			told(row)
		}
	}, nil
}
