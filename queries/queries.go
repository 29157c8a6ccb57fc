// Package queries holds the questions that come with stocktake, as SQL files.
package queries

import (
	"embed"
	"fmt"
	"strings"
)

//go:embed *.sql
var files embed.FS

// Names lists the questions.
func Names() []string {
	entries, err := files.ReadDir(".")
	if err != nil {
		panic(err) // embedded
	}
	var names []string
	for _, e := range entries {
		names = append(names, strings.TrimSuffix(e.Name(), ".sql"))
	}
	return names
}

// Text returns the text of a question's file.
func Text(name string) ([]byte, error) {
	text, err := files.ReadFile(name + ".sql")
	if err != nil {
		return nil, fmt.Errorf("no query %q: expected one of %s, a file or SQL", name, strings.Join(Names(), ", "))
	}
	return text, nil
}
