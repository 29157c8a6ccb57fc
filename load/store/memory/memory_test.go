package memory_test

import (
	"strings"
	"testing"

	"stocktake/load/store"
	"stocktake/load/store/memory"
	"stocktake/load/store/storetest"
)

func TestSuite(t *testing.T) {
	var last *memory.Store
	storetest.Suite{
		New: func(*testing.T) (a, b store.Store) {
			last = memory.New()
			return last, last.Again()
		},
		Read: func(t *testing.T, path string) ([]byte, error) {
			return last.Get(t.Context(), strings.TrimPrefix(path, last.Root()+"/"))
		},
		Current: func(t *testing.T, s store.Store, name string) ([]byte, error) {
			return s.Get(t.Context(), "current/"+name)
		},
		HidesStaged: true,
		Expire:      func(_ *testing.T, s store.Store, lease string) { s.(*memory.Store).Expire(lease) },
	}.Run(t)
}
