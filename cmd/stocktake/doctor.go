package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/spf13/cobra"

	"stocktake/extract"
	"stocktake/extract/all"
	"stocktake/internal/doctor"
	"stocktake/internal/query"
	"stocktake/internal/spool"
	"stocktake/load/store"
)

func (a *app) doctorCommand() *cobra.Command {
	var n narrowing
	var accounts string
	var deep, asJSON bool
	c := &cobra.Command{
		Use:   "doctor",
		Short: "Try access, regions, services and the warehouse, and say what to mend",
		Long: `Try what a run would do, in seconds and before any collection: the base identity,
each role, the accounts that answer, their regions, a call of each service that
the sources collect, and the rights on the warehouse. Each thing that fails is
printed with its cause and its cure.

Nothing is collected. An object is written to the warehouse, read and removed.
--deep makes a call of every operation that a run would make, as far as there is
something to ask about; one of them has IAM make its credential report, and
reading metric data is billed where the configuration asks for it.

Exit codes: 0 nothing fails; 1 a run could do nothing: no account answers, or the
warehouse cannot be written; 3 a run would record something as not complete.`,
		Example: `  stocktake doctor
  stocktake doctor --source acme --accounts 111122223333,444455556666 --deep
  stocktake doctor --accounts all --json | jq '.findings[] | select(.level == "fail")'`,
		Args: cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			file, err := a.config()
			if err != nil {
				return err
			}
			if _, err := n.tables(file); err != nil {
				return err
			}
			choose, err := choice(accounts)
			if err != nil {
				return usage(err)
			}
			return a.doctor(c.Context(), doctor.Options{
				Config: file, Collectors: all.Collectors, Streams: all.Streams, Base: base(file),
				Sources: n.sources, Choose: choose, Deep: deep, Observer: quiet{a}, Step: quiet{a}.Step,
				Store:  func(ctx context.Context) (store.Store, error) { return a.destination(ctx, file) },
				DuckDB: startDuckDB,
				HTTPFS: func() (string, error) { return query.FindHTTPFS(cmp.Or(a.httpfsFlag, file.HTTPFS)) },
			}, asJSON)
		},
	}
	a.readsS3(c)
	c.Flags().StringSliceVar(&n.sources, "source", nil, "examine only these sources")
	c.Flags().StringVar(&accounts, "accounts", "3", "how many accounts of each source to try, spread over all; or all; or their IDs, separated by commas")
	c.Flags().BoolVar(&deep, "deep", false, "make a call of every operation that a run would make")
	c.Flags().BoolVar(&asJSON, "json", false, "print as JSON")
	return c
}

func (a *app) doctor(ctx context.Context, o doctor.Options, asJSON bool) error {
	r, err := doctor.Run(ctx, o)
	if err != nil {
		return err
	}
	if asJSON {
		err = printJSON(a.out, r)
	} else {
		err = printFindings(a.out, r)
	}
	if err == nil && r.Exit != exitComplete {
		err = &exitError{code: r.Exit}
	}
	return err
}

var accountID = regexp.MustCompile(`^[0-9]{12}$`)

// choice returns what picks accounts as the flag says.
func choice(flag string) (func([]string) []string, error) {
	if flag == "all" {
		return func(ids []string) []string { return ids }, nil
	}
	if n, err := strconv.Atoi(flag); err == nil && n > 0 && !accountID.MatchString(flag) {
		return func(ids []string) []string { return spread(ids, n) }, nil
	}
	named := strings.Split(flag, ",")
	if slices.ContainsFunc(named, func(id string) bool { return !accountID.MatchString(id) }) {
		return nil, fmt.Errorf("--accounts %q: expected a number from 1, all, or account IDs separated by commas", flag)
	}
	return func(ids []string) []string {
		return slices.DeleteFunc(slices.Clone(ids), func(id string) bool { return !slices.Contains(named, id) })
	}, nil
}

// spread returns n of the values at equal distances, the first and the last among
// them, so that each time the same are tried.
func spread(values []string, n int) []string {
	if n >= len(values) {
		return values
	}
	if n == 1 {
		return values[:1]
	}
	var some []string
	for i := range n {
		some = append(some, values[i*(len(values)-1)/(n-1)])
	}
	return some
}

// startDuckDB asks an empty database something.
func startDuckDB(ctx context.Context) (err error) {
	db, err := query.Open(ctx, query.Options{})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, db.Close()) }()
	result, err := db.Query(ctx, "SELECT 1", nil)
	if err != nil {
		return err
	}
	result.Close()
	return nil
}

// printFindings prints a line for each finding, what fails with its cause and cure,
// and a summary.
func printFindings(w io.Writer, r *doctor.Report) error {
	var text strings.Builder
	count := map[doctor.Level]int{}
	for _, f := range r.Findings {
		count[f.Level]++
		var subject []string
		for _, part := range []string{f.Source, f.Account, f.Region, f.Service} {
			if part != "" {
				subject = append(subject, part)
			}
		}
		fmt.Fprintf(&text, "%-4s  %-48s  %s\n", f.Level, cmp.Or(strings.Join(subject, " "), "this machine"), f.What)
		if f.Cause != "" {
			fmt.Fprintf(&text, "        cause: %s\n", strings.ReplaceAll(f.Cause, "\n", "\n        "))
		}
		if f.Cure != "" {
			fmt.Fprintf(&text, "        cure:  %s\n", f.Cure)
		}
	}
	fmt.Fprintf(&text, "\n%d ok, %d warn, %d fail; %d calls, %.2fs\n", count[doctor.OK], count[doctor.Warn], count[doctor.Fail], r.Calls, r.Seconds)
	_, err := io.WriteString(w, text.String())
	return err
}

// quiet is the progress of a command that prints its results itself.
type quiet struct{ *app }

func (q quiet) Step(name string)         { fmt.Fprintln(q.err, "trying", name, "…") }
func (quiet) Discovering(string)         {}
func (quiet) UnitDone(spool.Unit)        {}
func (quiet) AccountDone(string, string) {}
func (q quiet) Planned(plan *extract.Plan) {
	accounts, units := plan.Size()
	fmt.Fprintf(q.err, "trying %d collectors in %d accounts …\n", units, accounts)
}
