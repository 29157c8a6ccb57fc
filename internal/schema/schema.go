// Package schema knows the files of schemas/: what columns a table has, of
// what types, from which fields they come, and which edits of a schema are
// compatible. It knows Arrow's types, and nothing of AWS or of Parquet files.
package schema

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/extensions"
)

// Schema is one version of one table.
type Schema struct {
	Table       string   `json:"table"`
	Version     int      `json:"version"` // major: another folder in the warehouse
	Minor       int      `json:"minor"`   // counts added columns
	Description string   `json:"description"`
	Key         []string `json:"key"`                   // columns that together are unique in the table
	ARN         string   `json:"arn,omitempty"`         // source of column arn
	Tags        string   `json:"tags,omitempty"`        // source of column tags
	Owner       *Owner   `json:"owner,omitempty"`       // where the item itself names whom it is about
	EventTime   string   `json:"event_time,omitempty"`  // column that says when; set where rows are added and never replaced
	Incremental bool     `json:"incremental,omitempty"` // what changed is asked for, and not always everything
	Internal    bool     `json:"internal,omitempty"`
	Columns     []Column `json:"columns"`
}

// Owner names the fields of an item that say whose row it is. An empty field
// means that the unit's own account or region is right.
type Owner struct {
	AccountID string `json:"account_id,omitempty"`
	Region    string `json:"region,omitempty"`
}

// Column is a column of a table, or a field of a struct in one.
//
// Type is one of utf8, bool, int32, int64, float64, timestamp (microseconds,
// UTC), binary, json, struct, list<T> or map<utf8,T>; the innermost struct's
// fields stand in Fields. Source is a path of Go field names in the SDK's item
// type, relative to the enclosing struct.
type Column struct {
	Name        string   `json:"name"`
	Type        string   `json:"type"`
	Source      string   `json:"source,omitempty"`
	Decode      string   `json:"decode,omitempty"`  // "url": the string is percent-encoded
	Redact      string   `json:"redact,omitempty"`  // "secret" or "personal"
	Secrets     []string `json:"secrets,omitempty"` // of a json column: paths of secret parts, by AWS's field names
	Since       int      `json:"since,omitempty"`   // minor version that added it
	Description string   `json:"description,omitempty"`
	Fields      []Column `json:"fields,omitempty"`
}

// Redaction classes of a column.
const (
	Secret   = "secret"   // always removed before anything is spooled
	Personal = "personal" // hashed when the configuration says so
)

// Standard columns that every table of AWS assets begins and ends with.
var (
	head = []Column{
		{Name: "partition", Type: "utf8", Description: "AWS partition: aws, aws-cn, aws-us-gov, …"},
		{Name: "account_id", Type: "utf8", Description: "Account that the row is about."},
		{Name: "region", Type: "utf8", Description: "Region that the row is about; global for services without regions."},
		{Name: "arn", Type: "utf8", Description: "ARN of the resource, where it has one or it can be built."},
		{Name: "tags", Type: "map<utf8,utf8>", Description: "Tags; NULL is unknown, an empty map is none."},
	}
	tail = []Column{
		{Name: "not_collected", Type: "list<utf8>", Description: "Columns of this row that could not be read; their NULL means unknown."},
		{Name: "source", Type: "utf8", Description: "Source of the configuration that the row came through."},
		{Name: "collected_account_id", Type: "utf8", Description: "Account that was asked."},
		{Name: "collected_region", Type: "utf8", Description: "Region that was asked."},
		{Name: "run_id", Type: "utf8", Description: "Run that read the row."},
		{Name: "extracted_at", Type: "timestamp", Description: "When the row was read (UTC)."},
	}
	confirmed = Column{Name: "last_confirmed_at", Type: "timestamp",
		Description: "When the row was last known to be as it is: it was read then, or was not among what had changed (UTC)."}
)

// IsStandard reports whether name is a standard column.
func IsStandard(name string) bool {
	return name == confirmed.Name || slices.ContainsFunc(head, func(c Column) bool { return c.Name == name }) ||
		slices.ContainsFunc(tail, func(c Column) bool { return c.Name == name })
}

// AllColumns returns the columns as they stand in the files: the standard
// columns around the item's own. A table without ARN or tags sources has those
// columns all the same, so that tables can be united.
func (s *Schema) AllColumns() []Column {
	if s.Internal {
		return s.Columns
	}
	all := slices.Clone(head)
	all[3].Source, all[4].Source = s.ARN, s.Tags
	if s.Owner != nil {
		all[1].Source, all[2].Source = s.Owner.AccountID, s.Owner.Region
	}
	all = slices.Concat(all, s.Columns, tail)
	if s.Incremental {
		all = append(all, confirmed)
	}
	return all
}

