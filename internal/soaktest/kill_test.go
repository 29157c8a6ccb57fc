//go:build linux

package soaktest

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"sync"
	"testing"
	"time"

	"stocktake/internal/faultproxy"
	"stocktake/internal/pipeline"
	"stocktake/load"
	"stocktake/load/store"
)

// gallows kills a child at one of its requests, before the server gets it.
type gallows struct {
	mu     sync.Mutex
	at     int // 0 is never
	seen   int
	victim *os.Process
	done   bool
}

func (g *gallows) request(string) string {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.seen++
	if g.seen == g.at {
		g.done = g.victim.Kill() == nil
	}
	return ""
}

// run starts a child and waits for its end.
func (g *gallows) run(t *testing.T, j job, at int) (requests int, killed bool, err error) {
	t.Helper()
	c, stderr := j.command(t)
	g.mu.Lock()
	if err := c.Start(); err != nil {
		t.Fatal(err)
	}
	g.at, g.seen, g.victim, g.done = at, 0, c.Process, false
	g.mu.Unlock()
	if err = c.Wait(); err != nil {
		err = fmt.Errorf("%w: %s", err, stderr)
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.seen, g.done, err
}

// killsOfRound is how often a process is killed in a round.
const killsOfRound = 3

// TestKill kills processes that publish to a bucket, at requests that a seed
// chooses. What they leave is the state before or that after, and the next
// process goes on from there.
func TestKill(t *testing.T) {
	t.Parallel()
	rounds(t, func(t *testing.T, seed uint64) {
		g := &gallows{}
		b := newBucket(t, faultproxy.Options{Mask: g.request})
		b.LeaseTTL = 3 * time.Second // of a process that is killed the lease has to expire
		r := &round{seed: seed, dir: t.TempDir(), company: company{seed: int64(seed), accounts: 3}, now: monday, far: true, writer: b.writer, reader: b.reader}
		r.company.config(t, r.dir)
		moments := rand.New(rand.NewPCG(seed, 2))
		r.commitUndisturbed(t)
		r.before = read(t, r.reader(t))
		j := job{Line: &b.line, Dir: r.dir, Seed: r.company.seed, Accounts: r.company.accounts, Now: r.now}
		requests, _, err := g.run(t, j, 0)
		if err != nil {
			t.Fatalf("child that nobody kills: %v", err)
		}
		r.before = r.settle(t, r.undisturbed(t))
		watching := watch(t, b.reader(t), r.dir)
		commits := 0
		for kill := range killsOfRound {
			r.now = r.now.Add([]time.Duration{time.Hour, day}[moments.IntN(2)])
			j.Now = r.now
			at := 1 + moments.IntN(requests)
			_, killed, err := g.run(t, j, at)
			if !killed || err == nil {
				t.Fatalf("kill %d, at request %d of %d: the child ended by itself: %v", kill, at, requests, err)
			}
			want := r.undisturbed(t)
			if r.afterKill(t) {
				commits++
				r.before = r.settle(t, want)
			} else if err := r.lease(t).Release(); err != nil { // the next process finds what this one has left
				t.Fatal(err)
			}
			if t.Failed() {
				t.Fatalf("kill %d was at request %d of %d", kill, at, requests)
			}
		}
		t.Logf("%d of %d runs that were killed had been committed", commits, killsOfRound)
		r.now = r.now.Add(time.Hour)
		r.commitUndisturbed(t)
		r.settle(t, r.undisturbed(t))
		t.Logf("a reader has read %d states meanwhile", watching(t))
	})
}

// watch reads the last commit again and again, each file of it whole, until
// the function that it returns is called, which says how often.
func watch(t *testing.T, s store.Store, dir string) (end func(*testing.T) int) {
	t.Helper()
	ctx, stop := context.WithCancel(t.Context())
	t.Cleanup(stop)
	reads, done := 0, make(chan error, 1)
	go func() {
		again := time.NewTicker(300 * time.Millisecond) // one reader of many, and not the busiest
		defer again.Stop()
		for ctx.Err() == nil {
			select {
			case <-again.C:
			case <-ctx.Done():
				continue
			}
			switch err := readOnce(ctx, s, dir); {
			case errors.Is(err, store.ErrUnfinished): // nothing can be read until the next process finishes it
			case err != nil && ctx.Err() == nil:
				done <- err
				return
			default:
				reads++
			}
		}
		done <- nil
	}()
	return func(t *testing.T) int {
		stop()
		if err := <-done; err != nil {
			t.Errorf("a reader: %v", err)
		}
		return reads
	}
}

// readOnce reads every file of the last commit, as long as it is the last one.
// The checksums are those of the manifest, or there is an error.
func readOnce(ctx context.Context, s store.Store, dir string) error {
	state, err := load.ReadState(ctx, s)
	if err != nil {
		return err
	}
	dir, err = os.MkdirTemp(dir, "read-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	for _, table := range state.Tables {
		if _, err = store.Fetch(ctx, s, state.Head.Run, table.Object(), dir); err != nil {
			break
		}
	}
	head, headErr := s.Head(ctx)
	if headErr != nil || head.Run != state.Head.Run {
		return headErr // what was read may have been replaced meanwhile
	}
	return err
}

// afterKill checks what readers see after a process was killed, and reports
// whether its run is committed.
func (r *round) afterKill(t *testing.T) (committed bool) {
	t.Helper()
	s := r.reader(t)
	head, err := s.Head(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	committed = head.Run != r.before.run
	if !committed {
		for _, problem := range same(read(t, s), r.before) {
			t.Error(problem)
		}
		r.sameOldFiles(t, s)
	}
	checkEither(t, s, r.before.run, head.Run)
	return committed
}

// sameOldFiles checks that all files of the last commit stand as they were.
func (r *round) sameOldFiles(t *testing.T, s store.Store) {
	t.Helper()
	report, err := load.VerifyRun(t.Context(), s, r.before.run)
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range report.Files {
		if f.Status != load.FileOK {
			t.Errorf("%s is %s: %s", f.Path, f.Status, f.Problem)
		}
	}
}

// checkEither reads current/ as programs do that know of no manifest: each file
// is whole, and of one of two runs.
func checkEither(t *testing.T, s store.Store, runs ...string) {
	t.Helper()
	found := map[string]error{}
	for _, run := range runs {
		m, err := load.ReadManifest(t.Context(), s, run)
		if err != nil {
			t.Fatal(err)
		}
		for _, table := range m.Tables {
			name := "current/" + table.Current
			if err, known := found[name]; known && err == nil {
				continue
			}
			found[name] = sameFile(t, s, store.Object{Name: name, Size: table.Bytes, SHA256: table.SHA256})
		}
	}
	for name, err := range found {
		if err != nil {
			t.Errorf("%s is of neither of the runs %v: %v", name, runs, err)
		}
	}
}

// settle does what the next process begins with, and compares what there is then.
func (r *round) settle(t *testing.T, want *contents) *contents {
	t.Helper()
	r.recover(t)
	s := r.reader(t)
	got := read(t, s)
	for _, problem := range judge(got, want, r.before) {
		t.Error(problem)
	}
	checkWhole(t, s)
	return got
}

// commitUndisturbed runs in this process, once nobody holds the lease.
func (r *round) commitUndisturbed(t *testing.T) {
	t.Helper()
	o := options(r.company.config(t, r.dir), r.reader(t), r.company.at(r.now), r.now)
	_, err := pipeline.Run(t.Context(), o)
	for r.locked(err) {
		_, err = pipeline.Run(t.Context(), o)
	}
	if err != nil {
		t.Fatal(err)
	}
}
