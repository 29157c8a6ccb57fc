package transform_test

import (
	"encoding/json"
	"fmt"
	"math"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/apache/arrow-go/v18/arrow"

	"stocktake/internal/schema"
	"stocktake/transform"
)

var context = transform.Context{
	Partition: "aws-cn", AccountID: "111122223333", Region: "cn-north-1", Source: "main",
	CollectedAccountID: "444455556666", CollectedRegion: "cn-northwest-1",
	RunID: "run-7", ExtractedAt: time.Date(2026, 11, 22, 1, 2, 3, 456_789_000, time.UTC),
}

func p[T any](v T) *T { return &v }

// one is a schema of the given columns; its key is none of theirs.
func one(columns ...schema.Column) *schema.Schema {
	return &schema.Schema{Table: "aws_test_things", Version: 1, Description: "Things.", Key: []string{"account_id"}, Columns: columns}
}

// appended compiles the schema for the item and returns the one row as JSON, by column.
func appended(t *testing.T, s *schema.Schema, item any, options transform.Options, missing ...string) map[string]string {
	t.Helper()
	v := reflect.New(reflect.TypeOf(item))
	v.Elem().Set(reflect.ValueOf(item))
	plan, err := transform.Compile(s, v.Type().Elem(), options)
	if err != nil {
		t.Fatalf("compile: %v", err)
	}
	b := plan.Builder()
	defer b.Release()
	b.AppendPointer(v, &context, missing)
	batch := b.Batch()
	defer batch.Release()
	return cells(t, batch)
}

func cells(t *testing.T, batch arrow.RecordBatch) map[string]string {
	t.Helper()
	row := map[string]string{}
	for i, c := range batch.Columns() {
		text, err := json.Marshal(c.GetOneForMarshal(0))
		if err != nil {
			t.Fatalf("column %s: %v", batch.ColumnName(i), err)
		}
		row[batch.ColumnName(i)] = string(text)
	}
	return row
}

type (
	Color string
	Tag   struct{ Key, Value *string }
	Inner struct {
		Name *string
		Size int32
		Kind Color
	}
	Union             interface{ isUnion() }
	UnionMemberMember struct{ Value Inner }
	UnionMemberText   struct{ Value string }
	Document          struct{ text string }
	KMSTag            struct{ TagKey, TagValue *string }
	Tree              struct {
		Name     *string
		Children []Tree
	}
)

func (*UnionMemberMember) isUnion() {}
func (*UnionMemberText) isUnion()   {}
func (Document) isUnion()           {}

func (d Document) MarshalSmithyDocument() ([]byte, error) { return []byte(d.text), nil }

