package honesttest

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/parquet-go/parquet-go"

	"stocktake/extract"
	"stocktake/internal/pipeline"
	"stocktake/internal/sim"
	"stocktake/load"
	"stocktake/load/store/local"
)

// tiny is a company whose runs take no time.
var tiny = size{accounts: 3, regions: []string{east}}

var crashTables = []string{volumes, "aws_ec2_subnets"}

// tinyWorld has different rows on each day.
func tinyWorld(t *testing.T, dir string, number, volumes int) *world {
	t.Helper()
	w, err := tinyWorldIn(dir, number, volumes)
	if err != nil {
		t.Fatal(err)
	}
	return w
}

func tinyWorldIn(dir string, number, volumes int) (*world, error) {
	w, err := foundWorld(dir, tiny)
	if err != nil {
		return nil, err
	}
	w.source("acme").Collect = crashTables
	w.collectors = []*extract.Collector{collectorOf[crashTables[0]], collectorOf[crashTables[1]]} // binding the others takes time
	w.org.Resize(sim.Any, sim.Sizes{Volumes: volumes + number, Subnets: 4 + number})
	w.now = monday.Add(time.Duration(number) * day)
	return w, nil
}

// rowOf is what tells the rows of one state from those of another.
type rowOf struct {
	Arn   string `parquet:"arn,optional"`
	RunID string `parquet:"run_id,optional"`
}

// state is the rows of each table, the run that they are of, and those that
// were committed earlier.
type state struct {
	run     string
	rows    map[string][]string // by table
	earlier []string
}

// stateOf is what a finished run left.
func stateOf(t *testing.T, w *world, run string) state {
	t.Helper()
	s, err := load.ReadState(t.Context(), w.open(t))
	if err != nil || s.Manifest == nil || s.Manifest.Run != run {
		t.Fatalf("state after run %s: got %+v, %v", run, s, err)
	}
	st := state{run: run, rows: map[string][]string{}}
	for _, f := range s.Tables {
		if slices.Contains(crashTables, f.Table) {
			st.rows[f.Table], _ = rowsOf(t, f.Location.Path)
		}
	}
	return st
}

// rowsOf reads the ARNs of a file, sorted, and the runs of its rows.
func rowsOf(t *testing.T, name string) (arns, runs []string) {
	t.Helper()
	rows, err := parquet.ReadFile[rowOf](name)
	if err != nil {
		t.Fatalf("%s: %v", name, err)
	}
	for _, r := range rows {
		arns = append(arns, r.Arn)
		if !slices.Contains(runs, r.RunID) {
			runs = append(runs, r.RunID)
		}
	}
	slices.Sort(arns)
	slices.Sort(runs)
	return arns, runs
}

// errDead is the error of everything that a dead process would still do.
var errDead = errors.New("the process has ended")

// TestCrash ends the process before each single change of the disk.
func TestCrash(t *testing.T) {
	for _, c := range []struct {
		name  string
		first bool          // there is no run before
		after time.Duration // from one run to the next
	}{
		{name: "first run", first: true, after: day},
		{name: "again on the same day", after: time.Hour},
		{name: "next day", after: day},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			base := t.TempDir()
			var before state
			if !c.first {
				w := tinyWorld(t, base, 0, 5)
				before = stateOf(t, w, w.run(t).RunID)
			}
			again := tinyWorld(t, t.TempDir(), 1, 5)
			next := stateOf(t, again, again.run(t).RunID)
			if slices.Equal(next.rows[volumes], before.rows[volumes]) {
				t.Fatalf("both states have the volumes %v", next.rows[volumes])
			}
			for at := 0; ; at++ {
				dir := t.TempDir()
				if err := os.CopyFS(dir, os.DirFS(base)); err != nil {
					t.Fatal(err)
				}
				w := tinyWorld(t, dir, 1, 5)
				w.now = monday.Add(c.after)
				if !crash(t, w, at, before, next) {
					if at < 30 { // three tables, the manifest, the pointer and current/ take about as many
						t.Errorf("a run makes %d changes of the disk, want more", at)
					}
					break
				}
				if t.Failed() {
					t.Fatalf("at change %d", at)
				}
			}
		})
	}
}

