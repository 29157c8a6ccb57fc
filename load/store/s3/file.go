package s3

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net/http"

	"github.com/aws/aws-sdk-go-v2/aws"
	awss3 "github.com/aws/aws-sdk-go-v2/service/s3"

	"stocktake/load/store"
)

// file is a file of the warehouse as it stands under a name.
type file struct {
	name     string
	etag     string
	size     int64
	metadata map[string]string
}

// is reports whether the file has a content; a sum of "" is any.
func (f file) is(size int64, sum string) bool {
	return f.size == size && (sum == "" || f.metadata[sumMetadata] == sum)
}

func (f file) String() string {
	return fmt.Sprintf("%d bytes of run %q with SHA-256 %q", f.size, f.metadata[runMetadata], f.metadata[sumMetadata])
}

// stat returns the file that has a name; the error is fs.ErrNotExist when none
// has.
func (s *Store) stat(ctx context.Context, name string) (file, error) {
	out, err := s.client.HeadObject(ctx, &awss3.HeadObjectInput{Bucket: &s.bucket, Key: aws.String(s.key(name)), ExpectedBucketOwner: s.owner})
	if missing(err) {
		return file{}, fmt.Errorf("%w (%w)", fs.ErrNotExist, err)
	}
	if err != nil {
		return file{}, err
	}
	return file{name, aws.ToString(out.ETag), aws.ToInt64(out.ContentLength), out.Metadata}, nil
}

// Locate implements store.Store.
func (s *Store) Locate(ctx context.Context, _ string, o store.Object) (store.Location, error) {
	f, err := s.find(ctx, o)
	if err != nil {
		return store.Location{}, fmt.Errorf("locate %s: %w", s.url(o.Name), err)
	}
	return store.Location{Path: s.url(f.name), Finished: true}, nil
}

// find looks in the order in which a file moves: it is staged, gets its name,
// and is copied to current/, where it may outlive the next file of its name. So
// what is missed in one place is met in a later one, but for the last step:
// after an upload that is gone, the name is looked at once more.
func (s *Store) find(ctx context.Context, o store.Object) (file, error) {
	if err := store.CheckName(o.Name); err != nil {
		return file{}, err
	}
	names := []string{o.Name}
	if o.Current != "" {
		names = append(names, currentPrefix+o.Current)
	}
	if f, err := s.first(ctx, names, o); err == nil || !errors.Is(err, fs.ErrNotExist) {
		return f, err
	}
	if o.Staged != nil {
		pending, err := s.pending(ctx, *o.Staged)
		if err != nil {
			return file{}, err
		}
		if pending {
			return file{}, store.ErrUnfinished
		}
	}
	return s.first(ctx, names, o)
}

// first returns the first file of the names that is the object.
func (s *Store) first(ctx context.Context, names []string, o store.Object) (file, error) {
	missed := error(fs.ErrNotExist)
	for _, name := range names {
		f, err := s.stat(ctx, name)
		switch {
		case err == nil && f.is(o.Size, o.SHA256):
			return f, nil
		case err == nil && name == o.Name:
			missed = fmt.Errorf("%w: found %s, expected %d bytes with SHA-256 %q", store.ErrReplaced, f, o.Size, o.SHA256)
		case err != nil && !errors.Is(err, fs.ErrNotExist):
			return file{}, err
		}
	}
	return file{}, missed
}

// pending reports whether an upload waits to be completed.
func (s *Store) pending(ctx context.Context, st store.Staged) (bool, error) {
	if st.Token == "" {
		return false, nil
	}
	_, err := s.client.ListParts(ctx, &awss3.ListPartsInput{
		Bucket: &s.bucket, Key: aws.String(s.key(st.Name)), ExpectedBucketOwner: s.owner, UploadId: &st.Token, MaxParts: aws.Int32(1),
	})
	if noUpload(err) {
		return false, nil
	}
	// Who may read files and not look into uploads waits for the commit alike.
	if err == nil || status(err) == http.StatusForbidden {
		return true, nil
	}
	return false, err
}

// Open implements store.Store. What is read is the file that was located, or an
// error when another one has taken its name.
func (s *Store) Open(ctx context.Context, _ string, o store.Object) (store.Reader, error) {
	f, err := s.find(ctx, o)
	if err != nil {
		return nil, fmt.Errorf("open %s: %w", s.url(o.Name), err)
	}
	ctx, cancel := context.WithCancel(ctx)
	return &reader{s, f, ctx, cancel}, nil
}

// reader reads ranges of one version of an object.
type reader struct {
	store  *Store
	file   file
	ctx    context.Context // io.ReaderAt has none
	cancel context.CancelFunc
}

func (r *reader) Size() int64 { return r.file.size }

// Close ends what is still being read.
func (r *reader) Close() error {
	r.cancel()
	return nil
}

// ReadAt implements io.ReaderAt: each call is one request, or more where an
// answer is cut off.
func (r *reader) ReadAt(p []byte, off int64) (int, error) {
	if off < 0 {
		return 0, fmt.Errorf("read %s: offset %d: expected none below 0", r.store.url(r.file.name), off)
	}
	want := int(max(0, min(int64(len(p)), r.file.size-off)))
	done := 0
	var err error
	for try := 0; done < want && try < bodyAttempts && r.ctx.Err() == nil; try++ {
		var n int
		n, err = r.read(p[done:want], off+int64(done))
		done += n
		if errors.Is(err, fs.ErrNotExist) {
			break
		}
	}
	if done < want {
		return done, fmt.Errorf("read %s: %w", r.store.url(r.file.name), errors.Join(err, r.ctx.Err()))
	}
	if done < len(p) {
		return done, io.EOF
	}
	return done, nil
}

func (r *reader) read(p []byte, off int64) (n int, err error) {
	out, err := r.store.client.GetObject(r.ctx, &awss3.GetObjectInput{
		Bucket: &r.store.bucket, Key: aws.String(r.store.key(r.file.name)), ExpectedBucketOwner: r.store.owner,
		IfMatch: &r.file.etag, Range: aws.String(fmt.Sprintf("bytes=%d-%d", off, off+int64(len(p))-1)),
	})
	if missing(err) || status(err) == http.StatusPreconditionFailed {
		return 0, fmt.Errorf("%w: %w", store.ErrReplaced, err)
	}
	if err != nil {
		return 0, err
	}
	defer func() { err = errors.Join(err, out.Body.Close()) }()
	if got := aws.ToInt64(out.ContentLength); got != int64(len(p)) {
		return 0, fmt.Errorf("the answer to a request for %d bytes at %d has %d", len(p), off, got)
	}
	return io.ReadFull(out.Body, p)
}
