package scaffold

import (
	"fmt"
	"go/format"
	"slices"
	"strings"
	"unicode"

	"stocktake/internal/schema"
	"stocktake/transform"
)

// declaration is the Go text of a collector in the making.
type declaration struct {
	table   Table
	sdk     *sdk
	service *service
	prefix  string // of the service's tables
	things  string // the rest of the table's name

	variable string // of the collector
	row      string // type of a row
	types    string // declarations of it
	body     string // of the collector
	key, arn string
	checks   []string
}

func (d *declaration) check(format string, args ...any) {
	d.checks = append(d.checks, fmt.Sprintf(format, args...))
}

func (d *declaration) read() error {
	list, err := d.sdk.operation("list", d.table.List)
	if err != nil {
		return err
	}
	if need := list.required(); len(need) > 0 {
		return fmt.Errorf("-list %q: it needs %s: a table below another is a Level among its Children (docs/adding-a-table.md, other forms)", list.name, need[0].name)
	}
	if !list.pager {
		for _, token := range []string{"NextToken", "NextMarker", "Marker", "NextPageToken"} {
			if _, ok := find(list.out, token); ok {
				return fmt.Errorf("-list %q: it answers %s, but the SDK has no New%[1]sPaginator: its pages need a Walk by hand", list.name, token)
			}
		}
	}
	items, err := d.items(list)
	if err != nil {
		return err
	}
	d.variable = d.service.identifier(camel(d.things), "Table", d.sdk.name, "types", "aws", "extract", "service", "page", "Collectors")
	if d.table.DescribeBy != "" {
		return d.described(list, items)
	}
	if items.elem == "" {
		return fmt.Errorf("-list %q: it answers names (%s): name the operation that describes one by -describe-by", list.name, items)
	}
	d.row = "types." + items.elem
	d.guess(d.sdk.structs[items.elem], noun(items.elem), d.row)
	if d.key == "" {
		return d.noKey()
	}
	read := d.taken(list, items, "[]"+d.row, "return "+"o."+items.path)
	if list.pager {
		d.body = fmt.Sprintf("extract.List(service, %q, %s.New%sPaginator,\n\t&%s,\n\t%s)", d.table.Name, d.sdk.name, list.name, d.input(list), read)
	} else {
		d.body = fmt.Sprintf("extract.One(service, %q, (*%s.Client).%s,\n\t&%s,\n\t%s)", d.table.Name, d.sdk.name, list.name, d.input(list), read)
	}
	d.scope()
	d.also()
	return nil
}

func (d *declaration) noKey() error {
	return fmt.Errorf("-key: no field of %s is called like an Id, Arn or Name of it: expected the columns that are unique within an account and region", d.row)
}

// items picks the list that holds the items.
func (d *declaration) items(o *operation) (list, error) {
	all := d.sdk.lists(o)
	if d.table.Field != "" {
		for _, l := range all {
			if l.path == d.table.Field {
				return l, nil
			}
		}
		return list{}, fmt.Errorf("-field %q: expected a list in the answer of %s: %s", d.table.Field, o.name, joined(all))
	}
	switch len(all) {
	case 0:
		return list{}, fmt.Errorf("-list %q: its answer has no list of structs or names; it has %s", o.name, fieldNames(o.out))
	case 1:
		return all[0], nil
	}
	return list{}, fmt.Errorf("-list %q: its answer has several lists: choose by -field one of %s", o.name, joined(all))
}

func joined(all []list) string {
	var names []string
	for _, l := range all {
		names = append(names, l.String())
	}
	if len(names) == 0 {
		return "it has none"
	}
	return strings.Join(names, ", ")
}

func fieldNames(fields []field) string {
	var names []string
	for _, f := range fields {
		names = append(names, f.name+" "+f.typ)
	}
	if len(names) == 0 {
		return "no fields"
	}
	return strings.Join(names, ", ")
}

// taken is the function that takes items out of an answer. A list one step down
// is behind a pointer.
func (d *declaration) taken(o *operation, l list, typ, give string) string {
	head := fmt.Sprintf("func(o *%s.%sOutput) %s {", d.sdk.name, o.name, typ)
	if outer, _, nested := strings.Cut(l.path, "."); nested {
		return fmt.Sprintf("%s\nif o.%s == nil {\nreturn nil\n}\n%s\n}", head, outer, give)
	}
	return head + " " + give + " }"
}

// input is the literal of the input of a list, with the largest page.
func (d *declaration) input(o *operation) string {
	return d.sdk.name + "." + o.name + "Input{" + d.pageSize(o) + "}"
}

