package s3_test

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"math/rand/v2"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	awss3 "github.com/aws/aws-sdk-go-v2/service/s3"
	"golang.org/x/sync/errgroup"

	"stocktake/internal/s3test"
	"stocktake/load/store"
	"stocktake/load/store/s3"
)

const mib = 1 << 20

// local writes a local file of bytes that a seed determines.
func local(t *testing.T, size int, seed uint64) (store.File, []byte) {
	t.Helper()
	content := make([]byte, size)
	random := rand.NewChaCha8([32]byte{byte(seed)})
	if _, err := random.Read(content); err != nil {
		t.Fatal(err)
	}
	name := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(name, content, 0o600); err != nil {
		t.Fatal(err)
	}
	sum := sha256.Sum256(content)
	return store.File{Path: name, Size: int64(size), SHA256: hex.EncodeToString(sum[:])}, content
}

func stage(t *testing.T, s *s3.Store, run, name string, f store.File) store.Staged {
	t.Helper()
	st, err := s.Stage(t.Context(), run, name, f)
	if err != nil {
		t.Fatalf("Stage(%s, %s): %v", run, name, err)
	}
	return st
}

func finish(t *testing.T, s *s3.Store, st store.Staged) {
	t.Helper()
	if err := s.Finish(t.Context(), st); err != nil {
		t.Fatalf("Finish(%s): %v", st.Name, err)
	}
}

// wantContent checks an object as any program reads it.
func wantContent(t *testing.T, server *s3test.Server, url string, want []byte) {
	t.Helper()
	got, err := read(t.Context(), server.Client(), url)
	if err != nil || !bytes.Equal(got, want) {
		t.Fatalf("%s holds %d bytes %.20q, %v, want %d bytes %.20q", url, len(got), got, err, len(want), want)
	}
}

func wantUnfinished(t *testing.T, s *s3.Store, want int) {
	t.Helper()
	for _, prefix := range []string{"snapshots/", "current/", "runs/"} {
		left, err := s.Unfinished(t.Context(), prefix)
		if err != nil {
			t.Fatal(err)
		}
		want -= len(left)
	}
	if want != 0 {
		t.Fatalf("uploads left behind differ from those expected by %d", -want)
	}
}

func TestManyParts(t *testing.T) {
	server := s3test.Start(t)
	o := s3.Options{Bucket: server.Bucket(t), Prefix: "w", PartSize: 5 * mib}
	s, other := open(t, quick(server, cable), o), open(t, quick(server, cable), o)
	for i, size := range []int{0, 1, 5 * mib, 5*mib + 1, 12*mib + 345} {
		f, content := local(t, size, uint64(i))
		name := fmt.Sprintf("snapshots/t/v1/snapshot_date=2026-11-22/%d.parquet", size)
		st := stage(t, s, "r1", name, f)
		if want := max(1, (size+5*mib-1)/(5*mib)); len(st.Parts) != want {
			t.Errorf("a file of %d bytes is staged in %d parts, want %d", size, len(st.Parts), want)
		}
		finish(t, other, st)
		wantContent(t, server, s.Root()+"/"+name, content)
		finish(t, s, st)
		r, err := other.Open(t.Context(), "r1", store.Object{Name: name, Size: f.Size, SHA256: f.SHA256, Staged: &st})
		if err != nil {
			t.Fatal(err)
		}
		got, err := io.ReadAll(io.NewSectionReader(r, 0, r.Size()))
		if err != nil || !bytes.Equal(got, content) {
			t.Errorf("Open reads %d bytes, %v, want the %d that were staged", len(got), err, size)
		}
	}
	wantUnfinished(t, s, 0)
}

// Several processes finish what one has staged: a run, and who recovers it.
func TestFinishAtOnce(t *testing.T) {
	server := s3test.Start(t)
	o := s3.Options{Bucket: server.Bucket(t), PartSize: 5 * mib}
	s := open(t, quick(server, cable), o)
	f, content := local(t, 6*mib, 1)
	st := stage(t, s, "r1", "snapshots/t.parquet", f)
	var g errgroup.Group
	for range 6 {
		g.Go(func() error { return s.Finish(context.Background(), st) })
	}
	if err := g.Wait(); err != nil {
		t.Fatal(err)
	}
	wantContent(t, server, s.Root()+"/snapshots/t.parquet", content)
}

