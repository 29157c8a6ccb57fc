package s3

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"sync"
	"time"

	"stocktake/load/store"
)

// The age of a lease is the difference of two times of one answer, both by the
// server's clock and in whole seconds: clocks of this side do not matter, and a
// second is added for the rounding.
const resolution = time.Second

const (
	// renewals are those within the time to live of a lease.
	renewals = 4
	// releaseTime is what giving a lease back may take.
	releaseTime = 30 * time.Second
)

// claim is the content of a lease.
type claim struct {
	Holder   store.Holder `json:"holder"`
	Token    string       `json:"token"`   // of the one who holds it
	Counter  int64        `json:"counter"` // of renewals
	TTL      int64        `json:"ttl_ms"`
	Released bool         `json:"released"`
}

func (c claim) ttl() time.Duration { return time.Duration(c.TTL) * time.Millisecond }

// lease is one that this process holds, until another token stands there.
type lease struct {
	store *Store
	name  string
	stop  context.CancelFunc // of the renewals
	ended chan struct{}
	free  func() error

	mu    sync.Mutex
	claim claim
	etag  string
	over  error // why it is held no more
}

func leaseName(name string) string { return leasesPrefix + name + ".json" }

// Lock implements store.Store.
func (s *Store) Lock(ctx context.Context, name string, h store.Holder) (store.Lease, error) {
	l, err := s.lock(ctx, name, h)
	var locked *store.LockedError
	if errors.As(err, &locked) {
		return nil, err
	}
	if err != nil {
		return nil, fmt.Errorf("lock the warehouse: lease %q in %s: %w", name, s.Root(), err)
	}
	return l, nil
}

func (s *Store) lock(ctx context.Context, name string, h store.Holder) (*lease, error) {
	if err := store.CheckLease(name); err != nil {
		return nil, err
	}
	l := &lease{store: s, name: leaseName(name), ended: make(chan struct{}),
		claim: claim{Holder: h, Token: rand.Text(), TTL: s.ttl.Milliseconds()}}
	abandoned, err := l.take(ctx, name)
	if err != nil {
		return nil, err
	}
	// Who has lost another one finds out when it looks, with Commit in its hands.
	if abandoned && name == store.Commit {
		if err := s.fence(ctx); err != nil {
			// The lease is left to expire: who takes it then fences too.
			return nil, err
		}
	}
	renewing, stop := context.WithCancel(context.WithoutCancel(ctx))
	l.stop = stop
	l.free = sync.OnceValue(l.release)
	go l.keep(renewing)
	return l, nil
}

// take writes the claim where no other holds the lease. It reports whether the
// lease was taken from a holder that has not given it back.
func (l *lease) take(ctx context.Context, name string) (abandoned bool, err error) {
	for range swapAttempts {
		var now claim
		var o object
		if now, o, err = l.read(ctx); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return false, err
		}
		if err == nil && now.Token == l.claim.Token {
			l.etag = o.etag // the answer to the write was lost
			return abandoned, nil
		}
		if err == nil && !now.Released && !o.dated {
			return false, fmt.Errorf("the age of %s is not known: the server's answers have no date", l.store.url(l.name))
		}
		if err == nil && !now.Released && o.age < now.ttl()+resolution {
			return false, &store.LockedError{Lease: name, Holder: now.Holder, Since: now.Holder.Since, Expires: o.last.Add(now.ttl())}
		}
		abandoned = err == nil && !now.Released
		if err = l.write(ctx, o.etag, l.claim); err == nil {
			return abandoned, nil
		}
		if !refused(err) && !missing(err) {
			return false, err
		}
	}
	return false, err
}

// read returns what stands in the lease.
func (l *lease) read(ctx context.Context) (claim, object, error) {
	o, err := l.store.get(ctx, l.name)
	if err != nil {
		return claim{}, object{}, err
	}
	var c claim
	if err := json.Unmarshal(o.data, &c); err != nil || c.Token == "" {
		return claim{}, object{}, fmt.Errorf("%s holds %.200q, expected a lease as JSON", l.store.url(l.name), o.data)
	}
	return c, o, nil
}

// write replaces what stands in the lease if it has the ETag.
func (l *lease) write(ctx context.Context, etag string, c claim) error {
	text, err := json.Marshal(c)
	if err != nil {
		return err
	}
	if etag, err = l.store.putIf(ctx, l.name, etag, text); err != nil {
		return err
	}
	l.claim, l.etag = c, etag
	return nil
}

// keep renews the lease until it is released or lost. A renewal that fails is
// tried again at the next turn, and by Check, which reports it.
func (l *lease) keep(ctx context.Context) {
	defer close(l.ended)
	turn := l.store.ttl / renewals
	ticker := time.NewTicker(turn)
	defer ticker.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
		}
		attempt, cancel := context.WithTimeout(ctx, turn)
		err := l.renew(attempt)
		cancel()
		if errors.Is(err, store.ErrLost) {
			return
		}
	}
}

// Check implements store.Lease: it renews the lease.
func (l *lease) Check(ctx context.Context) error {
	if err := l.renew(ctx); err != nil {
		return fmt.Errorf("renew %s: %w", l.store.url(l.name), err)
	}
	return nil
}

func (l *lease) renew(ctx context.Context) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.update(ctx, false)
}

// update writes the claim again, as long as it is the one that stands there.
func (l *lease) update(ctx context.Context, released bool) error {
	if l.over != nil {
		return l.over
	}
	next := l.claim
	next.Counter++
	next.Released = released
	var err error
	for range swapAttempts {
		if err = l.write(ctx, l.etag, next); err == nil {
			return nil
		}
		if !refused(err) && !missing(err) {
			return err
		}
		now, o, readErr := l.read(ctx)
		switch {
		case errors.Is(readErr, fs.ErrNotExist):
			l.over = fmt.Errorf("%w: it was removed", store.ErrLost)
			return l.over
		case readErr != nil:
			return errors.Join(err, readErr)
		case now.Token != l.claim.Token:
			l.over = fmt.Errorf("%w: %s has it", store.ErrLost, now.Holder)
			return l.over
		}
		// It is ours: the answer to a write was lost. What stands there may be
		// of an earlier write, so it is written again.
		l.etag = o.etag
	}
	return err
}

// Release implements store.Lease. What was lost needs no giving back.
func (l *lease) Release() error { return l.free() }

func (l *lease) release() error {
	l.stop()
	<-l.ended
	l.mu.Lock()
	defer l.mu.Unlock()
	ctx, cancel := context.WithTimeout(context.Background(), releaseTime)
	defer cancel()
	err := l.update(ctx, true)
	if l.over == nil {
		l.over = fmt.Errorf("%w: it was released", store.ErrLost)
	}
	if err != nil && !errors.Is(err, store.ErrLost) {
		return fmt.Errorf("release %s, which expires in %v: %w", l.store.url(l.name), l.claim.ttl(), err)
	}
	return nil
}