func (d *declaration) pageSize(o *operation) string {
	f, ok := find(o.in, o.pageBy)
	if !ok {
		if d.table.Page > 0 {
			d.check("page: %s takes no size of a page, so -page is of no use", o.name)
		}
		return ""
	}
	size, from := d.table.Page, ""
	if size == 0 {
		size, from = most(f.doc), "which the SDK's documentation gives as the largest"
	}
	switch {
	case size == 0 && d.service.page > 0:
		size, from = d.service.page, "as the package's other tables: the SDK does not say what the largest is; look it up in the API reference of "+o.name
	case size == 0:
		size, from = 100, "a guess: the SDK does not say what the largest is; look it up in the API reference of "+o.name
	}
	if from != "" {
		d.check("page: %s is %d, %s", f.name, size, from)
	}
	value := map[string]string{"*int32": "aws.Int32(%d)", "*int64": "aws.Int64(%d)", "int32": "%d", "int64": "%d"}[f.typ]
	switch {
	case value == "":
		d.check("page: %s is a %s, which is left out", f.name, f.typ)
		return ""
	case f.typ == "*int32" && size == d.service.page:
		return f.name + ": page"
	}
	return f.name + ": " + fmt.Sprintf(value, size)
}

// guess proposes key and ARN from the fields of a row.
func (d *declaration) guess(fields []field, noun, row string) {
	d.arn = d.table.ARN
	if d.arn == "" {
		d.arn = named(fields, noun, "Arn", "ARN", "ResourceARN")
		if d.arn != "" {
			d.check("arn: from the field %s, a guess", d.arn)
		} else {
			d.check(`arn: no field holds it; where the service authorization reference has one, write its template as "arn" of the schema: "arn:{partition}:%s:{region}:{account_id}:…/{Field}"`, d.iam())
		}
	}
	d.key = d.table.Key
	if d.key != "" {
		return
	}
	name := named(fields, noun, "Id", "Identifier", "Arn", "ARN", "Name")
	if name == "" {
		name = only(fields, "Id", "Identifier", "Arn", "ARN", "Name")
	}
	if name != "" {
		d.key = d.column(name)
		d.check("key: %s, a guess from the fields of %s: is it unique within an account and region?", d.key, row)
	}
}

// only is the one field that ends so; where there are several, none is.
func only(fields []field, kinds ...string) string {
	for _, kind := range kinds {
		var found []string
		for _, f := range fields {
			if f.typ == "*string" && strings.HasSuffix(f.name, kind) {
				found = append(found, f.name)
			}
		}
		if len(found) == 1 {
			return found[0]
		}
	}
	return ""
}

// column is the column of a field.
func (d *declaration) column(name string) string {
	if name == d.arn {
		return "arn"
	}
	column := transform.SnakeCase(name)
	if schema.IsStandard(column) {
		return "item_" + column
	}
	return column
}

