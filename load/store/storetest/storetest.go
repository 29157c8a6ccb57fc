// Package storetest is the suite that every store passes, and a store that
// breaks at a chosen call.
package storetest

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"testing"
	"time"

	"stocktake/load/store"
)

// Suite says how to reach a store.
type Suite struct {
	// New returns an empty destination, as two processes see it.
	New func(t *testing.T) (a, b store.Store)
	// Read reads what a location names.
	Read func(t *testing.T, path string) ([]byte, error)
	// Current reads a file of current/.
	Current func(t *testing.T, s store.Store, name string) ([]byte, error)
	// HidesStaged says that nobody can read what is staged before Finish.
	HidesStaged bool
	// Expire ends the life of the process that holds a lease of the store
	// without its giving the lease back, and waits until the lease has expired.
	// Where nil, only the system ends leases.
	Expire func(t *testing.T, s store.Store, lease string)
}

// Run runs all tests of the suite.
func (s Suite) Run(t *testing.T) {
	tests := []struct {
		name string
		run  func(*testing.T, *destination)
	}{
		{"probing leaves nothing", testProbe},
		{"staged files are invisible until they are finished", testStage},
		{"finishing replaces a file", testReplace},
		{"finishing again has no effect", testFinishAgain},
		{"staging again replaces what was staged", testStageAgain},
		{"staging fails when the content is another", testStageWrong},
		{"discarding drops what a run staged", testDiscard},
		{"small objects", testObjects},
		{"lists are in order and whole", testList},
		{"names that lead elsewhere are refused", testNames},
		{"the pointer moves by compare and swap", testHead},
		{"of many swaps one succeeds", testHeadRace},
		{"current shows the files of the last switch", testCurrent},
		{"a reader keeps the files of its commit", testGenerations},
		{"missing files are told apart", testMissing},
		{"a lease has one holder", testLock},
		{"of many lockers one succeeds", testLockRace},
		{"an expired lease is taken over, and who lost it cannot commit", testTakeover},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			a, b := s.New(t)
			test.run(t, &destination{Suite: s, a: a, b: b, local: t.TempDir()})
		})
	}
}

// destination is an empty store for one test.
type destination struct {
	Suite
	a, b  store.Store
	local string
	files int
}

// file writes a local file.
func (d *destination) file(t *testing.T, content string) store.File {
	t.Helper()
	d.files++
	name := filepath.Join(d.local, fmt.Sprint(d.files))
	if err := os.WriteFile(name, []byte(content), 0o600); err != nil {
		t.Fatal(err)
	}
	sum := sha256.Sum256([]byte(content))
	return store.File{Path: name, Size: int64(len(content)), SHA256: hex.EncodeToString(sum[:])}
}

func (d *destination) stage(t *testing.T, run, name, content string) store.Staged {
	t.Helper()
	st, err := d.a.Stage(t.Context(), run, name, d.file(t, content))
	if err != nil {
		t.Fatalf("Stage(%s, %s): %v", run, name, err)
	}
	return st
}

func (d *destination) finish(t *testing.T, st store.Staged) {
	t.Helper()
	if err := d.a.Finish(t.Context(), st); err != nil {
		t.Fatalf("Finish(%s): %v", st.Name, err)
	}
}

func object(st store.Staged) store.Object {
	return store.Object{Name: st.Name, Size: st.Size, SHA256: st.SHA256, Staged: &st}
}

// wantFile checks what the other process reads.
func (d *destination) wantFile(t *testing.T, run string, o store.Object, want string) {
	t.Helper()
	r, err := d.b.Open(t.Context(), run, o)
	if err != nil {
		t.Fatalf("Open(%s, %s): %v, want the content %q", run, o.Name, err, want)
	}
	defer r.Close()
	got, err := io.ReadAll(io.NewSectionReader(r, 0, r.Size()))
	if err != nil || string(got) != want {
		t.Fatalf("Open(%s, %s) reads %q, %v, want %q", run, o.Name, got, err, want)
	}
}

