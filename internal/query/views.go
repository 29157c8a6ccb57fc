package query

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	duckdb "github.com/duckdb/duckdb-go-bindings"
)

// A Table is one major version of a table and the Parquet files with its rows: one for
// the current state, any number for events.
type Table struct {
	Name    string
	Version int
	Newest  bool     // the version that the bare name stands for
	Files   []string // absolute paths or s3:// URLs, at least one
}

// A View is a named SELECT over the tables and the views before it. It may take over a
// table's bare name by selecting from the versioned one.
type View struct {
	Name string
	SQL  string
}

const coverageTable = "stocktake_coverage"

// coverageGaps lists what the last run could not settle, for people who see only the
// warehouse and none of a run's warnings. An outcome that a newer version writes, or
// none, is a gap too. Where rows were carried, carried_from_run says from when they are.
const coverageGaps = `SELECT source, table_name, account_id, region, outcome, carried_rows, carried_from_run, ended_at,
	incomplete_columns, error_code, missing_action, advice
FROM ` + coverageTable + `
WHERE coalesce(outcome, '') NOT IN ('ok', 'not_enabled', 'region_disabled', 'unavailable', 'skipped', 'out_of_scope')`

func (t Table) versioned() string { return fmt.Sprintf("%s_v%d", t.Name, t.Version) }

func (t Table) validate() error {
	if t.Name == "" {
		return errors.New("a table has no name")
	}
	if len(t.Files) == 0 {
		return fmt.Errorf("table %s has no file, expected at least one that is empty but has the schema", t.versioned())
	}
	for _, file := range t.Files {
		if !filepath.IsAbs(file) && !onS3(file) {
			return fmt.Errorf("table %s: file %q is not an absolute path", t.versioned(), file)
		}
	}
	return nil
}

// views turns the tables into views: one for each version, one for each bare name, and
// coverage_gaps; one of the caller's takes the place of another of its name. Each comes
// after those it reads. A path with *, ? or [ in it is no pattern to DuckDB where such a
// file exists. Columns come from the files alone: a directory named key=value above them
// must not become a column, nor hide one.
func views(tables []Table, extra []View) ([]View, error) {
	var all []View
	add := func(v View) {
		if !slices.ContainsFunc(extra, func(e View) bool { return strings.EqualFold(e.Name, v.Name) }) {
			all = append(all, v)
		}
	}
	coverage := false
	for _, t := range tables {
		if err := t.validate(); err != nil {
			return nil, err
		}
		add(View{Name: t.versioned(), SQL: ReadParquet(t.Files)})
		if t.Newest {
			add(View{Name: t.Name, SQL: "SELECT * FROM " + quoteName(t.versioned())})
			coverage = coverage || t.Name == coverageTable
		}
	}
	if coverage {
		add(View{Name: "coverage_gaps", SQL: coverageGaps})
	}
	for _, v := range extra {
		if err := v.validate(); err != nil {
			return nil, fmt.Errorf("view %s: %w", v.Name, err)
		}
	}
	return slices.Concat(stages(append(all, extra...))...), nil
}

func (v View) validate() error {
	plans, err := check(v.SQL)
	if err != nil {
		return err
	}
	if len(plans) != 1 || plans[0].want != duckdb.StatementTypeSelect {
		return fmt.Errorf("expected one SELECT, got %q", v.SQL)
	}
	if call := callInText.FindStringSubmatch(v.SQL); call != nil {
		return plans[0].refused("it calls " + call[1] + "()")
	}
	return nil
}

func (v View) statement() string { return "CREATE VIEW " + quoteName(v.Name) + " AS " + v.SQL }

// ViewsFingerprint tells whether a file that WriteDatabase wrote is still right: it changes
// with what the views say. It does not change with the rows or columns of the files,
// which DuckDB looks up whenever a view is used.
func ViewsFingerprint(tables []Table, extra []View) string {
	hash := sha256.New()
	for _, t := range tables {
		fmt.Fprintf(hash, "table %q %d %t %q\n", t.Name, t.Version, t.Newest, t.Files)
	}
	for _, v := range extra {
		fmt.Fprintf(hash, "view %q %q\n", v.Name, v.SQL)
	}
	fmt.Fprintf(hash, "coverage_gaps %q\n", coverageGaps)
	return hex.EncodeToString(hash.Sum(nil))
}

