package extract

import (
	"context"
	"errors"
	"reflect"
	"slices"
	"sync"
	"testing"

	"github.com/aws/smithy-go"
)

// numbers are rows that are made of their parents, page by page.
func numbers[P any](below func(parent P) []int) Rows[struct{}, P, int] {
	return Rows[struct{}, P, int]{
		calls: func(string) []Call { return []Call{{Operation: "List"}} },
		each: func(_ context.Context, _ *reading[struct{}], parent *P, use func([]int) error) error {
			for page := range slices.Chunk(below(*parent), 2) {
				if err := use(page); err != nil {
					return err
				}
			}
			return nil
		},
	}
}

func read[P, R any](t *testing.T, rows Rows[struct{}, P, R], use func([]R) error) ([]R, error) {
	t.Helper()
	var mu sync.Mutex
	var all []R
	err := rows.each(t.Context(), &reading[struct{}]{}, new(P), func(page []R) error {
		mu.Lock()
		defer mu.Unlock()
		all = append(all, page...)
		return use(page)
	})
	return all, err
}

// TestNested reads a tree of numbers: below n stand 3n+1, 3n+2 and 3n+3.
func TestNested(t *testing.T) {
	const last = 1092 // of six generations
	tree := Nested(
		numbers(func(Root) []int { return []int{0} }),
		numbers(func(n int) []int {
			if 3*n+3 > last {
				return nil
			}
			return []int{3*n + 1, 3*n + 2, 3*n + 3}
		}))
	got, err := read(t, tree, func([]int) error { return nil })
	slices.Sort(got)
	if err != nil || len(got) != last+1 || len(slices.Compact(got)) != last+1 {
		t.Errorf("got %d rows and error %v, want each of %d once", len(got), err, last+1)
	}
	full := errors.New("full")
	if _, err := read(t, tree, func(page []int) error {
		if page[0] > 100 {
			return full
		}
		return nil
	}); !errors.Is(err, full) {
		t.Errorf("got error %v of a tree that is not read to its end, want %v", err, full)
	}
	want := []Call{{Operation: "List"}, {Operation: "List", Per: "table"}}
	if calls := tree.calls("table"); !reflect.DeepEqual(calls, want) {
		t.Errorf("got calls %+v, want %+v", calls, want)
	}
}

// TestWithin reads rows below given values, which own what only those say.
func TestWithin(t *testing.T) {
	type row struct{ of, n int }
	kinds := Given[struct{}, Root](10, 20, 30)
	rows := Within(kinds, Rows[struct{}, int, row]{
		calls: func(string) []Call { return nil },
		each: func(_ context.Context, _ *reading[struct{}], _ *int, use func([]row) error) error {
			return use([]row{{n: 1}, {n: 2}})
		},
	}.Own(func(kind *int, r *row) { r.of = *kind }))
	for range 2 { // what is given stays as it is
		got, err := read(t, rows, func([]row) error { return nil })
		slices.SortFunc(got, func(a, b row) int { return a.of + a.n - b.of - b.n })
		if want := []row{{10, 1}, {10, 2}, {20, 1}, {20, 2}, {30, 1}, {30, 2}}; err != nil || !slices.Equal(got, want) {
			t.Errorf("got rows %v and error %v, want %v", got, err, want)
		}
	}
}

func TestWhole(t *testing.T) {
	type answer struct{ Table *struct{ Name string } }
	got, err := whole(func() string { return (&answer{}).Table.Name })
	if _, ok := errors.AsType[*smithy.DeserializationError](err); !ok || got != "" {
		t.Errorf("an answer without its table: got %q, %v, want an error of decoding", got, err)
	}
	if got, err := whole(func() string { return "row" }); got != "row" || err != nil {
		t.Errorf("a whole answer: got %q, %v", got, err)
	}
}