func (d *destination) names(t *testing.T, prefix string) []string {
	t.Helper()
	infos, err := d.b.List(t.Context(), prefix)
	if err != nil {
		t.Fatalf("List(%s): %v", prefix, err)
	}
	names := []string{}
	for _, i := range infos {
		names = append(names, i.Name)
	}
	return names
}

func (d *destination) wantNames(t *testing.T, prefix string, want ...string) {
	t.Helper()
	if got := d.names(t, prefix); !slices.Equal(got, append([]string{}, want...)) {
		t.Fatalf("List(%s) = %q, want %q", prefix, got, want)
	}
}

func testProbe(t *testing.T, d *destination) {
	if err := d.a.Probe(t.Context()); err != nil {
		t.Fatalf("Probe of an empty destination: %v", err)
	}
	for _, prefix := range []string{"runs/", "snapshots/", "current/"} {
		d.wantNames(t, prefix)
		if left := d.unfinished(t, prefix); len(left) > 0 {
			t.Errorf("Probe has left %+v", left)
		}
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := d.a.Probe(ctx); !errors.Is(err, context.Canceled) {
		t.Errorf("Probe when interrupted: %v, want %v", err, context.Canceled)
	}
}

func testStage(t *testing.T, d *destination) {
	const name = "snapshots/t/v1/snapshot_date=2026-11-22/t.parquet"
	st := d.stage(t, "r1", name, "one")
	if st.Run != "r1" || st.Name != name || st.Size != 3 || st.SHA256 == "" {
		t.Fatalf("Stage returns %+v, want run, name, size and checksum in it", st)
	}
	d.wantNames(t, "snapshots/")
	final := store.Object{Name: name, Size: 3}
	if _, err := d.b.Locate(t.Context(), "r1", final); !errors.Is(err, fs.ErrNotExist) {
		t.Fatalf("Locate before Finish: %v, want %v", err, fs.ErrNotExist)
	}
	at, err := d.b.Locate(t.Context(), "r1", object(st))
	if d.HidesStaged {
		if !errors.Is(err, store.ErrUnfinished) || errors.Is(err, fs.ErrNotExist) {
			t.Fatalf("Locate of the staged file = %+v, %v, want %v", at, err, store.ErrUnfinished)
		}
	} else if err != nil || at.Finished {
		t.Fatalf("Locate of the staged file = %+v, %v, want an unfinished one", at, err)
	}
	d.finish(t, st)
	d.wantNames(t, "snapshots/", name)
	for _, o := range []store.Object{final, object(st)} {
		at, err := d.b.Locate(t.Context(), "r1", o)
		if err != nil || !at.Finished {
			t.Fatalf("Locate after Finish = %+v, %v, want a finished file", at, err)
		}
		if got, err := d.Read(t, at.Path); err != nil || string(got) != "one" {
			t.Fatalf("%s holds %q, %v, want %q", at.Path, got, err, "one")
		}
		d.wantFile(t, "r1", o, "one")
	}
}

func testReplace(t *testing.T, d *destination) {
	first := d.stage(t, "r1", "snapshots/t.parquet", "one")
	d.finish(t, first)
	second := d.stage(t, "r2", "snapshots/t.parquet", "second")
	d.wantFile(t, "r1", object(first), "one")
	d.finish(t, second)
	d.wantFile(t, "r2", object(second), "second")
	d.wantNames(t, "snapshots/", "snapshots/t.parquet")
}

func testFinishAgain(t *testing.T, d *destination) {
	st := d.stage(t, "r1", "snapshots/t.parquet", "one")
	for range 3 {
		d.finish(t, st)
	}
	if err := d.b.Finish(t.Context(), st); err != nil {
		t.Fatalf("Finish by another process: %v", err)
	}
	d.wantFile(t, "r1", object(st), "one")
	lost := store.Staged{Run: "r1", Name: "snapshots/other.parquet", Size: 3}
	if err := d.a.Finish(t.Context(), lost); err == nil {
		t.Fatal("Finish of what was never staged: no error")
	}
}

func testStageAgain(t *testing.T, d *destination) {
	d.stage(t, "r1", "snapshots/t.parquet", "one")
	st := d.stage(t, "r1", "snapshots/t.parquet", "other")
	d.finish(t, st)
	d.wantFile(t, "r1", object(st), "other")
}

func testStageWrong(t *testing.T, d *destination) {
	f := d.file(t, "one")
	f.Size++
	if _, err := d.a.Stage(t.Context(), "r1", "snapshots/t.parquet", f); err == nil {
		t.Fatal("Stage of a file of another size: no error")
	}
	f.Path = filepath.Join(d.local, "missing")
	if _, err := d.a.Stage(t.Context(), "r1", "snapshots/t.parquet", f); !errors.Is(err, fs.ErrNotExist) {
		t.Fatalf("Stage of a missing file: %v, want %v", err, fs.ErrNotExist)
	}
}

func testDiscard(t *testing.T, d *destination) {
	kept := d.stage(t, "r2", "snapshots/t.parquet", "kept")
	finished := d.stage(t, "r1", "snapshots/f.parquet", "finished")
	d.finish(t, finished)
	gone := d.stage(t, "r1", "snapshots/t.parquet", "gone")
	d.stage(t, "r1", "events/e.parquet", "not asked for")
	left := d.unfinished(t, "snapshots/")
	if len(left) != 2 || left[0].Name != kept.Name || left[1].Name != kept.Name {
		t.Fatalf("Unfinished(snapshots/) = %+v, want the two of %s", left, kept.Name)
	}
	for _, st := range left {
		if st.Token == kept.Token && (st.Run == kept.Run || st.Run == "") {
			continue
		}
		for range 2 {
			if err := d.b.Discard(t.Context(), st); err != nil {
				t.Fatalf("Discard(%+v): %v", st, err)
			}
		}
	}
	if left := d.unfinished(t, "snapshots/"); len(left) != 1 {
		t.Fatalf("Unfinished after Discard = %+v, want the one of run r2", left)
	}
	if err := d.b.Discard(t.Context(), gone); err != nil {
		t.Fatalf("Discard of what is gone: %v", err)
	}
	if err := d.a.Finish(t.Context(), gone); err == nil {
		t.Fatal("Finish after Discard: no error")
	}
	d.wantFile(t, "r1", object(finished), "finished")
	d.finish(t, kept)
	d.wantFile(t, "r2", object(kept), "kept")
	if left := d.unfinished(t, "snapshots/"); len(left) != 0 {
		t.Fatalf("Unfinished when all is finished = %+v, want none", left)
	}
}

func (d *destination) unfinished(t *testing.T, prefix string) []store.Staged {
	t.Helper()
	left, err := d.b.Unfinished(t.Context(), prefix)
	if err != nil {
		t.Fatalf("Unfinished(%s): %v", prefix, err)
	}
	return left
}

func testObjects(t *testing.T, d *destination) {
	ctx := t.Context()
	if _, err := d.a.Get(ctx, "runs/a.json"); !errors.Is(err, fs.ErrNotExist) {
		t.Fatalf("Get of nothing: %v, want %v", err, fs.ErrNotExist)
	}
	for _, content := range []string{"one", "", "three"} {
		if err := d.a.Put(ctx, "runs/a.json", []byte(content)); err != nil {
			t.Fatalf("Put(%q): %v", content, err)
		}
		if got, err := d.b.Get(ctx, "runs/a.json"); err != nil || string(got) != content {
			t.Fatalf("Get = %q, %v, want %q", got, err, content)
		}
	}
	for range 2 {
		if err := d.a.Delete(ctx, "runs/a.json"); err != nil {
			t.Fatalf("Delete: %v", err)
		}
	}
	if err := d.a.Delete(ctx, "nowhere/a.json"); err != nil {
		t.Fatalf("Delete where nothing is: %v", err)
	}
	if _, err := d.b.Get(ctx, "runs/a.json"); !errors.Is(err, fs.ErrNotExist) {
		t.Fatalf("Get after Delete: %v, want %v", err, fs.ErrNotExist)
	}
}

func testList(t *testing.T, d *destination) {
	d.wantNames(t, "runs/")
	var want []string
	for _, name := range []string{"runs/b.json", "runs/a/x.json", "runs/a.json", "runsother.json"} {
		if err := d.a.Put(t.Context(), name, []byte(name)); err != nil {
			t.Fatal(err)
		}
		if name != "runsother.json" {
			want = append(want, name)
		}
	}
	slices.Sort(want)
	d.wantNames(t, "runs/", want...)
	infos, err := d.b.List(t.Context(), "runs/")
	if err != nil {
		t.Fatal(err)
	}
	for _, i := range infos {
		if i.Size != int64(len(i.Name)) {
			t.Errorf("List: %s has size %d, want %d", i.Name, i.Size, len(i.Name))
		}
	}
}

func testNames(t *testing.T, d *destination) {
	ctx := t.Context()
	for _, name := range []string{"", "/etc/passwd", "../x", "a/../../x", "a//b", "a/", ".lock", "a/.hidden/b", "a\x00b", `a\b`} {
		_, stageErr := d.a.Stage(ctx, "r1", name, d.file(t, "x"))
		_, getErr := d.a.Get(ctx, name)
		for call, err := range map[string]error{
			"Put": d.a.Put(ctx, name, nil), "Get": getErr, "Stage": stageErr, "Delete": d.a.Delete(ctx, name),
			"Finish": d.a.Finish(ctx, store.Staged{Run: "r1", Name: name}),
		} {
			if err == nil || errors.Is(err, fs.ErrNotExist) {
				t.Errorf("%s(%q): %v, want the name to be refused", call, name, err)
			}
		}
	}
}

func testHead(t *testing.T, d *destination) {
	ctx := t.Context()
	first, err := d.a.Head(ctx)
	if err != nil || first.Run != "" {
		t.Fatalf("Head = %+v, %v, want none", first, err)
	}
	one, err := d.a.SwapHead(ctx, first, "r1")
	if err != nil || one.Run != "r1" {
		t.Fatalf("SwapHead = %+v, %v, want r1", one, err)
	}
	if _, err := d.b.SwapHead(ctx, first, "r2"); !errors.Is(err, store.ErrConflict) {
		t.Fatalf("SwapHead from an old pointer: %v, want %v", err, store.ErrConflict)
	}
	if got, err := d.b.Head(ctx); err != nil || got != one {
		t.Fatalf("Head = %+v, %v, want %+v", got, err, one)
	}
	if two, err := d.b.SwapHead(ctx, one, "r2"); err != nil || two.Run != "r2" {
		t.Fatalf("SwapHead = %+v, %v, want r2", two, err)
	}
}

func testHeadRace(t *testing.T, d *destination) {
	const racers = 8
	var wg sync.WaitGroup
	errs := make([]error, racers)
	for i := range racers {
		s := d.a
		if i%2 == 1 {
			s = d.b
		}
		wg.Go(func() { _, errs[i] = s.SwapHead(context.Background(), store.Head{}, fmt.Sprint("r", i)) })
	}
	wg.Wait()
	head, err := d.a.Head(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	for i, err := range errs {
		if won := head.Run == fmt.Sprint("r", i); won != (err == nil) || !won && !errors.Is(err, store.ErrConflict) {
			t.Errorf("SwapHead of r%d: %v, and the head is %s: want success of one and a conflict for the others", i, err, head.Run)
		}
	}
}

func testCurrent(t *testing.T, d *destination) {
	ctx := t.Context()
	switchTo := func(run string, files map[string]string) {
		t.Helper()
		var links []store.Link
		for as, content := range files {
			st := d.stage(t, run, "snapshots/"+as, content)
			d.finish(t, st)
			links = append(links, store.Link{As: as, Name: st.Name, Size: st.Size, SHA256: st.SHA256})
		}
		for range 2 {
			if err := d.a.SwitchCurrent(ctx, run, links); err != nil {
				t.Fatalf("SwitchCurrent(%s): %v", run, err)
			}
		}
	}
	want := func(name, content string) {
		t.Helper()
		if got, err := d.Current(t, d.b, name); err != nil || string(got) != content {
			t.Errorf("current/%s holds %q, %v, want %q", name, got, err, content)
		}
	}
	if _, err := d.Current(t, d.b, "a.parquet"); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("current/a.parquet before the first switch: %v, want %v", err, fs.ErrNotExist)
	}
	switchTo("r1", map[string]string{"a.parquet": "a1", "b.parquet": "b1"})
	want("a.parquet", "a1")
	want("b.parquet", "b1")
	switchTo("r2", map[string]string{"a.parquet": "a2", "c.parquet": "c2"})
	want("a.parquet", "a2")
	want("c.parquet", "c2")
	if _, err := d.Current(t, d.b, "b.parquet"); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("current/b.parquet after a switch without it: %v, want %v", err, fs.ErrNotExist)
	}
}

