package transform

import (
	"fmt"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"time"
	"unsafe"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"

	"stocktake/internal/schema"
)

// value binds a field of Go type t to a column builder of schema type typ.
func (b *Builder) value(c schema.Column, typ string, t reflect.Type, to array.Builder) (write, error) {
	if c.Redact == schema.Secret && !strings.HasPrefix(typ, "map<") {
		return func(unsafe.Pointer) { to.AppendNull() }, nil
	}
	if typ == "json" {
		return b.json(c, t, to)
	}
	if t.Kind() == reflect.Pointer {
		w, err := b.present(c, typ, t.Elem(), to)
		if err != nil {
			return nil, err
		}
		return func(p unsafe.Pointer) {
			if p == nil || *(*unsafe.Pointer)(p) == nil {
				to.AppendNull()
				return
			}
			w(*(*unsafe.Pointer)(p))
		}, nil
	}
	w, err := b.present(c, typ, t, to)
	if err != nil {
		return nil, err
	}
	if t.Kind() == reflect.String {
		// The SDK leaves an enum that AWS did not send as "".
		return func(p unsafe.Pointer) {
			if p == nil || *(*string)(p) == "" {
				to.AppendNull()
				return
			}
			w(p)
		}, nil
	}
	return func(p unsafe.Pointer) {
		if p == nil {
			to.AppendNull()
			return
		}
		w(p)
	}, nil
}

var (
	timeType  = reflect.TypeFor[time.Time]()
	bytesType = reflect.TypeFor[[]byte]()
)

// present binds a value that is there: p is never nil and t is no pointer.
func (b *Builder) present(c schema.Column, typ string, t reflect.Type, to array.Builder) (write, error) {
	misfit := fmt.Errorf("source %q of Go type %s does not fit type %s", c.Source, t, typ)
	switch typ {
	case "utf8":
		if t.Kind() == reflect.String {
			return b.utf8(c, to.(*array.StringBuilder)), nil
		}
	case "bool":
		if s := to.(*array.BooleanBuilder); t.Kind() == reflect.Bool {
			return func(p unsafe.Pointer) { s.Append(*(*bool)(p)) }, nil
		}
	case "int32":
		if s := to.(*array.Int32Builder); t.Kind() == reflect.Int32 {
			return func(p unsafe.Pointer) { s.Append(*(*int32)(p)) }, nil
		}
	case "int64":
		s := to.(*array.Int64Builder)
		switch t.Kind() {
		case reflect.Int64, reflect.Int:
			return func(p unsafe.Pointer) { s.Append(*(*int64)(p)) }, nil
		case reflect.Int32:
			return func(p unsafe.Pointer) { s.Append(int64(*(*int32)(p))) }, nil
		}
	case "float64":
		s := to.(*array.Float64Builder)
		switch t.Kind() {
		case reflect.Float64:
			return func(p unsafe.Pointer) { s.Append(*(*float64)(p)) }, nil
		case reflect.Float32:
			return func(p unsafe.Pointer) { s.Append(float64(*(*float32)(p))) }, nil
		}
	case "binary":
		if s := to.(*array.BinaryBuilder); t == bytesType {
			return func(p unsafe.Pointer) {
				if v := *(*[]byte)(p); v != nil {
					s.Append(v)
					return
				}
				s.AppendNull()
			}, nil
		}
	case "timestamp":
		s := to.(*array.TimestampBuilder)
		if t == timeType {
			return func(p unsafe.Pointer) { appendTime(s, *(*time.Time)(p)) }, nil
		}
		if t.Kind() == reflect.String {
			return b.parsedTime(s), nil
		}
	case "struct":
		if t.Kind() == reflect.Struct {
			return b.structure(c, t, to.(*array.StructBuilder))
		}
	default:
		if elem, ok := schema.Elem(typ); ok && strings.HasPrefix(typ, "list<") && t.Kind() == reflect.Slice {
			return b.list(c, elem, t, to.(*array.ListBuilder))
		}
		if elem, ok := schema.Elem(typ); ok && strings.HasPrefix(typ, "map<") {
			return b.mapping(c, elem, t, to.(*array.MapBuilder), misfit)
		}
	}
	return nil, misfit
}

