package s3_test

import (
	"encoding/json"
	"errors"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"stocktake/internal/s3test"
	"stocktake/load/store"
	"stocktake/load/store/s3"
)

const leaseName = "runs/leases/commit.json"

var holder = store.Holder{Host: "night", PID: 7, Program: "stocktake", Run: "r1", Since: time.Date(2026, 11, 22, 3, 0, 0, 0, time.UTC)}

func lock(t *testing.T, s store.Store) store.Lease {
	t.Helper()
	l, err := s.Lock(t.Context(), store.Commit, holder)
	if err != nil {
		t.Fatalf("Lock: %v", err)
	}
	return l
}

// standing is what stands in a lease.
type standing struct {
	Holder   store.Holder `json:"holder"`
	Token    string       `json:"token"`
	Counter  int          `json:"counter"`
	Released bool         `json:"released"`
}

func readLease(t *testing.T, s store.Store) standing {
	t.Helper()
	text, err := s.Get(t.Context(), leaseName)
	if err != nil {
		t.Fatal(err)
	}
	var c standing
	if err := json.Unmarshal(text, &c); err != nil {
		t.Fatalf("%s holds %q: %v", leaseName, text, err)
	}
	return c
}

func TestLeaseIsRenewed(t *testing.T) {
	server := s3test.Start(t)
	o := s3.Options{Bucket: server.Bucket(t), LeaseTTL: time.Second}
	s, other := open(t, quick(server, cable), o), open(t, quick(server, cable), o)
	l := lock(t, s)
	eventually(t, "the lease is renewed for longer than it lives", func() bool { return readLease(t, s).Counter > 10 })
	_, err := other.Lock(t.Context(), store.Commit, holder)
	var locked *store.LockedError
	if !errors.As(err, &locked) || locked.Expires.IsZero() || locked.Holder != holder {
		t.Fatalf("Lock of a lease that is renewed: %v, want a LockedError with holder and expiry", err)
	}
	if err := l.Check(t.Context()); err != nil {
		t.Fatalf("Check: %v", err)
	}
	if err := l.Release(); err != nil {
		t.Fatalf("Release: %v", err)
	}
	released := readLease(t, s)
	if !released.Released {
		t.Fatalf("after Release the lease is %+v, want it released", released)
	}
	if h, err := s.Head(t.Context()); err != nil || h.Tag != "" {
		t.Errorf("Head after a lease that was released = %+v, %v, want none: nobody was fenced", h, err)
	}
	next := lock(t, other)
	if h, err := s.Head(t.Context()); err != nil || h.Tag != "" {
		t.Errorf("Head after taking a released lease = %+v, %v, want none: nobody was fenced", h, err)
	}
	if err := next.Release(); err != nil {
		t.Fatal(err)
	}
}

// Each write of a lease may be the one whose answer is lost.
func TestLeaseWithLostAnswers(t *testing.T) {
	server := s3test.Start(t)
	isLease := puts(leaseName)
	for _, c := range []struct {
		what  string
		times int64 // answers lost in a row: the SDK gives up after three
		fails bool
	}{{"one", 1, false}, {"three", 3, true}} {
		var left atomic.Int64
		s := open(t, quick(server, func(req *http.Request, do func() (*http.Response, error)) (*http.Response, error) {
			if isLease(req) && left.Add(-1) >= 0 {
				return lost(do())
			}
			return do()
		}), s3.Options{Bucket: server.Bucket(t), LeaseTTL: time.Hour}) // no renewals but those of Check
		if !c.fails {
			left.Store(c.times)
		}
		l := lock(t, s)
		left.Store(c.times)
		err := l.Check(t.Context())
		if (err != nil) != c.fails || errors.Is(err, store.ErrLost) {
			t.Errorf("Check with %s answer(s) lost: %v, want that it fails, but not that the lease is lost: %v", c.what, err, c.fails)
		}
		left.Store(0)
		if err := l.Check(t.Context()); err != nil {
			t.Errorf("Check after %s answer(s) were lost: %v", c.what, err)
		}
		left.Store(1)
		if err := l.Release(); err != nil {
			t.Errorf("Release with an answer lost: %v", err)
		}
		if got := readLease(t, s); !got.Released {
			t.Errorf("after Release with an answer lost the lease is %+v, want it released", got)
		}
	}
}

func TestCheckWithoutServer(t *testing.T) {
	server := s3test.Start(t)
	var down atomic.Bool
	s := open(t, quick(server, func(req *http.Request, do func() (*http.Response, error)) (*http.Response, error) {
		if down.Load() {
			return nil, errLost
		}
		return do()
	}), s3.Options{Bucket: server.Bucket(t)})
	l := lock(t, s)
	down.Store(true)
	if err := l.Check(t.Context()); !errors.Is(err, errLost) || errors.Is(err, store.ErrLost) || !strings.Contains(err.Error(), leaseName) {
		t.Errorf("Check when nothing arrives: %v, want %v and the lease's name", err, errLost)
	}
	if err := l.Release(); !errors.Is(err, errLost) || !strings.Contains(err.Error(), "expires") {
		t.Errorf("Release when nothing arrives: %v, want %v and that the lease expires", err, errLost)
	}
}