func testGenerations(t *testing.T, d *destination) {
	var objects []store.Object
	for i := range 4 {
		run := fmt.Sprint("r", i)
		st := d.stage(t, run, "snapshots/t.parquet", fmt.Sprint("content ", i))
		d.finish(t, st)
		if err := d.a.SwitchCurrent(t.Context(), run, []store.Link{{As: "t.parquet", Name: st.Name, Size: st.Size, SHA256: st.SHA256}}); err != nil {
			t.Fatal(err)
		}
		o := object(st)
		o.Current = "t.parquet"
		objects = append(objects, o)
		d.wantFile(t, run, o, fmt.Sprint("content ", i))
	}
	d.wantFile(t, "r3", objects[3], "content 3")
}

func testMissing(t *testing.T, d *destination) {
	ctx := t.Context()
	st := d.stage(t, "r1", "snapshots/t.parquet", "one")
	d.finish(t, st)
	for _, o := range []store.Object{
		{Name: "snapshots/none.parquet", Size: 3},
		{Name: "snapshots/t.parquet", Size: 4},
		{Name: "snapshots/none.parquet", Current: "none.parquet", Size: 3, Staged: &store.Staged{Run: "r1", Name: "snapshots/none.parquet"}},
	} {
		if at, err := d.b.Locate(ctx, "r1", o); !errors.Is(err, fs.ErrNotExist) {
			t.Errorf("Locate(%+v) = %+v, %v, want %v", o, at, err, fs.ErrNotExist)
		}
		replaced := o.Name == st.Name
		if _, err := d.b.Open(ctx, "r1", o); !errors.Is(err, fs.ErrNotExist) || errors.Is(err, store.ErrReplaced) != replaced {
			t.Errorf("Open(%+v): %v, want %v, and that it was replaced: %v", o, err, fs.ErrNotExist, replaced)
		}
	}
}

