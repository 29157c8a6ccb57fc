package load

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"stocktake/internal/s3test"
	"stocktake/load/store"
	"stocktake/load/store/memory"
	"stocktake/load/store/s3"
	"stocktake/load/store/storetest"
)

// bucket is an empty destination that hides what is staged.
type bucket struct {
	name string
	open func(t *testing.T) (again func() store.Store)
}

var buckets = []bucket{
	{"memory", func(*testing.T) func() store.Store {
		s := memory.New()
		return func() store.Store { return s.Again() }
	}},
	{"s3", func(t *testing.T) func() store.Store {
		server := s3test.Start(t)
		o := s3.Options{Bucket: server.Bucket(t), Prefix: "ware/house"}
		return func() store.Store { return onS3(t, server, o) }
	}},
}

// valuesIn reads every file of a state, as a process on another machine does.
func valuesIn(t *testing.T, s store.Store, st *State) map[string]int {
	t.Helper()
	got := map[string]int{}
	for _, table := range st.Tables {
		path, err := store.Fetch(t.Context(), s, st.Head.Run, table.Object(), t.TempDir())
		if err != nil {
			t.Fatalf("table %s: %v", table.Table, err)
		}
		if got[table.Table], err = fileValue(path); err != nil {
			t.Fatal(err)
		}
	}
	return got
}

// current reads every file of current/.
func current(t *testing.T, s store.Store) map[string]int {
	t.Helper()
	infos, err := s.List(t.Context(), "current/")
	if err != nil {
		t.Fatal(err)
	}
	got := map[string]int{}
	for _, info := range infos {
		path, err := store.Fetch(t.Context(), s, "", store.Object{Name: info.Name, Size: info.Size}, t.TempDir())
		if err != nil {
			t.Fatal(err)
		}
		if got[strings.TrimSuffix(filepath.Base(info.Name), ".parquet")], err = fileValue(path); err != nil {
			t.Fatal(err)
		}
	}
	return got
}

// steps are runs of which each follows on the last, round after round.
var steps = []scenario{
	{name: "next day", tables: []string{"a", "b", "c"}},
	{name: "rerun of the day", tables: []string{"a", "b"}, kept: []string{"c"}},
	{name: "a table leaves", tables: []string{"a", "c"}},
}

// A process ends at each call of the store, before or after its effect, on a
// warehouse that goes on from there.
func TestCrashOnBuckets(t *testing.T) {
	for _, b := range buckets {
		t.Run(b.name, func(t *testing.T) {
			again := b.open(t)
			n := 0
			now := map[string]int{}
			for _, late := range []bool{false, true} {
				for k := 0; ; k += stride() {
					crashed := false
					for _, step := range steps {
						n++
						sc := step
						sc.run, sc.value, sc.before, sc.after = fmt.Sprintf("run-%04d", n), n, now, map[string]int{}
						sc.date = fmt.Sprintf("20%02d-%02d-%02d", 26+n/336, n/28%12+1, n%28+1)
						if step.kept != nil {
							sc.date = fmt.Sprintf("20%02d-%02d-%02d", 26+(n-1)/336, (n-1)/28%12+1, (n-1)%28+1)
						}
						for _, table := range sc.tables {
							sc.after[table] = n
						}
						for _, table := range sc.kept {
							sc.after[table] = now[table]
						}
						name := fmt.Sprintf("%s, late %v, call %d", sc.name, late, k)
						crashed = crashBucket(t, name, sc, again, &storetest.Broken{Store: again(), At: int64(k), Late: late}) || crashed
						now = sc.after
					}
					if !crashed {
						t.Logf("late %v: %d calls", late, k)
						break
					}
				}
			}
		})
	}
}

