package schemas

import (
	"os"
	"strings"
	"testing"
)

// TestAll loads every file of the folder: none is left out by its name.
func TestAll(t *testing.T) {
	all, err := All()
	if err != nil {
		t.Fatal(err)
	}
	entries, err := os.ReadDir(".")
	if err != nil {
		t.Fatal(err)
	}
	files := 0
	for _, e := range entries {
		id, isJSON := strings.CutSuffix(e.Name(), ".json")
		if !isJSON || id == "lock" {
			continue
		}
		files++
		if all[id] == nil {
			t.Errorf("%s: got no schema of this ID", e.Name())
		}
	}
	if len(all) != files || files == 0 {
		t.Errorf("schemas: got %d of %d files", len(all), files)
	}
	for id, s := range all {
		newest, err := Newest(s.Table)
		if err != nil || newest.Version < s.Version || newest.Table != s.Table {
			t.Errorf("newest of %s: got %+v, %v", id, newest, err)
		}
	}
	if s, err := Newest("aws_no_such_table"); err == nil || !strings.Contains(err.Error(), "schemas/aws_no_such_table.v1.json") {
		t.Errorf("newest of no table: got %v, %v, want an error that names the file", s, err)
	}
}

// TestLock holds the files against what was released.
func TestLock(t *testing.T) {
	all, err := All()
	if err != nil {
		t.Fatal(err)
	}
	lock, err := Lock()
	if err != nil {
		t.Fatal(err)
	}
	if len(lock) == 0 {
		t.Error("lock.json: got no schemas")
	}
	for _, problem := range lock.Check(all) {
		t.Error(problem)
	}
}