// crash ends a run at a change of the disk, and checks what readers see and
// what the next run makes of it. It reports false when there are fewer changes.
func crash(t *testing.T, w *world, at int, before, next state) bool {
	t.Helper()
	s, err := local.Open(w.warehouse()) // made by whoever made the warehouse
	if err != nil {
		t.Fatal(err)
	}
	var changes counter
	what := ""
	dying := w.open(t, local.BeforeChange(func(change string) error {
		switch n := changes.next(); {
		case n < at:
			return nil
		case n == at:
			what = change
		}
		return errDead
	}))
	o := w.options(t)
	o.Store = dying
	_, err = pipeline.Run(t.Context(), o)
	if err == nil {
		return false
	}
	if !errors.Is(err, errDead) {
		t.Fatalf("run that ends at change %d: %v", at, err)
	}
	where := fmt.Sprintf("crash before %q (change %d)", what, at)
	committed := checkReaders(t, where, s, before, next)
	var unfinished *load.UnfinishedError
	if errors.As(err, &unfinished) != committed {
		t.Errorf("%s: got error %v, want one that says whether the run is committed: %t", where, err, committed)
	}
	w.now = w.now.Add(time.Minute)
	result := w.run(t)
	if got := stateOf(t, w, result.RunID); result.Exit != 0 || !sameRows(got, next) {
		t.Errorf("%s: the next run has exit %d and rows %v, want 0 and %v", where, result.Exit, got.rows, next.rows)
	}
	checkNothingLeft(t, where, w)
	return true
}

func sameRows(a, b state) bool {
	return slices.Equal(a.rows[crashTables[0]], b.rows[crashTables[0]]) && slices.Equal(a.rows[crashTables[1]], b.rows[crashTables[1]])
}

// checkReaders reads the warehouse in each way there is, and reports whether
// the second run is committed.
func checkReaders(t *testing.T, where string, s *local.Store, before, next state) bool {
	t.Helper()
	st, err := load.ReadState(t.Context(), s, load.EventTable{Table: load.CoverageTable, Version: 1})
	if err != nil {
		t.Errorf("%s: %v", where, err)
		return false
	}
	if st.Manifest == nil {
		if before.run != "" {
			t.Errorf("%s: the state before is gone", where)
		}
		for _, name := range []string{"current", "snapshots", "events"} {
			if found, err := os.ReadDir(filepath.Join(s.Root(), name)); !errors.Is(err, fs.ErrNotExist) {
				t.Errorf("%s: %s: got %v, %v, want that nothing is there before the commit", where, name, found, err)
			}
		}
		return false
	}
	committed := st.Manifest.Run != before.run
	want := before
	if committed {
		want = state{run: st.Manifest.Run, rows: next.rows}
	}
	names := map[string]string{} // in current, by table
	for _, f := range st.Tables {
		checkTable(t, where+": manifest: "+f.Table, f.Table, f.Location.Path, want)
		if sum := sumOf(t, f.Location.Path); sum != f.SHA256 {
			t.Errorf("%s: %s: checksum %s, the manifest says %s", where, f.Table, sum, f.SHA256)
		}
		names[f.Table] = f.Current
	}
	if len(names) != len(crashTables)+3 {
		t.Errorf("%s: the manifest has tables %v, want %v and three of the program", where, names, crashTables)
	}
	checkHistory(t, where, st, before, want)
	either := []state{before, {run: st.Manifest.Run, rows: next.rows}}
	if !committed {
		either = either[:1]
	}
	checkCurrent(t, where, s, names, either)
	checkSnapshots(t, where, s, either)
	return committed
}

// checkTable compares a file with the one state that it must be of.
func checkTable(t *testing.T, where, table, name string, want state) {
	t.Helper()
	arns, runs := rowsOf(t, name)
	switch {
	case table == load.RunsTable:
		if !slices.Contains(runs, want.run) || runs[len(runs)-1] != want.run {
			t.Errorf("%s: runs %v, want the last to be %s", where, runs, want.run)
		}
	case !slices.Equal(runs, []string{want.run}):
		t.Errorf("%s: rows of runs %v, want %s", where, runs, want.run)
	case want.rows[table] != nil && !slices.Equal(arns, want.rows[table]):
		t.Errorf("%s: got %v, want %v", where, arns, want.rows[table])
	}
}