// crashBucket publishes in a process that may end, and has the next one go on
// until the run is published. It reports whether the process ended.
func crashBucket(t *testing.T, name string, sc scenario, again func() store.Store, broken *storetest.Broken) bool {
	t.Helper()
	ctx := context.Background()
	files := sc.files(t, t.TempDir())
	p := sc.publication(t, files, readStateOf(t, again()), Hooks{})
	_, err := Publish(ctx, broken, p)
	crashed := broken.Dead()
	if err != nil && !errors.Is(err, storetest.ErrDead) || err == nil && crashed && !broken.Late {
		t.Fatalf("%s: %v", name, err)
	}
	fresh := again()
	head, err := fresh.Head(ctx)
	if err != nil {
		t.Fatal(err)
	}
	want := sc.before
	if head.Run == sc.run {
		want = sc.after
	}
	// What a reader can see is of one commit, and whole.
	st, err := readState(ctx, fresh, []EventTable{eventTable})
	switch {
	case errors.Is(err, store.ErrUnfinished) && crashed && head.Run == sc.run:
	case err != nil:
		t.Fatalf("%s: read the state: %v", name, err)
	default:
		if got := valuesIn(t, fresh, st); !maps.Equal(got, want) {
			t.Fatalf("%s: a reader sees %v, want %v", name, got, want)
		}
	}
	for table, v := range current(t, fresh) {
		if v != sc.before[table] && v != sc.after[table] {
			t.Fatalf("%s: current/%s is of run %d, want %d or %d", name, table, v, sc.before[table], sc.after[table])
		}
	}
	if err := errors.Join(Recover(ctx, fresh, Hooks{}), Sweep(ctx, fresh)); err != nil {
		t.Fatalf("%s: recover: %v", name, err)
	}
	for _, prefix := range []string{"snapshots/", "events/"} {
		if left, err := fresh.Unfinished(ctx, prefix); err != nil || len(left) > 0 {
			t.Fatalf("%s: left over: %+v, %v", name, left, err)
		}
	}
	if head.Run != sc.run {
		if got := valuesIn(t, fresh, readStateOf(t, fresh)); !maps.Equal(got, sc.before) {
			t.Fatalf("%s: after recovery a reader sees %v, want %v", name, got, sc.before)
		}
		if _, err := Publish(ctx, fresh, sc.publication(t, files, readStateOf(t, fresh), Hooks{})); err != nil {
			t.Fatalf("%s: publish again: %v", name, err)
		}
	}
	st = readStateOf(t, fresh)
	if got, shown := valuesIn(t, fresh, st), current(t, fresh); !maps.Equal(got, sc.after) || !maps.Equal(shown, sc.after) {
		t.Fatalf("%s: a reader sees %v and current/ shows %v, want %v", name, got, shown, sc.after)
	}
	if pending, err := fresh.List(ctx, pendingPrefix); err != nil || len(pending) > 0 {
		t.Fatalf("%s: left over: %v, %v", name, pending, err)
	}
	if report, err := VerifyRun(ctx, fresh, sc.run); err != nil || report.Bad() > 0 {
		t.Fatalf("%s: VerifyRun: %+v, %v", name, report, err)
	}
	return crashed
}

// A run that lost its lease fails at the commit, and leaves alone what the run
// that has it now is doing.
func TestLostLease(t *testing.T) {
	ctx := t.Context()
	for _, when := range []string{"before the commit", "between the check and the swap"} {
		s := memory.New()
		made := scenarios[0].files(t, t.TempDir())
		lost, err := s.Lock(ctx, store.Commit, store.Holder{Host: "slow"})
		if err != nil {
			t.Fatal(err)
		}
		var staged store.Staged
		takeOver := func() {
			s.Expire(store.Commit)
			if _, err := s.Lock(ctx, store.Commit, store.Holder{Host: "quick"}); err != nil {
				t.Fatal(err)
			}
			if err := errors.Join(Recover(ctx, s, Hooks{}), Sweep(ctx, s)); err != nil {
				t.Fatal(err)
			}
			f := made["a"].File
			if staged, err = s.Stage(ctx, "run-of-quick", "snapshots/a.parquet", store.File{Path: f.Path, Size: f.Bytes, SHA256: f.SHA256}); err != nil {
				t.Fatal(err)
			}
		}
		p := scenarios[0].publication(t, made, readStateOf(t, s), Hooks{})
		p.Leases = []store.Lease{lost}
		slow := store.Store(s)
		if when == "before the commit" {
			p.Leases = []store.Lease{beforeCheck{lost, takeOver}}
		} else {
			slow = beforeSwap{s, takeOver}
		}
		want := map[bool]error{true: store.ErrLost, false: store.ErrConflict}[when == "before the commit"]
		if _, err := Publish(ctx, slow, p); !errors.Is(err, want) {
			t.Fatalf("%s: Publish by who has lost the lease: %v, want %v", when, err, want)
		}
		left, err := s.Unfinished(ctx, "snapshots/")
		if err != nil || len(left) != 1 || left[0].Token != staged.Token {
			t.Errorf("%s: staged is %+v, %v, want what the run that holds the lease has staged", when, left, err)
		}
		if st := readStateOf(t, s); st.Manifest != nil {
			t.Errorf("%s: run %s is committed, want none", when, st.Head.Run)
		}
	}
}

