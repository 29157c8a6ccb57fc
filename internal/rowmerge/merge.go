package rowmerge

import (
	"cmp"
	"container/heap"
	"context"
	"errors"
	"fmt"
	"io"
	"slices"

	"github.com/apache/arrow-go/v18/arrow"
)

// Segment is rows From to To of a batch that came from one input and count
// under one tag.
type Segment struct {
	Batch    *Batch
	From, To int
	Tag      int
	Rank     int // of equal rows the one with the lowest rank stays
}

// Batch is a batch bound to an order.
type Batch struct {
	Record arrow.RecordBatch
	Keys   Keys
	size   int64

	slot, round int32 // place among the batches that are being gathered
}

// NewBatch binds a batch to an order.
func NewBatch(o *Order, rec arrow.RecordBatch) *Batch {
	return &Batch{Record: rec, Keys: o.Keys(rec), size: Size(rec)}
}

// Stream gives the segments of an input in strictly ascending order, then
// io.EOF.
type Stream interface {
	Next(ctx context.Context) (Segment, error)
	Close() error
}

// Input is a sorted stream that is opened when the merge reaches it.
type Input struct {
	Name  string   // for errors
	After []string // no row is before these values of the first order columns; nil when not known
	Open  func(ctx context.Context) (Stream, error)
}

// Merge merges inputs into one ascending sequence of batches without equal
// rows.
type Merge struct {
	Schema *arrow.Schema
	Order  *Order
	Inputs []Input                           // of equal rows of one rank, that of the first input stays
	Count  func(tag, kept, dropped int)      // called for each group of rows that stay, or that an equal row replaces
	Write  func(rec arrow.RecordBatch) error // called with batches of about Rows rows or Bytes bytes
	Rows   int
	Bytes  int64
}

// Run merges until all inputs are at their ends, and closes those it opened.
func (m *Merge) Run(ctx context.Context) (err error) {
	run := &running{Merge: m, out: gathering{round: 1}}
	for i, in := range m.Inputs {
		run.waiting = append(run.waiting, &cursor{input: in, index: i})
	}
	slices.SortStableFunc(run.waiting, func(a, b *cursor) int { return slices.Compare(a.input.After, b.input.After) })
	defer func() {
		for _, c := range run.open {
			err = errors.Join(err, c.close())
		}
	}()
	for {
		if err := ctx.Err(); err != nil {
			return context.Cause(ctx)
		}
		if err := run.admit(ctx); err != nil {
			return err
		}
		if len(run.open) == 0 {
			return run.flush()
		}
		if err := run.step(ctx); err != nil {
			return err
		}
	}
}

// cursor is an input, and the segment whose row From comes next.
type cursor struct {
	input  Input
	index  int
	stream Stream
	Segment
}

// close closes the stream and lets go of it: it may hold the last batch that it
// gave, and there may be many thousand inputs.
func (c *cursor) close() error {
	err := c.stream.Close()
	c.stream, c.Segment = nil, Segment{}
	if err != nil {
		return fmt.Errorf("close %s: %w", c.input.Name, err)
	}
	return nil
}

func (c *cursor) compare(d *cursor) int {
	if order := c.Batch.Keys.Compare(c.From, d.Batch.Keys, d.From); order != 0 {
		return order
	}
	return cmp.Or(cmp.Compare(c.Rank, d.Rank), cmp.Compare(c.index, d.index))
}

// advance reads the next segment that has rows.
func (c *cursor) advance(ctx context.Context) error {
	for {
		seg, err := c.stream.Next(ctx)
		if err != nil && !errors.Is(err, io.EOF) {
			return fmt.Errorf("read %s: %w", c.input.Name, err)
		}
		if err != nil || seg.To > seg.From {
			c.Segment = seg
			return err
		}
	}
}

type cursors []*cursor

func (h cursors) Len() int           { return len(h) }
func (h cursors) Less(i, j int) bool { return h[i].compare(h[j]) < 0 }
func (h cursors) Swap(i, j int)      { h[i], h[j] = h[j], h[i] }
func (h *cursors) Push(x any)        { *h = append(*h, x.(*cursor)) }
func (h *cursors) Pop() any {
	last := (*h)[len(*h)-1]
	(*h)[len(*h)-1] = nil
	*h = (*h)[:len(*h)-1]
	return last
}

type running struct {
	*Merge
	waiting []*cursor // by After
	open    cursors   // a heap
	last    *Batch    // batch and row that were written last
	lastRow int
	out     gathering
}