func TestFinishKeepsNewerFile(t *testing.T) {
	server := s3test.Start(t)
	s := open(t, quick(server, cable), s3.Options{Bucket: server.Bucket(t)})
	older, _ := local(t, 100, 1)
	newer, content := local(t, 100, 2)
	first := stage(t, s, "r1", "snapshots/t.parquet", older)
	finish(t, s, first)
	finish(t, s, stage(t, s, "r2", "snapshots/t.parquet", newer))
	if err := s.Finish(t.Context(), first); !errors.Is(err, store.ErrReplaced) {
		t.Errorf("Finish of a file that a newer one of the same size has replaced: %v, want %v", err, store.ErrReplaced)
	}
	wantContent(t, server, s.Root()+"/snapshots/t.parquet", content)
}

func query(req *http.Request, key string) bool { return req.URL.Query().Has(key) }

func creates(req *http.Request) bool {
	return req.Method == http.MethodPost && query(req, "uploads")
}

func uploadsPart(req *http.Request) bool {
	return req.Method == http.MethodPut && query(req, "partNumber")
}

func completes(req *http.Request) bool {
	return req.Method == http.MethodPost && query(req, "uploadId")
}

func TestInterruptedStageLeavesNoUpload(t *testing.T) {
	server := s3test.Start(t)
	for _, c := range []struct {
		what string
		at   func(*http.Request) bool
	}{
		{"before the upload begins", creates},
		{"while parts are sent", uploadsPart},
	} {
		ctx, cancel := context.WithCancel(t.Context())
		o := s3.Options{Bucket: server.Bucket(t), PartSize: 5 * mib}
		s := open(t, quick(server, func(req *http.Request, do func() (*http.Response, error)) (*http.Response, error) {
			if c.at(req) {
				cancel()
			}
			return do()
		}), o)
		f, _ := local(t, 22*mib, 1)
		if _, err := s.Stage(ctx, "r1", "snapshots/t.parquet", f); !errors.Is(err, context.Canceled) {
			t.Errorf("Stage cancelled %s: %v, want %v", c.what, err, context.Canceled)
		}
		wantUnfinished(t, s, 0)
		wantUnfinished(t, open(t, quick(server, cable), o), 0)
	}
}

func TestFailedStageAborts(t *testing.T) {
	server := s3test.Start(t)
	down := errors.New("connection lost")
	s := open(t, quick(server, func(req *http.Request, do func() (*http.Response, error)) (*http.Response, error) {
		if uploadsPart(req) && req.URL.Query().Get("partNumber") == "3" {
			return nil, down
		}
		return do()
	}), s3.Options{Bucket: server.Bucket(t), PartSize: 5 * mib})
	f, _ := local(t, 22*mib, 1)
	if _, err := s.Stage(t.Context(), "r1", "snapshots/t.parquet", f); !errors.Is(err, down) || !strings.Contains(err.Error(), "part 3") {
		t.Errorf("Stage when a part cannot be sent: %v, want %v and the part", err, down)
	}
	wantUnfinished(t, s, 0)
}

// What is staged is what was compared, even when the file changes meanwhile.
func TestStageOfChangingFile(t *testing.T) {
	server := s3test.Start(t)
	f, content := local(t, 6*mib, 1)
	s := open(t, quick(server, func(req *http.Request, do func() (*http.Response, error)) (*http.Response, error) {
		if creates(req) {
			content[5*mib+7]++
			if err := os.WriteFile(f.Path, content, 0o600); err != nil {
				t.Error(err)
			}
		}
		return do()
	}), s3.Options{Bucket: server.Bucket(t), PartSize: 5 * mib})
	if _, err := s.Stage(t.Context(), "r1", "snapshots/t.parquet", f); err == nil || !strings.Contains(err.Error(), "part 2") {
		t.Errorf("Stage of a file that changes: %v, want an error of part 2", err)
	}
	wantUnfinished(t, s, 0)
}

func TestPartsAtOnce(t *testing.T) {
	server := s3test.Start(t)
	var now, most atomic.Int64
	s := open(t, quick(server, func(req *http.Request, do func() (*http.Response, error)) (*http.Response, error) {
		if uploadsPart(req) {
			n := now.Add(1)
			defer now.Add(-1)
			for m := most.Load(); n > m && !most.CompareAndSwap(m, n); m = most.Load() {
			}
		}
		return do()
	}), s3.Options{Bucket: server.Bucket(t), PartSize: 5 * mib})
	f, _ := local(t, 26*mib, 1)
	var g errgroup.Group
	for i := range 5 {
		g.Go(func() error {
			_, err := s.Stage(context.Background(), "r1", fmt.Sprintf("snapshots/%d.parquet", i), f)
			return err
		})
	}
	if err := g.Wait(); err != nil {
		t.Fatal(err)
	}
	if most.Load() > 8 {
		t.Errorf("%d parts were sent at once, want 8 at most", most.Load())
	}
	wantUnfinished(t, s, 5)
}

