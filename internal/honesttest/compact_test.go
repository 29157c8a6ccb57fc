package honesttest

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"stocktake/internal/pipeline"
	"stocktake/load"
	"stocktake/load/store/local"
)

// eventDays counts the files of a table below events/ by day.
func eventDays(t *testing.T, w *world, table string) map[string]int {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(w.warehouse(), "events", table, "v1", "event_date=*", "*.parquet"))
	if err != nil {
		t.Fatal(err)
	}
	days := map[string]int{}
	for _, f := range files {
		days[strings.TrimPrefix(filepath.Base(filepath.Dir(f)), "event_date=")]++
	}
	return days
}

// history is all that the warehouse tells of coverage, a row a line.
func history(t *testing.T, w *world) []string {
	t.Helper()
	var lines []string
	for _, row := range read(t, w.open(t)).rows("SELECT * FROM stocktake_coverage_history ORDER BY ALL") {
		lines = append(lines, fmt.Sprintln(row...))
	}
	return lines
}

// checkTold checks that the history of coverage still tells what it told.
func checkTold(t *testing.T, w *world, told []string) {
	t.Helper()
	if got := slices.DeleteFunc(history(t, w), func(l string) bool { return !slices.Contains(told, l) }); !slices.Equal(got, told) {
		t.Errorf("the history of coverage has %d of %d rows that it had", len(got), len(told))
	}
}

// often is a warehouse with two days of many runs, of which the first is about
// to be closed.
func often(t *testing.T, dir string) *world {
	t.Helper()
	w := newWorld(t, dir, tiny)
	w.only(events)
	for range 8 {
		w.run(t)
		w.advance(5 * time.Hour)
	}
	return w
}

// TestCompact: days that are over become one file each, in which every event is
// once; nothing that a reader sees changes, and the files that are gone are known
// to be.
func TestCompact(t *testing.T) {
	t.Parallel()
	w := often(t, t.TempDir())
	since := monday.Add(-w.file.CloudTrail.LookBack)
	before := map[string]map[string]int{events: eventDays(t, w, events), load.CoverageTable: eventDays(t, w, load.CoverageTable)}
	if before[events]["2026-11-23"] < 3 || before[load.CoverageTable]["2026-11-23"] < 3 {
		t.Fatalf("files by day: got %v, want several of a day", before)
	}
	told := history(t, w)
	w.advance(2 * day) // not yet
	if result := w.run(t); result.Exit != 0 || len(result.Notes) > 0 {
		t.Errorf("exit %d, notes %q", result.Exit, result.Notes)
	}
	if got := eventDays(t, w, events); got["2026-11-23"] != before[events]["2026-11-23"] {
		t.Errorf("files by day: got %v, want those of 2026-11-23 as before: %v", got, before[events])
	}
	w.advance(3 * day)
	closing := w.run(t)
	for _, table := range []string{events, load.CoverageTable} {
		after := eventDays(t, w, table)
		for _, date := range []string{"2026-11-23", "2026-11-24"} {
			if after[date] != 1 {
				t.Errorf("%s: files by day: got %v, want one of %s", table, after, date)
			}
		}
	}
	checkEvents(t, w, since, 0)
	checkTold(t, w, told)
	r := read(t, w.open(t))
	for _, date := range []string{"2026-11-22", "2026-11-23", "2026-11-24"} {
		sql := fmt.Sprintf("SELECT count(*) - count(DISTINCT (account_id, region, event_id)) FROM read_parquet('%s/events/%s/v1/event_date=%s/*.parquet')", w.warehouse(), events, date)
		if got := r.number(sql); got != 0 {
			t.Errorf("%s: %d rows are there again", date, got)
		}
	}
	removed := 0
	for _, run := range chain(t, w) {
		report, err := load.VerifyRun(t.Context(), w.open(t), run)
		if err != nil || report.Bad() > 0 {
			t.Errorf("verify run %s: %+v, %v", run, report, err)
		}
		for _, f := range report.Files {
			if f.Status == load.FileRemoved {
				removed++
			}
		}
	}
	if want := len(report(t, w, closing.RunID).Replaced); removed != want || want < 8 {
		t.Errorf("verify knows of %d removed files, want the %d that the last run replaced, and many", removed, want)
	}
	checkNothingLeft(t, "at the end", w)
}