// admit opens the inputs that may have rows within the segment that is next.
// So inputs that follow each other are open one at a time.
func (r *running) admit(ctx context.Context) error {
	for len(r.waiting) > 0 {
		next := r.waiting[0]
		if len(r.open) > 0 {
			top := r.open[0]
			if top.Batch.Keys.comparePrefix(top.To-1, next.input.After) < 0 {
				return nil
			}
		}
		r.waiting = r.waiting[1:]
		stream, err := next.input.Open(ctx)
		if err != nil {
			return fmt.Errorf("open %s: %w", next.input.Name, err)
		}
		next.stream = stream
		switch err := next.advance(ctx); {
		case errors.Is(err, io.EOF):
			if err := next.close(); err != nil {
				return err
			}
		case err != nil:
			return errors.Join(err, next.close())
		default:
			heap.Push(&r.open, next)
		}
	}
	return nil
}

// step takes the rows of the first cursor that come before those of all others.
func (r *running) step(ctx context.Context) error {
	top := r.open[0]
	if r.last != nil && top.Batch != r.last && top.Batch.Keys.Compare(top.From, r.last.Keys, r.lastRow) == 0 {
		r.Count(top.Tag, 0, 1)
		top.From++
	} else {
		end := r.end(top)
		r.Count(top.Tag, end-top.From, 0)
		r.last, r.lastRow = top.Batch, end-1
		if err := r.take(top.Batch, top.From, end); err != nil {
			return err
		}
		top.From = end
	}
	if top.From < top.To {
		heap.Fix(&r.open, 0)
		return nil
	}
	switch err := top.advance(ctx); {
	case errors.Is(err, io.EOF):
		heap.Pop(&r.open)
		if err := top.close(); err != nil {
			return err
		}
	case err != nil:
		return err
	default:
		heap.Fix(&r.open, 0)
	}
	return nil
}

// end returns where the rows of the first cursor that precede the second one's
// end; there is at least one.
func (r *running) end(top *cursor) int {
	if len(r.open) == 1 {
		return top.To
	}
	second := r.open[1]
	if len(r.open) > 2 && r.open[2].compare(second) < 0 {
		second = r.open[2]
	}
	before := func(row int) bool {
		return top.Batch.Keys.Compare(row, second.Batch.Keys, second.From) < 0
	}
	// Doubling steps find the end of long stretches quickly and cost one
	// comparison where inputs alternate.
	low, step := top.From, 1
	for low+step < top.To && before(low+step) {
		low += step
		step *= 2
	}
	for high := min(low+step, top.To); low+1 < high; {
		mid := (low + high) / 2
		if before(mid) {
			low = mid
		} else {
			high = mid
		}
	}
	return low + 1
}

// gathering is the rows for the next batch to write.
type gathering struct {
	batches []arrow.RecordBatch
	round   int32 // which batch is being gathered, so that a Batch knows its slot
	ranges  []Range
	rows    int
	size    int64
}

func (r *running) take(b *Batch, from, to int) error {
	perRow := b.size/b.Record.NumRows() + 1
	for from < to {
		if r.out.rows == 0 && to-from >= r.Rows/2 {
			n := min(to-from, r.Rows)
			if err := r.Write(b.Record.NewSlice(int64(from), int64(from+n))); err != nil {
				return err
			}
			from += n
			continue
		}
		n := min(to-from, r.Rows-r.out.rows, int((r.Bytes-r.out.size)/perRow)+1)
		r.out.add(b, from, n)
		r.out.size += perRow * int64(n)
		from += n
		if r.out.rows >= r.Rows || r.out.size >= r.Bytes {
			if err := r.flush(); err != nil {
				return err
			}
		}
	}
	return nil
}

func (g *gathering) add(b *Batch, from, n int) {
	if b.round != g.round {
		b.slot, b.round = int32(len(g.batches)), g.round
		g.batches = append(g.batches, b.Record)
	}
	g.ranges = append(g.ranges, Range{b.slot, int32(from), int32(n)})
	g.rows += n
}

func (r *running) flush() error {
	if r.out.rows == 0 {
		return nil
	}
	g, err := NewGatherer(r.Schema, r.out.batches)
	if err != nil {
		return err
	}
	rec, err := g.Gather(r.out.ranges)
	if err != nil {
		return err
	}
	clear(r.out.batches)
	r.out.round++
	r.out.batches, r.out.ranges, r.out.rows, r.out.size = r.out.batches[:0], r.out.ranges[:0], 0, 0
	return r.Write(rec)
}
