package s3proxy

import (
	"bytes"
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	awss3 "github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"
	"github.com/aws/smithy-go"
	smithyhttp "github.com/aws/smithy-go/transport/http"
)

// fakeObjects answers every call, or fails all, and notes them.
type fakeObjects struct {
	calls []string
	err   error
	body  io.Reader
	page  awss3.ListObjectsV2Output
}

var changed = time.Date(2026, 11, 22, 3, 4, 5, 0, time.UTC)

func (f *fakeObjects) note(operation string, bucket, key, owner *string, more string) error {
	f.calls = append(f.calls, strings.TrimSpace(fmt.Sprintf("%s %s %q %s %s", operation, *bucket, aws.ToString(key), aws.ToString(owner), more)))
	return f.err
}

func (f *fakeObjects) HeadObject(_ context.Context, in *awss3.HeadObjectInput, _ ...func(*awss3.Options)) (*awss3.HeadObjectOutput, error) {
	err := f.note("head", in.Bucket, in.Key, in.ExpectedBucketOwner, "")
	return &awss3.HeadObjectOutput{ETag: aws.String(`"e1"`), LastModified: &changed, ContentLength: aws.Int64(7)}, err
}

func (f *fakeObjects) GetObject(ctx context.Context, in *awss3.GetObjectInput, _ ...func(*awss3.Options)) (*awss3.GetObjectOutput, error) {
	err := f.note("get", in.Bucket, in.Key, in.ExpectedBucketOwner, aws.ToString(in.Range))
	out := &awss3.GetObjectOutput{ETag: aws.String(`"e1"`), LastModified: &changed, ContentLength: aws.Int64(7), Body: io.NopCloser(f.body)}
	if in.Range != nil {
		out.ContentRange = aws.String("bytes 2-8/9")
	}
	return out, err
}

func (f *fakeObjects) ListObjectsV2(_ context.Context, in *awss3.ListObjectsV2Input, _ ...func(*awss3.Options)) (*awss3.ListObjectsV2Output, error) {
	err := f.note("list", in.Bucket, in.Prefix, in.ExpectedBucketOwner, aws.ToString(in.Delimiter)+" "+aws.ToString(in.ContinuationToken))
	return &f.page, err
}

func start(t *testing.T, o Options) *Proxy {
	t.Helper()
	p, err := Start(o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := p.Close(); err != nil {
			t.Errorf("Close: %v", err)
		}
	})
	return p
}

// send sends a request through the proxy, the way DuckDB's client does.
func send(t *testing.T, p *Proxy, method, target string, header http.Header) (*http.Response, string) {
	t.Helper()
	request, err := http.NewRequestWithContext(t.Context(), method, target, nil)
	if err != nil {
		t.Fatal(err)
	}
	for name, values := range header {
		request.Header[name] = values
	}
	transport := &http.Transport{
		Proxy:              http.ProxyURL(&url.URL{Scheme: "http", Host: p.Address, User: url.UserPassword(p.Username, p.Password)}),
		DisableCompression: true,
	}
	defer transport.CloseIdleConnections()
	response, err := transport.RoundTrip(request)
	if err != nil {
		return nil, err.Error()
	}
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	if err != nil {
		return response, err.Error()
	}
	return response, string(body)
}

const base = "http://" + Host

