package rowmerge

import (
	"github.com/apache/arrow-go/v18/arrow"
)

// arrayOverhead is about what an array and its buffers take besides the values.
const arrayOverhead = 256

// Size returns about how much memory the rows of a batch take. Of a slice, what
// lies outside it does not count.
func Size(rec arrow.RecordBatch) int64 {
	var size int64
	for _, c := range rec.Columns() {
		size += sizeOf(c.Data(), c.Data().Offset(), c.Len())
	}
	return size
}

// sizeOf counts rows of an array that begin at a position of its buffers.
func sizeOf(data arrow.ArrayData, at, rows int) int64 {
	size := arrayOverhead + int64(rows)/8
	offsets := func() (first, last int) {
		if rows == 0 {
			return 0, 0
		}
		o := arrow.Int32Traits.CastFromBytes(data.Buffers()[1].Bytes())
		return int(o[at]), int(o[at+rows])
	}
	switch t := storageOf(data.DataType()).(type) {
	case *arrow.StructType:
		for _, child := range data.Children() {
			size += sizeOf(child, child.Offset()+at, rows)
		}
	case *arrow.StringType, *arrow.BinaryType:
		first, last := offsets()
		size += 4*int64(rows) + int64(last-first)
	case arrow.ListLikeType:
		first, last := offsets()
		child := data.Children()[0]
		size += 4*int64(rows) + sizeOf(child, child.Offset()+first, last-first)
	case arrow.FixedWidthDataType:
		size += int64(rows) * int64(t.BitWidth()) / 8
	}
	return size
}
