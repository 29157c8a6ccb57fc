package conformance

import (
	"bytes"
	"encoding/csv"
	"encoding/json"
	"fmt"
	"maps"
	"reflect"
	"slices"
	"strings"
	"testing"

	"stocktake/extract"
	"stocktake/internal/fakeaws"
	"stocktake/internal/schema"
)

// matcher compares the rows of a table with what the responses held.
type matcher struct {
	schema *schema.Schema
	item   reflect.Type
	place  place
	rows   []row
	detail bool                // whether the response at hand is to a call about a row
	texts  map[string][]string // all texts in the responses, with the fields that hold them
}

// matchRows reports rows that are missing, doubled or made up, and columns that
// do not hold what their field held.
func matchRows(t *testing.T, c *extract.Collector, table extract.Table, s *schema.Schema, rows []row, calls []*fakeaws.Call) {
	t.Helper()
	m := &matcher{schema: s, item: table.Item, place: place{"aws", fakeaws.Account, home}, rows: parsed(s, rows), texts: map[string][]string{}}
	var found []reflect.Value
	for _, call := range calls {
		if call.Output != nil {
			out := reflect.ValueOf(call.Output).Elem()
			walk(out, "", func(field, text string) { m.texts[text] = append(m.texts[text], strings.ToLower(field)) })
			m.detail = slices.ContainsFunc(c.Calls, func(declared extract.Call) bool {
				return declared.Operation == call.Operation && c.TableOf(declared) == table.Name && len(declared.Columns) > 0
			})
			if feeds(c, call.Operation, table.Name) {
				m.find(out, false, &found)
			}
		}
	}
	m.keys(t)
	if len(found) == 0 {
		m.byKey(t, calls)
	} else {
		m.byItem(t, found)
	}
	m.provenance(t)
}

// feeds reports whether a table takes anything from an operation: others may
// repeat an item of it as a part of theirs.
func feeds(c *extract.Collector, operation, table string) bool {
	return slices.ContainsFunc(c.Calls, func(call extract.Call) bool { return call.Operation == operation && c.TableOf(call) == table })
}

// find collects the items of the table in a response: values of the SDK type
// that a row is or embeds, and elements of lists all of whose fields a row has.
// A call for a detail may describe the row once more, which makes no other one.
func (m *matcher) find(v reflect.Value, element bool, found *[]reflect.Value) {
	switch v.Kind() {
	case reflect.Pointer:
		if !v.IsNil() {
			m.find(v.Elem(), element, found)
		}
	case reflect.Slice:
		for i := range v.Len() {
			m.find(v.Index(i), true, found)
		}
	case reflect.String:
		if element {
			m.document(v.String(), found)
		}
	case reflect.Struct:
		if m.isItem(v.Type()) && (element || !m.detail) || element && m.isPart(v.Type()) {
			*found = append(*found, v)
			return
		}
		for i := range v.NumField() {
			if f := v.Type().Field(i); f.IsExported() && f.Name != "ResultMetadata" {
				m.find(v.Field(i), false, found)
			}
		}
	}
}

// document takes an element that is the JSON of an item, or of one that it embeds.
func (m *matcher) document(text string, found *[]reflect.Value) {
	item := reflect.New(m.item)
	d := json.NewDecoder(strings.NewReader(text))
	d.DisallowUnknownFields()
	if d.Decode(item.Interface()) != nil {
		return
	}
	for i := range m.item.NumField() {
		if f := m.item.Field(i); f.Anonymous {
			*found = append(*found, item.Elem().Field(i))
			return
		}
	}
	*found = append(*found, item.Elem())
}

func (m *matcher) isItem(t reflect.Type) bool {
	if t == m.item {
		return true
	}
	for i := range m.item.NumField() {
		if f := m.item.Field(i); f.Anonymous && f.Type == t {
			return true
		}
	}
	return false
}

func (m *matcher) isPart(t reflect.Type) bool {
	n := 0
	for i := range t.NumField() {
		if f := t.Field(i); f.IsExported() {
			if _, ok := m.item.FieldByName(f.Name); !ok {
				return false
			}
			n++
		}
	}
	return n > 2
}

// keys reports rows whose key is incomplete or not theirs alone.
func (m *matcher) keys(t *testing.T) {
	t.Helper()
	seen := map[string]bool{}
	for _, r := range m.rows {
		var key []string
		for _, k := range m.schema.Key {
			if r[k] == nil {
				t.Errorf("%s: key column %s is NULL in %v", m.schema.Table, k, r)
			}
			key = append(key, fmt.Sprint(r[k]))
		}
		joined := strings.Join(key, "|")
		if seen[joined] {
			t.Errorf("%s: key %s: found in two rows", m.schema.Table, joined)
		}
		seen[joined] = true
	}
}

