package conformance

import (
	"bytes"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/parquet-go/parquet-go"

	"stocktake/extract"
	"stocktake/internal/fakeaws"
	"stocktake/internal/outcome"
	"stocktake/internal/schema"
	"stocktake/internal/spool"
	"stocktake/load"
	"stocktake/schemas"
	"stocktake/transform"
)

var update = flag.Bool("update", false, "rewrite the golden files")

// TestEveryField fills all fields of a table's rows and finds each again in its
// Parquet column, but for secrets, of which nothing is left anywhere.
func TestEveryField(t *testing.T) {
	each(t, func(t *testing.T, c *extract.Collector) {
		for _, table := range c.Tables {
			t.Run(table.Name, func(t *testing.T) {
				s, err := schemas.Newest(table.Name)
				if err != nil {
					t.Fatal(err)
				}
				items := filled(t, c, table.Item)
				if single(c, s) {
					items = items[:1]
				}
				r := store(t, s, table, items)
				rows := parsed(s, r.rows(t, table.Name))
				if len(rows) != len(items) {
					t.Errorf("got %d rows, want %d", len(rows), len(items))
				}
				for _, item := range items {
					compareFields(t, s, item, rows)
				}
				secrets := map[string]bool{}
				for _, item := range items {
					secretTexts(s, item, secrets)
				}
				noSecrets(t, r, table.Name, secrets)
			})
		}
	})
}

// single reports whether a table has one row for an account and region.
func single(c *extract.Collector, s *schema.Schema) bool {
	return !c.AnyAccount && !slices.ContainsFunc(s.Key, func(k string) bool { return k != "account_id" && k != "region" })
}

// filled makes two rows of every field, with the members of unions in turn.
func filled(t *testing.T, c *extract.Collector, item reflect.Type) []reflect.Value {
	t.Helper()
	var items []reflect.Value
	for i := range 2 {
		v, problems := values(c).Item(item, i)
		if len(problems) > 0 {
			t.Fatalf("the fake cannot fill %s; teach it in values_test.go: %q", item, problems)
		}
		if missing := v.FieldByName("NotCollected"); missing.IsValid() {
			missing.SetZero()
		}
		items = append(items, v)
	}
	return items
}

// store spools items as a unit that speaks for all places.
func store(t *testing.T, s *schema.Schema, table extract.Table, items []reflect.Value) *result {
	t.Helper()
	r := &result{}
	var err error
	if r.spool, err = spool.Create(t.TempDir(), spool.Meta{RunID: "run-1", Date: "2026-11-22"}); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := r.spool.Close(); err != nil {
			t.Errorf("close spool: %v", err)
		}
	})
	plan, err := transform.Compile(s, table.Item, transform.Options{})
	if err != nil {
		t.Fatal(err)
	}
	b := plan.Builder()
	for _, item := range items {
		b.AppendPointer(item.Addr(), &transform.Context{
			Partition: "aws", AccountID: fakeaws.Account, Region: home, Source: "test", RunID: "run-1", ExtractedAt: time.Unix(0, 0),
			CollectedAccountID: fakeaws.Account, CollectedRegion: home,
		}, nil)
		if broken := b.Incomplete(); len(broken) > 0 {
			t.Errorf("columns that could not be understood: got %q, want none", broken)
		}
	}
	u := spool.Unit{ID: spool.UnitID{Source: "test", Collector: table.Name, Account: fakeaws.Account, Region: home}, CollectedRegion: home}
	w := r.spool.Writer(u.ID, s)
	batch := b.Batch()
	defer batch.Release()
	if err := w.Append(batch); err != nil {
		t.Fatal(err)
	}
	file, err := w.Close()
	if err != nil {
		t.Fatal(err)
	}
	of := spool.TableResult{Table: table.Name, Schema: s.ID(), Outcome: outcome.Outcome{Kind: outcome.OK}, Covers: []spool.Place{{Account: "*", Region: "*"}}}
	of.Keep(file)
	u.Tables = []spool.TableResult{of}
	r.units = []spool.Unit{u}
	return r
}

// compareFields finds the row of an item and compares all its columns.
func compareFields(t *testing.T, s *schema.Schema, item reflect.Value, rows []row) {
	t.Helper()
	expected := row{"not_collected": []any{}, "tags": nil, "arn": nil}
	p := place{"aws", fakeaws.Account, home}
	if s.Owner != nil {
		if s.Owner.AccountID != "" {
			p.account = plainText(item, s.Owner.AccountID)
		}
		if s.Owner.Region != "" {
			p.region = plainText(item, s.Owner.Region)
		}
	}
	expected["partition"], expected["account_id"], expected["region"] = p.partition, p.account, p.region
	if s.ARN != "" {
		expected["arn"] = wantARN(s.ARN, item, p)
	}
	if s.Tags != "" {
		expected["tags"] = want(schema.Column{Name: "tags"}, "map<utf8,utf8>", follow(item, s.Tags), false)
	}
	for _, c := range s.Columns {
		expected[c.Name] = want(c, c.Type, follow(item, c.Source), false)
		if expected[c.Name] == nil && c.Redact != schema.Secret {
			t.Errorf("column %s: no value is expected of a full item", c.Name)
		}
	}
	m := matcher{schema: s, rows: rows}
	if _, differs := m.closest(expected); len(differs) > 0 {
		t.Errorf("%s: no row of %d holds the item; in the closest, columns differ:\n%s", s.Table, len(rows), strings.Join(differs, "\n"))
	}
}

// secretTexts gathers the texts of an item that must not be kept.
func secretTexts(s *schema.Schema, item reflect.Value, texts map[string]bool) {
	secretsOf(s.Columns, item, false, texts)
}

