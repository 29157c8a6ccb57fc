package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"stocktake/internal/config"
	"stocktake/internal/pipeline"
	"stocktake/internal/query"
	"stocktake/internal/views"
	"stocktake/load"
	"stocktake/load/store"
)

// reading is a warehouse as the last commit left it.
type reading struct {
	file   *config.File
	store  store.Store
	state  *load.State
	httpfs string // path of DuckDB's extension, "" for the standard places
}

// readsS3 gives a command the flag that reading a warehouse in a bucket may need.
func (a *app) readsS3(c *cobra.Command) {
	c.Flags().StringVar(&a.httpfsFlag, "httpfs", "", "DuckDB's httpfs extension, for a warehouse on S3 (default that of the configuration, else the standard places)")
}

// read reads the last commit of the configured warehouse. One that a run was
// cut off from completing, and that no reader can see, is completed first.
func (a *app) read(ctx context.Context) (*reading, error) {
	file, err := a.config()
	if err != nil {
		return nil, err
	}
	if file.WriteOnly() {
		return nil, usage(fmt.Errorf("%s: output.mode drop: its identity may put files and read none; read the warehouse with a configuration of mode full", file.Path))
	}
	empty := fmt.Errorf("the warehouse %s is empty: `stocktake run` fills it", file.Warehouse)
	if _, err := os.Stat(file.Warehouse); !file.OnS3() && errors.Is(err, fs.ErrNotExist) {
		return nil, empty
	}
	s, err := a.destination(ctx, file)
	if err != nil {
		return nil, err
	}
	state, err := views.State(ctx, s, load.ReadState)
	if errors.Is(err, store.ErrUnfinished) {
		// Where this identity may not write, or the run still goes on, the one who
		// does it is waited for.
		completeErr := pipeline.Complete(ctx, pipeline.Options{Config: file, Store: s, Program: version, Views: refreshViews(s)})
		if state, err = views.State(ctx, s, load.AwaitState); errors.Is(err, store.ErrUnfinished) {
			err = errors.Join(err, completeErr)
		}
	}
	if err != nil {
		return nil, err
	}
	if state.Manifest == nil {
		return nil, empty
	}
	return &reading{file, s, state, cmp.Or(a.httpfsFlag, file.HTTPFS)}, nil
}

// open opens the warehouse for queries.
func (r *reading) open(ctx context.Context) (*query.DB, error) {
	events, err := views.Events(r.store, r.state, false)
	if err != nil {
		return nil, err
	}
	tables := views.Tables(r.state)
	o := query.Options{Root: r.store.Root(), Tables: tables, Views: append(events, query.CombinedViews(tables)...)}
	if o.S3, err = r.s3(ctx); err != nil {
		return nil, err
	}
	return query.Open(ctx, o)
}

// s3 is what DuckDB needs of a warehouse in a bucket, nil for a folder.
func (r *reading) s3(ctx context.Context) (*query.S3, error) {
	if !r.file.OnS3() {
		return nil, nil
	}
	client, err := outputClient(ctx, r.file)
	if err != nil {
		return nil, err
	}
	return &query.S3{Objects: client, BucketOwner: r.file.Output.BucketOwner, HTTPFS: r.httpfs}, nil
}

// refreshViews makes stocktake.duckdb anew where the views have changed. Its
// views read current/ and the events, so that they hold for later runs too. A
// warehouse that is not a folder has none.
func refreshViews(s store.Store) func(context.Context) error {
	return func(ctx context.Context) error {
		root := s.Root()
		if !views.Local(s) {
			return nil
		}
		tables, history, err := standingViews(ctx, s)
		if err != nil {
			return err
		}
		stamp := filepath.Join(root, viewsStamp)
		want := query.ViewsFingerprint(tables, history)
		have, err := os.ReadFile(stamp)
		if err != nil && !errors.Is(err, fs.ErrNotExist) {
			return fmt.Errorf("read the stamp of the views: %w", err)
		}
		database := filepath.Join(root, databaseName)
		if _, err := os.Stat(database); err == nil && string(have) == want {
			return nil
		}
		if err := query.WriteDatabase(ctx, database, query.Options{Root: root, Tables: tables, Views: history}); err != nil {
			return err
		}
		return os.WriteFile(stamp, []byte(want), 0o644)
	}
}