func TestLeaseRemoved(t *testing.T) {
	server := s3test.Start(t)
	s := open(t, quick(server, cable), s3.Options{Bucket: server.Bucket(t)})
	l := lock(t, s)
	if err := s.Delete(t.Context(), leaseName); err != nil {
		t.Fatal(err)
	}
	if err := l.Check(t.Context()); !errors.Is(err, store.ErrLost) {
		t.Errorf("Check of a lease that was removed: %v, want %v", err, store.ErrLost)
	}
	if err := l.Release(); err != nil {
		t.Errorf("Release of a lost lease: %v", err)
	}
	if _, err := s.Get(t.Context(), leaseName); err == nil {
		t.Error("Release of a lost lease has written it")
	}
}

func TestLeaseOfOthers(t *testing.T) {
	server := s3test.Start(t)
	s := open(t, quick(server, cable), s3.Options{Bucket: server.Bucket(t)})
	for _, content := range []string{"", "locked", "{}"} {
		if err := s.Put(t.Context(), leaseName, []byte(content)); err != nil {
			t.Fatal(err)
		}
		if _, err := s.Lock(t.Context(), store.Commit, holder); err == nil || !strings.Contains(err.Error(), leaseName) {
			t.Errorf("Lock over %q: %v, want an error that names the object", content, err)
		}
	}
}

// shifted shows a server whose clock says another time than it does, and moves
// the times of leases by as much again as a lease is to be older.
func shifted(clock, older time.Duration) wire {
	move := func(h http.Header, key string, by time.Duration) error {
		at, err := http.ParseTime(h.Get(key))
		if err == nil {
			h.Set(key, at.Add(by).UTC().Format(http.TimeFormat))
		}
		return err
	}
	return func(req *http.Request, do func() (*http.Response, error)) (*http.Response, error) {
		resp, err := do()
		if err != nil || req.Method != http.MethodGet || !strings.Contains(req.URL.Path, "/runs/leases/") || resp.StatusCode != http.StatusOK {
			return resp, err
		}
		return resp, errors.Join(move(resp.Header, "Date", clock), move(resp.Header, "Last-Modified", clock-older))
	}
}

// Only the server's clock counts, and only the difference of its times.
func TestLeaseAge(t *testing.T) {
	server := s3test.Start(t)
	const ttl = 2 * time.Minute
	for _, c := range []struct {
		clock, older time.Duration
		expired      bool
	}{
		{0, 0, false},
		{5 * time.Minute, 0, false},
		{-5 * time.Minute, 0, false},
		{0, ttl - 30*time.Second, false},
		{0, ttl + 2*time.Second, true},
		{-5 * time.Minute, ttl + 2*time.Second, true},
	} {
		o := s3.Options{Bucket: server.Bucket(t)}
		s, other := open(t, quick(server, cable), o), open(t, quick(server, shifted(c.clock, c.older)), o)
		l := lock(t, s)
		taken, err := other.Lock(t.Context(), store.Commit, holder)
		var locked *store.LockedError
		if c.expired != (err == nil) || !c.expired && !errors.As(err, &locked) {
			t.Errorf("Lock of a lease of %v, by a clock that is off by %v: %v, want that it has expired: %v", c.older, c.clock, err, c.expired)
		}
		if err := l.Check(t.Context()); errors.Is(err, store.ErrLost) != c.expired {
			t.Errorf("Check after another process tried to take a lease of %v: %v, want that it is lost: %v", c.older, err, c.expired)
		}
		if taken != nil {
			err = taken.Release()
		} else {
			err = l.Release()
		}
		if err != nil {
			t.Error(err)
		}
	}
}

// Who cannot keep the earlier holder from committing does not get the lease;
// who takes it later does keep it from committing.
func TestTakeoverWithoutFence(t *testing.T) {
	server := s3test.Start(t)
	o := s3.Options{Bucket: server.Bucket(t)}
	expired, isHead := shifted(0, time.Hour), puts("/runs/HEAD")
	var broken atomic.Bool
	broken.Store(true)
	s := open(t, quick(server, cable), o)
	other := open(t, quick(server, func(req *http.Request, do func() (*http.Response, error)) (*http.Response, error) {
		if isHead(req) && broken.Load() {
			return nil, errLost
		}
		return expired(req, do)
	}), o)
	before, err := s.SwapHead(t.Context(), store.Head{}, "r0")
	if err != nil {
		t.Fatal(err)
	}
	old := lock(t, s)
	if _, err := other.Lock(t.Context(), store.Commit, holder); !errors.Is(err, errLost) {
		t.Fatalf("Lock when the pointer cannot be written: %v, want %v", err, errLost)
	}
	if got := readLease(t, s); got.Released {
		t.Fatalf("the lease is %+v, want it to expire: who takes it next must fence", got)
	}
	broken.Store(false)
	l := lock(t, other)
	if _, err := s.SwapHead(t.Context(), before, "stale"); !errors.Is(err, store.ErrConflict) {
		t.Errorf("SwapHead by the first holder: %v, want %v", err, store.ErrConflict)
	}
	if err := errors.Join(old.Release(), l.Release()); err != nil {
		t.Error(err)
	}
}
