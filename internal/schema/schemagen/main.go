// Command schemagen writes the schema file of a new table from the Go type of
// its rows, lists fields of the SDK that schemas do not have yet, and keeps the
// lock file that compatible edits are checked against.
//
//	go run ./internal/schema/schemagen -key volume_id -describe "EBS volumes." aws_ec2_volumes
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
	"reflect"
	"slices"
	"strings"

	"stocktake/extract/all"
	"stocktake/internal/schema"
	"stocktake/schemas"
	"stocktake/transform"
)

type options struct {
	key, arn, tags, describe, account, region string
	eventTime                                 string
	incremental                               bool
	missing, add, lock                        bool
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
	case o.lock:
		return writeLock()
	case o.missing:
		return listMissing()
	case len(args) != 1:
		return errors.New("expected the name of one table")
	case o.add:
		return addMissing(args[0])
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
