package s3

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"slices"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	awsmiddleware "github.com/aws/aws-sdk-go-v2/aws/middleware"
	awss3 "github.com/aws/aws-sdk-go-v2/service/s3"

	"stocktake/load/store"
)

// bodyAttempts of reading an answer: the SDK sends a request again only until
// its answer begins.
const bodyAttempts = 5

// Put implements store.Store.
func (s *Store) Put(ctx context.Context, name string, data []byte) error {
	err := store.CheckName(name)
	if err == nil {
		in := s.put(name, data)
		in.StorageClass = s.class
		_, err = s.client.PutObject(ctx, in, signedSum(sumOf(data)))
	}
	if err != nil {
		return fmt.Errorf("put %s: %w", s.url(name), err)
	}
	return nil
}

// put is the request that writes a small object.
func (s *Store) put(name string, data []byte) *awss3.PutObjectInput {
	return &awss3.PutObjectInput{
		Bucket: &s.bucket, Key: aws.String(s.key(name)), ExpectedBucketOwner: s.owner, Body: bytes.NewReader(data),
		ServerSideEncryption: s.encryption, SSEKMSKeyId: s.kmsKey, BucketKeyEnabled: s.bucketKey, Tagging: s.tags,
	}
}

func sumOf(data []byte) string {
	sum := sha256.Sum256(data)
	return hex.EncodeToString(sum[:])
}

// putIf writes a small object if it still is the one of the ETag, or if there is
// none where that is "", and returns the new ETag.
func (s *Store) putIf(ctx context.Context, name, etag string, data []byte) (string, error) {
	in := s.put(name, data)
	if etag == "" {
		in.IfNoneMatch = aws.String("*")
	} else {
		in.IfMatch = &etag
	}
	out, err := s.client.PutObject(ctx, in, signedSum(sumOf(data)))
	if err != nil {
		return "", err
	}
	return aws.ToString(out.ETag), nil
}

// object is a small object as an answer shows it.
type object struct {
	data  []byte
	etag  string
	last  time.Time     // when it was written
	age   time.Duration // by the server's clock alone
	dated bool          // the age is known
}

// Get implements store.Store.
func (s *Store) Get(ctx context.Context, name string) ([]byte, error) {
	err := store.CheckName(name)
	var o object
	if err == nil {
		o, err = s.get(ctx, name)
	}
	if err != nil {
		return nil, fmt.Errorf("get %s: %w", s.url(name), err)
	}
	return o.data, nil
}

func (s *Store) get(ctx context.Context, name string) (o object, err error) {
	for range bodyAttempts {
		var out *awss3.GetObjectOutput
		out, err = s.client.GetObject(ctx, &awss3.GetObjectInput{Bucket: &s.bucket, Key: aws.String(s.key(name)), ExpectedBucketOwner: s.owner})
		if missing(err) {
			return object{}, fmt.Errorf("%w (%w)", fs.ErrNotExist, err)
		}
		if err != nil {
			return object{}, err
		}
		o = object{etag: aws.ToString(out.ETag), last: aws.ToTime(out.LastModified)}
		if now, ok := awsmiddleware.GetServerTime(out.ResultMetadata); ok {
			o.age, o.dated = now.Sub(o.last), true
		}
		o.data, err = io.ReadAll(out.Body)
		if err = errors.Join(err, out.Body.Close()); err == nil {
			return o, nil
		}
		if ctx.Err() != nil {
			break
		}
	}
	return object{}, err
}

// List implements store.Store. Objects that others have put between those of the
// warehouse, under names that it does not use, are left out.
func (s *Store) List(ctx context.Context, prefix string) ([]store.Info, error) {
	listed, err := s.list(ctx, prefix)
	if err != nil {
		return nil, fmt.Errorf("list %s: %w", s.url(prefix), err)
	}
	var infos []store.Info
	for _, o := range listed {
		infos = append(infos, o.Info)
	}
	return infos, nil
}

// listed is an object of a list.
type listed struct {
	store.Info
	etag string
}

func (s *Store) list(ctx context.Context, prefix string) ([]listed, error) {
	if err := store.CheckName(strings.TrimSuffix(prefix, "/")); err != nil {
		return nil, err
	}
	var found []listed
	pages := awss3.NewListObjectsV2Paginator(s.client, &awss3.ListObjectsV2Input{
		Bucket: &s.bucket, Prefix: aws.String(s.key(prefix)), ExpectedBucketOwner: s.owner,
	})
	for pages.HasMorePages() {
		page, err := pages.NextPage(ctx)
		if err != nil {
			return nil, err
		}
		for _, o := range page.Contents {
			name, ok := strings.CutPrefix(aws.ToString(o.Key), s.prefix)
			if ok && store.CheckName(name) == nil {
				found = append(found, listed{store.Info{Name: name, Size: aws.ToInt64(o.Size)}, aws.ToString(o.ETag)})
			}
		}
	}
	slices.SortFunc(found, func(a, b listed) int { return strings.Compare(a.Name, b.Name) })
	return found, nil
}

// Delete implements store.Store.
func (s *Store) Delete(ctx context.Context, name string) error {
	err := store.CheckName(name)
	if err == nil {
		_, err = s.client.DeleteObject(ctx, &awss3.DeleteObjectInput{Bucket: &s.bucket, Key: aws.String(s.key(name)), ExpectedBucketOwner: s.owner})
	}
	if err != nil && !missing(err) {
		return fmt.Errorf("delete %s: %w", s.url(name), err)
	}
	return nil
}