// ID is the table with its major version, as in "aws_ec2_volumes.v1".
func (s *Schema) ID() string { return s.Table + ".v" + strconv.Itoa(s.Version) }

// Hash identifies everything about the schema that decides what is written:
// descriptions aside.
func (s *Schema) Hash() string {
	c := *s
	c.Description, c.Columns = "", stripped(s.Columns)
	text, err := json.Marshal(c)
	if err != nil {
		panic(err) // strings and ints only
	}
	sum := sha256.Sum256(text)
	return hex.EncodeToString(sum[:])
}

func stripped(columns []Column) []Column {
	out := slices.Clone(columns)
	for i := range out {
		out[i].Description, out[i].Fields = "", stripped(out[i].Fields)
	}
	return out
}

// Metadata keys in the Arrow schema, and so in each Parquet file.
const (
	MetaTable   = "stocktake.table"
	MetaVersion = "stocktake.schema_version"
	MetaHash    = "stocktake.schema_hash"
)

// Arrow returns the Arrow schema of the table's files.
func (s *Schema) Arrow() *arrow.Schema {
	columns := s.AllColumns()
	fields := make([]arrow.Field, len(columns))
	for i, c := range columns {
		fields[i] = c.arrow()
	}
	meta := arrow.NewMetadata(
		[]string{MetaTable, MetaVersion, MetaHash},
		[]string{s.Table, fmt.Sprintf("%d.%d", s.Version, s.Minor), s.Hash()})
	return arrow.NewSchema(fields, &meta)
}

// arrow returns the column's Arrow field. Every column is nullable, keys too:
// a key that AWS leaves out is a duplicate to count and not a file to lose.
func (c Column) arrow() arrow.Field {
	return arrow.Field{Name: c.Name, Type: c.dataType(c.Type), Nullable: true}
}

var jsonType = must(extensions.NewJSONType(arrow.BinaryTypes.String))

func must[T any](v T, err error) T {
	if err != nil {
		panic(err)
	}
	return v
}

var scalars = map[string]arrow.DataType{
	"utf8": arrow.BinaryTypes.String, "bool": arrow.FixedWidthTypes.Boolean, "int32": arrow.PrimitiveTypes.Int32,
	"int64": arrow.PrimitiveTypes.Int64, "float64": arrow.PrimitiveTypes.Float64, "binary": arrow.BinaryTypes.Binary,
	"timestamp": arrow.FixedWidthTypes.Timestamp_us, "json": jsonType,
}

func (c Column) dataType(t string) arrow.DataType {
	if s, ok := scalars[t]; ok {
		return s
	}
	if elem, ok := Elem(t); ok {
		if strings.HasPrefix(t, "map<") {
			return arrow.MapOf(arrow.BinaryTypes.String, c.dataType(elem))
		}
		return arrow.ListOf(c.dataType(elem))
	}
	fields := make([]arrow.Field, len(c.Fields))
	for i, f := range c.Fields {
		fields[i] = f.arrow()
	}
	return arrow.StructOf(fields...)
}

// Elem returns the element type of list<T> and the value type of map<utf8,T>.
func Elem(t string) (string, bool) {
	inner, ok := strings.CutSuffix(t, ">")
	if !ok {
		return "", false
	}
	if elem, ok := strings.CutPrefix(inner, "list<"); ok {
		return elem, true
	}
	return strings.CutPrefix(inner, "map<utf8,")
}

// Parse reads a schema file. Errors name the file and the column.
func Parse(file string, text []byte) (*Schema, error) {
	d := json.NewDecoder(bytes.NewReader(text))
	d.DisallowUnknownFields()
	var s Schema
	if err := d.Decode(&s); err != nil {
		return nil, fmt.Errorf("%s: read schema: %w", file, err)
	}
	if _, err := d.Token(); err != io.EOF { // More takes a stray } for the end
		return nil, fmt.Errorf("%s: read schema: text after the end of the schema", file)
	}
	if err := s.validate(); err != nil {
		return nil, fmt.Errorf("%s: %w", file, err)
	}
	return &s, nil
}

var nameRE = regexp.MustCompile(`^[a-z][a-z0-9_]*$`)

