package schema

import (
	"bytes"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
)

// file is a schema file with the given columns and replacements in its head.
func file(columns string, replace ...string) string {
	return strings.NewReplacer(replace...).Replace(
		`{"table":"aws_x","version":1,"minor":2,"description":"Rows.","key":["account_id","id"],"columns":[` + columns + `]}`)
}

const id = `{"name":"id","type":"utf8","source":"Id"}`

func TestParseErrors(t *testing.T) {
	for _, c := range []struct {
		name, text string
		want       []string // all of it stands in the error
	}{
		{"no JSON", `table: aws_x`, []string{"read schema", "invalid character"}},
		{"nothing", ``, []string{"read schema", "EOF"}},
		{"wrong Go type", file(id, `"version":1`, `"version":"1"`), []string{"read schema", "version"}},
		{"unknown key", file(id, `"minor"`, `"minr"`), []string{"read schema", `"minr"`}},
		{"unknown key of a column", file(`{"name":"id","typ":"utf8","source":"Id"}`), []string{"read schema", `"typ"`}},
		{"two schemas", file(id) + file(id), []string{"text after the end"}},
		{"a brace too many", file(id) + `}`, []string{"text after the end"}},
		{"a bracket too many", file(id) + "\n]", []string{"text after the end"}},
		{"null", `null`, []string{`table ""`, "lower-case"}},
		{"table", file(id, "aws_x", "AWS-x"), []string{`table "AWS-x"`, "lower-case"}},
		{"version", file(id, `"version":1`, `"version":0`), []string{"version 0", "1 or more"}},
		{"minor", file(id, `"minor":2`, `"minor":-1`), []string{"minor -1", "0 or more"}},
		{"description", file(id, "Rows.", ""), []string{"description", "expected a sentence"}},
		{"no key", file(id, `["account_id","id"]`, `[]`), []string{"key: expected at least one column"}},
		{"key without column", file(id, `"account_id","id"`, `"nobody"`), []string{`key "nobody"`, "name of a column"}},
		{"key of a list", file(`{"name":"id","type":"list<utf8>","source":"Id"}`), []string{`key "id"`, "found list<utf8>"}},
		{"standard name", file(id + `,{"name":"region","type":"utf8","source":"Region"}`), []string{"column region", "expected item_region"}},
		{"name", file(id + `,{"name":"Name","type":"utf8","source":"Name"}`), []string{`column "Name"`, "lower-case"}},
		{"name twice", file(id + `,` + id), []string{"column id", "found twice"}},
		{"type", file(id + `,{"name":"a","type":"string","source":"A"}`), []string{"column a", `type "string"`, "expected utf8"}},
		{"element type", file(id + `,{"name":"a","type":"list<map<utf8,text>>","source":"A"}`), []string{"column a", `type "list<map<utf8,text>>"`}},
		{"map by number", file(id + `,{"name":"a","type":"map<int64,utf8>","source":"A"}`), []string{"column a", `"map<int64,utf8>"`}},
		{"bracket of a type", file(id + `,{"name":"a","type":"list<utf8>>","source":"A"}`), []string{"column a", `"list<utf8>>"`}},
		{"empty element", file(id + `,{"name":"a","type":"list<>","source":"A"}`), []string{"column a", `"list<>"`}},
		{"struct without fields", file(id + `,{"name":"a","type":"struct","source":"A"}`), []string{"column a", "with 0 fields"}},
		{"fields without struct", file(id + `,{"name":"a","type":"utf8","source":"A","fields":[{"name":"b","type":"utf8","source":"B"}]}`), []string{"column a", "with 1 fields"}},
		{"redact", file(id + `,{"name":"a","type":"utf8","source":"A","redact":"private"}`), []string{"column a", `redact "private"`, "secret or personal"}},
		{"decode", file(id + `,{"name":"a","type":"utf8","source":"A","decode":"base64"}`), []string{"column a", `decode "base64"`, "url"}},
		{"secrets", file(id + `,{"name":"a","type":"struct","source":"A","secrets":["B"],"fields":[{"name":"b","type":"utf8","source":"B"}]}`), []string{"column a", "secrets", "found on struct"}},
		{"since", file(id + `,{"name":"a","type":"utf8","source":"A","since":3}`), []string{"column a", "since 3", "minor version 2"}},
		{"source", file(id + `,{"name":"a","type":"utf8"}`), []string{"column a", "source: expected"}},
		{"nested", file(id + `,{"name":"a","type":"list<struct>","source":"A","fields":[{"name":"b","type":"struct","source":"B","fields":[{"name":"c","type":"enum","source":"C"}]}]}`), []string{"column a.b.c", `type "enum"`}},
		{"nested twice", file(id + `,{"name":"a","type":"struct","source":"A","fields":[{"name":"b","type":"utf8","source":"B"},{"name":"b","type":"utf8","source":"C"}]}`), []string{"column a.b", "found twice"}},
	} {
		s, err := Parse("schemas/aws_x.v1.json", []byte(c.text))
		if err == nil {
			t.Errorf("%s: %s: got %+v, want an error", c.name, c.text, s)
			continue
		}
		for _, want := range append(c.want, "schemas/aws_x.v1.json: ") {
			if !strings.Contains(err.Error(), want) {
				t.Errorf("%s: got error %q, want %q in it", c.name, err, want)
			}
		}
	}
}

func TestParse(t *testing.T) {
	for name, text := range map[string]string{
		"asset":            file(id),
		"space at the end": file(id) + "\n\t ",
		"key by owner":     file(id, `"key"`, `"owner":{"account_id":"OwnerId"},"key"`),
		"no own columns":   file("", `"account_id","id"`, `"account_id"`),
		"internal":         file(`{"name":"id","type":"utf8"},{"name":"account_id","type":"utf8"}`, `"key"`, `"internal":true,"key"`),
	} {
		s, err := Parse("f", []byte(text))
		if err != nil {
			t.Errorf("%s: %s: got error %v, want none", name, text, err)
			continue
		}
		if got, want := len(s.Arrow().Fields()), len(s.AllColumns()); got != want {
			t.Errorf("%s: got %d Arrow fields, want %d", name, got, want)
		}
	}
}