func appendTime(s *array.TimestampBuilder, t time.Time) {
	if t.IsZero() {
		s.AppendNull()
		return
	}
	s.Append(arrow.Timestamp(t.UnixMicro()))
}

// TimeLayouts are the forms in which AWS writes a time as text.
var TimeLayouts = []string{time.RFC3339Nano, "2006-01-02T15:04:05.999999999-0700", "2006-01-02"}

// parsedTime reads a time that AWS gives as text. Text of another form makes
// the column NULL and names it as not collected: it is not guessed.
func (b *Builder) parsedTime(s *array.TimestampBuilder) write {
	column := b.binding
	return func(p unsafe.Pointer) {
		text := *(*string)(p)
		for _, layout := range TimeLayouts {
			if t, err := time.Parse(layout, text); err == nil {
				s.Append(arrow.Timestamp(t.UnixMicro()))
				return
			}
		}
		s.AppendNull()
		if text != "" && !slices.Contains(b.broken, column) {
			b.broken = append(b.broken, column)
		}
	}
}

func (b *Builder) utf8(c schema.Column, s *array.StringBuilder) write {
	switch {
	case c.Redact == schema.Personal && b.plan.opts.HashPersonal:
		return func(p unsafe.Pointer) { s.Append(hash(*(*string)(p))) }
	case c.Decode == "url":
		return func(p unsafe.Pointer) { s.Append(valid(unescape(*(*string)(p)))) }
	}
	return func(p unsafe.Pointer) { s.Append(valid(*(*string)(p))) }
}

func (b *Builder) structure(c schema.Column, t reflect.Type, to *array.StructBuilder) (write, error) {
	writes := make([]write, len(c.Fields))
	for i, f := range c.Fields {
		if f.Redact == "" {
			f.Redact = c.Redact // a class of the whole holds for its parts
		}
		path, ft, err := resolve(t, f.Source)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", f.Name, err)
		}
		w, err := b.value(f, f.Type, ft, to.FieldBuilder(i))
		if err != nil {
			return nil, fmt.Errorf("%s: %w", f.Name, err)
		}
		writes[i] = func(p unsafe.Pointer) { w(path.follow(p)) }
	}
	return func(p unsafe.Pointer) {
		to.Append(true)
		for _, w := range writes {
			w(p)
		}
	}, nil
}

// sliceHeader is the memory of any slice.
type sliceHeader struct {
	data     unsafe.Pointer
	len, cap int
}

func (b *Builder) list(c schema.Column, elem string, t reflect.Type, to *array.ListBuilder) (write, error) {
	et := t.Elem()
	w, err := b.element(c, elem, et, to.ValueBuilder())
	if err != nil {
		return nil, err
	}
	return func(p unsafe.Pointer) {
		s := (*sliceHeader)(p)
		if s.data == nil {
			to.AppendNull()
			return
		}
		to.Append(true)
		for i := range s.len {
			w(unsafe.Add(s.data, uintptr(i)*et.Size()))
		}
	}, nil
}

// element binds an element of a list: unlike a field, an empty text is a value.
func (b *Builder) element(c schema.Column, elem string, et reflect.Type, to array.Builder) (write, error) {
	if et.Kind() == reflect.String && elem == "utf8" && c.Redact != schema.Secret {
		return b.utf8(c, to.(*array.StringBuilder)), nil
	}
	return b.value(c, elem, et, to)
}

// secretTag matches keys of tags whose values people use to keep secrets in.
var secretTag = regexp.MustCompile(`(?i)(secret|token|passw|api[_-]?key|credential)`)

// SecretTag reports whether the values of a tag's key are removed.
func SecretTag(key string) bool { return secretTag.MatchString(key) }

// mapping binds map[string]T, or a list of Key and Value structs, to a MAP.
// Keys are sorted, so that equal maps are equal in the file.
func (b *Builder) mapping(c schema.Column, elem string, t reflect.Type, to *array.MapBuilder, misfit error) (write, error) {
	keys := to.KeyBuilder().(*array.StringBuilder)
	tags := c.Name == "tags" || strings.HasSuffix(c.Name, "_tags")
	switch {
	case t == reflect.TypeFor[map[string]string]() && elem == "utf8":
		values := to.ItemBuilder().(*array.StringBuilder)
		var names []string
		return func(p unsafe.Pointer) {
			m := *(*map[string]string)(p)
			if m == nil {
				to.AppendNull()
				return
			}
			to.Append(true)
			names = names[:0]
			for k := range m {
				names = append(names, k)
			}
			slices.Sort(names)
			for _, k := range names {
				keys.Append(valid(k))
				b.mapValue(values, c, tags, k, m[k])
			}
		}, nil
	case t.Kind() == reflect.Map && t.Key().Kind() == reflect.String:
		return b.reflectedMap(c, elem, t, to)
	case IsTagList(t) && elem == "utf8":
		return b.tagList(c, t, to)
	}
	return nil, misfit
}

