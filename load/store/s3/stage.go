package s3

import (
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"hash"
	"io"
	"io/fs"
	"os"
	"slices"
	"strings"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/aws/aws-sdk-go-v2/aws"
	v4 "github.com/aws/aws-sdk-go-v2/aws/signer/v4"
	awss3 "github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"
	"github.com/aws/smithy-go/middleware"

	"stocktake/load/store"
)

// ErrUploadGone is the error of a Finish that finds no upload and may not look
// whether it was finished before.
var ErrUploadGone = errors.New("the upload is gone: it was finished or discarded before")

// abortTime is what giving up an upload may take when its run is interrupted.
const (
	abortTime     = 30 * time.Second
	abortAttempts = 3
)

// maxParts is what S3 allows for an object.
const maxParts = 10_000

// partSizeFor returns the size of the parts of a file: at least least, in whole
// MiB, and such that their number is allowed.
func partSizeFor(size, least int64) int64 {
	const mib = 1 << 20
	if size <= least*maxParts {
		return least
	}
	needed := (size + maxParts - 1) / maxParts
	return (needed + mib - 1) / mib * mib
}

// span is a part of a file.
type span struct {
	number    int32
	from, len int64
	sum       string
}

// spans cuts a file into parts; an empty file is one empty part.
func spans(size, partSize int64) []span {
	var all []span
	for from := int64(0); from < size || len(all) == 0; from += partSize {
		all = append(all, span{number: int32(len(all) + 1), from: from, len: min(partSize, size-from)})
	}
	return all
}

// Stage implements store.Store: it sends all parts of an upload. Staging a name
// again is another upload; the earlier one stays until it is discarded.
func (s *Store) Stage(ctx context.Context, run, name string, from store.File) (store.Staged, error) {
	st, err := s.stage(ctx, run, name, from)
	if err != nil {
		return store.Staged{}, fmt.Errorf("stage %s: %w", s.url(name), err)
	}
	return st, nil
}

func (s *Store) stage(ctx context.Context, run, name string, from store.File) (store.Staged, error) {
	none := store.Staged{}
	if err := errors.Join(store.CheckName(run), store.CheckName(name)); err != nil {
		return none, err
	}
	f, err := os.Open(from.Path)
	if err != nil {
		return none, err
	}
	defer f.Close()
	parts := spans(from.Size, partSizeFor(from.Size, s.partSize))
	sum, err := sums(ctx, f, from, parts)
	if err != nil {
		return none, err
	}
	st := store.Staged{Run: run, Name: name, Size: from.Size, SHA256: sum}
	created, err := s.client.CreateMultipartUpload(ctx, s.create(name, map[string]string{sumMetadata: sum, runMetadata: run}))
	if err != nil {
		return none, err
	}
	st.Token = aws.ToString(created.UploadId)
	st.Parts, err = s.eachPart(ctx, parts, func(ctx context.Context, p span) (*string, error) {
		return s.uploadPart(ctx, st, f, p)
	})
	if err != nil {
		return none, errors.Join(err, s.giveUp(ctx, st))
	}
	return st, nil
}

// create is the request that begins an upload.
func (s *Store) create(name string, metadata map[string]string) *awss3.CreateMultipartUploadInput {
	return &awss3.CreateMultipartUploadInput{
		Bucket: &s.bucket, Key: aws.String(s.key(name)), ExpectedBucketOwner: s.owner,
		ServerSideEncryption: s.encryption, SSEKMSKeyId: s.kmsKey, BucketKeyEnabled: s.bucketKey,
		StorageClass: s.class, Tagging: s.tags, Metadata: metadata,
	}
}

// sums reads the file once, for its checksum, which it compares, and for those
// of its parts: each part is sent under its own, so that what arrives is what
// was compared, even if the file changes meanwhile.
func sums(ctx context.Context, f *os.File, from store.File, parts []span) (string, error) {
	info, err := f.Stat()
	if err != nil {
		return "", err
	}
	if info.Size() != from.Size {
		return "", fmt.Errorf("%s has %d bytes, expected %d", from.Path, info.Size(), from.Size)
	}
	whole := sha256.New()
	for i, p := range parts {
		part := sha256.New()
		if err := hashSpan(ctx, io.NewSectionReader(f, p.from, p.len), p.len, whole, part); err != nil {
			return "", fmt.Errorf("read %s: %w", from.Path, err)
		}
		parts[i].sum = hex.EncodeToString(part.Sum(nil))
	}
	sum := hex.EncodeToString(whole.Sum(nil))
	if from.SHA256 != "" && sum != from.SHA256 {
		return "", fmt.Errorf("%s has checksum %s, expected %s", from.Path, sum, from.SHA256)
	}
	return sum, nil
}

