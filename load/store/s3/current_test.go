package s3_test

import (
	"errors"
	"fmt"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	awss3 "github.com/aws/aws-sdk-go-v2/service/s3"

	"stocktake/internal/s3test"
	"stocktake/load/store"
	"stocktake/load/store/s3"
)

func copies(req *http.Request) bool {
	return req.Method == http.MethodPut && req.Header.Get("X-Amz-Copy-Source") != ""
}

func linkTo(st store.Staged, as string) store.Link {
	return store.Link{As: as, Name: st.Name, Size: st.Size, SHA256: st.SHA256}
}

// Files beyond what one request copies are copied in parts. The server refuses
// to copy more than it may at once.
func TestCopyInParts(t *testing.T) {
	const once = 6 * mib
	server := s3test.StartOwn(t, s3test.Options{CopyThreshold: once})
	var sent atomic.Int64
	s := open(t, quick(server, func(req *http.Request, do func() (*http.Response, error)) (*http.Response, error) {
		if copies(req) {
			sent.Add(1)
		}
		return do()
	}), s3.Options{Bucket: server.Bucket(t), Prefix: "w", PartSize: 5 * mib, CopyOnce: once})
	var links []store.Link
	want := map[string][]byte{}
	for i, size := range []int{100, once, once + 1, 13 * mib} {
		f, content := local(t, size, uint64(i))
		as := fmt.Sprintf("%d.parquet", size)
		st := stage(t, s, "r1", "snapshots/t+1/"+as, f)
		finish(t, s, st)
		links = append(links, linkTo(st, as))
		want[as] = content
	}
	const requests = 1 + 1 + 2 + 3
	for range 2 {
		if err := s.SwitchCurrent(t.Context(), "r1", links); err != nil {
			t.Fatalf("SwitchCurrent: %v", err)
		}
		for as, content := range want {
			wantContent(t, server, s.Root()+"/current/"+as, content)
		}
		if sent.Load() != requests {
			t.Errorf("%d requests have copied, want %d and no more when all is there", sent.Load(), requests)
		}
	}
	for _, l := range links {
		bucket, key := split(s.Root() + "/current/" + l.As)
		out, err := server.Client().HeadObject(t.Context(), &awss3.HeadObjectInput{Bucket: bucket, Key: key})
		if err != nil || out.Metadata["sha256"] != l.SHA256 || out.Metadata["run"] != "r1" {
			t.Errorf("current/%s has metadata %v, %v, want SHA-256 and run", l.As, out.Metadata, err)
		}
	}
	wantUnfinished(t, s, 0)
}

// staleness is a warehouse that two processes switch.
type staleness struct {
	server *s3test.Server
	other  *s3.Store // without faults
	links  []store.Link
	newer  []byte
}

// stale returns a warehouse with two committed runs, whose second one is in
// current/, and what the first has switched to.
func stale(t *testing.T, server *s3test.Server, o s3.Options) *staleness {
	t.Helper()
	d := &staleness{server: server, other: open(t, quick(server, cable), o)}
	head := store.Head{}
	for i, run := range []string{"r1", "r2"} {
		f, content := local(t, 100, uint64(i))
		st := stage(t, d.other, run, fmt.Sprintf("snapshots/%s.parquet", run), f)
		finish(t, d.other, st)
		var err error
		if head, err = d.other.SwapHead(t.Context(), head, run); err != nil {
			t.Fatal(err)
		}
		links := []store.Link{linkTo(st, "t.parquet"), linkTo(st, run+".parquet")}
		if err := d.other.SwitchCurrent(t.Context(), run, links); err != nil {
			t.Fatal(err)
		}
		if i == 0 {
			d.links = links
		}
		d.newer = content
	}
	return d
}

func (d *staleness) wantNewer(t *testing.T) {
	t.Helper()
	wantContent(t, d.server, d.other.Root()+"/current/t.parquet", d.newer)
	wantContent(t, d.server, d.other.Root()+"/current/r2.parquet", d.newer)
}