// TestValues appends one field of each type, in each of its forms.
func TestValues(t *testing.T) {
	at := time.Date(2024, 2, 29, 23, 59, 58, 123456789, time.FixedZone("", 3600))
	inner := []schema.Column{{Name: "name", Type: "utf8", Source: "Name"}, {Name: "size", Type: "int64", Source: "Size"}, {Name: "kind", Type: "utf8", Source: "Kind"}}
	for _, test := range []struct {
		name   string
		column schema.Column
		value  any
		want   string
	}{
		{"text", schema.Column{Type: "utf8"}, p("a"), `"a"`},
		{"no text", schema.Column{Type: "utf8"}, (*string)(nil), `null`},
		{"empty text", schema.Column{Type: "utf8"}, p(""), `""`},
		{"enum", schema.Column{Type: "utf8"}, Color("red"), `"red"`},
		{"enum that AWS did not send", schema.Column{Type: "utf8"}, Color(""), `null`},
		{"text that is not UTF-8", schema.Column{Type: "utf8"}, p("a\xffb"), `"a` + "\uFFFD" + `b"`},
		{"percent-encoded text", schema.Column{Type: "utf8", Decode: "url"}, p("a%20%2Bb+c"), `"a +b+c"`},
		{"broken percent-encoding", schema.Column{Type: "utf8", Decode: "url"}, p("100%"), `"100%"`},
		{"bool", schema.Column{Type: "bool"}, p(true), `true`},
		{"plain bool", schema.Column{Type: "bool"}, false, `false`},
		{"no bool", schema.Column{Type: "bool"}, (*bool)(nil), `null`},
		{"int32", schema.Column{Type: "int32"}, p(int32(-7)), `-7`},
		{"int32 in int64", schema.Column{Type: "int64"}, p(int32(-7)), `-7`},
		{"int64", schema.Column{Type: "int64"}, int64(math.MaxInt64), `9223372036854775807`},
		{"int", schema.Column{Type: "int64"}, 12, `12`},
		{"float64", schema.Column{Type: "float64"}, p(0.25), `0.25`},
		{"float32", schema.Column{Type: "float64"}, p(float32(0.5)), `0.5`},
		{"bytes", schema.Column{Type: "binary"}, []byte{0, 255}, `"AP8="`},
		{"time", schema.Column{Type: "timestamp"}, p(at), `"2024-02-29T22:59:58.123456Z"`},
		{"no time", schema.Column{Type: "timestamp"}, (*time.Time)(nil), `null`},
		{"time of nothing", schema.Column{Type: "timestamp"}, time.Time{}, `null`},
		{"time as text", schema.Column{Type: "timestamp"}, p("2024-02-29T23:59:58.5+01:00"), `"2024-02-29T22:59:58.5Z"`},
		{"time as Lambda writes it", schema.Column{Type: "timestamp"}, p("2024-02-29T23:59:58.123+0000"), `"2024-02-29T23:59:58.123Z"`},
		{"date as text", schema.Column{Type: "timestamp"}, p("2024-02-29"), `"2024-02-29T00:00:00Z"`},
		{"list", schema.Column{Type: "list<utf8>"}, []string{"b", "", "a"}, `["b","","a"]`},
		{"empty list", schema.Column{Type: "list<utf8>"}, []string{}, `[]`},
		{"no list", schema.Column{Type: "list<utf8>"}, []string(nil), `null`},
		{"list of enums", schema.Column{Type: "list<utf8>"}, []Color{"red"}, `["red"]`},
		{"list of numbers", schema.Column{Type: "list<int32>"}, []int32{2, 1}, `[2,1]`},
		{"list of lists", schema.Column{Type: "list<list<int32>>"}, [][]int32{{1}, nil, {}}, `[[1],null,[]]`},
		{"struct", schema.Column{Type: "struct", Fields: inner}, &Inner{p("n"), 3, ""}, `{"kind":null,"name":"n","size":3}`},
		{"no struct", schema.Column{Type: "struct", Fields: inner}, (*Inner)(nil), `null`},
		{"list of structs", schema.Column{Type: "list<struct>", Fields: inner}, []Inner{{nil, 1, "x"}}, `[{"kind":"x","name":null,"size":1}]`},
		{"map", schema.Column{Type: "map<utf8,utf8>"}, map[string]string{"b": "2", "a": ""}, `[{"key":"a","value":""},{"key":"b","value":"2"}]`},
		{"empty map", schema.Column{Type: "map<utf8,utf8>"}, map[string]string{}, `[]`},
		{"no map", schema.Column{Type: "map<utf8,utf8>"}, map[string]string(nil), `null`},
		{"map of structs", schema.Column{Type: "map<utf8,struct>", Fields: inner}, map[string]Inner{"b": {p("2"), 2, ""}, "a": {}},
			`[{"key":"a","value":{"kind":null,"name":null,"size":0}},{"key":"b","value":{"kind":null,"name":"2","size":2}}]`},
		{"map of lists", schema.Column{Type: "map<utf8,list<utf8>>"}, map[string][]string{"a": {"x"}, "b": nil}, `[{"key":"a","value":["x"]},{"key":"b","value":null}]`},
		{"tags", schema.Column{Type: "map<utf8,utf8>"}, []Tag{{p("b"), p("2")}, {nil, p("lost")}, {p("a"), nil}}, `[{"key":"a","value":null},{"key":"b","value":"2"}]`},
		{"tags of KMS", schema.Column{Type: "map<utf8,utf8>"}, []KMSTag{{p("a"), p("1")}}, `[{"key":"a","value":"1"}]`},
		{"tag with a secret", schema.Column{Type: "map<utf8,utf8>"}, []Tag{{p("Api-Token"), p("t0k3n")}, {p("team"), p("token")}}, `[{"key":"Api-Token","value":null},{"key":"team","value":"token"}]`},
		{"document", schema.Column{Type: "json"}, p(`{"b": 1, "a": [2]}`), `{"b":1,"a":[2]}`},
		{"percent-encoded document", schema.Column{Type: "json", Decode: "url"}, p("%7B%22a%22%3A%22x%2By%20z%22%7D"), `{"a":"x+y z"}`},
		{"text that is no document", schema.Column{Type: "json"}, p("not: json"), `"not: json"`},
		{"empty document", schema.Column{Type: "json"}, p(""), `null`},
		{"list of documents", schema.Column{Type: "list<json>"}, []string{`{"a":1}`, "x"}, `[{"a":1},"x"]`},
	} {
		t.Run(test.name, func(t *testing.T) {
			item, s := oneField(test.column, test.value)
			row := appended(t, s, item, transform.Options{})
			if row["f"] != test.want {
				t.Errorf("%v of %#v: got %s, want %s", test.column.Type, test.value, row["f"], test.want)
			}
			if row["not_collected"] != "[]" {
				t.Errorf("%v of %#v: got not_collected %s, want []", test.column.Type, test.value, row["not_collected"])
			}
		})
	}
}

