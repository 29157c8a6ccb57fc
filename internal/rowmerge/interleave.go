package rowmerge

import (
	"fmt"
	"math"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/apache/arrow-go/v18/arrow/bitutil"
	"github.com/apache/arrow-go/v18/arrow/memory"
)

// Gatherer picks rows out of several batches of one schema.
type Gatherer struct {
	schema  *arrow.Schema
	columns []*column
}

// NewGatherer binds batches, so that rows can be picked from them many times.
func NewGatherer(schema *arrow.Schema, batches []arrow.RecordBatch) (*Gatherer, error) {
	g := &Gatherer{schema, make([]*column, schema.NumFields())}
	for c, f := range schema.Fields() {
		parts := make([]part, len(batches))
		for i, b := range batches {
			data := b.Column(c).Data()
			parts[i] = part{data: data, at: data.Offset()}
		}
		var err error
		if g.columns[c], err = newColumn(f.Type, parts); err != nil {
			return nil, fmt.Errorf("column %s: %w", f.Name, err)
		}
	}
	return g, nil
}

// Gather returns one batch of the given rows, in that order. It shares no
// memory with the batches that they come from.
func (g *Gatherer) Gather(ranges []Range) (arrow.RecordBatch, error) {
	rows := 0
	for _, r := range ranges {
		rows += int(r.Len)
	}
	columns := make([]arrow.Array, len(g.columns))
	for i, c := range g.columns {
		data, err := c.gather(ranges, rows)
		if err != nil {
			return nil, fmt.Errorf("column %s: %w", g.schema.Field(i).Name, err)
		}
		columns[i] = array.MakeFromData(data)
	}
	return array.NewRecordBatch(g.schema, columns, int64(rows)), nil
}

// column is one column of all the batches, or a field or the elements of one.
type column struct {
	dt       arrow.DataType
	storage  arrow.DataType
	nullable bool // some part has nulls
	parts    []part
	children []*column
}

// part is a column in one batch: its row r stands at position at+r.
type part struct {
	data    arrow.ArrayData
	at      int
	valid   []byte  // nil: no nulls
	values  []byte  // of a fixed width, or the bits of booleans
	offsets []int32 // of texts and lists
	text    []byte
}

func newColumn(dt arrow.DataType, parts []part) (*column, error) {
	c := &column{dt: dt, storage: storageOf(dt), parts: parts}
	for i := range parts {
		c.bind(&parts[i])
		c.nullable = c.nullable || parts[i].valid != nil
	}
	switch t := c.storage.(type) {
	case *arrow.StructType:
		for i, f := range t.Fields() {
			// A struct's offset counts for its fields too.
			if err := c.addChild(f.Type, i, func(p part) int { return p.at }); err != nil {
				return nil, fmt.Errorf("%s: %w", f.Name, err)
			}
		}
	case *arrow.ListType, *arrow.MapType:
		return c, c.addChild(t.(arrow.ListLikeType).Elem(), 0, func(part) int { return 0 })
	case *arrow.StringType, *arrow.BinaryType, *arrow.BooleanType, *arrow.Int32Type, *arrow.Int64Type, *arrow.TimestampType, *arrow.Float64Type:
	default:
		return nil, fmt.Errorf("type %s is not one that tables have", dt)
	}
	return c, nil
}

func (c *column) bind(p *part) {
	buffer := func(i int) []byte {
		if b := p.data.Buffers(); i < len(b) && b[i] != nil {
			return b[i].Bytes()
		}
		return nil
	}
	if p.data.NullN() != 0 {
		p.valid = buffer(0)
	}
	switch c.storage.(type) {
	case *arrow.StructType:
	case *arrow.StringType, *arrow.BinaryType:
		p.offsets, p.text = arrow.Int32Traits.CastFromBytes(buffer(1)), buffer(2)
	case arrow.ListLikeType:
		p.offsets = arrow.Int32Traits.CastFromBytes(buffer(1))
	default:
		p.values = buffer(1)
	}
}

func (c *column) addChild(dt arrow.DataType, i int, offset func(part) int) error {
	inner := make([]part, len(c.parts))
	for j, p := range c.parts {
		data := p.data.Children()[i]
		inner[j] = part{data: data, at: data.Offset() + offset(p)}
	}
	child, err := newColumn(dt, inner)
	c.children = append(c.children, child)
	return err
}

func (c *column) gather(ranges []Range, rows int) (arrow.ArrayData, error) {
	valid, nulls := c.gatherValid(ranges, rows)
	buffers := []*memory.Buffer{valid}
	var children []arrow.ArrayData
	switch c.storage.(type) {
	case *arrow.StructType:
		for _, f := range c.children {
			data, err := f.gather(ranges, rows)
			if err != nil {
				return nil, err
			}
			children = append(children, data)
		}
	case arrow.ListLikeType:
		offsets, inner, total, err := c.gatherOffsets(ranges, rows)
		if err != nil {
			return nil, err
		}
		data, err := c.children[0].gather(inner, total)
		if err != nil {
			return nil, err
		}
		buffers, children = append(buffers, offsets), []arrow.ArrayData{data}
	case *arrow.StringType, *arrow.BinaryType:
		offsets, text, err := c.gatherText(ranges, rows)
		if err != nil {
			return nil, err
		}
		buffers = append(buffers, offsets, text)
	case *arrow.BooleanType:
		buffers = append(buffers, c.gatherBits(ranges, rows, func(p *part) []byte { return p.values }))
	case *arrow.Int32Type:
		buffers = append(buffers, gatherFixed(c.parts, ranges, rows, arrow.Int32Traits.CastFromBytes, arrow.Int32Traits.CastToBytes))
	default:
		buffers = append(buffers, gatherFixed(c.parts, ranges, rows, arrow.Int64Traits.CastFromBytes, arrow.Int64Traits.CastToBytes))
	}
	return array.NewData(c.dt, rows, buffers, children, nulls, 0), nil
}

