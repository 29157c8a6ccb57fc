package transform

import (
	"encoding/base64"
	"encoding/json"
	"fmt"
	"math"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"
	"unsafe"

	"github.com/apache/arrow-go/v18/arrow/array"

	"stocktake/internal/schema"
)

// json binds a field to a JSON column. Text is a document already; any other
// value is encoded with AWS's own field names.
func (b *Builder) json(c schema.Column, t reflect.Type, to array.Builder) (write, error) {
	if c.Redact == schema.Personal {
		return nil, fmt.Errorf("source %q: a document cannot be hashed: expected personal on text only, or secret", c.Source)
	}
	s := to.(*array.ExtensionBuilder).StorageBuilder().(*array.StringBuilder)
	base := t
	if base.Kind() == reflect.Pointer {
		base = base.Elem()
	}
	if base.Kind() == reflect.String {
		return func(p unsafe.Pointer) {
			if p != nil && t.Kind() == reflect.Pointer {
				p = *(*unsafe.Pointer)(p)
			}
			if p == nil || *(*string)(p) == "" {
				to.AppendNull()
				return
			}
			text := *(*string)(p)
			if c.Decode == "url" {
				text = unescape(text)
			}
			s.Append(document(valid(text)))
		}, nil
	}
	encode, err := newEncoder().value(t, c.Secrets)
	if err != nil {
		return nil, fmt.Errorf("source %q: %w", c.Source, err)
	}
	var buffer []byte
	return func(p unsafe.Pointer) {
		if p == nil || isNil(t, p) {
			to.AppendNull()
			return
		}
		buffer = encode(buffer[:0], p)
		s.BinaryBuilder.Append(buffer)
	}, nil
}

func isNil(t reflect.Type, p unsafe.Pointer) bool {
	switch t.Kind() {
	case reflect.Pointer, reflect.Slice, reflect.Map:
		return *(*unsafe.Pointer)(p) == nil
	case reflect.Interface:
		return reflect.NewAt(t, p).Elem().IsNil()
	}
	return false
}

// encode appends the value at p, which is of the type the encoder is for.
type encode func(dst []byte, p unsafe.Pointer) []byte

// encoder compiles JSON encoders for SDK types, which have no JSON tags, and
// whose unions encoding/json would write without their member's name. Fields
// that are absent are left out.
type encoder struct {
	known map[reflect.Type]*encode // types without secrets below them, recursive ones too
}

func newEncoder() *encoder { return &encoder{known: map[reflect.Type]*encode{}} }

// value compiles the encoder of t. secrets are dotted paths below the value
// whose contents are removed: of a map the values, of anything else the whole.
func (e *encoder) value(t reflect.Type, secrets []string) (encode, error) {
	if slices.Contains(secrets, "") {
		return e.removed(t), nil
	}
	if len(secrets) > 0 {
		return e.compile(t, secrets)
	}
	if known, ok := e.known[t]; ok {
		return func(dst []byte, p unsafe.Pointer) []byte { return (*known)(dst, p) }, nil
	}
	slot := new(encode)
	e.known[t] = slot
	var err error
	*slot, err = e.compile(t, nil)
	return *slot, err
}