// WriteDatabase writes a DuckDB database file at path, on the local disk, that holds nothing
// but the views. It replaces a file that is there as a whole, with what anyone may have
// added to it. Of the tables' files it reads the columns.
func WriteDatabase(ctx context.Context, path string, o Options) (err error) {
	all, err := views(o.Tables, o.Views)
	if err != nil {
		return err
	}
	var r *remote
	if onS3(o.Root) {
		if err := o.checkS3(); err != nil {
			return err
		}
		if r, err = o.S3.connect(o.Root); err != nil {
			return err
		}
		defer func() { err = errors.Join(err, r.close()) }()
	}
	temporary := path + ".tmp"
	if err := removeDatabase(temporary); err != nil {
		return err
	}
	if err := fillDatabase(ctx, temporary, r, all); err != nil {
		return errors.Join(fmt.Errorf("write %s: %w", path, err), removeDatabase(temporary))
	}
	// A write-ahead log that someone's open session left would not fit the new file.
	if err := removeIfThere(path + ".wal"); err != nil {
		return err
	}
	if err := os.Rename(temporary, path); err != nil {
		return fmt.Errorf("put the views in place: %w", err)
	}
	return nil
}

func fillDatabase(ctx context.Context, path string, r *remote, all []View) error {
	db, err := openDatabase(path)
	if err != nil {
		return err
	}
	defer duckdb.Close(&db)
	c, err := connect(db, r)
	if err != nil {
		return err
	}
	defer c.close()
	defer r.use()()
	if err := r.enter(ctx, c); err != nil {
		return err
	}
	if err := inStages(all, r.width(), func(v View) error { return createView(ctx, db, r, v) }); err != nil {
		return err
	}
	return c.exec(ctx, "CHECKPOINT")
}

func removeDatabase(path string) error {
	return errors.Join(removeIfThere(path), removeIfThere(path+".wal"))
}

func removeIfThere(path string) error {
	if err := os.Remove(path); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	return nil
}

// tablesBehind finds for each view, by its name in lower case, the tables it reads.
func tablesBehind(tables []Table, all []View) map[string][]string {
	behind := map[string][]string{}
	for _, t := range tables {
		behind[strings.ToLower(t.versioned())] = []string{t.Name}
	}
	for _, v := range all {
		name := strings.ToLower(v.Name)
		if reads := tablesNamed(v.SQL, behind); len(reads) > 0 {
			behind[name] = reads
		}
	}
	return behind
}

// tablesNamed lists the tables behind the names in a text. It may list one too many where
// a column or a common table expression is called like a table, and never one too few.
func tablesNamed(sql string, behind map[string][]string) []string {
	all := tokens(sql)
	dynamic := slices.ContainsFunc(all, func(t token) bool {
		return strings.EqualFold(t.value, "query_table") && (t.kind == word || t.kind == quoted)
	})
	var found []string
	for _, t := range all {
		if t.kind == word || t.kind == quoted || t.kind == text && dynamic {
			found = append(found, behind[strings.ToLower(t.value)]...)
		}
	}
	slices.Sort(found)
	return slices.Compact(found)
}

// ReadLatest is the text of a view over files, or globs, in which rows may be
// more than once: of those that have the columns by in common it shows the latest.
// A filter on one of these columns still skips files.
func ReadLatest(files []string, latest string, by ...string) string {
	var names []string
	for _, name := range by {
		if !slices.Contains(names, quoteName(name)) {
			names = append(names, quoteName(name))
		}
	}
	return ReadParquet(files) + " QUALIFY row_number() OVER (PARTITION BY " + strings.Join(names, ", ") + " ORDER BY " + quoteName(latest) + " DESC) = 1"
}

// ReadParquet is the text of a view over files, or globs, of one table.
func ReadParquet(files []string) string {
	quoted := make([]string, len(files))
	for i, file := range files {
		quoted[i] = quoteText(file)
	}
	return "SELECT * FROM read_parquet([" + strings.Join(quoted, ", ") + "], union_by_name = true, hive_partitioning = false)"
}