func TestArrowType(t *testing.T) {
	fields := []Column{{Name: "b", Type: "int32"}}
	for typ, want := range map[string]string{
		"utf8": "utf8", "bool": "bool", "int32": "int32", "int64": "int64", "float64": "float64", "binary": "binary",
		"timestamp": "timestamp[us, tz=UTC]", "json": "extension<arrow.json[storage_type=utf8]>", "list<json>": "list<item: extension<arrow.json[storage_type=utf8]>, nullable>",
		"list<utf8>": "list<item: utf8, nullable>", "map<utf8,list<int64>>": "map<utf8, list<item: int64, nullable>, items_nullable>",
		"struct": "struct<b: int32 nullable>", "list<struct>": "list<item: struct<b: int32 nullable>, nullable>",
	} {
		c := Column{Name: "a", Type: typ}
		if strings.Contains(typ, "struct") {
			c.Fields = fields
		}
		if got := c.arrow(); got.Type.String() != want || !got.Nullable {
			t.Errorf("type %s: got %s (nullable %t), want %s", typ, got.Type, got.Nullable, want)
		}
	}
}

// TestStandardColumns: tables unite because each has all standard columns.
func TestStandardColumns(t *testing.T) {
	s := Schema{ARN: "Arn", Tags: "TagList", Owner: &Owner{AccountID: "OwnerId"}, Columns: []Column{{Name: "id", Source: "Id"}}}
	var got []string
	for _, c := range s.AllColumns() {
		got = append(got, c.Name+"="+c.Source)
		if c.Name != "id" && !IsStandard(c.Name) {
			t.Errorf("IsStandard(%q): got false, want true", c.Name)
		}
	}
	want := "partition= account_id=OwnerId region= arn=Arn tags=TagList id=Id not_collected= source= collected_account_id= collected_region= run_id= extracted_at="
	if g := strings.Join(got, " "); g != want {
		t.Errorf("columns:\ngot  %s\nwant %s", g, want)
	}
	if plain := (&Schema{}).AllColumns(); plain[1].Source != "" || plain[3].Source != "" {
		t.Errorf("columns of a schema without sources: got %+v, want none: another schema's sources must not stay", plain[:5])
	}
}

func TestHash(t *testing.T) {
	parse := func(text string) *Schema {
		s, err := Parse("f", []byte(text))
		if err != nil {
			t.Fatalf("%s: %v", text, err)
		}
		return s
	}
	nested := func(described string) string {
		return id + `,{"name":"a","type":"struct","source":"A","fields":[{"name":"b","type":"utf8","source":"B"` + described + `}]}`
	}
	base := parse(file(nested(""))).Hash()
	for _, c := range []struct {
		name, text string
		same       bool
	}{
		{"the same", file(nested("")), true},
		{"another description", file(nested(""), "Rows.", "Other words."), true},
		{"a field described", file(nested(`,"description":"B."`)), true},
		{"redaction", file(nested(`,"redact":"secret"`)), false},
		{"a source", file(nested(""), `"source":"Id"`, `"source":"ID"`), false},
		{"the key", file(nested(""), `"account_id","id"`, `"id"`), false},
		{"the ARN", file(nested(""), `"key"`, `"arn":"Arn","key"`), false},
	} {
		if got := parse(c.text).Hash(); (got == base) != c.same {
			t.Errorf("%s: got hash %s and %s, want equal: %t", c.name, got, base, c.same)
		}
	}
}

// TestFormat keeps the committed files as schemagen writes them.
func TestFormat(t *testing.T) {
	names, err := filepath.Glob("../../schemas/*.v*.json")
	if err != nil || len(names) == 0 {
		t.Fatalf("schema files: got %d, %v, want some", len(names), err)
	}
	for _, name := range names {
		text, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		s, err := Parse(name, text)
		if err != nil {
			t.Error(err)
			continue
		}
		if got := s.Format(); !bytes.Equal(got, text) {
			t.Errorf("%s: Format: got\n%.3000s\nwant the file as it is", name, got)
		}
	}
}

func FuzzParse(f *testing.F) {
	f.Add([]byte(file(id)))
	f.Add([]byte(file(id + `,{"name":"a","type":"map<utf8,struct>","source":"A","redact":"secret","fields":[{"name":"b","type":"json","source":"B.C","secrets":["D"]}]}`)))
	f.Add([]byte(file("", `"account_id","id"`, `"account_id"`)))
	f.Add([]byte(file(`{"name":"id","type":"timestamp"}`, `"key"`, `"internal":true,"key"`)))
	f.Fuzz(func(t *testing.T, text []byte) {
		s, err := Parse("f", text)
		if err != nil {
			return
		}
		if s.Columns == nil {
			s.Columns = []Column{} // Format writes the list, also where it is empty
		}
		again, err := Parse("f", s.Format())
		if err != nil {
			t.Fatalf("%q: Format gives %q, which is refused: %v", text, s.Format(), err)
		}
		if again.Hash() != s.Hash() || !bytes.Equal(again.Format(), s.Format()) {
			t.Errorf("%q: after Format: got %s, want %s", text, again.Format(), s.Format())
		}
		if !reflect.DeepEqual(s.Arrow().Fields(), again.Arrow().Fields()) {
			t.Errorf("%q: after Format: got %s, want %s", text, again.Arrow(), s.Arrow())
		}
	})
}
