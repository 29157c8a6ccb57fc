package rowmerge_test

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"runtime"
	"slices"
	"strings"
	"testing"
	"weak"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/apache/arrow-go/v18/arrow/memory"

	"stocktake/internal/rowmerge"
	"stocktake/internal/rowmerge/rowtest"
)

// lines returns the rows of a batch as JSON, one string a row.
func lines(t testing.TB, rec arrow.RecordBatch) []string {
	t.Helper()
	var b bytes.Buffer
	if err := array.RecordToJSON(rec, &b); err != nil {
		t.Fatal(err)
	}
	if b.Len() == 0 {
		return nil
	}
	return strings.Split(strings.TrimSuffix(b.String(), "\n"), "\n")
}

// seeds is the number of cases of a random test: fewer in short tests.
func seeds(n uint64) uint64 {
	if testing.Short() {
		return n / 5
	}
	return n
}

func seeded(t testing.TB, seed uint64) *rand.Rand {
	t.Logf("seed %d", seed)
	return rand.New(rand.NewPCG(seed, 1))
}

// slices of batches have offsets everywhere: that is where picking goes wrong.
func randomBatches(sc *arrow.Schema, rng *rand.Rand, n int) []arrow.RecordBatch {
	var out []arrow.RecordBatch
	for range n {
		rec := rowtest.Random(sc, rng, rng.IntN(40))
		from := rng.Int64N(rec.NumRows() + 1)
		out = append(out, rec.NewSlice(from, from+rng.Int64N(rec.NumRows()-from+1)))
	}
	return out
}

func TestGather(t *testing.T) {
	sc := rowtest.Every().Arrow()
	for seed := range seeds(50) {
		rng := seeded(t, seed)
		batches := randomBatches(sc, rng, 1+rng.IntN(4))
		var ranges []rowmerge.Range
		var want []string
		for range rng.IntN(30) {
			s := rng.IntN(len(batches))
			rows := int(batches[s].NumRows())
			if rows == 0 {
				continue
			}
			start := rng.IntN(rows)
			n := 1 + rng.IntN(rows-start)
			if rng.IntN(2) == 0 {
				n = 1
			}
			ranges = append(ranges, rowmerge.Range{Source: int32(s), Start: int32(start), Len: int32(n)})
			want = append(want, lines(t, batches[s].NewSlice(int64(start), int64(start+n)))...)
		}
		g, err := rowmerge.NewGatherer(sc, batches)
		if err != nil {
			t.Fatal(err)
		}
		rec, err := g.Gather(ranges)
		if err != nil {
			t.Fatalf("seed %d: %v", seed, err)
		}
		if got := lines(t, rec); !slices.Equal(got, want) {
			t.Fatalf("seed %d: ranges %v\ngot  %s\nwant %s", seed, ranges, strings.Join(got, "\n     "), strings.Join(want, "\n     "))
		}
	}
}

// A null list may hold elements in memory; none may be left after picking.
func TestGatherDropsElementsOfNulls(t *testing.T) {
	list := arrow.ListOf(arrow.PrimitiveTypes.Int32)
	sc := arrow.NewSchema([]arrow.Field{{Name: "l", Type: list, Nullable: true}}, nil)
	b := array.NewListBuilder(memory.DefaultAllocator, arrow.PrimitiveTypes.Int32)
	for range 3 {
		b.Append(true)
		b.ValueBuilder().(*array.Int32Builder).AppendValues([]int32{1, 2}, nil)
	}
	full := b.NewListArray()
	valid := memory.NewBufferBytes([]byte{0b101})
	data := array.NewData(list, 3, []*memory.Buffer{valid, full.Data().Buffers()[1]}, full.Data().Children(), 1, 0)
	rec := array.NewRecordBatch(sc, []arrow.Array{array.MakeFromData(data)}, 3)
	g, err := rowmerge.NewGatherer(sc, []arrow.RecordBatch{rec})
	if err != nil {
		t.Fatal(err)
	}
	out, err := g.Gather([]rowmerge.Range{{Start: 0, Len: 3}})
	if err != nil {
		t.Fatal(err)
	}
	got := out.Column(0).(*array.List)
	if n := got.ListValues().Len(); n != 4 || got.NullN() != 1 {
		t.Fatalf("%d elements and %d nulls, want 4 and 1: %v", n, got.NullN(), got)
	}
}