// gatherValid returns the validity bitmap, or nil when no row is null.
func (c *column) gatherValid(ranges []Range, rows int) (*memory.Buffer, int) {
	if !c.nullable || rows == 0 {
		return nil, 0
	}
	bits := c.gatherBits(ranges, rows, func(p *part) []byte { return p.valid })
	nulls := rows - bitutil.CountSetBits(bits.Bytes(), 0, rows)
	if nulls == 0 {
		return nil, 0
	}
	return bits, nulls
}

// gatherBits copies bits; a part without them counts as all ones.
func (c *column) gatherBits(ranges []Range, rows int, bits func(*part) []byte) *memory.Buffer {
	out := make([]byte, bitutil.BytesForBits(int64(rows)))
	at := 0
	for _, r := range ranges {
		p := &c.parts[r.Source]
		n, from, in := int(r.Len), p.at+int(r.Start), bits(p)
		switch {
		case in == nil:
			bitutil.SetBitsTo(out, int64(at), int64(n), true)
		case n == 1:
			if bitutil.BitIsSet(in, from) {
				bitutil.SetBit(out, at)
			}
		default:
			bitutil.CopyBitmap(in, from, n, out, at)
		}
		at += n
	}
	return memory.NewBufferBytes(out)
}

func gatherFixed[T any](parts []part, ranges []Range, rows int, from func([]byte) []T, to func([]T) []byte) *memory.Buffer {
	out := make([]T, rows)
	at := 0
	for _, r := range ranges {
		p := &parts[r.Source]
		in, start := from(p.values), p.at+int(r.Start)
		if r.Len == 1 {
			out[at] = in[start]
			at++
			continue
		}
		at += copy(out[at:], in[start:start+int(r.Len)])
	}
	return memory.NewBufferBytes(to(out))
}

func (c *column) gatherText(ranges []Range, rows int) (offsets, text *memory.Buffer, err error) {
	size := 0
	for _, r := range ranges {
		p := &c.parts[r.Source]
		start := p.at + int(r.Start)
		size += int(p.offsets[start+int(r.Len)] - p.offsets[start])
	}
	if size > math.MaxInt32 {
		return nil, nil, fmt.Errorf("%d bytes of text in %d rows, expected less than 2 GiB", size, rows)
	}
	out, values, at := make([]int32, rows+1), make([]byte, size), 0
	end := int32(0)
	for _, r := range ranges {
		p := &c.parts[r.Source]
		start := p.at + int(r.Start)
		o := p.offsets[start : start+int(r.Len)+1]
		first, last := o[0], o[len(o)-1]
		for _, e := range o[1:] {
			at++
			out[at] = e - first + end
		}
		end += int32(copy(values[end:], p.text[first:last]))
	}
	return memory.NewBufferBytes(arrow.Int32Traits.CastToBytes(out)), memory.NewBufferBytes(values), nil
}

// gatherOffsets returns the offsets of a list or map column and which elements
// they span. A null list holds no elements in the result, which Parquet writers
// insist on.
func (c *column) gatherOffsets(ranges []Range, rows int) (*memory.Buffer, []Range, int, error) {
	out := make([]int32, rows+1)
	inner := make([]Range, 0, len(ranges))
	at, end := 0, int64(0)
	for _, r := range ranges {
		p := &c.parts[r.Source]
		for row := p.at + int(r.Start); row < p.at+int(r.Start)+int(r.Len); row++ {
			at++
			n := p.offsets[row+1] - p.offsets[row]
			if n > 0 && (p.valid == nil || bitutil.BitIsSet(p.valid, row)) {
				inner = appendRange(inner, Range{r.Source, p.offsets[row], n})
				end += int64(n)
			}
			out[at] = int32(end)
		}
	}
	if end > math.MaxInt32 {
		return nil, nil, 0, fmt.Errorf("%d elements in %d rows, expected less than 2^31", end, rows)
	}
	return memory.NewBufferBytes(arrow.Int32Traits.CastToBytes(out)), inner, int(end), nil
}

// appendRange adds a range, to the last one where it continues that.
func appendRange(ranges []Range, r Range) []Range {
	if n := len(ranges); n > 0 && ranges[n-1].Source == r.Source && ranges[n-1].Start+ranges[n-1].Len == r.Start {
		ranges[n-1].Len += r.Len
		return ranges
	}
	return append(ranges, r)
}