var holder = store.Holder{Host: "night", PID: 7, Program: "stocktake", Run: "r1", Since: time.Date(2026, 11, 22, 3, 0, 0, 0, time.UTC)}

func (d *destination) lock(t *testing.T, s store.Store, name string) store.Lease {
	t.Helper()
	l, err := s.Lock(t.Context(), name, holder)
	if err != nil {
		t.Fatalf("Lock(%s): %v", name, err)
	}
	if err := l.Check(t.Context()); err != nil {
		t.Fatalf("Check of a lease that is held: %v", err)
	}
	return l
}

func testLock(t *testing.T, d *destination) {
	ctx := t.Context()
	held := d.lock(t, d.a, store.Snapshots)
	other := d.lock(t, d.b, "trail_events")
	for _, s := range []store.Store{d.a, d.b} {
		_, err := s.Lock(ctx, store.Snapshots, store.Holder{Host: "other"})
		var locked *store.LockedError
		if !errors.As(err, &locked) || locked.Holder != holder || !locked.Since.Equal(holder.Since) || locked.Lease != store.Snapshots {
			t.Fatalf("Lock while it is held: %v, want a LockedError of %v", err, holder)
		}
	}
	for range 2 {
		if err := held.Release(); err != nil {
			t.Fatalf("Release: %v", err)
		}
	}
	if err := held.Check(ctx); !errors.Is(err, store.ErrLost) {
		t.Fatalf("Check after Release: %v, want %v", err, store.ErrLost)
	}
	again := d.lock(t, d.b, store.Snapshots)
	if err := errors.Join(again.Release(), other.Release()); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"", "a/b", "..", "A"} {
		if _, err := d.a.Lock(ctx, name, holder); err == nil {
			t.Errorf("Lock(%q): no error, want the name to be refused", name)
		}
	}
}

