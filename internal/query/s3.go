package query

import (
	"context"
	"errors"
	"fmt"
	"regexp"
	"strings"
	"sync/atomic"

	"stocktake/internal/query/s3proxy"
)

// DuckDB's own checks do not hold for a warehouse on S3: a path with dots in it leaves
// an allowed directory, a URL may name another server after its question mark, and
// allowed directories can be written. So DuckDB reaches nothing but a proxy of this
// process, which reads below the root alone, and which has the credentials.

// S3 is what reading a warehouse in a bucket takes.
type S3 struct {
	Objects     s3proxy.Objects // an S3 client of the SDK; it may renew its credentials at any time
	BucketOwner string          // the account that the bucket must belong to, "" for any
	HTTPFS      string          // path of DuckDB's extension, "" for the standard places: see FindHTTPFS
}

const s3Scheme = "s3://"

func onS3(root string) bool { return strings.HasPrefix(root, s3Scheme) }

// A remote is the way to a bucket. Its methods have no effect on nil, a folder.
type remote struct {
	proxy     *s3proxy.Proxy
	extension string
	users     atomic.Int32 // who may be waiting for S3
}

// connect starts a proxy for the root.
func (s *S3) connect(root string) (*remote, error) {
	if s == nil || s.Objects == nil {
		return nil, fmt.Errorf("the warehouse %s takes an S3 client to read", root)
	}
	extension, err := FindHTTPFS(s.HTTPFS)
	if err != nil {
		return nil, err
	}
	bucket, prefix, _ := strings.Cut(strings.TrimPrefix(root, s3Scheme), "/")
	proxy, err := s3proxy.Start(s3proxy.Options{Objects: s.Objects, Bucket: bucket, Prefix: prefix, Owner: s.BucketOwner})
	if err != nil {
		return nil, err
	}
	return &remote{proxy: proxy, extension: extension}, nil
}

// width is how many views are made at once: on S3 it is a matter of waiting.
func (r *remote) width() int {
	if r == nil {
		return 1
	}
	return 16
}

// use says that someone waits for S3 until done is called.
func (r *remote) use() (done func()) {
	if r == nil {
		return func() {}
	}
	r.users.Add(1)
	return func() { r.users.Add(-1) }
}

// giveUp ends what an interrupted session waits for. Whose a request is cannot be told,
// so beside other sessions it has to wait for DuckDB to run out of patience.
func (r *remote) giveUp() {
	if r != nil && r.users.Load() == 1 {
		r.proxy.GiveUp()
	}
}

func (r *remote) close() error {
	if r == nil {
		return nil
	}
	return r.proxy.Close()
}

// ErrReplaced is in the error of a query some of whose rows would have been of another
// state than the rest.
var ErrReplaced = errors.New("the file was replaced while the query read it, ask again")

var otherETag = regexp.MustCompile(`ETag on reading file "(.+)" was initially`)

// explain puts what S3 or the proxy said in place of the status that DuckDB tells.
func (r *remote) explain(err error) error {
	if r == nil || err == nil {
		return err
	}
	if cause := r.proxy.Failure(err.Error()); cause != nil {
		return cause
	}
	if file := otherETag.FindStringSubmatch(err.Error()); file != nil {
		return fmt.Errorf("%s: %w", file[1], ErrReplaced)
	}
	return err
}

// checkS3 reports a root and files that DuckDB would take for something else.
func (o Options) checkS3() error {
	bucket, _, _ := strings.Cut(strings.TrimPrefix(o.Root, s3Scheme), "/")
	if bucket == "" || strings.HasSuffix(o.Root, "/") || strings.ContainsAny(o.Root, special) {
		return fmt.Errorf(`warehouse root %q, expected "s3://bucket/prefix" without *, ?, [ and \`, o.Root)
	}
	for _, t := range o.Tables {
		if err := t.checkS3(o.Root); err != nil {
			return err
		}
	}
	return nil
}

// special characters make a pattern of a URL, or end its path.
const special = `*?[\`

// checkS3 checks the table's files, which must lie below the root.
func (t Table) checkS3(root string) error {
	for _, file := range t.Files {
		if !strings.HasPrefix(file, root+"/") {
			return fmt.Errorf("table %s: file %s is outside the warehouse %s", t.versioned(), file, root)
		}
		if strings.ContainsAny(file, special) {
			return fmt.Errorf(`table %s: file %s, expected a URL without *, ?, [ and \`, t.versioned(), file)
		}
	}
	return nil
}

// enter loads the extension and points it at the proxy. Loading takes over credentials
// from the environment, where any query could read them.
func (r *remote) enter(ctx context.Context, c *conn) error {
	if r == nil {
		return nil
	}
	if err := c.exec(ctx, "LOAD "+quoteText(r.extension)); err != nil {
		return fmt.Errorf("load %s: %w", r.extension, err)
	}
	return c.set(ctx, []string{
		"s3_access_key_id = ''",
		"s3_secret_access_key = ''",
		"s3_session_token = ''",
		"s3_kms_key_id = ''",
		"s3_region = ''",
		"s3_requester_pays = false",
		"s3_endpoint = " + quoteText(s3proxy.Host),
		"s3_url_style = 'path'",
		"s3_use_ssl = false",
		// The other client would go around the proxy where $NO_PROXY says so.
		"httpfs_client_implementation = 'httplib'",
		"http_proxy = " + quoteText(r.proxy.Address),
		"http_proxy_username = " + quoteText(r.proxy.Username),
		"http_proxy_password = " + quoteText(r.proxy.Password),
		"http_retries = 2", // the client tries again by itself, this is for answers that break off
	})
}
