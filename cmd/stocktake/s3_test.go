package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"

	"stocktake/extract/all"
	"stocktake/internal/httpfstest"
	"stocktake/internal/pipeline"
	"stocktake/internal/s3test"
	"stocktake/load"
	"stocktake/load/store"
)

// The rights of the two modes, as docs/s3.md has them.
var (
	fullRights = []string{"s3:GetObject", "s3:PutObject", "s3:DeleteObject", "s3:ListBucket", "s3:AbortMultipartUpload", "s3:ListBucketMultipartUploads", "s3:ListMultipartUploadParts"}
	dropRights = []string{"s3:PutObject", "s3:AbortMultipartUpload"}
)

// inBucket writes the demo's configuration for a warehouse in a bucket, of a few
// tables. output are further lines of the key of that name.
func inBucket(t *testing.T, server *s3test.Server, bucket, output string) (config string) {
	t.Helper()
	config = demo(t)
	text, err := os.ReadFile(config)
	if err != nil {
		t.Fatal(err)
	}
	settings := fmt.Sprintf("warehouse: s3://%s/ware/house\nspool: %s\noutput:\n  region: %s\n  endpoint: %s\n  path_style: true\n%s",
		bucket, filepath.Join(filepath.Dir(config), "spool"), server.Region, server.Endpoint, output)
	changed := strings.Replace(string(text), "warehouse: warehouse\n", settings, 1)
	changed = strings.Replace(changed, `collect: ["*"]`, `collect: [aws_ec2_vpcs, aws_ec2_volumes, aws_organizations_accounts]`, 1)
	if err := errors.Join(os.WriteFile(config, []byte(changed), 0o600), os.Chmod(config, 0o600)); err != nil {
		t.Fatal(err)
	}
	return config
}

