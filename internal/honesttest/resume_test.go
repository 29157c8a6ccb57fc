package honesttest

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"stocktake/extract"
	"stocktake/extract/all"
	"stocktake/internal/pipeline"
	"stocktake/internal/sim"
	"stocktake/internal/spool"
	"stocktake/load"
)

var smallCompany = size{accounts: 5, regions: []string{east, west}}

// undisturbed is what a run that nothing interrupts stores, and its calls.
var undisturbed = struct {
	sync.Once
	contents map[string]string
	calls    int
}{}

func undisturbedRun(t *testing.T) (contents map[string]string, calls int) {
	t.Helper()
	undisturbed.Do(func() {
		w := newWorld(t, t.TempDir(), smallCompany)
		w.run(t)
		undisturbed.contents, undisturbed.calls = read(t, w.open(t)).contents(), w.org.CallsTotal()
	})
	if undisturbed.calls == 0 {
		t.Fatal("the undisturbed run failed")
	}
	return undisturbed.contents, undisturbed.calls
}

// stopping is an observer that ends the run when a step begins.
type stopping struct {
	*recorder
	at   string
	stop func()
}

func (s stopping) Step(name string) {
	if name == s.at {
		s.stop()
	}
}

// interrupt runs until a call of the given number, or a step, and returns the
// units that were finished.
func interrupt(t *testing.T, w *world, call int, step string) []spool.Unit {
	t.Helper()
	ctx, stop := context.WithCancel(t.Context())
	defer stop()
	var calls counter
	w.org.Hook(func(context.Context, sim.Call) error {
		if calls.next() == call {
			stop()
		}
		return nil
	})
	o := w.options(t)
	o.Observer = stopping{w.seen, step, stop}
	result, err := pipeline.Run(ctx, o)
	var interrupted *pipeline.Interrupted
	if !errors.As(err, &interrupted) || !errors.Is(err, context.Canceled) {
		t.Fatalf("interrupted run: got %+v, %v, want an Interrupted error", result, err)
	}
	state, err := load.ReadState(t.Context(), w.open(t))
	if err != nil || state.Manifest != nil {
		t.Fatalf("state of the interrupted run: got %+v, %v, want none", state, err)
	}
	return w.seen.units
}

func resume(o *pipeline.Options) { o.Resume = true }

func TestResume(t *testing.T) {
	for _, c := range []struct {
		name string
		part int    // percent of the calls after which the run is stopped
		step string // or where it begins
	}{
		{name: "early", part: 10}, {name: "a third", part: 35}, {name: "half", part: 55}, {name: "late", part: 90},
		{name: "before tables are written", part: 200, step: "writing tables"},
		{name: "before they are published", part: 200, step: "publishing"},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			want, calls := undisturbedRun(t)
			w := newWorld(t, t.TempDir(), smallCompany)
			finished := interrupt(t, w, calls*c.part/100, c.step)
			if c.part > 50 && len(finished) == 0 {
				t.Fatalf("no unit was finished after %d%% of the calls", c.part)
			}
			w.org.Reset()
			result := w.run(t, resume)
			if result.Exit != 0 {
				t.Errorf("exit: got %d, want 0", result.Exit)
			}
			notRepeated(t, w, finished)
			sameContents(t, read(t, w.open(t)).contents(), want)
		})
	}
}

// notRepeated checks that no call was made for units that were finished.
func notRepeated(t *testing.T, w *world, finished []spool.Unit) {
	t.Helper()
	again := map[spool.UnitID]bool{}
	for _, u := range w.seen.units {
		again[u.ID] = true
	}
	made := w.org.Calls()
	for _, u := range finished {
		if slices.ContainsFunc(u.Tables, func(r spool.TableResult) bool { return !r.Outcome.Kind.Final() }) {
			if !again[u.ID] {
				t.Errorf("%s was not finished, and is not collected again", u.ID)
			}
			continue
		}
		if again[u.ID] {
			t.Errorf("%s is collected again", u.ID)
		}
		i := slices.IndexFunc(all.Collectors, func(c *extract.Collector) bool { return c.Name == u.ID.Collector })
		c := all.Collectors[i]
		for _, call := range c.Calls {
			if shared(c, call.Operation) {
				continue
			}
			for k, n := range made {
				if k.Account == u.ID.Account && k.Service == c.Service.Name && k.Operation == call.Operation && (u.ID.Region == extract.GlobalRegion || k.Region == u.ID.Region) {
					t.Errorf("%s is finished, and %s was called %d times", u.ID, call.Operation, n)
				}
			}
		}
	}
}

