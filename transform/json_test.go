package transform_test

import (
	"encoding/json"
	"math"
	"reflect"
	"testing"
	"time"

	"stocktake/internal/schema"
	"stocktake/transform"
)

// TestJSON encodes values as AWS names them: absent fields are left out, a
// union is an object of its member, a secret is gone.
func TestJSON(t *testing.T) {
	type deep struct {
		Password *string
		Users    []struct{ Name, Key *string }
		Env      map[string]string
		Any      Union
	}
	type user = struct{ Name, Key *string }
	full := deep{p("pw"), []user{{p("n"), p("k")}, {nil, p("k2")}}, map[string]string{"B": "2", "A": "1"}, &UnionMemberMember{Inner{p("u"), 3, ""}}}
	for _, test := range []struct {
		name    string
		value   any
		secrets []string
		want    string
	}{
		{"struct", Inner{p("a\"b\\c\nd\te\x01é"), 7, ""}, nil, `{"Name":"a\"b\\c\nd\u0009e\u0001é","Size":7}`},
		{"struct with nothing", Inner{}, nil, `{"Size":0}`},
		{"nil", (*Inner)(nil), nil, `null`},
		{"empty struct", &struct{}{}, nil, `{}`},
		{"text that is not UTF-8", []string{"a\xffb\xc3"}, nil, `["a` + "\uFFFD" + `b` + "\uFFFD" + `"]`},
		{"numbers", []float64{0.1, 1e21, -3, math.NaN(), math.Inf(1)}, nil, `[0.1,1e+21,-3,null,null]`},
		{"small floats", []float32{0.1}, nil, `[0.1]`},
		{"time", []time.Time{time.Date(2024, 1, 2, 3, 4, 5, 600, time.FixedZone("", -3600))}, nil, `["2024-01-02T04:04:05.0000006Z"]`},
		{"bytes", [][]byte{{0, 255}}, nil, `["AP8="]`},
		{"map", map[string]*bool{"b": nil, "a": p(true)}, nil, `{"a":true,"b":null}`},
		{"empty text in a list", []string{""}, nil, `[""]`},
		{"union", []Union{&UnionMemberMember{Inner{Size: 1}}, &UnionMemberText{"x"}, nil}, nil, `[{"Member":{"Size":1}},{"Text":"x"},null]`},
		{"document", []Union{Document{`{"a":[1]}`}}, nil, `[{"a":[1]}]`},
		{"recursion", Tree{p("a"), []Tree{{p("b"), nil}}}, nil, `{"Name":"a","Children":[{"Name":"b"}]}`},
		{"no secrets", full, nil, `{"Password":"pw","Users":[{"Name":"n","Key":"k"},{"Key":"k2"}],"Env":{"A":"1","B":"2"},"Any":{"Member":{"Name":"u","Size":3}}}`},
		{"secrets", full, []string{"Password", "Users.Key", "Env", "Any.Member.Name"}, `{"Password":null,"Users":[{"Name":"n","Key":null},{"Key":null}],"Env":{"A":null,"B":null},"Any":{"Member":{"Name":null,"Size":3}}}`},
		{"secret lists and unions", full, []string{"Users", "Any"}, `{"Password":"pw","Users":null,"Env":{"A":"1","B":"2"},"Any":null}`},
		{"list of secrets", []deep{{Password: p("pw")}}, []string{"Password"}, `[{"Password":null}]`},
		{"map of secrets", map[string]deep{"a": {Password: p("pw")}}, []string{"Password"}, `{"a":{"Password":null}}`},
	} {
		item, s := oneField(schema.Column{Type: "json", Secrets: test.secrets}, test.value)
		if got := rawJSON(t, s, item); got != test.want {
			t.Errorf("%s of %+v without %q:\ngot  %s\nwant %s", test.name, test.value, test.secrets, got, test.want)
		}
	}
}

// rawJSON returns the text of a JSON column as it is stored.
func rawJSON(t *testing.T, s *schema.Schema, item any) string {
	t.Helper()
	v := reflect.New(reflect.TypeOf(item))
	v.Elem().Set(reflect.ValueOf(item))
	plan, err := transform.Compile(s, v.Type().Elem(), transform.Options{})
	if err != nil {
		t.Fatalf("compile: %v", err)
	}
	b := plan.Builder()
	b.AppendPointer(v, &context, nil)
	batch := b.Batch()
	defer batch.Release()
	c := batch.Column(batch.Schema().FieldIndices("f")[0])
	if c.IsNull(0) {
		return "null"
	}
	return c.ValueStr(0)
}

// FuzzJSONText compares the text that is written with encoding/json's reading of it.
func FuzzJSONText(f *testing.F) {
	for _, s := range []string{"", "plain", "\"\\/\b\f\n\r\t", "\x00\x1f\x7f\u2028", "é😀", "a\xffb", "\xed\xa0\x80"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, text string) {
		item, s := oneField(schema.Column{Type: "json"}, []string{text})
		raw := rawJSON(t, s, item)
		var got []string
		if err := json.Unmarshal([]byte(raw), &got); err != nil {
			t.Fatalf("%q: got %s, which is not JSON: %v", text, raw, err)
		}
		want := string([]rune(text)) // bytes that are not UTF-8 become U+FFFD
		if len(got) != 1 || got[0] != want {
			t.Errorf("%q: got %q, want %q", text, got, want)
		}
	})
}
