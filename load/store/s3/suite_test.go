package s3_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net/http"
	"path"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	awsmiddleware "github.com/aws/aws-sdk-go-v2/aws/middleware"
	"github.com/aws/aws-sdk-go-v2/aws/retry"
	awss3 "github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/smithy-go"

	"stocktake/internal/s3test"
	"stocktake/load/store"
	"stocktake/load/store/s3"
	"stocktake/load/store/storetest"
)

// wire is a connection on which a test watches requests, or breaks them. do
// sends the request on.
type wire func(req *http.Request, do func() (*http.Response, error)) (*http.Response, error)

func (w wire) Do(req *http.Request) (*http.Response, error) {
	return w(req, func() (*http.Response, error) { return http.DefaultTransport.RoundTrip(req) })
}

// cable sends requests as they are.
func cable(_ *http.Request, do func() (*http.Response, error)) (*http.Response, error) { return do() }

// quick is a configuration whose retries do not wait long.
func quick(server *s3test.Server, w wire) aws.Config {
	cfg := server.Config()
	cfg.HTTPClient = w
	cfg.Retryer = func() aws.Retryer {
		return retry.NewStandard(func(o *retry.StandardOptions) { o.MaxBackoff = 10 * time.Millisecond })
	}
	return cfg
}

func open(t *testing.T, cfg aws.Config, o s3.Options) *s3.Store {
	t.Helper()
	s, err := s3.New(s3.NewClient(cfg, "", "", true), o)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// process is a store whose process may end: no request that would change its
// leases arrives any more, until another process has changed one.
type process struct {
	*s3.Store
	ended atomic.Bool
	other *process
}

func (p *process) wire(req *http.Request, do func() (*http.Response, error)) (*http.Response, error) {
	locking := req.Method == http.MethodPut && strings.Contains(req.URL.Path, "/runs/leases/")
	if locking && p.ended.Load() {
		return nil, errors.New("the process has ended")
	}
	resp, err := do()
	if locking && err == nil && resp.StatusCode == http.StatusOK {
		p.other.ended.Store(false)
	}
	return resp, err
}

func TestSuite(t *testing.T) {
	server := s3test.Start(t)
	client := server.Client()
	for _, prefix := range []string{"", "a/ware house+1=x%20y"} {
		t.Run("prefix "+prefix, func(t *testing.T) {
			storetest.Suite{
				New: func(t *testing.T) (a, b store.Store) {
					o := s3.Options{Bucket: server.Bucket(t), Prefix: prefix, LeaseTTL: time.Second}
					x, y := &process{}, &process{}
					x.other, y.other = y, x
					x.Store, y.Store = open(t, quick(server, x.wire), o), open(t, quick(server, y.wire), o)
					return x, y
				},
				Read: func(t *testing.T, path string) ([]byte, error) { return read(t.Context(), client, path) },
				Current: func(t *testing.T, s store.Store, name string) ([]byte, error) {
					return read(t.Context(), client, s.Root()+"/current/"+name)
				},
				HidesStaged: true,
				Expire: func(t *testing.T, s store.Store, lease string) {
					s.(*process).ended.Store(true)
					waitExpired(t, client, s.Root()+"/runs/leases/"+lease+".json", time.Second)
				},
			}.Run(t)
		})
	}
}

func split(url string) (bucket, key *string) {
	b, k, _ := strings.Cut(strings.TrimPrefix(url, "s3://"), "/")
	return &b, &k
}

// read reads an object as any program does.
func read(ctx context.Context, client *awss3.Client, url string) ([]byte, error) {
	bucket, key := split(url)
	out, err := client.GetObject(ctx, &awss3.GetObjectInput{Bucket: bucket, Key: key})
	var e smithy.APIError
	if errors.As(err, &e) && e.ErrorCode() == "NoSuchKey" {
		return nil, fmt.Errorf("%s: %w", url, fs.ErrNotExist)
	}
	if err != nil {
		return nil, err
	}
	defer out.Body.Close()
	return io.ReadAll(out.Body)
}

// waitExpired waits until an object is older than a lease may be.
func waitExpired(t *testing.T, client *awss3.Client, url string, ttl time.Duration) {
	t.Helper()
	eventually(t, path.Base(url)+" expires", func() bool {
		bucket, key := split(url)
		out, err := client.HeadObject(t.Context(), &awss3.HeadObjectInput{Bucket: bucket, Key: key})
		if err != nil {
			t.Fatal(err)
		}
		now, ok := awsmiddleware.GetServerTime(out.ResultMetadata)
		if !ok {
			t.Fatal("the server's answer has no date")
		}
		return now.Sub(*out.LastModified) >= ttl+time.Second
	})
}

// eventually waits for what another goroutine or process does.
func eventually(t *testing.T, what string, done func() bool) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	ticker := time.NewTicker(20 * time.Millisecond)
	defer ticker.Stop()
	for !done() {
		select {
		case <-ctx.Done():
			t.Fatalf("waited for a minute in vain: %s", what)
		case <-ticker.C:
		}
	}
}