var errLost = errors.New("the answer was lost")

// lost drops an answer after the server has acted.
func lost(resp *http.Response, err error) (*http.Response, error) {
	if err != nil {
		return nil, err
	}
	return nil, errors.Join(errLost, resp.Body.Close())
}

func TestFinishWithLostAnswer(t *testing.T) {
	server := s3test.Start(t)
	const gone = `<?xml version="1.0"?><Error><Code>NoSuchUpload</Code><Message>gone</Message></Error>`
	for _, writeOnly := range []bool{false, true} {
		var sent atomic.Int64
		s := open(t, quick(server, func(req *http.Request, do func() (*http.Response, error)) (*http.Response, error) {
			if !completes(req) {
				return do()
			}
			if sent.Add(1) > 1 {
				return answer(http.StatusNotFound, gone)
			}
			return lost(do())
		}), s3.Options{Bucket: server.Bucket(t), WriteOnly: writeOnly})
		f, content := local(t, 1000, 1)
		err := s.Finish(t.Context(), stage(t, s, "r1", "snapshots/t.parquet", f))
		if writeOnly != errors.Is(err, s3.ErrUploadGone) || !writeOnly && err != nil {
			t.Errorf("Finish whose answer was lost, write-only %v: %v, want success, or %v where it cannot look", writeOnly, err, s3.ErrUploadGone)
		}
		if sent.Load() != 2 {
			t.Errorf("the request was sent %d times, want it to be sent again", sent.Load())
		}
		wantContent(t, server, s.Root()+"/snapshots/t.parquet", content)
	}
}

// answer is what a server says without acting.
func answer(status int, body string) (*http.Response, error) {
	return &http.Response{StatusCode: status, Header: http.Header{"Content-Type": {"application/xml"}}, ContentLength: int64(len(body)), Body: io.NopCloser(strings.NewReader(body))}, nil
}

// S3 may say 200 and then, in the body, that the request failed.
func TestErrorsInGoodAnswers(t *testing.T) {
	server := s3test.Start(t)
	const failed = `<?xml version="1.0"?><Error><Code>InternalError</Code><Message>try again</Message></Error>`
	for _, c := range []struct {
		times int64
		fails bool
	}{{1, false}, {1000, true}} {
		var sent atomic.Int64
		s := open(t, quick(server, func(req *http.Request, do func() (*http.Response, error)) (*http.Response, error) {
			if (completes(req) || req.Header.Get("X-Amz-Copy-Source") != "") && sent.Add(1) <= c.times {
				return answer(http.StatusOK, failed)
			}
			return do()
		}), s3.Options{Bucket: server.Bucket(t)})
		f, content := local(t, 1000, 1)
		st := stage(t, s, "r1", "snapshots/t.parquet", f)
		err := s.Finish(t.Context(), st)
		if (err != nil) != c.fails {
			t.Errorf("Finish after %d answers that hold an error: %v, want that it fails: %v", c.times, err, c.fails)
		}
		if !c.fails {
			wantContent(t, server, s.Root()+"/snapshots/t.parquet", content)
		} else if _, err := s.Locate(t.Context(), "r1", store.Object{Name: st.Name, Size: st.Size, SHA256: st.SHA256, Staged: &st}); !errors.Is(err, store.ErrUnfinished) {
			t.Errorf("Locate after a Finish that failed: %v, want %v", err, store.ErrUnfinished)
		}
	}
}

