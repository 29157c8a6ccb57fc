package s3

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"

	"stocktake/load/store"
)

// pointer is the content of runs/HEAD. The fence is another one at each write,
// so that the object never has an ETag again that it had before: who holds an
// old one cannot move the pointer.
type pointer struct {
	Run   string `json:"run"`
	Fence string `json:"fence"`
}

// swapAttempts are those of writes that are refused though nothing changed: a
// server may refuse one of several that arrive at once.
const swapAttempts = 5

// Head implements store.Store.
func (s *Store) Head(ctx context.Context) (store.Head, error) {
	h, err := s.head(ctx)
	if err != nil {
		return store.Head{}, fmt.Errorf("read the pointer to the last commit: %w", err)
	}
	return h, nil
}

func (s *Store) head(ctx context.Context) (store.Head, error) {
	o, err := s.get(ctx, headName)
	if errors.Is(err, fs.ErrNotExist) {
		return store.Head{}, nil
	}
	if err != nil {
		return store.Head{}, fmt.Errorf("%s: %w", s.url(headName), err)
	}
	var p pointer
	err = json.Unmarshal(o.data, &p)
	if err == nil && p.Run != "" {
		err = store.CheckName(p.Run)
	}
	if err != nil || p.Fence == "" {
		return store.Head{}, fmt.Errorf("%s holds %.200q, expected run and fence as JSON", s.url(headName), o.data)
	}
	return store.Head{Run: p.Run, Tag: o.etag}, nil
}

// writeHead writes the pointer if it still is the one of the tag.
func (s *Store) writeHead(ctx context.Context, tag, run string) (store.Head, error) {
	text, err := json.Marshal(pointer{run, rand.Text()})
	if err != nil {
		return store.Head{}, err
	}
	etag, err := s.putIf(ctx, headName, tag, text)
	if err != nil {
		return store.Head{}, fmt.Errorf("%s: %w", s.url(headName), err)
	}
	return store.Head{Run: run, Tag: etag}, nil
}

// SwapHead implements store.Store.
func (s *Store) SwapHead(ctx context.Context, old store.Head, run string) (store.Head, error) {
	err := store.CheckName(run)
	var h store.Head
	if err == nil {
		h, err = s.swap(ctx, old, run)
	}
	if err != nil {
		return store.Head{}, fmt.Errorf("commit run %s: %w", run, err)
	}
	return h, nil
}

func (s *Store) swap(ctx context.Context, old store.Head, run string) (store.Head, error) {
	var err error
	for range swapAttempts {
		var h store.Head
		if h, err = s.writeHead(ctx, old.Tag, run); err == nil {
			return h, nil
		}
		if !refused(err) && !missing(err) {
			return store.Head{}, err
		}
		now, headErr := s.head(ctx)
		switch {
		case headErr != nil:
			return store.Head{}, errors.Join(err, headErr)
		case now.Run == run && old.Run != run:
			// Nobody else commits this run: the write took place, its answer was
			// lost, and what was refused is the SDK's second one.
			return now, nil
		case now != old:
			return store.Head{}, fmt.Errorf("%w: the last one is run %q, expected %q (%w)", store.ErrConflict, now.Run, old.Run, err)
		}
	}
	return store.Head{}, err
}

// fence rewrites the pointer as it is: who has lost the lease holds an old tag.
func (s *Store) fence(ctx context.Context) error {
	var err error
	for range swapAttempts {
		var now store.Head
		if now, err = s.head(ctx); err != nil {
			break
		}
		if _, err = s.writeHead(ctx, now.Tag, now.Run); err == nil {
			return nil
		}
		if !refused(err) && !missing(err) {
			break
		}
	}
	return fmt.Errorf("keep the earlier holder of the lease from committing: %w", err)
}
