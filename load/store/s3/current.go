package s3

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net/url"
	"path"
	"strings"

	"golang.org/x/sync/errgroup"

	"github.com/aws/aws-sdk-go-v2/aws"
	awss3 "github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"

	"stocktake/load/store"
)

// SwitchCurrent implements store.Store. Files are replaced one by one, each at
// once: a file that is already the right one is left alone.
//
// Each change is made under the condition that the object is still what it was
// before the pointer was looked at. A process that has lost its lease without
// noticing can so not undo what the next commit has made of current/.
func (s *Store) SwitchCurrent(ctx context.Context, run string, links []store.Link) error {
	if err := s.switchCurrent(ctx, run, links); err != nil {
		return fmt.Errorf("switch %s to run %s: %w", s.url(currentPrefix), run, err)
	}
	return nil
}

func (s *Store) switchCurrent(ctx context.Context, run string, links []store.Link) error {
	for _, l := range links {
		if err := errors.Join(store.CheckName(l.Name), checkLink(l)); err != nil {
			return err
		}
	}
	listed, err := s.list(ctx, currentPrefix)
	if err != nil {
		return err
	}
	head, err := s.head(ctx)
	if err != nil {
		return err
	}
	if head.Run != "" && head.Run != run {
		return fmt.Errorf("%w: run %s", store.ErrConflict, head.Run)
	}
	before := map[string]string{} // ETags by name
	for _, o := range listed {
		before[o.Name] = o.etag
	}
	g, linking := errgroup.WithContext(ctx)
	g.SetLimit(copiesOnce)
	for _, l := range links {
		g.Go(func() error { return s.link(linking, l, before[currentPrefix+l.As]) })
	}
	if err := g.Wait(); err != nil {
		return err
	}
	return s.unlink(ctx, before, links)
}

func checkLink(l store.Link) error {
	if err := store.CheckName(l.As); err != nil {
		return err
	}
	if path.Base(l.As) != l.As {
		return fmt.Errorf("name %q in current: expected no slash", l.As)
	}
	if l.SHA256 == "" {
		return fmt.Errorf("name %q in current: expected a checksum", l.As)
	}
	return nil
}

// link makes a name in current/ show a file.
func (s *Store) link(ctx context.Context, l store.Link, before string) error {
	as := currentPrefix + l.As
	if before != "" {
		now, err := s.stat(ctx, as)
		if err != nil {
			return fmt.Errorf("%s: %w", s.url(as), err)
		}
		if now.is(l.Size, l.SHA256) {
			return nil
		}
	}
	from, err := s.stat(ctx, l.Name)
	if err != nil {
		return fmt.Errorf("%s: %w", s.url(l.Name), err)
	}
	if !from.is(l.Size, l.SHA256) {
		return fmt.Errorf("%s: %w: found %s, expected %d bytes with SHA-256 %q", s.url(l.Name), store.ErrReplaced, from, l.Size, l.SHA256)
	}
	copyTo := s.copyWhole
	if from.size > s.copyOnce {
		copyTo = s.copyParts
	}
	if err := copyTo(ctx, from, as, before); err != nil {
		return s.copied(ctx, l, fmt.Errorf("copy %s to %s: %w", s.url(l.Name), s.url(as), err))
	}
	return nil
}

// copied tells a copy whose answer was lost from one that was refused.
func (s *Store) copied(ctx context.Context, l store.Link, err error) error {
	if !refused(err) && !noUpload(err) {
		return err
	}
	now, statErr := s.stat(ctx, currentPrefix+l.As)
	if statErr != nil {
		return errors.Join(err, statErr)
	}
	if now.is(l.Size, l.SHA256) {
		return nil
	}
	return fmt.Errorf("%w: found %s: %w", store.ErrConflict, now, err)
}

// condition is that an object is still what it was.
func condition(before string) (ifMatch, ifNoneMatch *string) {
	if before == "" {
		return nil, aws.String("*")
	}
	return &before, nil
}

// source is the header that names the object to copy.
func (s *Store) source(name string) *string {
	parts := strings.Split(s.key(name), "/")
	for i, p := range parts {
		parts[i] = strings.ReplaceAll(url.PathEscape(p), "+", "%2B") // which S3 would read as a space
	}
	return aws.String(s.bucket + "/" + strings.Join(parts, "/"))
}

