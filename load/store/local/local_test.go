package local_test

import (
	"os"
	"path/filepath"
	"testing"

	"stocktake/load/store"
	"stocktake/load/store/local"
	"stocktake/load/store/storetest"
)

func open(t *testing.T, root string) *local.Store {
	t.Helper()
	s, err := local.Open(root)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func TestSuite(t *testing.T) {
	storetest.Suite{
		New: func(t *testing.T) (a, b store.Store) {
			root := filepath.Join(t.TempDir(), "ware house")
			return open(t, root), open(t, root)
		},
		Read: func(t *testing.T, path string) ([]byte, error) { return os.ReadFile(path) },
		Current: func(t *testing.T, s store.Store, name string) ([]byte, error) {
			return os.ReadFile(filepath.Join(s.(*local.Store).Root(), "current", name))
		},
	}.Run(t)
}

// A day that was removed leaves no folder, in which engines would see a day
// without rows.
func TestDeleteRemovesEmptyDays(t *testing.T) {
	root := t.TempDir()
	s := open(t, root)
	day := "snapshots/t/v1/snapshot_date=2026-11-22"
	for _, name := range []string{day + "/t.parquet", day + "/u.parquet"} {
		if err := s.Put(t.Context(), name, []byte("x")); err != nil {
			t.Fatal(err)
		}
	}
	for i, name := range []string{day + "/t.parquet", day + "/u.parquet", day + "/u.parquet"} {
		if err := s.Delete(t.Context(), name); err != nil {
			t.Fatal(err)
		}
		if _, err := os.Stat(filepath.Join(root, day)); os.IsNotExist(err) != (i > 0) {
			t.Errorf("after %d files were deleted: the folder of the day: %v, want it to go with the last one", i+1, err)
		}
	}
	if _, err := os.Stat(filepath.Join(root, "snapshots/t/v1")); err != nil {
		t.Errorf("the folder of the table: %v, want it to stay", err)
	}
}
