// Package s3proxy stands between DuckDB and S3. It is an HTTP proxy on the loopback
// interface that reads and lists one prefix of one bucket and refuses everything else,
// so that what a query may reach does not depend on DuckDB's own checks, and the
// credentials never enter DuckDB. It knows the requests that DuckDB's httpfs makes and
// the S3 client of the SDK; it knows nothing of SQL or of warehouses.
package s3proxy

import (
	"context"
	"crypto/rand"
	"crypto/subtle"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net"
	"net/http"
	"strings"
	"sync"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	awss3 "github.com/aws/aws-sdk-go-v2/service/s3"
)

// Host is the S3 endpoint to name in requests. It is of a domain that never resolves:
// a request that went around the proxy would reach nobody.
const Host = "warehouse.invalid"

// Objects are the calls of an S3 client that reading takes.
type Objects interface {
	HeadObject(context.Context, *awss3.HeadObjectInput, ...func(*awss3.Options)) (*awss3.HeadObjectOutput, error)
	GetObject(context.Context, *awss3.GetObjectInput, ...func(*awss3.Options)) (*awss3.GetObjectOutput, error)
	ListObjectsV2(context.Context, *awss3.ListObjectsV2Input, ...func(*awss3.Options)) (*awss3.ListObjectsV2Output, error)
}

// Options say what a proxy gives access to.
type Options struct {
	Objects Objects // a client; it signs with the credentials that are valid at each request
	Bucket  string
	Prefix  string // without a trailing slash, "" for the whole bucket
	Owner   string // the account that the bucket must belong to, "" for any
}

// A Proxy answers until it is closed.
type Proxy struct {
	Address  string // host:port on the loopback interface
	Username string
	Password string // other users of the machine must not read with our credentials

	options  Options
	server   *http.Server
	served   chan error
	failures failures

	mu    sync.Mutex
	round context.Context // ends when the requests under way are given up
	stop  context.CancelFunc
}

// Start starts a proxy.
func Start(options Options) (*Proxy, error) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, fmt.Errorf("listen for requests of DuckDB: %w", err)
	}
	p := &Proxy{Address: listener.Addr().String(), Username: "duckdb", Password: rand.Text(), options: options, served: make(chan error, 1)}
	p.round, p.stop = context.WithCancel(context.Background())
	p.server = &http.Server{Handler: p, ReadHeaderTimeout: time.Minute}
	go func() { p.served <- p.server.Serve(listener) }()
	return p, nil
}

// GiveUp breaks off the requests under way: DuckDB waits for their answers even when its
// query was interrupted.
func (p *Proxy) GiveUp() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.stop()
	p.round, p.stop = context.WithCancel(context.Background())
}

// until ends ctx with the round.
func (p *Proxy) until(ctx context.Context) (context.Context, context.CancelFunc) {
	p.mu.Lock()
	defer p.mu.Unlock()
	ctx, cancel := context.WithCancel(ctx)
	stop := context.AfterFunc(p.round, cancel)
	return ctx, func() {
		stop()
		cancel()
	}
}

// Close ends the proxy and cuts off what it is answering.
func (p *Proxy) Close() error {
	p.GiveUp()
	err := p.server.Close()
	if served := <-p.served; !errors.Is(served, http.ErrServerClosed) {
		err = errors.Join(err, served)
	}
	return err
}

// ServeHTTP answers one request.
func (p *Proxy) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	ctx, cancel := p.until(r.Context())
	defer cancel()
	r = r.WithContext(ctx)
	err := p.answer(w, r)
	p.note(r, err)
	if err != nil {
		writeFailure(w, err)
	}
}

