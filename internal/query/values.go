package query

import (
	"encoding/json"
	"fmt"
	"math"
	"math/big"
	"strings"
	"time"
	"unsafe"

	duckdb "github.com/duckdb/duckdb-go-bindings"
)

// A row's values are of these Go types:
//
//	nil                    NULL
//	bool                   BOOLEAN
//	int64, uint64          the integer types of up to 64 bits
//	float32, float64       FLOAT, DOUBLE
//	json.Number            HUGEINT, UHUGEINT, BIGNUM, DECIMAL
//	time.Time              the TIMESTAMP types, in UTC
//	string                 VARCHAR, ENUM, and in DuckDB's own notation DATE, TIME,
//	                       INTERVAL, UUID, BLOB, BIT and infinite timestamps
//	json.RawMessage        JSON, as stored
//	[]any, Struct, Map     LIST and ARRAY, STRUCT and UNION (its one member), MAP

// A Struct is the fields of a STRUCT value in the order of its type.
type Struct []Field

// A Field is one field of a Struct.
type Field struct {
	Name  string
	Value any
}

// A Map is the entries of a MAP value in stored order.
type Map []Entry

// An Entry is one entry of a Map.
type Entry struct {
	Key, Value any
}

// A vector is one column of a chunk, or of a nested value in it. It points into memory
// that DuckDB owns and is valid only as long as its chunk.
type vector struct {
	t        *dataType
	data     unsafe.Pointer
	validity *uint64
	children []vector
}

func newVector(t *dataType, v duckdb.Vector) vector {
	vec := vector{t: t, data: duckdb.VectorGetData(v), validity: (*uint64)(duckdb.VectorGetValidity(v))}
	switch t.id {
	case duckdb.TypeList:
		vec.children = []vector{newVector(t.children[0], duckdb.ListVectorGetChild(v))}
	case duckdb.TypeArray:
		vec.children = []vector{newVector(t.children[0], duckdb.ArrayVectorGetChild(v))}
	case duckdb.TypeMap:
		entries := duckdb.ListVectorGetChild(v)
		for i, child := range t.children {
			vec.children = append(vec.children, newVector(child, duckdb.StructVectorGetChild(entries, duckdb.IdxT(i))))
		}
	case duckdb.TypeStruct:
		for i, child := range t.children {
			vec.children = append(vec.children, newVector(child, duckdb.StructVectorGetChild(v, duckdb.IdxT(i))))
		}
	case duckdb.TypeUnion:
		vec.children = []vector{newVector(&dataType{id: duckdb.TypeUTinyInt}, duckdb.StructVectorGetChild(v, 0))}
		for i, child := range t.children {
			vec.children = append(vec.children, newVector(child, duckdb.StructVectorGetChild(v, duckdb.IdxT(i+1))))
		}
	}
	return vec
}

func (v *vector) null(row uint64) bool {
	if v.validity == nil {
		return false
	}
	bits := *(*uint64)(unsafe.Add(unsafe.Pointer(v.validity), row/64*8))
	return bits&(1<<(row%64)) == 0
}

func at[T any](v *vector, row uint64) T {
	var size T
	return *(*T)(unsafe.Add(v.data, uintptr(row)*unsafe.Sizeof(size)))
}

// value reads the value of one row.
func (v *vector) value(row uint64) any {
	if v.null(row) {
		return nil
	}
	switch v.t.id {
	case duckdb.TypeBoolean:
		return at[uint8](v, row) != 0
	case duckdb.TypeFloat:
		return at[float32](v, row)
	case duckdb.TypeDouble:
		return at[float64](v, row)
	case duckdb.TypeVarchar:
		if v.t.json {
			return json.RawMessage(v.bytes(row))
		}
		return string(v.bytes(row))
	case duckdb.TypeTimestampTZ, duckdb.TypeTimestamp, duckdb.TypeTimestampS, duckdb.TypeTimestampMS, duckdb.TypeTimestampNS:
		return timestamp(v.t.id, at[int64](v, row))
	case duckdb.TypeList, duckdb.TypeArray, duckdb.TypeStruct, duckdb.TypeMap, duckdb.TypeUnion:
		return v.nested(row)
	case duckdb.TypeHugeInt, duckdb.TypeUHugeInt, duckdb.TypeDecimal, duckdb.TypeBigNum:
		return v.wide(row)
	case duckdb.TypeUTinyInt, duckdb.TypeUSmallInt, duckdb.TypeUInteger, duckdb.TypeUBigInt:
		return v.unsigned(v.t.id, row)
	case duckdb.TypeTinyInt, duckdb.TypeSmallInt, duckdb.TypeInteger, duckdb.TypeBigInt:
		return v.signed(v.t.id, row)
	case duckdb.TypeSQLNull:
		return nil
	}
	return v.notation(row)
}