// described declares rows that an operation describes one by one.
func (d *declaration) described(o *operation, items list) error {
	by, err := d.sdk.operation("describe-by", d.table.DescribeBy)
	if err != nil {
		return err
	}
	ask, err := d.asks(by)
	if err != nil {
		return err
	}
	row, fields, give, err := d.answers(by)
	if err != nil {
		return err
	}
	thing := noun(row[strings.Index(row, ".")+1:])
	if strings.HasSuffix(thing, "Output") {
		thing = noun(afterVerb(by.name))
	}
	names, taken, err := d.taking(items, o, ask, thing)
	if err != nil {
		return err
	}
	name := nameOf(fields, ask, thing)
	if f, ok := find(fields, taken); name == "" && ok && f.typ == "*string" {
		name = taken
	}
	d.row = row
	d.guess(fields, thing, row)
	if name != "" && d.table.Key == "" {
		d.checks = slices.DeleteFunc(d.checks, func(c string) bool { return strings.HasPrefix(c, "key: ") })
		d.key = d.column(name)
		d.check("key: %s, by which %s asks: is it unique within an account and region?", d.key, by.name)
	}
	if d.key == "" {
		return d.noKey()
	}
	pages := fmt.Sprintf("extract.Pages(service, %s.New%sPaginator, extract.Always(&%s),\n%s)", d.sdk.name, o.name, d.input(o), names)
	if !o.pager {
		pages = fmt.Sprintf("extract.Once(service, (*%s.Client).%s, extract.Always(&%s),\n%s)", d.sdk.name, o.name, d.input(o), names)
	}
	orElse := ""
	if name != "" {
		short := row[strings.Index(row, ".")+1:]
		d.row = d.service.identifier(exported(thing), "Row")
		d.types = fmt.Sprintf("\n// %s is a %s. Where its description is refused it has its %s alone.\ntype %[1]s struct {\n%[2]s\nextract.Incomplete\n}\n",
			d.row, row, name)
		give = fmt.Sprintf("%s{%s: %s}", d.row, short, give)
		orElse = fmt.Sprintf(".\nElse(func(_ *extract.Root, name string) %s { return %[1]s{%s: %s{%s: &name}} }, %q)", d.row, short, row, name, d.column(name))
	} else {
		d.check("refused descriptions: no field of %s holds the name that %s is asked by, so a refusal fails the table; see DescribeNamed and Else", row, by.name)
	}
	gone := ""
	switch code, from := d.sdk.gone(thing); {
	case code != "":
		gone = fmt.Sprintf(".Gone(%q)", code)
		d.check("gone: is it %s by which %s says that a thing was deleted since it was listed? The SDK knows %s", code, by.name, strings.Join(from, ", "))
	case len(from) > 0:
		d.check("gone: which error code of %s means that a thing was deleted since it was listed? Add .Gone(…); the SDK knows %s", by.name, strings.Join(from, ", "))
	default:
		d.check("gone: which error code of %s means that a thing was deleted since it was listed? Add .Gone(…)", by.name)
	}
	d.body = fmt.Sprintf("extract.Tree(service, extract.Level[%[1]s.Client, extract.Root, %[2]s]{\nTable: %[3]q,\nRows: extract.Described(\n%[4]s,\nextract.DescribeEach((*%[1]s.Client).%[5]s,\nfunc(_ *extract.Root, name string) *%[1]s.%[5]sInput {\nreturn &%[1]s.%[5]sInput{%[6]s: &name}\n},\nfunc(o *%[1]s.%[5]sOutput) %[2]s { return %[7]s })%[8]s%[9]s),\n})",
		d.sdk.name, d.row, d.table.Name, pages, by.name, ask.name, give, gone, orElse)
	d.scope()
	d.also()
	return nil
}

// asks is the input that takes the name.
func (d *declaration) asks(by *operation) (field, error) {
	batch := fmt.Errorf("-describe-by %q: it describes many at once: declare it with DescribeBatch, as extract/ecs does", by.name)
	need := by.required()
	if len(need) == 0 {
		need = slices.DeleteFunc(slices.Clone(by.in), func(f field) bool { return f.typ != "*string" || f.name == "NextToken" || f.name == "Marker" })
	}
	switch {
	case len(need) == 1 && need[0].typ == "*string":
		return need[0], nil
	case len(need) == 1 && need[0].typ == "[]string":
		return field{}, batch
	case len(by.required()) == 0 && len(d.sdk.lists(by)) > 0:
		return field{}, batch
	}
	return field{}, fmt.Errorf("-describe-by %q: expected one input that it cannot do without, a *string; it has %s", by.name, fieldNames(need))
}

// answers is the type of a description, its fields, and what it is in the answer.
func (d *declaration) answers(by *operation) (row string, fields []field, give string, err error) {
	for _, f := range by.out {
		typ, ok := strings.CutPrefix(f.typ, "*types.")
		if _, known := d.sdk.structs[typ]; ok && known && (len(by.out) == 1 || strings.EqualFold(f.name, afterVerb(by.name))) {
			return "types." + typ, d.sdk.structs[typ], "*o." + f.name, nil
		}
	}
	if len(by.out) > 1 {
		return d.sdk.name + "." + by.name + "Output", by.out, "*o", nil
	}
	return "", nil, "", fmt.Errorf("-describe-by %q: expected an answer that is a struct; it has %s", by.name, fieldNames(by.out))
}

// taking is the function that takes the names out of a list, and the field of
// an item that it reads, "" where the items are names.
func (d *declaration) taking(items list, o *operation, ask field, thing string) (text, name string, err error) {
	if items.elem == "" {
		return d.taken(o, items, "[]string", "return o."+items.path), "", nil
	}
	fields := d.sdk.structs[items.elem]
	name = nameOf(fields, ask, thing)
	if name == "" {
		name = named(fields, thing, "Arn", "ARN", "Id", "Name")
	}
	if name != "" {
		give := fmt.Sprintf("return extract.Map(o.%s, func(i types.%s) string { return aws.ToString(i.%s) })", items.path, items.elem, name)
		if !strings.HasSuffix(name, ask.name) && !strings.HasSuffix(ask.name, name) {
			d.check("names: %s of a row of %s is taken for the %s that %s asks by", name, o.name, ask.name, d.table.DescribeBy)
		}
		return d.taken(o, items, "[]string", "\n"+give+"\n"), name, nil
	}
	return "", "", fmt.Errorf("-describe-by %q: it asks by %s, which types.%s of %s does not hold; that has %s",
		d.table.DescribeBy, ask.name, items.elem, o.name, fieldNames(d.sdk.structs[items.elem]))
}

