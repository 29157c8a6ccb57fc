package conformance

import (
	"encoding/base64"
	"encoding/json"
	"fmt"
	"net/url"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"time"

	"stocktake/internal/schema"
)

// What a column is to hold for a field, worked out by plain reflection and the
// schema file: another way than the one that wrote it.

// want returns what a column of the given type holds for the field v.
func want(c schema.Column, typ string, v reflect.Value, secret bool) any {
	secret = secret || c.Redact == schema.Secret
	if !v.IsValid() || secret && !strings.HasPrefix(typ, "map<") {
		return nil
	}
	if typ == "json" {
		return wantJSON(c, v)
	}
	if v.Kind() == reflect.Pointer {
		if v.IsNil() {
			return nil
		}
		v = v.Elem()
	} else if v.Kind() == reflect.String && v.Len() == 0 {
		return nil
	}
	switch typ {
	case "utf8":
		return decoded(c, v.String())
	case "bool":
		return v.Bool()
	case "int32", "int64":
		return v.Int()
	case "float64":
		return v.Float()
	case "binary":
		return string(v.Bytes())
	case "timestamp":
		return wantTime(v)
	case "struct":
		return wantStruct(c, v, secret)
	}
	elem, _ := schema.Elem(typ)
	switch {
	case v.IsNil():
		return nil
	case strings.HasPrefix(typ, "map<"):
		return wantMap(c, elem, v, secret)
	}
	list := []any{}
	for i := range v.Len() {
		list = append(list, want(c, elem, v.Index(i), secret))
	}
	return list
}

func decoded(c schema.Column, text string) string {
	if c.Decode != "url" {
		return text
	}
	plain, err := url.PathUnescape(text)
	if err != nil {
		return text
	}
	return plain
}

func wantTime(v reflect.Value) any {
	if at, ok := v.Interface().(time.Time); ok {
		return at.UnixMicro()
	}
	for _, layout := range []string{time.RFC3339Nano, "2006-01-02T15:04:05.000-0700"} {
		if at, err := time.Parse(layout, v.String()); err == nil {
			return at.UnixMicro()
		}
	}
	return fmt.Sprintf("a time, of %q", v.String())
}

func wantStruct(c schema.Column, v reflect.Value, secret bool) any {
	out := map[string]any{}
	for _, f := range c.Fields {
		out[f.Name] = want(f, f.Type, follow(v, f.Source), secret)
	}
	return out
}

// follow returns the field at a path; the zero value where a pointer on the way is nil.
func follow(v reflect.Value, path string) reflect.Value {
	for name := range strings.SplitSeq(path, ".") {
		if v.Kind() == reflect.Pointer {
			if v.IsNil() {
				return reflect.Value{}
			}
			v = v.Elem()
		}
		v = v.FieldByName(name)
	}
	return v
}

var secretKey = regexp.MustCompile(`(?i)secret|token|passw|api[_-]?key|credential`)

// wantMap is of a map, or of a list of keys and values.
func wantMap(c schema.Column, elem string, v reflect.Value, secret bool) any {
	out := map[string]any{}
	if v.Kind() == reflect.Map {
		for _, k := range v.MapKeys() {
			out[k.String()] = want(c, elem, v.MapIndex(k), secret)
			if secret || c.Name == "tags" && secretKey.MatchString(k.String()) {
				out[k.String()] = nil
			}
		}
		return out
	}
	for i := range v.Len() {
		key, value := v.Index(i).FieldByName("Key"), v.Index(i).FieldByName("Value")
		if !key.IsValid() {
			key, value = v.Index(i).FieldByName("TagKey"), v.Index(i).FieldByName("TagValue")
		}
		if !key.IsValid() {
			key, value = v.Index(i).FieldByName("Name"), v.Index(i).FieldByName("Value")
		}
		k := key.Elem().String()
		out[k] = want(c, elem, value, secret)
		if secret || secretKey.MatchString(k) {
			out[k] = nil
		}
	}
	return out
}

// wantJSON is of a document in text, or of any other value.
func wantJSON(c schema.Column, v reflect.Value) any {
	base := v
	if base.Kind() == reflect.Pointer && !base.IsNil() {
		base = base.Elem()
	}
	if base.Kind() != reflect.String {
		if empty(v) {
			return nil
		}
		return plainJSON(v, c.Secrets)
	}
	if base.Len() == 0 {
		return nil
	}
	text := decoded(c, base.String())
	var document any
	if json.Unmarshal([]byte(text), &document) != nil {
		return text
	}
	return document
}

func empty(v reflect.Value) bool {
	switch v.Kind() {
	case reflect.Pointer, reflect.Slice, reflect.Map, reflect.Interface:
		return v.IsNil()
	case reflect.String:
		return v.Len() == 0
	}
	return false
}

