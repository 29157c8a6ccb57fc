package s3_test

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"

	"stocktake/internal/s3test"
	"stocktake/load"
	"stocktake/load/store"
	"stocktake/load/store/s3"
	"stocktake/schemas"
)

// fullRights are all that a warehouse needs.
var fullRights = []string{
	"s3:GetObject", "s3:PutObject", "s3:DeleteObject", "s3:ListBucket",
	"s3:AbortMultipartUpload", "s3:ListBucketMultipartUploads", "s3:ListMultipartUploadParts",
}

// dropRights are all that writing files into a bucket of others needs.
var dropRights = []string{"s3:PutObject", "s3:AbortMultipartUpload"}

// as opens a store that has just the given rights.
func as(t *testing.T, server *s3test.Server, o s3.Options, rights ...string) *s3.Store {
	t.Helper()
	cfg := quick(server, cable)
	cfg.Credentials = server.User(t, o.Bucket, rights...)
	return open(t, cfg, o)
}

// publication is a run that writes tables and a file of events.
func publication(t *testing.T, run, date string, head store.Head, lease store.Lease, seed uint64) (load.Publication, map[string][]byte) {
	t.Helper()
	p := load.Publication{Manifest: load.Manifest{Run: run, Date: date, Program: "stocktake test", Sources: []load.ManifestSource{{Name: "one", Accounts: []string{"000000000001"}}}}, Head: head, Leases: []store.Lease{lease}}
	contents := map[string][]byte{}
	for i, table := range []string{"aws_ec2_regions", "aws_ec2_instances", load.CoverageTable} {
		sch, err := schemas.Newest(table)
		if err != nil {
			t.Fatal(err)
		}
		f, content := local(t, 6*mib, seed+uint64(i))
		file := load.File{Path: f.Path, Bytes: f.Size, SHA256: f.SHA256, Rows: 1}
		if table == load.CoverageTable {
			p.Events = append(p.Events, load.EventFile{Schema: sch, Date: date, File: file})
			continue
		}
		p.Tables = append(p.Tables, load.TableFile{Schema: sch, File: file})
		contents[table] = content
	}
	return p, contents
}

// Runs, a crashed one among them, are published with the rights that the
// documentation names, and no others.
func TestFullRights(t *testing.T) {
	server := s3test.Start(t)
	for _, c := range []struct {
		what   string
		tags   map[string]string
		rights []string
	}{
		{"plain", nil, fullRights},
		{"tagged", map[string]string{"team": "a b=c+d/e@f"}, append(slices.Clone(fullRights), "s3:PutObjectTagging")},
	} {
		o := s3.Options{Bucket: server.Bucket(t), Prefix: "w", PartSize: 5 * mib, CopyOnce: 5 * mib, Tags: c.tags}
		s := as(t, server, o, c.rights...)
		ctx := t.Context()
		if err := s.Probe(ctx); err != nil {
			t.Fatalf("%s: Probe: %v", c.what, err)
		}
		lease := lock(t, s)
		crashed, _ := local(t, 100, 1)
		stage(t, s, "crashed", "snapshots/aws_ec2_regions/v1/x.parquet", crashed)
		if err := s.Put(ctx, "runs/pending/crashed", nil); err != nil {
			t.Fatal(err)
		}
		for i, run := range []struct{ id, date string }{{"r1", "2026-11-21"}, {"r2", "2026-11-21"}, {"r3", "2026-11-22"}} {
			head, err := s.Head(ctx)
			if err != nil {
				t.Fatal(err)
			}
			p, contents := publication(t, run.id, run.date, head, lease, uint64(10*i))
			if _, err := load.Publish(ctx, s, p); err != nil {
				t.Fatalf("%s: Publish(%s): %v", c.what, run.id, err)
			}
			state, err := load.ReadState(ctx, as(t, server, o, "s3:GetObject", "s3:ListBucket"))
			if err != nil || state.Head.Run != run.id {
				t.Fatalf("%s: ReadState after %s = %+v, %v", c.what, run.id, state, err)
			}
			for table, content := range contents {
				wantContent(t, server, s.Root()+"/current/"+table+".parquet", content)
			}
		}
		wantUnfinished(t, s, 0)
		if err := lease.Release(); err != nil {
			t.Fatal(err)
		}
	}
}