func TestStaleRunDoesNotSwitch(t *testing.T) {
	server := s3test.Start(t)
	d := stale(t, server, s3.Options{Bucket: server.Bucket(t)})
	if err := d.other.SwitchCurrent(t.Context(), "r1", d.links); !errors.Is(err, store.ErrConflict) {
		t.Errorf("SwitchCurrent to a run before the last commit: %v, want %v", err, store.ErrConflict)
	}
	d.wantNewer(t)
}

// A run that is overtaken after it has looked at the pointer removes nothing of
// the run that overtook it.
func TestOvertakenRunRemovesNothing(t *testing.T) {
	server := s3test.Start(t)
	o := s3.Options{Bucket: server.Bucket(t)}
	f, _ := local(t, 100, 7)
	g, newer := local(t, 100, 8)
	other := open(t, quick(server, cable), o)
	st := stage(t, other, "r1", "snapshots/t.parquet", f)
	finish(t, other, st)
	if err := other.SwitchCurrent(t.Context(), "r1", []store.Link{linkTo(st, "gone.parquet")}); err != nil {
		t.Fatal(err)
	}
	s := open(t, quick(server, func(req *http.Request, do func() (*http.Response, error)) (*http.Response, error) {
		if req.Method == http.MethodDelete {
			next := stage(t, other, "r2", "snapshots/n.parquet", g)
			finish(t, other, next)
			if err := other.SwitchCurrent(t.Context(), "r2", []store.Link{linkTo(next, "gone.parquet")}); err != nil {
				t.Error(err)
			}
		}
		return do()
	}), o)
	if err := s.SwitchCurrent(t.Context(), "r1", nil); !errors.Is(err, store.ErrConflict) {
		t.Errorf("SwitchCurrent that is overtaken: %v, want %v", err, store.ErrConflict)
	}
	wantContent(t, server, other.Root()+"/current/gone.parquet", newer)
}

// A second request to remove what the first has removed may be refused.
func TestRemovalWithLostAnswer(t *testing.T) {
	server := s3test.Start(t)
	o := s3.Options{Bucket: server.Bucket(t)}
	var removals atomic.Int64
	s := open(t, quick(server, func(req *http.Request, do func() (*http.Response, error)) (*http.Response, error) {
		switch {
		case !deletes(req):
			return do()
		case removals.Add(1) == 1:
			return lost(do())
		}
		return answer(http.StatusPreconditionFailed, preconditionFailed)
	}), o)
	if err := s.Put(t.Context(), "current/gone.parquet", []byte("x")); err != nil {
		t.Fatal(err)
	}
	if err := s.SwitchCurrent(t.Context(), "r1", nil); err != nil || removals.Load() != 2 {
		t.Errorf("SwitchCurrent when the answer to a removal is lost, after %d requests: %v", removals.Load(), err)
	}
	if left, err := s.List(t.Context(), "current/"); err != nil || len(left) > 0 {
		t.Errorf("current/ holds %v, %v, want nothing", left, err)
	}
}

const preconditionFailed = `<?xml version="1.0"?><Error><Code>PreconditionFailed</Code><Message>not what it was</Message></Error>`

