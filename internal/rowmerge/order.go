// Package rowmerge sorts, merges and re-cuts Arrow record batches by their key
// columns. It knows Arrow's memory layout for the types that table schemas can
// hold, and that later rows replace earlier ones of the same key; it knows
// neither files nor what the columns mean.
package rowmerge

import (
	"bytes"
	"cmp"
	"fmt"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/bitutil"
)

// Order is the sequence of columns that rows are sorted by, nulls first. Two
// rows that are equal in all of them are the same row.
type Order struct {
	columns []int
}

// NewOrder returns the order by the named columns of a schema.
func NewOrder(schema *arrow.Schema, names []string) (*Order, error) {
	o := &Order{}
	for _, name := range names {
		at := schema.FieldIndices(name)
		if len(at) != 1 {
			return nil, fmt.Errorf("order by %s: the schema has %d columns of that name, expected 1", name, len(at))
		}
		switch id := schema.Field(at[0]).Type.ID(); id {
		case arrow.STRING, arrow.INT32, arrow.INT64, arrow.TIMESTAMP, arrow.BOOL:
		default:
			return nil, fmt.Errorf("order by %s: the column is %s, expected a string, an integer, a timestamp or a boolean", name, id)
		}
		o.columns = append(o.columns, at[0])
	}
	return o, nil
}

// Keys are the key columns of one batch, ready to be compared.
type Keys []key

// key is one key column; the slices begin at the batch's first row.
type key struct {
	valid   []byte // nil: no nulls
	validAt int
	offsets []int32
	text    []byte
	long    []int64
	int     []int32
	bits    []byte
	bitsAt  int
}

// Keys binds the order to a batch.
func (o *Order) Keys(rec arrow.RecordBatch) Keys {
	keys := make(Keys, len(o.columns))
	for i, c := range o.columns {
		keys[i] = bind(rec.Column(c))
	}
	return keys
}

func bind(column arrow.Array) key {
	data, n := column.Data(), column.Len()
	at := data.Offset()
	var k key
	if column.NullN() > 0 {
		k.valid, k.validAt = data.Buffers()[0].Bytes(), at
	}
	if n == 0 || column.NullN() == n {
		return k // no value is ever looked at
	}
	values := data.Buffers()[1].Bytes()
	switch column.DataType().ID() {
	case arrow.STRING:
		k.offsets = arrow.Int32Traits.CastFromBytes(values)[at : at+n+1]
		if data.Buffers()[2] != nil {
			k.text = data.Buffers()[2].Bytes()
		}
	case arrow.INT32:
		k.int = arrow.Int32Traits.CastFromBytes(values)[at : at+n]
	case arrow.BOOL:
		k.bits, k.bitsAt = values, at
	default:
		k.long = arrow.Int64Traits.CastFromBytes(values)[at : at+n]
	}
	return k
}

// Compare orders row i of one batch against row j of another.
func (a Keys) Compare(i int, b Keys, j int) int {
	for c := range a {
		if d := a[c].compare(i, &b[c], j); d != 0 {
			return d
		}
	}
	return 0
}

func (a *key) compare(i int, b *key, j int) int {
	if a.valid != nil || b.valid != nil {
		x, y := a.isSet(i), b.isSet(j)
		if !x || !y {
			return truth(x) - truth(y)
		}
	}
	switch {
	case a.offsets != nil:
		return bytes.Compare(a.textAt(i), b.textAt(j))
	case a.long != nil:
		return cmp.Compare(a.long[i], b.long[j])
	case a.int != nil:
		return cmp.Compare(a.int[i], b.int[j])
	}
	return truth(bitutil.BitIsSet(a.bits, a.bitsAt+i)) - truth(bitutil.BitIsSet(b.bits, b.bitsAt+j))
}

func (a *key) isSet(i int) bool { return a.valid == nil || bitutil.BitIsSet(a.valid, a.validAt+i) }

func (a *key) textAt(i int) []byte { return a.text[a.offsets[i]:a.offsets[i+1]] }

func truth(b bool) int {
	if b {
		return 1
	}
	return 0
}

// comparePrefix orders the first columns of row i, which must be text, against
// values.
func (a Keys) comparePrefix(i int, values []string) int {
	for c, v := range values {
		if !a[c].isSet(i) {
			return -1
		}
		if d := cmp.Compare(string(a[c].textAt(i)), v); d != 0 {
			return d
		}
	}
	return 0
}

// Ascending reports whether the rows of a batch are strictly ascending: sorted,
// and no two of them the same.
func (a Keys) Ascending(rows int) bool {
	for i := 1; i < rows; i++ {
		if a.Compare(i-1, a, i) >= 0 {
			return false
		}
	}
	return true
}