func keysOf(t *testing.T, p aws.CredentialsProvider) string {
	t.Helper()
	c, err := p.Retrieve(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return fmt.Sprintf("  credentials: {access_key_id: %q, secret_access_key: %q}\n", c.AccessKeyID, c.SecretAccessKey)
}

// expect runs a command and checks its exit code and what it prints.
func expect(t *testing.T, code int, pattern string, args ...string) {
	t.Helper()
	got, out, errs := run(t, args...)
	if both := out + errs; got != code || !regexp.MustCompile(pattern).MatchString(both) {
		t.Fatalf("%v: got exit %d and\n%.3000s\nwant exit %d and %s", args, got, both, code, pattern)
	}
}

// A warehouse in a bucket works as one in a folder does, with just the rights
// that the guide lists.
func TestBucket(t *testing.T) {
	server := s3test.Start(t)
	extension := httpfstest.Extension(t)
	t.Setenv("STOCKTAKE_HTTPFS", extension)
	bucket := server.Bucket(t)
	file := inBucket(t, server, bucket, keysOf(t, server.User(t, bucket, fullRights...))+"  mode: full\n")
	expect(t, exitNothing, "`stocktake run` fills it", "query", "-c", file, "SELECT 1")
	for range 2 { // the second one reads what the first has left
		expect(t, exitIncomplete, `aws_ec2_volumes denied in 4 regions of account 848531643389`, "run", "-c", file)
	}
	views := filepath.Join(t.TempDir(), "views.duckdb")
	for _, c := range []struct {
		code    int
		pattern string
		args    []string
	}{
		{0, `(?s)aws_ec2_volumes is denied in 4 units`, []string{"query", "SELECT count(*) FROM aws_ec2_volumes"}},
		{0, `(?s)^n\s*-+\s*2`, []string{"query", "SELECT count(DISTINCT run_id) AS n FROM stocktake_coverage_history"}},
		{0, `\(2 rows\)`, []string{"runs", "--httpfs", extension}},
		{exitNothing, `no-such-extension`, []string{"query", "--httpfs", "no-such-extension", "SELECT 1"}},
		{0, ` 0 missing or damaged`, []string{"verify"}},
		{0, `views\.duckdb`, []string{"views", "--output", views}},
		{0, `nothing is left over`, []string{"clean"}},
		{0, `\d+ accounts, \d+ units`, []string{"plan"}},
	} {
		expect(t, c.code, c.pattern, append(c.args, "-c", file)...)
	}
	if info, err := os.Stat(views); err != nil || info.Size() == 0 {
		t.Errorf("views --output: %v", err)
	}

	a := &app{out: io.Discard, err: io.Discard, log: slog.New(slog.DiscardHandler), configFlag: file}
	c, err := a.config()
	if err != nil {
		t.Fatal(err)
	}
	s, err := a.destination(t.Context(), c)
	if err != nil {
		t.Fatal(err)
	}
	t.Run("another run holds the lease", func(t *testing.T) {
		lease, err := s.Lock(t.Context(), store.Snapshots, store.Holder{Host: "night", PID: 7, Run: "run-7", Since: time.Now()})
		if err != nil {
			t.Fatal(err)
		}
		expect(t, exitLocked, `locked by process 7 on night \(run run-7\) since \d{4}-.* at least until \d{4}-`, "run", "-c", file)
		if err := lease.Release(); err != nil {
			t.Fatal(err)
		}
	})
	t.Run("a reader completes what was cut off", func(t *testing.T) {
		o := pipeline.Options{Config: c, Store: cut{s}, Collectors: all.Collectors, Streams: all.Streams, Base: base(c), Observer: a.progress(), Program: version}
		var unfinished *load.UnfinishedError
		if _, err := pipeline.Run(t.Context(), o); !errors.As(err, &unfinished) {
			t.Fatalf("Run that is cut off after its commit: %v, want an UnfinishedError", err)
		}
		expect(t, 0, unfinished.Run, "query", "-c", file, "SELECT DISTINCT run_id FROM aws_ec2_vpcs")
	})
}

// cut is a store whose process ends at the commit.
type cut struct{ store.Store }

func (cut) Finish(context.Context, store.Staged) error { return errors.New("the process has ended") }

// Who may only put files leaves runs that stand alone.
func TestDropBucket(t *testing.T) {
	server := s3test.Start(t)
	bucket := server.Bucket(t)
	file := inBucket(t, server, bucket, keysOf(t, server.User(t, bucket, dropRights...))+"  mode: drop\n")
	for range 2 {
		expect(t, exitIncomplete, `aws_ec2_volumes denied in 4 regions`, "run", "-c", file)
	}
	expect(t, exitUsage, "mode full", "query", "-c", file, "SELECT 1")
	expect(t, exitUsage, "output.mode drop", "clean", "-c", file)
	expect(t, 0, `\d+ accounts, \d+ units`, "plan", "-c", file)

	all := inBucket(t, server, bucket, keysOf(t, server.Config().Credentials))
	a := &app{configFlag: all}
	c, err := a.config()
	if err != nil {
		t.Fatal(err)
	}
	s, err := a.destination(t.Context(), c)
	if err != nil {
		t.Fatal(err)
	}
	manifests, err := s.List(t.Context(), "runs/")
	if err != nil || len(manifests) != 2 {
		t.Fatalf("runs/ holds %v, %v, want two manifests", manifests, err)
	}
	var last *load.Manifest
	for _, info := range manifests {
		m, err := load.ReadManifest(t.Context(), s, strings.TrimSuffix(filepath.Base(info.Name), ".json"))
		if err != nil {
			t.Fatal(err)
		}
		if last == nil || m.CommittedAt.After(last.CommittedAt) { // both may have begun in one second
			last = m
		}
	}
	report, err := load.VerifyRun(t.Context(), s, last.Run)
	if err != nil || report.Bad() > 0 || len(report.Files) < 5 {
		t.Errorf("VerifyRun: %+v, %v, want whole files", report, err)
	}
	for _, prefix := range []string{"current/", "runs/leases/"} {
		if found, err := s.List(t.Context(), prefix); err != nil || len(found) > 0 {
			t.Errorf("%s holds %v, %v, want nothing", prefix, found, err)
		}
	}
}

// What cannot be written is told before anything is collected.
func TestUnusableBucket(t *testing.T) {
	server := s3test.Start(t)
	bucket := server.Bucket(t)
	for _, c := range []struct{ name, bucket, output, want string }{
		{"no such bucket", "no-such-bucket", keysOf(t, server.Config().Credentials), `no bucket no-such-bucket`},
		{"no rights", bucket, keysOf(t, server.User(t, bucket, "s3:ListBucket")), `allow s3:PutObject`},
		{"unknown keys", bucket, "  credentials: {access_key_id: AKIAIOSFODNN7EXAMPLE, secret_access_key: wJalrXUtnFEMIK7MDENGbPxRfiCYEXAMPLEKEY}\n", `credentials for the output are not valid`},
	} {
		code, out, errs := run(t, "run", "-c", inBucket(t, server, c.bucket, c.output))
		if code != exitNothing || !strings.Contains(errs, c.want) || strings.Contains(out+errs, "finding accounts") || strings.Contains(out+errs, "EXAMPLEKEY") {
			t.Errorf("%s: run: got exit %d and\n%s%s\nwant exit %d, %q, no account asked and no secret", c.name, code, out, errs, exitNothing, c.want)
		}
	}
}

// sessions is an STS whose sessions are about to end when they begin, so that
// each use of the credentials renews them, and each time as another user.
type sessions struct {
	mu       sync.Mutex
	keys     []aws.Credentials
	requests []string
}

func (s *sessions) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if err := r.ParseForm(); err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	s.requests = append(s.requests, r.Form.Get("RoleArn")+" "+r.Form.Get("ExternalId")+" "+r.Form.Get("RoleSessionName"))
	c := s.keys[len(s.requests)%len(s.keys)]
	fmt.Fprintf(w, `<AssumeRoleResponse xmlns="https://sts.amazonaws.com/doc/2011-06-15/"><AssumeRoleResult><Credentials><AccessKeyId>%s</AccessKeyId><SecretAccessKey>%s</SecretAccessKey><SessionToken></SessionToken><Expiration>%s</Expiration></Credentials></AssumeRoleResult></AssumeRoleResponse>`,
		c.AccessKeyID, c.SecretAccessKey, time.Now().Add(5*time.Minute).UTC().Format(time.RFC3339Nano))
}

