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
