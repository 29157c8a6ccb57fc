package main

import (
	"bytes"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

const root = "../.."

// The pages in the tree are those that the program would write.
func TestPagesAreCurrent(t *testing.T) {
	want, err := pages()
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range slices.Sorted(maps.Keys(want)) {
		got, err := os.ReadFile(filepath.Join(root, name))
		if err != nil {
			t.Errorf("%s is missing (%v); run `%s`", name, err, command)
			continue
		}
		if line := differs(got, want[name]); line > 0 {
			t.Errorf("%s:%d is not what the program says; run `%s`", name, line, command)
		}
	}
	stale, err := strays(root, want)
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range stale {
		t.Errorf("%s is the page of no table; run `%s`", name, command)
	}
}

// Tables that are said to have a server of their own are in the tests that play it.
func TestWiredTables(t *testing.T) {
	tables, err := known()
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range slices.Sorted(maps.Keys(wired)) {
		i := slices.IndexFunc(tables, func(t table) bool { return t.Name == name })
		if i < 0 {
			t.Errorf("table %s is not known", name)
			continue
		}
		text, err := os.ReadFile(filepath.Join(root, wired[name]))
		if short := strings.TrimPrefix(name, "aws_"+tables[i].Service+"_"); err != nil || !strings.Contains(string(text), short) {
			t.Errorf("%s is said to be in %s: got %v, want %s in it", name, wired[name], err, short)
		}
	}
}

// differs returns the first line that is not the same, or 0.
func differs(got, want []byte) int {
	if bytes.Equal(got, want) {
		return 0
	}
	lines := bytes.Split(want, []byte("\n"))
	for i, line := range bytes.Split(got, []byte("\n")) {
		if i >= len(lines) || !bytes.Equal(line, lines[i]) {
			return i + 1
		}
	}
	return len(lines)
}

var link = regexp.MustCompile(`\]\(([^)#\s]*)(#[^)\s]*)?\)`)

// Every relative link of the documentation leads to a file that is there, and
// to a heading in it.
func TestLinksLeadSomewhere(t *testing.T) {
	var files []string
	err := filepath.WalkDir(filepath.Join(root, "docs"), func(path string, _ os.DirEntry, err error) error {
		if filepath.Ext(path) == ".md" {
			files = append(files, path)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	if len(files) == 0 {
		t.Fatalf("found no page below docs")
	}
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		for _, m := range link.FindAllStringSubmatch(string(text), -1) {
			if strings.Contains(m[1], "://") {
				continue
			}
			target := file
			if m[1] != "" {
				target = filepath.Join(filepath.Dir(file), m[1])
			}
			if _, err := os.Stat(target); err != nil {
				t.Errorf("%s: link %s: %v", file, m[0], err)
			} else if m[2] != "" && !hasHeading(t, target, m[2][1:]) {
				t.Errorf("%s: link %s: no such heading in %s", file, m[0], target)
			}
		}
	}
}

func hasHeading(t *testing.T, file, name string) bool {
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(string(text)) {
		title, ok := strings.CutPrefix(strings.TrimLeft(line, "#"), " ")
		if ok && strings.HasPrefix(line, "#") && heading(title) == name {
			return true
		}
	}
	return false
}

// heading is the name by which GitHub links to a title.
func heading(title string) string {
	return strings.Map(func(c rune) rune {
		switch {
		case c == ' ':
			return '-'
		case c == '-' || c == '_' || c >= 'a' && c <= 'z' || c >= '0' && c <= '9':
			return c
		}
		return -1
	}, strings.ToLower(strings.TrimSpace(title)))
}
