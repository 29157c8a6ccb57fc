package s3_test

import (
	"errors"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"

	"stocktake/internal/s3test"
	"stocktake/load/store"
	"stocktake/load/store/s3"
)

func puts(name string) func(*http.Request) bool {
	return func(req *http.Request) bool {
		return req.Method == http.MethodPut && strings.HasSuffix(req.URL.Path, name)
	}
}

const conflict = `<?xml version="1.0"?><Error><Code>ConditionalRequestConflict</Code><Message>another write is on its way</Message></Error>`

func TestSwapHeadWithFaults(t *testing.T) {
	server := s3test.Start(t)
	for _, c := range []struct {
		what   string
		fault  func(n int64, do func() (*http.Response, error)) (*http.Response, error) // at the n-th write of the pointer
		want   error
		landed bool
	}{
		{"the first answer is lost", func(n int64, do func() (*http.Response, error)) (*http.Response, error) {
			if n == 1 {
				return lost(do())
			}
			return do()
		}, nil, true},
		{"every answer is lost", func(_ int64, do func() (*http.Response, error)) (*http.Response, error) {
			return lost(do())
		}, errLost, true},
		{"nothing arrives", func(int64, func() (*http.Response, error)) (*http.Response, error) {
			return nil, errLost
		}, errLost, false},
		{"another write is on its way", func(n int64, do func() (*http.Response, error)) (*http.Response, error) {
			if n == 1 {
				return answer(http.StatusConflict, conflict)
			}
			return do()
		}, nil, true},
	} {
		for _, before := range []string{"", "r0"} {
			var writes atomic.Int64
			var faulty atomic.Bool
			isHead := puts("/runs/HEAD")
			s := open(t, quick(server, func(req *http.Request, do func() (*http.Response, error)) (*http.Response, error) {
				if faulty.Load() && isHead(req) {
					return c.fault(writes.Add(1), do)
				}
				return do()
			}), s3.Options{Bucket: server.Bucket(t)})
			old := store.Head{}
			if before != "" {
				var err error
				if old, err = s.SwapHead(t.Context(), old, before); err != nil {
					t.Fatal(err)
				}
			}
			faulty.Store(true)
			got, err := s.SwapHead(t.Context(), old, "r1")
			faulty.Store(false)
			if !errors.Is(err, c.want) || errors.Is(err, store.ErrConflict) {
				t.Errorf("SwapHead after run %q when %s: %v, want %v", before, c.what, err, c.want)
			}
			now, headErr := s.Head(t.Context())
			if headErr != nil || (now.Run == "r1") != c.landed || err == nil && now != got {
				t.Errorf("Head after run %q when %s = %+v, %v, SwapHead returned %+v; want that it moved: %v", before, c.what, now, headErr, got, c.landed)
			}
		}
	}
}

// A pointer that names a run again is another pointer.
func TestSwapHeadFromPointerOfLongAgo(t *testing.T) {
	server := s3test.Start(t)
	s := open(t, quick(server, cable), s3.Options{Bucket: server.Bucket(t)})
	h := store.Head{}
	var first store.Head
	for i, run := range []string{"r1", "r2", "r1"} {
		var err error
		if h, err = s.SwapHead(t.Context(), h, run); err != nil {
			t.Fatal(err)
		}
		if i == 0 {
			first = h
		}
	}
	if _, err := s.SwapHead(t.Context(), first, "r3"); !errors.Is(err, store.ErrConflict) {
		t.Errorf("SwapHead from a pointer to the same run, but of long ago: %v, want %v", err, store.ErrConflict)
	}
}

func TestHeadOfOthers(t *testing.T) {
	server := s3test.Start(t)
	s := open(t, quick(server, cable), s3.Options{Bucket: server.Bucket(t)})
	for _, content := range []string{"", "run-1\n", `{"run":"r1"}`, `{"run":"../r1","fence":"x"}`, `{"run":"r1","fence":"x"`} {
		if err := s.Put(t.Context(), "runs/HEAD", []byte(content)); err != nil {
			t.Fatal(err)
		}
		h, err := s.Head(t.Context())
		if err == nil || !strings.Contains(err.Error(), "/runs/HEAD") {
			t.Errorf("Head of %q = %+v, %v, want an error that names the object", content, h, err)
		}
		if _, err := s.SwapHead(t.Context(), store.Head{}, "r1"); err == nil {
			t.Errorf("SwapHead over %q: no error", content)
		}
	}
}