func (b *Builder) mapValue(values *array.StringBuilder, c schema.Column, tags bool, key, v string) {
	switch {
	case c.Redact == schema.Secret, tags && SecretTag(key):
		values.AppendNull()
	case c.Redact == schema.Personal && b.plan.opts.HashPersonal:
		values.Append(hash(v))
	default:
		values.Append(valid(v))
	}
}

// reflectedMap binds the maps that are not map[string]string; they are rare.
func (b *Builder) reflectedMap(c schema.Column, elem string, t reflect.Type, to *array.MapBuilder) (write, error) {
	keys := to.KeyBuilder().(*array.StringBuilder)
	items := to.ItemBuilder()
	inner := c
	if c.Redact == schema.Secret {
		inner.Redact = ""
	}
	w, err := b.element(inner, elem, t.Elem(), items)
	if err != nil {
		return nil, err
	}
	return func(p unsafe.Pointer) {
		m := reflect.NewAt(t, p).Elem()
		if m.IsNil() {
			to.AppendNull()
			return
		}
		to.Append(true)
		names := m.MapKeys()
		slices.SortFunc(names, func(x, y reflect.Value) int { return strings.Compare(x.String(), y.String()) })
		for _, k := range names {
			keys.Append(valid(k.String()))
			if c.Redact == schema.Secret {
				items.AppendNull()
				continue
			}
			v := reflect.New(t.Elem())
			v.Elem().Set(m.MapIndex(k))
			w(v.UnsafePointer())
		}
	}, nil
}

// tagFields finds the key and value of a tag struct. KMS calls them TagKey and
// TagValue, everyone else Key and Value.
func tagFields(t reflect.Type) (key, value reflect.StructField, ok bool) {
	if t.Kind() != reflect.Struct {
		return key, value, false
	}
	stringPointer := reflect.TypeFor[*string]()
	for _, names := range [][2]string{{"Key", "Value"}, {"TagKey", "TagValue"}} {
		k, hasKey := t.FieldByName(names[0])
		v, hasValue := t.FieldByName(names[1])
		if hasKey && hasValue && k.Type == stringPointer && v.Type == stringPointer {
			return k, v, true
		}
	}
	return key, value, false
}

// IsTagList reports whether t is a list of key and value pairs.
func IsTagList(t reflect.Type) bool {
	if t.Kind() != reflect.Slice {
		return false
	}
	_, _, ok := tagFields(t.Elem())
	return ok
}

func (b *Builder) tagList(c schema.Column, t reflect.Type, to *array.MapBuilder) (write, error) {
	keys, values := to.KeyBuilder().(*array.StringBuilder), to.ItemBuilder().(*array.StringBuilder)
	et := t.Elem()
	kf, vf, _ := tagFields(et)
	type pair struct {
		key   string
		value *string
	}
	var pairs []pair
	return func(p unsafe.Pointer) {
		s := (*sliceHeader)(p)
		if s.data == nil {
			to.AppendNull()
			return
		}
		to.Append(true)
		pairs = pairs[:0]
		for i := range s.len {
			e := unsafe.Add(s.data, uintptr(i)*et.Size())
			if k := *(**string)(unsafe.Add(e, kf.Offset)); k != nil {
				pairs = append(pairs, pair{*k, *(**string)(unsafe.Add(e, vf.Offset))})
			}
		}
		slices.SortStableFunc(pairs, func(x, y pair) int { return strings.Compare(x.key, y.key) })
		for _, kv := range pairs {
			keys.Append(valid(kv.key))
			if kv.value == nil {
				values.AppendNull()
				continue
			}
			b.mapValue(values, c, true, kv.key, *kv.value)
		}
	}, nil
}
