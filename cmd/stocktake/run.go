package main

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"text/tabwriter"

	"github.com/spf13/cobra"

	"stocktake/extract"
	"stocktake/extract/all"
	"stocktake/internal/config"
	"stocktake/internal/pipeline"
	"stocktake/load"
	"stocktake/load/store"
)

// narrowing holds the flags that narrow one run.
type narrowing struct{ sources, collect []string }

func (n *narrowing) flags(c *cobra.Command) {
	c.Flags().StringSliceVar(&n.sources, "source", nil, "ask only these sources; everything else stays as it is")
	c.Flags().StringSliceVar(&n.collect, "collect", nil, "ask only for these streams, tables or patterns; everything else stays as it is")
}

// tables returns the chosen tables, nil for all.
func (n *narrowing) tables(c *config.File) (map[string]bool, error) {
	for _, s := range n.sources {
		if !slices.ContainsFunc(c.Sources, func(have config.Source) bool { return have.Name == s }) {
			return nil, usage(fmt.Errorf("--source %q: %s has no source of that name", s, c.Path))
		}
	}
	if len(n.collect) == 0 {
		return nil, nil
	}
	tables, err := extract.Select(all.Collectors, all.Streams, n.collect)
	if err != nil {
		return nil, usage(fmt.Errorf("--collect: %w", err))
	}
	return tables, n.configured(c)
}

// configured makes sure that some source collects what each pattern stands for:
// a run can be narrowed to less than the configuration says, and not to more.
func (n *narrowing) configured(c *config.File) error {
	var collected []string
	for _, s := range c.Sources {
		collected = append(collected, s.Collect...)
	}
	have, err := extract.Select(all.Collectors, all.Streams, collected)
	if err != nil {
		return err
	}
	for _, pattern := range n.collect {
		asked, err := extract.Select(all.Collectors, all.Streams, []string{pattern})
		if err != nil {
			return err
		}
		if !slices.ContainsFunc(slices.Sorted(maps.Keys(asked)), func(t string) bool { return have[t] }) {
			return usage(fmt.Errorf("--collect %q: no source of %s collects it: add it to the collect of a source", pattern, c.Path))
		}
	}
	return nil
}

func (a *app) runCommand() *cobra.Command {
	var n narrowing
	var resume, asJSON bool
	c := &cobra.Command{
		Use:   "run",
		Short: "Collect, and publish what was read",
		Long: `Collect what the configuration asks for, over all its accounts and regions, and
publish it as one new state of the warehouse. Readers see the previous state or
the new one, never a mixture.

What could not be read keeps its last good rows, and is recorded with the
reason. Stopped by Ctrl-C, the run can go on later with --resume.`,
		Example: `  stocktake run
  stocktake run --source acme --collect network,s3
  stocktake run --resume
  stocktake run --json | jq .failures`,
		Args: cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			file, err := a.config()
			if err != nil {
				return err
			}
			tables, err := n.tables(file)
			if err != nil {
				return err
			}
			return a.run(c.Context(), file, pipeline.Options{Sources: n.sources, Tables: tables, Resume: resume}, asJSON)
		},
	}
	n.flags(c)
	c.Flags().BoolVar(&resume, "resume", false, "go on with the run that was stopped")
	c.Flags().BoolVar(&asJSON, "json", false, "print the summary as JSON")
	return c
}

func (a *app) run(ctx context.Context, file *config.File, o pipeline.Options, asJSON bool) error {
	progress := a.progress()
	defer progress.Close()
	o.Observer = progress
	result, err := a.collect(ctx, file, o)
	progress.Close()
	if err != nil {
		return withExit(err)
	}
	for _, note := range result.Notes {
		fmt.Fprintln(a.err, "note:", note)
	}
	r := reportOf(result)
	if asJSON {
		if err := printJSON(a.out, r); err != nil {
			return err
		}
	} else {
		r.print(a.out)
	}
	if result.Exit != exitComplete {
		return &exitError{code: result.Exit}
	}
	return nil
}

// collect runs the pipeline with what the configuration says.
func (a *app) collect(ctx context.Context, file *config.File, o pipeline.Options) (*pipeline.Result, error) {
	s, err := a.destination(ctx, file)
	if err != nil {
		return nil, err
	}
	o.Config, o.Collectors, o.Streams, o.Base = file, all.Collectors, all.Streams, base(file)
	o.Store, o.Program, o.Views = s, version, refreshViews(s)
	return pipeline.Run(ctx, o)
}