// checkHistory looks for one file of events for each committed run.
func checkHistory(t *testing.T, where string, st *load.State, before, want state) {
	t.Helper()
	var runs, committed []string
	for _, e := range st.Events {
		for _, name := range e.Paths {
			_, of := rowsOf(t, name)
			runs = append(runs, of...)
		}
	}
	for _, run := range append([]string{before.run, want.run}, before.earlier...) {
		if run != "" && !slices.Contains(committed, run) {
			committed = append(committed, run)
		}
	}
	slices.Sort(runs)
	slices.Sort(committed)
	if !slices.Equal(runs, committed) {
		t.Errorf("%s: history of runs %v, want %v", where, runs, committed)
	}
}

// checkCurrent reads current/ as other programs do: the link once, then all
// files, which have to be of one state.
func checkCurrent(t *testing.T, where string, s *local.Store, names map[string]string, either []state) {
	t.Helper()
	dir, err := filepath.EvalSymlinks(filepath.Join(s.Root(), "current"))
	if errors.Is(err, fs.ErrNotExist) && either[0].run == "" {
		return // the first run is committed and not visible here yet
	}
	if err != nil {
		t.Errorf("%s: %v", where, err)
		return
	}
	i := slices.IndexFunc(either, func(st state) bool { return st.run == filepath.Base(dir) })
	if i < 0 {
		t.Errorf("%s: current leads to %s, want one of %v", where, dir, either)
		return
	}
	for table, name := range names {
		checkTable(t, where+": current: "+table, table, filepath.Join(dir, name), either[i])
	}
}

// checkSnapshots reads what engines that list folders see: each file is whole,
// and of one of the states.
func checkSnapshots(t *testing.T, where string, s *local.Store, either []state) {
	t.Helper()
	found, err := filepath.Glob(filepath.Join(s.Root(), "snapshots", "*", "v1", "*", "*"))
	if err != nil || len(found) == 0 && either[0].run != "" {
		t.Errorf("%s: snapshots: got %v, %v", where, found, err)
	}
	for _, name := range found {
		table := strings.TrimSuffix(filepath.Base(name), ".parquet")
		_, runs := rowsOf(t, name)
		newest := runs[len(runs)-1]
		i := slices.IndexFunc(either, func(st state) bool { return st.run == newest })
		if slices.Contains(either[0].earlier, newest) {
			continue // of an earlier day
		}
		if i < 0 {
			t.Errorf("%s: %s: rows of runs %v, want one of %v", where, name, runs, either)
			continue
		}
		checkTable(t, where+": "+name, table, name, either[i])
	}
}

func sumOf(t *testing.T, name string) string {
	t.Helper()
	data, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	sum := sha256.Sum256(data)
	return hex.EncodeToString(sum[:])
}

// checkNothingLeft looks for what interrupted runs leave behind.
func checkNothingLeft(t *testing.T, where string, w *world) {
	t.Helper()
	for _, name := range []string{filepath.Join(w.warehouse(), ".staging"), filepath.Join(w.warehouse(), "runs", "pending"), w.file.Spool} {
		found, err := os.ReadDir(name)
		if err != nil && !errors.Is(err, fs.ErrNotExist) {
			t.Fatal(err)
		}
		// A note that was cut off half-way has a name that nobody looks at.
		found = slices.DeleteFunc(found, func(e fs.DirEntry) bool { return strings.HasPrefix(e.Name(), ".") })
		if len(found) > 0 {
			t.Errorf("%s: %s still has %v", where, name, found)
		}
	}
	if found, err := os.ReadDir(filepath.Join(w.warehouse(), ".generations")); err != nil || len(found) > 2 {
		t.Errorf("%s: generations: got %v, %v, want two at most", where, found, err)
	}
}