// byItem compares rows with the items of the responses.
func (m *matcher) byItem(t *testing.T, found []reflect.Value) {
	t.Helper()
	distinct, matched := map[string]bool{}, map[int]bool{}
	for _, item := range found {
		expected := m.expect(item)
		distinct[m.fingerprint(expected)] = true
		at, differs := m.closest(expected)
		if len(differs) > 0 {
			t.Errorf("%s: no row of %d holds item %s; in the closest, columns differ:\n%s", m.schema.Table, len(m.rows), m.fingerprint(expected), strings.Join(differs, "\n"))
			continue
		}
		matched[at] = true
	}
	if len(m.rows) != len(distinct) {
		t.Errorf("%s: got %d rows, want %d, the number of items in the responses", m.schema.Table, len(m.rows), len(distinct))
	}
	for i, r := range m.rows {
		if !matched[i] {
			t.Errorf("%s: row %v is of no item in the responses", m.schema.Table, m.key(r))
		}
	}
}

// expect returns the columns whose field the item has.
func (m *matcher) expect(item reflect.Value) row {
	r := row{}
	for _, c := range m.schema.Columns {
		if first, _, _ := strings.Cut(c.Source, "."); item.FieldByName(first).IsValid() && !m.covered(item.Type(), first) {
			r[c.Name] = want(c, c.Type, follow(item, c.Source), false)
		}
	}
	if m.schema.ARN != "" && !strings.ContainsAny(m.schema.ARN, "{|") && item.FieldByName(m.schema.ARN).IsValid() {
		r["arn"] = wantARN(m.schema.ARN, item, m.place)
	}
	return r
}

// covered reports whether the row has a field of its own in place of the one of
// the type that it embeds.
func (m *matcher) covered(embedded reflect.Type, name string) bool {
	inner, ok := m.item.FieldByName(embedded.Name())
	own, _ := m.item.FieldByName(name)
	return ok && inner.Anonymous && inner.Type == embedded && len(own.Index) == 1
}

// fingerprint names the item by the key, or by all of it where it lacks a part
// of the key.
func (m *matcher) fingerprint(expected row) string {
	var key []string
	for _, k := range m.schema.Key {
		if k == "account_id" || k == "region" {
			continue
		}
		if expected[k] == nil {
			return fmt.Sprint(map[string]any(expected))
		}
		key = append(key, fmt.Sprint(expected[k]))
	}
	if len(key) == 0 {
		return fmt.Sprint(map[string]any(expected))
	}
	return strings.Join(key, "|")
}

func (m *matcher) closest(expected row) (at int, differs []string) {
	differs = []string{"there are no rows"}
	for i, r := range m.rows {
		if d := diff(expected, r); i == 0 || len(d) < len(differs) {
			at, differs = i, d
		}
	}
	return at, differs
}

func diff(expected, got row) []string {
	var differs []string
	for _, name := range slices.Sorted(maps.Keys(expected)) {
		if !reflect.DeepEqual(expected[name], got[name]) {
			differs = append(differs, fmt.Sprintf("  %s: got %#v\n  want %#v", name, got[name], expected[name]))
		}
	}
	return differs
}

func (m *matcher) key(r row) []any {
	var key []any
	for _, k := range m.schema.Key {
		key = append(key, r[k])
	}
	return key
}

// byKey compares the last key column with all fields of its name in the
// responses, where rows are not items of theirs.
func (m *matcher) byKey(t *testing.T, calls []*fakeaws.Call) {
	t.Helper()
	name := m.schema.Key[len(m.schema.Key)-1]
	i := slices.IndexFunc(m.schema.Columns, func(c schema.Column) bool { return c.Name == name })
	if i < 0 {
		if len(m.rows) > 0 {
			t.Errorf("%s: got %d rows, want none: no response holds an item", m.schema.Table, len(m.rows))
		}
		return
	}
	expected, got := map[string]bool{}, map[string]bool{}
	for _, call := range calls {
		if call.Output != nil {
			fieldTexts(reflect.ValueOf(call.Output).Elem(), m.schema.Columns[i].Source, expected)
		}
	}
	for _, r := range m.rows {
		got[fmt.Sprint(r[name])] = true
	}
	if len(expected) == 0 && len(m.rows) > 0 {
		return // rows out of lists of values: their texts are compared, and a test of the service knows the rest
	}
	if !maps.Equal(got, expected) || len(m.rows) != len(expected) {
		t.Errorf("%s: column %s: got %d rows %v, want one for each of %v", m.schema.Table, name, len(m.rows), got, expected)
	}
}