// oneField makes an item with a field F, and a schema with a column f of it.
func oneField(c schema.Column, value any) (any, *schema.Schema) {
	c.Name, c.Source = "f", "F"
	v := reflect.New(reflect.StructOf([]reflect.StructField{{Name: "F", Type: reflect.TypeOf(value)}})).Elem()
	v.Field(0).Set(reflect.ValueOf(value))
	return v.Interface(), one(c)
}

// TestUnreadable names values of a form that is not known, and leaves them empty.
func TestUnreadable(t *testing.T) {
	type when struct{ At *string }
	type item struct {
		Created *string
		Empty   *string
		Nested  []when
	}
	s := one(
		schema.Column{Name: "created", Type: "timestamp", Source: "Created"},
		schema.Column{Name: "empty", Type: "timestamp", Source: "Empty"},
		schema.Column{Name: "nested", Type: "list<struct>", Source: "Nested", Fields: []schema.Column{{Name: "at", Type: "timestamp", Source: "At"}}})
	row := appended(t, s, item{p("yesterday"), p(""), []when{{p("2024-01-02")}, {p("soon")}, {p("later")}}}, transform.Options{}, "tags")
	for column, want := range map[string]string{
		"created": `null`, "empty": `null`, "nested": `[{"at":"2024-01-02T00:00:00Z"},{"at":null},{"at":null}]`, "not_collected": `["tags","created","nested"]`,
	} {
		if row[column] != want {
			t.Errorf("column %s: got %s, want %s", column, row[column], want)
		}
	}
}

// TestNotCollected leaves columns NULL that the row lacks, whatever is in the item.
func TestNotCollected(t *testing.T) {
	type item struct {
		Name, Policy *string
		Tags         []Tag
	}
	s := one(schema.Column{Name: "name", Type: "utf8", Source: "Name"}, schema.Column{Name: "policy", Type: "json", Source: "Policy"})
	s.Tags = "Tags"
	full := item{p("n"), p("{}"), []Tag{{p("a"), p("1")}}}
	for _, test := range []struct {
		item    item
		missing []string
		want    map[string]string
	}{
		{full, nil, map[string]string{"name": `"n"`, "policy": `{}`, "tags": `[{"key":"a","value":"1"}]`, "not_collected": `[]`}},
		{full, []string{"policy", "tags"}, map[string]string{"name": `"n"`, "policy": `null`, "tags": `null`, "not_collected": `["policy","tags"]`}},
		{item{}, nil, map[string]string{"name": `null`, "policy": `null`, "tags": `[]`, "not_collected": `[]`}},
		{item{}, []string{"tags"}, map[string]string{"tags": `null`, "not_collected": `["tags"]`}},
	} {
		row := appended(t, s, test.item, transform.Options{}, test.missing...)
		for column, want := range test.want {
			if row[column] != want {
				t.Errorf("without %q: column %s: got %s, want %s", test.missing, column, row[column], want)
			}
		}
	}
}