// A list comes in pages of 1,000.
func TestListPages(t *testing.T) {
	server := s3test.Start(t)
	s := open(t, quick(server, cable), s3.Options{Bucket: server.Bucket(t), Prefix: "w"})
	const n = 1005
	var g errgroup.Group
	g.SetLimit(16)
	for i := range n {
		g.Go(func() error { return s.Put(context.Background(), fmt.Sprintf("snapshots/%04d", i), nil) })
	}
	if err := g.Wait(); err != nil {
		t.Fatal(err)
	}
	for _, foreign := range []string{"w/snapshots/folder/", "w/snapshots/.hidden", "w/snapshotsother", "snapshots/x"} {
		bucket, _ := split(s.Root())
		if _, err := server.Client().PutObject(t.Context(), &awss3.PutObjectInput{Bucket: bucket, Key: &foreign, Body: strings.NewReader("")}); err != nil {
			t.Fatal(err)
		}
	}
	infos, err := s.List(t.Context(), "snapshots/")
	if err != nil || len(infos) != n {
		t.Fatalf("List has %d names, %v, want %d", len(infos), err, n)
	}
	for i := range n {
		if want := fmt.Sprintf("snapshots/%04d", i); infos[i].Name != want {
			t.Fatalf("entry %d of the list is %q, want %q", i, infos[i].Name, want)
		}
	}
}

// Two uploads of one name may stand on two pages: both markers of a page lead
// to the next.
func TestUnfinishedPages(t *testing.T) {
	server := s3test.Start(t)
	const page = `<ListMultipartUploadsResult><IsTruncated>%v</IsTruncated><NextKeyMarker>%s</NextKeyMarker><NextUploadIdMarker>%s</NextUploadIdMarker>%s</ListMultipartUploadsResult>`
	const upload = `<Upload><Key>%s</Key><UploadId>%s</UploadId></Upload>`
	s := open(t, quick(server, func(req *http.Request, do func() (*http.Response, error)) (*http.Response, error) {
		switch q := req.URL.Query(); {
		case !q.Has("uploads") || q.Get("prefix") != "w/snapshots/":
			return answer(http.StatusBadRequest, "")
		case q.Get("key-marker") == "":
			return answer(http.StatusOK, fmt.Sprintf(page, true, "w/snapshots/b", "2", fmt.Sprintf(upload+upload, "w/snapshots/b", "1", "w/snapshots/b", "2")))
		case q.Get("key-marker") == "w/snapshots/b" && q.Get("upload-id-marker") == "2":
			return answer(http.StatusOK, fmt.Sprintf(page, false, "", "", fmt.Sprintf(upload+upload, "w/snapshots/b", "3", "w/snapshots/.x", "4")))
		}
		return answer(http.StatusBadRequest, "")
	}), s3.Options{Bucket: server.Bucket(t), Prefix: "w"})
	left, err := s.Unfinished(t.Context(), "snapshots/")
	want := []string{"1", "2", "3"}
	got := []string{}
	for _, st := range left {
		if st.Name == "snapshots/b" {
			got = append(got, st.Token)
		}
	}
	if err != nil || !slices.Equal(got, want) || len(left) != len(want) {
		t.Errorf("Unfinished = %+v, %v, want uploads %q of snapshots/b", left, err, want)
	}
}

// object is what a manifest says of a file.
func object(st store.Staged, current string) store.Object {
	return store.Object{Name: st.Name, Current: current, Size: st.Size, SHA256: st.SHA256, Staged: &st}
}

func TestReaderIsPinned(t *testing.T) {
	server := s3test.Start(t)
	s := open(t, quick(server, cable), s3.Options{Bucket: server.Bucket(t)})
	f, content := local(t, 1000, 1)
	st := stage(t, s, "r1", "snapshots/t.parquet", f)
	finish(t, s, st)
	r, err := s.Open(t.Context(), "r1", object(st, ""))
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	buf := make([]byte, 100)
	for _, c := range []struct {
		off  int64
		n    int
		want error
	}{{0, 100, nil}, {950, 50, io.EOF}, {900, 100, nil}, {1000, 0, io.EOF}, {2000, 0, io.EOF}} {
		n, err := r.ReadAt(buf, c.off)
		if n != c.n || err != c.want || !bytes.Equal(buf[:n], content[min(c.off, 1000):min(c.off+int64(n), 1000)]) {
			t.Errorf("ReadAt(100 bytes, %d) = %d, %v, want %d, %v and the content", c.off, n, err, c.n, c.want)
		}
	}
	if _, err := r.ReadAt(buf, -1); err == nil {
		t.Error("ReadAt(100 bytes, -1): no error")
	}
	other, _ := local(t, 1000, 2)
	finish(t, s, stage(t, s, "r2", "snapshots/t.parquet", other))
	for _, gone := range []func() error{
		func() error { return nil },
		func() error { return s.Delete(t.Context(), "snapshots/t.parquet") },
	} {
		if err := gone(); err != nil {
			t.Fatal(err)
		}
		if n, err := r.ReadAt(buf, 0); n != 0 || !errors.Is(err, store.ErrReplaced) || !errors.Is(err, fs.ErrNotExist) {
			t.Errorf("ReadAt after another file took the name = %d, %v, want %v", n, err, store.ErrReplaced)
		}
	}
}

