// Package externalid writes the file of external IDs, which package config
// reads. It keeps the text of what it does not change, such as references to
// the environment, and prints nothing.
package externalid

import (
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/goccy/go-yaml"
	"github.com/google/uuid"
)

var header = yaml.HeadComment(
	" The external IDs of stocktake's roles, by source and account. Trust policies name",
	" them under sts:ExternalId. Nobody else may read this file.",
)

// File is a file of external IDs to be changed.
type File struct {
	path     string
	comments yaml.CommentMap
	content  struct {
		Sources map[string]map[string]string `yaml:"sources"`
	}
}

// Open reads the file; one that does not exist is empty. Its content must have
// passed the checks of package config.
func Open(path string) (*File, error) {
	f := &File{path: path, comments: yaml.CommentMap{}}
	text, err := os.ReadFile(path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
	case err != nil:
		return nil, fmt.Errorf("read external IDs: %w", err)
	default:
		// The error of the parser quotes lines, which hold the IDs.
		if yaml.UnmarshalWithOptions(text, &f.content, yaml.CommentToMap(f.comments)) != nil {
			return nil, fmt.Errorf("read external IDs: %s: found text that is not YAML, expected external IDs by source and account", path)
		}
	}
	if f.content.Sources == nil {
		f.content.Sources = map[string]map[string]string{}
	}
	if len(f.comments) == 0 {
		f.comments["$.sources"] = []*yaml.Comment{header}
	}
	return f, nil
}

// Get returns the ID that stands under a name of a source, or "".
func (f *File) Get(source, name string) string { return f.content.Sources[source][name] }

// Names are those under which a source has an ID, sorted.
func (f *File) Names(source string) []string {
	return slices.Sorted(maps.Keys(f.content.Sources[source]))
}

// Elsewhere says whether an ID of the file only refers to the environment: no
// ID has a dollar sign.
func Elsewhere(id string) bool { return strings.Contains(id, "$") }

// Make puts a new ID under a name of a source and returns it.
func (f *File) Make(source, name string) string {
	if f.content.Sources[source] == nil {
		f.content.Sources[source] = map[string]string{}
	}
	id := uuid.NewString()
	f.content.Sources[source][name] = id
	return id
}

// Write replaces the file as a whole, so that a run never reads half of it.
func (f *File) Write() (err error) {
	defer func() {
		if err != nil {
			err = fmt.Errorf("write external IDs: %w", err)
		}
	}()
	text, err := yaml.MarshalWithOptions(f.content, yaml.WithComment(f.comments))
	if err != nil {
		return err
	}
	path := f.path
	if target, err := filepath.EvalSymlinks(path); err == nil {
		path = target // or the link would be replaced, and not what it leads to
	}
	beside, err := os.CreateTemp(filepath.Dir(path), ".external-ids-*") // of mode 0600
	if err != nil {
		return err
	}
	defer os.Remove(beside.Name()) // nothing is there once it is renamed
	_, err = beside.Write(text)
	if err == nil {
		err = beside.Sync()
	}
	if err = errors.Join(err, beside.Close()); err != nil {
		return err
	}
	return os.Rename(beside.Name(), path)
}
