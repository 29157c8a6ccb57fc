package storetest

import (
	"context"
	"errors"
	"sync/atomic"

	"stocktake/load/store"
)

// ErrDead is the error of every call of a process that has ended.
var ErrDead = errors.New("the process has ended")

// Broken is a store whose process ends at a call that changes something: that
// call and all after it fail.
type Broken struct {
	store.Store
	// At is the number of the call, from 0.
	At int64
	// Late lets the effect of the call at which the process ends take place.
	Late  bool
	calls atomic.Int64
}

// Calls returns how many calls have tried to change something.
func (b *Broken) Calls() int { return int(b.calls.Load()) }

// Dead reports whether the process has ended.
func (b *Broken) Dead() bool { return b.calls.Load() > b.At }

func (b *Broken) do(f func() error) error {
	switch n := b.calls.Add(1) - 1; {
	case n < b.At:
		return f()
	case n == b.At && b.Late:
		return errors.Join(ErrDead, f())
	}
	return ErrDead
}

// Stage implements store.Store.
func (b *Broken) Stage(ctx context.Context, run, name string, from store.File) (st store.Staged, err error) {
	err = b.do(func() (err error) { st, err = b.Store.Stage(ctx, run, name, from); return err })
	return st, err
}

// Finish implements store.Store.
func (b *Broken) Finish(ctx context.Context, st store.Staged) error {
	return b.do(func() error { return b.Store.Finish(ctx, st) })
}

// Discard implements store.Store.
func (b *Broken) Discard(ctx context.Context, st store.Staged) error {
	return b.do(func() error { return b.Store.Discard(ctx, st) })
}

// Put implements store.Store.
func (b *Broken) Put(ctx context.Context, name string, data []byte) error {
	return b.do(func() error { return b.Store.Put(ctx, name, data) })
}

// Delete implements store.Store.
func (b *Broken) Delete(ctx context.Context, name string) error {
	return b.do(func() error { return b.Store.Delete(ctx, name) })
}

// SwapHead implements store.Store.
func (b *Broken) SwapHead(ctx context.Context, old store.Head, run string) (head store.Head, err error) {
	err = b.do(func() (err error) { head, err = b.Store.SwapHead(ctx, old, run); return err })
	return head, err
}

// SwitchCurrent implements store.Store.
func (b *Broken) SwitchCurrent(ctx context.Context, run string, links []store.Link) error {
	return b.do(func() error { return b.Store.SwitchCurrent(ctx, run, links) })
}

// Head implements store.Store.
func (b *Broken) Head(ctx context.Context) (store.Head, error) {
	if b.Dead() {
		return store.Head{}, ErrDead
	}
	return b.Store.Head(ctx)
}

// Get implements store.Store.
func (b *Broken) Get(ctx context.Context, name string) ([]byte, error) {
	if b.Dead() {
		return nil, ErrDead
	}
	return b.Store.Get(ctx, name)
}

// List implements store.Store.
func (b *Broken) List(ctx context.Context, prefix string) ([]store.Info, error) {
	if b.Dead() {
		return nil, ErrDead
	}
	return b.Store.List(ctx, prefix)
}

// Unfinished implements store.Store.
func (b *Broken) Unfinished(ctx context.Context, prefix string) ([]store.Staged, error) {
	if b.Dead() {
		return nil, ErrDead
	}
	return b.Store.Unfinished(ctx, prefix)
}
