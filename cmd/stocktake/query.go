package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"stocktake/internal/outcome"
	"stocktake/internal/query"
	"stocktake/queries"
)

func (a *app) queryCommand() *cobra.Command {
	var format, output string
	var params []string
	c := &cobra.Command{
		Use:   "query SQL | FILE.sql | NAME",
		Short: "Ask the warehouse in SQL (DuckDB)",
		Long: `Ask the warehouse in DuckDB's SQL. There is a view for every table, and
coverage_gaps for what could not be read. The views devices and users answer
over several tables: machines of EC2 and Systems Manager, and users of IAM,
Identity Center, Cognito and Connect. The warehouse is read as the last commit
left it; nothing can be written, and nothing outside it read.

A NAME is one of the questions that come with stocktake:
` + strings.Join(queries.Names(), ", ") + `.

When a table that the query reads has units that were not collected, a warning
under the result says so: an empty answer without a warning is an answer.`,
		Example: `  stocktake query "SELECT region, count(*) FROM aws_ec2_instances GROUP BY 1"
  stocktake query network --param except_port=22
  stocktake query findings --format csv > findings.csv
  stocktake query report.sql --format parquet --output report.parquet`,
		Args: cobra.ExactArgs(1),
		ValidArgsFunction: func(*cobra.Command, []string, string) ([]string, cobra.ShellCompDirective) {
			return queries.Names(), cobra.ShellCompDirectiveDefault
		},
		RunE: func(c *cobra.Command, args []string) error {
			if !slices.Contains([]string{"table", "csv", "json", "parquet"}, format) {
				return usage(fmt.Errorf("--format %q: expected table, csv, json or parquet", format))
			}
			return a.query(c.Context(), args[0], format, output, params)
		},
	}
	a.readsS3(c)
	c.Flags().StringVarP(&format, "format", "f", "table", "table, csv, json or parquet")
	c.Flags().StringVarP(&output, "output", "o", "", "file to write the result to (default standard output)")
	c.Flags().StringArrayVarP(&params, "param", "p", nil, "value of a parameter, as name=value")
	return c
}

// question is a query with its parameters.
type question struct {
	title  string
	sql    string
	params map[string]any
}

// ask finds out whether text is a name, a file or SQL.
func ask(text string, given []string) (question, error) {
	body, err := queries.Text(text)
	name := text + ".sql"
	if err != nil {
		body, err = os.ReadFile(text)
		name = text
		if errors.Is(err, fs.ErrNotExist) && !strings.ContainsAny(text, " \t\n") {
			_, err = queries.Text(text)
			return question{}, usage(err)
		}
		if err != nil {
			body, name = nil, ""
		}
	}
	q := question{sql: text, params: map[string]any{}}
	if body != nil {
		q.sql = string(body)
		if f, err := query.ParseFile(name, body); err == nil {
			q.title = f.Title
			for _, p := range f.Params {
				q.params[p.Name] = p.Default
			}
		} else if strings.HasPrefix(string(body), "-- title:") {
			return question{}, usage(err)
		}
	}
	for _, g := range given {
		name, value, ok := strings.Cut(g, "=")
		if !ok {
			return question{}, usage(fmt.Errorf("--param %q: expected name=value", g))
		}
		q.params[name] = value
	}
	return q, nil
}

func (a *app) query(ctx context.Context, text, format, output string, given []string) error {
	q, err := ask(text, given)
	if err != nil {
		return err
	}
	r, err := a.read(ctx)
	if err != nil {
		return err
	}
	db, err := r.open(ctx)
	if err != nil {
		return err
	}
	defer db.Close()
	width, _ := isTerminal(a.out)
	if format == "table" && q.title != "" && output == "" {
		fmt.Fprintf(a.out, "%s\n", q.title)
	}
	if format == "parquet" {
		if err := a.queryParquet(ctx, db, q, output); err != nil {
			return err
		}
	} else if err := a.queryText(ctx, db, q, query.Format{Name: format, Width: width}, output); err != nil {
		return err
	}
	return a.warnGaps(ctx, db, q.sql)
}

func (a *app) queryText(ctx context.Context, db *query.DB, q question, f query.Format, output string) error {
	result, err := db.Query(ctx, q.sql, q.params)
	if err != nil {
		return usage(err)
	}
	to := a.out
	if output != "" {
		file, err := os.Create(output)
		if err != nil {
			return fmt.Errorf("write the result: %w", err)
		}
		_, err = result.Write(file, f)
		return errors.Join(err, file.Close())
	}
	_, err = result.Write(to, f)
	return err
}

// queryParquet writes to a file, and to standard output by way of one.
func (a *app) queryParquet(ctx context.Context, db *query.DB, q question, output string) error {
	if output != "" {
		path, err := filepath.Abs(output)
		if err != nil {
			return err
		}
		rows, err := db.CopyParquet(ctx, q.sql, q.params, path)
		if err == nil {
			fmt.Fprintf(a.err, "%s: %d rows\n", output, rows)
		}
		return err
	}
	if _, terminal := isTerminal(a.out); terminal {
		return usage(errors.New("parquet is not for terminals: give --output FILE, or redirect"))
	}
	dir, err := os.MkdirTemp("", "stocktake-query-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	path := filepath.Join(dir, "result.parquet")
	if _, err := db.CopyParquet(ctx, q.sql, q.params, path); err != nil {
		return err
	}
	file, err := os.Open(path)
	if err != nil {
		return err
	}
	defer file.Close()
	_, err = io.Copy(a.out, file)
	return err
}

// warnGaps says under a result which of the tables that it read are not complete.
func (a *app) warnGaps(ctx context.Context, db *query.DB, sql string) error {
	touched, err := db.TablesOf(ctx, sql)
	if err != nil {
		return fmt.Errorf("find the tables of the query: %w", err)
	}
	gaps, err := gapsOf(ctx, db, touched)
	if err != nil {
		return err
	}
	for _, g := range gaps {
		fmt.Fprintln(a.err, g)
	}
	return nil
}

// gapsOf describes the incomplete units of tables, equal ones together.
func gapsOf(ctx context.Context, db *query.DB, tables []string) ([]string, error) {
	if len(tables) == 0 || slices.Contains(tables, "stocktake_coverage") {
		return nil, nil // whoever reads coverage sees the gaps
	}
	result, err := db.Query(ctx, `
		SELECT table_name, outcome, count(*), count(DISTINCT account_id), sum(carried_rows)::BIGINT, coalesce(missing_action, '')
		FROM coverage_gaps GROUP BY ALL ORDER BY ALL`, nil)
	if err != nil {
		return nil, fmt.Errorf("read coverage: %w", err)
	}
	defer result.Close()
	var gaps []string
	for row, err := range result.Rows() {
		if err != nil {
			return nil, fmt.Errorf("read coverage: %w", err)
		}
		table := fmt.Sprint(row[0])
		if !slices.Contains(tables, table) {
			continue
		}
		effect := "their last good rows stand in"
		switch {
		case fmt.Sprint(row[1]) == string(outcome.Partial):
			effect = "some columns are NULL because they could not be read"
		case fmt.Sprint(row[4]) == "0":
			effect = "the result has no rows of them"
		}
		needs := ""
		if action := fmt.Sprint(row[5]); action != "" {
			needs = "; needs " + action
		}
		gaps = append(gaps, fmt.Sprintf("warning: %s is %v in %v units of %v accounts: %s%s (see `stocktake query coverage`)",
			table, row[1], row[2], row[3], effect, needs))
	}
	return gaps, nil
}
