package query

import (
	"bufio"
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"math"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"
)

// A Format says how a result is written.
type Format struct {
	// Name is "table" for people, "csv", or "json" for an array of objects. Parquet is
	// not written from a result but by CopyParquet.
	Name string
	// Width is how many columns of a terminal a table may take; long values are cut. At
	// 0 a table is as wide as its rows are.
	Width int
}

// A printer writes a result's rows in one format.
type printer interface {
	begin() error
	row(values []any) error
	end() error
}

// Write writes all rows, closes the result and returns how many rows there were. After
// an error, what was written may end in the middle.
func (r *Result) Write(w io.Writer, f Format) (rows int64, err error) {
	defer r.Close()
	out := bufio.NewWriterSize(w, 64<<10)
	var p printer
	switch f.Name {
	case "table":
		p = newTablePrinter(out, r, f.Width)
	case "csv":
		p = &csvPrinter{out: out, names: r.names}
	case "json":
		p = &jsonPrinter{out: out, names: distinct(r.names)}
	default:
		return 0, fmt.Errorf("unknown format %q, expected table, csv or json", f.Name)
	}
	if rows, err = r.print(p); err != nil {
		return rows, err
	}
	return rows, out.Flush()
}

func (r *Result) print(p printer) (rows int64, err error) {
	if err := p.begin(); err != nil {
		return 0, err
	}
	for values, err := range r.Rows() {
		if err != nil {
			return rows, err
		}
		if err := p.row(values); err != nil {
			return rows, err
		}
		rows++
	}
	return rows, p.end()
}

// A csvPrinter quotes as RFC 4180 says and ends lines with a line feed alone. NULL is an
// empty field and an empty string a quoted one, as DuckDB writes and reads them.
type csvPrinter struct {
	out   *bufio.Writer
	names []string
	line  []byte
}

func (p *csvPrinter) begin() error {
	values := make([]any, len(p.names))
	for i, name := range p.names {
		values[i] = name
	}
	return p.row(values)
}

func (p *csvPrinter) row(values []any) error {
	p.line = p.line[:0]
	for i, value := range values {
		if i > 0 {
			p.line = append(p.line, ',')
		}
		if value == nil {
			continue
		}
		start := len(p.line)
		p.line = appendText(p.line, value)
		if field := p.line[start:]; len(field) == 0 || bytes.ContainsAny(field, "\",\r\n") {
			p.line = append(p.line[:start], `"`+strings.ReplaceAll(string(field), `"`, `""`)+`"`...)
		}
	}
	_, err := p.out.Write(append(p.line, '\n'))
	return err
}

func (p *csvPrinter) end() error { return nil }

type jsonPrinter struct {
	out       *bufio.Writer
	names     []string
	line      []byte
	separator string
}

func (p *jsonPrinter) begin() error { return p.out.WriteByte('[') }

func (p *jsonPrinter) row(values []any) error {
	object := make(Struct, len(values))
	for i, value := range values {
		object[i] = Field{Name: p.names[i], Value: value}
	}
	p.line = appendJSON(append(p.line[:0], p.separator...), object)
	p.separator = ",\n"
	_, err := p.out.Write(p.line)
	return err
}

func (p *jsonPrinter) end() error {
	_, err := p.out.WriteString("]\n")
	return err
}

// distinct renames columns of the same name, which a JSON object cannot have: a, a_1.
func distinct(names []string) []string {
	taken := map[string]bool{}
	for _, name := range names {
		taken[name] = true
	}
	seen := map[string]bool{}
	unique := make([]string, len(names))
	for i, name := range names {
		unique[i] = name
		for n := 1; seen[unique[i]] || n > 1 && taken[unique[i]]; n++ {
			unique[i] = fmt.Sprintf("%s_%d", name, n)
		}
		seen[unique[i]] = true
	}
	return unique
}

// appendText writes a value for people: strings bare, nested values as JSON.
func appendText(to []byte, value any) []byte {
	switch v := value.(type) {
	case nil:
		return append(to, "NULL"...)
	case string:
		return append(to, v...)
	case json.RawMessage:
		return append(to, v...)
	case time.Time:
		return v.AppendFormat(to, time.RFC3339Nano)
	case float32:
		return appendFloat(to, float64(v), 32)
	case float64:
		return appendFloat(to, v, 64)
	}
	return appendJSON(to, value)
}

// appendJSON writes a value as JSON. What JSON has no notation for becomes a string.
func appendJSON(to []byte, value any) []byte {
	switch v := value.(type) {
	case nil:
		return append(to, "null"...)
	case bool:
		return strconv.AppendBool(to, v)
	case int64:
		return strconv.AppendInt(to, v, 10)
	case uint64:
		return strconv.AppendUint(to, v, 10)
	case json.Number:
		return append(to, v...)
	case float32:
		return appendJSONFloat(to, float64(v), 32)
	case float64:
		return appendJSONFloat(to, v, 64)
	case time.Time:
		return append(v.AppendFormat(append(to, '"'), time.RFC3339Nano), '"')
	case string:
		return appendJSONString(to, v)
	case json.RawMessage:
		var compact bytes.Buffer
		if json.Compact(&compact, v) != nil {
			return appendJSONString(to, string(v))
		}
		return append(to, compact.Bytes()...)
	}
	return appendNested(to, value)
}

func appendNested(to []byte, value any) []byte {
	switch v := value.(type) {
	case []any:
		to = append(to, '[')
		for i, element := range v {
			to = appendJSON(appendComma(to, i), element)
		}
		return append(to, ']')
	case Struct:
		to = append(to, '{')
		for i, field := range v {
			to = append(appendJSONString(appendComma(to, i), field.Name), ':')
			to = appendJSON(to, field.Value)
		}
		return append(to, '}')
	case Map:
		to = append(to, '{')
		for i, entry := range v {
			key := appendText(nil, entry.Key)
			to = append(appendJSONString(appendComma(to, i), string(key)), ':')
			to = appendJSON(to, entry.Value)
		}
		return append(to, '}')
	}
	panic(fmt.Sprintf("query: no JSON for %T", value)) // values.go lists all types.
}

func appendComma(to []byte, i int) []byte {
	if i > 0 {
		return append(to, ',')
	}
	return to
}

func appendFloat(to []byte, f float64, bits int) []byte {
	switch {
	case math.IsNaN(f):
		return append(to, "nan"...)
	case math.IsInf(f, 1):
		return append(to, "inf"...)
	case math.IsInf(f, -1):
		return append(to, "-inf"...)
	}
	format := byte('f')
	if size := math.Abs(f); size != 0 && (size < 1e-6 || size >= 1e21) {
		format = 'e'
	}
	return strconv.AppendFloat(to, f, format, -1, bits)
}

func appendJSONFloat(to []byte, f float64, bits int) []byte {
	if math.IsNaN(f) || math.IsInf(f, 0) {
		return append(appendFloat(append(to, '"'), f, bits), '"')
	}
	return appendFloat(to, f, bits)
}

// appendJSONString leaves <, > and & as they are, which encoding/json does not.
func appendJSONString(to []byte, s string) []byte {
	to = append(to, '"')
	for _, r := range s {
		switch {
		case r == '"' || r == '\\':
			to = append(to, '\\', byte(r))
		case r == '\n':
			to = append(to, `\n`...)
		case r == '\t':
			to = append(to, `\t`...)
		case r < ' ' || r == 0x7f:
			to = fmt.Appendf(to, `\u%04x`, r)
		default:
			to = utf8.AppendRune(to, r)
		}
	}
	return append(to, '"')
}