type beforeCheck struct {
	store.Lease
	do func()
}

func (b beforeCheck) Check(ctx context.Context) error { b.do(); return b.Lease.Check(ctx) }

type beforeSwap struct {
	store.Store
	do func()
}

func (b beforeSwap) SwapHead(ctx context.Context, old store.Head, run string) (store.Head, error) {
	b.do()
	return b.Store.SwapHead(ctx, old, run)
}

// A copy that is not what the manifest says is not read.
func TestFetchChecks(t *testing.T) {
	ctx := t.Context()
	s := memory.New()
	sc := scenarios[0]
	if _, err := Publish(ctx, s, sc.publication(t, sc.files(t, t.TempDir()), readStateOf(t, s), Hooks{})); err != nil {
		t.Fatal(err)
	}
	st := readStateOf(t, s)
	dir := t.TempDir()
	a, _ := st.Find("a.v1")
	if err := s.Put(ctx, a.ManifestTable.Path, []byte(strings.Repeat("x", int(a.Bytes)))); err != nil {
		t.Fatal(err)
	}
	if _, err := store.Fetch(ctx, s, st.Head.Run, a.Object(), dir); err == nil {
		t.Error("Fetch of a file that was changed: no error")
	}
	if left, err := os.ReadDir(dir); err != nil || len(left) > 0 {
		t.Errorf("Fetch left %v, %v", left, err)
	}
}

// A commit whose answer comes so late that another run has followed it is none
// to take back.
func TestLateAnswer(t *testing.T) {
	ctx := t.Context()
	s := memory.New()
	first, second := scenarios[0], scenarios[1]
	late := afterSwap{s, func() {
		if _, err := Publish(ctx, s, second.publication(t, second.files(t, t.TempDir()), completed(t, s), Hooks{})); err != nil {
			t.Fatal(err)
		}
	}}
	_, err := Publish(ctx, late, first.publication(t, first.files(t, t.TempDir()), readStateOf(t, s), Hooks{}))
	var unfinished *UnfinishedError
	if !errors.As(err, &unfinished) || unfinished.Run != first.run {
		t.Fatalf("Publish whose answer comes too late: %v, want an UnfinishedError of %s", err, first.run)
	}
	for _, run := range []string{first.run, second.run} {
		if report, err := VerifyRun(ctx, s, run); err != nil || report.Bad() > 0 {
			t.Errorf("VerifyRun(%s): %+v, %v", run, report, err)
		}
	}
	if got := valuesIn(t, s, readStateOf(t, s)); !maps.Equal(got, second.after) {
		t.Errorf("a reader sees %v, want %v", got, second.after)
	}
}

type afterSwap struct {
	store.Store
	do func()
}

func (a afterSwap) SwapHead(ctx context.Context, old store.Head, run string) (store.Head, error) {
	if _, err := a.Store.SwapHead(ctx, old, run); err != nil {
		return store.Head{}, err
	}
	a.do()
	return store.Head{}, errors.New("the connection was lost")
}

// completed is the state after recovery, as a run finds it.
func completed(t *testing.T, s store.Store) *State {
	t.Helper()
	if err := Recover(t.Context(), s, Hooks{}); err != nil {
		t.Fatal(err)
	}
	return readStateOf(t, s)
}