// keyed is the key of a row in the naive model: nulls sort first.
type keyed struct {
	key  []any
	line string
}

func keysOf(rec arrow.RecordBatch, row int, columns []string) []any {
	var out []any
	for _, name := range columns {
		c := rec.Column(rec.Schema().FieldIndices(name)[0])
		switch c := c.(type) {
		case *array.String:
			if c.IsValid(row) {
				out = append(out, c.Value(row))
				continue
			}
		case *array.Int64:
			if c.IsValid(row) {
				out = append(out, c.Value(row))
				continue
			}
		case *array.Int32:
			if c.IsValid(row) {
				out = append(out, int64(c.Value(row)))
				continue
			}
		case *array.Timestamp:
			if c.IsValid(row) {
				out = append(out, int64(c.Value(row)))
				continue
			}
		case *array.Boolean:
			if c.IsValid(row) {
				out = append(out, map[bool]int64{true: 1}[c.Value(row)])
				continue
			}
		}
		out = append(out, nil)
	}
	return out
}

func compareKeys(a, b []any) int {
	return slices.CompareFunc(a, b, func(x, y any) int {
		switch {
		case x == nil && y == nil:
			return 0
		case x == nil:
			return -1
		case y == nil:
			return 1
		}
		if s, ok := x.(string); ok {
			return strings.Compare(s, y.(string))
		}
		return cmp.Compare(x.(int64), y.(int64))
	})
}

func rowsOf(t testing.TB, batches []arrow.RecordBatch, columns []string) []keyed {
	var out []keyed
	for _, b := range batches {
		for i, l := range lines(t, b) {
			out = append(out, keyed{keysOf(b, i, columns), l})
		}
	}
	return out
}

func newOrder(t testing.TB, sc *arrow.Schema, columns ...string) *rowmerge.Order {
	t.Helper()
	o, err := rowmerge.NewOrder(sc, columns)
	if err != nil {
		t.Fatal(err)
	}
	return o
}

func TestSort(t *testing.T) {
	sc := rowtest.Every().Arrow()
	orders := [][]string{{"name", "number"}, {"account_id", "region", "name", "number"}, {"flag", "small"}, {"created_at"}, {"small", "name"}, {"number"}}
	for seed := range seeds(60) {
		rng := seeded(t, seed)
		columns := orders[seed%uint64(len(orders))]
		batches := randomBatches(sc, rng, 1+rng.IntN(4))
		model := rowsOf(t, batches, columns)
		slices.SortStableFunc(model, func(a, b keyed) int { return compareKeys(a.key, b.key) })
		var want []string
		wantDropped := 0
		for i, r := range model {
			if i+1 < len(model) && compareKeys(r.key, model[i+1].key) == 0 {
				wantDropped++
				continue
			}
			want = append(want, r.line)
		}
		dropped := 0
		ranges := newOrder(t, sc, columns...).Sort(batches, func(int, int) { dropped++ })
		g, err := rowmerge.NewGatherer(sc, batches)
		if err != nil {
			t.Fatal(err)
		}
		rec, err := g.Gather(ranges)
		if err != nil {
			t.Fatal(err)
		}
		if got := lines(t, rec); !slices.Equal(got, want) || dropped != wantDropped {
			t.Fatalf("seed %d: sort by %v drops %d, want %d\ngot  %s\nwant %s", seed, columns, dropped, wantDropped, strings.Join(got, "\n     "), strings.Join(want, "\n     "))
		}
	}
}

