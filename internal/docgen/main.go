// Command docgen writes those pages of docs/ that follow from the program: one
// for each table, their index, and the reference of the configuration. It knows
// the catalog, the collectors and the configuration's schema; how the program
// works, the guides beside these pages say.
//
//	go run ./internal/docgen
package main

import (
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
)

// command is what brings the pages up to date, run in the module's folder.
const command = "go run ./internal/docgen"

const (
	tablesFolder      = "docs/tables"
	indexFile         = tablesFolder + "/README.md"
	configurationFile = "docs/configuration.md"
)

func main() {
	if err := write("."); err != nil {
		fmt.Fprintln(os.Stderr, "docgen:", err)
		os.Exit(1)
	}
}

// write puts the pages below root, and removes those of tables that are gone.
func write(root string) error {
	pages, err := pages()
	if err != nil {
		return err
	}
	if _, err := os.Stat(filepath.Join(root, "go.mod")); err != nil {
		return fmt.Errorf("find the module's folder: %w; run `%s` there", err, command)
	}
	if err := os.MkdirAll(filepath.Join(root, tablesFolder), 0o755); err != nil {
		return fmt.Errorf("make the folder of the pages: %w", err)
	}
	for _, name := range slices.Sorted(maps.Keys(pages)) {
		if err := os.WriteFile(filepath.Join(root, name), pages[name], 0o644); err != nil {
			return fmt.Errorf("write page: %w", err)
		}
	}
	stale, err := strays(root, pages)
	if err != nil {
		return err
	}
	for _, name := range stale {
		if err := os.Remove(filepath.Join(root, name)); err != nil {
			return fmt.Errorf("remove page: %w", err)
		}
	}
	return nil
}

// strays are files among the table pages that are none of them.
func strays(root string, pages map[string][]byte) ([]string, error) {
	entries, err := os.ReadDir(filepath.Join(root, tablesFolder))
	if err != nil {
		return nil, fmt.Errorf("list pages: %w", err)
	}
	var stale []string
	for _, e := range entries {
		if name := tablesFolder + "/" + e.Name(); pages[name] == nil {
			stale = append(stale, name)
		}
	}
	return stale, nil
}

// pages returns every generated page by its path.
func pages() (map[string][]byte, error) {
	tables, err := known()
	if err != nil {
		return nil, err
	}
	all := map[string][]byte{indexFile: index(tables)}
	for _, t := range tables {
		all[tablesFolder+"/"+t.Name+".md"] = t.page()
	}
	if all[configurationFile], err = configuration(); err != nil {
		return nil, err
	}
	return all, nil
}