// Files of a folder: the database with the views, and which views it has.
const (
	databaseName = "stocktake.duckdb"
	viewsStamp   = ".views"
)

// standingViews are views that hold for later runs too: of the files in
// current/, and of all events.
func standingViews(ctx context.Context, s store.Store) ([]query.Table, []query.View, error) {
	state, err := views.State(ctx, s, load.ReadState)
	if err != nil {
		return nil, nil, err
	}
	tables := views.Tables(state)
	for i, t := range state.Tables {
		tables[i].Files = []string{s.Root() + "/current/" + t.Current}
	}
	events, err := views.Events(s, state, true)
	return tables, append(events, query.CombinedViews(tables)...), err
}

func (a *app) viewsCommand() *cobra.Command {
	var output string
	c := &cobra.Command{
		Use:   "views",
		Short: "Make stocktake.duckdb anew, as after moving a warehouse",
		Long: `Make the database stocktake.duckdb anew, whose views read the files of the
warehouse. A folder has it in itself, and runs keep it up to date; its views name
the files by absolute paths, so a warehouse that was moved needs this once.

Of a warehouse in a bucket the database is a file of this machine. There is no
credential in it: whoever opens it loads httpfs and creates a secret first.`,
		Example: `  stocktake views
  stocktake views --output /srv/bi/stocktake.duckdb
  duckdb stocktake.duckdb "SELECT * FROM coverage_gaps"`,
		Args: cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			r, err := a.read(c.Context())
			if err != nil {
				return err
			}
			path, err := r.writeViews(c.Context(), output)
			if err != nil {
				return withExit(err)
			}
			_, err = fmt.Fprintln(a.out, path)
			return err
		},
	}
	a.readsS3(c)
	c.Flags().StringVarP(&output, "output", "o", "", "file to write (default stocktake.duckdb in the folder of the warehouse, or here for a bucket)")
	return c
}

// writeViews makes the database with the views, at path where one is given, and
// returns where it is.
func (r *reading) writeViews(ctx context.Context, path string) (string, error) {
	root := r.store.Root()
	if views.Local(r.store) && path == "" {
		lease, err := pipeline.Lock(ctx, r.store, store.Commit, version)
		if err != nil {
			return "", err
		}
		err = os.Remove(filepath.Join(root, viewsStamp))
		if err == nil || errors.Is(err, fs.ErrNotExist) {
			err = refreshViews(r.store)(ctx)
		}
		return filepath.Join(root, databaseName), errors.Join(err, lease.Release())
	}
	path, err := filepath.Abs(cmp.Or(path, databaseName))
	if err != nil {
		return "", err
	}
	o := query.Options{Root: root}
	if o.Tables, o.Views, err = standingViews(ctx, r.store); err != nil {
		return "", err
	}
	if o.S3, err = r.s3(ctx); err != nil {
		return "", err
	}
	return path, query.WriteDatabase(ctx, path, o)
}

func (a *app) runsCommand() *cobra.Command {
	var asJSON bool
	c := &cobra.Command{
		Use:   "runs [ID]",
		Short: "List the runs, or show one with its files",
		Example: `  stocktake runs
  stocktake runs 20261122T013000Z-5f2a1c --json`,
		Args: cobra.MaximumNArgs(1),
		RunE: func(c *cobra.Command, args []string) error {
			r, err := a.read(c.Context())
			if err != nil {
				return err
			}
			if len(args) == 1 {
				return a.showRun(c.Context(), r.store, args[0], asJSON)
			}
			db, err := r.open(c.Context())
			if err != nil {
				return err
			}
			defer db.Close()
			result, err := db.Query(c.Context(), `
				SELECT run_id, snapshot_date, started_at, (epoch(ended_at) - epoch(started_at))::DECIMAL(18, 1) AS seconds,
				       outcome, units, incomplete_units, rows, carried_rows, calls, throttles
				FROM stocktake_runs ORDER BY run_id DESC`, nil)
			if err != nil {
				return err
			}
			format := "table"
			if asJSON {
				format = "json"
			}
			width, _ := isTerminal(a.out)
			_, err = result.Write(a.out, query.Format{Name: format, Width: width})
			return err
		},
	}
	a.readsS3(c)
	c.Flags().BoolVar(&asJSON, "json", false, "print as JSON")
	return c
}

