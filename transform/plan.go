// Package transform turns the SDK's items into Arrow record batches. It knows
// schemas, Go's struct layouts and redaction; it knows nothing of API calls, of
// files, or of any single table.
//
// A Plan is compiled once for a table: each column is bound to a field path of
// the item type, so that a row costs no look-up of names. A column that binds
// to nothing, or whose type does not fit, is an error of Compile.
package transform

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"net/url"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"sync"
	"time"
	"unicode/utf8"
	"unsafe"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/apache/arrow-go/v18/arrow/memory"

	"stocktake/internal/schema"
)

// Context is what a unit knows about all its rows: the standard columns.
type Context struct {
	Partition, AccountID, Region, Source string
	CollectedAccountID, CollectedRegion  string
	RunID                                string
	ExtractedAt                          time.Time
}

// Options are the choices of a run that change values.
type Options struct {
	HashPersonal bool // replace values of class personal by their hash
}

// Plan binds one table's schema to one item type.
type Plan struct {
	Schema *schema.Schema
	arrow  *arrow.Schema
	item   reflect.Type
	opts   Options
	pool   sync.Pool
}

// Compile binds the schema to the item type, a struct.
func Compile(s *schema.Schema, item reflect.Type, opts Options) (*Plan, error) {
	if item.Kind() != reflect.Struct {
		return nil, fmt.Errorf("table %s: item type %s: expected a struct", s.Table, item)
	}
	p := &Plan{Schema: s, arrow: s.Arrow(), item: item, opts: opts}
	b, err := p.newBuilder()
	if err != nil {
		return nil, fmt.Errorf("table %s: %w", s.Table, err)
	}
	p.pool.Put(b)
	return p, nil
}

// Arrow returns the Arrow schema of the batches.
func (p *Plan) Arrow() *arrow.Schema { return p.arrow }

// Builder returns a builder for rows of the plan's item type, for use by one
// goroutine. Release gives it back.
func (p *Plan) Builder() *Builder {
	if b, ok := p.pool.Get().(*Builder); ok {
		return b
	}
	b, err := p.newBuilder()
	if err != nil {
		panic(err) // the same call succeeded in Compile
	}
	return b
}

// write appends the value at p, or NULL for a nil p, to a column's builder.
type write func(p unsafe.Pointer)

// Builder collects rows into a record batch.
type Builder struct {
	plan    *Plan
	rb      *array.RecordBuilder
	columns []write // one per column; p is the item
	ctx     *Context
	missing []string // columns of the current row that could not be read
	broken  []string // scratch: columns found unreadable while the row was appended
	scratch []byte
	binding string // column that is being bound
}

func (p *Plan) newBuilder() (*Builder, error) {
	b := &Builder{plan: p, rb: array.NewRecordBuilder(memory.DefaultAllocator, p.arrow)}
	columns := p.Schema.AllColumns()
	b.columns = make([]write, len(columns))
	for i, c := range columns {
		b.binding = c.Name
		w, err := b.column(c, b.rb.Field(i))
		if err != nil {
			return nil, fmt.Errorf("column %s: %w", c.Name, err)
		}
		b.columns[i] = w
	}
	return b, nil
}

// Append adds one item, of the plan's item type. notCollected names the columns
// whose detail call was refused: they are NULL, whatever a part of the detail
// has left in the item.
func Append[T any](b *Builder, item *T, ctx *Context, notCollected []string) {
	b.append(reflect.TypeFor[T](), unsafe.Pointer(item), ctx, notCollected)
}

// AppendPointer is Append where the item's type is not known when compiling.
func (b *Builder) AppendPointer(item reflect.Value, ctx *Context, notCollected []string) {
	b.append(item.Type().Elem(), item.UnsafePointer(), ctx, notCollected)
}

func (b *Builder) append(t reflect.Type, item unsafe.Pointer, ctx *Context, notCollected []string) {
	if t != b.plan.item {
		panic(fmt.Sprintf("table %s is bound to %s, not to %s", b.plan.Schema.Table, b.plan.item, t))
	}
	b.ctx, b.missing, b.broken = ctx, notCollected, b.broken[:0]
	for i, w := range b.columns {
		if len(notCollected) > 0 && slices.Contains(notCollected, b.plan.arrow.Field(i).Name) {
			b.rb.Field(i).AppendNull()
			continue
		}
		w(item)
	}
}

// Incomplete returns the columns that the last appended row names as not
// collected because their values could not be understood.
func (b *Builder) Incomplete() []string { return b.broken }