func TestSortKeepsWholeBatchesThatAreInOrder(t *testing.T) {
	sc := rowtest.Every().Arrow()
	b := array.NewRecordBuilder(memory.DefaultAllocator, sc)
	batch := func(from, to int) arrow.RecordBatch {
		for i := from; i < to; i++ {
			for j, f := range b.Fields() {
				if sc.Field(j).Name == "number" {
					f.(*array.Int64Builder).Append(int64(i))
				} else {
					f.AppendNull()
				}
			}
		}
		return b.NewRecordBatch()
	}
	got := newOrder(t, sc, "name", "number").Sort([]arrow.RecordBatch{batch(0, 5), batch(5, 9)}, func(int, int) { t.Error("a row was dropped") })
	want := []rowmerge.Range{{Source: 0, Start: 0, Len: 5}, {Source: 1, Start: 0, Len: 4}}
	if !slices.Equal(got, want) {
		t.Fatalf("Sort = %v, want %v", got, want)
	}
}

func TestNewOrderRefuses(t *testing.T) {
	sc := rowtest.Every().Arrow()
	for _, test := range []struct{ columns, want string }{
		{"missing", "0 columns of that name"},
		{"ratio", "FLOAT64"},
		{"names", "LIST"},
		{"policy", "EXTENSION"},
	} {
		if _, err := rowmerge.NewOrder(sc, strings.Fields(test.columns)); err == nil || !strings.Contains(err.Error(), test.want) {
			t.Errorf("NewOrder(%s): %v, want an error with %q", test.columns, err, test.want)
		}
	}
}

// list is a stream of segments.
type list struct {
	segments []rowmerge.Segment
	err      error
	open     *int
}

func (l *list) Next(context.Context) (rowmerge.Segment, error) {
	if len(l.segments) == 0 {
		return rowmerge.Segment{}, cmp.Or(l.err, io.EOF)
	}
	s := l.segments[0]
	l.segments = l.segments[1:]
	return s, nil
}

func (l *list) Close() error {
	*l.open--
	return nil
}

// segments sorts rows and cuts them up at random.
func segments(t testing.TB, o *rowmerge.Order, rng *rand.Rand, rec arrow.RecordBatch, tag, rank int) []rowmerge.Segment {
	g, err := rowmerge.NewGatherer(rec.Schema(), []arrow.RecordBatch{rec})
	if err != nil {
		t.Fatal(err)
	}
	sorted, err := g.Gather(o.Sort([]arrow.RecordBatch{rec}, func(int, int) {}))
	if err != nil {
		t.Fatal(err)
	}
	var out []rowmerge.Segment
	for rows := int(sorted.NumRows()); ; {
		n := min(rows, rng.IntN(7))
		b := rowmerge.NewBatch(o, sorted.NewSlice(int64(int(sorted.NumRows())-rows), int64(int(sorted.NumRows())-rows+n)))
		cut := rng.IntN(n + 1)
		out = append(out, rowmerge.Segment{Batch: b, To: cut, Tag: tag, Rank: rank}, rowmerge.Segment{Batch: b, From: cut, To: n, Tag: tag, Rank: rank})
		if rows -= n; rows == 0 {
			return out
		}
	}
}