// TestRedaction removes secrets in every shape, and hashes what is personal
// where that is asked for.
func TestRedaction(t *testing.T) {
	fields := []schema.Column{{Name: "name", Type: "utf8", Source: "Name"}, {Name: "size", Type: "int32", Source: "Size"}}
	hashOf := func(s string) string { // HASH is of "s": the first half of its SHA-256
		return strings.ReplaceAll(s, "HASH", "sha256:043a718774c572bd8a25adbeb1bfcd5c")
	}
	document, s := oneField(schema.Column{Type: "json", Redact: schema.Secret}, p(`{"s":1}`))
	if got := appended(t, s, document, transform.Options{})["f"]; got != "null" {
		t.Errorf("secret document: got %s, want null", got)
	}
	for _, test := range []struct {
		name                 string
		column               schema.Column
		value                any
		secret, kept, hashed string
	}{
		{"text", schema.Column{Type: "utf8"}, p("s"), `null`, `"s"`, hashOf(`"HASH"`)},
		{"list", schema.Column{Type: "list<utf8>"}, []string{"s"}, `null`, `["s"]`, hashOf(`["HASH"]`)},
		{"struct", schema.Column{Type: "struct", Fields: fields}, Inner{Name: p("s"), Size: 1}, `null`, `{"name":"s","size":1}`, hashOf(`{"name":"HASH","size":1}`)},
		{"map", schema.Column{Type: "map<utf8,utf8>"}, map[string]string{"a": "s"}, `[{"key":"a","value":null}]`, `[{"key":"a","value":"s"}]`, hashOf(`[{"key":"a","value":"HASH"}]`)},
		{"map of structs", schema.Column{Type: "map<utf8,struct>", Fields: fields}, map[string]Inner{"a": {Name: p("s"), Size: 1}}, `[{"key":"a","value":null}]`, `[{"key":"a","value":{"name":"s","size":1}}]`, hashOf(`[{"key":"a","value":{"name":"HASH","size":1}}]`)},
		{"number", schema.Column{Type: "int32"}, int32(5), `null`, `5`, `5`},
	} {
		for _, form := range []struct {
			redact  string
			options transform.Options
			want    string
		}{
			{schema.Secret, transform.Options{}, test.secret},
			{schema.Secret, transform.Options{HashPersonal: true}, test.secret},
			{schema.Personal, transform.Options{}, test.kept},
			{schema.Personal, transform.Options{HashPersonal: true}, test.hashed},
			{"", transform.Options{HashPersonal: true}, test.kept},
		} {
			c := test.column
			c.Redact = form.redact
			item, s := oneField(c, test.value)
			if got := appended(t, s, item, form.options)["f"]; got != form.want {
				t.Errorf("%s, redact %q, %+v: got %s, want %s", test.name, form.redact, form.options, got, form.want)
			}
		}
	}
}

// TestStandardColumns fills them from the unit, and from the item where the
// schema says so.
func TestStandardColumns(t *testing.T) {
	type owner struct{ Id *string }
	type item struct {
		Arn, Name, Region *string
		Owner             *owner
	}
	full := item{p("arn:x"), p("n"), p("eu-west-1"), &owner{p("777788889999")}}
	fromItem := &schema.Owner{AccountID: "Owner.Id", Region: "Region"}
	for _, test := range []struct {
		arn   string
		owner *schema.Owner
		item  item
		want  map[string]string
	}{
		{"", nil, full, map[string]string{
			"partition": `"aws-cn"`, "account_id": `"111122223333"`, "region": `"cn-north-1"`, "arn": `null`, "tags": `null`, "source": `"main"`,
			"collected_account_id": `"444455556666"`, "collected_region": `"cn-northwest-1"`, "run_id": `"run-7"`, "extracted_at": `"2026-11-22T01:02:03.456789Z"`,
		}},
		{"Arn", fromItem, full, map[string]string{"account_id": `"777788889999"`, "region": `"eu-west-1"`, "arn": `"arn:x"`}},
		{"Arn", fromItem, item{}, map[string]string{"account_id": `"111122223333"`, "region": `"cn-north-1"`, "arn": `null`}},
		{"Arn|arn:{partition}:s:{region}:{account_id}:n/{Name}", nil, full, map[string]string{"arn": `"arn:x"`}},
		{"Arn|arn:{partition}:s:{region}:{account_id}:n/{Name}", nil, item{Name: p("n")}, map[string]string{"arn": `"arn:aws-cn:s:cn-north-1:111122223333:n/n"`}},
		{"arn:{partition}:s:::{Owner.Id}/x", nil, full, map[string]string{"arn": `"arn:aws-cn:s:::777788889999/x"`}},
		{"arn:{partition}:s:::{Owner.Id}/x", nil, item{}, map[string]string{"arn": `null`}},
		{"arn:{partition}:s:::{Name}", nil, item{Name: p("")}, map[string]string{"arn": `null`}},
		{"Arn|Name", nil, item{Name: p("n")}, map[string]string{"arn": `"n"`}},
	} {
		s := one(schema.Column{Name: "name", Type: "utf8", Source: "Name"})
		s.ARN, s.Owner = test.arn, test.owner
		row := appended(t, s, test.item, transform.Options{})
		for column, want := range test.want {
			if row[column] != want {
				t.Errorf("arn %q, owner %+v: column %s: got %s, want %s", test.arn, test.owner, column, row[column], want)
			}
		}
	}
}

