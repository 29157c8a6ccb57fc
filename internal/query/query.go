// Package query lets people read a warehouse in SQL. It knows DuckDB and a list of
// tables with their Parquet files, and is the only package that imports DuckDB. Of AWS it
// knows an S3 client to read with, of manifests and configuration nothing, and nothing in
// it writes to the warehouse: a query can neither write a file nor read one outside it.
package query

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"

	duckdb "github.com/duckdb/duckdb-go-bindings"
)

// Options are what a DB is opened with.
type Options struct {
	Root        string // what queries may read, and nothing else: a directory, or s3://bucket/prefix
	S3          *S3    // for a root on S3
	Tables      []Table
	Views       []View
	MemoryLimit string // as DuckDB writes sizes, "1GB" if empty; some more goes to a temporary directory
	Threads     int    // if 0, one for each processor, and on S3 some more
}

// A DB answers queries over the views of a warehouse. Its methods may be called at once.
type DB struct {
	setup  setup
	engine *engine
	behind map[string][]string // see tablesBehind
}

// Open starts an in-memory DuckDB with a view for each table, and locks it.
func Open(ctx context.Context, options Options) (*DB, error) {
	s, err := options.resolve()
	if err != nil {
		return nil, err
	}
	if onS3(options.Root) {
		if s.remote, err = options.S3.connect(options.Root); err != nil {
			return nil, err
		}
	}
	engine, err := startEngine(ctx, s, "")
	if err != nil {
		return nil, errors.Join(err, s.remote.close())
	}
	return &DB{setup: s, engine: engine, behind: tablesBehind(options.Tables, s.views)}, nil
}

// Close ends the DB. Results must be closed before.
func (db *DB) Close() error { return errors.Join(db.engine.close(), db.setup.remote.close()) }

// A setup is what every engine of a DB is made from.
type setup struct {
	directories []string // the root, a folder as given and as it really is
	remote      *remote  // nil for a folder
	resources   []string
	views       []View // each after those that it reads
}

// resolve checks what is given and fills in defaults.
func (o Options) resolve() (setup, error) {
	tables, directories, err := o.locate()
	if err != nil {
		return setup{}, err
	}
	all, err := views(tables, o.Views)
	if err != nil {
		return setup{}, err
	}
	return setup{
		directories: directories,
		resources: []string{
			"TimeZone = 'UTC'",
			"memory_limit = " + quoteText(cmp.Or(o.MemoryLimit, "1GB")),
			fmt.Sprintf("threads = %d", cmp.Or(o.Threads, o.defaultThreads())),
			"max_temp_directory_size = '" + spillLimit + "'",
			"http_proxy = ''", // that of the environment may have a password in it, and settings can be read
		},
		views: all,
	}, nil
}

// defaultThreads is more on S3, where threads wait: eight read twice as fast as two.
func (o Options) defaultThreads() int {
	if onS3(o.Root) {
		return max(8, runtime.NumCPU())
	}
	return runtime.NumCPU()
}

// locate finds the tables' files and what may be read. It follows symbolic links once, so
// that a DB keeps reading the same files when a link like current moves on.
func (o Options) locate() (tables []Table, directories []string, err error) {
	if onS3(o.Root) {
		return o.Tables, []string{o.Root + "/"}, o.checkS3()
	}
	root, err := filepath.Abs(o.Root)
	if err != nil {
		return nil, nil, fmt.Errorf("resolve the warehouse root: %w", err)
	}
	real, err := filepath.EvalSymlinks(root)
	if err != nil {
		return nil, nil, fmt.Errorf("resolve the warehouse root: %w", err)
	}
	tables = slices.Clone(o.Tables)
	for i, t := range tables {
		if tables[i].Files, err = t.filesUnder(real); err != nil {
			return nil, nil, err
		}
	}
	return tables, slices.Compact([]string{root, real}), nil
}

// spillLimit keeps a runaway query from filling the disk, and what a killed process
// leaves behind small. By itself DuckDB takes nine tenths of what is free.
const spillLimit = "4GB"

