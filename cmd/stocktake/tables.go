package main

import (
	"encoding/json"
	"fmt"
	"io"
	"path"
	"slices"
	"strings"
	"text/tabwriter"

	"github.com/spf13/cobra"

	"stocktake/internal/catalog"
	"stocktake/internal/config"
)

// printJSON writes v for programs.
func printJSON(w io.Writer, v any) error {
	e := json.NewEncoder(w)
	e.SetIndent("", "  ")
	e.SetEscapeHTML(false)
	return e.Encode(v)
}

func (a *app) tablesCommand() *cobra.Command {
	var asJSON bool
	c := &cobra.Command{
		Use:   "tables [NAME | STREAM | PATTERN]",
		Short: "List the tables and views, or show a table with its columns and permissions",
		Example: `  stocktake tables
  stocktake tables network
  stocktake tables aws_ec2_volumes
  stocktake tables --json | jq -r '.[].actions[]' | sort -u`,
		Args:              cobra.MaximumNArgs(1),
		ValidArgsFunction: completeTables,
		RunE: func(_ *cobra.Command, args []string) error {
			tables, err := catalog.Tables()
			if err != nil {
				return err
			}
			if len(args) == 1 {
				if tables = matching(tables, args[0]); len(tables) == 0 {
					return usage(fmt.Errorf("no table, stream or pattern %q: `stocktake tables` lists them", args[0]))
				}
			}
			switch {
			case asJSON:
				return printJSON(a.out, tables)
			case len(args) == 1 && tables[0].Name == args[0]:
				return printTable(a.out, tables[0])
			case len(args) == 1:
				return listTables(a.out, tables, nil)
			}
			return listTables(a.out, tables, catalog.Views)
		},
	}
	c.Flags().BoolVar(&asJSON, "json", false, "print as JSON")
	return c
}

func completeTables(*cobra.Command, []string, string) ([]string, cobra.ShellCompDirective) {
	tables, err := catalog.Tables()
	if err != nil {
		return nil, cobra.ShellCompDirectiveError
	}
	var names []string
	for _, t := range tables {
		names = append(names, t.Name+"\t"+t.Description)
	}
	return names, cobra.ShellCompDirectiveNoFileComp
}

func matching(tables []catalog.Table, pattern string) []catalog.Table {
	return slices.DeleteFunc(slices.Clone(tables), func(t catalog.Table) bool {
		ok, err := path.Match(pattern, t.Name)
		return (err != nil || !ok) && !slices.Contains(t.Streams, pattern)
	})
}

func listTables(out io.Writer, tables []catalog.Table, views []catalog.View) error {
	w := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	fmt.Fprintln(w, "TABLE\tSTREAMS\tSCOPE\tDESCRIPTION")
	for _, t := range tables {
		streams := strings.Join(t.Streams, ", ")
		if streams == "" {
			streams = "-"
		}
		fmt.Fprintf(w, "%s\t%s\t%s\t%s\n", t.Name, streams, t.Scope, t.Description)
	}
	for _, v := range views {
		fmt.Fprintf(w, "%s\t-\tview\t%s\n", v.Name, v.Description)
	}
	return w.Flush()
}

func printTable(out io.Writer, t catalog.Table) error {
	fmt.Fprintf(out, "%s (schema %s): %s\n\n", t.Name, t.Version, t.Description)
	w := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	fmt.Fprintf(w, "scope\t%s\nstreams\t%s\nkey\t%s\n", t.Scope, strings.Join(t.Streams, ", "), strings.Join(t.Key, ", "))
	switch {
	case t.EventTime != "":
		fmt.Fprintf(w, "rows\tadded by the day of %s\n", t.EventTime)
	case t.Incremental:
		fmt.Fprint(w, "rows\tread by what has changed\n")
	}
	if t.OnRequest {
		fmt.Fprint(w, "collected\ton request: by its name or a stream\n")
	}
	for _, o := range t.Operations {
		what := "needed"
		switch n := len(o.Details); {
		case o.View:
			what = "optional, reads through the delegated administrator"
		case o.Hint:
			what = "optional, saves calls"
		case o.Instead != "":
			what = "where " + o.Instead + " is refused"
		case n > 4:
			what = fmt.Sprintf("optional, fills %d columns", n)
		case n > 0:
			what = "optional, fills " + strings.Join(o.Details, ", ")
		}
		if o.Per != "" {
			what += "; a call for " + each(o.Batch) + " of " + o.Per
		}
		fmt.Fprintf(w, "permission\t%s (%s)\n", strings.Join(o.Actions, ", "), what)
	}
	fmt.Fprintln(w, "\nCOLUMN\tTYPE\tORIGIN\tDESCRIPTION")
	printColumns(w, t.Columns, "")
	return w.Flush()
}

func each(batch int) string {
	if batch > 1 {
		return fmt.Sprintf("%d rows", batch)
	}
	return "each row"
}

func printColumns(w io.Writer, columns []catalog.Column, indent string) {
	for _, c := range columns {
		description := c.Description
		if c.Redacted != "" {
			description = strings.TrimSpace(description + " [" + c.Redacted + "]")
		}
		fmt.Fprintf(w, "%s%s\t%s\t%s\t%s\n", indent, c.Name, c.Type, c.Origin, description)
		printColumns(w, c.Fields, indent+"  ")
	}
}

// sourceInfo is what `sources` shows of a source.
type sourceInfo struct {
	Name    string   `json:"name"`
	Kind    string   `json:"kind"`
	Active  bool     `json:"active"`
	Contact string   `json:"contact,omitempty"`
	Console string   `json:"console,omitempty"`
	Regions []string `json:"regions"` // ["all"] when they are discovered
	Collect []string `json:"collect"`
}

func (a *app) sourcesCommand() *cobra.Command {
	var asJSON bool
	c := &cobra.Command{
		Use:     "sources",
		Short:   "List the sources of the configuration",
		Example: "  stocktake sources --json",
		Args:    cobra.NoArgs,
		RunE: func(*cobra.Command, []string) error {
			file, err := a.config()
			if err != nil {
				return err
			}
			var sources []sourceInfo
			for _, s := range file.Sources {
				sources = append(sources, describeSource(s))
			}
			if asJSON {
				return printJSON(a.out, sources)
			}
			w := tabwriter.NewWriter(a.out, 0, 0, 2, ' ', 0)
			fmt.Fprintln(w, "SOURCE\tKIND\tACTIVE\tREGIONS\tCOLLECT\tCONTACT\tCONSOLE")
			for _, s := range sources {
				fmt.Fprintf(w, "%s\t%s\t%v\t%s\t%s\t%s\t%s\n", s.Name, s.Kind, s.Active,
					strings.Join(s.Regions, ", "), strings.Join(s.Collect, ", "), orDash(s.Contact), orDash(s.Console))
			}
			return w.Flush()
		},
	}
	c.Flags().BoolVar(&asJSON, "json", false, "print as JSON")
	return c
}

func describeSource(s config.Source) sourceInfo {
	info := sourceInfo{Name: s.Name, Active: s.Activate, Contact: s.Contact, Console: s.Console, Regions: s.Regions.Names, Collect: s.Collect}
	if s.Regions.All {
		info.Regions = []string{"all"}
	}
	switch {
	case s.Keys != nil:
		info.Kind = "keys"
	case s.Role != nil:
		info.Kind = "role"
	case s.Roles != nil:
		info.Kind = "roles"
	default:
		info.Kind = "organization"
	}
	return info
}

func orDash(s string) string {
	if s == "" {
		return "-"
	}
	return s
}