func (e *encoder) compile(t reflect.Type, secrets []string) (encode, error) {
	switch {
	case t == timeType:
		return func(dst []byte, p unsafe.Pointer) []byte {
			dst = append(dst, '"')
			return append((*(*time.Time)(p)).UTC().AppendFormat(dst, time.RFC3339Nano), '"')
		}, nil
	case t == bytesType:
		return func(dst []byte, p unsafe.Pointer) []byte {
			return append(base64.StdEncoding.AppendEncode(append(dst, '"'), *(*[]byte)(p)), '"')
		}, nil
	}
	switch t.Kind() {
	case reflect.String:
		return func(dst []byte, p unsafe.Pointer) []byte { return appendQuoted(dst, *(*string)(p)) }, nil
	case reflect.Bool:
		return func(dst []byte, p unsafe.Pointer) []byte { return strconv.AppendBool(dst, *(*bool)(p)) }, nil
	case reflect.Int32:
		return func(dst []byte, p unsafe.Pointer) []byte { return strconv.AppendInt(dst, int64(*(*int32)(p)), 10) }, nil
	case reflect.Int64, reflect.Int:
		return func(dst []byte, p unsafe.Pointer) []byte { return strconv.AppendInt(dst, *(*int64)(p), 10) }, nil
	case reflect.Float64:
		return func(dst []byte, p unsafe.Pointer) []byte { return appendFloat(dst, *(*float64)(p), 64) }, nil
	case reflect.Float32:
		return func(dst []byte, p unsafe.Pointer) []byte { return appendFloat(dst, float64(*(*float32)(p)), 32) }, nil
	case reflect.Pointer:
		inner, err := e.value(t.Elem(), secrets)
		return func(dst []byte, p unsafe.Pointer) []byte {
			if p = *(*unsafe.Pointer)(p); p == nil {
				return append(dst, "null"...)
			}
			return inner(dst, p)
		}, err
	case reflect.Slice:
		return e.list(t, secrets)
	case reflect.Map:
		return e.mapping(t, secrets)
	case reflect.Struct:
		return e.structure(t, secrets)
	case reflect.Interface:
		return e.dynamic(t, secrets), nil
	}
	return nil, fmt.Errorf("type %s cannot be written as JSON", t)
}

// removed writes what is left of a secret: the names in a map, else null.
func (e *encoder) removed(t reflect.Type) encode {
	return func(dst []byte, p unsafe.Pointer) []byte {
		m := reflect.NewAt(t, p).Elem()
		if m.Kind() != reflect.Map || m.IsNil() {
			return append(dst, "null"...)
		}
		dst = append(dst, '{')
		for i, k := range sortedKeys(m) {
			if i > 0 {
				dst = append(dst, ',')
			}
			dst = append(appendQuoted(dst, k.String()), ":null"...)
		}
		return append(dst, '}')
	}
}

func sortedKeys(m reflect.Value) []reflect.Value {
	keys := m.MapKeys()
	slices.SortFunc(keys, func(x, y reflect.Value) int { return strings.Compare(x.String(), y.String()) })
	return keys
}

func (e *encoder) list(t reflect.Type, secrets []string) (encode, error) {
	inner, err := e.value(t.Elem(), secrets)
	size := t.Elem().Size()
	return func(dst []byte, p unsafe.Pointer) []byte {
		s := (*sliceHeader)(p)
		if s.data == nil {
			return append(dst, "null"...)
		}
		dst = append(dst, '[')
		for i := range s.len {
			if i > 0 {
				dst = append(dst, ',')
			}
			dst = inner(dst, unsafe.Add(s.data, uintptr(i)*size))
		}
		return append(dst, ']')
	}, err
}

func (e *encoder) mapping(t reflect.Type, secrets []string) (encode, error) {
	if t.Key().Kind() != reflect.String {
		return nil, fmt.Errorf("type %s: only maps by text can be written as JSON", t)
	}
	inner, err := e.value(t.Elem(), secrets)
	return func(dst []byte, p unsafe.Pointer) []byte {
		m := reflect.NewAt(t, p).Elem()
		if m.IsNil() {
			return append(dst, "null"...)
		}
		dst = append(dst, '{')
		for i, k := range sortedKeys(m) {
			if i > 0 {
				dst = append(dst, ',')
			}
			v := reflect.New(t.Elem())
			v.Elem().Set(m.MapIndex(k))
			dst = inner(append(appendQuoted(dst, k.String()), ':'), v.UnsafePointer())
		}
		return append(dst, '}')
	}, err
}