// withExit gives an error the exit code that says what it means for the
// warehouse: another run holds it, or this one is published all the same.
func withExit(err error) error {
	var locked *store.LockedError
	var unfinished *load.UnfinishedError
	switch {
	case errors.As(err, &locked):
		return &exitError{exitLocked, err}
	case errors.As(err, &unfinished):
		return &exitError{exitIncomplete, err}
	}
	return err
}

// planned is what `plan --json` prints.
type planned struct {
	Accounts []plannedAccount   `json:"accounts"`
	Units    int                `json:"units"`
	Tables   []extract.Estimate `json:"tables"`
	Price    *metricPrice       `json:"metric_price,omitempty"`
	Calls    int64              `json:"calls"`
}

type plannedAccount struct {
	Source  string   `json:"source"`
	ID      string   `json:"account_id"`
	Name    string   `json:"name,omitempty"`
	Regions []string `json:"regions"`
	Problem string   `json:"problem,omitempty"`
}

func (a *app) planCommand() *cobra.Command {
	var n narrowing
	var asJSON bool
	c := &cobra.Command{
		Use:   "plan",
		Short: "Show what a run would ask, without collecting",
		Long: `Find accounts and regions, and list the units and the likely number of calls of
a run. Nothing is collected or written. Calls for details depend on rows: they
are estimated from the last run, and marked with + before there is one.`,
		Example: "  stocktake plan\n  stocktake plan --collect users --json",
		Args:    cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			file, err := a.config()
			if err != nil {
				return err
			}
			tables, err := n.tables(file)
			if err != nil {
				return err
			}
			s, err := a.destination(c.Context(), file)
			if err != nil {
				return err
			}
			progress := a.progress()
			defer progress.Close()
			plan, rows, err := pipeline.Plan(c.Context(), pipeline.Options{
				Config: file, Store: s, Collectors: all.Collectors, Streams: all.Streams, Base: base(file),
				Sources: n.sources, Tables: tables, Observer: progress, Program: version,
			})
			if err != nil {
				return withExit(err)
			}
			out := planOf(plan, rows)
			out.Price = priceOf(file, plan, rows)
			if asJSON {
				return printJSON(a.out, out)
			}
			return a.printPlan(out)
		},
	}
	n.flags(c)
	c.Flags().BoolVar(&asJSON, "json", false, "print as JSON")
	return c
}

func planOf(plan *extract.Plan, rows map[string]int64) planned {
	var out planned
	for _, s := range plan.Sources {
		for _, account := range s.Accounts {
			p := plannedAccount{Source: s.Source.Name, ID: account.ID, Name: account.Name, Regions: account.Regions}
			switch {
			case account.Suspended:
				p.Problem = "suspended"
			case account.Failed != nil:
				p.Problem = fmt.Sprintf("%s: %s. %s", account.Failed.Kind, account.Failed.Message, account.Failed.Advice)
			case account.NoRegions != nil:
				p.Problem = fmt.Sprintf("regions unknown: needs %s", account.NoRegions.MissingAction)
			}
			out.Accounts = append(out.Accounts, p)
		}
	}
	_, out.Units = plan.Size()
	out.Tables = plan.Estimates(rows)
	for _, e := range out.Tables {
		out.Calls += e.Calls
	}
	return out
}

func (a *app) printPlan(p planned) error {
	w := tabwriter.NewWriter(a.out, 0, 0, 2, ' ', 0)
	fmt.Fprintln(w, "SOURCE\tACCOUNT\tNAME\tREGIONS\tPROBLEM")
	for _, account := range p.Accounts {
		fmt.Fprintf(w, "%s\t%s\t%s\t%s\t%s\n", account.Source, account.ID, orDash(account.Name), strings.Join(account.Regions, " "), orDash(account.Problem))
	}
	fmt.Fprintln(w, "\nTABLE\tUNITS\tCALLS\t\t")
	for _, e := range p.Tables {
		more := ""
		if e.Unknown {
			more = "+"
		}
		fmt.Fprintf(w, "%s\t%d\t%d%s\t\t\n", e.Table, e.Units, e.Calls, more)
	}
	if err := w.Flush(); err != nil {
		return err
	}
	if _, err := fmt.Fprintf(a.out, "\n%d accounts, %d units, about %d calls\n", len(p.Accounts), p.Units, p.Calls); err != nil {
		return err
	}
	return p.Price.print(a.out)
}
