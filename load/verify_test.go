package load

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"math/rand/v2"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/parquet-go/parquet-go"

	"stocktake/internal/outcome"
	"stocktake/internal/rowmerge/rowtest"
	"stocktake/internal/schema"
	"stocktake/internal/spool"
)

// written writes a file of rows with every type.
func written(t testing.TB, sch *schema.Schema, rows int) (File, []byte) {
	t.Helper()
	s := newSpool(t)
	id := spool.UnitID{Source: "one", Collector: "c", Account: admin, Region: "eu-west-1"}
	all := entry("one", "*", "*", "", admin, outcome.OK)
	all.CollectedRegion = id.Region
	in := TableInput{Schema: sch, Spool: s, Entries: []Entry{all}, Now: testTime, Staging: t.TempDir(), RunID: "run-1", Version: "1.2.3"}
	if rows > 0 {
		in.Units = []Unit{spoolUnit(t, s, sch, id, outcome.OK, rowtest.Random(sch.Arrow(), rand.New(rand.NewPCG(1, 1)), rows))}
	}
	out, err := Table(t.Context(), in)
	if err != nil {
		t.Fatal(err)
	}
	data, err := os.ReadFile(out.File.Path)
	if err != nil {
		t.Fatal(err)
	}
	return out.File, data
}

func sum(data []byte) string {
	s := sha256.Sum256(data)
	return hex.EncodeToString(s[:])
}

func TestFileProperties(t *testing.T) {
	sch := rowtest.Every()
	for _, rows := range []int{0, 500} {
		file, data := written(t, sch, rows)
		if file.Bytes != int64(len(data)) || file.SHA256 != sum(data) {
			t.Errorf("%d rows: File says %d bytes with checksum %s, found %d with %s", rows, file.Bytes, file.SHA256, len(data), sum(data))
		}
		f, err := parquet.OpenFile(bytes.NewReader(data), int64(len(data)))
		if err != nil {
			t.Fatal(err)
		}
		for key, want := range map[string]string{schema.MetaTable: "test_every", schema.MetaVersion: "1.0", schema.MetaHash: sch.Hash(), MetaRun: "run-1"} {
			if got, _ := f.Lookup(key); got != want {
				t.Errorf("%d rows: metadata %s is %q, want %q", rows, key, got, want)
			}
		}
		m := f.Metadata()
		if m.CreatedBy != "stocktake version 1.2.3" {
			t.Errorf("created by %q", m.CreatedBy)
		}
		if r := m.Schema[0].RepetitionType; r.Valid && r.V.String() != "REQUIRED" {
			t.Errorf("the root's repetition is %v, want REQUIRED or none", r.V)
		}
		for _, g := range m.RowGroups {
			var columns []string
			for _, c := range g.SortingColumns {
				if c.Descending || !c.NullsFirst {
					t.Errorf("sorting column %+v, want ascending with nulls first", c)
				}
				columns = append(columns, strings.Join(f.Schema().Columns()[c.ColumnIdx], "."))
			}
			if want := []string{"account_id", "region", "name", "number"}; !slices.Equal(columns, want) {
				t.Errorf("sorting columns %q, want %q", columns, want)
			}
			for _, c := range g.Columns {
				if codec := c.MetaData.Codec.String(); codec != "ZSTD" {
					t.Errorf("column %v is compressed with %s, want ZSTD", c.MetaData.PathInSchema, codec)
				}
				if c.OffsetIndexOffset == 0 {
					t.Errorf("column %v has no page index", c.MetaData.PathInSchema)
				}
			}
		}
		if got := f.NumRows(); got != file.Rows {
			t.Errorf("%d rows in the footer, want %d", got, file.Rows)
		}
	}
}

func TestVerify(t *testing.T) {
	sch := rowtest.Every()
	file, data := written(t, sch, 500)
	good := Contents{sch.ID(), sch.Hash(), file.Rows, file.Bytes, file.SHA256}
	for _, test := range []struct {
		name string
		bend func(c *Contents, data []byte) []byte
		want string
	}{
		{"as it is", func(_ *Contents, d []byte) []byte { return d }, ""},
		{"truncated", func(_ *Contents, d []byte) []byte { return d[:len(d)-1] }, "bytes, expected"},
		{"one bit", func(_ *Contents, d []byte) []byte { d[len(d)/2] ^= 1; return d }, "checksum"},
		{"no Parquet", func(c *Contents, d []byte) []byte { clear(d); c.SHA256 = sum(d); return d }, "read footer"},
		{"another row count", func(c *Contents, d []byte) []byte { c.Rows++; return d }, "rows, expected"},
		{"another table", func(c *Contents, d []byte) []byte { c.Schema = "other.v1"; return d }, "metadata names schema test_every.v1, expected other.v1"},
		{"another schema", func(c *Contents, d []byte) []byte { c.Hash = "0"; return d }, "schema hash"},
	} {
		c := good
		d := test.bend(&c, slices.Clone(data))
		_, err := verifyFile(bytes.NewReader(d), int64(len(d)), c)
		if test.want == "" && err != nil || test.want != "" && (err == nil || !strings.Contains(err.Error(), test.want)) {
			t.Errorf("%s: %v, want an error with %q", test.name, err, test.want)
		}
	}
}

// With the checksum out of the way, damage must be found or be harmless; it
// must never end the process.
func TestVerifyDamagedPages(t *testing.T) {
	sch := rowtest.Every()
	file, data := written(t, sch, 500)
	rng := rand.New(rand.NewPCG(1, 1))
	found := 0
	const tries = 400
	for range tries {
		d := slices.Clone(data)
		for range 8 {
			d[4+rng.IntN(len(d)-12)] = byte(rng.Uint32())
		}
		if _, err := verifyFile(bytes.NewReader(d), int64(len(d)), Contents{sch.ID(), sch.Hash(), file.Rows, file.Bytes, sum(d)}); err != nil {
			found++
		}
	}
	if found < tries/2 {
		t.Errorf("damage was found in %d of %d files", found, tries)
	}
}

func TestVerifyComparesColumns(t *testing.T) {
	sch := rowtest.Every()
	file, _ := written(t, sch, 0)
	other := rowtest.Parse(strings.Replace(string(sch.Format()), `"type":"int32"`, `"type":"int64"`, 1))
	err := verifyWritten(file, target{schema: sch, arrow: other.Arrow()})
	if err == nil || !strings.Contains(err.Error(), "is small INT32 (levels 1, 0), expected small INT64 (levels 1, 0)") {
		t.Errorf("verify under another schema: %v, want an error that names the column", err)
	}
}