func TestDropRights(t *testing.T) {
	server := s3test.Start(t)
	ctx := t.Context()
	o := s3.Options{Bucket: server.Bucket(t), Prefix: "w", PartSize: 5 * mib, WriteOnly: true}
	s := as(t, server, o, dropRights...)
	if err := s.Probe(ctx); err != nil {
		t.Fatalf("Probe: %v", err)
	}
	f, content := local(t, 6*mib, 1)
	st := stage(t, s, "r1", "snapshots/t.parquet", f)
	finish(t, s, st)
	wantContent(t, server, s.Root()+"/snapshots/t.parquet", content)
	if err := s.Put(ctx, "runs/r1.json", []byte("{}")); err != nil {
		t.Fatalf("Put: %v", err)
	}
	if err := s.Discard(ctx, stage(t, s, "r2", "snapshots/t.parquet", f)); err != nil {
		t.Fatalf("Discard: %v", err)
	}
	wantUnfinished(t, open(t, quick(server, cable), o), 0)
	if err := s.Finish(ctx, store.Staged{Run: "r1", Name: "snapshots/never.parquet"}); !errors.Is(err, s3.ErrUploadGone) {
		t.Errorf("Finish of what was never staged: %v, want %v", err, s3.ErrUploadGone)
	}
	if _, err := s.Head(ctx); err == nil || errors.Is(err, fs.ErrNotExist) || !strings.Contains(err.Error(), "AccessDenied") {
		t.Errorf("Head without the right to read: %v, want it denied", err)
	}
}

// seen are the headers of requests, by what they do.
type seen struct {
	mu   sync.Mutex
	all  []http.Header
	by   map[string][]http.Header
	what func(*http.Request) string
}

func (s *seen) wire(req *http.Request, do func() (*http.Response, error)) (*http.Response, error) {
	s.mu.Lock()
	s.all = append(s.all, req.Header.Clone())
	if what := s.what(req); what != "" {
		s.by[what] = append(s.by[what], req.Header.Clone())
	}
	s.mu.Unlock()
	// The server for tests does not encrypt.
	for key := range req.Header {
		if strings.HasPrefix(key, "X-Amz-Server-Side-Encryption") {
			return answered(req)
		}
	}
	return do()
}

// answered is what a server that encrypts would say.
func answered(req *http.Request) (*http.Response, error) {
	if req.Body != nil {
		if _, err := io.Copy(io.Discard, req.Body); err != nil {
			return nil, err
		}
	}
	switch {
	case creates(req):
		return answer(http.StatusOK, "<InitiateMultipartUploadResult><UploadId>1</UploadId></InitiateMultipartUploadResult>")
	case copies(req):
		return answer(http.StatusOK, "<CopyObjectResult><ETag>x</ETag></CopyObjectResult>")
	}
	return answer(http.StatusOK, "")
}

func whatIsWritten(req *http.Request) string {
	switch {
	case creates(req):
		return "create"
	case copies(req) && !query(req, "uploadId"):
		return "copy"
	case req.Method == http.MethodPut && !query(req, "uploadId") && strings.Contains(req.URL.Path, "/runs/HEAD"):
		return "head"
	case req.Method == http.MethodPut && !query(req, "uploadId"):
		return "put"
	}
	return ""
}