func TestMerge(t *testing.T) {
	sc := rowtest.Every().Arrow()
	columns := []string{"account_id", "region", "name", "number"}
	o := newOrder(t, sc, columns...)
	for seed := range seeds(80) {
		rng := seeded(t, seed)
		var inputs []rowmerge.Input
		type owned struct {
			keyed
			rank, input int
		}
		var model []owned
		open := 0
		for i := range rng.IntN(6) {
			rank := rng.IntN(2)
			rec := rowtest.Random(sc, rng, rng.IntN(60))
			segs := segments(t, o, rng, rec, i, rank)
			var first []any
			for _, s := range segs {
				for _, r := range rowsOf(t, []arrow.RecordBatch{s.Batch.Record.NewSlice(int64(s.From), int64(s.To))}, columns) {
					if first == nil {
						first = r.key
					}
					model = append(model, owned{r, rank, i})
				}
			}
			in := rowmerge.Input{Name: fmt.Sprint("input ", i), Open: func(context.Context) (rowmerge.Stream, error) {
				open++
				return &list{segments: segs, open: &open}, nil
			}}
			if first != nil && first[0] != nil && first[1] != nil && rng.IntN(2) == 0 {
				in.After = []string{first[0].(string), first[1].(string)}
			}
			inputs = append(inputs, in)
		}
		slices.SortStableFunc(model, func(a, b owned) int {
			return cmp.Or(compareKeys(a.key, b.key), cmp.Compare(a.rank, b.rank), cmp.Compare(a.input, b.input))
		})
		var want []string
		wantKept, wantDropped := map[int]int{}, map[int]int{}
		for i, r := range model {
			if i > 0 && compareKeys(r.key, model[i-1].key) == 0 {
				wantDropped[r.input]++
				continue
			}
			wantKept[r.input]++
			want = append(want, r.line)
		}
		var got []string
		kept, dropped := map[int]int{}, map[int]int{}
		m := rowmerge.Merge{Schema: sc, Order: o, Inputs: inputs, Rows: 1 + rng.IntN(20), Bytes: 1 << uint(6+rng.IntN(14)),
			Count: func(tag, k, d int) { kept[tag] += k; dropped[tag] += d },
			Write: func(rec arrow.RecordBatch) error { got = append(got, lines(t, rec)...); return nil }}
		if err := m.Run(t.Context()); err != nil {
			t.Fatalf("seed %d: %v", seed, err)
		}
		if !slices.Equal(got, want) {
			t.Fatalf("seed %d:\ngot  %s\nwant %s", seed, strings.Join(got, "\n     "), strings.Join(want, "\n     "))
		}
		for i := range inputs {
			if kept[i] != wantKept[i] || dropped[i] != wantDropped[i] {
				t.Fatalf("seed %d: input %d: %d rows kept and %d dropped, want %d and %d", seed, i, kept[i], dropped[i], wantKept[i], wantDropped[i])
			}
		}
		if open != 0 {
			t.Fatalf("seed %d: %d streams are open after the merge", seed, open)
		}
	}
}

// Inputs that follow each other are open one at a time.
func TestMergeOpensInputsLate(t *testing.T) {
	sch := rowtest.Wide()
	sc := sch.Arrow()
	o := newOrder(t, sc, "account_id", "region", "arn")
	rng := seeded(t, 1)
	open, most := 0, 0
	var inputs []rowmerge.Input
	for i := range 20 {
		place := rowtest.Place{Account: fmt.Sprintf("%012d", 20-i), Region: "eu-west-1"}
		segs := segments(t, o, rng, rowtest.Instances(sc, rng, []rowtest.Place{place}, 0, 10, 0, "r", testTime), i, 0)
		inputs = append(inputs, rowmerge.Input{Name: place.Account, After: []string{place.Account, place.Region}, Open: func(context.Context) (rowmerge.Stream, error) {
			open++
			most = max(most, open)
			return &list{segments: segs, open: &open}, nil
		}})
	}
	rows := int64(0)
	m := rowmerge.Merge{Schema: sc, Order: o, Inputs: inputs, Rows: 64, Bytes: 1 << 20, Count: func(int, int, int) {}, Write: func(rec arrow.RecordBatch) error { rows += rec.NumRows(); return nil }}
	if err := m.Run(t.Context()); err != nil {
		t.Fatal(err)
	}
	if rows != 200 || most != 1 {
		t.Fatalf("%d rows with %d inputs open at a time, want 200 with 1", rows, most)
	}
}

// holder gives one batch and goes on to hold it.
type holder struct {
	batch *rowmerge.Batch
	given bool
}

func (h *holder) Next(context.Context) (rowmerge.Segment, error) {
	if h.given {
		return rowmerge.Segment{}, io.EOF
	}
	h.given = true
	return rowmerge.Segment{Batch: h.batch, To: int(h.batch.Record.NumRows())}, nil
}

