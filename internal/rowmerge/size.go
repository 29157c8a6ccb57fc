package rowmerge

import "github.com/apache/arrow-go/v18/arrow"

// arrayOverhead is about what an array and its buffers take besides the values.
const arrayOverhead = 256

// Size returns about how much memory a batch takes, as far as its rows use it.
func Size(rec arrow.RecordBatch) int64 {
	var size int64
	for _, c := range rec.Columns() {
		size += sizeOf(c.Data())
	}
	return size
}

// sizeOf counts a slice's share of its buffers; children count in full, since a
// slice of a list does not say where its elements end.
func sizeOf(data arrow.ArrayData) int64 {
	size := int64(arrayOverhead)
	for _, b := range data.Buffers() {
		if b != nil {
			size += int64(b.Len()) * int64(data.Len()) / int64(max(data.Offset()+data.Len(), 1))
		}
	}
	for _, child := range data.Children() {
		size += sizeOf(child)
	}
	return size
}
