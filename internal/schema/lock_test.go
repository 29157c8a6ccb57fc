package schema

import (
	"slices"
	"strings"
	"testing"
)

func TestCheck(t *testing.T) {
	released := func() *Schema {
		return &Schema{Table: "aws_x", Version: 1, Minor: 3, Key: []string{"id"}, Columns: []Column{
			{Name: "id", Type: "utf8", Source: "Id"},
			{Name: "parts", Type: "list<struct>", Source: "Parts", Fields: []Column{{Name: "size", Type: "int32", Source: "Size"}}},
		}}
	}
	lock := Lock{"aws_x.v1": released().Locked()}
	for _, c := range []struct {
		name string
		edit func(*Schema)
		want []string // one for each problem
	}{
		{"as released", func(*Schema) {}, nil},
		{"described", func(s *Schema) { s.Description, s.Columns[0].Description = "Rows.", "Its name." }, nil},
		{"another source", func(s *Schema) { s.Columns[0].Source = "ID" }, nil},
		{"in another order", func(s *Schema) { slices.Reverse(s.Columns) }, nil},
		{"minor alone", func(s *Schema) { s.Minor++ }, nil},
		{"added with a minor", func(s *Schema) { s.Minor++; s.Columns = append(s.Columns, Column{Name: "new", Type: "utf8"}) }, nil},
		{"added", func(s *Schema) { s.Columns = append(s.Columns, Column{Name: "new", Type: "utf8"}) }, []string{"raise minor above 3"}},
		{"added within a struct", func(s *Schema) {
			s.Columns[1].Fields = append(s.Columns[1].Fields, Column{Name: "new", Type: "utf8"})
		}, []string{"raise minor above 3"}},
		{"removed", func(s *Schema) { s.Minor++; s.Columns = s.Columns[:1] }, []string{`"parts list<struct>"`, `"parts.size int32"`}},
		{"renamed", func(s *Schema) { s.Minor++; s.Columns[0].Name = "name" }, []string{`"id utf8" was removed, renamed or retyped`}},
		{"retyped", func(s *Schema) { s.Minor++; s.Columns[0].Type = "int64" }, []string{`"id utf8" was removed, renamed or retyped`}},
		{"retyped within a struct", func(s *Schema) { s.Minor++; s.Columns[1].Fields[0].Type = "int64" }, []string{`"parts.size int32"`}},
		{"incremental with a minor", func(s *Schema) { s.Minor++; s.Incremental = true }, nil},
		{"incremental", func(s *Schema) { s.Incremental = true }, []string{"became incremental: raise minor above 3"}},
		{"events", func(s *Schema) { s.Minor++; s.EventTime = "id" }, []string{`changed from "" to "events by id": write a new major version`}},
		{"another key", func(s *Schema) { s.Minor++; s.Key = []string{"account_id", "id"} }, []string{"the key changed from [id] to [account_id id]"}},
	} {
		s := released()
		c.edit(s)
		checkProblems(t, c.name, lock.Check(map[string]*Schema{s.ID(): s}), c.want, "schemas/aws_x.v1.json")
	}

	next := released()
	next.Version = 2
	checkProblems(t, "new major, old one gone", lock.Check(map[string]*Schema{next.ID(): next}), []string{"aws_x.v1.json is gone", "aws_x.v2.json is not in schemas/lock.json"}, "schemas/aws_x.v")
	checkProblems(t, "new major beside the old", lock.Check(map[string]*Schema{next.ID(): next, "aws_x.v1": released()}), []string{"aws_x.v2.json is not in schemas/lock.json"}, "schemas/aws_x.v2")
}

// checkProblems wants exactly one problem for each text, in order of the text.
func checkProblems(t *testing.T, name string, got, want []string, file string) {
	t.Helper()
	ok := len(got) == len(want)
	for i := 0; ok && i < len(want); i++ {
		ok = strings.Contains(got[i], want[i]) && strings.Contains(got[i], file)
	}
	if !ok || !slices.IsSorted(got) {
		t.Errorf("%s: got %q, want %q", name, got, want)
	}
}
