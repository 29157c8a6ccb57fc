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

// index is the matrix of what is covered, and what names the tables.
func index(tables []table) []byte {
	var b bytes.Buffer
	fmt.Fprintf(&b, "<!-- Made by `%s`; edits are lost. -->\n\n%s", command, indexIntro)
	streams(&b, tables)
	services(&b, tables)
	own(&b, tables)
	discovery(&b)
	return b.Bytes()
}

// streams lists the names that stand for several tables.
func streams(b *bytes.Buffer, tables []table) {
	b.WriteString("\n## Streams\n\n| stream | tables |\n| --- | --- |\n")
	for _, s := range slices.Sorted(maps.Keys(all.Streams)) {
		var links []string
		for _, t := range tables {
			if slices.Contains(t.Streams, s) {
				links = append(links, t.link(t.Name))
			}
		}
		fmt.Fprintf(b, "| `%s` | %s |\n", s, strings.Join(links, ", "))
	}
}

func (t table) link(text string) string { return fmt.Sprintf("[%s](%s.md)", text, t.Name) }

const servicesIntro = `
## By service

%d tables of %d services. What the columns say:

- **calls**: one for each region, or account, that is asked, or one for so many rows of an answer (` + "`1 for 1000`" + `); then those
  for details, by the rows that they are about. Calls that lead to a table through another are counted there.
- **actions**: IAM actions that the table takes, optional ones included; its page names them.
- **marks**: ` + "`events`" + ` are added and never replaced, ` + "`incremental`" + ` tables are read by what has changed ([events and findings](../events-and-metrics.md));
  ` + "`on request`" + ` tables are collected where they or a stream are named, and not for ` + "`*`" + `; ` + "`administrator`" + ` means that a delegated administrator's
  view stands in for the accounts that it covers, ` + "`view`" + ` that it does so where ` + "`organization_views`" + ` asks for it; ` + "`redacted`" + ` tables have columns that are removed or may be hashed.
- **verified**: every table is read from the simulated organization, and by the conformance suite from generated answers behind the SDK's
  own client stack. Beside that, ` + "`moto`" + ` means compared leaf by leaf with what boto3 reads from the same moto server
  ([internal/mototest](../../internal/mototest)), and ` + "`wire`" + ` read over HTTP from answers written by hand in the form of AWS ([internal/wiretest](../../internal/wiretest),
  and tests of the services' own). None has been verified against AWS itself ([limits](../limits.md#what-was-verified-and-against-what)).
`

// services is the matrix of what is covered of each service.
func services(b *bytes.Buffer, tables []table) {
	by, n := map[string][]table{}, 0
	for _, t := range tables {
		if t.collector != nil {
			by[t.Service] = append(by[t.Service], t)
			n++
		}
	}
	fmt.Fprintf(b, servicesIntro, n, len(by))
	for _, service := range slices.Sorted(maps.Keys(by)) {
		fmt.Fprintf(b, "\n### %s\n\n| table | what it holds | scope | streams | calls | actions | marks | verified |\n| --- | --- | --- | --- | --- | --- | --- | --- |\n", service)
		for _, t := range by[service] {
			fmt.Fprintf(b, "| %s | %s | %s | %s | %s | %d | %s | %s |\n", t.link(strings.TrimPrefix(t.Name, "aws_"+service+"_")), cell(t.Description),
				strings.ReplaceAll(t.Scope, "_", " "), strings.Join(t.Streams, ", "), t.cost(), len(t.Actions), strings.Join(t.marks(), ", "), strings.Join(t.verified, ", "))
		}
	}
}

// cost sums up the calls that are made for the table, those about the same rows
// together. A call that only stands in for another is none beside it.
func (t table) cost() string {
	count, order := map[string]int{}, []string{}
	for _, o := range t.Operations {
		if o.Instead != "" || o.View || !t.calledFor(o.Name) {
			continue
		}
		of := ""
		switch {
		case o.Per == t.Name:
			of = " for " + rows(o.Batch)
		case o.Per != "":
			of = " for " + rows(o.Batch) + " of " + strings.TrimPrefix(o.Per, "aws_"+t.Service+"_")
		case o.Page > 0:
			of = fmt.Sprintf(" for %d", o.Page)
		}
		if count[of]++; count[of] == 1 {
			order = append(order, of)
		}
	}
	for i, of := range order {
		order[i] = fmt.Sprint(count[of], of)
	}
	if len(order) == 0 {
		return "none of its own"
	}
	return strings.Join(order, "; ")
}

// marks are what sets the table apart from the ordinary ones.
func (t table) marks() (marks []string) {
	if t.EventTime != "" {
		marks = append(marks, "events")
	}
	if t.Incremental {
		marks = append(marks, "incremental")
	}
	if t.OnRequest {
		marks = append(marks, "on request")
	}
	switch a := t.collector.Administrator; {
	case a == nil:
	case a.Option == "":
		marks = append(marks, "administrator")
	case slices.Contains(a.Tables, t.Name):
		marks = append(marks, "view")
	}
	var redacted []string
	t.redacted(t.Schema.Columns, "", &redacted, &redacted)
	if len(redacted) > 0 {
		marks = append(marks, "redacted")
	}
	return marks
}

// own lists what is about the runs themselves, and the views.
func own(b *bytes.Buffer, tables []table) {
	b.WriteString("\n## About the runs themselves\n\n| table | what it holds |\n| --- | --- |\n")
	for _, t := range tables {
		if t.collector == nil {
			fmt.Fprintf(b, "| %s | %s |\n", t.link(t.Name), cell(t.Description))
		}
	}
	b.WriteString("\n## Views\n\n`stocktake query` and `stocktake.duckdb` have these beside the tables ([more](../warehouse.md#views-over-several-tables)).\n\n" +
		"| view | what it holds |\n| --- | --- |\n")
	for _, v := range catalog.Views {
		fmt.Fprintf(b, "| `%s` | %s |\n", v.Name, cell(v.Description))
	}
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
