package conformance

import (
	"errors"
	"io"
	"os"
	"slices"
	"testing"

	"github.com/parquet-go/parquet-go"

	"stocktake/internal/schema"
)

// row is a row of a file by column: text, numbers as int64 or float64, bool,
// times as microseconds, lists as []any, maps and structs as map[string]any,
// JSON as its text, NULL as nil.
type row map[string]any

// readParquet reads a file with another implementation than the one that wrote it.
func readParquet(t *testing.T, path string, s *schema.Schema) []row {
	t.Helper()
	in, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer in.Close()
	info, err := in.Stat()
	if err != nil {
		t.Fatal(err)
	}
	f, err := parquet.OpenFile(in, info.Size())
	if err != nil {
		t.Fatalf("open %s: %v", path, err)
	}
	var rows []row
	for _, g := range f.RowGroups() {
		from := g.Rows()
		buffer := make([]parquet.Row, 64)
		for {
			n, err := from.ReadRows(buffer)
			for _, r := range buffer[:n] {
				rows = append(rows, assemble(f.Schema(), r))
			}
			if errors.Is(err, io.EOF) {
				break
			}
			if err != nil {
				t.Fatalf("read %s: %v", path, err)
			}
		}
		if err := from.Close(); err != nil {
			t.Fatalf("read %s: %v", path, err)
		}
	}
	if len(rows) > 0 && len(rows[0]) != len(s.AllColumns()) {
		t.Fatalf("%s: got %d columns, want %d", path, len(rows[0]), len(s.AllColumns()))
	}
	return rows
}

// assemble puts a row together from its leaves, by their levels.
func assemble(s *parquet.Schema, values parquet.Row) row {
	leaves := make([][]parquet.Value, len(s.Columns()))
	for _, v := range values {
		leaves[v.Column()] = append(leaves[v.Column()], v)
	}
	return group(s, leaves, 0, 0)
}

func group(n parquet.Node, leaves [][]parquet.Value, definition, repetition int) map[string]any {
	out := map[string]any{}
	for _, f := range n.Fields() {
		width := countLeaves(f)
		out[f.Name()] = field(f, leaves[:width], definition, repetition)
		leaves = leaves[width:]
	}
	return out
}

func countLeaves(n parquet.Node) int {
	if n.Leaf() {
		return 1
	}
	sum := 0
	for _, f := range n.Fields() {
		sum += countLeaves(f)
	}
	return sum
}

func field(n parquet.Node, leaves [][]parquet.Value, definition, repetition int) any {
	if n.Optional() {
		definition++
		if leaves[0][0].DefinitionLevel() < definition {
			return nil
		}
	}
	if !n.Repeated() {
		return body(n, leaves, definition, repetition)
	}
	definition++
	repetition++
	list := []any{}
	if leaves[0][0].DefinitionLevel() < definition {
		return list
	}
	for len(leaves[0]) > 0 {
		element := make([][]parquet.Value, len(leaves))
		rest := make([][]parquet.Value, len(leaves))
		for i, l := range leaves {
			end := slices.IndexFunc(l[1:], func(v parquet.Value) bool { return v.RepetitionLevel() <= repetition }) + 1
			if end == 0 {
				end = len(l)
			}
			element[i], rest[i] = l[:end], l[end:]
		}
		list = append(list, body(n, element, definition, repetition))
		leaves = rest
	}
	return list
}

func body(n parquet.Node, leaves [][]parquet.Value, definition, repetition int) any {
	if n.Leaf() {
		return leaf(leaves[0][0])
	}
	g := group(n, leaves, definition, repetition)
	if list, ok := g["list"].([]any); ok && len(g) == 1 {
		for i := range list {
			list[i] = list[i].(map[string]any)["element"]
		}
		return list
	}
	if entries, ok := g["key_value"].([]any); ok && len(g) == 1 {
		m := map[string]any{}
		for _, e := range entries {
			kv := e.(map[string]any)
			m[kv["key"].(string)] = kv["value"]
		}
		return m
	}
	return g
}

func leaf(v parquet.Value) any {
	switch v.Kind() {
	case parquet.Boolean:
		return v.Boolean()
	case parquet.Int32:
		return int64(v.Int32())
	case parquet.Int64:
		return v.Int64()
	case parquet.Double:
		return v.Double()
	}
	return string(v.ByteArray())
}