func testLockRace(t *testing.T, d *destination) {
	const racers = 8
	var wg sync.WaitGroup
	leases := make([]store.Lease, racers)
	errs := make([]error, racers)
	for i := range racers {
		s := d.a
		if i%2 == 1 {
			s = d.b
		}
		wg.Go(func() { leases[i], errs[i] = s.Lock(context.Background(), store.Snapshots, holder) })
	}
	wg.Wait()
	winners := 0
	for i, err := range errs {
		var locked *store.LockedError
		switch {
		case err == nil:
			winners++
			if err := leases[i].Release(); err != nil {
				t.Errorf("Release: %v", err)
			}
		case !errors.As(err, &locked):
			t.Errorf("Lock of racer %d: %v, want the lease or a LockedError", i, err)
		}
	}
	if winners != 1 {
		t.Errorf("%d racers hold the lease, want 1", winners)
	}
}

func testTakeover(t *testing.T, d *destination) {
	if d.Expire == nil {
		t.Skip("only the system ends the leases of this store")
	}
	ctx := t.Context()
	for _, first := range []bool{true, false} {
		before, err := d.a.Head(ctx)
		if err != nil {
			t.Fatal(err)
		}
		if (before.Run == "") != first {
			t.Fatalf("Head = %+v, want one after the first round", before)
		}
		lost := d.lock(t, d.a, store.Commit)
		d.Expire(t, d.a, store.Commit)
		taken := d.lock(t, d.b, store.Commit)
		if err := lost.Check(ctx); !errors.Is(err, store.ErrLost) {
			t.Fatalf("Check of a lease that another process has: %v, want %v", err, store.ErrLost)
		}
		if _, err := d.a.SwapHead(ctx, before, "stale"); !errors.Is(err, store.ErrConflict) {
			t.Fatalf("SwapHead by who has lost the lease: %v, want %v", err, store.ErrConflict)
		}
		if err := lost.Release(); err != nil {
			t.Fatalf("Release of a lost lease: %v", err)
		}
		if err := taken.Check(ctx); err != nil {
			t.Fatalf("Check after the loser has released: %v", err)
		}
		now, err := d.b.Head(ctx)
		if err != nil || now.Run != before.Run {
			t.Fatalf("Head after a takeover = %+v, %v, want run %q", now, err, before.Run)
		}
		if _, err := d.b.SwapHead(ctx, now, "r2"); err != nil {
			t.Fatalf("SwapHead by who holds the lease: %v", err)
		}
		if err := taken.Release(); err != nil {
			t.Fatal(err)
		}
	}
}