func TestRequests(t *testing.T) {
	objects := &fakeObjects{}
	p := start(t, Options{Objects: objects, Bucket: "b", Prefix: "a/p", Owner: "111111111111"})
	for _, c := range []struct {
		method, target, ranged string
		status                 int
		call                   string // "" for a request that reaches nobody
	}{
		{"HEAD", base + "/b/a/p/x.parquet", "", 200, `head b "a/p/x.parquet" 111111111111`},
		{"GET", base + "/b/a/p/x.parquet", "", 200, `get b "a/p/x.parquet" 111111111111`},
		{"GET", base + "/b/a/p/x%20%2B%C3%BC%25.parquet", "bytes=2-8", 206, `get b "a/p/x +ü%.parquet" 111111111111 bytes=2-8`},
		{"GET", base + "/b/?encoding-type=url&list-type=2&prefix=a%2Fp%2Fcurrent%2F&delimiter=%2F&continuation-token=t%2B", "", 200, `list b "a/p/current/" 111111111111 / t+`},
		{"GET", base + "/b/?encoding-type=url&list-type=2&prefix=a/p/x+y", "", 200, `list b "a/p/x y" 111111111111`},

		{"PUT", base + "/b/a/p/x.parquet", "", 405, ""},
		{"POST", base + "/b/a/p/x.parquet?uploads=", "", 405, ""},
		{"DELETE", base + "/b/a/p/x.parquet", "", 405, ""},
		{"OPTIONS", base + "/b/a/p/x.parquet", "", 405, ""},
		{"GET", "http://127.0.0.1:1/b/a/p/x.parquet", "", 421, ""},
		{"GET", "http://169.254.169.254/latest/meta-data/", "", 421, ""},
		{"GET", "http://b." + Host + "/a/p/x.parquet", "", 421, ""},
		{"GET", base + ":81/b/a/p/x.parquet", "", 421, ""},
		{"GET", base + "/other/a/p/x.parquet", "", 421, ""},
		{"GET", base + "/b", "", 421, ""},
		{"GET", base + "/", "", 421, ""},
		{"HEAD", base + "/b/", "", 421, ""},
		{"GET", base + "/b/x.parquet", "", 421, ""},
		{"GET", base + "/b/a/p", "", 421, ""},
		{"GET", base + "/b/a/p2/x.parquet", "", 421, ""},
		{"GET", base + "/b/a/p/../x.parquet", "", 421, ""},
		{"GET", base + "/b/a/p/%2e%2e/x.parquet", "", 421, ""},
		{"GET", base + "/b/a/p/..%2fx.parquet", "", 421, ""},
		{"GET", base + "/b/a/p/./x.parquet", "", 421, ""},
		{"GET", base + "/b/a/p//x.parquet", "", 421, ""},
		{"GET", base + "/b/a/p/..", "", 421, ""},
		{"GET", base + "/b/../b/a/p/x.parquet", "", 421, ""},
		{"GET", base + "/b/a/p/x.parquet?acl", "", 421, ""},
		{"GET", base + "/b/a/p/x.parquet?versionId=1", "", 421, ""},
		{"GET", base + "/b/?list-type=2", "", 421, ""},
		{"GET", base + "/b/?list-type=2&prefix=a/p", "", 421, ""},
		{"GET", base + "/b/?list-type=2&prefix=a/p2/", "", 421, ""},
		{"GET", base + "/b/?list-type=2&prefix=a/p/../", "", 421, ""},
		{"GET", base + "/b/?list-type=2&prefix=a/p/&start-after=z", "", 421, ""},
		{"GET", base + "/b/?list-type=2&prefix=a/p/&%", "", 421, ""},
		{"GET", base + "/b/?uploads&prefix=a/p/", "", 421, ""},
		{"GET", base + "/b/?policy", "", 421, ""},
	} {
		objects.calls, objects.body = nil, strings.NewReader("content")
		header := http.Header{}
		if c.ranged != "" {
			header.Set("Range", c.ranged)
		}
		response, body := send(t, p, c.method, c.target, header)
		if response == nil || response.StatusCode != c.status {
			t.Errorf("%s %s: got %v %s, want status %d", c.method, c.target, response, body, c.status)
		}
		if got := strings.Join(objects.calls, "\n"); got != c.call {
			t.Errorf("%s %s: got calls %q, want %q", c.method, c.target, got, c.call)
		}
	}
}

