package wiretest

import (
	"context"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/apache/arrow-go/v18/arrow/memory"
	"github.com/apache/arrow-go/v18/parquet/file"
	"github.com/apache/arrow-go/v18/parquet/pqarrow"
	"github.com/aws/aws-sdk-go-v2/aws"

	"stocktake/extract"
	"stocktake/extract/all"
	"stocktake/internal/config"
	"stocktake/internal/pipeline"
	"stocktake/internal/spool"
	"stocktake/load"
	"stocktake/load/store/local"
)

const region = "us-east-1"

// first is when the first run of a scene begins.
var first = time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC)

func TestWire(t *testing.T) {
	isolate(t)
	names, err := filepath.Glob(filepath.Join("testdata", "*", "*.txt"))
	if err != nil || len(names) == 0 {
		t.Fatalf("list the files of testdata: got %q, %v", names, err)
	}
	for _, name := range names {
		t.Run(strings.TrimSuffix(filepath.ToSlash(name[len("testdata/"):]), ".txt"), func(t *testing.T) { play(t, parse(t, name)) })
	}
}

// isolate hides what the machine says of AWS.
func isolate(t *testing.T) {
	for _, v := range os.Environ() {
		if name, value, _ := strings.Cut(v, "="); strings.HasPrefix(name, "AWS_") {
			t.Setenv(name, value) // so that the end of the test brings it back
			os.Unsetenv(name)
		}
	}
	for name, value := range map[string]string{
		"AWS_EC2_METADATA_DISABLED": "true", "AWS_CONFIG_FILE": os.DevNull, "AWS_SHARED_CREDENTIALS_FILE": os.DevNull,
	} {
		t.Setenv(name, value)
	}
}

// play does the runs of a scene, and compares the warehouse with what the scene
// expects of each.
func play(t *testing.T, s *scene) {
	c := configuration(t, s)
	store, err := local.Open(c.Warehouse)
	if err != nil {
		t.Fatal(err)
	}
	for _, r := range s.runs {
		left := r.play(t, c, store)
		for _, secret := range s.secrets {
			if strings.Contains(left, secret) {
				t.Errorf("%q is in a row or in the coverage", secret)
			}
		}
	}
	for _, secret := range s.secrets {
		if !strings.Contains(s.sent(), secret) {
			t.Errorf("%q is in no answer: there is nothing to leave out", secret)
		}
	}
}

// play does a run and returns the text of what is left of its answers.
func (r *run) play(t *testing.T, c *config.File, store *local.Store) string {
	t.Helper()
	server := serve(t, r)
	result, err := pipeline.Run(t.Context(), pipeline.Options{
		Config: c, Store: store, Collectors: all.Collectors, Streams: all.Streams, Observer: quiet{}, Program: "test",
		Now: func() time.Time { return r.at },
		Base: func(ctx context.Context, keys *config.Keys, region string) (aws.Config, error) {
			cfg, err := extract.AWS(c)(ctx, keys, region)
			cfg.BaseEndpoint = &server.URL
			return cfg, err
		},
	})
	if err != nil {
		t.Fatal(err)
	}
	server.unasked(t)
	covered := map[string]load.CoverageRow{}
	for row := range result.Coverage {
		covered[row.TableName] = row
	}
	left := encoded(result.Coverage)
	for _, want := range r.tables {
		row := covered[want.name]
		if got := (table{want.name, string(row.Outcome), row.ErrorCode, row.IncompleteColumns, nil}); !got.says(want) {
			t.Errorf("%s: got %q, code %q, without %q (%s), want %q, code %q, without %q",
				want.name, got.outcome, got.code, got.missing, row.ErrorMessage, want.outcome, want.code, want.missing)
		}
		if row.DuplicateRows > 0 {
			t.Errorf("%s: got %d rows twice, want none", want.name, row.DuplicateRows)
		}
		rows, text := stored(t, store.Root(), want.name)
		compare(t, want, rows)
		left += text
	}
	return left
}

