// Command schemagen writes the schema file of a new table from the Go type of
// its rows, and with -new the declaration of the table as well. It lists fields
// of the SDK that schemas do not have yet, and keeps the lock file that
// compatible edits are checked against.
//
//	go run ./internal/schema/schemagen -new -service ec2 -list DescribeVolumes -describe "EBS volumes." aws_ec2_volumes
//	go run ./internal/schema/schemagen -key volume_id -describe "EBS volumes." aws_ec2_volumes   # its declaration is there
//	go run ./internal/schema/schemagen -missing          # fields that a newer SDK has
//	go run ./internal/schema/schemagen -add aws_ec2_volumes   # append them as a minor change
//	go run ./internal/schema/schemagen -lock             # after a release or a compatible edit
package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"path"
	"reflect"
	"slices"
	"strings"

	"stocktake/extract/all"
	"stocktake/internal/schema"
	"stocktake/internal/schema/scaffold"
	"stocktake/schemas"
	"stocktake/transform"
)

type options struct {
	key, arn, tags, describe, account, region string
	eventTime                                 string
	incremental                               bool
	service, list, field, describeBy          string
	page                                      int
	new, missing, add, lock                   bool
}

func main() {
	var o options
	flag.StringVar(&o.key, "key", "", "columns that are unique within an account and region, separated by commas")
	flag.StringVar(&o.arn, "arn", "", `source of the ARN: a field, a template such as "arn:{partition}:ec2:{region}:{account_id}:volume/{VolumeId}", or both with |`)
	flag.StringVar(&o.tags, "tags", "", "field with the tags (default: Tags, TagSet or TagList)")
	flag.StringVar(&o.account, "account", "", "field that names the account a row is about, where it is not the account asked")
	flag.StringVar(&o.region, "region", "", "field that names the region a row is about, where it is not the region asked")
	flag.StringVar(&o.describe, "describe", "", "one sentence: what a row is")
	flag.StringVar(&o.eventTime, "event-time", "", "column that says when, for a table whose rows are added and never replaced")
	flag.BoolVar(&o.incremental, "incremental", false, "the collector asks for what changed, and not always for everything")
	flag.BoolVar(&o.new, "new", false, "write the collector of a new table and its schema, from the SDK's source")
	flag.StringVar(&o.service, "service", "", "with -new: the SDK's package, such as ec2 or elasticloadbalancingv2")
	flag.StringVar(&o.list, "list", "", "with -new: the operation that lists the rows, or their names")
	flag.StringVar(&o.field, "field", "", "with -new: the field of its answer with the rows, where several are lists")
	flag.IntVar(&o.page, "page", 0, "with -new: the largest page of the list (default: what the SDK's documentation says)")
	flag.StringVar(&o.describeBy, "describe-by", "", "with -new: the operation that describes one of the listed names")
	flag.BoolVar(&o.missing, "missing", false, "list fields that the item types have and the schemas lack")
	flag.BoolVar(&o.add, "add", false, "append such fields to the table's schema, as a minor version")
	flag.BoolVar(&o.lock, "lock", false, "write the lock file")
	flag.Parse()
	if err := run(o, flag.Args()); err != nil {
		fmt.Fprintln(os.Stderr, "schemagen:", err)
		os.Exit(1)
	}
}

func run(o options, args []string) error {
	switch {
	case !o.new && (o.service+o.list+o.field+o.describeBy != "" || o.page != 0):
		return errors.New("-service, -list, -field, -page and -describe-by are about a new table: expected -new with them")
	case o.page < 0:
		return fmt.Errorf("-page %d: expected the number of items that a page may hold", o.page)
	case o.lock:
		return writeLock()
	case o.missing:
		return listMissing()
	case len(args) != 1:
		return errors.New("expected the name of one table")
	case o.add:
		return addMissing(args[0])
	case o.new:
		return declare(o, args[0])
	}
	return create(o, args[0])
}

func itemOf(table string) (reflect.Type, error) {
	for _, c := range all.Collectors {
		for _, t := range c.Tables {
			if t.Name == table {
				return t.Item, nil
			}
		}
	}
	return nil, fmt.Errorf("no collector declares table %q; add it to its service's package and to extract/all", table)
}

// declare writes the collector of a new table, and its schema by a run of this
// command that has the collector compiled in. Until that has worked the
// collector is in an overlay, so what fails leaves nothing behind.
func declare(o options, table string) error {
	if _, err := itemOf(table); err == nil {
		return fmt.Errorf("table %q: a collector declares it already", table)
	}
	plan, err := scaffold.New(".", scaffold.Table{
		Name: table, Service: o.service, List: o.list, Field: o.field, Page: o.page, DescribeBy: o.describeBy, Describe: o.describe, Key: o.key, ARN: o.arn,
	})
	if err != nil {
		return err
	}
	dir, err := os.MkdirTemp("", "schemagen")
	if err != nil {
		return fmt.Errorf("make a directory for the overlay: %w", err)
	}
	defer os.RemoveAll(dir)
	overlay, err := plan.Overlay(dir)
	if err != nil {
		return err
	}
	args := []string{"run", "-overlay", overlay, "./internal/schema/schemagen", "-key", plan.Key, "-arn", plan.ARN, "-describe", o.describe,
		"-tags", o.tags, "-account", o.account, "-region", o.region, "-event-time", o.eventTime, fmt.Sprint("-incremental=", o.incremental), table}
	again := exec.Command("go", args...)
	again.Stdout, again.Stderr = os.Stdout, os.Stderr
	if err := again.Run(); err != nil {
		return fmt.Errorf("the schema of %s could not be written, and so nothing is: %w", table, err)
	}
	if err := plan.Write(); err != nil {
		return errors.Join(err, os.Remove("schemas/"+table+".v1.json"))
	}
	for _, f := range plan.Files {
		fmt.Println("wrote", f.Path)
	}
	for _, c := range append(plan.Checks, remaining(o, table)...) {
		fmt.Println("check", c)
	}
	return nil
}