// nameOf is the field of a thing that holds the name it is asked by.
func nameOf(fields []field, ask field, thing string) string {
	for _, name := range []string{ask.name, thing + ask.name, strings.TrimPrefix(ask.name, thing)} {
		if f, ok := find(fields, name); ok && f.typ == "*string" {
			return name
		}
	}
	return ""
}

// scope says how often the collector runs.
func (d *declaration) scope() {
	if d.sdk.global {
		scope := "Global"
		if len(d.service.scopes) == 1 {
			scope = d.service.scopes[0]
		}
		d.body += ".In(extract." + scope + ")"
		d.check("scope: %s has one endpoint for the partition, so it runs in extract.%s", d.sdk.name, scope)
		return
	}
	if len(d.service.scopes) > 0 {
		d.check("scope: once in each region; others of %s say .In(extract.%s)", d.service.dir, strings.Join(d.service.scopes, "), .In(extract."))
	}
}

// iam is the prefix of the service's IAM actions, as far as it can be known.
func (d *declaration) iam() string {
	if d.sdk.signing != "" {
		return d.sdk.signing
	}
	return d.prefix
}

// also is what to look at whatever the table.
func (d *declaration) also() {
	if !d.service.exists {
		d.check("IAM: actions are called %s:…, as requests are signed; see the service authorization reference, and name those in Actions that are not called like their operation", d.iam())
	}
}

// file is the text of the new file.
func (d *declaration) file() ([]byte, error) {
	var b strings.Builder
	if !d.service.exists {
		fmt.Fprintf(&b, "// Package %s collects %s\n", d.sdk.name, sentence(d.table.Describe))
	}
	fmt.Fprintf(&b, "package %s\n\nimport (\n", d.sdk.name)
	body := d.types + d.body
	if strings.Contains(body, "aws.") {
		b.WriteString("\"github.com/aws/aws-sdk-go-v2/aws\"\n")
	}
	fmt.Fprintf(&b, "%q\n", modules+d.sdk.name)
	if strings.Contains(body, "types.") {
		fmt.Fprintf(&b, "%q\n", modules+d.sdk.name+"/types")
	}
	b.WriteString("\n\"stocktake/extract\"\n)\n")
	if !d.service.exists {
		info := fmt.Sprintf("Name: %q, ID: %s.ServiceID", d.prefix, d.sdk.name)
		if d.iam() != d.prefix {
			info += fmt.Sprintf(", IAM: %q", d.iam())
		}
		fmt.Fprintf(&b, "\nvar service = extract.Service[%[1]s.Client, %[1]s.Options]{\nInfo: extract.ServiceInfo{%[2]s},\nNew: %[1]s.NewFromConfig,\n}\n", d.sdk.name, info)
		fmt.Fprintf(&b, "\n// Collectors of this service.\nvar Collectors = []extract.Collector{%s}\n", d.variable)
	}
	b.WriteString(d.types)
	fmt.Fprintf(&b, "\nvar %s = %s\n", d.variable, d.body)
	text, err := format.Source([]byte(b.String()))
	if err != nil {
		return nil, fmt.Errorf("format the declaration of %s: %w", d.table.Name, err)
	}
	return text, nil
}

// sentence is a description in the middle of a sentence.
func sentence(describe string) string {
	runes := []rune(strings.TrimSpace(describe))
	if len(runes) > 1 && unicode.IsUpper(runes[0]) && unicode.IsLower(runes[1]) {
		runes[0] = unicode.ToLower(runes[0])
	}
	if runes[len(runes)-1] != '.' {
		runes = append(runes, '.')
	}
	return string(runes)
}

// camel turns the words of a table's name into an identifier.
func camel(things string) string {
	var b strings.Builder
	for i, word := range strings.Split(things, "_") {
		if i > 0 {
			word = exported(word)
		}
		b.WriteString(word)
	}
	return b.String()
}

func exported(name string) string { return strings.ToUpper(name[:1]) + name[1:] }