func TestAnswers(t *testing.T) {
	objects := &fakeObjects{body: strings.NewReader("content")}
	p := start(t, Options{Objects: objects, Bucket: "b"})
	head, _ := send(t, p, "HEAD", base+"/b/x.parquet", nil)
	get, body := send(t, p, "GET", base+"/b/x.parquet", http.Header{"Range": {"bytes=2-8"}})
	for name, want := range map[string]string{"Etag": `"e1"`, "Last-Modified": "Sun, 22 Nov 2026 03:04:05 GMT", "Content-Length": "7", "Accept-Ranges": "bytes"} {
		for _, response := range []*http.Response{head, get} {
			if got := response.Header.Get(name); got != want {
				t.Errorf("%s: got %s %q, want %q", response.Request.Method, name, got, want)
			}
		}
	}
	if got := get.Header.Get("Content-Range"); body != "content" || got != "bytes 2-8/9" {
		t.Errorf("got %q, range %q", body, got)
	}
	objects.page = awss3.ListObjectsV2Output{
		IsTruncated: aws.Bool(true), NextContinuationToken: aws.String("1+/<"),
		Contents:       []types.Object{{Key: aws.String("ü +&.parquet"), ETag: aws.String(`"e1"`), Size: aws.Int64(7), LastModified: &changed}},
		CommonPrefixes: []types.CommonPrefix{{Prefix: aws.String("day=1/")}},
	}
	_, list := send(t, p, "GET", base+"/b/?list-type=2&encoding-type=url&prefix=", nil)
	want := `<ListBucketResult><Name>b</Name><EncodingType>url</EncodingType><KeyCount>2</KeyCount><IsTruncated>true</IsTruncated>` +
		`<NextContinuationToken>1+/&lt;</NextContinuationToken>` +
		`<Contents><Key>%C3%BC+%2B%26.parquet</Key><LastModified>2026-11-22T03:04:05Z</LastModified><ETag>&#34;e1&#34;</ETag><Size>7</Size></Contents>` +
		`<CommonPrefixes><Prefix>day%3D1%2F</Prefix></CommonPrefixes></ListBucketResult>`
	if list != want {
		t.Errorf("the list is\n%s\nwant\n%s", list, want)
	}
}

// Without the password nothing is answered, also on the machine itself.
func TestPassword(t *testing.T) {
	objects := &fakeObjects{}
	p := start(t, Options{Objects: objects, Bucket: "b"})
	right := base64.StdEncoding.EncodeToString([]byte(p.Username + ":" + p.Password))
	for _, value := range []string{"", "Basic", "Basic " + right[:len(right)-2], "Bearer " + p.Password, "Basic " + base64.StdEncoding.EncodeToString([]byte(p.Username+":"))} {
		request, err := http.NewRequestWithContext(t.Context(), "GET", "http://"+p.Address+"/b/x.parquet", nil)
		if err != nil {
			t.Fatal(err)
		}
		request.URL.Opaque = base + "/b/x.parquet"
		request.Host = Host
		if value != "" {
			request.Header.Set("Proxy-Authorization", value)
		}
		response, err := http.DefaultTransport.RoundTrip(request)
		if err != nil {
			t.Fatal(err)
		}
		response.Body.Close()
		if response.StatusCode != http.StatusProxyAuthRequired || len(objects.calls) > 0 {
			t.Errorf("with authorization %q: got %s and calls %q, want 407 and none", value, response.Status, objects.calls)
		}
	}
	if _, body := send(t, p, "GET", "https://"+Host+"/b/x.parquet", nil); !strings.Contains(body, "Method Not Allowed") {
		t.Errorf("a tunnel: got %q, want it refused", body)
	}
}