// configuration is of one account that is reached with keys.
func configuration(t *testing.T, s *scene) *config.File {
	t.Helper()
	services, tables := map[string]bool{}, []string{}
	for _, c := range all.Collectors {
		services[c.Service.Name] = true
	}
	for _, d := range extract.Discovery {
		services[d.Service.Name] = true
	}
	for _, table := range s.runs[0].tables {
		tables = append(tables, table.name)
	}
	var text strings.Builder
	fmt.Fprintf(&text, "warehouse: warehouse\nretry: {max_attempts: 1}\nrates:\n")
	for _, service := range slices.Sorted(maps.Keys(services)) {
		fmt.Fprintf(&text, "  %s: {per_second: 10000, burst: 10000}\n", service)
	}
	fmt.Fprintf(&text, "sources:\n  - {name: wire, regions: [%s], collect: [%s], keys: {access_key_id: AKIAIOSFODNN7EXAMPLE, secret_access_key: key}}\n%s",
		region, strings.Join(tables, ", "), s.config)
	name := filepath.Join(t.TempDir(), "stocktake.yaml")
	if err := os.WriteFile(name, []byte(text.String()), 0o600); err != nil {
		t.Fatal(err)
	}
	c, err := config.Load(name, nil)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// stored returns the rows that the warehouse has of a table, in the order of
// their keys, and their text.
func stored(t *testing.T, root, table string) (rows []any, text string) {
	t.Helper()
	var names []string
	for _, pattern := range []string{"current/" + table + ".parquet", "events/" + table + "/v*/*/*.parquet"} {
		found, err := filepath.Glob(filepath.Join(root, filepath.FromSlash(pattern)))
		if err != nil {
			t.Fatal(err)
		}
		names = append(names, found...)
	}
	for _, name := range names {
		f, err := file.OpenParquetFile(name, false)
		if err != nil {
			t.Fatal(err)
		}
		reader, err := pqarrow.NewFileReader(f, pqarrow.ArrowReadProperties{BatchSize: 1000}, memory.DefaultAllocator)
		if err != nil {
			t.Fatal(err)
		}
		batches, err := reader.GetRecordReader(t.Context(), nil, nil)
		if err != nil {
			t.Fatal(err)
		}
		for batches.Next() {
			some, err := batches.RecordBatch().MarshalJSON()
			if err != nil {
				t.Fatal(err)
			}
			rows = append(rows, decoded(t, name, string(some)).([]any)...)
			text += string(some)
		}
		batches.Release()
		if err := f.Close(); err != nil {
			t.Fatal(err)
		}
	}
	return rows, text
}

// compare expects the rows in their order; of each, those columns and fields
// that the scene names.
func compare(t *testing.T, want table, rows []any) {
	t.Helper()
	for i, row := range rows {
		if i >= len(want.rows) {
			t.Errorf("%s, row %d: got %s, want no more rows", want.name, i+1, encoded(row))
		} else if at := differs(row, want.rows[i]); at != "" {
			t.Errorf("%s, row %d: %s; the row is %s", want.name, i+1, at, encoded(row))
		}
	}
	if len(rows) < len(want.rows) {
		t.Errorf("%s: got %d rows, want %d", want.name, len(rows), len(want.rows))
	}
}

// differs says where got is not what want says of it, "" for nowhere.
func differs(got, want any) string {
	switch want := want.(type) {
	case map[string]any:
		fields, ok := got.(map[string]any)
		if !ok {
			break
		}
		for _, name := range slices.Sorted(maps.Keys(want)) {
			value, has := fields[name]
			if !has {
				return "." + name + ": there is none"
			}
			if at := differs(value, want[name]); at != "" {
				return "." + name + at
			}
		}
		return ""
	case []any:
		items, ok := got.([]any)
		if !ok || len(items) != len(want) {
			break
		}
		for i := range want {
			if at := differs(items[i], want[i]); at != "" {
				return fmt.Sprintf("[%d]%s", i, at)
			}
		}
		return ""
	}
	if reflect.DeepEqual(got, want) {
		return ""
	}
	return fmt.Sprintf(": got %s, want %s", encoded(got), encoded(want))
}

// quiet is an observer that has no use for what it is told.
type quiet struct{}

func (quiet) Step(string)                {}
func (quiet) Discovering(string)         {}
func (quiet) Planned(*extract.Plan)      {}
func (quiet) UnitDone(spool.Unit)        {}
func (quiet) AccountDone(string, string) {}