// remaining is what every new table needs besides its declaration.
func remaining(o options, table string) []string {
	var streams []string
	for name, patterns := range all.Streams {
		if slices.ContainsFunc(patterns, func(p string) bool { ok, _ := path.Match(p, table); return ok }) {
			streams = append(streams, name)
		}
	}
	slices.Sort(streams)
	stream := "stream: none has the table; add it to one of Streams in extract/all/all.go, or leave it to those who name it"
	if len(streams) > 0 {
		stream = "stream: the table belongs to " + strings.Join(streams, ", ") + ", by patterns in extract/all/all.go"
	}
	operations := o.list
	if o.describeBy != "" {
		operations += " and " + o.describeBy
	}
	return []string{
		"secrets: read the columns of schemas/" + table + ".v1.json, and mark secrets and personal data",
		stream,
		"simulation: internal/sim has to play " + operations,
		"comparison with moto: internal/mototest/testdata/fill.py and read.py, or `Unserved` in internal/mototest/unserved.go",
	}
}

func create(o options, table string) error {
	item, err := itemOf(table)
	if err != nil {
		return err
	}
	if o.key == "" || o.describe == "" {
		return errors.New("a new table needs -key and -describe")
	}
	s := &schema.Schema{Table: table, Version: 1, Description: o.describe, ARN: o.arn, Tags: o.tags, EventTime: o.eventTime, Incremental: o.incremental}
	for _, k := range append([]string{"account_id", "region"}, strings.Split(o.key, ",")...) {
		if !slices.Contains(s.Key, k) {
			s.Key = append(s.Key, k)
		}
	}
	if o.account != "" || o.region != "" {
		s.Owner = &schema.Owner{AccountID: o.account, Region: o.region}
	}
	if s.Tags == "" {
		s.Tags = tagsField(item)
	}
	if s.Columns, err = transform.Infer(s, item); err != nil {
		return err
	}
	return write(s, item)
}

func tagsField(item reflect.Type) string {
	for _, name := range []string{"Tags", "TagSet", "TagList"} {
		if f, ok := item.FieldByName(name); ok && (transform.IsTagList(f.Type) || f.Type == reflect.TypeFor[map[string]string]()) {
			return name
		}
	}
	return ""
}

// write checks the schema as a run would, and writes its file.
func write(s *schema.Schema, item reflect.Type) error {
	text := s.Format()
	parsed, err := schema.Parse(s.ID(), text)
	if err != nil {
		return err
	}
	if _, err := transform.Compile(parsed, item, transform.Options{}); err != nil {
		return err
	}
	name := "schemas/" + s.ID() + ".json"
	if err := os.WriteFile(name, text, 0o644); err != nil {
		return fmt.Errorf("write schema: %w", err)
	}
	fmt.Println("wrote", name)
	for _, c := range s.Columns {
		if c.Redact != "" {
			fmt.Printf("check column %s: its name looks secret, so its values would be removed\n", c.Name)
		}
	}
	return nil
}

// lacking returns the fields of the item that no column of the schema reads.
func lacking(s *schema.Schema, item reflect.Type) ([]schema.Column, error) {
	inferred, err := transform.Infer(s, item)
	if err != nil {
		return nil, err
	}
	return slices.DeleteFunc(inferred, func(c schema.Column) bool {
		return slices.ContainsFunc(s.Columns, func(have schema.Column) bool {
			return have.Source == c.Source || strings.HasPrefix(have.Source, c.Source+".")
		})
	}), nil
}

func listMissing() error {
	for _, c := range all.Collectors {
		for _, t := range c.Tables {
			s, err := schemas.Newest(t.Name)
			if err != nil {
				return err
			}
			columns, err := lacking(s, t.Item)
			if err != nil {
				return err
			}
			for _, m := range columns {
				fmt.Printf("%s: %s %s (from %s)\n", t.Name, m.Name, m.Type, m.Source)
			}
		}
	}
	return nil
}

func addMissing(table string) error {
	item, err := itemOf(table)
	if err != nil {
		return err
	}
	s, err := schemas.Newest(table)
	if err != nil {
		return err
	}
	columns, err := lacking(s, item)
	if err != nil || len(columns) == 0 {
		return err
	}
	s.Minor++
	for _, c := range columns {
		c.Since = s.Minor
		s.Columns = append(s.Columns, c)
	}
	return write(s, item)
}

func writeLock() error {
	every, err := schemas.All()
	if err != nil {
		return err
	}
	lock := schema.Lock{}
	for id, s := range every {
		lock[id] = s.Locked()
	}
	text, err := json.MarshalIndent(lock, "", " ")
	if err != nil {
		return err
	}
	text = append(bytes.TrimSpace(text), '\n')
	return os.WriteFile("schemas/lock.json", text, 0o644)
}