// filesUnder resolves the table's files, which must lie in the root.
func (t Table) filesUnder(root string) ([]string, error) {
	if err := t.validate(); err != nil {
		return nil, err
	}
	files := make([]string, len(t.Files))
	for i, file := range t.Files {
		real, err := filepath.EvalSymlinks(file)
		if err != nil {
			return nil, fmt.Errorf("resolve a file of table %s: %w", t.versioned(), err)
		}
		if inside, err := filepath.Rel(root, real); err != nil || !filepath.IsLocal(inside) {
			return nil, fmt.Errorf("table %s: file %s is outside the warehouse %s", t.versioned(), real, root)
		}
		files[i] = real
	}
	return files, nil
}

// An engine is a DuckDB instance that can no longer be reconfigured.
type engine struct {
	db     duckdb.Database
	remote *remote
	spill  string // where DuckDB puts what does not fit in memory

	turn chan struct{}   // to make views
	made map[string]bool // the views that are there
}

// startEngine makes an instance that reads the root alone, and may also write the file at
// output where there is one.
func startEngine(ctx context.Context, s setup, output string) (_ *engine, err error) {
	e := &engine{remote: s.remote, turn: make(chan struct{}, 1), made: map[string]bool{}}
	if e.spill, err = os.MkdirTemp("", "stocktake-query-"); err != nil {
		return nil, fmt.Errorf("make a temporary directory: %w", err)
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, e.close())
		}
	}()
	if e.db, err = openDatabase(""); err != nil {
		return nil, err
	}
	c, err := connect(e.db, s.remote)
	if err != nil {
		return nil, err
	}
	defer c.close()
	if err = c.set(ctx, append(slices.Clone(s.resources), "temp_directory = "+quoteText(e.spill))); err != nil {
		return nil, err
	}
	if err = s.remote.enter(ctx, c); err != nil {
		return nil, err
	}
	if s.remote == nil {
		if err = e.provide(ctx, s.views); err != nil {
			return nil, err
		}
	}
	if err = c.set(ctx, sandbox(s.directories, output)); err != nil {
		return nil, err
	}
	return e, nil
}

func (e *engine) close() error {
	duckdb.Close(&e.db)
	return os.RemoveAll(e.spill)
}

// sandbox is in the order that DuckDB needs: what may be read can be said only while
// access is still open, and the lock comes last.
func sandbox(directories []string, output string) []string {
	quoted := make([]string, len(directories))
	for i, directory := range directories {
		quoted[i] = quoteText(directory)
	}
	settings := []string{
		"autoinstall_known_extensions = false",
		"autoload_known_extensions = false",
		"allow_community_extensions = false",
		"allowed_directories = [" + strings.Join(quoted, ", ") + "]",
	}
	if output != "" {
		settings = append(settings, "allowed_paths = ["+quoteText(output)+"]")
	}
	return append(settings, "enable_external_access = false", "lock_configuration = true")
}

func (c *conn) set(ctx context.Context, settings []string) error {
	for _, setting := range settings {
		if err := c.exec(ctx, "SET GLOBAL "+setting); err != nil {
			return fmt.Errorf("set %s: %w", setting, err)
		}
	}
	return nil
}

// Query runs a text of one or more statements in a session of its own, in order, and
// gives the rows of the last. Each must be one that reads; temporary tables, views, macros
// and variables are for the statements after them in the same text. A parameter $name
// takes its value from params, and every value must be used.
func (db *DB) Query(ctx context.Context, sql string, params map[string]any) (*Result, error) {
	plans, err := check(sql)
	if err != nil {
		return nil, err
	}
	result, err := db.query(ctx, sql, plans, params)
	if err != nil {
		return nil, db.withSuggestion(db.setup.remote.explain(err))
	}
	result.explain = db.setup.remote.explain
	return result, nil
}

func (db *DB) query(ctx context.Context, sql string, plans []plan, params map[string]any) (*Result, error) {
	if err := db.engine.provide(ctx, namedIn(sql, db.setup.views)); err != nil {
		return nil, err
	}
	s, err := db.engine.newSession(ctx, params)
	if err != nil {
		return nil, err
	}
	result, err := s.query(ctx, plans)
	if err != nil {
		s.end()
	}
	return result, err
}