// shared reports whether others than a collector call an operation.
func shared(c *extract.Collector, operation string) bool {
	for _, d := range extract.Discovery {
		if d.Service.ID == c.Service.ID && d.Operation == operation {
			return true
		}
	}
	return slices.ContainsFunc(all.Collectors, func(o *extract.Collector) bool {
		return o != c && o.Service.ID == c.Service.ID && slices.ContainsFunc(o.AllCalls(), func(call extract.Call) bool { return call.Operation == operation })
	})
}

// TestResumeRepeatsFailures: what failed before the run was stopped is asked
// again, and nothing else.
func TestResumeRepeatsFailures(t *testing.T) {
	t.Parallel()
	want, _ := undisturbedRun(t)
	w := newWorld(t, t.TempDir(), smallCompany)
	failing := sim.Rule{Account: w.members[0], Region: east, Service: "ec2", Operation: "DescribeVolumes"}
	w.org.Fail(failing, w.file.Retry.MaxAttempts, sim.Fault{})
	finished := interrupt(t, w, -1, "writing tables")
	result := w.run(t, resume)
	sameContents(t, read(t, w.open(t)).contents(), want)
	var again []string
	for _, u := range w.seen.units {
		again = append(again, u.ID.String())
	}
	only := "acme/" + volumes + "/" + w.members[0] + "/" + east
	if !slices.Equal(again, []string{only}) || result.Exit != 0 {
		t.Errorf("after %d units, resume collected %v with exit %d, want %s and 0", len(finished), again, result.Exit, only)
	}
}

func TestResumeRefused(t *testing.T) {
	for _, c := range []struct {
		name string
		turn func(*testing.T, *world, *pipeline.Options)
		want string
	}{
		{"the configuration changed", func(_ *testing.T, w *world, o *pipeline.Options) { w.file.Carry.MaxAge = time.Hour }, "configuration has changed"},
		{"it is old", func(_ *testing.T, w *world, o *pipeline.Options) {
			o.Now = func() time.Time { return monday.Add(day + time.Second) }
		}, "older than a day"},
		{"another program", func(_ *testing.T, w *world, o *pipeline.Options) { o.Program = "other" }, "stocktake test"},
		{"another run was published", func(t *testing.T, w *world, _ *pipeline.Options) {
			aside := filepath.Join(w.dir, "aside")
			if err := os.Rename(w.file.Spool, aside); err != nil {
				t.Fatal(err)
			}
			w.run(t)
			if err := os.RemoveAll(w.file.Spool); err != nil {
				t.Fatal(err)
			}
			if err := os.Rename(aside, w.file.Spool); err != nil {
				t.Fatal(err)
			}
		}, "another run was published"},
		{"there is none", func(t *testing.T, w *world, _ *pipeline.Options) {
			if err := os.RemoveAll(w.file.Spool); err != nil {
				t.Fatal(err)
			}
		}, "no stopped run"},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t, t.TempDir(), tiny)
			w.source("acme").Collect = []string{volumes}
			interrupt(t, w, -1, "writing tables")
			o := w.options(t)
			o.Resume = true
			c.turn(t, w, &o)
			head, err := o.Store.Head(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			w.org.Reset()
			result, err := pipeline.Run(t.Context(), o)
			if err == nil || !strings.Contains(err.Error(), c.want) || !strings.HasPrefix(err.Error(), "resume: ") {
				t.Errorf("got %+v, %v, want an error with %q", result, err, c.want)
			}
			if now, err := o.Store.Head(t.Context()); err != nil || now != head || w.org.CallsTotal() != 0 {
				t.Errorf("got head %v, %v after %d calls, want %v as before, and no call", now, err, w.org.CallsTotal(), head)
			}
			// What is left does not stand in the way of a new run.
			o.Resume, o.Program = false, program
			o.Now = func() time.Time { return monday.Add(2 * day) }
			if _, err := pipeline.Run(t.Context(), o); err != nil {
				t.Errorf("the run after it: %v", err)
			}
			if left := spools(t, w); len(left) > 0 {
				t.Errorf("spools %v are left", left)
			}
		})
	}
}

func spools(t *testing.T, w *world) []string {
	t.Helper()
	found, err := spool.Find(w.file.Spool)
	if err != nil {
		t.Fatal(fmt.Errorf("find spools: %w", err))
	}
	return found
}
