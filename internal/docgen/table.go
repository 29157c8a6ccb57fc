package main

import (
	"bytes"
	"fmt"
	"reflect"
	"slices"
	"strings"

	"stocktake/extract"
	"stocktake/extract/all"
	"stocktake/internal/catalog"
	"stocktake/internal/schema"
)

// table is a table of the catalog with the collector that fills it.
type table struct {
	catalog.Table
	collector *extract.Collector // nil for stocktake's own tables
	item      reflect.Type
	parent    string
	verified  []string // moto, wire
}

// known returns every table, by name.
func known() ([]table, error) {
	listed, err := catalog.Tables()
	if err != nil {
		return nil, err
	}
	tables := make([]table, len(listed))
	for i, t := range listed {
		tables[i].Table = t
		for _, c := range all.Collectors {
			for _, filled := range c.Tables {
				if filled.Name == t.Name {
					tables[i].collector, tables[i].item, tables[i].parent = c, filled.Item, filled.Parent
				}
			}
		}
	}
	return tables, verification(tables)
}

// page is the table's page in Markdown.
func (t table) page() []byte {
	var b bytes.Buffer
	fmt.Fprintf(&b, "<!-- Made by `%s`; edits are lost. -->\n\n# %s\n\n%s\n\n", command, t.Name, t.Description)
	fmt.Fprintf(&b, "- **Scope:** %s\n", t.scope())
	fmt.Fprintf(&b, "- **Streams:** %s\n", t.streams())
	fmt.Fprintf(&b, "- **Key:** %s\n", codes(t.Key))
	if t.collector != nil {
		fmt.Fprintf(&b, "- **A row is:** %s\n", t.origin())
		if kept := t.kept(); kept != "" {
			fmt.Fprintf(&b, "- **Rows:** %s; see [events and findings](../events-and-metrics.md)\n", kept)
		}
		if t.OnRequest {
			fmt.Fprintf(&b, "- **Collected:** on request: where `collect` has its name or one of its streams, and not for `*` or another glob\n")
		}
	}
	file := t.Schema.ID() + ".json"
	fmt.Fprintf(&b, "- **Schema:** version %s, [`schemas/%s`](../../schemas/%s)\n", t.Version, file, file)
	if t.collector != nil {
		fmt.Fprintf(&b, "- **Verified:** %s\n", t.verification())
		t.calls(&b)
		t.gaps(&b)
		t.redaction(&b)
	}
	b.WriteString("\n## Columns\n\n| column | type | origin | what it holds |\n| --- | --- | --- | --- |\n")
	t.columns(&b, t.Schema.AllColumns(), t.itemName(), "")
	return b.Bytes()
}

func (t table) itemName() string {
	if t.item == nil {
		return ""
	}
	return t.item.Name()
}

// scopes says in words how often a collector of a scope runs.
var scopes = map[extract.Scope]string{
	extract.Regional:       "once for each account and region",
	extract.Global:         "once for each account, in the home region of its partition; `collected_region` names it",
	extract.Organization:   "once for each source, in the account that the accounts are listed from",
	extract.IdentityCenter: "once for each source, in the region of IAM Identity Center",
}

func (t table) scope() string {
	if t.collector == nil {
		return "written by every run"
	}
	words := scopes[t.collector.Scope]
	switch {
	case t.collector.AnyAccount:
		words += "; each row is about the account that it names"
	case t.collector.AnyRegion:
		words += "; each row has the region of its own item"
	}
	switch a := t.collector.Administrator; {
	case a == nil:
	case a.Option != "" && slices.Contains(a.Tables, t.Name):
		words += "; where a source asks for it by `organization_views: [" + a.Option +
			"]`, the organization's view stands in for the accounts that it covers"
	case a.Option == "":
		words += "; where the organization has a delegated administrator for `" + a.Principal +
			"`, that account's view stands in for the accounts and regions that it covers"
	}
	return words
}

func (t table) streams() string {
	if len(t.Streams) == 0 {
		return "none"
	}
	return codes(t.Streams) + " ([all streams](README.md#streams))"
}

// kept says what a run does with the rows of earlier ones, where it does not
// replace them.
func (t table) kept() string {
	switch {
	case t.EventTime != "":
		return "added, and never replaced, in a folder for each UTC day of `" + t.EventTime + "`"
	case t.Incremental:
		return "read incrementally: those that changed since the last run are replaced, the others stay and `last_confirmed_at` says when they were last known to be so"
	}
	return ""
}

// verification says against what the table was read, none of it AWS itself.
func (t table) verification() string {
	words := "simulated organization and conformance suite"
	for _, v := range t.verified {
		words += map[string]string{
			"moto": "; moto, compared leaf by leaf with what boto3 reads",
			"wire": "; answers written by hand in the form of AWS, over HTTP",
		}[v]
	}
	return words + "; not AWS itself"
}

func (t table) origin() string {
	of := "`" + t.item.String() + "`"
	if folder, own := strings.CutPrefix(t.item.PkgPath(), "stocktake/"); own {
		return fmt.Sprintf("%s, a type of [%s](../../%s)", of, folder, folder)
	}
	return of + " of the SDK's package " + t.Service
}

// calls lists the operations, and what each is for.
func (t table) calls(b *bytes.Buffer) {
	b.WriteString("\n## Calls and permissions\n\n| operation | IAM action | needed for |\n| --- | --- | --- |\n")
	for _, o := range t.Operations {
		fmt.Fprintf(b, "| %s | %s | %s |\n", o.Name, codes(o.Actions), t.purpose(o))
	}
}

