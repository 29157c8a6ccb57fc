// Package schemas holds the schema file of every table, and the lock file that
// records what was released.
package schemas

import (
	"embed"
	"encoding/json"
	"fmt"
	"io/fs"
	"sync"

	"stocktake/internal/schema"
)

//go:embed *.json
var files embed.FS

// All returns every schema, by its ID ("aws_ec2_volumes.v1").
var All = sync.OnceValues(func() (map[string]*schema.Schema, error) {
	names, err := fs.Glob(files, "*.v*.json")
	if err != nil {
		return nil, fmt.Errorf("list schema files: %w", err)
	}
	all := make(map[string]*schema.Schema, len(names))
	for _, name := range names {
		text, err := files.ReadFile(name)
		if err != nil {
			return nil, fmt.Errorf("read schema file: %w", err)
		}
		s, err := schema.Parse("schemas/"+name, text)
		if err != nil {
			return nil, err
		}
		if want := s.ID() + ".json"; name != want {
			return nil, fmt.Errorf("schemas/%s: holds %s: expected the file name %s", name, s.ID(), want)
		}
		all[s.ID()] = s
	}
	return all, nil
})

// Newest returns the schema of the newest major version of a table.
func Newest(table string) (*schema.Schema, error) {
	all, err := All()
	if err != nil {
		return nil, err
	}
	var newest *schema.Schema
	for _, s := range all {
		if s.Table == table && (newest == nil || s.Version > newest.Version) {
			newest = s
		}
	}
	if newest == nil {
		return nil, fmt.Errorf("schemas/%s.v1.json: no such file: the table has no schema; write one with `go run ./internal/schema/schemagen %s`", table, table)
	}
	return newest, nil
}

// Lock returns the record of released schemas.
func Lock() (schema.Lock, error) {
	text, err := files.ReadFile("lock.json")
	if err != nil {
		return nil, fmt.Errorf("read lock file: %w", err)
	}
	var lock schema.Lock
	if err := json.Unmarshal(text, &lock); err != nil {
		return nil, fmt.Errorf("schemas/lock.json: %w", err)
	}
	return lock, nil
}