func (h *holder) Close() error { return nil }

// A large organization has thousands of inputs: what one held is gone when the
// merge is past it.
func TestMergeLetsGoOfInputs(t *testing.T) {
	sc := rowtest.Wide().Arrow()
	o := newOrder(t, sc, "account_id", "region", "arn")
	const inputs = 20
	var held []weak.Pointer[rowmerge.Batch]
	m := rowmerge.Merge{Schema: sc, Order: o, Rows: 100, Bytes: 1 << 20, Count: func(int, int, int) {}, Write: func(arrow.RecordBatch) error { return nil }}
	for i := range inputs {
		place := rowtest.Place{Account: fmt.Sprintf("%012d", i), Region: "eu-west-1"}
		m.Inputs = append(m.Inputs, rowmerge.Input{Name: place.Account, After: []string{place.Account, place.Region}, Open: func(context.Context) (rowmerge.Stream, error) {
			runtime.GC()
			alive := 0
			for _, w := range held {
				if w.Value() != nil {
					alive++
				}
			}
			if alive > 2 { // the one that was written last, and the one that is being read
				t.Errorf("when input %d is opened, %d of the batches before are still held, want 2 at most", i, alive)
			}
			b := rowmerge.NewBatch(o, rowtest.Instances(sc, rand.New(rand.NewPCG(1, uint64(i))), []rowtest.Place{place}, i, 1, 10, "r", testTime))
			held = append(held, weak.Make(b))
			return &holder{batch: b}, nil
		}})
	}
	if err := m.Run(t.Context()); err != nil {
		t.Fatal(err)
	}
}

func TestMergeFails(t *testing.T) {
	sc := rowtest.Every().Arrow()
	o := newOrder(t, sc, "name")
	broken := errors.New("broken")
	cancelled, cancel := context.WithCancelCause(t.Context())
	cancel(broken)
	rec := rowmerge.NewBatch(o, rowtest.Random(sc, seeded(t, 1), 1))
	for _, test := range []struct {
		name     string
		ctx      context.Context
		openErr  error
		nextErr  error
		writeErr error
	}{
		{"opening", t.Context(), broken, nil, nil},
		{"reading", t.Context(), nil, broken, nil},
		{"writing", t.Context(), nil, nil, broken},
		{"cancelled", cancelled, nil, nil, nil},
	} {
		t.Run(test.name, func(t *testing.T) {
			open := 0
			m := rowmerge.Merge{Schema: sc, Order: o, Rows: 1, Bytes: 1, Count: func(int, int, int) {},
				Write: func(arrow.RecordBatch) error { return test.writeErr },
				Inputs: []rowmerge.Input{{Name: "the input", Open: func(context.Context) (rowmerge.Stream, error) {
					if test.openErr != nil {
						return nil, test.openErr
					}
					open++
					return &list{segments: []rowmerge.Segment{{Batch: rec, To: 1}}, err: test.nextErr, open: &open}, nil
				}}}}
			if err := m.Run(test.ctx); !errors.Is(err, broken) {
				t.Errorf("Run: %v, want %v", err, broken)
			}
			if open != 0 {
				t.Errorf("%d streams are left open", open)
			}
		})
	}
}

func TestSize(t *testing.T) {
	sc := rowtest.Every().Arrow()
	rec := rowtest.Random(sc, seeded(t, 1), 1000)
	whole, parts := rowmerge.Size(rec), int64(0)
	for at := int64(0); at < 1000; at += 250 {
		parts += rowmerge.Size(rec.NewSlice(at, at+250))
	}
	if empty := rowmerge.Size(rec.NewSlice(0, 0)); empty <= 0 || parts < whole || parts > whole+4*empty {
		t.Errorf("a batch takes %d bytes, its four quarters %d, and none of its rows %d: want the quarters to add up", whole, parts, empty)
	}
}