// cut ends the bodies of answers after some bytes, as a lost connection does.
type cut struct {
	io.Reader
	io.Closer
}

func (c cut) Read(p []byte) (int, error) {
	n, err := c.Reader.Read(p)
	if err == io.EOF {
		err = io.ErrUnexpectedEOF
	}
	return n, err
}

func TestCutAnswersAreReadAgain(t *testing.T) {
	server := s3test.Start(t)
	var mu sync.Mutex
	left := 0 // answers to cut
	s := open(t, quick(server, func(req *http.Request, do func() (*http.Response, error)) (*http.Response, error) {
		resp, err := do()
		mu.Lock()
		defer mu.Unlock()
		if err == nil && req.Method == http.MethodGet && left > 0 {
			left--
			resp.Body = cut{io.LimitReader(resp.Body, 300), resp.Body}
		}
		return resp, err
	}), s3.Options{Bucket: server.Bucket(t)})
	f, content := local(t, 1000, 1)
	st := stage(t, s, "r1", "snapshots/t.parquet", f)
	finish(t, s, st)
	r, err := s.Open(t.Context(), "r1", object(st, ""))
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	for _, c := range []struct {
		cuts   int
		ranges bool // four ranges make 1,000 bytes of which 300 arrive each time
		get    bool
	}{{0, true, true}, {3, true, true}, {4, true, true}, {1000, true, false}} {
		set := func() { mu.Lock(); left = c.cuts; mu.Unlock() }
		buf := make([]byte, len(content))
		set()
		n, err := r.ReadAt(buf, 0)
		if (err == nil) != c.ranges || c.ranges && !bytes.Equal(buf[:n], content) {
			t.Errorf("ReadAt with %d answers cut = %d, %v, want the content: %v", c.cuts, n, err, c.ranges)
		}
		set()
		got, err := s.Get(t.Context(), st.Name)
		if (err == nil) != c.get || c.get && !bytes.Equal(got, content) {
			t.Errorf("Get with %d answers cut has %d bytes, %v, want the content: %v", c.cuts, len(got), err, c.get)
		}
	}
}

// An object of the same size that stocktake has not written is another file.
func TestForeignObjectIsNotTheFile(t *testing.T) {
	server := s3test.Start(t)
	s := open(t, quick(server, cable), s3.Options{Bucket: server.Bucket(t)})
	f, content := local(t, 100, 1)
	st := stage(t, s, "r1", "snapshots/t.parquet", f)
	finish(t, s, st)
	if err := s.SwitchCurrent(t.Context(), "r1", []store.Link{{As: "t.parquet", Name: st.Name, Size: st.Size, SHA256: st.SHA256}}); err != nil {
		t.Fatal(err)
	}
	if err := s.Put(t.Context(), st.Name, make([]byte, 100)); err != nil {
		t.Fatal(err)
	}
	if at, err := s.Locate(t.Context(), "r1", object(st, "")); !errors.Is(err, store.ErrReplaced) || !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("Locate = %+v, %v, want %v", at, err, store.ErrReplaced)
	}
	at, err := s.Locate(t.Context(), "r1", object(st, "t.parquet"))
	if want := s.Root() + "/current/t.parquet"; err != nil || at.Path != want || !at.Finished {
		t.Fatalf("Locate of a file that current/ still shows = %+v, %v, want %s", at, err, want)
	}
	wantContent(t, server, at.Path, content)
}

func TestNoBucketIsNoEmptyWarehouse(t *testing.T) {
	server := s3test.Start(t)
	s := open(t, quick(server, cable), s3.Options{Bucket: "no-such-bucket"})
	if h, err := s.Head(t.Context()); err == nil || errors.Is(err, fs.ErrNotExist) || !strings.Contains(err.Error(), "no-such-bucket") {
		t.Errorf("Head where there is no bucket = %+v, %v, want an error that names it", h, err)
	}
	if infos, err := s.List(t.Context(), "runs/"); err == nil {
		t.Errorf("List where there is no bucket = %v, want an error", infos)
	}
}