func TestHeaders(t *testing.T) {
	server := s3test.Start(t)
	const sse, kms, bucketKey, class, tags = "X-Amz-Server-Side-Encryption", "X-Amz-Server-Side-Encryption-Aws-Kms-Key-Id", "X-Amz-Server-Side-Encryption-Bucket-Key-Enabled", "X-Amz-Storage-Class", "X-Amz-Tagging"
	for _, c := range []struct {
		what    string
		options s3.Options
		want    map[string]string
	}{
		{"nothing", s3.Options{}, map[string]string{}},
		{"no encryption", s3.Options{Encryption: "none"}, map[string]string{}},
		{"AES256", s3.Options{Encryption: "AES256"}, map[string]string{sse: "AES256"}},
		{"KMS", s3.Options{Encryption: "aws:kms"}, map[string]string{sse: "aws:kms"}},
		{"KMS with a key", s3.Options{Encryption: "aws:kms", KMSKey: "arn:k", BucketKey: true}, map[string]string{sse: "aws:kms", kms: "arn:k", bucketKey: "true"}},
		{"class", s3.Options{StorageClass: "STANDARD"}, map[string]string{class: "STANDARD"}},
		{"tags", s3.Options{Tags: map[string]string{"b c": "d=e", "a": ""}}, map[string]string{tags: "a=&b+c=d%3De"}},
	} {
		record := &seen{by: map[string][]http.Header{}, what: whatIsWritten}
		o := c.options
		o.Bucket, o.BucketOwner = server.Bucket(t), server.AccessKey
		plain := open(t, quick(server, cable), s3.Options{Bucket: o.Bucket})
		f, _ := local(t, 6*mib, 1)
		st := stage(t, plain, "r1", "snapshots/t.parquet", f)
		finish(t, plain, st)
		s := open(t, quick(server, record.wire), o)
		small := o
		small.CopyOnce = 5 * mib
		ctx := t.Context()
		// Behind answers that this test invents, some of these do not succeed:
		// what is sent is looked at.
		_, stageErr := s.Stage(ctx, "r1", "snapshots/u.parquet", f)
		errs := []error{
			s.Put(ctx, "runs/x.json", nil), stageErr,
			s.SwitchCurrent(ctx, "r1", []store.Link{linkTo(st, "t.parquet")}),
			open(t, quick(server, record.wire), small).SwitchCurrent(ctx, "r1", []store.Link{linkTo(st, "u.parquet")}),
		}
		_, headErr := s.SwapHead(ctx, store.Head{}, "r1")
		errs = append(errs, headErr)
		if _, invented := c.want[sse]; !invented && errors.Join(errs...) != nil {
			t.Fatalf("%s: %v", c.what, errors.Join(errs...))
		}
		for _, kind := range []string{"create", "put", "copy", "head"} {
			if len(record.by[kind]) == 0 || kind == "create" && len(record.by[kind]) < 2 {
				t.Errorf("%s: %d requests of kind %s were seen", c.what, len(record.by[kind]), kind)
			}
			for _, h := range record.by[kind] {
				for _, key := range []string{sse, kms, bucketKey, class, tags} {
					want := c.want[key]
					if kind == "head" && key == class {
						want = "" // the pointer is rewritten each time
					}
					if got := h.Get(key); got != want {
						t.Errorf("%s: %s: header %s is %q, want %q", c.what, kind, key, got, want)
					}
				}
				if got := h.Get("X-Amz-Tagging-Directive"); kind == "copy" && got != "REPLACE" {
					t.Errorf("%s: copy: tags are taken as %q, want REPLACE", c.what, got)
				}
				if got := h.Get("X-Amz-Meta-Sha256"); kind == "create" && got != f.SHA256 {
					t.Errorf("%s: create: metadata sha256 is %q, want %q", c.what, got, f.SHA256)
				}
				if got := h.Get("X-Amz-Source-Expected-Bucket-Owner"); kind == "copy" && got != o.BucketOwner {
					t.Errorf("%s: copy: the expected owner of the source is %q, want %q", c.what, got, o.BucketOwner)
				}
			}
		}
		for _, h := range record.all {
			if got := h.Get("X-Amz-Expected-Bucket-Owner"); got != o.BucketOwner {
				t.Errorf("%s: the expected owner of the bucket is %q, want %q", c.what, got, o.BucketOwner)
			}
		}
	}
}