func (s *Schema) validate() error {
	switch {
	case !nameRE.MatchString(s.Table):
		return fmt.Errorf("table %q: expected lower-case letters, digits and _", s.Table)
	case s.Version < 1:
		return fmt.Errorf("version %d: expected 1 or more", s.Version)
	case s.Minor < 0:
		return fmt.Errorf("minor %d: expected 0 or more", s.Minor)
	case s.Description == "":
		return fmt.Errorf("description: expected a sentence that says what a row is")
	case len(s.Key) == 0:
		return fmt.Errorf("key: expected at least one column")
	}
	if !s.Internal {
		for _, c := range s.Columns {
			if IsStandard(c.Name) {
				return fmt.Errorf("column %s: the name belongs to a standard column; expected item_%s", c.Name, c.Name)
			}
		}
	}
	if err := s.validateColumns("", s.Columns); err != nil {
		return err
	}
	all := s.AllColumns()
	if s.EventTime != "" && !slices.ContainsFunc(all, func(c Column) bool { return c.Name == s.EventTime && c.Type == "timestamp" }) {
		return fmt.Errorf("event_time %q: expected the name of a timestamp column", s.EventTime)
	}
	if s.EventTime != "" && s.Incremental {
		return fmt.Errorf("incremental: expected it only where rows are replaced, found it beside event_time")
	}
	for _, k := range s.Key {
		i := slices.IndexFunc(all, func(c Column) bool { return c.Name == k })
		if i < 0 {
			return fmt.Errorf("key %q: expected the name of a column", k)
		}
		if t := all[i].Type; t != "utf8" && t != "int32" && t != "int64" && t != "timestamp" && t != "bool" {
			return fmt.Errorf("key %q: expected a scalar column, found %s", k, t)
		}
	}
	return nil
}

func (s *Schema) validateColumns(path string, columns []Column) error {
	seen := map[string]bool{}
	for _, c := range columns {
		at := path + c.Name
		if !nameRE.MatchString(c.Name) {
			return fmt.Errorf("column %q: expected a name of lower-case letters, digits and _", at)
		}
		if seen[c.Name] {
			return fmt.Errorf("column %s: found twice", at)
		}
		seen[c.Name] = true
		if err := checkType(c.Type); err != nil {
			return fmt.Errorf("column %s: %w", at, err)
		}
		if isStruct := strings.Contains(c.Type, "struct"); isStruct != (len(c.Fields) > 0) {
			return fmt.Errorf("column %s: type %s with %d fields: expected fields for a struct, and only there", at, c.Type, len(c.Fields))
		}
		if c.Redact != "" && c.Redact != Secret && c.Redact != Personal {
			return fmt.Errorf("column %s: redact %q: expected secret or personal", at, c.Redact)
		}
		if c.Decode != "" && c.Decode != "url" {
			return fmt.Errorf("column %s: decode %q: expected url", at, c.Decode)
		}
		if len(c.Secrets) > 0 && c.Type != "json" {
			return fmt.Errorf("column %s: secrets: expected only on a json column, found on %s", at, c.Type)
		}
		if c.Since < 0 || c.Since > s.Minor {
			return fmt.Errorf("column %s: since %d: expected 0 to the minor version %d", at, c.Since, s.Minor)
		}
		if c.Source == "" && !s.Internal {
			return fmt.Errorf("column %s: source: expected a path of field names", at)
		}
		if err := s.validateColumns(at+".", c.Fields); err != nil {
			return err
		}
	}
	return nil
}

func checkType(t string) error {
	for inner := t; ; {
		if _, ok := scalars[inner]; ok || inner == "struct" {
			return nil
		}
		elem, ok := Elem(inner)
		if !ok {
			return fmt.Errorf("type %q: expected utf8, bool, int32, int64, float64, timestamp, binary, json, struct, list<T> or map<utf8,T>", t)
		}
		inner = elem
	}
}

// Format returns the schema as its file holds it: columns one to a line, so
// that a diff shows what changed.
func (s *Schema) Format() []byte {
	var b bytes.Buffer
	shell := *s
	shell.Columns = nil
	text, err := marshal(shell, "  ")
	if err != nil {
		panic(err) // strings and ints only
	}
	b.Write(bytes.TrimSuffix(text, []byte("\"columns\": null\n}")))
	b.WriteString("\"columns\": [")
	formatColumns(&b, s.Columns, "    ")
	b.WriteString("\n  ]\n}\n")
	return b.Bytes()
}

func formatColumns(b *bytes.Buffer, columns []Column, indent string) {
	for i, c := range columns {
		if i > 0 {
			b.WriteByte(',')
		}
		flat := c
		flat.Fields = nil
		text, err := marshal(flat, "")
		if err != nil {
			panic(err) // strings and ints only
		}
		b.WriteString("\n" + indent)
		if len(c.Fields) == 0 {
			b.Write(text)
			continue
		}
		b.Write(bytes.TrimSuffix(text, []byte("}")))
		b.WriteString(`,"fields":[`)
		formatColumns(b, c.Fields, indent+"  ")
		b.WriteString("]}")
	}
}

func marshal(v any, indent string) ([]byte, error) {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	e.SetIndent("", indent)
	err := e.Encode(v)
	return bytes.TrimSuffix(b.Bytes(), []byte("\n")), err
}