func TestFailures(t *testing.T) {
	answered := func(status int, code, message string) error {
		response := &smithyhttp.Response{Response: &http.Response{StatusCode: status}}
		return &smithyhttp.ResponseError{Response: response, Err: &smithy.GenericAPIError{Code: code, Message: message}}
	}
	objects := &fakeObjects{}
	p := start(t, Options{Objects: objects, Bucket: "b", Prefix: "p"})
	const target, object = base + "/b/p/x%20y.parquet", "s3://b/p/x y.parquet"
	for _, c := range []struct {
		name   string
		target string
		err    error
		status int
		object string
		want   string
	}{
		{"gone", target, answered(404, "NoSuchKey", "No such key."), 404, object, "read s3://b/p/x y.parquet: NoSuchKey: No such key."},
		{"no message", target, answered(404, "NotFound", ""), 404, object, "read s3://b/p/x y.parquet: NotFound"},
		{"denied", target, answered(403, "AccessDenied", "Denied."), 409, object, "read s3://b/p/x y.parquet: AccessDenied: Denied."},
		{"wrong region", target, answered(301, "PermanentRedirect", "Elsewhere."), 409, object, "read s3://b/p/x y.parquet: PermanentRedirect: Elsewhere."},
		{"bad request", target, answered(400, "ExpiredToken", "Expired."), 409, object, "read s3://b/p/x y.parquet: ExpiredToken: Expired."},
		{"range", target, answered(416, "InvalidRange", "Range."), 416, object, "read s3://b/p/x y.parquet: InvalidRange: Range."},
		{"slow down", target, answered(503, "SlowDown", "Slow down."), 503, object, "read s3://b/p/x y.parquet: SlowDown: Slow down."},
		{"no answer", target, &smithyhttp.ResponseError{Response: &smithyhttp.Response{Response: &http.Response{}}, Err: errors.New("connection refused")}, 409, object, "connection refused"},
		{"no credentials", target, errors.New("no credentials"), 409, object, "read s3://b/p/x y.parquet: no credentials"},
		{"list denied", base + "/b/?list-type=2&prefix=p%2Fcurrent%2F", answered(403, "AccessDenied", "Denied."), 409, "s3://b/p/current", "read s3://b/p/current: AccessDenied: Denied."},
		{"outside", base + "/b/p/%2e%2e/x", nil, 421, base + "/b/p/%2e%2e/x", "read s3://b/p/../x: only what is below the prefix"},
	} {
		objects.err = c.err
		response, body := send(t, p, "GET", c.target, nil)
		if response == nil || response.StatusCode != c.status || body != "" {
			t.Errorf("%s: got %v %q, want status %d", c.name, response, body, c.status)
		}
		message := "HTTP Error: HTTP GET error reading '" + c.object + "' in region ''"
		if err := p.Failure(message); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: Failure(%s)\n got %v\nwant %s", c.name, message, err, c.want)
		}
	}
	if err := p.Failure("HTTP Error: reading 's3://b/p/x'"); err != nil {
		t.Errorf("another object has the failure %v", err)
	}
	objects.err, objects.body = nil, strings.NewReader("content")
	if send(t, p, "GET", target, nil); p.Failure("reading '"+object+"'") != nil {
		t.Errorf("after an answer the failure is still %v", p.Failure("reading '"+object+"'"))
	}
	for i := range 3 * keptFailures {
		p.failures.note([]string{fmt.Sprint(i)}, errors.New("x"))
	}
	if kept := len(p.failures.byURL); kept > keptFailures+1 {
		t.Errorf("%d failures are kept, want at most %d", kept, keptFailures+1)
	}
}

// A body that breaks off breaks the connection off: a short answer would look whole.
func TestBrokenBody(t *testing.T) {
	objects := &fakeObjects{body: io.MultiReader(bytes.NewReader([]byte("con")), brokenReader{})}
	p := start(t, Options{Objects: objects, Bucket: "b"})
	if response, body := send(t, p, "GET", base+"/b/x.parquet", nil); response != nil && body != io.ErrUnexpectedEOF.Error() {
		t.Errorf("got %v %q, want a broken connection", response, body)
	}
}

type brokenReader struct{}

func (brokenReader) Read([]byte) (int, error) { return 0, errors.New("connection reset") }

// hangingObjects answers when the caller gives up.
type hangingObjects struct {
	fakeObjects
	asked chan struct{}
}

func (h *hangingObjects) GetObject(ctx context.Context, _ *awss3.GetObjectInput, _ ...func(*awss3.Options)) (*awss3.GetObjectOutput, error) {
	h.asked <- struct{}{}
	<-ctx.Done()
	return nil, ctx.Err()
}

func TestGiveUp(t *testing.T) {
	objects := &hangingObjects{asked: make(chan struct{})}
	p := start(t, Options{Objects: objects, Bucket: "b"})
	for range 2 { // giving up concerns what is under way, and nothing later
		go func() {
			<-objects.asked
			p.GiveUp()
		}()
		if response, body := send(t, p, "GET", base+"/b/x.parquet", nil); response == nil || response.StatusCode != http.StatusConflict {
			t.Errorf("got %v %q, want status 409", response, body)
		}
	}
	if response, _ := send(t, p, "HEAD", base+"/b/x.parquet", nil); response == nil || response.StatusCode != http.StatusOK {
		t.Errorf("after giving up got %v, want an answer", response)
	}
}