func (e *encoder) structure(t reflect.Type, secrets []string) (encode, error) {
	type field struct {
		name   string // quoted, with its colon
		offset uintptr
		t      reflect.Type
		encode encode
	}
	var fields []field
	for _, secret := range secrets {
		name, _, _ := strings.Cut(secret, ".")
		if f, ok := t.FieldByName(name); !ok || !f.IsExported() {
			return nil, fmt.Errorf("secrets: %s has no field %s", t, name)
		}
	}
	for i := range t.NumField() {
		f := t.Field(i)
		if !f.IsExported() || f.Name == "ResultMetadata" {
			continue
		}
		inner, err := e.value(f.Type, below(secrets, f.Name))
		if err != nil {
			return nil, err
		}
		fields = append(fields, field{string(appendQuoted(nil, f.Name)) + ":", f.Offset, f.Type, inner})
	}
	return func(dst []byte, p unsafe.Pointer) []byte {
		dst = append(dst, '{')
		start := len(dst)
		for i := range fields {
			f := &fields[i]
			at := unsafe.Add(p, f.offset)
			if isNil(f.t, at) || f.t.Kind() == reflect.String && *(*string)(at) == "" {
				continue
			}
			if len(dst) > start {
				dst = append(dst, ',')
			}
			dst = f.encode(append(dst, f.name...), at)
		}
		return append(dst, '}')
	}, nil
}

// below returns the paths that go on under the field name.
func below(secrets []string, name string) []string {
	var under []string
	for _, s := range secrets {
		if first, rest, _ := strings.Cut(s, "."); first == name {
			under = append(under, rest)
		}
	}
	return under
}

// smithyDocument is document.Interface of any service.
type smithyDocument interface {
	MarshalSmithyDocument() ([]byte, error)
}

// dynamic writes a union as an object with its member's name, as AWS's JSON
// does, and a document as it is.
func (e *encoder) dynamic(t reflect.Type, secrets []string) encode {
	return func(dst []byte, p unsafe.Pointer) []byte {
		v := reflect.NewAt(t, p).Elem()
		if v.IsNil() {
			return append(dst, "null"...)
		}
		v = v.Elem()
		if d, ok := v.Interface().(smithyDocument); ok && len(secrets) == 0 {
			text, err := d.MarshalSmithyDocument()
			if err != nil {
				return appendQuoted(dst, fmt.Sprintf("unreadable document: %v", err))
			}
			return append(dst, text...)
		}
		if v.Kind() == reflect.Pointer && v.Elem().Kind() == reflect.Struct {
			if member, ok := strings.CutPrefix(v.Elem().Type().Name(), t.Name()+"Member"); ok {
				if f := v.Elem().FieldByName("Value"); f.IsValid() {
					inner, err := e.value(f.Type(), below(secrets, member))
					if err == nil {
						dst = append(appendQuoted(append(dst, '{'), member), ':')
						return append(inner(dst, f.Addr().UnsafePointer()), '}')
					}
				}
			}
		}
		if len(secrets) > 0 {
			return append(dst, "null"...) // what the paths do not lead into may be the secret
		}
		text, err := json.Marshal(v.Interface())
		if err != nil {
			return appendQuoted(dst, fmt.Sprintf("unreadable value of type %s", v.Type()))
		}
		return append(dst, text...)
	}
}

func appendFloat(dst []byte, v float64, bits int) []byte {
	if math.IsNaN(v) || math.IsInf(v, 0) {
		return append(dst, "null"...)
	}
	return strconv.AppendFloat(dst, v, 'g', -1, bits)
}

const hexDigits = "0123456789abcdef"

func appendQuoted(dst []byte, s string) []byte {
	dst = append(dst, '"')
	start := 0
	for i := 0; i < len(s); {
		c := s[i]
		if c < utf8.RuneSelf {
			if c >= 0x20 && c != '"' && c != '\\' {
				i++
				continue
			}
			dst = append(dst, s[start:i]...)
			switch c {
			case '"', '\\':
				dst = append(dst, '\\', c)
			case '\n':
				dst = append(dst, '\\', 'n')
			default:
				dst = append(dst, '\\', 'u', '0', '0', hexDigits[c>>4], hexDigits[c&15])
			}
			i++
			start = i
			continue
		}
		r, size := utf8.DecodeRuneInString(s[i:])
		if r == utf8.RuneError && size == 1 {
			dst = append(append(dst, s[start:i]...), "\uFFFD"...)
			start = i + 1
		}
		i += size
	}
	return append(append(dst, s[start:]...), '"')
}
