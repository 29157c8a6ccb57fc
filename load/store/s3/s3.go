// Package s3 keeps a warehouse in a bucket. A staged file is a multipart upload
// that is complete but for the last call, the pointer and the leases are objects
// that are written under conditions, and current/ holds copies. It knows nothing
// of what the files hold, and takes credentials as the client has them.
//
// Every file carries its SHA-256 and its run in its metadata: by these, and not
// by ETags, which depend on parts and encryption, a file is known again.
package s3

import (
	"cmp"
	"errors"
	"fmt"
	"net/url"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	awss3 "github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"

	"stocktake/load/store"
)

// Options say where a warehouse is and how its objects are written. What is
// empty is not sent, so that the bucket's own settings hold.
type Options struct {
	Bucket       string
	Prefix       string // without slashes at its ends; "" is the whole bucket
	WriteOnly    bool   // Stage, Finish, Discard and Put work with the rights to put objects and to abort uploads
	Encryption   string // "", "none", "AES256" or "aws:kms"
	KMSKey       string
	BucketKey    bool
	BucketOwner  string // the account that must own the bucket
	StorageClass string // of files and small objects, but for the pointer and the leases
	Tags         map[string]string
	LeaseTTL     time.Duration // 0 is 2 minutes
	PartSize     int64         // least size of a part; 0 is 8 MiB
	CopyOnce     int64         // the largest file that one request copies; 0 is 5 GiB
}

const (
	defaultPartSize = 8 << 20
	defaultCopyOnce = 5 << 30
	defaultLeaseTTL = 2 * time.Minute

	// uploadsOnce and copiesOnce bound the requests that run at once.
	uploadsOnce = 8
	copiesOnce  = 8

	headName       = "runs/HEAD"
	leasesPrefix   = "runs/leases/"
	currentPrefix  = "current/"
	sumMetadata    = "sha256"
	runMetadata    = "run"
	encryptionNone = "none"
)

// Store is a warehouse in a bucket.
type Store struct {
	client    *awss3.Client
	bucket    string
	prefix    string // with a slash at its end, or ""
	writeOnly bool
	ttl       time.Duration
	partSize  int64
	copyOnce  int64
	uploading chan struct{} // holds a value for each part on its way

	encryption types.ServerSideEncryption
	kmsKey     *string
	bucketKey  *bool
	owner      *string
	class      types.StorageClass
	tags       *string
}

var _ store.Store = (*Store)(nil)

// New returns the warehouse that the options name. It sends nothing: Probe
// finds out whether it can be written.
func New(client *awss3.Client, o Options) (*Store, error) {
	if err := o.check(); err != nil {
		return nil, fmt.Errorf("open warehouse: %w", err)
	}
	s := &Store{
		client: client, bucket: o.Bucket, writeOnly: o.WriteOnly,
		ttl:       cmp.Or(o.LeaseTTL, defaultLeaseTTL),
		partSize:  cmp.Or(o.PartSize, defaultPartSize),
		copyOnce:  cmp.Or(o.CopyOnce, defaultCopyOnce),
		uploading: make(chan struct{}, uploadsOnce),
		owner:     optional(o.BucketOwner),
		class:     types.StorageClass(o.StorageClass),
		tags:      tagging(o.Tags),
	}
	if o.Prefix != "" {
		s.prefix = o.Prefix + "/"
	}
	if o.Encryption != encryptionNone {
		s.encryption = types.ServerSideEncryption(o.Encryption)
		s.kmsKey = optional(o.KMSKey)
	}
	if o.BucketKey {
		s.bucketKey = aws.Bool(true)
	}
	return s, nil
}

func (o Options) check() error {
	if err := checkPlace(o.Bucket, o.Prefix); err != nil {
		return err
	}
	switch o.Encryption {
	case "", encryptionNone, string(types.ServerSideEncryptionAes256):
		if o.KMSKey != "" || o.BucketKey {
			return fmt.Errorf("encryption %q with a KMS key or a bucket key: expected %q", o.Encryption, types.ServerSideEncryptionAwsKms)
		}
	case string(types.ServerSideEncryptionAwsKms):
	default:
		return fmt.Errorf("encryption %q: expected %q, %q or %q", o.Encryption, encryptionNone, types.ServerSideEncryptionAes256, types.ServerSideEncryptionAwsKms)
	}
	if o.LeaseTTL != 0 && o.LeaseTTL < time.Second {
		return fmt.Errorf("leases of %v: expected a second or more, since times of objects are whole seconds", o.LeaseTTL)
	}
	if o.PartSize < 0 || o.CopyOnce < 0 {
		return errors.New("negative part size or copy size")
	}
	return nil
}

// optional is nil for what is not sent.
func optional(s string) *string {
	if s == "" {
		return nil
	}
	return &s
}

// tagging is the header that tags an object.
func tagging(tags map[string]string) *string {
	v := url.Values{}
	for key, value := range tags {
		v.Set(key, value)
	}
	return optional(v.Encode())
}

// Parse splits the URL of a warehouse into bucket and prefix.
func Parse(warehouse string) (bucket, prefix string, err error) {
	rest, ok := strings.CutPrefix(warehouse, "s3://")
	if !ok {
		return "", "", fmt.Errorf("warehouse %q: expected s3://bucket/prefix", warehouse)
	}
	bucket, prefix, slash := strings.Cut(rest, "/")
	if slash && prefix == "" {
		return "", "", fmt.Errorf("warehouse %q: expected no slash at its end", warehouse)
	}
	if err := checkPlace(bucket, prefix); err != nil {
		return "", "", fmt.Errorf("warehouse %q: %w", warehouse, err)
	}
	return bucket, prefix, nil
}

func checkPlace(bucket, prefix string) error {
	const allowed = "abcdefghijklmnopqrstuvwxyz0123456789.-_"
	if len(bucket) < 3 || strings.Trim(bucket, allowed) != "" {
		return fmt.Errorf("bucket %q: expected three or more of a-z, 0-9, dots, hyphens and underscores", bucket)
	}
	if prefix == "" {
		return nil
	}
	if err := store.CheckName(prefix); err != nil {
		return fmt.Errorf("prefix %q: expected words between single slashes, none of which begins with a dot", prefix)
	}
	return nil
}

// Root implements store.Store: the URL of the warehouse.
func (s *Store) Root() string {
	return strings.TrimSuffix("s3://"+s.bucket+"/"+s.prefix, "/")
}

func (s *Store) key(name string) string { return s.prefix + name }

// url names an object in errors and locations.
func (s *Store) url(name string) string { return "s3://" + s.bucket + "/" + s.key(name) }