// TestCompileErrors refuses columns that bind to nothing, or do not fit.
func TestCompileErrors(t *testing.T) {
	type nested struct{ Count int32 }
	type item struct {
		Name   *string
		Count  *int32
		Big    int64
		Nested *nested
		List   []string
		Map    map[string]string
		Chan   chan int
		hidden *string
	}
	_ = item{hidden: nil}
	for _, test := range []struct {
		column schema.Column
		arn    string
		want   string
	}{
		{schema.Column{Type: "utf8", Source: "Missing"}, "", "has no field Missing"},
		{schema.Column{Type: "utf8", Source: "hidden"}, "", "has no field hidden"},
		{schema.Column{Type: "utf8", Source: "Name.Length"}, "", "string has no fields"},
		{schema.Column{Type: "utf8", Source: "Count"}, "", "does not fit type utf8"},
		{schema.Column{Type: "int32", Source: "Big"}, "", "does not fit type int32"},
		{schema.Column{Type: "bool", Source: "Name"}, "", "does not fit type bool"},
		{schema.Column{Type: "int64", Source: "Name"}, "", "does not fit type int64"},
		{schema.Column{Type: "float64", Source: "Count"}, "", "does not fit type float64"},
		{schema.Column{Type: "binary", Source: "List"}, "", "does not fit type binary"},
		{schema.Column{Type: "timestamp", Source: "Count"}, "", "does not fit type timestamp"},
		{schema.Column{Type: "list<utf8>", Source: "Name"}, "", "does not fit type list<utf8>"},
		{schema.Column{Type: "list<int32>", Source: "List"}, "", "does not fit type int32"},
		{schema.Column{Type: "map<utf8,utf8>", Source: "List"}, "", "does not fit type map<utf8,utf8>"},
		{schema.Column{Type: "struct", Source: "Name", Fields: []schema.Column{{Name: "x", Type: "utf8", Source: "X"}}}, "", "does not fit type struct"},
		{schema.Column{Type: "struct", Source: "Nested", Fields: []schema.Column{{Name: "x", Type: "utf8", Source: "X"}}}, "", "has no field X"},
		{schema.Column{Type: "struct", Source: "Nested", Fields: []schema.Column{{Name: "x", Type: "utf8", Source: "Count"}}}, "", "does not fit type utf8"},
		{schema.Column{Type: "json", Source: "Chan"}, "", "cannot be written as JSON"},
		{schema.Column{Type: "json", Source: "Nested", Secrets: []string{"Password"}}, "", "has no field Password"},
		{schema.Column{Type: "json", Source: "Name", Redact: schema.Personal}, "", "cannot be hashed"},
		{schema.Column{Type: "struct", Source: "Nested", Redact: schema.Personal, Fields: []schema.Column{{Name: "x", Type: "json", Source: "Count"}}}, "", "cannot be hashed"},
		{schema.Column{Type: "utf8", Source: "Name"}, "arn:{Missing}", "has no field Missing"},
		{schema.Column{Type: "utf8", Source: "Name"}, "Count", "is not text"},
	} {
		test.column.Name = "f"
		s := one(test.column)
		s.ARN = test.arn
		_, err := transform.Compile(s, reflect.TypeFor[item](), transform.Options{})
		if err == nil || !strings.Contains(err.Error(), test.want) || !strings.Contains(err.Error(), "aws_test_things") {
			t.Errorf("%s from %s, arn %q: got error %v, want one of table aws_test_things that says %q", test.column.Type, test.column.Source, test.arn, err, test.want)
		}
	}
	if _, err := transform.Compile(one(), reflect.TypeFor[string](), transform.Options{}); err == nil || !strings.Contains(err.Error(), "expected a struct") {
		t.Errorf("item of text: got error %v, want one that expects a struct", err)
	}
}

// TestBuilder gives rows out in batches, and starts anew after Release.
func TestBuilder(t *testing.T) {
	type item struct{ Name string }
	plan, err := transform.Compile(one(schema.Column{Name: "name", Type: "utf8", Source: "Name"}), reflect.TypeFor[item](), transform.Options{})
	if err != nil {
		t.Fatal(err)
	}
	b := plan.Builder()
	for n := range 3 {
		for i := range n {
			transform.Append(b, &item{fmt.Sprint(n, i)}, &context, nil)
		}
		if b.Len() != n {
			t.Errorf("after %d rows: got length %d", n, b.Len())
		}
		batch := b.Batch()
		if batch.NumRows() != int64(n) || !batch.Schema().Equal(plan.Arrow()) {
			t.Errorf("got a batch of %d rows, want %d of the plan's schema", batch.NumRows(), n)
		}
		batch.Release()
	}
	transform.Append(b, &item{"dropped"}, &context, nil)
	b.Release()
	if again := plan.Builder(); again.Len() != 0 {
		t.Errorf("after Release: got a builder with %d rows, want none", again.Len())
	}
	defer func() {
		if recover() == nil {
			t.Error("an item of another type: got no panic")
		}
	}()
	transform.Append(b, &struct{ Name int }{}, &context, nil)
}
