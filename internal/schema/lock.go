package schema

import (
	"fmt"
	"slices"
)

// Lock records the shape of every released schema, by its ID.
type Lock map[string]Locked

// Locked is the shape of a schema: what readers and carried rows rely on.
type Locked struct {
	Minor   int      `json:"minor"`
	Kind    string   `json:"kind,omitempty"` // how rows come in, where that is not as a whole
	Key     []string `json:"key"`
	Columns []string `json:"columns"` // "path type", nested fields as paths with dots
}

// incremental is the kind of a table of which a run may read only what changed.
const incremental = "incremental"

// Locked returns the shape of the schema.
func (s *Schema) Locked() Locked {
	l := Locked{Minor: s.Minor, Key: s.Key, Columns: shape("", s.Columns)}
	switch {
	case s.EventTime != "":
		l.Kind = "events by " + s.EventTime
	case s.Incremental:
		l.Kind = incremental
	}
	return l
}

func shape(path string, columns []Column) []string {
	var out []string
	for _, c := range columns {
		out = append(out, path+c.Name+" "+c.Type)
		out = append(out, shape(path+c.Name+".", c.Fields)...)
	}
	return out
}

// Check compares the schemas with what was released. Each problem says what to
// do: removing, renaming or retyping a column needs a new major version.
func (l Lock) Check(all map[string]*Schema) []string {
	var problems []string
	for id, was := range l {
		s := all[id]
		if s == nil {
			problems = append(problems, fmt.Sprintf("schemas/%s.json is gone: a released version stays, so that its files can be read", id))
			continue
		}
		now := s.Locked()
		if !slices.Equal(was.Key, now.Key) {
			problems = append(problems, fmt.Sprintf("schemas/%s.json: the key changed from %v to %v: write a new major version", id, was.Key, now.Key))
		}
		switch {
		case was.Kind == now.Kind:
		case was.Kind == "" && now.Kind == incremental:
			// last_confirmed_at comes to the columns; in older files extracted_at says the same.
			if now.Minor <= was.Minor {
				problems = append(problems, fmt.Sprintf("schemas/%s.json: the table became incremental: raise minor above %d", id, was.Minor))
			}
		default:
			problems = append(problems, fmt.Sprintf("schemas/%s.json: event_time or incremental changed from %q to %q: write a new major version", id, was.Kind, now.Kind))
		}
		for _, c := range was.Columns {
			if !slices.Contains(now.Columns, c) {
				problems = append(problems, fmt.Sprintf("schemas/%s.json: column %q was removed, renamed or retyped: write a new major version", id, c))
			}
		}
		if len(now.Columns) > len(was.Columns) && now.Minor <= was.Minor {
			problems = append(problems, fmt.Sprintf("schemas/%s.json: columns were added: raise minor above %d", id, was.Minor))
		}
	}
	for id := range all {
		if _, ok := l[id]; !ok {
			problems = append(problems, fmt.Sprintf("schemas/%s.json is not in schemas/lock.json: run `go run ./internal/schema/schemagen -lock`", id))
		}
	}
	slices.Sort(problems)
	return problems
}