func hashSpan(ctx context.Context, r io.Reader, length int64, whole, part hash.Hash) error {
	const step = 8 << 20 // between looks at ctx
	for length > 0 {
		if err := ctx.Err(); err != nil {
			return err
		}
		n := min(step, length)
		if _, err := io.CopyN(io.MultiWriter(whole, part), r, n); err != nil {
			return err
		}
		length -= n
	}
	return ctx.Err()
}

// eachPart sends all parts, several at once, and returns what the server knows
// them by. When one fails, those on their way arrive, and no others are sent: an
// upload is best aborted when nothing is on its way to it.
func (s *Store) eachPart(ctx context.Context, spans []span, send func(context.Context, span) (etag *string, err error)) ([]store.Part, error) {
	parts := make([]store.Part, len(spans))
	g, going := errgroup.WithContext(ctx)
	for i, p := range spans {
		select {
		case s.uploading <- struct{}{}:
		case <-going.Done():
			return nil, cmp.Or(g.Wait(), context.Cause(ctx))
		}
		g.Go(func() error {
			defer func() { <-s.uploading }()
			etag, err := send(ctx, p)
			if err != nil {
				return fmt.Errorf("part %d: %w", p.number, err)
			}
			parts[i] = store.Part{Number: p.number, ETag: aws.ToString(etag), Size: p.len}
			return nil
		})
	}
	return parts, g.Wait()
}

func (s *Store) uploadPart(ctx context.Context, st store.Staged, f *os.File, p span) (*string, error) {
	out, err := s.client.UploadPart(ctx, &awss3.UploadPartInput{
		Bucket: &s.bucket, Key: aws.String(s.key(st.Name)), ExpectedBucketOwner: s.owner,
		UploadId: &st.Token, PartNumber: &p.number, ContentLength: &p.len,
		Body: io.NewSectionReader(f, p.from, p.len),
	}, signedSum(p.sum))
	if err != nil {
		return nil, err
	}
	return out.ETag, nil
}

// signedSum signs a request for a body of a known checksum, which the server
// compares with what arrives.
func signedSum(sum string) func(*awss3.Options) {
	return awss3.WithAPIOptions(func(stack *middleware.Stack) error {
		return stack.Finalize.Add(middleware.FinalizeMiddlewareFunc("KnownPayloadHash",
			func(ctx context.Context, in middleware.FinalizeInput, next middleware.FinalizeHandler) (middleware.FinalizeOutput, middleware.Metadata, error) {
				return next.HandleFinalize(v4.SetPayloadHash(ctx, sum), in)
			}), middleware.Before)
	})
}

// giveUp aborts an upload that failed, also when the run was interrupted.
func (s *Store) giveUp(ctx context.Context, st store.Staged) error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), abortTime)
	defer cancel()
	// A part whose sending was cut off may arrive after the first abort.
	for range abortAttempts {
		gone, err := s.abort(ctx, st)
		if err != nil {
			return fmt.Errorf("abort the upload, which stays until it is discarded: %w", err)
		}
		if gone {
			break
		}
	}
	return nil
}

// abort reports also whether the upload was gone before.
func (s *Store) abort(ctx context.Context, st store.Staged) (gone bool, err error) {
	if st.Token == "" {
		return true, nil
	}
	_, err = s.client.AbortMultipartUpload(ctx, &awss3.AbortMultipartUploadInput{
		Bucket: &s.bucket, Key: aws.String(s.key(st.Name)), ExpectedBucketOwner: s.owner, UploadId: &st.Token,
	})
	if noUpload(err) {
		return true, nil
	}
	return false, err
}