// Len is the number of rows since the last Batch.
func (b *Builder) Len() int {
	return b.rb.Field(0).Len()
}

// Batch returns the rows appended since the last call; the caller releases it.
func (b *Builder) Batch() arrow.RecordBatch { return b.rb.NewRecordBatch() }

// Release gives the builder back to its plan. Rows not taken by Batch are dropped.
func (b *Builder) Release() {
	if b.Len() > 0 {
		b.Batch().Release()
	}
	b.ctx, b.missing = nil, nil
	b.plan.pool.Put(b)
}

// column binds a top-level column: a standard one without a source to the
// context, any other to its source.
func (b *Builder) column(c schema.Column, to array.Builder) (write, error) {
	if from := b.standard(c.Name); from != nil && !b.plan.Schema.Internal {
		s, bound := to.(*array.StringBuilder)
		switch {
		case c.Name == "extracted_at", c.Name == "last_confirmed_at":
			ts := to.(*array.TimestampBuilder)
			return func(unsafe.Pointer) { ts.Append(arrow.Timestamp(b.ctx.ExtractedAt.UnixMicro())) }, nil
		case c.Name == "not_collected":
			return b.notCollected(to.(*array.ListBuilder)), nil
		case c.Source == "" && c.Name == "arn", c.Name == "tags" && c.Source == "":
			return func(unsafe.Pointer) { to.AppendNull() }, nil
		case c.Source == "" && bound:
			return func(unsafe.Pointer) { appendText(s, from()) }, nil
		case bound:
			text, err := b.text(c.Source)
			if err != nil {
				return nil, err
			}
			orOwn := c.Name != "arn"
			return func(p unsafe.Pointer) {
				v := text(p)
				if v == "" && orOwn {
					v = from()
				}
				appendText(s, v)
			}, nil
		}
	}
	path, t, err := resolve(b.plan.item, c.Source)
	if err != nil {
		return nil, err
	}
	w, err := b.value(c, c.Type, t, to)
	if err != nil {
		return nil, err
	}
	if c.Name == "tags" {
		w = b.tags(w)
	}
	return func(p unsafe.Pointer) { w(path.follow(p)) }, nil
}

// tags leaves the column NULL, unknown, when the tags' own call was refused;
// a resource that AWS returned without a tag list has none.
func (b *Builder) tags(w write) write {
	empty := map[string]string{}
	kv, err := b.value(schema.Column{Name: "tags"}, "map<utf8,utf8>", reflect.TypeFor[map[string]string](), b.rb.Field(tagsColumn))
	if err != nil {
		panic(err) // a map of text always binds to a map of text
	}
	return func(p unsafe.Pointer) {
		if p != nil && *(*unsafe.Pointer)(p) == nil && !slices.Contains(b.missing, "tags") {
			kv(unsafe.Pointer(&empty))
			return
		}
		w(p)
	}
}

const tagsColumn = 4

func appendText(s *array.StringBuilder, v string) {
	if v == "" {
		s.AppendNull()
		return
	}
	s.Append(valid(v))
}

// valid returns v as valid UTF-8: one bad byte must not make a whole file
// unreadable.
func valid(v string) string {
	if utf8.ValidString(v) {
		return v
	}
	return strings.ToValidUTF8(v, "\uFFFD")
}

// standard returns the source of a standard column in the unit's context.
func (b *Builder) standard(name string) func() string {
	switch name {
	case "partition":
		return func() string { return b.ctx.Partition }
	case "account_id":
		return func() string { return b.ctx.AccountID }
	case "region":
		return func() string { return b.ctx.Region }
	case "source":
		return func() string { return b.ctx.Source }
	case "collected_account_id":
		return func() string { return b.ctx.CollectedAccountID }
	case "collected_region":
		return func() string { return b.ctx.CollectedRegion }
	case "run_id":
		return func() string { return b.ctx.RunID }
	case "arn", "extracted_at", "last_confirmed_at", "not_collected", "tags":
		return func() string { return "" }
	}
	return nil
}

func (b *Builder) notCollected(to *array.ListBuilder) write {
	names := to.ValueBuilder().(*array.StringBuilder)
	return func(unsafe.Pointer) {
		to.Append(true)
		for _, n := range b.missing {
			names.Append(n)
		}
		for _, n := range b.broken {
			if !slices.Contains(b.missing, n) {
				names.Append(n)
			}
		}
	}
}

// A path leads from an item to a field: offsets, and pointers to follow.
type path []step

type step struct {
	offset  uintptr
	pointer bool // the field holds a pointer to the struct that comes next
}