func (t table) purpose(o catalog.Operation) string {
	purpose := "the rows"
	switch {
	case o.View:
		return "the delegated administrator's view; optional: without it the accounts are asked one by one"
	case o.Hint:
		return "optional: tells which of the other calls are worth making; without it all are made"
	case o.Instead != "":
		purpose = "the rows where " + o.Instead + " is refused"
	case len(o.Details) > 0:
		purpose = "optional: " + t.but(o.Details)
	case !t.calledFor(o.Name):
		purpose = "what the rows are found through"
	}
	switch o.Per {
	case "":
	case t.Name:
		purpose += "; one call for " + rows(o.Batch)
	default:
		purpose += fmt.Sprintf("; one call for %s of [%s](%s.md)", rows(o.Batch), o.Per, o.Per)
	}
	return purpose
}

func rows(batch int) string {
	if batch > 1 {
		return fmt.Sprintf("%d rows", batch)
	}
	return "each row"
}

// calledFor reports whether the operation is declared for this table and not
// only for the one that leads to it.
func (t table) calledFor(operation string) bool {
	return slices.ContainsFunc(t.collector.AllCalls(), func(c extract.Call) bool {
		return c.Operation == operation && t.collector.TableOf(c) == t.Name
	})
}

// but names columns, by those that are left where nearly all are meant.
func (t table) but(columns []string) string {
	var rest []string
	for _, c := range t.Schema.Columns {
		if !slices.Contains(columns, c.Name) {
			rest = append(rest, c.Name)
		}
	}
	if len(columns) > 8 && len(rest) < len(columns) {
		return "all columns of the item but " + codes(rest)
	}
	return codes(columns)
}

// gaps says what a NULL may mean that is no answer of AWS.
func (t table) gaps(b *bytes.Buffer) {
	b.WriteString("\n## What may be missing\n\n")
	optional := slices.ContainsFunc(t.Operations, func(o catalog.Operation) bool { return len(o.Details) > 0 })
	if optional {
		b.WriteString("- A refused optional call costs no row: its columns are NULL there, `not_collected` names them, and the outcome is `partial`.\n" +
			"  With an empty `not_collected`, NULL is AWS's answer.\n")
	} else {
		b.WriteString("- No column depends on an optional call: NULL is AWS's answer.\n")
	}
	if t.parent != "" {
		fmt.Fprintf(b, "- The rows are found through [%s](%s.md): where that table fails, this one does too.\n", t.parent, t.parent)
	}
	if t.Schema.Tags == "" {
		b.WriteString("- `tags` is always NULL: tags of these items are not read.\n")
	}
	if t.Schema.ARN == "" {
		b.WriteString("- `arn` is always NULL: AWS gives these items no ARN, and none is built.\n")
	}
}

// redaction lists the columns whose values are removed or may be hashed.
func (t table) redaction(b *bytes.Buffer) {
	var secret, personal []string
	t.redacted(t.Schema.Columns, "", &secret, &personal)
	if hasTags(t.Schema.AllColumns()) {
		secret = append(secret, "values of tags whose key contains secret, token, passw, apikey (also api_key, api-key) or credential, in any case of letters")
	}
	if len(secret)+len(personal) == 0 {
		return
	}
	b.WriteString("\n## Redaction\n\n")
	for _, s := range secret {
		fmt.Fprintf(b, "- Always removed: %s.\n", s)
	}
	if len(personal) > 0 {
		fmt.Fprintf(b, "- Hashed with `redact: personal`, texts within them included: %s.\n", strings.Join(personal, ", "))
	}
}

func hasTags(columns []schema.Column) bool {
	return slices.ContainsFunc(columns, func(c schema.Column) bool {
		return c.Name == "tags" && c.Source != "" || hasTags(c.Fields)
	})
}

func (t table) redacted(columns []schema.Column, path string, secret, personal *[]string) {
	for _, c := range columns {
		name := path + c.Name
		switch {
		case c.Redact == schema.Personal:
			*personal = append(*personal, "`"+name+"`")
		case c.Redact == schema.Secret && strings.HasPrefix(c.Type, "map<"):
			*secret = append(*secret, "the values of `"+name+"`; its keys stay")
		case c.Redact == schema.Secret:
			*secret = append(*secret, "`"+name+"`")
		}
		for _, s := range c.Secrets {
			*secret = append(*secret, "`"+s+"` in `"+name+"`")
		}
		t.redacted(c.Fields, name+".", secret, personal)
	}
}

// columns writes a line for each column, those of structs below theirs.
func (t table) columns(b *bytes.Buffer, columns []schema.Column, of, indent string) {
	for _, c := range columns {
		fmt.Fprintf(b, "| %s`%s` | `%s` | %s | %s |\n", indent, c.Name, c.Type, originOf(c, of), cell(c.Description))
		t.columns(b, c.Fields, of+"."+c.Source, indent+"&emsp;")
	}
}

// originOf tells where a column's values come from: a field, or for standard
// columns a list of alternatives, of which those with braces are templates.
func originOf(c schema.Column, of string) string {
	if c.Source == "" {
		return "stocktake"
	}
	var origins []string
	for source := range strings.SplitSeq(c.Source, "|") {
		if !strings.Contains(source, "{") {
			source = of + "." + source
		}
		origins = append(origins, "`"+source+"`")
	}
	return strings.Join(origins, ", else ")
}

// codes sets names as code.
func codes(names []string) string {
	return "`" + strings.Join(names, "`, `") + "`"
}

var escapes = strings.NewReplacer("|", `\|`, "<", "&lt;", ">", "&gt;")

// cell makes text fit for a cell of a table.
func cell(text string) string { return escapes.Replace(text) }