// provenance reports columns that are never filled, and texts that no response holds.
func (m *matcher) provenance(t *testing.T) {
	t.Helper()
	for _, c := range m.schema.AllColumns() {
		filled, fits := false, c.Type != "utf8" || c.Source == ""
		for _, r := range m.rows {
			filled = filled || r[c.Name] != nil
			fits = fits || m.fits(c, r[c.Name])
			if field, ok := m.item.FieldByName(c.Source); ok && field.Type.Kind() == reflect.String && len(field.Index) == 1 {
				fits = true // may be the collector's own word
				continue
			}
			if c.Source != "" && !strings.ContainsAny(c.Source, "{|") {
				m.known(t, c, c.Type, r[c.Name])
			}
		}
		if filled && !fits && !strings.ContainsAny(c.Source, "{|") {
			t.Errorf("%s: column %s, source %s: its texts are those of other fields: %q", m.schema.Table, c.Name, c.Source, m.rows[0][c.Name])
		}
		if !filled && len(m.rows) > 0 && c.Redact != schema.Secret && (c.Source != "" || c.Name != "arn" && c.Name != "tags") {
			t.Errorf("%s: column %s is NULL in all rows, and every field of the responses was filled", m.schema.Table, c.Name)
		}
	}
}

// fits reports whether some field that holds the text has a name like the
// column's source: a row's own field may say more ("LastUsedRegion" of
// "Region"), or less.
func (m *matcher) fits(c schema.Column, got any) bool {
	text, ok := got.(string)
	source := strings.ToLower(c.Source[strings.LastIndexByte(c.Source, '.')+1:])
	return ok && slices.ContainsFunc(m.texts[text], func(field string) bool {
		return strings.Contains(source, field) || strings.Contains(field, source)
	})
}

// known reports a text that stands in no response.
func (m *matcher) known(t *testing.T, c schema.Column, typ string, got any) {
	t.Helper()
	elem, _ := schema.Elem(typ)
	switch got := got.(type) {
	case string:
		if typ == "utf8" && c.Decode == "" && m.texts[got] == nil {
			t.Errorf("%s: column %s: text %q is in no response", m.schema.Table, c.Name, got)
		}
	case []any:
		for _, e := range got {
			m.known(t, c, elem, e)
		}
	case map[string]any:
		for k, e := range got {
			if typ == "struct" {
				i := slices.IndexFunc(c.Fields, func(f schema.Column) bool { return f.Name == k })
				m.known(t, c.Fields[i], c.Fields[i].Type, e)
			} else {
				m.known(t, c, elem, e)
			}
		}
	}
}

// collectTexts gathers every text below v.
func collectTexts(v reflect.Value, texts map[string]bool) {
	walk(v, "", func(_, text string) { texts[text] = true })
}

// fieldTexts gathers the texts of all fields of a name below v, or of lists that
// have the name in the plural.
func fieldTexts(v reflect.Value, name string, texts map[string]bool) {
	walk(v, "", func(field, text string) {
		if field == name || field == name+"s" {
			texts[text] = true
		}
	})
}

func walk(v reflect.Value, name string, use func(field, text string)) {
	switch v.Kind() {
	case reflect.String:
		use(name, v.String())
		var document map[string]any
		if json.Unmarshal([]byte(v.String()), &document) == nil {
			walkJSON(document, name, use)
		}
	case reflect.Pointer, reflect.Interface:
		if !v.IsNil() {
			walk(v.Elem(), name, use)
		}
	case reflect.Slice:
		if v.Type() == reflect.TypeFor[[]byte]() {
			walkLines(v.Bytes(), use)
			return
		}
		for i := range v.Len() {
			walk(v.Index(i), name, use)
		}
	case reflect.Map:
		for _, k := range v.MapKeys() {
			walk(k, name, use)
			walk(v.MapIndex(k), k.String(), use)
		}
	case reflect.Struct:
		if name, value := v.FieldByName("Name"), v.FieldByName("Value"); isText(name) && isText(value) {
			use(name.Elem().String(), value.Elem().String()) // of an attribute
		}
		for i := range v.NumField() {
			if f := v.Type().Field(i); f.IsExported() && f.Name != "ResultMetadata" {
				name := f.Name
				if name == "Value" && strings.Contains(v.Type().Name(), "Member") {
					name = v.Type().Name() // of a union
				}
				walk(v.Field(i), name, use)
			}
		}
	}
}

// walkJSON is walk for what a document holds.
func walkJSON(v any, name string, use func(field, text string)) {
	switch v := v.(type) {
	case string:
		use(name, v)
	case []any:
		for _, e := range v {
			walkJSON(e, name, use)
		}
	case map[string]any:
		for k, e := range v {
			walkJSON(e, k, use)
		}
	}
}

// walkLines visits the values of a table with a header.
func walkLines(table []byte, use func(field, text string)) {
	lines, err := csv.NewReader(bytes.NewReader(table)).ReadAll()
	if err != nil || len(lines) == 0 {
		return
	}
	for _, line := range lines[1:] {
		for i, text := range line {
			var field strings.Builder
			for word := range strings.SplitSeq(lines[0][i], "_") {
				field.WriteString(strings.ToUpper(word[:1]) + word[1:])
			}
			use(field.String(), text)
		}
	}
}

// isText reports whether v is a field that holds text.
func isText(v reflect.Value) bool {
	return v.IsValid() && v.Type() == reflect.TypeFor[*string]() && !v.IsNil()
}
