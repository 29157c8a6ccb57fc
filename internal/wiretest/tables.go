// Package wiretest serves answers as AWS sends them, over HTTP, to the SDK and
// the collectors that read them: protocols that no server of others speaks, and
// operations that none knows. A file in testdata is a run: what is asked, what
// is answered, and the tables that come of it.
package wiretest

import (
	"embed"
	"io/fs"
	"slices"
	"strings"
)

//go:embed testdata
var scenes embed.FS

// Tables are those that some scene fills.
func Tables() ([]string, error) {
	names, err := fs.Glob(scenes, "testdata/*/*.txt")
	if err != nil {
		return nil, err
	}
	var tables []string
	for _, name := range names {
		text, err := scenes.ReadFile(name)
		if err != nil {
			return nil, err
		}
		for line := range strings.Lines(string(text)) {
			if words := strings.Fields(line); len(words) > 2 && words[0] == "=" && (words[2] == "ok" || words[2] == "partial") {
				tables = append(tables, words[1])
			}
		}
	}
	slices.Sort(tables)
	return slices.Compact(tables), nil
}