// Finish implements store.Store: it completes the upload. An upload that is
// gone was finished before, or it was discarded: then its name keeps what it
// has.
func (s *Store) Finish(ctx context.Context, st store.Staged) error {
	err := store.CheckName(st.Name)
	if err == nil {
		err = s.complete(ctx, st, s.completion(st))
	}
	if err != nil {
		return fmt.Errorf("finish %s: %w", s.url(st.Name), err)
	}
	return nil
}

// completion is the request that ends an upload.
func (s *Store) completion(st store.Staged) *awss3.CompleteMultipartUploadInput {
	var parts []types.CompletedPart
	for _, p := range st.Parts {
		parts = append(parts, types.CompletedPart{PartNumber: aws.Int32(p.Number), ETag: aws.String(p.ETag)})
	}
	return &awss3.CompleteMultipartUploadInput{
		Bucket: &s.bucket, Key: aws.String(s.key(st.Name)), ExpectedBucketOwner: s.owner, UploadId: aws.String(st.Token),
		MultipartUpload: &types.CompletedMultipartUpload{Parts: parts},
	}
}

func (s *Store) complete(ctx context.Context, st store.Staged, request *awss3.CompleteMultipartUploadInput) error {
	gone := st.Token == ""
	if !gone {
		_, err := s.client.CompleteMultipartUpload(ctx, request)
		if gone = noUpload(err); err != nil && !gone {
			return err
		}
	}
	switch {
	case !s.writeOnly:
		return s.confirm(ctx, st, gone)
	case gone:
		return ErrUploadGone
	}
	return nil
}

// confirmTime is how long a file may take to appear after the server has said
// that it is there.
const confirmTime = 5 * time.Second

// confirm makes sure that a file has its name. Servers tell little of uploads
// that are gone: some say that all is well though the name has another file, or
// though another process is still completing the upload, which is worth waiting
// for.
func (s *Store) confirm(ctx context.Context, st store.Staged, gone bool) error {
	began := time.Now()
	for wait := 50 * time.Millisecond; ; wait *= 2 {
		now, err := s.stat(ctx, st.Name)
		switch {
		case err == nil && now.is(st.Size, st.SHA256):
			return nil
		case err == nil:
			err = fmt.Errorf("%w: %w: found %s", ErrUploadGone, store.ErrReplaced, now)
		case errors.Is(err, fs.ErrNotExist):
			err = fmt.Errorf("%w: no file has the name (%w)", ErrUploadGone, err)
		default:
			return err
		}
		if gone || time.Since(began)+wait > confirmTime {
			return err
		}
		select {
		case <-ctx.Done():
			return context.Cause(ctx)
		case <-time.After(wait):
		}
	}
}

// Unfinished implements store.Store. A list of uploads tells neither run nor
// size.
func (s *Store) Unfinished(ctx context.Context, prefix string) ([]store.Staged, error) {
	fail := func(err error) ([]store.Staged, error) {
		return nil, fmt.Errorf("list uploads under %s: %w", s.url(prefix), err)
	}
	if err := store.CheckName(strings.TrimSuffix(prefix, "/")); err != nil {
		return fail(err)
	}
	var found []store.Staged
	pages := awss3.NewListMultipartUploadsPaginator(s.client, &awss3.ListMultipartUploadsInput{
		Bucket: &s.bucket, Prefix: aws.String(s.key(prefix)), ExpectedBucketOwner: s.owner,
	})
	for pages.HasMorePages() {
		page, err := pages.NextPage(ctx)
		if err != nil {
			return fail(err)
		}
		for _, u := range page.Uploads {
			name, ok := strings.CutPrefix(aws.ToString(u.Key), s.prefix)
			if ok && store.CheckName(name) == nil {
				found = append(found, store.Staged{Name: name, Token: aws.ToString(u.UploadId)})
			}
		}
	}
	slices.SortFunc(found, func(a, b store.Staged) int {
		return cmp.Or(strings.Compare(a.Name, b.Name), strings.Compare(a.Token, b.Token))
	})
	return found, nil
}

// Discard implements store.Store: it aborts the upload.
func (s *Store) Discard(ctx context.Context, st store.Staged) error {
	err := store.CheckName(st.Name)
	if err == nil {
		_, err = s.abort(ctx, st)
	}
	if err != nil {
		return fmt.Errorf("discard the upload of %s: %w", s.url(st.Name), err)
	}
	return nil
}