func (s path) follow(p unsafe.Pointer) unsafe.Pointer {
	for _, st := range s {
		p = unsafe.Add(p, st.offset)
		if st.pointer {
			if p = *(*unsafe.Pointer)(p); p == nil {
				return nil
			}
		}
	}
	return p
}

// resolve finds the field that a dotted source names, through embedded structs.
func resolve(t reflect.Type, source string) (path, reflect.Type, error) {
	var steps path
	for i, name := range strings.Split(source, ".") {
		if i > 0 && t.Kind() == reflect.Pointer {
			steps[len(steps)-1].pointer = true
			t = t.Elem()
		}
		if t.Kind() != reflect.Struct {
			return nil, nil, fmt.Errorf("source %q: %s has no fields", source, t)
		}
		f, ok := t.FieldByName(name)
		if !ok || !f.IsExported() {
			return nil, nil, fmt.Errorf("source %q: %s has no field %s", source, t, name)
		}
		offset := uintptr(0)
		for at, index := t, f.Index; len(index) > 0; index = index[1:] {
			if at.Kind() == reflect.Pointer {
				return nil, nil, fmt.Errorf("source %q: %s embeds %s: expected no pointer", source, t, at)
			}
			g := at.Field(index[0])
			offset += g.Offset
			at = g.Type
		}
		steps = append(steps, step{offset: offset})
		t = f.Type
	}
	return steps, t, nil
}

// text compiles a source of alternatives: "A|B" takes the first that is not
// empty; an alternative with braces is a template over fields and the context.
func (b *Builder) text(source string) (func(unsafe.Pointer) string, error) {
	var alternatives []func(unsafe.Pointer) string
	for alt := range strings.SplitSeq(source, "|") {
		get, err := b.alternative(alt)
		if err != nil {
			return nil, err
		}
		alternatives = append(alternatives, get)
	}
	return func(p unsafe.Pointer) string {
		for _, get := range alternatives {
			if v := get(p); v != "" {
				return v
			}
		}
		return ""
	}, nil
}

var placeholder = regexp.MustCompile(`\{([A-Za-z_][A-Za-z0-9_.]*)\}`)

func (b *Builder) alternative(source string) (func(unsafe.Pointer) string, error) {
	if !strings.Contains(source, "{") {
		return b.stringField(source)
	}
	var parts []func(unsafe.Pointer) string
	var literals []string
	rest := source
	for _, m := range placeholder.FindAllStringSubmatchIndex(source, -1) {
		at := len(source) - len(rest)
		literals = append(literals, source[at:m[0]])
		name := source[m[2]:m[3]]
		rest = source[m[1]:]
		if from := b.standard(name); from != nil {
			parts = append(parts, func(unsafe.Pointer) string { return from() })
			continue
		}
		get, err := b.stringField(name)
		if err != nil {
			return nil, err
		}
		parts = append(parts, get)
	}
	return func(p unsafe.Pointer) string {
		b.scratch = b.scratch[:0]
		for i, part := range parts {
			v := part(p)
			if v == "" {
				return "" // a name with a hole in it would be a guess
			}
			b.scratch = append(append(b.scratch, literals[i]...), v...)
		}
		return string(append(b.scratch, rest...))
	}, nil
}

func (b *Builder) stringField(source string) (func(unsafe.Pointer) string, error) {
	path, t, err := resolve(b.plan.item, source)
	if err != nil {
		return nil, err
	}
	pointer := t.Kind() == reflect.Pointer
	if pointer {
		t = t.Elem()
	}
	if t.Kind() != reflect.String {
		return nil, fmt.Errorf("source %q: %s is not text", source, t)
	}
	return func(p unsafe.Pointer) string {
		p = path.follow(p)
		if p != nil && pointer {
			p = *(*unsafe.Pointer)(p)
		}
		if p == nil {
			return ""
		}
		return *(*string)(p)
	}, nil
}

// hash stands in for a personal value: equal values stay equal.
func hash(v string) string {
	sum := sha256.Sum256([]byte(v))
	return "sha256:" + hex.EncodeToString(sum[:16])
}

// unescape decodes a percent-encoded document, as IAM returns them (RFC 3986).
func unescape(v string) string {
	if d, err := url.PathUnescape(v); err == nil {
		return d
	}
	return v
}

// document returns v when it is JSON, and v as a JSON string when it is not, so
// that a JSON column always holds JSON and nothing is lost.
func document(v string) string {
	if json.Valid([]byte(v)) {
		return v
	}
	text, err := json.Marshal(v)
	if err != nil {
		panic(err) // text always encodes
	}
	return string(text)
}
