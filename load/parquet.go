package load

import (
	"bufio"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"hash"
	"os"
	"strings"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/parquet"
	"github.com/apache/arrow-go/v18/parquet/compress"
	"github.com/apache/arrow-go/v18/parquet/pqarrow"

	"stocktake/internal/rowmerge"
	"stocktake/internal/schema"
	"stocktake/internal/spool"
)

// File is a Parquet file on the local disk, before it goes to the warehouse.
type File struct {
	Path   string `json:"path"`
	Rows   int64  `json:"rows"`
	Bytes  int64  `json:"bytes"`
	SHA256 string `json:"sha256"`
}

// MetaRun is the key of the run ID in the metadata of a Parquet file, beside
// the keys of the schema.
const MetaRun = "stocktake.run_id"

// Bounds of a row group. Its pages stay in memory, compressed, until it is
// full, so the bytes bound memory where rows are wide.
const (
	groupRows  = 122_880
	groupBytes = 64 << 20 // of rows in memory
)

// Sizes within a column. A dictionary that outgrows its limit is of a column
// whose values hardly repeat: it is given up early, since DuckDB's own files
// are larger with it and the hashing costs a fifth of the time. Small pages
// bound what a table of two hundred columns holds in memory.
const (
	dictionaryBytes = 64 << 10
	pageBytes       = 256 << 10
	statisticsBytes = 256 // longer minima and maxima help no reader
)

// parquetWriter writes one file, and its checksum on the way.
type parquetWriter struct {
	path  string
	file  *os.File
	out   *counter
	rows  *pqarrow.FileWriter
	count int64
	group int64 // bytes in the row group
	inRow int64 // rows in the row group
}

// counter passes bytes on to the file and sums them. It hides the file's Close
// from the Parquet writer, which would close it early.
type counter struct {
	out  *bufio.Writer
	sum  hash.Hash
	size int64
}

func (c *counter) Write(b []byte) (int, error) {
	c.sum.Write(b) // a hash never fails
	c.size += int64(len(b))
	return c.out.Write(b)
}

func createParquet(path string, sch *schema.Schema, runID, version string) (*parquetWriter, error) {
	f, err := os.Create(path)
	if err != nil {
		return nil, fmt.Errorf("create table file: %w", err)
	}
	w := &parquetWriter{path: path, file: f, out: &counter{out: bufio.NewWriterSize(f, 1<<16), sum: sha256.New()}}
	w.rows, err = pqarrow.NewFileWriter(sch.Arrow(), w.out, properties(sch, version), pqarrow.NewArrowWriterProperties(pqarrow.WithStoreSchema()))
	if err == nil {
		err = w.rows.AppendKeyValueMetadata(MetaRun, runID)
	}
	if err != nil {
		return nil, errors.Join(fmt.Errorf("begin Parquet file %s: %w", path, err), w.abort())
	}
	return w, nil
}

// properties are chosen for what all engines read: PLAIN and dictionary
// encoding in version 1 pages. Delta encodings would save two percent.
func properties(sch *schema.Schema, version string) *parquet.WriterProperties {
	options := []parquet.WriterProperty{
		// Readers recognize statistics as sound by this form of the name.
		parquet.WithCreatedBy("stocktake version " + version),
		parquet.WithRootRepetition(parquet.Repetitions.Required),
		parquet.WithCompression(compress.Codecs.Zstd),
		parquet.WithCompressionLevel(1),
		parquet.WithMaxRowGroupLength(groupRows),
		parquet.WithDataPageSize(pageBytes),
		parquet.WithDictionaryPageSizeLimit(dictionaryBytes),
		parquet.WithPageIndexEnabled(true),
		parquet.WithMaxStatsSize(statisticsBytes),
	}
	leaves := leavesOf(sch.Arrow())
	first := map[string]int{}
	for i, l := range leaves {
		if _, ok := first[l.path[0]]; !ok {
			first[l.path[0]] = i
		}
		if l.kind == "JSON" || l.kind == "BINARY" {
			options = append(options, parquet.WithStatsFor(strings.Join(l.path, "."), false))
		}
	}
	var sorting []parquet.SortingColumn
	for _, name := range spool.SortColumns(sch) {
		sorting = append(sorting, parquet.SortingColumn{ColumnIdx: int32(first[name]), NullsFirst: true})
	}
	for _, name := range identifiers(sch) {
		options = append(options, parquet.WithDictionaryFor(name, false))
	}
	return parquet.NewWriterProperties(append(options, parquet.WithSortingColumns(sorting))...)
}

