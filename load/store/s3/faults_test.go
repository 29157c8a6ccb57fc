package s3_test

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"sync"
	"testing"

	"stocktake/internal/s3test"
	"stocktake/load/store"
	"stocktake/load/store/s3"
)

// everything does what a run and its readers do, and checks what is there.
func everything(t *testing.T, server *s3test.Server, s *s3.Store) error {
	ctx := t.Context()
	if err := s.Probe(ctx); err != nil {
		return err
	}
	l, err := s.Lock(ctx, store.Snapshots, holder)
	if err != nil {
		return err
	}
	head := store.Head{}
	for i, run := range []string{"r1", "r2"} {
		f, content := local(t, 6*mib, uint64(i))
		st, err := s.Stage(ctx, run, "snapshots/t.parquet", f)
		if err != nil {
			return err
		}
		if err := s.Put(ctx, "runs/"+run+".json", []byte(run)); err != nil {
			return err
		}
		if text, err := s.Get(ctx, "runs/"+run+".json"); err != nil || string(text) != run {
			return fmt.Errorf("Get = %q, %w", text, err)
		}
		if _, err := s.Locate(ctx, run, object(st, "t.parquet")); !errors.Is(err, store.ErrUnfinished) {
			return fmt.Errorf("Locate of what is staged: %w", err)
		}
		if head, err = s.Head(ctx); err != nil {
			return err
		}
		if err := l.Check(ctx); err != nil {
			return err
		}
		if _, err = s.SwapHead(ctx, head, run); err != nil {
			return err
		}
		if err := s.Finish(ctx, st); err != nil {
			return err
		}
		if err := s.SwitchCurrent(ctx, run, []store.Link{linkTo(st, "t.parquet"), linkTo(st, run+".parquet")}); err != nil {
			return err
		}
		r, err := s.Open(ctx, run, object(st, "t.parquet"))
		if err != nil {
			return err
		}
		got, err := io.ReadAll(io.NewSectionReader(r, 0, r.Size()))
		if err := errors.Join(err, r.Close()); err != nil || !bytes.Equal(got, content) {
			return fmt.Errorf("Open reads %d bytes, %w", len(got), err)
		}
		wantContent(t, server, s.Root()+"/current/t.parquet", content)
	}
	left, err := s.Unfinished(ctx, "snapshots/")
	for _, st := range left { // the server may have acted on a request whose answer was lost
		err = errors.Join(err, s.Discard(ctx, st))
	}
	if err != nil {
		return err
	}
	infos, err := s.List(ctx, "current/")
	if err != nil || len(infos) != 2 {
		return fmt.Errorf("current/ holds %v, %w", infos, err)
	}
	if err := s.Delete(ctx, "runs/r1.json"); err != nil {
		return err
	}
	return l.Release()
}

// kind is what a request does, whatever it does it to.
func kind(req *http.Request) string {
	keys := []string{}
	for key := range req.URL.Query() {
		if key != "x-id" {
			keys = append(keys, key)
		}
	}
	return fmt.Sprint(req.Method, " ", len(keys), strings.Contains(req.URL.Path, "/runs/"), req.Header.Get("If-Match") != "", req.Header.Get("X-Amz-Copy-Source") != "", req.Header.Get("Range") != "")
}

// Each kind of request fails once, in each way in which a connection or a
// server can fail, before the server has acted and after it has.
func TestFaultsOfEveryKindOfRequest(t *testing.T) {
	server := s3test.Start(t)
	for _, c := range []struct {
		what  string
		fault func(do func() (*http.Response, error)) (*http.Response, error)
	}{
		{"the request does not arrive", func(func() (*http.Response, error)) (*http.Response, error) { return nil, errLost }},
		{"the answer is lost", func(do func() (*http.Response, error)) (*http.Response, error) { return lost(do()) }},
		{"the answer is cut off", func(do func() (*http.Response, error)) (*http.Response, error) {
			resp, err := do()
			if err == nil {
				resp.Body = cut{io.LimitReader(resp.Body, 20), resp.Body}
			}
			return resp, err
		}},
		{"500", func(func() (*http.Response, error)) (*http.Response, error) {
			return answer(http.StatusInternalServerError, problem("InternalError", "try again"))
		}},
		{"500 after the server has acted", func(do func() (*http.Response, error)) (*http.Response, error) {
			if _, err := lost(do()); !errors.Is(err, errLost) {
				return nil, err
			}
			return answer(http.StatusInternalServerError, problem("InternalError", "try again"))
		}},
		{"503", func(func() (*http.Response, error)) (*http.Response, error) {
			return answer(http.StatusServiceUnavailable, problem("SlowDown", "reduce the rate"))
		}},
	} {
		var mu sync.Mutex
		failed := map[string]bool{}
		s := open(t, quick(server, func(req *http.Request, do func() (*http.Response, error)) (*http.Response, error) {
			mu.Lock()
			again := failed[kind(req)]
			failed[kind(req)] = true
			mu.Unlock()
			if again {
				return do()
			}
			return c.fault(do)
		}), s3.Options{Bucket: server.Bucket(t), Prefix: "w", PartSize: 5 * mib})
		if err := everything(t, server, s); err != nil {
			t.Errorf("each kind of request fails once, %s: %v", c.what, err)
		}
		if len(failed) < 12 {
			t.Errorf("%d kinds of requests have failed, want 12 or more: %v", len(failed), failed)
		}
	}
}