// TablesOf lists the tables that a query reads, directly or through views, in order of
// name. It may name one too many where a column or a common table expression is called
// like a table. Files that a query names itself count as no table.
func (db *DB) TablesOf(ctx context.Context, sql string) ([]string, error) {
	plans, err := check(sql)
	if err != nil {
		return nil, err
	}
	s, err := db.engine.newSession(ctx, nil)
	if err != nil {
		return nil, err
	}
	defer s.end()
	for _, p := range plans {
		parsed, err := s.parse(p.sql)
		if err != nil {
			return nil, err
		}
		parsed.close()
	}
	return tablesNamed(sql, db.behind), nil
}

// A session is a connection that runs the statements of one text.
type session struct {
	*conn
	params map[string]any
	unused map[string]bool // the names in params that no statement had yet
	copied int64           // rows that COPY wrote
	stop   func()
	done   func() // with S3
}

func (e *engine) newSession(ctx context.Context, params map[string]any) (*session, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	c, err := connect(e.db, e.remote)
	if err != nil {
		return nil, err
	}
	s := &session{conn: c, params: params, unused: map[string]bool{}, stop: c.watch(ctx), done: e.remote.use()}
	for name := range params {
		s.unused[name] = true
	}
	return s, nil
}

func (s *session) end() {
	s.stop()
	s.done()
	s.close()
}

// query runs all statements and leaves the session to the result of the last.
func (s *session) query(ctx context.Context, plans []plan) (*Result, error) {
	last, err := s.upToLast(ctx, plans)
	if err != nil {
		return nil, err
	}
	res, err := last.execute(ctx, true)
	if err != nil {
		last.close()
		return nil, err
	}
	result, err := newResult(ctx, res)
	if err != nil {
		duckdb.DestroyResult(&res)
		last.close()
		return nil, err
	}
	result.release = func() {
		duckdb.DestroyResult(&result.res)
		last.close()
		s.end()
	}
	return result, nil
}

// upToLast runs all statements but the last, which it leaves ready to run.
func (s *session) upToLast(ctx context.Context, plans []plan) (*prepared, error) {
	for _, p := range plans[:len(plans)-1] {
		last, err := s.ready(ctx, p)
		if err != nil {
			return nil, err
		}
		if err := s.run(ctx, last); err != nil {
			return nil, err
		}
	}
	last, err := s.ready(ctx, plans[len(plans)-1])
	if err != nil {
		return nil, err
	}
	if len(s.unused) > 0 {
		last.close()
		return nil, fmt.Errorf("the query has no parameter $%s", slices.Min(slices.Collect(maps.Keys(s.unused))))
	}
	return last, nil
}

// ready prepares a statement and gives its parameters their values. Where DuckDB made
// several out of it, all but the last are run.
func (s *session) ready(ctx context.Context, p plan) (*prepared, error) {
	if p.explained != "" {
		if err := s.checkExplained(ctx, p); err != nil {
			return nil, err
		}
	}
	if err := s.checkCalls(ctx, p); err != nil {
		return nil, err
	}
	parsed, err := s.parse(p.sql)
	if err != nil {
		return nil, err
	}
	defer parsed.close()
	for i := duckdb.IdxT(0); ; i++ {
		stmt, err := s.part(ctx, p, parsed, i)
		if err != nil || i == parsed.size-1 {
			return stmt, err
		}
		if err := s.run(ctx, stmt); err != nil {
			return nil, err
		}
	}
}

func (s *session) part(ctx context.Context, p plan, parsed batch, i duckdb.IdxT) (*prepared, error) {
	stmt, err := s.prepare(ctx, parsed, i)
	if err != nil {
		return nil, err
	}
	if err = p.checkKind(stmt.kind(), i, parsed.size); err == nil {
		err = stmt.bind(s.params)
	}
	if err != nil {
		stmt.close()
		return nil, err
	}
	for _, name := range stmt.parameters() {
		delete(s.unused, name)
	}
	return stmt, nil
}

// run runs a statement for what it leaves behind, and closes it.
func (s *session) run(ctx context.Context, stmt *prepared) error {
	defer stmt.close()
	copies := stmt.kind() == duckdb.StatementTypeCopy
	res, err := stmt.execute(ctx, false)
	if err != nil {
		return err
	}
	if copies {
		s.copied += int64(duckdb.RowsChanged(&res))
	}
	duckdb.DestroyResult(&res)
	return nil
}