func (v *vector) signed(width duckdb.Type, row uint64) int64 {
	switch width {
	case duckdb.TypeTinyInt:
		return int64(at[int8](v, row))
	case duckdb.TypeSmallInt:
		return int64(at[int16](v, row))
	case duckdb.TypeInteger:
		return int64(at[int32](v, row))
	}
	return at[int64](v, row)
}

func (v *vector) unsigned(width duckdb.Type, row uint64) uint64 {
	switch width {
	case duckdb.TypeUTinyInt:
		return uint64(at[uint8](v, row))
	case duckdb.TypeUSmallInt:
		return uint64(at[uint16](v, row))
	case duckdb.TypeUInteger:
		return uint64(at[uint32](v, row))
	}
	return at[uint64](v, row)
}

// inlineLength is up to how many bytes DuckDB keeps in a string's own 16 bytes, after
// the length. Of a longer one, the last 8 of the 16 point to its bytes.
const inlineLength = 12

func (v *vector) bytes(row uint64) []byte {
	cell := unsafe.Add(v.data, uintptr(row)*16)
	length := *(*uint32)(cell)
	start := unsafe.Add(cell, 4)
	if length > inlineLength {
		start = *(*unsafe.Pointer)(unsafe.Add(cell, 8))
	}
	return append([]byte{}, unsafe.Slice((*byte)(start), length)...)
}

func (v *vector) nested(row uint64) any {
	switch v.t.id {
	case duckdb.TypeArray:
		return v.elements(row*v.t.size, v.t.size)
	case duckdb.TypeStruct:
		fields := make(Struct, len(v.children))
		for i := range v.children {
			fields[i] = Field{Name: v.t.labels[i], Value: v.children[i].value(row)}
		}
		return fields
	case duckdb.TypeUnion:
		tag := at[uint8](&v.children[0], row)
		return Struct{{Name: v.t.labels[tag], Value: v.children[tag+1].value(row)}}
	}
	span := at[struct{ offset, length uint64 }](v, row)
	if v.t.id == duckdb.TypeList {
		return v.elements(span.offset, span.length)
	}
	entries := make(Map, span.length)
	for i := range span.length {
		entries[i] = Entry{Key: v.children[0].value(span.offset + i), Value: v.children[1].value(span.offset + i)}
	}
	return entries
}

func (v *vector) elements(offset, length uint64) []any {
	list := make([]any, length)
	for i := range length {
		list[i] = v.children[0].value(offset + i)
	}
	return list
}

// wide reads the numbers that no Go number holds without loss.
func (v *vector) wide(row uint64) json.Number {
	switch v.t.id {
	case duckdb.TypeHugeInt:
		return json.Number(v.huge(row).String())
	case duckdb.TypeUHugeInt:
		h := at[struct{ lower, upper uint64 }](v, row)
		return json.Number(join(new(big.Int).SetUint64(h.upper), h.lower).String())
	case duckdb.TypeBigNum:
		return json.Number(bigNumber(v.bytes(row)).String())
	}
	unscaled := new(big.Int)
	if v.t.storage == duckdb.TypeHugeInt {
		unscaled = v.huge(row)
	} else {
		unscaled.SetInt64(v.signed(v.t.storage, row))
	}
	return json.Number(decimal(unscaled, v.t.scale))
}

func (v *vector) huge(row uint64) *big.Int {
	h := at[struct {
		lower uint64
		upper int64
	}](v, row)
	return join(big.NewInt(h.upper), h.lower)
}

func join(upper *big.Int, lower uint64) *big.Int {
	return upper.Add(upper.Lsh(upper, 64), new(big.Int).SetUint64(lower))
}

// bigNumber reads a BIGNUM: three bytes of header, whose first bit is set for a positive
// number, then the magnitude, most significant byte first; all inverted when negative.
func bigNumber(b []byte) *big.Int {
	magnitude := b[3:]
	if b[0]&0x80 != 0 {
		return new(big.Int).SetBytes(magnitude)
	}
	for i := range magnitude {
		magnitude[i] = ^magnitude[i]
	}
	n := new(big.Int).SetBytes(magnitude)
	return n.Neg(n)
}

func decimal(unscaled *big.Int, scale int) string {
	digits, sign := unscaled.String(), ""
	if scale == 0 {
		return digits
	}
	if unscaled.Sign() < 0 {
		digits, sign = digits[1:], "-"
	}
	if missing := scale + 1 - len(digits); missing > 0 {
		digits = strings.Repeat("0", missing) + digits
	}
	point := len(digits) - scale
	return sign + digits[:point] + "." + digits[point:]
}

func timestamp(id duckdb.Type, n int64) any {
	switch n {
	case math.MaxInt64:
		return "infinity"
	case -math.MaxInt64:
		return "-infinity"
	}
	switch id {
	case duckdb.TypeTimestampS:
		return time.Unix(n, 0).UTC()
	case duckdb.TypeTimestampMS:
		return time.UnixMilli(n).UTC()
	case duckdb.TypeTimestampNS:
		return time.Unix(0, n).UTC()
	}
	return time.UnixMicro(n).UTC()
}