func (s *Store) copyWhole(ctx context.Context, from file, as, before string) error {
	in := &awss3.CopyObjectInput{
		Bucket: &s.bucket, Key: aws.String(s.key(as)), ExpectedBucketOwner: s.owner,
		CopySource: s.source(from.name), CopySourceIfMatch: &from.etag, ExpectedSourceBucketOwner: s.owner,
		ServerSideEncryption: s.encryption, SSEKMSKeyId: s.kmsKey, BucketKeyEnabled: s.bucketKey,
		StorageClass: s.class, MetadataDirective: types.MetadataDirectiveCopy,
		// Copying the tags would need the right to read them.
		TaggingDirective: types.TaggingDirectiveReplace, Tagging: s.tags,
	}
	in.IfMatch, in.IfNoneMatch = condition(before)
	_, err := s.client.CopyObject(ctx, in)
	return err
}

// copyPartSize is that of a copy in parts: no byte passes through here, so that
// parts can be large.
const copyPartSize = 512 << 20

func (s *Store) copyParts(ctx context.Context, from file, as, before string) error {
	created, err := s.client.CreateMultipartUpload(ctx, s.create(as, from.metadata))
	if err != nil {
		return err
	}
	st := store.Staged{Name: as, Size: from.size, SHA256: from.metadata[sumMetadata], Token: aws.ToString(created.UploadId)}
	parts := spans(from.size, partSizeFor(from.size, min(copyPartSize, s.copyOnce)))
	st.Parts, err = s.eachPart(ctx, parts, func(ctx context.Context, p span) (*string, error) {
		return s.copyPart(ctx, st, from, p)
	})
	if err == nil {
		in := s.completion(st)
		in.IfMatch, in.IfNoneMatch = condition(before)
		err = s.complete(ctx, st, in)
	}
	if err != nil {
		return errors.Join(err, s.giveUp(ctx, st))
	}
	return nil
}

func (s *Store) copyPart(ctx context.Context, st store.Staged, from file, p span) (*string, error) {
	out, err := s.client.UploadPartCopy(ctx, &awss3.UploadPartCopyInput{
		Bucket: &s.bucket, Key: aws.String(s.key(st.Name)), ExpectedBucketOwner: s.owner,
		UploadId: &st.Token, PartNumber: &p.number,
		CopySource: s.source(from.name), CopySourceIfMatch: &from.etag, ExpectedSourceBucketOwner: s.owner,
		CopySourceRange: aws.String(fmt.Sprintf("bytes=%d-%d", p.from, p.from+p.len-1)),
	})
	if err != nil {
		return nil, err
	}
	if out.CopyPartResult == nil {
		return nil, errors.New("the answer names no part")
	}
	return out.CopyPartResult.ETag, nil
}

// unlink removes the files of current/ that no link names.
func (s *Store) unlink(ctx context.Context, before map[string]string, links []store.Link) error {
	named := map[string]bool{}
	for _, l := range links {
		named[currentPrefix+l.As] = true
	}
	g, ctx := errgroup.WithContext(ctx)
	g.SetLimit(copiesOnce)
	for name, etag := range before {
		if named[name] {
			continue
		}
		g.Go(func() error {
			if err := s.remove(ctx, name, etag); err != nil {
				return fmt.Errorf("delete %s: %w", s.url(name), err)
			}
			return nil
		})
	}
	return g.Wait()
}

// remove deletes an object if it still is the one of the ETag.
func (s *Store) remove(ctx context.Context, name, etag string) error {
	_, err := s.client.DeleteObject(ctx, &awss3.DeleteObjectInput{
		Bucket: &s.bucket, Key: aws.String(s.key(name)), ExpectedBucketOwner: s.owner, IfMatch: &etag,
	})
	if err == nil || missing(err) {
		return nil
	}
	if !refused(err) {
		return err
	}
	now, statErr := s.stat(ctx, name)
	switch {
	case errors.Is(statErr, fs.ErrNotExist):
		return nil // the answer to a first request was lost
	case statErr != nil:
		return errors.Join(err, statErr)
	}
	return fmt.Errorf("%w: found %s: %w", store.ErrConflict, now, err)
}