func report(t *testing.T, w *world, run string) *load.Manifest {
	t.Helper()
	m, err := load.ReadManifest(t.Context(), w.open(t), run)
	if err != nil {
		t.Fatal(err)
	}
	return m
}

// TestCompactDamaged: a day with a file that is not as its run has written it, or
// that no manifest vouches for, stays as it is, and the run says so.
func TestCompactDamaged(t *testing.T) {
	t.Parallel()
	for name, damage := range map[string]func(path string) error{
		"damaged": func(path string) error {
			return os.WriteFile(path, []byte("PAR1"), 0o644)
		},
		"of another run": func(path string) error {
			text, err := os.ReadFile(path)
			if err != nil {
				return err
			}
			return os.WriteFile(filepath.Join(filepath.Dir(path), "20261123T010101Z-000000.parquet"), text, 0o644)
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := often(t, t.TempDir())
			files, err := filepath.Glob(filepath.Join(w.warehouse(), "events", events, "v1", "event_date=2026-11-23", "*.parquet"))
			if err != nil || len(files) < 3 {
				t.Fatalf("got %v, %v, want several files", files, err)
			}
			if err := damage(files[1]); err != nil {
				t.Fatal(err)
			}
			before := eventDays(t, w, events)
			w.advance(6 * day)
			w.run(t) // it adds to the day of the last run
			w.advance(time.Hour)
			result := w.run(t)
			if got := eventDays(t, w, events); got["2026-11-23"] != before["2026-11-23"] || got["2026-11-24"] != 1 {
				t.Errorf("files by day: got %v, want those of 2026-11-23 as before, and one of 2026-11-24: %v", got, before)
			}
			if len(result.Notes) != 1 || !strings.Contains(result.Notes[0], "2026-11-23") {
				t.Errorf("notes %q, want one that names the day", result.Notes)
			}
		})
	}
}

// TestCompactCrash ends a run that compacts before its commit and before each
// change of the disk after it: no event is lost and none shows twice, before and
// after the next run.
func TestCompactCrash(t *testing.T) {
	t.Parallel()
	base := t.TempDir()
	first := often(t, base)
	since, told := monday.Add(-first.file.CloudTrail.LookBack), history(t, first)
	seen := map[bool]int{} // whether the day was in one file
	for at := 0; ; at++ {
		dir := t.TempDir()
		if err := os.CopyFS(filepath.Join(dir, "warehouse"), os.DirFS(filepath.Join(base, "warehouse"))); err != nil {
			t.Fatal(err)
		}
		w := newWorld(t, dir, tiny)
		w.only(events)
		w.advance(40*time.Hour + 6*day)
		var changes counter
		var committing atomic.Bool
		o := w.options(t)
		o.Store = w.open(t, local.BeforeChange(func(what string) error {
			if strings.HasSuffix(what, "/runs/HEAD") {
				committing.Store(true)
			}
			if !committing.Load() || changes.next() < at {
				return nil
			}
			return errDead
		}))
		_, err := pipeline.Run(t.Context(), o)
		if err == nil {
			if seen[true] == 0 || seen[false] < 5 {
				t.Errorf("of %d crashes, the day was one file after %d; want some, and five at least after which it was not", at, seen[true])
			}
			return
		}
		if !errors.Is(err, errDead) {
			t.Fatalf("run that ends at change %d: %v", at, err)
		}
		seen[eventDays(t, w, events)["2026-11-23"] == 1]++
		checkEvents(t, w, since, 0)
		checkTold(t, w, told)
		w.advance(time.Hour)
		w.run(t)
		checkEvents(t, w, since, 0)
		if got := eventDays(t, w, events)["2026-11-23"]; got != 1 {
			t.Errorf("after the next run: %d files of the day, want 1", got)
		}
		checkNothingLeft(t, fmt.Sprintf("after change %d", at), w)
		if t.Failed() {
			t.Fatalf("at change %d", at)
		}
	}
}
