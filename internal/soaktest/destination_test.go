//go:build linux

package soaktest

import (
	"errors"
	"io"
	"maps"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/aws/ratelimit"
	"github.com/aws/aws-sdk-go-v2/aws/retry"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/smithy-go/logging"

	"stocktake/internal/faultproxy"
	"stocktake/internal/s3test"
	"stocktake/load"
	"stocktake/load/store"
	"stocktake/load/store/local"
	"stocktake/load/store/memory"
	"stocktake/load/store/s3"
)

// destination is a place for warehouses.
type destination struct {
	name string
	// make returns a new warehouse: as a process opens it that writes, and as
	// one that reads.
	make func(t *testing.T, dir string, seed uint64) (writer, reader func(*testing.T) store.Store)
	// far marks one that a run may fail to reach.
	far bool
}

var destinations = []destination{
	{name: "local", make: func(_ *testing.T, dir string, _ uint64) (writer, reader func(*testing.T) store.Store) {
		open := func(t *testing.T) store.Store {
			t.Helper()
			s, err := local.Open(filepath.Join(dir, "warehouse"))
			if err != nil {
				t.Fatal(err)
			}
			return s
		}
		return open, open
	}},
	{name: "memory", make: func(*testing.T, string, uint64) (writer, reader func(*testing.T) store.Store) {
		s := memory.New()
		again := func(*testing.T) store.Store { return s.Again() }
		return again, again
	}},
	{name: "s3", far: true, make: func(t *testing.T, _ string, seed uint64) (writer, reader func(*testing.T) store.Store) {
		b := newBucket(t, faultproxy.Options{Seed: seed, Rates: badLine})
		t.Cleanup(func() { t.Logf("%d requests, faults: %v", b.proxy.Requests(), b.proxy.Counts()) })
		return b.writer, b.reader
	}},
}

// badLine is a connection on which much goes wrong.
var badLine = map[faultproxy.Fault]float64{
	faultproxy.CutAnswer: 0.005, faultproxy.CutRequest: 0.005, faultproxy.LostAnswer: 0.01, faultproxy.Hang: 0.005,
	faultproxy.SlowDown: 0.05, faultproxy.Internal: 0.01,
}

// skew is what the clocks of servers behind a proxy are ahead.
const skew = 3 * time.Minute

// bucket is a bucket that writers reach by a bad line, and readers by a good one.
type bucket struct {
	line
	server *s3test.Server
	proxy  *faultproxy.Proxy
}

// line is a way to a bucket.
type line struct {
	Bucket, Endpoint, Region, Key, Secret string
	LeaseTTL                              time.Duration
}

func newBucket(t *testing.T, o faultproxy.Options) *bucket {
	t.Helper()
	server := s3test.Start(t)
	b := &bucket{server: server}
	name, also := server.Bucket(t), o.Mask
	o.Upstream, o.Skew = server.Endpoint, skew
	o.Mask = func(identity string) string {
		if also != nil {
			also(identity)
		}
		return runID.ReplaceAllString(strings.ReplaceAll(identity, name, "bucket"), "run")
	}
	b.proxy = startProxy(t, o)
	b.line = line{name, b.proxy.URL(), server.Region, server.AccessKey, server.SecretKey, 5 * time.Second}
	return b
}

// runID finds the IDs of runs, which are drawn.
var runID = regexp.MustCompile(`\d{8}T\d{6}Z-[0-9a-f]{6}`)

func startProxy(t *testing.T, o faultproxy.Options) *faultproxy.Proxy {
	t.Helper()
	p, err := faultproxy.Start(o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := p.Close(); err != nil {
			t.Error(err)
		}
	})
	return p
}

// patience is how long a request may take. Requests that hang cost this much.
const patience = 700 * time.Millisecond

// writer opens the warehouse as a process does whose line is bad.
func (b *bucket) writer(t *testing.T) store.Store { return opened(t, b.line) }

func (b *bucket) reader(t *testing.T) store.Store {
	good := b.line
	good.Endpoint = b.server.Endpoint
	return opened(t, good)
}

func opened(t *testing.T, l line) store.Store {
	t.Helper()
	s, err := l.open()
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func (l line) open() (store.Store, error) {
	cfg := aws.Config{
		Region: l.Region, BaseEndpoint: &l.Endpoint, Credentials: credentials.NewStaticCredentialsProvider(l.Key, l.Secret, ""),
		HTTPClient: &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: 16, IdleConnTimeout: 5 * time.Second}, Timeout: patience},
		Logger:     logging.Nop{}, // that connections are cut is no news
		Retryer: func() aws.Retryer {
			return retry.NewStandard(func(o *retry.StandardOptions) {
				o.MaxAttempts, o.MaxBackoff, o.RateLimiter = 8, 20*time.Millisecond, ratelimit.None
			})
		},
	}
	return s3.New(s3.NewClient(cfg, "", "", true), s3.Options{Bucket: l.Bucket, Prefix: "warehouse", LeaseTTL: l.LeaseTTL})
}

// checkWhole checks what holds for a warehouse that no run is at work on.
func checkWhole(t *testing.T, s store.Store) {
	t.Helper()
	ctx := t.Context()
	head, err := s.Head(ctx)
	if err != nil {
		t.Fatal(err)
	}
	report, err := load.VerifyRun(ctx, s, head.Run)
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range report.Files {
		if f.Status != load.FileOK {
			t.Errorf("run %s: %s is %s: %s", head.Run, f.Path, f.Status, f.Problem)
		}
	}
	for _, prefix := range []string{"snapshots/", "events/", "current/"} {
		left, err := s.Unfinished(ctx, prefix)
		if err != nil || len(left) > 0 {
			t.Errorf("staged below %s: got %+v, %v, want nothing", prefix, left, err)
		}
	}
	pending, err := s.List(ctx, "runs/pending/")
	if err != nil || len(pending) > 0 {
		t.Errorf("notes of runs that are being published: got %v, %v, want none", pending, err)
	}
	checkCurrent(t, s, head.Run)
}

// checkCurrent compares current/ with the manifest.
func checkCurrent(t *testing.T, s store.Store, run string) {
	t.Helper()
	m, err := load.ReadManifest(t.Context(), s, run)
	if err != nil {
		t.Fatal(err)
	}
	want := map[string]bool{}
	for _, table := range m.Tables {
		name := "current/" + table.Current
		want[name] = true
		if err := sameFile(t, s, store.Object{Name: name, Size: table.Bytes, SHA256: table.SHA256}); err != nil {
			t.Errorf("%s is not what run %s has: %v", name, run, err)
		}
	}
	got := map[string]bool{}
	if _, folder := s.(*local.Store); folder { // current/ is a link, which lists do not follow
		files, err := os.ReadDir(filepath.Join(s.Root(), "current"))
		if err != nil {
			t.Fatal(err)
		}
		for _, f := range files {
			got["current/"+f.Name()] = true
		}
	}
	shown, err := s.List(t.Context(), "current/")
	if err != nil {
		t.Fatal(err)
	}
	for _, o := range shown {
		got[o.Name] = true
	}
	delete(got, "current") // the link itself
	if !maps.Equal(got, want) {
		t.Errorf("current/ shows %v, want %v", strings.Join(slices.Sorted(maps.Keys(got)), " "), strings.Join(slices.Sorted(maps.Keys(want)), " "))
	}
}

// sameFile reads a file and compares its checksum.
func sameFile(t *testing.T, s store.Store, o store.Object) (err error) {
	r, err := s.Open(t.Context(), "none", o)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, r.Close()) }()
	return checkSum(io.NewSectionReader(r, 0, r.Size()), o.SHA256)
}