// Copies are made under the condition that nothing else has changed the object.
// The test's server does not look at it, so the test does.
func TestCopiesAreConditional(t *testing.T) {
	server := s3test.Start(t)
	o := s3.Options{Bucket: server.Bucket(t)}
	d := stale(t, server, o)
	f, content := local(t, 100, 9)
	st := stage(t, d.other, "r3", "snapshots/r3.parquet", f)
	finish(t, d.other, st)
	links := []store.Link{linkTo(st, "t.parquet"), linkTo(st, "new.parquet")}

	var mu sync.Mutex
	conditions := map[string][2]string{} // of If-Match and If-None-Match
	var refuse atomic.Bool
	s := open(t, quick(server, func(req *http.Request, do func() (*http.Response, error)) (*http.Response, error) {
		if !copies(req) {
			return do()
		}
		mu.Lock()
		conditions[req.URL.Path[strings.LastIndex(req.URL.Path, "/")+1:]] = [2]string{req.Header.Get("If-Match"), req.Header.Get("If-None-Match")}
		mu.Unlock()
		if refuse.Load() {
			return answer(http.StatusPreconditionFailed, preconditionFailed)
		}
		if _, err := lost(do()); !errors.Is(err, errLost) {
			return nil, err
		}
		return answer(http.StatusPreconditionFailed, preconditionFailed) // what a second try would get
	}), o)
	refuse.Store(true)
	head, err := s.Head(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if _, err := s.SwapHead(t.Context(), head, "r3"); err != nil {
		t.Fatal(err)
	}
	bucket, key := split(s.Root() + "/current/t.parquet")
	was, err := server.Client().HeadObject(t.Context(), &awss3.HeadObjectInput{Bucket: bucket, Key: key})
	if err != nil {
		t.Fatal(err)
	}
	if err := s.SwitchCurrent(t.Context(), "r3", links[:1]); !errors.Is(err, store.ErrConflict) {
		t.Errorf("SwitchCurrent when the object is not what it was: %v, want %v", err, store.ErrConflict)
	}
	wantContent(t, server, s.Root()+"/current/t.parquet", d.newer)
	refuse.Store(false)
	if err := s.SwitchCurrent(t.Context(), "r3", links); err != nil {
		t.Errorf("SwitchCurrent when answers are lost: %v", err)
	}
	wantContent(t, server, s.Root()+"/current/t.parquet", content)
	wantContent(t, server, s.Root()+"/current/new.parquet", content)
	if got, want := conditions["t.parquet"], [2]string{*was.ETag, ""}; got != want {
		t.Errorf("t.parquet is replaced under the conditions %q, want %q", got, want)
	}
	if got, want := conditions["new.parquet"], [2]string{"", "*"}; got != want {
		t.Errorf("new.parquet is made under the conditions %q, want %q", got, want)
	}
}

// What current/ shows is what the manifest names, or it stays as it is.
func TestSwitchToReplacedFile(t *testing.T) {
	server := s3test.Start(t)
	o := s3.Options{Bucket: server.Bucket(t)}
	other := open(t, quick(server, cable), o)
	f, content := local(t, 100, 1)
	g, _ := local(t, 100, 2)
	st := stage(t, other, "r1", "snapshots/t.parquet", f)
	finish(t, other, st)
	if err := other.SwitchCurrent(t.Context(), "r1", []store.Link{linkTo(st, "t.parquet")}); err != nil {
		t.Fatal(err)
	}
	next := stage(t, other, "r2", "snapshots/t.parquet", g)
	finish(t, other, next)
	wrong := linkTo(next, "t.parquet")
	wrong.SHA256 = strings.Repeat("0", 64)
	if err := other.SwitchCurrent(t.Context(), "r2", []store.Link{wrong}); !errors.Is(err, store.ErrReplaced) {
		t.Errorf("SwitchCurrent to a file with another checksum: %v, want %v", err, store.ErrReplaced)
	}
	// The file is replaced between the look at it and the copy.
	s := open(t, quick(server, func(req *http.Request, do func() (*http.Response, error)) (*http.Response, error) {
		if copies(req) {
			finish(t, other, stage(t, other, "r3", "snapshots/t.parquet", f))
		}
		return do()
	}), o)
	if err := s.SwitchCurrent(t.Context(), "r2", []store.Link{linkTo(next, "t.parquet")}); err == nil {
		t.Error("SwitchCurrent to a file that is replaced meanwhile: no error")
	}
	wantContent(t, server, s.Root()+"/current/t.parquet", content)
	for _, l := range []store.Link{{As: "a/b", Name: st.Name, Size: st.Size, SHA256: st.SHA256}, {As: "../x", Name: st.Name, Size: st.Size, SHA256: st.SHA256}, {As: "x", Name: "../y", SHA256: st.SHA256}, {As: "x", Name: st.Name, Size: st.Size}} {
		if err := s.SwitchCurrent(t.Context(), "r2", []store.Link{l}); err == nil {
			t.Errorf("SwitchCurrent to %+v: no error", l)
		}
	}
}
