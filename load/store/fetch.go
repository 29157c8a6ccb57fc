package store

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"

	"golang.org/x/sync/errgroup"
)

// Fetch returns a path on this machine where a file of the manifest of a run
// can be read: where it stands, or a copy in the directory, whose checksum is
// compared. The copy is the caller's to remove.
func Fetch(ctx context.Context, s Store, run string, o Object, dir string) (name string, err error) {
	at, err := s.Locate(ctx, run, o)
	if err != nil {
		return "", err
	}
	if !at.Remote() {
		return at.Path, nil
	}
	r, err := s.Open(ctx, run, o)
	if err != nil {
		return "", err
	}
	defer func() { err = errors.Join(err, r.Close()) }()
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return "", fmt.Errorf("fetch %s: %w", o.Name, err)
	}
	f, err := os.CreateTemp(dir, "*-"+filepath.Base(o.Name))
	if err != nil {
		return "", fmt.Errorf("fetch %s: %w", o.Name, err)
	}
	if err := errors.Join(copyRanges(ctx, f, r), sameSum(f, o.SHA256), f.Close()); err != nil {
		return "", errors.Join(fmt.Errorf("fetch %s: %w", o.Name, err), os.Remove(f.Name()))
	}
	return f.Name(), nil
}

// Remote reports whether the location is a URL.
func (l Location) Remote() bool { return strings.Contains(l.Path, "://") }

const (
	rangeSize  = 8 << 20
	rangesOnce = 4
)

func copyRanges(ctx context.Context, to *os.File, from Reader) error {
	g, ctx := errgroup.WithContext(ctx)
	g.SetLimit(rangesOnce)
	for at := int64(0); at < from.Size(); at += rangeSize {
		n := min(rangeSize, from.Size()-at)
		g.Go(func() error {
			if err := ctx.Err(); err != nil {
				return err
			}
			// One read a range: a reader of a bucket makes it one request.
			buf := make([]byte, n)
			if _, err := io.ReadFull(io.NewSectionReader(from, at, n), buf); err != nil {
				return err
			}
			_, err := to.WriteAt(buf, at)
			return err
		})
	}
	return g.Wait()
}

func sameSum(f *os.File, want string) error {
	if want == "" {
		return nil
	}
	if _, err := f.Seek(0, io.SeekStart); err != nil {
		return err
	}
	sum := sha256.New()
	if _, err := io.Copy(sum, f); err != nil {
		return err
	}
	if got := hex.EncodeToString(sum.Sum(nil)); got != want {
		return fmt.Errorf("found checksum %s, expected %s", got, want)
	}
	return nil
}