func (a *app) showRun(ctx context.Context, s store.Store, id string, asJSON bool) error {
	m, err := load.ReadManifest(ctx, s, id)
	if errors.Is(err, fs.ErrNotExist) {
		return usage(fmt.Errorf("no run %q: `stocktake runs` lists them", id))
	}
	if err != nil {
		return err
	}
	if asJSON {
		return printJSON(a.out, m)
	}
	fmt.Fprintf(a.out, "run %s of %s, committed %s, exit code %d, stocktake %s\n", m.Run, m.Date, m.CommittedAt.Format(time.RFC3339), m.ExitCode, m.Program)
	if m.SupersededBy != "" {
		fmt.Fprintf(a.out, "superseded by run %s of the same day\n", m.SupersededBy)
	}
	for _, source := range m.Sources {
		fmt.Fprintf(a.out, "source %s: %s\n", source.Name, counted(len(source.Accounts), "account"))
	}
	w := tabwriter.NewWriter(a.out, 0, 0, 2, ' ', 0)
	fmt.Fprintln(w, "\nTABLE\tSCHEMA\tROWS\tBYTES\tWRITTEN BY\tFILE")
	for _, t := range append(m.Tables, m.Events...) {
		fmt.Fprintf(w, "%s\t%d.%d\t%d\t%d\t%s\t%s\n", t.Table, t.Version, t.Minor, t.Rows, t.Bytes, t.WrittenBy, t.Path)
	}
	return w.Flush()
}

func (a *app) verifyCommand() *cobra.Command {
	var asJSON bool
	c := &cobra.Command{
		Use:   "verify [RUN]",
		Short: "Read every file of a run again and compare it with the manifest",
		Long: `Read every file of a run's manifest again, by another Parquet implementation
than the one that wrote it, and compare rows, schema and checksum. The default
is the last run. The exit code is 1 when a file is missing or damaged.`,
		Example: "  stocktake verify\n  stocktake verify 20261122T013000Z-5f2a1c --json",
		Args:    cobra.MaximumNArgs(1),
		RunE: func(c *cobra.Command, args []string) error {
			r, err := a.read(c.Context())
			if err != nil {
				return err
			}
			id := r.state.Head.Run
			if len(args) == 1 {
				id = args[0]
			}
			report, err := load.VerifyRun(c.Context(), r.store, id)
			if errors.Is(err, fs.ErrNotExist) {
				return usage(fmt.Errorf("no run %q: `stocktake runs` lists them", id))
			}
			if err != nil {
				return err
			}
			if asJSON {
				err = printJSON(a.out, report)
			} else {
				err = a.printVerified(report)
			}
			if bad := report.Bad(); err == nil && bad > 0 {
				return fmt.Errorf("%s of run %s missing or damaged", counted(bad, "file"), id)
			}
			return err
		},
	}
	c.Flags().BoolVar(&asJSON, "json", false, "print as JSON")
	return c
}

func (a *app) printVerified(r load.RunReport) error {
	w := tabwriter.NewWriter(a.out, 0, 0, 2, ' ', 0)
	fmt.Fprintln(w, "FILE\tROWS\tSTATUS\tPROBLEM")
	for _, f := range r.Files {
		fmt.Fprintf(w, "%s\t%d\t%s\t%s\n", f.Path, f.Rows, f.Status, orDash(strings.ReplaceAll(f.Problem, "\n", "; ")))
	}
	if err := w.Flush(); err != nil {
		return err
	}
	_, err := fmt.Fprintf(a.out, "run %s: %s, %d missing or damaged\n", r.Run, counted(len(r.Files), "file"), r.Bad())
	return err
}