// The owner goes with every request, also those that read and delete.
func TestOwnerOfEveryRequest(t *testing.T) {
	server := s3test.Start(t)
	record := &seen{by: map[string][]http.Header{}, what: func(req *http.Request) string {
		return fmt.Sprintf("%s %s %v", req.Method, req.URL.Path, req.URL.Query())
	}}
	o := s3.Options{Bucket: server.Bucket(t), BucketOwner: server.AccessKey, CopyOnce: 5 * mib}
	s := open(t, quick(server, record.wire), o)
	ctx := t.Context()
	f, _ := local(t, 6*mib, 1)
	st := stage(t, s, "r1", "snapshots/t.parquet", f)
	_, unfinishedErr := s.Locate(ctx, "r1", object(st, "t.parquet"))
	if !errors.Is(unfinishedErr, store.ErrUnfinished) {
		t.Fatal(unfinishedErr)
	}
	finish(t, s, st)
	r, err := s.Open(ctx, "r1", object(st, ""))
	if err != nil {
		t.Fatal(err)
	}
	_, readErr := r.ReadAt(make([]byte, 10), 0)
	_, listErr := s.Unfinished(ctx, "snapshots/")
	_, infosErr := s.List(ctx, "runs/")
	l := lock(t, s)
	if err := errors.Join(readErr, listErr, infosErr,
		s.SwitchCurrent(ctx, "r1", []store.Link{linkTo(st, "t.parquet")}), s.SwitchCurrent(ctx, "r1", nil),
		s.Delete(ctx, st.Name), s.Probe(ctx), l.Check(ctx), l.Release()); err != nil {
		t.Fatal(err)
	}
	for what, headers := range record.by {
		if got := headers[0].Get("X-Amz-Expected-Bucket-Owner"); got != o.BucketOwner {
			t.Errorf("%s: the expected owner is %q, want %q", what, got, o.BucketOwner)
		}
	}
	o.BucketOwner = "123456789012"
	if err := open(t, quick(server, cable), o).Put(context.Background(), "runs/x", nil); err == nil {
		t.Error("Put into a bucket of another owner: no error")
	}
}

// What is written arrives under a signed checksum, also where the connection is
// encrypted and the SDK would leave it out.
func TestWritesAreSigned(t *testing.T) {
	var mu sync.Mutex
	sums := map[string]string{} // of bodies, as they were signed
	server := httptest.NewTLSServer(http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
		body, err := io.ReadAll(req.Body)
		if err != nil {
			t.Error(err)
		}
		mu.Lock()
		defer mu.Unlock()
		sums[string(body)] = req.Header.Get("X-Amz-Content-Sha256")
		if creates(req) {
			io.WriteString(w, "<InitiateMultipartUploadResult><UploadId>1</UploadId></InitiateMultipartUploadResult>")
		}
	}))
	defer server.Close()
	cfg := (&s3test.Server{Endpoint: server.URL, Region: "us-east-1", AccessKey: "a", SecretKey: "b"}).Config()
	cfg.HTTPClient = server.Client()
	s := open(t, cfg, s3.Options{Bucket: "bucket"})
	f, content := local(t, 100, 1)
	stage(t, s, "r1", "snapshots/t.parquet", f)
	if err := s.Put(t.Context(), "runs/r1.json", []byte("small")); err != nil {
		t.Fatal(err)
	}
	if _, err := s.SwapHead(t.Context(), store.Head{}, "r1"); err != nil {
		t.Fatal(err)
	}
	if _, ok := sums[string(content)]; !ok || len(sums) != 4 { // with the empty one that begins the upload
		t.Errorf("the server has got %d bodies, want that of the file and three more", len(sums))
	}
	for body, got := range sums {
		sum := sha256.Sum256([]byte(body))
		if want := hex.EncodeToString(sum[:]); got != want {
			t.Errorf("%.20q was sent under checksum %q, want %q", body, got, want)
		}
	}
}