// identifiers returns the columns in which no value repeats.
func identifiers(sch *schema.Schema) []string {
	var names []string
	if !sch.Internal {
		names = append(names, "arn")
	}
	if columns := spool.SortColumns(sch); len(sch.Key) == 1 {
		names = append(names, columns[len(columns)-1])
	}
	return names
}

// write appends rows; batches of a few thousand rows are best.
func (w *parquetWriter) write(rec arrow.RecordBatch) error {
	size := rowmerge.Size(rec)
	if w.group > 0 && (w.group+size > groupBytes || w.inRow+rec.NumRows() > groupRows) {
		if err := w.rows.NewBufferedRowGroupChecked(); err != nil {
			return fmt.Errorf("write %s: %w", w.path, err)
		}
		w.group, w.inRow = 0, 0
	}
	if err := w.rows.WriteBuffered(rec); err != nil {
		return fmt.Errorf("write %s: %w", w.path, err)
	}
	w.group += size
	w.inRow += rec.NumRows()
	w.count += rec.NumRows()
	return nil
}

// close finishes the file. It is not durable yet: that is for the store, which
// may copy it elsewhere.
func (w *parquetWriter) close() (File, error) {
	if err := errors.Join(w.rows.Close(), w.out.out.Flush(), w.file.Close()); err != nil {
		return File{}, errors.Join(fmt.Errorf("write %s: %w", w.path, err), os.Remove(w.path))
	}
	return File{Path: w.path, Rows: w.count, Bytes: w.out.size, SHA256: hex.EncodeToString(w.out.sum.Sum(nil))}, nil
}

// abort removes the file.
func (w *parquetWriter) abort() error {
	return errors.Join(w.file.Close(), os.Remove(w.path))
}

// leaf is a column of a Parquet file, as it is to be for a schema.
type leaf struct {
	path       []string
	kind       string // what leafKinds gives a name to
	definition int
	repetition int
}

// leavesOf returns the columns that an Arrow schema has in Parquet.
func leavesOf(sc *arrow.Schema) []leaf {
	var out []leaf
	for _, f := range sc.Fields() {
		out = appendLeaves(out, f.Type, leaf{path: []string{f.Name}, definition: 1})
	}
	return out
}

func appendLeaves(out []leaf, dt arrow.DataType, at leaf) []leaf {
	child := func(definition, repetition int, names ...string) leaf {
		return leaf{path: append(append([]string{}, at.path...), names...), definition: at.definition + definition, repetition: at.repetition + repetition}
	}
	switch t := dt.(type) {
	case *arrow.StructType:
		for _, f := range t.Fields() {
			out = appendLeaves(out, f.Type, child(1, 0, f.Name))
		}
		return out
	case *arrow.MapType:
		out = appendLeaves(out, t.KeyType(), child(1, 1, "key_value", "key")) // keys are required
		return appendLeaves(out, t.ItemType(), child(2, 1, "key_value", "value"))
	case *arrow.ListType:
		return appendLeaves(out, t.Elem(), child(2, 1, "list", "element"))
	}
	at.kind = kindOf(dt)
	return append(out, at)
}

// kindOf names the physical and logical type of a leaf in one word.
func kindOf(dt arrow.DataType) string {
	switch dt.ID() {
	case arrow.EXTENSION:
		return "JSON"
	case arrow.STRING:
		return "STRING"
	case arrow.BINARY:
		return "BINARY"
	case arrow.BOOL:
		return "BOOLEAN"
	case arrow.INT32:
		return "INT32"
	case arrow.INT64:
		return "INT64"
	case arrow.FLOAT64:
		return "DOUBLE"
	case arrow.TIMESTAMP:
		return "TIMESTAMP"
	}
	return dt.String()
}
