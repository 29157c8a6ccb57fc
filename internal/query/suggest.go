package query

import (
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strings"

	"stocktake/internal/spelling"
)

var (
	missingTable  = regexp.MustCompile(`Table with name "?(.+?)"? does not exist`)
	duckdbsAnswer = regexp.MustCompile(`\nDid you mean "[^"\n]*"\?`)
)

// withSuggestion adds to an error about an unknown table which ones come near. DuckDB's
// own suggestion is left out, it may be one of its catalog tables.
func (db *DB) withSuggestion(err error) error {
	missing := missingTable.FindStringSubmatch(err.Error())
	if missing == nil {
		return err
	}
	message := duckdbsAnswer.ReplaceAllString(err.Error(), "")
	if near := nearest(missing[1], db.viewNames()); len(near) > 0 {
		message += "\n\nNear that name: " + strings.Join(near, ", ") + "."
	}
	return errors.New(message + fmt.Sprintf("\n`stocktake tables` lists all %d tables and views.", len(db.setup.views)))
}

func (db *DB) viewNames() []string {
	names := make([]string, len(db.setup.views))
	for i, v := range db.setup.views {
		names[i] = v.Name
	}
	return names
}

// nearest picks up to three names that differ from name in few letters or contain it.
func nearest(name string, names []string) []string {
	name = strings.ToLower(name)
	type candidate struct {
		name string
		far  int
	}
	var near []candidate
	for _, other := range names {
		far := spelling.Distance(name, strings.ToLower(other))
		if far <= max(2, len(name)/3) || strings.Contains(strings.ToLower(other), name) {
			near = append(near, candidate{other, far})
		}
	}
	slices.SortStableFunc(near, func(a, b candidate) int { return a.far - b.far })
	var picked []string
	for _, c := range near[:min(3, len(near))] {
		picked = append(picked, c.name)
	}
	return picked
}
