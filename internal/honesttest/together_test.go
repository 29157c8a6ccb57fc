package honesttest

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"stocktake/internal/pipeline"
	"stocktake/load"
	"stocktake/load/store"
	"stocktake/load/store/local"
)

// togetherWorld is a company with a table of each kind, and a first run of both.
func togetherWorld(t *testing.T, dir string) *world {
	t.Helper()
	w := newWorld(t, dir, tiny)
	w.only(volumes, events)
	return w
}

// narrowed has a run collect some tables alone.
func narrowed(tables ...string) func(*pipeline.Options) {
	return func(o *pipeline.Options) {
		o.Tables = map[string]bool{}
		for _, t := range tables {
			o.Tables[t] = true
		}
	}
}

// pausing is an observer that does something when a step begins.
type pausing struct {
	*recorder
	at map[string]func()
}

func (p pausing) Step(name string) {
	p.recorder.Step(name)
	if do := p.at[name]; do != nil {
		delete(p.at, name)
		do()
	}
}

// within has a run do something when a step of it begins.
func within(w *world, step string, do func()) func(*pipeline.Options) {
	return func(o *pipeline.Options) { o.Observer = pausing{w.seen, map[string]func(){step: do}} }
}

// chain are the committed runs, the last one first.
func chain(t *testing.T, w *world) (runs []string) {
	t.Helper()
	s := w.open(t)
	head, err := s.Head(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	for run := head.Run; run != ""; {
		runs = append(runs, run)
		m, err := load.ReadManifest(t.Context(), s, run)
		if err != nil {
			t.Fatal(err)
		}
		run = m.Parent
	}
	return runs
}

// checkRuns compares the committed runs with those wanted, the last one first,
// and reads all their files.
func checkRuns(t *testing.T, w *world, want ...string) {
	t.Helper()
	if got := chain(t, w); !slices.Equal(got, want) {
		t.Errorf("committed: got %v, want %v", got, want)
	}
	for _, run := range want {
		if report, err := load.VerifyRun(t.Context(), w.open(t), run); err != nil || report.Bad() > 0 {
			t.Errorf("verify run %s: %+v, %v", run, report, err)
		}
	}
	r := read(t, w.open(t))
	sorted := slices.Sorted(slices.Values(want))
	if got := r.keys("SELECT run_id FROM stocktake_runs"); !slices.Equal(got, sorted) {
		t.Errorf("stocktake_runs: got %v, want %v", got, sorted)
	}
	if got := r.keys("SELECT DISTINCT run_id FROM stocktake_coverage_history"); !slices.Equal(got, sorted) {
		t.Errorf("stocktake_coverage_history: got runs %v, want %v", got, sorted)
	}
}

// checkOf checks which run a table's coverage and units are of.
func checkOf(t *testing.T, w *world, run map[string]string) {
	t.Helper()
	r := read(t, w.open(t))
	for table, want := range run {
		for _, sql := range []string{
			"SELECT DISTINCT run_id FROM stocktake_coverage WHERE table_name = '" + table + "'",
			"SELECT DISTINCT run_id FROM stocktake_units WHERE collector = '" + collectorOf[table].Name + "'",
		} {
			if got := r.keys(sql); !slices.Equal(got, []string{want}) {
				t.Errorf("%s: got %v, want %s", sql, got, want)
			}
		}
	}
	if got := r.keys("SELECT DISTINCT run_id FROM " + volumes); !slices.Equal(got, []string{run[volumes]}) {
		t.Errorf("%s is of %v, want %s", volumes, got, run[volumes])
	}
}

// TestTogether: a run of events and one of snapshots do not wait for each other,
// and each leaves what the other has published, also where a day begins between
// them.
func TestTogether(t *testing.T) {
	outer := map[string][2]string{"events during snapshots": {volumes, events}, "snapshots during events": {events, volumes}}
	for name, tables := range outer {
		for _, step := range []string{"finding accounts and regions", "collecting", "writing tables", "publishing"} {
			t.Run(name+", "+step, func(t *testing.T) {
				t.Parallel()
				w := togetherWorld(t, t.TempDir())
				since := w.now.Add(-w.file.CloudTrail.LookBack)
				first := w.run(t)
				w.advance(17*time.Hour + 50*time.Minute) // ten to midnight
				o := w.options(t)
				narrowed(tables[0])(&o)
				var inside []*pipeline.Result
				within(w, step, func() {
					for range 3 { // two generations of current/ stay
						w.advance(10 * time.Minute)
						inside = append(inside, w.run(t, narrowed(tables[1])))
					}
				})(&o)
				last, err := pipeline.Run(t.Context(), o)
				if err != nil {
					t.Fatal(err)
				}
				if len(inside) != 3 || last.Exit != 0 || inside[2].Exit != 0 {
					t.Fatalf("%d runs inside of it, exit %d and %d", len(inside), last.Exit, inside[len(inside)-1].Exit)
				}
				checkRuns(t, w, last.RunID, inside[2].RunID, inside[1].RunID, inside[0].RunID, first.RunID)
				checkOf(t, w, map[string]string{tables[0]: last.RunID, tables[1]: inside[2].RunID})
				checkEvents(t, w, since, 0)
				w.advance(time.Hour)
				both := w.run(t)
				checkOf(t, w, map[string]string{volumes: both.RunID, events: both.RunID})
				checkEvents(t, w, since, 0)
				checkNothingLeft(t, "at the end", w)
			})
		}
	}
}

// TestApart: what one run collects no other collects meanwhile.
func TestApart(t *testing.T) {
	w := togetherWorld(t, t.TempDir())
	first := w.run(t)
	snapshots, trail, both := narrowed(volumes), narrowed(events), func(*pipeline.Options) {}
	for _, c := range []struct {
		name          string
		outer, inside func(*pipeline.Options)
		locked        string // lease, "" where they go on together
	}{
		{"snapshots twice", snapshots, snapshots, store.Snapshots},
		{"events twice", trail, trail, events},
		{"all during events", trail, both, events},
		{"all during snapshots", snapshots, both, store.Snapshots},
		{"events during all", both, trail, events},
		{"events during snapshots", snapshots, trail, ""},
	} {
		w.advance(time.Hour)
		ran := false
		outer := w.run(t, c.outer, within(w, "collecting", func() {
			ran = true
			seen := w.seen
			o := w.options(t)
			w.seen = seen
			c.inside(&o)
			_, err := pipeline.Run(t.Context(), o)
			var locked *store.LockedError
			if errors.As(err, &locked) != (c.locked != "") || c.locked != "" && locked.Lease != c.locked || c.locked == "" && err != nil {
				t.Errorf("%s: got %v, want the lease %q to be held", c.name, err, c.locked)
			}
		}))
		if !ran || outer.Exit != 0 {
			t.Errorf("%s: ran: %t, exit %d", c.name, ran, outer.Exit)
		}
	}
	if runs := chain(t, w); len(runs) != 8 || runs[7] != first.RunID {
		t.Errorf("committed: got %v, want eight", runs)
	}
}

// TestFirstEvents: the first run of a warehouse writes the tables that it does
// not collect, too, so it keeps runs of snapshots away.
func TestFirstEvents(t *testing.T) {
	t.Parallel()
	w := togetherWorld(t, t.TempDir())
	w.run(t, narrowed(events), within(w, "collecting", func() {
		seen := w.seen
		o := w.options(t)
		w.seen = seen
		if _, err := pipeline.Run(t.Context(), o); !errors.As(err, new(*store.LockedError)) {
			t.Errorf("a run of all tables meanwhile: got %v, want a LockedError", err)
		}
	}))
	if got := read(t, w.open(t)).number("SELECT count(*) FROM " + volumes); got != 0 {
		t.Errorf("%s: got %d rows, want an empty table", volumes, got)
	}
}

// TestWaitForCommit: a run that comes to its commit while another one completes
// its own waits for it.
func TestWaitForCommit(t *testing.T) {
	t.Parallel()
	w := togetherWorld(t, t.TempDir())
	first := w.run(t)
	w.advance(time.Hour)
	waiting, done := make(chan struct{}), make(chan error, 1)
	var inside *pipeline.Result
	inner := w.options(t)
	narrowed(events)(&inner)
	inner.Observer = pausing{w.seen, map[string]func(){"waiting until another run is published": func() { close(waiting) }}}
	outer := w.run(t, narrowed(volumes), func(o *pipeline.Options) {
		o.Views = func(context.Context) error {
			go func() {
				var err error
				inside, err = pipeline.Run(t.Context(), inner)
				done <- err
			}()
			select {
			case <-waiting:
				return nil
			case err := <-done:
				return fmt.Errorf("it did not wait: %w", err)
			}
		}
	})
	if err := <-done; err != nil {
		t.Fatal(err)
	}
	checkRuns(t, w, inside.RunID, outer.RunID, first.RunID)
}

// TestResumeTogether: a run that was stopped goes on although others without a
// lease in common were published since, and its spool is not theirs to drop.
func TestResumeTogether(t *testing.T) {
	for _, tables := range [][2]string{{volumes, events}, {events, volumes}} {
		t.Run(tables[0], func(t *testing.T) {
			t.Parallel()
			w := togetherWorld(t, t.TempDir())
			since := w.now.Add(-w.file.CloudTrail.LookBack)
			first := w.run(t)
			w.advance(time.Hour)
			ctx, stop := context.WithCancel(t.Context())
			defer stop()
			o := w.options(t)
			narrowed(tables[0])(&o)
			o.Observer = stopping{w.seen, "writing tables", stop}
			if _, err := pipeline.Run(ctx, o); !errors.As(err, new(*pipeline.Interrupted)) {
				t.Fatalf("got %v, want an Interrupted error", err)
			}
			w.advance(time.Hour)
			other := w.run(t, narrowed(tables[1]))
			left, err := load.Leftovers(t.Context(), w.open(t), w.file.Spool, w.now)
			if err != nil || len(left) != 1 || left[0].Kind != load.LeftoverSpool || !left[0].Keep {
				t.Errorf("left over: %+v, %v, want a spool that can be resumed", left, err)
			}
			w.org.Reset()
			resumed := w.run(t, narrowed(tables[0]), resume)
			if resumed.Exit != 0 {
				t.Errorf("resumed: exit %d, want 0", resumed.Exit)
			}
			for k, n := range w.org.Calls() {
				if k.Operation == "DescribeVolumes" || k.Operation == "LookupEvents" {
					t.Errorf("%d calls of %s, want none: all units were finished", n, k.Operation)
				}
			}
			checkRuns(t, w, resumed.RunID, other.RunID, first.RunID)
			checkEvents(t, w, since, 0)
			checkNothingLeft(t, "at the end", w)
		})
	}
}

// TestCrashTogether ends a run of snapshots before each change of the disk that
// it makes after a run of events has been published meanwhile. Whichever run
// comes next completes it or drops it.
func TestCrashTogether(t *testing.T) {
	t.Parallel()
	base := t.TempDir()
	w := togetherWorld(t, base)
	since := w.now.Add(-w.file.CloudTrail.LookBack)
	w.run(t)
	committed := 0
	for at := 0; ; at++ {
		dir := t.TempDir()
		if err := os.CopyFS(filepath.Join(dir, "warehouse"), os.DirFS(filepath.Join(base, "warehouse"))); err != nil {
			t.Fatal(err)
		}
		w := togetherWorld(t, dir)
		w.advance(20 * time.Hour)
		var changes counter
		armed := false
		o := w.options(t)
		outer := w.seen
		narrowed(volumes)(&o)
		o.Store = w.open(t, local.BeforeChange(func(string) error {
			if !armed || changes.next() < at {
				return nil
			}
			return errDead
		}))
		var during, after *pipeline.Result
		o.Observer = pausing{outer, map[string]func(){"writing tables": func() {
			during = w.run(t, narrowed(events))
			armed = true
		}}}
		result, err := pipeline.Run(t.Context(), o)
		if err == nil {
			if at < 20 || committed == 0 || committed == at {
				t.Errorf("a run makes %d changes of the disk, %d of them after the commit; want more, and some of both", at, committed)
			}
			checkRuns(t, w, append([]string{result.RunID, during.RunID}, chain(t, w)[2:]...)...)
			return
		}
		if !errors.Is(err, errDead) {
			t.Fatalf("run that ends at change %d: %v", at, err)
		}
		runs := chain(t, w)
		if runs[0] != during.RunID {
			committed++
		}
		checkEvents(t, w, since, 0)
		w.advance(time.Hour)
		if at%2 == 0 {
			after = w.run(t, narrowed(events))
		} else {
			after = w.run(t, narrowed(volumes))
		}
		checkRuns(t, w, append([]string{after.RunID}, runs...)...)
		checkEvents(t, w, since, 0)
		if t.Failed() {
			t.Fatalf("at change %d", at)
		}
	}
}
