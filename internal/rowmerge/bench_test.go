package rowmerge_test

import (
	"context"
	"fmt"
	"io"
	"math/rand/v2"
	"testing"

	"github.com/apache/arrow-go/v18/arrow"

	"stocktake/internal/rowmerge"
	"stocktake/internal/rowmerge/rowtest"
)

// benchmarkRuns are sorted batches of wide rows, in runs whose rows
// alternate all over.
func benchmarkRuns(b *testing.B, o *rowmerge.Order, sc *arrow.Schema, runs, rows int) [][]arrow.RecordBatch {
	b.Helper()
	rng := rand.New(rand.NewPCG(1, 2))
	var places []rowtest.Place
	for i := range 10 {
		places = append(places, rowtest.Place{Account: fmt.Sprintf("%012d", i), Region: "eu-west-1"})
	}
	out := make([][]arrow.RecordBatch, runs)
	for i := range out {
		rec := rowtest.Instances(sc, rng, places, i*rows, rows, 300, "r", testTime)
		g, err := rowmerge.NewGatherer(sc, []arrow.RecordBatch{rec})
		if err != nil {
			b.Fatal(err)
		}
		sorted, err := g.Gather(o.Sort([]arrow.RecordBatch{rec}, func(int, int) {}))
		if err != nil {
			b.Fatal(err)
		}
		for at := int64(0); at < int64(rows); at += 500 {
			out[i] = append(out[i], sorted.NewSlice(at, min(at+500, int64(rows))))
		}
	}
	return out
}

type batches struct {
	o    *rowmerge.Order
	left []arrow.RecordBatch
}

func (s *batches) Next(context.Context) (rowmerge.Segment, error) {
	if len(s.left) == 0 {
		return rowmerge.Segment{}, io.EOF
	}
	b := rowmerge.NewBatch(s.o, s.left[0])
	s.left = s.left[1:]
	return rowmerge.Segment{Batch: b, To: int(b.Record.NumRows())}, nil
}

func (s *batches) Close() error { return nil }

func BenchmarkMerge(b *testing.B) {
	sc := rowtest.Wide().Arrow()
	o := newOrder(b, sc, "account_id", "region", "arn")
	for _, runs := range []int{1, 8, 64} {
		b.Run(fmt.Sprint(runs, " runs"), func(b *testing.B) {
			const total = 32_000
			in := benchmarkRuns(b, o, sc, runs, total/runs)
			rowtest.Measure(b, total, func() {
				m := rowmerge.Merge{Schema: sc, Order: o, Rows: 8192, Bytes: 2 << 20, Count: func(int, int, int) {}, Write: func(arrow.RecordBatch) error { return nil }}
				for _, r := range in {
					m.Inputs = append(m.Inputs, rowmerge.Input{Name: "run", Open: func(context.Context) (rowmerge.Stream, error) { return &batches{o, r}, nil }})
				}
				if err := m.Run(context.Background()); err != nil {
					b.Fatal(err)
				}
			})
		})
	}
}