func (p *Proxy) answer(w http.ResponseWriter, r *http.Request) error {
	if !p.authorized(r) {
		return &refusal{http.StatusProxyAuthRequired, "the request has not the proxy's password"}
	}
	if r.Method != http.MethodGet && r.Method != http.MethodHead {
		return &refusal{http.StatusMethodNotAllowed, "the warehouse can only be read"}
	}
	if r.URL.Host != Host || r.URL.Scheme != "http" {
		return &refusal{http.StatusMisdirectedRequest, "only the warehouse can be read"}
	}
	key, ok := strings.CutPrefix(r.URL.Path, "/"+p.options.Bucket+"/")
	if !ok {
		return &refusal{http.StatusMisdirectedRequest, "only the bucket of the warehouse can be read"}
	}
	if key == "" && r.Method == http.MethodGet {
		return p.list(w, r)
	}
	if err := p.inside(key); err != nil {
		return err
	}
	if r.URL.RawQuery != "" {
		return &refusal{http.StatusMisdirectedRequest, "only the content of an object can be read"}
	}
	if r.Method == http.MethodHead {
		return p.head(w, r, key)
	}
	return p.get(w, r, key)
}

func (p *Proxy) authorized(r *http.Request) bool {
	want := "Basic " + base64.StdEncoding.EncodeToString([]byte(p.Username+":"+p.Password))
	return subtle.ConstantTimeCompare([]byte(r.Header.Get("Proxy-Authorization")), []byte(want)) == 1
}

// inside refuses keys that are not below the prefix. S3 itself takes dots in a key
// literally, but some servers that speak its protocol do not.
func (p *Proxy) inside(key string) error {
	below := p.options.Prefix == "" || strings.HasPrefix(key, p.options.Prefix+"/")
	plain := strings.TrimSuffix(key, "/")
	if !below || plain == "." || plain != "" && !fs.ValidPath(plain) {
		return &refusal{http.StatusMisdirectedRequest, "only what is below the prefix of the warehouse can be read"}
	}
	return nil
}

func (p *Proxy) owner() *string {
	if p.options.Owner == "" {
		return nil
	}
	return &p.options.Owner
}

func (p *Proxy) head(w http.ResponseWriter, r *http.Request, key string) error {
	out, err := p.options.Objects.HeadObject(r.Context(), &awss3.HeadObjectInput{
		Bucket: &p.options.Bucket, Key: &key, ExpectedBucketOwner: p.owner(),
	})
	if err != nil {
		return err
	}
	describe(w.Header(), out.ETag, out.LastModified, out.ContentLength)
	return nil
}

func (p *Proxy) get(w http.ResponseWriter, r *http.Request, key string) error {
	in := &awss3.GetObjectInput{Bucket: &p.options.Bucket, Key: &key, ExpectedBucketOwner: p.owner()}
	if ranged := r.Header.Get("Range"); ranged != "" {
		in.Range = &ranged
	}
	out, err := p.options.Objects.GetObject(r.Context(), in, withoutChecksum)
	if err != nil {
		return err
	}
	defer out.Body.Close()
	describe(w.Header(), out.ETag, out.LastModified, out.ContentLength)
	if out.ContentRange != nil {
		w.Header().Set("Content-Range", *out.ContentRange)
		w.WriteHeader(http.StatusPartialContent)
	}
	if _, err := io.Copy(w, out.Body); err != nil {
		panic(http.ErrAbortHandler) // the headers are out: DuckDB sees the connection break, and tries again
	}
	return nil
}

// withoutChecksum asks for no checksum: S3 has none of a range.
func withoutChecksum(o *awss3.Options) {
	o.ResponseChecksumValidation = aws.ResponseChecksumValidationWhenRequired
}

func describe(h http.Header, etag *string, modified *time.Time, size *int64) {
	h.Set("Accept-Ranges", "bytes")
	h.Set("Content-Type", "application/octet-stream")
	if etag != nil {
		h.Set("ETag", *etag)
	}
	if modified != nil {
		h.Set("Last-Modified", modified.UTC().Format(http.TimeFormat))
	}
	if size != nil {
		h.Set("Content-Length", fmt.Sprint(*size))
	}
}
