package main

import (
	"bytes"
	"fmt"
	"maps"
	"slices"
	"strings"

	"stocktake/extract"
	"stocktake/extract/all"
	"stocktake/internal/catalog"
)

const indexIntro = `# Tables

Names in ` + "`collect`" + ` and ` + "`--collect`" + ` are streams, tables, or globs over table names: ` + "`ec2`, `aws_ec2_volumes`, `aws_iam_*`, `*`" + `.
Each page below says what a row is, which calls and permissions the table takes, and what every column holds.

Types on the pages are those of the schema files. DuckDB shows them so:

| schema | DuckDB | |
| --- | --- | --- |
| ` + "`utf8`" + ` | VARCHAR | enumerations too |
| ` + "`bool`, `int32`, `int64`, `float64`" + ` | BOOLEAN, INTEGER, BIGINT, DOUBLE | |
| ` + "`timestamp`" + ` | TIMESTAMP WITH TIME ZONE | microseconds, UTC |
| ` + "`json`" + ` | JSON | policy documents, and parts that are very wide, recursive or of several forms |
| ` + "`struct`, `list<T>`, `map<utf8,T>`" + ` | STRUCT, LIST, MAP | nested fields stand indented below their column |

A NULL is AWS's answer unless ` + "`not_collected`" + ` of the row names the column. A value that cannot be read as its
column's type, such as a date in an unknown form, is NULL and named there too.
`

// index is the list of tables, by stream and by service.
func index(tables []table) []byte {
	var b bytes.Buffer
	fmt.Fprintf(&b, "<!-- Made by `%s`; edits are lost. -->\n\n%s\n## By stream\n", command, indexIntro)
	for _, s := range slices.Sorted(maps.Keys(all.Streams)) {
		group(&b, s, tables, func(t table) bool { return slices.Contains(t.Streams, s) })
	}
	group(&b, "In no stream", tables, func(t table) bool { return t.collector != nil && len(t.Streams) == 0 })
	group(&b, "About the runs themselves", tables, func(t table) bool { return t.collector == nil })
	services(&b, tables)
	discovery(&b)
	return b.Bytes()
}

func group(b *bytes.Buffer, title string, tables []table, belongs func(table) bool) {
	started := false
	for _, t := range tables {
		if !belongs(t) {
			continue
		}
		if !started {
			fmt.Fprintf(b, "\n### %s\n\n| table | what it holds |\n| --- | --- |\n", title)
			started = true
		}
		fmt.Fprintf(b, "| [%s](%s.md) | %s |\n", t.Name, t.Name, cell(t.Description))
	}
}

// services is the matrix of what is covered of each service.
func services(b *bytes.Buffer, tables []table) {
	b.WriteString("\n## By service\n\n" +
		"| service | tables | scope | operations, of them optional | seen through an administrator | removed or hashed columns |\n" +
		"| --- | --- | --- | --- | --- | --- |\n")
	by := map[string][]table{}
	for _, t := range tables {
		if t.collector != nil {
			by[t.Service] = append(by[t.Service], t)
		}
	}
	for _, service := range slices.Sorted(maps.Keys(by)) {
		var names, scopes, redacted []string
		view := "no"
		needed, optional := map[string]bool{}, map[string]bool{}
		for _, t := range by[service] {
			names = append(names, fmt.Sprintf("[%s](%s.md)", strings.TrimPrefix(t.Name, "aws_"+service+"_"), t.Name))
			scopes = append(scopes, strings.ReplaceAll(t.Scope, "_", " "))
			t.count(needed, optional)
			t.redacted(t.Schema.Columns, "", &redacted, &redacted)
			if a := t.collector.Administrator; a != nil && a.Option == "" {
				view = "yes"
			} else if a != nil {
				view = "by `organization_views`"
			}
		}
		maps.DeleteFunc(optional, func(o string, _ bool) bool { return needed[o] })
		slices.Sort(scopes)
		fmt.Fprintf(b, "| %s | %s | %s | %d, %d | %s | %d |\n", service, strings.Join(names, ", "),
			strings.Join(slices.Compact(scopes), ", "), len(needed)+len(optional), len(optional), view, len(redacted))
	}
}

func (t table) count(needed, optional map[string]bool) {
	for _, o := range t.Operations {
		if t.isOptional(o) {
			optional[o.Name] = true
		} else {
			needed[o.Name] = true
		}
	}
}

func (t table) isOptional(o catalog.Operation) bool {
	return len(o.Details) > 0 || t.administrative(o.Name)
}

// discovery lists the calls that no table stands for.
func discovery(b *bytes.Buffer) {
	b.WriteString("\n## Calls that find accounts and regions\n\n" +
		"A run makes these before it collects; which of them depends on the kind of source.\n\n" +
		"| operation | IAM action | what for | |\n| --- | --- | --- | --- |\n")
	for _, d := range extract.Discovery {
		need := "needed"
		if d.Optional {
			need = "optional"
		}
		fmt.Fprintf(b, "| %s | %s | %s | %s |\n", d.Operation, codes(d.Service.ActionsOf(d.Operation)), cell(d.Why), need)
	}
}