// The output has an identity of its own, which is renewed while a run goes on.
func TestBucketIdentity(t *testing.T) {
	server := s3test.Start(t)
	bucket := server.Bucket(t)
	s := &sessions{}
	for range 2 {
		c, err := server.User(t, bucket, fullRights...).Retrieve(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		s.keys = append(s.keys, c)
	}
	sts := httptest.NewServer(s)
	defer sts.Close()
	t.Setenv("AWS_ENDPOINT_URL_STS", sts.URL)
	t.Setenv("WAREHOUSE_EXTERNAL_ID", "external-of-the-warehouse")
	file := inBucket(t, server, bucket, "  credentials: {access_key_id: AKIAIOSFODNN7EXAMPLE, secret_access_key: wJalrXUtnFEMIK7MDENGbPxRfiCYEXAMPLEKEY}\n"+
		"  role_arn: arn:aws:iam::111122223333:role/warehouse\n  external_id: ${WAREHOUSE_EXTERNAL_ID}\n")
	expect(t, exitIncomplete, `aws_ec2_volumes denied`, "run", "-c", file)
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.requests) < 3 {
		t.Errorf("%d sessions were begun, want some: each ends at once", len(s.requests))
	}
	for _, r := range s.requests {
		if want := "arn:aws:iam::111122223333:role/warehouse external-of-the-warehouse stocktake-output"; r != want {
			t.Fatalf("a session was begun for %q, want %q", r, want)
		}
	}
}