func secretsOf(columns []schema.Column, v reflect.Value, all bool, texts map[string]bool) {
	for _, c := range columns {
		f := follow(v, c.Source)
		secret := all || c.Redact == schema.Secret
		switch {
		case !f.IsValid():
		case secret && f.Kind() == reflect.Map: // the names are kept
			for _, k := range f.MapKeys() {
				collectTexts(f.MapIndex(k), texts)
			}
		case secret:
			collectTexts(f, texts)
		default:
			for _, path := range c.Secrets {
				below(f, path, texts)
			}
			elements(f, func(e reflect.Value) { secretsOf(c.Fields, e, false, texts) })
		}
	}
}

// elements calls use for the struct that v is or leads to, or for each in a list.
func elements(v reflect.Value, use func(reflect.Value)) {
	switch v.Kind() {
	case reflect.Pointer:
		if !v.IsNil() {
			elements(v.Elem(), use)
		}
	case reflect.Slice:
		for i := range v.Len() {
			elements(v.Index(i), use)
		}
	case reflect.Map:
		for _, k := range v.MapKeys() {
			elements(v.MapIndex(k), use)
		}
	case reflect.Struct:
		use(v)
	}
}

// below gathers the texts at a path of a JSON column.
func below(v reflect.Value, path string, texts map[string]bool) {
	name, rest, deeper := strings.Cut(path, ".")
	elements(v, func(e reflect.Value) {
		f := e.FieldByName(name)
		switch {
		case deeper:
			below(f, rest, texts)
		case f.Kind() == reflect.Map:
			for _, k := range f.MapKeys() {
				collectTexts(f.MapIndex(k), texts)
			}
		default:
			collectTexts(f, texts)
		}
	})
}

// noSecrets looks for secrets in what is written, packed and unpacked.
func noSecrets(t *testing.T, r *result, table string, secrets map[string]bool) {
	t.Helper()
	var written bytes.Buffer
	for path := range r.files(t) {
		text, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		written.Write(text)
	}
	rows, err := r.spool.Rows(r.units[0].Tables[0])
	if err != nil {
		t.Fatal(err)
	}
	for i := range rows.Runs() {
		run, err := rows.Run(i)
		if err != nil {
			t.Fatal(err)
		}
		batch, err := run.Next()
		if err != nil {
			t.Fatal(err)
		}
		text, err := batch.MarshalJSON()
		if err != nil {
			t.Fatal(err)
		}
		written.Write(text)
		if err := run.Close(); err != nil {
			t.Fatal(err)
		}
	}
	fmt.Fprint(&written, r.rows(t, table))
	for secret := range secrets {
		if secret != "" && bytes.Contains(written.Bytes(), []byte(secret)) {
			t.Errorf("%s: the secret %q is in the spool or in the Parquet file", table, secret)
		}
	}
}

// TestSecretsAreFound keeps the search for secrets from finding none because it
// looks for none.
func TestSecretsAreFound(t *testing.T) {
	found := 0
	each(t, func(t *testing.T, c *extract.Collector) {
		for _, table := range c.Tables {
			s, err := schemas.Newest(table.Name)
			if err != nil {
				t.Fatal(err)
			}
			secrets := map[string]bool{}
			secretTexts(s, filled(t, c, table.Item)[0], secrets)
			if marked := strings.Count(string(s.Format()), `"redact":"secret"`) + strings.Count(string(s.Format()), `"secrets":[`); (marked > 0) != (len(secrets) > 0) {
				t.Errorf("%s: got %d secret texts in an item, with %d columns that have secrets", table.Name, len(secrets), marked)
			}
			found += len(secrets)
		}
	})
	if found == 0 {
		t.Error("no table has a secret")
	}
}

// TestGoldenSchema holds the Parquet schema of every table still.
func TestGoldenSchema(t *testing.T) {
	each(t, func(t *testing.T, c *extract.Collector) {
		for _, table := range c.Tables {
			s, err := schemas.Newest(table.Name)
			if err != nil {
				t.Fatal(err)
			}
			out, err := load.Table(t.Context(), load.TableInput{Schema: s, Now: time.Unix(0, 0), Staging: t.TempDir(), RunID: "run-1", Version: "test"})
			if err != nil {
				t.Fatal(err)
			}
			golden(t, s.ID(), parquetSchema(t, out.File.Path))
		}
	})
}

func parquetSchema(t *testing.T, path string) string {
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
	var text strings.Builder
	text.WriteString(f.Schema().String() + "\n")
	for _, key := range []string{schema.MetaTable, schema.MetaVersion} {
		value, _ := f.Lookup(key)
		fmt.Fprintf(&text, "%s = %s\n", key, value)
	}
	return text.String()
}

// golden compares text with testdata/<test>/<name>.golden.
func golden(t *testing.T, name, got string) {
	t.Helper()
	test, _, _ := strings.Cut(t.Name(), "/")
	path := filepath.Join("testdata", test, name+".golden")
	if *update {
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatalf("%v; write it with -update", err)
	}
	if got != string(want) {
		t.Errorf("%s differs; if that is meant, run with -update\ngot:\n%s\nwant:\n%s", path, got, want)
	}
}

// TestLock compares the schemas with those that were released.
func TestLock(t *testing.T) {
	lock, err := schemas.Lock()
	if err != nil {
		t.Fatal(err)
	}
	every, err := schemas.All()
	if err != nil {
		t.Fatal(err)
	}
	for _, problem := range lock.Check(every) {
		t.Error(problem)
	}
}