// notation writes the types that have no Go counterpart the way DuckDB casts them to text.
func (v *vector) notation(row uint64) string {
	switch v.t.id {
	case duckdb.TypeEnum:
		return v.t.labels[v.unsigned(v.t.storage, row)]
	case duckdb.TypeBlob:
		return blob(v.bytes(row))
	case duckdb.TypeBit:
		return bitString(v.bytes(row))
	case duckdb.TypeUUID:
		h := at[struct{ lower, upper uint64 }](v, row)
		h.upper ^= 1 << 63 // DuckDB flips the bit so that UUIDs sort as signed numbers.
		return fmt.Sprintf("%08x-%04x-%04x-%04x-%012x",
			h.upper>>32, h.upper>>16&0xffff, h.upper&0xffff, h.lower>>48, h.lower&(1<<48-1))
	case duckdb.TypeDate:
		return date(at[int32](v, row))
	case duckdb.TypeTime:
		return clock(time.Duration(at[int64](v, row)) * time.Microsecond)
	case duckdb.TypeTimeNS:
		return clock(time.Duration(at[int64](v, row)))
	case duckdb.TypeTimeTZ:
		return zonedClock(at[uint64](v, row))
	case duckdb.TypeInterval:
		i := at[struct {
			months, days int32
			micros       int64
		}](v, row)
		return interval(i.months, i.days, i.micros)
	}
	panic("query: no reader for type " + v.t.name) // newDataType lets no other type through.
}

func blob(b []byte) string {
	var s strings.Builder
	for _, c := range b {
		if c < ' ' || c > '~' || c == '\'' || c == '"' || c == '\\' {
			fmt.Fprintf(&s, `\x%02X`, c)
		} else {
			s.WriteByte(c)
		}
	}
	return s.String()
}

// bitString reads a BIT: a byte with the number of leading bits to leave out, then the bits.
func bitString(b []byte) string {
	var s strings.Builder
	for _, c := range b[1:] {
		fmt.Fprintf(&s, "%08b", c)
	}
	return s.String()[b[0]:]
}

func date(days int32) string {
	switch days {
	case math.MaxInt32:
		return "infinity"
	case -math.MaxInt32:
		return "-infinity"
	}
	day := time.Unix(0, 0).UTC().AddDate(0, 0, int(days))
	if day.Year() < 1 {
		return fmt.Sprintf("%04d-%02d-%02d (BC)", 1-day.Year(), day.Month(), day.Day())
	}
	return day.Format(time.DateOnly)
}

// clock writes hours, minutes, seconds, and a fraction where there is one.
func clock(d time.Duration) string {
	sign := ""
	if d < 0 {
		sign, d = "-", -d
	}
	s := fmt.Sprintf("%s%02d:%02d:%02d", sign, d/time.Hour, d/time.Minute%60, d/time.Second%60)
	if fraction := d % time.Second; fraction != 0 {
		s += strings.TrimRight(fmt.Sprintf(".%09d", fraction), "0")
	}
	return s
}

// zonedClock reads a TIMETZ: microseconds in the upper 40 bits, and in the lower 24 how
// far the offset lies below the greatest one, 15:59:59.
func zonedClock(bits uint64) string {
	const greatest = 16*60*60 - 1
	offset := greatest - int64(bits&(1<<24-1))
	sign := "+"
	if offset < 0 {
		sign, offset = "-", -offset
	}
	s := clock(time.Duration(bits>>24)*time.Microsecond) + fmt.Sprintf("%s%02d", sign, offset/3600)
	if offset%3600 != 0 {
		s += fmt.Sprintf(":%02d", offset/60%60)
	}
	if offset%60 != 0 {
		s += fmt.Sprintf(":%02d", offset%60)
	}
	return s
}

func interval(months, days int32, micros int64) string {
	var parts []string
	add := func(n int32, unit string) {
		switch n {
		case 0:
		case 1, -1:
			parts = append(parts, fmt.Sprintf("%d %s", n, unit))
		default:
			parts = append(parts, fmt.Sprintf("%d %ss", n, unit))
		}
	}
	add(months/12, "year")
	add(months%12, "month")
	add(days, "day")
	if micros != 0 || len(parts) == 0 {
		parts = append(parts, intervalClock(micros))
	}
	return strings.Join(parts, " ")
}

// intervalClock is clock for spans longer than a time.Duration reaches.
func intervalClock(micros int64) string {
	const hour = int64(time.Hour / time.Microsecond)
	sign := ""
	if micros < 0 {
		sign = "-"
	}
	rest := clock(time.Duration(micros%hour).Abs() * time.Microsecond)
	hours := new(big.Int).Abs(big.NewInt(micros / hour))
	return fmt.Sprintf("%s%02d%s", sign, hours, strings.TrimPrefix(rest, "00"))
}
