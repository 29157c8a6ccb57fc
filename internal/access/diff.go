package access

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
)

// Difference is between what policies allow and what is needed.
type Difference struct {
	Added   []Need `json:"added"`   // needed, and not allowed
	Removed []Need `json:"removed"` // allowed, and not needed
}

// Diff compares the actions that policies allow, patterns among them, with the
// needs. known tells what the others are for, where it has them.
func Diff(allowed []string, needs, known []Need) Difference {
	d := Difference{Added: []Need{}, Removed: []Need{}}
	for _, n := range needs {
		if !slices.ContainsFunc(allowed, func(pattern string) bool { return allows(pattern, n.Action) }) {
			d.Added = append(d.Added, n)
		}
	}
	for _, pattern := range sortedSet(allowed) {
		if slices.ContainsFunc(needs, func(n Need) bool { return allows(pattern, n.Action) }) {
			continue
		}
		removed := Need{Action: pattern}
		if i := slices.IndexFunc(known, func(n Need) bool { return strings.EqualFold(n.Action, pattern) }); i >= 0 {
			removed = known[i]
		}
		d.Removed = append(d.Removed, removed)
	}
	return d
}

// Allowed returns the actions that a text with policies allows: documents one
// after the other, or what `stocktake access policy --json` prints.
func Allowed(text io.Reader) ([]string, error) {
	actions := map[string]bool{}
	found := false
	decoder := json.NewDecoder(text)
	for {
		var p struct {
			policy
			Documents []policy `json:"documents"`
		}
		err := decoder.Decode(&p)
		switch {
		case errors.Is(err, io.EOF) && found:
			return slices.Sorted(maps.Keys(actions)), nil
		case errors.Is(err, io.EOF):
			return nil, errors.New("no policy: expected JSON as `stocktake access policy` prints it")
		case err != nil:
			return nil, fmt.Errorf("not a policy: %w", err)
		}
		found = true
		if len(p.Statement)+len(p.Documents) == 0 {
			return nil, errors.New(`neither "Statement" nor "documents": expected JSON as` + " `stocktake access policy` prints it")
		}
		for _, d := range append(p.Documents, p.policy) {
			for _, s := range d.Statement {
				if s.Effect != "Allow" || len(s.Action) == 0 {
					return nil, fmt.Errorf("a statement with Effect %q and %d actions: expected Allow and Action in each", s.Effect, len(s.Action))
				}
				for _, a := range s.Action {
					actions[a] = true
				}
			}
		}
	}
}

// policy is a document in any form that IAM takes: one in place of a list of one.
type policy struct {
	Statement oneOrMore[struct {
		Effect string
		Action oneOrMore[string]
	}]
}

type oneOrMore[T any] []T

func (l *oneOrMore[T]) UnmarshalJSON(text []byte) error {
	if len(text) > 0 && text[0] == '[' {
		return json.Unmarshal(text, (*[]T)(l))
	}
	*l = make([]T, 1)
	return json.Unmarshal(text, &(*l)[0])
}
