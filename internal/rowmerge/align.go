package rowmerge

import (
	"fmt"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/apache/arrow-go/v18/arrow/memory"
)

// Aligner turns batches of an older minor version of a schema into batches of
// the schema: columns are found by name, and those that the older version does
// not have are NULL.
type Aligner struct {
	to      *arrow.Schema
	columns []source
}

// source says where a column, or a field of a struct in one, comes from.
type source struct {
	from   int // -1: nowhere
	to     arrow.DataType
	fields []source // of a struct, or the element of a list
}

// NewAligner fails when a column has another type in the older schema, or when
// a column of the older schema would be lost.
func NewAligner(from, to *arrow.Schema) (*Aligner, error) {
	columns, err := alignFields(from.Fields(), to.Fields(), "")
	if err != nil {
		return nil, err
	}
	return &Aligner{to, columns}, nil
}

func alignFields(from, to []arrow.Field, path string) ([]source, error) {
	at := make(map[string]int, len(from))
	for i, f := range from {
		at[f.Name] = i
	}
	out := make([]source, len(to))
	for i, f := range to {
		j, ok := at[f.Name]
		if !ok {
			out[i] = source{from: -1, to: f.Type}
			continue
		}
		delete(at, f.Name)
		s, err := alignType(from[j].Type, f.Type, path+f.Name)
		if err != nil {
			return nil, err
		}
		s.from = j
		out[i] = s
	}
	for _, f := range from {
		if _, left := at[f.Name]; left {
			return nil, fmt.Errorf("column %s%s: the schema does not have it", path, f.Name)
		}
	}
	return out, nil
}

func alignType(from, to arrow.DataType, path string) (source, error) {
	s := source{to: to}
	a, b := storageOf(from), storageOf(to)
	// Parquet's JSON comes back as bytes, which are laid out as text is.
	_, json := to.(arrow.ExtensionType)
	if a.ID() != b.ID() && !(json && a.ID() == arrow.BINARY) {
		return s, fmt.Errorf("column %s: found %s, expected %s", path, from, to)
	}
	switch t := b.(type) {
	case *arrow.StructType:
		var err error
		s.fields, err = alignFields(a.(*arrow.StructType).Fields(), t.Fields(), path+".")
		return s, err
	case arrow.ListLikeType: // lists and maps
		elem, err := alignType(a.(arrow.ListLikeType).Elem(), t.Elem(), path+"[]")
		s.fields = []source{elem}
		return s, err
	case *arrow.TimestampType:
		if u := a.(*arrow.TimestampType); u.Unit != t.Unit {
			return s, fmt.Errorf("column %s: found %s, expected %s", path, from, to)
		}
	}
	return s, nil
}

func storageOf(dt arrow.DataType) arrow.DataType {
	if ext, ok := dt.(arrow.ExtensionType); ok {
		return ext.StorageType()
	}
	return dt
}

// Align returns the batch under the newer schema. It shares the values.
func (a *Aligner) Align(rec arrow.RecordBatch) arrow.RecordBatch {
	columns := make([]arrow.Array, len(a.columns))
	for i, c := range a.columns {
		if c.from < 0 {
			columns[i] = array.MakeArrayOfNull(memory.DefaultAllocator, c.to, int(rec.NumRows()))
			continue
		}
		columns[i] = array.MakeFromData(c.align(rec.Column(c.from).Data()))
	}
	return array.NewRecordBatch(a.to, columns, rec.NumRows())
}

func (s source) align(data arrow.ArrayData) arrow.ArrayData {
	var children []arrow.ArrayData
	switch storageOf(s.to).(type) {
	case *arrow.StructType:
		// Children of a struct are as long as its buffers, not as its slice.
		length := data.Offset() + data.Len()
		for _, f := range s.fields {
			if f.from >= 0 {
				children = append(children, f.align(data.Children()[f.from]))
				continue
			}
			children = append(children, array.MakeArrayOfNull(memory.DefaultAllocator, f.to, length).Data())
		}
	case arrow.ListLikeType:
		children = []arrow.ArrayData{s.fields[0].align(data.Children()[0])}
	}
	return array.NewData(s.to, data.Len(), data.Buffers(), children, data.NullN(), data.Offset())
}
