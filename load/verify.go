package load

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"

	"github.com/parquet-go/parquet-go"
	"github.com/parquet-go/parquet-go/format"

	"stocktake/internal/schema"
)

// Contents is what a Parquet file is to hold.
type Contents struct {
	Schema string // "<table>.v<major>"
	Hash   string // of the schema; "" accepts any
	Rows   int64
	Bytes  int64
	SHA256 string
}

// verifyPath is verifyFile of a file of this machine.
func verifyPath(path string, want Contents) (leaves []leaf, err error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	info, err := f.Stat()
	if err != nil {
		return nil, err
	}
	return verifyFile(f, info.Size(), want)
}

// verifyFile reads a file with another implementation of Parquet than the one
// that wrote it: all pages, their values and counts, the metadata and the
// checksum. It returns the names and types of the columns.
func verifyFile(in io.ReaderAt, size int64, want Contents) (leaves []leaf, err error) {
	defer func() {
		if p := recover(); p != nil { // so the reader ends on some damage
			leaves, err = nil, fmt.Errorf("read the file: %v", p)
		}
	}()
	if size != want.Bytes {
		return nil, fmt.Errorf("%d bytes, expected %d", size, want.Bytes)
	}
	sum := sha256.New()
	if _, err := io.Copy(sum, io.NewSectionReader(in, 0, size)); err != nil {
		return nil, fmt.Errorf("read the file: %w", err)
	}
	if got := hex.EncodeToString(sum.Sum(nil)); got != want.SHA256 {
		return nil, fmt.Errorf("checksum %s, expected %s", got, want.SHA256)
	}
	f, err := parquet.OpenFile(in, size, parquet.SkipBloomFilters(true))
	if err != nil {
		return nil, fmt.Errorf("read footer: %w", err)
	}
	if f.NumRows() != want.Rows {
		return nil, fmt.Errorf("%d rows, expected %d", f.NumRows(), want.Rows)
	}
	if err := verifyMetadata(f, want); err != nil {
		return nil, err
	}
	counted := int64(0)
	for i, g := range f.RowGroups() {
		counted += g.NumRows()
		for _, c := range g.ColumnChunks() {
			if err := verifyColumn(c, g.NumRows()); err != nil {
				return nil, fmt.Errorf("row group %d: column %s: %w", i, columnPath(f, c.Column()), err)
			}
		}
	}
	if counted != want.Rows {
		return nil, fmt.Errorf("row groups of %d rows, expected %d", counted, want.Rows)
	}
	return fileLeaves(f.Root(), nil), nil
}

func columnPath(f *parquet.File, column int) string {
	return strings.Join(f.Schema().Columns()[column], ".")
}

func verifyMetadata(f *parquet.File, want Contents) error {
	table, _ := f.Lookup(schema.MetaTable)
	version, _ := f.Lookup(schema.MetaVersion)
	major, _, _ := strings.Cut(version, ".")
	if got := table + ".v" + major; got != want.Schema {
		return fmt.Errorf("metadata names schema %s, expected %s", got, want.Schema)
	}
	if hash, _ := f.Lookup(schema.MetaHash); want.Hash != "" && hash != want.Hash {
		return fmt.Errorf("metadata names schema hash %s, expected %s", hash, want.Hash)
	}
	return nil
}

// verifyColumn decodes all pages of a column and counts.
func verifyColumn(c parquet.ColumnChunk, rows int64) (err error) {
	pages := c.Pages()
	defer func() { err = errors.Join(err, pages.Close()) }()
	gotRows, gotValues := int64(0), int64(0)
	for {
		p, err := pages.ReadPage()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return fmt.Errorf("read page: %w", err)
		}
		gotRows += p.NumRows()
		gotValues += p.NumValues()
		parquet.Release(p)
	}
	if gotRows != rows {
		return fmt.Errorf("pages of %d rows, expected %d", gotRows, rows)
	}
	if gotValues != c.NumValues() {
		return fmt.Errorf("pages of %d values, expected %d", gotValues, c.NumValues())
	}
	return nil
}

// fileLeaves describes the columns that a file has.
func fileLeaves(c *parquet.Column, out []leaf) []leaf {
	if !c.Leaf() {
		for _, child := range c.Columns() {
			out = fileLeaves(child, out)
		}
		return out
	}
	return append(out, leaf{c.Path(), fileKind(c.Type()), c.MaxDefinitionLevel(), c.MaxRepetitionLevel()})
}

func fileKind(t parquet.Type) string {
	physical := t.Kind().String()
	logical := ""
	if l := t.LogicalType(); l != nil {
		switch v := l.Value.(type) {
		case *format.TimestampType:
			if _, micro := v.Unit.Value.(*format.MicroSeconds); micro && v.IsAdjustedToUTC {
				return "TIMESTAMP"
			}
			logical = l.String()
		case *format.IntType:
			if v.IsSigned && physical == fmt.Sprintf("INT%d", v.BitWidth) {
				return physical
			}
			logical = l.String()
		default:
			logical = l.String()
		}
	}
	switch physical + " " + logical {
	case "BYTE_ARRAY STRING":
		return "STRING"
	case "BYTE_ARRAY JSON":
		return "JSON"
	case "BYTE_ARRAY ":
		return "BINARY"
	}
	return strings.TrimSpace(physical + " " + logical)
}

// compareLeaves reports the first column that is not as the schema has it.
func compareLeaves(got, want []leaf) error {
	for i := range max(len(got), len(want)) {
		g, w := "nothing", "nothing"
		if i < len(got) {
			g = got[i].String()
		}
		if i < len(want) {
			w = want[i].String()
		}
		if g != w {
			return fmt.Errorf("column %d is %s, expected %s", i, g, w)
		}
	}
	return nil
}

func (l leaf) String() string {
	return fmt.Sprintf("%s %s (levels %d, %d)", strings.Join(l.path, "."), l.kind, l.definition, l.repetition)
}