// plainJSON is v as its JSON reads, with AWS's names and without secrets.
func plainJSON(v reflect.Value, secrets []string) any {
	removed := slices.Contains(secrets, "")
	switch {
	case removed && v.Kind() == reflect.Map && !v.IsNil():
		names := map[string]any{}
		for _, k := range v.MapKeys() {
			names[k.String()] = nil
		}
		return names
	case removed, empty(v) && v.Kind() != reflect.String:
		return nil
	case v.Type() == reflect.TypeFor[time.Time]():
		return v.Interface().(time.Time).Format(time.RFC3339Nano)
	case v.Type() == reflect.TypeFor[[]byte]():
		return base64.StdEncoding.EncodeToString(v.Bytes())
	}
	switch v.Kind() {
	case reflect.Pointer:
		return plainJSON(v.Elem(), secrets)
	case reflect.String:
		return v.String()
	case reflect.Bool:
		return v.Bool()
	case reflect.Int32, reflect.Int64, reflect.Int:
		return float64(v.Int())
	case reflect.Float32, reflect.Float64:
		return v.Float()
	case reflect.Slice:
		list := []any{}
		for i := range v.Len() {
			list = append(list, plainJSON(v.Index(i), secrets))
		}
		return list
	case reflect.Map:
		out := map[string]any{}
		for _, k := range v.MapKeys() {
			out[k.String()] = plainJSON(v.MapIndex(k), secrets)
		}
		return out
	case reflect.Interface:
		return plainUnion(v, secrets)
	}
	out := map[string]any{}
	for i := range v.NumField() {
		f := v.Type().Field(i)
		if f.IsExported() && f.Name != "ResultMetadata" && !empty(v.Field(i)) {
			out[f.Name] = plainJSON(v.Field(i), under(secrets, f.Name))
		}
	}
	return out
}

// plainUnion is of a document, or of a member of a union: the SDK names the
// member's type after the union and the member.
func plainUnion(v reflect.Value, secrets []string) any {
	if d, ok := v.Interface().(interface{ MarshalSmithyDocument() ([]byte, error) }); ok {
		text, err := d.MarshalSmithyDocument()
		var document any
		if err != nil || json.Unmarshal(text, &document) != nil {
			return fmt.Sprintf("a document, of %T", d)
		}
		return document
	}
	value := v.Elem().Elem()
	member := strings.TrimPrefix(value.Type().Name(), v.Type().Name()+"Member")
	return map[string]any{member: plainJSON(value.FieldByName("Value"), under(secrets, member))}
}

func under(secrets []string, name string) []string {
	var rest []string
	for _, s := range secrets {
		if s == name {
			rest = append(rest, "")
		} else if r, ok := strings.CutPrefix(s, name+"."); ok {
			rest = append(rest, r)
		}
	}
	return rest
}

// asJSON parses the text of JSON columns in what was read, so that documents
// are compared and not their spelling.
func asJSON(c schema.Column, typ string, got any) any {
	if got == nil {
		return nil
	}
	elem, nested := schema.Elem(typ)
	switch {
	case typ == "json":
		var document any
		if err := json.Unmarshal([]byte(got.(string)), &document); err != nil {
			return fmt.Sprintf("not JSON: %v: %q", err, got)
		}
		return document
	case typ == "struct":
		for _, f := range c.Fields {
			got.(map[string]any)[f.Name] = asJSON(f, f.Type, got.(map[string]any)[f.Name])
		}
	case nested && strings.HasPrefix(typ, "list<"):
		for i, e := range got.([]any) {
			got.([]any)[i] = asJSON(c, elem, e)
		}
	case nested:
		for k, e := range got.(map[string]any) {
			got.(map[string]any)[k] = asJSON(c, elem, e)
		}
	}
	return got
}

// parsed parses the JSON columns of rows, in place.
func parsed(s *schema.Schema, rows []row) []row {
	for _, r := range rows {
		for _, c := range s.AllColumns() {
			r[c.Name] = asJSON(c, c.Type, r[c.Name])
		}
	}
	return rows
}

// place is what the standard columns of a row draw on beside the item.
type place struct{ partition, account, region string }

// wantARN evaluates the source of column arn.
func wantARN(source string, item reflect.Value, p place) any {
	for alternative := range strings.SplitSeq(source, "|") {
		if !strings.Contains(alternative, "{") {
			if text := plainText(item, alternative); text != "" {
				return text
			}
			continue
		}
		whole := true
		arn := regexp.MustCompile(`\{[^}]*\}`).ReplaceAllStringFunc(alternative, func(name string) string {
			name = name[1 : len(name)-1]
			text, ok := map[string]string{"partition": p.partition, "account_id": p.account, "region": p.region}[name]
			if !ok {
				text = plainText(item, name)
			}
			whole = whole && text != ""
			return text
		})
		if whole {
			return arn
		}
	}
	return nil
}

func plainText(item reflect.Value, name string) string {
	v := follow(item, name)
	if v.IsValid() && v.Kind() == reflect.Pointer {
		v = v.Elem()
	}
	if !v.IsValid() {
		return ""
	}
	return v.String()
}
